/* SPDX-License-Identifier: MIT */
/*
 * walk.c - does a caller's path lead into the tree that this very process has mounted (--sysfs)?
 *
 * Whoever follows a path there asks the mount's server, which is the thread that would be waiting.
 * So the path is followed step by step, and each directory is looked at in a way that asks no
 * server, before anything in it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

#define MAX_LINKS 40

/* Return: the kind of file behind @fd, 0 when that cannot be said, or -1: it is in the mount */
static int look(int fd, dev_t mount)
{
	struct statx stx;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		    STATX_TYPE, &stx))
		return 0;
	if (makedev(stx.stx_dev_major, stx.stx_dev_minor) == mount)
		return -1;
	return stx.stx_mode & S_IFMT;
}

/* @fd is a symbolic link: what it says comes before @rest in @todo. Return: 0 or -1 */
static int follow(int fd, char todo[PATH_MAX], const char *rest)
{
	char target[PATH_MAX], all[2 * PATH_MAX + 2];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

	if (n <= 0)
		return -1;
	target[n] = '\0';
	n = snprintf(all, sizeof(all), "%s/%s", target, rest);
	if (n >= PATH_MAX)
		return -1;
	memcpy(todo, all, (size_t)n + 1);
	return 0;
}

bool trap_enters_mount(struct trap *t, const char *root, const char *start, const char *path,
		       dev_t mount)
{
	int dir = openat(t->proc, start, O_PATH | O_CLOEXEC), links = 0;
	int kind = dir < 0 ? 0 : look(dir, mount);
	char todo[PATH_MAX], name[NAME_MAX + 1];
	const char *p = todo;

	snprintf(todo, sizeof(todo), "%s", path);
	while (kind == S_IFDIR && *p) {
		size_t n = strcspn(p, "/");
		int next;

		if (n > NAME_MAX)
			break;
		memcpy(name, p, n);
		name[n] = '\0';
		p += n + strspn(p + n, "/");
		/* an empty name: the path began with a slash */
		next = n ? openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)
			 : openat(t->proc, root, O_PATH | O_CLOEXEC);
		kind = next < 0 ? 0 : look(next, mount);
		if (kind == S_IFLNK && ++links <= MAX_LINKS && !follow(next, todo, p)) {
			p = todo;
			kind = S_IFDIR; /* on from the directory that the link is in */
			close(next);
			continue;
		}
		close(dir);
		dir = next;
	}
	if (dir >= 0)
		close(dir);
	return kind < 0;
}
