/* SPDX-License-Identifier: MIT */
/*
 * identify_ctrl.c - the Identify Controller data structures: CNS 01h (NVMe Base 2.1, figure 312)
 * and CNS 06h (NVM Command Set 1.1, section 4.1.5.4). What is supported comes from the rows of the
 * tables.
 */
#include <string.h>

#include "../fdp/fdp.h"
#include "../ns/ns.h"
#include "../pci/pci.h"
#include "tables.h"

#define CTRATT_ELBAS (1u << 15) /* extended LBA formats */
#define CTRATT_MEM (1u << 16)   /* MDTS and size limits exclude metadata */

/* ASCII fields are left justified and padded with spaces (section 1.4.2) */
static void put_ascii(char *field, size_t size, const char *text)
{
	size_t len = strlen(text);

	memset(field, ' ', size);
	memcpy(field, text, len < size ? len : size);
}

static uint16_t cfg16(const struct sim_fn *fn, unsigned int off)
{
	return (uint16_t)(fn->cfg[off] | fn->cfg[off + 1] << 8);
}

void sim_caps_derive(struct sim_ctrl *c)
{
	struct sim_caps *caps = &c->caps;

	*caps = (struct sim_caps){
		.oncs = NVME_CTRL_ONCS_SAVE_FEATURES, /* the Select field of Get Features */
		.lpa = NVME_CTRL_LPA_EXTENDED,	      /* log page offset and 32-bit NUMD */
	};
	for (unsigned int i = 0; i < 256; i++) {
		const struct sim_cmd *admin = sim_cmd_row(c, true, (uint8_t)i);
		const struct sim_cmd *nvm = sim_cmd_row(c, false, (uint8_t)i);

		caps->oacs |= admin ? admin->oacs : 0;
		caps->oncs |= nvm ? nvm->oncs : 0;
	}
	for (unsigned int i = 0; i < sim_nr_feature_rows; i++)
		if (sim_feature_there(c, &sim_feature_rows[i]))
			caps->oncs |= sim_feature_rows[i].oncs;
	for (unsigned int i = 0; i < sim_nr_log_rows; i++)
		caps->lpa |= sim_log_rows[i].lpa;
}

uint32_t sim_oaes(const struct sim_ctrl *c)
{
	return NVME_CTRL_OAES_NA | NVME_CTRL_OAES_LBAS | NVME_CTRL_OAES_ZD |
	       (c->subsys->multi ? NVME_CTRL_OAES_ANA : 0);
}

/*
 * Every state can be reported; each namespace is a group of its own, for ever, and which one is not
 * for the host to choose. MNAN is what NN is: with ANA it must not be 0.
 */
static void identify_ana(struct nvme_id_ctrl *id)
{
	id->cmic |= NVME_CTRL_CMIC_MULTI_ANA_REPORTING;
	id->anatt = SIM_ANATT;
	id->anacap = NVME_CTRL_ANACAP_OPT | NVME_CTRL_ANACAP_NON_OPT |
		     NVME_CTRL_ANACAP_INACCESSIBLE | NVME_CTRL_ANACAP_PERSISTENT_LOSS |
		     NVME_CTRL_ANACAP_CHANGE | NVME_CTRL_ANACAP_GRPID_NO_CHG;
	id->anagrpmax = sim_le32(SIM_NN);
	id->nanagrpid = sim_le32(SIM_NN);
	id->mnan = sim_le32(SIM_NN);
}

/**
 * sim_identify_ctrl() - CNS 01h, Identify Controller data structure
 * Return: 0.
 */
