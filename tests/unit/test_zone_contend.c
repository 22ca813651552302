/* SPDX-License-Identifier: MIT */
/*
 * test_zone_contend.c - several threads on the same few zones, with limits
 *
 * Who comes first is not determined, so what must hold in any order is checked: every block of a
 * zone is written by one command only; an append is given the blocks behind the write pointer, one
 * after the other; a write is at the write pointer or refused; resources never exceed the limits; a
 * zone is never in a state that what happened cannot bring it to. A round ends with an account of
 * every block.
 *
 * NVMESIM_SEEDS=N runs N times as many rounds.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "zone_rnd.h"

#define THREADS	 4
#define ROUNDS	 24u
#define COMMANDS 1200u /* of a thread in a round */
#define ZONES	 8u
#define ZSZE	 1000u
#define ZCAP	 900u

static const struct geometry geometries[] = {
	{ .name = "no limits", .lbs = 512, .zones = ZONES, .zsze = ZSZE, .zcap = ZCAP },
	{ .name = "5 active, 3 open",
	  .lbs = 512,
	  .zones = ZONES,
	  .zsze = ZSZE,
	  .zcap = ZCAP,
	  .max_active = 5,
	  .max_open = 3 },
	{ .name = "4 active and open, metadata",
	  .lbs = 512,
	  .ms = 8,
	  .pi = 1,
	  .zones = ZONES,
	  .zsze = ZSZE,
	  .zcap = ZCAP,
	  .max_active = 4,
	  .max_open = 4 },
	{ .name = "2 open, no auto transition",
	  .lbs = 512,
	  .zones = ZONES,
	  .zsze = ZSZE,
	  .zcap = ZCAP,
	  .max_open = 2,
	  .no_auto_transition = true },
};

/* what a block's only writer put there; 0: nobody has */
struct contest {
	_Atomic uint32_t stamp[ZONES * ZSZE];
	atomic_bool finished[ZONES]; /* somebody finished it, or it ran full */
	atomic_bool full[ZONES];     /* it was said to be full: the account wants to know why */
	atomic_bool stop;
};

struct racer {
	struct zworker w;
	struct contest *c;
	unsigned int left;
	uint32_t refused[4]; /* zone is full; invalid write; too many active; too many open */
};

static bool take(struct racer *r, uint64_t lba, uint32_t nlb, uint32_t stamp)
{
	for (uint32_t i = 0; i < nlb; i++) {
		uint32_t none = 0;

		if (lba + i >= (uint64_t)ZONES * ZSZE)
			return zr_bad(&r->w, "an assigned block", lba + i, 0, 0);
		if (!atomic_compare_exchange_strong(&r->c->stamp[lba + i], &none, stamp + i))
			return zr_bad(&r->w, "a block written twice", lba + i, stamp + i, none);
	}
	return true;
}

/* a refusal there was a reason for */
static bool refused(struct racer *r, const char *what, uint64_t z, uint16_t status, uint16_t also)
{
	static const uint16_t known[] = { ZST_FULL, ZST_INVALID_WRITE, ZST_TOO_MANY_ACTIVE,
					  ZST_TOO_MANY_OPEN };
	const struct geometry *g = r->w.g;

	status &= 0x7ff;
	for (unsigned int i = 0; i < 4; i++)
		if (status == known[i])
			r->refused[i]++;
	if (status == ZST_FULL) { /* who filled it may have yet to say so */
		atomic_store(&r->c->full[z], true);
		return true;
	}
	if (status == ZST_TOO_MANY_ACTIVE && g->max_active)
		return true;
	if (status == ZST_TOO_MANY_OPEN && g->max_open && g->max_open != g->max_active)
		return true;
	if (status == ZST_BOUNDARY || (also && status == also))
		return true;
	return zr_bad(&r->w, what, z * ZSZE, status, 0);
}

