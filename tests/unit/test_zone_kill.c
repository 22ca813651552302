/* SPDX-License-Identifier: MIT */
/*
 * test_zone_kill.c - the process dies in the middle of a zone command, at every point there is
 *
 * Between any two of the stores that a command makes to what survives, the process is taken to be
 * killed, and the namespace started from what is there then. Each zone is as it was, or as the
 * command makes it (and as a restart leaves that); not a byte of it is anything else; life goes on.
 */
#include "crash_arena.h"
#include "zone_step.h"

#define ZONES	   6u
#define MAX_STORES 20000u

static const struct geometry geometries[] = {
	{ .name = "512",
	  .lbs = 512,
	  .zones = ZONES,
	  .zsze = 12,
	  .zcap = 10,
	  .zdes = 64,
	  .max_active = 4,
	  .max_open = 2 },
	{ .name = "512+8, type 1",
	  .lbs = 512,
	  .ms = 8,
	  .pi = 1,
	  .zones = ZONES,
	  .zsze = 12,
	  .zcap = 10,
	  .zdes = 64 },
	{ .name = "512+16 extended",
	  .lbs = 512,
	  .ms = 16,
	  .extended = true,
	  .zones = ZONES,
	  .zsze = 12,
	  .zcap = 10,
	  .zdes = 64,
	  .max_active = 4,
	  .max_open = 3 },
};

#define Z(n) ((uint64_t)(n)*w->g->zsze)

/* ---- what zones are in when it happens ------------------------------------------------------ */

/* 0 Empty, 1 Implicitly Opened, 2 Closed with extension and data, 3 Full, 4 Explicitly Opened, 5
 * Read Only: two open, three active */
static void prepare(struct zworker *w)
{
	struct sim_msg msg;

	zr_append(w, Z(5), 4);
	zr_send(w, ZSA_FINISH, Z(5), false);
	assert_int_equal(sim_zone_act(w->d->subsys, 1, Z(5), SIM_ZA_READ_ONLY, &msg), 0);
	zm_act_read_only(&w->m, 5);
	zr_append(w, Z(3), 10);
	zr_send(w, ZSA_SET_EXT, Z(2), false);
	zr_append(w, Z(2), 3);
	zr_send(w, ZSA_CLOSE, Z(2), false);
	zr_append(w, Z(1), 5);
	zr_send(w, ZSA_OPEN, Z(4), false);
	zr_append(w, Z(4), 2);
}

/* ---- what happens --------------------------------------------------------------------------- */

static void append_empty(struct zworker *w)
{
	zr_send(w, ZSA_CLOSE, Z(4), false); /* there is room */
	zr_append(w, Z(0), 2);
}

static void append_open(struct zworker *w)
{
	zr_append(w, Z(1), 3);
}

static void append_last(struct zworker *w)
{
	zr_append(w, Z(1), 5);
}

static void append_closed(struct zworker *w)
{
	zr_append(w, Z(2), 2); /* with limits, zone 1 is closed for it */
}

static void write_open(struct zworker *w)
{
	zr_write(w, OP_WRITE, Z(4) + 2, 4);
}

static void write_zeroes(struct zworker *w)
{
	zr_write(w, OP_WRITE_ZEROES, Z(4) + 2, 3);
	zr_write(w, OP_WRITE_ZEROES, Z(1) + 5, 5);
}

static void write_uncorrectable(struct zworker *w)
{
	zr_write(w, OP_WRITE_UNCOR, Z(4) + 2, 2);
}

static void copy_into(struct zworker *w)
{
	zr_copy(w, Z(3) + 1, Z(4) + 2, 4);
}

static void reset_full(struct zworker *w)
{
	zr_send(w, ZSA_RESET, Z(3), false);
}

static void reset_extension(struct zworker *w)
{
	zr_send(w, ZSA_RESET, Z(2), false);
}

static void finish_open(struct zworker *w)
{
	zr_send(w, ZSA_FINISH, Z(4), false);
}

static void finish_empty(struct zworker *w)
{
	zr_send(w, ZSA_FINISH, Z(0), false);
}

static void open_and_close(struct zworker *w)
{
	zr_send(w, ZSA_OPEN, Z(1), false);
	zr_send(w, ZSA_CLOSE, Z(1), false);
	zr_send(w, ZSA_OPEN, Z(0), false);
}

static void set_extension(struct zworker *w)
{
	zr_send(w, ZSA_SET_EXT, Z(0), false);
}

static void offline(struct zworker *w)
{
	zr_send(w, ZSA_OFFLINE, Z(5), false);
}

static void to_all(struct zworker *w, uint8_t zsa)
{
	struct drv_cmd cmd = zone_send_cmd(0, zsa | (uint32_t)ZSA_ALL);
	bool may_refuse;

	zm_send_all(&w->m, zsa, &may_refuse);
	zr_same(w, "Zone Management Send to all", 0, zr_exec(w, &cmd), 0);
}

static void reset_all(struct zworker *w)
{
	to_all(w, ZSA_RESET);
}

static void finish_all(struct zworker *w)
{
	to_all(w, ZSA_FINISH);
}

static void act_on(struct zworker *w, uint64_t z, enum sim_zone_act act,
		   bool (*model)(struct zm *, uint64_t))
{
	struct sim_msg msg;

	zr_same(w, "an act", Z(z), (uint64_t)-sim_zone_act(w->d->subsys, 1, Z(z), act, &msg), 0);
	model(&w->m, z);
}

static void act_finish(struct zworker *w)
{
	act_on(w, 2, SIM_ZA_FINISH, zm_act_finish);
}

static void act_read_only(struct zworker *w)
{
	act_on(w, 4, SIM_ZA_READ_ONLY, zm_act_read_only);
}

