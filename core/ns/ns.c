/* SPDX-License-Identifier: MIT */
/*
 * ns.c - making a namespace.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ns.h"

#define BLOCK_MIN 512u
#define BLOCK_MAX (2u << 20)

static bool is_block_size(uint32_t bytes)
{
	return bytes >= BLOCK_MIN && bytes <= BLOCK_MAX && !(bytes & (bytes - 1));
}

static uint8_t log2_of(uint32_t bytes)
{
	uint8_t n = 0;

	while (bytes >>= 1)
		n++;
	return n;
}

/* Return: whether @p describes a namespace; else @msg says why not. */
static bool check(const struct sim_ns_params *p, struct sim_msg *msg)
{
	if (!p->nsid || p->nsid > SIM_NN)
		snprintf(msg->text, sizeof(msg->text),
			 "namespace id %" PRIu32 " is not between 1 and %u", p->nsid, SIM_NN);
	else if (!is_block_size(p->logical_block_size))
		snprintf(msg->text, sizeof(msg->text),
			 "logical_block_size %" PRIu32 " is not a power of two between %u and %u",
			 p->logical_block_size, BLOCK_MIN, BLOCK_MAX);
	else if (!is_block_size(p->physical_block_size))
		snprintf(msg->text, sizeof(msg->text),
			 "physical_block_size %" PRIu32 " is not a power of two between %u and %u",
			 p->physical_block_size, BLOCK_MIN, BLOCK_MAX);
	else if (p->logical_block_size > p->physical_block_size)
		snprintf(msg->text, sizeof(msg->text),
			 "logical_block_size %" PRIu32
			 " is larger than physical_block_size %" PRIu32,
			 p->logical_block_size, p->physical_block_size);
	else if (!p->store)
		snprintf(msg->text, sizeof(msg->text), "namespace %" PRIu32 " has no store",
			 p->nsid);
	else if (p->store->size < p->logical_block_size)
		snprintf(msg->text, sizeof(msg->text),
			 "namespace %" PRIu32 " needs at least one block of %" PRIu32
			 " bytes, its store has %" PRIu64,
			 p->nsid, p->logical_block_size, p->store->size);
	else
		return true;
	return false;
}

/* the LBA formats reported: 512 and 4,096 bytes, and the one asked for if it is another */
static void set_formats(struct sim_ns *ns)
{
	static const uint8_t common[] = { 9, 12 };
	uint8_t n = sizeof(common);

	ns->lbaf = n;
	for (uint8_t i = 0; i < n; i++) {
		ns->lbafs[i].lbads = common[i];
		if (common[i] == ns->lbads)
			ns->lbaf = i;
	}
	if (ns->lbaf == n)
		ns->lbafs[n++].lbads = ns->lbads;
	ns->nlbaf = n;
}

struct sim_ns *sim_ns_new(struct sim_subsys *s, const struct sim_ns_params *p, struct sim_msg *msg)
{
	struct sim_ns *ns;

	if (!check(p, msg))
		return NULL;
	ns = calloc(1, sizeof(*ns));
	if (!ns) {
		snprintf(msg->text, sizeof(msg->text), "no memory for a namespace");
		return NULL;
	}
	ns->subsys = s;
	ns->p = *p;
	ns->nsid = p->nsid;
	ns->lbads = log2_of(p->logical_block_size);
	ns->nsze = p->store->size >> ns->lbads;
	ns->wc_enabled = p->write_cache;
	ns->ncap = ns->nsze;
	ns->media.store = p->store;
	ns->media.lbads = ns->lbads;
	ns->media.nr = ns->nsze;
	set_formats(ns);
	return ns;
}

void sim_ns_free(struct sim_ns *ns, bool forget)
{
	free(ns);
}
