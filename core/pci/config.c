/* SPDX-License-Identifier: MIT */
/*
 * config.c - configuration space of a type 0 function: what it reads, what may be written.
 *
 * Layout: header, MSI-X at 40h, power management at 60h, PCI Express at 80h; no extended
 * capabilities. Section numbers are those of the PCI Express Base Specification 5.0.
 */
#include <string.h>

#include "../ctrl/ctrl.h"
#include "pci.h"

#define MSIX_CAP 0x40
#define PM_CAP 0x60
#define PCIE_CAP 0x80

#define REG_COMMAND 0x04
#define REG_STATUS 0x06
#define REG_BAR0 0x10
#define REG_MSIX_CTRL (MSIX_CAP + 2)
#define REG_DEVCTL (PCIE_CAP + 8)

#define BAR_64		 0x4
#define BAR_PREFETCH	 0x8
#define COMMAND_MEM 0x0002
#define COMMAND_MASTER 0x0004
#define COMMAND_INTX_OFF 0x0400
#define STATUS_INTX 0x0008
#define MSIX_ENABLE 0x8000
#define MSIX_MASK 0x4000
#define DEVCTL_FLR 0x8000

/** struct cfg_row - a field: its value at reset, the bits software may write, those a 1 clears */
struct cfg_row {
	uint16_t off;
	uint8_t size;
	uint32_t val, wmask, w1c;
};

static const struct cfg_row cfg_rows[] = {
	/* 7.5.1: the header. No I/O space, so no I/O enable */
	{ REG_COMMAND, 2, 0x0000, 0x0546, 0 }, /* memory, bus master, parity, SERR#, INTx disable */
	{ REG_STATUS, 2, 0x0010, 0, 0xf900 },  /* capabilities list; errors */
	{ 0x08, 4, 0x01080202, 0, 0 },	       /* NVM Express I/O controller, revision 02h */
	{ 0x0c, 1, 0x00, 0xff, 0 },	       /* cache line size: for software alone */
	{ 0x2c, 4, 0x11001af4, 0, 0 },	       /* subsystem */
	{ 0x34, 1, MSIX_CAP, 0, 0 },
	{ 0x3c, 1, 0x00, 0xff, 0 }, /* interrupt line */
	{ 0x3d, 1, 0x01, 0, 0 },    /* INTA# */

	/* 7.7.2: MSI-X; table size and offsets are the function's */
	{ MSIX_CAP, 2, 0x11 | PCIE_CAP << 8, 0, 0 },
	{ REG_MSIX_CTRL, 2, 0, MSIX_ENABLE | MSIX_MASK, 0 },

	/* 7.5.2: power management 1.2. PowerState is D0 and stays so: D3hot is not simulated */
	{ PM_CAP, 4, 0x0003 << 16 | 0x00 << 8 | 0x01, 0, 0 },
	{ PM_CAP + 4, 2, 0x0008, 0, 0 }, /* No_Soft_Reset */

	/* 7.5.3: PCI Express 2, endpoint, 128 bytes payload, FLR; x1 at 2.5 GT/s */
	{ PCIE_CAP, 4, 0x0002 << 16 | PM_CAP << 8 | 0x10, 0, 0 },
	{ PCIE_CAP + 0x04, 4, 0x10008000, 0, 0 }, /* role-based errors, FLR */
	{ REG_DEVCTL, 2, 0x2810, 0x781f, 0 },	  /* errors, relaxed order, no snoop, read size */
	{ PCIE_CAP + 0x0a, 2, 0x0000, 0, 0x000f },
	{ PCIE_CAP + 0x0c, 4, 0x00400011, 0, 0 }, /* ASPM optionality */
	{ PCIE_CAP + 0x10, 2, 0x0000, 0x00cb, 0 },
	{ PCIE_CAP + 0x12, 2, 0x0011, 0, 0 },
	{ PCIE_CAP + 0x24, 4, 0x00000010, 0, 0 }, /* completion timeout may be disabled */
	{ PCIE_CAP + 0x28, 2, 0x0000, 0x0010, 0 },
	{ PCIE_CAP + 0x2c, 4, 0x00000002, 0, 0 }, /* 2.5 GT/s is all */
	{ PCIE_CAP + 0x30, 2, 0x0001, 0, 0 },
};

static uint32_t get(const uint8_t *p, unsigned int size)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < size; i++)
		v |= (uint32_t)p[i] << i * 8;
	return v;
}

static void put(uint8_t *p, unsigned int size, uint32_t v)
{
	for (unsigned int i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> i * 8);
}

static void put_row(struct sim_fn *fn, const struct cfg_row *r)
{
	put(&fn->cfg[r->off], r->size, r->val);
	put(&fn->wmask[r->off], r->size, r->wmask);
	put(&fn->w1c[r->off], r->size, r->w1c);
}

