/* SPDX-License-Identifier: MIT */
/*
 * dev.c - the driver's end of one function: made before the function, freed after it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define DEFAULT_IO_TIMEOUT_MS 30000u /* as Linux's nvme_core.io_timeout, admin_timeout */
#define DEFAULT_ADMIN_TIMEOUT_MS 60000u

static size_t page_up(size_t n)
{
	return (n + HOST_PAGE - 1) & ~(size_t)(HOST_PAGE - 1);
}

struct host_dev *host_dev_alloc(const struct host_params *p)
{
	struct host_dev *dev = calloc(1, sizeof(*dev));
	unsigned int i;

	if (!dev)
		return NULL;
	dev->p = *p;
	if (!dev->p.io_timeout_ms)
		dev->p.io_timeout_ms = DEFAULT_IO_TIMEOUT_MS;
	if (!dev->p.admin_timeout_ms)
		dev->p.admin_timeout_ms = DEFAULT_ADMIN_TIMEOUT_MS;
	dev->max_io = p->nr_io_queues < HOST_MAX_IO ? p->nr_io_queues : HOST_MAX_IO;
	dev->armed = UINT64_MAX;
	pthread_mutex_init(&dev->lock, NULL);
	pthread_mutex_init(&dev->run_lock, NULL);

	dev->q = calloc(dev->max_io + 1, sizeof(*dev->q));
	if (!dev->q)
		goto fail;
	for (i = 0; i <= dev->max_io; i++)
		pthread_mutex_init(&dev->q[i].lock, NULL);
	return dev;
fail:
	host_dev_free(dev);
	return NULL;
}

void host_dev_ports(struct host_dev *dev, struct sim_dma_port *dma, struct sim_irq_port *irq)
{
	*dma = (struct sim_dma_port){
		.xfer = host_dma_xfer, .map = host_dma_map, .settle = host_dma_settle, .opaque = dev
	};
	*irq = (struct sim_irq_port){ .msix = host_msix, .intx = host_intx, .opaque = dev };
}

static void free_memory(struct host_dev *dev)
{
	for (unsigned int i = 0; dev->q && i <= dev->max_io; i++)
		host_queue_free(&dev->q[i]);
	free(dev->mem);
	dev->mem = NULL;
}

/* one region: the driver's buffers, then every queue's rings, page aligned */
static int alloc_memory(struct host_dev *dev, uint16_t io_depth)
{
	size_t bufs = page_up(sizeof(*dev->bufs)), len = bufs;
	unsigned int i;
	char *p;

	for (i = 0; i <= dev->max_io; i++) {
		uint16_t depth = i ? io_depth : HOST_ADMIN_DEPTH;

		if (host_queue_init(&dev->q[i], dev, (uint16_t)i, depth))
			return -ENOMEM;
		len += page_up(depth * sizeof(struct host_sqe)) +
		       page_up(depth * sizeof(struct host_cqe));
	}
	dev->mem = aligned_alloc(HOST_PAGE, len);
	if (!dev->mem)
		return -ENOMEM;
	memset(dev->mem, 0, len);
	dev->mem_len = len;
	dev->bufs = dev->mem;
	p = (char *)dev->mem + bufs;
	for (i = 0; i <= dev->max_io; i++) {
		struct host_queue *q = &dev->q[i];

		q->sq = (struct host_sqe *)p;
		p += page_up(q->depth * sizeof(*q->sq));
		q->cq = (struct host_cqe *)p;
		p += page_up(q->depth * sizeof(*q->cq));
		q->sq_iova = host_iova(dev, q->sq);
		q->cq_iova = host_iova(dev, q->cq);
	}
	return 0;
}

