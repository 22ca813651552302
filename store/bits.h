/* SPDX-License-Identifier: MIT */
/*
 * bits.h - a large bitmap that costs memory only where bits were set; private to store/.
 * All operations may run at once from several threads; each bit changes atomically.
 */
#ifndef NVMESIM_STORE_BITS_H
#define NVMESIM_STORE_BITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** struct store_bits - @nr bits, @set of them 1; @word is lazily backed memory of @bytes bytes */
struct store_bits {
	_Atomic uint64_t *word;
	size_t bytes;
	uint64_t nr;
	_Atomic uint64_t set;
};

/** store_bits_init() - @nr bits, all 0. Return: 0, or -1 with errno. */
int store_bits_init(struct store_bits *b, uint64_t nr);
void store_bits_free(struct store_bits *b);

static inline bool store_bit(const struct store_bits *b, uint64_t i)
{
	return atomic_load_explicit(&b->word[i / 64], memory_order_relaxed) >> (i % 64) & 1;
}

/** store_bits_set(), store_bits_clear() - bits [@first, @end). Return: how many changed. */
uint64_t store_bits_set(struct store_bits *b, uint64_t first, uint64_t end);
uint64_t store_bits_clear(struct store_bits *b, uint64_t first, uint64_t end);

/** store_bits_find() - the first bit of [@first, @end) that is @value. Return: it, or @end. */
uint64_t store_bits_find(const struct store_bits *b, uint64_t first, uint64_t end, bool value);

/** store_bits_count() - Return: how many of [@first, @end) are 1. */
uint64_t store_bits_count(const struct store_bits *b, uint64_t first, uint64_t end);

#endif /* NVMESIM_STORE_BITS_H */
