/* SPDX-License-Identifier: MIT */
/*
 * test_dptr.c - data pointers: PRPs, PRP lists, SGLs (NVMe Base 2.1, 4.3).
 *
 * Blocks are written through one pointer and read back through another; what the host sees in its
 * memory is what counts.
 */
#include "drv.h"

#define DATA_BLOCK 0x00
#define BIT_BUCKET 0x10
#define SEGMENT 0x20
#define LAST_SEGMENT 0x30
#define KEYED 0x40

struct fixture {
	struct drv *d;
	uint64_t src, dst; /* 512 KiB each, the source has a pattern, the medium too */
};

#define BUF (512u << 10)

static uint32_t pattern(size_t i)
{
	return (uint32_t)i * 2654435761u;
}

static void rw(struct drv_cmd *cmd, uint8_t opcode, uint64_t slba, uint32_t nlb)
{
	*cmd = (struct drv_cmd){
		.dw = { [0] = opcode, [1] = 1, [10] = (uint32_t)slba, [12] = nlb - 1 }
	};
}

static void dptr(struct drv_cmd *cmd, uint64_t a, uint64_t b)
{
	cmd->dw[6] = (uint32_t)a;
	cmd->dw[7] = (uint32_t)(a >> 32);
	cmd->dw[8] = (uint32_t)b;
	cmd->dw[9] = (uint32_t)(b >> 32);
}

