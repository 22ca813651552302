/* SPDX-License-Identifier: MIT */
/*
 * test_io.c - reads and writes through the ring: plain and vectored, in all 64 combinations of
 * {IO, IO_VEC} x {fixed buffers} x {SQPOLL, with registered files} x {IOPOLL} x {HYBRID_IOPOLL or
 * not} x {ASYNC} at depth 128; admin commands on the controller's node
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ur.h"

#define DEPTH  128
#define BYTES  4096u
#define BLOCKS (BYTES / UR_LBA)

static void test_one(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *out = ur_pages(4), *in = ur_pages(4);
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (uint32_t blocks = 1; blocks <= 32; blocks += 7) {
		ur_fill(out, blocks * UR_LBA, blocks);
		ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_WRITE, 40, blocks, out), 1);
		assert_int_equal(ur_one(&r), 0);
		memset(in, 0, blocks * UR_LBA);
		ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 40, blocks, in), 2);
		ur_submit(&r, 1);
		assert_int_equal(ur_expect(&r, 2, 0), 0);
		assert_memory_equal(in, out, blocks * UR_LBA);
	}
	/* without data */
	ur_cmd(&r, ns, NVME_URING_CMD_IO, (struct nvme_uring_cmd){.opcode = UR_FLUSH, .nsid = 1},
	       3);
	assert_int_equal(ur_one(&r), 0);
	ur_exit(&r);
	close(ns);
}

/* as much as the drive takes at once, and addresses of every kind */
static void test_sizes(void **state)
{
	static const unsigned int offsets[] = {0, 4, 512, 4092};
	int ns = ur_open(ur.ns, O_RDWR);
	char *out = ur_pages(256 + 1), *in = ur_pages(256 + 1);
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (uint32_t bytes = 512; bytes <= 1u << 20; bytes *= 2) {
		for (unsigned int i = 0; i < 4; i++) {
			ur_fill(out + offsets[i], bytes, bytes + i);
			ur_cmd(&r, ns, NVME_URING_CMD_IO,
			       ur_rw(UR_WRITE, 4096, bytes / UR_LBA, out + offsets[i]), 1);
			assert_int_equal(ur_one(&r), 0);
			memset(in, 0, 4096 + bytes);
			ur_cmd(&r, ns, NVME_URING_CMD_IO,
			       ur_rw(UR_READ, 4096, bytes / UR_LBA, in + offsets[3 - i]), 1);
			assert_int_equal(ur_one(&r), 0);
			assert_memory_equal(in + offsets[3 - i], out + offsets[i], bytes);
			/* and not a byte around it */
			assert_int_equal(in[offsets[3 - i] + bytes], 0);
			if (offsets[3 - i])
				assert_int_equal(in[offsets[3 - i] - 1], 0);
		}
	}
	ur_exit(&r);
	close(ns);
}

/* 9 pieces of different lengths and alignments, 3, and 1 (liburing's test takes the same numbers)
 */
static unsigned int pieces(struct iovec *iov, char *base, unsigned int n)
{
	static const unsigned int nine[] = {512, 128, 384, 4, 1020, 1024, 256, 256, 512};
	static const unsigned int three[] = {1024, 2048, 1024};
	unsigned int at = 0;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int len = n == 1 ? BYTES : n == 3 ? three[i] : nine[i];

		iov[i] = (struct iovec){base + at + i * 64, len};
		at += len;
	}
	assert_int_equal(at, BYTES);
	return n;
}

