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

#define CTL_ARGS 4

/**
 * struct ctl_command - a command; the rows are in commands.c
 * @args:  names of its arguments, for help; which of them it needs is the daemon's to say
 * @key:   the request's members the arguments become, strings; a "node" loses its "/dev/"
 * @note:  more for help, lines that begin with four blanks, or NULL
 * @ends:  the daemon ends after it
 * @watch: it can be asked again and again (--watch)
 * @ask:   puts more into the request where people are to read the answer, or NULL
 * @more:  makes the next request of one that brings an answer in parts, or NULL. Return: false at
 *         the end
 * @print: the result, for people and the next program in a pipe; NULL: answered by ctl_help()
 */
struct ctl_command {
	const char *name, *args, *key[CTL_ARGS], *help, *note;
	bool ends, watch;
	void (*ask)(struct json_object *request);
	bool (*more)(struct json_object *request, struct json_object *result);
	void (*print)(struct json_object *result);
};

/** ctl_find() - Return: the command of that name, or NULL */
const struct ctl_command *ctl_find(const char *name);

/** ctl_help() - every command, as text or as JSON */
void ctl_help(bool json);

/* ---- print.c: what several commands print with ---- */

#define CTL_BOLD  "\033[1m"
#define CTL_GREEN "\033[32m"
#define CTL_RED	  "\033[31m"
#define CTL_PLAIN "\033[0m"

#define CTL_DIM	  "\033[2m"

/** struct ctl_screen - where to draw; ctl_screen(): standard output, or 80 by 24 */
struct ctl_screen {
	int columns, rows;
	bool utf8;
};
struct ctl_screen ctl_screen(void);
/** ctl_eighths - bars of a column that grow upwards, by utf8: eighths of it */
extern const char *const ctl_eighths[2][9];

#define CTL_CELL    64 /* bytes of a cell's text */
#define CTL_COLUMNS 10 /* of a table, at most */

/** struct ctl_column - of a table; @key: of the row's object, unless @cell makes the text */
struct ctl_column {
	const char *title, *key;
	void (*cell)(struct json_object *o, char *to);
};

/**
 * ctl_table() - an array of objects as a table for a terminal, or as tab-separated lines without
 * a heading for a program; an empty cell is "-"
 * @columns: the last has no title
 */
void ctl_table(const struct ctl_column *columns, struct json_object *list);

/** ctl_get() - a member, or NULL */
struct json_object *ctl_get(struct json_object *o, const char *key);
/** ctl_number() - a member that is a number, or 0 */
uint64_t ctl_number(struct json_object *o, const char *key);
/** ctl_cell_node() - the member "node" as a path */
void ctl_cell_node(struct json_object *o, char *to);
/** ctl_bytes() - a size as nvme-cli and disk labels have it, in decimal units: "1.07 GB" */
void ctl_bytes(double size, char *to);

/* ---- print.c and the files named after a command: their printers ---- */

void ctl_print_list(struct json_object *nodes);
void ctl_print_pci(struct json_object *functions);
void ctl_print_function(struct json_object *function);
void ctl_print_ana(struct json_object *states);
void ctl_ask_fdp(struct json_object *request);
bool ctl_more_fdp(struct json_object *request, struct json_object *result);
void ctl_print_fdp(struct json_object *result);
void ctl_ask_zones(struct json_object *request);
bool ctl_more_zones(struct json_object *request, struct json_object *result);
void ctl_print_zones(struct json_object *result);
void ctl_print_zone(struct json_object *zone);
/** ctl_print_object() - one "key: value" a line */
void ctl_print_object(struct json_object *o);

#endif /* NVMESIM_CTL_H */
