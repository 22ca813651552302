/* SPDX-License-Identifier: MIT */
/*
 * memory.c - a controller's memory behind BARs, what goes together, and the files it is in. The
 * sentences are QEMU's where QEMU has one.
 */
#include <stdlib.h>
#include <string.h>

#include "conf_priv.h"

#define FAIL(ctrl, key, ...) conf_fail(err, len, (ctrl)->where.text, key, __VA_ARGS__)

/* `pmr` is a memory of the controller's own, whose writes reach the file */
static int own_memory(struct conf *c, unsigned int i, char *err, size_t len)
{
	struct conf_ctrl *ctrl = &c->ctrl[i];
	struct conf_memory *mem;

	if (conf_new(c, NULL, CONF_MEMORY, "", true, ctrl->where.text, err, len))
		return -1;
	mem = &c->memory[c->nr_memories - 1];
	mem->mem_path = strdup(ctrl->pmr);
	if (!mem->mem_path)
		return FAIL(ctrl, NULL, "no memory");
	mem->size = ctrl->pmr_size;
	mem->share = true;
	ctrl->memory_index = (int)c->nr_memories - 1;
	return 0;
}

static int find_memory(struct conf *c, unsigned int i, char *err, size_t len)
{
	struct conf_ctrl *ctrl = &c->ctrl[i];

	if (ctrl->pmr && ctrl->pmrdev)
		return FAIL(ctrl, "pmr",
			    "is given together with pmrdev; allowed: one or the other");
	if (ctrl->pmr_size && !ctrl->pmr)
		return FAIL(ctrl, "pmr_size", "is of the file that pmr names; give pmr, too");
	if (ctrl->pmr)
		return own_memory(c, i, err, len);
	if (!ctrl->pmrdev)
		return 0;
	ctrl->memory_index = conf_find(c, CONF_MEMORY, ctrl->pmrdev);
	if (ctrl->memory_index < 0)
		return FAIL(ctrl, "pmrdev", "Device '%s' not found", ctrl->pmrdev);
	return 0;
}

int conf_link_memory(struct conf *c, unsigned int i, char *err, size_t len)
{
	struct conf_ctrl *ctrl = &c->ctrl[i];
	struct conf_memory *mem;

	if (ctrl->legacy_cmb && !ctrl->cmb_size_mb)
		return FAIL(ctrl, "legacy-cmb",
			    "there is no Controller Memory Buffer; give cmb_size_mb");
	if (ctrl->hmb_size % 4096)
		return FAIL(ctrl, "hmb_size", "must be a multiple of 4096, less than 16T");
	if (ctrl->cmb_size_mb && ctrl->sriov_max_vfs)
		return FAIL(ctrl, "cmb_size_mb", "CMB is not supported with SR-IOV");
	if (find_memory(c, i, err, len))
		return -1;
	ctrl = &c->ctrl[i];
	if (ctrl->smart_critical_warning & 0x20 && ctrl->memory_index < 0)
		return FAIL(
			ctrl, "smart_critical_warning",
			"unsupported smart critical warning bits: 0x20 is of a Persistent Memory "
			"Region, and there is none");
	if (ctrl->memory_index < 0)
		return 0;
	if (ctrl->sriov_max_vfs)
		return FAIL(ctrl, ctrl->pmr ? "pmr" : "pmrdev", "PMR is not supported with SR-IOV");
	if (ctrl->msix_exclusive_bar)
		return FAIL(ctrl, ctrl->pmr ? "pmr" : "pmrdev",
			    "not enough BARs available to enable PMR; BAR 4 is that of "
			    "msix-exclusive-bar");
	mem = &c->memory[ctrl->memory_index];
	if (mem->used)
		return FAIL(ctrl, "pmrdev", "can't use already busy memdev: %s", mem->id);
	if (!mem->mem_path)
		return conf_fail(err, len, mem->where.text, "mem-path",
				 "mem-path property not set");
	mem->used = true;
	if (!mem->share && c->prog)
		fprintf(stderr,
			"%s: warning: %s: share is off: what is written to it is gone at the end\n",
			c->prog, mem->where.text);
	return 0;
}
