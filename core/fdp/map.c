/* SPDX-License-Identifier: MIT */
/*
 * map.c - a namespace in the endurance group: which unit each of its blocks is in.
 *
 * The map is memory that survives (words.h). Its page of 1,024 blocks counts when the bit in front
 * of the map says so, so that a huge namespace costs what is written to it, and all of it is
 * cleared with those bits. What a unit holds (its log, its valid sectors) is not kept: a start
 * finds it by going through the pages that count, whatever became of the process before.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../persist/persist.h"
#include "priv.h"

#define MAGIC	 0x32504d464d49534eull /* "NSIMFMP2" */
#define HEAD_LEN 4096u

_Static_assert(sizeof(struct fdp_map_head) <= HEAD_LEN, "in the area");

/*
 * As many blocks as the store can ever hold, so that a Format keeps the area: bits, the table,
 * arrays and the heap. Return: bytes of the head and the bits.
 */
static uint64_t layout(struct sim_fdp_ns *f, uint64_t *table, uint64_t *dense, uint64_t *heap)
{
	const uint64_t blocks = f->ns->p.store->size >> FDP_SECTOR_SHIFT;
	struct fdp_map *m = &f->map;

	m->pages = (blocks + FDP_PAGE - 1) / FDP_PAGE;
	m->nr_ext = sim_fdp_heap_extents(m->pages);
	*table = (HEAD_LEN + (m->pages + 63) / 64 * 8 + 4095) & ~4095ull;
	*dense = (*table + m->pages * sizeof(struct fdp_page) + 4095) & ~4095ull;
	*heap = *dense + m->pages * FDP_PAGE * sizeof(uint32_t);
	f->len = *heap + (uint64_t)m->nr_ext * FDP_EXTENT;
	return *table;
}

static int get_area(struct sim_fdp_ns *f, bool *fresh)
{
	const struct sim_journal_port *j = &f->g->s->journal;
	uint64_t table, dense, heap, reserved = layout(f, &table, &dense, &heap);
	struct fdp_map *m = &f->map;
	uint8_t *area;

	*fresh = true;
	f->own_memory = !j->area;
	if (j->area)
		f->head = j->area(j->opaque, SIM_REC_FDP_MAP, f->ns->nsid, f->len, fresh);
	else
		f->head = f->len <= SIZE_MAX ? calloc(1, (size_t)f->len) : NULL;
	m->ext = sim_fdp_memory(f->g, m->nr_ext * sizeof(m->ext[0]));
	if (!f->head || !m->ext)
		return SIM_ENOMEM;
	area = (uint8_t *)f->head;
	m->port = j->area ? j : NULL;
	m->area = f->head;
	m->total = &f->g->map_bytes;
	m->used = (_Atomic uint64_t *)(area + HEAD_LEN);
	m->page = (struct fdp_page *)(area + table);
	m->dense = (_Atomic uint32_t *)(area + dense);
	m->heap = (_Atomic uint32_t *)(area + heap);
	return sim_fdp_map_reserve(m, area, reserved);
}

static void put_area(struct sim_fdp_ns *f, bool forget)
{
	const struct sim_journal_port *j = &f->g->s->journal;

	if (f->own_memory)
		free(f->head);
	else if (f->head)
		j->area_free(j->opaque, SIM_REC_FDP_MAP, f->ns->nsid, f->head, f->len, forget);
	sim_fdp_memory_free(f->g, f->map.ext, f->map.nr_ext * sizeof(f->map.ext[0]));
	atomic_fetch_sub(&f->g->map_bytes, f->map.bytes);
}

int sim_fdp_valid_grow(struct sim_fdp_ns *f, uint32_t units)
{
	void *valid = sim_fdp_memory_grow(f->g, (void *)f->valid, f->nr_valid * sizeof(f->valid[0]),
					  units * sizeof(f->valid[0]));

	if (!valid)
		return SIM_ENOMEM;
	f->valid = valid;
	f->nr_valid = units;
	return 0;
}

/* namespaces that share indices with @f, if its first one is @base */
static unsigned int sharers(const struct sim_fdp_ns *f, uint32_t base)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < f->g->nr_ns; i++) {
		const struct sim_fdp_ns *o = f->g->ns[i];

		n += o != f && (((o->base - base) & FDP_INDEX_MASK) < f->span ||
				((base - o->base) & FDP_INDEX_MASK) < o->span);
	}
	return n;
}

/*
 * Indices for the namespace's blocks: as many as its part of all namespaces there are, so that the
 * blocks an entry can stand for are no more than if all were one namespace; and, where there is
 * such a place, not another's.
 */
