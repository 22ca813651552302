/* SPDX-License-Identifier: MIT */
/*
 * pci.c - what a driver does in configuration space: memory space, bus master, MSI-X.
 * PCI Local Bus Specification 3.0, 6.1 (header), 6.7 (capabilities), 6.8.2 (MSI-X).
 */
#include <stdio.h>

#include "internal.h"

#define CFG_COMMAND 0x04
#define CFG_COMMAND_MEMORY 0x0002u
#define CFG_COMMAND_MASTER 0x0004u
#define CFG_COMMAND_INTX_OFF 0x0400u
#define CFG_STATUS 0x06
#define CFG_STATUS_CAP_LIST 0x0010u
#define CFG_CAP_PTR 0x34
#define CAP_ID_PM 0x01
#define CAP_ID_EXP 0x10
#define CAP_ID_MSIX 0x11
#define EXT_CAP_ID_SRIOV 0x10
#define EXT_CAPS 0x100
#define PM_PMCSR 0x04
#define PMCSR_STATE 0x0003u
#define EXP_DEVCAP 0x04
#define DEVCAP_FLR (1u << 28)
#define EXP_DEVCTL 0x08
#define DEVCTL_FLR 0x8000u
#define MSIX_CTRL 0x02
#define MSIX_CTRL_ENABLE 0x8000u
#define MSIX_CTRL_MASK_ALL 0x4000u
#define MSIX_CTRL_SIZE 0x07ffu
#define MSIX_TABLE 0x04
#define MSIX_TABLE_BIR 0x7u
#define MSIX_ENTRY 16u

#define MSI_ADDR 0xfee00000u /* nobody decodes it: messages come to host_msix() */
#define MSI_DATA 0x4e00u     /* | vector */

static uint32_t find_cap(struct sim_fn *fn, uint8_t id)
{
	uint32_t off;
	unsigned int hops = 48; /* a list that loops ends too */

	if (!(sim_cfg_read(fn, CFG_STATUS, 2) & CFG_STATUS_CAP_LIST))
		return 0;
	for (off = sim_cfg_read(fn, CFG_CAP_PTR, 1) & ~3u; off && hops--;
	     off = sim_cfg_read(fn, off + 1, 1) & ~3u) {
		if (sim_cfg_read(fn, off, 1) == id)
			return off;
	}
	return 0;
}

static uint32_t find_ext_cap(struct sim_fn *fn, uint16_t id)
{
	uint32_t off = EXT_CAPS, head;
	unsigned int hops = 48;

	while (off && hops--) {
		head = sim_cfg_read(fn, off, 4);
		if (!head || head == UINT32_MAX)
			return 0;
		if ((head & 0xffff) == id)
			return off;
		off = head >> 20 & ~3u;
	}
	return 0;
}

/* ---- function level reset ------------------------------------------------------------------ */

/* what pci_save_state() keeps, in the order in which it can be written again: BARs before what
 * enables them, page size and NumVFs before VF Enable. The driver sets up MSI-X anew. */
static const struct kept {
	bool ext;
	uint8_t id; /* 0: the header */
	uint8_t off, size;
} kept[] = {
	{ false, 0, 0x10, 4 }, { false, 0, 0x14, 4 }, { false, 0, 0x18, 4 }, { false, 0, 0x1c, 4 },
	{ false, 0, 0x20, 4 }, { false, 0, 0x24, 4 }, { false, 0, 0x0c, 1 }, { false, 0, 0x3c, 1 },
	{ false, CAP_ID_EXP, EXP_DEVCTL, 2 }, { false, CAP_ID_EXP, 0x10, 2 },
	{ false, CAP_ID_EXP, 0x28, 2 }, { false, CAP_ID_EXP, 0x30, 2 },
	{ false, 0, CFG_COMMAND, 2 },
	{ true, EXT_CAP_ID_SRIOV, 0x20, 4 }, { true, EXT_CAP_ID_SRIOV, 0x24, 4 },
	{ true, EXT_CAP_ID_SRIOV, 0x28, 4 }, { true, EXT_CAP_ID_SRIOV, 0x2c, 4 },
	{ true, EXT_CAP_ID_SRIOV, 0x30, 4 }, { true, EXT_CAP_ID_SRIOV, 0x34, 4 },
	{ true, EXT_CAP_ID_SRIOV, 0x38, 4 }, { true, EXT_CAP_ID_SRIOV, 0x10, 2 },
	{ true, EXT_CAP_ID_SRIOV, 0x08, 2 },
};
#define NR_KEPT (sizeof(kept) / sizeof(kept[0]))

static uint32_t kept_at(struct sim_fn *fn, const struct kept *k)
{
	uint32_t cap = 0;

	if (!k->id)
		return k->off;
	cap = k->ext ? find_ext_cap(fn, k->id) : find_cap(fn, k->id);
	return cap ? cap + k->off : 0;
}

