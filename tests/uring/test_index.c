/* SPDX-License-Identifier: MIT */
/* test_index.c - rings that a thread knows by an index instead of a descriptor */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ur.h"

#define ANY	       ((uint32_t)-1)
#define USE_REGISTERED (1u << 31)
#define MANY	       16 /* as many as Linux has for a thread */

static const char *self;

static int call(int fd, unsigned int op, struct io_uring_rsrc_update *u, unsigned int n)
{
	return io_uring_register((unsigned int)fd, op, u, n);
}

static int reg(int fd, int which, uint32_t *at)
{
	struct io_uring_rsrc_update u = { .offset = *at, .data = (uint32_t)which };
	int ret = call(fd, IORING_REGISTER_RING_FDS, &u, 1);

	if (ret == 1)
		*at = u.offset;
	return ret;
}

static int unreg_op(int fd, unsigned int op, uint32_t at)
{
	struct io_uring_rsrc_update u = { .offset = at };

	return call(fd, op, &u, 1);
}

static int unreg(int fd, uint32_t at)
{
	return unreg_op(fd, IORING_UNREGISTER_RING_FDS, at);
}

static int enter(uint32_t at, unsigned int n)
{
	return io_uring_enter(at, n, n, IORING_ENTER_REGISTERED_RING | IORING_ENTER_GETEVENTS,
			      NULL);
}

/* no ring: Linux says EINVAL to a thread that has no list at all, and EBADF else */
static void assert_none(uint32_t at)
{
	int ret = enter(at, 0);

	assert_true(ret == -EBADF || ret == -EINVAL);
}

static void nop(struct io_uring *r, uint32_t at, uint64_t data)
{
	ur_nop(r, data, 0);
	/* as io_uring_submit() does, which knows one way only */
	r->sq.array[*r->sq.ktail & r->sq.ring_mask] = *r->sq.ktail & r->sq.ring_mask;
	r->sq.sqe_head = r->sq.sqe_tail;
	io_uring_smp_store_release(r->sq.ktail, *r->sq.ktail + 1);
	assert_int_equal(enter(at, 1), 1);
	ur_expect(r, data, 0);
}

static void test_register(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct io_uring_rsrc_update u[2] = { { 0 } };
	struct io_uring r;
	uint32_t at = ANY;

	ur_init(&r, 8, 0);
	assert_int_equal(call(r.ring_fd, IORING_REGISTER_RING_FDS, u, 0), -EINVAL);
	assert_int_equal(call(r.ring_fd, IORING_REGISTER_RING_FDS, u, MANY + 1), -EINVAL);
	assert_int_equal(call(r.ring_fd, IORING_REGISTER_RING_FDS, (void *)8, 1), -EFAULT);
	assert_int_equal(reg(r.ring_fd, 9999, &at), -EBADF);
	assert_int_equal(reg(r.ring_fd, null, &at), -EOPNOTSUPP);
	u[0] = (struct io_uring_rsrc_update){ .offset = ANY, .resv = 1 };
	assert_int_equal(call(r.ring_fd, IORING_REGISTER_RING_FDS, u, 1), -EINVAL);
	at = MANY;
	assert_int_equal(reg(r.ring_fd, r.ring_fd, &at), -EINVAL);
	at = 5;
	assert_int_equal(reg(r.ring_fd, r.ring_fd, &at), 1);
	assert_int_equal(at, 5);
	assert_int_equal(reg(r.ring_fd, r.ring_fd, &at), -EBUSY);
	nop(&r, 5, 1);
	/* as many as there were before the one that is wrong */
	u[0] = (struct io_uring_rsrc_update){ .offset = ANY, .data = (uint32_t)r.ring_fd };
	u[1] = (struct io_uring_rsrc_update){ .offset = ANY, .data = 9999 };
	assert_int_equal(call(r.ring_fd, IORING_REGISTER_RING_FDS, u, 2), 1);
	assert_true(u[0].offset < MANY && u[0].offset != 5);
	nop(&r, u[0].offset, 2);

	assert_none(4);
	assert_int_equal(enter(MANY, 0), -EINVAL);
	assert_int_equal(call(r.ring_fd, IORING_UNREGISTER_RING_FDS, u, 0), -EINVAL);
	assert_int_equal(call(r.ring_fd, IORING_UNREGISTER_RING_FDS, (void *)8, 1), -EFAULT);
	assert_int_equal(call(r.ring_fd, IORING_UNREGISTER_RING_FDS, u, 1), -EINVAL); /* data */
	assert_int_equal(unreg(r.ring_fd, MANY), -EINVAL);
	assert_int_equal(unreg(r.ring_fd, 5), 1);
	assert_int_equal(unreg(r.ring_fd, 5), 1);
	assert_none(5);
	nop(&r, u[0].offset, 3);
	assert_int_equal(unreg(r.ring_fd, u[0].offset), 1);
	ur_exit(&r);
	close(null);
}

