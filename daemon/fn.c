/* SPDX-License-Identifier: MIT */
/*
 * fn.c - PCI functions that come and go, and the driver that has them or not: what Linux's PCI
 * core and driver core do on request, with their errors.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "machine.h"

/*
 * One thread runs the loop, and the run door may have one more that polls rings, and one that
 * receives calls: an I/O queue pair for each, so that none waits for another. What a client sees of queues (Number of Queues,
 * its limits) is the controller's and does not depend on this.
 */
#define MACH_IO_QUEUES (HOST_BESIDE + 1)

#define OVERRIDE_MAX  4094 /* Linux: a page, with a line feed and a NUL */

#define CAP_EXP	      0x10
#define EXP_DEVCAP    0x04
#define EXP_FLR	      (1u << 28)
#define EXT_CAP_SRIOV 0x10
#define SRIOV_CTRL    0x08
#define SRIOV_NUM_VFS 0x10
#define SRIOV_VFE     0x01u
#define SRIOV_MSE     0x08u

static void arm_now(struct dmn_machine *m)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	dmn_loop_arm(m->loop, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

/* ---- the driver's surroundings ---- */

static void driver_arm(void *opaque, uint64_t deadline_ns)
{
	struct dmn_fn *f = opaque;

	dmn_loop_arm(f->m->loop, deadline_ns);
}

/* the driver is in our thread and waits for the device, which may wait for a flush or a timer */
static void driver_wait(void *opaque)
{
	struct dmn_fn *f = opaque;

	mach_stores_run(f->m);
	sim_run_timers(f->subsys->sim);
}

/* perhaps in the middle of a doorbell, on any thread: only note it */
static void fn_changed(void *opaque, struct sim_fn *fn, enum sim_fn_change what)
{
	struct dmn_fn *f = opaque;

	host_dev_changed(f->dev, what);
	atomic_store(&f->m->changed, true);
	arm_now(f->m);
}

struct dmn_fn *mach_fn_new(struct dmn_machine *m, struct mach_subsys *ms)
{
	struct dmn_fn *f = calloc(1, sizeof(*f));
	struct host_params hp = {
		.nr_io_queues = MACH_IO_QUEUES,
		.namespaces = mach_namespaces,
		.arm = driver_arm,
		.wait = driver_wait,
		.opaque = f,
	};

	if (!f)
		return NULL;
	f->m = m;
	f->subsys = ms;
	f->index = -1;
	f->autoprobe = true;
	f->dev = host_dev_alloc(&hp);
	if (f->dev)
		return f;
	free(f);
	return NULL;
}

void mach_fn_free(struct dmn_fn *f)
{
	if (!f)
		return;
	host_dev_free(f->dev);
	store_pmr_close(f->pmr, false);
	free(f->override);
	free(f);
}

/* a VF's host side; it is put on the bus with its PF */
static int vf_ports(void *opaque, unsigned int vf, struct sim_dma_port *dma,
		    struct sim_irq_port *irq, struct sim_fn_port *news)
{
	struct dmn_fn *pf = opaque, *f = mach_fn_new(pf->m, pf->subsys);

	if (!f)
		return SIM_ENOMEM;
	f->pf = pf;
	f->vf = vf;
	host_dev_ports(f->dev, dma, irq);
	*news = (struct sim_fn_port){.changed = fn_changed, .opaque = f};
	f->next = pf->next; /* until mach_place() */
	pf->next = f;
	return 0;
}

void mach_fn_ports(struct dmn_fn *f, struct sim_ctrl_params *p)
{
	host_dev_ports(f->dev, &p->dma, &p->irq);
	p->news = (struct sim_fn_port){.changed = fn_changed, .opaque = f};
	p->vf = (struct sim_vf_port){.ports = vf_ports, .opaque = f};
}

/* ---- finding ---- */

struct dmn_fn *dmn_fns(struct dmn_machine *m)
{
	return m->fns;
}

struct dmn_fn *dmn_fn_find(struct dmn_machine *m, const char *name)
{
	for (struct dmn_fn *f = m->fns; f; f = f->next)
		if (f->present && !strcmp(f->name, name))
			return f;
	return NULL;
}

int mach_free_index(struct dmn_machine *m)
{
	struct dmn_fn *f;
	int n = -1;

	do {
		n++;
		for (f = m->fns; f && f->index != n; f = f->next)
			;
	} while (f);
	return n;
}

uint32_t dmn_fn_cap(struct dmn_fn *f, bool ext, uint16_t id)
{
	unsigned int hops = 48; /* a list that loops ends too */
	uint32_t off, head;

	if (!ext) {
		for (off = sim_cfg_read(f->fn, 0x34, 1) & 0xfc; off && hops--;
		     off = sim_cfg_read(f->fn, off + 1, 1) & 0xfc)
			if (sim_cfg_read(f->fn, off, 1) == id)
				return off;
		return 0;
	}
	for (off = 0x100; off && hops--; off = head >> 20 & 0xffc) {
		head = sim_cfg_read(f->fn, off, 4);
		if (!head || head == UINT32_MAX)
			return 0;
		if ((head & 0xffff) == id)
			return off;
	}
	return 0;
}

/* ---- driver core ---- */

int dmn_fn_bind(struct dmn_fn *f, struct sim_msg *why)
{
	struct sim_msg msg = {""};
	bool numbered = f->index >= 0;
	int err;

	if (!why)
		why = &msg;
	if (!f->present || (f->override && strcmp(f->override, "nvme")))
		return -ENODEV;
	if (f->bound)
		return -EBUSY;
	if (!numbered)
		f->index = mach_free_index(f->m);
	err = host_dev_probe(f->dev, f->fn, why);
	if (!err && mach_add_ctrl_node(f)) {
		host_dev_shutdown(f->dev);
		snprintf(why->text, sizeof(why->text), "out of memory");
		err = -ENOMEM;
	}
	if (err) {
		mach_drop_fn_nodes(f);
		if (!numbered)
			f->index = -1;
		return err;
	}
	f->bound = true;
	f->m->generation++;
	return 0;
}

int dmn_fn_unbind(struct dmn_fn *f)
{
	if (!f->present || !f->bound)
		return -ENODEV;
	mach_drop_fn_nodes(f);
	host_dev_shutdown(f->dev);
	mach_drop_fn_nodes(f); /* found to the end */
	f->bound = false;
	f->m->generation++;
	return 0;
}

int dmn_fn_override(struct dmn_fn *f, const char *driver)
{
	char *copy;

	if (strlen(driver) > OVERRIDE_MAX)
		return -EINVAL;
	copy = *driver ? strdup(driver) : NULL;
	if (*driver && !copy)
		return -ENOMEM;
	free(f->override);
	f->override = copy;
	return 0;
}

bool *dmn_autoprobe(struct dmn_machine *m)
{
	return &m->autoprobe;
}

/* ---- PCI core ---- */

int dmn_fn_reset(struct dmn_fn *f)
{
	uint32_t exp;
	int err;

	if (!f->present)
		return -ENODEV;
	exp = dmn_fn_cap(f, false, CAP_EXP);
	if (!exp || !(sim_cfg_read(f->fn, exp + EXP_DEVCAP, 4) & EXP_FLR))
		return -ENOTTY;
	err = f->bound ? host_dev_fn_reset(f->dev) : host_fn_reset(f->fn);
	mach_bars(f);
	dmn_sync(f->m);
	return err;
}

static bool vf_of(const struct dmn_fn *f, const struct dmn_fn *pf)
{
	return f->pf == pf;
}

/* VFs as @pf has them enabled: what is gone loses its driver first */
static void sync_vfs(struct dmn_fn *pf)
{
	unsigned int n = pf->present ? sim_fn_nr_vfs(pf->fn) : 0;
	struct dmn_machine *m = pf->m;

	for (struct dmn_fn *f = m->fns; f; f = f->next) {
		if (!vf_of(f, pf) || f->present == (f->vf <= n))
			continue;
		m->generation++;
		if (f->present) {
			dmn_fn_unbind(f);
			f->present = false;
			f->index = -1;
			dmn_fn_override(f, "");
			continue;
		}
		f->present = true;
		/* one that is offline has nothing to drive, and stays without */
		if (pf->autoprobe && m->autoprobe)
			dmn_fn_bind(f, NULL);
	}
}

void mach_sync(struct dmn_machine *m)
{
	if (!atomic_exchange(&m->changed, false))
		return;
	for (struct dmn_fn *f = m->fns; f; f = f->next) {
		struct host_info info;

		if (!f->pf)
			sync_vfs(f);
		if (!f->bound || !f->pf)
			continue;
		/* an offline VF's driver gives up, as Linux's does when its reset fails */
		host_dev_info(f->dev, &info);
		if (!strcmp(info.state, "dead"))
			dmn_fn_unbind(f);
	}
}

void dmn_sync(struct dmn_machine *m)
{
	atomic_store(&m->changed, true);
	mach_sync(m);
}

int dmn_fn_set_vfs(struct dmn_fn *f, unsigned int n)
{
	uint32_t cap = f->pf ? 0 : dmn_fn_cap(f, true, EXT_CAP_SRIOV);
	unsigned int now;

	if (!f->present || !cap)
		return -ENOENT;
	if (n > sim_cfg_read(f->fn, cap + 0x0e, 2)) /* TotalVFs */
		return -ERANGE;
	now = sim_fn_nr_vfs(f->fn);
	if (n == now)
		return 0;
	if (!f->bound)
		return -ENOENT;
	if (n && now)
		return -EBUSY;
	if (n) {
		sim_cfg_write(f->fn, cap + SRIOV_NUM_VFS, 2, n);
		sim_cfg_write(f->fn, cap + SRIOV_CTRL, 2,
			      sim_cfg_read(f->fn, cap + SRIOV_CTRL, 2) | SRIOV_VFE | SRIOV_MSE);
	} else {
		/* drivers first: they are told to let go before what they drive is no more */
		for (struct dmn_fn *vf = f->m->fns; vf; vf = vf->next)
			if (vf_of(vf, f))
				dmn_fn_unbind(vf);
		sim_cfg_write(f->fn, cap + SRIOV_CTRL, 2,
			      sim_cfg_read(f->fn, cap + SRIOV_CTRL, 2) & ~(SRIOV_VFE | SRIOV_MSE));
		sim_cfg_write(f->fn, cap + SRIOV_NUM_VFS, 2, 0);
	}
	dmn_sync(f->m);
	return sim_fn_nr_vfs(f->fn) == n ? 0 : -EIO;
}

int dmn_fn_take_off(struct dmn_fn *f)
{
	if (!f->present)
		return -ENODEV;
	if (!f->pf)
		dmn_fn_set_vfs(f, 0);
	dmn_fn_unbind(f);
	f->present = false;
	f->m->generation++;
	if (!f->pf)
		dmn_sync(f->m);
	return 0;
}

void dmn_rescan(struct dmn_machine *m)
{
	for (struct dmn_fn *f = m->fns; f; f = f->next) {
		if (f->present || f->pf)
			continue;
		f->present = true;
		f->autoprobe = true;
		m->generation++;
		mach_bars(f);
		if (m->autoprobe && dmn_fn_bind(f, NULL))
			syslog(LOG_ERR, "%s: the driver cannot use it", f->name);
	}
	dmn_sync(m);
}

/* ---- the end of a function ---- */

void mach_fn_drop(struct dmn_fn *f)
{
	struct dmn_machine *m = f->m;
	struct dmn_fn **at = &m->fns;

	while (*at) {
		struct dmn_fn *g = *at;

		if (g != f && !vf_of(g, f)) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		g->present = false;
		g->fn = NULL;
		g->next = m->gone;
		m->gone = g;
	}
	m->generation++;
}

int dmn_hot_remove(struct dmn_fn *f, bool surprise)
{
	struct mach_subsys *ms = f->subsys;
	struct sim_fn *fn = f->fn;

	if (f->pf)
		return -EINVAL;
	if (surprise)
		sim_fn_unplug(fn);
	dmn_fn_take_off(f);
	mach_stores_run(f->m);
	mach_fn_drop(f);
	sim_fn_remove(fn);
	store_pmr_close(f->pmr, false);
	f->pmr = NULL;
	if (!ms->id)
		mach_subsys_drop(ms);
	return 0;
}
