/* SPDX-License-Identifier: MIT */
/*
 * test_virt.c - Virtualization Management: the state table cell by cell, then every row of what the
 * command can answer, resources that add up, and what survives.
 */
#include "../../core/subsys/virt.h"
#include "mem_journal.h"
#include "virtcmd.h"

#define ABSENT SIM_VS_ABSENT
#define OFF    SIM_VS_OFFLINE
#define ON     SIM_VS_ONLINE

/* ---- the table -------------------------------------------------------------------------- */

static uint16_t try_event(enum sim_vstate state, enum sim_vevent ev, uint16_t nvq, uint16_t nvi,
			  uint16_t nr, enum sim_vstate *next)
{
	/* of 8 resources of a type, the primary has 2 and another secondary controller 1; 4 a VF */
	const struct sim_vpool pool[SIM_VRES__N] = {
		{ .total = 8, .primary = 2, .assigned = (uint16_t)(1 + nvq), .max_sec = 4 },
		{ .total = 8, .primary = 2, .assigned = (uint16_t)(1 + nvi), .max_sec = 4 },
	};
	const struct sim_virt sec = { .state = state, .nr = { nvq, nvi } };

	*next = SIM_VS__N;
	return sim_virt_try(pool, &sec, ev, SIM_VQ, nr, next);
}

static void test_table(void **state)
{
	static const struct {
		enum sim_vstate from;
		enum sim_vevent ev;
		uint16_t nvq, nvi, nr;
		uint16_t status;
		enum sim_vstate to;
	} rows[] = {
		{ ABSENT, SIM_VE_ASSIGN, 0, 0, 4, 0, ABSENT },
		{ ABSENT, SIM_VE_ASSIGN, 0, 0, 5, INVALID_NUMBER, ABSENT },
		{ ABSENT, SIM_VE_ONLINE, 2, 1, 0, INVALID_STATE, ABSENT },
		{ ABSENT, SIM_VE_OFFLINE, 2, 1, 0, 0, ABSENT },
		{ ABSENT, SIM_VE_APPEAR, 0, 0, 0, 0, OFF },
		{ ABSENT, SIM_VE_VANISH, 0, 0, 0, 0, ABSENT },
		{ ABSENT, SIM_VE_PRIMARY_RESET, 2, 1, 0, 0, ABSENT },

		{ OFF, SIM_VE_ASSIGN, 0, 0, 0, 0, OFF },
		{ OFF, SIM_VE_ASSIGN, 0, 0, 4, 0, OFF },
		{ OFF, SIM_VE_ASSIGN, 4, 0, 4, 0, OFF },
		{ OFF, SIM_VE_ASSIGN, 0, 0, 5, INVALID_NUMBER, OFF },
		{ OFF, SIM_VE_ASSIGN, 0, 0, 0xffff, INVALID_NUMBER, OFF },
		{ OFF, SIM_VE_ONLINE, 2, 1, 0, 0, ON },
		{ OFF, SIM_VE_ONLINE, 1, 1, 0, INVALID_STATE, OFF },
		{ OFF, SIM_VE_ONLINE, 2, 0, 0, INVALID_STATE, OFF },
		{ OFF, SIM_VE_ONLINE, 0, 0, 0, INVALID_STATE, OFF },
		{ OFF, SIM_VE_OFFLINE, 2, 1, 0, 0, OFF },
		{ OFF, SIM_VE_APPEAR, 2, 1, 0, 0, OFF },
		{ OFF, SIM_VE_VANISH, 2, 1, 0, 0, ABSENT },
		{ OFF, SIM_VE_PRIMARY_RESET, 2, 1, 0, 0, OFF },

		{ ON, SIM_VE_ASSIGN, 2, 1, 2, INVALID_STATE, ON },
		{ ON, SIM_VE_ASSIGN, 2, 1, 0xffff, INVALID_STATE, ON },
		{ ON, SIM_VE_ONLINE, 2, 1, 0, 0, ON },
		{ ON, SIM_VE_OFFLINE, 2, 1, 0, 0, OFF },
		{ ON, SIM_VE_APPEAR, 2, 1, 0, 0, ON },
		{ ON, SIM_VE_VANISH, 2, 1, 0, 0, ABSENT },
		{ ON, SIM_VE_PRIMARY_RESET, 2, 1, 0, 0, OFF },
	};
	bool seen[SIM_VS__N][SIM_VE__N] = { { false } };
	enum sim_vstate next;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t status = try_event(rows[i].from, rows[i].ev, rows[i].nvq, rows[i].nvi,
					    rows[i].nr, &next);

		if (status != rows[i].status || next != rows[i].to)
			fail_msg("row %zu: status %03x, state %d", i, status, next);
		seen[rows[i].from][rows[i].ev] = true;
	}
	for (unsigned int s = 0; s < SIM_VS__N; s++)
		for (unsigned int e = 0; e < SIM_VE__N; e++)
			assert_true(seen[s][e]);
}

