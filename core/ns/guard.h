/* SPDX-License-Identifier: MIT */
/*
 * guard.h - how guards are made; private to core/ns/guard*.c and their test.
 *
 * One description per CRC, two ways to work it: tables of eight bytes at a time, which every
 * processor can do, and folding with carry-less multiplication. Both take and return the CRC
 * register itself, without inversions, right-aligned in 64 bits.
 */
#ifndef NVMESIM_GUARD_H
#define NVMESIM_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* what struct sim_crc.fold moves over: bytes */
enum { SIM_FOLD_256, SIM_FOLD_128, SIM_FOLD_64, SIM_FOLD_48, SIM_FOLD_32, SIM_FOLD_16, SIM_NR_FOLDS };

/* likewise sim_crc.affine */
enum { SIM_AFFINE_512, SIM_AFFINE_128, SIM_AFFINE_64, SIM_NR_MOVES };

#define SIM_AFFINE_APART 256 /* bytes from the higher to the lower byte of a remainder there */

/* matrices of sim_crc.affine: from which byte of a remainder to which */
enum { SIM_AFFINE_HIGH_HIGH, SIM_AFFINE_LOW_LOW, SIM_AFFINE_LOW_HIGH, SIM_AFFINE_HIGH_LOW,
       SIM_NR_AFFINE };

/**
 * struct sim_crc - a CRC
 * @width:     bits of the register
 * @reflected: bit 0 of a byte is its highest power of x (CRC-32C, CRC-64/NVME), else bit 7 is
 * @slice:     slice[k][b] is the register after byte b and k bytes of zero, from 0
 * @fold:      what carry-less multiplication multiplies by, to move n bits on: {x^(n + 64), x^n}
 *             modulo the polynomial. Reflected: one power less (the product of two reflected
 *             numbers is short of one bit), bit 63 being x^0.
 * @reduce:    what is left is divided with: the polynomial P' being this one times x^(64 - width),
 *             {x^128 modulo P', x^128 divided by P', P'}, the two latter without their x^64.
 *             Reflected: bit 63 being x^0, the first again one power less.
 * @affine:    16 bits only: multiplication by x^n modulo the polynomial as matrices of 8 by 8
 *             bits, row by row, bit 0's in the highest byte (GF2P8AFFINEQB), of remainders in two
 *             bytes that lie %SIM_AFFINE_APART apart: h times x^(8 * %SIM_AFFINE_APART), plus l
 */
struct sim_crc {
	uint8_t width;
	bool reflected;
	uint64_t slice[8][256];
	uint64_t reduce[3];
	uint64_t fold[SIM_NR_FOLDS][2];
	uint64_t affine[SIM_NR_MOVES][SIM_NR_AFFINE];
};

extern const struct sim_crc sim_crc_t10dif, sim_crc_castagnoli, sim_crc_nvme; /* guard_tables.c */

/** sim_crc_sliced() - @reg carried over @len bytes at @buf. Return: the register. */
uint64_t sim_crc_sliced(const struct sim_crc *c, uint64_t reg, const uint8_t *buf, size_t len);

#if defined(__x86_64__)
/* the same on processors that can: 16 bytes at a time with PCLMULQDQ, 32 with VPCLMULQDQ, 64 with
 * AVX-512, too; 64 with GFNI, for 16 bits only */
bool sim_crc_can_fold16(const struct sim_crc *c);
bool sim_crc_can_fold32(const struct sim_crc *c);
bool sim_crc_can_fold64(const struct sim_crc *c);
bool sim_crc_can_affine(const struct sim_crc *c);
uint64_t sim_crc_folded16(const struct sim_crc *c, uint64_t reg, const uint8_t *buf, size_t len);
uint64_t sim_crc_folded32(const struct sim_crc *c, uint64_t reg, const uint8_t *buf, size_t len);
uint64_t sim_crc_folded64(const struct sim_crc *c, uint64_t reg, const uint8_t *buf, size_t len);
uint64_t sim_crc_affine(const struct sim_crc *c, uint64_t reg, const uint8_t *buf, size_t len);
#endif

/** struct sim_crc_way - a way of making CRCs, and whether this processor can make @c so; NULL:
 * every one can make all */
struct sim_crc_way {
	const char *name;
	bool (*can)(const struct sim_crc *c);
	uint64_t (*run)(const struct sim_crc *c, uint64_t reg, const uint8_t *buf, size_t len);
};

extern const struct sim_crc_way sim_crc_ways[]; /* guard.c, the fastest first */
extern const unsigned int sim_nr_crc_ways;

#endif /* NVMESIM_GUARD_H */
