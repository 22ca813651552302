/* SPDX-License-Identifier: MIT */
/*
 * test_copy_pi.c - Copy and protection information. NVM Command Set 1.1, sections 3.3.2.3, 3.3.2.4,
 * 3.3.2.5 and 5.3.2.5.
 */
#include "copycmd.h"

/* polynomial 8BB7h, bit by bit */
static uint16_t crc16(const uint8_t *p, size_t len)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)p[i] << 8;
		for (unsigned int b = 0; b < 8; b++)
			crc = crc & 0x8000 ? (crc << 1 ^ 0x8bb7) & 0xffff : crc << 1 & 0xffff;
	}
	return (uint16_t)crc;
}

static void expect_tuple16(struct fx *f, uint32_t i, uint16_t app, uint32_t ref)
{
	const uint8_t *t = (uint8_t *)drv_ptr(f->d, f->back_md) + i * 8;
	uint16_t guard = crc16((uint8_t *)drv_ptr(f->d, f->back) + i * 512, 512);

	assert_int_equal(t[0] << 8 | t[1], guard);
	assert_int_equal(t[2] << 8 | t[3], app);
	assert_int_equal((uint32_t)t[4] << 24 | t[5] << 16 | t[6] << 8 | t[7], ref);
}

/* within a namespace, and between two alike: passed through, or replaced */
static void test_pi_same(void **state)
{
	struct fx *f = fx_new();

	for (uint32_t to = 3; to <= 4; to++) {
		const uint8_t fmt = to == 3 ? 0 : 2;
		struct src s[2] = { { .nsid = 3, .slba = 20, .nlb = 10, .ref = 20 },
				    { .nsid = 3, .slba = 5, .nlb = 6, .ref = 5 } };

		write_blocks(f, 3, 0, 64, 21);
		/* passed through: the tags are those of where they were written first */
		assert_int_equal(copy(f, to, 1000, fmt, 0, s, 2), 0);
		expect(f, to, 1000, 10, 20, 21);
		for (uint32_t i = 0; i < 10; i++)
			expect_tuple16(f, i, 0xabcd, 20 + i);
		/* the write portion's check finds just that */
		refuse(f, ST_REF, to, 1100, fmt, PRINFOW(CHK_REF), s, 2);
		/* replaced: guards, and the write portion's tags, counted over all ranges */
		assert_int_equal(copy(f, to, 2000, fmt,
				      PRINFOR(ACT | 7) | PRINFOW(ACT),
				      (struct src[]){ { 3, 20, 10, 20, 0xabcd, 0xffff },
						      { 3, 5, 6, 5, 0xabcd, 0xffff } }, 2), 0);
		expect(f, to, 2000, 10, 20, 21);
		for (uint32_t i = 0; i < 10; i++)
			expect_tuple16(f, i, 0x1234, 2000 + i);
		expect(f, to, 2010, 6, 5, 21);
		for (uint32_t i = 0; i < 6; i++)
			expect_tuple16(f, i, 0x1234, 2010 + i);
	}
	fx_done(f);
}

