/* SPDX-License-Identifier: MIT */
/*
 * build.c - a machine from a configuration, and its end. What fails halfway is taken back,
 * files that were made included.
 */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"

/*
 * One thread runs the loop, and the run door may have one more that polls rings: an I/O queue pair
 * for each, so that neither waits for the other. What a client sees of queues (Number of Queues, its
 * limits) is the controller's and does not depend on this.
 */
#define MACH_IO_QUEUES 2

struct build {
	struct dmn_machine *m;
	const struct conf *c;
	char *err;
	size_t len;
};

__attribute__((format(printf, 3, 4))) static int fail(struct build *b, const struct conf_where *at,
						      const char *fmt, ...)
{
	va_list ap;
	int n = 0;

	if (at && at->text[0])
		n = snprintf(b->err, b->len, "%s: ", at->text);
	if (n < 0 || (size_t)n >= b->len)
		return -1;
	va_start(ap, fmt);
	vsnprintf(b->err + n, b->len - n, fmt, ap);
	va_end(ap);
	return -1;
}

static void clock_arm(void *opaque, uint64_t deadline_ns)
{
	struct dmn_machine *m = opaque;

	dmn_loop_arm(m->loop, deadline_ns);
}

static void driver_arm(void *opaque, uint64_t deadline_ns)
{
	struct mach_ctrl *mc = opaque;

	dmn_loop_arm(mc->m->loop, deadline_ns);
}

/* the driver is in our thread and waits for the device, which may wait for a flush or a timer */
static void driver_wait(void *opaque)
{
	struct mach_ctrl *mc = opaque;
	struct dmn_machine *m = mc->m;

	mach_stores_run(m);
	sim_run_timers(mc->subsys->sim);
}

/* ---- subsystems and their journals ---- */

