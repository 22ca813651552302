/* SPDX-License-Identifier: MIT */
/*
 * test_register.c - io_uring_register(2): buffers, files, eventfd, probe, restrictions, and the
 * small ones
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ur.h"

/* liburing 2.3 forgets to export its own */
static int restrict_to(struct io_uring *r, struct io_uring_restriction *res, unsigned int n)
{
	return io_uring_register((unsigned int)r->ring_fd, IORING_REGISTER_RESTRICTIONS, res, n);
}

static int enable(struct io_uring *r)
{
	return io_uring_register((unsigned int)r->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static void test_buffers(void **state)
{
	struct iovec iov[4];
	struct io_uring r;
	char *mem = ur_pages(16);

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_unregister_buffers(&r), -ENXIO);
	assert_int_equal(io_uring_register_buffers(&r, iov, 0), -EINVAL);
	for (int i = 0; i < 4; i++)
		iov[i] = (struct iovec){ mem + i * 4096 + i * 8, 1000 };
	assert_int_equal(io_uring_register_buffers(&r, iov, 20000), -EINVAL);
	assert_int_equal(io_uring_register_buffers(&r, iov, 4), 0);
	assert_int_equal(io_uring_register_buffers(&r, iov, 4), -EBUSY);
	assert_int_equal(io_uring_unregister_buffers(&r), 0);
	assert_int_equal(io_uring_unregister_buffers(&r), -ENXIO);

	/* what a buffer cannot be: nothing of the kind stays behind */
	iov[1] = (struct iovec){ mem, 0 };
	assert_int_equal(io_uring_register_buffers(&r, iov, 2), -EFAULT);
	iov[1] = (struct iovec){ NULL, 4096 };
	assert_int_equal(io_uring_register_buffers(&r, iov, 2), -EFAULT);
	iov[1] = (struct iovec){ mem, (1ul << 30) + 1 };
	assert_int_equal(io_uring_register_buffers(&r, iov, 2), -EFAULT);
	munmap(mem + 15 * 4096, 4096);
	iov[1] = (struct iovec){ mem + 14 * 4096, 8192 };
	assert_int_equal(io_uring_register_buffers(&r, iov, 2), -EFAULT);
	assert_int_equal(io_uring_register_buffers(&r, (void *)8, 1), -EFAULT);
	assert_int_equal(io_uring_unregister_buffers(&r), -ENXIO);
	/* an empty place is allowed */
	iov[1] = (struct iovec){ NULL, 0 };
	assert_int_equal(io_uring_register_buffers(&r, iov, 2), 0);
	assert_int_equal(io_uring_unregister_buffers(&r), 0);
	ur_exit(&r);
}

static void test_buffers2(void **state)
{
	struct io_uring r;
	char *mem = ur_pages(4);
	struct iovec iov = { mem, 4096 };
	__u64 tag = 0;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_buffers_update_tag(&r, 0, &iov, &tag, 1), -ENXIO);
	assert_int_equal(io_uring_register_buffers_sparse(&r, 4), 0);
	assert_int_equal(io_uring_register_buffers_update_tag(&r, 3, &iov, &tag, 1), 1);
	assert_int_equal(io_uring_register_buffers_update_tag(&r, 4, &iov, &tag, 1), -EINVAL);
	assert_int_equal(io_uring_unregister_buffers(&r), 0);
	ur_exit(&r);
}

