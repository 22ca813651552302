/* SPDX-License-Identifier: MIT */
/*
 * page.c - pages of a namespace's map: they begin to count when a block is written, and end to when
 * none of their blocks is in a unit any more.
 */
#include "priv.h"

static int count_page(struct sim_fdp_ns *f, uint64_t page)
{
	const struct sim_journal_port *j = &f->g->s->journal;
	_Atomic uint32_t *map = f->map + page * FDP_PAGE;
	int ret = 0;

	sim_spin_lock(&f->lock);
	if (!fdp_page_counts(f, page)) {
		if (!f->own_memory && j->area_reserve)
			ret = j->area_reserve(j->opaque, f->head,
					      (uintptr_t)map - (uintptr_t)f->head,
					      FDP_PAGE * sizeof(*map));
		for (uint32_t i = 0; !ret && i < FDP_PAGE; i++)
			atomic_store_explicit(&map[i], 0, memory_order_relaxed);
		if (!ret)
			atomic_fetch_or(&f->used[page / 64], 1ull << (page % 64));
	}
	sim_spin_unlock(&f->lock);
	return ret;
}

uint16_t sim_fdp_prepare(struct sim_req *req, struct sim_ns *ns, uint64_t slba, uint64_t nlb)
{
	struct sim_fdp_ns *f = ns->fdp;

	if (!f || !nlb)
		return SIM_OK;
	for (uint64_t p = slba / FDP_PAGE; p <= (slba + nlb - 1) / FDP_PAGE; p++) {
		if (fdp_page_counts(f, p) || !count_page(f, p))
			continue;
		req->err_lba = slba;
		return SIM_WRITE_FAULT;
	}
	return SIM_OK;
}

void sim_fdp_map_punch(struct sim_fdp_ns *f, uint64_t first, uint64_t last)
{
	const struct sim_journal_port *j = &f->g->s->journal;
	const _Atomic uint32_t *map = f->map + first * FDP_PAGE;

	if (!f->own_memory && j->area_punch)
		j->area_punch(j->opaque, f->head, (uintptr_t)map - (uintptr_t)f->head,
			      (last - first + 1) * FDP_PAGE * sizeof(*map));
}

bool sim_fdp_page_drop(struct sim_fdp_ns *f, uint64_t page)
{
	for (uint64_t lba = page * FDP_PAGE; lba < (page + 1) * FDP_PAGE; lba++)
		if (atomic_load_explicit(&f->map[lba], memory_order_relaxed))
			return false;
	atomic_fetch_and(&f->used[page / 64], ~(1ull << (page % 64)));
	return true;
}

/*
 * The page has blocks beside the claimed ones. If none of its blocks is in a unit and nobody else
 * is at work on any, it goes.
 */
static void try_drop(struct sim_fdp_ns *f, const struct sim_range *mine, uint64_t page)
{
	struct sim_ranges *rs = &f->ns->media.ranges;
	struct sim_range all;

	for (uint64_t lba = page * FDP_PAGE; lba < (page + 1) * FDP_PAGE; lba++)
		if (atomic_load_explicit(&f->map[lba], memory_order_relaxed))
			return;
	if (!sim_range_try(rs, &all, page * FDP_PAGE, FDP_PAGE, mine))
		return;
	if (sim_fdp_page_drop(f, page))
		sim_fdp_map_punch(f, page, page);
	sim_range_unlock(rs, &all);
}

/* the claimed blocks of one page. Return: whether all of it is claimed, and is to be given back */
static bool trim_page(struct sim_fdp_ns *f, const struct sim_range *mine, uint64_t slba,
		      uint64_t end, uint64_t *gone)
{
	const uint64_t page = slba / FDP_PAGE;

	if (!fdp_page_counts(f, page))
		return false;
	*gone += sim_fdp_map_none(f, slba, end - slba);
	if (end - slba == FDP_PAGE)
		return sim_fdp_page_drop(f, page);
	try_drop(f, mine, page);
	return false;
}

void sim_fdp_trim(struct sim_ns *ns, const struct sim_range *mine, uint64_t slba, uint64_t nlb)
{
	struct sim_fdp_ns *f = ns->fdp;
	const uint64_t end = slba + nlb;
	uint64_t first = UINT64_MAX, last = 0, gone = 0;

	if (!f)
		return;
	for (uint64_t to; slba < end; slba = to) {
		uint64_t page = slba / FDP_PAGE;

		/* the range may be nearly all of a huge namespace */
		if (!(page % 64) && !atomic_load(&f->used[page / 64])) {
			to = (page + 64) * FDP_PAGE;
			continue;
		}
		to = (page + 1) * FDP_PAGE < end ? (page + 1) * FDP_PAGE : end;
		if (!trim_page(f, mine, slba, to, &gone))
			continue;
		first = page < first ? page : first;
		last = page;
	}
	if (first <= last)
		sim_fdp_map_punch(f, first, last);
	atomic_fetch_sub(&f->g->live, (int64_t)gone);
	if (gone)
		sim_fdp_tidy_gone(f->g, gone);
}
