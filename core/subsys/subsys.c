/* SPDX-License-Identifier: MIT */
/*
 * subsys.c - building an NVM subsystem, taking it down, resetting it, and its one timer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ctrl/ctrl.h"
#include "../ns/ns.h"
#include "../pci/pci.h"
#include "subsys.h"

#define AER_TYPE_NOTICE 2
#define AER_INFO_NS_ATTR 0x00
#define LID_CHANGED_NS 0x04

struct sim_subsys *sim_subsys_new(const struct sim_subsys_params *p, struct sim_msg *msg)
{
	size_t len = p->nqn ? strlen(p->nqn) : 0;
	struct sim_subsys *s;

	if (!len || len >= sizeof(s->nqn)) {
		snprintf(msg->text, sizeof(msg->text),
			 "the NVM Subsystem Qualified Name has %zu bytes; 1 to %zu are allowed",
			 len, sizeof(s->nqn) - 1);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(msg->text, sizeof(msg->text), "no memory for an NVM subsystem");
		return NULL;
	}
	memcpy(s->nqn, p->nqn, len);
	s->clock = p->clock;
	s->journal = p->journal;
	atomic_init(&s->deadline, UINT64_MAX);
	return s;
}

void sim_subsys_free(struct sim_subsys *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		struct sim_fn *fn = s->ctrl[i] ? s->ctrl[i]->fn : NULL;

		if (!fn)
			continue;
		sim_ctrl_free(s->ctrl[i]);
		sim_pci_free(fn);
		free(fn);
	}
	for (unsigned int i = 1; i <= SIM_NN; i++)
		if (s->ns[i])
			sim_ns_free(s->ns[i], false);
	free(s);
}

static void set_bit(uint32_t *map, uint32_t nsid)
{
	map[nsid / 32] |= 1u << nsid % 32;
}

struct sim_fn *sim_fn_add(struct sim_subsys *s, const struct sim_ctrl_params *p,
			  struct sim_msg *msg)
{
	struct sim_ctrl *c = NULL;
	struct sim_fn *fn;
	uint16_t cntlid = 0;

	while (cntlid < SIM_MAX_CTRL && s->ctrl[cntlid])
		cntlid++;
	if (cntlid == SIM_MAX_CTRL) {
		snprintf(msg->text, sizeof(msg->text),
			 "a subsystem has at most %u controllers", SIM_MAX_CTRL);
		return NULL;
	}
	fn = calloc(1, sizeof(*fn));
	if (!fn) {
		snprintf(msg->text, sizeof(msg->text), "no memory for a PCI function");
		return NULL;
	}
	c = sim_ctrl_new(fn, s, p, cntlid, msg);
	if (!c)
		goto free_fn;
	if (sim_pci_init(fn, c, msg))
		goto free_ctrl;

	sim_write_lock(&s->lock);
	memcpy(c->attached, s->attach_all, sizeof(c->attached));
	s->ctrl[cntlid] = c;
	s->nr_ctrls++;
	sim_write_unlock(&s->lock);
	return fn;

free_ctrl:
	sim_ctrl_free(c);
free_fn:
	free(fn);
	return NULL;
}

/* a namespace became attached while the host may be using the controller */
static void attach(struct sim_ctrl *c, uint32_t nsid)
{
	set_bit(c->attached, nsid);
	if (c->state != SIM_CS_READY)
		return;
	set_bit(c->changed_ns, nsid);
	sim_aer_event(c, AER_TYPE_NOTICE, AER_INFO_NS_ATTR, LID_CHANGED_NS);
}

int64_t sim_ns_add(struct sim_subsys *s, struct sim_fn *fn, const struct sim_ns_params *p,
		   struct sim_msg *msg)
{
	struct sim_ns_params np = *p;
	struct sim_ns *ns;

	if (!np.nsid)
		for (np.nsid = 1; np.nsid <= SIM_NN && s->ns[np.nsid]; np.nsid++)
			;
	else if (np.nsid <= SIM_NN && s->ns[np.nsid]) {
		snprintf(msg->text, sizeof(msg->text),
			 "namespace id %" PRIu32 " is already allocated", np.nsid);
		return SIM_EEXIST;
	}
	if (np.nsid > SIM_NN) {
		snprintf(msg->text, sizeof(msg->text),
			 p->nsid ? "namespace id %" PRIu32 " is not between 1 and %u"
				 : "no free namespace id: %" PRIu32 " is past %u",
			 np.nsid, SIM_NN);
		return SIM_EINVAL;
	}
	if (!fn && !np.shared && s->nr_ctrls > 1) {
		snprintf(msg->text, sizeof(msg->text),
			 "namespace %" PRIu32 " is not shared, but %u controllers would have it",
			 np.nsid, s->nr_ctrls);
		return SIM_EINVAL;
	}
	ns = sim_ns_new(s, &np, msg);
	if (!ns)
		return SIM_EINVAL;

	sim_write_lock(&s->lock);
	s->ns[np.nsid] = ns;
	s->capacity += ns->nsze << ns->lbads;
	if (fn) {
		attach(fn->ctrl, np.nsid);
	} else {
		if (np.shared)
			set_bit(s->attach_all, np.nsid);
		for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
			if (s->ctrl[i])
				attach(s->ctrl[i], np.nsid);
	}
	sim_write_unlock(&s->lock);

	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (s->ctrl[i])
			sim_irq_flush(s->ctrl[i]);
	return np.nsid;
}

/*
 * NVMe Base 2.1, 3.7.1.2: every controller of the subsystem goes through a Controller Level Reset
 * and says so in CSTS.NSSRO. The functions' PCI side stays as it is: the link is not simulated, so
 * it does not go down, and the host finds NSSRO where it left BAR 0.
 */
void sim_subsys_reset(struct sim_subsys *s)
{
	sim_write_lock(&s->lock);
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		if (!s->ctrl[i])
			continue;
		sim_ctrl_event(s->ctrl[i], SIM_CE_RESET);
		s->ctrl[i]->csts |= NVME_CSTS_NSSRO_MASK << NVME_CSTS_NSSRO_SHIFT;
	}
	sim_write_unlock(&s->lock);
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (s->ctrl[i])
			sim_irq_flush(s->ctrl[i]);
}

void sim_arm(struct sim_subsys *s, uint64_t deadline_ns)
{
	uint64_t old = atomic_load(&s->deadline);

	do {
		if (deadline_ns >= old)
			return;
	} while (!atomic_compare_exchange_weak(&s->deadline, &old, deadline_ns));
	if (s->clock.arm)
		s->clock.arm(s->clock.opaque, deadline_ns);
}

uint64_t sim_run_timers(struct sim_subsys *s)
{
	uint64_t now = s->clock.now_ns(s->clock.opaque);
	uint64_t next = UINT64_MAX;

	atomic_store(&s->deadline, UINT64_MAX);
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		struct sim_ctrl *c = s->ctrl[i];
		uint64_t t;

		if (!c)
			continue;
		t = sim_keep_alive_run(c, now);
		next = t < next ? t : next;
		t = sim_smart_run(c, now);
		next = t < next ? t : next;
		sim_irq_flush(c);
	}
	sim_arm(s, next);
	return atomic_load(&s->deadline);
}
