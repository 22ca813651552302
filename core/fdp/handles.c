/* SPDX-License-Identifier: MIT */
/*
 * handles.c - which reclaim unit handles a namespace has, by placement handle.
 * NVM Command Set 1.1, section 4.1.6; QEMU's rules for `fdp.ruhs`.
 *
 * A namespace for which none were named gets the one that the controller has chosen for all such
 * namespaces, as its placement handle 0. Who names handles cannot have that one. Namespaces that
 * share a handle have the same format.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "priv.h"

__attribute__((format(printf, 2, 3))) static int no(struct sim_msg *msg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg->text, sizeof(msg->text), fmt, ap);
	va_end(ap);
	return SIM_EINVAL;
}

static bool has(const struct sim_fdp_ns *f, uint16_t ruhid)
{
	for (uint16_t i = 0; i < f->nph; i++)
		if (f->ruhid[i] == ruhid)
			return true;
	return false;
}

static bool same_format(const struct sim_lbaf *a, const struct sim_lbaf *b)
{
	return a->lbads == b->lbads && a->ms == b->ms && a->pif == b->pif && a->sts == b->sts &&
	       a->qualified == b->qualified;
}

static const struct sim_lbaf *format_of(const struct sim_ns *ns)
{
	return &ns->lbafs[ns->lbaf];
}

/* a namespace other than @but that has handle @ruhid in another format than @format */
static const struct sim_fdp_ns *mismatch(const struct sim_fdp *g, const struct sim_ns *but,
					 uint16_t ruhid, const struct sim_lbaf *format)
{
	for (unsigned int i = 0; i < g->nr_ns; i++)
		if (g->ns[i]->ns != but && has(g->ns[i], ruhid) &&
		    !same_format(format_of(g->ns[i]->ns), format))
			return g->ns[i];
	return NULL;
}

uint8_t sim_fdp_ruha(const struct sim_fdp *g, uint16_t ruhid)
{
	for (unsigned int i = 0; i < g->nr_ns; i++)
		if (has(g->ns[i], ruhid))
			return g->ns[i]->chosen ? 2 : 1;
	return 0;
}

/* what the controller has chosen, or would. Return: the handle, or nruh: none is left */
static uint16_t choice(const struct sim_fdp *g)
{
	uint16_t h = 0;

	for (unsigned int i = 0; i < g->nr_ns; i++)
		if (g->ns[i]->chosen)
			return g->ns[i]->ruhid[0];
	while (h < g->cfg->nruh && sim_fdp_ruha(g, h))
		h++;
	return h;
}

/* ---- what is configured ------------------------------------------------------------------------
 */

bool sim_fdp_ns_check(const struct sim_subsys *s, const struct sim_ns_params *p,
		      struct sim_msg *msg)
{
	const struct sim_fdp *g = s->fdp;

	if (!g)
		return !p->ruhs.nr || !no(msg, "fdp.ruhs needs a subsystem with fdp=on");
	if (!g->cfg)
		return true;
	if (p->ruhs.nr > g->cfg->nruh)
		return !no(msg, "fdp.ruhs: too many placement handles, %u; fdp.nruh is %u",
			   p->ruhs.nr, g->cfg->nruh);
	for (uint16_t i = 0; i < p->ruhs.nr; i++) {
		if (p->ruhs.ruhid[i] >= g->cfg->nruh)
			return !no(msg, "fdp.ruhs: invalid reclaim unit handle %u; fdp.nruh is %u",
				   p->ruhs.ruhid[i], g->cfg->nruh);
		for (uint16_t k = 0; k < i; k++)
			if (p->ruhs.ruhid[k] == p->ruhs.ruhid[i])
				return !no(msg, "fdp.ruhs: duplicate reclaim unit handle %u",
					   p->ruhs.ruhid[i]);
	}
	return true;
}

static int take_list(struct sim_fdp_ns *f, const struct sim_ruhs *ruhs, struct sim_msg *msg)
{
	const struct sim_fdp *g = f->g;

	for (uint16_t i = 0; i < ruhs->nr; i++) {
		const uint16_t h = ruhs->ruhid[i];
		const struct sim_fdp_ns *other;

		if (sim_fdp_ruha(g, h) == 2)
			return no(msg,
				  "fdp.ruhs: reclaim unit handle %u is already controller assigned",
				  h);
		other = mismatch(g, f->ns, h, format_of(f->ns));
		if (other)
			return no(msg,
				  "fdp.ruhs: reclaim unit handle %u is of namespace %" PRIu32
				  ", whose LBA format is another (lba format mismatch)",
				  h, other->ns->nsid);
	}
	f->nph = ruhs->nr;
	f->chosen = false;
	memcpy(f->ruhid, ruhs->ruhid, sizeof(f->ruhid));
	return 0;
}

