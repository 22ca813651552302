/* SPDX-License-Identifier: MIT */
/*
 * format.c - Format NVM: NVMe Base 2.1, section 5.1.10, and NVM Command Set 1.1, section 4.1.2.
 *
 * The command itself chooses: it checks, writes down what is to be (SIM_REC_FORMAT, from then on
 * the Format has happened, whatever becomes of the process), gives the media its new geometry with
 * no block allocated, and leaves the erasing to a timer, a piece at a time. What is written down is
 * taken back when the medium is erased and the new format recorded.
 *
 * Whatever the Secure Erase Settings, the medium's bytes are zeroed and their space released: the
 * old data is in no block of the new format, and not in the backing file either. There is no key
 * to throw away that would do it faster, so a Cryptographic Erase is the same, and its promise
 * holds. A Controller Level Reset does not end a Format: it goes on, without anyone to tell.
 */
#include <string.h>

#include "../ctrl/tables.h"
#include "../fdp/fdp.h"
#include "../persist/persist.h"
#include "ns.h"
#include "zone.h"

#define FMT_LBAFL(cdw10) ((cdw10) & 0xf)
#define FMT_MSET (1u << 4)
#define FMT_PI(cdw10) ((cdw10) >> 5 & 7)
#define FMT_PIL (1u << 8)
#define FMT_SES(cdw10) ((cdw10) >> 9 & 7)
#define FMT_LBAFU(cdw10) ((cdw10) >> 12 & 3)
#define SES_CRYPTO 2 /* the last value that is not reserved */

#define PIECE (32u << 20)	   /* bytes erased with the subsystem's reader side held */
#define RETRY_NS 1000000000u	   /* the journal is full: try again then */
#define BUSY_NS 1000000u	   /* another thread is at it */

#define LEFT_MIN 1
#define LEFT_ALL 100

/* struct format_rec - SIM_REC_FORMAT; of no bytes: no Format is in progress */
#define REC_VERSION 1
struct format_rec {
	uint8_t lbads, pif, sts, qualified;
	uint8_t extended, pi, pi_first, rsvd;
	uint16_t ms, rsvd2[3];
	uint64_t lbstm, nsze;
};
_Static_assert(sizeof(struct format_rec) == 32, "no padding in the record");

/* ---- what is written down ----------------------------------------------------------------- */

static int rec_put(const struct sim_ns *ns)
{
	const struct sim_journal_port *j = &ns->subsys->journal;
	const struct sim_lbaf *f = &ns->lbafs[ns->lbaf];
	const struct format_rec rec = {
		.lbads = f->lbads,
		.pif = f->pif,
		.sts = f->sts,
		.qualified = f->qualified,
		.extended = ns->extended,
		.pi = ns->pi.type,
		.pi_first = ns->pi_first,
		.ms = f->ms,
		.lbstm = ns->pi.lbstm,
		.nsze = ns->nsze,
	};

	if (!j->put)
		return 0;
	return j->put(j->opaque, SIM_REC_FORMAT, ns->nsid, REC_VERSION, &rec, sizeof(rec));
}

static int rec_clear(const struct sim_ns *ns)
{
	const struct sim_journal_port *j = &ns->subsys->journal;

	return j->put ? j->put(j->opaque, SIM_REC_FORMAT, ns->nsid, REC_VERSION, "", 0) : 0;
}

bool sim_format_take(struct sim_ns *ns)
{
	const struct sim_journal_port *j = &ns->subsys->journal;
	struct sim_ns_shape shape;
	struct format_rec rec;
	struct sim_lbaf f;
	uint16_t version;

	if (!j->put || j->get(j->opaque, SIM_REC_FORMAT, ns->nsid, &version, &rec,
			      sizeof(rec)) != (int)sizeof(rec) || version != REC_VERSION)
		return false;
	f = (struct sim_lbaf){ .lbads = rec.lbads,
			       .ms = rec.ms,
			       .pif = rec.pif,
			       .sts = rec.sts,
			       .qualified = rec.qualified };
	shape = (struct sim_ns_shape){ .lbaf = sim_ns_find_format(ns->lbafs, ns->nlbaf, &f),
				       .extended = rec.extended,
				       .pi = rec.pi,
				       .pi_first = rec.pi_first };
	if (sim_ns_shape_check(ns->lbafs, ns->nlbaf, &shape))
		return false; /* it was the configured one, and now another is configured */
	sim_ns_set_shape(ns, &shape, rec.nsze);
	ns->pi.lbstm = rec.lbstm;
	ns->formatted = true;
	return true;
}

/* ---- erasing ------------------------------------------------------------------------------ */

