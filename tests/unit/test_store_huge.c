/* SPDX-License-Identifier: MIT */
/*
 * test_store_huge.c - which memory of a RAM store the kernel may make huge pages of. It says
 * itself, in /proc/self/smaps; a kernel without them is told nothing, and says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../store/huge.h"
#include "../../store/store.h"

#define PAGE   4096u
#define WRITE  (128u << 10)
#define REGION ((uint64_t)STORE_HUGE)

/* are the mapping's flags at @p those of memory that may be huge pages? */
static bool advised(const void *p)
{
	char line[512];
	bool here = false, yes = false, found = false;
	FILE *f = fopen("/proc/self/smaps", "re");

	assert_non_null(f);
	while (!found && fgets(line, sizeof(line), f)) {
		uintptr_t from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			here = (uintptr_t)p >= from && (uintptr_t)p < to;
		} else if (here && !strncmp(line, "VmFlags:", 8)) {
			yes = strstr(line, " hg");
			found = true;
		}
	}
	fclose(f);
	assert_true(found);
	return yes;
}

/* are there such pages, and are they of the size this is about? */
static bool kernel_has_them(void)
{
	void *p = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool yes;

	assert_ptr_not_equal(p, MAP_FAILED);
	yes = !madvise(p, REGION, MADV_HUGEPAGE) && sysconf(_SC_PAGESIZE) == PAGE;
	munmap(p, REGION);
	return yes;
}

static struct sim_store *ram(uint64_t size)
{
	struct sim_msg msg = { "" };
	struct sim_store *st = store_ram_new(size, &msg);

	if (!st)
		fail_msg("%s", msg.text);
	return st;
}

static unsigned char data[REGION];

static void write_at(struct sim_store *st, uint64_t off, size_t len)
{
	for (size_t n; len; off += n, len -= n) {
		n = len < sizeof(data) ? len : sizeof(data);
		memset(data, (int)(off / PAGE % 255 + 1), n);
		assert_int_equal(st->ops->write(st, off, data, n), 0);
	}
}

/* as if written; memory that nobody touches is not there */
static void mark(struct sim_store *st, uint64_t off, size_t len)
{
	void *p;

	assert_int_equal(st->ops->map(st, off, len, true, &p), 0);
}

/* may region @i be huge? Where something of it was written, for else no map() shows its memory. */
static bool may(struct sim_store *st, uint64_t i)
{
	uint64_t start, end;
	void *p;

	assert_int_equal(st->ops->next_data(st, i * REGION, &start, &end), 0);
	assert_in_range(start, i * REGION, (i + 1) * REGION - 1);
	assert_int_equal(st->ops->map(st, start, 512, false, &p), 0);
	return advised(p);
}

static void expect(struct sim_store *st, uint64_t i, bool wanted)
{
	if (may(st, i) != (wanted && kernel_has_them()))
		fail_msg("region %llu %s be huge pages", (unsigned long long)i,
			 wanted ? "may not" : "may");
}

static void fill(struct sim_store *st, uint64_t from, uint64_t to, size_t each)
{
	for (uint64_t off = from * REGION; off < to * REGION; off += each)
		write_at(st, off, each);
}

/* from front to back: everything behind the first region may, as far as it was written */
static void test_in_order(void **state)
{
	static const size_t each[] = { PAGE, WRITE, REGION };

	for (unsigned int i = 0; i < 3; i++) {
		struct sim_store *st = ram(8 * REGION);

		fill(st, 0, 4, each[i]);
		for (uint64_t r = 0; r < 4; r++)
			expect(st, r, r);
		write_at(st, 7 * REGION, PAGE);
		expect(st, 7, false);
		store_free(st);
	}
}

/* commands that overtake one another: each pair the other way round, and four writes late */
static void test_nearly_in_order(void **state)
{
	struct sim_store *st = ram(8 * REGION);

	for (uint64_t off = 0; off < 4 * REGION; off += 8 * WRITE) {
		for (unsigned int i = 4; i < 8; i++)
			write_at(st, off + (i ^ 1) * WRITE, WRITE);
		for (unsigned int i = 0; i < 4; i++)
			write_at(st, off + (i ^ 1) * WRITE, WRITE);
	}
	for (uint64_t r = 1; r < 4; r++)
		expect(st, r, true);
	store_free(st);
}

/* here and there: a block costs a page */
static void test_sparse(void **state)
{
	struct sim_store *st = ram(64 * REGION);

	for (uint64_t r = 0; r < 64; r++)
		write_at(st, r * REGION + REGION / 2, PAGE);
	for (uint64_t r = 0; r < 64; r++)
		write_at(st, r * REGION + 37 * PAGE, PAGE);
	for (uint64_t r = 0; r < 64; r++)
		expect(st, r, false);
	store_free(st);
}

