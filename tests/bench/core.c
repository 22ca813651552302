/* SPDX-License-Identifier: MIT */
/*
 * core.c - the benchmark of the device alone: queues and doorbells, without a driver or a door
 */
#include <stdlib.h>
#include <string.h>

#include "../../store/store.h"
#include "bench.h"
#include "rings.h"

#define NS_BYTES (64ull << 20)
#define BLOCK 4096u
#define RUNS (4ull << 20)
#define BATCHES 50 /* what is compared takes turns, and the median batch of each counts */
#define PRACT (1u << 29)
#define TUPLES 4096u /* bytes of them, of all blocks of the set */
_Static_assert(BENCH_SET / BLOCK * 8 <= TUPLES, "they fit");

enum { FMT_NONE, FMT_16, FMT_32, FMT_64, FMT__N };

static const struct {
	uint16_t ms;
	uint8_t pi, pif;
} formats[FMT__N] = {
	[FMT_NONE] = { 0, 0, 0 },
	[FMT_16] = { 8, 1, 0 },
	[FMT_32] = { 16, 1, 1 },
	[FMT_64] = { 16, 1, 2 },
};

static const struct {
	const char *name;
	bool admin;
	uint8_t opcode, fmt;
	uint32_t cdw10, bytes;
	enum bench_core_op plain; /* the same without what it is about; 0: it is that */
} ops[CORE_NR_OPS] = {
	[CORE_GET_FEATURES] = { "Get Features (no data)", true, 0x0a, FMT_NONE, 0x07, 0, 0 },
	[CORE_IDENTIFY] = { "Identify Controller", true, 0x06, FMT_NONE, 0x01, 4096, 0 },
	[CORE_READ_4K] = { "Read 4 KiB", false, 0x02, FMT_NONE, 0, 4096, 0 },
	[CORE_WRITE_4K] = { "Write 4 KiB", false, 0x01, FMT_NONE, 0, 4096, 0 },
	[CORE_READ_4K_16] = { "Read 4 KiB, 16-bit guard", false, 0x02, FMT_16, 0, 4096,
			      CORE_READ_4K },
	[CORE_WRITE_4K_16] = { "Write 4 KiB, 16-bit guard", false, 0x01, FMT_16, 0, 4096,
			       CORE_WRITE_4K },
	[CORE_WRITE_4K_32] = { "Write 4 KiB, 32-bit guard", false, 0x01, FMT_32, 0, 4096,
			       CORE_WRITE_4K },
	[CORE_WRITE_4K_64] = { "Write 4 KiB, 64-bit guard", false, 0x01, FMT_64, 0, 4096,
			       CORE_WRITE_4K },
	[CORE_READ_128K] = { "Read 128 KiB", false, 0x02, FMT_NONE, 0, 131072, 0 },
	[CORE_WRITE_128K] = { "Write 128 KiB", false, 0x01, FMT_NONE, 0, 131072, 0 },
	[CORE_READ_128K_16] = { "Read 128 KiB, 16-bit guard", false, 0x02, FMT_16, 0, 131072,
				CORE_READ_128K },
	[CORE_WRITE_128K_16] = { "Write 128 KiB, 16-bit guard", false, 0x01, FMT_16, 0, 131072,
				 CORE_WRITE_128K },
	[CORE_WRITE_128K_32] = { "Write 128 KiB, 32-bit guard", false, 0x01, FMT_32, 0, 131072,
				 CORE_WRITE_128K },
	[CORE_WRITE_128K_64] = { "Write 128 KiB, 64-bit guard", false, 0x01, FMT_64, 0, 131072,
				 CORE_WRITE_128K },
	[CORE_WRITE_4K_16_TUPLES] = { "Write 4 KiB, the host's tuples", false, 0x01, FMT_16, 0,
				      4096, CORE_WRITE_4K },
	[CORE_READ_128K_16_TUPLES] = { "Read 128 KiB, tuples passed on", false, 0x02, FMT_16, 0,
				       131072, CORE_READ_128K },
	[CORE_WRITE_128K_16_TUPLES] = { "Write 128 KiB, the host's tuples", false, 0x01, FMT_16, 0,
					131072, CORE_WRITE_128K },
	[CORE_WRITE_4K_FDP] = { "Write 4 KiB, data placement", false, 0x01, FMT_NONE, 0, 4096,
				CORE_WRITE_4K },
	[CORE_WRITE_128K_FDP] = { "Write 128 KiB, data placement", false, 0x01, FMT_NONE, 0, 131072,
				  CORE_WRITE_128K },
	[CORE_WRITE_4K_ANY] = { "Write 4 KiB anywhere", false, 0x01, FMT_NONE, 0, 4096, 0 },
	[CORE_WRITE_4K_ANY_FDP] = { "Write 4 KiB anywhere, placement", false, 0x01, FMT_NONE, 0,
				    4096, CORE_WRITE_4K_ANY },
	[CORE_WRITE_4K_HALF] = { "Write 4 KiB in a half", false, 0x01, FMT_NONE, 0, 4096,
				 0 },
	[CORE_WRITE_4K_HALF_FDP] = { "Write 4 KiB in a half, placement", false, 0x01,
				     FMT_NONE, 0, 4096, CORE_WRITE_4K_HALF },
	[CORE_WRITE_4K_NEW] = { "Write 4 KiB first", false, 0x01, FMT_NONE, 0, 4096, 0 },
	[CORE_WRITE_4K_NEW_FDP] = { "Write 4 KiB first, placement", false, 0x01, FMT_NONE,
				    0, 4096, CORE_WRITE_4K_NEW },
};

