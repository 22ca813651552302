/* SPDX-License-Identifier: MIT */
/*
 * test_parts.c - long writes with tuples of the host's, which are checked before anything changes:
 * on a store whose memory they are exchanged for, and on a file.
 */
#include <inttypes.h>
#include <pthread.h>

#include "parts_fx.h"

/* ---- all that can be seen of a namespace ------------------------------------------------------
 */

struct view {
	uint64_t nuse, used;
	uint32_t nr;
	uint16_t *status; /* of reading each block */
	uint8_t *bytes;	  /* data and metadata of each */
};

static struct view see(struct world *w)
{
	const struct layout *l = w->f.l;
	const size_t each = l->lbs + l->ms;
	struct view v = { .nuse = nuse(w), .used = w->st->ops->used(w->st), .nr = BYTES / l->lbs };

	v.status = calloc(v.nr, sizeof(*v.status));
	v.bytes = calloc(v.nr, each);
	for (uint32_t i = 0; i < v.nr; i++) {
		v.status[i] = io(&w->look, OP_READ, i, 1, 0);
		if (v.status[i])
			continue;
		memcpy(v.bytes + i * each, data_at(&w->look, 0), l->lbs);
		memcpy(v.bytes + i * each + l->lbs, meta_at(&w->look, 0), l->ms);
	}
	return v;
}

static void forget(struct view *v)
{
	free(v->status);
	free(v->bytes);
}

/* nothing has changed: data, metadata, what is allocated or bad, what the medium takes */
static void expect_view(struct world *w, const struct view *want)
{
	const size_t each = w->f.l->lbs + w->f.l->ms;
	struct view v = see(w);

	assert_int_equal(v.nuse, want->nuse);
	assert_int_equal(v.used, want->used);
	for (uint32_t i = 0; i < v.nr; i++) {
		if (v.status[i] != want->status[i])
			fail_msg("block %u: status %03x, not %03x", i, v.status[i],
				 want->status[i]);
		if (memcmp(v.bytes + i * each, want->bytes + i * each, each))
			fail_msg("block %u has changed", i);
	}
	forget(&v);
}

/* ---- a check that fails -----------------------------------------------------------------------
 */

static const uint16_t says[] = { 0x282, 0x283, 0x284 };

/* what is there when the write comes: old blocks, some that nobody has written, and a bad one */
static void lay_out(struct world *w)
{
	const uint32_t nr = BYTES / w->f.l->lbs;

	write_ok(&w->f, 0, nr / 4, 1);
	write_ok(&w->f, nr / 4 + 1, nr / 8, 2);
	assert_int_equal(deallocate(w->f.d, nr / 16, 3), 0);
	assert_int_equal(no_data_cmd(w->f.d, OP_WRITE_UNCOR, nr / 16 + 5, 1, 0), 0);
}

static void failing(struct world *w, uint64_t slba)
{
	const uint32_t nlb = LONG / w->f.l->lbs, step = nlb > 32 ? 17 : 1;
	struct fixture *f = &w->f;
	unsigned int n = spares(w->st);
	struct view v = see(w);

	fill(f, slba, nlb, 3);
	for (uint32_t i = 0; i < nlb; i = i == nlb - 1	   ? nlb
					  : i + step < nlb ? i + step
							   : nlb - 1) {
		for (unsigned int what = 0; what < 3; what++) {
			break_block(f, i, what);
			assert_int_equal(io(f, OP_WRITE, slba, nlb, PRCHK_ALL), says[what]);
			assert_int_equal(sim_le64(last_error(f->d).lba), slba + i);
			break_block(f, i, what);
		}
		expect_view(w, &v);
		assert_int_equal(spares(w->st), n);
	}
	forget(&v);
	/* and what is right is written, wherever it lies */
	assert_int_equal(io(f, OP_WRITE, slba, nlb, PRCHK_ALL), 0);
	assert_int_equal(spares(w->st), n);
	clear(&w->look);
	assert_int_equal(io(&w->look, OP_READ, slba, nlb, PRCHK_ALL), 0);
	expect_filled(&w->look, slba, nlb, 3);
}

static void check_fails(bool file)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		struct world *w = world_new(&layouts[i], file);
		const uint32_t part = SIM_PART / layouts[i].lbs;

		print_message("  %s\n", layouts[i].name);
		lay_out(w);
		failing(w, 0);
		failing(w, part / 2 + 3); /* a part, and something before and behind it */
		failing(w, 4 * part);	  /* mostly unwritten */
		world_free(w);
	}
}

static void test_check_fails_ram(void **state)
{
	check_fails(false);
}

static void test_check_fails_file(void **state)
{
	check_fails(true);
}

/* ---- what else can go wrong -------------------------------------------------------------------
 */

