/* SPDX-License-Identifier: MIT */
/*
 * test_property.c - random commands from several threads, against a plain model of the namespace
 *
 * Each thread has an I/O queue pair and a stretch of blocks of its own, about which it knows
 * everything: every status, every byte. One stretch is everybody's: there extents are written
 * and read as a whole, and are to be seen whole, and a counter in a block goes up by fused
 * Compare and Write and by nothing else.
 *
 * NVMESIM_SEEDS=N runs N seeds of 100,000 commands instead of one; NVMESIM_SEED=S begins at S. A
 * failure names its seed.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "nvmcmd.h"

#define COMMANDS 100000u
#define THREADS 4
#define OWN 512u     /* blocks of a thread's stretch */
#define MAX_NLB 16u
#define EXTENT 8u    /* blocks of an extent of the shared stretch */
#define EXTENTS 8u
#define COUNTER (THREADS * OWN + EXTENT * EXTENTS) /* LBA */
#define BLOCKS (COUNTER + 8)

#define OP_COPY 0x19
enum { ST_READ_ERROR = 0x281, ST_COMPARE = 0x285, ST_UNWRITTEN = 0x287, ST_FUSED = 0x009 };

#define PRACT (1u << 29)
#define PRCHK_ALL (7u << 26)
#define DSM_AD (1u << 2)

/* the formats: data bytes, metadata bytes, interleaved, PI type (metadata is the tuple then) */
static const struct shape {
	const char *name;
	uint32_t lbs;
	uint16_t ms;
	bool extended;
	uint8_t pi, pif;
	bool dulbe;
} shapes[] = {
	{ "512", 512, 0, false, 0, 0, false },
	{ "512, DULBE", 512, 0, false, 0, 0, true },
	{ "4096+64 separate", 4096, 64, false, 0, 0, true },
	{ "512+8 extended", 512, 8, true, 0, 0, false },
	{ "512+8, type 1, 16-bit guard", 512, 8, false, 1, 0, false },
	{ "4096+16 extended, type 2, 64-bit guard", 4096, 16, true, 2, 2, true },
	{ "4096+16, type 1, 32-bit guard", 4096, 16, false, 1, 1, false },
};

/* what the model knows of a block: its bytes follow from the stamp; 0 is zeroes */
struct block {
	enum { UNWRITTEN, WRITTEN, BAD } state;
	uint32_t stamp;
};

struct worker {
	struct drv *d;
	const struct shape *sh;
	struct drv_queue q;
	uint64_t data, md, list; /* iova: MAX_NLB blocks and their metadata, a page for ranges */
	uint8_t *expect, *expect_md;
	uint64_t lo; /* first block of its own */
	struct block own[OWN];
	uint64_t rng;
	unsigned int index, commands, counted;
	_Atomic uint32_t *issued; /* stamps given so far, by extent */
	uint32_t seq;
	char fail[256];
};

static uint32_t rnd(struct worker *w)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (uint32_t)(w->rng >> 16);
}

static uint32_t below(struct worker *w, uint32_t n)
{
	return rnd(w) % n;
}

static bool bad(struct worker *w, const char *what, uint64_t lba, uint32_t got, uint32_t want)
{
	if (!w->fail[0])
		snprintf(w->fail, sizeof(w->fail),
			 "thread %u, command %u: %s at block %" PRIu64 ": %xh, not %xh", w->index,
			 w->commands, what, lba, got, want);
	return false;
}

/* @len bytes that follow from a stamp and a block's address */
static void pattern(uint8_t *p, uint32_t len, uint32_t stamp, uint64_t lba, uint8_t salt)
{
	uint32_t x = stamp * 2654435761u + (uint32_t)lba * 40503u + salt;

	if (!stamp) {
		memset(p, 0, len);
		return;
	}
	for (uint32_t i = 0; i < len; i += 4) {
		x = x * 1664525u + 1013904223u;
		memcpy(p + i, &x, 4);
	}
	memcpy(p, &stamp, 4);
}

/* metadata that crosses the wire: the controller makes and strips a tuple that is all of it */
static uint32_t wire_md(const struct shape *sh)
{
	return sh->pi ? 0 : sh->ms;
}

static uint32_t stride(const struct shape *sh)
{
	return sh->lbs + (sh->extended ? wire_md(sh) : 0);
}

