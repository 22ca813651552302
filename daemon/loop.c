/* SPDX-License-Identifier: MIT */
/*
 * loop.c - the event loop: epoll for descriptors, one timerfd for the earliest deadline, an
 * eventfd that ends the wait from any thread; and the turn, which whoever does the loop's work has,
 * or several share who do what can be done beside each other.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"

#define LOOP_BATCH     32
#define NS_PER_SEC     1000000000ull
#define TURN_SPINS     256u
#define LOOP_SEC_LIMIT 1000000000ull /* later than that is "never" for a timerfd */

/**
 * struct dmn_loop - the loop
 * @batch, @nr_batch: events taken from the kernel and not yet dispatched: dmn_loop_del() wipes
 *                    its descriptor there, so that a callback may delete any descriptor
 * @armed:            deadline the timerfd is set to; under @lock, since any thread may arm
 * @taken:            somebody has the turn; this and the next four are changed under @turn
 * @sharers:          how many share it
 * @loop_waits, @others, @want_share: who waits for it, in the order in which they get it
 * @deleted:          counts dmn_loop_del(): events taken before one may be of what is gone
 */
struct dmn_loop {
	int epfd;
	struct dmn_fd timer, wake;
	struct epoll_event batch[LOOP_BATCH];
	int nr_batch;
	pthread_mutex_t lock;
	uint64_t armed;
	void (*timer_cb)(void *arg);
	void *timer_arg;
	pthread_mutex_t turn;
	pthread_cond_t loop_turn, other_turn, share_turn;
	_Atomic bool taken;
	_Atomic unsigned int sharers;
	bool loop_waits;
	unsigned int others, want_share;
	uint64_t deleted;
	_Atomic bool quit;
	_Atomic int code;
};

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

#define loop_of(ptr, member) ((struct dmn_loop *)((char *)(ptr)-offsetof(struct dmn_loop, member)))

static void drain(int fd)
{
	uint64_t count;

	/* EAGAIN: somebody re-armed in between, there is nothing to take */
	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

static void timer_ready(struct dmn_fd *f, uint32_t events)
{
	struct dmn_loop *l = loop_of(f, timer);

	drain(f->fd);
	pthread_mutex_lock(&l->lock);
	l->armed = UINT64_MAX;
	pthread_mutex_unlock(&l->lock);
	if (l->timer_cb)
		l->timer_cb(l->timer_arg);
}

static void wake_ready(struct dmn_fd *f, uint32_t events)
{
	drain(f->fd);
}

struct dmn_loop *dmn_loop_new(void)
{
	struct dmn_loop *l = calloc(1, sizeof(*l));
	pthread_mutexattr_t adaptive;

	if (!l)
		return NULL;
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutexattr_init(&adaptive);
	pthread_mutexattr_settype(&adaptive, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&l->turn, &adaptive);
	pthread_mutexattr_destroy(&adaptive);
	pthread_cond_init(&l->loop_turn, NULL);
	pthread_cond_init(&l->other_turn, NULL);
	pthread_cond_init(&l->share_turn, NULL);
	l->taken = true;
	l->armed = UINT64_MAX;
	l->timer.ready = timer_ready;
	l->wake.ready = wake_ready;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	l->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epfd < 0 || l->timer.fd < 0 || l->wake.fd < 0 ||
	    dmn_loop_add(l, &l->timer, EPOLLIN) || dmn_loop_add(l, &l->wake, EPOLLIN)) {
		dmn_loop_free(l);
		return NULL;
	}
	return l;
}

void dmn_loop_free(struct dmn_loop *l)
{
	if (!l)
		return;
	if (l->wake.fd >= 0)
		close(l->wake.fd);
	if (l->timer.fd >= 0)
		close(l->timer.fd);
	if (l->epfd >= 0)
		close(l->epfd);
	pthread_mutex_destroy(&l->lock);
	pthread_mutex_destroy(&l->turn);
	pthread_cond_destroy(&l->loop_turn);
	pthread_cond_destroy(&l->other_turn);
	pthread_cond_destroy(&l->share_turn);
	free(l);
}

static bool is_had(struct dmn_loop *l, bool share)
{
	return atomic_load_explicit(&l->taken, memory_order_relaxed) ||
	       (!share && atomic_load_explicit(&l->sharers, memory_order_relaxed));
}

/* Turns are mostly far shorter than it takes to fall asleep and be woken. */
static void wait_awake(struct dmn_loop *l, bool share)
{
	for (unsigned int i = 0; i < TURN_SPINS && is_had(l, share); i++)
		relax();
}