static bool race_append(struct racer *r, uint64_t z)
{
	const uint32_t nlb = 1 + zr_below(&r->w, 8), stamp = zr_stamp(&r->w, nlb);
	struct drv_cmd cmd = zr_cmd(&r->w, OP_ZONE_APPEND, z * ZSZE, nlb, true);
	uint16_t status = zr_exec(&r->w, &cmd);

	if (status)
		return refused(r, "Zone Append", z, status, 0);
	if (r->w.result < z * ZSZE || r->w.result + nlb > z * ZSZE + ZCAP)
		return zr_bad(&r->w, "the assigned block", z * ZSZE, r->w.result, 0);
	if (r->w.result + nlb == z * ZSZE + ZCAP)
		atomic_store(&r->c->finished[z], true);
	return take(r, r->w.result, nlb, stamp);
}

static struct zone_desc look(struct racer *r, uint64_t z)
{
	zr_receive(&r->w, z * ZSZE, 128, ZRA_PARTIAL);
	return zone_desc(drv_ptr(r->w.d, r->w.report), 0, 0);
}

/* at where the write pointer was a moment ago */
static bool race_write(struct racer *r, uint64_t z)
{
	static const uint8_t op[] = { OP_WRITE, OP_WRITE, OP_WRITE_ZEROES };
	const uint8_t opcode = op[zr_below(&r->w, 3)];
	const struct zone_desc d = look(r, z);
	const uint32_t nlb = 1 + zr_below(&r->w, 8), stamp = zr_stamp(&r->w, nlb);
	struct drv_cmd cmd;
	uint16_t status;

	if (d.wp == ZWP_NONE)
		return true;
	cmd = zr_cmd(&r->w, opcode, d.wp, nlb, opcode == OP_WRITE);
	status = zr_exec(&r->w, &cmd);
	if (status)
		return refused(r, "Write", z, status, ZST_INVALID_WRITE);
	if (d.wp + nlb == z * ZSZE + ZCAP)
		atomic_store(&r->c->finished[z], true);
	/* zeroes: nobody's stamp, but taken */
	if (opcode == OP_WRITE_ZEROES) {
		for (uint32_t i = 0; i < nlb; i++)
			if (!take(r, d.wp + i, 1, UINT32_MAX))
				return false;
		return true;
	}
	return take(r, d.wp, nlb, stamp);
}

static bool race_send(struct racer *r, uint64_t z)
{
	static const uint8_t zsa[] = { ZSA_OPEN, ZSA_CLOSE, ZSA_CLOSE };
	const uint8_t action = zr_below(&r->w, 300) ? zsa[zr_below(&r->w, 3)] : ZSA_FINISH;
	struct drv_cmd cmd = zone_send_cmd(z * ZSZE, action);
	uint16_t status;

	if (action == ZSA_FINISH)
		atomic_store(&r->c->finished[z], true);
	status = zr_exec(&r->w, &cmd);
	if (!status)
		return true;
	/* Close: it is Empty or Full; Open: it is Full */
	return refused(r, "Zone Management Send", z, status, ZST_TRANSITION);
}

static bool race_all(struct racer *r)
{
	const uint8_t action = zr_below(&r->w, 2) ? ZSA_CLOSE : ZSA_OPEN;
	struct drv_cmd cmd = zone_send_cmd(0, action | (uint32_t)ZSA_ALL);
	uint16_t status = zr_exec(&r->w, &cmd);

	return !status || refused(r, "Zone Management Send to all", 0, status, 0);
}

/* the limits hold at any moment, and reports are of zones as they can be */
static bool race_look(struct racer *r)
{
	const struct geometry *g = r->w.g;
	struct sim_zones_info info;
	uint64_t z = zr_below(&r->w, ZONES);
	struct zone_desc d = look(r, z);

	if (sim_zones_info(r->w.d->subsys, 1, &info))
		return zr_bad(&r->w, "sim_zones_info", 0, 1, 0);
	if (g->max_active && info.nr_active > g->max_active)
		return zr_bad(&r->w, "active zones", 0, info.nr_active, g->max_active);
	if (g->max_open && info.nr_open > g->max_open)
		return zr_bad(&r->w, "open zones", 0, info.nr_open, g->max_open);
	if (d.state == ZS_FULL) {
		atomic_store(&r->c->full[z], true);
		return zr_same(&r->w, "a full zone's pointer", z * ZSZE, d.wp, ZWP_NONE);
	}
	if (d.state < ZS_EMPTY || d.state > ZS_CLOSED)
		return zr_bad(&r->w, "a state", z * ZSZE, d.state, 0);
	if (d.wp < z * ZSZE || d.wp >= z * ZSZE + ZCAP)
		return zr_bad(&r->w, "a write pointer", z * ZSZE, d.wp, 0);
	if (d.state == ZS_EMPTY && d.wp != z * ZSZE)
		return zr_bad(&r->w, "an empty zone's pointer", z * ZSZE, d.wp, z * ZSZE);
	return true;
}

