/* SPDX-License-Identifier: MIT */
/*
 * spin.h - a lock for a handful of instructions; of core/media/, core/fdp/ and the zones in core/ns/.
 */
#ifndef NVMESIM_SPIN_H
#define NVMESIM_SPIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <threads.h>

#define SIM_SPINS 64
#define SIM_YIELDS 1024

/** sim_wait_a_bit() - the @n-th turn of a loop that waits: for somebody who may need our CPU */
static inline void sim_wait_a_bit(unsigned int *n)
{
	if (++*n <= SIM_SPINS)
		return;
	if (*n <= SIM_YIELDS)
		thrd_yield();
	else
		thrd_sleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
}

static inline void sim_spin_lock(_Atomic uint32_t *l)
{
	unsigned int n = 0;

	while (atomic_exchange_explicit(l, 1, memory_order_acquire))
		while (atomic_load_explicit(l, memory_order_relaxed))
			sim_wait_a_bit(&n);
}

/** sim_spin_try() - Return: whether the lock was free, and is ours now */
static inline bool sim_spin_try(_Atomic uint32_t *l)
{
	return !atomic_load_explicit(l, memory_order_relaxed) &&
	       !atomic_exchange_explicit(l, 1, memory_order_acquire);
}

static inline void sim_spin_unlock(_Atomic uint32_t *l)
{
	atomic_store_explicit(l, 0, memory_order_release);
}

#endif /* NVMESIM_SPIN_H */
