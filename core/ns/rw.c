/* SPDX-License-Identifier: MIT */
/*
 * rw.c - Read and Write. NVM Command Set 1.1, sections 3.3.4 and 3.3.6.
 *
 * Blocks without metadata move straight between the store and the host. Those with metadata go
 * through a slot of the stage: a Write is gathered and checked there and then committed as one; of
 * a Read, nothing is transferred before all of it has been checked. Where that is all the same, a
 * Write goes to its place at once (write_in_place()); and where the store's memory can be exchanged,
 * it is gathered in memory that only has to change places (sim_stage_parts()).
 */
#include <string.h>

#include "rw.h"
#include "zone.h"

#define CDW12_DTYPE 0x00f00000u /* Write: Directive Type */
#define PEL_DTYPE SIM_PEL_CDW(12, 20)

/* ---- shared by the commands on blocks ------------------------------------------------------- */

uint16_t sim_check_range(struct sim_req *req, const struct sim_ns *ns, uint64_t slba, uint64_t nlb)
{
	if (nlb <= ns->nsze && slba <= ns->nsze - nlb)
		return SIM_OK;
	req->err_lba = slba < ns->nsze ? ns->nsze : slba;
	return SIM_LBA_RANGE;
}

/*
 * NVM Command Set 1.1, sections 3.3.7 and 3.3.3.2.1. A bad block comes first: it is allocated, and
 * what is wrong with it is worse.
 */
uint16_t sim_check_readable(struct sim_req *req, struct sim_ns *ns, uint64_t slba, uint64_t nlb)
{
	const struct sim_blocks *b = &ns->media.blocks;
	uint64_t end = slba + nlb, lba;

	if (sim_blocks_any_bad(b)) {
		lba = sim_blocks_find_bad(b, slba, end, true);
		if (lba < end) {
			req->err_lba = lba;
			return SIM_READ_ERROR;
		}
	}
	if (ns->err_recovery & SIM_ER_DULBE) {
		lba = sim_blocks_find_alloc(b, slba, end, false);
		if (lba < end) {
			req->err_lba = lba;
			return SIM_UNWRITTEN_BLOCK;
		}
	}
	return SIM_OK;
}

/*
 * Media and Data Integrity Errors (NVMe Base 2.1, figure 206): uncorrectable errors, and checksums
 * and tags that do not match
 */
uint16_t sim_media_result(struct sim_req *req, uint16_t status)
{
	switch (status) {
	case SIM_READ_ERROR:
	case SIM_WRITE_FAULT:
	case SIM_GUARD_ERROR:
	case SIM_APP_TAG_ERROR:
	case SIM_REF_TAG_ERROR:
	case SIM_STORAGE_TAG_ERROR:
		sim_count(&req->ctrl->cnt->media_errors, 1);
		break;
	default:
		break;
	}
	return status;
}

uint16_t sim_write_durable(struct sim_req *req)
{
	if (req->sqe.cdw12 & CDW12_FUA || !req->ns->wc_enabled)
		return sim_ns_flush(req->ns, req);
	return SIM_OK;
}

/* ---- between host and controller ------------------------------------------------------------ */

/* protection information that the controller makes or strips is not transferred and not counted */
uint16_t sim_rw_start(struct sim_rw *c, struct sim_req *req, enum sim_pi_kind kind)
{
	struct sim_ns *ns = req->ns;
	uint64_t data, md = 0;
	uint16_t status, pi_status = SIM_OK, pi_loc = 0;

	c->req = req;
	c->ns = ns;
	c->slba = sim_slba(req);
	c->nlb = sim_nlb(req);
	c->append = kind == SIM_PI_APPEND;
	c->remap = false;
	data = (uint64_t)c->nlb << ns->lbads;
	if (ns->pi.type) {
		pi_status = sim_pi_parse(req, kind, &c->pi);
		pi_loc = req->err_loc;
	} else {
		c->pi = (struct sim_pi_cmd){ .fmt = &ns->pi };
	}
	c->md = ns->ms && !sim_pi_alone(&c->pi);
	if (c->md)
		md = (uint64_t)c->nlb * ns->ms;
	if (!sim_mdts_ok(req->ctrl, sim_rw_bytes(req, c->nlb, c->md)))
		return sim_bad_field(req, PEL_NLB);
	status = c->append ? SIM_OK : sim_check_slba(req);
	if (!status && ns->zones && (kind == SIM_PI_READ || kind == SIM_PI_COMPARE))
		status = sim_zone_check_read(req, ns, c->slba, c->nlb);
	if (!status)
		status = sim_iter_start(&c->data, req, ns->extended ? data + md : data);
	if (!status && md && !ns->extended)
		status = sim_iter_start_md(&c->meta, req, md);
	if (!status && pi_status) {
		req->err_loc = pi_loc;
		status = pi_status;
	}
	return status;
}

