/* SPDX-License-Identifier: MIT */
/*
 * rings.c - queues and doorbells for the benchmark of the device alone
 */
#include <stdlib.h>
#include <string.h>

#include "rings.h"

#define REG_CC 0x14
#define REG_CSTS 0x1c
#define REG_AQA 0x24
#define REG_ASQ 0x28
#define REG_ACQ 0x30
#define REG_DOORBELLS 0x1000
#define CC_ENABLE 0x00460061u /* IOCQES 4, IOSQES 6, MPS 0, CSS all command sets, EN */
#define PCI_COMMAND 0x04
#define PCI_MEMORY_MASTER 0x6
#define PAGE 4096u

static int dma_xfer(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		    unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		void *host = (void *)(uintptr_t)vec[i].iova;

		if (sim_dma_reads(dir))
			memcpy(vec[i].buf, host, vec[i].len);
		else
			memcpy(host, vec[i].buf, vec[i].len);
	}
	return 0;
}

static void *dma_map(void *opaque, uint64_t iova, size_t len)
{
	return (void *)(uintptr_t)iova;
}

static void irq_msix(void *opaque, uint16_t vector, uint64_t addr, uint32_t data)
{
}

static void irq_intx(void *opaque, bool level)
{
}

void rings_ports(struct sim_ctrl_params *p)
{
	p->dma = (struct sim_dma_port){ .xfer = dma_xfer, .map = dma_map };
	p->irq = (struct sim_irq_port){ .msix = irq_msix, .intx = irq_intx };
}

static int queue_alloc(struct rings_queue *q, unsigned int qid)
{
	*q = (struct rings_queue){ .phase = 1, .doorbell = REG_DOORBELLS + qid * 8 };
	q->sq = aligned_alloc(PAGE, PAGE);
	q->cq = aligned_alloc(PAGE, PAGE);
	if (!q->sq || !q->cq)
		return -1;
	memset(q->sq, 0, PAGE);
	memset((void *)q->cq, 0, PAGE);
	return 0;
}

static void put64(uint32_t *dw, const volatile void *p)
{
	dw[0] = (uint32_t)(uintptr_t)p;
	dw[1] = (uint32_t)((uint64_t)(uintptr_t)p >> 32);
}

int rings_exec(struct rings *r, struct rings_queue *q, uint32_t sqe[16])
{
	volatile uint32_t *cqe = q->cq[q->head];
	int status;

	sqe[0] = (sqe[0] & 0xffff) | q->tail << 16;
	memcpy(q->sq[q->tail], sqe, 64);
	q->tail = (q->tail + 1) % RINGS_ENTRIES;
	sim_mmio_write(r->fn, 0, q->doorbell, 4, q->tail);
	if ((cqe[3] >> 16 & 1) != q->phase)
		return -1;
	status = (int)(cqe[3] >> 17);
	q->head = (q->head + 1) % RINGS_ENTRIES;
	if (!q->head)
		q->phase ^= 1;
	sim_mmio_write(r->fn, 0, q->doorbell + 4, 4, q->head);
	return status;
}

void rings_prps(uint32_t sqe[16], void *buf, uint32_t len, uint64_t *list)
{
	put64(sqe + 6, buf);
	if (len <= PAGE)
		return;
	if (len <= 2 * PAGE) {
		put64(sqe + 8, (uint8_t *)buf + PAGE);
		return;
	}
	for (uint32_t off = PAGE; off < len; off += PAGE)
		list[off / PAGE - 1] = (uintptr_t)buf + off;
	put64(sqe + 8, list);
}

int rings_queue_up(struct rings *r, struct rings_queue *q, unsigned int qid)
{
	uint32_t cq[16] = { 0x05 }, sq[16] = { 0x01 };

	if (queue_alloc(q, qid))
		return -1;
	put64(cq + 6, q->cq);
	cq[10] = (RINGS_ENTRIES - 1) << 16 | qid;
	cq[11] = 1; /* contiguous, no interrupt */
	put64(sq + 6, q->sq);
	sq[10] = cq[10];
	sq[11] = qid << 16 | 1;
	return rings_exec(r, &r->admin, cq) || rings_exec(r, &r->admin, sq) ? -1 : 0;
}

void rings_queue_down(struct rings_queue *q)
{
	free(q->sq);
	free((void *)q->cq);
}

int rings_up(struct rings *r, struct sim_fn *fn)
{
	memset(r, 0, sizeof(*r));
	r->fn = fn;
	if (queue_alloc(&r->admin, 0))
		return -1;
	sim_cfg_write(fn, PCI_COMMAND, 2, PCI_MEMORY_MASTER);
	sim_mmio_write(fn, 0, REG_AQA, 4, (RINGS_ENTRIES - 1) << 16 | (RINGS_ENTRIES - 1));
	sim_mmio_write(fn, 0, REG_ASQ, 8, (uintptr_t)r->admin.sq);
	sim_mmio_write(fn, 0, REG_ACQ, 8, (uintptr_t)r->admin.cq);
	sim_mmio_write(fn, 0, REG_CC, 4, CC_ENABLE);
	if ((sim_mmio_read(fn, 0, REG_CSTS, 4) & 3) != 1)
		return -1;
	return rings_queue_up(r, &r->io, 1);
}

void rings_down(struct rings *r)
{
	if (r->fn)
		sim_mmio_write(r->fn, 0, REG_CC, 4, 0);
	rings_queue_down(&r->admin);
	rings_queue_down(&r->io);
}