/* the second half of the data is nowhere */
static void test_dma_fails(void **state)
{
	struct world *w = world_new(&layouts[0], false);
	struct fixture *f = &w->f;
	unsigned int n = spares(w->st);
	struct drv_cmd cmd = command(f, OP_WRITE, 0, 32, PRCHK_ALL);
	uint64_t list;
	struct view v;

	assert_in_range(n, 2, 255);
	lay_out(w);
	v = see(w);
	fill(f, 0, 32, 3);
	drv_mptr(&cmd, f->meta);
	drv_prps(f->d, &cmd, f->data, LONG);
	list = cmd.dw[8] | (uint64_t)cmd.dw[9] << 32;
	((uint64_t *)drv_ptr(f->d, list))[20] = sim_le64(0x7ffffff00000);
	assert_int_equal(drv_exec(f->d, &f->d->io, &cmd, NULL), 0x004);
	expect_view(w, &v);
	assert_int_equal(spares(w->st), n);
	forget(&v);
	world_free(w);
}

/* somebody has all spare memory, or all but one part of it: the blocks are copied, and that is all
 */
static void test_no_spares(void **state)
{
	for (unsigned int left = 0; left < 2; left++) {
		struct world *w = world_new(&layouts[0], false);
		struct sim_store *st = w->st;
		const unsigned int n = spares(st);
		void *part[256];

		lay_out(w);
		for (unsigned int i = 0; i < n - left; i++)
			part[i] = st->parts->get(st);
		assert_int_equal(spares(st), left);
		failing(w, 0);
		failing(w, 19);
		for (unsigned int i = 0; i < n - left; i++)
			st->parts->put(st, part[i]);
		read_expect(&w->f, 19, 32, 3);
		world_free(w);
	}
}

/* no room in what survives: a Write Fault before anything changes, then as if nothing had been */
static void no_room(bool file)
{
	struct world *w = world_new(&layouts[0], file);
	struct fixture *f = &w->f;
	unsigned int n = spares(w->st);
	struct view v;

	w->full = true; /* before any room was made */
	v = see(w);
	fill(f, 0, 32, 3);
	assert_int_equal(io(f, OP_WRITE, 0, 32, PRCHK_ALL), 0x280);
	expect_view(w, &v);
	w->full = false;
	expect_view(w, &v);
	assert_int_equal(spares(w->st), n);
	forget(&v);
	write_ok(f, 0, 32, 4);
	read_expect(f, 0, 32, 4);
	world_free(w);
}

static void test_no_room(void **state)
{
	no_room(false);
	no_room(true);
}

/* ---- a host that changes what it has said ------------------------------------------------------
 */

static struct {
	struct fixture *f;
	unsigned int at; /* transfers until then */
} meddle;

static void meddling(struct drv *d)
{
	if (meddle.at && !--meddle.at)
		for (uint32_t i = 0; i < 32; i++)
			data_at(meddle.f, i)[i] ^= 0x10;
}

/* before each of the command's transfers: what is stored is what was checked, or nothing is */
static void fickle(bool file)
{
	struct world *w = world_new(&layouts[0], file);
	unsigned int failed = 0, written = 0;
	struct view v;

	lay_out(w);
	meddle.f = &w->f;
	for (unsigned int k = 1; k < 12; k++) {
		uint16_t status;

		v = see(w);
		fill(&w->f, 64, 32, (uint8_t)(k + 7));
		meddle.at = k;
		w->f.d->on_xfer = meddling;
		status = io(&w->f, OP_WRITE, 64, 32, PRCHK_ALL);
		w->f.d->on_xfer = NULL;
		if (status) {
			assert_int_equal(status, 0x282);
			failed++;
			expect_view(w, &v);
		} else {
			written++;
			read_expect(&w->look, 64, 32, (uint8_t)(k + 7));
			assert_int_equal(io(&w->look, OP_READ, 64, 32, PRCHK_ALL), 0);
		}
		forget(&v);
	}
	assert_true(failed);
	assert_true(written);
	world_free(w);
}

static void test_fickle_host(void **state)
{
	fickle(false);
	fickle(true);
}

/* ---- several at a time ------------------------------------------------------------------------
 */

#define ROUNDS 600
#define NLB    (LONG / 4096)
#define ALL    (NLB + NLB / 2) /* blocks that are written; all writes cover the middle third */

/** struct worker - @data, @md: ALL blocks of version 0, version 1, and version 1 with a bad tuple
 */
struct worker {
	struct world *w;
	struct drv_queue q;
	uint64_t data[3], md[3], buf, buf_md;
	unsigned int id, wrong, torn;
};

static uint16_t long_io(struct worker *w, uint8_t opcode, uint32_t slba, uint64_t data, uint64_t md)
{
	struct drv_cmd cmd = command(&w->w->f, opcode, slba, NLB, PRCHK_ALL);

	cmd.dw[0] |= 0x40 << 8; /* an SGL, so that no list has to be made */
	cmd.dw[6] = (uint32_t)data;
	cmd.dw[7] = (uint32_t)(data >> 32);
	cmd.dw[8] = LONG;
	drv_mptr(&cmd, md);
	return drv_exec(w->w->f.d, &w->q, &cmd, NULL);
}

static void *long_writer(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const unsigned int version = (i + w->id) % 3;
		const uint32_t slba = i % 2 * NLB / 2;
		uint16_t status = long_io(w, OP_WRITE, slba, w->data[version] + slba * 4096,
					  w->md[version] + slba * 8);

		w->wrong += status != (version == 2 ? 0x282 : 0);
	}
	return NULL;
}

