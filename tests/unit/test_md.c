/* SPDX-License-Identifier: MIT */
/*
 * test_md.c - metadata, interleaved with the data and separate: moved, compared, zeroed, limited.
 * NVM Command Set 1.1, section 3.3; NVMe Base 2.1, 4.1.1 (MPTR).
 */
#include "mdcmd.h"

/* ---- metadata without protection information ------------------------------------------------ */

static void roundtrip(struct fixture *f)
{
	static const uint32_t nlb[] = { 1, 2, 7, 8, 63, 120 };

	for (unsigned int i = 0; i < sizeof(nlb) / sizeof(nlb[0]); i++) {
		write_ok(f, 100 + i, nlb[i], (uint8_t)i);
		read_expect(f, 100 + i, nlb[i], (uint8_t)i);
	}
	/* in other pieces than it was written, up to the last block */
	write_ok(f, NSZE - 50, 50, 9);
	for (uint32_t at = 0; at < 50; at += 10)
		read_expect(f, NSZE - 50 + at, 10, 9);
	/* a piece of it, and the rest is as before */
	write_ok(f, NSZE - 45, 3, 10);
	read_expect(f, NSZE - 50, 5, 9);
	read_expect(f, NSZE - 45, 3, 10);
	read_expect(f, NSZE - 42, 42, 9);
	assert_int_equal(io(f, OP_READ, NSZE - 1, 2, 0), 0x80);
	assert_int_equal(io(f, OP_WRITE, NSZE, 1, 0), 0x80);
}

static void test_roundtrip(void **state)
{
	EACH(plain, roundtrip);
	EACH(protected, roundtrip);
}

/* on the medium: all data, then all metadata */
static void test_medium(void **state)
{
	struct fixture *f = make(&plain[1]);

	write_ok(f, 5, 3, 1);
	for (uint32_t i = 0; i < 3; i++) {
		assert_memory_equal(f->m.mem + (5 + i) * 512u, data_at(f, i), 512);
		assert_memory_equal(f->m.mem + NSZE * 512u + (5 + i) * 8, meta_at(f, i), 8);
	}
	done(f);
}

/* one call of the port for an interleaved buffer, one for data and separate metadata */
static void test_transfers(void **state)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct fixture *f = make(&plain[i]);

		fill(f, 0, 8, 1);
		f->d->xfers = 0;
		assert_int_equal(io(f, OP_WRITE, 0, 8, 0), 0);
		assert_int_equal(f->d->xfers, 1);
		assert_int_equal(io(f, OP_READ, 0, 8, 0), 0);
		assert_int_equal(f->d->xfers, 2);
		done(f);
	}
}

/* section 3.3.1: data, and metadata but for protection information */
static void compare(struct fixture *f)
{
	write_ok(f, 0, 40, 1);
	assert_int_equal(io(f, OP_COMPARE, 0, 40, 0), 0);
	data_at(f, 33)[f->l->lbs - 1] ^= 1;
	assert_int_equal(io(f, OP_COMPARE, 0, 40, 0), 0x285);
	assert_int_equal(sim_le64(last_error(f->d).lba), 33);
	data_at(f, 33)[f->l->lbs - 1] ^= 1;
	for (uint32_t k = 0; k < f->l->ms; k += f->l->ms / 8u) {
		bool pi = f->l->pi && k >= pi_at(f->l) && k < pi_at(f->l) + 8;

		meta_at(f, 12)[k] ^= 0x80;
		assert_int_equal(io(f, OP_COMPARE, 0, 40, 0), pi ? 0 : 0x285);
		if (!pi)
			assert_int_equal(sim_le64(last_error(f->d).lba), 12);
		meta_at(f, 12)[k] ^= 0x80;
	}
	/* the medium and the host are as they were */
	expect_filled(f, 0, 40, 1);
	read_expect(f, 0, 40, 1);
}

static void test_compare(void **state)
{
	EACH(plain, compare);
	EACH(protected, compare);
}

