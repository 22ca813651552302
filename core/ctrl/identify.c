/* SPDX-License-Identifier: MIT */
/*
 * identify.c - Identify (NVMe Base 2.1, section 5.1.13): the table of CNS values, and the lists.
 */
#include <string.h>

#include "../fdp/fdp.h"
#include "../ns/ns.h"
#include "tables.h"

#define CNS_CNTID(req) ((uint16_t)((req)->sqe.cdw10 >> 16))
#define CNS_CSI(req) ((uint8_t)((req)->sqe.cdw11 >> 24))
#define CTRL_LIST_MAX 2047

#define CSI_NVM (1u << NVME_CSI_NVM)
#define CSI_ZNS (1u << NVME_CSI_ZNS)
#define CSI_ANY (CSI_NVM | CSI_ZNS)

static uint16_t id_ns(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	struct nvme_id_ns *id = (struct nvme_id_ns *)page;

	if (!ns) {
		sim_ns_fill_common(id, NULL);
		return SIM_OK;
	}
	sim_ns_fill_id(ns, id);
	if (sim_ana_hides_capacity(req->ctrl, ns)) {
		id->nuse = 0;
		memset(id->nvmcap, 0, sizeof(id->nvmcap));
	}
	return SIM_OK;
}

static uint16_t id_ns_descs(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	sim_ns_fill_descs(ns, page);
	return SIM_OK;
}

static uint16_t id_ns_nvm(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	if (ns)
		sim_ns_fill_nvm(ns, (struct nvme_nvm_id_ns *)page);
	else
		sim_ns_fill_common(NULL, (struct nvme_nvm_id_ns *)page);
	return SIM_OK;
}

/* a zoned namespace has both; one of the NVM Command Set has no such structure */
static uint16_t id_ns_zns(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	if (ns && !ns->zones)
		return sim_bad_field(req, SIM_PEL_CDW(11, 24));
	if (ns)
		sim_ns_fill_zns(ns, (struct nvme_zns_id_ns *)page);
	else
		sim_ns_fill_zns_common(req->ctrl->subsys, (struct nvme_zns_id_ns *)page);
	return SIM_OK;
}

static uint16_t id_ns_independent(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	sim_ns_fill_independent(ns, (struct nvme_id_independent_id_ns *)page);
	return SIM_OK;
}

/* Namespace List: up to 1,024 NSIDs above the one given, in order; with @csi, of that set only */
static void ns_list(struct sim_req *req, bool attached, bool csi, uint8_t *page)
{
	const struct sim_ctrl *c = req->ctrl;
	uint32_t *list = (uint32_t *)page;
	unsigned int n = 0;

	_Static_assert(SIM_NN <= 4096 / sizeof(uint32_t), "all of them fit");
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		const struct sim_ns *ns = c->subsys->ns[nsid];

		if (nsid <= req->sqe.nsid || !ns)
			continue;
		if (attached && !sim_ns_attached(c, nsid))
			continue;
		if (csi && ns->csi != CNS_CSI(req))
			continue;
		list[n++] = sim_le32(nsid);
	}
}

static uint16_t id_active_list(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	ns_list(req, true, false, page);
	return SIM_OK;
}

static uint16_t id_active_list_csi(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	ns_list(req, true, true, page);
	return SIM_OK;
}

static uint16_t id_allocated_list(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	ns_list(req, false, false, page);
	return SIM_OK;
}

static uint16_t id_allocated_list_csi(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	ns_list(req, false, true, page);
	return SIM_OK;
}

/* Controller List: identifiers from CDW10.CNTID on; those @ns is attached to, or all */
static uint16_t id_ctrl_list(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	const struct sim_subsys *s = req->ctrl->subsys;
	uint16_t *list = (uint16_t *)page; /* the number of identifiers, then they */
	unsigned int n = 0;

	_Static_assert(SIM_MAX_CTRL <= CTRL_LIST_MAX, "all of them fit");
	for (unsigned int id = CNS_CNTID(req); id < SIM_MAX_CTRL; id++)
		if (s->ctrl[id] && (!ns || sim_ns_attached(s->ctrl[id], ns->nsid)))
			list[++n] = sim_le16((uint16_t)id);
	list[0] = sim_le16((uint16_t)n);
	return SIM_OK;
}

/*
 * CNS 09h and 0Ah: the same two for a User Data Format Index (CDW11 bits 15:0), of the formats that
 * every namespace offers. These have their capabilities in common.
 */
static uint16_t check_format_index(struct sim_req *req)
{
	struct sim_lbaf lbafs[SIM_LBAF_MAX];
	uint16_t index = (uint16_t)req->sqe.cdw11;

	return index < sim_ns_formats(lbafs, NULL) ? SIM_OK :
						     sim_bad_field(req, SIM_PEL_CDW(11, 0));
}

static uint16_t id_format(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	sim_ns_fill_common((struct nvme_id_ns *)page, NULL);
	return check_format_index(req);
}

static uint16_t id_format_nvm(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	sim_ns_fill_common(NULL, (struct nvme_nvm_id_ns *)page);
	return check_format_index(req);
}

