/* SPDX-License-Identifier: MIT */
/*
 * fdp_memory.c - what Flexible Data Placement keeps of blocks that were written: resident bytes of
 * its areas, with every block of a namespace written once, and overwritten until every unit is used
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../core/persist/persist.h"
#include "../../store/store.h"
#include "bench.h"
#include "rings.h"

#define BLOCK	 4096u
#define NS_BYTES (4ull << 30)
#define CMD	 32u /* blocks of a command */
#define TIMES	 3   /* that a block is overwritten */
#define AREAS	 64

static struct {
	void *mem;
	uint64_t len;
	uint16_t type;
} areas[AREAS];
static unsigned int nr_areas;
static struct sim_journal_port under;

static void *area(void *opaque, uint16_t type, uint64_t key, uint64_t len, bool *fresh)
{
	void *mem = under.area(under.opaque, type, key, len, fresh);

	if (mem && nr_areas < AREAS) {
		areas[nr_areas].mem = mem;
		areas[nr_areas].len = len;
		areas[nr_areas++].type = type;
	}
	return mem;
}

static uint64_t resident(void *mem, uint64_t len)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), part = 1u << 16;
	unsigned char vec[1u << 16];
	uint64_t n = 0;

	for (uint64_t off = 0; off < len; off += part * page) {
		uint64_t bytes = len - off < part * page ? len - off : part * page;

		if (mincore((char *)mem + off, bytes, vec))
			continue;
		for (uint64_t i = 0; i < (bytes + page - 1) / page; i++)
			n += vec[i] & 1 ? page : 0;
	}
	return n;
}

static int write_at(struct rings *r, void *buf, uint64_t *list, uint64_t cmd)
{
	uint32_t sqe[16] = { 0x01, 1 };

	rings_prps(sqe, buf, CMD * BLOCK, list);
	sqe[10] = (uint32_t)(cmd * CMD);
	sqe[12] = CMD - 1;
	return rings_exec(r, &r->io, sqe);
}

/* each block once; then, where they are to be overwritten, anywhere */
static int write_all(struct rings *r, void *buf, uint64_t *list, bool over)
{
	const uint64_t cmds = NS_BYTES / BLOCK / CMD;
	uint64_t x = 88172645463325252ull;

	for (uint64_t i = 0; i < (over ? 1 + TIMES : 1) * cmds; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (write_at(r, buf, list, i < cmds ? i : x % cmds))
			return -1;
	}
	return 0;
}

double bench_fdp_memory(bool over, unsigned int op)
{
	struct sim_subsys_params sp = {
		.nqn = "nqn.2019-08.org.qemu:bench",
		.fdp = { .on = true, .runs = 16u << 20, .nrg = 1, .nruh = 2, .op = op },
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
	struct sim_ns_params np = {
		.logical_block_size = BLOCK,
		.physical_block_size = BLOCK,
		.write_cache = true,
		.discard_granularity = UINT32_MAX,
	};
	struct sim_msg msg;
	struct rings rings = { 0 };
	void *buf = aligned_alloc(4096, 131072);
	uint64_t *list = aligned_alloc(4096, 4096), bytes = 0;
	struct sim_subsys *s = NULL;
	struct sim_fn *fn;
	double ret = -1;

	nr_areas = 0;
	store_clock(&sp.clock);
	store_anon_areas(&under);
	sp.journal = under;
	sp.journal.area = area;
	rings_ports(&cp);
	np.store = store_null_new(NS_BYTES, &msg);
	if (buf && list && np.store)
		s = sim_subsys_new(&sp, &msg);
	fn = s ? sim_fn_add(s, &cp, &msg) : NULL;
	if (!fn || sim_ns_add(s, fn, &np, &msg) < 0 || rings_up(&rings, fn))
		goto out;
	memset(buf, 0x5a, 131072);
	if (write_all(&rings, buf, list, over))
		goto out;
	for (unsigned int i = 0; i < nr_areas; i++)
		if (areas[i].type >= SIM_REC_FDP && areas[i].type <= SIM_REC_FDP_LOG)
			bytes += resident(areas[i].mem, areas[i].len);
	ret = (double)bytes / (NS_BYTES / BLOCK);
out:
	rings_down(&rings);
	if (s)
		sim_subsys_free(s);
	if (np.store)
		store_free(np.store);
	free(buf);
	free(list);
	return ret;
}
