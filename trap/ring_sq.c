/* SPDX-License-Identifier: MIT */
/*
 * ring_sq.c - submission: entries are copied out of the program's reach, checked, put together to
 * chains, started, and what follows from their end. The rules of links and drains are Linux's
 * (io_uring/io_uring.c), for they are what programs rely on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

#define LINKS	  (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)
#define SQE_FLAGS                                                                                 \
	(IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | LINKS | IOSQE_ASYNC | IOSQE_BUFFER_SELECT |          \
	 IOSQE_CQE_SKIP_SUCCESS)

/* ---- requests; r->lock held --------------------------------------------------------------- */

/* more than ever before at once: as many again */
static bool grow(struct trap_ring *r)
{
	uint32_t n = r->nr_chunks ? r->nr_reqs : r->cq_entries;
	struct ring_req *reqs;

	if (r->nr_chunks == RING_NR_CHUNKS || r->nr_reqs >= RING_MAX_REQS)
		return false;
	reqs = calloc(n, sizeof(*reqs));
	if (!reqs)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		reqs[i].ring = r;
		reqs[i].next = r->free;
		r->free = &reqs[i];
	}
	r->chunk_len[r->nr_chunks] = n;
	r->chunk[r->nr_chunks++] = reqs;
	r->nr_reqs += n;
	return true;
}

static struct ring_req *req_get(struct trap_ring *r)
{
	struct ring_req *q;

	if (!r->free && !grow(r))
		return NULL;
	q = r->free;
	r->free = q->next;
	r->nr_used++;
	q->next = q->link = q->timed = NULL;
	q->uses[0] = q->uses[1] = NULL;
	q->proc = NULL;
	q->res = 0;
	q->given_in = NULL;
	q->ahead_of = 0;
	q->cqe_flags = 0;
	q->has_big = false;
	atomic_store_explicit(&q->flags, 0, memory_order_relaxed);
	return q;
}

void ring_drop_procs(struct trap_ring *r)
{
	if (r->nr_drop)
		ring_proc_put(r->drop, r->nr_drop);
	r->drop = NULL;
	r->nr_drop = 0;
}

void ring_req_free(struct ring_req *q)
{
	struct trap_ring *r = q->ring;

	ring_uses_end(q);
	/* mostly all are of one process */
	if (q->proc != r->drop)
		ring_drop_procs(r);
	r->drop = q->proc;
	r->nr_drop += q->proc != NULL;
	q->proc = NULL;
	q->next = r->free;
	r->free = q;
	r->nr_used--;
}

/* ---- ends; r->lock held ------------------------------------------------------------------- */

/* a chain may start: nobody drains, or it is the one everybody waited for */
static void start_chain(struct trap_ring *r, struct ring_req *head, struct ring_list *ready)
{
	bool drain = head->sqe.s.flags & IOSQE_IO_DRAIN;

	for (struct ring_req *q = head; q; q = q->link) {
		r->nr_active++;
		if (drain) {
			r->drain_left++;
			q->flags |= RING_DRAINING;
		}
	}
	ring_list_add(ready, head);
}

static void start_deferred(struct trap_ring *r, struct ring_list *ready)
{
	struct ring_req *head;

	while ((head = r->deferred.head) && !r->drain_left) {
		if (head->sqe.s.flags & IOSQE_IO_DRAIN && r->nr_active)
			return;
		ring_list_pop(&r->deferred);
		start_chain(r, head, ready);
	}
}

/* its completion is out, or skipped */
static void retire(struct ring_req *q)
{
	struct trap_ring *r = q->ring;
	bool post = !(q->sqe.s.flags & IOSQE_CQE_SKIP_SUCCESS);

	r->nr_active--;
	if (q->flags & RING_DRAINING)
		r->drain_left--;
	if (!post || ring_post(q))
		ring_req_free(q);
	else
		ring_uses_end(q);
}

static bool is_failure(const struct ring_req *q)
{
	if (q->sqe.s.opcode == IORING_OP_TIMEOUT && q->res == -ETIME &&
	    q->sqe.s.timeout_flags & IORING_TIMEOUT_ETIME_SUCCESS)
		return false;
	return q->res < 0;
}

/* what is behind a request that failed fails too */
static void fail_links(struct ring_req *q, bool skip)
{
	struct ring_req *next;

	for (; q; q = next) {
		next = q->link;
		if (!(q->flags & RING_FAIL))
			q->res = -ECANCELED;
		if (skip)
			q->sqe.s.flags |= IOSQE_CQE_SKIP_SUCCESS;
		else
			q->sqe.s.flags &= ~IOSQE_CQE_SKIP_SUCCESS;
		retire(q);
	}
}

