/* SPDX-License-Identifier: MIT */
/*
 * call.c - ioctls on simulated nodes, from notification to reply.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

#include "internal.h"
#include "ring.h"

#define BLOCK_IOC 0x12 /* _IOC_TYPE of linux/fs.h's BLK... */
#define TICK_NS 200000000 /* how soon a killed caller's command is given up */

#define call_of(ptr, member)                                                                      \
	((struct trap_call *)((char *)(ptr)-offsetof(struct trap_call, member)))

static int client_xfer(struct host_client *cl, bool to_client, const struct iovec *local,
		       unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	struct trap_call *c = call_of(cl, client);

	/* a command that waited may outlive its caller, whose thread id is another's by now */
	if (atomic_load_explicit(&c->t->running, memory_order_relaxed) != c &&
	    !trap_valid(c->t, c->id))
		return -EFAULT;
	return trap_vm_xfer(c->tid, to_client, local, nr_local, remote, nr_remote);
}

static const struct host_client_ops client_ops = { .xfer = client_xfer };

static struct trap_call *call_get(struct trap *t)
{
	struct trap_call *c;

	pthread_mutex_lock(&t->lock);
	c = t->free;
	if (c)
		t->free = c->next;
	pthread_mutex_unlock(&t->lock);
	if (!c)
		c = malloc(sizeof(*c)); /* more at once than ever before */
	if (!c)
		return NULL;
	memset(&c->call, 0, sizeof(c->call));
	c->t = t;
	c->cancelled = false;
	c->prev = NULL;
	pthread_mutex_lock(&t->lock);
	c->next = t->flying;
	if (c->next)
		c->next->prev = c;
	t->flying = c;
	t->nr_flying++;
	pthread_mutex_unlock(&t->lock);
	return c;
}

/* Return: whether the supervisor waited for this one only */
static bool call_put(struct trap_call *c)
{
	struct trap *t = c->t;
	bool last;

	pthread_mutex_lock(&t->lock);
	if (c->prev)
		c->prev->next = c->next;
	else
		t->flying = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->next = t->free;
	t->free = c;
	last = --t->nr_flying == 0 && !t->nr_rings && t->closing;
	pthread_mutex_unlock(&t->lock);
	return last;
}

static void call_done(struct host_call *call, long ret)
{
	struct trap_call *c = call_of(call, call);
	struct trap *t = c->t;

	/* to a killed caller this goes nowhere; if the device is taken away it is the answer */
	trap_send(t, c->id, ret);
	if (call_put(c))
		trap_destroy(t);
}

void trap_tick(struct trap *t, bool on)
{
	struct itimerspec its = { 0 };

	if (on == atomic_load_explicit(&t->ticking, memory_order_relaxed) ||
	    on == atomic_exchange(&t->ticking, on))
		return;
	if (on)
		its.it_value.tv_nsec = its.it_interval.tv_nsec = TICK_NS;
	timerfd_settime(t->tick.fd, 0, &its, NULL);
}

void trap_calls_check(struct trap *t, bool all)
{
	struct trap_call *c;

	do {
		pthread_mutex_lock(&t->lock);
		for (c = t->flying; c; c = c->next) {
			if (!c->cancelled && (all || !trap_valid(t, c->id)))
				break;
		}
		if (c)
			c->cancelled = true;
		pthread_mutex_unlock(&t->lock);
		if (c)
			host_cancel(&c->call); /* call_done() follows, now or later */
	} while (c);
	if (!all) {
		bool waits = trap_rings_check(t);

		trap_tick(t, t->nr_flying || waits);
	}
}

long trap_ioctl(struct trap_req *rq)
{
	struct trap *t = rq->t;
	struct trap_seen s;
	struct trap_call *c;

	if (!trap_file_find(t, rq->tid, (int)rq->arg[0], &s))
		return TRAP_CONTINUE;
	if (s.file->mode == TRAP_PATH)
		return -EBADF;
	if (!s.file->node)
		return -ENODEV;
	if (s.file->block && _IOC_TYPE(rq->arg[1]) == BLOCK_IOC)
		return trap_block_ioctl(rq, &s.file->node->n->ref);
	c = call_get(t);
	if (!c)
		return -ENOMEM;
	c->id = rq->id;
	c->tid = rq->tid;
	c->call.done = call_done;
	c->call.client = &c->client;
	c->client = (struct host_client){
		.ops = &client_ops,
		.privileged = s.privileged,
		.writable = s.file->mode == TRAP_WRONLY || s.file->mode == TRAP_RDWR,
	};
	atomic_store_explicit(&t->running, c, memory_order_relaxed);
	host_ioctl(s.file->node->n->ref, (unsigned int)rq->arg[1], rq->arg[2], &c->call);
	atomic_store_explicit(&t->running, NULL, memory_order_relaxed);
	if (t->nr_flying)
		trap_tick(t, true);
	return TRAP_SENT;
}

long trap_setuid(struct trap_req *rq)
{
	struct trap *t = rq->t;

	pthread_mutex_lock(&t->files_lock);
	for (unsigned int i = 0; i < TRAP_NR_SEEN; i++) {
		if (t->seen[i].tid == rq->tid)
			t->seen[i] = (struct trap_seen){ 0 };
	}
	pthread_mutex_unlock(&t->files_lock);
	trap_rings_forget(t, rq->tid);
	return TRAP_CONTINUE;
}
