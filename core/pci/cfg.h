/* SPDX-License-Identifier: MIT */
/*
 * cfg.h - the table configuration space is made from. Private to core/pci/.
 *
 * Section numbers are those of the PCI Express Base Specification 5.0.
 */
#ifndef NVMESIM_PCI_CFG_H
#define NVMESIM_PCI_CFG_H

#include "pci.h"

/* where the capabilities are; MSI-X, PM and PCI Express are where QEMU has them */
#define MSIX_CAP  0x40
#define PM_CAP	  0x60
#define PCIE_CAP  0x80
#define AER_CAP	  0x100
#define DSN_CAP	  0x150
#define ARI_CAP	  0x160
#define SRIOV_CAP 0x180

#define REG_COMMAND	0x04
#define REG_STATUS	0x06
#define REG_BAR0	0x10
#define REG_CAP_PTR	0x34
#define REG_MSIX_CTRL	(MSIX_CAP + 2)
#define REG_PMCSR	(PM_CAP + 4)
#define REG_DEVCTL	(PCIE_CAP + 8)
#define REG_SRIOV_CTRL	(SRIOV_CAP + 0x08)
#define REG_SRIOV_TOTAL (SRIOV_CAP + 0x0e)
#define REG_SRIOV_NUM	(SRIOV_CAP + 0x10)
#define REG_SRIOV_PAGES (SRIOV_CAP + 0x1c)
#define REG_SRIOV_PAGE	(SRIOV_CAP + 0x20)
#define REG_SRIOV_BAR0	(SRIOV_CAP + 0x24)

#define COMMAND_MEM	 0x0002u
#define COMMAND_MASTER	 0x0004u
#define COMMAND_INTX_OFF 0x0400u
#define STATUS_INTX	 0x0008u
#define MSIX_ENABLE	 0x8000u
#define MSIX_MASK	 0x4000u
#define PMCSR_STATE	 0x0003u
#define PM_D0		 0u
#define PM_D3HOT	 3u
#define DEVCTL_FLR	 0x8000u
#define SRIOV_VFE	 0x0001u
#define SRIOV_VF_MSE	 0x0008u

/** enum cfg_who - which functions have a row */
enum cfg_who {
	CFG_PF = 1 << 0,
	CFG_VF = 1 << 1,
	CFG_ALL = CFG_PF | CFG_VF,
	CFG_SRIOV = 1 << 2, /* a PF that has VFs */
};

/** enum cfg_kind - a header of a list; the pointer to the next one is made from the rows */
enum cfg_kind {
	CFG_FIELD,
	CFG_CAP,     /* the ID's byte, then the pointer's */
	CFG_EXT_CAP, /* ID 15:0, version 19:16, pointer 31:20 */
};

/**
 * struct cfg_row - a register
 * @val:    at power-on, where @make does not say otherwise
 * @rw:     bits software may change; @rw1c: bits that a 1 clears; all others are read-only
 * @sticky: bits only a loss of power resets (RWS, RW1CS)
 * @flr:    bits that a function level reset leaves alone, too (6.6.2)
 * @make:   what is the function's own: value, and masks of a BAR
 */
struct cfg_row {
	uint16_t off;
	uint8_t size, who;
	enum cfg_kind kind;
	const char *name;
	uint32_t val, rw, rw1c, sticky, flr;
	void (*make)(const struct sim_fn *fn, struct cfg_row *r);
};

extern const struct cfg_row sim_cfg_rows[];
extern const unsigned int sim_nr_cfg_rows;

/** sim_cfg_has() - whether @fn has that row */
bool sim_cfg_has(const struct sim_fn *fn, const struct cfg_row *r);
/** sim_vf_bar_step() - bytes of address space each VF's BAR @bar takes; 0: no such BAR */
uint64_t sim_vf_bar_step(const struct sim_fn *pf, unsigned int bar);

#endif /* NVMESIM_PCI_CFG_H */
