/* SPDX-License-Identifier: MIT */
/*
 * ctrl.c - a controller is made and goes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../pci/pci.h"
#include "ctrl.h"

/* limits of the parameters; a parameter that is wrong is named as the user named it */
static const struct {
	const char *name;
	uint32_t min, max;
} limits[] = {
	{ "max_ioqpairs", 1, 65535 },
	{ "msix_qsize", 1, 2048 },
	{ "mqes", 1, 65535 },
	{ "mdts", 1, 9 },
	{ "aerl", 0, SIM_AER_MAX - 1 },
};

/* QEMU's rules, in its words where it has some */
static const char *check_bars(const struct sim_ctrl_params *p)
{
	if (p->cmb_size_mb >= 1u << 20)
		return "cmb_size_mb must be less than 1048576";
	if (p->cmb_size_mb && p->sriov_max_vfs)
		return "CMB is not supported with SR-IOV";
	if (p->hmb_size % 4096 || p->hmb_size / 4096 > UINT32_MAX)
		return "hmb_size must be a multiple of 4096, less than 16T";
	if (!p->pmr.mem)
		return NULL;
	if (p->msix_exclusive_bar)
		return "not enough BARs available to enable PMR";
	if (p->pmr.size < 16)
		return "PMR device must have at least 16 bytes";
	if (p->pmr.size & (p->pmr.size - 1))
		return "pmr backend size needs to be power of 2 in size";
	return p->sriov_max_vfs ? "PMR is not supported with SR-IOV" : NULL;
}

static int check_params(const struct sim_subsys *s, const struct sim_ctrl_params *p,
			struct sim_msg *msg)
{
	const uint32_t val[] = { p->max_ioqpairs, p->msix_qsize, p->mqes, p->mdts, p->aerl };

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (val[i] >= limits[i].min && val[i] <= limits[i].max)
			continue;
		snprintf(msg->text, sizeof(msg->text),
			 "%s is %" PRIu32 ", but must be between %" PRIu32 " and %" PRIu32,
			 limits[i].name, val[i], limits[i].min, limits[i].max);
		return SIM_EINVAL;
	}
	if (check_bars(p)) {
		snprintf(msg->text, sizeof(msg->text), "%s", check_bars(p));
		return SIM_EINVAL;
	}
	if (sim_virt_check(p, s->multi, msg))
		return SIM_EINVAL;
	if (p->zasl > p->mdts) {
		snprintf(msg->text, sizeof(msg->text), "zoned.zasl is %u, but mdts is only %u",
			 p->zasl, p->mdts);
		return SIM_EINVAL;
	}
	if (p->dma.xfer)
		return 0;
	snprintf(msg->text, sizeof(msg->text), "a controller needs a way to host memory");
	return SIM_EINVAL;
}

struct sim_ctrl *sim_ctrl_new(struct sim_fn *fn, struct sim_subsys *s,
			      const struct sim_ctrl_params *p, uint16_t cntlid,
			      struct sim_msg *msg)
{
	struct sim_ctrl *c;

	if (check_params(s, p, msg))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		goto no_memory;
	c->fn = fn;
	c->subsys = s;
	c->p = *p;
	c->cntlid = cntlid;
	c->nr_pairs = p->max_ioqpairs;
	c->cnt = &c->cnt_mem;
	sim_caps_derive(c);
	c->power_on_ns = sim_now(c);
	c->state = SIM_CS_DISABLED;
	fn->ctrl = c;

	c->sq = calloc(p->max_ioqpairs + 1, sizeof(*c->sq));
	c->cq = calloc(p->max_ioqpairs + 1, sizeof(*c->cq));
	if (!c->sq || !c->cq)
		goto free_ctrl;
	if (sim_barmem_init(c))
		goto free_ctrl;
	sim_regs_init(c);
	if (sim_coalesce_init(c))
		goto free_ctrl;
	if (sim_shutdown_new(c))
		goto free_ctrl;
	if (sim_aer_init(c))
		goto free_shutdown;
	if (sim_error_log_init(c))
		goto free_aer;
	if (sim_feat_init(c))
		goto free_error_log;
	if (sim_smart_init(c))
		goto free_feat;
	sim_feat_reset(c);
	return c;

free_feat:
	sim_feat_free(c);
free_error_log:
	sim_error_log_free(c);
free_aer:
	sim_aer_free(c);
free_shutdown:
	sim_shutdown_free(c);
free_ctrl:
	sim_coalesce_free(c);
	sim_barmem_free(c);
	free(c->sq);
	free(c->cq);
	free(c);
no_memory:
	snprintf(msg->text, sizeof(msg->text), "no memory for a controller");
	return NULL;
}

void sim_ctrl_free(struct sim_ctrl *c)
{
	sim_aer_reset(c);
	sim_queues_free(c);
	sim_smart_power_off(c);
	sim_lbas_reset(c);
	sim_feat_free(c);
	sim_error_log_free(c);
	sim_aer_free(c);
	sim_shutdown_free(c);
	sim_coalesce_free(c);
	sim_barmem_free(c);
	free(c->sq);
	free(c->cq);
	free(c);
}
