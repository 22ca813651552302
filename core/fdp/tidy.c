/* SPDX-License-Identifier: MIT */
/*
 * tidy.c - logs hold what their units hold: entries of blocks that have left are dropped.
 *
 * An overwritten block's old entry stays where it is. When logs together take more than the blocks
 * that are in units account for (limit()), the log with the most to be gained is gone through, a
 * chunk at a time, by commands that write or deallocate, and by a timer where there are none. What
 * is gone through is at least a sixteenth waste, or an eighth by commands that write, mostly much
 * more: so an entry costs a few looks at the map before it is dropped, and each write adds at most
 * one.
 *
 * A block that came to the unit several times has several entries, all of which are true. Where a
 * log is too long although all of its entries are, they are told apart by a mark in the map: the
 * first entry that is kept marks its block, and what stands for a marked one is dropped. The next
 * time that is done in a unit the mark is another one, so that nobody has to take it away.
 *
 * Where that does not help, since blocks are in so many units that there is nothing left for logs,
 * what is in the emptiest ones goes together (collect.c).
 */
#include <string.h>

#include "priv.h"

#define FREE	   (16u << 10) /* bytes that logs may take whatever there is */
#define BEGUN	   (12u << 10) /* of units' counts, their logs and extents */
#define WINDOW	   64u	       /* units that are looked at, at least, before one is chosen */
#define LOOK	   4u	       /* a look at a unit, in looks at a block */
#define MOVE	   16u	       /* moving a chunk, likewise; freeing some */
#define FREED	   32u	       /* chunks that are freed at a time, of a unit that holds nothing */
#define UNIT_BYTES (sizeof(struct fdp_unit) + sizeof(struct fdp_log) + sizeof(uint32_t))
#define AHEAD	   8u	      /* entries */
#define IN_CACHE   (1u << 20) /* bytes of maps that are likely to be in a cache */
#define RUN_BUDGET 32768u
#define RUN_NS	   1000000ull  /* between two turns of the timer */
#define FIRST_NS   20000000ull /* until the first one */
#define GONE	   16u	       /* looks at blocks for one that has gone */
#define GONE_MAX   (1u << 20)  /* a few milliseconds */
#define CROWD	   512u	       /* units; what fewer of them take does not matter */

/*
 * The part of a log that is to be gained, at least. A write adds an entry, so if its part is an
 * eighth, it looks at eight others at most in the long run.
 */
static const uint32_t share[FDP_TIDY_BY] = { [FDP_TIDY_WRITE] = 8, [FDP_TIDY_REST] = 16 };

/* ---- when ----------------------------------------------------------------------------------- */

/* blocks that are in a unit; the number is a few behind, and may be less than none for a moment */
static uint64_t blocks_in(const struct sim_fdp *g)
{
	const int64_t live = atomic_load_explicit(&g->live, memory_order_relaxed);

	return live > 0 ? (uint64_t)live : 0;
}

/*
 * Bytes of chunks that logs may take: of 8 bytes for a block that is in a unit, what maps leave,
 * which take 4 to 4.3 and a few pages that are begun. An eighth of a byte is left for the part of
 * the chunks that may be free (pool.c). The constant part of these, and pages of arrays that are
 * begun, are a part of the 8 bytes as well where that is not more than 3/8 of a byte; where there
 * are fewer blocks, logs are not made as short as they can be for the sake of a few pages.
 */
static uint64_t limit(const struct sim_fdp *g)
{
	const uint64_t units = (uint64_t)atomic_load(&g->head->high) * g->p.nrg * UNIT_BYTES;
	const uint64_t free = FDP_POOLS * (FDP_POOL_HOLES + FDP_POOL_ABOVE) + BEGUN + FREE;
	const uint64_t n = blocks_in(g), most = n * 3 / 8;
	const int64_t have = atomic_load_explicit(&g->map_bytes, memory_order_relaxed);
	const uint64_t maps = have < (int64_t)(n * 9 / 2) ? (uint64_t)have : n * 9 / 2;
	const uint64_t bytes = n * 8 - maps - n / 8 - (most < free ? most : free);

	return (bytes > units ? bytes - units : 0) + FREE;
}

/* whether logs are too long, and something has happened since that was found not to be helped */
static bool is_too_long(const struct sim_fdp *g, enum fdp_tidy_by by)
{
	return fdp_used(g) > limit(g) &&
	       (int32_t)(fdp_taken(g) -
			 atomic_load_explicit(&g->tidy.idle[by], memory_order_relaxed)) >= 0;
}

