/* SPDX-License-Identifier: MIT */
/*
 * test_chain.c - what the flags of an SQE do: links, hard links, drain, CQE_SKIP_SUCCESS, ASYNC;
 * NOP
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ur.h"

/* refused when it is issued, not when it is looked at: no such descriptor */
static struct io_uring_sqe *fails(struct io_uring *r, uint64_t data, unsigned int sqe_flags)
{
	struct io_uring_sqe *sqe = ur_sqe(r, IORING_OP_URING_CMD, data);

	sqe->fd = 9999;
	sqe->flags = (uint8_t)sqe_flags;
	return sqe;
}

/* refused when it is looked at */
static void malformed(struct io_uring *r, uint64_t data, unsigned int sqe_flags)
{
	ur_nop(r, data, sqe_flags)->ioprio = 7;
}

static void expect(struct io_uring *r, int n, const int32_t *res)
{
	uint64_t data[32];

	for (int i = 0; i < n; i++)
		data[i] = (uint64_t)i + 1;
	ur_expect_any(r, data, res, n);
	ur_nothing(r, 2);
}

static void test_nop(void **state)
{
	struct io_uring r;

	ur_init(&r, 64, 0);
	for (int round = 0; round < 20; round++) {
		for (uint64_t i = 0; i < 64; i++)
			ur_nop(&r, i << 32 | i, i & 1 ? IOSQE_ASYNC : 0);
		assert_null(io_uring_get_sqe(&r));
		ur_submit(&r, 64);
		for (uint64_t i = 0, seen = 0; i < 64; i++) {
			struct ur_cqe c = ur_reap(&r);

			assert_int_equal(c.res, 0);
			assert_int_equal(c.flags, 0);
			assert_int_equal(c.data >> 32, c.data & 63);
			assert_false(seen >> (c.data & 63) & 1);
			seen |= 1ull << (c.data & 63);
		}
	}
	ur_nothing(&r, 2);
	ur_exit(&r);
}

static void test_links(void **state)
{
	struct io_uring r;

	ur_init(&r, 32, 0);
	/* in order, all of them */
	for (uint64_t i = 1; i <= 8; i++)
		ur_nop(&r, i, i < 8 ? IOSQE_IO_LINK : 0);
	ur_submit(&r, 8);
	for (uint64_t i = 1; i <= 8; i++)
		ur_expect(&r, i, 0);

	/* a failure ends the chain, and only the chain */
	ur_nop(&r, 1, IOSQE_IO_LINK);
	fails(&r, 2, IOSQE_IO_LINK);
	ur_nop(&r, 3, IOSQE_IO_LINK);
	ur_nop(&r, 4, 0);
	ur_nop(&r, 5, 0);
	ur_submit(&r, 5);
	expect(&r, 5, (int32_t[]){0, -EBADF, -ECANCELED, -ECANCELED, 0});

	/* the first one */
	fails(&r, 1, IOSQE_IO_LINK);
	ur_nop(&r, 2, 0);
	ur_submit(&r, 2);
	expect(&r, 2, (int32_t[]){-EBADF, -ECANCELED});

	/* the last one: nothing follows */
	ur_nop(&r, 1, IOSQE_IO_LINK);
	fails(&r, 2, 0);
	ur_nop(&r, 3, 0);
	ur_submit(&r, 3);
	expect(&r, 3, (int32_t[]){0, -EBADF, 0});

	/* the end of a submission ends a chain, whatever the flag says */
	fails(&r, 1, IOSQE_IO_LINK);
	ur_submit(&r, 1);
	ur_nop(&r, 2, 0);
	ur_submit(&r, 1);
	expect(&r, 2, (int32_t[]){-EBADF, 0});
	ur_exit(&r);
}

static void test_hardlinks(void **state)
{
	struct io_uring r;

	ur_init(&r, 32, 0);
	/* a hard link holds when what is before it fails */
	fails(&r, 1, IOSQE_IO_HARDLINK);
	ur_nop(&r, 2, IOSQE_IO_HARDLINK);
	fails(&r, 3, IOSQE_IO_HARDLINK);
	ur_nop(&r, 4, 0);
	ur_submit(&r, 4);
	expect(&r, 4, (int32_t[]){-EBADF, 0, -EBADF, 0});

	/* an ordinary link within does not */
	fails(&r, 1, IOSQE_IO_HARDLINK);
	fails(&r, 2, IOSQE_IO_LINK);
	ur_nop(&r, 3, IOSQE_IO_HARDLINK);
	ur_nop(&r, 4, 0);
	ur_submit(&r, 4);
	expect(&r, 4, (int32_t[]){-EBADF, -EBADF, -ECANCELED, -ECANCELED});
	ur_exit(&r);
}

