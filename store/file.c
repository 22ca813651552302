/* SPDX-License-Identifier: MIT */
/*
 * file.c - a medium in a regular file or block device: core's store port over a shared mapping.
 *
 * What opens the file is in file_open.c. Space for writes through the mapping is reserved here,
 * before a page of a hole is touched: the kernel has no other way to report a full disk from a
 * page fault than a signal.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define CHUNK (1ull << FILE_CHUNK_SHIFT)
#define TRIM_EVERY (3u << 20) /* bytes mapped in between looks at what is resident */
#define TRIM_ABOVE (10u << 20) /* resident bytes of files the process may have */
#define SHORT (16u << 10) /* bytes: transfers up to this go through the descriptor, once pages go */
#define FAULT_AROUND (64u << 10) /* what the kernel maps around a page that is in its cache */

/* ---- space ------------------------------------------------------------------------------ */

/* the file as it is now holds [@off, @off + @len). Nobody uses its offset, and lseek() is the
 * cheapest call that tells. */
static bool still_there(const struct file_store *f, uint64_t off, uint64_t len)
{
	off_t size = f->blockdev ? 0 : lseek(f->fd, 0, SEEK_END);

	return f->blockdev || (size >= 0 && (uint64_t)size >= off + len);
}

static int allocate(const struct file_store *f, uint64_t off, uint64_t len)
{
	int ret;

	do
		ret = fallocate(f->fd, FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len);
	while (ret && errno == EINTR);
	return ret ? errno : 0;
}

/**
 * reserve() - have space for [@off, @off + @len) on disk
 * Return: 0; %SIM_ENOSPC or %SIM_EIO; 1 when this file system cannot reserve.
 */
static int reserve(struct file_store *f, uint64_t off, uint64_t len)
{
	uint64_t size = f->s.st.size, chunk = off >> FILE_CHUNK_SHIFT;
	uint64_t end = (off + len + CHUNK - 1) >> FILE_CHUNK_SHIFT;

	while ((chunk = store_bits_find(&f->reserved, chunk, end, false)) < end) {
		uint64_t run = store_bits_find(&f->reserved, chunk, end, true);
		uint64_t from = chunk << FILE_CHUNK_SHIFT, to = run << FILE_CHUNK_SHIFT;
		int err = allocate(f, from, (to < size ? to : size) - from);

		/* the chunk may not fit where the blocks asked for do */
		if (err == ENOSPC || err == EDQUOT) {
			err = allocate(f, off, len);
			return err ? store_err(err) : 0;
		}
		if (err == EOPNOTSUPP || err == ENOSYS)
			return 1;
		if (err)
			return store_err(err);
		store_bits_set(&f->reserved, chunk, run);
		chunk = run;
	}
	return 0;
}

/* whether [@off, @off + @len) has no hole. Only what is known or cheap to know. */
static bool has_data(struct file_store *f, uint64_t off, uint64_t len)
{
	uint64_t chunk = off >> FILE_CHUNK_SHIFT;
	uint64_t end = (off + len + CHUNK - 1) >> FILE_CHUNK_SHIFT;
	off_t hole;

	if (store_bits_find(&f->reserved, chunk, end, false) == end)
		return true;
	if (lseek(f->fd, (off_t)off, SEEK_DATA) != (off_t)off)
		return false;
	hole = lseek(f->fd, (off_t)off, SEEK_HOLE);
	return hole >= 0 && (uint64_t)hole >= off + len;
}

/* ---- residency -------------------------------------------------------------------------- */

/* resident bytes of the files the process has mapped, or UINT64_MAX where nobody tells */
static uint64_t resident(void)
{
	char buf[128];
	unsigned long long pages;
	ssize_t n = -1;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, buf, sizeof(buf) - 1);
		close(fd);
	}
	if (n <= 0)
		return UINT64_MAX;
	buf[n] = '\0';
	if (sscanf(buf, "%*u %*u %llu", &pages) != 1)
		return UINT64_MAX;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Pages of the mapping that were touched count as this process's memory until they are let go of,
 * and a host may touch all of a terabyte. Letting go costs no data: the page cache keeps it.
 */
static void trim(struct file_store *f, size_t len)
{
	uint64_t bytes = len + FAULT_AROUND;

	bytes += atomic_fetch_add_explicit(&f->touched, bytes, memory_order_relaxed);
	if (bytes < TRIM_EVERY)
		return;
	atomic_store_explicit(&f->touched, 0, memory_order_relaxed);
	if (resident() <= TRIM_ABOVE)
		return;
	madvise(f->mem, f->mem_len, MADV_DONTNEED);
	atomic_store_explicit(&f->crowded, true, memory_order_relaxed);
}

/* ---- the port --------------------------------------------------------------------------- */

