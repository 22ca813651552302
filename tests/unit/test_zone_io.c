/* SPDX-License-Identifier: MIT */
/*
 * test_zone_io.c - the NVM Command Set's commands on zones: Zoned Namespace Command Set 1.1, 3.3
 * and 2.1.1.2.
 */
#include "zonecmd.h"

static void act(struct drv *d, unsigned int z, enum sim_zone_act what)
{
	struct sim_msg msg = { "" };

	if (sim_zone_act(d->subsys, 1, z * ZSZE, what, &msg))
		fail_msg("%s", msg.text);
}

static void reads(void **state)
{
	static const uint8_t ops[] = { OP_READ, OP_COMPARE, OP_VERIFY };
	struct drv_params p;

	for (unsigned int cross = 0; cross < 2; cross++) {
		struct drv *d;
		uint64_t iova;

		zone_params(&p);
		p.ns.zoned.cross_read = cross;
		d = zone_start(&p);
		iova = drv_alloc(d, 4 * ZSZE * ZLBS);
		for (unsigned int i = 0; i < sizeof(ops); i++) {
			/* to the zone's end, capacity or not; over it */
			assert_int_equal(rw(d, ops[i], ZSZE - 10, 10, 0, iova, ZLBS), 0);
			assert_int_equal(rw(d, ops[i], ZSZE - 10, 11, 0, iova, ZLBS),
					 cross ? 0 : ST_BOUNDARY);
		}
		act(d, 1, SIM_ZA_OFFLINE);
		for (unsigned int i = 0; i < sizeof(ops); i++) {
			assert_int_equal(rw(d, ops[i], ZSZE + 50, 1, 0, iova, ZLBS), ST_OFFLINE);
			assert_int_equal(rw(d, ops[i], ZSZE + 50, 80, 0, iova, ZLBS), ST_OFFLINE);
			assert_int_equal(rw(d, ops[i], ZSZE - 1, 1, 0, iova, ZLBS), 0);
			assert_int_equal(rw(d, ops[i], 2 * ZSZE, 1, 0, iova, ZLBS), 0);
			assert_int_equal(rw(d, ops[i], ZSZE - 1, 2, 0, iova, ZLBS),
					 cross ? ST_OFFLINE : ST_BOUNDARY);
			assert_int_equal(rw(d, ops[i], ZSZE - 1, 102, 0, iova, ZLBS),
					 cross ? ST_OFFLINE : ST_BOUNDARY);
		}
		drv_free(d);
	}
}

/* Write Zeroes and Write Uncorrectable are writes: at the write pointer, which moves */
static void other_writes(void **state)
{
	struct drv *d = zone_start(NULL);
	uint64_t iova = drv_alloc(d, 64 * ZLBS);

	assert_int_equal(zone_write(d, 0, 4, 1), 0);
	assert_int_equal(no_data_cmd(d, OP_WRITE_ZEROES, 3, 4, 0), ST_INVALID_WRITE);
	assert_int_equal(no_data_cmd(d, OP_WRITE_ZEROES, 4, 4, 0), 0);
	assert_zone(d, 0, ZS_IO, 8);
	assert_int_equal(no_data_cmd(d, OP_WRITE_ZEROES, 8, 4, DEAC), 0);
	assert_zone(d, 0, ZS_IO, 12);
	assert_int_equal(no_data_cmd(d, OP_WRITE_UNCOR, 11, 4, 0), ST_INVALID_WRITE);
	assert_int_equal(no_data_cmd(d, OP_WRITE_UNCOR, 12, 4, 0), 0);
	assert_zone(d, 0, ZS_IO, 16);
	assert_int_equal(rw(d, OP_READ, 12, 1, 0, iova, ZLBS), 0x281);
	assert_true(zone_holds(d, 0, 4, 1));
	assert_true(zone_holds(d, 4, 8, 0));
	assert_int_equal(no_data_cmd(d, OP_WRITE_ZEROES, 16, ZCAP - 15, 0), ST_BOUNDARY);
	assert_int_equal(no_data_cmd(d, OP_WRITE_ZEROES, 16, ZCAP - 16, 0), 0);
	assert_int_equal(zone_state(d, 0), ZS_FULL);
	assert_int_equal(no_data_cmd(d, OP_WRITE_ZEROES, 16, 1, 0), ST_FULL);
	assert_int_equal(no_data_cmd(d, OP_WRITE_UNCOR, 16, 1, 0), ST_FULL);
	act(d, 1, SIM_ZA_READ_ONLY);
	act(d, 2, SIM_ZA_OFFLINE);
	assert_int_equal(no_data_cmd(d, OP_WRITE_ZEROES, ZSZE, 1, 0), ST_READ_ONLY);
	assert_int_equal(no_data_cmd(d, OP_WRITE_UNCOR, 2 * ZSZE, 1, 0), ST_OFFLINE);
	assert_int_equal(zone_write(d, ZSZE, 1, 1), ST_READ_ONLY);
	assert_int_equal(zone_write(d, 2 * ZSZE, 1, 1), ST_OFFLINE);
	assert_int_equal(zone_append(d, ZSZE, 1, 1, NULL), ST_READ_ONLY);
	assert_int_equal(zone_append(d, 2 * ZSZE, 1, 1, NULL), ST_OFFLINE);
	/* the reset heals the bad blocks */
	assert_int_equal(zone_send(d, 0, ZSA_RESET), 0);
	assert_true(zone_holds(d, 0, ZSZE, 0));
	drv_free(d);
}

