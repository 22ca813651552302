/* SPDX-License-Identifier: MIT */
/*
 * commands.c - what nvmesim-ctl can ask: one row per command, and the help that is made of them.
 */
#include <stdio.h>
#include <string.h>

#include "../../daemon/daemon.h"
#include "ctl.h"

static void print_stop(struct json_object *result)
{
	printf("nvmesim (process %d) has ended\n", json_object_get_int(ctl_get(result, "pid")));
}

static const struct ctl_command commands[] = {
	{.name = "list",
	 .args = "",
	 .help = "every simulated device node",
	 .watch = true,
	 .print = ctl_print_list},
	{.name = "show",
	 .args = "[NODE]",
	 .key = {"node"},
	 .help = "the daemon, or one node",
	 .watch = true,
	 .print = ctl_print_object},
	{.name = "ana",
	 .args = "[NODE [STATE]]",
	 .key = {"node", "state"},
	 .help = "the access state of namespaces (ANA): show it, or set it",
	 .note = "    STATE: optimized, non-optimized, inaccessible, persistent-loss, change;\n"
		 "    with a controller as NODE it is that of all its namespaces\n",
	 .watch = true,
	 .print = ctl_print_ana},
	{.name = "fdp",
	 .args = "[NODE]",
	 .key = {"node"},
	 .help = "flexible data placement: handles, reclaim units, write amplification",
	 .watch = true,
	 .ask = ctl_ask_fdp,
	 .more = ctl_more_fdp,
	 .print = ctl_print_fdp},
	{.name = "zones",
	 .args = "NODE [FROM [COUNT]]",
	 .key = {"node", "from", "count"},
	 .help = "the zones of a zoned namespace: a map, or a line for each",
	 .note = "    FROM: a logical block of the first one; COUNT: how many\n",
	 .watch = true,
	 .ask = ctl_ask_zones,
	 .more = ctl_more_zones,
	 .print = ctl_print_zones},
	{.name = "zone",
	 .args = "ACTION NODE ZSLBA",
	 .key = {"action", "node", "zslba"},
	 .help = "let something happen to the zone that begins there",
	 .note = "    ACTION: read-only, offline, finish, recommend-finish, recommend-reset,\n"
		 "    clear (the recommendations)\n",
	 .print = ctl_print_zone},
	{.name = "pci",
	 .args = "[ACTION [FUNCTION [VALUE]]]",
	 .key = {"action", "function", "value"},
	 .help = "PCI functions: list them, or do what /sys does to one",
	 .note = "    ACTION: bind, unbind, reset, vfs (VALUE: how many virtual functions), override\n"
		 "    (VALUE: a driver's name, none: any), remove, rescan (without FUNCTION);\n"
		 "    FUNCTION: 0000:01:00.0, or a node\n",
	 .watch = true,
	 .print = ctl_print_pci},
	{.name = "hotplug",
	 .args = "ACTION WORD...",
	 .key = {"action", "word", "word2", "word3"},
	 .help = "plug in a controller, or pull one out",
	 .note = "    add nvme,serial=X,subsys=S; add if=none,id=D,size=1G nvme,serial=X,drive=D;\n"
		 "    remove FUNCTION; unplug FUNCTION: without telling the driver before\n",
	 .print = ctl_print_function},
	{.name = "set",
	 .args = "NODE [KEY VALUE]",
	 .key = {"node", "key", "value"},
	 .help = "what can be changed while it runs: show it, or set it",
	 .note = "    KEY: smart_critical_warning (VALUE: bits of the SMART log's Critical Warning)\n",
	 .print = ctl_print_object},
	{.name = "stop",
	 .args = "",
	 .help = "end the daemon; returns when its nodes are gone",
	 .ends = true,
	 .print = print_stop},
	{.name = "help", .args = "", .help = "this text"},
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct ctl_command *ctl_find(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int width_of(const struct ctl_command *cmd)
{
	return (int)(strlen(cmd->name) + (*cmd->args ? 1 : 0) + strlen(cmd->args));
}

static void help_text(void)
{
	char path[256];
	int width = 0;

	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (width < width_of(&commands[i]))
			width = width_of(&commands[i]);
	printf("Usage: nvmesim-ctl [OPTION]... COMMAND [ARGUMENT]...\n\n"
	       "Asks a running nvmesim.\n\nCommands:\n");
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		const struct ctl_command *cmd = &commands[i];

		printf("  %s%s%s%*s  %s\n", cmd->name, *cmd->args ? " " : "", cmd->args,
		       width - width_of(cmd), "", cmd->help);
		if (cmd->note)
			fputs(cmd->note, stdout);
	}
	printf("\nOptions:\n"
	       "  --socket PATH      the daemon's control socket (%s)\n"
	       "  --json             the daemon's answer as it is: one line,\n"
	       "                     {\"ok\":true,\"result\":...} or "
	       "{\"ok\":false,\"error\":\"...\"}\n"
	       "  --watch[=SECONDS]  ask again every so many seconds (1), until interrupted:\n"
	       "                    ",
	       dmn_socket_path(path, sizeof(path)));
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (commands[i].watch)
			printf(" %s", commands[i].name);
	printf("\n  --help, --version\n\n"
	       "Tables are for a terminal; in a pipe they are tab-separated lines without a "
	       "heading.\n\n"
	       "Exit status: 0 done; 1 the daemon refused, or something failed; 2 the command "
	       "line\nis wrong; 3 no daemon answers.\n");
}

static void help_json(void)
{
	struct json_object *answer = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < NR_COMMANDS; i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "cmd", json_object_new_string(commands[i].name));
		json_object_object_add(o, "argument", json_object_new_string(commands[i].args));
		json_object_object_add(o, "help", json_object_new_string(commands[i].help));
		json_object_array_add(list, o);
	}
	json_object_object_add(answer, "ok", json_object_new_boolean(true));
	json_object_object_add(answer, "result", list);
	puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	json_object_put(answer);
}

void ctl_help(bool json)
{
	json ? help_json() : help_text();
}
