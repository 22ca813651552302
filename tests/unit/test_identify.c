/* SPDX-License-Identifier: MIT */
/* test_identify.c - Identify: NVMe Base 2.1, section 5.1.13; offsets are those of its figures */
#include <stdlib.h>

#include "admin.h"

static void text_is(const uint8_t *field, size_t size, const char *text)
{
	size_t len = strlen(text);

	assert_memory_equal(field, text, len);
	for (size_t i = len; i < size; i++)
		assert_int_equal(field[i], ' ');
}

static void test_ctrl(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint8_t *id;

	drv_params(&p);
	strcpy(p.ctrl.serial, "deadbeef");
	strcpy(p.ctrl.model, "A Model");
	strcpy(p.ctrl.firmware_version, "1.2");
	p.ctrl.mdts = 5;
	p.ctrl.aerl = 2;
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(identify(d, 0, 0x01, 0, &id), ST_OK);

	assert_int_equal(get16(id + 0), 0x1b36); /* VID */
	assert_int_equal(get16(id + 2), 0x1af4); /* SSVID */
	text_is(id + 4, 20, "deadbeef");
	text_is(id + 24, 40, "A Model");
	text_is(id + 64, 8, "1.2");
	assert_int_equal(id[72], 6); /* RAB */
	assert_int_equal(id[73], 0x00); /* IEEE 52-54-00, least significant byte first */
	assert_int_equal(id[74], 0x54);
	assert_int_equal(id[75], 0x52);
	assert_int_equal(id[76], 0); /* CMIC: one controller */
	assert_int_equal(id[77], 5); /* MDTS */
	assert_int_equal(get16(id + 78), sim_fn_cntlid(d->fn));
	assert_int_equal(get32(id + 80), 0x00020100); /* VER */
	assert_int_equal(get32(id + 80), drv_r32(d, 0x08)); /* the register VS says the same */
	assert_int_not_equal(get32(id + 84), 0); /* RTD3R */
	assert_int_not_equal(get32(id + 88), 0); /* RTD3E */
	/* OAES: attached namespace attribute, LBA status information, zone descriptor notices */
	assert_int_equal(get32(id + 92), 1 << 8 | 1 << 13 | 1 << 27);
	/* CTRATT: 128-bit host identifier, namespace granularity, extended LBA formats */
	assert_int_equal(get32(id + 96), 1 << 0 | 1 << 7 | 1 << 15);
	assert_int_equal(id[111], 1); /* CNTRLTYPE: I/O controller */
	/* OACS: Format NVM, Namespace Management, Doorbell Buffer Config, Get LBA Status */
	assert_int_equal(get16(id + 256), 1 << 1 | 1 << 3 | 1 << 8 | 1 << 9);
	assert_int_equal(id[258], 3); /* ACL */
	assert_int_equal(id[259], 2); /* AERL */
	assert_int_equal(id[260], 0x03); /* FRMW: one slot, read only */
	assert_int_equal(id[261], 0x26); /* LPA: effects, extended data, supported pages */
	assert_int_equal(id[262], 63); /* ELPE */
	assert_int_equal(id[263], 0); /* NPSS */
	assert_int_equal(get16(id + 266), 343); /* WCTEMP */
	assert_int_equal(get16(id + 268), 373); /* CCTEMP */
	assert_int_equal(get64(id + 280), 64u << 20); /* TNVMCAP */
	assert_true(all_zero(id + 288, 8));
	assert_true(all_zero(id + 296, 16)); /* UNVMCAP */
	assert_int_not_equal(get16(id + 320), 0); /* KAS */
	assert_int_equal(id[512], 0x66); /* SQES */
	assert_int_equal(id[513], 0x44); /* CQES */
	assert_int_equal(get16(id + 514), 0); /* MAXCMD */
	assert_int_equal(get32(id + 516), SIM_NN);
	/*
	 * ONCS: Compare, Write Uncorrectable, DSM, Write Zeroes, Select, Reservations, Timestamp,
	 * Copy, of single atomicity, and always fast. Verify's bit would make VSL a recommendation.
	 */
	assert_int_equal(get16(id + 520), 0x77f);
	assert_int_equal(get16(id + 522), 1); /* FUSES: Compare and Write */
	assert_int_equal(id[524], 1 << 2); /* FNA: Cryptographic Erase */
	assert_int_equal(id[525], 0x07); /* VWC */
	/* SGLS: may be longer than the data; MPTR is an address, or an SGL's */
	assert_int_equal(get32(id + 536), 1 | 1 << 17 | 1 << 18 | 1 << 19);
	assert_memory_equal(id + 768, "nqn.", 4);
	assert_int_equal(id[768 + 223], 0); /* SUBNQN ends */
	assert_int_equal(get16(id + 2048), 0x9c4); /* PS0: MP */
	assert_int_equal(get32(id + 2052), 16); /* ENLAT */
	assert_int_equal(get32(id + 2056), 4); /* EXLAT */
	assert_true(all_zero(id + 2080, 31 * 32 + 1024));
	drv_free(d);
}

