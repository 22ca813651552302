/* SPDX-License-Identifier: MIT */
/*
 * tree.c - from a path to its row, and from a directory to its entries.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rows.h"

#define MAX_LINKS 40

/* ---- names of objects ---- */

int sys_ctrl_name(const struct sys *s, const struct dmn_fn *f, char *buf, size_t len)
{
	return snprintf(buf, len, "nvme%u", s->base + (unsigned int)f->index);
}

int sys_ns_name(const struct sys *s, const struct dmn_node *n, bool generic, char *buf, size_t len)
{
	return snprintf(buf, len, "%s%un%u", generic ? "ng" : "nvme",
			s->base + (unsigned int)n->fn->index, n->ref.nsid);
}

int sys_subsys_name(const struct sys *s, const struct mach_subsys *ms, char *buf, size_t len)
{
	return snprintf(buf, len, "nvme-subsys%u",
			s->base + (unsigned int)dmn_subsys_number(s->m, ms));
}

/* ---- what a component with '%' stands for: the object after *@pos ---- */

typedef bool (*next_fn)(struct sys_ctx *x, const void **pos, char *name, size_t len);

static bool next_function(struct sys_ctx *x, const void **pos, char *name, size_t len)
{
	struct dmn_fn *f = *pos ? ((const struct dmn_fn *)*pos)->next : dmn_fns(x->s->m);

	while (f && !f->present)
		f = f->next;
	if (!f)
		return false;
	*pos = x->fn = f;
	snprintf(name, len, "%s", f->name);
	return true;
}

static bool next_ctrl(struct sys_ctx *x, const void **pos, char *name, size_t len)
{
	struct dmn_fn *f = *pos ? ((const struct dmn_fn *)*pos)->next : dmn_fns(x->s->m);

	while (f && (!f->bound || (x->subsys && f->subsys != x->subsys)))
		f = f->next;
	if (!f)
		return false;
	*pos = x->fn = f;
	sys_ctrl_name(x->s, f, name, len);
	return true;
}

static bool next_ctrl_of_fn(struct sys_ctx *x, const void **pos, char *name, size_t len)
{
	if (*pos || !x->fn->bound)
		return false;
	*pos = x->fn;
	sys_ctrl_name(x->s, x->fn, name, len);
	return true;
}

static bool next_node(struct sys_ctx *x, const void **pos, bool of_fn, bool generic, char *name,
		      size_t len)
{
	struct dmn_node *n =
		*pos ? ((const struct dmn_node *)*pos)->next : dmn_machine_nodes(x->s->m);

	while (n && (!n->ref.nsid || (of_fn && n->fn != x->fn)))
		n = n->next;
	if (!n)
		return false;
	*pos = x->node = n;
	x->fn = n->fn;
	sys_ns_name(x->s, n, generic, name, len);
	return true;
}

static bool next_block(struct sys_ctx *x, const void **pos, char *name, size_t len)
{
	return next_node(x, pos, true, false, name, len);
}

static bool next_generic(struct sys_ctx *x, const void **pos, char *name, size_t len)
{
	return next_node(x, pos, false, true, name, len);
}

static bool next_generic_of_fn(struct sys_ctx *x, const void **pos, char *name, size_t len)
{
	return next_node(x, pos, true, true, name, len);
}

static bool next_subsys(struct sys_ctx *x, const void **pos, char *name, size_t len)
{
	struct dmn_fn *f = *pos ? ((const struct dmn_fn *)*pos)->next : dmn_fns(x->s->m);

	/* at its first controller that the driver has */
	for (; f; f = f->next) {
		struct dmn_fn *g = dmn_fns(x->s->m);

		while (g != f && (!g->bound || g->subsys != f->subsys))
			g = g->next;
		if (f->bound && g == f)
			break;
	}
	if (!f)
		return false;
	*pos = f;
	x->subsys = f->subsys;
	sys_subsys_name(x->s, f->subsys, name, len);
	return true;
}

static bool next_vf(struct sys_ctx *x, const void **pos, char *name, size_t len)
{
	struct dmn_fn *f = *pos ? ((const struct dmn_fn *)*pos)->next : dmn_fns(x->s->m);

	while (f && (!f->present || f->pf != x->fn))
		f = f->next;
	if (!f)
		return false;
	*pos = f;
	x->n = f->vf;
	snprintf(name, len, "virtfn%u", f->vf - 1);
	return true;
}

static bool next_bar(struct sys_ctx *x, const void **pos, char *name, size_t len)
{
	unsigned int bar = *pos ? x->n + 1 : 0;

	while (bar < 6 && !sim_bar_size(x->fn->fn, bar))
		bar++;
	if (bar == 6)
		return false;
	x->n = bar;
	*pos = x;
	snprintf(name, len, "resource%u", bar);
	return true;
}

static const struct {
	char letter;
	next_fn next;
} objects[] = {
	{ 'F', next_function }, { 'C', next_ctrl },    { 'c', next_ctrl_of_fn },
	{ 'b', next_block },	{ 'G', next_generic }, { 'g', next_generic_of_fn },
	{ 'S', next_subsys },	{ 'V', next_vf },      { 'R', next_bar },
};

