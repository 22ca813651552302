/* SPDX-License-Identifier: MIT */
/*
 * test_signal.c - signals at any moment: nothing lost, nothing executed twice; waits that a signal
 * must end
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ur.h"

static volatile sig_atomic_t ticks;

static void on_alarm(int sig)
{
	ticks++;
}

static void catch_alarm(int sa_flags)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = sa_flags};

	ticks = 0;
	sigaction(SIGALRM, &sa, NULL);
}

static void every_us(long us)
{
	struct itimerval it = {{0, us}, {0, us}};

	setitimer(ITIMER_REAL, &it, NULL);
}

/* back to the watchdog of ur_run() */
static void quiet(void)
{
	every_us(0);
	signal(SIGALRM, SIG_DFL);
	alarm(120);
}

/* a handler runs although the program waits for what does not come */
static void test_wait_ends(void **state)
{
	struct __kernel_timespec never = {.tv_sec = 1000};
	struct io_uring_sqe *sqe;
	uint64_t begun = ur_ms();
	struct io_uring r;
	int ret;

	ur_init(&r, 8, 0);
	sqe = ur_sqe(&r, IORING_OP_TIMEOUT, 1);
	sqe->addr = (uintptr_t)&never;
	sqe->len = 1;
	ur_submit(&r, 1);
	catch_alarm(0);
	every_us(50000);
	do {
		ret = io_uring_enter((unsigned int)r.ring_fd, 0, 1, IORING_ENTER_GETEVENTS, NULL);
	} while (!ticks && (ret == -EINTR || ret == 0) && ur_ms() - begun < 20000);
	quiet();
	assert_true(ticks > 0);
	assert_in_set(ret, ((unsigned long[]){(unsigned long)-EINTR, 0}), 2);
	assert_true(ur_ms() - begun < 10000);
	/* the ring is as it was */
	ur_nop(&r, 2, 0);
	ur_submit(&r, 1);
	ur_expect(&r, 2, 0);
	ur_exit(&r);
}

/* SIGTERM and SIGKILL end a program that waits */
static void test_killed_waiting(void **state)
{
	for (int i = 0; i < 6; i++) {
		int sig = i & 1 ? SIGKILL : SIGTERM, status;
		uint64_t begun;
		pid_t pid = ur_fork();

		if (!pid) {
			struct io_uring r;

			alarm(0);
			if (ur_setup(&r, 8, 0, NULL))
				_exit(2);
			for (;;)
				io_uring_enter((unsigned int)r.ring_fd, 0, 1,
					       IORING_ENTER_GETEVENTS, NULL);
		}
		usleep(100000);
		assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
		begun = ur_ms();
		kill(pid, sig);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == sig);
		assert_true(ur_ms() - begun < 5000);
	}
}

static void nops_under_fire(int sa_flags)
{
	struct io_uring r;
	uint64_t next = 0, done = 0;

	ur_init(&r, 32, 0);
	catch_alarm(sa_flags);
	every_us(137);
	while (done < 20000) {
		struct io_uring_cqe *cqe;
		int ret;

		while (next < 20000 && next - done < 32)
			ur_nop(&r, next++, 0);
		do {
			ret = io_uring_submit_and_wait(&r, 1);
		} while (ret == -EINTR);
		assert_true(ret >= 0);
		while (io_uring_cq_ready(&r)) {
			assert_int_equal(io_uring_peek_cqe(&r, &cqe), 0);
			assert_int_equal(cqe->user_data, done);
			done++;
			io_uring_cqe_seen(&r, cqe);
		}
	}
	quiet();
	assert_true(ticks > 3);
	ur_nothing(&r, 5);
	ur_exit(&r);
}

static void test_nops(void **state)
{
	nops_under_fire(0);
	nops_under_fire(SA_RESTART);
}

/* ---- with commands
 * --------------------------------------------------------------------------------- */

