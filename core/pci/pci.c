/* SPDX-License-Identifier: MIT */
/*
 * pci.c - a PCI function is made, reset and pulled out, and what its BARs lead to.
 *
 * BAR 0: controller registers, doorbells (one page or more), MSI-X table, pending bits, each from a
 * page's beginning; a power of two in all. BAR 2: the Controller Memory Buffer. BAR 4: the
 * Persistent Memory Region, or, where they are not in BAR 0, MSI-X table and pending bits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ctrl/ctrl.h"
#include "cfg.h"

#define PAGE	     4096u
#define MSIX_OWN_BAR 4

static uint32_t round_up(uint32_t n)
{
	return (n + PAGE - 1) & ~(PAGE - 1);
}

/* a power of two, a page at least */
static uint64_t bar_size(uint64_t bytes)
{
	uint64_t size = PAGE;

	while (size < bytes)
		size <<= 1;
	return size;
}

/* ---- registers, doorbells, MSI-X ------------------------------------------------------------ */

/* 3.1.4 */
static bool access_ok(uint64_t off, unsigned int size)
{
	return (size == 4 || size == 8) && !(off % size);
}

static bool is_msix(const struct sim_fn *fn, unsigned int bar, uint64_t off)
{
	return bar == fn->msix_bar && off >= fn->msix_table_off;
}

static uint64_t regs_read(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size)
{
	uint64_t val;

	if (!access_ok(off, size))
		return 0;
	if (is_msix(fn, bar, off)) {
		/* NVMe Base 2.1, 8.2.6.3: not defined while a secondary controller is offline */
		if (atomic_load(&fn->offline))
			return 0;
		val = sim_msix_read(fn, off);
		return size == 8 ? val | (uint64_t)sim_msix_read(fn, off + 4) << 32 : val;
	}
	/* doorbells: 3.1.4: what they read is undefined */
	return off < SIM_BAR0_REGS ? sim_reg_read(fn->ctrl, off, size) : 0;
}

static void regs_write(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size,
		       uint64_t val)
{
	if (!access_ok(off, size) || atomic_load(&fn->offline))
		return;
	if (is_msix(fn, bar, off)) {
		sim_msix_write(fn, off, (uint32_t)val);
		if (size == 8)
			sim_msix_write(fn, off + 4, (uint32_t)(val >> 32));
	} else if (off < SIM_BAR0_REGS) {
		sim_reg_write(fn->ctrl, off, size, val);
	} else if (size == 4) {
		sim_doorbell(fn->ctrl, off - SIM_BAR0_REGS, (uint32_t)val);
	}
}

/* ---- memory --------------------------------------------------------------------------------- */

/* memory behind a BAR: NULL when that one leads to registers, or is not there */
static const struct sim_barmem *bar_memory(const struct sim_fn *fn, unsigned int bar)
{
	const struct sim_barmem *m = NULL;

	if (bar == SIM_CMB_BAR)
		m = &fn->ctrl->cmb.m;
	else if (bar == SIM_PMR_BAR)
		m = &fn->ctrl->pmr.m;
	return m && m->mem ? m : NULL;
}

