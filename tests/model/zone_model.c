/* SPDX-License-Identifier: MIT */
/*
 * zone_model.c - a zoned namespace as the specification describes it; see zone_model.h.
 */
#include <stdlib.h>

#include "zone_model.h"

#define INVALID_FIELD	  0x002
#define LBA_RANGE	  0x080
#define INVALID_OPERATION 0x1b6
#define NO_ZRWA		  0x1b7
#define BOUNDARY	  0x1b8
#define IS_FULL		  0x1b9
#define IS_READ_ONLY	  0x1ba
#define IS_OFFLINE	  0x1bb
#define INVALID_WRITE	  0x1bc
#define TOO_MANY_ACTIVE	  0x1bd
#define TOO_MANY_OPEN	  0x1be
#define TRANSITION	  0x1bf

struct zm *zm_new(const struct zm_params *p)
{
	struct zm *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->p = *p;
	m->zone = calloc(p->nr_zones, sizeof(*m->zone));
	m->block = calloc(p->nr_zones * p->zsze, sizeof(*m->block));
	if (!m->zone || !m->block) {
		zm_free(m);
		return NULL;
	}
	for (uint64_t z = 0; z < p->nr_zones; z++) {
		m->zone[z].state = ZM_EMPTY;
		m->zone[z].wp = z * p->zsze;
	}
	return m;
}

void zm_free(struct zm *m)
{
	free(m->zone);
	free(m->block);
	free(m);
}

/* ---- resources: 2.1.1.4 --------------------------------------------------------------------- */

static bool is_open(uint8_t state)
{
	return state == ZM_IO || state == ZM_EO;
}

static bool is_active(uint8_t state)
{
	return is_open(state) || state == ZM_CLOSED;
}

uint32_t zm_active(const struct zm *m)
{
	uint32_t n = 0;

	for (uint64_t z = 0; z < m->p.nr_zones; z++)
		n += is_active(m->zone[z].state);
	return n;
}

uint32_t zm_open(const struct zm *m)
{
	uint32_t n = 0;

	for (uint64_t z = 0; z < m->p.nr_zones; z++)
		n += is_open(m->zone[z].state);
	return n;
}

uint32_t zm_zrwas(const struct zm *m)
{
	uint32_t n = 0;

	for (uint64_t z = 0; z < m->p.nr_zones; z++)
		n += m->zone[z].attrs & ZM_ZRWAV ? 1 : 0;
	return n;
}

static uint32_t count(const struct zm *m, uint8_t state)
{
	uint32_t n = 0;

	for (uint64_t z = 0; z < m->p.nr_zones; z++)
		n += m->zone[z].state == state;
	return n;
}

/* whether a zone can go from one state to another; the controller closes zones it opened itself */
static uint16_t make_room(struct zm *m, uint8_t from, uint8_t to)
{
	m->owed = 0;
	if (m->p.max_active && is_active(to) && !is_active(from) && zm_active(m) >= m->p.max_active)
		return TOO_MANY_ACTIVE;
	if (m->p.max_open && is_open(to) && !is_open(from) && zm_open(m) >= m->p.max_open) {
		if (!m->p.auto_transition || !count(m, ZM_IO))
			return TOO_MANY_OPEN;
		m->owed = 1;
	}
	return 0;
}

bool zm_closed(struct zm *m, uint64_t zone)
{
	if (!m->owed || m->zone[zone].state != ZM_IO)
		return false;
	m->owed--;
	m->zone[zone].state = ZM_CLOSED;
	return true;
}

/* ---- one zone ------------------------------------------------------------------------------- */

static uint64_t zslba(const struct zm *m, uint64_t zone)
{
	return zone * m->p.zsze;
}

static bool outside(const struct zm *m, uint64_t slba, uint64_t nlb)
{
	const uint64_t nsze = m->p.nr_zones * m->p.zsze;

	return slba >= nsze || nlb > nsze - slba;
}

uint64_t zm_wp(const struct zm *m, uint64_t zone)
{
	const uint8_t state = m->zone[zone].state;

	return state == ZM_EMPTY || is_active(state) ? m->zone[zone].wp : UINT64_MAX;
}

static void set_full(struct zm_zone *z)
{
	z->state = ZM_FULL;
	z->attrs &= (uint8_t) ~(ZM_ZRWAV | ZM_FZR); /* there is nothing to finish any more */
}

static void set_offline(struct zm_zone *z)
{
	z->state = ZM_OFF;
	z->attrs = 0; /* 5.3: the extension is gone */
}

