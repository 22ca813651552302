/* SPDX-License-Identifier: MIT */
/*
 * pool.c - chunks of logs: taken, given back, and moved together so that what is not used is no
 * memory.
 *
 * The pool is addresses for all chunks that there can ever be. Chunks are taken from the free ones
 * below the top, or at the top. Where too many are free, the topmost chunk's contents go to one of
 * them: chunks know their neighbours, so that this is a copy of one chunk, whatever log it is in.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "priv.h"

#define SLAB_CHUNKS (1u << FDP_SLAB_SHIFT)
#define PAGE	    4096u
#define PUNCH_MAX   (1u << 20) /* bytes that go back to the system at a time */
#define SWEEP	    32u	       /* free chunks at the top that are dropped at a time */

/* whether more chunks below the top are free than may be */
static bool has_holes(const struct fdp_pool *p)
{
	return p->top - atomic_load_explicit(&p->used, memory_order_relaxed) >
	       p->top / 64 + (FDP_POOL_HOLES >> p->shift);
}

/* whether more is touched above it than may be */
static bool is_high(const struct fdp_pool *p)
{
	return p->touched - p->top > p->top / 128 + (FDP_POOL_ABOVE >> p->shift);
}

/* ---- memory --------------------------------------------------------------------------------- */

/*
 * The ends of logs are half a chunk each, the links of chunks 13 bytes: small units have small ones
 */
void sim_fdp_pool_init(struct sim_fdp *g)
{
	const uint64_t blocks = (uint64_t)g->cap / FDP_BLOCK_MIN * 100 / (100 + g->p.op);
	struct fdp_pool *p = &g->pool;

	p->shift = blocks < 2048 ? 7 : 8;
	p->per = ((1u << p->shift) - FDP_CHUNK_HEAD) / FDP_ENTRY;
	_Static_assert(((1u << 8) - FDP_CHUNK_HEAD) / FDP_ENTRY <= UINT8_MAX, "fdp_chunk.nr");
}

static uint64_t slab_len(const struct fdp_pool *p)
{
	return (uint64_t)SLAB_CHUNKS << p->shift;
}

/* @n more slabs, for whose addresses there is room */
static int add_segment(struct sim_fdp *g, uint32_t n)
{
	struct fdp_pool *p = &g->pool;
	struct fdp_segment *seg = malloc(sizeof(*seg));

	if (!seg)
		return SIM_ENOMEM;
	*seg = (struct fdp_segment){ p->segments, NULL, n * slab_len(p), p->nr_slab };
	seg->mem = sim_fdp_memory(g, seg->len);
	if (!seg->mem) {
		free(seg);
		return SIM_ENOMEM;
	}
	p->segments = seg;
	for (uint32_t i = 0; i < n; i++)
		p->slab[p->nr_slab++] = seg->mem + i * slab_len(p);
	return 0;
}

/* A log is never longer than its unit has sectors: blocks are not smaller. */
int sim_fdp_pool_room(struct sim_fdp *g, uint64_t units)
{
	struct fdp_pool *p = &g->pool;
	const uint64_t chunks = units * ((g->cap + p->per - 1) / p->per + 1);
	const uint64_t slabs = (chunks + SLAB_CHUNKS - 1) / SLAB_CHUNKS;
	uint8_t **slab;

	if (slabs <= p->nr_slab)
		return 0;
	if (slabs >= UINT32_MAX / SLAB_CHUNKS)
		return SIM_ENOMEM;
	slab = realloc((void *)p->slab, (size_t)slabs * sizeof(*slab));
	if (!slab)
		return SIM_ENOMEM;
	p->slab = slab;
	return add_segment(g, (uint32_t)slabs - p->nr_slab);
}

void sim_fdp_pool_drop(struct sim_fdp *g)
{
	struct fdp_pool *p = &g->pool;

	for (struct fdp_segment *seg = p->segments, *next; seg; seg = next) {
		next = seg->next;
		sim_fdp_memory_free(g, seg->mem, seg->len);
		free(seg);
	}
	free((void *)p->slab);
	*p = (struct fdp_pool){ .shift = p->shift, .per = p->per };
}

/* ---- taking and giving back ------------------------------------------------------------------ */

/* the lock is held */
static void unlist(struct fdp_pool *p, uint32_t i)
{
	struct fdp_chunk *c = fdp_chunk(p, i);

	if (c->prev)
		fdp_chunk(p, c->prev - 1)->next = c->next;
	else
		p->free = c->next;
	if (c->next)
		fdp_chunk(p, c->next - 1)->prev = c->prev;
}

static uint32_t take(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_pool *p = &g->pool;
	struct fdp_chunk *c;
	uint32_t i;

	sim_spin_lock(&p->lock);
	i = p->free - 1;
	if (p->free) {
		unlist(p, i);
	} else {
		i = p->top++;
		assert(i >> FDP_SLAB_SHIFT < p->nr_slab);
		if (p->touched < p->top)
			p->touched = p->top;
	}
	c = fdp_chunk(p, i);
	c->owner = unit + 1;
	c->next = c->prev = i;
	c->nr = 0;
	atomic_store_explicit(&p->used, atomic_load(&p->used) + 1, memory_order_relaxed);
	atomic_store_explicit(&p->taken, atomic_load(&p->taken) + 1, memory_order_relaxed);
	sim_spin_unlock(&p->lock);
	return i;
}

