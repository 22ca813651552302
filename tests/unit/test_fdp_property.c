/* SPDX-License-Identifier: MIT */
/*
 * test_fdp_property.c - random writes, deallocations, copies and updates from several threads, with
 * restarts in between: what always holds of reclaim units, their logs and statistics.
 *
 * Each thread has a stretch of blocks of its own and knows which of them are written. The others'
 * blocks it shares handles, reclaim units, pages of the map and the collector with.
 */
#include <pthread.h>
#include <stdio.h>

#include "fdp_fx.h"
#include "fdp_check.h"

#define THREADS	 4
#define OWN	 1024u /* blocks of a thread: as many as a page of the map has */
#define FIRST	 512u  /* so its stretch is half of one and half of the next */
#define COMMANDS 6000u
#define LIVES	 3
#define NRG	 2u
#define NRUH	 3u

struct worker {
	struct drv *d;
	struct drv_queue q;
	uint64_t buf, list, lo;
	bool written[OWN];
	uint64_t rng, blocks; /* written in all */
	unsigned int index, quiet;
	bool closes; /* units, all the time */
	const char *fail;
	pthread_t thread;
};

static uint32_t below(struct worker *w, uint32_t n)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (uint32_t)(w->rng >> 20) % n;
}

static void mark(struct worker *w, uint32_t at, uint32_t n, bool written)
{
	for (uint32_t i = 0; i < n; i++)
		w->written[at + i] = written;
	w->blocks += written ? n : 0;
}

/* the data pointer of @pages pages; drv_prps() would allocate, which is for one thread */
static void prps(struct worker *w, struct drv_cmd *cmd, uint32_t pages)
{
	uint64_t *list = drv_ptr(w->d, w->list), second = pages > 2 ? w->list : w->buf + 4096;

	for (uint32_t i = 1; i < pages; i++)
		list[i - 1] = w->buf + i * 4096;
	cmd->dw[6] = (uint32_t)w->buf;
	cmd->dw[7] = (uint32_t)(w->buf >> 32);
	cmd->dw[8] = (uint32_t)second;
	cmd->dw[9] = (uint32_t)(second >> 32);
}

static void write_some(struct worker *w, uint8_t op, uint32_t flags)
{
	uint32_t n = 1 + below(w, 16), at = below(w, OWN - n);
	struct drv_cmd cmd = { { op, 1 } };

	cmd.dw[10] = (uint32_t)(w->lo + at);
	cmd.dw[12] = (n - 1) | flags;
	if (below(w, 8)) {
		/* now and then one that is not valid: the write happens all the same */
		cmd.dw[12] |= 2u << 20;
		cmd.dw[13] = below(w, NRG) << 31 | below(w, NRUH + 1) << 16;
	}
	if (op == OP_WRITE)
		prps(w, &cmd, n);
	if (drv_exec(w->d, &w->q, &cmd, NULL))
		w->fail = "a write";
	mark(w, at, n, !(flags & 1u << 25));
}

static void trim_at(struct worker *w, uint32_t at, uint32_t n)
{
	struct drv_cmd cmd = { { OP_DSM, 1 } };
	uint32_t *range = drv_ptr(w->d, w->buf);

	range[0] = 0;
	range[1] = n;
	range[2] = (uint32_t)(w->lo + at);
	range[3] = 0;
	cmd.dw[11] = 4;
	prps(w, &cmd, 1);
	if (drv_exec(w->d, &w->q, &cmd, NULL))
		w->fail = "a deallocation";
	mark(w, at, n, false);
}

static void trim_some(struct worker *w)
{
	uint32_t n = 1 + below(w, 64), at = below(w, OWN - n);

	trim_at(w, at, n);
}

/* nothing of its own is written, for a while: pages of the map have no block in a unit then */
static void trim_all(struct worker *w)
{
	w->quiet = 60;
	for (uint32_t i = 0; i < 40; i++)
		trim_some(w);
	for (uint32_t at = 0; at < OWN; at += 64)
		trim_at(w, at, 64);
}

