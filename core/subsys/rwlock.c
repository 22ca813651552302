/* SPDX-License-Identifier: MIT */
/*
 * rwlock.c - the subsystem's reader-writer lock: writers first, readers one atomic add each way.
 */
#include <threads.h>

#include "subsys.h"

#define SPINS 64

static void relax(unsigned int *n)
{
	if (++*n > SPINS)
		thrd_yield();
}

/*
 * A reader announces itself and then looks for a writer; a writer does the same the other way
 * round. Both orders are sequentially consistent, so at least one of the two sees the other, and
 * it is the reader that steps back.
 */
void sim_read_lock(struct sim_rwlock *l)
{
	for (unsigned int n = 0;;) {
		atomic_fetch_add(&l->readers, 1);
		if (!atomic_load(&l->writer))
			return;
		atomic_fetch_sub(&l->readers, 1);
		while (atomic_load_explicit(&l->writer, memory_order_relaxed))
			relax(&n);
	}
}

void sim_read_unlock(struct sim_rwlock *l)
{
	atomic_fetch_sub_explicit(&l->readers, 1, memory_order_release);
}

void sim_write_lock(struct sim_rwlock *l)
{
	unsigned int n = 0;

	while (atomic_exchange(&l->writer, 1))
		relax(&n);
	while (atomic_load(&l->readers))
		relax(&n);
}

void sim_write_unlock(struct sim_rwlock *l)
{
	atomic_store(&l->writer, 0);
}