static uint16_t id_format_zns(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	sim_ns_fill_zns_common(req->ctrl->subsys, (struct nvme_zns_id_ns *)page);
	return check_format_index(req);
}

/*
 * Namespace Granularity List (NVM Command Set 1.1, section 4.1.5.8): one descriptor for all
 * formats, of the units NVMCAP is in. The number of descriptors is 0's based.
 */
static uint16_t id_granularity(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	struct nvme_id_ns_granularity_list *list = (struct nvme_id_ns_granularity_list *)page;

	list->entry[0].nszegran = sim_le64(SIM_NS_GRANULARITY);
	list->entry[0].ncapgran = sim_le64(SIM_NS_GRANULARITY);
	return SIM_OK;
}

/*
 * I/O Command Set data structure (CNS 1Ch): the combinations that feature 19h chooses from. The first
 * is in effect after a reset. CNTID FFFFh is the controller that processes the command.
 */
static const uint8_t iocs_vectors[] = { CSI_NVM | CSI_ZNS, CSI_NVM, CSI_ZNS };
#define NR_VECTORS (sizeof(iocs_vectors) / sizeof(iocs_vectors[0]))

uint64_t sim_iocs_vector(unsigned int i)
{
	return i < NR_VECTORS ? iocs_vectors[i] : 0;
}

static uint16_t id_command_sets(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	uint16_t cntid = CNS_CNTID(req);

	if (cntid != 0xffff && (cntid >= SIM_MAX_CTRL || !req->ctrl->subsys->ctrl[cntid]))
		return sim_bad_field(req, SIM_PEL_CDW(10, 16));
	for (unsigned int i = 0; i < NR_VECTORS; i++) {
		uint64_t vector = sim_le64(iocs_vectors[i]);

		memcpy(page + i * sizeof(vector), &vector, sizeof(vector));
	}
	return SIM_OK;
}

/* Endurance Group List (CNS 19h): identifiers from CDW11.CNSSI on; there is one at most */
static uint16_t id_endurance_list(struct sim_req *req, struct sim_ns *ns, uint8_t *page)
{
	struct nvme_id_endurance_group_list *list = (struct nvme_id_endurance_group_list *)page;

	if (!req->ctrl->subsys->fdp)
		return sim_bad_field(req, SIM_PEL_CDW(10, 0));
	if ((uint16_t)req->sqe.cdw11 > SIM_ENDGID)
		return SIM_OK;
	list->num = 1;
	list->identifier[0] = sim_le16(SIM_ENDGID);
	return SIM_OK;
}

const struct sim_identify sim_identify_rows[] = {
	{ 0x00, 0, SIM_CNS_ACTIVE_OR_COMMON, "Identify Namespace", id_ns },
	{ 0x01, 0, SIM_CNS_UNUSED, "Identify Controller", sim_identify_ctrl },
	{ 0x02, 0, SIM_CNS_START, "Active Namespace ID list", id_active_list },
	{ 0x03, 0, SIM_CNS_ACTIVE_ONLY, "Namespace Identification Descriptor list",
	  id_ns_descs },
	{ 0x05, CSI_NVM, SIM_CNS_ACTIVE_OR_COMMON, "I/O Command Set specific Identify Namespace",
	  id_ns_nvm },
	{ 0x05, CSI_ZNS, SIM_CNS_ACTIVE_OR_COMMON,
	  "I/O Command Set specific Identify Namespace, Zoned Namespaces", id_ns_zns },
	{ 0x06, CSI_NVM, SIM_CNS_UNUSED, "I/O Command Set specific Identify Controller",
	  sim_identify_ctrl_nvm },
	{ 0x06, CSI_ZNS, SIM_CNS_UNUSED,
	  "I/O Command Set specific Identify Controller, Zoned Namespaces", sim_identify_ctrl_zns },
	{ 0x07, CSI_ANY, SIM_CNS_START, "I/O Command Set specific Active Namespace ID list",
	  id_active_list_csi },
	{ 0x08, 0, SIM_CNS_ACTIVE, "I/O Command Set Independent Identify Namespace",
	  id_ns_independent },
	{ 0x09, 0, SIM_CNS_UNUSED, "Identify Namespace for a User Data Format index",
	  id_format },
	{ 0x0a, CSI_NVM, SIM_CNS_UNUSED,
	  "I/O Command Set specific Identify Namespace for a User Data Format index",
	  id_format_nvm },
	{ 0x0a, CSI_ZNS, SIM_CNS_UNUSED,
	  "I/O Command Set specific Identify Namespace for a User Data Format index, Zoned Namespaces",
	  id_format_zns },
	{ 0x10, 0, SIM_CNS_START, "Allocated Namespace ID list", id_allocated_list },
	{ 0x11, 0, SIM_CNS_ALLOCATED, "Identify Namespace for an allocated NSID", id_ns },
	{ 0x12, 0, SIM_CNS_ALLOCATED_ONLY, "Namespace Attached Controller list", id_ctrl_list },
	{ 0x13, 0, SIM_CNS_UNUSED, "Controller list", id_ctrl_list },
	{ 0x14, 0, SIM_CNS_UNUSED, "Primary Controller Capabilities", sim_id_primary_caps },
	{ 0x15, 0, SIM_CNS_UNUSED, "Secondary Controller list", sim_id_secondary_list },
	{ 0x16, 0, SIM_CNS_UNUSED, "Namespace Granularity List", id_granularity },
	{ 0x19, 0, SIM_CNS_UNUSED, "Endurance Group List", id_endurance_list },
	{ 0x1a, CSI_ANY, SIM_CNS_START, "I/O Command Set specific Allocated Namespace ID list",
	  id_allocated_list_csi },
	{ 0x1b, CSI_NVM, SIM_CNS_ALLOCATED,
	  "I/O Command Set specific Identify Namespace for an allocated NSID", id_ns_nvm },
	{ 0x1b, CSI_ZNS, SIM_CNS_ALLOCATED,
	  "I/O Command Set specific Identify Namespace for an allocated NSID, Zoned Namespaces",
	  id_ns_zns },
	{ 0x1c, 0, SIM_CNS_UNUSED, "I/O Command Set data structure", id_command_sets },
	{ 0x1f, 0, SIM_CNS_ALLOCATED,
	  "I/O Command Set Independent Identify Namespace for an allocated NSID",
	  id_ns_independent },
};
const unsigned int sim_nr_identify_rows = sizeof(sim_identify_rows) / sizeof(sim_identify_rows[0]);

