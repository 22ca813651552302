/* SPDX-License-Identifier: MIT */
/*
 * stage.c - where a command with metadata is gathered before it is written, all or nothing.
 *
 * The area is a page of notes and the slots. A note says which blocks a slot's bytes are to
 * become. It is valid from the store of its kind to the store that takes it back; in between, and
 * only then, the store's blocks may be half old and half new, and a process that finds the note at
 * its start does the whole over. Doing it twice does no harm.
 *
 * A note speaks of memory that was complete when the process died. After a power cut it is worth
 * nothing, as the disk may have the note and not the bytes: the page also says in which boot it was
 * written.
 *
 * Where the store's memory can be exchanged (struct sim_part_ops), a slot has memory of the store's
 * for whole parts of a command, which is not copied then, but becomes the store's in their place.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../ctrl/ctrl.h"
#include "../persist/persist.h"
#include "blocks.h"
#include "spin.h"
#include "stage.h"

#define NOTES 4096u /* bytes before the first slot */
/*
 * Hosts' buffers and stores lie at pages' beginnings. Copying to a place a few bytes further on in
 * its page is what processors are slowest at, by a factor of ten.
 */
#define SLOT ((uint64_t)SIM_STAGE_DATA + SIM_STAGE_MD)
#define MAGIC 0x314754534d49534eull /* "NSIMSTG1" */
#define NLB_MAX 65536u /* blocks a command names at once: metadata of more is never here */

/** enum note_kind - sim_stage_note.kind */
enum note_kind {
	NOTE_NONE,
	NOTE_WRITE,  /* data and metadata */
	NOTE_ZEROES, /* zeroes and metadata */
};

/** struct note - what a slot's bytes are to become. @gen: sim_blocks_gen() of the namespace */
struct note {
	_Atomic uint32_t kind;
	uint32_t nsid, nlb, rsvd;
	uint64_t slba, gen;
	uint64_t rsvd2[4]; /* a cache line each */
};
_Static_assert(sizeof(struct note) == 64, "in the area");

/** struct notes - the area's first page; @boot: sim_journal_port.boot when it was written */
struct notes {
	uint64_t magic, boot;
	uint64_t rsvd[6];
	struct note note[SIM_STAGE_SLOTS];
};
_Static_assert(sizeof(struct notes) <= NOTES, "a page of notes");
_Static_assert(SIM_STAGE_DATA % SIM_PART == 0, "so many parts, however a command lies in them");

enum owner {
	SLOT_FREE,
	SLOT_BUSY,
	SLOT_KEPT, /* holds a note of a namespace that has not been there yet */
};

/** struct slot - @room: bytes that are known to have room where they are to survive */
struct slot {
	_Atomic uint32_t owner;
	uint64_t room;
	uint64_t rsvd[6]; /* a cache line each */
};

/**
 * struct sim_stage
 * @need:  bytes of a slot that commands use at most
 * @plain: a slot of mere memory, for when there is no room for those that survive
 * @scratch: SIM_STAGE_SCRATCH bytes a slot, @plain's included; behind @plain
 */
struct sim_stage {
	struct notes *notes;
	uint8_t *slots, *plain, *scratch;
	const struct sim_journal_port *journal; /* whose area it is, or NULL: of calloc() */
	_Atomic uint64_t need;
	struct slot slot[SIM_STAGE_SLOTS + 1]; /* the last one's is @plain */
};

static const uint64_t area_len = NOTES + SIM_STAGE_SLOTS * SLOT;
static const uint64_t plain_len = SLOT + (SIM_STAGE_SLOTS + 1ull) * SIM_STAGE_SCRATCH;

/* ---- opening ------------------------------------------------------------------------------ */

static bool has_room(struct sim_stage *st, uint64_t off, uint64_t len)
{
	const struct sim_journal_port *j = st->journal;

	return !j || !j->area_reserve || !j->area_reserve(j->opaque, st->notes, off, len);
}

/* notes of an earlier life keep their slots until their namespace is opened */
static void take_over(struct sim_stage *st, bool fresh)
{
	const struct sim_journal_port *j = st->journal;
	uint64_t boot = j && j->boot ? j->boot(j->opaque) : 0;
	struct notes *n = st->notes;

	for (unsigned int i = 0; i < SIM_STAGE_SLOTS; i++) {
		if (fresh || n->magic != MAGIC || n->boot != boot)
			atomic_store(&n->note[i].kind, NOTE_NONE);
		if (atomic_load(&n->note[i].kind) != NOTE_NONE)
			atomic_store(&st->slot[i].owner, SLOT_KEPT);
	}
	n->boot = boot;
	n->magic = MAGIC;
}

