/* SPDX-License-Identifier: MIT */
/*
 * ns.c - making a namespace.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fdp/fdp.h"
#include "ns.h"
#include "record.h"
#include "zone.h"

#define STS_32 16 /* the least Storage Tag a 32-bit guard comes with (5.3.1.4) */

static uint8_t log2_of(uint32_t bytes)
{
	uint8_t n = 0;

	while (bytes >>= 1)
		n++;
	return n;
}

/*
 * The format the parameters describe. Without protection information QEMU does not look at pif; it
 * still says what a Format of this namespace to the same format could enable.
 */
static void own_format(const struct sim_ns_params *p, struct sim_lbaf *f)
{
	*f = (struct sim_lbaf){ .lbads = log2_of(p->logical_block_size), .ms = p->ms };
	if (p->pif <= SIM_PIF_64 && p->ms >= sim_pi_tuple_len(p->pif))
		f->pif = p->pif;
	if (f->pif == SIM_PIF_32)
		f->sts = STS_32;
}

/* a namespace with no format yet */
static struct sim_ns *alloc(struct sim_subsys *s, const struct sim_ns_params *p,
			    const struct sim_lbaf *own, struct sim_msg *msg)
{
	struct sim_ns *ns = calloc(1, sizeof(*ns));

	if (!ns) {
		snprintf(msg->text, sizeof(msg->text), "no memory for a namespace");
		return NULL;
	}
	ns->subsys = s;
	ns->p = *p;
	ns->nsid = p->nsid;
	ns->anagrpid = p->nsid;
	ns->wc_enabled = p->write_cache;
	ns->capacity = p->store->size;
	ns->csi = p->zoned.on ? NVME_CSI_ZNS : NVME_CSI_NVM;
	ns->nlbaf = sim_ns_formats(ns->lbafs, own);
	ns->wp = sim_wp_load(s, ns->nsid);
	ns->resv = sim_resv_new(ns);
	if (!ns->resv) {
		snprintf(msg->text, sizeof(msg->text), "no memory for a namespace");
		free(ns);
		return NULL;
	}
	return ns;
}

/* what hosts made of it in an earlier life */
static void take_record(struct sim_ns *ns)
{
	struct sim_ns_rec rec;

	if (!sim_ns_rec_get(ns->subsys, ns->nsid, &rec))
		sim_ns_rec_apply(ns, &rec);
}

/*
 * The media of a namespace that has its format, and the end of what an earlier process left half
 * done. Return: @ns, or NULL with @ns gone.
 */
static struct sim_ns *open_media(struct sim_ns *ns, bool formatting, struct sim_msg *msg)
{
	struct sim_media_params mp;

	if (ns->p.store->fresh && sim_zones_drop(ns->subsys, ns->nsid)) {
		snprintf(msg->text, sizeof(msg->text),
			 "the zones of namespace %" PRIu32 " cannot be recorded", ns->nsid);
		goto free_ns;
	}
	if (ns->p.zoned.on && sim_zones_check(ns, msg))
		goto free_ns;
	sim_ns_media_params(ns, &mp);
	if (sim_media_open(&ns->media, &mp, msg))
		goto free_ns;
	if (ns->p.zoned.on && sim_zones_open(ns, formatting, msg))
		goto close;
	if (formatting && sim_format_recover(ns)) {
		snprintf(msg->text, sizeof(msg->text),
			 "the Format of namespace %" PRIu32 " that was interrupted cannot be finished",
			 ns->nsid);
		goto close;
	}
	if (sim_fdp_ns_open(ns, msg))
		goto close;
	return ns;

close:
	sim_zones_close(ns, false);
	sim_media_close(&ns->media, false);
free_ns:
	sim_resv_free(ns, false);
	free(ns);
	return NULL;
}

/* a namespace is of one command set for ever; on a medium made just now, it is another namespace */
static bool same_set(struct sim_ns *ns, struct sim_msg *msg)
{
	const bool zoned = ns->p.zoned.on, fresh = ns->p.store->fresh;
	const bool was = !fresh && sim_zones_was(ns->subsys, ns->nsid);
	const uint8_t csi = zoned ? NVME_CSI_ZNS : NVME_CSI_NVM;

	if (fresh || (ns->csi == csi && (zoned || !was))) {
		ns->csi = csi;
		return true;
	}
	snprintf(msg->text, sizeof(msg->text),
		 "namespace %" PRIu32 " was made %s zones, which is for ever; zoned is %s now",
		 ns->nsid, zoned ? "without" : "with", zoned ? "on" : "off");
	return false;
}

struct sim_ns *sim_ns_new(struct sim_subsys *s, const struct sim_ns_params *p, struct sim_msg *msg)
{
	struct sim_ns_shape shape = { .extended = p->mset, .pi = p->pi, .pi_first = p->pil };
	struct sim_ns_params np = *p;
	struct sim_lbaf own;
	struct sim_ns *ns;
	bool formatting;

	if (!sim_ns_params_check(s, &np, msg))
		return NULL;
	own_format(&np, &own);
	ns = alloc(s, &np, &own, msg);
	if (!ns)
		return NULL;
	shape.lbaf = sim_ns_find_format(ns->lbafs, ns->nlbaf, &own);
	sim_ns_set_shape(ns, &shape, 0);
	take_record(ns);
	ns->restored = ns->created;
	formatting = sim_format_take(ns);
	if (same_set(ns, msg))
		return open_media(ns, formatting, msg);
	sim_resv_free(ns, false);
	free(ns);
	return NULL;
}

struct sim_ns *sim_ns_create(struct sim_subsys *s, const struct sim_ns_params *p,
			     const struct sim_ns_shape *shape, uint64_t nsze, uint64_t lbstm,
			     struct sim_msg *msg)
{
	struct sim_ns *ns = alloc(s, p, NULL, msg);

	if (!ns)
		return NULL;
	ns->created = true;
	sim_ns_set_shape(ns, shape, nsze);
	ns->pi.lbstm &= lbstm;
	return open_media(ns, false, msg);
}

void sim_ns_free(struct sim_ns *ns, bool forget)
{
	sim_format_drop(ns, forget);
	sim_zones_close(ns, forget);
	if (forget)
		sim_zones_drop(ns->subsys, ns->nsid);
	sim_fdp_ns_close(ns, forget);
	sim_media_close(&ns->media, forget);
	if (forget)
		sim_wp_save(ns->subsys, ns->nsid, SIM_WP_NONE);
	sim_resv_free(ns, forget);
	free(ns);
}
