/* SPDX-License-Identifier: MIT */
/*
 * busy.c - Controller Busy Time (NVMe Base 2.1, figure 206): while any I/O queue is being run.
 *
 * Queues run on several threads, and their commands take less time than a cache line takes from one
 * processor to another. So each queue adds up what it is busy within a slot of about a millisecond,
 * and only then the queues are put together: of a slot counts the busiest of them, of what takes
 * longer than a slot what no other has counted.
 */
#include "../media/spin.h"
#include "ctrl.h"

#define SLOT_SHIFT 20 /* log2 ns */

/* what a queue was busy for in a slot that is over; the lock is held */
static void put_slot(struct sim_busy *b, _Atomic uint64_t *total, uint64_t slot, uint64_t ns)
{
	if (slot != b->slot) {
		atomic_fetch_add_explicit(total, b->most, memory_order_relaxed);
		b->slot = slot;
		b->most = 0;
	}
	if (b->most < ns)
		b->most = ns;
}

/* from one slot into another; the lock is held */
static void put_long(struct sim_busy *b, _Atomic uint64_t *total, uint64_t since, uint64_t now)
{
	if (since < b->until)
		since = b->until;
	if (now <= since)
		return;
	atomic_fetch_add_explicit(total, now - since, memory_order_relaxed);
	b->until = now;
}

void sim_busy_add(struct sim_ctrl *c, uint16_t qid, uint64_t since, uint64_t now)
{
	struct sim_busy *b = &c->busy;
	struct sim_busy_stripe *mine = &b->stripe[qid % SIM_IO_STRIPES];
	const uint64_t slot = now >> SLOT_SHIFT;
	const bool whole = since >> SLOT_SHIFT == slot;
	uint64_t before, ns;

	if (whole && atomic_load_explicit(&mine->slot, memory_order_relaxed) == slot) {
		atomic_fetch_add_explicit(&mine->ns, now - since, memory_order_relaxed);
		return;
	}
	sim_spin_lock(&b->lock);
	before = atomic_exchange(&mine->slot, slot);
	ns = atomic_exchange(&mine->ns, whole ? now - since : 0);
	put_slot(b, &c->cnt->busy_ns, before, ns);
	if (!whole)
		put_long(b, &c->cnt->busy_ns, since, now);
	sim_spin_unlock(&b->lock);
}
