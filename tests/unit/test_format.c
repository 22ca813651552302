/* SPDX-License-Identifier: MIT */
/*
 * test_format.c - Format NVM: what can be chosen, of which namespaces, and what is refused.
 * NVMe Base 2.1, section 5.1.10, NVM Command Set 1.1, section 4.1.2.
 */
#include "formatcmd.h"

/* ---- what can be chosen ------------------------------------------------------------------- */

static uint16_t expected(unsigned int lbaf, unsigned int pi, bool lbafee)
{
	if (lbaf >= NR_FORMATS)
		return ST_FORMAT;
	if (pi > 3)
		return ST_FIELD;
	if (pi && formats[lbaf].ms < formats[lbaf].tuple)
		return ST_FORMAT;
	if (formats[lbaf].extended && !lbafee)
		return ST_NS;
	return formats[lbaf].sts ? ST_NS : 0; /* the namespace is in another one */
}

static void check_format(struct drv *d, uint64_t buf, unsigned int lbaf, bool mset, unsigned int pi,
			 bool pil)
{
	const uint32_t block = (1u << formats[lbaf].lbads) + formats[lbaf].ms;
	const uint8_t *id = identify(d, buf, 0x00, 1);

	assert_int_equal(u64_at(id), NS_BYTES / block);	    /* NSZE */
	assert_int_equal(u64_at(id + 8), NS_BYTES / block); /* NCAP */
	assert_int_equal(u64_at(id + 16), 0);		    /* NUSE */
	assert_int_equal(id[26], lbaf | (mset && formats[lbaf].ms ? 0x10 : 0)); /* FLBAS */
	assert_int_equal(id[29], pi | (pil && pi ? 8 : 0));			/* DPS */
	assert_int_equal(id[32], 0x80);						/* FPI */
}

/* every LBAF, MSET, PI and PIL */
static void every_format(bool lbafee)
{
	struct drv *d = start(NULL, NULL);
	uint64_t buf = drv_alloc(d, 4096);

	set_lbafee(d, lbafee);
	for (unsigned int i = 0; i < 16 * 2 * 8 * 2; i++) {
		const unsigned int lbaf = i % 16, mset = i / 16 % 2, pi = i / 32 % 8, pil = i / 256;
		uint32_t cdw10 = lbaf | (mset ? MSET : 0) | PI(pi) | (pil ? PIL : 0);
		uint16_t want = expected(lbaf, pi, lbafee);
		uint16_t status = format(d, 1, cdw10);

		if (status != want)
			fail_msg("LBAF %u MSET %u PI %u PIL %u: %03x, not %03x", lbaf, mset, pi,
				 pil, status, want);
		if (!status)
			check_format(d, buf, lbaf, mset, pi, pil);
	}
	drv_free(d);
}

static void test_every_format(void **state)
{
	every_format(false);
	every_format(true);
}

/* LBAFU counts once LBAFEE is set, and then names a format that is not there */
static void test_lbafu(void **state)
{
	struct drv *d = start(NULL, NULL);

	assert_int_equal(format(d, 1, 4 | LBAFU(3)), 0);
	set_lbafee(d, true);
	assert_int_equal(format(d, 1, 4 | LBAFU(1)), ST_FORMAT);
	assert_int_equal(format(d, 1, 4), 0);
	drv_free(d);
}

/* 4.1.2: a storage tag is kept and cannot be chosen; what is extended is for hosts with LBAFEE */
static void test_storage_tag(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint64_t buf;

	drv_params(&p);
	p.ns_bytes = NS_BYTES;
	p.ns.logical_block_size = p.ns.physical_block_size = 4096;
	p.ns.ms = 16;
	p.ns.pi = 1;
	p.ns.pif = 1; /* format 9 */
	d = drv_new(&p);
	drv_start(d);
	buf = drv_alloc(d, 4096);
	assert_int_equal(format(d, 1, 4), ST_NS); /* it is in an extended format */
	set_lbafee(d, true);
	assert_int_equal(format(d, 1, 9 | PI(2)), 0);
	assert_int_equal(identify(d, buf, 0x00, 1)[26], 9);
	assert_int_equal(identify(d, buf, 0x00, 1)[29], 2);
	assert_int_equal(u64_at(identify(d, buf, 0x05, 1)), 0xffff); /* LBSTM */
	assert_int_equal(format(d, 1, 12 | PI(2)), ST_NS);
	assert_int_equal(format(d, 1, 10 | PI(2)), 0);
	assert_int_equal(format(d, 1, 9), ST_NS); /* and not back */
	drv_free(d);
}

/* ---- scope and refusals ------------------------------------------------------------------- */

