/* SPDX-License-Identifier: MIT */
/*
 * nvm.c - the NVM Command Set's I/O commands. NVM Command Set 1.1, section 3.3.
 *
 * Fields of protection information, storage tags and directives have no meaning here as long as
 * no namespace has metadata and no directive is enabled: they are ignored, but for DTYPE.
 */
#include "../ctrl/tables.h"
#include "ns.h"

#define CDW12_NLB 0x0000ffffu
#define CDW12_DTYPE 0x00f00000u /* Write: Directive Type */
#define CDW12_DEAC (1u << 25)	/* Write Zeroes: Deallocate */
#define CDW12_FUA (1u << 30)	/* Force Unit Access */
#define CDW10_NR 0x000000ffu	/* Dataset Management: Number of Ranges, 0's based */
#define CDW11_AD (1u << 2)	/* Dataset Management: Attribute - Deallocate */

#define PEL_SLBA SIM_PEL_CDW(10, 0)
#define PEL_NLB SIM_PEL_CDW(12, 0)
#define PEL_DTYPE SIM_PEL_CDW(12, 20)

static uint64_t slba_of(const struct sim_req *req)
{
	return (uint64_t)req->sqe.cdw11 << 32 | req->sqe.cdw10;
}

static uint32_t nlb_of(const struct sim_req *req)
{
	return (req->sqe.cdw12 & CDW12_NLB) + 1;
}

static uint64_t sectors(const struct sim_req *req, uint32_t nlb)
{
	return (uint64_t)nlb << (req->ns->lbads - 9);
}

static void count(_Atomic uint64_t *n, uint64_t add)
{
	atomic_fetch_add_explicit(n, add, memory_order_relaxed);
}

/* LBA Out of Range (section 3.3): the range must lie within NSZE */
static uint16_t check_range(struct sim_req *req, uint64_t slba, uint64_t nlb)
{
	uint64_t nsze = req->ns->nsze;

	if (nlb <= nsze && slba <= nsze - nlb)
		return SIM_OK;
	req->err_lba = slba < nsze ? nsze : slba;
	return SIM_LBA_RANGE;
}

/* what Read, Write and Compare check before they move data */
static uint16_t start_transfer(struct sim_req *req, struct sim_iter *it)
{
	uint64_t bytes = (uint64_t)nlb_of(req) << req->ns->lbads;
	uint16_t status;

	if (!sim_mdts_ok(req->ctrl, bytes))
		return sim_bad_field(req, PEL_NLB);
	status = check_range(req, slba_of(req), nlb_of(req));
	if (status) {
		req->err_loc = PEL_SLBA;
		return status;
	}
	return sim_iter_start(it, req, bytes);
}

/* SMART's Media and Data Integrity Errors (base, figure 206) */
static uint16_t media_result(struct sim_req *req, uint16_t status)
{
	if (status == SIM_READ_ERROR || status == SIM_WRITE_FAULT)
		count(&req->ctrl->cnt->media_errors, 1);
	return status;
}

/*
 * Flush (NVMe Base 2.1, section 7.2): everything completed before is durable when it completes.
 * NSID FFFFFFFFh: every attached namespace (VWC reports that this works).
 */
static uint16_t nvm_flush(struct sim_req *req)
{
	return req->ns ? sim_ns_flush(req->ns, req) : sim_ns_flush_all(req);
}

/* Write, section 3.3.6. With FUA, or the write cache disabled, it completes when durable. */
static uint16_t nvm_write(struct sim_req *req)
{
	struct sim_ns *ns = req->ns;
	uint32_t nlb = nlb_of(req);
	struct sim_iter it;
	uint16_t status;

	if (req->sqe.cdw12 & CDW12_DTYPE)
		return sim_bad_field(req, PEL_DTYPE);
	status = start_transfer(req, &it);
	if (!status)
		status = media_result(req, sim_media_write(&ns->media, slba_of(req), nlb, &it));
	if (status)
		return status;
	count(&req->ctrl->cnt->writes, 1);
	count(&req->ctrl->cnt->sectors_written, sectors(req, nlb));
	if (req->sqe.cdw12 & CDW12_FUA || !ns->wc_enabled)
		return sim_ns_flush(ns, req);
	return SIM_OK;
}

