/* SPDX-License-Identifier: MIT */
/*
 * collect.c - garbage collection: what is valid in a reclaim unit goes to another, and the unit is
 * erased.
 *
 * The victim is a full unit from which something is gained: at least the largest block. Where the
 * valid data may go depends on the isolation (NVMe Base 2.1, section 8.1.10): that of Persistently
 * Isolated handles only to units of the same handle; that of Initially Isolated ones together. What
 * is collected never goes where hosts write: it has outlived what it was written with.
 *
 * Collecting is done a piece at a time by commands that write, a piece for each while units are
 * low; a command that finds none left finishes what it takes. Where blocks are in too many units,
 * who tidies (tidy.c) collects the emptiest one. Blocks move one at a time, if the map says still
 * that they are there: whoever writes a block in between has its way, and none is claimed.
 */
#include <string.h>

#include "priv.h"

#define WINDOW 4096u /* units that are looked at for a victim, at least, before one is chosen */
#define PIECE  1024u /* entries of a log that are handled with the collector's lock held */
#define LOOKS  4096u /* ... by a command, unless it cannot go on without a unit */

/* units that are looked at for one that holds nothing: so many, and one for so many of its blocks */
#define REUSE_MIN  16u
#define REUSE_PART 16u

/* a unit that holds at most this part is collected early, where that has to be, a bit at a time */
#define SPARSE 8u
#define FEW    32u  /* blocks that may be moved */
#define SOME   128u /* entries that may be looked at */

/**
 * struct work - a piece of collecting
 * @blocks: that may be moved, @looks: entries that may be looked at
 * @most: valid sectors that a victim may have
 * @moved: blocks that nobody has been told of, @lba: one, all of @f
 */
struct work {
	struct sim_fdp *g;
	struct sim_ctrl *c;
	uint32_t rg, victim;
	uint64_t blocks, looks, most;
	struct sim_fdp_ns *f;
	uint64_t moved, lba;
};

/* ---- the victim --------------------------------------------------------------------------------
 */

/** struct choice - the best so far; greedy: @valid, ties by age; cost-benefit: @score */
struct choice {
	uint32_t unit, age;
	uint64_t valid;
	double score;
};

static bool is_better(const struct sim_fdp *g, struct choice *new, const struct choice *best)
{
	double u = (double)new->valid / g->cap;

	if (g->p.victim == SIM_FDP_COST_BENEFIT) {
		new->score = u > 0 ? (1 - u) / (2 * u) * new->age : (double)UINT32_MAX *UINT32_MAX;
		if (best->unit == FDP_NONE || new->score != best->score)
			return best->unit == FDP_NONE || new->score > best->score;
	} else if (best->unit == FDP_NONE || new->valid != best->valid) {
		return best->unit == FDP_NONE || new->valid < best->valid;
	}
	return new->age > best->age;
}

static uint32_t choose(struct sim_fdp *g, uint32_t rg, uint64_t most)
{
	struct fdp_rg *r = &g->rg[rg];
	struct choice best = { .unit = FDP_NONE };
	const uint32_t clock = atomic_load(&g->clock), units = atomic_load(&g->head->high);

	for (uint32_t n = 0; n < units && (n < WINDOW || best.unit == FDP_NONE); n++) {
		struct choice one = { .unit = r->hand * g->p.nrg + rg };
		const struct fdp_unit *u = &g->unit[one.unit];

		r->hand = r->hand + 1 < units ? r->hand + 1 : 0;
		if (fdp_state(atomic_load_explicit(&u->word, memory_order_acquire)) != FDP_FULL)
			continue;
		one.valid = sim_fdp_valid(g, one.unit);
		one.age = clock - atomic_load_explicit(&u->seq, memory_order_relaxed);
		if (one.valid <= most && is_better(g, &one, &best))
			best = one;
	}
	return best.unit;
}

/* ---- moving -------------------------------------------------------------------------------------
 */

static uint16_t source_ruhid(const struct work *w)
{
	return fdp_ruhid(atomic_load(&w->g->unit[w->victim].word));
}

