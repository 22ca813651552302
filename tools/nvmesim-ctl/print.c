/* SPDX-License-Identifier: MIT */
/*
 * print.c - answers for people, and for the next program in a pipe.
 */
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl.h"

#define CSI_ZONED 2 /* command set identifier of zoned namespaces */

struct json_object *ctl_get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	json_object_object_get_ex(o, key, &v);
	return v;
}

uint64_t ctl_number(struct json_object *o, const char *key)
{
	return json_object_get_uint64(ctl_get(o, key));
}

/* ---- cells; an empty one is printed as "-" ---- */

void ctl_cell_node(struct json_object *o, char *to)
{
	snprintf(to, CTL_CELL, "/dev/%s", json_object_get_string(ctl_get(o, "node")));
}

void ctl_bytes(double size, char *to)
{
	static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	unsigned int i = 0;

	for (; size >= 1000 && i < sizeof(unit) / sizeof(unit[0]) - 1; i++)
		size /= 1000;
	snprintf(to, CTL_CELL, i ? "%.2f %s" : "%.0f %s", size, unit[i]);
}

/* @key counts logical blocks */
static void bytes(struct json_object *o, const char *key, char *to)
{
	if (ctl_get(o, key))
		ctl_bytes((double)ctl_number(o, key) * (double)ctl_number(o, "block_size"), to);
}

static void cell_size(struct json_object *o, char *to)
{
	bytes(o, "blocks", to);
}

static void cell_used(struct json_object *o, char *to)
{
	bytes(o, "used_blocks", to);
}

/* "512+8", "512+64 extended", "4096+8 PI type 1", "4096+0 zoned" */
static void cell_format(struct json_object *o, char *to)
{
	const char *metadata = json_object_get_string(ctl_get(o, "metadata"));
	bool extended = metadata && !strcmp(metadata, "extended");
	int n;

	if (!ctl_get(o, "block_size"))
		return;
	n = snprintf(to, CTL_CELL, "%" PRIu64 "+%" PRIu64 "%s", ctl_number(o, "block_size"),
		     ctl_number(o, "metadata_size"), extended ? " extended" : "");
	if (ctl_number(o, "pi_type"))
		n += snprintf(to + n, CTL_CELL - (size_t)n, " PI type %" PRIu64,
			      ctl_number(o, "pi_type"));
	if (ctl_number(o, "csi") == CSI_ZONED)
		snprintf(to + n, CTL_CELL - (size_t)n, " zoned");
}

/* each ends with a row without a title */
static const struct ctl_column list_columns[] = {
	{ "NODE", NULL, ctl_cell_node },
	{ "KIND", "kind", NULL },
	{ "SERIAL", "serial", NULL },
	{ "MODEL", "model", NULL },
	{ "FIRMWARE", "firmware", NULL },
	{ "NSID", "nsid", NULL },
	{ "SIZE", NULL, cell_size },
	{ "USED", NULL, cell_used },
	{ "FORMAT", NULL, cell_format },
	{ "STATE", "state", NULL },
	{ NULL, NULL, NULL },
};
static const struct ctl_column ana_columns[] = {
	{ "NODE", NULL, ctl_cell_node },
	{ "STATE", "state", NULL },
	{ NULL, NULL, NULL },
};
_Static_assert(sizeof(list_columns) / sizeof(list_columns[0]) <= CTL_COLUMNS + 1, "CTL_COLUMNS");

static void fill(struct json_object *o, const struct ctl_column *col, char *to)
{
	to[0] = '\0';
	if (col->cell)
		col->cell(o, to);
	else if (ctl_get(o, col->key))
		snprintf(to, CTL_CELL, "%s", json_object_get_string(ctl_get(o, col->key)));
	if (!to[0])
		strcpy(to, "-");
}

static void print_lines(const struct ctl_column *columns, struct json_object *list)
{
	char cell[CTL_CELL];

	for (size_t row = 0; row < json_object_array_length(list); row++) {
		for (unsigned int i = 0; columns[i].title; i++) {
			fill(json_object_array_get_idx(list, row), &columns[i], cell);
			printf("%s%s", i ? "\t" : "", cell);
		}
		putchar('\n');
	}
}

/* what colours a state: "live" and the two in which I/O works are good */
static const char *colour(const struct ctl_column *col, const char *cell)
{
	if (!col->key || strcmp(col->key, "state") || !strcmp(cell, "-"))
		return "";
	return !strcmp(cell, "live") || strstr(cell, "optimized") ? CTL_GREEN : CTL_RED;
}

void ctl_table(const struct ctl_column *columns, struct json_object *list)
{
	size_t rows = json_object_array_length(list);
	int width[CTL_COLUMNS];
	char cell[CTL_CELL];
	unsigned int i;

	if (!isatty(STDOUT_FILENO)) {
		print_lines(columns, list);
		return;
	}
	for (i = 0; columns[i].title; i++) {
		width[i] = (int)strlen(columns[i].title);
		for (size_t row = 0; row < rows; row++) {
			fill(json_object_array_get_idx(list, row), &columns[i], cell);
			if (width[i] < (int)strlen(cell))
				width[i] = (int)strlen(cell);
		}
	}
	for (i = 0; columns[i].title; i++)
		printf(CTL_BOLD "%-*s" CTL_PLAIN "%s", width[i], columns[i].title,
		       columns[i + 1].title ? "  " : "\n");
	for (size_t row = 0; row < rows; row++) {
		for (i = 0; columns[i].title; i++) {
			const char *paint;

			fill(json_object_array_get_idx(list, row), &columns[i], cell);
			paint = colour(&columns[i], cell);
			printf("%s%-*s%s%s", paint, width[i], cell, *paint ? CTL_PLAIN : "",
			       columns[i + 1].title ? "  " : "\n");
		}
	}
}

void ctl_print_list(struct json_object *nodes)
{
	ctl_table(list_columns, nodes);
}

void ctl_print_ana(struct json_object *states)
{
	ctl_table(ana_columns, states);
}

void ctl_print_object(struct json_object *o)
{
	bool tty = isatty(STDOUT_FILENO);

	json_object_object_foreach(o, key, value)
	{
		printf("%s%s:%s ", tty ? CTL_BOLD : "", key, tty ? CTL_PLAIN : "");
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

const char *const ctl_eighths[2][9] = {
	{ " ", ".", ".", ":", "-", "=", "+", "*", "#" },
	{ " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" },
};

struct ctl_screen ctl_screen(void)
{
	struct ctl_screen s = { .columns = 80, .rows = 24 };
	struct winsize w;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col && w.ws_row) {
		s.columns = w.ws_col;
		s.rows = w.ws_row;
	}
	setlocale(LC_CTYPE, "");
	s.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	return s;
}
