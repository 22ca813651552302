/* SPDX-License-Identifier: MIT */
/*
 * ring.c - doorbells, fetching commands, posting completions, raising vectors.
 *
 * A submission queue is run by the thread that rings its doorbell; while one thread runs it,
 * others that ring it only move its tail, which the first one sees. Arbitration (NVMe Base 2.1,
 * 3.4.4) between queues is thus the host's: every queue progresses on the thread of whoever rings
 * it, which is round robin with a burst of what was rung.
 *
 * The reader side of the subsystem's lock is held while a command runs and handed over between
 * commands when a writer waits; after that the queue is looked up again, as it may be gone.
 */
#include <string.h>

#include "../pci/pci.h"
#include "queue.h"

#define AER_TYPE_ERROR 0
#define AER_INVALID_DB_REGISTER 0x00
#define AER_INVALID_DB_VALUE 0x01
#define LID_ERROR 0x01

int sim_dma(struct sim_ctrl *c, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
	    unsigned int n)
{
	if (!atomic_load_explicit(&c->fn->bus_master, memory_order_relaxed))
		return SIM_EFAULT;
	return c->p.dma.xfer(c->p.dma.opaque, dir, vec, n);
}

/* ---- interrupts --------------------------------------------------------------------------- */

static void irq_raise(struct sim_ctrl *c, uint16_t vector)
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

void sim_irq_flush(struct sim_ctrl *c)
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
}

/* ---- completions -------------------------------------------------------------------------- */

static bool cq_full(const struct sim_cq *cq)
{
	uint32_t next = cq->tail + 1;

	return (next == cq->size ? 0 : next) == atomic_load(&cq->head);
}

/* lock of the completion queue held, and there is room */
static void cqe_write(struct sim_ctrl *c, struct sim_cq *cq, const struct sim_req *req)
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
	struct sim_dma_vec vec[2] = {
		{ cq->iova + tail * sizeof(cqe), &cqe, offsetof(struct sim_cqe, cid) },
		{ cq->iova + tail * sizeof(cqe) + offsetof(struct sim_cqe, cid), &cqe.cid, 4 },
	};

	/* the host waits for the phase to change: the dword it is in becomes visible last */
	if (cq->entries && atomic_load_explicit(&c->fn->bus_master, memory_order_relaxed)) {
		struct sim_cqe *to = &cq->entries[tail];
		uint32_t last;

		memcpy(to, &cqe, vec[0].len);
		memcpy(&last, &cqe.cid, sizeof(last));
		atomic_store_explicit((_Atomic uint32_t *)(void *)&to->cid, last,
				      memory_order_release);
	} else if (sim_dma(c, SIM_DMA_WRITE, &vec[0], 1) || sim_dma(c, SIM_DMA_WRITE, &vec[1], 1)) {
		atomic_store(&c->queue_fault, true);
	}
	if (!next)
		cq->phase = !cq->phase;
	cq->tail = next;
	if (cq->irq_enabled)
		irq_raise(c, cq->vector);
}

bool sim_req_post(struct sim_req *req)
{
	struct sim_sq *sq = req->sq;
	struct sim_cq *cq = sq->cq;
	bool wait;

	mtx_lock(&cq->lock);
	wait = cq->wait || cq_full(cq);
	if (wait) {
		mtx_lock(&sq->lock);
		sq->nr_out++;
		mtx_unlock(&sq->lock);
		req->cq_next = NULL;
		if (!cq->wait)
			cq->wait_end = &cq->wait;
		*cq->wait_end = req;
		cq->wait_end = &req->cq_next;
	} else {
		cqe_write(sq->ctrl, cq, req);
	}
	mtx_unlock(&cq->lock);
	return !wait;
}

/* the queue's lock is held. Return: whether its runner stopped for want of a request */
static bool req_put(struct sim_sq *sq, struct sim_req *req)
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
	if (sq->dead)
		gone = !sq->nr_out;
	else
		run = req_put(sq, req);
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

