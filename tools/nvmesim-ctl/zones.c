/* SPDX-License-Identifier: MIT */
/*
 * zones.c - the map of a zoned namespace.
 *
 * On a terminal a cell is a zone or a group of zones: a letter, and a bar that is filled as far as
 * the write pointer has come. The daemon counts the zones in as many cells as fit. In a pipe it is
 * one line for each zone, fetched page by page.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define PAGE	   4096 /* zones of one answer, in a pipe */
#define CELL_LEAST 2	/* columns: the letter, and a bar of one */
#define CELL_MOST  12	/* the letter, a bar of ten and a blank */
#define FRAME	   10	/* rows of a terminal that are not the map's: text around it, a prompt */
#define LABEL	   14	/* columns before the map at most: the first block of a row's first zone */

#define REVERSE "\033[7m"

/* How a state is drawn, by the daemon's name. A group of zones is drawn as the first that is in it;
 * one of full and empty zones as what most of them are. */
static const struct look {
	const char *name, *title, *paint;
	char letter;
} looks[] = {
	{ "offline", "offline", "\033[1;31m", 'X' },
	{ "read-only", "read only", "\033[33m", 'R' },
	{ "explicitly-open", "explicitly open", "\033[1;32m", 'O' },
	{ "implicitly-open", "implicitly open", "\033[32m", 'I' },
	{ "closed", "closed", "\033[36m", 'C' },
	{ "full", "full", "\033[34m", 'F' },
	{ "empty", "empty", CTL_DIM, 'E' },
};

#define NR_LOOKS (sizeof(looks) / sizeof(looks[0]))
#define FULL	 (NR_LOOKS - 2)
#define EMPTY	 (NR_LOOKS - 1)

/* eighths of a column; longer bars grow to the right */
static const char *const rightwards[2][9] = {
	{ ".", ".", ".", "-", "-", "-", "=", "=", "#" },
	{ "·", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" },
};
static const char *const unknown[2] = { "?", "░" };

/* cells of @width columns in a row: 1, 2, 4 or a multiple of 8, for the eye */
static int row_cells(const struct ctl_screen *s, int label, int width)
{
	int n = (s->columns - label) / width;

	return n < 2 ? 1 : n < 4 ? 2 : n < 8 ? 4 : n & ~7;
}

static int map_rows(const struct ctl_screen *s)
{
	return s->rows - FRAME < 4 ? 4 : s->rows - FRAME;
}

/* ---- asking ---- */

void ctl_ask_zones(struct json_object *request)
{
	struct ctl_screen s = ctl_screen();

	if (isatty(STDOUT_FILENO))
		json_object_object_add(
			request, "cells",
			json_object_new_int(map_rows(&s) * row_cells(&s, LABEL, CELL_LEAST)));
	else
		json_object_object_add(request, "page", json_object_new_int(PAGE));
}

bool ctl_more_zones(struct json_object *request, struct json_object *result)
{
	uint64_t done = ctl_number(result, "count"), left = ctl_number(request, "count");
	uint64_t next = ctl_number(result, "from") + done * ctl_number(result, "zone_size");

	if (!ctl_get(request, "page") || (ctl_get(request, "count") && left <= done) ||
	    next >= ctl_number(result, "nr_zones") * ctl_number(result, "zone_size"))
		return false;
	if (ctl_get(request, "count"))
		json_object_object_add(request, "count", json_object_new_uint64(left - done));
	json_object_object_add(request, "from", json_object_new_uint64(next));
	return true;
}

/* ---- lines ---- */

static void print_attributes(struct json_object *list)
{
	size_t n = json_object_array_length(list);

	if (!n)
		putchar('-');
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? "," : "",
		       json_object_get_string(json_object_array_get_idx(list, i)));
}

