/* SPDX-License-Identifier: MIT */
/*
 * test_pci_cfg.c - configuration space bit by bit: the tables here are written from the PCI Express
 * Base Specification and from what QEMU's functions look like, not from the code.
 */
#include "slow_store.h"

/** struct dw - a dword: its value at power-on, bits that are read-write; all others read-only, and
 * those that a 1 clears are 0 and stay so. @rw ODD: has a test of its own */
struct dw {
	uint32_t off, val, rw;
};
#define ODD 0x0dd0dd

#define COMMON_HEAD(ids, pf)                                                                       \
	{ 0x00, ids, 0 }, { 0x04, 0x00100000, (pf) ? 0x0546 : 0x0004 }, { 0x08, 0x01080202, 0 },   \
		{ 0x0c, 0, (pf) ? 0xff : 0 }, { 0x10, (pf) ? 4 : 0, (pf) ? 0xffffc000 : 0 },       \
		{ 0x14, 0, (pf) ? 0xffffffff : 0 }, { 0x2c, 0x11001af4, 0 }, { 0x34, 0x40, 0 },    \
	{                                                                                          \
		0x3c, (pf) ? 0x100 : 0, (pf) ? 0xff : 0                                            \
	}

#define COMMON_CAPS(pf)                                                                            \
	{ 0x48, 0x3000, 0 }, { 0x60, 0x00038001, 0 }, { 0x64, 0x00000008, ODD },                   \
		{ 0x80, 0x00020010, 0 }, { 0x84, 0x10008000, 0 },                                  \
		{ 0x88, (pf) ? 0x2810 : 0, (pf) ? 0x781f : 0 }, { 0x8c, 0x00400011, 0 },           \
		{ 0x90, 0x00110000, (pf) ? 0xcb : 0 }, { 0xa4, 0x10, 0 },                          \
		{ 0xa8, 0, (pf) ? 0x10 : 0 }, { 0xac, 0x2, 0 }, { 0xb0, (pf) ? 0x1 : 0, 0 },       \
		{ 0x108, 0, (pf) ? 0x001ff010 : 0 },                                               \
		{ 0x10c, (pf) ? 0x00062010 : 0, (pf) ? 0x001ff010 : 0 },                           \
	{                                                                                          \
		0x114, (pf) ? 0x2000 : 0, (pf) ? 0x31c1 : 0                                        \
	}

static const struct dw plain[] = {
	COMMON_HEAD(0x00101b36, true),
	{ 0x40, 0x00406011, 0xc0000000 }, /* 65 vectors */
	{ 0x44, 0x2000, 0 },
	COMMON_CAPS(true),
	{ 0x100, 0x15020001, 0 },
	{ 0x150, 0x00010003, 0 }, /* the last one */
	{ 0x154, 0, ODD },
	{ 0x158, 0x52540000, ODD },
};

static const struct dw pf[] = {
	COMMON_HEAD(0x00101b36, true),
	{ 0x40, 0x00406011, 0xc0000000 },
	{ 0x44, 0x2000, 0 },
	COMMON_CAPS(true),
	{ 0x100, 0x15020001, 0 },
	{ 0x150, 0x16010003, 0 },
	{ 0x154, 0, ODD },
	{ 0x158, 0x52540000, ODD },
	{ 0x160, 0x1801000e, 0 },
	{ 0x180, 0x00010010, 0 },
	{ 0x184, 0x2, 0 },
	{ 0x188, 0, ODD },
	{ 0x18c, 0x00040004, 0 }, /* InitialVFs, TotalVFs */
	{ 0x190, 0, 0xffff },
	{ 0x194, 0x00010001, 0 },
	{ 0x198, 0x00100000, 0 },
	{ 0x19c, 0x553, 0 },
	{ 0x1a0, 0x1, ODD },
	{ 0x1a4, 0x4, 0xffffc000 },
	{ 0x1a8, 0, 0xffffffff },
};

static const struct dw vf[] = {
	COMMON_HEAD(0xffffffff, false),
	{ 0x40, 0x00006011, 0xc0000000 }, /* nothing assigned yet: a table has one entry at least */
	{ 0x44, 0x2000, 0 },
	COMMON_CAPS(false),
	{ 0x100, 0x16020001, 0 }, /* no serial number, no SR-IOV */
	{ 0x160, 0x0001000e, 0 },
};

