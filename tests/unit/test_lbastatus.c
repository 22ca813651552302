/* SPDX-License-Identifier: MIT */
/*
 * test_lbastatus.c - Get LBA Status, its log page, feature and event. NVM Command Set 1.1, sections
 * 4.2.1, 4.1.4.5, 4.1.3.5, 5.2.1.
 */
#include "../../store/store.h"
#include "mem_journal.h"
#include "nvmcmd.h"

#define LBS 512u
#define NSZE ((64ull << 20) / LBS)
#define BUF (1u << 20)
#define LBASIN (1u << 13)

enum { ALLOCATED = 0x02, SCAN = 0x10, TRACKED = 0x11 };
enum { ST_FIELD = 0x002, ST_NS = 0x00b, ST_RANGE = 0x080 };
enum { INCOMPLETE = 1, COMPLETE = 2 };

struct fx {
	struct drv *d;
	uint64_t buf, data;
	uint8_t *p;
};

static struct fx setup_with(const struct drv_params *p)
{
	struct fx f = { .d = drv_new(p) };

	drv_start(f.d);
	f.buf = drv_alloc(f.d, BUF);
	f.data = drv_alloc(f.d, 65536);
	f.p = drv_ptr(f.d, f.buf);
	return f;
}

static uint16_t status_of(struct fx *f, uint32_t nsid, uint8_t atype, uint64_t slba, uint16_t rl,
			  uint32_t dwords)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x86, [1] = nsid, [10] = (uint32_t)slba,
				       [11] = (uint32_t)(slba >> 32), [12] = dwords - 1,
				       [13] = (uint32_t)atype << 24 | rl } };

	memset(f->p, 0xa5, 4096);
	return drv_admin(f->d, &cmd, f->buf, (size_t)dwords * 4, NULL);
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

struct run {
	uint64_t slba, nlb; /* 1's based */
};

/* figures 131, 132 */
static void expect(struct fx *f, uint8_t atype, uint8_t cmpc, const struct run *r, unsigned int n)
{
	assert_int_equal(get32(f->p), n);
	assert_int_equal(f->p[4], cmpc);
	assert_int_equal(f->p[5] | f->p[6] | f->p[7], 0);
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *e = f->p + 8 + i * 16;

		assert_int_equal(u64_at(e), r[i].slba);
		assert_int_equal((uint64_t)get32(e + 8) + 1, r[i].nlb);
		assert_int_equal(e[12], 0);
		assert_int_equal(e[13], atype == ALLOCATED ? 2 : 3);
		assert_int_equal(e[14] | e[15], 0);
	}
	assert_int_equal(f->p[8 + n * 16], 0xa5); /* not a byte more */
}

/* all of @atype in the namespace is @r */
static void all(struct fx *f, uint8_t atype, const struct run *r, unsigned int n)
{
	assert_int_equal(status_of(f, 1, atype, 0, 0, 1024), 0);
	expect(f, atype, COMPLETE, r, n);
}

static void uncorrectable(struct fx *f, uint32_t nsid, uint64_t slba, uint32_t nlb)
{
	struct drv_cmd cmd = rw_cmd(OP_WRITE_UNCOR, slba, nlb, 0);

	cmd.dw[1] = nsid;
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0);
}

static void write_blocks(struct fx *f, uint64_t slba, uint32_t nlb)
{
	assert_int_equal(rw(f->d, OP_WRITE, slba, nlb, 0, f->data, LBS), 0);
}

/* ---- errors --------------------------------------------------------------------------------- */