/* what is below a write pointer that a report gave, can be read: it is there, and stays */
static bool race_read(struct racer *r, uint64_t z)
{
	const struct zone_desc d = look(r, z);
	struct drv_cmd cmd;
	uint32_t got, nlb;

	if (d.wp == ZWP_NONE || d.wp == z * ZSZE)
		return true;
	nlb = 1 + zr_below(&r->w, 4);
	if (nlb > d.wp - z * ZSZE)
		nlb = (uint32_t)(d.wp - z * ZSZE);
	cmd = zr_cmd(&r->w, OP_READ, d.wp - nlb, nlb, true);
	if (!zr_same(&r->w, "Read", d.wp - nlb, zr_exec(&r->w, &cmd), 0))
		return false;
	for (uint32_t i = 0; i < nlb; i++) {
		uint32_t want = atomic_load(&r->c->stamp[d.wp - nlb + i]);

		memcpy(&got, (uint8_t *)drv_ptr(r->w.d, r->w.data) + i * zr_stride(r->w.g), 4);
		/* 0: its writer has yet to say so */
		if (want && want != UINT32_MAX && got != want)
			return zr_bad(&r->w, "data", d.wp - nlb + i, got, want);
	}
	return true;
}

static void *race(void *arg)
{
	struct racer *r = arg;
	bool ok = true;

	for (; r->left && ok && !atomic_load(&r->c->stop); r->left--) {
		uint64_t z = zr_below(&r->w, ZONES);
		uint32_t what = zr_below(&r->w, 100);

		ok = what < 45	 ? race_append(r, z)
		     : what < 65 ? race_write(r, z)
		     : what < 85 ? race_send(r, z)
		     : what < 87 ? race_all(r)
		     : what < 94 ? race_look(r)
				 : race_read(r, z);
	}
	if (!ok)
		atomic_store(&r->c->stop, true);
	return NULL;
}

/* ---- the account ---------------------------------------------------------------------------- */

static bool account(struct racer *r)
{
	struct zworker *w = &r->w;
	uint32_t active = 0, open = 0, got;
	struct sim_zones_info info;

	for (uint64_t z = 0; z < ZONES; z++) {
		const struct zone_desc d = look(r, z);
		uint64_t lba = z * ZSZE;
		struct drv_cmd cmd;

		active += d.state == ZS_IMPLICIT || d.state == ZS_EXPLICIT || d.state == ZS_CLOSED;
		open += d.state == ZS_IMPLICIT || d.state == ZS_EXPLICIT;
		/* written without a gap, up to the write pointer */
		for (; lba < z * ZSZE + ZSZE && atomic_load(&r->c->stamp[lba]); lba++) {
			uint32_t stamp = atomic_load(&r->c->stamp[lba]);

			zr_pattern(w->expect, w->g->lbs, stamp == UINT32_MAX ? 0 : stamp, 0);
			cmd = zr_cmd(w, OP_READ, lba, 1, true);
			if (!zr_same(w, "Read", lba, zr_exec(w, &cmd), 0))
				return false;
			if (memcmp(drv_ptr(w->d, w->data), w->expect, w->g->lbs))
				return zr_bad(w, "data", lba, *(uint32_t *)drv_ptr(w->d, w->data),
					      stamp);
		}
		if (d.wp != ZWP_NONE && !zr_same(w, "the write pointer", lba, d.wp, lba))
			return false;
		if (d.state == ZS_EMPTY && lba != z * ZSZE)
			return zr_bad(w, "an empty zone with data", lba, lba, z * ZSZE);
		if (atomic_load(&r->c->full[z]) && d.state != ZS_FULL)
			return zr_bad(w, "a zone that was full", lba, d.state, ZS_FULL);
		if (d.wp == ZWP_NONE && (d.state != ZS_FULL || !atomic_load(&r->c->finished[z])))
			return zr_bad(w, "a state", lba, d.state, ZS_FULL);
		if (lba == z * ZSZE + ZCAP && d.state != ZS_FULL)
			return zr_bad(w, "a zone that is full", lba, d.state, ZS_FULL);
		for (; lba < z * ZSZE + ZSZE; lba++) {
			if (atomic_load(&r->c->stamp[lba]))
				return zr_bad(w, "a gap before a block", lba, 1, 0);
			if (lba % 16)
				continue;
			cmd = zr_cmd(w, OP_READ, lba, 1, true);
			memset(drv_ptr(w->d, w->data), 0xee, 4);
			if (!zr_same(w, "Read", lba, zr_exec(w, &cmd), 0))
				return false;
			memcpy(&got, drv_ptr(w->d, w->data), 4);
			if (!zr_same(w, "an unwritten block", lba, got, 0))
				return false;
		}
	}
	assert_int_equal(sim_zones_info(w->d->subsys, 1, &info), 0);
	return zr_same(w, "active zones", 0, info.nr_active, active) &&
	       zr_same(w, "open zones", 0, info.nr_open, open);
}

