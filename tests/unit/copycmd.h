/* SPDX-License-Identifier: MIT */
/*
 * copycmd.h - Copy commands for unit tests, and a subsystem with namespaces of many formats for
 * them. NVM Command Set 1.1, section 3.3.2, figures 33 to 42.
 */
#ifndef TESTS_COPYCMD_H
#define TESTS_COPYCMD_H

#include <stdlib.h>

#include "../../store/store.h"
#include "nvmcmd.h"

#define OP_COPY 0x19
#define NSZE 16384u
#define MSSRL 4096u
#define MCL 16384u
#define MSRC 15u
#define BUF (4u << 20)

#define ACT 8u
#define CHK_GUARD 4u
#define CHK_APP 2u
#define CHK_REF 1u
#define PRINFOR(x) ((uint32_t)(x) << 12)
#define PRINFOW(x) ((uint32_t)(x) << 26)

enum {
	ST_FIELD = 0x002,
	ST_NS = 0x00b,
	ST_RANGE = 0x080,
	ST_RESV = 0x083,
	ST_INVALID_PI = 0x181,
	ST_SIZE_LIMIT = 0x183,
	ST_INCOMPATIBLE = 0x185,
	ST_OVERLAP = 0x187,
	ST_UNREAD = 0x281,
	ST_GUARD = 0x282,
	ST_APP = 0x283,
	ST_REF = 0x284,
	ST_UNWRITTEN = 0x287,
};

/* the namespaces, by NSID */
static const struct kind {
	uint32_t lbs;
	uint16_t ms;
	uint8_t pi, pil, pif;
} kinds[] = {
	[1] = { 512, 0, 0, 0, 0 },   [2] = { 512, 0, 0, 0, 0 },	  [3] = { 512, 8, 1, 0, 0 },
	[4] = { 512, 8, 1, 0, 0 },   [5] = { 512, 8, 0, 0, 0 },	  [6] = { 4096, 0, 0, 0, 0 },
	[7] = { 512, 8, 2, 0, 0 },   [8] = { 4096, 16, 1, 0, 2 }, [9] = { 4096, 16, 1, 0, 2 },
	[10] = { 4096, 16, 1, 0, 1 }, [11] = { 512, 16, 1, 0, 0 }, [12] = { 512, 16, 1, 1, 0 },
};
#define NR_NS (sizeof(kinds) / sizeof(kinds[0]) - 1)

struct fx {
	struct drv *d;
	struct sim_store *st[NR_NS + 1];
	uint64_t data, md, back, back_md, ranges;
	uint32_t dw0;
};

static inline void add_ns(struct fx *f, uint32_t nsid)
{
	const struct kind *k = &kinds[nsid];
	uint64_t nsze = k->lbs == 512 ? NSZE : NSZE / 8;
	struct drv_params p;
	struct sim_msg msg;

	drv_params(&p);
	f->st[nsid] = p.ns.store = store_ram_new(nsze * (k->lbs + k->ms), &msg);
	p.ns.nsid = nsid;
	p.ns.logical_block_size = p.ns.physical_block_size = k->lbs;
	p.ns.ms = k->ms;
	p.ns.pi = k->pi;
	p.ns.pil = k->pil;
	p.ns.pif = k->pif;
	p.ns.mssrl = MSSRL;
	p.ns.mcl = MCL;
	p.ns.msrc = MSRC;
	if (sim_ns_add(f->d->subsys, NULL, &p.ns, &msg) != nsid)
		fail_msg("%s", msg.text);
}

/* Host Behavior Support: LBA Format Extension Enable, Copy Descriptor Formats Enable */
static inline uint16_t enable_formats(struct drv *d, uint16_t cdfe)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x16 } };
	uint64_t iova = drv_alloc(d, 512);
	uint8_t *p = drv_ptr(d, iova);

	p[2] = 1;
	p[4] = (uint8_t)cdfe;
	p[5] = (uint8_t)(cdfe >> 8);
	return drv_admin(d, &cmd, iova, 512, NULL);
}

static inline struct fx *fx_new(void)
{
	struct fx *f = calloc(1, sizeof(*f));
	struct drv_params p;

	drv_params(&p);
	p.ns_bytes = 0;
	p.ctrl.mdts = 9;
	f->d = drv_new(&p);
	for (uint32_t nsid = 1; nsid <= NR_NS; nsid++)
		add_ns(f, nsid);
	drv_start(f->d);
	f->data = drv_alloc(f->d, BUF);
	f->md = drv_alloc(f->d, BUF);
	f->back = drv_alloc(f->d, BUF);
	f->back_md = drv_alloc(f->d, BUF);
	f->ranges = drv_alloc(f->d, 16384);
	assert_int_equal(enable_formats(f->d, 0x0c), 0);
	return f;
}

static inline void fx_done(struct fx *f)
{
	drv_free(f->d);
	for (unsigned int i = 1; i <= NR_NS; i++)
		store_free(f->st[i]);
	free(f);
}

/* block @lba of a namespace as write_blocks() makes it with @seed */
static inline void pattern(uint8_t *p, size_t len, uint64_t lba, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + lba * 13 + i * (1 + lba % 5) + (i >> 8));
}

