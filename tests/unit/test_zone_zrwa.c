/* SPDX-License-Identifier: MIT */
/*
 * test_zone_zrwa.c - Zone Random Write Areas: of 16 blocks, committed in units of 4.
 */
#include "../../store/store.h"
#include "zonecmd.h"

#define SIZE 16u
#define FG   4u

static void params(struct drv_params *p)
{
	zone_params(p);
	p->ns.zoned.zrwas = SIZE * ZLBS;
	p->ns.zoned.zrwafg = FG * ZLBS;
	p->ns.zoned.numzrwa = 2;
	p->ns.zoned.descr_ext_size = 64;
}

static struct drv *start(void)
{
	struct drv_params p;

	params(&p);
	return zone_start(&p);
}

static bool has_area(struct drv *d, unsigned int z)
{
	return zone_desc(d, z).za & 8;
}

/* Set Zone Descriptor Extension with ZRWA Allocation */
static uint16_t set_ext_zrwaa(struct drv *d, uint64_t zslba)
{
	struct drv_cmd cmd = { .dw = { [0] = OP_ZONE_SEND, [1] = 1, [10] = (uint32_t)zslba,
				       [13] = ZSA_SET_EXT | ZSA_ZRWAA } };

	return drv_io(d, &cmd, drv_alloc(d, 64), 64, NULL);
}

static void identify(void **state)
{
	struct drv *d = start();
	uint64_t iova = drv_alloc(d, 4096);
	struct drv_cmd cmd = { { 0x06, 1 } };
	struct nvme_zns_id_ns *zns = drv_ptr(d, iova);

	cmd.dw[10] = 0x05;
	cmd.dw[11] = 2u << 24;
	assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), 0);
	assert_int_equal(sim_le16(zns->ozcs), 2);
	assert_int_equal(sim_le32(zns->numzrwa), 1); /* 0's based */
	assert_int_equal(sim_le16(zns->zrwafg), FG);
	assert_int_equal(sim_le16(zns->zrwasz), SIZE);
	assert_int_equal(zns->zrwacap, 1);
	drv_free(d);
}

static void allocation(void **state)
{
	struct drv *d = start();
	uint8_t ext[64] = { 0 };

	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ZRWAA), 0);
	assert_zone(d, 0, ZS_EO, 0);
	assert_true(has_area(d, 0));
	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ZRWAA), ST_OPERATION); /* not Empty */
	assert_int_equal(zone_write(d, ZSZE, 1, 1), 0);
	assert_int_equal(zone_send(d, ZSZE, ZSA_OPEN | ZSA_ZRWAA), ST_OPERATION);
	assert_int_equal(zone_set_ext(d, 2 * ZSZE, ext, 64), 0);
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_OPEN | ZSA_ZRWAA), ST_OPERATION);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ZRWAA | ZSA_ALL), ST_OPERATION);
	assert_int_equal(zone_send(d, 3 * ZSZE, ZSA_OPEN | ZSA_ZRWAA), 0);
	assert_int_equal(zone_send(d, 4 * ZSZE, ZSA_OPEN | ZSA_ZRWAA), ST_NO_ZRWA);
	assert_zone(d, 4, ZS_EMPTY, 0);
	assert_int_equal(zone_send(d, 4 * ZSZE, ZSA_OPEN), 0);
	assert_false(has_area(d, 4));
	/* Close keeps it, Finish and Reset give it back */
	assert_int_equal(zone_send(d, 0, ZSA_CLOSE), 0);
	assert_true(has_area(d, 0));
	assert_int_equal(zone_send(d, 5 * ZSZE, ZSA_OPEN | ZSA_ZRWAA), ST_NO_ZRWA);
	assert_int_equal(zone_send(d, 0, ZSA_FINISH), 0);
	assert_false(has_area(d, 0));
	assert_int_equal(zone_send(d, 5 * ZSZE, ZSA_OPEN | ZSA_ZRWAA), 0);
	assert_int_equal(zone_send(d, 5 * ZSZE, ZSA_RESET), 0);
	assert_false(has_area(d, 5));
	assert_int_equal(zone_send(d, 6 * ZSZE, ZSA_OPEN | ZSA_ZRWAA), 0);
	/* other actions have no such option, but for Set Zone Descriptor Extension */
	assert_int_equal(zone_send(d, 6 * ZSZE, ZSA_CLOSE | ZSA_ZRWAA), 0);
	assert_int_equal(set_ext_zrwaa(d, 7 * ZSZE), ST_NO_ZRWA);
	assert_zone(d, 7, ZS_EMPTY, 0);
	assert_int_equal(zone_send(d, 6 * ZSZE, ZSA_RESET), 0);
	assert_int_equal(set_ext_zrwaa(d, 7 * ZSZE), 0);
	assert_zone(d, 7, ZS_CLOSED, 0);
	assert_int_equal(zone_desc(d, 7).za, 0x88);
	drv_free(d);
	d = zone_start(NULL);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ZRWAA), ST_OPERATION);
	assert_int_equal(zone_send(d, 0, ZSA_COMMIT), ST_OPERATION);
	drv_free(d);
}