int host_dev_probe(struct host_dev *dev, struct sim_fn *fn, struct sim_msg *msg)
{
	unsigned int mqes, i, stride;
	int err;

	dev->fn = fn;
	atomic_store(&dev->state, HOST_NEW);
	err = host_pci_enable(dev, msg);
	if (err)
		goto fail;
	dev->cap = sim_mmio_read(fn, 0, NVME_REG_CAP, 8);
	mqes = (unsigned int)NVME_CAP_MQES(dev->cap) + 1;
	stride = 4u << NVME_CAP_DSTRD(dev->cap);
	/* CAP reads as 0: a secondary controller that is offline, which bring-up is told of */
	if (!dev->mem && dev->cap) {
		err = alloc_memory(dev, (uint16_t)(mqes < HOST_IO_DEPTH ? mqes : HOST_IO_DEPTH));
		if (err) {
			free_memory(dev);
			snprintf(msg->text, sizeof(msg->text), "no memory for the queues");
			goto fail;
		}
	}
	if (!dev->cap || (dev->max_io && dev->q[dev->max_io].depth > mqes)) {
		err = -ENODEV;
		snprintf(msg->text, sizeof(msg->text), "%s",
			 dev->cap ? "its queues are smaller than before" :
				    "the controller does not respond: it may be offline");
		goto fail;
	}
	for (i = 0; i <= dev->max_io; i++) {
		dev->q[i].sq_db = 0x1000 + 2 * i * stride;
		dev->q[i].cq_db = 0x1000 + (2 * i + 1) * stride;
	}
	err = host_bring_up(dev, msg);
	if (err) {
		host_ctrl_disable(dev);
		goto fail;
	}
	host_scan_wait(dev);
	return 0;
fail:
	for (i = 0; dev->mem && i <= dev->max_io; i++)
		host_queue_stop(&dev->q[i]);
	atomic_store(&dev->state, HOST_DEAD);
	for (i = 0; dev->mem && i <= dev->max_io; i++)
		host_queue_fail(&dev->q[i], -ENODEV, true);
	dev->fn = NULL;
	return err;
}

void host_dev_free(struct host_dev *dev)
{
	unsigned int i;

	if (!dev)
		return;
	if (dev->fn) {
		atomic_store(&dev->state, HOST_DEAD);
		host_ctrl_disable(dev);
	}
	for (i = 0; dev->q && i <= dev->max_io; i++) {
		if (dev->q[i].slots) {
			host_queue_stop(&dev->q[i]);
			host_queue_fail(&dev->q[i], -ENODEV, true);
		}
		pthread_mutex_destroy(&dev->q[i].lock);
	}
	free_memory(dev);
	free(dev->scan.ns);
	free(dev->ns);
	free(dev->q);
	pthread_mutex_destroy(&dev->lock);
	pthread_mutex_destroy(&dev->run_lock);
	free(dev);
}

void host_arm(struct host_dev *dev, uint64_t deadline_ns)
{
	uint64_t old = atomic_load(&dev->armed);

	do {
		if (old <= deadline_ns)
			return;
	} while (!atomic_compare_exchange_weak(&dev->armed, &old, deadline_ns));
	if (dev->p.arm)
		dev->p.arm(dev->p.opaque, deadline_ns);
}

void host_dev_info(struct host_dev *dev, struct host_info *info)
{
	static const char *const names[] = {
		[HOST_NEW] = "dead",
		[HOST_LIVE] = "live",
		[HOST_RESETTING] = "resetting",
		[HOST_DEAD] = "dead",
	};

	pthread_mutex_lock(&dev->lock);
	memcpy(info->sn, dev->sn, sizeof(info->sn));
	memcpy(info->mn, dev->mn, sizeof(info->mn));
	memcpy(info->fr, dev->fr, sizeof(info->fr));
	memcpy(info->subnqn, dev->subnqn, sizeof(info->subnqn));
	info->cntlid = dev->cntlid;
	info->cntrltype = dev->cntrltype;
	info->sqsize = (uint16_t)(dev->q[dev->max_io].depth - 1);
	pthread_mutex_unlock(&dev->lock);
	info->state = names[atomic_load(&dev->state)];
	info->nr_io_queues = atomic_load(&dev->nr_io);
}

int host_ns_info(struct host_dev *dev, uint32_t nsid, struct host_ns_info *info)
{
	struct host_ns ns;

	if (!host_ns_get(dev, nsid, &ns))
		return -ENOENT;
	*info = (struct host_ns_info){
		.nsze = ns.nsze,
		.nuse = ns.nuse,
		.lba_size = 1u << ns.lba_shift,
		.meta_size = ns.meta_size,
		.lbaf = ns.lbaf,
		.extended = ns.extended,
		.pi_type = ns.pi_type,
		.pi_size = ns.pi_size,
		.pi_first = ns.pi_first,
		.shared = ns.shared,
		.csi = ns.csi,
		.zoned = ns.csi == NVME_CSI_ZNS,
	};
	return 0;
}
