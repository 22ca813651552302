/* SPDX-License-Identifier: MIT */
/*
 * timeout.c - what happens to commands that do not end: Abort first, then a controller reset, as
 * Linux's nvme_timeout(). The call ends with -EINTR.
 */
#include "internal.h"

#define ABORT_RETRY_NS 100000000ull /* when the controller has as many Aborts as it takes */

/* the Abort is over: its slot may be used for another command if the one it was for has ended */
static void release(struct host_slot *s)
{
	struct host_queue *q = s->q;
	bool free;

	pthread_mutex_lock(&q->lock);
	s->held = false;
	free = s->state == HOST_SLOT_DONE;
	if (free)
		host_slot_put(q, (uint16_t)(s - q->slots));
	pthread_mutex_unlock(&q->lock);
	if (free)
		host_queue_reap(q); /* a call may wait for it */
}

static void abort_done(struct host_dev *dev, struct host_internal *in, int status, uint64_t result)
{
	atomic_fetch_sub(&dev->aborts, 1);
	release((struct host_slot *)((char *)in - offsetof(struct host_slot, abort)));
}

void host_slot_abort(struct host_queue *q, uint16_t slot)
{
	struct host_dev *dev = q->dev;
	struct host_slot *s = &q->slots[slot];
	const struct host_sqe sqe = {
		.opcode = nvme_admin_abort_cmd,
		.cdw10 = sim_le32((uint32_t)slot << 16 | q->qid),
	};

	s->abort.done = abort_done;
	/* Abort Command Limit is 0's based */
	if (atomic_fetch_add(&dev->aborts, 1) <= dev->acl &&
	    !host_internal_submit(dev, &sqe, &s->abort, dev->p.admin_timeout_ms))
		return;
	atomic_fetch_sub(&dev->aborts, 1);
	pthread_mutex_lock(&q->lock);
	if (s->state >= HOST_SLOT_BUSY) {
		s->aborting = false;
		s->deadline_ns = host_now() + ABORT_RETRY_NS;
	}
	pthread_mutex_unlock(&q->lock);
	release(s);
	host_arm(dev, host_now() + ABORT_RETRY_NS);
}

/* Return: the queue's next deadline */
static uint64_t check_queue(struct host_queue *q, uint64_t now, bool *reset)
{
	uint16_t due[HOST_BATCH];
	uint64_t next = UINT64_MAX;
	unsigned int i, n = 0;

	pthread_mutex_lock(&q->lock);
	for (i = 0; i < q->nr_slots; i++) {
		struct host_slot *s = &q->slots[i];

		if (s->state < HOST_SLOT_BUSY || !s->deadline_ns)
			continue;
		if (s->deadline_ns <= now && s->aborting)
			*reset = true;
		if (s->deadline_ns <= now && !s->aborting && n < HOST_BATCH) {
			due[n++] = (uint16_t)i;
			s->aborting = s->held = true;
			s->deadline_ns = now + s->timeout_ms * 1000000ull;
		}
		if (s->deadline_ns < next)
			next = s->deadline_ns;
	}
	pthread_mutex_unlock(&q->lock);
	for (i = 0; i < n; i++)
		host_slot_abort(q, due[i]);
	return next;
}

void host_run(struct host_dev *dev)
{
	uint64_t now, next = UINT64_MAX, due, armed;
	bool reset, check;
	unsigned int i;

	if (!dev->fn || atomic_load(&dev->state) != HOST_LIVE)
		return;
	host_reap_announced(dev);
	if (atomic_load_explicit(&dev->want_scan, memory_order_relaxed) &&
	    atomic_exchange(&dev->want_scan, false))
		host_scan(dev, false, NULL);
	if (pthread_mutex_trylock(&dev->run_lock))
		return; /* another thread is at it */
	reset = atomic_load(&dev->want_reset) || host_unhealthy(dev);
	now = host_now();
	check = !reset && now >= atomic_load(&dev->armed);
	if (reset || check)
		atomic_store(&dev->armed, UINT64_MAX);
	for (i = 0; check && i <= dev->max_io; i++) {
		due = check_queue(&dev->q[i], now, &reset);
		next = due < next ? due : next;
	}
	pthread_mutex_unlock(&dev->run_lock);
	if (reset && !host_reset(dev))
		host_scan(dev, false, NULL);
	else if (next != UINT64_MAX)
		host_arm(dev, next);
	/* a door's timer may be one for many, and have fired for another: say it again */
	armed = atomic_load(&dev->armed);
	if (armed != UINT64_MAX && dev->p.arm)
		dev->p.arm(dev->p.opaque, armed);
}
