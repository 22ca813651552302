/* SPDX-License-Identifier: MIT */
/*
 * test_zone_restart.c - zones from one life of the process to the next. Where a process was killed
 * in the middle of something, the test makes the memory that survives what it was at that moment.
 */
#include "../../core/persist/persist.h"
#include "../../store/store.h"
#include "zonecmd.h"

#define EXT 64u

/* the word of a zone, as core/ns/zone.h describes it */
#define WORD_EMPTYING (1ull << 62)
#define WORD_LOCK     (1ull << 63)

struct life {
	struct mem_journal j;
	struct sim_store *store;
	struct drv_params p;
	struct drv *d;
};

static void begin(struct life *l)
{
	memset(l, 0, sizeof(*l));
	zone_params(&l->p);
	l->p.ns.zoned.descr_ext_size = EXT;
	l->p.journal = memj_port(&l->j);
	l->store = store_ram_new(l->p.ns_bytes, NULL);
	assert_non_null(l->store);
	l->p.ns.store = l->store;
	l->d = zone_start(&l->p);
}

static void restart(struct life *l)
{
	drv_free(l->d);
	l->d = zone_start(&l->p);
}

static void end(struct life *l)
{
	drv_free(l->d);
	store_free(l->store);
	memj_free(&l->j);
}

static uint64_t *word(struct life *l, unsigned int z)
{
	uint64_t *words = memj_find(&l->j, 'a', SIM_REC_ZONES, 1)->buf;

	return &words[(z & ~63u) | (z & 7) << 3 | (z >> 3 & 7)];
}

static void states_stay(void **state)
{
	struct sim_msg msg;
	struct life l;
	uint8_t ext[EXT];
	uint64_t iova;

	begin(&l);
	memset(ext, 0x3d, sizeof(ext));
	assert_int_equal(zone_write(l.d, 0, 8, 1), 0);
	assert_int_equal(zone_send(l.d, ZSZE, ZSA_OPEN), 0);
	assert_int_equal(zone_set_ext(l.d, 2 * ZSZE, ext, EXT), 0);
	assert_int_equal(zone_write(l.d, 2 * ZSZE, 5, 2), 0);
	assert_int_equal(zone_write(l.d, 3 * ZSZE, ZCAP, 3), 0);
	assert_int_equal(zone_write(l.d, 4 * ZSZE, 4, 4), 0);
	assert_int_equal(sim_zone_act(l.d->subsys, 1, 4 * ZSZE, SIM_ZA_READ_ONLY, &msg), 0);
	assert_int_equal(sim_zone_act(l.d->subsys, 1, 5 * ZSZE, SIM_ZA_OFFLINE, &msg), 0);
	assert_int_equal(zone_write(l.d, 6 * ZSZE, 4, 6), 0);
	assert_int_equal(sim_zone_act(l.d->subsys, 1, 6 * ZSZE, SIM_ZA_FINISH, &msg), 0);
	assert_int_equal(sim_zone_act(l.d->subsys, 1, 3 * ZSZE, SIM_ZA_RESET_RECOMMENDED, &msg), 0);
	for (unsigned int i = 0; i < 2; i++) {
		restart(&l);
		assert_zone(l.d, 0, ZS_CLOSED, 8);
		assert_zone(l.d, 1, ZS_EMPTY, 0);
		assert_zone(l.d, 2, ZS_CLOSED, 5);
		assert_int_equal(zone_desc(l.d, 2).za, 0x80);
		assert_int_equal(zone_state(l.d, 3), ZS_FULL);
		assert_int_equal(zone_desc(l.d, 3).za, 4);
		assert_int_equal(zone_state(l.d, 4), ZS_RO);
		assert_int_equal(zone_state(l.d, 5), ZS_OFFLINE);
		assert_int_equal(zone_state(l.d, 6), ZS_FULL);
		assert_int_equal(zone_desc(l.d, 6).za, 1);
		assert_true(zone_holds(l.d, 0, 8, 1));
		assert_true(zone_holds(l.d, 2 * ZSZE, 5, 2));
		assert_true(zone_holds(l.d, 3 * ZSZE, ZCAP, 3));
		assert_true(zone_holds(l.d, 4 * ZSZE, 4, 4));
		iova = drv_alloc(l.d, 4096);
		assert_int_equal(zone_report(l.d, 2 * ZSZE, 1, iova, 192), 0);
		assert_memory_equal((uint8_t *)drv_ptr(l.d, iova) + 128, ext, EXT);
	}
	assert_int_equal(zone_write(l.d, 8, 1, 7), 0);
	end(&l);
}

