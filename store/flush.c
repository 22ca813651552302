/* SPDX-License-Identifier: MIT */
/*
 * flush.c - fdatasync() without waiting for it: through io_uring where the kernel allows one.
 *
 * At most one fdatasync runs for a file. Flushes that arrive meanwhile share the one after it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "flush.h"
#include "kind.h"

void flusher_init(struct flusher *f, int fd)
{
	memset(f, 0, sizeof(*f));
	f->fd = fd;
	pthread_mutex_init(&f->lock, NULL);
	/* EPERM, ENOSYS, ENOMEM (locked memory): whatever forbids it, waiting works as well */
	f->async = io_uring_queue_init(2, &f->ring, 0) == 0;
}

static int sync_now(int fd)
{
	int ret;

	do
		ret = fdatasync(fd);
	while (ret && errno == EINTR);
	return ret ? SIM_EIO : 0;
}

/* under f->lock. Return: whether an fdatasync was started for f->now. */
static bool start(struct flusher *f)
{
	struct io_uring_sqe *sqe = f->broken ? NULL : io_uring_get_sqe(&f->ring);
	int ret;

	if (!sqe)
		return false;
	io_uring_prep_fsync(sqe, f->fd, IORING_FSYNC_DATASYNC);
	do
		ret = io_uring_submit(&f->ring);
	while (ret == -EINTR);
	f->running = ret == 1;
	f->broken = ret != 1; /* its queue still holds the entry: use it no more */
	return f->running;
}

void flusher_flush(struct flusher *f, void (*done)(void *arg, int err), void *arg)
{
	struct flush_waiter w = { done, arg };
	bool queued = false;

	if (f->async) {
		pthread_mutex_lock(&f->lock);
		if (f->running && f->nr_next < FLUSH_WAITERS) {
			f->next[f->nr_next++] = w;
			queued = true;
		} else if (!f->running) {
			f->now[0] = w;
			f->nr_now = 1;
			queued = start(f);
		}
		pthread_mutex_unlock(&f->lock);
	}
	if (!queued)
		done(arg, sync_now(f->fd));
}

int flusher_fd(struct flusher *f)
{
	return f->async ? f->ring.ring_fd : -1;
}

void flusher_run(struct flusher *f)
{
	struct flush_waiter done[2 * FLUSH_WAITERS];
	struct io_uring_cqe *cqe;
	unsigned int n = 0, late;
	int err = 0, late_err = 0;

	pthread_mutex_lock(&f->lock);
	if (!f->running || io_uring_peek_cqe(&f->ring, &cqe)) {
		pthread_mutex_unlock(&f->lock);
		return;
	}
	err = cqe->res < 0 ? SIM_EIO : 0;
	io_uring_cqe_seen(&f->ring, cqe);
	f->running = false;
	memcpy(done, f->now, f->nr_now * sizeof(done[0]));
	n = late = f->nr_now;
	memcpy(f->now, f->next, f->nr_next * sizeof(f->now[0]));
	f->nr_now = f->nr_next;
	f->nr_next = 0;
	if (f->nr_now && !start(f)) {
		memcpy(done + n, f->now, f->nr_now * sizeof(done[0]));
		n += f->nr_now;
		f->nr_now = 0;
		late_err = sync_now(f->fd);
	}
	pthread_mutex_unlock(&f->lock);
	for (unsigned int i = 0; i < n; i++)
		done[i].done(done[i].arg, i < late ? err : late_err);
}

void flusher_free(struct flusher *f)
{
	struct io_uring_cqe *cqe;

	while (f->running && !io_uring_wait_cqe(&f->ring, &cqe))
		flusher_run(f);
	if (f->async)
		io_uring_queue_exit(&f->ring);
	pthread_mutex_destroy(&f->lock);
}
