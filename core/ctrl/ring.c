/* SPDX-License-Identifier: MIT */
/*
 * ring.c - doorbells, fetching commands, running them.
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

#define NO_HALF UINT32_MAX /* sim_sq.half_at: nothing waits */

int sim_dma(struct sim_ctrl *c, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
	    unsigned int n)
{
	if (__builtin_expect(c->has_barmem, 0))
		return sim_barmem_dma(c, dir, vec, n);
	if (!atomic_load_explicit(&c->fn->bus_master, memory_order_relaxed))
		return SIM_EFAULT;
	return c->p.dma.xfer(c->p.dma.opaque, dir, vec, n);
}

/* ---- running a queue ----------------------------------------------------------------------- */

static bool ctrl_runs(const struct sim_ctrl *c)
{
	return c->state == SIM_CS_READY &&
	       !atomic_load_explicit(&c->queue_fault, memory_order_relaxed);
}

static bool sq_has_work(const struct sim_sq *sq)
{
	const uint32_t tail = atomic_load(&sq->tail);

	return tail != atomic_load(&sq->head) && tail != atomic_load(&sq->half_at) &&
	       !atomic_load(&sq->starved) && ctrl_runs(sq->ctrl);
}

static struct sim_req *req_get(struct sim_sq *sq)
{
	struct sim_req *req;

	if (sq->lent.nr_spare)
		return sq->lent.spare[--sq->lent.nr_spare];
	mtx_lock(&sq->lock);
	req = sq->free;
	if (req) {
		sq->free = req->next;
	} else if (sq->nr_used < sq->nr_reqs) {
		req = &sq->reqs[sq->nr_used++];
		req->ctrl = sq->ctrl;
		req->sq = sq;
	} else if (!sq->lent.nr) {
		atomic_store(&sq->starved, true);
	}
	mtx_unlock(&sq->lock);
	if (req || !sq->lent.nr)
		return req;
	/* those that are lent have them, and nobody else is going to give them back */
	sim_lend_settle(sq);
	return req_get(sq);
}

/* entry @at of the queue, in host byte order. Return: whether the host's memory was there */
static bool sqe_fetch(struct sim_sq *sq, uint32_t at, struct sim_sqe *sqe)
{
	struct sim_dma_vec vec = { sq->iova + at * sizeof(*sqe), sqe, sizeof(*sqe) };

	if (sq->entries &&
	    atomic_load_explicit(&sq->ctrl->fn->bus_master, memory_order_relaxed))
		memcpy(sqe, &sq->entries[at], sizeof(*sqe));
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

static void req_begin(struct sim_req *req)
{
	req->ns = NULL;
	req->result = 0;
	req->err_loc = 0xffff;
	req->err_lba = 0;
	req->err_cs = 0;
	req->cancel = NULL;
	req->place = 0;
	req->lent = false;
	req->state = REQ_RUNNING;
}

/* the handler of @req returned @status. Return: whether the request can be used again */
static bool req_end(struct sim_sq *sq, struct sim_req *req, uint16_t status)
{
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
		}
		mtx_unlock(&sq->lock);
		if (!early)
			return false;
		status = sim_final_status(req, req->status);
	}
	req->status = status;
	req->state = REQ_DONE;
	return sim_req_post(req);
}

/*
 * What the command behind the one that is about to run will look at, *@len bytes of it. The two
 * have their waits for memory together, which a short Read from a large medium is for a good part.
 */
static const void *sq_look_ahead(const struct sim_sq *sq, size_t *len)
{
	const struct sim_cmd *row;
	const struct sim_sqe *next;

	*len = 0;
	if (!sq->entries || !sq->qid || sq->head == atomic_load_explicit(&sq->tail, memory_order_relaxed))
		return NULL;
	next = &sq->entries[sq->head];
	row = sim_cmd_row(sq->ctrl, false, next->opcode);
	return row && row->ahead ? row->ahead(sq->ctrl, next, len) : NULL;
}

/*
 * Not into the first level, which is small, and can wait for a few lines at a time only. Inlined
 * whatever it is compiled with: a function that does nothing but ask is one without an effect to
 * gcc, which leaves calls of it out.
 */
static inline __attribute__((always_inline)) void ask_for(const char *at, size_t len)
{
	for (const char *end = at + len; at < end; at += 4 * SIM_LINE) {
		__builtin_prefetch(at, 0, 2);
		__builtin_prefetch(at + SIM_LINE, 0, 2);
		__builtin_prefetch(at + 2 * SIM_LINE, 0, 2);
		__builtin_prefetch(at + 3 * SIM_LINE, 0, 2);
	}
}

