/* SPDX-License-Identifier: MIT */
/*
 * rw.h - what the commands that move, check and mark blocks share. Private to core/ns/.
 */
#ifndef NVMESIM_RW_H
#define NVMESIM_RW_H

#include "../ctrl/tables.h"
#include "../fdp/fdp.h"
#include "ns.h"

#define CDW12_FUA (1u << 30) /* Force Unit Access */

#define PEL_SLBA SIM_PEL_CDW(10, 0)
#define PEL_NLB SIM_PEL_CDW(12, 0)

/**
 * struct sim_rw - a command that moves blocks between host and namespace
 * @md:   metadata moves, too; interleaved through @data, or separately through @meta
 * @append: a Zone Append: @slba is the zone's first block until the zone is locked
 * @remap:  reference tags of the medium count from where it is written (PIREMAP)
 * @data, @meta: walks of the data pointer and of the metadata pointer
 * @to:   where the blocks of a Write are placed
 */
struct sim_rw {
	struct sim_req *req;
	struct sim_ns *ns;
	uint64_t slba;
	uint32_t nlb;
	bool md, append, remap;
	struct sim_pi_cmd pi;
	struct sim_iter data, meta;
	struct sim_fdp_to to;
};

/**
 * struct sim_rw_buf - blocks in memory of ours, data and metadata apart
 * @scratch, @room: where blocks can lie as the host sees them, interleaved; bytes
 */
struct sim_rw_buf {
	uint8_t *data, *md, *scratch;
	size_t room;
};

/**
 * sim_rw_start() - the checks of Read, Write and Compare, up to where blocks are looked at
 * Return: 0, or a status with the error's place in the command.
 */
uint16_t sim_rw_start(struct sim_rw *c, struct sim_req *req, enum sim_pi_kind kind);
/** sim_rw_move() - the command's next @nlb blocks from (%SIM_DMA_READ) or to the host */
uint16_t sim_rw_move(struct sim_rw *c, enum sim_dma_dir dir, const struct sim_rw_buf *b,
		     uint32_t nlb);
/** sim_rw_slot() - the buffer that a slot is, with room for all blocks a command can have */
void sim_rw_slot(const struct sim_stage_slot *slot, struct sim_rw_buf *b);
/**
 * sim_rw_check() - check protection information as the command asks
 * @first: which block of the command the first of the @nlb is
 */
uint16_t sim_rw_check(struct sim_req *req, const struct sim_pi_cmd *pi, uint32_t first,
		      const uint8_t *data, const uint8_t *md, uint32_t nlb);
/** sim_rw_append() - a Zone Append, but for making it durable; its fields are checked. @c->slba is
 * where it went. */
uint16_t sim_rw_append(struct sim_rw *c, struct sim_req *req, bool remap);
/**
 * sim_rw_write() - a Write, but for making it durable
 * @slot: NULL: one is taken as needed, and the blocks are claimed; else both are the caller's
 */
uint16_t sim_rw_write(struct sim_rw *c, struct sim_req *req, struct sim_stage_slot *slot);

/** sim_rw_bytes() - what size limits count of @nlb blocks: metadata only where it is interleaved,
 * and not with CTRATT.MEM */
static inline uint64_t sim_rw_bytes(const struct sim_req *req, uint32_t nlb, bool md)
{
	const struct sim_ns *ns = req->ns;
	uint64_t bytes = (uint64_t)nlb << ns->lbads;

	if (md && ns->extended && !req->ctrl->p.ctratt_mem)
		bytes += (uint64_t)nlb * ns->ms;
	return bytes;
}

/** sim_write_durable() - the end of a command that wrote: FUA, or no write cache. Return: a status,
 * or %SIM_PENDING. No claim may be held. */
uint16_t sim_write_durable(struct sim_req *req);

/** sim_io() - where a command counts what it has moved */
static inline struct sim_io_counters *sim_io(const struct sim_req *req)
{
	return &req->ctrl->cnt->io[req->sq->qid % SIM_IO_STRIPES];
}

static inline void sim_count(_Atomic uint64_t *n, uint64_t add)
{
	atomic_fetch_add_explicit(n, add, memory_order_relaxed);
}

/** sim_sectors() - what SMART's Data Units make of @nlb blocks: units of 512 bytes, no metadata */
static inline uint64_t sim_sectors(const struct sim_ns *ns, uint64_t nlb)
{
	return nlb << (ns->lbads - 9);
}

/* a range of blocks as commands name it, checked; else LBA Out of Range */
static inline uint16_t sim_check_slba(struct sim_req *req)
{
	uint16_t status = sim_check_range(req, req->ns, sim_slba(req), sim_nlb(req));

	if (status)
		req->err_loc = PEL_SLBA;
	return status;
}

#endif /* NVMESIM_RW_H */
