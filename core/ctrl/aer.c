/* SPDX-License-Identifier: MIT */
/*
 * aer.c - Asynchronous Event Request (NVMe Base 2.1, section 5.1.2).
 *
 * An event meets a waiting request at once, or waits in a queue of aer_max_queued for one. An event
 * type that was reported stays masked until the host reads the log page the event named, with
 * Retain Asynchronous Event cleared; events of a masked type wait too. Reading the log page also
 * clears the events that wait: the host has seen what they would have told.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tables.h"

enum {
	AER_ERROR = 0,
	AER_SMART = 1,
	AER_NOTICE = 2,
	AER_IO_COMMAND_SET = 6,
	AER_TYPES = 8,
};

/*
 * Which bits of Asynchronous Event Configuration (feature 0Bh) let an event through. Error events
 * have no bit: they are always enabled. An event that is not in this table has no sender yet.
 */
static const struct {
	uint8_t type, info;
	uint32_t enable; /* any of these; 0: always */
} aer_rows[] = {
	{ AER_ERROR, 0x00, 0 },		    /* write to an invalid doorbell register */
	{ AER_ERROR, 0x01, 0 },		    /* invalid doorbell write value */
	{ AER_ERROR, 0x02, 0 },		    /* diagnostic failure */
	{ AER_ERROR, 0x03, 0 },		    /* persistent internal error */
	{ AER_ERROR, 0x04, 0 },		    /* transient internal error */
	{ AER_SMART, 0x00, 0x3c },	    /* NVM subsystem reliability */
	{ AER_SMART, 0x01, 0x02 },	    /* temperature threshold */
	{ AER_SMART, 0x02, 0x01 },	    /* spare below threshold */
	{ AER_NOTICE, 0x00, 1u << 8 },	    /* attached namespace attribute changed */
	{ AER_NOTICE, 0x03, 1u << 11 },	    /* asymmetric namespace access change */
	{ AER_IO_COMMAND_SET, 0x00, 0 },    /* reservation log page available; feature 82h masks */
	{ AER_NOTICE, 0x05, 1u << 13 },	    /* LBA status information alert */
	{ AER_NOTICE, SIM_AER_ZONE_CHANGED, 1u << 27 }, /* zone descriptor changed */
};

int sim_aer_init(struct sim_ctrl *c)
{
	struct sim_aer *a = &c->aer;

	a->queue = calloc(c->p.aer_max_queued ? c->p.aer_max_queued : 1, sizeof(*a->queue));
	if (!a->queue)
		return SIM_ENOMEM;
	if (mtx_init(&a->lock, mtx_plain) != thrd_success) {
		free(a->queue);
		a->queue = NULL;
		return SIM_ENOMEM;
	}
	return 0;
}

void sim_aer_free(struct sim_ctrl *c)
{
	if (!c->aer.queue)
		return;
	mtx_destroy(&c->aer.lock);
	free(c->aer.queue);
	c->aer.queue = NULL;
}

static bool aer_enabled(const struct sim_ctrl *c, uint8_t type, uint8_t info)
{
	for (size_t i = 0; i < sizeof(aer_rows) / sizeof(aer_rows[0]); i++)
		if (aer_rows[i].type == type && aer_rows[i].info == info)
			return !aer_rows[i].enable || c->feat.async_event & aer_rows[i].enable;
	return false;
}

static void aer_unqueue(struct sim_aer *a, unsigned int i)
{
	a->q_nr--;
	memmove(&a->queue[i], &a->queue[i + 1], (a->q_nr - i) * sizeof(a->queue[0]));
}

/* takes the oldest event whose type is not masked; lock held */
static bool aer_next(struct sim_aer *a, struct sim_aer_event *ev)
{
	for (unsigned int i = 0; i < a->q_nr; i++) {
		*ev = a->queue[i];
		if (a->masked >> ev->type & 1)
			continue;
		aer_unqueue(a, i);
		return true;
	}
	return false;
}

/* an event nobody waits for; what does not fit is lost. Lock held */
static void aer_queue(const struct sim_ctrl *c, struct sim_aer *a, const struct sim_aer_event *ev)
{
	unsigned int i = 0;

	/* the host learns nothing from being told the same thing twice */
	while (i < a->q_nr && (a->queue[i].type != ev->type || a->queue[i].info != ev->info ||
			       a->queue[i].lid != ev->lid || a->queue[i].nsid != ev->nsid))
		i++;
	if (i < a->q_nr)
		a->queue[i].seq = ev->seq;
	else if (i < c->p.aer_max_queued)
		a->queue[a->q_nr++] = *ev;
}

static uint64_t aer_report(struct sim_aer *a, const struct sim_aer_event *ev)
{
	a->masked |= 1u << ev->type;
	a->masked_lid[ev->type] = ev->lid;
	a->masked_nsid[ev->type] = ev->nsid;
	return ev->type | (uint32_t)ev->info << 8 | (uint32_t)ev->lid << 16 |
	       (uint64_t)ev->nsid << 32;
}

