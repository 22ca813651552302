/* SPDX-License-Identifier: MIT */
/*
 * zone_fx.h - a small zoned namespace for the tests of the zone state machine, and all that can be
 * done to a zone of it.
 */
#ifndef TESTS_ZONE_FX_H
#define TESTS_ZONE_FX_H

#include "zoned.h"

#define LBS	    512u
#define ZSZE	    24u
#define ZCAP	    20u
#define NR_ZONES    10u
#define ZDES	    64u
#define ZRWAS	    8u
#define ZRWAFG	    2u
#define REPORT_LEN  (64 + NR_ZONES * (64 + ZDES))
#define LID_CHANGED 0xbf

/* states as the tables of the tests have them */
enum st { E, IO, EO, C, F, RO, OFF, NR_ST };

static const uint8_t wire_state[NR_ST] = { ZS_EMPTY, ZS_IMPLICIT,  ZS_EXPLICIT, ZS_CLOSED,
					   ZS_FULL,  ZS_READ_ONLY, ZS_OFFLINE };

/* limits of the namespace; @active, @open: so many zones are to be so when something happens to one
 * (itself counted), the open ones Implicitly Opened if @implicit */
struct limits {
	const char *name;
	uint32_t max_active, max_open;
	bool auto_transition;
	uint32_t active, open;
	bool implicit;
};

struct fx {
	struct drv *d;
	uint64_t buf, list, report;
	uint64_t result;  /* dwords 1 and 0 of the last completion */
	const char *name; /* of the limits */
};

static inline void report(struct fx *f, uint8_t *into)
{
	const uint32_t len = 64 + NR_ZONES * (64 + ZDES);
	struct drv_cmd cmd = zone_receive_cmd(0, len, ZRA_EXTENDED);

	memset(drv_ptr(f->d, f->report), 0xa5, len);
	zone_prps(f->d, &cmd, f->report, len, f->list);
	assert_int_equal(drv_exec(f->d, &f->d->io, &cmd, NULL), 0);
	assert_int_equal(u64_at(drv_ptr(f->d, f->report)), NR_ZONES);
	memcpy(into, drv_ptr(f->d, f->report), len);
}

static inline uint16_t exec(struct fx *f, struct drv_cmd *cmd, uint32_t len)
{
	struct drv_cqe cqe;

	if (len)
		zone_prps(f->d, cmd, f->buf, len, f->list);
	drv_exec(f->d, &f->d->io, cmd, &cqe);
	f->result = (uint64_t)cqe.dw1 << 32 | cqe.dw0;
	return zone_status(&cqe);
}

static inline uint16_t zsend(struct fx *f, uint32_t zone, uint32_t cdw13)
{
	struct drv_cmd cmd = zone_send_cmd((uint64_t)zone * ZSZE, cdw13);

	return exec(f, &cmd, (cdw13 & 0xff) == ZSA_SET_EXT ? ZDES : 0);
}

static inline void fill(struct fx *f, uint64_t lba, uint32_t nlb)
{
	uint8_t *p = drv_ptr(f->d, f->buf);

	for (uint32_t i = 0; i < nlb; i++)
		memset(p + i * LBS, (int)(0x40 + lba + i), LBS);
}

static inline uint16_t move(struct fx *f, uint8_t op, uint64_t lba, uint32_t nlb)
{
	struct drv_cmd cmd = rw_cmd(op, lba, nlb, 0);

	return exec(f, &cmd,
		    op == OP_WRITE_ZEROES || op == OP_WRITE_UNCOR || op == OP_VERIFY ? 0
										     : nlb * LBS);
}

static inline void write_ok(struct fx *f, uint64_t lba, uint32_t nlb)
{
	fill(f, lba, nlb);
	assert_int_equal(move(f, OP_WRITE, lba, nlb), 0);
}

/* Copy of one range, descriptor format 0 */
static inline uint16_t copy(struct fx *f, uint64_t from, uint64_t to, uint32_t nlb)
{
	struct drv_cmd cmd = rw_cmd(OP_COPY, to, 1, 0);
	uint8_t *range = drv_ptr(f->d, f->buf);
	uint64_t slba = sim_le64(from);

	memset(range, 0, 32);
	memcpy(range + 8, &slba, 8);
	range[16] = (uint8_t)(nlb - 1);
	return exec(f, &cmd, 32);
}

