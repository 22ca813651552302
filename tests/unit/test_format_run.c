/* SPDX-License-Identifier: MIT */
/*
 * test_format_run.c - a Format NVM at work: old data is gone, progress, commands meanwhile, resets,
 * and what holds when the process dies in it. NVMe Base 2.1, section 5.1.10.
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../../store/store.h"
#include "formatcmd.h"

/* ---- nothing of the old data is left ------------------------------------------------------ */

static void test_erased(void **state)
{
	static const uint8_t lbafs[] = { 0, 4, 3, 7, 0 };

	for (unsigned int ses = 0; ses < 3; ses++) {
		struct mock_store m;
		struct drv *d;
		uint64_t buf;

		mock_init(&m, NS_BYTES);
		d = start(&m.st, NULL);
		buf = drv_alloc(d, 1 << 16);
		for (unsigned int i = 0; i < sizeof(lbafs); i++) {
			unsigned int left = 0;

			memset(m.mem, 0xa5, m.st.size / 2); /* what mock_next_data() tells of */
			assert_int_equal(format(d, 1, lbafs[i] | MSET | SES(ses)), 0);
			for (uint64_t at = 0; at < m.st.size; at++)
				left += m.mem[at] == 0xa5;
			assert_int_equal(left, 0);
			expect(d, buf, 0, 8, (1u << formats[lbafs[i]].lbads) + formats[lbafs[i]].ms,
			       0);
		}
		assert_true(m.last_unmap);
		drv_free(d);
		mock_free(&m);
	}
}

/* the space of a backing file is given back, and what it holds is gone from the file */
static void test_file(void **state)
{
	char path[] = "/tmp/test-format-XXXXXX";
	struct store_file_params fp = { .path = path, .size = NS_BYTES };
	struct sim_msg msg = { "" };
	static uint8_t page[4096];
	struct sim_store *st;
	unsigned int found = 0;
	struct drv *d;
	uint64_t buf;
	FILE *f;
	int fd;

	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(truncate(path, NS_BYTES), 0);
	st = store_file_new(&fp, &msg);
	if (!st)
		fail_msg("%s", msg.text);
	d = start(st, NULL);
	d->own_store = true; /* its flushes end in drv_exec() */
	buf = drv_alloc(d, 1 << 16);
	for (unsigned int i = 0; i < NS_BYTES >> 16; i++)
		assert_int_equal(fill(d, buf, i * 128, 128, 512, 0xd7), 0);
	assert_true(st->ops->used(st) >= NS_BYTES);
	assert_int_equal(format(d, 1, 4 | SES(2)), 0);
	assert_true(st->ops->used(st) < NS_BYTES / 8);
	expect(d, buf, 0, 16, 4096, 0);
	drv_free(d);

	f = fopen(path, "r");
	assert_non_null(f);
	for (size_t n; (n = fread(page, 1, sizeof(page), f));)
		for (size_t i = 0; i < n; i++)
			found += page[i] == 0xd7;
	fclose(f);
	unlink(path);
	assert_int_equal(found, 0);
}

static void test_null_store(void **state)
{
	struct sim_msg msg = { "" };
	struct sim_store *st = store_null_new(1ull << 43, &msg); /* 8 TiB take no time */
	struct drv *d = start(st, NULL);
	uint64_t buf = drv_alloc(d, 4096);

	assert_int_equal(format(d, 1, 4 | SES(1)), 0);
	assert_int_equal(u64_at(identify(d, buf, 0x00, 1)), 1ull << 31);
	drv_free(d);
	store_free(st);
}

static void test_medium_fails(void **state)
{
	struct mock_store m;
	struct drv *d;
	uint64_t buf;

	mock_init(&m, NS_BYTES);
	d = start(&m.st, NULL);
	buf = drv_alloc(d, 4096);
	m.zero_err = SIM_EIO;
	assert_int_equal(format(d, 1, 4), ST_WRITE_FAULT);
	m.zero_err = 0;
	m.flush_err = SIM_EIO;
	assert_int_equal(format(d, 1, 4), ST_WRITE_FAULT);
	m.flush_err = 0;
	assert_int_equal(identify(d, buf, 0x00, 1)[32], 0x80); /* it is over */
	assert_int_equal(format(d, 1, 4), 0);
	drv_free(d);
	mock_free(&m);
}

/* ---- while it goes on --------------------------------------------------------------------- */

