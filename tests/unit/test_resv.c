/* SPDX-License-Identifier: MIT */
/*
 * test_resv.c - registering, acquiring, releasing, preempting, reporting: NVMe Base 2.1, sections
 * 7.5 to 7.8 and 8.1.22.3 to 8.1.22.8.
 */
#include "resvcmd.h"

/* what a report from @h says: generation, type, registrants */
static void expect(struct host *h, uint32_t gen, uint8_t type, uint16_t nr)
{
	const uint8_t *p;

	assert_int_equal(report(h, false, &p), 0);
	assert_int_equal(rep_gen(p), gen);
	assert_int_equal(rep_type(p), type);
	assert_int_equal(rep_nr(p), nr);
}

static bool find_reg(struct host *h, uint64_t hostid, struct reg *reg)
{
	const uint8_t *p;

	assert_int_equal(report(h, false, &p), 0);
	for (unsigned int i = 0; i < rep_nr(p); i++) {
		*reg = rep_reg(p, i);
		if (reg->hostid == hostid)
			return true;
	}
	return false;
}

static bool is_holder(struct host *h, uint64_t hostid)
{
	struct reg reg;

	return find_reg(h, hostid, &reg) && reg.holder;
}

static bool is_registrant(struct host *h, uint64_t hostid)
{
	struct reg reg;

	return find_reg(h, hostid, &reg);
}

/* what says that there are reservations: ONCS, CTRATT, RESCAP twice */
static void test_capabilities(void **state)
{
	struct resv_fx *fx = *state;
	uint8_t *id;

	assert_int_equal(identify(fx->d, 0, 0x01, 0, &id), 0);
	assert_true(get16(id + 520) & 1 << 5);
	assert_true(get32(id + 96) & 1 << 0);	 /* HIDS */
	assert_false(get32(id + 96) & 1 << 18); /* RHII */
	assert_int_equal(identify(fx->d, 1, 0x00, 0, &id), 0);
	assert_int_equal(id[31], 0xff);
	assert_int_equal(identify(fx->d, 1, 0x08, 0, &id), 0);
	assert_int_equal(id[2], 0xff);
}

static void test_register(void **state)
{
	struct resv_fx *fx = *state;
	struct reg reg;

	expect(&fx->a, 0, 0, 0);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	expect(&fx->b, 1, 0, 1);
	assert_true(find_reg(&fx->b, ID_A, &reg));
	assert_int_equal(reg.cntlid, 0);
	assert_false(reg.holder);
	assert_true(reg.key == KEY_A);

	/* the same key again, at the host's other controller; another key, whatever IEKEY says */
	assert_int_equal(reg_key(&fx->a2, KEY_A), 0);
	expect(&fx->b, 2, 0, 1);
	assert_int_equal(reg_key(&fx->a, KEY_B), ST_CONFLICT);
	assert_int_equal(resv_cmd(&fx->a, OP_REGISTER, 1, RREGA_REGISTER | IEKEY, 0, KEY_B),
			 ST_CONFLICT);
	expect(&fx->b, 2, 0, 1);

	/* two hosts may use the same key */
	assert_int_equal(reg_key(&fx->b, KEY_A), 0);
	expect(&fx->a, 3, 0, 2);
	assert_true(find_reg(&fx->a, ID_B, &reg));
	assert_int_equal(reg.cntlid, 1);
}

static void test_replace(void **state)
{
	struct resv_fx *fx = *state;
	struct reg reg;

	assert_int_equal(resv_cmd(&fx->a, OP_REGISTER, 1, RREGA_REPLACE, 0, KEY_A), ST_CONFLICT);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(acquire(&fx->a, KEY_A, WE), 0);
	assert_int_equal(resv_cmd(&fx->a, OP_REGISTER, 1, RREGA_REPLACE, KEY_B, 5), ST_CONFLICT);
	assert_int_equal(resv_cmd(&fx->a2, OP_REGISTER, 1, RREGA_REPLACE, KEY_A, 5), 0);
	expect(&fx->b, 2, WE, 1);
	assert_true(find_reg(&fx->b, ID_A, &reg));
	assert_true(reg.key == 5 && reg.holder); /* the reservation is as it was */
	assert_int_equal(resv_cmd(&fx->a, OP_REGISTER, 1, RREGA_REPLACE | IEKEY, 77, 6), 0);
	/* IEKEY: nor does it matter whether there was a registration */
	assert_int_equal(resv_cmd(&fx->b, OP_REGISTER, 1, RREGA_REPLACE | IEKEY, 77, 7), 0);
	expect(&fx->b, 4, WE, 2);
	assert_true(find_reg(&fx->b, ID_B, &reg));
	assert_true(reg.key == 7 && !reg.holder);
}

