/* SPDX-License-Identifier: MIT */
/*
 * dptr.c - data and metadata pointers: PRP entries, PRP lists, SGL descriptors and segments
 * (NVMe Base 2.1, 4.1.1, 4.3).
 *
 * A walk yields extents of host memory, as long as they can be: neighbours are merged. Every walk
 * ends: a PRP list yields at least a page per entry, and an SGL has a budget of descriptors.
 */
#include <assert.h>

#include "tables.h"

#define FLAGS_SGL 0xc0	  /* PSDT is not 00b; dispatch.c lets 01b and 10b through */
#define PSDT_MPTR_SGL 0x80 /* 10b: MPTR is the address of an SGL segment, too */
#define SGL_BYTES 16

/* descriptor types, bits 7:4 of byte 15; the sub type, bits 3:0, is 0: an address */
enum {
	SGL_DATA_BLOCK = 0x00,
	SGL_SEGMENT = 0x20,
	SGL_LAST_SEGMENT = 0x30,
};

#define PEL_MPTR SIM_PEL(16, 0)
#define PEL_PRP1 SIM_PEL(24, 0)
#define PEL_PRP2 SIM_PEL(32, 0)
#define GATHER 32

static uint16_t bad(struct sim_req *req, uint16_t pel, uint16_t status)
{
	req->err_loc = pel;
	return status;
}

bool sim_mdts_ok(const struct sim_ctrl *c, uint64_t len)
{
	/* in units of CAP.MPSMIN, which is 4 KiB */
	return !c->p.mdts || len <= 4096ull << c->p.mdts;
}

/* fetches up to a listful of words from @it->seg; @it->seg_left says how many there are */
static uint16_t fetch(struct sim_iter *it)
{
	const unsigned int max = sizeof(it->list) / sizeof(it->list[0]);
	struct sim_dma_vec vec = { .iova = it->seg, .buf = it->list };

	it->n = (uint16_t)(it->seg_left < max ? it->seg_left : max);
	it->pos = 0;
	vec.len = it->n * sizeof(it->list[0]);
	if (sim_dma(it->req->ctrl, SIM_DMA_READ, &vec, 1))
		return bad(it->req, it->pel, SIM_DATA_TRANSFER_ERROR);
	it->seg += vec.len;
	it->seg_left -= it->n;
	return SIM_OK;
}

/* the next @len bytes of the walk: whether data of the command may be where they are */
static uint16_t check_place(struct sim_iter *it, uint64_t len)
{
	if (__builtin_expect(it->req->ctrl->has_barmem, 0) &&
	    !sim_cmb_data_ok(it->req, it->iova, len))
		return bad(it->req, it->pel, SIM_INVALID_CMB);
	return SIM_OK;
}

/* ---- PRPs (4.3.1) ------------------------------------------------------------------------- */

/* pages that @len bytes from a page's beginning touch */
static uint64_t pages(const struct sim_iter *it, uint64_t len)
{
	return (len + it->req->ctrl->page_size - 1) / it->req->ctrl->page_size;
}

/*
 * A list fills its page to the end, or ends with the last entry needed. When more are needed than
 * the rest of the page holds, its last one points to the next list.
 */
static void prp_list_at(struct sim_iter *it, uint64_t iova)
{
	uint32_t ps = it->req->ctrl->page_size;
	uint64_t room = (ps - (iova & (ps - 1))) / 8, want = pages(it, it->left);

	it->seg = iova;
	it->seg_left = want < room ? want : room;
	it->n = it->pos = 0;
}

