/* SPDX-License-Identifier: MIT */
/*
 * ring_op.c - the opcodes a ring for passthrough commands serves. What is not here is -EINVAL, as
 * an opcode the kernel does not know.
 */
#include <errno.h>
#include <string.h>

#include "ring.h"

#define req_of(ptr, member)                                                                       \
	((struct ring_req *)((char *)(ptr)-offsetof(struct ring_req, member)))

/* ---- nothing ------------------------------------------------------------------------------ */

#define NOP_INJECT_RESULT (1u << 0)

static int nop_prep(struct ring_req *q, const struct ring_who *who)
{
	return q->sqe.s.rw_flags & ~NOP_INJECT_RESULT ? -EINVAL : 0;
}

static int32_t nop_issue(struct ring_req *q)
{
	return q->sqe.s.rw_flags & NOP_INJECT_RESULT ? (int32_t)q->sqe.s.len : 0;
}

/* ---- commands ----------------------------------------------------------------------------- */

static int cmd_prep(struct ring_req *q, const struct ring_who *who)
{
	const struct io_uring_sqe *s = &q->sqe.s;

	if (s->__pad1 || s->uring_cmd_flags & ~IORING_URING_CMD_FIXED)
		return -EINVAL;
	q->fixed = (struct iovec){ 0 };
	if (s->uring_cmd_flags & IORING_URING_CMD_FIXED)
		ring_buffer(q); /* a missing one is found out when the command is issued */
	return 0;
}

static void cmd_done(struct host_call *call, long ret)
{
	struct ring_req *q = req_of(call, call);

	if (ret >= 0) {
		q->has_big = true;
		q->big = call->result;
	}
	if (!ring_batch_hold(q, (int32_t)ret))
		ring_end(q, ret >= 0 && q->flags & RING_FAULT ? -EFAULT : (int32_t)ret);
}

static int32_t cmd_issue(struct ring_req *q)
{
	struct trap_ring *r = q->ring;
	bool fixed = q->sqe.s.uring_cmd_flags & IORING_URING_CMD_FIXED;

	if (q->target.err)
		return q->target.err;
	if (q->sqe.s.opcode == IORING_OP_URING_CMD && !(r->flags & IORING_SETUP_SQE128))
		return -EOPNOTSUPP; /* there is no room for the command in 64 bytes */
	if (fixed && !q->fixed.iov_base)
		return -EFAULT;
	if (atomic_load_explicit(&r->rs->detached, memory_order_relaxed))
		return -ENODEV;
	q->call.done = cmd_done;
	q->call.client = &q->client;
	q->client.ops = &ring_client_ops;
	q->client.writable = q->target.writable;
	q->client.compat = false;
	/* nobody else knows the request yet */
	atomic_store_explicit(&q->batch, NULL, memory_order_relaxed);
	atomic_store_explicit(&q->flags, q->flags | RING_ISSUED, memory_order_relaxed);
	host_uring(q->target.node, q->sqe.s.cmd_op, ring_command(q), fixed ? &q->fixed : NULL,
		   &q->call);
	return RING_LATER;
}

/* ---- reading and writing ------------------------------------------------------------------ */

/* A node has no read() and no write(), nor has Linux's: -EINVAL. Programs ask for these opcodes to
 * learn how old a kernel is (fio takes vectored commands if they are missing). */
static int rw_prep(struct ring_req *q, const struct ring_who *who)
{
	return 0;
}

static int32_t rw_issue(struct ring_req *q)
{
	return q->target.err ? q->target.err : -EINVAL;
}

/* ---- cancelling --------------------------------------------------------------------------- */

static int cancel_prep(struct ring_req *q, const struct ring_who *who)
{
	const struct io_uring_sqe *s = &q->sqe.s;

	if (s->off || s->splice_fd_in || s->cancel_flags & ~RING_CANCEL_FLAGS)
		return -EINVAL;
	if (s->cancel_flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP) &&
	    s->cancel_flags & IORING_ASYNC_CANCEL_ANY)
		return -EINVAL;
	return 0;
}

static bool cancel_match(const struct ring_req *q, uint32_t flags, uint64_t user_data, uint8_t op)
{
	if (flags & IORING_ASYNC_CANCEL_ANY)
		return true;
	if (flags & IORING_ASYNC_CANCEL_FD)
		return false; /* what can be cancelled has no file */
	if (flags & IORING_ASYNC_CANCEL_OP && q->sqe.s.opcode != op)
		return false;
	if (!(flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP)) ||
	    flags & IORING_ASYNC_CANCEL_USERDATA)
		return q->sqe.s.user_data == user_data;
	return true;
}

/* Timeouts can be cancelled; a command cannot, as Linux's NVMe driver does not support it, so nothing
 * that matches is found. */
int32_t ring_cancel(struct trap_ring *r, uint32_t flags, uint64_t user_data, uint8_t op)
{
	bool all = flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
	struct ring_list ready;
	struct ring_req *at;
	int32_t n = 0;

	ring_list_init(&ready);
	pthread_mutex_lock(&r->lock);
	do {
		for (at = r->timers; at; at = at->tnext)
			if (at->sqe.s.opcode == IORING_OP_TIMEOUT &&
			    cancel_match(at, flags, user_data, op))
				break;
		if (at) {
			ring_complete(at, -ECANCELED, &ready);
			n++;
		}
	} while (at && all);
	if (n && !r->inline_now)
		ring_announce(r);
	pthread_mutex_unlock(&r->lock);
	ring_run(r, &ready);
	if (all)
		return n;
	return n ? 0 : -ENOENT;
}

static int32_t cancel_issue(struct ring_req *q)
{
	const struct io_uring_sqe *s = &q->sqe.s;

	return ring_cancel(q->ring, s->cancel_flags, s->addr, (uint8_t)s->len);
}

/* never called: it is armed with what it follows, or refused */
static int32_t link_timeout_issue(struct ring_req *q)
{
	return -ECANCELED;
}

static const struct ring_op ops[RING_NR_OPS] = {
	[IORING_OP_NOP] = { nop_prep, nop_issue, .known = true, .polled = true },
	[IORING_OP_READ] = { rw_prep, rw_issue, .known = true, .file = true, .polled = true },
	[IORING_OP_WRITE] = { rw_prep, rw_issue, .known = true, .file = true, .polled = true },
	[IORING_OP_TIMEOUT] = { ring_timeout_prep, ring_timeout_issue, .known = true },
	[IORING_OP_TIMEOUT_REMOVE] = { ring_timeout_remove_prep, ring_timeout_remove_issue,
				       .known = true },
	[IORING_OP_LINK_TIMEOUT] = { ring_link_timeout_prep, link_timeout_issue, .known = true },
	[IORING_OP_ASYNC_CANCEL] = { cancel_prep, cancel_issue, .known = true },
	[IORING_OP_URING_CMD] = { cmd_prep, cmd_issue, .known = true, .file = true,
				  .polled = true, .command = true },
	[RING_OP_NOP128] = { nop_prep, nop_issue, .known = true, .big = true, .polled = true },
	[RING_OP_URING_CMD128] = { cmd_prep, cmd_issue, .known = true, .file = true, .big = true,
				   .polled = true, .command = true },
};

const struct ring_op *ring_op(uint8_t opcode)
{
	return opcode < RING_NR_OPS && ops[opcode].issue ? &ops[opcode] : NULL;
}
