/* SPDX-License-Identifier: MIT */
/*
 * virtcmd.h - Virtualization Management and its Identify pages, for the tests (NVMe Base 2.1,
 * sections 5.2.6, 5.1.13.2).
 */
#ifndef TESTS_VIRTCMD_H
#define TESTS_VIRTCMD_H

#include "drv.h"

#define VQ	    0
#define VI	    1
#define ACT_PRIMARY 1
#define ACT_OFFLINE 7
#define ACT_ASSIGN  8
#define ACT_ONLINE  9

#define INVALID_FIELD	 0x002
#define INVALID_OPCODE	 0x001
#define INVALID_CTRL	 0x11f
#define INVALID_STATE	 0x120
#define INVALID_NUMBER	 0x121
#define INVALID_RESOURCE 0x122

/* a primary controller with identifier 0 and @vfs virtual functions, which have those that follow
 */
static inline void virt_params(struct drv_params *p, uint16_t vfs, uint16_t vq, uint16_t vi)
{
	drv_params(p);
	p->multi = true;
	p->ctrl.sriov_max_vfs = vfs;
	p->ctrl.sriov_vq_flexible = vq;
	p->ctrl.sriov_vi_flexible = vi;
}

static inline uint16_t virt(struct drv *d, uint32_t act, uint32_t rt, uint32_t cntlid, uint32_t nr,
			    uint32_t *dw0)
{
	struct drv_cmd cmd = { { 0x1c } };
	struct drv_cqe cqe = { 0 };
	uint16_t status;

	cmd.dw[10] = act | rt << 8 | cntlid << 16;
	cmd.dw[11] = nr;
	status = drv_admin(d, &cmd, 0, 0, &cqe);
	if (dw0)
		*dw0 = cqe.dw0;
	return status;
}

static inline uint16_t virt_identify(struct drv *d, uint32_t cns, uint32_t cntid, void *page)
{
	uint64_t iova = drv_alloc(d, 4096);
	struct drv_cmd cmd = { { 0x06 } };
	uint16_t status;

	cmd.dw[10] = cns | cntid << 16;
	status = drv_admin(d, &cmd, iova, 4096, NULL);
	memcpy(page, drv_ptr(d, iova), 4096);
	return status;
}

static inline uint32_t virt_get(const uint8_t *page, unsigned int off, unsigned int size)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < size; i++)
		v |= (uint32_t)page[off + i] << i * 8;
	return v;
}

/* what CNS 14h says of a resource type */
struct virt_pool {
	uint32_t total, assigned;
	uint16_t primary, private, max_sec, granularity;
};

static inline struct virt_pool virt_pool(struct drv *d, unsigned int rt)
{
	const unsigned int at = rt == VQ ? 32 : 64;
	uint8_t page[4096];

	assert_int_equal(virt_identify(d, 0x14, sim_fn_cntlid(d->fn), page), 0);
	assert_int_equal(virt_get(page, 0, 2), sim_fn_cntlid(d->fn));
	assert_int_equal(page[4], 3); /* both types */
	return (struct virt_pool){
		.total = virt_get(page, at, 4),
		.assigned = virt_get(page, at + 4, 4),
		.primary = (uint16_t)virt_get(page, at + 8, 2),
		.private = (uint16_t)virt_get(page, at + 10, 2),
		.max_sec = (uint16_t)virt_get(page, at + 12, 2),
		.granularity = (uint16_t)virt_get(page, at + 14, 2),
	};
}

/* what CNS 15h says of a secondary controller */
struct virt_sec {
	uint16_t scid, pcid, vfn, nvq, nvi;
	uint8_t scs;
};

static inline struct virt_sec virt_sec(struct drv *d, uint16_t cntlid)
{
	uint8_t page[4096], *e = page + 32;

	assert_int_equal(virt_identify(d, 0x15, cntlid, page), 0);
	assert_true(page[0] >= 1);
	assert_int_equal(virt_get(e, 0, 2), cntlid);
	return (struct virt_sec){
		.scid = (uint16_t)virt_get(e, 0, 2),
		.pcid = (uint16_t)virt_get(e, 2, 2),
		.scs = e[4],
		.vfn = (uint16_t)virt_get(e, 8, 2),
		.nvq = (uint16_t)virt_get(e, 10, 2),
		.nvi = (uint16_t)virt_get(e, 12, 2),
	};
}

/* QEMU's documentation: the primary controller gives up everything, its function is reset */
static inline void virt_release_primary(struct drv *d)
{
	assert_int_equal(virt(d, ACT_PRIMARY, VI, 0, 0, NULL), 0);
	assert_int_equal(virt(d, ACT_PRIMARY, VQ, 0, 0, NULL), 0);
	sim_fn_reset(d->fn, SIM_RESET_FLR);
	drv_pci_enable(d);
	drv_enable(d);
}

static inline void virt_enable_vfs(struct drv *d, unsigned int n)
{
	sim_cfg_write(d->fn, 0x188, 2, 0);
	sim_cfg_write(d->fn, 0x190, 2, n);
	sim_cfg_write(d->fn, 0x188, 2, 0x9);
	assert_int_equal(sim_fn_nr_vfs(d->fn), n);
}

static inline void virt_online(struct drv *d, uint16_t cntlid, uint32_t vq, uint32_t vi)
{
	assert_int_equal(virt(d, ACT_ASSIGN, VI, cntlid, vi, NULL), 0);
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, cntlid, vq, NULL), 0);
	assert_int_equal(virt(d, ACT_ONLINE, VQ, cntlid, 0, NULL), 0);
}

#endif
