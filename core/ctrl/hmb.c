/* SPDX-License-Identifier: MIT */
/*
 * hmb.c - Host Memory Buffer: feature 0Dh (NVMe Base 2.1, 5.1.25.2.4, 8.2.3).
 *
 * A simulated controller has memory enough, so what a host lends it is not needed for anything;
 * nothing depends on it, and a host may take it away at any time. It is used to see whether the
 * host keeps the rules: every buffer must be there to be written to, and gets a mark at its
 * beginning, which must be there still when the buffer is taken back or returned. Nothing in it is
 * touched after that.
 */
#include <string.h>

#include "../pci/pci.h"
#include "tables.h"

#define EHM  1u
#define MR   2u
#define MARK 0x424d486d6973766eull /* "nvsimHMB" */

/** struct hmb_desc - Host Memory Buffer Descriptor Entry; sizes in pages of CC.MPS */
struct hmb_desc {
	uint64_t badd;
	uint32_t bsize;
	uint32_t rsvd;
};
_Static_assert(sizeof(struct hmb_desc) == 16, "NVMe Base 2.1, section 5.1.25.2.4");

/** struct hmb_mark - what a buffer begins with, little endian */
struct hmb_mark {
	uint64_t mark, generation;
	uint32_t cntlid, index;
};

bool sim_hmb_there(const struct sim_ctrl *c)
{
	return c->p.hmb_size;
}

static struct hmb_mark mark_of(const struct sim_ctrl *c, uint32_t index)
{
	return (struct hmb_mark){
		.mark = sim_le64(MARK),
		.generation = sim_le64(c->hmb.generation),
		.cntlid = sim_le32(c->cntlid),
		.index = sim_le32(index),
	};
}

/* calls @cb for every descriptor of the list. Return: 0, its status, or that the list is not there
 */
static uint16_t each_desc(struct sim_ctrl *c, const struct sim_hmb *hmb, void *arg,
			  uint16_t (*cb)(struct sim_ctrl *c, const struct hmb_desc *d, uint32_t i,
					 void *arg))
{
	struct hmb_desc list[32];
	uint16_t status = SIM_OK;

	for (uint32_t i = 0; i < hmb->nr && !status; i++) {
		const uint32_t n = hmb->nr - i < 32 ? hmb->nr - i : 32;
		struct sim_dma_vec vec = { hmb->list + i * sizeof(*list), list, n * sizeof(*list) };

		if (!(i % 32) && sim_dma(c, SIM_DMA_READ, &vec, 1))
			return SIM_DATA_TRANSFER_ERROR;
		status = cb(c,
			    &(struct hmb_desc){ sim_le64(list[i % 32].badd),
						sim_le32(list[i % 32].bsize), 0 },
			    i, arg);
	}
	return status;
}

/* @arg: pages so far */
static uint16_t check_desc(struct sim_ctrl *c, const struct hmb_desc *d, uint32_t i, void *arg)
{
	uint64_t *pages = arg;
	const uint64_t bytes = (uint64_t)d->bsize * c->page_size;

	*pages += d->bsize;
	if (d->badd & (c->page_size - 1) || bytes < SIM_HMMINDS * 4096 ||
	    bytes > UINT64_MAX - d->badd)
		return SIM_INVALID_FIELD;
	return SIM_OK;
}

static uint16_t put_mark(struct sim_ctrl *c, const struct hmb_desc *d, uint32_t i, void *arg)
{
	struct hmb_mark mark = mark_of(c, i);
	struct sim_dma_vec vec = { d->badd, &mark, sizeof(mark) };

	return sim_dma(c, SIM_DMA_WRITE, &vec, 1) ? SIM_DATA_TRANSFER_ERROR : SIM_OK;
}

/* @arg: whether all that were read are what was left there */
static uint16_t check_mark(struct sim_ctrl *c, const struct hmb_desc *d, uint32_t i, void *arg)
{
	const struct hmb_mark want = mark_of(c, i);
	struct hmb_mark mark;
	struct sim_dma_vec vec = { d->badd, &mark, sizeof(mark) };
	bool *intact = arg;

	if (sim_dma(c, SIM_DMA_READ, &vec, 1) || memcmp(&mark, &want, sizeof(mark)))
		*intact = false;
	return SIM_OK;
}

