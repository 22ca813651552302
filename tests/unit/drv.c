/* SPDX-License-Identifier: MIT */
/*
 * drv.c - the unit tests' NVMe driver; see drv.h.
 */
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "drv.h"
#include "../../store/store.h"

#define BAR0_DOORBELLS 0x1000
#define CFG_COMMAND 0x04
#define CFG_MSIX_CTRL 0x42
#define CFG_MSIX_TABLE 0x44
#define WAIT_TURNS 2000000
#define MAX_LENT       1024
#define MAX_LEND       16384u /* bytes; more is moved at once */

/* ---- ports -------------------------------------------------------------------------------- */

static bool mapped(const struct drv *d, uint64_t iova, size_t len)
{
	return !d->dma_unmapped && iova >= DRV_IOVA && iova - DRV_IOVA <= DRV_MEM &&
	       len <= DRV_MEM - (iova - DRV_IOVA);
}

/**
 * struct lent - what a thread was lent: it is moved when the port is settled, and has not changed
 * until then
 */
static _Thread_local struct lent {
	unsigned int n;
	struct {
		struct drv *d;
		struct sim_dma_vec vec;
		void *was;
	} of[MAX_LENT];
} lent;

static void lend(struct drv *d, const struct sim_dma_vec *vec)
{
	void *was = malloc(vec->len);

	assert_non_null(was);
	assert_true(lent.n < MAX_LENT);
	memcpy(was, vec->buf, vec->len);
	lent.of[lent.n].d = d;
	lent.of[lent.n].vec = *vec;
	lent.of[lent.n++].was = was;
	__atomic_fetch_add(&d->lent, 1, __ATOMIC_RELAXED);
}

static void port_settle(void *opaque)
{
	for (unsigned int i = 0; i < lent.n; i++) {
		const struct sim_dma_vec *v = &lent.of[i].vec;

		assert_memory_equal(v->buf, lent.of[i].was, v->len);
		memcpy(drv_ptr(lent.of[i].d, v->iova), v->buf, v->len);
		free(lent.of[i].was);
	}
	lent.n = 0;
}

static int port_xfer(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		     unsigned int n)
{
	struct drv *d = opaque;
	int ret = 0;

	__atomic_fetch_add(&d->xfers, 1, __ATOMIC_RELAXED);
	if (d->on_xfer)
		d->on_xfer(d);
	/* what comes before the failure has been moved, as the port may do */
	for (unsigned int i = 0; i < n; i++) {
		if (!mapped(d, vec[i].iova, vec[i].len))
			return SIM_EFAULT;
		if (dir == SIM_DMA_LEND && vec[i].len <= MAX_LEND) {
			lend(d, &vec[i]);
			ret = SIM_LENT;
		} else if (sim_dma_reads(dir)) {
			memcpy(vec[i].buf, drv_ptr(d, vec[i].iova), vec[i].len);
		} else {
			memcpy(drv_ptr(d, vec[i].iova), vec[i].buf, vec[i].len);
		}
	}
	return ret;
}

static void *port_map(void *opaque, uint64_t iova, size_t len)
{
	struct drv *d = opaque;

	return !d->no_map && mapped(d, iova, len) ? drv_ptr(d, iova) : NULL;
}

static void port_msix(void *opaque, uint16_t vector, uint64_t addr, uint32_t data)
{
	struct drv *d = opaque;

	assert_int_equal(addr, 0xfee00000);
	assert_int_equal(data, vector);
	__atomic_fetch_add(&d->irqs[vector], 1, __ATOMIC_RELAXED);
}

static void port_intx(void *opaque, bool level)
{
	struct drv *d = opaque;

	assert_int_not_equal(d->intx, level); /* only changes are told */
	d->intx = level;
}

static uint64_t port_now(void *opaque)
{
	struct drv *d = opaque;

	return d->now_ns;
}

static uint64_t port_wall(void *opaque)
{
	struct drv *d = opaque;

	return d->wall_ms;
}

static void port_arm(void *opaque, uint64_t deadline_ns)
{
	struct drv *d = opaque;

	__atomic_store_n(&d->armed, deadline_ns, __ATOMIC_RELAXED);
}

static void port_news(void *opaque, struct sim_fn *fn, enum sim_fn_change what)
{
	struct drv *d = opaque;

	if (d->fn)
		assert_ptr_equal(fn, d->fn);
	__atomic_fetch_add(&d->news[what], 1, __ATOMIC_RELAXED);
	sim_cfg_read(fn, 0, 4); /* no lock is held: this may be done */
}

