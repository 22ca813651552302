/* SPDX-License-Identifier: MIT */
/*
 * path.c - is that path a simulated node?
 *
 * A node is called /dev/NAME in the caller's own root. Most paths are rejected by their last
 * component. What remains is compared by identity of the directory, so that "..", symbolic links
 * on the way to /dev, the current directory and directory descriptors all mean what they mean to
 * the kernel. A symbolic link to a node is the one thing not followed: its last component is
 * not a node's name.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

static struct trap_node *by_name(struct trap *t, const char *name)
{
	unsigned int lo = 0, hi = t->nr_nodes;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;
		int c = strcmp(name, t->nodes[mid]->n->name);

		if (!c)
			return t->nodes[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

bool trap_path_in_dev(const char *dir, size_t len)
{
	const char *end = dir + len;
	bool in_dev = false;

	if (!len || *dir != '/')
		return false;
	while (dir < end) {
		const char *slash = memchr(dir, '/', end - dir);
		size_t n = (slash ? slash : end) - dir;

		if (n == 3 && !in_dev && !memcmp(dir, "dev", 3))
			in_dev = true;
		else if (n > 1 || (n == 1 && *dir != '.'))
			return false;
		dir += n + 1;
	}
	return in_dev;
}

static bool same_dir(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* the directory of @path, of which @len bytes are not the last component, as the caller sees it */
static bool is_callers_dev(struct trap_req *rq, const char *path, size_t len)
{
	struct trap *t = rq->t;
	int dirfd = rq->row->dirfd >= 0 ? (int)rq->arg[rq->row->dirfd] : AT_FDCWD;
	char dir[PATH_MAX + 64], dev[32];
	struct stat a, b;
	int n;

	if (len && path[0] == '/')
		n = snprintf(dir, sizeof(dir), "%d/root", rq->tid);
	else if (dirfd == AT_FDCWD)
		n = snprintf(dir, sizeof(dir), "%d/cwd/", rq->tid);
	else
		n = snprintf(dir, sizeof(dir), "%d/fd/%d/", rq->tid, dirfd);
	memcpy(dir + n, path, len);
	dir[n + len] = '\0';

	/* a slash at the end: what is no directory is an error */
	snprintf(dev, sizeof(dev), "%d/root/dev/", rq->tid);
	return !fstatat(t->proc, dir, &a, 0) && !fstatat(t->proc, dev, &b, 0) && same_dir(&a, &b);
}

struct trap_node *trap_path_node(struct trap_req *rq)
{
	char path[PATH_MAX];
	struct trap_node *tn;
	ssize_t len;
	size_t dir;

	len = trap_vm_string(rq->tid, rq->arg[rq->row->path], path, sizeof(path));
	if (len <= 0)
		return NULL;
	for (dir = len; dir && path[dir - 1] != '/'; dir--)
		;
	tn = by_name(rq->t, path + dir);
	if (!tn)
		return NULL;
	if (trap_path_in_dev(path, dir) || is_callers_dev(rq, path, dir))
		return tn;
	return NULL;
}