/* begin a Format: no timer has run when this returns */
static uint16_t begin(struct drv *d, uint32_t nsid, uint32_t cdw10)
{
	struct drv_cmd cmd = format_cmd(nsid, cdw10);
	struct drv_cqe cqe;
	uint16_t cid = drv_submit(d, &d->admin, &cmd);

	assert_false(drv_poll(d, &d->admin, &cqe));
	return cid;
}

/* let it end: status of the completion with @cid */
static uint16_t end(struct drv *d, uint16_t cid)
{
	struct drv_cqe cqe;

	while (!drv_poll(d, &d->admin, &cqe))
		sim_run_timers(d->subsys);
	assert_int_equal(cqe.cid, cid);
	return cqe.status & 0x7ff;
}

static void test_in_progress(void **state)
{
	struct mock_store m, other;
	struct drv_cmd cmd;
	struct drv_cqe cqe;
	uint8_t left = 100;
	unsigned int steps = 0;
	uint64_t buf;
	uint16_t cid;
	struct drv *d;

	mock_init(&m, 512u << 20); /* eight pieces */
	mock_init(&other, NS_BYTES);
	d = start(&m.st, NULL);
	add_ns(d, &other.st, 2, false);
	buf = drv_alloc(d, 4096);
	m.defer = true;
	cid = begin(d, 1, 4);

	/* 84h, and to be tried again: DNR (bit 14) is not set */
	cmd = rw_cmd(OP_READ, 0, 1, 0);
	assert_int_equal(drv_io(d, &cmd, buf, 512, &cqe), ST_FORMATTING);
	assert_int_equal(cqe.status & 0x4000, 0);
	assert_int_equal(rw(d, OP_WRITE, 0, 1, 0, buf, 4096), ST_FORMATTING);
	assert_int_equal(no_data_cmd(d, OP_WRITE_ZEROES, 0, 1, 0), ST_FORMATTING);
	assert_int_equal(deallocate(d, 0, 1), ST_FORMATTING);
	cmd = (struct drv_cmd){ .dw = { [0] = OP_FLUSH, [1] = 1 } };
	assert_int_equal(drv_io(d, &cmd, 0, 0, NULL), ST_FORMATTING);
	/* admin commands that are allowed, and others */
	assert_int_equal(format(d, 1, 0), ST_FORMATTING);
	assert_int_equal(format(d, ALL, 0), ST_FORMATTING);
	assert_int_equal(identify(d, buf, 0x00, 1)[32], 0x80 | 100);
	assert_int_equal(identify(d, buf, 0x08, 1)[3], 0x80 | 100);
	assert_int_equal(set_feature(d, 0x05, 1, 0), 0);
	cmd = (struct drv_cmd){ .dw = { [0] = 0x0a, [1] = 1, [10] = 0x05 } };
	assert_int_equal(drv_admin(d, &cmd, 0, 0, NULL), 0);
	/* Abort: not aborted (bit 0 of dword 0) */
	cmd = (struct drv_cmd){ .dw = { [0] = 0x08, [10] = (uint32_t)cid << 16 } };
	assert_int_equal(drv_admin(d, &cmd, 0, 0, &cqe), 0);
	assert_int_equal(cqe.dw0 & 1, 1);
	/* the other namespace has nothing to do with it */
	cmd = rw_cmd(OP_READ, 0, 1, 0);
	cmd.dw[1] = 2;
	assert_int_equal(drv_io(d, &cmd, buf, 512, NULL), 0);

	/* FPI counts down to 0 */
	while (left) {
		uint8_t now;

		sim_run_timers(d->subsys);
		now = identify(d, buf, 0x00, 1)[32] & 0x7f;
		assert_true(now <= left);
		steps += now != left;
		left = now;
	}
	assert_true(steps > 4);
	assert_false(drv_poll(d, &d->admin, &cqe)); /* it is to be durable first */
	assert_int_equal(m.nr_waiting, 1);
	mock_flushed(&m);
	assert_int_equal(end(d, cid), 0);
	drv_free(d);
	mock_free(&m);
	mock_free(&other);
}

/* a Controller Level Reset does not stop it, and a power-off leaves nothing behind */
static void test_reset(void **state)
{
	struct mock_store m;
	struct drv *d;
	uint64_t buf;

	mock_init(&m, NS_BYTES);
	memset(m.mem, 0xa5, NS_BYTES / 2);
	d = start(&m.st, NULL);
	begin(d, 1, 4);
	drv_disable(d);
	drv_start(d);
	buf = drv_alloc(d, 4096);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, buf, 4096), ST_FORMATTING);
	while (identify(d, buf, 0x00, 1)[32] != 0x80)
		sim_run_timers(d->subsys);
	expect(d, buf, 0, 1, 4096, 0);
	assert_int_equal(m.mem[0], 0);
	begin(d, 1, 0);
	drv_free(d);
	mock_free(&m);
}

