/* SPDX-License-Identifier: MIT */
/*
 * zone_model.h - what a zoned namespace is to do, written from ZNS Command Set Specification 1.1
 * (and the Zone Random Write Area of its successor) and from nothing else: no line, constant or
 * header is shared with core/. Everything is as plain as can be; limits are found by counting.
 *
 * A status is SCT << 8 | SC, 0 when the command succeeds. What the specification leaves to the
 * controller (which zone it closes to make room) the model does not guess: it says how many, and is
 * told which.
 *
 * Threads: calls for different zones may run at once where there are no limits and no ZRWA.
 */
#ifndef TESTS_ZONE_MODEL_H
#define TESTS_ZONE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/** struct zm_params - the namespace; all sizes in logical blocks, limits 0: none */
struct zm_params {
	uint64_t nr_zones, zsze, zcap;
	uint32_t max_active, max_open, numzrwa;
	uint32_t zrwas, zrwafg;
	bool auto_transition, cross_read, extensions;
};

/* Zone State, Zone Attributes: figure 37 */
enum { ZM_EMPTY = 1, ZM_IO = 2, ZM_EO = 3, ZM_CLOSED = 4, ZM_RO = 13, ZM_FULL = 14, ZM_OFF = 15 };
enum { ZM_ZFC = 1, ZM_FZR = 2, ZM_RZR = 4, ZM_ZRWAV = 8, ZM_ZDEV = 128 };

/* Zone Send Action: figure 39 */
enum {
	ZM_CLOSE = 1,
	ZM_FINISH = 2,
	ZM_OPEN = 3,
	ZM_RESET = 4,
	ZM_OFFLINE = 5,
	ZM_SET_EXT = 16,
	ZM_FLUSH = 17,
};

/** enum zm_data - what is known of a block; a stamp tells what was written */
enum zm_data { ZM_UNWRITTEN, ZM_WRITTEN, ZM_BAD };

struct zm_block {
	uint8_t data;
	uint32_t stamp;
};

/** struct zm_zone - @wp: absolute; stale where the state has none. @ext: stamp of the extension */
struct zm_zone {
	uint8_t state, attrs;
	uint64_t wp;
	uint32_t ext;
};

/** struct zm - @owed: zones the controller has closed to make room by the last command */
struct zm {
	struct zm_params p;
	struct zm_zone *zone;
	struct zm_block *block;
	unsigned int owed;
};

/** zm_new() - all zones Empty. Return: NULL without memory; zm_free() */
struct zm *zm_new(const struct zm_params *p);
void zm_free(struct zm *m);

/** zm_active(), zm_open(), zm_zrwas() - zones that hold the resource: figure 8 */
uint32_t zm_active(const struct zm *m);
uint32_t zm_open(const struct zm *m);
uint32_t zm_zrwas(const struct zm *m);

/** zm_wp() - the write pointer as a descriptor shows it: all ones where there is none */
uint64_t zm_wp(const struct zm *m, uint64_t zone);

/**
 * zm_write() - Write, Write Zeroes, Write Uncorrectable, or the destination of a Copy
 * On success zone and write pointer are changed, and the blocks are the caller's to zm_fill().
 */
uint16_t zm_write(struct zm *m, uint64_t slba, uint64_t nlb);
/** zm_append() - Zone Append; @at: the first block it was given */
uint16_t zm_append(struct zm *m, uint64_t zslba, uint64_t nlb, uint64_t *at);
void zm_fill(struct zm *m, uint64_t slba, uint64_t nlb, enum zm_data data, uint32_t stamp);

/** zm_read() - whether blocks may be read, as far as zones are concerned */
uint16_t zm_read(const struct zm *m, uint64_t slba, uint64_t nlb);
/** zm_deallocate() - one range of a Dataset Management */
uint16_t zm_deallocate(struct zm *m, uint64_t slba, uint64_t nlb);

/** zm_send() - Zone Management Send to one zone; @zrwaa: ZRWA Allocation; @ext: stamp of the data
 */
uint16_t zm_send(struct zm *m, uint8_t zsa, uint64_t slba, bool zrwaa, uint32_t ext);
/**
 * zm_send_all() - with Select All
 * @may_refuse: set when room could be made by closing zones, so that the specification allows
 * success (then m->owed zones that were Implicitly Opened are Closed) and Too Many Open Zones alike
 */
uint16_t zm_send_all(struct zm *m, uint8_t zsa, bool *may_refuse);

/** zm_closed() - the controller has closed the zone: one of those owed. Return: whether it could */
bool zm_closed(struct zm *m, uint64_t zone);

/** zm_matches() - whether a report with Reporting Option @zrasf has the zone: figure 34 */
bool zm_matches(const struct zm *m, uint64_t zone, uint8_t zrasf);

/* what happens to a zone from outside. Return: whether its state allows it */
bool zm_act_read_only(struct zm *m, uint64_t zone);
bool zm_act_offline(struct zm *m, uint64_t zone);
bool zm_act_finish(struct zm *m, uint64_t zone);
bool zm_act_recommend(struct zm *m, uint64_t zone, uint8_t attr);

/** zm_restart() - the initial state of all zones after a power cycle: section 2.1.1.3; what has been
 * written into Zone Random Write Areas is kept, the areas are not */
void zm_restart(struct zm *m);

#endif /* TESTS_ZONE_MODEL_H */
