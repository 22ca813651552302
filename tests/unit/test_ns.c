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
	.mssrl = 128,
	.mcl = 256,
	.msrc = 127,
	.discard_granularity = UINT32_MAX,
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
	assert_int_equal(id[24], 0x34);		       /* NSFEAT: OPTPERF 11b, DAE */
	assert_int_equal(id[25], 14);		       /* NLBAF: 15, 0's based */
	assert_int_equal(id[26], 0);		       /* FLBAS: format 0, nothing extended */
	assert_int_equal(id[27], 3);		       /* MC: both */
	assert_int_equal(id[28], 0x1f);		       /* DPC: types 1 to 3, first and last */
	assert_int_equal(id[29], 0);		       /* DPS: no protection */
	assert_int_equal(id[30], 0);		       /* NMIC: one controller */
	assert_int_equal(id[31] & 0x7e, 0x7e);	       /* RESCAP: all six types */
	assert_int_equal(id[32], 0x80);		       /* FPI: nothing left to format */
	assert_int_equal(id[33], 0x09);		       /* DLFEAT: zeroes, DEAC, guard FFFFh */
	for (unsigned int i = 34; i < 48; i++)
		assert_int_equal(id[i], 0);	       /* NAWUN to NOIOB: the controller's */
	assert_int_equal(u64_at(id + 48), (1 << 20) + 300); /* NVMCAP */
	assert_int_equal(u64_at(id + 56), 0);
	assert_int_equal(u16_at(id + 64), 0);	       /* NPWG: one block */
	assert_int_equal(u16_at(id + 66), 0);	       /* NPWA */
	assert_int_equal(u16_at(id + 68), 7);	       /* NPDG: 4 KiB */
	assert_int_equal(u16_at(id + 70), 7);	       /* NPDA */
	assert_int_equal(u16_at(id + 72), 0);	       /* NOWS */
	assert_int_equal(u16_at(id + 74), 128);	       /* MSSRL */
	assert_int_equal(u64_at(id + 76) & 0xffffffff, 256); /* MCL */
	assert_int_equal(id[80], 127);		       /* MSRC */
	assert_int_equal(id[82], 0);		       /* NULBAF */
	assert_int_equal(u64_at(id + 92) & 0xffffffff, 0); /* ANAGRPID: no ANA */
	assert_int_equal(id[99], 0);		       /* NSATTR */
	assert_memory_equal(id + 104, p.nguid, 16);
	/* EUI64, big endian */
	assert_memory_equal(id + 120, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	for (unsigned int i = 128 + 4 * 15; i < 4096; i++)
		assert_int_equal(id[i], 0);
	drv_free(d);
	mock_free(&m);
}

