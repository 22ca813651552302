/* SPDX-License-Identifier: MIT */
/* test_tags.c - tags of registered buffers and files: a completion when the last use has ended */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ur.h"

static void test_feature(void **state)
{
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_true(r.features & IORING_FEAT_RSRC_TAGS);
	ur_exit(&r);
}

static void test_buffers(void **state)
{
	char *mem = ur_pages(4);
	struct iovec iov[3] = { { mem, 4096 }, { NULL, 0 }, { mem + 4096, 4096 } },
		     hole = { NULL, 0 };
	__u64 tags[3] = { 11, 0, 13 }, one = 0;
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_buffers_tags(&r, iov, tags, 3), 0);
	ur_nothing(&r, 20);
	/* replaced, by one with a tag and by none */
	one = 21;
	assert_int_equal(io_uring_register_buffers_update_tag(&r, 0, &iov[2], &one, 1), 1);
	ur_expect(&r, 11, 0);
	one = 0;
	assert_int_equal(io_uring_register_buffers_update_tag(&r, 0, &hole, &one, 1), 1);
	ur_expect(&r, 21, 0);
	/* an empty place filled: nothing ended */
	one = 22;
	assert_int_equal(io_uring_register_buffers_update_tag(&r, 1, &iov[0], &one, 1), 1);
	ur_nothing(&r, 20);
	/* what holds nothing has no tag; what was there stays */
	one = 23;
	assert_int_equal(io_uring_register_buffers_update_tag(&r, 1, &hole, &one, 1), -EINVAL);
	assert_int_equal(io_uring_register_buffers_update_tag(&r, 1, iov, (void *)8, 1), -EFAULT);
	ur_nothing(&r, 20);
	assert_int_equal(io_uring_unregister_buffers(&r), 0);
	ur_expect_any(&r, (uint64_t[]){ 13, 22 }, (int32_t[]){ 0, 0 }, 2);
	ur_nothing(&r, 20);

	/* a list that is refused leaves nothing, and its tags are not heard of */
	tags[1] = 12;
	assert_int_equal(io_uring_register_buffers_tags(&r, iov, tags, 3), -EINVAL);
	iov[1] = (struct iovec){ NULL, 4096 };
	assert_int_equal(io_uring_register_buffers_tags(&r, iov, tags, 3), -EFAULT);
	assert_int_equal(io_uring_register_buffers_tags(&r, iov, (void *)8, 1), -EFAULT);
	assert_int_equal(io_uring_unregister_buffers(&r), -ENXIO);
	ur_nothing(&r, 20);
	ur_exit(&r);
}

static void test_files(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), none = -1, bad = 9999,
	    skip = IORING_REGISTER_FILES_SKIP, files[3] = { null, -1, null };
	__u64 tags[3] = { 11, 0, 13 }, one = 0;
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_files_tags(&r, files, tags, 3), 0);
	ur_nothing(&r, 20);
	one = 21;
	assert_int_equal(io_uring_register_files_update_tag(&r, 0, &null, &one, 1), 1);
	ur_expect(&r, 11, 0);
	/* the old kind of update gives none, and ends what had one */
	assert_int_equal(io_uring_register_files_update(&r, 0, &null, 1), 1);
	ur_expect(&r, 21, 0);
	assert_int_equal(io_uring_register_files_update(&r, 0, &none, 1), 1);
	ur_nothing(&r, 20);
	one = 22;
	assert_int_equal(io_uring_register_files_update_tag(&r, 1, &null, &one, 1), 1);
	one = 23;
	assert_int_equal(io_uring_register_files_update_tag(&r, 1, &none, &one, 1), -EINVAL);
	assert_int_equal(io_uring_register_files_update_tag(&r, 1, &skip, &one, 1), -EINVAL);
	ur_nothing(&r, 20);
	one = 0;
	assert_int_equal(io_uring_register_files_update_tag(&r, 1, &skip, &one, 1), 1);
	ur_nothing(&r, 20);
	/* a descriptor that is none: the place is empty all the same */
	one = 24;
	assert_int_equal(io_uring_register_files_update_tag(&r, 1, &bad, &one, 1), -EBADF);
	ur_expect(&r, 22, 0);
	assert_int_equal(io_uring_unregister_files(&r), 0);
	ur_expect(&r, 13, 0);
	ur_nothing(&r, 20);

	tags[1] = 12;
	assert_int_equal(io_uring_register_files_tags(&r, files, tags, 3), -EINVAL);
	files[1] = bad;
	assert_int_equal(io_uring_register_files_tags(&r, files, tags, 3), -EBADF);
	assert_int_equal(io_uring_register_files_tags(&r, files, (void *)8, 1), -EFAULT);
	assert_int_equal(io_uring_unregister_files(&r), -ENXIO);
	ur_nothing(&r, 20);
	ur_exit(&r);
	close(null);
}