static bool size_ok(unsigned int size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* byte lanes are little endian; a part that the memory does not have reads as 0 */
static uint64_t memory_read(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size)
{
	uint64_t len, val = 0;
	const void *p;

	if (!size_ok(size))
		return 0;
	p = sim_bar_map(fn, bar, off, &len);
	if (!p)
		return bar == SIM_PMR_BAR ? UINT64_MAX >> (64 - size * 8) : 0;
	memcpy(&val, p, size < len ? size : (size_t)len);
	return sim_le64(val);
}

static void memory_write(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size,
			 uint64_t val)
{
	uint64_t len;
	void *p = size_ok(size) ? sim_bar_map(fn, bar, off, &len) : NULL;

	val = sim_le64(val);
	if (p)
		memcpy(p, &val, size < len ? size : (size_t)len);
}

static void lay_out_bars(struct sim_fn *fn)
{
	const struct sim_ctrl *c = fn->ctrl;
	const uint32_t end = round_up(SIM_BAR0_REGS + (c->p.max_ioqpairs + 1) * 8);
	uint32_t msix_end;

	fn->msix_bar = c->p.msix_exclusive_bar ? MSIX_OWN_BAR : 0;
	fn->msix_table_off = fn->msix_bar ? 0 : end;
	fn->msix_pba_off = fn->msix_table_off + round_up(fn->max_vectors * sizeof(*fn->msix));
	msix_end = fn->msix_pba_off + (fn->max_vectors + 63u) / 64 * 8;
	fn->bar[0] = (struct sim_bar){ bar_size(fn->msix_bar ? end : msix_end), SIM_BAR_64,
				       regs_read, regs_write };
	if (fn->msix_bar)
		fn->bar[MSIX_OWN_BAR] =
			(struct sim_bar){ bar_size(msix_end), 0, regs_read, regs_write };
	if (c->cmb.m.size)
		fn->bar[SIM_CMB_BAR] =
			(struct sim_bar){ bar_size(c->cmb.m.size), SIM_BAR_64 | SIM_BAR_PREFETCH,
					  memory_read, memory_write };
	if (c->pmr.m.size)
		fn->bar[SIM_PMR_BAR] =
			(struct sim_bar){ c->pmr.m.size, SIM_BAR_64 | SIM_BAR_PREFETCH, memory_read,
					  memory_write };
}

/* ---- a function ----------------------------------------------------------------------------- */

int sim_pci_init(struct sim_fn *fn, struct sim_ctrl *c, struct sim_fn *pf, uint16_t vfn,
		 struct sim_msg *msg)
{
	fn->ctrl = c;
	fn->pf = pf;
	fn->vfn = vfn;
	fn->max_vectors = c->p.msix_qsize;
	atomic_init(&fn->nr_vectors, fn->max_vectors);
	atomic_init(&fn->absent, pf != NULL);
	lay_out_bars(fn);
	fn->msix = calloc(fn->max_vectors, sizeof(*fn->msix));
	fn->pba = calloc((fn->max_vectors + 63u) / 64, sizeof(*fn->pba));
	fn->vfs = calloc(c->p.sriov_max_vfs + 1u, sizeof(struct sim_fn *));
	if (!fn->msix || !fn->pba || !fn->vfs || mtx_init(&fn->lock, mtx_plain) != thrd_success) {
		free(fn->msix);
		free(fn->pba);
		free(fn->vfs);
		snprintf(msg->text, sizeof(msg->text), "no memory for a PCI function");
		return SIM_ENOMEM;
	}
	sim_cfg_reset(fn, SIM_RESET_CONVENTIONAL);
	return 0;
}

void sim_pci_free(struct sim_fn *fn)
{
	mtx_destroy(&fn->lock);
	free(fn->msix);
	free(fn->pba);
	free(fn->vfs);
}

void sim_fn_note(struct sim_fn *fn, enum sim_fn_change what)
{
	atomic_fetch_or(&fn->news, 1u << what);
	atomic_store(&fn->ctrl->subsys->irqs, true);
}

/*
 * PCIe base 6.6: resets differ in which bits of configuration space they leave. The controller goes
 * through a Controller Level Reset that is no Controller Reset (NVMe Base 2.1, 3.7.2); VFs go with
 * their PF's VF Enable.
 */
void sim_fn_reset_locked(struct sim_fn *fn, enum sim_reset kind)
{
	sim_ctrl_event(fn->ctrl, SIM_CE_RESET);
	if (kind != SIM_RESET_FLR)
		sim_barmem_reset(fn->ctrl);
	sim_cfg_reset(fn, kind);
	if (fn->max_vfs)
		sim_sriov_update(fn);
}

void sim_fn_reset(struct sim_fn *fn, enum sim_reset kind)
{
	struct sim_ctrl *c = fn->ctrl;

	sim_write_lock(&c->subsys->lock);
	sim_fn_reset_locked(fn, kind);
	sim_fn_note(fn, SIM_FN_RESET);
	sim_write_unlock(&c->subsys->lock);
	sim_irq_flush(c);
}

void sim_fn_unplug(struct sim_fn *fn)
{
	struct sim_ctrl *c = fn->ctrl;

	if (fn->pf || atomic_exchange(&fn->absent, true))
		return;
	sim_write_lock(&c->subsys->lock);
	sim_fn_reset_locked(fn, SIM_RESET_CONVENTIONAL);
	sim_fn_note(fn, SIM_FN_GONE);
	sim_write_unlock(&c->subsys->lock);
	sim_irq_flush(c);
}

/* ---- access --------------------------------------------------------------------------------- */

uint64_t sim_bar_size(struct sim_fn *fn, unsigned int bar)
{
	return bar < SIM_NR_BARS ? fn->bar[bar].size : 0;
}

/* whether the function answers at all: an address nobody claims reads as ones */
static bool claimed(const struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size)
{
	return bar < SIM_NR_BARS && off < fn->bar[bar].size && size <= fn->bar[bar].size - off &&
	       atomic_load_explicit(&fn->mem_enable, memory_order_relaxed);
}

void *sim_bar_map(struct sim_fn *fn, unsigned int bar, uint64_t off, uint64_t *len)
{
	const struct sim_barmem *m = bar_memory(fn, bar);

	if (!m || !claimed(fn, bar, off, 1) || off >= m->size)
		return NULL;
	if (bar == SIM_PMR_BAR && !sim_pmr_ready(fn->ctrl))
		return NULL;
	*len = m->size - off;
	return m->mem + off;
}

uint64_t sim_mmio_read(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size)
{
	if (!claimed(fn, bar, off, size))
		return size < 8 ? (1ull << size * 8) - 1 : UINT64_MAX;
	return fn->bar[bar].read(fn, bar, off, size);
}

void sim_mmio_write(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size,
		    uint64_t val)
{
	if (claimed(fn, bar, off, size))
		fn->bar[bar].write(fn, bar, off, size, val);
}
