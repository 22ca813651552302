/* SPDX-License-Identifier: MIT */
/*
 * test_bad.c - a program that does wrong, by accident or by intent, harms itself only: wild
 * pointers, corrupted indices, a ring that is unmapped, a process that dies in the middle. A second
 * process works on meanwhile and must not notice.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ur.h"

/* enters and comes back, whatever it says */
static void poke(struct io_uring *r, unsigned int n)
{
	struct __kernel_timespec ts = {.tv_nsec = 1000000};
	struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&ts};
	int ret = io_uring_enter2((unsigned int)r->ring_fd, n, 1,
				  IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG |
					  IORING_ENTER_SQ_WAKEUP,
				  (void *)&arg, sizeof(arg));

	assert_true(ret <= (int)r->sq.ring_entries);
}

/* a ring of its own still works: the machinery behind it is whole */
static void sane(void)
{
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (uint64_t i = 0; i < 8; i++) {
		ur_nop(&r, i, 0);
		ur_submit(&r, 1);
		ur_expect(&r, i, 0);
	}
	ur_exit(&r);
}

static void test_tail(void **state)
{
	static const uint32_t tails[] = {9, 1000, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0};

	for (unsigned int i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct io_uring r;
		struct ur_cqe c;
		int n;

		ur_init(&r, 8, 0);
		for (uint64_t j = 0; j < 8; j++) {
			ur_nop(&r, j, 0);
			r.sq.array[j] = (uint32_t)j;
		}
		__atomic_store_n(r.sq.ktail, tails[i], __ATOMIC_RELEASE);
		/* never more than the ring has */
		n = io_uring_enter((unsigned int)r.ring_fd, 0xffffffff, 0, IORING_ENTER_GETEVENTS,
				   NULL);
		assert_int_equal(n, 8);
		for (uint64_t j = 0; j < 8; j++) {
			c = ur_reap(&r);
			assert_int_equal(c.data, j);
		}
		ur_exit(&r);
	}
	sane();
}

static void test_indices(void **state)
{
	for (unsigned int kind = 0; kind < 6; kind++) {
		struct io_uring r;

		ur_init(&r, 8, kind & 1 ? IORING_SETUP_SQPOLL : 0);
		ur_nop(&r, 1, 0);
		ur_submit(&r, 1);
		ur_expect(&r, 1, 0);
		switch (kind / 2) {
		case 0: /* the completion queue's indices, which the program may write */
			__atomic_store_n(r.cq.khead, 0x12345678, __ATOMIC_RELEASE);
			__atomic_store_n(r.cq.ktail, 0x87654321, __ATOMIC_RELEASE);
			break;
		case 1: /* what only the kernel writes */
			__atomic_store_n(r.sq.khead, 0xfffffff3, __ATOMIC_RELEASE);
			*r.sq.kring_mask = 0xffffffff;
			*r.sq.kring_entries = 0xffffffff;
			*r.cq.kring_mask = 0xffffffff;
			*r.cq.kring_entries = 0x7fffffff;
			break;
		default: /* entries there are none of */
			for (unsigned int i = 0; i < 8; i++)
				r.sq.array[i] = 0xfffffff0 + i;
			break;
		}
		__atomic_store_n(r.sq.ktail, *r.sq.ktail + 5, __ATOMIC_RELEASE);
		for (int i = 0; i < 5; i++)
			poke(&r, 5);
		ur_exit(&r);
	}
	sane();
}

