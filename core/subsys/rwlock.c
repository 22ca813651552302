/* SPDX-License-Identifier: MIT */
/*
 * rwlock.c - the subsystem's reader-writer lock: writers first, readers one atomic add each way.
 *
 * Readers are counted in stripes, a cache line each, so that threads which read all the time do not
 * take a line from each other. A thread's stripe is made of the address of something it has alone.
 */
#include <threads.h>

#include "subsys.h"

#define SPINS 64

static void relax(unsigned int *n)
{
	if (++*n > SPINS)
		thrd_yield();
}

static _Atomic uint32_t *my_readers(struct sim_rwlock *l)
{
	static _Thread_local char mine;
	const uint64_t hash = ((uint64_t)(uintptr_t)&mine >> 6) * 0x9e3779b97f4a7c15ull;

	return &l->stripe[hash >> 32 & (SIM_LOCK_STRIPES - 1)].readers;
}

/*
 * A reader announces itself and then looks for a writer; a writer does the same the other way
 * round. Both orders are sequentially consistent, so at least one of the two sees the other, and
 * it is the reader that steps back.
 */
void sim_read_lock(struct sim_rwlock *l)
{
	_Atomic uint32_t *readers = my_readers(l);

	for (unsigned int n = 0;;) {
		atomic_fetch_add(readers, 1);
		if (!atomic_load(&l->writer))
			return;
		atomic_fetch_sub(readers, 1);
		while (atomic_load_explicit(&l->writer, memory_order_relaxed))
			relax(&n);
	}
}

void sim_read_unlock(struct sim_rwlock *l)
{
	atomic_fetch_sub_explicit(my_readers(l), 1, memory_order_release);
}

void sim_write_lock(struct sim_rwlock *l)
{
	unsigned int n = 0;

	while (atomic_exchange(&l->writer, 1))
		relax(&n);
	for (unsigned int i = 0; i < SIM_LOCK_STRIPES; i++)
		while (atomic_load(&l->stripe[i].readers))
			relax(&n);
}

void sim_write_unlock(struct sim_rwlock *l)
{
	atomic_store(&l->writer, 0);
}
