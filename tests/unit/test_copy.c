/* SPDX-License-Identifier: MIT */
/*
 * test_copy.c - Copy: what is refused, what is copied, and several at a time. Protection
 * information is test_copy_pi.c's.
 */
#include <pthread.h>

#include "copycmd.h"
#include "slow_store.h"

/* ---- errors --------------------------------------------------------------------------------- */

static void test_identify(void **state)
{
	struct fx *f = fx_new();
	struct drv_cmd cmd = { .dw = { [0] = 0x06, [10] = 1 } };
	uint8_t *id = drv_ptr(f->d, f->back);

	assert_int_equal(drv_admin(f->d, &cmd, f->back, 4096, NULL), 0);
	assert_int_equal(id[534] | id[535] << 8, 0x000f);		   /* OCFS */
	assert_int_equal((id[520] | id[521] << 8) >> 8 & 7, 7); /* ONCS: Copy, NVMCSA, NVMAFC */
	cmd = (struct drv_cmd){ .dw = { [0] = 0x06, [1] = 1 } };
	assert_int_equal(drv_admin(f->d, &cmd, f->back, 4096, NULL), 0);
	assert_int_equal(id[74] | id[75] << 8, MSSRL);
	assert_int_equal(id[76] | id[77] << 8, MCL);
	assert_int_equal(id[80], MSRC);
	fx_done(f);
}

static void test_fields(void **state)
{
	struct fx *f = fx_new();
	struct src s[MSRC + 2], one = { .nsid = 1, .slba = 0, .nlb = 8 };

	write_blocks(f, 1, 0, 256, 1);
	for (uint8_t fmt = 4; fmt < 16; fmt++) /* reserved, or of another command set */
		refuse(f, ST_FIELD, 1, 100, fmt, 0, &one, 1);
	for (uint32_t dtype = 1; dtype < 16; dtype++) /* no directive is enabled */
		refuse(f, ST_FIELD, 1, 100, 0, dtype << 20, &one, 1);
	for (unsigned int i = 0; i < MSRC + 2; i++)
		s[i] = (struct src){ .nsid = 1, .slba = i, .nlb = 1 };
	refuse(f, ST_SIZE_LIMIT, 1, 100, 0, 0, s, MSRC + 2);
	one.nlb = MSSRL + 1;
	refuse(f, ST_SIZE_LIMIT, 1, 8000, 0, 0, &one, 1);
	for (unsigned int i = 0; i < 5; i++) /* 4 of the longest are allowed */
		s[i] = (struct src){ .nsid = 1, .slba = 0, .nlb = i < 4 ? MSSRL : 1 };
	refuse(f, ST_SIZE_LIMIT, 1, 0, 0, 0, s, 5);
	/* past the end, here and there */
	one = (struct src){ .nsid = 1, .slba = NSZE - 7, .nlb = 8 };
	refuse(f, ST_RANGE, 1, 100, 0, 0, &one, 1);
	one.slba = UINT64_MAX - 3;
	refuse(f, ST_RANGE, 1, 100, 0, 0, &one, 1);
	s[0] = (struct src){ .nsid = 1, .slba = 0, .nlb = 8 };
	s[1] = one;
	refuse(f, ST_RANGE, 1, 100, 0, 0, s, 2);
	one.slba = 0;
	refuse(f, ST_RANGE, 1, NSZE - 7, 0, 0, &one, 1);
	refuse(f, ST_RANGE, 1, UINT64_MAX - 3, 0, 0, &one, 1);
	/* the ranges of a namespace's 16 bit guard are those of 0h and 2h, of others, 1h and 3h */
	refuse(f, ST_NS, 3, 100, 1, 0, &one, 1);
	refuse(f, ST_NS, 3, 100, 3, 0, &one, 1);
	refuse(f, ST_NS, 8, 100, 0, 0, &one, 1);
	refuse(f, ST_NS, 8, 100, 2, 0, &one, 1);
	refuse(f, ST_NS, 10, 100, 0, 0, &one, 1);
	expect(f, 1, 0, 256, 0, 1);
	fx_done(f);
}

