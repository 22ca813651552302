/* SPDX-License-Identifier: MIT */
/*
 * copy.c - Copy. NVM Command Set 1.1, section 3.3.2.
 *
 * Everything the command says is checked before the first block moves. Then all of its blocks,
 * those read and those written, are claimed together, so that the write portion is one write to
 * every other command, as ONCS.NVMCSA says, however long it is. The blocks pass through a slot of
 * the stage: what fits into it, source ranges one behind the other, is read and checked and then
 * becomes destination blocks as one.
 */
#include <string.h>

#include "rw.h"
#include "zone.h"

#define CDW12_NR 0x000000ffu	/* Number of Ranges, 0's based */
#define CDW12_STCW (1u << 24)
#define CDW12_STCR (1u << 25)
#define PRACT 0x8u

#define PEL_NR SIM_PEL_CDW(12, 0)
#define PEL_DESFMT SIM_PEL_CDW(12, 8)
#define PEL_PRINFOR SIM_PEL_CDW(12, 12)
#define PEL_PRINFOW SIM_PEL_CDW(12, 26)

#define RANGES_MAX (CDW12_NR + 1)
#define DESC_MAX 40u

/**
 * struct copy_format - a Copy Descriptor Format (figures 38 to 40)
 * @len:   bytes of a Source Range entry
 * @wide:  for tuples of 16 bytes; the tags take 80 bits, else 32
 * @snsid: entries name their namespace. The host must have enabled the format.
 */
struct copy_format {
	uint8_t len;
	bool wide, snsid;
};

static const struct copy_format formats[] = {
	[0] = { 32, false, false },
	[1] = { 40, true, false },
	[2] = { 32, false, true },
	[3] = { 40, true, true },
};

uint16_t sim_copy_formats(void)
{
	return (1u << sizeof(formats) / sizeof(formats[0])) - 1;
}

/** struct source - a Source Range entry */
struct source {
	struct sim_ns *ns;
	uint64_t slba;
	uint32_t nlb;
};

/**
 * struct copy - a Copy command
 * @total:  blocks it writes
 * @pract_r, @pract_w: PRACT of PRINFOR and of PRINFOW
 * @pi:     of the write portion
 * @to:     where its blocks are placed
 * @range:  claims: one for each source, then the destination's
 * @desc:   the Source Range entries as the host sent them
 */
struct copy {
	struct sim_req *req;
	const struct copy_format *fmt;
	struct sim_ns *dst;
	uint64_t sdlba, total;
	unsigned int nr;
	bool pract_r, pract_w;
	struct sim_pi_cmd pi;
	struct sim_fdp_to to;
	struct source src[RANGES_MAX];
	struct sim_range range[RANGES_MAX + 1];
	struct sim_range *ranges[RANGES_MAX + 1];
	uint8_t desc[RANGES_MAX * DESC_MAX];
};

static uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return sim_le16(v);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return sim_le32(v);
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return sim_le64(v);
}

static uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- the checks ----------------------------------------------------------------------------- */

/* Host Behavior Support, CDFE: formats that name a namespace are there when they were enabled */
static bool format_enabled(const struct sim_ctrl *c, uint32_t desfmt)
{
	if (desfmt >= sizeof(formats) / sizeof(formats[0]))
		return false;
	return !formats[desfmt].snsid || c->feat.host_behavior[SIM_HBS_CDFE] >> desfmt & 1;
}

/* the command's own fields */
static uint16_t check_fields(struct copy *c)
{
	struct sim_req *req = c->req;
	const uint32_t cdw12 = req->sqe.cdw12, desfmt = cdw12 >> 8 & 0xf;
	const struct sim_pi_fmt *pi = &c->dst->pi;
	const uint16_t status = sim_fdp_target(req, &c->to);

	if (status)
		return status;
	if (!format_enabled(req->ctrl, desfmt))
		return sim_bad_field(req, PEL_DESFMT);
	c->fmt = &formats[desfmt];
	if (pi->type && (sim_pi_tuple_len(pi->pif) == 16) != c->fmt->wide) {
		req->err_loc = PEL_DESFMT;
		return SIM_INVALID_NS;
	}
	c->nr = (cdw12 & CDW12_NR) + 1;
	if (c->nr - 1 > c->dst->p.msrc) {
		req->err_loc = PEL_NR;
		return SIM_COPY_SIZE_LIMIT;
	}
	c->pract_r = cdw12 >> 12 & PRACT;
	c->pract_w = cdw12 >> 26 & PRACT;
	sim_pi_fields(&c->pi, pi, c->sdlba, cdw12 >> 26 & 0xf, cdw12 & CDW12_STCW, req->sqe.cdw2,
		      req->sqe.cdw3, req->sqe.cdw14, req->sqe.cdw15);
	return SIM_OK;
}