static void choose_indices(struct sim_fdp_ns *f)
{
	const struct sim_ns *ns = f->ns;
	uint64_t all = ns->nsze;
	unsigned int least;

	for (unsigned int i = 0; i < f->g->nr_ns; i++) {
		const struct sim_ns *o = f->g->ns[i]->ns;

		if (o != ns)
			all += (o->nsze << (o->lbads - FDP_SECTOR_SHIFT)) >>
			       (ns->lbads - FDP_SECTOR_SHIFT);
	}
	for (f->shift = 0; (all - 1) >> f->shift > FDP_INDEX_MASK; f->shift++)
		;
	f->span = (uint32_t)((ns->nsze - 1) >> f->shift) + 1;
	f->base = 0;
	least = sharers(f, 0);
	for (unsigned int i = 0; i < f->g->nr_ns && least; i++) {
		const struct sim_fdp_ns *o = f->g->ns[i];
		const uint32_t base = (o->base + o->span) & FDP_INDEX_MASK;
		const unsigned int n = o != f ? sharers(f, base) : least;

		if (n < least) {
			least = n;
			f->base = base;
		}
	}
}

/* what follows from the namespace's format */
static void describe(struct sim_fdp_ns *f)
{
	const struct sim_ns *ns = f->ns;

	f->block = 1u << (ns->lbads - FDP_SECTOR_SHIFT);
	f->bytes = (1u << ns->lbads) + ns->ms;
	choose_indices(f);
}

/* units that were ever used; the others' counts are not looked at: that would make them memory */
static uint32_t used_units(const struct sim_fdp_ns *f)
{
	const uint32_t high = atomic_load(&f->g->head->high) * f->g->p.nrg;

	return high < f->nr_valid ? high : f->nr_valid;
}

/* no unit holds any of the namespace's blocks */
static void leave_all(struct sim_fdp_ns *f)
{
	const uint32_t units = used_units(f);

	for (uint32_t i = 0; i < units; i++)
		if (atomic_load_explicit(&f->valid[i], memory_order_relaxed)) {
			atomic_store_explicit(&f->valid[i], 0, memory_order_relaxed);
			sim_fdp_emptied(f->g, i);
		}
}

void sim_fdp_map_clear(struct sim_fdp_ns *f)
{
	leave_all(f);
	sim_fdp_words_clear(&f->map);
}

/* blocks that are in units */
static uint64_t live(const struct sim_fdp_ns *f)
{
	const uint32_t units = used_units(f);
	uint64_t n = 0;

	for (uint32_t i = 0; i < units; i++)
		n += atomic_load_explicit(&f->valid[i], memory_order_relaxed) / f->block;
	return n;
}

void sim_fdp_ns_reshape(struct sim_ns *ns)
{
	struct sim_fdp_ns *f = ns->fdp;
	uint64_t gone;

	if (!f)
		return;
	gone = live(f);
	sim_fdp_map_clear(f);
	describe(f);
	f->head->blocks = sim_media_gen(&ns->media);
	atomic_fetch_sub(&f->g->live, (int64_t)gone);
	sim_fdp_tidy_gone(f->g, gone);
}

/* ---- after a start --------------------------------------------------------------------------- */

/* sectors that have been found so far in a unit */
static uint64_t found_in(const struct sim_fdp_ns *f, uint32_t unit)
{
	return sim_fdp_valid(f->g, unit) +
	       atomic_load_explicit(&f->valid[unit], memory_order_relaxed);
}

/* whether it can be true that block @lba is in @unit, with what has been found so far */
static bool is_sound(const struct sim_fdp_ns *f, uint64_t lba, uint32_t unit)
{
	const struct sim_fdp *g = f->g;

	return lba < f->ns->nsze && unit < atomic_load(&g->head->high) * g->p.nrg &&
	       fdp_state(atomic_load(&g->unit[unit].word)) != FDP_FREE &&
	       found_in(f, unit) + f->block <= g->cap &&
	       sim_blocks_find_alloc(&f->ns->media.blocks, lba, lba + 1, true) == lba;
}

static void found(struct sim_fdp_ns *f, uint64_t lba, uint32_t unit)
{
	struct fdp_unit *u = &f->g->unit[unit];
	const uint32_t n = atomic_load_explicit(&f->valid[unit], memory_order_relaxed);
	uint64_t all;

	fdp_log_add(f, unit, lba);
	atomic_store_explicit(&f->valid[unit], n + f->block, memory_order_relaxed);
	all = found_in(f, unit);
	if (atomic_load_explicit(&u->written, memory_order_relaxed) < all)
		atomic_store_explicit(&u->written, (uint32_t)all, memory_order_relaxed);
}

