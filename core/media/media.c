/* SPDX-License-Identifier: MIT */
/*
 * media.c - logical blocks over the store port.
 *
 * Without metadata the store's memory is never touched here: it is handed to the DMA port, which
 * moves the payload in one copy. What the store cannot map goes through a buffer on the stack,
 * piece by piece.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../ctrl/ctrl.h"
#include "blocks.h"
#include "stage.h"

#define BOUNCE 16384u
#define NEAR (16u << 20) /* bytes between blocks to release that one call spans all the same */

uint16_t sim_media_status(int err, bool write)
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

uint16_t sim_media_fail(struct sim_req *req, uint64_t lba, int err, bool write)
{
	if (req && err)
		req->err_lba = lba;
	return sim_media_status(err, write);
}

static uint64_t md_at(const struct sim_media *m, uint64_t slba)
{
	return m->md_off + slba * m->ms;
}

/* how many of the @len bytes at @off lie together in the store's memory */
static size_t together(struct sim_store *st, uint64_t off, size_t len)
{
	if (!st->parts || off % SIM_PART + len <= SIM_PART)
		return len;
	return st->parts->together(st, off, len);
}

/* how many whole blocks of @nlb do, their data and their metadata each */
static uint32_t blocks_together(const struct sim_media *m, uint64_t slba, uint32_t nlb)
{
	const size_t data = (size_t)nlb << m->lbads, md = (size_t)nlb * m->ms;
	size_t n = together(m->store, slba << m->lbads, data);
	size_t t = together(m->store, md_at(m, slba), md);

	if (n == data && t == md) /* nearly always, and without a division */
		return nlb;
	n >>= m->lbads;
	t /= m->ms;
	return (uint32_t)(n < t ? n : t);
}

/* neither the data nor the metadata of any block lies in two parts */
static bool can_place(const struct sim_media *m)
{
	const uint32_t lbs = 1u << m->lbads;

	return m->ms && m->store->solid &&
	       (!m->store->parts || (lbs <= SIM_PART && lbs % m->ms == 0));
}

/* ---- opening ------------------------------------------------------------------------------ */

static void describe(struct sim_media *m, const struct sim_media_params *p)
{
	m->store = p->store;
	m->subsys = p->subsys;
	m->nsid = p->nsid;
	m->lbads = p->lbads;
	m->ms = p->ms;
	m->pi_off = p->pi_off;
	m->pi_len = p->pi_len;
	m->nr = p->nr;
	m->md_off = p->nr << p->lbads;
	m->in_place = can_place(m);
	sim_stage_need(m);
}

int sim_media_open(struct sim_media *m, const struct sim_media_params *p, struct sim_msg *msg)
{
	uint64_t block = (1ull << p->lbads) + p->ms;
	int ret;

	if (!p->nr || p->nr > p->store->size / block) {
		snprintf(msg->text, sizeof(msg->text),
			 "%" PRIu64 " blocks of %" PRIu64 " bytes do not fit on %" PRIu64, p->nr,
			 block, p->store->size);
		return SIM_EINVAL;
	}
	ret = sim_blocks_open(&m->blocks, p);
	if (ret) {
		snprintf(msg->text, sizeof(msg->text),
			 "no room to keep which blocks of namespace %" PRIu32 " are allocated",
			 p->nsid);
		return ret;
	}
	describe(m, p);
	ret = sim_stage_recover(m);
	if (ret) {
		snprintf(msg->text, sizeof(msg->text),
			 "a write to namespace %" PRIu32 " that was interrupted cannot be finished",
			 p->nsid);
		sim_blocks_close(&m->blocks, false);
	}
	return ret;
}

void sim_media_close(struct sim_media *m, bool forget)
{
	sim_blocks_close(&m->blocks, forget);
}

int sim_media_reshape(struct sim_media *m, const struct sim_media_params *p)
{
	sim_blocks_reset(&m->blocks, p);
	describe(m, p);
	return 0;
}

uint64_t sim_media_gen(const struct sim_media *m)
{
	return sim_blocks_gen(&m->blocks);
}

int sim_media_erase(struct sim_media *m, uint64_t off, uint64_t len)
{
	return m->store->ops->zero(m->store, off, len, true);
}

int sim_media_sync(struct sim_media *m)
{
	const struct sim_journal_port *j = m->blocks.journal;

	uint64_t now = atomic_load(&m->blocks.changes);
	uint64_t before = atomic_load(&m->blocks.synced);

	if (!j || !j->sync || before >= now)
		return 0;
	if (j->sync(j->opaque))
		return SIM_EIO;
	while (before < now && !atomic_compare_exchange_weak(&m->blocks.synced, &before, now))
		;
	return 0;
}

/* ---- without metadata --------------------------------------------------------------------- */

static uint16_t fail(struct sim_media *m, struct sim_iter *it, uint64_t off, int err, bool write)
{
	return sim_media_fail(it->req, off >> m->lbads, err, write);
}

enum way { TO_HOST, TO_HOST_LENT, FROM_HOST };

