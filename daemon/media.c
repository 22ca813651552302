/* SPDX-License-Identifier: MIT */
/*
 * media.c - the media of a machine's namespaces: those the configuration names, and those of
 * namespaces that hosts create while it runs (core's backing port).
 *
 * A created namespace's medium is a sparse file beside its subsystem's journal, STEM.ns-NSID.img,
 * or memory where there is no state directory. A namespace is deleted in the middle of a command:
 * its medium may have a flush under way, and is closed later, from the loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"

static void store_ready(struct dmn_fd *f, uint32_t events)
{
	struct mach_store *s = (struct mach_store *)((char *)f - offsetof(struct mach_store, fd));
	struct dmn_machine *m = s->m;

	store_run(s->st);
	mach_tick(m);
}

/* Return: 0 or -errno; the store is in the list in either case */
static int take_store(struct dmn_machine *m, struct mach_store *s)
{
	int ret;

	s->m = m;
	s->next = m->stores;
	m->stores = s;
	s->fd.fd = store_fd(s->st);
	s->fd.ready = store_ready;
	ret = s->fd.fd < 0 ? 0 : dmn_loop_add(m->loop, &s->fd, EPOLLIN);
	if (ret)
		s->fd.fd = -1;
	return ret;
}

struct mach_store *mach_store_add(struct dmn_machine *m, const struct conf_drive *d,
				  struct sim_msg *msg)
{
	struct mach_store *s = calloc(1, sizeof(*s));
	uint64_t size = d->size ? d->size : CONF_DEFAULT_SIZE;
	bool missing = false;
	int ret;

	if (!s) {
		snprintf(msg->text, sizeof(msg->text), "out of memory");
		return NULL;
	}
	if (d->null) {
		s->st = store_null_new(size, msg);
	} else if (!d->file) {
		s->st = store_ram_new(size, msg);
	} else {
		struct store_file_params p = {
			.path = d->file,
			.size = d->size,
			.default_size = CONF_DEFAULT_SIZE,
			.readonly = d->readonly,
			.create = !d->readonly,
		};

		missing = access(d->file, F_OK) && errno == ENOENT;
		s->st = store_file_new(&p, msg);
	}
	if (!s->st) {
		free(s);
		return NULL;
	}
	if (missing)
		s->made = strdup(d->file);
	ret = take_store(m, s);
	if (ret) {
		snprintf(msg->text, sizeof(msg->text), "cannot wait for flushes: %s",
			 strerror(-ret));
		return NULL;
	}
	return s;
}

static void store_close(struct mach_store *s)
{
	if (s->fd.fd >= 0)
		dmn_loop_del(s->m->loop, &s->fd);
	store_free(s->st);
	free(s->made);
	free(s);
}

void mach_stores_run(struct dmn_machine *m)
{
	for (struct mach_store *s = m->stores; s; s = s->next)
		store_run(s->st);
}

void mach_stores_reap(struct dmn_machine *m)
{
	struct mach_store **at = &m->stores;

	if (!m->dropped)
		return;
	m->dropped = false;
	while (*at) {
		struct mach_store *s = *at;

		if (!s->dropped) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		store_close(s);
	}
}

void mach_stores_drop(struct dmn_machine *m, const struct mach_subsys *ms)
{
	for (struct mach_store *s = m->stores; s; s = s->next)
		if (s->owner == ms)
			s->dropped = m->dropped = true;
	mach_stores_reap(m);
}

void mach_stores_free(struct dmn_machine *m, bool undo)
{
	while (m->stores) {
		struct mach_store *s = m->stores;

		m->stores = s->next;
		if (undo && s->made)
			unlink(s->made);
		store_close(s);
	}
}

/* ---- the backing port --------------------------------------------------------------------- */

/* Return: malloc'ed, or NULL */
static char *image_path(const struct mach_subsys *ms, uint32_t nsid)
{
	char *path;

	if (asprintf(&path, "%s/%s.ns-%u.img", ms->m->state_dir, ms->stem, nsid) < 0)
		return NULL;
	return path;
}

/* what a store could not do, as a port says it; the sentence is the log's */
static int refuse(uint32_t nsid, const struct sim_msg *msg, int err)
{
	syslog(LOG_ERR, "namespace %u: %s", nsid, msg->text);
	return err;
}

static int back(struct mach_subsys *ms, uint32_t nsid, struct mach_store *s,
		const struct sim_msg *msg, struct sim_store **st)
{
	int err = errno;

	if (!s->st) {
		free(s);
		return refuse(nsid, msg, err == ENOSPC || err == EFBIG ? SIM_ENOSPC : SIM_EIO);
	}
	s->owner = ms;
	if (take_store(ms->m, s)) {
		s->dropped = ms->m->dropped = true;
		return SIM_ENOMEM;
	}
	*st = s->st;
	return 0;
}

/* core records the namespace once this returns: its file must not be the younger one */
static void sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

static int backing_make(void *opaque, uint32_t nsid, uint64_t size, struct sim_store **st)
{
	struct mach_subsys *ms = opaque;
	struct mach_store *s = calloc(1, sizeof(*s));
	struct sim_msg msg = { "" };
	struct store_file_params p = { .size = size, .create = true };
	char *path;

	if (!s)
		return SIM_ENOMEM;
	errno = 0;
	if (!ms->stem) {
		s->st = store_ram_new(size, &msg);
		return back(ms, nsid, s, &msg, st);
	}
	path = image_path(ms, nsid);
	if (!path) {
		free(s);
		return SIM_ENOMEM;
	}
	unlink(path); /* a namespace that a crash took away in the middle of its making */
	errno = 0;
	p.path = path;
	s->st = store_file_new(&p, &msg);
	free(path);
	if (s->st)
		sync_dir(ms->m->state_dir);
	return back(ms, nsid, s, &msg, st);
}

static int backing_open(void *opaque, uint32_t nsid, struct sim_store **st)
{
	struct mach_subsys *ms = opaque;
	struct mach_store *s;
	struct store_file_params p = { 0 };
	struct sim_msg msg = { "" };
	char *path;

	if (!ms->stem)
		return SIM_ENOENT;
	path = image_path(ms, nsid);
	s = calloc(1, sizeof(*s));
	if (!path || !s) {
		free(path);
		free(s);
		return SIM_ENOMEM;
	}
	if (access(path, F_OK)) {
		free(path);
		free(s);
		return SIM_ENOENT;
	}
	errno = 0;
	p.path = path;
	s->st = store_file_new(&p, &msg);
	free(path);
	return back(ms, nsid, s, &msg, st);
}

static void backing_drop(void *opaque, uint32_t nsid, struct sim_store *st)
{
	struct mach_subsys *ms = opaque;
	struct dmn_machine *m = ms->m;
	char *path = ms->stem ? image_path(ms, nsid) : NULL;
	struct timespec now;

	if (path)
		unlink(path);
	free(path);
	for (struct mach_store *s = m->stores; s; s = s->next)
		if (s->st == st)
			s->dropped = m->dropped = true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	dmn_loop_arm(m->loop, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

void mach_backing(struct mach_subsys *ms, struct sim_backing_port *port)
{
	*port = (struct sim_backing_port){
		.make = backing_make,
		.open = backing_open,
		.drop = backing_drop,
		.opaque = ms,
	};
}
