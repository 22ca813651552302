/* SPDX-License-Identifier: MIT */
/*
 * identify.c - what a namespace says of itself. NVM Command Set 1.1, section 4.1.5; NVMe Base 2.1,
 * section 5.1.13. Nothing is reported that is not there.
 */
#include <string.h>

#include "../fdp/fdp.h"
#include "ns.h"

/* NSFEAT */
#define NSFEAT_NSABP (1u << 1)	 /* NAWUN, NAWUPF, NACWU are the namespace's own */
#define NSFEAT_DAE (1u << 2)	 /* Deallocated or Unwritten Logical Block error */
#define NSFEAT_OPTPERF (3u << 4) /* NPWG to NOWS, and NPDGL, NPDAL (figure 115) */
#define NSFEAT_MAM (1u << 6)
#define NMIC_SHRNS (1u << 0)
#define FLBAS_EXTENDED (1u << 4)
#define MC_BOTH 0x03		/* extended logical blocks, separate metadata */
#define DPC_ALL 0x1f		/* types 1 to 3; first or last bytes of the metadata */
#define DPS_FIRST (1u << 3)
#define FPI_SUPPORTED (1u << 7)
#define DLFEAT_READ_ZEROES 0x01 /* bits 2:0: a deallocated block reads as zeroes */
#define DLFEAT_WZDS (1u << 3)	/* Write Zeroes honours DEAC */
#define NSATTR_WRITE_PROTECTED (1u << 0)
#define NSTAT_NRDY (1u << 0) /* ready */

/* PIC: storage tags with guards of 16 bits too, STCR of Copy, QPIF; PIFA 0: bit by bit masks */
#define PIC_16BPISTS (1u << 0)
#define PIC_STCRS (1u << 2)
#define PIC_QPIFS (1u << 3)

#define DISCARD_GRANULARITY 4096u /* a page of memory, a block of most file systems */

/* number of logical blocks in @bytes, at least 1 */
static uint32_t blocks(const struct sim_ns *ns, uint64_t bytes)
{
	uint64_t n = bytes >> ns->lbads;

	return n ? (uint32_t)n : 1;
}

/* the same as a 0's based number of 16 bits: FFFFh where that is not enough */
static uint16_t blocks_0(const struct sim_ns *ns, uint64_t bytes)
{
	uint32_t n = blocks(ns, bytes) - 1;

	return sim_le16(n < 0xffff ? (uint16_t)n : 0xffff);
}

static uint64_t round_up(uint64_t bytes, uint64_t to)
{
	return (bytes + to - 1) / to * to;
}

/* bytes that are good to write, at once: what is configured, and whole physical blocks */
static uint64_t write_granularity(const struct sim_ns *ns)
{
	return round_up(ns->p.min_io_size ? ns->p.min_io_size : 1, ns->p.physical_block_size);
}

