/* SPDX-License-Identifier: MIT */
/*
 * cfg_rows.c - configuration space, a row a register. What is in no row reads as zero and stays so.
 *
 * A VF has no INTx, no BARs of its own, no memory enable and no SR-IOV capability; what would be a
 * matter of the link or of the PF's port is the PF's alone (PCIe 9.3.3 to 9.3.7).
 */
#include "../ctrl/ctrl.h"
#include "cfg.h"

static void make_ids(const struct sim_fn *fn, struct cfg_row *r)
{
	if (fn->pf) /* 9.3.4.1.1: software takes them from the PF */
		r->val = 0xffffffff;
	else if (fn->ctrl->p.use_intel_id)
		r->val = 0x58458086;
}

/* a BAR's dword: size bits are read-only zeroes, the others the host's */
static void bar_dword(const struct sim_bar *bars, unsigned int n, uint64_t step, struct cfg_row *r)
{
	if (n && bars[n - 1].size && bars[n - 1].flags & SIM_BAR_64) {
		r->rw = (uint32_t)(~(step - 1) >> 32);
	} else if (bars[n].size) {
		r->val = bars[n].flags;
		r->rw = (uint32_t) ~(step - 1);
	}
}

static void make_bar(const struct sim_fn *fn, struct cfg_row *r)
{
	const unsigned int n = (r->off - REG_BAR0) / 4u;
	const bool upper = n && fn->bar[n - 1].flags & SIM_BAR_64;

	bar_dword(fn->bar, n, fn->bar[upper ? n - 1 : n].size, r);
}

static void make_vf_bar(const struct sim_fn *fn, struct cfg_row *r)
{
	const struct sim_bar *bars = fn->vfs[0]->bar;
	const unsigned int n = (r->off - REG_SRIOV_BAR0) / 4u;
	const bool upper = n && bars[n - 1].flags & SIM_BAR_64;

	bar_dword(bars, n, sim_vf_bar_step(fn, upper ? n - 1 : n), r);
}

static void make_msix_ctrl(const struct sim_fn *fn, struct cfg_row *r)
{
	r->val = atomic_load(&fn->nr_vectors) - 1u;
}

static void make_msix_table(const struct sim_fn *fn, struct cfg_row *r)
{
	r->val = fn->msix_table_off | fn->msix_bar;
}

static void make_msix_pba(const struct sim_fn *fn, struct cfg_row *r)
{
	r->val = fn->msix_pba_off | fn->msix_bar;
}

/* 7.9.3.2: an EUI-64; the company's part is the one Identify Controller has, the rest is the
 * serial's */
static uint64_t serial_number(const struct sim_fn *fn)
{
	const uint64_t oui = fn->ctrl->p.use_intel_id ? 0x0002b3 : 0x525400;
	uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a */

	for (const char *s = fn->ctrl->p.serial; *s; s++)
		hash = (hash ^ (uint8_t)*s) * 0x100000001b3ull;
	hash = (hash ^ fn->ctrl->cntlid) * 0x100000001b3ull;
	return oui << 40 | (hash & 0xffffffffffull);
}

static void make_dsn_lo(const struct sim_fn *fn, struct cfg_row *r)
{
	r->val = (uint32_t)serial_number(fn);
}

static void make_dsn_hi(const struct sim_fn *fn, struct cfg_row *r)
{
	r->val = (uint32_t)(serial_number(fn) >> 32);
}

static void make_total_vfs(const struct sim_fn *fn, struct cfg_row *r)
{
	r->val = fn->max_vfs;
}

static void make_vf_device(const struct sim_fn *fn, struct cfg_row *r)
{
	r->val = fn->ctrl->p.use_intel_id ? 0x5845 : 0x0010;
}

/* uncorrectable errors an endpoint can have: data link, poisoned, flow control, timeout, abort,
 * unexpected, overflow, malformed, ECRC, unsupported request */