/* there are 8, the primary has 2 and others have 4: 2 are left, whatever it has itself */
static void test_table_left(void **state)
{
	struct sim_vpool pool[SIM_VRES__N] = {
		{ .total = 8, .primary = 2, .assigned = 4, .max_sec = 8 },
		{ .total = 8, .primary = 0, .assigned = 0, .max_sec = 8 },
	};
	struct sim_virt sec = { .state = SIM_VS_OFFLINE };
	enum sim_vstate next;

	assert_int_equal(sim_virt_try(pool, &sec, SIM_VE_ASSIGN, SIM_VQ, 2, &next), 0);
	assert_int_equal(sim_virt_try(pool, &sec, SIM_VE_ASSIGN, SIM_VQ, 3, &next),
			 INVALID_RESOURCE);
	assert_int_equal(sim_virt_try(pool, &sec, SIM_VE_ASSIGN, SIM_VI, 8, &next), 0);
	sec.nr[SIM_VQ] = 3; /* of the 4 */
	assert_int_equal(sim_virt_try(pool, &sec, SIM_VE_ASSIGN, SIM_VQ, 5, &next), 0);
	assert_int_equal(sim_virt_try(pool, &sec, SIM_VE_ASSIGN, SIM_VQ, 6, &next),
			 INVALID_RESOURCE);
	assert_int_equal(sim_virt_try(pool, &sec, SIM_VE_ASSIGN, SIM_VQ, 0, &next), 0);
}

/* ---- by command ------------------------------------------------------------------------- */

static struct drv *primary(uint16_t vfs, uint16_t vq, uint16_t vi)
{
	struct drv_params p;
	struct drv *d;

	virt_params(&p, vfs, vq, vi);
	d = drv_new(&p);
	drv_enable(d);
	return d;
}

static void check_error_log(struct drv *d, uint16_t status, uint16_t pel)
{
	uint64_t iova = drv_alloc(d, 4096);
	struct drv_cmd cmd = { { 0x02 } };
	const uint8_t *e = drv_ptr(d, iova);

	cmd.dw[1] = 0xffffffff;
	cmd.dw[10] = 0x01 | 15 << 16;
	assert_int_equal(drv_admin(d, &cmd, iova, 64, NULL), 0);
	assert_int_equal((e[12] | e[13] << 8) >> 1 & 0x7ff, status);
	assert_int_equal(e[14] | e[15] << 8, pel);
}

static void test_actions(void **state)
{
	struct drv *d = primary(2, 8, 4);

	for (uint32_t act = 0; act < 16; act++) {
		if (act != ACT_PRIMARY && act != ACT_OFFLINE && act != ACT_ASSIGN &&
		    act != ACT_ONLINE) {
			assert_int_equal(virt(d, act, VQ, 1, 0, NULL), INVALID_FIELD);
			check_error_log(d, INVALID_FIELD, 40);
		}
		for (uint32_t rt = 2; rt < 8; rt++)
			assert_int_equal(virt(d, act, rt, act == ACT_PRIMARY ? 0 : 1, 0, NULL),
					 INVALID_RESOURCE);
	}
	check_error_log(d, INVALID_RESOURCE, 41);
	drv_free(d);
}

