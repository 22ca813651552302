/* SPDX-License-Identifier: MIT */
/*
 * pool.c - chunks of logs: taken, given back, and moved together so that what is not used is no
 * memory.
 *
 * A pool is addresses for all chunks that there can ever be. Chunks are taken from the free ones
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
 * The links of chunks are 13 bytes each, and the end of a log is half empty: small units have small
 * chunks.
 */
void sim_fdp_pool_init(struct sim_fdp *g)
{
	const uint64_t blocks = (uint64_t)g->cap / FDP_BLOCK_MIN * 100 / (100 + g->p.op);

	for (unsigned int i = 0; i < FDP_POOLS; i++) {
		struct fdp_pool *p = &g->pool[i];

		p->shift = (uint8_t)((blocks < 256 ? 7 : 8) - i);
		p->per = ((1u << p->shift) - FDP_CHUNK_HEAD) / FDP_ENTRY;
		p->kind = i * FDP_SMALL;
	}
	_Static_assert(((1u << 8) - FDP_CHUNK_HEAD) / FDP_ENTRY <= UINT8_MAX, "fdp_chunk.nr");
}

static uint64_t slab_len(const struct fdp_pool *p)
{
	return (uint64_t)SLAB_CHUNKS << p->shift;
}

/* @n more slabs, for whose addresses there is room */
static int add_segment(struct sim_fdp *g, struct fdp_pool *p, uint32_t n)
{
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

static int have_room(struct sim_fdp *g, struct fdp_pool *p, uint64_t chunks)
{
	const uint64_t slabs = (chunks + SLAB_CHUNKS - 1) / SLAB_CHUNKS;
	uint8_t **slab;

	if (slabs <= p->nr_slab)
		return 0;
	if (slabs >= FDP_SMALL / SLAB_CHUNKS)
		return SIM_ENOMEM;
	slab = realloc((void *)p->slab, (size_t)slabs * sizeof(*slab));
	if (!slab)
		return SIM_ENOMEM;
	p->slab = slab;
	return add_segment(g, p, (uint32_t)slabs - p->nr_slab);
}

/*
 * A log is never longer than its unit has sectors: blocks are not smaller. It may be of small
 * chunks alone.
 */
int sim_fdp_pool_room(struct sim_fdp *g, uint64_t units)
{
	int ret = 0;

	for (unsigned int i = 0; i < FDP_POOLS && !ret; i++) {
		const uint32_t per = g->pool[i].per;

		ret = have_room(g, &g->pool[i], units * ((g->cap + per - 1) / per + 1));
	}
	return ret;
}

void sim_fdp_pool_drop(struct sim_fdp *g)
{
	for (unsigned int i = 0; i < FDP_POOLS; i++) {
		struct fdp_pool *p = &g->pool[i];

		for (struct fdp_segment *seg = p->segments, *next; seg; seg = next) {
			next = seg->next;
			sim_fdp_memory_free(g, seg->mem, seg->len);
			free(seg);
		}
		free((void *)p->slab);
		*p = (struct fdp_pool){ .shift = p->shift, .per = p->per, .kind = p->kind };
	}
}

/* ---- taking and giving back ------------------------------------------------------------------ */

/* one of the pool's, by its place in it; else a chunk has its number */
static struct fdp_chunk *chunk_at(const struct fdp_pool *p, uint32_t at)
{
	return fdp_chunk(p - p->kind / FDP_SMALL, at | p->kind);
}

/* the lock is held */
static void unlist(struct fdp_pool *p, uint32_t at)
{
	struct fdp_chunk *c = chunk_at(p, at);

	if (c->prev)
		chunk_at(p, c->prev - 1)->next = c->next;
	else
		p->free = c->next;
	if (c->next)
		chunk_at(p, c->next - 1)->prev = c->prev;
}

static uint32_t take(struct fdp_pool *p, uint32_t unit)
{
	struct fdp_chunk *c;
	uint32_t at;

	sim_spin_lock(&p->lock);
	at = p->free - 1;
	if (p->free) {
		unlist(p, at);
	} else {
		at = p->top++;
		assert(at >> FDP_SLAB_SHIFT < p->nr_slab);
		if (p->touched < p->top)
			p->touched = p->top;
	}
	c = chunk_at(p, at);
	c->owner = unit + 1;
	c->next = c->prev = at | p->kind;
	c->nr = 0;
	atomic_store_explicit(&p->used, atomic_load(&p->used) + 1, memory_order_relaxed);
	atomic_store_explicit(&p->taken, atomic_load(&p->taken) + 1, memory_order_relaxed);
	sim_spin_unlock(&p->lock);
	return at | p->kind;
}

static void give_back(struct sim_fdp *g, uint32_t i)
{
	struct fdp_pool *p = &g->pool[i / FDP_SMALL];
	struct fdp_chunk *c = fdp_chunk(g->pool, i);
	const uint32_t at = i & ~FDP_SMALL;

	sim_spin_lock(&p->lock);
	c->owner = 0;
	c->prev = 0;
	c->next = p->free;
	if (p->free)
		chunk_at(p, p->free - 1)->prev = at + 1;
	p->free = at + 1;
	atomic_store_explicit(&p->used, atomic_load(&p->used) - 1, memory_order_relaxed);
	sim_spin_unlock(&p->lock);
}

/* ---- logs ------------------------------------------------------------------------------------ */

/* chunk @to takes the place and the entries of @from in the unit's log, and @from is nobody's */
static void replace(struct sim_fdp *g, uint32_t unit, uint32_t from, uint32_t to)
{
	struct fdp_chunk *old = fdp_chunk(g->pool, from), *new = fdp_chunk(g->pool, to);
	struct fdp_log *log = &g->log[unit];

	memcpy(new->entry, old->entry, (size_t)old->nr * FDP_ENTRY);
	new->nr = old->nr;
	if (old->next != from) {
		new->next = old->next;
		new->prev = old->prev;
		fdp_chunk(g->pool, new->next)->prev = to;
		fdp_chunk(g->pool, new->prev)->next = to;
	}
	if (log->first == from + 1)
		log->first = to + 1;
	atomic_fetch_add_explicit(&log->chunks, fdp_chunks(to) - fdp_chunks(from),
				  memory_order_relaxed);
	give_back(g, from);
}

/* another chunk, a small one, at the end */
static struct fdp_chunk *append(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_log *log = &g->log[unit];
	const uint32_t i = take(&g->pool[1], unit), first = log->first - 1;
	struct fdp_chunk *c = fdp_chunk(g->pool, i), *head;

	if (log->first) {
		head = fdp_chunk(g->pool, first);
		c->next = first;
		c->prev = head->prev;
		fdp_chunk(g->pool, head->prev)->next = i;
		head->prev = i;
	} else {
		log->first = i + 1;
	}
	atomic_fetch_add_explicit(&log->chunks, 1, memory_order_relaxed);
	return c;
}

struct fdp_chunk *sim_fdp_log_more(struct sim_fdp *g, uint32_t unit)
{
	const struct fdp_log *log = &g->log[unit];
	const uint32_t last = log->first ? fdp_chunk(g->pool, log->first - 1)->prev : 0;
	struct fdp_chunk *c;

	/* who goes through the log may be at that chunk */
	if (last & FDP_SMALL && !log->busy) {
		const uint32_t i = take(&g->pool[0], unit);

		replace(g, unit, last, i);
		c = fdp_chunk(g->pool, i);
	} else {
		c = append(g, unit);
	}
	sim_fdp_tidy_check(g);
	return c;
}

void sim_fdp_log_end(struct sim_fdp *g, uint32_t unit)
{
	const uint32_t first = g->log[unit].first;
	const uint32_t last = first ? fdp_chunk(g->pool, first - 1)->prev : FDP_SMALL;

	if (!(last & FDP_SMALL) && fdp_chunk(g->pool, last)->nr <= g->pool[1].per)
		replace(g, unit, last, take(&g->pool[1], unit));
}

uint32_t sim_fdp_log_less(struct sim_fdp *g, uint32_t unit, uint32_t i)
{
	struct fdp_log *log = &g->log[unit];
	struct fdp_chunk *c = fdp_chunk(g->pool, i);
	const uint32_t next = c->next;

	if (next == i) {
		log->first = 0;
	} else {
		fdp_chunk(g->pool, c->prev)->next = next;
		fdp_chunk(g->pool, next)->prev = c->prev;
		if (log->first == i + 1)
			log->first = next + 1;
	}
	atomic_fetch_sub_explicit(&log->chunks, fdp_chunks(i), memory_order_relaxed);
	give_back(g, i);
	return next;
}

void sim_fdp_log_clear(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_log *log = &g->log[unit];
	const bool any = log->first;

	while (log->first)
		sim_fdp_log_less(g, unit, log->first - 1);
	log->busy = false;
	log->twice = false;
	if (any && sim_fdp_pool_loose(g))
		atomic_store(&g->over, 1);
}

/* ---- what is not used is no memory ----------------------------------------------------------- */

/* memory from chunk @from on goes back, in the segment of the last one; the lock is held */
static void punch(struct sim_fdp *g, struct fdp_pool *p, uint32_t from)
{
	const struct sim_journal_port *j = &g->s->journal;
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
static bool sweep(struct sim_fdp *g, struct fdp_pool *p)
{
	uint32_t n = SWEEP;

	while (n && p->top && !chunk_at(p, p->top - 1)->owner) {
		unlist(p, --p->top);
		n--;
	}
	if (is_high(p))
		punch(g, p, p->top);
	return n && has_holes(p);
}

static bool is_loose(struct fdp_pool *p)
{
	bool loose;

	sim_spin_lock(&p->lock);
	loose = has_holes(p) || is_high(p);
	sim_spin_unlock(&p->lock);
	return loose;
}

bool sim_fdp_pool_loose(struct sim_fdp *g)
{
	bool loose = false;

	for (unsigned int i = 0; i < FDP_POOLS; i++)
		loose |= is_loose(&g->pool[i]);
	return loose;
}

/* the topmost chunk, at @from, goes to a free one; both locks are held */
static void move(struct sim_fdp *g, struct fdp_pool *p, uint32_t unit, uint32_t from)
{
	const uint32_t at = p->free - 1, to = at | p->kind;
	struct fdp_chunk *old = chunk_at(p, from), *new = chunk_at(p, at);

	unlist(p, at);
	memcpy(new, old, (size_t)1 << p->shift);
	from |= p->kind;
	if (old->next == from) {
		new->next = new->prev = to;
	} else {
		fdp_chunk(g->pool, new->next)->prev = to;
		fdp_chunk(g->pool, new->prev)->next = to;
	}
	if (g->log[unit].first == from + 1)
		g->log[unit].first = to + 1;
	if (g->tidy.at == from)
		g->tidy.at = to;
	p->top--;
}

/* a step towards fewer. Return: whether it was one */
static bool shrink(struct sim_fdp *g, struct fdp_pool *p)
{
	_Atomic uint32_t *held;
	uint32_t top, unit;
	bool more;

	sim_spin_lock(&p->lock);
	more = sweep(g, p);
	top = p->top - 1;
	unit = more ? chunk_at(p, top)->owner - 1 : 0;
	sim_spin_unlock(&p->lock);
	if (!more)
		return is_loose(p);
	held = sim_fdp_hold(g, unit);
	if (!held)
		return false;
	sim_spin_lock(&p->lock);
	if (p->free && p->top - 1 == top && chunk_at(p, top)->owner == unit + 1)
		move(g, p, unit, top);
	sim_spin_unlock(&p->lock);
	sim_spin_unlock(held);
	return true;
}

bool sim_fdp_pool_shrink(struct sim_fdp *g)
{
	for (unsigned int i = 0; i < FDP_POOLS; i++)
		if (is_loose(&g->pool[i]) && shrink(g, &g->pool[i]))
			return true;
	return false;
}
