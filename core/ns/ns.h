/* SPDX-License-Identifier: MIT */
/*
 * ns.h - namespaces and their command sets. Face of core/ns/.
 */
#ifndef NVMESIM_NS_H
#define NVMESIM_NS_H

#include "../ctrl/ctrl.h"
#include "../media/media.h"
#include "pi.h"
#include "resv.h"

/**
 * struct sim_lbaf - an LBA format that is offered: LBAF and ELBAF as the host sees them
 * @pif, @sts: of the protection information that the format can have, where @ms has room for it
 * @qualified: ELBAF says @pif in its field QPIF
 */
struct sim_lbaf {
	uint8_t lbads, rp;
	uint16_t ms;
	uint8_t pif, sts;
	bool qualified;
};

#define SIM_LBAF_MAX 16 /* more would need Host Behavior Support's LBAFEE */
#define SIM_MS_MAX 4096 /* metadata bytes of a block at most */

/** enum sim_wp - Namespace Write Protection state (feature 84h), as its value; see wp.c why there
 * are no others */
enum sim_wp {
	SIM_WP_NONE = 0,
	SIM_WP_ON = 1,
};
#define SIM_NWPC NVME_CTRL_NWPC_WRITE_PROTECT /* Identify Controller: these two */

/**
 * struct sim_format - a Format NVM in progress: what is left to do (format.c)
 * @req:    the command; NULL: its end is not waited for
 * @erased: bytes of the medium that are done with
 * @busy:   a thread is at it
 * @recorded: the medium is erased and the new format recorded: all that is left is to say so
 * @tell:   the namespace is another one afterwards: controllers but @cntlid, the command's, say so
 */
struct sim_format {
	struct sim_req *req;
	uint64_t erased;
	_Atomic bool busy;
	bool recorded, tell;
	uint16_t cntlid;
};

struct sim_zones; /* zone.h */

/**
 * struct sim_ns - a namespace
 * @nsze, @ncap: logical blocks
 * @lbaf:     index of the format in use; @lbafs, @nlbaf: the formats offered
 * @lbads, @ms, @extended, @pi: of the format in use; @pi_first: DPS's PIL
 * @created:  its medium came from the backing port
 * @format_left: Format NVM in progress: percent still to go (1 to 100); 0: none
 * @wp:       enum sim_wp
 * @anagrpid: ANA Group Identifier
 * @formatted: a host chose the format (Format NVM, Namespace Management): it is recorded as such
 * @conf_deleted: a created one, in the place of a configured one that was deleted (record.h)
 * @capacity: NVMCAP, bytes
 * @zones:    of a zoned namespace (@csi 2); else NULL
 * @attach_set, @attach_val: by CNTLID, what Namespace Attachment decided (record.h)
 */
struct sim_ns {
	struct sim_subsys *subsys;
	struct sim_ns_params p;
	uint32_t nsid;
	uint8_t csi;
	uint64_t nsze, ncap;
	uint8_t lbads;
	uint16_t ms;
	bool extended, pi_first;
	struct sim_pi_fmt pi;
	uint8_t lbaf, nlbaf;
	struct sim_lbaf lbafs[SIM_LBAF_MAX];
	struct sim_media media;
	struct sim_resv *resv;
	struct sim_zones *zones;
	_Atomic uint32_t format_left;
	_Atomic uint8_t wp;
	bool created;
	uint32_t anagrpid;
	uint32_t err_recovery; /* feature 05h, per namespace */
	bool wc_enabled;       /* this namespace's part of feature 06h */
	bool formatted, conf_deleted;
	struct sim_fdp_ns *fdp; /* its part in the endurance group; NULL: FDP is not enabled */
	bool restored; /* one that a host created, after a restart */
	uint64_t capacity;
	uint32_t attach_set[SIM_MAX_CTRL / 32], attach_val[SIM_MAX_CTRL / 32];
	struct sim_format format;
};

/** struct sim_ns_shape - a format as a command chooses it: FLBAS and DPS in words */
struct sim_ns_shape {
	uint8_t lbaf;
	bool extended; /* MSET */
	uint8_t pi;    /* type */
	bool pi_first; /* PIL */
};

/**
 * sim_ns_new() - make a namespace; the caller puts it in its place in @s
 * @p:   parameters, copied; NSID 1 to %SIM_NN, free
 * @msg: sentence for the person, on failure
 * What was recorded of an earlier life (its format, sizes, identifiers, write protection,
 * reservation; a Format that had begun) holds. Return: the namespace, or NULL.
 */