static int setup(void **state)
{
	static struct fixture f;
	struct drv_cmd cmd;

	f.d = drv_new(NULL);
	drv_start(f.d);
	f.src = drv_alloc(f.d, BUF);
	f.dst = drv_alloc(f.d, BUF);
	for (size_t i = 0; i < BUF / 4; i++)
		((uint32_t *)drv_ptr(f.d, f.src))[i] = pattern(i);
	rw(&cmd, 0x01, 0, BUF / 512);
	assert_int_equal(drv_io(f.d, &cmd, f.src, BUF, NULL), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	drv_free(f->d);
	return 0;
}

/* Read @nlb blocks with the given data pointer; @flags go to byte 1 */
static uint16_t read_with(struct fixture *f, uint32_t nlb, uint8_t flags, uint64_t a, uint64_t b)
{
	struct drv_cmd cmd;

	rw(&cmd, 0x02, 0, nlb);
	cmd.dw[0] |= (uint32_t)flags << 8;
	dptr(&cmd, a, b);
	return drv_io(f->d, &cmd, 0, 0, NULL);
}

static void expect_bytes(struct fixture *f, uint64_t iova, size_t from, size_t len)
{
	assert_memory_equal(drv_ptr(f->d, iova), (uint8_t *)drv_ptr(f->d, f->src) + from, len);
}

static void expect_zero(struct fixture *f, uint64_t iova, size_t len)
{
	const uint8_t *p = drv_ptr(f->d, iova);

	for (size_t i = 0; i < len; i++)
		assert_int_equal(p[i], 0);
}

/* ---- PRPs --------------------------------------------------------------------------------- */

static void test_two_prps(void **state)
{
	struct fixture *f = *state;

	/* within a page, to its end, over its end */
	assert_int_equal(read_with(f, 1, 0, f->dst + 4, 0), 0);
	expect_bytes(f, f->dst + 4, 0, 512);
	expect_zero(f, f->dst + 4 + 512, 512);
	assert_int_equal(read_with(f, 1, 0, f->dst + 4096 - 512, 1), 0); /* PRP2 is not used */
	expect_bytes(f, f->dst + 4096 - 512, 0, 512);
	expect_zero(f, f->dst + 4096, 512);
	/* 500 bytes, then a page somewhere else */
	assert_int_equal(read_with(f, 8, 0, f->dst + 0x10000 - 500, f->dst + 0x20000), 0);
	expect_bytes(f, f->dst + 0x10000 - 500, 0, 500);
	expect_bytes(f, f->dst + 0x20000, 500, 4096 - 500);
	expect_zero(f, f->dst + 0x10000, 64);
	expect_zero(f, f->dst + 0x21000 - 500, 500);
}

/* a list of pages in reverse order, beginning at any entry of its page */
static void test_list(void **state)
{
	struct fixture *f = *state;

	for (unsigned int start = 0; start < 512; start = start < 300 ? start + 60 : start + 1) {
		const uint32_t pages = 20;
		uint64_t first = drv_alloc(f->d, 4096), list = first + start * 8;
		uint64_t *p = drv_ptr(f->d, first);
		uint32_t e = start;

		memset(drv_ptr(f->d, f->dst), 0, BUF);
		for (uint32_t i = 0; i < pages - 1; i++) {
			if (e == 511 && i < pages - 2) { /* last entry of the page: the next list */
				uint64_t next = drv_alloc(f->d, 4096);

				p[e] = next;
				p = drv_ptr(f->d, next);
				e = 0;
			}
			p[e++] = f->dst + (pages - 1 - i) * 8192;
		}
		assert_int_equal(read_with(f, pages * 8, 0, f->dst, list), 0);
		expect_bytes(f, f->dst, 0, 4096);
		for (uint32_t i = 0; i < pages - 1; i++) {
			expect_bytes(f, f->dst + (pages - 1 - i) * 8192, (i + 1) * 4096u, 4096);
			expect_zero(f, f->dst + (pages - 1 - i) * 8192 + 4096, 4096);
		}
	}
}

/* the largest transfer, unaligned: 129 pages; neighbours travel in one piece */
static void test_mdts(void **state)
{
	struct fixture *f = *state;
	struct drv_cmd cmd;
	unsigned int xfers;

	rw(&cmd, 0x02, 0, BUF / 512);
	f->dst = drv_alloc(f->d, BUF + 8192) + 512;
	xfers = f->d->xfers;
	assert_int_equal(drv_io(f->d, &cmd, f->dst, BUF, NULL), 0);
	expect_bytes(f, f->dst, 0, BUF);
	/* lists come in pieces, but the payload is few moves for 128 pages */
	assert_true(f->d->xfers - xfers < 16);

	rw(&cmd, 0x02, 0, BUF / 512 + 1);
	assert_int_equal(drv_io(f->d, &cmd, f->dst, BUF + 512, NULL), 0x002);
}

static void test_bad_prps(void **state)
{
	struct fixture *f = *state;
	uint64_t list = drv_alloc(f->d, 8192);
	uint64_t *p = drv_ptr(f->d, list);

	assert_int_equal(read_with(f, 1, 0, f->dst + 1, 0), 0x013);
	assert_int_equal(read_with(f, 1, 0, f->dst + 2, 0), 0x013);
	assert_int_equal(read_with(f, 16, 0, f->dst, f->dst + 0x1200), 0x013); /* PRP2, a page */
	assert_int_equal(read_with(f, 24, 0, f->dst, list + 4), 0x013); /* a list: by 8 */
	p[0] = f->dst + 0x1000;
	p[1] = f->dst + 0x2008;
	assert_int_equal(read_with(f, 24, 0, f->dst, list), 0x013); /* an entry with an offset */
	p[511] = list + 4096 + 64; /* a chained list with one */
	assert_int_equal(read_with(f, 32, 0, f->dst, list + 511 * 8), 0x013);

	/* memory that is not there: buffer, second page, list, chained list */
	assert_int_equal(read_with(f, 1, 0, 0, 0), 0x004);
	assert_int_equal(read_with(f, 1, 0, 0xfffffffffffff000, 0), 0x004);
	assert_int_equal(read_with(f, 16, 0, f->dst, 0x5000), 0x004);
	assert_int_equal(read_with(f, 24, 0, f->dst, 0x5000), 0x004);
	p[511] = 0x5000;
	assert_int_equal(read_with(f, 32, 0, f->dst, list + 511 * 8), 0x004);
	/* a list that leads to itself ends with the command's length */
	p[511] = list;
	for (unsigned int i = 0; i < 511; i++)
		p[i] = f->dst + 0x1000;
	assert_int_equal(read_with(f, BUF / 512, 0, f->dst, list + 511 * 8), 0);
}

/* CC.MPS above 0: pages are what the host said they are */
static void test_large_pages(void **state)
{
	struct drv *d = drv_new(NULL);
	uint64_t q = (drv_alloc(d, 5 << 16) + 0xffff) & ~0xffffull, buf;
	struct drv_cmd cmd;

	d->admin = (struct drv_queue){ .size = 32, .phase = 1 };
	d->admin.sq_iova = q;
	d->admin.cq_iova = q + 0x10000;
	drv_w32(d, 0x24, 0x001f001f);
	drv_w64(d, 0x28, q);
	drv_w64(d, 0x30, q + 0x10000);
	drv_w32(d, 0x14, 1 | 4 << 7 | 6 << 16 | 4 << 20); /* 64 KiB */
	assert_int_equal(drv_r32(d, 0x1c), 1);
	buf = q + 0x20000;

	cmd = (struct drv_cmd){ .dw = { [0] = 0x06, [10] = 1 } };
	dptr(&cmd, buf + 0xf000 - 4, 0); /* no page ends within */
	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0);
	assert_memory_equal((char *)drv_ptr(d, buf) + 0xf000 - 4 + 4, "deadbeef", 8);
	dptr(&cmd, buf + 0xfffc, buf + 0x11000);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0x013);
	dptr(&cmd, buf + 0xfffc, buf + 0x10000);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0);
	assert_memory_equal(drv_ptr(d, buf + 0x10000), "deadbeef", 8);
	drv_free(d);
}

