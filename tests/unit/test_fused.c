/* SPDX-License-Identifier: MIT */
/*
 * test_fused.c - fused Compare and Write: NVMe Base 2.1, 3.4.2; NVM Command Set 1.1, 2.1.3.
 */
#include <pthread.h>

#include "nvmcmd.h"
#include "slow_store.h"

#define LBS 512u
#define FIRST (1u << 8)
#define SECOND (2u << 8)
#define FUSES 522 /* Identify Controller */
#define ACWU 532

enum {
	ST_FIELD = 0x002,
	ST_SQ_DELETED = 0x008,
	ST_FUSED_FAILED = 0x009,
	ST_FUSED_MISSING = 0x00a,
	ST_LBA_RANGE = 0x080,
	ST_COMPARE = 0x285,
};

static struct drv_cmd half(struct drv *d, uint8_t opcode, uint32_t fuse, uint64_t slba,
			   uint32_t nlb, uint64_t iova)
{
	struct drv_cmd cmd = rw_cmd(opcode, slba, nlb, 0);

	cmd.dw[0] |= fuse;
	drv_prps(d, &cmd, iova, (size_t)nlb * LBS);
	return cmd;
}

/* puts a command in the queue, without the doorbell */
static uint16_t put(struct drv *d, struct drv_queue *q, const struct drv_cmd *cmd)
{
	uint32_t *sqe = drv_ptr(d, q->sq_iova + q->sq_tail * 64u);
	uint16_t cid = __atomic_fetch_add(&d->next_cid, 1, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < 16; i++)
		sqe[i] = sim_le32(i ? cmd->dw[i] : (cmd->dw[0] & 0xffff) | (uint32_t)cid << 16);
	q->sq_tail = (uint16_t)(q->sq_tail + 1 == q->size ? 0 : q->sq_tail + 1);
	return cid;
}

static void ring(struct drv *d, const struct drv_queue *q)
{
	drv_w32(d, 0x1000 + q->qid * 8u, q->sq_tail);
}

static uint16_t status_of(struct drv *d, struct drv_queue *q, uint16_t cid)
{
	struct drv_cqe cqe;

	assert_true(drv_poll(d, q, &cqe));
	assert_int_equal(cqe.cid, cid);
	return cqe.status & 0x7ff;
}

/* both halves with one doorbell write, completed in their order */
static void pair(struct drv *d, struct drv_queue *q, const struct drv_cmd *a,
		 const struct drv_cmd *b, uint16_t want_a, uint16_t want_b)
{
	uint16_t first = put(d, q, a), second = put(d, q, b);

	ring(d, q);
	assert_int_equal(status_of(d, q, first), want_a);
	assert_int_equal(status_of(d, q, second), want_b);
}

struct fx {
	struct drv *d;
	uint64_t old, new, back;
};

static void fill(struct drv *d, uint64_t iova, uint8_t seed, size_t len)
{
	uint8_t *p = drv_ptr(d, iova);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 7);
}

static struct fx setup(void)
{
	struct fx f = { .d = drv_new(NULL) };

	drv_start(f.d);
	f.old = drv_alloc(f.d, 65536);
	f.new = drv_alloc(f.d, 65536);
	f.back = drv_alloc(f.d, 65536);
	fill(f.d, f.old, 1, 65536);
	fill(f.d, f.new, 99, 65536);
	return f;
}

static void expect_blocks(struct fx *f, uint64_t slba, uint32_t nlb, uint64_t want)
{
	assert_int_equal(rw(f->d, OP_READ, slba, nlb, 0, f->back, LBS), 0);
	assert_memory_equal(drv_ptr(f->d, f->back), drv_ptr(f->d, want), nlb * LBS);
}

static void test_identify(void **state)
{
	struct fx f = setup();
	struct drv_cmd cmd = { .dw = { [0] = 0x06, [10] = 1 } };
	uint8_t *id = drv_ptr(f.d, f.back);

	assert_int_equal(drv_admin(f.d, &cmd, f.back, 4096, NULL), 0);
	assert_int_equal(id[FUSES] | id[FUSES + 1] << 8, 1);
	assert_int_equal(id[ACWU] | id[ACWU + 1] << 8, 0xffff);
	drv_free(f.d);
}