/* both sparse; @fresh NULL: mere memory */
static void *get_memory(struct sim_stage *st, uint64_t len, bool *fresh)
{
	const struct sim_journal_port *j = st->journal;

	return j ? j->area(j->opaque, SIM_REC_STAGE, 0, len, fresh) : calloc(1, (size_t)len);
}

static void put_memory(struct sim_stage *st, void *mem, uint64_t len)
{
	const struct sim_journal_port *j = st->journal;

	if (!j)
		free(mem);
	else if (mem)
		j->area_free(j->opaque, SIM_REC_STAGE, 0, mem, len, false);
}

int sim_stage_open(struct sim_subsys *s)
{
	struct sim_stage *st = calloc(1, sizeof(*st));
	bool fresh = true;

	if (!st)
		return SIM_ENOMEM;
	st->journal = s->journal.area ? &s->journal : NULL;
	atomic_store(&st->need, SIM_STAGE_DATA);
	st->notes = get_memory(st, area_len, &fresh);
	st->plain = get_memory(st, plain_len, NULL);
	s->stage = st;
	if (!st->notes || !st->plain || !has_room(st, 0, NOTES)) {
		sim_stage_close(s);
		return SIM_ENOMEM;
	}
	st->slots = (uint8_t *)st->notes + NOTES;
	st->scratch = st->plain + SLOT;
	take_over(st, fresh);
	return 0;
}

void sim_stage_close(struct sim_subsys *s)
{
	struct sim_stage *st = s->stage;

	if (!st)
		return;
	put_memory(st, st->notes, area_len);
	put_memory(st, st->plain, plain_len);
	free(st);
	s->stage = NULL;
}

void sim_stage_need(struct sim_media *m)
{
	struct sim_stage *st = m->subsys ? m->subsys->stage : NULL;
	uint64_t md = (uint64_t)NLB_MAX * m->ms, need, old;

	if (!st)
		return;
	need = SIM_STAGE_DATA + (md < SIM_STAGE_MD ? md : SIM_STAGE_MD);
	old = atomic_load(&st->need);
	while (old < need && !atomic_compare_exchange_weak(&st->need, &old, need))
		;
}

/* ---- slots -------------------------------------------------------------------------------- */

static bool take_one(struct sim_stage *st, unsigned int i, uint32_t from)
{
	return atomic_load_explicit(&st->slot[i].owner, memory_order_relaxed) == from &&
	       atomic_compare_exchange_strong(&st->slot[i].owner, &from, SLOT_BUSY);
}

/* the first that is free, so that one thread always uses the same, warm memory */
static int take(struct sim_stage *st)
{
	for (int i = 0; i < SIM_STAGE_SLOTS; i++)
		if (take_one(st, (unsigned int)i, SLOT_FREE))
			return i;
	/* a namespace that is not there by now, as commands run, need not come back */
	for (int i = 0; i < SIM_STAGE_SLOTS; i++) {
		if (take_one(st, (unsigned int)i, SLOT_KEPT)) {
			atomic_store(&st->notes->note[i].kind, NOTE_NONE);
			return i;
		}
	}
	return -1;
}

static void give(struct sim_stage *st, unsigned int i)
{
	atomic_store_explicit(&st->slot[i].owner, SLOT_FREE, memory_order_release);
}

/* all that a command may touch of slot @i can be touched */
static bool usable(struct sim_stage *st, unsigned int i)
{
	uint64_t need = atomic_load_explicit(&st->need, memory_order_relaxed);

	if (st->slot[i].room < need) {
		if (!has_room(st, NOTES + i * SLOT, need))
			return false;
		st->slot[i].room = need;
	}
	return true;
}

void sim_stage_get(struct sim_subsys *s, struct sim_stage_slot *slot)
{
	struct sim_stage *st = s->stage;
	unsigned int n = 0;
	int i;

	slot->plain = false;
	slot->nr_parts = 0;
	for (;;) {
		i = take(st);
		if (i >= 0 && usable(st, (unsigned int)i))
			break;
		if (i >= 0) {
			give(st, (unsigned int)i);
			slot->plain = take_one(st, SIM_STAGE_SLOTS, SLOT_FREE);
			if (slot->plain)
				break;
		}
		sim_wait_a_bit(&n);
	}
	slot->index = slot->plain ? SIM_STAGE_SLOTS : (unsigned int)i;
	slot->data = slot->plain ? st->plain : st->slots + slot->index * SLOT;
	slot->md = slot->data + SIM_STAGE_DATA;
	slot->scratch = st->scratch + (size_t)slot->index * SIM_STAGE_SCRATCH;
}

