/* SPDX-License-Identifier: MIT */
/*
 * uring_copy.c - what copying costs here. Prints seven numbers, bytes per second: within a process,
 * blocks of 128 KiB; the same from memory to memory, with more of both than caches hold; and into
 * another process with process_vm_writev, which is the only way the run door has: 16 blocks of 4
 * KiB a call, 128 KiB a call, that by two threads at once; and these two again where the other
 * process has its buffers in huge pages. But for the second, blocks come from random places of 64
 * MiB and go into 32 buffers, as reads at depth 32 do. Argument: milliseconds for each.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AREA	(64ul << 20)
#define BLOCK	(128ul << 10)
#define BUFFERS 32
#define BATCH	16
#define FAR	(256ul << 20)
#define HUGE	(2ul << 20)

/* the other process's buffers are at the same addresses */
static char *from, *to, *small_pages, *huge_pages, *far;
static pid_t other;
static _Thread_local uint64_t x = 88172645463325252ull;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static char *somewhere(size_t size)
{
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return from + x % (AREA / size) * size;
}

static void copy_here(uint64_t n, size_t size)
{
	volatile char sink;

	memcpy(to + n % BUFFERS * size, somewhere(size), size);
	sink = to[n % BUFFERS * size];
	(void)sink;
}

static void copy_there(uint64_t n, size_t size, unsigned int batch)
{
	struct iovec local[BATCH], remote[BATCH];

	for (unsigned int i = 0; i < batch; i++) {
		local[i] = (struct iovec){ somewhere(size), size };
		remote[i] = (struct iovec){ to + (n + i) % BUFFERS * size, size };
	}
	if (process_vm_writev(other, local, batch, remote, batch, 0) != (ssize_t)(size * batch)) {
		perror("process_vm_writev");
		kill(other, SIGKILL);
		exit(1);
	}
}

static double measure_far(double seconds)
{
	double begun = now(), end;
	uint64_t n = 0;

	do {
		for (int i = 0; i < 16; i++, n++)
			memcpy(far + FAR + n * BLOCK % FAR, far + n * BLOCK % FAR, BLOCK);
		end = now();
	} while (end - begun < seconds);
	return (double)(n * BLOCK) / (end - begun);
}

/* Return: bytes per second; @batch 0: within the process */
static double measure(double seconds, size_t size, unsigned int batch)
{
	double begun = now(), end;
	uint64_t n = 0;

	do {
		for (int i = 0; i < 16; i++, n += batch ? batch : 1) {
			if (batch)
				copy_there(n, size, batch);
			else
				copy_here(n, size);
		}
		end = now();
	} while (end - begun < seconds);
	return (double)(n * size) / (end - begun);
}

static double span;

static void *one_of_two(void *rate)
{
	*(double *)rate = measure(span, BLOCK, 1);
	return NULL;
}

static double measure_two(void)
{
	double rate[2];
	pthread_t other_thread;

	if (pthread_create(&other_thread, NULL, one_of_two, &rate[0]))
		exit(1);
	one_of_two(&rate[1]);
	pthread_join(other_thread, NULL);
	return rate[0] + rate[1];
}

static char *area(size_t size, int advice)
{
	char *p =
		mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(1);
	p = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
	madvise(p, size, advice);
	return p;
}

int main(int argc, char **argv)
{
	int ready[2];
	char byte = 0;

	span = (argc > 1 ? atof(argv[1]) : 1000) / 1000;
	from = area(AREA, MADV_NOHUGEPAGE);
	small_pages = to = area(BUFFERS * BLOCK, MADV_NOHUGEPAGE);
	huge_pages = area(BUFFERS * BLOCK, MADV_HUGEPAGE);
	far = area(2 * FAR, MADV_NOHUGEPAGE);
	if (pipe(ready))
		return 1;
	memset(from, 1, AREA);
	other = fork();
	if (other < 0)
		return 1;
	if (!other) {
		memset(small_pages, 3, BUFFERS * BLOCK);
		memset(huge_pages, 3, BUFFERS * BLOCK);
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	memset(to, 2, BUFFERS * BLOCK);
	memset(far, 1, 2 * FAR);
	if (read(ready[0], &byte, 1) != 1)
		return 1;
	printf("%.0f", measure(span, BLOCK, 0));
	printf(" %.0f", measure_far(span));
	printf(" %.0f", measure(span, 4096, BATCH));
	printf(" %.0f", measure(span, BLOCK, 1));
	printf(" %.0f", measure_two());
	to = huge_pages;
	printf(" %.0f", measure(span, BLOCK, 1));
	printf(" %.0f\n", measure_two());
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return 0;
}