/* ---- building ----------------------------------------------------------------------------- */

void drv_params(struct drv_params *p)
{
	*p = (struct drv_params){
		.ctrl = {
			.serial = "deadbeef",
			.model = "QEMU NVMe Ctrl",
			.firmware_version = "1.0",
			.max_ioqpairs = 64,
			.msix_qsize = 65,
			.mqes = 0x7ff,
			.mdts = 7,
			.vsl = 7,
			.aerl = 3,
			.aer_max_queued = 64,
		},
		.ns = {
			.nsid = 1,
			.logical_block_size = 512,
			.physical_block_size = 512,
			.write_cache = true,
			.shared = true,
		},
		.ns_bytes = 64u << 20,
	};
}

void drv_pci_enable(struct drv *d)
{
	uint32_t table = sim_cfg_read(d->fn, CFG_MSIX_TABLE, 4), bir = table & 7;
	uint32_t nr_vectors = (sim_cfg_read(d->fn, CFG_MSIX_CTRL, 2) & 0x7ff) + 1;

	table &= ~7u;
	sim_cfg_write(d->fn, CFG_COMMAND, 2, 0x0006);
	for (unsigned int v = 0; v < nr_vectors; v++) {
		sim_mmio_write(d->fn, bir, table + v * 16, 8, 0xfee00000);
		sim_mmio_write(d->fn, bir, table + v * 16 + 8, 4, v);
		sim_mmio_write(d->fn, bir, table + v * 16 + 12, 4, 0);
	}
	sim_cfg_write(d->fn, CFG_MSIX_CTRL, 2, 0x8000);
}

/* the host's side of a function */
static struct drv *host_new(void)
{
	struct drv *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->mem = mmap(NULL, DRV_MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(d->mem, MAP_FAILED);
	d->brk = DRV_PAGE; /* address 0 of the array stays free: it tells a missing pointer */
	return d;
}

static void set_ports(struct drv *d, struct sim_dma_port *dma, struct sim_irq_port *irq,
		      struct sim_fn_port *news)
{
	*dma = (struct sim_dma_port){ port_xfer, port_map, port_settle, d };
	*irq = (struct sim_irq_port){ port_msix, port_intx, d };
	*news = (struct sim_fn_port){ port_news, d };
}

static void inherit(struct drv *d, struct drv *root)
{
	d->root = root;
	d->css = root->css;
	d->subsys = root->subsys;
	d->store = root->store;
	d->no_map = root->no_map;
	d->next = root->next;
	root->next = d;
}

static int port_vf(void *opaque, unsigned int vf, struct sim_dma_port *dma,
		   struct sim_irq_port *irq, struct sim_fn_port *news)
{
	struct drv *pf = opaque, *d = host_new();

	inherit(d, pf->root);
	d->pf = pf;
	d->vfn = vf;
	set_ports(d, dma, irq, news);
	return 0;
}

struct drv *drv_vf(struct drv *pf, unsigned int vfn)
{
	for (struct drv *d = pf->root->next; d; d = d->next)
		if (d->pf == pf && d->vfn == vfn)
			return d;
	fail_msg("no virtual function %u", vfn);
	return NULL;
}

static void add_fn(struct drv *d, struct sim_ctrl_params *p)
{
	struct sim_msg msg = { "" };

	set_ports(d, &p->dma, &p->irq, &p->news);
	p->vf = (struct sim_vf_port){ port_vf, d };
	d->fn = sim_fn_add(d->subsys, p, &msg);
	if (!d->fn)
		fail_msg("%s", msg.text);
	for (struct drv *v = d->root->next; v; v = v->next)
		if (v->pf == d)
			v->fn = sim_fn_vf(d->fn, v->vfn);
}

struct drv *drv_add_fn(struct drv *root, const struct sim_ctrl_params *ctrl)
{
	struct drv *d = host_new();
	struct drv_params p;

	drv_params(&p);
	if (ctrl)
		p.ctrl = *ctrl;
	inherit(d, root);
	add_fn(d, &p.ctrl);
	drv_pci_enable(d);
	return d;
}

struct drv *drv_new(const struct drv_params *params)
{
	struct drv_params p;
	struct sim_msg msg = { "" };
	struct drv *d = host_new();

