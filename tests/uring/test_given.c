/* SPDX-License-Identifier: MIT */
/*
 * test_given.c - descriptors of CUSE nodes that the program did not open through the door
 *
 * test_given start CONTROLLER NAMESPACE NEW OLD COMMAND... runs outside of the door: it opens the
 * nodes, leaves a helper behind that opens more and sends them, and executes COMMAND, which is
 * nvmesim-run with test_given CONTROLLER NAMESPACE [FILE]. NEW and OLD are the namespace's device
 * under other names; the node OLD is older than the device. FILE is in the tree that the daemon has
 * mounted.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ur.h"

#define DETACH 0x15 /* Namespace Attachment */

/** struct ask - what the helper is asked for: to open a file and send it */
struct ask {
	int flags;
	char path[64];
};

/** struct answer - and what it says. @err: 0 or errno; @fd: its own number, kept until the next */
struct answer {
	int err, fd;
	pid_t pid;
};

/** struct given - what was inherited */
static struct given {
	int ctrl, ns, ns_ro, null, path, helper;
	char young[64], old[64];
	bool root;
} given;

static char *page;

/* ---- outside -------------------------------------------------------------------------------- */

static void send_fd(int sock, struct answer a)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)),
		       .cmsg_level = SOL_SOCKET,
		       .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { &a, sizeof(a) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (a.fd >= 0) {
		memcpy(CMSG_DATA(&c.h), &a.fd, sizeof(int));
		m.msg_control = &c;
		m.msg_controllen = sizeof(c);
	}
	if (sendmsg(sock, &m, MSG_NOSIGNAL) != sizeof(a))
		exit(1);
}

static void help(int sock)
{
	struct answer a = { .fd = -1, .pid = getpid() };
	struct ask ask;

	while (recv(sock, &ask, sizeof(ask), 0) == sizeof(ask)) {
		if (a.fd >= 0)
			close(a.fd);
		a.fd = open(ask.path, ask.flags);
		a.err = a.fd < 0 ? errno : 0;
		send_fd(sock, a);
	}
	exit(0);
}

static int start(char **argv)
{
	int fds[6], sv[2];
	char text[256];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv))
		return 98;
	pid = fork();
	if (!pid) {
		close(sv[0]);
		help(sv[1]);
	}
	close(sv[1]);
	fds[0] = open(argv[0], O_RDWR);
	fds[1] = open(argv[1], O_RDWR);
	fds[2] = open(argv[1], O_RDONLY);
	fds[3] = open("/dev/null", O_RDWR);
	fds[4] = open(argv[1], O_PATH);
	fds[5] = sv[0];
	for (int i = 0; i < 6; i++)
		if (fds[i] < 0)
			return 98;
	snprintf(text, sizeof(text), "%d %d %d %d %d %d %s %s", fds[0], fds[1], fds[2], fds[3],
		 fds[4], fds[5], argv[2], argv[3]);
	setenv("UR_GIVEN", text, 1);
	execvp(argv[4], argv + 4);
	return 98;
}

/* ---- inside --------------------------------------------------------------------------------- */

/* Return: the descriptor the helper opened and sent, or -errno */
static int receive(const char *path, int flags, struct answer *out)
{
	union {
		struct cmsghdr h;
		char room[CMSG_SPACE(sizeof(int))];
	} c;
	struct ask ask = { .flags = flags };
	struct answer a;
	struct iovec iov = { &a, sizeof(a) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)
	};
	int fd;

	snprintf(ask.path, sizeof(ask.path), "%s", path);
	assert_int_equal(send(given.helper, &ask, sizeof(ask), 0), sizeof(ask));
	assert_int_equal(recvmsg(given.helper, &m, MSG_CMSG_CLOEXEC), sizeof(a));
	if (out)
		*out = a;
	if (a.err)
		return -a.err;
	assert_non_null(CMSG_FIRSTHDR(&m));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

static int32_t io(struct io_uring *r, int fd, struct nvme_uring_cmd cmd)
{
	ur_cmd(r, fd, NVME_URING_CMD_IO, cmd, 1);
	return ur_one(r);
}