static void test_files(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), bad = 9999,
	    files[4] = { null, -1, null, -1 };
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_unregister_files(&r), -ENXIO);
	assert_int_equal(io_uring_register_files_update(&r, 0, files, 1), -ENXIO);
	assert_int_equal(io_uring_register_files(&r, files, 0), -EINVAL);
	assert_int_equal(io_uring_register_files(&r, &bad, 1), -EBADF);
	assert_int_equal(io_uring_register_files(&r, (void *)8, 1), -EFAULT);
	assert_int_equal(io_uring_register_files(&r, files, 4), 0);
	assert_int_equal(io_uring_register_files(&r, files, 4), -EBUSY);
	assert_int_equal(io_uring_register_files_update(&r, 1, &null, 1), 1);
	assert_int_equal(io_uring_register_files_update(&r, 2, (int[]){ -1, null }, 2), 2);
	assert_int_equal(
		io_uring_register_files_update(&r, 0, (int[]){ IORING_REGISTER_FILES_SKIP, -1 }, 2),
		2);
	assert_int_equal(io_uring_register_files_update(&r, 4, &null, 1), -EINVAL);
	assert_int_equal(io_uring_register_files_update(&r, 3, files, 2), -EINVAL);
	assert_int_equal(io_uring_register_files_update(&r, 0, &bad, 1), -EBADF);
	assert_int_equal(io_uring_unregister_files(&r), 0);
	assert_int_equal(io_uring_unregister_files(&r), -ENXIO);
	assert_int_equal(io_uring_register_files_sparse(&r, 8), 0);
	assert_int_equal(io_uring_register_files_update(&r, 7, &null, 1), 1);
	/* an index that there is not, or that holds nothing */
	for (int i = 5; i < 10; i += 3) {
		struct io_uring_sqe *sqe = ur_sqe(&r, IORING_OP_URING_CMD, 1);

		sqe->fd = i;
		sqe->flags = IOSQE_FIXED_FILE;
		assert_int_equal(ur_one(&r), -EBADF);
	}
	ur_exit(&r);
	close(null);
}

static uint64_t count(int efd)
{
	uint64_t n = 0;

	return read(efd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void test_eventfd(void **state)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	    null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct __kernel_timespec ts = { .tv_nsec = 20000000 };
	struct io_uring_sqe *sqe;
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_unregister_eventfd(&r), -ENXIO);
	assert_int_equal(io_uring_register_eventfd(&r, 9999), -EBADF);
	assert_int_equal(io_uring_register_eventfd(&r, null), -EINVAL);
	assert_int_equal(io_uring_register_eventfd(&r, efd), 0);
	assert_int_equal(io_uring_register_eventfd(&r, efd), -EBUSY);
	assert_int_equal(count(efd), 0);
	ur_nop(&r, 1, 0);
	assert_int_equal(ur_one(&r), 0);
	assert_true(count(efd) >= 1);
	assert_int_equal(count(efd), 0);
	for (uint64_t i = 0; i < 3; i++)
		ur_nop(&r, i, 0);
	ur_submit(&r, 3);
	assert_in_range(count(efd), 1, 3);
	for (uint64_t i = 0; i < 3; i++)
		ur_expect(&r, i, 0);
	/* one that comes later, while the program sleeps on the eventfd */
	sqe = ur_sqe(&r, IORING_OP_TIMEOUT, 5);
	sqe->addr = (uintptr_t)&ts;
	sqe->len = 1;
	ur_submit(&r, 1);
	fcntl(efd, F_SETFL, 0);
	assert_true(count(efd) >= 1);
	fcntl(efd, F_SETFL, O_NONBLOCK);
	assert_int_equal(io_uring_cq_ready(&r), 1);
	ur_expect(&r, 5, -ETIME);

	/* the program's own switch, in the ring */
	if (r.cq.kflags) {
		assert_int_equal(io_uring_cq_eventfd_toggle(&r, false), 0);
		ur_nop(&r, 1, 0);
		assert_int_equal(ur_one(&r), 0);
		assert_int_equal(count(efd), 0);
		assert_int_equal(io_uring_cq_eventfd_toggle(&r, true), 0);
		ur_nop(&r, 1, 0);
		assert_int_equal(ur_one(&r), 0);
		assert_true(count(efd) >= 1);
	}
	assert_int_equal(io_uring_unregister_eventfd(&r), 0);
	ur_nop(&r, 1, 0);
	assert_int_equal(ur_one(&r), 0);
	assert_int_equal(count(efd), 0);
	/* only for what does not complete at once */
	assert_int_equal(io_uring_register_eventfd_async(&r, efd), 0);
	ur_nop(&r, 1, 0);
	assert_int_equal(ur_one(&r), 0);
	assert_int_equal(count(efd), 0);
	ur_exit(&r);
	close(efd);
	close(null);
}