/* all of the ring's memory is noise; so are its entries, but that those name no file of ours */
static void test_noise(void **state)
{
	for (unsigned int i = 0; i < 60; i++) {
		struct io_uring r;

		ur_init(&r, 16,
			i % 3 == 0   ? IORING_SETUP_SQPOLL
			: i % 3 == 1 ? IORING_SETUP_IOPOLL
				     : 0);
		ur_fill(r.sq.ring_ptr, r.sq.ring_sz & ~3ul, i);
		if (i & 1)
			ur_fill(r.cq.ring_ptr, r.cq.ring_sz & ~3ul, i + 1000);
		ur_fill(r.sq.sqes, 16 * 128, i + 2000);
		for (unsigned int j = 0; j < 16; j++)
			((int *)r.sq.sqes)[j * 32 + 1] = 9000 + (int)j;
		for (int j = 0; j < 4; j++)
			poke(&r, 16);
		ur_exit(&r);
	}
	sane();
}

/* the entries of a ring are what they were when they were submitted (IORING_FEAT_SUBMIT_STABLE) */
static void test_rewritten(void **state)
{
	struct __kernel_timespec ts = {.tv_nsec = 30000000};
	struct io_uring_sqe *sqe;
	struct io_uring r;

	ur_init(&r, 8, 0);
	sqe = ur_sqe(&r, IORING_OP_TIMEOUT, 1);
	sqe->addr = (uintptr_t)&ts;
	sqe->len = 1;
	ur_nop(&r, 2, IOSQE_IO_DRAIN);
	ur_submit(&r, 2);
	memset(r.sq.sqes, 0xff, 8 * 128);
	memset(&ts, 0xff, sizeof(ts));
	ur_expect(&r, 1, -ETIME);
	ur_expect(&r, 2, 0);
	ur_exit(&r);
}

/* the ring's memory goes away under the program; its descriptor is abused as a file */
static void test_unmapped(void **state)
{
	char byte = 1;
	struct io_uring r;
	int fd;

	for (int i = 0; i < 10; i++) {
		struct io_uring copy;

		ur_init(&r, 8, i & 1 ? IORING_SETUP_SQPOLL : 0);
		ur_nop(&r, 1, 0);
		ur_submit(&r, 1);
		copy = r;
		fd = dup(r.ring_fd);
		ur_exit(&r);
		copy.ring_fd = fd;
		poke(&copy, 8);
		close(fd);
	}
	ur_init(&r, 8, 0);
	assert_int_not_equal(ftruncate(r.ring_fd, 0), 0);
	assert_int_not_equal(ftruncate(r.ring_fd, 1ll << 40), 0);
	(void)!fallocate(r.ring_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1ll << 29);
	(void)!pwrite(r.ring_fd, &byte, 1, 0);
	poke(&r, 8);
	ur_exit(&r);
	sane();
}

/* ---- with commands
 * --------------------------------------------------------------------------------- */