/* names go into file names: what is not plain is written as %XX */
static char *file_stem(const char *kind, const char *name)
{
	static const char hex[] = "0123456789ABCDEF";
	char *stem = malloc(strlen(kind) + 3 * strlen(name) + 2), *p = stem;

	if (!stem)
		return NULL;
	p += sprintf(p, "%s-", kind);
	for (; *name; name++) {
		unsigned char ch = *name;

		if ((ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') ||
		    (ch >= 'a' && ch <= 'z') || ch == '-' || ch == '_') {
			*p++ = ch;
		} else {
			*p++ = '%';
			*p++ = hex[ch >> 4];
			*p++ = hex[ch & 15];
		}
	}
	*p = '\0';
	return stem;
}

/* files of @dir whose name is @stem, a dot and more; @remove: delete them. Return: their number */
static unsigned int stem_files(const char *dir, const char *stem, bool remove)
{
	size_t n = strlen(stem);
	unsigned int count = 0;
	struct dirent *e;
	DIR *d = opendir(dir);

	if (!d)
		return 0;
	while ((e = readdir(d))) {
		if (strncmp(e->d_name, stem, n) || (e->d_name[n] && e->d_name[n] != '.'))
			continue;
		count++;
		if (remove)
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	return count;
}

/* @named: configured as a subsystem of its own, so for several controllers */
static int add_subsys(struct build *b, const struct conf_where *at, const char *nqn_tail,
		      const char *kind, const char *name, uint64_t capacity, bool named)
{
	struct dmn_machine *m = b->m;
	struct mach_subsys *ms = &m->subsys[m->nr_subsys++];
	struct sim_subsys_params p = { .capacity = capacity, .multi = named };
	struct sim_msg msg = { "" };
	char nqn[224];

	if ((size_t)snprintf(nqn, sizeof(nqn), CONF_NQN_PREFIX "%s", nqn_tail) >= sizeof(nqn))
		return fail(b, at, "the NQN is longer than 223 bytes");
	ms->m = m;
	if (m->state_dir) {
		ms->stem = file_stem(kind, name);
		if (!ms->stem)
			return fail(b, at, "out of memory");
		ms->stem_new = !stem_files(m->state_dir, ms->stem, false);
		if (store_journal_open(m->state_dir, ms->stem, &ms->journal, &msg))
			return fail(b, at, "%s", msg.text);
		ms->journal_open = true;
	} else {
		store_anon_areas(&ms->journal);
	}
	p.nqn = nqn;
	store_clock(&p.clock);
	p.clock.arm = clock_arm;
	p.clock.opaque = m;
	p.journal = ms->journal;
	mach_backing(ms, &p.backing);
	ms->sim = sim_subsys_new(&p, &msg);
	if (!ms->sim)
		return fail(b, at, "%s", msg.text);
	return 0;
}

/* ---- controllers ---- */

static void set_text(char *to, size_t len, const char *from)
{
	snprintf(to, len, "%s", from ? from : "");
}

static int add_ctrl(struct build *b, const struct conf_ctrl *cc)
{
	struct dmn_machine *m = b->m;
	struct mach_ctrl *mc = &m->ctrl[m->nr_ctrls];
	struct host_params hp = {
		.nr_io_queues = MACH_IO_QUEUES,
		.namespaces = mach_namespaces,
		.arm = driver_arm,
		.wait = driver_wait,
		.opaque = mc,
	};
	struct sim_ctrl_params p = {
		.max_ioqpairs = cc->max_ioqpairs,
		.msix_qsize = cc->msix_qsize,
		.mqes = cc->mqes,
		.mdts = cc->mdts,
		.vsl = cc->vsl,
		.aerl = cc->aerl,
		.aer_max_queued = cc->aer_max_queued,
		.use_intel_id = cc->use_intel_id,
		.ctratt_mem = cc->ctratt_mem,
		.atomic_dn = cc->atomic_dn,
		.awun = cc->awun,
		.awupf = cc->awupf,
	};
	struct sim_msg msg = { "" };

	mc->m = m;
	mc->index = m->nr_ctrls++;
	if (cc->index >= 0) {
		mc->subsys = &m->subsys[cc->index];
	} else {
		char name[32];

		snprintf(name, sizeof(name), "%u", mc->index);
		mc->subsys = &m->subsys[m->nr_subsys];
		if (add_subsys(b, &cc->where, cc->serial, "controller", cc->id[0] ? cc->id : name,
			       cc->capacity, false))
			return -1;
	}
	mc->dev = host_dev_alloc(&hp);
	if (!mc->dev)
		return fail(b, &cc->where, "out of memory");
	host_dev_ports(mc->dev, &p.dma, &p.irq);
	set_text(p.serial, sizeof(p.serial), cc->serial);
	set_text(p.model, sizeof(p.model), cc->model);
	set_text(p.firmware_version, sizeof(p.firmware_version), cc->firmware_version);
	mc->fn = sim_fn_add(mc->subsys->sim, &p, &msg);
	if (!mc->fn)
		return fail(b, &cc->where, "%s", msg.text);
	return 0;
}

/* ---- namespaces ---- */

static int add_ns(struct build *b, const struct conf_ns *cn)
{
	const struct conf_ctrl *cc = &b->c->ctrl[cn->ctrl_index];
	struct mach_ctrl *mc = &b->m->ctrl[cn->ctrl_index];
	/* a controller's own subsystem has nobody to share with */
	bool shared = cn->shared && cc->index >= 0;
	struct sim_ns_params p = {
		.nsid = cn->nsid,
		.eui64 = cn->eui64,
		.logical_block_size = cn->logical_block_size,
		.physical_block_size = cn->physical_block_size,
		.write_cache = cn->write_cache != CONF_OFF,
		.shared = shared,
		.detached = cn->detached,
		.ms = cn->ms,
		.mset = cn->mset,
		.pi = cn->pi,
		.pil = cn->pil,
		.pif = cn->pif,
		.mssrl = cn->mssrl,
		.mcl = cn->mcl,
		.msrc = cn->msrc,
		.nawun = cn->nawun,
		.nawupf = cn->nawupf,
		.nabsn = cn->nabsn,
		.nabspf = cn->nabspf,
		.nabo = cn->nabo,
		.mam = cn->mam,
		.min_io_size = cn->min_io_size,
		.opt_io_size = cn->opt_io_size,
		.discard_granularity = cn->discard_granularity,
	};
	const struct conf_drive *d = &b->c->drive[cn->drive_index];
	struct sim_msg msg = { "" };
	struct mach_store *s = mach_store_add(b->m, d, &msg);

	if (!s)
		return fail(b, &d->where, "%s", msg.text);
	memcpy(p.uuid, cn->uuid, sizeof(p.uuid));
	memcpy(p.nguid, cn->nguid, sizeof(p.nguid));
	p.store = s->st;
	if (sim_ns_add(mc->subsys->sim, shared ? NULL : mc->fn, &p, &msg) < 0)
		return fail(b, &cn->where, "%s", msg.text);
	return 0;
}

/* ---- the whole ---- */

static int set_owner(struct build *b)
{
	const struct conf_daemon *d = &b->c->daemon;
	struct dmn_machine *m = b->m;

	m->linux_names = d->linux_names;
	m->mode = d->mode;
	m->uid = geteuid();
	m->gid = getegid();
	if (d->group) {
		struct group *gr = getgrnam(d->group);

		if (!gr)
			return fail(b, NULL, "group: there is no group '%s'", d->group);
		m->gid = gr->gr_gid;
	}
	return 0;
}

static int alloc_parts(struct build *b)
{
	const struct conf *c = b->c;
	struct dmn_machine *m = b->m;

	/* a controller may bring a subsystem of its own */
	m->subsys = calloc(c->nr_subsys + c->nr_ctrls + 1, sizeof(*m->subsys));
	m->ctrl = calloc(c->nr_ctrls + 1, sizeof(*m->ctrl));
	if (!m->subsys || !m->ctrl)
		return fail(b, NULL, "out of memory");
	if (c->daemon.state_dir) {
		m->state_dir = strdup(c->daemon.state_dir);
		if (!m->state_dir)
			return fail(b, NULL, "out of memory");
		m->state_dir_new = access(m->state_dir, F_OK) && errno == ENOENT;
	}
	return 0;
}

int mach_build(struct dmn_machine *m, const struct conf *c, char *err, size_t len)
{
	struct build b = { .m = m, .c = c, .err = err, .len = len };

	if (alloc_parts(&b) || set_owner(&b))
		return -1;
	for (unsigned int i = 0; i < c->nr_subsys; i++) {
		const struct conf_subsys *cs = &c->subsys[i];

		if (add_subsys(&b, &cs->where, cs->nqn ? cs->nqn : cs->id, "subsystem", cs->id,
			       cs->capacity, true))
			return -1;
	}
	for (unsigned int i = 0; i < c->nr_ctrls; i++)
		if (add_ctrl(&b, &c->ctrl[i]))
			return -1;
	/* a shared namespace is attached to every controller, so these are all there by now */
	for (unsigned int i = 0; i < c->nr_ns; i++)
		if (add_ns(&b, &c->ns[i]))
			return -1;
	for (unsigned int i = 0; i < m->nr_subsys; i++) {
		struct sim_msg msg = { "" };

		if (sim_subsys_restore(m->subsys[i].sim, &msg))
			return fail(&b, NULL, "%s", msg.text);
	}
	for (unsigned int i = 0; i < m->nr_ctrls; i++) {
		struct sim_msg msg = { "" };

		if (mach_add_ctrl_node(&m->ctrl[i]))
			return fail(&b, &c->ctrl[i].where, "out of memory");
		if (host_dev_probe(m->ctrl[i].dev, m->ctrl[i].fn, &msg))
			return fail(&b, &c->ctrl[i].where, "%s", msg.text);
		m->ctrl[i].bound = true;
	}
	return 0;
}

/*
 * The order: drivers let go of the controllers; media finish their flushes, which end in requests
 * of controllers that still exist; then the controllers go, and last what they wrote records to.
 */
void mach_dismantle(struct dmn_machine *m, bool undo)
{
	mach_drop_nodes(m);
	for (unsigned int i = 0; i < m->nr_ctrls; i++)
		if (m->ctrl[i].bound)
			host_dev_shutdown(m->ctrl[i].dev);
	for (unsigned int i = 0; i < m->nr_ctrls; i++)
		if (m->ctrl[i].dev)
			host_dev_free(m->ctrl[i].dev);
	mach_drop_nodes(m); /* a driver may have found namespaces to the end */
	mach_stores_free(m, undo);
	for (unsigned int i = 0; i < m->nr_subsys; i++) {
		struct mach_subsys *ms = &m->subsys[i];

		if (ms->sim)
			sim_subsys_free(ms->sim);
		if (ms->journal_open)
			store_journal_close(&ms->journal);
		if (undo && ms->stem && ms->stem_new)
			stem_files(m->state_dir, ms->stem, true);
		free(ms->stem);
	}
	if (undo && m->state_dir_new)
		rmdir(m->state_dir);
	free(m->state_dir);
	free(m->ctrl);
	free(m->subsys);
}