static void test_enable(void **state)
{
	struct fx *f = fx_new();
	struct src s = { .nsid = 1, .slba = 0, .nlb = 1 };
	struct drv_cmd cmd = { .dw = { [0] = 0x0a, [10] = 0x16 } };

	for (unsigned int bit = 0; bit < 16; bit++)
		if (bit != 2 && bit != 3)
			assert_int_equal(enable_formats(f->d, (uint16_t)(1u << bit)), ST_FIELD);
	assert_int_equal(drv_admin(f->d, &cmd, f->back, 512, NULL), 0);
	assert_int_equal(((uint8_t *)drv_ptr(f->d, f->back))[4], 0x0c);
	assert_int_equal(copy(f, 1, 100, 2, 0, &s, 1), 0);
	assert_int_equal(copy(f, 1, 100, 3, 0, &s, 1), 0);
	assert_int_equal(enable_formats(f->d, 0x04), 0);
	assert_int_equal(copy(f, 1, 100, 2, 0, &s, 1), 0);
	refuse(f, ST_FIELD, 1, 100, 3, 0, &s, 1);
	assert_int_equal(enable_formats(f->d, 0), 0);
	refuse(f, ST_FIELD, 1, 100, 2, 0, &s, 1);
	assert_int_equal(copy(f, 1, 100, 0, 0, &s, 1), 0); /* always enabled */
	assert_int_equal(copy(f, 1, 100, 1, 0, &s, 1), 0);
	assert_int_equal(enable_formats(f->d, 0x0c), 0);
	drv_disable(f->d); /* a Controller Level Reset: 0 again */
	drv_start(f->d);
	refuse(f, ST_FIELD, 1, 100, 2, 0, &s, 1);
	fx_done(f);
}

static void test_namespaces(void **state)
{
	struct fx *f = fx_new();
	struct src s[2] = { { .nsid = 2, .slba = 0, .nlb = 8 }, { .nsid = 2, .nlb = 8 } };

	write_blocks(f, 1, 96, 32, 9);
	for (uint8_t fmt = 2; fmt < 4; fmt++) {
		static const uint32_t invalid[] = { 0, SIM_NN + 1, 0xfffffffe, 0xffffffff };

		for (unsigned int i = 0; i < 4; i++) {
			s[1].nsid = invalid[i];
			refuse(f, ST_NS, 1, 100, fmt, 0, s, 2);
		}
		s[1].nsid = NR_NS + 1; /* inactive */
		refuse(f, ST_FIELD, 1, 100, fmt, 0, s, 2);
	}
	/* formats 0h and 1h have no SNSID: what is there is reserved */
	s[0].nsid = s[1].nsid = 0xffffffff;
	assert_int_equal(copy(f, 1, 200, 0, 0, s, 2), 0);

	/* another size of blocks, metadata on one side, protection information of another kind */
	static const struct {
		uint32_t from, to;
		uint8_t fmt, prinfo;
	} bad[] = {
		{ 6, 1, 2, 0 },	 { 1, 6, 2, 0 },      { 5, 1, 2, 0 },	   { 1, 5, 2, 0 },
		{ 3, 7, 2, 0 },	 { 3, 7, 2, ACT },  { 8, 10, 3, ACT }, { 3, 11, 2, ACT },
		{ 11, 12, 2, ACT }, /* elsewhere in the metadata */
		{ 1, 3, 2, 0 },	      /* insert needs ACT of the write portion */
		{ 3, 1, 2, 0 },	      /* strip, of the read portion */
		{ 5, 3, 2, ACT },   /* metadata that is not protection information */
		{ 3, 5, 2, ACT },   { 1, 11, 2, ACT }, /* the tuple is not all of the metadata */
		{ 11, 1, 2, ACT },  { 6, 3, 2, ACT },  { 1, 8, 3, ACT },
	};
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s[0] = (struct src){ .nsid = bad[i].from, .nlb = 8 };
		refuse(f, ST_INCOMPATIBLE, bad[i].to, 100, bad[i].fmt,
		       PRINFOR(bad[i].prinfo) | PRINFOW(bad[i].prinfo), s, 1);
	}
	/* a source that this host is not to be shown: its format is an extended one */
	{
		struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x16 } };
		uint64_t iova = drv_alloc(f->d, 512);

		((uint8_t *)drv_ptr(f->d, iova))[4] = 0x0c;
		assert_int_equal(drv_admin(f->d, &cmd, iova, 512, NULL), 0);
		s[0] = (struct src){ .nsid = 8, .nlb = 8 };
		refuse(f, ST_NS, 6, 100, 3, PRINFOR(ACT), s, 1);
		assert_int_equal(enable_formats(f->d, 0x0c), 0);
	}
	/* every source counts, not just the first one */
	s[0] = (struct src){ .nsid = 2, .nlb = 8 };
	s[1] = (struct src){ .nsid = 6, .nlb = 8 };
	refuse(f, ST_INCOMPATIBLE, 1, 100, 2, 0, s, 2);
	s[1].nsid = 3;
	refuse(f, ST_INCOMPATIBLE, 1, 100, 2, PRINFOR(ACT), s, 2);
	s[0].nsid = 3;
	s[1].nsid = 2;
	refuse(f, ST_INCOMPATIBLE, 1, 100, 2, PRINFOR(ACT), s, 2);
	/* ACT of both portions is the same where both are protected */
	s[0] = (struct src){ .nsid = 3, .nlb = 8 };
	refuse(f, ST_FIELD, 4, 100, 2, PRINFOR(ACT), s, 1);
	refuse(f, ST_FIELD, 4, 100, 2, PRINFOW(ACT), s, 1);
	refuse(f, ST_FIELD, 3, 100, 0, PRINFOW(ACT), s, 1);
	refuse(f, ST_FIELD, 3, 100, 0, PRINFOR(ACT), s, 1);
	expect(f, 1, 96, 32, 96, 9);
	fx_done(f);
}