static void check_fail(struct racer *r, const char *name, unsigned int round)
{
	if (r->w.fail[0])
		fail_msg("%s, round %u: %s", name, round, r->w.fail);
}

static void test_contend(void **state)
{
	const struct geometry *g = *state;
	const char *seeds = getenv("NVMESIM_SEEDS");
	unsigned int rounds = ROUNDS * (seeds ? (unsigned int)strtoul(seeds, NULL, 0) : 1);
	struct contest *c = calloc(1, sizeof(*c));
	struct racer r[THREADS] = { 0 };
	pthread_t thread[THREADS];
	struct drv_params p;
	struct zm *m = zr_model(g);
	struct drv *d;
	uint32_t refusals[4] = { 0 };

	assert_non_null(c);
	assert_non_null(m);
	zr_params(g, &p);
	d = drv_new(&p);
	zone_start(d);
	for (unsigned int i = 0; i < THREADS; i++) {
		zr_init(&r[i].w, d, g, m, i, 1);
		r[i].c = c;
	}
	for (unsigned int round = 0; round < rounds; round++) {
		struct drv_cmd cmd = zone_send_cmd(0, ZSA_RESET | (uint32_t)ZSA_ALL);

		assert_int_equal(zr_exec(&r[0].w, &cmd), 0);
		for (unsigned int i = 0; i < ZONES * ZSZE; i++)
			atomic_store(&c->stamp[i], 0);
		for (unsigned int i = 0; i < ZONES; i++) {
			atomic_store(&c->finished[i], false);
			atomic_store(&c->full[i], false);
		}
		for (unsigned int i = 0; i < THREADS; i++) {
			r[i].left = COMMANDS;
			assert_int_equal(pthread_create(&thread[i], NULL, race, &r[i]), 0);
		}
		for (unsigned int i = 0; i < THREADS; i++)
			pthread_join(thread[i], NULL);
		for (unsigned int i = 0; i < THREADS; i++)
			check_fail(&r[i], g->name, round);
		account(&r[0]);
		check_fail(&r[0], g->name, round);
	}
	/* it was contended: what is to be refused was */
	for (unsigned int i = 0; i < THREADS; i++) {
		for (unsigned int k = 0; k < 4; k++)
			refusals[k] += r[i].refused[k];
		zr_done(&r[i].w);
	}
	assert_true(refusals[0]);
	assert_true(!g->max_active || refusals[2]);
	assert_true(!g->max_open || g->max_open == g->max_active || refusals[3]);
	drv_free(d);
	zm_free(m);
	free(c);
}

int main(void)
{
	enum { N = sizeof(geometries) / sizeof(geometries[0]) };
	struct CMUnitTest tests[N];

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){ geometries[i].name, test_contend, NULL, NULL,
						(void *)(uintptr_t)&geometries[i] };
	return cmocka_run_group_tests_name("zone_contend", tests, NULL, NULL);
}