static void test_bad(void **state)
{
	struct fx f = setup_with(NULL);

	uncorrectable(&f, 1, 0, 4);
	for (unsigned int atype = 0; atype < 256; atype++)
		if (atype != ALLOCATED && atype != SCAN && atype != TRACKED)
			assert_int_equal(status_of(&f, 1, (uint8_t)atype, 0, 0, 64), ST_FIELD);
	assert_int_equal(status_of(&f, 1, TRACKED, NSZE, 0, 64), ST_RANGE);
	assert_int_equal(status_of(&f, 1, TRACKED, NSZE, 1, 64), ST_RANGE);
	assert_int_equal(status_of(&f, 1, TRACKED, UINT64_MAX, 0, 64), ST_RANGE);
	assert_int_equal(status_of(&f, 1, TRACKED, UINT64_MAX, 9, 64), ST_RANGE);
	assert_int_equal(status_of(&f, 1, ALLOCATED, NSZE - 9, 10, 64), ST_RANGE);
	assert_int_equal(status_of(&f, 0, TRACKED, 0, 0, 64), ST_NS);
	assert_int_equal(status_of(&f, 0xffffffff, TRACKED, 0, 0, 64), ST_NS);
	assert_int_equal(status_of(&f, 2, TRACKED, 0, 0, 64), ST_FIELD);
	assert_int_equal(status_of(&f, 1, TRACKED, 0, 0, (512u << 10) / 4), 0); /* MDTS */
	assert_int_equal(status_of(&f, 1, TRACKED, 0, 0, (512u << 10) / 4 + 1), ST_FIELD);
	drv_free(f.d);
}

static void test_identify(void **state)
{
	struct fx f = setup_with(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x06, [10] = 1 } };

	assert_int_equal(drv_admin(f.d, &cmd, f.buf, 4096, NULL), 0);
	assert_int_equal((f.p[256] | f.p[257] << 8) >> 9 & 1, 1); /* OACS */
	assert_int_equal(get32(f.p + 92) >> 13 & 1, 1);		  /* OAES */
	cmd.dw[10] = 6;
	assert_int_equal(drv_admin(f.d, &cmd, f.buf, 4096, NULL), 0);
	assert_int_equal(f.p[18] & 1, 1); /* AOCS: RALBAS */
	drv_free(f.d);
}

/* ---- the command ---------------------------------------------------------------------------- */

static void test_tracked(void **state)
{
	struct fx f = setup_with(NULL);

	for (unsigned int k = 0; k < 2; k++) {
		const uint8_t atype = k ? SCAN : TRACKED;
		const uint64_t at = k * 60000;

		if (!k)
			all(&f, atype, NULL, 0);
		write_blocks(&f, at, 100);
		uncorrectable(&f, 1, at + 10, 5);
		uncorrectable(&f, 1, at + 15, 7); /* consolidated */
		uncorrectable(&f, 1, at + 30, 1);
		uncorrectable(&f, 1, NSZE - 1, 1);
		all(&f, atype, (struct run[]){ { at + 10, 12 }, { at + 30, 1 }, { NSZE - 1, 1 } },
		    3);
		/* what was written again is no longer there */
		write_blocks(&f, at + 12, 2);
		write_blocks(&f, at + 30, 1);
		all(&f, atype, (struct run[]){ { at + 10, 2 }, { at + 14, 8 }, { NSZE - 1, 1 } },
		    3);
		/* in a range: clipped to it */
		assert_int_equal(status_of(&f, 1, atype, at + 11, 5, 64), 0);
		expect(&f, atype, COMPLETE, (struct run[]){ { at + 11, 1 }, { at + 14, 2 } }, 2);
		assert_int_equal(status_of(&f, 1, atype, at + 12, 2, 64), 0);
		expect(&f, atype, COMPLETE, NULL, 0);
		assert_int_equal(status_of(&f, 1, atype, at + 21, 0, 64), 0);
		expect(&f, atype, COMPLETE, (struct run[]){ { at + 21, 1 }, { NSZE - 1, 1 } }, 2);
		assert_int_equal(status_of(&f, 1, atype, at, 0xffff, 64), 0);
		assert_int_equal(f.p[4], COMPLETE);
		write_blocks(&f, at + 10, 12);
		write_blocks(&f, NSZE - 1, 1);
		all(&f, atype, NULL, 0);
	}
	drv_free(f.d);
}

