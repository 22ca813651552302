/* SPDX-License-Identifier: MIT */
/*
 * ctl.h - the parts of nvmesim-ctl.
 */
#ifndef NVMESIM_CTL_H
#define NVMESIM_CTL_H

#include <json-c/json.h>
#include <stdbool.h>

/** enum ctl_exit - documented in nvmesim-ctl(1) */
enum ctl_exit {
	CTL_OK,
	CTL_FAILED,    /* the daemon refused, or something went wrong */
	CTL_USAGE,     /* the command line is wrong */
	CTL_NO_DAEMON, /* nobody answers on the socket */
};

/**
 * ctl_ask() - one request, one answer
 * @path:     the daemon's socket
 * @request:  sent as a line
 * @until_end: wait until the daemon has closed the connection, too
 * @answer:   receives the daemon's answer, or one made here that says what went wrong
 * Return: what to exit with.
 */
enum ctl_exit ctl_ask(const char *path, struct json_object *request, bool until_end,
		      struct json_object **answer);

/** ctl_print_list() - nodes as a table for a terminal, or as tab-separated lines for a program */
void ctl_print_list(struct json_object *nodes);

/** ctl_print_ana() - namespaces' access states, likewise */
void ctl_print_ana(struct json_object *states);

/** ctl_print_object() - one "key: value" a line */
void ctl_print_object(struct json_object *o);

#endif /* NVMESIM_CTL_H */
