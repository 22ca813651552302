/* SPDX-License-Identifier: MIT */
/* test_aer.c - Asynchronous Event Request: NVMe Base 2.1, section 5.1.2 */
#include "admin.h"

/* completion dword 0: log page 23:16, information 15:8, type 2:0 */
#define EVENT(type, info, lid) ((uint32_t)(lid) << 16 | (uint32_t)(info) << 8 | (type))
#define EV_DB_REGISTER EVENT(0, 0x00, 0x01)
#define EV_DB_VALUE EVENT(0, 0x01, 0x01)
#define EV_TEMPERATURE EVENT(1, 0x01, 0x02)
#define EV_NS_CHANGED EVENT(2, 0x00, 0x04)

static struct drv *enabled(uint8_t aerl, uint32_t queued)
{
	struct drv_params p;
	struct drv *d;

	drv_params(&p);
	p.ctrl.aerl = aerl;
	p.ctrl.aer_max_queued = queued;
	d = drv_new(&p);
	drv_enable(d);
	return d;
}

static void add_ns(struct drv *d, uint32_t nsid)
{
	struct drv_params p;
	struct sim_msg msg;

	drv_params(&p);
	p.ns.store = d->store;
	p.ns.nsid = nsid;
	assert_int_equal(sim_ns_add(d->subsys, d->fn, &p.ns, &msg), nsid);
}

/*
 * A command that causes an event: the Asynchronous Event Request completes before the command does.
 * @aer: what came before it, to be looked at by assert_event(); at most one
 */
static struct drv_cqe aer;
static bool aer_came;

static void run(struct drv *d, struct drv_cmd *cmd, uint64_t iova, size_t len)
{
	struct drv_cqe cqe;
	uint16_t cid;

	assert_false(aer_came);
	if (iova)
		drv_prps(d, cmd, iova, len);
	cid = drv_submit(d, &d->admin, cmd);
	assert_true(drv_poll(d, &d->admin, &cqe));
	if (cqe.cid != cid) {
		aer = cqe;
		aer_came = true;
		assert_true(drv_poll(d, &d->admin, &cqe));
	}
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(cqe.status, 0);
}

static void set(struct drv *d, uint8_t fid, uint32_t value)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = fid, [11] = value } };

	run(d, &cmd, 0, 0);
}

static void read_log(struct drv *d, uint8_t lid, bool rae)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x02,
				       [1] = NSID_ALL,
				       [10] = 127u << 16 | (rae ? 1u << 15 : 0) | lid } };

	run(d, &cmd, drv_alloc(d, 512), 512);
}

/* the composite temperature is 323 K: an over temperature threshold at or below it is crossed */
static void cross_temperature(struct drv *d)
{
	set(d, 0x04, 323);
}

static void calm_temperature(struct drv *d)
{
	set(d, 0x04, 343);
}

/* a doorbell of a queue that does not exist: submission queue 5 */
static void bad_doorbell(struct drv *d)
{
	drv_w32(d, 0x1000 + 8 * 5, 1);
}

/* a tail beyond the size of the admin queue */
static void bad_tail(struct drv *d)
{
	drv_w32(d, 0x1000, 0xfff);
}

static void assert_event(struct drv *d, uint16_t cid, uint32_t dw0)
{
	if (!aer_came)
		assert_true(drv_poll(d, &d->admin, &aer));
	aer_came = false;
	assert_int_equal(aer.cid, cid);
	assert_int_equal(aer.status, 0);
	assert_int_equal(aer.dw0, dw0);
}

static void assert_quiet(struct drv *d)
{
	struct drv_cqe cqe;

	assert_false(aer_came);
	assert_false(drv_poll(d, &d->admin, &cqe));
}

static void test_limit(void **state)
{
	struct drv *d = enabled(2, 64); /* 0's based: three */
	struct drv_cmd cmd = { .dw = { [0] = 0x0c } };
	struct drv_cqe cqe;

	for (unsigned int i = 0; i < 3; i++)
		aer_submit(d);
	assert_quiet(d);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, &cqe), ST_AER_LIMIT);
	/* one was used: there is room for one again */
	bad_doorbell(d);
	assert_true(drv_poll(d, &d->admin, &cqe));
	aer_submit(d);
	assert_quiet(d);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, &cqe), ST_AER_LIMIT);
	drv_free(d);
}

/* more requests than the queue has entries, and one outstanding does not hold up the queue */
static void test_outstanding(void **state)
{
	struct drv *d = enabled(255, 64);
	uint8_t *id;

	for (unsigned int i = 0; i < 256; i++)
		aer_submit(d);
	assert_quiet(d);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(identify(d, 0, 1, 0, &id), ST_OK);
	drv_free(d);
}

static void test_error_events(void **state)
{
	struct drv *d = enabled(3, 64);
	uint16_t first = aer_submit(d), second = aer_submit(d);

	/* error events need no configuration; requests are used in the order they came */
	bad_doorbell(d);
	assert_event(d, first, EV_DB_REGISTER);
	/* masked until the log page was read */
	bad_tail(d);
	bad_doorbell(d);
	assert_quiet(d);
	read_log(d, 0x02, false); /* another log page */
	assert_quiet(d);
	read_log(d, 0x01, true); /* Retain Asynchronous Event */
	assert_quiet(d);
	/* read, and with it what was waiting: the host has seen that too */
	read_log(d, 0x01, false);
	assert_quiet(d);
	bad_tail(d);
	assert_event(d, second, EV_DB_VALUE);
	drv_free(d);
}

