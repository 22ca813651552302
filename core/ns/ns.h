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

struct sim_ns *sim_ns_new(struct sim_subsys *s, const struct sim_ns_params *p, struct sim_msg *msg);
void sim_ns_free(struct sim_ns *ns);

/* identify data structures a namespace fills (ns/identify.c) */
void sim_ns_fill_id(const struct sim_ns *ns, struct nvme_id_ns *id);		/* CNS 00h */
void sim_ns_fill_independent(const struct sim_ns *ns, struct nvme_id_independent_id_ns *id); /* 08h */
void sim_ns_fill_nvm(const struct sim_ns *ns, struct nvme_nvm_id_ns *id);	/* 05h CSI 0 */
size_t sim_ns_fill_descs(const struct sim_ns *ns, uint8_t buf[4096]);		/* 03h */

/** sim_ns_flush() - flush @ns for @req. Return: SIM_PENDING (completed from the store) or status */
uint16_t sim_ns_flush(struct sim_ns *ns, struct sim_req *req);

#endif /* NVMESIM_NS_H */
