/* SPDX-License-Identifier: MIT */
/*
 * test_window.c - the client's memory as the device sees it: lengths that lie, pieces, memory that
 * is not there, and addresses that mean nothing.
 */
#include "fx.h"

#define OPC_WRITE 1
#define OPC_READ 2
#define INVALID_FIELD 0x002
#define DATA_TRANSFER_ERROR 0x004

static void fill(struct fx *f, uint64_t addr, size_t len, unsigned int seed)
{
	uint8_t *p = fx_ptr(f, addr);
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 31 + i / 251);
}

static void transfer_sizes(void **state)
{
	/* in blocks: less than a page, a page, PRP 2 a page, PRP 2 a list, MDTS (512 KiB) */
	static const uint32_t blocks[] = { 1, 7, 8, 9, 16, 17, 24, 128, 129, 1024 };
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 520 << 10), b = fx_alloc(f, 520 << 10);
	unsigned int i, off;

	for (i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		for (off = 0; off < 5000; off += 1237) { /* any alignment in the client */
			uint32_t len = blocks[i] * FX_BLOCK;

			fill(f, a + off, len, i + off);
			memset(fx_ptr(f, b), 0, len + 8192);
			assert_int_equal(fx_rw(f, OPC_WRITE, 3, blocks[i], a + off, len), 0);
			assert_int_equal(fx_rw(f, OPC_READ, 3, blocks[i], b + off, len), 0);
			assert_memory_equal(fx_ptr(f, a + off), fx_ptr(f, b + off), len);
			assert_int_equal(*((uint8_t *)fx_ptr(f, b + off) + len), 0);
		}
	}
}

/* one accessor call moves a whole transfer, however many PRP entries it takes */
static void gathered(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 128 << 10);

	f->client.reads = f->client.writes = 0;
	assert_int_equal(fx_rw(f, OPC_WRITE, 0, 256, a, 128 << 10), 0);
	assert_int_equal(f->client.reads, 2); /* the structure, the data */
	assert_int_equal(f->client.writes, 0);
	assert_int_equal(fx_rw(f, OPC_READ, 0, 256, a, 128 << 10), 0);
	assert_int_equal(f->client.writes, 1);
}

static void beyond_mdts(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 3 << 20);

	fill(f, a, 520 << 10, 1);
	assert_int_equal(SC(fx_rw(f, OPC_WRITE, 0, 1025, a, 1025 * FX_BLOCK)), INVALID_FIELD);
	/* more than a page of PRP list reaches: still the controller's to refuse */
	assert_int_equal(SC(fx_rw(f, OPC_WRITE, 0, 6144, a, 3 << 20)), INVALID_FIELD);
	/* nothing was written */
	assert_int_equal(fx_rw(f, OPC_READ, 0, 1, a, FX_BLOCK), 0);
	assert_int_equal(*(uint8_t *)fx_ptr(f, a), 0);
	assert_int_equal(*((uint8_t *)fx_ptr(f, a) + 511), 0);
}

/* NLB says more than the buffer has: no byte beyond it is touched, whatever the sizes */
static void count_beyond_buffer(void **state)
{
	static const struct {
		uint32_t blocks, len;
	} lies[] = {
		{ 8, 512 },	{ 9, 4096 },   { 17, 4096 },   { 256, 4096 }, { 12, 5000 },
		{ 16, 4608 },	{ 17, 8192 },  { 300, 8192 },  { 64, 8704 },  { 1024, 12288 },
		{ 1024, 4 },
	};
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 1 << 20);
	uint8_t *p = fx_ptr(f, a);
	unsigned int i;
	size_t j;

	fill(f, a, 512 << 10, 3);
	assert_int_equal(fx_rw(f, OPC_WRITE, 0, 1024, a, 512 << 10), 0);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		long ret;

		memset(p, 0xee, 1 << 20);
		ret = fx_rw(f, OPC_READ, 0, lies[i].blocks, a, lies[i].len);
		assert_true(ret > 0); /* an NVMe status, not an errno */
		for (j = lies[i].len; j < 1 << 20; j++)
			assert_int_equal(p[j], 0xee);
		/* the other way round, the device reads nothing the client did not name */
		ret = fx_rw(f, OPC_WRITE, 2048, lies[i].blocks, a, lies[i].len);
		assert_true(ret > 0);
		assert_int_equal(fx_identify(f), 0);
	}
}

