/* SPDX-License-Identifier: MIT */
/* test_time.c - TIMEOUT, TIMEOUT_REMOVE, LINK_TIMEOUT, ASYNC_CANCEL, and waiting with a timeout */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ur.h"

#define MS(n)                                                                                      \
	{                                                                                          \
		.tv_sec = (n) / 1000, .tv_nsec = (n) % 1000 * 1000000l                             \
	}

static const struct __kernel_timespec soon = MS(20), later = MS(60), never = MS(100000);

static struct io_uring_sqe *timeout(struct io_uring *r, uint64_t data,
				    const struct __kernel_timespec *ts, uint64_t count,
				    uint32_t flags)
{
	struct io_uring_sqe *sqe = ur_sqe(r, IORING_OP_TIMEOUT, data);

	sqe->addr = (uintptr_t)ts;
	sqe->len = 1;
	sqe->off = count;
	sqe->timeout_flags = flags;
	return sqe;
}

static struct io_uring_sqe *cancel(struct io_uring *r, uint64_t data, uint64_t whom, uint32_t flags)
{
	struct io_uring_sqe *sqe = ur_sqe(r, IORING_OP_ASYNC_CANCEL, data);

	sqe->addr = whom;
	sqe->cancel_flags = flags;
	return sqe;
}

static void test_timeout(void **state)
{
	struct __kernel_timespec abs;
	struct timespec now;
	struct io_uring r;
	uint64_t begun = ur_ms();

	ur_init(&r, 32, 0);
	timeout(&r, 1, &soon, 0, 0);
	assert_int_equal(ur_one(&r), -ETIME);
	assert_true(ur_ms() - begun >= 20);

	/* in the order of their ends, not of their submission */
	timeout(&r, 1, &later, 0, 0);
	timeout(&r, 2, &soon, 0, 0);
	ur_submit(&r, 2);
	ur_expect(&r, 2, -ETIME);
	ur_expect(&r, 1, -ETIME);

	/* at a point in time */
	clock_gettime(CLOCK_MONOTONIC, &now);
	abs = (struct __kernel_timespec){ now.tv_sec, now.tv_nsec + 20000000 };
	if (abs.tv_nsec >= 1000000000) {
		abs.tv_sec++;
		abs.tv_nsec -= 1000000000;
	}
	begun = ur_ms();
	timeout(&r, 1, &abs, 0, IORING_TIMEOUT_ABS);
	assert_int_equal(ur_one(&r), -ETIME);
	assert_in_range(ur_ms() - begun, 15, 5000);
	clock_gettime(CLOCK_REALTIME, &now);
	abs = (struct __kernel_timespec){ now.tv_sec - 1, 0 };
	timeout(&r, 1, &abs, 0, IORING_TIMEOUT_ABS | IORING_TIMEOUT_REALTIME);
	assert_int_equal(ur_one(&r), -ETIME);
	timeout(&r, 1, &soon, 0, IORING_TIMEOUT_BOOTTIME);
	assert_int_equal(ur_one(&r), -ETIME);

	/* -ETIME still, but no failure to a chain */
	timeout(&r, 1, &soon, 0, IORING_TIMEOUT_ETIME_SUCCESS)->flags = IOSQE_IO_LINK;
	ur_nop(&r, 2, 0);
	timeout(&r, 3, &soon, 0, 0)->flags = IOSQE_IO_LINK;
	ur_nop(&r, 4, 0);
	ur_submit(&r, 4);
	ur_expect_any(&r, (uint64_t[]){ 1, 2, 3, 4 }, (int32_t[]){ -ETIME, 0, -ETIME, -ECANCELED },
		      4);
	ur_exit(&r);
}

/* with a count: it ends with 0 once so many others have completed */
static void test_count(void **state)
{
	struct io_uring r;

	ur_init(&r, 32, 0);
	timeout(&r, 9, &never, 3, 0);
	ur_submit(&r, 1);
	ur_nop(&r, 1, 0);
	ur_nop(&r, 2, 0);
	ur_submit(&r, 2);
	ur_expect(&r, 1, 0);
	ur_expect(&r, 2, 0);
	ur_nothing(&r, 10);
	ur_nop(&r, 3, 0);
	ur_submit(&r, 1);
	ur_expect_any(&r, (uint64_t[]){ 3, 9 }, (int32_t[]){ 0, 0 }, 2);

	timeout(&r, 9, &soon, 5, 0);
	ur_nop(&r, 1, 0);
	ur_submit(&r, 2);
	ur_expect(&r, 1, 0);
	ur_expect(&r, 9, -ETIME);
	ur_exit(&r);
}

