/* SPDX-License-Identifier: MIT */
/*
 * bench.h - the benchmark's parts: statistics, the client that runs behind a door, the core alone
 */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** enum bench_op - what is timed through a door; %BENCH_CROSSING is what the others are compared to */
enum bench_op {
	BENCH_CROSSING, /* NVME_IOCTL_ID: no command, only the way there and back */
	BENCH_IDENTIFY,
	BENCH_READ_4K,
	BENCH_WRITE_4K,
	BENCH_READ_128K,
	BENCH_WRITE_128K,
	BENCH_READ_4K_16, /* with protection information, made and checked by the controller */
	BENCH_WRITE_4K_16,
	BENCH_WRITE_4K_32,
	BENCH_WRITE_4K_64,
	BENCH_WRITE_128K_16,
	BENCH_WRITE_128K_32,
	BENCH_WRITE_128K_64,
	BENCH_NR_OPS
};

extern const char *const bench_op_name[BENCH_NR_OPS];

/** struct bench_door - what was measured through one door; times in ns */
struct bench_door {
	uint64_t p50[BENCH_NR_OPS], p99[BENCH_NR_OPS];
	uint64_t first_identify; /* from starting the daemon to the first Identify answered */
	uint64_t true_ns;	 /* what starting and ending true(1) takes on this machine */
	uint64_t start_1g, start_8t; /* as @first_identify, with a sparse file of 1 GiB, of 8 TiB */
	uint64_t rss_kib;	 /* resident memory of the process that serves, with a 1 TiB file */
};

/** enum bench_core_op - what is timed in the core alone */
enum bench_core_op {
	CORE_GET_FEATURES, /* a command without data */
	CORE_IDENTIFY,
	CORE_READ_4K,
	CORE_WRITE_4K,
	CORE_READ_4K_16,
	CORE_WRITE_4K_16,
	CORE_WRITE_4K_32,
	CORE_WRITE_4K_64,
	CORE_READ_128K,
	CORE_WRITE_128K,
	CORE_READ_128K_16,
	CORE_WRITE_128K_16,
	CORE_WRITE_128K_32,
	CORE_WRITE_128K_64,
	CORE_WRITE_4K_16_TUPLES, /* made by the host, and checked */
	CORE_READ_128K_16_TUPLES,
	CORE_WRITE_128K_16_TUPLES,
	CORE_WRITE_4K_FDP, /* with Flexible Data Placement, before anything is collected */
	CORE_WRITE_128K_FDP,
	CORE_WRITE_4K_ANY, /* anywhere in 64 MiB, of which all is written again and again */
	CORE_WRITE_4K_ANY_FDP,
	CORE_WRITE_4K_HALF, /* the same of half of its blocks, one here and one there */
	CORE_WRITE_4K_HALF_FDP,
	CORE_WRITE_4K_NEW, /* all of it, in no order, after it was deallocated */
	CORE_WRITE_4K_NEW_FDP,
	CORE_NR_OPS
};

/**
 * struct bench_fdp_mem - memory that data placement takes for a block that is written
 * @name:  what a host does
 * @worst: bytes, at its worst; @again: after a start
 * @fixed: bytes that it takes before there is one; @table: of the tables of pages, at most; they
 * are not in the others
 */
struct bench_fdp_mem {
	const char *name;
	double worst, again, fixed, table;
};
#define BENCH_FDP_LOADS 16

/** bench_fdp_worst() - the worst of all of them */
double bench_fdp_worst(const struct bench_fdp_mem *mem);

/**
 * struct bench_core - the device in this process, through its queues; ns
 * @ns:     per command, of the median batch
 * @memcpy: of the command's bytes, measured in turns with it; 0 where there are none
 * @plain:  the same command without protection information, or data placement, likewise; 0: it has
 *          none
 * @fdp_mem: memory of data placement, by what hosts do
 */
struct bench_core {
	double ns[CORE_NR_OPS], memcpy[CORE_NR_OPS], plain[CORE_NR_OPS];
	struct bench_fdp_mem fdp_mem[BENCH_FDP_LOADS];
};

const char *bench_core_name(enum bench_core_op op);

/** bench_memcpy() - ns for copying @bytes @rounds times into a working set of %BENCH_SET */
#define BENCH_SET (1u << 20)
double bench_memcpy(unsigned int rounds, const void *buf, size_t bytes);

uint64_t bench_now(void);

/** bench_percentiles() - sorts @ns; @n > 0 */
void bench_percentiles(uint64_t *ns, unsigned int n, uint64_t *p50, uint64_t *p99);

/**
 * bench_client() - time every operation on nodes, behind whatever door they are
 * With one round only the first Identify is looked at.
 * @t0:     bench_now() when the daemon was started
 * @node:   the controller's node; "n1" to "n4" behind it: without, and with each guard
 * @server: process whose memory is asked for; 0: our parent
 * @out:    receives one line per fact, for bench_door_parse()
 * Return: 0, or 1 after a message.
 */
int bench_client(const char *node, uint64_t t0, int server, unsigned int rounds, FILE *out);

/** bench_door_parse() - take one line of bench_client()'s. Return: whether it was one */
bool bench_door_parse(struct bench_door *d, const char *line);

/** bench_fdp_memory() - measure the @i-th of %BENCH_FDP_LOADS; @quick: less of it. Return: 0 or -1 */
int bench_fdp_memory(unsigned int i, bool quick, struct bench_fdp_mem *res);

/** bench_core_run() - time the core; @quick: what takes long is shorter. Return: 0, or 1 after a message. */
int bench_core_run(unsigned int rounds, bool quick, struct bench_core *r);

/**
 * struct bench_zones - zoned namespaces, in this process; ns
 * @zones: of the namespace that the first five are of
 * @start_new, @start_again: sim_ns_add() of a new one, and of one all of whose zones were used
 * @report: all descriptors by Report Zones
 * @bytes_new, @bytes_used: resident memory a zone, when new and when all are used
 * @write_ns, @append_ns: 4 KiB, a command; @append2_ns, @write2_ns: from two threads to two zones
 */
struct bench_zones {
	uint64_t zones, start_new, start_again, report;
	double bytes_new, bytes_used;
	double write_ns, append_ns, append2_ns, write2_ns;
};

/** bench_zones_run() - @dir: room for a journal. Return: 0, or 1 after a message. */
int bench_zones_run(const char *dir, bool quick, struct bench_zones *res);
void bench_zones_table(const struct bench_zones *z);
void bench_zones_json(const struct bench_zones *z);

#endif
