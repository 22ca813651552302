/* SPDX-License-Identifier: MIT */
/*
 * fdp_memory.c - what Flexible Data Placement keeps of blocks that were written: resident bytes of
 * its areas, by what a host does to its namespaces. They are looked at all the while, and what
 * counts is the worst. A start comes after each: what it makes anew is counted as well. The tables
 * of pages, whose size follows from the capacity, are counted by themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "../../core/fdp/priv.h"
#include "../../core/persist/persist.h"
#include "../../store/store.h"
#include "../unit/area_watch.h"
#include "bench.h"
#include "rings.h"

#define MIB	(1ull << 20)
#define GIB	(1ull << 30)
#define TIB	(1ull << 40)
#define MAX_NS	2
#define SAMPLES 8 /* of each step */

struct rig;

/**
 * struct load - what is done
 * @bytes, @block: of each namespace; 0: there is none
 * @steps: Return: 0 or -1: a command failed
 */
struct load {
	const char *name;
	uint64_t bytes[MAX_NS], runs;
	uint32_t block[MAX_NS], op;
	uint16_t handles; /* of a namespace */
	int (*steps)(struct rig *r);
};

struct rig {
	const struct load *load;
	struct area_watch watch;
	struct sim_store *store[MAX_NS];
	struct sim_subsys *s;
	struct rings rings;
	void *buf;
	uint64_t rng, live, fixed;
	bool quick;
	struct bench_fdp_mem *res;
};

static uint64_t blocks(const struct rig *r, unsigned int ns)
{
	return r->load->bytes[ns] / r->load->block[ns];
}

static uint64_t table(const struct rig *r)
{
	const struct sim_fdp *g = r->s->fdp;
	uint64_t n = 0;

	for (unsigned int i = 0; i < g->nr_ns; i++)
		n += watch_range(g->ns[i]->map.page, g->ns[i]->map.pages * sizeof(struct fdp_page));
	return n;
}

static uint64_t bytes(const struct rig *r)
{
	return watch_bytes(&r->watch, SIM_REC_FDP, SIM_REC_FDP_LOG) - table(r);
}

/* bytes a block that is written now, without what the group took before; from 2^17 blocks on */
static double now(const struct rig *r)
{
	return r->live < 1u << 17 ? 0 : ((double)bytes(r) - (double)r->fixed) / (double)r->live;
}

static void sample(struct rig *r)
{
	const double one = now(r);

	r->res->worst = one > r->res->worst ? one : r->res->worst;
	r->res->table = (double)table(r) > r->res->table ? (double)table(r) : r->res->table;
}

/* Write Zeroes: what is placed is the same, and there is no data */
static int put(struct rig *r, unsigned int ns, uint64_t slba, uint32_t n)
{
	uint32_t sqe[16] = { 0x08, ns + 1 };

	r->rng ^= r->rng << 13;
	r->rng ^= r->rng >> 7;
	r->rng ^= r->rng << 17;
	sqe[10] = (uint32_t)slba;
	sqe[12] = (n - 1) | 2u << 20;
	sqe[13] = (uint32_t)(r->rng >> 32) % r->load->handles << 16;
	return rings_exec(&r->rings, &r->rings.io, sqe);
}

/* each block of [@from, @from + @n) once, @cmd at a time */
static int cover(struct rig *r, unsigned int ns, uint64_t from, uint64_t n, uint32_t cmd)
{
	for (uint64_t i = 0; i < n; i += cmd) {
		if (put(r, ns, from + i, cmd))
			return -1;
		r->live += cmd;
		if (!(i % (n / SAMPLES)))
			sample(r);
	}
	sample(r);
	return 0;
}

/* @cmds writes of @cmd blocks, anywhere there; a few of them where that has to do */
static int again(struct rig *r, unsigned int ns, uint64_t from, uint64_t n, uint64_t cmds,
		 uint32_t cmd)
{
	cmds /= r->quick ? 64 : 1;
	for (uint64_t i = 0; i < cmds; i++) {
		if (put(r, ns, from + (r->rng >> 8) % (n / cmd) * cmd, cmd))
			return -1;
		if (!(i % (cmds / SAMPLES)))
			sample(r);
	}
	sample(r);
	return 0;
}

static int once(struct rig *r)
{
	return cover(r, 0, 0, blocks(r, 0), 128);
}

static int over(struct rig *r)
{
	return once(r) || again(r, 0, 0, blocks(r, 0), blocks(r, 0) / 32 * 3, 32) ? -1 : 0;
}

