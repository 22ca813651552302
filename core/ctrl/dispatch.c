/* SPDX-License-Identifier: MIT */
/*
 * dispatch.c - from a submission queue entry to a status: the row, and the checks commands share.
 */
#include "../ns/ns.h"
#include "tables.h"

#define FLAGS_FUSE 0x03
#define FLAGS_PSDT 0xc0
#define PSDT_RESERVED 0xc0

/*
 * The errors that may go away when the command is tried again; all others get Do Not Retry
 * (NVMe Base 2.1, 4.2.3: DNR says that it is expected to fail again).
 */
static const uint16_t retryable[] = {
	SIM_DATA_TRANSFER_ERROR, SIM_INTERNAL,	   SIM_ABORT_REQUESTED,
	SIM_ABORT_SQ_DELETED,	 SIM_ABORT_LIMIT,  SIM_AER_LIMIT,
	SIM_INVALID_QUEUE_DELETION, SIM_WRITE_FAULT, SIM_READ_ERROR,
	SIM_SC(0, NVME_SC_NS_NOT_READY), SIM_SC(0, NVME_SC_FORMAT_IN_PROGRESS),
	SIM_SC(0, NVME_SC_SANITIZE_IN_PROGRESS), SIM_SC(0, NVME_SC_CMD_INTERRUPTED),
};

const struct sim_cmd *sim_cmd_row(const struct sim_ctrl *c, bool admin, uint8_t opcode)
{
	const struct sim_cmd *row = admin ? &sim_admin_cmds[opcode] : &sim_nvm_cmds[opcode];

	return row->handler ? row : NULL;
}

uint16_t sim_final_status(struct sim_req *req, uint16_t status)
{
	if (status == SIM_OK)
		return SIM_OK;

	/*
	 * An error of a command that only asks is an answer ("no such page"). Programs compare it
	 * as a whole: nvme-cli 2.3 takes exactly 0002h of Identify for "not supported by this
	 * controller" and goes on. Hence the bare status, though it is in the log as any other.
	 */
	if (!req->row || !(req->row->flags & SIM_CMD_QUERY)) {
		unsigned int i = 0;

		while (i < sizeof(retryable) / sizeof(retryable[0]) && retryable[i] != status)
			i++;
		if (i == sizeof(retryable) / sizeof(retryable[0]))
			status |= SIM_DNR;
		status |= SIM_MORE;
	}
	sim_error_log_add(req, status);
	return status;
}

/*
 * NVMe Base 2.1, 3.2.1: an NSID no namespace can have is an Invalid Namespace or Format, one that
 * could be but is not attached to this controller is inactive: an Invalid Field in Command.
 */
static uint16_t find_ns(struct sim_req *req)
{
	const uint32_t nsid = req->sqe.nsid;
	const enum sim_nsid_rule rule = req->row->nsid;

	if (rule == SIM_NSID_UNUSED)
		return SIM_OK;
	req->ns = sim_ctrl_ns(req->ctrl, nsid);
	if (req->ns || rule == SIM_NSID_HANDLER)
		return SIM_OK;
	if (rule == SIM_NSID_ACTIVE_OR_ALL && nsid == SIM_NSID_ALL)
		return SIM_OK;
	req->err_loc = SIM_PEL_NSID;
	return !nsid || nsid > SIM_NN ? SIM_INVALID_NS : SIM_INVALID_FIELD;
}

static uint16_t check(struct sim_req *req)
{
	const uint8_t psdt = req->sqe.flags & FLAGS_PSDT;
	uint16_t status;

	if (!req->row) {
		req->err_loc = SIM_PEL(0, 0);
		return SIM_INVALID_OPCODE;
	}
	if (req->sqe.flags & FLAGS_FUSE) /* Identify Controller FUSES is 0 */
		return sim_bad_field(req, SIM_PEL(1, 0));
	if (req->sq->qid ? psdt == PSDT_RESERVED : psdt) /* 4.3: admin commands use PRPs on PCIe */
		return sim_bad_field(req, SIM_PEL(1, 6));
	status = find_ns(req);
	if (status)
		return status;
	if (req->row->flags & SIM_CMD_WRITE && req->ns && req->ns->p.store->readonly)
		return SIM_NVM_READ_ONLY;
	return SIM_OK;
}

uint16_t sim_execute(struct sim_req *req)
{
	uint16_t status = check(req);

	if (!status)
		status = req->row->handler(req);
	return status == SIM_PENDING ? status : sim_final_status(req, status);
}
