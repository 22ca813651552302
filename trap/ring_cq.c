/* SPDX-License-Identifier: MIT */
/*
 * ring_cq.c - completions: entries written into the program's ring, those that find no room, and
 * who is told. All under the ring's lock.
 *
 * Nothing is ever lost (IORING_FEAT_NODROP): a request whose entry finds no room stays a request
 * until the program has made room and entered, so the overflow needs no memory of its own.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring.h"

void ring_set_flag(struct trap_ring *r, uint32_t flag, bool on)
{
	uint32_t flags = on ? r->sq_flags | flag : r->sq_flags & ~flag;

	if (flags == r->sq_flags)
		return;
	r->sq_flags = flags;
	atomic_store(&r->sq->flags, flags);
}

static struct io_uring_cqe *entry(struct trap_ring *r, uint32_t pos)
{
	uint32_t size = r->flags & IORING_SETUP_CQE32 ? 2 * RING_CQE : RING_CQE;

	return (struct io_uring_cqe *)(r->cq->cqes + (size_t)size * (pos & (r->cq_entries - 1)));
}

/* The program's head is looked at only when it matters. One that makes no sense is a ring without
 * room. */
static bool room(struct trap_ring *r, uint32_t need)
{
	uint32_t used = r->cq_tail - r->cq_head;

	if (used <= r->cq_entries && r->cq_entries - used >= need)
		return true;
	r->cq_head = atomic_load_explicit(&r->cq->head, memory_order_acquire);
	used = r->cq_tail - r->cq_head;
	return used <= r->cq_entries && r->cq_entries - used >= need;
}

/* @result: of an entry with big_cqe, or NULL. Return: whether there was room */
static bool write_entry(struct trap_ring *r, const struct io_uring_cqe *what,
			const uint64_t *result)
{
	bool mixed = r->flags & IORING_SETUP_CQE_MIXED;
	bool big = result && !(r->flags & IORING_SETUP_CQE32);
	uint32_t pos = r->cq_tail & (r->cq_entries - 1), need = 1;
	struct io_uring_cqe *e;

	if (big && mixed) {
		need = 2;
		if (pos == r->cq_entries - 1)
			need++; /* an entry does not go around the end */
	}
	if (!room(r, need))
		return false;
	e = entry(r, r->cq_tail);
	if (need == 3) {
		*e = (struct io_uring_cqe){ .flags = IORING_CQE_F_SKIP };
		r->cq_tail++;
		need--;
		e = entry(r, r->cq_tail);
	}
	e->user_data = what->user_data;
	e->res = what->res;
	e->flags = what->flags | (need == 2 ? IORING_CQE_F_32 : 0);
	if (need == 2 || r->flags & IORING_SETUP_CQE32) {
		e->big_cqe[0] = result ? *result : 0;
		e->big_cqe[1] = 0;
	}
	r->cq_tail += need;
	return true;
}

/* A program that polls reads the tail all the time, so that each store to it is a way to another
 * processor: one for all that ended together. */
void ring_publish(struct trap_ring *r)
{
	if (r->cq_shown == r->cq_tail)
		return;
	r->cq_shown = r->cq_tail;
	atomic_store_explicit(&r->cq->tail, r->cq_tail, memory_order_release);
}

static bool write_req(const struct ring_req *q)
{
	struct io_uring_cqe e = { .user_data = q->sqe.s.user_data,
				  .res = q->res,
				  .flags = q->cqe_flags };

	return write_entry(q->ring, &e, q->has_big ? &q->big : NULL);
}

static bool write_tag(struct trap_ring *r, const struct ring_rsrc *n)
{
	struct io_uring_cqe e = { .user_data = n->tag };

	return write_entry(r, &e, NULL);
}

bool ring_post(struct ring_req *q)
{
	struct trap_ring *r = q->ring;

	if (r->closing)
		return true;
	r->ev_due = true;
	if (q->sqe.s.opcode != IORING_OP_TIMEOUT)
		r->nr_posted++;
	if (!ring_overflown(r) && write_req(q))
		return true;
	ring_list_add(&r->overflow, q);
	ring_set_flag(r, IORING_SQ_CQ_OVERFLOW, true);
	return false;
}

bool ring_post_more(struct ring_req *q, int32_t res)
{
	struct trap_ring *r = q->ring;
	bool posted;

	if (r->closing || ring_overflown(r))
		return false;
	q->res = res;
	q->cqe_flags = IORING_CQE_F_MORE;
	posted = write_req(q);
	q->cqe_flags = 0;
	r->ev_due |= posted;
	return posted;
}

/* The memory of a resource is where its completion waits, as that of a request is. */
bool ring_post_tag(struct trap_ring *r, struct ring_rsrc *n)
{
	if (r->closing || !n->tag)
		return true;
	r->ev_due = true;
	r->nr_posted++;
	if (!ring_overflown(r) && write_tag(r, n))
		return true;
	n->next = NULL;
	*r->tags_tail = n;
	r->tags_tail = &n->next;
	ring_set_flag(r, IORING_SQ_CQ_OVERFLOW, true);
	return false;
}

void ring_flush(struct trap_ring *r)
{
	struct ring_rsrc *n;
	struct ring_req *q;

	while ((q = r->overflow.head) && write_req(q)) {
		ring_list_pop(&r->overflow);
		ring_req_free(q);
	}
	/* they end behind the requests that used them */
	while (!r->overflow.head && (n = r->tags) && write_tag(r, n)) {
		r->tags = n->next;
		if (!r->tags)
			r->tags_tail = &r->tags;
		free(n);
	}
	if (!ring_overflown(r))
		ring_set_flag(r, IORING_SQ_CQ_OVERFLOW, false);
	ring_publish(r);
}

void ring_announce(struct trap_ring *r)
{
	uint64_t one = 1;

	ring_publish(r);
	if (r->ev_due && r->evfd >= 0 && !(r->ev_async && r->inline_now) &&
	    !(atomic_load_explicit(&r->cq->flags, memory_order_relaxed) &
	      IORING_CQ_EVENTFD_DISABLED)) {
		/* EAGAIN: its counter is full, so whoever waits is awake */
		if (write(r->evfd, &one, sizeof(one)) < 0)
			r->ev_due = false;
	}
	r->ev_due = false;
	if (r->waits)
		ring_wake(r);
}
