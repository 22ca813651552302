/* SPDX-License-Identifier: MIT */
/*
 * compare.c - Compare, the fused Compare and Write, Verify.
 * NVM Command Set 1.1, sections 3.3.1, 2.1.3 and 3.3.5.
 */
#include <string.h>

#include "rw.h"
#include "zone.h"

/*
 * Blocks with metadata are compared in pieces. A slot takes the host's blocks; its scratch memory
 * the medium's, and the host's as they come, if they are interleaved.
 */
#define PIECE_DATA SIM_STAGE_DATA /* a block can be as large */
#define PIECE_MD (1u << 20)	  /* bytes of metadata of a piece at most */
#define INTERLEAVED (PIECE_DATA + PIECE_MD)
_Static_assert(INTERLEAVED + PIECE_DATA + PIECE_MD <= SIM_STAGE_SCRATCH, "a piece twice");

#define VERIFY_PIECE 65536u /* bytes of data that Verify looks at at a time */

/* the first of @nlb blocks that differ in @len bytes, @stride apart; @nlb: none does */
static uint32_t differ(const uint8_t *a, const uint8_t *b, size_t stride, size_t len, uint32_t nlb)
{
	uint32_t i = 0;

	if (stride == len && !memcmp(a, b, nlb * len))
		return nlb;
	while (i < nlb && !memcmp(a + i * stride, b + i * stride, len))
		i++;
	return i;
}

/* data, and metadata but for protection information (section 3.3.1) */
static uint16_t compare_blocks(struct sim_rw *c, uint32_t first, const struct sim_rw_buf *host,
			       const struct sim_rw_buf *medium, uint32_t nlb)
{
	const struct sim_pi_fmt *pi = &c->ns->pi;
	const size_t lbs = (size_t)1 << c->ns->lbads, ms = c->ns->ms;
	const size_t before = pi->type ? pi->off : ms; /* metadata before the tuple */
	const size_t behind = pi->type ? pi->off + pi->len : ms;
	uint32_t bad = differ(host->data, medium->data, lbs, lbs, nlb), i;

	i = differ(host->md, medium->md, ms, before, bad);
	bad = i < bad ? i : bad;
	i = differ(host->md + behind, medium->md + behind, ms, ms - behind, bad);
	bad = i < bad ? i : bad;
	if (bad == nlb)
		return SIM_OK;
	c->req->err_lba = c->slba + first + bad;
	return SIM_COMPARE_FAILED;
}

/* section 5.3.2.4: both sides' protection information is checked, as Read and as Write check it */
static uint16_t compare_piece(struct sim_rw *c, const struct sim_stage_slot *slot, uint32_t first,
			      uint32_t nlb)
{
	const struct sim_rw_buf medium = { .data = slot->scratch, .md = slot->scratch + PIECE_DATA };
	const struct sim_rw_buf host = {
		.data = slot->data,
		.md = slot->md,
		.scratch = slot->scratch + INTERLEAVED,
		.room = SIM_STAGE_SCRATCH - INTERLEAVED,
	};
	uint16_t status;

	status = sim_media_fetch(&c->ns->media, c->req, c->slba + first, nlb, medium.data,
				 medium.md);
	if (!status)
		status = sim_rw_check(c->req, &c->pi, first, medium.data, medium.md, nlb);
	if (!status)
		status = sim_rw_move(c, SIM_DMA_READ, &host, nlb);
	if (!status)
		status = sim_rw_check(c->req, &c->pi, first, host.data, host.md, nlb);
	return status ? status : compare_blocks(c, first, &host, &medium, nlb);
}

static uint16_t compare_staged(struct sim_rw *c, const struct sim_stage_slot *slot)
{
	uint32_t max = PIECE_DATA >> c->ns->lbads;
	uint16_t status = SIM_OK;

	if (max > PIECE_MD / c->ns->ms)
		max = PIECE_MD / c->ns->ms;
	for (uint32_t n, i = 0; i < c->nlb && !status; i += n) {
		n = c->nlb - i < max ? c->nlb - i : max;
		status = compare_piece(c, slot, i, n);
	}
	return status;
}

/* the blocks are claimed; SMART counts it as a read (section 1.4.2), also when it differs */
static uint16_t compare(struct sim_rw *c, const struct sim_stage_slot *slot)
{
	uint16_t status = sim_check_readable(c->req, c->ns, c->slba, c->nlb);

	if (!status)
		status = c->ns->ms ? compare_staged(c, slot)
				   : sim_media_compare(&c->ns->media, c->slba, c->nlb, &c->data);
	if (status && status != SIM_COMPARE_FAILED)
		return sim_media_result(c->req, status);
	sim_count(&sim_io(c->req)->reads, 1);
	sim_count(&sim_io(c->req)->sectors_read, sim_sectors(c->ns, c->nlb));
	return status;
}

