/* SPDX-License-Identifier: MIT */
/*
 * zone_event.c - what happens to zones without a host's having asked: the Changed Zone List
 * (section 4.1.4.1) and its event (figure 42), and zones as those outside see and treat them
 * (sim.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../ctrl/tables.h"
#include "zone.h"

#define AER_TYPE_NOTICE 2

/* ---- the list ------------------------------------------------------------------------------- */

static unsigned int find_place(struct sim_zone_changes *ch, uint64_t z)
{
	unsigned int i = 0, oldest = 0;

	for (; i < ch->nr && ch->e[i].zone != z; i++)
		if (ch->e[i].seq < ch->e[oldest].seq)
			oldest = i;
	if (i < ch->nr)
		return i;
	if (ch->nr < SIM_ZONE_CHANGES)
		return ch->nr++;
	ch->lost = ch->e[oldest].seq;
	return oldest;
}

void sim_zone_changed(struct sim_zones *zs, uint64_t z)
{
	struct sim_zone_changes *ch = zs->changes;
	unsigned int i;

	mtx_lock(&ch->lock);
	i = find_place(ch, z);
	ch->e[i].zone = z;
	ch->e[i].seq = ++ch->seq;
	mtx_unlock(&ch->lock);
}

void sim_zones_tell(struct sim_zones *zs)
{
	struct sim_subsys *s = zs->ns->subsys;

	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (s->ctrl[i] && sim_ns_attached(s->ctrl[i], zs->ns->nsid))
			sim_aer_event_ns(s->ctrl[i], AER_TYPE_NOTICE, SIM_AER_ZONE_CHANGED,
					 SIM_LID_CHANGED_ZONES, zs->ns->nsid);
}

/* more zones than the list has room for: the host is to look at all of them */
uint16_t sim_zone_log(struct sim_req *req, uint8_t *page)
{
	struct nvme_zns_changed_zone_log *log = (struct nvme_zns_changed_zone_log *)page;
	const struct sim_zones *zs = req->ns ? req->ns->zones : NULL;
	struct sim_zone_changes *ch;
	uint64_t read;
	unsigned int n = 0;

	if (!zs)
		return sim_bad_field(req, SIM_PEL_NSID);
	ch = zs->changes;
	mtx_lock(&ch->lock);
	read = ch->read[req->ctrl->cntlid];
	if (read < ch->lost) {
		log->nrzid = sim_le16(0xffff);
	} else {
		for (unsigned int i = 0; i < ch->nr; i++)
			if (ch->e[i].seq > read)
				log->zid[n++] = sim_le64(ch->e[i].zone * zs->zsze);
		log->nrzid = sim_le16((uint16_t)n);
	}
	ch->shown[req->ctrl->cntlid] = ch->seq;
	mtx_unlock(&ch->lock);
	return SIM_OK;
}

void sim_zone_log_read(struct sim_req *req)
{
	struct sim_zone_changes *ch = req->ns->zones->changes;

	mtx_lock(&ch->lock);
	ch->read[req->ctrl->cntlid] = ch->shown[req->ctrl->cntlid];
	mtx_unlock(&ch->lock);
}

static void forget_changes(struct sim_zones *zs)
{
	struct sim_zone_changes *ch = zs->changes;

	mtx_lock(&ch->lock);
	ch->nr = 0;
	ch->lost = 0;
	ch->seq = 0;
	memset(ch->read, 0, sizeof(ch->read));
	memset(ch->shown, 0, sizeof(ch->shown));
	mtx_unlock(&ch->lock);
}

void sim_zones_reset_log(struct sim_ns *ns)
{
	forget_changes(ns->zones);
}

/* ---- write protection ----------------------------------------------------------------------- */

void sim_zones_protect(struct sim_ns *ns)
{
	struct sim_zones *zs = ns->zones;
	bool any = false;

	for (uint64_t z = 0; z < zs->nr; z++) {
		uint64_t word;

		if (!sim_zst_traits[zw_state(sim_zone_peek(zs, z))].active)
			continue;
		word = sim_zone_lock(zs, z);
		sim_zone_step(zs, z, &word, ZEV_PROTECT, (struct sim_zone_want){ 0 });
		sim_zone_unlock(zs, z, word);
		sim_zone_changed(zs, z);
		any = true;
	}
	if (any)
		sim_zones_tell(zs);
}

/* ---- from outside --------------------------------------------------------------------------- */

static int find(struct sim_subsys *s, uint32_t nsid, struct sim_zones **zs)
{
	struct sim_ns *ns = nsid && nsid <= SIM_NN ? s->ns[nsid] : NULL;

	if (!ns)
		return SIM_ENOENT;
	*zs = ns->zones;
	return ns->zones ? 0 : SIM_EINVAL;
}

static void fill_info(struct sim_zones *zs, struct sim_zones_info *info)
{
	*info = (struct sim_zones_info){
		.nr_zones = zs->nr,
		.zsze = zs->zsze,
		.zcap = zs->zcap,
		.block_size = 1u << zs->ns->lbads,
		.zdes = zs->zdes,
		.max_active = zs->max_active,
		.max_open = zs->max_open,
		.numzrwa = zs->zrwasz ? zs->numzrwa : 0,
		.nr_active = zs->nr_active,
		.nr_open = zs->nr_open,
		.nr_zrwa = zs->nr_zrwa,
		.zrwas = zs->zrwasz,
		.zrwafg = zs->zrwasz ? zs->zrwafg : 0,
	};
}

/* the writer side: counts and zones are of one moment */
int sim_zones_info(struct sim_subsys *s, uint32_t nsid, struct sim_zones_info *info)
{
	struct sim_zones *zs;
	int err;

	sim_write_lock(&s->lock);
	err = find(s, nsid, &zs);
	if (!err)
		fill_info(zs, info);
	sim_write_unlock(&s->lock);
	return err;
}

