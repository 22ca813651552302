/* SPDX-License-Identifier: MIT */
/*
 * fdp_check.h - what always holds of the logs of reclaim units and the chunks they are made of,
 * when no command is executing. White box: it goes through all of them.
 */
#ifndef TESTS_FDP_CHECK_H
#define TESTS_FDP_CHECK_H

#include <stdlib.h>

#include "../../core/fdp/priv.h"

/**
 * struct fdp_check - what was found
 * @live: blocks that are in units; @entries: of all logs; @apart: of these, no two of one log alike
 */
struct fdp_check {
	uint64_t live, entries, apart;
};

static inline int fdp_check_order(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* a unit's ring of chunks; its entries, with the unit above them, go to @list. Return: how many */
static inline uint64_t fdp_check_ring(const struct sim_fdp *g, uint32_t unit, uint64_t *list,
				      uint32_t *chunks)
{
	const uint32_t first = g->log[unit].first - 1;
	uint32_t i = first, nr = 0;
	uint64_t n = 0;

	do {
		const struct fdp_pool *p = fdp_pool_of(g->pool, i);
		const struct fdp_chunk *c = fdp_chunk(g->pool, i);

		assert_true((i & ~FDP_SMALL) < p->top);
		assert_int_equal(c->owner, unit + 1);
		assert_int_equal(fdp_chunk(g->pool, c->next)->prev, i);
		assert_true(c->nr <= p->per);
		for (uint32_t k = 0; k < c->nr; k++)
			list[n++] = (uint64_t)unit << 32 | fdp_entry(c, k);
		chunks[i / FDP_SMALL]++;
		nr += fdp_chunks(i);
		i = c->next;
	} while (i != first);
	assert_int_equal(nr, g->log[unit].chunks);
	return n;
}

static inline void fdp_check_free(const struct sim_fdp *g, unsigned int pool, uint32_t used)
{
	const struct fdp_pool *p = &g->pool[pool];
	uint32_t n = 0, before = 0;

	for (uint32_t i = p->free, next; i; i = next) {
		const struct fdp_chunk *c = fdp_chunk(g->pool, (i - 1) | p->kind);

		assert_true(i <= p->top);
		assert_int_equal(c->owner, 0);
		assert_int_equal(c->prev, before);
		next = c->next;
		before = i;
		n++;
	}
	assert_int_equal(p->used, used);
	assert_int_equal(n + used, p->top);
	assert_true(p->top <= p->touched);
}

/* each block that is in a unit has an entry in the log of this one; it is counted where it is */
static inline uint64_t fdp_check_ns(const struct sim_fdp *g, const struct sim_fdp_ns *f,
				    const uint64_t *list, uint64_t n)
{
	uint32_t *valid = calloc(f->nr_valid, sizeof(*valid));
	uint64_t live = 0;

	for (uint64_t lba = 0; lba < f->ns->nsze; lba++) {
		struct fdp_words w = fdp_words(&f->map, lba / FDP_PAGE, lba % FDP_PAGE);
		uint32_t block = lba % FDP_PAGE, to;
		const _Atomic uint32_t *word = fdp_next(&w, &block, FDP_PAGE);
		uint64_t key;

		if (!word) {
			lba |= FDP_PAGE - 1;
			continue;
		}
		lba = lba / FDP_PAGE * FDP_PAGE + block;
		to = fdp_unit_of(*word);
		assert_true(to);
		key = (uint64_t)(to - 1) << 32 | fdp_index(f, lba);
		live++;
		assert_true(to <= g->units * g->p.nrg);
		assert_true(fdp_state(g->unit[to - 1].word) != FDP_FREE);
		valid[to - 1] += f->block;
		if (!bsearch(&key, list, n, sizeof(*list), fdp_check_order))
			fail_msg("block %llu is not in the log of its unit %u",
				 (unsigned long long)lba, to - 1);
	}
	for (uint32_t u = 0; u < atomic_load(&g->head->high) * g->p.nrg; u++)
		assert_int_equal(valid[u], f->valid[u]);
	free(valid);
	return live;
}

static inline struct fdp_check fdp_check(const struct sim_subsys *s)
{
	const struct sim_fdp *g = s->fdp;
	struct fdp_check found = { 0 };
	uint64_t *list = malloc(((uint64_t)g->pool[0].top * g->pool[0].per +
				 (uint64_t)g->pool[1].top * g->pool[1].per + 1) *
				sizeof(*list));
	int64_t live = g->live;
	uint32_t chunks[FDP_POOLS] = { 0 };

	assert_non_null(list);
	for (uint32_t u = 0; u < atomic_load(&g->head->high) * g->p.nrg; u++)
		if (fdp_state(g->unit[u].word) != FDP_FREE && g->log[u].first)
			found.entries += fdp_check_ring(g, u, list + found.entries, chunks);
	for (unsigned int i = 0; i < FDP_POOLS; i++)
		fdp_check_free(g, i, chunks[i]);
	qsort(list, found.entries, sizeof(*list), fdp_check_order);
	for (uint64_t i = 0; i < found.entries; i++)
		found.apart += !i || list[i] != list[i - 1];
	for (unsigned int i = 0; i < g->nr_ns; i++)
		found.live += fdp_check_ns(g, g->ns[i], list, found.entries);
	for (uint64_t i = 0; i < (uint64_t)g->p.nruh * g->p.nrg; i++)
		live += g->open[i].fresh;
	assert_int_equal(live, found.live);
	free(list);
	return found;
}

#endif /* TESTS_FDP_CHECK_H */
