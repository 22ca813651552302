/* SPDX-License-Identifier: MIT */
/*
 * guard.c - the guards of protection information. NVM Command Set 1.1, section 5.3.1.
 */
#include "guard.h"
#include "pi.h"

static inline uint64_t load_le64(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

static inline uint64_t load_be64(const uint8_t *p)
{
	return (uint64_t)p[7] | (uint64_t)p[6] << 8 | (uint64_t)p[5] << 16 | (uint64_t)p[4] << 24 |
	       (uint64_t)p[3] << 32 | (uint64_t)p[2] << 40 | (uint64_t)p[1] << 48 |
	       (uint64_t)p[0] << 56;
}

uint64_t sim_crc_sliced(const struct sim_crc *c, uint64_t reg, const uint8_t *buf, size_t len)
{
	const uint64_t(*t)[256] = c->slice;
	unsigned int top = c->width - 8;
	uint64_t v;

	if (c->reflected) {
		for (; len >= 8; buf += 8, len -= 8) {
			v = load_le64(buf) ^ reg;
			reg = t[7][v & 0xff] ^ t[6][v >> 8 & 0xff] ^ t[5][v >> 16 & 0xff] ^
			      t[4][v >> 24 & 0xff] ^ t[3][v >> 32 & 0xff] ^ t[2][v >> 40 & 0xff] ^
			      t[1][v >> 48 & 0xff] ^ t[0][v >> 56];
		}
		while (len--)
			reg = reg >> 8 ^ t[0][(reg ^ *buf++) & 0xff];
		return reg;
	}
	for (; len >= 8; buf += 8, len -= 8) {
		v = load_be64(buf) ^ reg << (64 - c->width);
		reg = t[7][v >> 56] ^ t[6][v >> 48 & 0xff] ^ t[5][v >> 40 & 0xff] ^
		      t[4][v >> 32 & 0xff] ^ t[3][v >> 24 & 0xff] ^ t[2][v >> 16 & 0xff] ^
		      t[1][v >> 8 & 0xff] ^ t[0][v & 0xff];
	}
	while (len--) /* bits that leave the register at its top meet the byte and are gone */
		reg = (reg & ((1ull << top) - 1)) << 8 ^ t[0][reg >> top ^ *buf++];
	return reg;
}

const struct sim_crc_way sim_crc_ways[] = {
#if defined(__x86_64__)
	{ "gfni-512", sim_crc_can_affine, sim_crc_affine },
	{ "vpclmulqdq-512", sim_crc_can_fold64, sim_crc_folded64 },
	{ "vpclmulqdq", sim_crc_can_fold32, sim_crc_folded32 },
	{ "pclmulqdq", sim_crc_can_fold16, sim_crc_folded16 },
#endif
	{ "table", NULL, sim_crc_sliced },
};
const unsigned int sim_nr_crc_ways = sizeof(sim_crc_ways) / sizeof(sim_crc_ways[0]);

/* asking costs a load and a test, and needs no variable that somebody would have to set first */
static const struct sim_crc_way *best(const struct sim_crc *c)
{
	const struct sim_crc_way *way = sim_crc_ways;

	while (way->can && !way->can(c))
		way++;
	return way;
}

static uint64_t crc(const struct sim_crc *c, uint64_t reg, const void *buf, size_t len)
{
	return best(c)->run(c, reg, buf, len);
}

uint16_t sim_crc16_t10dif(uint16_t reg, const void *buf, size_t len)
{
	return (uint16_t)crc(&sim_crc_t10dif, reg, buf, len);
}

uint32_t sim_crc32c(uint32_t reg, const void *buf, size_t len)
{
	return ~(uint32_t)crc(&sim_crc_castagnoli, (uint32_t)~reg, buf, len);
}

uint64_t sim_crc64_nvme(uint64_t reg, const void *buf, size_t len)
{
	return ~crc(&sim_crc_nvme, ~reg, buf, len);
}

const char *sim_guard_name(uint8_t pif)
{
	static const struct sim_crc *const crcs[] = {
		[SIM_PIF_16] = &sim_crc_t10dif,
		[SIM_PIF_32] = &sim_crc_castagnoli,
		[SIM_PIF_64] = &sim_crc_nvme,
	};

	return best(crcs[pif])->name;
}
