/* SPDX-License-Identifier: MIT */
/*
 * pci.c - PCI functions, for people.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl.h"

static void cell_vfs(struct json_object *o, char *to)
{
	if (ctl_get(o, "total_vfs"))
		snprintf(to, CTL_CELL, "%" PRIu64 "/%" PRIu64, ctl_number(o, "vfs"),
			 ctl_number(o, "total_vfs"));
}

static void cell_node(struct json_object *o, char *to)
{
	if (ctl_get(o, "node"))
		ctl_cell_node(o, to);
}

static const struct ctl_column columns[] = {
	{ "FUNCTION", "function", NULL }, { "KIND", "kind", NULL },    { "CNTLID", "cntlid", NULL },
	{ "DRIVER", "driver", NULL },	  { "NODE", NULL, cell_node }, { "VFS", NULL, cell_vfs },
	{ "STATE", "state", NULL },	  { NULL, NULL, NULL },
};

void ctl_print_pci(struct json_object *functions)
{
	ctl_table(columns, functions);
}

void ctl_print_function(struct json_object *function)
{
	struct json_object *list = json_object_new_array();

	json_object_array_add(list, json_object_get(function));
	ctl_table(columns, list);
	json_object_put(list);
}
