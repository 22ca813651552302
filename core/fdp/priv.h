/* SPDX-License-Identifier: MIT */
/*
 * priv.h - reclaim units, handles and maps; private to core/fdp/.
 *
 * Sizes within a unit are in sectors of 512 bytes of data; metadata rides along and counts in the
 * statistics only.
 */
#ifndef NVMESIM_FDP_PRIV_H
#define NVMESIM_FDP_PRIV_H

#include <stdatomic.h>

#include "../ctrl/tables.h"
#include "../media/spin.h"
#include "../ns/ns.h"
#include "chunk.h"
#include "fdp.h"
#include "words.h"

#define FDP_NONE	 UINT32_MAX /* no unit */
#define FDP_MIXED	 0xffff	    /* no handle's: what was collected from several */
#define FDP_CFGS_MAX	 3
#define FDP_MAXPIDS	 127 /* 0's based */
#define FDP_SECTOR_SHIFT 9
#define FDP_BLOCK_MIN	 8u /* sectors of the largest block a host can choose: 4 KiB */
#define FDP_UNIT_BLOCKS	 4u /* a unit holds at least so many of the largest blocks */

/*
 * Free units of a reclaim group that only the collector may take: collecting one unit needs at
 * most one other and gives one back. Up to FDP_LOW, commands that write do a bit of collecting.
 */
#define FDP_RESERVE 1u
#define FDP_LOW	    2u

/* ---- what survives -------------------------------------------------------------------------- */

enum fdp_unit_state {
	FDP_FREE, /* erased */
	FDP_OPEN, /* a handle or the collector writes to it */
	FDP_FULL, /* written, or closed early */
};

/**
 * struct fdp_unit - a reclaim unit, in the group's area
 * @word: state, handle and how often it was erased, in one store
 * @written: sectors; counts before a block's map says that it is here. Of a free unit: 0
 * @seq: when it was closed, in closings
 */
struct fdp_unit {
	_Atomic uint64_t word;
	_Atomic uint32_t written;
	_Atomic uint32_t seq;
};
_Static_assert(sizeof(struct fdp_unit) == 16, "in the area");

static inline uint64_t fdp_word(enum fdp_unit_state state, uint16_t ruhid, uint32_t erases)
{
	return (uint64_t)state << 48 | (uint64_t)ruhid << 32 | erases;
}

static inline enum fdp_unit_state fdp_state(uint64_t word)
{
	return (enum fdp_unit_state)(word >> 48);
}

static inline uint16_t fdp_ruhid(uint64_t word)
{
	return (uint16_t)(word >> 32);
}

/**
 * struct fdp_slot - a handle in a reclaim group, in the group's area; changed under its lock
 * @hosted: bytes hosts have written through it, data and metadata
 * @unit: the unit that it references, and 1; 0: an empty one, not chosen yet
 */
struct fdp_slot {
	_Atomic uint64_t hosted;
	_Atomic uint32_t unit;
	uint32_t rsvd;
};
_Static_assert(sizeof(struct fdp_slot) == 16, "in the area");

#define FDP_RING 64 /* events kept; the oldest one may be half overwritten */

struct fdp_ring {
	_Atomic uint64_t next;
	struct nvme_fdp_event ev[FDP_RING];
};

enum fdp_ring_kind {
	FDP_RING_CTRL,
	FDP_RING_HOST,
	FDP_RINGS,
};

/**
 * struct fdp_head - the area's beginning
 * @gen: a number of this life of the group: maps that have another one are not of it
 * @runs to @serial: what it was made for; @serial: of the mode's record
 * @boot: sim_journal_port.boot; @open: it was not closed in an orderly way
 * @high: units of each reclaim group that were ever used
 * @moved: bytes that the collector has written, data and metadata
 * @events: by handle, a bit for each row of the events table: enabled
 */
