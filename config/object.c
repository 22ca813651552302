/* SPDX-License-Identifier: MIT */
/*
 * object.c - objects of the model, and how a key's value gets into one.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf_priv.h"

/* where struct conf keeps the objects of a kind; every object begins with its conf_where */
static const struct {
	size_t array, count, size, id;
} stores[CONF_NR_KINDS] = {
#define STORE(st, arr, nr)                                                                         \
	{                                                                                          \
		offsetof(struct conf, arr), offsetof(struct conf, nr), sizeof(struct st),          \
			offsetof(struct st, id)                                                    \
	}
	[CONF_SUBSYS] = STORE(conf_subsys, subsys, nr_subsys),
	[CONF_CTRL] = STORE(conf_ctrl, ctrl, nr_ctrls),
	[CONF_NS] = STORE(conf_ns, ns, nr_ns),
	[CONF_DRIVE] = STORE(conf_drive, drive, nr_drives),
	[CONF_MEMORY] = STORE(conf_memory, memory, nr_memories),
};

static void **array_of(const struct conf *c, enum conf_kind kind)
{
	return (void **)((char *)c + stores[kind].array);
}

static unsigned int *count_of(const struct conf *c, enum conf_kind kind)
{
	return (unsigned int *)((char *)c + stores[kind].count);
}

void *conf_object(const struct conf *c, enum conf_kind kind, unsigned int index)
{
	if (kind == CONF_DAEMON)
		return (void *)&c->daemon;
	return (char *)*array_of(c, kind) + index * stores[kind].size;
}

int conf_fail(char *err, size_t len, const char *where, const char *key, const char *fmt, ...)
{
	size_t n, i;
	va_list ap;

	snprintf(err, len, "%s: %s%s", where, key ? key : "", key ? ": " : "");
	n = strlen(err);
	va_start(ap, fmt);
	vsnprintf(err + n, len - n, fmt, ap);
	va_end(ap);
	/* one line, whatever the words were */
	for (i = 0; err[i]; i++)
		if ((unsigned char)err[i] < 0x20 || err[i] == 0x7f)
			err[i] = '?';
	return -1;
}

unsigned int conf_distance(const char *a, const char *b)
{
	enum { MAX = 32 };
	unsigned int row[3][MAX + 1]; /* the last two rows of the matrix, and this one */
	size_t la = strlen(a), lb = strlen(b), i, j;

	if (la > MAX || lb > MAX)
		return 9;
	for (j = 0; j <= lb; j++)
		row[0][j] = (unsigned int)j;
	for (i = 1; i <= la; i++) {
		unsigned int *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		now[0] = (unsigned int)i;
		for (j = 1; j <= lb; j++) {
			unsigned int d = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < d)
				d = up[j] + 1;
			if (now[j - 1] + 1 < d)
				d = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < d)
				d = up2[j - 2] + 1;
			now[j] = d;
		}
	}
	return row[la % 3][lb] < 9 ? row[la % 3][lb] : 9;
}

bool conf_id_ok(const char *id)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-._";
	size_t n = strlen(id);

	return n && n < sizeof(((struct conf_drive *)0)->id) && strspn(id, letters) == n &&
	       !strchr("-._", id[0]);
}

int conf_find(const struct conf *c, enum conf_kind kind, const char *id)
{
	unsigned int i;

	for (i = 0; i < *count_of(c, kind); i++) {
		const char *obj = conf_object(c, kind, i);

		if (!strcmp(obj + stores[kind].id, id))
			return (int)i;
	}
	return -1;
}

/* Put a value where its key points, inside @obj. */
static int store(const struct conf_key *k, const struct conf_value *v, void *obj)
{
	char *target = (char *)obj + k->off;
	char *copy;

	switch (k->type) {
	case CONF_T_STR:
	case CONF_T_ASCII:
		copy = strdup(v->str);
		if (!copy)
			return -1;
		free(*(char **)target);
		*(char **)target = copy;
		return 0;
	case CONF_T_UUID:
	case CONF_T_NGUID:
		memcpy(target, v->bytes, k->size);
		return 0;
	default:
		break;
	}
	switch (k->size) {
	case 1:
		*(uint8_t *)target = (uint8_t)v->num;
		break;
	case 2:
		*(uint16_t *)target = (uint16_t)v->num;
		break;
	case 4:
		*(uint32_t *)target = (uint32_t)v->num;
		break;
	case 8:
		*(uint64_t *)target = v->num;
		break;
	}
	return 0;
}

static int set_defaults(enum conf_kind kind, void *obj)
{
	struct conf_value v;
	unsigned int i;
	char err[256];

	for (i = 0; i < conf_nr_keys; i++) {
		const struct conf_key *k = &conf_keys[i];

		if (k->kind != kind || !k->size || !k->def || k->flags & CONF_OWN_DRIVE)
			continue;
		if (conf_value(k, k->def, &v, err, sizeof(err)) || store(k, &v, obj))
			return -1;
	}
	return 0;
}