/*
 * Makes this thread the one that completes @req.
 * Return: false when there is nothing to do, now or ever.
 */
static bool req_claim(struct sim_req *req, uint16_t status)
{
	struct sim_sq *sq = req->sq;
	bool mine = false, gone = false;

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
		mine = true;
		break;
	case REQ_ORPHAN:
		req->state = REQ_DONE;
		gone = !--sq->nr_out && sq->dead;
		break;
	default:
		break;
	}
	mtx_unlock(&sq->lock);
	if (gone)
		sim_sq_destroy(sq);
	return mine;
}

/* posts a claimed request. Return: whether the queue waits for one; it may be gone by then */
static bool req_finish(struct sim_req *req, uint16_t status)
{
	struct sim_sq *sq = req->sq;
	bool written, run = false;

	req->status = sim_final_status(req, status);
	written = sim_req_post(req);
	mtx_lock(&sq->lock);
	if (written)
		run = req_put(sq, req);
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
	if (req_claim(req, status))
		req_finish(req, status);
}

/* ---- running a queue ----------------------------------------------------------------------- */

static bool ctrl_runs(const struct sim_ctrl *c)
{
	return c->state == SIM_CS_READY &&
	       !atomic_load_explicit(&c->queue_fault, memory_order_relaxed);
}

static bool sq_has_work(const struct sim_sq *sq)
{
	return atomic_load(&sq->tail) != atomic_load(&sq->head) && !atomic_load(&sq->starved) &&
	       ctrl_runs(sq->ctrl);
}

static struct sim_req *req_get(struct sim_sq *sq)
{
	struct sim_req *req;

	mtx_lock(&sq->lock);
	req = sq->free;
	if (req) {
		sq->free = req->next;
	} else if (sq->nr_used < sq->nr_reqs) {
		req = &sq->reqs[sq->nr_used++];
		req->ctrl = sq->ctrl;
		req->sq = sq;
	} else {
		atomic_store(&sq->starved, true);
	}
	mtx_unlock(&sq->lock);
	return req;
}

/* the entry at the queue's head, in host byte order. Return: whether the host's memory was there */
static bool sqe_fetch(struct sim_sq *sq, struct sim_sqe *sqe)
{
	uint32_t head = sq->head;
	struct sim_dma_vec vec = { sq->iova + head * sizeof(*sqe), sqe, sizeof(*sqe) };

	if (sq->entries &&
	    atomic_load_explicit(&sq->ctrl->fn->bus_master, memory_order_relaxed))
		memcpy(sqe, &sq->entries[head], sizeof(*sqe));
	else if (sim_dma(sq->ctrl, SIM_DMA_READ, &vec, 1))
		return false;

	sqe->cid = sim_le16(sqe->cid);
	sqe->nsid = sim_le32(sqe->nsid);
	sqe->cdw2 = sim_le32(sqe->cdw2);
	sqe->cdw3 = sim_le32(sqe->cdw3);
	sqe->mptr = sim_le64(sqe->mptr);
	sqe->dptr[0] = sim_le64(sqe->dptr[0]);
	sqe->dptr[1] = sim_le64(sqe->dptr[1]);
	sqe->cdw10 = sim_le32(sqe->cdw10);
	sqe->cdw11 = sim_le32(sqe->cdw11);
	sqe->cdw12 = sim_le32(sqe->cdw12);
	sqe->cdw13 = sim_le32(sqe->cdw13);
	sqe->cdw14 = sim_le32(sqe->cdw14);
	sqe->cdw15 = sim_le32(sqe->cdw15);
	return true;
}

