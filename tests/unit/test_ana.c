/* SPDX-License-Identifier: MIT */
/*
 * test_ana.c - Asymmetric Namespace Access: NVMe Base 2.1, sections 8.1.1, 5.1.12.1.13
 */
#include "nsmgmt_fx.h"

#define LID_ANA 0x0c
#define AEN_ANA 0x0c0302u /* notice, Asymmetric Namespace Access Change, log page 0Ch */

static const struct {
	enum sim_ana_state state;
	uint16_t status; /* of a command that needs the namespace */
} states[] = {
	{ SIM_ANA_OPTIMIZED, ST_OK },
	{ SIM_ANA_NON_OPTIMIZED, ST_OK },
	{ SIM_ANA_INACCESSIBLE, ST_INACCESSIBLE },
	{ SIM_ANA_PERSISTENT_LOSS, ST_PERSISTENT_LOSS },
	{ SIM_ANA_CHANGE, ST_TRANSITION },
};
#define NR_STATES (sizeof(states) / sizeof(states[0]))

/* Get Log Page 0Ch; @rgo: Return Groups Only, the lowest bit of LSP (dword 10, bit 8) */
static uint8_t *ana_log(struct drv *d, bool rgo)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x02,
				       [10] = 1023u << 16 | (rgo ? 1u << 8 : 0) | LID_ANA } };
	uint64_t iova = drv_alloc(d, 4096);

	memset(drv_ptr(d, iova), 0xa5, 4096);
	assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), ST_OK);
	return drv_ptr(d, iova);
}

/* the state the log page has for @nsid, whose group is its own; 0: no group */
static unsigned int logged(struct drv *d, uint32_t nsid, uint64_t *changes)
{
	uint8_t *log = ana_log(d, false), *p = log + 16;

	for (unsigned int i = 0; i < get16(log + 8); i++, p += 32 + 4) {
		assert_int_equal(get32(p + 4), 1);
		assert_int_equal(get32(p + 32), get32(p));
		if (changes)
			*changes = get64(p + 8);
		if (get32(p) == nsid)
			return p[16];
	}
	return 0;
}

/* a subsystem that was not configured for several controllers knows nothing of it */
static void test_single(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, false);
	uint8_t *page;

	assert_int_equal(identify(f->d, 0, 0x01, 0, &page), ST_OK);
	assert_int_equal(page[76], 0); /* CMIC */
	assert_int_equal(get32(page + 92) & 1 << 11, 0); /* OAES */
	assert_int_equal(page[342], 0); /* ANATT */
	assert_int_equal(page[343], 0); /* ANACAP */
	assert_true(all_zero(page + 344, 8)); /* ANAGRPMAX, NANAGRPID */
	assert_int_equal(identify(f->d, 1, 0x00, 0, &page), ST_OK);
	assert_int_equal(get32(page + 92), 0); /* ANAGRPID */
	assert_int_equal(get_log(f->d, LID_ANA, 0, 0, 64, true, &page), ST_INVALID_LOG);
	assert_int_equal(get_log(f->d, 0x00, 0, 0, 1024, true, &page), ST_OK);
	assert_int_equal(get32(page + 4 * LID_ANA), 0);
	assert_int_equal(set_feature(f->d, 0x0b, 0, 1u << 11, NULL), ST_INVALID_FIELD);
	assert_int_equal(sim_ana_set(f->d->fn, 1, SIM_ANA_NON_OPTIMIZED), SIM_EINVAL);
	assert_int_equal(sim_ana_get(f->d->fn, 1), SIM_ANA_OPTIMIZED);
	nfx_free(f);
}

