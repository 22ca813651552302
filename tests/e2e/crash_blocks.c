/* SPDX-License-Identifier: MIT */
/*
 * crash_blocks.c - a load of crash.h: a client that writes, deallocates, formats, creates and deletes
 * namespaces of the NVM command set
 *
 * Namespace 1: 512-byte blocks. 2: 512 + 16 bytes, protection information of type 1. 3: is formatted.
 * 4: comes and goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "crash.h"

#define NODE "/dev/nvmesim0"
#define EXTENTS 256u
#define EXTENT 8u /* blocks */
#define LBS 512u
#define MS 16u
#define DEALLOCATED 0x80000000u /* instead of a stamp: the blocks read as zeroes */

enum { OP_WRITE = 0x01, OP_READ = 0x02, OP_DSM = 0x09 };
enum { ADM_IDENTIFY = 0x06, ADM_NS_MGMT = 0x0d, ADM_FORMAT = 0x80 };

struct pair {
	volatile uint32_t issued, acked;
};

struct notes {
	struct crash_notes head;
	struct pair block[2][EXTENTS]; /* stamps */
	struct pair format;	       /* of namespace 3: LBAF */
	struct pair dynamic;	       /* namespace 4: 0, or its size in units of 1,024 blocks */
};

_Static_assert(sizeof(struct notes) <= CRASH_NOTES, "crash.h");

static int fd[3]; /* controller, namespaces 1 and 2 */
static uint8_t *data, *md;

static void fill(uint32_t e, uint32_t stamp)
{
	for (uint32_t i = 0; i < EXTENT; i++) {
		uint32_t *word = (uint32_t *)(data + i * LBS), *meta = (uint32_t *)(md + i * MS);

		for (uint32_t w = 0; w < LBS / 4; w++)
			word[w] = stamp * 2654435761u + e * EXTENT + i + w;
		word[0] = stamp;
		memset(meta, 0, MS);
		meta[0] = stamp;
		meta[1] = e * EXTENT + i;
	}
}

static long io(unsigned int ns, uint8_t opcode, uint32_t e)
{
	struct nvme_passthru_cmd cmd = {
		.opcode = opcode,
		.nsid = ns + 1,
		.addr = (uintptr_t)data,
		.data_len = EXTENT * LBS,
		.cdw10 = e * EXTENT,
		.cdw12 = EXTENT - 1,
	};

	if (ns) {
		cmd.metadata = (uintptr_t)md;
		cmd.metadata_len = EXTENT * MS;
		/* the controller makes the tuple, and checks all of it */
		cmd.cdw12 |= opcode == OP_WRITE ? 1u << 29 : 7u << 26;
		cmd.cdw14 = e * EXTENT;
	}
	return ioctl(fd[1 + ns], NVME_IOCTL_IO_CMD, &cmd);
}

static long deallocate(unsigned int ns, uint32_t e)
{
	struct {
		uint32_t attributes, nlb;
		uint64_t slba;
	} range = { 0, EXTENT, e * EXTENT };
	struct nvme_passthru_cmd cmd = {
		.opcode = OP_DSM,
		.nsid = ns + 1,
		.addr = (uintptr_t)&range,
		.data_len = sizeof(range),
		.cdw11 = 1u << 2,
	};

	return ioctl(fd[1 + ns], NVME_IOCTL_IO_CMD, &cmd);
}

static long admin(struct nvme_passthru_cmd cmd)
{
	return ioctl(fd[0], NVME_IOCTL_ADMIN_CMD, &cmd);
}

/* Identify Namespace of an allocated NSID; zeroes where there is none */
static long identify(uint32_t nsid, uint8_t *page)
{
	return admin((struct nvme_passthru_cmd){ .opcode = ADM_IDENTIFY,
						 .nsid = nsid,
						 .addr = (uintptr_t)page,
						 .data_len = 4096,
						 .cdw10 = 0x11 });
}

static long create(uint32_t units)
{
	static uint8_t page[4096];
	uint64_t nsze = units * 1024;

	memset(page, 0, sizeof(page));
	memcpy(page, &nsze, 8);
	memcpy(page + 8, &nsze, 8);
	return admin((struct nvme_passthru_cmd){ .opcode = ADM_NS_MGMT,
						 .addr = (uintptr_t)page,
						 .data_len = 4096 });
}

static long delete(uint32_t nsid)
{
	return admin((struct nvme_passthru_cmd){ .opcode = ADM_NS_MGMT, .nsid = nsid, .cdw10 = 1 });
}

/* ---- what is there ---- */

static bool possible(const struct pair *p, uint32_t value)
{
	return value == p->acked || value == p->issued;
}

static uint32_t stamp_of(const uint8_t *block)
{
	uint32_t stamp;

	memcpy(&stamp, block, 4);
	return stamp ? stamp : DEALLOCATED;
}

