/* SPDX-License-Identifier: MIT */
/*
 * coalesce.h - interrupt coalescing; see coalesce.c
 */
#ifndef NVMESIM_CTRL_COALESCE_H
#define NVMESIM_CTRL_COALESCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <threads.h>

struct sim_coalesced;
struct sim_cq;
struct sim_ctrl;

/**
 * struct sim_coalesce - interrupt coalescing
 * @on: feature 08h asks for it; @next: the earliest message that is due
 * @lock: guards @vec (msix_qsize of them); taken inside a completion queue's
 */
struct sim_coalesce {
	_Atomic bool on;
	_Atomic uint64_t next;
	mtx_t lock;
	struct sim_coalesced *vec;
};

int sim_coalesce_init(struct sim_ctrl *c); /* Return: 0 or SIM_ENOMEM */
void sim_coalesce_free(struct sim_ctrl *c);
void sim_coalesce_reset(struct sim_ctrl *c); /* as the feature's default: nothing waits */
void sim_coalesce_set(struct sim_ctrl *c);   /* feature 08h was set: what waits is sent */
void sim_coalesce_release(struct sim_ctrl *c, uint16_t vector); /* 09h: of this vector */
/**
 * sim_coalesce_hold() - an entry was posted for @cq's vector, while coalescing is on; its lock held
 * Return: whether the message is to wait.
 */
bool sim_coalesce_hold(struct sim_ctrl *c, const struct sim_cq *cq);
uint64_t sim_coalesce_run(struct sim_ctrl *c, uint64_t now); /* a timer, as sim_keep_alive_run() */

#endif /* NVMESIM_CTRL_COALESCE_H */
