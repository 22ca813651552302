/* SPDX-License-Identifier: MIT */
/*
 * virt.c - Virtualization Enhancements (NVMe Base 2.1, section 8.2.6): secondary controllers, their
 * states and resources, and what the primary controller keeps for itself.
 *
 * Secondary controllers are virtual functions. What is assigned to them lasts until they go
 * offline, at the latest when the primary controller is reset; what the primary controller has of
 * the flexible resources is persistent, and changes with its next reset that is no Controller
 * Reset.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../ctrl/tables.h"
#include "../pci/pci.h"
#include "../persist/persist.h"
#include "virt.h"

#define CDW10_ACT(req)	  ((req)->sqe.cdw10 & 0xf)
#define CDW10_RT(req)	  ((req)->sqe.cdw10 >> 8 & 0x7)
#define CDW10_CNTLID(req) ((uint16_t)((req)->sqe.cdw10 >> 16))
#define CDW11_NR(req)	  ((uint16_t)(req)->sqe.cdw11)

/* of a secondary controller that is online: the admin queues and an I/O queue pair; a vector */
#define VQ_MIN	    2
#define VI_MIN	    1
#define SCS_ONLINE  1 /* Secondary Controller State */
#define CRT_VQ	    1
#define CRT_VI	    2
#define GRANULARITY 1

/* ---- the parameters --------------------------------------------------------------------- */

/* what a secondary controller can have of a resource: as given, or an equal share */
static uint32_t max_sec(uint32_t given, uint16_t flexible, uint16_t vfs)
{
	return given ? given : flexible / vfs;
}

int sim_virt_check(const struct sim_ctrl_params *p, bool multi, struct sim_msg *msg)
{
	const uint32_t vfs = p->sriov_max_vfs;
	const uint32_t vq = p->sriov_vq_flexible, vi = p->sriov_vi_flexible;

	msg->text[0] = '\0';
	if (!vfs)
		return 0;
	/* QEMU's checks, in its order */
	if (!multi)
		snprintf(
			msg->text, sizeof(msg->text),
			"sriov_max_vfs needs a controller that is linked to a subsystem (subsys=)");
	else if (!vq || !vi)
		snprintf(msg->text, sizeof(msg->text),
			 "sriov_max_vfs needs both sriov_vq_flexible and sriov_vi_flexible");
	else if (vq < vfs * 2)
		snprintf(msg->text, sizeof(msg->text),
			 "sriov_vq_flexible is %" PRIu32 ", but must be at least twice "
			 "sriov_max_vfs, %" PRIu32,
			 vq, vfs * 2);
	else if (p->max_ioqpairs < vq + 2)
		snprintf(msg->text, sizeof(msg->text),
			 "max_ioqpairs is %" PRIu32 ", but must be at least sriov_vq_flexible + 2, "
			 "%" PRIu32,
			 p->max_ioqpairs, vq + 2);
	else if (vi < vfs)
		snprintf(msg->text, sizeof(msg->text),
			 "sriov_vi_flexible is %" PRIu32 ", but must be at least sriov_max_vfs, "
			 "%" PRIu32,
			 vi, vfs);
	else if (p->msix_qsize < vi + 1)
		snprintf(msg->text, sizeof(msg->text),
			 "msix_qsize is %u, but must be at least sriov_vi_flexible + 1, %" PRIu32,
			 p->msix_qsize, vi + 1);
	else if (p->sriov_max_vq_per_vf == 1 || p->sriov_max_vq_per_vf > 65535)
		snprintf(msg->text, sizeof(msg->text),
			 "sriov_max_vq_per_vf is %" PRIu32 ", but must be between 2 and 65535",
			 p->sriov_max_vq_per_vf);
	else if (p->sriov_max_vi_per_vf > 2048)
		snprintf(msg->text, sizeof(msg->text),
			 "sriov_max_vi_per_vf is %" PRIu32 ", but must be between 1 and 2048",
			 p->sriov_max_vi_per_vf);
	return msg->text[0] ? SIM_EINVAL : 0;
}

void sim_virt_vf_params(const struct sim_ctrl_params *p, struct sim_ctrl_params *vf)
{
	*vf = *p;
	vf->max_ioqpairs =
		max_sec(p->sriov_max_vq_per_vf, p->sriov_vq_flexible, p->sriov_max_vfs) - 1;
	vf->msix_qsize =
		(uint16_t)max_sec(p->sriov_max_vi_per_vf, p->sriov_vi_flexible, p->sriov_max_vfs);
	vf->sriov_max_vfs = 0;
	vf->msix_exclusive_bar = false; /* as QEMU's VFs */
}

