/* SPDX-License-Identifier: MIT */
/*
 * fuzz_world.c - worlds: a subsystem with everything around it, and the ports; see fuzz_host.h.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_host.h"
#include "../../store/store.h"

#define CAPACITY (24u << 20)
#define PMR_SIZE (1u << 20)

/* ---- ports ----------------------------------------------------------------------------------- */

/* by words, as a bus does: a host that changes data under way is a host's fault, not ours */
static void copy(uint8_t *to, const uint8_t *from, size_t len, bool host_is_to)
{
	const uintptr_t host = (uintptr_t)(host_is_to ? to : from);
	size_t i = 0;

	for (; !(host % 4) && i + 4 <= len; i += 4) {
		uint32_t v;

		if (host_is_to) {
			memcpy(&v, from + i, 4);
			__atomic_store_n((uint32_t *)(void *)(to + i), v, __ATOMIC_RELEASE);
		} else {
			v = __atomic_load_n((const uint32_t *)(const void *)(from + i),
					    __ATOMIC_ACQUIRE);
			memcpy(to + i, &v, 4);
		}
	}
	for (; i < len; i++) {
		if (host_is_to)
			__atomic_store_n(to + i, from[i], __ATOMIC_RELAXED);
		else
			to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
	}
}

static bool mapped(uint64_t iova, size_t len)
{
	return iova - FZ_IOVA < FZ_MEM && len <= FZ_MEM - (iova - FZ_IOVA);
}

void fz_put(struct fhost *h, uint64_t iova, const void *from, size_t len)
{
	if (mapped(iova, len))
		copy(h->mem + (iova - FZ_IOVA), from, len, true);
}

/** struct lent - memory that a thread was lent, until its port is settled */
static _Thread_local struct lent {
	unsigned int n;
	struct {
		uint8_t *to;
		const void *from;
		size_t len;
		unsigned int sum;
	} of[64];
} lent;

static unsigned int sum(const void *from, size_t len)
{
	const uint8_t *p = from;
	unsigned int s = 0;

	while (len--)
		s = s * 31 + *p++;
	return s;
}

static bool lend(uint8_t *to, const struct sim_dma_vec *v)
{
	if (lent.n == sizeof(lent.of) / sizeof(lent.of[0]) || v->len > 16384)
		return false;
	lent.of[lent.n].to = to;
	lent.of[lent.n].from = v->buf;
	lent.of[lent.n].len = v->len;
	lent.of[lent.n++].sum = sum(v->buf, v->len);
	return true;
}

static void port_settle(void *opaque)
{
	for (unsigned int i = 0; i < lent.n; i++) {
		assert_int_equal(sum(lent.of[i].from, lent.of[i].len), lent.of[i].sum);
		copy(lent.of[i].to, lent.of[i].from, lent.of[i].len, true);
	}
	lent.n = 0;
}

static int port_xfer(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		     unsigned int n)
{
	struct fhost *h = opaque;
	int ret = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint8_t *at;

		if (!mapped(vec[i].iova, vec[i].len))
			return SIM_EFAULT;
		at = h->mem + (vec[i].iova - FZ_IOVA);
		if (dir == SIM_DMA_LEND && lend(at, &vec[i]))
			ret = SIM_LENT;
		else if (sim_dma_reads(dir))
			copy(vec[i].buf, at, vec[i].len, false);
		else
			copy(at, vec[i].buf, vec[i].len, true);
	}
	return ret;
}

/* with two threads only the queues that are kept account of: others are written to while they are
 * looked at */
static void *port_map(void *opaque, uint64_t iova, size_t len)
{
	struct fhost *h = opaque;

	if (!mapped(iova, len) || (h->w->threads > 1 && iova - FZ_IOVA + len > FZ_DATA))
		return NULL;
	return h->vfn % 2 ? NULL : h->mem + (iova - FZ_IOVA);
}

static void port_msix(void *opaque, uint16_t vector, uint64_t addr, uint32_t data)
{
	(void)vector, (void)addr, (void)data;
	((struct fhost *)opaque)->w->irqs++;
}

static void port_intx(void *opaque, bool level)
{
	((struct fhost *)opaque)->w->irqs += level;
}