static void copy_some(struct worker *w)
{
	uint32_t n = 1 + below(w, 16), from = below(w, OWN / 2 - n),
		 at = OWN / 2 + below(w, OWN / 2 - n);
	struct drv_cmd cmd = { { OP_COPY, 1 } };
	uint8_t *p = drv_ptr(w->d, w->buf);
	uint64_t slba = w->lo + from;

	memset(p, 0, 32);
	memcpy(p + 8, &slba, 8);
	p[16] = (uint8_t)(n - 1);
	cmd.dw[10] = (uint32_t)(w->lo + at);
	cmd.dw[12] = 2u << 20;
	cmd.dw[13] = below(w, NRUH) << 16;
	prps(w, &cmd, 1);
	if (drv_exec(w->d, &w->q, &cmd, NULL))
		w->fail = "a copy";
	mark(w, at, n, true);
}

static void update_some(struct worker *w)
{
	uint16_t *pid = drv_ptr(w->d, w->buf);
	struct drv_cmd cmd = { { OP_IO_SEND, 1 } };

	pid[0] = (uint16_t)(below(w, NRG) << 15 | below(w, NRUH));
	pid[1] = (uint16_t)(below(w, NRG) << 15 | below(w, NRUH));
	cmd.dw[10] = 1u << 16 | 1;
	prps(w, &cmd, 1);
	if (drv_exec(w->d, &w->q, &cmd, NULL))
		w->fail = "an update";
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; i < COMMANDS && !w->fail; i++) {
		uint32_t what = below(w, 100);

		if (w->closes && !below(w, 4))
			update_some(w);
		else if (w->quiet && w->quiet--)
			trim_some(w);
		else if (what < 80)
			write_some(w, OP_WRITE, 0);
		else if (what < 85)
			write_some(w, OP_WRITE_ZEROES, 0);
		else if (what < 88)
			write_some(w, OP_WRITE_ZEROES, 1u << 25);
		else if (what < 94)
			trim_some(w);
		else if (what < 99)
			copy_some(w);
		else if (below(w, 3))
			update_some(w);
		else
			trim_all(w);
	}
	return NULL;
}

/* what must hold whenever no command is executing */
static void check(struct ffx *x, const struct worker *w)
{
	struct sim_fdp_info info;
	struct sim_fdp_ruh ruh[NRUH * NRG];
	struct sim_fdp_ru *ru;
	uint64_t blocks = 0, mapped = 0, valid = 0, written = 0, nr_free = 0, hosted = 0;
	struct ffx_stats s = ffx_stats(x);

	for (unsigned int t = 0; t < THREADS; t++) {
		blocks += w[t].blocks;
		for (uint32_t i = 0; i < OWN; i++)
			mapped += w[t].written[i];
	}
	assert_int_equal(sim_fdp_info(x->d->subsys, &info), 0);
	assert_int_equal(s.hbmw, blocks * 4096);
	assert_int_equal(s.mbmw, s.hbmw + info.moved);
	assert_int_equal(info.hbmw, s.hbmw);
	assert_int_equal(s.mbe % info.runs, 0);
	ru = calloc(info.nr_ru, sizeof(*ru));
	assert_int_equal(sim_fdp_rus(x->d->subsys, 0, info.nr_ru, ru), info.nr_ru);
	for (uint64_t i = 0; i < info.nr_ru; i++) {
		assert_true(ru[i].valid <= ru[i].written && ru[i].written <= info.runs);
		assert_true(ru[i].state || !ru[i].written);
		assert_int_equal(ru[i].rg, i % NRG);
		valid += ru[i].valid;
		written += ru[i].written;
		nr_free += !ru[i].state;
	}
	assert_int_equal(valid, mapped * 4096);
	assert_int_equal(nr_free, info.nr_free);
	/* what was written is in units still, or has been erased; those were not all full */
	assert_true(s.mbmw >= written && s.mbmw - written <= s.mbe);
	for (unsigned int rg = 0; rg < NRG; rg++) {
		uint64_t left = 0;

		for (uint64_t i = rg; i < info.nr_ru; i += NRG)
			left += !ru[i].state;
		assert_true(left);
	}
	assert_int_equal(sim_fdp_ruhs(x->d->subsys, 0, NRUH * NRG, ruh), NRUH * NRG);
	for (unsigned int i = 0; i < NRUH * NRG; i++) {
		hosted += ruh[i].hosted;
		assert_true(ruh[i].ruamw <= info.runs && ruh[i].ruamw);
	}
	assert_int_equal(hosted, s.hbmw);
	assert_int_equal(fdp_check(x->d->subsys).live, mapped);
	free(ru);
}

