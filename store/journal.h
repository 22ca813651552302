/* SPDX-License-Identifier: MIT */
/*
 * journal.h - the journal's parts; private to store/.
 *
 * The file is a header and records, each padded to 8 bytes. The newest record of a (type, key)
 * counts. Numbers are in the machine's byte order: the file belongs to this machine.
 */
#ifndef NVMESIM_STORE_JOURNAL_H
#define NVMESIM_STORE_JOURNAL_H

#include <pthread.h>

#include "area.h"
#include "cells.h"
#include "kind.h"

#define JOURNAL_MAGIC 0x314c4e4a4d56564eull /* "NVVMJNL1" */
#define RECORD_MAGIC 0x43524d56u	    /* "VMRC" */

/** struct journal_header - @gen: changes whenever the file is rewritten */
struct journal_header {
	uint64_t magic, gen;
};

struct record_header {
	uint32_t magic;
	uint32_t crc; /* of the rest of the header, and of the payload */
	uint32_t len;
	uint16_t type, version;
	uint64_t key;
};
_Static_assert(sizeof(struct record_header) == 24, "on disk");

/** struct journal_index - where the newest record of (type, key) is; @off 0: a free slot */
struct journal_index {
	uint64_t key, off;
	uint32_t len;
	uint16_t type, version;
};

/**
 * struct journal - an open journal
 * @end:   bytes of the file; @live: those of records that count
 * @compact_at: size at which the file is rewritten
 * @index: open addressing, @slots (a power of two) of them, @used taken
 * @stem:  what the names of the files begin with
 */
struct journal {
	pthread_mutex_t lock;
	char *path, *new_path;
	int dirfd, fd;
	uint64_t gen, end, live, compact_at;
	struct journal_index *index;
	size_t slots, used;
	struct cells cells;
	struct areas areas;
	char *stem;
};

static inline uint64_t record_size(uint32_t len)
{
	return sizeof(struct record_header) + (((uint64_t)len + 7) & ~7ull);
}

/** journal_crc() - the checksum of @h with payload @buf */
uint32_t journal_crc(const struct record_header *h, const void *buf);

/** journal_find() - the slot of (@type, @key), or the free one where it belongs */
struct journal_index *journal_find(const struct journal *j, uint16_t type, uint64_t key);
/** journal_reserve() - have a free slot for one more. Return: 0 or %SIM_ENOMEM. */
int journal_reserve(struct journal *j);
/** journal_note() - the record @h is at @off now; after journal_reserve() */
void journal_note(struct journal *j, const struct record_header *h, uint64_t off);

/** journal_replay() - read the file at open. Return: 0 or a negative enum sim_err, a sentence. */
int journal_replay(struct journal *j, struct sim_msg *msg);
/** journal_compact() - rewrite the file with what counts; on failure it stays as it is */
void journal_compact(struct journal *j);

#endif /* NVMESIM_STORE_JOURNAL_H */
