/* SPDX-License-Identifier: MIT */
/*
 * fdp_model.c - see fdp_model.h. The policy, as docs/design.md has it:
 *
 * A handle takes a free unit when it has something to write and none with room. The last free unit
 * is the collector's. A command that finds two or fewer moves 2 blocks for each that it writes
 * and 8 more (an erased unit counts as one), as long as they are so few; one that needs a unit and
 * finds only the last one collects until there is another. Before a handle takes a unit that was
 * never used, a closed unit that holds nothing is erased, if there is one, and taken. The victim is
 * the closed unit with the fewest valid blocks, the one closed first among these; one with no
 * invalid block, and no room, is none. What is valid in it moves in the order it came to the
 * collector's unit: one for all, or one for each Persistently Isolated handle. (What left and came
 * again while nobody made logs shorter; so small groups as this is for have room for all of their
 * entries.)
 */
#include <stdlib.h>
#include <string.h>

#include "fdp_model.h"

void fdpm_init(struct fdpm *m, uint32_t nr_units, uint32_t cap, uint32_t nr_lbas, uint32_t nr_ruhs,
	       bool persistent)
{
	memset(m, 0, sizeof(*m));
	m->nr_units = m->free = nr_units;
	m->cap = cap;
	m->nr_lbas = nr_lbas;
	m->nr_ruhs = nr_ruhs;
	m->persistent = persistent;
	m->unit = calloc(nr_units, sizeof(*m->unit));
	m->where = malloc(nr_lbas * sizeof(*m->where));
	for (uint32_t i = 0; i < nr_units; i++)
		m->unit[i].lba = calloc(cap, sizeof(uint32_t));
	for (uint32_t i = 0; i < nr_lbas; i++)
		m->where[i] = FDPM_NONE;
	for (uint32_t i = 0; i < FDPM_RUHS; i++)
		m->handle[i] = m->target[i] = FDPM_NONE;
	m->victim = m->idle = FDPM_NONE;
}

void fdpm_free(struct fdpm *m)
{
	for (uint32_t i = 0; i < m->nr_units; i++)
		free(m->unit[i].lba);
	free(m->unit);
	free(m->where);
}

uint32_t fdpm_valid(const struct fdpm *m, uint32_t unit)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->nr_lbas; i++)
		n += m->where[i] == unit;
	return n;
}

static uint32_t take(struct fdpm *m, uint32_t ruhid)
{
	uint32_t i = 0;

	while (i < m->nr_units && (m->unit[i].in_use || !m->unit[i].used))
		i++;
	if (i == m->nr_units)
		for (i = 0; m->unit[i].used; i++)
			;
	m->unit[i].in_use = m->unit[i].open = m->unit[i].used = true;
	m->unit[i].ruhid = ruhid;
	m->unit[i].nr = 0;
	m->free--;
	return i;
}

static void shut(struct fdpm *m, uint32_t unit)
{
	m->unit[unit].open = false;
	m->unit[unit].closed = m->clock++;
}

static void erase(struct fdpm *m, uint32_t unit)
{
	m->unit[unit].in_use = false;
	m->free++;
	m->erased++;
	if (m->victim == unit)
		m->victim = FDPM_NONE;
}

static bool is_dead(const struct fdpm *m, uint32_t unit)
{
	return m->unit[unit].in_use && !m->unit[unit].open && !fdpm_valid(m, unit);
}

/* a block has left @unit, or its handle has */
static void left(struct fdpm *m, uint32_t unit)
{
	if (unit != FDPM_NONE && is_dead(m, unit))
		m->unit[unit].died = ++m->deaths;
}

/* what a handle takes should not be a unit that was never used, but the one that died last */
static void reuse(struct fdpm *m)
{
	uint32_t last = FDPM_NONE;

	for (uint32_t i = 0; i < m->nr_units; i++) {
		if (m->unit[i].used && !m->unit[i].in_use)
			return;
		if (is_dead(m, i) && i != m->victim &&
		    (last == FDPM_NONE || m->unit[i].died > m->unit[last].died))
			last = i;
	}
	if (last != FDPM_NONE)
		erase(m, last);
}

static void append(struct fdpm *m, uint32_t unit, uint32_t lba)
{
	m->unit[unit].lba[m->unit[unit].nr++] = lba;
	m->where[lba] = unit;
}

static uint32_t choose(const struct fdpm *m)
{
	uint32_t best = FDPM_NONE, least = m->cap;

	for (uint32_t i = 0; i < m->nr_units; i++) {
		uint32_t valid;

		if (!m->unit[i].in_use || m->unit[i].open)
			continue;
		valid = fdpm_valid(m, i);
		if (valid < least || (best != FDPM_NONE && valid == least &&
				      m->unit[i].closed < m->unit[best].closed)) {
			best = i;
			least = valid;
		}
	}
	return best;
}

/* Return: whether there was anything to do; *@budget goes down by it */
static bool collect(struct fdpm *m, uint64_t *budget)
{
	struct fdpm_unit *v;

	if (m->victim == FDPM_NONE) {
		m->victim = choose(m);
		m->cursor = 0;
	}
	if (m->victim == FDPM_NONE)
		return false;
	v = &m->unit[m->victim];
	for (; *budget && m->cursor < v->nr; m->cursor++) {
		uint32_t lba = v->lba[m->cursor], *t;

		if (m->where[lba] != m->victim)
			continue;
		t = &m->target[m->persistent ? v->ruhid : 0];
		if (*t != FDPM_NONE && m->unit[*t].nr == m->cap) {
			shut(m, *t);
			*t = FDPM_NONE;
		}
		if (*t == FDPM_NONE)
			*t = take(m, m->persistent ? v->ruhid : FDPM_NONE);
		append(m, *t, lba);
		m->moved++;
		--*budget;
	}
	if (fdpm_valid(m, m->victim))
		return true;
	erase(m, m->victim);
	if (*budget)
		--*budget;
	return true;
}

static void pace(struct fdpm *m, uint64_t budget)
{
	const uint32_t clock = m->clock;

	if (m->idle == clock)
		return;
	while (budget && m->free <= 2)
		if (!collect(m, &budget)) {
			m->idle = clock;
			return;
		}
}

void fdpm_write(struct fdpm *m, uint32_t ruhid, uint32_t lba, uint32_t n)
{
	uint32_t *h = &m->handle[ruhid], was;

	pace(m, 2ull * n + 8);
	for (uint32_t i = 0; i < n; i++) {
		if (*h == FDPM_NONE)
			reuse(m);
		while (*h == FDPM_NONE && m->free <= 1) {
			uint64_t all = UINT64_MAX;

			collect(m, &all);
		}
		if (*h == FDPM_NONE)
			*h = take(m, ruhid);
		was = m->where[lba + i];
		append(m, *h, lba + i);
		left(m, was);
		m->hosted++;
		if (m->unit[*h].nr == m->cap) {
			shut(m, *h);
			left(m, *h);
			*h = FDPM_NONE;
		}
	}
}

void fdpm_trim(struct fdpm *m, uint32_t lba, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t was = m->where[lba + i];

		m->where[lba + i] = FDPM_NONE;
		left(m, was);
	}
}

void fdpm_update(struct fdpm *m, uint32_t ruhid)
{
	if (m->handle[ruhid] == FDPM_NONE)
		return;
	shut(m, m->handle[ruhid]);
	left(m, m->handle[ruhid]);
	m->handle[ruhid] = FDPM_NONE;
}
