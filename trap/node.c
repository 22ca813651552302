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

#include "sys.h"

/*
 * A made-up device number: Linux gives character devices majors below 512 (CHRDEV_MAJOR_MAX), so
 * this one is nobody's, and nothing under /sys/dev/char is taken for ours.
 */
#define NODE_MAJOR 4094
#define MINOR_MASK 0xfffffu

/* keeps our inode numbers apart from those of the file system that /dev is on */
#define INO_BASE  (0x4e56ull << 40)
#define INO_BLOCK (1ull << 39)

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
	struct trap_file *f;
	long err;

	if (rq->sys)
		return trap_sys_open(rq, flags);
	err = check_open(rq, flags);
	if (err)
		return err;
	err = trap_file_get(rq->t, rq->node, flags & O_PATH ? TRAP_PATH : flags & O_ACCMODE,
			    rq->block, &f);
	return err ? err : trap_hand_out(rq, f->fd, flags, rq->block);
}

bool trap_fd_block(struct trap_req *rq, int fd)
{
	struct trap_seen s;

	if (!trap_file_find(rq->t, rq->tid, fd, &s) || !s.file->block || !s.file->node)
		return false;
	rq->node = s.file->node;
	return rq->block = true;
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

static int stat_of(struct trap_req *rq, struct stat *st)
{
	const struct dmn_node *n;

	if (rq->sys)
		return (int)trap_sys_stat(rq, st);
	n = rq->node->n;
	memset(st, 0, sizeof(*st));
	st->st_dev = rq->t->dev;
	st->st_ino = INO_BASE | (rq->block ? INO_BLOCK : 0) | n->ino;
	st->st_mode = (rq->block ? S_IFBLK : S_IFCHR) | n->mode;
	st->st_nlink = 1;
	st->st_uid = n->uid;
	st->st_gid = n->gid;
	st->st_rdev = node_rdev(n);
	st->st_blksize = 4096;
	st->st_atim = st->st_mtim = st->st_ctim = rq->node->born;
	return 0;
}

long trap_stat(struct trap_req *rq)
{
	struct stat st;
	int err = stat_of(rq, &st);

	return err ? err : put(rq, &st, sizeof(st));
}

long trap_fstat(struct trap_req *rq)
{
	return trap_fd_block(rq, (int)rq->arg[0]) ? trap_stat(rq) : TRAP_CONTINUE;
}

static struct statx_timestamp statx_time(const struct timespec *ts)
{
	return (struct statx_timestamp){ .tv_sec = ts->tv_sec, .tv_nsec = (uint32_t)ts->tv_nsec };
}

long trap_statx(struct trap_req *rq)
{
	struct statx stx;
	struct stat st;
	int err = stat_of(rq, &st);

	if (err)
		return err;
	memset(&stx, 0, sizeof(stx));
	stx.stx_mask = STATX_BASIC_STATS | STATX_BTIME;
	stx.stx_blksize = (uint32_t)st.st_blksize;
	stx.stx_nlink = (uint32_t)st.st_nlink;
	stx.stx_uid = st.st_uid;
	stx.stx_gid = st.st_gid;
	stx.stx_mode = (uint16_t)st.st_mode;
	stx.stx_ino = st.st_ino;
	stx.stx_size = (uint64_t)st.st_size;
	stx.stx_blocks = (uint64_t)st.st_blocks;
	stx.stx_atime = statx_time(&st.st_atim);
	stx.stx_mtime = stx.stx_btime = statx_time(&st.st_mtim);
	stx.stx_ctime = statx_time(&st.st_ctim);
	stx.stx_rdev_major = major(st.st_rdev);
	stx.stx_rdev_minor = minor(st.st_rdev);
	stx.stx_dev_major = major(st.st_dev);
	stx.stx_dev_minor = minor(st.st_dev);
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
	if (rq->sys)
		return trap_sys_access(rq, want, !(flags & AT_EACCESS));
	err = trap_cred_read(rq->t, rq->tid, &cr);
	if (err)
		return err;
	return trap_cred_may(&cr, rq->node->n, want, !(flags & AT_EACCESS)) ? 0 : -EACCES;
}

long trap_readlink(struct trap_req *rq)
{
	return rq->sys ? trap_sys_readlink(rq) : -EINVAL; /* no node is a symbolic link */
}

long trap_getxattr(struct trap_req *rq)
{
	return -ENODATA;
}

long trap_listxattr(struct trap_req *rq)
{
	return 0;
}
