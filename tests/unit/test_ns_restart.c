/* SPDX-License-Identifier: MIT */
/*
 * test_ns_restart.c - what is there again after a restart of what hosts created, deleted, attached
 * and detached; wherever in a command the process died
 */
#include "nsmgmt_fx.h"

#define SECTORS(bytes) ((bytes) / 512)

/* CNS 03h descriptors: EUI64 (1), NGUID (2) and UUID (3) of @nsid */
struct ids {
	uint8_t eui64[8], nguid[16], uuid[16];
};

static void get_ids(struct drv *d, uint32_t nsid, struct ids *ids)
{
	uint8_t *id;

	memset(ids, 0, sizeof(*ids));
	assert_int_equal(identify(d, nsid, 0x03, 0, &id), ST_OK);
	for (const uint8_t *p = id; p[0]; p += 4 + p[1]) {
		uint8_t *to = p[0] == 1 ? ids->eui64 : p[0] == 2 ? ids->nguid : ids->uuid;

		if (p[0] <= 3)
			memcpy(to, p + 4, p[1]);
	}
}

static void test_identifiers(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, false);
	struct ids ids[20], again;

	for (unsigned int i = 0; i < 20; i++) {
		uint32_t nsid = ns_create(f->d, 8);

		assert_int_equal(ns_attach(f->d, nsid, 0), ST_OK);
		get_ids(f->d, nsid, &ids[i]);
		assert_false(all_zero(ids[i].eui64, 8));
		assert_false(all_zero(ids[i].nguid, 16));
		assert_false(all_zero(ids[i].uuid, 16));
		assert_int_equal(ids[i].uuid[8] >> 6, 2); /* RFC 9562: the variant */
		for (unsigned int j = 0; j < i; j++) {
			assert_memory_not_equal(ids[i].eui64, ids[j].eui64, 8);
			assert_memory_not_equal(ids[i].nguid, ids[j].nguid, 16);
			assert_memory_not_equal(ids[i].uuid, ids[j].uuid, 16);
		}
	}
	nfx_restart(f);
	for (unsigned int i = 0; i < 20; i++) {
		get_ids(f->d, 2 + i, &again);
		assert_memory_equal(&again, &ids[i], sizeof(again));
	}
	/* the next life of an NSID is another namespace */
	assert_int_equal(ns_delete(f->d, 2), ST_OK);
	assert_int_equal(ns_create(f->d, 8), 2);
	assert_int_equal(ns_attach(f->d, 2, 0), ST_OK);
	get_ids(f->d, 2, &again);
	for (unsigned int i = 0; i < 20; i++) {
		assert_memory_not_equal(again.eui64, ids[i].eui64, 8);
		assert_memory_not_equal(again.uuid, ids[i].uuid, 16);
	}
	nfx_free(f);
}

static void test_restart(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, false);
	struct ns_wish w = { .nsze = 3000, .ncap = 3000, .flbas = 0x15, .dps = 0x0a };
	uint8_t before[4096], *id;
	uint32_t nsid;

	assert_int_equal(ns_create(f->d, SECTORS(8 * MIB)), 2);
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_OK);
	assert_int_equal(nsid, 3);
	assert_int_equal(ns_create(f->d, SECTORS(8 * MIB)), 4);
	assert_int_equal(ns_attach(f->d, 2, 0), ST_OK);
	assert_int_equal(ns_attach(f->d, 3, 0), ST_OK);
	assert_int_equal(put_block(f->d, 2, 7, 0x42), ST_OK);
	assert_int_equal(identify(f->d, 3, 0x00, 0, &id), ST_OK);
	memcpy(before, id, 4096);
	assert_int_equal(ns_delete(f->d, 4), ST_OK);
	nfx_restart(f);
	assert_int_equal(ns_count(f->d, 0x10), 3);
	assert_int_equal(ns_count(f->d, 0x02), 3);
	assert_int_equal(get_block(f->d, 2, 7), 0x42);
	assert_int_equal(get_block(f->d, 2, 8), 0);
	assert_int_equal(identify(f->d, 3, 0x00, 0, &id), ST_OK);
	assert_memory_equal(id, before, 4096);
	assert_int_equal(identify(f->d, 2, 0x00, 0, &id), ST_OK);
	assert_int_equal(get64(id + 16), 1); /* NUSE */
	nfx_free(f);
}

/* configured namespaces and those of hosts do not take one another's NSIDs */
static void test_nsid_of_host(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, false);
	struct sim_store *st;
	struct drv_params p;
	struct sim_msg msg;

	assert_int_equal(ns_create(f->d, 8), 2);
	assert_int_equal(ns_delete(f->d, 1), ST_OK);
	nfx_stop(f);
	st = store_ram_new(MIB, &msg);
	assert_int_equal(store_journal_open(f->dir, "s", &f->real, &msg), 0);
	f->d = drv_new(&f->p); /* 1 is configured, and stays deleted; hosts' are not there yet */
	drv_params(&p);
	p.ns.store = st;
	p.ns.nsid = 2;
	assert_int_equal(sim_ns_add(f->d->subsys, NULL, &p.ns, &msg), SIM_EEXIST);
	p.ns.nsid = 1;
	assert_int_equal(sim_ns_add(f->d->subsys, NULL, &p.ns, &msg), SIM_EEXIST);
	p.ns.nsid = 0;
	assert_int_equal(sim_ns_add(f->d->subsys, NULL, &p.ns, &msg), 3);
	assert_int_equal(sim_subsys_restore(f->d->subsys, &msg), 0);
	drv_start(f->d);
	assert_int_equal(ns_count(f->d, 0x10), 2);
	assert_true(ns_listed(f->d, 0x10, 2));
	assert_true(ns_listed(f->d, 0x02, 3));
	nfx_free(f);
	store_free(st);
}

