/* SPDX-License-Identifier: MIT */
/*
 * page.c - ranges of blocks in a namespace's map, a page at a time: they are given room before they
 * are written, put into a unit, looked for, and taken out.
 */
#include <assert.h>

#include "priv.h"

/* the end of @lba's page, or @end */
static uint64_t page_end(uint64_t lba, uint64_t end)
{
	const uint64_t next = (lba / FDP_PAGE + 1) * FDP_PAGE;

	return next < end ? next : end;
}

void sim_fdp_map_undo(struct sim_fdp_ns *f, uint64_t slba, uint64_t n)
{
	for (uint64_t lba = slba, to; lba < slba + n; lba = to) {
		const uint32_t lo = lba % FDP_PAGE;

		to = page_end(lba, slba + n);
		sim_fdp_words_undo(&f->map, lba / FDP_PAGE, lo, lo + (uint32_t)(to - lba));
	}
}

uint16_t sim_fdp_prepare(struct sim_req *req, struct sim_ns *ns, uint64_t slba, uint64_t nlb)
{
	struct sim_fdp_ns *f = ns->fdp;
	const uint64_t end = slba + nlb;

	for (uint64_t lba = slba, to; f && lba < end; lba = to) {
		const uint32_t lo = lba % FDP_PAGE;

		to = page_end(lba, end);
		if (!sim_fdp_words_add(&f->map, lba / FDP_PAGE, lo, lo + (uint32_t)(to - lba)))
			continue;
		sim_fdp_map_undo(f, slba, to - slba);
		req->err_lba = slba;
		return SIM_WRITE_FAULT;
	}
	return SIM_OK;
}

/** struct run - blocks that came one after another and were in the same unit, @unit, and 1; before
 * that, @in blocks were in one, and @none in none */
struct run {
	struct sim_fdp_ns *f;
	uint32_t unit;
	uint64_t nr, in, none;
};

/* they are not there any more */
static void left(struct run *r)
{
	struct sim_fdp_ns *f = r->f;
	const uint32_t n = (uint32_t)r->nr * f->block, unit = r->unit - 1;

	if (r->unit) {
		if (atomic_fetch_sub_explicit(&f->valid[unit], n, memory_order_relaxed) == n && n)
			sim_fdp_emptied(f->g, unit);
		r->in += r->nr;
	} else {
		r->none += r->nr;
	}
	r->nr = 0;
}

static void was_in(struct run *r, uint32_t unit)
{
	if (unit != r->unit)
		left(r);
	r->unit = unit;
	r->nr++;
}

uint64_t sim_fdp_map_set(struct sim_fdp_ns *f, uint64_t slba, uint64_t n, uint32_t unit)
{
	const uint32_t to = fdp_mapped(unit, 0);
	const uint64_t end = slba + n;
	struct run r = { .f = f };

	for (uint64_t lba = slba, stop; lba < end; lba = stop) {
		const uint64_t page = lba / FDP_PAGE;
		uint32_t block = lba % FDP_PAGE, hi;
		_Atomic uint32_t *word, *run;
		struct fdp_words w;

		stop = page_end(lba, end);
		hi = block + (uint32_t)(stop - lba);
		fdp_page_lock(&f->map, page);
		w = fdp_words(&f->map, page, block);
		run = fdp_run(&w, block, hi);
		for (; block < hi; block++) {
			uint32_t old, at = block;

			word = run ? run++ : fdp_next(&w, &at, hi);
			assert(word && fdp_load(word) && at == block); /* sim_fdp_prepare() */
			old = fdp_unit_of(fdp_load(word));
			fdp_set(word, to);
			was_in(&r, old);
			/* a block that was in that unit before has an entry in the log */
			if (old != unit + 1)
				fdp_log_add(f, unit, page * FDP_PAGE + block);
		}
		fdp_page_unlock(&f->map, page);
	}
	left(&r);
	return r.none;
}

