/* SPDX-License-Identifier: MIT */
/* test_smart.c - SMART / Health Information: NVMe Base 2.1, section 5.1.12.1.3, figure 206 */
#include "admin.h"

#define MIN (60 * 1000000000ull)
#define HOUR (60 * MIN)
#define RECORD_SMART 1

/* a journal that has cells only: what survives is what is in them */
struct cells {
	uint64_t mem[4][256];
	uint32_t len[4];
	unsigned int syncs;
};

static void *cell(void *opaque, uint16_t type, uint64_t key, uint32_t len)
{
	struct cells *j = opaque;

	assert_int_equal(type, RECORD_SMART);
	assert_true(key < 4);
	assert_int_equal(len % 8, 0);
	assert_true(len <= sizeof(j->mem[0]));
	assert_true(!j->len[key] || j->len[key] == len);
	j->len[key] = len;
	return j->mem[key];
}

static int put(void *opaque, uint16_t type, uint64_t key, uint16_t version, const void *buf,
	       uint32_t len)
{
	return 0;
}

static int get(void *opaque, uint16_t type, uint64_t key, uint16_t *version, void *buf,
	       uint32_t len)
{
	return SIM_ENOENT;
}

static int sync_cells(void *opaque)
{
	((struct cells *)opaque)->syncs++;
	return 0;
}

static struct drv *powered(struct cells *j)
{
	struct drv_params p;
	struct drv *d;

	drv_params(&p);
	if (j)
		p.journal = (struct sim_journal_port){
			.put = put, .get = get, .cell = cell, .sync = sync_cells, .opaque = j
		};
	d = drv_new(&p);
	drv_start(d);
	return d;
}

static const uint8_t *smart(struct drv *d)
{
	uint8_t *page;

	assert_int_equal(get_log(d, 0x02, NSID_ALL, 0, 512, true, &page), ST_OK);
	return page;
}

static void shut_down(struct drv *d)
{
	drv_w32(d, 0x14, (drv_r32(d, 0x14) & ~(3u << 14)) | 1u << 14);
	drv_advance(d, 1000000);
	assert_int_equal(drv_r32(d, 0x1c) >> 2 & 3, 2); /* CSTS.SHST: complete */
}

/* @nlb blocks of 512 bytes, by reads (02h), writes (01h), ... */
static uint16_t io(struct drv *d, uint8_t opcode, uint32_t nlb)
{
	struct drv_cmd cmd = { .dw = { [0] = opcode, [1] = 1, [12] = nlb - 1 } };
	struct drv_cqe cqe;

	return drv_io(d, &cmd, drv_alloc(d, nlb * 512), nlb * 512, &cqe);
}

static void test_fresh(void **state)
{
	struct drv *d = powered(NULL);
	const uint8_t *s = smart(d);

	assert_int_equal(s[0], 0); /* no critical warning */
	assert_int_equal(get16(s + 1), 323); /* kelvin */
	assert_int_equal(s[3], 100); /* available spare */
	assert_true(s[4] > 0 && s[4] < 100); /* its threshold */
	assert_int_equal(s[5], 0); /* used */
	assert_true(all_zero(s + 6, 26));
	assert_true(all_zero(s + 32, 80)); /* units and commands read and written, busy time */
	assert_int_equal(get64(s + 112), 1); /* power cycles */
	assert_int_equal(get64(s + 128), 0); /* power on hours */
	assert_int_equal(get64(s + 144), 0); /* unsafe shutdowns */
	assert_int_equal(get64(s + 160), 0); /* media errors */
	assert_int_equal(get64(s + 176), 0); /* error log entries */
	assert_true(all_zero(s + 192, 320)); /* no time too hot, no sensors */
	drv_free(d);
}

