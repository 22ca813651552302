/* SPDX-License-Identifier: MIT */
/*
 * dbbuf.h - shadow doorbells; see dbbuf.c, and queue.h for what the queues call
 */
#ifndef NVMESIM_CTRL_DBBUF_H
#define NVMESIM_CTRL_DBBUF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_ctrl;
struct sim_req;

/** struct sim_dbbuf_mem - a doorbell buffer, at an address if it can be had */
struct sim_dbbuf_mem {
	uint64_t iova;
	_Atomic uint32_t *ptr;
};

/**
 * struct sim_dbbuf - Doorbell Buffer Config; changes under the writer side
 * @on: and while it is off. What completes later holds neither side, but its Completion Queue's lock
 *      when it looks.
 */
struct sim_dbbuf {
	_Atomic bool on;
	struct sim_dbbuf_mem shadow, eventidx;
};

bool sim_dbbuf_there(const struct sim_ctrl *c);
uint16_t sim_doorbell_buffer_config(struct sim_req *req);	     /* admin command 7Ch */
void sim_dbbuf_new_queue(struct sim_ctrl *c, uint16_t qid, bool cq); /* it was created */
void sim_dbbuf_reset(struct sim_ctrl *c); /* a Controller Level Reset: registers again */

#endif /* NVMESIM_CTRL_DBBUF_H */
