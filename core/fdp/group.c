/* SPDX-License-Identifier: MIT */
/*
 * group.c - the endurance group: its memory, its mode, and how many reclaim units it has.
 *
 * The area is the head (statistics, events), a slot for each handle in each reclaim group, and the
 * units. Whether FDP is enabled, and in which configuration, is a record (SIM_REC_FDP): the Set
 * Features command that changes it has happened when the record is written, and an area that was
 * made for another mode is begun anew, by whoever finds it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../persist/persist.h"
#include "priv.h"

#define MAGIC	 0x315044464d49534eull /* "NSIMFDP1" */
#define CAP_MAX	 (1u << 31)	       /* sectors of a unit */
#define NS_PER_S 1000000000ull

/* struct mode_rec - SIM_REC_FDP */
#define REC_VERSION 1
struct mode_rec {
	uint32_t on, index, serial, rsvd;
};

/* ---- memory --------------------------------------------------------------------------------- */

void *sim_fdp_memory(const struct sim_fdp *g, uint64_t len)
{
	const struct sim_journal_port *j = &g->s->journal;

	if (j->area)
		return j->area(j->opaque, SIM_REC_FDP_LOG, SIM_ENDGID, len, NULL);
	return len <= SIZE_MAX ? calloc(1, (size_t)len) : NULL;
}

void sim_fdp_memory_free(const struct sim_fdp *g, void *mem, uint64_t len)
{
	const struct sim_journal_port *j = &g->s->journal;

	if (!j->area)
		free(mem);
	else if (mem)
		j->area_free(j->opaque, SIM_REC_FDP_LOG, SIM_ENDGID, mem, len, false);
}

void *sim_fdp_memory_grow(const struct sim_fdp *g, void *mem, uint64_t before, uint64_t now)
{
	uint32_t *new = sim_fdp_memory(g, now);
	const uint32_t *old = mem;

	/* what nobody has touched stays untouched */
	for (uint64_t i = 0; new && i < before / sizeof(*old); i++)
		if (old[i])
			new[i] = old[i];
	if (new && mem)
		sim_fdp_memory_free(g, mem, before);
	return new;
}

static uint64_t nr_slots(const struct sim_fdp *g)
{
	return (uint64_t)g->p.nruh * g->p.nrg;
}

static int reserve(struct sim_fdp *g, const void *mem, uint64_t len)
{
	const struct sim_journal_port *j = &g->s->journal;

	if (!j->area || !j->area_reserve)
		return 0;
	return j->area_reserve(j->opaque, g->head, (uintptr_t)mem - (uintptr_t)g->head, len);
}

static int get_area(struct sim_fdp *g, bool *fresh)
{
	const struct sim_journal_port *j = &g->s->journal;
	uint64_t slots = FDP_HEAD_LEN + nr_slots(g) * sizeof(struct fdp_slot);

	slots = (slots + 4095) & ~4095ull;
	g->len = slots + (uint64_t)FDP_UNITS_MAX * sizeof(struct fdp_unit);
	*fresh = true;
	g->own_memory = !j->area;
	if (j->area)
		g->head = j->area(j->opaque, SIM_REC_FDP_GROUP, SIM_ENDGID, g->len, fresh);
	else
		g->head = calloc(1, (size_t)g->len);
	if (!g->head || reserve(g, g->head, slots))
		return SIM_ENOMEM;
	g->slot = (struct fdp_slot *)((uint8_t *)g->head + FDP_HEAD_LEN);
	g->unit = (struct fdp_unit *)((uint8_t *)g->head + slots);
	return 0;
}

static void put_area(struct sim_fdp *g)
{
	const struct sim_journal_port *j = &g->s->journal;

	if (g->own_memory)
		free(g->head);
	else if (g->head)
		j->area_free(j->opaque, SIM_REC_FDP_GROUP, SIM_ENDGID, g->head, g->len, false);
}

/* ---- how many units -------------------------------------------------------------------------- */

bool sim_fdp_enough(const struct sim_fdp *g, uint32_t sectors, struct sim_msg *msg)
{
	if (g->cap >= FDP_UNIT_BLOCKS * sectors)
		return true;
	snprintf(msg->text, sizeof(msg->text),
		 "fdp.runs %" PRIu64 " is less than %u logical blocks of %" PRIu64 " bytes",
		 g->p.runs, FDP_UNIT_BLOCKS, (uint64_t)sectors << FDP_SECTOR_SHIFT);
	return false;
}

/*
 * Of a reclaim group: what its share of the capacity takes, with the end of each unit lost to the
 * largest block; the over-provisioning; those that handles and the collector have open; the
 * collector's reserve. With one unit more than that there is always one that it gains something
 * from.
 */