int64_t sim_zones_get(struct sim_subsys *s, uint32_t nsid, uint64_t first, uint64_t n,
		      struct sim_zone_info *zones)
{
	struct sim_zones *zs;
	int64_t ret;

	sim_read_lock(&s->lock);
	ret = find(s, nsid, &zs);
	for (uint64_t z = first; !ret && z < zs->nr && z - first < n; z++) {
		const uint64_t word = sim_zone_peek(zs, z), zslba = z * zs->zsze;
		const struct sim_zst_traits *t = &sim_zst_traits[zw_state(word)];

		zones[z - first] = (struct sim_zone_info){
			.zslba = zslba,
			.zcap = zs->zcap,
			.wp = t->wp ? zslba + zw_wp(word) : UINT64_MAX,
			.state = (enum sim_zone_state)t->zs,
			.attrs = zw_attrs(word),
		};
	}
	if (!ret && first < zs->nr)
		ret = (int64_t)(zs->nr - first < n ? zs->nr - first : n);
	sim_read_unlock(&s->lock);
	return ret;
}

/** struct act - a row of what can happen: an event, or (@attr) an attribute, which zones in @states
 * can have */
static const struct act {
	const char *what;
	bool event;
	enum sim_zev ev;
	uint8_t states, attr;
} acts[] = {
	[SIM_ZA_READ_ONLY] = { "become Read Only", true, ZEV_FAIL_READ, 0, 0 },
	[SIM_ZA_OFFLINE] = { "go Offline", true, ZEV_FAIL_WHOLE, 0, 0 },
	[SIM_ZA_FINISH] = { "be finished by the controller", true, ZEV_EXCURSION, 0, 0 },
	[SIM_ZA_FINISH_RECOMMENDED] = { "be recommended to be finished", false, ZEV__N,
					ZST_BIT(ZST_IMPLICIT) | ZST_BIT(ZST_EXPLICIT) |
						ZST_BIT(ZST_CLOSED),
					ZA_FZR },
	[SIM_ZA_RESET_RECOMMENDED] = { "be recommended to be reset", false, ZEV__N,
				       ZST_BIT(ZST_FULL), ZA_RZR },
	[SIM_ZA_CLEAR] = { "have its recommendations taken back", false, ZEV__N, 0xff, 0 },
};

static const char *const state_names[ZST__N] = {
	[ZST_EMPTY] = "Empty",
	[ZST_IMPLICIT] = "Implicitly Opened",
	[ZST_EXPLICIT] = "Explicitly Opened",
	[ZST_CLOSED] = "Closed",
	[ZST_READ_ONLY] = "Read Only",
	[ZST_FULL] = "Full",
	[ZST_OFFLINE] = "Offline",
};

/* Return: 0 or SIM_EINVAL: not in this state */
static int apply(struct sim_zones *zs, uint64_t z, uint64_t *word, const struct act *a)
{
	uint8_t attrs = zw_attrs(*word);

	if (a->event) {
		if (sim_zone_step(zs, z, word, a->ev, (struct sim_zone_want){ 0 }))
			return SIM_EINVAL;
		if (zw_state(*word) == ZST_OFFLINE)
			sim_zone_empty(zs, z, 0, NULL);
		return 0;
	}
	if (!(a->states & ZST_BIT(zw_state(*word))))
		return SIM_EINVAL;
	attrs = a->attr ? attrs | a->attr : attrs & (uint8_t) ~(ZA_FZR | ZA_RZR);
	*word = zw_make(zw_state(*word), attrs, zw_wp(*word));
	return 0;
}

/* writer side held */
static int act_on(struct sim_zones *zs, uint64_t z, const struct act *a, struct sim_msg *msg)
{
	uint64_t word = sim_zone_lock(zs, z);
	const uint64_t old = word;
	int err = apply(zs, z, &word, a);

	sim_zone_unlock(zs, z, word);
	if (err)
		snprintf(msg->text, sizeof(msg->text), "zone %" PRIu64 " is %s: it cannot %s", z,
			 state_names[zw_state(word)], a->what);
	if (err || word == old)
		return err;
	sim_zone_changed(zs, z);
	sim_zones_tell(zs);
	return 0;
}

int sim_zone_act(struct sim_subsys *s, uint32_t nsid, uint64_t zslba, enum sim_zone_act act,
		 struct sim_msg *msg)
{
	struct sim_zones *zs = NULL;
	int err;

	sim_write_lock(&s->lock);
	err = find(s, nsid, &zs);
	if (err == SIM_ENOENT)
		snprintf(msg->text, sizeof(msg->text), "there is no namespace %" PRIu32, nsid);
	else if (err)
		snprintf(msg->text, sizeof(msg->text), "namespace %" PRIu32 " is not a zoned one",
			 nsid);
	if (!err && (zslba >= zs->nr * zs->zsze || zslba % zs->zsze)) {
		snprintf(msg->text, sizeof(msg->text), "no zone begins at block %" PRIu64, zslba);
		err = SIM_ENOENT;
	}
	if (!err && (unsigned int)act >= sizeof(acts) / sizeof(acts[0])) {
		snprintf(msg->text, sizeof(msg->text), "no such thing can happen to a zone");
		err = SIM_EINVAL;
	}
	if (!err && atomic_load(&zs->ns->format_left)) {
		snprintf(msg->text, sizeof(msg->text), "namespace %" PRIu32 " is being formatted",
			 nsid);
		err = SIM_EINVAL;
	}
	if (!err)
		err = act_on(zs, zslba / zs->zsze, &acts[act], msg);
	sim_write_unlock(&s->lock);
	sim_irq_flush_all(s);
	return err;
}