/* Compare with what the buffers hold, and Write of fill()'s blocks; the statuses of the two */
static void fused(struct fixture *f, uint32_t nlb, uint8_t seed, uint16_t compare, uint16_t write)
{
	struct drv_cmd cmd[2] = { command(f, OP_COMPARE, 7, nlb, 0),
				  command(f, OP_WRITE, 7, nlb, 0) };
	size_t len = (size_t)nlb * (f->l->lbs + (f->l->mset ? f->l->ms : 0u));
	uint64_t data = f->data, meta = f->meta;
	struct drv_cqe cqe;

	cmd[0].dw[0] |= 0x01 << 8;
	drv_prps(f->d, &cmd[0], data, len);
	drv_mptr(&cmd[0], meta);
	f->data = drv_alloc(f->d, len);
	f->meta = drv_alloc(f->d, (size_t)nlb * f->l->ms);
	fill(f, 7, nlb, seed);
	cmd[1].dw[0] |= 0x02 << 8;
	drv_prps(f->d, &cmd[1], f->data, len);
	drv_mptr(&cmd[1], f->meta);
	f->data = data;
	f->meta = meta;
	drv_submit(f->d, &f->d->io, &cmd[0]);
	drv_submit(f->d, &f->d->io, &cmd[1]);
	assert_true(drv_poll(f->d, &f->d->io, &cqe));
	assert_int_equal(cqe.status & 0x7ff, compare);
	assert_true(drv_poll(f->d, &f->d->io, &cqe));
	assert_int_equal(cqe.status & 0x7ff, write);
}

/* section 2.1.3.1 */
static void compare_write(struct fixture *f)
{
	write_ok(f, 7, 30, 1);
	fused(f, 30, 2, 0, 0);
	read_expect(f, 7, 30, 2);
	meta_at(f, 29)[f->l->pi && f->l->pil ? 8 : 0] ^= 1; /* not of the tuple, if there is more */
	if (!f->l->pi || f->l->ms > 8) {
		fused(f, 30, 3, 0x285, 0x009);
		read_expect(f, 7, 30, 2);
	}
	data_at(f, 3)[9] ^= 1;
	fused(f, 30, 3, 0x285, 0x009);
	read_expect(f, 7, 30, 2);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, 20, 1, 0), 0);
	fused(f, 30, 3, 0x281, 0x009);
}

static void test_compare_write(void **state)
{
	EACH(plain, compare_write);
	EACH(protected, compare_write);
}

static void zeroes(struct fixture *f)
{
	uint8_t none[4096] = { 0 };

	write_ok(f, 0, 60, 1);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_ZEROES, 10, 10, 0), 0);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_ZEROES, 20, 10, DEAC), 0);
	assert_int_equal(deallocate(f->d, 30, 10), 0);
	read_expect(f, 0, 10, 1);
	read_expect(f, 40, 20, 1);
	assert_int_equal(io(f, OP_READ, 10, 30, 0), 0);
	for (uint32_t i = 0; i < 30; i++) {
		uint8_t want[4096] = { 0 };

		assert_memory_equal(data_at(f, i), none, f->l->lbs);
		/* section 3.3.3.2.1: the tuple of a block that is not allocated is all ones */
		if (f->l->pi && i >= 10)
			memset(want + pi_at(f->l), 0xff, 8);
		assert_memory_equal(meta_at(f, i), want, f->l->ms);
	}
}

static void test_zeroes(void **state)
{
	EACH(plain, zeroes);
	EACH(protected, zeroes);
}

static void verify(struct fixture *f)
{
	write_ok(f, 0, 100, 1);
	clear(f);
	assert_int_equal(io(f, OP_VERIFY, 0, 100, 0), 0);
	assert_int_equal(no_data_cmd(f->d, OP_WRITE_UNCOR, 70, 1, 0), 0);
	assert_int_equal(io(f, OP_VERIFY, 0, 70, 0), 0);
	assert_int_equal(io(f, OP_VERIFY, 0, 100, 0), 0x281);
	assert_int_equal(sim_le64(last_error(f->d).lba), 70);
	expect_untouched(f);
	assert_int_equal(io(f, OP_READ, 0, 100, 0), 0x281);
	assert_int_equal(io(f, OP_COMPARE, 0, 100, 0), 0x281);
	expect_untouched(f);
}

static void test_verify(void **state)
{
	EACH(plain, verify);
	EACH(protected, verify);
}

/* ---- size limits ---------------------------------------------------------------------------- */

