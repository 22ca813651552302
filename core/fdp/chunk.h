/* SPDX-License-Identifier: MIT */
/*
 * chunk.h - logs, and the chunks that they are made of; private to core/fdp/.
 *
 * Which blocks a unit holds, or held, its log says: 3 bytes each. It is a ring of chunks of a pool,
 * so that a log takes what is in it and at most a part of one chunk more, whatever units there are
 * and whatever blocks. Where a chunk of half the size is enough for the end of a log, that is one
 * of another pool.
 *
 * A log is its unit's: whoever may write to the unit, or collect it, holds the lock that guards it
 * (sim_fdp_hold()). The pool's lock guards which chunk is whose, and is held last.
 */
#ifndef NVMESIM_FDP_CHUNK_H
#define NVMESIM_FDP_CHUNK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDP_ENTRY      3u /* bytes */
#define FDP_INDEX_MASK 0xffffffu
#define FDP_SLAB_SHIFT 15 /* chunks of a slab, log2 */

/* bytes that a pool may have free; a forty-second of what is used comes to that */
#define FDP_POOL_HOLES 2048u
#define FDP_POOL_ABOVE 2048u

/* of a chunk's number: it is in the pool of small ones */
#define FDP_SMALL (1u << 31)
#define FDP_POOLS 2

/**
 * struct fdp_chunk - entries of a log
 * @next, @prev: in the log's ring; of a free chunk in the list of these, and 1
 * @owner: the unit, and 1; 0: it is free
 * @nr: entries in it
 * @entry: fdp_index() of each, the lowest byte first. That several blocks, of several namespaces,
 *         can have one does no harm: a block is in the unit when its map says so
 */
struct fdp_chunk {
	uint32_t next, prev, owner;
	uint8_t nr;
	uint8_t entry[];
};
#define FDP_CHUNK_HEAD offsetof(struct fdp_chunk, entry)
_Static_assert(offsetof(struct fdp_chunk, entry) == 13, "three words and a byte");

/**
 * struct fdp_log - of a unit
 * @first: chunk, and 1; 0: it is empty. Of a free unit: the next one in the list of these, and 1
 * @chunks: that it has; one that is no small one counts as two
 * @mark: what the map's words of the unit's blocks are marked with, or 0: see tidy.c
 * @twice: entries that stand for the same block are to be looked for
 * @busy: somebody goes through it
 */
struct fdp_log {
	uint32_t first;
	_Atomic uint32_t chunks;
	uint8_t mark;
	_Atomic bool twice;
	bool busy;
};
_Static_assert(sizeof(struct fdp_log) == 12, "of each unit");

/** struct fdp_segment - addresses of slabs, @first and those after it, that were had in one piece
 */
struct fdp_segment {
	struct fdp_segment *next;
	uint8_t *mem;
	uint64_t len;
	uint32_t first;
};

/**
 * struct fdp_pool - the chunks of one size
 * @kind: 0 or FDP_SMALL, a part of all their numbers
 * @slab: where they are, by the slab; @nr_slab: there are; @segments: the newest first
 * @shift: bytes of a chunk, log2; @per: entries it has room for
 * @top: chunks from there on are not in use; @touched: from there on they cost nothing
 * @free: list of free ones below @top, and 1
 * @used: chunks that logs have; @taken: how many were ever
 */
struct fdp_pool {
	_Atomic uint32_t lock;
	uint8_t shift;
	uint32_t per, kind;
	struct fdp_segment *segments;
	uint8_t **slab;
	uint32_t nr_slab;
	uint32_t top, touched, free;
	_Atomic uint32_t used, taken;
};

static inline const struct fdp_pool *fdp_pool_of(const struct fdp_pool *pools, uint32_t i)
{
	return &pools[i / FDP_SMALL];
}

/* of the @pools there are */
static inline struct fdp_chunk *fdp_chunk(const struct fdp_pool *pools, uint32_t i)
{
	const struct fdp_pool *p = fdp_pool_of(pools, i);
	const uint32_t in_slab = i & ((1u << FDP_SLAB_SHIFT) - 1);

	return (struct fdp_chunk *)(void *)(p->slab[(i & ~FDP_SMALL) >> FDP_SLAB_SHIFT] +
					    ((size_t)in_slab << p->shift));
}

static inline void fdp_entry_put(struct fdp_chunk *c, uint32_t i, uint32_t index)
{
	uint8_t *e = c->entry + i * FDP_ENTRY;

	e[0] = (uint8_t)index;
	e[1] = (uint8_t)(index >> 8);
	e[2] = (uint8_t)(index >> 16);
}

static inline uint32_t fdp_entry(const struct fdp_chunk *c, uint32_t i)
{
	const uint8_t *e = c->entry + i * FDP_ENTRY;

	return e[0] | (uint32_t)e[1] << 8 | (uint32_t)e[2] << 16;
}

#endif /* NVMESIM_FDP_CHUNK_H */
