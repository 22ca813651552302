/* SPDX-License-Identifier: MIT */
/*
 * zone.h - zoned namespaces: Zoned Namespace Command Set 1.1 (sections and figures below are that
 * one's), and Zone Random Write Areas of 1.2. Private to core/ns/.
 *
 * All that a zone is, is one word of memory that survives (see ZW_ below): its state, attributes
 * and write pointer change together, in one store, so that whatever kills the process leaves a zone
 * that can be. The word is also the zone's lock. Zones never wait for one another, but for the few
 * instructions in which resources are counted, when a zone begins or ceases to be active or open.
 *
 * The order of things in a write: the zone is locked and checked; it becomes open; blocks are
 * claimed and written; the write pointer moves; claim and lock end. So what lies at the write
 * pointer or behind is, after a crash, what no host was told is written, in a zone that is active:
 * the next start deallocates it (zone.c).
 */
#ifndef NVMESIM_NS_ZONE_H
#define NVMESIM_NS_ZONE_H

#include "ns.h"

/** enum sim_zst - Zone State, numbered so that a word of zeroes is an Empty zone */
enum sim_zst {
	ZST_EMPTY,
	ZST_IMPLICIT,
	ZST_EXPLICIT,
	ZST_CLOSED,
	ZST_READ_ONLY,
	ZST_FULL,
	ZST_OFFLINE,
	ZST__N,
};
#define ZST_BIT(st) (1u << (st))

/** enum sim_zev - what can happen to a zone: the columns of the state machine (zone_state.c) */
enum sim_zev {
	ZEV_WRITE, /* a command is to write to it */
	ZEV_FILL,  /* the write pointer has reached the capacity */
	/* Zone Send Actions */
	ZEV_CLOSE,
	ZEV_FINISH,
	ZEV_OPEN,
	ZEV_RESET,
	ZEV_OFFLINE,
	ZEV_SET_EXT, /* Set Zone Descriptor Extension */
	/* what the controller does */
	ZEV_MAKE_ROOM,	/* an implicitly opened zone gives its open resource to another */
	ZEV_EXCURSION,	/* Zone Active Excursion (section 5.6) */
	ZEV_PROTECT,	/* the namespace becomes write protected */
	ZEV_FAIL_READ,	/* it can only be read any more */
	ZEV_FAIL_WHOLE, /* not even that */
	ZEV_POWER,	/* NVM Subsystem Reset, power cycle: the initial state (section 2.1.1.3) */
	ZEV__N,
};

/** struct sim_zst_traits - figure 4; @keep: attributes that a zone which gets into the state keeps
 */
struct sim_zst_traits {
	uint8_t zs; /* as a Zone Descriptor has it */
	bool active, open, wp;
	uint8_t keep;
};
extern const struct sim_zst_traits sim_zst_traits[ZST__N];

/* the word: write pointer, in blocks from the zone's beginning; attributes, as in a Zone
 * Descriptor; state; flags */
#define ZW_WP	       0x0000ffffffffffffull
#define ZW_ATTR_SHIFT  48
#define ZW_STATE_SHIFT 56
#define ZW_EMPTYING    (1ull << 62) /* a reset has begun: its data is going */
#define ZW_LOCK	       (1ull << 63)

#define ZA_ZFC	 NVME_ZNS_ZA_ZFC
#define ZA_FZR	 NVME_ZNS_ZA_FZR
#define ZA_RZR	 NVME_ZNS_ZA_RZR
#define ZA_ZRWAV NVME_ZNS_ZA_ZRWAV
#define ZA_ZDEV	 NVME_ZNS_ZA_ZDEV

static inline enum sim_zst zw_state(uint64_t w)
{
	return (enum sim_zst)(w >> ZW_STATE_SHIFT & 7);
}

static inline uint8_t zw_attrs(uint64_t w)
{
	return (uint8_t)(w >> ZW_ATTR_SHIFT);
}

static inline uint64_t zw_wp(uint64_t w)
{
	return w & ZW_WP;
}

static inline uint64_t zw_make(enum sim_zst st, uint8_t attrs, uint64_t wp)
{
	return wp | (uint64_t)attrs << ZW_ATTR_SHIFT | (uint64_t)st << ZW_STATE_SHIFT;
}

#define SIM_ZONES_MAX	    0x7fffffffu
#define SIM_ZONE_BLOCKS_MAX ZW_WP
#define SIM_ZONE_CHANGES    511 /* Zone Identifiers that the Changed Zone List has room for */

/**
 * struct sim_zone_changes - what the Changed Zone List log of every controller is made from
 * @seq:  changes so far; @e: the last change of up to so many zones, by zone
 * @lost: what happened up to here is not in @e any more
 * @read: by CNTLID: what its host has read; @shown: what the page it was given last had
 */
