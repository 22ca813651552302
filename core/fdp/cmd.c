/* SPDX-License-Identifier: MIT */
/*
 * cmd.c - I/O Management Receive and Send (NVMe Base 2.1, sections 7.3 and 7.4), Directive Receive
 * and Send (5.1.8, 5.1.9, 8.1.8).
 */
#include <string.h>

#include "priv.h"

#define MO(req)	 ((req)->sqe.cdw10 & 0xff)
#define MOS(req) ((req)->sqe.cdw10 >> 16)
#define MO_NONE	 0
#define MO_RUH	 1  /* Receive: Reclaim Unit Handle Status; Send: Reclaim Unit Handle Update */
#define PIECE	 64 /* descriptors that are made at a time */

/* ---- I/O Management ----------------------------------------------------------------------------
 */

static void put_status(const struct sim_fdp_ns *f, uint64_t i, struct nvme_fdp_ruh_status_desc *d)
{
	struct sim_fdp *g = f->g;
	const uint16_t ph = (uint16_t)(i / g->p.nrg), ruhid = f->ruhid[ph];
	const uint32_t rg = (uint32_t)(i % g->p.nrg);

	*d = (struct nvme_fdp_ruh_status_desc){
		.pid = sim_le16(sim_fdp_make_pid(g, rg, ph)),
		.ruhid = sim_le16(ruhid),
		.earutr = sim_le32(sim_fdp_earutr(g, ruhid, rg)),
		.ruamw = sim_le64(sim_fdp_ruamw(g, ruhid, rg) / f->block),
	};
}

/* a header and a descriptor for each placement handle in each reclaim group; then zeroes */
static uint16_t ruh_status(struct sim_req *req, const struct sim_fdp_ns *f, uint64_t len)
{
	struct nvme_fdp_ruh_status_desc desc[PIECE];
	struct nvme_fdp_ruh_status head = { .nruhsd = 0 };
	const uint64_t nr = (uint64_t)f->nph * f->g->p.nrg;
	struct sim_iter it;
	uint16_t status = sim_iter_start(&it, req, len);
	uint64_t n = sizeof(head) < len ? sizeof(head) : len;

	head.nruhsd = sim_le16((uint16_t)(nr < UINT16_MAX ? nr : UINT16_MAX));
	if (!status)
		status = sim_iter_move(&it, SIM_DMA_WRITE, &head, n);
	len -= n;
	for (uint64_t i = 0; len && !status; len -= n) {
		memset(desc, 0, sizeof(desc));
		for (unsigned int k = 0; k < PIECE && i < nr; k++)
			put_status(f, i++, &desc[k]);
		n = sizeof(desc) < len ? sizeof(desc) : len;
		status = sim_iter_move(&it, SIM_DMA_WRITE, desc, n);
	}
	return status;
}

/**
 * sim_io_mgmt_recv() - I/O Management Receive
 *
 * NVMe Base 2.1, section 7.3: MO in CDW10 bits 7:0, NUMD in CDW11.
 * Return: a status.
 */
uint16_t sim_io_mgmt_recv(struct sim_req *req)
{
	const uint64_t len = ((uint64_t)req->sqe.cdw11 + 1) * 4;

	switch (MO(req)) {
	case MO_NONE:
		return SIM_OK;
	case MO_RUH:
		break;
	default:
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	}
	if (!req->ns->fdp)
		return SIM_FDP_DISABLED;
	if (!sim_mdts_ok(req->ctrl, len))
		return sim_bad_field(req, SIM_PEL_CDW(11, 0));
	return ruh_status(req, req->ns->fdp, len);
}

static uint16_t ruh_update(struct sim_req *req, const struct sim_fdp_ns *f)
{
	const uint64_t pids = (uint64_t)f->g->p.nrg * f->g->cfg->nruh;
	const uint32_t nr = MOS(req) + 1;
	uint16_t pid[FDP_MAXPIDS + 1], ph, status;
	uint32_t rg;

	if (nr > FDP_MAXPIDS + 1 || nr > pids)
		return sim_bad_field(req, SIM_PEL_CDW(10, 16));
	status = sim_xfer(req, SIM_DMA_READ, pid, nr * sizeof(pid[0]));
	if (status)
		return status;
	for (uint32_t i = 0; i < nr; i++)
		if (!sim_fdp_pid(f, sim_le16(pid[i]), &rg, &ph))
			return SIM_INVALID_FIELD;
	for (uint32_t i = 0; i < nr; i++) {
		sim_fdp_pid(f, sim_le16(pid[i]), &rg, &ph);
		sim_fdp_update(f->g, req->ctrl, f->ruhid[ph], rg, NVME_FDP_EVENT_RUNFW, f, ph);
	}
	return SIM_OK;
}

