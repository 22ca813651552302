/* SPDX-License-Identifier: MIT */
/*
 * test_setup.c - io_uring_setup(2): its parameters, its flags, and which rings are left to the
 * kernel
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ur.h"

static long setup(unsigned int entries, struct io_uring_params *p)
{
	int fd = io_uring_setup(entries, p);

	if (fd >= 0)
		close(fd);
	return fd;
}

static void test_refused(void **state)
{
	static const struct {
		const char *why;
		unsigned int entries, flags, cq_entries, cpu;
		long want;
	} rows[] = {
		{"no entries", 0, 0, 0, 0, -EINVAL},
		{"more than 32768 entries", 32769, 0, 0, 0, -EINVAL},
		{"CQSIZE of 0", 8, IORING_SETUP_CQSIZE, 0, 0, -EINVAL},
		{"a CQ smaller than the SQ", 8, IORING_SETUP_CQSIZE, 4, 0, -EINVAL},
		{"a CQ above 65536", 8, IORING_SETUP_CQSIZE, 65537, 0, -EINVAL},
		{"SQ_AFF without SQPOLL", 8, IORING_SETUP_SQ_AFF, 0, 0, -EINVAL},
		{"SQ_AFF on no processor", 8, IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF, 0, 100000,
		 -EINVAL},
		{"SQPOLL and COOP_TASKRUN", 8, IORING_SETUP_SQPOLL | IORING_SETUP_COOP_TASKRUN, 0,
		 0, -EINVAL},
		{"SQPOLL and DEFER_TASKRUN", 8,
		 IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, 0,
		 0, -EINVAL},
		{"TASKRUN_FLAG alone", 8, IORING_SETUP_TASKRUN_FLAG, 0, 0, -EINVAL},
		{"DEFER_TASKRUN without SINGLE_ISSUER", 8, IORING_SETUP_DEFER_TASKRUN, 0, 0,
		 -EINVAL},
		{"HYBRID_IOPOLL without IOPOLL", 8, IORING_SETUP_HYBRID_IOPOLL, 0, 0, -EINVAL},
		{"a flag nobody knows", 8, 1u << 31, 0, 0, -EINVAL},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct io_uring_params p = {.flags = UR_BIG | rows[i].flags,
					    .cq_entries = rows[i].cq_entries,
					    .sq_thread_cpu = rows[i].cpu};
		long got = setup(rows[i].entries, &p);

		if (got != rows[i].want)
			fail_msg("%s: %ld, wanted %ld", rows[i].why, got, rows[i].want);
	}
}

static void test_reserved(void **state)
{
	struct io_uring_params p = {.flags = UR_BIG};

	for (int i = 0; i < 3; i++) {
		p.resv[i] = 1;
		assert_int_equal(setup(8, &p), -EINVAL);
		p.resv[i] = 0;
	}
	assert_true(setup(8, &p) >= 0);
	assert_int_equal(setup(8, NULL), -EFAULT);
	assert_int_equal(setup(8, (void *)8), -EFAULT);
}

static void test_sizes(void **state)
{
	static const struct {
		unsigned int entries, flags, cq, want_sq, want_cq;
	} rows[] = {
		{1, 0, 0, 1, 2},
		{5, 0, 0, 8, 16},
		{128, 0, 0, 128, 256},
		{4096, 0, 0, 4096, 8192},
		{8, IORING_SETUP_CQSIZE, 100, 8, 128},
		{8, IORING_SETUP_CQSIZE, 8, 8, 8},
		{40000, IORING_SETUP_CLAMP, 0, 32768, 65536},
		{8, IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE, 100000, 8, 65536},
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct io_uring_params p = {.flags = UR_BIG | rows[i].flags,
					    .cq_entries = rows[i].cq};
		long got = setup(rows[i].entries, &p);

		if (got < 0)
			fail_msg("row %u: %ld", i, got);
		assert_int_equal(p.sq_entries, rows[i].want_sq);
		assert_int_equal(p.cq_entries, rows[i].want_cq);
	}
}

/* what a program that maps the ring itself relies on (io_uring_setup(2)) */
static void test_layout(void **state)
{
	struct io_uring_params p = {.flags = UR_BIG};
	int fd = io_uring_setup(5, &p);
	size_t sq_len = p.sq_off.array + p.sq_entries * sizeof(uint32_t);
	size_t cq_len = p.cq_off.cqes + p.cq_entries * 32ul;
	char *sq, *cq, *sqes;

	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(p.features & IORING_FEAT_NODROP);
	assert_true(p.features & IORING_FEAT_EXT_ARG);
	assert_true(p.features & IORING_FEAT_SUBMIT_STABLE);
	assert_true(p.features & IORING_FEAT_CQE_SKIP);
	sq = mmap(NULL, sq_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		  IORING_OFF_SQ_RING);
	cq = mmap(NULL, cq_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		  IORING_OFF_CQ_RING);
	sqes = mmap(NULL, p.sq_entries * 128, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		    IORING_OFF_SQES);
	assert_true(sq != MAP_FAILED && cq != MAP_FAILED && sqes != MAP_FAILED);
	assert_int_equal(*(uint32_t *)(sq + p.sq_off.ring_mask), 7);
	assert_int_equal(*(uint32_t *)(sq + p.sq_off.ring_entries), 8);
	assert_int_equal(*(uint32_t *)(sq + p.sq_off.head), 0);
	assert_int_equal(*(uint32_t *)(sq + p.sq_off.tail), 0);
	assert_int_equal(*(uint32_t *)(sq + p.sq_off.flags), 0);
	assert_int_equal(*(uint32_t *)(sq + p.sq_off.dropped), 0);
	assert_int_equal(*(uint32_t *)(cq + p.cq_off.ring_mask), 15);
	assert_int_equal(*(uint32_t *)(cq + p.cq_off.ring_entries), 16);
	assert_int_equal(*(uint32_t *)(cq + p.cq_off.head), 0);
	assert_int_equal(*(uint32_t *)(cq + p.cq_off.tail), 0);
	assert_int_equal(*(uint32_t *)(cq + p.cq_off.overflow), 0);

	/* submitted through the array, in the array's order; the last is an index there is none of
	 */
	for (int i = 0; i < 3; i++)
		*(uint64_t *)(sqes + (5 + i) * 128 + offsetof(struct io_uring_sqe, user_data)) =
			100 + i;
	((uint32_t *)(sq + p.sq_off.array))[0] = 7;
	((uint32_t *)(sq + p.sq_off.array))[1] = 5;
	((uint32_t *)(sq + p.sq_off.array))[2] = 8;
	__atomic_store_n((uint32_t *)(sq + p.sq_off.tail), 3, __ATOMIC_RELEASE);
	assert_in_range(io_uring_enter(fd, 3, 0, IORING_ENTER_GETEVENTS, NULL), 2, 3);
	assert_int_equal(*(uint32_t *)(sq + p.sq_off.head), 3);
	assert_int_equal(*(uint32_t *)(sq + p.sq_off.dropped), 1);
	assert_int_equal(*(uint32_t *)(cq + p.cq_off.tail), 2);
	assert_int_equal(*(uint64_t *)(cq + p.cq_off.cqes), 102);
	assert_int_equal(*(uint64_t *)(cq + p.cq_off.cqes + 32), 100);
	munmap(sq, sq_len);
	munmap(cq, cq_len);
	munmap(sqes, p.sq_entries * 128);
	close(fd);
}

