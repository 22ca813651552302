/* SPDX-License-Identifier: MIT */
/*
 * test_zone_limits.c - Maximum Active and Open Resources: Zoned Namespace Command Set 1.1, 2.1.1.4.
 */
#include "zonecmd.h"

static struct drv *start(uint32_t max_active, uint32_t max_open, bool no_auto)
{
	struct drv_params p;

	zone_params(&p);
	p.ns.zoned.max_active = max_active;
	p.ns.zoned.max_open = max_open;
	p.ns.zoned.descr_ext_size = 64;
	p.ctrl.no_auto_transition = no_auto;
	return zone_start(&p);
}

static void check_counts(struct drv *d, uint32_t active, uint32_t open)
{
	struct sim_zones_info info;
	uint32_t a = 0, o = 0;

	for (unsigned int z = 0; z < NR_ZONES; z++) {
		unsigned int st = zone_state(d, z);

		o += st == ZS_IO || st == ZS_EO;
		a += st == ZS_IO || st == ZS_EO || st == ZS_CLOSED;
	}
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.nr_active, a);
	assert_int_equal(info.nr_open, o);
	assert_int_equal(a, active);
	assert_int_equal(o, open);
}

static void reported(void **state)
{
	struct drv *d = start(5, 0, false);
	uint64_t iova = drv_alloc(d, 4096);
	struct drv_cmd cmd = { { 0x06, 1 } };
	struct nvme_zns_id_ns *zns = drv_ptr(d, iova);

	cmd.dw[10] = 0x05;
	cmd.dw[11] = 2u << 24;
	assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), 0);
	assert_int_equal(sim_le32(zns->mar), 4);
	assert_int_equal(sim_le32(zns->mor), 4); /* none given: as many as may be active */
	assert_int_equal(zns->lbafe[0].zdes, 1);
	drv_free(d);
}

/* the oldest implicitly opened zone makes room; explicitly opened ones never do */
static void auto_close(void **state)
{
	struct drv *d = start(0, 2, false);

	assert_int_equal(zone_write(d, 3 * ZSZE, 1, 1), 0);
	assert_int_equal(zone_write(d, 1 * ZSZE, 1, 1), 0);
	assert_int_equal(zone_write(d, 3 * ZSZE + 1, 1, 1), 0); /* that makes it no younger */
	assert_int_equal(zone_write(d, 2 * ZSZE, 1, 1), 0);
	assert_zone(d, 3, ZS_CLOSED, 2);
	assert_zone(d, 1, ZS_IO, 1);
	assert_zone(d, 2, ZS_IO, 1);
	assert_int_equal(zone_send(d, 5 * ZSZE, ZSA_OPEN), 0);
	assert_zone(d, 1, ZS_CLOSED, 1);
	assert_int_equal(zone_send(d, 6 * ZSZE, ZSA_OPEN), 0);
	assert_zone(d, 2, ZS_CLOSED, 1);
	assert_int_equal(zone_write(d, 7 * ZSZE, 1, 1), ST_OPEN);
	assert_int_equal(zone_send(d, 7 * ZSZE, ZSA_OPEN), ST_OPEN);
	assert_int_equal(zone_append(d, 1 * ZSZE, 1, 1, NULL), ST_OPEN);
	assert_zone(d, 7, ZS_EMPTY, 0);
	assert_zone(d, 1, ZS_CLOSED, 1);
	check_counts(d, 5, 2);
	/* an opened zone that is implicitly open needs nothing */
	assert_int_equal(zone_send(d, 5 * ZSZE, ZSA_CLOSE), 0);
	assert_int_equal(zone_write(d, 7 * ZSZE, 1, 1), 0);
	assert_int_equal(zone_send(d, 7 * ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_write(d, 8 * ZSZE, 1, 1), ST_OPEN);
	drv_free(d);
}

static void no_auto_close(void **state)
{
	struct drv *d = start(0, 2, true);

	assert_int_equal(zone_write(d, 0, 1, 1), 0);
	assert_int_equal(zone_write(d, ZSZE, 1, 1), 0);
	assert_int_equal(zone_write(d, 2 * ZSZE, 1, 1), ST_OPEN);
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_OPEN), ST_OPEN);
	assert_zone(d, 0, ZS_IO, 1);
	assert_zone(d, 1, ZS_IO, 1);
	/* Finish takes nothing, also of an Empty zone */
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_FINISH), 0);
	assert_int_equal(zone_send(d, 0, ZSA_FINISH), 0);
	assert_int_equal(zone_write(d, 3 * ZSZE, 1, 1), 0);
	check_counts(d, 2, 2);
	drv_free(d);
}

