/* SPDX-License-Identifier: MIT */
/*
 * rings.h - the least a host needs to drive a controller: an admin and an I/O queue pair in this
 * process's memory, commands one at a time. What it costs itself is some ten nanoseconds.
 */
#ifndef TESTS_BENCH_RINGS_H
#define TESTS_BENCH_RINGS_H

#include "../../core/sim.h"

#define RINGS_ENTRIES 64

struct rings_queue {
	uint32_t (*sq)[16];
	volatile uint32_t (*cq)[4];
	uint32_t tail, head, doorbell;
	uint32_t phase;
};

struct rings {
	struct sim_fn *fn;
	struct rings_queue admin, io;
};

/** rings_ports() - the ports of a function that is to be driven so: addresses are pointers */
void rings_ports(struct sim_ctrl_params *p);

/** rings_up() - enable the controller and create the I/O queues. Return: 0 or -1. */
int rings_up(struct rings *r, struct sim_fn *fn);
void rings_down(struct rings *r);

/** rings_queue_up() - another I/O queue pair, for another thread. Return: 0 or -1. Its memory is freed
 * with rings_queue_down(), when the controller is not enabled any more */
int rings_queue_up(struct rings *r, struct rings_queue *q, unsigned int qid);
void rings_queue_down(struct rings_queue *q);

/**
 * rings_exec() - issue a command and take its completion
 * @sqe: 16 dwords; CID is filled in
 * Return: the status field without phase, or -1: it did not complete at once.
 */
int rings_exec(struct rings *r, struct rings_queue *q, uint32_t sqe[16]);

/** rings_prps() - data pointer of @len bytes at page aligned @buf; @list: a page for the list */
void rings_prps(uint32_t sqe[16], void *buf, uint32_t len, uint64_t *list);

#endif