static bool is_fdp(enum bench_core_op op)
{
	return op == CORE_WRITE_4K_FDP || op == CORE_WRITE_128K_FDP ||
	       op == CORE_WRITE_4K_ANY_FDP || op == CORE_WRITE_4K_HALF_FDP ||
	       op == CORE_WRITE_4K_NEW_FDP;
}

/* half of the blocks are never written, here and there */
static bool is_half(enum bench_core_op op)
{
	return op == CORE_WRITE_4K_HALF || op == CORE_WRITE_4K_HALF_FDP;
}

/* a block of the namespace; else the commands go through the set, again and again */
static bool is_any(enum bench_core_op op)
{
	return op == CORE_WRITE_4K_ANY || op == CORE_WRITE_4K_ANY_FDP || is_half(op);
}

/* a block that is not allocated */
static bool is_new(enum bench_core_op op)
{
	return op == CORE_WRITE_4K_NEW || op == CORE_WRITE_4K_NEW_FDP;
}

struct rig {
	struct sim_subsys *subsys;
	struct sim_store *store[FMT__N];
	struct rings rings;
};

/* Host Behavior Support: LBA Format Extension Enable, for guards of other widths than 16 bits */
static int enable_formats(struct rings *r)
{
	uint8_t *behavior = aligned_alloc(4096, 4096);
	uint32_t sqe[16] = { 0x09 };
	int err;

	if (!behavior)
		return -1;
	memset(behavior, 0, 4096);
	behavior[2] = 1;
	sqe[10] = 0x16;
	rings_prps(sqe, behavior, 512, NULL);
	err = rings_exec(r, &r->admin, sqe);
	free(behavior);
	return err ? -1 : 0;
}

static int rig_up(struct rig *r, bool fdp, struct sim_msg *msg)
{
	struct sim_subsys_params sp = {
		.nqn = "nqn.2019-08.org.qemu:bench",
		.fdp = { .on = fdp, .runs = RUNS, .nrg = 1, .nruh = 2 * FMT__N, .op = 300 },
	};
	struct sim_ctrl_params cp = {
		.serial = "bench",
		.model = "bench",
		.firmware_version = "1.0",
		.max_ioqpairs = 64,
		.msix_qsize = 65,
		.mqes = 0x7ff,
		.mdts = 7,
		.vsl = 7,
		.aerl = 3,
		.aer_max_queued = 64,
	};
	struct sim_fn *fn;

	store_clock(&sp.clock);
	store_anon_areas(&sp.journal);
	rings_ports(&cp);
	r->subsys = sim_subsys_new(&sp, msg);
	if (!r->subsys)
		return -1;
	fn = sim_fn_add(r->subsys, &cp, msg);
	if (!fn)
		return -1;
	for (unsigned int i = 0; i < FMT__N; i++) {
		struct sim_ns_params np = {
			.logical_block_size = BLOCK,
			.physical_block_size = BLOCK,
			.write_cache = true,
			.uuid = { (uint8_t)(i + 1) },
			.discard_granularity = UINT32_MAX,
			.mssrl = 128,
			.mcl = 128,
			.msrc = 127,
			.ms = formats[i].ms,
			.pi = formats[i].pi,
			.pif = formats[i].pif,
		};

		if (fdp) /* two handles each */
			np.ruhs = (struct sim_ruhs){ .nr = 2, .ruhid = { (uint16_t)(2 * i),
									 (uint16_t)(2 * i + 1) } };

		r->store[i] = store_ram_new(NS_BYTES, msg);
		np.store = r->store[i];
		if (!np.store || sim_ns_add(r->subsys, fn, &np, msg) < 0)
			return -1;
	}
	return rings_up(&r->rings, fn) ? -1 : enable_formats(&r->rings);
}

