/* SPDX-License-Identifier: MIT */
/*
 * mock_store.h - a medium that fails, refuses to be mapped, or takes its time, as a test wishes.
 */
#ifndef TESTS_MOCK_STORE_H
#define TESTS_MOCK_STORE_H

#include <stdlib.h>
#include <string.h>

#include "../../core/sim.h"

#define MOCK_WAITING 64

/**
 * struct mock_store - @size bytes at @mem
 * @no_map:   map() gives no memory
 * @*_err:    what the call returns, if it touches a byte of [@bad, @bad_end) (0, 0: anywhere)
 * @defer:    flushes wait for mock_flushed()
 * @nr_*:     calls
 */
struct mock_store {
	struct sim_store st;
	unsigned char *mem;
	bool no_map, defer, last_unmap;
	int map_err, read_err, write_err, zero_err, check_err, flush_err;
	uint64_t bad, bad_end;
	unsigned int nr_maps, nr_reads, nr_writes, nr_zeroes, nr_checks, nr_flushes;
	struct {
		void (*done)(void *arg, int err);
		void *arg;
	} waiting[MOCK_WAITING];
	unsigned int nr_waiting;
};

static inline int mock_err(const struct mock_store *m, int err, uint64_t off, uint64_t len)
{
	return !m->bad_end || (off < m->bad_end && off + len > m->bad) ? err : 0;
}

static inline int mock_map(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr)
{
	struct mock_store *m = (struct mock_store *)st;

	m->nr_maps++;
	*ptr = m->no_map ? NULL : m->mem + off;
	return mock_err(m, m->map_err, off, len);
}

static inline int mock_read(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	struct mock_store *m = (struct mock_store *)st;

	m->nr_reads++;
	memcpy(buf, m->mem + off, len);
	return mock_err(m, m->read_err, off, len);
}

static inline int mock_write(struct sim_store *st, uint64_t off, const void *buf, size_t len)
{
	struct mock_store *m = (struct mock_store *)st;
	int err = mock_err(m, m->write_err, off, len);

	m->nr_writes++;
	if (!err)
		memcpy(m->mem + off, buf, len);
	return err;
}

static inline int mock_zero(struct sim_store *st, uint64_t off, uint64_t len, bool unmap)
{
	struct mock_store *m = (struct mock_store *)st;
	int err = mock_err(m, m->zero_err, off, len);

	m->nr_zeroes++;
	m->last_unmap = unmap;
	if (!err)
		memset(m->mem + off, 0, len);
	return err;
}

static inline void mock_flush(struct sim_store *st, void (*done)(void *arg, int err), void *arg)
{
	struct mock_store *m = (struct mock_store *)st;

	m->nr_flushes++;
	if (!m->defer) {
		done(arg, m->flush_err);
		return;
	}
	if (m->nr_waiting == MOCK_WAITING)
		abort();
	m->waiting[m->nr_waiting].done = done;
	m->waiting[m->nr_waiting++].arg = arg;
}

/* the medium has finished what was begun */
static inline void mock_flushed(struct mock_store *m)
{
	unsigned int n = m->nr_waiting;

	m->nr_waiting = 0;
	for (unsigned int i = 0; i < n; i++)
		m->waiting[i].done(m->waiting[i].arg, m->flush_err);
}

static inline int mock_check(struct sim_store *st, uint64_t off, size_t len, bool write)
{
	struct mock_store *m = (struct mock_store *)st;

	m->nr_checks++;
	return mock_err(m, m->check_err, off, len);
}

static inline uint64_t mock_used(struct sim_store *st)
{
	return st->size / 2;
}

/* half of it was written */
static inline int mock_next_data(struct sim_store *st, uint64_t off, uint64_t *start, uint64_t *end)
{
	if (off >= st->size / 2)
		return SIM_ENOENT;
	*start = off;
	*end = st->size / 2;
	return 0;
}

static inline void mock_init(struct mock_store *m, uint64_t size)
{
	static const struct sim_store_ops ops = {
		mock_map,   mock_read,	mock_write, mock_zero,
		mock_flush, mock_check, mock_used,  mock_next_data,
	};

	*m = (struct mock_store){ .st = { .ops = &ops, .size = size }, .mem = calloc(1, size) };
}

static inline void mock_free(struct mock_store *m)
{
	free(m->mem);
}

#endif /* TESTS_MOCK_STORE_H */