/* ---- it holds ----------------------------------------------------------------------------- */

static void test_persists(void **state)
{
	struct mem_journal j = { 0 };
	struct mock_store m;
	const uint8_t *id;
	struct drv *d;
	uint64_t buf;

	mock_init(&m, NS_BYTES);
	d = start(&m.st, &j);
	buf = drv_alloc(d, 4096);
	assert_int_equal(format(d, 1, 6 | MSET | PI(3) | PIL), 0);
	drv_free(d);

	d = start(&m.st, &j);
	buf = drv_alloc(d, 1 << 16);
	id = identify(d, buf, 0x00, 1);
	assert_int_equal(id[26], 0x16);
	assert_int_equal(id[29], 0x0b);
	assert_int_equal(u64_at(id), NS_BYTES / 4112);
	assert_int_equal(u64_at(id + 16), 0); /* NUSE */
	assert_int_equal(format(d, 1, 4), 0);
	assert_int_equal(fill(d, buf, 3, 2, 4096, 0x77), 0);
	drv_free(d);

	/* what was written to the new format is not formatted again */
	d = start(&m.st, &j);
	buf = drv_alloc(d, 1 << 16);
	assert_int_equal(identify(d, buf, 0x00, 1)[26], 4);
	expect(d, buf, 3, 2, 4096, 0x77);
	expect(d, buf, 0, 3, 4096, 0);
	drv_free(d);
	memj_free(&j);
	mock_free(&m);
}

/* the process dies at each step of a Format: it is finished when it starts again */
static void test_interrupted(void **state)
{
	for (unsigned int steps = 0; steps < 4; steps++) {
		struct mem_journal j = { 0 };
		struct mock_store m;
		const uint8_t *id;
		struct drv *d;
		uint64_t buf;

		mock_init(&m, 160u << 20);
		m.defer = true; /* it cannot end */
		d = start(&m.st, &j);
		buf = drv_alloc(d, 1 << 16);
		assert_int_equal(fill(d, buf, 0, 8, 512, 0xa5), 0);
		memset(m.mem, 0xa5, m.st.size / 2);
		begin(d, 1, 3 | MSET);
		for (unsigned int i = 0; i < steps; i++)
			sim_run_timers(d->subsys);
		drv_free(d);
		mock_flushed(&m);

		m.defer = false;
		d = start(&m.st, &j);
		buf = drv_alloc(d, 1 << 16);
		id = identify(d, buf, 0x00, 1);
		assert_int_equal(id[26], 0x13);
		assert_int_equal(id[32], 0x80);
		assert_int_equal(u64_at(id + 16), 0);
		assert_null(memchr(m.mem, 0xa5, m.st.size));
		expect(d, buf, 0, 8, 576, 0);
		assert_int_equal(fill(d, buf, 0, 8, 576, 0x42), 0);
		drv_free(d);

		d = start(&m.st, &j); /* and once only */
		buf = drv_alloc(d, 1 << 16);
		expect(d, buf, 0, 8, 576, 0x42);
		drv_free(d);
		memj_free(&j);
		mock_free(&m);
	}
}

/* no room in the journal: nothing begins, and nothing ends before its end is recorded */
static void test_full_journal(void **state)
{
	struct mem_journal j = { 0 };
	struct drv_cqe cqe;
	struct mock_store m;
	struct drv *d;
	uint64_t buf;
	uint16_t cid;

	mock_init(&m, NS_BYTES);
	d = start(&m.st, &j);
	buf = drv_alloc(d, 1 << 16);
	assert_int_equal(fill(d, buf, 0, 8, 512, 0x31), 0);
	j.fail = true;
	assert_int_equal(format(d, 1, 4), ST_INTERNAL);
	assert_int_equal(identify(d, buf, 0x00, 1)[26], 0);
	expect(d, buf, 0, 8, 512, 0x31);

	j.fail = false;
	cid = begin(d, 1, 4);
	j.fail = true;
	for (unsigned int i = 0; i < 10; i++)
		drv_advance(d, 100000000);
	assert_false(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(identify(d, buf, 0x00, 1)[32], 0x81); /* one percent to go */
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, buf, 4096), ST_FORMATTING);
	j.fail = false;
	drv_advance(d, 1000000000);
	assert_int_equal(end(d, cid), 0);
	expect(d, buf, 0, 1, 4096, 0);
	drv_free(d);
	memj_free(&j);
	mock_free(&m);
}

