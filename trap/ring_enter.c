/* SPDX-License-Identifier: MIT */
/*
 * ring_enter.c - io_uring_enter: submit, then wait. A wait keeps the notification; it is answered
 * by whoever posts the completion that ends it, by the timer, or when a signal waits for the
 * caller.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring.h"

#define ENTER_FLAGS                                                                               \
	(IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT |                 \
	 IORING_ENTER_EXT_ARG | IORING_ENTER_REGISTERED_RING | IORING_ENTER_ABS_TIMER |           \
	 IORING_ENTER_NO_IOWAIT)
#define NEVER	    UINT64_MAX
#define PATIENCE_NS 100000000u /* a wait that is over soon need not be interrupted */

/* ---- waits; r->lock held ------------------------------------------------------------------ */

static bool wait_over(struct trap_ring *r, const struct ring_wait *w)
{
	if (w->room)
		return ring_ready(r) < r->sq_entries;
	/* completions that found no room end a wait as well: their flag tells the program */
	return (int32_t)(r->cq_tail - w->tail) >= 0 || r->nr_timeouts != w->timeouts ||
	       ring_overflown(r);
}

static bool cq_empty(struct trap_ring *r)
{
	return atomic_load_explicit(&r->cq->head, memory_order_relaxed) == r->cq_tail;
}

static void answer(struct trap_ring *r, struct ring_wait **at, long ret)
{
	struct ring_wait *w = *at;
	struct trap *t = r->rs->t;

	*at = w->next;
	ring_publish(r);
	trap_send(t, w->id, w->ret ? w->ret : ret);
	atomic_fetch_sub(&r->rs->nr_waits, 1);
	pthread_mutex_lock(&t->lock);
	w->next = r->rs->free_waits;
	r->rs->free_waits = w;
	pthread_mutex_unlock(&t->lock);
}

void ring_wake(struct trap_ring *r)
{
	struct ring_wait **at = &r->waits;

	while (*at) {
		if (wait_over(r, *at))
			answer(r, at, 0);
		else
			at = &(*at)->next;
	}
}

uint64_t ring_waits_expire(struct trap_ring *r, uint64_t now)
{
	struct ring_wait **at = &r->waits;
	uint64_t next = NEVER;

	while (*at) {
		if ((*at)->deadline <= now) {
			answer(r, at, cq_empty(r) ? -ETIME : 0);
			continue;
		}
		if ((*at)->deadline < next)
			next = (*at)->deadline;
		at = &(*at)->next;
	}
	return next;
}

void ring_waits_end(struct trap_ring *r, long ret)
{
	while (r->waits)
		answer(r, &r->waits, ret);
}

/* ---- signals ------------------------------------------------------------------------------ */

