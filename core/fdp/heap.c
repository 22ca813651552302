/* SPDX-License-Identifier: MIT */
/*
 * heap.c - slots of lists of words: of each size as many as there are lists of that size, without a
 * gap.
 *
 * Slots of a size fill extents of 256 KiB, one extent after another. Of these the last is the only
 * one that is not full, and has memory up to the last slot: one that is given back gets what the
 * last slot has. So nothing is ever searched for, and nothing has to be cleaned.
 *
 * A slot is its page's number, and 1, and words. It is a page's when that page's form says so: what
 * else a killed process has left of the heap means nothing.
 */
#include <string.h>

#include "words.h"

/* each is the one before, a twentieth, and 2; the last one leaves no more to the dense pages */
const uint16_t sim_fdp_sizes[FDP_SIZES] = {
	3,   5,	  7,   9,   11,	 13,  15,  17,	19,  21,  24,  27,  30,	 33,  36,  39,	42,  46,
	50,  54,  58,  62,  67,	 72,  77,  82,	88,  94,  100, 107, 114, 121, 129, 137, 145, 154,
	163, 173, 183, 194, 205, 217, 229, 242, 256, 270, 285, 301, 318, 335, 353, 372, 392, 413,
	435, 458, 482, 508, 535, 563, 593, 624, 657, 691, 727, 765, 805, 847, 891, 937, 977,
};

static uint32_t slot_bytes(unsigned int size)
{
	return sim_fdp_sizes[size] * 4u;
}

/* slots of an extent */
static uint32_t per_extent(unsigned int size)
{
	return FDP_EXTENT / slot_bytes(size);
}

static uint64_t place(uint32_t ext, unsigned int size, uint32_t i)
{
	return (uint64_t)ext * FDP_EXTENT_WORDS + i * sim_fdp_sizes[size];
}

/* pages of memory that @nr slots need */
static uint32_t pages_of(unsigned int size, uint32_t nr)
{
	return (nr * slot_bytes(size) + FDP_OS_PAGE - 1) / FDP_OS_PAGE;
}

uint32_t sim_fdp_heap_extents(uint64_t pages)
{
	const uint64_t most = (1ull << FDP_PLACE_BITS) / FDP_EXTENT_WORDS;
	/* each page has one slot, and one page another for a moment */
	const uint64_t slots = pages + 1, sizes = slots < FDP_SIZES ? slots : FDP_SIZES;
	const uint64_t n = slots / FDP_SLOTS_LARGEST + sizes;

	return (uint32_t)(n < most ? n : most);
}

unsigned int sim_fdp_heap_size(uint32_t n)
{
	unsigned int from = 0, to = FDP_SIZES;

	while (from < to) {
		const unsigned int i = (from + to) / 2;

		if (sim_fdp_sizes[i] > n)
			to = i;
		else
			from = i + 1;
	}
	return from;
}

/* ---- memory ---------------------------------------------------------------------------------- */

int sim_fdp_map_reserve(const struct fdp_map *m, const void *mem, uint64_t len)
{
	const struct sim_journal_port *j = m->port;

	if (!j || !j->area_reserve)
		return 0;
	return j->area_reserve(j->opaque, m->area, (uintptr_t)mem - (uintptr_t)m->area, len);
}

void sim_fdp_map_punch(const struct fdp_map *m, const void *mem, uint64_t len)
{
	const struct sim_journal_port *j = m->port;

	if (j && j->area_punch)
		j->area_punch(j->opaque, m->area, (uintptr_t)mem - (uintptr_t)m->area, len);
}

void sim_fdp_map_account(struct fdp_map *m, int64_t pages)
{
	m->bytes += pages * FDP_OS_PAGE;
	if (m->total)
		atomic_fetch_add_explicit(m->total, pages * FDP_OS_PAGE, memory_order_relaxed);
}

/* pages @from to @to - 1 of an extent's memory */
static const void *memory(const struct fdp_map *m, uint32_t ext, uint32_t from)
{
	return (const uint8_t *)m->heap + (uint64_t)ext * FDP_EXTENT + from * FDP_OS_PAGE;
}

/* an extent keeps its first @n pages of memory */
static void cut(struct fdp_map *m, uint32_t ext, uint32_t n)
{
	struct fdp_extent *e = &m->ext[ext];

	if (e->room <= n)
		return;
	sim_fdp_map_punch(m, memory(m, ext, n), (e->room - n) * FDP_OS_PAGE);
	sim_fdp_map_account(m, (int64_t)n - e->room);
	m->spare -= e->room - n;
	e->room = (uint8_t)n;
}

/* all that is not used goes back, if it has become too much */
static void trim(struct fdp_map *m)
{
	if (m->spare <= FDP_SPARE + (uint64_t)m->bytes / (64 * FDP_OS_PAGE))
		return;
	for (unsigned int i = 0; i < FDP_SIZES; i++)
		if (m->last[i])
			cut(m, m->last[i] - 1, pages_of(i, m->ext[m->last[i] - 1].nr));
	/* the first free extent alone has memory */
	if (m->free)
		cut(m, m->free - 1, 0);
}

