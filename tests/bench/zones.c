/* SPDX-License-Identifier: MIT */
/*
 * zones.c - the benchmark of zoned namespaces: a million zones, and what an append costs
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../store/store.h"
#include "bench.h"
#include "rings.h"

#define BLOCK	     4096u
#define ZONE_BLOCKS  4u		  /* of a zone of the many */
#define REPORT_BYTES (512u << 10) /* MDTS 7 */
#define STARTS	     5
#define ROUNDS	     15		/* of the ways to write, in turn; the median of each counts */
#define BIG_ZONE     (256u << 20) /* bytes of a zone that is written: some 20 ms */

enum { OP_WRITE = 0x01, OP_SEND = 0x79, OP_RECEIVE = 0x7a, OP_APPEND = 0x7d };
enum { ZSA_FINISH = 2, ZSA_OPEN = 3, ZSA_RESET = 4 };

struct rig {
	struct sim_subsys *subsys;
	struct sim_fn *fn;
	struct rings rings;
};

static int rig_subsys(struct rig *r, const struct sim_journal_port *journal, struct sim_msg *msg)
{
	struct sim_subsys_params sp = { .nqn = "nqn.2019-08.org.qemu:bench", .journal = *journal };
	struct sim_ctrl_params cp = {
		.serial = "bench",
		.model = "bench",
		.firmware_version = "1.0",
		.max_ioqpairs = 8,
		.msix_qsize = 9,
		.mqes = 0x7ff,
		.mdts = 7,
		.vsl = 7,
		.aerl = 3,
		.aer_max_queued = 64,
	};

	memset(r, 0, sizeof(*r));
	store_clock(&sp.clock);
	rings_ports(&cp);
	r->subsys = sim_subsys_new(&sp, msg);
	if (!r->subsys)
		return -1;
	r->fn = sim_fn_add(r->subsys, &cp, msg);
	return r->fn ? 0 : -1;
}

static int rig_ns(struct rig *r, struct sim_store *st, uint64_t zone_bytes, struct sim_msg *msg)
{
	struct sim_ns_params np = {
		.nsid = 1,
		.logical_block_size = BLOCK,
		.physical_block_size = BLOCK,
		.write_cache = true,
		.discard_granularity = UINT32_MAX,
		.store = st,
		.zoned = { .on = true, .zone_size = zone_bytes, .zrwafg = UINT64_MAX },
	};

	return sim_ns_add(r->subsys, r->fn, &np, msg) == 1 ? 0 : -1;
}

static void rig_down(struct rig *r)
{
	if (r->rings.fn)
		rings_down(&r->rings);
	if (r->subsys)
		sim_subsys_free(r->subsys);
}

static int failed(const char *what, const struct sim_msg *msg)
{
	fprintf(stderr, "bench: zones: %s%s%s\n", what, msg ? ": " : "", msg ? msg->text : "");
	return 1;
}

static int zone_send(struct rings *r, struct rings_queue *q, uint64_t zslba, uint8_t zsa)
{
	uint32_t sqe[16] = { OP_SEND };

	sqe[1] = 1;
	sqe[10] = (uint32_t)zslba;
	sqe[11] = (uint32_t)(zslba >> 32);
	sqe[13] = zsa;
	return rings_exec(r, q, sqe);
}

/* ---- a million zones ------------------------------------------------------------------------ */

