/* SPDX-License-Identifier: MIT */
/*
 * link.c - from what was said to a machine: names resolved, defaults filled in, combinations
 * checked. The sentences are QEMU's where QEMU has one.
 */
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "conf_priv.h"

#define DEFAULT_SERIAL "NVMESIM0001"

/** struct errbuf - where the sentence goes */
struct errbuf {
	char *text;
	size_t len;
};

#define FAIL(e, obj, key, ...) conf_fail((e)->text, (e)->len, (obj)->where.text, key, __VA_ARGS__)

static void warn(const struct conf *c, const struct conf_where *where, const char *what)
{
	if (c->prog)
		fprintf(stderr, "%s: warning: %s: %s\n", c->prog, where->text, what);
}

/* Nothing asked for: one controller, one namespace of CONF_DEFAULT_SIZE in memory. */
static int default_machine(struct conf *c, struct errbuf *e)
{
	const char *where = "the default machine";
	struct conf_obj ctrl;

	if (conf_new(c, &ctrl, CONF_CTRL, "", true, where, e->text, e->len) ||
	    conf_set(c, &ctrl, "serial", DEFAULT_SERIAL, where, e->text, e->len))
		return -1;
	return conf_new(c, NULL, CONF_NS, "", true, where, e->text, e->len);
}

/* block properties of a controller are those of the namespace that its drive makes */
static int no_block_keys(const struct conf_ctrl *ctrl, struct errbuf *e)
{
	const struct {
		const char *key;
		bool given;
	} keys[] = {
		{ "logical_block_size", ctrl->logical_block_size },
		{ "physical_block_size", ctrl->physical_block_size },
		{ "min_io_size", ctrl->min_io_size },
		{ "opt_io_size", ctrl->opt_io_size },
		{ "discard_granularity", ctrl->discard_granularity != UINT32_MAX },
		{ "write-cache", ctrl->write_cache != CONF_AUTO },
	};
	unsigned int i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].given)
			return FAIL(e, ctrl, keys[i].key,
				    "is of the namespace that drive= makes; without drive= give it "
				    "to the namespace");
	return 0;
}

static int link_ctrl(struct conf *c, struct conf_ctrl *ctrl, struct errbuf *e)
{
	if (!ctrl->serial)
		return FAIL(e, ctrl, "serial", "serial property not set");
	if (ctrl->num_queues) {
		warn(c, &ctrl->where, "num_queues is deprecated; please use max_ioqpairs instead");
		ctrl->max_ioqpairs = ctrl->num_queues - 1;
	}
	if (ctrl->awupf > ctrl->awun) {
		warn(c, &ctrl->where,
		     "atomic.awupf is larger than atomic.awun; 0 is reported, as QEMU does");
		ctrl->awupf = 0;
	}
	if (ctrl->zasl > ctrl->mdts)
		return FAIL(e, ctrl, "zoned.zasl",
			    "%u is larger than mdts, %u; a Zone Append Size Limit is at most the "
			    "Maximum Data Transfer Size",
			    ctrl->zasl, ctrl->mdts);
	if (ctrl->subsys) {
		if (ctrl->capacity)
			return FAIL(e, ctrl, "capacity",
				    "is of the subsystem; give it to nvme-subsys '%s'",
				    ctrl->subsys);
		if (ctrl->drive)
			return FAIL(e, ctrl, "drive",
				    "subsystem support is unavailable with legacy namespace "
				    "('drive' property)");
		ctrl->index = conf_find(c, CONF_SUBSYS, ctrl->subsys);
		if (ctrl->index < 0)
			return FAIL(e, ctrl, "subsys", "Device '%s' not found", ctrl->subsys);
	}
	return ctrl->drive ? 0 : no_block_keys(ctrl, e);
}

