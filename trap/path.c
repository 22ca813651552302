/* SPDX-License-Identifier: MIT */
/*
 * path.c - is that path a simulated node, or in the simulated /sys (sys.c)?
 *
 * A node is called /dev/NAME in the caller's own root, and has Linux's names as well: nvme0 for a
 * controller, ng0n1 and nvme0n1 for a namespace, the latter as a block device. Most paths are rejected by their last
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

#include "sys.h"

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

static struct trap_node *by_numbers(struct trap *t, unsigned int index, uint32_t nsid)
{
	for (unsigned int i = 0; i < t->nr_nodes; i++) {
		const struct dmn_node *n = t->nodes[i]->n;

		if (n->ref.nsid == nsid && (unsigned int)n->fn->index + t->sys->tree.base == index)
			return t->nodes[i];
	}
	return NULL;
}

/* Linux's names. The numbers begin where the machine's own controllers end (sys.c), so that these are
 * nobody else's. */
static struct trap_node *by_linux_name(struct trap *t, const char *name, bool *block)
{
	static const struct {
		char format[12]; /* no pointer: gcc with sanitizers takes it for NULL */
		bool ns, block;
	} forms[] = { { "nvme%u", false, false }, { "ng%un%u", true, false }, { "nvme%un%u", true, true } };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		unsigned int index, nsid = 0;
		char again[32];

		if (sscanf(name, forms[i].format, &index, &nsid) != 1 + forms[i].ns ||
		    forms[i].ns != !!nsid)
			continue;
		/* as it is printed: nothing after it, no blanks or zeroes in front */
		snprintf(again, sizeof(again), forms[i].format, index, nsid);
		if (strcmp(again, name))
			continue;
		*block = forms[i].block;
		return by_numbers(t, index, nsid);
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

/* A path that is empty, with AT_EMPTY_PATH: it means the descriptor. One under a number that the filter
 * knows may be a block device's, which only the handler can tell. */
static bool trap_path_empty(struct trap_req *rq)
{
	uint64_t fd = rq->row->dirfd >= 0 ? (uint32_t)rq->arg[rq->row->dirfd] : 0;

	return fd >= TRAP_FD_FIRST && fd < TRAP_FD_END && trap_fd_block(rq, (int)fd);
}

/* the directory of @path, of which @len bytes are not the last component, as the caller sees it */
static bool is_callers_dev(struct trap_req *rq, const char *path, size_t len)
{
	struct trap *t = rq->t;
	int dirfd = rq->row->dirfd >= 0 ? (int)rq->arg[rq->row->dirfd] : AT_FDCWD;
	char dir[PATH_MAX + 64], dev[32];
	dev_t mount = t->m ? *dmn_own_mount(t->m) : 0;
	struct stat a, b;
	int n;

	if (len && path[0] == '/')
		n = snprintf(dir, sizeof(dir), "%d/root", rq->tid);
	else if (dirfd == AT_FDCWD)
		n = snprintf(dir, sizeof(dir), "%d/cwd", rq->tid);
	else
		n = snprintf(dir, sizeof(dir), "%d/fd/%d", rq->tid, dirfd);
	memcpy(dir + n + 1, path, len);
	dir[n + 1 + len] = '\0';
	snprintf(dev, sizeof(dev), "%d/root", rq->tid);
	dir[n] = '\0';
	if (mount && trap_enters_mount(t, dev, dir, dir + n + 1, mount))
		return false;
	dir[n] = '/';

	/* a slash at the end: what is no directory is an error */
	snprintf(dev, sizeof(dev), "%d/root/dev/", rq->tid);
	return !fstatat(t->proc, dir, &a, 0) && !fstatat(t->proc, dev, &b, 0) && same_dir(&a, &b);
}

bool trap_path(struct trap_req *rq, struct trap_sys_path *sys)
{
	char path[PATH_MAX];
	struct trap_node *tn;
	const char *name;
	ssize_t len;
	size_t dir;

	len = trap_vm_string(rq->tid, rq->arg[rq->row->path], path, sizeof(path));
	if (len <= 0)
		return !len && trap_path_empty(rq);
	for (dir = len; dir && path[dir - 1] != '/'; dir--)
		;
	name = path + dir;
	tn = by_name(rq->t, name);
	if (!tn && name[0] == 'n' && (name[1] == 'v' || name[1] == 'g'))
		tn = by_linux_name(rq->t, name, &rq->block);
	if (tn && (trap_path_in_dev(path, dir) || is_callers_dev(rq, path, dir))) {
		rq->node = tn;
		return true;
	}
	if (!trap_sys_find(rq, path, sys))
		return false;
	rq->sys = sys;
	return true;
}
