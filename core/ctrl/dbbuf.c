/* SPDX-License-Identifier: MIT */
/*
 * dbbuf.c - shadow doorbells: Doorbell Buffer Config (NVMe Base 2.1, 5.2.5, and annex B.5).
 *
 * A host writes doorbell values to a buffer, and the register only when the value passes what the
 * EventIdx buffer says. Here a register write makes the controller look at the shadow, and before
 * it stops looking at a queue it sets the EventIdx to the value it knows and looks once more: what
 * comes later rings. The buffers' entries are laid out as the registers are.
 *
 * Hosts differ in the admin queue: Linux rings its registers only. So its register counts, the
 * shadow where it is ahead, and the entry is kept up to date for the host.
 */
#include "../pci/pci.h"
#include "queue.h"
#include "tables.h"

#define SQ_ENTRY(qid) ((qid)*2u)
#define CQ_ENTRY(qid) ((qid)*2u + 1)

static bool fits(const struct sim_ctrl *c, uint16_t qid)
{
	return qid < c->page_size / 8; /* a buffer is one page */
}

static bool has_entry(const struct sim_ctrl *c, uint16_t qid)
{
	return atomic_load(&c->dbbuf.on) && fits(c, qid);
}

static bool get(struct sim_ctrl *c, const struct sim_dbbuf_mem *m, uint32_t entry, uint32_t *val)
{
	struct sim_dma_vec vec = { m->iova + entry * 4ull, val, sizeof(*val) };

	if (m->ptr && atomic_load_explicit(&c->fn->bus_master, memory_order_relaxed))
		*val = atomic_load(&m->ptr[entry]);
	else if (sim_dma(c, SIM_DMA_READ, &vec, 1))
		return false;
	*val = sim_le32(*val);
	return true;
}

static bool put(struct sim_ctrl *c, const struct sim_dbbuf_mem *m, uint32_t entry, uint32_t val)
{
	uint32_t le = sim_le32(val);
	struct sim_dma_vec vec = { m->iova + entry * 4ull, &le, sizeof(le) };

	if (m->ptr && atomic_load_explicit(&c->fn->bus_master, memory_order_relaxed)) {
		atomic_store(&m->ptr[entry], le);
		return true;
	}
	return !sim_dma(c, SIM_DMA_WRITE, &vec, 1);
}

/* both buffers say what the controller knows. Return: whether they are there */
static bool init_entry(struct sim_ctrl *c, uint32_t entry, uint32_t val)
{
	return put(c, &c->dbbuf.shadow, entry, val) && put(c, &c->dbbuf.eventidx, entry, val);
}

void sim_dbbuf_new_queue(struct sim_ctrl *c, uint16_t qid, bool cq)
{
	/* what an earlier queue of that identifier left is not this one's */
	if (has_entry(c, qid))
		init_entry(c, cq ? CQ_ENTRY(qid) : SQ_ENTRY(qid), 0);
}

/* nobody looks at the buffers any more; a flush that ends meanwhile may be about to */
void sim_dbbuf_reset(struct sim_ctrl *c)
{
	if (!atomic_exchange(&c->dbbuf.on, false))
		return;
	for (uint32_t qid = 0; qid <= c->p.max_ioqpairs; qid++) {
		if (!c->cq[qid])
			continue;
		mtx_lock(&c->cq[qid]->lock);
		mtx_unlock(&c->cq[qid]->lock);
	}
}

static bool init_all(struct sim_ctrl *c)
{
	bool ok = true;

	for (uint32_t qid = 0; qid <= c->p.max_ioqpairs && fits(c, (uint16_t)qid); qid++) {
		if (c->sq[qid])
			ok = ok && init_entry(c, SQ_ENTRY(qid), c->sq[qid]->tail);
		if (c->cq[qid])
			ok = ok && init_entry(c, CQ_ENTRY(qid), c->cq[qid]->head);
	}
	return ok;
}

static void set_mem(struct sim_ctrl *c, struct sim_dbbuf_mem *m, uint64_t iova)
{
	m->iova = iova;
	m->ptr = sim_dma_map(c, iova, c->page_size);
}

bool sim_dbbuf_there(const struct sim_ctrl *c)
{
	return !c->p.no_dbcs;
}

/**
 * sim_doorbell_buffer_config() - Doorbell Buffer Config command
 *
 * NVMe Base 2.1, section 5.2.5: PRP1 is the Shadow Doorbell buffer, PRP2 the EventIdx buffer, each
 * a page; addresses that are not valid are an Invalid Field. Queues that exist have their values in
 * both buffers when it is done.
 * Return: a status.
 */
