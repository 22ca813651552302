/* SPDX-License-Identifier: MIT */
/*
 * test_life.c - how rings begin, are shared and end: dup, close_range, fork, exec, threads; nothing
 * stays behind
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ur.h"

static const char *self;

/* works, and nothing of another ring's is in it */
static void check_ring(struct io_uring *r, uint64_t tag)
{
	ur_nop(r, tag, 0);
	ur_submit(r, 1);
	ur_expect(r, tag, 0);
	assert_int_equal(io_uring_cq_ready(r), 0);
}

static int enter(int fd)
{
	return io_uring_enter((unsigned int)fd, 0, 0, IORING_ENTER_GETEVENTS, NULL);
}

/* the same number again and again: each a new ring, with nothing of the one before */
static void test_reused_number(void **state)
{
	int first = -1;

	for (uint64_t i = 0; i < 200; i++) {
		struct io_uring r;

		ur_init(&r, 8, 0);
		if (first < 0)
			first = r.ring_fd;
		assert_int_equal(r.ring_fd, first);
		assert_int_equal(*r.sq.khead, 0);
		assert_int_equal(*r.cq.ktail, 0);
		check_ring(&r, i);
		/* left undone: two that nobody reaps, one that nobody submits */
		ur_nop(&r, 1, 0);
		ur_nop(&r, 2, 0);
		ur_submit(&r, 2);
		ur_nop(&r, 3, 0);
		ur_exit(&r);
		assert_int_equal(enter(first), -EBADF);
	}
}

static void test_dup(void **state)
{
	struct io_uring r, other;
	int fd, zero = open("/dev/zero", O_RDWR | O_CLOEXEC);

	ur_init(&r, 8, 0);
	ur_init(&other, 8, 0);
	/* by any of its numbers, also when the first is gone */
	fd = dup(r.ring_fd);
	assert_int_equal(enter(fd), 0);
	close(r.ring_fd);
	assert_int_equal(enter(r.ring_fd), -EBADF);
	r.ring_fd = r.enter_ring_fd = fd;
	check_ring(&r, 1);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 500);
	close(r.ring_fd);
	r.ring_fd = r.enter_ring_fd = fd;
	check_ring(&r, 2);

	/* the number becomes another file, then another ring, then itself again */
	fd = dup(r.ring_fd);
	assert_int_equal(dup2(zero, r.ring_fd), r.ring_fd);
	assert_int_equal(enter(r.ring_fd), -EOPNOTSUPP);
	assert_int_equal(dup2(other.ring_fd, r.ring_fd), r.ring_fd);
	ur_nop(&other, 3, 0);
	other.enter_ring_fd = r.ring_fd;
	ur_submit(&other, 1);
	other.enter_ring_fd = other.ring_fd;
	ur_expect(&other, 3, 0);
	assert_int_equal(io_uring_cq_ready(&r), 0);
	assert_int_equal(dup2(fd, r.ring_fd), r.ring_fd);
	close(fd);
	check_ring(&r, 4);
	check_ring(&other, 5);

	/* everything above a number */
	fd = fcntl(other.ring_fd, F_DUPFD_CLOEXEC, 800);
	assert_int_equal(syscall(SYS_close_range, 800, ~0u, 0), 0);
	assert_int_equal(enter(fd), -EBADF);
	check_ring(&other, 6);
	ur_exit(&r);
	ur_exit(&other);
	close(zero);
}

static void wait_ok(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("the child ended with status 0x%x", status);
}

/* both sides of a fork share the ring; its end is the last one's */
static void test_fork(void **state)
{
	struct io_uring r;
	int go[2];
	pid_t pid;

	ur_init(&r, 8, 0);
	for (uint64_t i = 0; i < 20; i++) {
		pid = ur_fork();
		if (!pid) {
			check_ring(&r, i);
			_exit(0);
		}
		wait_ok(pid);
		/* liburing's copy of the tails is each process' own */
		r.sq.sqe_head = r.sq.sqe_tail = *r.sq.ktail;
		check_ring(&r, 100 + i);
	}
	/* the child goes on when the parent has closed it */
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = ur_fork();
	if (!pid) {
		char c;

		close(go[1]);
		if (read(go[0], &c, 1) != 0)
			_exit(2);
		check_ring(&r, 1);
		_exit(0);
	}
	close(go[0]);
	ur_exit(&r);
	close(go[1]);
	wait_ok(pid);
	/* and a ring of the same number does not mind */
	ur_init(&r, 8, 0);
	pid = ur_fork();
	if (!pid) {
		close(r.ring_fd);
		_exit(enter(r.ring_fd) != -EBADF);
	}
	wait_ok(pid);
	check_ring(&r, 2);
	ur_exit(&r);
}

/* the same program, executed with a ring's descriptor and its parameters */
static int executed(int fd, int params)
{
	struct io_uring_params p;
	struct io_uring r;

	if (pread(params, &p, sizeof(p), 0) != sizeof(p))
		return 3;
	memset(&r, 0, sizeof(r));
	if (io_uring_queue_mmap(fd, &p, &r))
		return 4;
	r.enter_ring_fd = fd;
	r.sq.sqe_head = r.sq.sqe_tail = *r.sq.ktail;
	ur_nop(&r, 42, 0);
	if (io_uring_submit(&r) != 1 || io_uring_cq_ready(&r) != 1)
		return 5;
	return r.cq.cqes[(*r.cq.khead & r.cq.ring_mask) * 2].user_data != 42;
}

