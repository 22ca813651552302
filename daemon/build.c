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

int build_fail(struct build *b, const struct conf_where *at, const char *fmt, ...)
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

void mach_subsys_free(struct mach_subsys *ms, bool undo)
{
	if (ms->sim)
		sim_subsys_free(ms->sim);
	if (ms->journal_open)
		store_journal_close(&ms->journal);
	if (undo && ms->stem && ms->stem_new)
		stem_files(ms->m->state_dir, ms->stem, true);
	free(ms->stem);
	free(ms->id);
	free(ms->serial);
	free(ms);
}

void mach_subsys_drop(struct mach_subsys *ms)
{
	struct mach_subsys **at = &ms->m->subsys;

	while (*at != ms)
		at = &(*at)->next;
	*at = ms->next;
	mach_stores_drop(ms->m, ms);
	mach_subsys_free(ms, false);
}

/* @fdp: of a subsystem that is configured as such, so for several controllers; else NULL */
static int add_subsys(struct build *b, const struct conf_where *at, const char *nqn_tail,
		      const char *kind, const char *name, uint64_t capacity,
		      const struct conf_fdp *fdp, struct mach_subsys **out)
{
	struct dmn_machine *m = b->m;
	struct mach_subsys *ms = calloc(1, sizeof(*ms)), **end = &m->subsys;
	const bool named = fdp;
	struct sim_subsys_params p = { .capacity = capacity, .multi = named };
	struct sim_msg msg = { "" };

	if (!ms)
		return build_fail(b, at, "out of memory");
	if (named)
		p.fdp = (struct sim_fdp_params){
			.on = fdp->on,
			.runs = fdp->runs,
			.nrg = fdp->nrg,
			.nruh = fdp->nruh,
			.op = fdp->op,
			.persistent = fdp->isolation,
			.victim = fdp->victim ? SIM_FDP_COST_BENEFIT : SIM_FDP_GREEDY,
			.erutl = fdp->erutl,
		};
	while (*end)
		end = &(*end)->next;
	*end = *out = ms;
	ms->m = m;
	if ((size_t)snprintf(ms->nqn, sizeof(ms->nqn), CONF_NQN_PREFIX "%s", nqn_tail) >=
	    sizeof(ms->nqn))
		return build_fail(b, at, "the NQN is longer than 223 bytes");
	if (named) {
		ms->id = strdup(name);
		if (!ms->id)
			return build_fail(b, at, "out of memory");
	}
	if (m->state_dir) {
		ms->stem = file_stem(kind, name);
		if (!ms->stem)
			return build_fail(b, at, "out of memory");
		ms->stem_new = !stem_files(m->state_dir, ms->stem, false);
		if (store_journal_open(m->state_dir, ms->stem, &ms->journal, &msg))
			return build_fail(b, at, "%s", msg.text);
		ms->journal_open = true;
	} else {
		store_anon_areas(&ms->journal);
	}
	p.nqn = ms->nqn;
	store_clock(&p.clock);
	p.clock.arm = clock_arm;
	p.clock.opaque = m;
	p.journal = ms->journal;
	mach_backing(ms, &p.backing);
	ms->sim = sim_subsys_new(&p, &msg);
	if (!ms->sim)
		return build_fail(b, at, "%s", msg.text);
	return 0;
}

int build_subsys(struct build *b, const struct conf_subsys *cs, struct mach_subsys **out)
{
	return add_subsys(b, &cs->where, cs->nqn ? cs->nqn : cs->id, "subsystem", cs->id,
			  cs->capacity, &cs->fdp, out);
}

/* ---- controllers ---- */

static void set_text(char *to, size_t len, const char *from)
{
	snprintf(to, len, "%s", from ? from : "");
}

/* the memory of a Persistent Memory Region, if there is to be one */
static int open_pmr(struct build *b, const struct conf_ctrl *cc, struct dmn_fn *f,
		    struct sim_ctrl_params *p, struct sim_msg *msg)
{
	const struct conf_memory *mem;
	struct store_pmr_params pp;