/* active resources are missed first, and nobody makes room for what cannot be */
static void active_first(void **state)
{
	struct drv *d = start(3, 2, false);
	uint8_t ext[64] = { 1 };

	assert_int_equal(zone_set_ext(d, 0, ext, 64), 0);
	assert_int_equal(zone_write(d, ZSZE, 1, 1), 0);
	assert_int_equal(zone_write(d, 2 * ZSZE, 1, 1), 0);
	check_counts(d, 3, 2);
	assert_int_equal(zone_write(d, 3 * ZSZE, 1, 1), ST_ACTIVE);
	assert_int_equal(zone_append(d, 3 * ZSZE, 1, 1, NULL), ST_ACTIVE);
	assert_int_equal(zone_send(d, 3 * ZSZE, ZSA_OPEN), ST_ACTIVE);
	assert_int_equal(zone_set_ext(d, 3 * ZSZE, ext, 64), ST_ACTIVE);
	assert_zone(d, 1, ZS_IO, 1);
	assert_zone(d, 2, ZS_IO, 1);
	assert_zone(d, 3, ZS_EMPTY, 0);
	/* Closed to open needs an open one only */
	assert_int_equal(zone_send(d, 0, ZSA_OPEN), 0);
	assert_zone(d, 1, ZS_CLOSED, 1);
	check_counts(d, 3, 2);
	/* an active one is given back by the last block, by Reset and by Finish */
	assert_int_equal(zone_write(d, 2 * ZSZE + 1, ZCAP - 1, 1), 0);
	check_counts(d, 2, 1);
	assert_int_equal(zone_write(d, 3 * ZSZE, 1, 1), 0);
	assert_int_equal(zone_send(d, 3 * ZSZE, ZSA_RESET), 0);
	assert_int_equal(zone_send(d, ZSZE, ZSA_FINISH), 0);
	check_counts(d, 1, 1);
	drv_free(d);
}

/* Open Zone with Select All: all that are Closed, or none */
static void open_all(void **state)
{
	struct drv *d = start(0, 4, false);

	for (unsigned int z = 0; z < 5; z++) {
		assert_int_equal(zone_write(d, z * ZSZE, 1, 1), 0);
		assert_int_equal(zone_send(d, z * ZSZE, ZSA_CLOSE), 0);
	}
	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ALL), ST_OPEN);
	check_counts(d, 5, 0);
	assert_int_equal(zone_send(d, 4 * ZSZE, ZSA_FINISH), 0);
	assert_int_equal(zone_send(d, 3 * ZSZE, ZSA_FINISH), 0);
	/* two implicitly opened ones: the older makes room for three Closed ones */
	assert_int_equal(zone_write(d, 9 * ZSZE, 1, 1), 0);
	assert_int_equal(zone_write(d, 8 * ZSZE, 1, 1), 0);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ALL), 0);
	for (unsigned int z = 0; z < 3; z++)
		assert_zone(d, z, ZS_EO, 1);
	assert_zone(d, 9, ZS_CLOSED, 1);
	assert_zone(d, 8, ZS_IO, 1);
	check_counts(d, 5, 4);
	/* an explicitly opened one does not */
	assert_int_equal(zone_send(d, 8 * ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ALL), ST_OPEN);
	check_counts(d, 5, 4);
	assert_zone(d, 9, ZS_CLOSED, 1);
	assert_int_equal(zone_send(d, 0, ZSA_RESET | ZSA_ALL), 0);
	check_counts(d, 0, 0);
	assert_int_equal(zone_send(d, 0, ZSA_OPEN | ZSA_ALL), 0); /* none is Closed */
	check_counts(d, 0, 0);
	drv_free(d);
}

/* all of these are errors that stay errors: DNR */
static void no_retry(void **state)
{
	static const struct {
		uint64_t slba;
		uint16_t status;
	} rows[] = {
		{ 1, ST_INVALID_WRITE },    { ZSZE, ST_ACTIVE },      { 2 * ZSZE, ST_FULL },
		{ 3 * ZSZE, ST_READ_ONLY }, { 4 * ZSZE, ST_OFFLINE },
	};
	struct drv *d = start(1, 1, false);
	struct sim_msg msg;

	assert_int_equal(zone_send(d, 0, ZSA_OPEN), 0);
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_FINISH), 0);
	assert_int_equal(sim_zone_act(d->subsys, 1, 3 * ZSZE, SIM_ZA_READ_ONLY, &msg), 0);
	assert_int_equal(sim_zone_act(d->subsys, 1, 4 * ZSZE, SIM_ZA_OFFLINE, &msg), 0);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct drv_cmd cmd = rw_cmd(OP_WRITE, rows[i].slba, 1, 0);
		struct nvme_error_log_page e;
		struct drv_cqe cqe;

		assert_int_equal(drv_io(d, &cmd, drv_alloc(d, ZLBS), ZLBS, &cqe), rows[i].status);
		assert_int_equal(cqe.status >> 14 & 1, 1);
		e = last_error(d);
		assert_int_equal(sim_le64(e.lba), rows[i].slba);
	}
	drv_free(d);
}

/* what a write that fails had opened is as it was */
static void failed_write(void **state)
{
	struct drv *d = start(2, 1, false);
	struct drv_cmd cmd = rw_cmd(OP_WRITE, ZSZE, 8, 0);

	assert_int_equal(zone_write(d, 0, 4, 1), 0);
	cmd.dw[6] = 0x10; /* nothing is mapped there */
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0x004);
	assert_zone(d, 1, ZS_EMPTY, 0);
	assert_true(zone_holds(d, ZSZE, 8, 0));
	check_counts(d, 1, 0); /* zone 0 had to make room */
	assert_zone(d, 0, ZS_CLOSED, 4);
	cmd = rw_cmd(OP_WRITE, 4, 8, 0);
	cmd.dw[6] = 0x10;
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0x004);
	assert_zone(d, 0, ZS_CLOSED, 4);
	assert_true(zone_holds(d, 0, 4, 1));
	assert_true(zone_holds(d, 4, 8, 0));
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reported),	 cmocka_unit_test(auto_close),
		cmocka_unit_test(no_auto_close), cmocka_unit_test(active_first),
		cmocka_unit_test(no_retry),	 cmocka_unit_test(open_all),
		cmocka_unit_test(failed_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