/* erase the next bytes of the medium that may hold something. Return: 0 or SIM_E*. */
static int erase_piece(struct sim_ns *ns)
{
	struct sim_store *st = ns->p.store;
	struct sim_format *f = &ns->format;
	uint64_t start, end, len;
	int ret;

	ret = st->ops->next_data(st, f->erased, &start, &end);
	if (ret == SIM_ENOENT) {
		f->erased = st->size;
		return 0;
	}
	if (ret)
		return ret;
	len = end - start < PIECE ? end - start : PIECE;
	ret = sim_media_erase(&ns->media, start, len);
	f->erased = start + len;
	return ret;
}

static uint32_t percent_left(const struct sim_ns *ns)
{
	const uint64_t size = ns->p.store->size;
	const uint32_t done = (uint32_t)(ns->format.erased / (size / LEFT_ALL + 1));

	return done < LEFT_ALL ? LEFT_ALL - done : LEFT_MIN;
}

int sim_format_recover(struct sim_ns *ns)
{
	struct sim_media_params mp;
	int ret;

	sim_ns_media_params(ns, &mp);
	ret = sim_media_reshape(&ns->media, &mp);
	ns->format.erased = 0;
	while (!ret && ns->format.erased < ns->p.store->size)
		ret = erase_piece(ns);
	if (!ret)
		ret = sim_ns_save(ns);
	return ret ? ret : rec_clear(ns);
}

/* ---- the end ------------------------------------------------------------------------------ */

/*
 * What the command keeps in @priv: the namespaces and flushes it still waits for, and the status
 * of the first that failed. The request is not to be given up (cancel stays NULL): it outlives its
 * queue and controller if it must.
 */
static _Atomic uintptr_t *left(struct sim_req *req)
{
	return (_Atomic uintptr_t *)&req->priv[0];
}

static void failed(struct sim_req *req, uint16_t status)
{
	uintptr_t none = 0;

	atomic_compare_exchange_strong((_Atomic uintptr_t *)&req->priv[1], &none, status);
}

static uint16_t result(struct sim_req *req)
{
	return (uint16_t)atomic_load((_Atomic uintptr_t *)&req->priv[1]);
}

static void part_done(struct sim_req *req)
{
	if (atomic_fetch_sub(left(req), 1) == 1)
		sim_req_complete(req, result(req));
}

/* from the store: on any thread, before its flush returned or after */
static void flush_done(void *arg, int err)
{
	struct sim_req *req = arg;

	if (err)
		failed(req, SIM_WRITE_FAULT);
	part_done(req);
}

static void format_over(struct sim_ns *ns)
{
	ns->format.req = NULL;
	atomic_store(&ns->format_left, 0);
	atomic_fetch_sub(&ns->subsys->nr_formats, 1);
}

/*
 * The medium is erased, or could not be: record it, and see to it that it survives a power cut.
 * Should the journal have no room for its end, the Format does not end: else what is written from
 * then on would be erased when the process starts again.
 * Return: 0 or SIM_E*.
 */
static int record(struct sim_ns *ns)
{
	struct sim_req *req = ns->format.req;
	struct sim_store *st = ns->p.store;
	int ret = sim_ns_save(ns);

	if (!ret)
		ret = rec_clear(ns);
	if (ret)
		return ret;
	ns->format.recorded = true;
	ret = sim_media_sync(&ns->media);
	if (!req)
		return 0;
	if (ret)
		failed(req, SIM_WRITE_FAULT);
	atomic_fetch_add(left(req), 1);
	st->ops->flush(st, flush_done, req);
	return 0;
}

/* one step of a Format; reader side held. Return: when the next one is due */
static uint64_t step(struct sim_ns *ns, uint64_t now)
{
	struct sim_format *f = &ns->format;

	if (f->erased == ns->p.store->size)
		return f->recorded || !record(ns) ? now : now + RETRY_NS;
	if (erase_piece(ns)) {
		if (f->req)
			failed(f->req, SIM_WRITE_FAULT);
		f->erased = ns->p.store->size;
	}
	atomic_store(&ns->format_left, percent_left(ns));
	return now;
}

/* Return: whether the Format of namespace @nsid has ended */
static bool end(struct sim_subsys *s, uint32_t nsid)
{
	struct sim_req *req = NULL;
	struct sim_ns *ns;
	bool over;

	sim_write_lock(&s->lock);
	ns = s->ns[nsid];
	over = ns && atomic_load(&ns->format_left) && ns->format.recorded;
	if (over) {
		req = ns->format.req;
		if (ns->format.tell)
			sim_ns_changed(ns, s->ctrl[ns->format.cntlid]);
		format_over(ns);
	}
	sim_write_unlock(&s->lock);
	if (req)
		part_done(req);
	return over;
}

