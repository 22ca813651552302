/* SPDX-License-Identifier: MIT */
/*
 * test_blocks.c - which blocks are allocated, which are bad: against a plain model, after restarts
 * and kills, by several threads, and what a huge namespace costs.
 */
#include "media_fx.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define GROUP 32768u /* blocks whose bits are kept together; 3 groups and a bit here */
#define NR (3 * GROUP + 1234)

struct model {
	uint8_t alloc[NR], bad[NR];
};

static uint32_t seed = 1;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static int setup(void **state)
{
	struct fx *fx = fx_new();

	fx_lbaf(fx, fx_ram((uint64_t)NR << 9), 9, 0);
	*state = fx;
	return 0;
}

static int teardown(void **state)
{
	struct fx *fx = *state;

	store_free(fx->p.store);
	fx_free(fx);
	return 0;
}

static void compare(struct fx *fx, const struct model *md)
{
	uint64_t alloc = 0, bad = 0;

	for (uint64_t i = 0; i < NR; i++) {
		alloc += md->alloc[i];
		bad += md->bad[i];
	}
	assert_int_equal(fx->m.blocks.nr_alloc, alloc);
	assert_int_equal(fx->m.blocks.nr_bad, bad);
	/* runs, as a reader of them walks */
	for (unsigned int want = 0; want < 2; want++) {
		for (uint64_t i = 0, n; i < NR; i = n + 1) {
			n = sim_blocks_find_alloc(&fx->m.blocks, i, NR, want);
			for (; i < n; i++)
				assert_int_not_equal(md->alloc[i], want);
			if (n < NR)
				assert_int_equal(md->alloc[n], want);
		}
		for (uint64_t i = 0, n; i < NR; i = n + 1) {
			n = sim_blocks_find_bad(&fx->m.blocks, i, NR, want);
			for (; i < n; i++)
				assert_int_not_equal(md->bad[i], want);
			if (n < NR)
				assert_int_equal(md->bad[n], want);
		}
	}
}

/* all lengths, and often the borders of groups and whole groups */
static void pick(uint64_t *slba, uint64_t *nlb)
{
	switch (rnd() % 4) {
	case 0:
		*slba = rnd() % NR;
		*nlb = rnd() % 3 + 1;
		break;
	case 1:
		*slba = rnd() % 4 * GROUP;
		*nlb = (rnd() % 3 + 1) * GROUP;
		break;
	case 2:
		*slba = rnd() % 3 * GROUP + GROUP - rnd() % 100;
		*nlb = rnd() % 200 + 1;
		break;
	default:
		*slba = rnd() % NR;
		*nlb = rnd() % (2 * GROUP) + 1;
	}
	if (*nlb > NR - *slba)
		*nlb = NR - *slba;
}

static void change(struct fx *fx, struct model *md)
{
	struct sim_blocks *b = &fx->m.blocks;
	uint64_t slba, nlb;

	pick(&slba, &nlb);
	switch (rnd() % 4) {
	case 0:
		assert_int_equal(sim_blocks_set_alloc(b, slba, nlb), 0);
		memset(md->alloc + slba, 1, nlb);
		break;
	case 1:
		assert_int_equal(sim_blocks_clear_alloc(b, slba, nlb), 0);
		memset(md->alloc + slba, 0, nlb);
		break;
	case 2:
		assert_int_equal(sim_blocks_set_bad(b, slba, nlb), 0);
		memset(md->bad + slba, 1, nlb);
		break;
	default:
		sim_blocks_clear_bad(b, slba, nlb);
		memset(md->bad + slba, 0, nlb);
	}
}

static void against_model(struct fx *fx, unsigned int restarts)
{
	struct model *md = calloc(1, sizeof(*md));

	fx_open(fx);
	compare(fx, md);
	for (unsigned int i = 0; i < 300; i++) {
		change(fx, md);
		if (i % 10 == 0)
			compare(fx, md);
		if (restarts && i % (300 / restarts) == 0) {
			fx_close(fx, false);
			store_journal_close(&fx->s.journal);
			fx_journal(fx);
			fx_open(fx);
			compare(fx, md);
		}
	}
	fx_close(fx, true);
	free(md);
}

static void test_model_no_areas(void **state)
{
	struct fx *fx = *state;

	fx->s.journal = (struct sim_journal_port){ 0 };
	against_model(fx, 0);
}

static void test_model_anonymous(void **state)
{
	against_model(*state, 0);
}

static void test_model_restarts(void **state)
{
	struct fx *fx = *state;

	fx_journal(fx);
	against_model(fx, 10);
}

