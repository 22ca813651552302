/* SPDX-License-Identifier: MIT */
/*
 * history.c - write amplification over time: samples of what hosts and the device have written.
 *
 * Time is what is written: a sample is taken when units are closed, so that a quiet device costs
 * nothing, and a long life is told as well as a short one in the same memory.
 */
#include "priv.h"

static struct sim_fdp_sample now(const struct sim_fdp *g)
{
	const uint64_t hbmw = sim_fdp_hbmw(g);

	return (struct sim_fdp_sample){ hbmw, hbmw + atomic_load(&g->head->moved) };
}

static void thin_out(struct fdp_history *h)
{
	for (uint32_t i = 0; i < FDP_SAMPLES / 2; i++)
		h->sample[i] = h->sample[2 * i];
	h->nr = FDP_SAMPLES / 2;
	h->every *= 2;
}

void sim_fdp_history_start(struct sim_fdp *g)
{
	struct fdp_history *h = &g->history;

	sim_spin_lock(&h->lock);
	h->sample[0] = now(g);
	h->nr = 1;
	h->every = 1;
	h->closed = 0;
	sim_spin_unlock(&h->lock);
}

void sim_fdp_history_closed(struct sim_fdp *g)
{
	struct fdp_history *h = &g->history;

	sim_spin_lock(&h->lock);
	if (++h->closed >= h->every) {
		h->closed = 0;
		if (h->nr == FDP_SAMPLES)
			thin_out(h);
		h->sample[h->nr++] = now(g);
	}
	sim_spin_unlock(&h->lock);
}

int64_t sim_fdp_history(struct sim_subsys *s, uint64_t n, struct sim_fdp_sample *sample)
{
	int64_t nr = SIM_ENOENT;

	sim_read_lock(&s->lock);
	if (s->fdp) {
		struct fdp_history *h = &s->fdp->history;

		sim_spin_lock(&h->lock);
		for (nr = 0; s->fdp->cfg && nr < h->nr && (uint64_t)nr < n; nr++)
			sample[nr] = h->sample[nr];
		sim_spin_unlock(&h->lock);
		if (nr && (uint64_t)nr < n)
			sample[nr++] = now(s->fdp);
	}
	sim_read_unlock(&s->lock);
	return nr;
}
