/* SPDX-License-Identifier: MIT */
/*
 * zone_report.c - Zone Management Receive. Section 3.4.2.
 */
#include <string.h>

#include "rw.h"
#include "zone.h"

#define CDW13_ZRA(cdw13)   ((uint8_t)(cdw13))
#define CDW13_ZRASF(cdw13) ((uint8_t)((cdw13) >> 8))
#define CDW13_PARTIAL	   (1u << 16)

#define PEL_NUMD  SIM_PEL_CDW(12, 0)
#define PEL_ZRA	  SIM_PEL_CDW(13, 0)
#define PEL_ZRASF SIM_PEL_CDW(13, 8)

#define DESC  ((uint32_t)sizeof(struct nvme_zns_desc))
#define PIECE 32768u /* bytes that are put together and moved at once; an extension fits */

/**
 * struct filter - Reporting Options (figure 34)
 * @states: the zone's is one of these; @attrs: or (0: and) it has one of these attributes
 */
struct filter {
	uint8_t states, attrs;
};

#define ANY 0xff

static const struct filter filters[] = {
	[0] = { ANY, 0 },
	[1] = { ZST_BIT(ZST_EMPTY), 0 },
	[2] = { ZST_BIT(ZST_IMPLICIT), 0 },
	[3] = { ZST_BIT(ZST_EXPLICIT), 0 },
	[4] = { ZST_BIT(ZST_CLOSED), 0 },
	[5] = { ZST_BIT(ZST_FULL), 0 },
	[6] = { ZST_BIT(ZST_READ_ONLY), 0 },
	[7] = { ZST_BIT(ZST_OFFLINE), 0 },
	[9] = { 0, ZA_RZR | ZA_FZR | ZA_ZFC },
};
#define NR_FILTERS (sizeof(filters) / sizeof(filters[0]))

/**
 * struct report - a report on its way to the host
 * @each:  bytes of a zone: its descriptor, and its extension
 * @fit:   zones that the host has room for
 * @found: zones that match, up to where it has been looked
 * @buf:   the next @len bytes of it, then from @done on
 */
struct report {
	struct sim_req *req;
	struct sim_zones *zs;
	struct filter f;
	uint32_t each;
	uint64_t fit, found;
	struct sim_iter it;
	uint32_t len;
	bool moved;
	_Alignas(8) uint8_t buf[PIECE];
};

static bool matches(const struct filter *f, uint64_t word)
{
	return f->states & ZST_BIT(zw_state(word)) || f->attrs & zw_attrs(word);
}

static void describe(const struct sim_zones *zs, uint64_t zslba, uint64_t word, uint8_t *to)
{
	const struct sim_zst_traits *t = &sim_zst_traits[zw_state(word)];
	struct nvme_zns_desc d = {
		.zt = NVME_ZONE_TYPE_SEQWRITE_REQ,
		.zs = (uint8_t)(t->zs << 4),
		.za = zw_attrs(word),
		.zcap = sim_le64(zs->zcap),
		.zslba = sim_le64(zslba),
		.wp = sim_le64(t->wp ? zslba + zw_wp(word) : UINT64_MAX),
	};

	memcpy(to, &d, DESC);
}

static uint16_t move(struct report *r)
{
	uint16_t status = sim_iter_move(&r->it, SIM_DMA_WRITE, r->buf, r->len);

	r->len = 0;
	r->moved = true;
	return status;
}

/* zones from @z on for as long as the host has room. Return: a status; *@z is where it ended */
static uint16_t put_zones(struct report *r, uint64_t *z)
{
	struct sim_zones *zs = r->zs;
	uint64_t zslba = *z * zs->zsze;
	uint16_t status = SIM_OK;

	for (; *z < zs->nr && r->found < r->fit && !status; ++*z, zslba += zs->zsze) {
		const uint64_t word = sim_zone_peek(zs, *z);
		uint8_t *to;

		if (!matches(&r->f, word))
			continue;
		if (r->len + r->each > PIECE)
			status = move(r);
		to = r->buf + r->len;
		describe(zs, zslba, word, to);
		if (r->each > DESC && zw_attrs(word) & ZA_ZDEV)
			memcpy(to + DESC, zs->ext + *z * zs->zdes, zs->zdes);
		else if (r->each > DESC)
			memset(to + DESC, 0, zs->zdes);
		r->len += r->each;
		r->found++;
	}
	return status;
}

/* zones from @z on that match and for which the host has no room */
static uint64_t count_zones(const struct report *r, uint64_t z)
{
	uint64_t n = 0;

	if (r->f.states == ANY)
		return r->zs->nr - z;
	for (; z < r->zs->nr; z++)
		n += matches(&r->f, sim_zone_peek(r->zs, z));
	return n;
}

/* the number of zones is what the host sees of them: it is known, and moved, last */
static uint16_t report(struct report *r, uint64_t z, uint64_t len, bool partial)
{
	const uint32_t head = len < DESC ? (uint32_t)len : DESC;
	struct nvme_zone_report h = { 0 };
	uint16_t status = sim_iter_start(&r->it, r->req, len);

	if (status)
		return status;
	memset(r->buf, 0, DESC);
	r->len = head;
	status = put_zones(r, &z);
	if (status)
		return status;
	h.nr_zones = sim_le64(partial ? r->found : r->found + count_zones(r, z));
	if (r->moved) {
		status = move(r);
		return status ? status : sim_xfer(r->req, SIM_DMA_WRITE, &h, head);
	}
	memcpy(r->buf, &h, head);
	return move(r);
}

/**
 * sim_zone_receive() - Zone Management Receive
 *
 * Section 3.4.2: from the zone that SLBA is in, however SLBA lies in it. What does not fit into
 * NUMD dwords is left out, a zone that fits in part only as well; what is behind the last zone is
 * not written. Each zone is as it was at one moment; commands that change others go on. Return: a
 * status.
 */
uint16_t sim_zone_receive(struct sim_req *req)
{
	const uint32_t cdw13 = req->sqe.cdw13;
	const uint64_t len = ((uint64_t)req->sqe.cdw12 + 1) * 4, slba = sim_slba(req);
	const uint8_t zra = CDW13_ZRA(cdw13), zrasf = CDW13_ZRASF(cdw13);
	struct sim_zones *zs = req->ns->zones;
	struct report r;
	uint16_t status;

	if (zra > NVME_ZNS_ZRA_EXTENDED_REPORT_ZONES ||
	    (zra == NVME_ZNS_ZRA_EXTENDED_REPORT_ZONES && !zs->zdes))
		return sim_bad_field(req, PEL_ZRA);
	if (zrasf >= NR_FILTERS || (!filters[zrasf].states && !filters[zrasf].attrs))
		return sim_bad_field(req, PEL_ZRASF);
	if (!sim_mdts_ok(req->ctrl, len))
		return sim_bad_field(req, PEL_NUMD);
	status = sim_check_range(req, req->ns, slba, 1);
	if (status) {
		req->err_loc = PEL_SLBA;
		return status;
	}
	r.req = req;
	r.zs = zs;
	r.f = filters[zrasf];
	r.each = DESC + (zra == NVME_ZNS_ZRA_EXTENDED_REPORT_ZONES ? zs->zdes : 0);
	r.fit = len > DESC ? (len - DESC) / r.each : 0;
	r.found = 0;
	r.len = 0;
	r.moved = false;
	return report(&r, sim_zone_of(zs, slba), len, cdw13 & CDW13_PARTIAL);
}