/* Deallocate leaves the write pointer, and is refused for Offline zones only */
static void dataset_management(void **state)
{
	struct drv *d = zone_start(NULL);

	assert_int_equal(zone_write(d, 0, ZCAP, 1), 0);
	assert_int_equal(zone_write(d, ZSZE, 8, 1), 0);
	assert_int_equal(deallocate(d, 80, ZSZE), 0);
	assert_int_equal(zone_state(d, 0), ZS_FULL);
	assert_zone(d, 1, ZS_IO, 8);
	assert_true(zone_holds(d, 0, 80, 1));
	assert_true(zone_holds(d, 80, 10, 0));
	assert_true(zone_holds(d, ZSZE, 8, 0));
	act(d, 2, SIM_ZA_OFFLINE);
	assert_int_equal(deallocate(d, 0, 250), ST_OFFLINE);
	assert_true(zone_holds(d, 0, 80, 1));
	assert_int_equal(deallocate(d, 0, 200), 0);
	assert_int_equal(deallocate(d, 299, 1), ST_OFFLINE);
	assert_int_equal(deallocate(d, 300, 1), 0);
	drv_free(d);
}

struct copy_src {
	uint64_t slba;
	uint32_t nlb;
};

/* Copy, descriptor format 0h */
static uint16_t copy(struct drv *d, uint64_t sdlba, const struct copy_src *src, unsigned int nr)
{
	uint64_t iova = drv_alloc(d, nr * 32);
	struct drv_cmd cmd = rw_cmd(0x19, sdlba, nr, 0);

	for (unsigned int i = 0; i < nr; i++) {
		uint8_t *p = (uint8_t *)drv_ptr(d, iova) + 32 * i;
		uint64_t slba = sim_le64(src[i].slba);
		uint16_t nlb = sim_le16((uint16_t)(src[i].nlb - 1));

		memcpy(p + 8, &slba, 8);
		memcpy(p + 16, &nlb, 2);
	}
	return drv_io(d, &cmd, iova, nr * 32, NULL);
}

static void copies(void **state)
{
	struct drv_params p;
	struct drv *d;
	const struct copy_src two[] = { { .slba = 2, .nlb = 4 }, { .slba = ZSZE, .nlb = 3 } };
	const struct copy_src over[] = { { .slba = 2, .nlb = 4 }, { .slba = ZSZE - 1, .nlb = 2 } };
	const struct copy_src bad[] = { { .slba = 2, .nlb = 4 }, { .slba = ZSZE + 10, .nlb = 1 } };

	zone_params(&p);
	p.ns.mssrl = 128;
	p.ns.mcl = 256;
	p.ns.msrc = 127;
	d = zone_start(&p);
	assert_int_equal(zone_write(d, 0, 10, 1), 0);
	assert_int_equal(zone_write(d, ZSZE, 10, 2), 0);
	assert_int_equal(copy(d, 5 * ZSZE + 1, two, 2), ST_INVALID_WRITE);
	assert_int_equal(copy(d, 5 * ZSZE, over, 2), ST_BOUNDARY);
	assert_zone(d, 5, ZS_EMPTY, 0);
	assert_int_equal(copy(d, 5 * ZSZE, two, 2), 0);
	assert_zone(d, 5, ZS_IO, 7);
	assert_true(zone_holds(d, 5 * ZSZE, 4, 1));
	assert_true(zone_holds(d, 5 * ZSZE + 4, 3, 2));
	assert_int_equal(zone_write(d, 5 * ZSZE + 7, ZCAP - 10, 3), 0);
	assert_int_equal(copy(d, 5 * ZSZE + ZCAP - 3, two, 2), ST_BOUNDARY);
	assert_int_equal(copy(d, 5 * ZSZE + ZCAP - 3, two + 1, 1), 0);
	assert_int_equal(zone_state(d, 5), ZS_FULL);
	assert_int_equal(copy(d, 5 * ZSZE, two, 2), ST_FULL);
	/* a bad block among the sources: nothing is there of it */
	assert_int_equal(no_data_cmd(d, OP_WRITE_UNCOR, ZSZE + 10, 1, 0), 0);
	assert_int_equal(copy(d, 6 * ZSZE, bad, 2), 0x281);
	assert_zone(d, 6, ZS_EMPTY, 0);
	assert_true(zone_holds(d, 6 * ZSZE, 5, 0));
	act(d, 1, SIM_ZA_OFFLINE);
	assert_int_equal(copy(d, 6 * ZSZE, two, 2), ST_OFFLINE);
	drv_free(d);
}

/* section 2.1.3: no fused operations */
static void fused(void **state)
{
	struct drv *d = zone_start(NULL);
	uint64_t iova = drv_alloc(d, 4096);
	struct drv_cmd compare = rw_cmd(OP_COMPARE, 0, 1, 0), write = rw_cmd(OP_WRITE, 0, 1, 0);
	struct drv_cqe cqe;
	unsigned int n = 0;

	compare.dw[0] |= 1u << 8;
	write.dw[0] |= 2u << 8;
	drv_prps(d, &compare, iova, ZLBS);
	drv_prps(d, &write, iova, ZLBS);
	drv_submit(d, &d->io, &compare);
	drv_submit(d, &d->io, &write);
	for (unsigned int i = 0; i < 1000 && n < 2; i++) {
		if (!drv_poll(d, &d->io, &cqe))
			continue;
		assert_int_equal(cqe.status & 0x7ff, 0x002);
		n++;
	}
	assert_int_equal(n, 2);
	assert_zone(d, 0, ZS_EMPTY, 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(other_writes),
		cmocka_unit_test(dataset_management),
		cmocka_unit_test(copies),
		cmocka_unit_test(fused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