static void test_controller_ids(void **state)
{
	static const uint32_t not_secondary[] = { 0, 3, 4, 255, 256, 0xffff };
	struct drv *d = primary(2, 8, 4);

	drv_add_fn(d, NULL); /* controller 3: of the subsystem, but nobody's secondary */
	for (unsigned int i = 0; i < sizeof(not_secondary) / sizeof(not_secondary[0]); i++) {
		const uint32_t id = not_secondary[i];

		assert_int_equal(virt(d, ACT_OFFLINE, VQ, id, 0, NULL), INVALID_CTRL);
		assert_int_equal(virt(d, ACT_ASSIGN, VQ, id, 1, NULL), INVALID_CTRL);
		assert_int_equal(virt(d, ACT_ONLINE, VQ, id, 0, NULL), INVALID_CTRL);
		if (id)
			assert_int_equal(virt(d, ACT_PRIMARY, VQ, id, 0, NULL), INVALID_CTRL);
	}
	assert_int_equal(virt(d, ACT_PRIMARY, VQ, 1, 0, NULL), INVALID_CTRL);
	check_error_log(d, INVALID_CTRL, 42);
	drv_free(d);
}

static void test_primary_allocation(void **state)
{
	struct drv *d = primary(2, 8, 4);
	struct virt_pool vq, vi;
	uint32_t dw0;

	/* nobody else has them */
	vq = virt_pool(d, VQ);
	vi = virt_pool(d, VI);
	assert_int_equal(vq.total, 8);
	assert_int_equal(vq.primary, 8);
	assert_int_equal(vq.private, 57); /* 64 + the admin queues - 8 */
	assert_int_equal(vq.max_sec, 4);
	assert_int_equal(vq.granularity, 1);
	assert_int_equal(vq.assigned, 0);
	assert_int_equal(vi.total, 4);
	assert_int_equal(vi.primary, 4);
	assert_int_equal(vi.private, 61);
	assert_int_equal(vi.max_sec, 2);
	assert_int_equal(vi.granularity, 1);
	assert_int_equal(vi.assigned, 0);

	assert_int_equal(virt(d, ACT_PRIMARY, VQ, 0, 9, NULL), INVALID_NUMBER);
	assert_int_equal(virt(d, ACT_PRIMARY, VI, 0, 5, NULL), INVALID_NUMBER);
	check_error_log(d, INVALID_NUMBER, 44);
	assert_int_equal(virt(d, ACT_PRIMARY, VQ, 0, 3, &dw0), 0);
	assert_int_equal(dw0, 3);
	assert_int_equal(virt(d, ACT_PRIMARY, VI, 0, 1, &dw0), 0);
	assert_int_equal(dw0, 1);
	/* not by a Controller Reset */
	assert_int_equal(virt_pool(d, VQ).primary, 8);
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(virt_pool(d, VQ).primary, 8);
	sim_fn_reset(d->fn, SIM_RESET_FLR);
	drv_pci_enable(d);
	drv_enable(d);
	assert_int_equal(virt_pool(d, VQ).primary, 3);
	assert_int_equal(virt_pool(d, VI).primary, 1);
	drv_free(d);
}

/* every reset but the Controller Reset: figure 489 */
static void test_primary_allocation_resets(void **state)
{
	struct drv *d = primary(2, 8, 4);

	for (uint32_t kind = 0; kind < 4; kind++) {
		assert_int_equal(virt(d, ACT_PRIMARY, VQ, 0, kind, NULL), 0);
		if (kind == 3)
			drv_w32(d, NVME_REG_NSSR, 0x4e564d65);
		else
			sim_fn_reset(d->fn, (enum sim_reset)kind);
		drv_pci_enable(d);
		drv_enable(d);
		assert_int_equal(virt_pool(d, VQ).primary, kind);
	}
	drv_free(d);
}