uint16_t sim_doorbell_buffer_config(struct sim_req *req)
{
	struct sim_ctrl *c = req->ctrl;
	const struct sim_dbbuf_mem shadow = c->dbbuf.shadow, eventidx = c->dbbuf.eventidx;
	const bool on = atomic_load(&c->dbbuf.on);

	for (unsigned int i = 0; i < 2; i++)
		if (req->sqe.dptr[i] & (c->page_size - 1))
			return sim_bad_field(req, SIM_PEL(24 + i * 8, 0));
	sim_dbbuf_reset(c);
	set_mem(c, &c->dbbuf.shadow, req->sqe.dptr[0]);
	set_mem(c, &c->dbbuf.eventidx, req->sqe.dptr[1]);
	if (init_all(c)) {
		atomic_store(&c->dbbuf.on, true);
		return SIM_OK;
	}
	c->dbbuf.shadow = shadow;
	c->dbbuf.eventidx = eventidx;
	atomic_store(&c->dbbuf.on, on);
	return sim_bad_field(req, SIM_PEL(24, 0));
}

/* ---- Submission Queues --------------------------------------------------------------------- */

bool sim_dbbuf_sq_rung(struct sim_sq *sq, uint32_t val)
{
	struct sim_ctrl *c = sq->ctrl;
	uint32_t shadow;
	bool ok;

	mtx_lock(&sq->lock);
	if (has_entry(c, sq->qid) && get(c, &c->dbbuf.shadow, SQ_ENTRY(sq->qid), &shadow)) {
		if (sq->qid ||
		    (sim_sq_tail_ok(sq, shadow) && sim_ring_dist(sq->tail, shadow, sq->size) >
							   sim_ring_dist(sq->tail, val, sq->size)))
			val = shadow;
		else if (shadow != val && sim_sq_tail_ok(sq, val))
			put(c, &c->dbbuf.shadow, SQ_ENTRY(sq->qid), val);
	}
	ok = sim_sq_tail_ok(sq, val);
	if (ok)
		atomic_store(&sq->tail, val);
	mtx_unlock(&sq->lock);
	return ok;
}

void sim_dbbuf_sq_look(struct sim_sq *sq)
{
	struct sim_ctrl *c = sq->ctrl;
	uint32_t shadow;

	if (!has_entry(c, sq->qid))
		return;
	mtx_lock(&sq->lock);
	put(c, &c->dbbuf.eventidx, SQ_ENTRY(sq->qid), sq->tail);
	atomic_thread_fence(memory_order_seq_cst);
	if (get(c, &c->dbbuf.shadow, SQ_ENTRY(sq->qid), &shadow) && shadow != sq->tail &&
	    sim_sq_tail_ok(sq, shadow))
		atomic_store(&sq->tail, shadow);
	mtx_unlock(&sq->lock);
}

/* ---- Completion Queues; lock held ---------------------------------------------------------- */

uint32_t sim_dbbuf_cq_rung(struct sim_ctrl *c, struct sim_cq *cq, uint32_t val)
{
	uint32_t shadow;

	if (!has_entry(c, cq->qid) || !get(c, &c->dbbuf.shadow, CQ_ENTRY(cq->qid), &shadow))
		return val;
	if (cq->qid ||
	    (sim_cq_head_ok(cq, shadow) &&
	     sim_ring_dist(cq->head, shadow, cq->size) > sim_ring_dist(cq->head, val, cq->size)))
		return shadow;
	if (shadow != val && sim_cq_head_ok(cq, val))
		put(c, &c->dbbuf.shadow, CQ_ENTRY(cq->qid), val);
	return val;
}

bool sim_dbbuf_cq_look(struct sim_ctrl *c, struct sim_cq *cq)
{
	uint32_t shadow;

	if (!has_entry(c, cq->qid))
		return false;
	put(c, &c->dbbuf.eventidx, CQ_ENTRY(cq->qid), cq->head);
	atomic_thread_fence(memory_order_seq_cst);
	if (!get(c, &c->dbbuf.shadow, CQ_ENTRY(cq->qid), &shadow) || shadow == cq->head ||
	    !sim_cq_head_ok(cq, shadow))
		return false;
	atomic_store(&cq->head, shadow);
	return true;
}
