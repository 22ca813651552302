/* SPDX-License-Identifier: MIT */
/*
 * test_md_pi.c - protection information on its way: made, checked, stripped, and nothing moved when
 * it is wrong. NVM Command Set 1.1, sections 3.3, 5.3.
 */
#include "mdcmd.h"

/* a namespace of @l, with the host's data laid out as if PRACT had taken the metadata away */
static void stripped(struct fixture *f, struct layout *l)
{
	*l = *f->l;
	if (l->ms == 8)
		l->ms = l->pi = 0;
	f->l = l;
}

/* section 5.3.2.1, 5.3.2.2: made on the way in, checked and (alone) taken away on the way out */
static void pract(struct fixture *f)
{
	const struct layout *l = f->l;
	struct layout s;
	uint8_t *keep = malloc(30u * l->lbs);

	fill(f, 50, 30, 1);
	/* what the host has in the tuple's place does not matter */
	for (uint32_t i = 0; i < 30; i++)
		memset(meta_at(f, i) + pi_at(l), 0x77, 8);
	stripped(f, &s);
	fill(f, 50, 30, 1);
	assert_int_equal(io(f, OP_WRITE, 50, 30, PRACT), 0);
	for (uint32_t i = 0; i < 30; i++)
		memcpy(keep + i * l->lbs, data_at(f, i), l->lbs);
	f->l = l;
	if (l->ms > 8) {
		read_expect(f, 50, 30, 1);
		clear(f);
		assert_int_equal(io(f, OP_READ, 50, 30, PRACT | PRCHK_ALL), 0);
		expect_filled(f, 50, 30, 1); /* the tuple is passed on */
	} else {
		clear(f);
		assert_int_equal(io(f, OP_READ, 50, 30, PRCHK_ALL), 0);
		for (uint32_t i = 0; i < 30; i++) {
			uint8_t want[8];

			assert_memory_equal(data_at(f, i), keep + i * l->lbs, l->lbs);
			tuple(f, data_at(f, i), want, 0xa55a, 50 + i);
			assert_memory_equal(meta_at(f, i), want, 8);
		}
		stripped(f, &s);
		clear(f);
		assert_int_equal(io(f, OP_READ, 50, 30, PRACT | PRCHK_ALL), 0);
		for (uint32_t i = 0; i < 30; i++)
			assert_memory_equal(data_at(f, i), keep + i * l->lbs, l->lbs);
		assert_int_equal(data_at(f, 30)[0], 0xee);
		assert_int_equal(((uint8_t *)drv_ptr(f->d, f->meta))[0], 0xee);
		f->l = l;
	}
	free(keep);
}

static void test_pract(void **state)
{
	EACH(protected, pract);
}

/* what is wrong with block 21 of a write, and what checking it says */
static void break_tuple(struct fixture *f, unsigned int what)
{
	uint8_t *t = meta_at(f, 21) + pi_at(f->l);

	if (what == 0)
		data_at(f, 21)[100] ^= 4;
	else
		t[what == 1 ? 3 : 7] ^= 1;
}

static const struct {
	uint32_t prchk;
	uint16_t status;
} broken[] = { { PRCHK_GUARD, 0x282 }, { PRCHK_APP, 0x283 }, { PRCHK_REF, 0x284 } };