/*
 * Move [@off, @off + @len) between the host and the store's own memory at @ptr. A failed DMA is the
 * host's fault, unless the store finds that its memory is not sound.
 */
static uint16_t move_mapped(struct sim_media *m, uint64_t off, size_t len, enum way way, void *ptr,
			    struct sim_iter *it)
{
	struct sim_store *st = m->store;
	static const enum sim_dma_dir dirs[][2] = {
		[TO_HOST] = { SIM_DMA_WRITE_UNSEEN, SIM_DMA_WRITE },
		[TO_HOST_LENT] = { SIM_DMA_WRITE_UNSEEN, SIM_DMA_LEND },
		[FROM_HOST] = { SIM_DMA_READ_UNSEEN, SIM_DMA_READ },
	};
	const bool write = way == FROM_HOST;
	uint16_t status = sim_iter_move(it, dirs[way][st->solid], ptr, len);
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

static uint16_t transfer(struct sim_media *m, uint64_t slba, uint32_t nlb, enum way way,
			 struct sim_iter *it)
{
	const bool write = way == FROM_HOST;
	uint64_t off = slba << m->lbads;
	size_t len = (size_t)nlb << m->lbads;
	uint16_t status = SIM_OK;

	for (size_t n; len && !status; off += n, len -= n) {
		void *ptr = NULL;
		int err;

		n = together(m->store, off, len);
		err = m->store->ops->map(m->store, off, n, write, &ptr);
		if (err)
			status = fail(m, it, off, err, write);
		else
			status = ptr ? move_mapped(m, off, n, way, ptr, it)
				     : move_bounced(m, off, n, write, it);
	}
	return status;
}

uint16_t sim_media_read(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it,
			bool lend)
{
	return transfer(m, slba, nlb, lend ? TO_HOST_LENT : TO_HOST, it);
}

const void *sim_media_where(const struct sim_media *m, uint64_t off, size_t *len)
{
	struct sim_store *st = m->store;
	void *ptr = NULL;

	/* nothing is claimed, so that what lies together may change, but within a part */
	if (*len > SIM_PART - off % SIM_PART)
		*len = SIM_PART - off % SIM_PART;
	/* of others, a map may cost something */
	if (!st->solid || off > st->size || *len > st->size - off ||
	    st->ops->map(st, off, *len, false, &ptr))
		return NULL;
	return ptr;
}

uint16_t sim_media_write(struct sim_media *m, uint64_t slba, uint32_t nlb, struct sim_iter *it)
{
	int err = sim_blocks_set_alloc(&m->blocks, slba, nlb);
	uint16_t status;

	if (err)
		return sim_media_fail(it->req, slba, err, true);
	status = transfer(m, slba, nlb, FROM_HOST, it);
	if (!status)
		sim_blocks_clear_bad(&m->blocks, slba, nlb);
	return status;
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

/* ---- with or without metadata ------------------------------------------------------------- */

/* blocks nobody has written: zeroes, and protection information that is not checked */
static void fetch_nothing(const struct sim_media *m, uint64_t nlb, uint8_t *data, uint8_t *md)
{
	if (data)
		memset(data, 0, (size_t)nlb << m->lbads);
	if (!md)
		return;
	memset(md, 0, (size_t)nlb * m->ms);
	for (uint64_t i = 0; m->pi_len && i < nlb; i++)
		memset(md + i * m->ms + m->pi_off, 0xff, m->pi_len);
}

static int fetch_blocks(struct sim_media *m, uint64_t slba, uint64_t nlb, uint8_t *data,
			uint8_t *md)
{
	struct sim_store *st = m->store;
	int err = 0;

	if (data)
		err = st->ops->read(st, slba << m->lbads, data, (size_t)nlb << m->lbads);
	if (!err && md)
		err = st->ops->read(st, md_at(m, slba), md, (size_t)nlb * m->ms);
	return err;
}

uint16_t sim_media_fetch(struct sim_media *m, struct sim_req *req, uint64_t slba, uint32_t nlb,
			 void *data, void *md)
{
	uint64_t end = slba + nlb, next;
	uint8_t *d = data, *t = m->ms ? md : NULL;
	int err = 0;

	/* without metadata the store has zeroes where nothing is allocated */
	if (!m->ms) {
		err = fetch_blocks(m, slba, nlb, d, NULL);
		return sim_media_fail(req, slba, err, false);
	}
	for (; slba < end && !err; slba = next) {
		next = sim_blocks_find_alloc(&m->blocks, slba, end, false);
		if (next > slba) {
			err = fetch_blocks(m, slba, next - slba, d, t);
		} else {
			next = sim_blocks_find_alloc(&m->blocks, slba, end, true);
			fetch_nothing(m, next - slba, d, t);
		}
		if (err)
			return sim_media_fail(req, slba, err, false);
		d = d ? d + ((next - slba) << m->lbads) : NULL;
		t = t ? t + (next - slba) * m->ms : NULL;
	}
	return SIM_OK;
}

uint32_t sim_media_peek(struct sim_media *m, uint64_t slba, uint32_t nlb, uint8_t **data,
			uint8_t **md)
{
	struct sim_store *st = m->store;
	uint32_t n = st->solid ? blocks_together(m, slba, nlb) : 0;
	void *d, *t;

	if (!n || sim_blocks_find_alloc(&m->blocks, slba, slba + n, false) < slba + n ||
	    st->ops->map(st, slba << m->lbads, (size_t)n << m->lbads, false, &d) ||
	    st->ops->map(st, md_at(m, slba), (size_t)n * m->ms, false, &t))
		return 0;
	*data = d;
	*md = t;
	return n;
}

uint16_t sim_media_place(struct sim_media *m, struct sim_req *req, uint64_t slba, uint32_t *nlb,
			 uint8_t **data, uint8_t **md)
{
	struct sim_store *st = m->store;
	void *d = NULL, *t = NULL;
	int err = st->readonly ? SIM_EROFS : sim_blocks_prepare(&m->blocks, slba, *nlb, true);

	*nlb = blocks_together(m, slba, *nlb);
	assert(*nlb);
	if (!err)
		err = st->ops->map(st, slba << m->lbads, (size_t)*nlb << m->lbads, true, &d);
	if (!err)
		err = st->ops->map(st, md_at(m, slba), (size_t)*nlb * m->ms, true, &t);
	*data = d;
	*md = t;
	return sim_media_fail(req, slba, err, true);
}

uint16_t sim_media_placed(struct sim_media *m, struct sim_req *req, uint64_t slba, uint32_t nlb)
{
	int err = sim_blocks_set_alloc(&m->blocks, slba, nlb);

	if (!err)
		sim_blocks_clear_bad(&m->blocks, slba, nlb);
	return sim_media_fail(req, slba, err, true);
}

static int zero_store(struct sim_media *m, uint64_t slba, uint64_t nlb, bool unmap)
{
	struct sim_store *st = m->store;
	int err = st->ops->zero(st, slba << m->lbads, nlb << m->lbads, unmap);

	return !err && m->ms ? st->ops->zero(st, md_at(m, slba), nlb * m->ms, unmap) : err;
}

/*
 * Deallocated: without metadata the store is what is read, so it is zeroed first. With metadata it
 * is not looked at once the bits are clear, so they go first, and data and metadata go as one.
 * What nobody has written is skipped: the range may be nearly all of a huge namespace.
 */
static uint16_t deallocate(struct sim_media *m, struct sim_req *req, uint64_t slba, uint64_t end)
{
	uint64_t near = NEAR >> m->lbads, next;
	int err = 0;

	while ((slba = sim_blocks_find_alloc(&m->blocks, slba, end, true)) < end) {
		uint64_t from = slba;

		/* a run of blocks, and those that follow closely */
		do {
			slba = sim_blocks_find_alloc(&m->blocks, slba, end, false);
			next = sim_blocks_find_alloc(&m->blocks, slba, end, true);
			if (next == end || next - slba > near)
				break;
			slba = next;
		} while (slba < end);
		err = sim_blocks_prepare(&m->blocks, from, slba - from, false);
		if (err)
			return sim_media_fail(req, from, err, true);
		if (m->ms)
			sim_blocks_clear_alloc(&m->blocks, from, slba - from);
		err = zero_store(m, from, slba - from, true);
		/* with metadata, that it takes space on is all that is wrong with it */
		if (err && !m->ms)
			return sim_media_fail(req, from, err, true);
		if (!m->ms)
			sim_blocks_clear_alloc(&m->blocks, from, slba - from);
	}
	return SIM_OK;
}

/*
 * Allocated blocks of zeroes. With metadata they pass through being deallocated: that reads the
 * same here, and is never a block whose data is new and whose metadata is old.
 */
static uint16_t write_zeroes(struct sim_media *m, struct sim_req *req, uint64_t slba, uint64_t nlb)
{
	int err = sim_blocks_prepare(&m->blocks, slba, nlb, true);

	if (!err && m->ms)
		err = sim_blocks_prepare(&m->blocks, slba, nlb, false);
	if (!err && m->ms)
		sim_blocks_clear_alloc(&m->blocks, slba, nlb);
	if (!err && !m->ms)
		err = sim_blocks_set_alloc(&m->blocks, slba, nlb);
	if (!err)
		err = zero_store(m, slba, nlb, false);
	if (!err && m->ms)
		err = sim_blocks_set_alloc(&m->blocks, slba, nlb);
	return sim_media_fail(req, slba, err, true);
}

uint16_t sim_media_zero(struct sim_media *m, struct sim_req *req, uint64_t slba, uint64_t nlb,
			bool dealloc)
{
	uint16_t status;

	if (!nlb)
		return SIM_OK;
	if (m->store->readonly)
		return sim_media_fail(req, slba, SIM_EROFS, true);
	status = dealloc ? deallocate(m, req, slba, slba + nlb) : write_zeroes(m, req, slba, nlb);
	if (!status)
		sim_blocks_clear_bad(&m->blocks, slba, nlb);
	return status;
}
