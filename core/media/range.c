/* SPDX-License-Identifier: MIT */
/*
 * range.c - claims on blocks: what keeps commands on the same blocks apart.
 *
 * A claim enters a list at once, newest first, and is granted when no claim behind it in the list,
 * an older one, is in its way. So nobody waits for a younger claim, a writer is not starved by
 * readers, and of two that wait for each other's blocks there is always an older one.
 *
 * There is a list for each shard of the namespace's regions, so that commands on different parts of
 * it share nothing. A claim that reaches into several enters them all with all of their locks held:
 * of two claims, the older one is the older one in every list that has both.
 */
#include <stdbool.h>
#include <stddef.h>

#include "media.h"
#include "spin.h"

#define ALL ((1u << SIM_RANGE_SHARDS) - 1)

/* in one order, so that there is no way round */
#define for_each_shard(i, shards)                                                                  \
	for (uint32_t i##_left = (shards), i;                                                      \
	     i##_left && (i = (uint32_t)__builtin_ctz(i##_left), true); i##_left &= i##_left - 1)

/* neighbours, and what is as far apart as zones are, are in different shards */
static uint32_t shard_of(uint64_t region)
{
	return 1u << (region * 0x9e3779b97f4a7c15ull >> 61);
}
_Static_assert(SIM_RANGE_SHARDS == 8, "three bits of the hash");

static uint32_t shards_of(const struct sim_range *r)
{
	uint64_t region = r->slba >> SIM_RANGE_REGION;
	const uint64_t last = (r->slba + r->nlb - 1) >> SIM_RANGE_REGION;
	uint32_t shards = 0;

	if (!r->nlb)
		return 0;
	for (; region <= last && shards != ALL; region++)
		shards |= shard_of(region);
	return shards;
}

static const struct sim_range *owner(const struct sim_range_link *l, unsigned int shard)
{
	return (const struct sim_range *)(const void *)((const char *)(l - shard) -
							offsetof(struct sim_range, link));
}

static bool in_the_way(const struct sim_range *r, const struct sim_range *old)
{
	return r->slba < old->slba + old->nlb && old->slba < r->slba + r->nlb &&
	       (r->mode == SIM_RANGE_WRITE || old->mode == SIM_RANGE_WRITE) &&
	       r->group != old->group;
}

/* whether no older claim in @shard, whose lock is held, is in the way of @r */
static bool granted(const struct sim_range *r, unsigned int shard)
{
	const struct sim_range_link *l = r->link[shard].next;

	while (l && !in_the_way(r, owner(l, shard)))
		l = l->next;
	return !l;
}

static void enter(struct sim_ranges *rs, struct sim_range *r, unsigned int shard)
{
	struct sim_range_link *l = &r->link[shard];

	l->next = rs->shard[shard].head;
	l->pprev = &rs->shard[shard].head;
	if (l->next)
		l->next->pprev = &l->next;
	rs->shard[shard].head = l;
}

static void leave(struct sim_ranges *rs, struct sim_range *r, unsigned int shard)
{
	struct sim_range_link *l = &r->link[shard];

	sim_spin_lock(&rs->shard[shard].lock);
	*l->pprev = l->next;
	if (l->next)
		l->next->pprev = l->pprev;
	sim_spin_unlock(&rs->shard[shard].lock);
}

static void lock_shards(struct sim_ranges *rs, uint32_t shards)
{
	for_each_shard(i, shards)
		sim_spin_lock(&rs->shard[i].lock);
}

static void unlock_shards(struct sim_ranges *rs, uint32_t shards)
{
	for_each_shard(i, shards)
		sim_spin_unlock(&rs->shard[i].lock);
}

/* wait until nothing older is in the way of @r; no lock is held */
static void wait_for(struct sim_ranges *rs, const struct sim_range *r)
{
	unsigned int n = 0;

	for_each_shard(i, r->shards) {
		bool done = false;

		while (!done) {
			sim_spin_lock(&rs->shard[i].lock);
			done = granted(r, i);
			sim_spin_unlock(&rs->shard[i].lock);
			if (!done)
				sim_wait_a_bit(&n);
		}
	}
}

/* nearly every command is in one shard */
static bool is_single(const struct sim_range *r)
{
	return r->shards && !(r->shards & (r->shards - 1));
}

/* Return: whether it is granted at once */
static bool enter_single(struct sim_ranges *rs, struct sim_range *r)
{
	const unsigned int shard = (unsigned int)__builtin_ctz(r->shards);
	bool done;

	sim_spin_lock(&rs->shard[shard].lock);
	enter(rs, r, shard);
	done = granted(r, shard);
	sim_spin_unlock(&rs->shard[shard].lock);
	return done;
}

void sim_range_lock(struct sim_ranges *rs, struct sim_range *r, uint64_t slba, uint64_t nlb,
		    enum sim_range_mode mode)
{
	r->slba = slba;
	r->nlb = nlb;
	r->mode = mode;
	r->rs = rs;
	r->group = r;
	r->shards = shards_of(r);
	if (!is_single(r))
		sim_range_lock_all(&r, 1);
	else if (!enter_single(rs, r))
		wait_for(rs, r);
}

void sim_range_unlock(struct sim_ranges *rs, struct sim_range *r)
{
	for_each_shard(i, r->shards)
		leave(rs, r, i);
}

static bool enter_several(struct sim_ranges *rs, struct sim_range *r)
{
	bool all = true;

	lock_shards(rs, r->shards);
	for_each_shard(i, r->shards) {
		enter(rs, r, i);
		all &= granted(r, i);
	}
	unlock_shards(rs, r->shards);
	return all;
}

bool sim_range_try(struct sim_ranges *rs, struct sim_range *r, uint64_t slba, uint64_t nlb,
		   enum sim_range_mode mode, const struct sim_range *mine)
{
	bool done;

	r->slba = slba;
	r->nlb = nlb;
	r->mode = mode;
	r->rs = rs;
	r->group = mine ? mine->group : r;
	r->shards = shards_of(r);
	done = is_single(r) ? enter_single(rs, r) : enter_several(rs, r);
	if (!done)
		sim_range_unlock(rs, r);
	return done;
}

/* by namespace; few and mostly in order */
static void sort(struct sim_range *r[], unsigned int n)
{
	for (unsigned int i = 1; i < n; i++) {
		struct sim_range *one = r[i];
		unsigned int k = i;

		for (; k && (uintptr_t)r[k - 1]->rs > (uintptr_t)one->rs; k--)
			r[k] = r[k - 1];
		r[k] = one;
	}
}

/* claims @r[0] to @r[@n - 1], all of one namespace, are made */
static void enter_all(struct sim_range *r[], unsigned int n)
{
	struct sim_ranges *rs = r[0]->rs;
	uint32_t shards = 0;

	for (unsigned int k = 0; k < n; k++)
		shards |= r[k]->shards = shards_of(r[k]);
	lock_shards(rs, shards);
	for (unsigned int k = 0; k < n; k++)
		for_each_shard(i, r[k]->shards)
			enter(rs, r[k], i);
	unlock_shards(rs, shards);
}

/*
 * Namespaces are taken in one order by everybody, and all claims on one namespace are made before
 * any of them is waited for: whoever is waited for waits, if at all, for someone older there or
 * for a namespace further on, and there is no way round from it.
 */
void sim_range_lock_all(struct sim_range *r[], unsigned int n)
{
	sort(r, n);
	for (unsigned int i = 0, end; i < n; i = end) {
		for (end = i; end < n && r[end]->rs == r[i]->rs; end++)
			r[end]->group = r[0];
		enter_all(r + i, end - i);
		for (unsigned int k = i; k < end; k++)
			wait_for(r[i]->rs, r[k]);
	}
}

void sim_range_unlock_all(struct sim_range *r[], unsigned int n)
{
	for (unsigned int i = n; i--;)
		sim_range_unlock(r[i]->rs, r[i]);
}

void sim_range_lock2(struct sim_ranges *a, struct sim_range *ra, uint64_t a_slba, uint64_t a_nlb,
		     enum sim_range_mode a_mode, struct sim_ranges *b, struct sim_range *rb,
		     uint64_t b_slba, uint64_t b_nlb, enum sim_range_mode b_mode)
{
	struct sim_range *r[2] = { ra, rb };

	ra->rs = a;
	ra->slba = a_slba;
	ra->nlb = a_nlb;
	ra->mode = a_mode;
	rb->rs = b;
	rb->slba = b_slba;
	rb->nlb = b_nlb;
	rb->mode = b_mode;
	sim_range_lock_all(r, 2);
}

bool sim_ranges_idle(const struct sim_ranges *rs)
{
	for (unsigned int i = 0; i < SIM_RANGE_SHARDS; i++)
		if (rs->shard[i].head)
			return false;
	return true;
}