/* what ONCS says is what works */
static void test_ctrl_honest(void **state)
{
	static const struct {
		uint8_t opcode;
		uint16_t oncs;
	} cmds[] = { { 0x05, 1 << 0 }, { 0x04, 1 << 1 }, { 0x09, 1 << 2 }, { 0x08, 1 << 3 },
		     { 0x0d, 1 << 5 }, { 0x19, 1 << 8 } };
	struct drv *d = drv_new(NULL);
	struct drv_cqe cqe;
	uint16_t oncs;
	uint8_t *id;

	drv_start(d);
	assert_int_equal(identify(d, 0, 0x01, 0, &id), ST_OK);
	oncs = get16(id + 520);
	for (unsigned int i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		struct drv_cmd cmd = { .dw = { [0] = cmds[i].opcode, [1] = 1 } };
		uint16_t status = drv_io(d, &cmd, drv_alloc(d, 4096), 4096, &cqe);

		if (oncs & cmds[i].oncs)
			assert_int_not_equal(status, ST_INVALID_OPCODE);
		else
			assert_int_equal(status, ST_INVALID_OPCODE);
	}
	drv_free(d);
}

static void test_ctrl_intel(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint8_t *id;

	drv_params(&p);
	p.ctrl.use_intel_id = true;
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(identify(d, 0, 0x01, 0, &id), ST_OK);
	assert_int_equal(get16(id + 0), 0x8086);
	assert_int_equal(id[73], 0xb3); /* 00-02-B3 */
	assert_int_equal(id[74], 0x02);
	assert_int_equal(id[75], 0x00);
	drv_free(d);
}

static void test_full_length_text(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint8_t *id;

	drv_params(&p);
	strcpy(p.ctrl.serial, "12345678901234567890");
	strcpy(p.ctrl.model, "1234567890123456789012345678901234567890");
	strcpy(p.ctrl.firmware_version, "12345678");
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(identify(d, 0, 0x01, 0, &id), ST_OK);
	text_is(id + 4, 20, "12345678901234567890");
	text_is(id + 24, 40, "1234567890123456789012345678901234567890");
	text_is(id + 64, 8, "12345678");
	drv_free(d);
}

static void test_ns(void **state)
{
	struct drv *d = drv_new(NULL);
	uint8_t *id;

	drv_enable(d);
	assert_int_equal(identify(d, 1, 0x00, 0, &id), ST_OK);
	/* NSZE blocks of 2^LBADS bytes of the format in use are the 64 MiB there are */
	assert_int_equal(get64(id) << id[128 + 4 * (id[26] & 0xf) + 2], 64u << 20);
	assert_true(get64(id + 8) <= get64(id)); /* NCAP */
	/* CNS 11h says the same of an allocated one */
	uint8_t *again;

	assert_int_equal(identify(d, 1, 0x11, 0, &again), ST_OK);
	assert_memory_equal(id, again, 4096);
	drv_free(d);
}

static void test_nsid_rules(void **state)
{
	/* CNS values of data structures, and what a valid NSID no namespace has gives */
	static const struct {
		uint8_t cns;
		uint16_t status;
	} rows[] = { { 0x00, ST_OK }, { 0x03, ST_INVALID_FIELD }, { 0x05, ST_OK },
		     { 0x08, ST_OK }, { 0x11, ST_OK }, { 0x12, ST_INVALID_FIELD },
		     { 0x1b, ST_OK }, { 0x1f, ST_OK } };
	struct drv *d = drv_new(NULL);
	uint8_t *id;

	drv_enable(d);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t broadcast = ST_INVALID_NS;

		if (rows[i].cns == 0x12)
			broadcast = ST_INVALID_FIELD;
		if (rows[i].cns == 0x00 || rows[i].cns == 0x05) /* what all have in common */
			broadcast = ST_OK;
		assert_int_equal(identify(d, 1, rows[i].cns, 0, &id), ST_OK);
		assert_false(all_zero(id, 4096));
		assert_int_equal(identify(d, 2, rows[i].cns, 0, &id), rows[i].status);
		if (rows[i].status == ST_OK)
			assert_true(all_zero(id, 4096));
		assert_int_equal(identify(d, 0, rows[i].cns, 0, &id), ST_INVALID_NS);
		assert_int_equal(identify(d, SIM_NN, rows[i].cns, 0, &id), rows[i].status);
		assert_int_equal(identify(d, SIM_NN + 1, rows[i].cns, 0, &id), ST_INVALID_NS);
		assert_int_equal(identify(d, NSID_ALL, rows[i].cns, 0, &id), broadcast);
	}
	drv_free(d);
}

