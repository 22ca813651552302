/* SPDX-License-Identifier: MIT */
/*
 * test_queue.c - queues: creating, deleting, doorbells, wrapping, full completion queues, threads.
 */
#include <pthread.h>
#include <sched.h>

#include "drv.h"
#include "slow_store.h"

#define DELETE_SQ 0x00
#define CREATE_SQ 0x01
#define DELETE_CQ 0x04
#define CREATE_CQ 0x05
#define KEEP_ALIVE 0x18

static uint16_t queue_cmd(struct drv *d, uint8_t opcode, uint32_t cdw10, uint32_t cdw11,
			  uint64_t prp1)
{
	struct drv_cmd cmd = { .dw = { [0] = opcode, [10] = cdw10, [11] = cdw11 } };

	cmd.dw[6] = (uint32_t)prp1;
	cmd.dw[7] = (uint32_t)(prp1 >> 32);
	return drv_exec(d, &d->admin, &cmd, NULL);
}

/* NVMe Base 2.1, 5.2.1 */
static void test_create_cq(void **state)
{
	struct drv *d = drv_new(NULL);
	uint64_t mem = drv_alloc(d, 64 << 10);
	const uint32_t size = 63u << 16;

	drv_enable(d);
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 0, 1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 65, 1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 0xffff, 1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_CQ, 0u << 16 | 1, 1, mem), 0x102);
	assert_int_equal(queue_cmd(d, CREATE_CQ, 0x800u << 16 | 1, 1, mem), 0x102); /* > MQES */
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 1, 1, mem + 8), 0x013);
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 1, 0, mem), 0x002); /* PC: CAP.CQR */
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 1, 65u << 16 | 1, mem), 0x108);
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 1, 64u << 16 | 1, mem), 0);
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 1, 1, mem), 0x101); /* in use */
	assert_int_equal(queue_cmd(d, CREATE_CQ, 0x7ffu << 16 | 64, 1, mem), 0); /* the largest */

	sim_cfg_write(d->fn, 0x42, 2, 0); /* the pin is one vector */
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 2, 1u << 16 | 1, mem), 0x108);
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 2, 1, mem), 0);

	/* an entry size the host never chose */
	drv_disable(d);
	drv_w32(d, 0x14, 1 | 6u << 16);
	d->admin.sq_tail = d->admin.cq_head = 0;
	d->admin.phase = 1;
	memset(drv_ptr(d, d->admin.cq_iova), 0, 32 * 16);
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 1, 1, mem), 0x102);
	drv_free(d);
}

/* NVMe Base 2.1, 5.2.2 */
static void test_create_sq(void **state)
{
	struct drv *d = drv_new(NULL);
	uint64_t mem = drv_alloc(d, 64 << 10), cqm = drv_alloc(d, 4096);
	const uint32_t size = 63u << 16, cq1 = 1u << 16 | 1;

	drv_enable(d);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 1, cq1, mem), 0x100); /* no such CQ */
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | 1, 1, cqm), 0);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 1, 0u << 16 | 1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 1, 65u << 16 | 1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 0, cq1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 65, cq1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_SQ, 0u << 16 | 1, cq1, mem), 0x102);
	assert_int_equal(queue_cmd(d, CREATE_SQ, 0x800u << 16 | 1, cq1, mem), 0x102);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 1, cq1, mem + 64), 0x013);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 1, 1u << 16, mem), 0x002);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 1, cq1, mem), 0);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 1, cq1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | 64, cq1 | 3 << 1, mem), 0);
	drv_free(d);
}

/* feature 07h says how many queues there may be */
static void test_allocated(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x07, [11] = 1u << 16 | 2 } };
	uint64_t mem = drv_alloc(d, 4096);
	const uint32_t size = 63u << 16;
	uint32_t nr_sq, nr_cq;
	struct drv_cqe cqe;

	drv_enable(d);
	assert_int_equal(drv_admin(d, &cmd, 0, 0, &cqe), 0);
	nr_sq = (cqe.dw0 & 0xffff) + 1;
	nr_cq = (cqe.dw0 >> 16) + 1;
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | (nr_cq + 1), 1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_CQ, size | nr_cq, 1, mem), 0);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | (nr_sq + 1), nr_cq << 16 | 1, mem), 0x101);
	assert_int_equal(queue_cmd(d, CREATE_SQ, size | nr_sq, nr_cq << 16 | 1, mem), 0);
	assert_int_equal(drv_admin(d, &cmd, 0, 0, NULL), 0x00c); /* too late to change it */
	drv_free(d);
}

