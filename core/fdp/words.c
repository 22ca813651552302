/* SPDX-License-Identifier: MIT */
/*
 * words.c - words of pages of the map come and go, and the form of a page with them.
 *
 * A write has its words made before anything is written, pending, so that all that can fail is
 * behind it: what it does later is to change them. A page that has no word any more does not count.
 */
#include "words.h"

#define TABLE_OF (FDP_OS_PAGE / sizeof(struct fdp_page)) /* pages with one page of the table */

static uint64_t form_of(const struct fdp_map *m, uint64_t page)
{
	return atomic_load_explicit(&m->page[page].form, memory_order_relaxed);
}

static void set_form(struct fdp_map *m, uint64_t page, uint64_t form)
{
	atomic_store_explicit(&m->page[page].form, form, memory_order_release);
}

static uint32_t word_of(uint32_t block, uint32_t value)
{
	return block << FDP_VALUE_BITS | value;
}

/* the number of words for which there is room in the form's slot */
static uint32_t room_in(uint64_t form)
{
	return fdp_size_of(form) ? sim_fdp_sizes[fdp_size_of(form) - 1] - 1u : 0;
}

/* of the entry's words */
static uint32_t nr_inline(const struct fdp_page *e)
{
	return (fdp_load(&e->word[0]) > 0) + (fdp_load(&e->word[1]) > 0);
}

static bool is_inline(const struct fdp_page *e, uint32_t block)
{
	for (unsigned int i = 0; i < FDP_INLINE; i++)
		if (fdp_load(&e->word[i]) && fdp_block_of(fdp_load(&e->word[i])) == block)
			return true;
	return false;
}

/* ---- pages begin to count ---------------------------------------------------------------------
 */

/* pages whose entries are in the same page of memory as @page's; whether any counts */
static bool any_counts(const struct fdp_map *m, uint64_t page)
{
	const uint64_t from = page / TABLE_OF * TABLE_OF / 64;
	uint64_t bits = 0;

	for (uint64_t i = from; i < from + TABLE_OF / 64 && i <= (m->pages - 1) / 64; i++)
		bits |= atomic_load_explicit(&m->used[i], memory_order_relaxed);
	return bits;
}

static struct fdp_page *entries(const struct fdp_map *m, uint64_t page)
{
	return &m->page[page / TABLE_OF * TABLE_OF];
}

/* the lock is held. Entries lose their memory under all locks (drop_table()) */
static int count_page(struct fdp_map *m, uint64_t page)
{
	struct fdp_page *e = &m->page[page];
	int ret = any_counts(m, page) ? 0 : sim_fdp_map_reserve(m, entries(m, page), FDP_OS_PAGE);

	if (ret)
		return ret;
	set_form(m, page, 0);
	for (unsigned int i = 0; i < FDP_INLINE; i++)
		fdp_store(&e->word[i], 0);
	atomic_fetch_or(&m->used[page / 64], 1ull << (page % 64));
	return 0;
}

/* entries of which none counts are no memory; no page's lock is held */
static void drop_table(struct fdp_map *m, uint64_t page)
{
	for (unsigned int i = 0; i < FDP_STRIPES; i++)
		fdp_page_lock(m, i);
	if (!any_counts(m, page))
		sim_fdp_map_punch(m, entries(m, page), FDP_OS_PAGE);
	for (unsigned int i = 0; i < FDP_STRIPES; i++)
		fdp_page_unlock(m, i);
}

/* ---- words come ------------------------------------------------------------------------------ */

/* how many of the blocks have no word */
static uint32_t missing(const struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi)
{
	struct fdp_words w = fdp_words(m, page, lo);
	const _Atomic uint32_t *run = fdp_run(&w, lo, hi);
	uint32_t n = 0;

	for (uint32_t i = 0; w.dense && i < hi - lo; i++)
		n += !fdp_load(&run[i]);
	if (run)
		return n;
	n = hi - lo;
	for (uint32_t block = lo; fdp_next(&w, &block, hi); block++)
		n--;
	return n;
}

/*
 * The list @from of @n words, with @more for those of the blocks that have none, is @to, from its
 * end. If both are the same, each word is there once at least all the while.
 */
