/* SPDX-License-Identifier: MIT */
/*
 * torture.c - closes, forks, threads, signals and kills at random while commands fly; every
 * completion is counted and all data compared. At the end the supervisor holds what it held at the
 * beginning. torture CONTROLLER NAMESPACE [SECONDS [SEED]]
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ur.h"

#include <stdio.h>
#include <string.h>

#define NR_WORKERS 4
#define DEPTH	   32u
#define BYTES	   4096u
#define AREA	   8192u /* blocks of a worker */

#define DIE(...)                                                                                   \
	do {                                                                                       \
		fprintf(stderr, "torture: " __VA_ARGS__);                                          \
		fprintf(stderr, " (line %d, worker %u, seed %u)\n", __LINE__, who, seed0);         \
		_exit(1);                                                                          \
	} while (0)

static unsigned int who, seed0;
static const char *ns_path;

/* counted across kills, in shared memory */
struct totals {
	_Atomic uint64_t commands, rings, kills, cut;
};
static struct totals *totals;

/* A trapped call that a signal meets before the supervisor has taken it up ends with EINTR, where
 * the handler is one without SA_RESTART: seccomp's way, which a program behind the door has to
 * bear. */
#define AGAIN(call)                                                                                \
	({                                                                                         \
		int again_;                                                                        \
		do {                                                                               \
			again_ = (call);                                                           \
		} while (again_ == -EINTR);                                                        \
		again_;                                                                            \
	})

struct rng {
	uint64_t x;
};

static uint32_t rnd(struct rng *g, uint32_t below)
{
	g->x ^= g->x << 13;
	g->x ^= g->x >> 7;
	g->x ^= g->x << 17;
	return (uint32_t)((g->x >> 32) % below);
}

static void on_alarm(int sig)
{
	/* it is the interruption that counts */
}

