/* SPDX-License-Identifier: MIT */
/*
 * commands.c - what can be asked over the control socket: one row per command.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"

struct json_object *ctl_refuse(struct ctl_ctx *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->error, sizeof(x->error), fmt, ap);
	va_end(ap);
	return NULL;
}

void ctl_put_string(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

void ctl_put_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

void ctl_put_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

int ctl_take_number(struct ctl_ctx *x, const char *key, uint64_t max, uint64_t *to)
{
	struct json_object *o;
	const char *text;
	char *end = NULL;

	if (!json_object_object_get_ex(x->request, key, &o))
		return 1;
	text = json_object_get_string(o); /* a number's digits, too */
	if ((json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_string)) &&
	    *text >= '0' && *text <= '9') {
		errno = 0;
		*to = strtoull(text, &end, 0);
	}
	if (!end || *end || errno || *to > max) {
		ctl_refuse(x, "%s: '%.40s' is no number from 0 to %" PRIu64, key,
			   text ? text : "null", max);
		return -1;
	}
	return 0;
}

#define CELLS_DEFAULT 1024
#define CELLS_MAX     16384

int ctl_take_range(struct ctl_ctx *x, uint64_t nr, uint64_t unit, struct ctl_range *r)
{
	uint64_t from = 0, cells = CELLS_DEFAULT, page = UINT64_MAX;
	int paged;

	r->n = UINT64_MAX;
	if (ctl_take_number(x, "from", nr ? nr * unit - 1 : 0, &from) < 0 ||
	    ctl_take_number(x, "count", UINT64_MAX, &r->n) < 0 ||
	    ctl_take_number(x, "cells", CELLS_MAX, &cells) < 0)
		return -1;
	paged = ctl_take_number(x, "page", CELLS_MAX, &page);
	if (paged < 0)
		return -1;
	if (!cells || !page || !r->n) {
		ctl_refuse(x, "%s: must not be 0", !r->n ? "count" : cells ? "page" : "cells");
		return -1;
	}
	r->first = from / unit;
	if (r->n > nr - r->first)
		r->n = nr - r->first;
	if (r->n > page)
		r->n = page;
	r->per_cell = paged && r->n ? (r->n - 1) / cells + 1 : 1;
	return 0;
}

/* ---- Asymmetric Namespace Access: its states as nvme-cli names them ---- */

static const struct {
	enum sim_ana_state state;
	const char *name;
} ana_names[] = {
	{ SIM_ANA_OPTIMIZED, "optimized" },
	{ SIM_ANA_NON_OPTIMIZED, "non-optimized" },
	{ SIM_ANA_INACCESSIBLE, "inaccessible" },
	{ SIM_ANA_PERSISTENT_LOSS, "persistent-loss" },
	{ SIM_ANA_CHANGE, "change" },
};

#define NR_ANA (sizeof(ana_names) / sizeof(ana_names[0]))

/* Return: NULL for what is none */
static const char *ana_name(int state)
{
	for (size_t i = 0; i < NR_ANA; i++)
		if ((int)ana_names[i].state == state)
			return ana_names[i].name;
	return NULL;
}

/* ---- list, show ---- */

static void describe_ctrl(struct json_object *o, const struct dmn_node *n)
{
	struct host_info info = { 0 };

	host_dev_info(n->ref.dev, &info);
	ctl_put_string(o, "kind", "controller");
	ctl_put_string(o, "serial", info.sn);
	ctl_put_string(o, "model", info.mn);
	ctl_put_string(o, "firmware", info.fr);
	ctl_put_string(o, "subnqn", info.subnqn);
	ctl_put_number(o, "cntlid", info.cntlid);
	ctl_put_string(o, "state", info.state);
	ctl_put_number(o, "io_queues", info.nr_io_queues);
}

