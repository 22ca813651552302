/* SPDX-License-Identifier: MIT */
/*
 * zone_rnd.h - random commands to a zoned namespace beside the model of it
 * (tests/model/zone_model.h): a namespace of some geometry, workers with queues of their own,
 * commands whose status, data and reports are compared at once.
 */
#ifndef TESTS_ZONE_RND_H
#define TESTS_ZONE_RND_H

#include <inttypes.h>

#include "../model/zone_model.h"
#include "zoned.h"

#define ZR_MAX_NLB 16u
#define ZR_BUF	   (ZR_MAX_NLB * (4096u + 64u) + DRV_PAGE)

/** struct geometry - @zones of them; sizes in logical blocks but @lbs, @ms, @zdes */
struct geometry {
	const char *name;
	uint32_t lbs;
	uint16_t ms;
	bool extended;
	uint8_t pi, pif;
	uint32_t zones, zsze, zcap, zdes, zrwas, zrwafg, numzrwa, max_active, max_open;
	bool no_auto_transition, cross_read;
};

/**
 * struct zworker - one that issues commands
 * @m:    the model; its arrays are shared between workers that have different zones
 * @seq:  stamps given so far; each block that is written has another one
 */
struct zworker {
	struct drv *d;
	const struct geometry *g;
	struct zm m;
	struct drv_queue q;
	uint64_t data, md, list, report; /* iova */
	uint8_t *expect, *expect_md;
	uint64_t rng, result;
	unsigned int index, commands;
	uint32_t seq;
	char fail[256];
};

static inline uint32_t zr_rnd(struct zworker *w)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (uint32_t)(w->rng >> 16);
}

static inline uint32_t zr_below(struct zworker *w, uint32_t n)
{
	return zr_rnd(w) % n;
}

static inline bool zr_bad(struct zworker *w, const char *what, uint64_t lba, uint64_t got,
			  uint64_t want)
{
	if (!w->fail[0])
		snprintf(w->fail, sizeof(w->fail),
			 "worker %u, command %u: %s at block %" PRIu64 " (zone %" PRIu64
			 "): %" PRIx64 "h, not %" PRIx64 "h",
			 w->index, w->commands, what, lba, lba / w->g->zsze, got, want);
	return false;
}

static inline bool zr_same(struct zworker *w, const char *what, uint64_t lba, uint64_t got,
			   uint64_t want)
{
	return got == want || zr_bad(w, what, lba, got, want);
}

/* ---- the namespace -------------------------------------------------------------------------- */

static inline void zr_params(const struct geometry *g, struct drv_params *p)
{
	drv_params(p);
	p->ctrl.no_auto_transition = g->no_auto_transition;
	p->ns_bytes = (uint64_t)g->zones * g->zsze * (g->lbs + g->ms);
	p->ns.logical_block_size = p->ns.physical_block_size = g->lbs;
	p->ns.ms = g->ms;
	p->ns.mset = g->extended;
	p->ns.pi = g->pi;
	p->ns.pif = g->pif;
	p->ns.mssrl = p->ns.mcl = 128;
	p->ns.msrc = 127;
	p->ns.zoned = (struct sim_zoned_params){
		.on = true,
		.zone_size = (uint64_t)g->zsze * g->lbs,
		.zone_capacity = (uint64_t)g->zcap * g->lbs,
		.descr_ext_size = g->zdes,
		.cross_read = g->cross_read,
		.max_active = g->max_active,
		.max_open = g->max_open,
		.numzrwa = g->numzrwa,
		.zrwas = (uint64_t)g->zrwas * g->lbs,
		.zrwafg = g->zrwas ? (uint64_t)g->zrwafg * g->lbs : UINT64_MAX,
	};
}

static inline struct zm *zr_model(const struct geometry *g)
{
	return zm_new(&(struct zm_params){
		.nr_zones = g->zones,
		.zsze = g->zsze,
		.zcap = g->zcap,
		.max_active = g->max_active,
		/* as the key is documented: as many as may be active */
		.max_open = g->max_open ? g->max_open : g->max_active,
		.numzrwa = g->numzrwa,
		.zrwas = g->zrwas,
		.zrwafg = g->zrwafg,
		.auto_transition = !g->no_auto_transition,
		.cross_read = g->cross_read,
		.extensions = g->zdes > 0,
	});
}