static struct drv *with_vfs(void)
{
	struct drv_params p;

	drv_params(&p);
	p.multi = true;
	p.ctrl.sriov_max_vfs = 4;
	p.ctrl.sriov_vq_flexible = 8;
	p.ctrl.sriov_vi_flexible = 4;
	return drv_new(&p);
}

static void enable_vfs(struct drv *d, unsigned int n)
{
	sim_cfg_write(d->fn, 0x190, 2, n);
	sim_cfg_write(d->fn, 0x188, 2, 0x9);
}

static const struct dw *find(const struct dw *t, size_t n, uint32_t off)
{
	static const struct dw none;

	for (size_t i = 0; i < n; i++)
		if (t[i].off == off)
			return &t[i];
	return &none;
}

/* one write of @val to @off, and what it must leave */
static void check_write(struct sim_fn *fn, uint32_t off, uint32_t val, uint32_t want)
{
	sim_cfg_write(fn, off, 4, val);
	if (sim_cfg_read(fn, off, 4) != want)
		fail_msg("%03xh: wrote %08x, reads %08x, not %08x", off, val,
			 sim_cfg_read(fn, off, 4), want);
}

static void check_space(struct sim_fn *fn, const struct dw *t, size_t n)
{
	for (uint32_t off = 0; off < 4096; off += 4) {
		const struct dw *d = find(t, n, off);
		/* starts a reset */
		const uint32_t flr = off == 0x88 ? 0x8000 : 0;

		if (d->rw == ODD)
			continue;
		if (sim_cfg_read(fn, off, 4) != d->val)
			fail_msg("%03xh is %08x, not %08x", off, sim_cfg_read(fn, off, 4), d->val);
		check_write(fn, off, 0xffffffff & ~flr, d->val | d->rw);
		check_write(fn, off, 0, d->val & ~d->rw);
		for (unsigned int bit = 0; bit < 32; bit++)
			if (!(flr & 1u << bit)) {
				check_write(fn, off, 1u << bit,
					    (d->val & ~d->rw) | (d->rw & 1u << bit));
				check_write(fn, off, ~(1u << bit) & ~flr,
					    (d->val | d->rw) & ~(d->rw & 1u << bit));
			}
		/* a byte alone changes no other */
		for (unsigned int b = 0; b < 4; b++) {
			check_write(fn, off, 0, d->val & ~d->rw);
			sim_cfg_write(fn, off + b, 1, flr && b == 1 ? 0x7f : 0xff);
			assert_int_equal(sim_cfg_read(fn, off, 4),
					 (d->val & ~d->rw) | (d->rw & 0xffu << b * 8));
		}
		check_write(fn, off, d->val, d->val);
	}
}

static void test_plain(void **state)
{
	struct drv *d = drv_new(NULL);

	sim_fn_reset(d->fn, SIM_RESET_CONVENTIONAL);
	check_space(d->fn, plain, sizeof(plain) / sizeof(plain[0]));
	drv_free(d);
}

static void test_pf(void **state)
{
	struct drv *d = with_vfs();

	sim_fn_reset(d->fn, SIM_RESET_CONVENTIONAL);
	check_space(d->fn, pf, sizeof(pf) / sizeof(pf[0]));
	drv_free(d);
}

static void test_vf(void **state)
{
	struct drv *d = with_vfs(), *v = drv_vf(d, 4);

	/* not there yet */
	assert_int_equal(sim_cfg_read(v->fn, 0x08, 4), 0xffffffff);
	enable_vfs(d, 4);
	check_space(v->fn, vf, sizeof(vf) / sizeof(vf[0]));
	sim_cfg_write(d->fn, 0x188, 2, 0);
	assert_int_equal(sim_cfg_read(v->fn, 0x08, 4), 0xffffffff);
	drv_free(d);
}

/* each capability's list ends, and every entry is where the tables above have it */
static unsigned int caps_of(struct sim_fn *fn, uint32_t ids[16], bool ext)
{
	uint32_t off = ext ? 0x100 : sim_cfg_read(fn, 0x34, 1);
	unsigned int n = 0;

	while (off) {
		assert_true(n < 16);
		ids[n++] = ext ? sim_cfg_read(fn, off, 2) : sim_cfg_read(fn, off, 1);
		off = ext ? sim_cfg_read(fn, off, 4) >> 20 : sim_cfg_read(fn, off + 1, 1);
	}
	return n;
}

