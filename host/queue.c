/* SPDX-License-Identifier: MIT */
/*
 * queue.c - a queue pair: slots, the submission ring, the doorbell, the completion ring.
 *
 * One round trip is one doorbell and one look at the completion queue: the doorbell runs the
 * controller on the calling thread, so the completion is usually there when it returns. Threads
 * that submit while another is in the doorbell leave their entry to that one, who rings again.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define NO_SLOT UINT16_MAX
#define STOP_POLL_US 50

/** struct event - a completion, taken off the queue, to be delivered with no lock held */
struct event {
	struct host_call *call;
	struct host_internal *in;
	uint64_t result;
	int status; /* NVMe status, or -errno */
	bool fault, aborted;
};

/* ---- slots; all under q->lock ------------------------------------------------------------ */

static uint16_t slot_get(struct host_queue *q, bool internal)
{
	unsigned int keep = q->qid || internal ? 0 : HOST_RESERVED;
	uint16_t i = q->free_head;

	if (q->nr_free <= keep)
		return NO_SLOT;
	q->free_head = q->slots[i].next_free;
	q->nr_free--;
	q->slots[i].state = HOST_SLOT_TAKEN;
	q->slots[i].aborting = q->slots[i].cancel = false;
	return i;
}

void host_slot_put(struct host_queue *q, uint16_t i)
{
	struct host_slot *s = &q->slots[i];

	s->state = HOST_SLOT_FREE;
	s->call = NULL;
	s->in = NULL;
	s->next_free = q->free_head;
	q->free_head = i;
	q->nr_free++;
}

/* a busy slot's command ended: what to deliver; the slot is free again, or held by its Abort */
static void slot_end(struct host_queue *q, uint16_t i, int status, uint64_t result,
		     struct event *ev)
{
	struct host_slot *s = &q->slots[i];

	ev->fault = host_window_close(&s->win);
	ev->call = s->call;
	ev->in = s->in;
	ev->status = status;
	ev->result = result;
	ev->aborted = s->aborting;
	if (s->timeout_ms && !s->deadline_ns)
		q->nr_new--;
	if (!s->held) {
		host_slot_put(q, i);
		return;
	}
	s->state = HOST_SLOT_DONE;
	s->call = NULL;
	s->in = NULL;
}

/* the ring has an entry per slot and one more */
static struct host_sqe *next_sqe(struct host_queue *q)
{
	return &q->sq[q->sq_tail];
}

/* the command is in next_sqe(), but for its identifier. The slot is TAKEN. */
static void slot_push(struct host_queue *q, uint16_t i, uint32_t timeout_ms)
{
	struct host_slot *s = &q->slots[i];

	next_sqe(q)->cid = sim_le16(i);
	s->state = HOST_SLOT_BUSY;
	s->deadline_ns = 0;
	s->timeout_ms = timeout_ms;
	q->nr_new += timeout_ms != 0;
	q->sq_tail = q->sq_tail + 1 == q->depth ? 0 : q->sq_tail + 1;
}

/* ---- rings ------------------------------------------------------------------------------- */

static _Thread_local const struct host_queue *rung; /* in whose doorbell this thread is */

bool host_rings(const struct host_dev *dev, uint64_t queues)
{
	return rung && rung->dev == dev && queues >> rung->qid & 1;
}

uint64_t host_rung(struct host_dev *dev, uint64_t queues)
{
	uint64_t set = queues, yes = 0;

	for (; set; set &= set - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(set);

		if (atomic_load(&dev->q[i].ringing))
			yes |= 1ull << i;
	}
	return yes;
}

/* q->lock is given up while the controller runs */
static void ring(struct host_queue *q)
{
	if (atomic_load_explicit(&q->ringing, memory_order_relaxed))
		return;
	atomic_store(&q->ringing, true);
	while (q->enabled && q->sq_rung != q->sq_tail) {
		uint16_t tail = q->sq_rung = q->sq_tail;

		pthread_mutex_unlock(&q->lock);
		rung = q;
		host_w32(q->dev, q->sq_db, tail);
		rung = NULL;
		pthread_mutex_lock(&q->lock);
	}
	/* in one order with the look at the completions that follows: who announces one either still
	 * sees the ringing, or it is seen */
	atomic_exchange(&q->ringing, false);
}

