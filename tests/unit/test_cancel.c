/* SPDX-License-Identifier: MIT */
/*
 * test_cancel.c - Cancel (NVMe Base 2.1, section 7.1), and Abort of I/O commands (5.1.1): commands
 * that wait for a slow medium.
 */
#include <pthread.h>

#include "nvmcmd.h"
#include "slow_store.h"

#define ALL 0xffffffffu
#define MULTIPLE 1u
#define LBS 512u

enum {
	ST_FIELD = 0x002,
	ST_ABORTED = 0x007,
	ST_INVALID_NS = 0x00b,
	ST_INVALID_CID = 0x184,
};

static const struct drv_cmd flush1 = { .dw = { [0] = 0x00, [1] = 1 } };

static struct drv_cmd cancel(uint32_t nsid, uint16_t sqid, uint16_t cid, uint32_t acode)
{
	return (struct drv_cmd){ .dw = { [0] = 0x18, [1] = nsid, [10] = (uint32_t)cid << 16 | sqid,
					 [11] = acode } };
}

static uint16_t submit(struct drv *d, struct drv_queue *q, const struct drv_cmd *cmd)
{
	struct drv_cmd c = *cmd;

	return drv_submit(d, q, &c);
}

/* the completion that comes next */
static uint16_t next(struct drv *d, struct drv_queue *q, uint16_t cid, uint32_t *dw0)
{
	struct drv_cqe cqe;

	assert_true(drv_poll(d, q, &cqe));
	assert_int_equal(cqe.cid, cid);
	if (dw0)
		*dw0 = cqe.dw0;
	return cqe.status & 0x7ff;
}

static void none(struct drv *d, struct drv_queue *q)
{
	struct drv_cqe cqe;

	assert_false(drv_poll(d, q, &cqe));
}

static struct drv *two_ns(struct slow_store *s, struct slow_store *s2)
{
	struct drv_params p;
	struct sim_msg msg;
	struct drv *d = slow_drv(s);

	drv_params(&p);
	p.ns.nsid = 2;
	p.ns.store = &s2->st;
	assert_int_equal(sim_ns_add(d->subsys, NULL, &p.ns, &msg), 2);
	drv_start(d);
	return d;
}

/* figures 557 and 558 */
static void test_bad(void **state)
{
	struct slow_store *s = slow_new(1 << 20), *s2 = slow_new(1 << 20);
	struct drv *d = two_ns(s, s2);
	struct drv_cmd cmd;
	struct drv_cqe cqe;
	uint16_t cid = submit(d, &d->io, &flush1);

	cmd = cancel(1, 2, cid, 0); /* another queue's */
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_FIELD);
	cmd = cancel(1, 0, cid, 0);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_FIELD);
	for (uint32_t acode = 2; acode < 4; acode++) {
		cmd = cancel(1, 1, cid, acode);
		assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_FIELD);
	}
	cmd = cancel(1, 1, d->next_cid, 0); /* itself */
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_INVALID_CID);
	cmd = cancel(1, 1, cid, MULTIPLE); /* CID must be FFFFh */
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_FIELD);
	cmd = cancel(2, 1, cid, 0); /* the command is not one of namespace 2 */
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_FIELD);
	cmd = cancel(0, 1, cid, 0);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_INVALID_NS);
	cmd = cancel(SIM_NN + 1, 1, cid, 0);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_INVALID_NS);
	cmd = cancel(3, 1, cid, 0);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_FIELD);

	/* what is not there: nothing was aborted */
	cmd = cancel(1, 1, 0x7777, 0);
	assert_int_equal(drv_exec(d, &d->io, &cmd, &cqe), 0);
	assert_int_equal(cqe.dw0, 0);
	cmd = cancel(2, 1, 0xffff, MULTIPLE);
	assert_int_equal(drv_exec(d, &d->io, &cmd, &cqe), 0);
	assert_int_equal(cqe.dw0, 0);

	none(d, &d->io); /* none of them touched the flush */
	slow_finish(s);
	assert_int_equal(next(d, &d->io, cid, NULL), 0);
	drv_free(d);
	slow_free(s);
	slow_free(s2);
}

