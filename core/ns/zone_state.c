/* SPDX-License-Identifier: MIT */
/*
 * zone_state.c - the zone state machine (section 2.1.1.3) and the resources it counts (2.1.1.4).
 */
#include "../media/spin.h"
#include "zone.h"

/* a zone that can be written no more has no area to write at random, and nothing to finish */
const struct sim_zst_traits sim_zst_traits[ZST__N] = {
	[ZST_EMPTY] = { SIM_ZS_EMPTY, false, false, true, 0 },
	[ZST_IMPLICIT] = { SIM_ZS_IMPLICIT_OPEN, true, true, true, 0xff },
	[ZST_EXPLICIT] = { SIM_ZS_EXPLICIT_OPEN, true, true, true, 0xff },
	[ZST_CLOSED] = { SIM_ZS_CLOSED, true, false, true, 0xff },
	[ZST_READ_ONLY] = { SIM_ZS_READ_ONLY, false, false, false, ZA_ZDEV | ZA_ZFC },
	[ZST_FULL] = { SIM_ZS_FULL, false, false, false, ZA_ZDEV | ZA_ZFC | ZA_RZR },
	[ZST_OFFLINE] = { SIM_ZS_OFFLINE, false, false, false, 0 },
};

/**
 * struct cell - what an event makes of a zone in a state
 * @status: it is refused with this, if not 0
 * @set:    attributes that the zone gets
 * @settle: Empty instead, if nothing has been written and there is no extension
 */
struct cell {
	enum sim_zst next;
	uint16_t status;
	uint8_t set;
	bool settle;
};

#define GO(state)                                                                                  \
	{                                                                                          \
		ZST_##state, SIM_OK, 0, false                                                      \
	}
#define SET(state, attr)                                                                           \
	{                                                                                          \
		ZST_##state, SIM_OK, attr, false                                                   \
	}
#define SETTLE                                                                                     \
	{                                                                                          \
		ZST_CLOSED, SIM_OK, 0, true                                                        \
	}
#define NO(state)                                                                                  \
	{                                                                                          \
		ZST_##state, SIM_ZONE_TRANSITION, 0, false                                         \
	}
#define ERR(state, status)                                                                         \
	{                                                                                          \
		ZST_##state, status, 0, false                                                      \
	}