void sim_stage_put(struct sim_subsys *s, struct sim_stage_slot *slot)
{
	/* in order, so that neighbours are got together again */
	for (unsigned int k = 0; k < slot->nr_parts; k++)
		slot->store->parts->put(slot->store, slot->part[k]);
	give(s->stage, slot->index);
}

/* a slot that was taken has room; what was never taken has no bytes */
void sim_stage_wipe(struct sim_subsys *s)
{
	struct sim_stage *st = s->stage;

	if (!st->journal || !st->journal->put)
		return; /* nothing survives in it */
	for (unsigned int i = 0; i < SIM_STAGE_SLOTS; i++) {
		if (atomic_load(&st->slot[i].owner) != SLOT_FREE || !st->slot[i].room)
			continue;
		memset(st->slots + i * SLOT, 0, st->slot[i].room);
	}
}

/* ---- gathering where it can stay ------------------------------------------------------------ */

void sim_stage_parts(struct sim_media *m, struct sim_stage_slot *slot, uint64_t slba, uint32_t nlb)
{
	struct sim_store *st = m->store;
	const uint64_t off = slba << m->lbads, end = (slba + nlb) << m->lbads;
	uint64_t at = (off + SIM_PART - 1) / SIM_PART * SIM_PART;

	assert(!slot->nr_parts && end - off <= SIM_STAGE_DATA);
	slot->store = st;
	slot->head = (uint32_t)((at - off) >> m->lbads);
	slot->part_nlb = SIM_PART >> m->lbads;
	if (!st->parts || !slot->part_nlb)
		return;
	for (; at < end && end - at >= SIM_PART; at += SIM_PART) {
		uint8_t *part = st->parts->get(st);

		if (!part)
			return;
		slot->part[slot->nr_parts++] = part;
	}
}

uint32_t sim_stage_piece(const struct sim_media *m, const struct sim_stage_slot *slot, uint32_t i,
			 uint32_t nlb, uint8_t **data)
{
	const uint32_t end = slot->nr_parts ? slot->head + slot->nr_parts * slot->part_nlb : 0;
	uint32_t k, next;

	if (i >= end || i < slot->head) {
		*data = slot->data + ((size_t)i << m->lbads);
		return i < end ? slot->head - i : nlb - i;
	}
	k = (i - slot->head) / slot->part_nlb;
	next = slot->head + (k + 1) * slot->part_nlb;
	*data = slot->part[k] + SIM_PART - ((size_t)(next - i) << m->lbads);
	/* parts that were exchanged together come back together */
	for (; next < end && slot->part[k + 1] == slot->part[k] + SIM_PART; k++)
		next += slot->part_nlb;
	return next - i;
}

/* ---- committing --------------------------------------------------------------------------- */

/* have room for all of it before anything changes */
static int prepare(struct sim_media *m, uint64_t slba, uint32_t nlb, bool data)
{
	struct sim_store *st = m->store;
	void *ptr;
	int err = st->readonly ? SIM_EROFS : sim_blocks_prepare(&m->blocks, slba, nlb, true);

	if (err || st->solid)
		return err;
	if (data)
		err = st->ops->map(st, slba << m->lbads, (size_t)nlb << m->lbads, true, &ptr);
	if (!err && m->ms)
		err = st->ops->map(st, m->md_off + slba * m->ms, (size_t)nlb * m->ms, true, &ptr);
	return err;
}

static int write_md(struct sim_media *m, const uint8_t *md, uint64_t slba, uint32_t nlb)
{
	struct sim_store *st = m->store;
	int err = 0;

	if (m->ms)
		err = st->ops->write(st, m->md_off + slba * m->ms, md, (size_t)nlb * m->ms);
	if (!err)
		err = sim_blocks_set_alloc(&m->blocks, slba, nlb);
	if (!err)
		sim_blocks_clear_bad(&m->blocks, slba, nlb);
	return err;
}

/* what a note says; also when it is found again */
static int carry_out(struct sim_media *m, const uint8_t *data, uint64_t slba, uint32_t nlb,
		     enum note_kind kind)
{
	struct sim_store *st = m->store;
	uint64_t off = slba << m->lbads;
	size_t len = (size_t)nlb << m->lbads;
	int err = kind == NOTE_WRITE ? st->ops->write(st, off, data, len) :
				       st->ops->zero(st, off, len, false);

