/* SPDX-License-Identifier: MIT */
/*
 * test_rules.c - what is refused, and how: the rules of io_uring_cmd_prep(), nvme_ns_uring_cmd()
 * and nvme_dev_uring_cmd() of Linux
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ur.h"

static char page[8192] __attribute__((aligned(4096)));

static void test_descriptors(void **state)
{
	int zero = ur_open("/dev/zero", O_RDWR), pipes[2];
	char path[] = "/tmp/uring-rules-XXXXXX";
	int file = mkstemp(path);
	struct io_uring r, plain;

	unlink(path);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_queue_init(4, &plain, 0), 0);
	/* files whose driver knows no such commands */
	ur_cmd(&r, zero, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	assert_int_equal(ur_one(&r), -EOPNOTSUPP);
	ur_cmd(&r, pipes[0], NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	assert_int_equal(ur_one(&r), -EOPNOTSUPP);
	ur_cmd(&r, file, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	assert_int_equal(ur_one(&r), -EOPNOTSUPP);
	ur_cmd(&r, plain.ring_fd, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	assert_int_equal(ur_one(&r), -EOPNOTSUPP);
	ur_cmd(&r, r.ring_fd, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	assert_int_equal(ur_one(&r), -EOPNOTSUPP);
	/* no descriptors at all */
	ur_cmd(&r, 9999, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	assert_int_equal(ur_one(&r), -EBADF);
	ur_cmd(&r, -1, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	assert_int_equal(ur_one(&r), -EBADF);
	ur_exit(&r);
	io_uring_queue_exit(&plain);
	close(pipes[0]);
	close(pipes[1]);
	close(file);
	close(zero);
}

/* fields of the SQE that must be zero, checked before there is a look at the file */
static void test_reserved(void **state)
{
	int zero = ur_open("/dev/zero", O_RDWR);
	struct io_uring_sqe *sqe;
	struct io_uring r;

	ur_init(&r, 8, IORING_SETUP_SUBMIT_ALL);
	sqe = ur_cmd(&r, zero, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	sqe->__pad1 = 1;
	assert_int_equal(ur_one(&r), -EINVAL);
	sqe = ur_cmd(&r, zero, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	sqe->uring_cmd_flags = 1u << 3; /* RWF_NOWAIT, what fio's nowait=1 sets */
	assert_int_equal(ur_one(&r), -EINVAL);
	sqe = ur_cmd(&r, zero, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	sqe->uring_cmd_flags = 1u << 31;
	assert_int_equal(ur_one(&r), -EINVAL);
	sqe = ur_cmd(&r, zero, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	sqe->ioprio = 1;
	assert_int_equal(ur_one(&r), -EINVAL);
	sqe = ur_cmd(&r, zero, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	sqe->flags = IOSQE_BUFFER_SELECT;
	assert_in_set(ur_one(&r),
		      ((unsigned long[]){ (unsigned long)-EOPNOTSUPP, (unsigned long)-EINVAL }), 2);
	sqe = ur_cmd(&r, zero, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 8, page), 1);
	sqe->personality = 1;
	assert_int_equal(ur_one(&r), -EINVAL);
	ur_exit(&r);
	close(zero);
}

/* ---- with commands
 * --------------------------------------------------------------------------------- */

/* which command is for which node */
static void test_nodes(void **state)
{
	static const struct {
		bool admin;
		uint32_t op;
	} rows[] = {
		{ false, NVME_URING_CMD_ADMIN },
		{ false, NVME_URING_CMD_ADMIN_VEC },
		{ true, NVME_URING_CMD_IO },
		{ true, NVME_URING_CMD_IO_VEC },
		{ false, NVME_IOCTL_IO_CMD },
		{ false, NVME_IOCTL_IO64_CMD_VEC },
		{ true, NVME_IOCTL_ADMIN_CMD },
		{ true, NVME_IOCTL_ADMIN64_CMD },
		{ false, NVME_IOCTL_ID },
		{ false, 0 },
		{ true, 0 },
		{ false, 0xffffffff },
	};
	int ns = ur_open(ur.ns, O_RDWR), ctrl = ur_open(ur.ctrl, O_RDWR);
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int32_t res;

		ur_cmd(&r, rows[i].admin ? ctrl : ns, rows[i].op,
		       rows[i].admin ? ur_identify(1, page) : ur_rw(UR_READ, 0, 1, page), 1);
		res = ur_one(&r);
		if (res != -ENOTTY)
			fail_msg("command 0x%x on the %s node: %d", rows[i].op,
				 rows[i].admin ? "controller's" : "namespace's", res);
	}
	ur_exit(&r);
	close(ns);
	close(ctrl);
}

static int32_t io(struct io_uring *r, int fd, struct nvme_uring_cmd cmd)
{
	ur_cmd(r, fd, NVME_URING_CMD_IO, cmd, 1);
	return ur_one(r);
}

static void test_command(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR), ctrl = ur_open(ur.ctrl, O_RDWR);
	struct nvme_uring_cmd cmd;
	struct io_uring r;

	ur_init(&r, 8, 0);
	/* another namespace than the node's, or all of them */
	for (uint32_t i = 0; i < 3; i++) {
		cmd = ur_rw(UR_READ, 0, 1, page);
		cmd.nsid = (uint32_t[]){ 0, 2, 0xffffffff }[i];
		assert_int_equal(io(&r, ns, cmd), -EINVAL);
	}
	cmd = ur_rw(UR_READ, 0, 1, page);
	cmd.flags = 1;
	assert_int_equal(io(&r, ns, cmd), -EINVAL);
	cmd = ur_rw(UR_READ, 0, 1, page);
	cmd.flags = 0x40; /* PSDT */
	assert_int_equal(io(&r, ns, cmd), -EINVAL);
	/* metadata on a namespace that has none */
	cmd = ur_rw(UR_READ, 0, 1, page);
	cmd.metadata = (uintptr_t)page + 4096;
	cmd.metadata_len = 8;
	assert_int_equal(io(&r, ns, cmd), -EINVAL);
	/* the drive's own refusals are positive, with DNR (bit 14) */
	/* LBA Out of Range */
	assert_int_equal(io(&r, ns, ur_rw(UR_READ, 1ull << 40, 1, page)) & ~UR_MORE, 0x4080);
	cmd = ur_rw(0x7e, 0, 1, page);
	assert_int_equal(io(&r, ns, cmd) & ~UR_MORE, 0x4001); /* Invalid Command Opcode */
	cmd = ur_rw(UR_READ, 0, 1, page);
	cmd.cdw12 |= 0x3 << 16 | 1u << 14; /* reserved bits of dword 12: the drive's to judge */
	assert_true(io(&r, ns, cmd) >= 0);
	/* reserved fields of the structure are not looked at */
	cmd = ur_rw(UR_READ, 0, 1, page);
	cmd.rsvd1 = 0xffff;
	cmd.rsvd2 = 0xffffffff;
	assert_int_equal(io(&r, ns, cmd), 0);
	/* a field of the controller's node: any namespace may be named */
	ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN, ur_identify(0, page), 1);
	assert_int_equal(ur_one(&r), 0);
	cmd = ur_identify(1, page);
	cmd.flags = 1;
	ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN, cmd, 1);
	assert_int_equal(ur_one(&r), -EINVAL);
	/* more vectors than UIO_MAXIOV */
	cmd = ur_rw(UR_READ, 0, 1, page);
	cmd.data_len = 1025;
	ur_cmd(&r, ns, NVME_URING_CMD_IO_VEC, cmd, 1);
	assert_int_equal(ur_one(&r), -EINVAL);
	/* a refused SQE field is refused with nodes as well */
	{
		struct io_uring_sqe *sqe =
			ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 1, page), 1);

		sqe->__pad1 = 1;
		assert_int_equal(ur_one(&r), -EINVAL);
		sqe = ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 0, 1, page), 1);
		sqe->uring_cmd_flags = 1u << 3;
		assert_int_equal(ur_one(&r), -EINVAL);
	}
	/* other operations do not work on a node: neither is anything read nor is it said to be */
	for (uint8_t op = 1; op < 64; op++) {
		if (op == IORING_OP_READ || op == IORING_OP_WRITE || op == IORING_OP_READV) {
			struct io_uring_sqe *sqe = ur_sqe(&r, op, 1);

			sqe->fd = ns;
			sqe->addr = (uintptr_t)page;
			sqe->len = op == IORING_OP_READV ? 1 : 512;
			assert_true(ur_one(&r) < 0);
		}
	}
	ur_exit(&r);
	close(ns);
	close(ctrl);
}

/* a thread without privilege: what it may do follows how the file is open, and who submits */
static int unprivileged(void)
{
	int ro = open(ur.ns, O_RDONLY), wo = open(ur.ns, O_WRONLY), ctrl = open(ur.ctrl, O_RDONLY);
	struct nvme_uring_cmd format = { .opcode = 0x80, .nsid = 1 };
	struct io_uring r;

	if (ur_setup(&r, 8, 0, NULL) || ro < 0 || wo < 0 || ctrl < 0)
		return 1;
	/* the owner may, also reading only */
	if (io(&r, ro, ur_rw(UR_WRITE, 0, 1, page)) || io(&r, ro, ur_rw(UR_READ, 0, 1, page)))
		return 2;
	if (setgid(65534) || setuid(65534))
		return 3;
	if (io(&r, ro, ur_rw(UR_READ, 0, 1, page)))
		return 4;
	if (io(&r, ro, ur_rw(UR_WRITE, 0, 1, page)) != -EACCES)
		return 5;
	if (io(&r, wo, ur_rw(UR_WRITE, 0, 1, page)))
		return 6;
	/* vendor commands never, of the admin commands only what describes the drive */
	if (io(&r, wo, (struct nvme_uring_cmd){ .opcode = 0xc1, .nsid = 1 }) != -EACCES)
		return 7;
	ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN, format, 1);
	if (ur_one(&r) != -EACCES)
		return 8;
	ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN, ur_identify(1, page), 1);
	if (ur_one(&r))
		return 9;
	ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN,
	       (struct nvme_uring_cmd){ .opcode = UR_LOG,
					.nsid = 0xffffffff,
					.addr = (uintptr_t)page,
					.data_len = 512,
					.cdw10 = 127u << 16 | 2 },
	       1);
	if (ur_one(&r) != -EACCES)
		return 10;
	return 0;
}

static void test_access(void **state)
{
	int status;
	pid_t pid;

	pid = ur_fork();
	if (!pid)
		_exit(unprivileged());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_reserved),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_access),
	};
	size_t nr = sizeof(nodes) / sizeof(nodes[0]);

	/* the last is root's: nobody else can become somebody with less privilege */
	return ur_run(argc, argv, rings, sizeof(rings) / sizeof(rings[0]), nodes,
		      geteuid() ? nr - 1 : nr);
}
