/* SPDX-License-Identifier: MIT */
/*
 * feature.c - Get Features, Set Features (NVMe Base 2.1, sections 5.1.11, 5.1.25): what all
 * features share. The features themselves are in feature_rows.c.
 */
#include <stdlib.h>
#include <string.h>

#include "../ns/ns.h"
#include "tables.h"

/* Select field of Get Features (section 5.1.11.1) */
enum {
	SEL_CURRENT,
	SEL_DEFAULT,
	SEL_SAVED,
	SEL_SUPPORTED,
};

/* what Select 011b answers in dword 0 (section 5.1.11.2) */
#define CAP_SAVEABLE (1u << 0)
#define CAP_NS_SPECIFIC (1u << 1)
#define CAP_CHANGEABLE (1u << 2)

int sim_feat_init(struct sim_ctrl *c)
{
	c->feat.iv_cd = calloc(c->p.msix_qsize, sizeof(*c->feat.iv_cd));
	return c->feat.iv_cd ? 0 : SIM_ENOMEM;
}

void sim_feat_free(struct sim_ctrl *c)
{
	free(c->feat.iv_cd);
	c->feat.iv_cd = NULL;
}

/**
 * sim_feat_reset() - every feature back to its default value (section 3.7.2)
 *
 * The values of a namespace that other controllers use too are the namespace's: they go back when
 * no other controller that it is attached to is enabled.
 */
void sim_feat_reset(struct sim_ctrl *c)
{
	struct sim_subsys *s = c->subsys;
	bool *iv_cd = c->feat.iv_cd;

	sim_feat_defaults(c, &c->feat);
	c->feat.iv_cd = iv_cd;
	memset(iv_cd, 0, c->p.msix_qsize * sizeof(*iv_cd));
	iv_cd[0] = true; /* the Admin Completion Queue's: never coalesced */
	c->smart_warned = 0;
	sim_coalesce_reset(c);
	sim_lbas_reset(c);
	sim_keep_alive_start(c); /* off */

	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		bool used = false;

		if (!s->ns[nsid] || !sim_ns_attached(c, nsid))
			continue;
		for (unsigned int i = 0; i < SIM_MAX_CTRL && !used; i++)
			used = s->ctrl[i] && s->ctrl[i] != c && s->ctrl[i]->state == SIM_CS_READY &&
			       sim_ns_attached(s->ctrl[i], nsid);
		if (!used) {
			s->ns[nsid]->err_recovery = 0;
			s->ns[nsid]->wc_enabled = s->ns[nsid]->p.write_cache;
		}
	}
}

static const struct sim_feature *feature_row(const struct sim_ctrl *c, uint8_t fid)
{
	for (unsigned int i = 0; i < sim_nr_feature_rows; i++)
		if (sim_feature_rows[i].fid == fid && sim_feature_there(c, &sim_feature_rows[i]))
			return &sim_feature_rows[i];
	return NULL;
}

/*
 * The namespace a namespace's feature is asked of. Invalid NSIDs are an invalid namespace, inactive
 * ones an invalid field (section 3.2.1). @all: FFFFFFFFh stands for every attached one, *@ns is
 * NULL then: this is for Set Features.
 */
static uint16_t feature_ns(struct sim_req *req, const struct sim_feature *row, bool all,
			   struct sim_ns **ns)
{
	uint32_t nsid = req->sqe.nsid;

	*ns = NULL;
	if (nsid == SIM_NSID_ALL && all)
		return sim_ana_feature(req, row, NULL, all);
	req->err_loc = SIM_PEL_NSID;
	/* sections 5.1.25.1.29, 5.1.25.1.30: other than of the features that say nothing of it */
	if (nsid == SIM_NSID_ALL &&
	    (row->fid == NVME_FEAT_FID_RESV_MASK || row->fid == NVME_FEAT_FID_RESV_PERSIST))
		return SIM_INVALID_FIELD;
	if (!nsid || nsid > SIM_NN)
		return SIM_INVALID_NS;
	*ns = sim_ctrl_ns(req->ctrl, nsid);
	if (!*ns)
		return SIM_INVALID_FIELD;
	req->err_loc = 0xffff;
	return sim_ana_feature(req, row, *ns, all);
}

/**
 * sim_get_features() - Get Features command
 *
 * NVMe Base 2.1, section 5.1.11. The saved value of a feature that cannot be saved is its default.
 * The NSID is looked at for a namespace's feature only, and not to learn what is supported.
 * Return: a status.
 */
uint16_t sim_get_features(struct sim_req *req)
{
	const struct sim_feature *row = feature_row(req->ctrl, (uint8_t)req->sqe.cdw10);
	uint32_t sel = req->sqe.cdw10 >> 8 & 7;
	_Alignas(8) uint8_t data[SIM_FEAT_DATA_MAX] = { 0 };
	const struct sim_feat *f = &req->ctrl->feat;
	struct sim_feat defaults;
	struct sim_ns *ns = NULL;
	uint16_t status;

	if (!row)
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	if (sel > SEL_SUPPORTED)
		return sim_bad_field(req, SIM_PEL_CDW(10, 8));
	if (sel == SEL_SUPPORTED) {
		req->result = (row->scope == SIM_SCOPE_NS ? CAP_NS_SPECIFIC : 0) |
			      (row->changeable ? CAP_CHANGEABLE : 0) |
			      (row->changeable == SIM_FEAT_SAVED ? CAP_SAVEABLE : 0);
		return SIM_OK;
	}
	if (row->scope == SIM_SCOPE_NS) {
		status = feature_ns(req, row, false, &ns);
		if (status)
			return status;
	}
	if (sel != SEL_CURRENT && !(sel == SEL_SAVED && row->changeable == SIM_FEAT_SAVED)) {
		sim_feat_defaults(req->ctrl, &defaults);
		f = &defaults;
		ns = NULL;
	}
	status = row->get(req, ns, f, data);
	if (status || !row->len)
		return status;
	return sim_xfer(req, SIM_DMA_WRITE, data, row->len);
}

/**
 * sim_set_features() - Set Features command
 *
 * NVMe Base 2.1, section 5.1.25.
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_set_features(struct sim_req *req)
{
	const struct sim_feature *row = feature_row(req->ctrl, (uint8_t)req->sqe.cdw10);
	_Alignas(8) uint8_t data[SIM_FEAT_DATA_MAX] = { 0 };
	struct sim_ns *ns = NULL;
	uint16_t status;

	if (!row)
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	if (req->sqe.cdw10 >> 31 && row->changeable != SIM_FEAT_SAVED) { /* SV */
		req->err_loc = SIM_PEL_CDW(10, 31);
		return SIM_FID_NOT_SAVEABLE;
	}
	if (row->scope == SIM_SCOPE_NS) {
		status = feature_ns(req, row, true, &ns);
		if (status)
			return status;
	} else if (req->sqe.nsid && req->sqe.nsid != SIM_NSID_ALL) {
		req->err_loc = SIM_PEL_NSID;
		return SIM_FEATURE_NOT_PER_NS;
	}
	if (!row->changeable)
		return SIM_FEATURE_NOT_CHANGEABLE;
	if (row->len) {
		status = sim_xfer(req, SIM_DMA_READ, data, row->len);
		if (status)
			return status;
	}
	return row->set(req, ns, data);
}
