/* SPDX-License-Identifier: MIT */
/*
 * ana.c - Asymmetric Namespace Access (NVMe Base 2.1, section 8.1.1): how good a way to a namespace
 * each controller is.
 *
 * Every namespace is an ANA group of its own, ANAGRPID being its NSID, so that the state of each
 * can be set. States are the paths', not the namespaces': they are lost with the process, and a
 * subsystem that is not configured for several controllers has none but ANA Optimized and reports
 * nothing.
 */
#include <string.h>

#include "../ctrl/tables.h"
#include "../ns/ns.h"
#include "../pci/pci.h"

#define AER_TYPE_NOTICE 2
#define AER_INFO_ANA_CHANGE 0x03
#define LID_ANA 0x0c

#define LSP_RGO (1u << 8) /* of dword 10: Return Groups Only */

static uint16_t status_of(uint8_t state)
{
	switch (state) {
	case SIM_ANA_INACCESSIBLE:
		return SIM_ANA_ST_INACCESSIBLE;
	case SIM_ANA_PERSISTENT_LOSS:
		return SIM_ANA_ST_PERSISTENT_LOSS;
	case SIM_ANA_CHANGE:
		return SIM_ANA_ST_TRANSITION;
	default:
		return SIM_OK;
	}
}

/* ---- states ------------------------------------------------------------------------------- */

static bool is_state(enum sim_ana_state state)
{
	return state == SIM_ANA_OPTIMIZED || state == SIM_ANA_NON_OPTIMIZED ||
	       status_of((uint8_t)state) != SIM_OK;
}

void sim_ana_touch(struct sim_ctrl *c, uint32_t nsid)
{
	c->ana_changes++;
	c->ana_ns_changes[nsid]++;
}

/*
 * The event is for every state but ANA Change, on entry, and for namespaces that are attached
 * (section 8.1.1.9).
 */
static void set_state(struct sim_ctrl *c, uint32_t nsid, enum sim_ana_state state)
{
	uint8_t old = c->ana[nsid] ? c->ana[nsid] : SIM_ANA_OPTIMIZED;

	if (old == state)
		return;
	c->ana[nsid] = (uint8_t)state;
	if (!sim_ns_attached(c, nsid))
		return;
	sim_ana_touch(c, nsid);
	if (c->state == SIM_CS_READY && state != SIM_ANA_CHANGE)
		sim_aer_event(c, AER_TYPE_NOTICE, AER_INFO_ANA_CHANGE, LID_ANA);
}

/*
 * The specification knows no way out of ANA Persistent Loss; whoever calls this is outside of the
 * specification's world, as the one who repairs a path is.
 */
int sim_ana_set(struct sim_fn *fn, uint32_t nsid, enum sim_ana_state state)
{
	struct sim_ctrl *c = fn->ctrl;
	struct sim_subsys *s = c->subsys;
	uint32_t first = nsid ? nsid : 1, last = nsid ? nsid : SIM_NN;
	int err = nsid ? SIM_ENOENT : 0;

	if (!s->multi || !is_state(state))
		return SIM_EINVAL;
	if (nsid > SIM_NN)
		return SIM_ENOENT;
	sim_write_lock(&s->lock);
	for (uint32_t i = first; i <= last; i++) {
		if (!s->ns[i])
			continue;
		set_state(c, i, state);
		err = 0;
	}
	sim_write_unlock(&s->lock);
	sim_irq_flush(c);
	return err;
}

int sim_ana_get(struct sim_fn *fn, uint32_t nsid)
{
	struct sim_ctrl *c = fn->ctrl;
	int state = SIM_ENOENT;

	if (!nsid || nsid > SIM_NN)
		return SIM_ENOENT;
	sim_read_lock(&c->subsys->lock);
	if (c->subsys->ns[nsid])
		state = c->ana[nsid] ? c->ana[nsid] : SIM_ANA_OPTIMIZED;
	sim_read_unlock(&c->subsys->lock);
	return state;
}