static uint64_t units_used(const struct sim_fdp *g)
{
	uint64_t n = 0;

	for (uint32_t rg = 0; rg < g->p.nrg; rg++)
		n += g->units - atomic_load_explicit(&g->rg[rg].nr_free, memory_order_relaxed);
	return n;
}

/* bytes that logs would take if there were nothing in them but what is in the units, about */
static uint64_t least(const struct sim_fdp *g)
{
	return (blocks_in(g) << g->pool[0].shift) / g->pool[0].per +
	       (units_used(g) << g->pool[1].shift) / 4 * 3;
}

/* who writes: where not much is left for other entries, he looks for as little as who has time */
static enum fdp_tidy_by writer(const struct sim_fdp *g)
{
	return least(g) / 8 * 9 > limit(g) ? FDP_TIDY_REST : FDP_TIDY_WRITE;
}

/* whether blocks are in so many units that nearly nothing is left, and that may be helped */
static bool is_crowded(const struct sim_fdp *g)
{
	return least(g) / 32 * 33 > limit(g) && units_used(g) >= CROWD &&
	       atomic_load_explicit(&g->tidy.stuck, memory_order_relaxed) !=
		       atomic_load_explicit(&g->clock, memory_order_relaxed) + 1;
}

/* whether who writes has something to do */
static bool is_over(const struct sim_fdp *g)
{
	return is_too_long(g, writer(g)) || is_crowded(g);
}

void sim_fdp_tidy_check(struct sim_fdp *g)
{
	if (!atomic_load_explicit(&g->over, memory_order_relaxed) && is_over(g))
		atomic_store_explicit(&g->over, 1, memory_order_relaxed);
}

/* ---- whose the log is ------------------------------------------------------------------------ */

static _Atomic uint32_t *try(_Atomic uint32_t *lock)
{
	return sim_spin_try(lock) ? lock : NULL;
}

/* the collector's lock is held: whether it is one that the collector reads or writes */
static bool is_collectors(const struct sim_fdp *g, uint32_t unit, uint32_t rg)
{
	const uint64_t word = atomic_load(&g->unit[unit].word);
	const uint32_t domain = g->cfg->persistent ? fdp_ruhid(word) : 0;

	return fdp_state(word) == FDP_FULL ||
	       (fdp_state(word) == FDP_OPEN && domain < fdp_domains(g) &&
		g->target[(uint64_t)domain * g->p.nrg + rg] == unit + 1);
}

_Atomic uint32_t *sim_fdp_hold(struct sim_fdp *g, uint32_t unit)
{
	const uint64_t word = atomic_load(&g->unit[unit].word);
	const uint32_t rg = fdp_rg_of(g, unit);
	const uint16_t h = fdp_ruhid(word);
	_Atomic uint32_t *lock;

	if (fdp_state(word) == FDP_FREE)
		return NULL;
	if (fdp_state(word) == FDP_OPEN && h < g->cfg->nruh &&
	    atomic_load(&fdp_slot_of(g, h, rg)->unit) == unit + 1) {
		lock = try(&fdp_open_of(g, h, rg)->lock);
		if (!lock || atomic_load(&fdp_slot_of(g, h, rg)->unit) == unit + 1)
			return lock;
		sim_spin_unlock(lock);
		return NULL;
	}
	lock = try(&g->rg[rg].collector);
	if (!lock || is_collectors(g, unit, rg))
		return lock;
	sim_spin_unlock(lock);
	return NULL;
}

/* ---- which ---------------------------------------------------------------------------------- */

/* chunks that a unit's log has beside those that it needs for what is in the unit */
static uint32_t gain(const struct sim_fdp *g, uint32_t unit)
{
	const uint32_t n = atomic_load_explicit(&g->log[unit].chunks, memory_order_relaxed);
	const struct fdp_pool *pools = g->pool;
	uint64_t blocks = 0, need, end;

	for (unsigned int i = 0; i < g->nr_ns && n; i++)
		blocks += atomic_load_explicit(&g->ns[i]->valid[unit], memory_order_relaxed) /
			  g->ns[i]->block;
	end = blocks % pools[0].per;
	need = blocks / pools[0].per * 2 + (end ? 1 : 0) + (end > pools[1].per);
	return n > need ? n - (uint32_t)need : 0;
}