static uint16_t prp_start(struct sim_iter *it, uint64_t len)
{
	const uint32_t ps = it->req->ctrl->page_size;
	const uint64_t *prp = it->req->sqe.dptr;
	const uint64_t first = ps - (prp[0] & (ps - 1));
	uint16_t status;

	if (prp[0] & 3)
		return bad(it->req, PEL_PRP1, SIM_PRP_OFFSET_INVALID);
	it->iova = prp[0];
	it->ext_left = len < first ? len : first;
	it->left = len - it->ext_left;
	status = check_place(it, it->ext_left);
	if (status || !it->left)
		return status;
	if (it->left > ps) {
		if (prp[1] & 7)
			return bad(it->req, PEL_PRP2, SIM_PRP_OFFSET_INVALID);
		prp_list_at(it, prp[1]);
		return SIM_OK;
	}
	if (prp[1] & (ps - 1))
		return bad(it->req, PEL_PRP2, SIM_PRP_OFFSET_INVALID);
	it->list[0] = sim_le64(prp[1]); /* as if it had been fetched */
	it->n = 1;
	return SIM_OK;
}

static uint16_t prp_next(struct sim_iter *it)
{
	const uint32_t ps = it->req->ctrl->page_size;
	uint64_t entry;
	uint16_t status;

	for (;;) {
		if (it->pos == it->n) {
			status = fetch(it);
			if (status)
				return status;
		}
		entry = sim_le64(it->list[it->pos++]);
		if (entry & (ps - 1))
			return bad(it->req, PEL_PRP2, SIM_PRP_OFFSET_INVALID);
		if (it->pos < it->n || it->seg_left || it->left <= ps)
			break;
		prp_list_at(it, entry); /* the page's last entry, and more is to come */
	}
	it->iova = entry;
	it->ext_left = it->left < ps ? it->left : ps;
	it->left -= it->ext_left;
	return check_place(it, it->ext_left);
}

/* ---- SGLs (4.3.2) ------------------------------------------------------------------------- */

static uint32_t desc_len(const uint64_t *d)
{
	return (uint32_t)sim_le64(d[1]);
}

static uint8_t desc_type(const uint64_t *d)
{
	return (uint8_t)(sim_le64(d[1]) >> 56);
}

/* goes to the segment that descriptor @d points to */
static uint16_t sgl_enter(struct sim_iter *it, const uint64_t *d)
{
	if (!desc_len(d) || desc_len(d) % SGL_BYTES)
		return bad(it->req, it->pel, SIM_SGL_INVALID_SEGMENT);
	it->last_seg = desc_type(d) == SGL_LAST_SEGMENT;
	it->seg = sim_le64(d[0]);
	it->seg_left = desc_len(d) / sizeof(it->list[0]);
	it->n = it->pos = 0;
	return SIM_OK;
}

/*
 * The next data block. At the end of the SGL, *@end is set.
 */
static uint16_t sgl_next(struct sim_iter *it, bool *end)
{
	*end = false;
	for (;;) {
		const uint64_t *d;
		bool last;
		uint16_t status;

		if (it->pos == it->n) {
			if (!it->seg_left) {
				*end = true;
				return SIM_OK;
			}
			status = fetch(it);
			if (status)
				return status;
		}
		if (!it->budget--)
			return bad(it->req, it->pel, SIM_SGL_INVALID_COUNT);
		d = &it->list[it->pos];
		it->pos += 2;
		last = it->pos == it->n && !it->seg_left;

		switch (desc_type(d)) {
		case SGL_DATA_BLOCK:
			/* a segment that is not the last one ends with a way to the next */
			if (last && !it->last_seg)
				return bad(it->req, it->pel, SIM_SGL_INVALID_SEGMENT);
			if (!desc_len(d))
				continue;
			it->iova = sim_le64(d[0]);
			it->ext_left = desc_len(d);
			return SIM_OK;
		case SGL_SEGMENT:
		case SGL_LAST_SEGMENT:
			if (it->last_seg)
				return bad(it->req, it->pel, SIM_SGL_INVALID_SEGMENT);
			if (!last)
				return bad(it->req, it->pel, SIM_SGL_INVALID_COUNT);
			status = sgl_enter(it, d);
			if (status)
				return status;
			continue;
		default:
			return bad(it->req, it->pel, SIM_SGL_INVALID_TYPE);
		}
	}
}