static void edge(const struct layout *l, bool mem, uint32_t flags, uint32_t max)
{
	struct fixture *f = make_with(l, NSZE, 7, mem); /* 512 KiB */
	static const uint8_t ops[] = { OP_WRITE, OP_READ };

	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(io(f, ops[i], 0, max, flags), 0);
		assert_int_equal(io(f, ops[i], 0, max + 1, flags), 0x02);
		assert_int_equal(sim_le16(last_error(f->d).parm_error_location), 48);
	}
	if (!flags) {
		assert_int_equal(io(f, OP_COMPARE, 0, max, 0), 0);
		assert_int_equal(io(f, OP_COMPARE, 0, max + 1, 0), 0x02);
		/* VSL, as MDTS */
		max = l->mset && !mem ? max : (512u << 10) / l->lbs;
		assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, max, 0), 0);
		assert_int_equal(no_data_cmd(f->d, OP_VERIFY, 0, max + 1, 0), 0x02);
	}
	done(f);
}

/* metadata counts where it is interleaved, unless CTRATT.MEM; not what the controller makes */
static void test_mdts(void **state)
{
	const uint32_t bytes = 512u << 10;

	edge(&plain[0], false, 0, 1024);
	edge(&plain[1], false, 0, bytes / 520);
	edge(&plain[1], true, 0, 1024);
	edge(&plain[3], false, 0, bytes / (4096 + 64));
	edge(&plain[3], true, 0, 128);
	edge(&protected[1], false, PRACT, 1024);
	edge(&protected[3], false, PRACT, bytes / (512 + 64));
	edge(&protected[0], false, PRACT, 1024);
}

/* as much metadata as there can be beside as much data */
static void test_largest(void **state)
{
	static const struct layout l = { "512+4096 extended", 512, 4096, 1, 0, 0 };
	static const uint32_t nlb = 4096;
	struct fixture *f = make_with(&l, nlb + 10, 9, true);
	const size_t len = nlb * (512u + 4096u);
	struct drv_cmd cmd = command(f, OP_WRITE, 0, nlb, 0);

	f->d->brk = f->data - DRV_IOVA;
	f->data = drv_alloc(f->d, len);
	fill(f, 0, nlb, 3);
	assert_int_equal(drv_io(f->d, &cmd, f->data, len, NULL), 0);
	cmd = command(f, OP_COMPARE, 0, nlb, 0);
	assert_int_equal(drv_io(f->d, &cmd, f->data, len, NULL), 0);
	data_at(f, nlb - 1)[4607] ^= 1;
	assert_int_equal(drv_io(f->d, &cmd, f->data, len, NULL), 0x285);
	assert_int_equal(sim_le64(last_error(f->d).lba), nlb - 1);
	memset(drv_ptr(f->d, f->data), 0, len);
	cmd = command(f, OP_READ, 0, nlb, 0);
	assert_int_equal(drv_io(f->d, &cmd, f->data, len, NULL), 0);
	for (uint32_t i = 0; i < nlb; i += 15)
		for (uint32_t k = 0; k < 4096; k += 64)
			assert_int_equal(meta_at(f, i)[k], (uint8_t)(3 ^ (k * 5 + i * 3)));
	assert_int_equal(data_at(f, nlb - 1)[511], (uint8_t)(3 + 511 * 7 + (nlb - 1) * 13));
	done(f);
}

/* ---- the metadata pointer ------------------------------------------------------------------- */

/* @psdt: of byte 1. Return: status of @opcode on 8 blocks */
static uint16_t with_mptr(struct fixture *f, uint8_t opcode, uint8_t psdt, uint64_t mptr)
{
	struct drv_cmd cmd = command(f, opcode, 0, 8, 0);

	drv_mptr(&cmd, mptr);
	if (!psdt)
		return drv_io(f->d, &cmd, f->data, 8 * 512, NULL);
	cmd.dw[0] |= (uint32_t)psdt << 8;
	cmd.dw[6] = (uint32_t)f->data;
	cmd.dw[7] = (uint32_t)(f->data >> 32);
	cmd.dw[8] = 8 * 512;
	return drv_io(f->d, &cmd, 0, 0, NULL);
}

static uint64_t sgl(struct fixture *f, uint64_t iova, uint32_t len, uint8_t type)
{
	uint64_t at = drv_alloc(f->d, 16), *d = drv_ptr(f->d, at);

	d[0] = sim_le64(iova);
	d[1] = sim_le64((uint64_t)type << 56 | len);
	return at;
}

