/* SPDX-License-Identifier: MIT */
/*
 * test_nvm.c - the NVM Command Set's I/O commands. NVM Command Set 1.1, section 3.3.
 */
#include "mock_store.h"
#include "nvmcmd.h"

#define LBS 512u
#define NSZE (16384u) /* 8 MiB */

struct fixture {
	struct drv *d;
	struct mock_store m;
	uint64_t buf; /* 1 MiB */
};

static struct fixture *make(uint32_t lbs, bool write_cache, bool readonly)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct drv_params p;

	mock_init(&f->m, (uint64_t)NSZE * LBS);
	f->m.st.readonly = readonly;
	drv_params(&p);
	p.ns.store = &f->m.st;
	p.ns_bytes = f->m.st.size;
	p.ns.logical_block_size = p.ns.physical_block_size = lbs;
	p.ns.write_cache = write_cache;
	f->d = drv_new(&p);
	drv_start(f->d);
	f->buf = drv_alloc(f->d, 1 << 20);
	return f;
}

static int setup(void **state)
{
	*state = make(LBS, true, false);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	drv_free(f->d);
	mock_free(&f->m);
	free(f);
	return 0;
}

static uint16_t io(struct fixture *f, uint8_t opcode, uint64_t slba, uint32_t nlb)
{
	return rw(f->d, opcode, slba, nlb, 0, f->buf, LBS);
}

static uint16_t no_data(struct fixture *f, uint8_t opcode, uint64_t slba, uint32_t nlb,
			uint32_t flags)
{
	struct drv_cmd cmd = rw_cmd(opcode, slba, nlb, flags);

	return drv_io(f->d, &cmd, 0, 0, NULL);
}

static void test_write_read(void **state)
{
	struct fixture *f = *state;
	static const uint32_t nlb[] = { 1, 7, 8, 9, 16, 255, 1024 };
	unsigned char *host = drv_ptr(f->d, f->buf);

	for (unsigned int i = 0; i < sizeof(nlb) / sizeof(nlb[0]); i++) {
		size_t len = nlb[i] * LBS;

		for (size_t k = 0; k < len; k++)
			host[k] = (unsigned char)(k / 3 + i);
		assert_int_equal(io(f, OP_WRITE, 1000 + i, nlb[i]), 0);
		memset(host, 0, len);
		assert_int_equal(io(f, OP_READ, 1000 + i, nlb[i]), 0);
		for (size_t k = 0; k < len; k++)
			assert_int_equal(host[k], (unsigned char)(k / 3 + i));
	}
}

static void test_block_4096(void **state)
{
	struct fixture *f = make(4096, true, false);
	unsigned char *host = drv_ptr(f->d, f->buf);
	uint32_t last = NSZE / 8 - 1;

	memset(host, 0x5e, 8192);
	assert_int_equal(rw(f->d, OP_WRITE, last - 1, 2, 0, f->buf, 4096), 0);
	assert_int_equal(f->m.mem[f->m.st.size - 1], 0x5e);
	assert_int_equal(f->m.mem[f->m.st.size - 8192], 0x5e);
	assert_int_equal(f->m.mem[f->m.st.size - 8193], 0);
	assert_int_equal(rw(f->d, OP_READ, last, 2, 0, f->buf, 4096), 0x80);
	teardown((void **)&f);
}

/* base, MDTS: a command past it is aborted with Invalid Field, and nothing has happened */
static void test_mdts(void **state)
{
	struct fixture *f = *state; /* MDTS 7: 512 KiB, 1,024 blocks */

	memset(drv_ptr(f->d, f->buf), 0xee, 1 << 20);
	assert_int_equal(io(f, OP_WRITE, 0, 1025), 0x02);
	assert_int_equal(f->m.mem[0], 0);
	assert_int_equal(io(f, OP_READ, 0, 1025), 0x02);
	assert_int_equal(io(f, OP_COMPARE, 0, 2048), 0x02);
	assert_int_equal(sim_le16(last_error(f->d).parm_error_location), 48); /* NLB */
	assert_int_equal(io(f, OP_WRITE, 0, 1024), 0);
	assert_int_equal(f->m.mem[1024 * LBS - 1], 0xee);
}

