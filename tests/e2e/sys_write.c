/* SPDX-License-Identifier: MIT */
/*
 * sys_write.c - write to an attribute and say what came of it: sys_write PATH TEXT
 * Prints "ok", or the error of the call that failed, by name: "EBUSY", "open: EACCES".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what)
{
	printf("%s%s\n", what, strerrorname_np(errno));
	return 1;
}

int main(int argc, char **argv)
{
	size_t n;
	int fd;

	if (argc != 3)
		return 2;
	n = strlen(argv[2]);
	fd = open(argv[1], O_WRONLY);
	if (fd < 0)
		return fail("open: ");
	if (write(fd, argv[2], n) != (ssize_t)n)
		return fail("");
	puts("ok");
	return close(fd) ? 1 : 0;
}
