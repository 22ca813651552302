/* SPDX-License-Identifier: MIT */
/*
 * mdcmd.h - namespaces with metadata, for unit tests: blocks in the host's memory and commands on
 * them, interleaved (extended logical blocks) or separate.
 *
 * What the host sends and gets is told block by block; data_at() and meta_at() are where the
 * namespace's format has it in the host's memory. Tuples with a 16-bit guard are all that is made
 * here: the other formats have tests/model/.
 */
#ifndef TESTS_MDCMD_H
#define TESTS_MDCMD_H

#include <stdlib.h>

#include "mock_store.h"
#include "nvmcmd.h"

#define NSZE 8192u
#define BUF (4u << 20)

struct layout {
	const char *name;
	uint32_t lbs;
	uint16_t ms;
	uint8_t mset, pi, pil;
};

static const struct layout plain[] = {
	{ "512+8 separate", 512, 8, 0, 0, 0 },	 { "512+8 extended", 512, 8, 1, 0, 0 },
	{ "512+64 separate", 512, 64, 0, 0, 0 }, { "4096+64 extended", 4096, 64, 1, 0, 0 },
	{ "4096+8 separate", 4096, 8, 0, 0, 0 }, { "4096+16 extended", 4096, 16, 1, 0, 0 },
};

static const struct layout protected[] = {
	{ "512+8 separate", 512, 8, 0, 1, 0 },	       { "512+8 extended", 512, 8, 1, 1, 0 },
	{ "512+64 separate, last", 512, 64, 0, 1, 0 }, { "512+64 extended, last", 512, 64, 1, 1, 0 },
	{ "4096+64 separate, first", 4096, 64, 0, 1, 1 },
	{ "4096+64 extended, first", 4096, 64, 1, 1, 1 },
	{ "4096+16 extended, last", 4096, 16, 1, 1, 0 },
};

struct fixture {
	const struct layout *l;
	struct drv *d;
	struct mock_store m;
	uint64_t data, meta; /* BUF each */
};

static inline struct fixture *make_with(const struct layout *l, uint32_t nsze, uint8_t mdts,
					bool mem)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct drv_params p;

	f->l = l;
	mock_init(&f->m, (uint64_t)nsze * (l->lbs + l->ms));
	drv_params(&p);
	p.ns.store = &f->m.st;
	p.ns_bytes = f->m.st.size;
	p.ns.logical_block_size = p.ns.physical_block_size = l->lbs;
	p.ns.ms = l->ms;
	p.ns.mset = l->mset;
	p.ns.pi = l->pi;
	p.ns.pil = l->pil;
	p.ctrl.mdts = mdts;
	p.ctrl.ctratt_mem = mem;
	f->d = drv_new(&p);
	drv_start(f->d);
	f->data = drv_alloc(f->d, BUF);
	f->meta = drv_alloc(f->d, BUF);
	return f;
}

static inline struct fixture *make(const struct layout *l)
{
	return make_with(l, NSZE, 7, false);
}

static inline void done(struct fixture *f)
{
	drv_free(f->d);
	mock_free(&f->m);
	free(f);
}

/* ---- blocks in the host's memory ------------------------------------------------------------ */

/* the @i-th block's data and metadata, from or to the host's buffers */
static inline uint8_t *data_at(struct fixture *f, uint32_t i)
{
	return (uint8_t *)drv_ptr(f->d, f->data) +
	       (size_t)i * (f->l->lbs + (f->l->mset ? f->l->ms : 0u));
}

static inline uint8_t *meta_at(struct fixture *f, uint32_t i)
{
	return f->l->mset ? data_at(f, i) + f->l->lbs
			  : (uint8_t *)drv_ptr(f->d, f->meta) + (size_t)i * f->l->ms;
}

/* of the tuple, in a block's metadata */
static inline uint32_t pi_at(const struct layout *l)
{
	return l->pil ? 0 : l->ms - 8u;
}

static inline uint16_t crc16(const uint8_t *p, size_t len, uint16_t crc)
{
	for (; len; len--, p++)
		for (int bit = 7; bit >= 0; bit--) {
			bool out = (crc >> 15 ^ *p >> bit) & 1;

			crc = (uint16_t)(crc << 1 ^ (out ? 0x8bb7 : 0));
		}
	return crc;
}

