/* SPDX-License-Identifier: MIT */
/*
 * fuzz_host.h - worlds for test_fuzz_host.c, and hosts that remember what they asked for.
 *
 * A host has 2 MiB of memory: queues it keeps account of in the first pages, data behind them, and
 * in data whatever other queues commands create. Addresses are FZ_IOVA onwards; what the controller
 * may have behind BARs is at FZ_CMB, FZ_PMR.
 */
#ifndef TESTS_FUZZ_HOST_H
#define TESTS_FUZZ_HOST_H

#include <pthread.h>
#include <stdatomic.h>

#include "mem_journal.h"

#define FZ_IOVA	   0x153000000ull
#define FZ_MEM	   (2u << 20)
#define FZ_DATA	   0x10000u /* offset of data */
#define FZ_CMB	   0x275000000ull
#define FZ_PMR	   0x397000000ull
#define FZ_HOSTS   6
#define FZ_ENTRIES 32u

/** struct fqueue - a queue pair that is kept account of: commands that are out, by identifier */
struct fqueue {
	pthread_mutex_t lock;
	_Atomic uint16_t next_cid;
	uint16_t qid, tail, head, out;
	bool phase;
	uint64_t sq, cq;
	uint8_t is_out[65536 / 8];
};

/** struct fhost - the host's side of a function; @loose: something was done after which nothing is
 * known of its queues, until fz_restart(). It is done between fz_spoil() and fz_spoilt() */
struct fhost {
	struct fworld *w;
	struct sim_fn *fn;
	uint8_t *mem;
	struct fqueue q[3];
	_Atomic bool loose, shadow; /* @shadow: doorbells are in memory, too */
	unsigned int vfn;
};

struct fworld {
	struct sim_subsys *subsys;
	struct fhost *host[FZ_HOSTS];
	_Atomic unsigned int spoils_begun, spoils_ended;
	unsigned int nr_hosts, threads;
	struct mem_journal journal;
	pthread_mutex_t journal_lock;
	struct sim_store *disk[2], *made[SIM_NN + 1], *dropped[8192];
	unsigned int nr_dropped;
	struct fz_flush { /* that a store has begun */
		void (*done)(void *arg, int err);
		void *arg;
	} flush[1024];
	unsigned int nr_flushes;
	pthread_mutex_t flush_lock;
	struct sim_store_ops ops;
	struct sim_ctrl_params last; /* of the function that is replugged */
	uint8_t *pmr;
	_Atomic uint64_t now;
	_Atomic unsigned int submitted, completed, good, vf_good, irqs, news;
	bool fdp;
};

struct fuzzer {
	struct fworld *w;
	unsigned int thread, steps, at;
	enum fz_spoils { FZ_NOTHING, FZ_FN, FZ_ALL } spoils; /* the command that was made last */
	uint64_t rng;
};

extern uint64_t fz_seed;
/* says so, with the seed, and ends the process: it may be any thread */
void fz_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

uint32_t fz_rnd(struct fuzzer *f, uint32_t n);
/** fz_any() - a number such as hosts get wrong: small, around powers of two, or all bits random */
uint64_t fz_any(struct fuzzer *f);
/** fz_addr() - an address for data; @page: mostly a page's beginning */
uint64_t fz_addr(struct fuzzer *f, bool page);
/** fz_gen_admin(), fz_gen_io() - a command, with what it points to in the host's memory */
void fz_gen_admin(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd);
void fz_gen_io(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd);

struct fworld *fz_world_new(bool fdp);
void fz_world_free(struct fworld *w);
/** fz_power_cycle() - the subsystem is made again of what was recorded */
void fz_power_cycle(struct fworld *w);
void fz_put(struct fhost *h, uint64_t iova, const void *from, size_t len);
void fz_submit(struct fuzzer *f, struct fhost *h, struct fqueue *q, struct drv_cmd *cmd);
void fz_poll(struct fhost *h, struct fqueue *q);
void fz_restart(struct fuzzer *f, struct fhost *h);
/**
 * fz_spoil() - now something is done after which nothing is known of queues
 * @h: whose; NULL: anybody's
 *
 * A restart that begins or ends meanwhile changes nothing about that.
 */
void fz_spoil(struct fworld *w, struct fhost *h);
/** fz_spoilt() - it has been done */
void fz_spoilt(struct fworld *w);
void fz_reset(struct fuzzer *f, struct fhost *h);
/** fz_outside() - what is done to a drive from outside: zones, access states, warnings; statistics
 */
void fz_outside(struct fuzzer *f, struct fhost *h);
void fz_advance(struct fuzzer *f);
/** fz_flushes() - some flushes end, or @all of them */
void fz_flushes(struct fworld *w, bool all);
/** fz_replug() - the last function is pulled out, and another plugged in; nobody else may run */
void fz_replug(struct fuzzer *f);
/** fz_check_alive() - functions that are reset and enabled work */
void fz_check_alive(struct fuzzer *f);

#endif /* TESTS_FUZZ_HOST_H */