/* Read, section 3.3.4. With FUA, what is read is durable before it completes. */
static uint16_t nvm_read(struct sim_req *req)
{
	struct sim_ns *ns = req->ns;
	uint32_t nlb = nlb_of(req);
	struct sim_iter it;
	uint16_t status = start_transfer(req, &it);

	if (!status)
		status = media_result(req, sim_media_read(&ns->media, slba_of(req), nlb, &it));
	if (status)
		return status;
	count(&req->ctrl->cnt->reads, 1);
	count(&req->ctrl->cnt->sectors_read, sectors(req, nlb));
	return req->sqe.cdw12 & CDW12_FUA ? sim_ns_flush(ns, req) : SIM_OK;
}

/* Compare, section 3.3.1. SMART counts it as a read (base, figure 206), also when it differs. */
static uint16_t nvm_compare(struct sim_req *req)
{
	struct sim_ns *ns = req->ns;
	uint32_t nlb = nlb_of(req);
	struct sim_iter it;
	uint16_t status = start_transfer(req, &it);

	if (!status)
		status = media_result(req, sim_media_compare(&ns->media, slba_of(req), nlb, &it));
	if (status && status != SIM_COMPARE_FAILED)
		return status;
	count(&req->ctrl->cnt->reads, 1);
	count(&req->ctrl->cnt->sectors_read, sectors(req, nlb));
	if (!status && req->sqe.cdw12 & CDW12_FUA)
		return sim_ns_flush(ns, req);
	return status;
}

/* Write Zeroes, section 3.3.8. No data, so no MDTS; WZSL is 0. SMART does not count it. */
static uint16_t nvm_write_zeroes(struct sim_req *req)
{
	struct sim_ns *ns = req->ns;
	uint64_t slba = slba_of(req);
	uint16_t status = check_range(req, slba, nlb_of(req));

	if (status) {
		req->err_loc = PEL_SLBA;
		return status;
	}
	status = media_result(req, sim_media_zero(&ns->media, req, slba, nlb_of(req),
						  req->sqe.cdw12 & CDW12_DEAC));
	if (status) {
		req->err_lba = slba;
		return status;
	}
	if (req->sqe.cdw12 & CDW12_FUA || !ns->wc_enabled)
		return sim_ns_flush(ns, req);
	return SIM_OK;
}

/*
 * Dataset Management, section 3.3.3. All ranges are checked before the first is deallocated. The
 * other attributes, and the context attributes of a range, are hints this medium has no use for.
 */
static uint16_t nvm_dataset_management(struct sim_req *req)
{
	struct nvme_dsm_range range[CDW10_NR + 1];
	unsigned int nr = (req->sqe.cdw10 & CDW10_NR) + 1;
	struct sim_ns *ns = req->ns;
	uint16_t status;

	status = sim_xfer(req, SIM_DMA_READ, range, nr * sizeof(range[0]));
	for (unsigned int i = 0; i < nr && !status; i++)
		status = check_range(req, sim_le64(range[i].slba), sim_le32(range[i].nlb));
	if (status || !(req->sqe.cdw11 & CDW11_AD))
		return status;
	for (unsigned int i = 0; i < nr && !status; i++) {
		uint64_t slba = sim_le64(range[i].slba);

		status = sim_media_zero(&ns->media, req, slba, sim_le32(range[i].nlb), true);
		if (status)
			req->err_lba = slba;
	}
	return media_result(req, status);
}

const struct sim_cmd sim_nvm_cmds[256] = {
	[nvme_cmd_flush] = {
		.name = "Flush",
		.handler = nvm_flush,
		.nsid = SIM_NSID_ACTIVE_OR_ALL,
	},
	[nvme_cmd_write] = {
		.name = "Write",
		.handler = nvm_write,
		.flags = SIM_CMD_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_read] = {
		.name = "Read",
		.handler = nvm_read,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_compare] = {
		.name = "Compare",
		.handler = nvm_compare,
		.oncs = NVME_CTRL_ONCS_COMPARE,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_write_zeroes] = {
		.name = "Write Zeroes",
		.handler = nvm_write_zeroes,
		.flags = SIM_CMD_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.oncs = NVME_CTRL_ONCS_WRITE_ZEROES,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_dsm] = {
		.name = "Dataset Management",
		.handler = nvm_dataset_management,
		.flags = SIM_CMD_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.oncs = NVME_CTRL_ONCS_DSM,
		.nsid = SIM_NSID_ACTIVE,
	},
};