static void test_single(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	uint16_t a, b, c, can;
	struct drv_cmd cmd;
	uint32_t dw0;

	drv_start(d);
	a = submit(d, &d->io, &flush1);
	b = submit(d, &d->io, &flush1);
	c = submit(d, &d->io, &flush1);
	cmd = cancel(1, 1, b, 0);
	can = submit(d, &d->io, &cmd);
	/* an immediate abort: its completion comes before the Cancel's */
	assert_int_equal(next(d, &d->io, b, NULL), ST_ABORTED);
	assert_int_equal(next(d, &d->io, can, &dw0), 0);
	assert_int_equal(dw0, 1);
	/* once only */
	cmd = cancel(ALL, 1, b, 0);
	can = submit(d, &d->io, &cmd);
	assert_int_equal(next(d, &d->io, can, &dw0), 0);
	assert_int_equal(dw0, 0);
	cmd = cancel(ALL, 1, a, 0);
	can = submit(d, &d->io, &cmd);
	assert_int_equal(next(d, &d->io, a, NULL), ST_ABORTED);
	assert_int_equal(next(d, &d->io, can, &dw0), 0);
	assert_int_equal(dw0, 1);
	slow_finish(s); /* the medium ends what it began; the host hears of the one that was left */
	assert_int_equal(next(d, &d->io, c, NULL), 0);
	none(d, &d->io);
	drv_free(d);
	slow_free(s);
}

static void test_multiple(void **state)
{
	struct slow_store *s = slow_new(1 << 20), *s2 = slow_new(1 << 20);
	struct drv *d = two_ns(s, s2);
	struct drv_cmd flush2 = flush1, flush_all = flush1, cmd;
	struct drv_queue other;
	uint16_t one[3], two[2], all, can, far;
	unsigned int seen = 0;
	struct drv_cqe cqe;
	uint32_t dw0;

	flush2.dw[1] = 2;
	flush_all.dw[1] = ALL;
	drv_create_queue(d, &other, 2, 16);
	for (unsigned int i = 0; i < 3; i++)
		one[i] = submit(d, &d->io, &flush1);
	for (unsigned int i = 0; i < 2; i++)
		two[i] = submit(d, &d->io, &flush2);
	all = submit(d, &d->io, &flush_all);
	far = submit(d, &other, &flush1);

	/* those submitted to namespace 1, in this queue */
	cmd = cancel(1, 1, 0xffff, MULTIPLE);
	can = submit(d, &d->io, &cmd);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(drv_poll(d, &d->io, &cqe));
		assert_int_equal(cqe.status & 0x7ff, ST_ABORTED);
		for (unsigned int k = 0; k < 3; k++)
			seen |= (cqe.cid == one[k]) << k;
	}
	assert_int_equal(seen, 7);
	assert_int_equal(next(d, &d->io, can, &dw0), 0);
	assert_int_equal(dw0, 3);
	/* all that is left in this queue */
	cmd = cancel(ALL, 1, 0xffff, MULTIPLE);
	can = submit(d, &d->io, &cmd);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(drv_poll(d, &d->io, &cqe));
		assert_int_equal(cqe.status & 0x7ff, ST_ABORTED);
		assert_true(cqe.cid == two[0] || cqe.cid == two[1] || cqe.cid == all);
	}
	assert_int_equal(next(d, &d->io, can, &dw0), 0);
	assert_int_equal(dw0, 3);
	none(d, &other);
	slow_finish(s);
	slow_finish(s2);
	assert_int_equal(next(d, &other, far, NULL), 0);
	none(d, &d->io);
	drv_free(d);
	slow_free(s);
	slow_free(s2);
}