/* queues and vectors are what there are resources for */
static void test_primary_queues(void **state)
{
	struct drv *d = primary(2, 8, 4);
	struct drv_cmd cmd = { { 0x0a } }, create = { { 0x05 } };
	struct drv_cqe cqe;

	cmd.dw[10] = 7;
	assert_int_equal(drv_admin(d, &cmd, 0, 0, &cqe), 0);
	assert_int_equal(cqe.dw0, 63u << 16 | 63);
	assert_int_equal(sim_cfg_read(d->fn, 0x42, 2) & 0x7ff, 64);
	virt_release_primary(d);
	assert_int_equal(drv_admin(d, &cmd, 0, 0, &cqe), 0);
	assert_int_equal(cqe.dw0, 55u << 16 | 55);
	assert_int_equal(sim_cfg_read(d->fn, 0x42, 2) & 0x7ff, 60);

	create.dw[10] = 15u << 16 | 57; /* one more than there are */
	create.dw[11] = 3;
	assert_int_equal(drv_admin(d, &create, drv_alloc(d, 4096), 4096, NULL), 0x101);
	create.dw[10] = 15u << 16 | 56;
	create.dw[11] = 61u << 16 | 3;
	assert_int_equal(drv_admin(d, &create, drv_alloc(d, 4096), 4096, NULL), 0x108);
	create.dw[11] = 60u << 16 | 3;
	assert_int_equal(drv_admin(d, &create, drv_alloc(d, 4096), 4096, NULL), 0);
	drv_free(d);
}

static void test_assign(void **state)
{
	struct drv *d = primary(2, 8, 4);
	uint32_t dw0;

	/* the primary controller has them */
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 1, 1, NULL), INVALID_RESOURCE);
	check_error_log(d, INVALID_RESOURCE, 44);
	virt_release_primary(d);
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 1, 5, NULL), INVALID_NUMBER);
	assert_int_equal(virt(d, ACT_ASSIGN, VI, 1, 3, NULL), INVALID_NUMBER);
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 1, 4, &dw0), 0);
	assert_int_equal(dw0, 4);
	assert_int_equal(virt(d, ACT_ASSIGN, VI, 1, 2, NULL), 0);
	assert_int_equal(virt_sec(d, 1).nvq, 4);
	assert_int_equal(virt_sec(d, 1).nvi, 2);
	assert_int_equal(virt_pool(d, VQ).assigned, 4);
	assert_int_equal(virt_pool(d, VI).assigned, 2);
	/* the primary controller cannot have these back */
	assert_int_equal(virt(d, ACT_PRIMARY, VQ, 0, 5, NULL), INVALID_RESOURCE);
	assert_int_equal(virt(d, ACT_PRIMARY, VQ, 0, 4, NULL), 0);
	assert_int_equal(virt(d, ACT_PRIMARY, VQ, 0, 0, NULL), 0);

	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 2, 4, NULL), 0);
	assert_int_equal(virt_pool(d, VQ).assigned, 8);
	/* a number, not what is added; 0 takes all away */
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 2, 3, &dw0), 0);
	assert_int_equal(dw0, 3);
	assert_int_equal(virt_pool(d, VQ).assigned, 7);
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 2, 0, &dw0), 0);
	assert_int_equal(dw0, 0);
	assert_int_equal(virt_pool(d, VQ).assigned, 4);
	assert_int_equal(virt_sec(d, 2).nvq, 0);
	drv_free(d);
}