/* another form of blocks, or a medium made anew: what was known is of something else */
static void test_not_the_same(void **state)
{
	struct fx *fx = *state;

	fx_journal(fx);
	fx_open(fx);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, 5, 10), 0);
	assert_int_equal(sim_blocks_set_bad(&fx->m.blocks, 7, 1), 0);
	fx_close(fx, false);
	fx_open(fx); /* the same */
	assert_true(is_alloc(fx, 5));
	assert_true(is_bad(fx, 7));
	fx_close(fx, false);
	fx->p.store->fresh = true;
	fx_open(fx);
	assert_false(fx->p.store->fresh);
	assert_int_equal(fx->m.blocks.nr_alloc, 0);
	assert_int_equal(fx->m.blocks.nr_bad, 0);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, 5, 10), 0);
	fx_close(fx, false);
	fx_lbaf(fx, fx->p.store, 12, 0);
	fx_open(fx); /* the store holds nothing, so nothing is allocated */
	assert_int_equal(fx->m.blocks.nr_alloc, 0);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, 5, 10), 0);
	fx_close(fx, true); /* deleted: the next of this NSID begins afresh */
	fx_open(fx);
	assert_int_equal(fx->m.blocks.nr_alloc, 0);
	fx_close(fx, true);
}

/* a medium that came with contents: what it may hold is allocated, to the block */
static void test_fill(void **state)
{
	static const uint64_t at[] = { 0, 100 << 12, (1 << 20) + (7 << 12), (40 << 20) + 4096 };
	struct fx *fx = *state;
	struct sim_store *st = fx->p.store;
	uint64_t size = st->size;
	char page[4096];

	memset(page, 1, sizeof(page));
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(st->ops->write(st, at[i], page, sizeof(page)), 0);
	st->fresh = false;
	for (uint8_t lbads = 9; lbads <= 16; lbads += 1) {
		uint64_t want = lbads <= 12 ? 4ull * (4096 >> lbads) : lbads == 16 ? 4 : 0;

		fx_lbaf(fx, st, lbads, 0);
		fx_open(fx);
		for (unsigned int i = 0; i < 4; i++)
			assert_true(is_alloc(fx, at[i] >> lbads));
		if (want)
			assert_int_equal(fx->m.blocks.nr_alloc, want);
		assert_false(is_alloc(fx, (20 << 20) >> lbads));
		fx_close(fx, true);
	}
	assert_int_equal(st->size, size);
}

static void test_fill_of_a_file(void **state)
{
	struct fx *fx = *state;
	struct sim_store *st = fx_file(fx, 64 << 20), *ram = fx->p.store;
	char buf[8192];

	assert_true(st->fresh);
	memset(buf, 1, sizeof(buf));
	assert_int_equal(st->ops->write(st, 1 << 20, buf, sizeof(buf)), 0);
	store_free(st);
	st = fx_file(fx, 64 << 20);
	assert_false(st->fresh);
	fx_lbaf(fx, st, 9, 0);
	fx_open(fx);
	assert_true(is_alloc(fx, (1 << 20) >> 9));
	assert_true(is_alloc(fx, ((1 << 20) + 8191) >> 9));
	assert_true(fx->m.blocks.nr_alloc < (4 << 20) >> 9); /* and not much more */
	fx_close(fx, true);
	store_free(st);
	fx_lbaf(fx, ram, 9, 0);
}

/* Format: other blocks, none allocated, none bad, also after a restart and for good */
static void test_reshape(void **state)
{
	struct fx *fx = *state;
	struct sim_store *st = fx->p.store;

	fx_journal(fx);
	fx_open(fx);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, 0, NR), 0);
	assert_int_equal(sim_blocks_clear_alloc(&fx->m.blocks, GROUP + 3, 4), 0);
	assert_int_equal(sim_blocks_set_bad(&fx->m.blocks, 10, 1), 0);
	assert_int_equal(fx->m.blocks.nr_alloc, NR - 4);
	fx_lbaf(fx, st, 9, 8);
	assert_int_equal(sim_media_reshape(&fx->m, &fx->p), 0);
	assert_int_equal(fx->m.blocks.nr_alloc, 0);
	assert_int_equal(fx->m.blocks.nr_bad, 0);
	assert_int_equal(fx->m.nr, fx->p.nr);
	assert_int_equal(fx->m.md_off, fx->p.nr << 9);
	assert_int_equal(sim_blocks_find_alloc(&fx->m.blocks, 0, fx->p.nr, true), fx->p.nr);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, GROUP + 5, 1), 0);
	assert_int_equal(fx->m.blocks.nr_alloc, 1); /* what the page held before is forgotten */
	assert_int_equal(sim_blocks_set_bad(&fx->m.blocks, 9, 1), 0);
	assert_int_equal(fx->m.blocks.nr_bad, 1);
	assert_false(is_bad(fx, 10));
	fx_close(fx, false);
	fx_open(fx);
	assert_int_equal(fx->m.blocks.nr_alloc, 1);
	assert_true(is_alloc(fx, GROUP + 5));
	fx_close(fx, true);
}