/* MNDW: as many entries as fit, and whether that was all */
static void test_mndw(void **state)
{
	struct fx f = setup_with(NULL);
	struct run r[200];
	uint64_t slba = 0;
	unsigned int seen = 0;

	for (unsigned int i = 0; i < 200; i++) {
		r[i] = (struct run){ i * 50, 1 + i % 7 };
		uncorrectable(&f, 1, r[i].slba, (uint32_t)r[i].nlb);
	}
	for (unsigned int n = 0; n <= 200; n += 1 + n / 3) {
		for (unsigned int odd = 0; odd < 4; odd++) { /* no part of an entry */
			assert_int_equal(status_of(&f, 1, TRACKED, 0, 0, 2 + n * 4 + odd), 0);
			expect(&f, TRACKED, INCOMPLETE, r, n);
			if (n == 200)
				break;
		}
	}
	assert_int_equal(status_of(&f, 1, TRACKED, 0, 0, 2 + 200 * 4), 0);
	expect(&f, TRACKED, COMPLETE, r, 200);
	/* less than the header */
	assert_int_equal(status_of(&f, 1, TRACKED, 0, 0, 1), 0);
	assert_int_equal(get32(f.p), 0);
	assert_int_equal(f.p[4], 0xa5);
	/* the host goes on where it stopped */
	do {
		unsigned int n;

		assert_int_equal(status_of(&f, 1, TRACKED, slba, 0, 2 + 9 * 4), 0);
		n = get32(f.p);
		expect(&f, TRACKED, f.p[4], r + seen, n);
		seen += n;
		slba = r[seen - 1].slba + r[seen - 1].nlb;
	} while (f.p[4] == INCOMPLETE);
	assert_int_equal(seen, 200);
	drv_free(f.d);
}

static void test_allocated(void **state)
{
	struct fx f = setup_with(NULL);
	const struct run whole = { 0, NSZE };
	struct drv_cmd dsm = { .dw = { [0] = OP_DSM, [1] = 1, [11] = 4 } };
	uint32_t *range = drv_ptr(f.d, f.data);

	all(&f, ALLOCATED, NULL, 0);
	write_blocks(&f, 100, 64);
	write_blocks(&f, 164, 36);
	uncorrectable(&f, 1, 300, 2); /* it was written, too */
	all(&f, ALLOCATED, (struct run[]){ { 100, 100 }, { 300, 2 } }, 2);
	assert_int_equal(status_of(&f, 1, ALLOCATED, 150, 151, 64), 0);
	expect(&f, ALLOCATED, COMPLETE, (struct run[]){ { 150, 50 }, { 300, 1 } }, 2);
	range[1] = 10;
	range[2] = 120;
	assert_int_equal(drv_io(f.d, &dsm, f.data, 16, NULL), 0);
	all(&f, ALLOCATED, (struct run[]){ { 100, 20 }, { 130, 70 }, { 300, 2 } }, 3);
	for (uint64_t lba = 0; lba < NSZE; lba += 65536) /* zeroes that are not deallocated */
		assert_int_equal(rw(f.d, OP_WRITE_ZEROES, lba, 65536, 0, 0, LBS), 0);
	all(&f, ALLOCATED, &whole, 1);
	drv_free(f.d);
}

/* a large namespace with little in it is looked through without looking at all of it */
static void test_sparse(void **state)
{
	const uint64_t far = (1ull << 43) / LBS - 77;
	struct drv_params p;
	struct sim_msg msg;
	struct fx f;

	drv_params(&p);
	p.ns.store = store_null_new(1ull << 43, &msg); /* 8 TiB */
	assert_non_null(p.ns.store);
	f = setup_with(&p);
	all(&f, ALLOCATED, NULL, 0);
	write_blocks(&f, 1ull << 33, 3);
	uncorrectable(&f, 1, far, 9);
	for (unsigned int i = 0; i < 100; i++) {
		all(&f, ALLOCATED, (struct run[]){ { 1ull << 33, 3 }, { far, 9 } }, 2);
		all(&f, TRACKED, (struct run[]){ { far, 9 } }, 1);
	}
	drv_free(f.d);
	store_free(p.ns.store);
}