/* every flag that is accepted still makes a ring that works */
static void test_flags(void **state)
{
	static const unsigned int rows[] = {
		0,
		IORING_SETUP_IOPOLL,
		IORING_SETUP_IOPOLL | IORING_SETUP_HYBRID_IOPOLL,
		IORING_SETUP_SQPOLL,
		IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF,
		IORING_SETUP_SQPOLL | IORING_SETUP_IOPOLL,
		IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER,
		IORING_SETUP_CLAMP,
		IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		IORING_SETUP_SINGLE_ISSUER,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_NO_SQARRAY,
	};
	uint32_t array[8];

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct io_uring_params p = {.sq_thread_idle = 50};
		struct io_uring r;
		int ret = ur_setup(&r, 8, rows[i], &p);

		if (ret)
			fail_msg("flags 0x%x: %d", rows[i], ret);
		/* a liburing that does not know the flag would write the array that is not there */
		if (rows[i] & IORING_SETUP_NO_SQARRAY)
			r.sq.array = array;
		for (unsigned int n = 0; n < 40; n++) {
			ur_nop(&r, n, 0);
			assert_int_equal(ur_one(&r), 0);
		}
		ur_exit(&r);
	}
}

static void test_attach_wq(void **state)
{
	struct io_uring_params p = {0};
	struct io_uring plain, poll, r;

	assert_int_equal(io_uring_queue_init(4, &plain, 0), 0);
	p.wq_fd = (uint32_t)plain.ring_fd;
	assert_int_equal(ur_setup(&r, 4, IORING_SETUP_ATTACH_WQ, &p), 0);
	ur_nop(&r, 1, 0);
	assert_int_equal(ur_one(&r), 0);
	ur_exit(&r);

	/* as xNVMe's poll_sq: the ring attached to is an ordinary one of the kernel's */
	assert_int_equal(io_uring_queue_init(4, &poll, IORING_SETUP_SQPOLL), 0);
	p = (struct io_uring_params){.wq_fd = (uint32_t)poll.ring_fd};
	assert_int_equal(
		ur_setup(&r, 4,
			 IORING_SETUP_ATTACH_WQ | IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER,
			 &p),
		0);
	ur_nop(&r, 1, 0);
	assert_int_equal(ur_one(&r), 0);
	ur_exit(&r);

	p = (struct io_uring_params){.wq_fd = 9999};
	assert_int_not_equal(ur_setup(&r, 4, IORING_SETUP_ATTACH_WQ, &p), 0);
	p = (struct io_uring_params){.wq_fd = (uint32_t)STDERR_FILENO};
	assert_int_equal(ur_setup(&r, 4, IORING_SETUP_ATTACH_WQ, &p), -EINVAL);
	io_uring_queue_exit(&plain);
	io_uring_queue_exit(&poll);
}

