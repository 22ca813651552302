/* SPDX-License-Identifier: MIT */
/*
 * test_hand.c - many commands an enter, which other threads may carry out while the program goes on:
 * what it may do to its entries, vectors and rings meanwhile, and what it may not notice
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "successor.h"
#include "ur.h"

#define DEPTH  64u
#define BYTES  4096u
#define BLOCKS (BYTES / UR_LBA)
#define LONG   131072u
#define MIB    1048576u
#define ROUNDS 40u

static char *self;

static uint64_t lba(unsigned int i)
{
	return i * BLOCKS;
}

static void put(struct io_uring *r, int ns, uint8_t opcode, unsigned int i, char *mem)
{
	ur_cmd(r, ns, NVME_URING_CMD_IO, ur_rw(opcode, lba(i), BLOCKS, mem), i);
}

/* @n completions, each of 0 to @n - 1 once, all of them successes */
static void reap_all(struct io_uring *r, unsigned int n)
{
	uint64_t seen = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct ur_cqe c = ur_reap(r);

		assert_int_equal(c.res, 0);
		assert_in_range(c.data, 0, n - 1);
		assert_int_equal(seen >> c.data & 1, 0);
		seen |= 1ull << c.data;
	}
	ur_nothing(r, 1);
}

/* DEPTH blocks with @seed, and completions waited for */
static void write_all(struct io_uring *r, int ns, char *mem, uint32_t seed)
{
	for (unsigned int i = 0; i < DEPTH; i++) {
		ur_fill(mem + i * BYTES, BYTES, seed + i);
		put(r, ns, UR_WRITE, i, mem + i * BYTES);
	}
	ur_submit(r, DEPTH);
	reap_all(r, DEPTH);
}

static void check_all(struct io_uring *r, int ns, char *mem, uint32_t seed)
{
	memset(mem, 0, DEPTH * BYTES);
	/* from the end of the memory, as programs with a stack of buffers do */
	for (unsigned int i = 0; i < DEPTH; i++)
		put(r, ns, UR_READ, i, mem + (DEPTH - 1 - i) * BYTES);
	ur_submit(r, DEPTH);
	reap_all(r, DEPTH);
	for (unsigned int i = 0; i < DEPTH; i++)
		assert_true(ur_filled(mem + (DEPTH - 1 - i) * BYTES, BYTES, seed + i));
}

/* in pieces, so that some are under way when others come; with pauses in which a thread may sleep */
static void test_pieces(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(DEPTH);
	struct io_uring r;

	ur_init(&r, DEPTH, 0);
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < DEPTH; i++) {
			ur_fill(mem + i * BYTES, BYTES, round * DEPTH + i);
			put(&r, ns, UR_WRITE, i, mem + i * BYTES);
			if (i % 16 == 15)
				ur_submit(&r, 16);
		}
		reap_all(&r, DEPTH);
		check_all(&r, ns, mem, round * DEPTH);
		if (round % 10 == 9)
			usleep(5000);
	}
	ur_exit(&r);
	close(ns);
}

/* once they are submitted, entries are the program's again */
static void test_entries(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(DEPTH);
	struct io_uring r;

	ur_init(&r, DEPTH, 0);
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < DEPTH; i++) {
			ur_fill(mem + i * BYTES, BYTES, round + i);
			put(&r, ns, UR_WRITE, i, mem + i * BYTES);
		}
		ur_submit(&r, DEPTH);
		memset(r.sq.sqes, 0xff, (size_t)DEPTH * 128);
		reap_all(&r, DEPTH);
		check_all(&r, ns, mem, round);
	}
	ur_exit(&r);
	close(ns);
}

/* and so are vectors, but not what they point to */
static void test_vectors(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(DEPTH);
	struct iovec iov[DEPTH][2];
	struct io_uring r;

	ur_init(&r, DEPTH, 0);
	for (uint32_t round = 0; round < 50; round++) {
		write_all(&r, ns, mem, round);
		memset(mem, 0, DEPTH * BYTES);
		for (unsigned int i = 0; i < DEPTH; i++) {
			struct nvme_uring_cmd cmd = ur_rw(UR_READ, lba(i), BLOCKS, NULL);

			iov[i][0] = (struct iovec){mem + i * BYTES, 1024};
			iov[i][1] = (struct iovec){mem + i * BYTES + 1024, BYTES - 1024};
			cmd.addr = (uintptr_t)iov[i];
			cmd.data_len = 2;
			ur_cmd(&r, ns, NVME_URING_CMD_IO_VEC, cmd, i);
		}
		ur_submit(&r, DEPTH);
		memset(iov, 0xff, sizeof(iov));
		reap_all(&r, DEPTH);
		for (unsigned int i = 0; i < DEPTH; i++)
			assert_true(ur_filled(mem + i * BYTES, BYTES, round + i));
	}
	ur_exit(&r);
	close(ns);
}

