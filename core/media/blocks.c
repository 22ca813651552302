/* SPDX-License-Identifier: MIT */
/*
 * blocks.c - which blocks are allocated, and which are bad: two bits a block that survive.
 *
 * A group is 32,768 blocks: a page of bits. Three bits a group say whether its pages count
 * (struct sim_blocks). A page that does not count may hold anything; it is made to say what the
 * group's summary says before it counts. So opening, resetting and clearing all of a namespace cost
 * the summary, 3 bits per 16 MiB of 512-byte blocks, and a page is touched once part of its group
 * is written. Every step is one store of a word: whatever kills the process, what is left is the
 * state before it or after it.
 *
 * Several threads are at work in a group, each on blocks it has claimed; only the change of a
 * group's summary needs the lock.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../persist/persist.h"
#include "../subsys/subsys.h"
#include "blocks.h"
#include "spin.h"

#define GROUP_SHIFT 15
#define GROUP (1u << GROUP_SHIFT)
#define GROUP_WORDS (GROUP / 64)
#define PAGE (GROUP / 8)
#define MAGIC 0x314b4c424d49534eull /* "NSIMBLK1" */

/** enum - sim_blocks_head.state: how far the area's making or resetting came */
enum {
	AREA_NEW,	/* to be filled from what the store holds */
	AREA_READY,
	AREA_CLEARING,	/* a reset has begun: no block is allocated */
};

/**
 * struct sim_blocks_head - the area's beginning
 * @gen: a number of this life of these blocks
 * @size, @nr, @ms, @lbads: what blocks these are: bytes of the store, blocks, and a block's form
 * Numbers are in the machine's byte order: the area belongs to this machine.
 */
struct sim_blocks_head {
	uint64_t magic;
	_Atomic uint32_t state;
	uint32_t lbads;
	uint64_t gen, size, nr;
	uint32_t ms;
};

/* ---- layout ------------------------------------------------------------------------------- */

/** struct layout - offsets in the area. It depends on the store only, so that a reset keeps it. */
struct layout {
	uint64_t used, full, tainted, alloc, bad, len, words;
};

static struct layout layout_of(uint64_t size)
{
	uint64_t groups = ((size >> 9) + GROUP) >> GROUP_SHIFT;
	struct layout l = { .words = (groups + 63) / 64 };