#define AER_UNCOR    0x001ff010u
#define AER_UNCOR_VF 0x0011d000u /* those that are a function's own */
#define AER_COR	     0x000031c1u
#define LNKCTL_FLR   0x00c3u /* ASPM control, common clock, extended synch */

#define ROW(o, s, w, k, n, ...)                                                                    \
	{                                                                                          \
		.off = (o), .size = (s), .who = (w), .kind = (k), .name = (n), __VA_ARGS__         \
	}
#define REG(o, s, w, n, ...)	 ROW(o, s, w, CFG_FIELD, n, __VA_ARGS__)
#define CAP(o, s, w, n, ...)	 ROW(o, s, w, CFG_CAP, n, __VA_ARGS__)
#define EXT_CAP(o, s, w, n, ...) ROW(o, s, w, CFG_EXT_CAP, n, __VA_ARGS__)

/* clang-format off */
const struct cfg_row sim_cfg_rows[] = {
	/* 7.5.1: the header of type 0. No I/O space, so no I/O enable */
	REG(0x00, 4, CFG_ALL, "Vendor ID, Device ID", .val = 0x00101b36, .make = make_ids),
	/* memory, bus master, parity error response, SERR#, INTx disable */
	REG(REG_COMMAND, 2, CFG_PF, "Command", .rw = 0x0546),
	REG(REG_COMMAND, 2, CFG_VF, "Command", .rw = COMMAND_MASTER),
	REG(REG_STATUS, 2, CFG_ALL, "Status", .val = 0x0010, .rw1c = 0xf900),
	/* NVM Express I/O controller */
	REG(0x08, 4, CFG_ALL, "Revision ID, Class Code", .val = 0x01080202),
	REG(0x0c, 1, CFG_PF, "Cache Line Size", .rw = 0xff),
	REG(REG_BAR0 + 0x00, 4, CFG_PF, "BAR 0", .make = make_bar),
	REG(REG_BAR0 + 0x04, 4, CFG_PF, "BAR 1", .make = make_bar),
	REG(REG_BAR0 + 0x08, 4, CFG_PF, "BAR 2", .make = make_bar),
	REG(REG_BAR0 + 0x0c, 4, CFG_PF, "BAR 3", .make = make_bar),
	REG(REG_BAR0 + 0x10, 4, CFG_PF, "BAR 4", .make = make_bar),
	REG(REG_BAR0 + 0x14, 4, CFG_PF, "BAR 5", .make = make_bar),
	REG(0x2c, 4, CFG_ALL, "Subsystem Vendor ID, Subsystem ID", .val = 0x11001af4),
	REG(REG_CAP_PTR, 1, CFG_ALL, "Capabilities Pointer", .val = MSIX_CAP),
	REG(0x3c, 1, CFG_PF, "Interrupt Line", .rw = 0xff),
	REG(0x3d, 1, CFG_PF, "Interrupt Pin", .val = 0x01), /* INTA# */

	/* 7.7.2: MSI-X */
	CAP(MSIX_CAP, 2, CFG_ALL, "MSI-X Capability", .val = 0x11),
	REG(REG_MSIX_CTRL, 2, CFG_ALL, "MSI-X Message Control",
	    .rw = MSIX_ENABLE | MSIX_MASK, .make = make_msix_ctrl),
	REG(MSIX_CAP + 4, 4, CFG_ALL, "MSI-X Table Offset, BIR", .make = make_msix_table),
	REG(MSIX_CAP + 8, 4, CFG_ALL, "MSI-X PBA Offset, BIR", .make = make_msix_pba),

	/* 7.5.2: power management 1.2: D0 and D3hot, no PME; No_Soft_Reset */
	CAP(PM_CAP, 2, CFG_ALL, "Power Management Capability", .val = 0x01),
	REG(PM_CAP + 2, 2, CFG_ALL, "Power Management Capabilities", .val = 0x0003),
	REG(REG_PMCSR, 2, CFG_ALL, "Power Management Control/Status",
	    .val = 0x0008, .rw = PMCSR_STATE),

	/* 7.5.3: PCI Express 2, endpoint, 128 bytes payload, FLR; x1 at 2.5 GT/s */
	CAP(PCIE_CAP, 2, CFG_ALL, "PCI Express Capability", .val = 0x10),
	REG(PCIE_CAP + 0x02, 2, CFG_ALL, "PCI Express Capabilities", .val = 0x0002),
	/* role-based errors, FLR */
	REG(PCIE_CAP + 0x04, 4, CFG_ALL, "Device Capabilities", .val = 0x10008000),
	/* error reporting, relaxed ordering, no snoop, read request size */
	REG(REG_DEVCTL, 2, CFG_PF, "Device Control", .val = 0x2810, .rw = 0x781f),
	REG(REG_DEVCTL, 2, CFG_VF, "Device Control", .val = 0), /* only FLR, which reads as 0 */
	REG(PCIE_CAP + 0x0a, 2, CFG_ALL, "Device Status", .rw1c = 0x000f),
	/* ASPM optionality */
	REG(PCIE_CAP + 0x0c, 4, CFG_ALL, "Link Capabilities", .val = 0x00400011),
	REG(PCIE_CAP + 0x10, 2, CFG_PF, "Link Control", .rw = 0x00cb, .flr = LNKCTL_FLR),
	REG(PCIE_CAP + 0x12, 2, CFG_ALL, "Link Status", .val = 0x0011),
	/* completion timeout may be disabled */
	REG(PCIE_CAP + 0x24, 4, CFG_ALL, "Device Capabilities 2", .val = 0x00000010),
	REG(PCIE_CAP + 0x28, 2, CFG_PF, "Device Control 2", .rw = 0x0010),
	REG(PCIE_CAP + 0x2c, 4, CFG_ALL, "Link Capabilities 2", .val = 0x00000002),
	REG(PCIE_CAP + 0x30, 2, CFG_PF, "Link Control 2", .val = 0x0001),

	/* 7.8.4: Advanced Error Reporting; severities as 7.8.4.4 has them at power-on */
	EXT_CAP(AER_CAP, 4, CFG_ALL, "Advanced Error Reporting Capability", .val = 0x00020001),
	REG(AER_CAP + 0x04, 4, CFG_PF, "Uncorrectable Error Status",
	    .rw1c = AER_UNCOR, .sticky = AER_UNCOR),
	REG(AER_CAP + 0x04, 4, CFG_VF, "Uncorrectable Error Status",
	    .rw1c = AER_UNCOR_VF, .sticky = AER_UNCOR_VF),
	REG(AER_CAP + 0x08, 4, CFG_PF, "Uncorrectable Error Mask",
	    .rw = AER_UNCOR, .sticky = AER_UNCOR),
	REG(AER_CAP + 0x0c, 4, CFG_PF, "Uncorrectable Error Severity",
	    .val = 0x00062010, .rw = AER_UNCOR, .sticky = AER_UNCOR),
	REG(AER_CAP + 0x10, 4, CFG_ALL, "Correctable Error Status",
	    .rw1c = AER_COR, .sticky = AER_COR),
	REG(AER_CAP + 0x14, 4, CFG_PF, "Correctable Error Mask",
	    .val = 0x00002000, .rw = AER_COR, .sticky = AER_COR),
	REG(AER_CAP + 0x18, 4, CFG_ALL, "Advanced Error Capabilities and Control", .val = 0),
	REG(AER_CAP + 0x1c, 4, CFG_ALL, "Header Log 1", .val = 0),
	REG(AER_CAP + 0x20, 4, CFG_ALL, "Header Log 2", .val = 0),
	REG(AER_CAP + 0x24, 4, CFG_ALL, "Header Log 3", .val = 0),
	REG(AER_CAP + 0x28, 4, CFG_ALL, "Header Log 4", .val = 0),

	/* 7.9.3: Device Serial Number; 9.3.7.6: not for VFs */
	EXT_CAP(DSN_CAP, 4, CFG_PF, "Device Serial Number Capability", .val = 0x00010003),
	REG(DSN_CAP + 4, 4, CFG_PF, "Serial Number (lower)", .make = make_dsn_lo),
	REG(DSN_CAP + 8, 4, CFG_PF, "Serial Number (upper)", .make = make_dsn_hi),

	/* 7.8.7: ARI, no function groups; the next function is not one that is found by it */
	EXT_CAP(ARI_CAP, 4, CFG_SRIOV | CFG_VF, "ARI Capability", .val = 0x0001000e),
	REG(ARI_CAP + 4, 2, CFG_SRIOV | CFG_VF, "ARI Capability Register", .val = 0),
	REG(ARI_CAP + 6, 2, CFG_SRIOV | CFG_VF, "ARI Control Register", .val = 0),

	/* 9.3.3: SR-IOV; VFs follow their PF's routing ID one by one; no migration */
	EXT_CAP(SRIOV_CAP, 4, CFG_SRIOV, "SR-IOV Capability", .val = 0x00010010),
	/* ARI Capable Hierarchy Preserved */
	REG(SRIOV_CAP + 0x04, 4, CFG_SRIOV, "SR-IOV Capabilities", .val = 0x00000002),
	/* VF Enable, VF MSE, ARI Capable Hierarchy */
	REG(REG_SRIOV_CTRL, 2, CFG_SRIOV, "SR-IOV Control", .rw = 0x0019, .flr = 0x0010),
	REG(SRIOV_CAP + 0x0a, 2, CFG_SRIOV, "SR-IOV Status", .val = 0),
	REG(SRIOV_CAP + 0x0c, 2, CFG_SRIOV, "InitialVFs", .make = make_total_vfs),
	REG(REG_SRIOV_TOTAL, 2, CFG_SRIOV, "TotalVFs", .make = make_total_vfs),
	REG(REG_SRIOV_NUM, 2, CFG_SRIOV, "NumVFs", .rw = 0xffff),
	REG(SRIOV_CAP + 0x12, 1, CFG_SRIOV, "Function Dependency Link", .val = 0),
	REG(SRIOV_CAP + 0x14, 2, CFG_SRIOV, "First VF Offset", .val = 1),
	REG(SRIOV_CAP + 0x16, 2, CFG_SRIOV, "VF Stride", .val = 1),
	REG(SRIOV_CAP + 0x1a, 2, CFG_SRIOV, "VF Device ID", .make = make_vf_device),
	/* 4 KiB to 4 MiB */
	REG(REG_SRIOV_PAGES, 4, CFG_SRIOV, "Supported Page Sizes", .val = 0x00000553),
	REG(REG_SRIOV_PAGE, 4, CFG_SRIOV, "System Page Size", .val = 0x00000001, .rw = 0x00000553),
	REG(REG_SRIOV_BAR0 + 0x00, 4, CFG_SRIOV, "VF BAR 0", .make = make_vf_bar),
	REG(REG_SRIOV_BAR0 + 0x04, 4, CFG_SRIOV, "VF BAR 1", .make = make_vf_bar),
	REG(REG_SRIOV_BAR0 + 0x08, 4, CFG_SRIOV, "VF BAR 2", .make = make_vf_bar),
	REG(REG_SRIOV_BAR0 + 0x0c, 4, CFG_SRIOV, "VF BAR 3", .make = make_vf_bar),
	REG(REG_SRIOV_BAR0 + 0x10, 4, CFG_SRIOV, "VF BAR 4", .make = make_vf_bar),
	REG(REG_SRIOV_BAR0 + 0x14, 4, CFG_SRIOV, "VF BAR 5", .make = make_vf_bar),
};
/* clang-format on */
const unsigned int sim_nr_cfg_rows = sizeof(sim_cfg_rows) / sizeof(sim_cfg_rows[0]);

bool sim_cfg_has(const struct sim_fn *fn, const struct cfg_row *r)
{
	const unsigned int who = fn->pf ? CFG_VF : CFG_PF | (fn->max_vfs ? CFG_SRIOV : 0u);

	return r->who & who;
}
