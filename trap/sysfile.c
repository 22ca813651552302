/* SPDX-License-Identifier: MIT */
/*
 * sysfile.c - files of the tree that are open, and what is written to them.
 *
 * Which file a descriptor is open on is said by its memfd's name; so dup, fork and exec need no
 * bookkeeping, and neither does the end. A program can make a memfd of that name, too, but not one
 * that is ours; and ours has the permission bits of what it stands for, so that who may read does not
 * get to write by opening it once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys.h"

#define NAME_ROOM 250 /* of a memfd's name */
#define PREFIX	  "nvmesim.%016" PRIx64 ":"
#define CHUNK	  65536u
#define MAX_SHOWN (64ull << 20) /* bytes of a BAR that are copied for who opens it */
#define MAX_WRITE (1u << 20)

/* ---- handing out ---- */

/* a number that the filter knows and the caller does not use; -1: none is to be had */
static int free_number(struct trap_req *rq)
{
	char path[40];

	for (unsigned int n = TRAP_FD_FIRST; n < TRAP_FD_END; n++) {
		snprintf(path, sizeof(path), "%d/fd/%u", rq->tid, n);
		if (faccessat(rq->t->proc, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? (int)n : -1;
	}
	return -1;
}

/*
 * SECCOMP_ADDFD_FLAG_SEND would answer as well. But then the call counts as answered before the
 * descriptor is there: whoever is interrupted between the two, by being stopped and continued, say,
 * leaves the caller with 0 for a descriptor. It saves no time either.
 */
long trap_hand_out(struct trap_req *rq, int fd, uint64_t flags, bool high)
{
	struct seccomp_notif_addfd add = {
		.id = rq->id,
		.srcfd = fd,
		.newfd_flags = flags & O_CLOEXEC,
	};
	int n = high ? free_number(rq) : -1, ret;

	if (n >= 0) {
		add.newfd = n;
		add.flags |= SECCOMP_ADDFD_FLAG_SETFD;
	}
	while ((ret = ioctl(rq->t->listener.fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add)) < 0) {
		if (errno == ENOENT) /* the caller is gone */
			return TRAP_SENT;
		if (errno == EBADF && n >= 0) { /* past the caller's limit */
			n = -1;
			add.newfd = 0;
			add.flags &= ~SECCOMP_ADDFD_FLAG_SETFD;
		} else if (errno != EINTR) {
			return -errno; /* EMFILE: the caller's own limit */
		}
	}
	return ret;
}

/* ---- contents ---- */

/* what is in the file now, from its beginning. Return: 0 or -errno */
static int show(const struct sys_ent *e, int fd)
{
	uint64_t end = e->binary ? e->size : SYS_TEXT_MAX;
	char *buf = malloc(CHUNK);
	ssize_t n = 0;

	if (!buf)
		return -ENOMEM;
	for (uint64_t off = 0; off < end && off < MAX_SHOWN; off += (uint64_t)n) {
		n = sys_read(e, buf, CHUNK, off);
		if (n <= 0)
			break;
		if (pwrite(fd, buf, (size_t)n, (off_t)off) != n) {
			n = -errno;
			break;
		}
	}
	free(buf);
	return n < 0 ? (int)n : 0;
}

static int make_file(struct trap_req *rq, int mode)
{
	const struct sys_ent *e = &rq->sys->e;
	char name[NAME_ROOM], path[32];
	int fd, out, err = 0;

	/* what is too long for a name cannot be written to; no path of the tree is */
	snprintf(name, sizeof(name), PREFIX "%.220s", rq->t->sys->token, rq->sys->canon);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, e->mode))
		err = -errno;
	else if (mode != O_WRONLY)
		err = show(e, fd);
	else
		/* only a trapped write acts: whoever writes in another way shall know */
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
	if (err) {
		close(fd);
		return err;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	out = open(path, mode | O_CLOEXEC);
	err = -errno;
	close(fd);
	return out < 0 ? err : out;
}

long trap_sys_open(struct trap_req *rq, uint64_t flags)
{
	const struct sys_ent *e = &rq->sys->e;
	int mode = (int)(flags & O_ACCMODE), want, fd;
	long ret;

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (e->kind == SYS_LINK)
		return -ELOOP;
	if (e->kind == SYS_DIR) {
		if (mode != O_RDONLY || flags & O_CREAT)
			return -EISDIR;
		fd = trap_mirror_dir(rq->t, rq->sys->canon, true);
		rq->t->sys->moved = true;
	} else {
		if (flags & O_DIRECTORY)
			return -ENOTDIR;
		want = mode == O_RDONLY ? R_OK : mode == O_WRONLY ? W_OK : R_OK | W_OK;
		/* not even root opens for writing what nothing can be written to */
		if (!sys_may(e, want) || trap_sys_access(rq, want, false))
			return -EACCES;
		fd = make_file(rq, mode == O_ACCMODE ? O_RDWR : mode);
	}
	if (fd < 0)
		return fd;
	ret = trap_hand_out(rq, fd, flags, e->kind == SYS_FILE && mode != O_RDONLY);
	close(fd);
	return ret;
}

/* ---- writing ---- */

/* which of our files is the caller's @fd? */
static bool find(struct trap_req *rq, int fd, struct sys_ent *e)
{
	char link[40], text[NAME_ROOM + 64], prefix[64];
	char *end;
	ssize_t n;

	snprintf(link, sizeof(link), "%d/fd/%d", rq->tid, fd);
	n = readlinkat(rq->t->proc, link, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = '\0';
	n = snprintf(prefix, sizeof(prefix), "/memfd:" PREFIX, rq->t->sys->token);
	if (strncmp(text, prefix, (size_t)n))
		return false;
	end = strstr(text, " (deleted)");
	if (end)
		*end = '\0';
	if (!rq->t->m || sys_find(&rq->t->sys->tree, text + n, e))
		e->row = NULL;
	return true;
}

/* Did we make it, and is it open for writing? */
static bool may_act(struct trap_req *rq, int fd, struct statx *st)
{
	struct trap_info i;
	bool writable;

	if (!trap_info_stat(rq->t, rq->tid, fd, st) || !S_ISREG(st->stx_mode) ||
	    st->stx_uid != geteuid() || !trap_info_open(rq->t, rq->tid, fd, st, &i))
		return false;
	writable = (i.flags & O_ACCMODE) != O_RDONLY;
	trap_info_end(&i);
	return writable;
}

/* the very description, to move its offset and to show what became of the file */
static int borrow(struct trap_req *rq, int fd, const struct statx *st)
{
	int pid = (int)syscall(SYS_pidfd_open, rq->tid, 0), got;

	if (pid < 0) /* a thread that is not its process's first */
		pid = (int)syscall(SYS_pidfd_open, rq->tid, O_EXCL /* PIDFD_THREAD */);
	if (pid < 0)
		return -1;
	got = trap_info_copy(pid, fd, makedev(st->stx_dev_major, st->stx_dev_minor), st->stx_ino);
	close(pid);
	return got;
}

/* @off: -1: where the description is */
static long act(struct trap_req *rq, const struct iovec *from, unsigned int nr, int64_t off)
{
	int caller_fd = (int)rq->arg[0], fd;
	struct sys_ent e;
	struct statx st;
	size_t len = 0;
	ssize_t ret;
	char *buf;

	if (!find(rq, caller_fd, &e) || !may_act(rq, caller_fd, &st))
		return TRAP_CONTINUE;
	if (!e.row) /* its function is gone */
		return -ENODEV;
	for (unsigned int i = 0; i < nr; i++)
		len += from[i].iov_len;
	if (len > MAX_WRITE)
		len = MAX_WRITE;
	buf = malloc(len + 1);
	if (!buf)
		return -ENOMEM;
	struct iovec to = { buf, len };
	if (len && trap_vm_xfer(rq->tid, false, &to, 1, from, nr)) {
		free(buf);
		return -EFAULT;
	}
	fd = e.binary ? borrow(rq, caller_fd, &st) : -1;
	ret = sys_write(&e, buf, len,
			off >= 0  ? (uint64_t)off
			: fd >= 0 ? (uint64_t)lseek(fd, 0, SEEK_CUR)
				  : 0);
	free(buf);
	if (fd >= 0) {
		if (ret > 0 && off < 0)
			lseek(fd, ret, SEEK_CUR);
		show(&e, fd); /* fails where it is open for writing only */
		close(fd);
	}
	return ret;
}

static size_t length(uint64_t len)
{
	return len > MAX_WRITE ? MAX_WRITE : (size_t)len;
}

long trap_write(struct trap_req *rq)
{
	struct iovec from = { (void *)(uintptr_t)rq->arg[1], length(rq->arg[2]) };

	return act(rq, &from, 1, -1);
}

long trap_pwrite(struct trap_req *rq)
{
	struct iovec from = { (void *)(uintptr_t)rq->arg[1], length(rq->arg[2]) };

	return (int64_t)rq->arg[3] < 0 ? -EINVAL : act(rq, &from, 1, (int64_t)rq->arg[3]);
}

long trap_writev(struct trap_req *rq)
{
	struct iovec from[16];
	uint64_t nr = rq->arg[2];

	if (nr > sizeof(from) / sizeof(from[0]) ||
	    trap_vm_read(rq->tid, rq->arg[1], from, nr * sizeof(from[0])))
		return TRAP_CONTINUE;
	return act(rq, from, (unsigned int)nr, -1);
}
