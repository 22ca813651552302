/* SPDX-License-Identifier: MIT */
/*
 * log.c - Get Log Page (NVMe Base 2.1, section 5.1.12): the table of log pages, and those pages
 * that are made from tables.
 */
#include <string.h>

#include "../fdp/fdp.h"
#include "../ns/ns.h"
#include "tables.h"

#define LOG_CSI(req) ((uint8_t)((req)->sqe.cdw14 >> 24))

static bool log_present(const struct sim_ctrl *c, const struct sim_log *row)
{
	switch (row->where) {
	case SIM_LOG_MULTI:
		return c->subsys->multi;
	case SIM_LOG_OCP:
		return c->p.ocp;
	case SIM_LOG_ENDURANCE:
		return c->subsys->fdp;
	default:
		return true;
	}
}

/* 00h Supported Log Pages (figures 203, 204): LSUPP; the Index Offset is supported by none */
static uint16_t log_supported(struct sim_req *req, uint8_t *page)
{
	struct nvme_supported_log_pages *log = (struct nvme_supported_log_pages *)page;

	for (unsigned int i = 0; i < sim_nr_log_rows; i++)
		if (log_present(req->ctrl, &sim_log_rows[i]))
			log->lid_support[sim_log_rows[i].lid] = sim_le32(1);
	return SIM_OK;
}

/* 01h Error Information */
static uint16_t log_error(struct sim_req *req, uint8_t *page)
{
	sim_error_log_fill(req->ctrl, (struct nvme_error_log_page *)page);
	return SIM_OK;
}

/* 02h SMART / Health Information */
static uint16_t log_smart(struct sim_req *req, uint8_t *page)
{
	sim_smart_fill(req->ctrl, (struct nvme_smart_log *)page);
	return SIM_OK;
}

/* 03h Firmware Slot Information: slot 1 is active, and is the only one */
static uint16_t log_firmware(struct sim_req *req, uint8_t *page)
{
	struct nvme_firmware_slot *log = (struct nvme_firmware_slot *)page;
	const char *fr = req->ctrl->p.firmware_version;

	log->afi = 1;
	memset(log->frs[0], ' ', sizeof(log->frs[0]));
	memcpy(log->frs[0], fr, strlen(fr));
	return SIM_OK;
}

/* 04h Changed Attached Namespace List: since the log was last read */
static uint16_t log_changed_ns(struct sim_req *req, uint8_t *page)
{
	struct nvme_ns_list *log = (struct nvme_ns_list *)page;
	unsigned int n = 0;

	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++)
		if (sim_bit(req->ctrl->changed_ns, nsid))
			log->ns[n++] = sim_le32(nsid);
	return SIM_OK;
}

static void changed_ns_read(struct sim_ctrl *c)
{
	memset(c->changed_ns, 0, sizeof(c->changed_ns));
}

/*
 * 05h Commands Supported and Effects (figure 210). The I/O part is that of the command set that CSI
 * names when CC.CSS is 110b; of one that is not supported, there is no command.
 */
static uint32_t cmd_scope(const struct sim_cmd *cmd)
{
	switch (cmd->nsid) {
	case SIM_NSID_UNUSED:
		return SIM_SCOPE_CTRL;
	case SIM_NSID_ACTIVE:
	case SIM_NSID_ACTIVE_OR_ALL:
		return SIM_SCOPE_NS;
	default: /* what else the command says decides */
		return SIM_SCOPE_NS | SIM_SCOPE_CTRL;
	}
}

/* @csi: of the I/O commands, those this command set has */
static void put_effects(const struct sim_ctrl *c, bool admin, uint8_t csi, __le32 *effects)
{
	for (unsigned int i = 0; i < 256; i++) {
		const struct sim_cmd *cmd = sim_cmd_row(c, admin, (uint8_t)i);

		if (cmd && (!cmd->csi || cmd->csi >> csi & 1))
			effects[i] = sim_le32(NVME_CMD_EFFECTS_CSUPP | cmd->effects |
					      cmd_scope(cmd) << SIM_SCOPE_SHIFT);
	}
}

static uint16_t log_effects(struct sim_req *req, uint8_t *page)
{
	struct nvme_cmd_effects_log *log = (struct nvme_cmd_effects_log *)page;

	const bool by_csi = NVME_CC_CSS(req->ctrl->cc) == NVME_CC_CSS_CSI;
	const uint8_t csi = by_csi ? LOG_CSI(req) : NVME_CSI_NVM;

	put_effects(req->ctrl, true, 0, log->acs);
	if (csi == NVME_CSI_NVM || csi == NVME_CSI_ZNS)
		put_effects(req->ctrl, false, csi, log->iocs);
	return SIM_OK;
}