static void test_delete(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_queue q2;

	drv_start(d);
	drv_create_queue(d, &q2, 2, 16);
	assert_int_equal(queue_cmd(d, DELETE_SQ, 0, 0, 0), 0x101);
	assert_int_equal(queue_cmd(d, DELETE_SQ, 3, 0, 0), 0x101);
	assert_int_equal(queue_cmd(d, DELETE_SQ, 0xffff, 0, 0), 0x101);
	assert_int_equal(queue_cmd(d, DELETE_CQ, 0, 0, 0), 0x101);
	assert_int_equal(queue_cmd(d, DELETE_CQ, 3, 0, 0), 0x101);
	assert_int_equal(queue_cmd(d, DELETE_CQ, 0xffff, 0, 0), 0x101);
	assert_int_equal(queue_cmd(d, DELETE_CQ, 1, 0, 0), 0x10c); /* in use */
	assert_int_equal(queue_cmd(d, DELETE_SQ, 1, 0, 0), 0);
	assert_int_equal(queue_cmd(d, DELETE_SQ, 1, 0, 0), 0x101);
	assert_int_equal(queue_cmd(d, DELETE_CQ, 1, 0, 0), 0);
	assert_int_equal(queue_cmd(d, DELETE_CQ, 1, 0, 0), 0x101);
	drv_create_queue(d, &d->io, 1, 8);
	drv_free(d);
}

static void fill_read(struct drv_cmd *cmd, uint64_t buf, uint64_t slba)
{
	*cmd = (struct drv_cmd){ .dw = { [0] = 0x02, [1] = 1, [6] = (uint32_t)buf,
					 [7] = (uint32_t)(buf >> 32), [10] = (uint32_t)slba } };
}

/* many times around rings of two entries and more, through mapped queues and by transfers */
static void check_wrap(bool no_map)
{
	static const uint16_t sizes[] = { 2, 3, 7, 64, 2048 };
	struct drv_params p;
	struct drv *d;
	uint64_t buf;

	drv_params(&p);
	p.no_map = no_map;
	d = drv_new(&p);
	drv_enable(d);
	buf = drv_alloc(d, 4096);
	for (uint16_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct drv_queue q;
		struct drv_cmd cmd;
		struct drv_cqe cqe;

		drv_create_queue(d, &q, i + 1, sizes[i]);
		fill_read(&cmd, buf, 0);
		for (unsigned int n = 0; n < 3u * sizes[i] + 1; n++) {
			assert_int_equal(drv_exec(d, &q, &cmd, &cqe), 0);
			assert_int_equal(cqe.sqhd, (n + 1) % sizes[i]);
		}
		assert_int_equal(d->irqs[i + 1], 3u * sizes[i] + 1);
	}
	drv_free(d);
}

static void test_wrap(void **state)
{
	check_wrap(false);
	check_wrap(true);
}

/*
 * A completion queue the host does not empty: completions wait, in order, none is lost, other
 * queues go on, and there is never one more than fits.
 */