static void test_exec(void **state)
{
	struct io_uring_params p = { 0 };
	char fd[16], params[16];
	struct io_uring r;
	int file;
	pid_t pid;

	assert_int_equal(ur_setup(&r, 8, 0, &p), 0);
	/* as it is: closed by exec */
	snprintf(fd, sizeof(fd), "%d", r.ring_fd);
	pid = ur_fork();
	if (!pid) {
		execl(self, self, "--closed", fd, NULL);
		_exit(99);
	}
	wait_ok(pid);
	check_ring(&r, 1);
	/* kept */
	file = memfd_create("params", 0);
	assert_int_equal(write(file, &p, sizeof(p)), sizeof(p));
	snprintf(params, sizeof(params), "%d", file);
	pid = ur_fork();
	if (!pid) {
		fcntl(r.ring_fd, F_SETFD, 0);
		execl(self, self, "--kept", fd, params, NULL);
		_exit(99);
	}
	wait_ok(pid);
	assert_int_equal(io_uring_cq_ready(&r), 1);
	ur_expect(&r, 42, 0);
	r.sq.sqe_head = r.sq.sqe_tail = *r.sq.ktail;
	check_ring(&r, 2);
	ur_exit(&r);
	close(file);
}

static void *make(void *arg)
{
	if (ur_setup(arg, 8, 0, NULL))
		return NULL;
	ur_nop(arg, 1, 0);
	return io_uring_submit(arg) == 1 ? arg : NULL;
}

static void *use(void *arg)
{
	struct io_uring *r = arg;
	struct io_uring_cqe *cqe;

	ur_nop(r, 2, 0);
	if (io_uring_submit_and_wait(r, 1) != 1 || io_uring_peek_cqe(r, &cqe) ||
	    cqe->user_data != 2)
		return NULL;
	io_uring_cqe_seen(r, cqe);
	return r;
}

/* made by a thread that is gone, used by others that come and go */
static void test_threads(void **state)
{
	struct io_uring r;
	pthread_t th;
	void *ret;

	for (int i = 0; i < 20; i++) {
		pthread_create(&th, NULL, make, &r);
		pthread_join(th, &ret);
		assert_ptr_equal(ret, &r);
		ur_expect(&r, 1, 0);
		for (int j = 0; j < 5; j++) {
			pthread_create(&th, NULL, use, &r);
			pthread_join(th, &ret);
			assert_ptr_equal(ret, &r);
		}
		check_ring(&r, 3);
		ur_exit(&r);
	}
}

/* unmapped before it is closed, or the other way round */
static void test_unmapped(void **state)
{
	struct io_uring r;

	for (int i = 0; i < 10; i++) {
		ur_init(&r, 8, i & 1 ? IORING_SETUP_SQPOLL : 0);
		if (i & 2) {
			int fd = dup(r.ring_fd);

			ur_exit(&r); /* unmaps, and closes one of two */
			assert_true(enter(fd) >= 0);
			close(fd);
		} else {
			close(r.ring_fd);
			r.ring_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
			ur_exit(&r);
		}
	}
}

/* ---- with commands
 * --------------------------------------------------------------------------------- */

/* each process' commands move its own memory */
static void test_fork_memory(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(1); /* private: the child's differs */
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (uint32_t i = 0; i < 20; i++) {
		pid_t pid;

		ur_fill(mem, 4096, 1);
		pid = ur_fork();
		if (!pid) {
			ur_fill(mem, 4096, 100 + i);
			ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 8, 8, mem), 1);
			_exit(ur_one(&r) != 0);
		}
		wait_ok(pid);
		r.sq.sqe_head = r.sq.sqe_tail = *r.sq.ktail;
		assert_true(ur_filled(mem, 4096, 1));
		ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 8, 8, mem), 1);
		assert_int_equal(ur_one(&r), 0);
		assert_true(ur_filled(mem, 4096, 100 + i));
	}
	ur_exit(&r);
	close(ns);
}

/* the node's number becomes another node's, another file's, and is closed, between commands */
static void test_node_number(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR), ctrl = ur_open(ur.ctrl, O_RDWR),
	    zero = ur_open("/dev/zero", O_RDWR);
	int fd = dup(ns);
	char *mem = ur_pages(1);
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (int i = 0; i < 30; i++) {
		ur_cmd(&r, fd, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, mem), 1);
		assert_int_equal(ur_one(&r), 0);
		assert_int_equal(dup2(ctrl, fd), fd);
		ur_cmd(&r, fd, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, mem), 1);
		assert_int_equal(ur_one(&r), -ENOTTY);
		assert_int_equal(dup2(zero, fd), fd);
		ur_cmd(&r, fd, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, mem), 1);
		assert_int_equal(ur_one(&r), -EOPNOTSUPP);
		close(fd);
		ur_cmd(&r, fd, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, mem), 1);
		assert_int_equal(ur_one(&r), -EBADF);
		assert_int_equal(dup2(ns, fd), fd);
	}
	ur_exit(&r);
	close(fd);
	close(ns);
	close(ctrl);
	close(zero);
}

