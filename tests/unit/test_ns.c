/* SPDX-License-Identifier: MIT */
/*
 * test_ns.c - making namespaces, and what they say of themselves.
 * NVM Command Set 1.1, section 4.1.5; NVMe Base 2.1, section 5.1.13.
 */
#include <stdio.h>

#include "mock_store.h"
#include "nvmcmd.h"

static const struct sim_ns_params defaults = {
	.logical_block_size = 512,
	.physical_block_size = 512,
	.write_cache = true,
};

/* a controller with no namespace yet */
static struct drv *bare(void)
{
	struct drv_params p;
	struct drv *d;

	drv_params(&p);
	p.ns_bytes = 0;
	d = drv_new(&p);
	drv_start(d);
	return d;
}

static int64_t add(struct drv *d, struct sim_ns_params *p)
{
	struct sim_msg msg = { "" };
	int64_t nsid = sim_ns_add(d->subsys, d->fn, p, &msg);

	if (nsid < 0)
		fail_msg("%s", msg.text);
	return nsid;
}

static void add_fails(struct drv *d, const struct sim_ns_params *p, const char *word)
{
	struct sim_msg msg = { "" };

	assert_true(sim_ns_add(d->subsys, d->fn, p, &msg) < 0);
	if (!strstr(msg.text, word))
		fail_msg("'%s' does not say '%s'", msg.text, word);
}

/* Identify, @csi in CDW11 bits 31:24. Return: the data. */
static const uint8_t *identify(struct drv *d, uint8_t cns, uint32_t nsid, uint8_t csi)
{
	uint64_t iova = drv_alloc(d, 4096);
	struct drv_cmd cmd = { { 0x06, nsid } };

	memset(drv_ptr(d, iova), 0xcc, 4096);
	cmd.dw[10] = cns;
	cmd.dw[11] = (uint32_t)csi << 24;
	assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), 0);
	return drv_ptr(d, iova);
}

static uint16_t u16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static void test_nsid(void **state)
{
	struct drv *d = bare();
	struct mock_store m;
	struct sim_ns_params p = defaults;

	mock_init(&m, 1 << 20);
	p.store = &m.st;
	p.nsid = 2;
	assert_int_equal(add(d, &p), 2);
	add_fails(d, &p, "namespace id 2 is already allocated");
	p.nsid = 0; /* the lowest free one */
	assert_int_equal(add(d, &p), 1);
	assert_int_equal(add(d, &p), 3);
	p.nsid = SIM_NN;
	assert_int_equal(add(d, &p), SIM_NN);
	p.nsid = SIM_NN + 1;
	add_fails(d, &p, "257");
	p.nsid = 0xffffffff;
	add_fails(d, &p, "not between");
	p.nsid = 0;
	for (int64_t nsid = 4; nsid < SIM_NN; nsid++)
		assert_int_equal(add(d, &p), nsid);
	add_fails(d, &p, "no free");
	drv_free(d);
	mock_free(&m);
}

static void test_bad_parameters(void **state)
{
	struct drv *d = bare();
	struct mock_store m;
	struct sim_ns_params p = defaults;
	static const uint32_t bad[] = { 0, 1, 256, 513, 1000, 4 << 20 };

	mock_init(&m, 4096);
	p.store = &m.st;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char word[64];

		p = defaults;
		p.store = &m.st;
		p.logical_block_size = bad[i];
		snprintf(word, sizeof(word), "logical_block_size %u", bad[i]);
		add_fails(d, &p, word);
		p.logical_block_size = 512;
		p.physical_block_size = bad[i];
		snprintf(word, sizeof(word), "physical_block_size %u", bad[i]);
		add_fails(d, &p, word);
	}
	p.logical_block_size = 4096;
	p.physical_block_size = 512;
	add_fails(d, &p, "larger than physical_block_size");
	p.logical_block_size = p.physical_block_size = 8192;
	add_fails(d, &p, "at least one block");
	p.logical_block_size = p.physical_block_size = 4096;
	assert_int_equal(add(d, &p), 1); /* one block is enough */
	assert_int_equal(u64_at(identify(d, 0x00, 1, 0)), 1);
	p.store = NULL;
	add_fails(d, &p, "no store");
	drv_free(d);
	mock_free(&m);
}