/* NLB says less than the buffer has: the client's business, and what is moved is right */
static void count_within_buffer(void **state)
{
	static const struct {
		uint32_t blocks, len;
	} cases[] = {
		{ 1, 4096 }, { 1, 8192 }, { 8, 8192 }, { 8, 65536 }, { 9, 8192 }, { 20, 65536 },
	};
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 65536), b = fx_alloc(f, 65536);
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t moved = cases[i].blocks * FX_BLOCK;

		fill(f, a, 65536, i);
		memset(fx_ptr(f, b), 0xee, 65536);
		assert_int_equal(fx_rw(f, OPC_WRITE, 5, cases[i].blocks, a, moved), 0);
		assert_int_equal(fx_rw(f, OPC_READ, 5, cases[i].blocks, b, cases[i].len), 0);
		assert_memory_equal(fx_ptr(f, a), fx_ptr(f, b), moved);
		if (moved < cases[i].len)
			assert_int_equal(*((uint8_t *)fx_ptr(f, b) + moved), 0xee);
		/* to the device a two-page command with a longer buffer may be refused, but what
		 * is not refused has to be right */
		fill(f, a, 65536, i + 100);
		if (!fx_rw(f, OPC_WRITE, 5, cases[i].blocks, a, cases[i].len)) {
			assert_int_equal(fx_rw(f, OPC_READ, 5, cases[i].blocks, b, moved), 0);
			assert_memory_equal(fx_ptr(f, a), fx_ptr(f, b), moved);
		}
	}
}

/* NUMD of Get Log Page is no better */
static void numd_lies(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 65536);
	struct nvme_passthru_cmd cmd = {
		.opcode = 0x02, .nsid = 0xffffffff, .addr = a, .data_len = 512, .cdw10 = 0xffff0002,
		.cdw11 = 0xffff };
	uint8_t *p = fx_ptr(f, a);
	unsigned int i;

	memset(p, 0xee, 65536);
	assert_true(fx_admin(f, &cmd) > 0);
	for (i = 512; i < 65536; i++)
		assert_int_equal(p[i], 0xee);
	/* as nvme-cli 2.13 does for a log of size 0: no length, NUMD all ones */
	cmd.data_len = 0;
	assert_int_not_equal(fx_admin(f, &cmd), 0);
	assert_int_equal(p[512], 0xee);
}

static void no_buffer(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 4096);
	struct nvme_passthru_cmd cmd = { .opcode = 0x06, .cdw10 = 1, .data_len = 4096 };
	unsigned int i;

	assert_int_equal(fx_admin(f, &cmd), -EFAULT); /* NULL */
	cmd.addr = a;
	cmd.data_len = 0;
	assert_int_equal(fx_admin(f, &cmd), -EFAULT);
	for (i = 1; i <= 32; i += 5) {
		assert_int_equal(fx_rw(f, OPC_READ, 0, i, 0, i * FX_BLOCK), -EFAULT);
		assert_int_equal(fx_rw(f, OPC_WRITE, 0, i, a, 0), -EFAULT);
	}
	/* a command that needs none does not care */
	cmd = (struct nvme_passthru_cmd){
		.opcode = 0x00, .nsid = 1, .addr = 0x10, .data_len = 512 };
	assert_int_equal(fx_io(f, 1, &cmd), 0);
	assert_int_equal(fx_identify(f), 0);
}

static void unmapped(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 65536);

	f->client.hole = a + 8192;
	f->client.hole_end = a + 12288;
	assert_int_equal(fx_rw(f, OPC_WRITE, 0, 16, a, 8192), 0);
	assert_int_equal(fx_rw(f, OPC_WRITE, 0, 17, a, 17 * FX_BLOCK), -EFAULT);
	assert_int_equal(fx_rw(f, OPC_READ, 0, 128, a, 65536), -EFAULT);
	assert_int_equal(fx_rw(f, OPC_READ, 0, 1, a + 8192 - 511, FX_BLOCK), -EFAULT);
	assert_int_equal(fx_rw(f, OPC_READ, 0, 1, 0x10, FX_BLOCK), -EFAULT);
	assert_int_equal(fx_rw(f, OPC_READ, 0, 1, UINT64_MAX - 100, FX_BLOCK), -EFAULT);
	assert_int_equal(fx_identify(f), 0);
}