struct sim_zone_changes {
	mtx_t lock;
	uint64_t seq, lost;
	unsigned int nr;
	struct {
		uint64_t zone, seq;
	} e[SIM_ZONE_CHANGES];
	uint64_t read[SIM_MAX_CTRL], shown[SIM_MAX_CTRL];
};

/**
 * struct sim_zones - the zones of a namespace
 * @nr, @zsze, @zcap: zones; blocks of a zone, and those of them that can be written
 * @shift:  log2 of @zsze where it is a power of two, else 0
 * @zdes:   bytes of a Zone Descriptor Extension
 * @max_active, @max_open: 0: no limit
 * @zrwasz, @zrwafg: Zone Random Write Area and its flush granularity, blocks; @zrwasz 0: none
 * @word:   by slot(); @room: zones there is room for, whatever the format
 * @ext:    @room extensions, sparse
 * @link:   the implicitly opened zones, oldest first, if their number is limited: next and previous
 *          zone of each, plus 1
 * @lock:   guards the links and counts: a handful of instructions
 * @dirty:  a word has changed since they were made durable
 */
struct sim_zones {
	struct sim_ns *ns;
	uint64_t nr, zsze, zcap;
	unsigned int shift;
	uint32_t zdes;
	bool cross_read;
	uint32_t max_active, max_open, numzrwa;
	uint32_t zrwasz, zrwafg;
	_Atomic uint64_t *word;
	uint8_t *ext;
	uint64_t room;
	struct {
		uint32_t next, prev;
	} * link;
	struct sim_zone_changes *changes;

	_Alignas(64) _Atomic uint32_t lock;
	uint32_t first, last; /* of the list, plus 1 */
	uint32_t nr_active, nr_open, nr_zrwa;
	_Atomic uint32_t nr_offline;
	_Atomic bool dirty;
};

/* ---- addresses ------------------------------------------------------------------------------ */

/* Neighbours are written by different threads: eight of them lie in eight cache lines. */
static inline _Atomic uint64_t *sim_zone_word(const struct sim_zones *zs, uint64_t z)
{
	return &zs->word[(z & ~63ull) | (z & 7) << 3 | (z >> 3 & 7)];
}

/** sim_zone_of() - the zone that @lba is in */
static inline uint64_t sim_zone_of(const struct sim_zones *zs, uint64_t lba)
{
	return zs->shift ? lba >> zs->shift : lba / zs->zsze;
}

/** sim_zone_peek() - a zone's word as it is now */
static inline uint64_t sim_zone_peek(const struct sim_zones *zs, uint64_t z)
{
	return atomic_load_explicit(sim_zone_word(zs, z), memory_order_acquire);
}

/* ---- state machine (zone_state.c) ----------------------------------------------------------- */

/** sim_zone_lock() - the zone is this thread's. Return: its word, without ZW_LOCK */
uint64_t sim_zone_lock(struct sim_zones *zs, uint64_t z);
/** sim_zone_set() - the locked zone becomes @word; it stays locked */
void sim_zone_set(struct sim_zones *zs, uint64_t z, uint64_t word);
/** sim_zone_unlock() - the locked zone becomes @word, and is anybody's */
void sim_zone_unlock(struct sim_zones *zs, uint64_t z, uint64_t word);

/**
 * struct sim_zone_want - what a transition may do, and asks for besides
 * @make_room: an implicitly opened zone may be closed for it
 * @zrwa:      the zone is to get a Zone Random Write Area
 */
struct sim_zone_want {
	bool make_room, zrwa;
};

/**
 * sim_zone_step() - an event happens to the zone @z, which is locked
 * All limits are checked before anything changes. What becomes of the zone's data is the caller's
 * (sim_zone_goes()).
 * @word: its word; the new one, which has been set
 * Return: 0 or a status, with nothing changed.
 */
uint16_t sim_zone_step(struct sim_zones *zs, uint64_t z, uint64_t *word, enum sim_zev ev,
		       struct sim_zone_want want);
/** sim_zone_ask() - what sim_zone_step() makes of a zone in state @st, limits apart
 * Return: 0 or a status */
uint16_t sim_zone_ask(enum sim_zst st, enum sim_zev ev, enum sim_zst *next);
/** sim_zone_back() - the locked zone goes from @word back to the earlier @old: a write has failed
 */
void sim_zone_back(struct sim_zones *zs, uint64_t z, uint64_t word, uint64_t old);
/** sim_zone_count() - a zone that is found in state @word at the start is counted */
void sim_zone_count(struct sim_zones *zs, uint64_t z, uint64_t word);