static void test_overlap(void **state)
{
	struct fx *f = fx_new();
	struct src s[2] = { { .nsid = 2, .slba = 0, .nlb = 10 },
			    { .nsid = 1, .slba = 119, .nlb = 10 } };

	write_blocks(f, 1, 0, 256, 3);
	write_blocks(f, 2, 0, 256, 4);
	refuse(f, ST_OVERLAP, 1, 100, 2, 0, s, 2); /* block 119 is both */
	s[1].slba = 91;
	refuse(f, ST_OVERLAP, 1, 100, 3, 0, s, 2); /* block 100 */
	s[1].slba = 105;
	refuse(f, ST_OVERLAP, 1, 100, 2, 0, s, 2);
	expect(f, 1, 0, 256, 0, 3);
	/* beside one another, or in another namespace: nothing to object to */
	s[1].slba = 120;
	assert_int_equal(copy(f, 1, 100, 2, 0, s, 2), 0);
	s[1].slba = 90;
	assert_int_equal(copy(f, 1, 100, 2, 0, s, 2), 0);
	s[1] = (struct src){ .nsid = 2, .slba = 100, .nlb = 10 };
	assert_int_equal(copy(f, 1, 100, 2, 0, s, 2), 0);
	/* formats 0h and 1h: merely unwise. Here all is read before it is written. */
	write_blocks(f, 1, 0, 256, 3);
	s[0] = (struct src){ .slba = 100, .nlb = 50 };
	assert_int_equal(copy(f, 1, 110, 0, 0, s, 1), 0);
	expect(f, 1, 110, 50, 100, 3);
	fx_done(f);
}