static int32_t rw(struct io_uring *r, int fd, uint8_t opcode)
{
	return io(r, fd, ur_rw(opcode, 8, 8, page));
}

static int32_t admin(struct io_uring *r, int fd)
{
	ur_cmd(r, fd, NVME_URING_CMD_ADMIN, ur_identify(1, page), 1);
	return ur_one(r);
}

/* it reads and writes, and the namespace is the one that others see */
static void check_ns(struct io_uring *r, int fd)
{
	static uint32_t seed;

	for (int i = 0; i < 2; i++) {
		ur_fill(page, 4096, ++seed);
		assert_int_equal(rw(r, fd, UR_WRITE), 0);
		memset(page, 0, 4096);
		assert_int_equal(rw(r, given.ns, UR_READ), 0);
		assert_true(ur_filled(page, 4096, seed));
		memset(page, 0, 4096);
		assert_int_equal(rw(r, fd, UR_READ), 0);
		assert_true(ur_filled(page, 4096, seed));
	}
	/* and the controller is not there */
	ur_cmd(r, fd, NVME_URING_CMD_ADMIN, ur_identify(1, page), 1);
	assert_int_equal(ur_one(r), -ENOTTY);
	/* as its read() and write() say */
	for (uint8_t op = IORING_OP_READ; op <= IORING_OP_WRITE; op++) {
		struct io_uring_sqe *sqe = ur_sqe(r, op, 1);

		sqe->fd = fd;
		sqe->addr = (uintptr_t)page;
		sqe->len = 512;
		assert_int_equal(ur_one(r), -EINVAL);
	}
	assert_int_equal(read(fd, page, 512), -1);
	assert_int_equal(errno, EINVAL);
	assert_true(ioctl(fd, NVME_IOCTL_ID) == 1);
}

static void check_ctrl(struct io_uring *r, int fd)
{
	memset(page, 0, 4096);
	assert_int_equal(admin(r, fd), 0);
	assert_memory_equal(page + 4, "URING ", 6); /* the serial number */
	assert_int_equal(rw(r, fd, UR_READ), -ENOTTY);
}

static void check_read_only(struct io_uring *r, int fd)
{
	int32_t want = given.root ? 0 : -EACCES; /* CAP_SYS_ADMIN may all */

	for (int i = 0; i < 2; i++) {
		assert_int_equal(rw(r, fd, UR_READ), 0);
		assert_int_equal(rw(r, fd, UR_WRITE), want);
	}
}

static void test_inherited(void **state)
{
	struct io_uring r;

	ur_init(&r, 8, 0);
	check_ns(&r, given.ns);
	check_ctrl(&r, given.ctrl);
	check_read_only(&r, given.ns_ro);
	ur_exit(&r);
}

static void test_received(void **state)
{
	int ctrl = receive(ur.ctrl, O_RDWR, NULL), ns = receive(ur.ns, O_RDWR, NULL);
	int ro = receive(ur.ns, O_RDONLY, NULL), pidfd, copy;
	struct answer a;
	struct io_uring r;

	ur_init(&r, 8, 0);
	check_ns(&r, ns);
	check_ctrl(&r, ctrl);
	check_read_only(&r, ro);
	close(ns);
	if (given.root) {
		/* and one that nobody sent */
		close(receive(ur.ns, O_RDWR, &a));
		pidfd = (int)syscall(SYS_pidfd_open, a.pid, 0);
		copy = (int)syscall(SYS_pidfd_getfd, pidfd, a.fd, 0);
		assert_true(copy >= 0);
		check_ns(&r, copy);
		close(copy);
		close(pidfd);
	}
	ur_exit(&r);
	close(ctrl);
	close(ro);
}

static void test_copies(void **state)
{
	int copy = dup(given.ns), high = fcntl(given.ns, F_DUPFD_CLOEXEC, 900), again;
	struct io_uring r;
	char name[32];

	ur_init(&r, 8, 0);
	check_ns(&r, copy);
	check_ns(&r, high);
	if (given.root) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", copy);
		again = ur_open(name, O_RDWR);
		check_ns(&r, again);
		close(again);
		again = ur_open(name, O_RDONLY);
		check_read_only(&r, again);
		close(again);
	}
	ur_exit(&r);
	close(copy);
	close(high);
}