/* figure 114, with offsets from the specification rather than a header */
static void test_identify(void **state)
{
	struct drv *d = bare();
	struct mock_store m;
	struct sim_ns_params p = defaults;
	const uint8_t *id;

	mock_init(&m, (1 << 20) + 300); /* the last, partial block is not there */
	p.store = &m.st;
	p.eui64 = 0x0123456789abcdefull;
	memset(p.nguid, 0x77, sizeof(p.nguid));
	add(d, &p);
	id = identify(d, 0x00, 1, 0);
	assert_int_equal(u64_at(id + 0), 2048);	       /* NSZE */
	assert_int_equal(u64_at(id + 8), 2048);	       /* NCAP */
	assert_int_equal(u64_at(id + 16), 1025);       /* NUSE: half, a started block counts */
	assert_int_equal(id[24], 0x10);		       /* NSFEAT: OPTPERF */
	assert_int_equal(id[25], 1);		       /* NLBAF: two, 0's based */
	assert_int_equal(id[26], 0);		       /* FLBAS: format 0 */
	assert_int_equal(id[27], 0);		       /* MC: no metadata */
	assert_int_equal(id[28] | id[29], 0);	       /* DPC, DPS: no protection */
	assert_int_equal(id[30], 0);		       /* NMIC: one controller */
	assert_int_equal(id[31], 0);		       /* RESCAP */
	assert_int_equal(id[33], 0x09);		       /* DLFEAT: zeroes, DEAC */
	assert_int_equal(u64_at(id + 48), 1 << 20);    /* NVMCAP */
	assert_int_equal(u64_at(id + 56), 0);
	assert_int_equal(u16_at(id + 64), 0);	       /* NPWG: one block */
	assert_int_equal(u16_at(id + 66), 0);	       /* NPWA */
	assert_int_equal(u16_at(id + 68), 7);	       /* NPDG: 4 KiB */
	assert_int_equal(u16_at(id + 70), 7);	       /* NPDA */
	assert_int_equal(u16_at(id + 72), 0);	       /* NOWS */
	assert_int_equal(id[99], 0);		       /* NSATTR */
	assert_memory_equal(id + 104, p.nguid, 16);
	/* EUI64, big endian */
	assert_memory_equal(id + 120, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	assert_int_equal(id[128 + 2], 9);	       /* LBAF 0: 512 bytes */
	assert_int_equal(u16_at(id + 128), 0);
	assert_int_equal(id[132 + 2], 12);	       /* LBAF 1: 4,096 bytes */
	for (unsigned int i = 136; i < 4096; i++)
		assert_int_equal(id[i], 0);
	drv_free(d);
	mock_free(&m);
}

static void expect_format(uint32_t lbs, uint32_t pbs, uint8_t nlbaf, uint8_t flbas, uint8_t lbads)
{
	struct drv *d = bare();
	struct mock_store m;
	struct sim_ns_params p = defaults;
	const uint8_t *id;

	mock_init(&m, 8 << 20);
	p.store = &m.st;
	p.logical_block_size = lbs;
	p.physical_block_size = pbs;
	add(d, &p);
	id = identify(d, 0x00, 1, 0);
	assert_int_equal(u64_at(id), (8 << 20) / lbs);
	assert_int_equal(id[25], nlbaf);
	assert_int_equal(id[26], flbas);
	assert_int_equal(id[128 + 4 * flbas + 2], lbads);
	assert_int_equal(u16_at(id + 64), pbs / lbs - 1);	 /* NPWG */
	assert_int_equal(u16_at(id + 72), pbs / lbs - 1);	 /* NOWS */
	assert_true((u16_at(id + 68) + 1) % (pbs / lbs) == 0); /* NPDG: whole physical blocks */
	drv_free(d);
	mock_free(&m);
}

static void test_formats(void **state)
{
	expect_format(512, 512, 1, 0, 9);
	expect_format(512, 4096, 1, 0, 9);
	expect_format(4096, 4096, 1, 1, 12);
	expect_format(4096, 65536, 1, 1, 12);
	expect_format(1024, 1024, 2, 2, 10);
	expect_format(2 << 20, 2 << 20, 2, 2, 21);
}

/* CNS 03h: type, length, two reserved bytes, identifier; in the order of the types */
static void expect_descs(const struct sim_ns_params *ids, const uint8_t *want, size_t len)
{
	struct drv *d = bare();
	struct mock_store m;
	struct sim_ns_params p = *ids;
	const uint8_t *list;

	mock_init(&m, 1 << 20);
	p.store = &m.st;
	add(d, &p);
	list = identify(d, 0x03, 1, 0);
	assert_memory_equal(list, want, len);
	for (size_t i = len; i < 4096; i++)
		assert_int_equal(list[i], 0);
	drv_free(d);
	mock_free(&m);
}

static void test_descriptors(void **state)
{
	struct sim_ns_params p = defaults;
	static const uint8_t csi_only[] = { 4, 1, 0, 0, 0 };
	static const uint8_t all[] = {
		1,    8,    0,	  0,	0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
		2,    16,   0,	  0,	0x77, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77,
		0x77, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77, 0x77,
		3,    16,   0,	  0,	0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
		0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55,
		4,    1,    0,	  0,	0,
	};

	expect_descs(&p, csi_only, sizeof(csi_only));
	p.eui64 = 0x0123456789abcdefull;
	memset(p.nguid, 0x77, sizeof(p.nguid));
	memset(p.uuid, 0x55, sizeof(p.uuid));
	expect_descs(&p, all, sizeof(all));
}

static void test_attributes(void **state)
{
	struct drv *d = bare();
	struct mock_store m;
	struct sim_ns_params p = defaults;
	const uint8_t *id;

	mock_init(&m, 1 << 20);
	m.st.readonly = true;
	p.store = &m.st;
	p.shared = true;
	add(d, &p);
	id = identify(d, 0x00, 1, 0);
	assert_int_equal(id[30], 1); /* NMIC: SHRNS */
	assert_int_equal(id[99], 1); /* NSATTR: write protected */
	id = identify(d, 0x08, 1, 0);
	assert_int_equal(id[1], 1);  /* NMIC */
	assert_int_equal(id[8], 1);  /* NSATTR */
	assert_int_equal(id[14], 1); /* NSTAT: ready */
	id = identify(d, 0x05, 1, 0);
	for (unsigned int i = 0; i < 4096; i++)
		assert_int_equal(id[i], 0); /* no metadata, no protection information */
	drv_free(d);
	mock_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nsid),	    cmocka_unit_test(test_bad_parameters),
		cmocka_unit_test(test_identify),    cmocka_unit_test(test_formats),
		cmocka_unit_test(test_descriptors), cmocka_unit_test(test_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
