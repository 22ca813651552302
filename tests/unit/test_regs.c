/* SPDX-License-Identifier: MIT */
/*
 * test_regs.c - controller registers (NVMe Base 2.1, 3.1.4).
 */
#include "drv.h"

static void test_cap(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint64_t cap;

	drv_params(&p);
	p.ctrl.mqes = 1;
	d = drv_new(&p);
	cap = drv_r64(d, 0);
	assert_int_equal(cap & 0xffff, 1);	  /* MQES */
	assert_int_equal(cap >> 16 & 1, 1);	  /* CQR */
	assert_int_equal(cap >> 17 & 3, 0);	  /* AMS: round robin only */
	assert_int_equal(cap >> 24 & 0xff, 0x0f); /* TO */
	assert_int_equal(cap >> 32 & 0xf, 0);	  /* DSTRD */
	assert_int_equal(cap >> 36 & 1, 1);	  /* NSSRS */
	assert_int_equal(cap >> 37 & 0xff, 0x41); /* CSS: NVM, I/O command sets */
	assert_int_equal(cap >> 45 & 1, 0);	  /* BPS */
	assert_int_equal(cap >> 48 & 0xf, 0);	  /* MPSMIN */
	assert_int_equal(cap >> 52 & 0xf, 4);	  /* MPSMAX */
	assert_int_equal(cap >> 56 & 3, 0);	  /* PMRS, CMBS */
	assert_int_equal(cap >> 59 & 3, 1);	  /* CRMS: CRWMS, as 2.0 and later must have */
	assert_int_equal(cap >> 61, 0);
	/* CRTO.CRWMT is CAP.TO where that is below FFh */
	assert_int_equal(drv_r32(d, 0x68), 0x0f);
	assert_int_equal(drv_r32(d, 0x08), 0x00020100);
	drv_w64(d, 0, 0);
	drv_w32(d, 0x08, 0);
	assert_int_equal(drv_r64(d, 0), cap);
	assert_int_equal(drv_r32(d, 0x08), 0x00020100);
	drv_free(d);
}

static void test_halves(void **state)
{
	struct drv *d = drv_new(NULL);
	uint64_t cap = drv_r64(d, 0);

	assert_int_equal(drv_r32(d, 0), (uint32_t)cap);
	assert_int_equal(drv_r32(d, 4), (uint32_t)(cap >> 32));
	drv_w32(d, 0x28, 0x12345fff);
	drv_w32(d, 0x2c, 0x9abcdef0);
	assert_int_equal(drv_r64(d, 0x28), 0x9abcdef012345000); /* bits 11:0 are reserved */
	drv_w64(d, 0x30, 0xffffffffffffffff);
	assert_int_equal(drv_r64(d, 0x30), 0xfffffffffffff000);
	drv_w32(d, 0x30, 0);
	assert_int_equal(drv_r64(d, 0x30), 0xffffffff00000000);
	/* eight bytes over two registers of four */
	assert_int_equal(drv_r64(d, 0x08) & 0xffffffff, 0x00020100);
	drv_free(d);
}

static void test_masks(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_w32(d, 0x24, 0xffffffff);
	assert_int_equal(drv_r32(d, 0x24), 0x0fff0fff); /* AQA */
	drv_w32(d, 0x14, 0xfffffffe & ~0xc000u);
	assert_int_equal(drv_r32(d, 0x14), 0x00ff3ff0); /* CC; CRIME is reserved */
	drv_w32(d, 0x14, 0);

	drv_w32(d, 0x0c, 0x0000ffff);
	drv_w32(d, 0x0c, 0x00ff0000);
	assert_int_equal(drv_r32(d, 0x0c), 0x00ffffff);
	drv_w32(d, 0x10, 0x0000ff00);
	assert_int_equal(drv_r32(d, 0x10), 0x00ff00ff);
	assert_int_equal(drv_r32(d, 0x0c), 0x00ff00ff);

	drv_w32(d, 0x1c, 0xffffffff);
	assert_int_equal(drv_r32(d, 0x1c), 0);
	drv_w32(d, 0x20, 0x12345678); /* not the word NSSR wants */
	assert_int_equal(drv_r32(d, 0x1c), 0);
	assert_int_equal(drv_r32(d, 0x20), 0);
	drv_free(d);
}

/* reserved offsets and registers of what is not there read as zero and take no harm */
static void test_reserved(void **state)
{
	struct drv *d = drv_new(NULL);

	for (uint64_t off = 0x38; off < 0x1000; off += 4) {
		drv_w32(d, off, 0xffffffff);
		assert_int_equal(drv_r32(d, off), off == 0x68 ? 0x0f : 0);
	}
	assert_int_equal(drv_r32(d, 0x18), 0);
	assert_int_equal(drv_r32(d, 0x1000), 0);
	drv_free(d);
}

static void test_odd_accesses(void **state)
{
	static const unsigned int sizes[] = { 0, 1, 2, 3, 5, 16 };
	struct drv *d = drv_new(NULL);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(sim_mmio_read(d->fn, 0, 0x08, sizes[i]), 0);
		sim_mmio_write(d->fn, 0, 0x24, sizes[i], 0xffffffff);
	}
	assert_int_equal(sim_mmio_read(d->fn, 0, 0x09, 4), 0);
	assert_int_equal(sim_mmio_read(d->fn, 0, 0x2c, 8), 0); /* across ASQ and ACQ */
	sim_mmio_write(d->fn, 0, 0x25, 4, 0xffffffff);
	sim_mmio_write(d->fn, 0, 0x22, 8, 0xffffffffffffffff);
	assert_int_equal(drv_r32(d, 0x24), 0);
	/* a doorbell is four bytes: an eight byte write must not ring two */
	drv_start(d);
	sim_mmio_write(d->fn, 0, 0x1000, 8, 0x0000000500000005);
	assert_int_equal(drv_r32(d, 0x1c), 1);
	drv_free(d);
}

static unsigned int nr_rows;

static void count_row(void *arg, const struct sim_row *row)
{
	const char *table = arg;

	assert_non_null(row->name);
	if (!strcmp(row->table, table))
		nr_rows++;
}

static void test_rows(void **state)
{
	static const char *const tables[] = { "admin", "nvm", "log", "feature", "identify",
					      "register" };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		nr_rows = 0;
		sim_table_rows(count_row, (void *)(uintptr_t)tables[i]);
		assert_true(nr_rows >= 5);
	}
	assert_string_equal(sim_cmd_name(true, 0x06), "Identify");
	assert_string_equal(sim_cmd_name(false, 0x02), "Read");
	assert_non_null(sim_cmd_name(false, 0xff));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cap),	      cmocka_unit_test(test_halves),
		cmocka_unit_test(test_masks),	      cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_odd_accesses), cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
