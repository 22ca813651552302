/* SPDX-License-Identifier: MIT */
/*
 * test_mixed.c - rings of mixed entries (Linux 6.18 and 6.19): 64-byte SQEs among which the opcodes
 * that end in 128 take two, 16-byte CQEs among which those of NVMe commands take two. liburing 2.3
 * knows neither, so entries are taken and read here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ur.h"

#define MIXED (IORING_SETUP_SQE_MIXED | IORING_SETUP_CQE_MIXED)

/* a kernel before 6.19 has no such rings; nvmesim-run always has. Return: false without one */
static bool mixed(struct io_uring *r, unsigned int entries)
{
	struct io_uring_params p = { .flags = MIXED };
	int ret;

	memset(r, 0, sizeof(*r));
	ret = io_uring_queue_init_params(entries, r, &p);
	if (ret == -EINVAL && !ur.door)
		return false;
	assert_int_equal(ret, 0);
	return true;
}

/* two entries side by side; one alone at the end of the ring is filled with a NOP that says nothing
 */
static struct io_uring_sqe *wide(struct io_uring *r, uint8_t opcode, uint64_t data)
{
	struct io_uring_sqe *sqe;

	if ((r->sq.sqe_tail & r->sq.ring_mask) == r->sq.ring_mask) {
		sqe = ur_sqe(r, IORING_OP_NOP, 0xf111);
		sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
	}
	sqe = ur_sqe(r, opcode, data);
	memset(io_uring_get_sqe(r), 0, 64);
	return sqe;
}

static struct io_uring_sqe *wide_cmd(struct io_uring *r, int fd, uint32_t op,
				     struct nvme_uring_cmd cmd, uint64_t data)
{
	struct io_uring_sqe *sqe = wide(r, IORING_OP_URING_CMD128, data);

	sqe->fd = fd;
	sqe->cmd_op = op;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	return sqe;
}

/* the next completion: skips what fills the end of the queue */
static struct ur_cqe reap(struct io_uring *r)
{
	struct io_uring_cqe *cqe;
	struct ur_cqe c = { 0 };

	do {
		struct __kernel_timespec ts = { .tv_sec = UR_PATIENCE };

		assert_int_equal(io_uring_wait_cqe_timeout(r, &cqe, &ts), 0);
		c = (struct ur_cqe){ cqe->user_data, 0, cqe->res, cqe->flags };
		if (c.flags & IORING_CQE_F_32) {
			/* never wraps */
			assert_in_range(cqe - r->cq.cqes, 0, r->cq.ring_mask - 1);
			memcpy(&c.result, cqe + 1, sizeof(c.result));
		}
		io_uring_cq_advance(r, c.flags & IORING_CQE_F_32 ? 2 : 1);
	} while (c.flags & IORING_CQE_F_SKIP);
	return c;
}

static void submit(struct io_uring *r)
{
	/* slots are counted, not commands */
	int n = (int)io_uring_sq_ready(r) + (int)(r->sq.sqe_tail - r->sq.sqe_head), got;

	got = io_uring_submit(r);
	assert_true(got > 0 && got <= n);
	assert_int_equal(io_uring_sq_ready(r), 0);
}

static void test_nops(void **state)
{
	struct io_uring r;

	assert_true(mixed(&r, 8));
	for (uint64_t i = 0; i < 100; i++) {
		struct ur_cqe c;

		if (i % 3)
			ur_sqe(&r, IORING_OP_NOP, i);
		else
			wide(&r, IORING_OP_NOP128, i);
		submit(&r);
		c = reap(&r);
		assert_int_equal(c.data, i);
		assert_int_equal(c.res, 0);
	}
	ur_exit(&r);
}

/* a wide one must not wrap; the ring goes on */
static void test_wrap(void **state)
{
	struct io_uring r;
	struct ur_cqe c;

	assert_true(mixed(&r, 8));
	for (uint64_t i = 0; i < 7; i++) {
		ur_sqe(&r, IORING_OP_NOP, i);
		submit(&r);
		assert_int_equal(reap(&r).data, i);
	}
	ur_sqe(&r, IORING_OP_NOP128, 7);
	assert_int_equal(io_uring_submit(&r), 1);
	c = reap(&r);
	assert_int_equal(c.data, 7);
	assert_int_equal(c.res, -EINVAL);
	ur_sqe(&r, IORING_OP_NOP, 8);
	submit(&r);
	c = reap(&r);
	assert_int_equal(c.data, 8);
	assert_int_equal(c.res, 0);
	/* half of one, at the end of a submission */
	ur_sqe(&r, IORING_OP_NOP128, 9);
	assert_int_equal(io_uring_submit(&r), 1);
	assert_int_equal(reap(&r).res, -EINVAL);
	ur_exit(&r);
}