static unsigned int reap(struct host_queue *q, struct event *ev, unsigned int max)
{
	unsigned int n = 0;
	bool moved = false;

	if (!q->enabled)
		return 0;
	atomic_fetch_and(&q->dev->irq, ~(1ull << q->qid));
	while (n < max) {
		const struct host_cqe *cqe = &q->cq[q->cq_head];
		/* the dword with the phase is written last, in one piece */
		uint32_t dw3 = sim_le32(__atomic_load_n(&cqe->dw3, __ATOMIC_ACQUIRE));
		uint16_t status = (uint16_t)(dw3 >> 16), cid = (uint16_t)dw3;

		if ((status & 1) != q->phase)
			break;
		if (++q->cq_head == q->depth) {
			q->cq_head = 0;
			q->phase ^= 1;
		}
		moved = true;
		/* a completion of nothing is the device's fault, and no reason to fall over */
		if (cid >= q->nr_slots || (q->slots[cid].state != HOST_SLOT_BUSY &&
					   q->slots[cid].state != HOST_SLOT_LOST))
			continue;
		slot_end(q, cid, status >> 1,
			 sim_le32(cqe->dw0) | (uint64_t)sim_le32(cqe->dw1) << 32, &ev[n++]);
	}
	if (moved)
		host_w32(q->dev, q->cq_db, q->cq_head);
	return n;
}

/* Commands that were not complete when the doorbell returned get their deadlines only here, so
 * that the others never read the clock. Return: the earliest, UINT64_MAX when there is none. */
static uint64_t set_deadlines(struct host_queue *q)
{
	uint64_t first = UINT64_MAX, now;
	unsigned int i;

	if (!q->nr_new || q->ringing)
		return first;
	now = host_now();
	for (i = 0; i < q->nr_slots; i++) {
		struct host_slot *s = &q->slots[i];

		if (s->state < HOST_SLOT_BUSY || !s->timeout_ms || s->deadline_ns)
			continue;
		s->deadline_ns = now + s->timeout_ms * 1000000ull;
		if (s->deadline_ns < first)
			first = s->deadline_ns;
	}
	q->nr_new = 0;
	return first;
}

static void deliver(struct host_dev *dev, const struct event *ev, unsigned int n)
{
	for (; n; ev++, n--) {
		if (ev->in)
			ev->in->done(dev, ev->in, ev->status, ev->result);
		else if (ev->call && ev->status < 0)
			host_call_done(ev->call, ev->status);
		else if (ev->call)
			host_passthru_end(ev->call, (uint16_t)ev->status, ev->result, ev->fault,
					  ev->aborted);
	}
}

/* waiting calls get the slots that are free. Return: list of calls to start */
static struct host_call *take_waiting(struct host_queue *q)
{
	struct host_call *first = NULL, **last = &first, *call;

	while (q->live && (call = q->wait_head)) {
		uint16_t i = slot_get(q, false);

		if (i == NO_SLOT)
			break;
		q->wait_head = call->next;
		if (!q->wait_head)
			q->wait_tail = &q->wait_head;
		q->slots[i].call = call;
		call->slot = i;
		call->state = HOST_CALL_SLOT;
		call->next = NULL;
		*last = call;
		last = &call->next;
	}
	return first;
}

static void call_start(struct host_queue *q, struct host_call *call);

/* ring, take what is complete, start what waits, until there is nothing more to do.
 * q->lock is held on entry and not on return. */
static void queue_run(struct host_queue *q)
{
	struct host_dev *dev = q->dev;
	struct event ev[HOST_BATCH];
	struct host_call *start, *next;
	uint64_t deadline;
	unsigned int n;
	bool more;

	do {
		ring(q);
		n = reap(q, ev, HOST_BATCH);
		deadline = n == HOST_BATCH ? UINT64_MAX : set_deadlines(q);
		start = q->wait_head ? take_waiting(q) : NULL;
		more = n == HOST_BATCH || start;
		pthread_mutex_unlock(&q->lock);

		for (; start; start = next) {
			next = start->next;
			call_start(q, start);
		}
		deliver(dev, ev, n);
		if (deadline != UINT64_MAX) {
			host_arm(dev, deadline);
			/* something is pending: because the controller is no longer ready? */
			if (atomic_load(&dev->state) == HOST_LIVE && host_unhealthy(dev)) {
				atomic_store(&dev->want_reset, true);
				host_arm(dev, host_now());
			}
		}
		if (more)
			pthread_mutex_lock(&q->lock);
	} while (more);
}

void host_queue_reap(struct host_queue *q)
{
	pthread_mutex_lock(&q->lock);
	queue_run(q);
}

static _Thread_local bool io_only;
static _Thread_local unsigned int from_last;

void host_thread_io(unsigned int queue)
{
	io_only = true;
	from_last = queue;
}

void host_thread_main(void)
{
	io_only = false;
}

unsigned int host_thread_queue(unsigned int n)
{
	return n > from_last ? n - from_last : 1;
}

bool host_thread_is_io(void)
{
	return io_only;
}

