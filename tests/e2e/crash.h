/* SPDX-License-Identifier: MIT */
/*
 * crash.h - kill -9 the daemon in the middle of a load, over and over, and look at what is there
 *
 *   crash run ROUNDS NVMESIM NVMESIM-RUN DIRECTORY LOAD    the harness
 *   crash LOAD LOG SEED [check]                            the client, behind the run door
 *
 * A round: the daemon starts, a client attaches, compares all that was acknowledged in earlier
 * rounds with what the drive says, then does its load until the daemon is killed under it. What was
 * issued and what was acknowledged is noted in a file mapped by all. Exit status: 0, or 1 after a
 * sentence that says what was lost.
 */
#ifndef NVMESIM_TESTS_CRASH_H
#define NVMESIM_TESTS_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#define CRASH_NOTES (1u << 20) /* bytes of the file with the notes */

/** struct crash_notes - what the notes of every load begin with
 * @loading: the client has begun its load
 * @nr_acked, @nr_checked, @nr_open: for the summary: commands, things compared, commands whose
 *           answer never came
 */
struct crash_notes {
	volatile uint32_t loading;
	volatile uint64_t nr_acked, nr_checked, nr_open;
};

/* The loads. Return: 0, or 1 after a sentence. */
int crash_blocks(struct crash_notes *n, bool only_check);
int crash_zones(struct crash_notes *n, bool only_check);

/** crash_below() - a random number; of one thread */
uint32_t crash_below(uint32_t n);

#endif /* NVMESIM_TESTS_CRASH_H */
