/* SPDX-License-Identifier: MIT */
/*
 * nsmgmt.c - Namespace Management (NVMe Base 2.1, section 5.1.21; NVM Command Set 1.1, section
 * 4.1.6): namespaces that hosts create and delete, and their coming back after a restart.
 *
 * What makes a namespace exist, or not, is its record: it is written when the medium is there
 * already, or is there still. Who dies before has created, or deleted, nothing; what then lies
 * about of a medium is in the way of nobody.
 *
 * Capacity is counted in bytes of the media, data and metadata, in units of SIM_NS_GRANULARITY. No
 * capacity is promised twice: NCAP is NSZE. What of it really takes room is another matter (NUSE).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../ctrl/tables.h"
#include "../fdp/fdp.h"
#include "../ns/record.h"

#define SEL_CREATE 0
#define SEL_DELETE 1

#define NMIC_SHARED 0x01

uint64_t sim_unallocated(const struct sim_subsys *s)
{
	/* a capacity that was lowered does not take what hosts have */
	return s->capacity > s->allocated ? s->capacity - s->allocated : 0;
}

void sim_ns_place(struct sim_subsys *s, struct sim_ns *ns)
{
	s->ns[ns->nsid] = ns;
	s->allocated += ns->capacity;
}

/* ---- identifiers -------------------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void put_be64(uint8_t *p, uint64_t x)
{
	for (unsigned int i = 0; i < 8; i++)
		p[i] = (uint8_t)(x >> (56 - 8 * i));
}

static bool eui64_used(const struct sim_subsys *s, uint64_t eui64)
{
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++)
		if (s->ns[nsid] && s->ns[nsid]->p.eui64 == eui64)
			return true;
	return false;
}

/*
 * Identifiers no other namespace has: made of the subsystem's name, of the time, and of a count for
 * creations that share both. EUI64 has QEMU's OUI and an extension with its upper bit set, which none
 * of QEMU's own, small ones has; NGUID ends in the same; the UUID is of version 8 (RFC 9562).
 */
static void make_ids(struct sim_subsys *s, struct sim_ns_params *p)
{
	uint64_t name = 0xcbf29ce484222325, now, a, b;

	for (const char *ch = s->nqn; *ch; ch++)
		name = (name ^ (uint8_t)*ch) * 0x100000001b3;
	now = s->clock.now_ns(s->clock.opaque);
	a = mix(name ^ s->clock.wall_ms(s->clock.opaque));
	do {
		a = mix(a + now + ++s->nr_created);
		b = mix(a ^ name);
		p->eui64 = 0x5254008000000000 | (b & 0x7fffffffff);
	} while (eui64_used(s, p->eui64));
	put_be64(p->nguid, a);
	put_be64(p->nguid + 8, p->eui64);
	put_be64(p->uuid, a);
	put_be64(p->uuid + 8, b);
	p->uuid[6] = (p->uuid[6] & 0x0f) | 0x80;
	p->uuid[8] = (p->uuid[8] & 0x3f) | 0x80;
}

/* ---- create ------------------------------------------------------------------------------- */

/* what a create operation asks for, checked */
struct wish {
	struct sim_lbaf format;
	struct sim_ns_shape shape;
	uint64_t nsze, lbstm, bytes;
	bool shared;
	struct sim_ruhs ruhs;
};

/* Return: 0, or Insufficient Capacity with the bytes needed in Command Specific Information */
static uint16_t check_capacity(struct sim_req *req, struct wish *w)
{
	const uint64_t block = (1ull << w->format.lbads) + w->format.ms;
	const uint64_t most = (UINT64_MAX - SIM_NS_GRANULARITY) / block;

	w->bytes = w->nsze > most ? UINT64_MAX - (SIM_NS_GRANULARITY - 1) : w->nsze * block;
	w->bytes = (w->bytes + SIM_NS_GRANULARITY - 1) & ~(uint64_t)(SIM_NS_GRANULARITY - 1);
	if (w->nsze <= most && w->bytes <= sim_unallocated(req->ctrl->subsys) &&
	    req->ctrl->subsys->backing.make)
		return SIM_OK;
	req->err_cs = w->bytes;
	return SIM_NS_NO_CAPACITY;
}

