/* SPDX-License-Identifier: MIT */
/* test_pmr.c - the Persistent Memory Region: NVMe Base 2.1, sections 3.1.4.24 to 3.1.4.30, 8.2.4 */
#include <stdlib.h>

#include "admin.h"

#define CBA	    0x5000000000ull
#define SIZE	    (1u << 20)
#define ST_TRANSFER 0x004
#define BAR4	    0x20

enum {
	CAP = 0x00,
	CC = 0x14,
	CSTS = 0x1c,
	PMRCAP = 0xe00,
	PMRCTL = 0xe04,
	PMRSTS = 0xe08,
	PMREBS = 0xe0c,
	PMRSWTP = 0xe10,
	PMRMSCL = 0xe14,
	PMRMSCU = 0xe18
};

enum { OP_WRITE = 0x01, OP_READ = 0x02, OP_COMPARE = 0x05 };

static struct drv_cmd rw_cmd(uint8_t opcode, uint32_t nlb)
{
	return (struct drv_cmd){ { [0] = opcode, [1] = 1, [12] = nlb - 1 } };
}

static uint16_t rw(struct drv *d, uint8_t opcode, uint32_t nlb, uint64_t iova)
{
	struct drv_cmd cmd = rw_cmd(opcode, nlb);

	return drv_io(d, &cmd, iova, nlb * 512, NULL);
}

struct region {
	void *mem;
	unsigned int syncs;
	int err;
};

static int port_sync(void *opaque)
{
	struct region *r = opaque;

	r->syncs++;
	return r->err;
}

static struct drv *with_pmr(struct region *r, uint64_t size, uint32_t cmb_mb)
{
	struct drv_params p;

	*r = (struct region){ .mem = calloc(1, size) };
	assert_non_null(r->mem);
	drv_params(&p);
	p.ctrl.cmb_size_mb = cmb_mb;
	p.ctrl.pmr = (struct sim_pmr_port){ r->mem, size, port_sync, r };
	return drv_new(&p);
}

static void end(struct drv *d, struct region *r)
{
	drv_free(d);
	free(r->mem);
}

static void place(struct drv *d)
{
	drv_w32(d, PMRCTL, 1);
	drv_w32(d, PMRMSCU, CBA >> 32);
	drv_w32(d, PMRMSCL, (uint32_t)CBA | 2);
	assert_int_equal(drv_r32(d, PMRSTS), 0);
	drv_window(d, 4, CBA, SIZE);
}

static void test_none(void **state)
{
	struct drv *d = drv_new(NULL);

	assert_int_equal(drv_r64(d, CAP) >> 56 & 1, 0);
	for (uint64_t off = PMRCAP; off <= PMRMSCU; off += 4) {
		drv_w32(d, off, 0xffffffff);
		assert_int_equal(drv_r32(d, off), 0);
	}
	assert_int_equal(sim_bar_size(d->fn, 4), 0);
	drv_free(d);
}

static void test_registers(void **state)
{
	struct region r;
	struct drv *d = with_pmr(&r, SIZE, 0);

	assert_int_equal(drv_r64(d, CAP) >> 56 & 1, 1);
	/* RDS, WDS, BIR 4, PMRWBM bit 1, CMSS */
	assert_int_equal(drv_r32(d, PMRCAP), 1 << 3 | 1 << 4 | 4 << 5 | 2 << 10 | 1 << 24);
	assert_int_equal(drv_r32(d, PMRSTS), 1 << 8); /* not ready */
	assert_int_equal(r.syncs, 0);
	drv_w32(d, PMRCTL, 0xffffffff);
	assert_int_equal(drv_r32(d, PMRCTL), 1);
	assert_int_equal(drv_r32(d, PMRSTS), 0);
	drv_w32(d, PMRCAP, 0);
	drv_w32(d, PMRSTS, 0xffffffff);
	drv_w32(d, PMREBS, 0xffffffff);
	drv_w32(d, PMRSWTP, 0xffffffff);
	assert_int_not_equal(drv_r32(d, PMRCAP), 0);
	assert_int_equal(drv_r32(d, PMRSTS) | drv_r32(d, PMREBS) | drv_r32(d, PMRSWTP), 0);
	drv_w32(d, PMRMSCL, 0xfffffffd);
	assert_int_equal(drv_r32(d, PMRMSCL), 0xfffff000);
	drv_w32(d, PMRMSCU, 0xffffffff);
	assert_int_equal(drv_r32(d, PMRMSCU), 0xffffffff);
	/* over the end of the address space */
	drv_w32(d, PMRMSCL, 0xfffff002);
	assert_int_equal(drv_r32(d, PMRSTS), 1 << 12);

	assert_int_equal(sim_bar_size(d->fn, 4), SIZE);
	sim_cfg_write(d->fn, BAR4, 4, 0xffffffff);
	sim_cfg_write(d->fn, BAR4 + 4, 4, 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, BAR4, 4), (uint32_t)-SIZE | 0xc);
	assert_int_equal(sim_cfg_read(d->fn, BAR4 + 4, 4), 0xffffffff);
	end(d, &r);
}