static int open_node(int flags)
{
	int fd;

	do {
		fd = open(ns_path, flags | O_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

/* a ring, and what is in flight on it: bit i of @busy for user_data's low byte i */
struct load {
	struct io_uring r;
	struct rng g;
	int ns;
	char *mem;
	uint64_t busy;
	uint32_t seq, slot_seq[DEPTH];
	bool write[DEPTH];
	uint32_t lba[DEPTH], stamp[DEPTH];
	uint32_t written[AREA / 8];	/* what was last written there; 0: not known */
	uint64_t locked[AREA / 8 / 64]; /* a command is on its way there */
};

static void start(struct load *l)
{
	static const unsigned int kinds[] = {
		0,
		0,
		IORING_SETUP_SQPOLL,
		IORING_SETUP_IOPOLL,
		IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_CQSIZE,
	};
	struct io_uring_params p = { .flags = UR_BIG | kinds[rnd(&l->g, 7)], .sq_thread_idle = 10 };
	int ret;

	/* a small completion queue overflows */
	p.cq_entries = p.flags & IORING_SETUP_CQSIZE ? DEPTH : 0;
	ret = AGAIN((memset(&l->r, 0, sizeof(l->r)), io_uring_queue_init_params(DEPTH, &l->r, &p)));
	if (ret)
		DIE("io_uring_setup with 0x%x: %d", p.flags, ret);
	if (io_uring_cq_ready(&l->r) || *l->r.cq.koverflow)
		DIE("a new ring with %u completions: a stale one", io_uring_cq_ready(&l->r));
	l->busy = 0;
	memset(l->locked, 0, sizeof(l->locked));
	if (rnd(&l->g, 3) == 0) {
		struct iovec iov = { l->mem, DEPTH * BYTES };

		if (AGAIN(io_uring_register_buffers(&l->r, &iov, 1)))
			DIE("buffers");
	}
	totals->rings++;
}

static void one(struct load *l)
{
	unsigned int i = rnd(&l->g, DEPTH), at = rnd(&l->g, AREA / 8);
	struct io_uring_sqe *sqe;

	if (l->busy >> i & 1 || l->locked[at / 64] >> at % 64 & 1)
		return;
	sqe = io_uring_get_sqe(&l->r);
	if (!sqe)
		return;
	memset((void *)sqe, 0, 128);
	l->write[i] = rnd(&l->g, 2);
	l->lba[i] = at;
	l->stamp[i] = ++l->seq * NR_WORKERS + who;
	sqe->user_data = (uint64_t)l->stamp[i] << 8 | i;
	if (rnd(&l->g, 8) == 0) {
		sqe->opcode = IORING_OP_NOP;
		l->write[i] = false;
		l->lba[i] = UINT32_MAX;
	} else {
		struct nvme_uring_cmd cmd = ur_rw(l->write[i] ? UR_WRITE : UR_READ,
						  (who * AREA) + at * 8ull, 8, l->mem + i * BYTES);

		if (l->write[i])
			ur_fill(l->mem + i * BYTES, BYTES, l->stamp[i]);
		else
			memset(l->mem + i * BYTES, 0xee, BYTES);
		sqe->opcode = IORING_OP_URING_CMD;
		sqe->fd = l->ns;
		sqe->cmd_op = NVME_URING_CMD_IO;
		memcpy(sqe->cmd, &cmd, sizeof(cmd));
		l->locked[at / 64] |= 1ull << at % 64;
	}
	sqe->flags = rnd(&l->g, 6) == 0 ? IOSQE_ASYNC : 0;
	l->busy |= 1ull << i;
}

static void reap(struct load *l, bool all)
{
	uint64_t end = ur_ms() + 20000;

	while (l->busy) {
		struct io_uring_cqe *cqe = NULL;
		unsigned int i;
		int ret;

		if (!all && !io_uring_cq_ready(&l->r))
			return;
		if (all) {
			struct __kernel_timespec ts = { .tv_sec = 1 };

			ret = io_uring_wait_cqe_timeout(&l->r, &cqe, &ts);
			if (ret == -ETIME || ret == -EINTR) {
				if (ur_ms() > end)
					DIE("lost: 0x%llx never completed",
					    (unsigned long long)l->busy);
				continue;
			}
			if (ret)
				DIE("wait: %d", ret);
		} else if (io_uring_peek_cqe(&l->r, &cqe)) {
			return;
		}
		i = cqe->user_data & 0xff;
		if (i >= DEPTH || !(l->busy >> i & 1) || cqe->user_data >> 8 != l->stamp[i])
			DIE("completion of 0x%llx, which is not due",
			    (unsigned long long)cqe->user_data);
		if (cqe->res)
			DIE("a %s ended with %d", l->write[i] ? "write" : "read", cqe->res);
		l->busy &= ~(1ull << i);
		if (l->lba[i] != UINT32_MAX) {
			uint32_t at = l->lba[i], had = l->written[at];

			if (l->write[i])
				l->written[at] = l->stamp[i];
			else if (had && !ur_filled(l->mem + i * BYTES, BYTES, had))
				DIE("block %u is not what was written to it", at * 8);
			l->locked[at / 64] &= ~(1ull << at % 64);
		}
		io_uring_cqe_seen(&l->r, cqe);
		totals->commands++;
	}
	if (io_uring_cq_ready(&l->r))
		DIE("a completion too many");
}

/* the ring ends with commands in flight: what they wrote is not known, what they read goes nowhere
 */
static void cut(struct load *l)
{
	/* what a polling thread has not yet taken it might take at any time until the ring is gone
	 */
	for (int i = 0; l->r.flags & IORING_SETUP_SQPOLL && io_uring_sq_ready(&l->r) && i < 1000;
	     i++) {
		io_uring_submit(&l->r);
		usleep(1000);
	}
	for (uint32_t at = 0; at < AREA / 8; at++) {
		if (l->locked[at / 64] >> at % 64 & 1)
			l->written[at] = 0;
	}
	if (l->busy)
		totals->cut++;
	if (rnd(&l->g, 2)) {
		io_uring_queue_exit(&l->r);
	} else {
		/* by the number, behind liburing's back */
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		dup2(null, l->r.ring_fd);
		close(null);
		io_uring_queue_exit(&l->r);
	}
	/* reads still on their way must not meet the next ring's: other memory at the same place */
	l->mem = mmap(l->mem, DEPTH * BYTES, PROT_READ | PROT_WRITE,
		      MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *reader(void *arg)
{
	struct rng g = { (uintptr_t)arg * 7919 + seed0 };
	int ns = open_node(O_RDONLY);
	char *mem = aligned_alloc(4096, BYTES);
	struct io_uring r;

	if (AGAIN(io_uring_queue_init(4, &r, UR_BIG)))
		DIE("a thread's ring");
	for (int i = 0; i < 50; i++) {
		struct io_uring_cqe *cqe = NULL;
		int ret;

		ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, rnd(&g, AREA), 8, mem),
		       (uint64_t)i);
		ret = AGAIN(io_uring_submit_and_wait(&r, 1));
		/* a signal ends the wait of a call that has submitted, which then says how many: so
		 * does Linux (io_uring_enter() returns what was submitted, if anything was) */
		if (ret == 1 && !io_uring_cq_ready(&r))
			ret = AGAIN(io_uring_wait_cqe(&r, &cqe));
		if (ret < 0 || io_uring_peek_cqe(&r, &cqe) || cqe->res ||
		    cqe->user_data != (uint64_t)i)
			DIE("a thread's read: %d, %d", ret, cqe ? cqe->res : 0);
		io_uring_cqe_seen(&r, cqe);
	}
	io_uring_queue_exit(&r);
	free(mem);
	close(ns);
	return NULL;
}

static void worker(unsigned int n, unsigned int seed)
{
	static struct load l;
	struct itimerval it = { { 0, 3000 }, { 0, 3000 } };
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = n & 1 ? SA_RESTART : 0 };

	who = n;
	l.g.x = seed * 2654435761ull + n + 1;
	l.ns = open_node(O_RDWR);
	l.mem = ur_pages(DEPTH);
	if (l.ns < 0)
		DIE("%s", ns_path);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	start(&l);
	for (;;) {
		pthread_t th;
		pid_t pid;
		int ret;

		for (unsigned int i = rnd(&l.g, DEPTH) + 1; i; i--)
			one(&l);
		do {
			ret = io_uring_submit(&l.r);
		} while (ret == -EINTR || ret == -EBUSY || ret == -EAGAIN);
		if (ret < 0)
			DIE("submit: %d", ret);
		reap(&l, rnd(&l.g, 4) == 0);
		switch (rnd(&l.g, 60)) {
		case 0:
			reap(&l, true);
			cut(&l);
			start(&l);
			break;
		case 1:
			/* with commands in flight; they are given the time to end one way or the
			 * other */
			cut(&l);
			memset(l.written, 0, sizeof(l.written));
			usleep(20000);
			start(&l);
			break;
		case 2:
			pid = fork();
			if (!pid) {
				/* holds a copy of ring and node for a while, or uses another one,
				 * or dies */
				setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
				if (rnd(&l.g, 3) == 0)
					raise(SIGKILL);
				if (rnd(&l.g, 2))
					reader((void *)(uintptr_t)l.seq);
				_exit(0);
			}
			if (pid > 0 && rnd(&l.g, 2)) {
				usleep(rnd(&l.g, 2000));
				kill(pid, SIGKILL);
			}
			while (pid > 0 && waitpid(pid, &ret, 0) < 0 && errno == EINTR)
				;
			if (pid > 0 && WIFEXITED(ret) && WEXITSTATUS(ret))
				_exit(1);
			break;
		case 3:
			if (!pthread_create(&th, NULL, reader, (void *)(uintptr_t)l.seq))
				pthread_join(th, NULL);
			break;
		case 4:
			/* the node by another number */
			ret = dup(l.ns);
			reap(&l, true);
			close(l.ns);
			l.ns = ret;
			break;
		default:
			break;
		}
	}
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 3 ? (unsigned int)atoi(argv[3]) : 5;
	int supervisor = ur_supervisor(), status, failed = 0;
	unsigned int fds, maps, seed;
	pid_t pid[NR_WORKERS] = { 0 };
	struct rng g;
	uint64_t end;

	if (argc < 3)
		return 2;
	ns_path = argv[2];
	seed0 = argc > 4 ? (unsigned int)atoi(argv[4]) : (unsigned int)getpid();
	g.x = seed0 + 88172645463325252ull;
	totals = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	printf("torture: %u s, seed %u\n", seconds, seed0);
	fflush(stdout);
	/* what the supervisor makes once, for the first of its rings, it may keep */
	pid[0] = fork();
	if (!pid[0])
		worker(0, seed0);
	usleep(300000);
	kill(pid[0], SIGKILL);
	waitpid(pid[0], &status, 0);
	pid[0] = 0;
	sleep(2);
	fds = ur_count_fds(supervisor);
	maps = ur_count_maps(supervisor);
	end = ur_ms() + seconds * 1000ull;
	for (seed = seed0; ur_ms() < end && !failed;) {
		unsigned int n = rnd(&g, NR_WORKERS);

		for (unsigned int i = 0; i < NR_WORKERS; i++) {
			if (pid[i])
				continue;
			pid[i] = fork();
			if (!pid[i])
				worker(i, ++seed);
			seed += 17;
		}
		usleep(20000 + rnd(&g, 400000));
		/* who ended by itself has failed */
		for (unsigned int i = 0; i < NR_WORKERS; i++) {
			if (pid[i] > 0 && waitpid(pid[i], &status, WNOHANG) == pid[i]) {
				fprintf(stderr, "torture: worker %u ended with 0x%x\n", i, status);
				pid[i] = 0;
				failed = 1;
			}
		}
		if (pid[n] > 0) {
			kill(pid[n], SIGKILL);
			waitpid(pid[n], &status, 0);
			pid[n] = 0;
			totals->kills++;
			/* its commands may still be on their way to its blocks */
			usleep(50000);
		}
	}
	for (unsigned int i = 0; i < NR_WORKERS; i++) {
		if (pid[i] > 0) {
			kill(pid[i], SIGKILL);
			waitpid(pid[i], &status, 0);
		}
	}
	/* orphans of killed workers end by themselves */
	for (int i = 0; i < 200 && supervisor > 0; i++) {
		if (ur_count_fds(supervisor) <= fds && ur_count_maps(supervisor) <= maps)
			break;
		usleep(100000);
	}
	printf("torture: %llu completions, %llu rings (%llu cut), %llu kills\n",
	       (unsigned long long)totals->commands, (unsigned long long)totals->rings,
	       (unsigned long long)totals->cut, (unsigned long long)totals->kills);
	if (supervisor > 0 && fds) {
		printf("torture: the supervisor had %u descriptors and %u shared mappings, has %u "
		       "and %u\n",
		       fds, maps, ur_count_fds(supervisor), ur_count_maps(supervisor));
		failed |= ur_count_fds(supervisor) > fds || ur_count_maps(supervisor) > maps;
	}
	if (totals->commands < seconds * 100ull) {
		printf("torture: that is too few\n");
		failed = 1;
	}
	return failed;
}