/* requests whose medium is still at work are in use: the queue waits for them, and goes on */
static void test_requests(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	struct drv_queue q;
	struct drv_cqe cqe;
	uint64_t buf = drv_alloc(d, 4096);
	unsigned int aborted = 0, done = 0;
	struct drv_cmd cmd, rd;

	drv_enable(d);
	drv_create_queue(d, &q, 1, 4);
	for (unsigned int turn = 0; turn < 50; turn++) {
		unsigned int n = 1 + turn % 3;

		for (unsigned int i = 0; i < n; i++)
			submit(d, &q, &flush1);
		cmd = cancel(ALL, 1, 0xffff, MULTIPLE);
		submit(d, &q, &cmd);
		rd = rw_cmd(OP_READ, 0, 1, 0);
		drv_prps(d, &rd, buf, LBS);
		while (drv_poll(d, &q, &cqe)) {
			aborted += (cqe.status & 0x7ff) == ST_ABORTED;
			done++;
		}
		if (turn % 5 == 4 || n == 3)
			slow_finish(s);
		while (drv_poll(d, &q, &cqe)) {
			aborted += (cqe.status & 0x7ff) == ST_ABORTED;
			done++;
		}
		if (!s->n) /* all requests are back */
			assert_int_equal(drv_exec(d, &q, &rd, NULL), 0);
		slow_finish(s);
		while (drv_poll(d, &q, &cqe))
			done++;
	}
	assert_true(aborted > 50);
	assert_int_equal(s->flushes + 50, done);
	drv_free(d);
	slow_free(s);
}

/* aborted commands whose completions wait in a full queue, while the medium ends */
static void check_full_cq(bool medium_first)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	struct drv_cmd cmd = { 0 };
	struct drv_cqe cqe;
	struct drv_queue q;
	unsigned int aborted = 0, n = 0;

	drv_enable(d);
	drv_create_queue(d, &q, 1, 8);
	/* a completion queue of 3 for it */
	cmd.dw[0] = 0x00; /* Delete I/O SQ, CQ */
	cmd.dw[10] = 1;
	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0);
	cmd.dw[0] = 0x04;
	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0);
	memset(drv_ptr(d, q.cq_iova), 0, 8 * 16);
	cmd = (struct drv_cmd){ .dw = { [0] = 0x05, [10] = 2u << 16 | 1, [11] = 1u << 16 | 3 } };
	assert_int_equal(drv_admin(d, &cmd, q.cq_iova, DRV_PAGE, NULL), 0);
	cmd = (struct drv_cmd){ .dw = { [0] = 0x01, [10] = 7u << 16 | 1, [11] = 1u << 16 | 1 } };
	assert_int_equal(drv_admin(d, &cmd, q.sq_iova, DRV_PAGE, NULL), 0);
	q.cq_size = 3;
	q.cq_head = q.sq_tail = 0;
	q.phase = 1;

	for (unsigned int turn = 0; turn < 20; turn++) {
		unsigned int want = n + 6;

		for (unsigned int i = 0; i < 5; i++)
			submit(d, &q, &flush1);
		cmd = cancel(1, 1, 0xffff, MULTIPLE);
		submit(d, &q, &cmd);
		if (medium_first)
			slow_finish(s);
		for (; drv_poll(d, &q, &cqe); n++)
			aborted += (cqe.status & 0x7ff) == ST_ABORTED;
		if (!medium_first)
			slow_finish(s);
		assert_int_equal(n, want);
		none(d, &q);
	}
	assert_int_equal(aborted, 100);
	drv_free(d);
	slow_free(s);
}

static void test_full_cq(void **state)
{
	check_full_cq(true);
	check_full_cq(false);
}

/* the queue, or the controller, goes while aborted commands' media are still at work */
static void test_queue_goes(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	struct drv_cmd cmd, del = { .dw = { [0] = 0x00, [10] = 1 } };
	uint16_t a, can;

	drv_start(d);
	a = submit(d, &d->io, &flush1);
	cmd = cancel(1, 1, a, 0);
	can = submit(d, &d->io, &cmd);
	assert_int_equal(next(d, &d->io, a, NULL), ST_ABORTED);
	assert_int_equal(next(d, &d->io, can, NULL), 0);
	assert_int_equal(drv_exec(d, &d->admin, &del, NULL), 0);
	slow_finish(s);
	none(d, &d->io);

	drv_create_queue(d, &d->io, 2, 8);
	a = submit(d, &d->io, &flush1);
	cmd = cancel(1, 2, a, 0);
	submit(d, &d->io, &cmd);
	drv_disable(d);
	slow_finish(s);
	drv_start(d);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, drv_alloc(d, 4096), LBS), 0);
	a = submit(d, &d->io, &flush1);
	cmd = cancel(1, 1, a, 0);
	submit(d, &d->io, &cmd);
	drv_free(d);
	slow_finish(s);
	slow_free(s);
}