static uint64_t run_ns(struct sim_subsys *s, uint32_t nsid, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	bool recorded = false;
	struct sim_ns *ns;

	sim_read_lock(&s->lock);
	ns = s->ns[nsid];
	if (ns && atomic_load(&ns->format_left)) {
		next = now + BUSY_NS;
		if (!atomic_exchange(&ns->format.busy, true)) {
			next = step(ns, now);
			recorded = ns->format.recorded;
			atomic_store(&ns->format.busy, false);
		}
	}
	sim_read_unlock(&s->lock);
	return recorded && end(s, nsid) ? UINT64_MAX : next;
}

uint64_t sim_format_run(struct sim_subsys *s, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t nsid = 1; nsid <= SIM_NN && atomic_load(&s->nr_formats); nsid++) {
		uint64_t t = run_ns(s, nsid, now);

		next = t < next ? t : next;
	}
	return next;
}

void sim_format_drop(struct sim_ns *ns, bool forget)
{
	struct sim_req *req = ns->format.req;

	if (!atomic_load(&ns->format_left))
		return;
	if (forget)
		rec_clear(ns);
	format_over(ns);
	if (!req)
		return;
	failed(req, SIM_ABORT_REQUESTED);
	if (atomic_fetch_sub(left(req), 1) != 1)
		return;
	if (forget) /* deleted: the writer side is held */
		sim_req_complete_locked(req, result(req));
	else /* power off: queue and controller are gone */
		sim_req_complete(req, result(req));
}

/* ---- the command -------------------------------------------------------------------------- */

/* figure 188: the scope is the namespace, or all that are attached (FNA's FNS and SENS are 0) */
static struct sim_ns *in_scope(struct sim_req *req, uint32_t nsid)
{
	if (req->sqe.nsid == SIM_NSID_ALL)
		return sim_ctrl_ns(req->ctrl, nsid);
	return nsid == req->sqe.nsid ? req->ctrl->subsys->ns[nsid] : NULL;
}

/*
 * NVM Command Set 1.1, 4.1.2: extended protection information formats are for hosts that have
 * enabled them, and the Storage Tag's size and mask are chosen when a namespace is created.
 */
static uint16_t check_extended(struct sim_req *req, const struct sim_ns *ns, uint8_t lbaf)
{
	const struct sim_lbaf *f = &ns->lbafs[lbaf];

	if (!req->ctrl->feat.host_behavior[SIM_HBS_LBAFEE]) {
		if (sim_ns_shape_extended(f))
			return SIM_INVALID_NS;
		if (req->sqe.nsid != SIM_NSID_ALL && sim_ns_shape_extended(&ns->lbafs[ns->lbaf]))
			return SIM_INVALID_NS;
	}
	return f->sts && lbaf != ns->lbaf ? SIM_INVALID_NS : SIM_OK;
}

static uint16_t check_ns(struct sim_req *req, struct sim_ns *ns, const struct sim_ns_shape *shape)
{
	uint64_t blocks;
	uint16_t status;

	if (atomic_load(&ns->format_left))
		return SIM_FORMAT_IN_PROGRESS;
	if (sim_ns_attached(req->ctrl, ns->nsid) && !sim_ana_ok(req->ctrl, ns->nsid))
		return sim_ana_check(req, ns);
	status = sim_ns_shape_check(ns->lbafs, ns->nlbaf, shape);
	if (status) {
		req->err_loc = SIM_PEL_CDW(10, status == SIM_INVALID_FIELD ? 5 : 0);
		return status;
	}
	status = check_extended(req, ns, shape->lbaf);
	if (status)
		return status;
	blocks = sim_ns_blocks_in(&ns->lbafs[shape->lbaf], ns->p.store->size);
	if (ns->zones)
		blocks = sim_zones_fill(&ns->p, &ns->lbafs[shape->lbaf], blocks);
	if (!blocks)
		return SIM_INVALID_FORMAT;
	status = sim_fdp_format_check(ns, &ns->lbafs[shape->lbaf]);
	if (status)
		return status;
	status = sim_wp_check(ns);
	return status ? status : sim_resv_check(req, ns, SIM_RESV_WRITE);
}

/* a namespace keeps its size as long as the size of its blocks is the same */
static void choose(struct sim_ns *ns, const struct sim_ns_shape *shape)
{
	const struct sim_lbaf *f = &ns->lbafs[shape->lbaf];
	const bool same = f->lbads == ns->lbads && f->ms == ns->ms;
	const uint64_t lbstm = shape->lbaf == ns->lbaf ? ns->pi.lbstm : UINT64_MAX;

	sim_ns_set_shape(ns, shape, same ? ns->nsze : 0);
	ns->pi.lbstm &= lbstm;
	ns->formatted = true;
}