static void test_range(void **state)
{
	struct fixture *f = *state;
	static const uint8_t ops[] = { OP_WRITE, OP_READ, OP_COMPARE, OP_WRITE_ZEROES };

	for (unsigned int i = 0; i < sizeof(ops); i++) {
		assert_int_equal(io(f, ops[i], NSZE - 1, 1), 0);
		assert_int_equal(io(f, ops[i], NSZE, 1), 0x80);
		assert_int_equal(sim_le64(last_error(f->d).lba), NSZE);
		assert_int_equal(io(f, ops[i], NSZE - 1, 2), 0x80);
		assert_int_equal(io(f, ops[i], UINT64_MAX, 1), 0x80);
		assert_int_equal(io(f, ops[i], UINT64_MAX, 2), 0x80);
		/* would wrap around in bytes */
		assert_int_equal(io(f, ops[i], 1ull << 55, 1), 0x80);
		assert_int_equal(io(f, ops[i], (1ull << 55) + 5, 8), 0x80);
	}
}

static void test_directive(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rw(f->d, OP_WRITE, 0, 1, 1u << 20, f->buf, LBS), 0x02);
	assert_int_equal(rw(f->d, OP_WRITE, 0, 1, 2u << 20, f->buf, LBS), 0x02);
	/* limited retry, protection information fields: nothing to do here */
	assert_int_equal(rw(f->d, OP_WRITE, 0, 1, 1u << 31, f->buf, LBS), 0);
	assert_int_equal(rw(f->d, OP_READ, 0, 1, 0xfu << 26, f->buf, LBS), 0);
}

static void test_nsid(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint32_t nsid;
		uint16_t status;
	} cases[] = {
		{ 0, 0x0b },	      /* invalid */
		{ 257, 0x0b },	      /* above NN */
		{ 2, 0x02 },	      /* valid, inactive */
		{ 0xfffffffe, 0x0b }, /* reserved */
		{ 0xffffffff, 0x0b }, /* broadcast, where a single one is wanted */
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct drv_cmd cmd = rw_cmd(OP_READ, 0, 1, 0);

		cmd.dw[1] = cases[i].nsid;
		assert_int_equal(drv_io(f->d, &cmd, f->buf, LBS, NULL), cases[i].status);
	}
}

static void test_unknown_opcode(void **state)
{
	struct fixture *f = *state;
	static const uint8_t ops[] = { 0x03, 0x06, 0x0a, 0x7f, 0x80, 0xff };

	for (unsigned int i = 0; i < sizeof(ops); i++)
		assert_int_equal(no_data(f, ops[i], 0, 1, 0), 0x01);
}

static void test_write_zeroes(void **state)
{
	struct fixture *f = *state;

	memset(f->m.mem, 0xff, f->m.st.size);
	assert_int_equal(no_data(f, OP_WRITE_ZEROES, 3, 5, 0), 0);
	assert_false(f->m.last_unmap);
	for (unsigned int i = 0; i < 10 * LBS; i++)
		assert_int_equal(f->m.mem[i], i >= 3 * LBS && i < 8 * LBS ? 0 : 0xff);
	assert_int_equal(no_data(f, OP_WRITE_ZEROES, 8, 1, DEAC), 0);
	assert_true(f->m.last_unmap);
	assert_int_equal(f->m.mem[8 * LBS], 0);
	/* the transfer size does not bound it: all of the namespace at once */
	assert_int_equal(no_data(f, OP_WRITE_ZEROES, 0, NSZE, 0), 0);
	for (uint64_t i = 0; i < f->m.st.size; i++)
		if (f->m.mem[i])
			fail();
	assert_int_equal(no_data(f, OP_WRITE_ZEROES, 0, 65536, 0), 0x80);
}

struct dsm_range {
	uint32_t cattr, nlb;
	uint64_t slba;
};

static uint16_t dsm(struct fixture *f, const struct dsm_range *r, unsigned int nr, uint32_t attr)
{
	struct drv_cmd cmd = { { 0 } };

	memcpy(drv_ptr(f->d, f->buf), r, nr * sizeof(*r));
	cmd.dw[0] = OP_DSM;
	cmd.dw[1] = 1;
	cmd.dw[10] = nr - 1;
	cmd.dw[11] = attr;
	return drv_io(f->d, &cmd, f->buf, nr * sizeof(*r), NULL);
}