static void test_lists(void **state)
{
	static const uint32_t std[] = { 0x11, 0x01, 0x10 }, ext_plain[] = { 0x01, 0x03 };
	static const uint32_t ext_pf[] = { 0x01, 0x03, 0x0e, 0x10 }, ext_vf[] = { 0x01, 0x0e };
	struct drv *d = with_vfs(), *other = drv_add_fn(d, NULL), *v = drv_vf(d, 1);
	uint32_t ids[16];

	enable_vfs(d, 1);
	assert_int_equal(caps_of(d->fn, ids, false), 3);
	assert_memory_equal(ids, std, sizeof(std));
	assert_int_equal(caps_of(v->fn, ids, false), 3);
	assert_memory_equal(ids, std, sizeof(std));
	assert_int_equal(caps_of(other->fn, ids, true), 2);
	assert_memory_equal(ids, ext_plain, sizeof(ext_plain));
	assert_int_equal(caps_of(d->fn, ids, true), 4);
	assert_memory_equal(ids, ext_pf, sizeof(ext_pf));
	assert_int_equal(caps_of(v->fn, ids, true), 2);
	assert_memory_equal(ids, ext_vf, sizeof(ext_vf));
	/* serial numbers tell functions apart, and are an EUI-64 of the vendor's */
	assert_int_equal(sim_cfg_read(d->fn, 0x158, 4) >> 8, 0x525400);
	assert_int_equal(sim_cfg_read(other->fn, 0x158, 4) >> 8, 0x525400);
	assert_int_not_equal(sim_cfg_read(d->fn, 0x154, 4), sim_cfg_read(other->fn, 0x154, 4));
	drv_free(d);
}

/* 7.5.2.2: D1 and D2 are not there; in D3hot only configuration space answers; No_Soft_Reset */
static void test_power_state(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } };
	struct drv_cqe cqe;

	drv_start(d);
	sim_cfg_write(d->fn, 0x64, 2, 0xfffd);
	assert_int_equal(sim_cfg_read(d->fn, 0x64, 4), 0x0008);
	sim_cfg_write(d->fn, 0x64, 2, 0x0002);
	assert_int_equal(sim_cfg_read(d->fn, 0x64, 4), 0x0008);
	assert_int_equal(drv_r32(d, NVME_REG_VS), 0x00020100);

	sim_cfg_write(d->fn, 0x64, 2, 0xffff);
	assert_int_equal(sim_cfg_read(d->fn, 0x64, 4), 0x000b);
	assert_int_equal(sim_cfg_read(d->fn, 0x04, 2), 0x0006);
	assert_int_equal(drv_r32(d, NVME_REG_CSTS), 0xffffffff);
	drv_submit(d, &d->admin, &cmd); /* nobody hears the doorbell */
	assert_false(drv_poll(d, &d->admin, &cqe));

	sim_cfg_write(d->fn, 0x64, 1, 0x08);
	assert_int_equal(sim_cfg_read(d->fn, 0x64, 4), 0x0008);
	assert_int_equal(drv_r32(d, NVME_REG_CSTS), 1); /* as it was */
	drv_w32(d, 0x1000, d->admin.sq_tail);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.status, 0);
	drv_free(d);
}

/* neither messages nor the pin in D3hot */
static void test_d3_interrupts(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } };
	struct drv_cqe cqe;

	sim_cfg_write(d->fn, 0x42, 2, 0);
	drv_enable(d);
	drv_submit(d, &d->admin, &cmd);
	assert_true(d->intx);
	sim_cfg_write(d->fn, 0x64, 2, 3);
	assert_false(d->intx);
	sim_cfg_write(d->fn, 0x64, 2, 0);
	assert_true(d->intx);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_false(d->intx);
	drv_free(d);
}

