/* SPDX-License-Identifier: MIT */
/*
 * test_dbbuf.c - shadow doorbells: Doorbell Buffer Config (NVMe Base 2.1, 5.2.5, annex B.5).
 *
 * The test's driver rings a register only when EventIdx says so, as the specification has it.
 */
#include <pthread.h>

#include "admin.h"

enum { OP_FLUSH = 0x00, OP_READ = 0x02 };

#define ST_INVALID_OPCODE 0x001
#define ST_INVALID_FIELD  0x002

static struct drv_cmd rw_cmd(uint8_t opcode)
{
	return (struct drv_cmd){ { opcode, 1 } };
}

static uint16_t read_block(struct drv *d, uint64_t iova)
{
	struct drv_cmd cmd = rw_cmd(OP_READ);

	return drv_io(d, &cmd, iova, 512, NULL);
}

static uint32_t entry(struct drv *d, uint64_t buffer, uint16_t qid, bool cq)
{
	return sim_le32(*(uint32_t *)drv_ptr(d, buffer + (qid * 2u + cq) * 4));
}

static uint16_t config(struct drv *d, uint64_t shadow, uint64_t eventidx)
{
	struct drv_cmd cmd = { { 0x7c } };

	cmd.dw[6] = (uint32_t)shadow;
	cmd.dw[7] = (uint32_t)(shadow >> 32);
	cmd.dw[8] = (uint32_t)eventidx;
	cmd.dw[9] = (uint32_t)(eventidx >> 32);
	return drv_exec(d, &d->admin, &cmd, NULL);
}

static void use(struct drv *d)
{
	uint64_t shadow = drv_alloc(d, DRV_PAGE), eventidx = drv_alloc(d, DRV_PAGE);

	memset(drv_ptr(d, shadow), 0xa5, DRV_PAGE);
	memset(drv_ptr(d, eventidx), 0xa5, DRV_PAGE);
	assert_int_equal(config(d, shadow, eventidx), 0);
	d->shadow = shadow;
	d->eventidx = eventidx;
}

static struct drv *start(bool no_map)
{
	struct drv_params p;
	struct drv *d;

	drv_params(&p);
	p.no_map = no_map;
	d = drv_new(&p);
	drv_start(d);
	return d;
}

static void test_command(void **state)
{
	struct drv *d = start(false);
	uint64_t a = drv_alloc(d, DRV_PAGE), b = drv_alloc(d, DRV_PAGE);

	assert_int_equal(config(d, a + 4, b), ST_INVALID_FIELD);
	assert_int_equal(config(d, a, b + 2048), ST_INVALID_FIELD);
	assert_int_equal(config(d, 0x1000, b), ST_INVALID_FIELD); /* nobody's address */
	assert_int_equal(config(d, a, 0x1000), ST_INVALID_FIELD);
	assert_int_equal(config(d, a, b), 0);
	assert_int_equal(config(d, b, a), 0); /* others, later */
	drv_free(d);
}

static void test_not_there(void **state)
{
	struct drv_params p;
	struct drv *d;
	struct drv_cmd id = { { 0x06, [10] = 1 } };
	uint64_t page;

	drv_params(&p);
	p.ctrl.no_dbcs = true;
	d = drv_new(&p);
	drv_enable(d);
	page = drv_alloc(d, 4096);
	assert_int_equal(config(d, page, page), ST_INVALID_OPCODE);
	assert_int_equal(drv_admin(d, &id, page, 4096, NULL), 0);
	assert_int_equal(((uint8_t *)drv_ptr(d, page))[257] & 1, 0);
	drv_free(d);
}

/* queues that are there: both buffers have what the controller knows of them */
static void test_running_queues(void **state)
{
	for (unsigned int no_map = 0; no_map < 2; no_map++) {
		struct drv *d = start(no_map);
		uint64_t buf = drv_alloc(d, 4096);

		for (unsigned int i = 0; i < 10; i++)
			assert_int_equal(read_block(d, buf), 0);
		use(d);
		assert_int_equal(entry(d, d->shadow, 1, false), 10);
		assert_int_equal(entry(d, d->eventidx, 1, false), 10);
		assert_int_equal(entry(d, d->shadow, 1, true), 10);
		assert_int_equal(entry(d, d->eventidx, 1, true), 10);
		assert_int_equal(entry(d, d->shadow, 0, false), d->admin.sq_tail);
		assert_int_equal(entry(d, d->shadow, 2, false), 0xa5a5a5a5); /* no such queue */
		for (unsigned int i = 0; i < 200; i++)
			assert_int_equal(read_block(d, buf), 0);
		/* a new queue: what an older one left there does not count */
		drv_create_queue(d, &d->io, 2, 16);
		assert_int_equal(entry(d, d->shadow, 2, false), 0);
		assert_int_equal(entry(d, d->eventidx, 2, true), 0);
		for (unsigned int i = 0; i < 200; i++)
			assert_int_equal(read_block(d, buf), 0);
		drv_free(d);
	}
}

