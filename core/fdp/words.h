/* SPDX-License-Identifier: MIT */
/*
 * words.h - the map of a namespace: a word for each block that is in a reclaim unit; private to
 * core/fdp/.
 *
 * 1,024 blocks are a page. Where most of them have a word, these are an array of 4,096 bytes, the
 * page's place in which is fixed (dense). Where few have, they are a list in order of the blocks:
 * in a slot of the heap (heap.c), but for two that lie in the page's own entry in the table of
 * pages, so that what a slot needs beside its words is paid for. Slots are of few sizes, each a
 * twentieth larger than the one before, and those of a size lie one after another: the map takes at
 * most 4.3 bytes for a word, wherever the blocks are, and a part of a page of memory for each size.
 *
 * What survives is the bits, the table, the arrays and the slots. A process that is killed leaves
 * each block with the word that it had or the one that it was to have: words are changed by one
 * store; a list is moved up or down a word at a time, so that what it leaves has some words twice
 * (a start drops these) and lacks none; a page's form changes by one store, when the other one has
 * all words. How many words a list has is not believed by a start.
 *
 * Who looks at words of a page or changes them holds the page's lock, and waits for nothing but the
 * pool's then. Who changes the form of a page has the map's @grow before: it may hold several
 * pages' locks. No lock of another kind is held when that is taken.
 */
#ifndef NVMESIM_FDP_WORDS_H
#define NVMESIM_FDP_WORDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../media/spin.h"
#include "../sim.h"

#define FDP_PAGE 1024u /* blocks whose words are a page */

/* ---- a word ---------------------------------------------------------------------------------- */

/*
 * A unit, a mark of tidy.c's that is 0 to 2, and 1, in 22 bits; and above them, in a list, which of
 * the page's blocks it is of. 0: there is none. FDP_PENDING: the block is in no unit, and a write
 * that is under way will put it in one.
 */
#define FDP_VALUE_BITS 22
#define FDP_VALUE      ((1u << FDP_VALUE_BITS) - 1)
#define FDP_PENDING    FDP_VALUE
#define FDP_UNIT_BITS  20
#define FDP_UNITS_MAX  (1u << FDP_UNIT_BITS)
#define FDP_VALUE_MAX  (3u << FDP_UNIT_BITS)

static inline uint32_t fdp_mapped(uint32_t unit, uint32_t mark)
{
	return (unit | mark << FDP_UNIT_BITS) + 1;
}

/* the unit, and 1; 0: none */
static inline uint32_t fdp_unit_of(uint32_t word)
{
	const uint32_t value = (word & FDP_VALUE) - 1;

	return value < FDP_VALUE_MAX ? (value & (FDP_UNITS_MAX - 1)) + 1 : 0;
}

/* of a word that has a unit */
static inline uint32_t fdp_mark_of(uint32_t word)
{
	return ((word & FDP_VALUE) - 1) >> FDP_UNIT_BITS;
}

/* the block in its page, of a list's word */
static inline uint32_t fdp_block_of(uint32_t word)
{
	return word >> FDP_VALUE_BITS;
}

