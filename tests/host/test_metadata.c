/* SPDX-License-Identifier: MIT */
/*
 * test_metadata.c - metadata through the ioctls: a buffer of its own, or at the end of the blocks,
 * and what Linux's driver says of either before a command exists.
 */
#include "fx.h"

#define OPC_WRITE 0x01
#define OPC_READ 0x02
#define OPC_FORMAT 0x80
#define PRACT 0x2000 /* of struct nvme_user_io.control */
#define BLOCKS 8u
#define LBA 40u
#define DATA_TRANSFER_ERROR 0x004

static const struct sim_ns_params separate = { .ms = 8 };
static const struct sim_ns_params extended = { .ms = 8, .mset = 1 };
static const struct sim_ns_params separate_pi = { .ms = 8, .pi = 1 };
static const struct sim_ns_params wide_pi = { .ms = 16, .pi = 1, .pif = 2 };
static const struct sim_ns_params guard32_pi = { .ms = 16, .pi = 1, .pif = 1 };
static const struct sim_ns_params extended_wide = { .ms = 16, .mset = 1, .pi = 1, .pif = 2 };

/** struct io - the same transfer for each of the ioctls */
struct io {
	uint64_t data, meta;
	uint32_t len, meta_len;
};

static uint32_t add(struct fx *f, const struct sim_ns_params *p)
{
	uint32_t nsid = fx_add_ns_as(f, p);

	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESCAN, 0), 0);
	return nsid;
}

static long rw(struct fx *f, uint32_t nsid, uint8_t opcode, const struct io *io)
{
	struct nvme_passthru_cmd cmd = {
		.opcode = opcode,
		.nsid = nsid,
		.addr = io->data,
		.data_len = io->len,
		.metadata = io->meta,
		.metadata_len = io->meta_len,
		.cdw10 = LBA,
		.cdw12 = BLOCKS - 1,
	};

	return fx_io(f, nsid, &cmd);
}

static long submit(struct fx *f, uint32_t nsid, uint8_t opcode, const struct io *io,
		   uint16_t control)
{
	struct nvme_user_io arg = {
		.opcode = opcode,
		.control = control,
		.nblocks = BLOCKS - 1,
		.metadata = io->meta,
		.addr = io->data,
		.slba = LBA,
		.reftag = LBA,
	};

	return fx_ioctl(f, nsid, NVME_IOCTL_SUBMIT_IO, fx_put(f, &arg, sizeof(arg)));
}

/* client memory that holds @len bytes of a pattern */
static uint64_t pattern(struct fx *f, uint32_t len, uint8_t seed)
{
	uint64_t at = fx_alloc(f, len);
	uint8_t *p = fx_ptr(f, at);
	uint32_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
	return at;
}

static struct io buffers(struct fx *f, uint32_t len, uint32_t meta_len, uint8_t seed)
{
	struct io io = { .len = len, .meta_len = meta_len };

	io.data = pattern(f, len, seed);
	if (meta_len)
		io.meta = pattern(f, meta_len, (uint8_t)(seed + 1));
	return io;
}

static void same(struct fx *f, const struct io *a, const struct io *b)
{
	assert_memory_equal(fx_ptr(f, a->data), fx_ptr(f, b->data), a->len);
	if (a->meta_len)
		assert_memory_equal(fx_ptr(f, a->meta), fx_ptr(f, b->meta), a->meta_len);
}

static void test_separate(void **state)
{
	struct fx *f = *state;
	uint32_t nsid = add(f, &separate);
	struct io w = buffers(f, BLOCKS * 512, BLOCKS * 8, 1);
	struct io r = buffers(f, BLOCKS * 512, BLOCKS * 8, 2);

	assert_int_equal(rw(f, nsid, OPC_WRITE, &w), 0);
	assert_int_equal(rw(f, nsid, OPC_READ, &r), 0);
	same(f, &w, &r);
	/* a passthrough's metadata may be anywhere */
	r = buffers(f, BLOCKS * 512, BLOCKS * 8 + 3, 3);
	r.meta += 3;
	r.meta_len -= 3;
	assert_int_equal(rw(f, nsid, OPC_READ, &r), 0);
	same(f, &w, &r);
}

static void test_submit_io(void **state)
{
	struct fx *f = *state;
	uint32_t nsid = add(f, &separate);
	struct io w = buffers(f, BLOCKS * 512, BLOCKS * 8, 1);
	struct io r = buffers(f, BLOCKS * 512, BLOCKS * 8, 2), bad;

	assert_int_equal(submit(f, nsid, OPC_WRITE, &w, 0), 0);
	assert_int_equal(submit(f, nsid, OPC_READ, &r, 0), 0);
	same(f, &w, &r);
	/* there must be a pointer, on a dword */
	bad = r;
	bad.meta = 0;
	assert_int_equal(submit(f, nsid, OPC_READ, &bad, 0), -EINVAL);
	bad.meta = r.meta + 2;
	assert_int_equal(submit(f, nsid, OPC_READ, &bad, 0), -EINVAL);
}