uint16_t sim_identify_ctrl(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	static const uint8_t oui_qemu[3] = { 0x00, 0x54, 0x52 }; /* 52-54-00, LSB first */
	static const uint8_t oui_intel[3] = { 0xb3, 0x02, 0x00 }; /* 00-02-B3 */
	const struct sim_ctrl *c = req->ctrl;
	struct nvme_id_ctrl *id = (struct nvme_id_ctrl *)page;
	uint64_t capacity = sim_le64(c->subsys->capacity);
	uint64_t unallocated = sim_le64(sim_unallocated(c->subsys));

	id->vid = sim_le16(cfg16(c->fn->pf ? c->fn->pf : c->fn, 0x00)); /* a VF's reads as ones */
	id->ssvid = sim_le16(cfg16(c->fn, 0x2c));
	put_ascii(id->sn, sizeof(id->sn), c->p.serial);
	put_ascii(id->mn, sizeof(id->mn), c->p.model);
	put_ascii(id->fr, sizeof(id->fr), c->p.firmware_version);
	id->rab = 6;
	memcpy(id->ieee, c->p.use_intel_id ? oui_intel : oui_qemu, sizeof(id->ieee));
	id->cmic = c->subsys->nr_ctrls > 1 || c->subsys->multi ? NVME_CTRL_CMIC_MULTI_CTRL : 0;
	if (c->fn->pf)
		id->cmic |= NVME_CTRL_CMIC_MULTI_SRIOV;
	if (c->subsys->multi)
		identify_ana(id);
	id->mdts = c->p.mdts;
	id->cntlid = sim_le16(c->cntlid);
	id->ver = sim_le32(SIM_VS_2_1);
	/* what a host may have to wait for is a flush at shutdown; the rest takes microseconds */
	id->rtd3r = sim_le32(100000);
	id->rtd3e = sim_le32(5000000);
	id->oaes = sim_le32(sim_oaes(c));
	id->ctratt = sim_le32(NVME_CTRL_CTRATT_128_ID | NVME_CTRL_CTRATT_NAMESPACE_GRANULARITY |
			      CTRATT_ELBAS | (c->p.ctratt_mem ? CTRATT_MEM : 0));
	if (c->subsys->fdp) {
		id->ctratt |= sim_le32(NVME_CTRL_CTRATT_ENDURANCE_GROUPS | NVME_CTRL_CTRATT_FDPS);
		id->endgidmax = sim_le16(SIM_ENDGID);
	}
	id->cntrltype = NVME_CTRL_CNTRLTYPE_IO;
	id->oacs = sim_le16(c->caps.oacs);
	id->acl = SIM_ACL;
	id->aerl = c->p.aerl;
	id->frmw = NVME_CTRL_FRMW_1ST_RO | 1 << 1; /* one slot */
	id->lpa = c->caps.lpa;
	id->elpe = SIM_ELPE;
	id->npss = 0;
	id->wctemp = sim_le16(SIM_WCTEMP);
	id->cctemp = sim_le16(SIM_CCTEMP);
	if (sim_hmb_there(c)) {
		id->hmpre = sim_le32((uint32_t)(c->p.hmb_size / 4096));
		id->hmmin = sim_le32(SIM_HMMIN);
		id->hmminds = sim_le32(SIM_HMMINDS);
		id->hmmaxd = sim_le16(SIM_HMMAXD);
	}
	memcpy(id->tnvmcap, &capacity, sizeof(capacity));
	memcpy(id->unvmcap, &unallocated, sizeof(unallocated));
	id->kas = sim_le16(SIM_KAS);
	id->sqes = 0x66;
	id->cqes = 0x44;
	id->nn = sim_le32(SIM_NN);
	id->oncs = sim_le16(c->caps.oncs);
	id->fuses = sim_le16(sim_fuses());
	id->nwpc = SIM_NWPC;
	id->fna = SIM_FNA;
	id->awun = sim_le16(c->p.awun);
	id->awupf = sim_le16(c->p.awupf);
	id->acwu = sim_le16(0xffff); /* a fused operation has its blocks alone, however many */
	id->ocfs = sim_le16(sim_copy_formats());
	/* a volatile write cache, whether enabled or not; Flush takes NSID FFFFFFFFh */
	id->vwc = NVME_CTRL_VWC_PRESENT | NVME_CTRL_VWC_FLUSH;
	/*
	 * supported, no alignment or granularity needed; they may be longer than the command, and
	 * MPTR may be the address of bytes (17) or of an SGL descriptor (19)
	 */
	id->sgls = sim_le32(1 | 1 << 17 | 1 << 18 | 1 << 19);
	memcpy(id->subnqn, c->subsys->nqn, strlen(c->subsys->nqn));
	id->psd[0].mp = sim_le16(0x9c4); /* centiwatts */
	id->psd[0].enlat = sim_le32(16);
	id->psd[0].exlat = sim_le32(4);
	return SIM_OK;
}

/**
 * sim_identify_ctrl_nvm() - CNS 06h, CSI 00h: the NVM Command Set's controller data structure
 * Return: 0.
 */
uint16_t sim_identify_ctrl_nvm(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	struct nvme_id_ctrl_nvm *id = (struct nvme_id_ctrl_nvm *)page;
	uint32_t ver = sim_le32(SIM_NVM_VER_1_1);
	uint16_t aocs = sim_le16(SIM_AOCS_RALBAS);

	if (sim_nvm_cmds[nvme_cmd_verify].handler)
		id->vsl = req->ctrl->p.vsl;
	id->wzsl = SIM_WZSL;
	id->dmrl = SIM_DMRL;
	id->dmrsl = sim_le32(SIM_DMRSL);
	id->dmsl = sim_le64(SIM_DMSL);
	memcpy(page + SIM_ID_CTRL_NVM_AOCS, &aocs, sizeof(aocs));
	memcpy(page + SIM_ID_CTRL_NVM_VER, &ver, sizeof(ver));
	return SIM_OK;
}

/**
 * sim_identify_ctrl_zns() - CNS 06h, CSI 02h: Zoned Namespace Command Set 1.1, figure 50
 * Return: 0.
 */
uint16_t sim_identify_ctrl_zns(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	((struct nvme_zns_id_ctrl *)page)->zasl = req->ctrl->p.zasl;
	return SIM_OK;
}