static unsigned int next_order(const struct conf *c)
{
	return c->nr_ctrls + c->nr_ns;
}

int conf_new(struct conf *c, struct conf_obj *o, enum conf_kind kind, const char *id,
	     bool from_file, const char *where, char *err, size_t len)
{
	unsigned int *count = count_of(c, kind);
	unsigned int order = next_order(c);
	size_t size = stores[kind].size;
	void *array;
	char *obj;
	int other;

	if (*id && !conf_id_ok(id))
		return conf_fail(err, len, where, "id",
				 "must be an identifier (letters, digits, '-', '.', '_', beginning "
				 "with a letter or digit, at most 63), not '%.80s'",
				 id);
	other = *id ? conf_find(c, kind, id) : -1;
	if (other >= 0) {
		const struct conf_where *w = conf_object(c, kind, (unsigned int)other);

		return conf_fail(err, len, where, "id", "duplicate id '%s', first used at %s", id,
				 w->text);
	}
	array = realloc(*array_of(c, kind), (*count + 1) * size);
	if (!array)
		return conf_fail(err, len, where, NULL, "no memory");
	*array_of(c, kind) = array;
	obj = (char *)array + *count * size;
	memset(obj, 0, size);
	snprintf(((struct conf_where *)obj)->text, sizeof(((struct conf_where *)obj)->text), "%s",
		 where);
	snprintf(obj + stores[kind].id, sizeof(((struct conf_drive *)0)->id), "%s", id);
	if (o)
		*o = (struct conf_obj){ .kind = kind, .index = *count, .from_file = from_file };
	++*count;
	if (kind == CONF_CTRL) {
		((struct conf_ctrl *)obj)->index = -1;
		((struct conf_ctrl *)obj)->memory_index = -1;
		((struct conf_ctrl *)obj)->order = order;
	} else if (kind == CONF_NS) {
		((struct conf_ns *)obj)->order = order;
		((struct conf_ns *)obj)->own = from_file;
		((struct conf_ns *)obj)->drive_index = -1;
		((struct conf_ns *)obj)->ctrl_index = (int)c->nr_ctrls - 1;
	}
	if (set_defaults(kind, obj))
		return conf_fail(err, len, where, NULL, "no memory");
	return 0;
}

/* Does a reader of files (or of words) take row @k? */
static bool readable(const struct conf_key *k, bool from_file)
{
	return !(k->flags & (from_file ? CONF_ONLY_WORDS : CONF_ONLY_FILE));
}

/* What an object of @kind is called there */
static const char *kind_name(enum conf_kind kind, bool from_file, char *buf, size_t len)
{
	const struct conf_kind_row *row = &conf_kinds[kind];

	if (from_file || (!row->driver && kind != CONF_DRIVE))
		snprintf(buf, len, "[%s]", row->section);
	else
		snprintf(buf, len, "%s", row->driver ? row->driver : "-drive");
	return buf;
}

static bool name_matches(const struct conf_key *k, const char *key)
{
	size_t n = strlen(k->name);

	if (k->name[n - 1] == '*')
		return !strncmp(k->name, key, n - 1);
	return !strcmp(k->name, key);
}

static bool is_bool(enum conf_kind kind, const char *name)
{
	unsigned int i;

	for (i = 0; i < conf_nr_keys; i++)
		if (conf_keys[i].kind == kind && !strcmp(conf_keys[i].name, name))
			return conf_keys[i].type == CONF_T_BOOL;
	return false;
}

static int unknown_key(const struct conf_obj *o, const char *key, const char *where, char *err,
		       size_t len)
{
	const struct conf_key *best = NULL, *elsewhere = NULL;
	unsigned int best_d = strlen(key) > 4 ? 3 : 2; /* fewer slips than this */
	char name[32], other[32], list[512] = "";
	size_t n = 0;
	unsigned int i;

	kind_name(o->kind, o->from_file, name, sizeof(name));
	for (i = 0; i < conf_nr_keys; i++) {
		const struct conf_key *k = &conf_keys[i];
		unsigned int d = conf_distance(key, k->name);

		if (!readable(k, o->from_file))
			continue;
		if (!d)
			elsewhere = k;
		if (k->kind != o->kind)
			continue;
		if (d < best_d) {
			best = k;
			best_d = d;
		}
		if (!(k->flags & CONF_LATER) && n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
					      k->name);
	}
	if (!o->from_file && !strncmp(key, "no", 2) && is_bool(o->kind, key + 2))
		return conf_fail(err, len, where, key, "no such key of %s; write %s=off", name,
				 key + 2);
	if (best)
		return conf_fail(err, len, where, key, "no such key of %s; did you mean '%s'?",
				 name, best->name);
	if (elsewhere && strcmp(key, "id"))
		return conf_fail(err, len, where, key, "no such key of %s; it is one of %s", name,
				 kind_name(elsewhere->kind, o->from_file, other, sizeof(other)));
	return conf_fail(err, len, where, key, "no such key of %s; allowed: %s", name, list);
}