void ring_complete(struct ring_req *q, int32_t res, struct ring_list *ready)
{
	struct trap_ring *r = q->ring;
	struct ring_req *next = q->link, *timeout = NULL;
	bool hard = q->sqe.s.flags & IOSQE_IO_HARDLINK, fail, skip = false;

	q->res = res;
	if (q->flags & RING_ARMED)
		ring_timer_del(q);
	if (next && q->flags & RING_LINKED_TIME) {
		timeout = next;
		next = next->link;
	}
	fail = is_failure(q);
	if (fail && q->sqe.s.flags & IOSQE_CQE_SKIP_SUCCESS) {
		q->sqe.s.flags &= ~IOSQE_CQE_SKIP_SUCCESS;
		skip = true;
	}
	retire(q);
	if (timeout) {
		if (timeout->flags & RING_ARMED)
			ring_timer_del(timeout);
		timeout->timed = NULL;
		timeout->res = -ECANCELED;
		retire(timeout);
	}
	if (next && (r->closing || (fail && !hard)))
		fail_links(next, skip);
	else if (next)
		ring_list_add(ready, next);
	if (r->nr_counted)
		ring_timers_count(r, ready);
	if (r->deferred.head)
		start_deferred(r, ready);
}

/* to be seen at once; whoever submits just now tells the rest when he is done */
static void tell(struct trap_ring *r)
{
	if (r->inline_now)
		ring_publish(r);
	else
		ring_announce(r);
}

void ring_end_all(struct ring_list *list)
{
	struct ring_req *q;

	while ((q = list->head)) {
		struct trap_ring *r = q->ring;
		struct ring_list ready;

		ring_list_init(&ready);
		pthread_mutex_lock(&r->lock);
		while ((q = list->head) && q->ring == r) {
			ring_list_pop(list);
			ring_complete(q, q->res, &ready);
		}
		ring_drop_procs(r);
		tell(r);
		if (ready.head) {
			pthread_mutex_unlock(&r->lock);
			ring_run(r, &ready);
		} else {
			ring_unlock(r);
		}
	}
}

void ring_end(struct ring_req *q, int32_t res)
{
	struct ring_list list;

	q->res = res;
	ring_list_init(&list);
	ring_list_add(&list, q);
	ring_end_all(&list);
}

void ring_run(struct trap_ring *r, struct ring_list *ready)
{
	struct ring_req *q;
	int32_t res;

	while ((q = ring_list_pop(ready))) {
		bool last;

		if (q->flags & RING_FAIL) {
			/* of a chain that was broken when it was put together */
			res = q->res;
			q->sqe.s.flags &= ~IOSQE_IO_HARDLINK;
		} else {
			if (q->flags & RING_LINKED_TIME) {
				pthread_mutex_lock(&r->lock);
				ring_link_timeout_arm(q->link);
				pthread_mutex_unlock(&r->lock);
			}
			res = ring_op(q->sqe.s.opcode)->issue(q);
			if (res == RING_LATER)
				continue;
		}
		pthread_mutex_lock(&r->lock);
		ring_complete(q, res, ready);
		tell(r);
		last = !ready->head;
		if (ring_unlock(r) || last)
			return;
	}
}

/* ---- submission --------------------------------------------------------------------------- */

/** struct chain - what is being put together */
struct chain {
	struct ring_req *head, *last;
};

static bool restricted(const struct trap_ring *r, const struct io_uring_sqe *s)
{
	const struct ring_restrict *l = &r->limits;
	uint8_t op = s->opcode;

	if (!l->sqe)
		return false;
	return !(l->sqe_ops[op / 8] >> op % 8 & 1) ||
	       (s->flags & l->sqe_required) != l->sqe_required ||
	       s->flags & ~(l->sqe_allowed | l->sqe_required);
}

