/* SPDX-License-Identifier: MIT */
/*
 * complete.c - the end of commands: completion queue entries, interrupts, and what becomes of a
 * request whose handler returned SIM_PENDING (NVMe Base 2.1, 3.4.5, 4.2).
 */
#include <string.h>

#include "../pci/pci.h"
#include "queue.h"

/* ---- interrupts --------------------------------------------------------------------------- */

void sim_irq_raise(struct sim_ctrl *c, uint16_t vector)
{
	atomic_fetch_or(&c->irq_pending[vector / 64], 1ull << vector % 64);
	atomic_fetch_or(&c->irq_words, 1u << vector / 64);
}

bool sim_intx_wanted(struct sim_ctrl *c)
{
	uint32_t intms = c->intms;
	bool level = false;

	sim_read_lock(&c->subsys->lock);
	for (uint32_t i = 0; i <= c->p.max_ioqpairs && !level; i++) {
		struct sim_cq *cq = c->cq[i];

		if (cq && cq->irq_enabled && !(intms >> cq->vector % 32 & 1))
			level = atomic_load(&cq->head) != atomic_load(&cq->tail);
	}
	sim_read_unlock(&c->subsys->lock);
	return level;
}

static void tell_news(struct sim_fn *fn)
{
	const struct sim_fn_port *port = &fn->ctrl->p.news;
	uint32_t bits = atomic_exchange(&fn->news, 0);

	for (unsigned int what = 0; bits; what++, bits >>= 1)
		if (bits & 1 && port->changed)
			port->changed(port->opaque, fn, (enum sim_fn_change)what);
}

static void irq_deliver(struct sim_ctrl *c)
{
	uint32_t words = 0;

	if (atomic_load_explicit(&c->irq_words, memory_order_relaxed)) {
		words = atomic_exchange(&c->irq_words, 0);
		atomic_store(&c->intx_dirty, true);
	}
	for (unsigned int w = 0; words; w++, words >>= 1) {
		uint64_t bits = words & 1 ? atomic_exchange(&c->irq_pending[w], 0) : 0;

		for (unsigned int b = 0; bits; b++, bits >>= 1)
			if (bits & 1)
				sim_pci_irq(c->fn, (uint16_t)(w * 64 + b));
	}
	if (atomic_load_explicit(&c->intx_dirty, memory_order_relaxed) &&
	    atomic_exchange(&c->intx_dirty, false))
		sim_pci_intx(c->fn);
	if (atomic_load_explicit(&c->queue_fault, memory_order_relaxed))
		sim_ctrl_fatal(c);
	if (atomic_load_explicit(&c->fn->news, memory_order_relaxed))
		tell_news(c->fn);
}

/* no lock is held, so a controller that leaves waits until nobody is here (fn.c) */
static void deliver_others(struct sim_subsys *s, const struct sim_ctrl *but)
{
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		struct sim_ctrl *c = s->ctrl[i];

		if (c && c != but)
			irq_deliver(c);
	}
}

/*
 * What one controller does can end requests of another one (an event, a reservation preempted):
 * whoever comes out of core delivers for all.
 */
void sim_irq_flush(struct sim_ctrl *c)
{
	struct sim_subsys *s = c->subsys;

	irq_deliver(c);
	if (!atomic_load_explicit(&s->irqs, memory_order_relaxed))
		return;
	atomic_fetch_add(&s->flushing, 1);
	if (atomic_exchange(&s->irqs, false))
		deliver_others(s, c);
	atomic_fetch_sub(&s->flushing, 1);
}

void sim_irq_flush_all(struct sim_subsys *s)
{
	atomic_fetch_add(&s->flushing, 1);
	atomic_store(&s->irqs, false);
	deliver_others(s, NULL);
	atomic_fetch_sub(&s->flushing, 1);
}

/* ---- completions -------------------------------------------------------------------------- */

bool sim_cq_full(const struct sim_cq *cq)
{
	uint32_t next = cq->tail + 1;

	return (next == cq->size ? 0 : next) == atomic_load(&cq->head);
}

/* The host waits for the phase to change: the dword it is in becomes visible last. */
#define CQE_FRONT offsetof(struct sim_cqe, cid)