static void test_narrow_refused(void **state)
{
	struct io_uring r;

	/* where all entries are wide, or none is, there is no wide opcode */
	ur_init(&r, 8, IORING_SETUP_SUBMIT_ALL);
	ur_sqe(&r, 250, 1);
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_exit(&r);
	/* one kind of mixing excludes its fixed size */
	assert_int_equal(ur_setup(&r, 8, IORING_SETUP_CQE_MIXED, NULL), -EINVAL);
	assert_int_equal(ur_setup(&r, 8, IORING_SETUP_SQE_MIXED, NULL), -EINVAL);
}

static void test_commands(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *out = ur_pages(1), *in = ur_pages(1);
	struct io_uring r;

	assert_true(mixed(&r, 16));
	for (uint32_t i = 0; i < 200; i++) {
		struct ur_cqe c;

		ur_fill(out, 4096, i);
		if (i % 3 == 0) {
			ur_sqe(&r, IORING_OP_NOP, 77);
			submit(&r);
			c = reap(&r);
			assert_int_equal(c.data, 77);
			assert_false(c.flags & IORING_CQE_F_32);
		}
		wide_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, i, 8, out), 1);
		submit(&r);
		c = reap(&r);
		assert_int_equal(c.data, 1);
		assert_int_equal(c.res, 0);
		assert_true(c.flags & IORING_CQE_F_32);
		wide_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, i, 8, in), 2);
		submit(&r);
		assert_int_equal(reap(&r).res, 0);
		assert_memory_equal(in, out, 4096);
	}
	ur_exit(&r);
	close(ns);
}

/* many at once, of both widths, so that both queues wrap at every point */
static void test_many(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *buf = ur_pages(8);
	struct io_uring r;

	assert_true(mixed(&r, 32));
	for (uint32_t round = 0; round < 100; round++) {
		uint32_t want = 0, seen = 0;

		for (uint32_t i = 0; i < 8; i++) {
			if ((round + i) % 3)
				wide_cmd(&r, ns, NVME_URING_CMD_IO,
					 ur_rw(UR_READ, i, 8, buf + i * 4096), i);
			else
				ur_sqe(&r, IORING_OP_NOP, i);
			want |= 1u << i;
		}
		submit(&r);
		while (seen != want) {
			struct ur_cqe c = reap(&r);

			assert_in_range(c.data, 0, 7);
			assert_int_equal(c.res, 0);
			assert_false(seen >> c.data & 1);
			assert_int_equal(!!(c.flags & IORING_CQE_F_32), !!((round + c.data) % 3));
			seen |= 1u << c.data;
		}
	}
	ur_exit(&r);
	close(ns);
}

/* 64 bytes are too few for an NVMe command */
static void test_narrow_command(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	struct io_uring_sqe *sqe;
	struct io_uring r;

	assert_true(mixed(&r, 16));
	sqe = ur_sqe(&r, IORING_OP_URING_CMD, 1);
	sqe->fd = ns;
	sqe->cmd_op = NVME_URING_CMD_IO;
	submit(&r);
	assert_int_equal(reap(&r).res, -EOPNOTSUPP);
	ur_exit(&r);
	close(ns);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_narrow_refused),
		cmocka_unit_test(test_nops),
		cmocka_unit_test(test_wrap),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_narrow_command),
	};
	size_t nr = sizeof(rings) / sizeof(rings[0]), nr_nodes = sizeof(nodes) / sizeof(nodes[0]);
	struct io_uring r;

	/* a kernel may be too old for such rings (before Linux 7.0); the door never is */
	if (argc < 3) {
		if (mixed(&r, 8))
			ur_exit(&r);
		else
			nr = 1;
	}
	return ur_run(argc, argv, rings, nr, nodes, nr_nodes);
}