/* a command that ends in D3hot cannot be completed: the controller has failed when it is back */
static void test_d3_completion(void **state)
{
	struct slow_store *s = slow_new(1u << 20);
	struct drv_cmd flush = { .dw = { [0] = 0x00, [1] = 1 } };
	struct drv_cqe cqe;
	struct drv *d;

	s->slow = false;
	d = slow_drv(s);
	drv_start(d);
	s->slow = true;
	drv_submit(d, &d->io, &flush);
	sim_cfg_write(d->fn, 0x64, 2, 3);
	slow_finish(s);
	sim_cfg_write(d->fn, 0x64, 2, 0);
	assert_int_equal(drv_r32(d, NVME_REG_CSTS) & 3, 2);
	assert_false(drv_poll(d, &d->io, &cqe));
	drv_free(d);
	slow_free(s);
}

/* 6.6: which bits which reset leaves */
static void test_reset_kinds(void **state)
{
	static const struct {
		uint32_t off, set, flr, hot, power;
	} rows[] = {
		{ 0x04, 0x00000546, 0x00100000, 0x00100000, 0x00100000 },
		{ 0x0c, 0x000000a5, 0, 0, 0 },
		{ 0x10, 0xfeb00000, 4, 4, 4 },
		{ 0x3c, 0x00000033, 0x100, 0x100, 0x100 },
		{ 0x88, 0x00000000, 0x2810, 0x2810, 0x2810 },
		{ 0x90, 0x000000cb, 0x001100c3, 0x00110000, 0x00110000 }, /* RCB is the odd one */
		{ 0xa8, 0x00000010, 0, 0, 0 },
		{ 0x108, 0x00100010, 0x00100010, 0x00100010, 0 },
		{ 0x10c, 0x00000000, 0, 0, 0x00062010 },
		{ 0x114, 0x000001c1, 0x1c1, 0x1c1, 0x2000 },
		{ 0x190, 0x00000003, 0, 0, 0 },
		{ 0x188, 0x00000018, 0x10, 0, 0 },
		{ 0x1a0, 0x00000010, 1, 1, 1 },
		{ 0x1a4, 0xfe000000, 4, 4, 4 },
	};
	struct drv *d = with_vfs();

	for (int kind = SIM_RESET_FLR; kind <= SIM_RESET_CONVENTIONAL; kind++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			sim_cfg_write(d->fn, rows[i].off, 4, rows[i].set);
		sim_fn_reset(d->fn, (enum sim_reset)kind);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			uint32_t want = kind == SIM_RESET_FLR	? rows[i].flr
					: kind == SIM_RESET_HOT ? rows[i].hot
								: rows[i].power;

			if (sim_cfg_read(d->fn, rows[i].off, 4) != want)
				fail_msg("reset %d: %03xh is %08x, not %08x", kind, rows[i].off,
					 sim_cfg_read(d->fn, rows[i].off, 4), want);
		}
	}
	drv_free(d);
}

/* 9.3.3: NumVFs and the page size hold still while VF Enable is set; which it is not above TotalVFs
 */
static void test_sriov_rules(void **state)
{
	struct drv *d = with_vfs();

	sim_cfg_write(d->fn, 0x190, 2, 5);
	sim_cfg_write(d->fn, 0x188, 2, 0x0019);
	assert_int_equal(sim_cfg_read(d->fn, 0x188, 4), 0x0018);
	assert_int_equal(sim_fn_nr_vfs(d->fn), 0);
	sim_cfg_write(d->fn, 0x190, 2, 2);
	sim_cfg_write(d->fn, 0x188, 2, 0xffff);
	assert_int_equal(sim_cfg_read(d->fn, 0x188, 4), 0x0019); /* no VF migration */
	assert_int_equal(sim_fn_nr_vfs(d->fn), 2);
	sim_cfg_write(d->fn, 0x190, 4, 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, 0x190, 4), 2);
	sim_cfg_write(d->fn, 0x1a0, 4, 0x10);
	assert_int_equal(sim_cfg_read(d->fn, 0x1a0, 4), 1);
	sim_cfg_write(d->fn, 0x188, 2, 0);
	assert_int_equal(sim_fn_nr_vfs(d->fn), 0);
	/* none is a number, too */
	sim_cfg_write(d->fn, 0x190, 2, 0);
	sim_cfg_write(d->fn, 0x188, 2, 1);
	assert_int_equal(sim_cfg_read(d->fn, 0x188, 2), 1);
	assert_int_equal(sim_fn_nr_vfs(d->fn), 0);
	sim_cfg_write(d->fn, 0x188, 2, 0);
	/* one supported size at a time; VF BARs are multiples of it */
	sim_cfg_write(d->fn, 0x1a0, 4, 0x3);
	assert_int_equal(sim_cfg_read(d->fn, 0x1a0, 4), 1);
	sim_cfg_write(d->fn, 0x1a0, 4, 0);
	assert_int_equal(sim_cfg_read(d->fn, 0x1a0, 4), 1);
	sim_cfg_write(d->fn, 0x1a0, 4, 0x8); /* not supported */
	assert_int_equal(sim_cfg_read(d->fn, 0x1a0, 4), 1);
	sim_cfg_write(d->fn, 0x1a0, 4, 0x100); /* 1 MiB */
	assert_int_equal(sim_cfg_read(d->fn, 0x1a0, 4), 0x100);
	sim_cfg_write(d->fn, 0x1a4, 4, 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, 0x1a4, 4), 0xfff00004);
	drv_free(d);
}

