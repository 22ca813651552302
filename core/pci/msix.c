/* SPDX-License-Identifier: MIT */
/*
 * msix.c - interrupts: MSI-X table, pending bits and messages, and the INTx pin.
 */
#include <string.h>

#include "../ctrl/ctrl.h"
#include "pci.h"

#define ENTRY_MASKED 1u

/* lock held */
void sim_msix_reset(struct sim_fn *fn)
{
	for (unsigned int i = 0; i < fn->nr_vectors; i++)
		fn->msix[i] = (struct sim_msix_entry){ .ctrl = ENTRY_MASKED };
	memset(fn->pba, 0, (fn->nr_vectors + 63u) / 64 * sizeof(*fn->pba));
}

/* a message is a memory write, which takes a bus master; lock held */
static bool can_send(const struct sim_fn *fn, unsigned int vector)
{
	return atomic_load(&fn->msix_on) && !atomic_load(&fn->msix_mask) &&
	       atomic_load(&fn->bus_master) && !(fn->msix[vector].ctrl & ENTRY_MASKED);
}

static void send(struct sim_fn *fn, uint16_t vector, const struct sim_msix_entry *e)
{
	const struct sim_irq_port *irq = &fn->ctrl->p.irq;

	if (irq->msix)
		irq->msix(irq->opaque, vector, (uint64_t)e->addr_hi << 32 | e->addr_lo, e->data);
}

void sim_pci_irq(struct sim_fn *fn, uint16_t vector)
{
	struct sim_msix_entry e;
	bool now;

	if (!atomic_load(&fn->msix_on) || vector >= fn->nr_vectors)
		return;
	mtx_lock(&fn->lock);
	now = can_send(fn, vector);
	if (now)
		e = fn->msix[vector];
	else
		fn->pba[vector / 64] |= 1ull << vector % 64;
	mtx_unlock(&fn->lock);
	if (now)
		send(fn, vector, &e);
}

void sim_msix_deliver(struct sim_fn *fn)
{
	for (unsigned int v = 0; v < fn->nr_vectors; v++) {
		struct sim_msix_entry e;
		bool now;

		mtx_lock(&fn->lock);
		if (!fn->pba[v / 64]) {
			mtx_unlock(&fn->lock);
			v |= 63;
			continue;
		}
		now = fn->pba[v / 64] >> v % 64 & 1 && can_send(fn, v);
		if (now) {
			fn->pba[v / 64] &= ~(1ull << v % 64);
			e = fn->msix[v];
		}
		mtx_unlock(&fn->lock);
		if (now)
			send(fn, (uint16_t)v, &e);
	}
}

/*
 * The level follows the queues, which other threads change. One thread at a time compares and
 * tells; those that come meanwhile make it look again.
 */
void sim_pci_intx(struct sim_fn *fn)
{
	const struct sim_irq_port *irq = &fn->ctrl->p.irq;
	uint32_t calls = 1;

	if (atomic_fetch_add(&fn->intx_calls, 1))
		return;
	do {
		/* a VF has no pin */
		bool pending = !fn->pf && !atomic_load(&fn->msix_on) && sim_intx_wanted(fn->ctrl);
		bool level = pending && !atomic_load(&fn->intx_off);

		calls = atomic_load(&fn->intx_calls);
		atomic_store(&fn->intx_status, pending);
		if (level != fn->intx_level) {
			fn->intx_level = level;
			if (irq->intx)
				irq->intx(irq->opaque, level);
		}
	} while (atomic_fetch_sub(&fn->intx_calls, calls) != calls);
}

/* ---- BAR 0's part that is the table and the pending bits, by dwords ----------------------- */

uint32_t sim_msix_read(struct sim_fn *fn, uint64_t off)
{
	uint64_t i = (off - fn->msix_table_off) / 4;
	uint32_t v = 0;

	mtx_lock(&fn->lock);
	if (off >= fn->msix_pba_off) {
		i = (off - fn->msix_pba_off) / 4;
		if (i / 2 < (fn->nr_vectors + 63u) / 64)
			v = (uint32_t)(fn->pba[i / 2] >> i % 2 * 32);
	} else if (i / 4 < fn->nr_vectors) {
		const struct sim_msix_entry *e = &fn->msix[i / 4];
		const uint32_t dw[] = { e->addr_lo, e->addr_hi, e->data, e->ctrl };

		v = dw[i % 4];
	}
	mtx_unlock(&fn->lock);
	return v;
}

void sim_msix_write(struct sim_fn *fn, uint64_t off, uint32_t val)
{
	static const uint32_t mask[] = { ~3u, ~0u, ~0u, ENTRY_MASKED };
	const uint64_t i = (off - fn->msix_table_off) / 4;
	struct sim_msix_entry *e;
	bool unmasked;

	if (off >= fn->msix_pba_off || i / 4 >= fn->nr_vectors)
		return;
	e = &fn->msix[i / 4];
	mtx_lock(&fn->lock);
	*(uint32_t *[]){ &e->addr_lo, &e->addr_hi, &e->data, &e->ctrl }[i % 4] = val & mask[i % 4];
	unmasked = !(e->ctrl & ENTRY_MASKED);
	mtx_unlock(&fn->lock);
	if (unmasked)
		sim_msix_deliver(fn);
}