static int quarter(struct rig *r)
{
	const uint64_t n = blocks(r, 0) / 4;

	return cover(r, 0, 0, n, 128) || again(r, 0, 0, n, n / 2 * 20, 2) ? -1 : 0;
}

/* a little of a large namespace, again and again: there are many units for few blocks */
static int little(struct rig *r)
{
	const uint64_t n = 1u << 18;

	return cover(r, 0, 0, n, 128) || again(r, 0, 0, n, n * 64, 1) ? -1 : 0;
}

/* the same where nine of ten blocks that are written are one of a tenth: most units hold a few */
static int skewed(struct rig *r)
{
	const uint64_t n = 1u << 18, cmds = n * 64 / (r->quick ? 64 : 1);

	if (cover(r, 0, 0, n, 128))
		return -1;
	for (uint64_t i = 0; i < cmds; i++) {
		const uint64_t at =
			(r->rng >> 8) % 10 ? (r->rng >> 16) % (n / 10) : (r->rng >> 16) % n;

		if (put(r, 0, at, 1))
			return -1;
		if (!(i % (cmds / SAMPLES)))
			sample(r);
	}
	sample(r);
	return 0;
}

/* a host that tells after each block that the next one is to go to another unit */
static int closed(struct rig *r)
{
	const uint64_t n = 1u << 18;
	uint32_t sqe[16];

	memset(r->buf, 0, sizeof(uint16_t)); /* placement handle 0 */
	for (uint64_t i = 0; i < n; i++) {
		memset(sqe, 0, sizeof(sqe));
		sqe[0] = 0x1d;
		sqe[1] = 1;
		sqe[10] = 1;
		rings_prps(sqe, r->buf, sizeof(uint16_t), NULL);
		if (put(r, 0, i, 1) || rings_exec(&r->rings, &r->rings.io, sqe))
			return -1;
		r->live++;
		if (!(i % (n / SAMPLES / 8)))
			sample(r);
	}
	sample(r);
	return 0;
}

/* all of it, and then a little of it: units that are written to hold little and take much */
static int hot(struct rig *r)
{
	const uint64_t n = blocks(r, 0);

	return once(r) || again(r, 0, 0, n, n * 2, 1) || again(r, 0, 0, n / 64, n * 2, 1) ? -1 : 0;
}

static int mixed(struct rig *r)
{
	for (unsigned int ns = 0; ns < MAX_NS; ns++)
		if (cover(r, ns, 0, blocks(r, ns), 128))
			return -1;
	for (unsigned int i = 0; i < 8; i++)
		for (unsigned int ns = 0; ns < MAX_NS; ns++)
			if (again(r, ns, 0, blocks(r, ns), blocks(r, ns) / 8, 2))
				return -1;
	return 0;
}

static int deallocate(struct rig *r, uint64_t lba, uint64_t n)
{
	uint32_t sqe[16] = { 0x09, 1 }, *range = r->buf;

	range[0] = 0;
	range[1] = (uint32_t)n;
	range[2] = (uint32_t)lba;
	range[3] = 0;
	rings_prps(sqe, range, 16, NULL);
	sqe[11] = 4;
	r->live -= n;
	return rings_exec(&r->rings, &r->rings.io, sqe);
}

/* of all that is written, the first 7 eighths of each @part bytes */
static int trim_parts(struct rig *r, uint64_t part)
{
	const uint64_t n = part / r->load->block[0];

	for (uint64_t lba = 0; lba < blocks(r, 0); lba += n) {
		if (deallocate(r, lba, n / 8 * 7))
			return -1;
		sample(r);
	}
	return 0;
}

static int trim(struct rig *r)
{
	return over(r) || trim_parts(r, 128 * MIB) ? -1 : 0;
}

static int trim_small(struct rig *r)
{
	return over(r) || trim_parts(r, 16 * MIB) ? -1 : 0;
}

/* each number below @n, a power of two, for one such number: there is no order in them */
static uint64_t mix(uint64_t i, uint64_t n)
{
	unsigned int half = 1;

	while (1ull << 2 * half < n)
		half++;
	for (unsigned int k = 0; k < 3; k++) {
		i = (i * 0x9e3779b97f4a7c15 + 0x7f4a7c15) & (n - 1);
		i ^= i >> half;
	}
	return i;
}

/* a command's blocks; where it has to be quick, there are fewer blocks and commands, which are
 * longer */
static uint32_t piece(const struct rig *r)
{
	return r->quick ? 8 : 1;
}

