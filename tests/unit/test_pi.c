/* SPDX-License-Identifier: MIT */
/*
 * test_pi.c - tags of commands, tuples made and checked, against the model in tests/model.
 * NVM Command Set 1.1, section 5.3.
 */
#include "../../core/ctrl/ctrl.h"
#include "../../core/ns/pi.h"
#include "drv.h"
#include "pi_test.h"

/* guards, Storage Tag Sizes with the limits of figure 157, tuple alone, first and last */
static const struct {
	uint8_t guard, sts, lbads;
	uint16_t ms;
	bool first;
} formats[] = {
	{ 16, 0, 9, 8, false },	  { 16, 0, 6, 16, true },   { 16, 0, 6, 64, false },
	{ 16, 1, 6, 8, true },	  { 16, 16, 6, 24, false }, { 16, 31, 6, 16, false },
	{ 16, 32, 6, 8, false },  { 32, 16, 12, 16, false }, { 32, 16, 6, 64, true },
	{ 32, 17, 6, 40, false }, { 32, 32, 6, 16, true },   { 32, 63, 6, 17, false },
	{ 32, 64, 6, 128, false }, { 64, 0, 12, 16, false },  { 64, 0, 6, 64, true },
	{ 64, 18, 6, 33, false }, { 64, 47, 6, 16, false },  { 64, 48, 6, 32, false },
};
enum { NR_FORMATS = sizeof(formats) / sizeof(formats[0]), NLB = 3 };

struct both {
	struct pim_fmt m;
	struct sim_pi_fmt s;
};

static struct both format(size_t i, uint8_t type, uint64_t lbstm)
{
	struct both b = {
		.m = { .type = type,
		       .guard = formats[i].guard,
		       .sts = formats[i].sts,
		       .lbstm = lbstm,
		       .block = 1 << formats[i].lbads,
		       .ms = formats[i].ms,
		       .first = formats[i].first },
		.s = { .type = type,
		       .pif = formats[i].guard == 16 ? SIM_PIF_16
						     : formats[i].guard == 32 ? SIM_PIF_32 :
						       SIM_PIF_64,
		       .sts = formats[i].sts,
		       .lbstm = lbstm,
		       .lbads = formats[i].lbads,
		       .ms = formats[i].ms },
	};

	b.s.len = sim_pi_tuple_len(b.s.pif);
	b.s.off = formats[i].first ? 0 : (uint16_t)(formats[i].ms - b.s.len);
	assert_int_equal(b.s.len, pim_pi_len(&b.m));
	assert_int_equal(b.s.off, pim_pi_off(&b.m));
	return b;
}

static uint8_t prinfo(const struct pim_cmd *c)
{
	return (uint8_t)(c->pract << 3 | c->prchk_guard << 2 | c->prchk_app << 1 | c->prchk_ref);
}

static struct sim_pi_cmd parsed(const struct both *b, const struct pim_cmd *c)
{
	struct sim_pi_cmd pi;

	sim_pi_fields(&pi, &b->s, c->slba, prinfo(c), c->stc, c->cdw2, c->cdw3, c->cdw14,
		      (uint32_t)c->lbatm << 16 | c->lbat);
	return pi;
}

static void set_prchk(struct pim_cmd *c, unsigned int bits)
{
	c->prchk_ref = bits & 1;
	c->prchk_app = bits & 2;
	c->prchk_guard = bits & 4;
	c->stc = bits & 8;
	c->pract = bits & 16;
}

