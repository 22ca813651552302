/* SPDX-License-Identifier: MIT */
/*
 * nvm.c - the I/O commands of the NVM Command Set, and of the Zoned Namespace Command Set, which adds
 * to it: their rows, and Flush. NVM Command Set 1.1, section 3.3; NVMe Base 2.1, section 7.
 */
#include "../ctrl/tables.h"
#include "../fdp/fdp.h"
#include "ns.h"

/**
 * sim_nvm_flush() - Flush
 *
 * NVMe Base 2.1, section 7.2: everything completed before is durable when it completes. NSID
 * FFFFFFFFh: every attached namespace (VWC reports that this works).
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_nvm_flush(struct sim_req *req)
{
	return req->ns ? sim_ns_flush(req->ns, req) : sim_ns_flush_all(req);
}

const struct sim_cmd sim_nvm_cmds[256] = {
	[nvme_cmd_flush] = {
		.name = "Flush",
		.handler = sim_nvm_flush,
		.resv = SIM_RESV_WRITE,
		.nsid = SIM_NSID_ACTIVE_OR_ALL,
	},
	[nvme_cmd_write] = {
		.name = "Write",
		.handler = sim_nvm_write,
		.resv = SIM_RESV_WRITE,
		.flags = SIM_CMD_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_read] = {
		.name = "Read",
		.handler = sim_nvm_read,
		.ahead = sim_nvm_read_ahead,
		.resv = SIM_RESV_READ,
		.flags = SIM_CMD_LENDS,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_write_uncor] = {
		.name = "Write Uncorrectable",
		.handler = sim_nvm_write_uncorrectable,
		.resv = SIM_RESV_WRITE,
		.flags = SIM_CMD_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.oncs = NVME_CTRL_ONCS_WRITE_UNCORRECTABLE,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_compare] = {
		.name = "Compare",
		.handler = sim_nvm_compare,
		.resv = SIM_RESV_READ,
		.oncs = NVME_CTRL_ONCS_COMPARE,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_write_zeroes] = {
		.name = "Write Zeroes",
		.handler = sim_nvm_write_zeroes,
		.resv = SIM_RESV_WRITE,
		.flags = SIM_CMD_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.oncs = NVME_CTRL_ONCS_WRITE_ZEROES,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_dsm] = {
		.name = "Dataset Management",
		.handler = sim_nvm_dataset_management,
		.resv = SIM_RESV_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.oncs = NVME_CTRL_ONCS_DSM,
		.nsid = SIM_NSID_ACTIVE,
	},
	/*
	 * ONCS does not have Verify's bit: it would turn VSL from a limit into a recommendation
	 * (NVM Command Set 1.1, section 3.3.5). The effects log tells that there is the command.
	 */
	[nvme_cmd_verify] = {
		.name = "Verify",
		.handler = sim_nvm_verify,
		.resv = SIM_RESV_READ,
		.nsid = SIM_NSID_ACTIVE,
	},
	/* the handler looks at the reservations of the sources */
	[nvme_cmd_copy] = {
		.name = "Copy",
		.handler = sim_nvm_copy,
		.resv = SIM_RESV_WRITE,
		.flags = SIM_CMD_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.oncs = NVME_CTRL_ONCS_COPY | SIM_ONCS_NVMCSA | SIM_ONCS_NVMAFC,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_io_mgmt_recv] = {
		.name = "I/O Management Receive",
		.handler = sim_io_mgmt_recv,
		.there = sim_fdp_there,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_io_mgmt_send] = {
		.name = "I/O Management Send",
		.handler = sim_io_mgmt_send,
		.there = sim_fdp_there,
		.resv = SIM_RESV_WRITE,
		.nsid = SIM_NSID_ACTIVE,
	},
	[SIM_CMD_CANCEL] = {
		.name = "Cancel",
		.handler = sim_cancel,
		.flags = SIM_CMD_EXCL | SIM_CMD_ANA | SIM_CMD_FORMATTING |
			 SIM_CMD_WP_DENIED,
		.nsid = SIM_NSID_ACTIVE_OR_ALL,
	},
	/* Zoned Namespace Command Set 1.1, figure 12 */
	[nvme_zns_cmd_mgmt_send] = {
		.name = "Zone Management Send",
		.handler = sim_zone_send,
		.resv = SIM_RESV_WRITE,
		.flags = SIM_CMD_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.nsid = SIM_NSID_ACTIVE,
		.csi = 1u << NVME_CSI_ZNS,
		.excl = sim_zone_send_all,
	},
	[nvme_zns_cmd_mgmt_recv] = {
		.name = "Zone Management Receive",
		.handler = sim_zone_receive,
		.resv = SIM_RESV_READ,
		.nsid = SIM_NSID_ACTIVE,
		.csi = 1u << NVME_CSI_ZNS,
	},
	[nvme_zns_cmd_append] = {
		.name = "Zone Append",
		.handler = sim_zone_append,
		.resv = SIM_RESV_WRITE,
		.flags = SIM_CMD_WRITE,
		.effects = NVME_CMD_EFFECTS_LBCC,
		.nsid = SIM_NSID_ACTIVE,
		.csi = 1u << NVME_CSI_ZNS,
	},
	[nvme_cmd_resv_register] = {
		.name = "Reservation Register",
		.handler = sim_resv_register,
		.flags = SIM_CMD_EXCL,
		.oncs = NVME_CTRL_ONCS_RESERVATIONS,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_resv_report] = {
		.name = "Reservation Report",
		.handler = sim_resv_report,
		.oncs = NVME_CTRL_ONCS_RESERVATIONS,
		.nsid = SIM_NSID_ACTIVE,
	},
	/* the handlers find the conflicts of these two: they depend on the action */
	[nvme_cmd_resv_acquire] = {
		.name = "Reservation Acquire",
		.handler = sim_resv_acquire,
		.flags = SIM_CMD_EXCL,
		.oncs = NVME_CTRL_ONCS_RESERVATIONS,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_cmd_resv_release] = {
		.name = "Reservation Release",
		.handler = sim_resv_release,
		.flags = SIM_CMD_EXCL,
		.oncs = NVME_CTRL_ONCS_RESERVATIONS,
		.nsid = SIM_NSID_ACTIVE,
	},
};
