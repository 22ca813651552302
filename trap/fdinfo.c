/* SPDX-License-Identifier: MIT */
/*
 * fdinfo.c - what a thread's descriptor is, and whether it still is that.
 *
 * /proc/TID/fdinfo/FD says at once on which inode a description is open, and how; and kept open it
 * says so again for one pread(), whatever becomes of the descriptor and the thread. So no copy of
 * the descriptor has to be made, and none closed: who serves the file it is open on, which may be
 * us, would hear of that, and we would wait for him. Looking a name up in /proc costs three times
 * as much.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

/* "pos:\t0\nflags:\t0100002\nmnt_id:\t25\nino:\t344\n": Linux 5.14 */
static bool read_info(struct trap_info *i, uint64_t *mnt, uint64_t *ino)
{
	char text[sizeof(i->text) + 1];

	i->len = pread(i->fd, i->text, sizeof(i->text), 0);
	if (i->len <= 0)
		return false;
	memcpy(text, i->text, (size_t)i->len);
	text[i->len] = '\0';
	return sscanf(text, "pos: %*d flags: %o mnt_id: %" SCNu64 " ino: %" SCNu64, &i->flags, mnt,
		      ino) == 3;
}

bool trap_info_stat(struct trap *t, pid_t tid, int fd, struct statx *st)
{
	char path[48];

	snprintf(path, sizeof(path), "%d/fd/%d", tid, fd);
	return fd >= 0 &&
	       !statx(t->proc, path, AT_STATX_DONT_SYNC,
		      STATX_TYPE | STATX_UID | STATX_INO | STATX_BTIME | STATX_MNT_ID, st);
}

bool trap_info_open(struct trap *t, pid_t tid, int fd, const struct statx *st, struct trap_info *i)
{
	uint64_t mnt, ino;
	char path[48];

	snprintf(path, sizeof(path), "%d/fdinfo/%d", tid, fd);
	i->fd = openat(t->proc, path, O_RDONLY | O_CLOEXEC);
	if (i->fd < 0)
		return false;
	if (read_info(i, &mnt, &ino) && st->stx_mask & STATX_MNT_ID && mnt == st->stx_mnt_id &&
	    ino == st->stx_ino)
		return true;
	trap_info_end(i);
	return false;
}

bool trap_info_same(const struct trap_info *i)
{
	char text[sizeof(i->text)];

	return pread(i->fd, text, sizeof(text), 0) == i->len && !memcmp(text, i->text, i->len);
}

void trap_info_end(struct trap_info *i)
{
	if (i->fd >= 0)
		close(i->fd);
	i->fd = -1;
}

/* ---- copies ------------------------------------------------------------------------------- */

static void *close_it(void *arg)
{
	close((int)(intptr_t)arg);
	return NULL;
}

void trap_info_drop(int fd)
{
	sigset_t all, old;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	/* without a thread it stays open: better than to wait for ever */
	if (!pthread_create(&thread, NULL, close_it, (void *)(intptr_t)fd))
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int trap_info_copy(int pidfd, int fd, dev_t dev, uint64_t ino)
{
	int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	struct statx st;

	if (copy < 0)
		return -1;
	if (!statx(copy, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &st) &&
	    st.stx_ino == ino && makedev(st.stx_dev_major, st.stx_dev_minor) == dev)
		return copy;
	trap_info_drop(copy);
	errno = EBADF;
	return -1;
}
