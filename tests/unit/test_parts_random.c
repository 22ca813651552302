/* SPDX-License-Identifier: MIT */
/*
 * test_parts_random.c - all that is done with blocks whose memory was exchanged, against a model;
 * and what another format finds there.
 */
#include "parts_fx.h"

#define OP_FORMAT 0x80

/** struct model - what block @i was written with, 0: nothing */
struct model {
	uint8_t seed[BYTES / 512];
};

static uint32_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (uint32_t)(*x >> 16);
}

static void expect_blocks(struct world *w, const struct model *m, uint32_t slba, uint32_t nlb)
{
	uint8_t data[4096], md[64];

	for (uint32_t i = 0; i < nlb; i++) {
		if (!m->seed[slba + i]) {
			memset(data, 0, sizeof(data));
			memset(md, 0, sizeof(md));
			memset(md + pi_at(w->f.l), 0xff, 8);
		} else {
			block(&w->look, slba + i, m->seed[slba + i], data, md);
		}
		assert_memory_equal(data_at(&w->look, i), data, w->f.l->lbs);
		assert_memory_equal(meta_at(&w->look, i), md, w->f.l->ms);
	}
}

static void read_blocks(struct world *w, const struct model *m, uint32_t slba, uint32_t nlb)
{
	clear(&w->look);
	assert_int_equal(io(&w->look, OP_READ, slba, nlb, PRCHK_ALL), 0);
	expect_blocks(w, m, slba, nlb);
}

/* aligned to parts half of the time */
static void pick(struct world *w, uint64_t *x, uint32_t *slba, uint32_t *nlb)
{
	const uint32_t nr = BYTES / w->f.l->lbs, part = SIM_PART / w->f.l->lbs;

	*slba = next(x) % nr;
	*nlb = 1 + next(x) % (3 * part);
	if (next(x) & 1) {
		*slba = *slba / part * part;
		*nlb = (1 + next(x) % 4) * part;
	}
	if (*nlb > nr - *slba)
		*nlb = nr - *slba;
}

static void step(struct world *w, struct model *m, uint64_t *x)
{
	const uint8_t seed = (uint8_t)(1 + next(x) % 255);
	uint32_t slba, nlb;

	pick(w, x, &slba, &nlb);
	switch (next(x) % 8) {
	case 0:
		assert_int_equal(deallocate(w->f.d, slba, nlb), 0);
		memset(m->seed + slba, 0, nlb);
		break;
	case 1:
		read_blocks(w, m, slba, nlb);
		break;
	case 2:
		assert_int_equal(no_data_cmd(w->f.d, OP_WRITE_ZEROES, slba, nlb, DEAC), 0);
		memset(m->seed + slba, 0, nlb);
		break;
	case 3: /* tuples that the controller makes are those the host would have made */
		fill(&w->f, slba, nlb, seed);
		assert_int_equal(io(&w->f, OP_WRITE, slba, nlb, PRACT), 0);
		memset(m->seed + slba, seed, nlb);
		break;
	case 4:
		fill(&w->f, slba, nlb, seed);
		break_block(&w->f, next(x) % nlb, next(x) % 3);
		assert_in_range(io(&w->f, OP_WRITE, slba, nlb, PRCHK_ALL), 0x282, 0x284);
		break;
	default:
		fill(&w->f, slba, nlb, seed);
		assert_int_equal(io(&w->f, OP_WRITE, slba, nlb, PRCHK_ALL), 0);
		memset(m->seed + slba, seed, nlb);
		assert_int_equal(io(&w->f, OP_COMPARE, slba, nlb, PRCHK_ALL), 0);
		assert_int_equal(io(&w->f, OP_VERIFY, slba, nlb, PRCHK_ALL), 0);
	}
}

static uint16_t format(struct world *w, uint8_t lbaf)
{
	struct drv_cmd cmd = { { OP_FORMAT, 1 } };

	cmd.dw[10] = lbaf;
	return drv_admin(w->f.d, &cmd, 0, 0, NULL);
}

