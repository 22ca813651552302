/* SPDX-License-Identifier: MIT */
/*
 * words.c - the reader of QEMU's -drive, -device and -object arguments.
 *
 * "nvme,id=a,serial=x": options between commas, a comma in a value written twice, the first of
 * -device may leave out "driver=", that of -object "qom-type=". A trailing comma is no option, as
 * in QEMU.
 */
#include <stdlib.h>
#include <string.h>

#include "conf_priv.h"

/** struct word - one option; value NULL: a name alone */
struct word {
	char *name, *value;
};

/** struct words - an argument taken apart */
struct words {
	char *text; /* what the words point into */
	struct word *word;
	unsigned int nr;
};

static void words_free(struct words *ws)
{
	free(ws->text);
	free(ws->word);
}

/* End the string at @s where a single comma stands, and write ",," as ','. Return: what follows. */
static char *take_value(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (*s == ',' && *++s != ',') {
			*out = '\0';
			return s;
		}
		*out++ = *s;
	}
	*out = '\0';
	return s;
}

/* @implied: name of a first word without '=', or NULL. Return: 0, or -1 without memory. */
static int words_split(struct words *ws, const char *value, const char *implied)
{
	unsigned int commas = 0;
	const char *p;
	char *s;

	for (p = value; *p; p++)
		commas += *p == ',';
	ws->nr = 0;
	ws->word = calloc(commas + 1, sizeof(*ws->word));
	ws->text = strdup(value);
	if (!ws->word || !ws->text) {
		words_free(ws);
		return -1;
	}
	for (s = ws->text; *s;) {
		struct word *w = &ws->word[ws->nr];
		size_t n = strcspn(s, "=,");

		if (s[n] == '=') {
			w->name = s;
			w->value = s + n + 1;
			s[n] = '\0';
			s = take_value(w->value);
		} else if (implied && !ws->nr) {
			w->name = NULL;
			w->value = s;
			s = take_value(s);
		} else {
			w->name = s;
			s += n;
			if (*s)
				*s++ = '\0';
		}
		ws->nr++;
	}
	if (ws->nr && !ws->word[0].name)
		ws->word[0].name = (char *)implied;
	return 0;
}

static bool is_help(const char *s)
{
	return s && (!strcmp(s, "help") || !strcmp(s, "?"));
}

/* The value of option @name, or NULL; *@index: which word. */
static const char *words_get(const struct words *ws, const char *name, unsigned int *index)
{
	unsigned int i;

	for (i = 0; i < ws->nr; i++) {
		if (strcmp(ws->word[i].name, name) || !ws->word[i].value)
			continue;
		*index = i;
		return ws->word[i].value;
	}
	return NULL;
}

static const char *implied_name(const char *opt)
{
	if (!strcmp(opt, "-object"))
		return "qom-type";
	return strcmp(opt, "-device") ? NULL : "driver";
}

bool conf_word_help(const char *opt, const char *value, char **driver)
{
	const char *name;
	struct words ws;
	unsigned int i;
	bool help = false;

	*driver = NULL;
	if (words_split(&ws, value, implied_name(opt)))
		return false;
	for (i = 0; i < ws.nr; i++)
		help |= !ws.word[i].value && is_help(ws.word[i].name);
	if (!strcmp(opt, "-object"))
		name = conf_kinds[CONF_MEMORY].driver;
	else
		name = strcmp(opt, "-device") ? "drive" : words_get(&ws, "driver", &i);
	help |= is_help(name);
	if (help && name && !is_help(name))
		*driver = strdup(name);
	words_free(&ws);
	return help;
}

static int find_device(const char *name)
{
	int kind;

	for (kind = 0; kind < CONF_NR_KINDS; kind++)
		if (kind != CONF_MEMORY && conf_kinds[kind].driver &&
		    !strcmp(conf_kinds[kind].driver, name))
			return kind;
	return -1;
}

/* A name alone is "on" for a boolean; nothing else can do without a value. */
static const char *short_form(enum conf_kind kind, const char *name)
{
	unsigned int i;

	for (i = 0; i < conf_nr_keys; i++)
		if (conf_keys[i].kind == kind && !strcmp(conf_keys[i].name, name))
			return conf_keys[i].type == CONF_T_BOOL ? "on" : NULL;
	return "on"; /* no such key: conf_set() says so */
}

