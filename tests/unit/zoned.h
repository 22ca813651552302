/* SPDX-License-Identifier: MIT */
/*
 * zoned.h - zoned namespaces for unit tests: commands as the figures of the ZNS Command Set
 * Specification 1.1 have them, descriptors read byte by byte.
 */
#ifndef TESTS_ZONED_H
#define TESTS_ZONED_H

#include <stdio.h>
#include <stdlib.h>

#include "nvmcmd.h"

/* opcodes: figure 12 */
enum { OP_COPY = 0x19, OP_ZONE_SEND = 0x79, OP_ZONE_RECEIVE = 0x7a, OP_ZONE_APPEND = 0x7d };

/* Zone Send Action, Select All, ZRWA Allocation, of CDW13: figure 39 */
enum {
	ZSA_CLOSE = 0x01,
	ZSA_FINISH = 0x02,
	ZSA_OPEN = 0x03,
	ZSA_RESET = 0x04,
	ZSA_OFFLINE = 0x05,
	ZSA_SET_EXT = 0x10,
	ZSA_FLUSH_ZRWA = 0x11,
	ZSA_ALL = 1 << 8,
	ZSA_ZRWAA = 1 << 9,
};

/* Zone Receive Action, Partial Report, of CDW13: figure 34 */
enum { ZRA_REPORT = 0x00, ZRA_EXTENDED = 0x01, ZRA_PARTIAL = 1 << 16 };
#define ZRA_OPTION(zrasf) ((uint32_t)(zrasf) << 8)

#define PIREMAP (1u << 25)

/* Zone State: figure 37, byte 1 bits 7:4 */
enum {
	ZS_EMPTY = 0x1,
	ZS_IMPLICIT = 0x2,
	ZS_EXPLICIT = 0x3,
	ZS_CLOSED = 0x4,
	ZS_READ_ONLY = 0xd,
	ZS_FULL = 0xe,
	ZS_OFFLINE = 0xf,
};

/* Zone Attributes: figure 37, byte 2 */
enum { ZA_ZFC = 0x01, ZA_FZR = 0x02, ZA_RZR = 0x04, ZA_ZRWAV = 0x08, ZA_ZDEV = 0x80 };

/* figure 11; SCT << 8 | SC */
enum {
	ZST_INVALID_FIELD = 0x002,
	ZST_LBA_RANGE = 0x080,
	ZST_INVALID_OPERATION = 0x1b6,
	ZST_NO_ZRWA = 0x1b7,
	ZST_BOUNDARY = 0x1b8,
	ZST_FULL = 0x1b9,
	ZST_READ_ONLY = 0x1ba,
	ZST_OFFLINE = 0x1bb,
	ZST_INVALID_WRITE = 0x1bc,
	ZST_TOO_MANY_ACTIVE = 0x1bd,
	ZST_TOO_MANY_OPEN = 0x1be,
	ZST_TRANSITION = 0x1bf,
	ZST_READ_ERROR = 0x281,
	ZST_COMPARE = 0x285,
	ZST_UNWRITTEN = 0x287,
};

#define ZST_DNR	 0x4000
#define ZWP_NONE UINT64_MAX /* a write pointer that is not valid */

struct zone_desc {
	uint8_t type, state, attrs;
	uint64_t zcap, zslba, wp;
};

/* Controller Configuration CSS 110b: all I/O command sets; an I/O queue pair of 64 */
static inline void zone_start(struct drv *d)
{
	drv_enable(d);
	drv_disable(d);
	memset(drv_ptr(d, d->admin.sq_iova), 0, d->admin.size * 64u);
	memset(drv_ptr(d, d->admin.cq_iova), 0, d->admin.size * 16u);
	d->admin.sq_tail = d->admin.cq_head = 0;
	d->admin.phase = 1;
	drv_w32(d, NVME_REG_CC, 1u | 6u << 4 | 6u << 16 | 4u << 20);
	assert_int_equal(drv_r32(d, NVME_REG_CSTS) & 3, 1);
	drv_create_queue(d, &d->io, 1, 64);
}