static void test_unregister(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(unregister(&fx->a, 0), ST_CONFLICT);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(unregister(&fx->a, KEY_B), ST_CONFLICT);
	expect(&fx->b, 1, 0, 1);
	assert_int_equal(unregister(&fx->a2, KEY_A), 0);
	expect(&fx->b, 2, 0, 0);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(resv_cmd(&fx->a, OP_REGISTER, 1, RREGA_UNREGISTER | IEKEY, 1, 0), 0);
	expect(&fx->b, 4, 0, 0);
	assert_int_equal(resv_cmd(&fx->a, OP_REGISTER, 1, RREGA_UNREGISTER | IEKEY, 1, 0), 0);
	expect(&fx->b, 5, 0, 0);
}

/* the holder takes the reservation along, if it is the only one, or the last of all registrants */
static void test_unregister_releases(void **state)
{
	struct resv_fx *fx = *state;
	uint32_t gen = 0;

	for (uint8_t type = WE; type <= EAAR; type++) {
		bool all = type >= WEAR;

		assert_int_equal(reg_key(&fx->a, KEY_A), 0);
		assert_int_equal(reg_key(&fx->b, KEY_B), 0);
		assert_int_equal(acquire(&fx->a, KEY_A, type), 0);
		assert_true(is_holder(&fx->c, ID_A));
		assert_int_equal(is_holder(&fx->c, ID_B), all);
		assert_int_equal(unregister(&fx->a, KEY_A), 0);
		gen += 3;
		expect(&fx->c, gen, all ? type : 0, 1);
		assert_int_equal(unregister(&fx->b, KEY_B), 0);
		expect(&fx->c, ++gen, 0, 0);
	}
}

static void test_acquire(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(acquire(&fx->a, KEY_A, WE), ST_CONFLICT); /* not registered */
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(acquire(&fx->a, KEY_B, WE), ST_CONFLICT); /* wrong key */
	for (uint8_t type = WE; type <= EAAR; type++) {
		uint8_t other = type == EAAR ? WE : type + 1;
		bool all = type >= WEAR;

		assert_int_equal(acquire(&fx->a, KEY_A, type), 0);
		expect(&fx->b, 2, type, 2); /* not counted */
		assert_int_equal(acquire(&fx->a2, KEY_A, type), 0);
		assert_int_equal(acquire(&fx->a, KEY_A, other), ST_CONFLICT);
		/* where all registrants hold it, B is a holder that asks for what it has */
		assert_int_equal(acquire(&fx->b, KEY_B, type), all ? 0 : ST_CONFLICT);
		expect(&fx->b, 2, type, 2);
		assert_int_equal(release(&fx->a, KEY_A, type), 0);
	}
}

static void test_release(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(release(&fx->a, 0, WE), ST_CONFLICT);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(release(&fx->a, KEY_A, WE), 0); /* nothing there: nothing happens */
	for (uint8_t type = WE; type <= EAAR; type++) {
		uint8_t other = type == EAAR ? WE : type + 1;
		bool all = type >= WEAR;

		assert_int_equal(acquire(&fx->a, KEY_A, type), 0);
		assert_int_equal(release(&fx->c, 0, type), ST_CONFLICT);
		assert_int_equal(release(&fx->a, KEY_B, type), ST_CONFLICT);
		assert_int_equal(release(&fx->a, KEY_A, other), ST_INVALID_FIELD);
		expect(&fx->c, 2, type, 2);
		assert_int_equal(release(&fx->b, KEY_B, type), 0);
		expect(&fx->c, 2, all ? 0 : type, 2);
		assert_int_equal(release(&fx->a2, KEY_A, type), 0);
		expect(&fx->c, 2, 0, 2);
	}
}

static void test_clear(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(clear(&fx->a, 0), ST_CONFLICT);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(acquire(&fx->a, KEY_A, EA), 0);
	assert_int_equal(clear(&fx->b, KEY_A), ST_CONFLICT);
	assert_int_equal(clear(&fx->b, KEY_B), 0);
	expect(&fx->c, 3, 0, 0);
}