static void take_apart(const struct sim_ns *ns, const struct sim_rw_buf *b, uint32_t nlb)
{
	const size_t lbs = (size_t)1 << ns->lbads, ms = ns->ms;
	const uint8_t *p = b->scratch;

	for (uint32_t i = 0; i < nlb; i++, p += lbs + ms) {
		memcpy(b->data + i * lbs, p, lbs);
		memcpy(b->md + i * ms, p + lbs, ms);
	}
}

static void put_together(const struct sim_ns *ns, const struct sim_rw_buf *b, uint32_t nlb)
{
	const size_t lbs = (size_t)1 << ns->lbads, ms = ns->ms;
	uint8_t *p = b->scratch;

	for (uint32_t i = 0; i < nlb; i++, p += lbs + ms) {
		memcpy(p, b->data + i * lbs, lbs);
		memcpy(p + lbs, b->md + i * ms, ms);
	}
}

/* extended logical blocks: one transfer, which is taken apart in memory, when there is room */
static uint16_t move_extended(struct sim_rw *c, enum sim_dma_dir dir, const struct sim_rw_buf *b,
			      uint32_t nlb)
{
	const size_t lbs = (size_t)1 << c->ns->lbads, ms = c->ns->ms;
	uint16_t status = SIM_OK;

	if (nlb * (lbs + ms) <= b->room) {
		if (dir == SIM_DMA_WRITE)
			put_together(c->ns, b, nlb);
		status = sim_iter_move(&c->data, dir, b->scratch, nlb * (lbs + ms));
		if (!status && dir == SIM_DMA_READ)
			take_apart(c->ns, b, nlb);
		return status;
	}
	for (uint32_t i = 0; i < nlb && !status; i++) {
		status = sim_iter_move(&c->data, dir, b->data + i * lbs, lbs);
		if (!status)
			status = sim_iter_move(&c->data, dir, b->md + i * ms, ms);
	}
	return status;
}

uint16_t sim_rw_move(struct sim_rw *c, enum sim_dma_dir dir, const struct sim_rw_buf *b,
		     uint32_t nlb)
{
	const size_t len = (size_t)nlb << c->ns->lbads;

	if (!c->md)
		return sim_iter_move(&c->data, dir, b->data, len);
	if (c->ns->extended)
		return move_extended(c, dir, b, nlb);
	return sim_iter_move2(&c->data, b->data, len, &c->meta, b->md, (size_t)nlb * c->ns->ms,
			      dir);
}

void sim_rw_slot(const struct sim_stage_slot *slot, struct sim_rw_buf *b)
{
	*b = (struct sim_rw_buf){ slot->data, slot->md, slot->scratch, SIM_STAGE_SCRATCH };
}

uint16_t sim_rw_check(struct sim_req *req, const struct sim_pi_cmd *pi, uint32_t first,
		      const uint8_t *data, const uint8_t *md, uint32_t nlb)
{
	uint32_t bad = 0;
	uint16_t status;

	if (!sim_pi_checks(pi))
		return SIM_OK;
	status = sim_pi_check(pi, first, data, md, nlb, &bad);
	if (status)
		req->err_lba = pi->slba + first + bad;
	return status;
}

/* ---- Write ---------------------------------------------------------------------------------- */