	if (cc->memory_index < 0)
		return 0;
	mem = &b->c->memory[cc->memory_index];
	pp = (struct store_pmr_params){mem->mem_path, mem->size, mem->share};
	f->pmr = store_pmr_open(&pp, &p->pmr, msg);
	return f->pmr ? 0 : -1;
}

int build_ctrl(struct build *b, unsigned int i)
{
	const struct conf_ctrl *cc = &b->c->ctrl[i];
	struct dmn_machine *m = b->m;
	struct mach_subsys *ms;
	int index = mach_free_index(m);
	struct dmn_fn *f;
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
		.zasl = cc->zasl,
		.no_auto_transition = !cc->auto_transition,
		.cmb_size_mb = cc->cmb_size_mb,
		.legacy_cmb = cc->legacy_cmb,
		.msix_exclusive_bar = cc->msix_exclusive_bar,
		.no_dbcs = !cc->dbcs,
		.hmb_size = cc->hmb_size,
		.ocp = cc->ocp,
		.copy = store_copy,
		.sriov_max_vfs = cc->sriov_max_vfs,
		.sriov_vq_flexible = cc->sriov_vq_flexible,
		.sriov_vi_flexible = cc->sriov_vi_flexible,
		.sriov_max_vi_per_vf = cc->sriov_max_vi_per_vf,
		.sriov_max_vq_per_vf = cc->sriov_max_vq_per_vf,
	};
	struct sim_msg msg = { "" };

	if (cc->index >= 0) {
		ms = b->subsys[cc->index];
	} else {
		char name[32];

		snprintf(name, sizeof(name), "%d", index);
		if (add_subsys(b, &cc->where, cc->serial, "controller", cc->id[0] ? cc->id : name,
			       cc->capacity, NULL, &ms))
			return -1;
	}
	if (!ms->serial)
		ms->serial = strdup(cc->serial);
	f = mach_fn_new(m, ms);
	if (!f || !ms->serial) {
		mach_fn_free(f);
		return build_fail(b, &cc->where, "out of memory");
	}
	f->index = index;
	if (open_pmr(b, cc, f, &p, &msg)) {
		mach_fn_free(f);
		return build_fail(b, &cc->where, "%s", msg.text);
	}
	mach_fn_ports(f, &p);
	set_text(p.serial, sizeof(p.serial), cc->serial);
	set_text(p.model, sizeof(p.model), cc->model);
	set_text(p.firmware_version, sizeof(p.firmware_version), cc->firmware_version);
	f->fn = sim_fn_add(ms->sim, &p, &msg);
	if (!f->fn) {
		store_pmr_close(f->pmr, true);
		f->pmr = NULL;
		mach_fn_free(f);
		return build_fail(b, &cc->where, "%s", msg.text);
	}
	if (sim_smart_warn(f->fn, cc->smart_critical_warning))
		return build_fail(b, &cc->where, "unsupported smart critical warning bits");
	b->fn[i] = f;
	if (mach_place(f, cc, &msg))
		return build_fail(b, &cc->where, "%s", msg.text);
	return 0;
}

/* ---- namespaces ---- */

int build_ns(struct build *b, const struct conf_ns *cn)
{
	const struct conf_ctrl *cc = &b->c->ctrl[cn->ctrl_index];
	struct dmn_fn *f = b->fn[cn->ctrl_index];
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
		.zoned = {
			.on = cn->zoned.on,
			.zone_size = cn->zoned.zone_size,
			.zone_capacity = cn->zoned.zone_capacity,
			.descr_ext_size = cn->zoned.descr_ext_size,
			.cross_read = cn->zoned.cross_read,
			.max_active = cn->zoned.max_active,
			.max_open = cn->zoned.max_open,
			.numzrwa = cn->zoned.numzrwa,
			.zrwas = cn->zoned.zrwas,
			.zrwafg = cn->zoned.zrwafg,
		},
		.ruhs.nr = cn->nr_ruhs,
	};
	const struct conf_drive *d = &b->c->drive[cn->drive_index];
	struct sim_msg msg = { "" };
	struct mach_store *s = mach_store_add(b->m, d, &msg);

	if (!s)
		return build_fail(b, &d->where, "%s", msg.text);
	memcpy(p.ruhs.ruhid, cn->ruhid, sizeof(p.ruhs.ruhid));
	memcpy(p.uuid, cn->uuid, sizeof(p.uuid));
	memcpy(p.nguid, cn->nguid, sizeof(p.nguid));
	s->owner = f->subsys;
	p.store = s->st;
	if (sim_ns_add(f->subsys->sim, shared ? NULL : f->fn, &p, &msg) < 0)
		return build_fail(b, &cn->where, "%s", msg.text);
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
			return build_fail(b, NULL, "group: there is no group '%s'", d->group);
		m->gid = gr->gr_gid;
	}
	return 0;
}