static void test_vectors(void **state)
{
	static const unsigned int counts[] = {1, 3, 9};
	int ns = ur_open(ur.ns, O_RDWR);
	char *out = ur_pages(4), *in = ur_pages(4), *flat = ur_pages(1);
	struct iovec iov[9];
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (unsigned int c = 0; c < 3; c++) {
		struct nvme_uring_cmd cmd = ur_rw(UR_WRITE, 100 + c, BLOCKS, iov);
		unsigned int at = 0;

		/* out of pieces, into one */
		ur_fill(flat, BYTES, c);
		cmd.data_len = pieces(iov, out, counts[c]);
		for (unsigned int i = 0; i < counts[c]; at += iov[i++].iov_len)
			memcpy(iov[i].iov_base, flat + at, iov[i].iov_len);
		ur_cmd(&r, ns, NVME_URING_CMD_IO_VEC, cmd, 1);
		assert_int_equal(ur_one(&r), 0);
		memset(flat, 0, BYTES);
		ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, 100 + c, BLOCKS, flat), 1);
		assert_int_equal(ur_one(&r), 0);
		assert_true(ur_filled(flat, BYTES, c));

		/* and back into pieces */
		cmd = ur_rw(UR_READ, 100 + c, BLOCKS, iov);
		cmd.data_len = pieces(iov, in, counts[c]);
		memset(in, 0, 4 * 4096);
		ur_cmd(&r, ns, NVME_URING_CMD_IO_VEC, cmd, 1);
		assert_int_equal(ur_one(&r), 0);
		at = 0;
		for (unsigned int i = 0; i < counts[c]; at += iov[i++].iov_len) {
			assert_memory_equal(iov[i].iov_base, flat + at, iov[i].iov_len);
			for (int gap = 0; gap < 64; gap++)
				assert_int_equal(((char *)iov[i].iov_base)[iov[i].iov_len + gap],
						 0);
		}
	}
	ur_exit(&r);
	close(ns);
}

/* ---- combinations
 * ---------------------------------------------------------------------------------- */

struct combo {
	bool vec, fixed, sqpoll, iopoll, async, hybrid;
};

static void fill_sqe(struct io_uring *r, const struct combo *c, int fd, uint8_t opcode,
		     unsigned int i, char *data, struct iovec *iov, unsigned int *nr)
{
	struct nvme_uring_cmd cmd = ur_rw(opcode, i * BLOCKS, BLOCKS, data);
	struct io_uring_sqe *sqe;

	if (c->vec) {
		static const unsigned int counts[] = {1, 3, 9};

		*nr = counts[i % 3];
		cmd.data_len = *nr;
		cmd.addr = (uintptr_t)iov;
		if (*nr == 1) {
			iov[0] = (struct iovec){data, BYTES};
		} else {
			/* equal parts but for the last */
			for (unsigned int k = 0; k < *nr; k++)
				iov[k] = (struct iovec){data + k * 256, 256};
			iov[*nr - 1].iov_len = BYTES - (*nr - 1) * 256;
		}
	}
	sqe = ur_cmd(r, fd, c->vec ? NVME_URING_CMD_IO_VEC : NVME_URING_CMD_IO, cmd, i);
	if (c->fixed)
		sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	sqe->buf_index = (uint16_t)(c->fixed ? i / 64 : 0);
	sqe->flags = (uint8_t)((c->async ? IOSQE_ASYNC : 0) | (c->sqpoll ? IOSQE_FIXED_FILE : 0));
}

/* Return: true when the ring refuses the combination of vectors and fixed buffers, as older kernels
 * do */
static bool pass(struct io_uring *r, const struct combo *c, int fd, uint8_t opcode, char *mem,
		 struct iovec (*iov)[9])
{
	uint8_t seen[DEPTH] = {0};
	unsigned int nr, refused = 0;

	for (unsigned int i = 0; i < DEPTH; i++)
		fill_sqe(r, c, fd, opcode, i, mem + i * BYTES, iov[i], &nr);
	ur_submit(r, DEPTH);
	for (unsigned int i = 0; i < DEPTH; i++) {
		struct ur_cqe q = ur_reap(r);

		assert_in_range(q.data, 0, DEPTH - 1);
		assert_int_equal(seen[q.data]++, 0);
		if (c->vec && c->fixed && q.res == -EINVAL)
			refused++;
		else if (q.res)
			fail_msg("vec %d fixed %d sqpoll %d iopoll %d hybrid %d async %d: %s %u "
				 "ended with %d",
				 c->vec, c->fixed, c->sqpoll, c->iopoll, c->hybrid, c->async,
				 opcode == UR_READ ? "read" : "write", (unsigned int)q.data, q.res);
	}
	assert_true(refused == 0 || refused == DEPTH);
	return refused;
}

