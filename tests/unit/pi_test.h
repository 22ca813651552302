/* SPDX-License-Identifier: MIT */
/*
 * pi_test.h - what tests of protection information share: formats, and random numbers.
 */
#ifndef TESTS_PI_TEST_H
#define TESTS_PI_TEST_H

#include "../model/pi_model.h"

/* xorshift64: the same sequence in every run */
static inline uint64_t rnd(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static inline void rnd_fill(uint64_t *seed, uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++, v >>= 8) {
		if (i % 8 == 0)
			v = rnd(seed);
		p[i] = (uint8_t)v;
	}
}

/* dwords 2, 3 and 14 of a command with these tags (figures 158 and 159), the rest of them @junk */
static inline void put_tags(struct pim_cmd *c, const struct pim_fmt *f, uint64_t storage,
			    uint64_t ref, uint64_t junk)
{
	int space = pim_pi_len(f) * 8 - f->guard - 16;
	int ref_bits = space - f->sts;
	bool bit[80];

	for (int i = 0; i < 80; i++) { /* from the least significant one */
		if (i < ref_bits)
			bit[i] = i < 64 && ref >> i & 1;
		else if (i < space)
			bit[i] = storage >> (i - ref_bits) & 1;
		else
			bit[i] = junk >> (i - space) & 1;
	}
	c->cdw2 = (uint32_t)(junk >> 32) << 16;
	c->cdw3 = c->cdw14 = 0;
	for (int i = 0; i < 80; i++) {
		uint32_t *dw = i < 32 ? &c->cdw14 : i < 64 ? &c->cdw3 : &c->cdw2;

		*dw |= (uint32_t)bit[i] << i % 32;
	}
}

#endif /* TESTS_PI_TEST_H */