static void port_news(void *opaque, struct sim_fn *fn, enum sim_fn_change what)
{
	struct fhost *h = opaque;

	h->w->news += what == SIM_FN_RESET;
	if (h->fn == fn)
		sim_cfg_read(fn, 0, 4);
}

static uint64_t port_now(void *opaque)
{
	return ((struct fworld *)opaque)->now;
}

static uint64_t port_wall(void *opaque)
{
	return 1700000000000 + ((struct fworld *)opaque)->now / 1000000;
}

static int pmr_sync(void *opaque)
{
	(void)opaque;
	return 0;
}

static int put(void *opaque, uint16_t type, uint64_t key, uint16_t version, const void *buf,
	       uint32_t len)
{
	struct fworld *w = opaque;
	int err;

	pthread_mutex_lock(&w->journal_lock);
	err = memj_put(&w->journal, type, key, version, buf, len);
	pthread_mutex_unlock(&w->journal_lock);
	return err;
}

static int get(void *opaque, uint16_t type, uint64_t key, uint16_t *version, void *buf,
	       uint32_t len)
{
	struct fworld *w = opaque;
	int n;

	pthread_mutex_lock(&w->journal_lock);
	n = memj_get(&w->journal, type, key, version, buf, len);
	pthread_mutex_unlock(&w->journal_lock);
	return n;
}

static void *cell(void *opaque, uint16_t type, uint64_t key, uint32_t len)
{
	struct fworld *w = opaque;
	void *p;

	pthread_mutex_lock(&w->journal_lock);
	p = memj_cell(&w->journal, type, key, len);
	pthread_mutex_unlock(&w->journal_lock);
	return p;
}

static int synced(void *opaque)
{
	(void)opaque;
	return 0;
}

static void *area(void *opaque, uint16_t type, uint64_t key, uint64_t len, bool *fresh)
{
	struct fworld *w = opaque;
	void *p;

	pthread_mutex_lock(&w->journal_lock);
	p = memj_area(&w->journal, type, key, len, fresh);
	pthread_mutex_unlock(&w->journal_lock);
	return p;
}

static void area_free(void *opaque, uint16_t type, uint64_t key, void *mem, uint64_t len,
		      bool forget)
{
	struct fworld *w = opaque;

	pthread_mutex_lock(&w->journal_lock);
	memj_area_free(&w->journal, type, key, mem, len, forget);
	pthread_mutex_unlock(&w->journal_lock);
}

/* a store's flushes end later: one that fz_flushes() takes, or at the end */
static struct fworld *the_world;

static void flush(struct sim_store *st, void (*done)(void *arg, int err), void *arg)
{
	struct fworld *w = the_world;
	bool kept = false;

	(void)st;
	pthread_mutex_lock(&w->flush_lock);
	if (w->nr_flushes < sizeof(w->flush) / sizeof(w->flush[0])) {
		w->flush[w->nr_flushes++] = (struct fz_flush){ done, arg };
		kept = true;
	}
	pthread_mutex_unlock(&w->flush_lock);
	if (!kept)
		done(arg, 0);
}

void fz_flushes(struct fworld *w, bool all)
{
	struct fz_flush f = { 0 };

	do {
		pthread_mutex_lock(&w->flush_lock);
		f = w->nr_flushes ? w->flush[--w->nr_flushes] : (struct fz_flush){ 0 };
		pthread_mutex_unlock(&w->flush_lock);
		if (f.done)
			f.done(f.arg, 0);
	} while (all && f.done);
}

static struct sim_store *disk_new(struct fworld *w, uint64_t size)
{
	struct sim_msg msg;
	struct sim_store *st = store_ram_new(size, &msg);

	if (!st)
		return NULL;
	w->ops = *st->ops;
	w->ops.flush = flush;
	st->ops = &w->ops;
	return st;
}

static int make(void *opaque, uint32_t nsid, uint64_t size, struct sim_store **st)
{
	struct fworld *w = opaque;

	if (w->nr_dropped == sizeof(w->dropped) / sizeof(w->dropped[0]))
		return SIM_ENOSPC;
	*st = disk_new(w, size);
	if (!*st)
		return SIM_ENOMEM;
	(*st)->fresh = true;
	w->made[nsid] = *st;
	return 0;
}