static void test_probe(void **state)
{
	const size_t size = sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op);
	struct io_uring_probe *probe = calloc(1, size);
	struct io_uring r;

	assert_non_null(probe);
	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_probe(&r, probe, 256), 0);
	assert_true(probe->last_op >= IORING_OP_URING_CMD);
	assert_int_equal(probe->ops[IORING_OP_URING_CMD].op, IORING_OP_URING_CMD);
	/* the room must be zero, and there must be some */
	assert_int_equal(io_uring_register_probe(&r, probe, 256), -EINVAL);
	memset(probe, 0, size);
	assert_int_equal(io_uring_register_probe(&r, probe, 4), 0);
	assert_in_range(probe->ops_len, 4, 4);
	assert_int_equal(io_uring_register_probe(&r, (void *)8, 4), -EFAULT);
	ur_exit(&r);
	free(probe);
}

static void test_disabled(void **state)
{
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(enable(&r), -EBADFD);
	ur_exit(&r);
	ur_init(&r, 8, IORING_SETUP_R_DISABLED);
	ur_nop(&r, 1, 0);
	assert_int_equal(io_uring_submit(&r), -EBADFD);
	assert_int_equal(enable(&r), 0);
	assert_int_equal(enable(&r), -EBADFD);
	assert_int_equal(
		io_uring_enter((unsigned int)r.ring_fd, 1, 1, IORING_ENTER_GETEVENTS, NULL), 1);
	ur_expect(&r, 1, 0);
	ur_exit(&r);
}

static void test_restrictions(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct io_uring_restriction res[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_IO_LINK },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_FILES },
	};
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(restrict_to(&r, res, 3), -EBADFD);
	ur_exit(&r);

	ur_init(&r, 8, IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL);
	assert_int_equal(restrict_to(&r, res, 3), 0);
	assert_int_equal(restrict_to(&r, res, 3), -EBUSY);
	assert_int_equal(enable(&r), 0);
	ur_nop(&r, 1, 0);
	assert_int_equal(ur_one(&r), 0);
	ur_nop(&r, 1, IOSQE_IO_LINK);
	assert_int_equal(ur_one(&r), 0);
	ur_nop(&r, 1, IOSQE_ASYNC);
	assert_int_equal(ur_one(&r), -EACCES);
	ur_sqe(&r, IORING_OP_URING_CMD, 1)->fd = null;
	assert_int_equal(ur_one(&r), -EACCES);
	assert_int_equal(io_uring_register_files(&r, &null, 1), 0);
	assert_int_equal(io_uring_unregister_files(&r), -EACCES);
	ur_exit(&r);

	/* flags that each entry must have */
	res[0] = (struct io_uring_restriction){ .opcode = IORING_RESTRICTION_SQE_OP,
						.sqe_op = IORING_OP_NOP };
	res[1] = (struct io_uring_restriction){ .opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED,
						.sqe_flags = IOSQE_ASYNC };
	ur_init(&r, 8, IORING_SETUP_R_DISABLED);
	assert_int_equal(restrict_to(&r, res, 2), 0);
	assert_int_equal(enable(&r), 0);
	ur_nop(&r, 1, 0);
	assert_int_equal(ur_one(&r), -EACCES);
	ur_nop(&r, 1, IOSQE_ASYNC);
	assert_int_equal(ur_one(&r), 0);
	ur_exit(&r);
	res[0].opcode = 77;
	ur_init(&r, 8, IORING_SETUP_R_DISABLED);
	assert_int_equal(restrict_to(&r, res, 1), -EINVAL);
	ur_exit(&r);
	close(null);
}

static void test_workers(void **state)
{
	unsigned int values[2] = { 0, 0 };
	struct io_uring r;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_iowq_aff(&r, sizeof(set), &set), 0);
	assert_int_equal(io_uring_unregister_iowq_aff(&r), 0);
	assert_int_equal(io_uring_register_iowq_max_workers(&r, values), 0);
	values[0] = values[1] = 4;
	assert_int_equal(io_uring_register_iowq_max_workers(&r, values), 0);
	assert_int_equal(io_uring_register((unsigned int)r.ring_fd, 1000, NULL, 0), -EINVAL);
	ur_exit(&r);
}

