/* SPDX-License-Identifier: MIT */
/*
 * test_meta.c - separate metadata and protection information through the ring: a namespace of
 * 512-byte blocks with 8 bytes of metadata, protection type 1 (NVM Command Set 1.1, 5.3)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ur.h"

#define PRACT	    (1u << 29)
#define PRCHK_GUARD (1u << 28)
#define PRCHK_REF   (1u << 26)
#define BLOCKS	    8u

/* x^16 + x^15 + x^11 + x^9 + x^8 + x^7 + x^5 + x^4 + x^2 + x + 1, bit by bit: the specification's
 * polynomial 18BB7h */
static uint16_t crc(const uint8_t *p, size_t len)
{
	uint16_t c = 0;

	while (len--) {
		c ^= (uint16_t)(*p++ << 8);
		for (int i = 0; i < 8; i++)
			c = (uint16_t)(c & 0x8000 ? c << 1 ^ 0x8bb7 : c << 1);
	}
	return c;
}

static uint32_t nsid;

static struct nvme_uring_cmd rw_md(uint8_t opcode, uint32_t slba, void *buf, void *md,
				   uint32_t dw12)
{
	struct nvme_uring_cmd cmd = ur_rw(opcode, slba, BLOCKS, buf);

	cmd.nsid = nsid;
	cmd.metadata = (uintptr_t)md;
	cmd.metadata_len = md ? BLOCKS * 8 : 0;
	cmd.cdw12 |= dw12;
	cmd.cdw14 = slba; /* the first block's reference tag */
	return cmd;
}

/* guard, application tag, reference tag: 16, 16 and 32 bits, big endian */
static void protect(uint8_t *md, const uint8_t *data, uint32_t slba)
{
	for (uint32_t i = 0; i < BLOCKS; i++, md += 8, data += UR_LBA) {
		uint16_t g = crc(data, UR_LBA);
		uint32_t ref = slba + i;

		memcpy(md,
		       (uint8_t[]){(uint8_t)(g >> 8), (uint8_t)g, 0, 0, (uint8_t)(ref >> 24),
				   (uint8_t)(ref >> 16), (uint8_t)(ref >> 8), (uint8_t)ref},
		       8);
	}
}

static int32_t run(struct io_uring *r, int fd, struct nvme_uring_cmd cmd)
{
	ur_cmd(r, fd, NVME_URING_CMD_IO, cmd, 1);
	return ur_one(r);
}

static void test_transfer(void **state)
{
	int ns = ur_open(ur.meta, O_RDWR);
	uint8_t *out = ur_pages(1), *in = ur_pages(1), *md = ur_pages(1), *got = ur_pages(1);
	struct io_uring r;

	ur_init(&r, 8, 0);
	ur_fill(out, 4096, 5);
	protect(md, out, 64);
	assert_int_equal(run(&r, ns, rw_md(UR_WRITE, 64, out, md, PRCHK_GUARD | PRCHK_REF)), 0);
	assert_int_equal(run(&r, ns, rw_md(UR_READ, 64, in, got, PRCHK_GUARD | PRCHK_REF)), 0);
	assert_memory_equal(in, out, 4096);
	assert_memory_equal(got, md, BLOCKS * 8);
	/* the drive inserts it, and gives back the same */
	memset(got, 0, 4096);
	assert_int_equal(
		run(&r, ns, rw_md(UR_WRITE, 64, out, NULL, PRACT | PRCHK_GUARD | PRCHK_REF)), 0);
	assert_int_equal(run(&r, ns, rw_md(UR_READ, 64, in, got, PRCHK_GUARD | PRCHK_REF)), 0);
	assert_memory_equal(got, md, BLOCKS * 8);
	/* and strips it */
	memset(in, 0, 4096);
	assert_int_equal(run(&r, ns, rw_md(UR_READ, 64, in, NULL, PRACT | PRCHK_GUARD | PRCHK_REF)),
			 0);
	assert_memory_equal(in, out, 4096);
	ur_exit(&r);
	close(ns);
}

static void test_errors(void **state)
{
	int ns = ur_open(ur.meta, O_RDWR);
	uint8_t *out = ur_pages(1), *md = ur_pages(1);
	struct nvme_uring_cmd cmd;
	struct io_uring r;

	ur_init(&r, 8, 0);
	ur_fill(out, 4096, 6);
	protect(md, out, 128);
	md[3 * 8] ^= 1;
	assert_int_equal(
		run(&r, ns, rw_md(UR_WRITE, 128, out, md, PRCHK_GUARD | PRCHK_REF)) & 0x7ff, 0x282);
	protect(md, out, 129);
	assert_int_equal(run(&r, ns, rw_md(UR_WRITE, 128, out, md, PRCHK_REF)) & 0x7ff, 0x284);
	protect(md, out, 128);
	/* for that command alone */
	assert_int_equal(run(&r, ns, rw_md(UR_WRITE, 128, out, md, PRCHK_GUARD | PRCHK_REF)), 0);
	/* metadata that cannot be reached */
	cmd = rw_md(UR_WRITE, 128, out, md, 0);
	cmd.metadata = 0x1000;
	assert_int_equal(run(&r, ns, cmd), -EFAULT);
	ur_exit(&r);
	close(ns);
}

/* with vectors, fixed buffers, from a thread that polls */
static void test_ways(void **state)
{
	int ns = ur_open(ur.meta, O_RDWR);
	uint8_t *buf = ur_pages(3), *md = ur_pages(1);

	ur_fill(buf, 4096, 7);
	protect(md, buf, 256);
	for (unsigned int way = 0; way < 8; way++) {
		struct iovec whole = {buf, 3 * 4096};
		struct iovec part[2] = {{buf + 4096, 1000}, {buf + 2 * 4096, 3096}};
		struct nvme_uring_cmd cmd = rw_md(UR_WRITE, 256, buf, md, PRCHK_GUARD | PRCHK_REF);
		struct io_uring_sqe *sqe;
		struct io_uring r;

		ur_init(&r, 8, way & 4 ? IORING_SETUP_SQPOLL : 0);
		assert_int_equal(io_uring_register_buffers(&r, &whole, 1), 0);
		sqe = ur_cmd(&r, ns, NVME_URING_CMD_IO, cmd, 1);
		sqe->uring_cmd_flags = way & 2 ? IORING_URING_CMD_FIXED : 0;
		assert_int_equal(ur_one(&r), 0);
		memset(buf + 4096, 0, 8192);
		cmd = rw_md(UR_READ, 256, buf + 4096, md + 2048, PRCHK_GUARD | PRCHK_REF);
		if (way & 1) {
			cmd.addr = (uintptr_t)part;
			cmd.data_len = 2;
		}
		sqe = ur_cmd(&r, ns, way & 1 ? NVME_URING_CMD_IO_VEC : NVME_URING_CMD_IO, cmd, 1);
		sqe->uring_cmd_flags = way & 2 ? IORING_URING_CMD_FIXED : 0;
		assert_int_equal(ur_one(&r), 0);
		if (way & 1)
			memmove(buf + 4096 + 1000, buf + 2 * 4096, 3096);
		assert_memory_equal(buf + 4096, buf, 4096);
		assert_memory_equal(md + 2048, md, BLOCKS * 8);
		ur_exit(&r);
	}
	close(ns);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_transfer),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_ways),
	};

	if (argc > 3) /* /dev/nvmesim0n2 */
		nsid = (uint32_t)atoi(strrchr(argv[3], 'n') + 1);
	return ur_main_nodes(argc, argv, nodes);
}