/* killed after the data was written and before the write pointer moved */
static void in_a_write(void **state)
{
	struct life l;
	uint64_t before;

	begin(&l);
	assert_int_equal(zone_write(l.d, 0, 8, 1), 0);
	before = *word(&l, 0);
	assert_int_equal(zone_write(l.d, 8, 8, 2), 0);
	*word(&l, 0) = before | WORD_LOCK;
	restart(&l);
	assert_zone(l.d, 0, ZS_CLOSED, 8);
	assert_true(zone_holds(l.d, 0, 8, 1));
	assert_true(zone_holds(l.d, 8, 80, 0));
	/* the same in a zone that was Empty: it is open before the first byte is there */
	assert_int_equal(zone_write(l.d, ZSZE, 8, 2), 0);
	before = *word(&l, 1);
	*word(&l, 1) = (before & ~0xffffull) | WORD_LOCK;
	restart(&l);
	assert_zone(l.d, 1, ZS_EMPTY, 0);
	assert_true(zone_holds(l.d, ZSZE, 8, 0));
	end(&l);
}

/* killed when the data of a zone had begun to go */
static void in_a_reset(void **state)
{
	struct life l;

	begin(&l);
	assert_int_equal(zone_write(l.d, 0, ZCAP, 1), 0);
	assert_int_equal(zone_write(l.d, ZSZE, 5, 1), 0);
	assert_int_equal(deallocate(l.d, 0, 30), 0);
	*word(&l, 0) |= WORD_EMPTYING | WORD_LOCK;
	*word(&l, 1) |= WORD_EMPTYING | WORD_LOCK;
	restart(&l);
	assert_zone(l.d, 0, ZS_EMPTY, 0);
	assert_true(zone_holds(l.d, 0, ZSZE, 0));
	assert_zone(l.d, 1, ZS_EMPTY, 0);
	assert_true(zone_holds(l.d, ZSZE, ZSZE, 0));
	end(&l);
}

static void expect_refusal(struct life *l, const char *what)
{
	struct sim_msg msg = { "" };
	struct sim_subsys *s = sim_subsys_new(
		&(struct sim_subsys_params){
			.nqn = "nqn.2019-08.org.qemu:test",
			.clock = { .now_ns = NULL },
			.journal = l->p.journal,
		},
		&msg);

	assert_non_null(s);
	assert_true(sim_ns_add(s, NULL, &l->p.ns, &msg) < 0);
	if (!strstr(msg.text, what))
		fail_msg("\"%s\" does not say \"%s\"", msg.text, what);
	sim_subsys_free(s);
}

/* another configuration is an error, and everything is there again with the old one */
static void geometry(void **state)
{
	struct life l;

	begin(&l);
	assert_int_equal(zone_write(l.d, 0, 8, 1), 0);
	drv_free(l.d);
	l.p.ns.detached = true;
	l.p.ns.zoned.zone_size *= 2;
	expect_refusal(&l, "zoned.zone_size");
	l.p.ns.zoned.zone_size /= 2;
	/* so many zones, and so many blocks in them, that nothing of theirs has the same length */
	l.p.ns.zoned.zone_size = l.p.ns.zoned.zone_capacity = 7 * ZLBS;
	expect_refusal(&l, "zoned.zone_size");
	l.p.ns.zoned.zone_size = ZSZE * ZLBS;
	l.p.ns.zoned.zone_capacity = ZCAP * ZLBS;
	l.p.ns.zoned.zone_capacity -= ZLBS;
	expect_refusal(&l, "zoned.zone_capacity");
	l.p.ns.zoned.zone_capacity += ZLBS;
	l.p.ns.zoned.descr_ext_size = 0;
	expect_refusal(&l, "zoned.descr_ext_size");
	l.p.ns.zoned.descr_ext_size = EXT;
	l.store->size -= 2 * ZSZE * ZLBS; /* the medium was cut short */
	expect_refusal(&l, "number of zones");
	l.store->size += 2 * ZSZE * ZLBS;
	l.p.ns.zoned.on = false;
	expect_refusal(&l, "zoned is off");
	l.p.ns.zoned.on = true;
	*word(&l, 5) = 7ull << 56; /* there is no such state */
	expect_refusal(&l, "zone 5");
	*word(&l, 5) = 1ull << 56 | (ZCAP + 1);
	expect_refusal(&l, "zone 5");
	*word(&l, 5) = 0;
	l.p.ns.detached = false;
	l.d = zone_start(&l.p);
	assert_zone(l.d, 0, ZS_CLOSED, 8);
	assert_true(zone_holds(l.d, 0, 8, 1));
	/* limits and the way of reading may change */
	l.p.ns.zoned.max_active = 1;
	l.p.ns.zoned.cross_read = true;
	restart(&l);
	assert_zone(l.d, 0, ZS_CLOSED, 8);
	assert_int_equal(zone_write(l.d, ZSZE, 8, 1), ST_ACTIVE);
	end(&l);
}

