/* SPDX-License-Identifier: MIT */
/*
 * test_media.c - data on its way between host and medium, and what a failing medium looks like.
 */
#include "../../core/ns/ns.h"
#include "mock_store.h"
#include "nvmcmd.h"

#define LBS 512u
#define KIB64 128u /* blocks */

struct fixture {
	struct drv *d;
	struct mock_store m;
	uint64_t buf; /* 64 KiB of host memory, not aligned to a page */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct drv_params p;

	mock_init(&f->m, 1 << 20);
	drv_params(&p);
	p.ns.store = &f->m.st;
	p.ns_bytes = f->m.st.size;
	f->d = drv_new(&p);
	drv_start(f->d);
	f->buf = drv_alloc(f->d, (64 << 10) + 4096) + 512;
	*state = f;
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

static void pattern(void *p, size_t len, unsigned int seed)
{
	unsigned char *b = p;

	for (size_t i = 0; i < len; i++)
		b[i] = (unsigned char)(i * 13 + i / 255 + seed);
}

static void round_trip(struct fixture *f)
{
	unsigned char *host = drv_ptr(f->d, f->buf), want[64 << 10];

	pattern(host, sizeof(want), 1);
	memcpy(want, host, sizeof(want));
	assert_int_equal(io(f, OP_WRITE, 100, KIB64), 0);
	assert_memory_equal(f->m.mem + 100 * LBS, want, sizeof(want));
	assert_int_equal(f->m.mem[100 * LBS - 1], 0);
	assert_int_equal(f->m.mem[100 * LBS + sizeof(want)], 0);
	assert_int_equal(io(f, OP_COMPARE, 100, KIB64), 0);
	memset(host, 0, sizeof(want));
	assert_int_equal(io(f, OP_READ, 100, KIB64), 0);
	assert_memory_equal(host, want, sizeof(want));
}

static void test_mapped(void **state)
{
	struct fixture *f = *state;

	round_trip(f);
	assert_int_equal(f->m.nr_writes, 0); /* straight to the medium's memory */
	assert_int_equal(f->m.nr_maps, 2);
}

static void test_not_mapped(void **state)
{
	struct fixture *f = *state;

	f->m.no_map = true;
	round_trip(f);
	assert_true(f->m.nr_writes > 0);
}

/* NVM Command Set 1.1, 3.3.1: Compare Failure; the error log says where */
static void test_compare_differs(void **state)
{
	struct fixture *f = *state;
	unsigned char *host = drv_ptr(f->d, f->buf);
	static const size_t at[] = { 0, 511, 512, 8191, 8192, 20000, 65535 };

	pattern(host, 64 << 10, 2);
	memcpy(f->m.mem + 10 * LBS, host, 64 << 10);
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		host[at[i]] ^= 1;
		assert_int_equal(io(f, OP_COMPARE, 10, KIB64), 0x285);
		assert_int_equal(sim_le64(last_error(f->d).lba), 10 + at[i] / LBS);
		host[at[i]] ^= 1;
	}
	assert_int_equal(io(f, OP_COMPARE, 10, KIB64), 0);
	/* a difference behind what is compared does not count */
	host[512] ^= 1;
	assert_int_equal(io(f, OP_COMPARE, 10, 1), 0);
	assert_int_equal(u64_at(smart(f->d).media_errors), 0);
}

/* a medium that fails: Write Fault and Unrecovered Read Error, block, media error count */
static void expect_media_error(struct fixture *f, uint8_t opcode, uint16_t status, uint64_t lba)
{
	uint64_t before = u64_at(smart(f->d).media_errors);

	assert_int_equal(io(f, opcode, 64, KIB64), status);
	assert_int_equal(sim_le64(last_error(f->d).lba), lba);
	assert_int_equal(u64_at(smart(f->d).media_errors), before + 1);
}

