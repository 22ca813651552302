/* SPDX-License-Identifier: MIT */
/*
 * ring_register.c - io_uring_register. What is not in the table is -EINVAL, as an operation the
 * kernel does not know; programs ask for what is newer than they need with that in mind.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring.h"

/* ---- eventfd ------------------------------------------------------------------------------ */

static long set_eventfd(const struct ring_reg *g, bool async)
{
	struct trap_ring *r = g->r;
	int32_t fd;
	int pid, ours;

	if (g->nr != 1)
		return -EINVAL;
	if (trap_vm_read(g->who->tid, g->arg, &fd, sizeof(fd)))
		return -EFAULT;
	if (r->evfd >= 0)
		return -EBUSY;
	pid = (int)syscall(SYS_pidfd_open, g->who->proc ? g->who->proc->tgid : 0, 0);
	if (pid < 0)
		return -EBADF;
	ours = (int)syscall(SYS_pidfd_getfd, pid, fd, 0);
	close(pid);
	if (ours < 0)
		return -EBADF;
	if (!ring_is_anon(r->rs->t, r->rs->t->self, ours, "anon_inode:[eventfd]")) {
		trap_info_drop(ours);
		return -EINVAL;
	}
	pthread_mutex_lock(&r->lock);
	r->evfd = ours;
	r->ev_async = async;
	r->ev_due = false;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

static long reg_eventfd(const struct ring_reg *g)
{
	return set_eventfd(g, false);
}

static long reg_eventfd_async(const struct ring_reg *g)
{
	return set_eventfd(g, true);
}

static long unreg_eventfd(const struct ring_reg *g)
{
	struct trap_ring *r = g->r;
	int fd;

	if (g->arg || g->nr)
		return -EINVAL;
	pthread_mutex_lock(&r->lock);
	fd = r->evfd;
	r->evfd = -1;
	pthread_mutex_unlock(&r->lock);
	if (fd < 0)
		return -ENXIO;
	close(fd);
	return 0;
}

/* ---- probe -------------------------------------------------------------------------------- */

static long probe(const struct ring_reg *g)
{
	union {
		struct io_uring_probe p;
		uint8_t bytes[sizeof(struct io_uring_probe) +
			      RING_NR_OPS * sizeof(struct io_uring_probe_op)];
	} u;
	uint32_t nr = g->nr < RING_NR_OPS ? g->nr : RING_NR_OPS;
	size_t len = sizeof(u.p) + nr * sizeof(u.p.ops[0]);

	if (g->nr > 256)
		return -EINVAL;
	if (trap_vm_read(g->who->tid, g->arg, &u, len))
		return -EFAULT;
	for (size_t i = 0; i < len; i++) {
		if (u.bytes[i])
			return -EINVAL;
	}
	u.p.last_op = RING_NR_OPS - 1;
	u.p.ops_len = (uint8_t)nr;
	for (uint32_t i = 0; i < nr; i++) {
		const struct ring_op *op = ring_op((uint8_t)i);

		u.p.ops[i].op = (uint8_t)i;
		if (op && op->known)
			u.p.ops[i].flags = IO_URING_OP_SUPPORTED;
	}
	return trap_vm_write(g->who->tid, g->arg, &u, len);
}

/* ---- restrictions ------------------------------------------------------------------------- */

#define MAX_RESTRICTIONS 128

static int restrict_one(struct ring_restrict *l, const struct io_uring_restriction *e)
{
	switch (e->opcode) {
	case IORING_RESTRICTION_REGISTER_OP:
		if (e->register_op >= RING_NR_REG)
			return -EINVAL;
		l->reg_ops |= 1ull << e->register_op;
		l->reg = true;
		return 0;
	case IORING_RESTRICTION_SQE_OP:
		if (e->sqe_op >= RING_NR_OPS)
			return -EINVAL;
		l->sqe_ops[e->sqe_op / 8] |= (uint8_t)(1u << e->sqe_op % 8);
		l->sqe = true;
		return 0;
	case IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
		l->sqe_allowed = e->sqe_flags;
		l->sqe = true;
		return 0;
	case IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
		l->sqe_required = e->sqe_flags;
		l->sqe = true;
		return 0;
	}
	return -EINVAL;
}

static long restrictions(const struct ring_reg *g)
{
	struct io_uring_restriction e[MAX_RESTRICTIONS];
	struct trap_ring *r = g->r;
	struct ring_restrict l = { .any = true };
	int err = 0;

	if (!r->disabled)
		return -EBADFD;
	if (r->limits.any)
		return -EBUSY;
	if (!g->arg || g->nr > MAX_RESTRICTIONS)
		return -EINVAL;
	if (trap_vm_read(g->who->tid, g->arg, e, g->nr * sizeof(e[0])))
		return -EFAULT;
	for (uint32_t i = 0; i < g->nr && !err; i++)
		err = restrict_one(&l, &e[i]);
	if (err)
		return err;
	/* a ring with restrictions allows nothing that they do not name */
	l.sqe = l.reg = true;
	r->limits = l;
	return 0;
}

static long enable(const struct ring_reg *g)
{
	struct trap_ring *r = g->r;

	if (g->arg || g->nr)
		return -EINVAL;
	if (!r->disabled)
		return -EBADFD;
	/* what was registered is seen before the first entry */
	if (r->flags & IORING_SETUP_SQPOLL)
		ring_poll_enable(r);
	else
		r->disabled = false;
	return 0;
}

/* ---- cancelling --------------------------------------------------------------------------- */

/** struct sync_cancel - struct io_uring_sync_cancel_reg as of Linux 6.6, where its end got a use */
struct sync_cancel {
	uint64_t addr;
	int32_t fd;
	uint32_t flags;
	struct __kernel_timespec timeout;
	uint8_t opcode, pad[7];
	uint64_t pad2[3];
};
_Static_assert(sizeof(struct sync_cancel) == 64, "linux/io_uring.h");

static long sync_cancel(const struct ring_reg *g)
{
	struct sync_cancel c;

	if (!g->arg || g->nr != 1)
		return -EINVAL;
	if (trap_vm_read(g->who->tid, g->arg, &c, sizeof(c)))
		return -EFAULT;
	if (c.flags & ~RING_CANCEL_FLAGS)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(c.pad); i++) {
		if (c.pad[i] || (i < 3 && c.pad2[i]))
			return -EINVAL;
	}
	/* what is found is over at once, so there is nothing to wait for */
	return ring_cancel(g->r, c.flags, c.addr, c.opcode);
}