struct fdp_head {
	_Atomic uint64_t magic; /* 0 while the rest is being made */
	uint64_t gen, runs;
	uint32_t nrg, nruh, cfg, serial;
	uint64_t boot;
	_Atomic uint32_t open, high;
	_Atomic uint64_t moved, collections;
	_Atomic uint8_t events[SIM_RUHS_MAX];
	struct fdp_ring ring[FDP_RINGS];
};
#define FDP_HEAD_LEN 16384u
_Static_assert(sizeof(struct fdp_head) <= FDP_HEAD_LEN, "in the area");

/**
 * struct fdp_map_head - the beginning of a namespace's map
 * @gen: of the group; @blocks: sim_media_gen(); @size: of the store
 * @nph, @ruhid: the namespace's handles; @chosen: by the controller
 * @directive_off: a host disabled the Data Placement directive
 */
struct fdp_map_head {
	_Atomic uint64_t magic; /* as there */
	uint64_t gen, blocks, size;
	uint16_t nph, chosen;
	_Atomic uint32_t directive_off;
	uint16_t ruhid[SIM_RUHS_MAX];
};

/* ---- what does not -------------------------------------------------------------------------- */

/**
 * struct fdp_open - of a slot
 * @lock: the slot's; @fresh: blocks that were in no unit before, and sim_fdp.live has not got yet
 * @since: when its unit began to be written to
 */
struct fdp_open {
	_Atomic uint32_t lock;
	uint32_t fresh;
	_Atomic uint64_t since;
};

#define FDP_DEAD 64u

/**
 * struct fdp_rg - a reclaim group
 * @lock: guards @head, @virgin, @dead and the changes of @nr_free
 * @head: list of free units, and 1; @virgin: units from there on were never used
 * @collector: guards what follows
 * @victim: the unit that is being collected, and 1; @cursor: entries of the first chunk of its log
 *          that are done; chunks that are done it has no more
 * @hand: where the next search begins; @seek: that for one that holds nothing
 * @idle: sim_fdp.clock, and 1, when there was nothing to collect
 * @dead: the last full units, and 1, whose blocks had all left; the newest is at @nr_dead - 1
 */
struct fdp_rg {
	_Atomic uint32_t lock, nr_free;
	uint32_t head, virgin;
	_Atomic uint32_t collector;
	_Atomic uint32_t victim;
	uint32_t cursor, hand, seek;
	_Atomic uint32_t idle;
	uint32_t dead[FDP_DEAD], nr_dead;
};

/* who makes logs shorter */
enum fdp_tidy_by {
	FDP_TIDY_WRITE, /* a command that writes */
	FDP_TIDY_REST,	/* one that deallocates, or the timer */
	FDP_TIDY_BY,
};

/**
 * struct fdp_tidy - who makes logs shorter (tidy.c)
 * @lock: is tried, never waited for; guards the rest
 * @unit: whose log is being gone through, and 1; @begun: it was begun with; @at: the next chunk;
 *        @marks: entries for the same block are told apart
 * @hand, @looked: of the search for the next unit; @best: so far, and 1; @won of @chunks: of it
 * @by: who searches
 * @idle: fdp_taken() from which on it is worth searching, by whom
 * @armed: a timer will come; @seen: fdp_taken() when it came last
 * @stuck: sim_fdp.clock, and 1, when blocks were in too many units, and none could be emptied
 */
struct fdp_tidy {
	_Atomic uint32_t lock;
	uint32_t unit, at, hand, looked, best, won, chunks;
	bool begun, marks;
	enum fdp_tidy_by by;
	_Atomic uint32_t idle[FDP_TIDY_BY], armed;
	_Atomic uint32_t seen, stuck;
};

#define FDP_SAMPLES 256

/**
 * struct fdp_history - the statistics each time @every units were closed
 * When it is full, every other sample goes, and @every doubles.
 */
struct fdp_history {
	_Atomic uint32_t lock;
	uint32_t nr, every, closed;
	struct sim_fdp_sample sample[FDP_SAMPLES];
};

/** struct fdp_cfg - an FDP configuration, as log page 20h has it */
struct fdp_cfg {
	uint16_t nruh;
	bool persistent;
};

