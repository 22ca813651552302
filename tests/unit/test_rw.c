/* SPDX-License-Identifier: MIT */
/*
 * test_rw.c - blocks that are bad, not allocated, verified, and claimed by several commands: the
 * parts of the NVM Command Set (1.1, sections 2.1, 3.3) that need to know the state of blocks.
 */
#include <pthread.h>
#include <stdlib.h>

#include "mock_store.h"
#include "nvmcmd.h"

#define LBS 512u
#define NSZE 16384u

struct fixture {
	struct drv *d;
	struct mock_store m;
	uint64_t buf; /* 1 MiB */
};

/* @mock: on a medium that fails when it is told to, but for one thread only */
static struct fixture *make_on(uint16_t ms, uint8_t vsl, bool mock)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct drv_params p;

	mock_init(&f->m, (uint64_t)NSZE * (LBS + ms));
	drv_params(&p);
	if (mock)
		p.ns.store = &f->m.st;
	p.ns_bytes = f->m.st.size;
	p.ns.ms = ms;
	p.ctrl.vsl = vsl;
	f->d = drv_new(&p);
	drv_start(f->d);
	f->buf = drv_alloc(f->d, 1 << 20);
	/* as fresh as a namespace can be: nothing is allocated */
	assert_int_equal(deallocate(f->d, 0, NSZE), 0);
	return f;
}

static struct fixture *make(uint16_t ms, uint8_t vsl)
{
	return make_on(ms, vsl, true);
}

static int setup(void **state)
{
	*state = make(0, 7);
	return 0;
}

static int setup_md(void **state)
{
	*state = make(8, 7);
	return 0;
}

static int setup_threads(void **state)
{
	*state = make_on(0, 7, false);
	return 0;
}

static int setup_threads_md(void **state)
{
	*state = make_on(8, 7, false);
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

/* metadata, where the namespace has it, in the buffer's upper half */
static uint16_t io(struct fixture *f, uint8_t opcode, uint64_t slba, uint32_t nlb)
{
	struct drv_cmd cmd = rw_cmd(opcode, slba, nlb, 0);

	drv_mptr(&cmd, f->buf + (512u << 10));
	return drv_io(f->d, &cmd, f->buf, (size_t)nlb * LBS, NULL);
}

static uint64_t error_lba(struct fixture *f)
{
	return sim_le64(last_error(f->d).lba);
}

static const uint8_t readers[] = { OP_READ, OP_COMPARE, OP_VERIFY };

/* every command that reads: status, and where */
static void expect_reads(struct fixture *f, uint64_t slba, uint32_t nlb, uint16_t status,
			 uint64_t lba)
{
	for (unsigned int i = 0; i < sizeof(readers); i++) {
		memset(drv_ptr(f->d, f->buf), 0, (size_t)nlb * LBS);
		memset(drv_ptr(f->d, f->buf + (512u << 10)), 0, (size_t)nlb * 8);
		assert_int_equal(io(f, readers[i], slba, nlb), status);
		if (status)
			assert_int_equal(error_lba(f), lba);
	}
}

/* section 3.3.7 */
static void test_write_uncorrectable(void **state)
{
	struct fixture *f = *state;

	memset(drv_ptr(f->d, f->buf), 0x5a, 1 << 20);
	assert_int_equal(io(f, OP_WRITE, 100, 16), 0);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, 105, 3, 0), 0);
	for (unsigned int i = 0; i < sizeof(readers); i++) {
		assert_int_equal(io(f, readers[i], 100, 16), 0x281);
		assert_int_equal(error_lba(f), 105);
		assert_int_equal(io(f, readers[i], 107, 1), 0x281);
		assert_int_equal(error_lba(f), 107);
		memset(drv_ptr(f->d, f->buf), 0x5a, 1 << 20);
		assert_int_equal(io(f, readers[i], 100, 5), 0);
		assert_int_equal(io(f, readers[i], 108, 8), 0);
	}
	/* each way to write clears it, and nothing else does */
	assert_int_equal(io(f, OP_WRITE, 105, 1), 0);
	assert_int_equal(io(f, OP_READ, 100, 16), 0x281);
	assert_int_equal(error_lba(f), 106);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_ZEROES, 106, 1, 0), 0);
	assert_int_equal(io(f, OP_READ, 100, 16), 0x281);
	assert_int_equal(error_lba(f), 107);
	assert_int_equal(deallocate(f->d, 107, 1), 0);
	assert_int_equal(io(f, OP_READ, 100, 16), 0);
	for (unsigned int i = 0; i < 16; i++) {
		const uint8_t *p = drv_ptr(f->d, f->buf + i * LBS);

		assert_int_equal(p[0], i == 6 || i == 7 ? 0 : 0x5a);
		assert_int_equal(p[LBS - 1], i == 6 || i == 7 ? 0 : 0x5a);
	}
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, 107, 1, 0), 0);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_ZEROES, 107, 1, DEAC), 0);
	expect_reads(f, 106, 2, 0, 0);
}

