/* SPDX-License-Identifier: MIT */
/*
 * test_two.c - threads and processes that enter at the same time, one command each: there are two
 * who receive their calls then. What each wrote it reads, whoever does what meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ur.h"

#define CALLERS	 4u
#define BYTES	 4096u
#define BLOCKS	 (BYTES / UR_LBA)
#define AREA	 1024u /* blocks of a caller */
#define LEAST	 2000u
#define PATIENCE 20000u /* ms until there are two */

/* threads of the supervisor that receive, or have done so; -1: that cannot be seen */
static int receivers(void)
{
	char path[320], comm[32];
	struct dirent *d;
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", ur_supervisor());
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((d = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", ur_supervisor(), d->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		n += fgets(comm, sizeof(comm), f) && !strcmp(comm, "nvmesim-receive\n");
		fclose(f);
	}
	closedir(dir);
	return n;
}

/* what it takes: nothing that fails may be left to another thread's assertion */
#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "test_two.c:%d: %s\n", __LINE__, #cond);                   \
			atomic_fetch_add(&wrong, 1);                                               \
		}                                                                                  \
	} while (0)
static _Atomic unsigned int wrong;
static _Atomic bool enough, quiet;

static uint64_t lba(unsigned int who, unsigned int i)
{
	return (uint64_t)who * AREA + i * BLOCKS % AREA;
}

static void one(struct io_uring *r, int ns, uint8_t opcode, uint64_t at, void *mem)
{
	struct io_uring_cqe *cqe;

	ur_cmd(r, ns, NVME_URING_CMD_IO, ur_rw(opcode, at, BLOCKS, mem), at);
	MUST(io_uring_submit_and_wait(r, 1) == 1);
	MUST(!io_uring_peek_cqe(r, &cqe) && cqe->user_data == at && !cqe->res);
	io_uring_cqe_seen(r, cqe);
	MUST(!io_uring_cq_ready(r));
}

/* on a ring of its own, which is made anew now and then */
static void calls(unsigned int who)
{
	int ns = open(ur.ns, O_RDWR | O_CLOEXEC);
	char *mem = aligned_alloc(BYTES, BYTES);
	struct io_uring r;

	MUST(ns >= 0 && mem);
	for (unsigned int i = 0; i < LEAST || !atomic_load(&enough); i++) {
		if (!(i % 500)) {
			if (i)
				io_uring_queue_exit(&r);
			MUST(!ur_setup(&r, 4, 0, NULL));
		}
		ur_fill(mem, BYTES, who << 24 | i);
		one(&r, ns, UR_WRITE, lba(who, i), mem);
		memset(mem, 0, BYTES);
		one(&r, ns, UR_READ, lba(who, i), mem);
		MUST(ur_filled(mem, BYTES, who << 24 | i));
	}
	io_uring_queue_exit(&r);
	free(mem);
	close(ns);
}

static void *calls_thread(void *arg)
{
	calls((unsigned int)(uintptr_t)arg);
	return NULL;
}

/* until there are two who receive, where there can be */
static void wait_for_two(void)
{
	const uint64_t end = ur_ms() + PATIENCE;
	cpu_set_t cpus;
	int n;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	while ((n = receivers()) == 1 && CPU_COUNT(&cpus) > 1 && ur_ms() < end)
		usleep(1000);
	/* a daemon may have others yet, of a program that was attached before */
	if (n > 0 && CPU_COUNT(&cpus) > 1)
		assert_true(n >= 2);
}

static void test_threads(void **state)
{
	pthread_t th[CALLERS];

	enough = false;
	for (uintptr_t i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&th[i], NULL, calls_thread, (void *)i), 0);
	wait_for_two();
	enough = true;
	for (unsigned int i = 0; i < CALLERS; i++)
		pthread_join(th[i], NULL);
	assert_int_equal(wrong, 0);
}

