/* SPDX-License-Identifier: MIT */
/*
 * plug.c - one doorbell for many commands: while a thread is plugged, what it submits stays in the
 * queue, not rung for. The name is the block layer's.
 */
#include "internal.h"

/** struct plug - a thread's
 * @q: has entries that are not rung for */
static _Thread_local struct plug {
	bool on;
	struct host_queue *q;
} plug;

void host_plug(void)
{
	plug.on = true;
}

static void ring(struct host_queue *q)
{
	if (!q)
		return;
	host_queue_reap(q);
	if (atomic_load_explicit(&q->dev->irq, memory_order_relaxed))
		host_reap_announced(q->dev);
}

void host_unplug(void)
{
	struct host_queue *q = plug.q;

	plug = (struct plug){ .on = false };
	ring(q);
}

bool host_plugged(struct host_queue *q)
{
	/* an admin command may be one that others wait for */
	return plug.on && q->qid;
}

void host_plug_queue(struct host_queue *q)
{
	struct host_queue *other = plug.q;

	if (other == q)
		return;
	plug.q = q;
	ring(other);
}