static void test_uncorrectable_range(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, NSZE - 1, 2, 0), 0x80);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, UINT64_MAX, 2, 0), 0x80);
	assert_int_equal(sim_le16(last_error(f->d).parm_error_location), 40);
	expect_reads(f, NSZE - 1, 1, 0, 0);
	/* no transfer, so no MDTS: all of it */
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, 0, NSZE, 0), 0);
	expect_reads(f, 0, 1, 0x281, 0);
	expect_reads(f, NSZE - 1, 1, 0x281, NSZE - 1);
	assert_int_equal(deallocate(f->d, 0, NSZE), 0);
	expect_reads(f, 0, 1000, 0, 0);
}

/* section 3.3.3.2.1, feature 05h */
static void test_dulbe(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(io(f, OP_WRITE, 200, 8), 0);
	expect_reads(f, 190, 30, 0, 0);
	set_dulbe(f->d, true);
	expect_reads(f, 200, 8, 0, 0);
	expect_reads(f, 200, 9, 0x287, 208);
	expect_reads(f, 190, 30, 0x287, 190);
	/* Write Zeroes without Deallocate leaves allocated blocks */
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_ZEROES, 208, 2, 0), 0);
	expect_reads(f, 200, 10, 0, 0);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_ZEROES, 201, 1, DEAC), 0);
	expect_reads(f, 200, 10, 0x287, 201);
	assert_int_equal(deallocate(f->d, 203, 1), 0);
	expect_reads(f, 202, 8, 0x287, 203);
	/* reading does not allocate; Write Uncorrectable does, and what it leaves is an error */
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, 201, 1, 0), 0);
	expect_reads(f, 200, 2, 0x281, 201);
	assert_int_equal(io(f, OP_WRITE, 201, 3), 0);
	expect_reads(f, 200, 10, 0, 0);
	set_dulbe(f->d, false);
	expect_reads(f, 0, 1000, 0, 0);
}

/* section 3.3.5: the medium is read, the host's memory is not touched */
static void test_verify(void **state)
{
	struct fixture *f = *state;
	struct drv_cmd cmd = rw_cmd(OP_VERIFY, 0, 8, 0);

	assert_int_equal(io(f, OP_WRITE, 0, 1024), 0);
	assert_int_equal(drv_exec(f->d, &f->d->io, &cmd, NULL), 0); /* no data pointer */
	assert_int_equal(no_data_cmd(f->d, OP_VERIFY, NSZE - 8, 9, 0), 0x80);
	assert_int_equal(error_lba(f), NSZE);
	/* VSL 7: 512 KiB of data */
	assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, 1024, 0), 0);
	assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, 1025, 0), 0x02);
	assert_int_equal(sim_le16(last_error(f->d).parm_error_location), 48);
	f->m.no_map = true;
	f->m.read_err = SIM_EIO;
	f->m.bad = 700 * LBS;
	f->m.bad_end = 701 * LBS;
	assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, 700, 0), 0);
	assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, 1024, 0), 0x281);
	assert_int_equal(u64_at(smart(f->d).media_errors), 1);
}

/* a smaller limit, and none */
static void test_vsl(void **state)
{
	struct fixture *f = make(0, 1);

	assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, 16, 0), 0);
	assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, 17, 0), 0x02);
	teardown((void **)&f);
	f = make(0, 0);
	assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, NSZE, 0), 0);
	teardown((void **)&f);
}

