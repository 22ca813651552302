/* SPDX-License-Identifier: MIT */
/*
 * cmd_zones.c - zoned namespaces over the control socket: the map of a namespace, and what happens
 * to a zone without a host's doing.
 *
 * A namespace may have millions of zones and an answer is one line: zones are counted in cells, as
 * many as the client asks for, or come page by page.
 */
#include <stdlib.h>
#include <string.h>

#include "control.h"

#define PAGE	      1024 /* zones fetched at once */

/* by their number in a Zone Descriptor (ZNS Command Set 1.1, figure 37) */
static const char *const state_names[] = {
	[SIM_ZS_EMPTY] = "empty",
	[SIM_ZS_IMPLICIT_OPEN] = "implicitly-open",
	[SIM_ZS_EXPLICIT_OPEN] = "explicitly-open",
	[SIM_ZS_CLOSED] = "closed",
	[SIM_ZS_READ_ONLY] = "read-only",
	[SIM_ZS_FULL] = "full",
	[SIM_ZS_OFFLINE] = "offline",
};

#define NR_STATES (sizeof(state_names) / sizeof(state_names[0]))

/* by their bit in Zone Attributes */
static const char *const attr_names[8] = {
	[0] = "finished-by-controller",
	[1] = "finish-recommended",
	[2] = "reset-recommended",
	[3] = "zrwa",
	[7] = "extension",
};

static const struct {
	enum sim_zone_act act;
	const char *name;
} act_names[] = {
	{ SIM_ZA_READ_ONLY, "read-only" },
	{ SIM_ZA_OFFLINE, "offline" },
	{ SIM_ZA_FINISH, "finish" },
	{ SIM_ZA_FINISH_RECOMMENDED, "recommend-finish" },
	{ SIM_ZA_RESET_RECOMMENDED, "recommend-reset" },
	{ SIM_ZA_CLEAR, "clear" },
};

/** struct tally - of some zones; @written and @capacity in logical blocks */
struct tally {
	uint64_t zones, states[NR_STATES];
	uint64_t written, capacity;
	uint8_t attrs;
};

/* blocks behind the write pointer; a state without one is Full, or says nothing */
static uint64_t written(const struct sim_zone_info *z)
{
	if (z->state == SIM_ZS_FULL)
		return z->zcap;
	return z->wp == UINT64_MAX ? 0 : z->wp - z->zslba;
}

static void count(struct tally *t, const struct sim_zone_info *z)
{
	t->zones++;
	t->states[z->state]++;
	t->written += written(z);
	t->capacity += z->zcap;
	t->attrs |= z->attrs;
}

static void put_attrs(struct json_object *o, uint8_t attrs)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < 8 && list; i++)
		if (attrs & 1u << i && attr_names[i])
			json_object_array_add(list, json_object_new_string(attr_names[i]));
	json_object_object_add(o, "attributes", list);
}

static void put_tally(struct json_object *o, const struct tally *t)
{
	struct json_object *states = json_object_new_object();

	for (unsigned int i = 0; i < NR_STATES && states; i++)
		if (t->states[i])
			ctl_put_number(states, state_names[i], t->states[i]);
	json_object_object_add(o, "states", states);
	ctl_put_number(o, "written", t->written);
	ctl_put_number(o, "capacity", t->capacity);
	put_attrs(o, t->attrs);
}

static struct json_object *zone_object(const struct sim_zone_info *z)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	ctl_put_number(o, "zslba", z->zslba);
	ctl_put_string(o, "state", state_names[z->state]);
	if (z->wp != UINT64_MAX)
		ctl_put_number(o, "wp", z->wp);
	ctl_put_number(o, "written", written(z));
	ctl_put_number(o, "capacity", z->zcap);
	put_attrs(o, z->attrs);
	return o;
}

/* the zoned namespace that the request's "node" is. Return: NULL with a sentence */
static struct dmn_node *find_zoned(struct ctl_ctx *x, struct sim_zones_info *info)
{
	struct json_object *name;
	struct dmn_node *node;

	if (!json_object_object_get_ex(x->request, "node", &name)) {
		ctl_refuse(x, "of which \"node\"?");
		return NULL;
	}
	node = ctl_find_node(x, name);
	if (node && dmn_zones_info(x->c->m, node, info)) {
		ctl_refuse(x, "'%s' is no zoned namespace", node->name);
		return NULL;
	}
	return node;
}

/* adds every zone of @r to @total, and a cell for each @r->per_cell of them to @cells
 * Return: 0, or -1 with a sentence */
static int walk(struct ctl_ctx *x, struct dmn_node *node, const struct ctl_range *r,
		struct sim_zone_info *page, struct json_object *cells, struct tally *total)
{
	struct json_object *o = NULL;
	struct tally cell = { 0 };

