/* SPDX-License-Identifier: MIT */
/*
 * test_zone_mgmt.c - zoned namespaces that hosts create, attach and delete: Zoned Namespace Command
 * Set 1.1, sections 4.1.6 and 4.1.5.
 */
#include "nsmgmt_fx.h"

#define ZONE	       (128u * MIB / 512) /* blocks of a zone, as in QEMU */
#define ST_NOT_ENABLED 0x12a

static uint16_t send(struct drv *d, uint32_t nsid, uint64_t slba, uint32_t cdw13)
{
	struct drv_cmd cmd = {
		.dw = { [0] = 0x79, [1] = nsid, [10] = (uint32_t)slba, [13] = cdw13 }
	};

	return drv_io(d, &cmd, 0, 0, NULL);
}

static uint16_t append(struct drv *d, uint32_t nsid, uint64_t zslba)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x7d, [1] = nsid, [10] = (uint32_t)zslba } };

	return drv_io(d, &cmd, drv_alloc(d, 512), 512, NULL);
}

static void with_css(struct nfx *f)
{
	drv_disable(f->d);
	f->d->css = 6;
	f->d->io = (struct drv_queue){ 0 };
	drv_start(f->d);
}

static void create(void **state)
{
	struct nfx *f = nfx_new(512 * MIB, true);
	struct ns_wish w = { .nsze = 2 * ZONE, .ncap = 2 * ZONE, .nmic = 1, .csi = 2 };
	const uint16_t self = sim_fn_cntlid(f->d->fn);
	struct sim_zone_info zone;
	struct sim_zones_info info;
	uint32_t nsid = 0;
	uint8_t *page;

	with_css(f);
	assert_int_equal(identify(f->d, NSID_ALL, 0x05, 2u << 24, &page), ST_OK);
	assert_int_equal(get64(page + 2816), ZONE);
	assert_int_equal(get64(page + 2816 + 4 * 16), ZONE / 8);
	assert_int_equal(identify(f->d, 0, 0x0a, 2u << 24, &page), ST_OK);
	assert_int_equal(get64(page + 2816), ZONE);
	w.nsze = w.ncap = 2 * ZONE - 1;
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_INVALID_FIELD);
	w.nsze = 2 * ZONE;
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_NO_THIN);
	w.ncap = 2 * ZONE;
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_OK);
	assert_int_equal(nsid, 2);
	assert_int_equal(sim_zones_info(f->d->subsys, nsid, &info), 0);
	assert_int_equal(info.nr_zones, 2);
	assert_int_equal(identify(f->d, nsid, 0x1b, 2u << 24, &page), ST_OK);
	assert_int_equal(get64(page + 2816), ZONE);
	assert_int_equal(ns_attach(f->d, nsid, self), ST_OK);
	assert_int_equal(identify(f->d, 0, 0x07, 2u << 24, &page), ST_OK);
	assert_int_equal(get32(page), nsid);
	assert_int_equal(get32(page + 4), 0);
	assert_int_equal(append(f->d, nsid, ZONE), ST_OK);
	assert_int_equal(send(f->d, nsid, 0, 2), ST_OK);

	nfx_restart(f);
	with_css(f);
	assert_int_equal(sim_zones_info(f->d->subsys, nsid, &info), 0);
	assert_int_equal(info.nr_zones, 2);
	assert_int_equal(sim_zones_get(f->d->subsys, nsid, 0, 1, &zone), 1);
	assert_int_equal(zone.state, SIM_ZS_FULL);
	assert_int_equal(sim_zones_get(f->d->subsys, nsid, 1, 1, &zone), 1);
	assert_int_equal(zone.state, SIM_ZS_CLOSED);
	assert_int_equal(zone.wp, ZONE + 1);
	assert_int_equal(append(f->d, nsid, ZONE), ST_OK);
	/* deleted and made again it has nothing of its former life, whatever it is then */
	assert_int_equal(ns_delete(f->d, nsid), ST_OK);
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_OK);
	assert_int_equal(sim_zones_get(f->d->subsys, nsid, 0, 1, &zone), 1);
	assert_int_equal(zone.state, SIM_ZS_EMPTY);
	assert_int_equal(ns_delete(f->d, nsid), ST_OK);
	assert_int_equal(ns_create(f->d, 8), nsid);
	assert_int_equal(sim_zones_info(f->d->subsys, nsid, &info), SIM_EINVAL);
	nfx_restart(f);
	assert_int_equal(sim_zones_info(f->d->subsys, nsid, &info), SIM_EINVAL);
	nfx_free(f);
}

