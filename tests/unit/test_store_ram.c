/* SPDX-License-Identifier: MIT */
/*
 * test_store_ram.c - the stores in memory: RAM and null.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../../store/store.h"

#define PAGE 4096u

static void expect_bytes(struct sim_store *st, uint64_t off, size_t len, int byte)
{
	unsigned char *buf = malloc(len);

	memset(buf, ~byte, len);
	assert_int_equal(st->ops->read(st, off, buf, len), 0);
	for (size_t i = 0; i < len; i++)
		if (buf[i] != byte)
			fail_msg("byte %zu of %zu at %llu is %02x, not %02x", i, len,
				 (unsigned long long)off, buf[i], byte);
	free(buf);
}

static void fill(struct sim_store *st, uint64_t off, size_t len, int byte)
{
	unsigned char *buf = malloc(len);

	memset(buf, byte, len);
	assert_int_equal(st->ops->write(st, off, buf, len), 0);
	free(buf);
}

static struct sim_store *ram(uint64_t size)
{
	struct sim_msg msg = { "" };
	struct sim_store *st = store_ram_new(size, &msg);

	if (!st)
		fail_msg("%s", msg.text);
	assert_int_equal(st->size, size);
	assert_false(st->readonly);
	assert_int_equal(store_fd(st), -1);
	return st;
}

static void test_new_reads_zero(void **state)
{
	struct sim_store *st = ram(1 << 20);

	expect_bytes(st, 0, 1 << 20, 0);
	assert_int_equal(st->ops->used(st), 0);
	store_free(st);
}

static void test_write_read(void **state)
{
	struct sim_store *st = ram(1 << 20);

	fill(st, 5000, 10000, 0xa5);
	expect_bytes(st, 0, 5000, 0);
	expect_bytes(st, 5000, 10000, 0xa5);
	expect_bytes(st, 15000, PAGE, 0);
	assert_in_range(st->ops->used(st), 10000, 10000 + 2 * PAGE);
	store_free(st);
}

/* what map() gives for writing is what everything else reads */
static void test_map(void **state)
{
	struct sim_store *st = ram(1 << 20);
	void *w, *r;

	assert_int_equal(st->ops->map(st, 8192, 512, true, &w), 0);
	assert_non_null(w);
	memset(w, 0x11, 512);
	expect_bytes(st, 8192, 512, 0x11);
	assert_int_equal(st->ops->map(st, 8192, 512, false, &r), 0);
	assert_memory_equal(r, w, 512);
	assert_int_equal(st->ops->check(st, 8192, 512, true), 0);
	store_free(st);
}

/* reading a terabyte that was never written costs nothing, in one page or across written ones */
static void test_map_unwritten(void **state)
{
	struct sim_store *st = ram(1 << 20);
	unsigned char zeroes[3 * PAGE] = { 0 };
	void *r;

	assert_int_equal(st->ops->map(st, 0, sizeof(zeroes), false, &r), 0);
	assert_memory_equal(r, zeroes, sizeof(zeroes));
	assert_int_equal(st->ops->used(st), 0);
	fill(st, PAGE, PAGE, 0x77);
	assert_int_equal(st->ops->map(st, 0, sizeof(zeroes), false, &r), 0);
	memset(zeroes + PAGE, 0x77, PAGE);
	assert_memory_equal(r, zeroes, sizeof(zeroes));
	store_free(st);
}

static void test_zero(void **state)
{
	for (int unmap = 0; unmap < 2; unmap++) {
		struct sim_store *st = ram(1 << 20);
		uint64_t used;

		fill(st, 0, 16 * PAGE, 0xff);
		used = st->ops->used(st);
		/* from within a page to within another: neighbours keep their bytes */
		assert_int_equal(st->ops->zero(st, PAGE + 512, 4 * PAGE, unmap), 0);
		expect_bytes(st, 0, PAGE + 512, 0xff);
		expect_bytes(st, PAGE + 512, 4 * PAGE, 0);
		expect_bytes(st, 5 * PAGE + 512, 10 * PAGE, 0xff);
		assert_int_equal(st->ops->used(st), unmap ? used - 3 * PAGE : used);
		/* within one page */
		assert_int_equal(st->ops->zero(st, 10 * PAGE + 512, 512, unmap), 0);
		expect_bytes(st, 10 * PAGE, 512, 0xff);
		expect_bytes(st, 10 * PAGE + 512, 512, 0);
		expect_bytes(st, 10 * PAGE + 1024, 512, 0xff);
		assert_int_equal(st->ops->zero(st, 512, 0, unmap), 0);
		expect_bytes(st, 512, 512, 0xff);
		store_free(st);
	}
}

static void test_huge(void **state)
{
	const uint64_t size = 8ull << 40;
	struct sim_store *st = ram(size);

	fill(st, size - 512, 512, 0x42);
	fill(st, size / 2, 512, 0x43);
	expect_bytes(st, size - 1024, 512, 0);
	expect_bytes(st, size - 512, 512, 0x42);
	assert_in_range(st->ops->used(st), 1024, 1 << 20);
	assert_int_equal(st->ops->zero(st, 0, size, true), 0);
	expect_bytes(st, size - 512, 512, 0);
	expect_bytes(st, size / 2, 512, 0);
	assert_int_equal(st->ops->used(st), 0);
	store_free(st);
}

