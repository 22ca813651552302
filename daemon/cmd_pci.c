/* SPDX-License-Identifier: MIT */
/*
 * cmd_pci.c - PCI functions over the control socket: what there is, what /sys can do to them, and
 * plugging controllers in and pulling them out.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control.h"

#define EXT_CAP_SRIOV	0x10
#define SRIOV_TOTAL_VFS 0x0e
#define HOT_WORDS	3

static const char *text_of(struct ctl_ctx *x, const char *key)
{
	struct json_object *o;

	if (!json_object_object_get_ex(x->request, key, &o) ||
	    !json_object_is_type(o, json_type_string))
		return NULL;
	return json_object_get_string(o);
}

static const struct dmn_node *node_of(struct dmn_machine *m, const struct dmn_fn *f)
{
	for (struct dmn_node *n = dmn_machine_nodes(m); n; n = n->next)
		if (n->fn == f && !n->ref.nsid)
			return n;
	return NULL;
}

static struct json_object *describe(struct dmn_machine *m, struct dmn_fn *f)
{
	struct json_object *o = json_object_new_object();
	const struct dmn_node *n = node_of(m, f);
	uint32_t sriov = f->pf ? 0 : dmn_fn_cap(f, true, EXT_CAP_SRIOV);
	struct host_info info;

	if (!o)
		return NULL;
	ctl_put_string(o, "function", f->name);
	ctl_put_string(o, "kind", f->pf ? "virtual" : "physical");
	if (f->pf)
		ctl_put_string(o, "physfn", f->pf->name);
	ctl_put_number(o, "cntlid", sim_fn_cntlid(f->fn));
	ctl_put_string(o, "driver", f->bound ? "nvme" : "");
	if (f->override)
		ctl_put_string(o, "driver_override", f->override);
	if (n)
		ctl_put_string(o, "node", n->name);
	if (sriov) {
		ctl_put_number(o, "vfs", sim_fn_nr_vfs(f->fn));
		ctl_put_number(o, "total_vfs", sim_cfg_read(f->fn, sriov + SRIOV_TOTAL_VFS, 2));
	}
	if (f->bound) {
		host_dev_info(f->dev, &info);
		ctl_put_string(o, "state", info.state);
	}
	return o;
}

/* those on their buses; @only: that one. NULL: all */
static struct json_object *list(struct ctl_ctx *x, const struct dmn_fn *only)
{
	struct json_object *all = json_object_new_array();

	if (!all)
		return ctl_refuse(x, "out of memory");
	for (struct dmn_fn *f = dmn_fns(x->c->m); f; f = f->next)
		if (f->present && (!only || f == only))
			json_object_array_add(all, describe(x->c->m, f));
	return all;
}

/* a function by its address, or by a node of its controller. Return: NULL with a sentence */
static struct dmn_fn *find(struct ctl_ctx *x, const char *name)
{
	struct dmn_machine *m = x->c->m;
	struct dmn_node *n;
	char full[32];
	struct dmn_fn *f;

	if (!name) {
		ctl_refuse(x, "of which function? As 0000:01:00.0, or a node");
		return NULL;
	}
	f = dmn_fn_find(m, name);
	snprintf(full, sizeof(full), "0000:%.20s", name);
	if (!f)
		f = dmn_fn_find(m, full);
	n = f ? NULL : dmn_machine_find(m, strncmp(name, "/dev/", 5) ? name : name + 5);
	if (!f && !n)
		ctl_refuse(x, "there is no function or node '%.64s'", name);
	return f ? f : n ? n->fn : NULL;
}

/* ---- pci: the actions, a row each ---- */

static int act_vfs(struct dmn_fn *f, uint64_t value, const char *text, struct sim_msg *why)
{
	return dmn_fn_set_vfs(f, (unsigned int)value);
}

static int act_bind(struct dmn_fn *f, uint64_t value, const char *text, struct sim_msg *why)
{
	return dmn_fn_bind(f, why);
}

static int act_unbind(struct dmn_fn *f, uint64_t value, const char *text, struct sim_msg *why)
{
	return dmn_fn_unbind(f);
}

static int act_reset(struct dmn_fn *f, uint64_t value, const char *text, struct sim_msg *why)
{
	return dmn_fn_reset(f);
}