static int link_subsys(struct conf *c, unsigned int i, struct errbuf *e)
{
	const struct conf_subsys *s = &c->subsys[i];
	const struct conf_ctrl *first = NULL;
	unsigned int n = 0, j;

	if (!*s->id)
		return FAIL(e, s, "id",
			    "id property not set; controllers name the subsystem by it");
	if (conf_link_fdp(s, e->text, e->len))
		return -1;
	for (j = 0; j < c->nr_ctrls; j++) {
		const struct conf_ctrl *ctrl = &c->ctrl[j];

		if (ctrl->index != (int)i)
			continue;
		if (!first)
			first = ctrl;
		if (strcmp(first->serial, ctrl->serial))
			return FAIL(e, ctrl, "serial",
				    "invalid controller serial; all controllers of subsystem '%s' "
				    "have '%s'",
				    s->id, first->serial);
		if (++n > CONF_MAX_CTRLS)
			return FAIL(e, ctrl, "subsys", "no more free controller id; allowed: %d",
				    CONF_MAX_CTRLS);
	}
	return 0;
}

const char *conf_nqn(const struct conf *c, const struct conf_ctrl *ctrl, char *buf, size_t len)
{
	const struct conf_subsys *s = ctrl->index < 0 ? NULL : &c->subsys[ctrl->index];

	snprintf(buf, len, "%s%s", CONF_NQN_PREFIX, !s ? ctrl->serial : s->nqn ? s->nqn : s->id);
	return buf;
}

/* One NQN names one subsystem; two controllers of one subsystem have the same. */
static int check_nqns(const struct conf *c, struct errbuf *e)
{
	char a[CONF_NQN_MAX + 1], b[CONF_NQN_MAX + 1];
	unsigned int i, j;

	for (i = 0; i < c->nr_ctrls; i++) {
		const struct conf_ctrl *x = &c->ctrl[i];

		conf_nqn(c, x, a, sizeof(a));
		for (j = 0; j < i; j++) {
			const struct conf_ctrl *y = &c->ctrl[j];

			if ((x->index >= 0 && x->index == y->index) ||
			    strcmp(a, conf_nqn(c, y, b, sizeof(b))))
				continue;
			return FAIL(e, x, x->index < 0 ? "serial" : "nqn",
				    "the subsystem's NQN would be '%s', which is that of %s; give "
				    "another serial, or link both to one nvme-subsys",
				    a, y->where.text);
		}
	}
	return 0;
}

/* `drive` of a controller is namespace 1, with the controller's block properties. */
static int add_legacy(struct conf *c, unsigned int index, struct errbuf *e)
{
	const struct conf_ctrl *ctrl = &c->ctrl[index];
	struct conf_ns *ns;

	if (!ctrl->drive)
		return 0;
	if (conf_new(c, NULL, CONF_NS, "", false, ctrl->where.text, e->text, e->len))
		return -1;
	ns = &c->ns[c->nr_ns - 1];
	ns->drive = strdup(ctrl->drive);
	if (!ns->drive)
		return FAIL(e, ctrl, NULL, "no memory");
	ns->ctrl_index = (int)index;
	ns->legacy = true;
	ns->order = ctrl->order;
	ns->logical_block_size = ctrl->logical_block_size;
	ns->physical_block_size = ctrl->physical_block_size;
	ns->min_io_size = ctrl->min_io_size;
	ns->opt_io_size = ctrl->opt_io_size;
	ns->discard_granularity = ctrl->discard_granularity;
	ns->write_cache = ctrl->write_cache;
	return 0;
}

static int link_bus(struct conf *c, struct conf_ns *ns, struct errbuf *e)
{
	if (ns->bus) {
		ns->ctrl_index = conf_find(c, CONF_CTRL, ns->bus);
		if (ns->ctrl_index < 0)
			return ns->own ? FAIL(e, ns, "controller", "no controller '%s'", ns->bus) :
					 FAIL(e, ns, "bus", "Bus '%s' not found", ns->bus);
	}
	if (ns->ctrl_index < 0)
		return ns->own ? FAIL(e, ns, "controller",
				      "no controller above this namespace; give controller = X") :
				 FAIL(e, ns, "bus", "No 'nvme-bus' bus found for device 'nvme-ns'");
	/* a file may have the namespace first: it comes into being with its controller */
	if (ns->order < c->ctrl[ns->ctrl_index].order)
		ns->order = c->ctrl[ns->ctrl_index].order;
	return 0;
}