static void test_timeout_refused(void **state)
{
	struct __kernel_timespec odd = { .tv_sec = -1 };
	struct io_uring r;

	ur_init(&r, 32, IORING_SETUP_SUBMIT_ALL);
	timeout(&r, 1, &soon, 0, 1u << 30);
	assert_int_equal(ur_one(&r), -EINVAL);
	timeout(&r, 1, &soon, 0, IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME);
	assert_int_equal(ur_one(&r), -EINVAL);
	timeout(&r, 1, &soon, 0, 0)->len = 2;
	assert_int_equal(ur_one(&r), -EINVAL);
	timeout(&r, 1, (void *)8, 0, 0);
	assert_int_equal(ur_one(&r), -EFAULT);
	timeout(&r, 1, &odd, 0, 0);
	assert_int_equal(ur_one(&r), -EINVAL);
	timeout(&r, 1, &soon, 0, 0)->buf_index = 1;
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_exit(&r);

	/* and on a ring that is polled there is none */
	ur_init(&r, 8, IORING_SETUP_IOPOLL);
	timeout(&r, 1, &soon, 0, 0);
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_exit(&r);
}

static void test_remove(void **state)
{
	struct io_uring_sqe *sqe;
	struct io_uring r;

	ur_init(&r, 32, 0);
	timeout(&r, 1, &never, 0, 0);
	ur_submit(&r, 1);
	sqe = ur_sqe(&r, IORING_OP_TIMEOUT_REMOVE, 2);
	sqe->addr = 1;
	ur_submit(&r, 1);
	ur_expect_any(&r, (uint64_t[]){ 1, 2 }, (int32_t[]){ -ECANCELED, 0 }, 2);
	sqe = ur_sqe(&r, IORING_OP_TIMEOUT_REMOVE, 3);
	sqe->addr = 1;
	assert_int_equal(ur_one(&r), -ENOENT);

	/* or moved */
	timeout(&r, 1, &never, 0, 0);
	ur_submit(&r, 1);
	sqe = ur_sqe(&r, IORING_OP_TIMEOUT_REMOVE, 2);
	sqe->addr = 1;
	sqe->addr2 = (uintptr_t)&soon;
	sqe->timeout_flags = IORING_TIMEOUT_UPDATE;
	ur_submit(&r, 1);
	ur_expect(&r, 2, 0);
	ur_expect(&r, 1, -ETIME);
	sqe = ur_sqe(&r, IORING_OP_TIMEOUT_REMOVE, 2);
	sqe->addr = 1;
	sqe->addr2 = (uintptr_t)&soon;
	sqe->timeout_flags = IORING_TIMEOUT_UPDATE;
	assert_int_equal(ur_one(&r), -ENOENT);
	ur_exit(&r);
}

static struct io_uring_sqe *link_timeout(struct io_uring *r, uint64_t data,
					 const struct __kernel_timespec *ts)
{
	struct io_uring_sqe *sqe = timeout(r, data, ts, 0, 0);

	sqe->opcode = IORING_OP_LINK_TIMEOUT;
	return sqe;
}

