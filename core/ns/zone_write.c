/* SPDX-License-Identifier: MIT */
/*
 * zone_write.c - what commands on blocks ask of zones: sections 2.1.1.2.1.1, 2.1.1.2.1.2, 3.3, and
 * the Zone Append command (3.4.1).
 */
#include "rw.h"
#include "zone.h"

#define CDW12_PIREMAP (1u << 25)
#define PEL_PIREMAP   SIM_PEL_CDW(12, 25)

/* where a zone that has a Zone Random Write Area can be written: the area, and as much behind it */
static bool in_reach(const struct sim_zones *zs, uint64_t wp, uint64_t at, uint64_t nlb)
{
	const uint64_t end = wp + 2ull * zs->zrwasz;

	return at >= wp && at < end && nlb <= end - at;
}

/* the zone is locked. Return: 0 or a status */
static uint16_t check(struct sim_zone_write *w, bool append)
{
	const struct sim_zones *zs = w->zs;
	const uint64_t wp = zw_wp(w->word);
	const bool zrwa = zw_attrs(w->word) & ZA_ZRWAV;
	enum sim_zst next;
	uint16_t status = sim_zone_ask(zw_state(w->word), ZEV_WRITE, &next);

	if (status)
		return status;
	if (append && zrwa)
		return SIM_ZONE_OPERATION;
	if (append)
		w->at = wp;
	else if (zrwa ? !in_reach(zs, wp, w->at, w->nlb) : w->at != wp)
		return SIM_ZONE_INVALID_WRITE;
	return w->at > zs->zcap || w->nlb > zs->zcap - w->at ? SIM_ZONE_BOUNDARY : SIM_OK;
}

uint16_t sim_zone_write_begin(struct sim_zone_write *w, struct sim_req *req, struct sim_ns *ns,
			      uint64_t slba, uint64_t nlb, bool append)
{
	const struct sim_zone_want want = { .make_room = !req->ctrl->p.no_auto_transition };
	struct sim_zones *zs = ns->zones;
	uint16_t status;

	w->zs = zs;
	w->zone = sim_zone_of(zs, slba);
	w->at = slba - w->zone * zs->zsze;
	w->nlb = nlb;
	w->old = w->word = sim_zone_lock(zs, w->zone);
	status = check(w, append);
	if (!status)
		status = sim_zone_step(zs, w->zone, &w->word, ZEV_WRITE, want);
	if (status) {
		sim_zone_unlock(zs, w->zone, w->word);
		req->err_lba = slba;
		return status;
	}
	w->slba = w->zone * zs->zsze + w->at;
	return SIM_OK;
}

/* a write beyond the Zone Random Write Area commits what has to leave it, in whole granularities */
static uint64_t wp_after(const struct sim_zone_write *w)
{
	const struct sim_zones *zs = w->zs;
	const uint64_t wp = zw_wp(w->word), end = w->at + w->nlb;
	uint64_t beyond;

	if (!(zw_attrs(w->word) & ZA_ZRWAV))
		return end;
	if (end <= wp + zs->zrwasz)
		return wp;
	beyond = (end - wp - zs->zrwasz + zs->zrwafg - 1) / zs->zrwafg * zs->zrwafg;
	return wp + beyond < zs->zcap ? wp + beyond : zs->zcap;
}

void sim_zone_move_wp(struct sim_zones *zs, uint64_t z, uint64_t *word, uint64_t wp)
{
	uint64_t new = zw_make(zw_state(*word), zw_attrs(*word), wp);

	if (wp == zs->zcap) {
		/* full at once: an active zone with nothing left to write cannot be */
		sim_zone_step(zs, z, &new, ZEV_FILL, (struct sim_zone_want){ 0 });
	}
	*word = new;
}

void sim_zone_write_end(struct sim_zone_write *w, uint16_t status)
{
	struct sim_zones *zs = w->zs;

	if (!status) {
		sim_zone_move_wp(zs, w->zone, &w->word, wp_after(w));
	} else {
		/* what an earlier command has put into a Zone Random Write Area stays */
		if (!(zw_attrs(w->word) & ZA_ZRWAV))
			sim_media_zero(&zs->ns->media, NULL, w->slba, w->nlb, true);
		sim_zone_back(zs, w->zone, w->word, w->old);
		w->word = w->old;
	}
	sim_zone_unlock(zs, w->zone, w->word);
}