/* killed at any of the calls that change what survives: the namespace is there, or it is not */
static void killed(void **state)
{
	const struct ns_wish w = { .nsze = ZONE, .ncap = ZONE, .nmic = 1, .csi = 2 };

	for (unsigned int at = 0; at < 8; at++) {
		struct nfx *f = nfx_new(512 * MIB, false);
		struct sim_zones_info info;
		uint32_t nsid = 0;
		int ret;

		f->calls = 0;
		f->die_at = at;
		ns_create_as(f->d, &w, &nsid);
		nfx_restart(f);
		ret = sim_zones_info(f->d->subsys, 2, &info);
		assert_true(ret == 0 || ret == SIM_ENOENT);
		assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_OK);
		assert_int_equal(sim_zones_info(f->d->subsys, nsid, &info), 0);
		assert_int_equal(info.nr_zones, 1);
		nfx_free(f);
	}
}

/* killed while one is deleted: what comes in its place has nothing of it */
static void killed_deleting(void **state)
{
	const struct ns_wish w = { .nsze = ZONE, .ncap = ZONE, .nmic = 1, .csi = 2 };

	for (unsigned int at = 0; at < 8; at++) {
		struct nfx *f = nfx_new(512 * MIB, false);
		struct sim_zones_info info;
		uint32_t nsid = 0;

		assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_OK);
		f->calls = 0;
		f->die_at = at;
		ns_delete(f->d, nsid);
		nfx_restart(f);
		if (!sim_zones_info(f->d->subsys, nsid, &info))
			assert_int_equal(ns_delete(f->d, nsid), ST_OK);
		assert_int_equal(ns_create(f->d, 8), nsid);
		nfx_restart(f);
		assert_int_equal(sim_zones_info(f->d->subsys, nsid, &info), SIM_EINVAL);
		nfx_free(f);
	}
}

/* CC.CSS, and the I/O Command Set Profile, keep it from being attached */
static void attach(void **state)
{
	const struct ns_wish w = { .nsze = ZONE, .ncap = ZONE, .nmic = 1, .csi = 2 };
	struct nfx *f = nfx_new(512 * MIB, true);
	const uint16_t self = sim_fn_cntlid(f->d->fn);
	struct drv_cmd profile = { .dw = { [0] = 0x09, [10] = 0x19, [11] = 1 } };
	uint32_t nsid = 0;

	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_OK);
	assert_int_equal(ns_attach(f->d, nsid, self), ST_NOT_ENABLED);
	with_css(f);
	assert_int_equal(drv_admin(f->d, &profile, 0, 0, NULL), ST_OK);
	assert_int_equal(ns_attach(f->d, nsid, self), ST_NOT_ENABLED);
	profile.dw[11] = 0;
	assert_int_equal(drv_admin(f->d, &profile, 0, 0, NULL), ST_OK);
	assert_int_equal(ns_attach(f->d, nsid, self), ST_OK);
	assert_true(ns_listed(f->d, 0x02, nsid));
	/* attached, and not there: it cannot be attached once more, and can be detached */
	drv_disable(f->d);
	f->d->css = 0;
	f->d->io = (struct drv_queue){ 0 };
	drv_start(f->d);
	assert_false(ns_listed(f->d, 0x02, nsid));
	assert_int_equal(send(f->d, nsid, 0, 3), ST_INVALID_FIELD);
	assert_int_equal(ns_attach(f->d, nsid, self), ST_ALREADY_ATTACHED);
	assert_int_equal(ns_detach(f->d, nsid, self), ST_OK);
	with_css(f);
	assert_false(ns_listed(f->d, 0x02, nsid));
	nfx_free(f);
}

/* formatted to blocks that are larger than what was configured for others, it is there after a restart
 */
static void other_blocks(void **state)
{
	struct nfx *f = nfx_new(512 * MIB, false);
	struct drv_cmd format = { .dw = { [0] = 0x80, [10] = 4 } };
	struct sim_zoned_params zoned = {
		.on = true, .zone_size = MIB, .zrwas = 8192, .zrwafg = 2048,
	};
	const struct ns_wish w = { .nsze = 2 * MIB / 512, .ncap = 2 * MIB / 512, .csi = 2 };
	struct sim_zones_info info;
	uint32_t nsid = 0;

	nfx_stop(f);
	f->p.ns.zoned = zoned;
	nfx_start(f);
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_OK);
	assert_int_equal(sim_zones_info(f->d->subsys, nsid, &info), 0);
	assert_int_equal(info.zrwas, 16);
	assert_int_equal(info.zrwafg, 4);
	format.dw[1] = nsid;
	assert_int_equal(ns_attach(f->d, nsid, sim_fn_cntlid(f->d->fn)), ST_OK);
	assert_int_equal(drv_admin(f->d, &format, 0, 0, NULL), ST_OK);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(sim_zones_info(f->d->subsys, nsid, &info), 0);
		assert_int_equal(info.block_size, 4096);
		assert_int_equal(info.zrwas, 2);
		assert_int_equal(info.zrwafg, 1);
		nfx_restart(f);
	}
	nfx_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(create),
		cmocka_unit_test(killed),
		cmocka_unit_test(killed_deleting),
		cmocka_unit_test(attach), cmocka_unit_test(other_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
