/* SPDX-License-Identifier: MIT */
/*
 * zone.c - the zones of a namespace: their geometry, and what becomes of them from one life of the
 * process to the next.
 *
 * The words are an area (SIM_REC_ZONES); what they are words of is a record of the same number. A
 * record that is there makes the namespace a zoned one, of that geometry: another configuration is
 * an error, and never a new meaning of old words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../persist/persist.h"
#include "zone.h"

#define REC_VERSION 1
#define ZONE_SIZE   (128u << 20) /* QEMU's */

/**
 * struct zones_rec - SIM_REC_ZONES; of no bytes: the namespace is not, or no longer, a zoned one
 * @zone_size, @zone_capacity, @descr_ext_size, @room (zones the area has words for): for ever
 * @zrwas: what a write could have been in when the process died; it and the others are what a
 *         namespace that a host created is made again with
 */
struct zones_rec {
	uint64_t zone_size, zone_capacity, room, zrwas, zrwafg;
	uint32_t descr_ext_size, max_active, max_open, numzrwa, cross_read, rsvd;
};
_Static_assert(sizeof(struct zones_rec) == 64, "no padding in the record");

/* ---- geometry ------------------------------------------------------------------------------- */

uint64_t sim_zone_bytes(const struct sim_ns_params *p, bool capacity)
{
	const uint64_t size = p->zoned.zone_size ? p->zoned.zone_size : ZONE_SIZE;

	return capacity && p->zoned.zone_capacity ? p->zoned.zone_capacity : size;
}

uint64_t sim_zone_blocks(const struct sim_ns_params *p, const struct sim_lbaf *f, bool capacity)
{
	return sim_zone_bytes(p, capacity) >> f->lbads;
}

uint64_t sim_zones_fill(const struct sim_ns_params *p, const struct sim_lbaf *f, uint64_t nsze)
{
	const uint64_t zsze = sim_zone_blocks(p, f, false);

	return zsze && sim_zone_blocks(p, f, true) ? nsze - nsze % zsze : 0;
}

uint64_t sim_zones_capacity(const struct sim_ns_params *p, const struct sim_lbaf *f, uint64_t nsze)
{
	return nsze / sim_zone_blocks(p, f, false) * sim_zone_blocks(p, f, true);
}

void sim_zones_common(const struct sim_subsys *s, struct sim_ns_params *p)
{
	p->zoned = (struct sim_zoned_params){ .on = true, .zrwafg = UINT64_MAX };
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		if (!s->ns[nsid] || !s->ns[nsid]->zones || s->ns[nsid]->created)
			continue;
		p->zoned = s->ns[nsid]->p.zoned;
		return;
	}
}

/* the most zones that the namespace has in any of its formats: it depends on what is configured */
static uint64_t most_zones(const struct sim_ns *ns)
{
	uint64_t most = 0;

	for (uint8_t i = 0; i < ns->nlbaf; i++) {
		const struct sim_lbaf *f = &ns->lbafs[i];
		const uint64_t zsze = sim_zone_blocks(&ns->p, f, false);
		const uint64_t n = zsze ? sim_ns_blocks_in(f, ns->p.store->size) / zsze : 0;

		most = n > most ? n : most;
	}
	return most;
}

/* what depends on the format in use */
static void measure(struct sim_zones *zs)
{
	const struct sim_ns *ns = zs->ns;
	const struct sim_zoned_params *p = &ns->p.zoned;
	const struct sim_lbaf *f = &ns->lbafs[ns->lbaf];

	zs->zsze = sim_zone_blocks(&ns->p, f, false);
	zs->zcap = sim_zone_blocks(&ns->p, f, true);
	zs->nr = ns->nsze / zs->zsze;
	zs->shift = 0;
	if (!(zs->zsze & (zs->zsze - 1)))
		while (zs->zsze >> zs->shift > 1)
			zs->shift++;
	zs->numzrwa = p->numzrwa ? p->numzrwa : (uint32_t)zs->nr;
	zs->zrwasz = (uint32_t)(p->zrwas >> f->lbads);
	if (zs->zrwasz > UINT16_MAX) /* as can be reported */
		zs->zrwasz = UINT16_MAX;
	zs->zrwafg = p->zrwafg == UINT64_MAX ? 1 : (uint32_t)(p->zrwafg >> f->lbads);
	if (!zs->zrwafg)
		zs->zrwafg = 1;
	zs->zrwasz -= zs->zrwasz % zs->zrwafg;
}