/* another format on the memory that is left: all zeroes, and each byte is where it was put */
static void reformatted(struct world *w)
{
	struct drv *d = w->f.d;
	uint8_t *out = drv_ptr(d, w->f.data), *in = drv_ptr(d, w->look.data);
	const uint32_t nr = BYTES / 512;

	set_dulbe(d, false);
	assert_int_equal(format(w, 0), 0);		   /* 512 bytes, no metadata */
	assert_in_range(w->st->ops->used(w->st), 0, 4096); /* the last page is a part of one */
	for (uint32_t at = 0; at < nr; at += 256) {
		memset(in, 0xee, LONG);
		assert_int_equal(rw(d, OP_READ, at, 256, 0, w->look.data, 512), 0);
		for (uint32_t k = 0; k < LONG; k++)
			assert_int_equal(in[k], 0);
		for (uint32_t k = 0; k < LONG; k++)
			out[k] = (uint8_t)(k * 3 + k / 512 + at * 7 + 1);
		assert_int_equal(rw(d, OP_WRITE, at, 256, 0, w->f.data, 512), 0);
	}
	for (uint32_t at = 100; at + 512 <= nr; at += 256) { /* across what lies apart */
		assert_int_equal(rw(d, OP_READ, at, 512, 0, w->look.data, 512), 0);
		for (uint32_t k = 0; k < 512 * 512; k++) {
			const uint32_t from = (at + k / 512) / 256 * 256;
			const uint32_t in_it = (at - from) * 512 + k;

			assert_int_equal(in[k], (uint8_t)(in_it * 3 + in_it / 512 + from * 7 + 1));
		}
	}
}

static void test_random(void **state)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		struct world *w = world_new(&layouts[i], false);
		struct model *m = calloc(1, sizeof(*m));
		const uint32_t nr = BYTES / layouts[i].lbs, part = SIM_PART / layouts[i].lbs;
		unsigned int n = spares(w->st);
		uint64_t x = 0x9e3779b97f4a7c15ull + i;

		set_dulbe(w->f.d, false);
		print_message("  %s\n", layouts[i].name);
		for (unsigned int k = 0; k < 120; k++)
			step(w, m, &x);
		for (uint32_t at = 0; at < nr; at += 4 * part)
			read_blocks(w, m, at, nr - at < 4 * part ? nr - at : 4 * part);
		assert_int_equal(spares(w->st), n);
		reformatted(w);
		free(m);
		world_free(w);
	}
}

/* LBA Format of @lbs bytes and @ms of metadata: which one it is */
static uint8_t lbaf(struct world *w, uint32_t lbs, uint16_t ms)
{
	struct nvme_id_ns *id = drv_ptr(w->f.d, w->look.data);

	nuse(w);
	for (uint8_t i = 0; i <= id->nlbaf; i++)
		if (1u << id->lbaf[i].ds == lbs && sim_le16(id->lbaf[i].ms) == ms)
			return i;
	fail_msg("no format of %u+%u bytes", lbs, ms);
	return 0;
}

/* blocks that are larger than a part, on memory that smaller ones have left in disorder */
static void test_large_blocks(void **state)
{
	static const struct layout large = { "131072+8 separate", 131072, 8, 0, 1, 0 };
	struct world *w = world_new(&large, false);
	const uint8_t pi = 1 << 5; /* Format NVM: PI type 1 */
	struct fixture *f = &w->f;

	assert_int_equal(format(w, lbaf(w, 4096, 8) | pi), 0);
	w->look.l = f->l = &layouts[0];
	for (uint32_t i = 0; i < 15; i++) /* each with what the one before left */
		write_ok(f, i * 7 % 15 * 16, 16, (uint8_t)(i + 1));
	assert_in_range(w->st->parts->together(w->st, 0, 8 * SIM_PART), 1, 8 * SIM_PART - 1);
	assert_int_equal(format(w, lbaf(w, 131072, 8) | pi), 0);
	w->look.l = f->l = &large;
	for (unsigned int k = 0; k < 2; k++) {
		fill(f, 0, 4, (uint8_t)(k + 1));
		assert_int_equal(io(f, OP_WRITE, 0, 4, k ? PRCHK_ALL : PRACT), 0);
		clear(&w->look);
		assert_int_equal(io(&w->look, OP_READ, 0, 4, PRCHK_ALL), 0);
		assert_memory_equal(data_at(&w->look, 0), data_at(f, 0), 4 * 131072);
		assert_memory_equal(meta_at(&w->look, 0), meta_at(f, 0), 4 * 8);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_large_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
