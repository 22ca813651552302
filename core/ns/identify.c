/* SPDX-License-Identifier: MIT */
/*
 * identify.c - what a namespace says of itself. NVM Command Set 1.1, section 4.1.5; NVMe Base 2.1,
 * section 5.1.13. Nothing is reported that is not there.
 */
#include <string.h>

#include "ns.h"

#define NSFEAT_OPTPERF (1u << 4) /* NPWG, NPWA, NPDG, NPDA and NOWS are valid */
#define NMIC_SHRNS (1u << 0)
#define DLFEAT_READ_ZEROES 0x01	 /* bits 2:0: a deallocated block reads as zeroes */
#define DLFEAT_WZDSM (1u << 3)	 /* Write Zeroes honours DEAC */
#define NSATTR_WRITE_PROTECTED (1u << 0)
#define NSTAT_NRDY (1u << 0) /* ready */

#define DISCARD_GRANULARITY 4096u /* a page of memory, a block of most file systems */

/* allocated blocks; a partly allocated one counts */
static uint64_t allocated(const struct sim_ns *ns)
{
	struct sim_store *st = ns->p.store;
	uint64_t used = st->ops->used(st), lbs = 1ull << ns->lbads;
	uint64_t blocks = used / lbs + (used % lbs != 0);

	return blocks < ns->nsze ? blocks : ns->nsze;
}

/* 0's based number of logical blocks in @bytes, or 0 for less than one */
static uint16_t blocks_0(const struct sim_ns *ns, uint32_t bytes)
{
	uint32_t n = bytes >> ns->lbads;

	return sim_le16((uint16_t)(n ? n - 1 : 0));
}

static void put_eui64(uint8_t *p, uint64_t eui64)
{
	for (unsigned int i = 0; i < 8; i++)
		p[i] = (uint8_t)(eui64 >> (56 - 8 * i));
}

static bool is_zero(const uint8_t id[16])
{
	static const uint8_t zero[16];

	return !memcmp(id, zero, sizeof(zero));
}

/*
 * Identify Namespace data structure (CNS 00h, figure 114). One format at a time is in use
 * and none has metadata: MC, DPC, DPS stay 0, and so do the fields of features that are not there
 * (atomicity beyond the controller's, reservations, ANA, NVM sets, endurance groups). THINP is 0:
 * the whole of NSZE is promised (NCAP), and NUSE tells what of it is allocated.
 */
void sim_ns_fill_id(const struct sim_ns *ns, struct nvme_id_ns *id)
{
	uint32_t discard = ns->p.physical_block_size;
	uint64_t bytes = sim_le64(ns->nsze << ns->lbads);

	if (discard < DISCARD_GRANULARITY)
		discard = DISCARD_GRANULARITY;
	id->nsze = sim_le64(ns->nsze);
	id->ncap = id->nsze;
	id->nuse = sim_le64(allocated(ns));
	id->nsfeat = NSFEAT_OPTPERF;
	id->nlbaf = (uint8_t)(ns->nlbaf - 1);
	id->flbas = ns->lbaf;
	id->nmic = ns->p.shared ? NMIC_SHRNS : 0;
	id->dlfeat = DLFEAT_READ_ZEROES | DLFEAT_WZDSM;
	memcpy(id->nvmcap, &bytes, sizeof(bytes));
	id->npwg = blocks_0(ns, ns->p.physical_block_size);
	id->npwa = id->npwg;
	id->npdg = blocks_0(ns, discard);
	id->npda = id->npdg;
	id->nows = id->npwg;
	id->nsattr = ns->p.store->readonly ? NSATTR_WRITE_PROTECTED : 0;
	memcpy(id->nguid, ns->p.nguid, sizeof(id->nguid));
	put_eui64(id->eui64, ns->p.eui64);
	for (unsigned int i = 0; i < ns->nlbaf; i++)
		id->lbaf[i] = (struct nvme_lbaf){ .ms = sim_le16(ns->lbafs[i].ms),
						  .ds = ns->lbafs[i].lbads,
						  .rp = ns->lbafs[i].rp };
}

/* I/O Command Set Independent Identify Namespace data structure (base, CNS 08h) */
void sim_ns_fill_independent(const struct sim_ns *ns, struct nvme_id_independent_id_ns *id)
{
	id->nmic = ns->p.shared ? NMIC_SHRNS : 0;
	id->nsattr = ns->p.store->readonly ? NSATTR_WRITE_PROTECTED : 0;
	id->nstat = NSTAT_NRDY;
}

/*
 * I/O Command Set specific Identify Namespace data structure (CNS 05h, CSI 0): storage tags,
 * protection information capabilities and extended formats, all of which belong to metadata:
 * there is none.
 */
void sim_ns_fill_nvm(const struct sim_ns *ns, struct nvme_nvm_id_ns *id)
{
	(void)ns;
	memset(id, 0, sizeof(*id));
}

static size_t put_desc(uint8_t *p, uint8_t nidt, const void *nid, uint8_t nidl)
{
	struct nvme_ns_id_desc d = { .nidt = nidt, .nidl = nidl };

	memcpy(p, &d, sizeof(d));
	memcpy(p + sizeof(d), nid, nidl);
	return sizeof(d) + nidl;
}

/*
 * Namespace Identification Descriptor list (base, CNS 03h). A namespace is to have one of
 * EUI64, NGUID and UUID; which, is the configuration's choice.
 */
size_t sim_ns_fill_descs(const struct sim_ns *ns, uint8_t buf[4096])
{
	uint8_t eui64[8];
	size_t len = 0;

	put_eui64(eui64, ns->p.eui64);
	if (ns->p.eui64)
		len += put_desc(buf + len, NVME_NIDT_EUI64, eui64, sizeof(eui64));
	if (!is_zero(ns->p.nguid))
		len += put_desc(buf + len, NVME_NIDT_NGUID, ns->p.nguid, sizeof(ns->p.nguid));
	if (!is_zero(ns->p.uuid))
		len += put_desc(buf + len, NVME_NIDT_UUID, ns->p.uuid, sizeof(ns->p.uuid));
	return len + put_desc(buf + len, NVME_NIDT_CSI, &ns->csi, sizeof(ns->csi));
}