struct sim_ns *sim_ns_new(struct sim_subsys *s, const struct sim_ns_params *p, struct sim_msg *msg);
/**
 * sim_ns_create() - make a namespace as a host asks for it (Namespace Management)
 * @p:     parameters, copied; what they say of the format is not looked at, but @p->store is
 * @shape: checked, of the formats that every namespace offers
 * @nsze:  blocks; 0: as many as the store holds
 * @lbstm: Logical Block Storage Tag Mask, of which the format's STS bits count
 * Return: the namespace, or NULL.
 */
struct sim_ns *sim_ns_create(struct sim_subsys *s, const struct sim_ns_params *p,
			     const struct sim_ns_shape *shape, uint64_t nsze, uint64_t lbstm,
			     struct sim_msg *msg);
/** sim_ns_free() - the store stays its owner's; a flush it has begun may still end.
 * @forget: the namespace is deleted, nothing of it is wanted again */
void sim_ns_free(struct sim_ns *ns, bool forget);
/** sim_ns_save() - record the namespace as it is now, SIM_REC_NS. Return: 0 or a negative enum
 * sim_err. */
int sim_ns_save(const struct sim_ns *ns);

/**
 * sim_ns_params_check() - do the parameters describe a namespace? (check.c)
 * QEMU's rules: NAWUN is raised to NAWUPF where only that is given. Return: whether they do; else
 * @msg says why not.
 */
bool sim_ns_params_check(const struct sim_subsys *s, struct sim_ns_params *p, struct sim_msg *msg);
/** sim_ns_atomic() - NSFEAT.NSABP: NAWUN and NAWUPF are the namespace's own */
static inline bool sim_ns_atomic(const struct sim_ns_params *p)
{
	return p->nawun || p->nawupf;
}

/** sim_ns_shape_check() - can a namespace with these formats have this shape? Return: 0, Invalid
 * Format or Invalid Field (Format NVM, Namespace Management) */
uint16_t sim_ns_shape_check(const struct sim_lbaf *lbafs, uint8_t nlbaf,
			    const struct sim_ns_shape *shape);
/** sim_ns_set_shape() - the format in use becomes @shape: @lbaf to @pi, and NSZE if the blocks no
 * longer fit (@nsze 0: as many as the store holds). The media is not touched. */
void sim_ns_set_shape(struct sim_ns *ns, const struct sim_ns_shape *shape, uint64_t nsze);
/** sim_ns_media_params() - what its media is to be opened or reshaped with */
void sim_ns_media_params(const struct sim_ns *ns, struct sim_media_params *p);
/** sim_ns_formats() - the formats every namespace offers, and @own (NULL: none) if it is another
 * Return: their number */
uint8_t sim_ns_formats(struct sim_lbaf lbafs[SIM_LBAF_MAX], const struct sim_lbaf *own);
/** sim_ns_find_format() - Return: the index of @want in @lbafs, @nlbaf when it is not there */
uint8_t sim_ns_find_format(const struct sim_lbaf *lbafs, uint8_t nlbaf,
			   const struct sim_lbaf *want);
/** sim_ns_shape_extended() - whether @f is an extended protection information format (5.3.1): a
 * host can choose it once it has set LBAFEE of Host Behavior Support */
bool sim_ns_shape_extended(const struct sim_lbaf *f);
/** sim_ns_get_shape() - the one a namespace is in */
void sim_ns_get_shape(const struct sim_ns *ns, struct sim_ns_shape *shape);
/** sim_ns_blocks_in() - blocks of format @f that @bytes hold, data and metadata */
uint64_t sim_ns_blocks_in(const struct sim_lbaf *f, uint64_t bytes);

/* identify data structures a namespace fills, zeroed before (ns/identify.c) */
void sim_ns_fill_id(const struct sim_ns *ns, struct nvme_id_ns *id); /* CNS 00h */
void sim_ns_fill_independent(const struct sim_ns *ns,
			     struct nvme_id_independent_id_ns *id); /* 08h */
void sim_ns_fill_nvm(const struct sim_ns *ns, struct nvme_nvm_id_ns *id); /* 05h CSI 0 */
void sim_ns_fill_zns(const struct sim_ns *ns, struct nvme_zns_id_ns *id); /* 05h CSI 2; zoned */
/** sim_ns_fill_zns_common() - the same for NSID FFFFFFFFh: of a namespace that is still to be created */
void sim_ns_fill_zns_common(const struct sim_subsys *s, struct nvme_zns_id_ns *id);
/** sim_ns_fill_descs() - Namespace Identification Descriptors. Return: bytes used */
size_t sim_ns_fill_descs(const struct sim_ns *ns, uint8_t buf[4096]); /* 03h */
/** sim_ns_fill_common() - CNS 00h for NSID FFFFFFFFh (@id), CNS 05h likewise (@nvm): what all
 * namespaces that could be created have in common. Either may be NULL. */