int host_fn_reset(struct sim_fn *fn)
{
	uint32_t at[NR_KEPT], val[NR_KEPT], exp;
	unsigned int i;

	if (sim_cfg_read(fn, CFG_COMMAND, 2) == 0xffff)
		return -ENODEV;
	exp = find_cap(fn, CAP_ID_EXP);
	if (!exp || !(sim_cfg_read(fn, exp + EXP_DEVCAP, 4) & DEVCAP_FLR))
		return -ENOTTY;
	for (i = 0; i < NR_KEPT; i++) {
		at[i] = kept_at(fn, &kept[i]);
		val[i] = at[i] ? sim_cfg_read(fn, at[i], kept[i].size) : 0;
	}
	sim_cfg_write(fn, exp + EXP_DEVCTL, 2, sim_cfg_read(fn, exp + EXP_DEVCTL, 2) | DEVCTL_FLR);
	for (i = 0; i < NR_KEPT; i++)
		if (at[i])
			sim_cfg_write(fn, at[i], kept[i].size, val[i]);
	return 0;
}

/* ---- enabling ------------------------------------------------------------------------------- */

/* the table's entries, each with a message of its own; masked while that is done */
static void msix_enable(struct host_dev *dev, uint32_t cap)
{
	struct sim_fn *fn = dev->fn;
	uint32_t ctrl = sim_cfg_read(fn, cap + MSIX_CTRL, 2);
	uint32_t table = sim_cfg_read(fn, cap + MSIX_TABLE, 4);
	unsigned int bir = table & MSIX_TABLE_BIR, size = (ctrl & MSIX_CTRL_SIZE) + 1, i;

	dev->nr_vectors = (uint16_t)(size < dev->max_io + 1 ? size : dev->max_io + 1);
	ctrl |= MSIX_CTRL_ENABLE;
	sim_cfg_write(fn, cap + MSIX_CTRL, 2, ctrl | MSIX_CTRL_MASK_ALL);
	for (i = 0; i < dev->nr_vectors; i++) {
		uint64_t entry = (table & ~MSIX_TABLE_BIR) + i * MSIX_ENTRY;

		sim_mmio_write(fn, bir, entry, 4, MSI_ADDR);
		sim_mmio_write(fn, bir, entry + 4, 4, 0);
		sim_mmio_write(fn, bir, entry + 8, 4, MSI_DATA | i);
		sim_mmio_write(fn, bir, entry + 12, 4, 0);
	}
	sim_cfg_write(fn, cap + MSIX_CTRL, 2, ctrl & ~MSIX_CTRL_MASK_ALL);
}

int host_pci_enable(struct host_dev *dev, struct sim_msg *msg)
{
	uint32_t cap = find_cap(dev->fn, CAP_ID_MSIX), pm = find_cap(dev->fn, CAP_ID_PM), cmd;

	if (pm && sim_cfg_read(dev->fn, pm + PM_PMCSR, 2) & PMCSR_STATE)
		sim_cfg_write(dev->fn, pm + PM_PMCSR, 2,
			      sim_cfg_read(dev->fn, pm + PM_PMCSR, 2) & ~PMCSR_STATE);
	cmd = sim_cfg_read(dev->fn, CFG_COMMAND, 2);
	if (cmd == 0xffff) {
		snprintf(msg->text, sizeof(msg->text), "the PCI function does not respond");
		return -ENODEV;
	}
	cmd |= CFG_COMMAND_MEMORY | CFG_COMMAND_MASTER;
	if (cap)
		cmd |= CFG_COMMAND_INTX_OFF;
	sim_cfg_write(dev->fn, CFG_COMMAND, 2, cmd);
	if (cap)
		msix_enable(dev, cap);
	else
		dev->nr_vectors = 1; /* the pin */
	return 0;
}

/* Only sets flags: core calls this from inside a doorbell, perhaps another's than that of the thread
 * whose command it is. Whoever is in a queue's doorbell looks at its completions afterwards; for
 * other queues (an event for another controller of the subsystem, a command that a flush has ended)
 * host_run() has to come. */
static void announce(struct host_dev *dev, uint64_t queues)
{
	uint64_t rest = queues & ~host_rung(dev, queues);

	if (!rest)
		return;
	atomic_fetch_or(&dev->irq, rest);
	if (!host_rings(dev, queues))
		host_arm(dev, host_now());
}

/** host_msix() - a message: its data says which vector, as in hardware */
void host_msix(void *opaque, uint16_t vector, uint64_t addr, uint32_t data)
{
	struct host_dev *dev = opaque;
	uint32_t v = data - MSI_DATA;

	if (v < dev->nr_vectors)
		announce(dev, dev->vec_queues[v]);
}

/** host_intx() - the pin, shared by all queues */
void host_intx(void *opaque, bool level)
{
	struct host_dev *dev = opaque;

	if (level)
		announce(dev, dev->vec_queues[0]);
}