/* the admin queue: of a host that rings its registers only, and of one that does as for the others
 */
static void test_admin(void **state)
{
	struct drv *d = start(false);
	struct drv_cmd id = { { 0x06, [10] = 1 } };
	uint64_t page = drv_alloc(d, 4096);

	use(d);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(drv_admin(d, &id, page, 4096, NULL), 0);
	assert_int_equal(entry(d, d->shadow, 0, false), d->admin.sq_tail);
	assert_int_equal(entry(d, d->shadow, 0, true), d->admin.cq_head);
	d->shadow_admin = true;
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(drv_admin(d, &id, page, 4096, NULL), 0);
	d->shadow_admin = false;
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(drv_admin(d, &id, page, 4096, NULL), 0);
	drv_free(d);
}

static uint16_t more;

/* while the controller is at a command, the host submits another */
static void submit_more(struct drv *d)
{
	struct drv_cmd cmd = { { OP_FLUSH, 1 } };
	unsigned int rings = d->rings;

	if (!more)
		return;
	more--;
	drv_put(d, &d->io, &cmd);
	drv_ring_sq(d, &d->io);
	assert_int_equal(d->rings, rings); /* the controller looks by itself */
}

static void test_no_ring_needed(void **state)
{
	struct drv *d = start(false);
	uint64_t buf = drv_alloc(d, 4096);
	struct drv_cmd cmd = rw_cmd(OP_READ);
	struct drv_cqe cqe;
	unsigned int rings;

	use(d);
	d->on_xfer = submit_more;
	for (unsigned int turn = 0; turn < 40; turn++) { /* around the queue */
		more = 3;
		drv_prps(d, &cmd, buf, 512);
		rings = d->rings;
		/* its one transfer brings a flush; those move nothing */
		drv_submit(d, &d->io, &cmd);
		assert_int_equal(d->rings, rings + 1);
		more = 0;
		for (unsigned int n = 0; n < 2; n++) {
			assert_true(drv_poll(d, &d->io, &cqe));
			assert_int_equal(cqe.status, 0);
		}
		assert_false(drv_poll(d, &d->io, &cqe));
		assert_int_equal(entry(d, d->eventidx, 1, false), d->io.sq_tail);
	}
	drv_free(d);
}

/*
 * A completion queue that is full: the controller looks at the shadow before it waits, and asks to
 * be rung when it does wait.
 */
static void test_full_completion_queue(void **state)
{
	struct drv *d = start(false);
	struct drv_queue q = { .qid = 2, .size = 64, .cq_size = 4, .phase = 1 };
	struct drv_cmd cmd = { { 0x05, [10] = 3 << 16 | 2, [11] = 2 << 16 | 3 } };
	struct drv_cqe cqe;
	unsigned int rings;

	use(d);
	q.cq_iova = drv_alloc(d, 4096);
	q.sq_iova = drv_alloc(d, 4096);
	assert_int_equal(drv_admin(d, &cmd, q.cq_iova, 4096, NULL), 0);
	cmd = (struct drv_cmd){ { 0x01, [10] = 63 << 16 | 2, [11] = 2 << 16 | 1 } };
	assert_int_equal(drv_admin(d, &cmd, q.sq_iova, 4096, NULL), 0);

	for (unsigned int turn = 0; turn < 20; turn++) {
		for (unsigned int i = 0; i < 10; i++) {
			cmd = (struct drv_cmd){ { OP_FLUSH, 1 } };
			drv_submit(d, &q, &cmd);
		}
		for (unsigned int i = 0; i < 10; i++)
			assert_true(drv_poll(d, &q, &cqe));
		assert_false(drv_poll(d, &q, &cqe));
	}
	/* one at a time there is room, and nobody rings for it every time */
	rings = d->rings;
	for (unsigned int i = 0; i < 90; i++) {
		cmd = (struct drv_cmd){ { OP_FLUSH, 1 } };
		assert_int_equal(drv_exec(d, &q, &cmd, NULL), 0);
	}
	assert_true(d->rings - rings < 90 * 2);
	drv_free(d);
}

static void test_pin(void **state)
{
	struct drv *d = start(false);
	struct drv_cmd cmd = { { OP_FLUSH, 1 } };
	struct drv_cqe cqe;

	use(d);
	sim_cfg_write(d->fn, 0x42, 2, 0);
	for (unsigned int i = 0; i < 100; i++) {
		drv_submit(d, &d->io, &cmd);
		drv_submit(d, &d->io, &cmd);
		assert_true(d->intx);
		assert_true(drv_poll(d, &d->io, &cqe));
		assert_true(d->intx);
		assert_true(drv_poll(d, &d->io, &cqe));
		assert_false(d->intx);
	}
	drv_free(d);
}

