/* SPDX-License-Identifier: MIT */
/*
 * resv_cmd.c - Reservation Register, Acquire, Release. NVMe Base 2.1, sections 7.5 to 7.7 and
 * 8.1.22.3 to 8.1.22.8.
 *
 * Each action of a command is a row: what it does to a copy of the state, and what follows from it.
 */
#include <stdlib.h>
#include <string.h>

#include "../ctrl/queue.h"
#include "../ctrl/tables.h"
#include "resv_priv.h"

#define CDW10_ACTION 0x7u
#define CDW10_IEKEY (1u << 3)
#define PEL_ACTION SIM_PEL_CDW(10, 0)
#define PEL_IEKEY SIM_PEL_CDW(10, 3)
#define PEL_RTYPE SIM_PEL_CDW(10, 8)
#define PEL_CPTPL SIM_PEL_CDW(10, 30)

/**
 * struct op - a command being carried out
 * @st:      a copy of the namespace's state, which the action changes
 * @host, @reg: who asks; its registration in @st, NULL: it has none
 * @crkey:   Current Reservation Key
 * @key:     New or Preempt Reservation Key
 * @changed: @st is to become the state
 * @released: those who stay registrants are told that the reservation was released
 */
struct op {
	struct sim_req *req;
	struct resv_state *st;
	struct resv_host host;
	struct resv_reg *reg;
	uint64_t crkey, key;
	bool changed, released;
};

/**
 * struct action - a value of RREGA, RACQA or RRELA
 * @apply:  do it to op->st. Return: 0 or a status
 * @proven: the host must be a registrant, and CRKEY its key
 * @counts: success increments the generation
 * @persists: success changes the Persist Through Power Loss state as CPTPL says
 * @aborts: what those who lost their registration have under way is aborted
 * @lost:   the notification for those who lost their registration; 0: none
 */
struct action {
	uint16_t (*apply)(struct op *op);
	bool proven, counts, persists, aborts;
	enum resv_note lost;
};

static uint8_t rtype_of(const struct op *op)
{
	return (uint8_t)(op->req->sqe.cdw10 >> 8);
}

static bool is_type(uint8_t rtype)
{
	return rtype > RESV_NONE && rtype < RESV__N;
}

/* the reservation ends; the registrants stay */
static void release(struct resv_state *st)
{
	st->type = RESV_NONE;
	for (uint32_t i = 0; i < st->nr; i++)
		st->reg[i].holder = 0;
}

static void reserve(struct op *op, uint8_t type)
{
	release(op->st);
	op->st->type = type;
	resv_find(op->st, &op->host)->holder = !resv_all_registrants(type);
}

/* with the last of all registrants, their reservation goes */
static void remove_reg(struct resv_state *st, uint32_t i)
{
	bool held = st->reg[i].holder;

	st->nr--;
	memmove(&st->reg[i], &st->reg[i + 1], (st->nr - i) * sizeof(st->reg[0]));
	if (held || !st->nr)
		release(st);
}

/* ---- Register: section 8.1.22.3, 8.1.22.4 --------------------------------------------------- */

static uint16_t add(struct op *op)
{
	if (op->st->nr == RESV_REGS_MAX)
		return SIM_INTERNAL;
	op->st->reg[op->st->nr++] = (struct resv_reg){ .host = op->host, .key = op->key };
	return SIM_OK;
}

static bool iekey(const struct op *op)
{
	return op->req->sqe.cdw10 & CDW10_IEKEY;
}

/* CPTPL of Register; the field is reserved in the other commands */
enum {
	CPTPL_KEEP = 0,
	CPTPL_RESERVED = 1,
	CPTPL_CLEAR = 2,
	CPTPL_SET = 3,
};

static uint32_t cptpl(const struct sim_req *req)
{
	return req->sqe.cdw10 >> 30;
}

static uint16_t do_register(struct op *op)
{
	op->changed = true;
	if (!op->reg)
		return add(op);
	return op->reg->key == op->key ? SIM_OK : SIM_RESV_CONFLICT;
}