/* ---- what is recorded ----------------------------------------------------------------------- */

static bool rec_get(const struct sim_subsys *s, uint32_t nsid, struct zones_rec *rec)
{
	const struct sim_journal_port *j = &s->journal;
	uint16_t version = 0;

	return j->put &&
	       j->get(j->opaque, SIM_REC_ZONES, nsid, &version, rec, sizeof(*rec)) ==
		       (int)sizeof(*rec) &&
	       version == REC_VERSION;
}

static int rec_put(const struct sim_zones *zs)
{
	const struct sim_journal_port *j = &zs->ns->subsys->journal;
	const struct sim_zoned_params *p = &zs->ns->p.zoned;
	const struct zones_rec rec = {
		.zone_size = sim_zone_bytes(&zs->ns->p, false),
		.zone_capacity = sim_zone_bytes(&zs->ns->p, true),
		.room = zs->room,
		.zrwas = p->zrwas,
		.zrwafg = p->zrwafg,
		.descr_ext_size = zs->zdes,
		.max_active = p->max_active,
		.max_open = p->max_open,
		.numzrwa = p->numzrwa,
		.cross_read = p->cross_read,
	};

	return j->put ? j->put(j->opaque, SIM_REC_ZONES, zs->ns->nsid, REC_VERSION, &rec,
			       sizeof(rec))
		      : 0;
}

bool sim_zones_was(const struct sim_subsys *s, uint32_t nsid)
{
	struct zones_rec rec;

	return rec_get(s, nsid, &rec);
}

void sim_zones_rec_params(const struct sim_subsys *s, uint32_t nsid, struct sim_zoned_params *p)
{
	struct zones_rec rec;

	*p = (struct sim_zoned_params){ .on = true, .zrwafg = UINT64_MAX };
	if (!rec_get(s, nsid, &rec))
		return;
	p->zone_size = rec.zone_size;
	p->zone_capacity = rec.zone_capacity;
	p->descr_ext_size = rec.descr_ext_size;
	p->cross_read = rec.cross_read;
	p->max_active = rec.max_active;
	p->max_open = rec.max_open;
	p->numzrwa = rec.numzrwa;
	p->zrwas = rec.zrwas;
	p->zrwafg = rec.zrwafg;
}

int sim_zones_drop(const struct sim_subsys *s, uint32_t nsid)
{
	const struct sim_journal_port *j = &s->journal;

	if (!sim_zones_was(s, nsid))
		return 0;
	return j->put(j->opaque, SIM_REC_ZONES, nsid, REC_VERSION, "", 0);
}

static int other(struct sim_msg *msg, uint32_t nsid, const char *key, uint64_t was, uint64_t is)
{
	snprintf(msg->text, sizeof(msg->text),
		 "namespace %" PRIu32 " was made with %s %" PRIu64
		 ", which is for ever; it is %" PRIu64 " now",
		 nsid, key, was, is);
	return SIM_EINVAL;
}

int sim_zones_check(const struct sim_ns *ns, struct sim_msg *msg)
{
	const struct sim_ns_params *p = &ns->p;
	const uint32_t nsid = ns->nsid;
	struct zones_rec r, *rec = &r;

	if (!rec_get(ns->subsys, nsid, rec))
		return 0;
	if (rec->zone_size != sim_zone_bytes(p, false))
		return other(msg, nsid, "zoned.zone_size", rec->zone_size,
			     sim_zone_bytes(p, false));
	if (rec->zone_capacity != sim_zone_bytes(p, true))
		return other(msg, nsid, "zoned.zone_capacity", rec->zone_capacity,
			     sim_zone_bytes(p, true));
	if (rec->descr_ext_size != p->zoned.descr_ext_size)
		return other(msg, nsid, "zoned.descr_ext_size", rec->descr_ext_size,
			     p->zoned.descr_ext_size);
	if (rec->room != most_zones(ns))
		return other(msg, nsid, "a number of zones of", rec->room, most_zones(ns));
	return 0;
}