/* one of many points nowhere */
static void test_wild(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(DEPTH), *hole = ur_pages(1);
	struct io_uring r;

	mprotect(hole, BYTES, PROT_NONE);
	ur_init(&r, DEPTH, 0);
	for (unsigned int round = 0; round < 2 * DEPTH; round++) {
		uint8_t opcode = round & 1 ? UR_WRITE : UR_READ;
		unsigned int bad = round / 2;

		for (unsigned int i = 0; i < DEPTH; i++)
			put(&r, ns, opcode, i, i == bad ? hole : mem + i * BYTES);
		ur_submit(&r, DEPTH);
		for (unsigned int i = 0; i < DEPTH; i++) {
			struct ur_cqe c = ur_reap(&r);

			assert_int_equal(c.res, c.data == bad ? -EFAULT : 0);
		}
	}
	ur_exit(&r);
	close(ns);
}

/* what was submitted to a ring that has gone does not undo what the next one writes */
static void test_gone(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *old = ur_pages(DEPTH), *mem = ur_pages(DEPTH);
	struct io_uring r;

	for (unsigned int round = 0; round < 300; round++) {
		ur_init(&r, DEPTH, 0);
		for (unsigned int i = 0; i < DEPTH; i++) {
			ur_fill(old + i * BYTES, BYTES, 7);
			put(&r, ns, UR_WRITE, i, old + i * BYTES);
		}
		ur_submit(&r, DEPTH);
		ur_exit(&r);
		ur_init(&r, DEPTH, 0);
		write_all(&r, ns, mem, 1000 + round);
		check_all(&r, ns, mem, 1000 + round);
		ur_exit(&r);
	}
	close(ns);
}

/* a megabyte and more at once, waited for by the call that submits it, or not */
static void test_long(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(16 * LONG / 4096);
	struct io_uring r;

	ur_init(&r, 32, 0);
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int pass = 0; pass < 2; pass++) {
			for (unsigned int i = 0; i < 16; i++) {
				char *at = mem + i * LONG;

				if (!pass)
					ur_fill(at, LONG, round + i);
				else
					memset(at, 0, LONG);
				ur_cmd(&r, ns, NVME_URING_CMD_IO,
				       ur_rw(pass ? UR_READ : UR_WRITE, i * (LONG / UR_LBA),
					     LONG / UR_LBA, at),
				       i);
			}
			if (round & 1) {
				assert_int_equal(io_uring_submit_and_wait(&r, 16), 16);
				assert_int_equal(io_uring_cq_ready(&r), 16);
			} else {
				ur_submit(&r, 16);
			}
			reap_all(&r, 16);
		}
		for (unsigned int i = 0; i < 16; i++)
			assert_true(ur_filled(mem + i * LONG, LONG, round + i));
	}
	ur_exit(&r);
	close(ns);
}

/* ---- a program that becomes another one ---------------------------------------------------- */

