/* SPDX-License-Identifier: MIT */
/*
 * config.c - configuration space as software sees it: reads, writes through the masks, resets.
 * The registers are the rows of cfg_rows.c.
 */
#include "../ctrl/ctrl.h"
#include "cfg.h"

static uint32_t get(const uint8_t *p, unsigned int size)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < size; i++)
		v |= (uint32_t)p[i] << i * 8;
	return v;
}

static void put(uint8_t *p, unsigned int size, uint32_t v)
{
	for (unsigned int i = 0; i < size; i++)
		p[i] = (uint8_t)(v >> i * 8);
}

uint32_t sim_cfg_get(const struct sim_fn *fn, uint32_t off, unsigned int size)
{
	return get(&fn->cfg[off], size);
}

static uint64_t bar_addr(const struct sim_fn *fn, unsigned int bar)
{
	const uint8_t *p = &fn->cfg[REG_BAR0 + bar * 4];

	return (uint64_t)get(p + 4, 4) << 32 | (get(p, 4) & ~0xfu);
}

/* lock held */
void sim_cfg_cache(struct sim_fn *fn)
{
	const uint32_t command = get(&fn->cfg[REG_COMMAND], 2);
	const uint32_t msix = get(&fn->cfg[REG_MSIX_CTRL], 2);
	const bool d0 = (get(&fn->cfg[REG_PMCSR], 2) & PMCSR_STATE) == PM_D0;
	const bool here = d0 && !atomic_load(&fn->absent);
	const bool mem = fn->pf ? atomic_load(&fn->vf_mse) : command & COMMAND_MEM;

	/* 5.3.1.4: in D3hot a function answers nothing but configuration, and sends nothing */
	atomic_store(&fn->mem_enable, here && mem);
	atomic_store(&fn->bus_master, here && command & COMMAND_MASTER);
	atomic_store(&fn->intx_off, !here || fn->pf || command & COMMAND_INTX_OFF);
	atomic_store(&fn->msix_on, msix & MSIX_ENABLE);
	atomic_store(&fn->msix_mask, msix & MSIX_MASK);
	sim_cmb_moved(fn->ctrl, here && mem ? bar_addr(fn, SIM_CMB_BAR) : 0);
}

/* ---- reset ---------------------------------------------------------------------------------- */

/* where the list goes on behind the header @r */
static uint32_t next_cap(const struct sim_fn *fn, const struct cfg_row *r, enum cfg_kind kind)
{
	for (const struct cfg_row *n = r + 1; n < &sim_cfg_rows[sim_nr_cfg_rows]; n++)
		if (n->kind == kind && sim_cfg_has(fn, n))
			return n->off;
	return 0;
}

static void put_row(struct sim_fn *fn, const struct cfg_row *row, uint32_t keep)
{
	struct cfg_row r = *row;

	if (r.make)
		r.make(fn, &r);
	if (r.kind == CFG_CAP)
		r.val |= next_cap(fn, row, CFG_CAP) << 8;
	else if (r.kind == CFG_EXT_CAP)
		r.val |= next_cap(fn, row, CFG_EXT_CAP) << 20;
	put(&fn->cfg[r.off], r.size, (r.val & ~keep) | (get(&fn->cfg[r.off], r.size) & keep));
	put(&fn->wmask[r.off], r.size, r.rw);
	put(&fn->w1c[r.off], r.size, r.rw1c);
}

void sim_cfg_reset(struct sim_fn *fn, enum sim_reset kind)
{
	mtx_lock(&fn->lock);
	for (unsigned int i = 0; i < sim_nr_cfg_rows; i++) {
		const struct cfg_row *r = &sim_cfg_rows[i];
		uint32_t keep = kind == SIM_RESET_CONVENTIONAL ? 0 : r->sticky;

		if (kind == SIM_RESET_FLR)
			keep |= r->flr;
		if (sim_cfg_has(fn, r))
			put_row(fn, r, keep);
	}
	sim_msix_reset(fn);
	sim_cfg_cache(fn);
	mtx_unlock(&fn->lock);
}

void sim_pci_set_vectors(struct sim_fn *fn, uint16_t n)
{
	mtx_lock(&fn->lock);
	atomic_store(&fn->nr_vectors, n ? n : 1); /* 7.7.2.2: a table has one entry at least */
	put(&fn->cfg[REG_MSIX_CTRL], 2,
	    (get(&fn->cfg[REG_MSIX_CTRL], 2) & ~0x7ffu) | (atomic_load(&fn->nr_vectors) - 1u));
	mtx_unlock(&fn->lock);
}

/* ---- access --------------------------------------------------------------------------------- */

static bool cfg_access_ok(uint32_t off, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && !(off % size) && off < SIM_CFG_SIZE;
}