/* ---- extents --------------------------------------------------------------------------------- */

/* an empty one for slots of that size, behind those that are full. Return: whether there is one */
static bool push_extent(struct fdp_map *m, unsigned int size)
{
	uint32_t ext = m->free - 1;

	if (m->free)
		m->free = m->ext[ext].prev;
	else if (m->high < m->nr_ext)
		ext = m->high++;
	else
		return false;
	m->ext[ext].prev = m->last[size];
	m->ext[ext].size = (uint8_t)(size + 1);
	m->last[size] = ext + 1;
	return true;
}

/* the last one, which is empty, is free */
static void pop_extent(struct fdp_map *m, unsigned int size)
{
	const uint32_t ext = m->last[size] - 1;
	struct fdp_extent *e = &m->ext[ext];

	m->last[size] = e->prev;
	if (m->free)
		cut(m, m->free - 1, 0);
	e->size = 0;
	e->prev = m->free;
	m->free = ext + 1;
}

/* memory for the extent's first @nr slots. Return: whether there is */
static bool have_room(struct fdp_map *m, uint32_t ext, unsigned int size, uint32_t nr)
{
	struct fdp_extent *e = &m->ext[ext];
	const uint32_t need = pages_of(size, nr);

	if (need <= e->room)
		return true;
	if (sim_fdp_map_reserve(m, memory(m, ext, e->room), (need - e->room) * FDP_OS_PAGE))
		return false;
	m->spare += need - e->room;
	sim_fdp_map_account(m, (int64_t)need - e->room);
	e->room = (uint8_t)need;
	return true;
}

/* the extent has @nr slots; there is memory for them */
static void set_nr(struct fdp_map *m, uint32_t ext, unsigned int size, uint32_t nr)
{
	struct fdp_extent *e = &m->ext[ext];

	m->spare += pages_of(size, e->nr);
	m->spare -= pages_of(size, nr);
	e->nr = (uint16_t)nr;
}

/* ---- slots ----------------------------------------------------------------------------------- */

uint64_t sim_fdp_heap_take(struct fdp_map *m, unsigned int size, uint64_t page)
{
	uint32_t ext = m->last[size] - 1;
	uint64_t at;

	if (!m->last[size] || m->ext[ext].nr == per_extent(size)) {
		if (!push_extent(m, size))
			return UINT64_MAX;
		ext = m->last[size] - 1;
	}
	if (!have_room(m, ext, size, m->ext[ext].nr + 1u)) {
		if (!m->ext[ext].nr)
			pop_extent(m, size);
		return UINT64_MAX;
	}
	at = place(ext, size, m->ext[ext].nr);
	set_nr(m, ext, size, m->ext[ext].nr + 1u);
	fdp_store(&m->heap[at], (uint32_t)page + 1);
	return at;
}

/* the last slot of that size */
static uint64_t last_place(const struct fdp_map *m, unsigned int size)
{
	const uint32_t ext = m->last[size] - 1;

	return place(ext, size, m->ext[ext].nr - 1u);
}

/* it is free */
static void drop_last(struct fdp_map *m, unsigned int size)
{
	const uint32_t ext = m->last[size] - 1;

	set_nr(m, ext, size, m->ext[ext].nr - 1u);
	if (!m->ext[ext].nr)
		pop_extent(m, size);
}

/* what it has, the slot at @to has, and it is free; @held: a page whose lock is held */
static void move_last(struct fdp_map *m, unsigned int size, uint64_t to, uint64_t held)
{
	const uint64_t from = last_place(m, size), page = fdp_load(&m->heap[from]) - 1;
	const bool lock = page % FDP_STRIPES != held % FDP_STRIPES;
	_Atomic uint64_t *form = &m->page[page].form;

	if (lock)
		fdp_page_lock(m, page);
	memcpy((void *)&m->heap[to], (const void *)&m->heap[from], slot_bytes(size));
	atomic_store_explicit(form, fdp_form(to, size, fdp_n_of(atomic_load(form))),
			      memory_order_release);
	if (lock)
		fdp_page_unlock(m, page);
	drop_last(m, size);
}

void sim_fdp_heap_put(struct fdp_map *m, unsigned int size, uint64_t at, uint64_t held)
{
	if (at == last_place(m, size))
		drop_last(m, size);
	else
		move_last(m, size, at, held);
	trim(m);
}

/* ---- after a start --------------------------------------------------------------------------- */

/* whether the slot is what the form of the page that it says it is of is about */
static bool is_live(const struct fdp_map *m, unsigned int size, uint64_t at)
{
	const uint64_t page = fdp_load(&m->heap[at]) - 1u;
	uint64_t form;

	if (page >= m->pages || !fdp_page_counts(m, page))
		return false;
	form = atomic_load(&m->page[page].form);
	return !(form & FDP_DENSE) && fdp_size_of(form) == size + 1 && fdp_place_of(form) == at;
}

/*
 * A page's form says that there is a slot: it may be. Then its extent is one of such slots, if
 * nobody has said otherwise.
 */
