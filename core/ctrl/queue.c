/* SPDX-License-Identifier: MIT */
/*
 * queue.c - submission and completion queues come and go (NVMe Base 2.1, 3.3.1, 5.2).
 *
 * Everything here runs with the subsystem's writer side held, so no command of these queues is
 * being executed. What may still happen is that a pending request is completed by a store.
 */
#include <stdlib.h>
#include <string.h>

#include "../pci/pci.h"
#include "queue.h"
#include "tables.h"

#define CQE_LOG2 4
#define SQE_LOG2 6

void *sim_dma_map(struct sim_ctrl *c, uint64_t iova, size_t len)
{
	void *p = sim_barmem_map(c, iova, len);

	if (!p && sim_barmem_where(c, iova, len) == SIM_AT_HOST && c->p.dma.map &&
	    atomic_load(&c->fn->bus_master))
		p = c->p.dma.map(c->p.dma.opaque, iova, len);
	return (uintptr_t)p % sizeof(struct sim_cqe) ? NULL : p;
}

/*
 * A queue is its thread's own, so it has cache lines of its own (and those that processors fetch
 * with them): two queues side by side would take them from each other.
 */
static void *alloc_lines(size_t len)
{
	const size_t line = 2 * SIM_LINE, whole = (len + line - 1) / line * line;
	void *mem = aligned_alloc(line, whole);

	return mem ? memset(mem, 0, whole) : NULL;
}

static struct sim_cq *cq_new(struct sim_ctrl *c, uint16_t qid, uint64_t iova, uint32_t size,
			     uint16_t vector, bool irq_enabled)
{
	struct sim_cq *cq = alloc_lines(sizeof(*cq));

	if (!cq)
		return NULL;
	if (mtx_init(&cq->lock, mtx_plain) != thrd_success) {
		free(cq);
		return NULL;
	}
	cq->qid = qid;
	cq->vector = vector;
	cq->size = size;
	cq->irq_enabled = irq_enabled;
	cq->phase = true;
	cq->iova = iova;
	cq->entries = sim_dma_map(c, iova, (size_t)size << CQE_LOG2);
	cq->wait_end = &cq->wait;
	c->cq[qid] = cq;
	sim_dbbuf_new_queue(c, qid, true);
	return cq;
}

static struct sim_sq *sq_new(struct sim_ctrl *c, uint16_t qid, struct sim_cq *cq, uint64_t iova,
			     uint32_t size, uint8_t qprio)
{
	struct sim_sq *sq = alloc_lines(sizeof(*sq));

	if (!sq)
		return NULL;
	/*
	 * A request per entry. The admin queue has more, since Asynchronous Event Requests stay
	 * while their entries are used again.
	 */
	sq->nr_reqs = size + (qid ? 0 : c->p.aerl + 2u);
	sq->reqs_mem = calloc(sq->nr_reqs + 2, sizeof(*sq->reqs));
	if (!sq->reqs_mem)
		goto free_sq;
	sq->reqs = sq->reqs_mem + 1; /* with nobody beside them */
	if (mtx_init(&sq->lock, mtx_plain) != thrd_success)
		goto free_reqs;
	sq->ctrl = c;
	sq->cq = cq;
	sq->qid = qid;
	sq->size = size;
	sq->qprio = qprio;
	sq->gen = ++c->queue_gen;
	sq->iova = iova;
	sq->entries = sim_dma_map(c, iova, (size_t)size << SQE_LOG2);
	atomic_init(&sq->half_at, UINT32_MAX);
	cq->nr_sqs++;
	c->sq[qid] = sq;
	sim_dbbuf_new_queue(c, qid, false);
	return sq;

free_reqs:
	free(sq->reqs_mem);
free_sq:
	free(sq);
	return NULL;
}

void sim_sq_destroy(struct sim_sq *sq)
{
	mtx_destroy(&sq->lock);
	free(sq->reqs_mem);
	free(sq);
}

static bool match_all(const struct sim_req *req, const void *arg)
{
	(void)req;
	(void)arg;
	return true;
}

/*
 * Takes the queue away from its controller and gives up every pending request: silently (reset), or
 * with @status (Delete I/O Submission Queue). The memory stays for as long as requests need it.
 */
