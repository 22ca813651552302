/* SPDX-License-Identifier: MIT */
/*
 * zone_send.c - Zone Management Send. Section 3.4.3, and of 1.2 what Zone Random Write Areas add.
 */
#include <string.h>

#include "rw.h"
#include "zone.h"

#define CDW13_ZSA(cdw13) ((uint8_t)(cdw13))
#define CDW13_SELECT_ALL (1u << 8)
/* Zone Send Action Specific Option of Open Zone and Set Zone Descriptor Extension */
#define CDW13_ZRWAA (1u << 9)

#define PEL_ZSA	       SIM_PEL_CDW(13, 0)
#define PEL_SELECT_ALL SIM_PEL_CDW(13, 8)

#define EXT_MAX (255u * 64)

struct send;

/**
 * struct action - a Zone Send Action
 * @all: with Select All, the states of the zones it is for; 0: it cannot be
 * @one: for one zone, which is locked; NULL: it is the event, and nothing besides
 */
struct action {
	uint8_t zsa;
	enum sim_zev ev;
	uint8_t all;
	uint16_t (*one)(struct send *s, uint64_t z, uint64_t *word);
};

/** struct send - a command: @lba is in the zone; @ext what a Zone Descriptor Extension is to be */
struct send {
	struct sim_req *req;
	struct sim_zones *zs;
	const struct action *a;
	struct sim_zone_want want;
	uint64_t lba;
	uint8_t *ext;
};

/* ---- one zone, which is locked -------------------------------------------------------------- */

static uint16_t open_one(struct send *s, uint64_t z, uint64_t *word)
{
	/* a Zone Random Write Area is for a zone nobody has begun to write */
	if (s->want.zrwa && zw_state(*word) != ZST_EMPTY) {
		enum sim_zst next;
		uint16_t status = sim_zone_ask(zw_state(*word), ZEV_OPEN, &next);

		return status ? status : SIM_ZONE_OPERATION;
	}
	return sim_zone_step(s->zs, z, word, ZEV_OPEN, s->want);
}

/*
 * The word says that the data is going before the first of it goes, and that the zone is Empty when
 * all of it has: who dies in between has the reset finished by the next start.
 */
static uint16_t reset_one(struct send *s, uint64_t z, uint64_t *word)
{
	enum sim_zst next;
	uint16_t status = sim_zone_ask(zw_state(*word), ZEV_RESET, &next);

	if (status || zw_state(*word) == ZST_EMPTY)
		return status;
	sim_zone_set(s->zs, z, *word | ZW_EMPTYING);
	status = sim_zone_empty(s->zs, z, 0, s->req);
	if (status)
		return sim_media_result(s->req, status);
	return sim_zone_step(s->zs, z, word, ZEV_RESET, s->want);
}

/* nobody can read it any more, whether or not its blocks can be deallocated */
static uint16_t offline_one(struct send *s, uint64_t z, uint64_t *word)
{
	const enum sim_zst was = zw_state(*word);
	uint16_t status = sim_zone_step(s->zs, z, word, ZEV_OFFLINE, s->want);

	if (!status && was != ZST_OFFLINE)
		sim_zone_empty(s->zs, z, 0, NULL);
	return status;
}

/* of an Empty zone nobody reads the extension: it is there before the zone says that it is valid */
static uint16_t set_ext_one(struct send *s, uint64_t z, uint64_t *word)
{
	struct sim_zones *zs = s->zs;
	enum sim_zst next;
	uint16_t status = sim_zone_ask(zw_state(*word), ZEV_SET_EXT, &next);

	if (status)
		return status;
	if (sim_zone_ext_reserve(zs, z))
		return SIM_WRITE_FAULT;
	memcpy(zs->ext + z * zs->zdes, s->ext, zs->zdes);
	return sim_zone_step(zs, z, word, ZEV_SET_EXT, s->want);
}