static void test_combinations(void **state)
{
	int wr = ur_open(ur.ns, O_WRONLY), rd = ur_open(ur.ns, O_RDONLY), both[2];
	char *out = ur_pages(DEPTH), *in = ur_pages(DEPTH);
	static struct iovec iov[DEPTH][9];

	for (unsigned int n = 0; n < 64; n++) {
		struct combo c = {n & 1, n & 2, n & 4, n & 8, n & 16, n & 32};
		struct iovec bufs[4] = {{out, 64 * BYTES},
					{out + 64 * BYTES, 64 * BYTES},
					{in, 64 * BYTES},
					{in + 64 * BYTES, 64 * BYTES}};
		unsigned int flags = 0;
		struct io_uring r;

		/* hybrid polling is a kind of polling; without it, as a plain ring with SUBMIT_ALL
		 */
		if (c.iopoll)
			flags |= IORING_SETUP_IOPOLL | (c.hybrid ? IORING_SETUP_HYBRID_IOPOLL : 0);
		else if (c.hybrid)
			flags |= IORING_SETUP_SUBMIT_ALL;
		if (c.sqpoll)
			flags |= IORING_SETUP_SQPOLL;
		ur_init(&r, DEPTH, flags);
		both[0] = wr;
		both[1] = rd;
		if (c.sqpoll)
			assert_int_equal(io_uring_register_files(&r, both, 2), 0);
		if (c.fixed)
			assert_int_equal(io_uring_register_buffers(&r, bufs, 2), 0);
		ur_fill(out, DEPTH * BYTES, n + 1000);
		if (!pass(&r, &c, c.sqpoll ? 0 : wr, UR_WRITE, out, iov)) {
			if (c.fixed) {
				assert_int_equal(io_uring_unregister_buffers(&r), 0);
				assert_int_equal(io_uring_register_buffers(&r, bufs + 2, 2), 0);
			}
			memset(in, 0, DEPTH * BYTES);
			assert_false(pass(&r, &c, c.sqpoll ? 1 : rd, UR_READ, in, iov));
			assert_true(ur_filled(in, DEPTH * BYTES, n + 1000));
		}
		ur_exit(&r);
	}
	close(wr);
	close(rd);
}

/* IORING_URING_CMD_FIXED with vectors is served: each piece lies within the buffer */
static void test_fixed_vector(void **state)
{
	int ns = ur_open(ur.ns, O_RDWR);
	char *mem = ur_pages(4);
	struct iovec buf = {mem, 8192}, iov[3];
	struct nvme_uring_cmd cmd = ur_rw(UR_READ, 0, BLOCKS, iov);
	struct io_uring_sqe *sqe;
	struct io_uring r;

	ur_init(&r, 8, 0);
	assert_int_equal(io_uring_register_buffers(&r, &buf, 1), 0);
	cmd.data_len = pieces(iov, mem, 3);
	sqe = ur_cmd(&r, ns, NVME_URING_CMD_IO_VEC, cmd, 1);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	assert_int_equal(ur_one(&r), 0);
	iov[1].iov_base = mem + 8192;
	sqe = ur_cmd(&r, ns, NVME_URING_CMD_IO_VEC, cmd, 1);
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	assert_int_equal(ur_one(&r), -EFAULT);
	ur_exit(&r);
	close(ns);
}

/* IOPOLL: io_uring_enter() with nothing to wait for still submits; completions are there at the
 * latest when one asks for them */