/* figures 116 and 119: data size, metadata size, protection information format, storage tag size */
static void test_format_list(void **state)
{
	static const struct {
		uint8_t lbads;
		uint16_t ms;
		uint32_t elbaf;
	} want[] = {
		{ 9, 0, 0 },   { 9, 8, 0 },  { 9, 16, 0 },  { 9, 64, 0 }, /* QEMU's */
		{ 12, 0, 0 },  { 12, 8, 0 }, { 12, 16, 0 }, { 12, 64, 0 },
		{ 12, 8, 16 },			      /* 16-bit guard, 16 bits of storage tag */
		{ 12, 16, 1 << 7 | 16 },	      /* 32-bit guard */
		{ 12, 16, 2 << 7 },		      /* 64-bit guard */
		{ 12, 16, 2 << 7 | 24 },
		{ 12, 64, 1 << 7 | 48 },
		{ 12, 64, 2 << 7 },
		{ 12, 64, 2 << 9 | 3 << 7 | 32 },     /* qualified: 64-bit guard */
	};
	const unsigned int n = sizeof(want) / sizeof(want[0]);
	struct drv *d = drv_new(NULL);
	const uint8_t *id;

	drv_start(d);
	id = identify(d, 0x00, 1, 0);
	assert_int_equal(id[25], n - 1);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(u16_at(id + 128 + 4 * i), want[i].ms);
		assert_int_equal(id[128 + 4 * i + 2], want[i].lbads);
	}
	id = identify(d, 0x05, 1, 0);
	assert_int_equal(u64_at(id), 0);    /* LBSTM: no storage tag */
	assert_int_equal(id[8], 0x0d);	    /* PIC: 16BPISTS, STCRS, QPIFS */
	assert_int_equal(id[9], 0);	    /* PIFA: any bits of the mask */
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(u64_at(id + 12 + 4 * i) & 0xffffffff, want[i].elbaf);
	for (unsigned int i = 12 + 4 * n; i < 268; i++)
		assert_int_equal(id[i], 0);
	assert_int_equal(u64_at(id + 268) & 0xffffffff, 8); /* NPDGL: blocks, not 0's based */
	assert_int_equal(u64_at(id + 284) & 0xffffffff, 8); /* NPDAL */
	for (unsigned int i = 272; i < 284; i++)
		assert_int_equal(id[i], 0); /* no read hints: OPTRPERF is 0 */
	for (unsigned int i = 288; i < 4096; i++)
		assert_int_equal(id[i], 0);
	drv_free(d);
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
	expect_format(512, 512, 14, 0, 9);
	expect_format(512, 4096, 14, 0, 9);
	expect_format(4096, 4096, 14, 4, 12);
	expect_format(4096, 65536, 14, 4, 12);
	expect_format(1024, 1024, 15, 15, 10);
	expect_format(2 << 20, 2 << 20, 15, 15, 21);
}

/* CNS 09h and 0Ah: CDW11 has a Format Index; what is the namespace's own is not reported */
static void test_format_index(void **state)
{
	struct drv *d = drv_new(NULL);
	uint64_t iova = drv_alloc(d, 4096);
	uint8_t *page = drv_ptr(d, iova);

	drv_start(d);
	for (uint32_t cns = 0x09; cns <= 0x0a; cns++) {
		struct drv_cmd cmd = { .dw = { [0] = 0x06, [10] = cns, [11] = 14 } };

		memset(page, 0xcc, 4096);
		assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), 0);
		if (cns == 0x09) {
			assert_int_equal(u64_at(page) | u64_at(page + 8), 0);
			assert_int_equal(page[25], 14);
			assert_int_equal(page[27], 3);
			assert_int_equal(page[28], 0x1f);
			assert_int_equal(page[32], 0);
			assert_int_equal(u16_at(page + 128 + 4 * 14), 64);
		} else {
			assert_int_equal(page[8], 0x0d);
			assert_int_equal(u16_at(page + 12 + 4 * 14), 2 << 9 | 3 << 7 | 32);
		}
		cmd.dw[11] = 15;
		assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), 0x002);
	}
	drv_free(d);
}

/* min_io_size, opt_io_size, discard_granularity: NPWG, NOWS, NPDG and their alignments */
static void test_io_sizes(void **state)
{
	struct drv *d = bare();
	struct mock_store m;
	struct sim_ns_params p = defaults;
	const uint8_t *id;

	mock_init(&m, 1 << 20);
	p.store = &m.st;
	p.min_io_size = 4096;
	p.opt_io_size = 10240; /* not a multiple of NPWG */
	p.discard_granularity = 64 << 20;
	add(d, &p);
	id = identify(d, 0x00, 1, 0);
	assert_int_equal(u16_at(id + 64), 7);
	assert_int_equal(u16_at(id + 66), 7);
	assert_int_equal(u16_at(id + 72), 23);
	assert_int_equal(u16_at(id + 68), 0xffff); /* 131,072 blocks do not fit */
	id = identify(d, 0x05, 1, 0);
	assert_int_equal(u64_at(id + 268) & 0xffffffff, 131072);
	assert_int_equal(u64_at(id + 284) & 0xffffffff, 131072);
	p.min_io_size = 100;
	add_fails(d, &p, "min_io_size must be a multiple of logical_block_size");
	p.min_io_size = 0;
	p.opt_io_size = 513;
	add_fails(d, &p, "opt_io_size must be a multiple of logical_block_size");
	p.opt_io_size = 0;
	p.discard_granularity = 1;
	add_fails(d, &p, "discard_granularity must be a multiple of logical_block_size");
	drv_free(d);
	mock_free(&m);
}