/* ---- resources in effect; writer side held -------------------------------------------------- */

/* the queues and vectors that a controller has now */
static void apply(struct sim_ctrl *c, uint32_t vq, uint32_t vi)
{
	c->nr_pairs = vq ? vq - 1 : 0;
	sim_pci_set_vectors(c->fn, (uint16_t)vi);
	sim_feat_reset(c);
}

static void apply_primary(struct sim_ctrl *c)
{
	const struct sim_vpool *vq = &c->virt.pool[SIM_VQ], *vi = &c->virt.pool[SIM_VI];

	apply(c, (uint32_t)vq->private + vq->primary, (uint32_t)vi->private + vi->primary);
}

/** struct virt_rec - record SIM_REC_VIRT: what the primary controller is to have (8.2.6.1) */
struct virt_rec {
	uint16_t next[SIM_VRES__N];
};
_Static_assert(sizeof(struct virt_rec) == 4, "its layout is on disk");
#define REC_VERSION 1

static int rec_put(const struct sim_ctrl *c, const struct virt_rec *rec)
{
	const struct sim_journal_port *j = &c->subsys->journal;
	int err;

	if (!j->put)
		return 0;
	err = j->put(j->opaque, SIM_REC_VIRT, c->cntlid, REC_VERSION, rec, sizeof(*rec));
	if (!err && j->sync) /* it outlives a power cycle; see record.c */
		j->sync(j->opaque);
	return err;
}

/* Return: whether there is a record */
static bool rec_get(const struct sim_ctrl *c, struct virt_rec *rec)
{
	const struct sim_journal_port *j = &c->subsys->journal;
	uint16_t version = 0;

	return j->put &&
	       j->get(j->opaque, SIM_REC_VIRT, c->cntlid, &version, rec, sizeof(*rec)) ==
		       (int)sizeof(*rec) &&
	       version == REC_VERSION;
}

void sim_virt_primary(struct sim_ctrl *c)
{
	const struct sim_ctrl_params *p = &c->p;
	struct virt_rec rec;

	c->virt.is_primary = true;
	c->virt.pool[SIM_VQ] = (struct sim_vpool){
		.private = (uint16_t)(p->max_ioqpairs + 1 - p->sriov_vq_flexible),
		.total = p->sriov_vq_flexible,
		.max_sec = (uint16_t)max_sec(p->sriov_max_vq_per_vf, p->sriov_vq_flexible,
					     p->sriov_max_vfs),
	};
	c->virt.pool[SIM_VI] = (struct sim_vpool){
		.private = (uint16_t)(p->msix_qsize - p->sriov_vi_flexible),
		.total = p->sriov_vi_flexible,
		.max_sec = (uint16_t)max_sec(p->sriov_max_vi_per_vf, p->sriov_vi_flexible,
					     p->sriov_max_vfs),
	};
	/* unless a host decided otherwise, the primary controller has what nobody else has */
	if (!rec_get(c, &rec))
		rec = (struct virt_rec){ { p->sriov_vq_flexible, p->sriov_vi_flexible } };
	for (unsigned int rt = 0; rt < SIM_VRES__N; rt++) {
		struct sim_vpool *pool = &c->virt.pool[rt];

		/* the configuration may have become another */
		pool->next = rec.next[rt] < pool->total ? rec.next[rt] : pool->total;
		pool->primary = pool->next;
	}
	apply_primary(c);
	sim_caps_derive(c);
	for (unsigned int i = 0; i < c->fn->max_vfs; i++) {
		struct sim_ctrl *sec = c->fn->vfs[i]->ctrl;

		sec->virt.primary = c;
		sim_ctrl_event(sec, SIM_CE_OFFLINE);
		apply(sec, 0, 0);
	}
	/* the SR-IOV capability */
	sim_cfg_reset(c->fn, SIM_RESET_CONVENTIONAL);
}

bool sim_is_primary(const struct sim_ctrl *c)
{
	return c->virt.is_primary;
}

/* ---- the state of a secondary controller ----------------------------------------------------- */

/** struct ask - what a guard looks at: @nr of @rt is for SIM_VE_ASSIGN */
struct ask {
	const struct sim_vpool *pool;
	const struct sim_virt *sec;
	enum sim_vres rt;
	uint16_t nr;
};