/* a half without the other one; FUSE where there is no fused operation */
static void test_missing(void **state)
{
	struct fx f = setup();
	struct drv_cmd cmp = half(f.d, OP_COMPARE, FIRST, 0, 1, f.old);
	struct drv_cmd wr = half(f.d, OP_WRITE, SECOND, 0, 1, f.new);
	struct drv_cmd rd = half(f.d, OP_READ, 0, 0, 1, f.back);
	struct drv_cmd cmd;

	/* the second one alone; the first one before another command, which is executed */
	assert_int_equal(drv_exec(f.d, &f.d->io, &wr, NULL), ST_FUSED_MISSING);
	pair(f.d, &f.d->io, &cmp, &rd, ST_FUSED_MISSING, 0);
	/* two first halves, then the second one of the second */
	assert_int_equal(rw(f.d, OP_WRITE, 0, 1, 0, f.old, LBS), 0);
	{
		uint16_t a = put(f.d, &f.d->io, &cmp), b = put(f.d, &f.d->io, &cmp),
			 c = put(f.d, &f.d->io, &wr), e = put(f.d, &f.d->io, &wr);

		ring(f.d, &f.d->io);
		assert_int_equal(status_of(f.d, &f.d->io, a), ST_FUSED_MISSING);
		assert_int_equal(status_of(f.d, &f.d->io, b), 0);
		assert_int_equal(status_of(f.d, &f.d->io, c), 0);
		assert_int_equal(status_of(f.d, &f.d->io, e), ST_FUSED_MISSING);
	}
	expect_blocks(&f, 0, 1, f.new);

	/* not halves of anything there is */
	cmd = half(f.d, OP_READ, FIRST, 0, 1, f.back);
	pair(f.d, &f.d->io, &cmd, &wr, ST_FIELD, ST_FUSED_MISSING);
	cmd = half(f.d, OP_READ, SECOND, 0, 1, f.back);
	pair(f.d, &f.d->io, &cmp, &cmd, ST_FUSED_MISSING, ST_FIELD);
	cmd = half(f.d, OP_COMPARE, SECOND, 0, 1, f.old);
	assert_int_equal(drv_exec(f.d, &f.d->io, &cmd, NULL), ST_FIELD);
	cmd = half(f.d, OP_WRITE, FIRST, 0, 1, f.old);
	assert_int_equal(drv_exec(f.d, &f.d->io, &cmd, NULL), ST_FIELD);
	cmd = half(f.d, OP_WRITE, FIRST | SECOND, 0, 1, f.old);
	assert_int_equal(drv_exec(f.d, &f.d->io, &cmd, NULL), ST_FIELD);
	cmd = (struct drv_cmd){ .dw = { [0] = 0x18 | FIRST } }; /* Keep Alive */
	assert_int_equal(drv_exec(f.d, &f.d->admin, &cmd, NULL), ST_FIELD);
	expect_blocks(&f, 0, 1, f.new);
	drv_free(f.d);
}

/* the halves must name the same blocks of the same namespace */
static void test_different(void **state)
{
	struct fx f = setup();
	struct drv_cmd cmp = half(f.d, OP_COMPARE, FIRST, 4, 2, f.old), wr;

	assert_int_equal(rw(f.d, OP_WRITE, 0, 16, 0, f.old, LBS), 0);
	wr = half(f.d, OP_WRITE, SECOND, 5, 2, f.new);
	pair(f.d, &f.d->io, &cmp, &wr, ST_FIELD, ST_FIELD);
	wr = half(f.d, OP_WRITE, SECOND, 4, 1, f.new);
	pair(f.d, &f.d->io, &cmp, &wr, ST_FIELD, ST_FIELD);
	wr = half(f.d, OP_WRITE, SECOND, 4 + (1ull << 32), 2, f.new);
	pair(f.d, &f.d->io, &cmp, &wr, ST_FIELD, ST_FIELD);
	wr = half(f.d, OP_WRITE, SECOND, 4, 2, f.new);
	wr.dw[1] = 2;
	pair(f.d, &f.d->io, &cmp, &wr, ST_FIELD, ST_FIELD);
	expect_blocks(&f, 0, 16, f.old);
	drv_free(f.d);
}

