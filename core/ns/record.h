/* SPDX-License-Identifier: MIT */
/*
 * record.h - what survives of a namespace: SIM_REC_NS, one record for each NSID.
 *
 * A record is written before the command that changes the namespace completes, and as a whole: who
 * dies in between leaves the old state or the new one. The numbers are in the machine's byte order,
 * as the journal's own are.
 */
#ifndef NVMESIM_NS_RECORD_H
#define NVMESIM_NS_RECORD_H

#include "ns.h"

/** enum sim_ns_life - what a record says there is at its NSID */
enum sim_ns_life {
	SIM_NS_NONE = 0,       /* nothing: it was deleted */
	SIM_NS_CONFIGURED = 1, /* the namespace that is configured, with what hosts made of it */
	SIM_NS_CREATED = 2,    /* one that a host created */
};

/**
 * struct sim_ns_rec - the record
 * @life:     enum sim_ns_life
 * @conf_deleted: a host deleted the configured namespace of this NSID: it stays deleted
 * @formatted: the format is one that a host chose: it holds, whatever is configured
 * @csi, @lbads, @ms, @pif, @sts, @qualified, @extended, @pi, @pi_first, @lbstm: the format. By its
 *            sizes and not by its index, which may become another one's
 * @shared:   NMIC
 * @nsze:     logical blocks
 * @eui64:    in host order; the identifiers are those of a created namespace
 * @attach_set: by CNTLID: Namespace Attachment has decided about this controller; @attach_val: how
 */
struct sim_ns_rec {
	uint8_t life, conf_deleted, formatted, csi;
	uint8_t lbads, pif, sts, extended;
	uint8_t pi, pi_first, shared, qualified;
	uint16_t ms, rsvd;
	uint64_t nsze, lbstm, eui64;
	uint8_t uuid[16], nguid[16];
	uint32_t attach_set[SIM_MAX_CTRL / 32], attach_val[SIM_MAX_CTRL / 32];
};
_Static_assert(sizeof(struct sim_ns_rec) == 136, "no padding in the record");

/**
 * sim_ns_rec_get() - the record of @nsid
 * @rec: what it says; %SIM_NS_NONE and all zeroes when there is none
 * Return: 0, %SIM_ENOENT: there is none, %SIM_EIO: there is one that cannot be understood.
 */
int sim_ns_rec_get(const struct sim_subsys *s, uint32_t nsid, struct sim_ns_rec *rec);
/** sim_ns_rec_put() - write it, durably. Return: 0 or a negative enum sim_err; 0 where nothing
 * survives. */
int sim_ns_rec_put(const struct sim_subsys *s, uint32_t nsid, const struct sim_ns_rec *rec);

/**
 * sim_ns_rec_apply() - what the record of an earlier life says becomes the namespace's
 * For sim_ns_new(), when the configured format is set and before the media is opened. The format is
 * taken over if a host chose it and it is still offered; identifiers are in the parameters already.
 */
void sim_ns_rec_apply(struct sim_ns *ns, const struct sim_ns_rec *rec);
/** sim_ns_params_created() - what all namespaces have in common that hosts create */
void sim_ns_params_created(struct sim_ns_params *p);
/** sim_ns_rec_params() - the parameters to make a created namespace again with; no store yet */
void sim_ns_rec_params(const struct sim_subsys *s, const struct sim_ns_rec *rec, uint32_t nsid, struct sim_ns_params *p);

#endif /* NVMESIM_NS_RECORD_H */
