/* SPDX-License-Identifier: MIT */
/*
 * cmb.c - the Controller Memory Buffer: its registers, and what may be in it (NVMe
 * Base 2.1, 3.1.4.11 to 3.1.4.16, 8.2.1).
 *
 * With @legacy_cmb it is that of revision 1.3: always announced, and a host points to it with the
 * addresses BAR 2 has on the bus.
 */
#include "../pci/pci.h"
#include "ctrl.h"

#define CAP_CMBS (1ull << NVME_CAP_CMBS_SHIFT)

/*
 * What it is for: Submission Queues, lists, and data in both directions; no Completion Queue. Lists
 * may be partly in it (CDPLMS), and for commands that are not in it (CDPCILS). A queue is in it
 * as a whole (CQMMS 0), and so is what a command transfers, metadata included (CDMMMS 0).
 */
#define CMBLOC                                                                                     \
	(SIM_CMB_BAR << NVME_CMBLOC_BIR_SHIFT | 1u << NVME_CMBLOC_CDPLMS_SHIFT |                   \
	 1u << NVME_CMBLOC_CDPCILS_SHIFT)
#define CMBSZ                                                                                      \
	(1u << NVME_CMBSZ_SQS_SHIFT | 1u << NVME_CMBSZ_LISTS_SHIFT | 1u << NVME_CMBSZ_RDS_SHIFT |  \
	 1u << NVME_CMBSZ_WDS_SHIFT | NVME_CMBSZ_SZU_1M << NVME_CMBSZ_SZU_SHIFT)

/* in a request's @place: none of its data was looked at yet, or where the first of it is */
enum {
	PLACE_NONE,
	PLACE_CMB,
	PLACE_OUTSIDE,
};

uint64_t sim_cmb_cap(const struct sim_ctrl *c)
{
	return c->cmb.m.mem && !c->p.legacy_cmb ? CAP_CMBS : 0; /* 1.3 has no such bit */
}

static bool announced(const struct sim_ctrl *c)
{
	return c->cmb.m.mem && (c->p.legacy_cmb || atomic_load(&c->cmb.msc) & SIM_MSC_CRE);
}

uint64_t sim_cmb_loc(struct sim_ctrl *c)
{
	return announced(c) ? CMBLOC : 0;
}

uint64_t sim_cmb_sz(struct sim_ctrl *c)
{
	return announced(c) ? CMBSZ | (uint64_t)c->p.cmb_size_mb << NVME_CMBSZ_SZ_SHIFT : 0;
}

uint64_t sim_cmb_msc(struct sim_ctrl *c)
{
	return c->cmb.msc;
}

void sim_cmb_write_msc(struct sim_ctrl *c, uint64_t val)
{
	if (!sim_cmb_cap(c))
		return;
	val &= SIM_CBA_MASK | SIM_MSC_CRE | SIM_MSC_CMSE;
	atomic_store(&c->cmb.msc, val);
	sim_barmem_place(c, &c->cmb.m, val & SIM_MSC_CRE && val & SIM_MSC_CMSE, val & SIM_CBA_MASK);
}

uint64_t sim_cmb_sts(struct sim_ctrl *c)
{
	return sim_cmb_cap(c) && c->cmb.m.cbai ? 1u << NVME_CMBSTS_CBAI_SHIFT : 0;
}

void sim_cmb_moved(struct sim_ctrl *c, uint64_t addr)
{
	if (c->cmb.m.mem && c->p.legacy_cmb && (!c->cmb.m.on || c->cmb.m.base != addr))
		sim_barmem_place(c, &c->cmb.m, addr, addr);
}

bool sim_cmb_queue_ok(const struct sim_ctrl *c, bool cq, uint64_t iova, uint64_t len)
{
	const unsigned int where = sim_barmem_where(c, iova, len);

	if (!(where & SIM_AT_CMB))
		return true;
	return where == SIM_AT_CMB &&
	       CMBSZ >> (cq ? NVME_CMBSZ_CQS_SHIFT : NVME_CMBSZ_SQS_SHIFT) & 1;
}

bool sim_cmb_data_ok(struct sim_req *req, uint64_t iova, uint64_t len)
{
	const unsigned int where = sim_barmem_where(req->ctrl, iova, len);
	const uint8_t place = where == SIM_AT_CMB ? PLACE_CMB : PLACE_OUTSIDE;

	if (where & SIM_AT_CMB && where != SIM_AT_CMB)
		return false;
	if (req->place == PLACE_NONE)
		req->place = place;
	return req->place == place;
}