/* blocks that cannot be read: found before the first one moves */
static void test_unreadable(void **state)
{
	struct fx *f = fx_new();
	struct src s[3] = { { .nsid = 2, .slba = 0, .nlb = 10 },
			    { .nsid = 2, .slba = 20, .nlb = 10 },
			    { .nsid = 2, .slba = 40, .nlb = 10 } };
	struct drv_cmd cmd = rw_cmd(OP_WRITE_UNCOR, 49, 1, 0);
	struct drv_cmd dulbe = { .dw = { [0] = 0x09, [1] = 2, [10] = 0x05, [11] = 1u << 16 } };
	struct nvme_smart_log before, after;

	write_blocks(f, 1, 0, 256, 5);
	write_blocks(f, 2, 0, 40, 6);
	/* unwritten blocks read as zeroes */
	assert_int_equal(copy(f, 1, 300, 2, 0, &s[2], 1), 0);
	read_blocks(f, 1, 300, 10);
	for (unsigned int i = 0; i < 5120; i++)
		assert_int_equal(((uint8_t *)drv_ptr(f->d, f->back))[i], 0);
	/* unless the host wants to know: the destination's DULBE has no say */
	assert_int_equal(drv_admin(f->d, &dulbe, 0, 0, NULL), 0);
	refuse(f, ST_UNWRITTEN, 1, 100, 2, 0, s, 3);
	assert_int_equal(last_error(f->d).lba, 40);
	assert_int_equal(copy(f, 2, 100, 0, 0, s, 1), 0);

	cmd.dw[1] = 2;
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), 0);
	before = smart(f->d);
	s[2].slba = 45;
	refuse(f, ST_UNREAD, 1, 100, 2, 0, s, 3);
	assert_int_equal(last_error(f->d).lba, 49);
	after = smart(f->d);
	assert_int_equal(u64_at(after.media_errors) - u64_at(before.media_errors), 1);
	expect(f, 1, 0, 256, 0, 5);
	/* a copy onto it heals a bad block */
	dulbe.dw[11] = 0;
	assert_int_equal(drv_admin(f->d, &dulbe, 0, 0, NULL), 0);
	s[0] = (struct src){ .nsid = 1, .slba = 0, .nlb = 10 };
	assert_int_equal(copy(f, 2, 45, 2, 0, s, 1), 0);
	expect(f, 2, 45, 10, 0, 5);
	fx_done(f);
}

/* ---- copying -------------------------------------------------------------------------------- */

/* the destination is the sources one behind the other, in their order (figure 41) */
static void test_ranges(void **state)
{
	struct fx *f = fx_new();
	struct nvme_smart_log before, after;
	struct src s[MSRC + 1];

	write_blocks(f, 1, 0, 4096, 7);
	write_blocks(f, 2, 0, 4096, 8);
	for (uint8_t fmt = 0; fmt < 4; fmt++) {
		uint64_t at = 5000 + 2000u * fmt;

		for (unsigned int i = 0; i <= MSRC; i++)
			s[i] = (struct src){ .nsid = 1 + (fmt >= 2 && i % 3 == 0),
					     .slba = (i * 997 + fmt) % 3000, .nlb = 1 + i * 11 };
		before = smart(f->d);
		assert_int_equal(copy(f, 1, at, fmt, 0, s, MSRC + 1), 0);
		assert_int_equal(f->dw0, 0);
		after = smart(f->d);
		assert_int_equal(u64_at(after.host_reads) - u64_at(before.host_reads), 1);
		assert_int_equal(u64_at(after.host_writes) - u64_at(before.host_writes), 1);
		for (unsigned int i = 0; i <= MSRC; i++, at += s[i - 1].nlb)
			expect(f, 1, at, s[i].nlb, s[i].slba, s[i].nsid == 2 ? 8 : 7);
		/* not a block more */
		read_blocks(f, 1, at, 1);
		for (unsigned int i = 0; i < 512; i++)
			assert_int_equal(((uint8_t *)drv_ptr(f->d, f->back))[i], 0);
	}
	/* Data Units: written, not read; thousands of sectors, rounded up */
	before = smart(f->d);
	s[0] = (struct src){ .slba = 0, .nlb = 4000 };
	assert_int_equal(copy(f, 1, 12000, 0, 0, s, 1), 0);
	after = smart(f->d);
	assert_int_equal(u64_at(after.data_units_written) - u64_at(before.data_units_written), 4);
	assert_int_equal(u64_at(after.data_units_read), u64_at(before.data_units_read));
	fx_done(f);
}