static int check_extent(const struct notes *n, unsigned int ns, uint32_t e)
{
	const struct pair *p = &n->block[ns][e];
	static uint8_t seen[EXTENT * LBS], seen_md[EXTENT * MS];
	long ret = io(ns, OP_READ, e);

	if (ret) {
		fprintf(stderr, "crash: namespace %u, extent %u: Read gives %ld (%s)\n", ns + 1, e, ret,
			ret < 0 ? strerror(errno) : "a status");
		return 1;
	}
	memcpy(seen, data, sizeof(seen));
	memcpy(seen_md, md, sizeof(seen_md));
	for (uint32_t i = 0; i < EXTENT; i++) {
		uint32_t stamp = stamp_of(seen + i * LBS);

		if (!possible(p, stamp) && !(stamp == DEALLOCATED && !p->acked)) {
			fprintf(stderr,
				"crash: namespace %u, block %u has stamp %x; acknowledged is %x, issued %x\n",
				ns + 1, e * EXTENT + i, stamp, p->acked, p->issued);
			return 1;
		}
		/* data and metadata go together, and a command with metadata is whole */
		if (ns && stamp != stamp_of(seen)) {
			fprintf(stderr, "crash: namespace 2, extent %u: half a command: %x and %x\n", e,
				stamp_of(seen), stamp);
			return 1;
		}
		if (stamp == DEALLOCATED) {
			for (uint32_t b = 0; b < LBS; b++) {
				if (seen[i * LBS + b]) {
					fprintf(stderr, "crash: namespace %u, block %u: neither zeroes nor data\n",
						ns + 1, e * EXTENT + i);
					return 1;
				}
			}
			continue;
		}
		fill(e, stamp);
		if (memcmp(seen + i * LBS, data + i * LBS, LBS) ||
		    (ns && memcmp(seen_md + i * MS, md + i * MS, 8))) {
			fprintf(stderr, "crash: namespace %u, block %u: torn, or metadata of another write\n",
				ns + 1, e * EXTENT + i);
			return 1;
		}
	}
	return 0;
}

static int check(struct notes *n)
{
	static uint8_t page[4096];
	uint64_t nsze;

	for (unsigned int ns = 0; ns < 2; ns++) {
		for (uint32_t e = 0; e < EXTENTS; e++) {
			struct pair *p = &n->block[ns][e];

			if (check_extent(n, ns, e))
				return 1;
			n->head.nr_checked++;
			if (p->issued == p->acked)
				continue;
			/* either was right; to know which it is from now on, do it again */
			n->head.nr_open++;
			fill(e, p->issued);
			if (p->issued == DEALLOCATED ? deallocate(ns, e) : io(ns, OP_WRITE, e))
				return 1;
			p->acked = p->issued;
		}
	}
	if (identify(3, page))
		return 1;
	if (!possible(&n->format, page[26] & 0xf)) {
		fprintf(stderr, "crash: namespace 3 has format %u; acknowledged is %u, issued %u\n",
			page[26] & 0xf, n->format.acked, n->format.issued);
		return 1;
	}
	n->format.issued = n->format.acked = page[26] & 0xf;
	if (identify(4, page))
		return 1;
	memcpy(&nsze, page, 8);
	if (nsze % 1024 || !possible(&n->dynamic, (uint32_t)(nsze / 1024))) {
		fprintf(stderr,
			"crash: namespace 4 has %" PRIu64 " blocks; acknowledged is %u, issued %u times 1024\n",
			nsze, n->dynamic.acked, n->dynamic.issued);
		return 1;
	}
	n->dynamic.issued = n->dynamic.acked = (uint32_t)(nsze / 1024);
	return 0;
}

/* ---- the load: until a call fails because the daemon is gone ---- */

static long load_once(struct notes *n, uint32_t *stamp)
{
	static const uint8_t formats[] = { 0, 1, 4, 5 };
	uint32_t pick = crash_below(100), e = crash_below(EXTENTS), ns = crash_below(2), value;
	struct pair *p = &n->block[ns][e];
	long ret;

	if (pick < 88) {
		p->issued = value = ++*stamp;
		fill(e, value);
		ret = io(ns, OP_WRITE, e);
	} else if (pick < 96) {
		p->issued = value = DEALLOCATED;
		ret = deallocate(ns, e);
	} else if (pick < 98) {
		p = &n->format;
		p->issued = value = formats[crash_below(4)];
		ret = admin((struct nvme_passthru_cmd){
			.opcode = ADM_FORMAT, .nsid = 3, .cdw10 = value, .timeout_ms = 10000 });
	} else {
		p = &n->dynamic;
		p->issued = value = p->acked ? 0 : 1 + crash_below(3);
		ret = value ? create(value) : delete(4);
	}
	if (!ret) {
		p->acked = value;
		n->head.nr_acked++;
	}
	return ret;
}

int crash_blocks(struct crash_notes *head, bool only_check)
{
	struct notes *n = (struct notes *)head;
	uint32_t stamp = 0;
	long ret;

	data = aligned_alloc(4096, EXTENT * LBS);
	md = aligned_alloc(4096, 4096);
	if (!data || !md)
		return 1;
	for (int i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof(name), i ? NODE "n%d" : NODE, i);
		fd[i] = open(name, O_RDWR);
		if (fd[i] < 0) {
			fprintf(stderr, "crash: %s: %s\n", name, strerror(errno));
			return 1;
		}
	}
	if (check(n))
		return 1;
	if (only_check)
		return 0;
	for (unsigned int ns = 0; ns < 2; ns++)
		for (uint32_t e = 0; e < EXTENTS; e++)
			if (!(n->block[ns][e].issued & DEALLOCATED) &&
			    n->block[ns][e].issued > stamp)
				stamp = n->block[ns][e].issued;
	n->head.loading = 1;
	do
		ret = load_once(n, &stamp);
	while (!ret);
	if (ret > 0) {
		fprintf(stderr, "crash: a command failed with status %lx before the daemon died\n", ret);
		return 1;
	}
	return 0;
}