static inline uint16_t move(struct fx *f, uint8_t op, uint32_t nsid, uint64_t slba, uint32_t nlb,
		     uint32_t prinfo, uint32_t ref, uint32_t app, uint64_t data, uint64_t md)
{
	struct drv_cmd cmd = rw_cmd(op, slba, nlb, prinfo << 26);

	cmd.dw[1] = nsid;
	cmd.dw[14] = ref;
	cmd.dw[15] = app;
	if (kinds[nsid].ms)
		drv_mptr(&cmd, md);
	return drv_io(f->d, &cmd, data, (size_t)nlb * kinds[nsid].lbs, NULL);
}

/* with protection information: made by the controller, Application Tag ABCDh, reference tag SLBA */
static inline void write_blocks(struct fx *f, uint32_t nsid, uint64_t slba, uint32_t nlb,
				uint8_t seed)
{
	const struct kind *k = &kinds[nsid];

	for (uint32_t i = 0; i < nlb; i++)
		pattern((uint8_t *)drv_ptr(f->d, f->data) + (size_t)i * k->lbs, k->lbs, slba + i,
			seed);
	pattern(drv_ptr(f->d, f->md), (size_t)nlb * k->ms, slba, seed);
	assert_int_equal(move(f, OP_WRITE, nsid, slba, nlb, k->pi ? ACT : 0, (uint32_t)slba,
			      0xffffabcd, f->data, f->md), 0);
}

/* raw: data, and metadata as it is stored */
static inline void read_blocks(struct fx *f, uint32_t nsid, uint64_t slba, uint32_t nlb)
{
	assert_int_equal(move(f, OP_READ, nsid, slba, nlb, 0, 0, 0, f->back, f->back_md), 0);
}

/* @nlb blocks at @at of @nsid hold what write_blocks(@slba, @seed) wrote into blocks of @lbs */
static inline void expect(struct fx *f, uint32_t nsid, uint64_t at, uint32_t nlb, uint64_t slba,
		   uint8_t seed)
{
	const uint32_t lbs = kinds[nsid].lbs;
	uint8_t want[4096];

	read_blocks(f, nsid, at, nlb);
	for (uint32_t i = 0; i < nlb; i++) {
		pattern(want, lbs, slba + i, seed);
		assert_memory_equal((uint8_t *)drv_ptr(f->d, f->back) + (size_t)i * lbs, want, lbs);
	}
}

/* ---- Source Range entries: figures 39, 40 --------------------------------------------------- */

struct src {
	uint32_t nsid;
	uint64_t slba;
	uint32_t nlb; /* 1's based */
	uint64_t ref;
	uint16_t app, mask;
};

static inline void put_src(uint8_t *p, uint8_t fmt, const struct src *s)
{
	const bool wide = fmt & 1;
	uint8_t *tags = p + (wide ? 26 : 24);

	memset(p, 0, wide ? 40 : 32);
	if (fmt >= 2)
		memcpy(p, &s->nsid, 4);
	memcpy(p + 8, &s->slba, 8);
	p[16] = (uint8_t)(s->nlb - 1);
	p[17] = (uint8_t)((s->nlb - 1) >> 8);
	for (unsigned int i = 0; i < (wide ? 10 : 4); i++) {
		uint8_t byte = i < 8 ? (uint8_t)(s->ref >> (8 * i)) : 0;

		tags[wide ? 9 - i : i] = byte;
	}
	tags += wide ? 10 : 4;
	memcpy(tags, &s->app, 2);
	memcpy(tags + 2, &s->mask, 2);
}

static inline struct drv_cmd copy_cmd(uint32_t nsid, uint64_t sdlba, uint8_t fmt, unsigned int nr,
			       uint32_t flags)
{
	return (struct drv_cmd){ .dw = { [0] = OP_COPY, [1] = nsid, [10] = (uint32_t)sdlba,
					 [11] = (uint32_t)(sdlba >> 32),
					 [12] = flags | (uint32_t)fmt << 8 | (nr - 1),
					 [14] = (uint32_t)sdlba, [15] = 0xffff1234 } };
}

static inline uint16_t send(struct fx *f, struct drv_cmd *cmd, const struct src *s, unsigned int nr)
{
	const uint8_t fmt = cmd->dw[12] >> 8 & 0xf;
	uint8_t *p = drv_ptr(f->d, f->ranges);
	struct drv_cqe cqe;
	uint16_t status;

	for (unsigned int i = 0; i < nr; i++)
		put_src(p + i * (fmt & 1 ? 40 : 32), fmt, &s[i]);
	status = drv_io(f->d, cmd, f->ranges, nr * (fmt & 1 ? 40 : 32), &cqe);
	f->dw0 = cqe.dw0;
	return status;
}

static inline uint16_t copy(struct fx *f, uint32_t nsid, uint64_t sdlba, uint8_t fmt,
			    uint32_t flags, const struct src *s, unsigned int nr)
{
	struct drv_cmd cmd = copy_cmd(nsid, sdlba, fmt, nr, flags);

	return send(f, &cmd, s, nr);
}

/* what is refused changes nothing, and dword 0 says that nothing was written */
static inline void refuse(struct fx *f, uint16_t want, uint32_t nsid, uint64_t sdlba, uint8_t fmt,
		   uint32_t flags, const struct src *s, unsigned int nr)
{
	f->dw0 = 77;
	assert_int_equal(copy(f, nsid, sdlba, fmt, flags, s, nr), want);
	assert_int_equal(f->dw0, 0);
}

#endif /* TESTS_COPYCMD_H */
