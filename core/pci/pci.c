/* SPDX-License-Identifier: MIT */
/*
 * pci.c - a PCI function is made and reset, and what its BAR 0 leads to.
 *
 * BAR 0: controller registers, doorbells (one page or more), MSI-X table, pending bits, each from a
 * page's beginning; a power of two in all.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../ctrl/ctrl.h"
#include "pci.h"

#define PAGE 4096u

static uint32_t round_up(uint32_t n)
{
	return (n + PAGE - 1) & ~(PAGE - 1);
}

int sim_pci_init(struct sim_fn *fn, struct sim_ctrl *c, struct sim_msg *msg)
{
	const uint32_t nr = c->p.msix_qsize, doorbells = (c->p.max_ioqpairs + 1) * 8;
	uint32_t end;

	fn->ctrl = c;
	fn->nr_vectors = c->p.msix_qsize;
	fn->msix_table_off = round_up(SIM_BAR0_REGS + doorbells);
	fn->msix_pba_off = fn->msix_table_off + round_up(nr * sizeof(*fn->msix));
	end = fn->msix_pba_off + (nr + 63) / 64 * 8;
	for (fn->bar0_size = PAGE; fn->bar0_size < end; fn->bar0_size <<= 1)
		;
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
	return bar ? 0 : fn->bar0_size;
}

void *sim_bar_map(struct sim_fn *fn, unsigned int bar, uint64_t off, uint64_t *len)
{
	return NULL; /* registers, all of it */
}

/* whether the function answers at all: an address nobody claims reads as ones */
static bool claimed(const struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size)
{
	return !bar && off < fn->bar0_size && size <= fn->bar0_size - off &&
	       !atomic_load_explicit(&fn->unplugged, memory_order_relaxed) &&
	       atomic_load_explicit(&fn->mem_enable, memory_order_relaxed);
}

static bool access_ok(uint64_t off, unsigned int size)
{
	return (size == 4 || size == 8) && !(off % size);
}

uint64_t sim_mmio_read(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size)
{
	uint64_t val;

	if (!claimed(fn, bar, off, size))
		return size < 8 ? (1ull << size * 8) - 1 : UINT64_MAX;
	if (!access_ok(off, size))
		return 0;
	if (off < SIM_BAR0_REGS)
		return sim_reg_read(fn->ctrl, off, size);
	if (off < fn->msix_table_off) /* doorbells: 3.1.4: what they read is undefined */
		return 0;
	val = sim_msix_read(fn, off);
	return size == 8 ? val | (uint64_t)sim_msix_read(fn, off + 4) << 32 : val;
}

void sim_mmio_write(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size,
		    uint64_t val)
{
	if (!claimed(fn, bar, off, size) || !access_ok(off, size))
		return;
	if (off >= fn->msix_table_off) {
		sim_msix_write(fn, off, (uint32_t)val);
		if (size == 8)
			sim_msix_write(fn, off + 4, (uint32_t)(val >> 32));
	} else if (off < SIM_BAR0_REGS) {
		sim_reg_write(fn->ctrl, off, size, val);
	} else if (size == 4) {
		sim_doorbell(fn->ctrl, off - SIM_BAR0_REGS, (uint32_t)val);
	}
}