/*
 * The NSID rules (sections 3.2.1.3 to 3.2.1.6): what is not a valid NSID is an invalid namespace;
 * one that is valid but not what the row wants is described by zeroes, or is an invalid field.
 * Return: 0 with *@ns set, or NULL where zeroes describe it; or a status.
 */
static uint16_t identify_nsid(struct sim_req *req, const struct sim_identify *row,
			      struct sim_ns **ns)
{
	uint32_t nsid = req->sqe.nsid;
	uint16_t status = SIM_OK;

	*ns = NULL;
	switch (row->nsid) {
	case SIM_CNS_UNUSED:
		break;
	case SIM_CNS_START:
		if (nsid >= 0xfffffffe)
			status = SIM_INVALID_NS;
		break;
	case SIM_CNS_ALLOCATED_ONLY:
		if (nsid == SIM_NSID_ALL) {
			status = SIM_INVALID_FIELD;
			break;
		}
		/* fall through */
	default:
		if (row->nsid == SIM_CNS_ACTIVE_OR_COMMON && nsid == SIM_NSID_ALL)
			break;
		if (!nsid || nsid > SIM_NN) {
			status = SIM_INVALID_NS;
			break;
		}
		*ns = row->nsid == SIM_CNS_ALLOCATED || row->nsid == SIM_CNS_ALLOCATED_ONLY ?
			      req->ctrl->subsys->ns[nsid] :
			      sim_ctrl_ns(req->ctrl, nsid);
		if (!*ns &&
		    (row->nsid == SIM_CNS_ACTIVE_ONLY || row->nsid == SIM_CNS_ALLOCATED_ONLY))
			status = SIM_INVALID_FIELD;
	}
	if (status)
		req->err_loc = SIM_PEL_NSID;
	return status;
}

/* whether zeroes are the whole answer where there is no namespace */
static bool identify_takes_ns(const struct sim_req *req, const struct sim_identify *row)
{
	if (row->nsid == SIM_CNS_ACTIVE_OR_COMMON)
		return req->sqe.nsid != SIM_NSID_ALL;
	return row->nsid != SIM_CNS_UNUSED && row->nsid != SIM_CNS_START;
}

static bool takes_csi(const struct sim_identify *row, uint8_t csi)
{
	return !row->csi || (csi < 8 && row->csi >> csi & 1);
}

/**
 * sim_identify() - Identify command
 *
 * NVMe Base 2.1, section 5.1.13: CNS is in CDW10 bits 7:0, CNTID in 31:16; CSI in CDW11 31:24.
 * Return: a status.
 */
uint16_t sim_identify(struct sim_req *req)
{
	uint8_t cns = (uint8_t)req->sqe.cdw10;
	const struct sim_identify *row = NULL;
	_Alignas(8) uint8_t page[4096];
	struct sim_ns *ns;
	bool other = false;
	uint16_t status;

	for (unsigned int i = 0; i < sim_nr_identify_rows && !row; i++) {
		if (sim_identify_rows[i].cns != cns)
			continue;
		if (takes_csi(&sim_identify_rows[i], CNS_CSI(req)))
			row = &sim_identify_rows[i];
		other = true;
	}
	if (!row)
		return sim_bad_field(req, other ? SIM_PEL_CDW(11, 24) : SIM_PEL_CDW(10, 0));
	status = identify_nsid(req, row, &ns);
	if (status)
		return status;

	memset(page, 0, sizeof(page));
	if (ns || !identify_takes_ns(req, row)) {
		status = row->fill(req, ns, page);
		if (status)
			return status;
	}
	return sim_xfer(req, SIM_DMA_WRITE, page, sizeof(page));
}