/* values no queue can have: nothing moves, the error is reported, and the queue goes on */
static void test_bad_values(void **state)
{
	static const uint32_t bad[] = { 64, 0xffff, 0x10000, UINT32_MAX };
	struct drv *d = start(false);
	struct drv_cmd aer = { { 0x0c } }, cmd = { { OP_FLUSH, 1 } };
	struct drv_cqe cqe;

	use(d);
	for (unsigned int i = 0; i < 4; i++) {
		uint32_t *shadow = drv_ptr(d, d->shadow + 8);
		uint32_t was = shadow[0];

		drv_submit(d, &d->admin, &aer);
		shadow[0] = sim_le32(bad[i]);
		drv_w32(d, 0x1008, d->io.sq_tail);
		assert_true(drv_poll(d, &d->admin, &cqe));
		assert_int_equal(cqe.dw0, 1 << 16 | 1 << 8); /* error log, invalid doorbell value */
		shadow[0] = was;
		assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
		/* the log page is read: the next one is reported, too */
		struct drv_cmd log = { { 0x02, [10] = 15 << 16 | 1 } };

		assert_int_equal(drv_admin(d, &log, drv_alloc(d, 4096), 64, NULL), 0);

		was = shadow[1];
		drv_submit(d, &d->admin, &aer);
		shadow[1] = sim_le32(bad[i]);
		drv_w32(d, 0x100c, d->io.cq_head);
		assert_true(drv_poll(d, &d->admin, &cqe));
		assert_int_equal(cqe.dw0, 1 << 16 | 1 << 8);
		shadow[1] = was;
		assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
		assert_int_equal(drv_admin(d, &log, drv_alloc(d, 4096), 64, NULL), 0);
	}
	drv_free(d);
}

static void test_reset(void **state)
{
	struct drv *d = start(false);
	struct drv_cmd cmd = { { OP_FLUSH, 1 } };
	uint64_t shadow;

	use(d);
	shadow = d->shadow;
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
	drv_disable(d);
	d->shadow = 0;
	memset(drv_ptr(d, shadow), 0x11, DRV_PAGE);
	drv_start(d);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
	assert_int_equal(entry(d, shadow, 1, false), 0x11111111);
	drv_free(d);
}

/* the buffers are gone (a host's mistake): registers count */
static void test_buffers_gone(void **state)
{
	struct drv *d = start(true);
	struct drv_cmd cmd = { { OP_FLUSH, 1 } };

	use(d);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
	sim_cfg_write(d->fn, 0x04, 2, 0x0002); /* nothing can be reached */
	drv_w32(d, 0x1008, d->io.sq_tail);
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
	drv_free(d);
}

#define THREADS	 4
#define COMMANDS 4000

struct worker {
	struct drv *d;
	struct drv_queue q;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int put = 0, got = 0;
	struct drv_cqe cqe;

	while (got < COMMANDS) {
		struct drv_cmd cmd = { { OP_FLUSH, 1 } };

		if (put < COMMANDS && put - got < 10) {
			drv_submit(w->d, &w->q, &cmd);
			put++;
		}
		while (drv_poll(w->d, &w->q, &cqe)) {
			if (cqe.status)
				return NULL;
			got++;
		}
	}
	return w;
}

/* several queues at once, of completion queues that fill up, with coalesced interrupts and timers
 */
static void test_threads(void **state)
{
	static struct worker w[THREADS];
	struct drv *d = start(false);
	struct drv_cmd cmd;
	void *ret;

	use(d);
	assert_int_equal(set_feature(d, 0x08, 0, 1 << 8 | 3, NULL), ST_OK);
	for (unsigned int i = 0; i < THREADS; i++) {
		const uint16_t qid = (uint16_t)(i + 2);

		w[i] = (struct worker){ .d = d,
					.q = { .qid = qid, .size = 16, .cq_size = 4, .phase = 1 } };
		w[i].q.cq_iova = drv_alloc(d, 4096);
		w[i].q.sq_iova = drv_alloc(d, 4096);
		cmd = (struct drv_cmd){
			{ 0x05, [10] = 3 << 16 | qid, [11] = (uint32_t)qid << 16 | 3 }
		};
		assert_int_equal(drv_admin(d, &cmd, w[i].q.cq_iova, 4096, NULL), 0);
		cmd = (struct drv_cmd){
			{ 0x01, [10] = 15 << 16 | qid, [11] = (uint32_t)qid << 16 | 1 }
		};
		assert_int_equal(drv_admin(d, &cmd, w[i].q.sq_iova, 4096, NULL), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	for (unsigned int i = 0; i < 200; i++) /* what the workers wait for never depends on it */
		sim_run_timers(d->subsys);
	for (unsigned int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(w[i].thread, &ret), 0);
		assert_ptr_equal(ret, &w[i]);
		assert_true(d->irqs[i + 2] > 0);
	}
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_running_queues),
		cmocka_unit_test(test_admin),
		cmocka_unit_test(test_no_ring_needed),
		cmocka_unit_test(test_full_completion_queue),
		cmocka_unit_test(test_pin),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_buffers_gone),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
