/* SPDX-License-Identifier: MIT */
/*
 * guard_x86.c - CRCs by carry-less multiplication, for x86-64 with PCLMULQDQ or VPCLMULQDQ,
 * the latter on 32 or (AVX-512) 64 bytes at a time.
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
#define TARGET64 __attribute__((target("avx512f,avx512bw,vpclmulqdq,pclmul,avx2")))
#define INLINE static inline __attribute__((always_inline))

bool sim_crc_can_fold16(const struct sim_crc *c)
{
	return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3");
}

bool sim_crc_can_fold32(const struct sim_crc *c)
{
	return __builtin_cpu_supports("vpclmulqdq") && __builtin_cpu_supports("avx2") &&
	       sim_crc_can_fold16(c);
}

bool sim_crc_can_fold64(const struct sim_crc *c)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       sim_crc_can_fold32(c);
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

/*
 * The register after @acc: it times x^64, modulo P'. The upper half comes down by x^128 first. Of a
 * reflected product, which is a bit short, the bits are one place too low.
 */
INLINE TARGET16 uint64_t reduce(const struct sim_crc *c, __m128i acc, bool reflected)
{
	const __m128i by = _mm_loadu_si128((const __m128i *)(const void *)c->reduce);
	const __m128i poly = _mm_cvtsi64_si128((long long)c->reduce[2]);
	__m128i v, q, t;

	if (reflected) {
		v = _mm_xor_si128(_mm_clmulepi64_si128(acc, by, 0x00), _mm_srli_si128(acc, 8));
		q = _mm_slli_epi64(_mm_clmulepi64_si128(v, by, 0x10), 1);
		t = _mm_clmulepi64_si128(_mm_xor_si128(v, q), poly, 0x00);
		t = _mm_or_si128(_mm_slli_epi64(t, 1), _mm_slli_si128(_mm_srli_epi64(t, 63), 8));
		v = _mm_xor_si128(v, t);
		return (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(v, v));
	}
	v = _mm_xor_si128(_mm_clmulepi64_si128(acc, by, 0x01), _mm_slli_si128(acc, 8));
	q = _mm_clmulepi64_si128(v, by, 0x11);
	t = _mm_clmulepi64_si128(_mm_xor_si128(v, q), poly, 0x01);
	return (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(v, t)) >> (64 - c->width);
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

/* four blocks at a time */

INLINE TARGET64 __m512i reversed64(__m512i v)
{
	const __m512i swap = _mm512_broadcast_i32x4(
		_mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));

	return _mm512_shuffle_epi8(v, swap);
}

INLINE TARGET64 __m512i load64(const uint8_t *p, bool reflected)
{
	__m512i v = _mm512_loadu_si512(p);

	return reflected ? v : reversed64(v);
}

INLINE TARGET64 __m512i fold64(__m512i acc, __m512i by, __m512i next, bool reflected)
{
	__m512i high = reflected ? _mm512_clmulepi64_epi128(acc, by, 0x00)
				 : _mm512_clmulepi64_epi128(acc, by, 0x01);
	__m512i low = reflected ? _mm512_clmulepi64_epi128(acc, by, 0x11)
				: _mm512_clmulepi64_epi128(acc, by, 0x10);

	return _mm512_ternarylogic_epi64(high, low, next, 0x96); /* all three, exclusive or */
}

/* the register after four blocks and @len bytes that follow them at @buf: all move over the last one */
INLINE TARGET64 uint64_t finish64(const struct sim_crc *c, __m512i acc, const uint8_t *buf,
				  size_t len, bool reflected)
{
	const __m512i by = _mm512_inserti32x4(
		_mm512_inserti32x4(_mm512_castsi128_si512(constant(c, SIM_FOLD_48)),
				   constant(c, SIM_FOLD_32), 1),
		constant(c, SIM_FOLD_16), 2);
	/* what meets nothing is the fourth's product */
	__m512i v = fold64(acc, by, _mm512_maskz_mov_epi64(0xc0, acc), reflected);
	__m256i w = _mm256_xor_si256(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
	__m128i x = _mm_xor_si128(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1));

	return finish(c, x, buf, len, reflected);
}

INLINE TARGET64 uint64_t run64(const struct sim_crc *c, uint64_t reg, const uint8_t *buf,
			       size_t len, bool reflected)
{
	const __m512i by256 = _mm512_broadcast_i32x4(constant(c, SIM_FOLD_256));
	const __m512i by128 = _mm512_broadcast_i32x4(constant(c, SIM_FOLD_128));
	const __m512i by64 = _mm512_broadcast_i32x4(constant(c, SIM_FOLD_64));
	__m512i a = _mm512_xor_si512(load64(buf, reflected),
				     _mm512_zextsi128_si512(initial(c, reg, reflected)));
	__m512i a1 = load64(buf + 64, reflected);
	__m512i a2 = load64(buf + 128, reflected);
	__m512i a3 = load64(buf + 192, reflected);

	for (buf += 256, len -= 256; len >= 256; buf += 256, len -= 256) {
		a = fold64(a, by256, load64(buf, reflected), reflected);
		a1 = fold64(a1, by256, load64(buf + 64, reflected), reflected);
		a2 = fold64(a2, by256, load64(buf + 128, reflected), reflected);
		a3 = fold64(a3, by256, load64(buf + 192, reflected), reflected);
	}
	a2 = fold64(a, by128, a2, reflected);
	a3 = fold64(a1, by128, a3, reflected);
	a3 = fold64(a2, by64, a3, reflected);
	return finish64(c, a3, buf, len, reflected);
}

