/* SPDX-License-Identifier: MIT */
/*
 * zone_id.c - what a zoned namespace says of its zones: Identify, figures 48 and 49.
 */
#include "zone.h"

/* MAR, MOR: 0's based; all ones: no limit */
static uint32_t limit(uint32_t max)
{
	return sim_le32(max ? max - 1 : UINT32_MAX);
}

static void fill_lbafe(const struct sim_ns_params *p, const struct sim_lbaf *lbafs, uint8_t nlbaf,
		       struct nvme_zns_id_ns *id)
{
	for (uint8_t i = 0; i < nlbaf; i++)
		id->lbafe[i] = (struct nvme_zns_lbafe){
			.zsze = sim_le64(sim_zone_blocks(p, &lbafs[i], false)),
			.zdes = (uint8_t)(p->zoned.descr_ext_size / 64),
		};
}

/*
 * ZOC is 0: no zone's capacity changes, and none is finished by the controller of its own accord;
 * when someone has it done from outside (sim_zone_act()) that is a fault which is simulated. No
 * limits of time come with the recommendations (RRL, FRL and theirs are 0).
 */
void sim_ns_fill_zns(const struct sim_ns *ns, struct nvme_zns_id_ns *id)
{
	const struct sim_zones *zs = ns->zones;

	id->ozcs = sim_le16((zs->cross_read ? SIM_OZCS_RAZB : 0) |
			    (zs->zrwasz ? SIM_OZCS_ZRWASUP : 0));
	id->mar = limit(zs->max_active);
	id->mor = limit(zs->max_open);
	if (zs->zrwasz) {
		id->numzrwa = sim_le32(zs->numzrwa - 1);
		id->zrwafg = sim_le16((uint16_t)zs->zrwafg);
		id->zrwasz = sim_le16((uint16_t)zs->zrwasz);
		id->zrwacap = SIM_ZRWACAP_EXPFLUSHSUP;
	}
	fill_lbafe(&ns->p, ns->lbafs, ns->nlbaf, id);
}

void sim_ns_fill_zns_common(const struct sim_subsys *s, struct nvme_zns_id_ns *id)
{
	struct sim_lbaf lbafs[SIM_LBAF_MAX];
	struct sim_ns_params p = { 0 };

	sim_zones_common(s, &p);
	fill_lbafe(&p, lbafs, sim_ns_formats(lbafs, NULL), id);
}