/* io_init_req() and the opcode's own checks. Return: 0 or -errno. */
static int check(struct ring_req *q, const struct ring_who *who)
{
	struct trap_ring *r = q->ring;
	const struct io_uring_sqe *s = &q->sqe.s;
	const struct ring_op *op = ring_op(s->opcode);

	if (!op)
		return -EINVAL;
	if (op->big && !(r->flags & (IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED)))
		return -EINVAL;
	if (s->flags & ~SQE_FLAGS)
		return -EINVAL;
	if (s->flags & IOSQE_BUFFER_SELECT)
		return -EOPNOTSUPP; /* none of these opcodes does */
	/* once a completion may be missing, "all before it" can no longer be counted */
	r->no_drain |= s->flags & IOSQE_CQE_SKIP_SUCCESS;
	if (s->flags & IOSQE_IO_DRAIN && r->no_drain)
		return -EOPNOTSUPP;
	if (restricted(r, s))
		return -EACCES;
	if (r->flags & IORING_SETUP_IOPOLL && !op->polled)
		return -EINVAL;
	if (s->ioprio || s->personality)
		return -EINVAL;
	if (op->file)
		ring_file(q, who);
	return op->prep(q, who);
}

static void mark_failed(struct ring_req *q, int err)
{
	q->flags |= RING_FAIL;
	q->res = err;
}

/* Return: the chain that is complete by this, or NULL */
static struct ring_req *append(struct chain *c, struct ring_req *q)
{
	struct ring_req *head = c->head;

	if (head) {
		/* a chain drains as one */
		if (q->sqe.s.flags & IOSQE_IO_DRAIN)
			head->sqe.s.flags |= IOSQE_IO_DRAIN;
		c->last->link = q;
		c->last = q;
	}
	if (q->sqe.s.flags & LINKS) {
		if (!head)
			c->head = c->last = q;
		return NULL;
	}
	c->head = NULL;
	return head ? head : q;
}

/* A link timeout belongs to what it follows. Return: 0 or -EINVAL. */
static int link_timeout(struct chain *c, struct ring_req *q)
{
	if (!c->head || c->last->sqe.s.opcode == IORING_OP_LINK_TIMEOUT)
		return -EINVAL;
	c->last->flags |= RING_LINKED_TIME;
	q->timed = c->last;
	return 0;
}

/* a command on its own, that waits for nothing and is carried out at once */
static bool is_single(const struct ring_req *q)
{
	return !q->link && !(q->flags & RING_FAIL) && !q->target.err &&
	       ring_op(q->sqe.s.opcode)->command;
}

/*
 * The entries are the program's again, before the completions of what runs now can be seen. Not one
 * by one: the program looks here for room, on another processor.
 */
static void give_back(struct trap_ring *r)
{
	atomic_store_explicit(&r->sq->head, r->sq_head, memory_order_release);
}

/* r->lock held, and given up meanwhile */
static void run_singles(struct trap_ring *r, struct ring_list *singles)
{
	bool all = r->wait_for >= r->nr_active;

	if (!singles->head)
		return;
	give_back(r);
	pthread_mutex_unlock(&r->lock);
	if (r->wait_for == RING_NOT_HANDED || !ring_work_hand(r->rs, singles, all)) {
		ring_batch_fetch(singles);
		host_plug();
		ring_run(r, singles);
		host_unplug();
	}
	pthread_mutex_lock(&r->lock);
	ring_list_init(singles);
}

/* r->lock held, and given up while the chain is started */
static void queue_chain(struct trap_ring *r, struct ring_req *head, struct ring_list *singles)
{
	struct ring_list ready;

	ring_list_init(&ready);
	if (r->deferred.head || r->drain_left ||
	    (head->sqe.s.flags & IOSQE_IO_DRAIN && r->nr_active)) {
		ring_list_add(&r->deferred, head);
		return;
	}
	if (is_single(head)) {
		start_chain(r, head, singles);
		return;
	}
	run_singles(r, singles); /* in the order of the entries */
	start_chain(r, head, &ready);
	give_back(r);
	pthread_mutex_unlock(&r->lock);
	ring_run(r, &ready);
	pthread_mutex_lock(&r->lock);
}

uint32_t ring_ready(const struct trap_ring *r)
{
	/* in one order with the flag NEED_WAKEUP: see ring_poll.c */
	uint32_t n = atomic_load(&r->sq->tail) - r->sq_head;

	/* more than the ring can hold: the program wrote nonsense, which harms itself */
	return n < r->sq_entries ? n : r->sq_entries;
}

/* the entry's place among the SQEs. Return: false for an index that is none. */
static bool next_sqe(struct trap_ring *r, uint32_t *index)
{
	uint32_t i = r->sq_head++ & (r->sq_entries - 1);

	if (!(r->flags & IORING_SETUP_NO_SQARRAY))
		i = atomic_load_explicit(&r->sq->array[i], memory_order_relaxed);
	*index = i;
	if (i < r->sq_entries)
		return true;
	r->sq->dropped++;
	return false;
}

