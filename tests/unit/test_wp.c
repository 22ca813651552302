/* SPDX-License-Identifier: MIT */
/*
 * test_wp.c - Namespace Write Protection: feature 84h, figure 623 of NVMe Base 2.1 (sections 8.1.16
 * and 5.1.25.1.31).
 */
#include "mem_journal.h"
#include "resvcmd.h"
#include "slow_store.h"

#define FID 0x84
#define CDW11_AD (1u << 2)
#define ST_INTERNAL 0x006
#define ST_READ_ONLY 0x182

static uint16_t set_wp(struct drv *d, uint32_t nsid, uint32_t state)
{
	return set_feature(d, FID, nsid, state, NULL);
}

static uint32_t get_wp(struct drv *d)
{
	uint32_t v;

	assert_int_equal(get_feature(d, FID, 0, 1, 0, &v), 0);
	return v;
}

/* figure 623: what is allowed on a write protected namespace, and what is not */
static const struct command {
	const char *name;
	bool allowed;
	uint8_t opcode;
	bool admin;
	size_t len;
	uint32_t dw10, dw11, dw12;
} commands[] = {
	{ "Read", true, 0x02, false, 512, 0, 0, 0 },
	{ "Compare", true, 0x05, false, 512, 0, 0, 0 },
	{ "Verify", true, 0x0c, false, 0, 0, 0, 0 },
	{ "Flush", true, 0x00, false, 0, 0, 0, 0 },
	{ "Dataset Management, nothing deallocated", true, 0x09, false, 16, 0, 0, 0 },
	{ "Reservation Register", true, 0x0d, false, 16, 0, 0, 0 },
	{ "Reservation Acquire", true, 0x11, false, 16, 0x100, 0, 0 },
	{ "Reservation Report", true, 0x0e, false, 4096, 1023, 0, 0 },
	{ "Reservation Release", true, 0x15, false, 8, 0x100, 0, 0 },
	{ "Identify", true, 0x06, true, 4096, 0, 0, 0 },
	{ "Get Features", true, 0x0a, true, 0, 0x05, 0, 0 },
	{ "Set Features", true, 0x09, true, 0, 0x05, 0, 0 },
	{ "Write", false, 0x01, false, 512, 0, 0, 0 },
	{ "Write Zeroes", false, 0x08, false, 0, 0, 0, 0 },
	{ "Write Uncorrectable", false, 0x04, false, 0, 0, 0, 0 },
	{ "Dataset Management", false, 0x09, false, 16, 0, CDW11_AD, 0 },
	{ "Copy", false, 0x19, false, 32, 8, 0, 0 },
	{ "Cancel", false, 0x18, false, 0, 0xffff0001, 1, 0 },
	{ "Get LBA Status", false, 0x86, true, 4096, 0, 0, 1023 },
	{ "Format NVM", false, 0x80, true, 0, 0, 0, 0 },
	{ "Namespace Management, delete", false, 0x0d, true, 0, 1, 0, 0 },
};

static uint16_t execute(struct host *h, const struct command *c)
{
	struct drv_cmd cmd = { .dw = { [0] = c->opcode, [1] = 1, [10] = c->dw10, [11] = c->dw11,
				       [12] = c->dw12 } };

	memset(drv_ptr(h->d, h->buf), 0, DRV_PAGE);
	return c->admin ? drv_admin(h->d, &cmd, c->len ? h->buf : 0, c->len, NULL) :
			  drv_io(h->d, &cmd, c->len ? h->buf : 0, c->len, NULL);
}

static void test_commands(void **state)
{
	struct drv *d = drv_new(NULL), *d2 = drv_add_fn(d, NULL);
	struct drv_cqe cqe;
	struct host h[2];

	(void)state;
	drv_start(d);
	drv_start(d2);
	h[0] = host_on(d);
	h[1] = host_on(d2); /* a controller that did not ask for it */
	assert_int_equal(set_feature(d2, 0x0b, 0, 1u << 8, NULL), 0);
	aer_submit(d2);
	assert_int_equal(set_wp(d, 1, 1), 0);
	assert_true(drv_poll(d2, &d2->admin, &cqe)); /* NSATTR is another */
	assert_int_equal(cqe.dw0, 0x040002);
	assert_int_equal(get_wp(d2), 1);
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		for (unsigned int n = 0; n < 2; n++) {
			uint16_t status = execute(&h[n], &commands[i]);
			bool resv = !commands[i].admin && commands[i].opcode >= 0x0d &&
				    commands[i].opcode <= 0x15;

			/* the second host is no registrant: that is another matter */
			if (n && resv && status == ST_CONFLICT)
				continue;
			if (status != (commands[i].allowed ? ST_OK : ST_WRITE_PROTECTED))
				fail_msg("%s: status %03xh", commands[i].name, status);
		}
	}
	drv_free(d);
}

/* what was there before is there afterwards; and it can be lifted */
static void test_data(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd write = { .dw = { [0] = 0x01, [1] = 1 } };
	struct drv_cmd read = { .dw = { [0] = 0x02, [1] = 1 } };
	uint64_t buf;
	uint8_t *p;

	(void)state;
	drv_start(d);
	buf = drv_alloc(d, 512);
	p = drv_ptr(d, buf);
	memset(p, 0x11, 512);
	assert_int_equal(drv_io(d, &write, buf, 512, NULL), 0);
	assert_int_equal(set_wp(d, 1, 1), 0);
	memset(p, 0x22, 512);
	assert_int_equal(drv_io(d, &write, buf, 512, NULL), ST_WRITE_PROTECTED);
	assert_int_equal(drv_io(d, &read, buf, 512, NULL), 0);
	assert_int_equal(p[0], 0x11);
	drv_disable(d);
	drv_start(d);
	assert_int_equal(drv_io(d, &write, buf, 512, NULL), ST_WRITE_PROTECTED); /* still */
	assert_int_equal(set_wp(d, NSID_ALL, 0), 0);
	memset(p, 0x22, 512);
	assert_int_equal(drv_io(d, &write, buf, 512, NULL), 0);
	assert_int_equal(set_wp(d, NSID_ALL, 1), 0);
	assert_int_equal(drv_io(d, &write, buf, 512, NULL), ST_WRITE_PROTECTED);
	drv_free(d);
}

