/* SPDX-License-Identifier: MIT */
/*
 * unit.c - reclaim units: free ones are taken, written ones are closed, and erased.
 *
 * A free unit that was used before is taken before one that never was, and a full one that holds
 * nothing is erased before.
 */
#include <assert.h>

#include "priv.h"

static uint32_t erases_of(uint64_t word)
{
	return (uint32_t)word;
}

/* the group's lock is held */
static uint32_t pop(struct sim_fdp *g, struct fdp_rg *r, uint32_t rg)
{
	uint32_t unit, high;

	if (r->head) {
		unit = r->head - 1;
		r->head = g->log[unit].first;
		g->log[unit].first = 0;
		return unit;
	}
	assert(r->virgin < g->units);
	unit = r->virgin++ * g->p.nrg + rg;
	atomic_store(&g->unit[unit].word, 0); /* nobody has looked at it so far */
	high = atomic_load(&g->head->high);
	while (high < r->virgin && !atomic_compare_exchange_weak(&g->head->high, &high, r->virgin))
		;
	return unit;
}

bool sim_fdp_is_new(struct sim_fdp *g, uint32_t rg)
{
	struct fdp_rg *r = &g->rg[rg];
	bool is;

	sim_spin_lock(&r->lock);
	is = !r->head;
	sim_spin_unlock(&r->lock);
	return is;
}

uint32_t sim_fdp_take(struct sim_fdp *g, uint32_t rg, uint16_t ruhid, bool collector)
{
	struct fdp_rg *r = &g->rg[rg];
	uint32_t unit = FDP_NONE;

	sim_spin_lock(&r->lock);
	if (atomic_load(&r->nr_free) > (collector ? 0 : FDP_RESERVE)) {
		unit = pop(g, r, rg);
		atomic_fetch_sub(&r->nr_free, 1);
	}
	sim_spin_unlock(&r->lock);
	if (unit != FDP_NONE) {
		struct fdp_unit *u = &g->unit[unit];

		atomic_store(&u->written, 0);
		atomic_store(&u->word, fdp_word(FDP_OPEN, ruhid, erases_of(atomic_load(&u->word))));
	}
	return unit;
}

void sim_fdp_shut(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_unit *u = &g->unit[unit];
	uint64_t word = atomic_load(&u->word);

	atomic_store(&u->seq, atomic_fetch_add(&g->clock, 1));
	atomic_store(&u->word, fdp_word(FDP_FULL, fdp_ruhid(word), erases_of(word)));
	sim_fdp_history_closed(g);
}

static void give_back(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_rg *r = &g->rg[fdp_rg_of(g, unit)];

	sim_spin_lock(&r->lock);
	g->log[unit].first = r->head;
	r->head = unit + 1;
	atomic_fetch_add(&r->nr_free, 1);
	sim_spin_unlock(&r->lock);
}

/* erased and free is one store; what it had been written with counts no more from then on */
void sim_fdp_erase(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_unit *u = &g->unit[unit];
	uint32_t erases = erases_of(atomic_load(&u->word)) + 1;

	atomic_store(&u->word, fdp_word(FDP_FREE, FDP_MIXED, erases));
	atomic_store(&u->written, 0);
	sim_fdp_log_clear(g, unit);
	atomic_fetch_add(&g->erases, 1);
	give_back(g, unit);
}

uint64_t sim_fdp_valid(const struct sim_fdp *g, uint32_t unit)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < g->nr_ns; i++)
		n += atomic_load_explicit(&g->ns[i]->valid[unit], memory_order_relaxed);
	return n;
}

/* ---- after a start --------------------------------------------------------------------------- */

/* what a slot references is an open unit of its handle, in its group; else it is none */
static void check_slots(struct sim_fdp *g)
{
	for (uint16_t h = 0; h < g->p.nruh; h++) {
		for (uint32_t rg = 0; rg < g->p.nrg; rg++) {
			struct fdp_slot *slot = fdp_slot_of(g, h, rg);
			uint32_t unit = atomic_load(&slot->unit) - 1;
			uint64_t word;

			if (unit == FDP_NONE)
				continue;
			word = unit < g->units * g->p.nrg ? atomic_load(&g->unit[unit].word) : 0;
			if (h < g->cfg->nruh && fdp_state(word) == FDP_OPEN &&
			    fdp_ruhid(word) == h && fdp_rg_of(g, unit) == rg) {
				atomic_store(&fdp_open_of(g, h, rg)->since,
					     g->s->clock.now_ns(g->s->clock.opaque));
				continue;
			}
			atomic_store(&slot->unit, 0);
		}
	}
}

/* whether a handle references the open unit */
static bool is_referenced(const struct sim_fdp *g, uint32_t unit, uint64_t word)
{
	const uint16_t h = fdp_ruhid(word);

	return h < g->p.nruh &&
	       atomic_load(&fdp_slot_of(g, h, fdp_rg_of(g, unit))->unit) == unit + 1;
}

/*
 * Killed between two stores, a unit may be open without anybody who writes to it, or free with what
 * it had been written with. What the collector was writing to is closed.
 */
static void settle(struct sim_fdp *g, uint32_t unit)
{
	struct fdp_unit *u = &g->unit[unit];
	uint64_t word = atomic_load(&u->word);
	uint32_t seq = atomic_load(&u->seq);

	if (fdp_ruhid(word) >=
	    g->cfg->nruh) /* nobody's; where all are somebody's, the first one's */
		word = fdp_word(fdp_state(word), g->cfg->persistent ? 0 : FDP_MIXED,
				erases_of(word));
	atomic_store(&u->word, word);
	if (atomic_load(&u->written) > g->cap)
		atomic_store(&u->written, g->cap);
	if (fdp_state(word) > FDP_FULL ||
	    (fdp_state(word) == FDP_OPEN && !is_referenced(g, unit, word)))
		atomic_store(&u->word, fdp_word(atomic_load(&u->written) ? FDP_FULL : FDP_FREE,
						fdp_ruhid(word), erases_of(word)));
	if (fdp_state(atomic_load(&u->word)) == FDP_FREE)
		atomic_store(&u->written, 0);
	if (seq >= atomic_load(&g->clock))
		atomic_store(&g->clock, seq + 1);
}

void sim_fdp_units_init(struct sim_fdp *g)
{
	const uint32_t high = atomic_load(&g->head->high);
	uint64_t erases = 0;

	atomic_store(&g->clock, 0);
	check_slots(g);
	for (uint32_t rg = 0; rg < g->p.nrg; rg++) {
		struct fdp_rg *r = &g->rg[rg];

		r->virgin = high;
		for (uint32_t i = high; i--;) {
			uint32_t unit = i * g->p.nrg + rg;
			uint64_t word;

			settle(g, unit);
			word = atomic_load(&g->unit[unit].word);
			erases += erases_of(word);
			if (fdp_state(word) == FDP_FREE) {
				g->log[unit].first = r->head;
				r->head = unit + 1;
			} else {
				atomic_fetch_sub(&r->nr_free, 1);
			}
		}
	}
	atomic_store(&g->erases, erases);
}