static void sq_execute(struct sim_sq *sq, struct sim_req *req)
{
	uint16_t status;

	req->ns = NULL;
	req->result = 0;
	req->err_loc = 0xffff;
	req->err_lba = 0;
	req->cancel = NULL;
	req->state = REQ_RUNNING;

	status = sim_execute(req);
	if (status == SIM_PENDING) {
		bool early;

		mtx_lock(&sq->lock);
		early = req->state == REQ_EARLY;
		if (!early) {
			req->state = REQ_PENDING;
			req->pending = true;
			req->next = sq->pending;
			req->pprev = &sq->pending;
			if (req->next)
				req->next->pprev = &req->next;
			sq->pending = req;
			sq->cur = NULL;
		}
		mtx_unlock(&sq->lock);
		if (!early)
			return;
		status = sim_final_status(req, req->status);
	}
	req->status = status;
	req->state = REQ_DONE;
	if (!sim_req_post(req))
		sq->cur = NULL;
}

/* whether the queue that was @sq is still there; a side of the lock held, after it was let go */
static bool sq_lives(const struct sim_ctrl *c, uint16_t qid, const struct sim_sq *sq, uint64_t gen)
{
	return c->sq[qid] == sq && sq->gen == gen;
}

/*
 * Runs what is in the queue; this thread has its running flag.
 * Return: whether the queue is still there. The reader side is held before and after.
 */
static bool sq_drain(struct sim_ctrl *c, struct sim_sq *sq)
{
	struct sim_rwlock *l = &c->subsys->lock;
	const uint16_t qid = sq->qid;
	const uint64_t gen = sq->gen;
	bool excl = false, lives = true;

	while (lives && sq_has_work(sq)) {
		uint32_t next = sq->head + 1;
		struct sim_req *req = sq->cur;

		if (!req)
			req = sq->cur = req_get(sq);
		if (!req)
			break;
		if (!sqe_fetch(sq, &req->sqe)) {
			atomic_store(&c->queue_fault, true);
			break;
		}
		req->row = sim_cmd_row(c, !qid, req->sqe.opcode);
		if (req->row && req->row->flags & SIM_CMD_EXCL && !excl) {
			/* nothing was consumed yet: fetch it again under the writer side */
			sim_read_unlock(l);
			sim_write_lock(l);
			excl = true;
			lives = sq_lives(c, qid, sq, gen);
			continue;
		}
		atomic_store_explicit(&sq->head, next == sq->size ? 0 : next, memory_order_release);
		sq_execute(sq, req);

		if (excl) {
			sim_write_unlock(l);
			sim_read_lock(l);
			excl = false;
			lives = sq_lives(c, qid, sq, gen);
		} else if (atomic_load_explicit(&l->writer, memory_order_relaxed)) {
			sim_read_unlock(l);
			sim_read_lock(l);
			lives = sq_lives(c, qid, sq, gen);
		}
	}
	if (excl) {
		sim_write_unlock(l);
		sim_read_lock(l);
		lives = lives && sq_lives(c, qid, sq, gen);
	}
	return lives;
}

/* the reader side is held before and after, but not all the time; @sq may be gone afterwards */
static void sq_run(struct sim_ctrl *c, struct sim_sq *sq)
{
	do {
		if (atomic_exchange(&sq->running, 1))
			return;
		if (!sq_drain(c, sq))
			return;
		atomic_store(&sq->running, 0);
		/* a doorbell that found the flag set may have moved the tail in the meantime */
	} while (sq_has_work(sq));
}

void sim_req_complete(struct sim_req *req, uint16_t status)
{
	struct sim_ctrl *c = req->ctrl;
	const uint16_t qid = req->sq->qid;
	const uint64_t gen = req->sq->gen;

	if (!req_claim(req, status))
		return;
	if (req_finish(req, status)) {
		struct sim_sq *sq;

		sim_read_lock(&c->subsys->lock);
		sq = c->sq[qid];
		if (sq && sq->gen == gen)
			sq_run(c, sq);
		sim_read_unlock(&c->subsys->lock);
	}
	sim_irq_flush(c);
}

/* ---- doorbells ---------------------------------------------------------------------------- */

/* steps from @a to @b around a ring of @size */
static uint32_t ring_dist(uint32_t a, uint32_t b, uint32_t size)
{
	return b >= a ? b - a : b + size - a;
}