static void test_odd_size(void **state)
{
	struct sim_store *st = ram(PAGE + 512);

	fill(st, 0, PAGE + 512, 0x99);
	expect_bytes(st, 0, PAGE + 512, 0x99);
	assert_true(st->ops->used(st) <= st->size);
	assert_int_equal(st->ops->zero(st, 0, PAGE + 512, true), 0);
	expect_bytes(st, 0, PAGE + 512, 0);
	store_free(st);
}

static void test_next_data(void **state)
{
	struct sim_store *st = ram(1ull << 40);
	uint64_t start, end, at = (1ull << 38) + 3 * PAGE;

	assert_true(st->fresh);
	assert_int_equal(st->ops->next_data(st, 0, &start, &end), SIM_ENOENT);
	fill(st, at + 100, 2 * PAGE, 1); /* three pages of it */
	fill(st, 7, 1, 1);
	assert_int_equal(st->ops->next_data(st, 0, &start, &end), 0);
	assert_int_equal(start, 0);
	assert_int_equal(end, PAGE);
	assert_int_equal(st->ops->next_data(st, at - PAGE, &start, &end), 0);
	assert_int_equal(start, at);
	assert_int_equal(end, at + 3 * PAGE);
	assert_int_equal(st->ops->next_data(st, at + 50, &start, &end), 0);
	assert_int_equal(start, at + 50);
	assert_int_equal(st->ops->zero(st, at, 3 * PAGE, true), 0);
	assert_int_equal(st->ops->zero(st, 0, PAGE, true), 0);
	assert_int_equal(st->ops->next_data(st, 0, &start, &end), SIM_ENOENT);
	assert_int_equal(st->ops->next_data(st, 1ull << 40, &start, &end), SIM_ENOENT);
	store_free(st);
}

/* ---- parts that are exchanged ---------------------------------------------------------------- */

#define PARTS 5u
#define PARTS_SIZE (PARTS * SIM_PART + SIM_PART / 2 + 512) /* the last one is no whole part */

static void *filled_part(struct sim_store *st, int byte)
{
	void *part = st->parts->get(st);

	assert_non_null(part);
	memset(part, byte, SIM_PART);
	return part;
}

static void test_swap(void **state)
{
	struct sim_store *st = ram(PARTS_SIZE);
	uint64_t start, end;
	void *part, *ptr;

	fill(st, 0, 3 * SIM_PART, 1);
	assert_int_equal(st->parts->together(st, 100, 3 * SIM_PART), 3 * SIM_PART);
	part = filled_part(st, 2);
	expect_bytes(st, 0, 3 * SIM_PART, 1); /* it is nowhere yet */
	assert_int_equal(st->ops->used(st), 3 * SIM_PART);
	st->parts->swap(st, SIM_PART, part);
	expect_bytes(st, 0, SIM_PART, 1);
	expect_bytes(st, SIM_PART, SIM_PART, 2);
	expect_bytes(st, 2 * SIM_PART, SIM_PART, 1);
	assert_int_equal(st->ops->used(st), 3 * SIM_PART);
	assert_int_equal(st->parts->together(st, 100, 3 * SIM_PART), SIM_PART - 100);
	assert_int_equal(st->parts->together(st, SIM_PART + 8, 8), 8);
	assert_int_equal(st->parts->together(st, 2 * SIM_PART, 2 * SIM_PART), 2 * SIM_PART);
	assert_int_equal(st->ops->map(st, SIM_PART, SIM_PART, true, &ptr), 0);
	assert_ptr_equal(ptr, part);
	/* in place of what nobody has written */
	st->parts->swap(st, 4 * SIM_PART, filled_part(st, 3));
	expect_bytes(st, 3 * SIM_PART, SIM_PART, 0);
	expect_bytes(st, 4 * SIM_PART, SIM_PART, 3);
	assert_int_equal(st->ops->used(st), 4 * SIM_PART);
	assert_int_equal(st->ops->next_data(st, 3 * SIM_PART, &start, &end), 0);
	assert_int_equal(start, 4 * SIM_PART);
	assert_int_equal(end, 5 * SIM_PART);
	/* memory is given back where it is, and not that of another one */
	assert_int_equal(st->ops->zero(st, SIM_PART, 2 * SIM_PART, true), 0);
	assert_int_equal(st->ops->used(st), 2 * SIM_PART);
	expect_bytes(st, 0, SIM_PART, 1);
	expect_bytes(st, SIM_PART, 3 * SIM_PART, 0);
	expect_bytes(st, 4 * SIM_PART, SIM_PART, 3);
	store_free(st);
}

