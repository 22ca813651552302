/* SPDX-License-Identifier: MIT */
/*
 * ring_find.c - the ring behind a descriptor of a thread's, and for whom it asks. The identity of
 * the ring's memory tells, looked at each time: nobody reports what a program does with its
 * descriptors.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ring.h"

void ring_seen_clear(struct ring_seen *s)
{
	if (!s->ring)
		return;
	ring_proc_put(s->who.proc, 1);
	if (s->pidfd >= 0)
		close(s->pidfd);
	trap_info_end(&s->info);
	*s = (struct ring_seen){ .pidfd = -1, .info.fd = -1 };
}

/* Linux 6.9: of one thread, which may have descriptors of its own */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static int open_pidfd(pid_t tid, const struct ring_proc *proc)
{
	int fd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);

	if (fd < 0 && proc && proc->tgid == tid)
		fd = (int)syscall(SYS_pidfd_open, tid, 0);
	return fd;
}

static struct ring_seen *slot(struct trap_rings *rs, pid_t tid, int fd)
{
	return &rs->seen[((unsigned int)tid * 31 + (unsigned int)fd) % RING_NR_SEEN];
}

/* nobody else has that thread's call, so that nobody else uses its place */
struct ring_seen *ring_known(struct trap_rings *rs, pid_t tid, int fd)
{
	struct ring_seen *s = slot(rs, tid, fd);
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (!s->ring || s->tid != tid || s->fd != fd || s->read_at != now.tv_sec ||
	    s->info.fd < 0 || !trap_info_same(&s->info))
		return NULL;
	return s;
}

struct ring_seen *ring_find(struct trap_rings *rs, pid_t tid, int fd)
{
	struct ring_seen *s = slot(rs, tid, fd);
	struct trap_ring *r;
	struct timespec now;
	struct statx st;
	bool known;
	dev_t dev;

	if (!rs->all)
		return NULL;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	known = s->ring && s->tid == tid && s->fd == fd && s->read_at == now.tv_sec;
	if (known && s->info.fd >= 0) {
		if (trap_info_same(&s->info))
			return s;
		known = false; /* another thread's, perhaps */
	}
	if (!trap_info_stat(rs->t, tid, fd, &st) || !S_ISREG(st.stx_mode))
		return NULL;
	dev = makedev(st.stx_dev_major, st.stx_dev_minor);
	if (known && s->ring->ino == st.stx_ino && s->ring->dev == dev)
		return s;
	for (r = rs->all; r; r = r->next)
		if (r->ino == st.stx_ino && r->dev == dev)
			break;
	if (!r)
		return NULL;
	ring_seen_clear(s);
	*s = (struct ring_seen){
		.tid = tid,
		.fd = fd,
		.ring = r,
		.who = { .tid = tid,
			 .privileged = trap_privileged(rs->t, tid),
			 .proc = ring_proc_new(rs->t, tid) },
		.read_at = now.tv_sec,
	};
	s->pidfd = open_pidfd(tid, s->who.proc);
	trap_info_open(rs->t, tid, fd, &st, &s->info);
	return s;
}

void trap_rings_forget(struct trap *t, pid_t tid)
{
	for (unsigned int i = 0; i < RING_NR_SEEN; i++) {
		if (t->rings->seen[i].tid == tid)
			t->rings->seen[i].read_at = 0;
	}
	for (unsigned int i = 0; i < RING_NR_INDEX; i++) {
		if (t->rings->index[i].s.tid == tid)
			t->rings->index[i].s.read_at = 0;
	}
}
