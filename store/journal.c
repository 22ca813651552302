/* SPDX-License-Identifier: MIT */
/*
 * journal.c - records of one NVM subsystem: core's journal port.
 *
 * A record is in the file when put returns, so it survives the process; sync makes it survive a
 * power cut. The index in memory says where the newest record of each (type, key) is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "journal.h"

#define INDEX_MIN 64

/* ---- index ------------------------------------------------------------------------------ */

struct journal_index *journal_find(const struct journal *j, uint16_t type, uint64_t key)
{
	uint64_t hash = (key ^ (uint64_t)type << 48) * 0x9e3779b97f4a7c15ull;
	size_t i = (size_t)(hash >> 32) & (j->slots - 1);

	while (j->index[i].off && (j->index[i].key != key || j->index[i].type != type))
		i = (i + 1) & (j->slots - 1);
	return &j->index[i];
}

int journal_reserve(struct journal *j)
{
	struct journal old = *j;

	if (j->slots && j->used + 1 <= j->slots / 4 * 3)
		return 0;
	j->slots = old.slots ? old.slots * 2 : INDEX_MIN;
	j->index = calloc(j->slots, sizeof(*j->index));
	if (!j->index) {
		j->index = old.index;
		j->slots = old.slots;
		return SIM_ENOMEM;
	}
	for (size_t i = 0; i < old.slots; i++)
		if (old.index[i].off)
			*journal_find(j, old.index[i].type, old.index[i].key) = old.index[i];
	free(old.index);
	return 0;
}

void journal_note(struct journal *j, const struct record_header *h, uint64_t off)
{
	struct journal_index *e = journal_find(j, h->type, h->key);

	if (e->off)
		j->live -= record_size(e->len);
	else
		j->used++;
	j->live += record_size(h->len);
	*e = (struct journal_index){
		.key = h->key, .off = off, .len = h->len, .type = h->type, .version = h->version,
	};
}

/* ---- the port --------------------------------------------------------------------------- */

static int append(struct journal *j, struct record_header *h, const void *buf)
{
	static const char pad[8];
	uint64_t size = record_size(h->len);
	struct iovec iov[3] = {
		{ h, sizeof(*h) },
		{ (void *)(uintptr_t)buf, h->len },
		{ (void *)(uintptr_t)pad, (size_t)(size - sizeof(*h) - h->len) },
	};
	ssize_t n;
	int err;

	do
		n = pwritev(j->fd, iov, 3, (off_t)j->end);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)size)
		return 0;
	/* a short write is a full disk; the part must not be there when there is room again */
	err = n < 0 ? store_err(errno) : SIM_ENOSPC;
	return ftruncate(j->fd, (off_t)j->end) ? SIM_EIO : err;
}

static int journal_put(void *opaque, uint16_t type, uint64_t key, uint16_t version,
		       const void *buf, uint32_t len)
{
	struct journal *j = opaque;
	struct record_header h = {
		.magic = RECORD_MAGIC, .len = len, .type = type, .version = version, .key = key,
	};
	int ret;

	h.crc = journal_crc(&h, buf);
	pthread_mutex_lock(&j->lock);
	ret = journal_reserve(j);
	if (!ret)
		ret = append(j, &h, buf);
	if (!ret) {
		journal_note(j, &h, j->end);
		j->end += record_size(len);
		if (j->end >= j->compact_at && j->end >= 2 * j->live)
			journal_compact(j);
	}
	pthread_mutex_unlock(&j->lock);
	return ret;
}

static int journal_get(void *opaque, uint16_t type, uint64_t key, uint16_t *version, void *buf,
		       uint32_t len)
{
	struct journal *j = opaque;
	struct journal_index *e;
	int ret = SIM_ENOENT;

	pthread_mutex_lock(&j->lock);
	e = journal_find(j, type, key);
	if (e->off) {
		*version = e->version;
		ret = store_pread_all(j->fd, buf, len < e->len ? len : e->len,
				      e->off + sizeof(struct record_header));
		if (!ret)
			ret = (int)e->len;
	}
	pthread_mutex_unlock(&j->lock);
	return ret;
}

static void *journal_cell(void *opaque, uint16_t type, uint64_t key, uint32_t len)
{
	struct journal *j = opaque;
	void *p;

	pthread_mutex_lock(&j->lock);
	p = cells_get(&j->cells, type, key, len);
	pthread_mutex_unlock(&j->lock);
	return p;
}

