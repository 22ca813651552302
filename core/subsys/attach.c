/* SPDX-License-Identifier: MIT */
/*
 * attach.c - which controllers have which namespaces: Namespace Attachment (NVMe Base 2.1, section
 * 5.1.20), and what holds before any host has sent it.
 *
 * A configured shared namespace is attached to every controller, those to come included; a private
 * one to the controller it was configured with; one that a host created, or that is configured as
 * detached, to none. What Namespace Attachment decided about a controller stays decided, over
 * resets and, with a journal, over restarts.
 */
#include <string.h>

#include "../ctrl/tables.h"
#include "../ns/ns.h"

#define SEL_ATTACH 0
#define SEL_DETACH 1
#define CTRL_LIST_MAX 2047

#define AER_TYPE_NOTICE 2
#define AER_INFO_NS_ATTR 0x00
#define LID_CHANGED_NS 0x04

/* a host that uses @c is told that something of @nsid is another */
static void tell(struct sim_ctrl *c, uint32_t nsid, bool event)
{
	if (c->state != SIM_CS_READY)
		return;
	sim_bit_set(c->changed_ns, nsid);
	if (event)
		sim_aer_event(c, AER_TYPE_NOTICE, AER_INFO_NS_ATTR, LID_CHANGED_NS);
}

/* CC.CSS leaves out all but the NVM Command Set: namespaces of others are not there */
static bool left_out(const struct sim_ctrl *c, const struct sim_ns *ns)
{
	return ns->csi != NVME_CSI_NVM && NVME_CC_EN(c->cc) &&
	       NVME_CC_CSS(c->cc) != NVME_CC_CSS_CSI;
}

static bool is_attached(const struct sim_ctrl *c, uint32_t nsid)
{
	return sim_ns_attached(c, nsid) || sim_bit(c->parked, nsid);
}

void sim_attach_css(struct sim_ctrl *c)
{
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		if (!is_attached(c, nsid))
			continue;
		sim_bit_clear(c->attached, nsid);
		sim_bit_clear(c->parked, nsid);
		sim_bit_set(left_out(c, c->subsys->ns[nsid]) ? c->parked : c->attached, nsid);
	}
}

static void attach(struct sim_ctrl *c, uint32_t nsid)
{
	if (left_out(c, c->subsys->ns[nsid])) {
		sim_bit_set(c->parked, nsid);
		return;
	}
	sim_bit_set(c->attached, nsid);
	sim_ana_touch(c, nsid);
	tell(c, nsid, true);
}

static void detach(struct sim_ctrl *c, uint32_t nsid, bool event)
{
	if (sim_bit(c->parked, nsid)) {
		sim_bit_clear(c->parked, nsid);
		return;
	}
	sim_bit_clear(c->attached, nsid);
	sim_ana_touch(c, nsid);
	tell(c, nsid, event);
}

void sim_ns_changed(struct sim_ns *ns, const struct sim_ctrl *by)
{
	struct sim_subsys *s = ns->subsys;

	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (s->ctrl[i] && sim_ns_attached(s->ctrl[i], ns->nsid))
			tell(s->ctrl[i], ns->nsid, s->ctrl[i] != by);
}

void sim_detach_all(struct sim_ns *ns, const struct sim_ctrl *by)
{
	struct sim_subsys *s = ns->subsys;

	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (s->ctrl[i] && is_attached(s->ctrl[i], ns->nsid))
			detach(s->ctrl[i], ns->nsid, s->ctrl[i] != by);
}

/* ---- without a command -------------------------------------------------------------------- */

/* whether a host attached a private namespace to a controller, so that it is nobody else's */
static bool taken(const struct sim_ns *ns)
{
	for (unsigned int i = 0; i < SIM_MAX_CTRL / 32; i++)
		if (ns->attach_val[i] & ns->attach_set[i])
			return true;
	return false;
}

/* @home: the controller of a private namespace, or NULL: any */
static bool is_wanted(const struct sim_ns *ns, const struct sim_ctrl *c,
		      const struct sim_ctrl *home)
{
	if (sim_bit(ns->attach_set, c->cntlid))
		return sim_bit(ns->attach_val, c->cntlid);
	if (ns->created || ns->p.detached)
		return false;
	return ns->p.shared || ((!home || home == c) && !taken(ns));
}

void sim_attach_ns(struct sim_ns *ns, struct sim_ctrl *home)
{
	struct sim_subsys *s = ns->subsys;

	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (s->ctrl[i] && is_wanted(ns, s->ctrl[i], home))
			attach(s->ctrl[i], ns->nsid);
}

/* a private namespace that was attached to none because it had none yet is left alone */
void sim_attach_ctrl(struct sim_ctrl *c)
{
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		const struct sim_ns *ns = c->subsys->ns[nsid];

		if (ns && (ns->p.shared || sim_bit(ns->attach_set, c->cntlid)) &&
		    is_wanted(ns, c, NULL))
			attach(c, nsid);
	}
}

/* ---- the command -------------------------------------------------------------------------- */

static unsigned int nr_attached(const struct sim_ns *ns)
{
	const struct sim_subsys *s = ns->subsys;
	unsigned int n = 0;

	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		n += s->ctrl[i] && is_attached(s->ctrl[i], ns->nsid);
	return n;
}

