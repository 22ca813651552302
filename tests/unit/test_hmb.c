/* SPDX-License-Identifier: MIT */
/* test_hmb.c - Host Memory Buffer: feature 0Dh (NVMe Base 2.1, sections 5.1.25.2.4, 8.2.3) */
#include "admin.h"

#define HMB	    0x0d
#define EHM	    1u
#define MR	    2u
#define ST_TRANSFER 0x004

struct lent {
	uint64_t list, buf[40];
	uint32_t nr, pages;
};

static struct drv *start(uint64_t size)
{
	struct drv_params p;
	struct drv *d;

	drv_params(&p);
	p.ctrl.hmb_size = size;
	d = drv_new(&p);
	drv_enable(d);
	return d;
}

/* @nr buffers of two pages */
static struct lent lend(struct drv *d, uint32_t nr)
{
	struct lent l = { .list = drv_alloc(d, nr * 16), .nr = nr, .pages = nr * 2 };
	uint32_t *desc = drv_ptr(d, l.list);

	for (uint32_t i = 0; i < nr; i++, desc += 4) {
		l.buf[i] = drv_alloc(d, 2 * DRV_PAGE);
		memset(drv_ptr(d, l.buf[i]), 0x77, 2 * DRV_PAGE);
		desc[0] = sim_le32((uint32_t)l.buf[i]);
		desc[1] = sim_le32((uint32_t)(l.buf[i] >> 32));
		desc[2] = sim_le32(2);
	}
	return l;
}

static uint16_t set(struct drv *d, uint32_t cdw11, const struct lent *l)
{
	struct drv_cmd cmd = { { 0x09, [10] = HMB, [11] = cdw11 } };

	if (l) {
		cmd.dw[12] = l->pages;
		cmd.dw[13] = (uint32_t)l->list;
		cmd.dw[14] = (uint32_t)(l->list >> 32);
		cmd.dw[15] = l->nr;
	}
	return drv_admin(d, &cmd, 0, 0, NULL);
}

static uint32_t get(struct drv *d, uint8_t sel, uint32_t attr[4])
{
	struct drv_cmd cmd = { { 0x0a, [10] = (uint32_t)sel << 8 | HMB } };
	uint64_t page = drv_alloc(d, 4096);
	struct drv_cqe cqe;

	memset(drv_ptr(d, page), 0xff, 4096);
	assert_int_equal(drv_admin(d, &cmd, page, 4096, &cqe), ST_OK);
	for (unsigned int i = 0; i < 4; i++)
		attr[i] = get32((uint8_t *)drv_ptr(d, page) + i * 4);
	assert_true(all_zero((uint8_t *)drv_ptr(d, page) + 16, 4080));
	return cqe.dw0;
}

static bool untouched(struct drv *d, uint64_t buf)
{
	const uint8_t *p = drv_ptr(d, buf);

	for (unsigned int i = 0; i < 2 * DRV_PAGE; i++)
		if (p[i] != 0x77)
			return false;
	return true;
}

static void test_not_there(void **state)
{
	struct drv *d = start(0);
	struct lent l = lend(d, 1);
	uint8_t *id;

	assert_int_equal(set(d, EHM, &l), ST_INVALID_FIELD);
	assert_int_equal(get_feature(d, HMB, 3, 0, 0, NULL), ST_INVALID_FIELD);
	assert_int_equal(identify(d, 0, 1, 0, &id), ST_OK);
	assert_int_equal(get32(id + 272) | get32(id + 276), 0); /* HMPRE, HMMIN */
	drv_free(d);
}

static void test_enable(void **state)
{
	struct drv *d = start(64 << 20);
	struct lent l = lend(d, 40);
	struct sim_hmb_info info;
	uint32_t attr[4], dw0;
	uint8_t *id;

	assert_int_equal(identify(d, 0, 1, 0, &id), ST_OK);
	assert_int_equal(get32(id + 272), (64 << 20) / 4096);
	assert_int_equal(get32(id + 276), 1);
	assert_int_equal(get32(id + 332), 1);	 /* HMMINDS */
	assert_int_equal(get16(id + 336), 1024); /* HMMAXD */
	assert_int_equal(get_feature(d, HMB, 3, 0, 0, &dw0), ST_OK);
	assert_int_equal(dw0, 4); /* changeable */

	assert_int_equal(get(d, 0, attr), 0);
	assert_int_equal(attr[0] | attr[1] | attr[2] | attr[3], 0);
	assert_int_equal(set(d, EHM, &l), ST_OK);
	assert_int_equal(get(d, 0, attr), EHM);
	assert_int_equal(attr[0], 80);
	assert_int_equal(attr[1] | (uint64_t)attr[2] << 32, l.list);
	assert_int_equal(attr[3], 40);
	assert_int_equal(get(d, 1, attr), 0); /* the default */
	sim_hmb_info(d->fn, &info);
	assert_true(info.enabled && !info.returned && !info.intact);
	assert_int_equal(info.size, 80 * 4096);
	assert_int_equal(info.nr_descs, 40);
	/* each of the buffers is one that the controller can use */
	for (unsigned int i = 0; i < 40; i++)
		assert_false(untouched(d, l.buf[i]));

	/* enabled is enabled */
	assert_int_equal(set(d, EHM, &l), ST_SEQUENCE);
	assert_int_equal(set(d, 0, NULL), ST_OK);
	assert_int_equal(get(d, 0, attr), 0);
	assert_int_equal(attr[0], 0);
	assert_int_equal(set(d, 0, NULL), ST_OK);
	sim_hmb_info(d->fn, &info);
	assert_true(!info.enabled && info.intact);
	drv_free(d);
}