void sim_ns_fill_common(struct nvme_id_ns *id, struct nvme_nvm_id_ns *nvm);

/**
 * sim_ns_flush() - make what was written to @ns durable, for @req
 * Return: a status, or %SIM_PENDING when the store completes @req later.
 */
uint16_t sim_ns_flush(struct sim_ns *ns, struct sim_req *req);
/** sim_ns_flush_all() - same, for every namespace attached to @req's controller */
uint16_t sim_ns_flush_all(struct sim_req *req);

/* ---- Namespace Write Protection (wp.c) ------------------------------------------------------ */

/**
 * sim_wp_check() - may what @ns holds be changed?
 * The rows of commands that do have %SIM_CMD_WRITE; %SIM_CMD_WP_DENIED those that do not, but are
 * not in figure 623's list of what a write protected namespace allows, either.
 * Return: 0; Namespace is Write Protected; Attempted Write to Read Only Range where the medium
 * cannot be written.
 */
uint16_t sim_wp_check(const struct sim_ns *ns);
/** sim_wp_load() - what was recorded of @nsid, enum sim_wp */
uint8_t sim_wp_load(const struct sim_subsys *s, uint32_t nsid);
/** sim_wp_save() - record it. Return: 0 or a negative enum sim_err; 0 where nothing survives. */
int sim_wp_save(const struct sim_subsys *s, uint32_t nsid, uint8_t wp);
/* feature 84h, as in struct sim_feature */
uint16_t sim_get_wp(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
		    uint8_t *data);
uint16_t sim_set_wp(struct sim_req *req, struct sim_ns *ns, const uint8_t *data);

/* ---- Format NVM (format.c) ---------------------------------------------------------------- */

/* FNA: the scope of all of it is the namespace, or with NSID FFFFFFFFh those attached; figure 188 */
#define SIM_FNA (1u << 2) /* Cryptographic Erase Supported */

uint16_t sim_format_nvm(struct sim_req *req);
/** sim_format_run() - a timer: erase a bit more. Return: the next deadline, UINT64_MAX for none.
 * No lock held. */
uint64_t sim_format_run(struct sim_subsys *s, uint64_t now);
/** sim_format_take() - a Format that the process died in: @ns, whose media is still to be opened,
 * gets the format that it was to have. Return: whether there was one. */
bool sim_format_take(struct sim_ns *ns);
/** sim_format_recover() - then, with the media open: finish it. Return: 0 or SIM_E*. */
int sim_format_recover(struct sim_ns *ns);
/** sim_format_drop() - @ns is going: a Format of it ends here. @forget: as in sim_ns_free() */
void sim_format_drop(struct sim_ns *ns, bool forget);

/* ---- NVM commands (rw.c, copy.c, lbastatus.c, ...), rows in nvm.c -------------------------- */

uint16_t sim_nvm_read(struct sim_req *req);
const void *sim_nvm_read_ahead(struct sim_ctrl *c, const struct sim_sqe *sqe, size_t *len);
uint16_t sim_nvm_write(struct sim_req *req);
uint16_t sim_nvm_compare(struct sim_req *req);
uint16_t sim_nvm_verify(struct sim_req *req);
uint16_t sim_nvm_write_zeroes(struct sim_req *req);
uint16_t sim_nvm_write_uncorrectable(struct sim_req *req);
uint16_t sim_nvm_dataset_management(struct sim_req *req);
uint16_t sim_nvm_flush(struct sim_req *req);
uint16_t sim_nvm_copy(struct sim_req *req);
uint16_t sim_cancel(struct sim_req *req);	  /* I/O command 18h */
uint16_t sim_get_lba_status(struct sim_req *req); /* admin command 86h */

/** sim_copy_formats() - OCFS of Identify Controller: a bit a Copy Descriptor Format */
uint16_t sim_copy_formats(void);

/* ---- zoned namespaces (zone_*.c), rows in nvm.c --------------------------------------------- */