static void describe_ns(struct json_object *o, struct dmn_machine *m, const struct dmn_node *n)
{
	struct host_ns_info info = { 0 };
	const char *ana = ana_name(dmn_ana_get(m, n));

	ctl_put_string(o, "kind", "namespace");
	ctl_put_number(o, "nsid", n->ref.nsid);
	if (host_ns_info(n->ref.dev, n->ref.nsid, &info))
		return; /* it is going away: its node follows */
	ctl_put_number(o, "blocks", info.nsze);
	ctl_put_number(o, "used_blocks", info.nuse);
	ctl_put_number(o, "block_size", info.lba_size);
	ctl_put_number(o, "metadata_size", info.meta_size);
	ctl_put_number(o, "lba_format", info.lbaf);
	if (info.meta_size)
		ctl_put_string(o, "metadata", info.extended ? "extended" : "separate");
	ctl_put_number(o, "pi_type", info.pi_type);
	if (info.pi_type) {
		ctl_put_number(o, "pi_size", info.pi_size);
		ctl_put_string(o, "pi_place", info.pi_first ? "first" : "last");
	}
	ctl_put_number(o, "csi", info.csi);
	ctl_put_bool(o, "shared", info.shared);
	if (ana)
		ctl_put_string(o, "ana", ana);
}

static struct json_object *describe(struct dmn_machine *m, const struct dmn_node *n)
{
	struct json_object *o = json_object_new_object();
	char mode[8];

	if (!o)
		return NULL;
	ctl_put_string(o, "node", n->name);
	if (n->ref.nsid) {
		describe_ns(o, m, n);
		for (struct dmn_node *p = dmn_machine_nodes(m); p; p = p->next)
			if (p->ref.dev == n->ref.dev && !p->ref.nsid)
				ctl_put_string(o, "controller", p->name);
	} else {
		describe_ctrl(o, n);
	}
	snprintf(mode, sizeof(mode), "%04o", (unsigned int)n->mode & 07777);
	ctl_put_string(o, "mode", mode);
	return o;
}

static struct json_object *cmd_list(struct ctl_ctx *x)
{
	struct json_object *list = json_object_new_array();

	if (!list)
		return ctl_refuse(x, "out of memory");
	for (struct dmn_node *n = dmn_machine_nodes(x->c->m); n; n = n->next)
		json_object_array_add(list, describe(x->c->m, n));
	return list;
}

static struct json_object *show_daemon(struct ctl_ctx *x)
{
	struct json_object *o = json_object_new_object();
	unsigned int ctrls = 0, nss = 0;

	if (!o)
		return ctl_refuse(x, "out of memory");
	for (struct dmn_node *n = dmn_machine_nodes(x->c->m); n; n = n->next)
		*(n->ref.nsid ? &nss : &ctrls) += 1;
	ctl_put_string(o, "version", NVMESIM_VERSION);
	ctl_put_number(o, "pid", getpid());
	ctl_put_string(o, "door", x->c->door);
	ctl_put_string(o, "socket", x->c->path);
	ctl_put_number(o, "controllers", ctrls);
	ctl_put_number(o, "namespaces", nss);
	return o;
}

struct dmn_node *ctl_find_node(struct ctl_ctx *x, struct json_object *name)
{
	struct dmn_node *node;

	if (!json_object_is_type(name, json_type_string)) {
		ctl_refuse(x, "\"node\" must be a string");
		return NULL;
	}
	node = dmn_machine_find(x->c->m, json_object_get_string(name));
	if (!node)
		ctl_refuse(x, "there is no node '%s'", json_object_get_string(name));
	return node;
}

/* a namespace's nodes behind all controllers it is attached to */
static void show_paths(struct json_object *o, struct dmn_machine *m, const struct dmn_node *ns)
{
	struct json_object *list = json_object_new_array();

	for (struct dmn_node *n = dmn_machine_nodes(m); n && list; n = n->next)
		if (n->ref.nsid == ns->ref.nsid && dmn_same_subsys(m, n, ns))
			json_object_array_add(list, json_object_new_string(n->name));
	json_object_object_add(o, "paths", list);
}

