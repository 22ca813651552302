/* SPDX-License-Identifier: MIT */
/* ur.c - what the programs in tests/uring share, see ur.h */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "ur.h"

struct ur_env ur;

int ur_run(int argc, char **argv, const struct CMUnitTest *rings, size_t nr_rings,
	   const struct CMUnitTest *nodes, size_t nr_nodes)
{
	struct io_uring r;
	int failed = 0;

	if (getenv("UR_ONLY")) /* a pattern of tests' names */
		cmocka_set_test_filter(getenv("UR_ONLY"));
	/* a program that hangs has failed */
	alarm(120);
	if (argc > 2) {
		ur = (struct ur_env){true, argv[1], argv[2], argc > 3 ? argv[3] : NULL};
	} else {
		/* forbidden here, or a kernel before 5.19 */
		failed = ur_setup(&r, 2, 0, NULL);
		if (failed == -EPERM || failed == -ENOSYS || failed == -EINVAL)
			return 77;
		if (!failed)
			ur_exit(&r);
		failed = 0;
	}
	if (nr_rings)
		failed = _cmocka_run_group_tests("rings", rings, nr_rings, NULL, NULL);
	if (ur.door && nr_nodes)
		failed += _cmocka_run_group_tests("nodes", nodes, nr_nodes, NULL, NULL);
	return failed != 0;
}

/* ---- rings ---------------------------------------------------------------------------------- */

int ur_setup(struct io_uring *r, unsigned int entries, unsigned int flags,
	     struct io_uring_params *p)
{
	struct io_uring_params own = {0};

	if (!p)
		p = &own;
	memset(r, 0, sizeof(*r));
	p->flags = flags | UR_BIG;
	return io_uring_queue_init_params(entries, r, p);
}

void ur_init(struct io_uring *r, unsigned int entries, unsigned int flags)
{
	assert_int_equal(ur_setup(r, entries, flags, NULL), 0);
}

void ur_exit(struct io_uring *r)
{
	io_uring_queue_exit(r);
}

struct io_uring_sqe *ur_sqe(struct io_uring *r, uint8_t opcode, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(r);

	assert_non_null(sqe);
	memset(sqe, 0, r->flags & IORING_SETUP_SQE128 ? 128 : 64);
	sqe->opcode = opcode;
	sqe->user_data = data;
	return sqe;
}

struct io_uring_sqe *ur_nop(struct io_uring *r, uint64_t data, unsigned int sqe_flags)
{
	struct io_uring_sqe *sqe = ur_sqe(r, IORING_OP_NOP, data);

	sqe->flags = (uint8_t)sqe_flags;
	return sqe;
}

struct io_uring_sqe *ur_cmd(struct io_uring *r, int fd, uint32_t op, struct nvme_uring_cmd cmd,
			    uint64_t data)
{
	struct io_uring_sqe *sqe = ur_sqe(r, IORING_OP_URING_CMD, data);

	sqe->fd = fd;
	sqe->cmd_op = op;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	return sqe;
}

struct nvme_uring_cmd ur_rw(uint8_t opcode, uint64_t slba, uint32_t blocks, void *buf)
{
	return (struct nvme_uring_cmd){
		.opcode = opcode,
		.nsid = 1,
		.addr = (uintptr_t)buf,
		.data_len = blocks * UR_LBA,
		.cdw10 = (uint32_t)slba,
		.cdw11 = (uint32_t)(slba >> 32),
		.cdw12 = blocks - 1,
	};
}

struct nvme_uring_cmd ur_identify(uint32_t cns, void *buf)
{
	return (struct nvme_uring_cmd){
		.opcode = UR_IDENTIFY,
		.nsid = cns ? 0 : 1,
		.addr = (uintptr_t)buf,
		.data_len = 4096,
		.cdw10 = cns,
	};
}

void ur_submit(struct io_uring *r, int n)
{
	int got = io_uring_submit(r);

	/* liburing counts what the polling thread has not taken yet: less, if it is quick, and what
	 * it took a moment ago once more, if it tells late */
	if (r->flags & IORING_SETUP_SQPOLL)
		assert_true(got >= 0);
	else
		assert_int_equal(got, n);
}