/*
 * The endurance group and the placement handles. Where FDP is disabled in the group, these are not
 * looked at; where there is no group, there is nothing to name.
 */
static uint16_t parse_placement(const struct sim_subsys *s, const struct sim_ns_create *data,
				struct wish *w)
{
	const uint16_t endgid = sim_le16(data->endgid), nr = sim_le16(data->nphndls);

	if (!s->fdp)
		return endgid || nr ? SIM_INVALID_FIELD : SIM_OK;
	if (endgid && endgid != SIM_ENDGID)
		return SIM_INVALID_FIELD;
	if (!sim_fdp_enabled(s))
		return SIM_OK;
	if (nr > SIM_RUHS_MAX)
		return SIM_INVALID_HANDLES;
	w->ruhs.nr = nr;
	for (uint16_t i = 0; i < nr; i++)
		w->ruhs.ruhid[i] = sim_le16(data->phndl[i]);
	return sim_fdp_handles_check(s, &w->format, &w->ruhs);
}

/*
 * A zoned namespace has whole zones; NCAP is what can be written, or (for hosts that do not look at
 * zone capacities) all there is. The host's wishes for active and open resources and Zone Random Write
 * Areas are not looked at: these are as sim_zones_common() has them.
 */
static uint16_t parse_zoned(const struct sim_ns_params *p, const struct wish *w, uint64_t ncap)
{
	const uint64_t whole = sim_zones_fill(p, &w->format, w->nsze);

	if (!sim_zones_fill(p, &w->format, UINT64_MAX))
		return SIM_INVALID_FORMAT;
	if (whole != w->nsze)
		return SIM_INVALID_FIELD;
	return ncap == w->nsze || ncap == sim_zones_capacity(p, &w->format, whole) ?
		       SIM_OK :
		       SIM_THIN_NOT_SUPPORTED;
}

/*
 * The host's fields (NVM Command Set 1.1, section 4.1.6). There are no NVM Sets to name, and the ANA
 * group is not the host's to choose (ANACAP's ANAGIDS is 0). The extended protection information
 * formats are for hosts that know them (LBAFEE).
 */
static uint16_t parse(struct sim_req *req, const struct sim_ns_create *data,
		      const struct sim_ns_params *p, struct wish *w)
{
	struct sim_lbaf formats[SIM_LBAF_MAX];
	const uint8_t nr = sim_ns_formats(formats, NULL);
	const bool lbafee = req->ctrl->feat.host_behavior[SIM_HBS_LBAFEE];
	uint64_t ncap = sim_le64(data->ncap);
	uint16_t status;

	*w = (struct wish){
		.shape = {
			.lbaf = (data->flbas & 0xf) | (lbafee ? data->flbas >> 1 & 0x30 : 0),
			.extended = data->flbas >> 4 & 1,
			.pi = data->dps & 7,
			.pi_first = data->dps >> 3 & 1,
		},
		.nsze = sim_le64(data->nsze),
		.lbstm = sim_le64(data->lbstm),
		.shared = data->nmic & NMIC_SHARED,
	};
	if (!w->nsze || ncap > w->nsze || data->nmic & ~NMIC_SHARED || data->dps >> 4 ||
	    data->nvmsetid)
		return SIM_INVALID_FIELD;
	if (data->anagrpid)
		return SIM_ANA_GROUP_INVALID;
	status = sim_ns_shape_check(formats, nr, &w->shape);
	if (status)
		return status;
	w->format = formats[w->shape.lbaf];
	if (sim_ns_shape_extended(&w->format) && !lbafee)
		return SIM_INVALID_NS;
	if (p->zoned.on)
		status = parse_zoned(p, w, ncap);
	else if (ncap < w->nsze)
		status = SIM_THIN_NOT_SUPPORTED;
	if (status)
		return status;
	return parse_placement(req->ctrl->subsys, data, w);
}