static inline void zr_init(struct zworker *w, struct drv *d, const struct geometry *g,
			   const struct zm *m, unsigned int index, uint64_t seed)
{
	*w = (struct zworker){ .d = d, .g = g, .index = index, .m = *m };
	w->rng = (seed + 1) * 0x9e3779b97f4a7c15ull + index * 0xbf58476d1ce4e5b9ull;
	w->seq = (index + 1) << 24;
	drv_create_queue(d, &w->q, (uint16_t)(index + 2), 64);
	w->data = drv_alloc(d, ZR_BUF);
	w->md = drv_alloc(d, ZR_MAX_NLB * 64u);
	w->list = drv_alloc(d, DRV_PAGE);
	w->report = drv_alloc(d, 64 + g->zones * (64 + g->zdes));
	w->expect = malloc(ZR_BUF);
	w->expect_md = malloc(ZR_MAX_NLB * 64u);
	assert_non_null(w->expect);
	assert_non_null(w->expect_md);
}

static inline void zr_done(struct zworker *w)
{
	free(w->expect);
	free(w->expect_md);
}

/* ---- blocks --------------------------------------------------------------------------------- */

static inline void zr_pattern(uint8_t *p, uint32_t len, uint32_t stamp, uint8_t salt)
{
	uint32_t x = stamp * 2654435761u + salt;

	if (!stamp) {
		memset(p, 0, len);
		return;
	}
	for (uint32_t i = 0; i < len; i += 4) {
		x = x * 1664525u + 1013904223u;
		memcpy(p + i, &x, 4);
	}
	memcpy(p, &stamp, 4);
}

/* metadata that crosses the wire: the controller makes and strips a tuple that is all of it */
static inline uint32_t zr_wire_md(const struct geometry *g)
{
	return g->pi ? 0 : g->ms;
}

static inline uint32_t zr_stride(const struct geometry *g)
{
	return g->lbs + (g->extended ? zr_wire_md(g) : 0);
}

static inline void zr_put(const struct geometry *g, uint8_t *data, uint8_t *md, uint32_t i,
			  uint32_t stamp)
{
	zr_pattern(data + i * zr_stride(g), g->lbs, stamp, 0);
	if (zr_wire_md(g))
		zr_pattern(g->extended ? data + i * zr_stride(g) + g->lbs : md + i * g->ms, g->ms,
			   stamp, 1);
}

static inline uint16_t zr_exec(struct zworker *w, struct drv_cmd *cmd)
{
	struct drv_cqe cqe;

	w->commands++;
	drv_exec(w->d, &w->q, cmd, &cqe);
	w->result = (uint64_t)cqe.dw1 << 32 | cqe.dw0;
	return zone_status(&cqe);
}

static inline struct drv_cmd zr_cmd(struct zworker *w, uint8_t opcode, uint64_t lba, uint32_t nlb,
				    bool data)
{
	const struct geometry *g = w->g;
	struct drv_cmd cmd = rw_cmd(opcode, lba, nlb, 0);

	if (data) {
		zone_prps(w->d, &cmd, w->data, nlb * zr_stride(g), w->list);
		if (!g->extended && zr_wire_md(g))
			drv_mptr(&cmd, w->md);
	}
	if (g->pi) {
		if (opcode == OP_WRITE || opcode == OP_READ || opcode == OP_WRITE_ZEROES ||
		    opcode == OP_ZONE_APPEND)
			cmd.dw[12] |= PRACT;
		if (opcode == OP_READ || opcode == OP_VERIFY)
			cmd.dw[12] |= PRCHK_ALL;
		if (opcode == OP_ZONE_APPEND)
			cmd.dw[12] |= PIREMAP;
		cmd.dw[14] = (uint32_t)lba; /* reference tags are LBAs, with both types */
		cmd.dw[15] = 0xffff1234;
	}
	return cmd;
}

