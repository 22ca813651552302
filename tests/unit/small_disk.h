/* SPDX-License-Identifier: MIT */
/*
 * small_disk.h - a disk that is soon full, for a test in a process of its own.
 */
#ifndef TESTS_SMALL_DISK_H
#define TESTS_SMALL_DISK_H

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* in a child, which has no test to fail: the line number is its answer */
#define CHECK(x)                         \
	do {                             \
		if (!(x))                \
			return __LINE__; \
	} while (0)

static inline bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* a disk of 1 MiB, in a mount namespace of our own. Return: whether it could be arranged. */
static inline bool small_disk(const char *dir)
{
	unsigned int uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(uid ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS))
		return false;
	if (uid) {
		snprintf(map, sizeof(map), "0 %u 1", uid);
		if (!write_file("/proc/self/uid_map", map) ||
		    !write_file("/proc/self/setgroups", "deny"))
			return false;
		snprintf(map, sizeof(map), "0 %u 1", gid);
		if (!write_file("/proc/self/gid_map", map))
			return false;
	}
	return !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount("none", dir, "tmpfs", 0, "size=1m");
}

static inline bool may_mount(void)
{
	char dir[] = "small-disk-XXXXXX";
	int status = 1;
	pid_t pid;

	if (!mkdtemp(dir))
		return false;
	pid = fork();
	if (!pid)
		_exit(!small_disk(dir));
	if (pid > 0)
		waitpid(pid, &status, 0);
	rmdir(dir);
	return status == 0;
}

#endif /* TESTS_SMALL_DISK_H */