static void test_interrupt(void **state)
{
	struct drv *d = enabled(3, 64);
	unsigned int irqs;

	aer_submit(d);
	irqs = d->irqs[0];
	bad_doorbell(d);
	assert_int_equal(d->irqs[0], irqs + 1);
	drv_free(d);
}

static void test_queued(void **state)
{
	struct drv *d = enabled(3, 64);
	uint16_t cid;

	/* nobody asked yet: events wait, in order, the same one once */
	set(d, 0x0b, 0x102);
	bad_doorbell(d);
	cross_temperature(d);
	bad_doorbell(d);
	add_ns(d, 2);
	assert_quiet(d);
	cid = aer_submit(d);
	assert_event(d, cid, EV_DB_REGISTER);
	cid = aer_submit(d);
	assert_event(d, cid, EV_TEMPERATURE);
	cid = aer_submit(d);
	assert_event(d, cid, EV_NS_CHANGED);
	aer_submit(d);
	assert_quiet(d);
	drv_free(d);
}

/* a log page read before anybody asked clears what it shows, and nothing else */
static void test_read_first(void **state)
{
	struct drv *d = enabled(3, 64);
	uint16_t cid;

	set(d, 0x0b, 0x102);
	bad_doorbell(d);
	bad_tail(d);
	cross_temperature(d);
	read_log(d, 0x01, false);
	cid = aer_submit(d);
	assert_event(d, cid, EV_TEMPERATURE);
	cid = aer_submit(d);
	assert_quiet(d);
	bad_doorbell(d);
	assert_event(d, cid, EV_DB_REGISTER);
	drv_free(d);
}

static void test_queue_limit(void **state)
{
	struct drv *d = enabled(3, 1);
	uint16_t cid;

	set(d, 0x0b, 0x02);
	bad_doorbell(d);
	cross_temperature(d); /* no room: lost */
	cid = aer_submit(d);
	assert_event(d, cid, EV_DB_REGISTER);
	aer_submit(d);
	assert_quiet(d);
	drv_free(d);

	d = enabled(3, 0); /* no queue at all */
	bad_doorbell(d);
	cid = aer_submit(d);
	assert_quiet(d);
	bad_tail(d);
	assert_event(d, cid, EV_DB_VALUE);
	drv_free(d);
}

static void test_temperature(void **state)
{
	struct drv *d = enabled(3, 64);
	uint16_t cid = aer_submit(d);

	/* not enabled: nothing; enabled with the warning there: the event */
	cross_temperature(d);
	assert_quiet(d);
	set(d, 0x0b, 0x02);
	assert_event(d, cid, EV_TEMPERATURE);
	/* said once, while the temperature stays */
	cid = aer_submit(d);
	read_log(d, 0x02, false);
	cross_temperature(d);
	assert_quiet(d);
	/* and again when it comes again */
	calm_temperature(d);
	assert_quiet(d);
	cross_temperature(d);
	assert_event(d, cid, EV_TEMPERATURE);
	drv_free(d);
}

static void test_under_temperature(void **state)
{
	const uint32_t under = 1u << 20;
	struct drv *d = enabled(3, 64);
	uint16_t cid = aer_submit(d);

	set(d, 0x0b, 0x02);
	set(d, 0x04, under | 322);
	assert_quiet(d);
	set(d, 0x04, under | 323);
	assert_event(d, cid, EV_TEMPERATURE);
	drv_free(d);
}

static void test_ns_notice(void **state)
{
	struct drv *d = enabled(3, 64);
	uint16_t cid = aer_submit(d);

	add_ns(d, 2); /* notices are not enabled */
	assert_quiet(d);
	set(d, 0x0b, 0x100);
	assert_quiet(d);
	add_ns(d, 3);
	assert_event(d, cid, EV_NS_CHANGED);
	cid = aer_submit(d);
	add_ns(d, 4);
	assert_quiet(d);
	read_log(d, 0x04, false); /* tells of both */
	assert_quiet(d);
	add_ns(d, 5);
	assert_event(d, cid, EV_NS_CHANGED);
	drv_free(d);
}

/* a masked type does not hold up another */
static void test_types(void **state)
{
	struct drv *d = enabled(3, 64);
	uint16_t cid = aer_submit(d), next = aer_submit(d);

	set(d, 0x0b, 0x102);
	bad_doorbell(d);
	assert_event(d, cid, EV_DB_REGISTER);
	bad_tail(d);
	assert_quiet(d);
	cross_temperature(d);
	assert_event(d, next, EV_TEMPERATURE);
	cid = aer_submit(d);
	assert_quiet(d);
	add_ns(d, 2);
	assert_event(d, cid, EV_NS_CHANGED);
	drv_free(d);
}

/* a reset forgets requests, events and masks, and completes nothing */
static void test_reset(void **state)
{
	struct drv *d = enabled(0, 64);
	uint16_t cid;

	aer_submit(d);
	bad_doorbell(d);
	bad_tail(d);
	drv_disable(d);
	drv_enable(d);
	cid = aer_submit(d);
	assert_quiet(d);
	bad_doorbell(d);
	assert_event(d, cid, EV_DB_REGISTER);

	cid = aer_submit(d);
	drv_disable(d);
	drv_enable(d);
	aer_submit(d); /* the limit is one: the old one is gone */
	assert_quiet(d);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_outstanding),
		cmocka_unit_test(test_error_events),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_queued),
		cmocka_unit_test(test_read_first),
		cmocka_unit_test(test_queue_limit),
		cmocka_unit_test(test_temperature),
		cmocka_unit_test(test_under_temperature),
		cmocka_unit_test(test_ns_notice),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