static void sq_kill(struct sim_sq *sq, uint16_t status)
{
	bool gone;

	sq->ctrl->sq[sq->qid] = NULL;
	sq->cq->nr_sqs--;

	for (;;) {
		sim_sq_give_up(sq, match_all, NULL, status);
		mtx_lock(&sq->lock);
		if (!sq->pending && !sq->nr_completing)
			break;
		mtx_unlock(&sq->lock);
		thrd_yield(); /* another thread is about to be done */
	}
	sq->dead = true;
	gone = !sq->nr_out;
	mtx_unlock(&sq->lock);
	if (gone)
		sim_sq_destroy(sq);
}

/* no submission queue uses it any more; completions that wait in it are dropped */
static void cq_kill(struct sim_ctrl *c, struct sim_cq *cq)
{
	struct sim_req *req;

	c->cq[cq->qid] = NULL;
	while ((req = cq->wait)) {
		cq->wait = req->cq_next;
		sim_req_unwait(req);
	}
	mtx_destroy(&cq->lock);
	free(cq);
	atomic_store(&c->intx_dirty, true);
}

int sim_queue_init_admin(struct sim_ctrl *c)
{
	uint32_t aqa = c->aqa;
	struct sim_cq *cq;

	cq = cq_new(c, 0, c->acq, NVME_AQA_ACQS(aqa) + 1, 0, true);
	if (!cq)
		return SIM_ENOMEM;
	if (!sq_new(c, 0, cq, c->asq, NVME_AQA_ASQS(aqa) + 1, 0)) {
		cq_kill(c, cq);
		return SIM_ENOMEM;
	}
	return 0;
}

void sim_queues_free(struct sim_ctrl *c)
{
	for (uint32_t i = 0; i <= c->p.max_ioqpairs; i++)
		if (c->sq[i])
			sq_kill(c->sq[i], 0);
	for (uint32_t i = 0; i <= c->p.max_ioqpairs; i++)
		if (c->cq[i])
			cq_kill(c, c->cq[i]);
	atomic_store(&c->queues_made, false);
}

/* ---- the commands; dword 10 is QID 15:0 and QSIZE 31:16 ----------------------------------- */

/* PRP1 of a queue that is physically contiguous: a page's beginning */
static uint16_t check_queue_memory(struct sim_req *req, bool cq)
{
	const uint64_t len = ((req->sqe.cdw10 >> 16) + 1ull) << (cq ? CQE_LOG2 : SQE_LOG2);

	if (req->sqe.dptr[0] & (req->ctrl->page_size - 1)) {
		req->err_loc = SIM_PEL(24, 0);
		return SIM_PRP_OFFSET_INVALID;
	}
	if (!(req->sqe.cdw11 & 1)) /* PC; CAP.CQR says that it must be set */
		return sim_bad_field(req, SIM_PEL_CDW(11, 0));
	if (!sim_cmb_queue_ok(req->ctrl, cq, req->sqe.dptr[0], len)) {
		req->err_loc = SIM_PEL(24, 0);
		return SIM_INVALID_CMB;
	}
	return SIM_OK;
}

/* QSIZE, and the entry size the host chose in CC (3.1.4.5: none is valid until it does) */
static uint16_t check_queue_size(struct sim_req *req, uint32_t entry_log2, uint32_t want_log2)
{
	uint32_t qsize = req->sqe.cdw10 >> 16;

	if (qsize && qsize <= NVME_CAP_MQES(req->ctrl->cap) && entry_log2 == want_log2)
		return SIM_OK;
	req->err_loc = SIM_PEL_CDW(10, 16);
	return SIM_QUEUE_SIZE;
}

static uint16_t bad_qid(struct sim_req *req, uint16_t pel)
{
	req->err_loc = pel;
	return SIM_QID_INVALID;
}

/**
 * sim_create_io_cq() - Create I/O Completion Queue
 *
 * NVMe Base 2.1, section 5.2.1.
 * Return: a status.
 */