/* -EFAULT for that command alone */
static void test_wild(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(32), *hole = mem + 8 * 4096, *ro = mem + 12 * 4096;
	const struct {
		uint8_t opcode;
		uint32_t op;
		void *at;
		uint32_t blocks;
		int32_t want;
	} rows[] = {
		{UR_READ, NVME_URING_CMD_IO, hole, 8, -EFAULT},
		{UR_WRITE, NVME_URING_CMD_IO, hole, 8, -EFAULT},
		{UR_READ, NVME_URING_CMD_IO, hole - 4096, 16, -EFAULT},
		{UR_READ, NVME_URING_CMD_IO, (void *)0x1000, 1, -EFAULT},
		{UR_READ, NVME_URING_CMD_IO, NULL, 8, -EFAULT},
		{UR_WRITE, NVME_URING_CMD_IO, NULL, 8, -EFAULT},
		{UR_ZEROES, NVME_URING_CMD_IO, NULL, 8, 0}, /* as fio has it */
		{UR_READ, NVME_URING_CMD_IO, (void *)~0xfffull, 8, -EFAULT},
		{UR_READ, NVME_URING_CMD_IO, (void *)0xffff888000000000, 8, -EFAULT},
		{UR_READ, NVME_URING_CMD_IO, ro, 8, -EFAULT},
		{UR_WRITE, NVME_URING_CMD_IO, ro, 8, 0},
		{UR_READ, NVME_URING_CMD_IO_VEC, hole, 8, -EFAULT},
		{UR_READ, NVME_URING_CMD_IO_VEC, NULL, 8, -EFAULT},
		{UR_READ, NVME_URING_CMD_IO_VEC, (void *)~0xfffull, 8, -EFAULT},
	};
	const unsigned int n = sizeof(rows) / sizeof(rows[0]);
	struct iovec wild[2] = {{mem, 4096}, {hole, 4096}};
	struct nvme_uring_cmd cmd;
	struct io_uring r;

	assert_int_equal(munmap(hole, 4096), 0);
	assert_int_equal(mprotect(ro, 4096, PROT_READ), 0);
	for (unsigned int flags = 0; flags < 3; flags++) {
		unsigned int seen = 0;

		ur_init(&r, 32,
			flags == 1   ? IORING_SETUP_SQPOLL
			: flags == 2 ? IORING_SETUP_IOPOLL
				     : 0);
		for (unsigned int i = 0; i < n; i++) {
			cmd = ur_rw(rows[i].opcode, i * 16, rows[i].blocks, rows[i].at);
			if (rows[i].op == NVME_URING_CMD_IO_VEC)
				cmd.data_len = 1;
			ur_cmd(&r, ns, rows[i].op, cmd, i);
			/* and a good one between any two */
			ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, i, 8, mem), 100 + i);
		}
		ur_submit(&r, (int)(2 * n));
		for (unsigned int i = 0; i < 2 * n; i++) {
			struct ur_cqe c = ur_reap(&r);

			assert_true(c.data < n || (c.data >= 100 && c.data < 100 + n));
			if (c.data >= 100)
				assert_int_equal(c.res, 0);
			else if (c.res != rows[c.data].want)
				fail_msg("row %u: %d, wanted %d", (unsigned int)c.data, c.res,
					 rows[c.data].want);
			seen++;
		}
		assert_int_equal(seen, 2 * n);
		/* the vector can be read, one of its parts leads nowhere */
		cmd = ur_rw(UR_READ, 0, 16, wild);
		cmd.data_len = 2;
		ur_cmd(&r, ns, NVME_URING_CMD_IO_VEC, cmd, 1);
		assert_int_equal(ur_one(&r), -EFAULT);
		ur_exit(&r);
	}
	close(ns);
}

/* noise in entries that do name a node: any answer is one, as long as there is one */
static void test_noise_commands(void **state)
{
	int ns = ur_open(ur.ns, O_RDONLY);
	char *mem = ur_pages(1);
	struct io_uring r;
	uint32_t noise[32];

	ur_init(&r, 8, IORING_SETUP_SUBMIT_ALL);
	for (uint32_t i = 0; i < 2000; i++) {
		struct io_uring_sqe *sqe = ur_sqe(&r, IORING_OP_URING_CMD, i);
		struct nvme_uring_cmd *cmd = (struct nvme_uring_cmd *)sqe->cmd;
		struct ur_cqe c;

		ur_fill(noise, sizeof(noise), i);
		memcpy(cmd, noise, sizeof(*cmd));
		sqe->fd = ns;
		sqe->cmd_op = NVME_URING_CMD_IO + (i & 1 ? 0 : noise[31] & 3) * (1u << 0);
		sqe->uring_cmd_flags = i % 3 ? 0 : noise[30] & 1;
		sqe->buf_index = (uint16_t)noise[29];
		/* only what reads, and lengths that the test survives: into its one page */
		cmd->opcode = i % 5 ? UR_READ : 0x05;
		cmd->flags = i % 7 ? 0 : cmd->flags;
		cmd->nsid = i % 4 ? 1 : cmd->nsid;
		cmd->addr = i % 2 ? (uintptr_t)mem : cmd->addr | 1ull << 62;
		cmd->data_len = i % 2 ? 4096 : cmd->data_len;
		cmd->metadata |= 1ull << 62;
		cmd->timeout_ms = 1000;
		if (sqe->cmd_op == NVME_URING_CMD_IO_VEC)
			cmd->addr |= 1ull << 62;
		ur_submit(&r, 1);
		c = ur_reap(&r);
		assert_int_equal(c.data, i);
	}
	ur_exit(&r);
	close(ns);
}