static const uint8_t *desc_of(const struct copy *c, unsigned int i)
{
	return c->desc + i * c->fmt->len;
}

/* what dispatch.c has checked of the destination */
static uint16_t source_state(struct sim_req *req, const struct sim_ns *ns)
{
	if (sim_pi_extended(&ns->pi) && !req->ctrl->feat.host_behavior[SIM_HBS_LBAFEE])
		return SIM_INVALID_NS;
	if (atomic_load(&ns->format_left))
		return SIM_FORMAT_IN_PROGRESS;
	return sim_ana_check(req, ns);
}

/* SNSID, and whether what it names can be read now */
static uint16_t source_ns(struct copy *c, unsigned int i, struct sim_ns **ns)
{
	struct sim_req *req = c->req;
	uint32_t nsid;

	*ns = c->dst;
	if (!c->fmt->snsid)
		return SIM_OK;
	nsid = get32(desc_of(c, i));
	if (!nsid || nsid > SIM_NN)
		return SIM_INVALID_NS;
	*ns = sim_ctrl_ns(req->ctrl, nsid);
	if (!*ns)
		return SIM_INVALID_FIELD;
	return *ns == c->dst ? SIM_OK : source_state(req, *ns);
}

/* the Source Range entries, each by itself */
static uint16_t check_sources(struct copy *c)
{
	for (unsigned int i = 0; i < c->nr; i++) {
		const uint8_t *d = desc_of(c, i);
		struct source *s = &c->src[i];
		uint16_t status = source_ns(c, i, &s->ns);

		if (status)
			return status;
		s->slba = get64(d + 8);
		s->nlb = get16(d + 16) + 1u;
		if (s->ns->p.mssrl && s->nlb > s->ns->p.mssrl)
			return SIM_COPY_SIZE_LIMIT;
		status = sim_check_range(c->req, s->ns, s->slba, s->nlb);
		if (!status && s->ns->zones)
			status = sim_zone_check_read(c->req, s->ns, s->slba, s->nlb);
		if (!status)
			status = sim_resv_check(c->req, s->ns, SIM_RESV_READ);
		if (status)
			return status;
		c->total += s->nlb;
	}
	return SIM_OK;
}

/* the destination, and where it meets a source: prohibited in formats 2h and 3h, else unwise */
static uint16_t check_destination(struct copy *c)
{
	struct sim_req *req = c->req;
	uint16_t status;

	if (c->dst->p.mcl && c->total > c->dst->p.mcl)
		return SIM_COPY_SIZE_LIMIT;
	status = sim_check_range(req, c->dst, c->sdlba, c->total);
	if (status) {
		req->err_loc = PEL_SLBA;
		return status;
	}
	for (unsigned int i = 0; c->fmt->snsid && i < c->nr; i++) {
		const struct source *s = &c->src[i];

		if (s->ns == c->dst && s->slba < c->sdlba + c->total &&
		    c->sdlba < s->slba + s->nlb) {
			req->err_lba = s->slba;
			return SIM_OVERLAPPING_RANGE;
		}
	}
	return SIM_OK;
}

/* section 3.3.2.4.1: matching namespace formats for copy */
static bool matching(const struct sim_ns *a, const struct sim_ns *b)
{
	if (a->lbads != b->lbads || a->ms != b->ms || a->pi.type != b->pi.type)
		return false;
	return !a->pi.type || (a->pi.off == b->pi.off && a->pi.pif == b->pi.pif &&
			       a->pi.sts == b->pi.sts && a->pi.lbstm == b->pi.lbstm);
}

/* corresponding protection information formats for copy: @with is the one that has it */
static bool corresponding(const struct sim_ns *with, const struct sim_ns *without)
{
	return with->pi.type && !without->pi.type && with->lbads == without->lbads &&
	       with->ms == with->pi.len && !without->ms;
}

