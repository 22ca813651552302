/* SPDX-License-Identifier: MIT */
/*
 * journal_file.c - the journal's file as a whole: replayed at open, rewritten when most is stale.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crc32c.h"
#include "journal.h"

#define COMPACT_MIN (64u << 10)

uint32_t journal_crc(const struct record_header *h, const void *buf)
{
	const size_t skip = offsetof(struct record_header, len);
	uint32_t crc = store_crc32c(0, (const char *)h + skip, sizeof(*h) - skip);

	return store_crc32c(crc, buf, h->len);
}

/* ---- replay ----------------------------------------------------------------------------- */

/* the record at @off of the @size bytes at @base is whole */
static bool record_valid(const unsigned char *base, uint64_t off, uint64_t size,
			 struct record_header *h)
{
	if (size - off < sizeof(*h))
		return false;
	memcpy(h, base + off, sizeof(*h));
	return h->magic == RECORD_MAGIC && record_size(h->len) <= size - off &&
	       h->crc == journal_crc(h, base + off + sizeof(*h));
}

static int replay_records(struct journal *j, const unsigned char *base, uint64_t size,
			  struct sim_msg *msg)
{
	uint64_t off = sizeof(struct journal_header);
	struct record_header h;

	for (; off < size && record_valid(base, off, size, &h); off += record_size(h.len)) {
		if (journal_reserve(j))
			return store_fail(msg, SIM_ENOMEM, "no memory for the records of %s",
					  j->path);
		journal_note(j, &h, off);
	}
	j->end = off;
	/* what was on disk for certain cannot be missing for want of time to write it */
	if (off < cells_mark(&j->cells, j->gen))
		return store_fail(msg, SIM_EIO,
				  "%s is damaged at byte %" PRIu64 "; move it away to start afresh",
				  j->path, off);
	return 0;
}

static int sync_both(int fd, int dirfd)
{
	return fsync(fd) || fsync(dirfd) ? store_err(errno) : 0;
}

/* begin a file that has nothing yet */
static int begin(struct journal *j, struct sim_msg *msg)
{
	struct journal_header h = { .magic = JOURNAL_MAGIC };
	struct timespec ts;
	int ret;

	clock_gettime(CLOCK_REALTIME, &ts);
	h.gen = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	ret = store_pwrite_all(j->fd, &h, sizeof(h), 0);
	if (!ret)
		ret = sync_both(j->fd, j->dirfd);
	if (ret)
		return store_fail(msg, ret, "cannot write %s: %m", j->path);
	j->gen = h.gen;
	j->end = sizeof(h);
	return 0;
}

int journal_replay(struct journal *j, struct sim_msg *msg)
{
	struct journal_header h;
	unsigned char *base;
	struct stat sb;
	uint64_t size;
	int ret;

	j->compact_at = COMPACT_MIN;
	if (fstat(j->fd, &sb))
		return store_fail(msg, SIM_EIO, "cannot read %s: %m", j->path);
	size = (uint64_t)sb.st_size;
	if (size < sizeof(h))
		return begin(j, msg);
	base = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, j->fd, 0);
	if (base == MAP_FAILED)
		return store_fail(msg, SIM_EIO, "cannot read %s: %m", j->path);
	memcpy(&h, base, sizeof(h));
	if (h.magic == JOURNAL_MAGIC) {
		j->gen = h.gen;
		ret = replay_records(j, base, size, msg);
	} else {
		ret = store_fail(msg, SIM_EINVAL, "%s is not a journal of this program", j->path);
	}
	munmap(base, (size_t)size);
	if (!ret && j->end < size && ftruncate(j->fd, (off_t)j->end))
		ret = store_fail(msg, SIM_EIO, "cannot write %s: %m", j->path);
	return ret;
}

/* ---- compaction ------------------------------------------------------------------------- */

/**
 * copy_live() - write the records that count to @fd
 * @off: receives their new places, by slot
 * Return: bytes of the new file, or 0 when it failed.
 */
static uint64_t copy_live(struct journal *j, int fd, uint64_t *off)
{
	struct journal_header h = { .magic = JOURNAL_MAGIC, .gen = j->gen + 1 };
	uint64_t end = sizeof(h), size;
	size_t room = 0;
	char *buf = NULL, *p;

	if (store_pwrite_all(fd, &h, sizeof(h), 0))
		return 0;
	for (size_t i = 0; i < j->slots; i++) {
		if (!j->index[i].off)
			continue;
		size = record_size(j->index[i].len);
		if (size > room) {
			p = realloc(buf, size);
			if (!p)
				goto fail;
			buf = p;
			room = size;
		}
		if (store_pread_all(j->fd, buf, size, j->index[i].off) ||
		    store_pwrite_all(fd, buf, size, end))
			goto fail;
		off[i] = end;
		end += size;
	}
	free(buf);
	return end;
fail:
	free(buf);
	return 0;
}

void journal_compact(struct journal *j)
{
	uint64_t *off = calloc(j->slots, sizeof(*off)), end = 0;
	int fd = open(j->new_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (off && fd >= 0)
		end = copy_live(j, fd, off);
	/* the new file is whole on disk before it takes the old one's name */
	if (end && !fsync(fd) && !rename(j->new_path, j->path)) {
		close(j->fd);
		j->fd = fd;
		j->gen++;
		j->end = end;
		for (size_t i = 0; i < j->slots; i++)
			j->index[i].off = off[i];
		if (!fsync(j->dirfd))
			cells_set_mark(&j->cells, j->gen, j->end);
		j->compact_at = 2 * end > COMPACT_MIN ? 2 * end : COMPACT_MIN;
	} else {
		if (fd >= 0) {
			close(fd);
			unlink(j->new_path);
		}
		j->compact_at = 2 * j->end; /* not again at once */
	}
	free(off);
}
