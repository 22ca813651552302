/* SPDX-License-Identifier: MIT */
/*
 * test_pci.c - configuration space, BAR 0's layout, MSI-X, INTx, function level reset.
 */
#include "drv.h"

#define PBA 0x3000 /* default parameters */
#define TABLE 0x2000

static uint8_t find_cap(struct drv *d, uint8_t id)
{
	uint8_t off = (uint8_t)sim_cfg_read(d->fn, 0x34, 1);

	for (unsigned int n = 0; off && n < 48; n++) {
		assert_true(off >= 0x40 && !(off & 3));
		if (sim_cfg_read(d->fn, off, 1) == id)
			return off;
		off = (uint8_t)sim_cfg_read(d->fn, off + 1u, 1);
	}
	return 0;
}

static void test_ids(void **state)
{
	struct drv_params p;
	struct drv *d = drv_new(NULL);

	assert_int_equal(sim_cfg_read(d->fn, 0x00, 4), 0x00101b36);
	assert_int_equal(sim_cfg_read(d->fn, 0x08, 4), 0x01080202);
	assert_int_equal(sim_cfg_read(d->fn, 0x2c, 4), 0x11001af4);
	assert_int_equal(sim_cfg_read(d->fn, 0x0e, 1), 0); /* header type 0, one function */
	assert_int_equal(sim_cfg_read(d->fn, 0x3d, 1), 1); /* INTA# */
	assert_true(sim_cfg_read(d->fn, 0x06, 2) & 0x10);  /* capabilities list */
	drv_free(d);

	drv_params(&p);
	p.ctrl.use_intel_id = true;
	d = drv_new(&p);
	assert_int_equal(sim_cfg_read(d->fn, 0x00, 4), 0x58458086);
	drv_free(d);
}

static void test_capabilities(void **state)
{
	struct drv *d = drv_new(NULL);
	uint8_t pm = find_cap(d, 0x01), pcie = find_cap(d, 0x10), msix = find_cap(d, 0x11);

	assert_int_not_equal(pm, 0);
	assert_int_equal(sim_cfg_read(d->fn, pm + 2u, 2) & 7, 3); /* version 1.2 */
	assert_int_equal(sim_cfg_read(d->fn, pm + 4u, 2), 0x0008); /* D0, No_Soft_Reset */

	assert_int_not_equal(pcie, 0);
	assert_int_equal(sim_cfg_read(d->fn, pcie + 2u, 2) & 0xff, 0x02); /* endpoint, version 2 */
	assert_true(sim_cfg_read(d->fn, pcie + 4u, 4) & 1u << 28);	  /* FLR */
	assert_int_equal(sim_cfg_read(d->fn, pcie + 0x0cu, 4) & 0x3ff, 0x011); /* x1, 2.5 GT/s */
	assert_int_equal(sim_cfg_read(d->fn, pcie + 0x12u, 2) & 0x3ff, 0x011);

	assert_int_not_equal(msix, 0);
	assert_int_equal(sim_cfg_read(d->fn, msix + 2u, 2) & 0x7ff, 64); /* 65 vectors */
	assert_int_equal(sim_cfg_read(d->fn, msix + 4u, 4), TABLE);
	assert_int_equal(sim_cfg_read(d->fn, msix + 8u, 4), PBA);

	drv_free(d);
}

static void check_bar(uint32_t ioqpairs, uint16_t vectors, uint32_t table, uint32_t pba,
		      uint32_t size)
{
	struct drv_params p;
	struct drv *d;

	drv_params(&p);
	p.ctrl.max_ioqpairs = ioqpairs;
	p.ctrl.msix_qsize = vectors;
	d = drv_new(&p);
	assert_int_equal(sim_bar_size(d->fn, 0), size);
	for (unsigned int bar = 1; bar < 6; bar++)
		assert_int_equal(sim_bar_size(d->fn, bar), 0);
	assert_int_equal(sim_cfg_read(d->fn, 0x44, 4), table);
	assert_int_equal(sim_cfg_read(d->fn, 0x48, 4), pba);

	sim_cfg_write(d->fn, 0x10, 4, 0xffffffff);
	sim_cfg_write(d->fn, 0x14, 4, 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, 0x10, 4) & 0xf, 4); /* memory, 64 bits */
	assert_int_equal(~(sim_cfg_read(d->fn, 0x10, 4) & ~0xfu) + 1, size);
	assert_int_equal(sim_cfg_read(d->fn, 0x14, 4), 0xffffffff);
	sim_cfg_write(d->fn, 0x10, 4, 0xfeb00000);
	assert_int_equal(sim_cfg_read(d->fn, 0x10, 4), (0xfeb00000 & ~(size - 1)) | 4);
	drv_free(d);
}

