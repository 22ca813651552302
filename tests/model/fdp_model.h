/* SPDX-License-Identifier: MIT */
/*
 * fdp_model.h - an endurance group as its documentation has it, for tests to compare with: reclaim
 * units that are lists of blocks, and sums of what was written, moved and erased. It shares nothing
 * with core/, and does the slow and obvious thing everywhere.
 */
#ifndef TESTS_FDP_MODEL_H
#define TESTS_FDP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define FDPM_NONE UINT32_MAX
#define FDPM_RUHS 8

struct fdpm_unit {
	uint32_t *lba; /* in the order they came */
	uint32_t nr;
	bool in_use, open, used; /* used: ever */
	uint32_t ruhid;	 /* FDPM_NONE: blocks of several */
	uint32_t closed; /* when, in closings */
	uint32_t died;	 /* when its last block left, in such ends */
};

/** struct fdpm - one reclaim group, blocks of one size; sums are in blocks and units */
struct fdpm {
	uint32_t nr_units, cap, nr_lbas, nr_ruhs;
	bool persistent;
	struct fdpm_unit *unit;
	uint32_t *where;	    /* by LBA: its unit */
	uint32_t handle[FDPM_RUHS]; /* by handle: the unit it references */
	uint32_t target[FDPM_RUHS]; /* by domain: the collector's */
	uint32_t free, victim, cursor, clock, idle, deaths;
	uint64_t hosted, moved, erased;
};

void fdpm_init(struct fdpm *m, uint32_t nr_units, uint32_t cap, uint32_t nr_lbas, uint32_t nr_ruhs,
	       bool persistent);
void fdpm_free(struct fdpm *m);
void fdpm_write(struct fdpm *m, uint32_t ruhid, uint32_t lba, uint32_t n);
void fdpm_trim(struct fdpm *m, uint32_t lba, uint32_t n);
void fdpm_update(struct fdpm *m, uint32_t ruhid);
uint32_t fdpm_valid(const struct fdpm *m, uint32_t unit);

#endif /* TESTS_FDP_MODEL_H */