/* NWPC, NSATTR; and SMART does not call it a read only medium */
static void test_reported(void **state)
{
	struct drv *d = drv_new(NULL);
	uint8_t *p;
	uint32_t v;

	(void)state;
	drv_start(d);
	assert_int_equal(identify(d, 0, 0x01, 0, &p), 0);
	assert_int_equal(p[531], 0x01);
	for (uint32_t wp = 0; wp < 2; wp++) {
		assert_int_equal(set_wp(d, 1, wp), 0);
		assert_int_equal(get_wp(d), wp);
		assert_int_equal(identify(d, 1, 0x00, 0, &p), 0);
		assert_int_equal(p[99], wp);
		assert_int_equal(identify(d, 1, 0x08, 0, &p), 0);
		assert_int_equal(p[8], wp);
		assert_int_equal(get_log(d, 0x02, NSID_ALL, 0, 512, true, &p), 0);
		assert_int_equal(p[0], 0);
	}
	assert_int_equal(get_feature(d, FID, 1, 1, 0, &v), 0);
	assert_int_equal(v, 0); /* the default */
	assert_int_equal(get_feature(d, FID, 3, 1, 0, &v), 0);
	assert_int_equal(v, 1u << 2 | 1u << 1); /* changeable, of a namespace, not saveable */
	drv_free(d);
}

/* the states NWPC does not have, and those nobody has */
static void test_bad(void **state)
{
	struct drv *d = drv_new(NULL);

	(void)state;
	drv_start(d);
	for (uint32_t was = 0; was < 2; was++) {
		assert_int_equal(set_wp(d, 1, was), 0);
		for (uint32_t wp = 2; wp < 8; wp++)
			assert_int_equal(set_wp(d, 1, wp), ST_INVALID_FIELD);
		assert_int_equal(get_wp(d), was);
	}
	assert_int_equal(set_wp(d, 0, 1), ST_INVALID_NS);
	assert_int_equal(set_wp(d, 2, 1), ST_INVALID_FIELD);
	drv_free(d);
}

/* what is in a volatile cache is on the medium before the command completes */
static void test_flushes(void **state)
{
	struct slow_store *st = slow_new(1 << 20);
	struct drv *d = slow_drv(st);
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [1] = 1, [10] = FID, [11] = 1 } };
	struct drv_cqe cqe;
	uint16_t cid;

	(void)state;
	drv_start(d);
	st->slow = true;
	cid = drv_submit(d, &d->admin, &cmd);
	assert_false(drv_poll(d, &d->admin, &cqe));
	slow_finish(st);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(cqe.status, 0);
	assert_int_equal(get_wp(d), 1);
	st->slow = false;
	drv_free(d);
	slow_free(st);
}

static void test_power_cycle(void **state)
{
	struct mem_journal j = { .nr = 0 };
	struct drv_params p;
	struct drv *d;
	unsigned int syncs;

	(void)state;
	drv_params(&p);
	p.journal = memj_port(&j);
	d = drv_new(&p);
	drv_start(d);
	syncs = j.syncs;
	assert_int_equal(set_wp(d, 1, 1), 0);
	assert_true(j.syncs > syncs);
	drv_free(d);

	d = drv_new(&p);
	drv_start(d);
	assert_int_equal(get_wp(d), 1);
	j.fail = true; /* what cannot be recorded does not happen */
	assert_int_equal(set_wp(d, 1, 0), ST_INTERNAL);
	assert_int_equal(get_wp(d), 1);
	j.fail = false;
	assert_int_equal(set_wp(d, 1, 0), 0);
	drv_free(d);

	d = drv_new(&p);
	drv_start(d);
	assert_int_equal(get_wp(d), 0);
	drv_free(d);
	memj_free(&j);
}

/* a medium that cannot be written has its own status, unless the namespace is protected as well */
static void test_read_only_medium(void **state)
{
	struct slow_store *st = slow_new(1 << 20);
	struct drv_cmd write = { .dw = { [0] = 0x01, [1] = 1 } };
	struct drv_cmd dsm = { .dw = { [0] = 0x09, [1] = 1, [11] = CDW11_AD } };
	struct drv *d;
	uint64_t buf;

	(void)state;
	st->slow = false;
	st->st.readonly = true;
	d = slow_drv(st);
	drv_start(d);
	buf = drv_alloc(d, 512);
	assert_int_equal(drv_io(d, &write, buf, 512, NULL), ST_READ_ONLY);
	assert_int_equal(drv_io(d, &dsm, buf, 16, NULL), ST_READ_ONLY);
	dsm.dw[11] = 0;
	assert_int_equal(drv_io(d, &dsm, buf, 16, NULL), 0);
	assert_int_equal(set_wp(d, 1, 1), 0);
	assert_int_equal(drv_io(d, &write, buf, 512, NULL), ST_WRITE_PROTECTED);
	drv_free(d);
	slow_free(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_reported),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_flushes),
		cmocka_unit_test(test_power_cycle),
		cmocka_unit_test(test_read_only_medium),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
