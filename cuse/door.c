/* SPDX-License-Identifier: MIT */
/*
 * door.c - CUSE sessions: a device appears with its node and vanishes with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "door.h"

/* ---- open file descriptions ---- */

static void op_open(fuse_req_t req, struct fuse_file_info *fi)
{
	struct cuse_session *s = fuse_req_userdata(req);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct cuse_handle *h = calloc(1, sizeof(*h));

	if (!h) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	h->writable = (fi->flags & O_ACCMODE) != O_RDONLY;
	h->uid = ctx->uid;
	h->privileged = cuse_privileged(ctx->pid, ctx->uid);
	fi->fh = (uintptr_t)h;
	fi->direct_io = 1;
	if (fuse_reply_open(req, fi)) {
		free(h); /* the caller was interrupted: no release will follow */
		return;
	}
	h->next = s->handles;
	h->prev = &s->handles;
	if (h->next)
		h->next->prev = &h->next;
	s->handles = h;
}

static void op_release(fuse_req_t req, struct fuse_file_info *fi)
{
	struct cuse_handle *h = (struct cuse_handle *)(uintptr_t)fi->fh;

	*h->prev = h->next;
	if (h->next)
		h->next->prev = h->prev;
	free(h);
	fuse_reply_err(req, 0);
}

/* as Linux's nvme character devices, which have neither */
static void op_read(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi)
{
	fuse_reply_err(req, EINVAL);
}

static void op_write(fuse_req_t req, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	fuse_reply_err(req, EINVAL);
}

static void op_init_done(void *userdata)
{
	struct cuse_session *s = userdata;

	s->init_done = true;
}

/* no poll: the kernel then answers itself that the device is ready, as for Linux's */
static const struct cuse_lowlevel_ops ops = {
	.init_done = op_init_done,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.release = op_release,
	.ioctl = cuse_op_ioctl,
};

/* ---- readiness ---- */

static void session_free(struct cuse_session *s)
{
	if (s->node)
		dmn_node_device(s->door->m, s->node, NULL);
	cuse_abandon_calls(s);
	while (s->handles) {
		struct cuse_handle *h = s->handles;

		s->handles = h->next;
		free(h);
	}
	if (s->fd.fd >= 0)
		dmn_loop_del(dmn_machine_loop(s->door->m), &s->fd);
	if (s->se)
		fuse_session_destroy(s->se); /* closes the descriptor: the device vanishes */
	else if (s->fd.fd >= 0)
		close(s->fd.fd);
	free(s);
}

/* the node is there, or will never be */
static void session_settled(struct cuse_door *d, struct cuse_session *s, const char *err)
{
	d->pending--;
	if (s)
		s->visible = !err;
	if (d->started) {
		if (err && !d->failed)
			syslog(LOG_ERR, "%s", err);
	} else if (err || !d->pending) {
		d->started = true;
		d->failed = err; /* what else goes wrong now follows from it */
		d->params.ready(d->params.arg, err);
	}
}

static void session_unlink(struct cuse_session *s)
{
	for (struct cuse_session **at = &s->door->sessions; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			return;
		}
	}
}

/* the session cannot go on; unless it is on the stack right now it is freed */
static void session_end(struct cuse_session *s, const char *err)
{
	struct cuse_door *d = s->door;
	bool settled = s->visible || s->dead;

	s->dead = true;
	if (!s->busy) {
		session_unlink(s);
		session_free(s);
	}
	if (!settled)
		session_settled(d, NULL, err);
	else if (err)
		syslog(LOG_ERR, "%s", err);
}

static void session_appear(struct cuse_session *s)
{
	struct pollfd pfd = { .fd = s->fd.fd };
	struct dmn_device device;
	char path[64], err[256];

	snprintf(path, sizeof(path), "/dev/%s", s->name);
	if (poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLERR | POLLHUP)))
		snprintf(err, sizeof(err),
			 "%s: the kernel refuses this device; the name is taken "
			 "(another nvmesim?)",
			 path);
	else if (!cuse_node_appeared(s->name, &device))
		snprintf(err, sizeof(err),
			 "%s: the node did not appear; is devtmpfs mounted on "
			 "/dev?",
			 path);
	else if (chown(path, s->uid, s->gid) || chmod(path, s->mode))
		snprintf(err, sizeof(err), "%s: owner and mode cannot be set: %s", path,
			 strerror(errno));
	else {
		if (s->node)
			dmn_node_device(s->door->m, s->node, &device);
		session_settled(s->door, s, NULL);
		return;
	}
	session_end(s, err);
}

static void session_ready(struct dmn_fd *f, uint32_t events)
{
	struct cuse_session *s =
		(struct cuse_session *)((char *)f - offsetof(struct cuse_session, fd));
	struct cuse_door *d = s->door;
	int n = fuse_session_receive_buf(s->se, &d->buf);
	char err[128];

	if (n == -EINTR || n == -EAGAIN)
		return; /* whoever asked was interrupted before we looked */
	if (n <= 0) {
		snprintf(err, sizeof(err), "/dev/%s: the kernel closed the device", s->name);
		session_end(s, err);
		return;
	}
	s->busy = true;
	fuse_session_process_buf(s->se, &d->buf);
	s->busy = false;
	if (s->dead) {
		session_unlink(s);
		session_free(s);
	} else if (s->init_done && !s->visible) {
		session_appear(s);
	}
}

