/* SPDX-License-Identifier: MIT */
/*
 * zonecmd.h - Zoned Namespace Command Set commands for unit tests, through drv.h's driver.
 */
#ifndef TESTS_ZONECMD_H
#define TESTS_ZONECMD_H

#include "mem_journal.h"
#include "nvmcmd.h"

enum { OP_ZONE_SEND = 0x79, OP_ZONE_RECEIVE = 0x7a, OP_ZONE_APPEND = 0x7d };
enum {
	ZSA_CLOSE = 1,
	ZSA_FINISH = 2,
	ZSA_OPEN = 3,
	ZSA_RESET = 4,
	ZSA_OFFLINE = 5,
	ZSA_SET_EXT = 0x10,
	ZSA_COMMIT = 0x11
};
#define ZSA_ALL	  (1u << 8)
#define ZSA_ZRWAA (1u << 9)
enum {
	ZS_EMPTY = 1,
	ZS_IO = 2,
	ZS_EO = 3,
	ZS_CLOSED = 4,
	ZS_RO = 0xd,
	ZS_FULL = 0xe,
	ZS_OFFLINE = 0xf
};
enum {
	ST_OPERATION = 0x1b6,
	ST_NO_ZRWA,
	ST_BOUNDARY,
	ST_FULL,
	ST_READ_ONLY,
	ST_OFFLINE,
	ST_INVALID_WRITE,
	ST_ACTIVE,
	ST_OPEN,
	ST_TRANSITION
};

/* a zone of these tests: not a power of two, and less capacity than size */
#define ZSZE	 100u
#define ZCAP	 90u
#define NR_ZONES 16u
#define ZLBS	 512u

static inline void zone_params(struct drv_params *p)
{
	drv_params(p);
	p->ns_bytes = NR_ZONES * ZSZE * ZLBS + 12345;
	p->ns_bytes -= p->ns_bytes % ZLBS;
	p->ns.zoned = (struct sim_zoned_params){
		.on = true,
		.zone_size = ZSZE * ZLBS,
		.zone_capacity = ZCAP * ZLBS,
		.zrwafg = UINT64_MAX,
	};
}

static inline struct drv *zone_start(const struct drv_params *p)
{
	struct drv_params mine;
	struct drv *d;

	if (!p) {
		zone_params(&mine);
		p = &mine;
	}
	d = drv_new(p);
	drv_start(d);
	return d;
}

static inline uint16_t zone_send(struct drv *d, uint64_t slba, uint32_t cdw13)
{
	struct drv_cmd cmd = { { OP_ZONE_SEND, 1 } };

	cmd.dw[10] = (uint32_t)slba;
	cmd.dw[11] = (uint32_t)(slba >> 32);
	cmd.dw[13] = cdw13;
	return drv_io(d, &cmd, 0, 0, NULL);
}

static inline uint16_t zone_set_ext(struct drv *d, uint64_t slba, const void *ext, size_t len)
{
	struct drv_cmd cmd = { { OP_ZONE_SEND, 1 } };
	uint64_t iova = drv_alloc(d, len);

	memcpy(drv_ptr(d, iova), ext, len);
	cmd.dw[10] = (uint32_t)slba;
	cmd.dw[13] = ZSA_SET_EXT;
	return drv_io(d, &cmd, iova, len, NULL);
}

/* @cdw13: ZRA, ZRASF << 8, Partial << 16; @len bytes at @iova */
static inline uint16_t zone_report(struct drv *d, uint64_t slba, uint32_t cdw13, uint64_t iova,
				   size_t len)
{
	struct drv_cmd cmd = { { OP_ZONE_RECEIVE, 1 } };

	cmd.dw[10] = (uint32_t)slba;
	cmd.dw[11] = (uint32_t)(slba >> 32);
	cmd.dw[12] = (uint32_t)(len / 4 - 1);
	cmd.dw[13] = cdw13;
	return drv_io(d, &cmd, iova, len, NULL);
}

/* the descriptor of zone @z, asked for by itself */
static inline struct nvme_zns_desc zone_desc(struct drv *d, uint64_t z)
{
	static uint64_t iova;
	static struct drv *of;
	struct nvme_zns_desc desc;

	if (of != d || !iova)
		iova = drv_alloc(d, 4096);
	of = d;
	assert_int_equal(zone_report(d, z * ZSZE, 1u << 16, iova, 128), 0);
	memcpy(&desc, (uint8_t *)drv_ptr(d, iova) + 64, sizeof(desc));
	assert_int_equal(sim_le64(desc.zslba), z * ZSZE);
	assert_int_equal(desc.zt, 2);
	return desc;
}

static inline unsigned int zone_state(struct drv *d, uint64_t z)
{
	return zone_desc(d, z).zs >> 4;
}

/* blocks from the zone's beginning */
static inline uint64_t zone_wp(struct drv *d, uint64_t z)
{
	return sim_le64(zone_desc(d, z).wp) - z * ZSZE;
}

#define assert_zone(d, z, state, at)                                                               \
	do {                                                                                       \
		assert_int_equal(zone_state(d, z), state);                                         \
		assert_int_equal(zone_wp(d, z), at);                                               \
	} while (0)

/* Write @nlb blocks of byte @fill at @slba */
static inline uint16_t zone_write(struct drv *d, uint64_t slba, uint32_t nlb, uint8_t fill)
{
	static uint64_t iova;
	static struct drv *of;

	if (of != d || !iova)
		iova = drv_alloc(d, 512 * 1024);
	of = d;
	memset(drv_ptr(d, iova), fill, (size_t)nlb * ZLBS);
	return rw(d, OP_WRITE, slba, nlb, 0, iova, ZLBS);
}

static inline uint16_t zone_append(struct drv *d, uint64_t zslba, uint32_t nlb, uint8_t fill,
				   uint64_t *alba)
{
	struct drv_cmd cmd = rw_cmd(OP_ZONE_APPEND, zslba, nlb, 0);
	const uint64_t brk = d->brk, iova = drv_alloc(d, (size_t)nlb * ZLBS);
	struct drv_cqe cqe = { 0 };
	uint16_t status;

	memset(drv_ptr(d, iova), fill, (size_t)nlb * ZLBS);
	status = drv_io(d, &cmd, iova, (size_t)nlb * ZLBS, &cqe);
	if (alba)
		*alba = cqe.dw0 | (uint64_t)cqe.dw1 << 32;
	d->brk = brk;
	return status;
}

/* whether @nlb blocks at @slba are all of byte @fill */
static inline bool zone_holds(struct drv *d, uint64_t slba, uint32_t nlb, uint8_t fill)
{
	const uint64_t brk = d->brk, iova = drv_alloc(d, (size_t)nlb * ZLBS);
	const uint8_t *p = drv_ptr(d, iova);

	memset(drv_ptr(d, iova), fill ^ 0x5a, (size_t)nlb * ZLBS);
	assert_int_equal(rw(d, OP_READ, slba, nlb, 0, iova, ZLBS), 0);
	d->brk = brk;
	for (size_t i = 0; i < (size_t)nlb * ZLBS; i++)
		if (p[i] != fill)
			return false;
	return true;
}

#endif /* TESTS_ZONECMD_H */