static int reopen(void *opaque, uint32_t nsid, struct sim_store **st)
{
	struct fworld *w = opaque;

	*st = w->made[nsid];
	return *st ? 0 : SIM_ENOENT;
}

static void drop(void *opaque, uint32_t nsid, struct sim_store *st)
{
	struct fworld *w = opaque;

	if (w->made[nsid] != st)
		fz_fail("the medium of namespace %u is dropped, which it has not", nsid);
	w->dropped[w->nr_dropped++] = st;
	w->made[nsid] = NULL;
}

/* ---- worlds ---------------------------------------------------------------------------------- */

static struct fhost *host_new(struct fworld *w, unsigned int vfn)
{
	const unsigned int at = w->nr_hosts++;

	if (!w->host[at]) {
		struct fhost *h = w->host[at] = calloc(1, sizeof(*h));

		assert_non_null(h);
		h->mem = calloc(1, FZ_MEM);
		assert_non_null(h->mem);
		h->w = w;
		h->vfn = vfn;
		for (unsigned int i = 0; i < 3; i++)
			pthread_mutex_init(&h->q[i].lock, NULL);
	}
	w->host[at]->loose = true;
	return w->host[at];
}

static void set_ports(struct fhost *h, struct sim_dma_port *dma, struct sim_irq_port *irq,
		      struct sim_fn_port *news)
{
	*dma = (struct sim_dma_port){ port_xfer, port_map, port_settle, h };
	*irq = (struct sim_irq_port){ port_msix, port_intx, h };
	*news = (struct sim_fn_port){ port_news, h };
}

static int vf_ports(void *opaque, unsigned int vf, struct sim_dma_port *dma,
		    struct sim_irq_port *irq, struct sim_fn_port *news)
{
	struct fhost *pf = opaque;

	set_ports(host_new(pf->w, vf), dma, irq, news);
	return 0;
}

static void add_fn(struct fworld *w, struct sim_ctrl_params *p)
{
	const unsigned int at = w->nr_hosts;
	struct fhost *h = host_new(w, 0);
	struct sim_msg msg = { "" };

	set_ports(h, &p->dma, &p->irq, &p->news);
	p->vf = (struct sim_vf_port){ vf_ports, h };
	h->fn = sim_fn_add(w->subsys, p, &msg);
	if (!h->fn)
		fail_msg("%s", msg.text);
	for (unsigned int i = at + 1; i < w->nr_hosts; i++)
		w->host[i]->fn = sim_fn_vf(h->fn, w->host[i]->vfn);
}

static void add_ns(struct fworld *w, unsigned int i, uint64_t size, struct sim_ns_params *p)
{
	struct sim_msg msg = { "" };

	if (!w->disk[i])
		w->disk[i] = disk_new(w, size);
	p->store = w->disk[i];
	if (!p->store || sim_ns_add(w->subsys, NULL, p, &msg) < 0)
		fail_msg("%s", msg.text);
}

void fz_replug(struct fuzzer *f)
{
	struct fworld *w = f->w;
	struct fhost *h = w->host[w->nr_hosts - 1];
	struct sim_ctrl_params p = w->last;
	struct sim_fn *fn = h->fn;

	if (fz_rnd(f, 2))
		sim_fn_unplug(fn);
	h->loose = true;
	sim_fn_remove(fn);
	if (fz_rnd(f, 2)) /* while it is not there */
		fz_flushes(w, true);
	w->nr_hosts--;
	add_fn(w, &p);
}

static void build_ns(struct fworld *w)
{
	struct drv_params p;

	drv_params(&p);
	if (w->fdp) {
		p.ns.logical_block_size = p.ns.physical_block_size = 4096;
		p.ns.ruhs = (struct sim_ruhs){ .nr = 2, .ruhid = { 0, 1 } };
		add_ns(w, 0, 8u << 20, &p.ns);
		return;
	}
	add_ns(w, 0, 4u << 20, &p.ns);
	p.ns.nsid = 2;
	p.ns.zoned = (struct sim_zoned_params){
		.on = true,
		.zone_size = 100 * 512,
		.zone_capacity = 90 * 512,
		.descr_ext_size = 64,
		.max_active = 5,
		.max_open = 3,
		.numzrwa = 2,
		.zrwas = 16 * 512,
		.zrwafg = 4 * 512,
	};
	add_ns(w, 1, 40 * 100 * 512, &p.ns);
}

