/* SPDX-License-Identifier: MIT */
/*
 * test_zone_format.c - zones when their namespace is formatted, becomes write protected, or is
 * reset with its subsystem: Zoned Namespace Command Set 1.1, sections 2.1.1.3 and 2.1.1.4.1.
 */
#include "zonecmd.h"

static uint16_t format(struct drv *d, uint32_t lbaf)
{
	struct drv_cmd cmd = { { 0x80, 1 } };

	cmd.dw[10] = lbaf;
	return drv_admin(d, &cmd, 0, 0, NULL);
}

static void formatted(void **state)
{
	struct drv_params p;
	struct drv *d;
	struct sim_zones_info info;

	zone_params(&p);
	p.ns.zoned.zone_size = 64 * 4096;
	p.ns.zoned.zone_capacity = 48 * 4096;
	p.ns_bytes = 8 * 64 * 4096 + 4096;
	d = zone_start(&p);
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.nr_zones, 8);
	assert_int_equal(info.zsze, 512);
	assert_int_equal(zone_write(d, 0, 8, 1), 0);
	assert_int_equal(zone_send(d, 512, ZSA_FINISH), 0);
	assert_int_equal(format(d, 4), 0); /* 4 KiB blocks */
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.nr_zones, 8);
	assert_int_equal(info.zsze, 64);
	assert_int_equal(info.zcap, 48);
	assert_int_equal(info.nr_active, 0);
	assert_int_equal(info.nr_open, 0);
	for (unsigned int z = 0; z < 8; z++) {
		struct sim_zone_info zone;

		assert_int_equal(sim_zones_get(d->subsys, 1, z, 1, &zone), 1);
		assert_int_equal(zone.state, SIM_ZS_EMPTY);
		assert_int_equal(zone.zslba, z * 64);
		assert_int_equal(zone.wp, z * 64);
	}
	assert_int_equal(format(d, 0), 0);
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.zsze, 512);
	assert_true(zone_holds(d, 0, 8, 0));
	drv_free(d);
}

/* a format in which a zone would have no block is none */
static void too_small(void **state)
{
	struct drv_params p;
	struct drv *d;

	zone_params(&p);
	p.ns.zoned.zone_size = p.ns.zoned.zone_capacity = 4 * ZLBS;
	d = zone_start(&p);
	assert_int_equal(format(d, 4), 0x10a);
	assert_int_equal(format(d, 0), 0);
	drv_free(d);
}

static void write_protect(struct drv *d, uint32_t wps, uint16_t status)
{
	struct drv_cmd cmd = { { 0x09, 1 } };

	cmd.dw[10] = 0x84;
	cmd.dw[11] = wps;
	assert_int_equal(drv_admin(d, &cmd, 0, 0, NULL), status);
}

static void protected(void **state)
{
	struct drv *d = zone_start(NULL);
	struct sim_zones_info info;

	assert_int_equal(zone_write(d, 0, 8, 1), 0);
	assert_int_equal(zone_send(d, ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_write(d, 2 * ZSZE, 8, 1), 0);
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_CLOSE), 0);
	write_protect(d, 1, 0);
	for (unsigned int z = 0; z < 3; z++) {
		assert_int_equal(zone_state(d, z), ZS_FULL);
		assert_int_equal(zone_desc(d, z).za, 0);
	}
	assert_zone(d, 3, ZS_EMPTY, 0);
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.nr_active, 0);
	assert_int_equal(zone_send(d, 0, ZSA_RESET), 0x020);
	assert_int_equal(zone_send(d, 0, ZSA_RESET | ZSA_ALL), 0x020);
	assert_int_equal(zone_append(d, 3 * ZSZE, 1, 1, NULL), 0x020);
	assert_true(zone_holds(d, 0, 8, 1));
	write_protect(d, 0, 0);
	assert_int_equal(zone_send(d, 0, ZSA_RESET), 0);
	drv_free(d);
}

/* the initial state: Closed, or Empty where nothing is written and there is no extension */
static void check_settled(struct drv *d)
{
	struct sim_zones_info info;

	assert_zone(d, 0, ZS_CLOSED, 8);
	assert_zone(d, 1, ZS_EMPTY, 0);
	assert_zone(d, 2, ZS_CLOSED, 8);
	assert_zone(d, 3, ZS_CLOSED, 0);
	assert_int_equal(zone_desc(d, 3).za, 0x80);
	assert_int_equal(zone_state(d, 4), ZS_FULL);
	assert_zone(d, 5, ZS_EMPTY, 0);
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.nr_active, 3);
	assert_int_equal(info.nr_open, 0);
}

static struct drv *unsettled(void)
{
	struct drv_params p;
	struct drv *d;
	uint8_t ext[64] = { 1 };

	zone_params(&p);
	p.ns.zoned.descr_ext_size = 64;
	d = zone_start(&p);
	assert_int_equal(zone_write(d, 0, 8, 1), 0);
	assert_int_equal(zone_send(d, ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_write(d, 2 * ZSZE, 8, 1), 0);
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_set_ext(d, 3 * ZSZE, ext, 64), 0);
	assert_int_equal(zone_send(d, 3 * ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_send(d, 4 * ZSZE, ZSA_FINISH), 0);
	assert_int_equal(zone_send(d, 5 * ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_send(d, 5 * ZSZE, ZSA_CLOSE), 0);
	assert_zone(d, 5, ZS_CLOSED, 0);
	return d;
}

static void again(struct drv *d)
{
	d->io = (struct drv_queue){ 0 };
	drv_start(d);
}

static void subsystem_reset(void **state)
{
	struct drv *d = unsettled();

	drv_w32(d, NVME_REG_NSSR, 0x4e564d65);
	again(d);
	check_settled(d);
	drv_free(d);
}

static void shutdown(void **state)
{
	struct drv *d = unsettled();

	drv_w32(d, NVME_REG_CC, drv_r32(d, NVME_REG_CC) | 1u << 14);
	assert_int_equal(drv_r32(d, NVME_REG_CSTS) >> 2 & 3, 2);
	drv_disable(d);
	again(d);
	check_settled(d);
	drv_free(d);
}

/* a Controller Level Reset leaves zones as they are */
static void controller_reset(void **state)
{
	struct drv *d = unsettled();

	drv_disable(d);
	again(d);
	assert_zone(d, 0, ZS_IO, 8);
	assert_zone(d, 1, ZS_EO, 0);
	assert_zone(d, 5, ZS_CLOSED, 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formatted), cmocka_unit_test(too_small),
		cmocka_unit_test(protected), cmocka_unit_test(subsystem_reset),
		cmocka_unit_test(shutdown),  cmocka_unit_test(controller_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
