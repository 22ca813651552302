/* SPDX-License-Identifier: MIT */
/*
 * ring_batch.c - what the commands of one submission give their program, in one system call; and
 * what they take from it, in another.
 *
 * process_vm_writev() costs far more for its call than for 4 KiB of data. So while a thread submits
 * several commands, short transfers to the program are copied into the batch's memory, and the ends of
 * their commands are held back until all has been handed over. A command may end on another thread than
 * the one that moved its data; it waits in the batch all the same.
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
 * @local, @remote: pieces, of the same length each; @owner: whose bytes they are
 * @ahead:   what was read of the program's memory before the commands that want it began
 * @seq:     of the batch, which nobody else ever has
 * @mine:    requests whose commands are over, on the thread itself; @ended: on another one
 */
struct ring_batch {
	pthread_mutex_t lock; /* @ended, and ring_req.batch of those that are in it */
	const struct ring_who *who;
	bool several;
	char *mem, *ahead;
	size_t used;
	uint64_t seq;
	unsigned int nr;
	struct iovec local[MAX_SEGS], remote[MAX_SEGS];
	struct ring_req *owner[MAX_SEGS];
	struct ring_list mine, ended;
};

static _Thread_local struct ring_batch *current;
static _Thread_local enum ring_thread thread = RING_TURN;

void ring_thread_is(enum ring_thread which)
{
	thread = which;
}

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
	ring_mutex_init(&b->lock);
	ring_list_init(&b->mine);
	ring_list_init(&b->ended);
	return b;
}

void ring_batch_free(struct ring_batch *b)
{
	if (!b)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b->mem);
	free(b->ahead);
	free(b);
}

const struct ring_who *ring_batch_who(void)
{
	return current ? current->who : NULL;
}

/*
 * The order of the program's addresses: buffers of commands that are submitted together mostly lie
 * together, in whatever order. The kernel pins the pages of a piece at a time, so that fewer pieces
 * cost less. @order: places in @v. Those of the same 128 bytes are in any order among themselves: a
 * place takes the bits that tell them apart, so that what is sorted is a number each.
 */
static void by_address(const struct iovec *v, unsigned int nr, uint8_t *order)
{
	static const uint8_t gaps[] = { 57, 23, 10, 4, 1 };
	uint64_t key[MAX_SEGS];
	unsigned int i, j;

	for (i = 0; i < nr; i++)
		key[i] = ((uintptr_t)v[i].iov_base & ~(uint64_t)(MAX_SEGS - 1)) | i;
	for (unsigned int g = 0; g < sizeof(gaps); g++) {
		for (i = gaps[g]; i < nr; i++) {
			uint64_t k = key[i];

			for (j = i; j >= gaps[g] && key[j - gaps[g]] > k; j -= gaps[g])
				key[j] = key[j - gaps[g]];
			key[j] = k;
		}
	}
	for (i = 0; i < nr; i++)
		order[i] = key[i] & (MAX_SEGS - 1);
}
_Static_assert(MAX_SEGS == 128, "a place takes seven bits");

/* pieces that continue each other, as one; the kernel's cost is by piece and by page.
 * Return: how many are left. */
static unsigned int join(const struct iovec *v, unsigned int nr, struct iovec *out)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < nr; i++) {
		if (n && (uintptr_t)out[n - 1].iov_base + out[n - 1].iov_len ==
				 (uintptr_t)v[i].iov_base)
			out[n - 1].iov_len += v[i].iov_len;
		else
			out[n++] = v[i];
	}
	return n;
}

void ring_batch_begin(struct trap_rings *rs, const struct ring_who *who, bool several)
{
	struct ring_batch *b = rs->batch[thread];

	b->who = who;
	b->several = several;
	b->seq++;
	current = b;
}

/* the data of short commands, as far as there is room. Return: how many. */
static unsigned int plan(struct ring_batch *b, const struct ring_list *list, struct ring_req **of)
{
	unsigned int n = 0;
	size_t used = 0;

	for (struct ring_req *q = list->head; q && n < MAX_SEGS; q = q->next) {
		if (q->proc != b->who->proc ||
		    !host_uring_gives(q->sqe.s.cmd_op, ring_command(q), &q->ahead) ||
		    q->ahead.iov_len > MAX_XFER || q->ahead.iov_len > MEM_SIZE - used)
			continue;
		used += q->ahead.iov_len;
		of[n++] = q;
	}
	return n;
}

void ring_batch_fetch(const struct ring_list *list)
{
	struct iovec all, remote[MAX_SEGS];
	struct ring_req *of[MAX_SEGS];
	struct ring_batch *b = current;
	uint8_t order[MAX_SEGS];
	unsigned int n;

	if (!b->several || !list->head->next)
		return;
	if (!b->ahead)
		b->ahead = malloc(MEM_SIZE);
	if (!b->ahead)
		return;
	b->seq++; /* what was there is over */
	n = plan(b, list, of);
	if (n < 2)
		return;
	for (unsigned int i = 0; i < n; i++)
		remote[i] = of[i]->ahead;
	by_address(remote, n, order);
	all = (struct iovec){ b->ahead, 0 };
	for (unsigned int i = 0; i < n; i++) {
		struct ring_req *q = of[order[i]];

		remote[i] = q->ahead;
		q->ahead_data = b->ahead + all.iov_len;
		all.iov_len += q->ahead.iov_len;
	}
	/* whose memory is not there finds out by himself */
	if (ring_client_move(b->who, false, &all, 1, remote, join(remote, n, remote)))
		return;
	for (unsigned int i = 0; i < n; i++) {
		of[i]->ahead_in = b;
		of[i]->ahead_of = b->seq;
	}
}

