/* SPDX-License-Identifier: MIT */
/*
 * ioctl.c - from a FUSE_IOCTL to host_ioctl() and back.
 *
 * A direct call is one round trip. Where the daemon can reach the memory of every task, its devices
 * are restricted ones, in FUSE's words: the kernel brings the argument structure with the request
 * and takes it back with the reply, and only data is fetched from and stored to the client's
 * memory. Elsewhere they are unrestricted: FUSE passes only number and argument, the structure is
 * fetched too, and where that is not permitted the call is carried: the reply asks the kernel to call again with these and those bytes, until all of them
 * are there. Rounds share no state: each one finds out from the bytes it was given what is missing.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "door.h"

/* ---- pools: no allocation for a call once as many were in flight ---- */

static struct cuse_call *call_get(struct cuse_session *s)
{
	struct cuse_door *d = s->door;
	struct cuse_call *call = d->free_calls;

	if (call)
		d->free_calls = call->next;
	else
		call = malloc(sizeof(*call));
	if (!call)
		return NULL;
	memset(call, 0, offsetof(struct cuse_call, mirror));
	call->door = d;
	call->session = s;
	call->next = s->calls;
	call->prev = &s->calls;
	if (call->next)
		call->next->prev = &call->next;
	s->calls = call;
	d->nr_calls++;
	return call;
}

static void call_unlink(struct cuse_call *call)
{
	*call->prev = call->next;
	if (call->next)
		call->next->prev = call->prev;
	call->session = NULL;
}

static void call_put(struct cuse_call *call)
{
	struct cuse_door *d = call->door;

	if (call->session)
		call_unlink(call);
	if (call->carry) {
		call->carry->next = d->free_carries;
		d->free_carries = call->carry;
	}
	call->next = d->free_calls;
	d->free_calls = call;
	if (!--d->nr_calls && d->closed)
		cuse_door_release(d);
}

static struct cuse_carry *carry_get(struct cuse_door *d)
{
	struct cuse_carry *y = d->free_carries;

	if (y) {
		d->free_carries = y->next;
	} else {
		y = malloc(sizeof(*y) + 2 * d->carry_max);
		if (!y)
			return NULL;
		y->in = (unsigned char *)(y + 1);
		y->out = y->in + d->carry_max;
	}
	y->ranges.nr_in = y->ranges.nr_out = 0;
	y->in_len = y->out_len = y->out_end = 0;
	return y;
}

void cuse_free_pools(struct cuse_door *d)
{
	while (d->free_calls) {
		struct cuse_call *call = d->free_calls;

		d->free_calls = call->next;
		free(call);
	}
	while (d->free_carries) {
		struct cuse_carry *y = d->free_carries;

		d->free_carries = y->next;
		free(y);
	}
}

/* ---- the end of a call ---- */

static void reply(struct cuse_call *call, long ret)
{
	fuse_req_t req = call->req;

	call->req = NULL;
	if (ret < 0)
		fuse_reply_err(req, (int)-ret);
	else if (call->carry)
		/* up to what was written: the client keeps what the command left alone */
		fuse_reply_ioctl(req, (int)ret, call->carry->out, call->carry->out_end);
	else
		fuse_reply_ioctl(req, (int)ret, call->mirror, call->mirror_out);
}

static void finish(struct cuse_call *call)
{
	call->finished = true;
	if (!call->submitting)
		call_put(call);
}

static void carry(struct cuse_call *call, const void *in, size_t in_len, size_t out_len);

static void call_done(struct host_call *host, long ret)
{
	struct cuse_call *call = (struct cuse_call *)host;

	if (call->req && ret < 0 && call->denied && !call->touched && !call->carry) {
		/* nothing was done yet: the struct itself could not be read */
		if (!call->door->restricted) {
			carry(call, NULL, 0, 0);
			return;
		}
		/* a security module protects this task even from us, and it is too late to ask
		 * the kernel: only a daemon that carries everything can serve it */
		ret = -EPERM;
	}
	if (call->req)
		reply(call, ret);
	finish(call);
}

static void interrupted(fuse_req_t req, void *data)
{
	struct cuse_call *call = data;

	if (call->submitting)
		call->cancel = true; /* libfuse still holds the request: not under its feet */
	else
		host_cancel(&call->host);
}

void cuse_abandon_calls(struct cuse_session *s)
{
	while (s->calls) {
		struct cuse_call *call = s->calls;

		call_unlink(call);
		reply(call, -ENODEV);
		host_cancel(&call->host); /* done() comes, now or later, and puts it */
	}
}

/* ---- carried calls ---- */