static uint64_t parse_mask(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

/*
 * The filter defers signals while the supervisor has a call, so that no command is carried out and
 * then forgotten. A wait is no command: it ends for a signal as the kernel's does, if a little
 * later.
 */
static bool signal_waits(struct trap *t, pid_t tid)
{
	char path[32], text[4096];
	uint64_t pending;

	snprintf(path, sizeof(path), "%d/status", tid);
	if (trap_proc_text(t, path, text, sizeof(text)) <= 0)
		return false;
	pending = parse_mask(text, "\nSigPnd:") | parse_mask(text, "\nShdPnd:");
	return pending & ~parse_mask(text, "\nSigBlk:") & ~parse_mask(text, "\nSigIgn:");
}

bool trap_rings_check(struct trap *t)
{
	struct trap_rings *rs = t->rings;

	uint64_t now = ring_now();

	if (!rs || !atomic_load(&rs->nr_waits))
		return false;
	for (struct trap_ring *r = rs->all; r; r = r->next) {
		pthread_mutex_lock(&r->lock);
		for (struct ring_wait **at = &r->waits; *at;) {
			if (!trap_valid(t, (*at)->id))
				answer(r, at, 0); /* nobody hears it */
			else if (now - (*at)->since > PATIENCE_NS && signal_waits(t, (*at)->tid))
				answer(r, at, cq_empty(r) ? -EINTR : 0);
			else
				at = &(*at)->next;
		}
		pthread_mutex_unlock(&r->lock);
	}
	return atomic_load(&rs->nr_waits);
}

/* ---- the call ----------------------------------------------------------------------------- */

static struct ring_wait *wait_get(struct trap_rings *rs)
{
	struct trap *t = rs->t;
	struct ring_wait *w;

	pthread_mutex_lock(&t->lock);
	w = rs->free_waits;
	if (w)
		rs->free_waits = w->next;
	pthread_mutex_unlock(&t->lock);
	return w ? w : malloc(sizeof(*w)); /* more at once than ever before */
}

/* Return: the deadline that the argument asks for, in @deadline; 0 or -errno */
static int read_deadline(struct trap_req *rq, uint32_t flags, uint64_t *deadline)
{
	struct io_uring_getevents_arg arg;
	struct __kernel_timespec ts;

	*deadline = NEVER;
	if (!(flags & IORING_ENTER_EXT_ARG))
		return 0;
	if (rq->arg[5] != sizeof(arg))
		return -EINVAL;
	if (trap_vm_read(rq->tid, rq->arg[4], &arg, sizeof(arg)))
		return -EFAULT;
	if (!arg.ts)
		return 0;
	if (trap_vm_read(rq->tid, arg.ts, &ts, sizeof(ts)))
		return -EFAULT;
	/* a time of the caller's is one on the monotonic clock, unless relative */
	return ring_deadline(&ts, flags & IORING_ENTER_ABS_TIMER ? IORING_TIMEOUT_ABS : 0,
			     deadline);
}

/* r->lock held. Return: @ret, or TRAP_SENT: the answer comes later. */
static long start_wait(struct trap_req *rq, struct trap_ring *r, struct ring_wait want, long ret)
{
	struct ring_wait *w;

	if (wait_over(r, &want))
		return ret;
	if (want.deadline <= ring_now())
		return ret ? ret : cq_empty(r) ? -ETIME : 0;
	w = wait_get(r->rs);
	if (!w)
		return ret ? ret : -ENOMEM;
	*w = want;
	w->id = rq->id;
	w->tid = rq->tid;
	w->ret = ret;
	w->since = ring_now();
	w->next = r->waits;
	r->waits = w;
	atomic_fetch_add(&r->rs->nr_waits, 1);
	if (w->deadline != NEVER)
		ring_arm(r->rs, w->deadline);
	trap_tick(rq->t, true);
	return TRAP_SENT;
}

static bool over(struct trap_ring *r, const void *want)
{
	return wait_over(r, want);
}

static long get_events(struct trap_req *rq, struct trap_ring *r, uint32_t flags, uint32_t min,
		       long ret)
{
	struct ring_wait want = { .room = false };
	int err;

	err = read_deadline(rq, flags, &want.deadline);
	if (err)
		return ret ? ret : err;
	if (min > r->cq_entries)
		min = r->cq_entries;
	pthread_mutex_lock(&r->lock);
	ring_flush(r);
	want.tail = atomic_load_explicit(&r->cq->head, memory_order_relaxed) + min;
	want.timeouts = r->nr_timeouts;
	if (min && !wait_over(r, &want)) {
		pthread_mutex_unlock(&r->lock);
		ring_work_help(r->rs, r, over, &want);
		pthread_mutex_lock(&r->lock);
		ring_publish(r);
		ret = start_wait(rq, r, want, ret);
	}
	pthread_mutex_unlock(&r->lock);
	return ret;
}

/* until as many completions are there as were submitted now */
static void stay(struct trap_ring *r, uint32_t n)
{
	struct ring_wait want = { .room = false };

	pthread_mutex_lock(&r->lock);
	want.tail = atomic_load_explicit(&r->cq->head, memory_order_relaxed) + n;
	want.timeouts = r->nr_timeouts;
	pthread_mutex_unlock(&r->lock);
	ring_work_help(r->rs, r, over, &want);
	pthread_mutex_lock(&r->lock);
	ring_publish(r);
	pthread_mutex_unlock(&r->lock);
}

static long enter_polled(struct trap_req *rq, struct trap_ring *r, uint32_t flags)
{
	uint32_t to_submit = (uint32_t)rq->arg[1];
	struct ring_wait want = { .room = true, .deadline = NEVER };
	long ret = to_submit;

	if (flags & IORING_ENTER_SQ_WAKEUP)
		ring_poll_wake(r->rs, r);
	if (flags & IORING_ENTER_SQ_WAIT) {
		pthread_mutex_lock(&r->lock);
		ret = start_wait(rq, r, want, ret);
		pthread_mutex_unlock(&r->lock);
	}
	return ret;
}

/*
 * Who shares the turn has a processor of his own, and carries out himself what he submits. Two
 * threads may enter one ring.
 */
static long submit_shared(struct trap_ring *r, const struct ring_who *who, uint32_t max)
{
	long ret;

	if (atomic_flag_test_and_set(&r->submitting))
		return TRAP_ALONE;
	ret = ring_submit(r, who, max, RING_NOT_HANDED);
	atomic_flag_clear(&r->submitting);
	return ret;
}

static long submit_alone(struct trap_ring *r, const struct ring_who *who, uint32_t max,
			 uint32_t waits)
{
	long ret;

	r->handed = 0;
	ret = ring_submit(r, who, max, waits);
	if (ret > 0 && !waits && ring_work_stays(r))
		stay(r, (uint32_t)ret);
	return ret;
}

static struct ring_seen *find(struct trap_req *rq, bool index)
{
	struct trap_rings *rs = rq->t->rings;
	const uint32_t n = (uint32_t)rq->arg[0];

	if (rq->shared)
		return index ? ring_known_index(rs, rq->tid, n) : ring_known(rs, rq->tid, (int)n);
	return index ? ring_find_index(rs, rq->tid, n) : ring_find(rs, rq->tid, (int)n);
}

long trap_ring_enter(struct trap_req *rq)
{
	uint32_t to_submit = (uint32_t)rq->arg[1], min = (uint32_t)rq->arg[2];
	uint32_t flags = (uint32_t)rq->arg[3];
	struct ring_seen *s;
	struct trap_ring *r;
	long ret = 0;

	s = find(rq, flags & IORING_ENTER_REGISTERED_RING);
	if (!s)
		return rq->shared ? TRAP_ALONE : TRAP_CONTINUE;
	r = s->ring;
	if (flags & ~ENTER_FLAGS)
		return -EINVAL;
	if (r->disabled)
		return -EBADFD;
	if (r->flags & IORING_SETUP_SQPOLL)
		ret = enter_polled(rq, r, flags);
	else if (to_submit && rq->shared)
		ret = submit_shared(r, &s->who, to_submit);
	else if (to_submit)
		ret = submit_alone(r, &s->who, to_submit,
				   flags & IORING_ENTER_GETEVENTS ? min : 0);
	if (ret == TRAP_SENT || ret < 0)
		return ret;
	/* as Linux: who submitted less than he wanted does not wait */
	if (!(r->flags & IORING_SETUP_SQPOLL) && ret != to_submit)
		return ret;
	if (flags & IORING_ENTER_GETEVENTS)
		ret = get_events(rq, r, flags, min, ret);
	return ret;
}