/* sections 3.3.2.3 and 3.3.2.4.2 */
static uint16_t check_namespaces(struct copy *c)
{
	const bool from = c->src[0].ns->pi.type, to = c->dst->pi.type;

	if (from && to && c->pract_r != c->pract_w)
		return sim_bad_field(c->req, PEL_PRINFOR);
	if ((to && !from && !c->pract_w) || (from && !to && !c->pract_r))
		return SIM_INCOMPATIBLE_NS;
	for (unsigned int i = 0; i < c->nr; i++) {
		const struct sim_ns *ns = c->src[i].ns;
		bool ok;

		if (from == to)
			ok = matching(ns, c->dst);
		else
			ok = to ? corresponding(c->dst, ns) : corresponding(ns, c->dst);
		if (!ok)
			return SIM_INCOMPATIBLE_NS;
	}
	return SIM_OK;
}

/* PRINFOR, STCR and the expected tags of a range: a number of 32 bits, or of 80 in big endian */
static void source_pi(const struct copy *c, unsigned int i, struct sim_pi_cmd *pi)
{
	const struct source *s = &c->src[i];
	const uint32_t cdw12 = c->req->sqe.cdw12;
	const uint8_t *d = desc_of(c, i), *app = c->fmt->wide ? d + 36 : d + 28;
	uint32_t cdw2 = 0, cdw3 = 0, cdw14;

	if (c->fmt->wide) {
		cdw2 = (uint32_t)d[26] << 8 | d[27];
		cdw3 = get_be32(d + 28);
		cdw14 = get_be32(d + 32);
	} else {
		cdw14 = get32(d + 24);
	}
	sim_pi_fields(pi, &s->ns->pi, s->slba, cdw12 >> 12 & 0xf, cdw12 & CDW12_STCR, cdw2, cdw3,
		      cdw14, (uint32_t)get16(app + 2) << 16 | get16(app));
}

static uint16_t check_pi(struct copy *c)
{
	uint16_t status = SIM_OK;

	if (c->dst->pi.type)
		status = sim_pi_valid(&c->pi, SIM_PI_WRITE);
	if (status) {
		c->req->err_loc = PEL_PRINFOW;
		return status;
	}
	for (unsigned int i = 0; i < c->nr && !status; i++) {
		struct sim_pi_cmd pi;

		source_pi(c, i, &pi);
		if (c->src[i].ns->pi.type)
			status = sim_pi_valid(&pi, SIM_PI_READ);
	}
	if (status)
		c->req->err_loc = PEL_PRINFOR;
	return status;
}

static uint16_t check(struct copy *c)
{
	uint16_t status = check_fields(c);

	if (!status)
		status = sim_xfer(c->req, SIM_DMA_READ, c->desc, (size_t)c->nr * c->fmt->len);
	if (!status)
		status = check_sources(c);
	if (!status)
		status = check_destination(c);
	if (!status)
		status = check_namespaces(c);
	return status ? status : check_pi(c);
}

/* ---- the work ------------------------------------------------------------------------------- */

static void claim(struct copy *c)
{
	for (unsigned int i = 0; i <= c->nr; i++) {
		const struct source *s = &c->src[i];
		struct sim_range *r = c->ranges[i] = &c->range[i];

		if (i < c->nr)
			*r = (struct sim_range){ .rs = &s->ns->media.ranges, .slba = s->slba,
						 .nlb = s->nlb, .mode = SIM_RANGE_READ };
		else
			*r = (struct sim_range){ .rs = &c->dst->media.ranges, .slba = c->sdlba,
						 .nlb = c->total, .mode = SIM_RANGE_WRITE };
	}
	sim_range_lock_all(c->ranges, c->nr + 1);
}

static uint16_t check_readable(struct copy *c)
{
	uint16_t status = SIM_OK;

	for (unsigned int i = 0; i < c->nr && !status; i++)
		status = sim_check_readable(c->req, c->src[i].ns, c->src[i].slba, c->src[i].nlb);
	return status;
}

/*
 * Blocks of the next piece, @done being behind it: what the slot takes, but a piece that is not the
 * last ends at an atomic boundary if it holds one: nothing across it is atomic anyway.
 */
static uint32_t piece_len(const struct copy *c, uint64_t done)
{
	const struct sim_ns_params *p = &c->dst->p;
	const uint16_t ms = c->dst->ms > c->src[0].ns->ms ? c->dst->ms : c->src[0].ns->ms;
	uint32_t n = SIM_STAGE_DATA >> c->dst->lbads;
	uint64_t bound, past;

	if (ms && n > SIM_STAGE_MD / ms)
		n = SIM_STAGE_MD / ms;
	if (c->total - done <= n)
		return (uint32_t)(c->total - done);
	if (!p->nabspf)
		return n;
	bound = p->nabspf + 1u;
	past = (c->sdlba + done + n + bound - p->nabo % bound) % bound;
	return past < n ? n - (uint32_t)past : n;
}

