/* SPDX-License-Identifier: MIT */
/*
 * ids.c - what else is to be said of a namespace, asked of the controller when somebody wants to
 * know.
 */
#include <string.h>

#include "internal.h"

#define PATIENCE_MS                                                                                \
	1000 /* with a controller that cannot answer, as one without Bus Master Enable */

#define NSID_DESC_HEAD 4u

static int identify(struct host_dev *dev, uint32_t nsid, uint8_t cns, uint8_t page[HOST_PAGE])
{
	struct nvme_passthru_cmd64 cmd = {
		.opcode = nvme_admin_identify,
		.nsid = nsid,
		.addr = (uintptr_t)page,
		.data_len = HOST_PAGE,
		.cdw10 = cns,
		.timeout_ms = PATIENCE_MS,
	};

	return host_admin_sync(dev, &cmd) ? -EIO : 0;
}

/* NVMe base 2.1, figure 315: Namespace Identification Descriptor */
static void take(struct host_ns_ids *ids, uint8_t nidt, const uint8_t *nid, uint8_t len)
{
	if (nidt == NVME_NIDT_UUID && len == sizeof(ids->uuid)) {
		memcpy(ids->uuid, nid, len);
		ids->has_uuid = true;
	} else if (nidt == NVME_NIDT_NGUID && len == sizeof(ids->nguid)) {
		memcpy(ids->nguid, nid, len);
		ids->has_nguid = true;
	} else if (nidt == NVME_NIDT_EUI64 && len == sizeof(ids->eui64)) {
		memcpy(ids->eui64, nid, len);
		ids->has_eui64 = true;
	}
}

int host_ns_ids(struct host_dev *dev, uint32_t nsid, struct host_ns_ids *ids)
{
	uint8_t page[HOST_PAGE];
	const struct nvme_id_ns *id = (const struct nvme_id_ns *)page;
	unsigned int at = 0;

	memset(ids, 0, sizeof(*ids));
	if (identify(dev, nsid, NVME_IDENTIFY_CNS_NS, page))
		return -EIO;
	memcpy(&ids->nuse, (const char *)id + offsetof(struct nvme_id_ns, nuse), sizeof(ids->nuse));
	ids->nuse = sim_le64(ids->nuse);
	if (identify(dev, nsid, NVME_IDENTIFY_CNS_NS_DESC_LIST, page))
		return -EIO;
	while (at + NSID_DESC_HEAD <= sizeof(page) && page[at + 1] &&
	       at + NSID_DESC_HEAD + page[at + 1] <= sizeof(page)) {
		take(ids, page[at], page + at + NSID_DESC_HEAD, page[at + 1]);
		at += NSID_DESC_HEAD + page[at + 1];
	}
	return 0;
}