static void build(struct fworld *w)
{
	struct sim_msg msg = { "" };
	struct drv_params p;

	w->nr_hosts = 0;
	drv_params(&p);
	w->subsys = sim_subsys_new(
		&(struct sim_subsys_params){
			.nqn = "nqn.2019-08.org.qemu:fuzz",
			.clock = { port_now, port_wall, NULL, w },
			.journal = { .put = put,
				     .get = get,
				     .cell = cell,
				     .sync = synced,
				     .area = area,
				     .area_free = area_free,
				     .opaque = w },
			.backing = { make, reopen, drop, w },
			.capacity = CAPACITY,
			.multi = true,
			.fdp = { .on = w->fdp,
				 .runs = 256 << 10,
				 .nrg = 2,
				 .nruh = 4,
				 .op = 10,
				 .erutl = 60 },
		},
		&msg);
	if (!w->subsys)
		fail_msg("%s", msg.text);
	p.ctrl.max_ioqpairs = 12;
	p.ctrl.msix_qsize = 13;
	p.ctrl.mqes = 0xff;
	p.ctrl.cmb_size_mb = w->fdp; /* there is none with SR-IOV */
	p.ctrl.hmb_size = 1 << 20;
	p.ctrl.sriov_max_vfs = w->fdp ? 0 : 3;
	p.ctrl.sriov_vq_flexible = w->fdp ? 0 : 8;
	p.ctrl.sriov_vi_flexible = w->fdp ? 0 : 5;
	add_fn(w, &p.ctrl);
	p.ctrl.sriov_max_vfs = p.ctrl.sriov_vq_flexible = p.ctrl.sriov_vi_flexible = 0;
	p.ctrl.cmb_size_mb = 1;
	p.ctrl.legacy_cmb = w->fdp;
	p.ctrl.ocp = true;
	p.ctrl.pmr = (struct sim_pmr_port){ w->pmr, PMR_SIZE, pmr_sync, NULL };
	w->last = p.ctrl;
	add_fn(w, &p.ctrl);
	build_ns(w);
	if (sim_subsys_restore(w->subsys, &msg))
		fail_msg("%s", msg.text);
}

struct fworld *fz_world_new(bool fdp)
{
	struct fworld *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->fdp = fdp;
	w->now = 1000000000;
	w->threads = 1;
	w->pmr = calloc(1, PMR_SIZE);
	assert_non_null(w->pmr);
	pthread_mutex_init(&w->journal_lock, NULL);
	pthread_mutex_init(&w->flush_lock, NULL);
	the_world = w;
	build(w);
	return w;
}

void fz_power_cycle(struct fworld *w)
{
	sim_subsys_free(w->subsys);
	fz_flushes(w, true); /* the stores' are over after the device is */
	build(w);
}

void fz_world_free(struct fworld *w)
{
	sim_subsys_free(w->subsys);
	fz_flushes(w, true);
	for (unsigned int i = 0; i < w->nr_dropped; i++)
		store_free(w->dropped[i]);
	for (unsigned int i = 0; i <= SIM_NN; i++)
		if (w->made[i])
			store_free(w->made[i]);
	for (unsigned int i = 0; i < 2; i++)
		if (w->disk[i])
			store_free(w->disk[i]);
	for (unsigned int i = 0; i < w->nr_hosts; i++) {
		for (unsigned int n = 0; n < 3; n++)
			pthread_mutex_destroy(&w->host[i]->q[n].lock);
		free(w->host[i]->mem);
		free(w->host[i]);
	}
	memj_free(&w->journal);
	pthread_mutex_destroy(&w->journal_lock);
	pthread_mutex_destroy(&w->flush_lock);
	free(w->pmr);
	free(w);
}
