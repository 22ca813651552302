/* SPDX-License-Identifier: MIT */
/*
 * fdp.c - the keys of Flexible Data Placement: QEMU's checks. What depends on other namespaces is
 * checked where they are made.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "conf_priv.h"

#define DEFAULT_RUNS (96ull << 20)
#define DEFAULT_OP   7
#define RUNS_MIN     (16ull << 10) /* four blocks of the largest size that hosts can format to */

#define FAIL(key, ...) conf_fail(err, len, s->where.text, key, __VA_ARGS__)

/* What is asked for without fdp=on would do nothing, and nobody would know. */
static int check_off(const struct conf_subsys *s, char *err, size_t len)
{
	const struct conf_fdp *f = &s->fdp;
	const struct {
		const char *key;
		bool given;
	} keys[] = {
		{ "fdp.runs", f->runs != DEFAULT_RUNS },
		{ "fdp.nrg", f->nrg != 1 },
		{ "fdp.nruh", f->nruh },
		{ "fdp.op", f->op != DEFAULT_OP },
		{ "fdp.isolation", f->isolation },
		{ "fdp.victim", f->victim },
		{ "fdp.erutl", f->erutl },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].given)
			return FAIL(keys[i].key, "is of Flexible Data Placement; give fdp=on, too");
	return 0;
}

/* NVMe Base 2.1, figure 280: RGIF is wide enough for the reclaim groups, and leaves the rest of
 * the 16 bits to the placement handles */
int conf_link_fdp(const struct conf_subsys *s, char *err, size_t len)
{
	const struct conf_fdp *f = &s->fdp;
	unsigned int rgif = 0;

	if (!f->on)
		return check_off(s, err, len);
	if (!f->runs)
		return FAIL("fdp.runs", "fdp.runs must be non-zero");
	if (f->runs < RUNS_MIN)
		return FAIL("fdp.runs", "%" PRIu64 " bytes are too few, must be at least %llu",
			    f->runs, RUNS_MIN);
	if (!f->nrg)
		return FAIL("fdp.nrg", "fdp.nrg must be non-zero");
	if (!f->nruh || f->nruh > CONF_MAX_RUHS)
		return FAIL("fdp.nruh", "fdp.nruh must be non-zero and at most %d", CONF_MAX_RUHS);
	while (rgif < 32 && f->nrg - 1 >= 1ull << rgif)
		rgif++;
	if (rgif > 15 || f->nruh > 1u << (16 - rgif))
		return FAIL("fdp.nrg",
			    "cannot derive a valid rgif (fdp.nrg: %" PRIu32 " fdp.nruh: %u)",
			    f->nrg, f->nruh);
	return 0;
}

/* a number of @text, which it is moved behind. Return: it, or -1 */
static long number(const char **text)
{
	char *end;
	unsigned long n;

	if (**text < '0' || **text > '9')
		return -1;
	n = strtoul(*text, &end, 10);
	*text = end;
	return n <= UINT16_MAX ? (long)n : -1;
}

static int add(struct conf_ns *ns, long id, const struct conf_subsys *sub, char *err, size_t len)
{
	const struct conf_ns *s = ns;

	if (ns->nr_ruhs == sub->fdp.nruh)
		return FAIL("fdp.ruhs", "too many placement handles; fdp.nruh is %u",
			    sub->fdp.nruh);
	if (id >= sub->fdp.nruh)
		return FAIL("fdp.ruhs", "invalid reclaim unit handle %ld; fdp.nruh is %u", id,
			    sub->fdp.nruh);
	for (uint16_t i = 0; i < ns->nr_ruhs; i++)
		if (ns->ruhid[i] == id)
			return FAIL("fdp.ruhs", "duplicate reclaim unit handle %ld", id);
	ns->ruhid[ns->nr_ruhs++] = (uint16_t)id;
	return 0;
}

/* handles and ranges of them, separated by ';' */
static int parse(struct conf_ns *ns, const struct conf_subsys *sub, char *err, size_t len)
{
	const struct conf_ns *s = ns;
	const char *p = ns->ruhs;

	for (;;) {
		long first = number(&p), last = first;

		if (first >= 0 && *p == '-') {
			p++;
			last = number(&p);
		}
		if (first < 0 || last < 0 || (*p && *p != ';'))
			return FAIL("fdp.ruhs",
				    "'%s' cannot be parsed; write handles and ranges, as "
				    "0;2;8-15",
				    ns->ruhs);
		if (last < first)
			return FAIL("fdp.ruhs",
				    "invalid range %ld-%ld; the end is before the beginning", first,
				    last);
		for (; first <= last; first++)
			if (add(ns, first, sub, err, len))
				return -1;
		if (!*p++)
			return 0;
	}
}

int conf_link_ruhs(struct conf_ns *ns, const struct conf_subsys *sub, char *err, size_t len)
{
	const struct conf_ns *s = ns;

	if (sub && sub->fdp.on && ns->zoned.on)
		return FAIL("zoned", "cannot be a zoned- in an FDP configuration");
	if (!ns->ruhs)
		return 0;
	if (!sub || !sub->fdp.on)
		return FAIL("fdp.ruhs", "needs a subsystem with fdp=on");
	return parse(ns, sub, err, len);
}