/* the checks of the read portion are a Read's, with each range's expected tags */
static void test_pi_checks(void **state)
{
	struct fx *f = fx_new();
	struct src s[2] = { { 3, 20, 4, 20, 0xabcd, 0xffff }, { 3, 40, 4, 40, 0xabcd, 0xffff } };
	uint8_t *md = drv_ptr(f->d, f->md);

	write_blocks(f, 3, 0, 64, 31);
	write_blocks(f, 4, 0, 64, 32);
	for (unsigned int k = 0; k < 2; k++) {
		uint32_t p = k ? ACT : 0;

		s[1].app = 0xabce;
		refuse(f, ST_APP, 4, 0, 2, PRINFOR(p | CHK_APP) | PRINFOW(p), s, 2);
		assert_int_equal(last_error(f->d).lba, 40);
		s[1].mask = 0xfff0; /* but not in the bits that are masked */
		assert_int_equal(copy(f, 4, 200, 2, PRINFOR(p | CHK_APP) | PRINFOW(p), s, 2), 0);
		s[1] = (struct src){ 3, 40, 4, 41, 0xabcd, 0xffff };
		/* Type 1: the initial tag is the SLBA's lower part, or the command is wrong */
		refuse(f, ST_INVALID_PI, 4, 0, 2, PRINFOR(p | CHK_REF) | PRINFOW(p), s, 2);
		s[1].ref = 40;
	}
	/* and so it is for the write portion */
	{
		struct drv_cmd cmd = copy_cmd(4, 0, 2, 2, PRINFOW(CHK_REF));

		cmd.dw[14] = 1;
		assert_int_equal(send(f, &cmd, s, 2), ST_INVALID_PI);
		assert_int_equal(f->dw0, 0);
	}
	/* a guard that does not match its block */
	read_blocks(f, 3, 42, 1);
	memcpy(md, drv_ptr(f->d, f->back_md), 8);
	md[1] ^= 1;
	assert_int_equal(move(f, OP_WRITE, 3, 42, 1, 0, 42, 0, f->back, f->md), 0);
	refuse(f, ST_GUARD, 4, 0, 2, PRINFOR(CHK_GUARD), s, 2);
	assert_int_equal(last_error(f->d).lba, 42);
	refuse(f, ST_GUARD, 4, 0, 2, PRINFOR(ACT | CHK_GUARD) | PRINFOW(ACT), s, 2);
	refuse(f, ST_GUARD, 4, 0, 2, PRINFOW(CHK_GUARD), s, 2); /* found on the other side */
	/* a reference tag that is not what is counted */
	write_blocks(f, 3, 42, 1, 31);
	read_blocks(f, 3, 43, 1);
	memcpy(md, drv_ptr(f->d, f->back_md), 8);
	md[7] ^= 0x80;
	assert_int_equal(move(f, OP_WRITE, 3, 43, 1, 0, 43, 0, f->back, f->md), 0);
	refuse(f, ST_REF, 4, 0, 2, PRINFOR(CHK_REF), s, 2);
	/* an Application Tag of FFFFh disables the checks */
	md[2] = md[3] = 0xff;
	assert_int_equal(move(f, OP_WRITE, 3, 43, 1, 0, 43, 0, f->back, f->md), 0);
	assert_int_equal(copy(f, 4, 300, 2, PRINFOR(7), s, 2), 0);
	expect(f, 4, 0, 64, 0, 32); /* nothing of the refused ones came there */
	fx_done(f);
}

/* inserted where there is none, stripped where there shall be none */
static void test_pi_convert(void **state)
{
	struct fx *f = fx_new();
	struct src s[2] = { { .nsid = 1, .slba = 10, .nlb = 8 },
			    { .nsid = 2, .slba = 50, .nlb = 8 } };

	write_blocks(f, 1, 0, 64, 41);
	write_blocks(f, 2, 0, 64, 42);
	assert_int_equal(copy(f, 3, 700, 2, PRINFOW(ACT), s, 2), 0);
	expect(f, 3, 700, 8, 10, 41);
	for (uint32_t i = 0; i < 8; i++)
		expect_tuple16(f, i, 0x1234, 700 + i);
	expect(f, 3, 708, 8, 50, 42);
	for (uint32_t i = 0; i < 8; i++)
		expect_tuple16(f, i, 0x1234, 708 + i);

	write_blocks(f, 4, 0, 64, 43);
	s[0] = (struct src){ 3, 700, 8, 700, 0x1234, 0xffff };
	s[1] = (struct src){ 4, 30, 8, 30, 0xabcd, 0xffff };
	assert_int_equal(copy(f, 1, 500, 2, PRINFOR(ACT | 7), s, 2), 0);
	expect(f, 1, 500, 8, 10, 41);
	expect(f, 1, 508, 8, 30, 43);
	/* not without the checks asked for */
	s[1].app = 0x1234;
	refuse(f, ST_APP, 1, 500, 2, PRINFOR(ACT | 7), s, 2);
	expect(f, 1, 508, 8, 30, 43);
	fx_done(f);
}