/* Return: blocks of a page that are in units */
static uint32_t recover_page(struct sim_fdp_ns *f, uint64_t page)
{
	struct fdp_words w = fdp_words(&f->map, page, 0);
	_Atomic uint32_t *word;
	bool lost = false;
	uint32_t n = 0;

	for (uint32_t block = 0; (word = fdp_next(&w, &block, FDP_PAGE)); block++) {
		const uint64_t lba = page * FDP_PAGE + block;
		const uint32_t unit = fdp_unit_of(fdp_load(word)) - 1;

		if (unit == FDP_NONE || !is_sound(f, lba, unit)) {
			fdp_set(word, FDP_PENDING);
			lost = true;
			continue;
		}
		found(f, lba, unit);
		n++;
		if (fdp_mark_of(fdp_load(word)))
			fdp_set(word, fdp_mapped(unit, 0));
	}
	if (lost)
		sim_fdp_words_undo(&f->map, page, 0, FDP_PAGE);
	else
		sim_fdp_words_fit(&f->map, page, true);
	return n;
}

/* what an earlier process, killed or not, has left of the map; writes of now come later */
static void recover(struct sim_fdp_ns *f)
{
	sim_fdp_words_start(&f->map);
	for (uint64_t page = 0; page < f->map.pages; page++) {
		if (!(page % 64) && !atomic_load(&f->map.used[page / 64]))
			page += 63;
		else if (fdp_page_counts(&f->map, page))
			atomic_fetch_add(&f->g->live, recover_page(f, page));
	}
	sim_fdp_tidy_pool(f->g);
}

/* ---- opening -----------------------------------------------------------------------------------
 */

static void keep(struct sim_fdp_ns *f)
{
	struct fdp_map_head *h = f->head;

	atomic_exchange(&h->magic, 0); /* nothing below comes before it */
	h->gen = f->g->head->gen;
	h->blocks = sim_media_gen(&f->ns->media);
	h->size = f->ns->p.store->size;
	h->nph = f->nph;
	h->chosen = f->chosen;
	memcpy(h->ruhid, f->ruhid, sizeof(h->ruhid));
	atomic_store(&h->magic, MAGIC);
}

/* Return: 0, or a negative enum sim_err with the sentence left to be made */
static int fill_in(struct sim_fdp_ns *f, struct sim_msg *msg)
{
	struct sim_fdp *g = f->g;
	const struct fdp_map_head *h;
	bool fresh, known;
	int ret;

	if (get_area(f, &fresh) || sim_fdp_valid_grow(f, g->units * g->p.nrg)) {
		snprintf(msg->text, sizeof(msg->text),
			 "no room to keep which reclaim units the blocks of namespace %" PRIu32
			 " are in",
			 f->ns->nsid);
		return SIM_ENOMEM;
	}
	h = f->head;
	known = !fresh && atomic_load(&h->magic) == MAGIC && h->gen == g->head->gen &&
		h->size == f->ns->p.store->size;
	ret = sim_fdp_handles_choose(f, known, msg);
	if (ret)
		return ret;
	describe(f);
	if (!known)
		atomic_store(&f->head->directive_off, 0);
	if (!known || h->blocks != sim_media_gen(&f->ns->media))
		sim_fdp_map_clear(f);
	else
		recover(f);
	keep(f);
	return 0;
}

static void drop(struct sim_fdp_ns *f, bool forget)
{
	put_area(f, forget);
	sim_fdp_memory_free(f->g, (void *)f->valid, f->nr_valid * sizeof(f->valid[0]));
	free(f);
}

int sim_fdp_ns_open(struct sim_ns *ns, struct sim_msg *msg)
{
	struct sim_fdp *g = ns->subsys->fdp;
	struct sim_fdp_ns *f;
	int ret;

	if (!g || !g->cfg)
		return 0;
	if (ns->lbads > FDP_SECTOR_SHIFT && 1u << (ns->lbads - FDP_SECTOR_SHIFT) > g->block_max) {
		uint32_t sectors = 1u << (ns->lbads - FDP_SECTOR_SHIFT);

		if (!sim_fdp_enough(g, sectors, msg))
			return SIM_EINVAL;
		g->block_max = sectors;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		snprintf(msg->text, sizeof(msg->text), "no memory for a namespace");
		return SIM_ENOMEM;
	}
	f->g = g;
	f->ns = ns;
	ret = fill_in(f, msg);
	if (ret) {
		drop(f, false);
		return ret;
	}
	g->ns[g->nr_ns++] = f;
	ns->fdp = f;
	return 0;
}

void sim_fdp_ns_close(struct sim_ns *ns, bool forget)
{
	struct sim_fdp_ns *f = ns->fdp;
	unsigned int i = 0;
	uint64_t gone;

	if (!f)
		return;
	while (f->g->ns[i] != f)
		i++;
	f->g->ns[i] = f->g->ns[--f->g->nr_ns];
	ns->fdp = NULL;
	gone = live(f);
	atomic_fetch_sub(&f->g->live, (int64_t)gone);
	if (forget) {
		leave_all(f);
		sim_fdp_tidy_gone(f->g, gone);
	}
	drop(f, forget);
}