/* new stamps for @nlb blocks, which are put in the host's memory. Return: the first one */
static inline uint32_t zr_stamp(struct zworker *w, uint32_t nlb)
{
	uint32_t first = w->seq + 1;

	w->seq += nlb;
	for (uint32_t i = 0; i < nlb; i++)
		zr_put(w->g, drv_ptr(w->d, w->data), drv_ptr(w->d, w->md), i, first + i);
	return first;
}

/* what reading blocks gives beside what the zones have to say */
static inline uint16_t zr_readable(const struct zworker *w, uint64_t lba, uint32_t nlb)
{
	uint16_t status = zm_read(&w->m, lba, nlb);

	for (uint32_t i = 0; !status && i < nlb; i++)
		if (w->m.block[lba + i].data == ZM_BAD)
			status = ZST_READ_ERROR;
	return status;
}

static inline bool zr_check_data(struct zworker *w, uint64_t lba, uint32_t nlb)
{
	const struct geometry *g = w->g;
	const uint8_t *data = drv_ptr(w->d, w->data), *md = drv_ptr(w->d, w->md);

	for (uint32_t i = 0; i < nlb; i++) {
		const uint32_t at = i * zr_stride(g);

		zr_put(g, w->expect, w->expect_md, i, w->m.block[lba + i].stamp);
		if (memcmp(data + at, w->expect + at, zr_stride(g)))
			return zr_bad(w, "data", lba + i, *(const uint32_t *)(data + at),
				      w->m.block[lba + i].stamp);
		if (zr_wire_md(g) && !g->extended &&
		    memcmp(md + i * g->ms, w->expect_md + i * g->ms, g->ms))
			return zr_bad(w, "metadata", lba + i, md[i * g->ms],
				      w->expect_md[i * g->ms]);
	}
	return true;
}

/* ---- commands, compared at once ------------------------------------------------------------- */

static inline bool zr_read(struct zworker *w, uint64_t lba, uint32_t nlb)
{
	struct drv_cmd cmd = zr_cmd(w, OP_READ, lba, nlb, true);
	uint16_t want = zr_readable(w, lba, nlb), status;

	memset(drv_ptr(w->d, w->data), 0xee, nlb * zr_stride(w->g));
	status = zr_exec(w, &cmd);
	return zr_same(w, "Read", lba, status, zone_dnr(want)) &&
	       (status || zr_check_data(w, lba, nlb));
}

static inline bool zr_verify(struct zworker *w, uint64_t lba, uint32_t nlb)
{
	struct drv_cmd cmd = zr_cmd(w, OP_VERIFY, lba, nlb, false);

	return zr_same(w, "Verify", lba, zr_exec(w, &cmd), zone_dnr(zr_readable(w, lba, nlb)));
}

static inline bool zr_compare(struct zworker *w, uint64_t lba, uint32_t nlb)
{
	struct drv_cmd cmd = zr_cmd(w, OP_COMPARE, lba, nlb, true);
	uint16_t want = zr_readable(w, lba, nlb);
	uint8_t *data = drv_ptr(w->d, w->data);

	if (w->g->pi) /* the tuples are the model of protection information's */
		return zr_verify(w, lba, nlb);
	for (uint32_t i = 0; !want && i < nlb; i++)
		zr_put(w->g, data, drv_ptr(w->d, w->md), i, w->m.block[lba + i].stamp);
	if (!want && zr_below(w, 2)) {
		data[zr_below(w, nlb * zr_stride(w->g))] ^= (uint8_t)(1 + zr_below(w, 255));
		want = ZST_COMPARE;
	}
	return zr_same(w, "Compare", lba, zr_exec(w, &cmd), zone_dnr(want));
}