/* @b: where blocks from @i on are gathered, as many as lie together. Return: how many */
static uint32_t piece(const struct sim_rw *c, const struct sim_stage_slot *slot, uint32_t i,
		      struct sim_rw_buf *b)
{
	sim_rw_slot(slot, b);
	b->md += (size_t)i * c->ns->ms;
	return sim_stage_piece(&c->ns->media, slot, i, c->nlb, &b->data);
}

/*
 * Section 5.3.2.1: what PRACT makes is made last, over whatever the host has sent in its place. Of a
 * Zone Append it is made when it is known where the blocks go.
 */
static uint16_t gather(struct sim_rw *c, struct sim_stage_slot *slot)
{
	uint16_t status = SIM_OK;
	struct sim_rw_buf b;

	if (!c->append)
		sim_stage_parts(&c->ns->media, slot, c->slba, c->nlb);
	for (uint32_t i = 0, n; i < c->nlb && !status; i += n) {
		n = piece(c, slot, i, &b);
		status = sim_rw_move(c, SIM_DMA_READ, &b, n);
	}
	for (uint32_t i = 0, n; i < c->nlb && !status; i += n) {
		n = piece(c, slot, i, &b);
		if (!c->pi.pract)
			status = sim_rw_check(c->req, &c->pi, i, b.data, b.md, n);
		else if (!c->append)
			sim_pi_generate(&c->pi, i, b.data, b.md, n);
	}
	return status;
}

/* Zone Append: Media Reference Tag (Zoned Namespace Command Set 1.1, section 3.4.1.1) */
static void place_tags(struct sim_rw *c, const struct sim_stage_slot *slot)
{
	if (c->remap)
		c->pi.lbrt += c->slba - c->pi.slba;
	if (c->pi.pract)
		sim_pi_generate(&c->pi, 0, slot->data, slot->md, c->nlb);
	else if (c->remap)
		sim_pi_renumber(&c->pi, slot->md, c->nlb);
}

/*
 * Without a stage: there is nothing that could be found wrong once the data is here, as the
 * metadata is made of it, and nothing outlives the process. Should the data not come, tuples are made of
 * what did, so that blocks that were allocated still are what their guards say.
 */
static bool may_write_in_place(const struct sim_rw *c)
{
	return c->ns->media.in_place && sim_pi_alone(&c->pi) && !c->ns->zones;
}

static uint16_t place_blocks(struct sim_rw *c)
{
	struct sim_media *m = &c->ns->media;
	struct sim_rw_buf b = { 0 };
	uint16_t status = SIM_OK;

	for (uint32_t i = 0, n; i < c->nlb && !status; i += n) {
		n = c->nlb - i;
		status = sim_media_place(m, c->req, c->slba + i, &n, &b.data, &b.md);
		if (status)
			break;
		status = sim_rw_move(c, SIM_DMA_READ, &b, n);
		sim_pi_generate(&c->pi, i, b.data, b.md, n);
	}
	return status ? status : sim_media_placed(m, c->req, c->slba, c->nlb);
}

static uint16_t write_in_place(struct sim_rw *c)
{
	struct sim_media *m = &c->ns->media;
	struct sim_range r;
	uint16_t status;

	sim_range_lock(&m->ranges, &r, c->slba, c->nlb, SIM_RANGE_WRITE);
	status = sim_fdp_prepare(c->req, c->ns, c->slba, c->nlb);
	if (!status)
		status = place_blocks(c);
	sim_fdp_wrote(c->req, &c->to, c->slba, c->nlb, status);
	sim_range_unlock(&m->ranges, &r);
	return status;
}

