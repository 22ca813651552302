/* SPDX-License-Identifier: MIT */
/*
 * test_attach.c - which controllers have which namespaces: Namespace Attachment (NVMe Base 2.1,
 * section 5.1.20), what is configured, and what the controllers' hosts are told
 */
#include "nsmgmt_fx.h"

#define AEN_NS_ATTR 0x040002u /* notice, Attached Namespace Attribute Changed, log page 04h */

/* controllers 0, 1 and 2 of one subsystem, all in use, with events on */
struct three {
	struct nfx *f;
	struct drv *c[3];
};

static void three_new(struct three *t)
{
	t->f = nfx_new(256 * MIB, true);
	t->c[0] = t->f->d;
	for (unsigned int i = 1; i < 3; i++) {
		t->c[i] = drv_add_fn(t->c[0], NULL);
		drv_start(t->c[i]);
	}
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(set_feature(t->c[i], 0x0b, 0, 1u << 8, NULL), ST_OK);
}

/*
 * The event that waits at @d, and its log page: the one namespace that changed, or 0: no event. The
 * request that finds none is aborted, so that no event gets between other commands.
 */
static uint32_t heard(struct drv *d)
{
	uint16_t cid = aer_submit(d);
	struct drv_cmd abort = { .dw = { [0] = 0x08, [10] = (uint32_t)cid << 16 } };
	struct drv_cqe cqe;
	uint32_t nsid;
	uint8_t *log;

	if (!drv_poll(d, &d->admin, &cqe)) {
		drv_submit(d, &d->admin, &abort);
		assert_true(drv_poll(d, &d->admin, &cqe));
		assert_true(drv_poll(d, &d->admin, &cqe));
		return 0;
	}
	assert_int_equal(cqe.cid, cid);
	assert_int_equal(cqe.dw0, AEN_NS_ATTR);
	assert_int_equal(get_log(d, 0x04, 0, 0, 4096, false, &log), ST_OK);
	nsid = get32(log);
	assert_true(all_zero(log + 4, 4092));
	return nsid;
}

/* the events of all three, as bits */
static unsigned int who_heard(struct three *t, uint32_t nsid)
{
	unsigned int map = 0;

	for (unsigned int i = 0; i < 3; i++) {
		uint32_t n = heard(t->c[i]);

		if (n)
			assert_int_equal(n, nsid);
		map |= n ? 1u << i : 0;
	}
	return map;
}

/* the controllers that have @nsid active, as bits; CNS 12h says the same to each of them */
static unsigned int who_has(struct three *t, uint32_t nsid)
{
	unsigned int map = 0, listed = 0;
	uint8_t *list;

	for (unsigned int i = 0; i < 3; i++) {
		map |= ns_listed(t->c[i], 0x02, nsid) ? 1u << i : 0;
		listed = 0;
		assert_int_equal(identify(t->c[i], nsid, 0x12, 0, &list), ST_OK);
		for (unsigned int n = 0; n < get16(list); n++)
			listed |= 1u << get16(list + 2 + 2 * n);
	}
	assert_int_equal(map, listed);
	return map;
}

static void test_shared(void **state)
{
	static const uint16_t all[] = { 0, 1, 2 }, ends[] = { 2, 0 };
	struct three t;
	uint32_t nsid;

	three_new(&t);
	nsid = ns_create(t.c[0], 1000);
	assert_int_equal(who_has(&t, nsid), 0);
	assert_int_equal(who_heard(&t, nsid), 0); /* nobody's attached namespaces have changed */
	assert_int_equal(ns_attach_list(t.c[0], nsid, 0, 2, ends), ST_OK);
	assert_int_equal(who_has(&t, nsid), 5);
	assert_int_equal(who_heard(&t, nsid), 5); /* the one at work as well: 8.1.15.1 */
	assert_int_equal(ns_attach(t.c[1], nsid, 1), ST_OK);
	assert_int_equal(who_has(&t, nsid), 7);
	assert_int_equal(who_heard(&t, nsid), 2);

	/* one medium: what one writes the others read */
	assert_int_equal(put_block(t.c[0], nsid, 3, 0x33), ST_OK);
	assert_int_equal(get_block(t.c[2], nsid, 3), 0x33);

	assert_int_equal(ns_detach(t.c[2], nsid, 0), ST_OK);
	assert_int_equal(who_has(&t, nsid), 6);
	assert_int_equal(who_heard(&t, nsid), 1);
	assert_int_equal(get_block(t.c[0], nsid, 3), -ST_INVALID_FIELD);
	assert_int_equal(get_block(t.c[1], nsid, 3), 0x33);
	assert_int_equal(ns_attach(t.c[0], nsid, 0), ST_OK);
	assert_int_equal(ns_attach_list(t.c[0], nsid, 1, 3, all), ST_OK);
	assert_int_equal(who_has(&t, nsid), 0);
	nfx_free(t.f);
}