static void put_block(const struct shape *sh, uint8_t *data, uint8_t *md, uint32_t i, uint64_t lba,
		      uint32_t stamp)
{
	pattern(data + i * stride(sh), sh->lbs, stamp, lba, 0);
	if (wire_md(sh))
		pattern(sh->extended ? data + i * stride(sh) + sh->lbs : md + i * sh->ms, sh->ms,
			stamp, lba, 1);
}

static uint16_t exec(struct worker *w, struct drv_cmd *cmd)
{
	w->commands++;
	return drv_exec(w->d, &w->q, cmd, NULL);
}

/* a command with data, or without (@nlb of it all the same) */
static struct drv_cmd block_cmd(struct worker *w, uint8_t opcode, uint64_t lba, uint32_t nlb,
				bool data)
{
	const struct shape *sh = w->sh;
	struct drv_cmd cmd = rw_cmd(opcode, lba, nlb, 0);

	if (data) {
		uint32_t len = nlb * stride(sh);

		cmd.dw[6] = (uint32_t)w->data;
		cmd.dw[7] = (uint32_t)(w->data >> 32);
		if (len > 2 * DRV_PAGE) {
			uint64_t *list = drv_ptr(w->d, w->list);

			for (uint32_t off = DRV_PAGE; off < len; off += DRV_PAGE)
				list[off / DRV_PAGE - 1] = w->data + off;
			cmd.dw[8] = (uint32_t)w->list;
			cmd.dw[9] = (uint32_t)(w->list >> 32);
		} else if (len > DRV_PAGE) {
			cmd.dw[8] = (uint32_t)(w->data + DRV_PAGE);
			cmd.dw[9] = (uint32_t)((w->data + DRV_PAGE) >> 32);
		}
		if (!sh->extended && wire_md(sh)) {
			cmd.dw[4] = (uint32_t)w->md;
			cmd.dw[5] = (uint32_t)(w->md >> 32);
		}
	}
	if (sh->pi) {
		if (opcode == OP_WRITE || opcode == OP_READ || opcode == OP_WRITE_ZEROES)
			cmd.dw[12] |= PRACT;
		if (opcode == OP_READ || opcode == OP_VERIFY)
			cmd.dw[12] |= PRCHK_ALL;
		cmd.dw[14] = (uint32_t)lba; /* reference tags are LBAs, with both types */
		if (sh->pif == 2)
			cmd.dw[3] = 0;
		cmd.dw[15] = 0xffff1234;
	}
	return cmd;
}

/* what reading [@at, @at + @nlb) of a worker's own blocks is to give */
static uint16_t readable(const struct worker *w, uint32_t at, uint32_t nlb, uint16_t *or)
{
	bool is_bad = false, unwritten = false;

	for (uint32_t i = at; i < at + nlb; i++) {
		is_bad |= w->own[i].state == BAD;
		unwritten |= w->own[i].state == UNWRITTEN;
	}
	unwritten &= w->sh->dulbe;
	*or = is_bad && unwritten ? ST_UNWRITTEN : 0;
	return is_bad ? ST_READ_ERROR : unwritten ? ST_UNWRITTEN : 0;
}

static bool check_status(struct worker *w, const char *what, uint64_t lba, uint16_t got,
			 uint16_t want, uint16_t or)
{
	return got == want || (or && got == or) || bad(w, what, lba, got, want);
}

static bool check_data(struct worker *w, const char *what, uint32_t at, uint32_t nlb)
{
	const struct shape *sh = w->sh;

	for (uint32_t i = 0; i < nlb; i++) {
		const uint8_t *data = drv_ptr(w->d, w->data), *md = drv_ptr(w->d, w->md);
		uint64_t lba = w->lo + at + i;

		put_block(sh, w->expect, w->expect_md, i, lba, w->own[at + i].stamp);
		if (memcmp(data + i * stride(sh), w->expect + i * stride(sh), stride(sh)))
			return bad(w, what, lba, data[i * stride(sh)], w->expect[i * stride(sh)]);
		if (wire_md(sh) && !sh->extended &&
		    memcmp(md + i * sh->ms, w->expect_md + i * sh->ms, sh->ms))
			return bad(w, "metadata", lba, md[i * sh->ms], w->expect_md[i * sh->ms]);
	}
	return true;
}

