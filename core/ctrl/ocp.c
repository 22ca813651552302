/* SPDX-License-Identifier: MIT */
/*
 * ocp.c - log page C0h, SMART / Health Information Extended, version 5 of its layout (OCP
 * Datacenter NVMe SSD Specification 2.5, SMART-1 to SMART-32).
 *
 * What a simulated drive has none of (NAND blocks that went bad, retries, throttling, a PCIe link
 * with errors) is 0, which is how often it happened. No version of the OCP specification is
 * claimed.
 */
#include <string.h>

#include "../fdp/fdp.h"
#include "../ns/ns.h"
#include "tables.h"

#define VERSION		5
#define NORMALIZED_GOOD 100 /* percent of the spare blocks that are left */
#define NO_CAPACITOR	0xffff

/* byte offsets */
enum {
	UNITS_WRITTEN = 0, /* 16 bytes, in bytes */
	UNITS_READ = 16,
	BAD_USER = 32, /* 6 bytes raw, 2 normalized */
	BAD_SYSTEM = 40,
	UNCORRECTABLE = 56,
	INCOMPLETE_SHUTDOWNS = 112,
	FREE_BLOCKS = 120, /* percent */
	CAPACITOR = 128,
	NUSE = 152,
	PAGE_VERSION = 494,
	PAGE_GUID = 496,
};

static const uint8_t guid[16] = { 0xc5, 0xaf, 0x10, 0x28, 0xea, 0xbf, 0xf2, 0xa4,
				  0x9c, 0x4f, 0x6f, 0x7c, 0xc9, 0x14, 0xd5, 0xaf };

static void put(uint8_t *page, unsigned int off, unsigned int size, uint64_t val)
{
	for (unsigned int i = 0; i < size; i++)
		page[off + i] = (uint8_t)(val >> i * 8);
}

uint16_t sim_ocp_log(struct sim_req *req, uint8_t *page)
{
	struct sim_ctrl *c = req->ctrl;
	const struct sim_counters *n = c->cnt;
	const struct sim_io_total io = sim_io_total(n);
	uint64_t used = 0, all = 0;

	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		const struct sim_ns *ns = sim_ctrl_ns(c, nsid);

		if (!ns)
			continue;
		used += atomic_load(&ns->media.blocks.nr_alloc);
		all += ns->nsze;
	}
	put(page, UNITS_WRITTEN, 8, io.sectors_written * 512 + sim_fdp_moved(c->subsys));
	put(page, UNITS_READ, 8, io.sectors_read * 512);
	put(page, BAD_USER + 6, 2, NORMALIZED_GOOD);
	put(page, BAD_SYSTEM + 6, 2, NORMALIZED_GOOD);
	put(page, UNCORRECTABLE, 8, atomic_load(&n->media_errors));
	put(page, INCOMPLETE_SHUTDOWNS, 4, atomic_load(&n->unsafe_shutdowns));
	put(page, FREE_BLOCKS, 1, all ? (uint64_t)((double)(all - used) / (double)all * 100) : 100);
	put(page, CAPACITOR, 2, NO_CAPACITOR);
	put(page, NUSE, 8, used);
	put(page, PAGE_VERSION, 2, VERSION);
	memcpy(page + PAGE_GUID, guid, sizeof(guid));
	return SIM_OK;
}