/* ---- reading -------------------------------------------------------------------------------- */

static bool offline(const struct sim_zones *zs, uint64_t z)
{
	return zw_state(sim_zone_peek(zs, z)) == ZST_OFFLINE;
}

uint16_t sim_zone_check_online(struct sim_req *req, const struct sim_ns *ns, uint64_t slba,
			       uint64_t nlb)
{
	const struct sim_zones *zs = ns->zones;
	uint64_t z, last;

	if (!nlb || !atomic_load_explicit(&zs->nr_offline, memory_order_relaxed))
		return SIM_OK;
	last = sim_zone_of(zs, slba + nlb - 1);
	for (z = sim_zone_of(zs, slba); z <= last; z++) {
		if (!offline(zs, z))
			continue;
		req->err_lba = z * zs->zsze > slba ? z * zs->zsze : slba;
		return SIM_ZONE_OFFLINE;
	}
	return SIM_OK;
}

uint16_t sim_zone_check_read(struct sim_req *req, const struct sim_ns *ns, uint64_t slba,
			     uint64_t nlb)
{
	const struct sim_zones *zs = ns->zones;
	const uint64_t first = sim_zone_of(zs, slba);

	if (!zs->cross_read && slba + nlb > (first + 1) * zs->zsze) {
		req->err_lba = offline(zs, first) ? slba : (first + 1) * zs->zsze;
		return offline(zs, first) ? SIM_ZONE_OFFLINE : SIM_ZONE_BOUNDARY;
	}
	return sim_zone_check_online(req, ns, slba, nlb);
}

/* ---- Zone Append ---------------------------------------------------------------------------- */

/* section 4.1.5.2: ZASL; 0 is MDTS, which sim_rw_start() looks at in any case */
static uint16_t check_size(struct sim_req *req)
{
	const uint8_t zasl = req->ctrl->p.zasl;
	struct sim_pi_cmd pi;

	sim_pi_fields(&pi, &req->ns->pi, 0, req->sqe.cdw12 >> 26 & 0xf, false, 0, 0, 0, 0);
	if (zasl &&
	    sim_rw_bytes(req, sim_nlb(req), req->ns->ms && !sim_pi_alone(&pi)) > 4096ull << zasl)
		return sim_bad_field(req, PEL_NLB);
	return SIM_OK;
}

uint16_t sim_zone_check_append(struct sim_req *req)
{
	const struct sim_ns *ns = req->ns;
	const struct sim_zones *zs = ns->zones;
	const uint64_t zslba = sim_slba(req);
	uint16_t status = sim_check_range(req, ns, zslba, 1);

	if (status) {
		req->err_loc = PEL_SLBA;
		return status;
	}
	if (zslba != sim_zone_of(zs, zslba) * zs->zsze)
		return sim_bad_field(req, PEL_SLBA);
	return check_size(req);
}

/**
 * sim_zone_append() - Zone Append
 *
 * Section 3.4.1: a Write to where the zone's write pointer is; dwords 0 and 1 say where that was.
 * With PIREMAP the reference tags on the medium count from there (3.4.1.1), which Type 1 needs and
 * Type 3 has no use for.
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_zone_append(struct sim_req *req)
{
	const uint8_t type = req->ns->pi.type;
	const bool remap = req->sqe.cdw12 & CDW12_PIREMAP;
	uint16_t status = sim_zone_check_append(req);
	struct sim_rw c;

	if (!status && ((type == 1 && !remap) || (type == 3 && remap))) {
		req->err_loc = PEL_PIREMAP;
		status = SIM_INVALID_PI;
	}
	if (!status)
		status = sim_rw_append(&c, req, type && remap);
	if (status)
		return status;
	req->result = c.slba;
	return sim_write_durable(req);
}