static void note(struct worker *w, uint32_t at, uint32_t nlb, int state, uint32_t stamp)
{
	for (uint32_t i = at; i < at + nlb; i++)
		w->own[i] = (struct block){ state, stamp };
}

static uint32_t new_stamp(struct worker *w)
{
	return (w->index + 1) << 24 | ++w->seq;
}

/* ---- the commands on a thread's own blocks ------------------------------------------------- */

static bool do_write(struct worker *w, uint32_t at, uint32_t nlb)
{
	struct drv_cmd cmd = block_cmd(w, OP_WRITE, w->lo + at, nlb, true);
	uint32_t stamp = new_stamp(w);
	uint16_t status;

	for (uint32_t i = 0; i < nlb; i++)
		put_block(w->sh, drv_ptr(w->d, w->data), drv_ptr(w->d, w->md), i, w->lo + at + i,
			  stamp);
	if (!below(w, 8))
		cmd.dw[12] |= FUA;
	status = exec(w, &cmd);
	note(w, at, nlb, WRITTEN, stamp);
	return check_status(w, "Write", w->lo + at, status, 0, 0);
}

static bool do_read(struct worker *w, uint32_t at, uint32_t nlb)
{
	struct drv_cmd cmd = block_cmd(w, OP_READ, w->lo + at, nlb, true);
	uint16_t or, want = readable(w, at, nlb, &or), status;

	memset(drv_ptr(w->d, w->data), 0xee, nlb * stride(w->sh));
	status = exec(w, &cmd);
	if (!check_status(w, "Read", w->lo + at, status, want, or))
		return false;
	return status || check_data(w, "Read", at, nlb);
}

static bool do_compare(struct worker *w, uint32_t at, uint32_t nlb)
{
	struct drv_cmd cmd = block_cmd(w, OP_COMPARE, w->lo + at, nlb, true);
	uint16_t or, want = readable(w, at, nlb, &or);
	uint8_t *data = drv_ptr(w->d, w->data);

	if (w->sh->pi)
		return do_read(w, at, nlb); /* the tuples are the model of protection information's */
	for (uint32_t i = 0; i < nlb; i++)
		put_block(w->sh, data, drv_ptr(w->d, w->md), i, w->lo + at + i,
			  w->own[at + i].stamp);
	if (below(w, 2)) {
		data[below(w, nlb * stride(w->sh))] ^= (uint8_t)(1 + below(w, 255));
		if (!want)
			want = ST_COMPARE;
	}
	return check_status(w, "Compare", w->lo + at, exec(w, &cmd), want, or);
}

static bool do_verify(struct worker *w, uint32_t at, uint32_t nlb)
{
	struct drv_cmd cmd = block_cmd(w, OP_VERIFY, w->lo + at, nlb, false);
	uint16_t or, want = readable(w, at, nlb, &or);

	return check_status(w, "Verify", w->lo + at, exec(w, &cmd), want, or);
}

static bool do_zeroes(struct worker *w, uint32_t at, uint32_t nlb)
{
	struct drv_cmd cmd = block_cmd(w, OP_WRITE_ZEROES, w->lo + at, nlb, false);
	bool deac = below(w, 2);

	if (deac)
		cmd.dw[12] |= DEAC;
	note(w, at, nlb, deac ? UNWRITTEN : WRITTEN, 0);
	return check_status(w, "Write Zeroes", w->lo + at, exec(w, &cmd), 0, 0);
}

static bool do_dsm(struct worker *w, uint32_t at, uint32_t nlb)
{
	struct nvme_dsm_range *range = drv_ptr(w->d, w->data);
	struct drv_cmd cmd = { { OP_DSM, 1 } };
	uint32_t nr = 1 + below(w, 4);

	cmd.dw[6] = (uint32_t)w->data;
	cmd.dw[7] = (uint32_t)(w->data >> 32);
	cmd.dw[10] = nr - 1;
	cmd.dw[11] = DSM_AD;
	for (uint32_t i = 0; i < nr; i++) {
		range[i] = (struct nvme_dsm_range){ 0, sim_le32(nlb), sim_le64(w->lo + at) };
		note(w, at, nlb, UNWRITTEN, 0);
		nlb = 1 + below(w, MAX_NLB);
		at = below(w, OWN - nlb + 1);
	}
	return check_status(w, "Dataset Management", w->lo + at, exec(w, &cmd), 0, 0);
}