static void cqe_store(struct sim_cqe *to, const struct sim_cqe *cqe)
{
	uint32_t last;

	memcpy(to, cqe, CQE_FRONT);
	memcpy(&last, &cqe->cid, sizeof(last));
	atomic_store_explicit((_Atomic uint32_t *)(void *)&to->cid, last, memory_order_release);
}

static int cqe_send(struct sim_ctrl *c, uint64_t iova, struct sim_cqe *cqe)
{
	struct sim_dma_vec front = { iova, cqe, CQE_FRONT };
	struct sim_dma_vec last = { iova + CQE_FRONT, &cqe->cid, sizeof(*cqe) - CQE_FRONT };
	int err = sim_dma(c, SIM_DMA_WRITE, &front, 1);

	return err ? err : sim_dma(c, SIM_DMA_WRITE, &last, 1);
}

/* lock of the completion queue held, and there is room */
bool sim_cqe_write(struct sim_ctrl *c, struct sim_cq *cq, const struct sim_req *req)
{
	uint32_t tail = cq->tail, next = tail + 1 == cq->size ? 0 : tail + 1;
	struct sim_cqe cqe = {
		.dw0 = sim_le32((uint32_t)req->result),
		.dw1 = sim_le32((uint32_t)(req->result >> 32)),
		.sqhd = sim_le16((uint16_t)req->sq->head),
		.sqid = sim_le16(req->sq->qid),
		.cid = sim_le16(req->sqe.cid),
		.status = sim_le16((uint16_t)(req->status << 1 | cq->phase)),
	};

	if (cq->entries && atomic_load_explicit(&c->fn->bus_master, memory_order_relaxed))
		cqe_store(&cq->entries[tail], &cqe);
	else if (cqe_send(c, cq->iova + tail * sizeof(cqe), &cqe))
		atomic_store(&c->queue_fault, true);
	if (!next)
		cq->phase = !cq->phase;
	cq->tail = next;
	if (__builtin_expect(atomic_load_explicit(&c->dbbuf.on, memory_order_relaxed), 0) && !atomic_load(&c->fn->msix_on))
		sim_dbbuf_cq_look(c, cq); /* the pin goes down when the host has seen it all */
	return cq->irq_enabled && !(atomic_load_explicit(&c->coalesce.on, memory_order_relaxed) &&
				    sim_coalesce_hold(c, cq));
}

/* lock of the completion queue held; *@raise is set if its vector is to be. Return: whether it is
 * written */
static bool post(struct sim_cq *cq, struct sim_req *req, bool *raise)
{
	struct sim_sq *sq = req->sq;
	bool wait;

	wait = cq->wait || (sim_cq_full(cq) && (!sim_dbbuf_cq_look(sq->ctrl, cq) || sim_cq_full(cq)));
	if (wait) {
		mtx_lock(&sq->lock);
		sq->nr_out++;
		req->unposted = true;
		mtx_unlock(&sq->lock);
		req->cq_next = NULL;
		if (!cq->wait)
			cq->wait_end = &cq->wait;
		*cq->wait_end = req;
		cq->wait_end = &req->cq_next;
	} else {
		*raise |= sim_cqe_write(sq->ctrl, cq, req);
	}
	return !wait;
}

bool sim_req_post(struct sim_req *req)
{
	return sim_req_post_all(&req, 1, &(struct sim_req *){ NULL });
}

unsigned int sim_req_post_all(struct sim_req *const req[], unsigned int n, struct sim_req **free)
{
	struct sim_ctrl *c = req[0]->sq->ctrl;
	struct sim_cq *cq = req[0]->sq->cq;
	unsigned int written = 0;
	bool raise = false;

	mtx_lock(&cq->lock);
	for (unsigned int i = 0; i < n; i++) {
		if (post(cq, req[i], &raise))
			free[written++] = req[i];
	}
	if (raise)
		sim_irq_raise(c, cq->vector);
	mtx_unlock(&cq->lock);
	return written;
}

/* the queue's lock is held. Return: whether its runner stopped for want of a request */
bool sim_req_put(struct sim_sq *sq, struct sim_req *req)
{
	req->state = REQ_DONE;
	req->next = sq->free;
	sq->free = req;
	return atomic_exchange(&sq->starved, false);
}

struct sim_sq *sim_req_unwait(struct sim_req *req)
{
	struct sim_sq *sq = req->sq;
	bool gone = false, run = false;