/* section 8.1.22.7, the reservation has one holder, and PRKEY is its key */
static void test_preempt_holder(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(preempt(&fx->c, KEY_C, KEY_A, WE), ST_CONFLICT);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_A), 0); /* the same key: preempted, too */
	assert_int_equal(reg_key(&fx->c, KEY_C), 0);
	assert_int_equal(acquire(&fx->a, KEY_A, WE), 0);
	assert_int_equal(preempt(&fx->c, KEY_A, KEY_A, EA), ST_CONFLICT); /* CRKEY */
	assert_int_equal(preempt(&fx->c, KEY_C, KEY_A, 0), ST_INVALID_FIELD); /* RTYPE */
	assert_int_equal(preempt(&fx->c, KEY_C, KEY_A, 7), ST_INVALID_FIELD);
	expect(&fx->c, 3, WE, 3);
	assert_int_equal(preempt(&fx->c, KEY_C, KEY_A, EARO), 0);
	expect(&fx->c, 4, EARO, 1);
	assert_true(is_holder(&fx->a, ID_C));

	/* the holder preempts itself: another type, and those with its key go, but not itself */
	assert_int_equal(reg_key(&fx->b, KEY_C), 0);
	assert_int_equal(preempt(&fx->c, KEY_C, KEY_C, WEAR), 0);
	expect(&fx->c, 6, WEAR, 1);
	assert_true(is_holder(&fx->a, ID_C));
}

/* PRKEY is somebody else's key: registrations only */
static void test_preempt_registrants(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(reg_key(&fx->c, KEY_B), 0);
	assert_int_equal(acquire(&fx->a, KEY_A, WE), 0);
	assert_int_equal(preempt(&fx->b, KEY_B, 0, EA), ST_INVALID_FIELD);
	assert_int_equal(preempt(&fx->b, KEY_B, 99, EA), 0); /* nobody has it */
	expect(&fx->a, 4, WE, 3);
	assert_int_equal(preempt(&fx->a, KEY_A, KEY_B, EA), 0);
	expect(&fx->a, 5, WE, 1);
	assert_true(is_holder(&fx->a, ID_A));

	/* of whom the host that asks may be one */
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(preempt(&fx->b, KEY_B, KEY_B, EA), 0);
	expect(&fx->a, 7, WE, 1);
	assert_false(is_registrant(&fx->a, ID_B));
}

static void test_preempt_none(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(preempt(&fx->a, KEY_A, KEY_B, WE), 0);
	expect(&fx->a, 3, 0, 1); /* no reservation is made */
	assert_false(is_registrant(&fx->a, ID_B));
	assert_int_equal(preempt(&fx->a, KEY_A, 0, 0), 0);
	expect(&fx->a, 4, 0, 1);
}

static void test_preempt_all_registrants(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(reg_key(&fx->c, KEY_C), 0);
	assert_int_equal(acquire(&fx->a, KEY_A, EAAR), 0);
	assert_int_equal(preempt(&fx->b, KEY_B, 99, WE), ST_CONFLICT);
	assert_int_equal(preempt(&fx->b, KEY_B, KEY_A, WE), 0);
	expect(&fx->a, 4, EAAR, 2);
	assert_true(is_holder(&fx->a, ID_B) && is_holder(&fx->a, ID_C));
	assert_int_equal(preempt(&fx->b, KEY_B, 0, 9), ST_INVALID_FIELD);
	assert_int_equal(preempt(&fx->b, KEY_B, 0, WERO), 0);
	expect(&fx->a, 5, WERO, 1);
	assert_true(is_holder(&fx->a, ID_B));

	/* the last of them, by its own key: nobody is left to hold it */
	assert_int_equal(release(&fx->b, KEY_B, WERO), 0);
	assert_int_equal(acquire(&fx->b, KEY_B, WEAR), 0);
	assert_int_equal(preempt(&fx->b, KEY_B, KEY_B, WE), 0);
	expect(&fx->a, 6, 0, 0);
}

static void test_bad_fields(void **state)
{
	static const struct {
		uint8_t op;
		uint32_t cdw10;
	} bad[] = {
		{ OP_REGISTER, 3 },
		{ OP_REGISTER, 7 },
		{ OP_REGISTER, 1u << 30 }, /* CPTPL 01b */
		{ OP_ACQUIRE, 3 | RTYPE(WE) },
		{ OP_ACQUIRE, RACQA_ACQUIRE | RTYPE(WE) | IEKEY },
		{ OP_ACQUIRE, RACQA_ACQUIRE | RTYPE(0) },
		{ OP_ACQUIRE, RACQA_ACQUIRE | RTYPE(7) },
		{ OP_ACQUIRE, RACQA_ACQUIRE | RTYPE(0xff) },
		{ OP_RELEASE, 2 | RTYPE(WE) },
		{ OP_RELEASE, RRELA_CLEAR | IEKEY },
	};
	struct resv_fx *fx = *state;

	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(resv_cmd(&fx->a, bad[i].op, 1, bad[i].cdw10, KEY_A, KEY_A),
				 ST_INVALID_FIELD);
	expect(&fx->a, 1, 0, 1);

	/* a namespace is named: no other NSID will do */
	for (unsigned int i = 0; i < 4; i++) {
		static const uint8_t op[] = { OP_REGISTER, OP_REPORT, OP_ACQUIRE, OP_RELEASE };

		assert_int_equal(resv_cmd(&fx->a, op[i], 0, 0, 0, 0), ST_INVALID_NS);
		assert_int_equal(resv_cmd(&fx->a, op[i], NSID_ALL, 0, 0, 0), ST_INVALID_NS);
		assert_int_equal(resv_cmd(&fx->a, op[i], 2, 0, 0, 0), ST_INVALID_FIELD);
	}
}