/* names that are no names of the door's: the kernel opens them */
static void test_names(void **state)
{
	char link[] = "/tmp/given-XXXXXX";
	struct io_uring r;
	int fd;

	if (!given.root)
		return;
	ur_init(&r, 8, 0);
	close(mkstemp(link));
	unlink(link);
	assert_int_equal(symlink(ur.ns, link), 0);
	fd = ur_open(link, O_RDWR);
	check_ns(&r, fd);
	close(fd);
	unlink(link);

	fd = ur_open(given.young, O_RDWR);
	check_ns(&r, fd);
	close(fd);
	/* it is open on the device, but how should the daemon know? */
	fd = ur_open(given.old, O_RDWR);
	assert_int_equal(ioctl(fd, NVME_IOCTL_ID), 1);
	assert_int_equal(rw(&r, fd, UR_READ), -EOPNOTSUPP);
	close(fd);
	ur_exit(&r);
}

static void test_no_node(void **state)
{
	int zero = receive("/dev/zero", O_RDWR, NULL), fuse = receive("/dev/cuse", O_RDWR, NULL);
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rw(&r, given.null, UR_READ), -EOPNOTSUPP);
		assert_int_equal(rw(&r, zero, UR_READ), -EOPNOTSUPP);
		assert_int_equal(rw(&r, fuse, UR_READ), -EOPNOTSUPP);
		assert_int_equal(rw(&r, given.path, UR_READ), -EBADF);
	}
	ur_exit(&r);
	close(zero);
	close(fuse);
}

/* the same number, each time another file */
static void test_reused(void **state)
{
	int fd = dup(given.ns), file = ur_open("/proc/self/status", O_RDONLY);
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (int i = 0; i < 3; i++) {
		check_ns(&r, fd);
		dup2(given.ctrl, fd);
		check_ctrl(&r, fd);
		dup2(given.ns_ro, fd);
		check_read_only(&r, fd);
		dup2(given.null, fd);
		assert_int_equal(rw(&r, fd, UR_READ), -EOPNOTSUPP);
		dup2(given.ns, fd);
		assert_int_equal(rw(&r, fd, UR_WRITE), 0);
		dup2(file, fd);
		assert_int_equal(rw(&r, fd, UR_READ), -EOPNOTSUPP);
		dup2(given.ns, fd);
		assert_int_equal(rw(&r, fd, UR_WRITE), 0);
		close(fd);
		assert_int_equal(rw(&r, fd, UR_READ), -EBADF);
		if (given.root) { /* one of the door's own */
			int own = ur_open(ur.ctrl, O_RDWR);

			dup2(own, fd);
			if (own != fd)
				close(own);
			check_ctrl(&r, fd);
		}
		assert_int_equal(dup2(given.ns, fd), fd);
	}
	ur_exit(&r);
	close(fd);
	close(file);
}

/* ---- a race --------------------------------------------------------------------------------- */

static _Atomic bool over;
static int raced;

static void *exchange(void *arg)
{
	while (!over) {
		dup2(given.ns_ro, raced);
		dup2(given.null, raced);
	}
	return NULL;
}

/* one's access mode is not the other's file */
static void test_race(void **state)
{
	uint64_t end = ur_ms() + 1000;
	unsigned int refused = 0, none = 0;
	struct io_uring r;
	pthread_t thread;

	if (given.root)
		return; /* writes with any */
	raced = dup(given.null);
	ur_init(&r, 8, 0);
	assert_int_equal(pthread_create(&thread, NULL, exchange, NULL), 0);
	while (ur_ms() < end) {
		int32_t res = rw(&r, raced, UR_WRITE);

		if (res != -EACCES && res != -EOPNOTSUPP)
			fail_msg("a write with %d", res);
		refused += res == -EACCES;
		none += res == -EOPNOTSUPP;
	}
	over = true;
	pthread_join(thread, NULL);
	print_message("%u writes refused, %u to no node\n", refused, none);
	ur_exit(&r);
	close(raced);
}

