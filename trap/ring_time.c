/* SPDX-License-Identifier: MIT */
/*
 * ring_time.c - what ends by the clock: IORING_OP_TIMEOUT, IORING_OP_LINK_TIMEOUT, and waits with a
 * timeout. One timerfd for all rings; those armed are few, so a list per ring is searched.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"

#define NS_PER_SEC 1000000000ull
#define NEVER	   UINT64_MAX
#define CLOCKS	   (IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME)

uint64_t ring_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

/* a time on another clock keeps its distance from now: a clock set meanwhile is not followed */
int ring_deadline(const struct __kernel_timespec *ts, uint32_t flags, uint64_t *deadline)
{
	clockid_t clock = flags & IORING_TIMEOUT_REALTIME   ? CLOCK_REALTIME
			  : flags & IORING_TIMEOUT_BOOTTIME ? CLOCK_BOOTTIME
							    : CLOCK_MONOTONIC;
	uint64_t now = ring_now(), ns;
	struct timespec on;

	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= (long long)NS_PER_SEC)
		return -EINVAL;
	if ((uint64_t)ts->tv_sec > (NEVER / 4) / NS_PER_SEC) {
		*deadline = NEVER - 1;
		return 0;
	}
	ns = ts->tv_sec * NS_PER_SEC + ts->tv_nsec;
	if (flags & IORING_TIMEOUT_ABS) {
		clock_gettime(clock, &on);
		uint64_t there = on.tv_sec * NS_PER_SEC + on.tv_nsec;

		ns = ns > there ? ns - there : 0;
	}
	*deadline = now + ns;
	return 0;
}

static int read_ts(const struct ring_who *who, uint64_t addr, struct __kernel_timespec *ts)
{
	if (trap_vm_read(who->tid, addr, ts, sizeof(*ts)))
		return -EFAULT;
	return ts->tv_sec < 0 || ts->tv_nsec < 0 ? -EINVAL : 0;
}

/* ---- the list; r->lock held --------------------------------------------------------------- */

static void timer_add(struct ring_req *q)
{
	struct trap_ring *r = q->ring;

	q->tprev = NULL;
	q->tnext = r->timers;
	if (q->tnext)
		q->tnext->tprev = q;
	r->timers = q;
	q->flags |= RING_ARMED;
	if (q->flags & RING_COUNTED)
		r->nr_counted++;
	ring_arm(r->rs, q->deadline);
}

void ring_timer_del(struct ring_req *q)
{
	struct trap_ring *r = q->ring;

	if (q->tprev)
		q->tprev->tnext = q->tnext;
	else
		r->timers = q->tnext;
	if (q->tnext)
		q->tnext->tprev = q->tprev;
	if (q->flags & RING_COUNTED)
		r->nr_counted--;
	q->flags &= ~(RING_ARMED | RING_COUNTED);
}

void ring_timers_count(struct trap_ring *r, struct ring_list *ready)
{
	struct ring_req *q, *next;

	for (q = r->timers; q && r->nr_counted; q = next) {
		next = q->tnext;
		if (!(q->flags & RING_COUNTED) || (int32_t)(r->nr_posted - q->target_seq) < 0)
			continue;
		ring_complete(q, 0, ready);
		next = r->timers; /* what followed may be gone, too */
	}
}

/* ---- IORING_OP_TIMEOUT -------------------------------------------------------------------- */

static int prep(struct ring_req *q, const struct ring_who *who)
{
	const struct io_uring_sqe *s = &q->sqe.s;

	if (s->buf_index || s->len != 1 || s->splice_fd_in)
		return -EINVAL;
	if (s->timeout_flags & ~(IORING_TIMEOUT_ABS | CLOCKS | IORING_TIMEOUT_ETIME_SUCCESS |
				 IORING_TIMEOUT_MULTISHOT))
		return -EINVAL;
	if (s->timeout_flags & IORING_TIMEOUT_MULTISHOT && s->timeout_flags & IORING_TIMEOUT_ABS)
		return -EINVAL;
	if ((s->timeout_flags & CLOCKS) == CLOCKS)
		return -EINVAL;
	return read_ts(who, s->addr, &q->ts);
}

int ring_timeout_prep(struct ring_req *q, const struct ring_who *who)
{
	return prep(q, who);
}

int32_t ring_timeout_issue(struct ring_req *q)
{
	struct trap_ring *r = q->ring;
	uint64_t count = q->sqe.s.off;

	if (ring_deadline(&q->ts, q->sqe.s.timeout_flags, &q->deadline))
		return -EINVAL;
	pthread_mutex_lock(&r->lock);
	q->repeats = (uint32_t)count;
	if (count && !(q->sqe.s.timeout_flags & IORING_TIMEOUT_MULTISHOT)) {
		q->target_seq = r->nr_posted + (uint32_t)count;
		q->flags |= RING_COUNTED;
	}
	timer_add(q);
	pthread_mutex_unlock(&r->lock);
	return RING_LATER;
}

#define UPDATES (IORING_TIMEOUT_UPDATE | IORING_LINK_TIMEOUT_UPDATE)

int ring_timeout_remove_prep(struct ring_req *q, const struct ring_who *who)
{
	const struct io_uring_sqe *s = &q->sqe.s;

	if (s->buf_index || s->len || s->splice_fd_in)
		return -EINVAL;
	if (!(s->timeout_flags & UPDATES))
		return s->timeout_flags ? -EINVAL : 0;
	if (s->timeout_flags & ~(UPDATES | CLOCKS | IORING_TIMEOUT_ABS) ||
	    (s->timeout_flags & CLOCKS) == CLOCKS)
		return -EINVAL;
	return read_ts(who, s->addr2, &q->ts);
}

