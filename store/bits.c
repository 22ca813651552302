/* SPDX-License-Identifier: MIT */
/*
 * bits.c - a large bitmap that costs memory only where bits were set.
 */
#include <sys/mman.h>

#include "bits.h"

int store_bits_init(struct store_bits *b, uint64_t nr)
{
	void *p;

	b->nr = nr;
	b->bytes = (size_t)((nr + 63) / 64 * 8);
	atomic_init(&b->set, 0);
	p = mmap(NULL, b->bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -1;
	/* one bit would cost a huge page; not all kernels know the advice, and none must */
	madvise(p, b->bytes, MADV_NOHUGEPAGE);
	b->word = p;
	return 0;
}

void store_bits_free(struct store_bits *b)
{
	if (b->word)
		munmap((void *)b->word, b->bytes);
	b->word = NULL;
}

/* the bits of word @w that are in [@first, @end) */
static uint64_t word_mask(uint64_t w, uint64_t first, uint64_t end)
{
	uint64_t mask = ~0ull;

	if (first > w * 64)
		mask &= ~0ull << (first - w * 64);
	if (end < (w + 1) * 64)
		mask &= ~0ull >> ((w + 1) * 64 - end);
	return mask;
}

uint64_t store_bits_set(struct store_bits *b, uint64_t first, uint64_t end)
{
	uint64_t changed = 0;

	for (uint64_t w = first / 64; w * 64 < end; w++) {
		uint64_t mask = word_mask(w, first, end), old;

		/* looking first keeps the line shared in the common case: already set */
		if ((atomic_load_explicit(&b->word[w], memory_order_relaxed) & mask) == mask)
			continue;
		old = atomic_fetch_or(&b->word[w], mask);
		changed += (uint64_t)__builtin_popcountll(mask & ~old);
	}
	if (changed)
		atomic_fetch_add_explicit(&b->set, changed, memory_order_relaxed);
	return changed;
}

uint64_t store_bits_clear(struct store_bits *b, uint64_t first, uint64_t end)
{
	uint64_t changed = 0;

	for (uint64_t w = first / 64; w * 64 < end; w++) {
		uint64_t mask = word_mask(w, first, end), old;

		/* looking first keeps memory that was never written unbacked */
		if (!(atomic_load_explicit(&b->word[w], memory_order_relaxed) & mask))
			continue;
		old = atomic_fetch_and(&b->word[w], ~mask);
		changed += (uint64_t)__builtin_popcountll(mask & old);
	}
	if (changed)
		atomic_fetch_sub_explicit(&b->set, changed, memory_order_relaxed);
	return changed;
}

uint64_t store_bits_find(const struct store_bits *b, uint64_t first, uint64_t end, bool value)
{
	for (uint64_t w = first / 64; w * 64 < end; w++) {
		uint64_t v = atomic_load_explicit(&b->word[w], memory_order_relaxed);

		v = (value ? v : ~v) & word_mask(w, first, end);
		if (v)
			return w * 64 + (uint64_t)__builtin_ctzll(v);
	}
	return end;
}

uint64_t store_bits_count(const struct store_bits *b, uint64_t first, uint64_t end)
{
	uint64_t n = 0;

	for (uint64_t w = first / 64; w * 64 < end; w++) {
		uint64_t v = atomic_load_explicit(&b->word[w], memory_order_relaxed);

		n += (uint64_t)__builtin_popcountll(v & word_mask(w, first, end));
	}
	return n;
}