/* within what a secondary controller can have, and there */
static uint16_t can_assign(const struct ask *a)
{
	const struct sim_vpool *pool = &a->pool[a->rt];
	const uint32_t others = pool->assigned - a->sec->nr[a->rt];

	if (a->nr > pool->max_sec)
		return SIM_INVALID_NR_RESOURCES;
	return pool->primary + others + a->nr > pool->total ? SIM_INVALID_RESOURCE_ID : SIM_OK;
}

/* 8.2.6.1, 8.2.6.2: what it needs at least */
static uint16_t can_start(const struct ask *a)
{
	return a->sec->nr[SIM_VQ] >= VQ_MIN && a->sec->nr[SIM_VI] >= VI_MIN ? SIM_OK
									    : SIM_INVALID_SEC_STATE;
}

static uint16_t refuse(const struct ask *a)
{
	return SIM_INVALID_SEC_STATE;
}

static void assign(struct sim_ctrl *c, enum sim_vres rt, uint16_t nr)
{
	struct sim_vpool *pool = &c->virt.primary->virt.pool[rt];

	pool->assigned = (uint16_t)(pool->assigned - c->virt.nr[rt] + nr);
	c->virt.nr[rt] = nr;
	apply(c, c->virt.nr[SIM_VQ], c->virt.nr[SIM_VI]);
}

/* all Flexible Resources are removed (8.2.6.3) */
static void release(struct sim_ctrl *c, enum sim_vres rt, uint16_t nr)
{
	assign(c, SIM_VQ, 0);
	assign(c, SIM_VI, 0);
}

static void go_online(struct sim_ctrl *c, enum sim_vres rt, uint16_t nr)
{
	sim_fn_reset_locked(c->fn, SIM_RESET_FLR); /* what is there is as it is at a reset */
	sim_ctrl_event(c, SIM_CE_ONLINE);
	sim_fn_note(c->fn, SIM_FN_ONLINE);
}

static void go_offline(struct sim_ctrl *c, enum sim_vres rt, uint16_t nr)
{
	sim_ctrl_event(c, SIM_CE_OFFLINE);
	release(c, rt, nr);
	sim_fn_note(c->fn, SIM_FN_OFFLINE);
}

struct transition {
	enum sim_vstate next;
	uint16_t (*guard)(const struct ask *a); /* NULL: nothing speaks against it */
	void (*action)(struct sim_ctrl *c, enum sim_vres rt, uint16_t nr);
};

/* clang-format off */
static const struct transition table[SIM_VS__N][SIM_VE__N] = {
	[SIM_VS_ABSENT] = {
		[SIM_VE_ASSIGN]  = { SIM_VS_ABSENT, can_assign, assign },
		[SIM_VE_ONLINE]  = { SIM_VS_ABSENT, refuse, NULL },
		[SIM_VE_OFFLINE] = { SIM_VS_ABSENT, NULL, release },
		[SIM_VE_APPEAR]  = { SIM_VS_OFFLINE, NULL, NULL },
		[SIM_VE_VANISH]  = { SIM_VS_ABSENT, NULL, NULL },
		[SIM_VE_PRIMARY_RESET] = { SIM_VS_ABSENT, NULL, release },
	},
	[SIM_VS_OFFLINE] = {
		[SIM_VE_ASSIGN]  = { SIM_VS_OFFLINE, can_assign, assign },
		[SIM_VE_ONLINE]  = { SIM_VS_ONLINE, can_start, go_online },
		[SIM_VE_OFFLINE] = { SIM_VS_OFFLINE, NULL, release },
		[SIM_VE_APPEAR]  = { SIM_VS_OFFLINE, NULL, NULL },
		[SIM_VE_VANISH]  = { SIM_VS_ABSENT, NULL, release },
		[SIM_VE_PRIMARY_RESET] = { SIM_VS_OFFLINE, NULL, release },
	},
	[SIM_VS_ONLINE] = {
		[SIM_VE_ASSIGN]  = { SIM_VS_ONLINE, refuse, NULL },
		[SIM_VE_ONLINE]  = { SIM_VS_ONLINE, NULL, NULL },
		[SIM_VE_OFFLINE] = { SIM_VS_OFFLINE, NULL, go_offline },
		[SIM_VE_APPEAR]  = { SIM_VS_ONLINE, NULL, NULL },
		[SIM_VE_VANISH]  = { SIM_VS_ABSENT, NULL, go_offline },
		[SIM_VE_PRIMARY_RESET] = { SIM_VS_OFFLINE, NULL, go_offline },
	},
};
/* clang-format on */

