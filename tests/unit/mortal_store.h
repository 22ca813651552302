/* SPDX-License-Identifier: MIT */
/*
 * mortal_store.h - a medium at whose n-th step the process is killed, for tests of what is left.
 */
#ifndef TESTS_MORTAL_STORE_H
#define TESTS_MORTAL_STORE_H

#include <signal.h>
#include <unistd.h>

#include "media_fx.h"

/* ---- a medium that dies ------------------------------------------------------------------- */

/** struct mortal - a store whose process is killed at its @left-th step; half a write is a step */
struct mortal {
	struct sim_store st;
	struct sim_store *in;
	unsigned int left;
};

static inline void step(struct mortal *m)
{
	if (m->left && !--m->left)
		kill(getpid(), SIGKILL);
}

static inline int mortal_map(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr)
{
	struct mortal *m = (struct mortal *)st;

	step(m);
	return m->in->ops->map(m->in, off, len, write, ptr);
}

static inline int mortal_read(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	struct mortal *m = (struct mortal *)st;

	return m->in->ops->read(m->in, off, buf, len);
}

static inline int mortal_write(struct sim_store *st, uint64_t off, const void *buf, size_t len)
{
	struct mortal *m = (struct mortal *)st;
	size_t half = len / 2 + 3;
	int err;

	step(m);
	err = m->in->ops->write(m->in, off, buf, half);
	step(m);
	if (!err)
		err = m->in->ops->write(m->in, off + half, (const char *)buf + half, len - half);
	step(m);
	return err;
}

static inline int mortal_zero(struct sim_store *st, uint64_t off, uint64_t len, bool unmap)
{
	struct mortal *m = (struct mortal *)st;
	uint64_t half = len / 2;
	int err;

	step(m);
	err = m->in->ops->zero(m->in, off, half, unmap);
	step(m);
	if (!err)
		err = m->in->ops->zero(m->in, off + half, len - half, unmap);
	step(m);
	return err;
}

static inline int mortal_next_data(struct sim_store *st, uint64_t off, uint64_t *start, uint64_t *end)
{
	struct mortal *m = (struct mortal *)st;

	return m->in->ops->next_data(m->in, off, start, end);
}

static inline void mortal_init(struct mortal *m, struct sim_store *in)
{
	static const struct sim_store_ops ops = {
		.map = mortal_map,
		.read = mortal_read,
		.write = mortal_write,
		.zero = mortal_zero,
		.next_data = mortal_next_data,
	};

	*m = (struct mortal){ .st = { .ops = &ops, .size = in->size, .fresh = in->fresh },
			      .in = in };
}

#endif /* TESTS_MORTAL_STORE_H */