/*
 * What all namespaces that could be created have in common (NVM Command Set 1.1, figures 114 and
 * 118): the formats are those of a namespace, and what is a namespace's own is 0.
 */
static void test_common(void **state)
{
	struct drv *d = drv_new(NULL);
	uint8_t *all, *one;

	drv_enable(d);
	assert_int_equal(identify(d, NSID_ALL, 0x00, 0, &all), ST_OK);
	assert_int_equal(identify(d, 1, 0x00, 0, &one), ST_OK);
	assert_true(all_zero(all, 24)); /* NSZE, NCAP, NUSE */
	assert_int_equal(all[25], one[25]); /* NLBAF */
	assert_memory_equal(all + 128, one + 128, 4 * 64);
	assert_int_equal(all[27], one[27]); /* MC */
	assert_int_equal(all[28], one[28]); /* DPC */
	assert_int_equal(all[30], 1); /* NMIC: they may be shared */
	assert_true(all_zero(all + 104, 24)); /* NGUID, EUI64 */
	assert_int_equal(identify(d, NSID_ALL, 0x05, 0, &all), ST_OK);
	assert_int_equal(identify(d, 1, 0x05, 0, &one), ST_OK);
	assert_memory_equal(all + 8, one + 8, 4 + 4 * 64); /* PIC, ELBAF */
	assert_true(all_zero(all, 8)); /* LBSTM */
	drv_free(d);
}

/* NVM Command Set 1.1, section 4.1.5.8: one descriptor, as it is 0's based, for all formats */
static void test_granularity(void **state)
{
	struct drv *d = drv_new(NULL);
	uint8_t *page;

	drv_enable(d);
	assert_int_equal(identify(d, 0, 0x16, 0, &page), ST_OK);
	assert_true(all_zero(page, 32)); /* attributes, number of descriptors */
	assert_int_equal(get64(page + 32), 4096); /* NSG */
	assert_int_equal(get64(page + 40), 4096); /* NCG */
	assert_true(all_zero(page + 48, 4096 - 48));
	drv_free(d);
}

static void test_unknown(void **state)
{
	/* CNS 04h, 14h, 15h, 17h, 18h, 19h belong to what is not supported; 20h up is reserved */
	static const uint8_t cns[] = { 0x04, 0x14, 0x15, 0x17, 0x18, 0x19,
				       0x1d, 0x1e, 0x20, 0x80, 0xff };
	struct drv *d = drv_new(NULL);
	uint8_t *id;

	drv_enable(d);
	for (unsigned int i = 0; i < sizeof(cns); i++) {
		assert_int_equal(identify(d, 1, cns[i], 0, &id), ST_INVALID_FIELD);
		assert_int_equal(id[0], 0xa5); /* nothing was transferred */
	}
	drv_free(d);
}

static void test_ns_lists(void **state)
{
	static const uint8_t cns[] = { 0x02, 0x07, 0x10, 0x1a };
	struct drv_params p;
	struct sim_msg msg;
	struct drv *d;
	uint8_t *list;

	drv_params(&p);
	d = drv_new(&p);
	p.ns.store = d->store;
	p.ns.nsid = 7;
	/* a second namespace on the same medium: the lists do not care */
	assert_int_equal(sim_ns_add(d->subsys, d->fn, &p.ns, &msg), 7);
	drv_enable(d);
	for (unsigned int i = 0; i < sizeof(cns); i++) {
		assert_int_equal(identify(d, 0, cns[i], 0, &list), ST_OK);
		assert_int_equal(get32(list), 1);
		assert_int_equal(get32(list + 4), 7);
		assert_true(all_zero(list + 8, 4088));
		assert_int_equal(identify(d, 1, cns[i], 0, &list), ST_OK);
		assert_int_equal(get32(list), 7);
		assert_true(all_zero(list + 4, 4092));
		assert_int_equal(identify(d, 7, cns[i], 0, &list), ST_OK);
		assert_true(all_zero(list, 4096));
		assert_int_equal(identify(d, 0xfffffffd, cns[i], 0, &list), ST_OK);
		assert_int_equal(identify(d, 0xfffffffe, cns[i], 0, &list), ST_INVALID_NS);
		assert_int_equal(identify(d, NSID_ALL, cns[i], 0, &list), ST_INVALID_NS);
	}
	drv_free(d);
}

