/* SPDX-License-Identifier: MIT */
/*
 * formatcmd.h - Format NVM for unit tests: the command, the formats there are, and a subsystem to
 * use it on.
 */
#ifndef TESTS_FORMATCMD_H
#define TESTS_FORMATCMD_H

#include "mem_journal.h"
#include "mock_store.h"
#include "nvmcmd.h"

#define NS_BYTES (4u << 20)

enum {
	ST_FIELD = 0x002,
	ST_INTERNAL = 0x006,
	ST_ABORTED = 0x007,
	ST_NS = 0x00b,
	ST_PROTECTED = 0x020,
	ST_RANGE = 0x080,
	ST_CONFLICT = 0x083,
	ST_FORMATTING = 0x084,
	ST_FORMAT = 0x10a,
	ST_READ_ONLY = 0x182,
	ST_WRITE_FAULT = 0x280,
};

#define MSET (1u << 4)
#define PI(type) ((uint32_t)(type) << 5)
#define PIL (1u << 8)
#define SES(how) ((uint32_t)(how) << 9)
#define LBAFU(n) ((uint32_t)(n) << 12)
#define ALL 0xffffffffu

/* figure 189 */
static inline struct drv_cmd format_cmd(uint32_t nsid, uint32_t cdw10)
{
	return (struct drv_cmd){ .dw = { [0] = 0x80, [1] = nsid, [10] = cdw10 } };
}

static inline uint16_t format(struct drv *d, uint32_t nsid, uint32_t cdw10)
{
	struct drv_cmd cmd = format_cmd(nsid, cdw10);

	return drv_admin(d, &cmd, 0, 0, NULL);
}

/* Identify into @buf: one page serves a whole test */
static inline const uint8_t *identify(struct drv *d, uint64_t buf, uint8_t cns, uint32_t nsid)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x06, [1] = nsid, [10] = cns } };

	memset(drv_ptr(d, buf), 0xcc, 4096);
	assert_int_equal(drv_admin(d, &cmd, buf, 4096, NULL), 0);
	return drv_ptr(d, buf);
}

static inline uint16_t set_feature(struct drv *d, uint8_t fid, uint32_t nsid, uint32_t cdw11)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [1] = nsid, [10] = fid, [11] = cdw11 } };

	return drv_admin(d, &cmd, 0, 0, NULL);
}

/* Host Behavior Support: LBA Format Extension Enable */
static inline void set_lbafee(struct drv *d, bool on)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x16 } };
	uint64_t buf = drv_alloc(d, 512);
	uint8_t *data = drv_ptr(d, buf);

	memset(data, 0, 512);
	data[2] = on;
	assert_int_equal(drv_admin(d, &cmd, buf, 512, NULL), 0);
}

/* a subsystem with one namespace on @st (NULL: of memory), @j (NULL: nothing survives) */
static inline struct drv *start(struct sim_store *st, struct mem_journal *j)
{
	struct drv_params p;
	struct drv *d;

	drv_params(&p);
	p.ns_bytes = NS_BYTES;
	p.ns.store = st;
	if (j)
		p.journal = memj_port(j);
	d = drv_new(&p);
	drv_start(d);
	return d;
}

static inline void add_ns(struct drv *d, struct sim_store *st, uint32_t nsid, bool detached)
{
	struct sim_ns_params p = { .nsid = nsid,
				   .logical_block_size = 512,
				   .physical_block_size = 512,
				   .shared = true,
				   .detached = detached,
				   .store = st,
				   .discard_granularity = UINT32_MAX };
	struct sim_msg msg = { "" };

	if (sim_ns_add(d->subsys, NULL, &p, &msg) < 0)
		fail_msg("%s", msg.text);
}

/* @n blocks of @bs bytes full of @byte to @slba; or read: all of them are @byte. Return: status */
static inline uint16_t fill(struct drv *d, uint64_t buf, uint64_t slba, uint32_t n, uint32_t bs,
		     uint8_t byte)
{
	memset(drv_ptr(d, buf), byte, (size_t)n * bs);
	return rw(d, OP_WRITE, slba, n, 0, buf, bs);
}

static inline void expect(struct drv *d, uint64_t buf, uint64_t slba, uint32_t n, uint32_t bs,
		   uint8_t byte)
{
	const uint8_t *p = drv_ptr(d, buf);

	memset(drv_ptr(d, buf), ~byte, (size_t)n * bs);
	assert_int_equal(rw(d, OP_READ, slba, n, 0, buf, bs), 0);
	for (size_t i = 0; i < (size_t)n * bs; i++)
		assert_int_equal(p[i], byte);
}

/* the formats, as test_ns.c finds them in Identify; @tuple: bytes of protection information */
static const struct {
	uint8_t lbads;
	uint16_t ms;
	uint8_t tuple, sts;
	bool extended; /* 5.3.1: an extended protection information format */
} formats[] = {
	{ 9, 0, 8, 0, false },	 { 9, 8, 8, 0, false },	   { 9, 16, 8, 0, false },
	{ 9, 64, 8, 0, false },	 { 12, 0, 8, 0, false },   { 12, 8, 8, 0, false },
	{ 12, 16, 8, 0, false }, { 12, 64, 8, 0, false },  { 12, 8, 8, 16, true },
	{ 12, 16, 16, 16, true }, { 12, 16, 16, 0, true }, { 12, 16, 16, 24, true },
	{ 12, 64, 16, 48, true }, { 12, 64, 16, 0, true }, { 12, 64, 16, 32, true },
};
#define NR_FORMATS (sizeof(formats) / sizeof(formats[0]))

#endif /* TESTS_FORMATCMD_H */
