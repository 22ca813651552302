/* SPDX-License-Identifier: MIT */
/*
 * place.c - blocks that hosts write find their reclaim unit.
 *
 * A handle has a slot in each reclaim group, with a lock. Under it a command's blocks are counted as
 * written to the slot's unit, and only then is their map changed and the unit's log: a process that
 * dies anywhere leaves blocks in their old unit or in the new one, and no unit that holds more than
 * was written to it. The old units' valid sectors go down as the map changes, by
 * runs of blocks that were in the same one.
 */
#include "priv.h"

#define CDW12_DTYPE(req) ((req)->sqe.cdw12 >> 20 & 0xf)
#define CDW13_DSPEC(req) ((uint16_t)((req)->sqe.cdw13 >> 16))
#define PEL_DTYPE	 SIM_PEL_CDW(12, 20)
#define PACE		 2 /* blocks that are collected for one that is written, when units are low */
#define PACE_MIN	 8 /* ... and for a command */
#define TIDY		 16 /* looks at blocks for one that is written, when logs are too long */
#define TIDY_MIN	 64 /* ... and for a command */
#define FRESH		 64u /* blocks that a handle has not told of, at most */
#define NS_PER_S	 1000000000ull

/* ---- Placement Identifiers ------------------------------------------------------------------- */

/* section 5.1.12.1.28: RGIF bits of reclaim group above, the placement handle below */
bool sim_fdp_pid(const struct sim_fdp_ns *f, uint16_t pid, uint32_t *rg, uint16_t *ph)
{
	const unsigned int bits = 16 - f->g->rgif;

	*rg = (uint32_t)pid >> bits;
	*ph = (uint16_t)(pid & ((1u << bits) - 1));
	return *rg < f->g->p.nrg && *ph < f->nph;
}

uint16_t sim_fdp_make_pid(const struct sim_fdp *g, uint32_t rg, uint16_t ph)
{
	return (uint16_t)(rg << (16 - g->rgif) | ph);
}

