/* SPDX-License-Identifier: MIT */
/*
 * cells.c - counters that survive the process: memory of a mapped file.
 *
 * The file is a header, a directory, and the cells. A directory entry is valid when its checksum
 * is; an entry the process died in the middle of making is not, and its cell was not in use yet.
 * Numbers are in the machine's byte order: the file belongs to this machine, the magic tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cells.h"
#include "crc32c.h"

#define CELLS_MAGIC 0x31534c4c4543564eull /* "NVCELLS1" */
#define CELLS_MAX (1u << 20)		  /* the file's largest size, all of it mapped */
#define CELLS_DIR 1024			  /* directory entries */

/** struct cell_entry - where the cell (@type, @key) is. Of two, the one with the larger @seq. */
struct cell_entry {
	uint64_t key;
	uint32_t off, len;
	uint16_t type, rsvd;
	uint32_t seq;
	uint32_t rsvd2;
	uint32_t crc; /* of what is before */
};
_Static_assert(sizeof(struct cell_entry) == 32, "on disk");

struct cells_mark {
	uint64_t gen, bytes;
	uint32_t rsvd, crc;
};

struct cells_file {
	uint64_t magic;
	uint64_t rsvd[3];
	struct cells_mark mark;
	uint64_t rsvd2;
	struct cell_entry dir[CELLS_DIR];
};
_Static_assert(sizeof(struct cells_file) == 64 + 32 * CELLS_DIR, "on disk");

static uint32_t entry_crc(const struct cell_entry *e)
{
	return store_crc32c(0, e, offsetof(struct cell_entry, crc));
}

static bool entry_valid(const struct cell_entry *e)
{
	return e->len && e->crc == entry_crc(e) && e->off >= sizeof(struct cells_file) &&
	       e->off % 8 == 0 && e->off <= CELLS_MAX && e->len <= CELLS_MAX - e->off;
}

/* have space on disk up to @size: a full disk must not be found by touching the mapping */
static int grow(struct cells *c, uint64_t size)
{
	static const char zeroes[4096];
	struct stat sb;
	uint64_t have;
	int ret;

	if (fstat(c->fd, &sb))
		return store_err(errno);
	have = (uint64_t)sb.st_size;
	if (have >= size)
		return 0;
	if (!fallocate(c->fd, 0, (off_t)have, (off_t)(size - have)))
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return store_err(errno);
	for (; have < size; have += sizeof(zeroes)) {
		ret = store_pwrite_all(c->fd, zeroes, sizeof(zeroes), have);
		if (ret)
			return ret;
	}
	return 0;
}

static int cells_check(struct cells *c, const char *path, struct sim_msg *msg)
{
	struct stat sb;

	if (c->file->magic && c->file->magic != CELLS_MAGIC)
		return store_fail(msg, SIM_EINVAL, "%s is not a file of counters of this program",
				  path);
	c->file->magic = CELLS_MAGIC;
	if (fstat(c->fd, &sb))
		return store_fail(msg, SIM_EIO, "cannot read %s: %m", path);
	c->end = sizeof(struct cells_file);
	for (unsigned int i = 0; i < CELLS_DIR; i++) {
		const struct cell_entry *e = &c->file->dir[i];
		uint64_t end = (uint64_t)e->off + e->len;

		if (!entry_valid(e))
			continue;
		if (end > (uint64_t)sb.st_size)
			return store_fail(msg, SIM_EIO,
					  "%s was cut short; move it away to start afresh", path);
		c->end = end > c->end ? end : c->end;
	}
	return 0;
}

int cells_open(struct cells *c, const char *path, struct sim_msg *msg)
{
	void *p;
	int ret;

	c->file = NULL;
	c->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (c->fd < 0)
		return store_fail(msg, store_err(errno), "cannot open %s: %m", path);
	ret = store_lock(c->fd, false, path, msg);
	if (ret)
		goto fail;
	ret = grow(c, (sizeof(struct cells_file) + 4095) & ~4095ull);
	if (ret) {
		store_fail(msg, ret, "cannot write %s: %m", path);
		goto fail;
	}
	p = mmap(NULL, CELLS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (p == MAP_FAILED) {
		ret = store_fail(msg, SIM_ENOMEM, "cannot map %s: %m", path);
		goto fail;
	}
	c->file = p;
	ret = cells_check(c, path, msg);
	if (!ret)
		return 0;
fail:
	cells_close(c);
	return ret;
}

void cells_close(struct cells *c)
{
	if (c->file)
		munmap(c->file, CELLS_MAX);
	if (c->fd >= 0)
		close(c->fd);
	c->file = NULL;
	c->fd = -1;
}

static struct cell_entry *find(struct cells *c, uint16_t type, uint64_t key)
{
	struct cell_entry *best = NULL;

	for (unsigned int i = 0; i < CELLS_DIR; i++) {
		struct cell_entry *e = &c->file->dir[i];

		if (e->type == type && e->key == key && entry_valid(e) &&
		    (!best || e->seq > best->seq))
			best = e;
	}
	return best;
}

void *cells_get(struct cells *c, uint16_t type, uint64_t key, uint32_t len)
{
	struct cell_entry *old = find(c, type, key), *slot = NULL;
	char *base = (char *)c->file;
	struct cell_entry e = {
		.key = key, .len = len, .type = type, .seq = old ? old->seq + 1 : 1,
	};

	if (!len || len % 8 || len > CELLS_MAX)
		return NULL;
	if (old && old->len >= len)
		return base + old->off;
	for (unsigned int i = 0; i < CELLS_DIR && !slot; i++)
		if (!entry_valid(&c->file->dir[i]))
			slot = &c->file->dir[i];
	if (!slot || c->end + len > CELLS_MAX || grow(c, (c->end + len + 4095) & ~4095ull))
		return NULL;
	e.off = (uint32_t)c->end;
	e.crc = entry_crc(&e);
	/* what an unfinished attempt left is no part of the cell */
	memset(base + e.off, 0, len);
	if (old)
		memcpy(base + e.off, base + old->off, old->len);
	atomic_signal_fence(memory_order_seq_cst); /* the cell is there before its entry is */
	*slot = e;
	atomic_signal_fence(memory_order_seq_cst);
	if (old)
		old->len = 0;
	c->end += len;
	return base + e.off;
}

int cells_sync(struct cells *c)
{
	return fdatasync(c->fd) ? SIM_EIO : 0;
}

static uint32_t mark_crc(const struct cells_mark *m)
{
	return store_crc32c(0, m, offsetof(struct cells_mark, crc));
}

void cells_set_mark(struct cells *c, uint64_t gen, uint64_t bytes)
{
	struct cells_mark m = { .gen = gen, .bytes = bytes };

	m.crc = mark_crc(&m);
	c->file->mark = m;
}

uint64_t cells_mark(const struct cells *c, uint64_t gen)
{
	const struct cells_mark *m = &c->file->mark;

	return m->crc == mark_crc(m) && m->gen == gen ? m->bytes : 0;
}
