/* SPDX-License-Identifier: MIT */
/*
 * lend.h - Reads whose blocks the host's port is lent, instead of a copy of them.
 *
 * A port that moves the data of several commands at once would have to copy them first, for a
 * command's blocks are claimed while it is executed and no longer. So the Reads that one ring of a
 * doorbell finds in a queue keep their claims together, until the port has moved it all (@settle of
 * struct sim_dma_port), and complete then.
 *
 * Who holds such claims waits for nothing: not for another claim, nor for a zone, nor does he let
 * go of the subsystem's lock; for who is waited for may wait for them.
 */
#ifndef NVMESIM_CTRL_LEND_H
#define NVMESIM_CTRL_LEND_H

#include "../media/media.h"

struct sim_req;
struct sim_sq;

#define SIM_NR_LENT 32u

/**
 * struct sim_lent - Reads that are over but for their data and their completions; of who runs the
 * queue
 * @spare: requests that this had and are free
 */
struct sim_lent {
	unsigned int nr, nr_spare;
	struct sim_req *req[SIM_NR_LENT];
	struct sim_req *spare[SIM_NR_LENT + 2]; /* the queue's two, by turns */
	struct sim_range claim[SIM_NR_LENT];
};

/**
 * sim_lend_claim() - claim the blocks of a Read, to lend them
 * Return: the claim, which sim_lend_keep() or sim_lend_drop() ends; or NULL: they cannot be lent,
 * and nothing is lent by this queue, so that the caller may wait.
 */
struct sim_range *sim_lend_claim(struct sim_req *req, struct sim_ranges *rs, uint64_t slba,
				 uint64_t nlb);
/**
 * sim_lend_keep() - the Read has been carried out, with @status
 * Its claim is kept if the port still needs the memory (req->lent), and it completes by
 * sim_lend_settle().
 */
void sim_lend_keep(struct sim_req *req, struct sim_range *r, uint16_t status);
/** sim_lend_settle() - have what was lent moved, and those Reads completed; reader side held */
void sim_lend_settle(struct sim_sq *sq);

#endif /* NVMESIM_CTRL_LEND_H */