	mtx_lock(&sq->lock);
	sq->nr_out--;
	req->unposted = false;
	if (sq->dead)
		gone = !sq->nr_out;
	else if (req->state != REQ_ORPHAN) /* else whoever completes it puts it back */
		run = sim_req_put(sq, req);
	mtx_unlock(&sq->lock);
	if (gone)
		sim_sq_destroy(sq);
	return run ? sq : NULL;
}

void sim_req_unlink(struct sim_req *req)
{
	*req->pprev = req->next;
	if (req->next)
		req->next->pprev = req->pprev;
	req->pending = false;
}

/* makes this thread the one that completes @req */
enum sim_claim sim_req_claim(struct sim_req *req, uint16_t status)
{
	struct sim_sq *sq = req->sq;
	enum sim_claim claim = CLAIM_NOTHING;
	bool gone = false;

	mtx_lock(&sq->lock);
	switch (req->state) {
	case REQ_RUNNING: /* whoever runs the handler posts it */
		req->status = status;
		req->state = REQ_EARLY;
		break;
	case REQ_PENDING:
		sim_req_unlink(req);
		req->state = REQ_DONE;
		sq->nr_completing++;
		claim = CLAIM_FINISH;
		break;
	case REQ_ORPHAN:
		req->state = REQ_DONE;
		sq->nr_out--;
		if (sq->dead)
			gone = !sq->nr_out;
		else if (!req->unposted && sim_req_put(sq, req))
			claim = CLAIM_RUN;
		break;
	default:
		break;
	}
	mtx_unlock(&sq->lock);
	if (gone)
		sim_sq_destroy(sq);
	return claim;
}

/* posts a claimed request. Return: whether the queue waits for one; it may be gone by then */
bool sim_req_finish(struct sim_req *req, uint16_t status)
{
	struct sim_sq *sq = req->sq;
	bool written, run = false;

	req->status = sim_final_status(req, status);
	written = sim_req_post(req);
	mtx_lock(&sq->lock);
	if (written)
		run = sim_req_put(sq, req);
	sq->nr_completing--;
	mtx_unlock(&sq->lock);
	return run;
}

/*
 * The caller's side of the lock rules out running a queue here. No need to: only the admin queue's
 * requests end this way, and it has one for each Asynchronous Event Request beyond its size.
 */
void sim_req_complete_locked(struct sim_req *req, uint16_t status)
{
	struct sim_subsys *s = req->ctrl->subsys;

	if (sim_req_claim(req, status) == CLAIM_FINISH) {
		sim_req_finish(req, status);
		atomic_store(&s->irqs, true); /* the controller at work may be another one */
	}
}

bool sim_req_give_up(struct sim_req *req, uint16_t status)
{
	struct sim_sq *sq = req->sq;

	/* not under the queue's lock: cancel takes the lock completions come from under */
	if (req->cancel)
		req->cancel(req);
	mtx_lock(&sq->lock);
	if (req->state != REQ_PENDING) {
		mtx_unlock(&sq->lock);
		return false;
	}
	sim_req_unlink(req);
	req->state = req->cancel ? REQ_DONE : REQ_ORPHAN;
	sq->nr_out += req->state == REQ_ORPHAN;
	req->unposted = true; /* it must not be used again before its completion is written */
	mtx_unlock(&sq->lock);
	if (!status)
		return true;

	req->status = sim_final_status(req, status);
	if (sim_req_post(req)) {
		mtx_lock(&sq->lock);
		req->unposted = false;
		/* no queue can be run under the writer side */
		if (req->state != REQ_ORPHAN && sim_req_put(sq, req))
			atomic_store(&sq->ctrl->kick, true);
		mtx_unlock(&sq->lock);
	}
	return true;
}

unsigned int sim_sq_give_up(struct sim_sq *sq, sim_req_match *match, const void *arg,
			    uint16_t status)
{
	unsigned int n = 0;

	for (;;) {
		struct sim_req *req;

		mtx_lock(&sq->lock);
		req = sq->pending;
		while (req && !match(req, arg))
			req = req->next;
		mtx_unlock(&sq->lock);
		if (!req)
			return n;
		n += sim_req_give_up(req, status);
	}
}