/* an SQE refused at once: the submission ends behind it, unless SUBMIT_ALL */
static void test_malformed(void **state)
{
	struct io_uring r;

	ur_init(&r, 32, 0);
	ur_nop(&r, 1, 0);
	malformed(&r, 2, 0);
	ur_nop(&r, 3, 0);
	ur_submit(&r, 2);
	expect(&r, 2, (int32_t[]){0, -EINVAL});
	assert_int_equal(io_uring_sq_ready(&r), 1);
	ur_submit(&r, 1);
	ur_expect(&r, 3, 0);

	/* within a chain all of the chain is cancelled, also what was before */
	ur_nop(&r, 1, IOSQE_IO_LINK);
	malformed(&r, 2, IOSQE_IO_LINK);
	ur_nop(&r, 3, 0);
	assert_in_range(io_uring_submit(&r), 2, 3);
	if (io_uring_sq_ready(&r))
		ur_submit(&r, 1);
	{
		struct ur_cqe c[3];

		for (int i = 0; i < 3; i++)
			c[i] = ur_reap(&r);
		for (int i = 0; i < 3; i++) {
			if (c[i].data == 1)
				assert_int_equal(c[i].res, -ECANCELED);
			else if (c[i].data == 2)
				assert_int_equal(c[i].res, -EINVAL);
		}
	}
	ur_exit(&r);

	ur_init(&r, 32, IORING_SETUP_SUBMIT_ALL);
	ur_nop(&r, 1, 0);
	malformed(&r, 2, 0);
	ur_nop(&r, 3, 0);
	malformed(&r, 4, 0);
	ur_nop(&r, 5, 0);
	ur_submit(&r, 5);
	expect(&r, 5, (int32_t[]){0, -EINVAL, 0, -EINVAL, 0});
	ur_nop(&r, 1, IOSQE_IO_LINK);
	malformed(&r, 2, IOSQE_IO_LINK);
	ur_nop(&r, 3, 0);
	ur_nop(&r, 4, 0);
	ur_submit(&r, 4);
	expect(&r, 4, (int32_t[]){-ECANCELED, -EINVAL, -ECANCELED, 0});
	ur_exit(&r);
}

static void test_sqe_flags(void **state)
{
	struct io_uring_sqe *sqe;
	struct io_uring r;

	ur_init(&r, 32, IORING_SETUP_SUBMIT_ALL);
	ur_nop(&r, 1, 1u << 7); /* no such flag */
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_nop(&r, 1, IOSQE_BUFFER_SELECT);
	assert_int_equal(ur_one(&r), -EOPNOTSUPP);
	sqe = ur_nop(&r, 1, 0);
	sqe->personality = 5;
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_nop(&r, 1, IOSQE_ASYNC);
	assert_int_equal(ur_one(&r), 0);
	ur_exit(&r);
}