/* ---- nodes come and go ---- */

static int session_open(struct cuse_session *s, char *err, size_t len)
{
	struct cuse_info info = { .dev_info_argc = 1 };
	char devname[48], adopt[32], path[48], arg0[] = "nvmesim";
	const char *dev_info[] = { devname };
	char *argv[] = { arg0, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct stat st;
	int ret;

	snprintf(path, sizeof(path), "/dev/%s", s->name);
	if (!lstat(path, &st)) {
		snprintf(err, len, "%s: there is a device of this name already (another nvmesim?)",
			 path);
		return -1;
	}
	s->fd.fd = open("/dev/cuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (s->fd.fd < 0) {
		snprintf(err, len, "/dev/cuse: %s", strerror(errno));
		return -1;
	}
	snprintf(devname, sizeof(devname), "DEVNAME=%s", s->name);
	info.dev_info_argv = dev_info;
	info.flags = s->door->restricted ? 0 : CUSE_UNRESTRICTED_IOCTL;
	s->se = cuse_lowlevel_new(&args, &info, &ops, s);
	fuse_opt_free_args(&args);
	/* "mounting" on /dev/fd/N makes N the session's descriptor, and does nothing else */
	snprintf(adopt, sizeof(adopt), "/dev/fd/%d", s->fd.fd);
	if (!s->se || fuse_session_mount(s->se, adopt)) {
		snprintf(err, len, "%s: libfuse makes no session", path);
		if (s->se)
			close(s->fd.fd);
		return -1;
	}
	ret = dmn_loop_add(dmn_machine_loop(s->door->m), &s->fd, EPOLLIN);
	if (ret) {
		snprintf(err, len, "%s: %s", path, strerror(-ret));
		return -1;
	}
	return 0;
}

static void node_added(struct dmn_watch *w, struct dmn_node *n)
{
	struct cuse_door *d = (struct cuse_door *)((char *)w - offsetof(struct cuse_door, watch));
	struct cuse_session *s = calloc(1, sizeof(*s));
	char err[256] = "out of memory";

	d->pending++;
	if (s) {
		s->door = d;
		s->node = n;
		s->ref = n->ref;
		snprintf(s->name, sizeof(s->name), "%s", n->name);
		s->mode = n->mode;
		s->uid = n->uid;
		s->gid = n->gid;
		s->fd.fd = -1;
		s->fd.ready = session_ready;
		if (!session_open(s, err, sizeof(err))) {
			s->next = d->sessions;
			d->sessions = s;
			return;
		}
		session_free(s);
	}
	session_settled(d, NULL, err);
}

static void node_removed(struct dmn_watch *w, struct dmn_node *n)
{
	struct cuse_door *d = (struct cuse_door *)((char *)w - offsetof(struct cuse_door, watch));

	for (struct cuse_session *s = d->sessions; s; s = s->next) {
		if (s->node != n)
			continue;
		s->node = NULL;
		if (!s->dead)
			session_end(s, NULL);
		return;
	}
}

/* ---- the door ---- */

static const char *why_no_cuse(int error)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "this kernel has no CUSE (try: modprobe cuse)";
	case EACCES:
	case EPERM:
		return "only root may make device nodes";
	default:
		return strerror(error);
	}
}

struct cuse_door *cuse_door_new(struct dmn_machine *m, const struct cuse_params *p, char *err,
				size_t len)
{
	int fd = open("/dev/cuse", O_RDWR | O_CLOEXEC);
	struct cuse_door *d;

	if (fd < 0) {
		snprintf(err, len,
			 "/dev/cuse: %s. Without device nodes: nvmesim-run runs one "
			 "program, --no-cuse serves programs that nvmesim-run --attach starts",
			 why_no_cuse(errno));
		return NULL;
	}
	close(fd);
	d = calloc(1, sizeof(*d));
	if (!d) {
		snprintf(err, len, "out of memory");
		return NULL;
	}
	d->m = m;
	d->params = *p;
	d->restricted = p->process_vm && cuse_reaches_everyone();
	d->carry_max = CUSE_CARRY_PAGES * (size_t)sysconf(_SC_PAGESIZE);
	d->watch.added = node_added;
	d->watch.removed = node_removed;
	d->pending = 1; /* ourselves: not ready before all nodes were asked for */
	dmn_machine_watch(m, &d->watch);
	session_settled(d, NULL, NULL);
	return d;
}

void cuse_door_release(struct cuse_door *d)
{
	cuse_free_pools(d);
	free(d->buf.mem);
	free(d);
}

void cuse_door_free(struct cuse_door *d)
{
	if (!d)
		return;
	dmn_machine_unwatch(d->m, &d->watch);
	d->started = true;
	while (d->sessions) {
		struct cuse_session *s = d->sessions;

		d->sessions = s->next;
		session_free(s);
	}
	d->closed = true;
	if (!d->nr_calls)
		cuse_door_release(d);
}