/* section 8.1.15.2: deleting is told to the others that have it, not to the one at work */
static void test_delete_notice(void **state)
{
	static const uint16_t two[] = { 0, 1 };
	struct three t;
	uint32_t nsid;
	uint8_t *log;

	three_new(&t);
	nsid = ns_create(t.c[0], 1000);
	assert_int_equal(ns_attach_list(t.c[0], nsid, 0, 2, two), ST_OK);
	assert_int_equal(who_heard(&t, nsid), 3);
	assert_int_equal(ns_delete(t.c[0], nsid), ST_OK);
	assert_int_equal(who_heard(&t, nsid), 2);
	/* it has changed all the same */
	assert_int_equal(get_log(t.c[0], 0x04, 0, 0, 4096, false, &log), ST_OK);
	assert_int_equal(get32(log), nsid);
	nfx_free(t.f);
}

/* the interrupt of another controller comes with the command's */
static void test_interrupts(void **state)
{
	struct three t;
	unsigned int irqs;

	three_new(&t);
	aer_submit(t.c[2]);
	assert_int_equal(ns_create(t.c[0], 1000), 2);
	irqs = t.c[2]->irqs[0];
	assert_int_equal(ns_attach(t.c[0], 2, 2), ST_OK);
	assert_int_equal(t.c[2]->irqs[0], irqs + 1);
	irqs = t.c[2]->irqs[0];
	assert_int_equal(ns_attach(t.c[0], 2, 1), ST_OK);
	assert_int_equal(t.c[2]->irqs[0], irqs);
	nfx_free(t.f);
}

/* without the host asking for it there is no event; the log page knows */
static void test_quiet(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, false);
	struct drv_cqe cqe;
	uint8_t *log;

	aer_submit(f->d);
	assert_int_equal(ns_create(f->d, 8), 2);
	assert_int_equal(ns_attach(f->d, 2, 0), ST_OK);
	assert_false(drv_poll(f->d, &f->d->admin, &cqe));
	assert_int_equal(get_log(f->d, 0x04, 0, 0, 4096, true, &log), ST_OK);
	assert_int_equal(get32(log), 2);
	nfx_free(f);
}

static void test_private(void **state)
{
	static const uint16_t two[] = { 1, 2 };
	struct ns_wish w = { .nsze = 1000, .ncap = 1000 };
	struct three t;
	uint32_t nsid;

	three_new(&t);
	assert_int_equal(ns_create_as(t.c[0], &w, &nsid), ST_OK);
	assert_int_equal(ns_attach_list(t.c[0], nsid, 0, 2, two), ST_IS_PRIVATE);
	assert_int_equal(last_error_info(t.c[0]), 4); /* the second identifier */
	assert_int_equal(who_has(&t, nsid), 0);
	assert_int_equal(ns_attach(t.c[0], nsid, 1), ST_OK);
	assert_int_equal(ns_attach(t.c[0], nsid, 2), ST_IS_PRIVATE);
	assert_int_equal(ns_attach(t.c[0], nsid, 1), ST_ALREADY_ATTACHED);
	assert_int_equal(ns_detach(t.c[0], nsid, 1), ST_OK);
	assert_int_equal(ns_attach(t.c[0], nsid, 2), ST_OK);
	assert_int_equal(who_has(&t, nsid), 4);
	nfx_free(t.f);
}

