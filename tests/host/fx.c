/* SPDX-License-Identifier: MIT */
/*
 * fx.c - see fx.h
 */
#include "fx.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- the client -------------------------------------------------------------------------- */

static bool mapped(const struct fx_client *c, const struct iovec *v)
{
	uint64_t a = (uintptr_t)v->iov_base;

	if (!v->iov_len)
		return true;
	if (a < FX_BASE || a - FX_BASE > FX_MEM || v->iov_len > FX_MEM - (a - FX_BASE))
		return false;
	return a + v->iov_len <= c->hole || a >= c->hole_end;
}

/* byte by byte: what a test's client loses in speed it gains in being obviously right */
static int client_xfer(struct host_client *cl, bool to_client, const struct iovec *local,
		       unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	struct fx_client *c = (struct fx_client *)cl;
	unsigned int i, li = 0;
	size_t lo = 0, j, total_local = 0, total_remote = 0;

	atomic_fetch_add(to_client ? &c->writes : &c->reads, 1);
	for (i = 0; i < nr_local; i++)
		total_local += local[i].iov_len;
	for (i = 0; i < nr_remote; i++)
		total_remote += remote[i].iov_len;
	assert_int_equal(total_local, total_remote);

	for (i = 0; i < nr_remote; i++) {
		uint8_t *p;

		if (!mapped(c, &remote[i]))
			return -EFAULT;
		if (c->slow && (uintptr_t)remote[i].iov_base == c->slow) {
			sem_post(&c->entered);
			sem_wait(&c->go);
		}
		p = c->mem + ((uintptr_t)remote[i].iov_base - FX_BASE);
		for (j = 0; j < remote[i].iov_len; j++, lo++) {
			while (lo == local[li].iov_len) {
				li++;
				lo = 0;
			}
			if (to_client)
				p[j] = ((uint8_t *)local[li].iov_base)[lo];
			else
				((uint8_t *)local[li].iov_base)[lo] = p[j];
		}
	}
	return 0;
}

static const struct host_client_ops client_ops = { .xfer = client_xfer };

uint64_t fx_alloc(struct fx *f, size_t len)
{
	uint64_t a = FX_BASE + f->brk;

	f->brk += (len + 4095) & ~4095ull;
	assert_true(f->brk <= FX_MEM);
	return a;
}

void *fx_ptr(struct fx *f, uint64_t addr)
{
	return f->client.mem + (addr - FX_BASE);
}

uint64_t fx_put(struct fx *f, const void *p, size_t len)
{
	uint64_t a = fx_alloc(f, len);

	memcpy(fx_ptr(f, a), p, len);
	return a;
}

/* ---- the device -------------------------------------------------------------------------- */

static int dma_xfer(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		    unsigned int n)
{
	struct fx *f = opaque;

	struct sim_dma_vec changed;
	struct nvme_id_ctrl id;

	if (atomic_load(&f->dma_dead))
		return SIM_EFAULT;
	if (!sim_dma_reads(dir) && atomic_load(&f->dma_fail_in) &&
	    atomic_fetch_sub(&f->dma_fail_in, 1) == 1)
		return SIM_EFAULT;
	if (f->sgl && dir == SIM_DMA_WRITE && n == 1 && vec->len == sizeof(id) &&
	    !memcmp((const char *)vec->buf + offsetof(struct nvme_id_ctrl, sn), "fx0001 ", 7)) {
		memcpy(&id, vec->buf, sizeof(id));
		id.sgls |= sim_le32(1u << 18);
		changed = (struct sim_dma_vec){ vec->iova, &id, sizeof(id) };
		return f->dma.xfer(f->dma.opaque, dir, &changed, 1);
	}
	return f->dma.xfer(f->dma.opaque, dir, vec, n);
}

static void *dma_map(void *opaque, uint64_t iova, size_t len)
{
	struct fx *f = opaque;

	return f->dma.map(f->dma.opaque, iova, len);
}

static void namespaces(void *opaque, struct host_dev *dev, const uint32_t *nsids, unsigned int n)
{
	struct fx *f = opaque;

	assert_in_range(n, 0, 16);
	memcpy(f->nsids, nsids, n * sizeof(*nsids));
	f->nr_ns = n;
	f->changes++;
}

static void arm(void *opaque, uint64_t deadline_ns)
{
	struct fx *f = opaque;

	atomic_store(&f->armed, deadline_ns);
}

static void changed(void *opaque, struct sim_fn *fn, enum sim_fn_change what)
{
	host_dev_changed(opaque, what);
}

