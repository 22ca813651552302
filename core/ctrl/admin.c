/* SPDX-License-Identifier: MIT */
/*
 * admin.c - the admin command table (NVMe Base 2.1, figure 141).
 *
 * Commands that make or delete a queue, or change what others stand on, are exclusive. None of
 * these has an effect beyond CSUPP (figure 210).
 */
#include "ctrl.h"

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
		.flags = SIM_CMD_QUERY,
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
		.flags = SIM_CMD_QUERY,
		.nsid = SIM_NSID_HANDLER,
	},
	[nvme_admin_abort_cmd] = {
		.name = "Abort",
		.handler = sim_abort,
	},
	[nvme_admin_set_features] = {
		.name = "Set Features",
		.handler = sim_set_features,
		.flags = SIM_CMD_EXCL,
		.nsid = SIM_NSID_HANDLER,
	},
	[nvme_admin_get_features] = {
		.name = "Get Features",
		.handler = sim_get_features,
		.flags = SIM_CMD_QUERY,
		.nsid = SIM_NSID_HANDLER,
	},
	[nvme_admin_async_event] = {
		.name = "Asynchronous Event Request",
		.handler = sim_async_event_request,
		.flags = SIM_CMD_UNTIMED,
	},
	[nvme_admin_keep_alive] = {
		.name = "Keep Alive",
		.handler = sim_keep_alive,
	},
};
