/* SPDX-License-Identifier: MIT */
/*
 * regs.c - the controller's registers (NVMe Base 2.1, 3.1.4), one row each.
 */
#include <stddef.h>

#include "../pci/pci.h"
#include "ctrl.h"

#define CAP_TO 0x0f /* 7.5 s in units of 500 ms */
#define CC_WRITABLE 0x00fffff1u /* EN, CSS, MPS, AMS, SHN, IOSQES, IOCQES; CRIME: CAP.CRMS 01b */

static uint64_t read_cap(struct sim_ctrl *c)
{
	return c->cap;
}

static uint64_t read_vs(struct sim_ctrl *c)
{
	return SIM_VS_2_1;
}

static uint64_t read_intms(struct sim_ctrl *c)
{
	return c->intms;
}

static uint64_t read_cc(struct sim_ctrl *c)
{
	return c->cc;
}

static uint64_t read_csts(struct sim_ctrl *c)
{
	return c->csts;
}

static uint64_t read_aqa(struct sim_ctrl *c)
{
	return c->aqa;
}

static uint64_t read_asq(struct sim_ctrl *c)
{
	return c->asq;
}

static uint64_t read_acq(struct sim_ctrl *c)
{
	return c->acq;
}

/* 3.1.4.22: CRWMT is what CAP.TO says, CRIMT 0 (Controller Ready Independent of Media: no) */
static uint64_t read_crto(struct sim_ctrl *c)
{
	return CAP_TO;
}

static uint64_t read_zero(struct sim_ctrl *c)
{
	return 0;
}

/* ones set (INTMS) or clear (INTMC) mask bits of the vectors 0 to 31; pin interrupts only */
static void write_intms(struct sim_ctrl *c, uint64_t val)
{
	atomic_fetch_or(&c->intms, (uint32_t)val);
	atomic_store(&c->intx_dirty, true);
}

static void write_intmc(struct sim_ctrl *c, uint64_t val)
{
	atomic_fetch_and(&c->intms, ~(uint32_t)val);
	atomic_store(&c->intx_dirty, true);
}

/*
 * One write may carry a change of EN and one of SHN. Clearing EN comes first, as it resets
 * everything, CC included; what the host wrote beside it is then lost, but for a shutdown.
 */
static void write_cc(struct sim_ctrl *c, uint64_t val)
{
	const uint32_t new = (uint32_t)val & CC_WRITABLE;
	uint32_t old;

	sim_write_lock(&c->subsys->lock);
	old = c->cc;
	c->cc = new;
	if (NVME_CC_EN(old) && !NVME_CC_EN(new))
		sim_ctrl_event(c, SIM_CE_DISABLE);
	else if (!NVME_CC_EN(old) && NVME_CC_EN(new))
		sim_ctrl_event(c, SIM_CE_ENABLE);
	if (!NVME_CC_SHN(old) && NVME_CC_SHN(new)) {
		c->cc |= new & NVME_CC_SHN_MASK << NVME_CC_SHN_SHIFT;
		sim_ctrl_event(c, SIM_CE_SHUTDOWN);
	}
	sim_write_unlock(&c->subsys->lock);
}

static void write_csts(struct sim_ctrl *c, uint64_t val)
{
	const uint32_t nssro = NVME_CSTS_NSSRO_MASK << NVME_CSTS_NSSRO_SHIFT;

	sim_write_lock(&c->subsys->lock);
	c->csts &= ~((uint32_t)val & nssro);
	sim_write_unlock(&c->subsys->lock);
}

static void write_nssr(struct sim_ctrl *c, uint64_t val)
{
	if (val == SIM_REG_NSSR_MAGIC)
		sim_subsys_reset(c->subsys);
}

static void write_aqa(struct sim_ctrl *c, uint64_t val)
{
	c->aqa = (uint32_t)val & (NVME_AQA_ACQS_MASK << NVME_AQA_ACQS_SHIFT | NVME_AQA_ASQS_MASK);
}

static void write_asq(struct sim_ctrl *c, uint64_t val)
{
	c->asq = val & ~0xfffull;
}

static void write_acq(struct sim_ctrl *c, uint64_t val)
{
	c->acq = val & ~0xfffull;
}

/**
 * struct reg - a register
 * @size:  4 or 8 bytes
 * @write: NULL: read only
 */
struct reg {
	uint16_t off;
	uint8_t size;
	const char *name;
	uint64_t (*read)(struct sim_ctrl *c);
	void (*write)(struct sim_ctrl *c, uint64_t val);
};