/* to the SGL's beginning: its first descriptor, taken for a last segment of one */
static uint16_t sgl_rewind(struct sim_iter *it, uint64_t len)
{
	const uint64_t *d = it->sgl1;

	/* blocks of four bytes and a thousand idle descriptors are more than any host uses */
	it->budget = (uint32_t)(len / 4 < 1u << 20 ? len / 4 : 1u << 20) + 1024;
	it->ext_left = 0;
	it->seg_left = 0;
	it->last_seg = true;
	switch (desc_type(d)) {
	case SGL_DATA_BLOCK:
		it->list[0] = d[0];
		it->list[1] = d[1];
		it->n = 2;
		it->pos = 0;
		return SIM_OK;
	case SGL_SEGMENT:
	case SGL_LAST_SEGMENT:
		return sgl_enter(it, d);
	default:
		return bad(it->req, it->pel, SIM_SGL_INVALID_TYPE);
	}
}

static uint16_t too_short(const struct sim_iter *it)
{
	return it->pel == PEL_MPTR ? SIM_SGL_INVALID_MD_LENGTH : SIM_SGL_INVALID_LENGTH;
}

/*
 * The SGL describes at least @len bytes; what is beyond is left alone (SGLS bit 18). That is seen
 * here, before any data moves, so that a command with a wrong SGL has changed nothing.
 */
static uint16_t sgl_start(struct sim_iter *it, uint64_t len)
{
	uint64_t total = 0;
	uint16_t status;
	bool end = false;

	/* nearly always: one block that is all of it */
	if (desc_type(it->sgl1) == SGL_DATA_BLOCK && desc_len(it->sgl1) >= len) {
		it->iova = it->sgl1[0];
		it->ext_left = len;
		return check_place(it, len);
	}
	status = sgl_rewind(it, len);
	while (!status && !end && total < len) {
		status = sgl_next(it, &end);
		if (!status && !end)
			status = check_place(it, it->ext_left < len - total ? it->ext_left
									    : len - total);
		if (!status && !end)
			total += it->ext_left;
	}
	if (status)
		return status;
	if (total < len)
		return bad(it->req, it->pel, too_short(it));
	it->left = len;
	return sgl_rewind(it, len);
}

/* ---- both --------------------------------------------------------------------------------- */

static void init(struct sim_iter *it, struct sim_req *req, uint16_t pel, bool sgl)
{
	it->req = req;
	it->left = it->ext_left = 0;
	it->seg_left = 0;
	it->n = it->pos = 0;
	it->sgl = sgl;
	it->pel = pel;
}

uint16_t sim_iter_start(struct sim_iter *it, struct sim_req *req, uint64_t len)
{
	init(it, req, PEL_PRP1, req->sqe.flags & FLAGS_SGL);
	if (!len)
		return SIM_OK;
	if (!it->sgl)
		return prp_start(it, len);
	it->sgl1[0] = sim_le64(req->sqe.dptr[0]);
	it->sgl1[1] = sim_le64(req->sqe.dptr[1]);
	return sgl_start(it, len);
}

/*
 * Of the choices the specification leaves for an address that is not aligned, the error: the other
 * one is to use memory the host did not name. An address of 0 is one like any other; whether there
 * is memory, the port knows.
 */
uint16_t sim_iter_start_md(struct sim_iter *it, struct sim_req *req, uint64_t len)
{
	const uint8_t psdt = req->sqe.flags & FLAGS_SGL;
	const uint64_t align = psdt == PSDT_MPTR_SGL ? 8 : psdt ? 1 : 4; /* SGLS bit 17: bytes */

	init(it, req, PEL_MPTR, psdt == PSDT_MPTR_SGL);
	if (!len)
		return SIM_OK;
	if (req->sqe.mptr & (align - 1))
		return sim_bad_field(req, PEL_MPTR);
	if (!it->sgl) {
		it->iova = req->sqe.mptr;
		it->ext_left = len;
		return check_place(it, len);
	}
	if (sim_dma(req->ctrl, SIM_DMA_READ,
		    &(struct sim_dma_vec){ req->sqe.mptr, it->sgl1, sizeof(it->sgl1) }, 1))
		return bad(req, PEL_MPTR, SIM_DATA_TRANSFER_ERROR);
	it->sgl1[0] = sim_le64(it->sgl1[0]);
	it->sgl1[1] = sim_le64(it->sgl1[1]);
	return sgl_start(it, len);
}