	l.used = PAGE;
	l.full = l.used + l.words * 8;
	l.tainted = l.full + l.words * 8;
	l.alloc = (l.tainted + l.words * 8 + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	l.bad = l.alloc + groups * PAGE;
	l.len = l.bad + groups * PAGE;
	return l;
}

static uint64_t *at(struct sim_blocks *b, uint64_t off)
{
	return (uint64_t *)((unsigned char *)b->head + off);
}

/* ---- bits and groups ---------------------------------------------------------------------- */

static bool bit(const _Atomic uint64_t *map, uint64_t g)
{
	return atomic_load_explicit(&map[g / 64], memory_order_acquire) >> (g % 64) & 1;
}

static void set_bit(_Atomic uint64_t *map, uint64_t g)
{
	atomic_fetch_or(&map[g / 64], 1ull << (g % 64));
}

static void clear_bit(_Atomic uint64_t *map, uint64_t g)
{
	atomic_fetch_and(&map[g / 64], ~(1ull << (g % 64)));
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t group_end(const struct sim_blocks *b, uint64_t g)
{
	return min64((g + 1) << GROUP_SHIFT, b->nr);
}

/* the bits of word @w that are in [@from, @to) */
static uint64_t word_mask(uint64_t w, uint64_t from, uint64_t to)
{
	uint64_t mask = ~0ull;

	if (from > w * 64)
		mask &= ~0ull << (from - w * 64);
	if (to < (w + 1) * 64)
		mask &= ~0ull >> ((w + 1) * 64 - to);
	return mask;
}

static uint64_t bits_set(_Atomic uint64_t *map, uint64_t from, uint64_t to)
{
	uint64_t n = 0;

	for (uint64_t w = from / 64; w * 64 < to; w++) {
		uint64_t mask = word_mask(w, from, to);

		/* most often they are set: then the line stays shared */
		if ((atomic_load_explicit(&map[w], memory_order_relaxed) & mask) == mask)
			continue;
		n += (uint64_t)__builtin_popcountll(mask & ~atomic_fetch_or(&map[w], mask));
	}
	return n;
}

static uint64_t bits_clear(_Atomic uint64_t *map, uint64_t from, uint64_t to)
{
	uint64_t n = 0;

	for (uint64_t w = from / 64; w * 64 < to; w++) {
		uint64_t mask = word_mask(w, from, to);

		if (!(atomic_load_explicit(&map[w], memory_order_relaxed) & mask))
			continue;
		n += (uint64_t)__builtin_popcountll(mask & atomic_fetch_and(&map[w], ~mask));
	}
	return n;
}

static uint64_t bits_count(const _Atomic uint64_t *map, uint64_t from, uint64_t to)
{
	uint64_t n = 0;

	for (uint64_t w = from / 64; w * 64 < to; w++)
		n += (uint64_t)__builtin_popcountll(
			atomic_load_explicit(&map[w], memory_order_relaxed) &
			word_mask(w, from, to));
	return n;
}

static void changed(struct sim_blocks *b, _Atomic uint64_t *counter, uint64_t n)
{
	if (!n)
		return;
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
	atomic_fetch_add(&b->changes, 1);
}

static int reserve(struct sim_blocks *b, const void *p, uint64_t len)
{
	const struct sim_journal_port *j = b->journal;
	uintptr_t off = (uintptr_t)p - (uintptr_t)b->head;

	return j && j->area_reserve ? j->area_reserve(j->opaque, b->head, off, len) : 0;
}

/**
 * page_counts() - have group @g's page of @map count
 * @summary: its summary, @used or @tainted; the page begins as all @ones
 */
static int page_counts(struct sim_blocks *b, _Atomic uint64_t *map, _Atomic uint64_t *summary,
		       uint64_t g, const _Atomic uint64_t *ones)
{
	_Atomic uint64_t *page = map + g * GROUP_WORDS;
	int ret = 0;

	if (bit(summary, g))
		return 0;
	sim_spin_lock(&b->lock);
	if (!bit(summary, g)) {
		uint64_t word = ones && bit(ones, g) ? ~0ull : 0;

		ret = reserve(b, page, PAGE);
		if (!ret) {
			for (unsigned int w = 0; w < GROUP_WORDS; w++)
				atomic_store_explicit(&page[w], word, memory_order_relaxed);
			set_bit(summary, g);
		}
	}
	sim_spin_unlock(&b->lock);
	return ret;
}

/* ---- changing ----------------------------------------------------------------------------- */

/* whether [@from, @to) is all there is of group @g */
static bool is_whole(const struct sim_blocks *b, uint64_t g, uint64_t from, uint64_t to)
{
	return to - from == group_end(b, g) - (g << GROUP_SHIFT);
}

int sim_blocks_prepare(struct sim_blocks *b, uint64_t slba, uint64_t nlb, bool alloc)
{
	uint64_t end = slba + nlb;
	int ret = 0;

	for (uint64_t to; slba < end && !ret; slba = to) {
		uint64_t g = slba >> GROUP_SHIFT;

		to = min64(group_end(b, g), end);
		/* without a page: there is nothing to change, or the summary is changed */
		if (!bit(b->used, g) && (bit(b->full, g) == alloc || is_whole(b, g, slba, to)))
			continue;
		ret = page_counts(b, b->alloc, b->used, g, b->full);
	}
	return ret;
}

/*
 * A whole group is all alike afterwards, and as all of it is claimed nobody else is at work in it:
 * the summary changes, the page need not.
 */
static uint64_t whole_group(struct sim_blocks *b, uint64_t g, uint64_t from, uint64_t to,
			    bool alloc)
{
	uint64_t had = bit(b->used, g) ? bits_count(b->alloc, from, to) :
		       bit(b->full, g) ? to - from : 0;

	if (alloc)
		set_bit(b->full, g);
	else
		clear_bit(b->full, g);
	clear_bit(b->used, g);
	return had;
}

int sim_blocks_set_alloc(struct sim_blocks *b, uint64_t slba, uint64_t nlb)
{
	uint64_t end = slba + nlb, n = 0;
	int ret = 0;

	assert(end <= b->nr);
	for (uint64_t to; slba < end; slba = to) {
		uint64_t g = slba >> GROUP_SHIFT;
		bool used = bit(b->used, g);

		to = min64(group_end(b, g), end);
		if (!used && bit(b->full, g))
			continue;
		if (!used && is_whole(b, g, slba, to)) {
			n += to - slba - whole_group(b, g, slba, to, true);
			continue;
		}
		ret = used ? 0 : page_counts(b, b->alloc, b->used, g, b->full);
		if (ret)
			break;
		n += bits_set(b->alloc, slba, to);
	}
	changed(b, &b->nr_alloc, n);
	return ret;
}

int sim_blocks_clear_alloc(struct sim_blocks *b, uint64_t slba, uint64_t nlb)
{
	uint64_t end = slba + nlb, n = 0;
	int ret = 0;

	assert(end <= b->nr);
	for (uint64_t to; slba < end; slba = to) {
		uint64_t g = slba >> GROUP_SHIFT;
		bool used = bit(b->used, g);

		to = min64(group_end(b, g), end);
		if (!used && !bit(b->full, g))
			continue;
		if (is_whole(b, g, slba, to)) {
			n += whole_group(b, g, slba, to, false);
			continue;
		}
		ret = used ? 0 : page_counts(b, b->alloc, b->used, g, b->full);
		if (ret)
			break;
		n += bits_clear(b->alloc, slba, to);
	}
	changed(b, &b->nr_alloc, 0 - n);
	return ret;
}

int sim_blocks_set_bad(struct sim_blocks *b, uint64_t slba, uint64_t nlb)
{
	uint64_t end = slba + nlb, n = 0;
	int ret = 0;

	assert(end <= b->nr);
	for (uint64_t to; slba < end; slba = to) {
		uint64_t g = slba >> GROUP_SHIFT;

		to = min64(group_end(b, g), end);
		ret = page_counts(b, b->bad, b->tainted, g, NULL);
		if (ret)
			break;
		n += bits_set(b->bad, slba, to);
	}
	changed(b, &b->nr_bad, n);
	return ret;
}

void sim_blocks_clear_bad(struct sim_blocks *b, uint64_t slba, uint64_t nlb)
{
	uint64_t end = slba + nlb, n = 0;

	if (!sim_blocks_any_bad(b))
		return;
	for (uint64_t to; slba < end; slba = to) {
		uint64_t g = slba >> GROUP_SHIFT;

		to = min64(group_end(b, g), end);
		if (bit(b->tainted, g))
			n += bits_clear(b->bad, slba, to);
	}
	changed(b, &b->nr_bad, 0 - n);
}

/* ---- looking ------------------------------------------------------------------------------ */

static uint64_t find_bit(const _Atomic uint64_t *map, uint64_t from, uint64_t to, bool want)
{
	for (uint64_t w = from / 64; w * 64 < to; w++) {
		uint64_t v = atomic_load_explicit(&map[w], memory_order_relaxed);

		v = (want ? v : ~v) & word_mask(w, from, to);
		if (v)
			return w * 64 + (uint64_t)__builtin_ctzll(v);
	}
	return to;
}

/* @counts, @ones: the summary of @map; @ones NULL: where @map does not count all bits are 0 */
static uint64_t find(const _Atomic uint64_t *map, const _Atomic uint64_t *counts,
		     const _Atomic uint64_t *ones, uint64_t from, uint64_t to, bool want)
{
	while (from < to) {
		uint64_t g = from >> GROUP_SHIFT, end, found;
		uint64_t used = atomic_load_explicit(&counts[g / 64], memory_order_acquire);
		uint64_t same = ones ? atomic_load(&ones[g / 64]) : 0;
		/* groups that may have one */
		uint64_t may = (used | (want ? same : ~same)) & ~0ull << (g % 64);

		if (!may) {
			from = (g / 64 + 1) * 64 << GROUP_SHIFT;
			continue;
		}
		g = g / 64 * 64 + (uint64_t)__builtin_ctzll(may);
		if (from >> GROUP_SHIFT != g)
			from = g << GROUP_SHIFT;
		if (from >= to)
			break;
		if (!(used >> (g % 64) & 1))
			return from;
		end = min64((g + 1) << GROUP_SHIFT, to);
		found = find_bit(map, from, end, want);
		if (found < end)
			return found;
		from = end;
	}
	return to;
}

uint64_t sim_blocks_find_alloc(const struct sim_blocks *b, uint64_t from, uint64_t to, bool want)
{
	return find(b->alloc, b->used, b->full, from, to, want);
}

uint64_t sim_blocks_find_bad(const struct sim_blocks *b, uint64_t from, uint64_t to, bool want)
{
	if (!sim_blocks_any_bad(b))
		return want ? to : from;
	return find(b->bad, b->tainted, NULL, from, to, want);
}

uint64_t sim_blocks_gen(const struct sim_blocks *b)
{
	return b->head->gen;
}

/* ---- opening ------------------------------------------------------------------------------ */

/* the counters, from the bits: those of a killed process need not be right */
static void recount(struct sim_blocks *b)
{
	uint64_t alloc = 0, bad = 0, groups = (b->nr + GROUP - 1) >> GROUP_SHIFT;

	for (uint64_t w = 0; w * 64 < groups; w++) {
		uint64_t any = b->used[w] | b->full[w] | b->tainted[w];

		for (; any; any &= any - 1) {
			uint64_t g = w * 64 + (uint64_t)__builtin_ctzll(any);
			uint64_t from = g << GROUP_SHIFT, to = group_end(b, g);

			if (bit(b->used, g))
				alloc += bits_count(b->alloc, from, to);
			else if (bit(b->full, g))
				alloc += to - from;
			if (bit(b->tainted, g))
				bad += bits_count(b->bad, from, to);
		}
	}
	atomic_store(&b->nr_alloc, alloc);
	atomic_store(&b->nr_bad, bad);
}

/* what the store may hold is allocated; only the data counts, as in QEMU */
static int fill(struct sim_blocks *b, const struct sim_media_params *p)
{
	const struct sim_store_ops *ops = p->store->ops;
	uint64_t off = 0, size = p->nr << p->lbads, start, end, round = (1ull << p->lbads) - 1;
	int ret = 0;

	while (!ret && off < size) {
		ret = ops->next_data(p->store, off, &start, &end);
		if (ret || start >= size)
			break;
		end = min64(end, size);
		start >>= p->lbads;
		off = (end + round) & ~round;
		ret = sim_blocks_set_alloc(b, start, (off >> p->lbads) - start);
	}
	return ret == SIM_ENOENT ? 0 : ret;
}

/* all groups alike and empty; the words that are 0 are not touched, nobody may have made them */
static void clear_summary(struct sim_blocks *b)
{
	struct layout l = layout_of(b->head->size);

	for (uint64_t w = 0; w < 3 * l.words; w++)
		if (atomic_load_explicit(&b->used[w], memory_order_relaxed))
			atomic_store_explicit(&b->used[w], 0, memory_order_relaxed);
	atomic_store(&b->nr_alloc, 0);
	atomic_store(&b->nr_bad, 0);
}

static void describe(struct sim_blocks *b, const struct sim_media_params *p)
{
	b->nr = p->nr;
	b->head->nr = p->nr;
	b->head->size = p->store->size;
	b->head->lbads = p->lbads;
	b->head->ms = p->ms;
}

static bool same_blocks(const struct sim_blocks_head *h, const struct sim_media_params *p)
{
	return h->nr == p->nr && h->lbads == p->lbads && h->ms == p->ms &&
	       h->size == p->store->size;
}

static int get_area(struct sim_blocks *b, const struct sim_media_params *p, bool *fresh)
{
	const struct sim_journal_port *j = p->subsys ? &p->subsys->journal : NULL;
	struct layout l = layout_of(p->store->size);
	int ret;

	b->nsid = p->nsid;
	b->len = l.len;
	b->journal = j && j->area ? j : NULL;
	*fresh = true;
	if (b->journal)
		b->head = j->area(j->opaque, SIM_REC_BLOCKS, p->nsid, l.len, fresh);
	else
		b->head = l.len <= SIZE_MAX ? calloc(1, (size_t)l.len) : NULL;
	if (!b->head)
		return SIM_ENOMEM;
	b->used = (_Atomic uint64_t *)at(b, l.used);
	b->full = (_Atomic uint64_t *)at(b, l.full);
	b->tainted = (_Atomic uint64_t *)at(b, l.tainted);
	b->alloc = (_Atomic uint64_t *)at(b, l.alloc);
	b->bad = (_Atomic uint64_t *)at(b, l.bad);
	ret = reserve(b, b->head, l.alloc);
	if (ret)
		sim_blocks_close(b, *fresh);
	return ret;
}

/* a number no earlier life of the same NSID had: time goes on in between */
static uint64_t new_gen(const struct sim_media_params *p)
{
	const struct sim_clock_port *c = p->subsys ? &p->subsys->clock : NULL;

	return c && c->wall_ms ? c->wall_ms(c->opaque) << 16 : 1;
}

int sim_blocks_open(struct sim_blocks *b, const struct sim_media_params *p)
{
	bool zeroed, fresh, clearing;
	int ret = get_area(b, p, &zeroed);

	if (ret)
		return ret;
	fresh = zeroed || p->store->fresh || b->head->magic != MAGIC;
	clearing = !fresh && atomic_load(&b->head->state) == AREA_CLEARING;
	if (!fresh && !clearing && same_blocks(b->head, p) &&
	    atomic_load(&b->head->state) == AREA_READY) {
		b->nr = p->nr;
		recount(b);
		return 0;
	}
	/* until it is ready, what is there counts for nothing; a reset that had begun is ended */
	if (!clearing)
		atomic_store(&b->head->state, AREA_NEW);
	b->head->gen = b->head->magic == MAGIC ? b->head->gen + 1 : new_gen(p);
	b->head->magic = MAGIC;
	describe(b, p);
	if (!zeroed)
		clear_summary(b);
	if (!clearing && !p->store->fresh)
		ret = fill(b, p);
	if (ret) {
		sim_blocks_close(b, false);
		return ret;
	}
	atomic_store(&b->head->state, AREA_READY);
	p->store->fresh = false;
	atomic_fetch_add(&b->changes, 1);
	return 0;
}

void sim_blocks_close(struct sim_blocks *b, bool forget)
{
	const struct sim_journal_port *j = b->journal;

	if (j && b->head)
		j->area_free(j->opaque, SIM_REC_BLOCKS, b->nsid, b->head, b->len, forget);
	else
		free(b->head);
	b->head = NULL;
	b->nr = 0;
}

void sim_blocks_reset(struct sim_blocks *b, const struct sim_media_params *p)
{
	atomic_store(&b->head->state, AREA_CLEARING);
	b->head->gen++;
	describe(b, p);
	clear_summary(b);
	atomic_store(&b->head->state, AREA_READY);
	atomic_fetch_add(&b->changes, 1);
}