static struct sim_req *aer_remove(struct sim_aer *a, unsigned int i)
{
	struct sim_req *req = a->req[i];

	a->nr_req--;
	memmove(&a->req[i], &a->req[i + 1], (a->nr_req - i) * sizeof(a->req[0]));
	return req;
}

/* completes requests with queued events for as long as there are both */
static void aer_deliver(struct sim_ctrl *c)
{
	struct sim_aer *a = &c->aer;
	struct sim_aer_event ev;
	struct sim_req *req;

	for (;;) {
		req = NULL;
		mtx_lock(&a->lock);
		if (a->nr_req && aer_next(a, &ev)) {
			req = aer_remove(a, 0);
			req->result = aer_report(a, &ev);
		}
		mtx_unlock(&a->lock);
		if (!req)
			return;
		sim_req_complete_locked(req, SIM_OK);
	}
}

void sim_aer_event(struct sim_ctrl *c, uint8_t type, uint8_t info, uint8_t lid)
{
	sim_aer_event_ns(c, type, info, lid, 0);
}

void sim_aer_event_ns(struct sim_ctrl *c, uint8_t type, uint8_t info, uint8_t lid, uint32_t nsid)
{
	struct sim_aer_event ev = { .type = type, .info = info, .lid = lid, .nsid = nsid };
	struct sim_aer *a = &c->aer;
	struct sim_req *req = NULL;

	assert(type < AER_TYPES);
	if (!aer_enabled(c, type, info))
		return;

	mtx_lock(&a->lock);
	ev.seq = a->seq++;
	if (a->nr_req && !(a->masked >> type & 1)) {
		req = aer_remove(a, 0);
		req->result = aer_report(a, &ev);
	} else {
		aer_queue(c, a, &ev);
	}
	mtx_unlock(&a->lock);
	if (req)
		sim_req_complete_locked(req, SIM_OK);
}

uint64_t sim_aer_mark(struct sim_ctrl *c)
{
	uint64_t mark;

	mtx_lock(&c->aer.lock);
	mark = c->aer.seq;
	mtx_unlock(&c->aer.lock);
	return mark;
}

/* what a page of one namespace says is not what that of another does */
static bool cleared_by(uint8_t lid, uint32_t nsid, uint8_t read_lid, uint32_t read_nsid)
{
	return lid == read_lid && (!nsid || nsid == read_nsid);
}

void sim_aer_clear(struct sim_ctrl *c, uint8_t lid, uint32_t nsid, uint64_t mark)
{
	struct sim_aer *a = &c->aer;

	mtx_lock(&a->lock);
	for (unsigned int i = a->q_nr; i-- > 0;)
		if (cleared_by(a->queue[i].lid, a->queue[i].nsid, lid, nsid) &&
		    a->queue[i].seq < mark)
			aer_unqueue(a, i);
	for (unsigned int type = 0; type < AER_TYPES; type++)
		if (a->masked >> type & 1 &&
		    cleared_by(a->masked_lid[type], a->masked_nsid[type], lid, nsid))
			a->masked &= ~(1u << type);
	mtx_unlock(&a->lock);
	aer_deliver(c);
}

static void aer_cancel(struct sim_req *req)
{
	struct sim_aer *a = &req->ctrl->aer;

	mtx_lock(&a->lock);
	for (unsigned int i = 0; i < a->nr_req; i++) {
		if (a->req[i] == req) {
			aer_remove(a, i);
			break;
		}
	}
	mtx_unlock(&a->lock);
}

/**
 * sim_async_event_request() - Asynchronous Event Request
 *
 * NVMe Base 2.1, section 5.1.2. Completes at once when an event waits, else with the first event.
 * Return: a status, or %SIM_PENDING.
 */
uint16_t sim_async_event_request(struct sim_req *req)
{
	struct sim_ctrl *c = req->ctrl;
	struct sim_aer *a = &c->aer;
	struct sim_aer_event ev;
	uint16_t status = SIM_PENDING;

	mtx_lock(&a->lock);
	if (a->nr_req > c->p.aerl) {
		status = SIM_AER_LIMIT;
	} else if (aer_next(a, &ev)) {
		req->result = aer_report(a, &ev);
		status = SIM_OK;
	} else {
		req->cancel = aer_cancel;
		a->req[a->nr_req++] = req;
	}
	mtx_unlock(&a->lock);
	return status;
}

void sim_aer_reset(struct sim_ctrl *c)
{
	struct sim_aer *a = &c->aer;

	mtx_lock(&a->lock);
	a->nr_req = 0;
	a->q_nr = 0;
	a->masked = 0;
	mtx_unlock(&a->lock);
}