/* ---- other controllers -------------------------------------------------------------------- */

static void read_changed(struct drv *d, uint32_t nsid)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [1] = ALL, [10] = 1023 << 16 | 0x04 } };
	uint64_t buf = drv_alloc(d, 4096);

	assert_int_equal(drv_admin(d, &cmd, buf, 4096, NULL), 0);
	assert_int_equal(u64_at(drv_ptr(d, buf)) & 0xffffffff, nsid);
}

static void test_event(void **state)
{
	struct drv *d = start(NULL, NULL), *e = drv_add_fn(d, NULL);
	struct drv_cmd aer = { .dw = { [0] = 0x0c } };
	struct drv_cqe cqe;
	uint16_t theirs;

	drv_start(e);
	assert_int_equal(set_feature(d, 0x0b, 0, 1 << 8), 0); /* Namespace Attribute Notices */
	assert_int_equal(set_feature(e, 0x0b, 0, 1 << 8), 0);
	drv_submit(d, &d->admin, &aer);
	theirs = drv_submit(e, &e->admin, &aer);

	assert_int_equal(format(d, 1, 0), 0); /* the same: nothing Identify tells is another */
	assert_false(drv_poll(e, &e->admin, &cqe));
	assert_int_equal(format(d, 1, 4), 0);
	assert_true(drv_poll(e, &e->admin, &cqe));
	assert_int_equal(cqe.cid, theirs);
	assert_int_equal(cqe.dw0, 0x040002); /* notice, 00h, log page 04h */
	assert_false(drv_poll(d, &d->admin, &cqe)); /* it knows */
	read_changed(e, 1);
	drv_free(d);
}

/* ---- with I/O going on -------------------------------------------------------------------- */

#define ROUNDS 60

struct io {
	struct drv *d;
	_Atomic bool stop;
	unsigned int ok, formatting, bad;
};

static bool uniform(const uint8_t *p, size_t len)
{
	return !memcmp(p, p + 1, len - 1);
}

/*
 * Writes and reads of eight blocks, whatever size they have: 4 KiB blocks take all of the buffer,
 * 512-byte blocks an eighth. A command ends well, whole, or says why not.
 */
static void *io_thread(void *arg)
{
	struct io *io = arg;
	struct drv *d = io->d;
	uint64_t buf = drv_alloc(d, 8 * 4096);
	uint8_t *p = drv_ptr(d, buf);
	const uint64_t brk = d->brk;

	for (unsigned int i = 1; !io->stop; i++) {
		struct drv_cmd cmd = rw_cmd(i & 1 ? OP_WRITE : OP_READ, 8 * (i / 2 % 4), 8, 0);
		uint16_t status;

		memset(p, i & 1 ? 1 + i / 2 % 250 : 0xff, 8 * 4096);
		status = drv_io(d, &cmd, buf, 8 * 4096, NULL);
		d->brk = brk; /* its PRP list */
		io->ok += !status;
		io->formatting += status == ST_FORMATTING;
		io->bad += status && status != ST_FORMATTING;
		/* the rest of the buffer is as it was if the blocks were small */
		if (!status && !(i & 1))
			io->bad += !uniform(p, 8 * 512) || !uniform(p + 8 * 512, 8 * 4096 - 8 * 512);
	}
	return NULL;
}

static void test_io_meanwhile(void **state)
{
	struct io io = { 0 };
	struct drv *d = start(NULL, NULL);
	pthread_t t;

	io.d = drv_add_fn(d, NULL);
	drv_start(io.d);
	assert_int_equal(pthread_create(&t, NULL, io_thread, &io), 0);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint16_t cid = begin(d, 1, i & 1 ? 0 : 4);

		usleep(500);
		assert_int_equal(end(d, cid), 0);
		usleep(500);
	}
	io.stop = true;
	pthread_join(t, NULL);
	assert_int_equal(io.bad, 0);
	assert_true(io.ok > ROUNDS);
	assert_true(io.formatting > 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_erased),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_null_store),
		cmocka_unit_test(test_medium_fails),
		cmocka_unit_test(test_in_progress),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_persists),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_full_journal),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_io_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
