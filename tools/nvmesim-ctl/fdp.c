/* SPDX-License-Identifier: MIT */
/*
 * fdp.c - Flexible Data Placement for people: handles, write amplification over time, and a map of
 * the reclaim units.
 *
 * On a terminal a cell of the map is a reclaim unit or a group of them: the handle it was written
 * through, and a bar as high as what is valid of it. In a pipe it is one line for each unit,
 * fetched page by page.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define PAGE  4096 /* units of one answer, in a pipe */
#define CELL  2	   /* columns: the handle, and the bar */
#define LABEL 8
#define FRAME 12 /* rows of a terminal that are not the map's or the handles' */
#define RUHS  6	 /* handles listed at most: those that were written through most */

static const char *const paints[] = { "\033[34m", "\033[32m", "\033[35m",
				      "\033[36m", "\033[33m", "\033[31m" };
#define NR_PAINTS (sizeof(paints) / sizeof(paints[0]))

/* "0" to "9", "a" to "z", then "+" */
static char letter_of(uint64_t ruhid)
{
	return "0123456789abcdefghijklmnopqrstuvwxyz+"[ruhid < 36 ? ruhid : 36];
}

static const char *paint_of(uint64_t ruhid)
{
	return paints[ruhid % NR_PAINTS];
}

/* ---- asking ---- */

static int row_cells(const struct ctl_screen *s)
{
	int n = (s->columns - LABEL) / CELL;

	return n < 8 ? 4 : n & ~7;
}

static int map_rows(const struct ctl_screen *s)
{
	int n = s->rows - FRAME - RUHS;

	return n < 4 ? 4 : n;
}

void ctl_ask_fdp(struct json_object *request)
{
	struct ctl_screen s = ctl_screen();

	if (isatty(STDOUT_FILENO))
		json_object_object_add(request, "cells",
				       json_object_new_int(map_rows(&s) * row_cells(&s)));
	else
		json_object_object_add(request, "page", json_object_new_int(PAGE));
}

bool ctl_more_fdp(struct json_object *request, struct json_object *result)
{
	uint64_t next = ctl_number(result, "from") + ctl_number(result, "count");

	if (!ctl_get(request, "page") || next >= ctl_number(result, "nr_units"))
		return false;
	json_object_object_add(request, "from", json_object_new_uint64(next));
	return true;
}

/* ---- lines ---- */

static void print_lines(struct json_object *units)
{
	for (size_t i = 0; i < json_object_array_length(units); i++) {
		struct json_object *u = json_object_array_get_idx(units, i);

		printf("%" PRIu64 "\t%" PRIu64 "\t%s\t", ctl_number(u, "unit"), ctl_number(u, "rg"),
		       json_object_get_string(ctl_get(u, "state")));
		if (ctl_get(u, "ruhid"))
			printf("%" PRIu64, ctl_number(u, "ruhid"));
		else
			putchar('-');
		printf("\t%" PRIu64 "\t%" PRIu64 "\n", ctl_number(u, "valid"),
		       ctl_number(u, "used"));
	}
}

/* ---- write amplification over time ---- */

static uint64_t sample(struct json_object *history, size_t i, size_t what)
{
	return json_object_get_uint64(
		json_object_array_get_idx(json_object_array_get_idx(history, i), what));
}

/* the sample that is nearest to when hosts had written @bytes */
static size_t find_sample(struct json_object *history, size_t from, uint64_t bytes)
{
	while (from + 1 < json_object_array_length(history) && sample(history, from, 0) < bytes)
		from++;
	return from;
}

/* one column is as many bytes of hosts' writes as the next */
static void print_history(const struct ctl_screen *s, struct json_object *history)
{
	size_t n = json_object_array_length(history), columns = (size_t)s->columns - 24, used = 0;
	double waf[512], top = 1;
	uint64_t begun, total;

	if (n < 2)
		return;
	if (columns > n - 1)
		columns = n - 1;
	if (columns > sizeof(waf) / sizeof(waf[0]))
		columns = sizeof(waf) / sizeof(waf[0]);
	begun = sample(history, 0, 0);
	total = sample(history, n - 1, 0) - begun;
	for (size_t i = 0, a = 0, b; i < columns && total; i++, a = b) {
		uint64_t host, media;

		b = find_sample(history, a, begun + total / columns * (i + 1));
		if (i == columns - 1)
			b = n - 1;
		host = sample(history, b, 0) - sample(history, a, 0);
		media = sample(history, b, 1) - sample(history, a, 1);
		if (!host)
			continue;
		waf[used] = (double)media / (double)host;
		if (top < waf[used])
			top = waf[used];
		used++;
	}
	if (!used)
		return;
	printf("over time  1.00 ");
	for (size_t i = 0; i < used; i++) {
		int part = top > 1 ? (int)((waf[i] - 1) / (top - 1) * 7) + 1 : 1;

		fputs(ctl_eighths[s->utf8][part], stdout);
	}
	printf(" %.2f\n", top);
}

/* ---- handles ---- */

