/* SPDX-License-Identifier: MIT */
/*
 * test_zone_report.c - Zone Management Receive: Zoned Namespace Command Set 1.1, section 3.4.2; and
 * Zone Descriptor Extensions (5.3).
 */
#include "zonecmd.h"

#define EXT 128u

static const struct nvme_zone_report *report(struct drv *d, uint64_t slba, uint32_t cdw13,
					     size_t len)
{
	uint64_t iova = drv_alloc(d, len + 64);

	memset(drv_ptr(d, iova), 0xee, len + 64);
	assert_int_equal(zone_report(d, slba, cdw13, iova, len), 0);
	for (unsigned int i = 0; i < 64; i++)
		assert_int_equal(((uint8_t *)drv_ptr(d, iova))[len + i], 0xee);
	return drv_ptr(d, iova);
}

static void check_list(struct drv *d, uint32_t option, const unsigned int *zones, unsigned int n)
{
	const struct nvme_zone_report *r = report(d, 0, option << 8, 64 * (NR_ZONES + 1));

	assert_int_equal(sim_le64(r->nr_zones), n);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(sim_le64(r->entries[i].zslba), zones[i] * ZSZE);
}

/* zone n is in state n, twice: zones 0 to 6 and 8 to 14 */
static void make_states(struct drv *d)
{
	struct sim_msg msg;

	for (unsigned int z = 0; z < 16; z += 8) {
		assert_int_equal(zone_write(d, (z + 1) * ZSZE, 1, 1), 0);
		assert_int_equal(zone_send(d, (z + 2) * ZSZE, ZSA_OPEN), 0);
		assert_int_equal(zone_write(d, (z + 3) * ZSZE, 2, 1), 0);
		assert_int_equal(zone_send(d, (z + 3) * ZSZE, ZSA_CLOSE), 0);
		assert_int_equal(zone_send(d, (z + 4) * ZSZE, ZSA_FINISH), 0);
		assert_int_equal(sim_zone_act(d->subsys, 1, (z + 5) * ZSZE, SIM_ZA_READ_ONLY, &msg),
				 0);
		assert_int_equal(sim_zone_act(d->subsys, 1, (z + 6) * ZSZE, SIM_ZA_OFFLINE, &msg),
				 0);
	}
}

static void filters(void **state)
{
	struct drv *d = zone_start(NULL);
	struct sim_msg msg;
	const unsigned int zs[] = { ZS_EMPTY, ZS_IO, ZS_EO, ZS_CLOSED, ZS_FULL, ZS_RO, ZS_OFFLINE };

	make_states(d);
	for (unsigned int i = 0; i < 7; i++) {
		assert_int_equal(zone_state(d, i), zs[i]);
		/* WP where the state has one */
		assert_int_equal(sim_le64(zone_desc(d, i).wp) == UINT64_MAX, i >= 4);
		if (i)
			check_list(d, i + 1, (const unsigned int[]){ i, i + 8 }, 2);
	}
	check_list(d, 1, (const unsigned int[]){ 0, 7, 8, 15 }, 4);
	check_list(d, 9, NULL, 0);
	assert_int_equal(sim_zone_act(d->subsys, 1, 4 * ZSZE, SIM_ZA_RESET_RECOMMENDED, &msg), 0);
	assert_int_equal(sim_zone_act(d->subsys, 1, 9 * ZSZE, SIM_ZA_FINISH_RECOMMENDED, &msg), 0);
	assert_int_equal(sim_zone_act(d->subsys, 1, 11 * ZSZE, SIM_ZA_FINISH, &msg), 0);
	check_list(d, 9, (const unsigned int[]){ 4, 9, 11 }, 3);
	assert_int_equal(zone_desc(d, 4).za, 4);
	assert_int_equal(zone_desc(d, 9).za, 2);
	assert_int_equal(zone_desc(d, 11).za, 1);
	drv_free(d);
}

/* a host with little room; one that asks for the rest */
static void pieces(void **state)
{
	struct drv *d = zone_start(NULL);
	const struct nvme_zone_report *r;

	make_states(d);
	r = report(d, 0, 0, 64 * 3 + 32); /* two zones, and half of one */
	assert_int_equal(sim_le64(r->nr_zones), 16);
	assert_int_equal(sim_le64(r->entries[1].zslba), ZSZE);
	r = report(d, 0, 1u << 16, 64 * 3 + 32);
	assert_int_equal(sim_le64(r->nr_zones), 2);
	/* SLBA is anywhere in the first zone */
	r = report(d, 14 * ZSZE + 37, 0, 4096);
	assert_int_equal(sim_le64(r->nr_zones), 2);
	assert_int_equal(sim_le64(r->entries[0].zslba), 14 * ZSZE);
	r = report(d, 10 * ZSZE, 2u << 8, 4096); /* implicitly opened ones: 9 is before */
	assert_int_equal(sim_le64(r->nr_zones), 0);
	r = report(d, 9 * ZSZE, 2u << 8, 64);
	assert_int_equal(sim_le64(r->nr_zones), 1);
	r = report(d, 9 * ZSZE, 2u << 8 | 1u << 16, 64);
	assert_int_equal(sim_le64(r->nr_zones), 0);
	r = report(d, 9 * ZSZE, 2u << 8 | 1u << 16, 128);
	assert_int_equal(sim_le64(r->nr_zones), 1);
	r = report(d, 0, 0, 4); /* less than the header */
	assert_int_equal(*(const uint32_t *)(const void *)r, 16);
	drv_free(d);
}