/* the operation ends at the first error */
static void test_errors(void **state)
{
	struct fx f = setup();
	const uint64_t end = (64u << 20) / LBS;
	struct drv_cmd cmp, wr;

	assert_int_equal(rw(f.d, OP_WRITE, 0, 8, 0, f.old, LBS), 0);
	/* Compare differs */
	cmp = half(f.d, OP_COMPARE, FIRST, 0, 8, f.new);
	wr = half(f.d, OP_WRITE, SECOND, 0, 8, f.new);
	pair(f.d, &f.d->io, &cmp, &wr, ST_COMPARE, ST_FUSED_FAILED);
	expect_blocks(&f, 0, 8, f.old);
	/* Compare cannot be executed */
	cmp = half(f.d, OP_COMPARE, FIRST, end, 1, f.new);
	wr = half(f.d, OP_WRITE, SECOND, end, 1, f.new);
	pair(f.d, &f.d->io, &cmp, &wr, ST_LBA_RANGE, ST_FUSED_FAILED);
	/* Write cannot be: Compare's completion is its own, for better or worse */
	cmp = half(f.d, OP_COMPARE, FIRST, 0, 8, f.old);
	wr = half(f.d, OP_WRITE, SECOND, 0, 8, f.new);
	wr.dw[0] |= 0xc0u << 8; /* PSDT 11b */
	pair(f.d, &f.d->io, &cmp, &wr, 0, ST_FIELD);
	cmp = half(f.d, OP_COMPARE, FIRST, 0, 8, f.new);
	pair(f.d, &f.d->io, &cmp, &wr, ST_COMPARE, ST_FUSED_FAILED);
	/* no such namespace: both are told */
	cmp = half(f.d, OP_COMPARE, FIRST, 0, 8, f.old);
	wr = half(f.d, OP_WRITE, SECOND, 0, 8, f.new);
	cmp.dw[1] = wr.dw[1] = 7;
	pair(f.d, &f.d->io, &cmp, &wr, ST_FIELD, ST_FUSED_FAILED);
	expect_blocks(&f, 0, 8, f.old);
	drv_free(f.d);
}

static void test_success(void **state)
{
	struct fx f = setup();
	struct nvme_smart_log before, after;
	struct drv_cmd cmp, wr;

	assert_int_equal(rw(f.d, OP_WRITE, 0, 128, 0, f.old, LBS), 0);
	before = smart(f.d);
	cmp = half(f.d, OP_COMPARE, FIRST, 10, 100, f.old + 10 * LBS);
	wr = half(f.d, OP_WRITE, SECOND, 10, 100, f.new);
	pair(f.d, &f.d->io, &cmp, &wr, 0, 0);
	expect_blocks(&f, 0, 10, f.old);
	expect_blocks(&f, 10, 100, f.new);
	expect_blocks(&f, 110, 18, f.old + 110 * LBS);
	after = smart(f.d);
	/* each half counts as what it is; there were three reads */
	assert_int_equal(u64_at(after.host_reads) - u64_at(before.host_reads), 1 + 3);
	assert_int_equal(u64_at(after.host_writes) - u64_at(before.host_writes), 1);
	/* the same once more fails: the blocks are no longer what they were */
	pair(f.d, &f.d->io, &cmp, &wr, ST_COMPARE, ST_FUSED_FAILED);
	drv_free(f.d);
}