/* Into the order QEMU would have made them in: a controller's own namespace comes with it. */
static void sort_namespaces(struct conf *c)
{
	unsigned int i, j;

	for (i = 1; i < c->nr_ns; i++) {
		struct conf_ns ns = c->ns[i];

		for (j = i; j; j--) {
			const struct conf_ns *before = &c->ns[j - 1];

			if (before->order < ns.order ||
			    (before->order == ns.order && before->legacy >= ns.legacy))
				break;
			c->ns[j] = *before;
		}
		c->ns[j] = ns;
	}
}

static int link_drive(struct conf *c, struct conf_ns *ns, struct errbuf *e)
{
	struct conf_drive *d;

	if (ns->drive && ns->drive_index >= 0)
		return FAIL(e, ns, "drive",
			    "is given together with file, size or readonly; "
			    "allowed: one or the other");
	if (ns->drive) {
		ns->drive_index = conf_find(c, CONF_DRIVE, ns->drive);
		if (ns->drive_index < 0)
			return FAIL(e, ns, "drive", "Property '%s.drive' can't find value '%s'",
				    ns->legacy ? "nvme" : "nvme-ns", ns->drive);
	} else if (ns->drive_index < 0) {
		if (!ns->own)
			return FAIL(e, ns, "drive", "block backend not configured");
		if (conf_new(c, NULL, CONF_DRIVE, "", true, ns->where.text, e->text, e->len))
			return -1;
		ns->drive_index = (int)c->nr_drives - 1;
	}
	d = &c->drive[ns->drive_index];
	if (d->used)
		return FAIL(e, ns, "drive", "Drive '%s' is already in use by another device",
			    d->id);
	d->used = true;
	return 0;
}

static int link_blocks(const struct conf *c, struct conf_ns *ns, struct errbuf *e)
{
	const struct conf_drive *d = &c->drive[ns->drive_index];

	if (!ns->logical_block_size)
		ns->logical_block_size = 512;
	if (!ns->physical_block_size)
		ns->physical_block_size = ns->logical_block_size;
	if (ns->logical_block_size > ns->physical_block_size)
		return FAIL(e, ns, "logical_block_size",
			    "logical_block_size > physical_block_size not supported");
	if (ns->min_io_size % ns->logical_block_size)
		return FAIL(e, ns, "min_io_size",
			    "min_io_size must be a multiple of logical_block_size");
	if (ns->opt_io_size % ns->logical_block_size)
		return FAIL(e, ns, "opt_io_size",
			    "opt_io_size must be a multiple of logical_block_size");
	if (ns->discard_granularity != UINT32_MAX &&
	    ns->discard_granularity % ns->logical_block_size)
		return FAIL(e, ns, "discard_granularity",
			    "discard_granularity must be a multiple of logical_block_size");
	if (d->size && d->size < ns->logical_block_size + ns->ms)
		return FAIL(e, d, "size", "is less than one logical block of %u bytes",
			    ns->logical_block_size + ns->ms);
	return 0;
}

/* NVM Command Set 1.1, 5.3.1: 8 bytes with a 16-bit guard, else 16 */
static int link_pi(const struct conf_ns *ns, struct errbuf *e)
{
	unsigned int need = ns->pif ? 16 : 8;

	if (ns->pi && ns->ms < need)
		return FAIL(e, ns, "pi",
			    "at least %u bytes of metadata required to enable protection "
			    "information; ms is %u",
			    need, ns->ms);
	return 0;
}

/* the subsystem that is configured for the namespace's controller, or NULL */
static const struct conf_subsys *subsys_of(const struct conf *c, const struct conf_ns *ns)
{
	const int index = c->ctrl[ns->ctrl_index].index;

	return index < 0 ? NULL : &c->subsys[index];
}

/* Are two controllers of one subsystem? */
static bool same_subsys(const struct conf *c, int a, int b)
{
	return a == b || (c->ctrl[a].index >= 0 && c->ctrl[a].index == c->ctrl[b].index);
}

