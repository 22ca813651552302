/* SPDX-License-Identifier: MIT */
/*
 * huge.c - which memory of a medium may be in huge pages.
 *
 * The kernel is told before anything of a region is written: memory that is there in small pages
 * already would have to be copied, and all processors be waited for.
 */
#include <stddef.h>
#include <sys/mman.h>

#include "huge.h"

int store_huge_init(struct store_huge *h, void *mem, uint64_t bytes,
		    const struct store_bits *written, unsigned int page_shift)
{
	pthread_mutex_init(&h->lock, NULL);
	h->written = written;
	h->page_shift = page_shift;
	h->runs = 0;
	h->nr = bytes / STORE_HUGE;
	/* one more, which never may, is behind the last */
	if (store_bits_init(&h->region, h->nr + 1))
		return -1;
	/* where pages are larger, huge ones are larger than what they would be for */
	h->mem = page_shift == 12 ? mem : NULL;
	return 0;
}

void store_huge_free(struct store_huge *h)
{
	if (!h->region.word)
		return;
	store_bits_free(&h->region);
	pthread_mutex_destroy(&h->lock);
}

static uint64_t region_pages(const struct store_huge *h)
{
	return STORE_HUGE >> h->page_shift;
}

/* how many runs there are more once regions [@first, @end) may, or fewer once they may not */
static int runs_of(const struct store_huge *h, uint64_t first, uint64_t end)
{
	return 1 - (first && store_bit(&h->region, first - 1)) - store_bit(&h->region, end);
}

static int advise(const struct store_huge *h, uint64_t first, uint64_t end, int advice)
{
	return madvise(h->mem + first * STORE_HUGE, (size_t)(end - first) * STORE_HUGE, advice);
}

static void give(struct store_huge *h, uint64_t region)
{
	int runs = h->runs + runs_of(h, region, region + 1);

	if (runs > STORE_HUGE_RUNS || advise(h, region, region + 1, MADV_HUGEPAGE))
		return;
	store_bits_set(&h->region, region, region + 1);
	h->runs = runs;
}

static void take_back(struct store_huge *h, uint64_t first, uint64_t end)
{
	int runs = h->runs - runs_of(h, first, end);

	if (runs > STORE_HUGE_RUNS || advise(h, first, end, MADV_NOHUGEPAGE))
		return;
	store_bits_clear(&h->region, first, end);
	h->runs = runs;
}

/* nothing of it is there yet, and the front half of the one before is, as far as commands that
 * overtake one another leave it */
static bool comes_next(const struct store_huge *h, uint64_t region)
{
	const uint64_t pages = region_pages(h), first = region * pages;

	return store_bits_find(h->written, first, first + pages, true) == first + pages &&
	       store_bits_count(h->written, first - pages, first - pages / 2) >= pages / 4;
}

void store_huge_wrote(struct store_huge *h, uint64_t first, uint64_t end)
{
	const uint64_t pages = region_pages(h);
	/* the first page in the middle of a region, at or after @first */
	uint64_t middle = (first + pages / 2 - 1) / pages * pages + pages / 2;

	if (!h->mem)
		return;
	for (; middle < end; middle += pages) {
		uint64_t region = middle / pages + 1;

		if (region >= h->nr || store_bit(&h->region, region) || !comes_next(h, region) ||
		    pthread_mutex_trylock(&h->lock))
			continue;
		if (!store_bit(&h->region, region))
			give(h, region);
		pthread_mutex_unlock(&h->lock);
	}
}

static bool empty(const struct store_huge *h, uint64_t region)
{
	const uint64_t pages = region_pages(h);

	return store_bits_find(h->written, region * pages, (region + 1) * pages, true) ==
	       (region + 1) * pages;
}

void store_huge_gave(struct store_huge *h, uint64_t first, uint64_t end)
{
	const uint64_t pages = region_pages(h);
	uint64_t region = first / pages, last = (end + pages - 1) / pages;

	if (last > h->nr)
		last = h->nr;
	/* looking first: most media have none */
	region = store_bits_find(&h->region, region, last, true);
	if (region >= last)
		return;
	pthread_mutex_lock(&h->lock);
	while ((region = store_bits_find(&h->region, region, last, true)) < last) {
		uint64_t run = region;

		while (run < last && store_bit(&h->region, run) && empty(h, run))
			run++;
		if (run > region)
			take_back(h, region, run);
		region = run > region ? run : region + 1;
	}
	pthread_mutex_unlock(&h->lock);
}

void store_huge_end(struct store_huge *h)
{
	pthread_mutex_lock(&h->lock);
	if (h->runs && !advise(h, 0, h->nr, MADV_NOHUGEPAGE)) {
		store_bits_clear(&h->region, 0, h->nr);
		h->runs = 0;
	}
	pthread_mutex_unlock(&h->lock);
}