static size_t total(const struct iovec *vec, unsigned int n, size_t limit)
{
	size_t sum = 0;

	for (unsigned int i = 0; i < n && sum <= limit; i++)
		sum = vec[i].iov_len > limit - sum ? limit + 1 : sum + vec[i].iov_len;
	return sum;
}

static void submit(struct cuse_call *call)
{
	call->host.done = call_done;
	call->host.client = &call->client;
	host_ioctl(call->session->ref, call->cmd, call->arg, &call->host);
}

/* What of @out is not written goes back to the client all the same where something behind it was:
 * let it be what he had, as far as that is known (the result in the structure he passed). */
static void prefill(struct cuse_carry *y)
{
	size_t off = 0;

	memset(y->out, 0, y->out_len);
	for (unsigned int i = 0; i < y->ranges.nr_out; i++) {
		const struct iovec *v = &y->ranges.out[i];
		const unsigned char *p =
			cuse_carried(y->in, y->in_len, y->ranges.in, y->ranges.nr_in,
				     (uintptr_t)v->iov_base, v->iov_len);

		if (p)
			memcpy(y->out + off, p, v->iov_len);
		off += v->iov_len;
	}
}

/*
 * One round. Too much for FUSE in one direction is EMSGSIZE: nothing was executed, and smaller
 * transfers work.
 */
static void carry(struct cuse_call *call, const void *in, size_t in_len, size_t out_len)
{
	struct cuse_door *d = call->door;
	struct cuse_carry *y = carry_get(d);
	fuse_req_t req = call->req;
	size_t want_in, want_out;
	int ret = -ENOMEM;

	if (!y)
		goto fail;
	call->carry = y;
	ret = -EMSGSIZE;
	if (in_len > d->carry_max || out_len > d->carry_max)
		goto fail;
	if (in_len)
		memcpy(y->in, in, in_len);
	y->in_len = in_len;
	y->out_len = out_len;
	call->client.ops = &cuse_carried_ops;
	ret = host_ioctl_ranges(call->session->ref, call->cmd, call->arg, &call->client,
				&y->ranges);
	if (ret < 0)
		goto fail;
	want_in = total(y->ranges.in, y->ranges.nr_in, d->carry_max);
	want_out = total(y->ranges.out, y->ranges.nr_out, d->carry_max);
	if (want_in > d->carry_max || want_out > d->carry_max) {
		ret = -EMSGSIZE;
		goto fail;
	}
	if (!ret && want_in == in_len && want_out == out_len) {
		prefill(y);
		submit(call);
		return;
	}
	call->req = NULL;
	fuse_reply_ioctl_retry(req, y->ranges.in, y->ranges.nr_in, y->ranges.out, y->ranges.nr_out);
	finish(call);
	return;
fail:
	reply(call, ret);
	finish(call);
}

/* ---- the operation ---- */

void cuse_op_ioctl(fuse_req_t req, int cmd, void *arg, struct fuse_file_info *fi,
		   unsigned int flags, const void *in, size_t in_len, size_t out_len)
{
	struct cuse_session *s = fuse_req_userdata(req);
	struct cuse_handle *h = (struct cuse_handle *)(uintptr_t)fi->fh;
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct cuse_call *call = call_get(s);

	if (!call) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (ctx->uid != h->uid) {
		h->uid = ctx->uid;
		h->privileged = cuse_privileged(ctx->pid, ctx->uid);
	}
	call->req = req;
	call->tid = ctx->pid;
	call->cmd = (unsigned int)cmd;
	call->arg = (uintptr_t)arg;
	call->client.ops = &cuse_direct_ops;
	call->client.privileged = h->privileged;
	call->client.writable = h->writable;
	call->client.compat = flags & FUSE_IOCTL_COMPAT;
	call->submitting = true;

	if (s->door->restricted) {
		if (in_len <= CUSE_MIRROR && out_len <= CUSE_MIRROR) {
			memcpy(call->mirror, in, in_len);
			memset(call->mirror + in_len, 0, CUSE_MIRROR - in_len);
			call->mirror_len = in_len;
			call->mirror_out = out_len;
		}
		submit(call);
	} else if (in_len || out_len || !call->tid || !s->door->params.process_vm) {
		/* bytes that come along were asked for: this is a later round of a carried call */
		carry(call, in, in_len, out_len);
	} else {
		submit(call);
	}

	if (!call->finished)
		fuse_req_interrupt_func(req, interrupted, call);
	call->submitting = false;
	if (call->finished)
		call_put(call);
	else if (call->cancel)
		host_cancel(&call->host);
}