/* ---- zone.c --------------------------------------------------------------------------------- */

/** sim_zone_bytes() - bytes of a zone; @capacity: that can be written */
uint64_t sim_zone_bytes(const struct sim_ns_params *p, bool capacity);
/** sim_zone_blocks() - blocks of a zone in format @f; @capacity: those that can be written */
uint64_t sim_zone_blocks(const struct sim_ns_params *p, const struct sim_lbaf *f, bool capacity);

/** sim_zones_was() - whether namespace @nsid was a zoned one in an earlier life */
bool sim_zones_was(const struct sim_subsys *s, uint32_t nsid);
/** sim_zones_drop() - nothing of the zones of @nsid is wanted again: its medium is another one */
int sim_zones_drop(const struct sim_subsys *s, uint32_t nsid);
/**
 * sim_zones_check() - whether zones of an earlier life are of the geometry that is configured now
 * Before anything is opened: an area that is asked for with another length is a new one.
 * Return: 0 or %SIM_EINVAL with a sentence in @msg.
 */
int sim_zones_check(const struct sim_ns *ns, struct sim_msg *msg);
/**
 * sim_zones_open() - the zones of a namespace whose media is open
 * Those of an earlier life if there was one; then what was left unfinished is finished, and open
 * zones are Closed or Empty. @blank: a Format had begun: all zones are Empty, whatever they were.
 * Return: 0 or a negative enum sim_err with a sentence in @msg.
 */
int sim_zones_open(struct sim_ns *ns, bool blank, struct sim_msg *msg);
void sim_zones_close(struct sim_ns *ns, bool forget);
/** sim_zones_format() - the namespace has another format, its blocks are deallocated: all zones are
 * Empty. Writer side held. */
void sim_zones_format(struct sim_ns *ns);
/** sim_zone_ext_reserve() - have room for the extension of zone @z. Return: 0 or SIM_E*. */
int sim_zone_ext_reserve(struct sim_zones *zs, uint64_t z);
/** sim_zone_empty() - deallocate the blocks of the locked zone @z from @from (in blocks) on
 * Return: 0 or a status. */
uint16_t sim_zone_empty(struct sim_zones *zs, uint64_t z, uint64_t from, struct sim_req *req);

/* ---- commands that read and write blocks (zone_write.c) ------------------------------------- */

/** struct sim_zone_write - a command that writes to a zone; on its stack */
struct sim_zone_write {
	struct sim_zones *zs;
	uint64_t zone, old, word, at, slba, nlb;
};

/**
 * sim_zone_write_begin() - may @nlb blocks be written at @slba of @ns?
 * The zone is then locked and open; call it before blocks are claimed.
 * @append: the zone's write pointer says where, @w->slba is it; @slba is in the zone
 * Return: 0 or a status, with nothing changed.
 */
uint16_t sim_zone_write_begin(struct sim_zone_write *w, struct sim_req *req, struct sim_ns *ns,
			      uint64_t slba, uint64_t nlb, bool append);
/** sim_zone_write_end() - they are written, or (@status) were not: the write pointer moves, or what
 * there is of them is deallocated. The blocks are still claimed. */
void sim_zone_write_end(struct sim_zone_write *w, uint16_t status);
/** sim_zone_move_wp() - the locked zone's write pointer is to be @wp: Full, at its capacity. @word
 * is not set yet where the state stays. */
void sim_zone_move_wp(struct sim_zones *zs, uint64_t z, uint64_t *word, uint64_t wp);
/** sim_zone_check_read() - section 2.1.1.2.1.2. Return: 0 or a status */
uint16_t sim_zone_check_read(struct sim_req *req, const struct sim_ns *ns, uint64_t slba,
			     uint64_t nlb);
/** sim_zone_check_online() - Zone Is Offline if one of the blocks' zones is (Dataset Management) */
uint16_t sim_zone_check_online(struct sim_req *req, const struct sim_ns *ns, uint64_t slba,
			       uint64_t nlb);

/** sim_zone_check_append() - the fields of a Zone Append. Return: 0 or a status */
uint16_t sim_zone_check_append(struct sim_req *req);

/* ---- events (zone_event.c) ------------------------------------------------------------------ */

/** sim_zone_changed() - a Zone Descriptor has changed and no command of a host's has done it: the
 * zone enters the Changed Zone List; sim_zones_tell() then tells the hosts. */
void sim_zone_changed(struct sim_zones *zs, uint64_t z);
/** sim_zones_tell() - the subsystem's reader or writer side is held */
void sim_zones_tell(struct sim_zones *zs);

#endif /* NVMESIM_NS_ZONE_H */