static void give_back(struct fdp_pool *p, uint32_t i)
{
	struct fdp_chunk *c = fdp_chunk(p, i);

	sim_spin_lock(&p->lock);
	c->owner = 0;
	c->prev = 0;
	c->next = p->free;
	if (p->free)
		fdp_chunk(p, p->free - 1)->prev = i + 1;
	p->free = i + 1;
	atomic_store_explicit(&p->used, atomic_load(&p->used) - 1, memory_order_relaxed);
	sim_spin_unlock(&p->lock);
}

/* ---- logs ------------------------------------------------------------------------------------ */

struct fdp_chunk *sim_fdp_log_more(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_pool *p = &g->pool;
	struct fdp_log *log = &g->log[unit];
	const uint32_t i = take(g, unit), first = log->first - 1;
	struct fdp_chunk *c = fdp_chunk(p, i), *head;

	if (log->first) {
		head = fdp_chunk(p, first);
		c->next = first;
		c->prev = head->prev;
		fdp_chunk(p, head->prev)->next = i;
		head->prev = i;
	} else {
		log->first = i + 1;
	}
	atomic_fetch_add_explicit(&log->chunks, 1, memory_order_relaxed);
	sim_fdp_tidy_check(g);
	return c;
}

uint32_t sim_fdp_log_less(struct sim_fdp *g, uint32_t unit, uint32_t i)
{
	struct fdp_pool *p = &g->pool;
	struct fdp_log *log = &g->log[unit];
	struct fdp_chunk *c = fdp_chunk(p, i);
	const uint32_t next = c->next;

	if (next == i) {
		log->first = 0;
	} else {
		fdp_chunk(p, c->prev)->next = next;
		fdp_chunk(p, next)->prev = c->prev;
		if (log->first == i + 1)
			log->first = next + 1;
	}
	atomic_fetch_sub_explicit(&log->chunks, 1, memory_order_relaxed);
	give_back(p, i);
	return next;
}

void sim_fdp_log_clear(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_log *log = &g->log[unit];

	while (log->first)
		sim_fdp_log_less(g, unit, log->first - 1);
	log->busy = false;
	log->twice = false;
}

/* ---- what is not used is no memory ----------------------------------------------------------- */

/* memory from chunk @from on goes back, in the segment of the last one; the lock is held */
static void punch(struct sim_fdp *g, uint32_t from)
{
	const struct sim_journal_port *j = &g->s->journal;
	struct fdp_pool *p = &g->pool;
	const struct fdp_segment *seg = p->segments;
	uint32_t least;

	while (seg->first << FDP_SLAB_SHIFT >= p->touched)
		seg = seg->next;
	least = seg->first << FDP_SLAB_SHIFT;
	if (p->touched - from > PUNCH_MAX >> p->shift)
		from = p->touched - (PUNCH_MAX >> p->shift);
	from = from < least ? least : from;
	/* the rest of the last page has nothing in it either */
	if (j->area && j->area_punch)
		j->area_punch(j->opaque, seg->mem, (uint64_t)(from - least) << p->shift,
			      ((uint64_t)(p->touched - from) << p->shift) + PAGE - 1);
	p->touched = from;
}

/* The lock is held. Return: whether the topmost chunk is one that is used, and should be moved */
static bool sweep(struct sim_fdp *g)
{
	struct fdp_pool *p = &g->pool;
	uint32_t n = SWEEP;

	while (n && p->top && !fdp_chunk(p, p->top - 1)->owner) {
		unlist(p, --p->top);
		n--;
	}
	if (is_high(p))
		punch(g, p->top);
	return n && has_holes(p);
}

bool sim_fdp_pool_loose(struct sim_fdp *g)
{
	struct fdp_pool *p = &g->pool;
	bool loose;

	sim_spin_lock(&p->lock);
	loose = has_holes(p) || is_high(p);
	sim_spin_unlock(&p->lock);
	return loose;
}

/* the topmost chunk, @from, goes to a free one; both locks are held */
static void move(struct sim_fdp *g, uint32_t unit, uint32_t from)
{
	struct fdp_pool *p = &g->pool;
	const uint32_t to = p->free - 1;
	struct fdp_chunk *old = fdp_chunk(p, from), *new = fdp_chunk(p, to);

	unlist(p, to);
	memcpy(new, old, (size_t)1 << p->shift);
	if (old->next == from) {
		new->next = new->prev = to;
	} else {
		fdp_chunk(p, new->next)->prev = to;
		fdp_chunk(p, new->prev)->next = to;
	}
	if (g->log[unit].first == from + 1)
		g->log[unit].first = to + 1;
	if (g->tidy.at == from)
		g->tidy.at = to;
	p->top--;
}

bool sim_fdp_pool_shrink(struct sim_fdp *g)
{
	struct fdp_pool *p = &g->pool;
	_Atomic uint32_t *held;
	uint32_t top, unit;
	bool more;

	sim_spin_lock(&p->lock);
	more = sweep(g);
	top = p->top - 1;
	unit = more ? fdp_chunk(p, top)->owner - 1 : 0;
	sim_spin_unlock(&p->lock);
	if (!more)
		return sim_fdp_pool_loose(g);
	held = sim_fdp_hold(g, unit);
	if (!held)
		return false;
	sim_spin_lock(&p->lock);
	if (p->free && p->top - 1 == top && fdp_chunk(p, top)->owner == unit + 1)
		move(g, unit, top);
	sim_spin_unlock(&p->lock);
	sim_spin_unlock(held);
	return true;
}
