/* SPDX-License-Identifier: MIT */
/*
 * admin.c - the admin command table (NVMe Base 2.1, figure 141).
 *
 * Commands that make or delete a queue, or change what others stand on, are exclusive. Effects
 * (figure 210) are named where there are more than CSUPP.
 */
#include "../fdp/fdp.h"
#include "../ns/ns.h"
#include "ctrl.h"

#define CSE_NAMESPACE (1u << 16) /* no other command to the namespace should be outstanding */

const struct sim_cmd sim_admin_cmds[256] = {
	[nvme_admin_delete_sq] = {
		.name = "Delete I/O Submission Queue",
		.handler = sim_delete_io_sq,
		.flags = SIM_CMD_EXCL,
	},
	[nvme_admin_create_sq] = {
		.name = "Create I/O Submission Queue",
		.handler = sim_create_io_sq,
		.flags = SIM_CMD_EXCL,
	},
	[nvme_admin_get_log_page] = {
		.name = "Get Log Page",
		.handler = sim_get_log_page,
		.flags = SIM_CMD_QUERY | SIM_CMD_FORMATTING | SIM_CMD_ANA,
		.nsid = SIM_NSID_HANDLER,
	},
	[nvme_admin_delete_cq] = {
		.name = "Delete I/O Completion Queue",
		.handler = sim_delete_io_cq,
		.flags = SIM_CMD_EXCL,
	},
	[nvme_admin_create_cq] = {
		.name = "Create I/O Completion Queue",
		.handler = sim_create_io_cq,
		.flags = SIM_CMD_EXCL,
	},
	[nvme_admin_identify] = {
		.name = "Identify",
		.handler = sim_identify,
		.flags = SIM_CMD_QUERY | SIM_CMD_FORMATTING | SIM_CMD_ANA,
		.nsid = SIM_NSID_HANDLER,
	},
	[nvme_admin_abort_cmd] = {
		.name = "Abort",
		.handler = sim_abort,
		.flags = SIM_CMD_EXCL,
	},
	[nvme_admin_set_features] = {
		.name = "Set Features",
		.handler = sim_set_features,
		.flags = SIM_CMD_EXCL | SIM_CMD_FORMATTING | SIM_CMD_ANA,
		.nsid = SIM_NSID_HANDLER,
	},
	[nvme_admin_get_features] = {
		.name = "Get Features",
		.handler = sim_get_features,
		.flags = SIM_CMD_QUERY | SIM_CMD_FORMATTING | SIM_CMD_ANA,
		.nsid = SIM_NSID_HANDLER,
	},
	[nvme_admin_async_event] = {
		.name = "Asynchronous Event Request",
		.handler = sim_async_event_request,
		.flags = SIM_CMD_UNTIMED,
	},
	[nvme_admin_ns_mgmt] = {
		.name = "Namespace Management",
		.handler = sim_ns_management,
		.flags = SIM_CMD_EXCL | SIM_CMD_FORMATTING | SIM_CMD_ANA,
		.effects = NVME_CMD_EFFECTS_NIC | NVME_CMD_EFFECTS_CCC,
		.oacs = NVME_CTRL_OACS_NS_MGMT,
		.nsid = SIM_NSID_HANDLER,
	},
	[nvme_admin_ns_attach] = {
		.name = "Namespace Attachment",
		.handler = sim_ns_attachment,
		.flags = SIM_CMD_EXCL | SIM_CMD_FORMATTING | SIM_CMD_ANA,
		.effects = NVME_CMD_EFFECTS_NIC | NVME_CMD_EFFECTS_CCC,
		.nsid = SIM_NSID_HANDLER,
	},
	[nvme_admin_keep_alive] = {
		.name = "Keep Alive",
		.handler = sim_keep_alive,
	},
	[nvme_admin_virtual_mgmt] = {
		.name = "Virtualization Management",
		.handler = sim_virt_management,
		.flags = SIM_CMD_EXCL,
		.oacs = NVME_CTRL_OACS_VIRT_MGMT,
		.there = sim_is_primary,
	},
	[nvme_admin_dbbuf] = {
		.name = "Doorbell Buffer Config",
		.handler = sim_doorbell_buffer_config,
		.flags = SIM_CMD_EXCL,
		.oacs = NVME_CTRL_OACS_DBBUF_CFG,
		.there = sim_dbbuf_there,
	},
	[nvme_admin_format_nvm] = {
		.name = "Format NVM",
		.handler = sim_format_nvm,
		.flags = SIM_CMD_EXCL | SIM_CMD_WRITE | SIM_CMD_NO_ABORT,
		.effects = NVME_CMD_EFFECTS_LBCC | NVME_CMD_EFFECTS_NCC | CSE_NAMESPACE,
		.oacs = NVME_CTRL_OACS_FORMAT,
		.nsid = SIM_NSID_HANDLER,
		.resv = SIM_RESV_WRITE,
	},
	[nvme_admin_directive_send] = {
		.name = "Directive Send",
		.handler = sim_directive_send,
		.there = sim_fdp_there,
		.flags = SIM_CMD_EXCL,
		.oacs = NVME_CTRL_OACS_DIRECTIVES,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_admin_directive_recv] = {
		.name = "Directive Receive",
		.handler = sim_directive_recv,
		.there = sim_fdp_there,
		.oacs = NVME_CTRL_OACS_DIRECTIVES,
		.nsid = SIM_NSID_ACTIVE,
	},
	[nvme_admin_get_lba_status] = {
		.name = "Get LBA Status",
		.handler = sim_get_lba_status,
		.flags = SIM_CMD_WP_DENIED,
		.oacs = SIM_OACS_GLSS,
		.nsid = SIM_NSID_ACTIVE,
	},
};