static next_fn object_of(const char *component)
{
	size_t i = 0;

	while (objects[i].letter != component[1])
		i++; /* a row names no other */
	return objects[i].next;
}

/* ---- matching ---- */

static const struct sys_rows *const tables[] = { &sys_pci_rows, &sys_driver_rows, &sys_nvme_rows };

#define NR_TABLES (sizeof(tables) / sizeof(tables[0]))

/* length of the component at @p */
static size_t component(const char *p)
{
	return strcspn(p, "/");
}

static bool component_is(const char *p, size_t n, const char *name)
{
	return strlen(name) == n && !memcmp(p, name, n);
}

/* does the component of a row at @pat stand for @p? The object goes into @x. */
static bool match_one(struct sys_ctx *x, const char *pat, const char *p, size_t n)
{
	const void *pos = NULL;
	char name[64];
	next_fn next;

	if (*pat != '%')
		return component(pat) == n && !memcmp(pat, p, n);
	next = object_of(pat);
	while (next(x, &pos, name, sizeof(name)))
		if (component_is(p, n, name))
			return true;
	return false;
}

/* what is left of the row's path after @path: "" all of it matched; NULL: it does not match */
static const char *match(const struct sys *s, const struct sys_row *r, const char *path,
			 struct sys_ctx *x)
{
	const char *pat = r->path, *p = path;

	*x = (struct sys_ctx){ .s = s };
	while (*p) {
		size_t n = component(p);

		if (!*pat || !match_one(x, pat, p, n))
			return NULL;
		p += n + (p[n] == '/');
		pat += component(pat);
		pat += *pat == '/';
	}
	if (r->has && x->fn && !r->has(x))
		return NULL;
	return pat;
}

static void fill(const struct sys_row *r, const struct sys_ctx *x, struct sys_ent *e)
{
	*e = (struct sys_ent){ .row = r, .ctx = *x, .kind = SYS_DIR, .mode = 0755 };
	if (!r)
		return;
	e->kind = r->kind;
	e->mode = r->kind == SYS_LINK ? 0777 : r->mode;
	e->binary = r->pread || r->pwrite;
	e->map = r->map;
	if (r->kind == SYS_FILE)
		e->size = r->size ? r->size(x) : SYS_TEXT_MAX;
}

int sys_find(const struct sys *s, const char *path, struct sys_ent *e)
{
	bool dir = !*path;
	struct sys_ctx x = { .s = s };

	fill(NULL, &x, e);
	for (unsigned int i = 0; i < NR_TABLES; i++) {
		for (unsigned int j = 0; j < tables[i]->nr; j++) {
			const struct sys_row *r = &tables[i]->row[j];
			const char *rest = match(s, r, path, &x);

			if (!rest)
				continue;
			if (!*rest && *path) {
				fill(r, &x, e);
				return 0;
			}
			if (!dir)
				fill(NULL, &x, e);
			dir = true;
		}
	}
	return dir ? 0 : -ENOENT;
}

/* ---- listing ---- */

/** struct listing - entries given already */
struct listing {
	int (*each)(void *arg, const char *name, const struct sys_ent *e);
	void *arg;
	char (*seen)[64];
	size_t nr, max;
	int ret;
};

static bool list_one(struct listing *l, const char *name, const struct sys_row *r,
		     const struct sys_ctx *x)
{
	struct sys_ent e;

	for (size_t i = 0; i < l->nr; i++)
		if (!strcmp(l->seen[i], name))
			return true;
	if (l->nr == l->max) {
		void *more = realloc(l->seen, (l->max = l->max ? 2 * l->max : 64) * 64);

		if (!more) {
			l->ret = -ENOMEM;
			return false;
		}
		l->seen = more;
	}
	snprintf(l->seen[l->nr++], 64, "%s", name);
	fill(r, x, &e);
	l->ret = l->each(l->arg, name, &e);
	return !l->ret;
}

/* the row's next component, in a directory that is @x */
static bool list_row(struct listing *l, const struct sys_row *r, const char *rest,
		     struct sys_ctx *x)
{
	size_t n = component(rest);
	const struct sys_row *leaf = rest[n] ? NULL : r;
	const void *pos = NULL;
	char name[64];
	next_fn next;

	if (*rest != '%') {
		snprintf(name, sizeof(name), "%.*s", (int)n, rest);
		return list_one(l, name, leaf, x);
	}
	next = object_of(rest);
	while (next(x, &pos, name, sizeof(name))) {
		if (r->has && !r->has(x))
			continue;
		if (!list_one(l, name, leaf, x))
			return false;
	}
	return true;
}

int sys_list(const struct sys *s, const char *path,
	     int (*each)(void *arg, const char *name, const struct sys_ent *e), void *arg)
{
	struct listing l = { .each = each, .arg = arg };
	bool go = true;

	for (unsigned int i = 0; i < NR_TABLES && go; i++) {
		for (unsigned int j = 0; j < tables[i]->nr && go; j++) {
			const struct sys_row *r = &tables[i]->row[j];
			struct sys_ctx x;
			const char *rest = match(s, r, path, &x);

			if (rest && *rest)
				go = list_row(&l, r, rest, &x);
		}
	}
	free(l.seen);
	return l.ret;
}