/* What a namespace guarantees is at least what the controller @ctrl does (NVM Command Set 1.1,
 * 2.1.4). All but NABO are 0's based. */
static int check_atomic(const struct conf_ns *ns, const struct conf_ctrl *ctrl, struct errbuf *e)
{
	bool own = ns->nawun || ns->nawupf; /* NSFEAT.NSABP */

	if (own && ns->nawun < ctrl->awun)
		return FAIL(e, ns, "atomic.nawun", "%u is less than the controller's awun, %u",
			    ns->nawun, ctrl->awun);
	if (own && ns->nawupf < ctrl->awupf)
		return FAIL(e, ns, "atomic.nawupf", "%u is less than the controller's awupf, %u",
			    ns->nawupf, ctrl->awupf);
	if (ns->nabsn && (ns->nabsn < ctrl->awun || ns->nabsn < ns->nawun))
		return FAIL(e, ns, "atomic.nabsn", "%u is less than awun, %u, or nawun, %u",
			    ns->nabsn, ctrl->awun, ns->nawun);
	if (ns->nabspf && (ns->nabspf < ctrl->awupf || ns->nabspf < ns->nawupf))
		return FAIL(e, ns, "atomic.nabspf", "%u is less than awupf, %u, or nawupf, %u",
			    ns->nabspf, ctrl->awupf, ns->nawupf);
	return 0;
}

static int link_atomic(const struct conf *c, struct conf_ns *ns, struct errbuf *e)
{
	int i;

	if (ns->nawupf > ns->nawun && ns->nawun)
		return FAIL(e, ns, "atomic.nawupf", "%u is larger than nawun, %u", ns->nawupf,
			    ns->nawun);
	if (!ns->nawun)
		ns->nawun = ns->nawupf;
	if (ns->nabo && (ns->nabo > ns->nabsn || ns->nabo > ns->nabspf))
		return FAIL(e, ns, "atomic.nabo", "%u is larger than nabsn, %u, or nabspf, %u",
			    ns->nabo, ns->nabsn, ns->nabspf);
	if (ns->mam && (!ns->nawun || ns->nabsn != ns->nawun || ns->nabspf != ns->nawun ||
			ns->nawupf != ns->nawun))
		return FAIL(e, ns, "atomic.mam",
			    "needs nawun, nawupf, nabsn and nabspf, all the same and not 0");
	for (i = 0; i < (int)c->nr_ctrls; i++)
		if ((i == ns->ctrl_index ||
		     (ns->shared && same_subsys(c, i, ns->ctrl_index))) &&
		    check_atomic(ns, &c->ctrl[i], e))
			return -1;
	return 0;
}

/* One after another, as QEMU: 0 takes the lowest that those before left. */
static int link_nsid(struct conf *c, unsigned int index, struct errbuf *e)
{
	struct conf_ns *ns = &c->ns[index];
	bool taken[CONF_MAX_NSID + 1] = { false };
	unsigned int i;

	for (i = 0; i < index; i++)
		if (same_subsys(c, ns->ctrl_index, c->ns[i].ctrl_index))
			taken[c->ns[i].nsid] = true;
	if (ns->nsid && taken[ns->nsid])
		return FAIL(e, ns, "nsid", "namespace id '%u' already allocated", ns->nsid);
	if (ns->nsid)
		return 0;
	for (i = 1; i <= CONF_MAX_NSID; i++) {
		if (!taken[i]) {
			ns->nsid = i;
			return 0;
		}
	}
	return FAIL(e, ns, "nsid", "no free namespace id; allowed: %d namespaces", CONF_MAX_NSID);
}

/*
 * QEMU gives a namespace without identifiers none; NVMe base specification 4.7.1 (Globally Unique
 * Namespace Identification) wants one. A UUID made of the subsystem's NQN and the NSID is the
 * same at every start.
 */
