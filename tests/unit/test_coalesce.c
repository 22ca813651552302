/* SPDX-License-Identifier: MIT */
/*
 * test_coalesce.c - interrupt coalescing: features 08h, 09h (NVMe
 * Base 2.1, 5.1.25.2.2, 5.1.25.2.3), with MSI-X masks and pending bits (PCIe transport 1.1, 3.5).
 */
#include "admin.h"

#define COALESCING    0x08
#define VECTOR_CONFIG 0x09
#define CD	      (1u << 16)
#define TIME(n)	      ((n) << 8)
#define US100	      100000ull
#define PBA	      0x3000
#define TABLE	      0x2000

static struct drv *start(uint32_t cdw11)
{
	struct drv *d = drv_new(NULL);

	drv_start(d);
	drv_create_queue(d, &d->io, 2, 64); /* vector 2 */
	assert_int_equal(set_feature(d, COALESCING, 0, cdw11, NULL), ST_OK);
	memset(d->irqs, 0, sizeof(d->irqs));
	d->armed = UINT64_MAX;
	return d;
}

/* a command whose completion nobody takes yet */
static void post(struct drv *d, struct drv_queue *q, unsigned int n)
{
	for (; n; n--) {
		struct drv_cmd cmd = { { 0x00, 1 } }; /* Flush */

		drv_submit(d, q, &cmd);
	}
}

static void take(struct drv *d, struct drv_queue *q, unsigned int n)
{
	struct drv_cqe cqe;

	while (n--)
		assert_true(drv_poll(d, q, &cqe));
}

/* what is written through the cache of a RAM store is there at once: no command stays pending */
static void test_off(void **state)
{
	const uint32_t off[] = {0, 5, TIME(10)}; /* either field 0: not coalesced */

	for (unsigned int i = 0; i < 3; i++) {
		struct drv *d = start(off[i]);

		post(d, &d->io, 3);
		assert_int_equal(d->irqs[2], 3);
		drv_free(d);
	}
}

static void test_threshold(void **state)
{
	struct drv *d = start(TIME(255) | 3); /* four entries */

	post(d, &d->io, 3);
	assert_int_equal(d->irqs[2], 0);
	post(d, &d->io, 1);
	assert_int_equal(d->irqs[2], 1);
	post(d, &d->io, 7);
	assert_int_equal(d->irqs[2], 2);
	take(d, &d->io, 11);
	drv_free(d);
}

static void test_time(void **state)
{
	struct drv *d = start(TIME(10) | 99);

	post(d, &d->io, 1);
	assert_int_equal(d->irqs[2], 0);
	assert_int_equal(d->armed, d->now_ns + 10 * US100);
	drv_advance(d, 4 * US100);
	post(d, &d->io, 1); /* the time is the first one's */
	drv_advance(d, 6 * US100 - 1);
	assert_int_equal(d->irqs[2], 0);
	drv_advance(d, 1);
	assert_int_equal(d->irqs[2], 1);
	drv_advance(d, 100 * US100);
	assert_int_equal(d->irqs[2], 1);
	/* it begins anew */
	post(d, &d->io, 1);
	drv_advance(d, 10 * US100 - 1);
	assert_int_equal(d->irqs[2], 1);
	drv_advance(d, 1);
	assert_int_equal(d->irqs[2], 2);
	drv_free(d);
}

/* a host that polled needs no message any more */
static void test_acknowledged(void **state)
{
	struct drv *d = start(TIME(10) | 99);

	post(d, &d->io, 2);
	take(d, &d->io, 2);
	drv_advance(d, 10 * US100);
	assert_int_equal(d->irqs[2], 0);
	post(d, &d->io, 2);
	take(d, &d->io, 1);
	drv_advance(d, 10 * US100);
	assert_int_equal(d->irqs[2], 1);
	drv_free(d);
}

static void test_admin_never(void **state)
{
	struct drv *d = start(TIME(255) | 255);

	for (unsigned int i = 1; i <= 5; i++) {
		get_feature(d, COALESCING, 0, 0, 0, NULL);
		assert_int_equal(d->irqs[0], i);
	}
	/* an I/O queue with vector 0 shares what is the admin queue's */
	assert_int_equal(set_feature(d, VECTOR_CONFIG, 0, 0, NULL), ST_NOT_CHANGEABLE);
	drv_free(d);
}

