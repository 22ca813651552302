/* SPDX-License-Identifier: MIT */
/*
 * area.h - memory that survives the process: sparse files, mapped; private to store/.
 */
#ifndef NVMESIM_STORE_AREA_H
#define NVMESIM_STORE_AREA_H

#include <pthread.h>

#include "kind.h"

struct area;

/**
 * struct areas - the areas of a journal
 * @dirfd: where the files are, STEM.area-TYPE-KEY each; @stem and it are the journal's
 * @lock:  guards the list
 */
struct areas {
	int dirfd;
	const char *stem;
	pthread_mutex_t lock;
	struct area *list;
};

void areas_init(struct areas *a);
/** areas_free() - unmap what is left of them; the files stay */
void areas_free(struct areas *a);
/** areas_sync() - everything in them survives a power cut. Return: 0 or %SIM_EIO. */
int areas_sync(struct areas *a);

/** area_get(), area_put(), area_reserve(), area_punch() - see sim_journal_port.area, area_free,
 * area_reserve, area_punch */
void *area_get(struct areas *a, uint16_t type, uint64_t key, uint64_t len, bool *fresh);
void area_put(struct areas *a, void *mem, bool forget);
int area_reserve(struct areas *a, void *mem, uint64_t off, uint64_t len);
void area_punch(struct areas *a, void *mem, uint64_t off, uint64_t len);

/** area_boot() - a number of this boot of the machine, or 0: it cannot be told */
uint64_t area_boot(void);

#endif /* NVMESIM_STORE_AREA_H */