static inline uint32_t fdp_load(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/* in order: what is stored later is not there before */
static inline void fdp_store(_Atomic uint32_t *word, uint32_t to)
{
	atomic_store_explicit(word, to, memory_order_release);
}

/* ---- a page ---------------------------------------------------------------------------------- */

#define FDP_INLINE 2u /* words of a list that are in the table */

/**
 * struct fdp_page - a page's entry in the table
 * @form: what its words are in, and how many there are: see below; 0: @word alone
 * @word: of a list, in any order; of a dense page, nothing
 */
struct fdp_page {
	_Atomic uint64_t form;
	_Atomic uint32_t word[FDP_INLINE];
};
_Static_assert(sizeof(struct fdp_page) == 16, "in the area");

/*
 * A form: a slot's place in the heap, in words; its size's number, and 1; words that are in it. Or
 * FDP_DENSE, and words that are not 0.
 */
#define FDP_DENSE      (1ull << 63)
#define FDP_PLACE_BITS 40
#define FDP_SIZE_BITS  7
#define FDP_N_SHIFT    48
#define FDP_N_ONE      (1ull << FDP_N_SHIFT)

static inline uint64_t fdp_form(uint64_t place, unsigned int size, uint32_t n)
{
	return place | (uint64_t)(size + 1) << FDP_PLACE_BITS | (uint64_t)n << FDP_N_SHIFT;
}

static inline uint64_t fdp_place_of(uint64_t form)
{
	return form & ((1ull << FDP_PLACE_BITS) - 1);
}

/* the number, and 1; 0: there is no slot */
static inline unsigned int fdp_size_of(uint64_t form)
{
	return (unsigned int)(form >> FDP_PLACE_BITS) & ((1u << FDP_SIZE_BITS) - 1);
}

static inline uint32_t fdp_n_of(uint64_t form)
{
	return (uint32_t)(form >> FDP_N_SHIFT) & 0x7ff;
}

/* fewer words than that are a list again; more than the largest slot has room for are dense */
#define FDP_DENSE_LEAST 964u

/* ---- the heap -------------------------------------------------------------------------------- */

#define FDP_SIZES	  71u
#define FDP_OS_PAGE	  4096u
#define FDP_EXTENT	  262144u /* bytes */
#define FDP_EXTENT_WORDS  (FDP_EXTENT / 4)
#define FDP_SLOTS_LARGEST 67u /* of the largest size in an extent */
#define FDP_SPARE	  1u  /* pages of memory that are kept for slots to come, and a 64th */

/** sim_fdp_sizes - words of a slot, by size; the first is its page, and 1 */
extern const uint16_t sim_fdp_sizes[FDP_SIZES];

/**
 * struct fdp_extent - slots of one size, one after another
 * @prev: the one before of that size, or the next free one, and 1
 * @nr: slots that are in use; @room: pages of memory; @size: its number, and 1; 0: it is free
 */
struct fdp_extent {
	uint32_t prev;
	uint16_t nr;
	uint8_t room, size;
};
_Static_assert(sizeof(struct fdp_extent) == 8, "of each extent");

#define FDP_STRIPES 32u

struct fdp_stripe {
	_Alignas(64) _Atomic uint32_t lock;
};

/**
 * struct fdp_map - of a namespace
 * @port: whose area it is; @area: its beginning. Areas need no room where @port has nothing to say
 * @total: bytes of all maps of the group; @bytes: of this one's arrays and slots
 * @used: a bit a page: its entry counts; @page: the entries; @dense: the arrays; @heap: the slots
 * @pages: there are
 * @ext: by extent, what need not survive; of @nr_ext, the first @high are or were in use; @free:
 * the first free one of these, and 1; @last: of each size, the one that is not full, and 1
 * @spare: pages of memory that extents have and do not use
 * @grow: see above
 */
struct fdp_map {
	const struct sim_journal_port *port;
	void *area;
	_Atomic int64_t *total;
	int64_t bytes;
	_Atomic uint64_t *used;
	struct fdp_page *page;
	_Atomic uint32_t *dense, *heap;
	uint64_t pages;
	struct fdp_extent *ext;
	uint32_t nr_ext, high, free;
	uint64_t spare;
	uint32_t last[FDP_SIZES];
	_Atomic uint32_t grow;
	struct fdp_stripe stripe[FDP_STRIPES];
};

/* ---- of a map ---------------------------------------------------------------------------------
 */

static inline bool fdp_page_counts(const struct fdp_map *m, uint64_t page)
{
	return atomic_load_explicit(&m->used[page / 64], memory_order_acquire) >> (page % 64) & 1;
}

static inline void fdp_page_lock(struct fdp_map *m, uint64_t page)
{
	sim_spin_lock(&m->stripe[page % FDP_STRIPES].lock);
}

static inline void fdp_page_unlock(struct fdp_map *m, uint64_t page)
{
	sim_spin_unlock(&m->stripe[page % FDP_STRIPES].lock);
}

/**
 * struct fdp_words - words of a page, whose lock is held, in order of the blocks
 * @dense: or NULL, and @in, the entry's, and @n in a slot, @at is the next
 */
struct fdp_words {
	_Atomic uint32_t *dense, *in, *list;
	uint32_t n, at;
};

/* where it is likely to be: blocks are often spread evenly */
static inline uint32_t fdp_guess(uint32_t n, uint32_t lo)
{
	return lo * n / FDP_PAGE;
}

/* the first of a slot's words that is not of a block before @lo, which is at most
 * FDP_PAGE */
static inline uint32_t fdp_lower(const _Atomic uint32_t *list, uint32_t n, uint32_t lo)
{
	uint32_t from = fdp_guess(n, lo), to = from, step = 8;

	/* what is before @from is of blocks before @lo, what is from @to on is not */
	while (from && fdp_block_of(fdp_load(&list[from - 1])) >= lo) {
		to = from - 1;
		from -= from < step ? from : step;
		step *= 2;
	}
	while (to < n && fdp_block_of(fdp_load(&list[to])) < lo) {
		from = to + 1;
		to = n - to < step ? n : to + step;
		step *= 2;
	}
	/* which half is a number that is added: a branch would be guessed wrong every other time */
	for (uint32_t half; to - from > 1; to -= half) {
		half = (to - from) / 2;
		if (fdp_block_of(fdp_load(&list[from + half - 1])) < lo) {
			from += half;
			to += half;
		}
	}
	return from + (from < to && fdp_block_of(fdp_load(&list[from])) < lo);
}

/* the page's words from block @lo on. A page that does not count has none. */
static inline struct fdp_words fdp_words(const struct fdp_map *m, uint64_t page, uint32_t lo)
{
	struct fdp_words w = { 0 };
	uint64_t form;

	if (!fdp_page_counts(m, page))
		return w;
	form = atomic_load_explicit(&m->page[page].form, memory_order_relaxed);
	if (form & FDP_DENSE) {
		w.dense = m->dense + page * FDP_PAGE;
		return w;
	}
	w.in = m->page[page].word;
	if (form) {
		w.list = m->heap + fdp_place_of(form) + 1;
		w.n = fdp_n_of(form);
		w.at = fdp_lower(w.list, w.n, lo);
	}
	return w;
}

/**
 * fdp_next() - the next word of blocks *@block to @hi - 1, which come in order
 * Return: it, and *@block, whose it is; NULL: there is none
 */
static inline _Atomic uint32_t *fdp_next(struct fdp_words *w, uint32_t *block, uint32_t hi)
{
	_Atomic uint32_t *found = NULL;
	uint32_t best = hi;

	if (w->dense) {
		for (uint32_t i = *block; i < hi; i++) {
			if (!fdp_load(&w->dense[i]))
				continue;
			*block = i;
			return &w->dense[i];
		}
		return NULL;
	}
	while (w->at < w->n && fdp_block_of(fdp_load(&w->list[w->at])) < *block)
		w->at++;
	if (w->at < w->n && fdp_block_of(fdp_load(&w->list[w->at])) < best) {
		found = &w->list[w->at];
		best = fdp_block_of(fdp_load(found));
	}
	for (unsigned int i = 0; w->in && i < FDP_INLINE; i++) {
		const uint32_t word = fdp_load(&w->in[i]);

		if (!word || fdp_block_of(word) < *block || fdp_block_of(word) >= best)
			continue;
		found = &w->in[i];
		best = fdp_block_of(word);
	}
	*block = found ? best : *block;
	return found;
}

/* words of blocks @lo to @hi - 1, from which on @w is, if they lie one after another; else NULL. Of
 * a dense page, those of blocks that have none, too. */
static inline _Atomic uint32_t *fdp_run(const struct fdp_words *w, uint32_t lo, uint32_t hi)
{
	const uint32_t last = w->at + (hi - lo) - 1;

	if (w->dense)
		return &w->dense[lo];
	/* in order, and no two of one block: between the two there are all */
	if (last < w->n && fdp_block_of(fdp_load(&w->list[w->at])) == lo &&
	    fdp_block_of(fdp_load(&w->list[last])) == hi - 1)
		return &w->list[w->at];
	return NULL;
}

/*
 * What is about to be looked at: the page's entry, and later on, when that is at hand, the word. No
 * lock is held.
 */
static inline void fdp_soon(struct fdp_map *m, uint64_t lba, bool entry)
{
	const uint64_t page = lba / FDP_PAGE;
	uint64_t form = 0;

	if (entry) {
		__builtin_prefetch(&m->page[page]);
		return;
	}
	/* an entry that does not count may have no memory, nor room for it */
	fdp_page_lock(m, page);
	if (fdp_page_counts(m, page))
		form = atomic_load_explicit(&m->page[page].form, memory_order_relaxed);
	fdp_page_unlock(m, page);
	if (form & FDP_DENSE)
		__builtin_prefetch((const void *)&m->dense[lba]);
	else if (form)
		__builtin_prefetch(
			(const void *)&m->heap[fdp_place_of(form) + 1 +
					       fdp_guess(fdp_n_of(form), lba % FDP_PAGE)]);
}

/* the word at @word, whose block stays the same, has another value */
static inline void fdp_set(_Atomic uint32_t *word, uint32_t value)
{
	fdp_store(word, (fdp_load(word) & ~FDP_VALUE) | value);
}

/* words.c */
/** sim_fdp_words_add() - have a word for each of blocks @lo to @hi - 1 of a page; one that had none
 * is pending. No lock is held. Return: 0, or a negative enum sim_err: some may have one */
int sim_fdp_words_add(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi);
/** sim_fdp_words_drop() - none of them has one; the page's lock is held. Return: whether it should
 * have another form, see sim_fdp_words_fit() */
bool sim_fdp_words_drop(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi);
/** sim_fdp_words_undo() - what sim_fdp_words_add() made pending has none; no lock is held */
void sim_fdp_words_undo(struct fdp_map *m, uint64_t page, uint32_t lo, uint32_t hi);
/** sim_fdp_words_fit() - the page has the form that fits its words; no lock is held. @punch: what
 * it had before is no memory, else that is left to the caller */
void sim_fdp_words_fit(struct fdp_map *m, uint64_t page, bool punch);
/** sim_fdp_words_punch() - arrays of pages @first to @last, which are not dense, are no memory */
void sim_fdp_words_punch(const struct fdp_map *m, uint64_t first, uint64_t last);

/* words_start.c */
/** sim_fdp_words_start() - what an earlier process has left, in order; the words themselves may say
 * anything. Nobody else is there. */
void sim_fdp_words_start(struct fdp_map *m);
/** sim_fdp_words_clear() - no block has a word */
void sim_fdp_words_clear(struct fdp_map *m);

/* heap.c; all with @grow held */
/** sim_fdp_heap_extents() - extents of a heap for @pages pages */
uint32_t sim_fdp_heap_extents(uint64_t pages);
/** sim_fdp_heap_size() - the number of the smallest size with room for @n words; FDP_SIZES: none */
unsigned int sim_fdp_heap_size(uint32_t n);
/** sim_fdp_heap_take() - a slot for @page. Return: its place, or UINT64_MAX: there is no room */
uint64_t sim_fdp_heap_take(struct fdp_map *m, unsigned int size, uint64_t page);
/** sim_fdp_heap_put() - the slot at @place, which no page has any more, is free: another one's
 * words go there. @held: a page whose lock is held */
void sim_fdp_heap_put(struct fdp_map *m, unsigned int size, uint64_t place, uint64_t held);
/** sim_fdp_heap_start() - take what pages have for what there is; nobody else is there */
void sim_fdp_heap_start(struct fdp_map *m);
/** sim_fdp_heap_clear() - no page has a slot */
void sim_fdp_heap_clear(struct fdp_map *m);
/** sim_fdp_map_reserve(), sim_fdp_map_punch() - of @len bytes of the area at @mem */
int sim_fdp_map_reserve(const struct fdp_map *m, const void *mem, uint64_t len);
void sim_fdp_map_punch(const struct fdp_map *m, const void *mem, uint64_t len);
/** sim_fdp_map_account() - arrays and slots take @pages pages of memory more */
void sim_fdp_map_account(struct fdp_map *m, int64_t pages);

#endif /* NVMESIM_FDP_WORDS_H */
