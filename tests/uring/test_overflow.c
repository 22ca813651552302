/* SPDX-License-Identifier: MIT */
/* test_overflow.c - a completion queue that is full: nothing is lost (IORING_FEAT_NODROP) */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ur.h"

static void small(struct io_uring *r, unsigned int flags)
{
	struct io_uring_params p = {.cq_entries = 8, .sq_thread_idle = 50};

	assert_int_equal(ur_setup(r, 8, flags | IORING_SETUP_CQSIZE, &p), 0);
	assert_int_equal(p.cq_entries, 8);
}

/* submit and reap nothing, several times the queue's size; then count all of it */
static void overflow(struct io_uring *r, void (*one)(struct io_uring *r, uint64_t data, void *arg),
		     void *arg, unsigned int n)
{
	uint8_t seen[256] = {0};
	uint64_t end = ur_ms() + 10000;
	bool flag = false;

	assert_true(n <= sizeof(seen) && n > 16);
	for (uint64_t i = 0; i < n; i++) {
		int ret;

		one(r, i, arg);
		if (i % 8 != 7)
			continue;
		/* with a backlog, the kernel may refuse to take more */
		while ((ret = io_uring_submit(r)) == -EBUSY || ret == -EAGAIN)
			;
		assert_int_equal(ret, 8);
		if (i >= 16)
			flag |= io_uring_cq_has_overflow(r);
	}
	/* commands may take a while */
	while ((!flag || io_uring_cq_ready(r) < 8) && ur_ms() < end)
		flag |= io_uring_cq_has_overflow(r);
	assert_true(flag);
	assert_int_equal(io_uring_cq_ready(r), 8);
	for (unsigned int i = 0; i < n; i++) {
		struct ur_cqe c = ur_reap(r);

		assert_int_equal(c.res, 0);
		assert_in_range(c.data, 0, n - 1);
		assert_int_equal(seen[c.data]++, 0);
	}
	ur_nothing(r, 5);
	assert_false(io_uring_cq_has_overflow(r));
	/* what the header calls lost completions */
	assert_int_equal(*r->cq.koverflow, 0);
}

static void one_nop(struct io_uring *r, uint64_t data, void *arg)
{
	ur_nop(r, data, 0);
}

static void test_nops(void **state)
{
	struct io_uring r;

	small(&r, 0);
	for (int i = 0; i < 10; i++)
		overflow(&r, one_nop, NULL, 64);
	ur_exit(&r);
}

/* the completions in the ring stay what they were while others wait behind them; order is kept */
static void test_order(void **state)
{
	struct io_uring r;

	small(&r, 0);
	for (uint64_t i = 0; i < 32; i++) {
		ur_nop(&r, i, 0);
		ur_submit(&r, 1);
	}
	for (uint64_t i = 0; i < 32; i++)
		ur_expect(&r, i, 0);
	/* a few at a time */
	for (uint64_t i = 0; i < 32; i++) {
		ur_nop(&r, i, 0);
		ur_submit(&r, 1);
		if (i % 4 == 3)
			ur_expect(&r, i / 4, 0);
	}
	for (uint64_t i = 8; i < 32; i++)
		ur_expect(&r, i, 0);
	ur_exit(&r);
}

/* flushed by a wait for more than the queue holds, or by one that asks for nothing */
static void test_flush(void **state)
{
	struct io_uring r;

	small(&r, 0);
	for (uint64_t i = 0; i < 16; i++) {
		ur_nop(&r, i, 0);
		ur_submit(&r, 1);
	}
	assert_int_equal(io_uring_cq_ready(&r), 8);
	io_uring_cq_advance(&r, 8);
	assert_int_equal(io_uring_cq_ready(&r), 0);
	assert_int_equal(
		io_uring_enter((unsigned int)r.ring_fd, 0, 0, IORING_ENTER_GETEVENTS, NULL), 0);
	assert_int_equal(io_uring_cq_ready(&r), 8);
	assert_false(io_uring_cq_has_overflow(&r));
	for (uint64_t i = 8; i < 16; i++)
		ur_expect(&r, i, 0);
	/* a full queue satisfies a wait for more than it can hold */
	for (uint64_t i = 0; i < 8; i++)
		ur_nop(&r, i, 0);
	ur_submit(&r, 8);
	assert_int_equal(
		io_uring_enter((unsigned int)r.ring_fd, 0, 100, IORING_ENTER_GETEVENTS, NULL), 0);
	ur_exit(&r);

	/* a ring may end with a backlog */
	small(&r, 0);
	for (uint64_t i = 0; i < 64; i++) {
		ur_nop(&r, i, 0);
		ur_submit(&r, 1);
	}
	ur_exit(&r);
}

static void test_sqpoll(void **state)
{
	struct io_uring r;
	uint64_t n = 0, end;
	unsigned int seen = 0;

	small(&r, IORING_SETUP_SQPOLL);
	end = ur_ms() + 10000;
	while (n < 40 && ur_ms() < end) {
		if (!io_uring_sq_space_left(&r)) {
			usleep(100);
			continue;
		}
		ur_nop(&r, n++, 0);
		assert_true(io_uring_submit(&r) >= 0);
	}
	assert_int_equal(n, 40);
	for (uint64_t i = 0; i < 40; i++) {
		struct ur_cqe c = ur_reap(&r);

		assert_int_equal(c.data, i);
		seen++;
	}
	assert_int_equal(seen, 40);
	ur_exit(&r);
}

/* ---- with commands
 * --------------------------------------------------------------------------------- */

struct io {
	int fd;
	uint8_t *buf;
};

static void one_io(struct io_uring *r, uint64_t data, void *arg)
{
	struct io *io = arg;

	ur_cmd(r, io->fd, NVME_URING_CMD_IO,
	       ur_rw(data & 1 ? UR_READ : UR_WRITE, data, 8, io->buf + data % 8 * 4096), data);
}

static void test_commands(void **state)
{
	struct io io = {ur_open(ur.ns, O_RDWR), ur_pages(8)};
	struct io_uring r;

	small(&r, 0);
	for (int i = 0; i < 10; i++)
		overflow(&r, one_io, &io, 64);
	ur_exit(&r);
	close(io.fd);
}

/* what a command that overflowed carries with it: its 64-bit result */
static void test_result_kept(void **state)
{
	int ctrl = ur_open(ur.ctrl, O_RDWR);
	struct io_uring r;

	small(&r, 0);
	for (uint64_t i = 0; i < 24; i++) {
		/* Get Features: Temperature Threshold or Number of Queues, both not 0 */
		ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN,
		       (struct nvme_uring_cmd){.opcode = 0x0a, .cdw10 = i & 1 ? 0x07 : 0x04}, i);
		ur_submit(&r, 1);
	}
	{
		uint64_t even = ur_expect(&r, 0, 0), odd = ur_expect(&r, 1, 0);

		assert_int_not_equal(even, 0);
		assert_int_not_equal(even, odd);
		for (uint64_t i = 2; i < 24; i++)
			assert_int_equal(ur_expect(&r, i, 0), i & 1 ? odd : even);
	}
	ur_exit(&r);
	close(ctrl);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_nops),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_sqpoll),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_result_kept),
	};

	return ur_main(argc, argv, rings, nodes);
}
