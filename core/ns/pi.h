/* SPDX-License-Identifier: MIT */
/*
 * pi.h - end-to-end data protection: protection information made and checked.
 * NVM Command Set 1.1, section 5.3.
 */
#ifndef NVMESIM_PI_H
#define NVMESIM_PI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_req;

/** enum sim_pif - Protection Information Format, as in an Extended LBA Format (ELBAF.PIF) */
enum sim_pif {
	SIM_PIF_16 = 0, /* 16-bit guard: 8 bytes */
	SIM_PIF_32 = 1, /* 32-bit guard: 16 bytes */
	SIM_PIF_64 = 2, /* 64-bit guard: 16 bytes */
};

/**
 * struct sim_pi_fmt - protection information of the format a namespace is in
 * @type:  0: none, 1 to 3
 * @pif:   enum sim_pif
 * @sts:   Storage Tag Size: upper bits of the Storage and Reference Space that are Storage Tag;
 *         figure 157: 0 to 32 of 32 (16-bit guard), 16 to 64 of 80 (32-bit), 0 to 48 of 48 (64-bit)
 * @len:   bytes of the tuple, 0 with @type 0
 * @off:   where it is in a block's metadata
 * @lbads: log2 of a block's data bytes; @ms: metadata bytes of a block
 * @lbstm: Logical Block Storage Tag Mask
 * The guard covers the block's data and, when the tuple is not first, the metadata before it.
 */
struct sim_pi_fmt {
	uint8_t type, pif, sts, len;
	uint16_t off, ms;
	uint8_t lbads;
	uint64_t lbstm;
};

/**
 * sim_pi_extended() - is this one of the extended protection information formats (section 5.3.1)?
 * I/O commands to it are for hosts that have set LBAFEE of Host Behavior Support (4.1.3.6.1).
 */
static inline bool sim_pi_extended(const struct sim_pi_fmt *fmt)
{
	return fmt->type && (fmt->pif != SIM_PIF_16 || fmt->sts);
}

/** sim_pi_tuple_len() - bytes of a tuple of format @pif */
static inline uint8_t sim_pi_tuple_len(uint8_t pif)
{
	return pif == SIM_PIF_16 ? 8 : 16;
}

/**
 * struct sim_pi_cmd - what a command says of protection information
 * @fmt:     the namespace's
 * @slba:    of the command: Type 1 counts from it
 * @pract:   the controller makes it (writes), checks and strips it (reads)
 * @guard, @app, @ref: what PRCHK asks to check; @stc: Storage Tag Check, where there is such a tag
 * @lbat, @lbatm: (Expected) Logical Block Application Tag and its Mask
 * @lbrt:    (Expected) Initial Logical Block Reference Tag; @lbst: Storage Tag
 * All zeroes: a namespace without protection information.
 */
struct sim_pi_cmd {
	const struct sim_pi_fmt *fmt;
	uint64_t slba;
	bool pract, guard, app, ref, stc;
	uint16_t lbat, lbatm;
	uint64_t lbrt, lbst;
};

/** sim_pi_checks() - is there anything to check in what is read, or written without PRACT? */
static inline bool sim_pi_checks(const struct sim_pi_cmd *pi)
{
	return pi->guard || pi->app || pi->ref || pi->stc;
}

/**
 * sim_pi_alone() - PRACT of a format whose metadata is the tuple and nothing else
 * Then metadata does not pass between host and controller (section 5.3.2).
 */
static inline bool sim_pi_alone(const struct sim_pi_cmd *pi)
{
	return pi->pract && pi->fmt->ms == pi->fmt->len;
}

/**
 * sim_pi_fields() - the tags of a command, or of one source range of a Copy
 * @prinfo: PRACT bit 3, PRCHK bits 2:0 (guard, application tag, reference tag)
 * @stc:    Storage Tag Check
 * @cdw2, @cdw3, @cdw14: the tag fields, a number of up to 80 bits, as these dwords of a command
 *          hold it, highest bits first (section 5.3.1.4.1); of a range, its bytes, big endian
 * @cdw15:  LBATM 31:16, LBAT 15:0
 */
void sim_pi_fields(struct sim_pi_cmd *pi, const struct sim_pi_fmt *fmt, uint64_t slba,
		   uint8_t prinfo, bool stc, uint32_t cdw2, uint32_t cdw3, uint32_t cdw14,
		   uint32_t cdw15);

/** enum sim_pi_kind - which rules of section 5.3.2 the fields are to follow */
enum sim_pi_kind {
	SIM_PI_READ,	/* Read, and what a Copy reads */
	SIM_PI_WRITE,	/* Write, and what a Copy writes */
	SIM_PI_APPEND,	/* Zone Append: as Write */
	SIM_PI_COMPARE, /* Compare: PRACT shall be 0 */
	SIM_PI_ZEROES,	/* Write Zeroes: PRCHK and STC shall be 0 */
	SIM_PI_VERIFY,	/* Verify: with PRACT it is Invalid Field */
};

/**
 * sim_pi_parse() - sim_pi_fields() from the dwords of Read, Write, Compare, Verify, Write Zeroes
 * The namespace (req->ns) may be one without protection information: then all is off.
 * Return: 0 or Invalid Protection Information, Invalid Field.
 */
uint16_t sim_pi_parse(struct sim_req *req, enum sim_pi_kind kind, struct sim_pi_cmd *pi);
/** sim_pi_valid() - the rules themselves (Copy checks what it made with sim_pi_fields()) */
uint16_t sim_pi_valid(const struct sim_pi_cmd *pi, enum sim_pi_kind kind);

/**
 * sim_pi_generate() - write the tuples of @nlb blocks
 * @first: which block of the command the first of them is: reference tags count from the command's
 * @data: @nlb << lbads bytes, or NULL for as many zeroes
 * @md:   @nlb * ms bytes; what is not protection information is the caller's, and set before
 */
void sim_pi_generate(const struct sim_pi_cmd *pi, uint32_t first, const uint8_t *data, uint8_t *md,
		     uint32_t nlb);
/** sim_pi_renumber() - the reference tags of @nlb tuples become those that the command's computes;
 * all else of them stays (Zone Append, PIREMAP) */
void sim_pi_renumber(const struct sim_pi_cmd *pi, uint8_t *md, uint32_t nlb);
/**
 * sim_pi_check() - check the tuples of @nlb blocks as the command asks
 * Return: 0, or Guard, Application Tag, Storage Tag or Reference Tag Check Error, the first of them
 * in this order, with *@bad the first such block (of @nlb).
 */
uint16_t sim_pi_check(const struct sim_pi_cmd *pi, uint32_t first, const uint8_t *data,
		      const uint8_t *md, uint32_t nlb, uint32_t *bad);

/* guards (guard.c): chosen at run time for the processor at hand; CRCs may be made in pieces */

/** sim_crc16_t10dif() - polynomial 8BB7h; @crc: 0 to begin */
uint16_t sim_crc16_t10dif(uint16_t crc, const void *buf, size_t len);
/** sim_crc32c() - Castagnoli; 0 to begin, conditioned as the specification's Check value is */
uint32_t sim_crc32c(uint32_t crc, const void *buf, size_t len);
/** sim_crc64_nvme() - polynomial AD93D23594C93659h; 0 to begin */
uint64_t sim_crc64_nvme(uint64_t crc, const void *buf, size_t len);
/** sim_guard_name() - "vpclmulqdq", "pclmulqdq", "table": how guards of @pif are made here */
const char *sim_guard_name(uint8_t pif);

#endif /* NVMESIM_PI_H */