static void test_scope(void **state)
{
	struct mock_store a, b, c;
	struct drv *d;
	uint64_t buf;

	mock_init(&a, NS_BYTES);
	mock_init(&b, NS_BYTES);
	mock_init(&c, NS_BYTES);
	d = start(&a.st, NULL);
	buf = drv_alloc(d, 4096);
	add_ns(d, &b.st, 2, false);
	add_ns(d, &c.st, 7, true); /* allocated, not attached */
	memset(a.mem, 0x11, NS_BYTES);
	memset(b.mem, 0x22, NS_BYTES);
	memset(c.mem, 0x33, NS_BYTES);

	assert_int_equal(format(d, 0, 0), ST_NS);
	assert_int_equal(format(d, 257, 0), ST_NS);
	assert_int_equal(format(d, 0xfffffffe, 0), ST_NS);
	assert_int_equal(format(d, 3, 0), ST_FIELD); /* not allocated */
	assert_int_equal(format(d, 1, SES(3)), ST_FIELD);
	assert_int_equal(format(d, 1, SES(7)), ST_FIELD);
	assert_int_equal(a.nr_zeroes + b.nr_zeroes + c.nr_zeroes, 0);

	assert_int_equal(format(d, 2, 4), 0);
	assert_int_equal(a.mem[0], 0x11);
	assert_int_equal(b.mem[0], 0);
	assert_int_equal(identify(d, buf, 0x00, 1)[26], 0);
	assert_int_equal(identify(d, buf, 0x00, 2)[26], 4);

	memset(b.mem, 0x22, NS_BYTES / 2);
	assert_int_equal(format(d, ALL, 5), 0); /* the attached ones */
	assert_int_equal(a.mem[0] | b.mem[0], 0);
	assert_int_equal(c.mem[0], 0x33);
	assert_int_equal(identify(d, buf, 0x00, 1)[26], 5);
	assert_int_equal(identify(d, buf, 0x00, 2)[26], 5);
	assert_int_equal(identify(d, buf, 0x11, 7)[26], 0);

	assert_int_equal(format(d, 7, 1), 0);
	assert_int_equal(c.mem[0], 0);
	assert_int_equal(identify(d, buf, 0x11, 7)[26], 1);
	drv_free(d);
	mock_free(&a);
	mock_free(&b);
	mock_free(&c);
}

static void test_no_namespaces(void **state)
{
	struct drv_params p;
	struct drv *d;

	drv_params(&p);
	p.ns_bytes = 0;
	d = drv_new(&p);
	drv_start(d);
	assert_int_equal(format(d, ALL, SES(1)), 0);
	assert_int_equal(format(d, ALL, SES(3)), ST_FIELD);
	drv_free(d);
}

/* one namespace that may not be changed is enough, and nothing of the others is */
static void test_protected(void **state)
{
	struct mock_store a, b;
	struct drv *d;

	mock_init(&a, NS_BYTES);
	mock_init(&b, NS_BYTES);
	d = start(&a.st, NULL);
	add_ns(d, &b.st, 2, false);
	assert_int_equal(set_feature(d, 0x84, 2, 1), 0); /* Write Protect */
	assert_int_equal(format(d, 2, 0), ST_PROTECTED);
	assert_int_equal(format(d, ALL, 0), ST_PROTECTED);
	assert_int_equal(set_feature(d, 0x84, 2, 0), 0);
	b.st.readonly = true;
	assert_int_equal(format(d, 2, 0), ST_READ_ONLY);
	assert_int_equal(format(d, ALL, 0), ST_READ_ONLY);
	assert_int_equal(a.nr_zeroes + b.nr_zeroes, 0);
	b.st.readonly = false;
	assert_int_equal(format(d, ALL, 0), 0);
	drv_free(d);
	mock_free(&a);
	mock_free(&b);
}

/* another host's reservation, Write Exclusive */
static void test_reserved(void **state)
{
	struct drv *d = start(NULL, NULL), *e = drv_add_fn(d, NULL);
	struct drv_cmd reg = { .dw = { [0] = 0x0d, [1] = 1 } };
	struct drv_cmd acquire = { .dw = { [0] = 0x11, [1] = 1, [10] = 1 << 8 } };
	uint64_t keys = drv_alloc(d, 16);

	drv_start(e);
	memset(drv_ptr(d, keys), 0, 8);
	memset((uint8_t *)drv_ptr(d, keys) + 8, 0x5a, 8); /* NRKEY */
	assert_int_equal(drv_io(d, &reg, keys, 16, NULL), 0);
	memset(drv_ptr(d, keys), 0x5a, 8); /* CRKEY */
	assert_int_equal(drv_io(d, &acquire, keys, 16, NULL), 0);
	assert_int_equal(format(e, 1, 0), ST_CONFLICT);
	assert_int_equal(format(e, ALL, 0), ST_CONFLICT);
	assert_int_equal(format(d, 1, 0), 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_format),
		cmocka_unit_test(test_lbafu),
		cmocka_unit_test(test_storage_tag),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_no_namespaces),
		cmocka_unit_test(test_protected),
		cmocka_unit_test(test_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
