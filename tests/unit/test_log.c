/* SPDX-License-Identifier: MIT */
/* test_log.c - Get Log Page: NVMe Base 2.1, section 5.1.12 */
#include "admin.h"

static const struct {
	uint8_t lid;
	uint16_t len;
} logs[] = { { 0x00, 1024 }, { 0x01, 4096 }, { 0x02, 512 },  { 0x03, 512 },
	     { 0x04, 4096 }, { 0x05, 4096 }, { 0x0e, 16384 }, { 0x12, 1024 },
	     { 0x13, 4096 }, { 0x80, 64 } };

#define CHANGED_ZONES 0xbf

static bool supported(unsigned int lid)
{
	for (unsigned int i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
		if (logs[i].lid == lid)
			return true;
	return false;
}

static struct drv *enabled(void)
{
	struct drv *d = drv_new(NULL);

	drv_enable(d);
	return d;
}

/* the Supported Log Pages log page says what Get Log Page does */
static void test_supported(void **state)
{
	struct drv *d = enabled();
	uint8_t *log, *page;

	assert_int_equal(get_log(d, 0x00, 0, 0, 1024, true, &log), ST_OK);
	for (unsigned int lid = 0; lid < 256; lid++) {
		uint16_t status = get_log(d, (uint8_t)lid, NSID_ALL, 0, 64, true, &page);

		assert_int_equal(get32(log + 4 * lid) & 1, supported(lid) || lid == CHANGED_ZONES);
		assert_int_equal(get32(log + 4 * lid) & 2, 0); /* no index offsets */
		if (lid == CHANGED_ZONES) /* it is a namespace's */
			assert_int_equal(status, ST_INVALID_FIELD);
		else
			assert_int_equal(status, supported(lid) ? ST_OK : ST_INVALID_LOG);
	}
	drv_free(d);
}

static void test_nsid(void **state)
{
	struct drv *d = enabled();
	uint8_t *page;

	for (unsigned int i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		assert_int_equal(get_log(d, logs[i].lid, 0, 0, 64, true, &page), ST_OK);
		assert_int_equal(get_log(d, logs[i].lid, NSID_ALL, 0, 64, true, &page), ST_OK);
		assert_int_equal(get_log(d, logs[i].lid, 1, 0, 64, true, &page),
				 ST_INVALID_FIELD);
	}
	drv_free(d);
}

static void test_offset_and_length(void **state)
{
	struct drv *d = enabled();
	uint8_t *whole, *part;

	for (unsigned int i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		uint8_t lid = logs[i].lid;
		uint16_t len = logs[i].len;

		if (lid == 0x01)
			continue; /* the failures here are entries of it */
		assert_int_equal(get_log(d, lid, 0, 0, len, true, &whole), ST_OK);
		/* the middle */
		assert_int_equal(get_log(d, lid, 0, 8, 64, true, &part), ST_OK);
		assert_memory_equal(part, whole + 8, 64);
		/* one dword */
		assert_int_equal(get_log(d, lid, 0, 4, 4, true, &part), ST_OK);
		assert_memory_equal(part, whole + 4, 4);
		/* past the end: zeroes */
		assert_int_equal(get_log(d, lid, 0, len - 8, 20000, true, &part), ST_OK);
		assert_memory_equal(part, whole + len - 8, 8);
		assert_true(all_zero(part + 8, 20000 - 8));
		/* at the end, and beyond */
		assert_int_equal(get_log(d, lid, 0, len, 8, true, &part), ST_OK);
		assert_true(all_zero(part, 8));
		assert_int_equal(get_log(d, lid, 0, len + 4, 8, true, &part), ST_INVALID_FIELD);
		assert_int_equal(get_log(d, lid, 0, 1ull << 32, 8, true, &part), ST_INVALID_FIELD);
		/* dwords only */
		for (unsigned int off = 1; off < 4; off++)
			assert_int_equal(get_log(d, lid, 0, off, 8, true, &part),
					 ST_INVALID_FIELD);
	}
	drv_free(d);
}

static void test_index_offset(void **state)
{
	struct drv *d = enabled();
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [10] = 15u << 16 | 0x02, [14] = 1u << 23 } };
	struct drv_cqe cqe;

	assert_int_equal(drv_admin(d, &cmd, drv_alloc(d, 64), 64, &cqe), ST_INVALID_FIELD);
	drv_free(d);
}

static void test_mdts(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint8_t *page;

	drv_params(&p);
	p.ctrl.mdts = 1; /* 8 KiB */
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(get_log(d, 0x02, 0, 0, 8192, true, &page), ST_OK);
	assert_true(all_zero(page + 512, 8192 - 512));
	assert_int_equal(get_log(d, 0x02, 0, 0, 8196, true, &page), ST_INVALID_FIELD);
	assert_int_equal(page[0], 0xa5);

	/* NUMD of FFFFFFFFh: 16 GiB */
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [10] = 0xffffu << 16 | 2, [11] = 0xffff } };
	struct drv_cqe cqe;

	assert_int_equal(drv_admin(d, &cmd, drv_alloc(d, 4096), 4096, &cqe), ST_INVALID_FIELD);
	drv_free(d);
}

static void test_firmware(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint8_t *page;

	drv_params(&p);
	strcpy(p.ctrl.firmware_version, "9.1");
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(get_log(d, 0x03, 0, 0, 512, true, &page), ST_OK);
	assert_int_equal(page[0], 0x01); /* AFI: slot 1 is active, none is next */
	assert_memory_equal(page + 8, "9.1     ", 8);
	assert_true(all_zero(page + 16, 496));
	drv_free(d);
}

