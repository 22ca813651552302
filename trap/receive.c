/* SPDX-License-Identifier: MIT */
/*
 * receive.c - the threads that take notifications from the listener and answer them.
 *
 * One sleeps in the listener itself and nowhere else: with SYNC_WAKE_UP the kernel then runs it on
 * the caller's processor, and the caller there again once it has its answer. Through epoll both
 * would be woken on whichever processor is idle, which costs several times as much as all the rest
 * of a call. What it does it does in the loop's turn.
 *
 * So all callers come to be on that one processor. When several of them call one after the other
 * all the time, there are two who receive, each on a processor of its own, to which its callers
 * come. The kernel wakes both for every call, the one in vain, which is why there are not always
 * two. What they can do beside each other they do in a shared turn.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"
#include "ring.h"
#include "sys.h"

#define WAKE_SIGNAL                                                                                \
	SIGURG /* ignored unless somebody asks for it, so one that is late is harmless */
#define WAKE_US 1000

#define CALLS	 64u /* after so many it is decided whether there are one or two */
#define MANY	 4u  /* two: at least this part of them is another caller's than the one before */
#define FEW	 16u /* one: at most this part is */
#define QUICK_NS 6400000u /* two: and all of them took no longer */

/* a kernel newer than the headers may move more than they declare: SECCOMP_GET_NOTIF_SIZES */
union notif {
	struct seccomp_notif n;
	uint8_t room[TRAP_NOTIF_ROOM];
};

union resp {
	struct seccomp_notif_resp r;
	uint8_t room[TRAP_NOTIF_ROOM];
};

/**
 * enum receiver_state - where one who receives is, for those who would call him with a signal
 * @BUSY: not to be interrupted
 * @ASLEEP: in the listener, or about to be or to be back
 * @CALLING: there, and somebody is about to send a signal
 * @CALLED: there, and the signal is sent
 */
enum receiver_state { BUSY, ASLEEP, CALLING, CALLED };

/**
 * struct receiver - a thread that receives
 * @as: what it is to the rings
 * @calls, @changes: since it decided last, and those by another caller than the one before
 * @since: when it did
 */
struct receiver {
	struct trap *t;
	pthread_t thread;
	enum ring_thread as;
	bool started;
	_Atomic bool ended;
	_Atomic enum receiver_state state;
	unsigned int calls, changes;
	uint64_t since;
};

/**
 * struct trap_receivers - both
 * @stop: they shall end
 * @two: the second one is to receive as well; changed under @lock
 * @resting: the second one does not
 * @caller: the last
 * @cpus: where they may run
 */
struct trap_receivers {
	struct receiver one, other;
	_Atomic bool stop, two, resting;
	_Atomic pid_t caller;
	pthread_mutex_t lock;
	pthread_cond_t go;
	cpu_set_t cpus;
};

