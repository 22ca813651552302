/* SPDX-License-Identifier: MIT */
/*
 * lbastatus.c - Get LBA Status, its log page, its feature and its event. NVM Command Set 1.1,
 * sections 4.2.1, 4.1.4.5, 4.1.3.5 and 5.2.1.
 *
 * What can be known of blocks is always known here: which ones are allocated, and which ones Write
 * Uncorrectable has made bad. These are the Tracked LBAs; there are no Untracked ones for a scan to
 * find, so that action types 10h and 11h answer alike.
 */
#include <stdlib.h>
#include <string.h>

#include "../ctrl/tables.h"
#include "ns.h"

#define NS_PER_UNIT 100000000ull /* LSIRI, LSIPI: 100 ms */

#define AER_NOTICE 2
#define AEC_LBASIN (1u << 13)

/* ---- Get LBA Status -------------------------------------------------------------------------- */

typedef uint64_t find_fn(const struct sim_blocks *b, uint64_t from, uint64_t to, bool want);

/* what an Action Type looks for, and what the descriptors say of it (LBARS) */
static const struct action {
	uint8_t atype, lbars;
	find_fn *find;
} actions[] = {
	{ SIM_ATYPE_ALLOCATED, SIM_LBARS_ALLOCATED, sim_blocks_find_alloc },
	{ SIM_ATYPE_SCAN_UNTRACKED, SIM_LBARS_WRITE_UNC, sim_blocks_find_bad },
	{ SIM_ATYPE_SCAN_TRACKED, SIM_LBARS_WRITE_UNC, sim_blocks_find_bad },
};

static const struct action *action_of(uint8_t atype)
{
	for (unsigned int i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (actions[i].atype == atype)
			return &actions[i];
	return NULL;
}

/* the first run in [*@from, @to), of at most @max blocks; *@from is then behind it
 * Return: whether there is one; it may also have changed while it was looked at. */
static bool next_run(const struct sim_blocks *b, find_fn *find, uint64_t *from, uint64_t to,
		     uint64_t max, uint64_t *slba, uint64_t *nlb)
{
	*slba = find(b, *from, to, true);
	*from = *slba;
	if (*slba >= to)
		return false;
	if (max > to - *slba)
		max = to - *slba;
	*nlb = find(b, *slba, *slba + max, false) - *slba;
	*from += *nlb;
	return *nlb;
}

/* RL: 0 is up to the namespace's end */
static uint16_t check_range(struct sim_req *req, uint64_t slba, uint64_t *end)
{
	const uint32_t rl = req->sqe.cdw13 & 0xffff;
	uint64_t nlb = rl;
	uint16_t status;

	if (!rl)
		nlb = slba < req->ns->nsze ? req->ns->nsze - slba : 1;
	status = sim_check_range(req, req->ns, slba, nlb);
	if (status)
		req->err_loc = SIM_PEL_CDW(10, 0);
	*end = slba + nlb;
	return status;
}

/* descriptors of @act's runs in [@from, @to), at most @max, through @it */
static uint16_t put_descs(struct sim_iter *it, const struct sim_blocks *b, const struct action *act,
			  uint64_t from, uint64_t to, uint64_t max, struct nvme_lba_status *list)
{
	struct nvme_lba_status_desc desc[64];
	uint64_t slba, nlb, nr = 0;
	unsigned int n = 0;
	uint16_t status = SIM_OK;

	while (nr < max && !status && from < to) {
		if (!next_run(b, act->find, &from, to, 1ull << 32, &slba, &nlb))
			continue;
		desc[n++] = (struct nvme_lba_status_desc){ .dslba = sim_le64(slba),
							   .nlb = sim_le32((uint32_t)(nlb - 1)),
							   .status = act->lbars };
		nr++;
		if (n == sizeof(desc) / sizeof(desc[0])) {
			status = sim_iter_move(it, SIM_DMA_WRITE, desc, n * sizeof(desc[0]));
			n = 0;
		}
	}
	if (!status && n)
		status = sim_iter_move(it, SIM_DMA_WRITE, desc, n * sizeof(desc[0]));
	list->nlsd = sim_le32((uint32_t)nr);
	list->cmpc = act->find(b, from, to, true) < to ? SIM_CMPC_INCOMPLETE : SIM_CMPC_COMPLETE;
	return status;
}

/**
 * sim_get_lba_status() - Get LBA Status
 *
 * NVM Command Set 1.1, section 4.2.1. Blocks are tracked one by one (TLBAAG). The list's header
 * is known last, so the data pointer is walked a second time for it.
 * Return: a status.
 */
uint16_t sim_get_lba_status(struct sim_req *req)
{
	const struct action *act = action_of((uint8_t)(req->sqe.cdw13 >> 24));
	const uint64_t len = ((uint64_t)req->sqe.cdw12 + 1) * 4; /* MNDW */
	const uint64_t slba = sim_slba(req);
	struct nvme_lba_status list = { 0 };
	struct sim_iter it, head;
	uint64_t end, max = 0;
	uint16_t status;

	if (!act)
		return sim_bad_field(req, SIM_PEL_CDW(13, 24));
	if (!sim_mdts_ok(req->ctrl, len))
		return sim_bad_field(req, SIM_PEL_CDW(12, 0));
	status = check_range(req, slba, &end);
	if (!status)
		status = sim_iter_start(&it, req, len);
	if (status)
		return status;
	head = it;
	if (len > sizeof(list)) {
		max = (len - sizeof(list)) / sizeof(struct nvme_lba_status_desc);
		status = sim_iter_move(&it, SIM_DMA_WRITE, &list, sizeof(list));
	}
	if (!status)
		status = put_descs(&it, &req->ns->media.blocks, act, slba, end, max, &list);
	return status ? status
		      : sim_iter_move(&head, SIM_DMA_WRITE, &list,
				      len < sizeof(list) ? len : sizeof(list));
}

/* ---- the log page ---------------------------------------------------------------------------- */

/* whether @c has Tracked LBAs, in the namespaces attached to it */
static bool tracked(struct sim_ctrl *c)
{
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		const struct sim_ns *ns = sim_ctrl_ns(c, nsid);

		if (ns && sim_blocks_any_bad(&ns->media.blocks))
			return true;
	}
	return false;
}