static void test_dsm(void **state)
{
	struct fixture *f = *state;
	struct dsm_range r[256] = { { 0, 4, 10 }, { 0, 1, 100 }, { 0, 0, 50 } };

	memset(f->m.mem, 0xff, f->m.st.size);
	/* hints only: nothing changes */
	assert_int_equal(dsm(f, r, 3, 0x3), 0);
	assert_int_equal(f->m.nr_zeroes, 0);
	assert_int_equal(dsm(f, r, 3, 0x4), 0);
	assert_true(f->m.last_unmap);
	for (unsigned int lba = 0; lba < 200; lba++)
		assert_int_equal(f->m.mem[lba * LBS],
				 (lba >= 10 && lba < 14) || lba == 100 ? 0 : 0xff);
	/* every range is checked before the first is given up */
	r[0] = (struct dsm_range){ 0, 8, 0 };
	r[1] = (struct dsm_range){ 0, 2, NSZE - 1 };
	assert_int_equal(dsm(f, r, 2, 0x4), 0x80);
	assert_int_equal(f->m.mem[0], 0xff);
	r[1] = (struct dsm_range){ 0, 0xffffffff, UINT64_MAX - 5 };
	assert_int_equal(dsm(f, r, 2, 0x4), 0x80);
	assert_int_equal(f->m.mem[0], 0xff);
	/* as many as there can be */
	for (unsigned int i = 0; i < 256; i++)
		r[i] = (struct dsm_range){ 0, 1, i * 2 };
	assert_int_equal(dsm(f, r, 256, 0x4), 0);
	for (unsigned int lba = 200; lba < 512; lba++)
		assert_int_equal(f->m.mem[lba * LBS], lba % 2 ? 0xff : 0);
}

static void test_readonly(void **state)
{
	struct fixture *f = make(LBS, true, true);
	struct dsm_range r = { 0, 1, 0 };

	assert_int_equal(io(f, OP_WRITE, 0, 1), 0x182);
	assert_int_equal(no_data(f, OP_WRITE_ZEROES, 0, 1, 0), 0x182);
	assert_int_equal(dsm(f, &r, 1, 4), 0x182);
	assert_int_equal(io(f, OP_READ, 0, 1), 0);
	assert_int_equal(no_data(f, OP_FLUSH, 0, 1, 0), 0);
	teardown((void **)&f);
}

/* ---- durability --------------------------------------------------------------------------- */

/* submit, and expect no completion before the medium has finished */
static uint16_t held_back(struct fixture *f, struct drv_cmd *cmd)
{
	unsigned int flushes = f->m.nr_flushes;
	struct drv_cqe cqe;
	uint16_t cid;

	f->m.defer = true;
	cid = drv_submit(f->d, &f->d->io, cmd);
	assert_false(drv_poll(f->d, &f->d->io, &cqe));
	assert_int_equal(f->m.nr_flushes, flushes + 1);
	mock_flushed(&f->m);
	assert_true(drv_poll(f->d, &f->d->io, &cqe));
	assert_int_equal(cqe.cid, cid);
	return cqe.status & 0x7ff;
}

static void test_flush(void **state)
{
	struct fixture *f = *state;
	struct drv_cmd cmd = { { OP_FLUSH, 1 } };

	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0); /* done at once */
	assert_int_equal(f->m.nr_flushes, 1);
	assert_int_equal(held_back(f, &cmd), 0);
	cmd.dw[1] = 0xffffffff;
	assert_int_equal(held_back(f, &cmd), 0);
	f->m.flush_err = SIM_EIO;
	assert_int_equal(held_back(f, &cmd), 0x280);
	f->m.defer = false;
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0x280);
	cmd.dw[1] = 0;
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0x0b);
	cmd.dw[1] = 2;
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0x02);
}

/* FFFFFFFFh: every attached namespace, and one that fails is enough */
static void test_flush_all(void **state)
{
	struct fixture *f = *state;
	struct drv_cmd cmd = { { OP_FLUSH, 0xffffffff } };
	struct mock_store second;
	struct sim_ns_params p = { .logical_block_size = 512, .physical_block_size = 512,
				   .write_cache = true, .store = &second.st };
	struct sim_msg msg;
	struct drv_cqe cqe;

	mock_init(&second, 1 << 20);
	assert_int_equal(sim_ns_add(f->d->subsys, f->d->fn, &p, &msg), 2);
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0);
	assert_int_equal(f->m.nr_flushes, 1);
	assert_int_equal(second.nr_flushes, 1);
	f->m.defer = second.defer = true;
	drv_submit(f->d, &f->d->io, &cmd);
	mock_flushed(&second);
	assert_false(drv_poll(f->d, &f->d->io, &cqe));
	mock_flushed(&f->m);
	assert_true(drv_poll(f->d, &f->d->io, &cqe));
	assert_int_equal(cqe.status, 0);
	f->m.defer = second.defer = false;
	second.flush_err = SIM_EIO;
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0x280);
	teardown(state);
	mock_free(&second);
	setup(state);
}