uint16_t sim_fdp_target(struct sim_req *req, struct sim_fdp_to *to)
{
	const struct sim_fdp_ns *f = req->ns->fdp;
	const uint32_t dtype = CDW12_DTYPE(req);
	uint32_t rg;
	uint16_t ph;

	if (!f)
		return dtype ? sim_bad_field(req, PEL_DTYPE) : SIM_OK;
	to->pid = CDW13_DSPEC(req);
	to->any = true;
	to->bad = false;
	/* section 8.1.8: where no directive is enabled, both fields are ignored */
	if (dtype && !atomic_load_explicit(&f->head->directive_off, memory_order_relaxed)) {
		if (dtype != SIM_DTYPE_DATA_PLACEMENT)
			return sim_bad_field(req, PEL_DTYPE);
		if (sim_fdp_pid(f, to->pid, &rg, &ph)) {
			to->any = false;
			to->rg = rg;
			to->ruhid = f->ruhid[ph];
			return SIM_OK;
		}
		to->bad = true;
	}
	to->rg = atomic_load_explicit(&f->rg, memory_order_relaxed);
	to->ruhid = f->ruhid[0];
	return SIM_OK;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

/* the slot's lock is held: what it references is closed */
static void close_unit(struct sim_fdp *g, struct fdp_slot *slot)
{
	uint32_t unit = atomic_load_explicit(&slot->unit, memory_order_relaxed) - 1;

	atomic_store(&slot->unit, 0);
	sim_fdp_shut(g, unit);
	sim_fdp_emptied(g, unit);
}

/* the time of the slot's unit begins */
static void start_time(struct sim_fdp *g, struct fdp_open *open)
{
	if (!g->p.erutl)
		return;
	atomic_store(&open->since, g->s->clock.now_ns(g->s->clock.opaque));
	sim_arm(g->s, atomic_load(&open->since) + g->p.erutl * NS_PER_S);
}

/*
 * Nothing is to be gained from the full units of @rg, and free ones are none: the group holds more
 * valid data than its share. Another handle's unit with room or invalid blocks in it is closed.
 */
static bool take_from_others(struct sim_fdp *g, struct sim_ctrl *c, uint32_t rg, uint16_t but)
{
	for (uint16_t h = 0; h < g->cfg->nruh; h++) {
		struct fdp_open *open = fdp_open_of(g, h, rg);
		struct fdp_slot *slot = fdp_slot_of(g, h, rg);
		struct nvme_fdp_event ev = { .type = NVME_FDP_EVENT_MODIFY };
		bool closed = false;

		/* whoever holds it may wait for ours */
		if (h == but || !sim_spin_try(&open->lock))
			continue;
		if (atomic_load(&slot->unit) &&
		    g->cap - sim_fdp_valid(g, atomic_load(&slot->unit) - 1) >= g->block_max) {
			close_unit(g, slot);
			closed = true;
		}
		sim_spin_unlock(&open->lock);
		if (!closed)
			continue;
		ev.flags = NVME_FDP_EVENT_F_LV;
		ev.rgid = sim_le16((uint16_t)rg);
		ev.ruhid = (uint8_t)h;
		sim_fdp_event(g, c, FDP_EV_IMPLICIT, h, NULL, &ev);
		return true;
	}
	return false;
}

/* a unit for the slot, whose lock is held. Return: it, or %FDP_NONE: the group is full */
static uint32_t next_unit(struct sim_fdp *g, struct sim_ctrl *c, struct fdp_slot *slot,
			  uint16_t ruhid, uint32_t rg)
{
	uint32_t unit = atomic_load_explicit(&slot->unit, memory_order_relaxed) - 1;

	if (unit != FDP_NONE)
		return unit;
	/* a new one is more memory */
	if (sim_fdp_is_new(g, rg))
		sim_fdp_reuse(g, rg);
	while ((unit = sim_fdp_take(g, rg, ruhid, false)) == FDP_NONE)
		if (!sim_fdp_collect(g, c, rg) && !take_from_others(g, c, rg, ruhid))
			return FDP_NONE;
	atomic_store(&slot->unit, unit + 1);
	start_time(g, fdp_open_of(g, ruhid, rg));
	return unit;
}

/* bytes through the slot, whose lock is held: no other thread changes the number */
static void hosted(struct fdp_slot *slot, uint64_t bytes)
{
	uint64_t n = atomic_load_explicit(&slot->hosted, memory_order_relaxed);

	atomic_store_explicit(&slot->hosted, n + bytes, memory_order_relaxed);
}

/* the slot's lock is held: threads do not all count to one place */
static void now_live(struct sim_fdp *g, struct fdp_open *open, uint64_t blocks)
{
	open->fresh += (uint32_t)blocks;
	if (open->fresh < FRESH)
		return;
	atomic_fetch_add_explicit(&g->live, open->fresh, memory_order_relaxed);
	open->fresh = 0;
}

/* there is room for all that a host can have written; if there is not, blocks are in no unit */
static void nowhere(struct sim_fdp_ns *f, const struct sim_fdp_to *to, uint64_t slba, uint64_t nlb)
{
	struct fdp_open *open = fdp_open_of(f->g, to->ruhid, to->rg);

	atomic_fetch_sub(&f->g->live, (int64_t)sim_fdp_map_none(f, slba, nlb));
	sim_spin_lock(&open->lock);
	hosted(fdp_slot_of(f->g, to->ruhid, to->rg), nlb * f->bytes);
	sim_spin_unlock(&open->lock);
}

/**
 * fill() - blocks of @f, as many as its reclaim group has room for, go through a handle
 * Return: how many.
 */
static uint64_t fill(struct sim_fdp_ns *f, struct sim_ctrl *c, uint16_t ruhid, uint32_t rg,
		     uint64_t slba, uint64_t nlb)
{
	struct sim_fdp *g = f->g;
	struct fdp_slot *slot = fdp_slot_of(g, ruhid, rg);
	struct fdp_open *open = fdp_open_of(g, ruhid, rg);
	uint64_t done = 0;

	sim_spin_lock(&open->lock);
	while (done < nlb) {
		uint32_t unit = next_unit(g, c, slot, ruhid, rg), written;
		struct fdp_unit *u;
		uint64_t n;

		if (unit == FDP_NONE)
			break;
		u = &g->unit[unit];
		written = atomic_load_explicit(&u->written, memory_order_relaxed);
		n = (g->cap - written) / f->block;
		n = n < nlb - done ? n : nlb - done;
		if (n) {
			written += (uint32_t)n * f->block;
			atomic_store_explicit(&u->written, written, memory_order_release);
			atomic_fetch_add_explicit(&f->valid[unit], (uint32_t)n * f->block,
						  memory_order_relaxed);
			now_live(g, open, sim_fdp_map_set(f, slba + done, n, unit));
			done += n;
		}
		/* a full one is left at once: the handle references an empty one then */
		if (g->cap - written < f->block) {
			close_unit(g, slot);
			atomic_store_explicit(&f->rg, (rg + 1) % g->p.nrg, memory_order_relaxed);
		}
	}
	hosted(slot, done * f->bytes);
	sim_spin_unlock(&open->lock);
	return done;
}

static void bad_pid(struct sim_req *req, const struct sim_fdp_to *to)
{
	struct nvme_fdp_event ev = {
		.type = NVME_FDP_EVENT_PID,
		.flags = NVME_FDP_EVENT_F_PIV | NVME_FDP_EVENT_F_NSIDV | NVME_FDP_EVENT_F_LV,
		.pid = sim_le16(to->pid),
		.nsid = sim_le32(req->ns->nsid),
		.rgid = sim_le16((uint16_t)to->rg),
		.ruhid = (uint8_t)to->ruhid,
	};

	sim_fdp_event(req->ns->fdp->g, req->ctrl, FDP_EV_PID, to->ruhid, NULL, &ev);
}

void sim_fdp_wrote(struct sim_req *req, const struct sim_fdp_to *to, uint64_t slba, uint64_t nlb,
		   uint16_t status)
{
	struct sim_fdp_ns *f = req->ns->fdp;
	const uint64_t n = nlb;
	struct sim_fdp *g;
	uint32_t rg;

	if (f && status)
		sim_fdp_map_undo(f, slba, nlb);
	if (!f || status)
		return;
	g = f->g;
	rg = to->rg;
	if (to->bad)
		bad_pid(req, to);
	if (atomic_load_explicit(&g->rg[rg].nr_free, memory_order_relaxed) <= FDP_LOW)
		sim_fdp_pace(g, req->ctrl, rg, nlb * PACE + PACE_MIN);
	/* a group that is full of valid data leaves the rest to the next one */
	for (uint32_t tries = 0; nlb && tries < g->p.nrg; tries++) {
		uint64_t done = fill(f, req->ctrl, to->ruhid, rg, slba, nlb);

		slba += done;
		nlb -= done;
		rg = (rg + 1) % g->p.nrg;
	}
	if (nlb)
		nowhere(f, to, slba, nlb);
	if (atomic_load_explicit(&g->over, memory_order_relaxed))
		sim_fdp_tidy(g, FDP_TIDY_WRITE, n * TIDY + TIDY_MIN);
}

/* ---- handles
 * ------------------------------------------------------------------------------------- */

static bool is_over(const struct sim_fdp *g, const struct fdp_open *open)
{
	return g->s->clock.now_ns(g->s->clock.opaque) >=
	       atomic_load(&open->since) + g->p.erutl * NS_PER_S;
}

void sim_fdp_update(struct sim_fdp *g, struct sim_ctrl *c, uint16_t ruhid, uint32_t rg,
		    uint8_t type, const struct sim_fdp_ns *f, uint16_t ph)
{
	struct fdp_open *open = fdp_open_of(g, ruhid, rg);
	struct fdp_slot *slot = fdp_slot_of(g, ruhid, rg);
	struct nvme_fdp_event ev = { .type = type };
	bool closed = false;

	sim_spin_lock(&open->lock);
	/* it has been written to, and is not full; its time may be another one's by now */
	if (atomic_load(&slot->unit) && (type != NVME_FDP_EVENT_RUTLE || is_over(g, open))) {
		close_unit(g, slot);
		closed = true;
	}
	sim_spin_unlock(&open->lock);
	if (!closed)
		return;
	ev.flags = NVME_FDP_EVENT_F_LV;
	ev.rgid = sim_le16((uint16_t)rg);
	ev.ruhid = (uint8_t)ruhid;
	if (f) {
		ev.flags |= NVME_FDP_EVENT_F_PIV | NVME_FDP_EVENT_F_NSIDV;
		ev.pid = sim_le16(sim_fdp_make_pid(g, rg, ph));
		ev.nsid = sim_le32(f->ns->nsid);
	}
	sim_fdp_event(g, c, type == NVME_FDP_EVENT_RUTLE ? FDP_EV_TIME : FDP_EV_NOT_FULL, ruhid,
		      NULL, &ev);
}

uint32_t sim_fdp_ruamw(struct sim_fdp *g, uint16_t ruhid, uint32_t rg)
{
	struct fdp_open *open = fdp_open_of(g, ruhid, rg);
	uint32_t unit, left = g->cap;

	sim_spin_lock(&open->lock);
	unit = atomic_load(&fdp_slot_of(g, ruhid, rg)->unit);
	if (unit)
		left -= atomic_load(&g->unit[unit - 1].written);
	sim_spin_unlock(&open->lock);
	return left;
}

uint32_t sim_fdp_earutr(struct sim_fdp *g, uint16_t ruhid, uint32_t rg)
{
	struct fdp_open *open = fdp_open_of(g, ruhid, rg);
	uint64_t now, past;

	if (!g->p.erutl || !atomic_load(&fdp_slot_of(g, ruhid, rg)->unit))
		return g->p.erutl;
	now = g->s->clock.now_ns(g->s->clock.opaque);
	past = (now - atomic_load(&open->since)) / NS_PER_S;
	return past < g->p.erutl ? g->p.erutl - (uint32_t)past : 1;
}
