/* SPDX-License-Identifier: MIT */
/*
 * subsys.c - building an NVM subsystem, taking it down, resetting it, and its one timer.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ctrl/ctrl.h"
#include "../fdp/fdp.h"
#include "../ns/record.h"
#include "../pci/pci.h"
#include "subsys.h"

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
	s->backing = p->backing;
	s->capacity = p->capacity;
	s->capacity_given = p->capacity;
	s->multi = p->multi;
	atomic_init(&s->deadline, UINT64_MAX);
	if (sim_stage_open(s)) {
		snprintf(msg->text, sizeof(msg->text), "no memory for an NVM subsystem");
		free(s);
		return NULL;
	}
	if (sim_fdp_open(s, &p->fdp, msg)) {
		sim_fdp_close(s);
		sim_stage_close(s);
		free(s);
		return NULL;
	}
	return s;
}

void sim_subsys_free(struct sim_subsys *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (s->ctrl[i])
			sim_fn_free(s->ctrl[i]->fn);
	for (unsigned int i = 1; i <= SIM_NN; i++)
		if (s->ns[i])
			sim_ns_free(s->ns[i], false);
	sim_fdp_close(s);
	sim_stage_close(s);
	free(s);
}

/* ---- configured namespaces ---------------------------------------------------------------- */

/* whether the record of @nsid is of a namespace a host created where none had been configured */
static bool is_hosts(const struct sim_subsys *s, uint32_t nsid)
{
	struct sim_ns_rec rec;

	return !sim_ns_rec_get(s, nsid, &rec) && rec.life == SIM_NS_CREATED && !rec.conf_deleted;
}

/* the NSID a namespace is configured with, or the lowest free one. Return: 0, or what is wrong */
static int take_nsid(struct sim_subsys *s, uint32_t *nsid, struct sim_msg *msg)
{
	uint32_t want = *nsid;

	if (!want) {
		for (want = 1; want <= SIM_NN; want++)
			if (!s->ns[want] && !sim_bit(s->configured, want) && !is_hosts(s, want))
				break;
		*nsid = want;
		if (want <= SIM_NN)
			return 0;
		snprintf(msg->text, sizeof(msg->text), "no free namespace id: all %u are taken",
			 SIM_NN);
		return SIM_EINVAL;
	}
	if (want > SIM_NN) {
		snprintf(msg->text, sizeof(msg->text),
			 "namespace id %" PRIu32 " is not between 1 and %u", want, SIM_NN);
		return SIM_EINVAL;
	}
	if (s->ns[want] || sim_bit(s->configured, want)) {
		snprintf(msg->text, sizeof(msg->text),
			 "namespace id %" PRIu32 " is already allocated", want);
		return SIM_EEXIST;
	}
	if (is_hosts(s, want)) {
		snprintf(msg->text, sizeof(msg->text),
			 "namespace id %" PRIu32 " belongs to a namespace that a host created", want);
		return SIM_EEXIST;
	}
	return 0;
}

static int take_capacity(struct sim_subsys *s, const struct sim_ns_params *p, struct sim_msg *msg)
{
	uint64_t bytes = p->store ? p->store->size : 0;

	if (!s->capacity_given) {
		s->capacity += bytes;
	} else if (bytes > sim_unallocated(s)) {
		snprintf(msg->text, sizeof(msg->text),
			 "namespace %" PRIu32 " has %" PRIu64 " bytes, but of the capacity of %" PRIu64
			 " only %" PRIu64 " are left",
			 p->nsid, bytes, s->capacity, sim_unallocated(s));
		return SIM_EINVAL;
	}
	return sim_fdp_grow(s, msg);
}

/* writer side held. Return: whether @p is there now, or a host deleted it in an earlier life */
static int add_configured(struct sim_subsys *s, struct sim_fn *fn, struct sim_ns_params *p,
			  struct sim_msg *msg)
{
	struct sim_ns_rec rec;
	struct sim_ns *ns;
	int err = take_nsid(s, &p->nsid, msg);

	if (err)
		return err;
	err = sim_ns_rec_get(s, p->nsid, &rec);
	if (err && err != SIM_ENOENT) {
		snprintf(msg->text, sizeof(msg->text),
			 "what is recorded of namespace %" PRIu32 " cannot be read", p->nsid);
		return err;
	}
	if (!rec.conf_deleted) {
		ns = sim_ns_new(s, p, msg);
		if (!ns)
			return SIM_EINVAL;
		err = take_capacity(s, p, msg);
		if (err) {
			sim_ns_free(ns, false);
			return err;
		}
		sim_ns_place(s, ns);
		sim_attach_ns(ns, fn ? fn->ctrl : NULL);
	} else {
		err = take_capacity(s, p, msg);
		if (err)
			return err;
	}
	sim_bit_set(s->configured, p->nsid);
	return 0;
}

int64_t sim_ns_add(struct sim_subsys *s, struct sim_fn *fn, const struct sim_ns_params *p,
		   struct sim_msg *msg)
{
	struct sim_ns_params np = *p;
	int err;

	if (!fn && !np.shared && !np.detached && s->nr_ctrls > 1) {
		snprintf(msg->text, sizeof(msg->text),
			 "namespace %" PRIu32 " is not shared, but %u controllers would have it",
			 np.nsid, s->nr_ctrls);
		return SIM_EINVAL;
	}
	sim_write_lock(&s->lock);
	err = add_configured(s, fn, &np, msg);
	sim_write_unlock(&s->lock);
	sim_irq_flush_all(s);
	return err ? err : (int64_t)np.nsid;
}

void sim_subsys_settle(struct sim_subsys *s)
{
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		if (!s->ns[nsid] || !s->ns[nsid]->zones)
			continue;
		sim_zones_power(s->ns[nsid]);
		sim_zones_reset_log(s->ns[nsid]);
	}
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
		sim_barmem_reset(s->ctrl[i]);
		if (s->ctrl[i]->state != SIM_CS_OFFLINE)
			s->ctrl[i]->csts |= NVME_CSTS_NSSRO_MASK << NVME_CSTS_NSSRO_SHIFT;
		sim_fn_note(s->ctrl[i]->fn, SIM_FN_RESET);
	}
	sim_subsys_settle(s);
	sim_write_unlock(&s->lock);
	sim_irq_flush_all(s);
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
	uint64_t next, fdp;

	atomic_store(&s->deadline, UINT64_MAX);
	next = sim_format_run(s, now);
	fdp = sim_fdp_run(s, now);
	next = fdp < next ? fdp : next;
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		struct sim_ctrl *c = s->ctrl[i];
		uint64_t t;

		if (!c)
			continue;
		t = sim_keep_alive_run(c, now);
		next = t < next ? t : next;
		t = sim_smart_run(c, now);
		next = t < next ? t : next;
		t = sim_coalesce_run(c, now);
		next = t < next ? t : next;
		t = sim_lbas_run(c, now);
		next = t < next ? t : next;
		sim_irq_flush(c);
	}
	sim_arm(s, next);
	return atomic_load(&s->deadline);
}