static bool do_uncorrectable(struct worker *w, uint32_t at, uint32_t nlb)
{
	struct drv_cmd cmd = block_cmd(w, OP_WRITE_UNCOR, w->lo + at, nlb, false);

	cmd.dw[12] &= 0xffff;
	cmd.dw[14] = cmd.dw[15] = 0;
	note(w, at, nlb, BAD, 0);
	return check_status(w, "Write Uncorrectable", w->lo + at, exec(w, &cmd), 0, 0);
}

/* Copy of @nlb blocks, descriptor format 0: 32 bytes a range, SLBA 15:8, NLB 17:16, tags 31:24 */
static uint16_t copy(struct worker *w, uint32_t from, uint32_t at, uint32_t nlb)
{
	struct drv_cmd cmd = rw_cmd(OP_COPY, w->lo + at, 1, 0);
	uint8_t *range = drv_ptr(w->d, w->data);
	uint64_t slba = sim_le64(w->lo + from);
	uint32_t elbrt = sim_le32((uint32_t)(w->lo + from)), elbat = sim_le32(0xffff1234);
	uint16_t n = sim_le16((uint16_t)(nlb - 1));

	memset(range, 0, 32);
	memcpy(range + 8, &slba, 8);
	memcpy(range + 16, &n, 2);
	memcpy(range + 24, &elbrt, 4);
	memcpy(range + 28, &elbat, 4);
	cmd.dw[6] = (uint32_t)w->data;
	cmd.dw[7] = (uint32_t)(w->data >> 32);
	if (w->sh->pi) {
		cmd.dw[12] = 0xfu << 12 | 8u << 26; /* PRINFOR: check and strip; PRINFOW: make */
		cmd.dw[14] = (uint32_t)(w->lo + at);
		cmd.dw[15] = 0xffff1234;
	}
	return exec(w, &cmd);
}

/* a copy has the bytes of where it came from, which no stamp describes: it is written over */
static bool do_copy(struct worker *w, uint32_t at, uint32_t nlb)
{
	uint32_t from = below(w, OWN - nlb + 1), stamp;
	struct drv_cmd cmd;
	uint16_t or, want;

	if (w->sh->pif || (from < at + nlb && at < from + nlb))
		return do_read(w, at, nlb);
	want = readable(w, from, nlb, &or);
	if (want) /* the one source range is looked at before anything is changed */
		return check_status(w, "Copy", w->lo + from, copy(w, from, at, nlb), want, or);
	if (!do_write(w, from, nlb))
		return false;
	stamp = w->own[from].stamp;
	if (!check_status(w, "Copy", w->lo + from, copy(w, from, at, nlb), 0, 0))
		return false;
	cmd = block_cmd(w, OP_READ, w->lo + at, nlb, true);
	if (!check_status(w, "Read of a copy", w->lo + at, exec(w, &cmd), 0, 0))
		return false;
	for (uint32_t i = 0; i < nlb; i++) {
		const uint8_t *data = drv_ptr(w->d, w->data);

		put_block(w->sh, w->expect, w->expect_md, i, w->lo + from + i, stamp);
		if (memcmp(data + i * stride(w->sh), w->expect + i * stride(w->sh), stride(w->sh)))
			return bad(w, "Copy's data", w->lo + at + i, data[i * stride(w->sh)],
				   w->expect[i * stride(w->sh)]);
	}
	return do_write(w, at, nlb);
}

static bool do_flush(struct worker *w, uint32_t at, uint32_t nlb)
{
	struct drv_cmd cmd = { { OP_FLUSH, 1 } };

	return check_status(w, "Flush", 0, exec(w, &cmd), 0, 0);
}

/* ---- the shared blocks --------------------------------------------------------------------- */

