/* SPDX-License-Identifier: MIT */
/* test_keepalive.c - Keep Alive: NVMe Base 2.1, section 3.9 */
#include "admin.h"

#define MS 1000000ull
#define CSTS 0x1c
#define CSTS_RDY 1u
#define CSTS_CFS 2u

static uint16_t keep_alive(struct drv *d)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } };
	struct drv_cqe cqe;

	return drv_exec(d, &d->admin, &cmd, &cqe);
}

static struct drv *with_kato(uint32_t ms)
{
	struct drv *d = drv_new(NULL);

	drv_enable(d);
	assert_int_equal(set_feature(d, 0x0f, 0, ms, NULL), ST_OK);
	return d;
}

static void test_off(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_enable(d);
	assert_int_equal(keep_alive(d), ST_OK);
	drv_advance(d, 24 * 3600 * 1000 * MS);
	assert_int_equal(drv_r32(d, CSTS), CSTS_RDY);
	drv_free(d);
}

static void test_expiry(void **state)
{
	struct drv *d = with_kato(500);
	uint8_t *page;

	drv_advance(d, 499 * MS);
	assert_int_equal(drv_r32(d, CSTS), CSTS_RDY);
	drv_advance(d, 1 * MS);
	assert_int_equal(drv_r32(d, CSTS) & CSTS_CFS, CSTS_CFS);

	/* a reset helps; it empties the error log too, but SMART has counted the entry */
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(drv_r32(d, CSTS), CSTS_RDY);
	assert_int_equal(get_log(d, 0x02, NSID_ALL, 0, 512, true, &page), ST_OK);
	assert_int_equal(get64(page + 176), 1);
	/* and the timer is off, as it is by default */
	drv_advance(d, 10000 * MS);
	assert_int_equal(drv_r32(d, CSTS), CSTS_RDY);
	drv_free(d);
}

static void test_kept_alive(void **state)
{
	struct drv *d = with_kato(500);

	for (unsigned int i = 0; i < 20; i++) {
		drv_advance(d, 400 * MS);
		assert_int_equal(keep_alive(d), ST_OK);
	}
	assert_int_equal(drv_r32(d, CSTS), CSTS_RDY);
	drv_advance(d, 500 * MS);
	assert_int_equal(drv_r32(d, CSTS) & CSTS_CFS, CSTS_CFS);
	drv_free(d);
}

/* only Keep Alive commands count: CTRATT.TBKAS (bit 6) is cleared */
static void test_command_based(void **state)
{
	struct drv *d = with_kato(500);
	uint8_t *id;

	assert_int_equal(identify(d, 0, 1, 0, &id), ST_OK);
	assert_int_equal(get32(id + 96) & 1u << 6, 0);
	drv_advance(d, 400 * MS);
	assert_int_equal(identify(d, 0, 1, 0, &id), ST_OK);
	drv_advance(d, 100 * MS);
	assert_int_equal(drv_r32(d, CSTS) & CSTS_CFS, CSTS_CFS);
	drv_free(d);
}

static void test_changed(void **state)
{
	struct drv *d = with_kato(500);

	/* a new value starts the timer anew; 0 stops it */
	drv_advance(d, 400 * MS);
	assert_int_equal(set_feature(d, 0x0f, 0, 1000, NULL), ST_OK);
	drv_advance(d, 900 * MS);
	assert_int_equal(drv_r32(d, CSTS), CSTS_RDY);
	assert_int_equal(set_feature(d, 0x0f, 0, 0, NULL), ST_OK);
	drv_advance(d, 100000 * MS);
	assert_int_equal(drv_r32(d, CSTS), CSTS_RDY);
	drv_free(d);
}

static void test_disabled(void **state)
{
	struct drv *d = with_kato(500);

	drv_disable(d);
	drv_advance(d, 1000 * MS);
	assert_int_equal(drv_r32(d, CSTS), 0);
	drv_free(d);
}

/* a stopped timer does not count the shutdown controller dead either */
static void test_shutdown(void **state)
{
	struct drv *d = with_kato(500);
	uint8_t *page;

	drv_w32(d, 0x14, (drv_r32(d, 0x14) & ~(3u << 14)) | 1u << 14); /* CC.SHN */
	drv_advance(d, 1000 * MS);
	assert_int_equal(drv_r32(d, CSTS) & CSTS_CFS, 0);
	assert_int_equal(drv_r32(d, CSTS) >> 2 & 3, 2); /* SHST: complete */
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(get_log(d, 0x02, NSID_ALL, 0, 512, true, &page), ST_OK);
	assert_int_equal(get64(page + 176), 0); /* and no error was counted */
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_kept_alive),
		cmocka_unit_test(test_command_based),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_disabled),
		cmocka_unit_test(test_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
