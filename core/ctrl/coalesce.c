/* SPDX-License-Identifier: MIT */
/*
 * coalesce.c - interrupt coalescing: features 08h and 09h (NVMe Base 2.1, 5.1.25.2.2, 5.1.25.2.3).
 *
 * A vector's message waits until Aggregation Threshold entries were posted for it, or Aggregation
 * Time has passed since the first of them. Either field 0 means no coalescing. It is for I/O
 * Completion Queues whose vector has no Coalescing Disable; vector 0 is the Admin Completion
 * Queue's and always has it. The pin is vector 0, whatever the queues were created with, so
 * nothing waits while MSI-X is off.
 */
#include <stdlib.h>

#include "../pci/pci.h"
#include "queue.h"

#define TIME_UNIT_NS 100000ull

/** struct sim_coalesced - a vector: entries posted since its last message, and when that is due */
struct sim_coalesced {
	uint32_t count;
	uint64_t deadline;
};

int sim_coalesce_init(struct sim_ctrl *c)
{
	struct sim_coalesce *co = &c->coalesce;

	co->vec = calloc(c->p.msix_qsize, sizeof(*co->vec));
	if (!co->vec)
		return SIM_ENOMEM;
	if (mtx_init(&co->lock, mtx_plain) != thrd_success) {
		free(co->vec);
		co->vec = NULL;
		return SIM_ENOMEM;
	}
	atomic_init(&co->next, UINT64_MAX);
	return 0;
}

void sim_coalesce_free(struct sim_ctrl *c)
{
	if (c->coalesce.vec)
		mtx_destroy(&c->coalesce.lock);
	free(c->coalesce.vec);
}

static void forget(struct sim_coalesced *v)
{
	*v = (struct sim_coalesced){ 0 };
}

void sim_coalesce_reset(struct sim_ctrl *c)
{
	struct sim_coalesce *co = &c->coalesce;

	mtx_lock(&co->lock);
	for (unsigned int i = 0; i < c->p.msix_qsize; i++)
		forget(&co->vec[i]);
	atomic_store(&co->on, false);
	atomic_store(&co->next, UINT64_MAX);
	mtx_unlock(&co->lock);
}

static void release(struct sim_ctrl *c, uint16_t vector)
{
	struct sim_coalesced *v = &c->coalesce.vec[vector];

	if (v->count)
		sim_irq_raise(c, vector);
	forget(v);
}

void sim_coalesce_release(struct sim_ctrl *c, uint16_t vector)
{
	mtx_lock(&c->coalesce.lock);
	release(c, vector);
	mtx_unlock(&c->coalesce.lock);
}

void sim_coalesce_set(struct sim_ctrl *c)
{
	struct sim_coalesce *co = &c->coalesce;
	const uint32_t thr = c->feat.irq_coalesce & 0xff, time = c->feat.irq_coalesce >> 8 & 0xff;

	mtx_lock(&co->lock);
	for (unsigned int i = 0; i < c->p.msix_qsize; i++)
		release(c, (uint16_t)i);
	atomic_store(&co->next, UINT64_MAX);
	atomic_store(&co->on, thr && time);
	mtx_unlock(&co->lock);
}

bool sim_coalesce_hold(struct sim_ctrl *c, const struct sim_cq *cq)
{
	struct sim_coalesce *co = &c->coalesce;
	const uint32_t threshold = (c->feat.irq_coalesce & 0xff) + 1; /* 0's based */
	const uint64_t time = (c->feat.irq_coalesce >> 8 & 0xff) * TIME_UNIT_NS;
	struct sim_coalesced *v = &co->vec[cq->vector];
	uint64_t deadline = UINT64_MAX;
	bool hold;

	if (!cq->qid || c->feat.iv_cd[cq->vector] || !atomic_load(&c->fn->msix_on))
		return false;
	mtx_lock(&co->lock);
	hold = ++v->count < threshold;
	if (!hold)
		forget(v);
	else if (v->count == 1)
		deadline = v->deadline = sim_now(c) + time;
	if (deadline < atomic_load(&co->next))
		atomic_store(&co->next, deadline);
	mtx_unlock(&co->lock);
	if (deadline != UINT64_MAX)
		sim_arm(c->subsys, deadline);
	return hold;
}

/* whether the host has not seen (by its doorbell) all that was posted for @vector */
static bool unacknowledged(const struct sim_ctrl *c, uint16_t vector)
{
	for (uint32_t i = 1; i <= c->p.max_ioqpairs; i++) {
		const struct sim_cq *cq = c->cq[i];

		if (cq && cq->irq_enabled && cq->vector == vector &&
		    atomic_load(&cq->head) != atomic_load(&cq->tail))
			return true;
	}
	return false;
}

uint64_t sim_coalesce_run(struct sim_ctrl *c, uint64_t now)
{
	struct sim_coalesce *co = &c->coalesce;
	uint64_t next = atomic_load(&co->next);

	if (now < next)
		return next;
	next = UINT64_MAX;
	sim_read_lock(&c->subsys->lock);
	mtx_lock(&co->lock);
	for (unsigned int i = 0; i < c->p.msix_qsize; i++) {
		struct sim_coalesced *v = &co->vec[i];

		if (!v->count)
			continue;
		if (now < v->deadline) {
			next = v->deadline < next ? v->deadline : next;
		} else {
			/* a host that polled has them already: no message (PCIe transport 1.1, 3.5)
			 */
			if (unacknowledged(c, (uint16_t)i))
				sim_irq_raise(c, (uint16_t)i);
			forget(v);
		}
	}
	atomic_store(&co->next, next);
	mtx_unlock(&co->lock);
	sim_read_unlock(&c->subsys->lock);
	return next;
}
