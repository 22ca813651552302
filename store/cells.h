/* SPDX-License-Identifier: MIT */
/*
 * cells.h - counters that survive: memory of a mapped file; private to store/.
 */
#ifndef NVMESIM_STORE_CELLS_H
#define NVMESIM_STORE_CELLS_H

#include <stdint.h>

#include "kind.h"

struct cells_file;

/**
 * struct cells - an open cells file
 * @end: bytes of the file in use
 */
struct cells {
	int fd;
	struct cells_file *file;
	uint64_t end;
};

/** cells_open() - open or make @path, locked. Return: 0, or a negative enum sim_err, a sentence. */
int cells_open(struct cells *c, const char *path, struct sim_msg *msg);
void cells_close(struct cells *c);

/** cells_get() - see sim_journal_port.cell. Return: the memory, or NULL: no room. */
void *cells_get(struct cells *c, uint16_t type, uint64_t key, uint32_t len);

/** cells_sync() - everything in the cells survives a power cut. Return: 0 or %SIM_EIO. */
int cells_sync(struct cells *c);

/**
 * cells_set_mark(), cells_mark() - how much of the journal of generation @gen is on disk
 * Return (mark): bytes; 0 when nothing is known of that generation.
 */
void cells_set_mark(struct cells *c, uint64_t gen, uint64_t bytes);
uint64_t cells_mark(const struct cells *c, uint64_t gen);

#endif /* NVMESIM_STORE_CELLS_H */