/* Abort takes I/O commands, too */
static void test_abort(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	uint64_t buf = drv_alloc(d, 4096);
	struct drv_cmd wr = rw_cmd(OP_WRITE, 5, 1, FUA), cmd;
	struct drv_cqe cqe;
	uint16_t a, b;

	drv_start(d);
	memset(drv_ptr(d, buf), 0x5a, LBS);
	drv_prps(d, &wr, buf, LBS);
	a = drv_submit(d, &d->io, &wr);
	b = submit(d, &d->io, &flush1);
	cmd = (struct drv_cmd){ .dw = { [0] = 0x08, [10] = (uint32_t)a << 16 | 1 } };
	assert_int_equal(drv_exec(d, &d->admin, &cmd, &cqe), 0);
	assert_int_equal(cqe.dw0, 0); /* aborted */
	assert_int_equal(next(d, &d->io, a, NULL), ST_ABORTED);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, &cqe), 0);
	assert_int_equal(cqe.dw0, 1); /* no longer there */
	none(d, &d->io);
	slow_finish(s);
	assert_int_equal(next(d, &d->io, b, NULL), 0);
	none(d, &d->io);
	drv_free(d);
	slow_free(s);
}

/* flushes that are cancelled while another thread finishes them */
struct medium {
	struct slow_store *s;
	pthread_mutex_t lock;
	bool stop;
	pthread_t thread;
};

static struct medium medium;

static void racing_flush(struct sim_store *st, void (*done)(void *arg, int err), void *arg)
{
	struct slow_store *s = (struct slow_store *)st;

	pthread_mutex_lock(&medium.lock);
	s->kept[s->n].done = done;
	s->kept[s->n++].arg = arg;
	pthread_mutex_unlock(&medium.lock);
}

static void *finish(void *arg)
{
	struct slow_store *s = medium.s;
	bool stop;

	do {
		void (*done)(void *arg, int err) = NULL;
		void *what = NULL;

		pthread_mutex_lock(&medium.lock);
		if (s->n) {
			done = s->kept[--s->n].done;
			what = s->kept[s->n].arg;
		}
		stop = medium.stop && !done;
		pthread_mutex_unlock(&medium.lock);
		if (done)
			done(what, 0);
		else
			sched_yield();
	} while (!stop);
	return NULL;
}

static void test_race(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct sim_store_ops ops = *s->st.ops;
	struct drv *d;
	unsigned int aborted = 0, ended = 0, sent = 0;
	struct drv_cqe cqe;
	struct drv_cmd cmd;

	ops.flush = racing_flush;
	s->st.ops = &ops;
	medium = (struct medium){ .s = s };
	pthread_mutex_init(&medium.lock, NULL);
	d = slow_drv(s);
	drv_start(d);
	pthread_create(&medium.thread, NULL, finish, NULL);
	for (unsigned int turn = 0; turn < 3000; turn++) {
		for (unsigned int i = 0; i < 1 + turn % 4; i++, sent++)
			submit(d, &d->io, &flush1);
		cmd = cancel(1, 1, 0xffff, MULTIPLE);
		submit(d, &d->io, &cmd);
		for (unsigned int n = 0; n < 2 + turn % 4;) {
			if (!drv_poll(d, &d->io, &cqe))
				continue;
			n++;
			if ((cqe.status & 0x7ff) == ST_ABORTED)
				aborted++;
			else
				ended++;
		}
		none(d, &d->io);
	}
	assert_int_equal(aborted + ended, sent + 3000);
	pthread_mutex_lock(&medium.lock);
	medium.stop = true;
	pthread_mutex_unlock(&medium.lock);
	pthread_join(medium.thread, NULL);
	drv_free(d);
	slow_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_multiple),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_full_cq),
		cmocka_unit_test(test_queue_goes),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_race),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