/* the examples of section 5.3.1.4.1, figures 160 to 165 */
static void test_fields_examples(void **state)
{
	const uint32_t cdw2 = 0xffff1122, cdw3 = 0x33445566, cdw14 = 0x778899aa;
	struct sim_pi_fmt f = { .type = 2, .pif = SIM_PIF_16, .len = 8, .ms = 8, .lbads = 9 };
	struct sim_pi_cmd pi;

	sim_pi_fields(&pi, &f, 5, 0xf, true, cdw2, cdw3, cdw14, 0xabcd1234);
	assert_true(pi.lbrt == 0x778899aa && pi.lbst == 0);
	assert_true(pi.pract && pi.guard && pi.app && pi.ref);
	assert_false(pi.stc); /* there is no Storage Tag */
	assert_int_equal(pi.lbat, 0x1234);
	assert_int_equal(pi.lbatm, 0xabcd);
	assert_true(pi.slba == 5 && pi.fmt == &f);

	f = (struct sim_pi_fmt){ .type = 2, .pif = SIM_PIF_32, .sts = 32, .len = 16, .ms = 16 };
	sim_pi_fields(&pi, &f, 5, 0, true, cdw2, cdw3, cdw14, 0);
	assert_true(pi.lbst == 0x11223344);
	assert_true(pi.lbrt == 0x5566778899aa);
	assert_true(pi.stc && !pi.pract && !pi.guard && !pi.app && !pi.ref);

	f = (struct sim_pi_fmt){ .type = 2, .pif = SIM_PIF_64, .sts = 18, .len = 16, .ms = 16 };
	sim_pi_fields(&pi, &f, 5, 1, false, cdw2, cdw3, cdw14, 0);
	assert_true(pi.lbst == 0x5566778899aa >> 30);
	assert_true(pi.lbrt == (0x778899aa & 0x3fffffff));
	assert_true(pi.ref && !pi.app && !pi.stc);

	f.type = 0; /* no protection information: the fields are ignored */
	sim_pi_fields(&pi, &f, 5, 0xf, true, cdw2, cdw3, cdw14, 0xffffffff);
	assert_false(pi.pract || sim_pi_checks(&pi) || sim_pi_alone(&pi));
}

static void test_fields(void **state)
{
	uint64_t seed = 1;

	for (size_t i = 0; i < NR_FORMATS; i++) {
		struct both b = format(i, 2, 0);

		for (int turn = 0; turn < 200; turn++) {
			struct pim_cmd c = { .cdw2 = (uint32_t)rnd(&seed),
					     .cdw3 = (uint32_t)rnd(&seed),
					     .cdw14 = (uint32_t)rnd(&seed) };
			struct sim_pi_cmd pi = parsed(&b, &c);
			struct pim_bits storage, ref;

			pim_tags(&b.m, &c, &storage, &ref);
			assert_true(pi.lbst == pim_number(&storage));
			assert_true(pi.lbrt == pim_number(&ref));
		}
	}
}

/* every kind of command x type x PRACT, PRCHK, STC x reference tag that is the address, is not */
static void test_valid(void **state)
{
	static const enum sim_pi_kind kinds[] = {
		[PIM_READ] = SIM_PI_READ,     [PIM_WRITE] = SIM_PI_WRITE,
		[PIM_COMPARE] = SIM_PI_COMPARE, [PIM_VERIFY] = SIM_PI_VERIFY,
		[PIM_WRITE_ZEROES] = SIM_PI_ZEROES,
	};
	const uint64_t slba = 0xfedcba9876543210;

	for (size_t i = 0; i < NR_FORMATS; i++) {
		for (unsigned int v = 0; v < 4 * 5 * 32 * 3; v++) {
			struct both b = format(i, v % 4, 0);
			struct pim_cmd c = { .op = v / 4 % 5, .slba = slba, .nlb = 1 };
			uint64_t ref[] = { slba, slba + 1, slba ^ 1ull << 63 };
			struct sim_pi_cmd pi;

			put_tags(&c, &b.m, 7, ref[v / 640], 0);
			set_prchk(&c, v / 20 % 32);
			pi = parsed(&b, &c);
			assert_int_equal(sim_pi_valid(&pi, kinds[c.op]), pim_valid(&b.m, &c));
		}
	}
}

/* a reference tag that rolls over within the command */
static uint64_t rolling(const struct pim_fmt *f, uint64_t back)
{
	int bits = pim_pi_len(f) * 8 - f->guard - 16 - f->sts;

	return (bits == 64 ? 0 : bits ? (uint64_t)1 << bits : 0) - back;
}

