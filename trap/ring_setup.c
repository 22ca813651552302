/* SPDX-License-Identifier: MIT */
/*
 * ring_setup.c - io_uring_setup: whose ring it is, its memory, its descriptor, its end.
 *
 * The program's descriptor is a description of the memfd that nobody else has: opened once, handed
 * over, closed here. So the kernel knows when the ring's last descriptor, mapping or message in
 * flight is gone, and tells (IN_CLOSE_WRITE), whatever became of it on the way: dup, fork, exec,
 * SCM_RIGHTS, exit, kill. A descriptor is recognised by the memfd's identity, which cannot become
 * another file's while we have it mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ring.h"
#include "sys.h"

/* flags of rings that are ours, all accepted; some ask for what is so anyway */
#define SETUP_FLAGS                                                                               \
	(IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF | IORING_SETUP_CQSIZE |  \
	 IORING_SETUP_CLAMP | IORING_SETUP_ATTACH_WQ | IORING_SETUP_R_DISABLED |                  \
	 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |        \
	 IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER |                  \
	 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_NO_SQARRAY | IORING_SETUP_HYBRID_IOPOLL |      \
	 IORING_SETUP_CQE_MIXED | IORING_SETUP_SQE_MIXED)
#define SQ_SIZES (IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED)
#define CQ_SIZES (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED)
#define TASKRUN                                                                                   \
	(IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_DEFER_TASKRUN)

/* no SINGLE_MMAP: a memfd has the rings at the offsets they are mapped at, one after the other */
#define FEATURES                                                                                   \
	(IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_SQPOLL_NONFIXED |            \
	 IORING_FEAT_EXT_ARG | IORING_FEAT_NATIVE_WORKERS | IORING_FEAT_CQE_SKIP |                 \
	 IORING_FEAT_RSRC_TAGS | IORING_FEAT_REG_REG_RING)

#define DEFAULT_IDLE_MS 1000u

static size_t page_up(size_t n)
{
	return (n + 4095) & ~(size_t)4095;
}

static uint32_t pow2_up(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

/* ---- parameters --------------------------------------------------------------------------- */

/* Return: 0 or -errno, as io_uring_create() and io_uring_sanitise_params() */
static int check_flags(const struct io_uring_params *p)
{
	uint32_t f = p->flags;

	for (size_t i = 0; i < sizeof(p->resv) / sizeof(p->resv[0]); i++) {
		if (p->resv[i])
			return -EINVAL;
	}
	if (f & ~SETUP_FLAGS)
		return -EINVAL;
	if ((f & SQ_SIZES) == SQ_SIZES || (f & CQ_SIZES) == CQ_SIZES)
		return -EINVAL;
	if (f & IORING_SETUP_SQPOLL && f & TASKRUN)
		return -EINVAL;
	if (f & IORING_SETUP_TASKRUN_FLAG &&
	    !(f & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)))
		return -EINVAL;
	if (f & IORING_SETUP_DEFER_TASKRUN && !(f & IORING_SETUP_SINGLE_ISSUER))
		return -EINVAL;
	if (f & IORING_SETUP_HYBRID_IOPOLL && !(f & IORING_SETUP_IOPOLL))
		return -EINVAL;
	if (f & IORING_SETUP_SQ_AFF) {
		if (!(f & IORING_SETUP_SQPOLL))
			return -EINVAL;
		if (p->sq_thread_cpu >= (uint32_t)sysconf(_SC_NPROCESSORS_CONF) ||
		    p->sq_thread_cpu >= CPU_SETSIZE)
			return -EINVAL;
	}
	return 0;
}

static int check_sizes(uint32_t entries, struct io_uring_params *p)
{
	bool clamp = p->flags & IORING_SETUP_CLAMP;
	uint32_t cq = p->cq_entries;

	if (!entries)
		return -EINVAL;
	if (entries > RING_MAX_ENTRIES) {
		if (!clamp)
			return -EINVAL;
		entries = RING_MAX_ENTRIES;
	}
	if (p->flags & IORING_SETUP_SQE_MIXED && entries < 2)
		return -EINVAL;
	p->sq_entries = pow2_up(entries);
	if (!(p->flags & IORING_SETUP_CQSIZE)) {
		p->cq_entries = 2 * p->sq_entries;
		return 0;
	}
	if (!cq)
		return -EINVAL;
	if (cq > RING_MAX_CQ) {
		if (!clamp)
			return -EINVAL;
		cq = RING_MAX_CQ;
	}
	p->cq_entries = pow2_up(cq);
	return p->cq_entries < p->sq_entries ? -EINVAL : 0;
}