/* Figure 7, sections 2.1.1.2.1.1 and 3.4.3.1. In the order of enum sim_zev; total. */
/* clang-format off */
static const struct cell table[ZST__N][ZEV__N] = {
	[ZST_EMPTY] = {
		[ZEV_WRITE]      = GO(IMPLICIT),
		[ZEV_FILL]       = NO(EMPTY),
		[ZEV_CLOSE]      = NO(EMPTY),
		[ZEV_FINISH]     = GO(FULL),
		[ZEV_OPEN]       = GO(EXPLICIT),
		[ZEV_RESET]      = GO(EMPTY),
		[ZEV_OFFLINE]    = NO(EMPTY),
		[ZEV_SET_EXT]    = SET(CLOSED, ZA_ZDEV),
		[ZEV_MAKE_ROOM]  = NO(EMPTY),
		[ZEV_EXCURSION]  = NO(EMPTY),
		[ZEV_PROTECT]    = GO(EMPTY),
		[ZEV_FAIL_READ]  = GO(READ_ONLY),
		[ZEV_FAIL_WHOLE] = GO(OFFLINE),
		[ZEV_POWER]      = GO(EMPTY),
	},
	[ZST_IMPLICIT] = {
		[ZEV_WRITE]      = GO(IMPLICIT),
		[ZEV_FILL]       = GO(FULL),
		[ZEV_CLOSE]      = GO(CLOSED),
		[ZEV_FINISH]     = GO(FULL),
		[ZEV_OPEN]       = GO(EXPLICIT),
		[ZEV_RESET]      = GO(EMPTY),
		[ZEV_OFFLINE]    = NO(IMPLICIT),
		[ZEV_SET_EXT]    = NO(IMPLICIT),
		[ZEV_MAKE_ROOM]  = GO(CLOSED),
		[ZEV_EXCURSION]  = SET(FULL, ZA_ZFC),
		[ZEV_PROTECT]    = GO(FULL),
		[ZEV_FAIL_READ]  = GO(READ_ONLY),
		[ZEV_FAIL_WHOLE] = GO(OFFLINE),
		[ZEV_POWER]      = SETTLE,
	},
	[ZST_EXPLICIT] = {
		[ZEV_WRITE]      = GO(EXPLICIT),
		[ZEV_FILL]       = GO(FULL),
		[ZEV_CLOSE]      = GO(CLOSED),
		[ZEV_FINISH]     = GO(FULL),
		[ZEV_OPEN]       = GO(EXPLICIT),
		[ZEV_RESET]      = GO(EMPTY),
		[ZEV_OFFLINE]    = NO(EXPLICIT),
		[ZEV_SET_EXT]    = NO(EXPLICIT),
		[ZEV_MAKE_ROOM]  = NO(EXPLICIT),
		[ZEV_EXCURSION]  = SET(FULL, ZA_ZFC),
		[ZEV_PROTECT]    = GO(FULL),
		[ZEV_FAIL_READ]  = GO(READ_ONLY),
		[ZEV_FAIL_WHOLE] = GO(OFFLINE),
		[ZEV_POWER]      = SETTLE,
	},
	[ZST_CLOSED] = {
		[ZEV_WRITE]      = GO(IMPLICIT),
		[ZEV_FILL]       = NO(CLOSED),
		[ZEV_CLOSE]      = GO(CLOSED),
		[ZEV_FINISH]     = GO(FULL),
		[ZEV_OPEN]       = GO(EXPLICIT),
		[ZEV_RESET]      = GO(EMPTY),
		[ZEV_OFFLINE]    = NO(CLOSED),
		[ZEV_SET_EXT]    = NO(CLOSED),
		[ZEV_MAKE_ROOM]  = NO(CLOSED),
		[ZEV_EXCURSION]  = SET(FULL, ZA_ZFC),
		[ZEV_PROTECT]    = GO(FULL),
		[ZEV_FAIL_READ]  = GO(READ_ONLY),
		[ZEV_FAIL_WHOLE] = GO(OFFLINE),
		[ZEV_POWER]      = SETTLE,
	},
	[ZST_READ_ONLY] = {
		[ZEV_WRITE]      = ERR(READ_ONLY, SIM_ZONE_READ_ONLY),
		[ZEV_FILL]       = NO(READ_ONLY),
		[ZEV_CLOSE]      = NO(READ_ONLY),
		[ZEV_FINISH]     = NO(READ_ONLY),
		[ZEV_OPEN]       = NO(READ_ONLY),
		[ZEV_RESET]      = NO(READ_ONLY),
		[ZEV_OFFLINE]    = GO(OFFLINE),
		[ZEV_SET_EXT]    = NO(READ_ONLY),
		[ZEV_MAKE_ROOM]  = NO(READ_ONLY),
		[ZEV_EXCURSION]  = NO(READ_ONLY),
		[ZEV_PROTECT]    = GO(READ_ONLY),
		[ZEV_FAIL_READ]  = NO(READ_ONLY),
		[ZEV_FAIL_WHOLE] = GO(OFFLINE),
		[ZEV_POWER]      = GO(READ_ONLY),
	},
	[ZST_FULL] = {
		[ZEV_WRITE]      = ERR(FULL, SIM_ZONE_FULL),
		[ZEV_FILL]       = NO(FULL),
		[ZEV_CLOSE]      = NO(FULL),
		[ZEV_FINISH]     = GO(FULL),
		[ZEV_OPEN]       = NO(FULL),
		[ZEV_RESET]      = GO(EMPTY),
		[ZEV_OFFLINE]    = NO(FULL),
		[ZEV_SET_EXT]    = NO(FULL),
		[ZEV_MAKE_ROOM]  = NO(FULL),
		[ZEV_EXCURSION]  = NO(FULL),
		[ZEV_PROTECT]    = GO(FULL),
		[ZEV_FAIL_READ]  = GO(READ_ONLY),
		[ZEV_FAIL_WHOLE] = GO(OFFLINE),
		[ZEV_POWER]      = GO(FULL),
	},
	[ZST_OFFLINE] = {
		[ZEV_WRITE]      = ERR(OFFLINE, SIM_ZONE_OFFLINE),
		[ZEV_FILL]       = NO(OFFLINE),
		[ZEV_CLOSE]      = NO(OFFLINE),
		[ZEV_FINISH]     = NO(OFFLINE),
		[ZEV_OPEN]       = NO(OFFLINE),
		[ZEV_RESET]      = NO(OFFLINE),
		[ZEV_OFFLINE]    = GO(OFFLINE),
		[ZEV_SET_EXT]    = NO(OFFLINE),
		[ZEV_MAKE_ROOM]  = NO(OFFLINE),
		[ZEV_EXCURSION]  = NO(OFFLINE),
		[ZEV_PROTECT]    = GO(OFFLINE),
		[ZEV_FAIL_READ]  = NO(OFFLINE),
		[ZEV_FAIL_WHOLE] = NO(OFFLINE),
		[ZEV_POWER]      = GO(OFFLINE),
	},
};
/* clang-format on */

