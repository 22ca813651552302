/* SPDX-License-Identifier: MIT */
/*
 * run_ioctl.c - ioctls on descriptors that came about in every way a descriptor can, from threads,
 * through signals and from callers that are killed, as a program under nvmesim-run.
 * Arguments: controller node, namespace node [, "unprivileged" for a part of it].
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_check.h"

#define NR_THREADS 8

static const char *ctrl_path, *ns_path;
static int ctrl, ns;

static int ret(int r)
{
	return r < 0 ? -errno : r;
}

static int identify(int fd, uint32_t cns, void *buf)
{
	struct nvme_passthru_cmd cmd = { .opcode = 0x06,
					 .nsid = cns == 0 ? 1 : 0,
					 .cdw10 = cns,
					 .addr = (uintptr_t)buf,
					 .data_len = 4096 };

	return ret(ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd));
}

/* one block at @slba, data from or to @buf */
static int rw(int fd, uint8_t opcode, uint64_t slba, void *buf)
{
	struct nvme_passthru_cmd cmd = { .opcode = opcode,
					 .nsid = 1,
					 .cdw10 = (uint32_t)slba,
					 .cdw11 = slba >> 32,
					 .addr = (uintptr_t)buf,
					 .data_len = 512 };

	return ret(ioctl(fd, NVME_IOCTL_IO_CMD, &cmd));
}

/* SMART / Health Information, Host Write Commands (NVMe base, figure "SMART / Health") */
static uint64_t host_writes(void)
{
	uint8_t log[512];
	uint64_t n;
	struct nvme_passthru_cmd cmd = { .opcode = 0x02,
					 .nsid = 0xffffffff,
					 .cdw10 = 127u << 16 | 0x02,
					 .addr = (uintptr_t)log,
					 .data_len = sizeof(log) };

	CHECK(ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, &cmd) == 0);
	memcpy(&n, log + 80, sizeof(n));
	return n;
}

static void test_basic(void)
{
	uint8_t id[4096], same[4096];
	int null = open("/dev/null", O_RDWR);

	CHECK(ret(ioctl(ns, NVME_IOCTL_ID)) == 1);
	CHECK(ret(ioctl(ctrl, NVME_IOCTL_ID)) == -ENOTTY);
	CHECK(ret(ioctl(ns, _IO('N', 0x7f))) == -ENOTTY);
	CHECK(ret(ioctl(null, NVME_IOCTL_ID)) == -ENOTTY);
	CHECK(ret(ioctl(-1, NVME_IOCTL_ID)) == -EBADF);
	CHECK(ret(ioctl(999, NVME_IOCTL_ID)) == -EBADF);
	memset(id, 0xee, sizeof(id));
	CHECK(identify(ctrl, 1, id) == 0);
	CHECK(identify(ns, 1, same) == 0 && !memcmp(id, same, sizeof(id)));
	CHECK(memcmp(id + 4, "\xee\xee\xee\xee", 4)); /* SN is ASCII */
	close(null);
}

static void test_fault(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(!munmap(page + 4096, 4096));
	CHECK(ret(ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, NULL)) == -EFAULT);
	CHECK(ret(ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, page + 4096 - 8)) == -EFAULT);
	CHECK(identify(ctrl, 1, NULL) == -EFAULT);
	CHECK(identify(ctrl, 1, page + 2048) == -EFAULT);
	CHECK(identify(ctrl, 1, (void *)~0xfffull) == -EFAULT);
	CHECK(!mprotect(page, 4096, PROT_READ));
	CHECK(identify(ctrl, 1, page) == -EFAULT);
	CHECK(!mprotect(page, 4096, PROT_READ | PROT_WRITE));
	CHECK(identify(ctrl, 1, page) == 0);
	munmap(page, 4096);
}