static bool is_worth(const struct fdp_tidy *t, uint32_t won, uint32_t chunks)
{
	return won && (uint64_t)won * share[t->by] >= chunks;
}

/* at least half of what is to be gained is in logs of which half as much as of all is */
static bool is_good(const struct sim_fdp *g, const struct fdp_tidy *t)
{
	const uint64_t used = fdp_used(g) >> g->pool[1].shift;
	const uint64_t need = blocks_in(g) * 2 / g->pool[0].per;

	return used <= need || t->won * used * 2 >= t->chunks * (used - need);
}

static void look(const struct sim_fdp *g, struct fdp_tidy *t, uint32_t unit)
{
	const uint32_t chunks = atomic_load_explicit(&g->log[unit].chunks, memory_order_relaxed);
	const uint32_t won = gain(g, unit);

	if (!is_worth(t, won, chunks) ||
	    (t->best && (uint64_t)won * t->chunks <= (uint64_t)t->won * chunks))
		return;
	/* that would have to be marked, and is on its way out */
	if (atomic_load_explicit(&g->log[unit].twice, memory_order_relaxed) &&
	    atomic_load_explicit(&g->rg[fdp_rg_of(g, unit)].victim, memory_order_relaxed) ==
		    unit + 1)
		return;
	t->best = unit + 1;
	t->won = won;
	t->chunks = chunks;
}

/* Return: whether there is a unit, t->unit; else there is none, or @budget was not enough */
static bool choose(struct sim_fdp *g, int64_t *budget)
{
	struct fdp_tidy *t = &g->tidy;
	const uint32_t units = atomic_load(&g->head->high) * g->p.nrg;

	while (t->looked < units && !(t->looked >= WINDOW && t->best && is_good(g, t))) {
		if (*budget <= 0)
			return false;
		t->hand = t->hand + 1 < units ? t->hand + 1 : 0;
		look(g, t, t->hand);
		t->looked++;
		*budget -= LOOK + g->nr_ns;
	}
	t->unit = t->best;
	t->begun = false;
	t->best = t->looked = 0;
	/* until there is more of it; who looks for less has found nothing either */
	for (unsigned int by = 0; by <= (unsigned int)t->by && !t->unit; by++)
		atomic_store(&t->idle[by], fdp_taken(g) + WINDOW / 4 + units / WINDOW);
	return t->unit;
}

/* ---- what stays ------------------------------------------------------------------------------ */

/*
 * Of a page's blocks, and those before if @in is 1: is one in @unit? With @mark: and none of them
 * was told so before; one has the mark then, and none an older one. Return: 1: one is, 0: none, -1:
 * one is, and has been told.
 */
static int is_in_page(struct sim_fdp_ns *f, uint64_t page, uint32_t lo, uint32_t hi, uint32_t unit,
		      uint32_t mark, int in)
{
	_Atomic uint32_t *word;
	struct fdp_words w;

	fdp_page_lock(&f->map, page);
	w = fdp_words(&f->map, page, lo);
	for (; in >= 0 && (word = fdp_next(&w, &lo, hi)); lo++) {
		const uint32_t is = fdp_load(word);

		if (fdp_unit_of(is) != unit + 1)
			continue;
		if (mark && fdp_mark_of(is) == mark) {
			in = -1;
		} else {
			if (mark)
				fdp_set(word, fdp_mapped(unit, in ? 0 : mark));
			in = 1;
		}
		if (!mark)
			break;
	}
	fdp_page_unlock(&f->map, page);
	return in;
}

/* the same of the blocks from @lba on that have one index, which may be more than a page's */
static int is_in(struct sim_fdp_ns *f, uint64_t lba, uint32_t unit, uint32_t mark)
{
	const uint64_t blocks = f->map.pages * FDP_PAGE;
	uint64_t end = lba + (1ull << f->shift);
	int in = 0;

	end = end < blocks ? end : blocks;
	for (; lba < end && in >= 0 && !(in && !mark); lba = (lba / FDP_PAGE + 1) * FDP_PAGE) {
		const uint32_t lo = lba % FDP_PAGE;
		const uint64_t n = end - lba < FDP_PAGE - lo ? end - lba : FDP_PAGE - lo;

		in = is_in_page(f, lba / FDP_PAGE, lo, lo + (uint32_t)n, unit, mark, in);
	}
	return in;
}

