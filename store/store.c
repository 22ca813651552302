/* SPDX-License-Identifier: MIT */
/*
 * store.c - what the kinds of store share.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "kind.h"

#define LOCK_TURNS 50
#define LOCK_NS 10000000

int store_fail(struct sim_msg *msg, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg->text, sizeof(msg->text), fmt, ap);
	va_end(ap);
	return err;
}

int store_err(int errnum)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return SIM_ENOSPC;
	case ENOMEM:
		return SIM_ENOMEM;
	case EROFS:
	case EBADF: /* not open for writing */
	case EPERM: /* sealed or immutable since it was opened */
		return SIM_EROFS;
	default:
		return SIM_EIO;
	}
}

void store_flush_none(struct sim_store *st, void (*done)(void *arg, int err), void *arg)
{
	(void)st;
	done(arg, 0);
}

int store_pwrite_all(int fd, const void *buf, size_t len, uint64_t off)
{
	const char *p = buf;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? store_err(errno) : SIM_EIO;
		p += n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
	return 0;
}

int store_pread_all(int fd, void *buf, size_t len, uint64_t off)
{
	char *p = buf;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* 0: the file was cut short */
			return SIM_EIO;
		p += n;
		len -= (size_t)n;
		off += (uint64_t)n;
	}
	return 0;
}

int store_fd(struct sim_store *st)
{
	struct store *s = (struct store *)st;

	return s->kind->fd ? s->kind->fd(s) : -1;
}

void store_run(struct sim_store *st)
{
	struct store *s = (struct store *)st;

	if (s->kind->run)
		s->kind->run(s);
}

void store_free(struct sim_store *st)
{
	struct store *s = (struct store *)st;

	if (s)
		s->kind->free(s);
}

int store_lock(int fd, bool shared, const char *path, struct sim_msg *msg)
{
	struct flock fl = { .l_type = shared ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };

	for (unsigned int turn = 0; turn < LOCK_TURNS; turn++) {
		if (!fcntl(fd, F_OFD_SETLK, &fl))
			return 0;
		if (errno != EAGAIN && errno != EACCES)
			return store_fail(msg, SIM_EIO, "cannot lock %s: %m", path);
		nanosleep(&(struct timespec){ .tv_nsec = LOCK_NS }, NULL);
	}
	return store_fail(msg, SIM_EEXIST, "%s is in use by another process", path);
}
