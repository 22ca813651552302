/* SPDX-License-Identifier: MIT */
/*
 * flush.h - fdatasync() without waiting for it; private to store/.
 */
#ifndef NVMESIM_STORE_FLUSH_H
#define NVMESIM_STORE_FLUSH_H

#include <liburing.h>
#include <pthread.h>
#include <stdbool.h>

#define FLUSH_WAITERS 64

/** struct flush_waiter - who is told */
struct flush_waiter {
	void (*done)(void *arg, int err);
	void *arg;
};

/**
 * struct flusher - flushes of one file
 * @ring:    an io_uring, when @async; @broken: it refused a submission
 * @now:     waiters of the fdatasync that runs; @running: there is one
 * @next:    waiters that came since: what they want durable may be too new for that one
 */
struct flusher {
	int fd;
	bool async;
	struct io_uring ring;
	pthread_mutex_t lock;
	bool running, broken;
	struct flush_waiter now[FLUSH_WAITERS], next[FLUSH_WAITERS];
	unsigned int nr_now, nr_next;
};

/** flusher_init() - never fails: without io_uring, flushes run in the caller */
void flusher_init(struct flusher *f, int fd);
/** flusher_free() - finish what was begun, and tell the waiters */
void flusher_free(struct flusher *f);
/** flusher_flush() - make durable, then call @done(@arg, 0 or SIM_EIO), now or in flusher_run() */
void flusher_flush(struct flusher *f, void (*done)(void *arg, int err), void *arg);
/** flusher_fd() - readable when flusher_run() has something to do; -1: never */
int flusher_fd(struct flusher *f);
void flusher_run(struct flusher *f);

#endif /* NVMESIM_STORE_FLUSH_H */