void host_reap_announced(struct host_dev *dev)
{
	uint64_t set, mine = io_only ? ~1ull : ~0ull;

	if (io_only && atomic_load_explicit(&dev->irq, memory_order_relaxed) & 1)
		host_arm(dev, host_now()); /* host_run() does it */
	while (atomic_load_explicit(&dev->irq, memory_order_relaxed) & mine) {
		for (set = atomic_fetch_and(&dev->irq, ~mine) & mine; set; set &= set - 1)
			host_queue_reap(&dev->q[__builtin_ctzll(set)]);
	}
}

/* ---- calls ------------------------------------------------------------------------------- */

/* the slot's iovecs, from the client's memory. Return: 0 or -errno, as import_iovec() */
static int read_vecs(struct host_queue *q, struct host_call *call)
{
	struct iovec *vec = q->vecs + (size_t)call->slot * HOST_MAX_VEC;
	uint32_t i, *narrow = (uint32_t *)vec;
	size_t each = call->client->compat ? 2 * sizeof(uint32_t) : sizeof(*vec);
	const struct iovec *fixed = &call->fixed;
	uint64_t total = 0;
	int err;

	err = host_client_read(call->client, call->addr, vec, each * call->len);
	if (err)
		return err;
	for (i = call->client->compat ? call->len : 0; i-- > 0;) {
		uint32_t base = narrow[2 * i], len = narrow[2 * i + 1];

		vec[i].iov_base = (void *)(uintptr_t)base;
		vec[i].iov_len = len;
	}
	for (i = 0; i < call->len; i++) {
		if (vec[i].iov_len > INT64_MAX || (total += vec[i].iov_len) > UINT32_MAX)
			return -EINVAL;
		if (fixed->iov_base &&
		    ((char *)vec[i].iov_base < (char *)fixed->iov_base ||
		     vec[i].iov_len > fixed->iov_len ||
		     (size_t)((char *)vec[i].iov_base - (char *)fixed->iov_base) >
			     fixed->iov_len - vec[i].iov_len))
			return -EFAULT;
	}
	return 0;
}

/* write a call's command into the ring; its slot is TAKEN */
static void call_write(struct host_queue *q, struct host_call *call)
{
	struct host_sqe *sqe = next_sqe(q);

	memcpy(sqe, call->sqe, sizeof(*sqe));
	host_window_open(q, call->slot, call, sqe);
	slot_push(q, call->slot, call->timeout_ms);
}

/* a call that has a slot: read its iovecs, write its command */
static void call_start(struct host_queue *q, struct host_call *call)
{
	bool vec = call->row->flags & HOST_VEC && call->addr && call->len;
	int err = vec ? read_vecs(q, call) : 0;

	pthread_mutex_lock(&q->lock);
	if (!err && q->slots[call->slot].cancel)
		err = -EINTR;
	if (err)
		host_slot_put(q, call->slot);
	else
		call_write(q, call);
	pthread_mutex_unlock(&q->lock);
	if (err)
		host_call_done(call, err);
}

void host_call_submit(struct host_call *call, struct host_queue *q)
{
	struct host_dev *dev = q->dev;
	uint16_t i = NO_SLOT;
	int state;

	call->q = q;
	call->next = NULL;
	pthread_mutex_lock(&q->lock);
	state = atomic_load_explicit(&dev->state, memory_order_relaxed);
	if (state == HOST_DEAD) {
		pthread_mutex_unlock(&q->lock);
		host_call_done(call, -ENODEV);
		return;
	}
	if (q->live && state == HOST_LIVE && !q->wait_head)
		i = slot_get(q, false);
	if (i == NO_SLOT) {
		call->state = HOST_CALL_WAITING;
		*q->wait_tail = call;
		q->wait_tail = &call->next;
		pthread_mutex_unlock(&q->lock);
		return; /* plugged or not, commands that are in the queue have its slots */
	}
	q->slots[i].call = call;
	call->slot = i;
	call->state = HOST_CALL_SLOT;
	if (call->row->flags & HOST_VEC) {
		pthread_mutex_unlock(&q->lock);
		call_start(q, call);
		pthread_mutex_lock(&q->lock);
	} else {
		call_write(q, call);
	}
	if (host_plugged(q)) {
		pthread_mutex_unlock(&q->lock);
		host_plug_queue(q);
		return;
	}
	queue_run(q);
	if (atomic_load_explicit(&dev->irq, memory_order_relaxed))
		host_reap_announced(dev);
}

/* ---- the driver's own commands ----------------------------------------------------------- */

int host_internal_submit(struct host_dev *dev, const struct host_sqe *sqe, struct host_internal *in,
			 uint32_t timeout_ms)
{
	struct host_queue *q = &dev->q[0];
	uint16_t i = NO_SLOT;

	pthread_mutex_lock(&q->lock);
	if (q->enabled)
		i = slot_get(q, true);
	if (i == NO_SLOT) {
		pthread_mutex_unlock(&q->lock);
		return -EBUSY;
	}
	q->slots[i].in = in;
	*next_sqe(q) = *sqe;
	slot_push(q, i, timeout_ms);
	queue_run(q);
	return 0;
}