/* ---- the word ------------------------------------------------------------------------------- */

static bool try_lock(struct sim_zones *zs, uint64_t z, uint64_t *word)
{
	_Atomic uint64_t *p = sim_zone_word(zs, z);

	*word = atomic_load_explicit(p, memory_order_relaxed);
	return !(*word & ZW_LOCK) &&
	       atomic_compare_exchange_strong_explicit(p, word, *word | ZW_LOCK,
						       memory_order_acquire, memory_order_relaxed);
}

uint64_t sim_zone_lock(struct sim_zones *zs, uint64_t z)
{
	unsigned int n = 0;
	uint64_t word;

	while (!try_lock(zs, z, &word))
		sim_wait_a_bit(&n);
	return word;
}

/* the flag is looked at after the word is there: see sim_zones_sync() */
static void store(struct sim_zones *zs, uint64_t z, uint64_t word)
{
	atomic_store(sim_zone_word(zs, z), word);
	if (!atomic_load(&zs->dirty))
		atomic_store(&zs->dirty, true);
}

void sim_zone_set(struct sim_zones *zs, uint64_t z, uint64_t word)
{
	store(zs, z, word | ZW_LOCK);
}

void sim_zone_unlock(struct sim_zones *zs, uint64_t z, uint64_t word)
{
	if (atomic_load_explicit(sim_zone_word(zs, z), memory_order_relaxed) == (word | ZW_LOCK))
		atomic_store_explicit(sim_zone_word(zs, z), word, memory_order_release);
	else
		store(zs, z, word);
}

/* ---- resources; @zs->lock is held ----------------------------------------------------------- */

static void list_add(struct sim_zones *zs, uint64_t z)
{
	const uint32_t id = (uint32_t)z + 1;

	if (!zs->link)
		return;
	zs->link[z].next = 0;
	zs->link[z].prev = zs->last;
	if (zs->last)
		zs->link[zs->last - 1].next = id;
	else
		zs->first = id;
	zs->last = id;
}

static void list_del(struct sim_zones *zs, uint64_t z)
{
	uint32_t next, prev;

	if (!zs->link)
		return;
	next = zs->link[z].next;
	prev = zs->link[z].prev;
	if (next)
		zs->link[next - 1].prev = prev;
	else
		zs->last = prev;
	if (prev)
		zs->link[prev - 1].next = next;
	else
		zs->first = next;
}

/* all limits hold */
static void account(struct sim_zones *zs, uint64_t z, uint64_t from, uint64_t to)
{
	const enum sim_zst a = zw_state(from), b = zw_state(to);

	zs->nr_active += (uint32_t)sim_zst_traits[b].active - sim_zst_traits[a].active;
	zs->nr_open += (uint32_t)sim_zst_traits[b].open - sim_zst_traits[a].open;
	zs->nr_zrwa += (uint32_t) !!(zw_attrs(to) & ZA_ZRWAV) - !!(zw_attrs(from) & ZA_ZRWAV);
	if ((a == ZST_OFFLINE) != (b == ZST_OFFLINE))
		atomic_fetch_add(&zs->nr_offline, b == ZST_OFFLINE ? 1u : ~0u);
	if (a == b)
		return;
	if (a == ZST_IMPLICIT)
		list_del(zs, z);
	if (b == ZST_IMPLICIT)
		list_add(zs, z);
}

/*
 * The oldest implicitly opened zone that nobody is at work on is closed. Whoever is at work on one
 * asks for no resources: it will end. Return: whether there was one
 */