/* ---- SGLs --------------------------------------------------------------------------------- */

#define SGL 0x40 /* PSDT 01b */

static uint64_t desc(uint8_t type, uint32_t len)
{
	return (uint64_t)type << 56 | len;
}

/* writes descriptors at @at. Return: @at */
static uint64_t segment(struct fixture *f, uint64_t at, const uint64_t (*descs)[2], unsigned int n)
{
	memcpy(drv_ptr(f->d, at), descs, n * 16u);
	return at;
}

static void test_sgl_block(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_with(f, 8, SGL, f->dst + 3, desc(DATA_BLOCK, 4096)), 0);
	expect_bytes(f, f->dst + 3, 0, 4096);
	assert_int_equal(read_with(f, 8, 0x80, f->dst + 8192, desc(DATA_BLOCK, 4096)), 0); /* 10b */
	expect_bytes(f, f->dst + 8192, 0, 4096);
	assert_int_equal(read_with(f, 8, 0xc0, f->dst, desc(DATA_BLOCK, 4096)), 0x002);

	assert_int_equal(read_with(f, 8, SGL, f->dst, desc(DATA_BLOCK, 4095)), 0x00f);
	/* longer than the command: no error, and no byte more than it has (SGLS bit 18) */
	memset(drv_ptr(f->d, f->dst), 0, BUF);
	assert_int_equal(read_with(f, 8, SGL, f->dst, desc(DATA_BLOCK, 8192)), 0);
	expect_bytes(f, f->dst, 0, 4096);
	expect_zero(f, f->dst + 4096, 4096);
	assert_int_equal(read_with(f, 8, SGL, f->dst, desc(DATA_BLOCK, 0)), 0x00f);
	assert_int_equal(read_with(f, 8, SGL, f->dst, desc(BIT_BUCKET, 4096)), 0x011);
	assert_int_equal(read_with(f, 8, SGL, f->dst, desc(KEYED, 4096)), 0x011);
	assert_int_equal(read_with(f, 8, SGL, f->dst, desc(DATA_BLOCK | 1, 4096)), 0x011);
	assert_int_equal(read_with(f, 8, SGL, f->dst, desc(0xf0, 4096)), 0x011);
	assert_int_equal(read_with(f, 8, SGL, 0x5000, desc(DATA_BLOCK, 4096)), 0x004);
}