/* the blocks, in @slot or (NULL) still the host's; @claim: they are not claimed yet */
static uint16_t write_blocks(struct sim_rw *c, struct sim_stage_slot *slot, bool claim)
{
	struct sim_media *m = &c->ns->media;
	struct sim_zone_write zw;
	struct sim_range r;
	uint16_t status;

	if (c->ns->zones) {
		status = sim_zone_write_begin(&zw, c->req, c->ns, c->slba, c->nlb, c->append);
		if (status)
			return status;
		c->slba = zw.slba;
		if (c->append && slot)
			place_tags(c, slot);
	}
	if (claim)
		sim_range_lock(&m->ranges, &r, c->slba, c->nlb, SIM_RANGE_WRITE);
	status = sim_fdp_prepare(c->req, c->ns, c->slba, c->nlb);
	if (!status)
		status = slot ? sim_stage_commit(m, c->req, slot, c->slba, c->nlb) :
				sim_media_write(m, c->slba, c->nlb, &c->data);
	sim_fdp_wrote(c->req, &c->to, c->slba, c->nlb, status);
	if (c->ns->zones)
		sim_zone_write_end(&zw, status);
	if (claim)
		sim_range_unlock(&m->ranges, &r);
	return status;
}

/* the zone and the blocks are taken only when all that can go wrong on the host's side is behind */
static uint16_t write_staged(struct sim_rw *c, struct sim_stage_slot *slot, bool claim)
{
	uint16_t status = gather(c, slot);

	return status ? status : write_blocks(c, slot, claim);
}

static uint16_t write_started(struct sim_rw *c, struct sim_stage_slot *slot)
{
	struct sim_stage_slot own;
	uint16_t status;

	if (!c->ns->ms) {
		status = write_blocks(c, NULL, !slot);
	} else if (slot) {
		status = write_staged(c, slot, false);
	} else if (may_write_in_place(c)) {
		status = write_in_place(c);
	} else {
		sim_stage_get(c->ns->subsys, &own);
		status = write_staged(c, &own, true);
		sim_stage_put(c->ns->subsys, &own);
	}
	if (status)
		return sim_media_result(c->req, status);
	sim_count(&sim_io(c->req)->writes, 1);
	sim_count(&sim_io(c->req)->sectors_written, sim_sectors(c->ns, c->nlb));
	return SIM_OK;
}

static uint16_t start_write(struct sim_rw *c, struct sim_req *req, enum sim_pi_kind kind)
{
	uint16_t status = sim_fdp_target(req, &c->to);

	return status ? status : sim_rw_start(c, req, kind);
}

uint16_t sim_rw_write(struct sim_rw *c, struct sim_req *req, struct sim_stage_slot *slot)
{
	uint16_t status = start_write(c, req, SIM_PI_WRITE);

	return status ? status : write_started(c, slot);
}

uint16_t sim_rw_append(struct sim_rw *c, struct sim_req *req, bool remap)
{
	uint16_t status = start_write(c, req, SIM_PI_APPEND);

	if (status)
		return status;
	c->remap = remap;
	return write_started(c, NULL);
}

/**
 * sim_nvm_write() - Write
 *
 * NVM Command Set 1.1, section 3.3.6. With FUA, or the write cache disabled, it completes when it
 * is durable. The one directive there is, with Flexible Data Placement, is Data Placement.
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_nvm_write(struct sim_req *req)
{
	struct sim_rw c;
	uint16_t status = sim_rw_write(&c, req, NULL);

	return status ? status : sim_write_durable(req);
}

/* ---- Read ----------------------------------------------------------------------------------- */

/* a zone, and the stage, may be waited for; and a Read with FUA is not over when it has been done
 */
static bool may_lend(const struct sim_req *req)
{
	return !req->ns->ms && !req->ns->zones && !(req->sqe.cdw12 & CDW12_FUA);
}

static uint16_t read_claimed(struct sim_rw *c, bool lend)
{
	uint16_t status = sim_check_readable(c->req, c->ns, c->slba, c->nlb);

	return status ? status : sim_media_read(&c->ns->media, c->slba, c->nlb, &c->data, lend);
}

static uint16_t read_direct(struct sim_rw *c)
{
	struct sim_ranges *rs = &c->ns->media.ranges;
	struct sim_range here, *r;
	uint16_t status;

	r = may_lend(c->req) ? sim_lend_claim(c->req, rs, c->slba, c->nlb) : NULL;
	if (r) {
		status = read_claimed(c, true);
		sim_lend_keep(c->req, r, status);
		return status;
	}
	sim_range_lock(rs, &here, c->slba, c->nlb, SIM_RANGE_READ);
	status = read_claimed(c, false);
	sim_range_unlock(rs, &here);
	return status;
}