/* section 5.1.12.1.31.2.1: an event of data that was written through Initially Isolated handles */
static void tell(struct work *w)
{
	struct sim_fdp *g = w->g;
	struct nvme_fdp_event ev = { .type = NVME_FDP_EVENT_REALLOC };
	const uint16_t ruhid = source_ruhid(w);
	uint16_t nlbam;

	if (!w->moved)
		return;
	atomic_fetch_add(&g->head->moved, w->moved * w->f->bytes);
	ev.flags = NVME_FDP_EVENT_F_NSIDV;
	ev.nsid = sim_le32(w->f->ns->nsid);
	if (ruhid != FDP_MIXED) {
		ev.flags |= NVME_FDP_EVENT_F_LV;
		ev.rgid = sim_le16((uint16_t)w->rg);
		ev.ruhid = (uint8_t)ruhid;
	}
	for (uint16_t ph = 0; ph < w->f->nph && ruhid != FDP_MIXED; ph++) {
		if (w->f->ruhid[ph] != ruhid)
			continue;
		ev.flags |= NVME_FDP_EVENT_F_PIV;
		ev.pid = sim_le16(sim_fdp_make_pid(g, w->rg, ph));
	}
	/* NVM Command Set 1.1: SEF, NLBAM in bytes 3:2, LBA in 11:4, where 1.3's structure has it
	 * not */
	nlbam = sim_le16(w->moved < UINT16_MAX ? (uint16_t)w->moved : UINT16_MAX);
	w->lba = sim_le64(w->lba);
	ev.type_specific[0] = NVME_FDP_EVENT_REALLOC_F_LBAV;
	memcpy(ev.type_specific + 2, &nlbam, sizeof(nlbam));
	memcpy(ev.type_specific + 4, &w->lba, sizeof(w->lba));
	if (!g->cfg->persistent)
		sim_fdp_event(g, w->c, FDP_EV_MOVED, ruhid, w->f, &ev);
	w->moved = 0;
}

/* the unit that takes a block of @sectors. Return: it, or %FDP_NONE: not even the reserve is left
 */
static uint32_t target(struct work *w, uint32_t sectors)
{
	struct sim_fdp *g = w->g;
	const uint16_t ruhid = g->cfg->persistent ? source_ruhid(w) : FDP_MIXED;
	const uint32_t domain = g->cfg->persistent ? ruhid : 0;
	uint32_t *t = &g->target[(uint64_t)domain * g->p.nrg + w->rg];

	if (*t && g->cap - atomic_load(&g->unit[*t - 1].written) < sectors) {
		sim_fdp_shut(g, *t - 1);
		*t = 0;
	}
	if (!*t)
		*t = sim_fdp_take(g, w->rg, ruhid, true) + 1;
	return *t - 1;
}

/*
 * A block that was in the victim; whoever writes it meanwhile has its way.
 * Return: false when there is nowhere to move it to.
 */
static bool move_block(struct work *w, struct sim_fdp_ns *f, uint64_t lba)
{
	struct sim_fdp *g = w->g;
	uint32_t to = target(w, f->block), written;
	struct fdp_unit *u;

	if (to == FDP_NONE)
		return false;
	u = &g->unit[to];
	written = atomic_load_explicit(&u->written, memory_order_relaxed);
	atomic_store_explicit(&u->written, written + f->block, memory_order_release);
	atomic_fetch_add_explicit(&f->valid[to], f->block, memory_order_relaxed);
	if (!sim_fdp_map_move(f, lba, w->victim, to)) {
		atomic_fetch_sub_explicit(&f->valid[to], f->block, memory_order_relaxed);
		atomic_store_explicit(&u->written, written, memory_order_release);
		return true;
	}
	fdp_log_add(f, to, lba);
	atomic_fetch_sub_explicit(&f->valid[w->victim], f->block, memory_order_relaxed);
	if (w->f != f)
		tell(w);
	w->f = f;
	w->lba = lba;
	w->moved++;
	w->blocks -= w->blocks > 0;
	return true;
}