/* and that are good to deallocate */
static uint64_t discard_granularity(const struct sim_ns *ns)
{
	uint32_t bytes = ns->p.discard_granularity;

	if (bytes == UINT32_MAX || !bytes)
		bytes = DISCARD_GRANULARITY;
	return round_up(bytes, ns->p.physical_block_size);
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

static uint8_t nsattr(const struct sim_ns *ns)
{
	return ns->p.store->readonly || atomic_load(&ns->wp) ? NSATTR_WRITE_PROTECTED : 0;
}

static uint16_t endgid(const struct sim_ns *ns)
{
	return ns->subsys->fdp ? sim_le16(SIM_ENDGID) : 0;
}

static uint8_t fpi(const struct sim_ns *ns)
{
	return (uint8_t)(FPI_SUPPORTED | atomic_load(&ns->format_left));
}

/* what is the same for all namespaces, whatever their format */
static void fill_formats(const struct sim_lbaf *lbafs, uint8_t nlbaf, struct nvme_id_ns *id)
{
	id->nlbaf = (uint8_t)(nlbaf - 1);
	id->mc = MC_BOTH;
	id->dpc = DPC_ALL;
	for (unsigned int i = 0; i < nlbaf; i++)
		id->lbaf[i] = (struct nvme_lbaf){ .ms = sim_le16(lbafs[i].ms),
						  .ds = lbafs[i].lbads,
						  .rp = lbafs[i].rp };
}

static uint32_t elbaf(const struct sim_lbaf *f)
{
	if (f->qualified)
		return f->sts | SIM_ELBAF_PIF_QUALIFIED << SIM_ELBAF_PIF_SHIFT |
		       (uint32_t)f->pif << SIM_ELBAF_QPIF_SHIFT;
	return f->sts | (uint32_t)f->pif << SIM_ELBAF_PIF_SHIFT;
}

static void fill_elbafs(const struct sim_lbaf *lbafs, uint8_t nlbaf, struct nvme_nvm_id_ns *id)
{
	id->pic = PIC_16BPISTS | PIC_STCRS | PIC_QPIFS;
	for (unsigned int i = 0; i < nlbaf; i++)
		id->elbaf[i] = sim_le32(elbaf(&lbafs[i]));
}

/*
 * Identify Namespace data structure (CNS 00h, figure 114). THINP is 0: the whole of NSZE is
 * promised (NCAP), and NUSE tells what of it is allocated. A deallocated block's protection
 * information is all ones: DLFEAT's GDS is 0. Fields of what is not there stay 0 (NVM sets,
 * endurance groups, Key Per I/O).
 */
void sim_ns_fill_id(const struct sim_ns *ns, struct nvme_id_ns *id)
{
	const struct sim_ns_params *p = &ns->p;
	uint64_t bytes = sim_le64(ns->capacity), unit = write_granularity(ns);

	fill_formats(ns->lbafs, ns->nlbaf, id);
	id->nsze = sim_le64(ns->nsze);
	id->ncap = sim_le64(ns->ncap);
	id->nuse = sim_le64(atomic_load(&ns->media.blocks.nr_alloc));
	id->nsfeat = NSFEAT_DAE | NSFEAT_OPTPERF;
	if (sim_ns_atomic(p)) {
		id->nsfeat |= NSFEAT_NSABP | (p->mam ? NSFEAT_MAM : 0);
		id->nawun = sim_le16(p->nawun);
		id->nawupf = sim_le16(p->nawupf);
	}
	id->nabsn = sim_le16(p->nabsn);
	id->nabspf = sim_le16(p->nabspf);
	id->nabo = sim_le16(p->nabo);
	id->flbas = (uint8_t)(ns->lbaf | (ns->extended ? FLBAS_EXTENDED : 0));
	id->dps = (uint8_t)(ns->pi.type | (ns->pi_first ? DPS_FIRST : 0));
	id->nmic = p->shared ? NMIC_SHRNS : 0;
	id->rescap = sim_resv_rescap();
	id->fpi = fpi(ns);
	id->dlfeat = DLFEAT_READ_ZEROES | DLFEAT_WZDS;
	memcpy(id->nvmcap, &bytes, sizeof(bytes));
	id->npwg = blocks_0(ns, unit);
	id->npwa = id->npwg;
	id->npdg = blocks_0(ns, discard_granularity(ns));
	id->npda = id->npdg;
	id->nows = blocks_0(ns, round_up(p->opt_io_size ? p->opt_io_size : 1, unit));
	id->mssrl = sim_le16(p->mssrl);
	id->mcl = sim_le32(p->mcl);
	id->msrc = p->msrc;
	id->anagrpid = ns->subsys->multi ? sim_le32(ns->anagrpid) : 0;
	id->nsattr = nsattr(ns);
	id->endgid = endgid(ns);
	memcpy(id->nguid, p->nguid, sizeof(id->nguid));
	put_eui64(id->eui64, p->eui64);
}

/* I/O Command Set Independent Identify Namespace data structure (base, CNS 08h) */
void sim_ns_fill_independent(const struct sim_ns *ns, struct nvme_id_independent_id_ns *id)
{
	id->nmic = ns->p.shared ? NMIC_SHRNS : 0;
	id->rescap = sim_resv_rescap();
	id->fpi = fpi(ns);
	id->anagrpid = ns->subsys->multi ? sim_le32(ns->anagrpid) : 0;
	id->nsattr = nsattr(ns);
	id->endgid = endgid(ns);
	id->nstat = NSTAT_NRDY;
}

/*
 * I/O Command Set specific Identify Namespace data structure (CNS 05h, CSI 0; figure 118): storage
 * tags, protection information capabilities, extended formats, and the deallocation hints that may
 * need more than 16 bits (which are not 0's based).
 */
void sim_ns_fill_nvm(const struct sim_ns *ns, struct nvme_nvm_id_ns *id)
{
	uint32_t discard = sim_le32(blocks(ns, discard_granularity(ns)));

	id->lbstm = sim_le64(ns->pi.lbstm);
	fill_elbafs(ns->lbafs, ns->nlbaf, id);
	memcpy((uint8_t *)id + SIM_ID_NS_NVM_NPDGL, &discard, sizeof(discard));
	memcpy((uint8_t *)id + SIM_ID_NS_NVM_NPDAL, &discard, sizeof(discard));
}

/*
 * The same two for NSID FFFFFFFFh, and for a Format Index (CNS 09h, 0Ah): the fields figures 114
 * and 118 mark as reported.
 */
void sim_ns_fill_common(struct nvme_id_ns *id, struct nvme_nvm_id_ns *nvm)
{
	struct sim_lbaf lbafs[SIM_LBAF_MAX];
	uint8_t nlbaf = sim_ns_formats(lbafs, NULL);

	if (id) {
		fill_formats(lbafs, nlbaf, id);
		id->nmic = NMIC_SHRNS;
	}
	if (nvm)
		fill_elbafs(lbafs, nlbaf, nvm);
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
