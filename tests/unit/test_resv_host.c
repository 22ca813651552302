/* SPDX-License-Identifier: MIT */
/*
 * test_resv_host.c - who a host is, and what of its reservations survives: features 81h and 83h,
 * CPTPL. NVMe Base 2.1, sections 5.1.25.1.28, 5.1.25.1.30, 7.8, 8.1.22.
 */
#include "../../core/persist/persist.h"
#include "mem_journal.h"
#include "resvcmd.h"

#define OP_WRITE 0x01
#define ST_INTERNAL 0x006

/* Get Features, Host Identifier; @sel 1: the default */
static uint16_t get_host_id(struct host *h, uint8_t sel, bool exhid, uint64_t id[2])
{
	struct drv_cmd cmd = { .dw = { [0] = 0x0a, [10] = (uint32_t)sel << 8 | 0x81,
				       [11] = exhid } };
	const uint8_t *p = memset(drv_ptr(h->d, h->buf), 0xa5, 24);
	uint16_t status = drv_admin(h->d, &cmd, h->buf, 16, NULL);

	id[0] = get64(p);
	id[1] = get64(p + 8);
	assert_true(get64(p + 16) == 0xa5a5a5a5a5a5a5a5);
	return status;
}

static uint16_t write_block(struct host *h)
{
	struct drv_cmd cmd = { .dw = { [0] = OP_WRITE, [1] = 1 } };

	return drv_io(h->d, &cmd, h->buf, 512, NULL);
}

static void test_host_id(void **state)
{
	struct drv *d = drv_new(NULL);
	struct host h;
	uint64_t id[2];

	drv_start(d);
	h = host_on(d);
	assert_int_equal(get_host_id(&h, 0, true, id), 0);
	assert_true(!id[0] && !id[1]);
	assert_int_equal(set_host_id(&h, false, 0x1234, 0x5678), 0);
	assert_int_equal(get_host_id(&h, 0, false, id), 0);
	assert_true(id[0] == 0x1234 && id[1] == 0xa5a5a5a5a5a5a5a5); /* 8 bytes */
	assert_int_equal(get_host_id(&h, 0, true, id), ST_INVALID_FIELD);
	assert_int_equal(get_host_id(&h, 1, false, id), 0);
	assert_true(!id[0]);
	assert_int_equal(set_host_id(&h, true, 0x1234, 0x5678), 0);
	assert_int_equal(get_host_id(&h, 0, true, id), 0);
	assert_true(id[0] == 0x1234 && id[1] == 0x5678);
	assert_int_equal(get_host_id(&h, 0, false, id), ST_INVALID_FIELD);

	/* it is the controller's, cannot be saved, and a reset takes it */
	assert_int_equal(set_feature(d, 0x81, 1, 0, NULL), ST_NOT_PER_NS);
	drv_disable(d);
	drv_start(d);
	assert_int_equal(get_host_id(&h, 0, true, id), 0);
	assert_true(!id[0] && !id[1]);
	(void)state;
	drv_free(d);
}

static void test_host_id_bad_pointer(void **state)
{
	struct resv_fx *fx = *state;
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x81, [7] = 0x7fffffff } };
	uint64_t id[2];

	assert_int_equal(drv_exec(fx->d, &fx->d->admin, &cmd, NULL), 0x004);
	assert_int_equal(get_host_id(&fx->a, 0, false, id), 0);
	assert_true(id[0] == ID_A);
}

/* 64-bit identifiers at one controller, 128-bit ones at another */
static void test_inconsistent(void **state)
{
	struct resv_fx *fx = *state;
	uint64_t id[2];

	assert_int_equal(set_host_id(&fx->a, true, 1, 2), ST_HOST_ID_FORMAT);
	assert_int_equal(get_host_id(&fx->a, 0, false, id), 0);
	assert_true(id[0] == ID_A);
	assert_int_equal(set_host_id(&fx->a, true, 0, 0), 0); /* 0h is of no size */
	assert_int_equal(set_host_id(&fx->a2, false, 0, 0), 0);
	assert_int_equal(set_host_id(&fx->b, false, 0, 0), 0);
	assert_int_equal(set_host_id(&fx->c, false, 0, 0), 0);
	assert_int_equal(set_host_id(&fx->a, true, 1, 2), 0);
	assert_int_equal(set_host_id(&fx->b, false, 1, 2), ST_HOST_ID_FORMAT);
	assert_int_equal(set_host_id(&fx->b, true, 3, 2), 0);
}