static void test_full_cq(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_queue small, other;
	uint64_t buf = drv_alloc(d, 4096);
	struct drv_cmd cmd;
	struct drv_cqe cqe;
	uint16_t first = 0, cid;

	drv_enable(d);
	/* a completion queue of 4 entries for a submission queue of 64 */
	drv_create_queue(d, &small, 1, 4);
	assert_int_equal(queue_cmd(d, DELETE_SQ, 1, 0, 0), 0);
	small.sq_iova = drv_alloc(d, 4096);
	small.size = 64;
	small.cq_size = 4;
	assert_int_equal(queue_cmd(d, CREATE_SQ, 63u << 16 | 1, 1u << 16 | 1, small.sq_iova), 0);
	drv_create_queue(d, &other, 2, 4);

	for (unsigned int round = 0; round < 5; round++) {
		for (unsigned int i = 0; i < 50; i++) {
			fill_read(&cmd, buf, 0);
			cid = drv_submit(d, &small, &cmd);
			if (!i)
				first = cid;
		}
		assert_int_equal(d->irqs[1], round * 50 + 3); /* what fits */
		assert_int_equal(drv_exec(d, &other, &cmd, NULL), 0);
		for (unsigned int i = 0; i < 50; i++) {
			assert_true(drv_poll(d, &small, &cqe));
			assert_int_equal(cqe.cid, (uint16_t)(first + i));
			assert_int_equal(cqe.status, 0);
		}
		assert_false(drv_poll(d, &small, &cqe));
	}

	/* with completions waiting, the queues may be deleted, and the controller reset */
	for (unsigned int i = 0; i < 10; i++)
		drv_submit(d, &small, &cmd);
	assert_int_equal(queue_cmd(d, DELETE_SQ, 1, 0, 0), 0);
	for (unsigned int i = 0; i < 5; i++)
		assert_true(drv_poll(d, &small, &cqe)); /* they still come */
	assert_int_equal(queue_cmd(d, DELETE_CQ, 1, 0, 0), 0);
	for (unsigned int i = 0; i < 6; i++)
		drv_submit(d, &other, &cmd);
	drv_disable(d);
	drv_free(d);
}

/* more commands outstanding than a queue has entries: it stops fetching, and goes on by itself */
static void test_starved(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_queue q;
	uint64_t buf = drv_alloc(d, 4096);
	struct drv_cmd cmd;
	struct drv_cqe cqe;

	drv_enable(d);
	drv_create_queue(d, &q, 1, 4);
	fill_read(&cmd, buf, 0);
	/* three completions fit, four wait, three commands stay where they are */
	for (unsigned int i = 0; i < 10; i++)
		drv_submit(d, &q, &cmd);
	for (unsigned int i = 0; i < 10; i++) {
		assert_true(drv_poll(d, &q, &cqe));
		assert_int_equal(cqe.status, 0);
	}
	assert_false(drv_poll(d, &q, &cqe));
	assert_int_equal(drv_exec(d, &q, &cmd, NULL), 0);
	drv_free(d);
}

static void test_shared_cq(void **state)
{
	struct drv *d = drv_new(NULL);
	uint64_t buf = drv_alloc(d, 4096);
	struct drv_queue a, b;
	struct drv_cmd cmd;
	struct drv_cqe cqe;

	drv_enable(d);
	drv_create_queue(d, &a, 1, 16);
	b = (struct drv_queue){ .qid = 2, .size = 16, .sq_iova = drv_alloc(d, 4096) };
	assert_int_equal(queue_cmd(d, CREATE_SQ, 15u << 16 | 2, 1u << 16 | 1, b.sq_iova), 0);
	for (unsigned int i = 0; i < 40; i++) {
		fill_read(&cmd, buf, 0);
		drv_submit(d, i % 3 ? &a : &b, &cmd);
		assert_true(drv_poll(d, &a, &cqe));
		assert_int_equal(cqe.sqid, i % 3 ? 1 : 2);
	}
	assert_int_equal(queue_cmd(d, DELETE_SQ, 1, 0, 0), 0);
	assert_int_equal(queue_cmd(d, DELETE_CQ, 1, 0, 0), 0x10c); /* queue 2 has it */
	assert_int_equal(queue_cmd(d, DELETE_SQ, 2, 0, 0), 0);
	assert_int_equal(queue_cmd(d, DELETE_CQ, 1, 0, 0), 0);
	drv_free(d);
}

