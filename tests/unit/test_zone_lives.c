/* SPDX-License-Identifier: MIT */
/*
 * test_zone_lives.c - zones after the process has gone, at rest: ZNS Command Set
 * Specification 1.1, section 2.1.1.3 (the initial state of a zone), and what the configuration may
 * not change.
 */
#include "mem_journal.h"
#include "zone_step.h"
#include "../../store/store.h"

#define LIVES	 12u
#define COMMANDS 1500u /* in a life */

static const struct geometry geometries[] = {
	{ .name = "extensions", .lbs = 512, .zones = 16, .zsze = 30, .zcap = 27, .zdes = 128 },
	{ .name = "limits",
	  .lbs = 4096,
	  .zones = 12,
	  .zsze = 20,
	  .zcap = 20,
	  .zdes = 64,
	  .max_active = 6,
	  .max_open = 3 },
	{ .name = "metadata", .lbs = 512, .ms = 16, .zones = 10, .zsze = 33, .zcap = 31 },
	{ .name = "random write areas",
	  .lbs = 512,
	  .zones = 12,
	  .zsze = 70,
	  .zcap = 64,
	  .zdes = 64,
	  .max_active = 6,
	  .max_open = 4,
	  .numzrwa = 2,
	  .zrwas = 12,
	  .zrwafg = 3 },
	{ .name = "type 1", .lbs = 512, .ms = 8, .pi = 1, .zones = 10, .zsze = 33, .zcap = 31 },
};

struct life {
	const struct geometry *g;
	struct mem_journal j;
	struct sim_store *st;
	struct drv *d;
	struct zworker w;
};

static void begin(struct life *l, struct zm *m, uint64_t seed)
{
	struct drv_params p;

	zr_params(l->g, &p);
	if (!l->st) {
		struct sim_msg msg;

		l->st = store_ram_new(p.ns_bytes, &msg);
		assert_non_null(l->st);
	}
	p.ns.store = l->st;
	p.journal = memj_port(&l->j);
	l->d = drv_new(&p);
	zone_start(l->d);
	zr_init(&l->w, l->d, l->g, m, 0, seed);
}

static void end(struct life *l)
{
	zr_done(&l->w);
	drv_free(l->d);
}

static void check_all(struct life *l)
{
	struct zworker *w = &l->w;

	for (uint64_t z = 0; z < l->g->zones; z += 5)
		zr_check_report(w, z, 0);
	for (uint64_t lba = 0; lba < (uint64_t)l->g->zones * l->g->zsze; lba++)
		zr_read(w, lba, 1);
	zs_check_info(w);
}

/* a life of commands, the end, a restart; all is as it was, but open zones are Closed or Empty */
static void test_lives(void **state)
{
	struct life l = { .g = *state };
	struct zm *m = zr_model(l.g);

	for (unsigned int life = 0; life < LIVES; life++) {
		begin(&l, m, life);
		check_all(&l);
		while (l.w.commands < COMMANDS && !l.w.fail[0]) {
			if (zr_below(&l.w, 100))
				zs_step(&l.w, zs_pick_zone(&l.w, false), false);
			else
				zs_select_all(&l.w);
			zs_settle(&l.w);
		}
		if (l.w.fail[0])
			fail_msg("%s, life %u: %s", l.g->name, life, l.w.fail);
		end(&l);
		zm_restart(m);
	}
	store_free(l.st);
	memj_free(&l.j);
	zm_free(m);
}

/* ---- what the configuration may not change -------------------------------------------------- */

static const struct geometry as_made = {
	.name = "as made", .lbs = 512, .zones = 8, .zsze = 24, .zcap = 20, .zdes = 64
};

static int64_t add_again(struct life *l, const struct geometry *g, struct sim_msg *msg)
{
	const uint64_t bytes = (uint64_t)as_made.zones * as_made.zsze * as_made.lbs;
	struct drv_params p, none;
	int64_t nsid;

	drv_params(&none);
	none.ns_bytes = 0;
	none.journal = memj_port(&l->j);
	zr_params(g, &p);
	assert_int_equal(l->st->size, bytes);
	p.ns.store = l->st;
	l->d = drv_new(&none);
	nsid = sim_ns_add(l->d->subsys, NULL, &p.ns, msg);
	drv_free(l->d);
	return nsid;
}