/* a memory BAR, or none when @size is 0 */
static void put_bar(struct sim_fn *fn, unsigned int bar, uint64_t size, uint32_t flags)
{
	const uint16_t off = (uint16_t)(REG_BAR0 + bar * 4);
	const uint64_t mask = ~(size - 1);

	if (!size)
		return;
	put_row(fn, &(struct cfg_row){off, 4, flags, (uint32_t)mask & ~0xfu, 0});
	if (flags & BAR_64)
		put_row(fn, &(struct cfg_row){off + 4, 4, 0, (uint32_t)(mask >> 32), 0});
}

static uint64_t bar_addr(const struct sim_fn *fn, unsigned int bar)
{
	const uint8_t *p = &fn->cfg[REG_BAR0 + bar * 4];

	return (uint64_t)get(p + 4, 4) << 32 | (get(p, 4) & ~0xfu);
}

/* lock held */
static void cache_bits(struct sim_fn *fn)
{
	const uint32_t command = get(&fn->cfg[REG_COMMAND], 2);
	const uint32_t msix = get(&fn->cfg[REG_MSIX_CTRL], 2);

	atomic_store(&fn->mem_enable, command & COMMAND_MEM);
	atomic_store(&fn->bus_master, command & COMMAND_MASTER);
	atomic_store(&fn->intx_off, command & COMMAND_INTX_OFF);
	atomic_store(&fn->msix_on, msix & MSIX_ENABLE);
	atomic_store(&fn->msix_mask, msix & MSIX_MASK);
	sim_cmb_moved(fn->ctrl, command & COMMAND_MEM ? bar_addr(fn, SIM_CMB_BAR) : 0);
}

void sim_pci_reset(struct sim_fn *fn)
{
	const struct cfg_row own[] = {
		{0x00, 4, fn->ctrl->p.use_intel_id ? 0x58458086 : 0x00101b36, 0, 0},
		{REG_BAR0, 4, 0x4, ~(fn->bar0_size - 1), 0}, /* 64 bits, not prefetchable */
		{REG_BAR0 + 4, 4, 0, 0xffffffff, 0},
		{MSIX_CAP + 4, 4, fn->msix_table_off | fn->msix_bar, 0, 0},
		{MSIX_CAP + 8, 4, fn->msix_pba_off | fn->msix_bar, 0, 0},
	};

	mtx_lock(&fn->lock);
	memset(fn->cfg, 0, sizeof(fn->cfg));
	for (size_t i = 0; i < sizeof(cfg_rows) / sizeof(cfg_rows[0]); i++)
		put_row(fn, &cfg_rows[i]);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		put_row(fn, &own[i]);
	put_bar(fn, SIM_CMB_BAR, fn->bar2_size, BAR_64 | BAR_PREFETCH);
	put_bar(fn, SIM_PMR_BAR, fn->bar4_size, fn->msix_bar ? 0 : BAR_64 | BAR_PREFETCH);
	put(&fn->cfg[REG_MSIX_CTRL], 2, fn->nr_vectors - 1u);
	sim_msix_reset(fn);
	cache_bits(fn);
	mtx_unlock(&fn->lock);
}

static bool cfg_access_ok(const struct sim_fn *fn, uint32_t off, unsigned int size)
{
	return !atomic_load(&fn->unplugged) && (size == 1 || size == 2 || size == 4) && !(off % size) && off < SIM_CFG_SIZE;
}

uint32_t sim_cfg_read(struct sim_fn *fn, uint32_t off, unsigned int size)
{
	uint32_t v;

	if (!cfg_access_ok(fn, off, size))
		return 0xffffffff;
	mtx_lock(&fn->lock);
	fn->cfg[REG_STATUS] &= (uint8_t)~STATUS_INTX;
	if (atomic_load(&fn->intx_status))
		fn->cfg[REG_STATUS] |= STATUS_INTX;
	v = get(&fn->cfg[off], size);
	mtx_unlock(&fn->lock);
	return v;
}

void sim_cfg_write(struct sim_fn *fn, uint32_t off, unsigned int size, uint32_t val)
{
	bool flr;

	if (!cfg_access_ok(fn, off, size))
		return;
	mtx_lock(&fn->lock);
	for (unsigned int i = 0; i < size; i++) {
		const uint8_t byte = (uint8_t)(val >> i * 8), mask = fn->wmask[off + i];
		uint8_t *reg = &fn->cfg[off + i];

		*reg = (uint8_t)((*reg & ~mask) | (byte & mask));
		*reg &= (uint8_t)~(byte & fn->w1c[off + i]);
	}
	cache_bits(fn);
	mtx_unlock(&fn->lock);

	/* Initiate Function Level Reset reads as 0: it is only in what was written */
	flr = off <= REG_DEVCTL + 1 && off + size > REG_DEVCTL + 1 &&
	      val >> (REG_DEVCTL + 1 - off) * 8 & DEVCTL_FLR >> 8;
	if (flr) {
		sim_fn_reset(fn, SIM_RESET_FLR);
		return;
	}
	sim_msix_deliver(fn);
	sim_pci_intx(fn);
}