static inline uint16_t dsm(struct fx *f, uint64_t lba, uint32_t nlb)
{
	struct drv_cmd cmd = { { OP_DSM, 1 } };
	struct nvme_dsm_range *range = drv_ptr(f->d, f->buf);

	*range = (struct nvme_dsm_range){ 0, sim_le32(nlb), sim_le64(lba) };
	cmd.dw[11] = 4;
	return exec(f, &cmd, sizeof(*range));
}

static inline void act_ok(struct fx *f, uint32_t zone, enum sim_zone_act act)
{
	struct sim_msg msg = { "" };

	if (sim_zone_act(f->d->subsys, 1, (uint64_t)zone * ZSZE, act, &msg))
		fail_msg("%s", msg.text);
}

/* number of zones in the Changed Zone List, which is then empty; the first one's address */
static inline uint16_t changed(struct fx *f, uint64_t *zslba)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [1] = 1, [10] = 1023u << 16 | LID_CHANGED } };
	uint64_t brk = f->d->brk, iova = drv_alloc(f->d, 4096);
	const uint8_t *page = drv_ptr(f->d, iova);

	assert_int_equal(drv_admin(f->d, &cmd, iova, 4096, NULL), 0);
	f->d->brk = brk;
	*zslba = u64_at(page + 8);
	return (uint16_t)(page[0] | page[1] << 8);
}

static inline struct fx *make(const struct limits *l, bool zrwa, bool cross)
{
	struct fx *f = calloc(1, sizeof(*f));
	struct drv_params p;

	drv_params(&p);
	p.ns_bytes = (uint64_t)NR_ZONES * ZSZE * LBS;
	p.ctrl.no_auto_transition = !l->auto_transition;
	p.ns.mssrl = p.ns.mcl = 128;
	p.ns.msrc = 127;
	p.ns.zoned = (struct sim_zoned_params){
		.on = true,
		.zone_size = ZSZE * LBS,
		.zone_capacity = ZCAP * LBS,
		.descr_ext_size = ZDES,
		.cross_read = cross,
		.max_active = l->max_active,
		.max_open = l->max_open,
		.zrwas = zrwa ? ZRWAS * LBS : 0,
		.zrwafg = zrwa ? ZRWAFG * LBS : UINT64_MAX,
	};
	f->name = l->name;
	f->d = drv_new(&p);
	zone_start(f->d);
	f->buf = drv_alloc(f->d, 64 * 1024);
	f->list = drv_alloc(f->d, DRV_PAGE);
	f->report = drv_alloc(f->d, REPORT_LEN);
	return f;
}

static inline void done(struct fx *f)
{
	drv_free(f->d);
	free(f);
}

static inline void check_counts(struct fx *f, const uint8_t *now)
{
	struct sim_zone_info zi[NR_ZONES];
	struct sim_zones_info info;
	uint32_t active = 0, open = 0;

	assert_int_equal(sim_zones_info(f->d->subsys, 1, &info), 0);
	assert_int_equal(sim_zones_get(f->d->subsys, 1, 0, NR_ZONES, zi), NR_ZONES);
	for (unsigned int i = 0; i < NR_ZONES; i++) {
		struct zone_desc z = zone_desc(now, i, ZDES);

		active += z.state >= ZS_IMPLICIT && z.state <= ZS_CLOSED;
		open += z.state == ZS_IMPLICIT || z.state == ZS_EXPLICIT;
		assert_int_equal(zi[i].state, z.state);
		assert_int_equal(zi[i].attrs, z.attrs);
		assert_int_equal(zi[i].zslba, z.zslba);
		assert_int_equal(zi[i].zcap, z.zcap);
		assert_int_equal(zi[i].wp, z.wp);
	}
	assert_int_equal(info.nr_active, active);
	assert_int_equal(info.nr_open, open);
	assert_int_equal(info.nr_zones, NR_ZONES);
}

/* figure 4: Valid Write Pointer */
static inline bool with_pointer(unsigned int state)
{
	return state >= ZS_EMPTY && state <= ZS_CLOSED;
}

#endif /* TESTS_ZONE_FX_H */