static void act_offline(struct zworker *w)
{
	act_on(w, 2, SIM_ZA_OFFLINE, zm_act_offline);
}

static const struct {
	const char *name;
	void (*run)(struct zworker *w);
} commands[] = {
	{ "Append to an Empty zone", append_empty },
	{ "Append", append_open },
	{ "Append to the capacity", append_last },
	{ "Append to a Closed zone", append_closed },
	{ "Write", write_open },
	{ "Write Zeroes, twice", write_zeroes },
	{ "Write Uncorrectable", write_uncorrectable },
	{ "Copy", copy_into },
	{ "Reset of a Full zone", reset_full },
	{ "Reset of one with an extension", reset_extension },
	{ "Finish", finish_open },
	{ "Finish of an Empty zone", finish_empty },
	{ "Open, Close", open_and_close },
	{ "Set Zone Descriptor Extension", set_extension },
	{ "Offline", offline },
	{ "Reset all", reset_all },
	{ "Finish all", finish_all },
	{ "act Finish", act_finish },
	{ "act Read Only", act_read_only },
	{ "act Offline", act_offline },
};

/* ---- lives ---------------------------------------------------------------------------------- */

static void begin(struct ca *a, const struct geometry *g, const struct zm *m, struct zworker *w)
{
	struct drv_params p;
	struct drv *d;

	zr_params(g, &p);
	p.ns.store = &a->st;
	p.journal = ca_port(a);
	d = drv_new(&p);
	zone_start(d);
	zr_init(w, d, g, m, 0, 1);
}

static void end(struct zworker *w)
{
	zr_done(w);
	drv_free(w->d);
}

static struct zm *clone(const struct zm *m)
{
	struct zm *c = zm_new(&m->p);

	assert_non_null(c);
	memcpy(c->zone, m->zone, m->p.nr_zones * sizeof(*m->zone));
	memcpy(c->block, m->block, m->p.nr_zones * m->p.zsze * sizeof(*m->block));
	return c;
}

/* whether zone @z is as @m has it */
static bool as_in(struct zworker *w, const struct zm *m, uint64_t z)
{
	bool ok;

	w->m = *m;
	w->fail[0] = 0;
	ok = !zr_receive(w, Z(z), 128 + w->g->zdes, ZRA_PARTIAL | ZRA_EXTENDED) &&
	     zr_check_desc(w, 0, z, true);
	for (uint32_t i = 0; ok && i < w->g->zsze; i++)
		ok = zr_read(w, Z(z) + i, 1);
	return ok;
}

static void check_left(struct ca *a, const struct geometry *g, const char *name, unsigned int n,
		       const struct zm *before, const struct zm *after)
{
	struct zm *m = clone(before);
	struct zworker w;
	struct ca left;

	ca_left(a, n, &left);
	begin(&left, g, m, &w);
	for (uint64_t z = 0; z < g->zones; z++) {
		char fail[256];

		if (as_in(&w, before, z))
			continue;
		strcpy(fail, w.fail);
		if (!as_in(&w, after, z))
			fail_msg("%s: %s, killed after %u of %u stores: zone %u is not as before "
				 "(%s), and not as after (%s)",
				 g->name, name, n, a->nr_notes, (unsigned int)z, fail, w.fail);
		m->zone[z] = after->zone[z];
		memcpy(&m->block[z * g->zsze], &after->block[z * g->zsze],
		       g->zsze * sizeof(*m->block));
	}
	/* life goes on */
	w.m = *m;
	w.fail[0] = 0;
	w.seq = 0x70000000;
	for (uint64_t z = 0; z < g->zones && !w.fail[0]; z++) {
		zr_append(&w, z * g->zsze, 1);
		zs_settle(&w);
		zr_check_zone(&w, z);
	}
	zs_check_info(&w);
	if (w.fail[0])
		fail_msg("%s: %s, killed after %u of %u stores, in the next life: %s", g->name,
			 name, n, a->nr_notes, w.fail);
	end(&w);
	ca_left_free(&left);
	zm_free(m);
}

static void killed(const struct geometry *g, unsigned int c)
{
	struct zm *m = zr_model(g), *before, *after;
	struct zworker w;
	struct ca a;

	assert_non_null(m);
	ca_new(&a, (uint64_t)g->zones * g->zsze * (g->lbs + g->ms));
	begin(&a, g, m, &w);
	prepare(&w);
	if (w.fail[0])
		fail_msg("%s: %s", g->name, w.fail);
	before = clone(m);
	ca_trace(&a, MAX_STORES);
	commands[c].run(&w);
	ca_trace_end(&a);
	if (w.fail[0])
		fail_msg("%s: %s: %s", g->name, commands[c].name, w.fail);
	assert_true(a.nr_notes > 0);
	zs_settle(&w);
	after = clone(m);
	zm_restart(before);
	zm_restart(after);
	for (unsigned int n = 0; n <= a.nr_notes; n++)
		if (!ca_amid(&a, n) && !ca_counts(&a, n))
			check_left(&a, g, commands[c].name, n, before, after);
	end(&w);
	ca_free(&a);
	zm_free(before);
	zm_free(after);
	zm_free(m);
}

static void test_killed(void **state)
{
	for (unsigned int c = 0; c < sizeof(commands) / sizeof(commands[0]); c++)
		killed(*state, c);
}

int main(void)
{
	enum { N = sizeof(geometries) / sizeof(geometries[0]) };
	struct CMUnitTest tests[N];

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){ geometries[i].name, test_killed, NULL, NULL,
						(void *)(uintptr_t)&geometries[i] };
	return cmocka_run_group_tests_name("zone_kill", tests, NULL, NULL);
}
