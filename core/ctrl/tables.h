/* SPDX-License-Identifier: MIT */
/*
 * tables.h - rows of the Identify, feature and log page tables.
 *
 * Like struct sim_cmd, a row is the one place its fact is written down: what Identify Controller
 * reports, the supported and effects pages and the coverage document are made from the rows.
 */
#ifndef NVMESIM_CTRL_TABLES_H
#define NVMESIM_CTRL_TABLES_H

#include "ctrl.h"

#define SIM_NSID_ALL 0xffffffffu

/** SIM_PEL() - Parameter Error Location: @byte of the submission queue entry and @bit in it */
#define SIM_PEL(byte, bit) ((uint16_t)((byte) | (bit) << 8))
#define SIM_PEL_NSID SIM_PEL(4, 0)
#define SIM_PEL_CDW(n, bit) SIM_PEL((n) * 4 + (bit) / 8, (bit) % 8)

/** sim_bad_field() - Invalid Field in Command, @pel being the field */
static inline uint16_t sim_bad_field(struct sim_req *req, uint16_t pel)
{
	req->err_loc = pel;
	return SIM_INVALID_FIELD;
}

/* scopes, as in bits 31:20 of a supported and effects data structure */
enum sim_scope {
	SIM_SCOPE_NS = 1 << 0,
	SIM_SCOPE_CTRL = 1 << 1,
	SIM_SCOPE_ENDURANCE = 1 << 3,
};
#define SIM_SCOPE_SHIFT 20

/* ---- Identify (NVMe Base 2.1, section 5.1.13) ------------------------------------------- */

/** enum sim_cns_nsid - what a CNS value does with the NSID field */
enum sim_cns_nsid {
	SIM_CNS_UNUSED,	   /* ignored */
	SIM_CNS_START,	   /* a list of the NSIDs above it: not FFFFFFFEh, FFFFFFFFh */
	SIM_CNS_ACTIVE,	   /* attached; a valid one that is not gives a page of zeroes */
	SIM_CNS_ACTIVE_OR_COMMON, /* that; FFFFFFFFh is for what all have in common */
	SIM_CNS_ACTIVE_ONLY, /* attached; a valid one that is not is an invalid field */
	SIM_CNS_ALLOCATED, /* in the subsystem; a valid one that is not gives a page of zeroes */
	SIM_CNS_ALLOCATED_ONLY, /* in the subsystem; anything else valid is an invalid field */
};

/**
 * struct sim_identify - one CNS value
 * @csi:  the I/O Command Sets, a bit each, that CDW11 bits 31:24 can name; another one is an invalid
 *        field, unless it has a row of its own. 0: the field is ignored
 * @fill: fill the zeroed 4,096 bytes of @page. @ns is what @nsid asked for, else NULL
 */
struct sim_identify {
	uint8_t cns;
	uint8_t csi;
	enum sim_cns_nsid nsid;
	const char *name;
	uint16_t (*fill)(struct sim_req *req, struct sim_ns *ns, uint8_t *page);
};

extern const struct sim_identify sim_identify_rows[];
extern const unsigned int sim_nr_identify_rows;

/* identify_ctrl.c */
uint16_t sim_identify_ctrl(struct sim_req *req, struct sim_ns *ns, uint8_t *page);
uint16_t sim_identify_ctrl_nvm(struct sim_req *req, struct sim_ns *ns, uint8_t *page);
uint16_t sim_identify_ctrl_zns(struct sim_req *req, struct sim_ns *ns, uint8_t *page);

/** sim_iocs_vector() - combination @i of I/O Command Sets that can be used at a time (CNS 1Ch), a bit
 * each; 0: there is no such combination */
uint64_t sim_iocs_vector(unsigned int i);

/** sim_oaes() - OAES of Identify Controller, which are also the notices that Asynchronous Event
 * Configuration can enable (identify_ctrl.c) */
uint32_t sim_oaes(const struct sim_ctrl *c);
/** sim_fuses() - FUSES of Identify Controller: the fused operations there are (dispatch.c) */
uint16_t sim_fuses(void);

/* ---- features (section 5.1.11, 5.1.25) -------------------------------------------------- */

/**
 * struct sim_feature - one Feature Identifier
 * @changeable: Set Features may change it; %SIM_FEAT_SAVED: and SV may be set. The current value is
 *           the saved one then, which the functions see to
 * @effects: Feature Identifier Supported and Effects, bits 1 to 19
 * @scope:   of the values
 * @oncs:    bits of Identify Controller's ONCS this row being there sets
 * @len:     bytes of the data structure; 0: the value is dword 11 / completion dword 0
 * @get:     put the value of @f (the current ones, or the defaults) in req->result, or in
 *           @data. @ns: the namespace, for a namespace's feature; NULL gives the default.
 * @set:     check, then change. @ns: NULL means every attached namespace.
 * @there:   whether a controller has the feature; NULL: every one
 */
struct sim_feature {
	uint8_t fid;
	uint8_t changeable;
	enum sim_scope scope;
	uint32_t effects;
	uint16_t oncs;
	uint16_t len;
	const char *name;
	uint16_t (*get)(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			uint8_t *data);
	uint16_t (*set)(struct sim_req *req, struct sim_ns *ns, const uint8_t *data);
	bool (*there)(const struct sim_ctrl *c);
};

static inline bool sim_feature_there(const struct sim_ctrl *c, const struct sim_feature *row)
{
	return !row->there || row->there(c);
}

#define SIM_FEAT_SAVED 2

#define SIM_FEAT_DATA_MAX 512

extern const struct sim_feature sim_feature_rows[]; /* feature_rows.c */
extern const unsigned int sim_nr_feature_rows;

/** sim_feat_defaults() - the values a Controller Level Reset gives; @f->iv_cd is NULL */
void sim_feat_defaults(const struct sim_ctrl *c, struct sim_feat *f);

/* ---- log pages (section 5.1.12) --------------------------------------------------------- */

#define SIM_LOG_MAX 16384 /* bytes of the longest log page */

/** enum sim_log_where - subsystems that have a log page */
enum sim_log_where {
	SIM_LOG_ALL,
	SIM_LOG_MULTI,	   /* those that are configured for several controllers */
	SIM_LOG_OCP,	   /* controllers that have the OCP log page, rather */
	SIM_LOG_ENDURANCE, /* those with an endurance group; the page is of the one that LSI names */
};

/**
 * struct sim_log - one Log Page Identifier
 * @lpa:  bits of Identify Controller's LPA this row being there sets
 * @len:  bytes of the page, at most %SIM_LOG_MAX
 * @fill: fill the zeroed page. Return: 0 or the status the command is to end with
 * @read: the page was read with Retain Asynchronous Event cleared; may be NULL
 * @taken: the page was read, whatever that bit says; may be NULL
 * @where: in which subsystems there is the page
 * @ns:    it is of the namespace that the NSID names, an attached one (req->ns)
 * @ns_read: as @read
 */
struct sim_log {
	uint8_t lid;
	uint8_t lpa;
	uint16_t len;
	const char *name;
	uint16_t (*fill)(struct sim_req *req, uint8_t *page);
	void (*read)(struct sim_ctrl *c);
	void (*taken)(struct sim_ctrl *c);
	enum sim_log_where where;
	bool ns;
	void (*ns_read)(struct sim_req *req);
};

extern const struct sim_log sim_log_rows[];
extern const unsigned int sim_nr_log_rows;

#endif /* NVMESIM_CTRL_TABLES_H */
