/* SPDX-License-Identifier: MIT */
/*
 * file_open.c - opening, making, locking and closing a backing file.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "file.h"

static int file_fd(struct store *s)
{
	return flusher_fd(&((struct file_store *)s)->flusher);
}

static void file_run(struct store *s)
{
	flusher_run(&((struct file_store *)s)->flusher);
}

static void file_free(struct store *s)
{
	struct file_store *f = (struct file_store *)s;

	flusher_free(&f->flusher);
	if (!s->st.readonly)
		fdatasync(f->fd);
	if (f->mem)
		munmap(f->mem, f->mem_len);
	store_bits_free(&f->reserved);
	close(f->fd);
	free(f);
}

static const struct store_kind file_kind = { .fd = file_fd, .run = file_run, .free = file_free };

/**
 * open_path() - open what is there, or make it
 * @made: whether it was made: its size is 0 then
 * Return: descriptor, or -1 with a sentence.
 */
static int open_path(const struct store_file_params *p, bool *made, struct sim_msg *msg)
{
	/* O_NONBLOCK: a FIFO must be refused, not waited for */
	int flags = (p->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat sb;
	int fd, excl;

	*made = false;
	fd = open(p->path, flags);
	if (fd < 0 && errno == ENOENT && p->create && !p->readonly) {
		if (!p->size && !p->default_size)
			return store_fail(msg, -1,
					  "%s does not exist, and no size is given to make it",
					  p->path);
		fd = open(p->path, flags | O_CREAT | O_EXCL, 0644);
		*made = fd >= 0;
		if (fd < 0)
			return store_fail(msg, -1, "cannot create %s: %m", p->path);
	}
	if (fd < 0)
		return store_fail(msg, -1, "cannot open %s: %m", p->path);
	if (fstat(fd, &sb) || (!S_ISREG(sb.st_mode) && !S_ISBLK(sb.st_mode))) {
		close(fd);
		return store_fail(msg, -1, "%s is neither a regular file nor a block device",
				  p->path);
	}
	if (S_ISBLK(sb.st_mode)) {
		/* without O_CREAT, O_EXCL asks for a block device nobody has mounted */
		excl = open(p->path, flags | O_EXCL);
		close(fd);
		if (excl < 0 && errno == EBUSY)
			return store_fail(msg, -1, "%s is in use", p->path);
		if (excl < 0)
			return store_fail(msg, -1, "cannot open %s: %m", p->path);
		fd = excl;
	}
	return fd;
}

/**
 * medium_size() - how large the medium is, making a new file that large
 * Return: bytes, or 0 with a sentence.
 */
static uint64_t medium_size(int fd, const struct store_file_params *p, bool made, bool *blockdev,
			    struct sim_msg *msg)
{
	struct stat sb;
	uint64_t size;

	if (made) {
		size = p->size ? p->size : p->default_size;
		if (size <= INT64_MAX && !ftruncate(fd, (off_t)size))
			return size;
		if (size > INT64_MAX)
			errno = EFBIG;
		store_fail(msg, -1, "cannot make %s %" PRIu64 " bytes long: %m", p->path, size);
		return 0;
	}
	if (fstat(fd, &sb)) {
		store_fail(msg, -1, "cannot find the size of %s: %m", p->path);
		return 0;
	}
	size = (uint64_t)sb.st_size;
	*blockdev = S_ISBLK(sb.st_mode);
	if (*blockdev && ioctl(fd, BLKGETSIZE64, &size)) {
		store_fail(msg, -1, "cannot find the size of %s: %m", p->path);
		return 0;
	}
	if (size < p->size) {
		store_fail(msg, -1, "%s has %" PRIu64 " bytes, less than the %" PRIu64 " asked for",
			   p->path, size, p->size);
		return 0;
	}
	if (!size)
		store_fail(msg, -1, "%s is empty", p->path);
	return p->size ? p->size : size;
}

static int prepare(struct file_store *f, const struct store_file_params *p, bool made,
		   struct sim_msg *msg)
{
	int prot = p->readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	struct statfs fs;
	void *mem;

	f->s.st.size = medium_size(f->fd, p, made, &f->blockdev, msg);
	if (!f->s.st.size)
		return -1;
	if (store_bits_init(&f->reserved, (f->s.st.size >> FILE_CHUNK_SHIFT) + 1))
		return store_fail(msg, -1, "no memory for %s: %m", p->path);
	f->read_allocates = !fstatfs(f->fd, &fs) && fs.f_type == TMPFS_MAGIC && !f->blockdev;
	mem = mmap(NULL, (size_t)f->s.st.size, prot, MAP_SHARED, f->fd, 0);
	if (mem != MAP_FAILED) { /* where it cannot be mapped, read and write do */
		f->mem = mem;
		f->mem_len = (size_t)f->s.st.size;
	}
	return 0;
}

struct sim_store *store_file_new(const struct store_file_params *p, struct sim_msg *msg)
{
	struct file_store *f = calloc(1, sizeof(*f));
	bool made, locked;

	if (!f) {
		store_fail(msg, SIM_ENOMEM, "no memory for %s", p->path);
		return NULL;
	}
	f->s.kind = &file_kind;
	f->s.st.ops = &file_store_ops;
	f->s.st.readonly = p->readonly;
	f->fd = open_path(p, &made, msg);
	if (f->fd < 0) {
		free(f);
		return NULL;
	}
	locked = !store_lock(f->fd, p->readonly, p->path, msg);
	if (!locked || prepare(f, p, made, msg)) {
		if (made && locked) /* else it has become someone else's */
			unlink(p->path);
		store_bits_free(&f->reserved);
		close(f->fd);
		free(f);
		return NULL;
	}
	f->s.st.fresh = made;
	flusher_init(&f->flusher, f->fd);
	return &f->s.st;
}