static void bad(void **state)
{
	struct drv *d = zone_start(NULL);
	uint64_t iova = drv_alloc(d, 4096);

	assert_int_equal(zone_report(d, 0, 2, iova, 4096), 0x002);
	assert_int_equal(zone_report(d, 0, 1, iova, 4096), 0x002); /* no extensions */
	assert_int_equal(zone_report(d, 0, 8u << 8, iova, 4096), 0x002);
	assert_int_equal(zone_report(d, 0, 10u << 8, iova, 4096), 0x002);
	assert_int_equal(zone_report(d, 0, 0xffu << 8, iova, 4096), 0x002);
	assert_int_equal(zone_report(d, NR_ZONES * ZSZE, 0, iova, 4096), 0x080);
	assert_int_equal(zone_report(d, 0, 0, iova, (512u << 10) + 4), 0x002); /* MDTS */
	drv_free(d);
}

static void many(void **state)
{
	struct drv_params p;
	struct drv *d;
	const struct nvme_zone_report *r;
	const unsigned int nr = 3000;

	zone_params(&p);
	p.ns.zoned.zone_size = p.ns.zoned.zone_capacity = 8 * ZLBS;
	p.ns_bytes = nr * 8 * ZLBS;
	d = zone_start(&p);
	for (unsigned int z = 0; z < nr; z += 3)
		assert_int_equal(zone_write(d, z * 8, 1, 1), 0);
	r = report(d, 0, 2u << 8, 64 * (nr + 1));
	assert_int_equal(sim_le64(r->nr_zones), nr / 3);
	for (unsigned int i = 0; i < nr / 3; i++) {
		assert_int_equal(sim_le64(r->entries[i].zslba), i * 3 * 8);
		assert_int_equal(sim_le64(r->entries[i].wp), i * 3 * 8 + 1);
	}
	r = report(d, 0, 0, 64 * (nr + 1));
	assert_int_equal(sim_le64(r->nr_zones), nr);
	for (unsigned int i = 0; i < nr; i++)
		assert_int_equal(r->entries[i].zs >> 4, i % 3 ? ZS_EMPTY : ZS_IO);
	r = report(d, 0, 2u << 8, 64 * 11);
	assert_int_equal(sim_le64(r->nr_zones), nr / 3);
	drv_free(d);
}

static void extensions(void **state)
{
	struct drv_params p;
	struct drv *d;
	const uint8_t *r;
	uint8_t ext[EXT];

	zone_params(&p);
	p.ns.zoned.descr_ext_size = EXT;
	d = zone_start(&p);
	memset(ext, 0x5c, sizeof(ext));
	assert_int_equal(zone_set_ext(d, 1, ext, EXT), 0x002);
	assert_int_equal(zone_set_ext(d, NR_ZONES * ZSZE, ext, EXT), 0x080);
	assert_int_equal(zone_set_ext(d, 2 * ZSZE, ext, EXT), 0);
	assert_zone(d, 2, ZS_CLOSED, 0);
	assert_int_equal(zone_desc(d, 2).za, 0x80);
	assert_int_equal(zone_set_ext(d, 2 * ZSZE, ext, EXT), ST_TRANSITION);
	assert_int_equal(zone_write(d, 3 * ZSZE, 1, 1), 0);
	assert_int_equal(zone_set_ext(d, 3 * ZSZE, ext, EXT), ST_TRANSITION);
	r = (const uint8_t *)report(d, ZSZE, 1, 64 + 3 * (64 + EXT) + 64);
	assert_int_equal(u64_at(r), NR_ZONES - 1);
	for (unsigned int i = 0; i < 3; i++) {
		const uint8_t *e = r + 64 + i * (64 + EXT);

		assert_int_equal(u64_at(e + 16), (i + 1) * ZSZE);
		for (unsigned int k = 0; k < EXT; k++)
			assert_int_equal(e[64 + k], i == 1 ? 0x5c : 0);
	}
	/* a descriptor without room for its extension is not there */
	r = (const uint8_t *)report(d, ZSZE, 1 | 1u << 16, 64 + 2 * (64 + EXT) + 64);
	assert_int_equal(u64_at(r), 2);
	/* it stays through everything but Reset */
	assert_int_equal(zone_write(d, 2 * ZSZE, ZCAP, 1), 0);
	assert_int_equal(zone_state(d, 2), ZS_FULL);
	assert_int_equal(zone_desc(d, 2).za, 0x80);
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_RESET), 0);
	assert_int_equal(zone_desc(d, 2).za, 0);
	memset(ext, 0x77, sizeof(ext));
	assert_int_equal(zone_set_ext(d, 2 * ZSZE, ext, EXT), 0);
	r = (const uint8_t *)report(d, 2 * ZSZE, 1 | 1u << 16, 64 + 64 + EXT);
	assert_int_equal(r[64 + 64], 0x77);
	drv_free(d);
	d = zone_start(NULL);
	assert_int_equal(zone_set_ext(d, 0, ext, 64), 0x002);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters), cmocka_unit_test(pieces),	 cmocka_unit_test(bad),
		cmocka_unit_test(many),	   cmocka_unit_test(extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