/* CQE_SKIP_SUCCESS: silent when it goes well, heard when it does not */
static void test_skip(void **state)
{
	struct io_uring r;

	ur_init(&r, 32, 0);
	ur_nop(&r, 1, IOSQE_CQE_SKIP_SUCCESS);
	ur_nop(&r, 2, 0);
	ur_submit(&r, 2);
	ur_expect(&r, 2, 0);
	ur_nothing(&r, 2);
	fails(&r, 3, IOSQE_CQE_SKIP_SUCCESS);
	assert_int_equal(ur_one(&r), -EBADF);

	/* in a chain: the failed one is heard, those cancelled after it only if they may be */
	ur_nop(&r, 1, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
	fails(&r, 2, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
	ur_nop(&r, 3, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
	ur_nop(&r, 4, 0);
	ur_submit(&r, 4);
	ur_expect(&r, 2, -EBADF);
	ur_nothing(&r, 2);

	/* and the ring cannot drain any more */
	ur_nop(&r, 5, IOSQE_IO_DRAIN);
	assert_int_equal(ur_one(&r), -EOPNOTSUPP);
	ur_exit(&r);
}

/* DRAIN: after all before it, before all after it */
static void test_drain(void **state)
{
	struct __kernel_timespec ts = {.tv_nsec = 30000000};
	struct io_uring_sqe *sqe;
	struct io_uring r;

	ur_init(&r, 32, 0);
	for (uint64_t i = 1; i <= 16; i++)
		ur_nop(&r, i, i % 4 ? 0 : IOSQE_IO_DRAIN);
	ur_submit(&r, 16);
	for (uint64_t i = 1; i <= 16; i++)
		ur_expect(&r, i, 0);

	/* with one before it that takes its time; timeouts count as completions, but do not hold a
	 * drain up when they are sequenced, so this one is not */
	sqe = ur_sqe(&r, IORING_OP_TIMEOUT, 1);
	sqe->addr = (uintptr_t)&ts;
	sqe->len = 1;
	ur_nop(&r, 2, 0);
	ur_nop(&r, 3, IOSQE_IO_DRAIN);
	ur_nop(&r, 4, 0);
	ur_submit(&r, 4);
	ur_expect(&r, 2, 0);
	ur_expect(&r, 1, -ETIME);
	ur_expect(&r, 3, 0);
	ur_expect(&r, 4, 0);

	/* a chain whose head drains */
	ur_nop(&r, 1, 0);
	ur_nop(&r, 2, IOSQE_IO_DRAIN | IOSQE_IO_LINK);
	ur_nop(&r, 3, 0);
	ur_nop(&r, 4, 0);
	ur_submit(&r, 4);
	for (uint64_t i = 1; i <= 4; i++)
		ur_expect(&r, i, 0);
	ur_exit(&r);
}

/* ---- with commands ------------------------------------------------------------------------------
 */

/* Write, Read of the same block, Write, Read: linked, so each read sees the write before it */
static void test_cmd_links(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	uint8_t *buf = ur_pages(8);
	struct io_uring r;

	ur_init(&r, 64, 0);
	for (int round = 0; round < 50; round++) {
		for (uint32_t i = 0; i < 8; i++) {
			ur_fill(buf + i * 1024, 512, (uint32_t)round * 8 + i);
			memset(buf + i * 1024 + 512, 0, 512);
			ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 9, 1, buf + i * 1024),
			       2 * i)
				->flags = IOSQE_IO_LINK;
			ur_cmd(&r, ns, NVME_URING_CMD_IO,
			       ur_rw(UR_READ, 9, 1, buf + i * 1024 + 512), 2 * i + 1)
				->flags = i < 7 ? IOSQE_IO_LINK : 0;
		}
		ur_submit(&r, 16);
		for (uint64_t i = 0; i < 16; i++)
			ur_expect(&r, i, 0);
		for (uint32_t i = 0; i < 8; i++)
			assert_true(ur_filled(buf + i * 1024 + 512, 512, (uint32_t)round * 8 + i));
	}
	ur_exit(&r);
	close(ns);
}

/* A chain ends with what failed, which is what has a negative result. The drive's own status is a
 * positive one, and the kernel goes on behind it (io_uring_cmd_done()). */
static void test_cmd_chain_ends(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	uint8_t *buf = ur_pages(1);
	struct nvme_uring_cmd wrong = ur_rw(UR_READ, 0, 1, buf);
	struct io_uring r;

	wrong.nsid = 77;
	ur_init(&r, 16, 0);
	ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 1, 1, buf), 1)->flags = IOSQE_IO_LINK;
	ur_cmd(&r, ns, NVME_URING_CMD_IO, wrong, 2)->flags = IOSQE_IO_LINK;
	ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 1, 1, buf), 3);
	ur_submit(&r, 3);
	expect(&r, 3, (int32_t[]){0, -EINVAL, -ECANCELED});

	wrong = ur_rw(UR_READ, ~0ull >> 1, 1, buf);
	ur_cmd(&r, ns, NVME_URING_CMD_IO, wrong, 1)->flags = IOSQE_IO_LINK;
	ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 1, 1, buf), 2);
	ur_submit(&r, 2);
	{
		struct ur_cqe c = ur_reap(&r);

		assert_int_equal(c.data, 1);
		assert_int_equal(c.res & ~UR_MORE, 0x4080); /* LBA Out of Range, do not retry */
		ur_expect(&r, 2, 0);
	}
	wrong.nsid = 77;

	ur_cmd(&r, ns, NVME_URING_CMD_IO, wrong, 1)->flags = IOSQE_IO_HARDLINK;
	ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 1, 1, buf), 2);
	ur_submit(&r, 2);
	expect(&r, 2, (int32_t[]){-EINVAL, 0});

	ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 1, 1, buf), 1)->flags =
		IOSQE_CQE_SKIP_SUCCESS;
	ur_cmd(&r, ns, NVME_URING_CMD_IO, wrong, 2)->flags = IOSQE_CQE_SKIP_SUCCESS;
	ur_submit(&r, 2);
	ur_expect(&r, 2, -EINVAL);
	ur_nothing(&r, 2);
	ur_exit(&r);
	close(ns);
}

static void test_cmd_drain(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	uint8_t *buf = ur_pages(16);
	struct io_uring r;

	ur_init(&r, 128, 0);
	for (uint64_t i = 0; i < 128; i++)
		ur_cmd(&r, ns, NVME_URING_CMD_IO,
		       ur_rw(i & 1 ? UR_READ : UR_WRITE, i, 8, buf + i % 16 * 4096), i)
			->flags = i % 32 == 31 ? IOSQE_IO_DRAIN : IOSQE_ASYNC;
	ur_submit(&r, 128);
	for (uint64_t i = 0, below = 0; i < 128; i++) {
		struct ur_cqe c = ur_reap(&r);

		assert_int_equal(c.res, 0);
		/* of each 32, the last comes last */
		assert_int_equal(c.data / 32, below);
		if (c.data % 32 == 31) {
			assert_int_equal(i % 32, 31);
			below++;
		}
	}
	ur_exit(&r);
	close(ns);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_nop),	  cmocka_unit_test(test_links),
		cmocka_unit_test(test_hardlinks), cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_sqe_flags), cmocka_unit_test(test_skip),
		cmocka_unit_test(test_drain),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_cmd_links),
		cmocka_unit_test(test_cmd_chain_ends),
		cmocka_unit_test(test_cmd_drain),
	};

	return ur_main(argc, argv, rings, nodes);
}