/* longer than what the device holds at a time; with metadata that is just metadata; large blocks */
static void test_long(void **state)
{
	struct fx *f = fx_new();
	struct src s[4];

	write_blocks(f, 1, 0, 4096, 11);
	write_blocks(f, 1, 4096, 2000, 11);
	for (unsigned int i = 0; i < 3; i++)
		s[i] = (struct src){ .slba = 2000u * i, .nlb = 2000 };
	assert_int_equal(copy(f, 1, 10000, 0, 0, s, 3), 0);
	expect(f, 1, 10000, 4000, 0, 11);
	expect(f, 1, 14000, 2000, 4000, 11);

	write_blocks(f, 5, 0, 4096, 12);
	read_blocks(f, 5, 0, 4096);
	memcpy(drv_ptr(f->d, f->md), drv_ptr(f->d, f->back_md), 4096 * 8);
	s[0] = (struct src){ .slba = 0, .nlb = 4000 };
	s[1] = (struct src){ .slba = 96, .nlb = 4000 };
	assert_int_equal(copy(f, 5, 5000, 0, 0, s, 2), 0);
	expect(f, 5, 5000, 4000, 0, 12);
	assert_memory_equal(drv_ptr(f->d, f->back_md), drv_ptr(f->d, f->md), 4000 * 8);
	expect(f, 5, 9000, 4000, 96, 12);
	assert_memory_equal(drv_ptr(f->d, f->back_md),
			    (uint8_t *)drv_ptr(f->d, f->md) + 96 * 8, 4000 * 8);

	write_blocks(f, 6, 0, 500, 13);
	s[0] = (struct src){ .slba = 0, .nlb = 400 };
	s[1] = (struct src){ .slba = 100, .nlb = 400 };
	assert_int_equal(copy(f, 6, 1000, 1, 0, s, 2), 0);
	expect(f, 6, 1000, 400, 0, 13);
	expect(f, 6, 1400, 400, 100, 13);
	fx_done(f);
}

static void test_fua(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv_params p;
	struct drv_cmd cmd = copy_cmd(1, 100, 0, 1, FUA);
	struct src one = { .slba = 0, .nlb = 4 };
	struct drv_cqe cqe;
	struct drv *d;
	uint64_t iova;

	drv_params(&p);
	p.ns.store = &s->st;
	p.ns_bytes = s->st.size;
	p.ns.msrc = 3;
	d = drv_new(&p);
	drv_start(d);
	iova = drv_alloc(d, 4096);
	put_src(drv_ptr(d, iova), 0, &one);
	drv_prps(d, &cmd, iova, 32);
	drv_submit(d, &d->io, &cmd);
	assert_false(drv_poll(d, &d->io, &cqe));
	slow_finish(s);
	assert_true(drv_poll(d, &d->io, &cqe));
	assert_int_equal(cqe.status, 0);
	cmd.dw[12] &= ~FUA;
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
	assert_int_equal(s->flushes, 1);
	drv_free(d);
	slow_free(s);
}

/* ---- reservations --------------------------------------------------------------------------- */

/* Reservation Register, Acquire, Release of namespace 2 with key ABCh; action 0 of each */
static void resv(struct drv *d, uint8_t opcode, uint8_t rtype)
{
	struct drv_cmd cmd = { .dw = { [0] = opcode, [1] = 2, [10] = (uint32_t)rtype << 8 } };
	uint64_t iova = drv_alloc(d, 16), key = 0xabc;

	memcpy((uint8_t *)drv_ptr(d, iova) + (opcode == 0x0d ? 8 : 0), &key, 8);
	assert_int_equal(drv_io(d, &cmd, iova, opcode == 0x15 ? 8 : 16, NULL), 0);
}

static void test_reserved(void **state)
{
	struct fx *f = fx_new();
	struct drv *other = drv_add_fn(f->d, NULL);
	struct src s[2] = { { .nsid = 1, .nlb = 8 }, { .nsid = 2, .nlb = 8 } };

	drv_start(other);
	resv(other, 0x0d, 0);
	resv(other, 0x11, 1);
	/* Write Exclusive: others may read it, but not write to it */
	assert_int_equal(copy(f, 1, 100, 2, 0, s, 2), 0);
	refuse(f, ST_RESV, 2, 100, 2, 0, s, 1);
	resv(other, 0x15, 1);
	resv(other, 0x11, 2); /* Exclusive Access: nor read it */
	refuse(f, ST_RESV, 1, 100, 2, 0, s, 2);
	assert_int_equal(copy(f, 1, 100, 2, 0, s, 1), 0);
	fx_done(f);
}

/* ---- several at a time ---------------------------------------------------------------------- */

#define REGION 64u
#define TURNS 300u

struct worker {
	struct fx *f;
	struct drv_queue q;
	uint64_t iova;
	uint32_t from, to; /* namespaces */
	uint64_t src;	   /* region that is copied; UINT64_MAX: read */
	unsigned int bad;
	pthread_t thread;
};

