/* SPDX-License-Identifier: MIT */
/*
 * media.h - logical blocks over the store port: data, metadata, which blocks are allocated, which
 * are bad, and who is at work on which. Face of core/media/.
 *
 * On the store lie the data of all blocks, then the metadata of all blocks (QEMU's layout), however
 * the host sees them (extended or separate is a matter of the transfer).
 *
 * Without metadata the payload moves straight between the store's memory and the host's where
 * the store can give its memory (one copy), else through a bounce buffer on the stack. With
 * metadata it goes through a stage (stage.c): a whole command is gathered, checked, and only then
 * written, data and metadata as one, whatever kills the process in between. Of a store in memory,
 * which ends with the process, whole parts are gathered in spare ones and change places with them.
 *
 * Which blocks are allocated is kept in memory that survives (blocks.c): a bit a block, set before
 * the block's data is written and cleared after (with metadata: before) it is dropped.
 */
#ifndef NVMESIM_MEDIA_H
#define NVMESIM_MEDIA_H

#include <stdatomic.h>
#include <threads.h>

#include "../sim.h"

struct sim_iter;
struct sim_req;
struct sim_subsys;

/* ---- blocks at work (range.c) ------------------------------------------------------------- */

enum sim_range_mode {
	SIM_RANGE_READ,	 /* may share blocks with other readers */
	SIM_RANGE_WRITE, /* has its blocks alone */
};

#define SIM_RANGE_SHARDS 8
#define SIM_RANGE_REGION 10 /* log2: blocks of a region, which is in one shard */

/** struct sim_range_link - a claim's place in a shard's list; @next: the claim made before it */
struct sim_range_link {
	struct sim_range_link *next, **pprev;
};

/**
 * struct sim_range - a command's claim on [@slba, @slba + @nlb); on its stack while it executes
 * Two claims that meet in a block, one of them a writer's, follow one another: every command sees
 * every other command whole or not at all, which is what AWUN, NAWUN and ACWU promise. Claims that
 * do not meet never wait for each other but for the few instructions that a shard's lock guards,
 * and for those only where their regions share a shard.
 * @rs:     whose blocks; for sim_range_lock_all()
 * @group:  the first of the claims made with one call, which do not wait for each other
 * @shards: bits: where @link counts
 */
struct sim_range {
	uint64_t slba, nlb;
	enum sim_range_mode mode;
	uint32_t shards;
	struct sim_ranges *rs;
	const struct sim_range *group;
	struct sim_range_link link[SIM_RANGE_SHARDS];
};

/* Claims are made at once and granted in order: nobody is overtaken by one that is in its way. */
struct sim_ranges {
	struct sim_range_shard {
		_Atomic uint32_t lock; /* spins; a handful of instructions */
		struct sim_range_link *head; /* the newest claim */
		uint8_t pad[64 - 2 * sizeof(void *)]; /* a cache line each */
	} shard[SIM_RANGE_SHARDS];
};

/** sim_ranges_idle() - nobody has a claim; for tests */
bool sim_ranges_idle(const struct sim_ranges *rs);

void sim_range_lock(struct sim_ranges *rs, struct sim_range *r, uint64_t slba, uint64_t nlb,
		    enum sim_range_mode mode);
void sim_range_unlock(struct sim_ranges *rs, struct sim_range *r);
/**
 * sim_range_try() - claim blocks, where no claim but the caller's is in the way
 * @mine: the caller's claim, or one of them, which is not in the way; or NULL
 * Return: whether it was made; it is made at once or not at all, so that it can be made beside
 * another one.
 */
bool sim_range_try(struct sim_ranges *rs, struct sim_range *r, uint64_t slba, uint64_t nlb,
		   enum sim_range_mode mode, const struct sim_range *mine);
/**
 * sim_range_lock2() - claim two ranges, which may be of two namespaces, without a deadlock
 * (Copy: sources to read, a destination to write, each at its own time would let two copies wait
 * for each other)
 */
void sim_range_lock2(struct sim_ranges *a, struct sim_range *ra, uint64_t a_slba, uint64_t a_nlb,
		     enum sim_range_mode a_mode, struct sim_ranges *b, struct sim_range *rb,
		     uint64_t b_slba, uint64_t b_nlb, enum sim_range_mode b_mode);
/**
 * sim_range_lock_all() - claim @n ranges of any namespaces at once, without a deadlock
 * @r: each with @rs, @slba, @nlb, @mode set; the order is changed. Claims of one call may meet
 *     in blocks: they do not wait for each other.
 */