static void test_mptr(void **state)
{
	struct fixture *f = make(&plain[0]);
	uint64_t at = f->meta, segment;

	write_ok(f, 0, 8, 1);
	/* contiguous, over a page's end and anywhere a dword is; with SGLs, anywhere */
	f->meta = at + 4096 - 20;
	read_expect(f, 0, 8, 1);
	f->meta = at;
	clear(f);
	assert_int_equal(with_mptr(f, OP_READ, 0x40, f->meta + 3), 0);
	f->meta += 3;
	expect_filled(f, 0, 8, 1);
	f->meta -= 3;
	/* a descriptor, and a segment of two that it points to */
	clear(f);
	assert_int_equal(with_mptr(f, OP_READ, 0x80, sgl(f, f->meta, 64, 0x00)), 0);
	expect_filled(f, 0, 8, 1);
	segment = sgl(f, f->meta + 100, 24, 0x00);
	sgl(f, f->meta + 5000, 40, 0x00);
	memcpy((uint8_t *)drv_ptr(f->d, segment) + 16,
	       drv_ptr(f->d, sgl(f, f->meta + 5000, 40, 0x00)), 16);
	clear(f);
	assert_int_equal(with_mptr(f, OP_READ, 0x80, sgl(f, segment, 32, 0x30)), 0);
	memcpy(drv_ptr(f->d, f->meta), drv_ptr(f->d, f->meta + 100), 24);
	memcpy(drv_ptr(f->d, f->meta + 24), drv_ptr(f->d, f->meta + 5000), 40);
	expect_filled(f, 0, 8, 1);
	done(f);
}

struct bad_mptr {
	uint8_t psdt;
	uint64_t mptr; /* an SGL descriptor's type and length with @sgl */
	uint16_t status;
	bool sgl;
};

static void test_bad_mptr(void **state)
{
	static const struct bad_mptr cases[] = {
		{ 0, 0, 0x004, false },			   /* none: nothing is there */
		{ 0, 0x5000, 0x004, false },		   /* no memory */
		{ 0, DRV_IOVA + DRV_MEM - 32, 0x004, false }, /* memory ends */
		{ 0, UINT64_MAX - 31, 0x004, false },	   /* addresses end */
		{ 0, DRV_IOVA + 0x2002, 0x002, false },	   /* not a dword's address */
		{ 0x40, 0x5001, 0x004, false },
		{ 0x80, 0x5000, 0x004, false },		   /* no descriptor */
		{ 0x80, DRV_IOVA + 0x2004, 0x002, false }, /* not a quadword's address */
		{ 0x80, 0x0000000000000000 | 63, 0x010, true }, /* too short */
		{ 0x80, 0x1000000000000000 | 64, 0x011, true }, /* bit bucket */
		{ 0x80, 0x4000000000000000 | 64, 0x011, true }, /* keyed */
		{ 0x80, 0x3000000000000000 | 24, 0x00d, true }, /* a segment of one and a half */
	};
	struct fixture *f = make(&plain[0]);
	uint64_t desc = drv_alloc(f->d, 16), *d = drv_ptr(f->d, desc);

	write_ok(f, 0, 8, 1);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bad_mptr *c = &cases[i];

		d[0] = sim_le64(f->meta);
		d[1] = sim_le64(c->mptr);
		clear(f);
		assert_int_equal(with_mptr(f, OP_READ, c->psdt, c->sgl ? desc : c->mptr),
				 c->status);
		assert_int_equal(sim_le16(last_error(f->d).parm_error_location), 16);
		assert_int_equal(with_mptr(f, OP_COMPARE, c->psdt, c->sgl ? desc : c->mptr),
				 c->status);
		fill(f, 0, 8, 2);
		assert_int_equal(with_mptr(f, OP_WRITE, c->psdt, c->sgl ? desc : c->mptr),
				 c->status);
		read_expect(f, 0, 8, 1);
	}
	/* it has no meaning where metadata is interleaved, or none is transferred */
	done(f);
	f = make(&plain[1]);
	fill(f, 0, 8, 1);
	struct drv_cmd cmd = command(f, OP_WRITE, 0, 8, 0);
	drv_mptr(&cmd, 0x5001);
	assert_int_equal(drv_io(f->d, &cmd, f->data, 8 * 520, NULL), 0);
	done(f);
	f = make(&protected[0]);
	cmd = command(f, OP_WRITE, 0, 8, PRACT);
	drv_mptr(&cmd, 0x5001);
	assert_int_equal(drv_io(f->d, &cmd, f->data, 8 * 512, NULL), 0);
	done(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roundtrip),
		cmocka_unit_test(test_medium),
		cmocka_unit_test(test_transfers),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_compare_write),
		cmocka_unit_test(test_zeroes),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_mdts),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_mptr),
		cmocka_unit_test(test_bad_mptr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