/**
 * struct sim_fdp - the endurance group
 * @cap: sectors of a unit; @block_max: of the largest block
 * @rgif: bits of a Placement Identifier that are the reclaim group
 * @units: of a reclaim group; unit number n is in group n % nrg
 * @nr_log: units that @log is for
 * @live: blocks that are in a unit, a few for each handle less; @map_bytes: that maps take for
 * them;
 * @over: logs are too long for that
 * @target: by reclaim group and domain: units the collector writes to, and 1
 * @ns, @nr_ns: the namespaces that take part
 */
struct sim_fdp {
	struct sim_subsys *s;
	struct sim_fdp_params p;
	struct fdp_cfg cfgs[FDP_CFGS_MAX];
	unsigned int nr_cfgs;
	const struct fdp_cfg *cfg; /* NULL: disabled */
	unsigned int cfg_index;
	uint32_t serial;
	uint32_t cap, block_max;
	uint8_t rgif;

	struct fdp_head *head;
	struct fdp_slot *slot;
	struct fdp_unit *unit;
	uint64_t len;
	bool own_memory; /* of calloc() */

	uint32_t units, nr_log;
	struct fdp_log *log;
	struct fdp_pool pool[FDP_POOLS];
	struct fdp_tidy tidy;
	_Atomic int64_t live, map_bytes;
	_Atomic uint32_t over;
	struct fdp_open *open;
	struct fdp_rg *rg;
	uint32_t *target;
	_Atomic uint64_t erases;
	_Atomic uint32_t clock;
	_Atomic uint32_t event_lock;
	struct fdp_history history;

	struct sim_fdp_ns *ns[SIM_NN];
	unsigned int nr_ns;
};

/**
 * struct sim_fdp_ns - a namespace in the endurance group
 * @map: by LBA, the unit the block is in
 * @valid: by unit, of @nr_valid, sectors of this namespace in it
 * @block: sectors of a block; @bytes: of a block with its metadata
 * @shift: LBAs that an entry of a unit's log stands for, log2
 * @base: the index of the first of them, @span: how many indices; modulo 1 << 24. They change only
 *        when no block is in a unit
 * @rg: the reclaim group the controller chooses, when it may
 */
struct sim_fdp_ns {
	struct sim_fdp *g;
	struct sim_ns *ns;
	struct fdp_map_head *head;
	struct fdp_map map;
	uint64_t len;
	bool own_memory;
	_Atomic uint32_t *valid;
	uint32_t nr_valid, block, bytes, base, span;
	uint8_t shift;
	_Atomic uint32_t rg;
	uint16_t nph;
	bool chosen;
	uint16_t ruhid[SIM_RUHS_MAX];
};

static inline uint32_t fdp_rg_of(const struct sim_fdp *g, uint32_t unit)
{
	return unit % g->p.nrg;
}

static inline struct fdp_slot *fdp_slot_of(const struct sim_fdp *g, uint16_t ruhid, uint32_t rg)
{
	return &g->slot[(uint64_t)ruhid * g->p.nrg + rg];
}

static inline struct fdp_open *fdp_open_of(const struct sim_fdp *g, uint16_t ruhid, uint32_t rg)
{
	return &g->open[(uint64_t)ruhid * g->p.nrg + rg];
}

/* whose valid data a unit may be mixed with, when it is collected */
static inline uint32_t fdp_domains(const struct sim_fdp *g)
{
	return g->cfg->persistent ? g->cfg->nruh : 1;
}

static inline uint32_t fdp_index(const struct sim_fdp_ns *f, uint64_t lba)
{
	return (f->base + (uint32_t)(lba >> f->shift)) & FDP_INDEX_MASK;
}

/* group.c */
/** sim_fdp_switch() - enable configuration @index, or disable FDP; no namespace takes part
 * Return: 0 or a negative enum sim_err, with everything as it was. */
