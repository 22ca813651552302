/* SPDX-License-Identifier: MIT */
/*
 * fuzz_host.c - worlds, ports and the account of commands; see fuzz_host.h.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_host.h"
#include "../../store/store.h"

#define CAPACITY  (24u << 20)
#define PMR_SIZE  (1u << 20)
#define FZ_SHADOW (FZ_IOVA + 0x8000) /* and EventIdx, a page behind it */

uint64_t fz_seed;

void fz_fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "seed %llu: ", (unsigned long long)fz_seed);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

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

static int port_xfer(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		     unsigned int n)
{
	struct fhost *h = opaque;

	for (unsigned int i = 0; i < n; i++) {
		uint8_t *at;

		if (!mapped(vec[i].iova, vec[i].len))
			return SIM_EFAULT;
		at = h->mem + (vec[i].iova - FZ_IOVA);
		if (sim_dma_reads(dir))
			copy(vec[i].buf, at, vec[i].len, false);
		else
			copy(at, vec[i].buf, vec[i].len, true);
	}
	return 0;
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
	*dma = (struct sim_dma_port){ port_xfer, port_map, h };
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

/* ---- queues ---------------------------------------------------------------------------------- */

void fz_put(struct fhost *h, uint64_t iova, const void *from, size_t len)
{
	if (mapped(iova, len))
		copy(h->mem + (iova - FZ_IOVA), from, len, true);
}

/* the register, behind the shadow if there is one */
static void ring(struct fhost *h, const struct fqueue *q, bool cq, uint32_t val)
{
	const uint32_t entry = q->qid * 2u + cq;

	if (h->shadow)
		fz_put(h, FZ_SHADOW + entry * 4, &val, sizeof(val));
	sim_mmio_write(h->fn, 0, 0x1000 + entry * 4, 4, val);
}

/* its lock is held */
static void submit(struct fhost *h, struct fqueue *q, struct drv_cmd *cmd)
{
	const uint16_t cid = q->next_cid++;

	cmd->dw[0] = (cmd->dw[0] & 0xffff) | (uint32_t)cid << 16;
	fz_put(h, q->sq + q->tail * 64u, cmd, 64);
	q->tail = (q->tail + 1u) % FZ_ENTRIES;
	q->is_out[cid / 8] |= (uint8_t)(1u << cid % 8);
	q->out++;
	h->w->submitted++;
	ring(h, q, false, q->tail);
}

void fz_submit(struct fuzzer *f, struct fhost *h, struct fqueue *q, struct drv_cmd *cmd)
{
	(void)f;
	pthread_mutex_lock(&q->lock);
	if (!h->loose && q->out < FZ_ENTRIES - 1 &&
	    !(q->is_out[q->next_cid / 8] >> q->next_cid % 8 & 1))
		submit(h, q, cmd);
	else
		q->next_cid++;
	pthread_mutex_unlock(&q->lock);
}

/* its lock is held. Return: whether there was a completion; *@status is its status */
static bool poll_one(struct fhost *h, struct fqueue *q, uint16_t *status)
{
	const uint32_t *e =
		(const uint32_t *)(const void *)(h->mem + (q->cq - FZ_IOVA) + q->head * 16u);
	const uint32_t dw3 = __atomic_load_n(&e[3], __ATOMIC_ACQUIRE);
	uint32_t dw2;
	const uint16_t cid = (uint16_t)dw3;

	if ((dw3 >> 16 & 1) != q->phase)
		return false;
	dw2 = __atomic_load_n(&e[2], __ATOMIC_RELAXED);
	*status = dw3 >> 17 & 0x7ff;
	if (!h->loose && dw2 >> 16 == q->qid) {
		/* the function may have been reset between the two */
		if (!(q->is_out[cid / 8] >> cid % 8 & 1) && !h->loose)
			fz_fail("command %u of queue %u has completed twice", cid, q->qid);
		q->is_out[cid / 8] &= (uint8_t) ~(1u << cid % 8);
		q->out--;
		h->w->completed++;
		h->w->good += !*status;
		if (sim_fn_pf(h->fn))
			h->w->vf_good += !*status;
	}
	if (++q->head == FZ_ENTRIES) {
		q->head = 0;
		q->phase = !q->phase;
	}
	ring(h, q, true, q->head);
	return true;
}

void fz_poll(struct fhost *h, struct fqueue *q)
{
	uint16_t status;

	pthread_mutex_lock(&q->lock);
	if (!h->loose)
		for (unsigned int i = 0; i < FZ_ENTRIES && poll_one(h, q, &status); i++)
			;
	pthread_mutex_unlock(&q->lock);
}

/* ---- restart --------------------------------------------------------------------------------- */

/* all locks are held. Return: a status, or 0xffff: there is no answer */
static uint16_t exec(struct fhost *h, struct drv_cmd *cmd)
{
	struct fqueue *q = &h->q[0];
	uint16_t status = 0xffff;

	submit(h, q, cmd);
	for (unsigned int i = 0; i < 100 && !poll_one(h, q, &status); i++)
		sim_run_timers(h->w->subsys);
	return status;
}

static bool create_queues(struct fhost *h, unsigned int n)
{
	struct drv_cmd cmd = { { 0x05 } };

	cmd.dw[6] = (uint32_t)h->q[n].cq;
	cmd.dw[7] = (uint32_t)(h->q[n].cq >> 32);
	cmd.dw[10] = (FZ_ENTRIES - 1) << 16 | n;
	cmd.dw[11] = 3;
	if (exec(h, &cmd))
		return false;
	cmd = (struct drv_cmd){ { 0x01 } };
	cmd.dw[6] = (uint32_t)h->q[n].sq;
	cmd.dw[7] = (uint32_t)(h->q[n].sq >> 32);
	cmd.dw[10] = (FZ_ENTRIES - 1) << 16 | n;
	cmd.dw[11] = n << 16 | 1;
	return !exec(h, &cmd);
}

/* shadow doorbells from now on; whoever rings meanwhile has to wait for a lock */
static void use_shadow(struct fhost *h)
{
	struct drv_cmd cmd = { { 0x7c } };

	cmd.dw[6] = (uint32_t)FZ_SHADOW;
	cmd.dw[8] = cmd.dw[6] + 0x1000;
	cmd.dw[7] = cmd.dw[9] = (uint32_t)(FZ_SHADOW >> 32);
	h->shadow = !exec(h, &cmd);
}

static uint16_t virt(struct fhost *h, uint32_t act, uint32_t rt, uint32_t cntlid, uint32_t nr)
{
	struct drv_cmd cmd = { { 0x1c } };

	cmd.dw[10] = act | rt << 8 | cntlid << 16;
	cmd.dw[11] = nr;
	return exec(h, &cmd);
}

/* what the documentation of SR-IOV has: resources for VFs that are there, as far as there are any
 */
static void bring_up_vfs(struct fuzzer *f, struct fhost *h)
{
	sim_cfg_write(h->fn, 0x190, 2, 3);
	sim_cfg_write(h->fn, 0x188, 2, 9);
	virt(h, 1, 0, 0, 0); /* the primary controller has none, after its next reset */
	virt(h, 1, 1, 0, 0);
	for (uint32_t vf = 1; vf <= 3; vf++) {
		if (fz_rnd(f, 4))
			continue;
		f->w->host[vf]->loose = true;
		virt(h, 7, 0, vf, 0);
		virt(h, 8, 0, vf, 2 + fz_rnd(f, 2));
		virt(h, 8, 1, vf, 1 + fz_rnd(f, 2));
		virt(h, 9, 0, vf, 0);
	}
}

static void forget(struct fhost *h)
{
	static const uint8_t zeroes[4096];

	h->shadow = false;

	for (unsigned int i = 0; i < 3; i++) {
		struct fqueue *q = &h->q[i];

		q->qid = (uint16_t)i;
		q->tail = q->head = q->out = 0;
		q->phase = true;
		q->sq = FZ_IOVA + i * 0x2000u;
		q->cq = q->sq + 0x1000;
		memset(q->is_out, 0, sizeof(q->is_out));
		fz_put(h, q->sq, zeroes, sizeof(zeroes));
		fz_put(h, q->cq, zeroes, sizeof(zeroes));
	}
}

static void registers(struct fhost *h, bool msix)
{
	sim_cfg_write(h->fn, 0x64, 2, 0);
	sim_cfg_write(h->fn, 0x04, 2, 6);
	sim_mmio_write(h->fn, 0, NVME_REG_CC, 4, 0);
	if (sim_bar_size(h->fn, 2) && !sim_fn_pf(h->fn))
		sim_mmio_write(h->fn, 0, 0x50, 8, FZ_CMB | 3);
	sim_mmio_write(h->fn, 0, 0xe18, 4, FZ_PMR >> 32);
	sim_mmio_write(h->fn, 0, 0xe14, 4, (FZ_PMR & 0xffffffff) | 2);
	sim_mmio_write(h->fn, 0, 0xe04, 4, 1);
	for (unsigned int i = 0; i < 13; i++) {
		sim_mmio_write(h->fn, 0, 0x2000 + i * 16, 8, 0xfee00000);
		sim_mmio_write(h->fn, 0, 0x2000 + i * 16 + 12, 4, 0);
	}
	sim_cfg_write(h->fn, 0x42, 2, msix ? 0x8000 : 0);
	sim_mmio_write(h->fn, 0, NVME_REG_AQA, 4, (FZ_ENTRIES - 1) * 0x10001u);
	sim_mmio_write(h->fn, 0, NVME_REG_ASQ, 8, h->q[0].sq);
	sim_mmio_write(h->fn, 0, NVME_REG_ACQ, 8, h->q[0].cq);
	sim_mmio_write(h->fn, 0, NVME_REG_CC, 4, 6u << 4 | 6u << 16 | 4u << 20 | 1);
}

void fz_restart(struct fuzzer *f, struct fhost *h)
{
	for (unsigned int i = 0; i < 3; i++)
		pthread_mutex_lock(&h->q[i].lock);
	sim_mmio_write(h->fn, 0, NVME_REG_CC, 4, 0);
	h->loose = false; /* somebody may do something from here on, too */
	forget(h);
	registers(h, fz_rnd(f, 2));
	if ((sim_mmio_read(h->fn, 0, NVME_REG_CSTS, 4) & 3) != 1)
		h->loose = true;
	for (unsigned int n = 1; n < 3 && !h->loose; n++)
		if (!create_queues(h, n) && n == 1)
			h->loose = true;
	if (!h->loose && !fz_rnd(f, 3))
		use_shadow(h);
	if (!h->loose && sim_fn_vf(h->fn, 1) && fz_rnd(f, 4))
		bring_up_vfs(f, h);
	for (unsigned int i = 0; i < 3; i++)
		pthread_mutex_unlock(&h->q[i].lock);
}

void fz_all_loose(struct fworld *w)
{
	for (unsigned int i = 0; i < w->nr_hosts; i++)
		w->host[i]->loose = true;
}

void fz_reset(struct fuzzer *f, struct fhost *h)
{
	fz_all_loose(f->w);
	sim_fn_reset(h->fn, (enum sim_reset)fz_rnd(f, 3));
}

void fz_advance(struct fuzzer *f)
{
	static const uint64_t ns[] = { 0, 1, 100000, 1000000, 500000000, 61000000000 };

	f->w->now += ns[fz_rnd(f, 6)];
	sim_run_timers(f->w->subsys);
}

void fz_outside(struct fuzzer *f, struct fhost *h)
{
	struct sim_fdp_sample samples[64];
	struct sim_zone_info zones[64];
	struct sim_zones_info zi;
	struct sim_hmb_info hmb;
	struct sim_fdp_info fi;
	struct sim_fdp_ruh ruh[16];
	struct sim_fdp_ru ru[64];
	struct sim_msg msg;

	switch (fz_rnd(f, 7)) {
	case 0:
		sim_zone_act(f->w->subsys, 2, 100ull * fz_rnd(f, 40),
			     (enum sim_zone_act)(2 + fz_rnd(f, 4)), &msg);
		break;
	case 1:
		sim_ana_set(h->fn, fz_rnd(f, 4), fz_rnd(f, 4) ? 1 : fz_rnd(f, 5));
		break;
	case 2:
		sim_smart_warn(h->fn, (uint8_t)fz_rnd(f, 64));
		break;
	case 3:
		if (!sim_zones_info(f->w->subsys, fz_rnd(f, 8), &zi) && zi.nr_open > zi.nr_active)
			fz_fail("%u zones are open, %u active", zi.nr_open, zi.nr_active);
		sim_zones_get(f->w->subsys, fz_rnd(f, 8), fz_any(f), 64, zones);
		sim_zones_get(f->w->subsys, 2, fz_rnd(f, 50), 64, zones);
		break;
	case 4:
		sim_hmb_info(h->fn, &hmb);
		break;
	case 5:
		if (!sim_fdp_info(f->w->subsys, &fi) &&
		    (fi.nr_free > fi.nr_ru || fi.mbmw < fi.hbmw))
			fz_fail("FDP's accounts do not add up");
		sim_fdp_rus(f->w->subsys, fz_any(f), 64, ru);
		sim_fdp_rus(f->w->subsys, fz_rnd(f, 100), 64, ru);
		break;
	default:
		sim_fdp_ruhs(f->w->subsys, fz_rnd(f, 9), 16, ruh);
		sim_fdp_history(f->w->subsys, 64, samples);
	}
}

void fz_check_alive(struct fuzzer *f)
{
	struct fworld *w = f->w;

	for (unsigned int i = 0; i < w->nr_hosts; i++) {
		struct fhost *h = w->host[i];
		struct drv_cmd cmd = { { 0x06 } };

		if (sim_fn_pf(h->fn))
			continue;
		sim_fn_reset(h->fn, SIM_RESET_CONVENTIONAL);
		fz_restart(f, h);
		if (h->loose)
			fz_fail("a function does not come back");
		cmd.dw[6] = (uint32_t)(FZ_IOVA + FZ_DATA);
		cmd.dw[7] = (uint32_t)(FZ_IOVA >> 32);
		cmd.dw[10] = 1;
		if (exec(h, &cmd))
			fz_fail("a function does not identify itself");
	}
}