static void test_iopoll_raw(void **state)
{
	int ns = ur_open(ur.ns, O_RDONLY);
	char *mem = ur_pages(16);
	struct io_uring r;
	uint64_t end;

	ur_init(&r, 16, IORING_SETUP_IOPOLL);
	for (unsigned int i = 0; i < 16; i++) {
		ur_cmd(&r, ns, NVME_URING_CMD_IO, ur_rw(UR_READ, i, BLOCKS, mem + i * BYTES), i);
		r.sq.array[i] = i;
	}
	__atomic_store_n(r.sq.ktail, 16, __ATOMIC_RELEASE);
	assert_int_equal(io_uring_enter((unsigned int)r.ring_fd, 16, 0, 0, NULL), 16);
	r.sq.sqe_head = 16;
	end = ur_ms() + 10000;
	while (io_uring_cq_ready(&r) < 16 && ur_ms() < end)
		assert_true(io_uring_enter((unsigned int)r.ring_fd, 0, 1, IORING_ENTER_GETEVENTS,
					   NULL) >= 0);
	assert_int_equal(io_uring_cq_ready(&r), 16);
	ur_exit(&r);
	close(ns);
}

/* ---- the controller's node
 * ------------------------------------------------------------------------- */

static void test_admin(void **state)
{
	int ctrl = ur_open(ur.ctrl, O_RDONLY);
	uint8_t *id = ur_pages(2);
	struct iovec iov[2] = {{id, 1000}, {id + 4096, 3096}};
	struct nvme_uring_cmd cmd = ur_identify(1, iov);
	struct io_uring r;

	ur_init(&r, 8, 0);
	memset(id, 0xee, 8192);
	ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN, ur_identify(1, id), 1);
	assert_int_equal(ur_one(&r), 0);
	/* NQN, at 768 (NVMe Base 2.1, Identify Controller) */
	assert_memory_equal(id + 768, "nqn.", 4);
	assert_int_equal(id[4096], 0xee);

	cmd.data_len = 2;
	memset(id, 0xee, 8192);
	ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN_VEC, cmd, 1);
	assert_int_equal(ur_one(&r), 0);
	assert_memory_equal(id + 768, "nqn.", 4);
	assert_int_equal(id[1000], 0xee);
	assert_int_not_equal(id[4096], 0xee);

	ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN, ur_identify(0, id), 1);
	assert_int_equal(ur_one(&r), 0);
	/* a namespace there is none of: Invalid Namespace or Format, do not retry */
	cmd = ur_identify(0, id);
	cmd.nsid = 0xfffffffe;
	ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN, cmd, 1);
	assert_int_equal(ur_one(&r) & 0x7ff, 0x0b);
	ur_exit(&r);
	close(ctrl);
}

/* the completion's dword 0 comes in big_cqe[0]: as the ioctl gives it */
static void test_result(void **state)
{
	static const uint8_t features[] = {0x01, 0x02, 0x04, 0x05, 0x06, 0x07, 0x0b};
	int ctrl = ur_open(ur.ctrl, O_RDWR);
	bool some = false;
	struct io_uring r;

	ur_init(&r, 8, 0);
	for (unsigned int i = 0; i < sizeof(features); i++) {
		struct nvme_passthru_cmd ioc = {.opcode = 0x0a, .cdw10 = features[i]};
		int ret = ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, &ioc);
		struct ur_cqe c;

		ur_cmd(&r, ctrl, NVME_URING_CMD_ADMIN,
		       (struct nvme_uring_cmd){.opcode = 0x0a, .cdw10 = features[i]}, features[i]);
		ur_submit(&r, 1);
		c = ur_reap(&r);
		assert_int_equal(c.res, ret);
		assert_int_equal(c.result, ioc.result);
		some |= ioc.result != 0;
	}
	assert_true(some);
	ur_exit(&r);
	close(ctrl);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest nodes[] = {
		cmocka_unit_test(test_one),	     cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_vectors),	     cmocka_unit_test(test_combinations),
		cmocka_unit_test(test_fixed_vector), cmocka_unit_test(test_iopoll_raw),
		cmocka_unit_test(test_admin),	     cmocka_unit_test(test_result),
	};

	return ur_main_nodes(argc, argv, nodes);
}