void sim_range_lock_all(struct sim_range *r[], unsigned int n);
void sim_range_unlock_all(struct sim_range *r[], unsigned int n);

/* ---- the state of blocks (blocks.c) -------------------------------------------------------- */

/**
 * struct sim_blocks - a bit a block: allocated; a bit a block: bad (Write Uncorrectable)
 * Blocks come in groups of 32,768, a page of bits. The page of @alloc or @bad is looked at only
 * where the summary says so; else all blocks of the group are alike and the page is not touched.
 * @head:    the area's beginning: what it describes
 * @used:    a bit a group: @alloc counts. @full: where it does not: all allocated, or none
 * @tainted: a bit a group: @bad counts; where it does not no block is bad
 * @nr_bad:  blocks that are bad: while it is 0 nobody looks at @bad
 * @changes: counts them; what @synced were there survives a power cut: sim_media_sync()
 */
struct sim_blocks {
	struct sim_blocks_head *head;
	_Atomic uint64_t *alloc, *bad, *used, *full, *tainted;
	_Atomic uint64_t nr_alloc, nr_bad;
	uint64_t nr, len; /* blocks; bytes of the area */
	_Atomic uint32_t lock; /* a group's summary is changed by one thread at a time */
	_Atomic uint64_t changes, synced;
	const struct sim_journal_port *journal; /* whose area it is, or NULL: of calloc() */
	uint32_t nsid;
};

/*
 * All take a range the caller has checked against the namespace's size, and has claimed.
 * Return: 0, or %SIM_ENOSPC, %SIM_EIO: a page of bits found no room where it is to survive (the
 * bits of the range are then as they were, or as asked for). Clearing bad blocks cannot fail.
 */
int sim_blocks_set_alloc(struct sim_blocks *b, uint64_t slba, uint64_t nlb);
int sim_blocks_clear_alloc(struct sim_blocks *b, uint64_t slba, uint64_t nlb);
int sim_blocks_set_bad(struct sim_blocks *b, uint64_t slba, uint64_t nlb);
void sim_blocks_clear_bad(struct sim_blocks *b, uint64_t slba, uint64_t nlb);
/** sim_blocks_find_alloc() - the first block in [@from, @to) that is allocated, or is not (@want);
 * @to when there is none. Costs the words it looks at; groups that are all alike are skipped 64 at
 * a time. */
uint64_t sim_blocks_find_alloc(const struct sim_blocks *b, uint64_t from, uint64_t to, bool want);
uint64_t sim_blocks_find_bad(const struct sim_blocks *b, uint64_t from, uint64_t to, bool want);

static inline bool sim_blocks_any_bad(const struct sim_blocks *b)
{
	return atomic_load_explicit(&b->nr_bad, memory_order_relaxed);
}

/* ---- media -------------------------------------------------------------------------------- */

/**
 * struct sim_media - the blocks of a namespace
 * @lbads:  log2 of a block's data bytes
 * @ms:     metadata bytes of a block
 * @pi_off, @pi_len: where in the metadata the protection information lies; @pi_len 0: none.
 *          A deallocated block has all ones there (NVM Command Set 1.1, 3.3.3.2.1), zeroes
 *          elsewhere.
 * @nr:     blocks
 * @md_off: where on the store the metadata begins, bytes
 * @in_place: blocks can be written in the store's memory: it is solid, so it ends with the process
 *          and there is nobody to find a write that was interrupted, and the data of each block
 *          lies together, and so does its metadata
 */
struct sim_media {
	struct sim_store *store;
	struct sim_subsys *subsys; /* journal, stage */
	uint32_t nsid;
	uint8_t lbads;
	uint16_t ms;
	uint16_t pi_off, pi_len;
	bool in_place;
	uint64_t nr, md_off;
	struct sim_blocks blocks;
	struct sim_ranges ranges;
};

/** struct sim_media_params - what sim_media_open() describes blocks by; see struct sim_media */
struct sim_media_params {
	struct sim_subsys *subsys;
	struct sim_store *store;
	uint32_t nsid;
	uint8_t lbads;
	uint16_t ms, pi_off, pi_len;
	uint64_t nr;
};

/**
 * sim_media_open() - blocks on a store
 * The states of blocks come from the journal's area if it has them for this geometry; else what the
 * store holds is allocated (sim_store_ops.next_data).
 * @m: zeroed memory; its address stays (commands hold claims in it)
 * Return: 0 or a negative enum sim_err with a sentence in @msg.
 */