int sim_fdp_switch(struct sim_fdp *g, bool on, unsigned int index);
/** sim_fdp_memory() - @len bytes that need not survive, zeroed and sparse. Return: NULL: none */
void *sim_fdp_memory(const struct sim_fdp *g, uint64_t len);
void sim_fdp_memory_free(const struct sim_fdp *g, void *mem, uint64_t len);
/** sim_fdp_memory_grow() - @now bytes in place of the @before at @mem, with what these hold.
 * Return: NULL: none, and @mem is as it was */
void *sim_fdp_memory_grow(const struct sim_fdp *g, void *mem, uint64_t before, uint64_t now);
/** sim_fdp_enough() - can units hold blocks of @sectors? Else a sentence in @msg. */
bool sim_fdp_enough(const struct sim_fdp *g, uint32_t sectors, struct sim_msg *msg);

/* pool.c; who changes a log holds it */
/** sim_fdp_pool_init() - the size of chunks, for units of the group's */
void sim_fdp_pool_init(struct sim_fdp *g);
/** sim_fdp_pool_room() - addresses for the logs of @units units. Return: 0 or %SIM_ENOMEM */
int sim_fdp_pool_room(struct sim_fdp *g, uint64_t units);
void sim_fdp_pool_drop(struct sim_fdp *g);
/** sim_fdp_log_more() - room for an entry at the end of @unit's log. Return: the chunk */
struct fdp_chunk *sim_fdp_log_more(struct sim_fdp *g, uint32_t unit);
/** sim_fdp_log_end() - the end of @unit's log is no larger than it has to be; nobody goes through
 * it */
void sim_fdp_log_end(struct sim_fdp *g, uint32_t unit);
/** sim_fdp_log_less() - @unit's log without its chunk @i. Return: the one that came after it */
uint32_t sim_fdp_log_less(struct sim_fdp *g, uint32_t unit, uint32_t i);
/** sim_fdp_log_clear() - without any, and nobody goes through it any more */
void sim_fdp_log_clear(struct sim_fdp *g, uint32_t unit);
/** sim_fdp_pool_loose() - whether more chunks are free than should be */
bool sim_fdp_pool_loose(struct sim_fdp *g);
/** sim_fdp_pool_shrink() - a step towards fewer; by who holds sim_fdp.tidy.lock. Return: whether it
 * was one */
bool sim_fdp_pool_shrink(struct sim_fdp *g);

/* chunks that were ever taken */
static inline uint32_t fdp_taken(const struct sim_fdp *g)
{
	return atomic_load_explicit(&g->pool[0].taken, memory_order_relaxed) +
	       atomic_load_explicit(&g->pool[1].taken, memory_order_relaxed);
}

/* small chunks that @i takes the room of */
static inline uint32_t fdp_chunks(uint32_t i)
{
	return i & FDP_SMALL ? 1 : 2;
}

/* bytes of those that logs have */
static inline uint64_t fdp_used(const struct sim_fdp *g)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < FDP_POOLS; i++)
		n += (uint64_t)atomic_load_explicit(&g->pool[i].used, memory_order_relaxed)
		     << g->pool[i].shift;
	return n;
}

/* an entry for a block of @f at the end of a log; that of a block before it may be its own, too */
static inline void fdp_log_add(struct sim_fdp_ns *f, uint32_t unit, uint64_t lba)
{
	const struct fdp_pool *pools = f->g->pool;
	const uint32_t first = f->g->log[unit].first, index = fdp_index(f, lba);
	const uint32_t last = first ? fdp_chunk(pools, first - 1)->prev : 0;
	struct fdp_chunk *c = first ? fdp_chunk(pools, last) : NULL;

	if (f->shift && c && c->nr && fdp_entry(c, c->nr - 1) == index)
		return;
	if (!c || c->nr == fdp_pool_of(pools, last)->per)
		c = sim_fdp_log_more(f->g, unit);
	fdp_entry_put(c, c->nr++, index);
}

/* tidy.c */
/** sim_fdp_hold() - the lock that guards @unit's log, if it can be had at once. Return: it, or NULL:
 * somebody has it, or nobody can say which it is, or the log is none. */
