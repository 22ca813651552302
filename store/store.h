/* SPDX-License-Identifier: MIT */
/*
 * store.h - the POSIX side of core's ports: media, records, time. Face of store/.
 */
#ifndef NVMESIM_STORE_H
#define NVMESIM_STORE_H

#include "../core/sim.h"

/**
 * store_ram_new() - a medium in memory, sparse: costs what is written to it
 * @size: bytes
 * Return: the store, or NULL with a sentence in @msg.
 */
struct sim_store *store_ram_new(uint64_t size, struct sim_msg *msg);

/**
 * store_null_new() - a medium that keeps nothing: reads zeroes, forgets writes
 */
struct sim_store *store_null_new(uint64_t size, struct sim_msg *msg);

/**
 * struct store_file_params - a backing file
 * @path:
 * @size:      0: the file's own size; else the size a new file is made with (sparse). An existing
 *             file that is smaller is an error, a larger one is used up to @size.
 * @default_size: what a file that does not exist is made with when @size is 0
 * @readonly:  open for reading
 * @create:    a missing file is made
 */
struct store_file_params {
	const char *path;
	uint64_t size;
	uint64_t default_size;
	bool readonly;
	bool create;
};

/**
 * store_file_new() - a medium in a regular file or block device, locked against a second user
 *
 * Reads and writes go straight between the page cache (a shared mapping) and the host's memory.
 * Space is reserved before a write is allowed into the mapping, so that a full disk is a
 * write fault and never a signal. Flushes run on an io_uring where the kernel allows one,
 * else in the caller.
 * Return: the store, or NULL with a sentence in @msg.
 */
struct sim_store *store_file_new(const struct store_file_params *p, struct sim_msg *msg);

/**
 * store_fd() - descriptor to poll for finished flushes, or -1 when there are never any
 * store_run()  - finish what is done; call when store_fd() is readable
 */
int store_fd(struct sim_store *st);
void store_run(struct sim_store *st);

/** store_free() - close a store of any kind; finishes and tells the flushes that were begun */
void store_free(struct sim_store *st);

/**
 * store_journal_open() - records of one NVM subsystem, in directory @dir (made if missing)
 * @name: file name stem, one per subsystem
 *
 * Records are appended with a checksum and replayed at open; a torn tail is dropped. Cells live
 * in a mapped file beside it, and so does each area, sparse: NAME.area-TYPE-KEY. The files are
 * locked against a second user.
 * Return: 0, or a negative enum sim_err with a sentence in @msg.
 */
int store_journal_open(const char *dir, const char *name, struct sim_journal_port *port,
		       struct sim_msg *msg);
void store_journal_close(struct sim_journal_port *port);

/**
 * store_anon_areas() - areas of a subsystem of which nothing survives: sparse anonymous memory
 * Sets @port's area, area_free and area_punch, nothing else; there is nothing to close.
 */
void store_anon_areas(struct sim_journal_port *port);

/**
 * struct store_pmr_params - the file of a Persistent Memory Region
 * @size:  0: the file's own. A missing or empty file is made that long; a smaller one is an error.
 * @share: what is written reaches the file; else it is gone at the end (QEMU's share=off)
 */
struct store_pmr_params {
	const char *path;
	uint64_t size;
	bool share;
};

struct store_pmr;

/**
 * store_pmr_open() - map the file, with all the room it takes, locked against a second user
 * It must not be made shorter while it is in use. @port is filled in.
 * Return: it, or NULL with a sentence in @msg.
 */
struct store_pmr *store_pmr_open(const struct store_pmr_params *p, struct sim_pmr_port *port,
				 struct sim_msg *msg);
/** store_pmr_close() - @undo: remove the file if it was made. NULL is allowed. */
void store_pmr_close(struct store_pmr *r, bool undo);

/** store_copy() - &sim_ctrl_params.copy: a mapped file that was cut short is an error, no signal */
int store_copy(void *to, const void *from, size_t len);

/** store_clock() - CLOCK_MONOTONIC and CLOCK_REALTIME; @arm is left for the caller to set */
void store_clock(struct sim_clock_port *port);

#endif /* NVMESIM_STORE_H */
