/* SPDX-License-Identifier: MIT */
/*
 * counters.h - what a controller counts for its SMART log. Part of ctrl.h.
 */
#ifndef NVMESIM_COUNTERS_H
#define NVMESIM_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#define SIM_IO_STRIPES 8

/**
 * struct sim_io_counters - of commands that move data, in 512-byte sectors and commands
 * Every command counts: in stripes by queue, so that queues do not take a cache line from each
 * other, wherever the cell begins.
 */
struct sim_io_counters {
	_Atomic uint64_t sectors_read, sectors_written;
	_Atomic uint64_t reads, writes;
	_Atomic uint64_t rsvd[12];
};
_Static_assert(sizeof(struct sim_io_counters) == 128, "it is in the cell, two cache lines");

/**
 * struct sim_counters - what SMART reports; survives in a journal cell when there is one
 * Atomic 64-bit words, so that a killed process leaves nothing torn. Scope: NVM subsystem per
 * controller (LID 02h).
 * @before: of sim_io_counters, from when there were no stripes
 */
struct sim_counters {
	_Atomic uint64_t before[4];
	_Atomic uint64_t busy_ns, on_ns; /* on_ns: power-on time before this power-on */
	_Atomic uint64_t power_cycles, unsafe_shutdowns;
	_Atomic uint64_t media_errors, error_entries;
	_Atomic uint64_t warn_temp_min, crit_temp_min;
	_Atomic uint64_t dirty; /* 1 from power-on (CC.EN = 1) to a completed shutdown */
	_Atomic uint64_t lsgc;	/* LBA Status Generation Counter; 16 bits are reported */
	_Atomic uint64_t rsvd[2];
	struct sim_io_counters io[SIM_IO_STRIPES];
};

/** struct sim_io_total - all stripes added up */
struct sim_io_total {
	uint64_t sectors_read, sectors_written, reads, writes;
};
struct sim_io_total sim_io_total(const struct sim_counters *n); /* smart.c */

/** struct sim_busy_stripe - queues' busy time in the slot of about a millisecond that it is now */
struct sim_busy_stripe {
	_Atomic uint64_t slot, ns;
	uint64_t pad[6];
};

/**
 * struct sim_busy - Controller Busy Time being put together (busy.c)
 * @slot, @most: the last slot that is over, and what its busiest queue was busy for
 * @until: what took longer has been counted up to then, ns
 */
struct sim_busy {
	struct sim_busy_stripe stripe[SIM_IO_STRIPES];
	_Atomic uint32_t lock;
	uint64_t slot, most, until;
};

struct sim_ctrl;
/** sim_busy_add() - queue @qid was being run from @since until @now, ns of the clock port */
void sim_busy_add(struct sim_ctrl *c, uint16_t qid, uint64_t since, uint64_t now);

#endif /* NVMESIM_COUNTERS_H */