uint16_t sim_virt_try(const struct sim_vpool pool[SIM_VRES__N], const struct sim_virt *sec,
		      enum sim_vevent ev, enum sim_vres rt, uint16_t nr, enum sim_vstate *next)
{
	const struct transition *t = &table[sec->state][ev];
	const struct ask a = { pool, sec, rt, nr };
	const uint16_t status = t->guard ? t->guard(&a) : SIM_OK;

	*next = status ? sec->state : t->next;
	return status;
}

static uint16_t event(struct sim_ctrl *c, enum sim_vevent ev, enum sim_vres rt, uint16_t nr)
{
	const struct transition *t = &table[c->virt.state][ev];
	enum sim_vstate next;
	const uint16_t status =
		sim_virt_try(c->virt.primary->virt.pool, &c->virt, ev, rt, nr, &next);

	if (status)
		return status;
	c->virt.state = next;
	if (t->action)
		t->action(c, rt, nr);
	return SIM_OK;
}

void sim_virt_event(struct sim_ctrl *sec, enum sim_vevent ev)
{
	event(sec, ev, SIM_VQ, 0);
}

/*
 * 8.2.6.3: whatever resets the primary controller takes the secondary ones offline. What it has
 * itself changes with a reset that is not by CC.EN (figure 489, Primary Controller Flexible
 * Allocation).
 */
void sim_virt_reset(struct sim_ctrl *c, bool all)
{
	if (!c->virt.is_primary)
		return;
	for (unsigned int i = 0; i < c->fn->max_vfs; i++)
		if (c->fn->vfs[i])
			sim_virt_event(c->fn->vfs[i]->ctrl, SIM_VE_PRIMARY_RESET);
	if (!all)
		return;
	for (unsigned int rt = 0; rt < SIM_VRES__N; rt++)
		c->virt.pool[rt].primary = c->virt.pool[rt].next;
	apply_primary(c);
}

/* ---- the command ------------------------------------------------------------------------ */

/* the secondary controller CNTLID names, or NULL */
static struct sim_ctrl *find_secondary(const struct sim_req *req)
{
	const struct sim_subsys *s = req->ctrl->subsys;
	const uint16_t cntlid = CDW10_CNTLID(req);
	struct sim_ctrl *c = cntlid < SIM_MAX_CTRL ? s->ctrl[cntlid] : NULL;

	return c && c->virt.primary == req->ctrl ? c : NULL;
}

static uint16_t bad_controller(struct sim_req *req)
{
	req->err_loc = SIM_PEL_CDW(10, 16);
	return SIM_INVALID_CTRL_ID;
}

/* 1h: at most what there is and no secondary controller has; it waits for the reset */
static uint16_t primary_allocation(struct sim_req *req, enum sim_vres rt)
{
	struct sim_ctrl *c = req->ctrl;
	struct sim_vpool *pool = &c->virt.pool[rt];
	const uint16_t nr = CDW11_NR(req);
	struct virt_rec rec = { { c->virt.pool[SIM_VQ].next, c->virt.pool[SIM_VI].next } };

	if (CDW10_CNTLID(req) != c->cntlid)
		return bad_controller(req);
	req->err_loc = SIM_PEL_CDW(11, 0);
	if (nr > pool->total)
		return SIM_INVALID_NR_RESOURCES;
	if (nr > pool->total - pool->assigned)
		return SIM_INVALID_RESOURCE_ID;
	rec.next[rt] = nr;
	if (rec_put(c, &rec))
		return SIM_INTERNAL;
	pool->next = nr;
	req->result = nr;
	return SIM_OK;
}

static uint16_t secondary(struct sim_req *req, enum sim_vevent ev, enum sim_vres rt)
{
	struct sim_ctrl *sec = find_secondary(req);
	uint16_t status;

	if (!sec)
		return bad_controller(req);
	status = event(sec, ev, rt, CDW11_NR(req));
	if (status)
		req->err_loc = ev == SIM_VE_ASSIGN ? SIM_PEL_CDW(11, 0) : SIM_PEL_CDW(10, 16);
	else if (ev == SIM_VE_ASSIGN)
		req->result = CDW11_NR(req);
	return status;
}

/**
 * sim_virt_management() - Virtualization Management command
 *
 * NVMe Base 2.1, section 5.2.6. CDW10: ACT 3:0, RT 10:8, CNTLID 31:16; CDW11: NR 15:0. A resource
 * type there is not is an invalid resource, whatever the action, as in QEMU. Completion dword 0
 * says how many resources were allocated or assigned. Return: a status.
 */