static void test_enable(void **state)
{
	struct region r;
	struct drv *d = with_pmr(&r, SIZE, 0);
	uint64_t len;

	assert_null(sim_bar_map(d->fn, 4, 0, &len));
	sim_mmio_write(d->fn, 4, 0, 8, 1);
	assert_int_equal(sim_mmio_read(d->fn, 4, 0, 8), UINT64_MAX);
	assert_int_equal(sim_mmio_read(d->fn, 4, 0, 2), 0xffff);
	drv_w32(d, PMRCTL, 1);
	assert_int_equal(sim_mmio_read(d->fn, 4, 0, 8), 0); /* the write went nowhere */
	sim_mmio_write(d->fn, 4, 5, 8, 0x1122334455667788);
	assert_int_equal(sim_mmio_read(d->fn, 4, 5, 8), 0x1122334455667788);
	assert_int_equal(((uint8_t *)r.mem)[5], 0x88); /* in the memory that survives, at once */
	assert_ptr_equal(sim_bar_map(d->fn, 4, 8, &len), (uint8_t *)r.mem + 8);
	assert_int_equal(len, SIZE - 8);
	drv_w32(d, PMRCTL, 0);
	assert_int_equal(sim_mmio_read(d->fn, 4, 5, 8), UINT64_MAX);
	assert_int_equal(drv_r32(d, PMRSTS), 1 << 8);
	end(d, &r);
}

/* durable: when PMRSTS was read, when it is disabled, when the host shuts down */
static void test_durable(void **state)
{
	struct region r;
	struct drv *d = with_pmr(&r, SIZE, 0);
	struct drv_cqe cqe;
	unsigned int n;
	uint8_t *page;

	drv_enable(d);
	drv_w32(d, PMRCTL, 1);
	n = r.syncs;
	sim_mmio_write(d->fn, 4, 0, 4, 1);
	assert_int_equal(r.syncs, n);
	drv_r32(d, PMRSTS);
	assert_int_equal(r.syncs, ++n);
	drv_r64(d, PMRSTS);
	assert_int_equal(r.syncs, ++n);
	drv_w32(d, CC, drv_r32(d, CC) | 1u << 14);
	assert_int_equal(drv_r32(d, CSTS) >> 2 & 3, 2);
	assert_int_equal(r.syncs, ++n);
	drv_w32(d, PMRCTL, 0);
	assert_int_equal(r.syncs, ++n);
	drv_w32(d, PMRCTL, 1);
	/* a critical warning then, too: Persistent Memory Region unreliable */
	drv_w32(d, CC, 0);
	drv_enable(d);
	assert_int_equal(set_feature(d, 0x0b, 0, 0x20, NULL), ST_OK);
	aer_submit(d);
	r.err = SIM_EIO;
	assert_int_equal(drv_r32(d, PMRSTS), 3 << 9); /* unreliable, for good */
	r.err = 0;
	assert_int_equal(drv_r32(d, PMRSTS), 3 << 9);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.dw0, 1 | 0 << 8 | 2 << 16);
	assert_int_equal(get_log(d, 0x02, NSID_ALL, 0, 512, false, &page), ST_OK);
	assert_int_equal(page[0], 0x20);
	end(d, &r);
}

static void test_data_and_queues(void **state)
{
	struct region r;
	struct drv *d = with_pmr(&r, SIZE, 0);
	struct drv_queue q;
	struct drv_cmd cmd = rw_cmd(OP_WRITE, 16);
	uint64_t buf, host, sq, cq;

	drv_start(d);
	host = drv_alloc(d, 8192);
	assert_int_equal(rw(d, OP_READ, 1, CBA), ST_TRANSFER);
	place(d);
	buf = drv_bar_alloc(d, 4, 8192);
	for (unsigned int i = 0; i < 8192; i++)
		((uint8_t *)drv_ptr(d, buf))[i] = (uint8_t)(i * 7);
	/* no rule forbids what is partly in it */
	cmd.dw[6] = (uint32_t)buf;
	cmd.dw[7] = (uint32_t)(buf >> 32);
	cmd.dw[8] = (uint32_t)host;
	cmd.dw[9] = (uint32_t)(host >> 32);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
	assert_int_equal(rw(d, OP_WRITE, 16, buf), 0);
	assert_int_equal(rw(d, OP_READ, 16, host), 0);
	assert_memory_equal(drv_ptr(d, host), drv_ptr(d, buf), 8192);
	memset(drv_ptr(d, buf), 0, 8192);
	assert_int_equal(rw(d, OP_READ, 16, buf), 0);
	assert_memory_equal(r.mem, drv_ptr(d, host), 8192);

	sq = drv_bar_alloc(d, 4, 64 * 64);
	cq = drv_bar_alloc(d, 4, 64 * 16);
	assert_int_equal(drv_queue_at(d, &q, 2, 64, sq, cq), 0);
	cmd = rw_cmd(OP_COMPARE, 16);
	drv_prps(d, &cmd, buf, 8192);
	for (unsigned int i = 0; i < 200; i++)
		assert_int_equal(drv_exec(d, &q, &cmd, NULL), 0);
	end(d, &r);
}