static void test_units(void **state)
{
	struct drv *d = powered(NULL);
	const uint8_t *s;

	/* thousands of 512 bytes, rounded up */
	assert_int_equal(io(d, 0x02, 1), ST_OK);
	s = smart(d);
	assert_int_equal(get64(s + 32), 1);
	assert_int_equal(get64(s + 48), 0);
	assert_int_equal(get64(s + 64), 1);
	assert_int_equal(get64(s + 80), 0);
	for (unsigned int i = 0; i < 9; i++)
		assert_int_equal(io(d, 0x02, 111), ST_OK); /* 999 more */
	s = smart(d);
	assert_int_equal(get64(s + 32), 1);
	assert_int_equal(get64(s + 64), 10);
	assert_int_equal(io(d, 0x02, 1), ST_OK);
	assert_int_equal(get64(smart(d) + 32), 2);

	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(io(d, 0x01, 200), ST_OK);
	s = smart(d);
	assert_int_equal(get64(s + 48), 2);
	assert_int_equal(get64(s + 80), 10);
	assert_int_equal(get64(s + 32), 2);
	assert_int_equal(get64(s + 64), 11);
	/* Compare reads */
	assert_int_equal(io(d, 0x05, 1), ST_OK);
	assert_int_equal(get64(smart(d) + 64), 12);
	drv_free(d);
}

static void test_error_count(void **state)
{
	struct cells j = { 0 };
	struct drv *d = powered(&j);
	uint8_t *page;

	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(identify(d, 0, 0xee, 0, &page), ST_INVALID_FIELD);
	assert_int_equal(get64(smart(d) + 176), 3);
	drv_free(d);

	/* the entries are gone with the power, their count goes on */
	d = powered(&j);
	assert_int_equal(get_log(d, 0x01, NSID_ALL, 0, 64, true, &page), ST_OK);
	assert_int_equal(get64(page), 0);
	assert_int_equal(identify(d, 0, 0xee, 0, &page), ST_INVALID_FIELD);
	assert_int_equal(get_log(d, 0x01, NSID_ALL, 0, 64, true, &page), ST_OK);
	assert_int_equal(get64(page), 4);
	assert_int_equal(get64(smart(d) + 176), 4);
	drv_free(d);
}

static void test_power_on_hours(void **state)
{
	struct cells j = { 0 };
	struct drv *d = powered(&j);

	drv_advance(d, HOUR - 1);
	assert_int_equal(get64(smart(d) + 128), 0);
	drv_advance(d, 1);
	assert_int_equal(get64(smart(d) + 128), 1);
	drv_advance(d, 50 * HOUR);
	assert_int_equal(get64(smart(d) + 128), 51);
	drv_advance(d, 30 * MIN);
	d->now_ns += MIN / 2; /* and then the power goes */
	drv_free(d);

	d = powered(&j);
	assert_int_equal(get64(smart(d) + 128), 51);
	drv_advance(d, 30 * MIN - MIN / 2);
	assert_int_equal(get64(smart(d) + 128), 52);
	drv_free(d);
}

/* a process that is killed: what is in the cell then is all there is */
static void test_killed(void **state)
{
	struct cells j = { 0 }, killed;
	struct drv *d = powered(&j);

	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(io(d, 0x01, 200), ST_OK);
	drv_advance(d, 2 * HOUR + MIN);
	killed = j;
	drv_free(d);

	d = powered(&killed);
	assert_int_equal(get64(smart(d) + 48), 2);
	assert_int_equal(get64(smart(d) + 80), 10);
	assert_int_equal(get64(smart(d) + 128), 2);
	assert_int_equal(get64(smart(d) + 144), 1); /* an unsafe shutdown */
	drv_free(d);
}

static void test_shutdowns(void **state)
{
	struct cells j = { 0 };
	struct drv *d = powered(&j);
	const uint8_t *s;

	assert_int_equal(io(d, 0x01, 8), ST_OK);
	shut_down(d);
	assert_true(j.syncs > 0);
	drv_free(d);

	d = powered(&j);
	s = smart(d);
	assert_int_equal(get64(s + 112), 2);
	assert_int_equal(get64(s + 144), 0);
	assert_int_equal(get64(s + 80), 1);
	drv_free(d); /* without a shutdown */

	d = powered(&j);
	s = smart(d);
	assert_int_equal(get64(s + 112), 3);
	assert_int_equal(get64(s + 144), 1);
	/* shut down, but enabled again before the power went */
	shut_down(d);
	drv_disable(d);
	drv_enable(d);
	drv_free(d);

	d = powered(&j);
	assert_int_equal(get64(smart(d) + 144), 2);
	/* a reset is not a power cycle */
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(get64(smart(d) + 112), 4);
	assert_int_equal(get64(smart(d) + 144), 2);
	drv_free(d);
}