/* Flush Explicit ZRWA Range: what lies before @lba in the area, and it, is committed */
static uint16_t commit_one(struct send *s, uint64_t z, uint64_t *word)
{
	struct sim_zones *zs = s->zs;
	const uint64_t wp = zw_wp(*word), at = s->lba - z * zs->zsze;
	uint16_t status;

	if (!(zw_attrs(*word) & ZA_ZRWAV) || at < wp || at - wp >= zs->zrwasz || at >= zs->zcap)
		return SIM_ZONE_OPERATION;
	/* the last of a zone need not be a whole granularity */
	if ((at - wp + 1) % zs->zrwafg && at + 1 != zs->zcap)
		return sim_bad_field(s->req, PEL_SLBA);
	status = sim_zone_step(zs, z, word, ZEV_WRITE, s->want);
	if (!status)
		sim_zone_move_wp(zs, z, word, at + 1);
	return status;
}

static const struct action actions[] = {
	{ NVME_ZNS_ZSA_CLOSE, ZEV_CLOSE, ZST_BIT(ZST_IMPLICIT) | ZST_BIT(ZST_EXPLICIT), NULL },
	{ NVME_ZNS_ZSA_FINISH, ZEV_FINISH,
	  ZST_BIT(ZST_IMPLICIT) | ZST_BIT(ZST_EXPLICIT) | ZST_BIT(ZST_CLOSED), NULL },
	{ NVME_ZNS_ZSA_OPEN, ZEV_OPEN, ZST_BIT(ZST_CLOSED), open_one },
	{ NVME_ZNS_ZSA_RESET, ZEV_RESET,
	  ZST_BIT(ZST_IMPLICIT) | ZST_BIT(ZST_EXPLICIT) | ZST_BIT(ZST_CLOSED) | ZST_BIT(ZST_FULL),
	  reset_one },
	{ NVME_ZNS_ZSA_OFFLINE, ZEV_OFFLINE, ZST_BIT(ZST_READ_ONLY), offline_one },
	{ NVME_ZNS_ZSA_SET_DESC_EXT, ZEV_SET_EXT, 0, set_ext_one },
	{ NVME_ZNS_ZSA_ZRWA_FLUSH, ZEV_WRITE, 0, commit_one },
};

static uint16_t do_one(struct send *s, uint64_t z)
{
	uint64_t word = sim_zone_lock(s->zs, z);
	uint16_t status;

	status = s->a->one ? s->a->one(s, z, &word)
			   : sim_zone_step(s->zs, z, &word, s->a->ev, s->want);
	sim_zone_unlock(s->zs, z, word);
	if (status)
		s->req->err_lba = z * s->zs->zsze;
	return status;
}

/* ---- all zones; the command is exclusive ---------------------------------------------------- */

bool sim_zone_send_all(const struct sim_sqe *sqe)
{
	return sqe->cdw13 & CDW13_SELECT_ALL;
}

/* an error (of the medium) does not keep the others from what is to become of them */
static uint16_t do_zones(struct send *s)
{
	uint16_t first = SIM_OK;
	uint64_t err_lba = 0;

	for (uint64_t z = 0; z < s->zs->nr; z++) {
		uint16_t status;

		if (!(s->a->all & ZST_BIT(zw_state(sim_zone_peek(s->zs, z)))))
			continue;
		status = do_one(s, z);
		if (status && !first) {
			first = status;
			err_lba = s->req->err_lba;
		}
	}
	if (first)
		s->req->err_lba = err_lba;
	return first;
}

static uint32_t count_state(const struct sim_zones *zs, enum sim_zst st)
{
	uint32_t n = 0;

	for (uint64_t z = 0; z < zs->nr; z++)
		n += zw_state(sim_zone_peek(zs, z)) == st;
	return n;
}

/*
 * All Closed zones are opened, or none. Implicitly opened ones that have to make room do so
 * afterwards, so that they are not among those that were Closed; nobody sees the zones in between.
 */