static void test_csi(void **state)
{
	static const uint8_t cns[] = { 0x05, 0x06, 0x07, 0x1a, 0x1b };
	struct drv *d = drv_new(NULL);
	uint8_t *page;

	drv_enable(d);
	for (unsigned int i = 0; i < sizeof(cns); i++) {
		assert_int_equal(identify(d, 1, cns[i], 0x00u << 24, &page), ST_OK);
		/* CSI 2h: the namespace itself is not a zoned one */
		assert_int_equal(identify(d, 1, cns[i], 0x02u << 24, &page),
				 cns[i] == 0x05 || cns[i] == 0x1b ? ST_INVALID_FIELD : ST_OK);
		assert_int_equal(identify(d, 1, cns[i], 0x01u << 24, &page), ST_INVALID_FIELD);
		assert_int_equal(identify(d, 1, cns[i], 0x30u << 24, &page), ST_INVALID_FIELD);
	}
	assert_int_equal(identify(d, 0, 0x06, 0, &page), ST_OK);
	assert_int_equal(page[0], 7); /* VSL, as configured */
	assert_int_equal(get32(page + 20), 0x00010100); /* VER: NVM Command Set 1.1 */
	drv_free(d);
}

static void test_ctrl_lists(void **state)
{
	struct drv *d = drv_new(NULL);
	uint16_t cntlid = sim_fn_cntlid(d->fn);
	uint8_t *list;

	drv_enable(d);
	for (uint32_t cns = 0x12; cns <= 0x13; cns++) {
		assert_int_equal(identify(d, 1, cns, 0, &list), ST_OK);
		assert_int_equal(get16(list), 1);
		assert_int_equal(get16(list + 2), cntlid);
		assert_true(all_zero(list + 4, 4092));
		assert_int_equal(identify(d, 1, cns | (cntlid + 1u) << 16, 0, &list), ST_OK);
		assert_true(all_zero(list, 4096));
		assert_int_equal(identify(d, 1, cns | 0xffffu << 16, 0, &list), ST_OK);
		assert_true(all_zero(list, 4096));
	}
	drv_free(d);
}

static int no_memory(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		     unsigned int n)
{
	return SIM_EFAULT;
}

static void test_two_controllers(void **state)
{
	struct drv_params p;
	struct sim_msg msg;
	struct sim_fn *other;
	struct drv *d;
	uint8_t *page;

	drv_params(&p);
	d = drv_new(&p);
	p.ctrl.dma.xfer = no_memory; /* the other one is never enabled */
	other = sim_fn_add(d->subsys, &p.ctrl, &msg);
	assert_non_null(other);
	drv_enable(d);
	assert_int_equal(identify(d, 0, 0x01, 0, &page), ST_OK);
	assert_int_equal(page[76], 0x02); /* CMIC: more than one controller */
	assert_int_equal(identify(d, 0, 0x13, 0, &page), ST_OK);
	assert_int_equal(get16(page), 2);
	assert_true(get16(page + 2) < get16(page + 4)); /* in order */
	assert_int_equal(identify(d, 0, 0x1c | (uint32_t)sim_fn_cntlid(other) << 16, 0, &page),
			 ST_OK);
	drv_free(d);
}

static void test_command_sets(void **state)
{
	struct drv *d = drv_new(NULL);
	uint32_t cntlid = sim_fn_cntlid(d->fn);
	uint8_t *page;

	drv_enable(d);
	assert_int_equal(identify(d, 0, 0x1c | 0xffffu << 16, 0, &page), ST_OK);
	assert_int_equal(get64(page), 5); /* combination 0: NVM and Zoned Namespaces */
	assert_int_equal(get64(page + 8), 1);
	assert_int_equal(get64(page + 16), 4);
	assert_true(all_zero(page + 24, 4072));
	assert_int_equal(identify(d, 0, 0x1c | cntlid << 16, 0, &page), ST_OK);
	assert_int_equal(get64(page), 5);
	assert_int_equal(identify(d, 0, 0x1c | (cntlid + 1) << 16, 0, &page), ST_INVALID_FIELD);
	drv_free(d);
}

/* a data pointer that crosses a page: from the middle of one to the middle of the next */
static void test_two_pages(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x06, [10] = 0x01 } };
	uint64_t iova = drv_alloc(d, 8192) + 2048;
	struct drv_cqe cqe;
	uint8_t *flat;

	drv_enable(d);
	assert_int_equal(identify(d, 0, 0x01, 0, &flat), ST_OK);
	assert_int_equal(drv_admin(d, &cmd, iova, 4096, &cqe), ST_OK);
	assert_memory_equal(drv_ptr(d, iova), flat, 4096);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ctrl),
		cmocka_unit_test(test_ctrl_honest),
		cmocka_unit_test(test_ctrl_intel),
		cmocka_unit_test(test_full_length_text),
		cmocka_unit_test(test_ns),
		cmocka_unit_test(test_nsid_rules),
		cmocka_unit_test(test_common),
		cmocka_unit_test(test_granularity),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_ns_lists),
		cmocka_unit_test(test_csi),
		cmocka_unit_test(test_ctrl_lists),
		cmocka_unit_test(test_two_controllers),
		cmocka_unit_test(test_command_sets),
		cmocka_unit_test(test_two_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
