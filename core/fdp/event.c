/* SPDX-License-Identifier: MIT */
/*
 * event.c - FDP events: NVMe Base 2.1, section 5.1.12.1.31. Those of hosts and those of the
 * controller are two rings in the group's area, the oldest overwritten first.
 */
#include <string.h>

#include "priv.h"

const uint8_t sim_fdp_event_types[FDP_EVENTS] = {
	[FDP_EV_NOT_FULL] = NVME_FDP_EVENT_RUNFW, [FDP_EV_TIME] = NVME_FDP_EVENT_RUTLE,
	[FDP_EV_RESET] = NVME_FDP_EVENT_RESET,	  [FDP_EV_PID] = NVME_FDP_EVENT_PID,
	[FDP_EV_MOVED] = NVME_FDP_EVENT_REALLOC,  [FDP_EV_IMPLICIT] = NVME_FDP_EVENT_MODIFY,
};

static bool is_enabled(const struct sim_fdp *g, enum fdp_event_row row, uint16_t ruhid,
		       const struct sim_fdp_ns *f)
{
	bool on = false;

	if (ruhid != FDP_MIXED)
		return atomic_load_explicit(&g->head->events[ruhid], memory_order_relaxed) >> row &
		       1;
	for (uint16_t i = 0; f && i < f->nph; i++)
		on |= atomic_load_explicit(&g->head->events[f->ruhid[i]], memory_order_relaxed) >>
			      row &
		      1;
	return on;
}

static struct sim_ctrl *some_ctrl(const struct sim_fdp *g)
{
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (g->s->ctrl[i])
			return g->s->ctrl[i];
	return NULL;
}

void sim_fdp_event(struct sim_fdp *g, struct sim_ctrl *c, enum fdp_event_row row, uint16_t ruhid,
		   const struct sim_fdp_ns *f, struct nvme_fdp_event *ev)
{
	struct fdp_ring *ring;
	uint64_t ts, next;

	if (!is_enabled(g, row, ruhid, f))
		return;
	ring = &g->head->ring[ev->type & 0x80 ? FDP_RING_CTRL : FDP_RING_HOST];
	c = c ? c : some_ctrl(g);
	ts = c ? sim_le64(sim_timestamp(c)) : 0;
	memcpy(&ev->ts, &ts, sizeof(ts));
	sim_spin_lock(&g->event_lock);
	next = atomic_load(&ring->next);
	ring->ev[next % FDP_RING] = *ev;
	atomic_store(&ring->next, next + 1);
	sim_spin_unlock(&g->event_lock);
}