static void test_changed_ns(void **state)
{
	struct drv_params p;
	struct sim_msg msg;
	struct drv *d;
	uint8_t *page;

	drv_params(&p);
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(get_log(d, 0x04, 0, 0, 4096, false, &page), ST_OK);
	assert_true(all_zero(page, 4096));

	p.ns.store = d->store;
	p.ns.nsid = 9;
	assert_int_equal(sim_ns_add(d->subsys, d->fn, &p.ns, &msg), 9);
	p.ns.nsid = 3;
	assert_int_equal(sim_ns_add(d->subsys, d->fn, &p.ns, &msg), 3);
	assert_int_equal(get_log(d, 0x04, 0, 0, 4096, true, &page), ST_OK);
	assert_int_equal(get32(page), 3);
	assert_int_equal(get32(page + 4), 9);
	assert_true(all_zero(page + 8, 4088));
	/* RAE kept it; without RAE it is read once */
	assert_int_equal(get_log(d, 0x04, 0, 0, 4096, false, &page), ST_OK);
	assert_int_equal(get32(page), 3);
	assert_int_equal(get_log(d, 0x04, 0, 0, 4096, false, &page), ST_OK);
	assert_true(all_zero(page, 4096));
	drv_free(d);
}

/* an opcode is supported exactly if the controller knows it */
static void test_effects(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cqe cqe;
	uint8_t *page, *other;

	drv_start(d);
	assert_int_equal(get_log(d, 0x05, 0, 0, 4096, true, &page), ST_OK);
	for (unsigned int op = 0; op < 256; op++) {
		struct drv_cmd cmd = { .dw = { [0] = op, [1] = 1 } };
		uint32_t effects = get32(page + 1024 + 4 * op);
		uint16_t status = drv_io(d, &cmd, drv_alloc(d, 4096), 4096, &cqe);

		assert_int_equal(effects & 1, status != ST_INVALID_OPCODE);
		/* what is not supported has no effects */
		assert_true(effects & 1 || !effects);
	}
	for (unsigned int op = 0; op < 256; op++) {
		/* an invalid NSID makes harmless what is not: queues 0 are refused anyway */
		struct drv_cmd cmd = { .dw = { [0] = op, [1] = 0xfffffff0 } };
		uint32_t effects = get32(page + 4 * op);

		if (op == 0x0c) { /* stays outstanding */
			assert_int_equal(effects & 1, 1);
			continue;
		}
		assert_int_equal(effects & 1,
				 drv_admin(d, &cmd, drv_alloc(d, 4096), 4096, &cqe) !=
					 ST_INVALID_OPCODE);
	}
	assert_true(get32(page + 1024 + 4 * 0x01) & 2); /* Write: LBCC */
	assert_false(get32(page + 1024 + 4 * 0x02) & 2); /* Read */
	/* LPA bit 5: scopes are reported, bit 20 namespace, bit 21 controller */
	assert_int_equal(get32(page + 1024 + 4 * 0x02) >> 20, 1);
	assert_int_equal(get32(page + 4 * 0x18) >> 20, 2);
	assert_int_equal(get32(page + 4 * 0x09) >> 20, 3); /* Set Features: it depends */

	/*
	 * A command set that is not supported has no commands: CSI in CDW14 bits 31:24, which is
	 * looked at only if CC.CSS (bits 6:4) is 110b.
	 */
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [10] = 1023u << 16 | 0x05, [14] = 1u << 24 } };
	uint64_t iova = drv_alloc(d, 4096);

	other = drv_ptr(d, iova);
	for (uint32_t css = 0; css <= 6; css += 6) {
		drv_disable(d);
		drv_enable(d);
		drv_disable(d);
		drv_w32(d, 0x14, css << 4 | 6u << 16 | 4u << 20);
		drv_w32(d, 0x14, css << 4 | 6u << 16 | 4u << 20 | 1);
		d->admin.sq_tail = d->admin.cq_head = 0;
		d->admin.phase = 1;
		memset(drv_ptr(d, d->admin.cq_iova), 0, 16u * d->admin.size);
		assert_int_equal(drv_admin(d, &cmd, iova, 4096, &cqe), ST_OK);
		assert_memory_equal(other, page, 1024);
		if (css)
			assert_true(all_zero(other + 1024, 3072));
		else
			assert_memory_equal(other + 1024, page + 1024, 3072);
	}
	drv_free(d);
}

static void test_fid_effects(void **state)
{
	struct drv *d = enabled();
	uint8_t *page;

	assert_int_equal(get_log(d, 0x12, 0, 0, 1024, true, &page), ST_OK);
	for (unsigned int fid = 0; fid < 256; fid++) {
		uint32_t effects = get32(page + 4 * fid), caps;
		uint16_t status = get_feature(d, (uint8_t)fid, 3, 0, 0, &caps);

		assert_int_equal(effects & 1, status == ST_OK);
		if (effects & 1) /* scope: bit 20 namespace, 21 controller */
			assert_int_equal(effects >> 20, caps & 2 ? 1 : 2);
		else
			assert_int_equal(effects, 0);
	}
	drv_free(d);
}

static void test_mi(void **state)
{
	struct drv *d = enabled();
	uint8_t *page;

	assert_int_equal(get_log(d, 0x13, 0, 0, 4096, true, &page), ST_OK);
	assert_true(all_zero(page, 4096)); /* OACS bit 6 is cleared: no NVMe-MI commands */
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_supported),
		cmocka_unit_test(test_nsid),
		cmocka_unit_test(test_offset_and_length),
		cmocka_unit_test(test_index_offset),
		cmocka_unit_test(test_mdts),
		cmocka_unit_test(test_firmware),
		cmocka_unit_test(test_changed_ns),
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_fid_effects),
		cmocka_unit_test(test_mi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