/* ---- memory --------------------------------------------------------------------------------- */

static uint64_t words_len(const struct sim_zones *zs)
{
	return ((zs->room + 63) & ~63ull) * sizeof(*zs->word);
}

static uint64_t links_len(const struct sim_zones *zs)
{
	return zs->room * sizeof(*zs->link);
}

static void *get_area(const struct sim_zones *zs, uint16_t type, uint64_t len, bool *fresh)
{
	const struct sim_journal_port *j = &zs->ns->subsys->journal;

	if (fresh)
		*fresh = true;
	if (!len || len > SIZE_MAX)
		return NULL;
	if (!j->area)
		return calloc(1, (size_t)len);
	return j->area(j->opaque, type, zs->ns->nsid, len, fresh);
}

static void put_area(const struct sim_zones *zs, uint16_t type, void *mem, uint64_t len,
		     bool forget)
{
	const struct sim_journal_port *j = &zs->ns->subsys->journal;

	if (!mem)
		return;
	if (j->area)
		j->area_free(j->opaque, type, zs->ns->nsid, mem, len, forget);
	else
		free(mem);
}

/** struct fresh - areas that were made just now; those that are to be forgotten */
struct fresh {
	bool words, ext;
};

static void free_zones(struct sim_zones *zs, struct fresh forget)
{
	put_area(zs, SIM_REC_ZONES, zs->word, words_len(zs), forget.words);
	put_area(zs, SIM_REC_ZONE_EXT, zs->ext, zs->room * zs->zdes, forget.ext);
	put_area(zs, SIM_REC_ZONES, zs->link, links_len(zs), false);
	if (zs->changes)
		mtx_destroy(&zs->changes->lock);
	free(zs->changes);
	free(zs);
}

static int reserve(const struct sim_zones *zs, void *mem, uint64_t off, uint64_t len)
{
	const struct sim_journal_port *j = &zs->ns->subsys->journal;

	return j->area && j->area_reserve ? j->area_reserve(j->opaque, mem, off, len) : 0;
}

int sim_zone_ext_reserve(struct sim_zones *zs, uint64_t z)
{
	return reserve(zs, zs->ext, z * zs->zdes, zs->zdes);
}

/* Return: NULL: no memory, or no room for what is to survive */
static struct sim_zones *alloc_zones(struct sim_ns *ns, struct fresh *fresh)
{
	const struct sim_zoned_params *p = &ns->p.zoned;
	struct sim_zones *zs = aligned_alloc(_Alignof(struct sim_zones), sizeof(*zs));
	bool ok;

	if (!zs)
		return NULL;
	memset(zs, 0, sizeof(*zs));
	zs->ns = ns;
	zs->room = most_zones(ns);
	zs->zdes = p->descr_ext_size;
	zs->cross_read = p->cross_read;
	zs->max_active = p->max_active;
	zs->max_open = p->max_open ? p->max_open : p->max_active;
	measure(zs);
	zs->word = get_area(zs, SIM_REC_ZONES, words_len(zs), &fresh->words);
	ok = zs->word;
	if (ok && zs->zdes)
		ok = (zs->ext = get_area(zs, SIM_REC_ZONE_EXT, zs->room * zs->zdes, &fresh->ext));
	if (ok && zs->max_open)
		ok = (zs->link = get_area(zs, SIM_REC_ZONES, links_len(zs), NULL));
	if (ok)
		ok = !reserve(zs, zs->word, 0, words_len(zs));
	zs->changes = ok ? calloc(1, sizeof(*zs->changes)) : NULL;
	if (zs->changes && mtx_init(&zs->changes->lock, mtx_plain) != thrd_success) {
		free(zs->changes);
		zs->changes = NULL;
	}
	if (zs->changes)
		return zs;
	free_zones(zs, *fresh);
	return NULL;
}

/* ---- from one life to the next -------------------------------------------------------------- */