static void test_generate(void **state)
{
	static uint8_t data[NLB * 4096], want[NLB * 256], got[NLB * 256];
	uint64_t seed = 2;

	for (size_t i = 0; i < NR_FORMATS; i++) {
		for (uint8_t type = 1; type <= 3; type++) {
			struct both b = format(i, type, 0);
			struct pim_cmd c = { .slba = rnd(&seed), .pract = true };
			struct sim_pi_cmd pi;

			for (uint64_t back = 0; back < 3; back++) {
				rnd_fill(&seed, data, sizeof(data));
				rnd_fill(&seed, want, sizeof(want));
				memcpy(got, want, sizeof(got));
				put_tags(&c, &b.m, rnd(&seed), rolling(&b.m, back), rnd(&seed));
				c.lbat = (uint16_t)rnd(&seed);
				c.lbatm = (uint16_t)rnd(&seed); /* nothing to do with making */
				pi = parsed(&b, &c);
				for (int k = 0; k < NLB; k++)
					pim_generate(&b.m, &c, k, data + k * b.m.block,
						     want + k * b.m.ms);
				/* in two calls: tags count from the command's first block */
				sim_pi_generate(&pi, 0, data, got, 1);
				sim_pi_generate(&pi, 1, data + b.m.block, got + b.m.ms, NLB - 1);
				assert_memory_equal(got, want, sizeof(got));
			}

			/* NULL is as many zeroes */
			memset(data, 0, sizeof(data));
			memcpy(got, want, sizeof(got));
			sim_pi_generate(&pi, 0, data, want, NLB);
			sim_pi_generate(&pi, 0, NULL, got, NLB);
			assert_memory_equal(got, want, sizeof(got));
		}
	}
}

/*
 * Blocks that are right, then wrong in one field or another, or hold an escape value, checked with
 * every PRCHK and STC and with masks; the block that is the first to fail.
 */
static void mutate(const struct pim_fmt *f, unsigned int how, uint8_t *data, uint8_t *md)
{
	uint8_t *pi = md + pim_pi_off(f);
	int app = f->guard / 8, len = pim_pi_len(f), sts = f->sts;

	switch (how) {
	case 0: break;
	case 1: data[f->block - 1] ^= 0x01; break;
	case 2: pi[0] ^= 0x80; break;
	case 3: pi[app - 1] ^= 0x01; break;
	case 4: pi[app] ^= 0x40; break;
	case 5: pi[app + 1] ^= 0x02; break;
	case 6: pi[app + 2] ^= 0x80; break; /* first bit of the Storage and Reference Space */
	case 7: pi[len - 1] ^= 0x01; break; /* and the last */
	case 8: /* first bit of the reference tag, or last but some */
		pi[app + 2 + sts / 8 - (sts == 8 * (len - app - 2))] ^= (uint8_t)(0x80 >> sts % 8);
		break;
	case 9: md[f->first ? f->ms - 1 : 0] ^= 0x10; break; /* metadata beside the tuple */
	case 10: pi[app] = pi[app + 1] = 0xff; break;	     /* escapes Types 1 and 2 */
	case 11: memset(pi + app, 0xff, (size_t)(len - app)); break; /* all of them */
	case 12: memset(pi, 0xff, (size_t)len); break;		     /* deallocated */
	case 13: memset(pi, 0, (size_t)len); break;
	case 14: memset(pi + app + 2, 0xff, (size_t)(len - app - 2)); break;
	case 15: pi[app] = pi[app + 1] = 0xff; memset(pi + len - 1, 0xfe, 1); break;
	}
}
enum { MUTATIONS = 16 };