/* a pair over the ring's end, at every place of a small ring, mapped and by transfers */
static void check_wrap(bool no_map)
{
	struct drv_params p;
	struct drv_queue q;
	struct fx f = { 0 };

	drv_params(&p);
	p.no_map = no_map;
	f.d = drv_new(&p);
	drv_enable(f.d);
	drv_create_queue(f.d, &q, 1, 5);
	f.old = drv_alloc(f.d, 4096);
	f.new = drv_alloc(f.d, 4096);
	for (unsigned int i = 0; i < 25; i++) {
		struct drv_cmd wr, cmp;

		fill(f.d, f.old, (uint8_t)i, LBS);
		fill(f.d, f.new, (uint8_t)(i + 1), LBS);
		if (!i || i % 5 == 2) { /* moves the place, too */
			wr = half(f.d, OP_WRITE, 0, 3, 1, f.old);
			assert_int_equal(drv_exec(f.d, &q, &wr, NULL), 0);
		}
		cmp = half(f.d, OP_COMPARE, FIRST, 3, 1, f.old);
		wr = half(f.d, OP_WRITE, SECOND, 3, 1, f.new);
		pair(f.d, &q, &cmp, &wr, 0, 0);
	}
	drv_free(f.d);
}

static void test_wrap(void **state)
{
	check_wrap(false);
	check_wrap(true);
}

/*
 * A host is to hand over both halves at once. If it does not, the first one waits, and so does the
 * tail that comes round to where it was.
 */
static void test_late(void **state)
{
	struct fx f = setup();
	struct drv_cmd cmp = half(f.d, OP_COMPARE, FIRST, 0, 1, f.old);
	struct drv_cmd wr = half(f.d, OP_WRITE, SECOND, 0, 1, f.new);
	struct drv_cmd rd = half(f.d, OP_READ, 0, 0, 1, f.back);
	struct drv_cqe cqe;
	struct drv_queue q;
	uint16_t a, b;

	assert_int_equal(rw(f.d, OP_WRITE, 0, 1, 0, f.old, LBS), 0);
	a = put(f.d, &f.d->io, &cmp);
	ring(f.d, &f.d->io);
	assert_false(drv_poll(f.d, &f.d->io, &cqe));
	ring(f.d, &f.d->io); /* the same value again */
	assert_false(drv_poll(f.d, &f.d->io, &cqe));
	b = put(f.d, &f.d->io, &wr);
	ring(f.d, &f.d->io);
	assert_int_equal(status_of(f.d, &f.d->io, a), 0);
	assert_int_equal(status_of(f.d, &f.d->io, b), 0);
	expect_blocks(&f, 0, 1, f.new);

	/* it waited at every tail there is; commands behind it run all the same */
	drv_create_queue(f.d, &q, 2, 4);
	for (unsigned int i = 0; i < 12; i++) {
		a = put(f.d, &q, &cmp);
		ring(f.d, &q);
		assert_false(drv_poll(f.d, &q, &cqe));
		b = put(f.d, &q, &rd);
		ring(f.d, &q);
		assert_int_equal(status_of(f.d, &q, a), ST_FUSED_MISSING);
		assert_int_equal(status_of(f.d, &q, b), 0);
		for (unsigned int k = 0; k < i % 4; k++)
			assert_int_equal(drv_exec(f.d, &q, &rd, NULL), 0);
	}
	drv_free(f.d);
}

/* a first half that waits is not fetched: deleting its queue or a reset is the end of it */
static void test_late_end(void **state)
{
	struct fx f = setup();
	struct drv_cmd cmp = half(f.d, OP_COMPARE, FIRST, 0, 1, f.old);
	struct drv_cmd del = { .dw = { [0] = 0x00, [10] = 1 } };
	struct drv_cqe cqe;

	put(f.d, &f.d->io, &cmp);
	ring(f.d, &f.d->io);
	assert_int_equal(drv_exec(f.d, &f.d->admin, &del, NULL), 0);
	assert_false(drv_poll(f.d, &f.d->io, &cqe));
	drv_create_queue(f.d, &f.d->io, 3, 8);
	put(f.d, &f.d->io, &cmp);
	ring(f.d, &f.d->io);
	drv_disable(f.d);
	assert_false(drv_poll(f.d, &f.d->io, &cqe));
	drv_start(f.d);
	assert_int_equal(rw(f.d, OP_WRITE, 0, 1, 0, f.old, LBS), 0);
	drv_free(f.d);
}