/* ---- what else rings do with a file --------------------------------------------------------- */

static int32_t fixed(struct io_uring *r, unsigned int place, uint8_t opcode)
{
	struct io_uring_sqe *sqe;

	sqe = ur_cmd(r, (int)place, NVME_URING_CMD_IO, ur_rw(opcode, 8, 8, page), 1);
	sqe->flags |= IOSQE_FIXED_FILE;
	return ur_one(r);
}

static void test_registered(void **state)
{
	int fds[3] = { dup(given.ns), given.ns_ro, given.null };
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_files(&r, fds, 3), 0);
	close(fds[0]);
	assert_int_equal(fixed(&r, 0, UR_WRITE), 0);
	assert_int_equal(fixed(&r, 0, UR_READ), 0);
	assert_int_equal(fixed(&r, 1, UR_READ), 0);
	assert_int_equal(fixed(&r, 1, UR_WRITE), given.root ? 0 : -EACCES);
	assert_int_equal(fixed(&r, 2, UR_READ), -EOPNOTSUPP);
	assert_int_equal(io_uring_register_files_update(&r, 2, &given.ns, 1), 1);
	assert_int_equal(fixed(&r, 2, UR_WRITE), 0);
	assert_int_equal(io_uring_unregister_files(&r), 0);
	ur_exit(&r);
}

static void test_polled(void **state)
{
	struct io_uring r;

	ur_init(&r, 8, IORING_SETUP_SQPOLL);
	check_ns(&r, given.ns);
	check_ctrl(&r, given.ctrl);
	check_read_only(&r, given.ns_ro);
	assert_int_equal(rw(&r, given.null, UR_READ), -EOPNOTSUPP);
	ur_exit(&r);
}

static void *of_thread(void *arg)
{
	struct io_uring r;

	ur_init(&r, 8, 0);
	check_read_only(&r, given.ns_ro);
	ur_exit(&r);
	return NULL;
}