static void writes(void **state)
{
	struct drv *d = start();

	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ZRWAA), 0);
	/* in any order, and again */
	assert_int_equal(zone_write(d, 8, 4, 1), 0);
	assert_int_equal(zone_write(d, 0, 4, 2), 0);
	assert_int_equal(zone_write(d, 2, 4, 3), 0);
	assert_zone(d, 0, ZS_EO, 0);
	assert_true(zone_holds(d, 0, 2, 2));
	assert_true(zone_holds(d, 2, 4, 3));
	assert_true(zone_holds(d, 8, 4, 1));
	assert_int_equal(zone_append(d, 0, 1, 1, NULL), ST_OPERATION);
	/* one block beyond the area commits one granularity */
	assert_int_equal(zone_write(d, 16, 1, 4), 0);
	assert_zone(d, 0, ZS_EO, 4);
	assert_int_equal(zone_write(d, 3, 1, 4), ST_INVALID_WRITE);
	assert_int_equal(zone_write(d, 4, 1, 5), 0);
	/* as far as it goes: twice the area */
	assert_int_equal(zone_write(d, 30, 7, 6), ST_INVALID_WRITE);
	assert_int_equal(zone_write(d, 30, 6, 6), 0);
	assert_zone(d, 0, ZS_EO, 20);
	assert_int_equal(zone_write(d, 52, 1, 6), ST_INVALID_WRITE);
	assert_int_equal(zone_write(d, 51, 1, 6), 0);
	assert_zone(d, 0, ZS_EO, 36);
	/* near the end: the capacity is the limit, and does not make it Full */
	assert_int_equal(zone_write(d, 67, 1, 6), 0);
	assert_zone(d, 0, ZS_EO, 52);
	assert_int_equal(zone_write(d, 83, 1, 6), 0);
	assert_zone(d, 0, ZS_EO, 68);
	assert_int_equal(zone_write(d, 89, 2, 6), ST_BOUNDARY);
	assert_int_equal(zone_write(d, ZCAP, 1, 6), ST_BOUNDARY);
	assert_int_equal(zone_write(d, ZCAP + 2, 1, 6), ST_BOUNDARY); /* within reach of the area */
	assert_true(zone_holds(d, ZCAP, ZSZE - ZCAP, 0));
	assert_int_equal(zone_write(d, 89, 1, 6), 0);
	assert_zone(d, 0, ZS_EO, 76);
	assert_int_equal(zone_write(d, 76, 14, 7), 0);
	/* committed: all of it but what is not yet */
	assert_int_equal(zone_send(d, 79, ZSA_COMMIT), 0);
	assert_zone(d, 0, ZS_EO, 80);
	assert_int_equal(zone_send(d, 89, ZSA_COMMIT), 0); /* the end is no whole granularity */
	assert_int_equal(zone_state(d, 0), ZS_FULL);
	assert_false(has_area(d, 0));
	assert_true(zone_holds(d, 76, 14, 7));
	drv_free(d);
}

static void commits(void **state)
{
	struct drv *d = start();

	assert_int_equal(zone_send(d, ZSZE, ZSA_OPEN | ZSA_ZRWAA), 0);
	assert_int_equal(zone_write(d, ZSZE, 8, 1), 0);
	assert_int_equal(zone_send(d, ZSZE + 2, ZSA_COMMIT), 0x002);
	assert_int_equal(zone_send(d, ZSZE + 16, ZSA_COMMIT), ST_OPERATION);
	assert_int_equal(zone_send(d, ZSZE + 3, ZSA_COMMIT), 0);
	assert_zone(d, 1, ZS_EO, 4);
	assert_int_equal(zone_send(d, ZSZE + 3, ZSA_COMMIT), ST_OPERATION);
	assert_int_equal(zone_send(d, ZSZE + 19, ZSA_COMMIT), 0); /* unwritten blocks as well */
	assert_zone(d, 1, ZS_EO, 20);
	assert_int_equal(zone_send(d, ZSZE + 23, ZSA_COMMIT | ZSA_ALL), 0x002);
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_send(d, 2 * ZSZE + 3, ZSA_COMMIT), ST_OPERATION); /* it has none */
	assert_int_equal(zone_send(d, NR_ZONES * ZSZE, ZSA_COMMIT), 0x080);
	/* a Closed zone is opened by it, as by a write */
	assert_int_equal(zone_send(d, ZSZE, ZSA_CLOSE), 0);
	assert_int_equal(zone_send(d, ZSZE + 23, ZSA_COMMIT), 0);
	assert_zone(d, 1, ZS_IO, 24);
	assert_int_equal(zone_send(d, ZSZE, ZSA_CLOSE), 0);
	assert_int_equal(zone_write(d, ZSZE + 30, 1, 2), 0);
	assert_zone(d, 1, ZS_IO, 24);
	drv_free(d);
}

/* the area is gone after a restart; what hosts were told is written is there */
static void restart(void **state)
{
	struct mem_journal j = { 0 };
	struct drv_params p;
	struct drv *d;

	params(&p);
	p.journal = memj_port(&j);
	p.ns.store = store_ram_new(p.ns_bytes, NULL);
	d = zone_start(&p);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ZRWAA), 0);
	assert_int_equal(zone_write(d, 9, 1, 3), 0);
	assert_int_equal(zone_send(d, ZSZE, ZSA_OPEN | ZSA_ZRWAA), 0);
	drv_free(d);
	d = zone_start(&p);
	assert_zone(d, 0, ZS_CLOSED, 12);
	assert_false(has_area(d, 0));
	assert_true(zone_holds(d, 0, 9, 0));
	assert_true(zone_holds(d, 9, 1, 3));
	assert_zone(d, 1, ZS_EMPTY, 0);
	assert_int_equal(zone_write(d, 12, 1, 4), 0);
	assert_int_equal(zone_send(d, ZSZE, ZSA_OPEN | ZSA_ZRWAA), 0);
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_OPEN | ZSA_ZRWAA), 0);
	drv_free(d);
	store_free(p.ns.store);
	memj_free(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identify), cmocka_unit_test(allocation), cmocka_unit_test(writes),
		cmocka_unit_test(commits),  cmocka_unit_test(restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
