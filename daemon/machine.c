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

static int node_add(struct mach_ctrl *mc, uint32_t nsid)
{
	struct dmn_machine *m = mc->m;
	struct dmn_node **at, *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	if (nsid)
		snprintf(n->name, sizeof(n->name), node_names[m->linux_names].ns, mc->index, nsid);
	else
		snprintf(n->name, sizeof(n->name), node_names[m->linux_names].ctrl, mc->index);
	n->ref = (struct host_node_ref){ .dev = mc->dev, .nsid = nsid };
	n->mode = m->mode;
	n->uid = m->uid;
	n->gid = m->gid;
	n->ino = m->next_ino++;

	/* the list is in the order of controllers, and of NSIDs within one */
	at = &m->nodes;
	for (unsigned int i = 0; i < mc->index; i++)
		while (*at && (*at)->ref.dev == m->ctrl[i].dev)
			at = &(*at)->next;
	while (*at && (*at)->ref.dev == mc->dev && (*at)->ref.nsid < nsid)
		at = &(*at)->next;
	n->next = *at;
	*at = n;

	for (struct dmn_watch *w = m->watches; w; w = w->next)
		w->added(w, n);
	return 0;
}

static void node_remove(struct dmn_machine *m, struct dmn_node **at)
{
	struct dmn_node *n = *at;

	*at = n->next;
	for (struct dmn_watch *w = m->watches; w; w = w->next)
		w->removed(w, n);
	free(n);
}

int mach_add_ctrl_node(struct mach_ctrl *mc)
{
	return node_add(mc, 0);
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
	struct mach_ctrl *mc = opaque;
	struct dmn_machine *m = mc->m;
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
		if (!node && node_add(mc, nsids[i]))
			syslog(LOG_ERR, "controller %u: no memory for the node of namespace %u",
			       mc->index, nsids[i]);
	}
}

void mach_drop_nodes(struct dmn_machine *m)
{
	while (m->nodes)
		node_remove(m, &m->nodes);
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

/* ---- subsystems ---- */

static struct mach_ctrl *ctrl_of(struct dmn_machine *m, const struct dmn_node *n)
{
	unsigned int i = 0;

	while (m->ctrl[i].dev != n->ref.dev)
		i++; /* a node is always some controller's */
	return &m->ctrl[i];
}

bool dmn_same_subsys(struct dmn_machine *m, const struct dmn_node *a, const struct dmn_node *b)
{
	return ctrl_of(m, a)->subsys == ctrl_of(m, b)->subsys;
}

int dmn_ana_get(struct dmn_machine *m, const struct dmn_node *n)
{
	return sim_ana_get(ctrl_of(m, n)->fn, n->ref.nsid);
}

int dmn_ana_set(struct dmn_machine *m, const struct dmn_node *n, enum sim_ana_state state)
{
	return sim_ana_set(ctrl_of(m, n)->fn, n->ref.nsid, state);
}

/* ---- time ---- */

void mach_tick(void *machine)
{
	struct dmn_machine *m = machine;

	mach_stores_reap(m);
	for (unsigned int i = 0; i < m->nr_subsys; i++)
		if (m->subsys[i].sim)
			dmn_loop_arm(m->loop, sim_run_timers(m->subsys[i].sim));
	for (unsigned int i = 0; i < m->nr_ctrls; i++)
		if (m->ctrl[i].bound)
			host_run(m->ctrl[i].dev);
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
