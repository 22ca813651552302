/* SPDX-License-Identifier: MIT */
/*
 * test_zone_params.c - the configuration of a zoned namespace: QEMU's rules, a sentence for each.
 */
#include "zonecmd.h"

static void refused(const struct drv_params *p, const char *key)
{
	struct drv *d = drv_new(&(struct drv_params){ .ctrl = p->ctrl });
	struct sim_ns_params ns = p->ns;
	struct sim_msg msg = { "" };
	struct sim_store *store = NULL;
	struct drv_params with_store;

	drv_params(&with_store);
	with_store.ns_bytes = p->ns_bytes;
	drv_free(d);
	d = drv_new(&with_store);
	store = d->store;
	ns.store = store;
	ns.nsid = 2;
	assert_true(sim_ns_add(d->subsys, NULL, &ns, &msg) < 0);
	if (!strstr(msg.text, key))
		fail_msg("\"%s\" does not name %s", msg.text, key);
	drv_free(d);
}

static void rules(void **state)
{
	struct drv_params p, ok;

	zone_params(&ok);
	p = ok;
	p.ns.zoned.zone_size = 511;
	p.ns.zoned.zone_capacity = 0;
	refused(&p, "zoned.zone_size");
	p = ok;
	p.ns.zoned.zone_size = 1ull << 40;
	refused(&p, "zoned.zone_size");
	p = ok;
	p.ns.zoned.zone_size = UINT64_MAX;
	refused(&p, "zoned.zone_size");
	p = ok;
	p.ns.zoned.zone_size = 0; /* 128 MiB */
	p.ns.zoned.zone_capacity = 0;
	refused(&p, "zoned.zone_size");
	p = ok;
	p.ns.zoned.zone_capacity = p.ns.zoned.zone_size + 1;
	refused(&p, "zoned.zone_capacity");
	p = ok;
	p.ns.zoned.zone_capacity = 511;
	refused(&p, "zoned.zone_capacity");
	p = ok;
	p.ns.zoned.max_active = 3;
	p.ns.zoned.max_open = 4;
	refused(&p, "zoned.max_open");
	p = ok;
	p.ns.zoned.descr_ext_size = 65;
	refused(&p, "zoned.descr_ext_size");
	p.ns.zoned.descr_ext_size = 256 * 64;
	refused(&p, "zoned.descr_ext_size");
	p = ok;
	p.ns.zoned.zrwas = 1000;
	refused(&p, "zoned.zrwas");
	p = ok;
	p.ns.zoned.zrwas = 8 * ZLBS;
	p.ns.zoned.zrwafg = 0;
	refused(&p, "zoned.zrwafg");
	p.ns.zoned.zrwafg = 3 * ZLBS;
	refused(&p, "zoned.zrwas");
	p.ns.zoned.zrwafg = 700;
	refused(&p, "zoned.zrwafg");
	p.ns.zoned.zrwafg = 2 * ZLBS;
	p.ns.zoned.zrwas = (ZCAP + 2) * ZLBS;
	refused(&p, "zoned.zrwas");
	p.ns.zoned.zrwas = 8 * ZLBS;
	p.ns.zoned.max_active = 2;
	p.ns.zoned.numzrwa = 3;
	refused(&p, "zoned.numzrwa");
}

static void accepted(void **state)
{
	struct drv_params p;
	struct drv *d;
	struct sim_zones_info info;

	zone_params(&p);
	p.ns.zoned.zone_capacity = 0;
	p.ns.zoned.descr_ext_size = 255 * 64;
	p.ns.zoned.max_active = 2;
	p.ns.zoned.max_open = 2;
	p.ns.zoned.zrwas = 8 * ZLBS;
	p.ns.zoned.numzrwa = 2;
	d = zone_start(&p);
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.nr_zones, NR_ZONES);
	assert_int_equal(info.zcap, ZSZE);
	assert_int_equal(info.zdes, 255 * 64);
	assert_int_equal(info.zrwafg, 1);
	drv_free(d);
	/* a size that is no multiple of the block: as in QEMU, whole blocks count */
	zone_params(&p);
	p.ns.zoned.zone_size = 3 * ZLBS + 100;
	p.ns.zoned.zone_capacity = 2 * ZLBS + 100;
	d = zone_start(&p);
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.zsze, 3);
	assert_int_equal(info.zcap, 2);
	drv_free(d);
}

static void zasl(void **state)
{
	struct drv_params p;
	struct drv *d;
	struct sim_msg msg = { "" };

	drv_params(&p);
	d = drv_new(&p);
	p.ctrl.zasl = p.ctrl.mdts + 1;
	p.ctrl.dma = (struct sim_dma_port){ 0 };
	assert_null(sim_fn_add(d->subsys, &p.ctrl, &msg));
	assert_non_null(strstr(msg.text, "zoned.zasl"));
	drv_free(d);
	zone_params(&p);
	p.ctrl.zasl = 1; /* 8 KiB: 16 blocks */
	d = zone_start(&p);
	assert_int_equal(zone_append(d, 0, 17, 1, NULL), 0x002);
	assert_zone(d, 0, ZS_EMPTY, 0);
	assert_int_equal(zone_append(d, 0, 16, 1, NULL), 0);
	assert_int_equal(zone_write(d, 16, 17, 1), 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(accepted),
		cmocka_unit_test(zasl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
