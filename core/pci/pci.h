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

/**
 * struct sim_fn - a PCI function
 * @cfg:    configuration space; @wmask: bits software may change; @w1c: bits a 1 clears
 * @msix:   the vector table as software sees it (16 bytes a vector), then the pending bits
 */
struct sim_fn {
	struct sim_ctrl *ctrl;
	mtx_t lock; /* config space and MSI-X table */
	uint8_t cfg[SIM_CFG_SIZE], wmask[SIM_CFG_SIZE], w1c[SIM_CFG_SIZE];
	uint16_t pm_off, pcie_off, msix_off; /* capabilities */
	uint32_t bar0_size, msix_table_off, msix_pba_off;
	uint16_t nr_vectors;
	struct {
		uint32_t addr_lo, addr_hi, data, ctrl;
	} *msix;
	_Atomic uint64_t *pba;
	_Atomic bool msix_on, bus_master, mem_enable; /* cached from cfg */
};

int sim_pci_init(struct sim_fn *fn, struct sim_ctrl *c, struct sim_msg *msg);
void sim_pci_free(struct sim_fn *fn);
/** sim_pci_reset() - configuration space back to its power-on values */
void sim_pci_reset(struct sim_fn *fn);
/** sim_pci_irq() - the controller signals @vector: message, pending bit, or the pin */
void sim_pci_irq(struct sim_fn *fn, uint16_t vector);

#endif /* NVMESIM_PCI_H */