/* @opcode: Write, Write Zeroes, Write Uncorrectable */
static inline bool zr_write(struct zworker *w, uint8_t opcode, uint64_t lba, uint32_t nlb)
{
	struct drv_cmd cmd = zr_cmd(w, opcode, lba, nlb, opcode == OP_WRITE);
	uint32_t stamp = opcode == OP_WRITE ? zr_stamp(w, nlb) : 0;
	enum zm_data data = ZM_WRITTEN;
	uint16_t status;

	if (opcode == OP_WRITE_ZEROES && zr_below(w, 2)) {
		cmd.dw[12] |= DEAC;
		data = ZM_UNWRITTEN;
	}
	if (opcode == OP_WRITE_UNCOR) {
		cmd.dw[14] = cmd.dw[15] = 0;
		data = ZM_BAD;
	}
	status = zm_write(&w->m, lba, nlb);
	for (uint32_t i = 0; !status && i < nlb; i++)
		zm_fill(&w->m, lba + i, 1, data, stamp ? stamp + i : 0);
	return zr_same(w, "a write", lba, zr_exec(w, &cmd), zone_dnr(status));
}

static inline bool zr_append(struct zworker *w, uint64_t zslba, uint32_t nlb)
{
	struct drv_cmd cmd = zr_cmd(w, OP_ZONE_APPEND, zslba, nlb, true);
	uint32_t stamp = zr_stamp(w, nlb);
	uint64_t at = 0;
	uint16_t status = zm_append(&w->m, zslba, nlb, &at);

	for (uint32_t i = 0; !status && i < nlb; i++)
		zm_fill(&w->m, at + i, 1, ZM_WRITTEN, stamp + i);
	return zr_same(w, "Zone Append", zslba, zr_exec(w, &cmd), zone_dnr(status)) &&
	       (status || zr_same(w, "the assigned block", zslba, w->result, at));
}

/* Copy of one range, descriptor format 0 */
static inline bool zr_copy(struct zworker *w, uint64_t from, uint64_t to, uint32_t nlb)
{
	struct drv_cmd cmd = rw_cmd(OP_COPY, to, 1, 0);
	uint8_t *range = drv_ptr(w->d, w->data);
	uint64_t slba = sim_le64(from);
	uint32_t tag = sim_le32((uint32_t)from), app = sim_le32(0xffff1234);
	uint16_t status;

	if (w->g->pif || zr_readable(w, from, nlb) ||
	    (from / w->g->zsze == to / w->g->zsze && from + nlb > to))
		return zr_read(w, from, nlb);
	memset(range, 0, 32);
	memcpy(range + 8, &slba, 8);
	range[16] = (uint8_t)(nlb - 1);
	memcpy(range + 24, &tag, 4);
	memcpy(range + 28, &app, 4);
	zone_prps(w->d, &cmd, w->data, 32, w->list);
	if (w->g->pi) {
		cmd.dw[12] = 0xfu << 12 | 8u << 26; /* PRINFOR: check and strip; PRINFOW: make */
		cmd.dw[14] = (uint32_t)to;
		cmd.dw[15] = 0xffff1234;
	}
	status = zm_write(&w->m, to, nlb);
	for (uint32_t i = 0; !status && i < nlb; i++)
		zm_fill(&w->m, to + i, 1, ZM_WRITTEN, w->m.block[from + i].stamp);
	return zr_same(w, "Copy", to, zr_exec(w, &cmd), zone_dnr(status));
}

static inline bool zr_deallocate(struct zworker *w, uint64_t lba, uint32_t nlb)
{
	struct drv_cmd cmd = { { OP_DSM, 1 } };
	struct nvme_dsm_range *range = drv_ptr(w->d, w->data);
	uint16_t status;

	*range = (struct nvme_dsm_range){ 0, sim_le32(nlb), sim_le64(lba) };
	zone_prps(w->d, &cmd, w->data, sizeof(*range), w->list);
	cmd.dw[11] = 4;
	status = zm_deallocate(&w->m, lba, nlb);
	return zr_same(w, "Dataset Management", lba, zr_exec(w, &cmd), zone_dnr(status));
}

static inline bool zr_send(struct zworker *w, uint8_t zsa, uint64_t slba, bool zrwaa)
{
	struct drv_cmd cmd = zone_send_cmd(slba, zsa | (zrwaa ? (uint32_t)ZSA_ZRWAA : 0));
	uint32_t ext = 0;
	uint16_t status;

	if (zsa == ZSA_SET_EXT && w->g->zdes) {
		ext = ++w->seq;
		zr_pattern(drv_ptr(w->d, w->data), w->g->zdes, ext, 2);
		zone_prps(w->d, &cmd, w->data, w->g->zdes, w->list);
	}
	status = zm_send(&w->m, zsa, slba, zrwaa, ext);
	return zr_same(w, "Zone Management Send", slba, zr_exec(w, &cmd), zone_dnr(status));
}

