/* SPDX-License-Identifier: MIT */
/*
 * test_fdp_words.c - the map of a namespace against a model that is an array: blocks get words,
 * other ones, and none, few and many of a page, with starts in between, without room at times, and
 * killed anywhere. White box: forms, slots and memory are looked at as well.
 *
 * Memory that no room was reserved for cannot be written to here, so to do that is a fault.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../core/fdp/words.h"

#define PAGES	 600u /* more than have their entries in one page of memory */
#define BLOCKS	 (PAGES * FDP_PAGE)
#define HEAD	 4096u
#define OS_PAGE	 4096u
#define UNITS	 5u
#define KILLS	 150u
#define PER_WORD 43u /* tenths of a byte */

/**
 * struct shared - what outlives a process
 * @model: by block, the unit, and 1; @lo, @hi, @to: of these, another one is on its way
 */
struct shared {
	uint8_t model[BLOCKS];
	volatile uint32_t lo, hi, to;
	volatile uint64_t done;
};

/** struct rig - @area of @len bytes; @room: by page of memory, reserved; @deny: there is no more */
struct rig {
	struct fdp_map m;
	struct sim_journal_port port;
	_Atomic int64_t total;
	uint8_t *area, *room;
	uint64_t len, table, dense, heap, rng;
	bool deny;
	struct shared *s;
};

static uint32_t below(struct rig *r, uint32_t n)
{
	r->rng ^= r->rng << 13;
	r->rng ^= r->rng >> 7;
	r->rng ^= r->rng << 17;
	return (uint32_t)(r->rng >> 20) % n;
}

/* ---- the area -------------------------------------------------------------------------------- */

static int reserve(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	struct rig *r = opaque;
	const uint64_t from = off / OS_PAGE, end = (off + len + OS_PAGE - 1) / OS_PAGE;

	if (r->deny)
		return SIM_ENOSPC;
	assert_ptr_equal(mem, r->area);
	assert_true(end * OS_PAGE <= r->len);
	memset(r->room + from, 1, end - from);
	assert_int_equal(
		mprotect(r->area + from * OS_PAGE, (end - from) * OS_PAGE, PROT_READ | PROT_WRITE),
		0);
	return 0;
}

static void punch(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	struct rig *r = opaque;
	const uint64_t from = (off + OS_PAGE - 1) / OS_PAGE, end = (off + len) / OS_PAGE;

	(void)mem;
	if (end <= from)
		return;
	memset(r->room + from, 0, end - from);
	assert_int_equal(madvise(r->area + from * OS_PAGE, (end - from) * OS_PAGE, MADV_REMOVE), 0);
	assert_int_equal(mprotect(r->area + from * OS_PAGE, (end - from) * OS_PAGE, PROT_READ), 0);
}

static uint64_t rooms(const struct rig *r, uint64_t off, uint64_t len)
{
	uint64_t n = 0;

	for (uint64_t i = off / OS_PAGE; i < (off + len) / OS_PAGE; i++)
		n += r->room[i];
	return n * OS_PAGE;
}