/* a controller's namespaces, and those of its subsystem that are attached or not */
static void show_contents(struct json_object *o, struct dmn_machine *m, const struct dmn_node *ctrl)
{
	struct json_object *list = json_object_new_array();
	struct host_space *space;

	for (struct dmn_node *n = dmn_machine_nodes(m); n && list; n = n->next)
		if (n->ref.dev == ctrl->ref.dev && n->ref.nsid)
			json_object_array_add(list, json_object_new_string(n->name));
	json_object_object_add(o, "namespaces", list);

	space = malloc(sizeof(*space));
	if (space && !host_dev_space(ctrl->ref.dev, space)) {
		list = json_object_new_array();
		for (unsigned int i = 0; i < space->nr_nsids && list; i++)
			json_object_array_add(list, json_object_new_int64(space->nsids[i]));
		json_object_object_add(o, "allocated_nsids", list);
		ctl_put_number(o, "max_namespaces", space->nn);
		ctl_put_number(o, "capacity", space->total);
		ctl_put_number(o, "unallocated_capacity", space->unallocated);
	}
	free(space);
}

static struct json_object *cmd_show(struct ctl_ctx *x)
{
	struct json_object *name, *o;
	struct dmn_node *node;

	if (!json_object_object_get_ex(x->request, "node", &name))
		return show_daemon(x);
	node = ctl_find_node(x, name);
	if (!node)
		return NULL;
	o = describe(x->c->m, node);
	if (!o)
		return ctl_refuse(x, "out of memory");
	if (node->ref.nsid)
		show_paths(o, x->c->m, node);
	else
		show_contents(o, x->c->m, node);
	return o;
}

/* ---- ana ---- */

/* Return: 0, or -1 with a sentence */
static int ana_set(struct ctl_ctx *x, const struct dmn_node *node, struct json_object *state)
{
	const char *name = json_object_get_string(state);

	for (size_t i = 0; i < NR_ANA && json_object_is_type(state, json_type_string); i++) {
		int err;

		if (strcmp(ana_names[i].name, name))
			continue;
		err = dmn_ana_set(x->c->m, node, ana_names[i].state);
		if (err)
			ctl_refuse(
				x,
				err == SIM_ENOENT
					? "there is no namespace behind '%s'"
					: "the subsystem of '%s' does not report asymmetric "
					  "namespace access: it was not configured as a subsystem "
					  "of its own",
				node->name);
		return err ? -1 : 0;
	}
	ctl_refuse(x,
		   "'%.40s' is no state; allowed: optimized, non-optimized, inaccessible, "
		   "persistent-loss, change",
		   name ? name : "null");
	return -1;
}

static struct json_object *cmd_ana(struct ctl_ctx *x)
{
	struct json_object *name, *state, *list;
	struct dmn_machine *m = x->c->m;
	struct dmn_node *node = NULL;

	if (json_object_object_get_ex(x->request, "node", &name)) {
		node = ctl_find_node(x, name);
		if (!node)
			return NULL;
	}
	if (json_object_object_get_ex(x->request, "state", &state)) {
		if (!node)
			return ctl_refuse(x, "ana: of which \"node\"?");
		if (ana_set(x, node, state))
			return NULL;
	}
	list = json_object_new_array();
	for (struct dmn_node *n = dmn_machine_nodes(m); n && list; n = n->next) {
		const char *ana = n->ref.nsid ? ana_name(dmn_ana_get(m, n)) : NULL;
		struct json_object *o;

		if (!ana || (node && node != n && (node->ref.nsid || node->ref.dev != n->ref.dev)))
			continue;
		o = json_object_new_object();
		ctl_put_string(o, "node", n->name);
		ctl_put_number(o, "nsid", n->ref.nsid);
		ctl_put_string(o, "state", ana);
		json_object_array_add(list, o);
	}
	return list ? list : ctl_refuse(x, "out of memory");
}

/* ---- stop, attach ---- */

static struct json_object *cmd_stop(struct ctl_ctx *x)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return ctl_refuse(x, "out of memory");
	ctl_put_number(o, "pid", getpid());
	x->c->stop = true;
	return o;
}

static struct json_object *cmd_attach(struct ctl_ctx *x)
{
	struct json_object *pid, *o;
	int fd = *x->passed;