/* IEN = 0: completions, but no messages */
static void test_no_interrupt(void **state)
{
	struct drv *d = drv_new(NULL);
	uint64_t buf = drv_alloc(d, 4096);
	struct drv_queue q = { .qid = 1, .size = 16, .phase = 1 };
	struct drv_cmd cmd;

	drv_enable(d);
	q.sq_iova = drv_alloc(d, 4096);
	q.cq_iova = drv_alloc(d, 4096);
	assert_int_equal(queue_cmd(d, CREATE_CQ, 15u << 16 | 1, 7u << 16 | 1, q.cq_iova), 0);
	assert_int_equal(queue_cmd(d, CREATE_SQ, 15u << 16 | 1, 1u << 16 | 1, q.sq_iova), 0);
	fill_read(&cmd, buf, 0);
	assert_int_equal(drv_exec(d, &q, &cmd, NULL), 0);
	assert_int_equal(d->irqs[7], 0);
	drv_free(d);
}

/* ---- doorbells ------------------------------------------------------------------------------ */

/* the one event a bad doorbell causes: type error, log page 01h, @info */
static void expect_event(struct drv *d, uint8_t info)
{
	struct drv_cmd aer = { .dw = { [0] = 0x0c } };
	struct drv_cmd log = { .dw = { [0] = 0x02, [10] = 15u << 16 | 0x01 } };
	uint64_t buf = drv_alloc(d, 4096);
	struct drv_cqe cqe;

	drv_submit(d, &d->admin, &aer);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.status, 0);
	assert_int_equal(cqe.dw0, 0x010000 | (uint32_t)info << 8);
	assert_int_equal(drv_admin(d, &log, buf, 64, NULL), 0); /* and there is something to read */
	assert_int_equal(*(uint16_t *)((uint8_t *)drv_ptr(d, buf) + 8), 0xffff); /* no command's */
}

static void test_bad_doorbells(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = KEEP_ALIVE } };

	drv_start(d);
	drv_w32(d, 0x1000 + 2 * 8, 1); /* queue 2 was never made */
	expect_event(d, 0);
	drv_w32(d, 0x1000 + 2 * 8 + 4, 1);
	expect_event(d, 0);
	drv_w32(d, 0x1000 + 65 * 8, 1); /* queue 65 cannot be */
	expect_event(d, 0);
	drv_w32(d, 0x1000 + 8, 64); /* past the queue's end */
	expect_event(d, 1);
	drv_w32(d, 0x1000 + 8, 0xffff);
	expect_event(d, 1);
	drv_w32(d, 0x1000 + 12, 64);
	expect_event(d, 1);
	drv_w32(d, 0x1000 + 12, 1); /* takes a completion that was never posted */
	expect_event(d, 1);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0);
	assert_int_equal(drv_r32(d, 0x1c), 1);
	drv_free(d);
}

/* an unreachable queue is what CSTS.CFS is for */
static void test_unreachable(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd;
	struct drv_cqe cqe;

	drv_enable(d);
	assert_int_equal(queue_cmd(d, CREATE_CQ, 15u << 16 | 1, 1, 0x1000), 0);
	assert_int_equal(queue_cmd(d, CREATE_SQ, 15u << 16 | 1, 1u << 16 | 1, 0x2000), 0);
	drv_w32(d, 0x1008, 1);
	assert_int_equal(drv_r32(d, 0x1c), 2);
	drv_disable(d);

	/* entries can be fetched, completions not written */
	drv_enable(d);
	assert_int_equal(queue_cmd(d, CREATE_CQ, 15u << 16 | 1, 1, 0x1000), 0);
	d->io = (struct drv_queue){ .qid = 1, .size = 16, .sq_iova = drv_alloc(d, 4096) };
	d->io.cq_iova = drv_alloc(d, 4096);
	d->io.phase = 1;
	assert_int_equal(queue_cmd(d, CREATE_SQ, 15u << 16 | 1, 1u << 16 | 1, d->io.sq_iova), 0);
	fill_read(&cmd, drv_alloc(d, 4096), 0);
	drv_submit(d, &d->io, &cmd);
	assert_int_equal(drv_r32(d, 0x1c), 2);
	cmd.dw[0] = KEEP_ALIVE;
	drv_submit(d, &d->admin, &cmd);
	assert_false(drv_poll(d, &d->admin, &cqe));
	drv_disable(d);
	drv_start(d);
	drv_free(d);
}

/* ---- pending commands ----------------------------------------------------------------------- */