/* SMART / Health Information, Host Write Commands (NVMe Base 2.1, 5.1.12.1.3) */
static uint64_t host_writes(int ctrl)
{
	uint8_t log[512];
	uint64_t n;
	struct nvme_passthru_cmd cmd = {.opcode = UR_LOG,
					.nsid = 0xffffffff,
					.cdw10 = 127u << 16 | 2,
					.addr = (uintptr_t)log,
					.data_len = sizeof(log)};

	assert_int_equal(ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, &cmd), 0);
	memcpy(&n, log + 80, sizeof(n));
	return n;
}

/* each command completes once, and was executed once: the drive counted */
static void writes_under_fire(unsigned int setup, int sa_flags)
{
	int ns = ur_open(ur.ns, O_RDWR), ctrl = ur_open(ur.ctrl, O_RDWR);
	const uint64_t total = 4000;
	char *mem = ur_pages(16);
	static uint8_t seen[4000];
	uint64_t next = 0, done = 0, before = host_writes(ctrl);
	struct io_uring r;

	memset(seen, 0, sizeof(seen));
	ur_init(&r, 64, setup); /* a polling thread gives entries back later than completions */
	catch_alarm(sa_flags);
	every_us(137);
	while (done < total) {
		struct io_uring_cqe *cqe;
		int ret;

		while (next < total && next - done < 16) {
			ur_cmd(&r, ns, NVME_URING_CMD_IO,
			       ur_rw(UR_WRITE, next, 1, mem + next % 16 * 4096), next);
			next++;
		}
		do {
			ret = io_uring_submit_and_wait(&r, 1 + (unsigned int)(next - done) / 2);
		} while (ret == -EINTR);
		assert_true(ret >= 0);
		while (io_uring_cq_ready(&r)) {
			assert_int_equal(io_uring_peek_cqe(&r, &cqe), 0);
			assert_in_range(cqe->user_data, 0, total - 1);
			assert_int_equal(seen[cqe->user_data]++, 0);
			assert_int_equal(cqe->res, 0);
			done++;
			io_uring_cqe_seen(&r, cqe);
		}
	}
	quiet();
	assert_true(ticks > 3);
	ur_nothing(&r, 5);
	ur_exit(&r);
	assert_int_equal(host_writes(ctrl) - before, total);
	close(ns);
	close(ctrl);
}

static void test_writes(void **state)
{
	writes_under_fire(0, 0);
	writes_under_fire(0, SA_RESTART);
	writes_under_fire(IORING_SETUP_IOPOLL, 0);
	writes_under_fire(IORING_SETUP_SQPOLL, 0);
}

/* waits for a command that never ends: what wakes it is a signal, or death */
static void test_command_waits(void **state)
{
	int ctrl = ur_open(ur.ctrl, O_RDWR);

	for (int i = 0; i < 8; i++) {
		int status;
		uint8_t id[4096];
		struct nvme_passthru_cmd cmd = {.opcode = UR_IDENTIFY,
						.cdw10 = 1,
						.addr = (uintptr_t)id,
						.data_len = sizeof(id)};
		pid_t pid = ur_fork();

		if (!pid) {
			struct io_uring r;
			int ret;

			alarm(0);
			if (ur_setup(&r, 8, 0, NULL))
				_exit(2);
			ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN,
			       (struct nvme_uring_cmd){.opcode = UR_AER, .timeout_ms = 600000}, 1);
			if (i & 1) {
				catch_alarm(0);
				every_us(50000);
			}
			do {
				ret = io_uring_submit_and_wait(&r, 1);
			} while (!(i & 1 && ticks) && (ret >= 0 || ret == -EINTR));
			_exit(ticks ? 7 : 3);
		}
		usleep(100000);
		if (!(i & 1)) {
			assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
			kill(pid, SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (i & 1)
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		else
			assert_true(WIFSIGNALED(status));
		/* the others' commands go through, also once as many were left behind as the drive
		 * takes */
		usleep(200000);
		assert_int_equal(ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, &cmd), 0);
	}
	close(ctrl);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest rings[] = {
		cmocka_unit_test(test_wait_ends),
		cmocka_unit_test(test_killed_waiting),
		cmocka_unit_test(test_nops),
	};
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_command_waits),
	};

	return ur_main(argc, argv, rings, nodes);
}