/* ---- reports -------------------------------------------------------------------------------- */

/* the @i-th descriptor of the report in the worker's buffer is zone @z's, as the model has it */
static inline bool zr_check_desc(struct zworker *w, uint32_t i, uint64_t z, bool extended)
{
	const uint32_t zdes = extended ? w->g->zdes : 0;
	const uint8_t *p = drv_ptr(w->d, w->report);
	const struct zone_desc d = zone_desc(p, i, zdes);
	const struct zm_zone *m = &w->m.zone[z];
	const uint64_t lba = z * w->g->zsze;

	if (!zr_same(w, "zone start", lba, d.zslba, lba) ||
	    !zr_same(w, "zone state", lba, d.state, m->state) ||
	    !zr_same(w, "attributes", lba, d.attrs, m->attrs) ||
	    !zr_same(w, "write pointer", lba, d.wp, zm_wp(&w->m, z)) ||
	    !zr_same(w, "zone capacity", lba, d.zcap, w->g->zcap) ||
	    !zr_same(w, "zone type", lba, d.type, 2))
		return false;
	if (!zdes || !(m->attrs & ZM_ZDEV))
		return true;
	zr_pattern(w->expect, zdes, m->ext, 2);
	if (memcmp(p + 64 + (size_t)i * (64 + zdes) + 64, w->expect, zdes))
		return zr_bad(w, "extension", lba, p[64 + (size_t)i * (64 + zdes) + 64],
			      w->expect[0]);
	return true;
}

static inline uint16_t zr_receive(struct zworker *w, uint64_t slba, uint32_t len, uint32_t cdw13)
{
	struct drv_cmd cmd = zone_receive_cmd(slba, len, cdw13);

	memset(drv_ptr(w->d, w->report), 0xa5, len);
	zone_prps(w->d, &cmd, w->report, len, w->list);
	return zr_exec(w, &cmd);
}

/* the one zone a worker knows about */
static inline bool zr_check_zone(struct zworker *w, uint64_t z)
{
	const bool extended = w->g->zdes && zr_below(w, 2);
	const uint64_t slba = z * w->g->zsze + zr_below(w, w->g->zsze);

	return zr_same(w, "Zone Management Receive", slba,
		       zr_receive(w, slba, 128 + (extended ? w->g->zdes : 0),
				  ZRA_PARTIAL | (extended ? ZRA_EXTENDED : ZRA_REPORT)),
		       0) &&
	       zr_check_desc(w, 0, z, extended);
}

/* a report from anywhere with any option, of a namespace that nobody else uses */
static inline bool zr_check_report(struct zworker *w, uint64_t first, uint8_t zrasf)
{
	const bool extended = w->g->zdes && zr_below(w, 2), partial = zr_below(w, 2);
	const uint32_t one = 64 + (extended ? w->g->zdes : 0);
	const uint32_t room = zr_below(w, w->g->zones + 1);
	const uint64_t slba = first * w->g->zsze + zr_below(w, w->g->zsze);
	uint64_t match = 0, n = 0;

	if (!zr_same(w, "Zone Management Receive", slba,
		     zr_receive(w, slba, 64 + room * one,
				ZRA_OPTION(zrasf) | (extended ? ZRA_EXTENDED : ZRA_REPORT) |
					(partial ? (uint32_t)ZRA_PARTIAL : 0)),
		     0))
		return false;
	for (uint64_t z = first; z < w->g->zones; z++) {
		if (!zm_matches(&w->m, z, zrasf))
			continue;
		if (match++ < room && !zr_check_desc(w, (uint32_t)n++, z, extended))
			return false;
	}
	return zr_same(w, "Number of Zones", slba, u64_at(drv_ptr(w->d, w->report)),
		       partial ? n : match);
}

#endif /* TESTS_ZONE_RND_H */
