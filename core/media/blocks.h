/* SPDX-License-Identifier: MIT */
/*
 * blocks.h - the making of the states of blocks; private to core/media/.
 */
#ifndef NVMESIM_BLOCKS_H
#define NVMESIM_BLOCKS_H

#include "media.h"

/**
 * sim_blocks_open() - the states of the blocks @p describes
 * From the area of an earlier life if it was of the same blocks; else what the store may hold is
 * allocated, and nothing is bad.
 * Return: 0, or a negative enum sim_err.
 */
int sim_blocks_open(struct sim_blocks *b, const struct sim_media_params *p);
void sim_blocks_close(struct sim_blocks *b, bool forget);
/** sim_blocks_reset() - other blocks on the same store, none allocated, none bad. Cannot fail. */
void sim_blocks_reset(struct sim_blocks *b, const struct sim_media_params *p);
/** sim_blocks_prepare() - make sure that sim_blocks_set_alloc(), or else (@alloc false)
 * sim_blocks_clear_alloc() of the range, will not fail. Return: as theirs. */
int sim_blocks_prepare(struct sim_blocks *b, uint64_t slba, uint64_t nlb, bool alloc);
/** sim_blocks_gen() - a number of this life of these blocks: another after each reset */
uint64_t sim_blocks_gen(const struct sim_blocks *b);

#endif /* NVMESIM_BLOCKS_H */