static void test_identify(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, true);
	uint8_t *page;

	assert_int_equal(identify(f->d, 0, 0x01, 0, &page), ST_OK);
	assert_int_equal(page[76], 0x0a); /* CMIC: several controllers, ANA reporting */
	assert_int_equal(get32(page + 92) & 1 << 11, 1 << 11);
	assert_int_not_equal(page[342], 0); /* ANATT */
	assert_int_equal(page[343], 0x5f); /* ANACAP: all states; ANAGRPID does not change */
	assert_int_equal(get32(page + 344), SIM_NN); /* ANAGRPMAX */
	assert_int_equal(get32(page + 348), SIM_NN); /* NANAGRPID */
	assert_int_equal(get32(page + 540), SIM_NN); /* MNAN: not 0 */
	assert_int_equal(identify(f->d, 1, 0x00, 0, &page), ST_OK);
	assert_int_equal(get32(page + 92), 1); /* ANAGRPID */
	assert_int_equal(identify(f->d, 1, 0x08, 0, &page), ST_OK);
	assert_int_equal(get32(page + 4), 1);
	assert_int_equal(ns_create(f->d, 8), 2);
	assert_int_equal(identify(f->d, 2, 0x11, 0, &page), ST_OK);
	assert_int_equal(get32(page + 92), 2);
	nfx_free(f);
}

static void test_set_get(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, true);
	struct drv *b = drv_add_fn(f->d, NULL);
	struct sim_fn *fn = f->d->fn;

	assert_int_equal(sim_ana_get(fn, 0), SIM_ENOENT);
	assert_int_equal(sim_ana_get(fn, 2), SIM_ENOENT);
	assert_int_equal(sim_ana_get(fn, SIM_NN + 1), SIM_ENOENT);
	assert_int_equal(sim_ana_set(fn, 2, SIM_ANA_OPTIMIZED), SIM_ENOENT);
	assert_int_equal(sim_ana_set(fn, SIM_NN + 1, SIM_ANA_OPTIMIZED), SIM_ENOENT);
	for (unsigned int v = 0; v < 256; v++) {
		bool known = (v >= 1 && v <= 4) || v == 0xf;

		assert_int_equal(sim_ana_set(fn, 1, v), known ? 0 : SIM_EINVAL);
		if (known)
			assert_int_equal(sim_ana_get(fn, 1), v);
	}
	/* each controller has its own way to the namespace */
	assert_int_equal(sim_ana_get(b->fn, 1), SIM_ANA_OPTIMIZED);
	assert_int_equal(ns_create(f->d, 8), 2);
	assert_int_equal(sim_ana_set(b->fn, 0, SIM_ANA_NON_OPTIMIZED), 0);
	assert_int_equal(sim_ana_get(b->fn, 1), SIM_ANA_NON_OPTIMIZED);
	assert_int_equal(sim_ana_get(b->fn, 2), SIM_ANA_NON_OPTIMIZED);
	assert_int_equal(sim_ana_get(fn, 2), SIM_ANA_OPTIMIZED);
	/* a new namespace of that NSID has new ways */
	assert_int_equal(ns_delete(f->d, 2), ST_OK);
	assert_int_equal(ns_create(f->d, 8), 2);
	assert_int_equal(sim_ana_get(b->fn, 2), SIM_ANA_OPTIMIZED);
	nfx_free(f);
}

