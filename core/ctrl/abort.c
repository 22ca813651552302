/* SPDX-License-Identifier: MIT */
/*
 * abort.c - Abort (NVMe Base 2.1, section 5.1.1).
 */
#include "tables.h"

/**
 * sim_abort() - Abort
 *
 * The commands that can be aborted are those that may stay outstanding for ever: Asynchronous
 * Event Requests. All others are executing or done when an Abort is fetched, and dword 0 says that
 * they were not (IANP, figure 144), which is allowed for any command. The Abort Command Limit
 * cannot be exceeded: an Abort completes before the next admin command is fetched.
 * Return: a status.
 */
uint16_t sim_abort(struct sim_req *req)
{
	struct sim_ctrl *c = req->ctrl;
	uint16_t sqid = (uint16_t)req->sqe.cdw10;
	uint16_t cid = (uint16_t)(req->sqe.cdw10 >> 16);
	struct sim_req *target;

	req->result = 1; /* not aborted */
	if (sqid > c->p.max_ioqpairs || !c->sq[sqid])
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	if (sqid)
		return SIM_OK;

	target = sim_aer_take(c, cid);
	if (target) {
		sim_req_complete_locked(target, SIM_ABORT_REQUESTED);
		req->result = 0;
	}
	return SIM_OK;
}
