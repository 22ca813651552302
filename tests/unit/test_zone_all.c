/* SPDX-License-Identifier: MIT */
/*
 * test_zone_all.c - what concerns more than one zone: Select All, addresses, reads across zones,
 * reports. ZNS Command Set Specification 1.1, sections 2.1.1.2.1.2, 3.4.2, 3.4.3.1.
 */
#include "zone_fx.h"

#define SOURCE 1u /* a zone that can be copied from */

static const struct limits no_limits = { "no limits", 0, 0, true, 0, 0, false };

/* ---- Select All ----------------------------------------------------------------------------- */

/* 3.4.3.1: the states an action takes when all zones are selected, and where to */
static const struct {
	const char *name;
	uint8_t zsa;
	uint16_t status;
	uint8_t next[NR_ST];
} all_rows[] = {
	{ "Close", ZSA_CLOSE, 0, { E, C, C, C, F, RO, OFF } },
	{ "Finish", ZSA_FINISH, 0, { E, F, F, F, F, RO, OFF } },
	{ "Open", ZSA_OPEN, 0, { E, IO, EO, EO, F, RO, OFF } },
	{ "Reset", ZSA_RESET, 0, { E, E, E, E, E, RO, OFF } },
	{ "Offline", ZSA_OFFLINE, 0, { E, IO, EO, C, F, OFF, OFF } },
	{ "Set Zone Descriptor Extension", ZSA_SET_EXT, ZST_INVALID_FIELD, { 0 } },
	{ "Flush ZRWA", ZSA_FLUSH_ZRWA, ZST_INVALID_FIELD, { 0 } },
	{ "reserved", 0x00, ZST_INVALID_FIELD, { 0 } },
	{ "reserved", 0x0f, ZST_INVALID_FIELD, { 0 } },
	{ "reserved", 0x12, ZST_INVALID_FIELD, { 0 } },
};

/* what zones are in; no more than three are open at a time while they are brought there */
static const enum st all_st[NR_ZONES] = { E, F, RO, OFF, F, C, C, IO, EO, IO };

static void one_of_each(struct fx *f)
{
	for (uint32_t i = 0; i < NR_ZONES; i++) {
		if (all_st[i] != E)
			write_ok(f, i * ZSZE, 1 + i % 4);
		if (all_st[i] == EO)
			assert_int_equal(zsend(f, i, ZSA_OPEN), 0);
		if (all_st[i] == C)
			assert_int_equal(zsend(f, i, ZSA_CLOSE), 0);
		if (all_st[i] == F)
			assert_int_equal(zsend(f, i, ZSA_FINISH), 0);
		if (all_st[i] == RO || all_st[i] == OFF)
			act_ok(f, i, all_st[i] == RO ? SIM_ZA_READ_ONLY : SIM_ZA_OFFLINE);
	}
}

static void all_zones(const struct limits *l, unsigned int row, uint16_t want)
{
	struct fx *f = make(l, true, false);
	uint8_t before[REPORT_LEN], now[REPORT_LEN];
	struct drv_cmd cmd = zone_send_cmd(~0ull, all_rows[row].zsa | ZSA_ALL); /* SLBA: ignored */
	uint64_t zslba;
	uint16_t status;

	one_of_each(f);
	changed(f, &zslba);
	report(f, before);
	status = exec(f, &cmd, 0);
	if (status != zone_dnr(want))
		fail_msg("%s: %s all: status %xh, not %xh", f->name, all_rows[row].name, status,
			 zone_dnr(want));
	report(f, now);
	check_counts(f, now);
	assert_int_equal(changed(f, &zslba), 0);
	if (want) {
		assert_memory_equal(before, now, REPORT_LEN);
		done(f);
		return;
	}
	for (unsigned int i = 0; i < NR_ZONES; i++) {
		struct zone_desc z = zone_desc(now, i, ZDES), was = zone_desc(before, i, ZDES);
		uint8_t next = all_rows[row].next[all_st[i]];

		if (z.state != wire_state[next])
			fail_msg("%s: %s all: zone %u is %s", f->name, all_rows[row].name, i,
				 zone_state_name(z.state));
		assert_int_equal(z.attrs, 0);
		assert_int_equal(z.wp, next == E	       ? i * ZSZE
				       : with_pointer(z.state) ? was.wp
							       : ZWP_NONE);
	}
	done(f);
}

static void test_select_all(void **state)
{
	/* 5 active, 3 of them open, 2 closed: opening all of those takes 5 */
	static const struct limits enough[] = {
		{ "no limits", 0, 0, true, 0, 0, false },
		{ "just enough", 5, 5, true, 0, 0, false },
		{ "just enough, no auto transition", 6, 5, false, 0, 0, false },
		{ "one too few, no auto transition", 6, 4, false, 0, 0, false },
		/* no way to make room: 1 explicitly opened and 2 closed are 3 */
		{ "far too few", 6, 3, false, 0, 0, false },
	};

	for (unsigned int l = 0; l < sizeof(enough) / sizeof(enough[0]); l++)
		for (unsigned int row = 0; row < sizeof(all_rows) / sizeof(all_rows[0]); row++)
			all_zones(&enough[l], row,
				  all_rows[row].zsa == ZSA_OPEN && l >= 3 ? ZST_TOO_MANY_OPEN
									  : all_rows[row].status);
}

