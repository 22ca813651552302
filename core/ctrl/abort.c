/* SPDX-License-Identifier: MIT */
/*
 * abort.c - Abort (NVMe Base 2.1, section 5.1.1).
 */
#include "queue.h"
#include "tables.h"

static bool match_cid(const struct sim_req *req, const void *arg)
{
	return req->sqe.cid == *(const uint16_t *)arg && !(req->row->flags & SIM_CMD_NO_ABORT);
}

/**
 * sim_abort() - Abort
 *
 * The commands that can be aborted are those that wait: Asynchronous Event Requests for an event,
 * others for a medium's flush. They are aborted at once, and their completions posted before this
 * one. All else is done when an Abort is processed, or cannot be stopped (Format NVM), and dword 0
 * says that it was not aborted (IANP, figure 144), which is allowed for any command. The Abort
 * Command Limit cannot be exceeded: an Abort completes before the next admin command is fetched.
 *
 * The row is exclusive, as giving up a request asks for.
 * Return: a status.
 */
uint16_t sim_abort(struct sim_req *req)
{
	struct sim_ctrl *c = req->ctrl;
	uint16_t sqid = (uint16_t)req->sqe.cdw10;
	uint16_t cid = (uint16_t)(req->sqe.cdw10 >> 16);

	req->result = 1; /* not aborted */
	if (sqid > c->p.max_ioqpairs || !c->sq[sqid])
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	if (sim_sq_give_up(c->sq[sqid], match_cid, &cid, SIM_ABORT_REQUESTED))
		req->result = 0;
	return SIM_OK;
}