static void test_bar_sizing(void **state)
{
	check_bar(64, 65, 0x2000, 0x3000, 0x4000);
	check_bar(1, 1, 0x2000, 0x3000, 0x4000);
	check_bar(511, 256, 0x2000, 0x3000, 0x4000);
	check_bar(512, 257, 0x3000, 0x5000, 0x8000);
	check_bar(65535, 2048, 0x81000, 0x89000, 0x100000);
}

static void test_access_sizes(void **state)
{
	struct drv *d = drv_new(NULL);

	assert_int_equal(sim_cfg_read(d->fn, 0x00, 2), 0x1b36);
	assert_int_equal(sim_cfg_read(d->fn, 0x02, 2), 0x0010);
	assert_int_equal(sim_cfg_read(d->fn, 0x0b, 1), 0x01);
	assert_int_equal(sim_cfg_read(d->fn, 0x01, 2), 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, 0x02, 4), 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, 0x00, 3), 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, 4096, 4), 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, 0xffffffff, 1), 0xffffffff);
	sim_cfg_write(d->fn, 4096, 4, 0);
	sim_cfg_write(d->fn, 0xfffffffc, 4, 0xffffffff);
	/* a byte of a wider register */
	sim_cfg_write(d->fn, 0x05, 1, 0x04);
	assert_int_equal(sim_cfg_read(d->fn, 0x04, 2), 0x0406);
	drv_free(d);
}

static void test_memory_enable(void **state)
{
	struct drv *d = drv_new(NULL);

	assert_int_equal(drv_r32(d, NVME_REG_VS), 0x00020100);
	sim_cfg_write(d->fn, 0x04, 2, 0x0004);
	assert_int_equal(drv_r32(d, NVME_REG_VS), 0xffffffff);
	assert_int_equal(drv_r64(d, NVME_REG_CAP), UINT64_MAX);
	drv_w32(d, NVME_REG_AQA, 0x001f001f);
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_int_equal(drv_r32(d, NVME_REG_AQA), 0);
	/* no other BAR, nothing behind the last byte */
	assert_int_equal(sim_mmio_read(d->fn, 1, 0, 4), 0xffffffff);
	assert_int_equal(sim_mmio_read(d->fn, 0, 0x4000, 4), 0xffffffff);
	assert_int_equal(sim_mmio_read(d->fn, 0, UINT64_MAX - 3, 4), 0xffffffff);
	sim_mmio_write(d->fn, 0, UINT64_MAX - 3, 4, 0);
	drv_free(d);
}

/* without bus mastering there is no DMA: not even the submission queue can be read */
static void test_bus_master(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } }; /* Keep Alive */
	struct drv_cqe cqe;

	drv_enable(d);
	sim_cfg_write(d->fn, 0x04, 2, 0x0002);
	drv_submit(d, &d->admin, &cmd);
	assert_int_equal(drv_r32(d, NVME_REG_CSTS) & 3, 2); /* CFS, not RDY */
	assert_false(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(d->irqs[0], 0);
	drv_free(d);
}

static void keep_alive(struct drv *d)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } };

	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0);
}

static void test_msix_mask(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_enable(d);
	keep_alive(d);
	assert_int_equal(d->irqs[0], 1);

	drv_w32(d, TABLE + 12, 1);
	keep_alive(d);
	keep_alive(d);
	assert_int_equal(d->irqs[0], 1);
	assert_int_equal(drv_r64(d, PBA), 1);
	drv_w64(d, PBA, 0); /* read only */
	assert_int_equal(drv_r32(d, PBA), 1);
	drv_w32(d, TABLE + 12, 0);
	assert_int_equal(d->irqs[0], 2); /* one message for both */
	assert_int_equal(drv_r64(d, PBA), 0);

	sim_cfg_write(d->fn, 0x42, 2, 0xc000); /* function mask */
	keep_alive(d);
	assert_int_equal(d->irqs[0], 2);
	assert_int_equal(drv_r64(d, PBA), 1);
	sim_cfg_write(d->fn, 0x42, 2, 0x8000);
	assert_int_equal(d->irqs[0], 3);
	assert_false(d->intx);
	drv_free(d);
}

