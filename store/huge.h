/* SPDX-License-Identifier: MIT */
/*
 * huge.h - which memory of a medium may be in huge pages; private to store/.
 *
 * A read somewhere in a medium in small pages has the processor look up its address in memory
 * first, which is a good part of what a short one costs; in huge pages it knows. But where 4 KiB
 * are written, a huge page costs 2 MiB. So a region may be one if the region before it fills up: then
 * somebody writes from front to back, and gets there next. It may no longer when all of it was
 * given back.
 */
#ifndef NVMESIM_STORE_HUGE_H
#define NVMESIM_STORE_HUGE_H

#include <pthread.h>

#include "bits.h"

#define STORE_HUGE	(2u << 20) /* bytes: a region, which is one huge page, or none */
#define STORE_HUGE_RUNS 128	   /* the kernel keeps a record of each, and does not have many */

/**
 * struct store_huge - the regions of a medium that may be huge pages
 * @mem:     its memory, aligned to %STORE_HUGE; NULL: there are no such pages here
 * @written: the medium's pages that were written, of 1 << @page_shift bytes
 * @nr:      how many regions there are; what is behind the last whole one is none
 * @region:  those that may; it changes under @lock, which is for @runs, too
 * @runs:    how many runs these are
 */
struct store_huge {
	unsigned char *mem;
	const struct store_bits *written;
	unsigned int page_shift;
	uint64_t nr;
	struct store_bits region;
	pthread_mutex_t lock;
	int runs;
};

/** store_huge_init() - of @bytes at @mem. Return: 0, or -1 with errno. */
int store_huge_init(struct store_huge *h, void *mem, uint64_t bytes,
		    const struct store_bits *written, unsigned int page_shift);
void store_huge_free(struct store_huge *h);

/**
 * store_huge_wrote() - pages [@first, @end) have been written, and some had not been before
 *
 * Waits for nobody.
 */
void store_huge_wrote(struct store_huge *h, uint64_t first, uint64_t end);

/** store_huge_gave() - pages [@first, @end) have been given back */
void store_huge_gave(struct store_huge *h, uint64_t first, uint64_t end);

/** store_huge_end() - none may from now on */
void store_huge_end(struct store_huge *h);

#endif /* NVMESIM_STORE_HUGE_H */