static bool all_intact(struct sim_ctrl *c)
{
	bool intact = true;

	return !each_desc(c, &c->hmb, &intact, check_mark) && intact;
}

static uint16_t enable(struct sim_req *req)
{
	struct sim_ctrl *c = req->ctrl;
	struct sim_hmb new = {
		.pages = req->sqe.cdw12,
		.list = (uint64_t)req->sqe.cdw14 << 32 | (req->sqe.cdw13 & ~0xfu),
		.nr = req->sqe.cdw15,
		.page_size = c->page_size,
		.generation = c->hmb.generation,
	};
	const bool same =
		c->hmb.generation && new.pages == c->hmb.pages &&new.list == c->hmb.list &&new.nr ==
					     c->hmb.nr &&new.page_size == c->hmb.page_size;
	uint64_t pages = 0;
	uint16_t status;

	if (!new.pages || (uint64_t) new.pages * c->page_size < SIM_HMMIN * 4096ull)
		return sim_bad_field(req, SIM_PEL_CDW(12, 0));
	if (!new.nr || new.nr > SIM_HMMAXD)
		return sim_bad_field(req, SIM_PEL_CDW(15, 0));
	status = each_desc(c, &new, &pages, check_desc);
	if (!status && pages != new.pages) {
		req->err_loc = SIM_PEL_CDW(12, 0);
		status = SIM_INVALID_FIELD;
	}
	if (status)
		return status;
	new.returned = req->sqe.cdw11 &MR;
	new.intact = new.returned &&same &&all_intact(c);
	c->hmb = new;
	c->hmb.generation++;
	status = each_desc(c, &c->hmb, NULL, put_mark);
	if (status)
		c->hmb = (struct sim_hmb){ .generation = 0 };
	else
		c->hmb.enabled = true;
	return status;
}

void sim_hmb_reset(struct sim_ctrl *c)
{
	/* what was lent is the host's again, as it is; it may return it */
	c->hmb.enabled = false;
}

/*
 * 0Dh Host Memory Buffer: CDW11 EHM, MR; CDW12 HSIZE; CDW13, CDW14 address of the descriptor list;
 * CDW15 its entries. What is enabled must be disabled before it is something else.
 */
uint16_t sim_hmb_set(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	struct sim_ctrl *c = req->ctrl;

	if (req->sqe.cdw11 & EHM)
		return c->hmb.enabled ? SIM_SEQUENCE_ERROR : enable(req);
	if (c->hmb.enabled)
		c->hmb.intact = all_intact(c);
	c->hmb.enabled = false;
	return SIM_OK;
}

/* the attributes; all zeroes, where none is enabled */
uint16_t sim_hmb_get(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
		     uint8_t *data)
{
	const struct sim_hmb *hmb = &req->ctrl->hmb;
	uint32_t page[1024] = { 0 };

	if (f == &req->ctrl->feat && hmb->enabled) {
		req->result = EHM | (hmb->returned ? MR : 0);
		page[0] = sim_le32(hmb->pages);
		page[1] = sim_le32((uint32_t)hmb->list);
		page[2] = sim_le32((uint32_t)(hmb->list >> 32));
		page[3] = sim_le32(hmb->nr);
	}
	return sim_xfer(req, SIM_DMA_WRITE, page, sizeof(page));
}

void sim_hmb_info(struct sim_fn *fn, struct sim_hmb_info *info)
{
	struct sim_ctrl *c = fn->ctrl;

	sim_read_lock(&c->subsys->lock);
	*info = (struct sim_hmb_info){
		.enabled = c->hmb.enabled,
		.returned = c->hmb.returned,
		.intact = c->hmb.intact,
		.size = c->hmb.enabled ? (uint64_t)c->hmb.pages * c->hmb.page_size : 0,
		.nr_descs = c->hmb.enabled ? c->hmb.nr : 0,
	};
	sim_read_unlock(&c->subsys->lock);
}