static int journal_sync(void *opaque)
{
	struct journal *j = opaque;
	int ret;

	pthread_mutex_lock(&j->lock);
	ret = fdatasync(j->fd) ? SIM_EIO : 0;
	if (!ret) {
		cells_set_mark(&j->cells, j->gen, j->end);
		ret = cells_sync(&j->cells);
	}
	pthread_mutex_unlock(&j->lock);
	return ret ? ret : areas_sync(&j->areas);
}

static void *journal_area(void *opaque, uint16_t type, uint64_t key, uint64_t len, bool *fresh)
{
	struct journal *j = opaque;

	return area_get(&j->areas, type, key, len, fresh);
}

static void journal_area_free(void *opaque, uint16_t type, uint64_t key, void *mem, uint64_t len,
			      bool forget)
{
	struct journal *j = opaque;

	(void)type, (void)key, (void)len;
	area_put(&j->areas, mem, forget);
}

static int journal_area_reserve(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	struct journal *j = opaque;

	return area_reserve(&j->areas, mem, off, len);
}

static void journal_area_punch(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	struct journal *j = opaque;

	area_punch(&j->areas, mem, off, len);
}

static uint64_t journal_boot(void *opaque)
{
	(void)opaque;
	return area_boot();
}

/* ---- opening ---------------------------------------------------------------------------- */

static void journal_free(struct journal *j)
{
	areas_free(&j->areas);
	cells_close(&j->cells);
	if (j->fd >= 0)
		close(j->fd);
	if (j->dirfd >= 0)
		close(j->dirfd);
	pthread_mutex_destroy(&j->lock);
	free(j->index);
	free(j->path);
	free(j->new_path);
	free(j->stem);
	free(j);
}

static int open_dir(struct journal *j, const char *dir, struct sim_msg *msg)
{
	if (mkdir(dir, 0700) && errno != EEXIST)
		return store_fail(msg, store_err(errno), "cannot make directory %s: %m", dir);
	j->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dirfd < 0)
		return store_fail(msg, store_err(errno), "cannot open directory %s: %m", dir);
	return 0;
}

/* the cells file is never replaced, so its lock is the lock of both */
static int open_files(struct journal *j, const char *dir, const char *name, struct sim_msg *msg)
{
	char *cells;
	int ret;

	j->stem = strdup(name);
	j->areas.dirfd = j->dirfd;
	j->areas.stem = j->stem;
	if (asprintf(&j->path, "%s/%s.journal", dir, name) < 0)
		j->path = NULL;
	if (asprintf(&j->new_path, "%s/%s.journal.new", dir, name) < 0)
		j->new_path = NULL;
	if (asprintf(&cells, "%s/%s.cells", dir, name) < 0)
		cells = NULL;
	if (!j->stem || !j->path || !j->new_path || !cells) {
		free(cells);
		return store_fail(msg, SIM_ENOMEM, "no memory for a journal");
	}
	ret = cells_open(&j->cells, cells, msg);
	free(cells);
	if (ret)
		return ret;
	j->fd = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return store_fail(msg, store_err(errno), "cannot open %s: %m", j->path);
	unlink(j->new_path); /* a rewrite the process died in */
	return 0;
}

int store_journal_open(const char *dir, const char *name, struct sim_journal_port *port,
		       struct sim_msg *msg)
{
	struct journal *j;
	int ret;

	if (!*name || strchr(name, '/'))
		return store_fail(msg, SIM_EINVAL, "'%s' cannot be the name of a journal", name);
	j = calloc(1, sizeof(*j));
	if (!j)
		return store_fail(msg, SIM_ENOMEM, "no memory for a journal");
	j->dirfd = j->fd = j->cells.fd = -1;
	pthread_mutex_init(&j->lock, NULL);
	areas_init(&j->areas);
	ret = journal_reserve(j) ? store_fail(msg, SIM_ENOMEM, "no memory for a journal") : 0;
	if (!ret)
		ret = open_dir(j, dir, msg);
	if (!ret)
		ret = open_files(j, dir, name, msg);
	if (!ret)
		ret = journal_replay(j, msg);
	if (ret) {
		journal_free(j);
		return ret;
	}
	*port = (struct sim_journal_port){
		.put = journal_put,
		.get = journal_get,
		.cell = journal_cell,
		.sync = journal_sync,
		.area = journal_area,
		.area_free = journal_area_free,
		.area_reserve = journal_area_reserve,
		.area_punch = journal_area_punch,
		.boot = area_boot() ? journal_boot : NULL,
		.opaque = j,
	};
	return 0;
}

void store_journal_close(struct sim_journal_port *port)
{
	if (!port->opaque)
		return;
	journal_sync(port->opaque);
	journal_free(port->opaque);
	*port = (struct sim_journal_port){ 0 };
}