uint16_t sim_create_io_cq(struct sim_req *req)
{
	struct sim_ctrl *c = req->ctrl;
	uint16_t qid = (uint16_t)req->sqe.cdw10;
	uint16_t vector = (uint16_t)(req->sqe.cdw11 >> 16);
	uint16_t status;

	if (!qid || qid > c->feat.nr_cq + 1u || c->cq[qid])
		return bad_qid(req, SIM_PEL_CDW(10, 0));
	status = check_queue_size(req, NVME_CC_IOCQES(c->cc), CQE_LOG2);
	if (!status)
		status = check_queue_memory(req, true);
	if (status)
		return status;
	/* the pin is one vector, number 0 */
	if (vector >= atomic_load(&c->fn->nr_vectors) || (vector && !atomic_load(&c->fn->msix_on))) {
		req->err_loc = SIM_PEL_CDW(11, 16);
		return SIM_INVALID_VECTOR;
	}
	if (!cq_new(c, qid, req->sqe.dptr[0], (req->sqe.cdw10 >> 16) + 1, vector,
		    req->sqe.cdw11 & 2))
		return SIM_INTERNAL;
	atomic_store(&c->queues_made, true);
	return SIM_OK;
}

/**
 * sim_create_io_sq() - Create I/O Submission Queue
 *
 * NVMe Base 2.1, section 5.2.2. CAP.AMS is 0: QPRIO is kept, but round robin is all there is.
 * Return: a status.
 */
uint16_t sim_create_io_sq(struct sim_req *req)
{
	struct sim_ctrl *c = req->ctrl;
	uint16_t qid = (uint16_t)req->sqe.cdw10;
	uint16_t cqid = (uint16_t)(req->sqe.cdw11 >> 16);
	uint16_t status;

	/* a CQID no queue can have is an invalid identifier, one no queue has, an invalid CQ */
	if (!cqid || cqid > c->feat.nr_cq + 1u)
		return bad_qid(req, SIM_PEL_CDW(11, 16));
	if (!c->cq[cqid]) {
		req->err_loc = SIM_PEL_CDW(11, 16);
		return SIM_CQ_INVALID;
	}
	if (!qid || qid > c->feat.nr_sq + 1u || c->sq[qid])
		return bad_qid(req, SIM_PEL_CDW(10, 0));
	status = check_queue_size(req, NVME_CC_IOSQES(c->cc), SQE_LOG2);
	if (!status)
		status = check_queue_memory(req, false);
	if (status)
		return status;
	if (!sq_new(c, qid, c->cq[cqid], req->sqe.dptr[0], (req->sqe.cdw10 >> 16) + 1,
		    req->sqe.cdw11 >> 1 & 3))
		return SIM_INTERNAL;
	atomic_store(&c->queues_made, true);
	return SIM_OK;
}

/**
 * sim_delete_io_sq() - Delete I/O Submission Queue
 *
 * NVMe Base 2.1, section 5.2.4. Commands that were fetched and are not done end with Command
 * Aborted due to SQ Deletion before this one does; those not fetched are not looked at.
 * Return: a status.
 */
uint16_t sim_delete_io_sq(struct sim_req *req)
{
	struct sim_ctrl *c = req->ctrl;
	uint16_t qid = (uint16_t)req->sqe.cdw10;

	if (!qid || qid > c->p.max_ioqpairs || !c->sq[qid])
		return bad_qid(req, SIM_PEL_CDW(10, 0));
	sq_kill(c->sq[qid], SIM_ABORT_SQ_DELETED);
	return SIM_OK;
}

/**
 * sim_delete_io_cq() - Delete I/O Completion Queue
 *
 * NVMe Base 2.1, section 5.2.3: not while a submission queue uses it.
 * Return: a status.
 */
uint16_t sim_delete_io_cq(struct sim_req *req)
{
	struct sim_ctrl *c = req->ctrl;
	uint16_t qid = (uint16_t)req->sqe.cdw10;

	if (!qid || qid > c->p.max_ioqpairs || !c->cq[qid])
		return bad_qid(req, SIM_PEL_CDW(10, 0));
	if (c->cq[qid]->nr_sqs) {
		req->err_loc = SIM_PEL_CDW(10, 0);
		return SIM_INVALID_QUEUE_DELETION;
	}
	cq_kill(c, c->cq[qid]);
	return SIM_OK;
}