int sim_media_open(struct sim_media *m, const struct sim_media_params *p, struct sim_msg *msg);
/** sim_media_close() - @forget: the states of the blocks are not wanted again */
void sim_media_close(struct sim_media *m, bool forget);
/**
 * sim_media_reshape() - another geometry, no block allocated: what Format does when it begins
 * Writer side held. The store's bytes are as before: sim_media_erase() is what drops them.
 * Return: 0, or %SIM_ENOMEM with everything as it was.
 */
int sim_media_reshape(struct sim_media *m, const struct sim_media_params *p);
/** sim_media_erase() - bytes [@off, @off + @len) of the store are zeroed and released
 * Return: 0 or a negative enum sim_err. */
int sim_media_erase(struct sim_media *m, uint64_t off, uint64_t len);
/** sim_media_gen() - a number of this life of the blocks: another after each reshape, and for a
 * medium that is new */
uint64_t sim_media_gen(const struct sim_media *m);
/** sim_media_sync() - the states of blocks, as they are now, survive a power cut: the part of a
 * flush that is not the store's. Return: 0 or %SIM_EIO. */
int sim_media_sync(struct sim_media *m);

/*
 * All below take a range the caller has checked and claimed (sim_range_lock()), and return 0 or the
 * status the command is to end with. Where the medium failed, the request's err_lba says at which
 * block.
 */

/* without metadata (@m->ms 0): straight between store and host */

/**
 * sim_media_where() - where *@len bytes at byte @off are in memory just now, to be looked at by a
 * processor that is told to, and by nobody else: nothing is claimed. *@len may become less.
 * Return: it, or NULL if there is no such place, or none that costs nothing to find.
 */
const void *sim_media_where(const struct sim_media *m, uint64_t off, size_t *len);
/** sim_media_read() - @nlb blocks at @slba to the host, through @it. @lend: they stay claimed until
 * the port is settled (lend.h). Return: 0 or a status. */
uint16_t sim_media_read(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it,
			bool lend);
/** sim_media_write() - the other way */
uint16_t sim_media_write(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it);
/** sim_media_compare() - compare with the host's bytes. Return: 0, SIM_COMPARE_FAILED, ... */
uint16_t sim_media_compare(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it);

/* with or without metadata */

/**
 * sim_media_fetch() - @nlb blocks at @slba to memory of ours
 * @data: nlb << lbads bytes, or NULL; @md: nlb * ms bytes, or NULL
 * A deallocated block gives zeroes, and its protection information all ones.
 */
uint16_t sim_media_fetch(struct sim_media *m, struct sim_req *req, uint64_t slba, uint32_t nlb,
			 void *data, void *md);
/**
 * sim_media_peek() - where blocks from @slba on are in the store's memory, to be looked at in place
 * Return: how many of @nlb blocks can be, from the first on: they are allocated and lie together,
 * and the store is solid. 0: not even the first.
 */
uint32_t sim_media_peek(struct sim_media *m, uint64_t slba, uint32_t nlb, uint8_t **data,
			uint8_t **md);
/**
 * sim_media_place() - where blocks from @slba on are that are to be written in place: @m->in_place
 * Room for the state of all *@nlb is made. Return: 0 or a status; *@nlb: how many lie together, one
 * at least.
 */
uint16_t sim_media_place(struct sim_media *m, struct sim_req *req, uint64_t slba, uint32_t *nlb,
			 uint8_t **data, uint8_t **md);
/** sim_media_placed() - they have been written: allocated and good. Return: 0 or a status. */
uint16_t sim_media_placed(struct sim_media *m, struct sim_req *req, uint64_t slba, uint32_t nlb);
/**
 * sim_media_zero() - blocks read as zeroes from now on; @dealloc: they are deallocated
 * Without @dealloc they are allocated blocks of zeroes, data and metadata. Where the metadata is to
 * hold protection information: sim_stage_commit_zeroes().
 */
uint16_t sim_media_zero(struct sim_media *m, struct sim_req *req, uint64_t slba, uint64_t nlb,
			bool dealloc);

/* ---- the stage (stage.c) ------------------------------------------------------------------- */

/*
 * A slot of the stage takes one command: @data bytes first, @md behind. It is memory that survives
 * the process: sim_stage_commit() notes in it what is to go where, copies, and takes the note back,
 * and sim_stage_recover() does over after a restart what had been noted. So a write with metadata
 * is there whole or not at all. Reads use a slot as mere memory.
 */