/* what choose() is undone with */
struct before {
	struct sim_ns_shape shape;
	uint64_t nsze, lbstm;
	bool formatted;
};

static void undo(struct sim_ns *ns, const struct before *old)
{
	sim_ns_set_shape(ns, &old->shape, old->nsze);
	ns->pi.lbstm = old->lbstm;
	ns->formatted = old->formatted;
}

/* Return: 0, or Internal Error with the namespace as it was */
static uint16_t begin(struct sim_req *req, struct sim_ns *ns, const struct sim_ns_shape *shape)
{
	struct before old = { .nsze = ns->nsze,
			      .lbstm = ns->pi.lbstm,
			      .formatted = ns->formatted };
	struct sim_media_params mp;
	struct sim_ns_shape new;

	sim_ns_get_shape(ns, &old.shape);
	choose(ns, shape);
	if (rec_put(ns)) {
		undo(ns, &old);
		return SIM_INTERNAL;
	}
	sim_ns_media_params(ns, &mp);
	if (sim_media_reshape(&ns->media, &mp)) {
		undo(ns, &old);
		rec_clear(ns);
		return SIM_INTERNAL;
	}
	if (ns->zones)
		sim_zones_format(ns);
	sim_fdp_ns_reshape(ns);
	sim_ns_get_shape(ns, &new);
	ns->format.req = req;
	ns->format.erased = 0;
	ns->format.recorded = false;
	ns->format.cntlid = req->ctrl->cntlid;
	ns->format.tell = memcmp(&old.shape, &new, sizeof(new)) || old.nsze != ns->nsze;
	atomic_fetch_add(left(req), 1);
	atomic_store(&ns->format_left, LEFT_ALL);
	atomic_fetch_add(&ns->subsys->nr_formats, 1);
	return SIM_OK;
}

static uint16_t check_all(struct sim_req *req, const struct sim_ns_shape *shape)
{
	const uint32_t nsid = req->sqe.nsid;
	uint16_t status = SIM_OK;

	if (nsid != SIM_NSID_ALL && (!nsid || nsid > SIM_NN)) {
		req->err_loc = SIM_PEL_NSID;
		return SIM_INVALID_NS;
	}
	if (nsid != SIM_NSID_ALL && !req->ctrl->subsys->ns[nsid])
		return sim_bad_field(req, SIM_PEL_NSID);
	if (FMT_SES(req->sqe.cdw10) > SES_CRYPTO)
		return sim_bad_field(req, SIM_PEL_CDW(10, 9));
	for (uint32_t i = 1; i <= SIM_NN && !status; i++) {
		struct sim_ns *ns = in_scope(req, i);

		if (ns)
			status = check_ns(req, ns, shape);
	}
	return status;
}

/**
 * sim_format_nvm() - Format NVM command
 *
 * NVMe Base 2.1, section 5.1.10, figures 188 to 190: any allocated namespace, or FFFFFFFFh for
 * those attached. Exclusive: no other command is being executed.
 * Return: a status, or SIM_PENDING until the last of the namespaces is erased.
 */
uint16_t sim_format_nvm(struct sim_req *req)
{
	const uint32_t cdw10 = req->sqe.cdw10;
	const struct sim_ns_shape shape = {
		.lbaf = (uint8_t)(FMT_LBAFL(cdw10) | (req->ctrl->feat.host_behavior[SIM_HBS_LBAFEE] ?
							      FMT_LBAFU(cdw10) << 4 : 0)),
		.extended = cdw10 & FMT_MSET,
		.pi = FMT_PI(cdw10),
		.pi_first = cdw10 & FMT_PIL,
	};
	uint16_t status = check_all(req, &shape);

	if (status)
		return status;
	req->cancel = NULL;
	atomic_store((_Atomic uintptr_t *)&req->priv[1], 0);
	atomic_store(left(req), 1); /* the handler itself */
	sim_stage_wipe(req->ctrl->subsys); /* old data may be there, too, and outlive us */
	for (uint32_t i = 1; i <= SIM_NN && !status; i++) {
		struct sim_ns *ns = in_scope(req, i);

		if (ns)
			status = begin(req, ns, &shape);
	}
	if (status)
		failed(req, status);
	if (atomic_fetch_sub(left(req), 1) == 1)
		return result(req);
	sim_arm(req->ctrl->subsys, sim_now(req->ctrl));
	return SIM_PENDING;
}