static void test_sgl_segments(void **state)
{
	struct fixture *f = *state;
	uint64_t a = drv_alloc(f->d, 8192), b = a + 4096 + 32;
	const uint64_t last[][2] = {
		{ f->dst + 0x10001, desc(DATA_BLOCK, 1000) },
		{ 0, desc(DATA_BLOCK, 0) },
		{ f->dst + 0x20000, desc(DATA_BLOCK, 3096) },
	};
	const uint64_t first[][2] = {
		{ f->dst, desc(DATA_BLOCK, 96) },
		{ f->dst + 96, desc(DATA_BLOCK, 4000) },
		{ b, desc(LAST_SEGMENT, 48) },
	};

	segment(f, a, first, 3);
	segment(f, b, last, 3);
	assert_int_equal(read_with(f, 16, SGL, a, desc(SEGMENT, 48)), 0);
	expect_bytes(f, f->dst, 0, 4096);
	expect_bytes(f, f->dst + 0x10001, 4096, 1000);
	expect_bytes(f, f->dst + 0x20000, 5096, 3096);
	expect_zero(f, f->dst + 0x20000 + 3096, 1000);

	memset(drv_ptr(f->d, f->dst), 0, BUF);
	assert_int_equal(read_with(f, 8, SGL, b, desc(LAST_SEGMENT, 48)), 0);
	expect_bytes(f, f->dst + 0x20000, 1000, 3096);
}

/* many descriptors: more than are fetched at a time, over several segments */
static void test_sgl_long(void **state)
{
	struct fixture *f = *state;
	uint64_t at = drv_alloc(f->d, 64 << 10);
	uint64_t (*d)[2] = drv_ptr(f->d, at);
	const unsigned int n = 1024; /* of 64 bytes each, every second piece of memory */
	unsigned int pos = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (i && i % 99 == 0) { /* the segment's hundredth */
			d[pos][0] = at + (pos + 1) * 16u;
			d[pos++][1] = i + 99 < n ? desc(SEGMENT, 100 * 16)
						 : desc(LAST_SEGMENT, (n - i) * 16);
		}
		d[pos][0] = f->dst + i * 128u;
		d[pos++][1] = desc(DATA_BLOCK, 64);
	}
	assert_int_equal(read_with(f, n * 64 / 512, SGL, at, desc(SEGMENT, 100 * 16)), 0);
	for (unsigned int i = 0; i < n; i++) {
		expect_bytes(f, f->dst + i * 128u, i * 64u, 64);
		expect_zero(f, f->dst + i * 128u + 64, 64);
	}
}

static uint16_t read_list(struct fixture *f, uint8_t type, const uint64_t (*descs)[2],
			  unsigned int n)
{
	return read_with(f, 8, SGL, segment(f, drv_alloc(f->d, 4096), descs, n),
			 desc(type, n * 16));
}

