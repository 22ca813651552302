/* SPDX-License-Identifier: MIT */
/*
 * zeroes.c - commands that write blocks without data from the host: Write Zeroes, Write
 * Uncorrectable, Dataset Management. NVM Command Set 1.1, sections 3.3.8, 3.3.7 and 3.3.3.
 */
#include <string.h>

#include "rw.h"
#include "zone.h"

#define CDW12_DEAC (1u << 25) /* Write Zeroes: Deallocate */
#define CDW10_NR 0x000000ffu  /* Dataset Management: Number of Ranges, 0's based */
#define CDW11_AD (1u << 2)    /* Dataset Management: Attribute - Deallocate */

/*
 * Zeroes with protection information made for them, in pieces: what a slot's metadata holds. Each
 * piece is there whole or not at all, if the process dies; to other commands, all of them are one.
 */
static uint16_t zero_with_pi(struct sim_req *req, const struct sim_pi_cmd *pi,
			     struct sim_stage_slot *slot)
{
	struct sim_ns *ns = req->ns;
	uint32_t nlb = sim_nlb(req), max = SIM_STAGE_MD / ns->ms;
	uint16_t status = SIM_OK;

	for (uint32_t n, i = 0; i < nlb && !status; i += n) {
		n = nlb - i < max ? nlb - i : max;
		memset(slot->md, 0, (size_t)n * ns->ms);
		sim_pi_generate(pi, i, NULL, slot->md, n);
		status = sim_stage_commit_zeroes(&ns->media, req, slot, sim_slba(req) + i, n);
	}
	return status;
}

/* the blocks are claimed; @slot: protection information is made. Deallocated ones are placed
 * nowhere */
static uint16_t zero_blocks(struct sim_req *req, const struct sim_fdp_to *to,
			    struct sim_stage_slot *slot, const struct sim_pi_cmd *pi, bool deac)
{
	struct sim_ns *ns = req->ns;
	const uint64_t slba = sim_slba(req);
	const uint32_t nlb = sim_nlb(req);
	uint16_t status;

	if (deac) {
		sim_fdp_trim(ns, slba, nlb);
		return sim_media_zero(&ns->media, req, slba, nlb, true);
	}
	status = sim_fdp_prepare(req, ns, slba, nlb);
	if (status)
		return status;
	status = slot ? zero_with_pi(req, pi, slot)
		      : sim_media_zero(&ns->media, req, slba, nlb, false);
	sim_fdp_wrote(req, to, slba, nlb, status);
	return status;
}