	if (!x->c->attach)
		return ctl_refuse(x, "attach: this daemon serves no programs");
	if (!json_object_object_get_ex(x->request, "pid", &pid) ||
	    !json_object_is_type(pid, json_type_int) || json_object_get_int64(pid) <= 0 ||
	    json_object_get_int64(pid) > INT32_MAX)
		return ctl_refuse(x, "attach: \"pid\" must be a process id");
	if (fd < 0)
		return ctl_refuse(x, "attach: no descriptor came with the request");
	o = json_object_new_object();
	if (!o)
		return ctl_refuse(x, "out of memory");
	*x->passed = -1;
	if (x->c->attach(x->c->attach_arg, fd, json_object_get_int(pid), x->error,
			 sizeof(x->error))) {
		json_object_put(o);
		return NULL;
	}
	ctl_put_number(o, "pid", getpid());
	return o;
}

/* ---- the table ---- */

static struct json_object *cmd_help(struct ctl_ctx *x);

static const struct ctl_row rows[] = {
	{ "list", "", "every node", cmd_list },
	{ "show", "[node]", "the daemon, or one node", cmd_show },
	{ "ana", "[node [state]]", "show or set the access state of namespaces", cmd_ana },
	{ "fdp", "[node] [from] [count] [cells | page]",
	  "flexible data placement: handles, reclaim units, write amplification", ctl_cmd_fdp },
	{ "zones", "node [from] [count] [cells | page]", "the zones of a zoned namespace",
	  ctl_cmd_zones },
	{ "zone", "action node zslba", "let something happen to a zone", ctl_cmd_zone },
	{ "pci", "[action [function] [value]]",
	  "PCI functions; bind, unbind, reset, vfs, override, remove, rescan", ctl_cmd_pci },
	{ "hotplug", "action word [word2] [word3]",
	  "add a controller as on a command line; remove or unplug one", ctl_cmd_hotplug },
	{ "set", "node [key value]", "show or set what can be changed while it runs", ctl_cmd_set },
	{ "stop", "", "end the daemon; its nodes vanish", cmd_stop },
	{ "attach", "pid", "serve the program whose seccomp listener is passed along", cmd_attach },
	{ "help", "", "the commands", cmd_help },
};

static struct json_object *cmd_help(struct ctl_ctx *x)
{
	struct json_object *list = json_object_new_array();

	if (!list)
		return ctl_refuse(x, "out of memory");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_object *o = json_object_new_object();

		ctl_put_string(o, "cmd", rows[i].name);
		ctl_put_string(o, "arguments", rows[i].args);
		ctl_put_string(o, "help", rows[i].help);
		json_object_array_add(list, o);
	}
	return list;
}

static const struct ctl_row *row_find(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

struct json_object *ctl_failure(const char *text)
{
	struct json_object *o = json_object_new_object();

	if (o) {
		json_object_object_add(o, "ok", json_object_new_boolean(false));
		ctl_put_string(o, "error", text);
	}
	return o;
}

struct json_object *ctl_command(struct dmn_control *c, struct json_object *request, int *passed)
{
	struct ctl_ctx x = { .c = c, .request = request, .passed = passed };
	struct json_object *cmd, *result, *answer;
	const struct ctl_row *row;

	if (!json_object_is_type(request, json_type_object) ||
	    !json_object_object_get_ex(request, "cmd", &cmd) ||
	    !json_object_is_type(cmd, json_type_string))
		return ctl_failure("a request is an object with a string \"cmd\"");
	row = row_find(json_object_get_string(cmd));
	if (!row) {
		snprintf(x.error, sizeof(x.error), "there is no command '%.64s'; see help",
			 json_object_get_string(cmd));
		return ctl_failure(x.error);
	}
	result = row->run(&x);
	if (!result)
		return ctl_failure(x.error);
	answer = json_object_new_object();
	if (!answer) {
		json_object_put(result);
		return NULL;
	}
	json_object_object_add(answer, "ok", json_object_new_boolean(true));
	json_object_object_add(answer, "result", result);
	return answer;
}
