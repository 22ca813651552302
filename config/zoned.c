/* SPDX-License-Identifier: MIT */
/*
 * zoned.c - the keys of zoned namespaces: what goes together. The checks are QEMU's and those of
 * the fields the values end in (ZNS Command Set 1.1, 4.1.5.1); QEMU drops what is left of a size
 * that is no multiple of a logical block, here it is an error.
 */
#include <inttypes.h>

#include "conf_priv.h"

#define DEFAULT_ZONE_SIZE (128ull << 20)
#define ZRWA_BLOCKS_MAX	  UINT16_MAX /* ZRWASZ and ZRWAFG are 16 bits */

#define FAIL(key, ...) conf_fail(err, len, ns->where.text, "zoned." key, __VA_ARGS__)

/* What is asked for without zoned=on would do nothing, and nobody would know. */
static int check_off(const struct conf_ns *ns, char *err, size_t len)
{
	const struct conf_zoned *z = &ns->zoned;
	const struct {
		const char *key;
		bool given;
	} keys[] = {
		{ "zoned.zone_size", z->zone_size && z->zone_size != DEFAULT_ZONE_SIZE },
		{ "zoned.zone_capacity", z->zone_capacity },
		{ "zoned.descr_ext_size", z->descr_ext_size },
		{ "zoned.cross_read", z->cross_read },
		{ "zoned.max_active", z->max_active },
		{ "zoned.max_open", z->max_open },
		{ "zoned.numzrwa", z->numzrwa },
		{ "zoned.zrwas", z->zrwas },
		{ "zoned.zrwafg", z->zrwafg != UINT64_MAX },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].given)
			return conf_fail(err, len, ns->where.text, keys[i].key,
					 "is of a zoned namespace; give zoned=on, too");
	return 0;
}

static int link_zones(struct conf_ns *ns, char *err, size_t len)
{
	struct conf_zoned *z = &ns->zoned;
	uint32_t block = ns->logical_block_size;

	if (!z->zone_size)
		z->zone_size = DEFAULT_ZONE_SIZE;
	if (!z->zone_capacity)
		z->zone_capacity = z->zone_size;
	if (z->zone_size < block)
		return FAIL("zone_size", "%" PRIu64 " bytes are too few, must be at least %u",
			    z->zone_size, block);
	if (z->zone_size % block)
		return FAIL("zone_size",
			    "%" PRIu64 " bytes are no whole number of logical blocks of %u bytes",
			    z->zone_size, block);
	if (z->zone_capacity > z->zone_size)
		return FAIL("zone_capacity",
			    "%" PRIu64 " bytes exceed the zone size, %" PRIu64 " bytes",
			    z->zone_capacity, z->zone_size);
	if (z->zone_capacity < block)
		return FAIL("zone_capacity", "%" PRIu64 " bytes are too few, must be at least %u",
			    z->zone_capacity, block);
	if (z->zone_capacity % block)
		return FAIL("zone_capacity",
			    "%" PRIu64 " bytes are no whole number of logical blocks of %u bytes",
			    z->zone_capacity, block);
	if (z->descr_ext_size % 64)
		return FAIL("descr_ext_size", "must be a multiple of 64, not %u",
			    z->descr_ext_size);
	return 0;
}

static int link_limits(struct conf_ns *ns, char *err, size_t len)
{
	struct conf_zoned *z = &ns->zoned;

	if (z->max_active && z->max_open > z->max_active)
		return FAIL("max_open", "%u exceeds zoned.max_active, %u", z->max_open,
			    z->max_active);
	if (!z->max_open)
		z->max_open = z->max_active;
	return 0;
}

static int link_zrwa(struct conf_ns *ns, char *err, size_t len)
{
	struct conf_zoned *z = &ns->zoned;
	uint32_t block = ns->logical_block_size;

	if (z->zrwafg == UINT64_MAX)
		z->zrwafg = block;
	if (!z->zrwas && (z->numzrwa || z->zrwafg != block))
		return conf_fail(
			err, len, ns->where.text, z->numzrwa ? "zoned.numzrwa" : "zoned.zrwafg",
			"is of Zone Random Write Areas; give their size, zoned.zrwas, too");
	if (!z->zrwas)
		return 0;
	if (z->zrwas % block)
		return FAIL("zrwas",
			    "%" PRIu64 " bytes are no whole number of logical blocks of %u bytes",
			    z->zrwas, block);
	if (!z->zrwafg || z->zrwafg % block)
		return FAIL("zrwafg",
			    "%" PRIu64 " bytes are no whole number of logical blocks of %u bytes",
			    z->zrwafg, block);
	if (z->zrwas % z->zrwafg)
		return FAIL("zrwas",
			    "%" PRIu64 " bytes are no multiple of the flush granularity, "
			    "zoned.zrwafg, %" PRIu64 " bytes",
			    z->zrwas, z->zrwafg);
	if (z->zrwas / block > ZRWA_BLOCKS_MAX)
		return FAIL("zrwas",
			    "%" PRIu64 " bytes are more than %d logical blocks of %u bytes",
			    z->zrwas, ZRWA_BLOCKS_MAX, block);
	if (z->zrwas > z->zone_capacity)
		return FAIL("zrwas",
			    "%" PRIu64 " bytes exceed the zone capacity, %" PRIu64 " bytes",
			    z->zrwas, z->zone_capacity);
	if (z->max_active && z->numzrwa > z->max_active)
		return FAIL("numzrwa", "%u exceeds zoned.max_active, %u", z->numzrwa,
			    z->max_active);
	return 0;
}

int conf_link_zoned(struct conf_ns *ns, char *err, size_t len)
{
	if (!ns->zoned.on)
		return check_off(ns, err, len);
	if (link_zones(ns, err, len) || link_limits(ns, err, len))
		return -1;
	return link_zrwa(ns, err, len);
}