static bool same_value(const struct conf_key *k, const struct conf_value *v)
{
	struct conf_value def;
	char err[256];

	if (!k->def || conf_value(k, k->def, &def, err, sizeof(err)))
		return false;
	if (k->type == CONF_T_STR || k->type == CONF_T_ASCII)
		return !strcmp(v->str, def.str);
	return v->num == def.num;
}

/* Was the target of row @row given already, under this name or another? */
static const struct conf_key *given(const struct conf_obj *o, unsigned int row)
{
	const struct conf_key *k = &conf_keys[row];
	unsigned int i;

	if (o->seen[row])
		return k;
	for (i = 0; i < conf_nr_keys; i++)
		if (o->seen[i] && k->size && conf_keys[i].size && conf_keys[i].off == k->off &&
		    !((conf_keys[i].flags ^ k->flags) & CONF_OWN_DRIVE))
			return &conf_keys[i];
	return NULL;
}

/* The drive that belongs to a namespace of a file; made when the first of its keys is given. */
static int own_drive(struct conf *c, struct conf_ns *ns, char *err, size_t len)
{
	if (ns->drive_index >= 0)
		return 0;
	if (conf_new(c, NULL, CONF_DRIVE, "", true, ns->where.text, err, len))
		return -1;
	ns->drive_index = (int)c->nr_drives - 1;
	return 0;
}

int conf_set(struct conf *c, struct conf_obj *o, const char *key, const char *value,
	     const char *where, char *err, size_t len)
{
	const struct conf_key *k = NULL, *other;
	struct conf_value v;
	char what[320];
	void *obj;
	unsigned int row;

	for (row = 0; row < conf_nr_keys; row++) {
		k = &conf_keys[row];
		if (k->kind == o->kind && readable(k, o->from_file) && name_matches(k, key))
			break;
	}
	if (row == conf_nr_keys)
		return unknown_key(o, key, where, err, len);
	other = given(o, row);
	if (other == k)
		return conf_fail(err, len, where, key, "given twice");
	if (other)
		return conf_fail(err, len, where, key, "is the same as '%s', which is given too",
				 other->name);
	o->seen[row] = true;
	if (conf_value(k, value, &v, what, sizeof(what))) {
		if (k->flags & CONF_LATER)
			return conf_fail(err, len, where, key, "not supported yet");
		return conf_fail(err, len, where, key, "%s", what);
	}
	if (k->flags & CONF_LATER) {
		if (same_value(k, &v))
			return 0; /* QEMU's default, and what is done here */
		return conf_fail(err, len, where, key, "not supported yet%s%s",
				 k->def ? "; allowed: " : "", k->def ? k->def : "");
	}
	obj = conf_object(c, o->kind, o->index);
	if (k->flags & CONF_OWN_DRIVE) {
		struct conf_ns *ns = obj;

		if (own_drive(c, ns, err, len))
			return -1;
		obj = &c->drive[ns->drive_index];
	}
	if (k->size && store(k, &v, obj))
		return conf_fail(err, len, where, NULL, "no memory");
	if (k->type == CONF_T_UUID) {
		static const uint8_t none[16];

		/* QEMU's default, all zeroes, is no UUID */
		((struct conf_ns *)obj)->uuid_set = memcmp(v.bytes, none, sizeof(none)) != 0;
	}
	return 0;
}

void conf_init(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	set_defaults(CONF_DAEMON, &c->daemon);
}

void conf_free(struct conf *c)
{
	unsigned int i, j;

	for (i = 0; i < conf_nr_keys; i++) {
		const struct conf_key *k = &conf_keys[i];
		unsigned int n = k->kind == CONF_DAEMON ? 1 : *count_of(c, k->kind);

		if (!k->size || (k->type != CONF_T_STR && k->type != CONF_T_ASCII) ||
		    k->flags & CONF_OWN_DRIVE)
			continue;
		for (j = 0; j < n; j++) {
			char **s = (char **)((char *)conf_object(c, k->kind, j) + k->off);

			free(*s);
			*s = NULL; /* two rows may have one target */
		}
	}
	for (i = 0; i < CONF_DAEMON; i++)
		free(*array_of(c, i));
	memset(c, 0, sizeof(*c));
}
