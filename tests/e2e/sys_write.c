/* SPDX-License-Identifier: MIT */
/*
 * sys_write.c - write to an attribute and say what came of it: sys_write [-r|-o|-f] PATH TEXT
 * Prints "ok", or the error of the call that failed, by name: "EBUSY", "open: EACCES".
 *
 * By ways that must not work for who may only read it:
 *   -r  through the descriptor that reads
 *   -o  through that file, opened once more
 *   -f  through a file of its own that has the name of the right one
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int fail(const char *what)
{
	printf("%s%s\n", what, strerrorname_np(errno));
	return 1;
}

#define NUMBER 970 /* one of those whose write() is looked at */

/* Return: a descriptor to write to, or -1 */
static int other_way(char way, const char *path)
{
	int fd = open(path, O_RDONLY), got = fd;
	char link[32], name[256] = "", *end;

	if (fd < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (way == 'o') {
		got = open(link, O_WRONLY);
	} else if (way == 'f') {
		if (readlink(link, name, sizeof(name) - 1) < 0 || strncmp(name, "/memfd:", 7))
			return -1;
		end = strstr(name, " (deleted)");
		if (end)
			*end = '\0';
		got = memfd_create(name + 7, 0);
	}
	return got < 0 ? -1 : dup2(got, NUMBER);
}

int main(int argc, char **argv)
{
	char way = 0;
	size_t n;
	int fd;

	if (argc == 4 && argv[1][0] == '-') {
		way = argv[1][1];
		argv++;
		argc--;
	}
	if (argc != 3)
		return 2;
	n = strlen(argv[2]);
	fd = way ? other_way(way, argv[1]) : open(argv[1], O_WRONLY);
	if (fd < 0)
		return fail("open: ");
	if (write(fd, argv[2], n) != (ssize_t)n)
		return fail("");
	puts("ok");
	return close(fd) ? 1 : 0;
}
