/* SPDX-License-Identifier: MIT */
/*
 * zone_step.h - what random commands do to a zoned namespace: each step is a command or a few, of a
 * kind picked by weight, mostly such as are right.
 *
 * @own: zones are shared out between %ZS_SHARERS workers, and the step is to keep to the worker's.
 */
#ifndef TESTS_ZONE_STEP_H
#define TESTS_ZONE_STEP_H

#include "zone_rnd.h"

#define ZS_SHARERS 4

/* a zone the worker may use: any, or one of its own */
static inline uint64_t zs_pick_zone(struct zworker *w, bool own)
{
	return own ? zr_below(w, w->g->zones / ZS_SHARERS) * ZS_SHARERS + w->index
		   : zr_below(w, w->g->zones);
}

/* mostly where it is right to write */
static inline uint64_t write_at(struct zworker *w, uint64_t z)
{
	const struct zm_zone *m = &w->m.zone[z];
	uint64_t lba = m->wp;

	if (m->attrs & ZM_ZRWAV)
		lba += zr_below(w, 2 * w->g->zrwas + 2);
	if (!zr_below(w, 16))
		lba = z * w->g->zsze + zr_below(w, w->g->zsze);
	return lba / w->g->zsze == z ? lba : z * w->g->zsze;
}

/* now and then just to the end of the zone's capacity, or one too many */
static inline uint32_t write_len(struct zworker *w, uint64_t z)
{
	const uint64_t limit = z * w->g->zsze + w->g->zcap, wp = w->m.zone[z].wp;

	if (!zr_below(w, 6) && wp < limit && limit - wp < ZR_MAX_NLB)
		return (uint32_t)(limit - wp) + (zr_below(w, 3) ? 0 : 1);
	return 1 + zr_below(w, ZR_MAX_NLB / 2);
}

/* blocks to read, in the zone or (two in a hundred) out of it */
static inline bool readable(struct zworker *w, uint64_t z, uint64_t *lba, uint32_t *nlb, bool own)
{
	uint64_t at = zr_below(w, w->g->zsze);

	*nlb = 1 + zr_below(w, ZR_MAX_NLB);
	*lba = z * w->g->zsze + at;
	if (zr_below(w, 50) || (own && w->g->cross_read))
		while (at + *nlb > w->g->zsze)
			*nlb = 1 + zr_below(w, ZR_MAX_NLB < w->g->zsze ? ZR_MAX_NLB : 1);
	return true;
}

static inline bool do_write(struct zworker *w, uint64_t z, bool own)
{
	static const uint8_t op[] = { OP_WRITE, OP_WRITE,	 OP_WRITE,
				      OP_WRITE, OP_WRITE_ZEROES, OP_WRITE_UNCOR };

	return zr_write(w, op[zr_below(w, 6)], write_at(w, z), write_len(w, z));
}

static inline bool do_append(struct zworker *w, uint64_t z, bool own)
{
	const uint64_t off = zr_below(w, 40) ? 0 : zr_below(w, w->g->zsze);

	return zr_append(w, z * w->g->zsze + off, write_len(w, z));
}

static inline bool do_read(struct zworker *w, uint64_t z, bool own)
{
	uint64_t lba;
	uint32_t nlb;

	return readable(w, z, &lba, &nlb, own) && zr_read(w, lba, nlb);
}

static inline bool do_compare(struct zworker *w, uint64_t z, bool own)
{
	uint64_t lba;
	uint32_t nlb;

	readable(w, z, &lba, &nlb, own);
	return zr_below(w, 2) ? zr_compare(w, lba, nlb) : zr_verify(w, lba, nlb);
}

static inline bool do_copy(struct zworker *w, uint64_t z, bool own)
{
	uint64_t from;
	uint32_t nlb;

	readable(w, zs_pick_zone(w, own), &from, &nlb, own);
	return zr_copy(w, from, write_at(w, z), nlb);
}