/* ---- the log page: figures 109 to 111 ------------------------------------------------------- */

static void read_log(struct fx *f, bool rae, uint32_t len, uint64_t off)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [1] = 0xffffffff,
				       [10] = (len / 4 - 1) << 16 | (uint32_t)rae << 15 | 0x0e,
				       [12] = (uint32_t)off } };

	memset(f->p, 0xa5, 16384);
	assert_int_equal(drv_admin(f->d, &cmd, f->buf, len, NULL), 0);
}

static unsigned int lsgc(struct fx *f)
{
	read_log(f, true, 16, 0);
	return f->p[14] | (unsigned int)f->p[15] << 8;
}

static void expect_header(struct fx *f, uint32_t len, uint32_t elements, uint32_t blocks)
{
	assert_int_equal(get32(f->p), len);
	assert_int_equal(get32(f->p + 4), elements);
	assert_int_equal(get32(f->p + 8), blocks);
	assert_int_equal(f->p[12] | f->p[13], 0);
}

static uint8_t *expect_element(uint8_t *e, uint32_t nsid, const struct run *r, uint32_t n)
{
	assert_int_equal(get32(e), nsid);
	assert_int_equal(get32(e + 4), n);
	assert_int_equal(e[8], TRACKED); /* RATYPE */
	for (unsigned int i = 9; i < 16; i++)
		assert_int_equal(e[i], 0);
	e += 16;
	for (uint32_t i = 0; r && i < n; i++, e += 16) {
		assert_int_equal(u64_at(e), r[i].slba);
		assert_int_equal((uint64_t)get32(e + 8) + 1, r[i].nlb);
		assert_int_equal(get32(e + 12), 0);
	}
	return e;
}

static struct sim_store *add_ns2(struct drv *d, uint64_t blocks)
{
	struct drv_params p;
	struct sim_msg msg;

	drv_params(&p);
	p.ns.nsid = 2;
	p.ns.store = store_ram_new(blocks * LBS, &msg);
	assert_int_equal(sim_ns_add(d->subsys, NULL, &p.ns, &msg), 2);
	return p.ns.store;
}

static void test_log(void **state)
{
	struct fx f = setup_with(NULL);
	struct sim_store *st = add_ns2(f.d, 65536);
	uint8_t *e;

	read_log(&f, false, 64, 0);
	expect_header(&f, 16, 0, 0);
	uncorrectable(&f, 2, 500, 3);
	uncorrectable(&f, 2, 100, 1);
	read_log(&f, false, 4096, 0);
	expect_header(&f, 16 + 16 + 2 * 16, 1, 4);
	e = expect_element(f.p + 16, 2, (struct run[]){ { 100, 1 }, { 500, 3 } }, 2);
	for (; e < f.p + 4096; e++)
		assert_int_equal(*e, 0);
	uncorrectable(&f, 1, 7, 8);
	read_log(&f, false, 4096, 0);
	expect_header(&f, 16 + 2 * 16 + 3 * 16, 2, 12);
	e = expect_element(f.p + 16, 1, (struct run[]){ { 7, 8 } }, 1);
	expect_element(e, 2, (struct run[]){ { 100, 1 }, { 500, 3 } }, 2);
	/* in pieces */
	read_log(&f, false, 16, 48);
	expect_element(f.p, 2, NULL, 2);
	write_blocks(&f, 7, 8);
	read_log(&f, false, 4096, 0);
	expect_header(&f, 16 + 16 + 2 * 16, 1, 4);
	drv_free(f.d);
	store_free(st);
}