/* which report goes with which identifier: section 7.8 */
static void test_report_format(void **state)
{
	struct resv_fx *fx = *state;
	const uint8_t *p;

	assert_int_equal(report(&fx->a, true, &p), ST_HOST_ID_FORMAT);
	assert_int_equal(set_host_id(&fx->a, false, 0, 0), 0);
	assert_int_equal(report(&fx->a, true, &p), 0);
	assert_int_equal(report(&fx->a, false, &p), 0);

	set_host_id(&fx->a2, false, 0, 0);
	set_host_id(&fx->b, false, 0, 0);
	set_host_id(&fx->c, false, 0, 0);
	assert_int_equal(set_host_id(&fx->a, true, ID_A, ID_C), 0);
	assert_int_equal(report(&fx->a, false, &p), ST_HOST_ID_FORMAT);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(report(&fx->c, false, &p), 0);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(report(&fx->c, false, &p), ST_HOST_ID_FORMAT); /* no room for A's */
	assert_int_equal(acquire(&fx->a, KEY_A, EAAR), 0);

	/* figures 582 and 584 */
	assert_int_equal(report(&fx->c, true, &p), 0);
	assert_int_equal(get32(p), 2);
	assert_int_equal(p[4], EAAR);
	assert_int_equal(get16(p + 5), 2);
	assert_true(all_zero(p + 7, 57));
	assert_int_equal(get16(p + 64), 1);
	assert_int_equal(p[66], 1);
	assert_true(get64(p + 72) == KEY_B);
	assert_true(all_zero(p + 80, 48));
	assert_int_equal(get16(p + 128), 0);
	assert_int_equal(p[130], 1);
	assert_true(get64(p + 136) == KEY_A);
	assert_true(get64(p + 144) == ID_A && get64(p + 152) == ID_C);
	assert_true(all_zero(p + 160, 32));
	assert_int_equal(p[192], 0xa5);
}

/* Host Identifier 0h: a host of its own at every controller */
static void test_zero_id(void **state)
{
	struct resv_fx *fx = *state;
	const uint8_t *p;

	assert_int_equal(set_host_id(&fx->a, false, 0, 0), 0);
	assert_int_equal(set_host_id(&fx->b, false, 0, 0), 0);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(acquire(&fx->a, KEY_A, WE), 0);
	assert_int_equal(write_block(&fx->a), 0);
	assert_int_equal(write_block(&fx->b), ST_CONFLICT);
	assert_int_equal(acquire(&fx->b, KEY_A, WE), ST_CONFLICT);

	/* with another identifier it is another host, until it takes the old one back */
	assert_int_equal(set_host_id(&fx->a, false, ID_B, 0), 0);
	assert_int_equal(write_block(&fx->a), ST_CONFLICT);
	assert_int_equal(report(&fx->c, false, &p), 0);
	assert_int_equal(rep_nr(p), 1);
	assert_int_equal(rep_reg(p, 0).cntlid, 0xffff);
	assert_true(!rep_reg(p, 0).hostid && rep_reg(p, 0).holder);
	assert_int_equal(set_host_id(&fx->a, false, 0, 0), 0);
	assert_int_equal(write_block(&fx->a), 0);
}

/* registrations and reservations persist across all resets but power loss */
static void test_reset(void **state)
{
	struct resv_fx *fx = *state;
	const uint8_t *p;

	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(acquire(&fx->b, KEY_B, WE), 0);
	drv_disable(fx->b.d);
	drv_start(fx->b.d);
	assert_int_equal(report(&fx->a, false, &p), 0);
	assert_int_equal(rep_type(p), WE);
	assert_int_equal(rep_reg(p, 0).cntlid, 0xffff);
	assert_int_equal(write_block(&fx->b), ST_CONFLICT);
	assert_int_equal(set_host_id(&fx->b, false, ID_B, 0), 0);
	assert_int_equal(write_block(&fx->b), 0);

	/* NVM Subsystem Reset */
	drv_w32(fx->d, NVME_REG_NSSR, 0x4e564d65);
	drv_start(fx->a.d);
	assert_int_equal(report(&fx->a, true, &p), 0);
	assert_int_equal(rep_type(p), WE);
}

/* ---- through power loss --------------------------------------------------------------------- */

struct power {
	struct mem_journal j;
	struct resv_fx fx;
};

static void power_on(struct power *pw)
{
	struct drv_params p;

	drv_params(&p);
	p.journal = memj_port(&pw->j);
	resv_setup(&pw->fx, &p);
}

static void power_cycle(struct power *pw)
{
	drv_free(pw->fx.d);
	power_on(pw);
}