static void set_empty(struct zm *m, uint64_t zone)
{
	m->zone[zone] = (struct zm_zone){ .state = ZM_EMPTY, .wp = zslba(m, zone) };
	zm_fill(m, zslba(m, zone), m->p.zsze, ZM_UNWRITTEN, 0); /* 2.1.1.5 */
}

/* ---- user data ------------------------------------------------------------------------------ */

static uint16_t not_writable(uint8_t state)
{
	return state == ZM_FULL	 ? IS_FULL
	       : state == ZM_RO	 ? IS_READ_ONLY
	       : state == ZM_OFF ? IS_OFFLINE
				 : 0;
}

/* 2.1.1.2.1.1; the write pointer moves, or the window of random writes does */
uint16_t zm_write(struct zm *m, uint64_t slba, uint64_t nlb)
{
	uint64_t zone, end = slba + nlb, limit;
	struct zm_zone *z;
	uint16_t status;

	if (outside(m, slba, nlb))
		return LBA_RANGE;
	zone = slba / m->p.zsze;
	z = &m->zone[zone];
	limit = zslba(m, zone) + m->p.zcap;
	status = not_writable(z->state);
	if (status)
		return status;
	if (z->attrs & ZM_ZRWAV) {
		/* the area itself, and as much behind it, where a write moves the area */
		if (slba < z->wp || end > z->wp + 2 * m->p.zrwas)
			return INVALID_WRITE;
	} else if (slba != z->wp) {
		return INVALID_WRITE;
	}
	if (end > limit)
		return BOUNDARY;
	status = make_room(m, z->state, ZM_IO);
	if (status)
		return status;
	if (!is_open(z->state))
		z->state = ZM_IO;
	if (!(z->attrs & ZM_ZRWAV)) {
		z->wp = end;
	} else {
		while (z->wp + m->p.zrwas < end)
			z->wp += m->p.zrwafg;
		if (z->wp > limit)
			z->wp = limit;
	}
	if (z->wp == limit)
		set_full(z);
	return 0;
}

uint16_t zm_append(struct zm *m, uint64_t slba, uint64_t nlb, uint64_t *at)
{
	struct zm_zone *z;
	uint16_t status;

	if (outside(m, slba, 1))
		return LBA_RANGE;
	if (slba % m->p.zsze) /* 3.4.1: the lowest block of a zone */
		return INVALID_FIELD;
	z = &m->zone[slba / m->p.zsze];
	status = not_writable(z->state);
	if (status)
		return status;
	if (z->attrs & ZM_ZRWAV)
		return INVALID_OPERATION;
	if (nlb > slba + m->p.zcap - z->wp)
		return BOUNDARY;
	*at = z->wp;
	return zm_write(m, z->wp, nlb);
}

void zm_fill(struct zm *m, uint64_t slba, uint64_t nlb, enum zm_data data, uint32_t stamp)
{
	for (uint64_t i = slba; i < slba + nlb; i++)
		m->block[i] = (struct zm_block){ (uint8_t)data, stamp };
}

/* 2.1.1.2.1.2 */
uint16_t zm_read(const struct zm *m, uint64_t slba, uint64_t nlb)
{
	uint64_t first = slba / m->p.zsze, last;

	if (outside(m, slba, nlb))
		return LBA_RANGE;
	last = (slba + nlb - 1) / m->p.zsze;
	if (first != last && !m->p.cross_read)
		return m->zone[first].state == ZM_OFF ? IS_OFFLINE : BOUNDARY;
	for (uint64_t z = first; z <= last; z++)
		if (m->zone[z].state == ZM_OFF)
			return IS_OFFLINE;
	return 0;
}

/* 3.3.3; the write pointer stays where it is */
uint16_t zm_deallocate(struct zm *m, uint64_t slba, uint64_t nlb)
{
	if (outside(m, slba, nlb))
		return LBA_RANGE;
	for (uint64_t i = slba; i < slba + nlb; i++)
		if (m->zone[i / m->p.zsze].state == ZM_OFF)
			return IS_OFFLINE;
	zm_fill(m, slba, nlb, ZM_UNWRITTEN, 0);
	return 0;
}

/* ---- Zone Management Send: 3.4.3.1 ---------------------------------------------------------- */

static uint16_t do_close(struct zm_zone *z)
{
	if (is_open(z->state))
		z->state = ZM_CLOSED;
	return z->state == ZM_CLOSED ? 0 : TRANSITION;
}

static uint16_t do_finish(struct zm_zone *z)
{
	if (z->state == ZM_EMPTY || is_active(z->state))
		set_full(z);
	return z->state == ZM_FULL ? 0 : TRANSITION;
}