/* the specified status, and whatever the list, nothing of it was done */
static void test_errors(void **state)
{
	static const struct {
		uint32_t sel, n;
		uint16_t cntlid[3];
		uint16_t status;
		unsigned int at; /* of the entry that is wrong; 0: none */
	} rows[] = {
		{ 0, 0, { 0 }, ST_CTRL_LIST, 0 },
		{ 1, 0, { 0 }, ST_CTRL_LIST, 0 },
		{ 0, 2048, { 0 }, ST_CTRL_LIST, 0 },
		{ 0, 1, { 3 }, ST_CTRL_LIST, 2 },
		{ 1, 1, { 0xffff }, ST_CTRL_LIST, 2 },
		{ 0, 2, { 1, 7 }, ST_CTRL_LIST, 4 },
		{ 0, 2, { 1, 0 }, ST_ALREADY_ATTACHED, 4 },
		{ 0, 3, { 1, 2, 1 }, ST_ALREADY_ATTACHED, 6 },
		{ 1, 1, { 1 }, ST_NOT_ATTACHED, 2 },
		{ 1, 2, { 0, 1 }, ST_NOT_ATTACHED, 4 },
		{ 1, 2, { 0, 0 }, ST_NOT_ATTACHED, 4 },
		{ 2, 1, { 1 }, ST_INVALID_FIELD, 0 },
		{ 15, 1, { 1 }, ST_INVALID_FIELD, 0 },
	};
	struct three t;
	uint32_t nsid;

	three_new(&t);
	nsid = ns_create(t.c[0], 1000);
	assert_int_equal(ns_attach(t.c[0], nsid, 0), ST_OK);
	assert_int_equal(who_heard(&t, nsid), 1);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t list[2048] = { 0 };
		uint16_t status;

		memcpy(list, rows[i].cntlid, sizeof(rows[i].cntlid));
		status = ns_attach_list(t.c[0], nsid, rows[i].sel, rows[i].n, list);
		if (status != rows[i].status)
			fail_msg("row %u: %03x", i, status);
		assert_int_equal(last_error_info(t.c[0]), rows[i].at);
		assert_int_equal(who_has(&t, nsid), 1);
		assert_int_equal(who_heard(&t, nsid), 0);
	}
	assert_int_equal(ns_attach(t.c[0], 0, 0), ST_INVALID_NS);
	assert_int_equal(ns_attach(t.c[0], SIM_NN + 1, 0), ST_INVALID_NS);
	assert_int_equal(ns_attach(t.c[0], NSID_ALL, 0), ST_INVALID_NS);
	assert_int_equal(ns_attach(t.c[0], 9, 0), ST_INVALID_FIELD);
	assert_int_equal(ns_detach(t.c[0], 9, 0), ST_INVALID_FIELD);
	nfx_free(t.f);
}

/* ---- what is configured --------------------------------------------------------------------- */

static void add_ns(struct drv *d, struct sim_fn *fn, uint32_t nsid, bool shared, bool detached,
		   struct sim_store *st)
{
	struct drv_params p;
	struct sim_msg msg;

	drv_params(&p);
	p.ns.nsid = nsid;
	p.ns.shared = shared;
	p.ns.detached = detached;
	p.ns.store = st;
	if (sim_ns_add(d->subsys, fn, &p.ns, &msg) != nsid)
		fail_msg("%s", msg.text);
}

static void test_configured(void **state)
{
	struct sim_store *st[4];
	struct sim_msg msg;
	struct three t = { 0 };
	struct drv *d;

	for (unsigned int i = 0; i < 4; i++)
		st[i] = store_ram_new(MIB, &msg);
	t.f = nfx_new(256 * MIB, true);
	d = t.c[0] = t.f->d;
	t.c[1] = drv_add_fn(d, NULL);
	drv_start(t.c[1]);
	add_ns(d, NULL, 2, true, false, st[0]);
	add_ns(d, t.c[1]->fn, 3, true, false, st[1]); /* shared: everyone's, whoever names it */
	add_ns(d, t.c[1]->fn, 4, false, false, st[2]);
	add_ns(d, NULL, 5, true, true, st[3]);
	/* a controller that comes later has the shared ones, too */
	t.c[2] = drv_add_fn(d, NULL);
	drv_start(t.c[2]);
	assert_int_equal(who_has(&t, 1), 7);
	assert_int_equal(who_has(&t, 2), 7);
	assert_int_equal(who_has(&t, 3), 7);
	assert_int_equal(who_has(&t, 4), 2);
	assert_int_equal(who_has(&t, 5), 0);
	/* a host decides otherwise */
	assert_int_equal(ns_attach(d, 5, 1), ST_OK);
	assert_int_equal(who_has(&t, 5), 2);
	assert_int_equal(ns_attach(d, 4, 0), ST_IS_PRIVATE);
	nfx_free(t.f);
	for (unsigned int i = 0; i < 4; i++)
		store_free(st[i]);
}

