/* SPDX-License-Identifier: MIT */
/*
 * ring_batch.c - what the commands of one submission give their program, in one system call.
 *
 * process_vm_writev() costs far more for its call than for 4 KiB of data. So while a thread submits
 * several commands, short transfers to the program are copied into the batch's memory, or only
 * noted where the store lets them be (host_client_ops.later), and the ends of their commands are
 * held back until all has been handed over. A command may end on another thread than the one that moved its
 * data; it waits in the batch all the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

#define MEM_SIZE (256u << 10)
#define MAX_XFER (16u << 10) /* longer ones go directly: then the copy is what costs */
#define MAX_SEGS 128u

/**
 * struct ring_batch - a thread's
 * @who:     for whom it submits, NULL: for nobody just now
 * @several: whether it is worth it
 * @alone:   no other thread issues commands
 * @owner:   whose bytes a piece of @remote gets
 * @ended:   requests whose commands are over
 */
struct ring_batch {
	pthread_mutex_t lock; /* @ended, and ring_req.batch of those that are in it */
	const struct ring_who *who;
	bool several, alone;
	char *mem;
	size_t used;
	unsigned int nr;
	struct iovec local[MAX_SEGS], remote[MAX_SEGS];
	struct ring_req *owner[MAX_SEGS];
	struct ring_list ended;
};

static _Thread_local struct ring_batch *current;

struct ring_batch *ring_batch_new(void)
{
	struct ring_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->mem = malloc(MEM_SIZE);
	if (!b->mem) {
		free(b);
		return NULL;
	}
	pthread_mutex_init(&b->lock, NULL);
	ring_list_init(&b->ended);
	return b;
}

void ring_batch_free(struct ring_batch *b)
{
	if (!b)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b->mem);
	free(b);
}

const struct ring_who *ring_batch_who(void)
{
	return current ? current->who : NULL;
}

void ring_batch_begin(struct ring_batch *b, const struct ring_who *who, bool several, bool alone)
{
	b->who = who;
	b->several = several;
	b->alone = alone;
	current = b;
}

/* all of it failed: whose fault was it? */
static void write_each(struct ring_batch *b)
{
	for (unsigned int i = 0; i < b->nr; i++) {
		if (trap_vm_xfer(b->who->tid, true, &b->local[i], 1, &b->remote[i], 1))
			b->owner[i]->flags |= RING_FAULT;
	}
}

static void hand_over(struct ring_batch *b)
{
	if (!b->nr)
		return;
	if (trap_vm_xfer(b->who->tid, true, b->local, b->nr, b->remote, b->nr))
		write_each(b);
	pthread_mutex_lock(&b->lock);
	for (unsigned int i = 0; i < b->nr; i++)
		b->owner[i]->batch = NULL;
	pthread_mutex_unlock(&b->lock);
	b->nr = 0;
	b->used = 0;
}

bool ring_batch_stage(struct ring_req *q, const struct iovec *local, unsigned int nr_local,
		      const struct iovec *remote, unsigned int nr_remote)
{
	struct ring_batch *b = current;
	size_t len = 0, off;
	char *to;

	if (!b->several || nr_remote > MAX_SEGS / 4)
		return false;
	for (unsigned int i = 0; i < nr_local; i++)
		len += local[i].iov_len;
	if (len > MAX_XFER)
		return false;
	if (b->used + len > MEM_SIZE || b->nr + nr_remote > MAX_SEGS)
		hand_over(b);
	to = b->mem + b->used;
	for (unsigned int i = 0; i < nr_local; i++) {
		memcpy(to, local[i].iov_base, local[i].iov_len);
		to += local[i].iov_len;
	}
	off = b->used;
	for (unsigned int i = 0; i < nr_remote; i++) {
		b->local[b->nr] = (struct iovec){ b->mem + off, remote[i].iov_len };
		b->remote[b->nr] = remote[i];
		b->owner[b->nr++] = q;
		off += remote[i].iov_len;
	}
	b->used += len;
	q->batch = b; /* it cannot have ended yet, so nobody else looks */
	return true;
}

bool ring_batch_note(struct ring_req *q, const struct iovec *local, unsigned int nr_local,
		     const struct iovec *remote, unsigned int nr_remote)
{
	struct ring_batch *b = current;
	unsigned int max = nr_local + nr_remote; /* pieces when both lists are cut alike */
	size_t lo = 0, ro = 0;

	if (!b->several || !b->alone || max > MAX_SEGS / 4)
		return false;
	if (b->nr + max > MAX_SEGS)
		hand_over(b);
	while (nr_local && nr_remote) {
		size_t n = local->iov_len - lo;

		if (remote->iov_len - ro < n)
			n = remote->iov_len - ro;
		if (n) {
			b->local[b->nr] = (struct iovec){ (char *)local->iov_base + lo, n };
			b->remote[b->nr] = (struct iovec){ (char *)remote->iov_base + ro, n };
			b->owner[b->nr++] = q;
		}
		lo += n;
		ro += n;
		if (lo == local->iov_len) {
			local++;
			nr_local--;
			lo = 0;
		}
		if (nr_remote && ro == remote->iov_len) {
			remote++;
			nr_remote--;
			ro = 0;
		}
	}
	q->batch = b;
	return true;
}

bool ring_batch_hold(struct ring_req *q, int32_t res)
{
	struct ring_batch *b = q->batch;
	bool held;

	if (!b)
		return false;
	pthread_mutex_lock(&b->lock);
	held = q->batch;
	if (held) {
		q->res = res;
		ring_list_add(&b->ended, q);
	}
	pthread_mutex_unlock(&b->lock);
	return held;
}

void ring_batch_end(void)
{
	struct ring_batch *b = current;
	struct ring_list ended;
	struct ring_req *q;

	do {
		hand_over(b);
		pthread_mutex_lock(&b->lock);
		ended = b->ended;
		if (!ended.head)
			ring_list_init(&ended);
		ring_list_init(&b->ended);
		pthread_mutex_unlock(&b->lock);
		while ((q = ring_list_pop(&ended)))
			ring_end(q, q->res >= 0 && q->flags & RING_FAULT ? -EFAULT : q->res);
		/* what was linked to them has been started by now */
	} while (b->nr || b->ended.head);
	current = NULL;
	b->who = NULL;
}
