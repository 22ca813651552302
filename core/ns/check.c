/* SPDX-License-Identifier: MIT */
/*
 * check.c - the parameters of a namespace, as the person configures them: QEMU's rules.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "../fdp/fdp.h"
#include "ns.h"
#include "zone.h"

#define BLOCK_MIN 512u
#define BLOCK_MAX (2u << 20)

__attribute__((format(printf, 2, 3))) static bool no(struct sim_msg *msg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg->text, sizeof(msg->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool is_block_size(uint32_t bytes)
{
	return bytes >= BLOCK_MIN && bytes <= BLOCK_MAX && !(bytes & (bytes - 1));
}

static bool check_block(const struct sim_ns_params *p, struct sim_msg *msg)
{
	const uint32_t lbs = p->logical_block_size;

	if (!is_block_size(lbs))
		return no(msg,
			  "logical_block_size %" PRIu32 " is not a power of two between %u and %u",
			  lbs, BLOCK_MIN, BLOCK_MAX);
	if (!is_block_size(p->physical_block_size))
		return no(msg,
			  "physical_block_size %" PRIu32 " is not a power of two between %u and %u",
			  p->physical_block_size, BLOCK_MIN, BLOCK_MAX);
	if (lbs > p->physical_block_size)
		return no(msg,
			  "logical_block_size %" PRIu32
			  " is larger than physical_block_size %" PRIu32,
			  lbs, p->physical_block_size);
	if (p->min_io_size % lbs)
		return no(msg, "min_io_size must be a multiple of logical_block_size");
	if (p->opt_io_size % lbs)
		return no(msg, "opt_io_size must be a multiple of logical_block_size");
	if (p->discard_granularity != UINT32_MAX && p->discard_granularity % lbs)
		return no(msg, "discard_granularity must be a multiple of logical_block_size");
	return true;
}

/*
 * A configured guard of 32 or 64 bits is accepted with blocks of less than 4 KiB, which NVM Command
 * Set 1.1, 5.3.1.2 and 5.3.1.3 do not provide for: QEMU accepts it.
 */
static bool check_metadata(const struct sim_ns_params *p, struct sim_msg *msg)
{
	if (p->ms > SIM_MS_MAX)
		return no(msg, "ms %u: a block has at most %u bytes of metadata", p->ms,
			  SIM_MS_MAX);
	if (p->pi > 3)
		return no(msg, "invalid 'pi' value");
	if (!p->pi)
		return true;
	if (p->pif > SIM_PIF_64)
		return no(msg, "invalid 'pif'");
	if (p->ms < sim_pi_tuple_len(p->pif))
		return no(msg, "at least %u bytes of metadata required to enable protection "
			       "information",
			  sim_pi_tuple_len(p->pif));
	return true;
}

/*
 * NVM Command Set 1.1, section 2.1.4: what a namespace says of its atomicity is at least what its
 * controllers say of theirs, and a boundary is no shorter than what it bounds. All are 0's based
 * numbers but NABO, and 0 is "not given".
 */
static bool check_boundaries(const struct sim_ns_params *p, uint16_t awun, uint16_t awupf,
			     struct sim_msg *msg)
{
	if (p->nabsn && p->nabsn < awun)
		return no(msg, "atomic.nabsn %u is less than %u, what is atomic", p->nabsn, awun);
	if (p->nabspf && p->nabspf < awupf)
		return no(msg, "atomic.nabspf %u is less than %u, what is atomic at power fail",
			  p->nabspf, awupf);
	if (p->nabo && (p->nabo > p->nabsn || p->nabo > p->nabspf))
		return no(msg, "atomic.nabo %u is larger than atomic.nabsn %u or atomic.nabspf %u",
			  p->nabo, p->nabsn, p->nabspf);
	if (!p->mam)
		return true;
	if (!sim_ns_atomic(p) || !p->nabsn || p->nabsn != p->nawun || p->nabspf != p->nabsn ||
	    p->nawupf != p->nabsn)
		return no(msg, "atomic.mam needs atomic.nawun, atomic.nawupf, atomic.nabsn and "
			       "atomic.nabspf to be the same and not 0");
	return true;
}

static uint16_t max16(uint16_t a, uint16_t b)
{
	return a > b ? a : b;
}

static bool check_atomic(const struct sim_subsys *s, struct sim_ns_params *p, struct sim_msg *msg)
{
	uint16_t awun = 0, awupf = 0;

	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		if (!s->ctrl[i])
			continue;
		awun = max16(awun, s->ctrl[i]->p.awun);
		awupf = max16(awupf, s->ctrl[i]->p.awupf);
	}
	if (!p->nawun)
		p->nawun = p->nawupf;
	if (p->nawupf > p->nawun)
		return no(msg, "atomic.nawupf %u is larger than atomic.nawun %u", p->nawupf,
			  p->nawun);
	if (sim_ns_atomic(p)) {
		if (p->nawun < awun)
			return no(msg, "atomic.nawun %u is less than a controller's awun %u",
				  p->nawun, awun);
		if (p->nawupf < awupf)
			return no(msg, "atomic.nawupf %u is less than a controller's awupf %u",
				  p->nawupf, awupf);
		awun = p->nawun;
		awupf = p->nawupf;
	}
	return check_boundaries(p, awun, awupf, msg);
}

