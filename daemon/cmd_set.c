/* SPDX-License-Identifier: MIT */
/*
 * cmd_set.c - what can be changed of a drive while it runs: one row per key.
 */
#include <string.h>

#include "control.h"

/**
 * struct set_row - a key, of a controller
 * @set: Return: 0, or a negative enum sim_err: @refused is then why
 */
static const struct set_row {
	const char *key;
	uint64_t max;
	int (*set)(struct sim_fn *fn, uint8_t value);
	uint8_t (*get)(struct sim_fn *fn);
	const char *refused;
} rows[] = {
	{ "smart_critical_warning", UINT8_MAX, sim_smart_warn, sim_smart_warned,
	  "unsupported smart critical warning bits; allowed: 0x1f, with a Persistent Memory Region "
	  "0x3f" },
};

#define NR_ROWS (sizeof(rows) / sizeof(rows[0]))

/* Return: 0, or -1 with a sentence */
static int set_one(struct ctl_ctx *x, struct sim_fn *fn, struct json_object *key)
{
	const char *name = json_object_get_string(key);
	uint64_t value;
	int ret;

	for (size_t i = 0; i < NR_ROWS; i++) {
		if (!json_object_is_type(key, json_type_string) || strcmp(rows[i].key, name))
			continue;
		ret = ctl_take_number(x, "value", rows[i].max, &value);
		if (ret > 0)
			ctl_refuse(x, "set: %s to which \"value\"?", name);
		if (ret)
			return -1;
		if (!rows[i].set(fn, (uint8_t)value))
			return 0;
		ctl_refuse(x, "%s: %s", name, rows[i].refused);
		return -1;
	}
	ctl_refuse(x, "'%.40s' cannot be set; allowed: %s", name ? name : "null", rows[0].key);
	return -1;
}

struct json_object *ctl_cmd_set(struct ctl_ctx *x)
{
	struct json_object *name = NULL, *key, *o;
	struct dmn_node *node;

	json_object_object_get_ex(x->request, "node", &name);
	if (!name)
		return ctl_refuse(x, "set: of which \"node\"?");
	node = ctl_find_node(x, name);
	if (!node)
		return NULL;
	if (node->ref.nsid)
		return ctl_refuse(x, "'%s' is a namespace; what can be set is a controller's",
				  node->name);
	if (!node->fn->fn)
		return ctl_refuse(x, "'%s' is being removed", node->name);
	if (json_object_object_get_ex(x->request, "key", &key) && set_one(x, node->fn->fn, key))
		return NULL;
	o = json_object_new_object();
	if (!o)
		return ctl_refuse(x, "out of memory");
	ctl_put_string(o, "node", node->name);
	for (size_t i = 0; i < NR_ROWS; i++)
		ctl_put_number(o, rows[i].key, rows[i].get(node->fn->fn));
	return o;
}