static void fill_offsets(struct io_uring_params *p)
{
	p->features = FEATURES;
	p->sq_off = (struct io_sqring_offsets){
		.head = offsetof(struct ring_sq_mem, head),
		.tail = offsetof(struct ring_sq_mem, tail),
		.ring_mask = offsetof(struct ring_sq_mem, mask),
		.ring_entries = offsetof(struct ring_sq_mem, entries),
		.flags = offsetof(struct ring_sq_mem, flags),
		.dropped = offsetof(struct ring_sq_mem, dropped),
	};
	if (!(p->flags & IORING_SETUP_NO_SQARRAY))
		p->sq_off.array = offsetof(struct ring_sq_mem, array);
	p->cq_off = (struct io_cqring_offsets){
		.head = offsetof(struct ring_cq_mem, head),
		.tail = offsetof(struct ring_cq_mem, tail),
		.ring_mask = offsetof(struct ring_cq_mem, mask),
		.ring_entries = offsetof(struct ring_cq_mem, entries),
		.overflow = offsetof(struct ring_cq_mem, overflow),
		.flags = offsetof(struct ring_cq_mem, flags),
		.cqes = offsetof(struct ring_cq_mem, cqes),
	};
}

/* ---- memory ------------------------------------------------------------------------------- */

struct trap_ring *ring_new(uint32_t sq_entries, uint32_t cq_entries, uint32_t flags,
			   void *sq, void *cq, void *sqes)
{
	struct trap_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->sq_entries = sq_entries;
	r->cq_entries = cq_entries;
	r->flags = flags;
	r->sq = sq;
	r->cq = cq;
	r->sqes = sqes;
	r->sq->mask = sq_entries - 1;
	r->sq->entries = sq_entries;
	r->cq->mask = cq_entries - 1;
	r->cq->entries = cq_entries;
	r->evfd = r->wd = -1;
	r->disabled = flags & IORING_SETUP_R_DISABLED;
	ring_list_init(&r->deferred);
	ring_list_init(&r->overflow);
	r->tags_tail = &r->tags;
	ring_mutex_init(&r->lock);
	return r;
}

void ring_free(struct trap_ring *r)
{
	ring_rsrc_free(r);
	if (r->evfd >= 0)
		close(r->evfd);
	ring_drop_procs(r);
	ring_proc_put(r->creator.proc, 1);
	for (unsigned int i = 0; i < r->nr_chunks; i++)
		free(r->chunk[i]);
	if (r->sq_len) {
		munmap(r->sq, r->sq_len);
		munmap(r->cq, r->cq_len);
		munmap(r->sqes, r->sqes_len);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void *map(int fd, size_t len, off_t off)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off);

	return p == MAP_FAILED ? NULL : p;
}

/* Return: a ring around the memfd's three parts, or NULL */
static struct trap_ring *map_ring(int fd, const struct io_uring_params *p)
{
	size_t cqe = p->flags & IORING_SETUP_CQE32 ? 2 * RING_CQE : RING_CQE;
	size_t sqe = p->flags & IORING_SETUP_SQE128 ? 2 * RING_SQE : RING_SQE;
	size_t sq_len = page_up(sizeof(struct ring_sq_mem) + p->sq_entries * sizeof(uint32_t));
	size_t cq_len = page_up(sizeof(struct ring_cq_mem) + p->cq_entries * cqe);
	size_t sqes_len = page_up(p->sq_entries * sqe);
	struct trap_ring *r = NULL;
	void *sq, *cq, *sqes;