/* 12h Feature Identifiers Supported and Effects */
static uint16_t log_features(struct sim_req *req, uint8_t *page)
{
	struct nvme_fid_supported_effects_log *log = (struct nvme_fid_supported_effects_log *)page;

	for (unsigned int i = 0; i < sim_nr_feature_rows; i++) {
		const struct sim_feature *row = &sim_feature_rows[i];

		if (!sim_feature_there(req->ctrl, row))
			continue;
		log->fid_support[row->fid] =
			sim_le32(NVME_FID_SUPPORTED_EFFECTS_FSUPP | row->effects |
				 (uint32_t)row->scope << SIM_SCOPE_SHIFT);
	}
	return SIM_OK;
}

/*
 * 13h NVMe-MI Commands Supported and Effects. The specification ties it to 00h and 12h (LPA bit
 * 5); no NVMe-MI command is supported, for there is no NVMe-MI Send or Receive (OACS bit 6).
 */
static uint16_t log_mi(struct sim_req *req, uint8_t *page)
{
	return SIM_OK;
}

/* every namespace in a group of its own */
#define LOG_ANA                                                                                \
	(sizeof(struct nvme_ana_log) + SIM_NN * (sizeof(struct nvme_ana_group_desc) + 4))

/* LID, LPA, bytes, name, fill, read, taken, where, ns, ns_read */
const struct sim_log sim_log_rows[] = {
	{ 0x00, NVME_CTRL_LPA_LI0_LI5_LI12_LI13, 1024, "Supported Log Pages", log_supported, NULL,
	  NULL, SIM_LOG_ALL, false, NULL },
	{ 0x01, 0, (SIM_ELPE + 1) * 64, "Error Information", log_error, NULL, NULL, SIM_LOG_ALL, false, NULL },
	{ 0x02, 0, 512, "SMART / Health Information", log_smart, NULL, NULL, SIM_LOG_ALL, false, NULL },
	{ 0x03, 0, 512, "Firmware Slot Information", log_firmware, NULL, NULL, SIM_LOG_ALL, false, NULL },
	{ 0x04, 0, 4096, "Changed Attached Namespace List", log_changed_ns, changed_ns_read,
	  NULL, SIM_LOG_ALL, false, NULL },
	{ 0x05, NVME_CTRL_LPA_CMD_EFFECTS, 4096, "Commands Supported and Effects", log_effects,
	  NULL, NULL, SIM_LOG_ALL, false, NULL },
	{ 0x09, 0, 512, "Endurance Group Information", sim_log_endurance, NULL, NULL,
	  SIM_LOG_ENDURANCE, false, NULL },
	{ 0x0c, 0, LOG_ANA, "Asymmetric Namespace Access", sim_ana_log, NULL, NULL, SIM_LOG_MULTI, false, NULL },
	{ 0x0e, 0, SIM_LOG_MAX, "LBA Status Information", sim_lbas_log, sim_lbas_read, NULL, SIM_LOG_ALL, false, NULL },
	{ 0x12, 0, 1024, "Feature Identifiers Supported and Effects", log_features, NULL, NULL, SIM_LOG_ALL, false, NULL },
	{ 0x13, 0, 4096, "NVMe-MI Commands Supported and Effects", log_mi, NULL, NULL, SIM_LOG_ALL, false, NULL },
	{ 0x20, 0, 2048, "FDP Configurations", sim_log_fdp_configs, NULL, NULL, SIM_LOG_ENDURANCE, false,
	  NULL },
	{ 0x21, 0, 1032, "Reclaim Unit Handle Usage", sim_log_fdp_usage, NULL, NULL, SIM_LOG_ENDURANCE, false,
	  NULL },
	{ 0x22, 0, 64, "FDP Statistics", sim_log_fdp_stats, NULL, NULL, SIM_LOG_ENDURANCE, false,
	  NULL },
	{ 0x23, 0, 4096, "FDP Events", sim_log_fdp_events, NULL, NULL, SIM_LOG_ENDURANCE, false,
	  NULL },
	{ 0x80, 0, 64, "Reservation Notification", sim_resv_log_fill, NULL, sim_resv_log_taken, SIM_LOG_ALL, false, NULL },
	{ SIM_LID_CHANGED_ZONES, 0, 4096, "Changed Zone List", sim_zone_log, NULL, NULL, SIM_LOG_ALL, true,
	  sim_zone_log_read },
	{ 0xc0, 0, 512, "SMART / Health Information Extended (OCP)", sim_ocp_log, NULL, NULL,
	  SIM_LOG_OCP, false, NULL },
};
const unsigned int sim_nr_log_rows = sizeof(sim_log_rows) / sizeof(sim_log_rows[0]);

