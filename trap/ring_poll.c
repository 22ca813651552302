/* SPDX-License-Identifier: MIT */
/*
 * ring_poll.c - the thread that submits for rings with IORING_SETUP_SQPOLL, and carries out what is
 * handed over (ring_work.c): one for all of them. It looks at their tails for as long as one of them
 * was busy within its sq_thread_idle, and sleeps otherwise, having asked the programs to wake it.
 *
 * @poll_lock is held over a round, so what is set under it, or before ring_poll_settle(), holds
 * from the next round on. The thread lets others have it first.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>

#include "ring.h"

#define ROUND	 16u	  /* entries taken from one ring before the next has its turn */
#define PROC_NS	 1000000u /* how long a process is believed to be what it was */

/* Return: whether there was anything to do */
static bool serve(struct trap_rings *rs, struct trap_ring *r, uint64_t now)
{
	if (r->disabled || r->asleep)
		return false;
	if (!ring_ready(r)) {
		if (now < r->busy_until)
			return false;
		/* ask first, look again after: a program writes its tail and then reads the flag */
		pthread_mutex_lock(&r->lock);
		ring_set_flag(r, IORING_SQ_NEED_WAKEUP, true);
		pthread_mutex_unlock(&r->lock);
		if (!ring_ready(r)) {
			r->asleep = true;
			return false;
		}
		pthread_mutex_lock(&r->lock);
		ring_set_flag(r, IORING_SQ_NEED_WAKEUP, false);
		pthread_mutex_unlock(&r->lock);
	}
	r->busy_until = now + r->idle_ns;
	if (!ring_proc_fresh(r->creator.proc, PROC_NS)) {
		r->asleep = true; /* its descriptor is about to be closed */
		return false;
	}
	return ring_submit(r, &r->creator, ROUND, RING_NOT_HANDED) > 0;
}

static void *poll_thread(void *arg)
{
	struct trap_rings *rs = arg;
	struct trap_ring *r;
	bool awake, busy;
	uint64_t now;

	host_thread_io(RING_POLLING);
	ring_thread_is(RING_POLLING);
	pthread_mutex_lock(&rs->poll_lock);
	while (!rs->stop) {
		now = ring_now();
		awake = busy = false;
		for (r = rs->polled; r; r = r->poll_next) {
			busy |= serve(rs, r, now);
			awake |= !r->asleep && !r->disabled;
		}
		ring_work_thread(rs, now, &awake);
		while (atomic_load(&rs->poll_want))
			pthread_cond_wait(&rs->poll_turn, &rs->poll_lock);
		if (rs->stop || awake) {
			if (!busy)
				sched_yield();
			continue;
		}
		/* somebody may have come while the lock was his */
		for (r = rs->polled; r && (r->asleep || r->disabled); r = r->poll_next)
			;
		atomic_store(&rs->asleep, true);
		if (!r && !atomic_load(&rs->nr_work))
			pthread_cond_wait(&rs->poll_wake, &rs->poll_lock);
		atomic_store(&rs->asleep, false);
	}
	pthread_mutex_unlock(&rs->poll_lock);
	return NULL;
}

static void take(struct trap_rings *rs)
{
	atomic_fetch_add(&rs->poll_want, 1);
	pthread_mutex_lock(&rs->poll_lock);
}

static void give(struct trap_rings *rs)
{
	atomic_fetch_sub(&rs->poll_want, 1);
	pthread_cond_signal(&rs->poll_turn);
	pthread_cond_signal(&rs->poll_wake);
	pthread_mutex_unlock(&rs->poll_lock);
}

int ring_poll_start(struct trap_rings *rs)
{
	sigset_t all, old;
	int err;

	if (rs->started)
		return 0;
	/* signals are the loop thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&rs->thread, NULL, poll_thread, rs);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	rs->started = !err;
	if (!err) {
		/* whoever starts it may be on one processor just now */
		pthread_setaffinity_np(rs->thread, sizeof(rs->cpus), &rs->cpus);
		pthread_setname_np(rs->thread, "nvmesim-sqpoll");
	}
	return -err;
}

/* IORING_SETUP_SQ_AFF: where the rings want it, if all of them say so. The turn is ours. */
static void place(struct trap_rings *rs)
{
	cpu_set_t cpus;
	bool all = rs->polled;

	CPU_ZERO(&cpus);
	for (struct trap_ring *r = rs->polled; r; r = r->poll_next) {
		if (r->flags & IORING_SETUP_SQ_AFF)
			CPU_SET(r->cpu, &cpus);
		else
			all = false;
	}
	/* a processor that is not there, or not ours: it stays where it is */
	rs->placed = all;
	pthread_setaffinity_np(rs->thread, sizeof(cpus), all ? &cpus : &rs->cpus);
}

int ring_poll_add(struct trap_ring *r)
{
	struct trap_rings *rs = r->rs;
	int err;

	take(rs);
	r->busy_until = ring_now() + r->idle_ns;
	r->poll_next = rs->polled;
	rs->polled = r;
	err = ring_poll_start(rs);
	if (!err)
		place(rs);
	give(rs);
	return err;
}

void ring_poll_del(struct trap_ring *r)
{
	struct trap_rings *rs = r->rs;
	struct trap_ring **at;

	take(rs);
	for (at = &rs->polled; *at; at = &(*at)->poll_next) {
		if (*at == r) {
			*at = r->poll_next;
			break;
		}
	}
	if (rs->started)
		place(rs);
	give(rs);
}

void ring_poll_wake(struct trap_rings *rs, struct trap_ring *r)
{
	take(rs);
	if (r->asleep) {
		pthread_mutex_lock(&r->lock);
		ring_set_flag(r, IORING_SQ_NEED_WAKEUP, false);
		pthread_mutex_unlock(&r->lock);
		r->asleep = false;
	}
	r->busy_until = ring_now() + r->idle_ns;
	give(rs);
}

void ring_poll_enable(struct trap_ring *r)
{
	take(r->rs);
	r->disabled = false;
	r->busy_until = ring_now() + r->idle_ns;
	give(r->rs);
}

void ring_poll_kick(struct trap_rings *rs)
{
	take(rs);
	give(rs);
}

void ring_poll_settle(struct trap_rings *rs)
{
	take(rs);
	give(rs);
}

void ring_poll_stop(struct trap_rings *rs)
{
	if (!rs->started)
		return;
	take(rs);
	rs->stop = true;
	give(rs);
	pthread_join(rs->thread, NULL);
	ring_work_finish(rs); /* the rings cannot end before their commands */
	rs->started = false;
}
