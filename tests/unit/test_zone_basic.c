/* SPDX-License-Identifier: MIT */
/*
 * test_zone_basic.c - a zone's life as a host sees it: written, appended to, closed, finished,
 * reset.
 */
#include "zonecmd.h"

static void identify(void **state)
{
	struct drv *d = zone_start(NULL);
	uint64_t iova = drv_alloc(d, 4096);
	struct drv_cmd cmd = { { 0x06, 1 } };
	struct nvme_zns_id_ns *zns = drv_ptr(d, iova);
	struct nvme_id_ns *id = drv_ptr(d, iova);

	cmd.dw[10] = 0x05;
	cmd.dw[11] = 2u << 24;
	assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), 0);
	assert_int_equal(sim_le32(zns->mar), 0xffffffff);
	assert_int_equal(sim_le32(zns->mor), 0xffffffff);
	assert_int_equal(sim_le64(zns->lbafe[0].zsze), ZSZE);
	assert_int_equal(zns->zoc, 0);
	assert_int_equal(zns->ozcs, 0);
	cmd = (struct drv_cmd){ { 0x06, 1 } };
	assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), 0);
	assert_int_equal(sim_le64(id->nsze), NR_ZONES * ZSZE);
	assert_int_equal(sim_le64(id->ncap), NR_ZONES * ZCAP);
	drv_free(d);
}

static void sequential(void **state)
{
	struct drv *d = zone_start(NULL);

	assert_zone(d, 1, ZS_EMPTY, 0);
	assert_int_equal(zone_write(d, ZSZE + 1, 1, 1), ST_INVALID_WRITE);
	assert_zone(d, 1, ZS_EMPTY, 0);
	assert_int_equal(zone_write(d, ZSZE, 10, 1), 0);
	assert_zone(d, 1, ZS_IO, 10);
	assert_int_equal(zone_write(d, ZSZE, 10, 1), ST_INVALID_WRITE);
	assert_int_equal(zone_write(d, ZSZE + 10, 81, 2), ST_BOUNDARY);
	assert_int_equal(zone_write(d, ZSZE + 10, 80, 2), 0);
	assert_int_equal(zone_state(d, 1), ZS_FULL);
	assert_int_equal(sim_le64(zone_desc(d, 1).wp), UINT64_MAX);
	assert_int_equal(zone_write(d, ZSZE + 90, 1, 2), ST_FULL);
	assert_true(zone_holds(d, ZSZE, 10, 1));
	assert_true(zone_holds(d, ZSZE + 10, 80, 2));
	assert_int_equal(zone_send(d, ZSZE, ZSA_RESET), 0);
	assert_zone(d, 1, ZS_EMPTY, 0);
	assert_true(zone_holds(d, ZSZE, 100, 0));
	drv_free(d);
}

static void appends(void **state)
{
	struct drv *d = zone_start(NULL);
	uint64_t alba;

	assert_int_equal(zone_append(d, 3 * ZSZE, 5, 7, &alba), 0);
	assert_int_equal(alba, 3 * ZSZE);
	assert_int_equal(zone_append(d, 3 * ZSZE, 6, 8, &alba), 0);
	assert_int_equal(alba, 3 * ZSZE + 5);
	assert_zone(d, 3, ZS_IO, 11);
	assert_int_equal(zone_append(d, 3 * ZSZE + 11, 1, 8, NULL), 0x002);
	assert_int_equal(zone_append(d, 3 * ZSZE, 80, 8, NULL), ST_BOUNDARY);
	assert_int_equal(zone_append(d, NR_ZONES * ZSZE, 1, 8, NULL), 0x080);
	assert_int_equal(zone_append(d, (NR_ZONES - 1) * ZSZE, 120, 8, NULL), ST_BOUNDARY);
	assert_true(zone_holds(d, 3 * ZSZE, 5, 7));
	assert_true(zone_holds(d, 3 * ZSZE + 5, 6, 8));
	assert_true(zone_holds(d, 3 * ZSZE + 11, 89, 0));
	drv_free(d);
}

static void actions(void **state)
{
	struct drv *d = zone_start(NULL);

	assert_int_equal(zone_send(d, 0, ZSA_OPEN), 0);
	assert_zone(d, 0, ZS_EO, 0);
	assert_int_equal(zone_send(d, 0, ZSA_CLOSE), 0);
	assert_zone(d, 0, ZS_CLOSED, 0);
	assert_int_equal(zone_write(d, 0, 3, 3), 0);
	assert_zone(d, 0, ZS_IO, 3);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN), 0);
	assert_zone(d, 0, ZS_EO, 3);
	assert_int_equal(zone_send(d, 0, ZSA_FINISH), 0);
	assert_int_equal(zone_state(d, 0), ZS_FULL);
	assert_int_equal(zone_send(d, 0, ZSA_CLOSE), ST_TRANSITION);
	assert_int_equal(zone_send(d, 0, ZSA_OFFLINE), ST_TRANSITION);
	assert_int_equal(zone_send(d, 1, ZSA_OPEN), 0x002);
	assert_int_equal(zone_send(d, NR_ZONES * ZSZE, ZSA_OPEN), 0x080);
	assert_int_equal(zone_send(d, 0, 0), 0x002);
	assert_int_equal(zone_send(d, 0, 6), 0x002);
	drv_free(d);
}

static void all(void **state)
{
	struct drv *d = zone_start(NULL);

	for (unsigned int z = 0; z < 8; z++)
		assert_int_equal(zone_write(d, z * ZSZE, z + 1, 9), 0);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN), 0);
	assert_int_equal(zone_send(d, 12345678, ZSA_CLOSE | ZSA_ALL), 0);
	for (unsigned int z = 0; z < 8; z++)
		assert_zone(d, z, ZS_CLOSED, z + 1);
	assert_zone(d, 8, ZS_EMPTY, 0);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ALL), 0);
	for (unsigned int z = 0; z < 8; z++)
		assert_zone(d, z, ZS_EO, z + 1);
	assert_int_equal(zone_send(d, 0, ZSA_FINISH | ZSA_ALL), 0);
	for (unsigned int z = 0; z < 8; z++)
		assert_int_equal(zone_state(d, z), ZS_FULL);
	assert_zone(d, 8, ZS_EMPTY, 0);
	assert_int_equal(zone_send(d, 0, ZSA_RESET | ZSA_ALL), 0);
	for (unsigned int z = 0; z < 8; z++) {
		assert_zone(d, z, ZS_EMPTY, 0);
		assert_true(zone_holds(d, z * ZSZE, ZSZE, 0));
	}
	assert_int_equal(zone_send(d, 0, ZSA_SET_EXT | ZSA_ALL), 0x002);
	drv_free(d);
}

/* the three commands are there for zoned namespaces only, and only with CC.CSS 110b */
static void elsewhere(void **state)
{
	struct drv_params p;
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { { OP_ZONE_SEND, 1 } };

	drv_start(d);
	assert_int_equal(drv_io(d, &cmd, 0, 0, NULL), 0x001);
	drv_free(d);
	zone_params(&p);
	d = drv_new(&p);
	d->css = 0;
	drv_start(d);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN), 0x002);
	drv_disable(d);
	d->css = 6;
	d->io = (struct drv_queue){ 0 };
	drv_start(d);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN), 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identify), cmocka_unit_test(sequential),
		cmocka_unit_test(appends),  cmocka_unit_test(actions),
		cmocka_unit_test(all),	    cmocka_unit_test(elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