/* with FUA both wait for the medium; requests are scarce, and the queue goes on by itself */
static void test_pending(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	struct drv_queue q;
	struct drv_cqe cqe;
	unsigned int done = 0, sent = 0;
	uint64_t buf;

	drv_enable(d);
	drv_create_queue(d, &q, 1, 4);
	buf = drv_alloc(d, 4096);
	for (unsigned int turn = 0; turn < 40 && done < 20; turn++) {
		while (sent < 20 && sent - done < 2) {
			struct drv_cmd cmp = half(d, OP_COMPARE, FIRST, 0, 1, buf);
			struct drv_cmd wr = half(d, OP_WRITE, SECOND, 0, 1, buf);

			cmp.dw[12] |= FUA;
			wr.dw[12] |= FUA;
			put(d, &q, &cmp);
			put(d, &q, &wr);
			ring(d, &q);
			sent += 2;
		}
		slow_finish(s);
		while (drv_poll(d, &q, &cqe)) {
			assert_int_equal(cqe.status, 0);
			done++;
		}
	}
	assert_int_equal(done, 20);
	assert_int_equal(s->flushes, 20);
	drv_free(d);
	slow_free(s);
}

/* ---- atomicity: counters that several queues increment with Compare and Write ---------------- */

#define THREADS 3
#define TIMES 400

struct counter {
	struct drv *d;
	struct drv_queue q;
	uint64_t old, new;
	unsigned int lost; /* somebody else was faster */
	bool bad;
	pthread_t thread;
};

static uint16_t wait_one(struct counter *w, const struct drv_cmd *a)
{
	struct drv_cqe cqe;

	put(w->d, &w->q, a);
	ring(w->d, &w->q);
	while (!drv_poll(w->d, &w->q, &cqe))
		;
	return cqe.status & 0x7ff;
}

static void *increment(void *arg)
{
	struct counter *w = arg;
	struct drv_cqe cqe;

	for (unsigned int i = 0; i < TIMES && !w->bad;) {
		struct drv_cmd rd = half(w->d, OP_READ, 0, 7, 4, w->old);
		struct drv_cmd cmp = half(w->d, OP_COMPARE, FIRST, 7, 4, w->old);
		struct drv_cmd wr = half(w->d, OP_WRITE, SECOND, 7, 4, w->new);
		uint32_t *from = drv_ptr(w->d, w->old), *to = drv_ptr(w->d, w->new);
		uint16_t status[2];

		w->bad = wait_one(w, &rd);
		for (unsigned int k = 0; k < 4 * LBS / 4; k++) {
			w->bad |= from[k] != from[0];
			to[k] = from[0] + 1;
		}
		put(w->d, &w->q, &cmp);
		put(w->d, &w->q, &wr);
		ring(w->d, &w->q);
		for (unsigned int k = 0; k < 2; k++) {
			while (!drv_poll(w->d, &w->q, &cqe))
				;
			status[k] = cqe.status & 0x7ff;
		}
		if (!status[0] && !status[1])
			i++;
		else if (status[0] == ST_COMPARE && status[1] == ST_FUSED_FAILED)
			w->lost++;
		else
			w->bad = true;
	}
	return NULL;
}

static void test_atomic(void **state)
{
	struct fx f = setup();
	struct counter w[THREADS] = { 0 };
	uint32_t *p;

	for (unsigned int i = 0; i < THREADS; i++) {
		w[i].d = f.d;
		drv_create_queue(f.d, &w[i].q, (uint16_t)(2 + i), 8);
		w[i].old = drv_alloc(f.d, 4096);
		w[i].new = drv_alloc(f.d, 4096);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, increment, &w[i]), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_false(w[i].bad);
	}
	assert_int_equal(rw(f.d, OP_READ, 7, 4, 0, f.back, LBS), 0);
	p = drv_ptr(f.d, f.back);
	for (unsigned int k = 0; k < 4 * LBS / 4; k++)
		assert_int_equal(p[k], THREADS * TIMES);
	drv_free(f.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_different),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_identify),
		cmocka_unit_test(test_success),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_late_end),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_atomic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