static bool do_shared(struct worker *w, uint32_t at, uint32_t nlb)
{
	uint32_t e = below(w, EXTENTS), stamp, first;
	uint64_t lba = THREADS * OWN + e * EXTENT;
	struct drv_cmd cmd;
	uint8_t *data = drv_ptr(w->d, w->data);
	uint16_t status;

	if (below(w, 2)) {
		/* stamps of an extent are its own: one that is seen elsewhere is a torn command */
		stamp = atomic_fetch_add(&w->issued[e], 1) + 1;
		stamp |= (e + 1) << 24;
		for (uint32_t i = 0; i < EXTENT; i++)
			put_block(w->sh, data, drv_ptr(w->d, w->md), i, lba + i, stamp);
		cmd = block_cmd(w, OP_WRITE, lba, EXTENT, true);
		return check_status(w, "shared Write", lba, exec(w, &cmd), 0, 0);
	}
	cmd = block_cmd(w, OP_READ, lba, EXTENT, true);
	status = exec(w, &cmd);
	if (status == ST_UNWRITTEN && w->sh->dulbe)
		return true;
	if (!check_status(w, "shared Read", lba, status, 0, 0))
		return false;
	memcpy(&first, data, 4);
	if (first && (first >> 24 != e + 1 || (first & 0xffffff) > atomic_load(&w->issued[e])))
		return bad(w, "a stamp nobody wrote", lba, first, 0);
	for (uint32_t i = 0; i < EXTENT; i++) {
		put_block(w->sh, w->expect, w->expect_md, i, lba + i, first);
		if (memcmp(data + i * stride(w->sh), w->expect + i * stride(w->sh), stride(w->sh)))
			return bad(w, "an extent that is not whole", lba + i, data[i * stride(w->sh)],
				   w->expect[i * stride(w->sh)]);
	}
	return true;
}

/* take the counter and put it back one higher, if nobody else did */
static bool do_count(struct worker *w, uint32_t at, uint32_t nlb)
{
	struct drv_cmd compare, write;
	uint8_t *data = drv_ptr(w->d, w->data);
	uint32_t value, *sqe;
	struct drv_cqe cqe[2];
	uint16_t status;

	if (w->sh->ms)
		return do_shared(w, at, nlb);
	compare = block_cmd(w, OP_READ, COUNTER, 1, true);
	status = exec(w, &compare);
	if (!check_status(w, "Read of the counter", COUNTER, status, 0, 0))
		return false;
	memcpy(&value, data, 4);
	memcpy(data + DRV_PAGE, data, w->sh->lbs);
	value++;
	memcpy(data + DRV_PAGE, &value, 4);

	compare = rw_cmd(OP_COMPARE, COUNTER, 1, 0);
	compare.dw[0] |= 1 << 8; /* FUSE: first */
	compare.dw[6] = (uint32_t)w->data;
	compare.dw[7] = (uint32_t)(w->data >> 32);
	write = rw_cmd(OP_WRITE, COUNTER, 1, 0);
	write.dw[0] |= 2 << 8; /* FUSE: second */
	write.dw[6] = (uint32_t)(w->data + DRV_PAGE);
	write.dw[7] = (uint32_t)((w->data + DRV_PAGE) >> 32);
	/* both are there when the doorbell is rung */
	sqe = drv_ptr(w->d, w->q.sq_iova + w->q.sq_tail * 64u);
	for (unsigned int i = 0; i < 16; i++)
		sqe[i] = sim_le32(compare.dw[i] | (i ? 0 : 0xfffe0000));
	w->q.sq_tail = (uint16_t)((w->q.sq_tail + 1) % w->q.size);
	drv_submit(w->d, &w->q, &write);
	w->commands += 2;
	for (unsigned int i = 0; i < 2; i++)
		if (!drv_poll(w->d, &w->q, &cqe[i]))
			return bad(w, "a fused command without completion", COUNTER, i, 2);
	status = cqe[0].status & 0x7ff;
	if (!status)
		w->counted++;
	return check_status(w, "fused Compare", COUNTER, status, 0, ST_COMPARE) &&
	       check_status(w, "fused Write", COUNTER, cqe[1].status & 0x7ff,
			    status ? ST_FUSED : 0, 0);
}

static const struct {
	bool (*run)(struct worker *w, uint32_t at, uint32_t nlb);
	unsigned int weight;
} actions[] = {
	{ do_write, 28 },	  { do_read, 28 },   { do_compare, 8 }, { do_verify, 5 },
	{ do_zeroes, 6 },	  { do_dsm, 4 },     { do_uncorrectable, 3 }, { do_copy, 4 },
	{ do_flush, 1 },	  { do_shared, 10 }, { do_count, 3 },
};

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int total = 0;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		total += actions[i].weight;
	while (w->commands < COMMANDS / THREADS) {
		uint32_t nlb = 1 + below(w, MAX_NLB), at = below(w, OWN - nlb + 1);
		unsigned int pick = below(w, total), i = 0;

		while (pick >= actions[i].weight)
			pick -= actions[i++].weight;
		if (!actions[i].run(w, at, nlb))
			return NULL;
	}
	return NULL;
}