void trap_send(struct trap *t, uint64_t id, long ret)
{
	union resp resp = { .room = { 0 } };

	resp.r.id = id;
	if (ret == TRAP_CONTINUE)
		resp.r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (ret < 0)
		resp.r.error = ret;
	else
		resp.r.val = ret;
	/* ENOENT: the caller was killed meanwhile, and nobody waits for this */
	while (ioctl(t->listener.fd, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0 && errno == EINTR)
		;
}

bool trap_valid(struct trap *t, uint64_t id)
{
	return ioctl(t->listener.fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* ---- a call ------------------------------------------------------------------------------- */

static const struct trap_row *row_of(int nr)
{
	for (unsigned int i = 0; i < trap_nr_rows; i++) {
		if (trap_rows[i].nr == nr)
			return &trap_rows[i];
	}
	return NULL;
}

/* with others. Return: the answer, or %TRAP_ALONE */
static long serve_shared(struct receiver *rx, struct trap_req *rq)
{
	struct trap *t = rx->t;
	long ret = TRAP_ALONE;

	dmn_loop_share(t->loop);
	if (!atomic_load(&t->rx->stop)) {
		host_thread_io(rx->as);
		rq->shared = true;
		ret = rq->row->handle(rq);
		rq->shared = false;
		host_thread_main();
	}
	dmn_loop_unshare(t->loop);
	return ret;
}

static long serve_alone(struct receiver *rx, struct trap_req *rq)
{
	struct trap *t = rx->t;
	struct trap_sys_path sys;
	long ret = TRAP_CONTINUE;

	dmn_loop_enter(t->loop);
	if (!atomic_load(&t->rx->stop) && (rq->row->path < 0 || trap_path(rq, &sys)))
		ret = rq->row->handle(rq);
	dmn_loop_leave(t->loop);
	return ret;
}

static void serve(struct receiver *rx, const union notif *n)
{
	struct trap *t = rx->t;
	struct trap_req rq = { .t = t,
			       .id = n->n.id,
			       .tid = n->n.pid,
			       .arg = (const uint64_t *)n->n.data.args,
			       .row = row_of(n->n.data.nr) };
	long ret = TRAP_CONTINUE;

	/* pid 0: a task this process cannot name (another pid namespace), so cannot look into */
	if (rq.row && rq.tid) {
		trap_rings_hear(t, rq.tid);
		ret = TRAP_ALONE;
		if (rq.row->share && atomic_load_explicit(&t->rx->two, memory_order_relaxed))
			ret = serve_shared(rx, &rq);
		if (ret == TRAP_ALONE)
			ret = serve_alone(rx, &rq);
	}
	if (ret != TRAP_SENT)
		trap_send(t, rq.id, ret);
}

/* ---- signals ------------------------------------------------------------------------------ */

/*
 * A call that is being served must not meet the signal: what the kernel interrupts then, it may
 * have done by half.
 */
static void call_back(struct receiver *rx)
{
	enum receiver_state s = atomic_load(&rx->state);

	if ((s == ASLEEP || s == CALLED) &&
	    atomic_compare_exchange_strong(&rx->state, &s, CALLING)) {
		pthread_kill(rx->thread, WAKE_SIGNAL);
		atomic_store(&rx->state, CALLED);
	}
}

static void awake(struct receiver *rx)
{
	enum receiver_state s = ASLEEP;

	if (atomic_compare_exchange_strong(&rx->state, &s, BUSY))
		return;
	do {
		sched_yield();
		s = CALLED;
	} while (!atomic_compare_exchange_strong(&rx->state, &s, BUSY));
	sched_yield(); /* whatever was sent has come before a system call returns */
}

/* ---- one or two --------------------------------------------------------------------------- */

static void *receive_beside(void *arg);

static int start(struct receiver *rx, void *(*run)(void *arg))
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&rx->thread, NULL, run, rx);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	rx->started = !err;
	if (!err)
		pthread_setname_np(rx->thread, "nvmesim-receive");
	return -err;
}

/* the processor after @cpu, of those where we may run */
static int next_cpu(const cpu_set_t *cpus, int cpu)
{
	do {
		cpu = (cpu + 1) % CPU_SETSIZE;
	} while (!CPU_ISSET(cpu, cpus));
	return cpu;
}

static void place(struct receiver *rx, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_setaffinity_np(rx->thread, sizeof(one), &one);
}

/* called by the first */
static void become_two(struct trap_receivers *r)
{
	int here = sched_getcpu();

	if (here < 0 || here >= CPU_SETSIZE || CPU_COUNT(&r->cpus) < 2)
		return;
	if (!r->other.started && start(&r->other, receive_beside))
		return;
	place(&r->one, here);
	place(&r->other, next_cpu(&r->cpus, here));
	pthread_mutex_lock(&r->lock);
	atomic_store(&r->two, true);
	pthread_cond_signal(&r->go);
	pthread_mutex_unlock(&r->lock);
}

/* called by either */
static void become_one(struct trap_receivers *r)
{
	pthread_mutex_lock(&r->lock);
	atomic_store(&r->two, false);
	pthread_mutex_unlock(&r->lock);
	pthread_setaffinity_np(r->one.thread, sizeof(r->cpus), &r->cpus);
}

static void decide(struct receiver *rx)
{
	struct trap_receivers *r = rx->t->rx;
	const uint64_t now = ring_now(), took = now - rx->since;
	const unsigned int changes = rx->changes;

	rx->calls = rx->changes = 0;
	rx->since = now;
	if (atomic_load(&r->two)) {
		if (changes < CALLS / FEW)
			become_one(r);
	} else if (rx == &r->one && changes >= CALLS / MANY && took < QUICK_NS &&
		   (!r->other.started || atomic_load(&r->resting))) {
		become_two(r);
	}
}

static void count(struct receiver *rx, pid_t tid)
{
	struct trap_receivers *r = rx->t->rx;

	/* the last caller is written where it changes only: both who receive read it all the time
	 */
	if (atomic_load_explicit(&r->caller, memory_order_relaxed) != tid) {
		atomic_store_explicit(&r->caller, tid, memory_order_relaxed);
		rx->changes++;
	}
	if (++rx->calls >= CALLS)
		decide(rx);
	/* a signal that comes just before it sleeps wakes nobody: until it has come back */
	if (rx == &r->one && !atomic_load_explicit(&r->two, memory_order_relaxed) &&
	    r->other.started && !atomic_load_explicit(&r->resting, memory_order_relaxed))
		call_back(&r->other);
}

/* ---- the threads -------------------------------------------------------------------------- */

/* has the last task under the filter gone? Then there is nothing to receive, for ever. */
static bool all_gone(struct trap *t)
{
	struct pollfd p = { .fd = t->listener.fd };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL);
}