static int file_map(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr)
{
	struct file_store *f = (struct file_store *)st;
	int ret;

	assert(len && off <= st->size && len <= st->size - off);
	*ptr = NULL;
	if (write && st->readonly)
		return SIM_EROFS;
	if (!f->mem)
		return 0;
	if (write && !f->blockdev) {
		ret = reserve(f, off, len);
		if (ret)
			return ret < 0 ? ret : 0;
	}
	/* a fault costs several system calls, and short transfers at random would fault each time */
	if (len <= SHORT && atomic_load_explicit(&f->crowded, memory_order_relaxed))
		return 0;
	/* tmpfs would allocate what is merely read */
	if (!write && f->read_allocates && !has_data(f, off, len))
		return 0;
	trim(f, len);
	*ptr = f->mem + off;
	return 0;
}

static int file_read(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	struct file_store *f = (struct file_store *)st;

	assert(off <= st->size && len <= st->size - off);
	return store_pread_all(f->fd, buf, len, off);
}

static int file_write(struct sim_store *st, uint64_t off, const void *buf, size_t len)
{
	struct file_store *f = (struct file_store *)st;

	assert(off <= st->size && len <= st->size - off);
	if (st->readonly)
		return SIM_EROFS;
	if (!still_there(f, off, len)) /* never make a file longer that was cut short */
		return SIM_EIO;
	return store_pwrite_all(f->fd, buf, len, off);
}

static int write_zeroes(struct file_store *f, uint64_t off, uint64_t len)
{
	static const char zeroes[64 << 10];

	while (len) {
		size_t n = len < sizeof(zeroes) ? (size_t)len : sizeof(zeroes);
		int ret = store_pwrite_all(f->fd, zeroes, n, off);

		if (ret)
			return ret;
		off += n;
		len -= n;
	}
	return 0;
}

static int file_zero(struct sim_store *st, uint64_t off, uint64_t len, bool unmap)
{
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};
	struct file_store *f = (struct file_store *)st;

	assert(off <= st->size && len <= st->size - off);
	if (!len)
		return 0;
	if (st->readonly)
		return SIM_EROFS;
	if (!still_there(f, off, len))
		return SIM_EIO;
	for (unsigned int i = unmap ? 0 : 1; i < 2; i++) {
		int ret;

		do
			ret = fallocate(f->fd, modes[i], (off_t)off, (off_t)len);
		while (ret && errno == EINTR);
		if (!ret) {
			if (i == 0 && !f->blockdev)
				store_bits_clear(&f->reserved, off >> FILE_CHUNK_SHIFT,
						 (off + len + CHUNK - 1) >> FILE_CHUNK_SHIFT);
			return 0;
		}
		if (errno == ENOSPC || errno == EIO)
			return store_err(errno);
		/* not here, or not at this alignment */
	}
	return write_zeroes(f, off, len);
}

static void file_flush(struct sim_store *st, void (*done)(void *arg, int err), void *arg)
{
	struct file_store *f = (struct file_store *)st;

	if (st->readonly)
		done(arg, 0);
	else
		flusher_flush(&f->flusher, done, arg);
}

/* touch the pages as the failed transfer did, with an error instead of a signal */
static int file_check(struct sim_store *st, uint64_t off, size_t len, bool write)
{
	struct file_store *f = (struct file_store *)st;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), from = off & ~(page - 1);
	int ret;

	if (!still_there(f, off, len))
		return SIM_EIO;
	if (!f->mem)
		return 0;
	do
		ret = madvise(f->mem + from, (size_t)(off + len - from),
			      write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	while (ret && (errno == EINTR || errno == EAGAIN));
	if (!ret || errno == EINVAL) /* EINVAL: Linux before 5.14, which cannot tell */
		return 0;
	if (write && !f->blockdev && reserve(f, off, len) == SIM_ENOSPC)
		return SIM_ENOSPC;
	return SIM_EIO;
}

static uint64_t file_used(struct sim_store *st)
{
	struct file_store *f = (struct file_store *)st;
	struct stat sb;
	uint64_t used = st->size;

	if (!f->blockdev && !fstat(f->fd, &sb))
		used = (uint64_t)sb.st_blocks * 512;
	return used < st->size ? used : st->size;
}

static int file_next_data(struct sim_store *st, uint64_t off, uint64_t *start, uint64_t *end)
{
	struct file_store *f = (struct file_store *)st;
	off_t data, hole;

	if (off >= st->size)
		return SIM_ENOENT;
	data = f->blockdev ? (off_t)off : lseek(f->fd, (off_t)off, SEEK_DATA);
	if (data < 0 && errno == ENXIO) /* none; of a file cut short, too: reading will say so */
		return SIM_ENOENT;
	*start = data < 0 ? off : (uint64_t)data;
	if (*start >= st->size)
		return SIM_ENOENT;
	hole = f->blockdev || data < 0 ? -1 : lseek(f->fd, data, SEEK_HOLE);
	*end = hole < 0 || (uint64_t)hole > st->size ? st->size : (uint64_t)hole;
	return 0;
}

const struct sim_store_ops file_store_ops = {
	.map = file_map,
	.read = file_read,
	.write = file_write,
	.zero = file_zero,
	.flush = file_flush,
	.check = file_check,
	.used = file_used,
	.next_data = file_next_data,
};