static void rig_down(struct rig *r)
{
	rings_down(&r->rings);
	if (r->subsys)
		sim_subsys_free(r->subsys);
	for (unsigned int i = 0; i < FMT__N; i++)
		if (r->store[i])
			store_free(r->store[i]);
}

/* tuples pass between host and controller, behind the data in the buffer, and are checked */
static bool has_tuples(enum bench_core_op op)
{
	return op == CORE_WRITE_4K_16_TUPLES || op == CORE_READ_128K_16_TUPLES ||
	       op == CORE_WRITE_128K_16_TUPLES;
}

static int deallocate_all(struct rings *r, uint32_t *range)
{
	uint32_t sqe[16] = { 0x09, FMT_NONE + 1 };

	range[0] = range[2] = range[3] = 0;
	range[1] = NS_BYTES / BLOCK;
	rings_prps(sqe, range, 16, NULL);
	sqe[11] = 4;
	return rings_exec(r, &r->io, sqe);
}

/* ns for @rounds commands, or a negative number when one failed */
static double time_cmds(struct rings *r, enum bench_core_op op, unsigned int rounds, void *buf,
			uint64_t *list)
{
	struct rings_queue *q = ops[op].admin ? &r->admin : &r->io;
	static uint32_t seed;
	uint64_t begun;

	if (is_new(op) && deallocate_all(r, buf))
		return -1;
	begun = bench_now();
	for (unsigned int i = 0; i < rounds; i++) {
		uint32_t sqe[16] = { ops[op].opcode };

		sqe[10] = ops[op].cdw10;
		if (ops[op].bytes)
			rings_prps(sqe, buf, ops[op].bytes, list);
		if (!ops[op].admin) {
			sqe[1] = ops[op].fmt + 1;
			sqe[10] = i * ops[op].bytes % BENCH_SET / BLOCK;
			seed = seed * 1664525 + 1013904223;
			if (is_any(op))
				sqe[10] = (uint32_t)(seed * (NS_BYTES / BLOCK) >> 32);
			while (is_half(op) && sqe[10] * 0x9e3779b1u >> 31)
				sqe[10] = (sqe[10] + 1) % (NS_BYTES / BLOCK);
			if (is_new(op)) /* each once, in no order */
				sqe[10] = i * 0x9e3779b1u % (NS_BYTES / BLOCK);
			sqe[12] = ops[op].bytes / BLOCK - 1;
			if (ops[op].fmt != FMT_NONE)
				sqe[12] |= PRACT | 7u << 26; /* and check all three on reads */
			sqe[14] = sqe[10];
		}
		if (has_tuples(op)) {
			const uint8_t *md = (uint8_t *)buf + 131072 + sqe[10] * 8;

			sqe[12] &= ~PRACT;
			sqe[4] = (uint32_t)(uintptr_t)md;
			sqe[5] = (uint32_t)((uint64_t)(uintptr_t)md >> 32);
		} else if (ops[op].opcode == 0x01) {
			sqe[12] &= ~(7u << 26);
		}
		if (is_fdp(op)) {
			sqe[12] |= 2u << 20; /* Data Placement, placement handle 1 */
			sqe[13] = 1u << 16;
		}
		if (rings_exec(r, q, sqe))
			return -1;
	}
	return (double)(bench_now() - begun);
}

