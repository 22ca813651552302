/* SPDX-License-Identifier: MIT */
/*
 * print.c - answers for people, and for the next program in a pipe.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define CELL 64

#define BOLD  "\033[1m"
#define GREEN "\033[32m"
#define RED   "\033[31m"
#define PLAIN "\033[0m"

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

static uint64_t number(struct json_object *o, const char *key)
{
	return json_object_get_uint64(get(o, key));
}

/* ---- cells; an empty one is printed as "-" ---- */

static void cell_node(struct json_object *o, char *to)
{
	snprintf(to, CELL, "/dev/%s", json_object_get_string(get(o, "node")));
}

/* decimal units, as nvme-cli and disk labels have them */
static void cell_size(struct json_object *o, char *to)
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double size = (double)number(o, "blocks") * (double)number(o, "block_size");
	unsigned int i = 0;

	if (!get(o, "blocks"))
		return;
	for (; size >= 1000 && i < sizeof(unit) / sizeof(unit[0]) - 1; i++)
		size /= 1000;
	snprintf(to, CELL, i ? "%.2f %s" : "%.0f %s", size, unit[i]);
}

static void cell_format(struct json_object *o, char *to)
{
	if (get(o, "block_size"))
		snprintf(to, CELL, "%" PRIu64 "+%" PRIu64, number(o, "block_size"),
			 number(o, "metadata_size"));
}

/** struct column - of the table; @key: of the node's object, unless @cell makes the text */
static const struct column {
	const char *title, *key;
	void (*cell)(struct json_object *o, char *to);
} columns[] = {
	{ "NODE", NULL, cell_node }, { "KIND", "kind", NULL },	       { "SERIAL", "serial", NULL },
	{ "MODEL", "model", NULL },  { "FIRMWARE", "firmware", NULL }, { "NSID", "nsid", NULL },
	{ "SIZE", NULL, cell_size }, { "FORMAT", NULL, cell_format },  { "STATE", "state", NULL },
};

#define NR_COLUMNS (sizeof(columns) / sizeof(columns[0]))

static void fill(struct json_object *o, unsigned int col, char *to)
{
	to[0] = '\0';
	if (columns[col].cell)
		columns[col].cell(o, to);
	else if (get(o, columns[col].key))
		snprintf(to, CELL, "%s", json_object_get_string(get(o, columns[col].key)));
	if (!to[0])
		strcpy(to, "-");
}

static void print_lines(struct json_object *nodes)
{
	char cell[CELL];

	for (size_t row = 0; row < json_object_array_length(nodes); row++) {
		for (unsigned int col = 0; col < NR_COLUMNS; col++) {
			fill(json_object_array_get_idx(nodes, row), col, cell);
			printf("%s%s", col ? "\t" : "", cell);
		}
		putchar('\n');
	}
}

void ctl_print_list(struct json_object *nodes)
{
	size_t rows = json_object_array_length(nodes);
	int width[NR_COLUMNS];
	char cell[CELL];

	if (!isatty(STDOUT_FILENO)) {
		print_lines(nodes);
		return;
	}
	for (unsigned int col = 0; col < NR_COLUMNS; col++) {
		width[col] = (int)strlen(columns[col].title);
		for (size_t row = 0; row < rows; row++) {
			fill(json_object_array_get_idx(nodes, row), col, cell);
			if (width[col] < (int)strlen(cell))
				width[col] = (int)strlen(cell);
		}
	}
	for (unsigned int col = 0; col < NR_COLUMNS; col++)
		printf(BOLD "%-*s" PLAIN "%s", width[col], columns[col].title,
		       col + 1 < NR_COLUMNS ? "  " : "\n");
	for (size_t row = 0; row < rows; row++) {
		for (unsigned int col = 0; col < NR_COLUMNS; col++) {
			bool state = columns[col].key && !strcmp(columns[col].key, "state");

			fill(json_object_array_get_idx(nodes, row), col, cell);
			state = state && strcmp(cell, "-");
			printf("%s%-*s%s%s",
			       !state		       ? ""
			       : !strcmp(cell, "live") ? GREEN
						       : RED,
			       width[col], cell, state ? PLAIN : "",
			       col + 1 < NR_COLUMNS ? "  " : "\n");
		}
	}
}

void ctl_print_object(struct json_object *o)
{
	bool tty = isatty(STDOUT_FILENO);

	json_object_object_foreach(o, key, value)
	{
		printf("%s%s:%s ", tty ? BOLD : "", key, tty ? PLAIN : "");
		if (!json_object_is_type(value, json_type_array)) {
			printf("%s\n", json_object_get_string(value));
			continue;
		}
		for (size_t i = 0; i < json_object_array_length(value); i++)
			printf("%s%s", i ? " " : "",
			       json_object_get_string(json_object_array_get_idx(value, i)));
		putchar('\n');
	}
}