/* a namespace on @st. What one that was deleted has left behind, if anything, is dropped first */
static struct sim_ns *make_ns(struct sim_subsys *s, const struct sim_ns_params *p,
			      const struct wish *w)
{
	struct sim_msg msg;
	struct sim_ns *ns = sim_ns_create(s, p, &w->shape, w->nsze, w->lbstm, &msg);
	struct sim_ns_rec rec;

	if (!ns || sim_ns_rec_get(s, p->nsid, &rec))
		return ns;
	sim_ns_free(ns, true);
	ns = sim_ns_create(s, p, &w->shape, w->nsze, w->lbstm, &msg);
	if (ns)
		ns->conf_deleted = rec.conf_deleted;
	return ns;
}

static uint16_t create(struct sim_req *req)
{
	struct sim_subsys *s = req->ctrl->subsys;
	struct sim_ns_params p;
	struct sim_ns_create data;
	struct sim_store *st;
	struct sim_ns *ns;
	const uint8_t csi = (uint8_t)(req->sqe.cdw11 >> 24);
	struct wish w;
	uint16_t status;
	int err;

	if (csi != NVME_CSI_NVM && (csi != NVME_CSI_ZNS || s->fdp)) {
		req->err_loc = SIM_PEL_CDW(11, 24);
		return SIM_IOCS_NOT_SUPPORTED;
	}
	sim_ns_params_created(&p);
	if (csi == NVME_CSI_ZNS)
		sim_zones_common(s, &p);
	status = sim_xfer(req, SIM_DMA_READ, &data, sizeof(data));
	if (!status)
		status = parse(req, &data, &p, &w);
	if (status)
		return status;

	for (p.nsid = 1; p.nsid <= SIM_NN && s->ns[p.nsid]; p.nsid++)
		;
	if (p.nsid > SIM_NN)
		return SIM_NS_NO_ID;
	status = check_capacity(req, &w);
	if (status)
		return status;
	p.logical_block_size = p.physical_block_size = 1u << w.format.lbads;
	p.ms = w.format.ms;
	p.shared = w.shared;
	p.ruhs = w.ruhs;
	make_ids(s, &p);

	err = s->backing.make(s->backing.opaque, p.nsid, w.bytes, &st);
	if (err) {
		req->err_cs = w.bytes;
		return err == SIM_ENOSPC ? SIM_NS_NO_CAPACITY : SIM_INTERNAL;
	}
	st->fresh = true; /* whatever is known of an older one in its place */
	p.store = st;
	ns = make_ns(s, &p, &w);
	if (!ns)
		goto drop;
	ns->created = ns->formatted = true;
	if (sim_ns_save(ns))
		goto free_ns;
	sim_ns_place(s, ns);
	req->result = p.nsid;
	return SIM_OK;

free_ns:
	sim_ns_free(ns, true);
drop:
	s->backing.drop(s->backing.opaque, p.nsid, st);
	return SIM_INTERNAL;
}

/* ---- delete ------------------------------------------------------------------------------- */

/*
 * Whether a namespace can be deleted now: it counts as a write for reservations (figure 646), is
 * not among what write protection lets through (figure 623), and needs the namespace to be within
 * this controller's reach (8.1.1.10).
 */
static uint16_t check_delete(struct sim_req *req, struct sim_ns *ns)
{
	uint16_t status = SIM_OK;

	if (atomic_load(&ns->format_left))
		return SIM_FORMAT_IN_PROGRESS;
	if (sim_ns_attached(req->ctrl, ns->nsid))
		status = sim_ana_check(req, ns);
	if (!status && (atomic_load(&ns->wp) != SIM_WP_NONE || ns->p.store->readonly))
		status = SIM_NS_WRITE_PROTECTED;
	return status ? status : sim_resv_check(req, ns, SIM_RESV_WRITE);
}