static bool close_oldest(struct sim_zones *zs)
{
	for (uint32_t id = zs->first; id; id = zs->link[id - 1].next) {
		const uint64_t z = id - 1;
		uint64_t word, closed;

		if (!try_lock(zs, z, &word))
			continue;
		closed = zw_make(table[ZST_IMPLICIT][ZEV_MAKE_ROOM].next, zw_attrs(word),
				 zw_wp(word));
		sim_zone_set(zs, z, closed);
		account(zs, z, word, closed);
		sim_zone_unlock(zs, z, closed);
		return true;
	}
	return false;
}

/*
 * Section 2.1.1.4.1: active resources are missed before open ones. A zone that ceases to have
 * resources is counted after its word says so, one that gets them before: at no time do the words
 * that survive have more of them than there are.
 */
static uint16_t acquire(struct sim_zones *zs, uint64_t z, uint64_t from, uint64_t to,
			struct sim_zone_want want)
{
	const struct sim_zst_traits *a = &sim_zst_traits[zw_state(from)];
	const struct sim_zst_traits *b = &sim_zst_traits[zw_state(to)];
	unsigned int n = 0;

	for (;;) {
		bool full;

		sim_spin_lock(&zs->lock);
		full = b->open && !a->open && zs->max_open && zs->nr_open >= zs->max_open;
		if (b->active && !a->active && zs->max_active && zs->nr_active >= zs->max_active) {
			sim_spin_unlock(&zs->lock);
			return SIM_ZONE_TOO_MANY_ACTIVE;
		}
		if (full && (!want.make_room || !zs->first)) {
			sim_spin_unlock(&zs->lock);
			return SIM_ZONE_TOO_MANY_OPEN;
		}
		if (want.zrwa && zs->nr_zrwa >= zs->numzrwa) {
			sim_spin_unlock(&zs->lock);
			return SIM_ZONE_NO_ZRWA;
		}
		if (!full || close_oldest(zs)) {
			account(zs, z, from, to);
			sim_spin_unlock(&zs->lock);
			return SIM_OK;
		}
		sim_spin_unlock(&zs->lock);
		sim_wait_a_bit(&n);
	}
}

static void release(struct sim_zones *zs, uint64_t z, uint64_t from, uint64_t to)
{
	sim_spin_lock(&zs->lock);
	account(zs, z, from, to);
	sim_spin_unlock(&zs->lock);
}

/* ---- the interpreter ------------------------------------------------------------------------ */

uint16_t sim_zone_ask(enum sim_zst st, enum sim_zev ev, enum sim_zst *next)
{
	*next = table[st][ev].next;
	return table[st][ev].status;
}

uint16_t sim_zone_step(struct sim_zones *zs, uint64_t z, uint64_t *word, enum sim_zev ev,
		       struct sim_zone_want want)
{
	const enum sim_zst st = zw_state(*word);
	const struct cell *c = &table[st][ev];
	const struct sim_zst_traits *had = &sim_zst_traits[st], *gets;
	uint8_t attrs = zw_attrs(*word);
	enum sim_zst next = c->next;
	uint64_t new, wp = zw_wp(*word);
	uint16_t status;

	if (c->status)
		return c->status;
	if (ev == ZEV_POWER)
		attrs &= (uint8_t)~ZA_ZRWAV;
	if (c->settle && !wp && !(attrs & ZA_ZDEV))
		next = ZST_EMPTY;
	if (next != st)
		attrs = (attrs & sim_zst_traits[next].keep) | c->set;
	if (want.zrwa)
		attrs |= ZA_ZRWAV;
	if (next == ZST_EMPTY)
		wp = 0;
	new = zw_make(next, attrs, wp);
	if (new == *word)
		return SIM_OK;
	gets = &sim_zst_traits[next];
	if ((gets->active && !had->active) || (gets->open && !had->open) || want.zrwa) {
		status = acquire(zs, z, *word, new, want);
		if (status)
			return status;
		sim_zone_set(zs, z, new);
	} else {
		sim_zone_set(zs, z, new);
		release(zs, z, *word, new);
	}
	*word = new;
	return SIM_OK;
}

void sim_zone_back(struct sim_zones *zs, uint64_t z, uint64_t word, uint64_t old)
{
	if (word == old)
		return;
	sim_zone_set(zs, z, old);
	release(zs, z, word, old);
}

void sim_zone_count(struct sim_zones *zs, uint64_t z, uint64_t word)
{
	account(zs, z, zw_make(ZST_EMPTY, 0, 0), word);
}