/* Return: bytes that were moved so far */
static uint64_t live(struct ffx *x, struct worker *w, bool again, bool short_logs)
{
	struct sim_fdp_info info;

	ffx_up(x);
	if (again)
		check(x, w); /* as the life before left it */
	for (unsigned int t = 0; t < THREADS; t++) {
		w[t].d = x->d;
		w[t].buf = drv_alloc(x->d, 64 * KIB);
		w[t].list = drv_alloc(x->d, 4096);
		drv_create_queue(x->d, &w[t].q, (uint16_t)(t + 2), 16);
	}
	for (unsigned int t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&w[t].thread, NULL, work, &w[t]), 0);
	for (unsigned int t = 0; t < THREADS; t++) {
		pthread_join(w[t].thread, NULL);
		if (w[t].fail)
			fail_msg("thread %u: %s failed", t, w[t].fail);
	}
	check(x, w);
	if (short_logs) /* fewer entries than were made, without a unit having been collected */
		assert_true((uint64_t)fdp_taken(x->d->subsys->fdp)
				    << x->d->subsys->fdp->pool[0].shift >
			    3 * fdp_used(x->d->subsys->fdp));
	assert_int_equal(sim_fdp_info(x->d->subsys, &info), 0);
	ffx_down(x);
	return info.moved;
}

static void run(bool persistent, enum sim_fdp_victim victim, uint32_t op, bool closes)
{
	struct worker *w = calloc(THREADS, sizeof(*w));
	uint64_t moved = 0;
	struct ffx x;

	ffx_params(&x);
	x.p.ns_bytes = (THREADS * OWN + 2 * FIRST) * 4096;
	x.p.ns.mssrl = x.p.ns.mcl = 128;
	x.p.ns.msrc = 127;
	x.p.fdp.nrg = NRG;
	x.p.fdp.nruh = NRUH;
	x.p.fdp.persistent = persistent;
	x.p.fdp.victim = victim;
	x.p.fdp.op = op;
	x.p.ns.ruhs = (struct sim_ruhs){ .nr = 3, .ruhid = { 0, 1, 2 } };
	for (unsigned int t = 0; t < THREADS; t++)
		w[t] = (struct worker){ .lo = FIRST + t * OWN,
					.index = t,
					.closes = closes,
					.rng = 0x9e3779b97f4a7c15 * (t + 1) };
	for (unsigned int i = 0; i < LIVES; i++)
		moved = live(&x, w, i, op > 10);
	/* where many units are free, what is in few of them is moved if it is in too many */
	assert_int_equal(moved > 0, closes || op == 10);
	store_free(x.p.ns.store);
	memj_free(&x.j);
	free(w);
}

static void test_initially(void **state)
{
	run(false, SIM_FDP_GREEDY, 10, false);
}

static void test_persistently(void **state)
{
	run(true, SIM_FDP_GREEDY, 10, false);
}

static void test_cost_benefit(void **state)
{
	run(true, SIM_FDP_COST_BENEFIT, 10, false);
}

/* units fill slowly, and logs are made shorter all the time */
static void test_short_logs(void **state)
{
	run(false, SIM_FDP_GREEDY, 300, false);
	run(true, SIM_FDP_GREEDY, 300, false);
}

/* units that hold a few blocks each: what is in them goes to others, while most units are free */
static void test_sparse_units(void **state)
{
	run(false, SIM_FDP_GREEDY, 1000, true);
	run(true, SIM_FDP_GREEDY, 1000, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initially),    cmocka_unit_test(test_persistently),
		cmocka_unit_test(test_cost_benefit), cmocka_unit_test(test_short_logs),
		cmocka_unit_test(test_sparse_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