/* memory that should have survived and did not is not taken for zones, however often it is tried */
static void lost(void **state)
{
	uint8_t ext[EXT] = { 1 };
	struct memj_item *words, *exts;
	struct life l;

	begin(&l);
	assert_int_equal(zone_set_ext(l.d, 0, ext, EXT), 0);
	drv_free(l.d);
	l.p.ns.detached = true;
	exts = memj_find(&l.j, 'a', SIM_REC_ZONE_EXT, 1);
	words = memj_find(&l.j, 'a', SIM_REC_ZONES, 1);
	exts->len = 0;
	expect_refusal(&l, "descriptor extensions are lost");
	expect_refusal(&l, "descriptor extensions are lost");
	exts->len = EXT; /* another length: as good as lost */
	expect_refusal(&l, "descriptor extensions are lost");
	words->len = 0;
	expect_refusal(&l, "state is lost");
	expect_refusal(&l, "state is lost");
	store_free(l.store);
	memj_free(&l.j);
}

/* a medium made just now has nothing of the zones of another one that was in its place */
static void fresh_medium(void **state)
{
	struct life l;

	begin(&l);
	assert_int_equal(zone_write(l.d, 0, ZCAP, 1), 0);
	drv_free(l.d);
	store_free(l.store);
	l.store = store_ram_new(l.p.ns_bytes, NULL);
	l.store->fresh = true;
	l.p.ns.store = l.store;
	l.d = zone_start(&l.p);
	assert_zone(l.d, 0, ZS_EMPTY, 0);
	end(&l);
}

/* a medium with something on it, of which no zones are known: that is not lost */
static void found_data(void **state)
{
	struct drv_params p;
	struct sim_store *store;
	struct drv *d;
	uint8_t block[ZLBS];

	zone_params(&p);
	store = store_ram_new(p.ns_bytes, NULL);
	memset(block, 0x42, sizeof(block));
	assert_int_equal(store->ops->write(store, (2 * ZSZE + 5) * ZLBS, block, ZLBS), 0);
	store->fresh = false;
	p.ns.store = store;
	d = zone_start(&p);
	assert_zone(d, 1, ZS_EMPTY, 0);
	assert_int_equal(zone_state(d, 2), ZS_FULL);
	assert_true(zone_holds(d, 2 * ZSZE + 5, 1, 0x42));
	assert_int_equal(zone_send(d, 2 * ZSZE, ZSA_RESET), 0);
	assert_true(zone_holds(d, 2 * ZSZE + 5, 1, 0));
	drv_free(d);
	store_free(store);
}

/* a Flush makes zones durable, once */
static void durable(void **state)
{
	struct life l;
	unsigned int syncs;
	struct drv_cmd flush = { { 0x00, 1 } };

	begin(&l);
	assert_int_equal(zone_send(l.d, 0, ZSA_OPEN), 0);
	syncs = l.j.syncs;
	assert_int_equal(drv_io(l.d, &flush, 0, 0, NULL), 0);
	assert_int_equal(l.j.syncs, syncs + 1);
	assert_int_equal(drv_io(l.d, &flush, 0, 0, NULL), 0);
	assert_int_equal(l.j.syncs, syncs + 1);
	assert_int_equal(zone_send(l.d, 0, ZSA_CLOSE), 0);
	assert_int_equal(drv_io(l.d, &flush, 0, 0, NULL), 0);
	assert_int_equal(l.j.syncs, syncs + 2);
	assert_int_equal(zone_write(l.d, 0, 1, 1), 0);
	assert_int_equal(drv_io(l.d, &flush, 0, 0, NULL), 0);
	assert_int_equal(l.j.syncs, syncs + 3);
	end(&l);
}

static void formatted(void **state)
{
	struct life l;
	struct drv_cmd cmd = { { 0x80, 1 } };
	struct sim_zones_info info;

	begin(&l);
	assert_int_equal(zone_write(l.d, 0, ZCAP, 1), 0);
	cmd.dw[10] = 1; /* 512 + 8 */
	assert_int_equal(drv_admin(l.d, &cmd, 0, 0, NULL), 0);
	restart(&l);
	assert_int_equal(sim_zones_info(l.d->subsys, 1, &info), 0);
	assert_int_equal(info.nr_zones, l.p.ns_bytes / 520 / ZSZE);
	assert_zone(l.d, 0, ZS_EMPTY, 0);
	end(&l);
}

/* killed between the record of write protection and its making active zones Full */
static void in_a_protection(void **state)
{
	struct drv_cmd cmd = { { 0x09, 1 } };
	struct life l;
	uint64_t before;

	begin(&l);
	assert_int_equal(zone_write(l.d, 0, 8, 1), 0);
	before = *word(&l, 0);
	cmd.dw[10] = 0x84;
	cmd.dw[11] = 1;
	assert_int_equal(drv_admin(l.d, &cmd, 0, 0, NULL), 0);
	*word(&l, 0) = before;
	restart(&l);
	assert_int_equal(zone_state(l.d, 0), ZS_FULL);
	assert_true(zone_holds(l.d, 0, 8, 1));
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_stay),	   cmocka_unit_test(in_a_write),
		cmocka_unit_test(in_a_reset),	   cmocka_unit_test(geometry),
		cmocka_unit_test(fresh_medium),	   cmocka_unit_test(found_data),
		cmocka_unit_test(durable),	   cmocka_unit_test(formatted),
		cmocka_unit_test(in_a_protection), cmocka_unit_test(lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
