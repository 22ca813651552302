/* SPDX-License-Identifier: MIT */
/*
 * resv_report.c - Reservation Report. NVMe Base 2.1, section 7.8.
 */
#include <string.h>

#include "../ctrl/tables.h"
#include "resv_priv.h"

#define CDW11_EDS 1u
#define RCSTS_AHHR 1u /* Association with Host Holding Reservation */

_Static_assert(sizeof(struct nvme_registered_ctrl) == 24, "figure 583");
_Static_assert(sizeof(struct nvme_registered_ctrl_ext) == 64, "figure 584");

/* bytes of the header, with what is reserved behind it, and of a registrant: figures 581, 582 */
static const struct layout {
	uint32_t header, reg;
} layouts[2] = {
	{ 24, sizeof(struct nvme_registered_ctrl) },
	{ 64, sizeof(struct nvme_registered_ctrl_ext) },
};

/* a controller of the host; of several, the first */
static uint16_t cntlid_of(const struct sim_subsys *s, const struct resv_host *host)
{
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		struct resv_host one;

		if (!s->ctrl[i])
			continue;
		one = resv_host_of(s->ctrl[i]);
		if (resv_same_host(&one, host))
			return s->ctrl[i]->cntlid;
	}
	return RESV_NO_CTRL;
}

static void put_header(uint8_t buf[64], const struct resv_state *st)
{
	struct nvme_resv_status *p = (struct nvme_resv_status *)buf;

	p->gen = sim_le32(st->gen);
	p->rtype = st->type;
	p->regctl[0] = (uint8_t)st->nr;
	p->regctl[1] = (uint8_t)(st->nr >> 8);
	p->ptpls = st->ptpl;
}

static void put_reg(uint8_t buf[64], const struct sim_ns *ns, const struct resv_reg *reg, bool eds)
{
	struct nvme_registered_ctrl_ext *ext = (struct nvme_registered_ctrl_ext *)buf;
	struct nvme_registered_ctrl *p = (struct nvme_registered_ctrl *)buf;

	/* the first two fields are in the same place */
	p->cntlid = sim_le16(cntlid_of(ns->subsys, &reg->host));
	p->rcsts = resv_holds(ns->resv->st, reg) ? RCSTS_AHHR : 0;
	if (eds) {
		ext->rkey = sim_le64(reg->key);
		memcpy(ext->hostid, reg->host.id, sizeof(ext->hostid));
	} else {
		memcpy(&p->hostid, reg->host.id, sizeof(p->hostid));
		p->rkey = sim_le64(reg->key);
	}
}

/*
 * The data structure goes with the size of the Host Identifier that the host chose. A host that
 * chose none may ask for either, as long as 64 bits are enough for what there is to report.
 */
static bool format_ok(const struct sim_req *req, bool eds)
{
	const struct resv_state *st = req->ns->resv->st;
	static const uint8_t zero[8];

	if (resv_host_of(req->ctrl).cntlid == RESV_NO_CTRL)
		return req->ctrl->host_id_extended == eds;
	for (uint32_t i = 0; i < st->nr && !eds; i++)
		if (memcmp(&st->reg[i].host.id[8], zero, sizeof(zero)))
			return false;
	return true;
}

/**
 * sim_resv_report() - Reservation Report
 *
 * NVMe Base 2.1, section 7.8. Nothing is transferred beyond the data structure's end.
 * Return: a status.
 */
uint16_t sim_resv_report(struct sim_req *req)
{
	const bool eds = req->sqe.cdw11 & CDW11_EDS;
	const struct layout *l = &layouts[eds];
	const struct resv_state *st = req->ns->resv->st;
	uint64_t left = ((uint64_t)req->sqe.cdw10 + 1) * 4; /* NUMD */
	uint64_t size = l->header + (uint64_t)st->nr * l->reg;
	_Alignas(8) uint8_t buf[64] = { 0 };
	struct sim_iter it;
	uint16_t status;

	if (!format_ok(req, eds)) {
		req->err_loc = SIM_PEL_CDW(11, 0);
		return SIM_HOST_ID_FORMAT;
	}
	if (left > size)
		left = size;
	if (!sim_mdts_ok(req->ctrl, left))
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	status = sim_iter_start(&it, req, left);
	put_header(buf, st);
	for (uint32_t i = 0, len = l->header; !status && left; i++, len = l->reg) {
		if (i) {
			memset(buf, 0, sizeof(buf));
			put_reg(buf, req->ns, &st->reg[i - 1], eds);
		}
		if (len > left)
			len = (uint32_t)left;
		status = sim_iter_move(&it, SIM_DMA_WRITE, buf, len);
		left -= len;
	}
	return status;
}
