/* SPDX-License-Identifier: MIT */
/*
 * record.c - a namespace to its record and back; see record.h.
 */
#include <string.h>

#include "../persist/persist.h"
#include "record.h"

#define REC_VERSION 1

/* what QEMU's namespaces have; a host that creates one cannot say */
#define COPY_MSSRL 128
#define COPY_MCL 128
#define COPY_MSRC 127

int sim_ns_rec_get(const struct sim_subsys *s, uint32_t nsid, struct sim_ns_rec *rec)
{
	const struct sim_journal_port *j = &s->journal;
	uint16_t version = 0;
	int len;

	memset(rec, 0, sizeof(*rec));
	if (!j->put)
		return SIM_ENOENT;
	len = j->get(j->opaque, SIM_REC_NS, nsid, &version, rec, sizeof(*rec));
	if (len == (int)sizeof(*rec) && version == REC_VERSION && rec->life <= SIM_NS_CREATED)
		return 0;
	memset(rec, 0, sizeof(*rec));
	return len < 0 ? len : SIM_EIO;
}

int sim_ns_rec_put(const struct sim_subsys *s, uint32_t nsid, const struct sim_ns_rec *rec)
{
	const struct sim_journal_port *j = &s->journal;

	int err;

	if (!j->put)
		return 0;
	err = j->put(j->opaque, SIM_REC_NS, nsid, REC_VERSION, rec, sizeof(*rec));
	/*
	 * These commands promise to outlive every reset, a power cycle as well. The record counts
	 * from now on; a medium that cannot make it durable fails the host's next Flush, too.
	 */
	if (!err && j->sync)
		j->sync(j->opaque);
	return err;
}

int sim_ns_save(const struct sim_ns *ns)
{
	const struct sim_lbaf *f = &ns->lbafs[ns->lbaf];
	struct sim_ns_rec rec = {
		.life = ns->created ? SIM_NS_CREATED : SIM_NS_CONFIGURED,
		.conf_deleted = ns->conf_deleted,
		.formatted = ns->formatted,
		.csi = ns->csi,
		.lbads = f->lbads,
		.ms = f->ms,
		.pif = f->pif,
		.sts = f->sts,
		.extended = ns->extended,
		.pi = ns->pi.type,
		.pi_first = ns->pi_first,
		.qualified = f->qualified,
		.lbstm = ns->pi.lbstm,
		.shared = ns->p.shared,
		.nsze = ns->nsze,
		.eui64 = ns->p.eui64,
	};

	memcpy(rec.uuid, ns->p.uuid, sizeof(rec.uuid));
	memcpy(rec.nguid, ns->p.nguid, sizeof(rec.nguid));
	memcpy(rec.attach_set, ns->attach_set, sizeof(rec.attach_set));
	memcpy(rec.attach_val, ns->attach_val, sizeof(rec.attach_val));
	return sim_ns_rec_put(ns->subsys, ns->nsid, &rec);
}

void sim_ns_rec_apply(struct sim_ns *ns, const struct sim_ns_rec *rec)
{
	const struct sim_lbaf want = {
		.lbads = rec->lbads,
		.ms = rec->ms,
		.pif = rec->pif,
		.sts = rec->sts,
		.qualified = rec->qualified,
	};
	const struct sim_ns_shape shape = {
		.lbaf = sim_ns_find_format(ns->lbafs, ns->nlbaf, &want),
		.extended = rec->extended,
		.pi = rec->pi,
		.pi_first = rec->pi_first,
	};

	if (rec->life == SIM_NS_NONE)
		return;
	ns->created = rec->life == SIM_NS_CREATED;
	ns->conf_deleted = rec->conf_deleted;
	ns->csi = rec->csi;
	memcpy(ns->attach_set, rec->attach_set, sizeof(ns->attach_set));
	memcpy(ns->attach_val, rec->attach_val, sizeof(ns->attach_val));
	if (!rec->formatted || sim_ns_shape_check(ns->lbafs, ns->nlbaf, &shape))
		return;
	ns->formatted = true;
	sim_ns_set_shape(ns, &shape, rec->nsze);
	ns->pi.lbstm = rec->lbstm;
}

void sim_ns_params_created(struct sim_ns_params *p)
{
	*p = (struct sim_ns_params){
		.write_cache = true,
		.detached = true,
		.host_made = true,
		.mssrl = COPY_MSSRL,
		.mcl = COPY_MCL,
		.msrc = COPY_MSRC,
		.discard_granularity = UINT32_MAX,
	};
}

/* the rest of the format comes from the record itself, sim_ns_rec_apply() */
void sim_ns_rec_params(const struct sim_subsys *s, const struct sim_ns_rec *rec, uint32_t nsid, struct sim_ns_params *p)
{
	sim_ns_params_created(p);
	p->nsid = nsid;
	p->eui64 = rec->eui64;
	p->logical_block_size = p->physical_block_size = 1u << rec->lbads;
	p->ms = rec->ms;
	p->shared = rec->shared;
	if (rec->csi == NVME_CSI_ZNS)
		sim_zones_rec_params(s, nsid, &p->zoned);
	memcpy(p->uuid, rec->uuid, sizeof(p->uuid));
	memcpy(p->nguid, rec->nguid, sizeof(p->nguid));
}
