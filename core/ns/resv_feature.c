/* SPDX-License-Identifier: MIT */
/*
 * resv_feature.c - the features of reservations: Host Identifier, Reservation Notification Mask,
 * Reservation Persistence. NVMe Base 2.1, sections 5.1.25.1.28 to 5.1.25.1.30.
 */
#include <stdlib.h>
#include <string.h>

#include "../ctrl/tables.h"
#include "resv_priv.h"

#define EXHID 1u /* Enable Extended Host Identifier: 128 bits */
#define PEL_EXHID SIM_PEL_CDW(11, 0)

static const uint8_t zero_id[16];

static bool is_zero(const uint8_t id[16])
{
	return !memcmp(id, zero_id, sizeof(zero_id));
}

static size_t id_len(bool extended)
{
	return extended ? 16 : 8;
}

/*
 * 81h Host Identifier (figures 437, 438). The host says in EXHID which of the two data structures
 * it has room for; it must be the one of the identifier in use.
 */
uint16_t sim_get_host_id(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			 uint8_t *data)
{
	const struct sim_ctrl *c = req->ctrl;
	const bool extended = req->sqe.cdw11 & EXHID;

	if (f != &c->feat || is_zero(c->host_id))
		return sim_xfer(req, SIM_DMA_WRITE, data, id_len(extended)); /* zeroes */
	if (extended != c->host_id_extended)
		return sim_bad_field(req, PEL_EXHID);
	memcpy(data, c->host_id, sizeof(c->host_id));
	return sim_xfer(req, SIM_DMA_WRITE, data, id_len(extended));
}

/*
 * All hosts of a subsystem use the same size (Host Identifier Inconsistent Format, figure 102). The
 * identifier may change at any time; registrations stay with the host that made them.
 */
uint16_t sim_set_host_id(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	struct sim_ctrl *c = req->ctrl;
	const bool extended = req->sqe.cdw11 & EXHID;
	uint8_t id[16] = { 0 };
	uint16_t status;

	status = sim_xfer(req, SIM_DMA_READ, id, id_len(extended));
	if (status)
		return status;
	for (unsigned int i = 0; i < SIM_MAX_CTRL && !is_zero(id); i++) {
		const struct sim_ctrl *other = c->subsys->ctrl[i];

		if (other && other != c && !is_zero(other->host_id) &&
		    other->host_id_extended != extended) {
			req->err_loc = PEL_EXHID;
			return SIM_HOST_ID_FORMAT;
		}
	}
	memcpy(c->host_id, id, sizeof(id));
	c->host_id_extended = extended;
	return SIM_OK;
}

/* 82h Reservation Notification Mask (figure 439): of a namespace, at this controller */
uint16_t sim_get_resv_mask(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			   uint8_t *data)
{
	req->result = ns ? f->resv_mask[ns->nsid] : 0;
	return SIM_OK;
}

uint16_t sim_set_resv_mask(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++)
		if (ns ? ns->nsid == nsid : sim_ns_attached(req->ctrl, nsid))
			req->ctrl->feat.resv_mask[nsid] =
				(uint8_t)(req->sqe.cdw11 & RESV_NOTE_MASK);
	return SIM_OK;
}

/*
 * 83h Reservation Persistence (figure 440): PTPL, of a namespace. It survives power loss itself,
 * and Save is not asked for.
 */
uint16_t sim_get_resv_persist(struct sim_req *req, const struct sim_ns *ns,
			      const struct sim_feat *f, uint8_t *data)
{
	req->result = ns ? ns->resv->st->ptpl : 0;
	return SIM_OK;
}

static uint16_t set_ptpl(struct sim_ns *ns, uint8_t ptpl)
{
	struct resv_state *st = resv_copy(ns);
	uint16_t status;

	if (!st)
		return SIM_INTERNAL;
	st->ptpl = ptpl;
	status = resv_commit(ns, &st);
	free(st);
	return status;
}

uint16_t sim_set_resv_persist(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	const uint8_t ptpl = req->sqe.cdw11 & 1;
	uint16_t status = SIM_OK;

	if (ns)
		return set_ptpl(ns, ptpl);
	for (uint32_t nsid = 1; nsid <= SIM_NN && !status; nsid++) {
		ns = sim_ctrl_ns(req->ctrl, nsid);
		if (ns)
			status = set_ptpl(ns, ptpl);
	}
	return status;
}
