/* SPDX-License-Identifier: MIT */
/*
 * help.c - what the key table says to people: `-device X,help`, the example, the manual page.
 */
#include <stdlib.h>
#include <string.h>

#include "conf_priv.h"

/* The default as QEMU's help prints it: numbers in decimal, booleans true and false. */
static const char *printed_default(const struct conf_key *k, char *buf, size_t len)
{
	struct conf_value v;
	char err[256];

	if (conf_value(k, k->def, &v, err, sizeof(err)))
		return k->def;
	switch (k->type) {
	case CONF_T_BOOL:
		return v.num ? "true" : "false";
	case CONF_T_NUM:
	case CONF_T_SIZE:
		snprintf(buf, len, "%llu", (unsigned long long)v.num);
		return buf;
	case CONF_T_OCTAL:
		return k->def;
	default:
		if (strcmp(k->qtype, "str") && strcmp(k->qtype, "OnOffAuto"))
			return k->def;
		snprintf(buf, len, "\"%s\"", k->def);
		return buf;
	}
}

/* "  NAME=<TYPE>  - HELP (default: X)", the first part 24 columns wide, as QEMU's */
static void help_line(const struct conf_key *k, char *buf, size_t len)
{
	char head[80], def[64];

	snprintf(head, sizeof(head), "  %s=<%s>", k->name, k->qtype);
	snprintf(buf, len, "%-24s - %s%s%s%s%s", head, k->help,
		 k->flags & CONF_LATER ? "; not supported yet" : "", k->def ? " (default: " : "",
		 k->def ? printed_default(k, def, sizeof(def)) : "", k->def ? ")" : "");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int help_keys(FILE *out, enum conf_kind kind, const char *name)
{
	char *line[CONF_MAX_KEYS];
	unsigned int n = 0, i;
	char buf[256];

	for (i = 0; i < conf_nr_keys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (k->kind != kind || k->flags & (CONF_NO_HELP | CONF_ONLY_FILE))
			continue;
		help_line(k, buf, sizeof(buf));
		line[n] = strdup(buf);
		if (line[n])
			n++;
	}
	qsort(line, n, sizeof(line[0]), by_text);
	fprintf(out, "%s options:\n", name);
	for (i = 0; i < n; i++) {
		fprintf(out, "%s\n", line[i]);
		free(line[i]);
	}
	return 0;
}

static void help_devices(FILE *out)
{
	static const enum conf_kind order[] = { CONF_CTRL, CONF_NS, CONF_SUBSYS };
	unsigned int i;

	fprintf(out, "Storage devices:\n");
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const struct conf_kind_row *row = &conf_kinds[order[i]];

		fprintf(out, "name \"%s\"", row->driver);
		if (row->bus)
			fprintf(out, ", bus %s", row->bus);
		fprintf(out, ", desc \"%s\"\n", row->desc);
	}
}

int conf_help(FILE *out, const char *driver)
{
	int kind;

	if (!driver) {
		help_devices(out);
		return 0;
	}
	if (!strcmp(driver, "drive"))
		return help_keys(out, CONF_DRIVE, "drive");
	for (kind = 0; kind < CONF_NR_KINDS; kind++)
		if (conf_kinds[kind].driver && !strcmp(conf_kinds[kind].driver, driver))
			return help_keys(out, kind, driver);
	return -1;
}

/* Keys a file may hold, by whether they are supported. */
static bool in_file(const struct conf_key *k, enum conf_kind kind, bool later)
{
	return k->kind == kind && !(k->flags & CONF_ONLY_WORDS) &&
	       !(k->flags & CONF_LATER) == !later;
}

/* Words from @indent on, broken before column 96 */
static void list_later(FILE *out, enum conf_kind kind, const char *indent)
{
	size_t col = 0;
	unsigned int i;

	for (i = 0; i < conf_nr_keys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (!in_file(k, kind, true))
			continue;
		if (!col || col + strlen(k->name) + 2 > 96) {
			fprintf(out, "%s%s", col ? ",\n" : "", indent);
			col = strlen(indent);
		} else {
			fprintf(out, ", ");
			col += 2;
		}
		fprintf(out, "%s", k->name);
		col += strlen(k->name);
	}
	if (col)
		fprintf(out, "\n");
}