/* PRPs for @len bytes at @iova, page aligned; @list: a page for those that do not fit, of its own
 * for each thread (drv_prps() takes one from the driver's memory every time) */
static inline void zone_prps(struct drv *d, struct drv_cmd *cmd, uint64_t iova, uint32_t len,
			     uint64_t list)
{
	cmd->dw[6] = (uint32_t)iova;
	cmd->dw[7] = (uint32_t)(iova >> 32);
	if (len > 2 * DRV_PAGE) {
		uint64_t *entry = drv_ptr(d, list);

		assert_true(len <= DRV_PAGE / 8 * DRV_PAGE);
		for (uint32_t off = DRV_PAGE; off < len; off += DRV_PAGE)
			entry[off / DRV_PAGE - 1] = sim_le64(iova + off);
		cmd->dw[8] = (uint32_t)list;
		cmd->dw[9] = (uint32_t)(list >> 32);
	} else if (len > DRV_PAGE) {
		cmd->dw[8] = (uint32_t)(iova + DRV_PAGE);
		cmd->dw[9] = (uint32_t)((iova + DRV_PAGE) >> 32);
	}
}

/* Zone Management Send; @cdw13: action and flags */
static inline struct drv_cmd zone_send_cmd(uint64_t slba, uint32_t cdw13)
{
	return (struct drv_cmd){ .dw = { [0] = OP_ZONE_SEND,
					 [1] = 1,
					 [10] = (uint32_t)slba,
					 [11] = (uint32_t)(slba >> 32),
					 [13] = cdw13 } };
}

/* Zone Management Receive of @len bytes; @cdw13: action, options, partial */
static inline struct drv_cmd zone_receive_cmd(uint64_t slba, uint32_t len, uint32_t cdw13)
{
	return (struct drv_cmd){ .dw = { [0] = OP_ZONE_RECEIVE,
					 [1] = 1,
					 [10] = (uint32_t)slba,
					 [11] = (uint32_t)(slba >> 32),
					 [12] = len / 4 - 1,
					 [13] = cdw13 } };
}

static inline uint8_t zone_byte(const void *p, unsigned int at)
{
	return ((const uint8_t *)p)[at];
}

/* the @i-th descriptor of a report whose extensions are @zdes bytes: figures 35 to 37 */
static inline struct zone_desc zone_desc(const void *report, unsigned int i, uint32_t zdes)
{
	const uint8_t *p = (const uint8_t *)report + 64 + (size_t)i * (64 + zdes);

	return (struct zone_desc){
		.type = p[0],
		.state = p[1] >> 4,
		.attrs = p[2],
		.zcap = u64_at(p + 8),
		.zslba = u64_at(p + 16),
		.wp = u64_at(p + 24),
	};
}

/* status with Do Not Retry, without More */
static inline uint16_t zone_status(const struct drv_cqe *cqe)
{
	return cqe->status & (0x07ff | ZST_DNR);
}

/* what a status looks like in the completion: all that zones are refused with would be refused
 * again */
static inline uint16_t zone_dnr(uint16_t status)
{
	return !status || status == ZST_READ_ERROR ? status : status | ZST_DNR;
}

static inline const char *zone_state_name(unsigned int state)
{
	static const char *const name[16] = {
		[ZS_EMPTY] = "Empty",	      [ZS_IMPLICIT] = "Implicitly Opened",
		[ZS_CLOSED] = "Closed",	      [ZS_EXPLICIT] = "Explicitly Opened",
		[ZS_READ_ONLY] = "Read Only", [ZS_FULL] = "Full",
		[ZS_OFFLINE] = "Offline",
	};

	return name[state & 0xf] ? name[state & 0xf] : "?";
}

#endif /* TESTS_ZONED_H */