/* once the host has begun to read with RAE set, the page stays as it is (5.2.1) */
static void test_log_stays(void **state)
{
	struct fx f = setup_with(NULL);

	uncorrectable(&f, 1, 7, 8);
	read_log(&f, true, 16, 0);
	expect_header(&f, 48, 1, 8);
	uncorrectable(&f, 1, 100, 1);
	write_blocks(&f, 7, 8);
	read_log(&f, true, 4096, 0);
	expect_header(&f, 48, 1, 8);
	expect_element(f.p + 16, 1, (struct run[]){ { 7, 8 } }, 1);
	read_log(&f, false, 4096, 0); /* the end of it */
	expect_header(&f, 48, 1, 8);
	read_log(&f, false, 4096, 0);
	expect_header(&f, 48, 1, 1);
	expect_element(f.p + 16, 1, (struct run[]){ { 100, 1 } }, 1);
	/* a reset is, too */
	read_log(&f, true, 16, 0);
	uncorrectable(&f, 1, 200, 2);
	drv_disable(f.d);
	drv_start(f.d);
	read_log(&f, false, 4096, 0);
	expect_header(&f, 64, 1, 3);
	drv_free(f.d);
}

/* more ranges than the page has room for: the host is to look at all of the namespace */
static void test_log_full(void **state)
{
	struct fx f = setup_with(NULL);
	struct sim_store *st = add_ns2(f.d, 65536);
	uint8_t *e;

	for (unsigned int i = 0; i < 1100; i++)
		uncorrectable(&f, 1, i * 3, 1);
	uncorrectable(&f, 2, 0, 1);
	read_log(&f, false, 16384, 0);
	expect_header(&f, 16 + 2 * 16 + 16, 2, 1101);
	e = expect_element(f.p + 16, 1, NULL, 0xffffffff);
	e = expect_element(e, 2, (struct run[]){ { 0, 1 } }, 1);
	for (; e < f.p + 16384; e++)
		assert_int_equal(*e, 0);
	drv_free(f.d);
	store_free(st);
}

/* the generation counter: incremented by what was not there, kept over power cycles */
static void test_generation(void **state)
{
	struct mem_journal j = { 0 };
	struct drv_params p;
	struct sim_msg msg;
	struct fx f;

	drv_params(&p);
	p.journal = memj_port(&j);
	p.ns.store = store_ram_new(p.ns_bytes, &msg);
	f = setup_with(&p);
	assert_int_equal(lsgc(&f), 0);
	read_log(&f, false, 16, 0);
	uncorrectable(&f, 1, 10, 5);
	assert_int_equal(lsgc(&f), 1);
	read_log(&f, false, 16, 0);
	uncorrectable(&f, 1, 11, 2); /* all of them were known */
	assert_int_equal(lsgc(&f), 1);
	read_log(&f, false, 16, 0);
	uncorrectable(&f, 1, 14, 2); /* one of them was not */
	assert_int_equal(lsgc(&f), 2);
	drv_free(f.d);
	f = setup_with(&p);
	assert_int_equal(lsgc(&f), 2);
	drv_free(f.d);
	store_free(p.ns.store);
	memj_free(&j);
}

/* ---- feature 15h ---------------------------------------------------------------------------- */

static uint16_t feature(struct fx *f, bool set, uint32_t sel, uint32_t cdw11, uint32_t *dw0)
{
	struct drv_cmd cmd = { .dw = { [0] = set ? 0x09 : 0x0a, [10] = sel << 8 | 0x15,
				       [11] = cdw11 } };
	struct drv_cqe cqe;
	uint16_t status = drv_admin(f->d, &cmd, 0, 0, &cqe);

	*dw0 = cqe.dw0;
	return status;
}

/* figure 99: the poll interval is the controller's, and the shortest report interval there is */
static void test_feature(void **state)
{
	struct fx f = setup_with(NULL);
	uint32_t dw0, lsipi;

	assert_int_equal(feature(&f, false, 0, 0, &dw0), 0);
	lsipi = dw0 >> 16;
	assert_int_equal(dw0 & 0xffff, lsipi); /* the default */
	assert_int_equal(feature(&f, true, 0, 0xffff0000 | (lsipi + 49), &dw0), 0);
	assert_int_equal(dw0, lsipi << 16 | (lsipi + 49));
	assert_int_equal(feature(&f, false, 0, 0, &dw0), 0);
	assert_int_equal(dw0, lsipi << 16 | (lsipi + 49));
	assert_int_equal(feature(&f, false, 1, 0, &dw0), 0);
	assert_int_equal(dw0, lsipi << 16 | lsipi);
	assert_int_equal(feature(&f, true, 0, 0, &dw0), 0);
	assert_int_equal(dw0, lsipi << 16 | lsipi);
	assert_int_equal(feature(&f, true, 0, 500, &dw0), 0);
	drv_disable(f.d);
	drv_start(f.d);
	assert_int_equal(feature(&f, false, 0, 0, &dw0), 0);
	assert_int_equal(dw0, lsipi << 16 | lsipi);
	drv_free(f.d);
}