/* Return: whether the page should have another form */
static bool none_of(struct run *r, uint64_t page, uint32_t lo, uint32_t hi)
{
	struct fdp_map *m = &r->f->map;
	const _Atomic uint32_t *word;
	bool misfit = false;
	struct fdp_words w;

	fdp_page_lock(m, page);
	w = fdp_words(m, page, lo);
	for (uint32_t block = lo; (word = fdp_next(&w, &block, hi)); block++)
		was_in(r, fdp_unit_of(fdp_load(word)));
	if (fdp_page_counts(m, page))
		misfit = sim_fdp_words_drop(m, page, lo, hi);
	fdp_page_unlock(m, page);
	return misfit;
}

uint64_t sim_fdp_map_none(struct sim_fdp_ns *f, uint64_t slba, uint64_t n)
{
	const uint64_t end = slba + n;
	uint64_t first = UINT64_MAX, last = 0;
	struct run r = { .f = f };

	for (uint64_t to; slba < end; slba = to) {
		const uint64_t page = slba / FDP_PAGE;
		const uint32_t lo = slba % FDP_PAGE;
		bool all;

		/* the range may be nearly all of a huge namespace */
		if (!(page % 64) && !atomic_load(&f->map.used[page / 64])) {
			to = (page + 64) * FDP_PAGE;
			continue;
		}
		to = page_end(slba, end);
		all = to - slba == FDP_PAGE;
		if (!fdp_page_counts(&f->map, page) ||
		    !none_of(&r, page, lo, lo + (uint32_t)(to - slba)))
			continue;
		/* who has claimed all of it, may do that with one call for many */
		sim_fdp_words_fit(&f->map, page, !all);
		first = all && page < first ? page : first;
		last = all ? page : last;
	}
	left(&r);
	if (first <= last)
		sim_fdp_words_punch(&f->map, first, last);
	return r.in;
}

void sim_fdp_trim(struct sim_ns *ns, uint64_t slba, uint64_t nlb)
{
	struct sim_fdp_ns *f = ns->fdp;
	uint64_t gone;

	if (!f)
		return;
	gone = sim_fdp_map_none(f, slba, nlb);
	atomic_fetch_sub(&f->g->live, (int64_t)gone);
	if (gone)
		sim_fdp_tidy_gone(f->g, gone);
}

bool sim_fdp_map_find(struct sim_fdp_ns *f, uint64_t *lba, uint64_t end, uint32_t unit)
{
	for (uint64_t stop; *lba < end; *lba = stop) {
		const uint64_t page = *lba / FDP_PAGE;
		uint32_t block = *lba % FDP_PAGE, hi;
		const _Atomic uint32_t *word;
		struct fdp_words w;

		stop = page_end(*lba, end);
		hi = block + (uint32_t)(stop - *lba);
		fdp_page_lock(&f->map, page);
		w = fdp_words(&f->map, page, block);
		while ((word = fdp_next(&w, &block, hi)) && fdp_unit_of(fdp_load(word)) != unit + 1)
			block++;
		fdp_page_unlock(&f->map, page);
		*lba = page * FDP_PAGE + block;
		if (word)
			return true;
	}
	return false;
}

bool sim_fdp_map_move(struct sim_fdp_ns *f, uint64_t lba, uint32_t from, uint32_t to)
{
	uint32_t block = lba % FDP_PAGE;
	_Atomic uint32_t *word;
	struct fdp_words w;
	bool is = false;

	fdp_page_lock(&f->map, lba / FDP_PAGE);
	w = fdp_words(&f->map, lba / FDP_PAGE, block);
	word = fdp_next(&w, &block, block + 1);
	if (word && fdp_unit_of(fdp_load(word)) == from + 1) {
		fdp_set(word, fdp_mapped(to, 0));
		is = true;
	}
	fdp_page_unlock(&f->map, lba / FDP_PAGE);
	return is;
}