static void spread(const struct fdp_page *e, const _Atomic uint32_t *from, uint32_t n,
		   _Atomic uint32_t *to, uint32_t more, uint32_t lo, uint32_t hi)
{
	uint32_t end = n + more;

	while (n && fdp_block_of(fdp_load(&from[n - 1])) >= hi)
		fdp_store(&to[--end], fdp_load(&from[--n]));
	for (uint32_t block = hi; more && block-- > lo;) {
		if (n && fdp_block_of(fdp_load(&from[n - 1])) == block) {
			fdp_store(&to[--end], fdp_load(&from[--n]));
		} else if (!is_inline(e, block)) {
			fdp_store(&to[--end], word_of(block, FDP_PENDING));
			more--;
		}
	}
	while (to != from && n)
		fdp_store(&to[--end], fdp_load(&from[--n]));
}

/* the entry takes what it has room for. Return: how many */
static uint32_t add_inline(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi)
{
	struct fdp_page *e = &m->page[page];
	struct fdp_words w = fdp_words(m, page, lo);
	uint32_t block = lo, next = lo, n = 0;
	bool there = fdp_next(&w, &next, hi);

	for (unsigned int i = 0; i < FDP_INLINE && block < hi; i++) {
		if (fdp_load(&e->word[i]))
			continue;
		while (there && block == next) {
			next = ++block;
			there = fdp_next(&w, &next, hi);
		}
		if (block == hi)
			break;
		fdp_store(&e->word[i], word_of(block++, FDP_PENDING));
		n++;
	}
	return n;
}

/* The lock is held. Return: whether all have a word; else another form is needed */
static bool add_here(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi)
{
	const uint64_t form = form_of(m, page);
	uint32_t more = missing(m, page, lo, hi), n;
	_Atomic uint32_t *list;

	if (!more)
		return true;
	if (form & FDP_DENSE) {
		list = m->dense + page * FDP_PAGE;
		for (uint32_t block = lo; block < hi; block++)
			if (!fdp_load(&list[block]))
				fdp_store(&list[block], FDP_PENDING);
		set_form(m, page, form + more * FDP_N_ONE);
		return true;
	}
	more -= add_inline(m, page, lo, hi);
	n = fdp_n_of(form);
	if (!more)
		return true;
	if (n + more > room_in(form))
		return false;
	list = m->heap + fdp_place_of(form) + 1;
	spread(&m->page[page], list, n, list, more, lo, hi);
	set_form(m, page, form + more * FDP_N_ONE);
	return true;
}

/* ---- forms ------------------------------------------------------------------------------------
 */

/* the page's form is @form, which has all words; the slot it had is free */
static void change(struct fdp_map *m, uint64_t page, uint64_t form)
{
	const uint64_t old = form_of(m, page);

	set_form(m, page, form);
	if (!(old & FDP_DENSE) && old)
		sim_fdp_heap_put(m, fdp_size_of(old) - 1, fdp_place_of(old), page);
}

static int make_dense(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi)
{
	_Atomic uint32_t *to = m->dense + page * FDP_PAGE;
	struct fdp_words w = fdp_words(m, page, 0);
	const _Atomic uint32_t *word;
	uint32_t n = 0;
	int ret = sim_fdp_map_reserve(m, (const void *)to, FDP_PAGE * sizeof(*to));

	if (ret)
		return ret;
	sim_fdp_map_account(m, FDP_PAGE * sizeof(*to) / FDP_OS_PAGE);
	for (uint32_t block = 0; block < FDP_PAGE; block++)
		fdp_store(&to[block], block >= lo && block < hi ? FDP_PENDING : 0);
	for (uint32_t block = 0; (word = fdp_next(&w, &block, FDP_PAGE)); block++)
		fdp_store(&to[block], fdp_load(word) & FDP_VALUE);
	for (uint32_t block = 0; block < FDP_PAGE; block++)
		n += fdp_load(&to[block]) > 0;
	change(m, page, FDP_DENSE | n * FDP_N_ONE);
	return 0;
}