/* ms, mset, pi, pil, pif as configured: FLBAS, DPS, NSZE, ELBAF of the format in use */
static void expect_shape(const struct sim_ns_params *c, uint8_t flbas, uint8_t dps, uint32_t elbaf)
{
	struct drv *d = bare();
	struct mock_store m;
	struct sim_ns_params p = *c;
	const uint8_t *id;

	mock_init(&m, 1 << 20);
	p.store = &m.st;
	p.physical_block_size = 4096;
	add(d, &p);
	id = identify(d, 0x00, 1, 0);
	assert_int_equal(u64_at(id), (1 << 20) / (p.logical_block_size + p.ms));
	assert_int_equal(id[26], flbas);
	assert_int_equal(id[29], dps);
	assert_int_equal(u16_at(id + 128 + 4 * (flbas & 0xf)), p.ms);
	assert_int_equal(1u << id[130 + 4 * (flbas & 0xf)], p.logical_block_size);
	id = identify(d, 0x05, 1, 0);
	assert_int_equal(u64_at(id + 12 + 4 * (flbas & 0xf)) & 0xffffffff, elbaf);
	/* LBSTM: as many ones as the storage tag has bits */
	assert_true(u64_at(id) == ((elbaf & 0x7f) ? UINT64_MAX >> (64 - (elbaf & 0x7f)) : 0));
	drv_free(d);
	mock_free(&m);
}

static void test_metadata(void **state)
{
	struct sim_ns_params p = defaults;

	p.ms = 8;
	expect_shape(&p, 1, 0, 0);
	p.mset = 1;
	expect_shape(&p, 0x11, 0, 0);
	p.pi = 1;
	expect_shape(&p, 0x11, 1, 0);
	p.pil = 1;
	expect_shape(&p, 0x11, 9, 0);
	p.pi = 3;
	p.mset = 0;
	expect_shape(&p, 1, 11, 0);
	p.pi = 0; /* PIL is of protection information */
	expect_shape(&p, 1, 0, 0);
	p.ms = 0;
	p.mset = 1; /* no metadata to extend a block with */
	expect_shape(&p, 0, 0, 0);
	p.mset = 0;
	p.ms = 24; /* not one of the common ones */
	expect_shape(&p, 15, 0, 0);
	p.ms = 16;
	p.pi = 2;
	p.pif = 2; /* with 512 bytes: QEMU accepts it */
	expect_shape(&p, 15, 10, 2 << 7);
	p.pif = 1;
	expect_shape(&p, 15, 10, 1 << 7 | 16);
	p.logical_block_size = 4096;
	expect_shape(&p, 9, 10, 1 << 7 | 16);
	p.pif = 2;
	expect_shape(&p, 10, 10, 2 << 7);
	p.pi = 0; /* not looked at but by a Format of the same format */
	expect_shape(&p, 10, 0, 2 << 7);
	p.ms = 8; /* and not where it does not fit */
	expect_shape(&p, 5, 0, 0);
	p.ms = 64;
	p.pi = 1;
	expect_shape(&p, 13, 9, 2 << 7);
	p.pif = 0;
	p.pil = 0;
	expect_shape(&p, 7, 1, 0);
}

static void test_bad_metadata(void **state)
{
	struct drv *d = bare();
	struct mock_store m;
	struct sim_ns_params p = defaults;

	mock_init(&m, 1 << 20);
	p.store = &m.st;
	p.pi = 4;
	p.ms = 8;
	add_fails(d, &p, "invalid 'pi' value");
	p.pi = 1;
	p.pif = 3;
	add_fails(d, &p, "invalid 'pif'");
	p.pif = 0;
	p.ms = 7;
	add_fails(d, &p, "at least 8 bytes of metadata required");
	p.ms = 0;
	add_fails(d, &p, "at least 8 bytes of metadata required");
	p.pif = 2;
	p.ms = 15;
	add_fails(d, &p, "at least 16 bytes of metadata required");
	p.pif = 1;
	add_fails(d, &p, "at least 16 bytes of metadata required");
	p.pi = 0;
	p.ms = 4097;
	add_fails(d, &p, "at most 4096 bytes of metadata");
	drv_free(d);
	mock_free(&m);
}