/* ---- the event ------------------------------------------------------------------------------ */

#define MS 1000000ull

static void configure_events(struct fx *f, uint32_t bits)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x0b, [11] = bits } };

	assert_int_equal(drv_admin(f->d, &cmd, 0, 0, NULL), 0);
}

static void want_event(struct fx *f)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x0c } };

	drv_submit(f->d, &f->d->admin, &cmd);
}

static void no_event(struct fx *f)
{
	struct drv_cqe cqe;

	assert_false(drv_poll(f->d, &f->d->admin, &cqe));
}

static void event(struct fx *f)
{
	struct drv_cqe cqe;

	assert_true(drv_poll(f->d, &f->d->admin, &cqe));
	assert_int_equal(cqe.status, 0);
	assert_int_equal(cqe.dw0, 0x0e0502); /* LID, information, type: notice */
}

static void test_event(void **state)
{
	struct fx f = setup_with(NULL);
	uint32_t dw0;

	configure_events(&f, LBASIN);
	assert_int_equal(feature(&f, true, 0, 50, &dw0), 0); /* 5 s */
	read_log(&f, false, 16, 0);			      /* they begin now */
	want_event(&f);
	no_event(&f);
	uncorrectable(&f, 1, 0, 1);
	assert_true(f.d->armed <= f.d->now_ns + 5000 * MS);
	drv_advance(f.d, 4999 * MS);
	no_event(&f);
	drv_advance(f.d, 2 * MS);
	event(&f);

	/* not again before the log was read, and then only if there is more of it */
	want_event(&f);
	uncorrectable(&f, 1, 1, 1);
	drv_advance(f.d, 60000 * MS);
	no_event(&f);
	read_log(&f, true, 4096, 0);
	no_event(&f);
	read_log(&f, false, 16, 0);
	drv_advance(f.d, 60000 * MS);
	no_event(&f); /* the host has read of block 1 */
	uncorrectable(&f, 1, 2, 1);
	uncorrectable(&f, 1, 3, 1);
	drv_advance(f.d, 1);
	event(&f); /* one for both */

	/* what was written again before its time needs no event */
	read_log(&f, false, 16, 0);
	want_event(&f);
	write_blocks(&f, 0, 16);
	uncorrectable(&f, 1, 5, 1);
	write_blocks(&f, 5, 1);
	drv_advance(f.d, 6000 * MS);
	no_event(&f);
	drv_free(f.d);
}

static void test_event_enable(void **state)
{
	struct fx f = setup_with(NULL);
	struct drv_cqe cqe;

	want_event(&f);
	uncorrectable(&f, 1, 0, 1);
	drv_advance(f.d, 60000 * MS);
	no_event(&f); /* not enabled */
	{
		struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x0b, [11] = LBASIN } };

		drv_submit(f.d, &f.d->admin, &cmd);
	}
	assert_true(drv_poll(f.d, &f.d->admin, &cqe)); /* Set Features itself */
	assert_int_equal(cqe.status, 0);
	drv_advance(f.d, 1);
	event(&f);
	drv_free(f.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_identify),
		cmocka_unit_test(test_tracked),
		cmocka_unit_test(test_mndw),
		cmocka_unit_test(test_allocated),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_stays),
		cmocka_unit_test(test_log_full),
		cmocka_unit_test(test_generation),
		cmocka_unit_test(test_feature),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_event_enable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