/* a host that is not there yet is not told: it asks when it comes */
static void test_not_enabled(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, true);
	struct drv *late = drv_add_fn(f->d, NULL);
	uint8_t *log;

	assert_int_equal(ns_create(f->d, 8), 2);
	assert_int_equal(ns_attach(f->d, 2, 1), ST_OK);
	drv_start(late);
	assert_true(ns_listed(late, 0x02, 2));
	assert_int_equal(get_log(late, 0x04, 0, 0, 4096, false, &log), ST_OK);
	assert_true(all_zero(log, 4096));
	nfx_free(f);
}

/* attachments outlive resets, and restarts */
static void test_persistent(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, true);
	struct three t = { .f = f };

	for (unsigned int life = 0; life < 3; life++) {
		t.c[0] = f->d;
		for (unsigned int i = 1; i < 3; i++) {
			t.c[i] = drv_add_fn(f->d, NULL);
			drv_start(t.c[i]);
		}
		switch (life) {
		case 0:
			assert_int_equal(ns_create(f->d, 8), 2);
			assert_int_equal(ns_attach(f->d, 2, 1), ST_OK);
			assert_int_equal(ns_detach(f->d, 1, 0), ST_OK);
			assert_int_equal(ns_detach(f->d, 1, 2), ST_OK);
			break;
		case 1: /* as it was left, but controllers 1 and 2 come after the namespaces */
			break;
		default:
			assert_int_equal(ns_attach(f->d, 1, 0), ST_OK);
			assert_int_equal(ns_attach(f->d, 1, 2), ST_OK);
			assert_int_equal(who_has(&t, 1), 7);
			assert_int_equal(ns_detach(f->d, 2, 1), ST_OK);
			assert_int_equal(who_has(&t, 2), 0);
			nfx_free(f);
			return;
		}
		drv_disable(t.c[1]);
		drv_start(t.c[1]);
		assert_int_equal(who_has(&t, 1), 2);
		assert_int_equal(who_has(&t, 2), 2);
		nfx_restart(f);
	}
}

/* a private namespace that a host moved stays where it is, whatever is configured */
static void test_moved(void **state)
{
	struct sim_store *st;
	struct sim_msg msg;
	struct nfx *f = nfx_new(256 * MIB, true);
	struct three t = { .f = f };

	st = store_ram_new(MIB, &msg);
	for (unsigned int life = 0; life < 2; life++) {
		t.c[0] = f->d;
		for (unsigned int i = 1; i < 3; i++) {
			t.c[i] = drv_add_fn(f->d, NULL);
			drv_start(t.c[i]);
		}
		add_ns(f->d, f->d->fn, 6, false, false, st);
		if (!life) {
			assert_int_equal(who_has(&t, 6), 1);
			assert_int_equal(ns_detach(f->d, 6, 0), ST_OK);
			assert_int_equal(ns_attach(f->d, 6, 2), ST_OK);
		}
		assert_int_equal(who_has(&t, 6), 4);
		nfx_restart(f);
	}
	nfx_free(f);
	store_free(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),	    cmocka_unit_test(test_delete_notice),
		cmocka_unit_test(test_interrupts),  cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_private),	    cmocka_unit_test(test_errors),
		cmocka_unit_test(test_configured),  cmocka_unit_test(test_not_enabled),
		cmocka_unit_test(test_persistent),  cmocka_unit_test(test_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