static void test_delete_with_pending(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	struct drv_cmd flush = { .dw = { [0] = 0x00, [1] = 1 } };
	struct drv_cqe cqe;
	uint16_t cid[3];

	drv_start(d);
	for (unsigned int i = 0; i < 3; i++)
		cid[i] = drv_submit(d, &d->io, &flush);
	assert_false(drv_poll(d, &d->io, &cqe));
	assert_int_equal(queue_cmd(d, DELETE_SQ, 1, 0, 0), 0);
	for (unsigned int i = 0, seen = 0; i < 3; i++) {
		assert_true(drv_poll(d, &d->io, &cqe));
		assert_int_equal(cqe.status & 0x7ff, 0x008);
		for (unsigned int j = 0; j < 3; j++)
			if (cqe.cid == cid[j] && !(seen >> j & 1)) {
				seen |= 1u << j;
				break;
			}
		assert_int_equal(__builtin_popcount(seen), i + 1);
	}
	slow_finish(s); /* nobody waits for them any more */
	assert_false(drv_poll(d, &d->io, &cqe));
	assert_int_equal(queue_cmd(d, DELETE_CQ, 1, 0, 0), 0);
	drv_free(d);
	slow_free(s);
}

/* more flushes than there are requests: the queue waits and goes on by itself */
static void test_many_pending(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	struct drv_cmd flush = { .dw = { [0] = 0x00, [1] = 1 } };
	struct drv_queue q;
	struct drv_cqe cqe;
	unsigned int done = 0;

	drv_enable(d);
	drv_create_queue(d, &q, 1, 4);
	for (unsigned int i = 0; i < 7; i++)
		drv_submit(d, &q, &flush); /* four begin, three stay in the ring */
	assert_int_equal(s->n, 4);
	for (unsigned int i = 0; i < 4 && done < 7; i++) {
		slow_finish(s);
		while (drv_poll(d, &q, &cqe)) {
			assert_int_equal(cqe.status, 0);
			done++;
		}
	}
	assert_int_equal(done, 7);
	assert_int_equal(s->flushes, 7);
	drv_free(d);
	slow_free(s);
}

/* ---- threads -------------------------------------------------------------------------------- */

#define THREADS 4
#define PER_THREAD 20000

struct worker {
	struct drv *d;
	struct drv_queue q;
	uint64_t buf;
	pthread_mutex_t *lock; /* of a queue that is shared; then q is *shared */
	struct drv_queue *shared;
	unsigned int done;
	pthread_t thread;
};

static void *own_queue(void *arg)
{
	struct worker *w = arg;
	struct drv_cqe cqe;
	struct drv_cmd cmd;

	while (w->done < PER_THREAD) {
		unsigned int n = 1 + w->done % 5;

		for (unsigned int i = 0; i < n; i++) {
			fill_read(&cmd, w->buf, w->done % 64);
			drv_submit(w->d, &w->q, &cmd);
		}
		for (unsigned int i = 0; i < n; i++) {
			while (!drv_poll(w->d, &w->q, &cqe))
				;
			if (cqe.status)
				return NULL;
			w->done++;
		}
	}
	return NULL;
}

static void *admin_noise(void *arg)
{
	struct worker *w = arg;
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x01, [11] = 3 } }; /* exclusive */

	for (w->done = 0; w->done < 500; w->done++)
		if (drv_exec(w->d, &w->d->admin, &cmd, NULL))
			return NULL;
	return NULL;
}

static void test_threads(void **state)
{
	struct drv *d = drv_new(NULL);
	struct worker w[THREADS + 1] = { 0 };

	drv_enable(d);
	for (unsigned int i = 0; i < THREADS; i++) {
		w[i].d = d;
		w[i].buf = drv_alloc(d, 4096);
		drv_create_queue(d, &w[i].q, (uint16_t)(i + 1), 16);
	}
	w[THREADS].d = d;
	for (unsigned int i = 0; i <= THREADS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL,
						i < THREADS ? own_queue : admin_noise, &w[i]), 0);
	for (unsigned int i = 0; i <= THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_true(w[i].done >= (i < THREADS ? PER_THREAD : 500));
	}
	drv_free(d);
}