static void sq_execute(struct sim_sq *sq, struct sim_req *req)
{
	uint16_t status;

	if (!req->row || !(req->row->flags & SIM_CMD_LENDS))
		sim_lend_settle(sq);
	req_begin(req);
	status = sim_execute(req);
	if (req->lent) {
		req->status = status;
		req->state = REQ_DONE;
		sq->cur = NULL;
	} else if (!req_end(sq, req, status)) {
		sq->cur = NULL;
	}
}

/* ---- fused operations (NVMe Base 2.1, 3.4.2) ----------------------------------------------- */

static uint32_t ring_next(const struct sim_sq *sq, uint32_t at)
{
	return at + 1 == sq->size ? 0 : at + 1;
}

/* what the entry behind the first half of a fused operation makes of it */
enum fuse {
	FUSE_PAIR,  /* it is the other half, now in sq->second */
	FUSE_ALONE, /* it is another command */
	FUSE_WAIT,  /* it is not there yet, or there is no request for it */
	FUSE_FAULT, /* the queue cannot be reached */
};

/*
 * The host is to hand over both halves with one doorbell write. For one that does not, the first
 * half stays in the queue, not fetched, until the tail moves on.
 */
static enum fuse fuse_look(struct sim_sq *sq, const struct sim_req *first)
{
	const uint32_t at = ring_next(sq, sq->head), tail = atomic_load(&sq->tail);

	if (at == tail) {
		atomic_store(&sq->half_at, tail);
		return FUSE_WAIT;
	}
	if (!sq->second)
		sq->second = req_get(sq);
	if (!sq->second)
		return FUSE_WAIT;
	if (!sqe_fetch(sq, at, &sq->second->sqe))
		return FUSE_FAULT;
	sq->second->row = sim_cmd_row(sq->ctrl, false, sq->second->sqe.opcode);
	return sim_fuse_pair(&first->sqe, &sq->second->sqe) ? FUSE_PAIR : FUSE_ALONE;
}

static void sq_execute_pair(struct sim_sq *sq, struct sim_req *first, struct sim_req *second)
{
	uint16_t status[2];

	sim_lend_settle(sq);
	req_begin(first);
	req_begin(second);
	sim_execute_fused(first, second, status);
	if (!req_end(sq, first, status[0]))
		sq->cur = NULL;
	if (!req_end(sq, second, status[1]))
		sq->second = NULL;
}

/* ---- the loop ------------------------------------------------------------------------------ */

/* whether the queue that was @sq is still there; a side of the lock held, after it was let go */
static bool sq_lives(const struct sim_ctrl *c, uint16_t qid, const struct sim_sq *sq, uint64_t gen)
{
	return c->sq[qid] == sq && sq->gen == gen;
}

static void sq_run(struct sim_ctrl *c, struct sim_sq *sq);

/* queues that got a request back under the writer side go on; reader side held, between commands */
static void run_kicked(struct sim_ctrl *c)
{
	if (!atomic_load_explicit(&c->kick, memory_order_relaxed) ||
	    !atomic_exchange(&c->kick, false))
		return;
	for (uint32_t i = 0; i <= c->p.max_ioqpairs; i++)
		if (c->sq[i] && sq_has_work(c->sq[i]))
			sq_run(c, c->sq[i]);
}

static bool is_exclusive(const struct sim_req *req)
{
	const struct sim_cmd *row = req->row;

	return row && (row->flags & SIM_CMD_EXCL || (row->excl && row->excl(&req->sqe)));
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
		uint32_t next = ring_next(sq, sq->head);
		enum fuse fuse = FUSE_ALONE;
		struct sim_req *req = sq->cur;
		size_t len;

		if (!req && sq->second) {
			req = sq->cur = sq->second;
			sq->second = NULL;
		}
		if (!req)
			req = sq->cur = req_get(sq);
		if (!req)
			break;
		if (!sqe_fetch(sq, sq->head, &req->sqe)) {
			atomic_store(&c->queue_fault, true);
			break;
		}
		req->row = sim_cmd_row(c, !qid, req->sqe.opcode);
		if (!excl && is_exclusive(req)) {
			/* nothing was consumed yet: fetch it again under the writer side */
			sim_lend_settle(sq);
			sim_read_unlock(l);
			sim_write_lock(l);
			excl = true;
			lives = sq_lives(c, qid, sq, gen);
			continue;
		}
		if (__builtin_expect(req->sqe.flags & SIM_FUSE_MASK, 0) && qid &&
		    sim_fuse_first(&req->sqe))
			fuse = fuse_look(sq, req);
		if (fuse == FUSE_WAIT)
			break;
		if (fuse == FUSE_FAULT) {
			atomic_store(&c->queue_fault, true);
			break;
		}
		if (atomic_load_explicit(&sq->half_at, memory_order_relaxed) != NO_HALF)
			atomic_store(&sq->half_at, NO_HALF);
		if (fuse == FUSE_PAIR)
			next = ring_next(sq, next);
		atomic_store_explicit(&sq->head, next, memory_order_release);
		if (fuse == FUSE_PAIR)
			sq_execute_pair(sq, req, sq->second);
		else {
			const char *ahead = sq_look_ahead(sq, &len);

			/* One half now and one then: a processor forgets what it is asked for
			 * while it has as much under way as it can. */
			if (ahead)
				ask_for(ahead, len / 2);
			sq_execute(sq, req);
			if (ahead)
				ask_for(ahead + len / 2, len - len / 2);
		}

		if (excl) {
			sim_lend_settle(sq); /* the host may have made a Read of it meanwhile */
			sim_write_unlock(l);
			sim_read_lock(l);
			excl = false;
			run_kicked(c);
			lives = sq_lives(c, qid, sq, gen);
		} else if (atomic_load_explicit(&l->writer, memory_order_relaxed)) {
			sim_lend_settle(sq);
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
	if (lives)
		sim_lend_settle(sq);
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
		if (c->dbbuf.on)
			sim_dbbuf_sq_look(sq);
	} while (sq_has_work(sq));
}

