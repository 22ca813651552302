/* SPDX-License-Identifier: MIT */
/*
 * test_zone_event.c - what happens to zones from outside, and how hosts learn of it: Zoned
 * Namespace Command Set 1.1, sections 4.1.1, 4.1.4.1, 5.4 to 5.6.
 */
#include "zonecmd.h"

static int act(struct drv *d, unsigned int z, enum sim_zone_act what)
{
	struct sim_msg msg = { "" };
	int ret = sim_zone_act(d->subsys, 1, z * ZSZE, what, &msg);

	assert_int_equal(ret != 0, msg.text[0] != '\0');
	return ret;
}

static const struct nvme_zns_changed_zone_log *changed(struct drv *d, bool rae)
{
	struct drv_cmd cmd = { { 0x02, 1 } };
	uint64_t iova = drv_alloc(d, 4096);

	cmd.dw[10] = 1023u << 16 | (uint32_t)rae << 15 | 0xbf;
	assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), 0);
	return drv_ptr(d, iova);
}

static void check_changed(struct drv *d, bool rae, const unsigned int *z, unsigned int n)
{
	const struct nvme_zns_changed_zone_log *log = changed(d, rae);

	assert_int_equal(sim_le16(log->nrzid), n);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int k = 0;

		while (k < n && sim_le64(log->zid[k]) != z[i] * ZSZE)
			k++;
		assert_true(k < n);
	}
	for (unsigned int i = n; i < 511; i++)
		assert_int_equal(log->zid[i], 0);
}

static void enable_notices(struct drv *d, uint32_t value)
{
	struct drv_cmd cmd = { { 0x09 } };

	cmd.dw[10] = 0x0b;
	cmd.dw[11] = value;
	assert_int_equal(drv_admin(d, &cmd, 0, 0, NULL), 0);
}

static void submit_aer(struct drv *d)
{
	struct drv_cmd cmd = { { 0x0c } };

	drv_submit(d, &d->admin, &cmd);
}

static bool event(struct drv *d, struct drv_cqe *cqe)
{
	for (unsigned int i = 0; i < 100; i++)
		if (drv_poll(d, &d->admin, cqe))
			return true;
	return false;
}

static void states(void **state)
{
	struct drv *d = zone_start(NULL);

	assert_int_equal(act(d, 0, SIM_ZA_FINISH), SIM_EINVAL); /* Empty is not active */
	assert_int_equal(act(d, 0, SIM_ZA_RESET_RECOMMENDED), SIM_EINVAL);
	assert_int_equal(act(d, 0, SIM_ZA_FINISH_RECOMMENDED), SIM_EINVAL);
	assert_int_equal(act(d, 0, SIM_ZA_CLEAR), 0);
	assert_int_equal(zone_write(d, 0, 5, 1), 0);
	assert_int_equal(act(d, 0, SIM_ZA_FINISH_RECOMMENDED), 0);
	assert_int_equal(zone_desc(d, 0).za, 2);
	assert_int_equal(act(d, 0, SIM_ZA_CLEAR), 0);
	assert_int_equal(zone_desc(d, 0).za, 0);
	assert_int_equal(act(d, 0, SIM_ZA_FINISH_RECOMMENDED), 0);
	assert_int_equal(act(d, 0, SIM_ZA_FINISH), 0);
	assert_int_equal(zone_state(d, 0), ZS_FULL);
	assert_int_equal(zone_desc(d, 0).za, 1); /* nothing left to recommend */
	assert_true(zone_holds(d, 0, 5, 1));
	assert_int_equal(act(d, 0, SIM_ZA_RESET_RECOMMENDED), 0);
	assert_int_equal(zone_desc(d, 0).za, 5);
	assert_int_equal(zone_send(d, 0, ZSA_RESET), 0);
	assert_int_equal(zone_desc(d, 0).za, 0);
	assert_zone(d, 0, ZS_EMPTY, 0);

	assert_int_equal(zone_write(d, ZSZE, 5, 1), 0);
	assert_int_equal(act(d, 1, SIM_ZA_READ_ONLY), 0);
	assert_int_equal(zone_state(d, 1), ZS_RO);
	assert_true(zone_holds(d, ZSZE, 5, 1));
	for (uint32_t zsa = ZSA_CLOSE; zsa <= ZSA_RESET; zsa++)
		assert_int_equal(zone_send(d, ZSZE, zsa), ST_TRANSITION);
	assert_int_equal(zone_send(d, ZSZE, ZSA_OFFLINE), 0);
	assert_int_equal(zone_state(d, 1), ZS_OFFLINE);
	assert_int_equal(zone_send(d, ZSZE, ZSA_OFFLINE), 0);
	for (uint32_t zsa = ZSA_CLOSE; zsa <= ZSA_RESET; zsa++)
		assert_int_equal(zone_send(d, ZSZE, zsa), ST_TRANSITION);
	assert_int_equal(act(d, 1, SIM_ZA_READ_ONLY), SIM_EINVAL);
	assert_int_equal(act(d, 2, SIM_ZA_READ_ONLY), 0);
	assert_int_equal(act(d, 3, SIM_ZA_READ_ONLY), 0);
	assert_int_equal(zone_send(d, 0, ZSA_OFFLINE | ZSA_ALL), 0);
	assert_int_equal(zone_state(d, 2), ZS_OFFLINE);
	assert_int_equal(zone_state(d, 3), ZS_OFFLINE);
	assert_int_equal(zone_state(d, 4), ZS_EMPTY);
	drv_free(d);
}