_Atomic uint32_t *sim_fdp_hold(struct sim_fdp *g, uint32_t unit);
/** sim_fdp_tidy_check() - sim_fdp.over, after a log has become longer */
void sim_fdp_tidy_check(struct sim_fdp *g);
/** sim_fdp_tidy() - make logs shorter, where they are too long: @budget looks at blocks. No slot's
 * or collector's lock is held. */
void sim_fdp_tidy(struct sim_fdp *g, enum fdp_tidy_by by, uint64_t budget);
/** sim_fdp_tidy_pool() - chunks that logs have no more, all of a sudden, are no memory */
void sim_fdp_tidy_pool(struct sim_fdp *g);
/** sim_fdp_tidy_gone() - the same, after @blocks have left their units for none */
void sim_fdp_tidy_gone(struct sim_fdp *g, uint64_t blocks);
/** sim_fdp_tidy_run() - a timer. Return: when it is to come again, or UINT64_MAX */
uint64_t sim_fdp_tidy_run(struct sim_fdp *g, uint64_t now);

/* unit.c */
/** sim_fdp_is_new() - is a unit of @rg that is taken now one that was never used? */
bool sim_fdp_is_new(struct sim_fdp *g, uint32_t rg);
/** sim_fdp_take() - a free unit of @rg, open. @collector: also from the reserve. Return: %FDP_NONE
 * if there is none */
uint32_t sim_fdp_take(struct sim_fdp *g, uint32_t rg, uint16_t ruhid, bool collector);
/** sim_fdp_shut() - no more is written to an open unit, which nobody references any more */
void sim_fdp_shut(struct sim_fdp *g, uint32_t unit);
/** sim_fdp_erase() - a full one, of whose blocks none is left, is free again */
void sim_fdp_erase(struct sim_fdp *g, uint32_t unit);
/** sim_fdp_units_init() - what an earlier life left of the units, made consistent, and the lists
 * of free ones */
void sim_fdp_units_init(struct sim_fdp *g);
/** sim_fdp_valid() - sectors of all namespaces in a unit */
uint64_t sim_fdp_valid(const struct sim_fdp *g, uint32_t unit);

/* page.c */
/** sim_fdp_map_undo() - what sim_fdp_prepare() has done for @n blocks from @slba on */
void sim_fdp_map_undo(struct sim_fdp_ns *f, uint64_t slba, uint64_t n);
/** sim_fdp_map_set() - @n blocks from @slba on, which are claimed and have a word, are in @unit,
 * whose log is held. Return: how many were in none */
uint64_t sim_fdp_map_set(struct sim_fdp_ns *f, uint64_t slba, uint64_t n, uint32_t unit);
/** sim_fdp_map_none() - they have no word any more, if they had one. Return: how many were in a
 * unit */
uint64_t sim_fdp_map_none(struct sim_fdp_ns *f, uint64_t slba, uint64_t n);
/** sim_fdp_map_find() - the first block of [*@lba, @end) that is in @unit, *@lba. Return: whether
 * there is one */
bool sim_fdp_map_find(struct sim_fdp_ns *f, uint64_t *lba, uint64_t end, uint32_t unit);
/** sim_fdp_map_move() - the block, if it is in unit @from still, is in @to. Return: whether it was
 */
bool sim_fdp_map_move(struct sim_fdp_ns *f, uint64_t lba, uint32_t from, uint32_t to);

/* place.c */
/** sim_fdp_pid() - what a Placement Identifier of @f's namespace says. Return: whether it is valid
 */
bool sim_fdp_pid(const struct sim_fdp_ns *f, uint16_t pid, uint32_t *rg, uint16_t *ph);
uint16_t sim_fdp_make_pid(const struct sim_fdp *g, uint32_t rg, uint16_t ph);
/** sim_fdp_update() - the handle references another, empty unit, if this one was written to
 * @type: the event; @f, @ph: through which namespace's handle; NULL: none's */
void sim_fdp_update(struct sim_fdp *g, struct sim_ctrl *c, uint16_t ruhid, uint32_t rg,
		    uint8_t type, const struct sim_fdp_ns *f, uint16_t ph);
