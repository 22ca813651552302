/* SPDX-License-Identifier: MIT */
/*
 * test_lend.c - Reads whose blocks the host's port is lent (core/ctrl/lend.h). drv.c's port keeps
 * what it is lent until it is settled, compares it then with what it was, and every doorbell ends
 * with nothing lent: that is looked at in all tests, and in these on purpose.
 */
#include <pthread.h>
#include <unistd.h>

#include "nvmcmd.h"

#define LBS   512u
#define DEPTH 63u

enum { ST_TRANSFER = 0x004 };

static struct drv *d;
static uint64_t mem; /* a page for each command */

static int setup(void **state)
{
	d = drv_new(NULL);
	drv_start(d);
	mem = drv_alloc(d, (DEPTH + 1) * DRV_PAGE);
	return 0;
}

static int teardown(void **state)
{
	drv_free(d);
	return 0;
}

static uint64_t page(unsigned int i)
{
	return mem + i * DRV_PAGE;
}

/* a block of @fill at page @i; it is written if @opcode says so */
static struct drv_cmd block(uint8_t opcode, uint64_t slba, unsigned int i, int fill)
{
	struct drv_cmd cmd = rw_cmd(opcode, slba, 1, 0);

	memset(drv_ptr(d, page(i)), fill, LBS);
	drv_prps(d, &cmd, page(i), LBS);
	return cmd;
}

static void put(uint8_t opcode, uint64_t slba, unsigned int i, int fill)
{
	struct drv_cmd cmd = block(opcode, slba, i, fill);

	drv_put(d, &d->io, &cmd);
}

static void write_block(uint64_t slba, int fill)
{
	struct drv_cmd cmd = block(OP_WRITE, slba, DEPTH, fill);

	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
}

static bool holds(unsigned int i, int fill)
{
	const uint8_t *p = drv_ptr(d, page(i));

	for (unsigned int k = 0; k < LBS; k++)
		if (p[k] != fill)
			return false;
	return true;
}

/* @n completions, each of success */
static void reap(unsigned int n)
{
	struct drv_cqe cqe;

	for (unsigned int i = 0; i < n; i++) {
		assert_true(drv_poll(d, &d->io, &cqe));
		assert_int_equal(cqe.status & 0x7ff, 0);
	}
	assert_false(drv_poll(d, &d->io, &cqe));
}

/* all of a queue, more than is lent at once */
static void test_many(void **state)
{
	for (unsigned int i = 0; i < DEPTH; i++)
		write_block(i, (int)i + 1);
	d->lent = 0;
	for (unsigned int round = 0; round < 10; round++) {
		for (unsigned int i = 0; i < DEPTH; i++)
			put(OP_READ, i, i, 0);
		drv_ring_sq(d, &d->io);
		reap(DEPTH);
		for (unsigned int i = 0; i < DEPTH; i++)
			assert_true(holds(i, (int)i + 1));
	}
	assert_int_equal(d->lent, 10 * DEPTH);
}

/* a command sees what those before it in the queue did, and not what those behind it do */
static void test_order(void **state)
{
	write_block(5, 1);
	for (unsigned int i = 0; i < 20; i += 2) {
		put(OP_READ, 5, i, 0);
		put(OP_WRITE, 5, i + 1, (int)i + 2);
	}
	put(OP_READ, 5, 20, 0);
	drv_ring_sq(d, &d->io);
	reap(21);
	for (unsigned int i = 0; i <= 20; i += 2)
		assert_true(holds(i, i ? (int)i : 1));
}

/* deallocated and read in one: the memory goes after it was read */
static void test_deallocate(void **state)
{
	struct drv_cmd dsm = { { OP_DSM, 1 } };
	const uint64_t at = drv_alloc(d, DRV_PAGE);
	uint32_t *range = drv_ptr(d, at);
	struct drv_cmd cmd = rw_cmd(OP_WRITE, 0, 256, 0);
	const uint64_t all = drv_alloc(d, 256 * LBS);

	memset(drv_ptr(d, all), 7, 256 * LBS);
	drv_prps(d, &cmd, all, 256 * LBS);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
	range[1] = sim_le32(256);
	dsm.dw[11] = 4;
	drv_prps(d, &dsm, at, 16);
	for (unsigned int i = 0; i < 10; i++)
		put(OP_READ, i * 20, i, 0);
	drv_put(d, &d->io, &dsm);
	put(OP_READ, 20, 10, 1);
	drv_ring_sq(d, &d->io);
	reap(12);
	for (unsigned int i = 0; i < 10; i++)
		assert_true(holds(i, 7));
	assert_true(holds(10, 0));
}