/* NVMe Base 2.1, figure 151: an error event, and what its log page then shows */
static void bad_doorbell(struct sim_ctrl *c, uint8_t info, uint16_t status)
{
	sim_error_log_event(c, status);
	sim_aer_event(c, AER_TYPE_ERROR, info, LID_ERROR);
}

/*
 * Controller Busy Time counts while any I/O queue is being run. Whoever leaves reads the start
 * before it steps out: the next one to enter may set a new start at once.
 */
static void busy_enter(struct sim_ctrl *c)
{
	if (!atomic_fetch_add(&c->io_running, 1))
		atomic_store(&c->busy_since, sim_now(c));
}

static void busy_leave(struct sim_ctrl *c)
{
	uint64_t now = sim_now(c), since = atomic_load(&c->busy_since);

	if (atomic_fetch_sub(&c->io_running, 1) == 1 && now > since)
		atomic_fetch_add_explicit(&c->cnt->busy_ns, now - since, memory_order_relaxed);
}

static void sq_doorbell(struct sim_ctrl *c, struct sim_sq *sq, uint32_t val)
{
	const bool io = sq->qid;
	const uint32_t tail = sq->tail, used = ring_dist(sq->head, tail, sq->size);

	/*
	 * Out of range, or more entries than there is room for. A value written twice is no error
	 * here, though the specification names it as a possible one: two threads that each rang for
	 * the entries of both do just that.
	 */
	if (val >= sq->size || used + ring_dist(tail, val, sq->size) > sq->size - 1) {
		bad_doorbell(c, AER_INVALID_DB_VALUE, SIM_INVALID_FIELD);
		return;
	}
	atomic_store(&sq->tail, val);
	if (!io) {
		sq_run(c, sq);
		return;
	}
	busy_enter(c);
	sq_run(c, sq);
	busy_leave(c);
}

static void cq_doorbell(struct sim_ctrl *c, struct sim_cq *cq, uint32_t val)
{
	struct sim_req *done = NULL, **end = &done, *req;
	bool bad;

	mtx_lock(&cq->lock);
	/* out of range, or entries taken that were never posted */
	bad = val >= cq->size ||
	      ring_dist(cq->head, val, cq->size) > ring_dist(cq->head, cq->tail, cq->size);
	if (!bad) {
		atomic_store(&cq->head, val);
		if (cq->irq_enabled)
			atomic_store(&c->intx_dirty, true);
		while (cq->wait && !cq_full(cq)) {
			req = cq->wait;
			cq->wait = req->cq_next;
			cqe_write(c, cq, req);
			*end = req;
			end = &req->cq_next;
		}
		*end = NULL;
	}
	mtx_unlock(&cq->lock);
	if (bad) {
		bad_doorbell(c, AER_INVALID_DB_VALUE, SIM_INVALID_FIELD);
		return;
	}

	/* requests are free again: queues that wanted one go on */
	while ((req = done)) {
		struct sim_sq *sq;

		done = req->cq_next;
		sq = sim_req_unwait(req);
		if (sq)
			sq_run(c, sq);
	}
}

void sim_doorbell(struct sim_ctrl *c, uint64_t off, uint32_t val)
{
	const uint64_t qid = off / 8; /* CAP.DSTRD is 0 */
	const bool is_cq = off & 4;

	val &= 0xffff;
	sim_read_lock(&c->subsys->lock);
	if (ctrl_runs(c)) {
		if (qid > c->p.max_ioqpairs || (is_cq ? !c->cq[qid] : !c->sq[qid]))
			bad_doorbell(c, AER_INVALID_DB_REGISTER, SIM_QID_INVALID);
		else if (is_cq)
			cq_doorbell(c, c->cq[qid], val);
		else
			sq_doorbell(c, c->sq[qid], val);
	}
	sim_read_unlock(&c->subsys->lock);
	sim_irq_flush(c);
}
