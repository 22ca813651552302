/* SPDX-License-Identifier: MIT */
/*
 * barmem.c - accesses of the controller to its own memory behind a BAR; see barmem.h.
 */
#include <stdlib.h>
#include <string.h>

#include "../pci/pci.h"
#include "ctrl.h"

int sim_barmem_init(struct sim_ctrl *c)
{
	if (c->p.cmb_size_mb) {
		c->cmb.m.size = (uint64_t)c->p.cmb_size_mb << 20;
		c->cmb.m.mem = calloc(1, (size_t)c->cmb.m.size);
		if (!c->cmb.m.mem)
			return SIM_ENOMEM;
	}
	if (c->p.pmr.mem) {
		c->pmr.m.mem = c->p.pmr.mem;
		c->pmr.m.size = c->p.pmr.size;
	}
	c->has_barmem = c->cmb.m.mem || c->pmr.m.mem;
	return 0;
}

void sim_barmem_free(struct sim_ctrl *c)
{
	free(c->cmb.m.mem);
	c->cmb.m.mem = NULL;
}

static bool meets(const struct sim_barmem *m, uint64_t base, uint64_t len)
{
	const uint64_t at = atomic_load(&m->base);

	return atomic_load(&m->on) && (base - at < m->size || at - base < len);
}

void sim_barmem_place(struct sim_ctrl *c, struct sim_barmem *m, bool on, uint64_t base)
{
	const struct sim_barmem *other = m == &c->cmb.m ? &c->pmr.m : &c->cmb.m;
	const bool bad = on && (m->size - 1 > UINT64_MAX - base || meets(other, base, m->size));

	atomic_store(&m->on, false);
	atomic_store(&m->base, base);
	atomic_store(&m->cbai, bad);
	atomic_store(&m->on, on && !bad);
}

void sim_barmem_reset(struct sim_ctrl *c)
{
	atomic_store(&c->cmb.msc, 0);
	if (!c->p.legacy_cmb)
		sim_barmem_place(c, &c->cmb.m, false, 0);
	if (c->pmr.m.mem)
		sim_pmr_write_ctl(c, 0);
	atomic_store(&c->pmr.msc, 0);
	sim_barmem_place(c, &c->pmr.m, false, 0);
}

/* the first part of [@iova, @iova + @len) that is of one kind, *@part bytes: of @m, or not */
static bool first_part(const struct sim_barmem *m, uint64_t iova, uint64_t len, uint64_t *part,
		       uint64_t *off)
{
	const uint64_t base = atomic_load_explicit(&m->base, memory_order_relaxed);

	if (!atomic_load_explicit(&m->on, memory_order_relaxed))
		return false;
	*off = iova - base;
	if (*off < m->size) {
		if (m->size - *off < len)
			*part = m->size - *off;
		return true;
	}
	if (base > iova && base - iova < *part)
		*part = base - iova;
	return false;
}

/* what is at @iova: memory, or NULL, the host's; *@part: how many of @len bytes */
static uint8_t *at(const struct sim_ctrl *c, uint64_t iova, uint64_t len, uint64_t *part,
		   enum sim_where *where)
{
	uint64_t off;

	*part = len;
	*where = SIM_AT_CMB;
	if (first_part(&c->cmb.m, iova, len, part, &off))
		return c->cmb.m.mem + off;
	*where = SIM_AT_PMR;
	if (first_part(&c->pmr.m, iova, len, part, &off))
		return c->pmr.m.mem + off;
	*where = SIM_AT_HOST;
	return NULL;
}

unsigned int sim_barmem_where(const struct sim_ctrl *c, uint64_t iova, uint64_t len)
{
	unsigned int all = len ? 0 : SIM_AT_HOST;
	enum sim_where one;

	if (!c->has_barmem)
		return SIM_AT_HOST;
	for (uint64_t part; len; iova += part, len -= part) {
		at(c, iova, len, &part, &one);
		all |= one;
	}
	return all;
}

void *sim_barmem_map(const struct sim_ctrl *c, uint64_t iova, uint64_t len)
{
	enum sim_where where;
	uint64_t part;
	uint8_t *p;

	if (!c->has_barmem)
		return NULL;
	p = at(c, iova, len, &part, &where);
	return part == len ? p : NULL;
}

static int host_dma(struct sim_ctrl *c, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		    unsigned int n)
{
	if (!n)
		return 0;
	if (!atomic_load_explicit(&c->fn->bus_master, memory_order_relaxed))
		return SIM_EFAULT;
	return c->p.dma.xfer(c->p.dma.opaque, dir, vec, n);
}

/* what is in this memory costs no transaction on the bus, and needs no bus master */
static int own_copy(struct sim_ctrl *c, enum sim_dma_dir dir, uint8_t *mem, uint8_t *buf,
		    size_t len)
{
	uint8_t *to = dir == SIM_DMA_READ ? buf : mem, *from = dir == SIM_DMA_READ ? mem : buf;

	if (c->p.copy)
		return c->p.copy(to, from, len);
	memmove(to, from, len);
	return 0;
}

static int one_dma(struct sim_ctrl *c, enum sim_dma_dir dir, const struct sim_dma_vec *vec)
{
	uint64_t iova = vec->iova, part;
	uint8_t *buf = vec->buf;
	int err = 0;

	for (size_t len = vec->len; len && !err; iova += part, buf += part, len -= (size_t)part) {
		enum sim_where where;
		uint8_t *mem = at(c, iova, len, &part, &where);

		err = mem ? own_copy(c, dir, mem, buf, (size_t)part)
			  : host_dma(c, dir, &(struct sim_dma_vec){ iova, buf, (size_t)part }, 1);
	}
	return err;
}

int sim_barmem_dma(struct sim_ctrl *c, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		   unsigned int n)
{
	unsigned int from = 0;
	int err = 0;

	/* neighbours that are the host's stay one call of the port */
	for (unsigned int i = 0; i < n && !err; i++) {
		if (sim_barmem_where(c, vec[i].iova, vec[i].len) == SIM_AT_HOST)
			continue;
		err = host_dma(c, dir, vec + from, i - from);
		if (!err)
			err = one_dma(c, dir, &vec[i]);
		from = i + 1;
	}
	return err ? err : host_dma(c, dir, vec + from, n - from);
}
