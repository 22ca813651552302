/* SPDX-License-Identifier: MIT */
/*
 * test_place.c - where data goes, through the ring: Zone Append says it in the completion's 64-bit
 * result (Zoned Namespace Command Set 1.2, 3.4.1), and a write with a data placement directive goes
 * to the reclaim unit handle it names (NVM Express Base 2.1, 8.1.10). test_place CONTROLLER PLACED
 * ZONED
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ur.h"

#define OPC_IO_MGMT_RECEIVE 0x12
#define OPC_ZONE_SEND	    0x79
#define OPC_ZONE_APPEND	    0x7d
#define ZSA_RESET	    4u
#define DTYPE_PLACEMENT	    (2u << 20)
#define SC(res)		    ((res)&0x7ff)
#define SC_ZONE_IS_FULL	    0x1b9
#define SC_ZONE_INVALID	    0x1bc

#define BLOCKS	  8u
#define BYTES	  (BLOCKS * UR_LBA)
#define NR	  16u	       /* appends of 4 KiB fill a zone of 64 KiB */
#define ZONE	  (1ull << 31) /* of 512-byte blocks */
#define HIGH_ZONE (3 * ZONE)   /* above 2^32 */

static struct nvme_uring_cmd append(uint64_t zslba, void *buf)
{
	return ur_rw(OPC_ZONE_APPEND, zslba, BLOCKS, buf);
}

static int32_t reset(struct io_uring *r, int fd, uint64_t zslba)
{
	struct nvme_uring_cmd cmd = { .opcode = OPC_ZONE_SEND,
				      .nsid = 1,
				      .cdw10 = (uint32_t)zslba,
				      .cdw11 = (uint32_t)(zslba >> 32),
				      .cdw13 = ZSA_RESET };

	ur_cmd(r, fd, NVME_URING_CMD_IO, cmd, 0);
	return ur_one(r);
}

/* a zone is filled by one submission; each append says where it went, and that is where it is */
static void fill_zone(struct io_uring *r, int fd, uint64_t zslba)
{
	char *out = ur_pages(NR), *in = ur_pages(1);
	uint64_t at[NR];
	bool taken[NR] = { false };

	assert_int_equal(reset(r, fd, zslba), 0);
	for (uint32_t i = 0; i < NR; i++) {
		ur_fill(out + i * BYTES, BYTES, i + 1);
		ur_cmd(r, fd, NVME_URING_CMD_IO, append(zslba, out + i * BYTES), i);
	}
	ur_submit(r, NR);
	for (uint32_t i = 0; i < NR; i++) {
		struct ur_cqe c = ur_reap(r);

		assert_in_range(c.data, 0, NR - 1);
		assert_int_equal(c.res, 0);
		assert_in_range(c.result, zslba, zslba + (NR - 1) * BLOCKS);
		assert_int_equal((c.result - zslba) % BLOCKS, 0);
		assert_false(taken[(c.result - zslba) / BLOCKS]);
		taken[(c.result - zslba) / BLOCKS] = true;
		at[c.data] = c.result;
	}
	for (uint32_t i = 0; i < NR; i++) {
		ur_cmd(r, fd, NVME_URING_CMD_IO, ur_rw(UR_READ, at[i], BLOCKS, in), i);
		assert_int_equal(ur_one(r), 0);
		assert_true(ur_filled(in, BYTES, i + 1));
	}
	ur_cmd(r, fd, NVME_URING_CMD_IO, append(zslba, out), 1);
	assert_int_equal(SC(ur_one(r)), SC_ZONE_IS_FULL);
	assert_int_equal(reset(r, fd, zslba), 0);
	/* not where the write pointer is */
	ur_cmd(r, fd, NVME_URING_CMD_IO, ur_rw(UR_WRITE, zslba + BLOCKS, BLOCKS, out), 1);
	assert_int_equal(SC(ur_one(r)), SC_ZONE_INVALID);
}

static void test_append(void **state)
{
	static const unsigned int flags[] = { 0, IORING_SETUP_SQPOLL, IORING_SETUP_IOPOLL };
	int fd = ur_open(ur.meta, O_RDWR);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct io_uring r;

		ur_init(&r, 32, flags[i]);
		fill_zone(&r, fd, ZONE);
		fill_zone(&r, fd, HIGH_ZONE);
		ur_exit(&r);
	}
	close(fd);
}

/* a chain of appends is in the zone in its order */
static void test_append_linked(void **state)
{
	int fd = ur_open(ur.meta, O_RDWR);
	char *out = ur_pages(1);
	struct io_uring r;

	ur_init(&r, 32, 0);
	assert_int_equal(reset(&r, fd, 0), 0);
	for (uint64_t i = 0; i < 4; i++)
		ur_cmd(&r, fd, NVME_URING_CMD_IO, append(0, out), i)->flags =
			i < 3 ? IOSQE_IO_LINK : 0;
	ur_submit(&r, 4);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(ur_expect(&r, i, 0), i * BLOCKS);
	ur_exit(&r);
	close(fd);
}

/* Reclaim Unit Handle Status: a header of 16 bytes, then 32 a placement handle */
struct ruh {
	uint16_t pid, ruhid;
	uint32_t earutr;
	uint64_t ruamw;
	uint8_t pad[16];
};

static void status(struct io_uring *r, int fd, struct ruh ruh[2])
{
	uint8_t buf[16 + 2 * sizeof(*ruh)];
	struct nvme_uring_cmd cmd = { .opcode = OPC_IO_MGMT_RECEIVE,
				      .nsid = 1,
				      .addr = (uintptr_t)buf,
				      .data_len = sizeof(buf),
				      .cdw10 = 1,
				      .cdw11 = sizeof(buf) / 4 - 1 };

	ur_cmd(r, fd, NVME_URING_CMD_IO, cmd, 0);
	assert_int_equal(ur_one(r), 0);
	assert_int_equal(buf[14] | buf[15] << 8, 2);
	memcpy(ruh, buf + 16, 2 * sizeof(*ruh));
}

/* what is left of each handle's reclaim unit tells where a write went */
static void test_placement(void **state)
{
	int fd = ur_open(ur.ns, O_RDWR);
	struct ruh before[2], after[2];
	char *buf = ur_pages(1);
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (unsigned int to = 0; to < 2; to++) {
		struct nvme_uring_cmd cmd = ur_rw(UR_WRITE, 64, BLOCKS, buf);

		status(&r, fd, before);
		cmd.cdw12 |= DTYPE_PLACEMENT;
		cmd.cdw13 = (uint32_t)before[to].pid << 16;
		ur_cmd(&r, fd, NVME_URING_CMD_IO, cmd, 1);
		assert_int_equal(ur_one(&r), 0);
		status(&r, fd, after);
		assert_int_equal(after[to].ruamw, before[to].ruamw - BLOCKS);
		assert_int_equal(after[!to].ruamw, before[!to].ruamw);
	}
	/* without a directive: the namespace's first */
	ur_cmd(&r, fd, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 64, BLOCKS, buf), 1);
	assert_int_equal(ur_one(&r), 0);
	status(&r, fd, before);
	assert_int_equal(before[0].ruamw, after[0].ruamw - BLOCKS);
	assert_int_equal(before[1].ruamw, after[1].ruamw);
	ur_exit(&r);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_append_linked),
		cmocka_unit_test(test_placement),
	};

	return ur_main_nodes(argc, argv, nodes);
}
