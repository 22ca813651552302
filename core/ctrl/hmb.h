/* SPDX-License-Identifier: MIT */
/*
 * hmb.h - Host Memory Buffer; see hmb.c
 */
#ifndef NVMESIM_CTRL_HMB_H
#define NVMESIM_CTRL_HMB_H

#include <stdbool.h>
#include <stdint.h>

struct sim_ctrl;
struct sim_feat;
struct sim_ns;
struct sim_req;

#define SIM_HMMIN   1u	  /* Host Memory Buffer Minimum Size, 4 KiB */
#define SIM_HMMINDS 1u	  /* of a descriptor's buffer, 4 KiB */
#define SIM_HMMAXD  1024u /* descriptors */

/**
 * struct sim_hmb - Host Memory Buffer; what it was last, when it is not @enabled
 * @pages: HSIZE, of @page_size bytes; @list, @nr: the descriptor list
 * @generation: times it was enabled; 0: never
 * @returned, @intact: see struct sim_hmb_info
 */
struct sim_hmb {
	bool enabled, returned, intact;
	uint32_t pages, page_size, nr;
	uint64_t list, generation;
};

bool sim_hmb_there(const struct sim_ctrl *c);
uint16_t sim_hmb_set(struct sim_req *req, struct sim_ns *ns, const uint8_t *data);
uint16_t sim_hmb_get(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
		     uint8_t *data);
void sim_hmb_reset(struct sim_ctrl *c); /* a Controller Level Reset: the memory is the host's */

#endif /* NVMESIM_CTRL_HMB_H */