static void test_link_timeout(void **state)
{
	struct io_uring r;

	ur_init(&r, 32, 0);
	/* in time: the timeout is what is cancelled */
	ur_nop(&r, 1, IOSQE_IO_LINK);
	link_timeout(&r, 2, &never);
	ur_submit(&r, 2);
	ur_expect_any(&r, (uint64_t[]){ 1, 2 }, (int32_t[]){ 0, -ECANCELED }, 2);

	/* too late: the other one is */
	timeout(&r, 1, &never, 0, 0)->flags = IOSQE_IO_LINK;
	link_timeout(&r, 2, &soon);
	ur_submit(&r, 2);
	ur_expect_any(&r, (uint64_t[]){ 1, 2 }, (int32_t[]){ -ECANCELED, -ETIME }, 2);

	/* and the rest of the chain with it */
	timeout(&r, 1, &never, 0, 0)->flags = IOSQE_IO_LINK;
	link_timeout(&r, 2, &soon)->flags = IOSQE_IO_LINK;
	ur_nop(&r, 3, 0);
	ur_submit(&r, 3);
	ur_expect_any(&r, (uint64_t[]){ 1, 2, 3 }, (int32_t[]){ -ECANCELED, -ETIME, -ECANCELED },
		      3);

	/* in time in the middle of a chain */
	ur_nop(&r, 1, IOSQE_IO_LINK);
	ur_nop(&r, 2, IOSQE_IO_LINK);
	link_timeout(&r, 3, &never)->flags = IOSQE_IO_LINK;
	ur_nop(&r, 4, 0);
	ur_submit(&r, 4);
	ur_expect_any(&r, (uint64_t[]){ 1, 2, 3, 4 }, (int32_t[]){ 0, 0, -ECANCELED, 0 }, 4);

	/* linked to nothing */
	link_timeout(&r, 1, &soon);
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_exit(&r);
}

static void test_cancel(void **state)
{
	struct io_uring r;

	ur_init(&r, 32, 0);
	cancel(&r, 1, 77, 0);
	assert_int_equal(ur_one(&r), -ENOENT);
	timeout(&r, 1, &never, 0, 0);
	ur_submit(&r, 1);
	cancel(&r, 2, 1, 0);
	ur_submit(&r, 1);
	ur_expect_any(&r, (uint64_t[]){ 1, 2 }, (int32_t[]){ -ECANCELED, 0 }, 2);

	/* all with that user_data: their number */
	for (int i = 0; i < 4; i++)
		timeout(&r, 1, &never, 0, 0);
	timeout(&r, 3, &never, 0, 0);
	ur_submit(&r, 5);
	cancel(&r, 2, 1, IORING_ASYNC_CANCEL_ALL);
	ur_submit(&r, 1);
	ur_expect_any(&r, (uint64_t[]){ 1, 1, 1, 1, 2 },
		      (int32_t[]){ -ECANCELED, -ECANCELED, -ECANCELED, -ECANCELED, 4 }, 5);
	/* any */
	cancel(&r, 2, 0, IORING_ASYNC_CANCEL_ANY);
	ur_submit(&r, 1);
	ur_expect_any(&r, (uint64_t[]){ 2, 3 }, (int32_t[]){ 1, -ECANCELED }, 2);
	cancel(&r, 2, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
	assert_int_equal(ur_one(&r), 0);
	cancel(&r, 2, 0, 1u << 30);
	assert_int_equal(ur_one(&r), -EINVAL);
	/* the head of a chain takes the chain along */
	timeout(&r, 1, &never, 0, 0)->flags = IOSQE_IO_LINK;
	ur_nop(&r, 4, 0);
	ur_submit(&r, 2);
	cancel(&r, 2, 1, 0);
	ur_submit(&r, 1);
	ur_expect_any(&r, (uint64_t[]){ 1, 4, 2 }, (int32_t[]){ -ECANCELED, -ECANCELED, 0 }, 3);
	ur_exit(&r);
}

/* io_uring_enter(2), IORING_ENTER_EXT_ARG */
static void test_ext_arg(void **state)
{
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&soon };
	const unsigned int get = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
	unsigned int fd;
	struct io_uring r;
	uint64_t begun;

	ur_init(&r, 32, 0);
	fd = (unsigned int)r.ring_fd;
	begun = ur_ms();
	assert_int_equal(io_uring_enter2(fd, 0, 1, get, (void *)&arg, sizeof(arg)), -ETIME);
	assert_in_range(ur_ms() - begun, 20, 5000);
	/* one that is there already: no wait, no error */
	ur_nop(&r, 1, 0);
	ur_submit(&r, 1);
	assert_int_equal(io_uring_enter2(fd, 0, 1, get, (void *)&arg, sizeof(arg)), 0);
	/* more than there will be: the time passes, but something was there, which is no error */
	begun = ur_ms();
	assert_int_equal(io_uring_enter2(fd, 0, 2, get, (void *)&arg, sizeof(arg)), 0);
	assert_in_range(ur_ms() - begun, 20, 5000);
	ur_expect(&r, 1, 0);
	/* one that comes meanwhile */
	arg.ts = (uintptr_t)&never;
	timeout(&r, 2, &soon, 0, 0);
	ur_submit(&r, 1);
	assert_int_equal(io_uring_enter2(fd, 0, 1, get, (void *)&arg, sizeof(arg)), 0);
	ur_expect(&r, 2, -ETIME);
	/* without waiting */
	assert_int_equal(io_uring_enter2(fd, 0, 0, get, (void *)&arg, sizeof(arg)), 0);
	assert_int_equal(io_uring_enter2(fd, 0, 1, get, (void *)&arg, 8), -EINVAL);
	assert_int_equal(io_uring_enter2(fd, 0, 1, get, (void *)8, sizeof(arg)), -EFAULT);
	arg.ts = 8;
	assert_int_equal(io_uring_enter2(fd, 0, 1, get, (void *)&arg, sizeof(arg)), -EFAULT);
	ur_exit(&r);
}

