/* SPDX-License-Identifier: MIT */
/*
 * node.c - path calls on a simulated node: what the kernel would answer for a character device.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

/*
 * A made-up device number: Linux gives character devices majors below 512 (CHRDEV_MAJOR_MAX), so
 * this one is nobody's, and nothing under /sys/dev/char is taken for ours.
 */
#define NODE_MAJOR 4094
#define MINOR_MASK 0xfffffu

/* keeps our inode numbers apart from those of the file system that /dev is on */
#define INO_BASE (0x4e56ull << 40)

static dev_t node_rdev(const struct dmn_node *n)
{
	return makedev(NODE_MAJOR, n->ino & MINOR_MASK);
}

static uint64_t arg(const struct trap_req *rq, int index)
{
	return index < 0 ? 0 : rq->arg[index];
}

/* ---- open --------------------------------------------------------------------------------- */

/* permission bits that an open(2) needs, by access mode */
static const int need[] = {
	[O_RDONLY] = R_OK,
	[O_WRONLY] = W_OK,
	[O_RDWR] = R_OK | W_OK,
	[O_ACCMODE] = R_OK | W_OK,
};

static long check_open(struct trap_req *rq, uint64_t flags)
{
	const struct dmn_node *n = rq->node->n;
	struct trap_cred cr;
	int err;

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if (flags & O_DIRECTORY)
		return -ENOTDIR;
	if (flags & O_PATH)
		return 0;
	err = trap_cred_read(rq->t, rq->tid, &cr);
	if (err)
		return err;
	if (!trap_cred_may(&cr, n, need[flags & O_ACCMODE], false))
		return -EACCES;
	if ((flags & O_NOATIME) && cr.fsuid != n->uid && cr.fsuid != 0)
		return -EPERM;
	if (flags & O_DIRECT) /* as any device without direct I/O of its own */
		return -EINVAL;
	return 0;
}

static long do_open(struct trap_req *rq, uint64_t flags)
{
	struct seccomp_notif_addfd add = { .id = rq->id, .flags = SECCOMP_ADDFD_FLAG_SEND };
	struct trap_file *f;
	long err;

	err = check_open(rq, flags);
	if (err)
		return err;
	err = trap_file_get(rq->t, rq->node, flags & O_PATH ? TRAP_PATH : flags & O_ACCMODE, &f);
	if (err)
		return err;
	add.srcfd = f->fd;
	add.newfd_flags = flags & O_CLOEXEC;
	while (ioctl(rq->t->listener.fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0) {
		if (errno == ENOENT) /* the caller is gone */
			return TRAP_SENT;
		if (errno != EINTR)
			return -errno; /* EMFILE: the caller's own limit */
	}
	return TRAP_SENT;
}

long trap_open(struct trap_req *rq)
{
	return do_open(rq, (uint32_t)arg(rq, rq->row->flags));
}

long trap_creat(struct trap_req *rq)
{
	return do_open(rq, O_CREAT | O_WRONLY | O_TRUNC);
}

long trap_openat2(struct trap_req *rq)
{
	struct open_how how = { 0 };
	uint64_t size = rq->arg[3];

	if (size < sizeof(how))
		return -EINVAL;
	if (trap_vm_read(rq->tid, rq->arg[rq->row->buf], &how, sizeof(how)))
		return -EFAULT;
	/* these change what the path means, and under neither of them can it mean /dev/NAME */
	if (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return TRAP_CONTINUE;
	return do_open(rq, how.flags);
}

/* ---- attributes ------------------------------------------------------------------------------ */

static int put(struct trap_req *rq, const void *buf, size_t len)
{
	return trap_vm_write(rq->tid, rq->arg[rq->row->buf], buf, len);
}

/* struct stat of a 64-bit architecture is the kernel's own, which is checked here */
#if defined(__x86_64__)
_Static_assert(sizeof(struct stat) == 144, "struct stat is the kernel's");
#else
_Static_assert(sizeof(struct stat) == 128, "struct stat is the kernel's (asm-generic)");
#endif

long trap_stat(struct trap_req *rq)
{
	const struct dmn_node *n = rq->node->n;
	struct stat st;

	memset(&st, 0, sizeof(st));
	st.st_dev = rq->t->dev;
	st.st_ino = INO_BASE | n->ino;
	st.st_mode = S_IFCHR | n->mode;
	st.st_nlink = 1;
	st.st_uid = n->uid;
	st.st_gid = n->gid;
	st.st_rdev = node_rdev(n);
	st.st_blksize = 4096;
	st.st_atim = st.st_mtim = st.st_ctim = rq->node->born;
	return put(rq, &st, sizeof(st));
}

long trap_statx(struct trap_req *rq)
{
	const struct dmn_node *n = rq->node->n;
	const struct timespec *ts = &rq->node->born;
	struct statx_timestamp born = { .tv_sec = ts->tv_sec, .tv_nsec = ts->tv_nsec };
	struct statx stx;

	memset(&stx, 0, sizeof(stx));
	stx.stx_mask = STATX_BASIC_STATS | STATX_BTIME;
	stx.stx_blksize = 4096;
	stx.stx_nlink = 1;
	stx.stx_uid = n->uid;
	stx.stx_gid = n->gid;
	stx.stx_mode = S_IFCHR | n->mode;
	stx.stx_ino = INO_BASE | n->ino;
	stx.stx_atime = stx.stx_mtime = stx.stx_ctime = stx.stx_btime = born;
	stx.stx_rdev_major = major(node_rdev(n));
	stx.stx_rdev_minor = minor(node_rdev(n));
	stx.stx_dev_major = major(rq->t->dev);
	stx.stx_dev_minor = minor(rq->t->dev);
	return put(rq, &stx, sizeof(stx));
}

long trap_access(struct trap_req *rq)
{
	int want = (int)arg(rq, rq->row->mode);
	int flags = (int)arg(rq, rq->row->flags);
	struct trap_cred cr;
	int err;

	if (want & ~(R_OK | W_OK | X_OK))
		return -EINVAL;
	err = trap_cred_read(rq->t, rq->tid, &cr);
	if (err)
		return err;
	return trap_cred_may(&cr, rq->node->n, want, !(flags & AT_EACCESS)) ? 0 : -EACCES;
}

long trap_readlink(struct trap_req *rq)
{
	return -EINVAL; /* not a symbolic link */
}

long trap_getxattr(struct trap_req *rq)
{
	return -ENODATA;
}

long trap_listxattr(struct trap_req *rq)
{
	return 0;
}
