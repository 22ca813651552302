/* SPDX-License-Identifier: MIT */
/*
 * wp.c - Namespace Write Protection: feature 84h. NVMe Base 2.1, sections 8.1.16 and 5.1.25.1.31.
 *
 * The two states every controller with this capability has. The others ask for a Replay Protected
 * Memory Block whose Write Protection Control lets hosts enter them; there is none.
 */
#include "../ctrl/tables.h"
#include "../persist/persist.h"
#include "ns.h"

#define REC_VERSION 1
#define CDW11_WPS 0x7u

uint16_t sim_wp_check(const struct sim_ns *ns)
{
	if (atomic_load_explicit(&ns->wp, memory_order_relaxed) != SIM_WP_NONE)
		return SIM_NS_WRITE_PROTECTED;
	return ns->p.store->readonly ? SIM_NVM_READ_ONLY : SIM_OK;
}

uint8_t sim_wp_load(const struct sim_subsys *s, uint32_t nsid)
{
	const struct sim_journal_port *j = &s->journal;
	uint16_t version = 0;
	uint8_t wp = SIM_WP_NONE;

	if (j->put && j->get(j->opaque, SIM_REC_WP, nsid, &version, &wp, 1) == 1 &&
	    version == REC_VERSION && wp == SIM_WP_ON)
		return SIM_WP_ON;
	return SIM_WP_NONE;
}

int sim_wp_save(const struct sim_subsys *s, uint32_t nsid, uint8_t wp)
{
	const struct sim_journal_port *j = &s->journal;
	int err;

	if (!j->put || sim_wp_load(s, nsid) == wp)
		return 0;
	err = j->put(j->opaque, SIM_REC_WP, nsid, REC_VERSION, &wp, 1);
	return err ? err : j->sync(j->opaque);
}

uint16_t sim_get_wp(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
		    uint8_t *data)
{
	req->result = ns ? ns->wp : SIM_WP_NONE;
	return SIM_OK;
}

/* the other controllers' hosts learn that the namespace's attributes (NSATTR) have changed */
static uint16_t set_one(struct sim_req *req, struct sim_ns *ns, uint8_t wp)
{
	if (ns->wp == wp)
		return SIM_OK;
	if (sim_wp_save(ns->subsys, ns->nsid, wp))
		return SIM_INTERNAL;
	atomic_store(&ns->wp, wp);
	if (ns->zones && wp != SIM_WP_NONE)
		sim_zones_protect(ns);
	sim_ns_changed(ns, req->ctrl);
	return SIM_OK;
}

/*
 * Set Features is exclusive: no write is under way, and none begins before the state has changed.
 * What is in a volatile write cache becomes durable before the command completes.
 */
uint16_t sim_set_wp(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	const uint8_t wp = req->sqe.cdw11 & CDW11_WPS;
	uint16_t status = SIM_OK;

	if (wp > SIM_WP_ON)
		return sim_bad_field(req, SIM_PEL_CDW(11, 0));
	if (ns) {
		status = set_one(req, ns, wp);
		return status || wp == SIM_WP_NONE ? status : sim_ns_flush(ns, req);
	}
	for (uint32_t nsid = 1; nsid <= SIM_NN && !status; nsid++)
		if (sim_ctrl_ns(req->ctrl, nsid))
			status = set_one(req, sim_ctrl_ns(req->ctrl, nsid), wp);
	return status || wp == SIM_WP_NONE ? status : sim_ns_flush_all(req);
}