void sim_req_complete(struct sim_req *req, uint16_t status)
{
	struct sim_ctrl *c = req->ctrl;
	const uint16_t qid = req->sq->qid;
	const uint64_t gen = req->sq->gen;

	const enum sim_claim claim = sim_req_claim(req, status);

	if (claim == CLAIM_NOTHING)
		return;
	if (claim == CLAIM_RUN || sim_req_finish(req, status)) {
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

/* NVMe Base 2.1, figure 151: an error event, and what its log page then shows */
static void bad_doorbell(struct sim_ctrl *c, uint8_t info, uint16_t status)
{
	sim_error_log_event(c, status);
	sim_aer_event(c, AER_TYPE_ERROR, info, LID_ERROR);
}

/*
 * Not out of range, nor more entries than there is room for. A value written twice is no error
 * here, though the specification names it as a possible one: two threads that each rang for the
 * entries of both do just that.
 */
bool sim_sq_tail_ok(const struct sim_sq *sq, uint32_t val)
{
	const uint32_t tail = sq->tail, used = sim_ring_dist(sq->head, tail, sq->size);

	return val < sq->size && used + sim_ring_dist(tail, val, sq->size) <= sq->size - 1;
}

static void sq_doorbell(struct sim_ctrl *c, struct sim_sq *sq, uint32_t val)
{
	const uint16_t qid = sq->qid; /* the queue may be gone when it has been run */
	uint64_t since;
	bool ok;

	if (c->dbbuf.on) {
		ok = sim_dbbuf_sq_rung(sq, val);
	} else {
		ok = sim_sq_tail_ok(sq, val);
		if (ok)
			atomic_store(&sq->tail, val);
	}
	if (!ok) {
		bad_doorbell(c, AER_INVALID_DB_VALUE, SIM_INVALID_FIELD);
		return;
	}
	if (!qid) {
		sq_run(c, sq);
		return;
	}
	since = sim_now(c);
	sq_run(c, sq);
	sim_busy_add(c, qid, since, sim_now(c));
}

/* not out of range, nor entries taken that were never posted */
bool sim_cq_head_ok(const struct sim_cq *cq, uint32_t val)
{
	return val < cq->size && sim_ring_dist(cq->head, val, cq->size) <=
					 sim_ring_dist(cq->head, cq->tail, cq->size);
}

/* room for another entry; lock held */
static bool cq_room(struct sim_ctrl *c, struct sim_cq *cq)
{
	return !sim_cq_full(cq) || (sim_dbbuf_cq_look(c, cq) && !sim_cq_full(cq));
}

static void cq_doorbell(struct sim_ctrl *c, struct sim_cq *cq, uint32_t val)
{
	struct sim_req *done = NULL, **end = &done, *req;
	bool bad;

	mtx_lock(&cq->lock);
	if (c->dbbuf.on)
		val = sim_dbbuf_cq_rung(c, cq, val);
	bad = !sim_cq_head_ok(cq, val);
	if (!bad) {
		atomic_store(&cq->head, val);
		if (cq->irq_enabled)
			atomic_store(&c->intx_dirty, true);
		while (cq->wait && cq_room(c, cq)) {
			req = cq->wait;
			cq->wait = req->cq_next;
			if (sim_cqe_write(c, cq, req))
				sim_irq_raise(c, cq->vector);
			*end = req;
			end = &req->cq_next;
		}
		*end = NULL;
		if (c->dbbuf.on && !atomic_load(&c->fn->msix_on))
			sim_dbbuf_cq_look(c, cq); /* the pin's level depends on it */
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