int32_t ring_timeout_remove_issue(struct ring_req *q)
{
	struct trap_ring *r = q->ring;
	uint32_t flags = q->sqe.s.timeout_flags;
	uint8_t op = flags & IORING_LINK_TIMEOUT_UPDATE ? IORING_OP_LINK_TIMEOUT
							: IORING_OP_TIMEOUT;
	struct ring_list ready;
	int32_t ret = -ENOENT;
	struct ring_req *at;

	ring_list_init(&ready);
	pthread_mutex_lock(&r->lock);
	for (at = r->timers; at; at = at->tnext)
		if (at->sqe.s.opcode == op && at->sqe.s.user_data == q->sqe.s.addr)
			break;
	if (at && flags & UPDATES) {
		ring_timer_del(at); /* an update forgets the count, as Linux's */
		ret = ring_deadline(&q->ts, flags, &at->deadline);
		timer_add(at);
	} else if (at) {
		ring_complete(at, -ECANCELED, &ready);
		ret = 0;
	}
	pthread_mutex_unlock(&r->lock);
	ring_run(r, &ready);
	return ret;
}

/* ---- IORING_OP_LINK_TIMEOUT --------------------------------------------------------------- */

int ring_link_timeout_prep(struct ring_req *q, const struct ring_who *who)
{
	return q->sqe.s.off ? -EINVAL : prep(q, who);
}

void ring_link_timeout_arm(struct ring_req *q)
{
	if (!ring_deadline(&q->ts, q->sqe.s.timeout_flags, &q->deadline))
		timer_add(q);
}

/* What it is for goes on if it is a command: Linux's driver does not let those be cancelled, and
 * then the timeout ends with what cancelling said. */
static void link_timeout_fire(struct ring_req *q, struct ring_list *ready)
{
	struct ring_req *for_what = q->timed;
	int32_t res = -ENOENT;

	for_what->link = q->link;
	for_what->flags &= ~RING_LINKED_TIME;
	q->link = q->timed = NULL;
	if (for_what->flags & RING_ARMED) {
		ring_complete(for_what, -ECANCELED, ready);
		res = -ETIME;
	}
	ring_complete(q, res, ready);
}

/* ---- the timer ---------------------------------------------------------------------------- */

void ring_arm(struct trap_rings *rs, uint64_t deadline)
{
	struct itimerspec its = { 0 };

	pthread_mutex_lock(&rs->timer_lock);
	if (deadline < rs->armed) {
		rs->armed = deadline;
		its.it_value.tv_sec = (time_t)(deadline / NS_PER_SEC);
		its.it_value.tv_nsec = (long)(deadline % NS_PER_SEC);
		if (!deadline)
			its.it_value.tv_nsec = 1; /* zero would disarm it */
		timerfd_settime(rs->timer.fd, TFD_TIMER_ABSTIME, &its, NULL);
	}
	pthread_mutex_unlock(&rs->timer_lock);
}

/* one shot of several: it goes on, if its completion finds room. Return: whether it does. */
static bool shoot_again(struct ring_req *q)
{
	if (!(q->sqe.s.timeout_flags & IORING_TIMEOUT_MULTISHOT) || q->repeats == 1)
		return false;
	if (!ring_post_more(q, -ETIME))
		return false;
	if (q->repeats)
		q->repeats--;
	ring_deadline(&q->ts, q->sqe.s.timeout_flags, &q->deadline);
	timer_add(q);
	return true;
}

/* Return: the ring's next deadline */
static uint64_t expire(struct trap_ring *r, uint64_t now)
{
	struct ring_req *q, *due;
	struct ring_list ready;
	uint64_t next;

	ring_list_init(&ready);
	pthread_mutex_lock(&r->lock);
	do {
		next = NEVER;
		due = NULL;
		for (q = r->timers; q; q = q->tnext) {
			if (q->deadline < next) {
				next = q->deadline;
				due = q;
			}
		}
		if (!due || next > now)
			break;
		ring_timer_del(due);
		if (due->sqe.s.opcode == IORING_OP_LINK_TIMEOUT) {
			link_timeout_fire(due, &ready);
		} else {
			r->nr_timeouts++;
			if (!shoot_again(due))
				ring_complete(due, -ETIME, &ready);
		}
	} while (true);
	ring_announce(r);
	uint64_t wait = ring_waits_expire(r, now);

	pthread_mutex_unlock(&r->lock);
	ring_run(r, &ready);
	return wait < next ? wait : next;
}

static void timer_ready(struct dmn_fd *f, uint32_t events)
{
	struct trap_rings *rs =
		(struct trap_rings *)((char *)f - offsetof(struct trap_rings, timer));
	uint64_t count, now, next = NEVER, d;
	struct trap_ring *r, *after;

	if (read(f->fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&rs->timer_lock);
	rs->armed = NEVER;
	pthread_mutex_unlock(&rs->timer_lock);
	now = ring_now();
	for (r = rs->all; r; r = after) {
		after = r->next;
		d = expire(r, now);
		next = d < next ? d : next;
	}
	if (next != NEVER)
		ring_arm(rs, next);
}

int ring_timer_init(struct trap_rings *rs)
{
	rs->armed = NEVER;
	pthread_mutex_init(&rs->timer_lock, NULL);
	rs->timer.ready = timer_ready;
	rs->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (rs->timer.fd < 0)
		return -errno;
	return dmn_loop_add(rs->t->loop, &rs->timer, EPOLLIN);
}
