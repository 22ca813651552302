/* SPDX-License-Identifier: MIT */
/*
 * kind.h - what the kinds of store share; private to store/.
 */
#ifndef NVMESIM_STORE_KIND_H
#define NVMESIM_STORE_KIND_H

#include "store.h"

struct store;

/**
 * struct store_kind - what a kind of store does besides core's port
 * @fd, @run: see store_fd(), store_run(); NULL when flushes are never pending
 * @free:     give everything back
 */
struct store_kind {
	int (*fd)(struct store *s);
	void (*run)(struct store *s);
	void (*free)(struct store *s);
};

/** struct store - embedded first in every kind */
struct store {
	struct sim_store st;
	const struct store_kind *kind;
};

/**
 * store_fail() - leave the sentence for the person
 * @fmt: a whole sentence without a full stop; "%m" is errno's text
 * Return: @err.
 */
__attribute__((format(printf, 3, 4))) int store_fail(struct sim_msg *msg, int err, const char *fmt,
						     ...);

/**
 * store_lock() - lock a file against a second user; readers may share
 *
 * A process that was killed while its io_uring had a flush to do holds its files until the kernel
 * has taken the ring apart, a moment after it could be waited for: whoever starts it again is not
 * to be refused for that, so a lock is waited for, half a second.
 * Return: 0, or %SIM_EEXIST, %SIM_EIO with a sentence that names @path.
 */
int store_lock(int fd, bool shared, const char *path, struct sim_msg *msg);

/** store_err() - errno as a port answers it. Return: a negative enum sim_err. */
int store_err(int errnum);

/** store_flush_none() - the flush of a medium that has nothing to make durable */
void store_flush_none(struct sim_store *st, void (*done)(void *arg, int err), void *arg);

/** store_pwrite_all(), store_pread_all() - all of it. Return: 0 or a negative enum sim_err. */
int store_pwrite_all(int fd, const void *buf, size_t len, uint64_t off);
int store_pread_all(int fd, void *buf, size_t len, uint64_t off);

#endif /* NVMESIM_STORE_KIND_H */
