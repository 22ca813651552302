/* SPDX-License-Identifier: MIT */
/*
 * queue.h - what queue.c (queues come and go) and ring.c (commands run) share.
 */
#ifndef NVMESIM_CTRL_QUEUE_H
#define NVMESIM_CTRL_QUEUE_H

#include "ctrl.h"

/**
 * enum sim_req_state - where a request is; under its submission queue's lock, but for a request
 * nobody else has seen yet
 * @REQ_RUNNING: its handler runs (or it never left the thread that fetched it)
 * @REQ_EARLY:   it was completed before its handler returned SIM_PENDING
 * @REQ_PENDING: on the queue's pending list
 * @REQ_DONE:    somebody completes it, it waits in a full CQ, or it is free
 * @REQ_ORPHAN:  it was given up (its host has, or will have, a completion), but what its handler
 *               began is still to end
 */
enum sim_req_state {
	REQ_RUNNING,
	REQ_EARLY,
	REQ_PENDING,
	REQ_DONE,
	REQ_ORPHAN,
};

/** sim_irq_raise() - @vector is to be signalled, by the next sim_irq_flush() (complete.c) */
void sim_irq_raise(struct sim_ctrl *c, uint16_t vector);

/* ---- completions (complete.c) ---------------------------------------------------------------- */

/** sim_cq_full(), sim_cqe_write() - with the completion queue's lock held; the entry takes room
 * Return: whether the queue's vector is to be raised. */
bool sim_cq_full(const struct sim_cq *cq);
bool sim_cqe_write(struct sim_ctrl *c, struct sim_cq *cq, const struct sim_req *req);

/** sim_req_put() - a request is free again; its queue's lock held. Return: whether the queue's
 * runner had stopped for want of one. */
bool sim_req_put(struct sim_sq *sq, struct sim_req *req);

/** enum sim_claim - what is left to do for whoever completes a request */
enum sim_claim {
	CLAIM_NOTHING, /* now or ever */
	CLAIM_FINISH,  /* post it */
	CLAIM_RUN,     /* it was given up before; its queue waits for a request, which it now has */
};

/** sim_req_claim() - make this thread the one that completes @req */
enum sim_claim sim_req_claim(struct sim_req *req, uint16_t status);
/** sim_req_finish() - post a claimed request. Return: whether its queue waits for one; it may be
 * gone by then. */
bool sim_req_finish(struct sim_req *req, uint16_t status);

/** sim_req_post() - write the CQE, or make it wait. Return: whether it is written. */
bool sim_req_post(struct sim_req *req);

/** sim_req_post_all() - same for @n requests of one queue. @free receives those that are written.
 * Return: how many. */
unsigned int sim_req_post_all(struct sim_req *const req[], unsigned int n, struct sim_req **free);

/** sim_req_unwait() - @req left the wait list of its CQ; frees the queue when it was the last one
 * Return: the queue, if it lives and waits for a request to fetch its next command; else NULL. */
struct sim_sq *sim_req_unwait(struct sim_req *req);

typedef bool sim_req_match(const struct sim_req *req, const void *arg);

/**
 * sim_req_give_up() - complete a pending request now, whatever its handler still waits for
 * @status: what its host is told; 0: nothing (a reset)
 * Writer side held. Return: false when it was completed in the meantime.
 */
bool sim_req_give_up(struct sim_req *req, uint16_t status);
/** sim_sq_give_up() - same, for every pending request that @match(request, @arg) is true for
 * Return: their number. */
unsigned int sim_sq_give_up(struct sim_sq *sq, sim_req_match *match, const void *arg,
			    uint16_t status);

/** sim_req_unlink() - take @req off its queue's pending list; queue's lock held */
void sim_req_unlink(struct sim_req *req);

/** sim_sq_destroy() - free the memory of a dead queue */
void sim_sq_destroy(struct sim_sq *sq);

/* ---- doorbells (ring.c), and their shadows (dbbuf.c) ----------------------------------------- */

/** sim_ring_dist() - steps from @a to @b around a ring of @size */
static inline uint32_t sim_ring_dist(uint32_t a, uint32_t b, uint32_t size)
{
	return b >= a ? b - a : b + size - a;
}

/** sim_sq_tail_ok() - whether the host may move the tail to @val: in range, and room for it */
bool sim_sq_tail_ok(const struct sim_sq *sq, uint32_t val);
/** sim_cq_head_ok() - whether it may move the head there: in range, and entries up to there */
bool sim_cq_head_ok(const struct sim_cq *cq, uint32_t val);

/** sim_dbbuf_sq_rung() - the tail doorbell register was written: move the tail, which the shadow
 * knows better. Return: false: it is a value the queue cannot have */
bool sim_dbbuf_sq_rung(struct sim_sq *sq, uint32_t val);
/** sim_dbbuf_sq_look() - the queue is about to be left: from now on the host rings; the tail is
 * moved if it did not need to before */
void sim_dbbuf_sq_look(struct sim_sq *sq);
/** sim_dbbuf_cq_rung() - the head doorbell register was written. Return: the head; lock held */
uint32_t sim_dbbuf_cq_rung(struct sim_ctrl *c, struct sim_cq *cq, uint32_t val);
/** sim_dbbuf_cq_look() - the host is to ring when it moves on. Return: it has moved; lock held */
bool sim_dbbuf_cq_look(struct sim_ctrl *c, struct sim_cq *cq);

/* ---- fused operations (dispatch.c) ---------------------------------------------------------- */

#define SIM_FUSE_MASK 0x03 /* of struct sim_sqe.flags */

/** sim_fuse_first() - whether an I/O command is the first half of a fused operation there is */
bool sim_fuse_first(const struct sim_sqe *sqe);
/** sim_fuse_pair() - whether @second is the second half of the fused operation @first begins */
bool sim_fuse_pair(const struct sim_sqe *first, const struct sim_sqe *second);
/** sim_execute_fused() - sim_execute() for both halves of a fused operation */
void sim_execute_fused(struct sim_req *first, struct sim_req *second, uint16_t status[2]);

#endif /* NVMESIM_CTRL_QUEUE_H */
