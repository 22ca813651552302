/* SPDX-License-Identifier: MIT */
/*
 * main.c - nvmesim-ctl: ask a running nvmesim.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../../daemon/daemon.h"
#include "ctl.h"

#define CTL_ARGS 2

struct ctl_command;

/** struct ctl - the command line */
struct ctl {
	const char *socket;
	bool json;
	const struct ctl_command *cmd;
	const char *arg[CTL_ARGS];
};

/**
 * struct ctl_command - a command
 * @args:  names of its arguments, for help (all are optional)
 * @key:   the request's members the arguments become
 * @ends:  the daemon ends after it
 * @print: the result, for people; NULL: answered here, without a daemon
 */
struct ctl_command {
	const char *name, *args, *key[CTL_ARGS], *help;
	bool ends;
	void (*print)(const struct ctl *ctl, struct json_object *result);
};

static void print_list(const struct ctl *ctl, struct json_object *result)
{
	ctl_print_list(result);
}

static void print_show(const struct ctl *ctl, struct json_object *result)
{
	ctl_print_object(result);
}

static void print_ana(const struct ctl *ctl, struct json_object *result)
{
	ctl_print_ana(result);
}

static void print_stop(const struct ctl *ctl, struct json_object *result)
{
	struct json_object *pid = NULL;

	json_object_object_get_ex(result, "pid", &pid);
	printf("nvmesim (process %d) has ended\n", json_object_get_int(pid));
}

static const struct ctl_command commands[] = {
	{ "list", "", { NULL }, "every simulated device node", false, print_list },
	{ "show", " [NODE]", { "node" }, "the daemon, or one node", false, print_show },
	{ "ana", " [NODE [STATE]]", { "node", "state" },
	  "the access state of namespaces (ANA): show it, or set it", false, print_ana },
	{ "stop", "", { NULL }, "end the daemon; returns when its nodes are gone", true,
	  print_stop },
	{ "help", "", { NULL }, "this text", false, NULL },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(void)
{
	char path[256], words[32];

	printf("Usage: nvmesim-ctl [--socket PATH] [--json] COMMAND [ARGUMENT]...\n\n"
	       "Asks a running nvmesim.\n\nCommands:\n");
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		snprintf(words, sizeof(words), "%s%s", commands[i].name, commands[i].args);
		printf("  %-18s %s\n", words, commands[i].help);
	}
	printf("\nOptions:\n"
	       "  --socket PATH  the daemon's control socket (%s)\n"
	       "  --json         the daemon's answer as it is: one line,\n"
	       "                 {\"ok\":true,\"result\":...} or {\"ok\":false,\"error\":\"...\"}\n"
	       "  --help, --version\n\n"
	       "list and ana print a table on a terminal, and tab-separated lines without a\n"
	       "heading in a pipe. STATE is optimized, non-optimized, inaccessible, persistent-loss or\n"
	       "change; with a controller as NODE it is that of all its namespaces.\n\n"
	       "Exit status: 0 done; 1 the daemon refused, or something failed; 2 the command "
	       "line\n"
	       "is wrong; 3 no daemon answers.\n",
	       dmn_socket_path(path, sizeof(path)));
}

static void help_json(void)
{
	struct json_object *answer = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < NR_COMMANDS; i++) {
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "cmd", json_object_new_string(commands[i].name));
		json_object_object_add(
			o, "argument",
			json_object_new_string(commands[i].args + (*commands[i].args == ' ')));
		json_object_object_add(o, "help", json_object_new_string(commands[i].help));
		json_object_array_add(list, o);
	}
	json_object_object_add(answer, "ok", json_object_new_boolean(true));
	json_object_object_add(answer, "result", list);
	puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
	json_object_put(answer);
}

static enum ctl_exit run(const struct ctl *ctl)
{
	struct json_object *request = json_object_new_object(), *answer = NULL, *part = NULL;
	enum ctl_exit code;

	json_object_object_add(request, "cmd", json_object_new_string(ctl->cmd->name));
	for (size_t i = 0; i < CTL_ARGS && ctl->arg[i]; i++) {
		const char *arg = ctl->arg[i];

		if (!strncmp(arg, "/dev/", 5))
			arg += 5; /* as people type it */
		json_object_object_add(request, ctl->cmd->key[i], json_object_new_string(arg));
	}
	code = ctl_ask(ctl->socket, request, ctl->cmd->ends, &answer);
	if (ctl->json) {
		puts(json_object_to_json_string_ext(
			answer, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	} else if (code) {
		json_object_object_get_ex(answer, "error", &part);
		fprintf(stderr, "nvmesim-ctl: %s\n", json_object_get_string(part));
	} else {
		json_object_object_get_ex(answer, "result", &part);
		ctl->cmd->print(ctl, part);
	}
	json_object_put(answer);
	json_object_put(request);
	if (fflush(stdout)) {
		perror("nvmesim-ctl");
		return CTL_FAILED;
	}
	return code;
}

static enum ctl_exit usage(const char *what, const char *word)
{
	fprintf(stderr, "nvmesim-ctl: %s%s%s%s (nvmesim-ctl help lists the commands)\n", what,
		word ? " '" : "", word ? word : "", word ? "'" : "");
	return CTL_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct ctl ctl = { 0 };
	char path[256];
	int opt;

	while ((opt = getopt_long(argc, argv, "hs:j", options, NULL)) >= 0) {
		switch (opt) {
		case 's':
			ctl.socket = optarg;
			break;
		case 'j':
			ctl.json = true;
			break;
		case 'h':
			help();
			return CTL_OK;
		case 'V':
			puts("nvmesim-ctl " NVMESIM_VERSION);
			return CTL_OK;
		default:
			return CTL_USAGE; /* getopt has said what is wrong */
		}
	}
	if (optind == argc)
		return usage("no command is given", NULL);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(commands[i].name, argv[optind]))
			ctl.cmd = &commands[i];
	if (!ctl.cmd)
		return usage("there is no command", argv[optind]);
	for (size_t i = 0; ++optind < argc; i++) {
		if (i == CTL_ARGS || !ctl.cmd->key[i])
			return usage("too many arguments:", argv[optind]);
		ctl.arg[i] = argv[optind];
	}
	if (!ctl.cmd->print) {
		ctl.json ? help_json() : help();
		return CTL_OK;
	}
	if (!ctl.socket)
		ctl.socket = dmn_socket_path(path, sizeof(path));
	return run(&ctl);
}