static void test_check(void **state)
{
	static const uint64_t masks[] = { UINT64_MAX, 0, 0x8000000000000001, 0x00ff00ff00ff00ff };
	static uint8_t data[NLB * 4096], md[NLB * 256];
	unsigned int seen[MUTATIONS] = { 0 };
	uint64_t seed = 3;

	for (size_t i = 0; i < NR_FORMATS * 3 * MUTATIONS; i++) {
		unsigned int how = i % MUTATIONS;
		uint8_t type = 1 + i / MUTATIONS % 3;
		struct both b = format(i / MUTATIONS / 3, type, masks[rnd(&seed) % 4]);
		struct pim_cmd c = { .op = PIM_READ, .slba = rnd(&seed), .nlb = NLB };
		int at = (int)(rnd(&seed) % NLB);

		rnd_fill(&seed, data, sizeof(data));
		rnd_fill(&seed, md, sizeof(md));
		put_tags(&c, &b.m, rnd(&seed), rolling(&b.m, rnd(&seed) % 4), rnd(&seed));
		c.lbat = (uint16_t)rnd(&seed);
		for (int k = 0; k < NLB; k++)
			pim_generate(&b.m, &c, k, data + k * b.m.block, md + k * b.m.ms);
		mutate(&b.m, how, data + at * b.m.block, md + at * b.m.ms);
		for (unsigned int prchk = 0; prchk < 16; prchk++) {
			struct sim_pi_cmd pi;
			uint32_t bad = 99, want_bad = 99;
			int want = 0;
			uint16_t got;

			c.lbatm = prchk & 1 ? 0xffff : (uint16_t)(0x4002 >> (rnd(&seed) % 2));
			set_prchk(&c, prchk);
			pi = parsed(&b, &c);
			for (int k = 0; k < NLB && !want; k++) {
				want = pim_check(&b.m, &c, k, data + k * b.m.block,
						 md + k * b.m.ms);
				want_bad = want ? (uint32_t)k : 99;
			}
			got = sim_pi_check(&pi, 0, data, md, NLB, &bad);
			if (got != want || (want && bad != want_bad))
				fail_msg("format %zu type %d mutation %u prchk %x: %03x at %u, not "
					 "%03x at %u",
					 i / MUTATIONS / 3, type, how, prchk, got, bad, want,
					 want_bad);
			seen[how] += want != 0;
		}
	}
	/* the test is about something: what is right, or escapes, never fails; all else can */
	for (unsigned int how = 0; how < MUTATIONS; how++)
		assert_int_equal(how == 0 || how == 11 || how == 12, seen[how] == 0);
}

/* from the middle of a command on, as a transfer in pieces is checked */
static void test_check_first(void **state)
{
	struct both b = format(0, 1, 0);
	struct pim_cmd c = { .op = PIM_READ, .slba = 1000, .prchk_ref = true };
	uint8_t data[512] = { 0 }, md[8];
	struct sim_pi_cmd pi;
	uint32_t bad;

	put_tags(&c, &b.m, 0, 1000, 0);
	pi = parsed(&b, &c);
	pim_generate(&b.m, &c, 70000, data, md);
	assert_int_equal(sim_pi_check(&pi, 70000, data, md, 1, &bad), 0);
	assert_int_equal(sim_pi_check(&pi, 70001, data, md, 1, &bad), SIM_REF_TAG_ERROR);
	assert_int_equal(bad, 0);
}

/* one block that is not to be checked says nothing of the next */
static void test_escape_then_error(void **state)
{
	struct both b = format(0, 2, 0);
	struct pim_cmd c = { .op = PIM_READ, .prchk_guard = true };
	uint8_t data[NLB * 512] = { 0 }, md[NLB * 8] = { 0 };
	struct sim_pi_cmd pi = parsed(&b, &c);
	uint32_t bad = 99;

	memset(md, 0xff, 16);
	md[16] = 1;
	assert_int_equal(sim_pi_check(&pi, 0, data, md, NLB, &bad), SIM_GUARD_ERROR);
	assert_int_equal(bad, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_examples), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_valid),		cmocka_unit_test(test_generate),
		cmocka_unit_test(test_check),		cmocka_unit_test(test_check_first),
		cmocka_unit_test(test_escape_then_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
