/* SPDX-License-Identifier: MIT */
/*
 * ns.h - namespaces and their command sets. Face of core/ns/.
 */
#ifndef NVMESIM_NS_H
#define NVMESIM_NS_H

#include "../ctrl/ctrl.h"
#include "../media/media.h"

/**
 * struct sim_ns - a namespace
 * @nsze:     logical blocks
 * @lbads:    log2 of the logical block's bytes
 * @lbaf:     index of the format in use (FLBAS); @lbafs, @nlbaf: the formats reported
 */
struct sim_ns {
	struct sim_subsys *subsys;
	struct sim_ns_params p;
	uint32_t nsid;
	uint8_t csi;
	uint64_t nsze;
	uint8_t lbads;
	uint8_t lbaf, nlbaf;
	struct nvme_lbaf lbafs[16];
	struct sim_media media;
	uint32_t err_recovery; /* feature 05h, per namespace */
	bool wc_enabled;       /* this namespace's part of feature 06h */
};

/**
 * sim_ns_new() - make a namespace; the caller puts it in its place in @s
 * @p:   parameters, copied; NSID 1 to %SIM_NN, free
 * @msg: sentence for the person, on failure
 * Return: the namespace, or NULL.
 */
struct sim_ns *sim_ns_new(struct sim_subsys *s, const struct sim_ns_params *p, struct sim_msg *msg);
/** sim_ns_free() - the store stays its owner's; a flush it has begun may still end */
void sim_ns_free(struct sim_ns *ns);

/* identify data structures a namespace fills, zeroed before (ns/identify.c) */
void sim_ns_fill_id(const struct sim_ns *ns, struct nvme_id_ns *id); /* CNS 00h */
void sim_ns_fill_independent(const struct sim_ns *ns,
			     struct nvme_id_independent_id_ns *id); /* 08h */
void sim_ns_fill_nvm(const struct sim_ns *ns, struct nvme_nvm_id_ns *id); /* 05h CSI 0 */
/** sim_ns_fill_descs() - Namespace Identification Descriptors. Return: bytes used */
size_t sim_ns_fill_descs(const struct sim_ns *ns, uint8_t buf[4096]); /* 03h */

/**
 * sim_ns_flush() - make what was written to @ns durable, for @req
 * Return: a status, or %SIM_PENDING when the store completes @req later.
 */
uint16_t sim_ns_flush(struct sim_ns *ns, struct sim_req *req);
/** sim_ns_flush_all() - same, for every namespace attached to @req's controller */
uint16_t sim_ns_flush_all(struct sim_req *req);

/*
 * Dataset Management takes as many ranges of any length as a command can name, and Write Zeroes as
 * many blocks: the limits of CNS 06h (NVM Command Set 1.1, section 4.1.5.4) are 0, "no limit".
 */
#define SIM_DMRL 0
#define SIM_DMRSL 0
#define SIM_DMSL 0
#define SIM_WZSL 0

#endif /* NVMESIM_NS_H */