/* the ring by an index instead of its descriptor, as liburing does it; more in test_index.c */
static void test_ring_fd(void **state)
{
	struct io_uring r;
	int ret;

	ur_init(&r, 8, 0);
	ret = io_uring_register_ring_fd(&r);
	assert_int_equal(ret, 1);
	for (uint64_t i = 0; i < 10; i++) {
		ur_nop(&r, i, 0);
		assert_int_equal(ur_one(&r), 0);
	}
	assert_int_equal(io_uring_enter(99, 0, 0, IORING_ENTER_REGISTERED_RING, NULL), -EINVAL);
	assert_int_equal(io_uring_unregister_ring_fd(&r), 1);
	ur_nop(&r, 1, 0);
	assert_int_equal(ur_one(&r), 0);
	ur_exit(&r);
}

/* ---- with commands
 * --------------------------------------------------------------------------------- */

static int32_t fixed(struct io_uring *r, int fd, uint8_t opcode, uint16_t index, void *buf)
{
	struct io_uring_sqe *sqe = ur_cmd(r, fd, NVME_URING_CMD_IO, ur_rw(opcode, 3, 8, buf), 1);

	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = index;
	return ur_one(r);
}

static void test_fixed_buffers(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(8);
	struct iovec iov[] = {
		{ mem, 8192 }, { NULL, 0 }, { mem + 8192 + 512, 4096 }, { mem + 4 * 4096, 4096 }
	};
	struct io_uring r;
	__u64 tag = 0;

	ur_init(&r, 8, 0);
	assert_int_equal(fixed(&r, ns, UR_READ, 0, mem), -EFAULT); /* there are none */
	assert_int_equal(io_uring_register_buffers(&r, iov, 4), 0);
	ur_fill(mem, 8192, 1);
	assert_int_equal(fixed(&r, ns, UR_WRITE, 0, mem + 4096), 0);
	assert_int_equal(fixed(&r, ns, UR_READ, 2, mem + 8192 + 512), 0);
	assert_memory_equal(mem + 4096, mem + 8192 + 512, 4096);
	/* not within the buffer of that index */
	assert_int_equal(fixed(&r, ns, UR_READ, 0, mem + 4096 + 512), -EFAULT);
	assert_int_equal(fixed(&r, ns, UR_READ, 0, mem - 512), -EFAULT);
	assert_int_equal(fixed(&r, ns, UR_READ, 0, NULL), -EFAULT);
	assert_int_equal(fixed(&r, ns, UR_READ, 2, mem + 8192), -EFAULT);
	assert_int_equal(fixed(&r, ns, UR_READ, 3, mem), -EFAULT);
	assert_int_equal(fixed(&r, ns, UR_READ, 0, (void *)~0xfffull), -EFAULT);
	assert_int_equal(fixed(&r, ns, UR_READ, 1, mem), -EFAULT); /* an empty place */
	assert_int_equal(fixed(&r, ns, UR_READ, 4, mem), -EFAULT);
	assert_int_equal(fixed(&r, ns, UR_READ, 65535, mem), -EFAULT);
	/* replaced */
	assert_int_equal(io_uring_register_buffers_update_tag(&r, 1, &iov[3], &tag, 1), 1);
	assert_int_equal(fixed(&r, ns, UR_READ, 1, mem + 4 * 4096), 0);
	assert_memory_equal(mem + 4096, mem + 4 * 4096, 4096);
	assert_int_equal(io_uring_unregister_buffers(&r), 0);
	assert_int_equal(fixed(&r, ns, UR_READ, 0, mem), -EFAULT);
	ur_exit(&r);
	close(ns);
}

static int32_t by_index(struct io_uring *r, int index, uint32_t op)
{
	static char id[4096] __attribute__((aligned(4096)));

	ur_cmd(r, index, op,
	       op == NVME_URING_CMD_ADMIN ? ur_identify(1, id) : ur_rw(UR_READ, 0, 8, id), 1)
		->flags = IOSQE_FIXED_FILE;
	return ur_one(r);
}