/* one entry of the list; @before: how many entries were attached before it */
static uint16_t check_entry(const struct sim_ns *ns, uint16_t cntlid, bool add, unsigned int before)
{
	const struct sim_ctrl *c = cntlid < SIM_MAX_CTRL ? ns->subsys->ctrl[cntlid] : NULL;

	if (!c)
		return SIM_CTRL_LIST_INVALID;
	if (!add)
		return is_attached(c, ns->nsid) ? SIM_OK : SIM_NS_NOT_ATTACHED;
	if (is_attached(c, ns->nsid))
		return SIM_NS_ALREADY_ATTACHED;
	if (left_out(c, ns) || !(sim_iocs_vector(c->feat.iocs_profile) >> ns->csi & 1))
		return SIM_IOCS_NOT_ENABLED;
	if (!ns->p.shared && (before || nr_attached(ns)))
		return SIM_NS_IS_PRIVATE;
	if (c->ana[ns->nsid] == SIM_ANA_PERSISTENT_LOSS)
		return SIM_ANA_ATTACH_FAILED;
	return SIM_OK;
}

/*
 * The whole list is looked at before anything is done. Where an entry is wrong, Command Specific
 * Information of the error log is its byte offset in the list. An identifier that is there twice
 * is already, or no more, attached when it comes again.
 */
static uint16_t check_list(struct sim_req *req, const struct sim_ns *ns,
			   const struct nvme_ctrl_list *list, bool add)
{
	uint32_t seen[SIM_MAX_CTRL / 32] = { 0 };
	unsigned int n = sim_le16(list->num);
	uint16_t status = SIM_OK;

	if (!n || n > CTRL_LIST_MAX)
		return SIM_CTRL_LIST_INVALID;
	for (unsigned int i = 0; i < n && !status; i++) {
		uint16_t cntlid = sim_le16(list->identifier[i]);

		if (cntlid < SIM_MAX_CTRL && sim_bit(seen, cntlid))
			status = add ? SIM_NS_ALREADY_ATTACHED : SIM_NS_NOT_ATTACHED;
		else
			status = check_entry(ns, cntlid, add, i);
		if (status)
			req->err_cs = offsetof(struct nvme_ctrl_list, identifier) + 2 * i;
		else
			sim_bit_set(seen, cntlid);
	}
	return status;
}

/* Return: 0, or an internal error with everything as it was */
static uint16_t record(struct sim_ns *ns, const struct nvme_ctrl_list *list, bool add)
{
	uint32_t set[SIM_MAX_CTRL / 32], val[SIM_MAX_CTRL / 32];

	memcpy(set, ns->attach_set, sizeof(set));
	memcpy(val, ns->attach_val, sizeof(val));
	for (unsigned int i = 0; i < sim_le16(list->num); i++) {
		uint16_t cntlid = sim_le16(list->identifier[i]);

		sim_bit_set(ns->attach_set, cntlid);
		if (add)
			sim_bit_set(ns->attach_val, cntlid);
		else
			sim_bit_clear(ns->attach_val, cntlid);
	}
	if (!sim_ns_save(ns))
		return SIM_OK;
	memcpy(ns->attach_set, set, sizeof(set));
	memcpy(ns->attach_val, val, sizeof(val));
	return SIM_INTERNAL;
}

/**
 * sim_ns_attachment() - Namespace Attachment command
 *
 * NVMe Base 2.1, section 5.1.20. CDW10 SEL: 0h attach, 1h detach; the data is a Controller List
 * (section 4.6.1). Either every controller of the list is attached or detached, or none is. All of
 * them, the one at work included, send the Attached Namespace Attribute Changed event (8.1.15.1).
 * In the presence of a reservation it counts as a write (figure 646). A namespace's ANA state does
 * not keep it from being detached (8.1.2.3).
 * Return: a status.
 */
uint16_t sim_ns_attachment(struct sim_req *req)
{
	struct sim_subsys *s = req->ctrl->subsys;
	const uint32_t sel = req->sqe.cdw10 & 0xf, nsid = req->sqe.nsid;
	struct nvme_ctrl_list list;
	struct sim_ns *ns;
	uint16_t status;

	_Static_assert(sizeof(list) == 4096, "section 4.6.1");
	if (sel != SEL_ATTACH && sel != SEL_DETACH)
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	if (!nsid || nsid > SIM_NN) {
		req->err_loc = SIM_PEL_NSID;
		return SIM_INVALID_NS;
	}
	ns = s->ns[nsid];
	if (!ns)
		return sim_bad_field(req, SIM_PEL_NSID);
	status = sim_resv_check(req, ns, SIM_RESV_WRITE);
	if (!status)
		status = sim_xfer(req, SIM_DMA_READ, &list, sizeof(list));
	if (!status)
		status = check_list(req, ns, &list, sel == SEL_ATTACH);
	if (!status)
		status = record(ns, &list, sel == SEL_ATTACH);
	for (unsigned int i = 0; !status && i < sim_le16(list.num); i++) {
		struct sim_ctrl *c = s->ctrl[sim_le16(list.identifier[i])];

		if (sel == SEL_ATTACH)
			attach(c, nsid);
		else
			detach(c, nsid, true);
	}
	return status;
}
