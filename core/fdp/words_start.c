/* SPDX-License-Identifier: MIT */
/*
 * words_start.c - the map as an earlier process has left it, which may have been killed anywhere.
 *
 * A list that was being moved has some words twice; a form may have been about to change, so that a
 * slot or an array is nobody's. After a power cut any of it may be anything: lists are put in order
 * by dropping what is not in it.
 */
#include <string.h>

#include "words.h"

/* a word that says something, which may not be true; pending ones say nothing any more */
static bool says(uint32_t word)
{
	return fdp_unit_of(word);
}

static void start_dense(struct fdp_map *m, uint64_t page)
{
	_Atomic uint32_t *word = m->dense + page * FDP_PAGE;
	uint32_t n = 0;

	for (uint32_t block = 0; block < FDP_PAGE; block++) {
		const uint32_t is = fdp_load(&word[block]), to = says(is) ? is & FDP_VALUE : 0;

		if (is != to)
			fdp_store(&word[block], to);
		n += to > 0;
	}
	sim_fdp_map_account(m, FDP_PAGE * sizeof(*word) / FDP_OS_PAGE);
	atomic_store(&m->page[page].form, FDP_DENSE | n * FDP_N_ONE);
}

/* words of the slot, from the first on, in order; they move down only. Return: how many */
static uint32_t start_slot(_Atomic uint32_t *list, uint32_t room, const struct fdp_page *e)
{
	uint32_t n = 0, next = 0;

	for (uint32_t i = 0; i < room; i++) {
		const uint32_t word = fdp_load(&list[i]), block = fdp_block_of(word);
		bool twice = false;

		for (unsigned int k = 0; k < FDP_INLINE; k++)
			twice |= fdp_load(&e->word[k]) &&
				 fdp_block_of(fdp_load(&e->word[k])) == block;
		if (!says(word) || block < next || twice)
			continue;
		if (n != i)
			fdp_store(&list[n], word);
		n++;
		next = block + 1;
	}
	for (uint32_t i = n; i < room; i++)
		if (fdp_load(&list[i]))
			fdp_store(&list[i], 0);
	return n;
}

static void start_list(struct fdp_map *m, uint64_t page)
{
	struct fdp_page *e = &m->page[page];
	const uint64_t form = atomic_load(&e->form);
	uint32_t n;

	for (unsigned int i = 0; i < FDP_INLINE; i++)
		if (!says(fdp_load(&e->word[i])))
			fdp_store(&e->word[i], 0);
	if (fdp_load(&e->word[0]) &&
	    fdp_block_of(fdp_load(&e->word[0])) == fdp_block_of(fdp_load(&e->word[1])))
		fdp_store(&e->word[1], 0);
	if (!form)
		return;
	n = start_slot(m->heap + fdp_place_of(form) + 1, sim_fdp_sizes[fdp_size_of(form) - 1] - 1u,
		       e);
	atomic_store(&e->form, fdp_form(fdp_place_of(form), fdp_size_of(form) - 1, n));
}

void sim_fdp_words_start(struct fdp_map *m)
{
	uint64_t from = 0; /* pages from there on are not dense */

	sim_fdp_heap_start(m);
	for (uint64_t page = 0; page < m->pages; page++) {
		if (!(page % 64) && !atomic_load(&m->used[page / 64])) {
			page += 63;
			continue;
		}
		if (!fdp_page_counts(m, page))
			continue;
		if (!(atomic_load(&m->page[page].form) & FDP_DENSE)) {
			start_list(m, page);
			continue;
		}
		start_dense(m, page);
		if (page > from)
			sim_fdp_words_punch(m, from, page - 1);
		from = page + 1;
	}
	if (from < m->pages)
		sim_fdp_words_punch(m, from, m->pages - 1);
}

void sim_fdp_words_clear(struct fdp_map *m)
{
	for (uint64_t i = 0; i < (m->pages + 63) / 64; i++)
		if (atomic_load_explicit(&m->used[i], memory_order_relaxed))
			atomic_store_explicit(&m->used[i], 0, memory_order_relaxed);
	sim_fdp_heap_clear(m);
	sim_fdp_map_account(m, -m->bytes / FDP_OS_PAGE);
	/* the rest of the table's last page has nothing in it */
	sim_fdp_map_punch(m, m->page, m->pages * sizeof(m->page[0]) + FDP_OS_PAGE - 1);
	sim_fdp_words_punch(m, 0, m->pages - 1);
	sim_fdp_map_punch(m, (const void *)m->heap, (uint64_t)m->nr_ext * FDP_EXTENT);
}