/* the page's change count begins at 0 with a reset, a group's at 1 */
static void test_log(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, true);
	struct drv *d = f->d;
	uint64_t group;
	uint8_t *log;

	/* two more, of which one is attached; namespaces that are not are in no group here */
	assert_int_equal(ns_create(d, 8), 2);
	assert_int_equal(ns_create(d, 8), 3);
	drv_disable(d);
	drv_start(d);
	log = ana_log(d, false);
	assert_int_equal(get64(log), 0);
	assert_int_equal(get16(log + 8), 1);
	assert_true(all_zero(log + 10, 6));
	assert_int_equal(get32(log + 16), 1); /* ANA Group ID */
	assert_int_equal(get64(log + 24), 1); /* its change count */
	assert_true(all_zero(log + 33, 15));
	assert_true(all_zero(log + 52, 4096 - 52));

	assert_int_equal(ns_attach(d, 3, 0), ST_OK);
	assert_int_equal(logged(d, 3, &group), SIM_ANA_OPTIMIZED);
	assert_int_equal(group, 2);
	log = ana_log(d, false);
	assert_int_equal(get64(log), 1);
	assert_int_equal(get16(log + 8), 2);

	assert_int_equal(sim_ana_set(d->fn, 1, SIM_ANA_INACCESSIBLE), 0);
	assert_int_equal(logged(d, 1, &group), SIM_ANA_INACCESSIBLE);
	assert_int_equal(group, 2);
	assert_int_equal(get64(ana_log(d, false)), 2);
	assert_int_equal(sim_ana_set(d->fn, 1, SIM_ANA_INACCESSIBLE), 0); /* no change */
	assert_int_equal(get64(ana_log(d, false)), 2);
	assert_int_equal(sim_ana_set(d->fn, 2, SIM_ANA_INACCESSIBLE), 0); /* not attached */
	assert_int_equal(get64(ana_log(d, false)), 2);

	/* Return Groups Only */
	log = ana_log(d, true);
	assert_int_equal(get16(log + 8), 2);
	assert_int_equal(get32(log + 16), 1);
	assert_int_equal(get32(log + 20), 0); /* number of NSIDs */
	assert_int_equal(log[32], SIM_ANA_INACCESSIBLE);
	assert_int_equal(get32(log + 48), 3);
	assert_int_equal(get32(log + 52), 0);
	assert_int_equal(log[64], SIM_ANA_OPTIMIZED);
	assert_true(all_zero(log + 80, 4096 - 80));

	assert_int_equal(ns_detach(d, 3, 0), ST_OK);
	assert_int_equal(logged(d, 3, NULL), 0);
	assert_int_equal(get64(ana_log(d, false)), 3);

	/* a reset: the counts begin again, the states are the paths' */
	drv_disable(d);
	drv_start(d);
	log = ana_log(d, false);
	assert_int_equal(get64(log), 0);
	assert_int_equal(logged(d, 1, &group), SIM_ANA_INACCESSIBLE);
	assert_int_equal(group, 1);
	nfx_free(f);
}

/* the whole page: as many groups as there can be namespaces, read in pieces */
static void test_long_log(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, true);
	uint32_t len = 16 + SIM_NN * 36;
	uint8_t *log;

	for (uint32_t nsid = 2; nsid <= SIM_NN; nsid++) {
		assert_int_equal(ns_create(f->d, 8), nsid);
		assert_int_equal(ns_attach(f->d, nsid, 0), ST_OK);
	}
	assert_int_equal(get_log(f->d, LID_ANA, 0, 0, len, true, &log), ST_OK);
	assert_int_equal(get16(log + 8), SIM_NN);
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++)
		assert_int_equal(get32(log + 16 + 36 * (nsid - 1) + 32), nsid);
	assert_int_equal(get_log(f->d, LID_ANA, 0, len - 4, 4, true, &log), ST_OK);
	assert_int_equal(get32(log), SIM_NN);
	assert_int_equal(get_log(f->d, LID_ANA, 0, len + 4, 4, true, &log), ST_INVALID_FIELD);
	nfx_free(f);
}

/* section 8.1.1.9: on entry to every state but ANA Change; to the controller it is about */
static void test_event(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, true);
	struct drv *a = f->d, *b = drv_add_fn(a, NULL);
	struct drv_cqe cqe;
	uint8_t *log;

	drv_start(b);
	assert_int_equal(ns_create(a, 8), 2);
	assert_int_equal(set_feature(a, 0x0b, 0, 1u << 11, NULL), ST_OK);
	assert_int_equal(set_feature(b, 0x0b, 0, 1u << 11, NULL), ST_OK);
	for (unsigned int i = NR_STATES; i-- > 0;) {
		unsigned int irqs;

		aer_submit(b);
		irqs = b->irqs[0];
		assert_int_equal(sim_ana_set(b->fn, 2, states[i].state), 0); /* not attached */
		assert_false(drv_poll(b, &b->admin, &cqe));
		assert_int_equal(sim_ana_set(b->fn, 1, states[i].state), 0);
		assert_false(drv_poll(a, &a->admin, &cqe));
		if (states[i].state == SIM_ANA_CHANGE) {
			assert_false(drv_poll(b, &b->admin, &cqe));
			continue; /* there is one request more than needed */
		}
		assert_true(drv_poll(b, &b->admin, &cqe));
		assert_int_equal(cqe.dw0, AEN_ANA);
		assert_int_equal(b->irqs[0], irqs + 1);
		assert_int_equal(get_log(b, LID_ANA, 0, 0, 16, false, &log), ST_OK);
	}
	nfx_free(f);
}