/* blocks one by one in no order, as many as one in @part of them */
static int scatter(struct rig *r, uint64_t part)
{
	const uint32_t cmd = piece(r);
	const uint64_t n = blocks(r, 0) / cmd, end = (r->quick ? 3u << 16 : n / part) / cmd;

	for (uint64_t i = 0; i < end; i++) {
		if (put(r, 0, mix(i, n) * cmd, cmd))
			return -1;
		r->live += cmd;
		if (!(i % (end / SAMPLES / (r->quick ? 1 : 4))))
			sample(r);
	}
	sample(r);
	return 0;
}

static int scatter_all(struct rig *r)
{
	return scatter(r, 1);
}

static int scatter_16(struct rig *r)
{
	return scatter(r, 16);
}

/* from fewer than one to four of 1,024 */
static int scatter_256(struct rig *r)
{
	return scatter(r, 256);
}

/* a half, and each of its blocks three times on average */
static int scatter_over(struct rig *r)
{
	const uint32_t cmd = piece(r);
	const uint64_t n = blocks(r, 0) / cmd;
	uint64_t there, cmds;

	if (scatter(r, 2))
		return -1;
	there = r->live / cmd;
	cmds = r->quick ? there / 8 : 3 * there;
	for (uint64_t i = 0; i < cmds; i++) {
		if (put(r, 0, mix((r->rng >> 8) % there, n) * cmd, cmd))
			return -1;
		if (!(i % (cmds / SAMPLES / (r->quick ? 1 : 4))))
			sample(r);
	}
	sample(r);
	return 0;
}

static int trim_random(struct rig *r)
{
	const uint32_t cmd = piece(r);
	const uint64_t all = blocks(r, 0) / cmd, n = all / cmd;
	const uint64_t end = r->quick ? n / 2 : n / 10 * 9;

	if (cover(r, 0, 0, all, 128))
		return -1;
	for (uint64_t i = 0; i < end; i++) {
		if (deallocate(r, mix(i, n) * cmd, cmd))
			return -1;
		if (!(i % (end / SAMPLES / (r->quick ? 1 : 4))))
			sample(r);
	}
	sample(r);
	return 0;
}

static int erase(struct rig *r)
{
	uint32_t sqe[16] = { 0x0d, 1 };

	if (mixed(r))
		return -1;
	sqe[10] = 1; /* Delete */
	if (rings_exec(&r->rings, &r->rings.admin, sqe))
		return -1;
	r->live -= blocks(r, 0);
	sample(r);
	return 0;
}

static const struct load loads[BENCH_FDP_LOADS] = {
	{ "written once", { 4 * GIB }, 16 * MIB, { 4096 }, 7, 1, once },
	{ "overwritten, fdp.op 25", { 4 * GIB }, 16 * MIB, { 4096 }, 25, 1, over },
	{ "a quarter, 20 times", { 4 * GIB }, 16 * MIB, { 4096 }, 7, 1, quarter },
	{ "1 GiB of 64 GiB, 64 times", { 64 * GIB }, 16 * MIB, { 4096 }, 7, 1, little },
	{ "1 GiB of 64 GiB, a tenth of it most", { 64 * GIB }, 4 * MIB, { 4096 }, 7, 1, skewed },
	{ "units closed after each block", { 64 * GIB }, 16 * MIB, { 4096 }, 7, 1, closed },
	{ "units of 96 MiB, 8 handles", { GIB }, 96 * MIB, { 4096 }, 7, 8, hot },
	{ "512 B and 4 KiB, units of 1 MiB", { GIB, GIB / 4 }, MIB, { 4096, 512 }, 7, 2, mixed },
	{ "deallocated but an eighth", { 4 * GIB }, 16 * MIB, { 4096 }, 25, 1, trim },
	{ "deallocated but 2 MiB of each 16", { 4 * GIB }, 16 * MIB, { 4096 }, 25, 1, trim_small },
	{ "deallocated at random but a tenth",
	  { 8 * GIB },
	  16 * MIB,
	  { 4096 },
	  25,
	  1,
	  trim_random },
	{ "all of it at random, block by block", { GIB }, 16 * MIB, { 4096 }, 25, 1, scatter_all },
	{ "half at random, overwritten", { 2 * GIB }, 16 * MIB, { 4096 }, 25, 1, scatter_over },
	{ "a sixteenth at random", { 16 * GIB }, 16 * MIB, { 4096 }, 25, 1, scatter_16 },
	{ "single blocks all over 1 TiB", { TIB }, 64 * MIB, { 4096 }, 7, 1, scatter_256 },
	{ "one of two namespaces deleted",
	  { 2 * GIB, GIB },
	  16 * MIB,
	  { 4096, 4096 },
	  25,
	  2,
	  erase },
};