/* ---- with commands
 * --------------------------------------------------------------------------------- */

/* a command that waits for ever; the drive takes only so many (Identify Controller, AERL) */
static void aer(struct io_uring *r, int ctrl, uint64_t data, uint32_t timeout_ms)
{
	ur_cmd(r, ctrl, NVME_URING_CMD_ADMIN,
	       (struct nvme_uring_cmd){ .opcode = UR_AER, .timeout_ms = timeout_ms }, data);
}

/*
 * ASYNC_CANCEL of a command the drive has: the kernel's nvme driver marks none of them cancelable,
 * so it is -ENOENT, and the command goes on. What must hold in any case is that the two completions
 * agree.
 */
static void test_cmd_cancel(void **state)
{
	int ctrl = ur_open(ur.ctrl, O_RDWR);
	struct io_uring r;
	struct ur_cqe c;

	ur_init(&r, 8, 0);
	aer(&r, ctrl, 1, 600000);
	ur_submit(&r, 1);
	ur_nothing(&r, 30);
	cancel(&r, 2, 1, 0);
	ur_submit(&r, 1);
	c = ur_reap(&r);
	if (c.data == 2 && (c.res == -ENOENT || c.res == -EALREADY)) {
		ur_nothing(&r, 30);
	} else if (c.data == 2) {
		assert_int_equal(c.res, 0);
		c = ur_reap(&r);
		assert_int_equal(c.data, 1);
		assert_true(c.res == -ECANCELED || c.res == -EINTR);
	} else {
		assert_int_equal(c.data, 1);
		assert_true(c.res == -ECANCELED || c.res == -EINTR);
		ur_expect(&r, 2, 0);
	}
	/* the ring works on, and its end is the command's */
	ur_nop(&r, 3, 0);
	assert_int_equal(ur_one(&r), 0);
	ur_exit(&r);
	close(ctrl);
}

/* nvme_uring_cmd.timeout_ms: the driver gives it up, the drive aborts it */
static void test_cmd_timeout(void **state)
{
	int ctrl = ur_open(ur.ctrl, O_RDWR);
	uint64_t begun = ur_ms();
	struct io_uring r;
	struct ur_cqe c;

	ur_init(&r, 8, 0);
	aer(&r, ctrl, 1, 200);
	ur_submit(&r, 1);
	c = ur_reap(&r);
	assert_int_equal(c.data, 1);
	/* cancelled by the driver, or Command Abort Requested */
	assert_true(c.res == -EINTR || (c.res & 0x3fff) == 0x07);
	assert_in_range(ur_ms() - begun, 190, 8000);
	ur_exit(&r);
	close(ctrl);
}

/* a wait that ends although a command is in flight; rings with one in flight come and go */
static void test_cmd_wait(void **state)
{
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&soon };
	int ctrl = ur_open(ur.ctrl, O_RDWR);
	void *id = ur_pages(1);

	for (int i = 0; i < 20; i++) {
		struct io_uring r;

		ur_init(&r, 8, 0);
		aer(&r, ctrl, 1, 600000);
		ur_submit(&r, 1);
		assert_int_equal(io_uring_enter2((unsigned int)r.ring_fd, 0, 1,
						 IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
						 (void *)&arg, sizeof(arg)),
				 -ETIME);
		/* it does not stand in the way of the next */
		ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN, ur_identify(1, id), 2);
		assert_int_equal(ur_one(&r), 0);
		ur_exit(&r);
		/* a ring's end is noticed, not told: give it the time */
		usleep(100000);
	}
	close(ctrl);
}