static bool has_later(enum conf_kind kind)
{
	unsigned int i;

	for (i = 0; i < conf_nr_keys; i++)
		if (in_file(&conf_keys[i], kind, true))
			return true;
	return false;
}

/* @live: a key that stands without '#', besides those that must be given */
static void example_section(FILE *out, enum conf_kind kind, const char *id, const char *live)
{
	const char *space = *id ? " " : "";
	unsigned int i;

	fprintf(out, "\n# %s\n[%s%s%s]\n", conf_kinds[kind].help, conf_kinds[kind].section, space,
		id);
	for (i = 0; i < conf_nr_keys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (!in_file(k, kind, false))
			continue;
		fprintf(out, "\n# %s\n%s%s = %s\n", k->help,
			k->flags & CONF_MANDATORY || !strcmp(k->name, live) ? "" : "#", k->name,
			k->example ? k->example : k->def);
	}
	if (has_later(kind)) {
		fprintf(out, "\n# Not supported yet:\n");
		list_later(out, kind, "#   ");
	}
}

void conf_example(FILE *out)
{
	fprintf(out,
		"# nvmesim.conf - every key there is\n"
		"#\n"
		"# Keys are named as QEMU's device properties. Lines that begin with '#' or ';' "
		"are comments;\n"
		"# so is what follows ' ;' in a line. A line \"#key = value\" shows the "
		"default, or, for a key\n"
		"# without one, an example. Sizes take b, k, M, G, T, P and E.\n"
		"# Written from the program's key table; do not edit nvmesim.conf.example.\n");
	example_section(out, CONF_SUBSYS, "subsys0", "");
	example_section(out, CONF_CTRL, "nvme0", "");
	example_section(out, CONF_NS, "ns0", "");
	example_section(out, CONF_DRIVE, "drive0", "size");
	example_section(out, CONF_MEMORY, "memory0", "");
	example_section(out, CONF_DAEMON, "", "");
}

/* Text for scdoc, which takes '*' and '_' for emphasis. */
static void man_text(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (strchr("*_\\~", *s))
			fputc('\\', out);
		fputc(*s, out);
	}
}

static void man_later(FILE *out, enum conf_kind kind)
{
	const char *comma = "";
	unsigned int i;

	fprintf(out, "Not supported yet, refused unless given the default:\n");
	for (i = 0; i < conf_nr_keys; i++) {
		if (!in_file(&conf_keys[i], kind, true))
			continue;
		fprintf(out, "%s", comma);
		man_text(out, conf_keys[i].name);
		comma = ",\n";
	}
	fprintf(out, ".\n\n");
}

void conf_man(FILE *out)
{
	unsigned int i;
	int kind;

	for (kind = 0; kind < CONF_NR_KINDS; kind++) {
		const struct conf_kind_row *row = &conf_kinds[kind];
		const char *device = row->driver ? row->driver : "";

		fprintf(out, "## [%s%s]%s%s\n\n", row->section, kind == CONF_DAEMON ? "" : " X",
			kind == CONF_DRIVE    ? ", -drive"
			: kind == CONF_MEMORY ? ", -object "
			: row->driver	      ? ", -device "
					      : "",
			device);
		man_text(out, row->help);
		fprintf(out, "\n\n");
		for (i = 0; i < conf_nr_keys; i++) {
			const struct conf_key *k = &conf_keys[i];

			if (k->kind != (enum conf_kind)kind || k->flags & CONF_LATER)
				continue;
			fprintf(out, "*%s*=_%s_", k->name, k->qtype);
			if (k->def) {
				fprintf(out, " (default: ");
				man_text(out, k->def);
				fprintf(out, ")");
			}
			fprintf(out, "\n\t");
			man_text(out, k->help);
			fprintf(out, ".%s\n\n",
				k->flags & CONF_ONLY_FILE  ? " Only in the file." :
				k->flags & CONF_ONLY_WORDS ? " Only in QEMU's words." :
							     "");
		}
		if (has_later(kind))
			man_later(out, kind);
	}
}