/* @nlb blocks of source @i from its block @off on to place @at of the slot, checked */
static uint16_t read_part(struct copy *c, const struct sim_stage_slot *slot, unsigned int i,
			  uint32_t off, uint32_t nlb, uint32_t at)
{
	const struct source *s = &c->src[i];
	uint8_t *data = slot->data + ((size_t)at << s->ns->lbads);
	uint8_t *md = s->ns->ms ? slot->md + (size_t)at * s->ns->ms : NULL;
	struct sim_pi_cmd pi;
	uint16_t status;

	status = sim_media_fetch(&s->ns->media, c->req, s->slba + off, nlb, data, md);
	if (status || !s->ns->pi.type)
		return status;
	source_pi(c, i, &pi);
	return sim_rw_check(c->req, &pi, off, data, md, nlb);
}

/* section 5.3.2.5: with PRACT tuples are made, over those that were read; else they are checked */
static uint16_t write_piece(struct copy *c, struct sim_stage_slot *slot, uint64_t done,
			    uint32_t nlb)
{
	uint16_t status = SIM_OK;

	if (c->pi.pract)
		sim_pi_generate(&c->pi, (uint32_t)done, slot->data, slot->md, nlb);
	else
		status = sim_rw_check(c->req, &c->pi, (uint32_t)done, slot->data, slot->md, nlb);
	if (status)
		return status;
	status = sim_fdp_prepare(c->req, c->dst, c->sdlba + done, nlb);
	if (!status)
		status = sim_stage_commit(&c->dst->media, c->req, slot, c->sdlba + done, nlb);
	sim_fdp_wrote(c->req, &c->to, c->sdlba + done, nlb, status);
	return status;
}

/* Return: a status, with *@copied the Source Range entries that were copied wholly */
static uint16_t move(struct copy *c, struct sim_stage_slot *slot, unsigned int *copied)
{
	uint16_t status = SIM_OK;
	uint64_t done = 0;
	unsigned int i = 0;
	uint32_t off = 0;

	while (done < c->total && !status) {
		const uint32_t len = piece_len(c, done);

		for (uint32_t n, at = 0; at < len && !status; at += n) {
			n = c->src[i].nlb - off < len - at ? c->src[i].nlb - off : len - at;
			status = read_part(c, slot, i, off, n, at);
			off += n;
			if (off == c->src[i].nlb) {
				off = 0;
				i++;
			}
		}
		if (!status)
			status = write_piece(c, slot, done, len);
		if (!status) {
			done += len;
			*copied = i;
		}
	}
	return status;
}

/**
 * sim_nvm_copy() - Copy
 *
 * NVM Command Set 1.1, section 3.3.2. Where it fails, dword 0 is the number of the first Source
 * Range entry that was not copied (section 3.3.2.5). All copying here is fast copying: nothing
 * leaves the controller, so FCO asks for what is done anyway.
 * SMART counts a Copy as a host read and as a host write, and the data as written (section 1.4.2).
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_nvm_copy(struct sim_req *req)
{
	struct copy c;
	struct sim_stage_slot slot;
	struct sim_zone_write zw;
	unsigned int copied = 0;
	uint16_t status;

	c.req = req;
	c.dst = req->ns;
	c.sdlba = sim_slba(req);
	c.total = 0;
	status = check(&c);
	if (status)
		return status;

	sim_stage_get(c.dst->subsys, &slot);
	if (c.dst->zones)
		status = sim_zone_write_begin(&zw, req, c.dst, c.sdlba, c.total, false);
	if (!status) {
		claim(&c);
		status = check_readable(&c);
		if (!status)
			status = move(&c, &slot, &copied);
		if (c.dst->zones)
			sim_zone_write_end(&zw, status);
		sim_range_unlock_all(c.ranges, c.nr + 1);
	}
	sim_stage_put(c.dst->subsys, &slot);
	if (status) {
		/* of what a zone was to get, nothing is there if not all is */
		req->result = c.dst->zones ? 0 : copied;
		return sim_media_result(req, status);
	}
	sim_count(&sim_io(req)->reads, 1);
	sim_count(&sim_io(req)->writes, 1);
	sim_count(&sim_io(req)->sectors_written, sim_sectors(c.dst, c.total));
	return sim_write_durable(req);
}