	return err ? err : write_md(m, data + SIM_STAGE_DATA, slba, nlb);
}

/* parts change places with those of the medium; the blocks before and behind them are copied */
static int write_parts(struct sim_media *m, struct sim_stage_slot *slot, uint64_t slba,
		       uint32_t nlb)
{
	struct sim_store *st = m->store;
	const uint64_t off = slba << m->lbads, len = (uint64_t)nlb << m->lbads;
	const uint64_t head = (uint64_t)slot->head << m->lbads;
	const uint64_t tail = head + (uint64_t)slot->nr_parts * SIM_PART;
	int err = 0;

	if (head)
		err = st->ops->write(st, off, slot->data, head);
	if (!err && tail < len)
		err = st->ops->write(st, off + tail, slot->data + tail, len - tail);
	if (err)
		return err;
	for (unsigned int k = 0; k < slot->nr_parts; k++)
		st->parts->swap(st, off + head + (uint64_t)k * SIM_PART, slot->part[k]);
	slot->nr_parts = 0;
	return write_md(m, slot->md, slba, nlb);
}

static uint16_t commit(struct sim_media *m, struct sim_req *req, struct sim_stage_slot *slot,
		       uint64_t slba, uint32_t nlb, enum note_kind kind)
{
	struct note *note = slot->plain ? NULL : &m->subsys->stage->notes->note[slot->index];
	int err;

	assert(kind != NOTE_WRITE || (uint64_t)nlb << m->lbads <= SIM_STAGE_DATA);
	assert((uint64_t)nlb * m->ms <= SIM_STAGE_MD);
	/* what cannot be kept whole is not begun */
	err = slot->plain && m->ms ? SIM_ENOSPC : prepare(m, slba, nlb, kind == NOTE_WRITE);
	if (err)
		return sim_media_fail(req, slba, err, true);
	/* of memory that ends with the process nobody would read a note */
	if (slot->nr_parts)
		return sim_media_fail(req, slba, write_parts(m, slot, slba, nlb), true);
	if (note) {
		note->nsid = m->nsid;
		note->nlb = nlb;
		note->slba = slba;
		note->gen = sim_blocks_gen(&m->blocks);
		atomic_store_explicit(&note->kind, kind, memory_order_release);
	}
	err = carry_out(m, slot->data, slba, nlb, kind);
	/* also after an error: a later write of these blocks must not be undone one day */
	if (note)
		atomic_store_explicit(&note->kind, NOTE_NONE, memory_order_release);
	return sim_media_fail(req, slba, err, true);
}

uint16_t sim_stage_commit(struct sim_media *m, struct sim_req *req, struct sim_stage_slot *slot,
			  uint64_t slba, uint32_t nlb)
{
	return commit(m, req, slot, slba, nlb, NOTE_WRITE);
}

uint16_t sim_stage_commit_zeroes(struct sim_media *m, struct sim_req *req,
				 struct sim_stage_slot *slot, uint64_t slba, uint32_t nlb)
{
	return commit(m, req, slot, slba, nlb, NOTE_ZEROES);
}

/* a note of these very blocks; the area is not trusted to fit them */
static bool note_fits(const struct sim_media *m, const struct note *n)
{
	uint32_t kind = atomic_load(&n->kind);

	return n->gen == sim_blocks_gen(&m->blocks) && n->nlb && n->nlb <= m->nr &&
	       n->slba <= m->nr - n->nlb && (uint64_t)n->nlb * m->ms <= SIM_STAGE_MD &&
	       (kind == NOTE_ZEROES ||
		(kind == NOTE_WRITE && (uint64_t)n->nlb << m->lbads <= SIM_STAGE_DATA));
}

int sim_stage_recover(struct sim_media *m)
{
	struct sim_stage *st = m->subsys ? m->subsys->stage : NULL;
	int err = 0;

	for (unsigned int i = 0; st && i < SIM_STAGE_SLOTS; i++) {
		struct note *n = &st->notes->note[i];

		if (atomic_load(&st->slot[i].owner) != SLOT_KEPT || n->nsid != m->nsid)
			continue;
		/* it may be written again another time; what is torn is read as it is */
		if (m->store->readonly)
			continue;
		if (note_fits(m, n)) {
			err = carry_out(m, st->slots + i * SLOT, n->slba, n->nlb,
					(enum note_kind)atomic_load(&n->kind));
			if (err)
				return err;
		}
		atomic_store(&n->kind, NOTE_NONE);
		atomic_store(&st->slot[i].owner, SLOT_FREE);
	}
	return err;
}