/* attaching and detaching is told by the other event alone */
static void test_no_event(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, true);
	struct drv *a = f->d, *b = drv_add_fn(a, NULL);
	struct drv_cqe cqe;

	drv_start(b);
	assert_int_equal(set_feature(b, 0x0b, 0, 1u << 11, NULL), ST_OK);
	aer_submit(b);
	assert_int_equal(ns_create(a, 8), 2);
	assert_int_equal(ns_attach(a, 2, 1), ST_OK);
	assert_int_equal(ns_detach(a, 2, 1), ST_OK);
	assert_int_equal(ns_attach(a, 2, 1), ST_OK);
	assert_int_equal(ns_delete(a, 2), ST_OK);
	assert_false(drv_poll(b, &b->admin, &cqe));
	nfx_free(f);
}

/* ---- figure 588: what commands find ---------------------------------------------------------- */

static uint16_t io(struct drv *d, uint8_t opcode, uint32_t nsid)
{
	struct drv_cmd cmd = { .dw = { [0] = opcode, [1] = nsid } };

	if (opcode == 0x08 || opcode == 0x0c || opcode == 0x04 || opcode == 0x00)
		return drv_io(d, &cmd, 0, 0, NULL);
	return drv_io(d, &cmd, drv_alloc(d, 512), 512, NULL);
}

static void test_io(void **state)
{
	/* Write, Read, Compare, Write Zeroes, Verify, Dataset Management, Flush, Write Uncorrectable */
	static const uint8_t ops[] = { 0x01, 0x02, 0x05, 0x08, 0x0c, 0x09, 0x00, 0x04 };
	struct nfx *f = nfx_new(128 * MIB, true);
	struct drv *a = f->d, *b = drv_add_fn(a, NULL);

	drv_start(b);
	for (unsigned int i = 0; i < NR_STATES; i++) {
		assert_int_equal(sim_ana_set(a->fn, 1, states[i].state), 0);
		for (unsigned int op = 0; op < sizeof(ops); op++) {
			uint16_t status = io(a, ops[op], 1);

			if (status != states[i].status)
				fail_msg("state %u, opcode %02x: %03x", states[i].state, ops[op],
					 status);
			assert_int_equal(io(b, ops[op], 1), ST_OK); /* the other path is good */
		}
		assert_int_equal(io(a, 0x00, NSID_ALL), states[i].status);
		/* reservations need the namespace, too */
		if (states[i].status)
			assert_int_equal(io(a, 0x0e, 1), states[i].status);
		assert_int_equal(io(b, 0x01, 1), ST_OK); /* bad blocks become good */
	}
	nfx_free(f);
}

/* no DNR: the command is for another path, and a host that sees DNR does not try there */
static void test_retry(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, true);
	struct drv_cmd cmd = { .dw = { [0] = 0x00, [1] = 1 } };
	struct drv_cqe cqe;

	for (unsigned int i = 2; i < NR_STATES; i++) {
		assert_int_equal(sim_ana_set(f->d->fn, 1, states[i].state), 0);
		assert_int_equal(drv_io(f->d, &cmd, 0, 0, &cqe), states[i].status);
		assert_int_equal(cqe.status & 0x4000, 0);
	}
	nfx_free(f);
}