static void test_children(void **state)
{
	pthread_t thread;
	int status;
	pid_t pid;

	assert_int_equal(pthread_create(&thread, NULL, of_thread, NULL), 0);
	pthread_join(thread, NULL);
	pid = ur_fork();
	if (!pid) {
		struct io_uring r;

		ur_init(&r, 8, 0);
		check_ns(&r, given.ns);
		/* the parent's is another table */
		dup2(given.null, given.ns);
		assert_int_equal(rw(&r, given.ns, UR_READ), -EOPNOTSUPP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	of_thread(NULL);
}

/* The daemon serves this file itself, by the same thread: it must not ask who serves it. */
static void test_mounted(void **state)
{
	struct io_uring r;
	int file, ring;

	if (!ur.meta)
		return;
	file = ur_open(ur.meta, O_RDONLY);
	ur_init(&r, 8, 0);
	assert_int_equal(rw(&r, file, UR_READ), -EOPNOTSUPP);
	assert_int_equal(io_uring_register_files(&r, &file, 1), 0);
	assert_int_equal(fixed(&r, 0, UR_READ), -EOPNOTSUPP);
	assert_int_equal(io_uring_register_eventfd(&r, file), -EINVAL);
	/* where a ring was a moment ago */
	ring = dup(r.ring_fd);
	assert_int_equal(rw(&r, given.ns, UR_READ), 0);
	assert_int_equal(dup2(file, r.ring_fd), r.ring_fd);
	assert_int_equal(syscall(SYS_io_uring_enter, r.ring_fd, 0, 0, 0, NULL, 0), -1);
	assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(dup2(ring, r.ring_fd), r.ring_fd);
	assert_int_equal(rw(&r, given.ns, UR_READ), 0);
	ur_exit(&r);
	close(ring);
	close(file);
}

/* ---- the device goes ------------------------------------------------------------------------ */

/* Namespace Attachment of namespace 1 to this controller. @sel: 0 attach, 1 detach */
static void attach(struct io_uring *r, uint32_t sel)
{
	uint16_t *list = (uint16_t *)page, cntlid;
	struct nvme_uring_cmd cmd = {
		.opcode = DETACH, .nsid = 1, .addr = (uintptr_t)page, .data_len = 4096, .cdw10 = sel
	};

	assert_int_equal(admin(r, given.ctrl), 0);
	memcpy(&cntlid, page + 78, sizeof(cntlid));
	memset(page, 0, 4096);
	list[0] = 1;
	list[1] = cntlid;
	ur_cmd(r, given.ctrl, NVME_URING_CMD_ADMIN, cmd, 1);
	assert_int_equal(ur_one(r), 0);
}

/* Return: a descriptor of the node, once the helper finds it; or -ENOENT, once it does not */
static int wait_node(bool there)
{
	uint64_t end = ur_ms() + 5000;
	int fd;

	for (;;) {
		fd = receive(ur.ns, O_RDWR, NULL);
		if ((fd >= 0) == there || ur_ms() > end)
			break;
		if (fd >= 0)
			close(fd);
		usleep(10000);
	}
	assert_int_equal(fd >= 0, there);
	return fd;
}

static void check_gone(struct io_uring *r, int young, int old)
{
	assert_int_equal(rw(r, given.ns, UR_READ), -ENODEV);
	assert_int_equal(rw(r, given.ns_ro, UR_READ), -ENODEV);
	assert_int_equal(fixed(r, 0, UR_READ), -ENODEV);
	assert_int_equal(rw(r, young, UR_READ), -EOPNOTSUPP);
	assert_int_equal(rw(r, old, UR_READ), -EOPNOTSUPP);
	assert_true(ioctl(given.ns, NVME_IOCTL_ID) < 0);
}

static void test_removed(void **state)
{
	int young, old, now;
	struct stat before, after;
	struct io_uring r;

	if (!given.root)
		return;
	young = ur_open(given.young, O_RDWR);
	old = ur_open(given.old, O_RDWR);
	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_files(&r, &given.ns, 1), 0);
	assert_int_equal(fixed(&r, 0, UR_READ), 0);
	assert_int_equal(rw(&r, young, UR_READ), 0);
	assert_int_equal(fstat(given.ns, &before), 0);
	attach(&r, 1);
	wait_node(false);
	check_gone(&r, young, old);

	/* another device of the same number is no reason to take these for it */
	attach(&r, 0);
	now = wait_node(true);
	assert_int_equal(fstat(now, &after), 0);
	assert_int_equal(after.st_rdev, before.st_rdev);
	for (int i = 0; i < 2; i++) {
		check_gone(&r, young, old);
		assert_int_equal(rw(&r, now, UR_WRITE), 0);
	}
	check_ctrl(&r, given.ctrl);
	close(young);
	young = ur_open(given.young, O_RDWR); /* older than the device, by now */
	assert_int_equal(ioctl(young, NVME_IOCTL_ID), 1);
	assert_int_equal(rw(&r, young, UR_READ), -EOPNOTSUPP);
	assert_int_equal(dup2(now, given.ns), given.ns);
	check_ns(&r, given.ns);
	close(now);
	close(young);
	close(old);
	ur_exit(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inherited),
		cmocka_unit_test(test_received),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_node),
		cmocka_unit_test(test_reused),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_registered),
		cmocka_unit_test(test_polled),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_mounted),
		cmocka_unit_test(test_removed), /* the last: given.ns is dead after it */
	};
	const char *text = getenv("UR_GIVEN");

	if (argc > 6 && !strcmp(argv[1], "start"))
		return start(argv + 2);
	if (argc < 3 || !text ||
	    sscanf(text, "%d %d %d %d %d %d %63s %63s", &given.ctrl, &given.ns, &given.ns_ro,
		   &given.null, &given.path, &given.helper, given.young, given.old) != 8)
		return 2;
	given.root = geteuid() == 0;
	page = ur_pages(2);
	return ur_main_nodes(argc, argv, tests);
}
