/* SPDX-License-Identifier: MIT */
/*
 * test_conf_memory.c - memory behind BARs: the keys of Controller Memory Buffer and Persistent
 * Memory Region, -object, and what does not go together
 */
#include "conf_test.h"

#define CTRL "-device nvme,serial=a"
#define MEM  "-object memory-backend-file,id=m,mem-path=f,size=1M,share=on"

struct machine {
	const char *word[6];
	const char *err;
};

static void test_bad(void **state)
{
	static const struct machine rows[] = {
		/* QEMU's sentences */
		{ { CTRL ",pmrdev=m" }, CTRL ",pmrdev=m: pmrdev: Device 'm' not found" },
		{ { MEM, CTRL ",pmrdev=m,msix-exclusive-bar=on" },
		  CTRL
		  ",pmrdev=m,msix-exclusive-bar=on: pmrdev: not enough BARs available to enable "
		  "PMR; BAR 4 is that of msix-exclusive-bar" },
		{ { MEM, CTRL ",pmrdev=m", "-device nvme,serial=b,pmrdev=m" },
		  "-device nvme,serial=b,pmrdev=m: pmrdev: can't use already busy memdev: m" },
		{ { "-object memory-backend-file,id=m,size=1M", CTRL ",pmrdev=m" },
		  "-object memory-backend-file,id=m,size=1M: mem-path: mem-path property not set" },
		{ { "-device nvme-subsys,id=s",
		    CTRL ",subsys=s,sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1,"
			 "cmb_size_mb=1" },
		  CTRL ",subsys=s,sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1,"
		       "cmb_size_mb=1: cmb_size_mb: CMB is not supported with SR-IOV" },
		{ { MEM, "-device nvme-subsys,id=s",
		    CTRL
		    ",subsys=s,sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1,pmrdev=m" },
		  CTRL
		  ",subsys=s,sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1,pmrdev=m: "
		  "pmrdev: PMR is not supported with SR-IOV" },
		/* our own */
		{ { CTRL ",smart_critical_warning=0x24" },
		  CTRL ",smart_critical_warning=0x24: smart_critical_warning: unsupported smart "
		       "critical "
		       "warning bits: 0x20 is of a Persistent Memory Region, and there is none" },
		{ { CTRL ",smart_critical_warning=64" },
		  CTRL
		  ",smart_critical_warning=64: smart_critical_warning: must be between 0 and 63, "
		  "not '64'" },
		{ { CTRL ",legacy-cmb=on" },
		  CTRL ",legacy-cmb=on: legacy-cmb: there is no Controller Memory Buffer; give "
		       "cmb_size_mb" },
		{ { CTRL ",hmb_size=1000" },
		  CTRL ",hmb_size=1000: hmb_size: must be a multiple of 4096, less than 16T" },
		{ { CTRL ",hmb_size=16T" },
		  CTRL
		  ",hmb_size=16T: hmb_size: must be a multiple of 4096, less than 16T, not '16T'" },
		{ { CTRL ",cmb_size_mb=1048576" },
		  CTRL ",cmb_size_mb=1048576: cmb_size_mb: must be between 0 and 1048575, not "
		       "'1048576'" },
	};
	char err[1024];
	struct conf c;

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		unsigned int n = 0;

		while (rows[i].word[n])
			n++;
		if (!read_words(&c, rows[i].word, n, err, sizeof(err)))
			fail_msg("row %u is taken", i);
		assert_string_equal(err, rows[i].err);
		conf_free(&c);
	}
}

static void test_words(void **state)
{
	static const char *const words[] = {
		"-object qom-type=memory-backend-file,id=m,mem-path=f,size=16M,share=on",
		CTRL ",pmrdev=m,cmb_size_mb=64,legacy-cmb=on,dbcs=off,ioeventfd=on,hmb_size=32M",
	};
	char err[1024];
	struct conf c;

	assert_int_equal(read_words(&c, words, COUNT(words), err, sizeof(err)), 0);
	assert_int_equal(c.ctrl[0].memory_index, 0);
	assert_string_equal(c.memory[0].mem_path, "f");
	assert_int_equal(c.memory[0].size, 16 << 20);
	assert_true(c.memory[0].share);
	assert_int_equal(c.ctrl[0].cmb_size_mb, 64);
	assert_true(c.ctrl[0].legacy_cmb);
	assert_false(c.ctrl[0].dbcs);
	assert_int_equal(c.ctrl[0].hmb_size, 32 << 20);
	conf_free(&c);
}

static void test_defaults(void **state)
{
	static const char *const words[] = { CTRL };
	char err[1024];
	struct conf c;

	assert_int_equal(read_words(&c, words, 1, err, sizeof(err)), 0);
	assert_int_equal(c.ctrl[0].memory_index, -1);
	assert_true(c.ctrl[0].dbcs);
	assert_false(c.ctrl[0].legacy_cmb || c.ctrl[0].msix_exclusive_bar);
	assert_int_equal(c.ctrl[0].cmb_size_mb, 0);
	assert_int_equal(c.ctrl[0].hmb_size, 0);
	conf_free(&c);
}

static void test_file(void **state)
{
	static const struct {
		const char *text, *err;
	} rows[] = {
		{ "[controller c]\nserial = a\npmr = f\n", NULL },
		{ "[controller c]\nserial = a\npmr = f\npmr_size = 1M\n", NULL },
		{ "[memory m]\nmem-path = f\nshare = on\n[controller c]\nserial = a\npmrdev = m\n",
		  NULL },
		{ "[controller c]\nserial = a\npmr_size = 1M\n",
		  "t.conf:1: pmr_size: is of the file that pmr names; give pmr, too" },
		{ "[controller c]\nserial = a\npmr = f\npmr_size = 3M\n",
		  "t.conf:4: pmr_size: must be a power of two between 16 and 1T, not '3M'" },
		{ "[memory m]\nmem-path = f\n[controller c]\nserial = a\npmrdev = m\npmr = g\n",
		  "t.conf:3: pmr: is given together with pmrdev; allowed: one or the other" },
		{ "[controller c]\nserial = a\npmr = f\nmsix-exclusive-bar = on\n",
		  "t.conf:1: pmr: not enough BARs available to enable PMR; BAR 4 is that of "
		  "msix-exclusive-bar" },
	};
	char err[1024];
	struct conf c;

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		int ret = read_text(&c, rows[i].text, err, sizeof(err));

		if (rows[i].err) {
			assert_int_not_equal(ret, 0);
			assert_string_equal(err, rows[i].err);
		} else {
			assert_int_equal(ret, 0);
			assert_string_equal(c.memory[c.ctrl[0].memory_index].mem_path, "f");
			assert_true(c.memory[c.ctrl[0].memory_index].share);
		}
		conf_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