/* Return: whether one came */
static bool reap_within(struct io_uring *r, uint64_t ns, struct ur_cqe *c)
{
	struct __kernel_timespec ts = {.tv_sec = (int64_t)(ns / 1000000000),
				       .tv_nsec = ns % 1000000000};
	struct io_uring_cqe *cqe = NULL;
	uint64_t end = ur_ms() + ns / 1000000;
	int ret;

	do {
		ret = io_uring_wait_cqe_timeout(r, &cqe, &ts);
	} while (ret == -EINTR || (ret == -ETIME && ur_ms() < end));
	if (ret == -ETIME)
		return false;
	assert_int_equal(ret, 0);
	assert_non_null(cqe);
	*c = (struct ur_cqe){.data = cqe->user_data, .res = cqe->res, .flags = cqe->flags};
	if (r->flags & IORING_SETUP_CQE32)
		memcpy(&c->result, cqe + 1, sizeof(c->result));
	io_uring_cqe_seen(r, cqe);
	return true;
}

struct ur_cqe ur_reap(struct io_uring *r)
{
	struct ur_cqe c = {0};

	if (!reap_within(r, UR_PATIENCE * 1000000000ull, &c))
		fail_msg("no completion within %d s", UR_PATIENCE);
	return c;
}

uint64_t ur_expect(struct io_uring *r, uint64_t data, int32_t res)
{
	struct ur_cqe c = ur_reap(r);

	if (c.data != data || c.res != res)
		fail_msg("completion of %llu with %d, wanted that of %llu with %d",
			 (unsigned long long)c.data, c.res, (unsigned long long)data, res);
	return c.result;
}

void ur_expect_any(struct io_uring *r, const uint64_t *data, const int32_t *res, int n)
{
	uint64_t seen = 0;

	assert_true(n <= 64);
	for (int i = 0; i < n; i++) {
		struct ur_cqe c = ur_reap(r);
		int j;

		for (j = 0; j < n && (data[j] != c.data || seen >> j & 1); j++)
			;
		if (j == n)
			fail_msg("completion of %llu, which is not due",
				 (unsigned long long)c.data);
		if (c.res != res[j])
			fail_msg("completion of %llu with %d, wanted %d",
				 (unsigned long long)c.data, c.res, res[j]);
		seen |= 1ull << j;
	}
}

void ur_nothing(struct io_uring *r, unsigned int ms)
{
	struct ur_cqe c;

	if (reap_within(r, ms * 1000000ull, &c))
		fail_msg("completion of %llu with %d where there should be none",
			 (unsigned long long)c.data, c.res);
}

int32_t ur_one(struct io_uring *r)
{
	ur_submit(r, 1);
	return ur_reap(r).res;
}

/* ---- memory and files -------------------------------------------------------------------------
 */

int ur_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return fd;
}

void *ur_pages(unsigned int n)
{
	void *p =
		mmap(NULL, n * 4096ul, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

pid_t ur_fork(void)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		/* nobody left behind by a test that failed */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(98);
	}
	return pid;
}

static uint32_t mix(uint32_t x)
{
	x = (x ^ x >> 16) * 0x7feb352du;
	x = (x ^ x >> 15) * 0x846ca68bu;
	return x ^ x >> 16;
}

void ur_fill(void *buf, size_t len, uint32_t seed)
{
	uint32_t *p = buf;

	for (size_t i = 0; i < len / 4; i++)
		p[i] = mix(seed * 0x9e3779b9u + (uint32_t)i);
}

bool ur_filled(const void *buf, size_t len, uint32_t seed)
{
	const uint32_t *p = buf;

	for (size_t i = 0; i < len / 4; i++) {
		if (p[i] != mix(seed * 0x9e3779b9u + (uint32_t)i))
			return false;
	}
	return true;
}

uint64_t ur_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* ---- the supervisor ----------------------------------------------------------------------------
 */

int ur_supervisor(void)
{
	const char *given = getenv("UR_SUPERVISOR");
	int pid = getppid();

	if (given)
		return atoi(given);
	while (pid > 1) {
		char path[64], comm[32] = "";
		FILE *f;
		int up = 0;

		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		f = fopen(path, "r");
		if (!f)
			return 0;
		if (fgets(comm, sizeof(comm), f) && !strcmp(comm, "nvmesim-run\n")) {
			fclose(f);
			return pid;
		}
		fclose(f);
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = fopen(path, "r");
		if (!f)
			return 0;
		if (fscanf(f, "%*d (%*[^)]) %*c %d", &up) != 1)
			up = 0;
		fclose(f);
		pid = up;
	}
	return 0;
}

unsigned int ur_count_fds(int pid)
{
	char path[64];
	unsigned int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* shared ones, as a ring is: how many an allocator takes is its own affair */
unsigned int ur_count_maps(int pid)
{
	char path[64], line[512];
	unsigned int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		char *perm = strchr(line, ' ');

		n += perm && perm[1] && perm[2] && perm[3] && perm[4] == 's';
	}
	fclose(f);
	return n;
}

uint64_t ur_rss_kib(int pid)
{
	char path[64];
	unsigned long long pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * 4;
}
