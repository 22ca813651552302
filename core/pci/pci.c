/* SPDX-License-Identifier: MIT */
/*
 * pci.c - a PCI function is made and reset, and what its BAR 0 leads to.
 *
 * BAR 0: controller registers, doorbells (one page or more), MSI-X table, pending bits, each from a
 * page's beginning; a power of two in all. BAR 2: the Controller Memory Buffer. BAR 4: the
 * Persistent Memory Region, or, where they are not in BAR 0, MSI-X table and pending bits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ctrl/ctrl.h"
#include "pci.h"

#define PAGE 4096u
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

int sim_pci_init(struct sim_fn *fn, struct sim_ctrl *c, struct sim_msg *msg)
{
	const uint32_t nr = c->p.msix_qsize, doorbells = (c->p.max_ioqpairs + 1) * 8;
	uint32_t end, msix_end;

	fn->ctrl = c;
	fn->nr_vectors = c->p.msix_qsize;
	end = round_up(SIM_BAR0_REGS + doorbells);
	fn->msix_bar = c->p.msix_exclusive_bar ? MSIX_OWN_BAR : 0;
	fn->msix_table_off = fn->msix_bar ? 0 : end;
	fn->msix_pba_off = fn->msix_table_off + round_up(nr * sizeof(*fn->msix));
	msix_end = fn->msix_pba_off + (nr + 63) / 64 * 8;
	fn->bar0_size = (uint32_t)bar_size(fn->msix_bar ? end : msix_end);
	fn->bar2_size = c->cmb.m.size ? bar_size(c->cmb.m.size) : 0;
	fn->bar4_size = fn->msix_bar ? bar_size(msix_end) : c->pmr.m.size;
	fn->msix = calloc(nr, sizeof(*fn->msix));
	fn->pba = calloc((nr + 63) / 64, sizeof(*fn->pba));
	if (!fn->msix || !fn->pba || mtx_init(&fn->lock, mtx_plain) != thrd_success) {
		free(fn->msix);
		free(fn->pba);
		snprintf(msg->text, sizeof(msg->text), "no memory for a PCI function");
		return SIM_ENOMEM;
	}
	sim_pci_reset(fn);
	return 0;
}

void sim_pci_free(struct sim_fn *fn)
{
	mtx_destroy(&fn->lock);
	free(fn->msix);
	free(fn->pba);
}

/*
 * PCIe base 6.6: a function level reset and a conventional one leave the same behind here, as no
 * register is sticky. The controller goes through a Controller Level Reset (NVMe Base 2.1, 3.7.2).
 */
void sim_fn_reset(struct sim_fn *fn, enum sim_reset kind)
{
	struct sim_ctrl *c = fn->ctrl;

	sim_write_lock(&c->subsys->lock);
	sim_ctrl_event(c, SIM_CE_RESET);
	if (kind != SIM_RESET_FLR)
		sim_barmem_reset(c);
	sim_pci_reset(fn);
	sim_write_unlock(&c->subsys->lock);
	sim_irq_flush(c);
}

void sim_fn_unplug(struct sim_fn *fn)
{
	struct sim_ctrl *c = fn->ctrl;

	if (atomic_exchange(&fn->unplugged, true))
		return;
	sim_fn_reset(fn, SIM_RESET_CONVENTIONAL);
	if (c->p.news.changed)
		c->p.news.changed(c->p.news.opaque, fn, SIM_FN_GONE);
}

unsigned int sim_fn_nr_vfs(const struct sim_fn *pf)
{
	return 0;
}

struct sim_fn *sim_fn_vf(const struct sim_fn *pf, unsigned int vf)
{
	return NULL;
}

struct sim_fn *sim_fn_pf(const struct sim_fn *fn)
{
	return NULL;
}

uint64_t sim_bar_size(struct sim_fn *fn, unsigned int bar)
{
	switch (bar) {
	case 0:
		return fn->bar0_size;
	case SIM_CMB_BAR:
		return fn->bar2_size;
	case SIM_PMR_BAR:
		return fn->bar4_size;
	default:
		return 0;
	}
}

/* whether the function answers at all: an address nobody claims reads as ones */
static bool claimed(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size)
{
	const uint64_t len = sim_bar_size(fn, bar);

	return off < len && size <= len - off &&
	       !atomic_load_explicit(&fn->unplugged, memory_order_relaxed) &&
	       atomic_load_explicit(&fn->mem_enable, memory_order_relaxed);
}

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

/* byte lanes are little endian; a part that the memory does not have reads as 0 */
static uint64_t memory_read(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size)
{
	uint64_t len, val = 0;
	const void *p = sim_bar_map(fn, bar, off, &len);

	if (!p)
		return bar == SIM_PMR_BAR ? UINT64_MAX >> (64 - size * 8) : 0;
	memcpy(&val, p, size < len ? size : (size_t)len);
	return sim_le64(val);
}

static void memory_write(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size,
			 uint64_t val)
{
	uint64_t len;
	void *p = sim_bar_map(fn, bar, off, &len);

	val = sim_le64(val);
	if (p)
		memcpy(p, &val, size < len ? size : (size_t)len);
}

static bool size_ok(unsigned int size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

/* registers: 3.1.4 */
static bool access_ok(uint64_t off, unsigned int size)
{
	return (size == 4 || size == 8) && !(off % size);
}

static bool is_msix(const struct sim_fn *fn, unsigned int bar, uint64_t off)
{
	return bar == fn->msix_bar && off >= fn->msix_table_off;
}

uint64_t sim_mmio_read(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size)
{
	uint64_t val;

	if (!claimed(fn, bar, off, size))
		return size < 8 ? (1ull << size * 8) - 1 : UINT64_MAX;
	if (bar_memory(fn, bar))
		return size_ok(size) ? memory_read(fn, bar, off, size) : 0;
	if (!access_ok(off, size))
		return 0;
	if (is_msix(fn, bar, off)) {
		val = sim_msix_read(fn, off);
		return size == 8 ? val | (uint64_t)sim_msix_read(fn, off + 4) << 32 : val;
	}
	/* doorbells: 3.1.4: what they read is undefined */
	return off < SIM_BAR0_REGS ? sim_reg_read(fn->ctrl, off, size) : 0;
}

void sim_mmio_write(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size,
		    uint64_t val)
{
	if (!claimed(fn, bar, off, size))
		return;
	if (bar_memory(fn, bar)) {
		if (size_ok(size))
			memory_write(fn, bar, off, size, val);
		return;
	}
	if (!access_ok(off, size))
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