uint16_t sim_zone_empty(struct sim_zones *zs, uint64_t z, uint64_t from, struct sim_req *req)
{
	struct sim_media *m = &zs->ns->media;
	const uint64_t slba = z * zs->zsze + from, nlb = zs->zsze - from;
	struct sim_range r;
	uint16_t status;

	if (!nlb)
		return SIM_OK;
	sim_range_lock(&m->ranges, &r, slba, nlb, SIM_RANGE_WRITE);
	status = sim_media_zero(m, req, slba, nlb, true);
	sim_range_unlock(&m->ranges, &r);
	return status;
}

/* nothing is known of any zone: one whose blocks hold something is Full, so that it is not lost */
static void make_all(struct sim_zones *zs, bool keep_data)
{
	const struct sim_blocks *b = &zs->ns->media.blocks;
	const uint64_t end = zs->nr * zs->zsze;
	uint64_t lba = 0;

	for (uint64_t i = 0; i < words_len(zs) / sizeof(*zs->word); i++)
		if (atomic_load_explicit(&zs->word[i], memory_order_relaxed))
			atomic_store_explicit(&zs->word[i], 0, memory_order_relaxed);
	while (keep_data && (lba = sim_blocks_find_alloc(b, lba, end, true)) < end) {
		const uint64_t z = sim_zone_of(zs, lba);

		atomic_store(sim_zone_word(zs, z), zw_make(ZST_FULL, 0, zs->zcap));
		lba = (z + 1) * zs->zsze;
	}
}

/*
 * A zone that had a Zone Random Write Area keeps what was written into it: its write pointer is
 * behind the last block of that, on the next flush granularity. (The area is gone.)
 */
static uint64_t settle_zrwa(struct sim_zones *zs, uint64_t z, uint64_t word, uint64_t zrwas)
{
	const struct sim_blocks *b = &zs->ns->media.blocks;
	const uint64_t start = z * zs->zsze, area = zrwas >> zs->ns->lbads;
	uint64_t wp = zw_wp(word), end = wp + 2 * area, lba, last = wp;

	end = end < zs->zcap ? end : zs->zcap;
	for (lba = start + wp; lba < start + end; last = lba - start) {
		lba = sim_blocks_find_alloc(b, lba, start + end, true);
		if (lba == start + end)
			break;
		lba = sim_blocks_find_alloc(b, lba, start + end, false);
	}
	last = wp + (last - wp + zs->zrwafg - 1) / zs->zrwafg * zs->zrwafg;
	return zw_make(zw_state(word), zw_attrs(word), last < zs->zcap ? last : zs->zcap);
}

/* what the process died in is finished or undone. Return: 0 or a status: the medium has failed */
static uint16_t recover_one(struct sim_zones *zs, uint64_t z, uint64_t word, uint64_t zrwas)
{
	const bool readonly = zs->ns->p.store->readonly;
	uint16_t status = SIM_OK;

	word &= ~ZW_LOCK;
	if (word & ZW_EMPTYING) {
		if (!readonly)
			status = sim_zone_empty(zs, z, 0, NULL);
		word = zw_make(ZST_EMPTY, 0, 0);
	} else if (sim_zst_traits[zw_state(word)].active) {
		if (zw_attrs(word) & ZA_ZRWAV)
			word = settle_zrwa(zs, z, word, zrwas);
		if (!readonly)
			status = sim_zone_empty(zs, z, zw_wp(word), NULL);
		if (zw_wp(word) == zs->zcap)
			word = zw_make(ZST_FULL, zw_attrs(word) & sim_zst_traits[ZST_FULL].keep,
				       zs->zcap);
	}
	if (status)
		return status;
	sim_zone_set(zs, z, word);
	sim_zone_count(zs, z, word);
	/* it may have died between the record of write protection and what that makes of zones */
	status = sim_zone_step(zs, z, &word,
			       atomic_load(&zs->ns->wp) == SIM_WP_NONE ? ZEV_POWER : ZEV_PROTECT,
			       (struct sim_zone_want){ 0 });
	sim_zone_unlock(zs, z, word);
	return status;
}

