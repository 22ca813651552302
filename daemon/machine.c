/* SPDX-License-Identifier: MIT */
/*
 * machine.c - a running machine: its nodes, who follows them, and its time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>

#include "machine.h"

/* ---- nodes ---- */

/* two ways to name nodes: [linux_names]; the second format takes controller index and NSID */
static const struct {
	const char *ctrl, *ns;
} node_names[] = {
	[false] = { "nvmesim%u", "nvmesim%un%u" },
	[true] = { "nvme%u", "ng%un%u" },
};

static int node_add(struct dmn_fn *f, uint32_t nsid)
{
	struct dmn_machine *m = f->m;
	struct dmn_node **at, *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	if (nsid)
		snprintf(n->name, sizeof(n->name), node_names[m->linux_names].ns,
			 (unsigned int)f->index, nsid);
	else
		snprintf(n->name, sizeof(n->name), node_names[m->linux_names].ctrl,
			 (unsigned int)f->index);
	n->ref = (struct host_node_ref){ .dev = f->dev, .nsid = nsid };
	n->fn = f;
	n->mode = m->mode;
	n->uid = m->uid;
	n->gid = m->gid;
	n->ino = m->next_ino++;

	/* the list is in the order of controllers, and of NSIDs within one */
	at = &m->nodes;
	while (*at && ((*at)->fn->index < f->index ||
		       ((*at)->fn == f && (*at)->ref.nsid < nsid)))
		at = &(*at)->next;
	n->next = *at;
	*at = n;
	m->generation++;

	for (struct dmn_watch *w = m->watches; w; w = w->next)
		w->added(w, n);
	return 0;
}

static void node_remove(struct dmn_machine *m, struct dmn_node **at)
{
	struct dmn_node *n = *at;

	*at = n->next;
	m->generation++;
	for (struct dmn_watch *w = m->watches; w; w = w->next)
		w->removed(w, n);
	free(n);
}

int mach_add_ctrl_node(struct dmn_fn *f)
{
	return node_add(f, 0);
}

static bool nsid_in(uint32_t nsid, const uint32_t *nsids, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (nsids[i] == nsid)
			return true;
	return false;
}

void mach_namespaces(void *opaque, struct host_dev *dev, const uint32_t *nsids, unsigned int n)
{
	struct dmn_fn *f = opaque;
	struct dmn_machine *m = f->m;
	struct dmn_node **at = &m->nodes;

	while (*at) {
		struct host_node_ref *ref = &(*at)->ref;

		if (ref->dev == dev && ref->nsid && !nsid_in(ref->nsid, nsids, n))
			node_remove(m, at);
		else
			at = &(*at)->next;
	}
	for (unsigned int i = 0; i < n; i++) {
		struct dmn_node *node = m->nodes;

		while (node && (node->ref.dev != dev || node->ref.nsid != nsids[i]))
			node = node->next;
		if (!node && node_add(f, nsids[i]))
			syslog(LOG_ERR, "controller %d: no memory for the node of namespace %u",
			       f->index, nsids[i]);
	}
}

void mach_drop_nodes(struct dmn_machine *m)
{
	while (m->nodes)
		node_remove(m, &m->nodes);
}

void mach_drop_fn_nodes(struct dmn_fn *f)
{
	struct dmn_node **at = &f->m->nodes;

	while (*at) {
		if ((*at)->fn == f)
			node_remove(f->m, at);
		else
			at = &(*at)->next;
	}
}

void dmn_machine_watch(struct dmn_machine *m, struct dmn_watch *w)
{
	w->next = m->watches;
	m->watches = w;
	for (struct dmn_node *n = m->nodes; n; n = n->next)
		w->added(w, n);
}

void dmn_machine_unwatch(struct dmn_machine *m, struct dmn_watch *w)
{
	for (struct dmn_watch **at = &m->watches; *at; at = &(*at)->next) {
		if (*at == w) {
			*at = w->next;
			return;
		}
	}
}

void dmn_node_device(struct dmn_machine *m, struct dmn_node *n, const struct dmn_device *d)
{
	n->device = d ? *d : (struct dmn_device){ 0 };
	for (struct dmn_watch *w = m->watches; w; w = w->next) {
		if (w->device)
			w->device(w, n);
	}
}

struct dmn_node *dmn_machine_nodes(struct dmn_machine *m)
{
	return m->nodes;
}

struct dmn_node *dmn_machine_find(struct dmn_machine *m, const char *name)
{
	for (struct dmn_node *n = m->nodes; n; n = n->next)
		if (!strcmp(n->name, name))
			return n;
	return NULL;
}