/* other zones, or none, are a sentence, and harm nothing; other limits are what they are */
static void test_changed(void **state)
{
	static const struct {
		struct geometry g;
		bool refused;
	} rows[] = {
		{ { .lbs = 512, .zones = 8, .zsze = 25, .zcap = 20, .zdes = 64 }, true },
		{ { .lbs = 512, .zones = 8, .zsze = 12, .zcap = 12, .zdes = 64 }, true },
		{ { .lbs = 512, .zones = 8, .zsze = 24, .zcap = 19, .zdes = 64 }, true },
		{ { .lbs = 512, .zones = 8, .zsze = 24, .zcap = 21, .zdes = 64 }, true },
		{ { .lbs = 512, .zones = 8, .zsze = 24, .zcap = 20, .zdes = 128 }, true },
		{ { .lbs = 512, .zones = 8, .zsze = 24, .zcap = 20 }, true },
		{ { .lbs = 512,
		    .zones = 8,
		    .zsze = 24,
		    .zcap = 20,
		    .zdes = 64,
		    .max_active = 8,
		    .max_open = 4 },
		  false },
		{ { .lbs = 512,
		    .zones = 8,
		    .zsze = 24,
		    .zcap = 20,
		    .zdes = 64,
		    .cross_read = true },
		  false },
	};
	struct life l = { .g = &as_made };
	struct zm *m = zr_model(l.g);

	begin(&l, m, 1);
	while (l.w.commands < 200)
		zs_step(&l.w, zs_pick_zone(&l.w, false), false);
	end(&l);
	zm_restart(m);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_msg msg = { "" };
		int64_t nsid = add_again(&l, &rows[i].g, &msg);

		if (rows[i].refused ? nsid >= 0 || !msg.text[0] : nsid != 1)
			fail_msg("row %u: %" PRId64 ", %s", i, nsid, msg.text);
	}
	begin(&l, m, 2);
	check_all(&l);
	if (l.w.fail[0])
		fail_msg("%s", l.w.fail);
	end(&l);
	store_free(l.st);
	memj_free(&l.j);
	zm_free(m);
}

/* more zones are active than a new limit allows: it starts, and they can be finished */
static void test_lower_limits(void **state)
{
	static const struct geometry wide = {
		.name = "wide", .lbs = 512, .zones = 8, .zsze = 24, .zcap = 20
	};
	static const struct geometry narrow = { .name = "narrow",
						.lbs = 512,
						.zones = 8,
						.zsze = 24,
						.zcap = 20,
						.max_active = 3,
						.max_open = 2 };
	struct life l = { .g = &wide };
	struct zm *m = zr_model(&wide);

	begin(&l, m, 1);
	for (uint64_t z = 0; z < 5; z++)
		assert_true(zr_append(&l.w, z * wide.zsze, 3));
	end(&l);
	zm_restart(m);
	l.g = &narrow;
	m->p.max_active = 3;
	m->p.max_open = 2;
	m->p.auto_transition = true;
	begin(&l, m, 2);
	check_all(&l);
	zr_append(&l.w, 5 * wide.zsze, 1); /* Too Many Active Zones */
	for (uint64_t z = 0; z < 3; z++)
		zr_send(&l.w, z ? ZSA_FINISH : ZSA_RESET, z * wide.zsze, false);
	zr_append(&l.w, 5 * wide.zsze, 1);
	zr_append(&l.w, 3 * wide.zsze, 17);
	check_all(&l);
	if (l.w.fail[0])
		fail_msg("%s", l.w.fail);
	end(&l);
	store_free(l.st);
	memj_free(&l.j);
	zm_free(m);
}

int main(void)
{
	enum { N = sizeof(geometries) / sizeof(geometries[0]) };
	struct CMUnitTest tests[N + 2] = {
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_lower_limits),
	};

	for (size_t i = 0; i < N; i++)
		tests[2 + i] = (struct CMUnitTest){ geometries[i].name, test_lives, NULL, NULL,
						    (void *)(uintptr_t)&geometries[i] };
	return cmocka_run_group_tests_name("zone_lives", tests, NULL, NULL);
}