static void *shared(uint64_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

/* the map as a process has it that begins */
static void attach(struct rig *r)
{
	struct fdp_map *m = &r->m;

	free(m->ext);
	memset(m, 0, sizeof(*m));
	r->total = 0;
	m->pages = PAGES;
	m->nr_ext = sim_fdp_heap_extents(PAGES);
	m->ext = calloc(m->nr_ext, sizeof(*m->ext));
	m->port = &r->port;
	m->area = r->area;
	m->total = &r->total;
	m->used = (void *)(r->area + HEAD);
	m->page = (void *)(r->area + r->table);
	m->dense = (void *)(r->area + r->dense);
	m->heap = (void *)(r->area + r->heap);
}

static struct rig *new_rig(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->rng = 0x9e3779b97f4a7c15;
	r->table = 2 * HEAD;
	r->dense = r->table + 16384;
	r->heap = r->dense + PAGES * OS_PAGE;
	r->len = r->heap + (uint64_t)sim_fdp_heap_extents(PAGES) * FDP_EXTENT;
	r->area = shared(r->len);
	r->room = shared(r->len / OS_PAGE);
	r->s = shared(sizeof(*r->s));
	assert_int_equal(mprotect(r->area, r->len, PROT_READ), 0);
	r->port = (struct sim_journal_port){ .area_reserve = reserve,
					     .area_punch = punch,
					     .opaque = r };
	reserve(r, r->area, 0, r->table);
	attach(r);
	return r;
}

static void free_rig(struct rig *r)
{
	free(r->m.ext);
	munmap(r->area, r->len);
	munmap(r->room, r->len / OS_PAGE);
	munmap(r->s, sizeof(*r->s));
	free(r);
}

/* ---- what always holds ----------------------------------------------------------------------- */

static uint32_t check_page(const struct rig *r, uint64_t page)
{
	struct fdp_words w = fdp_words(&r->m, page, 0);
	const uint64_t form = fdp_page_counts(&r->m, page) ? r->m.page[page].form : 0;
	const _Atomic uint32_t *word;
	uint32_t n = 0, next = 0;

	for (uint32_t b = 0; (word = fdp_next(&w, &b, FDP_PAGE)); b++) {
		for (; next < b; next++)
			assert_int_equal(r->s->model[page * FDP_PAGE + next], 0);
		if (fdp_unit_of(*word) != r->s->model[page * FDP_PAGE + b])
			fail_msg("block %u of page %u: %u, not %u", b, (unsigned int)page,
				 fdp_unit_of(*word), r->s->model[page * FDP_PAGE + b]);
		next = b + 1;
		n++;
	}
	for (; next < FDP_PAGE; next++)
		assert_int_equal(r->s->model[page * FDP_PAGE + next], 0);
	if (form & FDP_DENSE) {
		assert_int_equal(fdp_n_of(form), n);
		assert_true(n >= FDP_DENSE_LEAST);
	} else if (form) {
		const uint32_t room = sim_fdp_sizes[fdp_size_of(form) - 1] - 1u;

		assert_int_equal(r->m.heap[fdp_place_of(form)], page + 1);
		for (uint32_t i = fdp_n_of(form); i < room; i++)
			assert_int_equal(w.list[i], 0);
		for (uint32_t i = 1; i < w.n; i++)
			assert_true(fdp_block_of(w.list[i]) > fdp_block_of(w.list[i - 1]));
		assert_true(n > FDP_INLINE);
		assert_true(fdp_size_of(form) - 1 <= sim_fdp_heap_size(w.n + w.n / 64));
	}
	assert_int_equal(fdp_page_counts(&r->m, page), n > 0);
	return n;
}

/* extents are full but the last of each size. Return: slots in use */
static uint32_t check_heap(const struct rig *r, uint32_t *begun)
{
	const struct fdp_map *m = &r->m;
	uint64_t spare = m->free ? m->ext[m->free - 1].room : 0;
	uint32_t n = 0;

	for (unsigned int size = 0; size < FDP_SIZES; size++) {
		const uint32_t bytes = sim_fdp_sizes[size] * 4;

		*begun += m->last[size] > 0;
		for (uint32_t ext = m->last[size]; ext; ext = m->ext[ext - 1].prev) {
			const struct fdp_extent *e = &m->ext[ext - 1];
			const uint32_t used = (e->nr * bytes + OS_PAGE - 1) / OS_PAGE;

			assert_int_equal(e->size, size + 1);
			assert_true(e->room >= used);
			if (ext == m->last[size])
				assert_in_range(e->nr, 1, FDP_EXTENT / bytes);
			else
				assert_int_equal(e->nr, FDP_EXTENT / bytes);
			spare += e->room - used;
			n += e->nr;
		}
	}
	assert_int_equal(spare, m->spare);
	return n;
}

static void check(const struct rig *r)
{
	uint64_t words = 0, slots = 0, arrays = 0, most;
	uint32_t begun = 0;

	for (uint64_t page = 0; page < PAGES; page++) {
		words += check_page(r, page);
		if (fdp_page_counts(&r->m, page)) {
			arrays += r->m.page[page].form >> 63;
			slots += fdp_size_of(r->m.page[page].form) > 0;
		}
	}
	assert_int_equal(check_heap(r, &begun), slots);
	assert_int_equal(r->total, r->m.bytes);
	assert_int_equal(rooms(r, r->dense, r->heap - r->dense), arrays * OS_PAGE);
	assert_int_equal(rooms(r, r->dense, r->len - r->dense), r->m.bytes);
	most = words * PER_WORD / 10 + (begun + r->m.spare) * OS_PAGE;
	assert_true(r->m.spare <= FDP_SPARE + (uint64_t)r->m.bytes / (64 * OS_PAGE));
	if ((uint64_t)r->m.bytes > most)
		fail_msg("%lld bytes for %llu words", (long long)r->m.bytes,
			 (unsigned long long)words);
}

/* ---- what is done -----------------------------------------------------------------------------
 */

/* blocks of one page are in unit @to - 1, or (0) in none. Return: 0, or an error of no consequence
 */
static int put(struct rig *r, uint32_t lba, uint32_t n, uint32_t to)
{
	const uint64_t page = lba / FDP_PAGE;
	const uint32_t lo = lba % FDP_PAGE;
	_Atomic uint32_t *word, *run;
	struct fdp_words w;
	bool misfit = false;

	if (to && sim_fdp_words_add(&r->m, page, lo, lo + n)) {
		sim_fdp_words_undo(&r->m, page, lo, lo + n);
		return -1;
	}
	fdp_page_lock(&r->m, page);
	w = fdp_words(&r->m, page, lo);
	run = fdp_run(&w, lo, lo + n);
	if (to) {
		for (uint32_t b = lo; b < lo + n; b++) {
			uint32_t at = b;

			word = fdp_next(&w, &at, lo + n);
			assert_true(word && at == b && (!run || word == run + (b - lo)));
			fdp_set(word, fdp_mapped(to - 1, b % 3));
		}
	} else if (fdp_page_counts(&r->m, page)) {
		misfit = sim_fdp_words_drop(&r->m, page, lo, lo + n);
	}
	fdp_page_unlock(&r->m, page);
	if (misfit)
		sim_fdp_words_fit(&r->m, page, true);
	return 0;
}

static void put_both(struct rig *r, uint32_t lba, uint32_t n, uint32_t to)
{
	if (!put(r, lba, n, to))
		memset(&r->s->model[lba], (int)to, n);
}

/* a piece of a page, mostly short */
static void choose(struct rig *r, uint32_t pages, uint32_t *lba, uint32_t *n)
{
	static const uint32_t most[8] = { 1, 1, 1, 2, 8, 40, 300, FDP_PAGE };
	uint32_t lo;

	*n = 1 + below(r, most[below(r, 8)]);
	lo = below(r, FDP_PAGE - *n + 1);
	*lba = below(r, pages) * (PAGES / pages) * FDP_PAGE + lo;
}

static void start(struct rig *r)
{
	attach(r);
	sim_fdp_words_start(&r->m);
	for (uint64_t page = 0; page < PAGES; page++)
		if (fdp_page_counts(&r->m, page))
			sim_fdp_words_fit(&r->m, page, true);
}

/* pages fill and empty again: which it is, changes now and then */
static void test_random(void **state)
{
	struct rig *r = new_rig();

	(void)state;
	for (uint32_t round = 0; round < 60; round++) {
		const uint32_t pages = 1 + below(r, 12), fill = below(r, 11);

		for (uint32_t i = 0; i < 1500; i++) {
			uint32_t lba, n;

			choose(r, pages, &lba, &n);
			put_both(r, lba, n, below(r, 10) < fill ? 1 + below(r, UNITS) : 0);
			if (i % 100 == 0)
				check(r);
		}
		check(r);
		if (round % 3)
			continue;
		start(r);
		check(r);
	}
	free_rig(r);
}

/* all pages, a block at a time in no order, until they are full, and back */
static void test_all_densities(void **state)
{
	const uint32_t step = 0x9e3779b1;
	struct rig *r = new_rig();
	uint32_t at = 0;

	(void)state;
	for (uint32_t i = 0; i < BLOCKS; i++) {
		at = (uint32_t)(((uint64_t)at + step) % BLOCKS);
		put_both(r, at, 1, 1 + i % UNITS);
		if (i % (BLOCKS / 64) == 0)
			check(r);
	}
	check(r);
	assert_int_equal(r->m.bytes / OS_PAGE - r->m.spare, PAGES);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		at = (uint32_t)(((uint64_t)at + step * 7ull) % BLOCKS);
		put_both(r, at, 1, 0);
		if (i % (BLOCKS / 64) == 0)
			check(r);
		if (i == BLOCKS / 2) {
			start(r);
			check(r);
		}
	}
	check(r);
	for (uint32_t page = 0; page < PAGES; page++)
		put(r, page * FDP_PAGE, 1 + page, 1);
	assert_true(r->m.bytes > 0);
	sim_fdp_words_clear(&r->m);
	assert_int_equal(r->m.bytes, 0);
	assert_int_equal(rooms(r, r->table, r->len - r->table), 0);
	free_rig(r);
}

