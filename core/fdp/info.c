/* SPDX-License-Identifier: MIT */
/*
 * info.c - the endurance group from outside: what a person is shown of it.
 */
#include "priv.h"

static struct sim_fdp *enter(struct sim_subsys *s)
{
	sim_read_lock(&s->lock);
	if (s->fdp)
		return s->fdp;
	sim_read_unlock(&s->lock);
	return NULL;
}

static void leave(struct sim_subsys *s)
{
	sim_read_unlock(&s->lock);
}

uint64_t sim_fdp_moved(const struct sim_subsys *s)
{
	return s->fdp ? atomic_load(&s->fdp->head->moved) : 0;
}

int sim_fdp_info(struct sim_subsys *s, struct sim_fdp_info *info)
{
	const struct sim_fdp *g = enter(s);

	if (!g)
		return SIM_ENOENT;
	*info = (struct sim_fdp_info){
		.enabled = g->cfg,
		.runs = g->p.runs,
		.nrg = g->p.nrg,
		.nruh = g->cfg ? g->cfg->nruh : g->cfgs[g->cfg_index].nruh,
		.hbmw = sim_fdp_hbmw(g),
		.moved = atomic_load(&g->head->moved),
		.mbe = atomic_load(&g->erases) * g->p.runs,
		.collections = atomic_load(&g->head->collections),
		.nr_ru = (uint64_t)g->units * g->p.nrg,
	};
	info->mbmw = info->hbmw + info->moved;
	for (uint32_t rg = 0; g->cfg && rg < g->p.nrg; rg++)
		info->nr_free += atomic_load(&g->rg[rg].nr_free);
	leave(s);
	return 0;
}

int64_t sim_fdp_rus(struct sim_subsys *s, uint64_t first, uint64_t n, struct sim_fdp_ru *ru)
{
	const struct sim_fdp *g = enter(s);
	uint64_t i;

	if (!g)
		return SIM_ENOENT;
	for (i = 0; i < n && first + i < (uint64_t)g->units * g->p.nrg; i++) {
		const uint32_t unit = (uint32_t)(first + i);
		const uint64_t word = atomic_load(&g->unit[unit].word);

		ru[i] = (struct sim_fdp_ru){ .rg = fdp_rg_of(g, unit), .ruhid = FDP_MIXED };
		if (unit / g->p.nrg >= atomic_load(&g->head->high) || fdp_state(word) == FDP_FREE)
			continue;
		ru[i].state = (uint8_t)fdp_state(word);
		ru[i].ruhid = fdp_ruhid(word);
		ru[i].valid = sim_fdp_valid(g, unit) << FDP_SECTOR_SHIFT;
		ru[i].written = (uint64_t)atomic_load(&g->unit[unit].written) << FDP_SECTOR_SHIFT;
	}
	leave(s);
	return (int64_t)i;
}

int64_t sim_fdp_ruhs(struct sim_subsys *s, uint64_t first, uint64_t n, struct sim_fdp_ruh *ruh)
{
	struct sim_fdp *g = enter(s);
	uint64_t i;

	if (!g)
		return SIM_ENOENT;
	for (i = 0; i < n && g->cfg && first + i < (uint64_t)g->cfg->nruh * g->p.nrg; i++) {
		const uint16_t h = (uint16_t)((first + i) / g->p.nrg);
		const uint32_t rg = (uint32_t)((first + i) % g->p.nrg);

		ruh[i] = (struct sim_fdp_ruh){
			.ruhid = h,
			.rg = rg,
			.ruha = sim_fdp_ruha(g, h),
			.ruamw = (uint64_t)sim_fdp_ruamw(g, h, rg) << FDP_SECTOR_SHIFT,
			.hosted = atomic_load(&fdp_slot_of(g, h, rg)->hosted),
		};
	}
	leave(s);
	return (int64_t)i;
}
