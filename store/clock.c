/* SPDX-License-Identifier: MIT */
/*
 * clock.c - core's clock port: CLOCK_MONOTONIC and CLOCK_REALTIME.
 */
#include <time.h>

#include "store.h"

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t clock_now_ns(void *opaque)
{
	(void)opaque;
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t clock_wall_ms(void *opaque)
{
	(void)opaque;
	return clock_ns(CLOCK_REALTIME) / 1000000u;
}

void store_clock(struct sim_clock_port *port)
{
	*port = (struct sim_clock_port){ .now_ns = clock_now_ns, .wall_ms = clock_wall_ms };
}