static void refused(void **state)
{
	struct drv *d = drv_new(NULL);
	struct sim_zones_info info;
	struct sim_zone_info zone;
	struct sim_msg msg;

	assert_int_equal(sim_zones_info(d->subsys, 1, &info), SIM_EINVAL);
	assert_int_equal(sim_zones_get(d->subsys, 1, 0, 1, &zone), SIM_EINVAL);
	assert_int_equal(sim_zone_act(d->subsys, 1, 0, SIM_ZA_OFFLINE, &msg), SIM_EINVAL);
	drv_free(d);
	d = zone_start(NULL);
	assert_int_equal(sim_zones_info(d->subsys, 2, &info), SIM_ENOENT);
	assert_int_equal(sim_zones_info(d->subsys, 0, &info), SIM_ENOENT);
	assert_int_equal(sim_zones_info(d->subsys, 257, &info), SIM_ENOENT);
	assert_int_equal(sim_zone_act(d->subsys, 1, 1, SIM_ZA_OFFLINE, &msg), SIM_ENOENT);
	assert_int_equal(sim_zone_act(d->subsys, 1, NR_ZONES * ZSZE, SIM_ZA_OFFLINE, &msg),
			 SIM_ENOENT);
	assert_int_equal(sim_zone_act(d->subsys, 1, 0, (enum sim_zone_act)99, &msg), SIM_EINVAL);
	assert_int_equal(sim_zones_get(d->subsys, 1, NR_ZONES, 1, &zone), 0);
	drv_free(d);
}

static void seen(void **state)
{
	struct drv *d = zone_start(NULL);
	struct sim_zone_info zones[NR_ZONES + 1];
	struct sim_zones_info info;

	assert_int_equal(zone_write(d, ZSZE, 7, 1), 0);
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_FINISH), 0);
	assert_int_equal(sim_zones_info(d->subsys, 1, &info), 0);
	assert_int_equal(info.nr_zones, NR_ZONES);
	assert_int_equal(info.zsze, ZSZE);
	assert_int_equal(info.zcap, ZCAP);
	assert_int_equal(info.block_size, ZLBS);
	assert_int_equal(info.nr_open, 1);
	assert_int_equal(sim_zones_get(d->subsys, 1, 1, NR_ZONES + 1, zones), NR_ZONES - 1);
	assert_int_equal(zones[0].zslba, ZSZE);
	assert_int_equal(zones[0].wp, ZSZE + 7);
	assert_int_equal(zones[0].state, SIM_ZS_IMPLICIT_OPEN);
	assert_int_equal(zones[1].state, SIM_ZS_FULL);
	assert_int_equal(zones[1].wp, UINT64_MAX);
	assert_int_equal(sim_zones_get(d->subsys, 1, 0, 2, zones), 2);
	drv_free(d);
}

