/* SPDX-License-Identifier: MIT */
/*
 * media.h - logical blocks over the store port. Face of core/media/.
 *
 * The payload moves straight between the store's memory and the host's where the store can give
 * its memory (one copy), else through a bounce buffer on the stack.
 */
#ifndef NVMESIM_MEDIA_H
#define NVMESIM_MEDIA_H

#include "../sim.h"

struct sim_iter;

/** struct sim_media - the blocks of a namespace: 1 << @lbads bytes each, on @store */
struct sim_media {
	struct sim_store *store;
	uint8_t lbads;
};

/*
 * All take a range the caller has checked, and return 0 or the status the command is to end with.
 * Where the medium failed, the request's err_lba says at which block.
 */

/** sim_media_read() - @nlb blocks at @slba to the host, through @it. Return: 0 or a status. */
uint16_t sim_media_read(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it);
/** sim_media_write() - the other way */
uint16_t sim_media_write(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it);
/** sim_media_compare() - compare with the host's bytes. Return: 0, SIM_COMPARE_FAILED, ... */
uint16_t sim_media_compare(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it);
/** sim_media_zero() - write zeroes; @unmap: deallocate (blocks read as zeroes, DLFEAT 001b) */
uint16_t sim_media_zero(struct sim_media *m, uint64_t slba, uint64_t nlb, bool unmap);

#endif /* NVMESIM_MEDIA_H */