/* there are so many, each of its own, and none after that until one is given back */
static void test_spares(void **state)
{
	struct sim_store *st = ram(PARTS_SIZE);
	unsigned char *part[256];
	unsigned int n = 0;

	fill(st, 0, PARTS_SIZE, 0xaa);
	while (n < 256 && (part[n] = st->parts->get(st)))
		memset(part[n], (int)n, SIM_PART), n++;
	assert_in_range(n, (2u << 20) / SIM_PART, 255); /* what the longest command takes */
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int k = 0; k < SIM_PART; k += 512)
			assert_int_equal(part[i][k], i);
	expect_bytes(st, 0, PARTS_SIZE, 0xaa);
	/* what was exchanged for it is one that can be had */
	st->parts->swap(st, 0, part[5]);
	part[5] = st->parts->get(st);
	assert_non_null(part[5]);
	assert_int_equal(part[5][0], 0xaa);
	assert_null(st->parts->get(st));
	st->parts->put(st, part[7]);
	assert_ptr_equal(st->parts->get(st), part[7]);
	assert_null(st->parts->get(st));
	expect_bytes(st, 0, SIM_PART, 5);
	store_free(st);
}

/* anything, anywhere, against an array */
static void test_parts_model(void **state)
{
	static unsigned char model[PARTS_SIZE], in[PARTS_SIZE];
	struct sim_store *st = ram(PARTS_SIZE);
	uint64_t x = 88172645463325252ull;

	memset(model, 0, sizeof(model));
	for (unsigned int i = 0; i < 2000; i++) {
		size_t off, len;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		off = (size_t)(x >> 8) % PARTS_SIZE;
		len = 1 + (size_t)(x >> 32) % (PARTS_SIZE - off);
		switch (x % 4) {
		case 0:
			fill(st, off, len, (int)(i & 0xff));
			memset(model + off, (int)(i & 0xff), len);
			break;
		case 1:
			assert_int_equal(st->ops->zero(st, off, len, x >> 7 & 1), 0);
			memset(model + off, 0, len);
			break;
		default:
			off = off / SIM_PART % PARTS * SIM_PART;
			st->parts->swap(st, off, filled_part(st, (int)(i & 0xff)));
			memset(model + off, (int)(i & 0xff), SIM_PART);
		}
		if (i % 8)
			continue;
		assert_int_equal(st->ops->read(st, 0, in, PARTS_SIZE), 0);
		assert_memory_equal(in, model, PARTS_SIZE);
	}
	assert_int_equal(st->ops->zero(st, 0, PARTS_SIZE, true), 0);
	assert_in_range(st->ops->used(st), 0, PAGE);
	expect_bytes(st, 0, PARTS_SIZE, 0);
	store_free(st);
}

static void test_too_large(void **state)
{
	struct sim_msg msg = { "" };

	assert_null(store_ram_new(0, &msg));
	assert_string_not_equal(msg.text, "");
	msg.text[0] = '\0';
	assert_null(store_ram_new(UINT64_MAX / 2, &msg));
	assert_non_null(strstr(msg.text, "cannot reserve"));
}

static void flushed(void *arg, int err)
{
	*(int *)arg = err;
}

static void test_flush(void **state)
{
	struct sim_store *st = ram(PAGE);
	int err = 1;

	st->ops->flush(st, flushed, &err);
	assert_int_equal(err, 0);
	store_free(st);
}

static void test_null(void **state)
{
	struct sim_msg msg = { "" };
	struct sim_store *st = store_null_new(1ull << 50, &msg);
	unsigned char zeroes[512] = { 0 };
	uint64_t start, end;
	void *ptr;
	int err = 1;

	assert_non_null(st);
	fill(st, 1ull << 49, 4096, 0xee);
	expect_bytes(st, 1ull << 49, 4096, 0);
	/* what is written through the mapping is not read back either */
	assert_int_equal(st->ops->map(st, 0, 512, true, &ptr), 0);
	if (ptr)
		memset(ptr, 0xee, 512);
	assert_int_equal(st->ops->map(st, 0, 512, false, &ptr), 0);
	if (ptr)
		assert_memory_equal(ptr, zeroes, 512);
	assert_int_equal(st->ops->zero(st, 0, st->size, true), 0);
	assert_int_equal(st->ops->check(st, 0, 512, true), 0);
	assert_int_equal(st->ops->used(st), 0);
	assert_int_equal(st->ops->next_data(st, 0, &start, &end), SIM_ENOENT);
	st->ops->flush(st, flushed, &err);
	assert_int_equal(err, 0);
	store_free(st);
	assert_null(store_null_new(0, &msg));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_reads_zero), cmocka_unit_test(test_write_read),
		cmocka_unit_test(test_map),	       cmocka_unit_test(test_map_unwritten),
		cmocka_unit_test(test_zero),	       cmocka_unit_test(test_huge),
		cmocka_unit_test(test_odd_size),       cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_flush),	       cmocka_unit_test(test_null),
		cmocka_unit_test(test_next_data),      cmocka_unit_test(test_swap),
		cmocka_unit_test(test_spares),	       cmocka_unit_test(test_parts_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