static void list(void **state)
{
	struct drv *d = zone_start(NULL);

	check_changed(d, false, NULL, 0);
	/* what hosts do is not told */
	assert_int_equal(zone_write(d, 0, ZCAP, 1), 0);
	assert_int_equal(zone_send(d, ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_send(d, 0, ZSA_RESET | ZSA_ALL), 0);
	check_changed(d, false, NULL, 0);
	assert_int_equal(act(d, 3, SIM_ZA_READ_ONLY), 0);
	assert_int_equal(act(d, 5, SIM_ZA_READ_ONLY), 0);
	assert_int_equal(act(d, 3, SIM_ZA_OFFLINE), 0);
	assert_int_equal(act(d, 6, SIM_ZA_FINISH), SIM_EINVAL);
	assert_int_equal(act(d, 6, SIM_ZA_CLEAR), 0); /* nothing to clear */
	check_changed(d, true, (const unsigned int[]){ 3, 5 }, 2);
	check_changed(d, false, (const unsigned int[]){ 3, 5 }, 2);
	check_changed(d, false, NULL, 0);
	assert_int_equal(act(d, 5, SIM_ZA_OFFLINE), 0);
	check_changed(d, false, (const unsigned int[]){ 5 }, 1);
	drv_free(d);
}

static void overflow(void **state)
{
	struct drv_params p;
	struct sim_msg msg;
	struct drv *d;

	zone_params(&p);
	p.ns.zoned.zone_size = p.ns.zoned.zone_capacity = 8 * ZLBS;
	p.ns_bytes = 600 * 8 * ZLBS;
	d = zone_start(&p);
	for (unsigned int z = 0; z < 511; z++)
		assert_int_equal(sim_zone_act(d->subsys, 1, z * 8, SIM_ZA_READ_ONLY, &msg), 0);
	assert_int_equal(sim_le16(changed(d, true)->nrzid), 511);
	assert_int_equal(sim_zone_act(d->subsys, 1, 511 * 8, SIM_ZA_READ_ONLY, &msg), 0);
	assert_int_equal(sim_le16(changed(d, true)->nrzid), 0xffff);
	assert_int_equal(changed(d, true)->zid[0], 0);
	assert_int_equal(sim_le16(changed(d, false)->nrzid), 0xffff);
	assert_int_equal(sim_le16(changed(d, true)->nrzid), 0);
	assert_int_equal(sim_zone_act(d->subsys, 1, 511 * 8, SIM_ZA_OFFLINE, &msg), 0);
	assert_int_equal(sim_zone_act(d->subsys, 1, 520 * 8, SIM_ZA_OFFLINE, &msg), 0);
	assert_int_equal(sim_le16(changed(d, false)->nrzid), 2);
	drv_free(d);
}

static void events(void **state)
{
	struct drv *d = zone_start(NULL);
	struct drv_cqe cqe;

	submit_aer(d);
	assert_int_equal(act(d, 0, SIM_ZA_READ_ONLY), 0); /* not enabled */
	assert_false(event(d, &cqe));
	enable_notices(d, 1u << 27);
	assert_int_equal(act(d, 1, SIM_ZA_READ_ONLY), 0);
	assert_true(event(d, &cqe));
	assert_int_equal(cqe.dw0, 0xbfef02);
	assert_int_equal(cqe.dw1, 1); /* NSID */
	submit_aer(d);
	assert_int_equal(act(d, 2, SIM_ZA_READ_ONLY), 0); /* masked until the log is read */
	assert_false(event(d, &cqe));
	check_changed(d, true, (const unsigned int[]){ 0, 1, 2 }, 3);
	assert_false(event(d, &cqe));
	check_changed(d, false, (const unsigned int[]){ 0, 1, 2 }, 3);
	assert_false(event(d, &cqe)); /* what was waiting has been seen */
	assert_int_equal(act(d, 3, SIM_ZA_READ_ONLY), 0);
	assert_true(event(d, &cqe));
	drv_free(d);
}

/* each controller's host reads for itself */
static void two_controllers(void **state)
{
	struct drv_params p;
	struct drv *d, *other;
	struct drv_cqe cqe;

	zone_params(&p);
	p.multi = true;
	d = zone_start(&p);
	other = drv_add_fn(d, NULL);
	drv_start(other);
	enable_notices(d, 1u << 27);
	enable_notices(other, 1u << 27);
	submit_aer(d);
	submit_aer(other);
	assert_int_equal(act(d, 3, SIM_ZA_READ_ONLY), 0);
	assert_true(event(d, &cqe));
	assert_true(event(other, &cqe));
	check_changed(d, false, (const unsigned int[]){ 3 }, 1);
	check_changed(d, false, NULL, 0);
	assert_int_equal(act(d, 5, SIM_ZA_READ_ONLY), 0);
	check_changed(other, false, (const unsigned int[]){ 3, 5 }, 2);
	check_changed(d, false, (const unsigned int[]){ 5 }, 1);
	/* the zones are the same ones */
	assert_int_equal(zone_write(other, 0, 4, 1), 0);
	assert_zone(d, 0, ZS_IO, 4);
	assert_int_equal(zone_write(d, 4, 4, 1), 0);
	assert_zone(other, 0, ZS_IO, 8);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states),
		cmocka_unit_test(refused),
		cmocka_unit_test(seen),
		cmocka_unit_test(list),
		cmocka_unit_test(overflow),
		cmocka_unit_test(events),
		cmocka_unit_test(two_controllers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