static bool stays(const struct sim_fdp *g, uint32_t unit, uint32_t index, uint32_t mark)
{
	bool in = false;

	for (unsigned int i = 0; i < g->nr_ns; i++) {
		struct sim_fdp_ns *f = g->ns[i];
		const uint32_t at = (index - f->base) & FDP_INDEX_MASK;
		int one;

		if (at >= f->span)
			continue;
		one = is_in(f, (uint64_t)at << f->shift, unit, mark);
		if (one > 0 && !mark)
			return true;
		in |= one > 0;
	}
	return in;
}

/* ---- how ------------------------------------------------------------------------------------ */

/* entries of chunk @i go to what is left of the one before */
static void join(const struct fdp_pool *pools, uint32_t i)
{
	struct fdp_chunk *c = fdp_chunk(pools, i), *before = fdp_chunk(pools, c->prev);
	const uint32_t room = fdp_pool_of(pools, c->prev)->per - before->nr;
	const uint32_t n = room < c->nr ? room : c->nr;

	memcpy(before->entry + before->nr * FDP_ENTRY, c->entry, (size_t)n * FDP_ENTRY);
	memmove(c->entry, c->entry + n * FDP_ENTRY, (size_t)(c->nr - n) * FDP_ENTRY);
	before->nr = (uint8_t)(before->nr + n);
	c->nr = (uint8_t)(c->nr - n);
}

/* entries behind @k are looked at soon: where there is much, waiting for memory is most of a look
 */
static void look_ahead(const struct sim_fdp *g, const struct fdp_chunk *c, uint32_t k)
{
	if (atomic_load_explicit(&g->map_bytes, memory_order_relaxed) < IN_CACHE)
		return;
	for (uint32_t ahead = AHEAD; ahead; ahead -= AHEAD / 2) {
		const uint32_t index = k + ahead < c->nr ? fdp_entry(c, k + ahead) : 0;

		for (unsigned int i = 0; i < g->nr_ns && k + ahead < c->nr; i++) {
			struct sim_fdp_ns *f = g->ns[i];
			const uint32_t at = (index - f->base) & FDP_INDEX_MASK;

			if (at < f->span)
				fdp_soon(&f->map, (uint64_t)at << f->shift, ahead == AHEAD);
		}
	}
}

/* Return: whether that was the last chunk */
static bool do_chunk(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_tidy *t = &g->tidy;
	struct fdp_log *log = &g->log[unit];
	struct fdp_chunk *c = fdp_chunk(g->pool, t->at);
	const uint32_t mark = t->marks ? log->mark : 0, i = t->at, first = log->first - 1;
	uint32_t n = 0;

	for (uint32_t k = 0; k < c->nr; k++) {
		const uint32_t index = fdp_entry(c, k);

		look_ahead(g, c, k);
		if (stays(g, unit, index, mark))
			fdp_entry_put(c, n++, index);
	}
	c->nr = (uint8_t)n;
	t->at = c->next;
	if (i != first)
		join(g->pool, i);
	if (!c->nr)
		sim_fdp_log_less(g, unit, i);
	return t->at == first;
}

/* the unit holds nothing. Return: whether its log is empty */
static bool do_empty(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_log *log = &g->log[unit];

	for (uint32_t n = 0; n < FREED && log->first; n++)
		sim_fdp_log_less(g, unit, log->first - 1);
	return !log->first;
}

static void begin(struct sim_fdp *g, uint32_t unit, bool victim)
{
	struct fdp_tidy *t = &g->tidy;
	struct fdp_log *log = &g->log[unit];

	t->begun = log->busy = true;
	t->at = log->first - 1;
	t->marks = log->twice && !victim;
	if (t->marks)
		log->mark = log->mark == 1 ? 2 : 1;
}

static void end(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_log *log = &g->log[unit];

	log->busy = false;
	sim_fdp_log_end(g, unit);
	log->twice = !g->tidy.marks && is_worth(&g->tidy, gain(g, unit), atomic_load(&log->chunks));
	g->tidy.unit = 0;
}