static void checks(struct fixture *f)
{
	uint64_t errors = u64_at(smart(f->d).media_errors);

	write_ok(f, 200, 40, 1);
	for (unsigned int i = 0; i < 3; i++) {
		struct drv_cmd cmd;

		/* a write that fails changes nothing */
		fill(f, 200, 40, 2);
		break_tuple(f, i);
		assert_int_equal(io(f, OP_WRITE, 200, 40, PRCHK_ALL), broken[i].status);
		assert_int_equal(sim_le64(last_error(f->d).lba), 221);
		assert_int_equal(u64_at(smart(f->d).media_errors), ++errors);
		read_expect(f, 200, 40, 1);
		/* who does not ask writes it */
		fill(f, 200, 40, 2);
		break_tuple(f, i);
		assert_int_equal(io(f, OP_WRITE, 200, 40, PRCHK_ALL & ~broken[i].prchk), 0);
		/* and it is found by those that read and ask, who then transfer nothing */
		clear(f);
		assert_int_equal(io(f, OP_READ, 200, 40, broken[i].prchk), broken[i].status);
		assert_int_equal(sim_le64(last_error(f->d).lba), 221);
		assert_int_equal(io(f, OP_READ, 200, 40, broken[i].prchk | PRACT),
				 broken[i].status);
		assert_int_equal(io(f, OP_VERIFY, 200, 40, PRCHK_ALL), broken[i].status);
		assert_int_equal(sim_le64(last_error(f->d).lba), 221);
		expect_untouched(f);
		errors += 3;
		assert_int_equal(io(f, OP_VERIFY, 200, 21, PRCHK_ALL), 0);
		assert_int_equal(io(f, OP_VERIFY, 200, 40, PRCHK_ALL & ~broken[i].prchk), 0);
		/* Compare finds it on the medium, and in what the host sends */
		fill(f, 200, 40, 2);
		assert_int_equal(io(f, OP_COMPARE, 200, 40, broken[i].prchk), broken[i].status);
		write_ok(f, 200, 40, 2);
		break_tuple(f, i);
		assert_int_equal(io(f, OP_COMPARE, 200, 40, broken[i].prchk), broken[i].status);
		errors += 2;
		/* the tags come from the command */
		fill(f, 200, 40, 1);
		cmd = command(f, OP_WRITE, 200, 40, PRCHK_ALL);
		cmd.dw[15] = 0xffff1234;
		assert_int_equal(run(f, &cmd), 0x283);
		cmd.dw[15] = 0x00001234; /* all of it masked */
		assert_int_equal(run(f, &cmd), 0);
		cmd.dw[14] = 201; /* Type 1: SLBA's bits, or it is a mistake */
		assert_int_equal(run(f, &cmd), 0x181);
		errors++;
	}
}

static void test_checks(void **state)
{
	EACH(protected, checks);
}

/* sections 3.3.1, 3.3.5 and 3.3.8: fields that have no place, and no pointer is followed */
static void test_fields(void **state)
{
	struct fixture *f = make(&protected[0]);

	write_ok(f, 0, 8, 1);
	assert_int_equal(io(f, OP_COMPARE, 0, 8, PRACT), 0x181);
	assert_int_equal(io(f, OP_VERIFY, 0, 8, PRACT), 0x002);
	assert_int_equal(io(f, OP_WRITE_ZEROES, 0, 8, PRCHK_GUARD), 0x181);
	assert_int_equal(io(f, OP_WRITE_ZEROES, 0, 8, PRACT | PRCHK_REF), 0x181);
	read_expect(f, 0, 8, 1);
	/* the range comes before them, they before what is wrong with the blocks */
	assert_int_equal(io(f, OP_COMPARE, NSZE, 8, PRACT), 0x080);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, 0, 8, 0), 0);
	assert_int_equal(io(f, OP_COMPARE, 0, 8, PRACT), 0x181);
	done(f);
	/* without protection information they say nothing */
	f = make(&plain[0]);
	write_ok(f, 0, 8, 1);
	assert_int_equal(io(f, OP_READ, 0, 8, PRACT | PRCHK_ALL), 0);
	expect_filled(f, 0, 8, 1);
	assert_int_equal(io(f, OP_COMPARE, 0, 8, PRACT | PRCHK_ALL), 0);
	assert_int_equal(io(f, OP_VERIFY, 0, 8, PRACT | PRCHK_ALL), 0);
	assert_int_equal(io(f, OP_WRITE_ZEROES, 0, 8, PRACT | PRCHK_ALL), 0);
	done(f);
}