static int by_host_bytes(const void *a, const void *b)
{
	uint64_t x = ctl_number(*(struct json_object *const *)a, "host_bytes");
	uint64_t y = ctl_number(*(struct json_object *const *)b, "host_bytes");

	return x < y ? 1 : x > y ? -1 : 0;
}

static void print_handles(struct json_object *o)
{
	struct json_object *list = ctl_get(o, "handles");
	bool groups = ctl_number(o, "reclaim_groups") > 1;
	size_t n = json_object_array_length(list), shown = 0;
	char written[CTL_CELL], left[CTL_CELL];

	json_object_array_sort(list, by_host_bytes);
	for (; shown < n && shown < RUHS; shown++) {
		struct json_object *h = json_object_array_get_idx(list, shown);
		uint64_t ruhid = ctl_number(h, "ruhid");

		ctl_bytes((double)ctl_number(h, "host_bytes"), written);
		ctl_bytes((double)ctl_number(h, "available"), left);
		printf("%s%c" CTL_PLAIN " handle %" PRIu64, paint_of(ruhid), letter_of(ruhid),
		       ruhid);
		if (groups)
			printf(", group %" PRIu64, ctl_number(h, "rg"));
		printf("  %s, %s written, %s left in its unit\n",
		       json_object_get_string(ctl_get(h, "use")), written, left);
	}
	if (n > shown)
		printf("and %zu more\n", n - shown);
	putchar('\n');
}

/* ---- the map ---- */

static void print_cell(const struct ctl_screen *s, struct json_object *cell, uint64_t unit)
{
	uint64_t units = ctl_get(cell, "units") ? ctl_number(cell, "units") : 1;
	double full = (double)units * (double)unit;
	const char *state = json_object_get_string(ctl_get(cell, "state"));
	uint64_t ruhid = ctl_number(cell, "ruhid");
	int part;

	if (state ? !strcmp(state, "free") : ctl_number(cell, "free") == units) {
		fputs(CTL_DIM "." CTL_PLAIN " ", stdout);
		return;
	}
	part = full ? (int)((double)ctl_number(cell, "valid") / full * 8 + 0.5) : 0;
	if (!part && ctl_number(cell, "valid"))
		part = 1;
	if (part > 8)
		part = 8;
	if (ctl_get(cell, "ruhid"))
		printf("%s%c", paint_of(ruhid), letter_of(ruhid));
	else
		putchar('*');
	fputs(ctl_eighths[s->utf8][part], stdout);
	fputs(CTL_PLAIN, stdout);
}

static void print_map(const struct ctl_screen *s, struct json_object *o)
{
	struct json_object *cells = ctl_get(o, "units");
	int row = row_cells(s), n = (int)json_object_array_length(cells);

	for (int i = 0; i < n; i++) {
		struct json_object *cell = json_object_array_get_idx(cells, (size_t)i);

		if (i % row == 0)
			printf("%s" CTL_DIM "%*" PRIu64 CTL_PLAIN "  ", i ? "\n" : "", LABEL - 2,
			       ctl_number(cell, "unit"));
		print_cell(s, cell, ctl_number(o, "reclaim_unit"));
	}
	printf("\n\nA cell is %" PRIu64
	       " reclaim unit%s: the handle it was written through (* several),"
	       " and a bar as high\nas what of it is valid; " CTL_DIM "." CTL_PLAIN " is free.\n",
	       ctl_number(o, "units_per_cell"), ctl_number(o, "units_per_cell") == 1 ? "" : "s");
}

static void print_head(struct json_object *o)
{
	struct json_object *waf = ctl_get(o, "write_amplification");
	char host[CTL_CELL], media[CTL_CELL], erased[CTL_CELL], unit[CTL_CELL];

	ctl_bytes((double)ctl_number(o, "host_bytes"), host);
	ctl_bytes((double)ctl_number(o, "media_bytes"), media);
	ctl_bytes((double)ctl_number(o, "erased_bytes"), erased);
	ctl_bytes((double)ctl_number(o, "reclaim_unit"), unit);
	printf(CTL_BOLD "/dev/%s" CTL_PLAIN "  %" PRIu64 " reclaim units of %s, %" PRIu64
			" free, %" PRIu64 " collected\n",
	       json_object_get_string(ctl_get(o, "node")), ctl_number(o, "nr_units"), unit,
	       ctl_number(o, "free_units"), ctl_number(o, "collections"));
	printf("hosts wrote %s, the media %s, erased %s: write amplification " CTL_BOLD, host,
	       media, erased);
	waf ? printf("%.3f" CTL_PLAIN "\n", json_object_get_double(waf))
	    : printf("-" CTL_PLAIN "\n");
}

void ctl_print_fdp(struct json_object *result)
{
	struct ctl_screen s = ctl_screen();

	if (!isatty(STDOUT_FILENO)) {
		print_lines(ctl_get(result, "units"));
		return;
	}
	print_head(result);
	if (!json_object_get_boolean(ctl_get(result, "enabled"))) {
		printf("It is disabled (feature 1Dh).\n");
		return;
	}
	print_history(&s, ctl_get(result, "history"));
	putchar('\n');
	print_handles(result);
	print_map(&s, result);
}