void ctl_print_zone(struct json_object *z)
{
	printf("0x%" PRIx64 "\t%s\t", ctl_number(z, "zslba"),
	       json_object_get_string(ctl_get(z, "state")));
	if (ctl_get(z, "wp"))
		printf("0x%" PRIx64 "\t", ctl_number(z, "wp"));
	else
		printf("-\t");
	printf("0x%" PRIx64 "\t", ctl_number(z, "capacity"));
	print_attributes(ctl_get(z, "attributes"));
	putchar('\n');
}

/* ---- the map ---- */

static bool has_attribute(struct json_object *o, const char *name)
{
	struct json_object *list = ctl_get(o, "attributes");

	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (!strcmp(json_object_get_string(json_object_array_get_idx(list, i)), name))
			return true;
	return false;
}

static bool wants_something(struct json_object *o)
{
	return has_attribute(o, "finish-recommended") || has_attribute(o, "reset-recommended");
}

static const struct look *look_of(struct json_object *cell)
{
	const char *state = json_object_get_string(ctl_get(cell, "state"));
	struct json_object *all = ctl_get(cell, "states");

	for (size_t i = 0; i < NR_LOOKS; i++) {
		if (state && !strcmp(looks[i].name, state))
			return &looks[i];
		if (!state && i < FULL && ctl_get(all, looks[i].name))
			return &looks[i];
	}
	return ctl_number(all, "full") < ctl_number(all, "empty") ? &looks[EMPTY] : &looks[FULL];
}

/* where a single zone has neither a write pointer nor is full, nobody knows */
static bool fill_unknown(struct json_object *cell)
{
	return ctl_get(cell, "state") && !ctl_get(cell, "wp") && !ctl_number(cell, "written");
}

/* @eighths of a column, of @width columns */
static void print_bar(const struct ctl_screen *s, struct json_object *cell, int width)
{
	double full = (double)ctl_number(cell, "capacity");
	int eighths = full ? (int)((double)ctl_number(cell, "written") / full * width * 8) : 0;

	if (!eighths && ctl_number(cell, "written"))
		eighths = 1; /* something is there */
	for (int i = 0; i < width; i++, eighths -= 8) {
		int part = eighths < 0 ? 0 : eighths > 8 ? 8 : eighths;

		if (fill_unknown(cell))
			fputs(unknown[s->utf8], stdout);
		else
			fputs((width == 1 ? ctl_eighths : rightwards)[s->utf8][part], stdout);
	}
}

static void print_cell(const struct ctl_screen *s, struct json_object *cell, int width)
{
	const struct look *look = look_of(cell);
	bool wanted = wants_something(cell);

	printf("%s%s%c%s", look->paint, wanted ? REVERSE : "", look->letter,
	       wanted ? CTL_PLAIN : "");
	if (wanted)
		fputs(look->paint, stdout);
	print_bar(s, cell, width == CELL_LEAST ? 1 : width - 2);
	fputs(CTL_PLAIN, stdout);
	if (width > CELL_LEAST)
		putchar(' ');
}

/* the width of a cell with which the rows are fullest, of those with which @n cells fit */
static int cell_width(const struct ctl_screen *s, int label, int n)
{
	int best = CELL_LEAST, most = 0;

	for (int width = CELL_MOST; width >= CELL_LEAST; width--) {
		int row = row_cells(s, label, width);
		int used = (row < n ? row : n) * width;

		if ((n - 1) / row + 1 <= map_rows(s) && used > most) {
			most = used;
			best = width;
		}
	}
	return best;
}

static void print_map(const struct ctl_screen *s, struct json_object *result)
{
	struct json_object *cells = ctl_get(result, "cells");
	int n = (int)json_object_array_length(cells), width, digits, row;
	char last[32];

	digits = snprintf(last, sizeof(last), "0x%" PRIx64,
			  ctl_number(json_object_array_get_idx(cells, (size_t)n - 1), "zslba"));
	width = cell_width(s, digits + 2, n);
	row = row_cells(s, digits + 2, width);
	for (int i = 0; i < n; i++) {
		struct json_object *cell = json_object_array_get_idx(cells, (size_t)i);

		if (i % row == 0)
			printf("%s" CTL_DIM "%#*" PRIx64 CTL_PLAIN "  ", i ? "\n" : "", digits,
			       ctl_number(cell, "zslba"));
		print_cell(s, cell, width);
	}
	fputs("\n\n", stdout);
}