/* ---- threads ------------------------------------------------------------------------------ */

#define THREADS 4

struct worker {
	pthread_t thread;
	struct sim_blocks *b;
	unsigned int id;
};

/* every thread has blocks of its own, next to another's, in every word */
static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned int turn = 0; turn < 5; turn++) {
		for (uint64_t i = w->id; i < NR; i += THREADS)
			if (sim_blocks_set_alloc(w->b, i, 1) || sim_blocks_set_bad(w->b, i, 1))
				return (void *)1;
		for (uint64_t i = w->id; i < NR; i += THREADS) {
			sim_blocks_clear_bad(w->b, i, 1);
			if (i % 3 && sim_blocks_clear_alloc(w->b, i, 1))
				return (void *)1;
		}
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct fx *fx = *state;
	struct worker w[THREADS];
	void *ret;

	fx_open(fx);
	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .b = &fx->m.blocks, .id = i };
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, &ret);
		assert_null(ret);
	}
	assert_int_equal(fx->m.blocks.nr_bad, 0);
	assert_int_equal(fx->m.blocks.nr_alloc, (NR + 2) / 3);
	for (uint64_t i = 0; i < NR; i++)
		assert_int_equal(is_alloc(fx, i), i % 3 == 0);
	fx_close(fx, true);
}

/* ---- kill --------------------------------------------------------------------------------- */

/* a child sets one block after the other and says so; killed, all it has said is there */
static void test_kill(void **state)
{
	struct fx *fx = *state;

	/* the RAM of the child is not ours: its states are what is looked at */
	for (unsigned int turn = 0; turn < 8; turn++) {
		int p[2];
		pid_t pid;
		uint64_t said = 0, i, n;

		assert_int_equal(pipe(p), 0);
		pid = fork();
		if (!pid) {
			fx->p.store->fresh = turn == 0;
			fx_journal(fx);
			fx_open(fx);
			for (i = turn * 300; i < NR; i++) {
				if (sim_blocks_set_alloc(&fx->m.blocks, i * 7919 % NR, 1) ||
				    write(p[1], &i, sizeof(i)) != sizeof(i))
					_exit(1);
			}
			_exit(0);
		}
		close(p[1]);
		for (n = 0; n < 300; n++)
			assert_int_equal(read(p[0], &said, sizeof(said)), sizeof(said));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(p[0], &i, sizeof(i)) == sizeof(i))
			said = i;
		close(p[0]);

		fx->p.store->fresh = false;
		fx_journal(fx);
		fx_open(fx);
		for (i = 0; i <= said; i++)
			assert_true(is_alloc(fx, i * 7919 % NR));
		/* the counters were not kept right by anybody */
		for (i = n = 0; i < NR; i++)
			n += is_alloc(fx, i);
		assert_int_equal(n, fx->m.blocks.nr_alloc);
		fx_close(fx, false);
		store_journal_close(&fx->s.journal);
	}
}

/* ---- no room ------------------------------------------------------------------------------ */

static int no_room_after;

static int no_room(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	return no_room_after-- > 0 ? 0 : SIM_ENOSPC;
}

/* a disk with no room for a page of bits: an error, and the states are as they were */
static void test_no_room(void **state)
{
	struct fx *fx = *state;

	fx->s.journal.area_reserve = no_room;
	no_room_after = 3; /* the stage's notes, the summary, one page */
	fx_open(fx);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, 5, 1), 0);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, GROUP + 5, 1), SIM_ENOSPC);
	assert_false(is_alloc(fx, GROUP + 5));
	assert_int_equal(sim_blocks_set_bad(&fx->m.blocks, 5, 1), SIM_ENOSPC);
	assert_false(is_bad(fx, 5));
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, GROUP, GROUP), 0); /* takes none */
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, GROUP + 5, 1), 0); /* as it is */
	assert_int_equal(sim_blocks_clear_alloc(&fx->m.blocks, GROUP + 5, 1), SIM_ENOSPC);
	assert_true(is_alloc(fx, GROUP + 5));
	assert_int_equal(fx->m.blocks.nr_alloc, 1 + GROUP);
	fx_close(fx, true);
}