static bool is_sound(struct fdp_map *m, uint64_t page, uint64_t form)
{
	const uint64_t at = fdp_place_of(form), ext = at / FDP_EXTENT_WORDS;
	const unsigned int size = fdp_size_of(form) - 1;
	struct fdp_extent *e;
	uint32_t i;

	if (size >= FDP_SIZES || ext >= m->nr_ext || at % FDP_EXTENT_WORDS % sim_fdp_sizes[size] ||
	    fdp_load(&m->heap[at]) != page + 1)
		return false;
	i = (uint32_t)(at % FDP_EXTENT_WORDS / sim_fdp_sizes[size]);
	e = &m->ext[ext];
	if (i >= per_extent(size) || (e->size && e->size != size + 1))
		return false;
	if (!e->size) {
		e->size = (uint8_t)(size + 1);
		e->prev = m->last[size];
		m->last[size] = (uint32_t)ext + 1;
		m->high = m->high <= ext ? (uint32_t)ext + 1 : m->high;
	}
	if (i >= e->nr) {
		const uint32_t room = pages_of(size, i + 1);

		sim_fdp_map_account(m, (int64_t)room - e->room);
		e->room = (uint8_t)room;
		e->nr = (uint16_t)(i + 1);
	}
	return true;
}

/* the extent with the fewest slots is the last */
static void choose_last(struct fdp_map *m, unsigned int size)
{
	uint32_t *least = &m->last[size], ext;

	for (uint32_t *p = least; *p; p = &m->ext[*p - 1].prev)
		if (m->ext[*p - 1].nr < m->ext[*least - 1].nr)
			least = p;
	ext = *least;
	if (!ext)
		return;
	*least = m->ext[ext - 1].prev;
	m->ext[ext - 1].prev = m->last[size];
	m->last[size] = ext;
}

/* the slot at @to is no page's: the last one goes there, or, without memory for it, is given up */
static void fill(struct fdp_map *m, unsigned int size, uint32_t ext, uint32_t i)
{
	if (!have_room(m, ext, size, i + 1)) {
		atomic_store(&m->page[fdp_load(&m->heap[last_place(m, size)]) - 1].form, 0);
		drop_last(m, size);
		return;
	}
	if (i >= m->ext[ext].nr)
		set_nr(m, ext, size, i + 1);
	move_last(m, size, place(ext, size, i), UINT64_MAX);
}

/* slots of that size lie one after another, from the last extent to the first */
static void join(struct fdp_map *m, unsigned int size)
{
	uint32_t ext, i = 0;

	choose_last(m, size);
	ext = m->last[size];
	while (ext) {
		while (m->last[size] && !is_live(m, size, last_place(m, size)))
			drop_last(m, size);
		if (m->ext[ext - 1].size != size + 1) {
			ext = m->last[size]; /* those behind are free */
			i = 0;
		} else if (i == per_extent(size) ||
			   (ext == m->last[size] && i == m->ext[ext - 1].nr)) {
			ext = m->ext[ext - 1].prev;
			i = 0;
		} else if (i < m->ext[ext - 1].nr && is_live(m, size, place(ext - 1, size, i))) {
			i++;
		} else {
			fill(m, size, ext - 1, i);
		}
	}
}

/* what is behind the extents' slots is no memory */
static void punch_rest(struct fdp_map *m)
{
	for (unsigned int size = 0; size < FDP_SIZES; size++) {
		const uint32_t ext = m->last[size] - 1;

		if (!m->last[size])
			continue;
		cut(m, ext, pages_of(size, m->ext[ext].nr));
		sim_fdp_map_punch(m, memory(m, ext, m->ext[ext].room),
				  FDP_EXTENT - m->ext[ext].room * FDP_OS_PAGE);
	}
	sim_fdp_map_punch(m, memory(m, m->high, 0), (uint64_t)(m->nr_ext - m->high) * FDP_EXTENT);
}

void sim_fdp_heap_start(struct fdp_map *m)
{
	for (uint64_t page = 0; page < m->pages; page++) {
		uint64_t form;

		if (!(page % 64) && !atomic_load(&m->used[page / 64])) {
			page += 63;
			continue;
		}
		form = fdp_page_counts(m, page) ? atomic_load(&m->page[page].form) : 0;
		if (form && !(form & FDP_DENSE) && !is_sound(m, page, form))
			atomic_store(&m->page[page].form, 0);
	}
	for (uint32_t ext = 0; ext < m->high; ext++) {
		if (m->ext[ext].size)
			continue;
		sim_fdp_map_punch(m, memory(m, ext, 0), FDP_EXTENT);
		m->ext[ext].prev = m->free;
		m->free = ext + 1;
	}
	for (unsigned int size = 0; size < FDP_SIZES; size++)
		join(m, size);
	punch_rest(m);
}

void sim_fdp_heap_clear(struct fdp_map *m)
{
	for (uint32_t ext = 0; ext < m->high; ext++)
		m->ext[ext] = (struct fdp_extent){ 0 };
	memset(m->last, 0, sizeof(m->last));
	m->high = m->free = 0;
	m->spare = 0;
}