/* ---- a run ---------------------------------------------------------------------------------- */

static void run_seed(const struct shape *sh, uint64_t seed)
{
	static _Atomic uint32_t issued[EXTENTS];
	struct worker w[THREADS];
	pthread_t thread[THREADS];
	struct drv_params p;
	struct drv_cmd cmd = { { 0 } };
	uint64_t counted = 0;
	uint32_t value;
	struct drv *d;

	drv_params(&p);
	p.ns.logical_block_size = p.ns.physical_block_size = sh->lbs;
	p.ns.ms = sh->ms;
	p.ns.mset = sh->extended;
	p.ns.pi = sh->pi;
	p.ns.pif = sh->pif;
	p.ns_bytes = (uint64_t)BLOCKS * (sh->lbs + sh->ms);
	d = drv_new(&p);
	drv_enable(d);
	drv_lbafee(d);
	cmd.dw[0] = 0x09; /* Set Features, Error Recovery */
	cmd.dw[1] = 1;
	cmd.dw[10] = 0x05;
	cmd.dw[11] = sh->dulbe ? 1u << 16 : 0;
	assert_int_equal(drv_admin(d, &cmd, 0, 0, NULL), 0);
	memset(w, 0, sizeof(w));
	for (unsigned int i = 0; i < EXTENTS; i++)
		atomic_store(&issued[i], 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .d = d, .sh = sh, .index = i, .lo = i * OWN };
		w[i].rng = (seed + 1) * 0x9e3779b97f4a7c15ull + i * 0xbf58476d1ce4e5b9ull;
		w[i].issued = issued;
		drv_create_queue(d, &w[i].q, (uint16_t)(i + 1), 64);
		w[i].data = drv_alloc(d, MAX_NLB * (sh->lbs + sh->ms) + 2 * DRV_PAGE);
		w[i].md = drv_alloc(d, MAX_NLB * sh->ms + 1);
		w[i].list = drv_alloc(d, DRV_PAGE);
		w[i].expect = malloc(MAX_NLB * (sh->lbs + sh->ms));
		w[i].expect_md = malloc(MAX_NLB * sh->ms + 1);
		assert_non_null(w[i].expect);
		assert_non_null(w[i].expect_md);
	}
	/* the counter is a block of zeroes */
	cmd = rw_cmd(OP_WRITE_ZEROES, COUNTER, 1, sh->pi ? PRACT : 0);
	cmd.dw[14] = COUNTER;
	assert_int_equal(drv_exec(d, &w[0].q, &cmd, NULL), 0);

	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, &w[i]), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 0; i < THREADS; i++) {
		if (w[i].fail[0])
			fail_msg("%s, seed %" PRIu64 ": %s", sh->name, seed, w[i].fail);
		counted += w[i].counted;
	}
	/* nothing changed behind a thread's back, to the end */
	for (unsigned int i = 0; i < THREADS; i++) {
		for (uint32_t at = 0; at < OWN; at += MAX_NLB)
			if (!do_read(&w[i], at, MAX_NLB))
				fail_msg("%s, seed %" PRIu64 ", at the end: %s", sh->name, seed,
					 w[i].fail);
		free(w[i].expect);
		free(w[i].expect_md);
	}
	if (!sh->ms) {
		cmd = block_cmd(&w[0], OP_READ, COUNTER, 1, true);
		assert_int_equal(exec(&w[0], &cmd), 0);
		memcpy(&value, drv_ptr(d, w[0].data), 4);
		assert_int_equal(value, counted);
	}
	drv_free(d);
}

static void test_shape(void **state)
{
	const char *seeds = getenv("NVMESIM_SEEDS"), *first = getenv("NVMESIM_SEED");
	uint64_t from = first ? strtoull(first, NULL, 0) : 1, n = seeds ? strtoull(seeds, NULL, 0) : 1;

	for (uint64_t seed = from; seed < from + n; seed++)
		run_seed(*state, seed);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(shapes) / sizeof(shapes[0])];

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		tests[i] = (struct CMUnitTest){ shapes[i].name, test_shape, NULL, NULL,
						(void *)(uintptr_t)&shapes[i] };
	return cmocka_run_group_tests_name("property", tests, NULL, NULL);
}