/* io_uring_enter(2)'s own errors */
static void test_enter(void **state)
{
	struct io_uring r;
	int file = open("/dev/zero", O_RDWR | O_CLOEXEC);

	ur_init(&r, 4, 0);
	assert_int_equal(io_uring_enter(9999, 0, 0, 0, NULL), -EBADF);
	assert_int_equal(io_uring_enter((unsigned int)file, 0, 0, 0, NULL), -EOPNOTSUPP);
	assert_int_equal(io_uring_enter((unsigned int)r.ring_fd, 0, 0, 1u << 30, NULL), -EINVAL);
	assert_int_equal(io_uring_enter((unsigned int)r.ring_fd, 0, 0, 0, NULL), 0);
	assert_int_equal(io_uring_enter((unsigned int)r.ring_fd, 5, 0, 0, NULL), 0);
	assert_int_equal(
		io_uring_enter((unsigned int)r.ring_fd, 0, 0, IORING_ENTER_GETEVENTS, NULL), 0);
	assert_int_equal(io_uring_register((unsigned int)file, IORING_REGISTER_FILES, &file, 1),
			 -EOPNOTSUPP);
	assert_int_equal(io_uring_register(9999, IORING_REGISTER_FILES, &file, 1), -EBADF);
	/* fewer than there are */
	for (int i = 0; i < 4; i++)
		ur_nop(&r, (uint64_t)i, 0);
	*r.sq.ktail = 4;
	for (uint32_t i = 0; i < 4; i++)
		r.sq.array[i] = i;
	assert_int_equal(
		io_uring_enter((unsigned int)r.ring_fd, 1, 1, IORING_ENTER_GETEVENTS, NULL), 1);
	assert_int_equal(io_uring_cq_ready(&r), 1);
	assert_int_equal(
		io_uring_enter((unsigned int)r.ring_fd, 100, 3, IORING_ENTER_GETEVENTS, NULL), 3);
	assert_int_equal(io_uring_cq_ready(&r), 4);
	close(file);
	ur_exit(&r);
}

/* a thread that polls: it takes what is there unasked, and sleeps when there is nothing */
static void test_sqpoll(void **state)
{
	struct io_uring_params p = {.sq_thread_idle = 20};
	struct io_uring r;
	uint64_t end;

	assert_int_equal(ur_setup(&r, 8, IORING_SETUP_SQPOLL, &p), 0);
	for (int round = 0; round < 3; round++) {
		ur_nop(&r, 1, 0);
		assert_int_equal(ur_one(&r), 0);
		end = ur_ms() + 10000;
		while (!(IO_URING_READ_ONCE(*r.sq.kflags) & IORING_SQ_NEED_WAKEUP) && ur_ms() < end)
			usleep(1000);
		assert_true(IO_URING_READ_ONCE(*r.sq.kflags) & IORING_SQ_NEED_WAKEUP);
	}
	/* asleep: what is written is not seen, until it is woken */
	ur_nop(&r, 7, 0);
	r.sq.array[r.sq.sqe_head & r.sq.ring_mask] = r.sq.sqe_head & r.sq.ring_mask;
	__atomic_store_n(r.sq.ktail, ++r.sq.sqe_head, __ATOMIC_SEQ_CST);
	usleep(50000);
	assert_int_equal(io_uring_cq_ready(&r), 0);
	assert_true(io_uring_enter((unsigned int)r.ring_fd, 0, 0, IORING_ENTER_SQ_WAKEUP, NULL) >=
		    0);
	ur_expect(&r, 7, 0);
	/* more than there is room for: the thread takes them one after the other */
	for (uint64_t i = 0; i < 500; i++) {
		end = ur_ms() + 10000;
		while (!io_uring_sq_space_left(&r) && ur_ms() < end)
			io_uring_enter((unsigned int)r.ring_fd, 0, 0,
				       IORING_ENTER_SQ_WAIT | IORING_ENTER_SQ_WAKEUP, NULL);
		ur_nop(&r, i, 0);
		assert_true(io_uring_submit(&r) >= 0);
		if (i % 8 == 7) {
			for (uint64_t j = i - 7; j <= i; j++)
				ur_expect(&r, j, 0);
		}
	}
	ur_exit(&r);
}