static void *long_reader(void *arg)
{
	struct worker *w = arg;
	struct drv *d = w->w->f.d;
	const uint32_t mid = NLB / 2;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const uint32_t slba = i % 2 * NLB / 2;
		const uint8_t *data = (uint8_t *)drv_ptr(d, w->buf) + (mid - slba) * 4096;
		const uint8_t *md = (uint8_t *)drv_ptr(d, w->buf_md) + (mid - slba) * 8;
		bool same = false;

		w->wrong += long_io(w, OP_READ, slba, w->buf, w->buf_md) != 0;
		for (unsigned int v = 0; v < 2 && !same; v++)
			same = !memcmp(data, (uint8_t *)drv_ptr(d, w->data[v]) + mid * 4096,
				       mid * 4096) &&
			       !memcmp(md, (uint8_t *)drv_ptr(d, w->md[v]) + mid * 8, mid * 8);
		w->torn += !same;
	}
	return NULL;
}

/* readers see what was there or what is written, whole, and never what was found wrong */
static void contend(bool file)
{
	struct world *world = world_new(&layouts[0], file);
	struct fixture *f = &world->f;
	unsigned int n = spares(world->st);
	struct worker w[4] = { { .w = world } };
	pthread_t t[4];

	for (unsigned int v = 0; v < 3; v++) {
		fill(f, 0, ALL, v ? 2 : 1);
		if (v == 2)
			break_block(f, NLB - 1, 0);
		w[0].data[v] = drv_alloc(f->d, ALL * 4096);
		w[0].md[v] = drv_alloc(f->d, ALL * 8);
		memcpy(drv_ptr(f->d, w[0].data[v]), drv_ptr(f->d, f->data), ALL * 4096);
		memcpy(drv_ptr(f->d, w[0].md[v]), drv_ptr(f->d, f->meta), ALL * 8);
	}
	write_ok(f, 0, ALL, 1);
	for (unsigned int i = 0; i < 4; i++) {
		w[i] = w[0];
		w[i].id = i;
		drv_create_queue(f->d, &w[i].q, (uint16_t)(i + 2), 16);
		w[i].buf = drv_alloc(f->d, LONG);
		w[i].buf_md = drv_alloc(f->d, NLB * 8);
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&t[i], NULL, i < 2 ? long_writer : long_reader, &w[i]), 0);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(w[i].wrong, 0);
		assert_int_equal(w[i].torn, 0);
	}
	assert_int_equal(spares(world->st), n);
	world_free(world);
}

static void test_contend_ram(void **state)
{
	contend(false);
}

static void test_contend_file(void **state)
{
	contend(true);
}

/* ---- commands that were rung for together --------------------------------------------------- */

static void put_read(struct fixture *f, struct drv_queue *q, uint64_t slba, uint32_t nlb)
{
	struct drv_cmd cmd = command(f, OP_READ, slba, nlb, 0);

	drv_mptr(&cmd, f->meta);
	drv_prps(f->d, &cmd, f->data, (size_t)nlb * f->l->lbs);
	drv_put(f->d, q, &cmd);
}

/* what is behind a command is looked at before it is checked: over a part's end, past the last block */
static void test_rung_together(void **state)
{
	struct world *w = world_new(&layouts[2], false);
	const uint32_t part = SIM_PART / 512, nr = BYTES / 512;
	const uint64_t slba[] = { part - 1, part - 4, part - 7, 2 * part - 3, nr - 4, nr, UINT64_MAX };
	const unsigned int n = sizeof(slba) / sizeof(slba[0]);
	struct fixture *f = &w->f;
	struct drv_queue q;

	for (unsigned int i = 0; i < 5; i++) {
		write_ok(f, i % 2 * part, 2 * part, (uint8_t)(i + 1));
		write_ok(f, part, part, (uint8_t)(i + 11));
	}
	write_ok(f, nr - 8, 8, 3);
	drv_create_queue(f->d, &q, 2, 16);
	for (unsigned int round = 0; round < 4; round++) {
		for (unsigned int i = 0; i < n; i++)
			put_read(f, &q, slba[i], round ? 8 : 1);
		drv_ring_sq(f->d, &q);
		for (unsigned int i = 0; i < n; i++) {
			bool beyond = slba[i] > nr - (round ? 8 : 1);
			struct drv_cqe cqe;

			assert_true(drv_poll(f->d, &q, &cqe));
			assert_int_equal((cqe.status & 0x7ff) != 0, beyond);
		}
	}
	read_expect(f, part, part, 15);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_fails_ram), cmocka_unit_test(test_check_fails_file),
		cmocka_unit_test(test_dma_fails),	cmocka_unit_test(test_no_spares),
		cmocka_unit_test(test_no_room),		cmocka_unit_test(test_fickle_host),
		cmocka_unit_test(test_contend_ram),	cmocka_unit_test(test_contend_file),
		cmocka_unit_test(test_rung_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