#ifndef IORING_TIMEOUT_MULTISHOT
#define IORING_TIMEOUT_MULTISHOT (1U << 6)
#endif

/* a timeout of several shots: all but the last say that there are more */
static void test_multishot(void **state)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring r;

	ur_init(&r, 8, 0);
	timeout(&r, 1, &soon, 3, IORING_TIMEOUT_MULTISHOT);
	ur_submit(&r, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(io_uring_wait_cqe(&r, &cqe), 0);
		assert_int_equal(cqe->user_data, 1);
		assert_int_equal(cqe->res, -ETIME);
		assert_int_equal(cqe->flags, i < 2 ? IORING_CQE_F_MORE : 0);
		io_uring_cqe_seen(&r, cqe);
	}
	/* without a count it goes on until it is removed */
	timeout(&r, 2, &soon, 0, IORING_TIMEOUT_MULTISHOT);
	ur_submit(&r, 1);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(io_uring_wait_cqe(&r, &cqe), 0);
		assert_int_equal(cqe->flags, IORING_CQE_F_MORE);
		io_uring_cqe_seen(&r, cqe);
	}
	cancel(&r, 3, 2, 0);
	ur_submit(&r, 1);
	for (bool over = false, told = false; !over || !told;) {
		assert_int_equal(io_uring_wait_cqe(&r, &cqe), 0);
		if (cqe->user_data == 3) {
			assert_int_equal(cqe->res, 0);
			told = true;
		} else if (cqe->res == -ECANCELED) {
			assert_int_equal(cqe->flags, 0);
			over = true;
		}
		io_uring_cqe_seen(&r, cqe);
	}
	/* only a distance can be repeated */
	sqe = timeout(&r, 4, &soon, 0, IORING_TIMEOUT_MULTISHOT | IORING_TIMEOUT_ABS);
	(void)sqe;
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_exit(&r);
}

struct sync_cancel {
	uint64_t addr;
	int32_t fd;
	uint32_t flags;
	struct __kernel_timespec timeout;
	uint64_t pad[4];
};

static int sync_cancel(struct io_uring *r, struct sync_cancel *c, unsigned int nr)
{
	return syscall(__NR_io_uring_register, r->ring_fd, 24, c, nr) < 0 ? -errno : 0;
}

static void test_sync_cancel(void **state)
{
	struct sync_cancel c = { .addr = 1, .fd = -1, .timeout = { -1, -1 } };
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(sync_cancel(&r, &c, 1), -ENOENT);
	timeout(&r, 1, &never, 0, 0);
	timeout(&r, 2, &never, 0, 0);
	ur_submit(&r, 2);
	assert_int_equal(sync_cancel(&r, &c, 1), 0);
	ur_expect(&r, 1, -ECANCELED);
	assert_int_equal(sync_cancel(&r, &c, 1), -ENOENT);
	c.flags = 1u << 20;
	assert_int_equal(sync_cancel(&r, &c, 1), -EINVAL);
	c.flags = IORING_ASYNC_CANCEL_ANY;
	assert_int_equal(sync_cancel(&r, &c, 2), -EINVAL);
	assert_int_equal(sync_cancel(&r, NULL, 1), -EINVAL);
	c.pad[3] = 1;
	assert_int_equal(sync_cancel(&r, &c, 1), -EINVAL);
	c.pad[3] = 0;
	assert_int_equal(sync_cancel(&r, &c, 1), 0);
	ur_expect(&r, 2, -ECANCELED);
	ur_exit(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_timeout),		cmocka_unit_test(test_count),
		cmocka_unit_test(test_timeout_refused), cmocka_unit_test(test_remove),
		cmocka_unit_test(test_link_timeout),	cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_ext_arg),		cmocka_unit_test(test_multishot),
		cmocka_unit_test(test_sync_cancel),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_cmd_cancel),
		cmocka_unit_test(test_cmd_timeout),
		cmocka_unit_test(test_cmd_wait),
	};

	return ur_main(argc, argv, rings, nodes);
}