/* ---- behind the door ---------------------------------------------------------------------------
 */

static bool kernels(int fd)
{
	char link[64], to[64] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, to, sizeof(to) - 1) > 0 && !strcmp(to, "anon_inode:[io_uring]");
}

/* a ring that could carry no NVMe command is the kernel's, with all that the kernel's have */
static void test_left(void **state)
{
	static const unsigned int rows[] = {0, IORING_SETUP_SQE128, IORING_SETUP_CQE32,
					    IORING_SETUP_SQPOLL, IORING_SETUP_IOPOLL};
	char path[] = "/tmp/uring-left-XXXXXX", text[8] = "";
	int file = mkstemp(path);
	struct io_uring big;

	unlink(path);
	assert_int_equal(write(file, "content", 8), 8);
	ur_init(&big, 8, 0);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct io_uring r;
		struct io_uring_cqe *cqe;
		struct io_uring_sqe *sqe;

		assert_int_equal(io_uring_queue_init(8, &r, rows[i]), 0);
		assert_true(kernels(r.ring_fd));
		if (!(rows[i] & IORING_SETUP_IOPOLL)) {
			memset(text, 0, sizeof(text));
			sqe = io_uring_get_sqe(&r);
			io_uring_prep_read(sqe, file, text, sizeof(text), 0);
			assert_int_equal(io_uring_submit(&r), 1);
			/* the two do not disturb each other */
			ur_nop(&big, 5, 0);
			assert_int_equal(ur_one(&big), 0);
			assert_int_equal(io_uring_wait_cqe(&r, &cqe), 0);
			assert_int_equal(cqe->res, sizeof(text));
			assert_string_equal(text, "content");
		}
		io_uring_queue_exit(&r);
	}
	ur_exit(&big);
	close(file);
}

static void test_ours(void **state)
{
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_false(kernels(r.ring_fd));
	/* so a program must not be told what only the kernel's own can do */
	assert_false(r.features & IORING_FEAT_SINGLE_MMAP);
	assert_int_not_equal(ur_setup(&r, 8, IORING_SETUP_NO_MMAP, NULL), 0);
	ur_exit(&r);
}

/* an operation that the ring does not have is refused, and the probe says so beforehand */
static void test_probe(void **state)
{
	struct io_uring_probe *probe;
	struct io_uring r;

	ur_init(&r, 8, 0);
	probe = io_uring_get_probe_ring(&r);
	assert_non_null(probe);
	assert_true(io_uring_opcode_supported(probe, IORING_OP_URING_CMD));
	assert_true(io_uring_opcode_supported(probe, IORING_OP_NOP));
	assert_true(io_uring_opcode_supported(probe, IORING_OP_TIMEOUT));
	assert_true(io_uring_opcode_supported(probe, IORING_OP_ASYNC_CANCEL));
	assert_true(io_uring_opcode_supported(probe, IORING_OP_LINK_TIMEOUT));
	assert_false(io_uring_opcode_supported(probe, 200));
	io_uring_free_probe(probe);
	ur_sqe(&r, 200, 1);
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_sqe(&r, 255, 1);
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_exit(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_sizes),	cmocka_unit_test(test_layout),
		cmocka_unit_test(test_flags),	cmocka_unit_test(test_attach_wq),
		cmocka_unit_test(test_enter),	cmocka_unit_test(test_sqpoll),
		cmocka_unit_test(test_probe),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_ours),
	};

	return ur_main(argc, argv, rings, nodes);
}