/* without room nothing changes, and what goes back is enough for what can go on */
static void test_no_room(void **state)
{
	struct rig *r = new_rig();
	uint32_t failed = 0;

	(void)state;
	for (uint32_t i = 0; i < 60000; i++) {
		uint32_t lba, n, to = below(r, 3) ? 1 + below(r, UNITS) : 0;

		choose(r, 9, &lba, &n);
		r->deny = below(r, 3);
		if (put(r, lba, n, to))
			failed++;
		else
			memset(&r->s->model[lba], (int)to, n);
		r->deny = false;
		if (i % 1000 == 0) {
			/* a list that could not be made has to be by now */
			for (uint64_t page = 0; page < PAGES; page++)
				if (fdp_page_counts(&r->m, page))
					sim_fdp_words_fit(&r->m, page, true);
			check(r);
		}
	}
	assert_true(failed > 1000);
	free_rig(r);
}

/* ---- several threads ------------------------------------------------------------------------- */

#define THREADS 4u
#define OWN	8u  /* blocks one after another that are a thread's */
#define SHARED	40u /* pages */

struct worker {
	struct rig *r;
	pthread_t thread;
	uint64_t rng;
	uint32_t index;
};

/* each thread has a quarter of the blocks of all pages, and looks at the others' */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct rig *r = w->r, own = { .rng = w->rng };

	for (uint32_t i = 0; i < 40000; i++) {
		const uint32_t group = below(&own, FDP_PAGE / OWN / THREADS) * THREADS + w->index;
		const uint32_t page = below(&own, SHARED), lo = below(&own, OWN);
		const uint32_t lba = page * FDP_PAGE + group * OWN + lo;
		const uint32_t fill = i / 5000 % 2 ? 8 : 3;

		put_both(r, lba, 1 + below(&own, OWN - lo),
			 below(&own, 10) < fill ? 1 + below(&own, UNITS) : 0);
		fdp_soon(&r->m, below(&own, SHARED * FDP_PAGE), i % 2);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct worker w[THREADS];
	struct rig *r = new_rig();

	(void)state;
	for (uint32_t t = 0; t < THREADS; t++) {
		w[t] = (struct worker){ .r = r, .index = t, .rng = 0x9e3779b97f4a7c15 * (t + 1) };
		assert_int_equal(pthread_create(&w[t].thread, NULL, work, &w[t]), 0);
	}
	for (uint32_t t = 0; t < THREADS; t++)
		pthread_join(w[t].thread, NULL);
	check(r);
	start(r);
	check(r);
	free_rig(r);
}