uint32_t sim_cfg_read(struct sim_fn *fn, uint32_t off, unsigned int size)
{
	uint32_t v;

	if (!cfg_access_ok(off, size))
		return 0xffffffff;
	if (atomic_load(&fn->absent))
		return 0xffffffff >> (4 - size) * 8;
	mtx_lock(&fn->lock);
	fn->cfg[REG_STATUS] &= (uint8_t)~STATUS_INTX;
	if (atomic_load(&fn->intx_status))
		fn->cfg[REG_STATUS] |= STATUS_INTX;
	v = get(&fn->cfg[off], size);
	mtx_unlock(&fn->lock);
	return v;
}

/** struct gated - registers whose writable bits cannot be changed to anything at any time */
struct gated {
	uint32_t pmcsr, sriov_ctrl, num_vfs, page;
};

static struct gated gated_get(const struct sim_fn *fn)
{
	return (struct gated){
		.pmcsr = get(&fn->cfg[REG_PMCSR], 2),
		.sriov_ctrl = get(&fn->cfg[REG_SRIOV_CTRL], 2),
		.num_vfs = get(&fn->cfg[REG_SRIOV_NUM], 2),
		.page = get(&fn->cfg[REG_SRIOV_PAGE], 4),
	};
}

static void gate_sriov(struct sim_fn *fn, const struct gated *old)
{
	const struct gated new = gated_get(fn);

	/* 9.3.3.7, 9.3.3.12: undefined while VFs are enabled; what they are stays */
	if (old->sriov_ctrl & SRIOV_VFE) {
		put(&fn->cfg[REG_SRIOV_NUM], 2, old->num_vfs);
		put(&fn->cfg[REG_SRIOV_PAGE], 4, old->page);
	}
	/* 9.3.3.12: one of the supported sizes */
	if (!new.page || new.page &(new.page - 1))
		put(&fn->cfg[REG_SRIOV_PAGE], 4, old->page);
	/* 9.3.3.7: NumVFs above TotalVFs is not to be; there are no VFs then */
	if (!(old->sriov_ctrl & SRIOV_VFE) && new.num_vfs > get(&fn->cfg[REG_SRIOV_TOTAL], 2))
		put(&fn->cfg[REG_SRIOV_CTRL], 2, new.sriov_ctrl & ~SRIOV_VFE);
	/* the VFs' BARs are multiples of the page */
	if (get(&fn->cfg[REG_SRIOV_PAGE], 4) != old->page)
		for (unsigned int i = 0; i < sim_nr_cfg_rows; i++)
			if (sim_cfg_rows[i].off >= REG_SRIOV_BAR0)
				put_row(fn, &sim_cfg_rows[i], 0xffffffff);
}

/* lock held. Return: whether the SR-IOV capability has changed */
static bool gate(struct sim_fn *fn, const struct gated *old)
{
	const uint32_t state = get(&fn->cfg[REG_PMCSR], 2) & PMCSR_STATE;

	/* 7.5.2.2: a state there is not is not entered */
	if (state != PM_D0 && state != PM_D3HOT)
		put(&fn->cfg[REG_PMCSR], 2, old->pmcsr);
	if (!fn->max_vfs)
		return false;
	gate_sriov(fn, old);
	return get(&fn->cfg[REG_SRIOV_CTRL], 2) != old->sriov_ctrl;
}

void sim_cfg_write(struct sim_fn *fn, uint32_t off, unsigned int size, uint32_t val)
{
	struct gated old;
	bool sriov;

	if (!cfg_access_ok(off, size) || atomic_load(&fn->absent))
		return;
	mtx_lock(&fn->lock);
	old = gated_get(fn);
	for (unsigned int i = 0; i < size; i++) {
		const uint8_t byte = (uint8_t)(val >> i * 8), mask = fn->wmask[off + i];
		uint8_t *reg = &fn->cfg[off + i];

		*reg = (uint8_t)((*reg & ~mask) | (byte & mask));
		*reg &= (uint8_t) ~(byte & fn->w1c[off + i]);
	}
	sriov = gate(fn, &old);
	sim_cfg_cache(fn);
	mtx_unlock(&fn->lock);

	/* Initiate Function Level Reset reads as 0: it is only in what was written */
	if (off <= REG_DEVCTL + 1 && off + size > REG_DEVCTL + 1 &&
	    val >> (REG_DEVCTL + 1 - off) * 8 & DEVCTL_FLR >> 8) {
		sim_fn_reset(fn, SIM_RESET_FLR);
		return;
	}
	if (sriov) {
		sim_write_lock(&fn->ctrl->subsys->lock);
		sim_sriov_update(fn);
		sim_write_unlock(&fn->ctrl->subsys->lock);
		sim_irq_flush(fn->ctrl);
	}
	sim_msix_deliver(fn);
	sim_pci_intx(fn);
}

void sim_cfg_rows_each(void (*cb)(void *arg, const struct sim_row *row), void *arg)
{
	/* a VF's own rows are what its PF's are, with fewer bits */
	for (unsigned int i = 0; i < sim_nr_cfg_rows; i++)
		if (sim_cfg_rows[i].who != CFG_VF)
			cb(arg,
			   &(struct sim_row){ "pci", sim_cfg_rows[i].off, sim_cfg_rows[i].name });
}