static uint64_t units_needed(const struct sim_fdp *g)
{
	const uint64_t share = ((g->s->capacity >> FDP_SECTOR_SHIFT) + g->p.nrg - 1) / g->p.nrg;
	const uint64_t usable = g->cap - (g->block_max - 1);
	const uint64_t data = (share + usable - 1) / usable;
	uint64_t extra = (data * g->p.op + 99) / 100;

	return data + (extra ? extra : 1) + g->cfg->nruh + fdp_domains(g) + FDP_LOW + 1;
}

static int no_memory(struct sim_msg *msg)
{
	snprintf(msg->text, sizeof(msg->text), "no memory for the reclaim units");
	return SIM_ENOMEM;
}

/* @units of each reclaim group from now on, not fewer than before */
static int extend(struct sim_fdp *g, uint64_t units, struct sim_msg *msg)
{
	const uint32_t before = g->units * g->p.nrg;
	const uint64_t now = units * g->p.nrg;
	void *log;

	if (units <= g->units)
		return 0;
	if (units > FDP_UNITS_MAX || now > FDP_UNITS_MAX) {
		snprintf(msg->text, sizeof(msg->text),
			 "a capacity of %" PRIu64
			 " bytes is more than %u reclaim units of fdp.runs %" PRIu64
			 "; larger ones are needed",
			 g->s->capacity, FDP_UNITS_MAX, g->p.runs);
		return SIM_EINVAL;
	}
	if (reserve(g, &g->unit[before], (now - before) * sizeof(g->unit[0])))
		return no_memory(msg);
	if (sim_fdp_pool_room(g, now))
		return no_memory(msg);
	log = sim_fdp_memory_grow(g, g->log, g->nr_log * sizeof(g->log[0]),
				  now * sizeof(g->log[0]));
	if (!log)
		return no_memory(msg);
	g->log = log;
	g->nr_log = (uint32_t)now;
	for (unsigned int i = 0; i < g->nr_ns; i++)
		if (sim_fdp_valid_grow(g->ns[i], (uint32_t)now))
			return no_memory(msg);
	for (uint32_t rg = 0; rg < g->p.nrg; rg++)
		atomic_fetch_add(&g->rg[rg].nr_free, (uint32_t)units - g->units);
	g->units = (uint32_t)units;
	return 0;
}

int sim_fdp_grow(struct sim_subsys *s, struct sim_msg *msg)
{
	struct sim_fdp *g = s->fdp;

	return g && g->cfg ? extend(g, units_needed(g), msg) : 0;
}

static void drop_units(struct sim_fdp *g)
{
	sim_fdp_pool_drop(g);
	if (g->log)
		sim_fdp_memory_free(g, g->log, g->nr_log * sizeof(g->log[0]));
	g->log = NULL;
	g->units = g->nr_log = 0;
	g->tidy = (struct fdp_tidy){ .unit = 0 };
	atomic_store(&g->live, 0);
	atomic_store(&g->over, 0);
}

/* the units there are in configuration @g->cfg, as an earlier life left them */
static int set_units(struct sim_fdp *g, struct sim_msg *msg)
{
	uint64_t units = units_needed(g), high = atomic_load(&g->head->high);
	int ret;

	drop_units(g);
	memset(g->rg, 0, g->p.nrg * sizeof(g->rg[0]));
	memset(g->target, 0, nr_slots(g) * sizeof(g->target[0]));
	for (uint64_t i = 0; i < nr_slots(g); i++)
		g->open[i].fresh = 0;
	ret = extend(g, units > high ? units : high, msg);
	if (!ret) {
		sim_fdp_units_init(g);
		sim_fdp_history_start(g);
	}
	return ret;
}

/* ---- the mode -------------------------------------------------------------------------------- */

bool sim_fdp_enabled(const struct sim_subsys *s)
{
	return s->fdp && s->fdp->cfg;
}

bool sim_fdp_there(const struct sim_ctrl *c)
{
	return c->subsys->fdp;
}

/*
 * What can be chosen from: what is configured, the same with the other isolation, and with half of
 * the handles
 */
static void make_cfgs(struct sim_fdp *g)
{
	g->cfgs[g->nr_cfgs++] = (struct fdp_cfg){ g->p.nruh, g->p.persistent };
	g->cfgs[g->nr_cfgs++] = (struct fdp_cfg){ g->p.nruh, !g->p.persistent };
	if (g->p.nruh > 1)
		g->cfgs[g->nr_cfgs++] = (struct fdp_cfg){ g->p.nruh / 2, g->p.persistent };
}