static void test_processes(void **state)
{
	pid_t pid[CALLERS];

	enough = true; /* the second one has been there */
	for (unsigned int i = 0; i < CALLERS; i++) {
		pid[i] = ur_fork();
		if (!pid[i]) {
			calls(i);
			_exit(wrong ? 1 : 0);
		}
	}
	for (unsigned int i = 0; i < CALLERS; i++) {
		int status;

		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
}

/* ---- several threads, one ring ------------------------------------------------------------ */

#define SHARED_ENTRIES 16u

/** struct shared - @lock: of both ends of the ring, but not of entering */
struct shared {
	struct io_uring r;
	pthread_mutex_t lock;
	int ns;
	_Atomic unsigned int taken;
	bool done[CALLERS];
};

static void put(struct shared *s, unsigned int who, uint8_t opcode, uint64_t at, void *mem)
{
	pthread_mutex_lock(&s->lock);
	ur_cmd(&s->r, s->ns, NVME_URING_CMD_IO, ur_rw(opcode, at, BLOCKS, mem), who);
	s->r.sq.sqe_head = s->r.sq.sqe_tail;
	io_uring_smp_store_release(s->r.sq.ktail, s->r.sq.sqe_tail);
	pthread_mutex_unlock(&s->lock);
}

/* Return: whether @who's command is over */
static bool take(struct shared *s, unsigned int who)
{
	struct io_uring_cqe *cqe;
	bool done;

	pthread_mutex_lock(&s->lock);
	while (!io_uring_peek_cqe(&s->r, &cqe)) {
		MUST(cqe->user_data < CALLERS && !cqe->res && !s->done[cqe->user_data]);
		s->done[cqe->user_data % CALLERS] = true;
		io_uring_cqe_seen(&s->r, cqe);
	}
	done = s->done[who];
	s->done[who] = false;
	pthread_mutex_unlock(&s->lock);
	return done;
}

static void together(struct shared *s, unsigned int who, uint8_t opcode, uint64_t at, void *mem)
{
	long n;

	put(s, who, opcode, at, mem);
	/* all there are; who put the others finds them gone */
	do {
		n = syscall(__NR_io_uring_enter, s->r.ring_fd, SHARED_ENTRIES, 0, 0, NULL, 0);
	} while (n < 0 && errno == EINTR);
	MUST(n >= 0 && n <= CALLERS);
	atomic_fetch_add(&s->taken, (unsigned int)n);
	while (!take(s, who))
		sched_yield();
}

struct sharer {
	struct shared *s;
	unsigned int who;
};

static void *shares(void *arg)
{
	struct sharer *me = arg;
	char *mem = aligned_alloc(BYTES, BYTES);

	for (unsigned int i = 0; mem && i < LEAST; i++) {
		ur_fill(mem, BYTES, me->who << 24 | i);
		together(me->s, me->who, UR_WRITE, lba(me->who, i), mem);
		memset(mem, 0, BYTES);
		together(me->s, me->who, UR_READ, lba(me->who, i), mem);
		MUST(ur_filled(mem, BYTES, me->who << 24 | i));
	}
	free(mem);
	return NULL;
}

static void test_one_ring(void **state)
{
	struct shared s = { .ns = ur_open(ur.ns, O_RDWR) };
	struct sharer me[CALLERS];
	pthread_t th[CALLERS];

	pthread_mutex_init(&s.lock, NULL);
	ur_init(&s.r, SHARED_ENTRIES, 0);
	for (unsigned int i = 0; i < SHARED_ENTRIES; i++)
		s.r.sq.array[i] = i;
	for (unsigned int i = 0; i < CALLERS; i++) {
		me[i] = (struct sharer){ &s, i };
		assert_int_equal(pthread_create(&th[i], NULL, shares, &me[i]), 0);
	}
	for (unsigned int i = 0; i < CALLERS; i++)
		pthread_join(th[i], NULL);
	assert_int_equal(wrong, 0);
	assert_int_equal(s.taken, 2 * LEAST * CALLERS);
	ur_nothing(&s.r, 1);
	ur_exit(&s.r);
	close(s.ns);
}

/* ---- what has the turn alone meanwhile ---------------------------------------------------- */

/* ioctls, and a ring's registrations */
static void *disturbs(void *arg)
{
	char *mem = aligned_alloc(BYTES, BYTES);
	int fd = open(ur.ctrl, O_RDONLY | O_CLOEXEC);
	struct io_uring r;

	MUST(fd >= 0 && mem && !ur_setup(&r, 4, 0, NULL));
	while (!atomic_load(&quiet)) {
		struct nvme_passthru_cmd cmd = {
			.opcode = 0x06, .addr = (uintptr_t)mem, .data_len = BYTES, .cdw10 = 1
		};
		struct iovec iov = { mem, BYTES };

		memset(mem, 0xff, BYTES);
		MUST(!ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd) && mem[4] != (char)0xff);
		MUST(!io_uring_register_buffers(&r, &iov, 1));
		MUST(!io_uring_unregister_buffers(&r));
		MUST(!io_uring_register_files(&r, &fd, 1));
		MUST(!io_uring_unregister_files(&r));
	}
	io_uring_queue_exit(&r);
	close(fd);
	free(mem);
	return NULL;
}

static void test_disturbed(void **state)
{
	pthread_t th[CALLERS], other;

	quiet = false;
	enough = true;
	assert_int_equal(pthread_create(&other, NULL, disturbs, NULL), 0);
	for (uintptr_t i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&th[i], NULL, calls_thread, (void *)i), 0);
	for (unsigned int i = 0; i < CALLERS; i++)
		pthread_join(th[i], NULL);
	quiet = true;
	pthread_join(other, NULL);
	assert_int_equal(wrong, 0);
}

/* ---- opens while one becomes two, and two one --------------------------------------------- */

#define OPENS 20000u

/* those of a caller; all but the first rest now and then, so that the first is alone at times */
static void opens(unsigned int who)
{
	for (unsigned int i = 0; i < OPENS && !wrong; i++) {
		int fd = open(ur.ns, O_RDONLY | O_CLOEXEC);

		MUST(fd > STDERR_FILENO && ioctl(fd, NVME_IOCTL_ID) > 0);
		close(fd);
		if (who && i % 256 == 255)
			usleep(5000);
	}
}

/* who serves may be stopped like any process */
static void stops(pid_t pid)
{
	for (unsigned int i = 0; i < 200; i++) {
		if (kill(pid, SIGSTOP))
			return; /* another's */
		kill(pid, SIGCONT);
		usleep(1000);
	}
}

static void test_opens(void **state)
{
	const int supervisor = ur_supervisor();
	pid_t pid[CALLERS];

	for (unsigned int i = 0; i < CALLERS; i++) {
		pid[i] = ur_fork();
		if (!pid[i]) {
			opens(i);
			_exit(wrong ? 1 : 0);
		}
	}
	if (supervisor > 1)
		stops(supervisor);
	for (unsigned int i = 0; i < CALLERS; i++) {
		int status;

		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_one_ring),
		cmocka_unit_test(test_disturbed),
		cmocka_unit_test(test_opens),
	};

	return ur_main_nodes(argc, argv, nodes);
}
