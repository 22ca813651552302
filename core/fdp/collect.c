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
 * low; a command that finds none left finishes what it takes. Blocks move by compare and exchange
 * of their map, so that whoever writes a block in between has its way, and no block is claimed.
 */
#include <string.h>

#include "priv.h"

#define WINDOW 4096u /* units that are looked at for a victim, at least, before one is chosen */
#define PIECE  1024u /* entries of a log that are handled with the collector's lock held */

/** struct work - a piece of collecting; @moved: blocks, @bytes: of theirs, @lba: one, all of @f */
struct work {
	struct sim_fdp *g;
	struct sim_ctrl *c;
	uint32_t rg, victim;
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

static uint32_t choose(struct sim_fdp *g, uint32_t rg)
{
	struct fdp_rg *r = &g->rg[rg];
	struct choice best = { .unit = FDP_NONE };
	const uint32_t clock = atomic_load(&g->clock);

	for (uint32_t n = 0; n < g->units && (n < WINDOW || best.unit == FDP_NONE); n++) {
		struct choice one = { .unit = r->hand * g->p.nrg + rg };
		const struct fdp_unit *u = &g->unit[one.unit];

		r->hand = r->hand + 1 < g->units ? r->hand + 1 : 0;
		if (fdp_state(atomic_load_explicit(&u->word, memory_order_acquire)) != FDP_FULL)
			continue;
		one.valid = sim_fdp_valid(g, one.unit);
		one.age = clock - atomic_load_explicit(&u->seq, memory_order_relaxed);
		if (one.valid + g->block_max <= g->cap && is_better(g, &one, &best))
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

/* Return: false when there is nowhere to move it to */
static bool move_block(struct work *w, struct sim_fdp_ns *f, uint64_t lba)
{
	struct sim_fdp *g = w->g;
	uint32_t old = w->victim + 1, to = target(w, f->block), written;
	struct fdp_unit *u;
	struct fdp_log *log;

	if (to == FDP_NONE)
		return false;
	u = &g->unit[to];
	log = &g->log[to];
	written = atomic_load_explicit(&u->written, memory_order_relaxed);
	fdp_log_add(log, fdp_index(f, lba));
	atomic_store_explicit(&u->written, written + f->block, memory_order_release);
	atomic_fetch_add_explicit(&f->valid[to], f->block, memory_order_relaxed);
	if (!atomic_compare_exchange_strong(&f->map[lba], &old, to + 1)) { /* written meanwhile */
		atomic_fetch_sub_explicit(&f->valid[to], f->block, memory_order_relaxed);
		atomic_store_explicit(&u->written, written, memory_order_release);
		log->nr--;
		return true;
	}
	atomic_fetch_sub_explicit(&f->valid[w->victim], f->block, memory_order_relaxed);
	if (w->f != f)
		tell(w);
	w->f = f;
	w->lba = lba;
	w->moved++;
	return true;
}

/* those of the blocks from @lba on that have one index which are in the victim still */
static bool move_blocks(struct work *w, struct sim_fdp_ns *f, uint64_t lba)
{
	const uint64_t blocks = f->pages * FDP_PAGE;
	uint64_t end = lba + (1ull << f->shift);

	for (end = end < blocks ? end : blocks; lba < end; lba++)
		if (fdp_page_counts(f, lba / FDP_PAGE) &&
		    atomic_load_explicit(&f->map[lba], memory_order_relaxed) == w->victim + 1 &&
		    !move_block(w, f, lba))
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

/*
 * The collector's lock is held. Return: entries handled; 0: there is no victim, or no unit to
 * move to, which the reserve is there against.
 */
static uint64_t piece(struct sim_fdp *g, struct sim_ctrl *c, uint32_t rg, uint64_t budget)
{
	struct fdp_rg *r = &g->rg[rg];
	struct work w = { .g = g, .c = c, .rg = rg };
	uint64_t n = 0;

	if (!r->victim) {
		r->victim = choose(g, rg) + 1;
		r->cursor = 0;
	}
	if (!r->victim)
		return 0;
	w.victim = r->victim - 1;
	while (n < budget && r->cursor < g->log[w.victim].nr) {
		if (!move_entry(&w, fdp_log_get(&g->log[w.victim], r->cursor)))
			break;
		r->cursor++;
		n++;
	}
	tell(&w);
	if (r->cursor < g->log[w.victim].nr)
		return n;
	sim_fdp_erase(g, w.victim);
	r->victim = 0;
	atomic_fetch_add(&g->head->collections, 1);
	return n + 1;
}

void sim_fdp_pace(struct sim_fdp *g, struct sim_ctrl *c, uint32_t rg, uint64_t budget)
{
	struct fdp_rg *r = &g->rg[rg];
	const uint32_t clock = atomic_load_explicit(&g->clock, memory_order_relaxed) + 1;
	uint64_t done = 1;

	/* there was nothing to be gained, and no unit has been closed since */
	if (atomic_load_explicit(&r->idle, memory_order_relaxed) == clock)
		return;
	while (budget && done && atomic_load(&r->nr_free) <= FDP_LOW) {
		uint32_t free = 0;

		if (!atomic_compare_exchange_strong(&r->collector, &free, 1))
			return; /* somebody else is at it */
		done = piece(g, c, rg, budget < PIECE ? budget : PIECE);
		sim_spin_unlock(&r->collector);
		budget -= done < budget ? done : budget;
	}
	if (!done)
		atomic_store_explicit(&r->idle, clock, memory_order_relaxed);
}

bool sim_fdp_collect(struct sim_fdp *g, struct sim_ctrl *c, uint32_t rg)
{
	struct fdp_rg *r = &g->rg[rg];
	uint64_t done = 1;

	while (done && atomic_load(&r->nr_free) <= FDP_RESERVE) {
		sim_spin_lock(&r->collector);
		if (atomic_load(&r->nr_free) <= FDP_RESERVE)
			done = piece(g, c, rg, PIECE);
		sim_spin_unlock(&r->collector);
	}
	return done;
}