void dmn_loop_enter(struct dmn_loop *l)
{
	wait_awake(l, false);
	pthread_mutex_lock(&l->turn);
	l->others++;
	while (l->taken || l->sharers || l->loop_waits)
		pthread_cond_wait(&l->other_turn, &l->turn);
	l->others--;
	l->taken = true;
	pthread_mutex_unlock(&l->turn);
}

static void loop_enter(struct dmn_loop *l)
{
	pthread_mutex_lock(&l->turn);
	l->loop_waits = true;
	while (l->taken || l->sharers)
		pthread_cond_wait(&l->loop_turn, &l->turn);
	l->loop_waits = false;
	l->taken = true;
	pthread_mutex_unlock(&l->turn);
}

/* @turn is held, and nobody has it any more */
static void wake_next(struct dmn_loop *l)
{
	if (l->loop_waits)
		pthread_cond_signal(&l->loop_turn);
	else if (l->others)
		pthread_cond_signal(&l->other_turn);
	else if (l->want_share)
		pthread_cond_broadcast(&l->share_turn);
}

void dmn_loop_leave(struct dmn_loop *l)
{
	pthread_mutex_lock(&l->turn);
	l->taken = false;
	wake_next(l);
	pthread_mutex_unlock(&l->turn);
}

void dmn_loop_share(struct dmn_loop *l)
{
	wait_awake(l, true);
	pthread_mutex_lock(&l->turn);
	l->want_share++;
	while (l->taken || l->others || l->loop_waits)
		pthread_cond_wait(&l->share_turn, &l->turn);
	l->want_share--;
	l->sharers++;
	pthread_mutex_unlock(&l->turn);
}

void dmn_loop_unshare(struct dmn_loop *l)
{
	pthread_mutex_lock(&l->turn);
	if (!--l->sharers)
		wake_next(l);
	pthread_mutex_unlock(&l->turn);
}

int dmn_loop_add(struct dmn_loop *l, struct dmn_fd *f, uint32_t epoll_events)
{
	struct epoll_event ev = { .events = epoll_events, .data.ptr = f };

	if (!epoll_ctl(l->epfd, EPOLL_CTL_ADD, f->fd, &ev))
		return 0;
	/* adding what is there changes what is waited for */
	if (errno == EEXIST && !epoll_ctl(l->epfd, EPOLL_CTL_MOD, f->fd, &ev))
		return 0;
	return -errno;
}

void dmn_loop_del(struct dmn_loop *l, struct dmn_fd *f)
{
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, f->fd, NULL);
	l->deleted++;
	for (int i = 0; i < l->nr_batch; i++)
		if (l->batch[i].data.ptr == f)
			l->batch[i].data.ptr = NULL;
}

void dmn_loop_timer(struct dmn_loop *l, void (*cb)(void *arg), void *arg)
{
	l->timer_cb = cb;
	l->timer_arg = arg;
}

void dmn_loop_arm(struct dmn_loop *l, uint64_t deadline_ns)
{
	struct itimerspec its = { 0 };

	if (!deadline_ns)
		deadline_ns = 1; /* zero would disarm; the past is "at once" */
	if (deadline_ns / NS_PER_SEC > LOOP_SEC_LIMIT)
		return;
	pthread_mutex_lock(&l->lock);
	if (deadline_ns < l->armed) {
		l->armed = deadline_ns;
		its.it_value.tv_sec = deadline_ns / NS_PER_SEC;
		its.it_value.tv_nsec = deadline_ns % NS_PER_SEC;
		timerfd_settime(l->timer.fd, TFD_TIMER_ABSTIME, &its, NULL);
	}
	pthread_mutex_unlock(&l->lock);
}

int dmn_loop_run(struct dmn_loop *l)
{
	while (!l->quit) {
		uint64_t deleted = l->deleted;
		int n, err;

		dmn_loop_leave(l);
		n = epoll_wait(l->epfd, l->batch, LOOP_BATCH, -1);
		err = errno;
		loop_enter(l);
		if (n < 0) {
			if (err == EINTR)
				continue;
			return -err;
		}
		/* somebody else took a descriptor away meanwhile: what is still there comes again */
		if (deleted != l->deleted)
			continue;
		l->nr_batch = n;
		for (int i = 0; i < n && !l->quit; i++) {
			struct dmn_fd *f = l->batch[i].data.ptr;

			if (f)
				f->ready(f, l->batch[i].events);
		}
		l->nr_batch = 0;
	}
	l->quit = false; /* a loop may be run again after it was left */
	return l->code;
}

void dmn_loop_quit(struct dmn_loop *l, int code)
{
	uint64_t one = 1;

	l->code = code;
	l->quit = true;
	if (write(l->wake.fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: the loop is being woken already */
}
