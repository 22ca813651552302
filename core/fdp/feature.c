/* SPDX-License-Identifier: MIT */
/*
 * feature.c - features 1Dh, Flexible Data Placement, and 1Eh, FDP Events: NVMe Base 2.1, sections
 * 5.1.25.1.20 and 5.1.25.1.21. Both survive everything: their current value is the saved one.
 */
#include <string.h>

#include "priv.h"

#define FEAT_SV(req)	 ((req)->sqe.cdw10 >> 31)
#define FEAT_ENDGID(req) ((uint16_t)(req)->sqe.cdw11)
#define PEL_ENDGID	 SIM_PEL_CDW(11, 0)
#define FDPE(req)	 ((req)->sqe.cdw12 & 1)
#define FDPCIDX(req)	 ((req)->sqe.cdw12 >> 8 & 0xff)
#define EV_PHNDL(req)	 ((uint16_t)(req)->sqe.cdw11)
#define EV_NOET(req)	 ((req)->sqe.cdw11 >> 16 & 0xff)
#define EV_ENABLE(req)	 ((req)->sqe.cdw12 & 1)

/* ---- 1Dh
 * ------------------------------------------------------------------------------------------ */

static uint32_t mode(const struct sim_fdp *g)
{
	return (g->cfg ? 1 : 0) | g->cfg_index << 8;
}

uint16_t sim_get_fdp(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
		     uint8_t *data)
{
	uint16_t status = sim_fdp_endgid(req, FEAT_ENDGID(req), PEL_ENDGID, false);

	if (!status && f == &req->ctrl->feat)
		req->result = mode(req->ctrl->subsys->fdp);
	return status;
}

static bool any_namespace(const struct sim_subsys *s)
{
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++)
		if (s->ns[nsid])
			return true;
	return false;
}

uint16_t sim_set_fdp(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	struct sim_fdp *g = req->ctrl->subsys->fdp;
	uint16_t status = sim_fdp_endgid(req, FEAT_ENDGID(req), PEL_ENDGID, false);

	if (status)
		return status;
	if (FDPCIDX(req) >= g->nr_cfgs)
		return sim_bad_field(req, SIM_PEL_CDW(12, 8));
	if (!FEAT_SV(req)) /* the value can be changed for good only */
		return sim_bad_field(req, SIM_PEL_CDW(10, 31));
	if ((FDPE(req) | FDPCIDX(req) << 8) == mode(g))
		return SIM_OK;
	if (any_namespace(req->ctrl->subsys))
		return SIM_SEQUENCE_ERROR;
	return sim_fdp_switch(g, FDPE(req), FDPCIDX(req)) ? SIM_INTERNAL : SIM_OK;
}

/* ---- 1Eh
 * ------------------------------------------------------------------------------------------ */

/* Return: a status; or 0 with the handle of the placement handle that the command names */
static uint16_t event_handle(struct sim_req *req, const struct sim_ns *ns, uint16_t *ruhid)
{
	const struct sim_fdp_ns *f = ns->fdp;

	if (!f)
		return SIM_FDP_DISABLED;
	if (EV_PHNDL(req) >= f->nph)
		return sim_bad_field(req, SIM_PEL_CDW(11, 0));
	*ruhid = f->ruhid[EV_PHNDL(req)];
	return SIM_OK;
}

/* all types that there are, whatever NOET says, and how many in dword 0; by default none is enabled
 */
uint16_t sim_get_fdp_events(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			    uint8_t *data)
{
	struct nvme_fdp_supported_event_desc desc[FDP_EVENTS];
	uint8_t enabled = 0;
	uint16_t ruhid;
	uint16_t status;

	if (!sim_fdp_enabled(req->ctrl->subsys))
		return SIM_FDP_DISABLED;
	if (ns) {
		status = event_handle(req, ns, &ruhid);
		if (status)
			return status;
		enabled = atomic_load(&ns->fdp->g->head->events[ruhid]);
	}
	for (unsigned int i = 0; i < FDP_EVENTS; i++) {
		desc[i].evt = sim_fdp_event_types[i];
		desc[i].evta = enabled >> i & 1;
	}
	req->result = FDP_EVENTS;
	return sim_xfer(req, SIM_DMA_WRITE, desc, sizeof(desc));
}

/* a list of types, a byte each; those that there are not are passed over */
uint16_t sim_set_fdp_events(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	uint8_t types[256], mask = 0, old;
	_Atomic uint8_t *events;
	uint16_t ruhid, status;

	if (!ns) { /* a placement handle is one namespace's */
		req->err_loc = SIM_PEL_NSID;
		return SIM_INVALID_NS;
	}
	status = event_handle(req, ns, &ruhid);
	if (status || !EV_NOET(req))
		return status;
	status = sim_xfer(req, SIM_DMA_READ, types, EV_NOET(req));
	if (status)
		return status;
	for (uint32_t i = 0; i < EV_NOET(req); i++)
		for (unsigned int row = 0; row < FDP_EVENTS; row++)
			if (types[i] == sim_fdp_event_types[row])
				mask |= (uint8_t)(1u << row);
	events = &ns->fdp->g->head->events[ruhid];
	old = atomic_load(events);
	atomic_store(events, (uint8_t)(EV_ENABLE(req) ? old | mask : old & ~mask));
	return SIM_OK;
}