static int vf_ports(void *opaque, unsigned int vf, struct sim_dma_port *dma,
		    struct sim_irq_port *irq, struct sim_fn_port *news)
{
	const struct host_params hp = { .nr_io_queues = 2 };
	struct fx *f = opaque;

	assert_in_range(vf, 1, sizeof(f->vf) / sizeof(f->vf[0]));
	f->vf[f->nr_vfs++] = host_dev_alloc(&hp);
	assert_non_null(f->vf[vf - 1]);
	host_dev_ports(f->vf[vf - 1], dma, irq);
	*news = (struct sim_fn_port){ .changed = changed, .opaque = f->vf[vf - 1] };
	return 0;
}

uint32_t fx_add_ns(struct fx *f)
{
	return fx_add_ns_as(f, &(struct sim_ns_params){ 0 });
}

uint32_t fx_add_ns_as(struct fx *f, const struct sim_ns_params *from)
{
	struct sim_ns_params p = *from;
	struct sim_msg msg = { "" };
	int64_t nsid;

	p.logical_block_size = p.physical_block_size = FX_BLOCK;
	p.discard_granularity = UINT32_MAX;
	p.write_cache = true;
	assert_in_range(f->nr_stores, 0, sizeof(f->store) / sizeof(f->store[0]) - 1);
	p.uuid[0] = (uint8_t)(f->nr_stores + 1);
	p.store = f->store[f->nr_stores++] = store_ram_new(FX_NS_BYTES, &msg);
	assert_non_null(p.store);
	nsid = sim_ns_add(f->subsys, f->fn, &p, &msg);
	if (nsid <= 0)
		fail_msg("%s", msg.text);
	return (uint32_t)nsid;
}

struct fx *fx_new(const struct fx_params *params)
{
	static const struct fx_params none;
	const struct fx_params *p = params ? params : &none;
	struct fx *f = calloc(1, sizeof(*f));
	struct sim_subsys_params sp = { .nqn = "nqn.2019-08.org.example:fx" };
	struct sim_ctrl_params cp = { .serial = "fx0001", .model = "fixture drive",
				      .firmware_version = "1.0", .vsl = 7, .aerl = 3,
				      .aer_max_queued = 64 };
	struct host_params hp = { .namespaces = namespaces, .arm = arm, .opaque = f };
	struct sim_msg msg = { "" };
	unsigned int i;

	assert_non_null(f);
	f->sgl = p->sgl;
	f->client.cl = (struct host_client){
		.ops = &client_ops, .privileged = true, .writable = true };
	f->client.mem = calloc(1, FX_MEM);
	assert_non_null(f->client.mem);
	sem_init(&f->client.entered, 0, 0);
	sem_init(&f->client.go, 0, 0);
	f->armed = UINT64_MAX;

	store_clock(&sp.clock);
	store_anon_areas(&sp.journal);
	sp.multi = p->vfs;
	f->subsys = sim_subsys_new(&sp, &msg);
	assert_non_null(f->subsys);
	hp.nr_io_queues = p->nr_io_queues ? p->nr_io_queues : 2;
	f->dev = host_dev_alloc(&hp);
	assert_non_null(f->dev);
	cp.max_ioqpairs = p->max_ioqpairs ? p->max_ioqpairs : 4;
	cp.msix_qsize = p->msix_qsize ? p->msix_qsize : 5;
	cp.mqes = p->mqes ? p->mqes : 0x7ff;
	cp.mdts = p->mdts ? p->mdts : 7;
	host_dev_ports(f->dev, &f->dma, &cp.irq);
	cp.dma = (struct sim_dma_port){ .xfer = dma_xfer, .map = dma_map, .opaque = f };
	cp.news = (struct sim_fn_port){ .changed = changed, .opaque = f->dev };
	cp.vf = (struct sim_vf_port){ .ports = vf_ports, .opaque = f };
	cp.sriov_max_vfs = p->vfs;
	cp.sriov_vq_flexible = p->vfs * 4;
	cp.sriov_vi_flexible = p->vfs * 2;
	cp.max_ioqpairs += p->vfs * 4u;
	cp.msix_qsize += p->vfs * 2;
	f->fn = sim_fn_add(f->subsys, &cp, &msg);
	if (!f->fn)
		fail_msg("%s", msg.text);
	for (i = 0; !p->no_ns && i < (p->nr_ns ? p->nr_ns : 1); i++)
		fx_add_ns(f);
	if (host_dev_probe(f->dev, f->fn, &msg))
		fail_msg("%s", msg.text);
	return f;
}