/*
 * The element of a namespace (figures 110, 111), in at most @room bytes. If its ranges do not fit,
 * it has none and says so: the host is to look at all of the namespace. Return: bytes used.
 */
static size_t put_element(const struct sim_ns *ns, uint8_t *p, size_t room)
{
	struct nvme_lbas_ns_element *e = (struct nvme_lbas_ns_element *)p;
	const struct sim_blocks *b = &ns->media.blocks;
	uint64_t from = 0, slba, nlb;
	uint32_t n = 0;

	e->neid = sim_le32(ns->nsid);
	e->ratype = SIM_ATYPE_SCAN_TRACKED;
	while (from < b->nr) {
		if (!next_run(b, sim_blocks_find_bad, &from, b->nr, 1ull << 32, &slba, &nlb))
			continue;
		if (sizeof(*e) + (n + 1) * sizeof(e->lba_rd[0]) > room) {
			memset(e->lba_rd, 0, n * sizeof(e->lba_rd[0]));
			e->nlrd = sim_le32(UINT32_MAX);
			return sizeof(*e);
		}
		e->lba_rd[n++] = (struct nvme_lba_rd){ .rslba = sim_le64(slba),
						       .rnlb = sim_le32((uint32_t)(nlb - 1)) };
	}
	e->nlrd = sim_le32(n);
	return n ? sizeof(*e) + n * sizeof(e->lba_rd[0]) : 0;
}

static void fill_log(struct sim_ctrl *c, uint8_t *page)
{
	struct nvme_lba_status_log *log = (struct nvme_lba_status_log *)page;
	size_t len = sizeof(*log), used;
	uint64_t bad = 0;
	uint32_t nr = 0;

	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		const struct sim_ns *ns = sim_ctrl_ns(c, nsid);

		if (!ns || !sim_blocks_any_bad(&ns->media.blocks))
			continue;
		/* room stays for a bare element of each namespace behind */
		used = put_element(ns, page + len,
				   SIM_LOG_MAX - len -
					   (SIM_NN - nsid) * sizeof(struct nvme_lbas_ns_element));
		len += used;
		nr += used != 0;
		bad += atomic_load(&ns->media.blocks.nr_bad);
	}
	log->lslplen = sim_le32((uint32_t)len);
	log->nlslne = sim_le32(nr);
	log->estulb = sim_le32(bad < UINT32_MAX - 1 ? (uint32_t)bad : UINT32_MAX - 1);
	log->lsgc = sim_le16((uint16_t)atomic_load(&c->cnt->lsgc));
}
_Static_assert(sizeof(struct nvme_lba_status_log) +
			       SIM_NN * sizeof(struct nvme_lbas_ns_element) <= SIM_LOG_MAX,
	       "every namespace can have its element");