/* ---- addresses ------------------------------------------------------------------------------ */

/* what no zone is at, and what does not fit an address */
static void test_addresses(void **state)
{
	static const uint64_t nsze = (uint64_t)NR_ZONES * ZSZE;
	const uint64_t beyond[] = { nsze,	nsze + ZSZE,	  1ull << 32,
				    1ull << 63, ~0ull - ZSZE + 1, ~0ull };
	static const uint8_t ops[] = { OP_WRITE,	OP_READ,	OP_COMPARE,
				       OP_WRITE_ZEROES, OP_WRITE_UNCOR, OP_VERIFY };
	struct fx *f = make(&no_limits, true, true);
	uint8_t before[REPORT_LEN], now[REPORT_LEN];

	one_of_each(f);
	report(f, before);
	for (unsigned int i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		static const uint8_t zsa[] = { ZSA_CLOSE, ZSA_FINISH,  ZSA_OPEN,
					       ZSA_RESET, ZSA_OFFLINE, ZSA_SET_EXT };
		struct drv_cmd cmd;

		for (unsigned int k = 0; k < sizeof(zsa); k++) {
			cmd = zone_send_cmd(beyond[i], zsa[k]);
			assert_int_equal(exec(f, &cmd, ZDES), zone_dnr(ZST_LBA_RANGE));
		}
		cmd = rw_cmd(OP_ZONE_APPEND, beyond[i], 1, 0);
		assert_int_equal(exec(f, &cmd, LBS), zone_dnr(ZST_LBA_RANGE));
		for (unsigned int k = 0; k < sizeof(ops); k++)
			assert_int_equal(move(f, ops[k], beyond[i], 1), zone_dnr(ZST_LBA_RANGE));
		assert_int_equal(copy(f, SOURCE * ZSZE, beyond[i], 1), zone_dnr(ZST_LBA_RANGE));
		assert_int_equal(copy(f, beyond[i], 0, 1), zone_dnr(ZST_LBA_RANGE));
		cmd = zone_receive_cmd(beyond[i], 128, ZRA_REPORT);
		assert_int_equal(exec(f, &cmd, 128), zone_dnr(ZST_LBA_RANGE));
	}
	/* from the last zone out of the namespace */
	for (unsigned int k = 0; k < sizeof(ops); k++)
		assert_int_equal(move(f, ops[k], nsze - 1, 2), zone_dnr(ZST_LBA_RANGE));
	assert_int_equal(move(f, OP_WRITE_ZEROES, 0, 65536), zone_dnr(ZST_LBA_RANGE));
	report(f, now);
	assert_memory_equal(before, now, REPORT_LEN);
	done(f);
}

/* OZCS bit 0: with it, reads cross zones, and find the offline one */
static void test_cross_read(void **state)
{
	static const uint8_t ops[] = { OP_READ, OP_VERIFY };
	struct fx *f = make(&no_limits, true, true);

	one_of_each(f);
	for (unsigned int k = 0; k < sizeof(ops); k++) {
		assert_int_equal(move(f, ops[k], 0, 3 * ZSZE), 0);
		assert_int_equal(move(f, ops[k], 2 * ZSZE, ZSZE), 0);
		assert_int_equal(move(f, ops[k], 2 * ZSZE, ZSZE + 1), zone_dnr(ZST_OFFLINE));
		assert_int_equal(move(f, ops[k], 4 * ZSZE - 1, 2), zone_dnr(ZST_OFFLINE));
		assert_int_equal(move(f, ops[k], 2 * ZSZE, 3 * ZSZE), zone_dnr(ZST_OFFLINE));
		assert_int_equal(move(f, ops[k], 4 * ZSZE, 2 * ZSZE), 0);
	}
	assert_int_equal(dsm(f, 1 * ZSZE, 4 * ZSZE), zone_dnr(ZST_OFFLINE));
	assert_int_equal(dsm(f, 4 * ZSZE, 2 * ZSZE), 0);
	/* a write never does */
	assert_int_equal(copy(f, 1 * ZSZE, 7 * ZSZE + 4, ZSZE + 1), zone_dnr(ZST_BOUNDARY));
	assert_int_equal(copy(f, 4 * ZSZE + 20, 7 * ZSZE + 4, 6), 0);
	done(f);
}

/* ---- receive -------------------------------------------------------------------------------- */