static int set_words(struct conf *c, enum conf_kind kind, const struct words *ws, int driver_word,
		     const char *where, char *err, size_t len)
{
	struct conf_obj o;
	const char *id;
	unsigned int i, id_word = ws->nr;

	id = words_get(ws, "id", &id_word);
	if (id && !*id)
		return conf_fail(err, len, where, "id", "must not be empty");
	if (!id && (kind == CONF_DRIVE || kind == CONF_MEMORY))
		return conf_fail(err, len, where, "id",
				 "id property not set; a device names the "
				 "%s by it",
				 conf_kinds[kind].section);
	if (conf_new(c, &o, kind, id ? id : "", false, where, err, len))
		return -1;
	for (i = 0; i < ws->nr; i++) {
		const struct word *w = &ws->word[i];
		const char *value = w->value;

		if ((int)i == driver_word || i == id_word)
			continue;
		if (!*w->name)
			return conf_fail(err, len, where, NULL,
					 "an option without a name; allowed: KEY=VALUE,...");
		if (driver_word >= 0 && !strcmp(w->name, ws->word[driver_word].name))
			return conf_fail(err, len, where, w->name, "given twice");
		if (id_word < ws->nr && !strcmp(w->name, "id"))
			return conf_fail(err, len, where, "id", "given twice");
		if (!value)
			value = short_form(kind, w->name);
		if (!value)
			return conf_fail(err, len, where, w->name, "needs a value: %s=VALUE",
					 w->name);
		if (conf_set(c, &o, w->name, value, where, err, len))
			return -1;
	}
	return 0;
}

static int take_device(struct conf *c, const struct words *ws, const char *where, char *err,
		       size_t len)
{
	const char *driver;
	unsigned int word;
	int kind;

	driver = words_get(ws, "driver", &word);
	if (!driver || !*driver)
		return conf_fail(err, len, where, "driver",
				 "Parameter 'driver' is missing; allowed: nvme, nvme-ns, "
				 "nvme-subsys");
	if (*driver == '{')
		return conf_fail(err, len, where, NULL,
				 "JSON is not supported yet; allowed: DRIVER,KEY=VALUE,...");
	kind = find_device(driver);
	if (kind < 0)
		return conf_fail(err, len, where, "driver",
				 "'%.80s' is not a valid device model name; allowed: nvme, "
				 "nvme-ns, nvme-subsys",
				 driver);
	return set_words(c, kind, ws, (int)word, where, err, len);
}

static int take_object(struct conf *c, const struct words *ws, const char *where, char *err,
		       size_t len)
{
	const char *want = conf_kinds[CONF_MEMORY].driver, *type;
	unsigned int word;

	type = words_get(ws, "qom-type", &word);
	if (!type || !*type)
		return conf_fail(err, len, where, "qom-type",
				 "Parameter 'qom-type' is missing; allowed: %s", want);
	if (strcmp(type, want))
		return conf_fail(err, len, where, "qom-type",
				 "invalid object type: %.80s; allowed: %s", type, want);
	return set_words(c, CONF_MEMORY, ws, (int)word, where, err, len);
}

int conf_word(struct conf *c, const char *opt, const char *value, const char *where, char *err,
	      size_t len)
{
	char self[sizeof(((struct conf_where *)0)->text)];
	struct words ws;
	int ret;

	if (!where) {
		snprintf(self, sizeof(self), "%s %.200s%s", opt, value,
			 strlen(value) > 200 ? "..." : "");
		where = self;
	}
	if (words_split(&ws, value, implied_name(opt)))
		return conf_fail(err, len, where, NULL, "no memory");
	if (!strcmp(opt, "-device"))
		ret = take_device(c, &ws, where, err, len);
	else if (!strcmp(opt, "-object"))
		ret = take_object(c, &ws, where, err, len);
	else if (!ws.nr)
		ret = conf_fail(err, len, where, NULL, "nothing given; allowed: KEY=VALUE,...");
	else
		ret = set_words(c, CONF_DRIVE, &ws, -1, where, err, len);
	words_free(&ws);
	return ret;
}