static uint16_t run(struct worker *w, struct drv_cmd *cmd)
{
	struct drv_cqe cqe;

	drv_submit(w->f->d, &w->q, cmd);
	while (!drv_poll(w->f->d, &w->q, &cqe))
		;
	return cqe.status & 0x7ff;
}

/* a Copy is one write: whoever reads its destination sees all of one, or all of another */
static void *read_or_copy(void *arg)
{
	struct worker *w = arg;
	struct drv *d = w->f->d;

	for (unsigned int i = 0; i < TURNS && !w->bad; i++) {
		struct drv_cmd cmd;

		if (w->src == UINT64_MAX) {
			const uint8_t *p = drv_ptr(d, w->iova);

			cmd = rw_cmd(OP_READ, 0, 16, 0);
			cmd.dw[1] = w->to;
			drv_prps(d, &cmd, w->iova, 8192); /* two pages need no list */
			w->bad += run(w, &cmd) != 0;
			for (unsigned int k = 1; k < 8192; k++)
				w->bad += p[k] != p[0];
		} else {
			struct src s[2] = { { w->from, w->src, 5, 0, 0, 0 },
					    { w->from, w->src + 5, REGION - 5, 0, 0, 0 } };

			cmd = copy_cmd(w->to, 0, 2, 2, 0);
			put_src(drv_ptr(d, w->iova), 2, &s[0]);
			put_src((uint8_t *)drv_ptr(d, w->iova) + 32, 2, &s[1]);
			drv_prps(d, &cmd, w->iova, 64);
			w->bad += run(w, &cmd) != 0;
		}
	}
	return NULL;
}

static void join(struct worker *w, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].bad, 0);
	}
}

static void start(struct fx *f, struct worker *w, unsigned int n, void *(*fn)(void *arg))
{
	for (unsigned int i = 0; i < n; i++) {
		w[i].f = f;
		w[i].iova = drv_alloc(f->d, 8192);
		drv_create_queue(f->d, &w[i].q, (uint16_t)(i + 2), 4);
	}
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, fn, &w[i]), 0);
}

static void test_one_write(void **state)
{
	struct fx *f = fx_new();
	struct worker w[3] = { { .from = 1, .to = 2, .src = 100 },
			       { .from = 1, .to = 2, .src = 200 },
			       { .to = 2, .src = UINT64_MAX } };

	for (unsigned int i = 0; i < 2; i++) {
		memset(drv_ptr(f->d, f->data), (int)(0x11 + i), REGION * 512);
		assert_int_equal(move(f, OP_WRITE, 1, 100 + i * 100, REGION, 0, 0, 0, f->data, 0),
				 0);
	}
	assert_int_equal(move(f, OP_WRITE, 2, 0, REGION, 0, 0, 0, f->data, 0), 0);
	start(f, w, 3, read_or_copy);
	join(w, 3);
	fx_done(f);
}

/* copies whose sources are the others' destinations, across namespaces: all of them end */
static void *cross(void *arg)
{
	struct worker *w = arg;
	struct drv *d = w->f->d;

	for (unsigned int i = 0; i < TURNS && !w->bad; i++) {
		struct src s[3] = { { w->from, 40 * (i % 3), 40, 0, 0, 0 },
				    { w->to, 1000 + i % 7, 20, 0, 0, 0 },
				    { w->from, 150, 40, 0, 0, 0 } };
		struct drv_cmd cmd = copy_cmd(w->to, 20 * (i % 5), 2, 3, 0);

		for (unsigned int k = 0; k < 3; k++)
			put_src((uint8_t *)drv_ptr(d, w->iova) + 32 * k, 2, &s[k]);
		drv_prps(d, &cmd, w->iova, 96);
		w->bad += run(w, &cmd) != 0;
	}
	return NULL;
}

static void test_no_deadlock(void **state)
{
	struct fx *f = fx_new();
	struct worker w[4] = { { .from = 1, .to = 2 }, { .from = 2, .to = 1 },
			       { .from = 3, .to = 4 }, { .from = 4, .to = 3 } };

	start(f, w, 4, cross);
	join(w, 4);
	fx_done(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_enable),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_identify),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_fua),
		cmocka_unit_test(test_one_write),
		cmocka_unit_test(test_no_deadlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