/* ---- lives ---------------------------------------------------------------------------------- */

static int add_ns(struct rig *r, struct sim_fn *fn, unsigned int i)
{
	struct sim_ns_params np = {
		.logical_block_size = r->load->block[i],
		.physical_block_size = r->load->block[i],
		.write_cache = true,
		.discard_granularity = UINT32_MAX,
		.uuid = { (uint8_t)(i + 1) },
		.nsid = i + 1,
		.store = r->store[i],
	};
	struct sim_msg msg;

	np.ruhs.nr = r->load->handles;
	for (uint16_t h = 0; h < np.ruhs.nr; h++)
		np.ruhs.ruhid[h] = (uint16_t)(i * r->load->handles + h);
	return sim_ns_add(r->s, fn, &np, &msg) < 0 ? -1 : 0;
}

static int up(struct rig *r)
{
	const uint16_t nruh = (uint16_t)(MAX_NS * r->load->handles);
	struct sim_subsys_params sp = {
		.nqn = "nqn.2019-08.org.qemu:bench",
		.fdp = { .on = true,
			 .runs = r->load->runs,
			 .nrg = 1,
			 .nruh = nruh,
			 .op = r->load->op },
	};
	struct sim_ctrl_params cp = {
		.serial = "bench",
		.model = "bench",
		.firmware_version = "1.0",
		.max_ioqpairs = 4,
		.msix_qsize = 5,
		.mqes = 0x7ff,
		.mdts = 7,
		.vsl = 7,
		.aerl = 3,
	};
	struct sim_msg msg;
	struct sim_fn *fn;

	store_clock(&sp.clock);
	sp.journal = watch_port(&r->watch);
	rings_ports(&cp);
	r->s = sim_subsys_new(&sp, &msg);
	fn = r->s ? sim_fn_add(r->s, &cp, &msg) : NULL;
	for (unsigned int i = 0; fn && i < MAX_NS; i++) {
		if (!r->store[i] && r->load->bytes[i])
			r->store[i] = store_null_new(r->load->bytes[i], &msg);
		if (r->load->bytes[i] && (!r->store[i] || add_ns(r, fn, i)))
			return -1;
	}
	return fn ? rings_up(&r->rings, fn) : -1;
}

static void down(struct rig *r)
{
	rings_down(&r->rings);
	memset(&r->rings, 0, sizeof(r->rings));
	if (r->s)
		sim_subsys_free(r->s);
	r->s = NULL;
}

/* what is left to timers is over */
static void idle(struct rig *r)
{
	for (unsigned int i = 0; i < 4096; i++)
		if (sim_run_timers(r->s) > bench_now() + 1000000000ull)
			break;
}

static int run(struct rig *r)
{
	if (up(r))
		return -1;
	r->fixed = bytes(r);
	r->res->fixed = (double)r->fixed;
	if (r->load->steps(r))
		return -1;
	idle(r);
	sample(r);
	down(r);
	if (r->load->steps == erase) { /* what is configured would be there again */
		store_free(r->store[0]);
		r->store[0] = store_null_new(r->load->bytes[0], &(struct sim_msg){ "" });
	}
	if (up(r))
		return -1;
	r->res->again = now(r);
	return 0;
}

double bench_fdp_worst(const struct bench_fdp_mem *mem)
{
	double worst = 0;

	for (unsigned int i = 0; i < BENCH_FDP_LOADS; i++) {
		worst = mem[i].worst > worst ? mem[i].worst : worst;
		worst = mem[i].again > worst ? mem[i].again : worst;
	}
	return worst;
}

int bench_fdp_memory(unsigned int i, bool quick, struct bench_fdp_mem *res)
{
	struct rig *r = calloc(1, sizeof(*r));
	int ret = -1;

	*res = (struct bench_fdp_mem){ .name = loads[i].name };
	if (!r)
		return -1;
	r->load = &loads[i];
	r->quick = quick;
	r->res = res;
	r->rng = 88172645463325252ull;
	r->buf = aligned_alloc(4096, 4096);
	if (r->buf)
		ret = run(r);
	down(r);
	for (unsigned int ns = 0; ns < MAX_NS; ns++)
		if (r->store[ns])
			store_free(r->store[ns]);
	watch_free(&r->watch);
	free(r->buf);
	free(r);
	return ret;
}
