/* SPDX-License-Identifier: MIT */
/*
 * error.c - the Error Information log (NVMe Base 2.1, section 5.1.12.1.2).
 *
 * A ring of SIM_ELPE + 1 entries, emptied by a Controller Level Reset and lost with power; the
 * error count that names an entry is a counter, which is neither.
 */
#include <string.h>

#include "tables.h"

int sim_error_log_init(struct sim_ctrl *c)
{
	return mtx_init(&c->err.lock, mtx_plain) == thrd_success ? 0 : SIM_ENOMEM;
}

void sim_error_log_free(struct sim_ctrl *c)
{
	mtx_destroy(&c->err.lock);
}

static void error_log_put(struct sim_ctrl *c, struct nvme_error_log_page *e, uint16_t status)
{
	struct sim_err_log *log = &c->err;
	uint8_t *byte = (uint8_t *)e;

	/* the Status field is in bits 15:1; bit 0 would be the phase tag, and is 0 */
	e->status_field = sim_le16((uint16_t)(status << 1));
	byte[SIM_ERR_LPVER] = 1; /* the version that has CSI and Opcode */

	/* counted under the lock: entries are in the order of their counts */
	mtx_lock(&log->lock);
	e->error_count = sim_le64(atomic_fetch_add(&c->cnt->error_entries, 1) + 1);
	log->entry[log->next] = *e;
	log->next = (log->next + 1) % (SIM_ELPE + 1);
	if (log->nr < SIM_ELPE + 1)
		log->nr++;
	mtx_unlock(&log->lock);
}

void sim_error_log_add(struct sim_req *req, uint16_t status)
{
	struct nvme_error_log_page e = {
		.sqid = sim_le16(req->sq->qid),
		.cmdid = sim_le16(req->sqe.cid),
		.parm_error_location = sim_le16(req->err_loc),
		.lba = sim_le64(req->err_lba),
		.nsid = sim_le32(req->sqe.nsid),
		.cs = sim_le64(req->err_cs),
	};

	/* CSI stays 0: the NVM Command Set, and of an admin command, no other one either */
	((uint8_t *)&e)[SIM_ERR_OPCODE] = req->sqe.opcode;
	error_log_put(req->ctrl, &e, status);
}

void sim_error_log_event(struct sim_ctrl *c, uint16_t status)
{
	struct nvme_error_log_page e = {
		.sqid = 0xffff,
		.cmdid = 0xffff,
		.parm_error_location = 0xffff,
	};

	error_log_put(c, &e, status);
}

void sim_error_log_fill(struct sim_ctrl *c, struct nvme_error_log_page *page)
{
	struct sim_err_log *log = &c->err;

	mtx_lock(&log->lock);
	for (uint32_t i = 0; i < log->nr; i++)
		page[i] = log->entry[(log->next + SIM_ELPE - i) % (SIM_ELPE + 1)];
	mtx_unlock(&log->lock);
}

void sim_error_log_reset(struct sim_ctrl *c)
{
	struct sim_err_log *log = &c->err;

	mtx_lock(&log->lock);
	log->next = log->nr = 0;
	mtx_unlock(&log->lock);
}