/* as any completion: told to an eventfd, counted by a timeout, and never lost */
static void test_told(void **state)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct __kernel_timespec ts = { .tv_sec = 60 };
	char *mem = ur_pages(1);
	struct iovec iov[20];
	struct io_uring_sqe *sqe;
	__u64 tags[20];
	struct io_uring r;
	uint64_t n = 0, seen = 0;

	for (int i = 0; i < 20; i++) {
		iov[i] = (struct iovec){ mem, 64 };
		tags[i] = (uint64_t)i + 1;
	}
	ur_init(&r, 4, 0);
	assert_int_equal(io_uring_register_eventfd(&r, efd), 0);
	sqe = ur_sqe(&r, IORING_OP_TIMEOUT, 99);
	sqe->addr = (uintptr_t)&ts;
	sqe->len = 1;
	sqe->off = 1;
	ur_submit(&r, 1);
	assert_int_equal(io_uring_register_buffers_tags(&r, iov, tags, 1), 0);
	assert_int_equal(io_uring_unregister_buffers(&r), 0);
	ur_expect_any(&r, (uint64_t[]){ 1, 99 }, (int32_t[]){ 0, 0 }, 2);
	assert_int_equal(read(efd, &n, sizeof(n)), sizeof(n));
	assert_in_range(n, 1, 2);

	assert_int_equal(io_uring_register_buffers_tags(&r, iov, tags, 20), 0);
	assert_int_equal(io_uring_unregister_buffers(&r), 0);
	assert_true(io_uring_cq_has_overflow(&r));
	for (int i = 0; i < 20; i++) {
		struct ur_cqe c = ur_reap(&r);

		assert_int_equal(c.res, 0);
		assert_int_equal(c.result, 0);
		assert_in_range(c.data, 1, 20);
		assert_false(seen >> c.data & 1);
		seen |= 1ull << c.data;
	}
	ur_nothing(&r, 20);
	assert_false(io_uring_cq_has_overflow(&r));
	/* some that are never taken */
	assert_int_equal(io_uring_register_buffers_tags(&r, iov, tags, 20), 0);
	assert_int_equal(io_uring_unregister_buffers(&r), 0);
	ur_exit(&r);
	close(efd);
}

/* ---- with commands ------------------------------------------------------------------------ */

/* a command that uses place 0 of both tables, and has not begun: 50 ms in front of it */
static void later(struct io_uring *r, void *buf)
{
	static struct __kernel_timespec ts = { .tv_nsec = 50000000 };
	struct io_uring_sqe *sqe = ur_sqe(r, IORING_OP_TIMEOUT, 1);

	sqe->addr = (uintptr_t)&ts;
	sqe->len = 1;
	sqe->flags = IOSQE_IO_HARDLINK;
	sqe = ur_cmd(r, 0, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, buf), 2);
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	ur_submit(r, 2);
}

static void in_use(unsigned int flags)
{
	int ns = ur_open(ur.ns, O_RDWR), none = -1;
	char *mem = ur_pages(2);
	struct iovec iov = { mem, 8192 }, hole = { NULL, 0 };
	__u64 file_tag = 31, buf_tag = 32, no_tag = 0;
	struct io_uring r;

	ur_init(&r, 8, flags);
	for (int unregister = 0; unregister < 2; unregister++) {
		assert_int_equal(io_uring_register_files_tags(&r, &ns, &file_tag, 1), 0);
		assert_int_equal(io_uring_register_buffers_tags(&r, &iov, &buf_tag, 1), 0);
		later(&r, mem);
		if (flags & IORING_SETUP_SQPOLL)
			while (io_uring_sq_ready(&r))
				usleep(1000);
		if (unregister) {
			assert_int_equal(io_uring_unregister_files(&r), 0);
			assert_int_equal(io_uring_unregister_buffers(&r), 0);
		} else {
			assert_int_equal(
				io_uring_register_files_update_tag(&r, 0, &none, &no_tag, 1), 1);
			assert_int_equal(
				io_uring_register_buffers_update_tag(&r, 0, &hole, &no_tag, 1), 1);
		}
		/* the command first, and it had what it was submitted with */
		ur_expect(&r, 1, -ETIME);
		ur_expect(&r, 2, 0);
		ur_expect_any(&r, (uint64_t[]){ 31, 32 }, (int32_t[]){ 0, 0 }, 2);
		ur_nothing(&r, 20);
		if (!unregister) {
			assert_int_equal(io_uring_unregister_files(&r), 0);
			assert_int_equal(io_uring_unregister_buffers(&r), 0);
		}
	}
	/* and a ring that ends with all of it */
	assert_int_equal(io_uring_register_files_tags(&r, &ns, &file_tag, 1), 0);
	assert_int_equal(io_uring_register_buffers_tags(&r, &iov, &buf_tag, 1), 0);
	later(&r, mem);
	assert_int_equal(io_uring_unregister_buffers(&r), 0);
	ur_exit(&r);
	close(ns);
}

static void test_in_use(void **state)
{
	in_use(0);
}

static void test_in_use_polled(void **state)
{
	in_use(IORING_SETUP_SQPOLL);
}

/* commands that never end by themselves: the tag waits for them, even on a table that is gone */
static void test_waits(void **state)
{
	int ctrl = ur_open(ur.ctrl, O_RDWR);
	__u64 tag = 31;
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_files_tags(&r, &ctrl, &tag, 1), 0);
	ur_cmd(&r, 0, NVME_URING_CMD_ADMIN, (struct nvme_uring_cmd){ .opcode = UR_AER }, 1)->flags =
		IOSQE_FIXED_FILE;
	ur_submit(&r, 1);
	assert_int_equal(io_uring_unregister_files(&r), 0);
	ur_nothing(&r, 50);
	ur_exit(&r);
	close(ctrl);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_feature),
		cmocka_unit_test(test_buffers),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_told),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_in_use_polled),
		cmocka_unit_test(test_waits),
	};

	return ur_main(argc, argv, rings, nodes);
}
