/* SPDX-License-Identifier: MIT */
/*
 * test_ring.c - trap/ring*.c without a program: rings in plain memory, written here as a program
 * writes them. What is expected is what io_uring(7) and Linux's io_uring do.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../trap/ring.h"

#define SQ 8u
#define CQ 8u

/** struct fx - a ring, and what a program keeps about it */
struct fx {
	struct trap t;
	struct trap_rings rs;
	struct trap_ring *r;
	struct ring_proc proc;
	struct ring_who who;
	uint32_t tail, head;
	uint64_t sq[512], cq[512], sqes[SQ * 128 / 8];
};

static void fx_flags(struct fx *f, uint32_t flags)
{
	memset(f->sq, 0, sizeof(f->sq));
	memset(f->cq, 0, sizeof(f->cq));
	f->r = ring_new(SQ, CQ, flags, f->sq, f->cq, f->sqes);
	assert_non_null(f->r);
	f->r->rs = &f->rs;
	f->tail = f->head = 0;
	for (uint32_t i = 0; i < SQ; i++)
		f->r->sq->array[i] = i;
}

static int setup(void **state)
{
	struct fx *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	pthread_mutex_init(&f->t.lock, NULL);
	pthread_mutex_init(&f->t.files_lock, NULL);
	pthread_mutex_init(&f->rs.timer_lock, NULL);
	f->t.loop = dmn_loop_new();
	assert_non_null(f->t.loop);
	f->rs.t = &f->t;
	f->rs.timer.fd = -1; /* deadlines are never reached here */
	f->rs.armed = UINT64_MAX;
	for (int i = 0; i < RING_THREADS; i++)
		f->rs.batch[i] = ring_batch_new();
	f->proc = (struct ring_proc){ .refs = 1, .tgid = getpid(), .mem = -1 };
	f->who = (struct ring_who){ .tid = gettid(), .proc = &f->proc };
	fx_flags(f, IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fx *f = *state;

	ring_free(f->r);
	assert_int_equal(f->proc.refs, 1);
	for (int i = 0; i < RING_THREADS; i++)
		ring_batch_free(f->rs.batch[i]);
	dmn_loop_free(f->t.loop);
	free(f);
	return 0;
}

static struct io_uring_sqe *sqe(struct fx *f, uint8_t opcode, uint8_t flags, uint64_t data)
{
	struct io_uring_sqe *s =
		(struct io_uring_sqe *)((char *)f->sqes + f->tail++ % SQ * 128);

	memset(s, 0, 128);
	s->opcode = opcode;
	s->flags = flags;
	s->user_data = data;
	atomic_store(&f->r->sq->tail, f->tail);
	return s;
}

/* an operation that always fails: there is no such timeout */
static void failing(struct fx *f, uint8_t flags, uint64_t data)
{
	sqe(f, IORING_OP_TIMEOUT_REMOVE, flags, data)->addr = 12345;
}

static long submit(struct fx *f)
{
	return ring_submit(f->r, &f->who, UINT32_MAX, RING_NOT_HANDED);
}

static unsigned int posted(struct fx *f)
{
	return atomic_load(&f->r->cq->tail) - f->head;
}

static void expect(struct fx *f, uint64_t data, int32_t res)
{
	const struct io_uring_cqe *e;

	assert_true(posted(f) > 0);
	e = (const struct io_uring_cqe *)(f->r->cq->cqes + 32 * (f->head % CQ));
	assert_int_equal(e->user_data, data);
	assert_int_equal(e->res, res);
	atomic_store(&f->r->cq->head, ++f->head);
}

static void test_nop(void **state)
{
	struct fx *f = *state;

	/* several times round both rings, and over the end of the counters */
	f->tail = f->head = f->r->sq_head = f->r->cq_tail = UINT32_MAX - 10;
	f->r->sq->head = f->r->sq->tail = f->r->cq->head = f->r->cq->tail = UINT32_MAX - 10;
	for (uint64_t i = 0; i < 40; i += 4) {
		for (uint64_t j = 0; j < 4; j++)
			sqe(f, IORING_OP_NOP, 0, i + j);
		assert_int_equal(submit(f), 4);
		assert_int_equal(atomic_load(&f->r->sq->head), f->tail);
		for (uint64_t j = 0; j < 4; j++)
			expect(f, i + j, 0);
	}
	assert_int_equal(submit(f), 0);
	assert_int_equal(f->r->nr_used, 0);
	assert_int_equal(f->r->nr_reqs, CQ); /* no more than at once */
}

/* a tail and indices that make no sense */
static void test_corrupt(void **state)
{
	struct fx *f = *state;

	for (unsigned int i = 0; i < SQ; i++)
		sqe(f, IORING_OP_NOP, 0, i);
	atomic_store(&f->r->sq->tail, f->tail + 100000);
	assert_int_equal(submit(f), SQ);
	f->r->sq->array[0] = SQ;
	f->r->sq->array[1] = UINT32_MAX;
	f->tail = f->r->sq_head;
	for (unsigned int i = 0; i < SQ; i++)
		expect(f, i, 0);
	sqe(f, IORING_OP_NOP, 0, 1);
	sqe(f, IORING_OP_NOP, 0, 2);
	assert_int_equal(submit(f), 0);
	assert_int_equal(f->r->sq->dropped, 1);
	assert_int_equal(submit(f), 0);
	assert_int_equal(f->r->sq->dropped, 2);
	assert_int_equal(posted(f), 0);
	assert_int_equal(f->r->nr_used, 0);
}

static void test_refused(void **state)
{
	struct fx *f = *state;

	/* the first error ends the submission, with its own entry taken */
	sqe(f, 200, 0, 1);
	sqe(f, IORING_OP_NOP, 0, 2);
	assert_int_equal(submit(f), 1);
	expect(f, 1, -EINVAL);
	assert_int_equal(submit(f), 1);
	expect(f, 2, 0);
	sqe(f, IORING_OP_NOP, 0x80, 3);
	submit(f);
	expect(f, 3, -EINVAL);
	sqe(f, IORING_OP_NOP, IOSQE_BUFFER_SELECT, 4);
	submit(f);
	expect(f, 4, -EOPNOTSUPP);
	f->r->flags |= IORING_SETUP_SUBMIT_ALL;
	sqe(f, 200, 0, 1);
	sqe(f, IORING_OP_NOP, 0, 2);
	assert_int_equal(submit(f), 2);
	expect(f, 1, -EINVAL);
	expect(f, 2, 0);
}

/* nothing is lost when there is no room, and order stays */
static void test_overflow(void **state)
{
	struct fx *f = *state;

	for (uint64_t i = 0; i < 3 * CQ; i += SQ) {
		for (uint64_t j = 0; j < SQ; j++)
			sqe(f, IORING_OP_NOP, 0, i + j);
		assert_int_equal(submit(f), SQ);
	}
	assert_int_equal(posted(f), CQ);
	assert_int_equal(atomic_load(&f->r->sq->flags), IORING_SQ_CQ_OVERFLOW);
	for (uint64_t i = 0; i < 3 * CQ; i++) {
		if (!posted(f)) {
			pthread_mutex_lock(&f->r->lock);
			ring_flush(f->r);
			pthread_mutex_unlock(&f->r->lock);
		}
		expect(f, i, 0);
	}
	assert_int_equal(posted(f), 0);
	pthread_mutex_lock(&f->r->lock);
	ring_flush(f->r);
	pthread_mutex_unlock(&f->r->lock);
	assert_int_equal(atomic_load(&f->r->sq->flags), 0);
	assert_int_equal(f->r->nr_used, 0);
	/* a head ahead of the tail is no room either */
	atomic_store(&f->r->cq->head, f->head + 5);
	sqe(f, IORING_OP_NOP, 0, 99);
	submit(f);
	assert_int_equal(posted(f), 0);
	atomic_store(&f->r->cq->head, f->head);
	pthread_mutex_lock(&f->r->lock);
	ring_flush(f->r);
	pthread_mutex_unlock(&f->r->lock);
	expect(f, 99, 0);
}

static void test_links(void **state)
{
	struct fx *f = *state;

	/* a failure cancels what is behind it, not the next chain */
	sqe(f, IORING_OP_NOP, IOSQE_IO_LINK, 1);
	failing(f, IOSQE_IO_LINK, 2);
	sqe(f, IORING_OP_NOP, IOSQE_IO_LINK, 3);
	sqe(f, IORING_OP_NOP, 0, 4);
	sqe(f, IORING_OP_NOP, 0, 5);
	assert_int_equal(submit(f), 5);
	expect(f, 1, 0);
	expect(f, 2, -ENOENT);
	expect(f, 3, -ECANCELED);
	expect(f, 4, -ECANCELED);
	expect(f, 5, 0);
	/* a hard link holds */
	failing(f, IOSQE_IO_HARDLINK, 1);
	sqe(f, IORING_OP_NOP, 0, 2);
	submit(f);
	expect(f, 1, -ENOENT);
	expect(f, 2, 0);
	/* but not one put together with an entry that is refused */
	sqe(f, IORING_OP_NOP, IOSQE_IO_HARDLINK, 1);
	sqe(f, 200, IOSQE_IO_HARDLINK, 2);
	sqe(f, IORING_OP_NOP, 0, 3);
	submit(f);
	expect(f, 1, -ECANCELED);
	expect(f, 2, -EINVAL);
	expect(f, 3, -ECANCELED);
	/* a chain ends with the submission */
	sqe(f, IORING_OP_NOP, IOSQE_IO_LINK, 1);
	assert_int_equal(submit(f), 1);
	expect(f, 1, 0);
	assert_int_equal(f->r->nr_used, 0);
	assert_int_equal(f->r->nr_active, 0);
}

static void test_skip(void **state)
{
	struct fx *f = *state;

	sqe(f, IORING_OP_NOP, IOSQE_CQE_SKIP_SUCCESS, 1);
	failing(f, IOSQE_CQE_SKIP_SUCCESS, 2);
	submit(f);
	expect(f, 2, -ENOENT);
	/* the cancelled ones behind a failure that would have been silent are silent */
	failing(f, IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK, 1);
	sqe(f, IORING_OP_NOP, IOSQE_IO_LINK, 2);
	sqe(f, IORING_OP_NOP, 0, 3);
	submit(f);
	expect(f, 1, -ENOENT);
	assert_int_equal(posted(f), 0);
	sqe(f, IORING_OP_NOP, IOSQE_IO_DRAIN, 4);
	submit(f);
	expect(f, 4, -EOPNOTSUPP);
	assert_int_equal(f->r->nr_used, 0);
}

static const struct __kernel_timespec hour = { .tv_sec = 3600 };

static struct io_uring_sqe *timeout(struct fx *f, uint8_t flags, uint64_t data, uint64_t count)
{
	struct io_uring_sqe *s = sqe(f, IORING_OP_TIMEOUT, flags, data);

	s->addr = (uintptr_t)&hour;
	s->len = 1;
	s->off = count;
	return s;
}

static void remove_timeout(struct fx *f, uint64_t data, uint64_t which)
{
	sqe(f, IORING_OP_TIMEOUT_REMOVE, 0, data)->addr = which;
}

static void test_drain(void **state)
{
	struct fx *f = *state;

	timeout(f, 0, 1, 0);
	submit(f);
	sqe(f, IORING_OP_NOP, IOSQE_IO_DRAIN, 2);
	sqe(f, IORING_OP_NOP, 0, 3);
	assert_int_equal(submit(f), 2);
	assert_int_equal(posted(f), 0);
	/* one that could end it waits too */
	remove_timeout(f, 4, 1);
	submit(f);
	assert_int_equal(posted(f), 0);
	struct ring_list ready;

	ring_list_init(&ready);
	pthread_mutex_lock(&f->r->lock);
	assert_non_null(f->r->timers);
	ring_complete(f->r->timers, -ETIME, &ready);
	pthread_mutex_unlock(&f->r->lock);
	ring_run(f->r, &ready);
	expect(f, 1, -ETIME);
	expect(f, 2, 0);
	expect(f, 3, 0);
	expect(f, 4, -ENOENT);
	assert_int_equal(f->r->nr_used, 0);
	assert_int_equal(f->r->drain_left, 0);
}

static void test_count(void **state)
{
	struct fx *f = *state;

	timeout(f, 0, 1, 2);
	timeout(f, 0, 2, 3);
	sqe(f, IORING_OP_NOP, 0, 3);
	assert_int_equal(submit(f), 3);
	expect(f, 3, 0);
	assert_int_equal(posted(f), 0);
	sqe(f, IORING_OP_NOP, 0, 4);
	submit(f);
	expect(f, 4, 0);
	expect(f, 1, 0);
	remove_timeout(f, 5, 2);
	submit(f);
	expect(f, 2, -ECANCELED);
	expect(f, 5, 0);
	assert_int_equal(f->r->nr_counted, 0);
	assert_null(f->r->timers);
}

static void test_cancel(void **state)
{
	struct fx *f = *state;
	struct io_uring_sqe *s;

	timeout(f, IOSQE_IO_LINK, 1, 0);
	sqe(f, IORING_OP_NOP, 0, 2);
	timeout(f, 0, 3, 0);
	submit(f);
	sqe(f, IORING_OP_ASYNC_CANCEL, 0, 4)->addr = 1;
	submit(f);
	expect(f, 1, -ECANCELED);
	expect(f, 2, -ECANCELED);
	expect(f, 4, 0);
	sqe(f, IORING_OP_ASYNC_CANCEL, 0, 5)->addr = 1;
	submit(f);
	expect(f, 5, -ENOENT);
	s = sqe(f, IORING_OP_ASYNC_CANCEL, 0, 6);
	s->cancel_flags = IORING_ASYNC_CANCEL_ANY;
	submit(f);
	expect(f, 3, -ECANCELED);
	expect(f, 6, 1);
}

/* a link timeout ends with what it is for; alone it is nothing */
static void test_link_timeout(void **state)
{
	struct fx *f = *state;
	struct io_uring_sqe *s;

	sqe(f, IORING_OP_NOP, IOSQE_IO_LINK, 1);
	s = sqe(f, IORING_OP_LINK_TIMEOUT, IOSQE_IO_LINK, 2);
	s->addr = (uintptr_t)&hour;
	s->len = 1;
	sqe(f, IORING_OP_NOP, 0, 3);
	assert_int_equal(submit(f), 3);
	expect(f, 1, 0);
	expect(f, 2, -ECANCELED);
	expect(f, 3, 0);
	s = sqe(f, IORING_OP_LINK_TIMEOUT, 0, 4);
	s->addr = (uintptr_t)&hour;
	s->len = 1;
	submit(f);
	expect(f, 4, -EINVAL);
	assert_null(f->r->timers);
	assert_int_equal(f->r->nr_used, 0);
}

static void test_restrict(void **state)
{
	struct fx *f = *state;

	f->r->limits = (struct ring_restrict){ .any = true, .sqe = true };
	f->r->limits.sqe_ops[IORING_OP_NOP / 8] = 1u << IORING_OP_NOP % 8;
	f->r->limits.sqe_allowed = IOSQE_ASYNC;
	f->r->limits.sqe_required = IOSQE_IO_LINK;
	f->r->flags |= IORING_SETUP_SUBMIT_ALL;
	sqe(f, IORING_OP_NOP, 0, 1); /* without what is required */
	sqe(f, IORING_OP_TIMEOUT_REMOVE, IOSQE_IO_LINK, 2);
	sqe(f, IORING_OP_NOP, IOSQE_IO_LINK | IOSQE_IO_DRAIN, 3);
	submit(f);
	for (uint64_t i = 1; i < 4; i++)
		expect(f, i, -EACCES);
	sqe(f, IORING_OP_NOP, IOSQE_IO_LINK | IOSQE_ASYNC, 4);
	submit(f);
	expect(f, 4, 0);
}

/* entries of 64 bytes, of which a big one takes two that follow each other */
static void test_mixed(void **state)
{
	struct fx *f = *state;
	struct io_uring_sqe *s = (struct io_uring_sqe *)f->sqes;

	ring_free(f->r);
	fx_flags(f, IORING_SETUP_SQE_MIXED | IORING_SETUP_CQE32 | IORING_SETUP_SUBMIT_ALL);
	memset(f->sqes, 0, sizeof(f->sqes));
	for (unsigned int i = 0; i < SQ; i++)
		s[i].user_data = i;
	s[1].opcode = RING_OP_NOP128;
	s[7].opcode = RING_OP_NOP128; /* its other half would be around the end */
	f->tail = SQ;
	atomic_store(&f->r->sq->tail, SQ);
	assert_int_equal(submit(f), SQ);
	for (unsigned int i = 0; i < SQ; i++) {
		if (i != 2)
			expect(f, i, i == 7 ? -EINVAL : 0);
	}
	assert_int_equal(posted(f), 0);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nop),	     TEST(test_corrupt), TEST(test_refused),
		TEST(test_overflow), TEST(test_links),	 TEST(test_skip),
		TEST(test_drain),    TEST(test_count),	 TEST(test_cancel),
		TEST(test_link_timeout), TEST(test_restrict), TEST(test_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