/* a slot for @n words, of which the first are those of @from and pending ones for the blocks */
static int make_slot(struct fdp_map *m, uint64_t page, const _Atomic uint32_t *from, uint32_t nr,
		     uint32_t n, uint32_t lo, uint32_t hi)
{
	const unsigned int size = sim_fdp_heap_size(n);
	const uint64_t at = size < FDP_SIZES ? sim_fdp_heap_take(m, size, page) : UINT64_MAX;
	_Atomic uint32_t *to = m->heap + at + 1;

	if (at == UINT64_MAX)
		return SIM_ENOSPC;
	spread(&m->page[page], from, nr, to, n - nr, lo, hi);
	for (uint32_t i = n; i < sim_fdp_sizes[size] - 1u; i++)
		fdp_store(&to[i], 0);
	change(m, page, fdp_form(at, size, n));
	return 0;
}

static int grow(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi)
{
	const uint64_t form = form_of(m, page);
	const uint32_t n = fdp_n_of(form), more = missing(m, page, lo, hi);
	const _Atomic uint32_t *list = m->heap + fdp_place_of(form) + 1;

	/* where there is no room for a slot, there may be for an array */
	return make_slot(m, page, list, n, n + more, lo, hi) ? make_dense(m, page, lo, hi) : 0;
}

int sim_fdp_words_add(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi)
{
	bool done;
	int ret;

	fdp_page_lock(m, page);
	ret = fdp_page_counts(m, page) ? 0 : count_page(m, page);
	done = ret || add_here(m, page, lo, hi);
	fdp_page_unlock(m, page);
	if (done)
		return ret;
	sim_spin_lock(&m->grow);
	fdp_page_lock(m, page);
	ret = fdp_page_counts(m, page) ? 0 : count_page(m, page);
	if (!ret && !add_here(m, page, lo, hi))
		ret = grow(m, page, lo, hi);
	fdp_page_unlock(m, page);
	sim_spin_unlock(&m->grow);
	return ret;
}

/* ---- words go ---------------------------------------------------------------------------------
 */

/* whether the page's form is not the one that fits its words */
static bool is_misfit(const struct fdp_map *m, uint64_t page)
{
	const uint64_t form = form_of(m, page);
	const uint32_t n = fdp_n_of(form), held = nr_inline(&m->page[page]);

	if (form & FDP_DENSE)
		return n < FDP_DENSE_LEAST;
	if (!form || n + held <= FDP_INLINE)
		return form || !held;
	/* not at the first word less: the next one may be one more */
	return sim_fdp_heap_size(n + n / 64) < fdp_size_of(form) - 1;
}

bool sim_fdp_words_drop(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi)
{
	struct fdp_page *e = &m->page[page];
	const uint64_t form = form_of(m, page);
	struct fdp_words w = fdp_words(m, page, lo);
	uint32_t from, gone = 0;

	if (form & FDP_DENSE) {
		for (uint32_t i = lo; i < hi; i++) {
			gone += fdp_load(&w.dense[i]) > 0;
			fdp_store(&w.dense[i], 0);
		}
		set_form(m, page, form - gone * FDP_N_ONE);
		return is_misfit(m, page);
	}
	for (unsigned int i = 0; i < FDP_INLINE; i++) {
		const uint32_t word = fdp_load(&e->word[i]);

		if (word && fdp_block_of(word) >= lo && fdp_block_of(word) < hi)
			fdp_store(&e->word[i], 0);
	}
	from = w.at + fdp_lower(w.list + w.at, w.n - w.at, hi);
	gone = from - w.at;
	for (uint32_t i = from; gone && i < w.n; i++)
		fdp_store(&w.list[i - gone], fdp_load(&w.list[i]));
	for (uint32_t i = w.n - gone; i < w.n; i++)
		fdp_store(&w.list[i], 0);
	set_form(m, page, form - gone * FDP_N_ONE);
	return is_misfit(m, page);
}