void fx_free(struct fx *f)
{
	/* what shuts the PF down is news for its VFs' drivers */
	for (unsigned int i = 0; i < f->nr_vfs; i++)
		host_dev_shutdown(f->vf[i]);
	host_dev_shutdown(f->dev);
	for (unsigned int i = 0; i < f->nr_vfs; i++)
		host_dev_free(f->vf[i]);
	host_dev_free(f->dev);
	sim_subsys_free(f->subsys);
	while (f->nr_stores)
		store_free(f->store[--f->nr_stores]);
	sem_destroy(&f->client.entered);
	sem_destroy(&f->client.go);
	free(f->client.mem);
	free(f);
}

int fx_setup(void **state)
{
	*state = fx_new(NULL);
	return 0;
}

int fx_teardown(void **state)
{
	fx_free(*state);
	return 0;
}

/* ---- ioctls ------------------------------------------------------------------------------ */

static void call_done(struct host_call *call, long ret)
{
	struct fx_call *c = (struct fx_call *)call;

	c->ret = ret;
	assert_int_equal(atomic_fetch_add(&c->done, 1), 0); /* once */
}

void fx_start(struct fx *f, struct fx_call *c, uint32_t nsid, unsigned int cmd, uint64_t arg)
{
	struct host_node_ref node = { f->dev, nsid };

	memset(c, 0, sizeof(*c));
	c->call.done = call_done;
	c->call.client = &f->client.cl;
	host_ioctl(node, cmd, arg, &c->call);
}

uint64_t fx_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

long fx_wait(struct fx *f, struct fx_call *c)
{
	uint64_t end = fx_now_ms() + 10000;

	while (!atomic_load(&c->done)) {
		if (fx_now_ms() > end)
			fail_msg("the call never ended");
		usleep(500);
		sim_run_timers(f->subsys);
		host_run(f->dev);
	}
	return c->ret;
}

long fx_ioctl(struct fx *f, uint32_t nsid, unsigned int cmd, uint64_t arg)
{
	struct fx_call c;

	fx_start(f, &c, nsid, cmd, arg);
	return fx_wait(f, &c);
}

static long passthru(struct fx *f, uint32_t nsid, unsigned int number, void *cmd, size_t len)
{
	uint64_t brk = f->brk, arg = fx_put(f, cmd, len);
	long ret = fx_ioctl(f, nsid, number, arg);

	memcpy(cmd, fx_ptr(f, arg), len);
	f->brk = brk;
	return ret;
}

long fx_admin(struct fx *f, struct nvme_passthru_cmd *cmd)
{
	return passthru(f, 0, NVME_IOCTL_ADMIN_CMD, cmd, sizeof(*cmd));
}

long fx_admin64(struct fx *f, struct nvme_passthru_cmd64 *cmd)
{
	return passthru(f, 0, NVME_IOCTL_ADMIN64_CMD, cmd, sizeof(*cmd));
}

long fx_io(struct fx *f, uint32_t nsid, struct nvme_passthru_cmd *cmd)
{
	return passthru(f, nsid, NVME_IOCTL_IO_CMD, cmd, sizeof(*cmd));
}

long fx_identify(struct fx *f)
{
	uint64_t brk = f->brk, buf = fx_alloc(f, 4096);
	struct nvme_passthru_cmd cmd = {
		.opcode = 0x06, .addr = buf, .data_len = 4096, .cdw10 = 1 };
	long ret = fx_admin(f, &cmd);

	f->brk = brk;
	return ret;
}

long fx_rw(struct fx *f, uint8_t opcode, uint64_t slba, uint32_t blocks, uint64_t addr,
	   uint32_t len)
{
	struct nvme_passthru_cmd cmd = {
		.opcode = opcode,
		.nsid = 1,
		.addr = addr,
		.data_len = len,
		.cdw10 = (uint32_t)slba,
		.cdw11 = (uint32_t)(slba >> 32),
		.cdw12 = blocks - 1,
	};

	return fx_io(f, 1, &cmd);
}

void fx_aer(struct fx *f, struct fx_call *c, uint32_t timeout_ms)
{
	const struct nvme_passthru_cmd cmd = { .opcode = 0x0c, .timeout_ms = timeout_ms };

	fx_start(f, c, 0, NVME_IOCTL_ADMIN_CMD, fx_put(f, &cmd, sizeof(cmd)));
}
