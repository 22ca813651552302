/* SPDX-License-Identifier: MIT */
/*
 * test_zone_model.c - random zone commands against the model of a zoned namespace
 *
 * Where there are no limits, zones know nothing of each other: several threads have zones of their
 * own, and everything about them is determined. Where there are, one thread has the whole
 * namespace, Select All and all. Every status, assigned address, byte, descriptor and extension is
 * compared. What several threads do to the same zones, and how they fight for resources, is
 * test_zone_contend.c's.
 *
 * A run is 1,000,000 commands. NVMESIM_SEEDS=N runs N seeds instead of one; NVMESIM_SEED=S begins
 * at S. A failure names its seed.
 */
#include <pthread.h>

#include "zone_step.h"

#define COMMANDS 111112u /* of each geometry: nine make a million */
#define THREADS	 4

static const struct geometry shared[] = {
	{ .name = "96 blocks, 75 of them", .lbs = 512, .zones = 32, .zsze = 96, .zcap = 75 },
	{ .name = "4096+64 extended, extensions",
	  .lbs = 4096,
	  .ms = 64,
	  .extended = true,
	  .zones = 24,
	  .zsze = 50,
	  .zcap = 50,
	  .zdes = 64 },
	{ .name = "512+8 separate, a zone of 5 blocks",
	  .lbs = 512,
	  .ms = 8,
	  .zones = 64,
	  .zsze = 7,
	  .zcap = 5,
	  .zdes = 128 },
	{ .name = "512+8, type 1, 16-bit guard",
	  .lbs = 512,
	  .ms = 8,
	  .pi = 1,
	  .zones = 32,
	  .zsze = 33,
	  .zcap = 31 },
	{ .name = "4096+16, type 2, 64-bit guard",
	  .lbs = 4096,
	  .ms = 16,
	  .pi = 2,
	  .pif = 2,
	  .zones = 16,
	  .zsze = 40,
	  .zcap = 37,
	  .zdes = 64 },
	{ .name = "ZRWA of 16, 4 at a time",
	  .lbs = 512,
	  .zones = 32,
	  .zsze = 100,
	  .zcap = 90,
	  .zdes = 64,
	  .zrwas = 16,
	  .zrwafg = 4 },
};

static const struct geometry alone[] = {
	{ .name = "5 active, 3 open",
	  .lbs = 512,
	  .zones = 12,
	  .zsze = 25,
	  .zcap = 21,
	  .zdes = 64,
	  .max_active = 5,
	  .max_open = 3,
	  .cross_read = true },
	{ .name = "4 active, no auto transition",
	  .lbs = 512,
	  .ms = 8,
	  .zones = 9,
	  .zsze = 30,
	  .zcap = 30,
	  .max_active = 4,
	  .no_auto_transition = true },
	{ .name = "6 active, 4 open, 2 ZRWA",
	  .lbs = 512,
	  .zones = 11,
	  .zsze = 70,
	  .zcap = 64,
	  .zdes = 64,
	  .max_active = 6,
	  .max_open = 4,
	  .numzrwa = 2,
	  .zrwas = 12,
	  .zrwafg = 3 },
};

/* ---- several threads, no limits ------------------------------------------------------------- */

static void *work(void *arg)
{
	struct zworker *w = arg;

	while (w->commands < COMMANDS / THREADS) {
		uint64_t z = zs_pick_zone(w, true);

		if (!zs_step(w, z, true) || (zr_below(w, 2) && !zr_check_zone(w, z)))
			break;
	}
	return NULL;
}

static void finish(struct zworker *w, const char *name, uint64_t seed)
{
	/* what the model has is what there is, to the last block */
	if (!w->fail[0] && zr_check_report(w, 0, 0))
		for (uint64_t lba = 0; lba < (uint64_t)w->g->zones * w->g->zsze; lba++)
			if (!zr_read(w, lba, 1))
				break;
	if (w->fail[0])
		fail_msg("%s, seed %" PRIu64 ": %s", name, seed, w->fail);
}

static void run_shared(const struct geometry *g, uint64_t seed)
{
	struct zworker w[THREADS];
	pthread_t thread[THREADS];
	struct drv_params p;
	struct zm *m = zr_model(g);
	struct drv *d;

	assert_non_null(m);
	zr_params(g, &p);
	d = drv_new(&p);
	zone_start(d);
	drv_lbafee(d);
	for (unsigned int i = 0; i < THREADS; i++)
		zr_init(&w[i], d, g, m, i, seed);
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, &w[i]), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 0; i < THREADS; i++) {
		finish(&w[i], g->name, seed);
		zr_done(&w[i]);
	}
	drv_free(d);
	zm_free(m);
}

/* ---- one thread, limits --------------------------------------------------------------------- */

static void run_alone(const struct geometry *g, uint64_t seed)
{
	static const uint8_t option[] = { 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 9 };
	struct zworker w;
	struct drv_params p;
	struct zm *m = zr_model(g);
	struct drv *d;

	assert_non_null(m);
	zr_params(g, &p);
	d = drv_new(&p);
	zone_start(d);
	zr_init(&w, d, g, m, 0, seed);
	while (w.commands < COMMANDS && !w.fail[0]) {
		bool ok = zr_below(&w, 60) ? zs_step(&w, zs_pick_zone(&w, false), false)
					   : zs_select_all(&w);

		if (ok && zs_settle(&w) && zs_check_info(&w) && zr_below(&w, 2))
			zr_check_report(&w, zr_below(&w, g->zones),
					option[zr_below(&w, sizeof(option))]);
		w.m.owed = 0;
	}
	finish(&w, g->name, seed);
	zr_done(&w);
	drv_free(d);
	zm_free(m);
}

/* ---- a run ---------------------------------------------------------------------------------- */

static void seeds(uint64_t *from, uint64_t *n)
{
	const char *number = getenv("NVMESIM_SEEDS"), *first = getenv("NVMESIM_SEED");

	*from = first ? strtoull(first, NULL, 0) : 1;
	*n = number ? strtoull(number, NULL, 0) : 1;
}

static void test_shared(void **state)
{
	uint64_t from, n;

	seeds(&from, &n);
	for (uint64_t seed = from; seed < from + n; seed++)
		run_shared(*state, seed);
}

static void test_alone(void **state)
{
	uint64_t from, n;

	seeds(&from, &n);
	for (uint64_t seed = from; seed < from + n; seed++)
		run_alone(*state, seed);
}

int main(void)
{
	enum {
		NR_SHARED = sizeof(shared) / sizeof(shared[0]),
		NR_ALONE = sizeof(alone) / sizeof(alone[0])
	};
	struct CMUnitTest tests[NR_SHARED + NR_ALONE];

	for (size_t i = 0; i < NR_SHARED; i++)
		tests[i] = (struct CMUnitTest){ shared[i].name, test_shared, NULL, NULL,
						(void *)(uintptr_t)&shared[i] };
	for (size_t i = 0; i < NR_ALONE; i++)
		tests[NR_SHARED + i] = (struct CMUnitTest){ alone[i].name, test_alone, NULL, NULL,
							    (void *)(uintptr_t)&alone[i] };
	return cmocka_run_group_tests_name("zone_model", tests, NULL, NULL);
}
