/* SPDX-License-Identifier: MIT */
/*
 * cmd_fdp.c - Flexible Data Placement over the control socket: handles, reclaim units, and write
 * amplification over time.
 *
 * There may be a million reclaim units and an answer is one line: they are counted in cells, as
 * many as the client asks for, or come page by page.
 */
#include <stdlib.h>
#include <string.h>

#include "control.h"

#define PAGE	      1024 /* units or handles fetched at once */
#define NO_HANDLE     0xffff

static const char *const state_names[] = { "free", "open", "written" };
static const char *const use_names[] = { "unused", "host", "controller" };

/** struct tally - of some reclaim units; bytes
 * @ruhid: of all that are not free, else %NO_HANDLE; @any: there is one */
struct tally {
	uint64_t units, states[3], valid, written;
	uint16_t ruhid;
	bool any;
};

static void count(struct tally *t, const struct sim_fdp_ru *ru)
{
	t->units++;
	t->states[ru->state]++;
	t->valid += ru->valid;
	t->written += ru->written;
	if (!ru->state)
		return;
	t->ruhid = !t->any || t->ruhid == ru->ruhid ? ru->ruhid : NO_HANDLE;
	t->any = true;
}

static struct json_object *cell_object(uint64_t first, const struct tally *t)
{
	struct json_object *o = json_object_new_object();

	ctl_put_number(o, "unit", first);
	ctl_put_number(o, "units", t->units);
	for (unsigned int i = 0; i < 3; i++)
		if (t->states[i])
			ctl_put_number(o, state_names[i], t->states[i]);
	if (t->any && t->ruhid != NO_HANDLE)
		ctl_put_number(o, "ruhid", t->ruhid);
	ctl_put_number(o, "valid", t->valid);
	ctl_put_number(o, "used", t->written);
	return o;
}

static struct json_object *unit_object(uint64_t unit, const struct sim_fdp_ru *ru)
{
	struct json_object *o = json_object_new_object();

	ctl_put_number(o, "unit", unit);
	ctl_put_number(o, "rg", ru->rg);
	ctl_put_string(o, "state", state_names[ru->state]);
	if (ru->ruhid != NO_HANDLE)
		ctl_put_number(o, "ruhid", ru->ruhid);
	ctl_put_number(o, "valid", ru->valid);
	ctl_put_number(o, "used", ru->written);
	return o;
}

static struct json_object *units(struct ctl_ctx *x, const struct dmn_node *node,
				 const struct ctl_range *r, struct sim_fdp_ru *page)
{
	struct json_object *list = json_object_new_array();
	struct tally cell = { 0 };
	int64_t got = 1;

	for (uint64_t done = 0; done < r->n && got > 0; done += (uint64_t)got) {
		uint64_t want = r->n - done < PAGE ? r->n - done : PAGE;

		got = dmn_fdp_rus(x->c->m, node, r->first + done, want, page);
		for (int64_t i = 0; i < got; i++) {
			uint64_t unit = r->first + done + (uint64_t)i;

			if (r->per_cell == 1) {
				json_object_array_add(list, unit_object(unit, &page[i]));
				continue;
			}
			count(&cell, &page[i]);
			if (cell.units < r->per_cell && unit + 1 < r->first + r->n)
				continue;
			json_object_array_add(list, cell_object(unit + 1 - cell.units, &cell));
			memset(&cell, 0, sizeof(cell));
		}
	}
	return list;
}

static struct json_object *handles(struct ctl_ctx *x, const struct dmn_node *node)
{
	struct json_object *list = json_object_new_array();
	struct sim_fdp_ruh ruh[64];
	int64_t got;

	for (uint64_t done = 0;; done += (uint64_t)got) {
		got = dmn_fdp_ruhs(x->c->m, node, done, 64, ruh);
		if (got <= 0)
			return list;
		for (int64_t i = 0; i < got; i++) {
			struct json_object *o = json_object_new_object();

			ctl_put_number(o, "ruhid", ruh[i].ruhid);
			ctl_put_number(o, "rg", ruh[i].rg);
			ctl_put_string(o, "use", use_names[ruh[i].ruha <= 2 ? ruh[i].ruha : 0]);
			ctl_put_number(o, "available", ruh[i].ruamw);
			ctl_put_number(o, "host_bytes", ruh[i].hosted);
			json_object_array_add(list, o);
		}
	}
}

static struct json_object *history(struct ctl_ctx *x, const struct dmn_node *node)
{
	struct json_object *list = json_object_new_array();
	struct sim_fdp_sample sample[SIM_FDP_HISTORY];
	int64_t n = dmn_fdp_history(x->c->m, node, SIM_FDP_HISTORY, sample);

	for (int64_t i = 0; i < n; i++) {
		struct json_object *pair = json_object_new_array();

		json_object_array_add(pair, json_object_new_uint64(sample[i].hbmw));
		json_object_array_add(pair, json_object_new_uint64(sample[i].mbmw));
		json_object_array_add(list, pair);
	}
	return list;
}

/* the request's "node", or the first one whose subsystem has FDP. Return: NULL with a sentence */
static struct dmn_node *find(struct ctl_ctx *x, struct sim_fdp_info *info)
{
	struct json_object *name;
	struct dmn_node *node;

	if (json_object_object_get_ex(x->request, "node", &name)) {
		node = ctl_find_node(x, name);
		if (node && dmn_fdp_info(x->c->m, node, info)) {
			ctl_refuse(x,
				   "the subsystem of '%s' has no flexible data placement "
				   "(fdp=on)",
				   node->name);
			node = NULL;
		}
		return node;
	}
	for (node = dmn_machine_nodes(x->c->m); node; node = node->next)
		if (!dmn_fdp_info(x->c->m, node, info))
			return node;
	ctl_refuse(x, "no subsystem has flexible data placement (fdp=on)");
	return NULL;
}

struct json_object *ctl_cmd_fdp(struct ctl_ctx *x)
{
	struct sim_fdp_ru *page = malloc(PAGE * sizeof(*page));
	struct json_object *o = NULL;
	struct sim_fdp_info info = { 0 };
	struct dmn_node *node;
	struct ctl_range r = { 0 };

	node = page ? find(x, &info) : NULL;
	if (!page)
		ctl_refuse(x, "out of memory");
	if (!node || ctl_take_range(x, info.nr_ru, 1, &r))
		goto out;
	o = json_object_new_object();
	ctl_put_string(o, "node", node->name);
	ctl_put_bool(o, "enabled", info.enabled);
	ctl_put_number(o, "reclaim_unit", info.runs);
	ctl_put_number(o, "reclaim_groups", info.nrg);
	ctl_put_number(o, "nr_handles", info.nruh);
	ctl_put_number(o, "host_bytes", info.hbmw);
	ctl_put_number(o, "media_bytes", info.mbmw);
	ctl_put_number(o, "erased_bytes", info.mbe);
	if (info.hbmw)
		json_object_object_add(
			o, "write_amplification",
			json_object_new_double((double)info.mbmw / (double)info.hbmw));
	ctl_put_number(o, "collections", info.collections);
	ctl_put_number(o, "moved_bytes", info.moved);
	ctl_put_number(o, "nr_units", info.nr_ru);
	ctl_put_number(o, "free_units", info.nr_free);
	ctl_put_number(o, "from", r.first);
	ctl_put_number(o, "count", r.n);
	ctl_put_number(o, "units_per_cell", r.per_cell);
	json_object_object_add(o, "handles", handles(x, node));
	json_object_object_add(o, "history", history(x, node));
	json_object_object_add(o, "units", units(x, node, &r, page));
out:
	free(page);
	return o;
}