static void test_fixed_files(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR), ctrl = ur_open(ur.ctrl, O_RDWR),
	    null = ur_open("/dev/zero", O_RDWR);
	int files[] = { ns, -1, ctrl, null };
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_files(&r, files, 4), 0);
	/* registered, they outlive their descriptors */
	close(ns);
	close(ctrl);
	close(null);
	assert_int_equal(by_index(&r, 0, NVME_URING_CMD_IO), 0);
	assert_int_equal(by_index(&r, 2, NVME_URING_CMD_ADMIN), 0);
	assert_int_equal(by_index(&r, 1, NVME_URING_CMD_IO), -EBADF);
	assert_int_equal(by_index(&r, 3, NVME_URING_CMD_IO), -EOPNOTSUPP);
	assert_int_equal(by_index(&r, 4, NVME_URING_CMD_IO), -EBADF);
	assert_int_equal(by_index(&r, -1, NVME_URING_CMD_IO), -EBADF);
	/* exchanged */
	ns = ur_open(ur.ns, O_RDWR);
	assert_int_equal(io_uring_register_files_update(&r, 0, (int[]){ -1, ns }, 2), 2);
	close(ns);
	assert_int_equal(by_index(&r, 0, NVME_URING_CMD_IO), -EBADF);
	assert_int_equal(by_index(&r, 1, NVME_URING_CMD_IO), 0);
	/* the number is another file's now: the registered one stays what it was */
	assert_true(dup2(STDERR_FILENO, ns) == ns);
	assert_int_equal(by_index(&r, 1, NVME_URING_CMD_IO), 0);
	close(ns);
	assert_int_equal(io_uring_unregister_files(&r), 0);
	assert_int_equal(by_index(&r, 1, NVME_URING_CMD_IO), -EBADF);
	ur_exit(&r);
}

static void test_cmd_eventfd(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR), efd = eventfd(0, EFD_CLOEXEC);
	char *mem = ur_pages(1);
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_eventfd(&r, efd), 0);
	for (int i = 0; i < 50; i++) {
		ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, mem), 1);
		ur_submit(&r, 1);
		assert_true(count(efd) >= 1); /* waits */
		assert_int_equal(io_uring_cq_ready(&r), 1);
		ur_expect(&r, 1, 0);
	}
	ur_exit(&r);
	/* the ring is gone, the program's eventfd is as it was */
	assert_int_equal(write(efd, &(uint64_t){ 3 }, 8), 8);
	assert_int_equal(count(efd), 3);
	close(efd);
	close(ns);
}

static void test_cmd_restrictions(void **state)
{
	struct io_uring_restriction res[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_URING_CMD },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_FILES },
	};
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(1);
	struct io_uring r;

	ur_init(&r, 8, IORING_SETUP_R_DISABLED);
	assert_int_equal(restrict_to(&r, res, 3), 0);
	assert_int_equal(enable(&r), 0);
	assert_int_equal(io_uring_register_files(&r, &ns, 1), 0);
	assert_int_equal(by_index(&r, 0, NVME_URING_CMD_IO), 0);
	ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, mem), 1);
	assert_int_equal(ur_one(&r), -EACCES);
	ur_nop(&r, 1, IOSQE_FIXED_FILE);
	assert_int_equal(ur_one(&r), -EACCES);
	ur_exit(&r);
	close(ns);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_buffers),	     cmocka_unit_test(test_buffers2),
		cmocka_unit_test(test_files),	     cmocka_unit_test(test_eventfd),
		cmocka_unit_test(test_probe),	     cmocka_unit_test(test_disabled),
		cmocka_unit_test(test_restrictions), cmocka_unit_test(test_workers),
		cmocka_unit_test(test_ring_fd),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_fixed_buffers),
		cmocka_unit_test(test_fixed_files),
		cmocka_unit_test(test_cmd_eventfd),
		cmocka_unit_test(test_cmd_restrictions),
	};

	return ur_main(argc, argv, rings, nodes);
}
