/* SPDX-License-Identifier: MIT */
/*
 * file.c - the reader of nvmesim.conf.
 *
 * inih takes the lines apart; this file hands it the lines one by one, and so knows which one
 * it is at whatever the library was built with (line numbers, its line length, its way with
 * continued lines). A section without keys is an object too: after each section header the
 * library is handed an empty key, and the handler learns the section's name from it.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "conf_priv.h"

#define MAX_SECTION 49 /* characters inih keeps of a section's name */

/** struct reader - the state of a file being read */
struct reader {
	struct conf *c;
	FILE *f;
	const char *name;
	char *line; /* getline()'s */
	size_t cap;
	unsigned int lineno;
	struct conf_where where; /* NAME:LINE */
	bool header;		 /* the library was handed a header: it gets an empty key next */
	bool opening;		 /* the empty key is on its way */
	bool want_key;		 /* the line handed over should reach the handler */
	bool daemon_seen;	 /* [daemon] is there only once */
	bool in_section;
	struct conf_obj obj;
	char *err;
	size_t len;
	bool failed;
};

static void fail(struct reader *r, const char *what)
{
	conf_fail(r->err, r->len, r->where.text, NULL, "%s", what);
	r->failed = true;
}

/* What was wrong with the line before, if it should have reached the handler and did not. */
static void check_last(struct reader *r)
{
	if (r->want_key && !r->failed)
		fail(r, "is no section, key or comment; allowed: [SECTION NAME], KEY = VALUE, "
			"# COMMENT");
	r->want_key = false;
}

/* Length of the name in the header "[NAME]" at @s, which a comment may follow; -1: it is none. */
static int header_name(const char *s)
{
	const char *end = strchr(s, ']'), *after;

	if (!end)
		return -1;
	after = end + 1 + strspn(end + 1, " \t");
	return *after && !strchr(";#", *after) ? -1 : (int)(end - s - 1);
}

/* The next line of the file without blanks around it, or NULL at its end or after a mistake. */
static const char *read_line(struct reader *r)
{
	ssize_t n;
	char *s;

	r->lineno++;
	snprintf(r->where.text, sizeof(r->where.text), "%.480s:%u", r->name, r->lineno);
	n = getline(&r->line, &r->cap, r->f);
	if (n < 0) {
		if (ferror(r->f)) {
			conf_fail(r->err, r->len, r->name, NULL, "%s", strerror(errno));
			r->failed = true;
		}
		return NULL;
	}
	s = r->line;
	if (memchr(s, '\0', (size_t)n)) {
		fail(r, "a NUL byte in the line");
		return NULL;
	}
	while (n && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
	if (r->lineno == 1 && !strncmp(s, "\xef\xbb\xbf", 3))
		s += 3;
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* inih's reader: one line. Blanks at its start are gone: it would take it for a continued one. */
static char *next_line(char *buf, int size, void *stream)
{
	struct reader *r = stream;
	const char *s;
	int n;

	check_last(r);
	if (r->failed)
		return NULL;
	if (r->header) {
		r->header = false;
		r->opening = true;
		snprintf(buf, (size_t)size, "=\n");
		return buf;
	}
	s = read_line(r);
	if (!s)
		return NULL;
	if (strlen(s) + 2 > (size_t)size) {
		conf_fail(r->err, r->len, r->where.text, NULL,
			  "the line is too long; allowed: %d bytes", size - 2);
		r->failed = true;
		return NULL;
	}
	if (*s == '[') {
		n = header_name(s);
		if (n < 0 || n > MAX_SECTION) {
			fail(r, n < 0 ? "is no section header; allowed: [SECTION NAME]" :
					"the section's name is too long; allowed: 49 characters");
			return NULL;
		}
		r->header = true;
	} else {
		r->want_key = *s && *s != ';' && *s != '#';
	}
	snprintf(buf, (size_t)size, "%s\n", s);
	return buf;
}

/* Begin the object of "[KIND ID]". */
static int open_section(struct reader *r, const char *section)
{
	char *err = r->err;
	size_t len = r->len, n;
	char id[MAX_SECTION + 1];
	int kind;

	section += strspn(section, " \t");
	n = strcspn(section, " \t");
	snprintf(id, sizeof(id), "%s", section + n + strspn(section + n, " \t"));
	for (kind = 0; kind < CONF_NR_KINDS; kind++)
		if (strlen(conf_kinds[kind].section) == n &&
		    !strncmp(conf_kinds[kind].section, section, n))
			break;
	if (kind == CONF_NR_KINDS)
		return conf_fail(err, len, r->where.text, NULL,
				 "no such section: [%s]; allowed: [subsystem X], [controller X], "
				 "[namespace X], [drive X], [memory X], [daemon]",
				 section);
	r->in_section = true;
	if (kind == CONF_DAEMON) {
		if (*id)
			return conf_fail(err, len, r->where.text, NULL,
					 "[daemon] has no name; allowed: [daemon]");
		if (r->daemon_seen)
			return conf_fail(err, len, r->where.text, NULL, "a second [daemon]");
		r->daemon_seen = true;
		r->obj = (struct conf_obj){ .kind = kind, .from_file = true };
		return 0;
	}
	if (!*id)
		return conf_fail(err, len, r->where.text, NULL,
				 "[%s] needs a name; allowed: [%s X]", conf_kinds[kind].section,
				 conf_kinds[kind].section);
	for (n = strlen(id); n && isspace((unsigned char)id[n - 1]); n--)
		id[n - 1] = '\0';
	return conf_new(r->c, &r->obj, kind, id, true, r->where.text, err, len);
}

static int take_key(struct reader *r, const char *name, const char *value)
{
	if (!*name)
		return conf_fail(r->err, r->len, r->where.text, NULL,
				 "a value without a key; allowed: KEY = VALUE");
	if (!r->in_section)
		return conf_fail(r->err, r->len, r->where.text, name,
				 "a key before the first section; allowed: [SECTION NAME] first");
	return conf_set(r->c, &r->obj, name, value, r->where.text, r->err, r->len);
}

/* inih's handler. Return: 1, or 0 to say that the line is wrong. */
static int handle(void *user, const char *section, const char *name, const char *value
#if INI_HANDLER_LINENO
		  ,
		  int lineno
#endif
)
{
	struct reader *r = user;

	if (r->failed)
		return 0;
	r->want_key = false;
	if (!name) /* a library that tells of new sections itself */
		return 1;
	if (r->opening) {
		r->opening = false;
		r->failed = open_section(r, section) != 0;
	} else {
		r->failed = take_key(r, name, value ? value : "") != 0;
	}
	return !r->failed;
}

int conf_read_file(struct conf *c, FILE *f, const char *name, char *err, size_t len)
{
	struct reader r = { .c = c, .f = f, .name = name, .err = err, .len = len };
	int ret;

	ret = ini_parse_stream(next_line, &r, handle, &r);
	check_last(&r);
	if (ret && !r.failed)
		fail(&r, ret < 0 ? "cannot be read" : "is no section, key or comment");
	free(r.line);
	return r.failed ? -1 : 0;
}
