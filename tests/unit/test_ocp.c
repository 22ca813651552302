/* SPDX-License-Identifier: MIT */
/* test_ocp.c - log page C0h: OCP Datacenter NVMe SSD Specification, SMART / Health Information
 * Extended */
#include "admin.h"

static const uint8_t guid[16] = { 0xc5, 0xaf, 0x10, 0x28, 0xea, 0xbf, 0xf2, 0xa4,
				  0x9c, 0x4f, 0x6f, 0x7c, 0xc9, 0x14, 0xd5, 0xaf };

static uint16_t rw(struct drv *d, uint8_t opcode, uint32_t nlb)
{
	struct drv_cmd cmd = { { [0] = opcode, [1] = 1, [12] = nlb - 1 } };

	return drv_io(d, &cmd, drv_alloc(d, nlb * 512), nlb * 512, NULL);
}

static void test_page(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint8_t *page;

	drv_params(&p);
	p.ctrl.ocp = true;
	d = drv_new(&p);
	drv_start(d);
	assert_int_equal(get_log(d, 0xc0, NSID_ALL, 0, 512, false, &page), ST_OK);
	assert_int_equal(get64(page), 0);
	assert_int_equal(get64(page + 16), 0);
	assert_int_equal(page[120], 100); /* percent free blocks */
	assert_int_equal(get16(page + 494), 5);
	assert_memory_equal(page + 496, guid, 16);

	assert_int_equal(rw(d, 0x01, 128), ST_OK);
	assert_int_equal(rw(d, 0x02, 64), ST_OK);
	assert_int_equal(rw(d, 0x02, 64), ST_OK);
	assert_int_equal(rw(d, 0x02, 8), ST_OK);
	assert_int_equal(get_log(d, 0xc0, NSID_ALL, 0, 512, false, &page), ST_OK);
	assert_int_equal(get64(page), 128 * 512);
	assert_int_equal(get64(page + 8), 0);
	assert_int_equal(get64(page + 16), 136 * 512);
	assert_int_equal(get16(page + 38), 100); /* bad user NAND blocks, normalized */
	assert_int_equal(get16(page + 46), 100);
	assert_true(all_zero(page + 32, 6) && all_zero(page + 40, 6) && all_zero(page + 48, 64));
	assert_int_equal(get32(page + 112), 0);
	assert_int_equal(page[120], 99);
	assert_int_equal(get16(page + 128), 0xffff); /* no capacitor */
	assert_int_equal(get64(page + 152), 128);
	assert_true(all_zero(page + 160, 334));
	drv_free(d);
}

static void test_not_there(void **state)
{
	struct drv *d = drv_new(NULL);
	uint8_t *page;

	drv_enable(d);
	assert_int_equal(get_log(d, 0xc0, NSID_ALL, 0, 512, false, &page), ST_INVALID_LOG);
	assert_int_equal(get_log(d, 0x00, 0, 0, 1024, false, &page), ST_OK);
	assert_int_equal(get32(page + 0xc0 * 4), 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page),
		cmocka_unit_test(test_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