static void test_bounced_errors(void **state)
{
	struct fixture *f = *state;
	static const int errs[] = { SIM_EIO, SIM_ENOSPC };

	f->m.no_map = true;
	for (unsigned int i = 0; i < 2; i++) {
		f->m.read_err = f->m.write_err = errs[i];
		expect_media_error(f, OP_WRITE, 0x280, 64);
		expect_media_error(f, OP_READ, 0x281, 64);
		expect_media_error(f, OP_COMPARE, 0x281, 64);
	}
	/* 40 KiB into the transfer; what is before it was written */
	f->m.bad = (64 + 80) * LBS;
	f->m.bad_end = f->m.bad + 1;
	memset(drv_ptr(f->d, f->buf), 0x33, 64 << 10);
	assert_int_equal(io(f, OP_WRITE, 64, KIB64), 0x280);
	assert_in_range(sim_le64(last_error(f->d).lba), 64, 64 + 80);
	assert_int_equal(f->m.mem[64 * LBS], 0x33);
	assert_int_equal(f->m.mem[(64 + 80) * LBS], 0);
	assert_int_equal(io(f, OP_READ, 64, 8), 0);
}

static void test_map_errors(void **state)
{
	struct fixture *f = *state;

	f->m.map_err = SIM_ENOSPC;
	expect_media_error(f, OP_WRITE, 0x280, 64);
	f->m.map_err = SIM_EIO;
	expect_media_error(f, OP_WRITE, 0x280, 64);
	expect_media_error(f, OP_READ, 0x281, 64);
	f->m.map_err = SIM_EROFS; /* Attempted Write to Read Only Range */
	assert_int_equal(io(f, OP_WRITE, 64, 1), 0x182);
}

/* a failed transfer is the host's fault, unless the medium's memory turns out to be the bad one */
static void test_dma_fails(void **state)
{
	struct fixture *f = *state;
	uint64_t errors = u64_at(smart(f->d).media_errors);

	f->d->dma_unmapped = true;
	assert_int_equal(io(f, OP_READ, 64, 8), 0x004);
	assert_int_equal(io(f, OP_WRITE, 64, 8), 0x004);
	assert_int_equal(f->m.nr_checks, 2);
	assert_int_equal(io(f, OP_COMPARE, 64, 8), 0x004);
	f->m.check_err = SIM_EIO;
	assert_int_equal(io(f, OP_READ, 64, 8), 0x281);
	assert_int_equal(io(f, OP_WRITE, 64, 8), 0x280);
	f->m.check_err = SIM_ENOSPC;
	assert_int_equal(io(f, OP_WRITE, 64, 8), 0x280);
	f->m.no_map = true; /* a buffer on our side is always sound */
	assert_int_equal(io(f, OP_READ, 64, 8), 0x004);
	assert_int_equal(io(f, OP_WRITE, 64, 8), 0x004);
	f->d->dma_unmapped = false;
	assert_int_equal(f->m.mem[64 * LBS], 0);
	assert_int_equal(u64_at(smart(f->d).media_errors), errors + 3);
}

static void test_zero_errors(void **state)
{
	struct fixture *f = *state;
	struct drv_cmd cmd = rw_cmd(OP_WRITE_ZEROES, 77, 4, 0);

	f->m.zero_err = SIM_EIO;
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0x280);
	assert_int_equal(sim_le64(last_error(f->d).lba), 77);
	assert_int_equal(u64_at(smart(f->d).media_errors), 1);
}

/* ---- which blocks are allocated ----------------------------------------------------------- */

static struct sim_media *media(struct fixture *f)
{
	return &f->d->subsys->ns[1]->media;
}

static bool allocated(struct fixture *f, uint64_t slba, uint32_t nlb, bool want)
{
	return sim_blocks_find_alloc(&media(f)->blocks, slba, slba + nlb, !want) == slba + nlb;
}

static uint16_t drop(struct fixture *f, uint64_t slba, uint32_t nlb)
{
	struct drv_cmd cmd = rw_cmd(OP_WRITE_ZEROES, slba, nlb, 1u << 25); /* DEAC */

	return drv_io(f->d, &cmd, 0, 0, NULL);
}

