/* SPDX-License-Identifier: MIT */
/*
 * guard_x86.c - CRCs by carry-less multiplication, for x86-64 with PCLMULQDQ or VPCLMULQDQ.
 *
 * The method is that of Gopal et al., "Fast CRC Computation for Generic Polynomials Using
 * PCLMULQDQ Instruction" (Intel, 2009): what has been read is kept as 16 bytes that are congruent
 * to it. Moving them over the next 16 bytes multiplies their halves by x^(128 + 64) and x^128
 * modulo the polynomial. Four such accumulators, each moving over all four at a time, keep the
 * multiplier busy. The 16 bytes left in the end are divided by the polynomial, brought to 64 bits by
 * a power of x, with Barrett's method, so that nothing here depends on its width. What is behind
 * them goes through the tables.
 *
 * A block is 16 bytes with the highest power of x in bit 127, or in bit 0 (reflected).
 */
#include "guard.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET16 __attribute__((target("pclmul,ssse3")))
#define TARGET32 __attribute__((target("vpclmulqdq,pclmul,avx2")))
#define INLINE static inline __attribute__((always_inline))

bool sim_crc_can_fold16(void)
{
	return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3");
}

bool sim_crc_can_fold32(void)
{
	return __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx2") &&
	       sim_crc_can_fold16();
}

INLINE TARGET16 __m128i reversed(__m128i v)
{
	return _mm_shuffle_epi8(v, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
						15));
}

INLINE TARGET16 __m128i load16(const uint8_t *p, bool reflected)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);

	return reflected ? v : reversed(v);
}

/* the half with the higher powers, and the other, each times its constant; plus what lies there */
INLINE TARGET16 __m128i fold16(__m128i acc, __m128i by, __m128i next, bool reflected)
{
	__m128i high = reflected ? _mm_clmulepi64_si128(acc, by, 0x00)
				 : _mm_clmulepi64_si128(acc, by, 0x01);
	__m128i low = reflected ? _mm_clmulepi64_si128(acc, by, 0x11)
				: _mm_clmulepi64_si128(acc, by, 0x10);

	return _mm_xor_si128(_mm_xor_si128(high, low), next);
}

INLINE TARGET16 __m128i constant(const struct sim_crc *c, unsigned int fold)
{
	return _mm_loadu_si128((const __m128i *)(const void *)c->fold[fold]);
}

/* the register where it meets the first bytes */
INLINE TARGET16 __m128i initial(const struct sim_crc *c, uint64_t reg, bool reflected)
{
	return reflected ? _mm_set_epi64x(0, (long long)reg)
			 : _mm_set_epi64x((long long)(reg << (64 - c->width)), 0);
}

INLINE TARGET16 __m128i mul(uint64_t a, uint64_t b)
{
	return _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a), _mm_cvtsi64_si128((long long)b),
				    0);
}

INLINE TARGET16 uint64_t low(__m128i v)
{
	return (uint64_t)_mm_cvtsi128_si64(v);
}

INLINE TARGET16 uint64_t high(__m128i v)
{
	return (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(v, v));
}

/*
 * The register after @acc: it times x^64, modulo P'. The upper half comes down by x^128 first. Of a
 * reflected product, which is a bit short, the bits are one place too low.
 */
INLINE TARGET16 uint64_t reduce(const struct sim_crc *c, __m128i acc, bool reflected)
{
	const uint64_t *by = c->reduce;
	__m128i v, t;
	uint64_t q;

	if (reflected) {
		v = _mm_xor_si128(mul(low(acc), by[0]), _mm_srli_si128(acc, 8));
		q = low(v) ^ low(mul(low(v), by[1])) << 1;
		t = mul(q, by[2]);
		return high(v) ^ (high(t) << 1 | low(t) >> 63);
	}
	v = _mm_xor_si128(mul(high(acc), by[0]), _mm_slli_si128(acc, 8));
	q = high(v) ^ high(mul(high(v), by[1]));
	t = mul(q, by[2]);
	return (low(v) ^ low(t)) >> (64 - c->width);
}

/* @acc stands for all that has been read, the last 16 bytes of it being at @buf - 16 */
INLINE TARGET16 uint64_t finish(const struct sim_crc *c, __m128i acc, const uint8_t *buf,
				size_t len, bool reflected)
{
	uint64_t reg;

	for (; len >= 16; buf += 16, len -= 16)
		acc = fold16(acc, constant(c, SIM_FOLD_16), load16(buf, reflected), reflected);
	reg = reduce(c, acc, reflected);
	return len ? sim_crc_sliced(c, reg, buf, len) : reg;
}

