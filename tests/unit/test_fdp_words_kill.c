/* SPDX-License-Identifier: MIT */
/*
 * test_fdp_words_kill.c - the map of a namespace, of a process that is killed between any two
 * stores.
 *
 * What is done to the map is done once, watched. For each of its stores a start is tried on what a
 * death after it leaves: each block has the word that it had or the one that it was to have, and no
 * other block has another one than before.
 */
#include "crash_arena.h"
#include "../../core/fdp/words.h"

#define PAGES  6u
#define BLOCKS (PAGES * FDP_PAGE)
#define TABLE  8192u
#define DENSE  (TABLE + 4096u)
#define HEAP   (DENSE + PAGES * 4096u)
#define LEN    (HEAP + (PAGES + 1u) * FDP_EXTENT)
#define STORES 20000u

struct rig {
	struct ca arena;
	uint64_t off;
	struct fdp_map m;
	uint8_t model[BLOCKS]; /* the unit, and 1 */
};

static void attach(struct fdp_map *m, uint8_t *area)
{
	*m = (struct fdp_map){ .pages = PAGES,
			       .nr_ext = sim_fdp_heap_extents(PAGES),
			       .area = area };
	assert_true(m->nr_ext <= PAGES + 1);
	m->ext = calloc(m->nr_ext, sizeof(*m->ext));
	m->used = (void *)(area + 4096);
	m->page = (void *)(area + TABLE);
	m->dense = (void *)(area + DENSE);
	m->heap = (void *)(area + HEAP);
}

/* blocks of one page are in unit @to - 1, or (0) in none */
static void put(struct fdp_map *m, uint32_t lba, uint32_t n, uint32_t to)
{
	const uint64_t page = lba / FDP_PAGE;
	const uint32_t lo = lba % FDP_PAGE;
	struct fdp_words w;
	bool misfit = false;

	if (to)
		assert_int_equal(sim_fdp_words_add(m, page, lo, lo + n), 0);
	fdp_page_lock(m, page);
	w = fdp_words(m, page, lo);
	for (uint32_t b = lo; to && b < lo + n; b++)
		fdp_set(fdp_next(&w, &b, lo + n), fdp_mapped(to - 1, 0));
	if (!to)
		misfit = sim_fdp_words_drop(m, page, lo, lo + n);
	fdp_page_unlock(m, page);
	if (misfit)
		sim_fdp_words_fit(m, page, true);
}

static void have(struct rig *r, uint32_t lba, uint32_t n, uint32_t to)
{
	put(&r->m, lba, n, to);
	memset(&r->model[lba], (int)to, n);
}

/* every other block of each page, @n of them from the page's @first-th on */
static void have_lists(struct rig *r, uint32_t pages, uint32_t first, uint32_t n)
{
	for (uint32_t page = 0; page < pages; page++)
		for (uint32_t i = 0; i < n; i++)
			have(r, page * FDP_PAGE + first + 2 * i, 1, 1 + i % 3);
}

static uint32_t found(const struct fdp_map *m, uint32_t lba)
{
	struct fdp_words w = fdp_words(m, lba / FDP_PAGE, lba % FDP_PAGE);
	uint32_t b = lba % FDP_PAGE;
	const _Atomic uint32_t *word = fdp_next(&w, &b, b + 1);

	return word ? fdp_unit_of(*word) : 0;
}

/* slots that pages have, and those that the heap has for them */
static void check_slots(const struct fdp_map *m)
{
	uint32_t n = 0;

	for (uint64_t page = 0; page < PAGES; page++)
		n += fdp_page_counts(m, page) && fdp_size_of(m->page[page].form);
	for (uint32_t ext = 0; ext < m->high; ext++)
		n -= m->ext[ext].size ? m->ext[ext].nr : 0;
	assert_int_equal(n, 0);
}

/* a start after @n of the stores */
static void check_left(struct rig *r, unsigned int n, uint32_t lba, uint32_t nr, uint32_t to)
{
	struct fdp_map m;
	struct ca left;

	ca_left(&r->arena, n, &left);
	attach(&m, left.mem + r->off);
	sim_fdp_words_start(&m);
	for (uint64_t page = 0; page < PAGES; page++)
		if (fdp_page_counts(&m, page))
			sim_fdp_words_fit(&m, page, true);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		const uint32_t is = found(&m, i);

		if (is != r->model[i] && !(is == to && i >= lba && i < lba + nr))
			fail_msg("block %u is in %u, not %u, after %u of %u stores", i, is,
				 r->model[i], n, r->arena.nr_notes);
		if (n == r->arena.nr_notes && i >= lba && i < lba + nr)
			assert_int_equal(is, to);
	}
	check_slots(&m);
	/* it can be gone on with */
	for (uint32_t page = 0; page < PAGES; page++) {
		put(&m, page * FDP_PAGE + 100, 60, 5);
		assert_int_equal(found(&m, page * FDP_PAGE + 159), 5);
	}
	free(m.ext);
	ca_left_free(&left);
}