/* metadata that the command has and the client did not give room for is never made up */
static void test_window_ends(void **state)
{
	struct fx *f = *state;
	uint32_t nsid = add(f, &separate);
	struct io w = buffers(f, BLOCKS * 512, BLOCKS * 8, 1);
	struct io r = buffers(f, BLOCKS * 512, BLOCKS * 8 + 8, 2);
	uint8_t before[8];

	assert_int_equal(rw(f, nsid, OPC_WRITE, &w), 0);
	memcpy(before, (uint8_t *)fx_ptr(f, r.meta) + (BLOCKS - 1) * 8, 8);
	r.meta_len = (BLOCKS - 1) * 8;
	assert_int_equal(SC(rw(f, nsid, OPC_READ, &r)), DATA_TRANSFER_ERROR);
	assert_memory_equal((uint8_t *)fx_ptr(f, r.meta) + (BLOCKS - 1) * 8, before, 8);
	r.meta_len = BLOCKS * 8;
	f->client.hole = r.meta;
	f->client.hole_end = r.meta + 4096;
	assert_int_equal(rw(f, nsid, OPC_READ, &r), -EFAULT);
	assert_int_equal(rw(f, nsid, OPC_WRITE, &r), -EFAULT);
	f->client.hole = f->client.hole_end = 0;
	/* and what was there before that write is still */
	assert_int_equal(rw(f, nsid, OPC_READ, &r), 0);
	same(f, &w, &r);
}

static void test_no_place_for_metadata(void **state)
{
	struct fx *f = *state;
	uint32_t nsid = add(f, &extended);
	struct io io = buffers(f, BLOCKS * 520, BLOCKS * 8, 1);

	/* part of the blocks already; and of no blocks at all */
	assert_int_equal(rw(f, nsid, OPC_READ, &io), -EINVAL);
	assert_int_equal(rw(f, 1, OPC_READ, &io), -EINVAL);
}

static void test_extended(void **state)
{
	struct fx *f = *state;
	uint32_t nsid = add(f, &extended);
	struct io w = buffers(f, BLOCKS * 520, 0, 1), r = buffers(f, BLOCKS * 520, 0, 2);

	assert_int_equal(rw(f, nsid, OPC_WRITE, &w), 0);
	assert_int_equal(rw(f, nsid, OPC_READ, &r), 0);
	same(f, &w, &r);
	/* SUBMIT_IO knows the blocks' length itself */
	r = buffers(f, BLOCKS * 520, 0, 3);
	assert_int_equal(submit(f, nsid, OPC_READ, &r, 0), 0);
	same(f, &w, &r);
	r = buffers(f, BLOCKS * 520 + 8, 0, 4);
	f->client.hole = r.data + BLOCKS * 512;
	f->client.hole_end = r.data + 8192;
	assert_int_equal(submit(f, nsid, OPC_READ, &r, 0), -EFAULT);
}

/* where all of the metadata is protection information, PRACT leaves none to transfer */
static void test_pract(void **state)
{
	static const struct sim_ns_params *const kinds[] = { &separate_pi, &wide_pi, &guard32_pi };
	struct fx *f = *state;
	unsigned int i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		uint32_t nsid = add(f, kinds[i]);
		struct io w = buffers(f, BLOCKS * 512, 0, 1), r = buffers(f, BLOCKS * 512, 0, 2);
		struct io meta = buffers(f, BLOCKS * 512, BLOCKS * kinds[i]->ms, 3);
		struct host_ns_info info;

		assert_int_equal(host_ns_info(f->dev, nsid, &info), 0);
		assert_int_equal(info.pi_type, 1);
		assert_int_equal(info.pi_size, kinds[i]->ms);
		assert_false(info.pi_first);
		assert_int_equal(submit(f, nsid, OPC_WRITE, &w, PRACT), 0);
		assert_int_equal(submit(f, nsid, OPC_READ, &r, PRACT), 0);
		same(f, &w, &r);
		assert_int_equal(submit(f, nsid, OPC_READ, &meta, PRACT), -EINVAL);
		/* without it they are there, and the reference tags count from the first block */
		assert_int_equal(submit(f, nsid, OPC_READ, &meta, 0), 0);
		assert_int_equal(((uint8_t *)fx_ptr(f, meta.meta))[kinds[i]->ms - 1], LBA);
		assert_int_equal(((uint8_t *)fx_ptr(f, meta.meta))[2 * kinds[i]->ms - 1], LBA + 1);
	}
}