/* nothing is touched before, or after, or when it is refused */
static void test_refused(void **state)
{
	struct drv *d = start(1 << 20);
	struct lent l = lend(d, 3), bad = l;
	uint32_t *desc = drv_ptr(d, l.list), was, attr[4];

	bad.pages = 0;
	assert_int_equal(set(d, EHM, &bad), ST_INVALID_FIELD);
	bad.pages = 5; /* the buffers have six */
	assert_int_equal(set(d, EHM, &bad), ST_INVALID_FIELD);
	bad = l;
	bad.nr = 0;
	assert_int_equal(set(d, EHM, &bad), ST_INVALID_FIELD);
	bad.nr = 1025;
	assert_int_equal(set(d, EHM, &bad), ST_INVALID_FIELD);
	bad = l;
	bad.list = 0x1000;
	assert_int_equal(set(d, EHM, &bad), ST_TRANSFER);
	was = desc[4];
	desc[4] = sim_le32(was + 8); /* not a page's beginning */
	assert_int_equal(set(d, EHM, &l), ST_INVALID_FIELD);
	desc[4] = was;
	desc[6] = 0;
	bad = l;
	bad.pages = 4;
	assert_int_equal(set(d, EHM, &bad), ST_INVALID_FIELD);
	desc[6] = sim_le32(2);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(untouched(d, l.buf[i]));
	/* a buffer that is not there */
	desc[8] = 0;
	desc[9] = 0;
	assert_int_equal(set(d, EHM, &l), ST_TRANSFER);
	assert_int_equal(get(d, 0, attr), 0);
	assert_int_equal(set(d, EHM | MR, &l), ST_TRANSFER);
	desc[8] = sim_le32((uint32_t)l.buf[2]);
	desc[9] = sim_le32((uint32_t)(l.buf[2] >> 32));
	assert_int_equal(set(d, EHM, &l), ST_OK);
	drv_free(d);
}

static void test_return(void **state)
{
	struct drv *d = start(1 << 20);
	struct lent l = lend(d, 33);
	struct sim_hmb_info info;
	uint32_t attr[4];

	/* a reset takes it away: the controller does not touch it any more */
	assert_int_equal(set(d, EHM, &l), ST_OK);
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(get(d, 0, attr), 0);
	assert_int_equal(set(d, EHM | MR, &l), ST_OK);
	assert_int_equal(get(d, 0, attr), EHM | MR);
	sim_hmb_info(d->fn, &info);
	assert_true(info.enabled && info.returned && info.intact);

	/* a host that says so but used the memory in between */
	assert_int_equal(set(d, 0, NULL), ST_OK);
	memset(drv_ptr(d, l.buf[32]), 0x77, 64);
	assert_int_equal(set(d, EHM | MR, &l), ST_OK);
	sim_hmb_info(d->fn, &info);
	assert_true(info.returned && !info.intact);

	/* one that does not wait until it is disabled */
	memset(drv_ptr(d, l.buf[0]), 0x77, 64);
	assert_int_equal(set(d, 0, NULL), ST_OK);
	sim_hmb_info(d->fn, &info);
	assert_false(info.intact);

	/* another list is another buffer */
	struct lent other = lend(d, 33);

	assert_int_equal(set(d, EHM | MR, &other), ST_OK);
	sim_hmb_info(d->fn, &info);
	assert_true(info.returned && !info.intact);
	assert_int_equal(set(d, 0, NULL), ST_OK);
	for (unsigned int i = 0; i < 33; i++)
		memset(drv_ptr(d, other.buf[i]), 0x77, 2 * DRV_PAGE);
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(get(d, 0, attr), 0);
	for (unsigned int i = 0; i < 33; i++)
		assert_true(untouched(d, other.buf[i]));
	drv_free(d);
}

static void test_params(void **state)
{
	struct drv *d = drv_new(NULL);
	struct sim_msg msg = { "" };
	struct drv_params p;

	drv_params(&p);
	p.ctrl.dma = (struct sim_dma_port){ .xfer = (void *)(uintptr_t)1 };
	p.ctrl.hmb_size = 4095;
	assert_null(sim_fn_add(d->subsys, &p.ctrl, &msg));
	assert_non_null(strstr(msg.text, "hmb_size"));
	p.ctrl.hmb_size = 1ull << 44;
	assert_null(sim_fn_add(d->subsys, &p.ctrl, &msg));
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_there), cmocka_unit_test(test_enable),
		cmocka_unit_test(test_refused),	  cmocka_unit_test(test_return),
		cmocka_unit_test(test_params),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