uint16_t sim_zone_send(struct sim_req *req);	/* I/O command 79h */
uint16_t sim_zone_receive(struct sim_req *req); /* 7Ah */
uint16_t sim_zone_append(struct sim_req *req);	/* 7Dh */
/** sim_zone_send_all() - whether a Zone Management Send selects all zones: then it is exclusive */
bool sim_zone_send_all(const struct sim_sqe *sqe);
uint16_t sim_zone_log(struct sim_req *req, uint8_t *page); /* log page BFh */
void sim_zone_log_read(struct sim_req *req);
/** sim_zones_reset_log() - an NVM Subsystem Reset: nothing has changed yet */
void sim_zones_reset_log(struct sim_ns *ns);
/** sim_zones_common() - the zones of namespaces that hosts create: as those of the first configured
 * zoned namespace, or else QEMU's defaults */
void sim_zones_common(const struct sim_subsys *s, struct sim_ns_params *p);
/** sim_zones_rec_params() - what the zones of @nsid were made with in an earlier life */
void sim_zones_rec_params(const struct sim_subsys *s, uint32_t nsid, struct sim_zoned_params *p);
/** sim_zones_fill() - @nsze blocks of format @f in whole zones. Return: as many, 0: not one zone */
uint64_t sim_zones_fill(const struct sim_ns_params *p, const struct sim_lbaf *f, uint64_t nsze);
/** sim_zones_capacity() - blocks that can be written of @nsze, which are whole zones */
uint64_t sim_zones_capacity(const struct sim_ns_params *p, const struct sim_lbaf *f, uint64_t nsze);
/** sim_zones_power() - zones get their initial state; writer side held */
void sim_zones_power(struct sim_ns *ns);
/** sim_zones_protect() - the namespace becomes write protected: active zones are Full; writer side
 * held */
void sim_zones_protect(struct sim_ns *ns);
/** sim_zones_dirty() - whether zones have changed since this was asked the last time */
bool sim_zones_dirty(struct sim_ns *ns);

/* ---- LBA status (lbastatus.c) --------------------------------------------------------------- */

#define SIM_LSIPI 1 /* LBA Status Information Poll Interval, 100 ms: the log costs nothing to read */

/**
 * sim_lbas_found() - blocks of @ns became bad that were not; reader or writer side held
 * The LBA Status Information log of the controllers it is attached to has something new, and an
 * event tells of it when the report interval (feature 15h) has passed.
 */
void sim_lbas_found(struct sim_ns *ns);
uint16_t sim_lbas_get_feature(struct sim_req *req, const struct sim_ns *ns,
			      const struct sim_feat *f, uint8_t *data); /* feature 15h */
uint16_t sim_lbas_set_feature(struct sim_req *req, struct sim_ns *ns, const uint8_t *data);

/**
 * sim_nvm_compare_write() - the two halves of a fused Compare and Write, as one
 * Both were checked as commands of their own (sim_execute()'s checks), and name the same blocks.
 * @status: of the two; where Compare failed, Write gets Aborted due to Failed Fused Command.
 * Either may be %SIM_PENDING.
 */
void sim_nvm_compare_write(struct sim_req *compare, struct sim_req *write, uint16_t status[2]);

/* what commands on blocks share (rw.c) */
static inline uint64_t sim_slba(const struct sim_req *req)
{
	return (uint64_t)req->sqe.cdw11 << 32 | req->sqe.cdw10;
}

static inline uint32_t sim_nlb(const struct sim_req *req)
{
	return (req->sqe.cdw12 & 0xffff) + 1;
}

/** sim_check_range() - LBA Out of Range unless [@slba, @slba + @nlb) lies within NSZE */
uint16_t sim_check_range(struct sim_req *req, const struct sim_ns *ns, uint64_t slba, uint64_t nlb);
/**
 * sim_check_readable() - Unrecovered Read Error where a block is bad; Deallocated or Unwritten
 * Logical Block where DULBE is set and a block is not allocated. The range is claimed.
 */
uint16_t sim_check_readable(struct sim_req *req, struct sim_ns *ns, uint64_t slba, uint64_t nlb);
/** sim_media_result() - counts a medium's error in SMART. Return: @status */
uint16_t sim_media_result(struct sim_req *req, uint16_t status);

#define SIM_ER_DULBE (1u << 16) /* of struct sim_ns.err_recovery */

/*
 * Limits of CNS 06h (NVM Command Set 1.1, section 4.1.5.4); 0 is "no limit". Dataset Management
 * takes as many ranges of any length as a command can name, and Write Zeroes as many blocks.
 */
#define SIM_DMRL 0
#define SIM_DMRSL 0
#define SIM_DMSL 0
#define SIM_WZSL 0

#endif /* NVMESIM_NS_H */