/* resident bytes of this process, and what it has in mapped files */
static uint64_t resident(void)
{
	unsigned long size, pages;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f)
		return 0;
	if (fscanf(f, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* all descriptors, as many a command as it carries. Return: ns, or 0 when a command failed */
static uint64_t report_all(struct rig *r, uint64_t zones, uint8_t *buf, uint64_t *list)
{
	const uint64_t begun = bench_now();

	for (uint64_t z = 0, n; z < zones; z += n) {
		uint32_t sqe[16] = { OP_RECEIVE };

		sqe[1] = 1;
		sqe[10] = (uint32_t)(z * ZONE_BLOCKS);
		sqe[11] = (uint32_t)(z * ZONE_BLOCKS >> 32);
		sqe[12] = REPORT_BYTES / 4 - 1;
		sqe[13] = 1 << 16; /* partial: so many descriptors were transferred */
		rings_prps(sqe, buf, REPORT_BYTES, list);
		if (rings_exec(&r->rings, &r->rings.io, sqe))
			return 0;
		memcpy(&n, buf, sizeof(n));
		if (!n)
			return 0;
	}
	return bench_now() - begun;
}

/* one start from what the journal in @dir has. Return: ns, or 0 with a message */
static uint64_t start(struct rig *r, const struct sim_journal_port *j, struct sim_store *st)
{
	struct sim_msg msg = { "" };
	uint64_t begun;

	if (rig_subsys(r, j, &msg)) {
		failed("no subsystem", &msg);
		return 0;
	}
	begun = bench_now();
	if (rig_ns(r, st, ZONE_BLOCKS * BLOCK, &msg)) {
		failed("no namespace", &msg);
		return 0;
	}
	return bench_now() - begun;
}

/* every zone is given a state that is worth a record: opened, or finished */
static int use_all(struct rig *r, uint64_t zones)
{
	for (uint64_t z = 0; z < zones; z++)
		if (zone_send(&r->rings, &r->rings.io, z * ZONE_BLOCKS,
			      z % 2 ? ZSA_OPEN : ZSA_FINISH))
			return -1;
	return 0;
}

/* the state directory goes again, wherever it was made */
static void remove_state(const char *path)
{
	struct dirent *e;
	DIR *d = opendir(path);

	if (!d)
		return;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(path);
}

static int many(const char *dir, struct bench_zones *res)
{
	uint8_t *buf = aligned_alloc(BLOCK, REPORT_BYTES);
	uint64_t *list = aligned_alloc(BLOCK, BLOCK), ns[STARTS], p99, before;
	struct sim_journal_port j = { 0 };
	struct sim_store *st = NULL;
	struct sim_msg msg = { "out of memory" };
	struct rig r = { 0 };
	char path[4096];
	int ret = 1;

	snprintf(path, sizeof(path), "%s/zones", dir);
	if (!buf || !list)
		goto out;
	memset(buf, 1, REPORT_BYTES);
	st = store_ram_new(res->zones * ZONE_BLOCKS * BLOCK, &msg);
	if (!st || store_journal_open(path, "z", &j, &msg)) {
		failed("no medium", &msg);
		goto out;
	}
	before = resident();
	res->start_new = start(&r, &j, st);
	if (!res->start_new || rings_up(&r.rings, r.fn))
		goto out;
	res->bytes_new = (double)(resident() - before) / (double)res->zones;
	if (use_all(&r, res->zones)) {
		failed("a Zone Management Send failed", NULL);
		goto out;
	}
	res->bytes_used = (double)(resident() - before) / (double)res->zones;
	for (unsigned int i = 0; i < STARTS; i++) {
		ns[i] = report_all(&r, res->zones, buf, list);
		if (!ns[i]) {
			failed("a report failed", NULL);
			goto out;
		}
	}
	bench_percentiles(ns, STARTS, &res->report, &p99);
	for (unsigned int i = 0; i < STARTS; i++) {
		rig_down(&r);
		ns[i] = start(&r, &j, st);
		if (!ns[i])
			goto out;
	}
	bench_percentiles(ns, STARTS, &res->start_again, &p99);
	ret = 0;
out:
	rig_down(&r);
	if (j.put) {
		store_journal_close(&j);
		remove_state(path);
	}
	if (st)
		store_free(st);
	free(buf);
	free(list);
	return ret;
}

/* ---- appends and writes --------------------------------------------------------------------- */

/*
 * A medium that is always warm: each zone is the same megabyte over and over, and nothing is given
 * back. What is measured is the command and the copy, not the kernel's finding of pages.
 */
static uint8_t *warm_set[2];

static int warm_map(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr)
{
	*ptr = warm_set[off / BIG_ZONE % 2] + off % BENCH_SET;
	return 0;
}

static int warm_copy(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	return 0;
}

static int warm_write(struct sim_store *st, uint64_t off, const void *buf, size_t len)
{
	return 0;
}

static int warm_zero(struct sim_store *st, uint64_t off, uint64_t len, bool unmap)
{
	return 0;
}

static void warm_flush(struct sim_store *st, void (*done)(void *arg, int err), void *arg)
{
	done(arg, 0);
}

static int warm_check(struct sim_store *st, uint64_t off, size_t len, bool write)
{
	return 0;
}

static uint64_t warm_used(struct sim_store *st)
{
	return 0;
}

static int warm_next(struct sim_store *st, uint64_t off, uint64_t *begin, uint64_t *end)
{
	return SIM_ENOENT;
}

static const struct sim_store_ops warm_ops = {
	.map = warm_map,
	.read = warm_copy,
	.write = warm_write,
	.zero = warm_zero,
	.flush = warm_flush,
	.check = warm_check,
	.used = warm_used,
	.next_data = warm_next,
};

/* nothing that one writes lies in a cache line with what the other looks at */
struct writer {
	_Alignas(128) struct rings r; /* the function, and @q's queue pair as .io */
	struct rings_queue *q;
	uint8_t *buf;
	uint64_t zone;
	unsigned int n;
	uint8_t opcode;
	int err;
};

/* a processor for each, where there are as many: what is measured is not how they are found */
static void take_cpu(uint64_t n)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(n % (uint64_t)(cpus > 0 ? cpus : 1), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* @n blocks of 4 KiB to a zone of its own, which was Empty */
static void *write_zone(void *arg)
{
	struct writer *w = arg;
	const uint64_t zslba = w->zone * (BIG_ZONE / BLOCK);

	take_cpu(w->zone);
	for (unsigned int i = 0; i < w->n && !w->err; i++) {
		const uint64_t lba = w->opcode == OP_APPEND ? zslba : zslba + i;
		uint32_t sqe[16] = { w->opcode };

		sqe[1] = 1;
		sqe[10] = (uint32_t)lba;
		sqe[11] = (uint32_t)(lba >> 32);
		rings_prps(sqe, w->buf, BLOCK, NULL);
		w->err = rings_exec(&w->r, w->q, sqe);
	}
	return NULL;
}

/* @n writers at once. Return: ns until the last is done, or 0 */
static uint64_t race(struct writer *w, unsigned int n)
{
	pthread_t thread[2];
	cpu_set_t before;
	uint64_t begun;
	int err = sched_getaffinity(0, sizeof(before), &before);

	for (unsigned int i = 0; i < n; i++)
		err |= zone_send(&w[i].r, w[i].q, w[i].zone * (BIG_ZONE / BLOCK), ZSA_RESET);
	begun = bench_now();
	if (n > 1 && pthread_create(&thread[1], NULL, write_zone, &w[1]))
		return 0;
	write_zone(&w[0]);
	if (n > 1)
		pthread_join(thread[1], NULL);
	begun = bench_now() - begun;
	err |= sched_setaffinity(0, sizeof(before), &before);
	for (unsigned int i = 0; i < n; i++)
		err |= w[i].err;
	return err ? 0 : begun;
}

static int appends(bool quick, struct bench_zones *res)
{
	struct sim_store st = { .ops = &warm_ops, .size = 8 * BIG_ZONE, .solid = true };
	struct sim_journal_port j = { 0 };
	struct sim_msg msg = { "out of memory" };
	struct rings_queue second = { 0 };
	struct rig r = { 0 };
	struct writer w[2] = { 0 };
	uint64_t ns[4][ROUNDS], p50[4], p99;
	int ret = 1;

	for (unsigned int i = 0; i < 2; i++) {
		warm_set[i] = aligned_alloc(BLOCK, BENCH_SET + BIG_ZONE % BENCH_SET + BLOCK);
		w[i] = (struct writer){ .zone = i, .n = BIG_ZONE / BLOCK / (quick ? 64 : 1) };
		w[i].buf = aligned_alloc(BLOCK, BLOCK);
		if (!warm_set[i] || !w[i].buf)
			goto out;
		memset(warm_set[i], 1, BENCH_SET + BLOCK);
		memset(w[i].buf, 2, BLOCK);
	}
	store_anon_areas(&j);
	if (rig_subsys(&r, &j, &msg) || rig_ns(&r, &st, BIG_ZONE, &msg) ||
	    rings_up(&r.rings, r.fn) || rings_queue_up(&r.rings, &second, 2)) {
		failed("no namespace", &msg);
		goto out;
	}
	w[0].r = w[1].r = r.rings;
	w[1].r.io = second;
	w[0].q = &w[0].r.io;
	w[1].q = &w[1].r.io;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		w[0].opcode = w[1].opcode = OP_WRITE;
		ns[0][i] = race(w, 1);
		ns[3][i] = race(w, 2);
		w[0].opcode = w[1].opcode = OP_APPEND;
		ns[1][i] = race(w, 1);
		ns[2][i] = race(w, 2);
		if (!ns[0][i] || !ns[1][i] || !ns[2][i] || !ns[3][i]) {
			failed("a write failed", NULL);
			goto out;
		}
	}
	for (unsigned int k = 0; k < 4; k++)
		bench_percentiles(ns[k], ROUNDS, &p50[k], &p99);
	res->write_ns = (double)p50[0] / w[0].n;
	res->append_ns = (double)p50[1] / w[0].n;
	res->append2_ns = (double)p50[2] / (2.0 * w[0].n);
	res->write2_ns = (double)p50[3] / (2.0 * w[0].n);
	ret = 0;
out:
	rig_down(&r);
	rings_queue_down(&second);
	for (unsigned int i = 0; i < 2; i++) {
		free(warm_set[i]);
		free(w[i].buf);
	}
	return ret;
}

/* ---- a run ---------------------------------------------------------------------------------- */

int bench_zones_run(const char *dir, bool quick, struct bench_zones *res)
{
	memset(res, 0, sizeof(*res));
	res->zones = quick ? 10000 : 1000000;
	return many(dir, res) || appends(quick, res);
}

void bench_zones_table(const struct bench_zones *z)
{
	printf("\nzoned namespaces, %" PRIu64 " zones\n", z->zones);
	printf("  %-32s %8.1f ms\n", "start, new", (double)z->start_new / 1e6);
	printf("  %-32s %8.1f ms\n", "start, all zones used", (double)z->start_again / 1e6);
	printf("  %-32s %8.1f ms   %8.1f million descriptors/s\n", "Report Zones of all",
	       (double)z->report / 1e6, (double)z->zones * 1e3 / (double)z->report);
	printf("  %-32s %8.1f bytes   (new: %.1f)\n", "resident a zone, all used", z->bytes_used,
	       z->bytes_new);
	printf("  %-32s %8.0f ns/cmd\n", "Write 4 KiB", z->write_ns);
	printf("  %-32s %8.0f ns/cmd   %8.2f x the rate of one thread\n",
	       "  from two threads, two zones", z->write2_ns, z->write_ns / z->write2_ns);
	printf("  %-32s %8.0f ns/cmd   %8.2f x Write\n", "Zone Append 4 KiB", z->append_ns,
	       z->append_ns / z->write_ns);
	printf("  %-32s %8.0f ns/cmd   %8.2f x the rate of one thread\n",
	       "  from two threads, two zones", z->append2_ns, z->append_ns / z->append2_ns);
}

void bench_zones_json(const struct bench_zones *z)
{
	printf("{\"zones\":%" PRIu64 ",\"start_new_ns\":%" PRIu64 ",\"start_used_ns\":%" PRIu64
	       ",\"report_ns\":%" PRIu64 ",\"descriptors_per_second\":%.0f"
	       ",\"bytes_per_zone\":%.1f,\"bytes_per_zone_new\":%.1f"
	       ",\"write_ns\":%.1f,\"append_ns\":%.1f,\"append_two_threads_ns\":%.1f,\"write_two_"
	       "threads_ns\":%.1f"
	       ",\"append_to_write\":%.3f,\"two_threads_to_one\":%.3f}",
	       z->zones, z->start_new, z->start_again, z->report,
	       (double)z->zones * 1e9 / (double)z->report, z->bytes_used, z->bytes_new, z->write_ns,
	       z->append_ns, z->append2_ns, z->write2_ns, z->append_ns / z->write_ns,
	       z->append_ns / z->append2_ns);
}