/* Return: whether there may be more */
static bool receive_one(struct receiver *rx)
{
	struct trap *t = rx->t;
	union notif n;
	int err;

	memset(&n, 0, sizeof(n)); /* the kernel insists on zeroes */
	atomic_store(&rx->state, ASLEEP);
	err = ioctl(t->listener.fd, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0 ? errno : 0;
	awake(rx);
	/* EINTR; ENOENT: the caller was killed, or all were */
	if (err)
		return err == EINTR || !all_gone(t);
	serve(rx, &n);
	count(rx, (pid_t)n.n.pid);
	return true;
}

static void let_wake(void)
{
	sigset_t wake;

	sigemptyset(&wake);
	sigaddset(&wake, WAKE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
}

static void *receive(void *arg)
{
	struct receiver *rx = arg;
	struct trap_receivers *r = rx->t->rx;

	let_wake();
	while (!atomic_load(&r->stop) && receive_one(rx))
		;
	atomic_store(&rx->ended, true);
	return NULL;
}

static void *receive_beside(void *arg)
{
	struct receiver *rx = arg;
	struct trap_receivers *r = rx->t->rx;
	bool more = true;

	let_wake();
	ring_thread_is(rx->as);
	while (more && !atomic_load(&r->stop)) {
		pthread_mutex_lock(&r->lock);
		atomic_store(&r->resting, true);
		while (!atomic_load(&r->two) && !atomic_load(&r->stop))
			pthread_cond_wait(&r->go, &r->lock);
		atomic_store(&r->resting, false);
		pthread_mutex_unlock(&r->lock);
		rx->calls = rx->changes = 0;
		while (more && atomic_load(&r->two) && !atomic_load(&r->stop))
			more = receive_one(rx);
	}
	atomic_store(&rx->ended, true);
	return NULL;
}

static void on_wake(int sig)
{
	/* it is the interruption that counts */
}

int trap_receive_start(struct trap *t)
{
	struct sigaction sa = { .sa_handler = on_wake };
	struct trap_receivers *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->one = (struct receiver){ .t = t, .as = RING_TURN };
	r->other = (struct receiver){ .t = t, .as = RING_BESIDE };
	sched_getaffinity(0, sizeof(r->cpus), &r->cpus);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->go, NULL);
	t->rx = r;
	sigaction(WAKE_SIGNAL, &sa, NULL);
	err = start(&r->one, receive);
	if (err)
		trap_receive_free(t);
	return err;
}

static void stop(struct receiver *rx)
{
	if (!rx->started)
		return;
	/* a signal that comes just before it sleeps wakes nobody: until it has gone */
	while (!atomic_load(&rx->ended)) {
		call_back(rx);
		usleep(WAKE_US);
	}
	pthread_join(rx->thread, NULL);
	rx->started = false;
}

void trap_receive_stop(struct trap *t)
{
	struct trap_receivers *r = t->rx;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	atomic_store(&r->stop, true);
	pthread_cond_signal(&r->go);
	pthread_mutex_unlock(&r->lock);
	dmn_loop_leave(t->loop); /* they may be waiting for their turn */
	stop(&r->one);
	stop(&r->other); /* which the first one starts, if anybody */
	dmn_loop_enter(t->loop);
}

void trap_receive_free(struct trap *t)
{
	struct trap_receivers *r = t->rx;

	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->go);
	free(r);
	t->rx = NULL;
}