static int power_setup(void **state)
{
	*state = calloc(1, sizeof(struct power));
	assert_non_null(*state);
	power_on(*state);
	return 0;
}

static int power_teardown(void **state)
{
	struct power *pw = *state;

	drv_free(pw->fx.d);
	memj_free(&pw->j);
	free(pw);
	return 0;
}

static void expect_report(struct host *h, uint32_t gen, uint8_t type, uint16_t nr, uint8_t ptpl)
{
	const uint8_t *p;

	assert_int_equal(report(h, false, &p), 0);
	assert_int_equal(rep_gen(p), gen);
	assert_int_equal(rep_type(p), type);
	assert_int_equal(rep_nr(p), nr);
	assert_int_equal(rep_ptpl(p), ptpl);
}

static void test_no_ptpl(void **state)
{
	struct power *pw = *state;
	unsigned int puts = pw->j.puts;

	assert_int_equal(reg_key(&pw->fx.a, KEY_A), 0);
	assert_int_equal(acquire(&pw->fx.a, KEY_A, EA), 0);
	assert_int_equal(pw->j.puts, puts); /* nothing of this is to survive */
	power_cycle(pw);
	expect_report(&pw->fx.b, 0, 0, 0, 0);
	assert_int_equal(write_block(&pw->fx.b), 0);
}

static void test_ptpl(void **state)
{
	struct power *pw = *state;
	unsigned int syncs;

	assert_int_equal(reg_key(&pw->fx.a, KEY_A), 0);
	assert_int_equal(acquire(&pw->fx.a, KEY_A, EA), 0);
	syncs = pw->j.syncs;
	assert_int_equal(resv_cmd(&pw->fx.b, OP_REGISTER, 1, RREGA_REGISTER | CPTPL_SET, 0, KEY_B),
			 0);
	assert_true(pw->j.syncs > syncs);
	expect_report(&pw->fx.c, 2, EA, 2, 1);
	power_cycle(pw);
	expect_report(&pw->fx.c, 2, EA, 2, 1);
	assert_int_equal(write_block(&pw->fx.a2), 0);
	assert_int_equal(write_block(&pw->fx.b), ST_CONFLICT);

	/* what comes later persists, too */
	assert_int_equal(preempt(&pw->fx.b, KEY_B, KEY_A, EAAR), 0);
	power_cycle(pw);
	expect_report(&pw->fx.c, 3, EAAR, 1, 1);
	assert_int_equal(write_block(&pw->fx.a), ST_CONFLICT);
	assert_int_equal(write_block(&pw->fx.b), 0);

	/* 00b leaves the state; 10b clears it, at the next power on */
	assert_int_equal(reg_key(&pw->fx.c, KEY_C), 0);
	expect_report(&pw->fx.c, 4, EAAR, 2, 1);
	assert_int_equal(resv_cmd(&pw->fx.c, OP_REGISTER, 1, RREGA_REGISTER | CPTPL_CLEAR, 0,
				  KEY_C), 0);
	expect_report(&pw->fx.c, 5, EAAR, 2, 0);
	power_cycle(pw);
	expect_report(&pw->fx.c, 0, 0, 0, 0);
}

/* a command that fails does not change the state it would have changed on the side */
static void test_ptpl_of_failed(void **state)
{
	struct power *pw = *state;

	assert_int_equal(reg_key(&pw->fx.a, KEY_A), 0);
	assert_int_equal(resv_cmd(&pw->fx.a, OP_REGISTER, 1, RREGA_REGISTER | CPTPL_SET, 0, KEY_B),
			 ST_CONFLICT);
	expect_report(&pw->fx.a, 1, 0, 1, 0);
}

