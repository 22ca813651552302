/* SPDX-License-Identifier: MIT */
/*
 * lend.c - see lend.h.
 */
#include "queue.h"
#include "tables.h"

struct sim_range *sim_lend_claim(struct sim_req *req, struct sim_ranges *rs, uint64_t slba,
				 uint64_t nlb)
{
	struct sim_sq *sq = req->sq;
	struct sim_range *r;

	if (!req->ctrl->p.dma.settle || req->ctrl->has_barmem)
		return NULL;
	if (sq->lent.nr == SIM_NR_LENT)
		sim_lend_settle(sq);
	r = &sq->lent.claim[sq->lent.nr];
	if (sim_range_try(rs, r, slba, nlb, SIM_RANGE_READ, NULL))
		return r;
	sim_lend_settle(sq);
	return NULL;
}

void sim_lend_keep(struct sim_req *req, struct sim_range *r, uint16_t status)
{
	struct sim_sq *sq = req->sq;

	if (status) {
		/* some of it may have been lent before the rest failed */
		req->ctrl->p.dma.settle(req->ctrl->p.dma.opaque);
		req->lent = false;
	}
	if (req->lent)
		sq->lent.req[sq->lent.nr++] = req;
	else
		sim_range_unlock(r->rs, r);
}

void sim_lend_settle(struct sim_sq *sq)
{
	const struct sim_dma_port *dma = &sq->ctrl->p.dma;
	struct sim_lent *l = &sq->lent;

	if (!l->nr)
		return;
	dma->settle(dma->opaque);
	for (unsigned int i = 0; i < l->nr; i++)
		sim_range_unlock(l->claim[i].rs, &l->claim[i]);
	l->nr_spare += sim_req_post_all(l->req, l->nr, l->spare + l->nr_spare);
	l->nr = 0;
}