/* ---- killed anywhere ---------------------------------------------------------------------------
 */

static void go_on_for_ever(struct rig *r)
{
	for (;;) {
		const uint32_t pages = 1 + below(r, 6), fill = below(r, 11);

		for (uint32_t i = 0; i < 300; i++) {
			uint32_t lba, n, to = below(r, 10) < fill ? 1 + below(r, UNITS) : 0;

			choose(r, pages, &lba, &n);
			r->s->lo = lba;
			r->s->hi = lba + n;
			r->s->to = to;
			put(r, lba, n, to);
			memset(&r->s->model[lba], (int)to, n);
			r->s->done++;
		}
	}
}

/* each block has the word that it had, or the one that it was to have; that one it has from now on
 */
static void settle(struct rig *r)
{
	struct shared *s = r->s;

	for (uint32_t lba = s->lo; lba < s->hi; lba++) {
		struct fdp_words w = fdp_words(&r->m, lba / FDP_PAGE, lba % FDP_PAGE);
		uint32_t b = lba % FDP_PAGE;
		const _Atomic uint32_t *word = fdp_next(&w, &b, b + 1);
		const uint32_t is = word ? fdp_unit_of(*word) : 0;

		assert_true(is == s->model[lba] || is == s->to);
		s->model[lba] = (uint8_t)is;
	}
	s->lo = s->hi = 0;
}

static void test_killed(void **state)
{
	struct rig *r = new_rig();

	(void)state;
	for (uint32_t i = 0; i < KILLS; i++) {
		const uint64_t before = r->s->done;
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (!pid) {
			start(r);
			go_on_for_ever(r);
		}
		while (r->s->done < before + 50 + below(r, 3000))
			if (waitpid(pid, &status, WNOHANG) == pid)
				fail_msg("the process has ended by itself: %x", status);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		/* protections are a process's own */
		for (uint64_t p = 0; p < r->len / OS_PAGE; p++)
			mprotect(r->area + p * OS_PAGE, OS_PAGE,
				 r->room[p] ? PROT_READ | PROT_WRITE : PROT_READ);
		start(r);
		settle(r);
		check(r);
	}
	free_rig(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),	cmocka_unit_test(test_all_densities),
		cmocka_unit_test(test_no_room), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
