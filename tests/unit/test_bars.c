/* SPDX-License-Identifier: MIT */
/* test_bars.c - MSI-X table and pending bits in a BAR of their own (msix-exclusive-bar) */
#include "admin.h"

#define BAR4 0x20

static struct drv *exclusive(uint32_t ioqpairs, uint16_t vectors)
{
	struct drv_params p;

	drv_params(&p);
	p.ctrl.max_ioqpairs = ioqpairs;
	p.ctrl.msix_qsize = vectors;
	p.ctrl.msix_exclusive_bar = true;
	return drv_new(&p);
}

static void check_layout(uint32_t ioqpairs, uint16_t vectors, uint32_t bar0, uint32_t pba,
			 uint32_t bar4)
{
	struct drv *d = exclusive(ioqpairs, vectors);

	/* BAR 0 has registers and doorbells only */
	assert_int_equal(sim_bar_size(d->fn, 0), bar0);
	assert_int_equal(sim_bar_size(d->fn, 4), bar4);
	assert_int_equal(sim_cfg_read(d->fn, 0x44, 4), 4);
	assert_int_equal(sim_cfg_read(d->fn, 0x48, 4), pba | 4);
	/* 32 bits, not prefetchable; nothing in the one behind it */
	sim_cfg_write(d->fn, BAR4, 4, 0xffffffff);
	sim_cfg_write(d->fn, BAR4 + 4, 4, 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, BAR4, 4), ~(bar4 - 1));
	assert_int_equal(sim_cfg_read(d->fn, BAR4 + 4, 4), 0);
	drv_free(d);
}

static void test_layout(void **state)
{
	check_layout(64, 65, 0x2000, 0x1000, 0x2000);
	check_layout(1, 1, 0x2000, 0x1000, 0x2000);
	check_layout(512, 257, 0x4000, 0x2000, 0x4000);
	check_layout(65535, 2048, 0x100000, 0x8000, 0x10000);
}

static void test_interrupts(void **state)
{
	struct drv *d = exclusive(64, 65);
	uint8_t *page;
	uint64_t len;

	drv_start(d);
	assert_true(d->irqs[0] > 0);
	/* masked by its entry: pending, in the BAR of its own */
	sim_mmio_write(d->fn, 4, 12, 4, 1);
	d->irqs[0] = 0;
	assert_int_equal(identify(d, 0, 1, 0, &page), ST_OK);
	assert_int_equal(d->irqs[0], 0);
	assert_int_equal(sim_mmio_read(d->fn, 4, 0x1000, 8), 1);
	sim_mmio_write(d->fn, 4, 0x1000, 8, 0); /* read only */
	assert_int_equal(sim_mmio_read(d->fn, 4, 0x1000, 4), 1);
	sim_mmio_write(d->fn, 4, 12, 4, 0);
	assert_int_equal(d->irqs[0], 1);
	assert_int_equal(sim_mmio_read(d->fn, 4, 0x1000, 8), 0);
	/* registers' rules hold: 4 and 8 bytes, aligned */
	assert_int_equal(sim_mmio_read(d->fn, 4, 0, 4), 0xfee00000);
	assert_int_equal(sim_mmio_read(d->fn, 4, 0, 2), 0);
	assert_int_equal(sim_mmio_read(d->fn, 4, 2, 4), 0);
	assert_null(sim_bar_map(d->fn, 4, 0, &len));
	/* where the table is by default, BAR 0 ends */
	assert_int_equal(sim_mmio_read(d->fn, 0, 0x2000, 4), 0xffffffff);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