static uint16_t delete_one(struct sim_req *req, struct sim_ns *ns)
{
	struct sim_subsys *s = ns->subsys;
	struct sim_store *st = ns->p.store;
	const bool created = ns->created;
	const uint32_t nsid = ns->nsid;
	struct sim_ns_rec rec = {
		.life = SIM_NS_NONE,
		.conf_deleted = !created || ns->conf_deleted,
	};

	if (sim_ns_rec_put(s, nsid, &rec))
		return SIM_INTERNAL;
	sim_detach_all(ns, req->ctrl);
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (s->ctrl[i])
			s->ctrl[i]->ana[nsid] = 0;
	s->ns[nsid] = NULL;
	s->allocated -= ns->capacity;
	sim_ns_free(ns, true);
	if (created)
		s->backing.drop(s->backing.opaque, nsid, st);
	return SIM_OK;
}

static uint16_t delete(struct sim_req *req)
{
	struct sim_subsys *s = req->ctrl->subsys;
	const uint32_t nsid = req->sqe.nsid;
	const bool all = nsid == SIM_NSID_ALL;
	const uint32_t first = all ? 1 : nsid, last = all ? SIM_NN : nsid;
	uint16_t status = SIM_OK;

	if (!all && (!nsid || nsid > SIM_NN)) {
		req->err_loc = SIM_PEL_NSID;
		return SIM_INVALID_NS;
	}
	if (!all && !s->ns[nsid])
		return sim_bad_field(req, SIM_PEL_NSID);
	for (uint32_t i = first; i <= last && !status; i++)
		if (s->ns[i])
			status = check_delete(req, s->ns[i]);
	for (uint32_t i = first; i <= last && !status; i++)
		if (s->ns[i])
			status = delete_one(req, s->ns[i]);
	return status;
}

/**
 * sim_ns_management() - Namespace Management command
 *
 * NVMe Base 2.1, section 5.1.21. CDW10 SEL: 0h create, its CSI in CDW11 and its fields in the data,
 * the new NSID in dword 0; 1h delete, NSID FFFFFFFFh for all. A namespace is deleted with all its
 * attachments; a configured one leaves its store alone. Every controller that had it but the one at
 * work sends the Attached Namespace Attribute Changed event (section 8.1.15.2).
 * Return: a status.
 */
uint16_t sim_ns_management(struct sim_req *req)
{
	switch (req->sqe.cdw10 & 0xf) {
	case SEL_CREATE:
		return create(req);
	case SEL_DELETE:
		return delete(req);
	default:
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	}
}

/* ---- after a restart ---------------------------------------------------------------------- */

static int restore_one(struct sim_subsys *s, uint32_t nsid, const struct sim_ns_rec *rec,
		       struct sim_msg *msg)
{
	struct sim_ns_params p;
	struct sim_ns *ns;
	int err = SIM_ENOENT;

	sim_ns_rec_params(s, rec, nsid, &p);
	if (s->backing.open)
		err = s->backing.open(s->backing.opaque, nsid, &p.store);
	if (err) {
		snprintf(msg->text, sizeof(msg->text),
			 "namespace %" PRIu32 ", which a host created, has lost its medium", nsid);
		return err;
	}
	/* no drop on failure: the medium is the only copy */
	ns = sim_ns_new(s, &p, msg);
	if (!ns)
		return SIM_EINVAL;
	sim_ns_place(s, ns);
	sim_attach_ns(ns, NULL);
	return 0;
}

int sim_subsys_restore(struct sim_subsys *s, struct sim_msg *msg)
{
	struct sim_ns_rec rec;
	int err = 0;

	sim_write_lock(&s->lock);
	for (uint32_t nsid = 1; nsid <= SIM_NN && !err; nsid++) {
		if (s->ns[nsid])
			continue;
		err = sim_ns_rec_get(s, nsid, &rec);
		if (err == SIM_ENOENT)
			err = 0;
		else if (err)
			snprintf(msg->text, sizeof(msg->text),
				 "what is recorded of namespace %" PRIu32 " cannot be read", nsid);
		else if (rec.life == SIM_NS_CREATED)
			err = restore_one(s, nsid, &rec, msg);
	}
	sim_write_unlock(&s->lock);
	return err;
}
