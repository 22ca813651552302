/* SPDX-License-Identifier: MIT */
/*
 * range.c - claims on blocks: what keeps commands on the same blocks apart.
 *
 * A claim enters the list at once, newest first, and is granted when no claim behind it in the
 * list, an older one, is in its way. So nobody waits for a younger claim, a writer is not starved
 * by readers, and of two that wait for each other's blocks there is always an older one.
 */
#include <stdbool.h>

#include "media.h"
#include "spin.h"

static bool in_the_way(const struct sim_range *r, const struct sim_range *old)
{
	return r->slba < old->slba + old->nlb && old->slba < r->slba + r->nlb &&
	       (r->mode == SIM_RANGE_WRITE || old->mode == SIM_RANGE_WRITE);
}

static void enter(struct sim_ranges *rs, struct sim_range *r)
{
	r->next = rs->head;
	r->pprev = &rs->head;
	if (r->next)
		r->next->pprev = &r->next;
	rs->head = r;
}

/* whether no claim from @old on, older each, is in the way of @r */
static bool granted(const struct sim_range *r, const struct sim_range *old)
{
	while (old && !in_the_way(r, old))
		old = old->next;
	return !old;
}

/* wait until nothing older than the claim @first is in the way of @r; the lock is not held */
static void wait_for(struct sim_ranges *rs, const struct sim_range *r,
		     const struct sim_range *first)
{
	unsigned int n = 0;
	bool done;

	do {
		sim_wait_a_bit(&n);
		sim_spin_lock(&rs->lock);
		done = granted(r, first->next);
		sim_spin_unlock(&rs->lock);
	} while (!done);
}

void sim_range_lock(struct sim_ranges *rs, struct sim_range *r, uint64_t slba, uint64_t nlb,
		    enum sim_range_mode mode)
{
	bool done;

	r->slba = slba;
	r->nlb = nlb;
	r->mode = mode;
	sim_spin_lock(&rs->lock);
	enter(rs, r);
	done = granted(r, r->next);
	sim_spin_unlock(&rs->lock);
	if (!done)
		wait_for(rs, r, r);
}

void sim_range_unlock(struct sim_ranges *rs, struct sim_range *r)
{
	sim_spin_lock(&rs->lock);
	*r->pprev = r->next;
	if (r->next)
		r->next->pprev = r->pprev;
	sim_spin_unlock(&rs->lock);
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

/*
 * Namespaces are taken in one order by everybody, and all claims on one namespace are made before
 * any of them is waited for: whoever is waited for waits, if at all, for someone older there or
 * for a namespace further on, and there is no way round from it.
 */
void sim_range_lock_all(struct sim_range *r[], unsigned int n)
{
	sort(r, n);
	for (unsigned int i = 0, end; i < n; i = end) {
		struct sim_ranges *rs = r[i]->rs;

		sim_spin_lock(&rs->lock);
		for (end = i; end < n && r[end]->rs == rs; end++)
			enter(rs, r[end]);
		sim_spin_unlock(&rs->lock);
		/* what is older than the first of these is somebody else's */
		for (unsigned int k = i; k < end; k++)
			wait_for(rs, r[k], r[i]);
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