	for (uint64_t done = 0; done < r->n;) {
		uint64_t want = r->n - done < PAGE ? r->n - done : PAGE;
		int64_t got = dmn_zones_get(x->c->m, node, r->first + done, want, page);

		if (got <= 0) {
			ctl_refuse(x, "'%s' is going away", node->name);
			return -1;
		}
		for (int64_t i = 0; i < got; i++) {
			count(total, &page[i]);
			if (r->per_cell == 1) {
				json_object_array_add(cells, zone_object(&page[i]));
				continue;
			}
			if (!cell.zones) {
				o = json_object_new_object();
				ctl_put_number(o, "zslba", page[i].zslba);
				json_object_array_add(cells, o);
			}
			count(&cell, &page[i]);
			if (cell.zones == r->per_cell || total->zones == r->n) {
				ctl_put_number(o, "zones", cell.zones);
				put_tally(o, &cell);
				memset(&cell, 0, sizeof(cell));
			}
		}
		done += (uint64_t)got;
	}
	return 0;
}

static void put_info(struct json_object *o, const struct dmn_node *node,
		     const struct sim_zones_info *info)
{
	ctl_put_string(o, "node", node->name);
	ctl_put_number(o, "nsid", node->ref.nsid);
	ctl_put_number(o, "nr_zones", info->nr_zones);
	ctl_put_number(o, "block_size", info->block_size);
	ctl_put_number(o, "zone_size", info->zsze);
	ctl_put_number(o, "zone_capacity", info->zcap);
	ctl_put_number(o, "descr_ext_size", info->zdes);
	ctl_put_number(o, "active", info->nr_active);
	ctl_put_number(o, "max_active", info->max_active);
	ctl_put_number(o, "open", info->nr_open);
	ctl_put_number(o, "max_open", info->max_open);
	if (!info->zrwas)
		return;
	ctl_put_number(o, "zrwas", info->zrwas);
	ctl_put_number(o, "zrwafg", info->zrwafg);
	ctl_put_number(o, "zrwa", info->nr_zrwa);
	ctl_put_number(o, "max_zrwa", info->numzrwa);
}

struct json_object *ctl_cmd_zones(struct ctl_ctx *x)
{
	struct sim_zone_info *page = malloc(PAGE * sizeof(*page));
	struct json_object *o = NULL, *cells;
	struct sim_zones_info info = { 0 };
	struct tally total = { 0 };
	struct dmn_node *node;
	struct ctl_range r = { 0 };

	node = page ? find_zoned(x, &info) : NULL;
	if (!page)
		ctl_refuse(x, "out of memory");
	if (!node || ctl_take_range(x, info.nr_zones, info.zsze, &r))
		goto out;
	o = json_object_new_object();
	cells = json_object_new_array();
	put_info(o, node, &info);
	ctl_put_number(o, "from", r.first * info.zsze);
	ctl_put_number(o, "count", r.n);
	ctl_put_number(o, "zones_per_cell", r.per_cell);
	if (walk(x, node, &r, page, cells, &total)) {
		json_object_put(cells);
		json_object_put(o);
		o = NULL;
		goto out;
	}
	put_tally(o, &total);
	json_object_object_add(o, "cells", cells);
out:
	free(page);
	return o;
}

/* ---- zone ---- */

/* Return: the row's number, or -1 with a sentence */
static int take_act(struct ctl_ctx *x)
{
	struct json_object *action = NULL;
	const char *name;

	json_object_object_get_ex(x->request, "action", &action);
	name = json_object_is_type(action, json_type_string) ? json_object_get_string(action)
							     : "nothing";
	for (size_t i = 0; i < sizeof(act_names) / sizeof(act_names[0]); i++)
		if (!strcmp(act_names[i].name, name))
			return (int)i;
	ctl_refuse(x,
		   "'%.40s' is nothing that can happen to a zone; allowed: read-only, offline, "
		   "finish, recommend-finish, recommend-reset, clear",
		   name);
	return -1;
}

struct json_object *ctl_cmd_zone(struct ctl_ctx *x)
{
	struct sim_zones_info info = { 0 };
	struct sim_zone_info zone;
	struct sim_msg msg = { "" };
	struct json_object *o;
	struct dmn_node *node;
	int act = take_act(x);
	uint64_t zslba;
	int ret;

	if (act < 0)
		return NULL;
	node = find_zoned(x, &info);
	if (!node)
		return NULL;
	ret = ctl_take_number(x, "zslba", UINT64_MAX, &zslba);
	if (ret)
		return ret < 0 ? NULL
			       : ctl_refuse(x, "to which zone? its first block is \"zslba\"");
	if (dmn_zone_act(x->c->m, node, zslba, act_names[act].act, &msg))
		return ctl_refuse(x, "%s", msg.text);
	if (dmn_zones_get(x->c->m, node, zslba / info.zsze, 1, &zone) != 1)
		return ctl_refuse(x, "'%s' is going away", node->name);
	o = zone_object(&zone);
	return o ? o : ctl_refuse(x, "out of memory");
}