double bench_memcpy(unsigned int rounds, const void *buf, size_t bytes)
{
	uint8_t *set = malloc(BENCH_SET);
	uint64_t begun;

	if (!set)
		return -1;
	memset(set, 1, BENCH_SET);
	begun = bench_now();
	for (unsigned int i = 0; i < rounds; i++) {
		memcpy(set + i * bytes % BENCH_SET, buf, bytes);
		__asm__ volatile("" : : "r"(set) : "memory"); /* each copy is made */
	}
	begun = bench_now() - begun;
	free(set);
	return (double)begun;
}

static int measure(struct rig rig[2], enum bench_core_op op, unsigned int rounds, void *buf,
		   uint64_t *list, struct bench_core *res)
{
	unsigned int batch = is_new(op) && rounds > 1000 ? NS_BYTES / BLOCK : rounds / BATCHES + 1;
	struct rings *r = &rig[is_fdp(op)].rings;
	uint64_t cmd[BATCHES], copy[BATCHES] = { 0 }, plain[BATCHES] = { 0 }, p50, p99;

	/* the other half may have been */
	if (is_half(op) && deallocate_all(r, buf))
		return -1;
	/*
	 * A warm-up: all of it was overwritten, and there are more entries in logs than may stay. It
	 * is left out where that has to be quick.
	 */
	if (time_cmds(r, op, is_any(op) && batch > 100 ? 5 * NS_BYTES / BLOCK : batch, buf, list) <
	    0)
		return -1;
	for (unsigned int i = 0; i < BATCHES; i++) {
		double ns = time_cmds(r, op, batch, buf, list);

		if (ns < 0)
			return -1;
		cmd[i] = (uint64_t)ns;
		if (ops[op].plain) {
			ns = time_cmds(&rig[0].rings, ops[op].plain, batch, buf, list);
			if (ns < 0)
				return -1;
			plain[i] = (uint64_t)ns;
		}
		if (ops[op].bytes)
			copy[i] = (uint64_t)bench_memcpy(batch, buf, ops[op].bytes);
	}
	bench_percentiles(cmd, BATCHES, &p50, &p99);
	res->ns[op] = (double)p50 / batch;
	bench_percentiles(plain, BATCHES, &p50, &p99);
	res->plain[op] = (double)p50 / batch;
	bench_percentiles(copy, BATCHES, &p50, &p99);
	res->memcpy[op] = (double)p50 / batch;
	return 0;
}

const char *bench_core_name(enum bench_core_op op)
{
	return ops[op].name;
}

int bench_core_run(unsigned int rounds, bool quick, struct bench_core *res)
{
	struct rig r[2] = { 0 }; /* without data placement, and with it */
	struct sim_msg msg = { "out of memory" };
	uint8_t *buf = aligned_alloc(4096, 131072 + TUPLES);
	uint64_t *list = aligned_alloc(4096, 4096);
	int ret = 1;

	if (!buf || !list || rig_up(&r[0], false, &msg) || rig_up(&r[1], true, &msg)) {
		fprintf(stderr, "bench: core: %s\n", msg.text);
		goto out;
	}
	memset(buf, 0x5a, 131072 + TUPLES);
	/* what is read was written before */
	for (unsigned int i = 0; i < FMT__N; i++) {
		static const enum bench_core_op writes[FMT__N] = { CORE_WRITE_128K,
								   CORE_WRITE_128K_16,
								   CORE_WRITE_128K_32,
								   CORE_WRITE_128K_64 };

		if (time_cmds(&r[0].rings, writes[i], BENCH_SET / 131072, buf, list) < 0)
			goto failed;
	}
	/* and the tuples that are written were read */
	if (time_cmds(&r[0].rings, CORE_READ_128K_16_TUPLES, BENCH_SET / 131072, buf, list) < 0)
		goto failed;
	for (unsigned int op = 0; op < CORE_NR_OPS; op++)
		if (measure(r, op, ops[op].bytes > 4096 ? rounds / 8 : rounds, buf, list, res))
			goto failed;
	for (unsigned int i = 0; i < BENCH_FDP_LOADS; i++)
		if (bench_fdp_memory(i, quick, &res->fdp_mem[i]))
			goto failed;
	ret = 0;
	goto out;
failed:
	fprintf(stderr, "bench: core: a command failed\n");
out:
	rig_down(&r[0]);
	rig_down(&r[1]);
	free(buf);
	free(list);
	return ret;
}
