/* SPDX-License-Identifier: MIT */
/*
 * ring_index.c - rings that a thread knows by an index (IORING_REGISTER_RING_FDS), and may have
 * closed the descriptor of. As in Linux the index is the thread's alone, and ends with it or with
 * the program it runs.
 *
 * What is held is the program's own open file, so that the ring does not end before. Nobody reports
 * the end of a thread or of a program, so they are looked for: by whoever uses an index, which is
 * therefore never another's, and by a timer while there are any.
 *
 * The kernel has such a list too, for its own rings, and gives out the lowest index first; here it
 * is the highest, and the upper half only, so that both lists can be one thread's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "ring.h"

#define MAX_INDEX   16u /* Linux: IO_RINGFD_REG_MAX */
#define FIRST_INDEX 8u	/* of those given out here */
#define SWEEP_S	    1

static void sweep_arm(struct trap_rings *rs)
{
	struct itimerspec its = { .it_value.tv_sec = rs->nr_index ? SWEEP_S : 0,
				  .it_interval.tv_sec = SWEEP_S };

	timerfd_settime(rs->sweep.fd, 0, &its, NULL);
}

static void drop(struct trap_rings *rs, struct ring_index *x)
{
	close(x->copy); /* if it is the last, the ring ends as with the program's own */
	ring_seen_clear(&x->s);
	rs->nr_index--;
	if (!rs->nr_index)
		sweep_arm(rs);
}

/* is it the same thread, and of the same program? */
static bool lives(const struct ring_index *x)
{
	struct pollfd p = { .fd = x->s.pidfd, .events = POLLIN };

	return poll(&p, 1, 0) <= 0 && ring_proc_lives(x->s.who.proc);
}

static void sweep(struct trap_rings *rs)
{
	for (unsigned int i = 0; i < RING_NR_INDEX && rs->nr_index; i++) {
		struct ring_index *x = &rs->index[i];

		if (x->s.ring && !lives(x))
			drop(rs, x);
	}
}

static void sweep_due(struct dmn_fd *f, uint32_t events)
{
	struct trap_rings *rs =
		(struct trap_rings *)((char *)f - offsetof(struct trap_rings, sweep));
	uint64_t n;

	if (read(f->fd, &n, sizeof(n)) == sizeof(n))
		sweep(rs);
}

static struct ring_index *find(struct trap_rings *rs, pid_t tid, uint32_t index)
{
	for (unsigned int i = 0; i < RING_NR_INDEX; i++) {
		struct ring_index *x = &rs->index[i];

		if (x->s.ring && x->s.tid == tid && (uint32_t)x->s.fd == index)
			return x;
	}
	return NULL;
}

struct ring_seen *ring_find_index(struct trap_rings *rs, pid_t tid, uint32_t index)
{
	struct ring_index *x = rs->nr_index ? find(rs, tid, index) : NULL;
	struct timespec now;

	if (!x)
		return NULL;
	if (!lives(x)) {
		drop(rs, x);
		return NULL;
	}
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (x->s.read_at != now.tv_sec) {
		x->s.who.privileged = trap_privileged(rs->t, tid);
		x->s.read_at = now.tv_sec;
	}
	return &x->s;
}

struct ring_seen *ring_known_index(struct trap_rings *rs, pid_t tid, uint32_t index)
{
	struct ring_index *x = rs->nr_index ? find(rs, tid, index) : NULL;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return x && x->s.read_at == now.tv_sec && lives(x) ? &x->s : NULL;
}

/* Return: the index, or -errno as io_ring_add_registered_fd() */
static int add(struct trap_rings *rs, pid_t tid, int32_t fd, uint32_t want)
{
	struct ring_index *x = rs->index;
	struct ring_seen *s;
	uint32_t at = want;
	int pidfd, copy;

	if (!ring_is_open(rs->t, tid, fd))
		return -EBADF;
	s = ring_find(rs, tid, fd);
	if (!s)
		return -EOPNOTSUPP;
	if (want == UINT32_MAX)
		for (at = MAX_INDEX - 1; at >= FIRST_INDEX && find(rs, tid, at); at--)
			;
	if (at < FIRST_INDEX && want == UINT32_MAX)
		return -EBUSY;
	if (find(rs, tid, at))
		return -EBUSY;
	while (x < rs->index + RING_NR_INDEX && x->s.ring)
		x++;
	if (x == rs->index + RING_NR_INDEX)
		return -ENOMEM;
	/* a thread whose end could not be seen has none */
	if (s->pidfd < 0 || !s->who.proc || s->who.proc->mem < 0)
		return -EINVAL;
	copy = trap_info_copy(s->pidfd, fd, s->ring->dev, s->ring->ino);
	pidfd = fcntl(s->pidfd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0 || pidfd < 0) {
		if (copy >= 0)
			close(copy);
		if (pidfd >= 0)
			close(pidfd);
		return -EINVAL;
	}
	x->copy = copy;
	x->s = *s;
	x->s.fd = (int)at;
	x->s.pidfd = pidfd;
	x->s.info.fd = -1; /* of the descriptor, which may be closed now */
	atomic_fetch_add(&x->s.who.proc->refs, 1);
	if (!rs->nr_index++)
		sweep_arm(rs);
	return (int)at;
}

long ring_reg_fds(const struct ring_reg *g)
{
	struct trap_rings *rs = g->r->rs;
	pid_t tid = g->who->tid;
	uint32_t i;
	int ret = 0;

	if (!g->nr || g->nr > MAX_INDEX)
		return -EINVAL;
	sweep(rs);
	for (i = 0; i < g->nr; i++) {
		struct io_uring_rsrc_update u;
		uint64_t addr = g->arg + i * sizeof(u);

		if (trap_vm_read(tid, addr, &u, sizeof(u)))
			ret = -EFAULT;
		else if (u.resv || (u.offset != UINT32_MAX && u.offset >= MAX_INDEX))
			ret = -EINVAL;
		else
			ret = add(rs, tid, (int32_t)u.data, u.offset);
		if (ret < 0)
			break;
		u.offset = (uint32_t)ret;
		if (trap_vm_write(tid, addr, &u, sizeof(u))) {
			drop(rs, find(rs, tid, u.offset));
			ret = -EFAULT;
			break;
		}
	}
	return i ? (long)i : ret;
}

long ring_unreg_fds(const struct ring_reg *g)
{
	struct trap_rings *rs = g->r->rs;
	pid_t tid = g->who->tid; /* which may be what ends here */
	uint32_t i;
	int err = 0;

	if (!g->nr || g->nr > MAX_INDEX)
		return -EINVAL;
	for (i = 0; i < g->nr; i++) {
		struct io_uring_rsrc_update u;
		struct ring_index *x;

		if (trap_vm_read(tid, g->arg + i * sizeof(u), &u, sizeof(u)))
			err = -EFAULT;
		else if (u.resv || u.data || u.offset >= MAX_INDEX)
			err = -EINVAL;
		if (err)
			break;
		x = find(rs, tid, u.offset);
		if (x)
			drop(rs, x);
	}
	return i ? (long)i : err;
}

void ring_index_end(struct trap_rings *rs, const struct trap_ring *r)
{
	for (unsigned int i = 0; i < RING_NR_INDEX && rs->nr_index; i++) {
		if (rs->index[i].s.ring == r)
			drop(rs, &rs->index[i]);
	}
}

int ring_index_init(struct trap_rings *rs)
{
	rs->sweep.ready = sweep_due;
	rs->sweep.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return rs->sweep.fd < 0 ? -errno : dmn_loop_add(rs->t->loop, &rs->sweep, EPOLLIN);
}