/** struct sync - somebody waits for a command of the driver's own */
struct sync {
	struct host_internal in;
	int status;
	uint64_t result;
	_Atomic bool done;
};

static void sync_done(struct host_dev *dev, struct host_internal *in, int status, uint64_t result)
{
	struct sync *s = (struct sync *)in;

	s->status = status;
	s->result = result;
	atomic_store(&s->done, true);
}

int host_internal_sync(struct host_dev *dev, const struct host_sqe *sqe, uint64_t *result)
{
	struct host_queue *q = &dev->q[0];
	struct sync s = { .in.done = sync_done };
	uint64_t end = host_now() + dev->p.admin_timeout_ms * 1000000ull;
	unsigned int i;
	int err;

	err = host_internal_submit(dev, sqe, &s.in, 0);
	if (err)
		return err;
	while (!atomic_load(&s.done)) {
		if (host_now() >= end) {
			pthread_mutex_lock(&q->lock);
			for (i = 0; i < q->nr_slots; i++) {
				if (q->slots[i].in == &s.in) {
					q->slots[i].in = NULL;
					q->slots[i].state = HOST_SLOT_LOST;
				}
			}
			pthread_mutex_unlock(&q->lock);
			return atomic_load(&s.done) ? s.status : -ETIMEDOUT;
		}
		host_pause(dev, STOP_POLL_US);
		host_queue_reap(q);
	}
	if (result)
		*result = s.result;
	return s.status;
}

/* ---- a queue's life ---------------------------------------------------------------------- */

int host_queue_init(struct host_queue *q, struct host_dev *dev, uint16_t qid, uint16_t depth)
{
	unsigned int i;

	q->dev = dev;
	q->qid = qid;
	q->depth = depth;
	q->nr_slots = (uint16_t)(depth - 1);
	q->wait_tail = &q->wait_head;
	q->slots = calloc(q->nr_slots, sizeof(*q->slots));
	if (!q->slots)
		return -ENOMEM;
	/* pages nobody uses stay untouched */
	q->vecs = calloc((size_t)q->nr_slots * HOST_MAX_VEC, sizeof(*q->vecs));
	if (!q->vecs)
		return -ENOMEM;
	q->free_head = NO_SLOT;
	for (i = q->nr_slots; i-- > 0;) {
		q->slots[i].q = q;
		host_slot_put(q, (uint16_t)i);
	}
	return 0;
}

void host_queue_free(struct host_queue *q)
{
	free(q->slots);
	free(q->vecs);
	q->slots = NULL;
	q->vecs = NULL;
}

void host_queue_enable(struct host_queue *q)
{
	pthread_mutex_lock(&q->lock);
	memset((void *)(uintptr_t)q->cq, 0, q->depth * sizeof(*q->cq));
	q->sq_tail = q->sq_rung = q->cq_head = 0;
	q->phase = 1;
	q->enabled = true;
	pthread_mutex_unlock(&q->lock);
}

void host_queue_live(struct host_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->live = true;
	queue_run(q);
}

void host_queue_pause(struct host_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->live = false;
	pthread_mutex_unlock(&q->lock);
}

void host_queue_stop(struct host_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->live = q->enabled = false;
	while (q->ringing) {
		pthread_mutex_unlock(&q->lock);
		usleep(STOP_POLL_US);
		pthread_mutex_lock(&q->lock);
	}
	pthread_mutex_unlock(&q->lock);
}

void host_queue_fail(struct host_queue *q, int err, bool waiting)
{
	struct host_call *list = NULL, *call;
	struct event ev[HOST_BATCH];
	unsigned int i = 0, n;

	do {
		n = 0;
		pthread_mutex_lock(&q->lock);
		for (; i < q->nr_slots && n < HOST_BATCH; i++) {
			struct host_slot *s = &q->slots[i];

			if (s->state == HOST_SLOT_TAKEN)
				s->cancel = true;
			if (s->state < HOST_SLOT_BUSY)
				continue;
			slot_end(q, (uint16_t)i, err, 0, &ev[n++]);
			host_window_settle(&s->win);
		}
		if (waiting) {
			list = q->wait_head;
			q->wait_head = NULL;
			q->wait_tail = &q->wait_head;
		}
		pthread_mutex_unlock(&q->lock);
		deliver(q->dev, ev, n);
		while ((call = list)) {
			list = call->next;
			host_call_done(call, err);
		}
	} while (n == HOST_BATCH);
}
