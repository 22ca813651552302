/* SPDX-License-Identifier: MIT */
/*
 * flush.c - durability: the store's flushes a command waits for.
 */
#include "ns.h"

/*
 * What a waiting request keeps in @priv: the flushes not yet done, and whether one failed. The
 * request cannot be given up (cancel stays NULL): the store would still call back.
 */
static _Atomic uintptr_t *left(struct sim_req *req)
{
	return (_Atomic uintptr_t *)&req->priv[0];
}

static _Atomic uintptr_t *failed(struct sim_req *req)
{
	return (_Atomic uintptr_t *)&req->priv[1];
}

static uint16_t flush_status(struct sim_req *req)
{
	return atomic_load(failed(req)) ? SIM_WRITE_FAULT : SIM_OK;
}

/* from the store: on any thread, before its flush returned or after */
static void flush_done(void *arg, int err)
{
	struct sim_req *req = arg;

	if (err)
		atomic_store(failed(req), 1);
	if (atomic_fetch_sub(left(req), 1) == 1)
		sim_req_complete(req, flush_status(req));
}

/* the handler counts as one flush until flush_wait(), so that none completes @req under it */
static void flush_begin(struct sim_req *req)
{
	req->cancel = NULL;
	atomic_store(failed(req), 0);
	atomic_store(left(req), 1);
}

static void flush_add(struct sim_req *req, struct sim_ns *ns)
{
	struct sim_store *st = ns->media.store;

	if (ns->zones && sim_zones_dirty(ns))
		atomic_fetch_add(&ns->media.blocks.changes, 1);
	/* which blocks are written first: data of a block that is not, is not read */
	if (sim_media_sync(&ns->media))
		atomic_store(failed(req), 1);
	atomic_fetch_add(left(req), 1);
	st->ops->flush(st, flush_done, req);
}

static uint16_t flush_wait(struct sim_req *req)
{
	return atomic_fetch_sub(left(req), 1) == 1 ? flush_status(req) : SIM_PENDING;
}

uint16_t sim_ns_flush(struct sim_ns *ns, struct sim_req *req)
{
	flush_begin(req);
	flush_add(req, ns);
	return flush_wait(req);
}

uint16_t sim_ns_flush_all(struct sim_req *req)
{
	flush_begin(req);
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		struct sim_ns *ns = sim_ctrl_ns(req->ctrl, nsid);

		if (ns)
			flush_add(req, ns);
	}
	return flush_wait(req);
}
