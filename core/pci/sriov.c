/* SPDX-License-Identifier: MIT */
/*
 * sriov.c - virtual functions come and go (PCIe base 5.0, chapter 9).
 *
 * Every VF exists from the beginning, with its controller; VF Enable and NumVFs decide which of
 * them answer. Routing IDs follow the PF's one by one.
 */
#include "../ctrl/ctrl.h"
#include "../subsys/virt.h"
#include "cfg.h"

uint64_t sim_vf_bar_step(const struct sim_fn *pf, unsigned int bar)
{
	const uint64_t size = pf->vfs[0]->bar[bar].size;
	const uint64_t page = (uint64_t)sim_cfg_get(pf, REG_SRIOV_PAGE, 4) << 12;

	return size && size < page ? page : size; /* 9.3.3.14 */
}

/* writer side held */
static void vf_appear(struct sim_fn *vf)
{
	atomic_store(&vf->absent, false);
	sim_fn_reset_locked(vf, SIM_RESET_CONVENTIONAL);
	sim_virt_event(vf->ctrl, SIM_VE_APPEAR);
}

static void vf_vanish(struct sim_fn *vf)
{
	sim_virt_event(vf->ctrl, SIM_VE_VANISH);
	atomic_store(&vf->absent, true);
	sim_fn_reset_locked(vf, SIM_RESET_CONVENTIONAL);
	sim_fn_note(vf, SIM_FN_GONE);
}

void sim_sriov_update(struct sim_fn *pf)
{
	const uint16_t old = atomic_load(&pf->nr_vfs);
	uint32_t ctrl;
	uint16_t n;

	mtx_lock(&pf->lock);
	ctrl = sim_cfg_get(pf, REG_SRIOV_CTRL, 2);
	n = ctrl & SRIOV_VFE && !atomic_load(&pf->absent)
		    ? (uint16_t)sim_cfg_get(pf, REG_SRIOV_NUM, 2)
		    : 0;
	mtx_unlock(&pf->lock);

	for (uint16_t i = 0; i < pf->max_vfs; i++) {
		struct sim_fn *vf = pf->vfs[i];

		if (i < n && i >= old)
			vf_appear(vf);
		else if (i >= n && i < old)
			vf_vanish(vf);
		atomic_store(&vf->vf_mse, ctrl & SRIOV_VF_MSE);
		mtx_lock(&vf->lock);
		sim_cfg_cache(vf);
		mtx_unlock(&vf->lock);
	}
	atomic_store(&pf->nr_vfs, n);
	if (n != old)
		sim_fn_note(pf, SIM_FN_VFS);
}

unsigned int sim_fn_nr_vfs(const struct sim_fn *pf)
{
	return atomic_load(&pf->nr_vfs);
}

struct sim_fn *sim_fn_vf(const struct sim_fn *pf, unsigned int vf)
{
	return vf && vf <= pf->max_vfs ? pf->vfs[vf - 1] : NULL;
}

struct sim_fn *sim_fn_pf(const struct sim_fn *fn)
{
	return fn->pf;
}