/* what was given back as a whole costs a page again where one is written, however it was given */
static void test_given_back(void **state)
{
	struct sim_store *st = ram(8 * REGION);

	fill(st, 0, 6, WRITE);
	expect(st, 3, true);
	/* not all of it */
	assert_int_equal(st->ops->zero(st, 3 * REGION, REGION - PAGE, true), 0);
	expect(st, 3, true);
	/* the rest, and the next two but for a page */
	assert_int_equal(st->ops->zero(st, 4 * REGION - PAGE, 2 * REGION, true), 0);
	write_at(st, 3 * REGION + 5 * PAGE, PAGE);
	write_at(st, 4 * REGION + 5 * PAGE, PAGE);
	expect(st, 2, true);
	expect(st, 3, false);
	expect(st, 4, false);
	expect(st, 5, true);
	assert_int_equal(st->ops->zero(st, 0, 8 * REGION, true), 0);
	assert_int_equal(st->ops->used(st), 0);
	for (uint64_t r = 0; r < 8; r++)
		write_at(st, r * REGION, PAGE);
	for (uint64_t r = 0; r < 8; r++)
		expect(st, r, false);
	/* and once more from front to back: where there is something, it stays as it is */
	fill(st, 0, 8, WRITE);
	expect(st, 5, false);
	assert_int_equal(st->ops->zero(st, 0, 8 * REGION, true), 0);
	fill(st, 0, 8, WRITE);
	for (uint64_t r = 0; r < 8; r++)
		expect(st, r, r);
	store_free(st);
}

/* the kernel keeps a record of each run, and has not many: there is an end to it, also where a long
 * run is taken apart */
static void test_runs(void **state)
{
	const uint64_t nr = 4 * STORE_HUGE_RUNS;
	struct sim_store *st = ram(nr * REGION);
	unsigned int n = 0;

	for (uint64_t r = 0; r < nr; r += 2) {
		mark(st, r * REGION, REGION * 5 / 8);
		mark(st, (r + 1) * REGION, PAGE);
		n += may(st, r + 1);
	}
	assert_int_equal(n, kernel_has_them() ? STORE_HUGE_RUNS : 0);
	/* room again */
	assert_int_equal(st->ops->zero(st, 0, 2 * REGION, true), 0);
	assert_int_equal(st->ops->zero(st, (nr - 1) * REGION, REGION, true), 0);
	assert_int_equal(st->ops->zero(st, (nr - 2) * REGION, REGION, true), 0);
	mark(st, (nr - 2) * REGION, REGION);
	mark(st, (nr - 1) * REGION, PAGE);
	expect(st, nr - 1, true);
	store_free(st);

	st = ram(nr * REGION);
	for (uint64_t r = 0; r < nr; r++)
		mark(st, r * REGION, REGION);
	for (uint64_t r = 2; r < nr; r += 2)
		assert_int_equal(st->ops->zero(st, r * REGION, REGION, true), 0);
	n = 0;
	for (uint64_t r = 2; r < nr; r += 2) {
		mark(st, r * REGION, PAGE);
		n += !may(st, r);
	}
	assert_int_equal(n, kernel_has_them() ? STORE_HUGE_RUNS - 1 : nr / 2 - 1);
	store_free(st);
}

/* the end of a medium that has no whole region there, and media that have none at all */
static void test_odd_sizes(void **state)
{
	static const uint64_t sizes[] = { PAGE, REGION - 512, REGION + 512, 2 * REGION - PAGE };

	for (unsigned int i = 0; i < 4; i++) {
		struct sim_store *st = ram(sizes[i]);

		write_at(st, 0, sizes[i]);
		expect(st, 0, false);
		if (sizes[i] > REGION)
			expect(st, 1, false);
		assert_int_equal(st->ops->zero(st, 0, sizes[i], true), 0);
		store_free(st);
	}
}

/* once parts were exchanged memory is not where its place in the medium says, and none may */
static void test_parts(void **state)
{
	struct sim_store *st = ram(8 * REGION);

	fill(st, 0, 3, WRITE);
	expect(st, 2, true);
	st->parts->swap(st, 4 * REGION, st->parts->get(st));
	expect(st, 2, false);
	fill(st, 5, 8, WRITE);
	expect(st, 7, false);
	assert_int_equal(st->ops->zero(st, 0, 8 * REGION, true), 0);
	store_free(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order), cmocka_unit_test(test_nearly_in_order),
		cmocka_unit_test(test_sparse),	 cmocka_unit_test(test_given_back),
		cmocka_unit_test(test_runs),	 cmocka_unit_test(test_odd_sizes),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