static void test_pract_extended(void **state)
{
	struct fx *f = *state;
	uint32_t nsid = add(f, &extended_wide);
	struct io w = buffers(f, BLOCKS * 512, 0, 1), r = buffers(f, BLOCKS * 528, 0, 2);
	unsigned int i;

	assert_int_equal(submit(f, nsid, OPC_WRITE, &w, PRACT), 0);
	assert_int_equal(submit(f, nsid, OPC_READ, &r, 0), 0);
	for (i = 0; i < BLOCKS; i++)
		assert_memory_equal((uint8_t *)fx_ptr(f, r.data) + i * 528,
				    (uint8_t *)fx_ptr(f, w.data) + i * 512, 512);
}

static void test_ranges(void **state)
{
	struct fx *f = *state;
	uint32_t nsid = add(f, &separate);
	struct nvme_passthru_cmd cmd = {
		.opcode = OPC_READ,
		.nsid = nsid,
		.addr = fx_alloc(f, 4096),
		.data_len = 4096,
		.metadata = fx_alloc(f, 64),
		.metadata_len = 64,
	};
	uint64_t arg = fx_put(f, &cmd, sizeof(cmd));
	struct host_node_ref node = { f->dev, nsid };
	struct host_ranges r;

	assert_int_equal(host_ioctl_ranges(node, NVME_IOCTL_IO_CMD, arg, &f->client.cl, &r), 0);
	assert_int_equal(r.nr_in, 1);
	assert_int_equal(r.nr_out, 3);
	assert_int_equal((uintptr_t)r.out[1].iov_base, cmd.addr);
	assert_int_equal((uintptr_t)r.out[2].iov_base, cmd.metadata);
	assert_int_equal(r.out[2].iov_len, 64);
	cmd.opcode = OPC_WRITE;
	arg = fx_put(f, &cmd, sizeof(cmd));
	assert_int_equal(host_ioctl_ranges(node, NVME_IOCTL_IO_CMD, arg, &f->client.cl, &r), 0);
	assert_int_equal(r.nr_in, 3);
	assert_int_equal((uintptr_t)r.in[2].iov_base, cmd.metadata);
}

/* Format's effects say that what a namespace is like may have changed */
static void test_format_is_noticed(void **state)
{
	struct fx *f = *state;
	struct nvme_passthru_cmd cmd = { .opcode = OPC_FORMAT, .nsid = 1 };
	struct host_ns_info info;
	struct nvme_id_ns *id;
	struct nvme_passthru_cmd identify = { .opcode = 0x06, .nsid = 1, .data_len = 4096 };
	unsigned int lbaf;

	identify.addr = fx_alloc(f, 4096);
	assert_int_equal(fx_admin(f, &identify), 0);
	id = fx_ptr(f, identify.addr);
	for (lbaf = 0; lbaf <= id->nlbaf; lbaf++)
		if (id->lbaf[lbaf].ds == 12 && sim_le16(id->lbaf[lbaf].ms) == 8)
			break;
	assert_in_range(lbaf, 0, id->nlbaf);
	cmd.cdw10 = lbaf | 1 << 4; /* extended */
	assert_int_equal(fx_admin(f, &cmd), 0);
	assert_int_equal(host_ns_info(f->dev, 1, &info), 0);
	assert_int_equal(info.lba_size, 4096);
	assert_int_equal(info.meta_size, 8);
	assert_int_equal(info.lbaf, lbaf);
	assert_true(info.extended);
}

static void test_space(void **state)
{
	struct fx *f = *state;
	struct host_space space;

	add(f, &separate);
	assert_int_equal(host_dev_space(f->dev, &space), 0);
	assert_int_equal(space.nn, SIM_NN);
	assert_int_equal(space.nr_nsids, 2);
	assert_int_equal(space.nsids[0], 1);
	assert_int_equal(space.nsids[1], 2);
	assert_in_range(space.total, FX_NS_BYTES, 2 * FX_NS_BYTES);
	assert_in_range(space.unallocated, 0, space.total);
}

#define fresh(t) cmocka_unit_test_setup_teardown(t, fx_setup, fx_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		fresh(test_separate),	   fresh(test_submit_io),
		fresh(test_window_ends),   fresh(test_no_place_for_metadata),
		fresh(test_extended),	   fresh(test_pract),
		fresh(test_pract_extended), fresh(test_ranges),
		fresh(test_format_is_noticed), fresh(test_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
