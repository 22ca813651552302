/* SPDX-License-Identifier: MIT */
/* test_abort.c - Abort: NVMe Base 2.1, section 5.1.1 */
#include "admin.h"

static uint16_t abort_cmd(struct drv *d, uint16_t sqid, uint16_t cid, uint32_t *dw0)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x08, [10] = (uint32_t)cid << 16 | sqid } };
	struct drv_cqe cqe;
	uint16_t status = drv_exec(d, &d->admin, &cmd, &cqe);

	*dw0 = cqe.dw0;
	return status;
}

/* the aborted command completes before the Abort does */
static void test_aer(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x08 } };
	uint16_t first, second, third, cid;
	struct drv_cqe cqe;
	uint32_t dw0;

	drv_enable(d);
	first = aer_submit(d);
	second = aer_submit(d);
	third = aer_submit(d);
	cmd.dw[10] = (uint32_t)second << 16;
	cid = drv_submit(d, &d->admin, &cmd);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.cid, second);
	assert_int_equal(cqe.status & 0x7ff, ST_ABORTED);
	assert_int_equal(cqe.dw0, 0);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(cqe.status, 0);
	assert_int_equal(cqe.dw0, 0); /* bit 0 cleared: aborted */
	/* the others are still there, in their order */
	drv_w32(d, 0x1000 + 8 * 5, 1);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.cid, first);
	/* what is no longer there cannot be aborted */
	assert_int_equal(abort_cmd(d, 0, second, &dw0), ST_OK);
	assert_int_equal(dw0 & 1, 1);
	cmd.dw[10] = (uint32_t)third << 16;
	drv_submit(d, &d->admin, &cmd);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.cid, third);
	assert_int_equal(cqe.status & 0x7ff, ST_ABORTED);
	drv_free(d);
}

static void test_not_aborted(void **state)
{
	struct drv *d = drv_new(NULL);
	uint32_t dw0;

	drv_start(d);
	assert_int_equal(abort_cmd(d, 0, 0x7777, &dw0), ST_OK);
	assert_int_equal(dw0, 1);
	assert_int_equal(abort_cmd(d, 1, 0, &dw0), ST_OK);
	assert_int_equal(dw0, 1);
	drv_free(d);
}

static void test_bad_sqid(void **state)
{
	struct drv *d = drv_new(NULL);
	uint32_t dw0;

	drv_start(d);
	assert_int_equal(abort_cmd(d, 2, 0, &dw0), ST_INVALID_FIELD); /* not created */
	assert_int_equal(dw0, 1);
	assert_int_equal(abort_cmd(d, 0xffff, 0, &dw0), ST_INVALID_FIELD);
	assert_int_equal(dw0, 1);
	drv_free(d);
}

/* an Abort aborts one command, whatever its identifier was used for before */
static void test_limit_again(void **state)
{
	struct drv_params p;
	struct drv_cqe cqe;
	struct drv *d;
	uint32_t dw0;
	uint16_t cid;

	drv_params(&p);
	p.ctrl.aerl = 0;
	d = drv_new(&p);
	drv_enable(d);
	for (unsigned int i = 0; i < 100; i++) {
		struct drv_cmd cmd = { .dw = { [0] = 0x08 } };

		cid = aer_submit(d);
		assert_false(drv_poll(d, &d->admin, &cqe));
		cmd.dw[10] = (uint32_t)cid << 16;
		drv_submit(d, &d->admin, &cmd);
		assert_true(drv_poll(d, &d->admin, &cqe));
		assert_int_equal(cqe.cid, cid);
		assert_true(drv_poll(d, &d->admin, &cqe));
		assert_int_equal(cqe.dw0, 0);
		assert_false(drv_poll(d, &d->admin, &cqe));
	}
	assert_int_equal(abort_cmd(d, 0, cid, &dw0), ST_OK);
	assert_int_equal(dw0, 1);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aer),
		cmocka_unit_test(test_not_aborted),
		cmocka_unit_test(test_bad_sqid),
		cmocka_unit_test(test_limit_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