static inline bool do_deallocate(struct zworker *w, uint64_t z, bool own)
{
	const uint32_t at = zr_below(w, w->g->zsze);

	return zr_deallocate(w, z * w->g->zsze + at, 1 + zr_below(w, w->g->zsze - at));
}

static inline bool do_send(struct zworker *w, uint64_t z, bool own)
{
	static const uint8_t zsa[] = { ZSA_OPEN,   ZSA_OPEN,  ZSA_CLOSE,   ZSA_CLOSE,
				       ZSA_FINISH, ZSA_RESET, ZSA_OFFLINE, 0x07 };
	const uint64_t off = zr_below(w, 40) ? 0 : zr_below(w, w->g->zsze);

	return zr_send(w, zsa[zr_below(w, sizeof(zsa))], z * w->g->zsze + off, false);
}

/* a zone begins anew: with an extension, with a ZRWA, as either allows */
static inline bool do_begin(struct zworker *w, uint64_t z, bool own)
{
	const uint64_t zslba = z * w->g->zsze;
	const uint8_t state = w->m.zone[z].state;
	const bool can = state == ZM_EMPTY;

	if ((state == ZM_FULL || !zr_below(w, 3)) && !zr_send(w, ZSA_RESET, zslba, false))
		return false;
	if (zr_below(w, 2))
		return zr_send(w, ZSA_SET_EXT, zslba, can && w->g->zrwas && zr_below(w, 2));
	/* what a zone in another state is refused with, is not settled */
	return zr_send(w, ZSA_OPEN, zslba, w->m.zone[z].state == ZM_EMPTY && zr_below(w, 2));
}

static inline bool do_flush(struct zworker *w, uint64_t z, bool own)
{
	const struct zm_zone *m = &w->m.zone[z];
	uint64_t lba = m->wp + zr_below(w, w->g->zrwas + 2);

	if (!w->g->zrwas)
		return zr_send(w, ZSA_FLUSH_ZRWA, z * w->g->zsze, false);
	if (zr_below(w, 4)) /* mostly a whole number of granules */
		lba = m->wp + (1 + zr_below(w, w->g->zrwas / w->g->zrwafg)) * w->g->zrwafg - 1;
	if (lba / w->g->zsze != z)
		lba = z * w->g->zsze;
	return zr_send(w, ZSA_FLUSH_ZRWA, lba, false);
}

static inline bool do_act(struct zworker *w, uint64_t z, bool own)
{
	static const enum sim_zone_act acts[] = { SIM_ZA_FINISH, SIM_ZA_FINISH, SIM_ZA_READ_ONLY,
						  SIM_ZA_OFFLINE };
	unsigned int i = zr_below(w, 4);
	struct sim_msg msg;
	bool want;
	int err;

	/* most zones are to be there to the end */
	if (i >= 2 && (z / ZS_SHARERS % 4 || zr_below(w, 20)))
		return true;
	want = i < 2	? zm_act_finish(&w->m, z)
	       : i == 2 ? zm_act_read_only(&w->m, z)
			: zm_act_offline(&w->m, z);
	err = sim_zone_act(w->d->subsys, 1, z * w->g->zsze, acts[i], &msg);
	return zr_same(w, "an act", z * w->g->zsze, (uint64_t)-err, want ? 0 : -SIM_EINVAL);
}

/* recommended, taken back, and reset or not */
static inline bool do_recommend(struct zworker *w, uint64_t z, bool own)
{
	const uint64_t zslba = z * w->g->zsze;
	const bool full = w->m.zone[z].state == ZM_FULL;
	struct sim_msg msg;
	int err;

	if (!zm_act_recommend(&w->m, z, full ? ZM_RZR : ZM_FZR))
		return true;
	err = sim_zone_act(w->d->subsys, 1, zslba,
			   full ? SIM_ZA_RESET_RECOMMENDED : SIM_ZA_FINISH_RECOMMENDED, &msg);
	if (!zr_same(w, "a recommendation", zslba, (uint64_t)-err, 0) || !zr_check_zone(w, z))
		return false;
	if (zr_below(w, 2))
		return zr_send(w, ZSA_RESET, zslba, false);
	w->m.zone[z].attrs &= (uint8_t) ~(ZM_RZR | ZM_FZR);
	err = sim_zone_act(w->d->subsys, 1, zslba, SIM_ZA_CLEAR, &msg);
	return zr_same(w, "a recommendation taken back", zslba, (uint64_t)-err, 0);
}