static uint16_t next_extent(struct sim_iter *it)
{
	uint16_t status;
	bool end;

	if (!it->sgl)
		return prp_next(it);
	status = sgl_next(it, &end);
	if (status)
		return status;
	/* the list was whole when the walk began; the host may have changed it since */
	if (end)
		return bad(it->req, it->pel, too_short(it));
	if (it->ext_left > it->left)
		it->ext_left = it->left;
	it->left -= it->ext_left;
	return check_place(it, it->ext_left);
}

/**
 * struct moves - moves to come, gathered for one call of the port
 * @first: how many of them are of the first of two walks, at whose place in the command @pel
 */
struct moves {
	enum sim_dma_dir dir;
	uint16_t pel;
	unsigned int n, first;
	struct sim_dma_vec vec[GATHER];
};

/* @it: the walk of the last move */
static uint16_t moves_run(struct sim_iter *it, struct moves *m)
{
	struct sim_ctrl *c = it->req->ctrl;
	unsigned int n = m->n, first = m->first;
	int ret;

	m->n = m->first = 0;
	ret = n ? sim_dma(c, m->dir, m->vec, n) : 0;
	if (ret == SIM_LENT)
		it->req->lent = true;
	if (ret >= 0)
		return SIM_OK;
	/* which of two pointers is the bad one? What the first one's moves can do, they do again. */
	if (first && sim_dma(c, m->dir, m->vec, first))
		return bad(it->req, m->pel, SIM_DATA_TRANSFER_ERROR);
	return bad(it->req, it->pel, SIM_DATA_TRANSFER_ERROR);
}

static uint16_t moves_add(struct sim_iter *it, struct moves *m, void *buf, size_t len)
{
	uint8_t *p = buf;
	uint16_t status;

	assert(len <= it->ext_left + it->left);
	while (len) {
		struct sim_dma_vec *last = m->n > m->first ? &m->vec[m->n - 1] : NULL;
		size_t part;

		if (!it->ext_left) {
			status = next_extent(it);
			if (status)
				return status;
		}
		part = len < it->ext_left ? len : (size_t)it->ext_left;
		if (last && last->iova + last->len == it->iova) {
			last->len += part;
		} else {
			if (m->n == GATHER) {
				status = moves_run(it, m);
				if (status)
					return status;
			}
			m->vec[m->n++] = (struct sim_dma_vec){ it->iova, p, part };
		}
		p += part;
		len -= part;
		it->iova += part;
		it->ext_left -= part;
	}
	return SIM_OK;
}

uint16_t sim_iter_move(struct sim_iter *it, enum sim_dma_dir dir, void *buf, size_t len)
{
	struct moves m;
	uint16_t status;

	m.dir = dir;
	m.n = m.first = 0;
	status = moves_add(it, &m, buf, len);
	return status ? status : moves_run(it, &m);
}

uint16_t sim_iter_move2(struct sim_iter *a, void *abuf, size_t alen, struct sim_iter *b, void *bbuf,
			size_t blen, enum sim_dma_dir dir)
{
	struct moves m;
	uint16_t status;

	m.dir = dir;
	m.n = m.first = 0;
	status = moves_add(a, &m, abuf, alen);
	if (status)
		return status;
	m.first = m.n;
	m.pel = a->pel;
	status = moves_add(b, &m, bbuf, blen);
	return status ? status : moves_run(b, &m);
}

uint16_t sim_xfer(struct sim_req *req, enum sim_dma_dir dir, void *buf, size_t len)
{
	struct sim_iter it;
	uint16_t status = sim_iter_start(&it, req, len);

	return status ? status : sim_iter_move(&it, dir, buf, len);
}