_Static_assert((SIM_ELPE + 1) * 64 <= SIM_LOG_MAX, "the Error Information log fits");

/* @len bytes of @page from @off on, then zeroes */
static uint16_t log_transfer(struct sim_req *req, const struct sim_log *row, uint8_t *page,
			     uint64_t off, uint64_t len)
{
	struct sim_iter it;
	uint64_t part = row->len - off < len ? row->len - off : len;
	uint16_t status = sim_iter_start(&it, req, len);

	if (!status && part)
		status = sim_iter_move(&it, SIM_DMA_WRITE, page + off, part);
	if (!status && part < len)
		memset(page, 0, SIM_LOG_MAX);
	for (len -= part; !status && len; len -= part) {
		part = len < SIM_LOG_MAX ? len : SIM_LOG_MAX;
		status = sim_iter_move(&it, SIM_DMA_WRITE, page, part);
	}
	return status;
}

static uint16_t check_nsid(struct sim_req *req, const struct sim_log *row)
{
	const uint32_t nsid = req->sqe.nsid;

	if (row->where == SIM_LOG_ENDURANCE) /* the field is reserved */
		return SIM_OK;
	if (row->ns ? req->ns != NULL : !nsid || nsid == SIM_NSID_ALL)
		return SIM_OK;
	req->err_loc = SIM_PEL_NSID;
	return row->ns && nsid > SIM_NN && nsid != SIM_NSID_ALL ? SIM_INVALID_NS :
								  SIM_INVALID_FIELD;
}

/**
 * sim_get_log_page() - Get Log Page command
 *
 * NVMe Base 2.1, section 5.1.12. A read that goes past the end of the page ends in zeroes; one that
 * starts past it is an invalid field. Where the scope of a page is the controller or the NVM
 * subsystem, the NSID is 0h or FFFFFFFFh.
 * Return: a status.
 */
uint16_t sim_get_log_page(struct sim_req *req)
{
	const struct sim_sqe *sqe = &req->sqe;
	uint8_t lid = (uint8_t)sqe->cdw10;
	bool rae = sqe->cdw10 >> 15 & 1, index_offset = sqe->cdw14 >> 23 & 1;
	uint64_t numd = (uint64_t)(sqe->cdw11 & 0xffff) << 16 | sqe->cdw10 >> 16;
	uint64_t len = (numd + 1) * 4;
	uint64_t off = (uint64_t)sqe->cdw13 << 32 | sqe->cdw12;
	const struct sim_log *row = NULL;
	_Alignas(8) uint8_t page[SIM_LOG_MAX];
	uint16_t status;
	uint64_t mark;

	for (unsigned int i = 0; i < sim_nr_log_rows && !row; i++)
		if (sim_log_rows[i].lid == lid && log_present(req->ctrl, &sim_log_rows[i]))
			row = &sim_log_rows[i];
	if (!row) {
		req->err_loc = SIM_PEL_CDW(10, 0);
		return SIM_INVALID_LOG;
	}
	status = check_nsid(req, row);
	if (status)
		return status;
	if (index_offset)
		return sim_bad_field(req, SIM_PEL_CDW(14, 23));
	if (off & 3 || off > row->len)
		return sim_bad_field(req, SIM_PEL_CDW(12, 0));
	if (!sim_mdts_ok(req->ctrl, len))
		return sim_bad_field(req, SIM_PEL_CDW(10, 16));

	mark = sim_aer_mark(req->ctrl);
	memset(page, 0, row->len);
	status = row->fill(req, page);
	if (status)
		return status;
	status = log_transfer(req, row, page, off, len);
	if (status)
		return status;
	if (row->taken)
		row->taken(req->ctrl);
	if (rae)
		return SIM_OK;

	if (row->read)
		row->read(req->ctrl);
	if (row->ns_read)
		row->ns_read(req);
	sim_aer_clear(req->ctrl, lid, row->ns ? sqe->nsid : 0, mark);
	return SIM_OK;
}