/* ---- workers: there are none, and they may be limited and placed as the program likes ----- */

static long iowq_aff(const struct ring_reg *g)
{
	return g->arg && g->nr ? 0 : -EINVAL;
}

static long iowq_unaff(const struct ring_reg *g)
{
	return g->arg || g->nr ? -EINVAL : 0;
}

static long iowq_max(const struct ring_reg *g)
{
	uint32_t count[2];

	if (!g->arg || g->nr != 2)
		return -EINVAL;
	if (trap_vm_read(g->who->tid, g->arg, count, sizeof(count)))
		return -EFAULT;
	/* what it was before: no limit */
	count[0] = count[1] = 0;
	return trap_vm_write(g->who->tid, g->arg, count, sizeof(count));
}

/* ---- the call ----------------------------------------------------------------------------- */

static long (*const ops[RING_NR_REG])(const struct ring_reg *g) = {
	[IORING_REGISTER_BUFFERS] = ring_reg_buffers,
	[IORING_UNREGISTER_BUFFERS] = ring_unreg_buffers,
	[IORING_REGISTER_FILES] = ring_reg_files,
	[IORING_UNREGISTER_FILES] = ring_unreg_files,
	[IORING_REGISTER_EVENTFD] = reg_eventfd,
	[IORING_UNREGISTER_EVENTFD] = unreg_eventfd,
	[IORING_REGISTER_FILES_UPDATE] = ring_reg_files_update,
	[IORING_REGISTER_EVENTFD_ASYNC] = reg_eventfd_async,
	[IORING_REGISTER_PROBE] = probe,
	[IORING_REGISTER_RESTRICTIONS] = restrictions,
	[IORING_REGISTER_ENABLE_RINGS] = enable,
	[IORING_REGISTER_FILES2] = ring_reg_files2,
	[IORING_REGISTER_FILES_UPDATE2] = ring_reg_files_update2,
	[IORING_REGISTER_BUFFERS2] = ring_reg_buffers2,
	[IORING_REGISTER_BUFFERS_UPDATE] = ring_reg_buffers_update,
	[IORING_REGISTER_SYNC_CANCEL] = sync_cancel,
	[IORING_REGISTER_RING_FDS] = ring_reg_fds,
	[IORING_UNREGISTER_RING_FDS] = ring_unreg_fds,
	[IORING_REGISTER_IOWQ_AFF] = iowq_aff,
	[IORING_UNREGISTER_IOWQ_AFF] = iowq_unaff,
	[IORING_REGISTER_IOWQ_MAX_WORKERS] = iowq_max,
};

long trap_ring_register(struct trap_req *rq)
{
	uint32_t op = (uint32_t)rq->arg[1];
	struct ring_reg g = { .arg = rq->arg[2], .nr = (uint32_t)rq->arg[3] };
	struct ring_seen *s;

	if (op & RING_REG_USE_REGISTERED)
		s = ring_find_index(rq->t->rings, rq->tid, (uint32_t)rq->arg[0]);
	else
		s = ring_find(rq->t->rings, rq->tid, (int)rq->arg[0]);
	op &= ~RING_REG_USE_REGISTERED;
	if (!s)
		return TRAP_CONTINUE;
	g.r = s->ring;
	g.who = &s->who;
	if (op >= RING_NR_REG || !ops[op])
		return -EINVAL;
	if (g.r->limits.any && !(g.r->limits.reg_ops >> op & 1) && !g.r->disabled)
		return -EACCES;
	return ops[op](&g);
}