/* the two memories have addresses of their own */
static void test_beside_cmb(void **state)
{
	struct region r;
	struct drv *d = with_pmr(&r, SIZE, 1);
	struct drv_cmd cmd = rw_cmd(OP_READ, 16);
	uint64_t pmr = CBA;

	drv_start(d);
	place(d);
	drv_w64(d, NVME_REG_CMBMSC, (CBA + SIZE / 2) | 3);
	assert_int_equal(drv_r32(d, NVME_REG_CMBSTS), 1);
	drv_w64(d, NVME_REG_CMBMSC, (CBA + SIZE) | 3);
	assert_int_equal(drv_r32(d, NVME_REG_CMBSTS), 0);
	/* a page of each: the buffer's rule holds */
	pmr += SIZE - 4096;
	cmd.dw[6] = (uint32_t)pmr;
	cmd.dw[7] = (uint32_t)(pmr >> 32);
	cmd.dw[8] = (uint32_t)(CBA + SIZE);
	cmd.dw[9] = (CBA + SIZE) >> 32;
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0x012);
	/* and the other way round: the one that came second is invalid */
	drv_w32(d, PMRMSCL, 0);
	drv_w64(d, NVME_REG_CMBMSC, CBA | 3);
	drv_w32(d, PMRMSCL, (uint32_t)CBA | 2);
	assert_int_equal(drv_r32(d, PMRSTS), 1 << 12);
	end(d, &r);
}

static void test_resets(void **state)
{
	struct region r;
	struct drv *d = with_pmr(&r, SIZE, 0);

	drv_enable(d);
	place(d);
	drv_disable(d);
	sim_fn_reset(d->fn, SIM_RESET_FLR);
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_int_equal(drv_r32(d, PMRCTL), 1);
	assert_int_equal(drv_r32(d, PMRMSCU), CBA >> 32);
	sim_mmio_write(d->fn, 4, 64, 4, 0x01020304);
	sim_fn_reset(d->fn, SIM_RESET_CONVENTIONAL);
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_int_equal(drv_r32(d, PMRCTL) | drv_r32(d, PMRMSCL) | drv_r32(d, PMRMSCU), 0);
	drv_w32(d, PMRCTL, 1);
	assert_int_equal(sim_mmio_read(d->fn, 4, 64, 4), 0x01020304);
	end(d, &r);
}

static void test_smallest(void **state)
{
	struct region r;
	struct drv *d = with_pmr(&r, 16, 0);

	assert_int_equal(sim_bar_size(d->fn, 4), 16);
	drv_w32(d, PMRCTL, 1);
	sim_mmio_write(d->fn, 4, 8, 8, UINT64_MAX / 3);
	assert_int_equal(sim_mmio_read(d->fn, 4, 8, 8), UINT64_MAX / 3);
	assert_int_equal(sim_mmio_read(d->fn, 4, 16, 4), 0xffffffff);
	end(d, &r);
}

static void test_params(void **state)
{
	static char mem[64];
	const struct {
		uint64_t size;
		bool exclusive;
		uint16_t vfs;
		const char *says;
	} bad[] = {
		{ 8, false, 0, "PMR device must have at least 16 bytes" },
		{ 48, false, 0, "pmr backend size needs to be power of 2 in size" },
		{ 64, true, 0, "not enough BARs available to enable PMR" },
		{ 64, false, 1, "PMR is not supported with SR-IOV" },
	};
	struct drv *d = drv_new(NULL);

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sim_msg msg = { "" };
		struct drv_params p;

		drv_params(&p);
		p.ctrl.dma = (struct sim_dma_port){ .xfer = (void *)(uintptr_t)1 };
		p.ctrl.pmr = (struct sim_pmr_port){ mem, bad[i].size, NULL, NULL };
		p.ctrl.msix_exclusive_bar = bad[i].exclusive;
		p.ctrl.sriov_max_vfs = bad[i].vfs;
		assert_null(sim_fn_add(d->subsys, &p.ctrl, &msg));
		assert_string_equal(msg.text, bad[i].says);
	}
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_enable),
		cmocka_unit_test(test_durable),
		cmocka_unit_test(test_data_and_queues),
		cmocka_unit_test(test_beside_cmb),
		cmocka_unit_test(test_resets),
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_params),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