/* blocks never written: all ones in the tuple, which switches the checks off */
static void test_unwritten(void **state)
{
	struct fixture *f = make(&protected[4]);

	assert_int_equal(deallocate(f->d, 0, NSZE), 0);
	assert_int_equal(io(f, OP_READ, 0, 20, PRCHK_ALL), 0);
	assert_int_equal(io(f, OP_VERIFY, 0, 20, PRCHK_ALL), 0);
	for (uint32_t i = 0; i < 20; i++)
		for (uint32_t k = 0; k < f->l->ms; k++)
			assert_int_equal(meta_at(f, i)[k], k < 8 ? 0xff : 0);
	set_dulbe(f->d, true);
	clear(f);
	assert_int_equal(io(f, OP_READ, 0, 20, PRCHK_ALL), 0x287);
	assert_int_equal(io(f, OP_VERIFY, 0, 20, PRCHK_ALL), 0x287);
	expect_untouched(f);
	done(f);
}

/* section 3.3.8, PRACT: tuples for blocks of zeroes, also of more blocks than are made at a time */
static void write_zeroes_pract(struct fixture *f)
{
	uint8_t data[4096] = { 0 };
	struct drv_cmd cmd = command(f, OP_WRITE_ZEROES, 3, 5000, PRACT);

	write_ok(f, 0, 3, 1);
	write_ok(f, 5003, 3, 1);
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0);
	read_expect(f, 0, 3, 1);
	read_expect(f, 5003, 3, 1);
	for (uint32_t at = 3; at < 5003; at += 100) {
		assert_int_equal(io(f, OP_READ, at, 100, PRCHK_ALL), 0);
		for (uint32_t i = 0; i < 100; i++) {
			uint8_t md[4096] = { 0 };

			tuple(f, data, md, 0xa55a, at + i);
			assert_memory_equal(data_at(f, i), data, f->l->lbs);
			assert_memory_equal(meta_at(f, i), md, f->l->ms);
		}
	}
	/* deallocated, it has no tuple of its own */
	cmd = command(f, OP_WRITE_ZEROES, 3, 5000, PRACT | DEAC);
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0);
	assert_int_equal(io(f, OP_READ, 3, 1, 0), 0);
	assert_int_equal(meta_at(f, 0)[pi_at(f->l)], 0xff);
	assert_int_equal(meta_at(f, 0)[pi_at(f->l) + 7], 0xff);
	read_expect(f, 5003, 3, 1);
}

static void test_write_zeroes_pract(void **state)
{
	static const struct layout large = { "512+4096 extended, last", 512, 4096, 1, 1, 0 };

	EACH(protected, write_zeroes_pract);
	each(&large, 1, write_zeroes_pract);
}

/* the medium fails: the specified status, and Media and Data Integrity Errors counts */
static void test_medium_fails(void **state)
{
	struct fixture *f = make(&protected[1]);

	write_ok(f, 0, 8, 1);
	f->m.read_err = f->m.map_err = SIM_EIO;
	clear(f);
	assert_int_equal(io(f, OP_READ, 0, 8, 0), 0x281);
	assert_int_equal(io(f, OP_VERIFY, 0, 8, 0), 0x281);
	expect_untouched(f);
	f->m.read_err = f->m.map_err = 0;
	f->m.write_err = f->m.map_err = f->m.zero_err = SIM_ENOSPC;
	fill(f, 0, 8, 2);
	assert_int_equal(io(f, OP_WRITE, 0, 8, 0), 0x280);
	assert_int_equal(io(f, OP_WRITE_ZEROES, 0, 8, PRACT), 0x280);
	f->m.write_err = f->m.map_err = f->m.zero_err = 0;
	read_expect(f, 0, 8, 1);
	assert_int_equal(u64_at(smart(f->d).media_errors), 4);
	done(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pract),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_unwritten),
		cmocka_unit_test(test_write_zeroes_pract),
		cmocka_unit_test(test_medium_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
