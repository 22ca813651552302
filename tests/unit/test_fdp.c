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
	struct drv_cmd cmd = {{OP_IO_RECV, 1}};
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
	x->p.ns.ruhs = (struct sim_ruhs){.nr = 2, .ruhid = {3, 1}};
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
	const uint8_t types[] = {EV_NOT_FULL};
	const uint16_t one = 1, both[] = {0, 1}, bad[] = {1, 2};
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

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_identify), T(test_without), T(test_configs), T(test_usage),
		T(test_chosen),	  T(test_write),   T(test_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
