/* SPDX-License-Identifier: MIT */
/*
 * resv.c - what a reservation is and whom it stops. NVMe Base 2.1, section 8.1.22.
 */
#include <stdlib.h>
#include <string.h>

#include "../ctrl/tables.h"
#include "../persist/persist.h"
#include "resv_priv.h"

#define REC_VERSION 1

/* what a host is to a reservation */
enum role {
	ROLE_OTHER,
	ROLE_REGISTRANT,
	ROLE_HOLDER,
	ROLE__N,
};

/* figure 645, and figure 646 with what it says of commands: the classes that are allowed */
#define R (1u << SIM_RESV_READ)
#define RW (R | 1u << SIM_RESV_WRITE)
static const uint8_t allowed[RESV__N][ROLE__N] = {
	/* a type       = { others, registrants, the holder } */
	[RESV_NONE] = { RW, RW, RW },
	[RESV_WE] = { R, R, RW },
	[RESV_EA] = { 0, 0, RW },
	[RESV_WERO] = { R, RW, RW },
	[RESV_EARO] = { 0, RW, RW },
	[RESV_WEAR] = { R, RW, RW },
	[RESV_EAAR] = { 0, RW, RW },
};

struct resv_host resv_host_of(const struct sim_ctrl *c)
{
	static const uint8_t zero[16];
	struct resv_host host;

	memcpy(host.id, c->host_id, sizeof(host.id));
	host.cntlid = memcmp(host.id, zero, sizeof(zero)) ? RESV_NO_CTRL : c->cntlid;
	return host;
}

bool resv_same_host(const struct resv_host *a, const struct resv_host *b)
{
	return a->cntlid == b->cntlid && !memcmp(a->id, b->id, sizeof(a->id));
}

struct resv_reg *resv_find(struct resv_state *st, const struct resv_host *host)
{
	for (uint32_t i = 0; i < st->nr; i++)
		if (resv_same_host(&st->reg[i].host, host))
			return &st->reg[i];
	return NULL;
}

uint16_t sim_resv_check(struct sim_req *req, struct sim_ns *ns, enum sim_resv_class class)
{
	enum role role = ROLE_OTHER;
	struct resv_host host;
	struct resv_reg *reg;

	if (class == SIM_RESV_FREE ||
	    !atomic_load_explicit(&ns->resv->held, memory_order_relaxed))
		return SIM_OK;
	host = resv_host_of(req->ctrl);
	reg = resv_find(ns->resv->st, &host);
	if (reg)
		role = resv_holds(ns->resv->st, reg) ? ROLE_HOLDER : ROLE_REGISTRANT;
	return allowed[ns->resv->st->type][role] >> class & 1 ? SIM_OK : SIM_RESV_CONFLICT;
}

/* ---- a state takes another's place ---------------------------------------------------------- */

static size_t state_size(uint32_t nr)
{
	return sizeof(struct resv_state) + nr * sizeof(struct resv_reg);
}

struct resv_state *resv_copy(const struct sim_ns *ns)
{
	const struct resv_state *old = ns->resv->st;
	struct resv_state *st = calloc(1, state_size(old->nr + 1));

	if (st)
		memcpy(st, old, state_size(old->nr));
	return st;
}

/*
 * Only what persists through power loss is recorded; it is promised for a power loss that comes
 * right after the command. Without PTPL the record says just that.
 */
static int save(const struct sim_ns *ns, const struct resv_state *st)
{
	const struct sim_journal_port *j = &ns->subsys->journal;
	const struct resv_state none = { .ptpl = 0 };
	int err;

	if (!j->put || (!st->ptpl && !ns->resv->st->ptpl))
		return 0;
	if (!st->ptpl)
		st = &none;
	err = j->put(j->opaque, SIM_REC_RESV, ns->nsid, REC_VERSION, st,
		     (uint32_t)state_size(st->nr));
	return err ? err : j->sync(j->opaque);
}

uint16_t resv_commit(struct sim_ns *ns, struct resv_state **st)
{
	struct resv_state *old = ns->resv->st;

	if (save(ns, *st))
		return SIM_INTERNAL;
	ns->resv->st = *st;
	atomic_store(&ns->resv->held, (*st)->type != RESV_NONE);
	*st = old;
	return SIM_OK;
}

/* ---- with the namespace --------------------------------------------------------------------- */

/* a record is believed if it is one that save() could have written */
static bool state_ok(const struct resv_state *st, uint16_t version, int len)
{
	uint32_t holders = 0;

	if (version != REC_VERSION || len < (int)sizeof(*st) ||
	    (size_t)len != state_size(st->nr) || st->type >= RESV__N || st->ptpl > 1)
		return false;
	for (uint32_t i = 0; i < st->nr; i++)
		holders += st->reg[i].holder;
	if (!st->type)
		return !holders;
	return st->nr && holders == !resv_all_registrants(st->type);
}

/* Return: what was recorded, or a state with nothing in it; NULL: no memory */
static struct resv_state *load(const struct sim_ns *ns)
{
	const struct sim_journal_port *j = &ns->subsys->journal;
	struct resv_state head, *st;
	uint16_t version = 0;
	int len = SIM_ENOENT;

	if (j->put)
		len = j->get(j->opaque, SIM_REC_RESV, ns->nsid, &version, &head, sizeof(head));
	if (len < (int)sizeof(head))
		return calloc(1, sizeof(*st));
	st = calloc(1, (size_t)len);
	if (!st)
		return NULL;
	len = j->get(j->opaque, SIM_REC_RESV, ns->nsid, &version, st, (uint32_t)len);
	if (!state_ok(st, version, len))
		memset(st, 0, sizeof(*st));
	return st;
}

struct sim_resv *sim_resv_new(struct sim_ns *ns)
{
	struct sim_resv *resv = calloc(1, sizeof(*resv));

	if (!resv)
		return NULL;
	resv->st = load(ns);
	if (!resv->st) {
		free(resv);
		return NULL;
	}
	atomic_init(&resv->held, resv->st->type != RESV_NONE);
	return resv;
}

/* a namespace that gets the NSID later is another one */
static void forget_ns(struct sim_ns *ns)
{
	const struct resv_state none = { .ptpl = 0 };

	save(ns, &none);
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (ns->subsys->ctrl[i])
			ns->subsys->ctrl[i]->feat.resv_mask[ns->nsid] = 0;
}

void sim_resv_free(struct sim_ns *ns, bool forget)
{
	if (!ns->resv)
		return;
	if (forget)
		forget_ns(ns);
	free(ns->resv->st);
	free(ns->resv);
	ns->resv = NULL;
}

void sim_resv_ctrl_reset(struct sim_ctrl *c)
{
	memset(c->host_id, 0, sizeof(c->host_id));
	c->host_id_extended = false;
	c->resv_log = (struct sim_resv_log){ .lpc = 0 };
}

/* PTPL, all six types, and Ignore Existing Key as since revision 1.3 */
uint8_t sim_resv_rescap(void)
{
	return NVME_NS_RESCAP_PTPL | NVME_NS_RESCAP_WE | NVME_NS_RESCAP_EA | NVME_NS_RESCAP_WERO |
	       NVME_NS_RESCAP_EARO | NVME_NS_RESCAP_WEAR | NVME_NS_RESCAP_EAAR |
	       NVME_NS_RESCAP_IEK_13;
}