struct dmn_loop *dmn_machine_loop(struct dmn_machine *m)
{
	return m->loop;
}

dev_t *dmn_own_mount(struct dmn_machine *m)
{
	return &m->own_mount;
}

bool dmn_linux_names(const struct dmn_machine *m)
{
	return m->linux_names;
}

uint64_t dmn_generation(struct dmn_machine *m)
{
	return m->generation;
}

/* ---- subsystems ---- */

int dmn_subsys_number(struct dmn_machine *m, const struct mach_subsys *ms)
{
	int low = -1;

	for (struct dmn_fn *f = m->fns; f; f = f->next)
		if (f->subsys == ms && f->index >= 0 && (low < 0 || f->index < low))
			low = f->index;
	return low;
}

const char *dmn_subsys_nqn(const struct mach_subsys *ms)
{
	return ms->nqn;
}

bool dmn_same_subsys(struct dmn_machine *m, const struct dmn_node *a, const struct dmn_node *b)
{
	return a->fn->subsys == b->fn->subsys;
}

int dmn_ana_get(struct dmn_machine *m, const struct dmn_node *n)
{
	return sim_ana_get(n->fn->fn, n->ref.nsid);
}

int dmn_ana_set(struct dmn_machine *m, const struct dmn_node *n, enum sim_ana_state state)
{
	return sim_ana_set(n->fn->fn, n->ref.nsid, state);
}

int dmn_zones_info(struct dmn_machine *m, const struct dmn_node *n, struct sim_zones_info *info)
{
	return sim_zones_info(n->fn->subsys->sim, n->ref.nsid, info);
}

int64_t dmn_zones_get(struct dmn_machine *m, const struct dmn_node *n, uint64_t first, uint64_t nr,
		      struct sim_zone_info *zones)
{
	return sim_zones_get(n->fn->subsys->sim, n->ref.nsid, first, nr, zones);
}

int dmn_zone_act(struct dmn_machine *m, const struct dmn_node *n, uint64_t zslba,
		 enum sim_zone_act act, struct sim_msg *msg)
{
	return sim_zone_act(n->fn->subsys->sim, n->ref.nsid, zslba, act, msg);
}

int dmn_fdp_info(struct dmn_machine *m, const struct dmn_node *n, struct sim_fdp_info *info)
{
	return sim_fdp_info(n->fn->subsys->sim, info);
}

int64_t dmn_fdp_rus(struct dmn_machine *m, const struct dmn_node *n, uint64_t first, uint64_t nr,
		    struct sim_fdp_ru *ru)
{
	return sim_fdp_rus(n->fn->subsys->sim, first, nr, ru);
}

int64_t dmn_fdp_ruhs(struct dmn_machine *m, const struct dmn_node *n, uint64_t first, uint64_t nr,
		     struct sim_fdp_ruh *ruh)
{
	return sim_fdp_ruhs(n->fn->subsys->sim, first, nr, ruh);
}

int64_t dmn_fdp_history(struct dmn_machine *m, const struct dmn_node *n, uint64_t nr,
			struct sim_fdp_sample *sample)
{
	return sim_fdp_history(n->fn->subsys->sim, nr, sample);
}

/* ---- time ---- */

void mach_tick(void *machine)
{
	struct dmn_machine *m = machine;

	mach_stores_reap(m);
	for (struct mach_subsys *ms = m->subsys; ms; ms = ms->next)
		if (ms->sim)
			dmn_loop_arm(m->loop, sim_run_timers(ms->sim));
	for (struct dmn_fn *f = m->fns; f; f = f->next)
		if (f->bound)
			host_run(f->dev);
	mach_sync(m);
}

/* ---- life ---- */

struct dmn_machine *dmn_machine_new(const struct conf *c, struct dmn_loop *l, char *err, size_t len)
{
	struct dmn_machine *m = calloc(1, sizeof(*m));

	if (!m) {
		snprintf(err, len, "out of memory");
		return NULL;
	}
	m->loop = l;
	m->next_ino = 1;
	m->autoprobe = true;
	dmn_loop_timer(l, mach_tick, m);
	if (!mach_build(m, c, err, len))
		return m;
	dmn_machine_discard(m);
	return NULL;
}

static void machine_end(struct dmn_machine *m, bool undo)
{
	if (!m)
		return;
	dmn_loop_timer(m->loop, NULL, NULL);
	mach_dismantle(m, undo);
	free(m);
}

void dmn_machine_free(struct dmn_machine *m)
{
	machine_end(m, false);
}

void dmn_machine_discard(struct dmn_machine *m)
{
	machine_end(m, true);
}