uint16_t sim_virt_management(struct sim_req *req)
{
	const uint32_t rt = CDW10_RT(req);

	if (rt >= SIM_VRES__N) {
		req->err_loc = SIM_PEL_CDW(10, 8);
		return SIM_INVALID_RESOURCE_ID;
	}
	switch (CDW10_ACT(req)) {
	case NVME_VIRT_MGMT_ACT_PRIM_CTRL_FLEX_ALLOC:
		return primary_allocation(req, (enum sim_vres)rt);
	case NVME_VIRT_MGMT_ACT_OFFLINE_SEC_CTRL:
		return secondary(req, SIM_VE_OFFLINE, (enum sim_vres)rt);
	case NVME_VIRT_MGMT_ACT_ASSIGN_SEC_CTRL:
		return secondary(req, SIM_VE_ASSIGN, (enum sim_vres)rt);
	case NVME_VIRT_MGMT_ACT_ONLINE_SEC_CTRL:
		return secondary(req, SIM_VE_ONLINE, (enum sim_vres)rt);
	default:
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	}
}

/* ---- Identify --------------------------------------------------------------------------- */

/**
 * sim_id_primary_caps() - CNS 14h, Primary Controller Capabilities data structure
 * NVMe Base 2.1, section 5.1.13.2.14: of the primary controller that CNTID names.
 * Return: a status.
 */
uint16_t sim_id_primary_caps(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	const struct sim_subsys *s = req->ctrl->subsys;
	const uint16_t cntid = (uint16_t)(req->sqe.cdw10 >> 16);
	const struct sim_ctrl *c = cntid < SIM_MAX_CTRL ? s->ctrl[cntid] : NULL;
	struct nvme_primary_ctrl_cap *cap = (struct nvme_primary_ctrl_cap *)page;
	const struct sim_vpool *vq, *vi;

	if (!c || !c->virt.is_primary)
		return sim_bad_field(req, SIM_PEL_CDW(10, 16));
	vq = &c->virt.pool[SIM_VQ];
	vi = &c->virt.pool[SIM_VI];
	cap->cntlid = sim_le16(c->cntlid);
	cap->crt = CRT_VQ | CRT_VI;
	cap->vqfrt = sim_le32(vq->total);
	cap->vqrfa = sim_le32(vq->assigned);
	cap->vqrfap = sim_le16(vq->primary);
	cap->vqprt = sim_le16(vq->private);
	cap->vqfrsm = sim_le16(vq->max_sec);
	cap->vqgran = sim_le16(GRANULARITY);
	cap->vifrt = sim_le32(vi->total);
	cap->virfa = sim_le32(vi->assigned);
	cap->virfap = sim_le16(vi->primary);
	cap->viprt = sim_le16(vi->private);
	cap->vifrsm = sim_le16(vi->max_sec);
	cap->vigran = sim_le16(GRANULARITY);
	return SIM_OK;
}

/**
 * sim_id_secondary_list() - CNS 15h, Secondary Controller list
 * NVMe Base 2.1, section 5.1.13.2.15: those of the primary controller that processes the command,
 * up to 127 of them, from identifier CNTID on. No other controller has this CNS value.
 * Return: a status.
 */
uint16_t sim_id_secondary_list(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	const struct sim_fn *fn = req->ctrl->fn;
	const uint16_t cntid = (uint16_t)(req->sqe.cdw10 >> 16);
	struct nvme_secondary_ctrl_list *list = (struct nvme_secondary_ctrl_list *)page;

	if (!req->ctrl->virt.is_primary)
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	for (unsigned int i = 0; i < fn->max_vfs && list->num < NVME_ID_SECONDARY_CTRL_MAX; i++) {
		const struct sim_ctrl *c = fn->vfs[i]->ctrl;
		struct nvme_secondary_ctrl *e;

		if (c->cntlid < cntid)
			continue;
		e = &list->sc_entry[list->num++];
		e->scid = sim_le16(c->cntlid);
		e->pcid = sim_le16(req->ctrl->cntlid);
		e->scs = c->virt.state == SIM_VS_ONLINE ? SCS_ONLINE : 0;
		e->vfn = sim_le16(c->fn->vfn);
		e->nvq = sim_le16(c->virt.nr[SIM_VQ]);
		e->nvi = sim_le16(c->virt.nr[SIM_VI]);
	}
	return SIM_OK;
}