void sim_ana_reset(struct sim_ctrl *c)
{
	c->ana_changes = 0;
	for (uint32_t nsid = 0; nsid <= SIM_NN; nsid++)
		c->ana_ns_changes[nsid] = 0;
}

/* ---- what commands find (section 8.1.1.10) ------------------------------------------------ */

uint16_t sim_ana_check(struct sim_req *req, const struct sim_ns *ns)
{
	return status_of(req->ctrl->ana[ns->nsid]);
}

uint16_t sim_ana_check_all(struct sim_req *req)
{
	const struct sim_ctrl *c = req->ctrl;

	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++)
		if (!sim_ana_ok(c, nsid) && sim_ns_attached(c, nsid))
			return status_of(c->ana[nsid]);
	return SIM_OK;
}

/*
 * The features that are not available: those of the NVM Command Set that are a namespace's (NVM
 * Command Set 1.1, section 5.1: LBA Range Type, Error Recovery), Reservation Notification Mask and
 * Reservation Persistence. ANA Persistent Loss lets nothing be set.
 */
static bool unavailable(uint8_t fid)
{
	return fid == 0x03 || fid == 0x05 || fid == 0x82 || fid == 0x83;
}

uint16_t sim_ana_feature(struct sim_req *req, const struct sim_feature *row,
			 const struct sim_ns *ns, bool set)
{
	uint8_t state = ns ? req->ctrl->ana[ns->nsid] : 0;

	if (row->scope != SIM_SCOPE_NS)
		return SIM_OK;
	if (!ns)
		return set ? sim_ana_check_all(req) : SIM_OK;
	if (unavailable(row->fid) || (set && state == SIM_ANA_PERSISTENT_LOSS))
		return status_of(state);
	return SIM_OK;
}

bool sim_ana_hides_capacity(const struct sim_ctrl *c, const struct sim_ns *ns)
{
	return c->ana[ns->nsid] == SIM_ANA_INACCESSIBLE ||
	       c->ana[ns->nsid] == SIM_ANA_PERSISTENT_LOSS;
}

/* ---- the log page ------------------------------------------------------------------------- */

/*
 * 0Ch Asymmetric Namespace Access (section 5.1.12.1.13): the groups of the attached namespaces. The
 * page's Change Count begins at 0 with a Controller Level Reset, that of a group at 1.
 */
uint16_t sim_ana_log(struct sim_req *req, uint8_t *page)
{
	const bool groups_only = req->sqe.cdw10 & LSP_RGO;
	struct nvme_ana_log *log = (struct nvme_ana_log *)page;
	const struct sim_ctrl *c = req->ctrl;
	uint8_t *at = page + sizeof(*log);
	uint16_t n = 0;

	_Static_assert(sizeof(*log) + SIM_NN * (sizeof(struct nvme_ana_group_desc) + 4) <=
			       SIM_LOG_MAX,
		       "every namespace has room for its group");
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		struct nvme_ana_group_desc d = {
			.grpid = sim_le32(nsid),
			.nnsids = sim_le32(groups_only ? 0 : 1),
			.chgcnt = sim_le64(c->ana_ns_changes[nsid] + 1),
			.state = c->ana[nsid] ? c->ana[nsid] : SIM_ANA_OPTIMIZED,
		};

		if (!sim_ns_attached(c, nsid))
			continue;
		memcpy(at, &d, sizeof(d)); /* what follows a list of NSIDs is aligned to 4 only */
		at += sizeof(d);
		if (!groups_only) {
			memcpy(at, &d.grpid, sizeof(d.grpid)); /* the one NSID is the group's */
			at += sizeof(d.grpid);
		}
		n++;
	}
	log->chgcnt = sim_le64(c->ana_changes);
	log->ngrps = sim_le16(n);
	return SIM_OK;
}