/* with IEKEY, that there is no registration is no error, either (figure 573) */
static uint16_t do_unregister(struct op *op)
{
	uint8_t type = op->st->type;

	op->changed = true;
	if (!iekey(op) && (!op->reg || op->reg->key != op->crkey))
		return SIM_RESV_CONFLICT;
	if (!op->reg)
		return SIM_OK;
	remove_reg(op->st, (uint32_t)(op->reg - op->st->reg));
	op->released = !op->st->type && (type == RESV_WERO || type == RESV_EARO);
	return SIM_OK;
}

static uint16_t do_replace(struct op *op)
{
	op->changed = true;
	if (!iekey(op) && (!op->reg || op->reg->key != op->crkey))
		return SIM_RESV_CONFLICT;
	if (!op->reg)
		return add(op);
	op->reg->key = op->key;
	return SIM_OK;
}

/* ---- Acquire: sections 8.1.22.5, 8.1.22.7 --------------------------------------------------- */

static uint16_t do_acquire(struct op *op)
{
	if (!is_type(rtype_of(op)))
		return sim_bad_field(op->req, PEL_RTYPE);
	if (op->st->type) /* a holder may ask again for what it has */
		return resv_holds(op->st, op->reg) && op->st->type == rtype_of(op) ?
			       SIM_OK : SIM_RESV_CONFLICT;
	op->changed = true;
	reserve(op, rtype_of(op));
	return SIM_OK;
}

static uint64_t holder_key(const struct resv_state *st)
{
	uint32_t i = 0;

	while (!st->reg[i].holder)
		i++;
	return st->reg[i].key;
}

/*
 * PRKEY names the reservation, which then becomes the host's own and never costs it its
 * registration; or else registrations, of which one may be the host's. Where all registrants hold
 * the reservation, 0h names it, and everybody's registration with it.
 */
static uint16_t do_preempt(struct op *op)
{
	struct resv_state *st = op->st;
	const uint8_t type = st->type;
	const bool all = resv_all_registrants(type);
	const bool takes = all ? !op->key : type && holder_key(st) == op->key;
	const uint32_t nr = st->nr;

	if (type && !all && !takes && !op->key)
		return SIM_INVALID_FIELD;
	if (takes && !is_type(rtype_of(op)))
		return sim_bad_field(op->req, PEL_RTYPE);
	for (uint32_t i = nr; i-- > 0;) {
		bool own = resv_same_host(&st->reg[i].host, &op->host);

		if ((st->reg[i].key == op->key || (takes && all)) && !(takes && own))
			remove_reg(st, i);
	}
	if (all && !takes && st->nr == nr)
		return SIM_RESV_CONFLICT;
	if (takes)
		reserve(op, rtype_of(op));
	op->changed = true;
	op->released = st->type != type;
	return SIM_OK;
}

/* ---- Release: sections 8.1.22.6, 8.1.22.8 --------------------------------------------------- */

/* a registrant that holds nothing has nothing to release, and that is no error */
static uint16_t do_release(struct op *op)
{
	uint8_t type = op->st->type;

	if (!resv_holds(op->st, op->reg))
		return SIM_OK;
	if (rtype_of(op) != type)
		return sim_bad_field(op->req, PEL_RTYPE);
	op->changed = true;
	release(op->st);
	op->released = type != RESV_WE && type != RESV_EA;
	return SIM_OK;
}

static uint16_t do_clear(struct op *op)
{
	op->changed = true;
	op->st->nr = 0;
	op->st->type = RESV_NONE;
	return SIM_OK;
}

/* ---- what the commands share ---------------------------------------------------------------- */

static bool match_ns(const struct sim_req *req, const void *arg)
{
	return req->ns == arg;
}

/*
 * Preempt and Abort: what the controllers of @host have under way on @ns ends, and has its
 * completion before this command has its own.
 */
static void abort_host(const struct sim_ns *ns, const struct resv_host *host)
{
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		struct sim_ctrl *c = ns->subsys->ctrl[i];
		struct resv_host one;

		if (!c)
			continue;
		one = resv_host_of(c);
		if (!resv_same_host(&one, host))
			continue;
		for (uint32_t qid = 0; qid <= c->p.max_ioqpairs; qid++)
			if (c->sq[qid])
				sim_sq_give_up(c->sq[qid], match_ns, ns, SIM_PREEMPT_ABORT);
	}
}

