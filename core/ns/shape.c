/* SPDX-License-Identifier: MIT */
/*
 * shape.c - the LBA formats that namespaces offer, and which of them one is in.
 * NVM Command Set 1.1, figures 114 (FLBAS, DPS), 116 (LBAF), 119 (ELBAF) and section 5.3.1.
 */
#include <string.h>

#include "ns.h"
#include "zone.h"

/*
 * What every namespace offers. The first eight are QEMU's, with QEMU's numbers. The others are
 * what the extended protection information formats need: blocks of at least 4 KiB for guards of 32
 * and 64 bits (5.3.1.2, 5.3.1.3), and of the Storage and Reference Space at least 16 bits of
 * Storage Tag with a 32-bit guard (5.3.1.4); the last says its guard in QPIF.
 */
static const struct sim_lbaf common[] = {
	{ .lbads = 9, .ms = 0 },
	{ .lbads = 9, .ms = 8 },
	{ .lbads = 9, .ms = 16 },
	{ .lbads = 9, .ms = 64 },
	{ .lbads = 12, .ms = 0 },
	{ .lbads = 12, .ms = 8 },
	{ .lbads = 12, .ms = 16 },
	{ .lbads = 12, .ms = 64 },
	{ .lbads = 12, .ms = 8, .pif = SIM_PIF_16, .sts = 16 },
	{ .lbads = 12, .ms = 16, .pif = SIM_PIF_32, .sts = 16 },
	{ .lbads = 12, .ms = 16, .pif = SIM_PIF_64, .sts = 0 },
	{ .lbads = 12, .ms = 16, .pif = SIM_PIF_64, .sts = 24 },
	{ .lbads = 12, .ms = 64, .pif = SIM_PIF_32, .sts = 48 },
	{ .lbads = 12, .ms = 64, .pif = SIM_PIF_64, .sts = 0 },
	{ .lbads = 12, .ms = 64, .pif = SIM_PIF_64, .sts = 32, .qualified = true },
};
#define NR_COMMON (sizeof(common) / sizeof(common[0]))
_Static_assert(NR_COMMON + 1 <= SIM_LBAF_MAX, "room for a configured one");

static bool same_format(const struct sim_lbaf *a, const struct sim_lbaf *b)
{
	return a->lbads == b->lbads && a->ms == b->ms && a->pif == b->pif && a->sts == b->sts &&
	       a->qualified == b->qualified;
}

uint8_t sim_ns_formats(struct sim_lbaf lbafs[SIM_LBAF_MAX], const struct sim_lbaf *own)
{
	uint8_t n = NR_COMMON;

	memset(lbafs, 0, SIM_LBAF_MAX * sizeof(lbafs[0]));
	memcpy(lbafs, common, sizeof(common));
	if (own && sim_ns_find_format(lbafs, n, own) == n)
		lbafs[n++] = *own;
	return n;
}

uint8_t sim_ns_find_format(const struct sim_lbaf *lbafs, uint8_t nlbaf, const struct sim_lbaf *want)
{
	uint8_t i = 0;

	while (i < nlbaf && !same_format(&lbafs[i], want))
		i++;
	return i;
}

uint16_t sim_ns_shape_check(const struct sim_lbaf *lbafs, uint8_t nlbaf,
			    const struct sim_ns_shape *shape)
{
	if (shape->lbaf >= nlbaf)
		return SIM_INVALID_FORMAT;
	if (shape->pi > 3)
		return SIM_INVALID_FIELD;
	if (shape->pi && lbafs[shape->lbaf].ms < sim_pi_tuple_len(lbafs[shape->lbaf].pif))
		return SIM_INVALID_FORMAT;
	return SIM_OK;
}

bool sim_ns_shape_extended(const struct sim_lbaf *f)
{
	return f->pif != SIM_PIF_16 || f->sts;
}

uint64_t sim_ns_blocks_in(const struct sim_lbaf *f, uint64_t bytes)
{
	return bytes / ((1ull << f->lbads) + f->ms);
}

/*
 * MSET says nothing of a format without metadata, PIL nothing without protection information, and
 * no mask has been chosen for the Storage Tag: all of its bits are compared.
 */
void sim_ns_set_shape(struct sim_ns *ns, const struct sim_ns_shape *shape, uint64_t nsze)
{
	const struct sim_lbaf *f = &ns->lbafs[shape->lbaf];
	const uint64_t most = sim_ns_blocks_in(f, ns->p.store->size);
	struct sim_pi_fmt pi = { .type = shape->pi,
				 .pif = f->pif,
				 .sts = f->sts,
				 .ms = f->ms,
				 .lbads = f->lbads,
				 .lbstm = f->sts ? UINT64_MAX >> (64 - f->sts) : 0 };

	if (pi.type) {
		pi.len = sim_pi_tuple_len(f->pif);
		pi.off = shape->pi_first ? 0 : (uint16_t)(f->ms - pi.len);
	}
	ns->lbaf = shape->lbaf;
	ns->lbads = f->lbads;
	ns->ms = f->ms;
	ns->extended = shape->extended && f->ms;
	ns->pi_first = shape->pi_first && pi.type;
	ns->pi = pi;
	ns->nsze = nsze && nsze < most ? nsze : most;
	ns->ncap = ns->nsze;
	if (ns->p.zoned.on) {
		ns->nsze = sim_zones_fill(&ns->p, f, ns->nsze);
		ns->ncap = sim_zones_capacity(&ns->p, f, ns->nsze);
	}
}

void sim_ns_get_shape(const struct sim_ns *ns, struct sim_ns_shape *shape)
{
	*shape = (struct sim_ns_shape){
		.lbaf = ns->lbaf,
		.extended = ns->extended,
		.pi = ns->pi.type,
		.pi_first = ns->pi_first,
	};
}

void sim_ns_media_params(const struct sim_ns *ns, struct sim_media_params *p)
{
	*p = (struct sim_media_params){
		.subsys = ns->subsys,
		.store = ns->p.store,
		.nsid = ns->nsid,
		.lbads = ns->lbads,
		.ms = ns->ms,
		.pi_off = ns->pi.off,
		.pi_len = ns->pi.len,
		.nr = ns->nsze,
	};
}
