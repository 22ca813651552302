/* SPDX-License-Identifier: MIT */
/*
 * test_range.c - claims on blocks: who waits for whom, that nobody waits for ever, and that two
 * commands on the same blocks are never at work at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../core/media/media.h"

#define R SIM_RANGE_READ
#define W SIM_RANGE_WRITE

/* ---- one thread beside ours --------------------------------------------------------------- */

struct other {
	pthread_t thread;
	struct sim_ranges *rs;
	struct sim_range r;
	uint64_t slba, nlb;
	enum sim_range_mode mode;
	_Atomic bool granted, release;
};

static void *other_main(void *arg)
{
	struct other *o = arg;

	sim_range_lock(o->rs, &o->r, o->slba, o->nlb, o->mode);
	atomic_store(&o->granted, true);
	while (!atomic_load(&o->release))
		sched_yield();
	sim_range_unlock(o->rs, &o->r);
	return NULL;
}

static void other_start(struct other *o, struct sim_ranges *rs, uint64_t slba, uint64_t nlb,
			enum sim_range_mode mode)
{
	*o = (struct other){ .rs = rs, .slba = slba, .nlb = nlb, .mode = mode };
	assert_int_equal(pthread_create(&o->thread, NULL, other_main, o), 0);
}

static bool granted_soon(struct other *o)
{
	for (unsigned int i = 0; i < 20; i++) {
		if (atomic_load(&o->granted))
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return false;
}

static void granted_now(struct other *o)
{
	while (!atomic_load(&o->granted))
		sched_yield();
}

static void other_end(struct other *o)
{
	atomic_store(&o->release, true);
	pthread_join(o->thread, NULL);
}

/* which pairs of claims follow one another, and which do not */
static void test_pairs(void **state)
{
	static const struct {
		uint64_t slba, nlb;
		enum sim_range_mode mode, mine;
		bool waits;
	} pair[] = {
		/* ours is [100, 110) */
		{ 100, 10, R, R, false },     { 100, 10, W, R, true },	{ 100, 10, R, W, true },
		{ 100, 10, W, W, true },      { 90, 10, W, W, false },	{ 110, 10, W, W, false },
		{ 90, 11, W, R, true },	      { 109, 1, W, R, true },	{ 109, 50, R, W, true },
		{ 0, 1000, W, R, true },      { 104, 2, W, W, true },	{ 0, 100, W, R, false },
		{ UINT64_MAX - 5, 5, W, W, false },
	};
	struct sim_ranges rs = { 0 };

	for (unsigned int i = 0; i < sizeof(pair) / sizeof(pair[0]); i++) {
		struct sim_range r;
		struct other o;

		sim_range_lock(&rs, &r, 100, 10, pair[i].mine);
		other_start(&o, &rs, pair[i].slba, pair[i].nlb, pair[i].mode);
		if (pair[i].waits)
			assert_false(granted_soon(&o));
		else
			granted_now(&o);
		sim_range_unlock(&rs, &r);
		granted_now(&o);
		other_end(&o);
		assert_true(sim_ranges_idle(&rs));
	}
}

/* a writer that waits is not overtaken by readers that come later; others pass it */
static void test_writer_is_not_starved(void **state)
{
	struct sim_ranges rs = { 0 };
	struct other writer, reader, aside;
	struct sim_range r;

	sim_range_lock(&rs, &r, 0, 10, R);
	other_start(&writer, &rs, 5, 10, W);
	assert_false(granted_soon(&writer));
	other_start(&reader, &rs, 9, 3, R);
	assert_false(granted_soon(&reader));
	other_start(&aside, &rs, 15, 10, R);
	granted_now(&aside);
	sim_range_unlock(&rs, &r);
	granted_now(&writer);
	assert_false(granted_soon(&reader));
	other_end(&writer);
	granted_now(&reader);
	other_end(&reader);
	other_end(&aside);
	assert_true(sim_ranges_idle(&rs));
}

/* two claims of one call do not wait for each other, whatever they are */
static void test_two_of_one_call(void **state)
{
	struct sim_ranges rs = { 0 };
	struct sim_range a, b;
	struct other o;

	sim_range_lock2(&rs, &a, 0, 10, R, &rs, &b, 5, 10, R);
	other_start(&o, &rs, 9, 1, R);
	granted_now(&o);
	other_end(&o);
	sim_range_unlock(&rs, &a);
	sim_range_unlock(&rs, &b);
	sim_range_lock2(&rs, &a, 0, 10, R, &rs, &b, 20, 10, W);
	other_start(&o, &rs, 9, 12, R);
	assert_false(granted_soon(&o));
	sim_range_unlock(&rs, &b);
	granted_now(&o);
	sim_range_unlock(&rs, &a);
	other_end(&o);
	assert_true(sim_ranges_idle(&rs));
}

/* a claim beside one's own is made at once or not at all, whoever waits for the other */
static void test_try(void **state)
{
	struct sim_ranges rs = { 0 };
	struct sim_range mine, more;
	struct other o, waits;

	sim_range_lock(&rs, &mine, 10, 10, W);
	assert_true(sim_range_try(&rs, &more, 0, 100000, SIM_RANGE_WRITE, &mine));
	other_start(&o, &rs, 90000, 10, R);
	assert_false(granted_soon(&o)); /* it is a claim as any other */
	sim_range_unlock(&rs, &more);
	granted_now(&o);
	assert_false(sim_range_try(&rs, &more, 0, 100000, SIM_RANGE_WRITE, &mine));
	assert_true(sim_range_try(&rs, &more, 0, 90000, SIM_RANGE_WRITE, &mine));
	sim_range_unlock(&rs, &more);
	/* somebody who waits for ours is in the way as well */
	other_start(&waits, &rs, 15, 20, W);
	assert_false(granted_soon(&waits));
	assert_false(sim_range_try(&rs, &more, 0, 90000, SIM_RANGE_WRITE, &mine));
	assert_false(granted_soon(&waits));
	sim_range_unlock(&rs, &mine);
	granted_now(&waits);
	other_end(&waits);
	other_end(&o);
	assert_true(sim_ranges_idle(&rs));
}

/* ---- many threads ------------------------------------------------------------------------- */

#define BLOCKS 64
#define SPREAD 300u /* logical blocks of each: claims reach into several regions, and shards */
#define SPACES 3
#define THREADS 6
#define TURNS 4000

/* what the claims are to keep whole: plain words, so that a race is one */
struct space {
	struct sim_ranges rs;
	uint32_t word[BLOCKS];
	_Atomic uint32_t readers[BLOCKS], writers[BLOCKS];
};

struct hammer {
	pthread_t thread;
	struct space *space; /* SPACES of them */
	uint32_t seed, id;
	unsigned int bad;
};

static uint32_t next(struct hammer *h)
{
	h->seed ^= h->seed << 13;
	h->seed ^= h->seed >> 17;
	h->seed ^= h->seed << 5;
	return h->seed;
}

static void begin(struct hammer *h, struct space *s, const struct sim_range *r)
{
	bool write = r->mode == W;

	for (uint64_t b = r->slba / SPREAD; b < (r->slba + r->nlb) / SPREAD; b++) {
		if (write) {
			h->bad += atomic_fetch_add(&s->writers[b], 1) != 0;
			h->bad += atomic_load(&s->readers[b]) != 0;
		} else {
			atomic_fetch_add(&s->readers[b], 1);
			h->bad += atomic_load(&s->writers[b]) != 0;
		}
	}
	if (write)
		for (uint64_t b = r->slba / SPREAD; b < (r->slba + r->nlb) / SPREAD; b++)
			s->word[b] = h->id;
}

static void end(struct hammer *h, struct space *s, const struct sim_range *r)
{
	bool write = r->mode == W;

	for (uint64_t b = r->slba / SPREAD; b < (r->slba + r->nlb) / SPREAD; b++) {
		if (write)
			h->bad += s->word[b] != h->id;
		else
			h->bad += s->word[b] > THREADS;
		if (write)
			atomic_fetch_sub(&s->writers[b], 1);
		else
			atomic_fetch_sub(&s->readers[b], 1);
	}
}

static void pick(struct hammer *h, uint64_t *slba, uint64_t *nlb)
{
	*nlb = next(h) % 8 + 1;
	*slba = next(h) % (BLOCKS - *nlb + 1);
}

static void one_claim(struct hammer *h)
{
	struct space *s = &h->space[next(h) % SPACES];
	struct sim_range r;
	uint64_t slba, nlb;

	pick(h, &slba, &nlb);
	sim_range_lock(&s->rs, &r, slba * SPREAD, nlb * SPREAD, next(h) % 2 ? R : W);
	begin(h, s, &r);
	if (next(h) % 16 == 0)
		sched_yield();
	end(h, s, &r);
	sim_range_unlock(&s->rs, &r);
}

/* as a copy does: one to read, one to write, anywhere, not meeting */
static void two_claims(struct hammer *h)
{
	struct space *a = &h->space[next(h) % SPACES], *b = &h->space[next(h) % SPACES];
	struct sim_range ra, rb;
	uint64_t sa, na, sb, nb;

	do {
		pick(h, &sa, &na);
		pick(h, &sb, &nb);
	} while (a == b && sa < sb + nb && sb < sa + na);
	sim_range_lock2(&a->rs, &ra, sa * SPREAD, na * SPREAD, R, &b->rs, &rb, sb * SPREAD,
			nb * SPREAD, W);
	begin(h, a, &ra);
	begin(h, b, &rb);
	end(h, b, &rb);
	end(h, a, &ra);
	sim_range_unlock(&a->rs, &ra);
	sim_range_unlock(&b->rs, &rb);
}

/* a command that reads many ranges of all namespaces, and may read a block twice */
static void many_claims(struct hammer *h)
{
	struct sim_range r[8], *p[8];

	for (unsigned int i = 0; i < 8; i++) {
		p[i] = &r[i];
		r[i].rs = &h->space[next(h) % SPACES].rs;
		r[i].mode = R;
		pick(h, &r[i].slba, &r[i].nlb);
		r[i].slba *= SPREAD;
		r[i].nlb *= SPREAD;
	}
	sim_range_lock_all(p, 8);
	for (unsigned int i = 0; i < 8; i++)
		begin(h, (struct space *)r[i].rs, &r[i]);
	for (unsigned int i = 0; i < 8; i++)
		end(h, (struct space *)r[i].rs, &r[i]);
	sim_range_unlock_all(p, 8);
}

static void *hammer_main(void *arg)
{
	struct hammer *h = arg;

	for (unsigned int i = 0; i < TURNS; i++) {
		switch (next(h) % 4) {
		case 0:
			two_claims(h);
			break;
		case 1:
			many_claims(h);
			break;
		default:
			one_claim(h);
		}
	}
	return NULL;
}

static void test_hammer(void **state)
{
	struct space *space = calloc(SPACES, sizeof(*space));
	struct hammer h[THREADS];

	for (uint32_t i = 0; i < THREADS; i++) {
		h[i] = (struct hammer){ .space = space, .seed = 77 * (i + 1), .id = i + 1 };
		assert_int_equal(pthread_create(&h[i].thread, NULL, hammer_main, &h[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(h[i].thread, NULL);
		assert_int_equal(h[i].bad, 0);
	}
	for (unsigned int i = 0; i < SPACES; i++)
		assert_true(sim_ranges_idle(&space[i].rs));
	free(space);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_writer_is_not_starved),
		cmocka_unit_test(test_two_of_one_call),
		cmocka_unit_test(test_try),
		cmocka_unit_test(test_hammer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
