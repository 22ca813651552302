/* SPDX-License-Identifier: MIT */
/*
 * call.c - how a call ends: given up by its client, or told to the door.
 */
#include "internal.h"

void host_cancel(struct host_call *call)
{
	struct host_queue *q = call->q;
	struct host_slot *s = NULL;
	struct host_call **p;
	bool abort;

	if (!q)
		return; /* not a command: it ends by itself */
	pthread_mutex_lock(&q->lock);
	if (call->state == HOST_CALL_WAITING) {
		for (p = &q->wait_head; *p && *p != call; p = &(*p)->next)
			;
		if (*p) {
			*p = call->next;
			if (!*p)
				q->wait_tail = p;
			pthread_mutex_unlock(&q->lock);
			host_call_done(call, -EINTR);
			return;
		}
	} else if (call->state == HOST_CALL_SLOT && q->slots[call->slot].call == call) {
		s = &q->slots[call->slot];
	}
	if (s && s->state == HOST_SLOT_TAKEN) {
		s->cancel = true; /* whoever reads its iovecs just now ends it */
		s = NULL;
	}
	if (!s) {
		pthread_mutex_unlock(&q->lock);
		return;
	}
	/* The slot stays until the controller is done with it, but its window closes now. */
	s->call = NULL;
	s->state = HOST_SLOT_LOST;
	abort = !s->held; /* else one is under way, as it has timed out */
	s->aborting = s->held = true;
	host_window_close(&s->win);
	pthread_mutex_unlock(&q->lock);
	host_window_settle(&s->win);
	if (abort)
		host_slot_abort(q, call->slot);
	host_call_done(call, -EINTR);
}

/** struct drain - calls that end while a call's done() runs on this thread */
struct drain {
	struct host_call *head, **tail;
};
static _Thread_local struct drain *draining;

void host_call_done(struct host_call *call, long ret)
{
	struct drain d = { .tail = &d.head };

	if (draining) {
		call->ret = ret;
		call->next = NULL;
		*draining->tail = call;
		draining->tail = &call->next;
		return;
	}
	draining = &d;
	call->done(call, ret);
	while ((call = d.head)) {
		d.head = call->next;
		if (!d.head)
			d.tail = &d.head;
		call->done(call, call->ret);
	}
	draining = NULL;
}

struct drain *host_drain_suspend(void)
{
	struct drain *d = draining;

	draining = NULL;
	return d;
}

void host_drain_resume(struct drain *d)
{
	draining = d;
}