/* ---- a power cut -------------------------------------------------------------------------- */

static unsigned int syncs;
static int sync_err;

static int count_sync(void *opaque)
{
	syncs++;
	return sync_err;
}

/* a flush makes the states durable if they have changed since the last one, and only then */
static void test_sync(void **state)
{
	struct fx *fx = *state;

	syncs = 0;
	sync_err = 0;
	fx_open(fx);
	assert_int_equal(sim_media_sync(&fx->m), 0); /* nowhere to be durable */
	fx->s.journal.sync = count_sync;
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, 5, 1), 0);
	sync_err = SIM_EIO;
	assert_int_equal(sim_media_sync(&fx->m), SIM_EIO);
	assert_int_equal(sim_media_sync(&fx->m), SIM_EIO);
	sync_err = 0;
	assert_int_equal(sim_media_sync(&fx->m), 0);
	assert_int_equal(syncs, 3);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, 5, 1), 0); /* as it was */
	assert_int_equal(sim_media_sync(&fx->m), 0);
	assert_int_equal(syncs, 3);
	assert_int_equal(sim_blocks_set_bad(&fx->m.blocks, 5, 1), 0);
	assert_int_equal(sim_media_sync(&fx->m), 0);
	sim_blocks_clear_bad(&fx->m.blocks, 5, 1);
	assert_int_equal(sim_media_sync(&fx->m), 0);
	assert_int_equal(sim_blocks_clear_alloc(&fx->m.blocks, 0, NR), 0);
	assert_int_equal(sim_media_sync(&fx->m), 0);
	assert_int_equal(sim_media_reshape(&fx->m, &fx->p), 0);
	assert_int_equal(sim_media_sync(&fx->m), 0);
	assert_int_equal(syncs, 7);
	fx_close(fx, true);
}

/* ---- what it costs ------------------------------------------------------------------------ */

/* a sanitizer's own memory grows with all that is merely reserved */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

static uint64_t rss(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*u %llu", &pages), 1);
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double open_and_close(struct fx *fx)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	fx_open(fx);
	clock_gettime(CLOCK_MONOTONIC, &b);
	fx_close(fx, false);
	return (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
}

static void huge(struct fx *fx)
{
	struct sim_msg msg;
	struct sim_store *st = store_ram_new(8ull << 40, &msg), *old = fx->p.store;
	uint64_t before, nr;
	double ns = 1e18;

	if (!st)
		skip(); /* ThreadSanitizer has taken the addresses */
	fx_lbaf(fx, st, 9, 8);
	nr = fx->p.nr;
	before = rss();
	for (unsigned int i = 0; i < 3; i++) {
		double t = open_and_close(fx);

		ns = t < ns ? t : ns;
	}
	assert_true(SANITIZED || ns < 50e6);
	fx_open(fx);
	assert_int_equal(fx->m.blocks.nr_alloc, 0);
	assert_int_equal(sim_blocks_find_alloc(&fx->m.blocks, 0, nr, true), nr);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, nr - 1, 1), 0);
	assert_int_equal(sim_blocks_set_bad(&fx->m.blocks, nr / 2, 1), 0);
	assert_int_equal(sim_blocks_find_alloc(&fx->m.blocks, 0, nr, true), nr - 1);
	assert_int_equal(sim_blocks_find_bad(&fx->m.blocks, 0, nr, true), nr / 2);
	assert_int_equal(sim_media_zero(&fx->m, &fx->req, 0, nr, true), 0);
	assert_int_equal(fx->m.blocks.nr_alloc, 0);
	assert_true(SANITIZED || rss() - before < 2 << 20);
	fx_close(fx, true);
	store_free(st);
	fx_lbaf(fx, old, 9, 0);
}

static void test_huge_anonymous(void **state)
{
	huge(*state);
}

static void test_huge_file(void **state)
{
	struct fx *fx = *state;

	fx_journal(fx);
	huge(fx);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_model_no_areas),
		TEST(test_model_anonymous),
		TEST(test_model_restarts),
		TEST(test_not_the_same),
		TEST(test_fill),
		TEST(test_fill_of_a_file),
		TEST(test_reshape),
		TEST(test_threads),
		TEST(test_kill),
		TEST(test_sync),
		TEST(test_no_room),
		TEST(test_huge_anonymous),
		TEST(test_huge_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