/* ---- what is around it ---- */

/* "1,000,000" */
static const char *grouped(uint64_t n, char *to)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), j = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			to[j++] = ',';
		to[j++] = digits[i];
	}
	to[j] = '\0';
	return to;
}

/* zones have sizes in binary units: "128 MiB", "2.5 GiB" */
static const char *binary(uint64_t bytes, char *to)
{
	static const char *const unit[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double size = (double)bytes;
	unsigned int i = 0;

	for (; size >= 1024 && i < sizeof(unit) / sizeof(unit[0]) - 1; i++)
		size /= 1024;
	snprintf(to, CTL_CELL, size == (double)(uint64_t)size ? "%.0f %s" : "%.2f %s", size,
		 unit[i]);
	return to;
}

static void print_limit(const char *what, struct json_object *o, const char *now, const char *max)
{
	printf("%s %" PRIu64, what, ctl_number(o, now));
	if (ctl_number(o, max))
		printf("/%" PRIu64, ctl_number(o, max));
}

static void print_head(struct json_object *o)
{
	uint64_t block = ctl_number(o, "block_size"), size = ctl_number(o, "zone_size");
	uint64_t capacity = ctl_number(o, "zone_capacity"), written = ctl_number(o, "written");
	uint64_t room = ctl_number(o, "capacity");
	char a[CTL_CELL], b[CTL_CELL];

	printf(CTL_BOLD "/dev/%s" CTL_PLAIN "  %s zones of %s",
	       json_object_get_string(ctl_get(o, "node")), grouped(ctl_number(o, "nr_zones"), a),
	       binary(size * block, b));
	if (capacity != size)
		printf(", capacity %s", binary(capacity * block, a));
	printf(", blocks of %s\n", binary(block, a));
	print_limit("open", o, "open", "max_open");
	print_limit(", active", o, "active", "max_active");
	if (ctl_get(o, "zrwas"))
		print_limit(", ZRWA", o, "zrwa", "max_zrwa");
	printf(", %s of %s written (%.0f%%)\n\n", binary(written * block, a),
	       binary(room * block, b), room ? 100.0 * (double)written / (double)room : 0);
}

static void print_legend(const struct ctl_screen *s, struct json_object *o)
{
	struct json_object *all = ctl_get(o, "states");
	int column = 0;
	char n[32];

	for (size_t i = 0; i < NR_LOOKS; i++) {
		const struct look *look = &looks[i];
		int width;

		if (!ctl_get(all, look->name))
			continue;
		grouped(ctl_number(all, look->name), n);
		width = (int)(strlen(look->title) + strlen(n)) + 3;
		if (column && column + 3 + width > s->columns) {
			putchar('\n');
			column = 0;
		}
		printf("%s%s%c" CTL_PLAIN " %s %s", column ? "   " : "", look->paint, look->letter,
		       look->title, n);
		column += width + (column ? 3 : 0);
	}
	putchar('\n');
	if (wants_something(o))
		printf(REVERSE "reversed" CTL_PLAIN
			       "  the drive recommends to finish or reset it\n");
	if (ctl_number(o, "zones_per_cell") > 1)
		printf("A cell is %s zones: the letter of the first of these among them, and\n"
		       "how much of them is written.\n",
		       grouped(ctl_number(o, "zones_per_cell"), n));
}

void ctl_print_zones(struct json_object *result)
{
	struct json_object *cells = ctl_get(result, "cells");
	struct ctl_screen s = ctl_screen();

	if (!isatty(STDOUT_FILENO)) {
		for (size_t i = 0; i < json_object_array_length(cells); i++)
			ctl_print_zone(json_object_array_get_idx(cells, i));
		return;
	}
	print_head(result);
	print_map(&s, result);
	print_legend(&s, result);
}