static void test_vector_disable(void **state)
{
	struct drv *d = start(TIME(255) | 9);
	struct drv_queue other;

	drv_create_queue(d, &other, 3, 16);
	post(d, &d->io, 2);
	post(d, &other, 1);
	assert_int_equal(set_feature(d, VECTOR_CONFIG, 0, CD | 2, NULL), ST_OK);
	assert_int_equal(d->irqs[2], 1); /* what waited goes */
	assert_int_equal(d->irqs[3], 0);
	post(d, &d->io, 2);
	assert_int_equal(d->irqs[2], 3);
	assert_int_equal(set_feature(d, VECTOR_CONFIG, 0, 2, NULL), ST_OK);
	post(d, &d->io, 2);
	assert_int_equal(d->irqs[2], 3);
	/* other settings: nothing that waits is forgotten */
	assert_int_equal(set_feature(d, COALESCING, 0, 0, NULL), ST_OK);
	assert_int_equal(d->irqs[2], 4);
	assert_int_equal(d->irqs[3], 1);
	drv_advance(d, 1000 * US100);
	assert_int_equal(d->irqs[2], 4);
	drv_free(d);
}

static void test_masks(void **state)
{
	struct drv *d = start(TIME(10) | 1);

	drv_w32(d, TABLE + 2 * 16 + 12, 1);
	post(d, &d->io, 1);
	assert_int_equal(drv_r64(d, PBA), 0); /* it waits; nothing is pending yet */
	post(d, &d->io, 1);
	assert_int_equal(d->irqs[2], 0);
	assert_int_equal(drv_r64(d, PBA), 1 << 2);
	post(d, &d->io, 1);
	drv_advance(d, 10 * US100);
	assert_int_equal(drv_r64(d, PBA), 1 << 2);
	drv_w32(d, TABLE + 2 * 16 + 12, 0);
	assert_int_equal(d->irqs[2], 1);
	assert_int_equal(drv_r64(d, PBA), 0);
	drv_free(d);
}

/* the pin is the one vector, the admin queue's */
static void test_pin(void **state)
{
	struct drv *d = start(TIME(255) | 255);

	sim_cfg_write(d->fn, 0x42, 2, 0);
	assert_false(d->intx);
	post(d, &d->io, 1);
	assert_true(d->intx);
	take(d, &d->io, 1);
	assert_false(d->intx);
	drv_free(d);
}

static void test_reset(void **state)
{
	struct drv *d = start(TIME(10) | 99);
	uint32_t dw0;

	post(d, &d->io, 3);
	drv_disable(d);
	drv_advance(d, 100 * US100);
	assert_int_equal(d->irqs[2], 0);
	drv_start(d);
	assert_int_equal(get_feature(d, COALESCING, 0, 0, 0, &dw0), ST_OK);
	assert_int_equal(dw0, 0);
	d->irqs[1] = 0;
	post(d, &d->io, 1);
	assert_int_equal(d->irqs[1], 1);
	drv_free(d);
}

/* the queue goes before its message was due */
static void test_queue_gone(void **state)
{
	struct drv *d = start(TIME(10) | 99);
	struct drv_cmd sq = {{0x00, [10] = 2}}, cq = {{0x04, [10] = 2}};

	post(d, &d->io, 3);
	assert_int_equal(drv_admin(d, &sq, 0, 0, NULL), 0);
	assert_int_equal(drv_admin(d, &cq, 0, 0, NULL), 0);
	drv_advance(d, 100 * US100);
	assert_int_equal(d->irqs[2], 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),	    cmocka_unit_test(test_threshold),
		cmocka_unit_test(test_time),	    cmocka_unit_test(test_acknowledged),
		cmocka_unit_test(test_admin_never), cmocka_unit_test(test_vector_disable),
		cmocka_unit_test(test_masks),	    cmocka_unit_test(test_pin),
		cmocka_unit_test(test_reset),	    cmocka_unit_test(test_queue_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
