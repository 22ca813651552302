/* SPDX-License-Identifier: MIT */
/*
 * uring_copy.c - memory copy bandwidth: blocks of 128 KiB from random places of 64 MiB into 32
 * buffers, which is what a read of such blocks at depth 32 cannot avoid. Argument: milliseconds.
 * Prints bytes per second.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AREA	(64ul << 20)
#define BLOCK	(128ul << 10)
#define BUFFERS 32

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	double span = (argc > 1 ? atof(argv[1]) : 1000) / 1000, begun, end;
	char *from = aligned_alloc(4096, AREA), *to = aligned_alloc(4096, BUFFERS * BLOCK);
	uint64_t n = 0, x = 88172645463325252ull;
	volatile char sink;

	if (!from || !to)
		return 1;
	memset(from, 1, AREA);
	memset(to, 2, BUFFERS * BLOCK);
	begun = now();
	do {
		for (int i = 0; i < 64; i++, n++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(to + n % BUFFERS * BLOCK, from + x % (AREA / BLOCK) * BLOCK, BLOCK);
			sink = to[n % BUFFERS * BLOCK];
		}
		end = now();
	} while (end - begun < span);
	(void)sink;
	printf("%.0f\n", (double)(n * BLOCK) / (end - begun));
	free(from);
	free(to);
	return 0;
}
