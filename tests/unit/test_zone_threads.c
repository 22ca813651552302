/* SPDX-License-Identifier: MIT */
/*
 * test_zone_threads.c - several threads, each with a queue pair of its own, at the zones of one
 * namespace.
 */
#include <pthread.h>

#include "zonecmd.h"

#define THREADS 4u
#define NLB_MAX 8u
#define ROUNDS	4000u

struct worker {
	struct drv *d;
	struct drv_queue q;
	uint64_t buf;
	unsigned int id, bad;
	uint32_t seed;
};

/* who wrote a block: which thread's how manieth command */
static uint32_t owner[NR_ZONES * ZSZE];

static uint32_t rnd(struct worker *w, uint32_t n)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (w->seed >> 8) % n;
}

static uint16_t issue(struct worker *w, struct drv_cmd cmd, size_t len, uint64_t *result)
{
	struct drv_cqe cqe = { 0 };
	uint16_t status;

	cmd.dw[0] |= 1u << 14; /* an SGL descriptor: no PRP list to be made */
	cmd.dw[6] = (uint32_t)w->buf;
	cmd.dw[7] = (uint32_t)(w->buf >> 32);
	cmd.dw[8] = (uint32_t)len;
	status = drv_exec(w->d, &w->q, &cmd, &cqe);
	if (result)
		*result = cqe.dw0 | (uint64_t)cqe.dw1 << 32;
	return status;
}

static void fill(struct worker *w, uint32_t nlb, uint32_t value)
{
	uint32_t *p = drv_ptr(w->d, w->buf);

	for (uint32_t i = 0; i < nlb * ZLBS / 4; i++)
		p[i] = value;
}

/* to any zone until all are full; no two appends get the same block */
static void *appender(void *arg)
{
	struct worker *w = arg;
	unsigned int full = 0;

	for (uint32_t n = 1; full < 200; n++) {
		const uint32_t nlb = 1 + rnd(w, NLB_MAX), value = w->id << 24 | n;
		const uint64_t zone = rnd(w, NR_ZONES);
		uint64_t alba;
		uint16_t status;

		fill(w, nlb, value);
		status = issue(w, rw_cmd(OP_ZONE_APPEND, zone * ZSZE, nlb, 0), nlb * ZLBS, &alba);
		if (status == ST_FULL || status == ST_BOUNDARY) {
			full++;
			continue;
		}
		full = 0;
		w->bad += status || alba < zone * ZSZE || alba + nlb > zone * ZSZE + ZCAP;
		for (uint32_t i = 0; !w->bad && i < nlb; i++)
			w->bad += __atomic_exchange_n(&owner[alba + i], value, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void run(struct drv *d, void *(*what)(void *), struct worker w[THREADS])
{
	pthread_t t[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .d = d, .id = i, .seed = i * 77777 + 1 };
		drv_create_queue(d, &w[i].q, (uint16_t)(i + 2), 16);
		w[i].buf = drv_alloc(d, NR_ZONES * 64 + 4096);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, what, &w[i]), 0);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(w[i].bad, 0);
}

static void appends(void **state)
{
	struct worker w[THREADS];
	struct drv_params p;
	struct drv *d;
	uint64_t buf;

	zone_params(&p);
	p.ns.zoned.max_open = 3;
	d = zone_start(&p);
	memset(owner, 0, sizeof(owner));
	run(d, appender, w);
	buf = drv_alloc(d, ZLBS);
	for (uint64_t z = 0; z < NR_ZONES; z++) {
		const uint64_t wp = zone_state(d, z) == ZS_FULL ? ZCAP : zone_wp(d, z);

		for (uint64_t i = 0; i < ZCAP; i++) {
			const uint32_t *p32 = drv_ptr(d, buf);

			assert_int_equal(rw(d, OP_READ, z * ZSZE + i, 1, 0, buf, ZLBS), 0);
			assert_int_equal(!owner[z * ZSZE + i], i >= wp);
			assert_int_equal(p32[0], owner[z * ZSZE + i]);
			assert_int_equal(p32[ZLBS / 4 - 1], owner[z * ZSZE + i]);
		}
	}
	drv_free(d);
}

/* anything at all; what comes of it must be a status there is, and zones there can be */
static void *wild(void *arg)
{
	static const uint32_t actions[] = { ZSA_CLOSE, ZSA_FINISH, ZSA_OPEN,   ZSA_OPEN | ZSA_ZRWAA,
					    ZSA_RESET, ZSA_COMMIT, ZSA_SET_EXT };
	struct worker *w = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const uint64_t zone = rnd(w, NR_ZONES);
		struct drv_cmd cmd = rw_cmd(OP_ZONE_SEND, zone * ZSZE, 1, 0);
		uint16_t status;

		switch (rnd(w, 8)) {
		case 0:
			cmd.dw[13] = actions[rnd(w, 7)] | (rnd(w, 64) ? 0 : ZSA_ALL);
			status = issue(w, cmd, 64, NULL);
			break;
		case 1:
			cmd.dw[13] = actions[rnd(w, 7)];
			status = issue(w, cmd, 64, NULL);
			break;
		case 2:
			cmd.dw[0] = OP_ZONE_RECEIVE;
			cmd.dw[12] = NR_ZONES * 16 - 1;
			cmd.dw[13] = rnd(w, 8) << 8 | 1u << 16;
			status = issue(w, cmd, NR_ZONES * 64, NULL);
			break;
		case 3:
			cmd = rw_cmd(OP_WRITE, zone * ZSZE + rnd(w, 20), 1, 0);
			status = issue(w, cmd, ZLBS, NULL);
			break;
		case 4:
			cmd = rw_cmd(OP_READ, zone * ZSZE + rnd(w, 20), 4, 0);
			status = issue(w, cmd, 4 * ZLBS, NULL);
			break;
		default:
			cmd = rw_cmd(OP_ZONE_APPEND, zone * ZSZE, 1 + rnd(w, NLB_MAX), 0);
			status = issue(w, cmd, ((cmd.dw[12] & 0xffff) + 1) * ZLBS, NULL);
			break;
		}
		w->bad += status && status != 0x002 &&
			  (status < ST_OPERATION || status > ST_TRANSITION);
	}
	return NULL;
}

static void anything(void **state)
{
	struct sim_zones_info info;
	struct worker w[THREADS];
	uint32_t active = 0, open = 0, zrwa = 0;
	struct drv_params p;
	struct drv *d;

	zone_params(&p);
	p.ns.zoned.max_active = 7;
	p.ns.zoned.max_open = 3;
	p.ns.zoned.zrwas = 8 * ZLBS;
	p.ns.zoned.zrwafg = 2 * ZLBS;
	p.ns.zoned.numzrwa = 2;
	p.ns.zoned.descr_ext_size = 64;
	d = zone_start(&p);
	run(d, wild, w);
	for (unsigned int z = 0; z < NR_ZONES; z++) {
		const unsigned int st = zone_state(d, z);

		open += st == ZS_IO || st == ZS_EO;
		active += st == ZS_IO || st == ZS_EO || st == ZS_CLOSED;
		zrwa += zone_desc(d, z).za >> 3 & 1;
		if (st == ZS_EMPTY) {
			assert_int_equal(zone_wp(d, z), 0);
			assert_true(zone_holds(d, z * ZSZE, ZCAP, 0));
		}
	}
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.nr_active, active);
	assert_int_equal(info.nr_open, open);
	assert_int_equal(info.nr_zrwa, zrwa);
	assert_true(active <= 7 && open <= 3 && zrwa <= 2);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends),
		cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