/* ---- one who waits ------------------------------------------------------------------------- */

static struct drv_queue other;

static void *write_two(void *arg)
{
	struct drv_cmd cmd = rw_cmd(OP_WRITE, 0, 2, 0);
	struct drv_cqe cqe;
	const uint64_t iova = *(uint64_t *)arg;

	drv_prps(d, &cmd, iova, 2 * LBS);
	drv_put(d, &other, &cmd);
	drv_ring_sq(d, &other);
	assert_true(drv_poll(d, &other, &cqe));
	assert_int_equal(cqe.status, 0);
	return NULL;
}

static pthread_t thread;
static uint64_t two;

/* at the first transfer, block 0's: a writer of blocks 0 and 1 comes, and waits for block 0 */
static void writer_comes(struct drv *drv)
{
	d->on_xfer = NULL;
	pthread_create(&thread, NULL, write_two, &two);
	usleep(50000);
}

/* blocks 0 and @slba hold 1 and 2; another queue's Write of 9 to blocks 0 and 1 is ready */
static void two_writers(uint64_t slba)
{
	drv_create_queue(d, &other, 2, 16);
	two = drv_alloc(d, 2 * LBS);
	write_block(0, 1);
	write_block(slba, 2);
	memset(drv_ptr(d, two), 9, 2 * LBS);
}

/* who has lent block 0 wants block 1, before which somebody waits for block 0 */
static void test_writer(void **state)
{
	two_writers(1);
	put(OP_READ, 0, 0, 0);
	put(OP_READ, 1, 1, 0);
	put(OP_READ, 0, 2, 0);
	d->on_xfer = writer_comes;
	drv_ring_sq(d, &d->io);
	pthread_join(thread, NULL);
	reap(3);
	assert_true(holds(0, 1));
	/* the other thread may have been slow, but it wrote both blocks as one */
	assert_true(holds(1, 9) || holds(1, 2));
	assert_true(holds(2, 9) || (holds(2, 1) && holds(1, 2)));
}

/* at the second transfer, which is of another block: block 0 has been lent */
static void writer_comes_later(struct drv *drv)
{
	d->on_xfer = writer_comes;
}

/* a block that is lent is not written before it has been moved */
static void test_claim(void **state)
{
	two_writers(7);
	put(OP_READ, 0, 0, 0);
	put(OP_READ, 7, 1, 0);
	d->on_xfer = writer_comes_later;
	drv_ring_sq(d, &d->io);
	pthread_join(thread, NULL);
	reap(2);
	assert_true(holds(0, 1));
	assert_true(holds(1, 2));
}

/* ---- one who must be alone ----------------------------------------------------------------- */

static void *delete_queue(void *arg)
{
	struct drv_cmd cmd = { { 0x00 } }; /* Delete I/O Submission Queue */

	cmd.dw[10] = d->io.qid;
	drv_put(d, &d->admin, &cmd);
	drv_ring_sq(d, &d->admin);
	return NULL;
}

static void admin_comes(struct drv *drv)
{
	d->on_xfer = NULL;
	pthread_create(&thread, NULL, delete_queue, NULL);
	usleep(50000);
}

/* the subsystem's lock is handed over between two of them, and the queue goes */
static void test_exclusive(void **state)
{
	unsigned int n = 0;
	struct drv_cqe cqe;

	for (unsigned int i = 0; i < 8; i++)
		write_block(i, (int)i + 1);
	for (unsigned int i = 0; i < 8; i++)
		put(OP_READ, i, i, 0);
	d->on_xfer = admin_comes;
	drv_ring_sq(d, &d->io);
	pthread_join(thread, NULL);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.status, 0);
	/* those that were begun were carried out */
	while (drv_poll(d, &d->io, &cqe)) {
		assert_int_equal(cqe.status, 0);
		assert_true(holds(n, (int)n + 1));
		n++;
	}
	assert_in_range(n, 1, 8); /* all of them, if the other thread was slow */
}

/* ---- those that are not lent, or not whole ------------------------------------------------- */