/* those of the blocks from @lba on that have one index which are in the victim still */
static bool move_blocks(struct work *w, struct sim_fdp_ns *f, uint64_t lba)
{
	const uint64_t blocks = f->map.pages * FDP_PAGE;
	uint64_t end = lba + (1ull << f->shift);

	for (end = end < blocks ? end : blocks; sim_fdp_map_find(f, &lba, end, w->victim); lba++)
		if (!move_block(w, f, lba))
			return false;
	return true;
}

/*
 * What an entry of the victim's log stands for, if it is there still. Namespaces share indices only
 * where there are not enough for all; an entry from before a Format, or of a namespace that is no
 * more, finds nothing, or something that has to go anyway.
 */
static bool move_entry(struct work *w, uint32_t index)
{
	const struct sim_fdp *g = w->g;

	for (unsigned int i = 0; i < g->nr_ns; i++) {
		struct sim_fdp_ns *f = g->ns[i];
		const uint32_t at = (index - f->base) & FDP_INDEX_MASK;

		if (at < f->span && !move_blocks(w, f, (uint64_t)at << f->shift))
			return false;
	}
	return true;
}

/* the victim's entry that is next; those that are done are in the log no more, by the chunk */
static bool next_entry(struct sim_fdp *g, struct fdp_rg *r, uint32_t *index)
{
	struct fdp_log *log = &g->log[r->victim - 1];

	while (log->first) {
		const struct fdp_chunk *c = fdp_chunk(g->pool, log->first - 1);

		if (r->cursor < c->nr) {
			*index = fdp_entry(c, r->cursor);
			return true;
		}
		sim_fdp_log_less(g, r->victim - 1, log->first - 1);
		log->busy = false; /* who was at that chunk begins again */
		r->cursor = 0;
	}
	return false;
}

/*
 * The collector's lock is held. What is done depends on what is valid, not on what else a log holds;
 * that decides only how long it takes.
 * Return: false: there is no victim, or no unit to move to, which the reserve is there against.
 */
static bool piece(struct work *w)
{
	struct sim_fdp *g = w->g;
	struct fdp_rg *r = &g->rg[w->rg];
	bool more = true;
	uint32_t index;

	if (!r->victim) {
		r->victim = choose(g, w->rg, w->most) + 1;
		r->cursor = 0;
		if (r->victim)
			g->log[r->victim - 1].busy = false;
	}
	if (!r->victim)
		return false;
	w->victim = r->victim - 1;
	while (w->blocks && w->looks && (more = next_entry(g, r, &index))) {
		if (!move_entry(w, index))
			break;
		r->cursor++;
		w->looks--;
	}
	tell(w);
	if (more && sim_fdp_valid(g, w->victim))
		return !w->blocks || !w->looks;
	sim_fdp_erase(g, w->victim);
	r->victim = 0;
	w->blocks -= w->blocks > 0;
	atomic_fetch_add(&g->head->collections, 1);
	return true;
}

static bool is_dead(const struct sim_fdp *g, uint32_t unit)
{
	return fdp_state(atomic_load(&g->unit[unit].word)) == FDP_FULL && !sim_fdp_valid(g, unit);
}

void sim_fdp_emptied(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_rg *r = &g->rg[fdp_rg_of(g, unit)];

	if (!is_dead(g, unit))
		return;
	sim_spin_lock(&r->lock);
	r->dead[r->nr_dead++ % FDP_DEAD] = unit + 1;
	sim_spin_unlock(&r->lock);
	if (!sim_spin_try(&r->collector))
		return; /* somebody collects; the log is tidied */
	if (is_dead(g, unit))
		sim_fdp_log_clear(g, unit);
	sim_spin_unlock(&r->collector);
}