/* a function that is pulled out: ones, whatever is written */
static void test_unplug(void **state)
{
	struct drv *d = with_vfs(), *v = drv_vf(d, 1);
	struct drv *other = drv_add_fn(d, NULL);

	drv_start(d);
	enable_vfs(d, 1);
	drv_enable(other);
	sim_fn_unplug(d->fn);
	for (uint32_t off = 0; off < 4096; off += 4) {
		sim_cfg_write(d->fn, off, 4, 0xffffffff);
		assert_int_equal(sim_cfg_read(d->fn, off, 4), 0xffffffff);
		assert_int_equal(sim_cfg_read(v->fn, off, 4), 0xffffffff);
	}
	assert_int_equal(drv_r32(d, NVME_REG_CSTS), 0xffffffff);
	assert_int_equal(sim_fn_nr_vfs(d->fn), 0);
	assert_int_equal(d->news[SIM_FN_GONE], 1);
	assert_int_equal(v->news[SIM_FN_GONE], 1);
	sim_fn_unplug(d->fn);
	assert_int_equal(d->news[SIM_FN_GONE], 1);
	sim_fn_remove(d->fn);
	/* the others stay; its identifiers can be given out again */
	assert_int_equal(drv_admin(other, &(struct drv_cmd){ { 0x18 } }, 0, 0, NULL), 0);
	d = drv_add_fn(other->root, NULL);
	assert_int_equal(sim_fn_cntlid(d->fn), 0);
	drv_enable(d);
	drv_free(d->root);
}

/* what a controller that is gone had begun ends later, and is nobody's any more */
static void test_remove_in_flight(void **state)
{
	struct slow_store *s = slow_new(1u << 20);
	struct drv_cmd flush = { .dw = { [0] = 0x00, [1] = 1 } }, aer = { .dw = { [0] = 0x0c } };
	struct drv_cqe cqe;
	struct drv *d, *other;

	s->slow = false;
	d = slow_drv(s);
	other = drv_add_fn(d, NULL);
	drv_start(other);
	s->slow = true;
	drv_submit(other, &other->io, &flush);
	drv_submit(other, &other->admin, &aer);
	drv_w32(other, NVME_REG_CC, drv_r32(other, NVME_REG_CC) | 1u << 14); /* and a shutdown */
	sim_fn_unplug(other->fn);
	assert_false(drv_poll(other, &other->io, &cqe));
	sim_fn_remove(other->fn);
	slow_finish(s);
	assert_false(drv_poll(other, &other->io, &cqe));
	assert_false(drv_poll(other, &other->admin, &cqe));
	s->slow = false;
	drv_start(d);
	assert_int_equal(drv_io(d, &flush, 0, 0, NULL), 0);
	drv_free(d);
	slow_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pf),
		cmocka_unit_test(test_vf),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_power_state),
		cmocka_unit_test(test_d3_interrupts),
		cmocka_unit_test(test_d3_completion),
		cmocka_unit_test(test_remove_in_flight),
		cmocka_unit_test(test_reset_kinds),
		cmocka_unit_test(test_sriov_rules),
		cmocka_unit_test(test_unplug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