static void test_feature(void **state)
{
	struct power *pw = *state;
	struct drv *d = pw->fx.d;
	uint32_t v;

	assert_int_equal(get_feature(d, 0x83, 0, 1, 0, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(reg_key(&pw->fx.a, KEY_A), 0);
	assert_int_equal(set_feature(d, 0x83, 1, 1, NULL), 0);
	assert_int_equal(get_feature(pw->fx.b.d, 0x83, 0, 1, 0, &v), 0);
	assert_int_equal(v, 1);
	assert_int_equal(get_feature(d, 0x83, 1, 1, 0, &v), 0);
	assert_int_equal(v, 0); /* the default */
	power_cycle(pw);
	d = pw->fx.d;
	expect_report(&pw->fx.c, 1, 0, 1, 1);
	assert_int_equal(set_feature(d, 0x83, NSID_ALL, 0, NULL), 0);
	expect_report(&pw->fx.c, 1, 0, 1, 0);
	assert_int_equal(get_feature(d, 0x83, 0, NSID_ALL, 0, &v), ST_INVALID_FIELD);
	assert_int_equal(get_feature(d, 0x83, 0, 0, 0, &v), ST_INVALID_NS);
	assert_int_equal(set_feature(d, 0x83, 2, 1, NULL), ST_INVALID_FIELD);
}

/* what cannot be recorded does not happen */
static void test_record_fails(void **state)
{
	struct power *pw = *state;

	assert_int_equal(set_feature(pw->fx.d, 0x83, 1, 1, NULL), 0);
	assert_int_equal(reg_key(&pw->fx.a, KEY_A), 0);
	pw->j.fail = true;
	assert_int_equal(reg_key(&pw->fx.b, KEY_B), ST_INTERNAL);
	assert_int_equal(acquire(&pw->fx.a, KEY_A, WE), ST_INTERNAL);
	assert_int_equal(clear(&pw->fx.a, KEY_A), ST_INTERNAL);
	assert_int_equal(set_feature(pw->fx.d, 0x83, 1, 0, NULL), ST_INTERNAL);
	expect_report(&pw->fx.c, 1, 0, 1, 1);
	assert_int_equal(write_block(&pw->fx.b), 0);
	pw->j.fail = false;
	assert_int_equal(acquire(&pw->fx.a, KEY_A, WE), 0);
	assert_int_equal(write_block(&pw->fx.b), ST_CONFLICT);
}

/* a record that is not what it should be is taken for none */
static void test_bad_record(void **state)
{
	struct power *pw = *state;
	struct memj_item *it;
	uint8_t good[1024];
	uint64_t len;

	assert_int_equal(set_feature(pw->fx.d, 0x83, 1, 1, NULL), 0);
	assert_int_equal(reg_key(&pw->fx.a, KEY_A), 0);
	assert_int_equal(acquire(&pw->fx.a, KEY_A, WE), 0);
	it = memj_find(&pw->j, 'r', SIM_REC_RESV, 1);
	assert_non_null(it);
	len = it->len;
	assert_true(len <= sizeof(good));
	memcpy(good, it->buf, len);

	for (uint64_t cut = 0; cut < len; cut++) { /* too short, at every byte */
		memj_put(&pw->j, SIM_REC_RESV, 1, 1, good, (uint32_t)cut);
		power_cycle(pw);
		expect_report(&pw->fx.c, 0, 0, 0, 0);
	}
	memj_put(&pw->j, SIM_REC_RESV, 1, 2, good, (uint32_t)len); /* of another version */
	power_cycle(pw);
	expect_report(&pw->fx.c, 0, 0, 0, 0);
	memset(good, 0xff, len);
	memj_put(&pw->j, SIM_REC_RESV, 1, 1, good, (uint32_t)len);
	power_cycle(pw);
	expect_report(&pw->fx.c, 0, 0, 0, 0);
}

/* a namespace that is deleted takes everything along: the next one of its NSID is another one */
static void test_delete(void **state)
{
	struct power *pw = *state;
	struct drv *d = pw->fx.d;
	struct drv_cmd cmd = { .dw = { [0] = 0x0d, [1] = 1, [10] = 1 } };
	struct memj_item *it;

	assert_int_equal(resv_cmd(&pw->fx.a, OP_REGISTER, 1, RREGA_REGISTER | CPTPL_SET, 0, KEY_A),
			 0);
	assert_int_equal(acquire(&pw->fx.a, KEY_A, EA), 0);
	it = memj_find(&pw->j, 'r', SIM_REC_RESV, 1);
	assert_false(all_zero(it->buf, it->len));
	assert_int_equal(drv_admin(pw->fx.b.d, &cmd, 0, 0, NULL), ST_CONFLICT);
	assert_int_equal(drv_admin(d, &cmd, 0, 0, NULL), 0);
	it = memj_find(&pw->j, 'r', SIM_REC_RESV, 1);
	assert_true(all_zero(it->buf, it->len));
	assert_int_equal(reg_key(&pw->fx.a, KEY_A), ST_INVALID_FIELD);
}

#define power_test(f) cmocka_unit_test_setup_teardown(f, power_setup, power_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_id),
		resv_test(test_host_id_bad_pointer),
		resv_test(test_inconsistent),
		resv_test(test_report_format),
		resv_test(test_zero_id),
		resv_test(test_reset),
		power_test(test_no_ptpl),
		power_test(test_ptpl),
		power_test(test_ptpl_of_failed),
		power_test(test_feature),
		power_test(test_record_fails),
		power_test(test_bad_record),
		power_test(test_delete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