/**
 * sim_nvm_write_zeroes() - Write Zeroes
 *
 * NVM Command Set 1.1, section 3.3.8. No data, so no MDTS; WZSL is 0. Without PRACT the protection
 * information is zeroes like the rest; of a block that is deallocated (DEAC), it is all ones.
 * SMART does not count the command.
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_nvm_write_zeroes(struct sim_req *req)
{
	struct sim_ns *ns = req->ns;
	bool deac = req->sqe.cdw12 & CDW12_DEAC, staged;
	struct sim_stage_slot slot;
	struct sim_zone_write zw;
	struct sim_fdp_to to;
	struct sim_pi_cmd pi;
	struct sim_range r;
	uint16_t status = sim_fdp_target(req, &to);

	if (!status)
		status = sim_check_slba(req);
	if (!status)
		status = sim_pi_parse(req, SIM_PI_ZEROES, &pi);
	if (status)
		return status;
	staged = pi.pract && !deac;
	if (staged)
		sim_stage_get(ns->subsys, &slot);
	if (ns->zones)
		status = sim_zone_write_begin(&zw, req, ns, sim_slba(req), sim_nlb(req), false);
	if (!status) {
		sim_range_lock(&ns->media.ranges, &r, sim_slba(req), sim_nlb(req),
			       SIM_RANGE_WRITE);
		status = zero_blocks(req, &to, staged ? &slot : NULL, &pi, deac);
		if (ns->zones)
			sim_zone_write_end(&zw, status);
		sim_range_unlock(&ns->media.ranges, &r);
	}
	if (staged)
		sim_stage_put(ns->subsys, &slot);
	return status ? sim_media_result(req, status) : sim_write_durable(req);
}

/**
 * sim_nvm_write_uncorrectable() - Write Uncorrectable
 *
 * NVM Command Set 1.1, section 3.3.7; WUSL is 0. The blocks count as written (section 2.1.1), but
 * what they hold cannot be had before they are written again. They are bad first and allocated
 * then, so that what the medium holds in an unwritten block's place is never seen.
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_nvm_write_uncorrectable(struct sim_req *req)
{
	struct sim_media *m = &req->ns->media;
	uint64_t slba = sim_slba(req);
	uint32_t nlb = sim_nlb(req);
	struct sim_zone_write zw;
	struct sim_fdp_to to;
	struct sim_range r;
	uint16_t status = sim_fdp_target(req, &to);
	bool more;

	if (!status)
		status = sim_check_slba(req);
	if (!status && req->ns->zones)
		status = sim_zone_write_begin(&zw, req, req->ns, slba, nlb, false);
	if (status)
		return status;
	sim_range_lock(&m->ranges, &r, slba, nlb, SIM_RANGE_WRITE);
	more = sim_blocks_find_bad(&m->blocks, slba, slba + nlb, false) < slba + nlb;
	status = sim_fdp_prepare(req, req->ns, slba, nlb);
	if (!status && (sim_blocks_set_bad(&m->blocks, slba, nlb) ||
			sim_blocks_set_alloc(&m->blocks, slba, nlb))) {
		req->err_lba = slba;
		status = SIM_WRITE_FAULT;
	}
	sim_fdp_wrote(req, &to, slba, nlb, status);
	if (req->ns->zones)
		sim_zone_write_end(&zw, status);
	sim_range_unlock(&m->ranges, &r);
	if (!status && more)
		sim_lbas_found(req->ns);
	if (status || req->ns->wc_enabled) /* it has no FUA */
		return sim_media_result(req, status);
	return sim_ns_flush(req->ns, req);
}

static uint16_t deallocate(struct sim_req *req, uint64_t slba, uint64_t nlb)
{
	struct sim_media *m = &req->ns->media;
	struct sim_range r;
	uint16_t status;

	if (!nlb)
		return SIM_OK;
	sim_range_lock(&m->ranges, &r, slba, nlb, SIM_RANGE_WRITE);
	sim_fdp_trim(req->ns, slba, nlb);
	status = sim_media_zero(m, req, slba, nlb, true);
	sim_range_unlock(&m->ranges, &r);
	return status;
}

/**
 * sim_nvm_dataset_management() - Dataset Management
 *
 * NVM Command Set 1.1, section 3.3.3; DMRL, DMRSL and DMSL are 0, no limits. All ranges are checked
 * before the first is deallocated; a zone's write pointer stays where it is. The other attributes, and the context attributes of a range, are
 * hints this medium has no use for.
 * Return: a status.
 */
uint16_t sim_nvm_dataset_management(struct sim_req *req)
{
	struct nvme_dsm_range range[CDW10_NR + 1];
	unsigned int nr = (req->sqe.cdw10 & CDW10_NR) + 1;
	uint16_t status;

	/* without AD it changes nothing, and is allowed where nothing may be changed */
	if (req->sqe.cdw11 & CDW11_AD) {
		status = sim_wp_check(req->ns);
		if (status)
			return status;
	}
	status = sim_xfer(req, SIM_DMA_READ, range, nr * sizeof(range[0]));
	for (unsigned int i = 0; i < nr && !status; i++)
		status = sim_check_range(req, req->ns, sim_le64(range[i].slba),
					 sim_le32(range[i].nlb));
	for (unsigned int i = 0; i < nr && !status && req->ns->zones; i++)
		status = sim_zone_check_online(req, req->ns, sim_le64(range[i].slba),
					       sim_le32(range[i].nlb));
	if (status || !(req->sqe.cdw11 & CDW11_AD))
		return status;
	for (unsigned int i = 0; i < nr && !status; i++)
		status = deallocate(req, sim_le64(range[i].slba), sim_le32(range[i].nlb));
	return sim_media_result(req, status);
}