/* it finds nothing at the place that the one before it had for its reads */
static int successor(void)
{
	char *mem = mmap(PLACE, ROOM, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (mem != PLACE)
		return 1;
	memset(mem, 0, ROOM);
	usleep(PAUSE_MS * 1000);
	for (size_t i = 0; i < ROOM; i++) {
		if (mem[i])
			return 2;
	}
	return 0;
}

/* @nr reads of @len bytes, more than can be done before the successor @path is there.
 * @sign: they are about to be submitted */
static void become(int ns, uint32_t flags, unsigned int nr, unsigned int len, const char *path,
		   _Atomic bool *sign)
{
	char *at = mmap(PLACE, ROOM, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	struct io_uring r;

	ur_init(&r, nr, flags);
	for (unsigned int i = 0; i < nr; i++)
		ur_cmd(&r, ns, NVME_URING_CMD_IO,
		       ur_rw(UR_READ, 0, len / UR_LBA, at + (size_t)i * len % ROOM), i);
	*sign = true;
	io_uring_submit(&r);
	execl(path, path, "--successor", NULL);
	_exit(99);
}

static void ends_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_exec(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(DEPTH);
	struct io_uring r;

	ur_init(&r, DEPTH, 0);
	write_all(&r, ns, mem, 5);
	ur_exit(&r);
	for (unsigned int round = 0; round < 5; round++) {
		_Atomic bool sign;
		pid_t pid = ur_fork();

		if (!pid)
			become(ns, 0, DEPTH, MIB, self, &sign);
		ends_well(pid);
	}
	close(ns);
}

static int become_sharing(void *ns)
{
	static _Atomic bool sign;

	become(*(int *)ns, 0, DEPTH, MIB, self, &sign);
	return 1;
}

/* what vfork makes: its memory is another one's, and stays when it becomes another program */
static void test_exec_shared(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(DEPTH), *stack = ur_pages(16);
	struct io_uring r;

	ur_init(&r, DEPTH, 0);
	write_all(&r, ns, mem, 5);
	ur_exit(&r);
	for (unsigned int round = 0; round < 5; round++) {
		pid_t pid = clone(become_sharing, stack + 16 * 4096, CLONE_VM | SIGCHLD, &ns);

		assert_true(pid > 0);
		ends_well(pid);
		munmap(PLACE, ROOM);
	}
	close(ns);
}

/* a program that stays what it is, for there is nothing to become */
static void test_exec_fails(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(DEPTH);
	struct io_uring r;

	ur_init(&r, DEPTH, 0);
	for (unsigned int round = 0; round < 50; round++) {
		write_all(&r, ns, mem, round);
		memset(mem, 0, DEPTH * BYTES);
		for (unsigned int i = 0; i < DEPTH; i++)
			put(&r, ns, UR_READ, i, mem + i * BYTES);
		ur_submit(&r, DEPTH);
		execl("/nonexistent/program", "program", NULL);
		assert_int_equal(errno, ENOENT);
		reap_all(&r, DEPTH);
		for (unsigned int i = 0; i < DEPTH; i++)
			assert_true(ur_filled(mem + i * BYTES, BYTES, round + i));
	}
	ur_exit(&r);
	close(ns);
}

static void wait_us(unsigned int us)
{
	struct timespec from, now;

	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - from.tv_sec) * 1000000 + (now.tv_nsec - from.tv_nsec) / 1000 < us);
}

/* who serves is stopped somewhere on the way, and goes on when the successor is there */
static void test_exec_stopped(void **state)
{
	const int supervisor = ur_supervisor();
	_Atomic bool *sign;
	int ns = ur_open(ur.ns, O_RDWR);
	char path[PATH_MAX];

	assert_true(supervisor > 1);
	assert_int_equal(kill(supervisor, 0), 0);
	sign = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(sign, MAP_FAILED);
	snprintf(path, sizeof(path), "%s", self);
	snprintf(strrchr(path, '/') + 1, sizeof(path) / 2, "successor");
	for (unsigned int round = 0; round < ROUNDS; round++) {
		pid_t pid;

		*sign = false;
		pid = ur_fork();
		if (!pid)
			become(ns, round & 1 ? IORING_SETUP_SQPOLL : 0, 1024, BYTES, path, sign);
		while (!*sign)
			;
		wait_us(round * 25);
		kill(supervisor, SIGSTOP);
		usleep(PAUSE_MS * 500);
		kill(supervisor, SIGCONT);
		ends_well(pid);
	}
	munmap((void *)sign, 4096);
	close(ns);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_pieces),	   cmocka_unit_test(test_entries),
		cmocka_unit_test(test_vectors),	   cmocka_unit_test(test_wild),
		cmocka_unit_test(test_gone),	   cmocka_unit_test(test_long),
		cmocka_unit_test(test_exec),	   cmocka_unit_test(test_exec_shared),
		cmocka_unit_test(test_exec_fails), cmocka_unit_test(test_exec_stopped),
	};

	if (argc == 2 && !strcmp(argv[1], "--successor"))
		return successor();
	self = argv[0];
	return ur_main_nodes(argc, argv, nodes);
}