/* words that no zone can have: the area is damaged, or not ours */
static bool sound(const struct sim_zones *zs, uint64_t word)
{
	return zw_state(word) < ZST__N && zw_wp(word) <= zs->zcap &&
	       (zw_state(word) != ZST_EMPTY || !(word & ~(ZW_LOCK | ZW_EMPTYING)));
}

static int recover(struct sim_zones *zs, uint64_t zrwas, struct sim_msg *msg)
{
	for (uint64_t z = 0; z < zs->nr; z++) {
		const uint64_t word = sim_zone_peek(zs, z);

		if (!word)
			continue;
		if (!sound(zs, word)) {
			snprintf(msg->text, sizeof(msg->text),
				 "what is recorded of zone %" PRIu64 " of namespace %" PRIu32
				 " cannot be",
				 z, zs->ns->nsid);
			return SIM_EIO;
		}
		if (recover_one(zs, z, word, zrwas)) {
			snprintf(msg->text, sizeof(msg->text),
				 "zone %" PRIu64 " of namespace %" PRIu32
				 ", which was being written, cannot be put in order",
				 z, zs->ns->nsid);
			return SIM_EIO;
		}
	}
	return 0;
}

int sim_zones_open(struct sim_ns *ns, bool blank, struct sim_msg *msg)
{
	struct zones_rec rec = { 0 };
	const bool known = rec_get(ns->subsys, ns->nsid, &rec);
	struct sim_zones *zs;
	struct fresh fresh = { 0 };
	int err = 0;

	zs = alloc_zones(ns, &fresh);
	if (!zs) {
		snprintf(msg->text, sizeof(msg->text),
			 "no room for the zones of namespace %" PRIu32, ns->nsid);
		return SIM_ENOMEM;
	}
	if (known && (fresh.words || fresh.ext)) {
		snprintf(msg->text, sizeof(msg->text),
			 "the zones of namespace %" PRIu32 " are recorded, but their %s lost",
			 ns->nsid, fresh.words ? "state is" : "descriptor extensions are");
		/* the next start is to find it, too */
		free_zones(zs, fresh);
		return SIM_EIO;
	}
	if (!err) {
		if (!known || blank)
			make_all(zs, !blank);
		err = recover(zs, rec.zrwas, msg);
	}
	if (!err && rec_put(zs)) {
		snprintf(msg->text, sizeof(msg->text),
			 "the zones of namespace %" PRIu32 " cannot be recorded", ns->nsid);
		err = SIM_EIO;
	}
	if (err) {
		free_zones(zs, (struct fresh){ 0 });
		return err;
	}
	atomic_store(&zs->dirty, true);
	ns->zones = zs;
	return 0;
}

void sim_zones_close(struct sim_ns *ns, bool forget)
{
	if (!ns->zones)
		return;
	free_zones(ns->zones, (struct fresh){ forget, forget });
	ns->zones = NULL;
}

void sim_zones_format(struct sim_ns *ns)
{
	struct sim_zones *zs = ns->zones;

	measure(zs);
	make_all(zs, false);
	zs->first = zs->last = 0;
	zs->nr_active = zs->nr_open = zs->nr_zrwa = 0;
	atomic_store(&zs->nr_offline, 0);
	sim_zones_reset_log(ns);
	atomic_store(&zs->dirty, true);
}

/* writer side held: nobody is at work */
void sim_zones_power(struct sim_ns *ns)
{
	struct sim_zones *zs = ns->zones;

	for (uint64_t z = 0; z < zs->nr; z++) {
		uint64_t word = sim_zone_peek(zs, z);

		if (!sim_zst_traits[zw_state(word)].active)
			continue;
		word = sim_zone_lock(zs, z);
		if (zw_attrs(word) & ZA_ZRWAV)
			word = settle_zrwa(zs, z, word, ns->p.zoned.zrwas);
		sim_zone_set(zs, z, word);
		sim_zone_step(zs, z, &word, zw_wp(word) == zs->zcap ? ZEV_PROTECT : ZEV_POWER,
			      (struct sim_zone_want){ 0 });
		sim_zone_unlock(zs, z, word);
	}
}

bool sim_zones_dirty(struct sim_ns *ns)
{
	return atomic_load(&ns->zones->dirty) && atomic_exchange(&ns->zones->dirty, false);
}