/* one that was told last, and is one still; or one that is found */
static uint32_t find_dead(struct sim_fdp *g, uint32_t rg)
{
	const uint32_t high = atomic_load(&g->head->high);
	struct fdp_rg *r = &g->rg[rg];
	uint32_t unit, looks = REUSE_MIN + g->cap / FDP_BLOCK_MIN / REUSE_PART;

	sim_spin_lock(&r->lock);
	do {
		uint32_t *at = &r->dead[--r->nr_dead % FDP_DEAD];

		unit = *at;
		*at = 0;
	} while (unit && (r->victim == unit || !is_dead(g, unit - 1)));
	r->nr_dead += !unit;
	sim_spin_unlock(&r->lock);
	if (unit)
		return unit - 1;
	for (looks = looks < high ? looks : high; looks; looks--) {
		unit = r->seek * g->p.nrg + rg;
		r->seek = r->seek + 1 < high ? r->seek + 1 : 0;
		if (r->victim != unit + 1 && is_dead(g, unit))
			return unit;
	}
	return FDP_NONE;
}

void sim_fdp_reuse(struct sim_fdp *g, uint32_t rg)
{
	struct fdp_rg *r = &g->rg[rg];
	uint32_t unit;

	if (!sim_spin_try(&r->collector))
		return; /* somebody collects */
	unit = find_dead(g, rg);
	if (unit != FDP_NONE)
		sim_fdp_erase(g, unit);
	sim_spin_unlock(&r->collector);
}

void sim_fdp_pace(struct sim_fdp *g, struct sim_ctrl *c, uint32_t rg, uint64_t budget)
{
	struct fdp_rg *r = &g->rg[rg];
	struct work w = {
		.g = g, .c = c, .rg = rg, .blocks = budget, .most = g->cap - g->block_max
	};
	const uint32_t clock = atomic_load_explicit(&g->clock, memory_order_relaxed) + 1;
	bool done = true;

	/* there was nothing to be gained, and no unit has been closed since */
	if (atomic_load_explicit(&r->idle, memory_order_relaxed) == clock)
		return;
	for (uint32_t n = 0; n < LOOKS / PIECE && w.blocks && done; n++) {
		if (atomic_load(&r->nr_free) > FDP_LOW || !sim_spin_try(&r->collector))
			return; /* somebody else is at it */
		w.looks = PIECE;
		while (w.blocks && w.looks && done && atomic_load(&r->nr_free) <= FDP_LOW)
			done = piece(&w);
		sim_spin_unlock(&r->collector);
	}
	if (!done)
		atomic_store_explicit(&r->idle, clock, memory_order_relaxed);
}

bool sim_fdp_collect(struct sim_fdp *g, struct sim_ctrl *c, uint32_t rg)
{
	struct fdp_rg *r = &g->rg[rg];
	struct work w = { .g = g, .c = c, .rg = rg, .most = g->cap - g->block_max };
	bool done = true;

	while (done && atomic_load(&r->nr_free) <= FDP_RESERVE) {
		sim_spin_lock(&r->collector);
		w.blocks = w.looks = PIECE;
		if (atomic_load(&r->nr_free) <= FDP_RESERVE)
			done = piece(&w);
		sim_spin_unlock(&r->collector);
	}
	return done;
}

bool sim_fdp_compact(struct sim_fdp *g, int64_t *budget)
{
	const uint32_t high = atomic_load(&g->head->high);

	for (uint32_t rg = 0; rg < g->p.nrg; rg++) {
		struct fdp_rg *r = &g->rg[rg];
		struct work w = { .g = g, .rg = rg, .blocks = FEW, .looks = SOME };
		bool done;

		w.most = g->cap / SPARSE;
		/* if free units are low, commands that write collect anyway */
		if (atomic_load(&r->nr_free) <= FDP_LOW || !sim_spin_try(&r->collector))
			continue;
		if (!r->victim) /* four units are looked at in the time of a block, or so */
			*budget -= (high < WINDOW ? high : WINDOW) / 4;
		done = piece(&w);
		sim_spin_unlock(&r->collector);
		*budget -= (int64_t)(SOME - w.looks + FEW - w.blocks);
		if (done)
			return true;
	}
	return false;
}