static int alloc_parts(struct build *b)
{
	const struct conf *c = b->c;
	struct dmn_machine *m = b->m;

	b->subsys = calloc(c->nr_subsys + 1, sizeof(b->subsys[0]));
	b->fn = calloc(c->nr_ctrls + 1, sizeof(b->fn[0]));
	if (!b->subsys || !b->fn)
		return build_fail(b, NULL, "out of memory");
	if (c->daemon.state_dir) {
		m->state_dir = strdup(c->daemon.state_dir);
		if (!m->state_dir)
			return build_fail(b, NULL, "out of memory");
		m->state_dir_new = access(m->state_dir, F_OK) && errno == ENOENT;
	}
	return 0;
}

static int build_all(struct build *b)
{
	const struct conf *c = b->c;
	struct dmn_machine *m = b->m;
	struct sim_msg msg = { "" };

	if (alloc_parts(b) || set_owner(b))
		return -1;
	for (unsigned int i = 0; i < c->nr_subsys; i++)
		if (build_subsys(b, &c->subsys[i], &b->subsys[i]))
			return -1;
	for (unsigned int i = 0; i < c->nr_ctrls; i++)
		if (build_ctrl(b, i))
			return -1;
	/* a shared namespace is attached to every controller, so these are all there by now */
	for (unsigned int i = 0; i < c->nr_ns; i++)
		if (build_ns(b, &c->ns[i]))
			return -1;
	for (struct mach_subsys *ms = m->subsys; ms; ms = ms->next)
		if (sim_subsys_restore(ms->sim, &msg))
			return build_fail(b, NULL, "%s", msg.text);
	for (unsigned int i = 0; i < c->nr_ctrls; i++) {
		b->fn[i]->present = true;
		if (dmn_fn_bind(b->fn[i], &msg))
			return build_fail(b, &c->ctrl[i].where, "%s", msg.text);
	}
	return 0;
}

int mach_build(struct dmn_machine *m, const struct conf *c, char *err, size_t len)
{
	struct build b = { .m = m, .c = c, .err = err, .len = len };
	int ret = build_all(&b);

	free(b.subsys);
	free(b.fn);
	return ret;
}

/*
 * The order: drivers let go of the controllers; media finish their flushes, which end in requests
 * of controllers that still exist; then the controllers go, and last what they wrote records to.
 */
void mach_dismantle(struct dmn_machine *m, bool undo)
{
	struct dmn_fn *f;

	mach_drop_nodes(m);
	for (f = m->fns; f; f = f->next)
		if (f->bound)
			host_dev_shutdown(f->dev);
	for (f = m->fns; f; f = f->next)
		f->bound = false;
	mach_drop_nodes(m); /* a driver may have found namespaces to the end */
	mach_stores_free(m, undo);
	while (m->subsys) {
		struct mach_subsys *ms = m->subsys;

		m->subsys = ms->next;
		mach_subsys_free(ms, undo);
	}
	while ((f = m->fns)) {
		m->fns = f->next;
		store_pmr_close(f->pmr, undo);
		f->pmr = NULL;
		mach_fn_free(f);
	}
	while ((f = m->gone)) {
		m->gone = f->next;
		mach_fn_free(f);
	}
	while (m->buses) {
		struct mach_bus *bus = m->buses;

		m->buses = bus->next;
		free(bus);
	}
	if (undo && m->state_dir_new)
		rmdir(m->state_dir);
	free(m->state_dir);
}