static void make_uuid(const struct conf *c, struct conf_ns *ns)
{
	char nqn[CONF_NQN_MAX + 1], name[CONF_NQN_MAX + 32];
	static const char space_name[] = "nvmesim";
	uuid_t space;

	uuid_generate_sha1(space, *uuid_get_template("dns"), space_name, sizeof(space_name) - 1);
	snprintf(name, sizeof(name), "%s:%u",
		 conf_nqn(c, &c->ctrl[ns->ctrl_index], nqn, sizeof(nqn)), ns->nsid);
	uuid_generate_sha1(ns->uuid, space, name, strlen(name));
	ns->uuid_set = true;
}

static void link_ids(const struct conf *c, unsigned int index)
{
	struct conf_ns *ns = &c->ns[index];
	static const uint8_t none[16];

	if (!ns->eui64 && ns->eui64_default)
		ns->eui64 = CONF_EUI64_DEFAULT + index + 1;
	if (!ns->uuid_set && !ns->eui64 && !memcmp(ns->nguid, none, sizeof(none)))
		make_uuid(c, ns);
}

static int check_drives(const struct conf *c, struct errbuf *e)
{
	unsigned int i, j;

	for (i = 0; i < c->nr_drives; i++) {
		const struct conf_drive *d = &c->drive[i];

		if (d->null && d->file)
			return FAIL(e, d, "driver", "null-co has no file");
		if (!d->file && !d->size && !d->null && *d->id)
			return FAIL(e, d, NULL, "neither file nor size given");
		if (!d->file && d->readonly)
			return FAIL(e, d, "readonly", "is of a file, and there is none");
		for (j = 0; d->file && j < i; j++) {
			const struct conf_drive *other = &c->drive[j];

			if (other->file && !strcmp(other->file, d->file) &&
			    !(other->readonly && d->readonly))
				return FAIL(e, d, "file",
					    "'%s' is already in use by the drive at %s", d->file,
					    other->where.text);
		}
		if (d->file && !d->used)
			warn(c, &d->where, "no namespace uses this drive");
	}
	return 0;
}

static int link_machine(struct conf *c, struct errbuf *e)
{
	unsigned int i;

	for (i = 0; i < c->nr_ctrls; i++)
		if (link_ctrl(c, &c->ctrl[i], e) || conf_link_memory(c, i, e->text, e->len))
			return -1;
	for (i = 0; i < c->nr_subsys; i++)
		if (link_subsys(c, i, e))
			return -1;
	if (check_nqns(c, e))
		return -1;
	for (i = 0; i < c->nr_ns; i++)
		if (link_bus(c, &c->ns[i], e))
			return -1;
	for (i = 0; i < c->nr_ctrls; i++)
		if (add_legacy(c, i, e))
			return -1;
	sort_namespaces(c);
	for (i = 0; i < c->nr_ns; i++) {
		if (link_drive(c, &c->ns[i], e) || link_blocks(c, &c->ns[i], e) ||
		    link_pi(&c->ns[i], e) || conf_link_zoned(&c->ns[i], e->text, e->len) ||
		    conf_link_ruhs(&c->ns[i], subsys_of(c, &c->ns[i]), e->text, e->len) ||
		    link_atomic(c, &c->ns[i], e) || link_nsid(c, i, e))
			return -1;
		link_ids(c, i);
	}
	return check_drives(c, e);
}

int conf_link(struct conf *c, char *err, size_t len)
{
	struct errbuf e = { err, len };
	unsigned int others = c->nr_subsys + c->nr_ns + c->nr_drives + c->nr_memories;

	if (c->daemon.group && !getgrnam(c->daemon.group))
		return conf_fail(err, len, "[daemon]", "group", "no such group: '%s'",
				 c->daemon.group);
	if (!c->nr_ctrls && !others && default_machine(c, &e))
		return -1;
	if (!c->nr_ctrls && c->nr_ns)
		return link_bus(c, &c->ns[0], &e);
	if (!c->nr_ctrls) {
		const struct conf_where *w =
			c->nr_drives ? &c->drive[0].where : &c->subsys[0].where;

		return conf_fail(err, len, w->text, NULL,
				 "no controller uses it; add -device nvme,serial=S%s or a "
				 "[controller X]",
				 c->nr_drives ? ",drive=X" : ",subsys=X");
	}
	return link_machine(c, &e);
}