/* section 1.4.2: Verify's data units count as read, the command does not */
static void test_smart(void **state)
{
	struct fixture *f = *state;
	struct nvme_smart_log s;

	assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, 1000, 0), 0);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, 0, 1000, 0), 0);
	s = smart(f->d);
	assert_int_equal(u64_at(s.data_units_read), 1);
	assert_int_equal(u64_at(s.host_reads), 0);
	assert_int_equal(u64_at(s.data_units_written), 0);
	assert_int_equal(u64_at(s.host_writes), 0);
	assert_int_equal(io(f, OP_WRITE, 0, 1000), 0);
	assert_int_equal(io(f, OP_READ, 0, 1000), 0);
	s = smart(f->d);
	assert_int_equal(u64_at(s.data_units_read), 2); /* no metadata in it */
	assert_int_equal(u64_at(s.data_units_written), 1);
}

/* Identify: what ONCS says (Verify's bit would make VSL a mere recommendation), CNS 06h's limits */
static void test_capabilities(void **state)
{
	struct fixture *f = *state;
	struct drv_cmd cmd = { { 0x06 } };
	struct nvme_id_ctrl *id = drv_ptr(f->d, f->buf);
	const struct nvme_id_ctrl_nvm *nvm = drv_ptr(f->d, f->buf);

	cmd.dw[10] = 1;
	assert_int_equal(drv_admin(f->d, &cmd, f->buf, 4096, NULL), 0);
	assert_int_equal(sim_le16(id->oncs) & 0x8f, 0x0f);
	assert_int_equal(sim_le32(id->sgls) >> 17 & 1, 1); /* MPTR: byte aligned with SGLs */
	assert_int_equal(sim_le32(id->sgls) >> 19 & 1, 1); /* MPTR: an SGL descriptor's address */
	cmd.dw[10] = 6;
	assert_int_equal(drv_admin(f->d, &cmd, f->buf, 4096, NULL), 0);
	assert_int_equal(nvm->vsl, 7);
	assert_int_equal(nvm->wzsl, 0);
}

/* ---- several at a time ---------------------------------------------------------------------- */

#define ROUNDS 400
#define SPAN 64u /* blocks of a command */

struct worker {
	struct fixture *f;
	struct drv_queue q;
	uint64_t buf, md;
	uint8_t id;
	unsigned int torn, failed;
};

static uint16_t worker_io(struct worker *w, uint8_t opcode, uint64_t slba)
{
	struct drv_cmd cmd = rw_cmd(opcode, slba, SPAN, 0);

	/* SPAN blocks: an SGL, so that no list has to be made */
	cmd.dw[0] |= 0x40 << 8;
	cmd.dw[6] = (uint32_t)w->buf;
	cmd.dw[7] = (uint32_t)(w->buf >> 32);
	cmd.dw[8] = SPAN * LBS;
	drv_mptr(&cmd, w->md);
	return drv_exec(w->f->d, &w->q, &cmd, NULL);
}

/* blocks [0, SPAN) and [SPAN / 2, 3 * SPAN / 2) by turns: every overlap is of one writer */
static void *writer(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		memset(drv_ptr(w->f->d, w->buf), (int)(w->id * 64u + i % 64), SPAN * LBS);
		memset(drv_ptr(w->f->d, w->md), (int)(w->id * 64u + i % 64), SPAN * 8);
		w->failed += worker_io(w, OP_WRITE, i % 2 * SPAN / 2) != 0;
	}
	return NULL;
}

/* the half that all writes cover holds one writer's bytes, of one command */
static void *reader(void *arg)
{
	struct worker *w = arg;
	const uint8_t *data = drv_ptr(w->f->d, w->buf), *md = drv_ptr(w->f->d, w->md);
	bool has_md = w->f->m.st.size > (uint64_t)NSZE * LBS;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		w->failed += worker_io(w, OP_READ, SPAN / 2) != 0;
		for (unsigned int k = 0; k < SPAN / 2; k++) {
			w->torn += data[k * LBS] != data[0] || data[k * LBS + LBS - 1] != data[0];
			w->torn += has_md && (md[k * 8] != data[0] || md[k * 8 + 7] != data[0]);
		}
	}
	return NULL;
}