/* ---- walking ---- */

/* @path, whose components replace what follows in *@todo */
static int prepend(char todo[SYS_PATH_MAX], const char *path, const char *rest)
{
	char all[SYS_PATH_MAX];
	int n = snprintf(all, sizeof(all), "%s%s%s", path, *rest ? "/" : "", rest);

	if (n < 0 || (size_t)n >= sizeof(all))
		return -ENAMETOOLONG;
	memcpy(todo, all, (size_t)n + 1);
	return 0;
}

static void up(char *canon)
{
	char *slash = strrchr(canon, '/');

	*(slash ? slash : canon) = '\0';
}

static int step(const struct sys *s, char canon[SYS_PATH_MAX], const char *name, size_t n,
		struct sys_ent *e)
{
	size_t have = strlen(canon);

	if (have + n + 2 > SYS_PATH_MAX)
		return -ENAMETOOLONG;
	sprintf(canon + have, "%s%.*s", have ? "/" : "", (int)n, name);
	return sys_find(s, canon, e);
}

int sys_resolve(const struct sys *s, const char *path, bool follow, char canon[SYS_PATH_MAX],
		struct sys_ent *e)
{
	char todo[SYS_PATH_MAX], target[SYS_PATH_MAX];
	size_t len = strlen(path);
	bool dir = len && path[len - 1] == '/'; /* it must be one */
	const char *p = todo;
	unsigned int links = 0;
	int err = prepend(todo, path, "");

	canon[0] = '\0';
	if (!err)
		err = sys_find(s, "", e);
	while (!err) {
		ssize_t n;

		p += strspn(p, "/");
		if (!*p)
			break;
		if (e->kind != SYS_DIR)
			return -ENOTDIR;
		n = (ssize_t)component(p);
		if (component_is(p, (size_t)n, ".") || component_is(p, (size_t)n, "..")) {
			if (n == 2)
				up(canon);
			err = sys_find(s, canon, e);
			p += n;
			continue;
		}
		err = step(s, canon, p, (size_t)n, e);
		p += n;
		if (err || e->kind != SYS_LINK || (!p[strspn(p, "/")] && !follow && !dir))
			continue;
		if (++links > MAX_LINKS)
			return -ELOOP;
		n = sys_read(e, target, sizeof(target) - 1, 0);
		if (n < 0)
			return (int)n;
		target[n] = '\0';
		up(canon);
		err = prepend(todo, target, p + strspn(p, "/"));
		p = todo;
		if (!err)
			err = sys_find(s, canon, e);
	}
	return !err && dir && e->kind != SYS_DIR ? -ENOTDIR : err;
}

/* ---- contents ---- */

bool sys_may(const struct sys_ent *e, int want)
{
	return (!(want & R_OK) || e->mode & 0444) && (!(want & W_OK) || e->mode & 0222);
}

ssize_t sys_read(const struct sys_ent *e, void *buf, size_t len, uint64_t off)
{
	char text[SYS_TEXT_MAX];
	int n;

	if (e->kind == SYS_DIR)
		return -EISDIR;
	if (e->row->pread)
		return e->row->pread(&e->ctx, buf, len, off);
	if (!e->row->read)
		return -EIO;
	n = e->row->read(&e->ctx, text, sizeof(text));
	if (n >= (int)sizeof(text)) /* as snprintf() counts: what did not fit */
		n = (int)sizeof(text) - 1;
	if (n < 0 || (uint64_t)n <= off)
		return n < 0 ? n : 0;
	if (len > (size_t)n - off)
		len = (size_t)n - off;
	memcpy(buf, text + off, len);
	return (ssize_t)len;
}

ssize_t sys_write(const struct sys_ent *e, const void *buf, size_t len, uint64_t off)
{
	char text[SYS_TEXT_MAX];
	int err;

	if (e->kind != SYS_FILE)
		return -EISDIR;
	if (!len)
		return 0;
	if (e->row->pwrite)
		return e->row->pwrite(&e->ctx, buf, len, off);
	if (!e->row->write)
		return -EIO;
	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, buf, len);
	text[len] = '\0';
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	err = e->row->write(&e->ctx, text);
	return err ? err : (ssize_t)len;
}

int sys_number(const char *text, uint64_t max, uint64_t *val)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*val = strtoull(text, &end, 0);
	if (*end)
		return -EINVAL;
	return errno || *val > max ? -ERANGE : 0;
}

int sys_bool(const char *text, bool *val)
{
	if (strchr("yYtT1", *text) && *text)
		*val = true;
	else if (strchr("nNfF0", *text) && *text)
		*val = false;
	else if (!strncasecmp(text, "on", 2) || !strncasecmp(text, "of", 2))
		*val = (text[1] | 0x20) == 'n';
	else
		return -EINVAL;
	return 0;
}