/* Zone Random Write Areas; ZRWASZ and ZRWAFG have 16 bits of blocks */
static bool check_zrwa(const struct sim_ns_params *p, struct sim_msg *msg)
{
	const struct sim_zoned_params *z = &p->zoned;
	const uint32_t lbs = p->logical_block_size;
	const uint64_t fg = z->zrwafg == UINT64_MAX ? lbs : z->zrwafg;
	const uint64_t capacity = sim_zone_bytes(p, true);

	/* what a host makes or formats has as much of it as whole blocks are: measure() */
	if (!z->zrwas || p->host_made)
		return true;
	if (z->zrwas % lbs)
		return no(msg,
			  "zoned.zrwas %" PRIu64
			  " is not a multiple of logical_block_size %" PRIu32,
			  z->zrwas, lbs);
	if (!fg || fg % lbs)
		return no(msg,
			  "zoned.zrwafg %" PRIu64
			  " is not a multiple of logical_block_size %" PRIu32,
			  fg, lbs);
	if (z->zrwas % fg)
		return no(msg, "zoned.zrwas %" PRIu64 " is not a multiple of zoned.zrwafg %" PRIu64,
			  z->zrwas, fg);
	if (z->zrwas / lbs > UINT16_MAX)
		return no(msg, "zoned.zrwas %" PRIu64 ": at most %u blocks can be reported",
			  z->zrwas, UINT16_MAX);
	if (z->zrwas > capacity)
		return no(msg, "zoned.zrwas %" PRIu64 " is larger than zoned.zone_capacity %" PRIu64,
			  z->zrwas, capacity);
	if (z->max_active && z->numzrwa > z->max_active)
		return no(msg,
			  "zoned.numzrwa %" PRIu32 " is larger than zoned.max_active %" PRIu32,
			  z->numzrwa, z->max_active);
	return true;
}

static bool check_zoned(const struct sim_subsys *s, const struct sim_ns_params *p,
			struct sim_msg *msg)
{
	const struct sim_zoned_params *z = &p->zoned;
	const uint32_t lbs = p->logical_block_size;
	const struct sim_lbaf f = { .lbads = (uint8_t)__builtin_ctz(lbs), .ms = p->ms };
	const uint64_t zsze = sim_zone_blocks(p, &f, false), zcap = sim_zone_blocks(p, &f, true);
	const uint64_t blocks = sim_ns_blocks_in(&f, p->store->size);

	if (s->fdp)
		return no(msg, "cannot be a zoned- in an FDP configuration");
	if (!zsze)
		return no(msg, "zoned.zone_size %" PRIu64 " is too small: a zone has at least one "
			       "block of %" PRIu32 " bytes",
			  z->zone_size, lbs);
	if (zsze > SIM_ZONE_BLOCKS_MAX)
		return no(msg, "zoned.zone_size %" PRIu64 " is too large", z->zone_size);
	if (!zcap)
		return no(msg, "zoned.zone_capacity %" PRIu64 " is too small: it is at least one "
			       "block of %" PRIu32 " bytes",
			  z->zone_capacity, lbs);
	if (sim_zone_bytes(p, true) > sim_zone_bytes(p, false))
		return no(msg,
			  "zoned.zone_capacity %" PRIu64
			  " exceeds zoned.zone_size %" PRIu64,
			  z->zone_capacity, sim_zone_bytes(p, false));
	if (blocks < zsze)
		return no(msg,
			  "zoned.zone_size: not one zone of %" PRIu64
			  " blocks fits into a namespace of %" PRIu64,
			  zsze, blocks);
	if (blocks / zsze > SIM_ZONES_MAX)
		return no(msg, "zoned.zone_size: %" PRIu64 " zones are too many, %u can be",
			  blocks / zsze, SIM_ZONES_MAX);
	if (z->max_active && z->max_open > z->max_active)
		return no(msg,
			  "zoned.max_open %" PRIu32 " exceeds zoned.max_active %" PRIu32,
			  z->max_open, z->max_active);
	if (z->descr_ext_size % 64)
		return no(msg, "zoned.descr_ext_size %" PRIu32 " is not a multiple of 64",
			  z->descr_ext_size);
	if (z->descr_ext_size / 64 > 255)
		return no(msg, "zoned.descr_ext_size %" PRIu32 " is too large, %u at most",
			  z->descr_ext_size, 255 * 64);
	return check_zrwa(p, msg);
}

bool sim_ns_params_check(const struct sim_subsys *s, struct sim_ns_params *p, struct sim_msg *msg)
{
	if (!p->nsid || p->nsid > SIM_NN)
		return no(msg, "namespace id %" PRIu32 " is not between 1 and %u", p->nsid, SIM_NN);
	if (!check_block(p, msg) || !check_metadata(p, msg) || !check_atomic(s, p, msg))
		return false;
	if (!p->store)
		return no(msg, "namespace %" PRIu32 " has no store", p->nsid);
	if (p->store->size < (uint64_t)p->logical_block_size + p->ms)
		return no(msg,
			  "namespace %" PRIu32 " needs at least one block of %" PRIu32
			  " bytes, its store has %" PRIu64,
			  p->nsid, p->logical_block_size + p->ms, p->store->size);
	return (!p->zoned.on || check_zoned(s, p, msg)) && sim_fdp_ns_check(s, p, msg);
}
