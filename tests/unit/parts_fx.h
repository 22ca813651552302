/* SPDX-License-Identifier: MIT */
/*
 * parts_fx.h - a namespace with tuples on a store whose memory can be exchanged (struct
 * sim_part_ops), or on a file, for tests of long writes.
 */
#ifndef TESTS_PARTS_FX_H
#define TESTS_PARTS_FX_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../store/store.h"
#include "mdcmd.h"

#define LONG  131072u	 /* bytes of a write */
#define BYTES (1u << 20) /* of data of a namespace */

static const struct layout layouts[] = {
	{ "4096+8 separate", 4096, 8, 0, 1, 0 },
	{ "4096+16 extended, last", 4096, 16, 1, 1, 0 },
	{ "512+8 separate", 512, 8, 0, 1, 0 },
};

/** struct world - a namespace of @f.l on @st; @look: the same with other buffers, for looking at it
 */
struct world {
	struct fixture f, look;
	struct sim_store *st;
	bool full; /* there is no room for a stage in what survives */
	char dir[32], path[48];
};

static inline struct sim_store *file_at(struct world *w, uint64_t size)
{
	struct sim_msg msg = { "" };
	struct sim_store *st;

	strcpy(w->dir, "parts-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/medium", w->dir);
	st = store_file_new(
		&(struct store_file_params){ .path = w->path, .size = size, .create = true }, &msg);
	if (!st)
		fail_msg("%s", msg.text);
	return st;
}

static inline int reserve(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	return ((struct world *)opaque)->full && len >= LONG ? SIM_ENOSPC : 0;
}

static inline struct world *world_new(const struct layout *l, bool file)
{
	struct world *w = calloc(1, sizeof(*w));
	const uint64_t size = (uint64_t)(BYTES / l->lbs) * (l->lbs + l->ms);
	struct sim_msg msg = { "" };
	struct drv_params p;

	w->st = file ? file_at(w, size) : store_ram_new(size, &msg);
	assert_non_null(w->st);
	drv_params(&p);
	p.ns.store = w->st;
	p.ns_bytes = size;
	p.ns.logical_block_size = p.ns.physical_block_size = l->lbs;
	p.ns.ms = l->ms;
	p.ns.mset = l->mset;
	p.ns.pi = l->pi;
	p.ns.pil = l->pil;
	store_anon_areas(&p.journal);
	p.journal.area_reserve = reserve;
	p.journal.opaque = w;
	w->f.l = l;
	w->f.d = drv_new(&p);
	drv_start(w->f.d);
	w->f.data = drv_alloc(w->f.d, BUF);
	w->f.meta = drv_alloc(w->f.d, BUF);
	w->look = w->f;
	w->look.data = drv_alloc(w->f.d, BUF);
	w->look.meta = drv_alloc(w->f.d, BUF);
	set_dulbe(w->f.d, true);
	return w;
}

static inline void world_free(struct world *w)
{
	drv_free(w->f.d);
	store_free(w->st);
	if (w->dir[0]) {
		unlink(w->path);
		rmdir(w->dir);
	}
	free(w);
}

static inline uint64_t nuse(struct world *w)
{
	struct drv_cmd cmd = { { 0x06, 1 } };
	struct nvme_id_ns *id = drv_ptr(w->f.d, w->look.data);

	assert_int_equal(drv_admin(w->f.d, &cmd, w->look.data, 4096, NULL), 0);
	return sim_le64(id->nuse);
}

/* spare parts that can be had, all of them given back. */
static inline unsigned int spares(struct sim_store *st)
{
	void *part[256];
	unsigned int n = 0;

	while (st->parts && n < 256 && (part[n] = st->parts->get(st)))
		n++;
	for (unsigned int i = 0; i < n; i++)
		st->parts->put(st, part[i]);
	return n;
}

/* in block @i of what is to be written, and back again */
static inline void break_block(struct fixture *f, uint32_t i, unsigned int what)
{
	uint8_t *t = meta_at(f, i) + pi_at(f->l);

	if (what == 0)
		data_at(f, i)[f->l->lbs - 1] ^= 1;
	else
		t[what == 1 ? 3 : 7] ^= 1;
}

#endif /* TESTS_PARTS_FX_H */