/* the descriptor gives way to the index, which keeps the ring */
static void test_closed(void **state)
{
	struct io_uring r;
	uint32_t at = ANY;
	int fd;

	ur_init(&r, 8, 0);
	assert_int_equal(reg(r.ring_fd, r.ring_fd, &at), 1);
	fd = r.ring_fd;
	close(fd);
	usleep(100000);
	for (uint64_t i = 0; i < 20; i++)
		nop(&r, at, i);
	/* io_uring_register, too: a bit of its own says that it is an index */
	assert_int_equal(call((int)at, IORING_UNREGISTER_EVENTFD | USE_REGISTERED, NULL, 0),
			 -ENXIO);
	assert_int_equal(unreg_op((int)at, IORING_UNREGISTER_RING_FDS | USE_REGISTERED, at), 1);
	assert_none(at);
	r.ring_fd = r.enter_ring_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ur_exit(&r);
}

/* ---- whose it is, and until when ------------------------------------------------------------ */

static void *failed(const char *why)
{
	print_error("%s\n", why);
	return &ur;
}

/* Linux 6.9: else the door cannot see the end of a thread, and offers nothing but to the first */
static bool threads_have_pidfds(void)
{
	int fd = (int)syscall(SYS_pidfd_open, gettid(), O_EXCL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void *other_thread(void *arg)
{
	uint32_t at = *(uint32_t *)arg;
	struct io_uring r;
	int ret = enter(at, 0);

	if (ret != -EBADF && ret != -EINVAL)
		return failed("it has the main thread's index");
	if (ur_setup(&r, 8, 0, NULL))
		return failed("no ring");
	if (ur.door && !threads_have_pidfds()) {
		ret = reg(r.ring_fd, r.ring_fd, &at);
		ur_exit(&r);
		return ret == -EINVAL ? NULL : failed("an index whose end nobody sees");
	}
	if (reg(r.ring_fd, r.ring_fd, &at) != 1)
		return failed("the same index is not its own to use");
	close(r.ring_fd);
	ur_nop(&r, 77, 0);
	r.enter_ring_fd = (int)at;
	r.int_flags |= 1; /* INT_FLAG_REG_RING */
	if (io_uring_submit_and_wait(&r, 1) != 1 || io_uring_cq_ready(&r) != 1)
		return failed("another's ring");
	/* the thread ends with its ring known by the index only */
	munmap(r.sq.sqes, r.sq.ring_entries * 128);
	munmap(r.sq.ring_ptr, r.sq.ring_sz);
	if (r.cq.ring_ptr != r.sq.ring_ptr)
		munmap(r.cq.ring_ptr, r.cq.ring_sz);
	return NULL;
}

/* what was there before is there again, soon */
static void assert_nothing_left(unsigned int fds, unsigned int maps)
{
	uint64_t end = ur_ms() + UR_PATIENCE * 1000;

	if (!ur.door)
		return;
	while ((ur_count_fds(ur_supervisor()) > fds || ur_count_maps(ur_supervisor()) > maps) &&
	       ur_ms() < end)
		usleep(10000);
	assert_true(ur_count_fds(ur_supervisor()) <= fds);
	assert_true(ur_count_maps(ur_supervisor()) <= maps);
}

static void test_threads(void **state)
{
	unsigned int fds, maps;
	struct io_uring r;
	uint32_t at = ANY;
	pthread_t th;
	void *ret;

	ur_init(&r, 8, 0);
	assert_int_equal(reg(r.ring_fd, r.ring_fd, &at), 1);
	fds = ur_count_fds(ur_supervisor());
	maps = ur_count_maps(ur_supervisor());
	for (int i = 0; i < 40; i++) {
		pthread_create(&th, NULL, other_thread, &at);
		pthread_join(th, &ret);
		assert_null(ret);
		nop(&r, at, 5);
	}
	/* (what is remembered of rings that live may take some descriptors) */
	assert_nothing_left(fds + 4, maps);
	assert_int_equal(unreg(r.ring_fd, at), 1);
	ur_exit(&r);
}

static void test_fork(void **state)
{
	struct io_uring r;
	uint32_t at = ANY;
	int status;
	pid_t pid;

	ur_init(&r, 8, 0);
	assert_int_equal(reg(r.ring_fd, r.ring_fd, &at), 1);
	pid = ur_fork();
	if (!pid)
		_exit(enter(at, 0) != -EINVAL && enter(at, 0) != -EBADF);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	nop(&r, at, 1);
	assert_int_equal(unreg(r.ring_fd, at), 1);
	ur_exit(&r);
}

/* the program that another became has none of its indices, and keeps no ring of its */
static void test_exec(void **state)
{
	unsigned int fds = ur_count_fds(ur_supervisor()), maps = ur_count_maps(ur_supervisor());
	int go[2], status;
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	pid = ur_fork();
	if (!pid) {
		char index[16];
		struct io_uring r;
		uint32_t at = ANY;

		close(go[1]);
		if (ur_setup(&r, 8, 0, NULL) || reg(r.ring_fd, r.ring_fd, &at) != 1)
			_exit(97);
		dup2(go[0], STDIN_FILENO);
		snprintf(index, sizeof(index), "%u", at);
		execl(self, self, "--executed", index, NULL);
		_exit(99);
	}
	close(go[0]);
	usleep(200000);
	assert_nothing_left(fds + 4, maps);
	/* it has lived all the while */
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(go[1]);
}

static int executed(uint32_t at)
{
	char byte;
	int ret;

	/* the ring goes though it calls nothing */
	if (read(STDIN_FILENO, &byte, 1) != 1)
		return 2;
	ret = enter(at, 0);
	return ret != -EBADF && ret != -EINVAL;
}

/* ---- with commands -------------------------------------------------------------------------- */

static void test_commands(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(2);
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_ring_fd(&r), 1);
	assert_true(r.enter_ring_fd != r.ring_fd);
	ur_fill(mem, 4096, 9);
	for (int i = 0; i < 20; i++) {
		ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 8, 8, mem), 1);
		assert_int_equal(ur_one(&r), 0);
		ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 8, 8, mem + 4096), 1);
		assert_int_equal(ur_one(&r), 0);
		assert_memory_equal(mem, mem + 4096, 4096);
	}
	assert_int_equal(io_uring_unregister_ring_fd(&r), 1);
	ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 8, 8, mem + 4096), 1);
	assert_int_equal(ur_one(&r), 0);
	ur_exit(&r);
	close(ns);
}

