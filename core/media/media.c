/* SPDX-License-Identifier: MIT */
/*
 * media.c - logical blocks over the store port.
 *
 * The store's memory is never touched here: it is handed to the DMA port, which moves the payload
 * in one copy. What the store cannot map goes through a buffer on the stack, piece by piece.
 */
#include <string.h>

#include "../ctrl/ctrl.h"
#include "media.h"

#define BOUNCE 16384u

/*
 * A store's error as the status of a command that reads or writes. A full medium is a Write Fault:
 * Capacity Exceeded is for a namespace whose utilization would pass NCAP, and NCAP is all of NSZE.
 */
static uint16_t store_status(int err, bool write)
{
	switch (err) {
	case 0:
		return SIM_OK;
	case SIM_EROFS:
		return SIM_NVM_READ_ONLY;
	case SIM_ENOMEM:
		return SIM_INTERNAL;
	default:
		return write ? SIM_WRITE_FAULT : SIM_READ_ERROR;
	}
}

static uint16_t fail(struct sim_media *m, struct sim_iter *it, uint64_t off, int err, bool write)
{
	it->req->err_lba = off >> m->lbads;
	return store_status(err, write);
}

/*
 * Move [@off, @off + @len) between the host and the store's own memory at @ptr. A failed DMA is the
 * host's fault, unless the store finds that its memory is not sound.
 */
static uint16_t move_mapped(struct sim_media *m, uint64_t off, size_t len, bool write, void *ptr,
			    struct sim_iter *it)
{
	struct sim_store *st = m->store;
	uint16_t status = sim_iter_move(it, write ? SIM_DMA_READ : SIM_DMA_WRITE, ptr, len);
	int err;

	if (status != SIM_DATA_TRANSFER_ERROR)
		return status;
	err = st->ops->check(st, off, len, write);
	return err ? fail(m, it, off, err, write) : status;
}

static uint16_t move_bounced(struct sim_media *m, uint64_t off, size_t len, bool write,
			     struct sim_iter *it)
{
	struct sim_store *st = m->store;
	unsigned char buf[BOUNCE];
	uint16_t status = SIM_OK;

	for (size_t n; len && !status; off += n, len -= n) {
		int err = 0;

		n = len < BOUNCE ? len : BOUNCE;
		if (write)
			status = sim_iter_move(it, SIM_DMA_READ, buf, n);
		else
			err = st->ops->read(st, off, buf, n);
		if (write && !status)
			err = st->ops->write(st, off, buf, n);
		if (err)
			status = fail(m, it, off, err, write);
		else if (!write)
			status = sim_iter_move(it, SIM_DMA_WRITE, buf, n);
	}
	return status;
}

static uint16_t transfer(struct sim_media *m, uint64_t slba, uint32_t nlb, bool write,
			 struct sim_iter *it)
{
	uint64_t off = slba << m->lbads;
	size_t len = (size_t)nlb << m->lbads;
	void *ptr = NULL;
	int err = m->store->ops->map(m->store, off, len, write, &ptr);

	if (err)
		return fail(m, it, off, err, write);
	if (ptr)
		return move_mapped(m, off, len, write, ptr, it);
	return move_bounced(m, off, len, write, it);
}

uint16_t sim_media_read(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it)
{
	return transfer(m, slba, nlb, false, it);
}

uint16_t sim_media_write(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it)
{
	return transfer(m, slba, nlb, true, it);
}

uint16_t sim_media_compare(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it)
{
	struct sim_store *st = m->store;
	uint64_t off = slba << m->lbads;
	size_t len = (size_t)nlb << m->lbads;
	unsigned char host[BOUNCE / 2], medium[BOUNCE / 2];

	for (size_t n, i = 0; len; off += n, len -= n) {
		uint16_t status;
		int err;

		n = len < sizeof(host) ? len : sizeof(host);
		status = sim_iter_move(it, SIM_DMA_READ, host, n);
		if (status)
			return status;
		err = st->ops->read(st, off, medium, n);
		if (err)
			return fail(m, it, off, err, false);
		if (!memcmp(host, medium, n))
			continue;
		while (host[i] == medium[i])
			i++;
		it->req->err_lba = (off + i) >> m->lbads;
		return SIM_COMPARE_FAILED;
	}
	return SIM_OK;
}

uint16_t sim_media_zero(struct sim_media *m, struct sim_req *req, uint64_t slba, uint64_t nlb,
			bool unmap)
{
	return store_status(m->store->ops->zero(m->store, slba << m->lbads, nlb << m->lbads, unmap),
			    true);
}