	if (params)
		p = *params;
	else
		drv_params(&p);
	d->root = d;
	d->css = p.ns_bytes && p.ns.zoned.on ? 6 : 0;
	d->now_ns = 1000000000;
	d->wall_ms = 1700000000000;
	d->armed = UINT64_MAX;
	d->no_map = p.no_map;
	d->journal = p.journal;
	if (!d->journal.area)
		store_anon_areas(&d->journal);

	d->subsys = sim_subsys_new(&(struct sim_subsys_params){
		.nqn = "nqn.2019-08.org.qemu:test",
		.clock = { port_now, port_wall, port_arm, d },
		.journal = d->journal,
		.backing = p.backing,
		.capacity = p.capacity,
		.multi = p.multi,
		.fdp = p.fdp,
	}, &msg);
	if (!d->subsys)
		fail_msg("%s", msg.text);
	add_fn(d, &p.ctrl);
	d->store = p.ns.store;
	if (p.ns_bytes) {
		if (!d->store) {
			d->store = p.ns.store = store_ram_new(p.ns_bytes, &msg);
			d->own_store = true;
		}
		if (!d->store || sim_ns_add(d->subsys, NULL, &p.ns, &msg) < 0)
			fail_msg("%s", msg.text);
	}
	drv_pci_enable(d);
	return d;
}

void drv_free(struct drv *d)
{
	sim_subsys_free(d->subsys);
	if (d->own_store)
		store_free(d->store);
	for (struct drv *next; d; d = next) {
		next = d->next;
		munmap(d->mem, DRV_MEM);
		free(d);
	}
}

/* ---- memory and registers ----------------------------------------------------------------- */

uint64_t drv_alloc(struct drv *d, size_t len)
{
	uint64_t at = d->brk;

	len = (len + DRV_PAGE - 1) & ~(size_t)(DRV_PAGE - 1);
	assert_true(len <= DRV_MEM - at);
	d->brk += len;
	return DRV_IOVA + at; /* fresh from mmap: zeroes */
}

void *drv_ptr(struct drv *d, uint64_t iova)
{
	for (unsigned int bar = 0; bar < 6; bar++) {
		const struct drv_window *w = &d->window[bar];
		uint64_t len;
		void *p;

		if (iova < w->base || iova - w->base >= w->size)
			continue;
		p = sim_bar_map(d->fn, bar, iova - w->base, &len);
		assert_non_null(p);
		return p;
	}
	return d->mem + (iova - DRV_IOVA);
}

void drv_window(struct drv *d, unsigned int bar, uint64_t base, uint64_t size)
{
	d->window[bar] = (struct drv_window){bar, base, size, 0};
}

uint64_t drv_bar_alloc(struct drv *d, unsigned int bar, size_t len)
{
	struct drv_window *w = &d->window[bar];
	uint64_t at = w->brk;

	len = (len + DRV_PAGE - 1) & ~(size_t)(DRV_PAGE - 1);
	assert_true(len <= w->size - at);
	w->brk += len;
	return w->base + at;
}

uint32_t drv_r32(struct drv *d, uint64_t off)
{
	return (uint32_t)sim_mmio_read(d->fn, 0, off, 4);
}

uint64_t drv_r64(struct drv *d, uint64_t off)
{
	return sim_mmio_read(d->fn, 0, off, 8);
}

void drv_w32(struct drv *d, uint64_t off, uint32_t v)
{
	sim_mmio_write(d->fn, 0, off, 4, v);
}

void drv_w64(struct drv *d, uint64_t off, uint64_t v)
{
	sim_mmio_write(d->fn, 0, off, 8, v);
}

static void queue_memory(struct drv *d, struct drv_queue *q, uint16_t qid, uint16_t size)
{
	*q = (struct drv_queue){ .qid = qid, .size = size, .phase = 1 };
	q->sq_iova = drv_alloc(d, size * 64u);
	q->cq_iova = drv_alloc(d, size * 16u);
}

void drv_enable(struct drv *d)
{
	queue_memory(d, &d->admin, 0, 32);
	drv_w32(d, NVME_REG_AQA, 31u << 16 | 31);
	drv_w64(d, NVME_REG_ASQ, d->admin.sq_iova);
	drv_w64(d, NVME_REG_ACQ, d->admin.cq_iova);
	drv_w32(d, NVME_REG_CC, 1u | (uint32_t)d->css << 4 | 6u << 16 | 4u << 20);
	assert_int_equal(drv_r32(d, NVME_REG_CSTS) & 3, 1); /* RDY, and not CFS */
}

uint16_t drv_queue_at(struct drv *d, struct drv_queue *q, uint16_t qid, uint16_t size,
		      uint64_t sq_iova, uint64_t cq_iova)
{
	struct drv_cmd cmd = { 0 };
	uint16_t status;

	*q = (struct drv_queue){.qid = qid, .size = size, .phase = 1};
	q->sq_iova = sq_iova;
	q->cq_iova = cq_iova;
	cmd.dw[0] = 0x05; /* Create I/O Completion Queue */
	cmd.dw[10] = (size - 1u) << 16 | qid;
	cmd.dw[11] = (uint32_t)qid << 16 | 3; /* IV, IEN, PC */
	status = drv_admin(d, &cmd, q->cq_iova, DRV_PAGE, NULL);
	if (status)
		return status;
	memset(&cmd, 0, sizeof(cmd));
	cmd.dw[0] = 0x01; /* Create I/O Submission Queue */
	cmd.dw[10] = (size - 1u) << 16 | qid;
	cmd.dw[11] = (uint32_t)qid << 16 | 1; /* CQID, PC */
	return drv_admin(d, &cmd, q->sq_iova, DRV_PAGE, NULL);
}

void drv_create_queue(struct drv *d, struct drv_queue *q, uint16_t qid, uint16_t size)
{
	queue_memory(d, q, qid, size);
	assert_int_equal(drv_queue_at(d, q, qid, size, q->sq_iova, q->cq_iova), 0);
}

void drv_start(struct drv *d)
{
	drv_enable(d);
	drv_create_queue(d, &d->io, 1, 64);
}

void drv_disable(struct drv *d)
{
	drv_w32(d, NVME_REG_CC, drv_r32(d, NVME_REG_CC) & ~1u);
	assert_int_equal(drv_r32(d, NVME_REG_CSTS) & 1, 0);
}

void drv_lbafee(struct drv *d)
{
	struct drv_cmd cmd = { { 0x09 } };
	uint64_t iova = drv_alloc(d, 512);

	cmd.dw[10] = 0x16;
	((uint8_t *)drv_ptr(d, iova))[2] = 1;
	assert_int_equal(drv_admin(d, &cmd, iova, 512, NULL), 0);
}

/* ---- commands ----------------------------------------------------------------------------- */

/*
 * NVMe Base 2.1, annex B.5: the shadow is written, and the register only if the value passes what
 * EventIdx says. @old: the value before
 */
static void doorbell(struct drv *d, const struct drv_queue *q, bool cq, uint16_t old, uint16_t val)
{
	const uint32_t entry = q->qid * 2u + cq;
	uint32_t *shadow, *eventidx;
	uint16_t ei, size = cq && q->cq_size ? q->cq_size : q->size;

	if (d->shadow && (q->qid || d->shadow_admin)) {
		shadow = drv_ptr(d, d->shadow + entry * 4);
		eventidx = drv_ptr(d, d->eventidx + entry * 4);
		__atomic_store_n(shadow, sim_le32(val), __ATOMIC_SEQ_CST);
		ei = (uint16_t)sim_le32(__atomic_load_n(eventidx, __ATOMIC_SEQ_CST));
		/* old <= ei < val, around the ring */
		if ((ei + size - old) % size >= (val + size - old) % size)
			return;
	}
	__atomic_fetch_add(&d->rings, 1, __ATOMIC_RELAXED);
	drv_w32(d, BAR0_DOORBELLS + entry * 4, val);
}

uint16_t drv_put(struct drv *d, struct drv_queue *q, struct drv_cmd *cmd)
{
	uint16_t cid = __atomic_fetch_add(&d->next_cid, 1, __ATOMIC_RELAXED);
	uint32_t *sqe = drv_ptr(d, q->sq_iova + q->sq_tail * 64u);

	cmd->dw[0] = (cmd->dw[0] & 0xffff) | (uint32_t)cid << 16;
	for (unsigned int i = 0; i < 16; i++)
		sqe[i] = sim_le32(cmd->dw[i]);
	q->sq_tail = (uint16_t)(q->sq_tail + 1 == q->size ? 0 : q->sq_tail + 1);
	return cid;
}

void drv_ring_sq(struct drv *d, struct drv_queue *q)
{
	const uint16_t tail = q->sq_tail, old = q->rung;

	q->rung = tail;
	doorbell(d, q, false, old, tail);
	assert_int_equal(lent.n, 0);
}

uint16_t drv_submit(struct drv *d, struct drv_queue *q, struct drv_cmd *cmd)
{
	uint16_t cid = drv_put(d, q, cmd);

	drv_ring_sq(d, q);
	return cid;
}

bool drv_poll(struct drv *d, struct drv_queue *q, struct drv_cqe *cqe)
{
	uint32_t *p = drv_ptr(d, q->cq_iova + q->cq_head * 16u);
	uint32_t last = sim_le32(__atomic_load_n(&p[3], __ATOMIC_ACQUIRE));
	uint16_t old = q->cq_head;

	if ((last >> 16 & 1) != q->phase)
		return false;
	*cqe = (struct drv_cqe){
		.dw0 = sim_le32(p[0]),
		.dw1 = sim_le32(p[1]),
		.sqhd = (uint16_t)sim_le32(p[2]),
		.sqid = (uint16_t)(sim_le32(p[2]) >> 16),
		.cid = (uint16_t)last,
		.status = (uint16_t)(last >> 17),
	};
	if (++q->cq_head == (q->cq_size ? q->cq_size : q->size)) {
		q->cq_head = 0;
		q->phase ^= 1;
	}
	doorbell(d, q, true, old, q->cq_head);
	return true;
}

uint16_t drv_exec(struct drv *d, struct drv_queue *q, struct drv_cmd *cmd, struct drv_cqe *cqe)
{
	uint16_t cid = drv_submit(d, q, cmd);
	struct drv_cqe own;

	if (!cqe)
		cqe = &own;
	for (unsigned int turn = 0; !drv_poll(d, q, cqe); turn++) {
		if (turn == WAIT_TURNS)
			fail_msg("no completion for opcode %02xh", cmd->dw[0] & 0xff);
		if (d->root->own_store && store_fd(d->store) >= 0)
			store_run(d->store);
		sim_run_timers(d->subsys);
		sched_yield();
	}
	assert_int_equal(cqe->cid, cid);
	assert_int_equal(cqe->sqid, q->qid);
	return cqe->status & 0x07ff;
}

/* NVMe Base 2.1, 4.3.1: two pages in the command, or the first one and a list */
void drv_prps(struct drv *d, struct drv_cmd *cmd, uint64_t iova, size_t len)
{
	uint64_t end = iova + len, page = (iova & ~(uint64_t)(DRV_PAGE - 1)) + DRV_PAGE, prp2 = 0;

	if (page < end && end - page <= DRV_PAGE) {
		prp2 = page;
	} else if (page < end) {
		size_t n = (end - page + DRV_PAGE - 1) / DRV_PAGE, i = 0;
		uint64_t *list;

		prp2 = drv_alloc(d, DRV_PAGE);
		list = drv_ptr(d, prp2);
		for (; n; n--, page += DRV_PAGE) {
			if (i == DRV_PAGE / 8 - 1 && n > 1) {
				uint64_t next = drv_alloc(d, DRV_PAGE);

				list[i] = sim_le64(next);
				list = drv_ptr(d, next);
				i = 0;
			}
			list[i++] = sim_le64(page);
		}
	}
	cmd->dw[6] = (uint32_t)iova;
	cmd->dw[7] = (uint32_t)(iova >> 32);
	cmd->dw[8] = (uint32_t)prp2;
	cmd->dw[9] = (uint32_t)(prp2 >> 32);
}

void drv_mptr(struct drv_cmd *cmd, uint64_t iova)
{
	cmd->dw[4] = (uint32_t)iova;
	cmd->dw[5] = (uint32_t)(iova >> 32);
}

uint16_t drv_admin(struct drv *d, struct drv_cmd *cmd, uint64_t iova, size_t len,
		   struct drv_cqe *cqe)
{
	if (iova)
		drv_prps(d, cmd, iova, len);
	return drv_exec(d, &d->admin, cmd, cqe);
}

uint16_t drv_io(struct drv *d, struct drv_cmd *cmd, uint64_t iova, size_t len, struct drv_cqe *cqe)
{
	if (iova)
		drv_prps(d, cmd, iova, len);
	return drv_exec(d, &d->io, cmd, cqe);
}

void drv_advance(struct drv *d, uint64_t ns)
{
	d->root->now_ns += ns;
	d->root->wall_ms += ns / 1000000;
	sim_run_timers(d->subsys);
}
