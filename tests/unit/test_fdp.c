/* SPDX-License-Identifier: MIT */
/*
 * test_fdp.c - Flexible Data Placement as a host sees it: identify, log pages, features,
 * directives, I/O Management.
 */
#include "fdp_fx.h"

static int setup(void **state)
{
	struct ffx *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	ffx_params(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct ffx *x = *state;

	if (x->d)
		ffx_end(x);
	free(x);
	return 0;
}

static void test_identify(void **state)
{
	struct ffx *x = *state;
	uint8_t *p;

	ffx_up(x);
	assert_int_equal(identify(x->d, 0, 0x01, 0, &p), 0);
	assert_int_equal(get32(p + 96) & (1u << 4 | 1u << 19), 1u << 4 | 1u << 19); /* CTRATT */
	assert_int_equal(get16(p + 340), 1);					    /* ENDGIDMAX */
	assert_true(get16(p + 256) & 1u << 5); /* OACS: directives */
	assert_int_equal(identify(x->d, 1, 0x00, 0, &p), 0);
	assert_int_equal(get16(p + 102), 1); /* ENDGID */
	assert_int_equal(identify(x->d, 1, 0x08, 0, &p), 0);
	assert_int_equal(get16(p + 12), 1);
	assert_int_equal(identify(x->d, 0, 0x19, 0, &p), 0);
	assert_int_equal(p[0], 1);
	assert_int_equal(get16(p + 2), 1);
	assert_int_equal(identify(x->d, 0, 0x19, 2, &p), 0);
	assert_true(all_zero(p, 4096));
}

static void test_without(void **state)
{
	struct ffx *x = *state;
	struct drv_cmd cmd = { { OP_IO_RECV, 1 } };
	uint8_t *p;

	x->p.fdp.on = false;
	x->p.ns.ruhs.nr = 0;
	ffx_up(x);
	assert_int_equal(identify(x->d, 0, 0x01, 0, &p), 0);
	assert_int_equal(get32(p + 96) & (1u << 4 | 1u << 19), 0);
	assert_int_equal(get16(p + 256) & 1u << 5, 0);
	assert_int_equal(identify(x->d, 0, 0x19, 0, &p), ST_INVALID_FIELD);
	assert_int_equal(ffx_log(x, 0x20, 1, 0, 64, &p), ST_INVALID_LOG);
	assert_int_equal(drv_io(x->d, &cmd, x->rbuf, 4, NULL), ST_INVALID_OPCODE);
	assert_int_equal(get_feature(x->d, 0x1d, 0, 0, 1, NULL), ST_INVALID_FIELD);
	assert_int_equal(ffx_io(x, OP_WRITE, 1, 0, 0, 1, 0, 4096), ST_INVALID_FIELD); /* DTYPE 2 */
}

static void test_configs(void **state)
{
	struct ffx *x = *state;
	uint8_t *p, *d;

	x->p.fdp.nruh = 5;
	x->p.fdp.nrg = 3;
	ffx_up(x);
	assert_int_equal(ffx_log(x, 0x20, 1, 0, 2048, &p), 0);
	assert_int_equal(get16(p), 2); /* 0's based: three */
	assert_int_equal(p[2], 0);
	d = p + 16;
	for (unsigned int i = 0; i < 3; i++) {
		uint16_t nruh = i == 2 ? 2 : 5;

		assert_int_equal(get16(d), (64 + 4 * nruh + 7) / 8 * 8);
		assert_int_equal(d[2], 0x80 | 0x10 | 2); /* valid, write cache, RGIF */
		assert_int_equal(get32(d + 4), 3);
		assert_int_equal(get16(d + 8), nruh);
		assert_int_equal(get16(d + 10), 3 * nruh - 1);
		assert_int_equal(get32(d + 12), 256);
		assert_int_equal(get64(d + 16), 256 * KIB);
		assert_int_equal(get32(d + 24), 0);
		for (unsigned int h = 0; h < nruh; h++)
			assert_int_equal(d[64 + 4 * h], i == 1 ? 2 : 1);
		d += get16(d);
	}
	assert_int_equal(get32(p + 4), d - p);
	assert_int_equal(ffx_log(x, 0x20, 0, 0, 64, &p), ST_INVALID_FIELD);
	assert_int_equal(ffx_log(x, 0x20, 2, 0, 64, &p), ST_INVALID_FIELD);
	assert_int_equal(ffx_log(x, 0x22, 2, 0, 64, &p), ST_INVALID_FIELD);
}

static void test_usage(void **state)
{
	struct ffx *x = *state;
	uint8_t *p;

	x->p.fdp.nruh = 4;
	x->p.ns.ruhs = (struct sim_ruhs){ .nr = 2, .ruhid = { 3, 1 } };
	ffx_up(x);
	assert_int_equal(ffx_log(x, 0x21, 1, 0, 40, &p), 0);
	assert_int_equal(get16(p), 4);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(p[8 + 8 * i], i % 2);
	assert_int_equal(ffx_status(x, 1, 16 + 2 * 32 + 16, &p), 0);
	assert_int_equal(get16(p + 14), 2);
	assert_int_equal(get16(p + 16), 0);
	assert_int_equal(get16(p + 18), 3);
	assert_int_equal(get64(p + 24), 64); /* blocks of a unit */
	assert_int_equal(get16(p + 48), 1);
	assert_int_equal(get16(p + 50), 1);
	assert_true(all_zero(p + 80, 16));
}

static void test_chosen(void **state)
{
	struct ffx *x = *state;
	uint8_t *p;

	x->p.ns.ruhs.nr = 0;
	ffx_up(x);
	assert_int_equal(ffx_log(x, 0x21, 1, 0, 24, &p), 0);
	assert_int_equal(p[8], 2);
	assert_int_equal(p[16], 0);
	assert_int_equal(ffx_status(x, 1, 64, &p), 0);
	assert_int_equal(get16(p + 14), 1);
	assert_int_equal(get16(p + 18), 0);
}

static void test_write(void **state)
{
	struct ffx *x = *state;
	struct ffx_stats s;

	ffx_up(x);
	ffx_write(x, NO_PID, 0, 3);
	ffx_write(x, 0, 3, 4);
	ffx_write(x, 1, 7, 8);
	assert_int_equal(ffx_ruamw(x, 1, 0), 64 - 7);
	assert_int_equal(ffx_ruamw(x, 1, 1), 64 - 8);
	ffx_write(x, 1, 100, 56); /* fills it: an empty one is referenced */
	assert_int_equal(ffx_ruamw(x, 1, 1), 64);
	s = ffx_stats(x);
	assert_int_equal(s.hbmw, 71 * 4096);
	assert_int_equal(s.mbmw, 71 * 4096);
	assert_int_equal(s.mbe, 0);
}

static void test_update(void **state)
{
	struct ffx *x = *state;
	const uint8_t types[] = { EV_NOT_FULL };
	const uint16_t one = 1, both[] = { 0, 1 }, bad[] = { 1, 2 };
	const uint8_t *ev;

	ffx_up(x);
	assert_int_equal(ffx_set_events(x, 1, 1, types, 1, true), 0);
	ffx_write(x, 1, 0, 8);
	assert_int_equal(ffx_update(x, 1, bad, 2), ST_INVALID_FIELD);
	assert_int_equal(ffx_ruamw(x, 1, 1), 56);
	assert_int_equal(ffx_update(x, 1, &one, 1), 0);
	assert_int_equal(ffx_ruamw(x, 1, 1), 64);
	assert_int_equal(ffx_update(x, 1, both, 2), 0); /* empty ones stay */
	assert_int_equal(ffx_events(x, true, &ev), 1);
	assert_int_equal(ev[0], EV_NOT_FULL);
	assert_int_equal(ev[1], 7);
	assert_int_equal(get16(ev + 2), 1);
	assert_int_equal(get32(ev + 12), 1);
	assert_int_equal(get16(ev + 32), 0);
	assert_int_equal(get16(ev + 34), 1);
	assert_int_equal(ffx_events(x, false, &ev), 0);
}

static uint64_t clock_now(void *opaque)
{
	(void)opaque;
	return 1;
}

/* what a subsystem cannot be; "": it can */
static void expect_subsys(const struct sim_fdp_params *p, const char *want)
{
	struct sim_journal_port journal = { .area = NULL };
	struct sim_msg msg = { "" };
	struct sim_subsys *s;

	store_anon_areas(&journal);
	s = sim_subsys_new(
		&(struct sim_subsys_params){ .nqn = "nqn.2019-08.org.qemu:x",
					     .clock = { clock_now, clock_now, NULL, NULL },
					     .journal = journal,
					     .fdp = *p },
		&msg);
	if (!strstr(msg.text, want) || !s != !!*want)
		fail_msg("'%s', not '%s'", msg.text, want);
	if (s)
		sim_subsys_free(s);
}

static void test_wrong_subsystems(void **state)
{
	struct sim_fdp_params p = { .on = true, .runs = MIB, .nrg = 1, .nruh = 1 };

	expect_subsys(&p, "");
	p.runs = 0;
	expect_subsys(&p, "fdp.runs must be non-zero");
	p.runs = 16 * KIB - 1;
	expect_subsys(&p, "fdp.runs 16383 is less than 4 logical blocks of 4096 bytes");
	p.runs = 16 * KIB;
	expect_subsys(&p, "");
	p.runs = 1ull << 41;
	expect_subsys(&p, "fdp.runs is more than 1 TiB");
	p.runs = MIB;
	p.nrg = 0;
	expect_subsys(&p, "fdp.nrg must be non-zero");
	p.nrg = 1;
	p.nruh = 0;
	expect_subsys(&p, "fdp.nruh must be non-zero and at most 128");
	p.nruh = 129;
	expect_subsys(&p, "fdp.nruh must be non-zero and at most 128");
	p.nruh = 128;
	p.nrg = 512;
	expect_subsys(&p, "");
	p.nrg = 513;
	expect_subsys(&p, "cannot derive a valid rgif");
	p.nrg = 1;
	p.op = 1001;
	expect_subsys(&p, "fdp.op is more than 1000 percent");
}

static void add(struct ffx *x, const struct sim_ns_params *p, const char *want)
{
	struct sim_msg msg = { "" };
	int64_t ret = sim_ns_add(x->d->subsys, NULL, p, &msg);

	if (*want ? ret >= 0 || !strstr(msg.text, want) : ret < 0)
		fail_msg("'%s', not '%s'", msg.text, want);
}

static void test_wrong_namespaces(void **state)
{
	struct ffx *x = *state;
	struct sim_ns_params p;
	struct sim_store *st[4];
	struct sim_msg msg;

	x->p.fdp.nruh = 4;
	x->p.ns.ruhs.nr = 0; /* namespace 1: handle 0, which the controller has chosen */
	ffx_up(x);
	for (unsigned int i = 0; i < 4; i++)
		st[i] = store_ram_new(MIB, &msg);
	p = x->p.ns;
	p.nsid = 2;
	p.store = st[0];
	p.ruhs = (struct sim_ruhs){ .nr = 2, .ruhid = { 1, 1 } };
	add(x, &p, "duplicate reclaim unit handle 1");
	p.ruhs.ruhid[1] = 4;
	add(x, &p, "invalid reclaim unit handle 4; fdp.nruh is 4");
	p.ruhs.nr = 5;
	add(x, &p, "too many placement handles, 5; fdp.nruh is 4");
	p.ruhs = (struct sim_ruhs){ .nr = 2, .ruhid = { 1, 0 } };
	add(x, &p, "reclaim unit handle 0 is already controller assigned");
	p.ruhs.nr = 1;
	p.zoned.on = true;
	p.zoned.zone_size = 64 * KIB;
	p.zoned.zrwafg = UINT64_MAX;
	add(x, &p, "cannot be a zoned- in an FDP configuration");
	p.zoned.on = false;
	add(x, &p, "");
	p.nsid = 3;
	p.store = st[1];
	p.logical_block_size = 512;
	add(x, &p, "lba format mismatch");
	p.ruhs.nr = 0;
	add(x, &p, "lba format mismatch");
	p.ruhs = (struct sim_ruhs){ .nr = 2, .ruhid = { 3, 2 } };
	add(x, &p, "");
	/* blocks that four of do not fit in a unit */
	p.nsid = 4;
	p.store = st[2];
	p.logical_block_size = p.physical_block_size = 128 * KIB;
	add(x, &p, "fdp.runs 262144 is less than 4 logical blocks of 131072 bytes");
	ffx_down(x);

	/* all handles are named: none is left */
	x->p.ns.ruhs = (struct sim_ruhs){ .nr = 4, .ruhid = { 0, 1, 2, 3 } };
	ffx_up(x);
	p = x->p.ns;
	p.nsid = 5;
	p.store = st[3];
	p.ruhs.nr = 0;
	add(x, &p, "no reclaim unit handle is left");
	ffx_down(x);

	x->p.fdp.on = false;
	x->p.ns.ruhs.nr = 0;
	ffx_up(x);
	p.ruhs.nr = 1;
	add(x, &p, "fdp.ruhs needs a subsystem with fdp=on");
	ffx_end(x);
	for (unsigned int i = 0; i < 4; i++)
		store_free(st[i]);
}

/* a capacity that would be too many units */
static void test_too_many_units(void **state)
{
	struct ffx *x = *state;
	struct sim_ns_params p;
	struct sim_msg msg;
	struct sim_store *st = store_null_new(1ull << 40, &msg);

	x->p.fdp.runs = 16 * KIB;
	ffx_up(x);
	p = x->p.ns;
	p.nsid = 2;
	p.store = st;
	p.ruhs = (struct sim_ruhs){ .nr = 1, .ruhid = { 0 } };
	add(x, &p, "more than 1048576 reclaim units of fdp.runs 16384");
	ffx_write(x, 1, 0, 8);
	ffx_end(x);
	store_free(st);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identify),	T(test_without),	  T(test_configs),
		T(test_usage),		T(test_chosen),		  T(test_write),
		T(test_update),		T(test_wrong_subsystems), T(test_wrong_namespaces),
		T(test_too_many_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