static void test_online(void **state)
{
	struct drv *d = primary(2, 8, 4);
	struct virt_sec s;

	virt_release_primary(d);
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 1, 2, NULL), 0);
	assert_int_equal(virt(d, ACT_ASSIGN, VI, 1, 1, NULL), 0);
	assert_int_equal(virt(d, ACT_ONLINE, VQ, 1, 0, NULL), INVALID_STATE); /* no such VF yet */
	check_error_log(d, INVALID_STATE, 42);
	virt_enable_vfs(d, 1);
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 2, 2, NULL), 0);
	assert_int_equal(virt(d, ACT_ASSIGN, VI, 2, 1, NULL), 0);
	assert_int_equal(virt(d, ACT_ONLINE, VQ, 2, 0, NULL), INVALID_STATE); /* NumVFs is 1 */
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 1, 1, NULL), 0);
	assert_int_equal(virt(d, ACT_ONLINE, VQ, 1, 0, NULL), INVALID_STATE); /* no I/O queue */
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 1, 2, NULL), 0);
	assert_int_equal(virt(d, ACT_ASSIGN, VI, 1, 0, NULL), 0);
	assert_int_equal(virt(d, ACT_ONLINE, VQ, 1, 0, NULL), INVALID_STATE); /* no vector */
	assert_int_equal(virt(d, ACT_ASSIGN, VI, 1, 1, NULL), 0);
	assert_int_equal(virt_sec(d, 1).scs, 0);
	assert_int_equal(virt(d, ACT_ONLINE, VQ, 1, 0, NULL), 0);
	s = virt_sec(d, 1);
	assert_int_equal(s.scs, 1);
	assert_int_equal(s.pcid, 0);
	assert_int_equal(s.vfn, 1);
	assert_int_equal(s.nvq, 2);
	assert_int_equal(s.nvi, 1);
	/* no error, and nothing happens to it */
	assert_int_equal(virt(d, ACT_ONLINE, VQ, 1, 0, NULL), 0);
	assert_int_equal(drv_vf(d, 1)->news[SIM_FN_ONLINE], 1);
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 1, 2, NULL), INVALID_STATE);
	assert_int_equal(virt(d, ACT_ASSIGN, VQ, 1, 0, NULL), INVALID_STATE);

	assert_int_equal(virt(d, ACT_OFFLINE, VQ, 1, 0, NULL), 0);
	s = virt_sec(d, 1);
	assert_int_equal(s.scs, 0);
	assert_int_equal(s.nvq, 0);
	assert_int_equal(s.nvi, 0);
	assert_int_equal(virt_pool(d, VQ).assigned, 2); /* of controller 2 */
	assert_int_equal(virt(d, ACT_OFFLINE, VI, 1, 0, NULL), 0);
	assert_int_equal(drv_vf(d, 1)->news[SIM_FN_OFFLINE], 1);
	drv_free(d);
}

/* what takes secondary controllers offline, and their resources away */
static void test_dropped(void **state)
{
	struct drv *d = primary(2, 8, 4);

	virt_release_primary(d);
	for (unsigned int how = 0; how < 5; how++) {
		virt_enable_vfs(d, 2);
		virt_online(d, 1, 2, 1);
		virt_online(d, 2, 2, 1);
		assert_int_equal(virt_pool(d, VQ).assigned, 4);
		if (how == 0) {
			drv_disable(d);
		} else if (how == 1) {
			sim_fn_reset(d->fn, SIM_RESET_FLR);
		} else if (how == 2) {
			sim_fn_reset(d->fn, SIM_RESET_HOT);
		} else if (how == 3) {
			drv_w32(d, NVME_REG_NSSR, 0x4e564d65);
		} else {
			sim_cfg_write(d->fn, 0x188, 2, 0);
			assert_int_equal(virt_sec(d, 1).scs, 0);
			assert_int_equal(virt_sec(d, 2).nvq, 0);
			assert_int_equal(virt_pool(d, VQ).assigned, 0);
			break;
		}
		drv_pci_enable(d);
		drv_enable(d);
		assert_int_equal(virt_sec(d, 1).scs, 0);
		assert_int_equal(virt_sec(d, 2).nvi, 0);
		assert_int_equal(virt_pool(d, VQ).assigned, 0);
		assert_int_equal(virt_pool(d, VI).assigned, 0);
	}
	drv_free(d);
}