#define SIM_STAGE_DATA (2u << 20)    /* bytes of data, 2^9 * 4 KiB: the largest MDTS */
#define SIM_STAGE_MD (16u << 20)     /* bytes of metadata: SIM_MS_MAX of 4,096 blocks */
#define SIM_STAGE_SLOTS 8	     /* commands at a time; another one waits */
#define SIM_STAGE_SCRATCH (6u << 20) /* bytes for interleaved blocks, and for what is compared */

#define SIM_STAGE_PARTS (SIM_STAGE_DATA / SIM_PART)

/**
 * struct sim_stage_slot
 * @data:    SIM_STAGE_DATA bytes, followed by SIM_STAGE_MD
 * @md:      SIM_STAGE_MD
 * @plain:   mere memory: there was no room for what survives
 * @scratch: SIM_STAGE_SCRATCH bytes of mere memory, always
 * @part:    memory of @store, which data is gathered in instead of @data: sim_stage_parts()
 * @head, @part_nlb: blocks before those in @part[0], and in each of the @nr_parts
 */
struct sim_stage_slot {
	unsigned int index;
	uint8_t *data;
	uint8_t *md;
	bool plain;
	uint8_t *scratch;
	struct sim_store *store;
	unsigned int nr_parts;
	uint32_t head, part_nlb;
	uint8_t *part[SIM_STAGE_PARTS];
};

/** sim_stage_open() - make the stage of a subsystem. Return: 0 or %SIM_ENOMEM. */
int sim_stage_open(struct sim_subsys *s);
void sim_stage_close(struct sim_subsys *s);
/**
 * sim_stage_recover() - finish what was begun on namespace @m->nsid when the process died
 * sim_media_open() does it, if the stage is open by then; doing it again does nothing.
 * Return: 0, or a negative enum sim_err: the medium failed, and the note is kept for the next time.
 */
int sim_stage_recover(struct sim_media *m);

/**
 * sim_stage_get() - take a slot, one at a time, before any claim on blocks is made
 * Whoever waited for a slot with blocks claimed would be waited for by those who have the slots
 * and want the blocks.
 */
/** sim_stage_wipe() - forget what commands have left in the slots; writer side held */
void sim_stage_wipe(struct sim_subsys *s);

void sim_stage_get(struct sim_subsys *s, struct sim_stage_slot *slot);
void sim_stage_put(struct sim_subsys *s, struct sim_stage_slot *slot);
/**
 * sim_stage_parts() - let what is to be blocks [@slba, @slba + @nlb) be gathered where it can stay
 * Where the store's memory can be exchanged, whole parts of these blocks get spare memory of the
 * store instead of the slot's: as many as there is some for, from the first on.
 * sim_stage_commit(), of the same blocks, puts it in their place. What is not committed,
 * sim_stage_put() gives back.
 */
void sim_stage_parts(struct sim_media *m, struct sim_stage_slot *slot, uint64_t slba, uint32_t nlb);
/**
 * sim_stage_piece() - where the data of block @i, of @nlb, is gathered
 * Return: how many blocks lie together in *@data, block @i being the first.
 */
uint32_t sim_stage_piece(const struct sim_media *m, const struct sim_stage_slot *slot, uint32_t i,
			 uint32_t nlb, uint8_t **data);
/**
 * sim_stage_commit() - the slot's data and metadata become blocks [@slba, @slba + @nlb)
 * @nlb << lbads is at most SIM_STAGE_DATA, @nlb * ms at most SIM_STAGE_MD; metadata may be none.
 * They are allocated and good afterwards. Return: 0 or a status. All room is found before anything
 * is written, so after a full medium's Write Fault nothing has changed. A medium that fails amid
 * the writing leaves blocks that were allocated as old, new or in between, data and metadata each;
 * blocks that were not allocated still are not.
 */
uint16_t sim_stage_commit(struct sim_media *m, struct sim_req *req, struct sim_stage_slot *slot,
			  uint64_t slba, uint32_t nlb);
/** sim_stage_commit_zeroes() - the same with the slot's metadata only; the data is zeroes */
uint16_t sim_stage_commit_zeroes(struct sim_media *m, struct sim_req *req,
				 struct sim_stage_slot *slot, uint64_t slba, uint32_t nlb);

#endif /* NVMESIM_MEDIA_H */