/* a client that does right: writes and reads what it wrote until it is told to stop. Return: its
 * pid */
static pid_t neighbour(int stop[2], uint32_t seed)
{
	pid_t pid;

	assert_int_equal(pipe2(stop, O_CLOEXEC | O_NONBLOCK), 0);
	pid = ur_fork();
	if (!pid) {
		int ns = open(ur.ns, O_RDWR);
		char *out = ur_pages(4), *in = ur_pages(4), c;
		struct io_uring r;
		uint32_t n = 0;

		ur_init(&r, 8, seed & 1 ? IORING_SETUP_SQPOLL : 0);
		do {
			ur_fill(out, 16384, seed + n);
			ur_cmd(&r, ns, NVME_URING_CMD_IO,
			       ur_rw(UR_WRITE, 20000 + seed * 32, 32, out), 1);
			if (ur_one(&r))
				_exit(1);
			ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 20000 + seed * 32, 32, in),
			       2);
			if (ur_one(&r) || memcmp(in, out, 16384))
				_exit(2);
			n++;
		} while (read(stop[0], &c, 1) < 0 && errno == EAGAIN);
		_exit(n < 3 ? 3 : 0);
	}
	return pid;
}

static void stop_neighbour(int stop[2], pid_t pid)
{
	int status;

	assert_int_equal(write(stop[1], "", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(stop[0]);
	close(stop[1]);
	if (status)
		fail_msg("the neighbour ended with 0x%x", status);
}

/* killed at any moment, with commands in flight and rings of every kind */
static void test_dies(void **state)
{
	int stop[2][2], status;
	pid_t other[2];

	for (uint32_t i = 0; i < 2; i++)
		other[i] = neighbour(stop[i], i);
	for (unsigned int i = 0; i < 60; i++) {
		pid_t pid = ur_fork();

		if (!pid) {
			int ns = open(ur.ns, O_RDWR), ctrl = open(ur.ctrl, O_RDWR);
			char *mem = ur_pages(64);
			struct io_uring r;

			ur_init(&r, 64, i % 3 == 0 ? IORING_SETUP_SQPOLL : 0);
			for (uint64_t n = 0;; n++) {
				if (i % 4 == 1 && n == 0)
					ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN,
					       (struct nvme_uring_cmd){.opcode = UR_AER,
								       .timeout_ms = 600000},
					       9999);
				while (io_uring_sq_space_left(&r) > 0)
					ur_cmd(&r, ns, NVME_URING_CMD_IO,
					       ur_rw(n & 1 ? UR_READ : UR_WRITE, 64, 32, mem), n);
				if (i % 5 == 2 && n == 3)
					munmap(mem, 64 * 4096);
				io_uring_submit(&r);
				io_uring_cq_advance(&r, io_uring_cq_ready(&r));
			}
		}
		usleep(1000 + i % 10 * 3000);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	for (int i = 0; i < 2; i++)
		stop_neighbour(stop[i], other[i]);
	sane();
}

/* all of the above while a neighbour works */
static void test_neighbours(void **state)
{
	int stop[2];
	pid_t pid = neighbour(stop, 3);

	test_tail(state);
	test_indices(state);
	test_noise(state);
	test_unmapped(state);
	test_wild(state);
	stop_neighbour(stop, pid);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_tail),	 cmocka_unit_test(test_indices),
		cmocka_unit_test(test_noise),	 cmocka_unit_test(test_rewritten),
		cmocka_unit_test(test_unmapped),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_wild),
		cmocka_unit_test(test_noise_commands),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_neighbours),
	};

	return ur_main(argc, argv, rings, nodes);
}