/* one queue, many threads: entry and doorbell in order, whoever runs it */
static void *share_queue(void *arg)
{
	struct worker *w = arg;
	struct drv_cqe cqe;
	struct drv_cmd cmd;

	for (;;) {
		bool sent = false, got;

		pthread_mutex_lock(w->lock);
		if (w->done < PER_THREAD / 4) {
			fill_read(&cmd, w->buf, 0);
			drv_submit(w->d, w->shared, &cmd);
			sent = true;
			w->done++;
		}
		got = drv_poll(w->d, w->shared, &cqe);
		pthread_mutex_unlock(w->lock);
		if (got && cqe.status)
			return (void *)1;
		if (!sent)
			return NULL;
	}
}

static void test_shared_queue(void **state)
{
	struct drv *d = drv_new(NULL);
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct worker w[THREADS] = { 0 };
	uint64_t buf = drv_alloc(d, 4096);
	void *bad;

	drv_start(d);
	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .d = d, .buf = buf, .lock = &lock, .shared = &d->io };
		pthread_create(&w[i].thread, NULL, share_queue, &w[i]);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, &bad);
		assert_null(bad);
	}
	drv_free(d);
}

/* queues are run while the controller is reset under them, again and again */
static void *ring_blindly(void *arg)
{
	struct worker *w = arg;
	struct drv_cmd cmd;

	fill_read(&cmd, w->buf, 0);
	while (!__atomic_load_n(&w->done, __ATOMIC_RELAXED)) {
		drv_submit(w->d, &w->q, &cmd);
		drv_w32(w->d, 0x1000 + w->q.qid * 8u + 4, w->q.sq_tail);
	}
	return NULL;
}

static void test_reset_under_load(void **state)
{
	struct drv *d = drv_new(NULL);
	struct worker w[2] = { 0 };
	struct drv_queue q;

	for (unsigned int i = 0; i < 2; i++) {
		w[i].d = d;
		w[i].buf = drv_alloc(d, 4096);
		w[i].q = (struct drv_queue){ .qid = (uint16_t)(i + 1), .size = 16, .phase = 1 };
		w[i].q.sq_iova = drv_alloc(d, 4096);
		w[i].q.cq_iova = drv_alloc(d, 4096);
		pthread_create(&w[i].thread, NULL, ring_blindly, &w[i]);
	}
	for (unsigned int n = 0; n < 100; n++) {
		d->brk -= d->brk > (32u << 20) ? 16u << 20 : 0;
		drv_enable(d);
		for (uint16_t i = 1; i <= 2; i++) {
			q = w[i - 1].q;
			assert_int_equal(queue_cmd(d, CREATE_CQ, 15u << 16 | i, 1, q.cq_iova), 0);
			assert_int_equal(queue_cmd(d, CREATE_SQ, 15u << 16 | i,
						   (uint32_t)i << 16 | 1, q.sq_iova), 0);
		}
		sched_yield();
		if (n % 3 == 0) {
			sim_fn_reset(d->fn, SIM_RESET_FLR);
			sim_cfg_write(d->fn, 0x04, 2, 0x0006);
		} else {
			if (n % 3 == 1)
				assert_int_equal(queue_cmd(d, DELETE_SQ, 1, 0, 0), 0);
			drv_disable(d);
		}
	}
	for (unsigned int i = 0; i < 2; i++) {
		__atomic_store_n(&w[i].done, 1, __ATOMIC_RELAXED);
		pthread_join(w[i].thread, NULL);
	}
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_cq),
		cmocka_unit_test(test_create_sq),
		cmocka_unit_test(test_allocated),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_full_cq),
		cmocka_unit_test(test_starved),
		cmocka_unit_test(test_shared_cq),
		cmocka_unit_test(test_no_interrupt),
		cmocka_unit_test(test_bad_doorbells),
		cmocka_unit_test(test_unreachable),
		cmocka_unit_test(test_delete_with_pending),
		cmocka_unit_test(test_many_pending),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_shared_queue),
		cmocka_unit_test(test_reset_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