/** sim_fdp_ruamw() - sectors that can still be written to the unit a handle references */
uint32_t sim_fdp_ruamw(struct sim_fdp *g, uint16_t ruhid, uint32_t rg);
/** sim_fdp_earutr() - seconds until the controller takes another one; 0: it does not */
uint32_t sim_fdp_earutr(struct sim_fdp *g, uint16_t ruhid, uint32_t rg);

/* collect.c */
/** sim_fdp_pace() - free units of @rg are low: do a bit of collecting, @budget blocks */
void sim_fdp_pace(struct sim_fdp *g, struct sim_ctrl *c, uint32_t rg, uint64_t budget);
/** sim_fdp_collect() - collect units of @rg until one is there to be taken
 * Return: whether one is; else there is nothing to be gained. */
bool sim_fdp_collect(struct sim_fdp *g, struct sim_ctrl *c, uint32_t rg);
/** sim_fdp_compact() - what is in a unit that holds little goes to another, though units are free:
 * a piece of that. No collector's lock is held. Return: whether there was one */
bool sim_fdp_compact(struct sim_fdp *g, int64_t *budget);
/** sim_fdp_emptied() - some blocks have left @unit, which may be a full one that holds none now */
void sim_fdp_emptied(struct sim_fdp *g, uint32_t unit);
/** sim_fdp_reuse() - a full unit of @rg that holds nothing is erased, if one is known or found soon;
 * no collector's lock is held */
void sim_fdp_reuse(struct sim_fdp *g, uint32_t rg);

/* event.c */
enum fdp_event_row {
	FDP_EV_NOT_FULL,
	FDP_EV_TIME,
	FDP_EV_RESET,
	FDP_EV_PID,
	FDP_EV_MOVED,
	FDP_EV_IMPLICIT,
	FDP_EVENTS,
};
extern const uint8_t sim_fdp_event_types[FDP_EVENTS];
/**
 * sim_fdp_event() - log an event, if it is enabled for handle @ruhid
 * @c: whose timestamp it gets; NULL: some controller's
 * @ev: type, flags and identifiers; @ruhid %FDP_MIXED: no particular handle, it is enabled if it is
 *      for one of the namespace's
 */
void sim_fdp_event(struct sim_fdp *g, struct sim_ctrl *c, enum fdp_event_row row, uint16_t ruhid,
		   const struct sim_fdp_ns *f, struct nvme_fdp_event *ev);

/* history.c */
/** sim_fdp_history_closed() - a unit was closed: it may be time for a sample */
void sim_fdp_history_closed(struct sim_fdp *g);
/** sim_fdp_history_start() - FDP is enabled: what was before is another group's */
void sim_fdp_history_start(struct sim_fdp *g);

/* map.c */
/** sim_fdp_map_clear() - no block is in a unit */
void sim_fdp_map_clear(struct sim_fdp_ns *f);
/** sim_fdp_valid_grow() - there are @units now. Return: 0 or %SIM_ENOMEM */
int sim_fdp_valid_grow(struct sim_fdp_ns *f, uint32_t units);

/* handles.c */
/** sim_fdp_handles_choose() - the handles of a namespace that is opened. Return: 0, or a negative
 * enum sim_err with a sentence. */
int sim_fdp_handles_choose(struct sim_fdp_ns *f, bool known, struct sim_msg *msg);
/** sim_fdp_ruha() - RUH Attributes: 0 unused, 1 host specified, 2 controller specified */
uint8_t sim_fdp_ruha(const struct sim_fdp *g, uint16_t ruhid);

/* log.c */
uint64_t sim_fdp_hbmw(const struct sim_fdp *g);
/** sim_fdp_endgid() - the endurance group that a command names as @endgid. Return: 0 or Invalid
 * Field; FDP Disabled where @enabled is needed */
uint16_t sim_fdp_endgid(struct sim_req *req, uint16_t endgid, uint16_t pel, bool enabled);

#endif /* NVMESIM_FDP_PRIV_H */