/* atomic.*: QEMU's rules, and NSFEAT's NSABP (bit 1) and MAM (bit 6) */
static void test_atomic(void **state)
{
	struct drv_params dp;
	struct sim_ns_params p = defaults;
	struct mock_store m;
	const uint8_t *id;
	struct drv *d;

	drv_params(&dp);
	dp.ns_bytes = 0;
	dp.ctrl.awun = 7;
	dp.ctrl.awupf = 3;
	d = drv_new(&dp);
	drv_start(d);
	mock_init(&m, 1 << 20);
	p.store = &m.st;

	add(d, &p);
	assert_int_equal(identify(d, 0x00, 1, 0)[24] & 0x42, 0);

	p.nawun = 15;
	p.nawupf = 16;
	add_fails(d, &p, "atomic.nawupf 16 is larger than atomic.nawun 15");
	p.nawun = 6;
	p.nawupf = 3;
	add_fails(d, &p, "atomic.nawun 6 is less than a controller's awun 7");
	p.nawun = 15;
	p.nawupf = 2;
	add_fails(d, &p, "atomic.nawupf 2 is less than a controller's awupf 3");
	p.nawupf = 7;
	p.nabsn = 14;
	add_fails(d, &p, "atomic.nabsn 14");
	p.nabsn = 31;
	p.nabspf = 6;
	add_fails(d, &p, "atomic.nabspf 6");
	p.nabspf = 15;
	p.nabo = 16;
	add_fails(d, &p, "atomic.nabo 16");
	p.nabo = 15;
	p.mam = true;
	add_fails(d, &p, "atomic.mam");
	p.mam = false;
	assert_int_equal(add(d, &p), 2);
	id = identify(d, 0x00, 2, 0);
	assert_int_equal(id[24] & 0x42, 0x02);
	assert_int_equal(u16_at(id + 34), 15);
	assert_int_equal(u16_at(id + 36), 7);
	assert_int_equal(u16_at(id + 38), 0); /* NACWU: as ACWU */
	assert_int_equal(u16_at(id + 40), 31);
	assert_int_equal(u16_at(id + 42), 15);
	assert_int_equal(u16_at(id + 44), 15);

	p.nawun = 0; /* raised to NAWUPF */
	p.nawupf = p.nabsn = p.nabspf = 31;
	p.mam = true;
	assert_int_equal(add(d, &p), 3);
	id = identify(d, 0x00, 3, 0);
	assert_int_equal(id[24] & 0x42, 0x42);
	assert_int_equal(u16_at(id + 34), 31);

	/* without a unit of its own, a boundary is held against the controller's */
	p = defaults;
	p.store = &m.st;
	p.nabsn = 6;
	add_fails(d, &p, "atomic.nabsn 6");
	p.nabsn = 7;
	assert_int_equal(add(d, &p), 4);
	assert_int_equal(u16_at(identify(d, 0x00, 4, 0) + 40), 7);
	drv_free(d);
	mock_free(&m);
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
	assert_int_equal(id[2] & 0x7e, 0x7e); /* RESCAP */
	assert_int_equal(id[3], 0x80); /* FPI */
	drv_free(d);
	mock_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nsid),	    cmocka_unit_test(test_bad_parameters),
		cmocka_unit_test(test_identify),    cmocka_unit_test(test_format_list),
		cmocka_unit_test(test_formats),	    cmocka_unit_test(test_format_index),
		cmocka_unit_test(test_io_sizes),
		cmocka_unit_test(test_metadata),    cmocka_unit_test(test_bad_metadata),
		cmocka_unit_test(test_atomic),
		cmocka_unit_test(test_descriptors), cmocka_unit_test(test_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