static void test_fua(void **state)
{
	struct fixture *f = *state;
	static const uint8_t ops[] = { OP_WRITE, OP_READ, OP_COMPARE, OP_WRITE_ZEROES };

	for (unsigned int i = 0; i < sizeof(ops); i++) {
		struct drv_cmd cmd = rw_cmd(ops[i], 4, 1, FUA);

		drv_prps(f->d, &cmd, f->buf, LBS);
		f->m.flush_err = 0;
		assert_int_equal(held_back(f, &cmd), 0);
		f->m.flush_err = SIM_EIO;
		assert_int_equal(held_back(f, &cmd), 0x280);
	}
	f->m.defer = false;
	/* a command that failed has nothing to make durable */
	assert_int_equal(rw(f->d, OP_WRITE, NSZE, 1, FUA, f->buf, LBS), 0x80);
	assert_int_equal(f->m.nr_flushes, 8);
	assert_int_equal(io(f, OP_WRITE, 4, 1), 0); /* without FUA it is the cache's */
	assert_int_equal(f->m.nr_flushes, 8);
}

/* base, feature 06h: without the volatile write cache, what completed is durable */
static void test_write_cache_off(void **state)
{
	struct fixture *f = make(LBS, false, false);

	assert_int_equal(io(f, OP_WRITE, 0, 1), 0);
	assert_int_equal(f->m.nr_flushes, 1);
	assert_int_equal(no_data(f, OP_WRITE_ZEROES, 0, 1, 0), 0);
	assert_int_equal(f->m.nr_flushes, 2);
	assert_int_equal(io(f, OP_READ, 0, 1), 0);
	assert_int_equal(f->m.nr_flushes, 2);
	teardown((void **)&f);
}

/* the controller goes while the medium is still busy: the command is gone, and nothing else is */
static void test_reset_while_flushing(void **state)
{
	struct fixture *f = *state;
	struct drv_cmd cmd = { { OP_FLUSH, 1 } };
	struct drv_cqe cqe;

	f->m.defer = true;
	for (int i = 0; i < 5; i++)
		drv_submit(f->d, &f->d->io, &cmd);
	drv_disable(f->d);
	f->m.defer = false;
	drv_start(f->d);
	mock_flushed(&f->m);
	assert_false(drv_poll(f->d, &f->d->io, &cqe));
	assert_false(drv_poll(f->d, &f->d->admin, &cqe));
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0);
	/* and the whole subsystem, too */
	f->m.defer = true;
	drv_submit(f->d, &f->d->io, &cmd);
	drv_free(f->d);
	mock_flushed(&f->m);
	mock_free(&f->m);
	free(f);
	setup(state);
}

/* ---- counters ----------------------------------------------------------------------------- */

static void expect_counts(struct fixture *f, uint64_t units_read, uint64_t reads,
			  uint64_t units_written, uint64_t writes)
{
	struct nvme_smart_log s = smart(f->d);

	assert_int_equal(u64_at(s.data_units_read), units_read);
	assert_int_equal(u64_at(s.host_reads), reads);
	assert_int_equal(u64_at(s.data_units_written), units_written);
	assert_int_equal(u64_at(s.host_writes), writes);
}

/* base, figure 206: thousands of 512 bytes, rounded up; Read and Compare, Write */
static void test_smart(void **state)
{
	struct fixture *f = *state;

	expect_counts(f, 0, 0, 0, 0);
	assert_int_equal(io(f, OP_READ, 0, 1), 0);
	expect_counts(f, 1, 1, 0, 0);
	assert_int_equal(io(f, OP_READ, 0, 999), 0);
	expect_counts(f, 1, 2, 0, 0);
	assert_int_equal(io(f, OP_COMPARE, 0, 1), 0);
	expect_counts(f, 2, 3, 0, 0);
	assert_int_equal(io(f, OP_WRITE, 0, 1000), 0);
	expect_counts(f, 2, 3, 1, 1);
	assert_int_equal(no_data(f, OP_WRITE_ZEROES, 0, 5000, 0), 0);
	assert_int_equal(no_data(f, OP_FLUSH, 0, 1, 0), 0);
	assert_int_equal(io(f, OP_WRITE, NSZE, 1), 0x80);
	assert_int_equal(io(f, OP_READ, NSZE, 1), 0x80);
	expect_counts(f, 2, 3, 1, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_write_read),	TEST(test_block_4096),	    TEST(test_mdts),
		TEST(test_range),	TEST(test_directive),	    TEST(test_nsid),
		TEST(test_unknown_opcode), TEST(test_write_zeroes), TEST(test_dsm),
		TEST(test_readonly),	TEST(test_flush),	    TEST(test_flush_all),
		TEST(test_fua),		TEST(test_write_cache_off), TEST(test_reset_while_flushing),
		TEST(test_smart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