/* the unit's log is held. Return: looks at blocks */
static uint32_t do_unit(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_rg *r = &g->rg[fdp_rg_of(g, unit)];
	struct fdp_tidy *t = &g->tidy;
	struct fdp_log *log = &g->log[unit];
	const bool full = fdp_state(atomic_load(&g->unit[unit].word)) == FDP_FULL;
	const bool victim = full && r->victim == unit + 1;
	uint32_t looks = MOVE;

	/* erased meanwhile, and perhaps written again; or the collector has part of it */
	if (!log->first || (t->begun && !log->busy)) {
		t->unit = 0;
		return 1;
	}
	if (!t->begun)
		begin(g, unit, victim);
	if (victim)
		r->cursor = 0; /* what it has done, it finds done */
	if (full && !sim_fdp_valid(g, unit)) {
		if (do_empty(g, unit))
			end(g, unit);
		else
			t->at = log->first - 1;
	} else {
		looks = fdp_chunk(g->pool, t->at)->nr + 1;
		if (do_chunk(g, unit))
			end(g, unit);
	}
	return looks;
}

/* Return: whether something was done */
static bool go_on(struct sim_fdp *g, int64_t *budget)
{
	struct fdp_tidy *t = &g->tidy;
	_Atomic uint32_t *held;
	uint32_t unit;

	if (t->unit && fdp_state(atomic_load(&g->unit[t->unit - 1].word)) == FDP_FREE)
		t->unit = 0;
	if (!t->unit && !choose(g, budget))
		return false;
	unit = t->unit - 1;
	held = sim_fdp_hold(g, unit);
	if (held) {
		*budget -= do_unit(g, unit);
		sim_spin_unlock(held);
		return true;
	}
	/* A log is gone through to its end, unless the unit is erased: marks count on it. */
	if (!t->begun)
		t->unit = 0;
	*budget -= LOOK;
	return false;
}

static bool work(struct sim_fdp *g, int64_t *budget)
{
	if (sim_fdp_pool_loose(g) && sim_fdp_pool_shrink(g)) {
		*budget -= MOVE;
		return true;
	}
	if (is_crowded(g)) {
		if (sim_fdp_compact(g, budget))
			return true;
		atomic_store(&g->tidy.stuck, atomic_load(&g->clock) + 1);
	}
	return is_too_long(g, g->tidy.by) && go_on(g, budget);
}

/* a timer does what commands leave, if none come */
static void arm(struct sim_fdp *g)
{
	if (!atomic_exchange(&g->tidy.armed, 1))
		sim_arm(g->s, g->s->clock.now_ns(g->s->clock.opaque) + FIRST_NS);
}

void sim_fdp_tidy(struct sim_fdp *g, enum fdp_tidy_by by, uint64_t budget)
{
	int64_t left = (int64_t)budget;
	bool over;

	if (!sim_spin_try(&g->tidy.lock))
		return; /* somebody else is at it */
	g->tidy.by = by == FDP_TIDY_WRITE ? writer(g) : by;
	while (left > 0 && work(g, &left))
		;
	over = is_over(g) || sim_fdp_pool_loose(g);
	atomic_store_explicit(&g->over, over, memory_order_relaxed);
	sim_spin_unlock(&g->tidy.lock);
	if (over || is_too_long(g, FDP_TIDY_REST))
		arm(g);
}

void sim_fdp_tidy_pool(struct sim_fdp *g)
{
	sim_spin_lock(&g->tidy.lock);
	while (sim_fdp_pool_shrink(g))
		;
	sim_spin_unlock(&g->tidy.lock);
}

void sim_fdp_tidy_gone(struct sim_fdp *g, uint64_t blocks)
{
	for (unsigned int by = 0; by < FDP_TIDY_BY; by++)
		atomic_store(&g->tidy.idle[by], fdp_taken(g));
	if (!is_too_long(g, FDP_TIDY_REST) && !atomic_load(&g->over))
		return;
	sim_fdp_tidy(g, FDP_TIDY_REST, blocks < GONE_MAX / GONE ? blocks * GONE : GONE_MAX);
}

uint64_t sim_fdp_tidy_run(struct sim_fdp *g, uint64_t now)
{
	const uint32_t taken = fdp_taken(g);

	if (!atomic_load(&g->tidy.armed))
		return UINT64_MAX;
	if (atomic_exchange(&g->tidy.seen, taken) != taken)
		return now + FIRST_NS; /* they come */
	sim_fdp_tidy(g, FDP_TIDY_REST, RUN_BUDGET);
	if (atomic_load(&g->over) || is_too_long(g, FDP_TIDY_REST))
		return now + RUN_NS;
	atomic_store(&g->tidy.armed, 0);
	return UINT64_MAX;
}