/* whose the command and the pages are */
static void test_whose(void **state)
{
	struct drv *d = primary(1, 4, 2), *other = drv_add_fn(d, NULL), *v = drv_vf(d, 1);
	uint8_t page[4096];

	virt_release_primary(d);
	virt_enable_vfs(d, 1);
	virt_online(d, 1, 2, 1);
	drv_pci_enable(v);
	drv_enable(v);
	drv_enable(other);
	assert_int_equal(virt(v, ACT_OFFLINE, VQ, 1, 0, NULL), INVALID_OPCODE);
	assert_int_equal(virt(other, ACT_OFFLINE, VQ, 1, 0, NULL), INVALID_OPCODE);

	assert_int_equal(virt_identify(d, 0x01, 0, page), 0);
	assert_true(virt_get(page, 256, 2) & 0x80); /* OACS */
	assert_int_equal(page[76] & 6, 2);	    /* CMIC: controllers; no VF */
	assert_int_equal(page[111], 1);		    /* CNTRLTYPE: I/O */
	assert_int_equal(virt_identify(v, 0x01, 0, page), 0);
	assert_false(virt_get(page, 256, 2) & 0x80);
	assert_int_equal(page[76] & 6, 6);
	assert_int_equal(page[111], 1);
	assert_int_equal(virt_get(page, 78, 2), 1);	    /* CNTLID */
	assert_int_equal(virt_get(page, 0, 4), 0x1af41b36); /* VID and SSVID are the PF's */
	assert_int_equal(virt_identify(other, 0x01, 0, page), 0);
	assert_false(virt_get(page, 256, 2) & 0x80);

	/* CNS 14h is of the primary controller CNTID names, CNS 15h of the one that is asked */
	assert_int_equal(virt_identify(v, 0x14, 0, page), 0);
	assert_int_equal(virt_get(page, 32, 4), 4);
	assert_int_equal(virt_identify(d, 0x14, 1, page), INVALID_FIELD);
	assert_int_equal(virt_identify(d, 0x14, 2, page), INVALID_FIELD);
	assert_int_equal(virt_identify(d, 0x14, 300, page), INVALID_FIELD);
	assert_int_equal(virt_identify(v, 0x15, 0, page), INVALID_FIELD);
	assert_int_equal(virt_identify(other, 0x15, 0, page), INVALID_FIELD);
	/* every controller of the subsystem is in the list of them */
	assert_int_equal(virt_identify(d, 0x13, 0, page), 0);
	assert_int_equal(virt_get(page, 0, 2), 3);
	drv_free(d);
}

static void test_list(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint8_t page[4096];

	/* 127 entries a page, from CNTID on */
	virt_params(&p, 140, 280, 140);
	p.ctrl.max_ioqpairs = 300;
	p.ctrl.msix_qsize = 200;
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(virt_identify(d, 0x15, 0, page), 0);
	assert_int_equal(page[0], 127);
	for (unsigned int i = 0; i < 127; i++) {
		assert_int_equal(virt_get(page, 32 + i * 32, 2), i + 1);
		assert_int_equal(virt_get(page, 32 + i * 32 + 8, 2), i + 1);
	}
	assert_int_equal(virt_identify(d, 0x15, 128, page), 0);
	assert_int_equal(page[0], 13);
	assert_int_equal(virt_get(page, 32, 2), 128);
	assert_int_equal(virt_get(page, 32 + 12 * 32 + 8, 2), 140);
	assert_int_equal(virt_identify(d, 0x15, 141, page), 0);
	assert_int_equal(page[0], 0);
	drv_free(d);
}

/* figure 489: this value is persistent across power cycles and resets; nothing else is */
static void test_restart(void **state)
{
	static struct mem_journal j;
	struct drv_params p;
	struct drv *d;

	virt_params(&p, 2, 8, 4);
	p.journal = memj_port(&j);
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(virt(d, ACT_PRIMARY, VQ, 0, 3, NULL), 0);
	assert_int_equal(virt_pool(d, VQ).primary, 8);
	/* what is not recorded has not happened */
	j.fail = true;
	assert_int_equal(virt(d, ACT_PRIMARY, VI, 0, 3, NULL), 0x006);
	j.fail = false;
	drv_free(d);

	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(virt_pool(d, VQ).primary, 3);
	assert_int_equal(virt_pool(d, VI).primary, 4);
	virt_release_primary(d);
	virt_enable_vfs(d, 1);
	virt_online(d, 1, 2, 1);
	drv_free(d);

	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(virt_pool(d, VQ).primary, 0);
	assert_int_equal(virt_pool(d, VI).primary, 0);
	assert_int_equal(virt_pool(d, VQ).assigned, 0);
	assert_int_equal(virt_sec(d, 1).scs, 0);
	assert_int_equal(virt(d, ACT_PRIMARY, VQ, 0, 8, NULL), 0);
	drv_free(d);

	/* a configuration with fewer of them */
	p.ctrl.sriov_vq_flexible = 4;
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(virt_pool(d, VQ).total, 4);
	assert_int_equal(virt_pool(d, VQ).primary, 4);
	drv_free(d);
	memj_free(&j);
}