static void test_bad_sgls(void **state)
{
	struct fixture *f = *state;
	const uint64_t half = desc(DATA_BLOCK, 2048), whole = desc(DATA_BLOCK, 4096);
	const uint64_t dst = f->dst;
	uint64_t a = drv_alloc(f->d, 4096);

	/* lengths of segments */
	assert_int_equal(read_with(f, 8, SGL, a, desc(SEGMENT, 0)), 0x00d);
	assert_int_equal(read_with(f, 8, SGL, a, desc(LAST_SEGMENT, 24)), 0x00d);
	assert_int_equal(read_with(f, 8, SGL, 0x5000, desc(LAST_SEGMENT, 16)), 0x004);
	/* a segment that is not the last must lead on, the last one must not, none in its middle */
	assert_int_equal(read_list(f, SEGMENT, (const uint64_t[][2]){ { dst, whole } }, 1), 0x00d);
	assert_int_equal(read_list(f, LAST_SEGMENT, (const uint64_t[][2]){
		{ dst, half }, { a, desc(LAST_SEGMENT, 16) } }, 2), 0x00d);
	assert_int_equal(read_list(f, LAST_SEGMENT, (const uint64_t[][2]){
		{ a, desc(SEGMENT, 16) }, { dst, half } }, 2), 0x00d);
	assert_int_equal(read_list(f, SEGMENT, (const uint64_t[][2]){
		{ dst, half }, { a, desc(SEGMENT, 16) }, { a, desc(LAST_SEGMENT, 16) } }, 3),
			 0x00e);
	/* too short, or of a wrong type: no byte was moved */
	memset(drv_ptr(f->d, dst), 0, 8192);
	assert_int_equal(read_list(f, LAST_SEGMENT, (const uint64_t[][2]){
		{ dst, half }, { dst + 2048, desc(DATA_BLOCK, 2047) } }, 2), 0x00f);
	assert_int_equal(read_list(f, LAST_SEGMENT, (const uint64_t[][2]){
		{ dst, half }, { dst + 2048, desc(BIT_BUCKET, 2048) } }, 2), 0x011);
	expect_zero(f, dst, 8192);
	/* what follows the last byte is not looked at */
	assert_int_equal(read_list(f, LAST_SEGMENT, (const uint64_t[][2]){
		{ dst, half }, { dst + 2048, half }, { dst + 8192, desc(DATA_BLOCK, 1) } }, 3), 0);
	expect_bytes(f, dst, 0, 4096);
	expect_zero(f, dst + 8192, 1);
	/* a hole at the end is found when it is reached */
	assert_int_equal(read_list(f, LAST_SEGMENT, (const uint64_t[][2]){
		{ dst, half }, { 0x5000, half } }, 2), 0x004);
}

/* descriptors without end: the walk has one */
static void test_circular_sgl(void **state)
{
	struct fixture *f = *state;
	uint64_t at = drv_alloc(f->d, 4096);
	const uint64_t self[][2] = { { at, desc(SEGMENT, 16) } };
	const uint64_t empty[][2] = { { f->dst, desc(DATA_BLOCK, 0) }, { at, desc(SEGMENT, 32) } };

	assert_int_equal(read_with(f, 8, SGL, segment(f, at, self, 1), desc(SEGMENT, 16)), 0x00e);
	assert_int_equal(read_with(f, 8, SGL, segment(f, at, empty, 2), desc(SEGMENT, 32)), 0x00e);
}

/* a failed write leaves the medium as it was */
static void test_write_bad_sgl(void **state)
{
	struct fixture *f = *state;
	struct drv_cmd cmd;

	rw(&cmd, 0x01, 0, 8);
	cmd.dw[0] |= SGL << 8;
	dptr(&cmd, f->dst, desc(DATA_BLOCK, 4000));
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0x00f);
	assert_int_equal(read_with(f, 8, 0, f->dst, 0), 0);
	expect_bytes(f, f->dst, 0, 4096);
}

/* admin commands have no SGLs over PCIe */
static void test_admin_sgl(void **state)
{
	struct fixture *f = *state;
	struct drv_cmd cmd = { .dw = { [0] = 0x06 | SGL << 8, [10] = 1 } };

	dptr(&cmd, f->dst, desc(DATA_BLOCK, 4096));
	assert_int_equal(drv_exec(f->d, &f->d->admin, &cmd, NULL), 0x002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_two_prps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mdts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_prps, setup, teardown),
		cmocka_unit_test(test_large_pages),
		cmocka_unit_test_setup_teardown(test_sgl_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sgl_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sgl_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_sgls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_circular_sgl, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_bad_sgl, setup, teardown),
		cmocka_unit_test_setup_teardown(test_admin_sgl, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