/* direction is the opcode's bit 0; a buffer of the wrong direction is no buffer */
static void direction(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 4096);

	f->client.reads = f->client.writes = 0;
	fill(f, a, 4096, 9);
	assert_int_equal(fx_rw(f, 5 /* Compare */, 0, 8, a, 4096) & 0x7ff, 0x285);
	assert_int_equal(f->client.writes, 0);
}

static void vectored(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 65536), b = fx_alloc(f, 65536), vec = fx_alloc(f, 32768);
	struct nvme_passthru_cmd64 cmd = { .opcode = OPC_WRITE, .nsid = 1, .addr = vec,
					   .vec_cnt = 3, .cdw12 = 15 }, *c;
	struct iovec *v = fx_ptr(f, vec);
	uint64_t arg = fx_put(f, &cmd, sizeof(cmd));
	uint8_t *pa = fx_ptr(f, a), *pb = fx_ptr(f, b);
	unsigned int i;

	c = fx_ptr(f, arg);
	fill(f, a, 65536, 5);
	/* 8192 bytes in odd pieces, one of them empty */
	v[0] = (struct iovec){ (void *)(uintptr_t)(a + 20000), 13 };
	v[1] = (struct iovec){ (void *)(uintptr_t)(a + 40000), 0 };
	v[2] = (struct iovec){ (void *)(uintptr_t)(a + 1001), 8179 };
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg), 0);
	assert_int_equal(fx_rw(f, OPC_READ, 0, 16, b, 8192), 0);
	assert_memory_equal(pb, pa + 20000, 13);
	assert_memory_equal(pb + 13, pa + 1001, 8179);

	/* read back through 1024 pieces of 8 bytes, scattered */
	c->opcode = OPC_READ;
	c->vec_cnt = 1024;
	for (i = 0; i < 1024; i++)
		v[i] = (struct iovec){ (void *)(uintptr_t)(b + (i * 37 % 1024) * 16), 8 };
	memset(pb, 0, 65536);
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg), 0);
	for (i = 0; i < 1024; i++) {
		uint8_t expect[8];
		unsigned int j;

		for (j = 0; j < 8; j++)
			expect[j] = i * 8 + j < 13 ? pa[20000 + i * 8 + j]
						   : pa[1001 + i * 8 + j - 13];
		assert_memory_equal(pb + (i * 37 % 1024) * 16, expect, 8);
		assert_int_equal(pb[(i * 37 % 1024) * 16 + 8], 0);
	}

	c->vec_cnt = 1025;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg), -EINVAL);
	c->vec_cnt = 2;
	c->addr = 0x10; /* the array itself */
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg), -EFAULT);
	c->addr = vec;
	v[0] = (struct iovec){ (void *)0x10, 8192 }; /* what it points to */
	v[1].iov_len = 0;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg), -EFAULT);
	v[0].iov_len = SIZE_MAX;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg), -EINVAL);
	/* less than the command moves: stays inside */
	v[0] = (struct iovec){ (void *)(uintptr_t)b, 512 };
	v[1] = (struct iovec){ (void *)(uintptr_t)(b + 4096), 512 };
	memset(pb, 0xee, 65536);
	assert_true(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg) > 0);
	assert_int_equal(pb[512], 0xee);
	assert_int_equal(pb[4608], 0xee);
	assert_int_equal(fx_identify(f), 0);
}