static int take_choice(struct sim_fdp_ns *f, bool known, struct sim_msg *msg)
{
	const struct sim_fdp *g = f->g;
	const struct fdp_map_head *old = f->head;
	const struct sim_fdp_ns *other;
	uint16_t h = choice(g);

	/* the one it had, if it can be */
	if (known && old->chosen && old->ruhid[0] < g->cfg->nruh && h < g->cfg->nruh &&
	    !sim_fdp_ruha(g, h) && !sim_fdp_ruha(g, old->ruhid[0]))
		h = old->ruhid[0];
	if (h == g->cfg->nruh)
		return no(msg,
			  "namespace %" PRIu32
			  ": no reclaim unit handle is left for the controller "
			  "to assign",
			  f->ns->nsid);
	other = mismatch(g, f->ns, h, format_of(f->ns));
	if (other)
		return no(msg,
			  "namespace %" PRIu32
			  " gets the controller assigned reclaim unit handle %u "
			  "like namespace %" PRIu32 ", whose LBA format is another (lba format "
			  "mismatch); give fdp.ruhs",
			  f->ns->nsid, h, other->ns->nsid);
	f->nph = 1;
	f->chosen = true;
	f->ruhid[0] = h;
	return 0;
}

/*
 * A namespace that a host created comes back with the handles it was created with. Where these are
 * no more, since others are configured, it is not lost for that: it shares the first one.
 */
static int take_back(struct sim_fdp_ns *f, bool known, struct sim_msg *msg)
{
	const struct fdp_map_head *old = f->head;
	struct sim_ruhs ruhs = { .nr = known && !old->chosen ? old->nph : 0 };

	if (ruhs.nr > SIM_RUHS_MAX)
		ruhs.nr = 0;
	for (uint16_t i = 0; i < ruhs.nr; i++) {
		ruhs.ruhid[i] = old->ruhid[i];
		if (ruhs.ruhid[i] >= f->g->cfg->nruh)
			ruhs.nr = 0;
	}
	if (ruhs.nr && !take_list(f, &ruhs, msg))
		return 0;
	if (!take_choice(f, known, msg))
		return 0;
	f->nph = 1;
	f->chosen = false;
	f->ruhid[0] = 0;
	return 0;
}

int sim_fdp_handles_choose(struct sim_fdp_ns *f, bool known, struct sim_msg *msg)
{
	const struct sim_ns *ns = f->ns;

	if (ns->p.ruhs.nr)
		return take_list(f, &ns->p.ruhs, msg);
	return ns->restored ? take_back(f, known, msg) : take_choice(f, known, msg);
}

/* ---- what hosts ask for
 * --------------------------------------------------------------------------- */

uint16_t sim_fdp_handles_check(const struct sim_subsys *s, const struct sim_lbaf *f,
			       const struct sim_ruhs *ruhs)
{
	const struct sim_fdp *g = s->fdp;
	uint16_t h;

	if (!ruhs->nr) {
		h = choice(g);
		if (h == g->cfg->nruh)
			return SIM_INVALID_HANDLES;
		return mismatch(g, NULL, h, f) ? SIM_INVALID_FORMAT : SIM_OK;
	}
	if (ruhs->nr > g->cfg->nruh)
		return SIM_INVALID_HANDLES;
	for (uint16_t i = 0; i < ruhs->nr; i++) {
		h = ruhs->ruhid[i];
		if (h >= g->cfg->nruh || sim_fdp_ruha(g, h) == 2)
			return SIM_INVALID_HANDLES;
		for (uint16_t k = 0; k < i; k++)
			if (ruhs->ruhid[k] == h)
				return SIM_INVALID_HANDLES;
	}
	for (uint16_t i = 0; i < ruhs->nr; i++)
		if (mismatch(g, NULL, ruhs->ruhid[i], f))
			return SIM_INVALID_FORMAT;
	return SIM_OK;
}

uint16_t sim_fdp_format_check(const struct sim_ns *ns, const struct sim_lbaf *to)
{
	const struct sim_fdp_ns *f = ns->fdp;

	for (uint16_t i = 0; f && i < f->nph; i++)
		if (!same_format(format_of(ns), to) && mismatch(f->g, ns, f->ruhid[i], to))
			return SIM_INVALID_FORMAT;
	return SIM_OK;
}