/* few words are left of an array: a list of them. Without room for it, the array stays */
static bool make_list(struct fdp_map *m, uint64_t page)
{
	struct fdp_page *e = &m->page[page];
	const _Atomic uint32_t *from = m->dense + page * FDP_PAGE;
	const uint32_t n = fdp_n_of(form_of(m, page)),
		       in_slot = n > FDP_INLINE ? n - FDP_INLINE : 0;
	const unsigned int size = sim_fdp_heap_size(in_slot);
	const uint64_t at = in_slot ? sim_fdp_heap_take(m, size, page) : 0;
	_Atomic uint32_t *to = m->heap + at + 1;
	uint32_t i = 0;

	if (at == UINT64_MAX)
		return false;
	for (unsigned int k = 0; k < FDP_INLINE; k++)
		fdp_store(&e->word[k], 0);
	for (uint32_t block = 0; block < FDP_PAGE; block++) {
		const uint32_t value = fdp_load(&from[block]);

		if (!value)
			continue;
		fdp_store(i < FDP_INLINE ? &e->word[i] : &to[i - FDP_INLINE],
			  word_of(block, value));
		i++;
	}
	for (i = in_slot; in_slot && i < sim_fdp_sizes[size] - 1u; i++)
		fdp_store(&to[i], 0);
	change(m, page, in_slot ? fdp_form(at, size, in_slot) : 0);
	return true;
}

/* what is left of a slot goes to the entry */
static void make_inline(struct fdp_map *m, uint64_t page)
{
	struct fdp_page *e = &m->page[page];
	const uint64_t form = form_of(m, page);
	const _Atomic uint32_t *from = m->heap + fdp_place_of(form) + 1;
	uint32_t n = fdp_n_of(form);

	for (unsigned int i = 0; i < FDP_INLINE && n; i++)
		if (!fdp_load(&e->word[i]))
			fdp_store(&e->word[i], fdp_load(&from[--n]));
	change(m, page, 0);
}

/* Both locks are held. Return: whether it was dense */
static bool fit(struct fdp_map *m, uint64_t page)
{
	const uint64_t form = form_of(m, page);
	const uint32_t n = fdp_n_of(form);

	if (form & FDP_DENSE)
		return make_list(m, page);
	if (form && n + nr_inline(&m->page[page]) <= FDP_INLINE)
		make_inline(m, page);
	else if (form) /* without room for another, this one stays */
		make_slot(m, page, m->heap + fdp_place_of(form) + 1, n, n, 0, 0);
	return false;
}

void sim_fdp_words_fit(struct fdp_map *m, uint64_t page, bool punch)
{
	bool empty = false, was_dense;

	sim_spin_lock(&m->grow);
	fdp_page_lock(m, page);
	was_dense = fdp_page_counts(m, page) && is_misfit(m, page) && fit(m, page);
	if (was_dense) {
		sim_fdp_map_account(m, -(int64_t)(FDP_PAGE * 4 / FDP_OS_PAGE));
		if (punch)
			sim_fdp_words_punch(m, page, page);
	}
	if (fdp_page_counts(m, page) && !form_of(m, page) && !nr_inline(&m->page[page])) {
		atomic_fetch_and(&m->used[page / 64], ~(1ull << (page % 64)));
		empty = !any_counts(m, page);
	}
	fdp_page_unlock(m, page);
	if (empty)
		drop_table(m, page);
	sim_spin_unlock(&m->grow);
}

void sim_fdp_words_punch(const struct fdp_map *m, uint64_t first, uint64_t last)
{
	sim_fdp_map_punch(m, (const void *)(m->dense + first * FDP_PAGE),
			  (last - first + 1) * FDP_PAGE * sizeof(m->dense[0]));
}

void sim_fdp_words_undo(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi)
{
	bool misfit = false;

	fdp_page_lock(m, page);
	for (uint32_t block = lo; block < hi; block++) {
		struct fdp_words w = fdp_words(m, page, block);
		const _Atomic uint32_t *word = fdp_next(&w, &block, hi);

		if (!word)
			break;
		if ((fdp_load(word) & FDP_VALUE) == FDP_PENDING)
			misfit |= sim_fdp_words_drop(m, page, block, block + 1);
	}
	if (!misfit && fdp_page_counts(m, page))
		misfit = is_misfit(m, page);
	fdp_page_unlock(m, page);
	if (misfit)
		sim_fdp_words_fit(m, page, true);
}