static void get_mode(struct sim_fdp *g, struct mode_rec *rec)
{
	const struct sim_journal_port *j = &g->s->journal;
	uint16_t version = 0;

	*rec = (struct mode_rec){ .on = 1 };
	if (j->put && (j->get(j->opaque, SIM_REC_FDP, SIM_ENDGID, &version, rec, sizeof(*rec)) !=
			       (int)sizeof(*rec) ||
		       version != REC_VERSION))
		*rec = (struct mode_rec){ .on = 1 };
	if (rec->index >= g->nr_cfgs) /* others are configured by now */
		rec->index = 0;
}

static int put_mode(struct sim_fdp *g, const struct mode_rec *rec)
{
	const struct sim_journal_port *j = &g->s->journal;
	int ret =
		j->put ? j->put(j->opaque, SIM_REC_FDP, SIM_ENDGID, REC_VERSION, rec, sizeof(*rec))
		       : 0;

	if (!ret && j->put && j->sync)
		j->sync(j->opaque);
	return ret;
}

/* a number no earlier life had: time goes on in between */
static uint64_t new_gen(const struct sim_fdp *g)
{
	const struct sim_clock_port *c = &g->s->clock;
	uint64_t gen = c->wall_ms ? c->wall_ms(c->opaque) << 16 : 1;

	return gen > g->head->gen ? gen : g->head->gen + 1;
}

/* as new: no block is in a unit, nothing was ever written or erased, no event is enabled */
static void reset(struct sim_fdp *g)
{
	struct fdp_head *h = g->head;
	const uint64_t gen = new_gen(g);
	const uint64_t high = (uint64_t)atomic_load(&h->high) * g->p.nrg;

	atomic_exchange(&h->magic, 0); /* nothing below comes before it */
	for (uint64_t i = 0; i < high && i < FDP_UNITS_MAX; i++)
		memset(&g->unit[i], 0, sizeof(g->unit[i]));
	memset(g->slot, 0, nr_slots(g) * sizeof(g->slot[0]));
	memset(h, 0, sizeof(*h));
	*h = (struct fdp_head){ .gen = gen,
				.runs = g->p.runs,
				.nrg = g->p.nrg,
				.nruh = g->p.nruh,
				.cfg = g->cfg_index,
				.serial = g->serial };
	atomic_store(&h->magic, MAGIC);
	atomic_store(&g->erases, 0);
}

static bool same_group(const struct sim_fdp *g)
{
	const struct fdp_head *h = g->head;

	return atomic_load(&h->magic) == MAGIC && h->runs == g->p.runs && h->nrg == g->p.nrg &&
	       h->nruh == g->p.nruh && h->serial == g->serial && h->cfg == g->cfg_index &&
	       atomic_load(&h->high) <= FDP_UNITS_MAX / g->p.nrg;
}