/*
 * Blocks from the command's @i-th on: as many as lie together in the store's memory, or all that
 * are left, in @slot. @fetch: they are not there yet. Return: a status; *@n: how many.
 */
static uint16_t look_at(struct sim_rw *c, const struct sim_stage_slot *slot, uint32_t i, bool fetch,
			struct sim_rw_buf *b, uint32_t *n)
{
	struct sim_media *m = &c->ns->media;
	const uint32_t left = c->nlb - i;

	sim_rw_slot(slot, b);
	*n = sim_media_peek(m, c->slba + i, left, &b->data, &b->md);
	if (*n)
		return SIM_OK;
	*n = left;
	b->data += (size_t)i << c->ns->lbads;
	b->md += (size_t)i * c->ns->ms;
	return fetch ? sim_media_fetch(m, c->req, c->slba + i, left, b->data, b->md) : SIM_OK;
}

/* all of it is checked before any of it is transferred */
static uint16_t read_looked_at(struct sim_rw *c, const struct sim_stage_slot *slot)
{
	uint16_t status = SIM_OK;
	struct sim_rw_buf b;
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->nlb && !status; i += n) {
		status = look_at(c, slot, i, true, &b, &n);
		if (!status)
			status = sim_rw_check(c->req, &c->pi, i, b.data, b.md, n);
	}
	/* they mostly lie together */
	if (!status && n == c->nlb)
		return sim_rw_move(c, SIM_DMA_WRITE, &b, n);
	for (uint32_t i = 0; i < c->nlb && !status; i += n) {
		status = look_at(c, slot, i, false, &b, &n);
		if (!status)
			status = sim_rw_move(c, SIM_DMA_WRITE, &b, n);
	}
	return status;
}

static uint16_t read_staged(struct sim_rw *c, const struct sim_stage_slot *slot)
{
	struct sim_media *m = &c->ns->media;
	struct sim_range r;
	uint16_t status;

	sim_range_lock(&m->ranges, &r, c->slba, c->nlb, SIM_RANGE_READ);
	status = sim_check_readable(c->req, c->ns, c->slba, c->nlb);
	if (!status)
		status = read_looked_at(c, slot);
	sim_range_unlock(&m->ranges, &r);
	return status;
}

#define AHEAD_MAX 4096u /* bytes; the processor finds out about longer ones by itself */

const void *sim_nvm_read_ahead(struct sim_ctrl *c, const struct sim_sqe *sqe, size_t *len)
{
	const struct sim_ns *ns = sim_ctrl_ns(c, sim_le32(sqe->nsid));
	uint64_t slba = sim_le32(sqe->cdw10) | (uint64_t)sim_le32(sqe->cdw11) << 32;

	if (!ns || slba >= ns->nsze)
		return NULL;
	*len = ((sim_le32(sqe->cdw12) & 0xffffu) + 1u) << ns->lbads;
	if (*len > AHEAD_MAX)
		*len = AHEAD_MAX;
	return sim_media_where(&ns->media, slba << ns->lbads, len);
}

/**
 * sim_nvm_read() - Read
 *
 * NVM Command Set 1.1, section 3.3.4. With FUA, what is read is durable before it completes.
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_nvm_read(struct sim_req *req)
{
	struct sim_stage_slot slot;
	struct sim_rw c;
	uint16_t status;

	if (!may_lend(req))
		sim_lend_settle(req->sq);
	status = sim_rw_start(&c, req, SIM_PI_READ);
	if (status)
		return status;
	if (c.ns->ms) {
		sim_stage_get(c.ns->subsys, &slot);
		status = read_staged(&c, &slot);
		sim_stage_put(c.ns->subsys, &slot);
	} else {
		status = read_direct(&c);
	}
	if (status)
		return sim_media_result(req, status);
	sim_count(&sim_io(req)->reads, 1);
	sim_count(&sim_io(req)->sectors_read, sim_sectors(c.ns, c.nlb));
	return req->sqe.cdw12 & CDW12_FUA ? sim_ns_flush(c.ns, req) : SIM_OK;
}
