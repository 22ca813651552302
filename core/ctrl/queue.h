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
 * @REQ_ORPHAN:  its queue is gone, its completion is still to come
 */
enum sim_req_state {
	REQ_RUNNING,
	REQ_EARLY,
	REQ_PENDING,
	REQ_DONE,
	REQ_ORPHAN,
};

/** sim_req_post() - write the CQE, or make it wait. Return: whether it is written. */
bool sim_req_post(struct sim_req *req);

/** sim_req_unwait() - @req left the wait list of its CQ; frees the queue when it was the last one
 * Return: the queue, if it lives and waits for a request to fetch its next command; else NULL. */
struct sim_sq *sim_req_unwait(struct sim_req *req);

/** sim_req_unlink() - take @req off its queue's pending list; queue's lock held */
void sim_req_unlink(struct sim_req *req);

/** sim_sq_destroy() - free the memory of a dead queue */
void sim_sq_destroy(struct sim_sq *sq);

#endif /* NVMESIM_CTRL_QUEUE_H */