static uint16_t do_reset(struct zm *m, uint64_t zone)
{
	const uint8_t state = m->zone[zone].state;

	if (state == ZM_RO || state == ZM_OFF)
		return TRANSITION;
	if (state != ZM_EMPTY)
		set_empty(m, zone);
	return 0;
}

static uint16_t do_offline(struct zm_zone *z)
{
	if (z->state == ZM_RO)
		set_offline(z);
	return z->state == ZM_OFF ? 0 : TRANSITION;
}

/* a Zone Random Write Area is given to an Empty zone */
static uint16_t zrwa_for(const struct zm *m, const struct zm_zone *z)
{
	return m->p.zrwas && z->state == ZM_EMPTY ? 0 : INVALID_OPERATION;
}

/* Active Resources, Open Resources, then areas */
static uint16_t make_room_for(struct zm *m, uint8_t from, uint8_t to, bool zrwaa)
{
	uint16_t status = make_room(m, from, to);

	if (!status && zrwaa && m->p.numzrwa && zm_zrwas(m) >= m->p.numzrwa)
		status = NO_ZRWA;
	if (status)
		m->owed = 0;
	return status;
}

static uint16_t do_open(struct zm *m, struct zm_zone *z, bool zrwaa)
{
	uint16_t status;

	if (z->state != ZM_EMPTY && !is_active(z->state))
		return TRANSITION;
	status = zrwaa ? zrwa_for(m, z) : 0;
	if (!status)
		status = make_room_for(m, z->state, ZM_EO, zrwaa);
	if (status)
		return status;
	z->state = ZM_EO;
	if (zrwaa)
		z->attrs |= ZM_ZRWAV;
	return 0;
}

static uint16_t do_set_ext(struct zm *m, struct zm_zone *z, bool zrwaa, uint32_t ext)
{
	uint16_t status;

	if (!m->p.extensions)
		return INVALID_FIELD;
	if (z->state != ZM_EMPTY)
		return TRANSITION;
	status = zrwaa ? zrwa_for(m, z) : 0;
	if (!status)
		status = make_room_for(m, z->state, ZM_CLOSED, zrwaa);
	if (status)
		return status;
	z->state = ZM_CLOSED;
	z->attrs |= (uint8_t)(ZM_ZDEV | (zrwaa ? ZM_ZRWAV : 0));
	z->ext = ext;
	return 0;
}

/* Flush Explicit ZRWA Range: up to and with block @lba */
static uint16_t do_flush(struct zm *m, uint64_t lba)
{
	const uint64_t zone = lba / m->p.zsze, limit = zslba(m, zone) + m->p.zcap;
	struct zm_zone *z = &m->zone[zone];
	uint16_t status;

	if (!(z->attrs & ZM_ZRWAV))
		return INVALID_OPERATION;
	if (lba < z->wp || lba >= z->wp + m->p.zrwas || lba >= limit)
		return INVALID_OPERATION;
	if ((lba + 1 - z->wp) % m->p.zrwafg && lba + 1 != limit)
		return INVALID_FIELD;
	status = make_room(m, z->state, ZM_IO);
	if (status)
		return status;
	if (!is_open(z->state))
		z->state = ZM_IO;
	z->wp = lba + 1;
	if (z->wp == limit)
		set_full(z);
	return 0;
}

uint16_t zm_send(struct zm *m, uint8_t zsa, uint64_t slba, bool zrwaa, uint32_t ext)
{
	const uint64_t zone = slba / m->p.zsze;
	struct zm_zone *z;

	m->owed = 0;
	if ((zsa < ZM_CLOSE || zsa > ZM_OFFLINE) && zsa != ZM_SET_EXT && zsa != ZM_FLUSH)
		return INVALID_FIELD;
	if (outside(m, slba, 1))
		return LBA_RANGE;
	if (slba % m->p.zsze && zsa != ZM_FLUSH)
		return INVALID_FIELD;
	z = &m->zone[zone];
	switch (zsa) {
	case ZM_CLOSE:
		return do_close(z);
	case ZM_FINISH:
		return do_finish(z);
	case ZM_OPEN:
		return do_open(m, z, zrwaa);
	case ZM_RESET:
		return do_reset(m, zone);
	case ZM_OFFLINE:
		return do_offline(z);
	case ZM_SET_EXT:
		return do_set_ext(m, z, zrwaa, ext);
	case ZM_FLUSH:
		return do_flush(m, slba);
	default:
		return INVALID_FIELD;
	}
}