/* section 2.1.4.1: a write is atomic to others, of whatever length */
static void test_atomic(void **state)
{
	struct fixture *f = *state;
	struct worker w[4];
	pthread_t t[4];

	for (unsigned int i = 0; i < 4; i++) {
		w[i] = (struct worker){ .f = f, .id = (uint8_t)i };
		drv_create_queue(f->d, &w[i].q, (uint16_t)(i + 2), 16);
		w[i].buf = drv_alloc(f->d, SPAN * LBS);
		w[i].md = drv_alloc(f->d, SPAN * 8);
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, i < 2 ? writer : reader, &w[i]), 0);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(w[i].failed, 0);
		assert_int_equal(w[i].torn, 0);
	}
}

/* Type 1, whose tuples are made where they stay: the store is memory (rw.c, write_in_place()) */
static int setup_pi(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct drv_params p;

	drv_params(&p);
	p.ns_bytes = (uint64_t)NSZE * (LBS + 8);
	p.ns.ms = 8;
	p.ns.pi = 1;
	f->d = drv_new(&p);
	drv_start(f->d);
	f->buf = drv_alloc(f->d, 1 << 20);
	mock_init(&f->m, LBS); /* for teardown() */
	*state = f;
	return 0;
}

/* half of a Write does not come: what was there is old or new, a block each, and says so itself */
static void test_pract_fault(void **state)
{
	struct fixture *f = *state;
	struct drv *d = f->d;
	uint8_t *data = drv_ptr(d, f->buf);
	struct drv_cmd cmd;
	struct drv_cqe cqe;

	memset(data, 0x11, 24 * LBS);
	cmd = rw_cmd(1, 100, 8, PRACT);
	cmd.dw[14] = 100;
	assert_int_equal(drv_io(d, &cmd, f->buf, 8 * LBS, &cqe), 0);
	cmd = rw_cmd(1, 112, 8, PRACT);
	cmd.dw[14] = 112;
	assert_int_equal(drv_io(d, &cmd, f->buf, 8 * LBS, &cqe), 0);

	/* of blocks 104 to 119, the eight in the second page */
	memset(data, 0x22, 8 * LBS);
	cmd = rw_cmd(1, 104, 16, PRACT);
	cmd.dw[14] = 104;
	cmd.dw[6] = (uint32_t)f->buf;
	cmd.dw[7] = (uint32_t)(f->buf >> 32);
	cmd.dw[8] = 0xfff00000; /* no memory is there */
	cmd.dw[9] = 0x7fff;
	assert_int_equal(drv_exec(d, &d->io, &cmd, &cqe), 0x004);

	/* 108 to 111 were not allocated and still are not */
	set_dulbe(d, true);
	for (uint32_t lba = 100; lba < 120; lba++) {
		bool hole = lba >= 108 && lba < 112;

		cmd = rw_cmd(2, lba, 1, PRACT | PRCHK_ALL);
		cmd.dw[14] = lba;
		memset(data, 0xee, LBS);
		assert_int_equal(drv_io(d, &cmd, f->buf, LBS, &cqe), hole ? 0x287 : 0);
		if (!hole)
			assert_true(data[0] == data[LBS - 1] &&
				    (data[0] == 0x11 || (data[0] == 0x22 && lba >= 104)));
	}
}

int main(void)
{
#define PLAIN(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define MD_SETUP(f, s) { #f " (metadata)", f, s, teardown, NULL }
#define MD(f) MD_SETUP(f, setup_md)
	const struct CMUnitTest tests[] = {
		PLAIN(test_write_uncorrectable), MD(test_write_uncorrectable),
		PLAIN(test_uncorrectable_range), MD(test_uncorrectable_range),
		PLAIN(test_dulbe),		 MD(test_dulbe),
		PLAIN(test_verify),		 MD(test_verify),
		cmocka_unit_test(test_vsl),	 PLAIN(test_smart),
		MD(test_smart),			 PLAIN(test_capabilities),
		cmocka_unit_test_setup_teardown(test_atomic, setup_threads, teardown),
		MD_SETUP(test_atomic, setup_threads_md),
		cmocka_unit_test_setup_teardown(test_pract_fault, setup_pi, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