/**
 * sim_io_mgmt_send() - I/O Management Send
 *
 * NVMe Base 2.1, section 7.4: MO in CDW10 bits 7:0; of Reclaim Unit Handle Update, the 0's based
 * number of Placement Identifiers in 31:16. All are checked before the first unit is left.
 * Return: a status.
 */
uint16_t sim_io_mgmt_send(struct sim_req *req)
{
	switch (MO(req)) {
	case MO_NONE:
		return SIM_OK;
	case MO_RUH:
		return req->ns->fdp ? ruh_update(req, req->ns->fdp) : SIM_FDP_DISABLED;
	default:
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	}
}

/* ---- directives
 * ---------------------------------------------------------------------------------- */

#define DOPER(req)     ((req)->sqe.cdw11 & 0xff)
#define DTYPE(req)     ((req)->sqe.cdw11 >> 8 & 0xff)
#define PEL_DOPER      SIM_PEL_CDW(11, 0)
#define PEL_DTYPE      SIM_PEL_CDW(11, 8)
#define DTYPE_IDENTIFY 0
#define DOPER_PARAMS   1 /* Receive */
#define DOPER_ENABLE   1 /* Send */
#define TDTYPE(req)    ((req)->sqe.cdw12 >> 8 & 0xff)
#define ENDIR(req)     ((req)->sqe.cdw12 & 1)

/* bytes of the Return Parameters, 32 each: supported, enabled, and kept by a reset */
#define DIR_SUPPORTED  0
#define DIR_ENABLED    32
#define DIR_PERSISTENT 64

/* the Identify directive has operations only; Data Placement has none (section 8.1.8.4) */
static uint16_t check_directive(struct sim_req *req)
{
	if (DTYPE(req) != DTYPE_IDENTIFY)
		return sim_bad_field(req, PEL_DTYPE);
	return DOPER(req) == DOPER_PARAMS ? SIM_OK : sim_bad_field(req, PEL_DOPER);
}

/**
 * sim_directive_recv() - Directive Receive
 *
 * NVMe Base 2.1, sections 5.1.8 and 8.1.8.2.1: what directives the namespace has.
 * Return: a status.
 */
uint16_t sim_directive_recv(struct sim_req *req)
{
	const uint64_t len = ((uint64_t)req->sqe.cdw10 + 1) * 4;
	const struct sim_fdp_ns *f = req->ns->fdp;
	_Alignas(8) uint8_t page[sizeof(struct nvme_id_directives)] = { 0 };
	uint16_t status = check_directive(req);

	if (status)
		return status;
	page[DIR_SUPPORTED] = page[DIR_ENABLED] = 1u << DTYPE_IDENTIFY;
	if (f) {
		page[DIR_SUPPORTED] |= 1u << SIM_DTYPE_DATA_PLACEMENT;
		page[DIR_PERSISTENT] |= 1u << SIM_DTYPE_DATA_PLACEMENT;
		if (!atomic_load(&f->head->directive_off))
			page[DIR_ENABLED] |= 1u << SIM_DTYPE_DATA_PLACEMENT;
	}
	return sim_xfer(req, SIM_DMA_WRITE, page, len < sizeof(page) ? (size_t)len : sizeof(page));
}

/**
 * sim_directive_send() - Directive Send
 *
 * NVMe Base 2.1, sections 5.1.9 and 8.1.8.2.2: Enable Directive, for Data Placement. It is enabled
 * from the beginning, as devices have it, and stays as it is set.
 * Return: a status.
 */
uint16_t sim_directive_send(struct sim_req *req)
{
	uint16_t status = check_directive(req);

	if (status)
		return status;
	if (TDTYPE(req) != SIM_DTYPE_DATA_PLACEMENT) /* the Identify directive is always enabled */
		return sim_bad_field(req, SIM_PEL_CDW(12, 8));
	if (!req->ns->fdp)
		return SIM_FDP_DISABLED;
	atomic_store(&req->ns->fdp->head->directive_off, !ENDIR(req));
	return SIM_OK;
}