static const struct {
	bool (*run)(struct zworker *w, uint64_t z, bool own);
	unsigned int weight;
} actions[] = {
	{ do_write, 30 }, { do_append, 20 },	{ do_read, 20 },     { do_compare, 6 },
	{ do_copy, 5 },	  { do_deallocate, 1 }, { do_send, 10 },     { do_begin, 5 },
	{ do_flush, 4 },  { do_act, 1 },	{ do_recommend, 1 },
};

static inline bool zs_step(struct zworker *w, uint64_t z, bool own)
{
	unsigned int total = 0, pick, i = 0;

	for (size_t k = 0; k < sizeof(actions) / sizeof(actions[0]); k++)
		total += actions[k].weight;
	for (pick = zr_below(w, total); pick >= actions[i].weight; i++)
		pick -= actions[i].weight;
	return actions[i].run(w, z, own);
}

/* ---- a namespace of one's own --------------------------------------------------------------- */

/* zones the controller closed to make room: as many as are owed, and none else */
static inline bool zs_settle(struct zworker *w)
{
	const uint8_t *p = drv_ptr(w->d, w->report);

	if (!w->m.owed)
		return true;
	if (zr_receive(w, 0, 64 + w->g->zones * 64, ZRA_REPORT))
		return zr_bad(w, "Zone Management Receive", 0, 1, 0);
	for (uint64_t z = 0; z < w->g->zones; z++)
		if (w->m.zone[z].state == ZM_IO && zone_desc(p, (uint32_t)z, 0).state == ZM_CLOSED)
			zm_closed(&w->m, z);
	return zr_same(w, "zones to be closed by the controller", 0, w->m.owed, 0);
}

static inline bool zs_select_all(struct zworker *w)
{
	static const uint8_t zsa[] = { ZSA_OPEN,  ZSA_OPEN,    ZSA_OPEN,    ZSA_CLOSE, ZSA_FINISH,
				       ZSA_RESET, ZSA_OFFLINE, ZSA_SET_EXT, 0x00 };
	const uint8_t action = zsa[zr_below(w, sizeof(zsa))];
	struct drv_cmd cmd = zone_send_cmd((uint64_t)zr_rnd(w) << 32, action | (uint32_t)ZSA_ALL);
	struct zm_zone before[64];
	bool may_refuse;
	uint16_t want, status;

	assert_true(w->g->zones <= 64);
	memcpy(before, w->m.zone, w->g->zones * sizeof(*before));
	want = zm_send_all(&w->m, action, &may_refuse);
	status = zr_exec(w, &cmd);
	if (may_refuse && status == zone_dnr(ZST_TOO_MANY_OPEN)) {
		memcpy(w->m.zone, before, w->g->zones * sizeof(*before));
		w->m.owed = 0;
		return true;
	}
	return zr_same(w, "Zone Management Send to all", 0, status, zone_dnr(want));
}

static inline bool zs_check_info(struct zworker *w)
{
	struct sim_zones_info info;

	assert_int_equal(sim_zones_info(w->d->subsys, 1, &info), 0);
	return zr_same(w, "active zones", 0, info.nr_active, zm_active(&w->m)) &&
	       zr_same(w, "open zones", 0, info.nr_open, zm_open(&w->m)) &&
	       zr_same(w, "zones with a ZRWA", 0, info.nr_zrwa, zm_zrwas(&w->m));
}

#endif /* TESTS_ZONE_STEP_H */
