/* SPDX-License-Identifier: MIT */
/*
 * dispatch.c - from a submission queue entry to a status: the row, and the checks commands share.
 */
#include "../ns/ns.h"
#include "queue.h"
#include "tables.h"

#define FUSE_FIRST 0x01
#define FUSE_SECOND 0x02
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
	SIM_GUARD_ERROR, SIM_APP_TAG_ERROR, SIM_REF_TAG_ERROR, SIM_STORAGE_TAG_ERROR,
	SIM_SC(0, NVME_SC_NS_NOT_READY), SIM_SC(0, NVME_SC_FORMAT_IN_PROGRESS),
	SIM_SC(0, NVME_SC_SANITIZE_IN_PROGRESS), SIM_SC(0, NVME_SC_CMD_INTERRUPTED),
	/* by another path: what has DNR is not tried there */
	SIM_ANA_ST_INACCESSIBLE, SIM_ANA_ST_PERSISTENT_LOSS, SIM_ANA_ST_TRANSITION,
};

const struct sim_cmd *sim_cmd_row(const struct sim_ctrl *c, bool admin, uint8_t opcode)
{
	const struct sim_cmd *row = admin ? &sim_admin_cmds[opcode] : &sim_nvm_cmds[opcode];

	return row->handler && (!row->there || row->there(c)) ? row : NULL;
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

/* the fused operations there are: bits of Identify Controller's FUSES */
static const struct {
	uint8_t first, second;
	uint16_t fuses;
} fused_rows[] = {
	{ nvme_cmd_compare, nvme_cmd_write, NVME_CTRL_FUSES_COMPARE_AND_WRITE },
};
#define NR_FUSED (sizeof(fused_rows) / sizeof(fused_rows[0]))

uint16_t sim_fuses(void)
{
	uint16_t fuses = 0;

	for (unsigned int i = 0; i < NR_FUSED; i++)
		fuses |= fused_rows[i].fuses;
	return fuses;
}

bool sim_fuse_first(const struct sim_sqe *sqe)
{
	if ((sqe->flags & SIM_FUSE_MASK) != FUSE_FIRST)
		return false;
	for (unsigned int i = 0; i < NR_FUSED; i++)
		if (fused_rows[i].first == sqe->opcode)
			return true;
	return false;
}

static bool fuse_second(const struct sim_sqe *sqe)
{
	if ((sqe->flags & SIM_FUSE_MASK) != FUSE_SECOND)
		return false;
	for (unsigned int i = 0; i < NR_FUSED; i++)
		if (fused_rows[i].second == sqe->opcode)
			return true;
	return false;
}

bool sim_fuse_pair(const struct sim_sqe *first, const struct sim_sqe *second)
{
	if (!sim_fuse_first(first) || !fuse_second(second))
		return false;
	for (unsigned int i = 0; i < NR_FUSED; i++)
		if (fused_rows[i].first == first->opcode && fused_rows[i].second == second->opcode)
			return true;
	return false;
}

/* what a command with a FUSE field is that is not executed as half of a pair */
static uint16_t check_fuse(struct sim_req *req)
{
	req->err_loc = SIM_PEL(1, 0);
	if (req->sq->qid && (sim_fuse_first(&req->sqe) || fuse_second(&req->sqe)))
		return SIM_FUSED_MISSING;
	return SIM_INVALID_FIELD;
}

/* whether the access state, write protection and reservation of @ns, one the command names, allow
 * it */
static uint16_t check_access(struct sim_req *req, struct sim_ns *ns)
{
	const uint32_t flags = req->row->flags;
	uint16_t status = SIM_OK;

	if (!sim_ana_ok(req->ctrl, ns->nsid) && !(flags & SIM_CMD_ANA))
		return sim_ana_check(req, ns);
	if (flags & SIM_CMD_WRITE)
		status = sim_wp_check(ns);
	else if (flags & SIM_CMD_WP_DENIED && req->ns && ns->wp)
		status = SIM_NS_WRITE_PROTECTED;
	return status ? status : sim_resv_check(req, ns, req->row->resv);
}

/* the same for NSID FFFFFFFFh: every attached namespace must allow it */
static uint16_t check_access_all(struct sim_req *req)
{
	uint16_t status = SIM_OK;

	for (uint32_t nsid = 1; nsid <= SIM_NN && !status; nsid++) {
		struct sim_ns *ns = sim_ctrl_ns(req->ctrl, nsid);

		if (ns)
			status = check_access(req, ns);
	}
	return status;
}

/*
 * NVM Command Set 1.1, section 4.1.3.6.1: I/O commands that access user data are not performed on a
 * namespace in an extended protection information format for a host that has not set LBAFEE.
 */
static uint16_t check_extended(struct sim_req *req)
{
	if (!req->sq->qid || req->row->resv == SIM_RESV_FREE ||
	    req->ctrl->feat.host_behavior[SIM_HBS_LBAFEE])
		return SIM_OK;
	req->err_loc = SIM_PEL_NSID;
	return SIM_INVALID_NS;
}

/* everything but the FUSE field */
static uint16_t check(struct sim_req *req)
{
	const uint8_t psdt = req->sqe.flags & FLAGS_PSDT;
	uint16_t status;

	if (!req->row) {
		req->err_loc = SIM_PEL(0, 0);
		return SIM_INVALID_OPCODE;
	}
	if (req->sq->qid ? psdt == PSDT_RESERVED : psdt) /* 4.3: admin commands use PRPs on PCIe */
		return sim_bad_field(req, SIM_PEL(1, 6));
	status = find_ns(req);
	if (status)
		return status;
	if (req->row->csi && (!req->ns || !(req->row->csi >> req->ns->csi & 1))) {
		req->err_loc = SIM_PEL(0, 0);
		return SIM_INVALID_OPCODE;
	}
	if (req->ns && atomic_load_explicit(&req->ns->format_left, memory_order_relaxed) &&
	    !(req->row->flags & SIM_CMD_FORMATTING))
		return SIM_FORMAT_IN_PROGRESS;
	if (req->ns && sim_pi_extended(&req->ns->pi))
		status = check_extended(req);
	if (status)
		return status;
	if (req->ns)
		return check_access(req, req->ns);
	return req->row->nsid == SIM_NSID_ACTIVE_OR_ALL ? check_access_all(req) : SIM_OK;
}

static uint16_t final(struct sim_req *req, uint16_t status)
{
	return status == SIM_PENDING ? status : sim_final_status(req, status);
}

uint16_t sim_execute(struct sim_req *req)
{
	uint16_t status = SIM_OK;

	if (req->row && req->sqe.flags & SIM_FUSE_MASK)
		status = check_fuse(req);
	if (!status)
		status = check(req);
	if (!status)
		status = req->row->handler(req);
	return final(req, status);
}

/*
 * NVM Command Set 1.1, section 2.1.3: the two halves name the same namespace and the same blocks.
 * Return: whether they do; else both are told which field it is.
 */
static bool same_blocks(struct sim_req *first, struct sim_req *second)
{
	const struct sim_sqe *a = &first->sqe, *b = &second->sqe;

	if (a->nsid != b->nsid)
		first->err_loc = SIM_PEL_NSID;
	else if (a->cdw10 != b->cdw10 || a->cdw11 != b->cdw11)
		first->err_loc = SIM_PEL_CDW(10, 0);
	else if ((a->cdw12 ^ b->cdw12) & 0xffff)
		first->err_loc = SIM_PEL_CDW(12, 0);
	else
		return true;
	second->err_loc = first->err_loc;
	return false;
}

/* Zoned Namespace Command Set 1.1, section 2.1.3: there are no fused operations */
static bool no_fuses(struct sim_req *req)
{
	const struct sim_ns *ns = sim_ctrl_ns(req->ctrl, req->sqe.nsid);

	return ns && ns->zones;
}

/*
 * Compare and Write, the only fused operation there is. Each half gets the checks that it would get
 * alone. The operation ends at the first error: if that is the Write's, Compare is executed and has
 * the completion it would have alone.
 */
void sim_execute_fused(struct sim_req *first, struct sim_req *second, uint16_t status[2])
{
	if (!same_blocks(first, second)) {
		status[0] = status[1] = SIM_INVALID_FIELD;
	} else if (no_fuses(first)) {
		first->err_loc = second->err_loc = SIM_PEL(1, 0);
		status[0] = status[1] = SIM_INVALID_FIELD;
	} else if ((status[0] = check(first))) {
		status[1] = SIM_FUSED_FAILED;
	} else if ((status[1] = check(second))) {
		status[0] = first->row->handler(first);
		if (status[0] && status[0] != SIM_PENDING)
			status[1] = SIM_FUSED_FAILED;
	} else {
		sim_nvm_compare_write(first, second, status);
	}
	status[0] = final(first, status[0]);
	status[1] = final(second, status[1]);
}