/* copy one SQE, of both halves if it is a big one. Return: 0 or -EINVAL. */
static int copy_sqe(struct trap_ring *r, struct ring_req *q, uint32_t index, uint32_t *left)
{
	const struct ring_op *op;

	if (r->flags & IORING_SETUP_SQE128) {
		memcpy(&q->sqe, r->sqes + (size_t)index * 2 * RING_SQE, 2 * RING_SQE);
		return 0;
	}
	memcpy(&q->sqe, r->sqes + (size_t)index * RING_SQE, RING_SQE);
	op = ring_op(q->sqe.s.opcode);
	if (!op || !op->big)
		return 0;
	/* the other half is the next entry, and there is one */
	if (*left < 2 || !(r->sq_head & (r->sq_entries - 1)) || index + 1 >= r->sq_entries)
		return -EINVAL;
	memcpy(q->sqe.bytes + RING_SQE, r->sqes + (size_t)(index + 1) * RING_SQE, RING_SQE);
	r->sq_head++;
	--*left;
	return 0;
}

#define AHEAD 8u /* entries */

/*
 * The entries were written on another processor just now, so each costs the time of a way there
 * and back, unless several are asked for at once.
 */
static void prefetch(const struct trap_ring *r, uint32_t pos)
{
	uint32_t size = r->flags & IORING_SETUP_SQE128 ? 2 * RING_SQE : RING_SQE;
	uint32_t i = pos & (r->sq_entries - 1);
	const uint8_t *sqe;

	if (!(r->flags & IORING_SETUP_NO_SQARRAY))
		i = atomic_load_explicit(&r->sq->array[i], memory_order_relaxed);
	sqe = r->sqes + (size_t)(i & (r->sq_entries - 1)) * size;
	__builtin_prefetch(sqe);
	__builtin_prefetch(sqe + size - 1);
}

long ring_submit(struct trap_ring *r, const struct ring_who *who, uint32_t max, uint32_t waits)
{
	struct chain c = { NULL, NULL };
	struct ring_list singles;
	uint32_t n = ring_ready(r), left, taken = 0;
	struct ring_req *q, *head;
	bool full = false;
	uint32_t index;
	int err;

	if (n > max)
		n = max;
	left = n;
	if (who->proc)
		atomic_fetch_add_explicit(&who->proc->refs, n, memory_order_relaxed);
	pthread_mutex_lock(&r->lock);
	r->inline_now = true;
	r->wait_for = waits;
	r->last.valid = false;
	ring_list_init(&singles);
	ring_batch_begin(r->rs, who, n > 1);
	for (uint32_t i = 0; i < AHEAD && i < n; i++)
		prefetch(r, r->sq_head + i);
	while (left) {
		if (left > AHEAD)
			prefetch(r, r->sq_head + AHEAD);
		q = req_get(r);
		full = !q;
		if (full)
			break;
		if (!next_sqe(r, &index)) {
			ring_req_free(q);
			break;
		}
		err = copy_sqe(r, q, index, &left);
		left--;
		q->client.privileged = who->privileged;
		q->proc = who->proc;
		taken++;
		if (!err)
			err = check(q, who);
		if (!err && q->sqe.s.opcode == IORING_OP_LINK_TIMEOUT)
			err = link_timeout(&c, q);
		if (err) {
			mark_failed(q, err);
			if (c.head && !(c.head->flags & RING_FAIL))
				mark_failed(c.head, -ECANCELED);
		}
		bool linked = q->sqe.s.flags & LINKS;

		head = append(&c, q);
		if (head)
			queue_chain(r, head, &singles);
		/* as Linux: an error at the end of the submission, unless all are wanted */
		if (err && !linked && !(r->flags & IORING_SETUP_SUBMIT_ALL))
			break;
	}
	if (c.head)
		queue_chain(r, c.head, &singles);
	run_singles(r, &singles);
	give_back(r);
	pthread_mutex_unlock(&r->lock);
	ring_batch_end();
	pthread_mutex_lock(&r->lock);
	ring_announce(r);
	r->inline_now = false;
	pthread_mutex_unlock(&r->lock);
	if (who->proc && taken < n)
		ring_proc_put(who->proc, n - taken);
	return full && left == n ? -EAGAIN : (long)(n - left);
}