/**
 * sim_lbas_log() - 0Eh LBA Status Information
 *
 * NVM Command Set 1.1, section 4.1.4.5. Once the host has begun to read with Retain Asynchronous
 * Event set, the page stays as it is until a read with it cleared (section 5.2.1).
 * Return: a status.
 */
uint16_t sim_lbas_log(struct sim_req *req, uint8_t *page)
{
	struct sim_ctrl *c = req->ctrl;
	const bool rae = req->sqe.cdw10 >> 15 & 1;

	if (!c->lbas.frozen) {
		fill_log(c, page);
		if (!rae)
			return SIM_OK;
		c->lbas.frozen = malloc(SIM_LOG_MAX);
		if (!c->lbas.frozen)
			return SIM_INTERNAL;
		memcpy(c->lbas.frozen, page, SIM_LOG_MAX);
		return SIM_OK;
	}
	memcpy(page, c->lbas.frozen, SIM_LOG_MAX);
	return SIM_OK;
}

/** sim_lbas_read() - the page was read with Retain Asynchronous Event cleared */
void sim_lbas_read(struct sim_ctrl *c)
{
	free(c->lbas.frozen);
	c->lbas.frozen = NULL;
	atomic_store(&c->lbas.since, sim_now(c));
	sim_lbas_arm(c);
}

/* ---- the event ------------------------------------------------------------------------------- */

/* when the alert that waits may be sent; UINT64_MAX: not, or there is none */
static uint64_t due(const struct sim_ctrl *c)
{
	if (!atomic_load(&c->lbas.alert) || !(c->feat.async_event & AEC_LBASIN))
		return UINT64_MAX;
	return atomic_load(&c->lbas.since) + c->feat.lsiri * NS_PER_UNIT;
}

void sim_lbas_arm(struct sim_ctrl *c)
{
	const uint64_t at = due(c);

	if (at != UINT64_MAX)
		sim_arm(c->subsys, at);
}

void sim_lbas_found(struct sim_ns *ns)
{
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		struct sim_ctrl *c = ns->subsys->ctrl[i];

		if (!c || !sim_ns_attached(c, ns->nsid))
			continue;
		atomic_fetch_add(&c->cnt->lsgc, 1);
		atomic_store(&c->lbas.alert, true);
		sim_lbas_arm(c);
	}
}

uint64_t sim_lbas_run(struct sim_ctrl *c, uint64_t now)
{
	uint64_t at;

	if (!atomic_load(&c->lbas.alert))
		return UINT64_MAX;
	sim_read_lock(&c->subsys->lock);
	at = due(c);
	if (at <= now) {
		atomic_store(&c->lbas.alert, false);
		atomic_store(&c->lbas.since, now);
		if (tracked(c))
			sim_aer_event(c, AER_NOTICE, NVME_AER_NOTICE_LBA_STATUS_ALERT,
				      NVME_LOG_LID_LBA_STATUS);
		at = UINT64_MAX;
	}
	sim_read_unlock(&c->subsys->lock);
	return at;
}

void sim_lbas_reset(struct sim_ctrl *c)
{
	free(c->lbas.frozen);
	c->lbas.frozen = NULL;
	atomic_store(&c->lbas.since, sim_now(c));
}

/* ---- the feature ----------------------------------------------------------------------------- */

/*
 * 15h LBA Status Information Attributes (figure 99): LSIPI 31:16, which is the controller's, and
 * LSIRI 15:0. A shorter LSIRI than LSIPI is not supported; LSIPI is the closest that is.
 */
uint16_t sim_lbas_get_feature(struct sim_req *req, const struct sim_ns *ns,
			      const struct sim_feat *f, uint8_t *data)
{
	(void)ns;
	(void)data;
	req->result = (uint32_t)SIM_LSIPI << 16 | f->lsiri;
	return SIM_OK;
}

uint16_t sim_lbas_set_feature(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	struct sim_feat *f = &req->ctrl->feat;
	const uint16_t lsiri = (uint16_t)req->sqe.cdw11;

	(void)data;
	f->lsiri = lsiri < SIM_LSIPI ? SIM_LSIPI : lsiri;
	sim_lbas_arm(req->ctrl);
	return sim_lbas_get_feature(req, ns, f, NULL);
}