/* its place in what was read, or NULL */
static const char *ahead_at(const struct ring_req *q, const struct iovec *remote)
{
	size_t off = (uintptr_t)remote->iov_base - (uintptr_t)q->ahead.iov_base;

	if (off > q->ahead.iov_len || remote->iov_len > q->ahead.iov_len - off)
		return NULL;
	return q->ahead_data + off;
}

/* were @q's data read for the batch that this thread has now? */
static bool is_ahead(const struct ring_req *q, const struct ring_batch *b)
{
	return b && b->who && q->proc == b->who->proc && q->ahead_in == b &&
	       q->ahead_of == b->seq;
}

/* has the batch that this thread has now, or had it, data of @q's? */
static bool is_given(const struct ring_req *q, const struct ring_batch *b)
{
	return q->given_in == b && q->given_of == b->seq;
}

bool ring_batch_fetched(const struct ring_req *q, const struct iovec *local, unsigned int nr_local,
			const struct iovec *remote, unsigned int nr_remote)
{
	const struct ring_batch *b = current;
	size_t lo = 0;

	/* a command that waited may be carried out in another batch, or none, or by another thread */
	if (!is_ahead(q, b))
		return false;
	for (unsigned int i = 0; i < nr_remote; i++) {
		if (!ahead_at(q, &remote[i]))
			return false;
	}
	for (unsigned int i = 0; i < nr_remote; i++) {
		const char *from = ahead_at(q, &remote[i]);
		size_t left = remote[i].iov_len;

		while (left && nr_local) {
			size_t n = local->iov_len - lo < left ? local->iov_len - lo : left;

			memcpy((char *)local->iov_base + lo, from, n);
			from += n;
			left -= n;
			lo += n;
			if (lo == local->iov_len) {
				local++;
				nr_local--;
				lo = 0;
			}
		}
	}
	return true;
}

/* all of it failed: whose fault was it? */
static void write_each(struct ring_batch *b)
{
	for (unsigned int i = 0; i < b->nr; i++) {
		if (ring_client_move(b->who, true, &b->local[i], 1, &b->remote[i], 1))
			b->owner[i]->flags |= RING_FAULT;
	}
}

static void hand_over(struct ring_batch *b)
{
	struct iovec local[MAX_SEGS], remote[MAX_SEGS];
	unsigned int nr_local, nr_remote;
	uint8_t order[MAX_SEGS];

	if (!b->nr)
		return;
	by_address(b->remote, b->nr, order);
	for (unsigned int i = 0; i < b->nr; i++) {
		local[i] = b->local[order[i]];
		remote[i] = b->remote[order[i]];
	}
	nr_local = join(local, b->nr, local);
	nr_remote = join(remote, b->nr, remote);
	if (ring_client_move(b->who, true, local, nr_local, remote, nr_remote))
		write_each(b);
	pthread_mutex_lock(&b->lock);
	for (unsigned int i = 0; i < b->nr; i++)
		atomic_store_explicit(&b->owner[i]->batch, NULL, memory_order_release);
	pthread_mutex_unlock(&b->lock);
	b->nr = 0;
	b->used = 0;
}

/* what is at @local is @q's, and for @remote; there is room */
static void take(struct ring_batch *b, struct ring_req *q, char *local, const struct iovec *remote,
		 unsigned int nr_remote)
{
	for (unsigned int i = 0; i < nr_remote; i++) {
		b->local[b->nr] = (struct iovec){ local, remote[i].iov_len };
		b->remote[b->nr] = remote[i];
		b->owner[b->nr++] = q;
		local += remote[i].iov_len;
	}
	/* it cannot have ended yet, so nobody else looks */
	atomic_store_explicit(&q->batch, b, memory_order_relaxed);
	q->given_in = b;
	q->given_of = b->seq;
}

bool ring_batch_lend(struct ring_req *q, const struct iovec *local, const struct iovec *remote,
		     unsigned int nr_remote)
{
	struct ring_batch *b = current;

	if (!b->several || nr_remote > MAX_SEGS / 4 || local->iov_len > MAX_XFER)
		return false;
	if (b->nr + nr_remote > MAX_SEGS)
		hand_over(b);
	take(b, q, local->iov_base, remote, nr_remote);
	return true;
}

void ring_batch_settle(void)
{
	if (current)
		hand_over(current);
}

bool ring_batch_stage(struct ring_req *q, const struct iovec *local, unsigned int nr_local,
		      const struct iovec *remote, unsigned int nr_remote)
{
	struct ring_batch *b = current;
	size_t len = 0;
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
	take(b, q, b->mem + b->used, remote, nr_remote);
	b->used += len;
	return true;
}

bool ring_batch_hold(struct ring_req *q, int32_t res)
{
	struct ring_batch *b = q->batch;
	bool held;

	if (current && (b == current || is_given(q, current) || is_ahead(q, current))) {
		q->res = res;
		ring_list_add(&current->mine, q);
		return true;
	}
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

static void end_list(struct ring_list *list)
{
	struct ring_list ended = *list;

	if (!ended.head)
		return;
	ring_list_init(list);
	for (struct ring_req *q = ended.head; q; q = q->next) {
		if (q->res >= 0 && q->flags & RING_FAULT)
			q->res = -EFAULT;
	}
	ring_end_all(&ended);
}

void ring_batch_end(void)
{
	struct ring_batch *b = current;
	struct ring_list others;

	do {
		hand_over(b);
		pthread_mutex_lock(&b->lock);
		others = b->ended;
		ring_list_init(&b->ended);
		pthread_mutex_unlock(&b->lock);
		end_list(&b->mine);
		end_list(&others);
		/* what was linked to them has been started by now */
	} while (b->nr || b->mine.head || b->ended.head);
	current = NULL;
	b->who = NULL;
}
