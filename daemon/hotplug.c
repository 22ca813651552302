/* SPDX-License-Identifier: MIT */
/*
 * hotplug.c - a controller that is plugged in while the machine runs, from the words that describe
 * one on a command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

static struct mach_subsys *subsys_by_id(struct dmn_machine *m, const char *id)
{
	struct mach_subsys *ms = m->subsys;

	while (ms && (!ms->id || strcmp(ms->id, id)))
		ms = ms->next;
	return ms;
}

static int fail(char *err, size_t len, const char *text)
{
	snprintf(err, len, "%s", text);
	return -1;
}

/* the machine's subsystems, so that subsys= finds them */
static int know_subsystems(struct dmn_machine *m, struct conf *c, char *err, size_t len)
{
	for (struct mach_subsys *ms = m->subsys; ms; ms = ms->next) {
		char word[512];

		if (!ms->id)
			continue;
		/* a comma in a value is written twice */
		snprintf(word, sizeof(word), "nvme-subsys,id=%s,nqn=", ms->id);
		for (const char *p = ms->nqn + strlen(CONF_NQN_PREFIX); *p; p++) {
			size_t n = strlen(word);

			snprintf(word + n, sizeof(word) - n, *p == ',' ? ",%c" : "%c", *p);
		}
		if (conf_word(c, "-device", word, "the machine", err, len))
			return -1;
	}
	return 0;
}

static int read_words(struct conf *c, const char *const *words, unsigned int n, char *err,
		      size_t len)
{
	for (unsigned int i = 0; i < n; i++) {
		bool device = !strncmp(words[i], "nvme", 4);

		if (!strncmp(words[i], "nvme-subsys", 11))
			return fail(err, len,
				    "a subsystem cannot be plugged in, only a controller");
		if (conf_word(c, device ? "-device" : "-drive", words[i], words[i], err, len))
			return -1;
	}
	if (c->nr_ctrls != 1)
		return fail(err, len, "one controller at a time: nvme,serial=...");
	return 0;
}

/* what conf_link() cannot know, as it sees the new part only */
static int check(struct dmn_machine *m, const struct conf *c, char *err, size_t len)
{
	const struct conf_ctrl *cc = &c->ctrl[0];
	struct mach_subsys *ms = cc->index >= 0 ? subsys_by_id(m, cc->subsys) : NULL;
	char nqn[224];

	if (ms && ms->serial && strcmp(ms->serial, cc->serial)) {
		snprintf(err, len,
			 "invalid controller serial; all controllers of subsystem '%s' have '%s'",
			 ms->id, ms->serial);
		return -1;
	}
	if (ms && c->nr_ns)
		return fail(err, len,
			    "a subsystem's namespaces are made when it is configured, or by "
			    "Namespace Management; a controller gets those that are shared");
	conf_nqn(c, cc, nqn, sizeof(nqn));
	for (struct mach_subsys *s = m->subsys; s && !ms; s = s->next) {
		if (!strcmp(s->nqn, nqn)) {
			snprintf(err, len,
				 "there is a subsystem of the NQN '%s'; give another serial", nqn);
			return -1;
		}
	}
	return 0;
}

static int build(struct build *b)
{
	struct dmn_machine *m = b->m;
	struct sim_msg msg = { "" };

	for (unsigned int i = 0; i < b->c->nr_subsys; i++)
		b->subsys[i] = subsys_by_id(m, b->c->subsys[i].id);
	if (build_ctrl(b, 0))
		return -1;
	for (unsigned int i = 0; i < b->c->nr_ns; i++)
		if (build_ns(b, &b->c->ns[i]))
			return -1;
	if (!b->fn[0]->subsys->id && sim_subsys_restore(b->fn[0]->subsys->sim, &msg))
		return build_fail(b, NULL, "%s", msg.text);
	b->fn[0]->present = true;
	if (m->autoprobe && dmn_fn_bind(b->fn[0], &msg))
		return build_fail(b, NULL, "%s", msg.text);
	return 0;
}

/* what build() began: the function goes, and the subsystem it brought */
static void take_back(struct build *b, const struct mach_subsys *last)
{
	struct mach_subsys *ms = b->m->subsys;

	if (b->fn[0]) {
		dmn_hot_remove(b->fn[0], false);
		return;
	}
	while (ms->next)
		ms = ms->next;
	if (ms != last)
		mach_subsys_drop(ms);
}

struct dmn_fn *dmn_hot_add(struct dmn_machine *m, const char *const *words, unsigned int n,
			   char *err, size_t len)
{
	struct conf c;
	struct build b = { .m = m, .c = &c, .err = err, .len = len };
	struct mach_subsys *last = m->subsys;
	struct dmn_fn *f = NULL;

	while (last && last->next)
		last = last->next;
	conf_init(&c);
	if (!know_subsystems(m, &c, err, len) && !read_words(&c, words, n, err, len) &&
	    !conf_link(&c, err, len) && !check(m, &c, err, len)) {
		b.subsys = calloc(c.nr_subsys + 1, sizeof(b.subsys[0]));
		b.fn = calloc(1, sizeof(b.fn[0]));
		if (!b.subsys || !b.fn)
			fail(err, len, "out of memory");
		else if (build(&b))
			take_back(&b, last);
		else
			f = b.fn[0];
	}
	free(b.subsys);
	free(b.fn);
	conf_free(&c);
	return f;
}