/* a ring of the kernel's and one of ours, both by index, in one thread; and the ends of what is
 * given out */
static void test_both(void **state)
{
	struct io_uring kernel, r;
	uint32_t at[MANY + 1];
	int n = 0;

	if (io_uring_queue_init(8, &kernel, 0) < 0)
		return; /* forbidden here */
	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_ring_fd(&kernel), 1);
	for (at[0] = ANY; reg(r.ring_fd, r.ring_fd, &at[n]) == 1; at[n] = ANY)
		assert_in_range(++n, 1, MANY);
	assert_in_range(n, 8, MANY);
	at[n] = ANY;
	assert_int_equal(reg(r.ring_fd, r.ring_fd, &at[n]), -EBUSY);
	for (int i = 0; i < n; i++) {
		assert_int_not_equal(at[i], kernel.enter_ring_fd);
		nop(&r, at[i], (uint64_t)i);
		io_uring_prep_nop(io_uring_get_sqe(&kernel));
		assert_int_equal(io_uring_submit(&kernel), 1);
		assert_int_equal(io_uring_cq_ready(&kernel), i + 1);
		assert_int_equal(io_uring_cq_ready(&r), 0);
	}
	for (int i = 0; i < n; i++)
		assert_int_equal(unreg(r.ring_fd, at[i]), 1);
	ur_exit(&r);
	io_uring_queue_exit(&kernel);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_register), cmocka_unit_test(test_closed),
		cmocka_unit_test(test_threads),	 cmocka_unit_test(test_fork),
		cmocka_unit_test(test_exec),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_both),
	};

	self = argv[0];
	if (argc == 3 && !strcmp(argv[1], "--executed"))
		return executed((uint32_t)atoi(argv[2]));
	return ur_main(argc, argv, rings, nodes);
}
