/* SPDX-License-Identifier: MIT */
/*
 * fn.c - functions with their controllers come into a subsystem and leave it.
 *
 * A PF brings its VFs with it: their controllers have the identifiers that follow its own, and are
 * there, offline, from the beginning (NVMe Base 2.1, section 8.2.6.4).
 */
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

#include "../ctrl/ctrl.h"
#include "../pci/pci.h"
#include "subsys.h"
#include "virt.h"

/* the lowest free controller identifier from @from on; SIM_MAX_CTRL: none */
static uint16_t free_cntlid(const struct sim_subsys *s, uint16_t from)
{
	while (from < SIM_MAX_CTRL && s->ctrl[from])
		from++;
	return from;
}

/* @pf, @vfn: of a VF */
static struct sim_fn *fn_new(struct sim_subsys *s, const struct sim_ctrl_params *p, uint16_t cntlid,
			     struct sim_fn *pf, uint16_t vfn, struct sim_msg *msg)
{
	struct sim_fn *fn = calloc(1, sizeof(*fn));
	struct sim_ctrl *c;

	if (!fn) {
		snprintf(msg->text, sizeof(msg->text), "no memory for a PCI function");
		return NULL;
	}
	c = sim_ctrl_new(fn, s, p, cntlid, msg);
	if (!c)
		goto free_fn;
	if (sim_pci_init(fn, c, pf, vfn, msg))
		goto free_ctrl;
	return fn;

free_ctrl:
	sim_ctrl_free(c);
free_fn:
	free(fn);
	return NULL;
}

void sim_fn_free(struct sim_fn *fn)
{
	sim_ctrl_free(fn->ctrl);
	sim_pci_free(fn);
	free(fn);
}

/* all VFs of @pf, or (on error) some of them */
static int vfs_new(struct sim_fn *pf, struct sim_msg *msg)
{
	const struct sim_ctrl_params *p = &pf->ctrl->p;
	struct sim_subsys *s = pf->ctrl->subsys;
	uint16_t cntlid = pf->ctrl->cntlid;
	struct sim_ctrl_params vp;

	for (uint16_t vfn = 1; vfn <= p->sriov_max_vfs; vfn++) {
		struct sim_fn *vf;

		sim_virt_vf_params(p, &vp);
		if (p->vf.ports && p->vf.ports(p->vf.opaque, vfn, &vp.dma, &vp.irq, &vp.news)) {
			snprintf(msg->text, sizeof(msg->text), "virtual function %u gets no ports",
				 vfn);
			return SIM_ENOMEM;
		}
		cntlid = free_cntlid(s, (uint16_t)(cntlid + 1));
		if (cntlid == SIM_MAX_CTRL) {
			snprintf(
				msg->text, sizeof(msg->text),
				"sriov_max_vfs is %u, but the subsystem has controller identifiers "
				"for only %u more (%u in all)",
				p->sriov_max_vfs, vfn - 1u, SIM_MAX_CTRL);
			return SIM_EINVAL;
		}
		vf = fn_new(s, &vp, cntlid, pf, vfn, msg);
		if (!vf)
			return SIM_ENOMEM;
		pf->vfs[vfn - 1] = vf;
		pf->max_vfs = vfn;
	}
	return 0;
}

/* writer side held */
static void join(struct sim_subsys *s, struct sim_fn *fn)
{
	s->ctrl[fn->ctrl->cntlid] = fn->ctrl;
	s->nr_ctrls++;
	sim_attach_ctrl(fn->ctrl);
}

struct sim_fn *sim_fn_add(struct sim_subsys *s, const struct sim_ctrl_params *p,
			  struct sim_msg *msg)
{
	const uint16_t cntlid = free_cntlid(s, 0);
	struct sim_fn *fn;

	if (cntlid == SIM_MAX_CTRL) {
		snprintf(msg->text, sizeof(msg->text), "a subsystem has at most %u controllers",
			 SIM_MAX_CTRL);
		return NULL;
	}
	fn = fn_new(s, p, cntlid, NULL, 0, msg);
	if (!fn)
		return NULL;
	if (vfs_new(fn, msg)) {
		for (unsigned int i = 0; i < fn->max_vfs; i++)
			sim_fn_free(fn->vfs[i]);
		sim_fn_free(fn);
		return NULL;
	}

	sim_write_lock(&s->lock);
	join(s, fn);
	for (unsigned int i = 0; i < fn->max_vfs; i++)
		join(s, fn->vfs[i]);
	if (fn->max_vfs)
		sim_virt_primary(fn->ctrl);
	sim_write_unlock(&s->lock);
	return fn;
}

/* writer side held */
static void leave(struct sim_fn *fn)
{
	struct sim_subsys *s = fn->ctrl->subsys;

	s->ctrl[fn->ctrl->cntlid] = NULL;
	s->nr_ctrls--;
}

void sim_fn_remove(struct sim_fn *fn)
{
	struct sim_subsys *s = fn->ctrl->subsys;

	sim_fn_unplug(fn);
	sim_write_lock(&s->lock);
	for (unsigned int i = 0; i < fn->max_vfs; i++)
		leave(fn->vfs[i]);
	leave(fn);
	sim_write_unlock(&s->lock);
	while (atomic_load(&s->flushing)) /* other functions' threads, with a moment's work */
		thrd_yield();
	for (unsigned int i = 0; i < fn->max_vfs; i++)
		sim_fn_free(fn->vfs[i]);
	sim_fn_free(fn);
}