/* Return: whether the supervisor's numbers come down to these within @s seconds */
static bool settles(int pid, unsigned int fds, unsigned int maps, int s)
{
	for (int i = 0; i < s * 10; i++) {
		if (ur_count_fds(pid) <= fds && ur_count_maps(pid) <= maps)
			return true;
		usleep(100000);
	}
	print_message("supervisor: %u descriptors (%u), %u shared mappings (%u)\n",
		      ur_count_fds(pid), fds, ur_count_maps(pid), maps);
	return false;
}

/* until nothing more is found closed */
static void calm(int pid)
{
	unsigned int fds, maps;

	do {
		fds = ur_count_fds(pid);
		maps = ur_count_maps(pid);
		usleep(300000);
	} while (ur_count_fds(pid) < fds || ur_count_maps(pid) < maps);
}

static bool sanitized(int pid)
{
	char path[64], line[512];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "r");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, "libasan") || strstr(line, "libclang_rt");
	if (f)
		fclose(f);
	return found;
}

/* 1,000 rings of all kinds, ended in all ways: the supervisor is as before */
static void test_no_leak(void **state)
{
	int pid = ur_supervisor(), ns = ur_open(ur.ns, O_RDWR);
	unsigned int fds, maps;
	char *mem = ur_pages(1);
	struct io_uring one;
	uint64_t rss = 0;

	assert_true(pid > 0);
	assert_true(ur_count_fds(pid)); /* it can be looked into */
	for (int round = 0; round < 2; round++) {
		fds = ur_count_fds(pid);
		maps = ur_count_maps(pid);
		rss = ur_rss_kib(pid);
		/* the first round warms up: what the supervisor allocates once */
		for (int i = 0; i < (round ? 1000 : 50); i++) {
			struct iovec iov = { mem, 4096 };
			struct io_uring r;
			pid_t child = 0;

			ur_init(&r, 8 << i % 5,
				i % 7 == 0   ? IORING_SETUP_SQPOLL
				: i % 5 == 0 ? IORING_SETUP_IOPOLL
					     : 0);
			if (i % 3 == 0)
				assert_int_equal(io_uring_register_buffers(&r, &iov, 1), 0);
			if (i % 4 == 0)
				assert_int_equal(io_uring_register_files(&r, &ns, 1), 0);
			ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, mem), 1);
			assert_int_equal(ur_one(&r), 0);
			if (i % 50 == 0) {
				child = ur_fork();
				if (!child)
					pause(); /* holds the ring until it is killed */
			}
			ur_exit(&r);
			if (child) {
				kill(child, SIGKILL);
				waitpid(child, NULL, 0);
			}
		}
		/* the last of them are found closed later; none of a thousand may stay */
		if (round)
			assert_true(settles(pid, fds, maps, 15));
		else
			calm(pid);
	}
	/* (AddressSanitizer keeps what is freed, and looks for leaks itself) */
	if (!sanitized(pid))
		assert_true(ur_rss_kib(pid) < rss + 4096);
	/* that these numbers tell of rings at all */
	ur_init(&one, 8, 0);
	assert_true(ur_count_fds(pid) > fds || ur_count_maps(pid) > maps);
	ur_exit(&one);
	close(ns);
}

/* many at once, then all gone at once with their process */
static void test_many(void **state)
{
	int pid = ur_supervisor(), ns = ur_open(ur.ns, O_RDWR), status;
	unsigned int fds = ur_count_fds(pid), maps = ur_count_maps(pid);
	char *mem = ur_pages(1);
	pid_t child = ur_fork();

	if (!child) {
		static struct io_uring r[100];

		for (int i = 0; i < 100; i++)
			ur_init(&r[i], 32, 0);
		for (int round = 0; round < 3; round++) {
			for (int i = 0; i < 100; i++) {
				ur_cmd(&r[i], ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, mem), 1);
				if (ur_one(&r[i]))
					_exit(1);
			}
		}
		/* not one of them closed */
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	if (fds)
		assert_true(settles(pid, fds, maps, 15));
	close(ns);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_reused_number), cmocka_unit_test(test_dup),
		cmocka_unit_test(test_fork),	      cmocka_unit_test(test_exec),
		cmocka_unit_test(test_threads),	      cmocka_unit_test(test_unmapped),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_fork_memory),
		cmocka_unit_test(test_node_number),
		cmocka_unit_test(test_no_leak),
		cmocka_unit_test(test_many),
	};

	self = "/proc/self/exe";
	if (argc == 3 && !strcmp(argv[1], "--closed"))
		return enter(atoi(argv[2])) != -EBADF;
	if (argc == 4 && !strcmp(argv[1], "--kept"))
		return executed(atoi(argv[2]), atoi(argv[3]));
	return ur_main(argc, argv, rings, nodes);
}
