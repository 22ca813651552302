/* SPDX-License-Identifier: MIT */
/*
 * main.c - nvmesim-ctl: ask a running nvmesim.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../daemon/daemon.h"
#include "ctl.h"

#define WATCH_MAX 86400.0 /* seconds */

/** struct ctl - the command line; @every: seconds between two rounds of --watch, or 0 */
struct ctl {
	const char *socket;
	bool json;
	double every;
	const struct ctl_command *cmd;
	const char *arg[CTL_ARGS];
};

static struct json_object *request_of(const struct ctl *ctl)
{
	struct json_object *request = json_object_new_object();

	json_object_object_add(request, "cmd", json_object_new_string(ctl->cmd->name));
	for (size_t i = 0; i < CTL_ARGS && ctl->arg[i]; i++) {
		const char *arg = ctl->arg[i];

		if (!strcmp(ctl->cmd->key[i], "node") && !strncmp(arg, "/dev/", 5))
			arg += 5; /* as people type it */
		json_object_object_add(request, ctl->cmd->key[i], json_object_new_string(arg));
	}
	if (ctl->cmd->ask && !ctl->json)
		ctl->cmd->ask(request);
	return request;
}

/* Return: what to exit with; *@more: @request is the next one of the same question */
static enum ctl_exit ask_once(const struct ctl *ctl, struct json_object *request, bool *more)
{
	struct json_object *answer = NULL, *result;
	enum ctl_exit code = ctl_ask(ctl->socket, request, ctl->cmd->ends, &answer);

	*more = false;
	if (ctl->json) {
		puts(json_object_to_json_string_ext(
			answer, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	} else if (code) {
		fprintf(stderr, "nvmesim-ctl: %s\n",
			json_object_get_string(ctl_get(answer, "error")));
	} else {
		result = ctl_get(answer, "result");
		ctl->cmd->print(result);
		*more = ctl->cmd->more && ctl->cmd->more(request, result);
	}
	json_object_put(answer);
	return code;
}

static enum ctl_exit run(const struct ctl *ctl)
{
	struct json_object *request = request_of(ctl);
	enum ctl_exit code;
	bool more;

	if (ctl->every && !ctl->json && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout); /* over the last round, in one write with the next */
	do {
		code = ask_once(ctl, request, &more);
	} while (!code && more);
	json_object_put(request);
	if (fflush(stdout)) {
		perror("nvmesim-ctl");
		return CTL_FAILED;
	}
	return code;
}

/* until somebody interrupts it, or the daemon is gone */
static enum ctl_exit watch(const struct ctl *ctl)
{
	struct timespec pause = { .tv_sec = (time_t)ctl->every };
	static char screen[1 << 16];
	enum ctl_exit code;

	pause.tv_nsec = (long)((ctl->every - (double)pause.tv_sec) * 1e9);
	setvbuf(stdout, screen, _IOFBF, sizeof(screen));
	while (!(code = run(ctl)))
		nanosleep(&pause, NULL);
	return code;
}

static enum ctl_exit usage(const char *what, const char *word)
{
	fprintf(stderr, "nvmesim-ctl: %s%s%s%s (nvmesim-ctl help lists the commands)\n", what,
		word ? " '" : "", word ? word : "", word ? "'" : "");
	return CTL_USAGE;
}

/* Return: 0, or -1: @word is no number of seconds */
static int take_seconds(const char *word, double *to)
{
	char *end;

	*to = strtod(word, &end);
	return end == word || *end || !isfinite(*to) || *to < 0.01 || *to > WATCH_MAX ? -1 : 0;
}

/* Return: what to exit with, or %CTL_OK: go on */
static enum ctl_exit take_words(struct ctl *ctl, int argc, char **argv)
{
	if (optind == argc)
		return usage("no command is given", NULL);
	ctl->cmd = ctl_find(argv[optind]);
	if (!ctl->cmd)
		return usage("there is no command", argv[optind]);
	for (size_t i = 0; ++optind < argc; i++) {
		if (i == CTL_ARGS || !ctl->cmd->key[i])
			return usage("too many arguments:", argv[optind]);
		ctl->arg[i] = argv[optind];
	}
	if (ctl->every && !ctl->cmd->watch)
		return usage("there is nothing to watch in", ctl->cmd->name);
	return CTL_OK;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
		{ "watch", optional_argument, NULL, 'w' },  { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },	    { 0 },
	};
	struct ctl ctl = { 0 };
	enum ctl_exit code;
	char path[256];
	int opt;

	while ((opt = getopt_long(argc, argv, "hs:jw", options, NULL)) >= 0) {
		switch (opt) {
		case 's':
			ctl.socket = optarg;
			break;
		case 'j':
			ctl.json = true;
			break;
		case 'w':
			ctl.every = 1;
			if (optarg && take_seconds(optarg, &ctl.every))
				return usage("--watch: that is no number of seconds:", optarg);
			break;
		case 'h':
			ctl_help(false);
			return CTL_OK;
		case 'V':
			puts("nvmesim-ctl " NVMESIM_VERSION);
			return CTL_OK;
		default:
			return CTL_USAGE; /* getopt has said what is wrong */
		}
	}
	code = take_words(&ctl, argc, argv);
	if (code)
		return code;
	if (!ctl.cmd->print) {
		ctl_help(ctl.json);
		return CTL_OK;
	}
	if (!ctl.socket)
		ctl.socket = dmn_socket_path(path, sizeof(path));
	return ctl.every ? watch(&ctl) : run(&ctl);
}
