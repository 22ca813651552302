/* SPDX-License-Identifier: MIT */
/*
 * stage.h - what media.c and stage.c share; private to core/media/.
 */
#ifndef NVMESIM_STAGE_H
#define NVMESIM_STAGE_H

#include "media.h"

/**
 * sim_media_status() - a store's error as the status of a command that reads or writes
 * A full medium is a Write Fault: Capacity Exceeded is for a namespace whose utilization would
 * pass NCAP, and NCAP is all of NSZE.
 */
uint16_t sim_media_status(int err, bool write);
/** sim_media_fail() - same, and the request's err_lba is @lba. Return: 0 if @err is. */
uint16_t sim_media_fail(struct sim_req *req, uint64_t lba, int err, bool write);
/** sim_stage_need() - slots are to have room for a command on @m from now on */
void sim_stage_need(struct sim_media *m);

#endif /* NVMESIM_STAGE_H */