/* a medium that is gone is a sentence, not a namespace of zeroes */
static void test_lost_medium(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, false);
	struct sim_store *kept;
	struct sim_msg msg = { "" };

	assert_int_equal(ns_create(f->d, 8), 2);
	nfx_stop(f);
	kept = f->medium[2];
	f->medium[2] = NULL;
	assert_int_equal(store_journal_open(f->dir, "s", &f->real, &msg), 0);
	f->d = drv_new(&f->p);
	assert_int_equal(sim_subsys_restore(f->d->subsys, &msg), SIM_ENOENT);
	assert_non_null(strstr(msg.text, "namespace 2"));
	f->medium[2] = kept;
	assert_int_equal(sim_subsys_restore(f->d->subsys, &msg), 0);
	nfx_free(f);
}

/* these commands promise to outlive a power cycle */
static void test_durable(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, false);
	unsigned int syncs = f->syncs;

	assert_int_equal(ns_create(f->d, 8), 2);
	assert_true(f->syncs > syncs);
	syncs = f->syncs;
	assert_int_equal(ns_attach(f->d, 2, 0), ST_OK);
	assert_true(f->syncs > syncs);
	syncs = f->syncs;
	assert_int_equal(ns_detach(f->d, 2, 0), ST_OK);
	assert_true(f->syncs > syncs);
	syncs = f->syncs;
	assert_int_equal(ns_delete(f->d, 2), ST_OK);
	assert_true(f->syncs > syncs);
	nfx_free(f);
}

/* ---- death in the middle -------------------------------------------------------------------- */

enum step { CREATE, DELETE, ATTACH, DETACH, DELETE_CONFIGURED };

static uint16_t do_step(struct nfx *f, enum step step)
{
	struct ns_wish w = { .nsze = 1000, .ncap = 1000, .nmic = 1 };

	switch (step) {
	case CREATE:
		return ns_create_as(f->d, &w, NULL);
	case DELETE:
		return ns_delete(f->d, 2);
	case ATTACH:
		return ns_attach(f->d, 2, 0);
	case DETACH:
		return ns_detach(f->d, 2, 0);
	default:
		return ns_delete(f->d, 1);
	}
}

/* the namespace 2 (or 1) after a restart, as the numbers below name it */
static unsigned int look(struct nfx *f, enum step step)
{
	uint32_t nsid = step == DELETE_CONFIGURED ? 1 : 2;

	return (ns_listed(f->d, 0x10, nsid) ? 1 : 0) | (ns_listed(f->d, 0x02, nsid) ? 2 : 0);
}

/* at every point the process may die at there is what was before, or what is after, the command */
static void test_kill(void **state)
{
	static const struct {
		enum step step;
		unsigned int before, after;
	} rows[] = {
		{ CREATE, 0, 1 },	     { DELETE, 3, 0 },
		{ ATTACH, 1, 3 },	     { DETACH, 3, 1 },
		{ DELETE_CONFIGURED, 3, 0 },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int saw_before = 0, saw_after = 0, calls = 1;

		for (unsigned int at = 0; at <= calls; at++) {
			struct nfx *f = nfx_new(256 * MIB, false);
			unsigned int now;

			if (rows[i].step != CREATE)
				assert_int_equal(ns_create(f->d, 1000), 2);
			if (rows[i].before == 3 && rows[i].step != DELETE_CONFIGURED) {
				assert_int_equal(ns_attach(f->d, 2, 0), ST_OK);
				assert_int_equal(put_block(f->d, 2, 9, 0x99), ST_OK);
			}
			f->calls = 0;
			f->die_at = at;
			assert_int_equal(do_step(f, rows[i].step), ST_OK);
			calls = f->calls;
			nfx_restart(f);
			now = look(f, rows[i].step);
			if (now != rows[i].before)
				assert_int_equal(now, rows[i].after);
			saw_before += now == rows[i].before;
			saw_after += now == rows[i].after;
			if (now == 3 && rows[i].step == DELETE)
				assert_int_equal(get_block(f->d, 2, 9), 0x99);
			/* life goes on: what was left of a medium is in the way of nobody */
			if (now == 0 && rows[i].step != DELETE_CONFIGURED) {
				assert_int_equal(ns_create(f->d, 1000), 2);
				assert_int_equal(ns_attach(f->d, 2, 0), ST_OK);
				assert_int_equal(get_block(f->d, 2, 9), 0);
				nfx_restart(f);
				assert_int_equal(look(f, CREATE), 3);
			}
			nfx_free(f);
		}
		assert_true(saw_before && saw_after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identifiers), cmocka_unit_test(test_restart),
		cmocka_unit_test(test_nsid_of_host), cmocka_unit_test(test_lost_medium),
		cmocka_unit_test(test_durable),	    cmocka_unit_test(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
