/* SPDX-License-Identifier: MIT */
/*
 * persist.h - what core keeps in the journal port: one id per kind of record, never reused.
 *
 * Records and cells share the number space. A key is what the comment says; a version changes with
 * the record's layout (a cell's layout may only grow).
 */
#ifndef NVMESIM_PERSIST_H
#define NVMESIM_PERSIST_H

/** enum sim_rec - the @type of sim_journal_port's put, get, cell and area */
enum sim_rec {
	SIM_REC_SMART = 1, /* cell: struct sim_counters of a controller; key: CNTLID */
	SIM_REC_NS = 2,	     /* record: a namespace as it was last made, formatted, attached; key: NSID */
	SIM_REC_BLOCKS = 3,  /* area: which blocks are allocated, which are bad; key: NSID */
	SIM_REC_STAGE = 4,   /* area: writes with metadata on their way to the medium; key: 0 */
	SIM_REC_RESV = 5,    /* record: a reservation with PTPL; key: NSID */
	SIM_REC_WP = 6,	     /* record: namespace write protection; key: NSID */
	SIM_REC_FORMAT = 7,  /* record: a Format NVM that has not ended; key: NSID */
	SIM_REC_ZONES = 8,   /* area: zones of a zoned namespace; key: NSID */
	SIM_REC_ZONE_EXT = 9, /* area: their descriptor extensions; key: NSID */
	SIM_REC_FDP = 10,    /* record: the endurance group's FDP configuration and mode; key: ENDGID */
	SIM_REC_FDP_GROUP = 11, /* area: reclaim units, handles, statistics, events; key: ENDGID */
	SIM_REC_FDP_MAP = 12, /* area: which reclaim unit a block is in; key: NSID */
	SIM_REC_FDP_LOG = 13, /* area: what a reclaim unit holds; key: ENDGID */
	SIM_REC_VIRT = 14,   /* record: flexible resources of a primary controller; key: CNTLID */
};

#endif /* NVMESIM_PERSIST_H */
