/* SPDX-License-Identifier: MIT */
/*
 * control.h - the control socket's two halves: who is connected (control.c), what can be asked
 * (commands.c). Private to daemon/.
 */
#ifndef NVMESIM_DAEMON_CONTROL_H
#define NVMESIM_DAEMON_CONTROL_H

#include <json-c/json.h>
#include <sys/un.h>

#include "daemon.h"

#define CTL_LINE_MAX	65536 /* bytes of one request */
#define CTL_CLIENTS_MAX 64
#define CTL_ERR_MAX	512

/**
 * struct ctl_client - one connection
 * @in, @nr_in:   what came and is not a whole line yet
 * @out, @out_off, @nr_out: the answer on its way; no request is taken meanwhile
 * @passed:       descriptor that came with SCM_RIGHTS and waits for its request, or -1
 */
struct ctl_client {
	struct dmn_fd fd;
	struct dmn_control *c;
	char in[CTL_LINE_MAX];
	size_t nr_in;
	char *out;
	size_t out_off, nr_out;
	int passed;
	bool eof;
	struct ctl_client *next;
};

struct dmn_control {
	struct dmn_machine *m;
	struct dmn_loop *loop;
	const char *door;
	struct dmn_fd listener;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct stat self; /* the socket file, to remove no other */
	struct ctl_client *clients;
	unsigned int nr_clients;
	int (*attach)(void *arg, int listener, pid_t pid, char *err, size_t len);
	void *attach_arg;
	bool stop;
};

/**
 * ctl_command() - carry out one request
 * @request: an object with a "cmd"
 * @passed:  descriptor that came with it, or -1; set to -1 when taken
 * Return: the answer, {"ok":...}; NULL when there is no memory.
 */
struct json_object *ctl_command(struct dmn_control *c, struct json_object *request, int *passed);

/* ---- for the files that have commands' handlers; the rows are in commands.c ---- */

/**
 * struct ctl_ctx - a request being served
 * @error: sentence for the person, when the handler returns NULL
 */
struct ctl_ctx {
	struct dmn_control *c;
	struct json_object *request;
	int *passed;
	char error[CTL_ERR_MAX];
};

/**
 * struct ctl_row - a command
 * @args: its members besides "cmd", for help
 * @run:  Return: the result, or NULL with a sentence in @error
 */
struct ctl_row {
	const char *name, *args, *help;
	struct json_object *(*run)(struct ctl_ctx *x);
};

/** ctl_refuse() - the sentence a request is refused with. Return: NULL. */
__attribute__((format(printf, 2, 3))) struct json_object *ctl_refuse(struct ctl_ctx *x,
								     const char *fmt, ...);
void ctl_put_string(struct json_object *o, const char *key, const char *value);
void ctl_put_number(struct json_object *o, const char *key, uint64_t value);
void ctl_put_bool(struct json_object *o, const char *key, bool value);
/**
 * ctl_take_number() - member @key of the request: a number, or one in a string as people type it
 * ("0x800")
 * Return: 0; 1: there is no such member; -1 with a sentence: it is no number, or not in 0...@max.
 */
int ctl_take_number(struct ctl_ctx *x, const char *key, uint64_t max, uint64_t *to);
/**
 * struct ctl_range - of the many things that are answered with, from @first on; @per_cell of them
 * make a cell
 */
struct ctl_range {
	uint64_t first, n, per_cell;
};
/**
 * ctl_take_range() - members "from", in units of which a thing is @unit, and "count"; and then either
 * "cells", how many cells to count them in at most, or "page", how many to answer with at most
 * @nr: how many there are
 * Return: 0, or -1 with a sentence.
 */
int ctl_take_range(struct ctl_ctx *x, uint64_t nr, uint64_t unit, struct ctl_range *r);
/** ctl_find_node() - the node @name says. Return: NULL with a sentence when there is none. */
struct dmn_node *ctl_find_node(struct ctl_ctx *x, struct json_object *name);

/* ---- the handlers in files of their own ---- */

struct json_object *ctl_cmd_set(struct ctl_ctx *x); /* cmd_set.c */
struct json_object *ctl_cmd_fdp(struct ctl_ctx *x); /* cmd_fdp.c */
struct json_object *ctl_cmd_zones(struct ctl_ctx *x); /* cmd_zones.c */
struct json_object *ctl_cmd_pci(struct ctl_ctx *x);   /* cmd_pci.c */
struct json_object *ctl_cmd_hotplug(struct ctl_ctx *x);
struct json_object *ctl_cmd_zone(struct ctl_ctx *x);

/** ctl_failure() - {"ok":false,"error":@text} */
struct json_object *ctl_failure(const char *text);

#endif /* NVMESIM_DAEMON_CONTROL_H */