/* in the order of their offsets */
static const struct reg regs[] = {
	{NVME_REG_CAP, 8, "Controller Capabilities", read_cap, NULL},
	{NVME_REG_VS, 4, "Version", read_vs, NULL},
	{NVME_REG_INTMS, 4, "Interrupt Mask Set", read_intms, write_intms},
	{NVME_REG_INTMC, 4, "Interrupt Mask Clear", read_intms, write_intmc},
	{NVME_REG_CC, 4, "Controller Configuration", read_cc, write_cc},
	{NVME_REG_CSTS, 4, "Controller Status", read_csts, write_csts},
	{NVME_REG_NSSR, 4, "NVM Subsystem Reset", read_zero, write_nssr},
	{NVME_REG_AQA, 4, "Admin Queue Attributes", read_aqa, write_aqa},
	{NVME_REG_ASQ, 8, "Admin Submission Queue Base Address", read_asq, write_asq},
	{NVME_REG_ACQ, 8, "Admin Completion Queue Base Address", read_acq, write_acq},
	{NVME_REG_CMBLOC, 4, "Controller Memory Buffer Location", sim_cmb_loc, NULL},
	{NVME_REG_CMBSZ, 4, "Controller Memory Buffer Size", sim_cmb_sz, NULL},
	{NVME_REG_BPINFO, 4, "Boot Partition Information", read_zero, NULL},
	{NVME_REG_CMBMSC, 8, "Controller Memory Buffer Memory Space Control", sim_cmb_msc,
	 sim_cmb_write_msc},
	{NVME_REG_CMBSTS, 4, "Controller Memory Buffer Status", sim_cmb_sts, NULL},
	/* 3.1.4.15, 3.1.4.16: no information */
	{SIM_REG_CMBEBS, 4, "Controller Memory Buffer Elasticity Buffer Size", read_zero, NULL},
	{SIM_REG_CMBSWTP, 4, "Controller Memory Buffer Sustained Write Throughput", read_zero,
	 NULL},
	{NVME_REG_CRTO, 4, "Controller Ready Timeouts", read_crto, NULL},
	{NVME_REG_PMRCAP, 4, "Persistent Memory Region Capabilities", sim_pmr_caps, NULL},
	{NVME_REG_PMRCTL, 4, "Persistent Memory Region Control", sim_pmr_ctl, sim_pmr_write_ctl},
	{NVME_REG_PMRSTS, 4, "Persistent Memory Region Status", sim_pmr_sts, NULL},
	{NVME_REG_PMREBS, 4, "Persistent Memory Region Elasticity Buffer Size", read_zero, NULL},
	{NVME_REG_PMRSWTP, 4, "Persistent Memory Region Sustained Write Throughput", read_zero,
	 NULL},
	{NVME_REG_PMRMSCL, 4, "Persistent Memory Region Memory Space Control Lower", sim_pmr_mscl,
	 sim_pmr_write_mscl},
	{NVME_REG_PMRMSCU, 4, "Persistent Memory Region Memory Space Control Upper", sim_pmr_mscu,
	 sim_pmr_write_mscu},
};
#define NR_REGS (sizeof(regs) / sizeof(regs[0]))

/* the register that has the dword at @off, or NULL: reserved */
static const struct reg *find_reg(uint64_t off)
{
	for (size_t i = 0; i < NR_REGS; i++)
		if (off >= regs[i].off && off < (uint64_t)regs[i].off + regs[i].size)
			return &regs[i];
	return NULL;
}

static uint32_t read_dword(struct sim_ctrl *c, uint64_t off)
{
	const struct reg *r = find_reg(off);

	/* 8.2.6.3: an offline secondary controller's other properties are not defined */
	if (atomic_load_explicit(&c->fn->offline, memory_order_relaxed) && off != NVME_REG_CSTS)
		return 0;
	return r ? (uint32_t)(r->read(c) >> (off - r->off) * 8) : 0;
}

/* half of an 8-byte register: the other half stays */
static void write_dword(struct sim_ctrl *c, uint64_t off, uint32_t val)
{
	const struct reg *r = find_reg(off);
	uint64_t whole = val;

	if (!r || !r->write)
		return;
	if (r->size == 8) {
		unsigned int shift = (unsigned int)(off - r->off) * 8;

		whole = (r->read(c) & ~(0xffffffffull << shift)) | (uint64_t)val << shift;
	}
	r->write(c, whole);
}

uint64_t sim_reg_read(struct sim_ctrl *c, uint64_t off, unsigned int size)
{
	uint64_t val = read_dword(c, off);

	return size == 8 ? val | (uint64_t)read_dword(c, off + 4) << 32 : val;
}

void sim_reg_write(struct sim_ctrl *c, uint64_t off, unsigned int size, uint64_t val)
{
	const struct reg *r = find_reg(off);

	if (size == 8 && r && r->size == 8 && off == r->off) {
		if (r->write)
			r->write(c, val);
	} else {
		write_dword(c, off, (uint32_t)val);
		if (size == 8)
			write_dword(c, off + 4, (uint32_t)(val >> 32));
	}
	sim_irq_flush(c);
}

void sim_regs_init(struct sim_ctrl *c)
{
	c->cap = (uint64_t)c->p.mqes << NVME_CAP_MQES_SHIFT | 1ull << NVME_CAP_CQR_SHIFT |
		 (uint64_t)CAP_TO << NVME_CAP_TO_SHIFT | 1ull << NVME_CAP_NSSRC_SHIFT |
		 (uint64_t)(NVME_CAP_CSS_NVM | NVME_CAP_CSS_CSI) << NVME_CAP_CSS_SHIFT |
		 4ull << NVME_CAP_MPSMAX_SHIFT | (uint64_t)NVME_CAP_CRWMS << NVME_CAP_CRMS_SHIFT |
		 sim_cmb_cap(c) | sim_pmr_cap(c);
}

void sim_reg_rows(void (*cb)(void *arg, const struct sim_row *row), void *arg)
{
	for (size_t i = 0; i < NR_REGS; i++)
		cb(arg, &(struct sim_row){ "register", regs[i].off, regs[i].name });
}