/* the 80 bits of tags in formats 1h and 3h: highest byte first */
static void test_pi_wide(void **state)
{
	struct fx *f = fx_new();
	struct src s = { 8, 20, 6, 20, 0xabcd, 0xffff };
	const uint8_t *t = drv_ptr(f->d, f->back_md);

	write_blocks(f, 8, 0, 64, 51);
	s.ref = 20ull << 8;
	refuse(f, ST_INVALID_PI, 9, 1000, 3, PRINFOR(ACT | 7) | PRINFOW(ACT), &s, 1);
	s.ref = 20 | 1ull << 47; /* the 48th bit counts, the next one not */
	refuse(f, ST_INVALID_PI, 9, 1000, 3, PRINFOR(ACT | 7) | PRINFOW(ACT), &s, 1);
	s.ref = 20 | 1ull << 48;
	assert_int_equal(copy(f, 9, 1000, 3, PRINFOR(ACT | 7) | PRINFOW(ACT), &s, 1), 0);
	expect(f, 9, 1000, 6, 20, 51);
	for (uint32_t i = 0; i < 6; i++) { /* guard 8, Application Tag 2, reference tag 6 */
		assert_int_equal(t[i * 16 + 8] << 8 | t[i * 16 + 9], 0x1234);
		assert_int_equal(t[i * 16 + 14] << 8 | t[i * 16 + 15], 1000 + i);
		assert_int_equal(t[i * 16 + 10] | t[i * 16 + 11] | t[i * 16 + 12] | t[i * 16 + 13],
				 0);
	}
	assert_int_equal(move(f, OP_READ, 9, 1000, 6, CHK_GUARD | CHK_REF, 1000, 0, f->back,
			      f->back_md), 0);
	/* the other guards, within a namespace: format 1h */
	s.ref = 20;
	assert_int_equal(copy(f, 8, 1500, 1, PRINFOR(ACT | 7) | PRINFOW(ACT), &s, 1), 0);
	assert_int_equal(move(f, OP_READ, 8, 1500, 6, CHK_GUARD | CHK_REF, 1500, 0, f->back,
			      f->back_md), 0);
	/* metadata around the tuple goes with its block */
	write_blocks(f, 11, 0, 64, 52);
	read_blocks(f, 11, 10, 4);
	memcpy(drv_ptr(f->d, f->md), drv_ptr(f->d, f->back_md), 64);
	s = (struct src){ 11, 10, 4, 10, 0xabcd, 0xffff };
	assert_int_equal(copy(f, 11, 800, 0, PRINFOR(ACT | 7) | PRINFOW(ACT), &s, 1), 0);
	expect(f, 11, 800, 4, 10, 52);
	for (uint32_t i = 0; i < 4; i++) {
		assert_memory_equal(t + i * 16, (uint8_t *)drv_ptr(f->d, f->md) + i * 16, 8);
		assert_int_equal(t[i * 16 + 15] | t[i * 16 + 14] << 8, 800 + i);
	}
	assert_int_equal(move(f, OP_READ, 11, 800, 4, CHK_GUARD | CHK_REF, 800, 0, f->back,
			      f->back_md), 0);
	fx_done(f);
}

/* section 3.3.2.5: dword 0 is the first Source Range entry that was not copied */
static void test_partial(void **state)
{
	struct fx *f = fx_new();
	struct src s[4];
	uint8_t *md = drv_ptr(f->d, f->md);

	write_blocks(f, 3, 0, 4096, 61);
	write_blocks(f, 3, 4096, 1000, 61);
	for (unsigned int i = 0; i < 4; i++)
		s[i] = (struct src){ 3, 1200u * i, 1200, 1200u * i, 0, 0 };
	/* the last block of the fourth range */
	read_blocks(f, 3, 4799, 1);
	memcpy(md, drv_ptr(f->d, f->back_md), 8);
	md[0] ^= 1;
	assert_int_equal(move(f, OP_WRITE, 3, 4799, 1, 0, 4799, 0, f->back, f->md), 0);
	assert_int_equal(copy(f, 4, 0, 2, PRINFOR(CHK_GUARD), s, 4), ST_GUARD);
	/* what dword 0 says was copied, is there */
	assert_true(f->dw0 <= 3);
	for (unsigned int i = 0; i < f->dw0; i++)
		expect(f, 4, 1200u * i, 1200, 1200u * i, 61);
	assert_int_equal(last_error(f->d).lba, 4799);
	fx_done(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pi_checks),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_pi_same),
		cmocka_unit_test(test_pi_convert),
		cmocka_unit_test(test_pi_wide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