static int act_remove(struct dmn_fn *f, uint64_t value, const char *text, struct sim_msg *why)
{
	return dmn_fn_take_off(f);
}

static int act_override(struct dmn_fn *f, uint64_t value, const char *text, struct sim_msg *why)
{
	return dmn_fn_override(f, text ? text : "");
}

static const struct action {
	const char *name;
	bool number;
	int (*act)(struct dmn_fn *f, uint64_t value, const char *text, struct sim_msg *why);
} actions[] = {
	{ "bind", false, act_bind },	     { "unbind", false, act_unbind },
	{ "reset", false, act_reset },	     { "vfs", true, act_vfs },
	{ "override", false, act_override }, { "remove", false, act_remove },
};

static const struct {
	int err;
	const char *why;
} reasons[] = {
	{ -EBUSY,
	  "it is in use: a driver has it, or other virtual functions are enabled (first 0)" },
	{ -ENODEV, "the driver cannot have it, or does not have it" },
	{ -ENOENT, "it has no virtual functions, or no driver" },
	{ -ERANGE, "it has fewer virtual functions" },
	{ -ENOTTY, "it cannot be reset" },
	{ -EINVAL, "that goes with a physical function only" },
};

static struct json_object *refuse_errno(struct ctl_ctx *x, const char *action, const char *name,
					int err)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].err == err)
			return ctl_refuse(x, "%s %s: %s", action, name, reasons[i].why);
	return ctl_refuse(x, "%s %s: %s", action, name, strerror(-err));
}

struct json_object *ctl_cmd_pci(struct ctl_ctx *x)
{
	const char *name = text_of(x, "action");
	const struct action *a = NULL;
	struct sim_msg why = { "" };
	uint64_t value = 0;
	struct dmn_fn *f;
	char who[16];
	int err;

	if (!name)
		return list(x, NULL);
	if (!strcmp(name, "rescan")) {
		dmn_rescan(x->c->m);
		return list(x, NULL);
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(actions[i].name, name))
			a = &actions[i];
	if (!a)
		return ctl_refuse(
			x,
			"'%.40s' is no action; allowed: bind, unbind, reset, vfs, override, "
			"remove, rescan",
			name);
	f = find(x, text_of(x, "function"));
	if (!f)
		return NULL;
	if (a->number) {
		err = ctl_take_number(x, "value", UINT16_MAX, &value);
		if (err)
			return err > 0 ? ctl_refuse(x, "%s: how many?", name) : NULL;
	}
	snprintf(who, sizeof(who), "%s", f->name);
	err = a->act(f, value, text_of(x, "value"), &why);
	if (err && why.text[0])
		return ctl_refuse(x, "%s %s: %s", name, who, why.text);
	return err ? refuse_errno(x, name, who, err) : list(x, f);
}

/* ---- hotplug ---- */

static struct json_object *hot_add(struct ctl_ctx *x)
{
	static const char *const keys[HOT_WORDS] = { "word", "word2", "word3" };
	const char *words[HOT_WORDS];
	unsigned int n = 0;
	struct dmn_fn *f;

	while (n < HOT_WORDS && (words[n] = text_of(x, keys[n])))
		n++;
	if (!n)
		return ctl_refuse(x, "add: what? As nvme,serial=X,subsys=S");
	f = dmn_hot_add(x->c->m, words, n, x->error, sizeof(x->error));
	return f ? describe(x->c->m, f) : NULL;
}

struct json_object *ctl_cmd_hotplug(struct ctl_ctx *x)
{
	const char *action = text_of(x, "action");
	struct json_object *o;
	struct dmn_fn *f;
	bool surprise;
	int err;

	if (action && !strcmp(action, "add"))
		return hot_add(x);
	surprise = action && !strcmp(action, "unplug");
	if (!action || (!surprise && strcmp(action, "remove")))
		return ctl_refuse(x, "'%.40s' is no action; allowed: add, remove, unplug",
				  action ? action : "");
	f = find(x, text_of(x, "word"));
	if (!f)
		return NULL;
	o = describe(x->c->m, f);
	err = dmn_hot_remove(f, surprise);
	if (!err)
		return o ? o : ctl_refuse(x, "out of memory");
	json_object_put(o);
	return refuse_errno(x, action, f->name, err);
}
