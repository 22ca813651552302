/* SPDX-License-Identifier: MIT */
/*
 * allowed.c - command effects, and what a caller without CAP_SYS_ADMIN may send: Linux's
 * nvme_command_effects() and nvme_cmd_allowed() (since 6.2).
 */
#include <string.h>

#include "internal.h"

#define OPC_VENDOR 0x80 /* and everything above: also Format NVM, Security, Sanitize */

#define EFF_SUPPORTED NVME_CMD_EFFECTS_CSUPP
#define EFF_LBCC NVME_CMD_EFFECTS_LBCC
#define EFF_HARMLESS (EFF_SUPPORTED | EFF_LBCC | 1u << 19 /* UUID */ | 0xfff00000u /* scope */)

/* effects no log needs to tell */
static const struct {
	bool admin;
	uint8_t opcode;
	uint32_t effects;
} known[] = {
	{ true, nvme_admin_format_nvm,
	  EFF_LBCC | NVME_CMD_EFFECTS_NCC | NVME_CMD_EFFECTS_CSE_MASK },
	{ true, nvme_admin_sanitize_nvm, EFF_LBCC | NVME_CMD_EFFECTS_CSE_MASK },
	{ false, nvme_cmd_write, EFF_LBCC },
	{ false, nvme_cmd_write_uncor, EFF_LBCC },
	{ false, nvme_cmd_write_zeroes, EFF_LBCC },
};

static void add_known(struct host_dev *dev, bool admin, _Atomic uint32_t *effects)
{
	unsigned int i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].admin == admin)
			effects[known[i].opcode] |= known[i].effects;
	}
}

void host_effects_reset(struct host_dev *dev)
{
	unsigned int csi, i;

	for (i = 0; i < 256; i++)
		dev->admin_effects[i] = dev->io_any[i] = 0;
	add_known(dev, true, dev->admin_effects);
	for (csi = 0; csi < HOST_NR_CSI; csi++) {
		for (i = 0; i < 256; i++)
			dev->io_effects[csi][i] = 0;
		add_known(dev, false, dev->io_effects[csi]);
		dev->io_effects_read[csi] = false;
	}
}

void host_effects_store(struct host_dev *dev, uint8_t csi, const struct nvme_cmd_effects_log *log)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		if (csi == NVME_CSI_NVM)
			dev->admin_effects[i] = sim_le32(log->acs[i]);
		dev->io_effects[csi][i] = sim_le32(log->iocs[i]);
	}
	add_known(dev, true, dev->admin_effects);
	add_known(dev, false, dev->io_effects[csi]);
	for (i = 0; i < 256; i++)
		dev->io_any[i] |= dev->io_effects[csi][i];
	dev->io_effects_read[csi] = true;
}

uint32_t host_effects(struct host_dev *dev, bool admin, uint32_t nsid, uint8_t opcode)
{
	struct host_ns ns;

	if (admin)
		return dev->admin_effects[opcode];
	if (!host_ns_get(dev, nsid, &ns) || ns.csi >= HOST_NR_CSI)
		return 0;
	return dev->io_effects[ns.csi][opcode];
}

/* what an unprivileged program needs to form proper I/O commands, and nothing it should not see */
static bool identify_allowed(uint8_t cns)
{
	static const uint8_t allowed[] = {
		NVME_IDENTIFY_CNS_NS,
		NVME_IDENTIFY_CNS_CTRL,
		NVME_IDENTIFY_CNS_CSI_NS,
		NVME_IDENTIFY_CNS_CSI_CTRL,
		NVME_IDENTIFY_CNS_CSI_INDEPENDENT_ID_NS,
	};

	return memchr(allowed, cns, sizeof(allowed));
}

bool host_cmd_allowed(struct host_dev *dev, const struct host_client *cl, bool admin,
		      const struct host_sqe *sqe)
{
	uint32_t effects;

	if (cl->privileged)
		return true;
	if (sqe->opcode >= OPC_VENDOR || sqe->opcode == nvme_admin_fabrics)
		return false;
	if (admin)
		return sqe->opcode == nvme_admin_identify &&
		       identify_allowed((uint8_t)sim_le32(sqe->cdw10));
	effects = host_effects(dev, false, sim_le32(sqe->nsid), sqe->opcode);
	if (!(effects & EFF_SUPPORTED) || effects & ~EFF_HARMLESS)
		return false;
	return cl->writable || !(host_is_write(sqe->opcode) || effects & EFF_LBCC);
}