static uint16_t open_all(struct send *s)
{
	struct sim_zones *zs = s->zs;
	const uint32_t limit = zs->max_open;
	uint32_t closed, fixed;
	uint16_t status;

	closed = limit ? count_state(zs, ZST_CLOSED) : 0;
	fixed = s->want.make_room ? count_state(zs, ZST_EXPLICIT) : zs->nr_open;
	if (closed && (closed > limit || fixed > limit - closed))
		return SIM_ZONE_TOO_MANY_OPEN;
	zs->max_open = 0;
	status = do_zones(s);
	zs->max_open = limit;
	while (closed && zs->nr_open > limit) {
		const uint64_t z = zs->first - 1;
		uint64_t word = sim_zone_lock(zs, z);

		sim_zone_step(zs, z, &word, ZEV_MAKE_ROOM, s->want);
		sim_zone_unlock(zs, z, word);
	}
	return status;
}

static uint16_t do_all(struct send *s)
{
	if (!s->a->all)
		return sim_bad_field(s->req, PEL_SELECT_ALL);
	if (s->want.zrwa)
		return SIM_ZONE_OPERATION;
	return s->a->ev == ZEV_OPEN ? open_all(s) : do_zones(s);
}

/* ---- the command
 * ---------------------------------------------------------------------------------- */

static const struct action *find_action(uint8_t zsa)
{
	for (unsigned int i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (actions[i].zsa == zsa)
			return &actions[i];
	return NULL;
}

/* what Select All does not say: which zone */
static uint16_t check_lba(struct send *s)
{
	const struct sim_zones *zs = s->zs;
	uint16_t status = sim_check_range(s->req, s->req->ns, s->lba, 1);

	if (status)
		s->req->err_loc = PEL_SLBA;
	else if (s->a->zsa != NVME_ZNS_ZSA_ZRWA_FLUSH &&
		 s->lba != sim_zone_of(zs, s->lba) * zs->zsze)
		status = sim_bad_field(s->req, PEL_SLBA);
	return status;
}

static uint16_t check(struct send *s)
{
	const bool zrwa = s->want.zrwa || s->a->zsa == NVME_ZNS_ZSA_ZRWA_FLUSH;

	if (s->a->zsa == NVME_ZNS_ZSA_SET_DESC_EXT && !s->zs->zdes)
		return sim_bad_field(s->req, PEL_ZSA);
	if (!sim_zone_send_all(&s->req->sqe)) {
		uint16_t status = check_lba(s);

		if (status)
			return status;
	}
	return zrwa && !s->zs->zrwasz ? SIM_ZONE_OPERATION : SIM_OK;
}

/**
 * sim_zone_send() - Zone Management Send
 *
 * Section 3.4.3. With Select All it is exclusive, so that no other command sees some of the zones
 * changed and others not. No zone's capacity ever changes: dword 0 is 0.
 * Return: a status.
 */
uint16_t sim_zone_send(struct sim_req *req)
{
	const uint32_t cdw13 = req->sqe.cdw13;
	uint8_t ext[EXT_MAX];
	struct send s = {
		.req = req,
		.zs = req->ns->zones,
		.a = find_action(CDW13_ZSA(cdw13)),
		.lba = sim_slba(req),
		.ext = ext,
	};
	uint16_t status;

	if (!s.a)
		return sim_bad_field(req, PEL_ZSA);
	s.want.make_room = !req->ctrl->p.no_auto_transition;
	s.want.zrwa = (s.a->ev == ZEV_OPEN || s.a->ev == ZEV_SET_EXT) && cdw13 & CDW13_ZRWAA;
	status = check(&s);
	if (status)
		return status;
	if (sim_zone_send_all(&req->sqe))
		return do_all(&s);
	if (s.a->ev == ZEV_SET_EXT)
		status = sim_xfer(req, SIM_DMA_READ, ext, s.zs->zdes);
	return status ? status : do_one(&s, sim_zone_of(s.zs, s.lba));
}