static inline void tuple(struct fixture *f, const uint8_t *data, uint8_t *md, uint16_t app,
			 uint32_t ref)
{
	const struct layout *l = f->l;
	uint16_t crc = crc16(data, l->lbs, 0);
	uint8_t *t = md + pi_at(l);

	if (!l->pil)
		crc = crc16(md, l->ms - 8u, crc);
	t[0] = (uint8_t)(crc >> 8);
	t[1] = (uint8_t)crc;
	t[2] = (uint8_t)(app >> 8);
	t[3] = (uint8_t)app;
	for (int i = 0; i < 4; i++)
		t[4 + i] = (uint8_t)(ref >> (24 - 8 * i));
}

/* a block that no other one is like, with a good tuple where there is to be one */
static inline void block(struct fixture *f, uint64_t lba, uint8_t seed, uint8_t *data, uint8_t *md)
{
	for (uint32_t k = 0; k < f->l->lbs; k++)
		data[k] = (uint8_t)(seed + k * 7 + lba * 13);
	for (uint32_t k = 0; k < f->l->ms; k++)
		md[k] = (uint8_t)(seed ^ (k * 5 + lba * 3));
	if (f->l->pi)
		tuple(f, data, md, 0xa55a, (uint32_t)lba);
}

static inline void fill(struct fixture *f, uint64_t slba, uint32_t nlb, uint8_t seed)
{
	for (uint32_t i = 0; i < nlb; i++)
		block(f, slba + i, seed, data_at(f, i), meta_at(f, i));
}

/* what fill() makes, is in the host's memory */
static inline void expect_filled(struct fixture *f, uint64_t slba, uint32_t nlb, uint8_t seed)
{
	uint8_t data[4096], md[4096];

	for (uint32_t i = 0; i < nlb; i++) {
		block(f, slba + i, seed, data, md);
		assert_memory_equal(data_at(f, i), data, f->l->lbs);
		assert_memory_equal(meta_at(f, i), md, f->l->ms);
	}
}

static inline void clear(struct fixture *f)
{
	memset(drv_ptr(f->d, f->data), 0xee, BUF);
	memset(drv_ptr(f->d, f->meta), 0xee, BUF);
}

static inline void expect_untouched(struct fixture *f)
{
	const uint8_t *p = drv_ptr(f->d, f->data), *q = drv_ptr(f->d, f->meta);

	for (size_t i = 0; i < BUF; i++)
		if (p[i] != 0xee || q[i] != 0xee)
			fail_msg("byte %zu was transferred", i);
}

/* ---- commands ------------------------------------------------------------------------------- */

/* @flags: of CDW12; the tags are those of fill() */
static inline struct drv_cmd command(struct fixture *f, uint8_t opcode, uint64_t slba,
				     uint32_t nlb, uint32_t flags)
{
	struct drv_cmd cmd = rw_cmd(opcode, slba, nlb, flags);

	cmd.dw[14] = (uint32_t)slba;
	cmd.dw[15] = 0xffffa55a;
	return cmd;
}

static inline uint16_t run(struct fixture *f, struct drv_cmd *cmd)
{
	uint32_t nlb = (cmd->dw[12] & 0xffff) + 1;
	uint64_t brk = f->d->brk;
	uint16_t status;

	drv_mptr(cmd, f->meta);
	status = drv_io(f->d, cmd, f->data,
			(size_t)nlb * (f->l->lbs + (f->l->mset ? f->l->ms : 0u)), NULL);
	f->d->brk = brk; /* the PRP list */
	return status;
}

static inline uint16_t io(struct fixture *f, uint8_t opcode, uint64_t slba, uint32_t nlb,
			  uint32_t flags)
{
	struct drv_cmd cmd = command(f, opcode, slba, nlb, flags);

	return run(f, &cmd);
}

static inline void write_ok(struct fixture *f, uint64_t slba, uint32_t nlb, uint8_t seed)
{
	fill(f, slba, nlb, seed);
	assert_int_equal(io(f, OP_WRITE, slba, nlb, 0), 0);
}

static inline void read_expect(struct fixture *f, uint64_t slba, uint32_t nlb, uint8_t seed)
{
	clear(f);
	assert_int_equal(io(f, OP_READ, slba, nlb, 0), 0);
	expect_filled(f, slba, nlb, seed);
}

/* runs @fn on a namespace of each layout */
static inline void each(const struct layout *l, unsigned int n, void (*fn)(struct fixture *f))
{
	for (unsigned int i = 0; i < n; i++) {
		struct fixture *f = make(&l[i]);

		print_message("  %s\n", l[i].name);
		fn(f);
		done(f);
	}
}

#define EACH(l, fn) each(l, sizeof(l) / sizeof((l)[0]), fn)

#endif /* TESTS_MDCMD_H */
