/* SPDX-License-Identifier: MIT */
/*
 * cancel.c - Cancel (NVMe Base 2.1, section 7.1).
 */
#include "../ns/ns.h"
#include "queue.h"
#include "tables.h"

/* dword 11: Action Code */
#define CDW11_ACODE 0x3u
enum {
	ACODE_SINGLE = 0x0,
	ACODE_MULTIPLE = 0x1,
};

#define CID_ANY 0xffffu /* what Multiple Command Cancel must say */
#define CMDA_MAX 0xffffu

static bool match_cid(const struct sim_req *req, const void *arg)
{
	return req->sqe.cid == *(const uint16_t *)arg;
}

static bool match_ns(const struct sim_req *req, const void *arg)
{
	const uint32_t nsid = *(const uint32_t *)arg;

	return nsid == SIM_NSID_ALL || req->sqe.nsid == nsid;
}

/* the pending command @cid of a queue. Writer side held: it may end, but its request stays */
static const struct sim_req *find(struct sim_sq *sq, uint16_t cid)
{
	struct sim_req *req;

	mtx_lock(&sq->lock);
	req = sq->pending;
	while (req && req->sqe.cid != cid)
		req = req->next;
	mtx_unlock(&sq->lock);
	return req;
}

static uint16_t cancel_one(struct sim_req *req, uint16_t cid)
{
	const struct sim_req *target;

	if (cid == req->sqe.cid) {
		req->err_loc = SIM_PEL_CDW(10, 16);
		return SIM_INVALID_CID;
	}
	target = find(req->sq, cid);
	if (target && !match_ns(target, &req->sqe.nsid))
		return sim_bad_field(req, SIM_PEL_NSID);
	req->result = sim_sq_give_up(req->sq, match_cid, &cid, SIM_ABORT_REQUESTED);
	return SIM_OK;
}

/**
 * sim_cancel() - Cancel
 *
 * NVMe Base 2.1, section 7.1. All commands but those that wait for a medium have ended when a
 * Cancel of the same queue is processed. Those that wait are aborted at once: what a flush waits
 * for is not undone, but the host has its completion, and the medium's is not looked at. So dword 0
 * counts immediate aborts (CMDA), and there are no deferred ones (CEDA).
 *
 * The row is exclusive, as giving up a request asks for.
 * Return: a status.
 */
uint16_t sim_cancel(struct sim_req *req)
{
	const uint16_t sqid = (uint16_t)req->sqe.cdw10;
	const uint16_t cid = (uint16_t)(req->sqe.cdw10 >> 16);
	unsigned int n;

	if (sqid != req->sq->qid)
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	switch (req->sqe.cdw11 & CDW11_ACODE) {
	case ACODE_SINGLE:
		return cancel_one(req, cid);
	case ACODE_MULTIPLE:
		if (cid != CID_ANY)
			return sim_bad_field(req, SIM_PEL_CDW(10, 16));
		n = sim_sq_give_up(req->sq, match_ns, &req->sqe.nsid, SIM_ABORT_REQUESTED);
		req->result = n < CMDA_MAX ? n : CMDA_MAX;
		return SIM_OK;
	default:
		return sim_bad_field(req, SIM_PEL_CDW(11, 0));
	}
}
