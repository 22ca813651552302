/* SPDX-License-Identifier: MIT */
/*
 * pci.h - a PCI function: configuration space, capabilities, BARs, MSI-X, SR-IOV. Face of
 * core/pci/.
 */
#ifndef NVMESIM_PCI_H
#define NVMESIM_PCI_H

#include <stdatomic.h>
#include <threads.h>

#include "../sim.h"

struct sim_ctrl;

#define SIM_CFG_SIZE  4096
#define SIM_BAR0_REGS 4096 /* controller registers; doorbells follow */
#define SIM_NR_BARS   6

/** struct sim_msix_entry - a vector as software sees it in its table (PCIe base, 7.7.2) */
struct sim_msix_entry {
	uint32_t addr_lo, addr_hi, data, ctrl;
};

#define SIM_BAR_64	 0x4u /* as in the register: it takes the next one, too */
#define SIM_BAR_PREFETCH 0x8u

/**
 * struct sim_bar - a memory BAR
 * @size:  bytes, a power of two; 0: there is none
 * @flags: bits 3:0 of the register
 * @read, @write: an access within BAR @bar, of any size up to 8 bytes, aligned or not
 */
struct sim_bar {
	uint64_t size;
	uint32_t flags;
	uint64_t (*read)(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size);
	void (*write)(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size,
		      uint64_t val);
};

/**
 * struct sim_fn - a PCI function
 * @lock:   config space and MSI-X table; taken after the subsystem's
 * @cfg:    configuration space; @wmask: bits software may change; @w1c: bits a 1 clears
 * @bar:    BARs; a VF's are behind its PF's SR-IOV capability
 * @msix_bar, @msix_table_off, @msix_pba_off: where the vector table is, and the pending bits
 * @max_vectors: @msix has room for; @nr_vectors: there are now, at least 1
 * @msix, @pba: the vector table and the pending bits
 * @msix_on, @msix_mask, @bus_master, @mem_enable, @intx_off: bits of @cfg, readable without @lock;
 * a function that is not in D0, or a VF that is not there, has neither of the middle two
 * @intx_status: an interrupt is pending, whether or not the pin may say so
 * @intx_level:  as last told the port; whoever raises @intx_calls from 0 tells it
 * @absent: nobody is at its address
 * @offline: a secondary controller that is offline: registers read as zeroes, but CSTS
 * @news:   bits 1 << enum sim_fn_change that sim_irq_flush() is to tell
 * @pf, @vfn, @vf_mse: of a VF: its PF, its number from 1 on, VF MSE of its PF
 * @vfs, @max_vfs, @nr_vfs: of a PF: all VFs, and how many of them are there now
 */
struct sim_fn {
	struct sim_ctrl *ctrl;
	mtx_t lock;
	uint8_t cfg[SIM_CFG_SIZE], wmask[SIM_CFG_SIZE], w1c[SIM_CFG_SIZE];
	struct sim_bar bar[SIM_NR_BARS];
	unsigned int msix_bar;
	uint32_t msix_table_off, msix_pba_off;
	uint16_t max_vectors;
	_Atomic uint16_t nr_vectors;
	struct sim_msix_entry *msix;
	uint64_t *pba;
	_Atomic bool msix_on, msix_mask, bus_master, mem_enable, intx_off;
	_Atomic bool intx_status;
	bool intx_level;
	_Atomic uint32_t intx_calls;
	_Atomic bool absent, offline;
	_Atomic uint32_t news;
	struct sim_fn *pf;
	uint16_t vfn;
	_Atomic bool vf_mse;
	struct sim_fn **vfs;
	uint16_t max_vfs;
	_Atomic uint16_t nr_vfs;
};

/** sim_pci_init() - @fn as it is at power-on. @pf, @vfn: of a VF. Return: 0, or SIM_ENOMEM. */
int sim_pci_init(struct sim_fn *fn, struct sim_ctrl *c, struct sim_fn *pf, uint16_t vfn,
		 struct sim_msg *msg);
void sim_pci_free(struct sim_fn *fn);
/** sim_pci_irq() - the controller signals @vector: a message, or a pending bit; no lock held */
void sim_pci_irq(struct sim_fn *fn, uint16_t vector);
/** sim_pci_intx() - the pin's level may have changed: tell the port if so; no lock held */
void sim_pci_intx(struct sim_fn *fn);
/** sim_pci_set_vectors() - the MSI-X table has @n vectors from now on; writer side held */
void sim_pci_set_vectors(struct sim_fn *fn, uint16_t n);
/** sim_fn_note() - tell the function's port of @what, when no lock is held any more */
void sim_fn_note(struct sim_fn *fn, enum sim_fn_change what);
/** sim_fn_reset_locked() - sim_fn_reset() with the subsystem's writer side held */
void sim_fn_reset_locked(struct sim_fn *fn, enum sim_reset kind);

/* config.c */
uint32_t sim_cfg_get(const struct sim_fn *fn, uint32_t off, unsigned int size);
/** sim_cfg_reset() - configuration space and MSI-X back to what @kind of reset leaves */
void sim_cfg_reset(struct sim_fn *fn, enum sim_reset kind);
/** sim_cfg_cache() - bits of it into struct sim_fn; lock held */
void sim_cfg_cache(struct sim_fn *fn);

/** sim_cfg_rows_each() - the registers, for sim_table_rows() */
void sim_cfg_rows_each(void (*cb)(void *arg, const struct sim_row *row), void *arg);

/* sriov.c; writer side held */
/** sim_sriov_update() - the SR-IOV capability was written, or reset: VFs come and go */
void sim_sriov_update(struct sim_fn *pf);

/* msix.c */
void sim_msix_reset(struct sim_fn *fn);	  /* lock held */
void sim_msix_deliver(struct sim_fn *fn); /* what is pending and no longer masked; no lock held */
uint32_t sim_msix_read(struct sim_fn *fn, uint64_t off); /* dword at @off of @msix_bar */
void sim_msix_write(struct sim_fn *fn, uint64_t off, uint32_t val);

#endif /* NVMESIM_PCI_H */