static void test_admin(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, true);
	struct drv *d = f->d;
	uint8_t *page;

	assert_int_equal(put_block(d, 1, 0, 1), ST_OK);
	for (unsigned int i = 0; i < NR_STATES; i++) {
		uint16_t st = states[i].status;
		bool lost = states[i].state == SIM_ANA_PERSISTENT_LOSS;
		bool hidden = lost || states[i].state == SIM_ANA_INACCESSIBLE;
		struct drv_cmd format = { .dw = { [0] = 0x80, [1] = 1 } };

		assert_int_equal(sim_ana_set(d->fn, 1, states[i].state), 0);
		/* Identify: capacity that is not known is 0 */
		assert_int_equal(identify(d, 1, 0x00, 0, &page), ST_OK);
		assert_int_equal(get64(page), 64 * MIB / 512);
		assert_int_equal(get64(page + 16), hidden ? 0 : 1); /* NUSE */
		assert_int_equal(get64(page + 48), hidden ? 0 : 64 * MIB); /* NVMCAP */
		assert_int_equal(get_log(d, 0x02, 0, 0, 512, true, &page), ST_OK);

		/* the NVM Command Set's features of the namespace, and those of reservations */
		assert_int_equal(get_feature(d, 0x05, 0, 1, 0, NULL), st);
		assert_int_equal(set_feature(d, 0x05, 1, 0, NULL), st);
		assert_int_equal(get_feature(d, 0x82, 0, 1, 0, NULL), st);
		assert_int_equal(set_feature(d, 0x82, 1, 0, NULL), st);
		assert_int_equal(get_feature(d, 0x83, 0, 1, 0, NULL), st);
		/* another one, which only ANA Persistent Loss keeps from being set */
		assert_int_equal(get_feature(d, 0x84, 0, 1, 0, NULL), ST_OK);
		assert_int_equal(set_feature(d, 0x84, 1, 0, NULL), lost ? st : ST_OK);
		assert_int_equal(set_feature(d, 0x05, NSID_ALL, 0, NULL), st);
		/* the controller's */
		assert_int_equal(set_feature(d, 0x01, 0, 7, NULL), ST_OK);

		/* what needs the namespace */
		if (st) {
			assert_int_equal(drv_admin(d, &format, 0, 0, NULL), st);
			format.dw[1] = NSID_ALL;
			assert_int_equal(drv_admin(d, &format, 0, 0, NULL), st);
			assert_int_equal(ns_delete(d, 1), st);
			assert_int_equal(ns_delete(d, NSID_ALL), st);
		}
		/* but it can be detached, and attached again unless it is lost */
		assert_int_equal(ns_detach(d, 1, 0), ST_OK);
		assert_int_equal(ns_attach(d, 1, 0), lost ? ST_ANA_ATTACH : ST_OK);
		if (lost) {
			assert_int_equal(sim_ana_set(d->fn, 1, SIM_ANA_OPTIMIZED), 0);
			assert_int_equal(ns_attach(d, 1, 0), ST_OK);
		}
	}
	nfx_free(f);
}

/* paths are not remembered */
static void test_volatile(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, true);

	assert_int_equal(sim_ana_set(f->d->fn, 0, SIM_ANA_INACCESSIBLE), 0);
	nfx_restart(f);
	assert_int_equal(sim_ana_get(f->d->fn, 1), SIM_ANA_OPTIMIZED);
	assert_int_equal(put_block(f->d, 1, 0, 1), ST_OK);
	nfx_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single),	 cmocka_unit_test(test_identify),
		cmocka_unit_test(test_set_get),	 cmocka_unit_test(test_log),
		cmocka_unit_test(test_long_log), cmocka_unit_test(test_event),
		cmocka_unit_test(test_no_event), cmocka_unit_test(test_io),
		cmocka_unit_test(test_retry),	 cmocka_unit_test(test_admin),
		cmocka_unit_test(test_volatile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
