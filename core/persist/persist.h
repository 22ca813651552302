/* SPDX-License-Identifier: MIT */
/*
 * persist.h - what core keeps in the journal port: one id per kind of record, never reused.
 *
 * Records and cells share the number space. A key is what the comment says; a version changes with
 * the record's layout (a cell's layout may only grow).
 */
#ifndef NVMESIM_PERSIST_H
#define NVMESIM_PERSIST_H

/** enum sim_rec - the @type of sim_journal_port's put, get and cell */
enum sim_rec {
	SIM_REC_SMART = 1, /* cell: struct sim_counters of a controller; key: CNTLID */
};

#endif /* NVMESIM_PERSIST_H */