static void vectored_compat(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 4096), b = fx_alloc(f, 4096), vec = fx_alloc(f, 4096);
	struct nvme_passthru_cmd64 cmd = { .opcode = OPC_WRITE, .nsid = 1, .addr = vec,
					   .vec_cnt = 3 };
	uint32_t narrow[3][2] = { { (uint32_t)a, 100 }, { (uint32_t)a + 300, 112 },
				  { (uint32_t)a + 1000, 300 } };

	fill(f, a, 4096, 8);
	memcpy(fx_ptr(f, vec), narrow, sizeof(narrow));
	f->client.cl.compat = true;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD_VEC, fx_put(f, &cmd, sizeof(cmd))), 0);
	assert_int_equal(fx_rw(f, OPC_READ, 0, 1, b, 512), 0);
	assert_memory_equal(fx_ptr(f, b), fx_ptr(f, a), 100);
	assert_memory_equal(fx_ptr(f, b + 100), fx_ptr(f, a + 300), 112);
	assert_memory_equal(fx_ptr(f, b + 212), fx_ptr(f, a + 1000), 300);
}

/* the device's bus: what is no window and no memory of the driver's is not there */
static void bus_addresses(void **state)
{
	static const uint64_t nowhere[] = {
		0, 4096, 0x100000000ull - 1, 1ull << 40, 1ull << 63, 1ull << 63 | 1ull << 33,
		3ull << 61, 7ull << 61, UINT64_MAX, UINT64_MAX - 4095,
		1ull << 63 | 77ull << 45 /* no such queue */, 1ull << 63 | 4000ull << 33,
	};
	struct fx *f = *state;
	uint8_t buf[8192];
	struct sim_dma_vec vec = { .buf = buf, .len = 64 };
	unsigned int i;

	for (i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		vec.iova = nowhere[i];
		assert_int_equal(f->dma.xfer(f->dma.opaque, SIM_DMA_READ, &vec, 1), SIM_EFAULT);
		assert_int_equal(f->dma.xfer(f->dma.opaque, SIM_DMA_WRITE, &vec, 1), SIM_EFAULT);
		assert_null(f->dma.map(f->dma.opaque, nowhere[i], 64));
	}
	/* the driver's memory ends somewhere, and queues are not to be had this way */
	vec.iova = 0x100000000ull;
	assert_int_equal(f->dma.xfer(f->dma.opaque, SIM_DMA_READ, &vec, 1), 0);
	vec.iova = 0x100000000ull + 16384 - 32;
	assert_int_equal(f->dma.xfer(f->dma.opaque, SIM_DMA_WRITE, &vec, 1), SIM_EFAULT);
	vec.iova = 0x100000000ull + 16384;
	assert_int_equal(f->dma.xfer(f->dma.opaque, SIM_DMA_WRITE, &vec, 1), SIM_EFAULT);
	assert_non_null(f->dma.map(f->dma.opaque, 0x100000000ull + 16384, 4096));
	assert_null(f->dma.map(f->dma.opaque, 0x100000000ull + 16384, 1ull << 40));
}

/* a controller that takes an SGL longer than the command gets SGLs, on the I/O queues */
static int sgl_setup(void **state)
{
	static const struct fx_params p = { .sgl = true };
	struct fx *f = fx_new(&p);

	*state = f;
	return 0;
}

static void sgl_lies(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 65536);
	uint8_t *p = fx_ptr(f, a);

	memset(p, 0xee, 65536);
	/* SGL length invalid: what the length is, the controller has from the driver */
	assert_int_equal(SC(fx_rw(f, OPC_READ, 0, 16, a, 512)), 0x00f);
	assert_int_equal(p[0], 0xee);
	assert_int_equal(SC(fx_rw(f, OPC_WRITE, 0, 128, a, 8192)), 0x00f);
	/* without a buffer PRPs still find out that one is needed */
	assert_int_equal(fx_rw(f, OPC_READ, 0, 16, 0, 8192), -EFAULT);
	assert_int_equal(fx_identify(f), 0); /* the admin queue has PRPs */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(transfer_sizes, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(transfer_sizes, sgl_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(vectored, sgl_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(unmapped, sgl_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(no_buffer, sgl_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(sgl_lies, sgl_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(gathered, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(beyond_mdts, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(count_beyond_buffer, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(count_within_buffer, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(numd_lies, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(no_buffer, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(unmapped, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(direction, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(vectored, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(vectored_compat, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(bus_addresses, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
