/* SPDX-License-Identifier: MIT */
/*
 * test_zone_md.c - metadata and protection information of Zone Append: Zoned Namespace Command
 * Set 1.1, section 3.4.1.1.
 */
#include "../../core/ns/pi.h"
#include "zonecmd.h"

#define PIREMAP (1u << 25)
#define NLB	4u

struct fx {
	struct drv *d;
	uint64_t data, md;
};

static void begin(struct fx *f, uint8_t pi, uint16_t ms)
{
	struct drv_params p;

	zone_params(&p);
	p.ns.ms = ms;
	p.ns.pi = pi;
	f->d = zone_start(&p);
	f->data = drv_alloc(f->d, NLB * ZLBS);
	f->md = drv_alloc(f->d, NLB * 64);
}

static uint16_t issue(struct fx *f, uint8_t op, uint64_t slba, uint32_t flags, uint32_t ref,
		      uint64_t *alba)
{
	struct drv_cmd cmd = rw_cmd(op, slba, NLB, flags);
	struct drv_cqe cqe = { 0 };
	uint16_t status;

	cmd.dw[14] = ref;
	cmd.dw[15] = 0xffffu << 16 | 0x1234;
	drv_mptr(&cmd, f->md);
	status = drv_io(f->d, &cmd, f->data, NLB * ZLBS, &cqe);
	if (alba)
		*alba = cqe.dw0;
	return status;
}

static void put_be(uint8_t *p, uint32_t v, unsigned int n)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

static uint32_t get_be(const uint8_t *p, unsigned int n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

/* what a host sends: guards, application tag, and reference tags that count from @ref */
static void make(struct fx *f, uint8_t fill, uint32_t ref)
{
	uint8_t *data = drv_ptr(f->d, f->data), *md = drv_ptr(f->d, f->md);

	memset(data, fill, NLB * ZLBS);
	for (unsigned int i = 0; i < NLB; i++, md += 8) {
		put_be(md, sim_crc16_t10dif(0, data + i * ZLBS, ZLBS), 2);
		put_be(md + 2, 0x1234, 2);
		put_be(md + 4, ref + i, 4);
	}
}

/* reference tags on the medium count from @ref */
static void check(struct fx *f, uint64_t slba, uint8_t fill, uint32_t ref)
{
	const uint8_t *data = drv_ptr(f->d, f->data), *md = drv_ptr(f->d, f->md);

	memset(drv_ptr(f->d, f->md), 0, NLB * 8);
	assert_int_equal(issue(f, OP_READ, slba, 0, 0, NULL), 0);
	for (unsigned int i = 0; i < NLB; i++, md += 8) {
		assert_int_equal(data[i * ZLBS], fill);
		assert_int_equal(get_be(md, 2), sim_crc16_t10dif(0, data + i * ZLBS, ZLBS));
		assert_int_equal(get_be(md + 2, 2), 0x1234);
		assert_int_equal(get_be(md + 4, 4), ref + i);
	}
}

/* Type 1: ILBRT is ZSLBA, and the medium has each block's address */
static void type1(void **state)
{
	struct fx f;
	uint64_t alba;

	begin(&f, 1, 8);
	make(&f, 1, ZSZE);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, 0, ZSZE, NULL), 0x181);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PIREMAP | PRCHK_ALL, 7, NULL), 0x181);
	assert_zone(f.d, 1, ZS_EMPTY, 0);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PIREMAP | PRCHK_ALL, ZSZE, &alba), 0);
	assert_int_equal(alba, ZSZE);
	make(&f, 2, ZSZE);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PIREMAP | PRCHK_ALL, ZSZE, &alba), 0);
	assert_int_equal(alba, ZSZE + NLB);
	check(&f, ZSZE, 1, ZSZE);
	check(&f, ZSZE + NLB, 2, ZSZE + NLB);
	assert_int_equal(issue(&f, OP_READ, ZSZE + NLB, PRCHK_ALL, ZSZE + NLB, NULL), 0);
	/* what the host got wrong does not move the write pointer */
	make(&f, 3, ZSZE);
	((uint8_t *)drv_ptr(f.d, f.md))[9] ^= 1;
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PIREMAP | PRCHK_ALL, ZSZE, &alba), 0x282);
	make(&f, 3, ZSZE + 1);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PIREMAP | PRCHK_ALL, ZSZE, &alba), 0x284);
	assert_zone(f.d, 1, ZS_IO, 2 * NLB);
	/* tags that the controller makes */
	memset(drv_ptr(f.d, f.data), 4, NLB * ZLBS);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PIREMAP | PRACT, ZSZE, &alba), 0);
	assert_int_equal(alba, ZSZE + 2 * NLB);
	check(&f, ZSZE + 2 * NLB, 4, ZSZE + 2 * NLB);
	/* Write is as it always is */
	make(&f, 5, ZSZE + 3 * NLB);
	assert_int_equal(issue(&f, OP_WRITE, ZSZE + 3 * NLB, PRCHK_ALL, ZSZE + 3 * NLB, NULL), 0);
	assert_zone(f.d, 1, ZS_IO, 4 * NLB);
	drv_free(f.d);
}

/* Type 2: with PIREMAP or without; Type 3: without */
static void types23(void **state)
{
	struct fx f;
	uint64_t alba;

	begin(&f, 2, 8);
	make(&f, 1, 1000);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PRCHK_ALL, 1000, &alba), 0);
	make(&f, 2, 1000);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PIREMAP | PRCHK_ALL, 1000, &alba), 0);
	check(&f, ZSZE, 1, 1000);
	check(&f, ZSZE + NLB, 2, 1000 + NLB);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PIREMAP | PRACT, 2000, &alba), 0);
	check(&f, ZSZE + 2 * NLB, 2, 2000 + 2 * NLB);
	drv_free(f.d);
	begin(&f, 3, 8);
	make(&f, 1, 77);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PIREMAP, 77, NULL), 0x181);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, ZSZE, PRCHK_GUARD, 77, &alba), 0);
	check(&f, ZSZE, 1, 77);
	drv_free(f.d);
}

/* metadata without protection information: PIREMAP means nothing */
static void plain(void **state)
{
	struct fx f;
	uint64_t alba;
	uint8_t *md;

	begin(&f, 0, 16);
	memset(drv_ptr(f.d, f.data), 0x21, NLB * ZLBS);
	memset(drv_ptr(f.d, f.md), 0x65, NLB * 16);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, 2 * ZSZE, 0, 0, &alba), 0);
	assert_int_equal(alba, 2 * ZSZE);
	assert_int_equal(issue(&f, OP_ZONE_APPEND, 2 * ZSZE, PIREMAP, 0, &alba), 0);
	assert_int_equal(alba, 2 * ZSZE + NLB);
	md = drv_ptr(f.d, f.md);
	memset(md, 0, NLB * 16);
	assert_int_equal(issue(&f, OP_READ, 2 * ZSZE + NLB, 0, 0, NULL), 0);
	for (unsigned int i = 0; i < NLB * 16; i++)
		assert_int_equal(md[i], 0x65);
	assert_int_equal(zone_send(f.d, 2 * ZSZE, ZSA_RESET), 0);
	assert_int_equal(issue(&f, OP_READ, 2 * ZSZE + NLB, 0, 0, NULL), 0);
	for (unsigned int i = 0; i < NLB * 16; i++)
		assert_int_equal(md[i], 0);
	drv_free(f.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(type1),
		cmocka_unit_test(types23),
		cmocka_unit_test(plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