static void test_params(void **state)
{
	static const struct {
		uint16_t vfs, vq, vi;
		uint32_t vi_per, vq_per, pairs;
		uint16_t vectors;
		const char *says; /* NULL: that will do */
	} rows[] = {
		{ 1, 2, 1, 0, 0, 64, 65, NULL },
		{ 1, 0, 1, 0, 0, 64, 65, "both sriov_vq_flexible and sriov_vi_flexible" },
		{ 1, 2, 0, 0, 0, 64, 65, "both sriov_vq_flexible and sriov_vi_flexible" },
		{ 2, 3, 2, 0, 0, 64, 65, "at least twice sriov_max_vfs, 4" },
		{ 2, 4, 1, 0, 0, 64, 65, "at least sriov_max_vfs, 2" },
		{ 1, 63, 1, 0, 0, 64, 65, "at least sriov_vq_flexible + 2, 65" },
		{ 1, 62, 1, 0, 0, 64, 65, NULL },
		{ 1, 2, 65, 0, 0, 64, 65, "at least sriov_vi_flexible + 1, 66" },
		{ 1, 2, 64, 0, 0, 64, 65, NULL },
		{ 1, 2, 1, 0, 1, 64, 65, "sriov_max_vq_per_vf is 1" },
		{ 1, 2, 1, 0, 65536, 64, 65, "sriov_max_vq_per_vf is 65536" },
		{ 1, 2, 1, 2049, 0, 64, 65, "sriov_max_vi_per_vf is 2049" },
		{ 1, 2, 1, 1, 2, 64, 65, NULL },
		{ 255, 510, 255, 0, 0, 512, 256, NULL },
		{ 256, 512, 256, 0, 0, 600, 300, "controller identifiers for only 255 more" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_msg msg = { "" };
		struct drv_params p;
		struct drv *d;
		struct sim_fn *fn;

		drv_params(&p);
		p.multi = true;
		d = drv_new(&p);
		sim_fn_remove(d->fn);
		p.ctrl.sriov_max_vfs = rows[i].vfs;
		p.ctrl.sriov_vq_flexible = rows[i].vq;
		p.ctrl.sriov_vi_flexible = rows[i].vi;
		p.ctrl.sriov_max_vi_per_vf = rows[i].vi_per;
		p.ctrl.sriov_max_vq_per_vf = rows[i].vq_per;
		p.ctrl.max_ioqpairs = rows[i].pairs;
		p.ctrl.msix_qsize = rows[i].vectors;
		p.ctrl.dma = (struct sim_dma_port){ .xfer = (void *)(uintptr_t)1 };
		fn = sim_fn_add(d->subsys, &p.ctrl, &msg);
		if (!rows[i].says != !!fn || (rows[i].says && !strstr(msg.text, rows[i].says)))
			fail_msg("row %zu: %s", i, msg.text);
		drv_free(d);
	}
}

static void test_no_subsystem(void **state)
{
	struct drv *d = drv_new(NULL);
	struct sim_msg msg = { "" };
	struct drv_params p;

	virt_params(&p, 1, 2, 1);
	p.ctrl.dma = (struct sim_dma_port){ .xfer = (void *)(uintptr_t)1 };
	assert_null(sim_fn_add(d->subsys, &p.ctrl, &msg));
	assert_non_null(strstr(msg.text, "linked to a subsystem"));
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_left),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_controller_ids),
		cmocka_unit_test(test_primary_allocation),
		cmocka_unit_test(test_primary_allocation_resets),
		cmocka_unit_test(test_primary_queues),
		cmocka_unit_test(test_assign),
		cmocka_unit_test(test_online),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_whose),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_no_subsystem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