int sim_fdp_switch(struct sim_fdp *g, bool on, unsigned int index)
{
	const struct mode_rec rec = { .on = on, .index = index, .serial = g->serial + 1 };
	struct sim_msg msg;
	int ret = put_mode(g, &rec);

	if (ret)
		return ret;
	g->serial = rec.serial;
	g->cfg_index = index;
	g->cfg = on ? &g->cfgs[index] : NULL;
	reset(g);
	drop_units(g);
	if (!on)
		return 0;
	ret = set_units(g, &msg);
	if (ret)
		g->cfg = NULL;
	return ret;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int wrong(struct sim_msg *msg, const char *sentence)
{
	snprintf(msg->text, sizeof(msg->text), "%s", sentence);
	return SIM_EINVAL;
}

/* QEMU's rules; RGIF has 4 bits, and is as wide as NRG needs it */
static int check(struct sim_fdp *g, struct sim_msg *msg)
{
	const struct sim_fdp_params *p = &g->p;

	if (!p->runs)
		return wrong(msg, "fdp.runs must be non-zero");
	if (!p->nrg)
		return wrong(msg, "fdp.nrg must be non-zero");
	if (!p->nruh || p->nruh > SIM_RUHS_MAX)
		return wrong(msg, "fdp.nruh must be non-zero and at most 128");
	while (g->rgif < 32 && p->nrg - 1 >= 1ull << g->rgif)
		g->rgif++;
	if (g->rgif > 15 || p->nruh > 1u << (16 - g->rgif))
		return wrong(msg, "cannot derive a valid rgif: fdp.nrg and fdp.nruh do not fit in "
				  "the 16 bits of a placement identifier");
	if (p->op > 1000)
		return wrong(msg, "fdp.op is more than 1000 percent");
	if (p->runs >> FDP_SECTOR_SHIFT > CAP_MAX)
		return wrong(msg, "fdp.runs is more than 1 TiB");
	g->cap = (uint32_t)(p->runs >> FDP_SECTOR_SHIFT) & ~(FDP_BLOCK_MIN - 1);
	g->block_max = FDP_BLOCK_MIN;
	if (!sim_fdp_enough(g, g->block_max, msg))
		return SIM_EINVAL;
	sim_fdp_pool_init(g);
	return 0;
}

/*
 * The power was cut while units were written to: how much of the last writes is there is not known,
 * and nothing more is written to them. Powering on is a Controller Level Reset.
 */
static void after_power_cut(struct sim_fdp *g)
{
	for (uint16_t h = 0; h < g->cfg->nruh; h++) {
		struct nvme_fdp_event ev = { .type = NVME_FDP_EVENT_RESET };
		bool any = false;

		for (uint32_t rg = 0; rg < g->p.nrg; rg++) {
			struct fdp_slot *slot = fdp_slot_of(g, h, rg);
			uint32_t unit = atomic_load(&slot->unit);

			if (!unit)
				continue;
			any = true;
			atomic_store(&slot->unit, 0);
			sim_fdp_shut(g, unit - 1);
		}
		if (any)
			sim_fdp_event(g, NULL, FDP_EV_RESET, h, NULL, &ev);
	}
}

/* Return: whether the power was cut since the area was last in use */
static bool took_power_cut(struct sim_fdp *g)
{
	const struct sim_journal_port *j = &g->s->journal;
	uint64_t boot = j->boot ? j->boot(j->opaque) : 0;
	bool cut = atomic_load(&g->head->open) && g->head->boot && boot && g->head->boot != boot;

	g->head->boot = boot;
	atomic_store(&g->head->open, 1);
	return cut;
}

static int alloc_parts(struct sim_fdp *g)
{
	g->rg = calloc(g->p.nrg, sizeof(g->rg[0]));
	g->open = calloc(nr_slots(g), sizeof(g->open[0]));
	g->target = calloc(nr_slots(g), sizeof(g->target[0]));
	return g->rg && g->open && g->target ? 0 : SIM_ENOMEM;
}

int sim_fdp_open(struct sim_subsys *s, const struct sim_fdp_params *p, struct sim_msg *msg)
{
	struct mode_rec rec;
	struct sim_fdp *g;
	bool fresh;
	int ret;

	if (!p->on)
		return 0;
	g = calloc(1, sizeof(*g));
	if (!g)
		return no_memory(msg);
	g->s = s;
	g->p = *p;
	s->fdp = g;
	ret = check(g, msg);
	if (ret)
		return ret;
	if (alloc_parts(g) || get_area(g, &fresh))
		return no_memory(msg);
	make_cfgs(g);
	get_mode(g, &rec);
	g->serial = rec.serial;
	g->cfg_index = rec.index;
	if (fresh || !same_group(g))
		reset(g);
	if (rec.on) {
		bool cut = took_power_cut(g);

		g->cfg = &g->cfgs[rec.index];
		ret = set_units(g, msg);
		if (!ret && cut)
			after_power_cut(g);
	}
	return ret;
}

void sim_fdp_close(struct sim_subsys *s)
{
	struct sim_fdp *g = s->fdp;

	if (!g)
		return;
	if (g->head)
		atomic_store(&g->head->open, 0);
	drop_units(g);
	put_area(g);
	free(g->rg);
	free(g->open);
	free(g->target);
	free(g);
	s->fdp = NULL;
}

/* ---- time ------------------------------------------------------------------------------------ */

static uint64_t run_limits(struct sim_fdp *g, uint64_t now)
{
	const uint64_t limit = g->p.erutl * NS_PER_S;
	uint64_t next = UINT64_MAX;

	for (uint16_t h = 0; limit && h < g->cfg->nruh; h++) {
		for (uint32_t rg = 0; rg < g->p.nrg; rg++) {
			uint64_t since = atomic_load(&fdp_open_of(g, h, rg)->since);

			if (!atomic_load(&fdp_slot_of(g, h, rg)->unit))
				continue;
			if (now >= since + limit)
				sim_fdp_update(g, NULL, h, rg, NVME_FDP_EVENT_RUTLE, NULL, 0);
			else if (since + limit < next)
				next = since + limit;
		}
	}
	return next;
}

uint64_t sim_fdp_run(struct sim_subsys *s, uint64_t now)
{
	struct sim_fdp *g = s->fdp;
	uint64_t next = UINT64_MAX, tidy;

	if (!g)
		return UINT64_MAX;
	sim_read_lock(&s->lock);
	if (g->cfg) {
		next = run_limits(g, now);
		tidy = sim_fdp_tidy_run(g, now);
		next = tidy < next ? tidy : next;
	}
	sim_read_unlock(&s->lock);
	return next;
}
