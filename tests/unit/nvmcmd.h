/* SPDX-License-Identifier: MIT */
/*
 * nvmcmd.h - NVM Command Set commands for unit tests, through drv.h's driver.
 */
#ifndef TESTS_NVMCMD_H
#define TESTS_NVMCMD_H

#include "drv.h"

enum { OP_FLUSH = 0x00, OP_WRITE = 0x01, OP_READ = 0x02, OP_WRITE_UNCOR = 0x04, OP_COMPARE = 0x05,
       OP_WRITE_ZEROES = 0x08, OP_DSM = 0x09, OP_VERIFY = 0x0c };

/* of CDW12 */
#define FUA (1u << 30)
#define PRACT (1u << 29)
#define PRCHK_GUARD (1u << 28)
#define PRCHK_APP (1u << 27)
#define PRCHK_REF (1u << 26)
#define PRCHK_ALL (7u << 26)
#define DEAC (1u << 25)

/* NVM Command Set 1.1, figures 43 to 45, 69 to 71: SLBA, NLB (here 1's based), flags of CDW12 */
static inline struct drv_cmd rw_cmd(uint8_t opcode, uint64_t slba, uint32_t nlb, uint32_t flags)
{
	struct drv_cmd cmd = { { 0 } };

	cmd.dw[0] = opcode;
	cmd.dw[1] = 1;
	cmd.dw[10] = (uint32_t)slba;
	cmd.dw[11] = (uint32_t)(slba >> 32);
	cmd.dw[12] = (nlb - 1) | flags;
	return cmd;
}

/* @lbs: bytes of a logical block. Return: status. */
static inline uint16_t rw(struct drv *d, uint8_t opcode, uint64_t slba, uint32_t nlb,
			  uint32_t flags, uint64_t iova, uint32_t lbs)
{
	struct drv_cmd cmd = rw_cmd(opcode, slba, nlb, flags);

	return drv_io(d, &cmd, iova, (size_t)nlb * lbs, NULL);
}

/* a command without data. Return: status. */
static inline uint16_t no_data_cmd(struct drv *d, uint8_t opcode, uint64_t slba, uint32_t nlb,
				   uint32_t flags)
{
	struct drv_cmd cmd = rw_cmd(opcode, slba, nlb, flags);

	return drv_io(d, &cmd, 0, 0, NULL);
}

/* Dataset Management, Deallocate, of one range */
static inline uint16_t deallocate(struct drv *d, uint64_t slba, uint32_t nlb)
{
	struct drv_cmd cmd = { { OP_DSM, 1 } };
	uint64_t iova = drv_alloc(d, 16);
	uint32_t *range = drv_ptr(d, iova);

	range[1] = sim_le32(nlb);
	range[2] = sim_le32((uint32_t)slba);
	range[3] = sim_le32((uint32_t)(slba >> 32));
	cmd.dw[11] = 4;
	return drv_io(d, &cmd, iova, 16, NULL);
}

/* Error Recovery (feature 05h): Deallocated or Unwritten Logical Block Error Enable */
static inline void set_dulbe(struct drv *d, bool on)
{
	struct drv_cmd cmd = { { 0x09, 1 } };

	cmd.dw[10] = 0x05;
	cmd.dw[11] = (uint32_t)on << 16;
	assert_int_equal(drv_admin(d, &cmd, 0, 0, NULL), 0);
}

/* Get Log Page @lid, @len bytes at @iova */
static inline void get_log(struct drv *d, uint8_t lid, uint64_t iova, uint32_t len)
{
	struct drv_cmd cmd = { { 0 } };

	cmd.dw[0] = 0x02;
	cmd.dw[1] = 0xffffffff;
	cmd.dw[10] = (len / 4 - 1) << 16 | lid;
	assert_int_equal(drv_admin(d, &cmd, iova, len, NULL), 0);
}

/* the newest Error Information log entry */
static inline struct nvme_error_log_page last_error(struct drv *d)
{
	uint64_t iova = drv_alloc(d, 64);
	struct nvme_error_log_page e;

	get_log(d, 0x01, iova, 64);
	memcpy(&e, drv_ptr(d, iova), sizeof(e));
	return e;
}

static inline struct nvme_smart_log smart(struct drv *d)
{
	uint64_t iova = drv_alloc(d, 512);
	struct nvme_smart_log s;

	get_log(d, 0x02, iova, 512);
	memcpy(&s, drv_ptr(d, iova), sizeof(s));
	return s;
}

static inline uint64_t u64_at(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return sim_le64(v);
}

#endif /* TESTS_NVMCMD_H */