static void test_fua(void **state)
{
	struct drv_cmd cmd;

	write_block(3, 3);
	d->lent = 0;
	cmd = block(OP_READ, 3, 0, 0);
	cmd.dw[12] |= FUA;
	put(OP_READ, 3, 1, 0);
	drv_put(d, &d->io, &cmd);
	put(OP_READ, 3, 2, 0);
	drv_ring_sq(d, &d->io);
	reap(3);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(holds(i, 3));
	assert_int_equal(d->lent, 2);
}

/* half of it has been lent when the other half turns out to be nowhere */
static void test_half(void **state)
{
	struct drv_cmd cmd = rw_cmd(OP_READ, 0, 16, 0);
	struct drv_cqe cqe;

	for (unsigned int i = 0; i < 16; i++)
		write_block(i, 4);
	drv_prps(d, &cmd, page(1), DRV_PAGE);
	cmd.dw[8] = (uint32_t)(DRV_IOVA + DRV_MEM);
	cmd.dw[9] = (uint32_t)((DRV_IOVA + DRV_MEM) >> 32);
	drv_put(d, &d->io, &cmd);
	put(OP_WRITE, 0, 3, 5);
	put(OP_READ, 0, 4, 0);
	drv_ring_sq(d, &d->io);
	assert_true(drv_poll(d, &d->io, &cqe));
	assert_int_equal(cqe.status & 0x7ff, ST_TRANSFER);
	reap(2);
	assert_true(holds(4, 5));
}

/* queue 2, whose completion queue is of another size */
static void create_queue(struct drv_queue *q, uint16_t size, uint16_t cq_size)
{
	struct drv_cmd cmd = { { 0x05 } }; /* Create I/O Completion Queue */

	*q = (struct drv_queue){ .qid = 2, .size = size, .cq_size = cq_size, .phase = 1 };
	q->sq_iova = drv_alloc(d, DRV_PAGE);
	q->cq_iova = drv_alloc(d, DRV_PAGE);
	cmd.dw[10] = (cq_size - 1u) << 16 | q->qid;
	cmd.dw[11] = 1; /* PC */
	assert_int_equal(drv_admin(d, &cmd, q->cq_iova, DRV_PAGE, NULL), 0);
	memset(&cmd, 0, sizeof(cmd));
	cmd.dw[0] = 0x01; /* Create I/O Submission Queue */
	cmd.dw[10] = (size - 1u) << 16 | q->qid;
	cmd.dw[11] = (uint32_t)q->qid << 16 | 1;
	assert_int_equal(drv_admin(d, &cmd, q->sq_iova, DRV_PAGE, NULL), 0);
}

/* the completion queue has room for three at a time */
static void test_full(void **state)
{
	struct drv_cmd cmd;
	struct drv_queue q;
	struct drv_cqe cqe;

	create_queue(&q, 16, 4);
	write_block(0, 6);
	for (unsigned int round = 0; round < 5; round++) {
		for (unsigned int i = 0; i < 15; i++) {
			cmd = block(OP_READ, 0, i, 0);
			drv_put(d, &q, &cmd);
		}
		drv_ring_sq(d, &q);
		for (unsigned int i = 0; i < 15; i++) {
			assert_true(drv_poll(d, &q, &cqe));
			assert_int_equal(cqe.status & 0x7ff, 0);
		}
		for (unsigned int i = 0; i < 15; i++)
			assert_true(holds(i, 6));
	}
}

/* ---- more Reads than the queue has requests ------------------------------------------------- */

#define READS 40u

static struct drv_queue few;
static unsigned int nr_put;

static void *put_another(void *arg)
{
	struct drv_cmd cmd = block(OP_READ, 0, nr_put, 0);

	drv_put(d, &few, &cmd);
	nr_put++;
	drv_ring_sq(d, &few);
	return NULL;
}

/* the host goes on while they are carried out, and has not seen any of them complete */
static void another_comes(struct drv *drv)
{
	if (nr_put == READS)
		return;
	pthread_create(&thread, NULL, put_another, NULL);
	pthread_join(thread, NULL);
}

static void test_requests(void **state)
{
	struct drv_cqe cqe;

	create_queue(&few, 4, 64);
	write_block(0, 8);
	nr_put = 0;
	d->on_xfer = another_comes;
	put_another(NULL);
	d->on_xfer = NULL;
	assert_int_equal(nr_put, READS);
	for (unsigned int i = 0; i < READS; i++) {
		assert_true(drv_poll(d, &few, &cqe));
		assert_int_equal(cqe.status, 0);
		assert_true(holds(i, 8));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deallocate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_claim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exclusive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fua, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