static uint16_t open_all(struct zm *m, bool *may_refuse)
{
	const uint32_t closed = count(m, ZM_CLOSED), explicit = count(m, ZM_EO);
	const uint32_t open = zm_open(m), max = m->p.max_open;

	if (max && closed && explicit + closed > max)
		return TOO_MANY_OPEN;
	if (max && closed && open + closed > max) {
		if (!m->p.auto_transition)
			return TOO_MANY_OPEN;
		*may_refuse = true;
		m->owed = open + closed - max;
	}
	for (uint64_t z = 0; z < m->p.nr_zones; z++)
		if (m->zone[z].state == ZM_CLOSED)
			m->zone[z].state = ZM_EO;
	return 0;
}

uint16_t zm_send_all(struct zm *m, uint8_t zsa, bool *may_refuse)
{
	m->owed = 0;
	*may_refuse = false;
	if (zsa == ZM_OPEN)
		return open_all(m, may_refuse);
	if (zsa < ZM_CLOSE || zsa > ZM_OFFLINE)
		return INVALID_FIELD;
	for (uint64_t z = 0; z < m->p.nr_zones; z++) {
		const uint8_t state = m->zone[z].state;

		if (zsa == ZM_CLOSE && is_open(state))
			do_close(&m->zone[z]);
		if (zsa == ZM_FINISH && is_active(state))
			do_finish(&m->zone[z]);
		if (zsa == ZM_RESET && (is_active(state) || state == ZM_FULL))
			do_reset(m, z);
		if (zsa == ZM_OFFLINE && state == ZM_RO)
			do_offline(&m->zone[z]);
	}
	return 0;
}

/* ---- reports, and the outside --------------------------------------------------------------- */

bool zm_matches(const struct zm *m, uint64_t zone, uint8_t zrasf)
{
	static const uint8_t state[8] = { 0,	     ZM_EMPTY, ZM_IO, ZM_EO,
					  ZM_CLOSED, ZM_FULL,  ZM_RO, ZM_OFF };
	const struct zm_zone *z = &m->zone[zone];

	if (zrasf == 9)
		return z->attrs & (ZM_ZFC | ZM_FZR | ZM_RZR);
	return !zrasf || z->state == state[zrasf];
}

bool zm_act_read_only(struct zm *m, uint64_t zone)
{
	struct zm_zone *z = &m->zone[zone];

	if (z->state == ZM_RO || z->state == ZM_OFF)
		return false;
	z->state = ZM_RO;
	z->attrs &= (uint8_t) ~(ZM_ZRWAV | ZM_FZR | ZM_RZR);
	return true;
}

bool zm_act_offline(struct zm *m, uint64_t zone)
{
	if (m->zone[zone].state == ZM_OFF)
		return false;
	set_offline(&m->zone[zone]);
	return true;
}

bool zm_act_finish(struct zm *m, uint64_t zone)
{
	struct zm_zone *z = &m->zone[zone];

	if (!is_active(z->state))
		return false;
	set_full(z);
	z->attrs |= ZM_ZFC;
	return true;
}

bool zm_act_recommend(struct zm *m, uint64_t zone, uint8_t attr)
{
	struct zm_zone *z = &m->zone[zone];

	if (attr == ZM_FZR ? !is_active(z->state) : z->state != ZM_FULL)
		return false;
	z->attrs |= attr;
	return true;
}

/* what was written into a Zone Random Write Area is committed, in whole granularities */
static void commit_all(struct zm *m, uint64_t zone)
{
	struct zm_zone *z = &m->zone[zone];
	const uint64_t wp = z->wp, limit = zslba(m, zone) + m->p.zcap;

	for (uint64_t i = wp; i < limit && i < wp + 2 * m->p.zrwas; i++)
		while (m->block[i].data != ZM_UNWRITTEN && z->wp <= i)
			z->wp += m->p.zrwafg;
	if (z->wp >= limit) {
		z->wp = limit;
		set_full(z);
	}
	z->attrs &= (uint8_t)~ZM_ZRWAV;
}

void zm_restart(struct zm *m)
{
	for (uint64_t i = 0; i < m->p.nr_zones; i++) {
		struct zm_zone *z = &m->zone[i];

		if (z->attrs & ZM_ZRWAV)
			commit_all(m, i);
		if (!is_active(z->state))
			continue;
		if (z->wp == zslba(m, i) && !(z->attrs & ZM_ZDEV))
			set_empty(m, i);
		else
			z->state = ZM_CLOSED;
	}
}