static uint64_t receive(struct fx *f, uint64_t slba, uint32_t len, uint32_t cdw13, uint16_t want)
{
	struct drv_cmd cmd = zone_receive_cmd(slba, len, cdw13);

	memset(drv_ptr(f->d, f->buf), 0xa5, len);
	assert_int_equal(exec(f, &cmd, len), zone_dnr(want));
	return u64_at(drv_ptr(f->d, f->buf));
}

/* 3.4.2: options, partial reports, extensions, where a report begins */
static void test_receive(void **state)
{
	static const uint8_t option_state[] = { 0,	   ZS_EMPTY, ZS_IMPLICIT,  ZS_EXPLICIT,
						ZS_CLOSED, ZS_FULL,  ZS_READ_ONLY, ZS_OFFLINE };
	struct fx *f = make(&no_limits, false, false);
	const void *buf = drv_ptr(f->d, f->buf);

	one_of_each(f);
	for (uint32_t o = 0; o < 8; o++) {
		for (uint32_t from = 0; from < NR_ZONES; from++) {
			for (uint32_t room = 0; room <= NR_ZONES; room++) {
				for (uint32_t ext = 0; ext < 2; ext++) {
					const uint32_t zdes = ext ? ZDES : 0;
					const uint32_t len = 64 + room * (64 + zdes);
					const uint64_t slba = from * ZSZE + from % 3 * 11;
					uint32_t n = 0, match = 0;
					uint64_t all, part;

					part = receive(f, slba, len,
						       ext | ZRA_OPTION(o) | ZRA_PARTIAL, 0);
					for (uint32_t z = from; z < NR_ZONES; z++) {
						struct zone_desc d;

						if (o && wire_state[all_st[z]] != option_state[o])
							continue;
						if (match++ >= room)
							continue;
						d = zone_desc(buf, n++, zdes);
						assert_int_equal(d.zslba, z * ZSZE);
						assert_int_equal(d.state, wire_state[all_st[z]]);
					}
					assert_int_equal(part, n);
					all = receive(f, slba, len, ext | ZRA_OPTION(o), 0);
					assert_int_equal(all, match);
				}
			}
		}
	}
	for (uint32_t o = 8; o < 256; o++)
		if (o != 9)
			receive(f, 0, 4096, ZRA_OPTION(o), ZST_INVALID_FIELD);
	for (uint32_t zra = 2; zra < 256; zra++)
		receive(f, 0, 4096, zra, ZST_INVALID_FIELD);
	/* a descriptor that does not fit is not counted in a partial report */
	assert_int_equal(receive(f, 0, 64 + 64 + 60, ZRA_REPORT | ZRA_PARTIAL, 0), 1);
	assert_int_equal(receive(f, 0, 64 + 124, ZRA_EXTENDED | ZRA_PARTIAL, 0), 0);
	done(f);
}

/* 3.4.2, figure 34, option 9h: zones with one of the three attributes */
static void test_receive_attributes(void **state)
{
	struct fx *f = make(&no_limits, false, false);
	const void *buf = drv_ptr(f->d, f->buf);

	one_of_each(f);
	assert_int_equal(receive(f, 0, 4096, ZRA_OPTION(9), 0), 0);
	act_ok(f, 7, SIM_ZA_FINISH_RECOMMENDED);
	act_ok(f, 1, SIM_ZA_RESET_RECOMMENDED);
	act_ok(f, 9, SIM_ZA_FINISH);
	assert_int_equal(receive(f, 0, 4096, ZRA_OPTION(9), 0), 3);
	assert_int_equal(zone_desc(buf, 0, 0).attrs, ZA_RZR);
	assert_int_equal(zone_desc(buf, 1, 0).attrs, ZA_FZR);
	assert_int_equal(zone_desc(buf, 2, 0).attrs, ZA_ZFC);
	assert_int_equal(zone_desc(buf, 2, 0).zslba, 9 * ZSZE);
	act_ok(f, 7, SIM_ZA_CLEAR);
	act_ok(f, 1, SIM_ZA_CLEAR);
	assert_int_equal(receive(f, 0, 4096, ZRA_OPTION(9), 0), 1);
	/* 3.4.3.1.4: Reset clears them all */
	act_ok(f, 1, SIM_ZA_RESET_RECOMMENDED);
	act_ok(f, 7, SIM_ZA_FINISH_RECOMMENDED);
	assert_int_equal(zsend(f, 1, ZSA_RESET), 0);
	assert_int_equal(zsend(f, 7, ZSA_RESET), 0);
	assert_int_equal(zsend(f, 9, ZSA_RESET), 0);
	assert_int_equal(receive(f, 0, 4096, ZRA_OPTION(9), 0), 0);
	done(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_select_all),	   cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_cross_read),	   cmocka_unit_test(test_receive),
		cmocka_unit_test(test_receive_attributes),
	};

	return cmocka_run_group_tests_name("zone_all", tests, NULL, NULL);
}