static void test_msix_table(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_w64(d, TABLE + 16, 0x123456789abcdef3);
	drv_w64(d, TABLE + 24, 0xffffffffcafe0001);
	assert_int_equal(drv_r64(d, TABLE + 16), 0x123456789abcdef0); /* dword aligned */
	assert_int_equal(drv_r64(d, TABLE + 24), 0x00000001cafe0001); /* only the mask bit */
	drv_w32(d, TABLE + 65 * 16, 0xffffffff); /* behind the last vector */
	assert_int_equal(drv_r32(d, TABLE + 65 * 16), 0);
	assert_int_equal(drv_r32(d, PBA + 0x20), 0);
	drv_free(d);
}

static void test_intx(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } };
	struct drv_cqe cqe;

	sim_cfg_write(d->fn, 0x42, 2, 0); /* MSI-X off */
	drv_enable(d);
	drv_submit(d, &d->admin, &cmd);
	assert_true(d->intx);
	assert_true(sim_cfg_read(d->fn, 0x06, 2) & 8);
	drv_w32(d, NVME_REG_INTMS, 1);
	assert_false(d->intx);
	drv_w32(d, NVME_REG_INTMC, 1);
	assert_true(d->intx);
	sim_cfg_write(d->fn, 0x04, 2, 0x0406); /* INTx disable: the status stays */
	assert_false(d->intx);
	assert_true(sim_cfg_read(d->fn, 0x06, 2) & 8);
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_true(d->intx);
	assert_true(drv_poll(d, &d->admin, &cqe)); /* the queue is empty again */
	assert_false(d->intx);
	assert_false(sim_cfg_read(d->fn, 0x06, 2) & 8);
	assert_int_equal(d->irqs[0], 0);

	drv_submit(d, &d->admin, &cmd);
	assert_true(d->intx);
	drv_disable(d); /* and with the queue the interrupt goes */
	assert_false(d->intx);
	drv_free(d);
}

static void check_function_reset(struct drv *d)
{
	assert_int_equal(sim_cfg_read(d->fn, 0x04, 2), 0);
	assert_int_equal(sim_cfg_read(d->fn, 0x10, 4), 4);
	assert_int_equal(sim_cfg_read(d->fn, 0x42, 2), 64);
	assert_int_equal(sim_cfg_read(d->fn, 0x88, 2), 0x2810); /* FLR reads as 0 */
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_int_equal(drv_r32(d, TABLE + 12), 1); /* masked */
	assert_int_equal(drv_r32(d, NVME_REG_CC), 0);
	assert_int_equal(drv_r32(d, NVME_REG_CSTS), 0);
	assert_int_equal(drv_r32(d, NVME_REG_AQA), 0);
	assert_int_equal(drv_r64(d, NVME_REG_ASQ), 0);
	assert_int_equal(drv_r64(d, NVME_REG_ACQ), 0);
}

static void test_function_reset(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_start(d);
	sim_cfg_write(d->fn, 0x10, 4, 0xfeb00000);
	sim_cfg_write(d->fn, 0x88, 2, 0x8000);
	check_function_reset(d);
	drv_enable(d);
	keep_alive(d);

	sim_fn_reset(d->fn, SIM_RESET_CONVENTIONAL);
	check_function_reset(d);
	drv_enable(d);
	keep_alive(d);
	/* the upper byte alone holds the bit, too */
	sim_cfg_write(d->fn, 0x89, 1, 0x80);
	check_function_reset(d);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_bar_sizing),
		cmocka_unit_test(test_access_sizes),
		cmocka_unit_test(test_memory_enable),
		cmocka_unit_test(test_bus_master),
		cmocka_unit_test(test_msix_mask),
		cmocka_unit_test(test_msix_table),
		cmocka_unit_test(test_intx),
		cmocka_unit_test(test_function_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