/*
 * The others learn what became of their registrations and of the reservation; never the host that
 * did it.
 */
static void tell(const struct op *op, const struct action *a, const struct resv_state *old)
{
	struct sim_ns *ns = op->req->ns;

	for (uint32_t i = 0; i < old->nr; i++) {
		const struct resv_host *host = &old->reg[i].host;

		if (resv_same_host(host, &op->host))
			continue;
		if (resv_find(ns->resv->st, host)) {
			if (op->released)
				resv_notify(ns, host, RESV_NOTE_RELEASED);
			continue;
		}
		if (a->aborts)
			abort_host(ns, host);
		if (a->lost)
			resv_notify(ns, host, a->lost);
	}
}

static uint16_t run(struct sim_req *req, const struct action *actions, unsigned int nr, size_t len)
{
	const unsigned int sel = req->sqe.cdw10 & CDW10_ACTION;
	struct op op = { .req = req, .host = resv_host_of(req->ctrl) };
	uint64_t keys[2] = { 0 };
	uint16_t status = SIM_OK;

	if (sel >= nr)
		return sim_bad_field(req, PEL_ACTION);
	status = sim_xfer(req, SIM_DMA_READ, keys, len);
	if (status)
		return status;
	op.crkey = sim_le64(keys[0]);
	op.key = sim_le64(keys[1]);
	op.st = resv_copy(req->ns);
	if (!op.st)
		return SIM_INTERNAL;
	op.reg = resv_find(op.st, &op.host);
	if (actions[sel].proven && (!op.reg || op.reg->key != op.crkey))
		status = SIM_RESV_CONFLICT;
	if (!status)
		status = actions[sel].apply(&op);
	if (!status && op.changed) {
		op.st->gen += actions[sel].counts;
		if (actions[sel].persists && cptpl(req) != CPTPL_KEEP)
			op.st->ptpl = cptpl(req) == CPTPL_SET;
		status = resv_commit(req->ns, &op.st);
		if (!status)
			tell(&op, &actions[sel], op.st);
	}
	free(op.st);
	return status;
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/**
 * sim_resv_register() - Reservation Register
 *
 * NVMe Base 2.1, sections 7.6, 8.1.22.3 and 8.1.22.4. CPTPL takes effect if the command succeeds.
 * Return: a status.
 */
uint16_t sim_resv_register(struct sim_req *req)
{
	static const struct action actions[] = {
		{ do_register, .counts = true, .persists = true },
		{ do_unregister, .counts = true, .persists = true },
		{ do_replace, .counts = true, .persists = true },
	};

	if (cptpl(req) == CPTPL_RESERVED)
		return sim_bad_field(req, PEL_CPTPL);
	return run(req, actions, COUNT(actions), 16);
}

/**
 * sim_resv_acquire() - Reservation Acquire
 *
 * NVMe Base 2.1, sections 7.5, 8.1.22.5 and 8.1.22.7.
 * Return: a status.
 */
uint16_t sim_resv_acquire(struct sim_req *req)
{
	static const struct action actions[] = {
		{ do_acquire, .proven = true },
		{ do_preempt, .proven = true, .counts = true, .lost = RESV_NOTE_REG_PREEMPTED },
		{ do_preempt, .proven = true, .counts = true, .aborts = true,
		  .lost = RESV_NOTE_REG_PREEMPTED },
	};

	if (req->sqe.cdw10 & CDW10_IEKEY)
		return sim_bad_field(req, PEL_IEKEY);
	return run(req, actions, COUNT(actions), 16);
}

/**
 * sim_resv_release() - Reservation Release
 *
 * NVMe Base 2.1, sections 7.7, 8.1.22.6 and 8.1.22.8.
 * Return: a status.
 */
uint16_t sim_resv_release(struct sim_req *req)
{
	static const struct action actions[] = {
		{ do_release, .proven = true },
		{ do_clear, .proven = true, .counts = true, .lost = RESV_NOTE_PREEMPTED },
	};

	if (req->sqe.cdw10 & CDW10_IEKEY)
		return sim_bad_field(req, PEL_IEKEY);
	return run(req, actions, COUNT(actions), 8);
}