INLINE TARGET16 uint64_t run16(const struct sim_crc *c, uint64_t reg, const uint8_t *buf,
			       size_t len, bool reflected)
{
	const __m128i by64 = constant(c, SIM_FOLD_64), by16 = constant(c, SIM_FOLD_16);
	__m128i a = _mm_xor_si128(load16(buf, reflected), initial(c, reg, reflected));
	__m128i a1, a2, a3;

	if (len < 128)
		return finish(c, a, buf + 16, len - 16, reflected);
	a1 = load16(buf + 16, reflected);
	a2 = load16(buf + 32, reflected);
	a3 = load16(buf + 48, reflected);
	for (buf += 64, len -= 64; len >= 64; buf += 64, len -= 64) {
		a = fold16(a, by64, load16(buf, reflected), reflected);
		a1 = fold16(a1, by64, load16(buf + 16, reflected), reflected);
		a2 = fold16(a2, by64, load16(buf + 32, reflected), reflected);
		a3 = fold16(a3, by64, load16(buf + 48, reflected), reflected);
	}
	a1 = fold16(a, by16, a1, reflected);
	a2 = fold16(a1, by16, a2, reflected);
	a3 = fold16(a2, by16, a3, reflected);
	return finish(c, a3, buf, len, reflected);
}

TARGET16 uint64_t sim_crc_folded16(const struct sim_crc *c, uint64_t reg, const uint8_t *buf,
				   size_t len)
{
	if (len < 32)
		return sim_crc_sliced(c, reg, buf, len);
	return c->reflected ? run16(c, reg, buf, len, true) : run16(c, reg, buf, len, false);
}

/* two blocks at a time, in the halves of a vector */

INLINE TARGET32 __m256i load32(const uint8_t *p, bool reflected)
{
	const __m256i swap = _mm256_broadcastsi128_si256(
		_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);

	return reflected ? v : _mm256_shuffle_epi8(v, swap);
}

INLINE TARGET32 __m256i fold32(__m256i acc, __m256i by, __m256i next, bool reflected)
{
	__m256i high = reflected ? _mm256_clmulepi64_epi128(acc, by, 0x00)
				 : _mm256_clmulepi64_epi128(acc, by, 0x01);
	__m256i low = reflected ? _mm256_clmulepi64_epi128(acc, by, 0x11)
				: _mm256_clmulepi64_epi128(acc, by, 0x10);

	return _mm256_xor_si256(_mm256_xor_si256(high, low), next);
}

INLINE TARGET32 uint64_t run32(const struct sim_crc *c, uint64_t reg, const uint8_t *buf,
			       size_t len, bool reflected)
{
	const __m256i by128 = _mm256_broadcastsi128_si256(constant(c, SIM_FOLD_128));
	const __m256i by64 = _mm256_broadcastsi128_si256(constant(c, SIM_FOLD_64));
	const __m128i by16 = constant(c, SIM_FOLD_16);
	__m256i a = _mm256_xor_si256(load32(buf, reflected),
				     _mm256_zextsi128_si256(initial(c, reg, reflected)));
	__m256i a1 = load32(buf + 32, reflected);
	__m256i a2 = load32(buf + 64, reflected);
	__m256i a3 = load32(buf + 96, reflected);
	__m128i b;

	for (buf += 128, len -= 128; len >= 128; buf += 128, len -= 128) {
		a = fold32(a, by128, load32(buf, reflected), reflected);
		a1 = fold32(a1, by128, load32(buf + 32, reflected), reflected);
		a2 = fold32(a2, by128, load32(buf + 64, reflected), reflected);
		a3 = fold32(a3, by128, load32(buf + 96, reflected), reflected);
	}
	a2 = fold32(a, by64, a2, reflected);
	a3 = fold32(a1, by64, a3, reflected);
	b = _mm256_castsi256_si128(a2);
	b = fold16(b, by16, _mm256_extracti128_si256(a2, 1), reflected);
	b = fold16(b, by16, _mm256_castsi256_si128(a3), reflected);
	b = fold16(b, by16, _mm256_extracti128_si256(a3, 1), reflected);
	return finish(c, b, buf, len, reflected);
}

TARGET32 uint64_t sim_crc_folded32(const struct sim_crc *c, uint64_t reg, const uint8_t *buf,
				   size_t len)
{
	if (len < 256)
		return sim_crc_folded16(c, reg, buf, len);
	return c->reflected ? run32(c, reg, buf, len, true) : run32(c, reg, buf, len, false);
}

#endif