/* a key that cannot be read changes nothing */
static void test_bad_pointer(void **state)
{
	struct resv_fx *fx = *state;
	struct drv_cmd cmd = { .dw = { [0] = OP_REGISTER, [1] = 1 } };

	cmd.dw[7] = 0x7fffffff;
	assert_int_equal(drv_exec(fx->d, &fx->d->io, &cmd, NULL), 0x004);
	expect(&fx->a, 0, 0, 0);
}

/* figures 581 and 583, byte by byte; NUMD cuts, and nothing is written behind the end */
static void test_report(void **state)
{
	struct resv_fx *fx = *state;
	struct drv_cmd cmd = { .dw = { [0] = OP_REPORT, [1] = 1, [10] = 30 / 4 } };
	const uint8_t *p;
	uint8_t *cut;

	assert_int_equal(reg_key(&fx->a2, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(acquire(&fx->b, KEY_B, WERO), 0);
	assert_int_equal(report(&fx->c, false, &p), 0);
	assert_int_equal(get32(p), 2);
	assert_int_equal(p[4], WERO);
	assert_int_equal(get16(p + 5), 2);
	assert_true(all_zero(p + 7, 17));
	/* a registrant once, however many controllers the host has */
	assert_int_equal(get16(p + 24), 0);
	assert_true(all_zero(p + 26, 6));
	assert_true(get64(p + 32) == ID_A && get64(p + 40) == KEY_A);
	assert_int_equal(get16(p + 48), 1);
	assert_int_equal(p[50], 1);
	assert_true(all_zero(p + 51, 5));
	assert_true(get64(p + 56) == ID_B && get64(p + 64) == KEY_B);
	for (unsigned int i = 72; i < DRV_PAGE; i++)
		assert_int_equal(p[i], 0xa5);

	cut = memset(drv_ptr(fx->c.d, fx->c.buf), 0xa5, DRV_PAGE);
	assert_int_equal(drv_io(fx->c.d, &cmd, fx->c.buf, 32, NULL), 0);
	assert_int_equal(get16(cut + 5), 2);
	assert_true(all_zero(cut + 24, 8));
	assert_int_equal(cut[32], 0xa5);

	/* a host that no controller has any more */
	assert_int_equal(set_host_id(&fx->b, false, 0, 0), 0);
	assert_int_equal(report(&fx->c, false, &p), 0);
	assert_int_equal(rep_reg(p, 1).cntlid, 0xffff);
	assert_true(rep_reg(p, 1).holder);
}

/* more registrants than a page has room for; they are added and removed one by one */
static void test_many(void **state)
{
	struct resv_fx *fx = *state;
	struct drv_cmd cmd = { .dw = { [0] = OP_REPORT, [1] = 1, [10] = 0xffffffff } };
	uint64_t big = drv_alloc(fx->a.d, 16384);
	const uint8_t *p = drv_ptr(fx->a.d, big);

	for (unsigned int i = 1; i <= 500; i++) {
		assert_int_equal(set_host_id(&fx->b, false, i, 0), 0);
		assert_int_equal(reg_key(&fx->b, i), 0);
	}
	assert_int_equal(drv_io(fx->a.d, &cmd, big, 16384, NULL), 0);
	assert_int_equal(rep_nr(p), 500);
	for (unsigned int i = 0; i < 500; i++) {
		assert_int_equal(rep_reg(p, i).hostid, i + 1);
		assert_int_equal(rep_reg(p, i).key, i + 1);
		assert_int_equal(rep_reg(p, i).cntlid, i == 499 ? 1 : 0xffff);
	}
	for (unsigned int i = 1; i <= 500; i++) {
		assert_int_equal(set_host_id(&fx->b, false, i, 0), 0);
		assert_int_equal(unregister(&fx->b, i), 0);
	}
	expect(&fx->a, 1000, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		resv_test(test_capabilities),
		resv_test(test_register),
		resv_test(test_replace),
		resv_test(test_unregister),
		resv_test(test_unregister_releases),
		resv_test(test_acquire),
		resv_test(test_release),
		resv_test(test_clear),
		resv_test(test_preempt_holder),
		resv_test(test_preempt_registrants),
		resv_test(test_preempt_none),
		resv_test(test_preempt_all_registrants),
		resv_test(test_bad_fields),
		resv_test(test_bad_pointer),
		resv_test(test_report),
		resv_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
