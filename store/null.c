/* SPDX-License-Identifier: MIT */
/*
 * null.c - a medium that keeps nothing: reads zeroes, forgets writes. For measuring all the rest.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kind.h"

#define NULL_WINDOW (2u << 20) /* the largest transfer that needs no bounce buffer */

/** struct null_store - @zeroes is what is read, @sink where writes go; shared by all commands */
struct null_store {
	struct store s;
	void *zeroes, *sink;
};

static int null_map(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr)
{
	struct null_store *n = (struct null_store *)st;

	(void)off;
	*ptr = len > NULL_WINDOW ? NULL : write ? n->sink : n->zeroes;
	return 0;
}

static int null_read(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	(void)st, (void)off;
	memset(buf, 0, len);
	return 0;
}

static int null_write(struct sim_store *st, uint64_t off, const void *buf, size_t len)
{
	(void)st, (void)off, (void)buf, (void)len;
	return 0;
}

static int null_zero(struct sim_store *st, uint64_t off, uint64_t len, bool unmap)
{
	(void)st, (void)off, (void)len, (void)unmap;
	return 0;
}

static int null_check(struct sim_store *st, uint64_t off, size_t len, bool write)
{
	(void)st, (void)off, (void)len, (void)write;
	return 0;
}

static uint64_t null_used(struct sim_store *st)
{
	(void)st;
	return 0;
}

static int null_next_data(struct sim_store *st, uint64_t off, uint64_t *start, uint64_t *end)
{
	(void)st, (void)off, (void)start, (void)end;
	return SIM_ENOENT;
}

static const struct sim_store_ops null_ops = {
	.map = null_map,
	.read = null_read,
	.write = null_write,
	.zero = null_zero,
	.flush = store_flush_none,
	.check = null_check,
	.used = null_used,
	.next_data = null_next_data,
};

static void null_free(struct store *s)
{
	struct null_store *n = (struct null_store *)s;

	if (n->zeroes != MAP_FAILED)
		munmap(n->zeroes, NULL_WINDOW);
	if (n->sink != MAP_FAILED)
		munmap(n->sink, NULL_WINDOW);
	free(n);
}

static const struct store_kind null_kind = { .free = null_free };

struct sim_store *store_null_new(uint64_t size, struct sim_msg *msg)
{
	struct null_store *n;

	if (!size) {
		store_fail(msg, SIM_EINVAL, "a null store needs a size");
		return NULL;
	}
	n = calloc(1, sizeof(*n));
	if (!n) {
		store_fail(msg, SIM_ENOMEM, "no memory for a null store");
		return NULL;
	}
	n->s.kind = &null_kind;
	n->s.st.ops = &null_ops;
	n->s.st.size = size;
	n->s.st.fresh = true;
	n->zeroes = mmap(NULL, NULL_WINDOW, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	n->sink = mmap(NULL, NULL_WINDOW, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (n->zeroes == MAP_FAILED || n->sink == MAP_FAILED) {
		store_fail(msg, SIM_ENOMEM, "no memory for a null store: %m");
		null_free(&n->s);
		return NULL;
	}
	return &n->s.st;
}
