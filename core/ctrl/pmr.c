/* SPDX-License-Identifier: MIT */
/*
 * pmr.c - the Persistent Memory Region: its registers, and when it is made durable (NVMe Base 2.1,
 * 3.1.4.24 to 3.1.4.30, 8.2.4).
 *
 * What is written to it is in memory that survives the process at once. Reading PMRSTS makes it
 * survive a power cut (PMRWBM bit 1), as do disabling the region and a shutdown.
 */
#include "../pci/pci.h"
#include "ctrl.h"

#define CAP_PMRS	  (1ull << NVME_CAP_PMRS_SHIFT)
#define PMRCAP_CMSS	  (1u << NVME_PMRCAP_CMSS_SHIFT)
#define PMRCAP_WBM_PMRSTS (2u << NVME_PMRCAP_PMRWMB_SHIFT)
#define PMRCTL_EN	  1u

enum { /* Health Status, PMRSTS bits 11:9 */
       HSTS_UNRELIABLE = 3,
};

uint64_t sim_pmr_cap(const struct sim_ctrl *c)
{
	return c->pmr.m.mem ? CAP_PMRS : 0;
}

/* Timeout 0: it is ready, or not, when the write of PMRCTL is over */
uint64_t sim_pmr_caps(struct sim_ctrl *c)
{
	return c->pmr.m.mem ? 1u << NVME_PMRCAP_RDS_SHIFT | 1u << NVME_PMRCAP_WDS_SHIFT |
				      SIM_PMR_BAR << NVME_PMRCAP_BIR_SHIFT | PMRCAP_WBM_PMRSTS |
				      PMRCAP_CMSS
			    : 0;
}

bool sim_pmr_ready(const struct sim_ctrl *c)
{
	return atomic_load_explicit(&c->pmr.ctl, memory_order_relaxed) & PMRCTL_EN;
}

void sim_pmr_sync(struct sim_ctrl *c)
{
	if (sim_pmr_ready(c) && c->p.pmr.sync && c->p.pmr.sync(c->p.pmr.opaque))
		atomic_store(&c->pmr.unreliable, true);
}

uint64_t sim_pmr_ctl(struct sim_ctrl *c)
{
	return c->pmr.ctl;
}

static void place(struct sim_ctrl *c)
{
	const uint64_t msc = c->pmr.msc;

	sim_barmem_place(c, &c->pmr.m, sim_pmr_ready(c) && msc & SIM_MSC_CMSE, msc & SIM_CBA_MASK);
}

void sim_pmr_write_ctl(struct sim_ctrl *c, uint64_t val)
{
	if (!c->pmr.m.mem)
		return;
	if (!(val & PMRCTL_EN))
		sim_pmr_sync(c);
	atomic_store(&c->pmr.ctl, (uint32_t)val & PMRCTL_EN);
	place(c);
}

uint64_t sim_pmr_sts(struct sim_ctrl *c)
{
	const bool was = c->pmr.unreliable;

	if (!c->pmr.m.mem)
		return 0;
	sim_pmr_sync(c);
	if (!was && c->pmr.unreliable) { /* a critical warning */
		sim_write_lock(&c->subsys->lock);
		sim_smart_check(c);
		sim_write_unlock(&c->subsys->lock);
		sim_irq_flush(c);
	}
	return (sim_pmr_ready(c) ? 0 : 1u << NVME_PMRSTS_NRDY_SHIFT) |
	       (c->pmr.unreliable ? HSTS_UNRELIABLE << NVME_PMRSTS_HSTS_SHIFT : 0) |
	       (c->pmr.m.cbai ? 1u << NVME_PMRSTS_CBAI_SHIFT : 0);
}

uint64_t sim_pmr_mscl(struct sim_ctrl *c)
{
	return (uint32_t)c->pmr.msc;
}

uint64_t sim_pmr_mscu(struct sim_ctrl *c)
{
	return c->pmr.msc >> 32;
}

static void write_msc(struct sim_ctrl *c, uint64_t val)
{
	if (!c->pmr.m.mem)
		return;
	atomic_store(&c->pmr.msc, val & (SIM_CBA_MASK | SIM_MSC_CMSE));
	place(c);
}

/* the host writes the upper half first: the lower one has the bit that enables */
void sim_pmr_write_mscl(struct sim_ctrl *c, uint64_t val)
{
	write_msc(c, (c->pmr.msc & ~0xffffffffull) | (uint32_t)val);
}

void sim_pmr_write_mscu(struct sim_ctrl *c, uint64_t val)
{
	write_msc(c, (uint32_t)c->pmr.msc | val << 32);
}