/* a node has no read() and no write(), and says so */
static void test_no_read(void)
{
	int rw = open(ns_path, O_RDWR);
	char byte = 0;
	struct stat st;

	CHECK(!fstat(rw, &st) && S_ISCHR(st.st_mode));
	CHECK((fcntl(rw, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(!fcntl(rw, F_SETFL, O_NONBLOCK) && fcntl(rw, F_GETFL) & O_NONBLOCK);
	CHECK(!fcntl(rw, F_SETFL, 0) && !(fcntl(rw, F_GETFL) & O_NONBLOCK));
	/* (without kcmp the descriptor is one that reads) */
	if (!getenv("NO_KCMP")) {
		CHECK(ret(read(rw, &byte, 1)) == -EBADF);
		CHECK(ret(write(rw, &byte, 1)) == -EBADF);
		CHECK(ret(pwrite(rw, &byte, 1, 0)) == -EBADF);
	}
	CHECK(ret(fsync(rw)) == -EINVAL);
	close(rw);
}

static void test_modes(void)
{
	char block[512] = "mode";
	int ro = open(ns_path, O_RDONLY), wo = open(ns_path, O_WRONLY);

	CHECK(rw(ro, 0x02, 0, block) == 0);
	CHECK(ret(ioctl(wo, NVME_IOCTL_ID)) == 1);
	CHECK(ret(ioctl(ro, NVME_IOCTL_ID)) == 1);
	CHECK(rw(wo, 0x01, 0, block) == 0);
	close(ro);
	close(wo);
}

/* @fd in a child process. Return: its NVME_IOCTL_ID */
static int in_child(int fd, const char *exec)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		char arg[16];

		if (!exec)
			_exit(ioctl(fd, NVME_IOCTL_ID));
		snprintf(arg, sizeof(arg), "%d", fd);
		execl(exec, exec, arg, NULL);
		_exit(99);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int pass(int fd)
{
	int sv[2], got = -1;
	char byte = 0, ctl[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = ctl,
			      .msg_controllen = sizeof(ctl) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) || sendmsg(sv[0], &msg, 0) != 1)
		return -1;
	close(fd);
	if (recvmsg(sv[1], &msg, 0) == 1)
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
	close(sv[0]);
	close(sv[1]);
	return got;
}

static void test_descriptors(void)
{
	int fd = open(ns_path, O_RDWR), other;

	CHECK(ioctl(dup2(fd, 200), NVME_IOCTL_ID) == 1);
	CHECK(ioctl(fcntl(fd, F_DUPFD, 300), NVME_IOCTL_ID) == 1);
	CHECK(in_child(fd, NULL) == 1);
	CHECK(in_child(200, "/proc/self/exe") == 1);
	fd = pass(fd);
	CHECK(fd >= 0 && ioctl(fd, NVME_IOCTL_ID) == 1);

	/* the number is reused, for something else, and for another node */
	for (int i = 0; i < 50; i++) {
		other = open("/dev/null", O_RDWR);
		CHECK(dup2(other, fd) == fd);
		CHECK(ret(ioctl(fd, NVME_IOCTL_ID)) == -ENOTTY);
		close(other);
		CHECK(dup2(ctrl, fd) == fd);
		CHECK(ret(ioctl(fd, NVME_IOCTL_ID)) == -ENOTTY);
		CHECK(dup2(ns, fd) == fd);
		CHECK(ret(ioctl(fd, NVME_IOCTL_ID)) == 1);
	}
	/* closed everywhere else, the description still is what it was */
	close(200);
	close(300);
	CHECK(in_child(fd, "/proc/self/exe") == 1);
	close(fd);
	CHECK(ret(ioctl(fd, NVME_IOCTL_ID)) == -EBADF);
}

static void *hammer(void *arg)
{
	int n = (int)(intptr_t)arg, fd = open(ns_path, O_RDWR);
	uint8_t out[512], in[512];

	for (int i = 0; i < 200; i++) {
		uint64_t slba = 100 * n + i % 100;

		memset(out, n * 16 + i % 16, sizeof(out));
		CHECK(rw(i & 1 ? fd : ns, 0x01, slba, out) == 0);
		memset(in, 0, sizeof(in));
		CHECK(rw(i & 1 ? ns : fd, 0x02, slba, in) == 0);
		CHECK(!memcmp(in, out, sizeof(in)));
		CHECK(ioctl(fd, NVME_IOCTL_ID) == 1);
	}
	close(fd);
	return NULL;
}

static void test_threads(void)
{
	pthread_t th[NR_THREADS];
	uint64_t before = host_writes();

	for (intptr_t i = 0; i < NR_THREADS; i++)
		CHECK(!pthread_create(&th[i], NULL, hammer, (void *)i));
	for (int i = 0; i < NR_THREADS; i++)
		CHECK(!pthread_join(th[i], NULL));
	CHECK(host_writes() - before == NR_THREADS * 200);
}

static volatile sig_atomic_t ticks;

static void on_alarm(int sig)
{
	ticks++;
}

/* a signal at any moment: what returned 0 ran once, what returned EINTR did not run */
static void test_signals(int flags)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval it = { { 0, 137 }, { 0, 137 } }, off = { 0 };
	uint64_t before = host_writes(), ok = 0, eintr = 0;
	char block[512] = "signal";

	ticks = 0;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	for (int i = 0; i < 3000; i++) {
		int r = rw(ns, 0x01, 5, block);

		ok += r == 0;
		eintr += r == -EINTR;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	signal(SIGALRM, SIG_DFL);
	CHECK(ticks > 10);
	CHECK(ok + eintr == 3000);
	CHECK(host_writes() - before == ok);
	if (flags & SA_RESTART)
		CHECK(eintr == 0);
}

/* more than a controller takes at once, in callers that are killed: each must be given up */
static void test_killed(void)
{
	uint8_t id[4096];
	struct nvme_passthru_cmd cmd = { .opcode = 0x0c, .timeout_ms = 60000 };

	for (int i = 0; i < 12; i++) {
		int status;
		pid_t pid = fork();

		if (!pid)
			_exit(ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, &cmd) < 0 ? 2 : 3);
		usleep(20000);
		/* still there: the command waits, as it should, whoever came before */
		CHECK(waitpid(pid, &status, WNOHANG) == 0);
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
		usleep(300000);
		CHECK(identify(ctrl, 1, id) == 0);
	}
}

static void test_processes(void)
{
	int bad = 0, status;

	for (int i = 0; i < 300; i++) {
		pid_t pid = fork();

		if (!pid) {
			uint8_t id[4096];
			int fd = open(i & 1 ? ctrl_path : ns_path, i % 3);

			_exit(fd < 0 || identify(fd, 1, id) || ret(ioctl(ns, NVME_IOCTL_ID)) != 1);
		}
		if (i % 10 == 9) {
			while (wait(&status) > 0)
				bad += status != 0;
		}
	}
	CHECK(bad == 0);
}

/* what the thread may do follows its identity: a vendor command is for the owner only */
static void test_identity(void)
{
	struct nvme_passthru_cmd cmd = { .opcode = 0xc0 };
	int status;
	pid_t pid;

	if (geteuid())
		return;
	pid = fork();
	if (!pid) {
		int before = ret(ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, &cmd));
		int changed = setuid(65534);
		int after = ret(ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, &cmd));

		_exit(before <= 0 || changed || after != -EACCES ||
		      open(ctrl_path, O_RDONLY) >= 0 || errno != EACCES ||
		      access(ctrl_path, R_OK) == 0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
	if (argc == 2) /* executed by in_child() */
		return ioctl(atoi(argv[1]), NVME_IOCTL_ID);
	if (argc != 3)
		return 2;
	ctrl_path = argv[1];
	ns_path = argv[2];
	ctrl = open(ctrl_path, O_RDWR | O_CLOEXEC);
	ns = open(ns_path, O_RDWR | O_CLOEXEC);
	CHECK(ctrl >= 0 && ns >= 0);
	test_basic();
	test_fault();
	test_modes();
	test_no_read();
	test_descriptors();
	test_threads();
	test_signals(SA_RESTART);
	test_signals(0);
	test_processes();
	test_identity();
	test_killed();
	return check_end();
}