static struct rig *new_rig(void)
{
	struct rig *r = calloc(1, sizeof(*r));
	bool fresh;
	void *area;

	ca_new(&r->arena, 4096);
	area = ca_area(&r->arena, 1, 1, LEN, &fresh);
	r->off = (uint64_t)((uint8_t *)area - r->arena.mem);
	attach(&r->m, area);
	return r;
}

/* that is done, and killed everywhere; then the rig is gone */
static void try(struct rig *r, uint32_t lba, uint32_t n, uint32_t to)
{
	ca_trace(&r->arena, STORES);
	put(&r->m, lba, n, to);
	ca_trace_end(&r->arena);
	assert_true(r->arena.nr_notes > 0);
	for (unsigned int i = 0; i <= r->arena.nr_notes; i++)
		check_left(r, i, lba, n, to);
	free(r->m.ext);
	ca_free(&r->arena);
	free(r);
}

/* words come to a list that has room for them */
static void test_come(void **state)
{
	struct rig *r = new_rig();

	try(r, 5, 1, 4); /* the first block of a page */
	r = new_rig();
	have_lists(r, 2, 0, 31);
	try(r, 21, 1, 4);
	r = new_rig();
	have_lists(r, 2, 0, 27);
	try(r, 10, 4, 4);
}

/* ... and to one that has not: it goes to a larger slot, and the last one to where it was */
static void test_grow(void **state)
{
	struct rig *r = new_rig();

	have_lists(r, 5, 0, 32);
	try(r, 21, 1, 4);
	r = new_rig();
	have_lists(r, 3, 0, 400);
	try(r, FDP_PAGE + 20, 200, 4);
}

static void test_dense(void **state)
{
	struct rig *r = new_rig();

	have(r, 0, 970, 1);
	have(r, FDP_PAGE, 970, 2);
	try(r, 960, 40, 4);
	r = new_rig();
	have(r, 0, 1000, 1);
	try(r, 900, 124, 4);
	r = new_rig();
	have(r, 0, 1000, 1);
	try(r, 10, 60, 0); /* a list again */
	r = new_rig();
	have(r, 0, 1024, 1);
	try(r, 0, 1024, 0);
	r = new_rig();
	have(r, 0, 1024, 1);
	try(r, 1, 1022, 0);
}

/* words go from a list: it stays where it is, goes to a smaller slot, to the entry, or is no more
 */
static void test_go(void **state)
{
	struct rig *r = new_rig();

	have_lists(r, 4, 0, 60);
	try(r, 30, 1, 0);
	r = new_rig();
	have_lists(r, 4, 0, 100);
	try(r, 30, 70, 0);
	r = new_rig();
	have_lists(r, 4, 0, 5);
	try(r, 4, 6, 0);
	r = new_rig();
	have_lists(r, 4, 0, 4);
	try(r, 0, 4, 0);
	r = new_rig();
	have_lists(r, 4, 0, 100);
	try(r, 0, 1024, 0);
	r = new_rig();
	have_lists(r, 1, 0, 2);
	try(r, 0, 3, 0);
}

/* a start that puts in order what a killed process has left is killed, too */
static void test_start(void **state)
{
	struct rig *r = new_rig();
	struct fdp_map m;
	_Atomic uint32_t *list;

	have_lists(r, 4, 0, 30);
	/* words that were being moved; a page whose slot is nobody's any more, behind which there
	 * is one */
	list = r->m.heap + fdp_place_of(r->m.page[1].form) + 1;
	for (uint32_t i = 28; i > 10; i--)
		list[i] = list[i - 1];
	r->m.page[0].form = 0;
	for (uint32_t i = FDP_INLINE; i < 30; i++)
		r->model[2 * i] = 0;
	attach(&m, r->arena.mem + r->off);
	ca_trace(&r->arena, STORES);
	sim_fdp_words_start(&m);
	ca_trace_end(&r->arena);
	assert_true(r->arena.nr_notes > 10);
	for (unsigned int i = 0; i <= r->arena.nr_notes; i++)
		check_left(r, i, 0, 0, 0);
	free(m.ext);
	free(r->m.ext);
	ca_free(&r->arena);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_come),  cmocka_unit_test(test_grow),
		cmocka_unit_test(test_dense), cmocka_unit_test(test_go),
		cmocka_unit_test(test_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
