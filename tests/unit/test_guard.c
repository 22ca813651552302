/* SPDX-License-Identifier: MIT */
/*
 * test_guard.c - the CRCs of protection information: published values, and every way of making
 * them against long division. NVM Command Set 1.1, section 5.3.1.
 */
#include "../../core/ns/guard.h"
#include "../../core/ns/pi.h"
#include "../model/pi_model.h"
#include "drv.h"

static const uint8_t nine[] = "123456789";

static uint64_t bits_reversed(uint64_t v)
{
	uint64_t r = 0;

	for (int i = 0; i < 64; i++)
		r |= (v >> i & 1) << (63 - i);
	return r;
}

/* the catalogue's check values; figure 153 writes the last one with its bits reversed */
static void test_check_values(void **state)
{
	assert_int_equal(sim_crc16_t10dif(0, nine, 9), 0xd0db);
	assert_int_equal(sim_crc32c(0, nine, 9), 0xe3069283);
	assert_true(sim_crc64_nvme(0, nine, 9) == 0xae8b14860a799888);
	assert_true(sim_crc64_nvme(0, nine, 9) == bits_reversed(0x11199e506128d175));
	/* the model, which the rest of this file trusts */
	assert_int_equal(pim_crc(16, nine, 9, NULL, 0), 0xd0db);
	assert_int_equal(pim_crc(32, nine, 4, nine + 4, 5), 0xe3069283);
	assert_true(pim_crc(64, nine, 9, NULL, 0) == 0xae8b14860a799888);
	assert_int_equal(sim_crc16_t10dif(0, NULL, 0), 0);
	assert_int_equal(sim_crc32c(0, NULL, 0), 0);
	assert_true(sim_crc64_nvme(0, NULL, 0) == 0);
}

/* figures 150 and 155: 4 KiB of 00h, of FFh, of 00h to FFh repeating, of FFh to 00h repeating */
static void test_specification(void **state)
{
	static const uint32_t crc32[] = { 0x98f94189, 0x25c1fe13, 0x9c71fe32, 0x214941a8 };
	static const uint64_t crc64[] = { 0x6482d367eb22b64e, 0xc0ddba7302eca3ac,
					  0x3e729f5f6750449c, 0x9a2df64b8e9e517e };
	uint8_t block[4096];

	for (int k = 0; k < 4; k++) {
		for (int i = 0; i < 4096; i++) {
			const uint8_t byte[] = { 0x00, 0xff, (uint8_t)i, (uint8_t)~i };

			block[i] = byte[k];
		}
		assert_int_equal(sim_crc32c(0, block, sizeof(block)), crc32[k]);
		assert_true(sim_crc64_nvme(0, block, sizeof(block)) == crc64[k]);
	}
}

static const struct {
	const struct sim_crc *crc;
	int guard;
	uint64_t init, xorout;
} crcs[] = {
	{ &sim_crc_t10dif, 16, 0, 0 },
	{ &sim_crc_castagnoli, 32, 0xffffffff, 0xffffffff },
	{ &sim_crc_nvme, 64, UINT64_MAX, UINT64_MAX },
};

enum { LENGTHS = 1201, ALIGNMENTS = 64 };

static void fill(uint8_t *p, size_t n)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
}

/* every length and every alignment, every way that this processor can, against long division */
static void test_every_length(void **state)
{
	uint8_t data[LENGTHS], at[LENGTHS + ALIGNMENTS];
	unsigned int nr_can = 0;

	fill(data, sizeof(data));
	for (size_t k = 0; k < 3; k++) {
		uint64_t want[LENGTHS];

		for (int len = 0; len < LENGTHS; len++)
			want[len] = pim_crc(crcs[k].guard, data, len, NULL, 0) ^ crcs[k].xorout;
		for (unsigned int w = 0; w < sim_nr_crc_ways * ALIGNMENTS; w++) {
			const struct sim_crc_way *way = &sim_crc_ways[w / ALIGNMENTS];
			size_t align = w % ALIGNMENTS;

			if (way->can && !way->can(crcs[k].crc))
				continue;
			nr_can++;
			memcpy(at + align, data, sizeof(data));
			for (size_t len = 0; len < LENGTHS; len++) {
				uint64_t v = way->run(crcs[k].crc, crcs[k].init, at + align, len);

				if (v != want[len])
					fail_msg("%s: width %d, %zu bytes at %zu", way->name,
						 crcs[k].guard, len, align);
			}
		}
	}
	assert_true(nr_can >= 3 * ALIGNMENTS); /* tables can be had everywhere */
}

/* in two pieces, cut anywhere, as in one: data, then the metadata before the tuple */
static void test_pieces(void **state)
{
	uint8_t data[300];
	uint64_t whole[3];

	fill(data, sizeof(data));
	whole[0] = sim_crc16_t10dif(0, data, 300);
	whole[1] = sim_crc32c(0, data, 300);
	whole[2] = sim_crc64_nvme(0, data, 300);
	for (size_t cut = 0; cut <= 300; cut++) {
		const uint8_t *rest = data + cut;

		assert_int_equal(sim_crc16_t10dif(sim_crc16_t10dif(0, data, cut), rest, 300 - cut),
				 whole[0]);
		assert_int_equal(sim_crc32c(sim_crc32c(0, data, cut), rest, 300 - cut), whole[1]);
		assert_true(sim_crc64_nvme(sim_crc64_nvme(0, data, cut), rest, 300 - cut) ==
			    whole[2]);
	}
}

/* more than a transfer, and a register that is not the initial one */
static void test_long(void **state)
{
	static uint8_t data[(64 << 10) + 127];

	fill(data, sizeof(data));
	for (size_t k = 0; k < 3; k++) {
		uint64_t want = pim_crc(crcs[k].guard, data, sizeof(data), NULL, 0);
		uint64_t init = crcs[k].init;
		uint64_t reg = 0x123456789abcdef0 >> (64 - crcs[k].guard);

		for (unsigned int w = 0; w < sim_nr_crc_ways; w++) {
			const struct sim_crc_way *way = &sim_crc_ways[w];

			if (way->can && !way->can(crcs[k].crc))
				continue;
			assert_true((way->run(crcs[k].crc, init, data, sizeof(data)) ^
				     crcs[k].xorout) == want);
			for (size_t len = 0; len < 3000; len += 37)
				assert_true(way->run(crcs[k].crc, reg, data, len) ==
					    sim_crc_sliced(crcs[k].crc, reg, data, len));
		}
	}
}

static void test_name(void **state)
{
	for (uint8_t pif = SIM_PIF_16; pif <= SIM_PIF_64; pif++) {
		unsigned int w = 0;

		while (sim_crc_ways[w].can && !sim_crc_ways[w].can(crcs[pif].crc))
			w++;
		assert_string_equal(sim_guard_name(pif), sim_crc_ways[w].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_values), cmocka_unit_test(test_specification),
		cmocka_unit_test(test_every_length), cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_long),	     cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
