/* SPDX-License-Identifier: MIT */
/*
 * slow_store.h - a medium in memory whose flushes finish when the test says so.
 */
#ifndef TESTS_SLOW_STORE_H
#define TESTS_SLOW_STORE_H

#include <stdlib.h>

#include "drv.h"
#include "../../store/store.h"

#define SLOW_MAX 256

struct slow_store {
	struct sim_store st;
	struct sim_store *ram;
	bool slow; /* keep flushes */
	unsigned int n, flushes;
	struct {
		void (*done)(void *arg, int err);
		void *arg;
	} kept[SLOW_MAX];
};

static inline struct sim_store *slow_ram(struct sim_store *st)
{
	return ((struct slow_store *)st)->ram;
}

static inline int slow_map(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr)
{
	return slow_ram(st)->ops->map(slow_ram(st), off, len, write, ptr);
}

static inline int slow_read(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	return slow_ram(st)->ops->read(slow_ram(st), off, buf, len);
}

static inline int slow_write(struct sim_store *st, uint64_t off, const void *buf, size_t len)
{
	return slow_ram(st)->ops->write(slow_ram(st), off, buf, len);
}

static inline int slow_zero(struct sim_store *st, uint64_t off, uint64_t len, bool unmap)
{
	return slow_ram(st)->ops->zero(slow_ram(st), off, len, unmap);
}

static inline void slow_flush(struct sim_store *st, void (*done)(void *arg, int err), void *arg)
{
	struct slow_store *s = (struct slow_store *)st;

	s->flushes++;
	if (!s->slow) {
		done(arg, 0);
		return;
	}
	assert_true(s->n < SLOW_MAX);
	s->kept[s->n].done = done;
	s->kept[s->n++].arg = arg;
}

static inline int slow_check(struct sim_store *st, uint64_t off, size_t len, bool write)
{
	return slow_ram(st)->ops->check(slow_ram(st), off, len, write);
}

static inline uint64_t slow_used(struct sim_store *st)
{
	return slow_ram(st)->ops->used(slow_ram(st));
}

static inline int slow_next_data(struct sim_store *st, uint64_t off, uint64_t *start, uint64_t *end)
{
	return slow_ram(st)->ops->next_data(slow_ram(st), off, start, end);
}

static inline struct slow_store *slow_new(uint64_t size)
{
	static const struct sim_store_ops ops = {
		.map = slow_map,
		.read = slow_read,
		.write = slow_write,
		.zero = slow_zero,
		.flush = slow_flush,
		.check = slow_check,
		.used = slow_used,
		.next_data = slow_next_data,
	};
	struct slow_store *s = calloc(1, sizeof(*s));
	struct sim_msg msg;

	assert_non_null(s);
	s->ram = store_ram_new(size, &msg);
	assert_non_null(s->ram);
	s->st.ops = &ops;
	s->st.size = size;
	s->slow = true;
	return s;
}

/** slow_finish() - every flush kept so far is done, oldest first */
static inline void slow_finish(struct slow_store *s)
{
	unsigned int n = s->n;

	s->n = 0;
	for (unsigned int i = 0; i < n; i++)
		s->kept[i].done(s->kept[i].arg, 0);
}

static inline void slow_free(struct slow_store *s)
{
	assert_int_equal(s->n, 0);
	store_free(s->ram);
	free(s);
}

/** slow_drv() - a driver with a namespace on @s */
static inline struct drv *slow_drv(struct slow_store *s)
{
	struct drv_params p;

	drv_params(&p);
	p.ns.store = &s->st;
	p.ns_bytes = s->st.size;
	return drv_new(&p);
}

#endif