TARGET64 uint64_t sim_crc_folded64(const struct sim_crc *c, uint64_t reg, const uint8_t *buf,
				   size_t len)
{
	if (len < 512)
		return sim_crc_folded32(c, reg, buf, len);
	return c->reflected ? run64(c, reg, buf, len, true) : run64(c, reg, buf, len, false);
}

/*
 * CRCs of 16 bits with GFNI. Multiplying by a power of x modulo a polynomial of 16 bits is a matrix
 * of 16 by 16 bits, which is four of 8 by 8, and such a matrix is what GF2P8AFFINEQB multiplies
 * bytes by.
 *
 * The two bytes of a remainder need not be neighbours. Here one of them, h, lies SIM_AFFINE_APART
 * bytes before the other, l: they stand for h times a power of x, plus l. Modulo this polynomial
 * every remainder is such a sum (with 64 or 128 bytes in between not every one is). So two vectors,
 * as they lie in memory, are 64 remainders. Moving them on takes four multiplications by matrices
 * that all their bytes have in common, and no instruction that puts bytes in order.
 */
#define TARGET_GFNI __attribute__((target("gfni,avx512f,avx512bw,vpclmulqdq,pclmul,avx2")))

bool sim_crc_can_affine(const struct sim_crc *c)
{
	return c->width == 16 && !c->reflected && __builtin_cpu_supports("gfni") &&
	       sim_crc_can_fold64(c);
}

/** struct pair - 64 remainders: their first bytes, and those %SIM_AFFINE_APART further on */
struct pair {
	__m512i h, l;
};

/** struct move - matrices: from which of the two to which */
struct move {
	__m512i hh, ll, lh, hl;
};

INLINE TARGET_GFNI struct move move_by(const struct sim_crc *c, unsigned int n)
{
	const uint64_t *m = c->affine[n];

	return (struct move){
		.hh = _mm512_set1_epi64((long long)m[SIM_AFFINE_HIGH_HIGH]),
		.ll = _mm512_set1_epi64((long long)m[SIM_AFFINE_LOW_LOW]),
		.lh = _mm512_set1_epi64((long long)m[SIM_AFFINE_LOW_HIGH]),
		.hl = _mm512_set1_epi64((long long)m[SIM_AFFINE_HIGH_LOW]),
	};
}

INLINE TARGET_GFNI struct pair load_pair(const uint8_t *p)
{
	return (struct pair){ _mm512_loadu_si512(p), _mm512_loadu_si512(p + SIM_AFFINE_APART) };
}

INLINE TARGET_GFNI struct pair move(struct pair a, struct move by, struct pair next)
{
	__m512i hh = _mm512_gf2p8affine_epi64_epi8(a.h, by.hh, 0);
	__m512i lh = _mm512_gf2p8affine_epi64_epi8(a.l, by.lh, 0);
	__m512i ll = _mm512_gf2p8affine_epi64_epi8(a.l, by.ll, 0);
	__m512i hl = _mm512_gf2p8affine_epi64_epi8(a.h, by.hl, 0);

	return (struct pair){ _mm512_ternarylogic_epi64(hh, lh, next.h, 0x96),
			      _mm512_ternarylogic_epi64(ll, hl, next.l, 0x96) };
}

TARGET_GFNI uint64_t sim_crc_affine(const struct sim_crc *c, uint64_t reg, const uint8_t *buf,
				    size_t len)
{
	const struct move by512 = move_by(c, SIM_AFFINE_512), by128 = move_by(c, SIM_AFFINE_128);
	const struct move by64 = move_by(c, SIM_AFFINE_64);
	struct pair a[4];
	__m512i last;

	if (len < 1024)
		return sim_crc_folded64(c, reg, buf, len);
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		a[i] = load_pair(buf + i * 64);
	a[0].h = _mm512_xor_si512(a[0].h, _mm512_zextsi128_si512(_mm_cvtsi32_si128(
						  (int)((reg & 0xff) << 8 | (reg >> 8 & 0xff)))));
	for (buf += 512, len -= 512; len >= 512; buf += 512, len -= 512)
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			a[i] = move(a[i], by512, load_pair(buf + i * 64));
	a[2] = move(a[0], by128, a[2]);
	a[3] = move(a[1], by128, a[3]);
	a[3] = move(a[2], by64, a[3]);
	last = fold64(reversed64(a[3].h), _mm512_broadcast_i32x4(constant(c, SIM_FOLD_256)),
		      reversed64(a[3].l), false);
	return finish64(c, last, buf, len, false);
}

#endif
