/* SPDX-License-Identifier: MIT */
/*
 * file.h - the file store's parts; private to store/.
 */
#ifndef NVMESIM_STORE_FILE_H
#define NVMESIM_STORE_FILE_H

#include "bits.h"
#include "flush.h"
#include "kind.h"

#define FILE_CHUNK_SHIFT 16 /* space is reserved by 64 KiB */

/**
 * struct file_store - a backing file
 * @mem:      shared mapping of @mem_len bytes, or NULL where the file cannot be mapped
 * @reserved: bit per chunk: the file has space there (clear: not known to)
 * @touched:  bytes mapped since the last look at what is resident
 * @crowded:  pages had to be let go of: more is in use than may be resident
 * @blockdev: has no holes
 * @read_allocates: reading a hole through the mapping would take space (tmpfs)
 */
struct file_store {
	struct store s;
	int fd;
	unsigned char *mem;
	size_t mem_len;
	struct store_bits reserved;
	_Atomic uint64_t touched;
	_Atomic bool crowded;
	bool blockdev, read_allocates;
	struct flusher flusher;
};

extern const struct sim_store_ops file_store_ops; /* file.c */

#endif /* NVMESIM_STORE_FILE_H */
