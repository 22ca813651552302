/* SPDX-License-Identifier: MIT */
/*
 * pci.h - a PCI function: configuration space, capabilities, BARs, MSI-X. Face of core/pci/.
 */
#ifndef NVMESIM_PCI_H
#define NVMESIM_PCI_H

#include <stdatomic.h>
#include <threads.h>

#include "../sim.h"

struct sim_ctrl;

#define SIM_CFG_SIZE 4096
#define SIM_BAR0_REGS 4096 /* controller registers; doorbells follow */

/** struct sim_msix_entry - a vector as software sees it in BAR 0 (PCIe base, 7.7.2) */
struct sim_msix_entry {
	uint32_t addr_lo, addr_hi, data, ctrl;
};

/**
 * struct sim_fn - a PCI function
 * @lock:   config space and MSI-X table
 * @cfg:    configuration space; @wmask: bits software may change; @w1c: bits a 1 clears
 * @bar2_size, @bar4_size: bytes of BAR 2 and 4, 0: none; BAR 4 is PMR or MSI-X (@msix_bar says)
 * @bar0_size, @msix_table_off, @msix_pba_off: bytes
 * @msix, @pba: the vector table and the pending bits
 * @msix_on, @msix_mask, @bus_master, @mem_enable, @intx_off: bits of @cfg, readable without @lock
 * @intx_status: an interrupt is pending, whether or not the pin may say so
 * @unplugged: nobody is at its address
 * @intx_level:  as last told the port; whoever raises @intx_calls from 0 tells it
 */
struct sim_fn {
	struct sim_ctrl *ctrl;
	mtx_t lock;
	uint8_t cfg[SIM_CFG_SIZE], wmask[SIM_CFG_SIZE], w1c[SIM_CFG_SIZE];
	uint64_t bar2_size, bar4_size;
	uint8_t msix_bar;
	uint32_t bar0_size, msix_table_off, msix_pba_off;
	uint16_t nr_vectors;
	struct sim_msix_entry *msix;
	uint64_t *pba;
	_Atomic bool msix_on, msix_mask, bus_master, mem_enable, intx_off;
	_Atomic bool intx_status;
	bool intx_level;
	_Atomic uint32_t intx_calls;
	_Atomic bool unplugged;
};

int sim_pci_init(struct sim_fn *fn, struct sim_ctrl *c, struct sim_msg *msg);
void sim_pci_free(struct sim_fn *fn);
/** sim_pci_reset() - configuration space and MSI-X table back to their power-on values */
void sim_pci_reset(struct sim_fn *fn);
/** sim_pci_irq() - the controller signals @vector: a message, or a pending bit; no lock held */
void sim_pci_irq(struct sim_fn *fn, uint16_t vector);
/** sim_pci_intx() - the pin's level may have changed: tell the port if so; no lock held */
void sim_pci_intx(struct sim_fn *fn);

/* msix.c */
void sim_msix_reset(struct sim_fn *fn);	   /* lock held */
void sim_msix_deliver(struct sim_fn *fn);  /* what is pending and no longer masked; no lock held */
uint32_t sim_msix_read(struct sim_fn *fn, uint64_t off); /* dword at @off of its BAR */
void sim_msix_write(struct sim_fn *fn, uint64_t off, uint32_t val);

#endif /* NVMESIM_PCI_H */