static void test_temperature_warning(void **state)
{
	const uint32_t under = 1u << 20;
	struct drv *d = powered(NULL);

	assert_int_equal(set_feature(d, 0x04, 0, 324, NULL), ST_OK);
	assert_int_equal(smart(d)[0], 0);
	assert_int_equal(set_feature(d, 0x04, 0, 323, NULL), ST_OK);
	assert_int_equal(smart(d)[0], 0x02); /* whether events are enabled or not */
	assert_int_equal(set_feature(d, 0x04, 0, 343, NULL), ST_OK);
	assert_int_equal(smart(d)[0], 0);
	assert_int_equal(set_feature(d, 0x04, 0, under | 323, NULL), ST_OK);
	assert_int_equal(smart(d)[0], 0x02);
	drv_free(d);
}

/* without a journal nothing survives, and nothing needs a timer */
static void test_no_journal(void **state)
{
	struct drv *d = powered(NULL);

	assert_int_equal(sim_run_timers(d->subsys), UINT64_MAX);
	drv_advance(d, 3 * HOUR);
	assert_int_equal(get64(smart(d) + 128), 3);
	drv_free(d);
	d = powered(NULL);
	assert_int_equal(get64(smart(d) + 112), 1);
	assert_int_equal(get64(smart(d) + 128), 0);
	drv_free(d);
}

/* bits from outside: in the page at once, reported when they are new and the host asked for them */
static void test_critical_warning(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cqe cqe;
	uint8_t *page;

	drv_enable(d);
	assert_int_equal(sim_smart_warn(d->fn, 0x20), SIM_EINVAL); /* no PMR */
	assert_int_equal(sim_smart_warn(d->fn, 0x40), SIM_EINVAL);
	assert_int_equal(sim_smart_warn(d->fn, 0x80), SIM_EINVAL);
	assert_int_equal(set_feature(d, 0x0b, 0, 0x0c, NULL), ST_OK);
	aer_submit(d);
	assert_int_equal(sim_smart_warn(d->fn, 0x10), 0); /* not one the host asked for */
	assert_int_equal(get_log(d, 0x02, NSID_ALL, 0, 512, true, &page), ST_OK);
	assert_int_equal(page[0], 0x10);
	assert_false(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(sim_smart_warn(d->fn, 0x04), 0);
	assert_int_equal(sim_smart_warned(d->fn), 0x04);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.dw0, 1 | 0 << 8 | 2 << 16); /* SMART, reliability, log page 02h */
	/* read, and set once more: not new */
	assert_int_equal(get_log(d, 0x02, NSID_ALL, 0, 512, false, &page), ST_OK);
	assert_int_equal(page[0], 0x04);
	aer_submit(d);
	assert_int_equal(sim_smart_warn(d->fn, 0x04), 0);
	assert_false(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(sim_smart_warn(d->fn, 0x0c), 0);
	assert_true(drv_poll(d, &d->admin, &cqe));
	/* a spare that is low is low in the page, too */
	assert_int_equal(sim_smart_warn(d->fn, 0x01), 0);
	assert_int_equal(get_log(d, 0x02, NSID_ALL, 0, 512, false, &page), ST_OK);
	assert_true(page[3] < page[4]);
	assert_int_equal(sim_smart_warn(d->fn, 0), 0);
	assert_int_equal(get_log(d, 0x02, NSID_ALL, 0, 512, false, &page), ST_OK);
	assert_int_equal(page[0], 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_error_count),
		cmocka_unit_test(test_power_on_hours),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_shutdowns),
		cmocka_unit_test(test_temperature_warning),
		cmocka_unit_test(test_no_journal),
		cmocka_unit_test(test_critical_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