static void test_allocated(void **state)
{
	struct fixture *f = *state;
	uint64_t half = (1 << 20) / LBS / 2; /* what the mock store says it holds */

	assert_int_equal(media(f)->blocks.nr_alloc, half);
	assert_true(allocated(f, half, (uint32_t)half, false));
	assert_int_equal(io(f, OP_WRITE, half + 7, 3), 0);
	assert_true(allocated(f, half + 7, 3, true));
	assert_int_equal(media(f)->blocks.nr_alloc, half + 3);
	assert_int_equal(io(f, OP_READ, half + 100, 3), 0);
	assert_int_equal(media(f)->blocks.nr_alloc, half + 3);
	assert_int_equal(drop(f, 2, 4), 0);
	assert_true(allocated(f, 2, 4, false));
	assert_int_equal(media(f)->blocks.nr_alloc, half - 1);
	/* what could not be zeroed is not told to be */
	f->m.zero_err = SIM_EIO;
	assert_int_equal(drop(f, 20, 4), 0x280);
	assert_true(allocated(f, 20, 4, true));
	/* what nobody has written need not be zeroed */
	f->m.nr_zeroes = 0;
	assert_int_equal(drop(f, half + 500, 4), 0);
	assert_int_equal(f->m.nr_zeroes, 0);
	f->m.zero_err = 0;
}

/* runs of blocks that lie close together are released by one call, but nothing beside them */
static void test_deallocate_runs(void **state)
{
	struct fixture *f = *state;
	uint64_t half = (1 << 20) / LBS / 2;

	memset(drv_ptr(f->d, f->buf), 0x44, 64 << 10);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(io(f, OP_WRITE, half + i * 5, 2), 0);
	f->m.nr_zeroes = 0;
	assert_int_equal(drop(f, half + 1, 40), 0);
	assert_int_equal(f->m.nr_zeroes, 1);
	assert_true(f->m.last_unmap);
	assert_int_equal(f->m.mem[half * LBS], 0x44);
	assert_int_equal(f->m.mem[(half + 1) * LBS], 0);
	assert_int_equal(f->m.mem[(half + 40) * LBS], 0);
	assert_int_equal(f->m.mem[(half + 41) * LBS], 0x44);
	assert_true(allocated(f, half + 1, 40, false));
	assert_true(allocated(f, half + 41, 1, true));
}

/* a block that was made bad is good once it is written; reading another does not ask */
static void test_bad_is_written(void **state)
{
	struct fixture *f = *state;
	struct sim_blocks *b = &media(f)->blocks;

	assert_int_equal(sim_blocks_set_bad(b, 30, 10), 0);
	assert_int_equal(io(f, OP_WRITE, 32, 2), 0);
	assert_int_equal(b->nr_bad, 8);
	f->m.map_err = SIM_EIO; /* a write that fails heals nothing */
	assert_int_equal(io(f, OP_WRITE, 30, 2), 0x280);
	f->m.map_err = 0;
	assert_int_equal(b->nr_bad, 8);
	assert_int_equal(drop(f, 30, 10), 0);
	assert_int_equal(b->nr_bad, 0);
}

static int no_room(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	return SIM_ENOSPC;
}

/* no room to note that blocks are allocated: Write Fault, and they are not written */
static void test_no_room_for_states(void **state)
{
	struct fixture *f = *state;
	uint64_t half = (1 << 20) / LBS / 2;

	assert_int_equal(media(f)->blocks.nr_alloc, half);
	f->d->subsys->journal.area_reserve = no_room;
	/* the group's page counts already: no room is asked for */
	assert_int_equal(io(f, OP_WRITE, half, 1), 0);
	assert_int_equal(sim_blocks_clear_alloc(&media(f)->blocks, 0, half * 2), 0);
	memset(f->m.mem, 0, half * LBS);
	memset(drv_ptr(f->d, f->buf), 0x55, LBS);
	assert_int_equal(io(f, OP_WRITE, 9, 1), 0x280);
	assert_int_equal(sim_le64(last_error(f->d).lba), 9);
	assert_int_equal(f->m.mem[9 * LBS], 0);
	assert_true(allocated(f, 0, 100, false));
	f->d->subsys->journal.area_reserve = NULL;
	assert_int_equal(io(f, OP_WRITE, 9, 1), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_mapped),	    TEST(test_not_mapped), TEST(test_compare_differs),
		TEST(test_bounced_errors),  TEST(test_map_errors), TEST(test_dma_fails),
		TEST(test_zero_errors),	    TEST(test_allocated),  TEST(test_deallocate_runs),
		TEST(test_bad_is_written),  TEST(test_no_room_for_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