	/* neither end of it can be moved, so touching it never raises SIGBUS */
	if (ftruncate(fd, (off_t)(IORING_OFF_SQES + sqes_len)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return NULL;
	sq = map(fd, sq_len, IORING_OFF_SQ_RING);
	cq = map(fd, cq_len, IORING_OFF_CQ_RING);
	sqes = map(fd, sqes_len, IORING_OFF_SQES);
	if (sq && cq && sqes)
		r = ring_new(p->sq_entries, p->cq_entries, p->flags, sq, cq, sqes);
	if (!r) {
		if (sq)
			munmap(sq, sq_len);
		if (cq)
			munmap(cq, cq_len);
		if (sqes)
			munmap(sqes, sqes_len);
		return NULL;
	}
	r->sq_len = sq_len;
	r->cq_len = cq_len;
	r->sqes_len = sqes_len;
	return r;
}

/* ---- a ring's end ------------------------------------------------------------------------- */

bool ring_unlock(struct trap_ring *r)
{
	struct trap *t = r->rs ? r->rs->t : NULL;
	bool over = r->closing && !r->nr_used, last;

	pthread_mutex_unlock(&r->lock);
	if (!over)
		return false;
	ring_free(r);
	pthread_mutex_lock(&t->lock);
	last = --t->nr_rings == 0 && !t->nr_flying && t->closing;
	pthread_mutex_unlock(&t->lock);
	if (last)
		trap_destroy(t);
	return true;
}

/* what waits and can simply be forgotten */
static void drop_waiting(struct trap_ring *r)
{
	struct ring_req *q, *next;
	struct ring_list none;

	while ((q = ring_list_pop(&r->overflow)))
		ring_req_free(q);
	while ((q = ring_list_pop(&r->deferred))) {
		for (; q; q = next) {
			next = q->link;
			ring_req_free(q);
		}
	}
	ring_list_init(&none);
	while ((q = r->timers)) {
		ring_timer_del(q);
		/* one that follows a command goes with it */
		if (q->sqe.s.opcode == IORING_OP_TIMEOUT)
			ring_complete(q, -ECANCELED, &none);
	}
}

/* the program has no way to it any more */
static void ring_close(struct trap_rings *rs, struct trap_ring *r)
{
	struct trap_ring **at = &rs->all;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	for (unsigned int i = 0; i < RING_NR_SEEN; i++) {
		if (rs->seen[i].ring == r)
			ring_seen_clear(&rs->seen[i]);
	}
	if (r->flags & IORING_SETUP_SQPOLL)
		ring_poll_del(r);
	ring_work_finish(rs);
	ring_index_end(rs, r);
	inotify_rm_watch(rs->notify.fd, r->wd);

	pthread_mutex_lock(&r->lock);
	r->closing = true;
	ring_waits_end(r, -EBADF); /* whoever waited is dead, or it would hold a descriptor */
	drop_waiting(r);
	r->nr_used++; /* while we are at it */
	for (unsigned int c = 0; c < r->nr_chunks; c++) {
		for (uint32_t i = 0; i < r->chunk_len[c]; i++) {
			struct ring_req *q = &r->chunk[c][i];

			if (!(q->flags & RING_ISSUED))
				continue;
			pthread_mutex_unlock(&r->lock);
			host_cancel(&q->call); /* one that has ended is not found */
			pthread_mutex_lock(&r->lock);
		}
	}
	r->nr_used--;
	ring_unlock(r);
}

static void notify_ready(struct dmn_fd *f, uint32_t events)
{
	struct trap_rings *rs =
		(struct trap_rings *)((char *)f - offsetof(struct trap_rings, notify));
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(f->fd, buf, sizeof(buf));
	const struct inotify_event *e;

	for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
		struct trap_ring *r = rs->all;

		e = (const struct inotify_event *)(buf + at);
		while (r && (r->wd != e->wd || !(e->mask & IN_CLOSE_WRITE)))
			r = r->next;
		if (r)
			ring_close(rs, r);
	}
}

/* ---- the call ----------------------------------------------------------------------------- */

/* the program's own description of the memory, and that we hear of its end */
static int open_for_program(struct trap_rings *rs, struct trap_ring *r, int mem)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", mem);
	r->wd = inotify_add_watch(rs->notify.fd, path, IN_CLOSE_WRITE);
	if (r->wd < 0)
		return -errno;
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static long make_ring(struct trap_req *rq, struct io_uring_params *p)
{
	struct trap_rings *rs = rq->t->rings;
	struct trap_ring *r = NULL;
	struct stat st;
	int mem, fd;
	long ret;

	mem = memfd_create("[io_uring]", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (mem < 0)
		return -errno;
	if (fstat(mem, &st) == 0)
		r = map_ring(mem, p);
	if (!r) {
		close(mem);
		return -ENOMEM;
	}
	r->rs = rs;
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	fd = open_for_program(rs, r, mem);
	close(mem);
	if (fd < 0) {
		ring_free(r);
		return fd;
	}
	r->creator = (struct ring_who){ .tid = rq->tid,
					.privileged = trap_privileged(rq->t, rq->tid),
					.proc = ring_proc_new(rq->t, rq->tid) };
	/* the polling thread outlives threads of the program */
	if (p->flags & IORING_SETUP_SQPOLL && r->creator.proc && r->creator.proc->tgid)
		r->creator.tid = r->creator.proc->tgid;
	r->cpu = p->sq_thread_cpu;
	r->idle_ns = (p->sq_thread_idle ? p->sq_thread_idle : DEFAULT_IDLE_MS) * 1000000ull;
	if (trap_vm_write(rq->tid, rq->arg[1], p, sizeof(*p)))
		ret = -EFAULT;
	else if (!r->creator.proc || (p->flags & IORING_SETUP_SQPOLL && ring_poll_add(r)))
		ret = -ENOMEM;
	else
		ret = 0;
	r->next = rs->all;
	rs->all = r;
	pthread_mutex_lock(&rq->t->lock);
	rq->t->nr_rings++;
	pthread_mutex_unlock(&rq->t->lock);
	if (!ret)
		ret = trap_hand_out(rq, fd, O_CLOEXEC, false);
	/* without a descriptor handed over this is the last one, and the ring's end */
	close(fd);
	return ret;
}

/* IORING_SETUP_ATTACH_WQ: a ring to share workers with, of which there are none. It must be one. */
static int check_attached(struct trap_req *rq, int fd)
{
	struct trap *t = rq->t;

	if (!ring_is_open(t, rq->tid, fd))
		return -ENXIO;
	if (ring_find(t->rings, rq->tid, fd) ||
	    ring_is_anon(t, rq->tid, fd, "anon_inode:[io_uring]"))
		return 0;
	return -EINVAL;
}

long trap_ring_setup(struct trap_req *rq)
{
	struct io_uring_params p;
	int err;

	if (trap_vm_read(rq->tid, rq->arg[1], &p, sizeof(p)))
		return TRAP_CONTINUE; /* the kernel says it as well */
	if (!(p.flags & SQ_SIZES) || !(p.flags & CQ_SIZES))
		return TRAP_CONTINUE;
	err = check_flags(&p);
	if (!err)
		err = check_sizes((uint32_t)rq->arg[0], &p);
	if (!err && p.flags & IORING_SETUP_ATTACH_WQ)
		err = check_attached(rq, (int)p.wq_fd);
	if (err)
		return err;
	fill_offsets(&p);
	/* what was submitted to a ring that is gone comes before what is submitted to the next */
	notify_ready(&rq->t->rings->notify, EPOLLIN);
	return make_ring(rq, &p);
}

/* ---- the whole ---------------------------------------------------------------------------- */

int trap_rings_init(struct trap *t)
{
	struct trap_rings *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return -ENOMEM;
	t->rings = rs;
	rs->t = t;
	rs->timer.fd = rs->sweep.fd = -1;
	rs->notify.ready = notify_ready;
	rs->notify.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	ring_work_init(rs);
	pthread_mutex_init(&rs->proc_lock, NULL);
	pthread_mutex_init(&rs->poll_lock, NULL);
	pthread_cond_init(&rs->poll_wake, NULL);
	pthread_cond_init(&rs->poll_turn, NULL);
	for (int i = 0; i < RING_THREADS; i++) {
		rs->batch[i] = ring_batch_new();
		if (!rs->batch[i])
			return -ENOMEM;
	}
	if (rs->notify.fd < 0)
		return -errno;
	if (ring_timer_init(rs) || ring_index_init(rs))
		return -ENOMEM;
	return dmn_loop_add(t->loop, &rs->notify, EPOLLIN);
}

void trap_rings_detach(struct trap *t)
{
	struct trap_rings *rs = t->rings;

	atomic_store(&rs->detached, true);
	ring_poll_settle(rs);
}

void trap_rings_end(struct trap *t)
{
	struct trap_rings *rs = t->rings;

	dmn_loop_del(t->loop, &rs->notify);
	dmn_loop_del(t->loop, &rs->timer);
	dmn_loop_del(t->loop, &rs->sweep);
	while (rs->all)
		ring_close(rs, rs->all); /* and what is remembered of it */
	ring_poll_stop(rs);
}

void trap_rings_free(struct trap *t)
{
	struct trap_rings *rs = t->rings;

	if (!rs)
		return;
	while (rs->free_waits) {
		struct ring_wait *w = rs->free_waits;

		rs->free_waits = w->next;
		free(w);
	}
	for (int i = 0; i < RING_THREADS; i++)
		ring_batch_free(rs->batch[i]);
	if (rs->notify.fd >= 0)
		close(rs->notify.fd);
	if (rs->timer.fd >= 0)
		close(rs->timer.fd);
	if (rs->sweep.fd >= 0)
		close(rs->sweep.fd);
	pthread_mutex_destroy(&rs->work_lock);
	pthread_mutex_destroy(&rs->poll_lock);
	pthread_mutex_destroy(&rs->proc_lock);
	pthread_cond_destroy(&rs->poll_wake);
	pthread_cond_destroy(&rs->poll_turn);
	free(rs);
	t->rings = NULL;
}
