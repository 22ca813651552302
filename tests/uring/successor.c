/* SPDX-License-Identifier: MIT */
/*
 * successor.c - what test_hand's program becomes: it finds nothing at the place that the one before
 * it had for its reads. Without a C library, which would ask the supervisor something on the way to
 * main(), and so wait for it: here it may be stopped.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "successor.h"

static int look(void)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
	volatile char *mem;

	mem = (char *)syscall(SYS_mmap, PLACE, ROOM, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (mem != PLACE)
		return 1;
	syscall(SYS_nanosleep, &pause, (void *)0);
	for (unsigned int i = 0; i < ROOM; i += 64) {
		if (mem[i])
			return 2;
	}
	return 0;
}

__attribute__((noreturn)) void _start(void);
void _start(void)
{
	for (;;)
		syscall(SYS_exit_group, look());
}
