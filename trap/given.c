/* SPDX-License-Identifier: MIT */
/*
 * given.c - descriptors of a node's CUSE device, which the program was given: by its parent, in a
 * message, through another name than the node's. Everything but a ring's commands is the kernel's
 * and the CUSE door's to answer.
 *
 * The device's number alone says little. Numbers are used again, and what was open on a device that
 * is gone stays open under its number. The inode tells: the node in /dev was made with the device,
 * so what is open on that is open on the device; and so is what is open on another node of the same
 * number that is younger (of a container, say). Any other is not for us to believe.
 *
 * How it is open, and on which inode, must be said at once (fdinfo.c), or a program that exchanges
 * descriptors meanwhile gets the one's inode with the other's access mode.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

#define NR_KNOWN 64
#define NR_GONE	 64

/** struct given_known - the last answer for (thread, descriptor); @info.fd -1: there is none */
struct given_known {
	pid_t tid;
	int fd;
	struct trap_file *file;
	time_t read_at;
	struct trap_info info;
};

/**
 * struct trap_given - of a program whose machine has had devices
 * @gone: devices that were there, the oldest replaced first
 * @dead: what is open on one of them
 */
struct trap_given {
	struct given_known known[NR_KNOWN];
	struct dmn_device gone[NR_GONE];
	unsigned int nr_gone;
	struct trap_file dead;
};

static bool same_inode(const struct dmn_device *d, const struct statx *st)
{
	return d->rdev == makedev(st->stx_rdev_major, st->stx_rdev_minor) &&
	       d->ino == st->stx_ino && d->dev == makedev(st->stx_dev_major, st->stx_dev_minor);
}

/* later, not at the same time: the clock that inodes are born by is a coarse one */
static bool is_younger(const struct statx *st, const struct timespec *than)
{
	const struct statx_timestamp *b = &st->stx_btime;

	if (!(st->stx_mask & STATX_BTIME) || !than->tv_sec)
		return false;
	return b->tv_sec > than->tv_sec ||
	       (b->tv_sec == than->tv_sec && b->tv_nsec > than->tv_nsec);
}

bool trap_given_is(const struct dmn_device *d, const struct statx *st)
{
	if (!S_ISCHR(st->stx_mode) || !d->rdev ||
	    d->rdev != makedev(st->stx_rdev_major, st->stx_rdev_minor))
		return false;
	return same_inode(d, st) || is_younger(st, &d->born);
}

/* ---- what is known; files_lock held ------------------------------------------------------- */

static struct given_known *slot(struct trap *t, pid_t tid, int fd)
{
	return &t->given->known[((unsigned int)tid * 31 + (unsigned int)fd) % NR_KNOWN];
}

static void forget_all(struct trap_given *g)
{
	for (int i = 0; i < NR_KNOWN; i++)
		trap_info_end(&g->known[i].info);
}

struct trap_file *trap_given_known(struct trap *t, pid_t tid, int fd)
{
	struct given_known *k = slot(t, tid, fd);
	struct timespec now;

	if (k->info.fd < 0 || k->tid != tid || k->fd != fd)
		return NULL;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	/* the number of a mount may become another's */
	if (now.tv_sec != k->read_at)
		return NULL;
	if (trap_info_same(&k->info))
		return k->file;
	trap_info_end(&k->info);
	return NULL;
}

/* ---- recognising; files_lock held --------------------------------------------------------- */

static enum trap_mode mode_of(unsigned int flags)
{
	return flags & O_PATH ? TRAP_PATH : (enum trap_mode)(flags & O_ACCMODE);
}

/* what is open on @tn's device in that mode */
static struct trap_file *file_of(struct trap_node *tn, enum trap_mode mode)
{
	struct trap_file *f = tn->given[mode];

	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->node = tn;
	f->mode = mode;
	f->fd = -1;
	f->owned = true;
	return tn->given[mode] = f;
}

static struct trap_file *match(struct trap *t, const struct statx *st, unsigned int flags)
{
	for (unsigned int i = 0; i < t->nr_nodes; i++)
		if (trap_given_is(&t->nodes[i]->device, st))
			return file_of(t->nodes[i], mode_of(flags));
	for (unsigned int i = 0; i < t->given->nr_gone && i < NR_GONE; i++)
		if (same_inode(&t->given->gone[i], st))
			return flags & O_PATH ? NULL : &t->given->dead;
	return NULL;
}

struct trap_file *trap_given_find(struct trap *t, pid_t tid, int fd)
{
	struct given_known *k = slot(t, tid, fd), found = { .tid = tid, .fd = fd };
	struct timespec now;
	struct statx st;

	if (!trap_info_stat(t, tid, fd, &st) || !S_ISCHR(st.stx_mode) ||
	    !trap_info_open(t, tid, fd, &st, &found.info))
		return NULL;
	found.file = match(t, &st, found.info.flags);
	if (!found.file) {
		trap_info_end(&found.info);
		return NULL;
	}
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	found.read_at = now.tv_sec;
	trap_info_end(&k->info);
	*k = found;
	return k->file;
}

/* ---- devices come and go ------------------------------------------------------------------ */

/* files_lock held */
static void drop_device(struct trap *t, struct trap_node *tn)
{
	if (!tn->device.rdev)
		return;
	t->given->gone[t->given->nr_gone++ % NR_GONE] = tn->device;
	tn->device.rdev = 0;
	for (int mode = 0; mode < TRAP_NR_MODES; mode++) {
		struct trap_file *f = tn->given[mode];

		if (!f)
			continue;
		tn->given[mode] = NULL;
		f->node = NULL;
		f->owned = false;
		trap_file_release(f);
	}
}

static struct trap_given *given_new(void)
{
	struct trap_given *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	for (int i = 0; i < NR_KNOWN; i++)
		g->known[i].info.fd = -1;
	g->dead = (struct trap_file){ .fd = -1, .owned = true };
	return g;
}

void trap_given_device(struct trap *t, struct trap_node *tn, const struct dmn_device *d)
{
	pthread_mutex_lock(&t->files_lock);
	if (t->given)
		forget_all(t->given);
	drop_device(t, tn);
	if (d->rdev && !t->given)
		t->given = given_new();
	if (t->given) /* without memory these descriptors stay unknown */
		tn->device = *d;
	pthread_mutex_unlock(&t->files_lock);
}

void trap_given_free(struct trap *t)
{
	if (t->given)
		forget_all(t->given);
	free(t->given);
	t->given = NULL;
}