static uint16_t compare_end(struct sim_req *req, uint16_t status)
{
	return !status && req->sqe.cdw12 & CDW12_FUA ? sim_ns_flush(req->ns, req) : status;
}

static void slot_get(const struct sim_ns *ns, struct sim_stage_slot *slot)
{
	if (ns->ms)
		sim_stage_get(ns->subsys, slot);
}

static void slot_put(const struct sim_ns *ns, struct sim_stage_slot *slot)
{
	if (ns->ms)
		sim_stage_put(ns->subsys, slot);
}

/**
 * sim_nvm_compare() - Compare
 *
 * NVM Command Set 1.1, section 3.3.1.
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_nvm_compare(struct sim_req *req)
{
	struct sim_stage_slot slot = { 0 };
	struct sim_ranges *rs = &req->ns->media.ranges;
	struct sim_range r;
	struct sim_rw c;
	uint16_t status = sim_rw_start(&c, req, SIM_PI_COMPARE);

	if (status)
		return status;
	slot_get(c.ns, &slot);
	sim_range_lock(rs, &r, c.slba, c.nlb, SIM_RANGE_READ);
	status = compare(&c, &slot);
	sim_range_unlock(rs, &r);
	slot_put(c.ns, &slot);
	return compare_end(req, status);
}

/*
 * Section 2.1.3.1. ACWU says 65,536 blocks, so none is too long. What is wrong with the Write alone
 * leaves Compare's status as it is.
 */
void sim_nvm_compare_write(struct sim_req *compare_req, struct sim_req *write_req,
			   uint16_t status[2])
{
	struct sim_ns *ns = compare_req->ns;
	struct sim_stage_slot slot = { 0 };
	struct sim_range r;
	struct sim_rw c;

	status[1] = SIM_FUSED_FAILED;
	status[0] = sim_rw_start(&c, compare_req, SIM_PI_COMPARE);
	if (status[0])
		return;
	slot_get(ns, &slot);
	sim_range_lock(&ns->media.ranges, &r, c.slba, c.nlb, SIM_RANGE_WRITE);
	status[0] = compare(&c, &slot);
	if (!status[0])
		status[1] = sim_rw_write(&c, write_req, &slot);
	sim_range_unlock(&ns->media.ranges, &r);
	slot_put(ns, &slot);
	if (!status[0])
		status[0] = compare_end(compare_req, SIM_OK);
	if (!status[1])
		status[1] = sim_write_durable(write_req);
}

/* ---- Verify --------------------------------------------------------------------------------- */

static uint16_t verify(struct sim_req *req, const struct sim_pi_cmd *pi,
		       const struct sim_stage_slot *slot)
{
	struct sim_ns *ns = req->ns;
	uint64_t slba = sim_slba(req);
	uint32_t nlb = sim_nlb(req), max = VERIFY_PIECE >> ns->lbads;
	uint16_t status = sim_check_readable(req, ns, slba, nlb);

	max = max ? max : 1;
	for (uint32_t n, i = 0; i < nlb && !status; i += n) {
		n = nlb - i < max ? nlb - i : max;
		status = sim_media_fetch(&ns->media, req, slba + i, n, slot->data,
					 ns->ms ? slot->md : NULL);
		if (!status)
			status = sim_rw_check(req, pi, i, slot->data, slot->md, n);
	}
	return status;
}

/**
 * sim_nvm_verify() - Verify
 *
 * NVM Command Set 1.1, section 3.3.5: blocks are read and checked, and go nowhere. Data Units Read
 * counts them, Host Read Commands does not (section 1.4.2). More than VSL is an Invalid Field as
 * ONCS does not have the Verify bit set.
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_nvm_verify(struct sim_req *req)
{
	struct sim_ns *ns = req->ns;
	uint64_t bytes = sim_rw_bytes(req, sim_nlb(req), ns->ms);
	struct sim_stage_slot slot;
	struct sim_pi_cmd pi;
	struct sim_range r;
	uint16_t status;

	if (req->ctrl->p.vsl && bytes > 4096ull << req->ctrl->p.vsl)
		return sim_bad_field(req, PEL_NLB);
	status = sim_check_slba(req);
	if (!status && ns->zones)
		status = sim_zone_check_read(req, ns, sim_slba(req), sim_nlb(req));
	if (!status)
		status = sim_pi_parse(req, SIM_PI_VERIFY, &pi);
	if (status)
		return status;
	sim_stage_get(ns->subsys, &slot);
	sim_range_lock(&ns->media.ranges, &r, sim_slba(req), sim_nlb(req), SIM_RANGE_READ);
	status = verify(req, &pi, &slot);
	sim_range_unlock(&ns->media.ranges, &r);
	sim_stage_put(ns->subsys, &slot);
	if (status)
		return sim_media_result(req, status);
	sim_count(&sim_io(req)->sectors_read, sim_sectors(ns, sim_nlb(req)));
	return req->sqe.cdw12 & CDW12_FUA ? sim_ns_flush(ns, req) : SIM_OK;
}
