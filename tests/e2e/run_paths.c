/* SPDX-License-Identifier: MIT */
/*
 * run_paths.c - path calls on a simulated node, by raw system calls, as a program under
 * nvmesim-run. Built dynamic and static. Argument: the node's path, below /dev.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "run_check.h"

static const char *node, *base;
static int devfd;
static struct stat ref;

static long call(long nr, long a, long b, long c, long d, long e)
{
	long r = syscall(nr, a, b, c, d, e);

	return r < 0 ? -errno : r;
}

static long open_as(const char *path, int flags)
{
	return call(SYS_openat, AT_FDCWD, (long)path, flags, 0644, 0);
}

static void same(const struct stat *st)
{
	CHECK(S_ISCHR(st->st_mode));
	CHECK(st->st_ino == ref.st_ino && st->st_rdev == ref.st_rdev && st->st_dev == ref.st_dev);
	CHECK(st->st_uid == geteuid() && st->st_nlink == 1 && st->st_size == 0);
	CHECK(st->st_mtim.tv_sec == ref.st_mtim.tv_sec);
}

static void test_stat(void)
{
	struct stat st, dev;
	struct statx stx;

	CHECK(call(SYS_newfstatat, AT_FDCWD, (long)node, (long)&ref, 0, 0) == 0);
	same(&ref);
	CHECK((ref.st_mode & 07777) == 0600);
	CHECK(stat("/dev", &dev) == 0 && dev.st_dev == ref.st_dev);
#ifdef SYS_stat
	CHECK(call(SYS_stat, (long)node, (long)&st, 0, 0, 0) == 0);
	same(&st);
	CHECK(call(SYS_lstat, (long)node, (long)&st, 0, 0, 0) == 0);
	same(&st);
#endif
	CHECK(call(SYS_newfstatat, devfd, (long)base, (long)&st, AT_SYMLINK_NOFOLLOW, 0) == 0);
	same(&st);
	memset(&stx, 0xff, sizeof(stx));
	CHECK(call(SYS_statx, AT_FDCWD, (long)node, AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS,
		   (long)&stx) == 0);
	CHECK((stx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	CHECK(stx.stx_mode == ref.st_mode && stx.stx_ino == ref.st_ino &&
	      stx.stx_uid == ref.st_uid && stx.stx_gid == ref.st_gid && stx.stx_nlink == 1);
	CHECK(makedev(stx.stx_rdev_major, stx.stx_rdev_minor) == ref.st_rdev);
	CHECK(makedev(stx.stx_dev_major, stx.stx_dev_minor) == ref.st_dev);
	CHECK(stx.stx_mtime.tv_sec == ref.st_mtim.tv_sec);
	/* where the answer goes is the caller's business */
	CHECK(call(SYS_newfstatat, AT_FDCWD, (long)node, 8, 0, 0) == -EFAULT);
	CHECK(call(SYS_statx, AT_FDCWD, (long)node, 0, STATX_BASIC_STATS, 8) == -EFAULT);
	CHECK(call(SYS_newfstatat, AT_FDCWD, 8, (long)&st, 0, 0) == -EFAULT);
}

static void test_spellings(void)
{
	char path[PATH_MAX], dir[] = "/tmp/run_paths.XXXXXX", cwd[PATH_MAX];
	struct stat st;

	CHECK(getcwd(cwd, sizeof(cwd)) && mkdtemp(dir));
	snprintf(path, sizeof(path), "//dev/./%s", base);
	CHECK(!stat(path, &st));
	same(&st);
	snprintf(path, sizeof(path), "/usr/../dev//../dev/%s", base);
	CHECK(!stat(path, &st));
	same(&st);

	snprintf(path, sizeof(path), "%s/link", dir);
	CHECK(!symlink("/dev", path));
	snprintf(path, sizeof(path), "%s/link/%s", dir, base);
	CHECK(!stat(path, &st));
	same(&st);
	/* a node's name elsewhere is not a node */
	snprintf(path, sizeof(path), "%s/%s", dir, base);
	CHECK(stat(path, &st) < 0 && errno == ENOENT);
	CHECK(!close(open(path, O_CREAT | O_RDWR, 0600)));
	CHECK(!stat(path, &st) && S_ISREG(st.st_mode));
	CHECK(!unlink(path));
	snprintf(path, sizeof(path), "/dev/%sx", base);
	CHECK(stat(path, &st) < 0 && errno == ENOENT);

	CHECK(!chdir("/dev"));
	CHECK(!stat(base, &st));
	same(&st);
	snprintf(path, sizeof(path), "./../dev/%s", base);
	CHECK(!stat(path, &st));
	same(&st);
	CHECK(!chdir(dir));
	CHECK(stat(base, &st) < 0 && errno == ENOENT);
	CHECK(!chdir("link"));
	CHECK(!stat(base, &st));
	same(&st);
	CHECK(!chdir(cwd));
	snprintf(path, sizeof(path), "%s/link", dir);
	CHECK(!unlink(path) && !rmdir(dir));

	/* a descriptor of something else, and of nothing, for the directory */
	CHECK(call(SYS_newfstatat, 0, (long)base, (long)&st, 0, 0) < 0);
	CHECK(call(SYS_newfstatat, 999, (long)base, (long)&st, 0, 0) == -EBADF);
	CHECK(call(SYS_newfstatat, 999, (long)node, (long)&st, 0, 0) == 0);
}

/* the path may end exactly where memory does, and may lie across pages */
static void test_page_end(void)
{
	long page = sysconf(_SC_PAGESIZE), n = strlen(node) + 1;
	char *m = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct stat st;

	CHECK(m != MAP_FAILED && !munmap(m + 2 * page, page));
	strcpy(m + 2 * page - n, node);
	CHECK(!stat(m + 2 * page - n, &st));
	same(&st);
	strcpy(m + page - n / 2, node);
	CHECK(!stat(m + page - n / 2, &st));
	same(&st);
	/* without its NUL */
	memcpy(m + 2 * page - n + 1, node, n - 1);
	CHECK(stat(m + 2 * page - n + 1, &st) < 0 && errno == EFAULT);
	/* longer than a path may be */
	memset(m, '/', 2 * page);
	strcpy(m + 2 * page - n, node);
	CHECK(stat(m, &st) < 0 && errno == ENAMETOOLONG);
	/* just as long as it may be */
	CHECK(!stat(m + 2 * page - 4096, &st));
	munmap(m, 2 * page);
}

static void test_open(void)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };
	struct open_how how = { .flags = O_RDWR | O_CLOEXEC };
	struct stat st;
	long fd;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		fd = open_as(node, modes[i] | O_NONBLOCK | O_CREAT | O_TRUNC | O_NOATIME);
		CHECK(fd >= 0);
		CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == modes[i]);
		CHECK(fcntl(fd, F_GETFD) == 0);
		CHECK(!fstat(fd, &st) && S_ISCHR(st.st_mode));
		CHECK(!close(fd));
		fd = open_as(node, modes[i] | O_CLOEXEC);
		CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
		CHECK(!close(fd));
	}
	CHECK(open_as(node, O_RDWR | O_CREAT | O_EXCL) == -EEXIST);
	CHECK(open_as(node, O_RDONLY | O_DIRECTORY) == -ENOTDIR);
	CHECK(open_as(node, O_RDONLY | O_DIRECT) == -EINVAL);

	fd = call(SYS_openat, devfd, (long)base, O_RDWR, 0, 0);
	CHECK(fd >= 0 && !close(fd));
#ifdef SYS_open
	fd = call(SYS_open, (long)node, O_RDWR | O_CLOEXEC, 0, 0, 0);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && !close(fd));
	fd = call(SYS_creat, (long)node, 0600, 0, 0, 0);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY && !close(fd));
#endif
	fd = call(SYS_openat2, AT_FDCWD, (long)node, (long)&how, sizeof(how), 0);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && !close(fd));
	CHECK(call(SYS_openat2, AT_FDCWD, (long)node, (long)&how, 8, 0) == -EINVAL);
	CHECK(call(SYS_openat2, AT_FDCWD, (long)node, 8, sizeof(how), 0) == -EFAULT);

	/* the lowest free descriptor, as always */
	fd = dup(0);
	close(fd);
	CHECK(open_as(node, O_RDONLY) == fd && !close(fd));
}

static void test_path_only(void)
{
	struct stat st;
	long fd = open_as(node, O_PATH | O_CLOEXEC);

	CHECK(fd >= 0 && !fstat(fd, &st) && S_ISCHR(st.st_mode));
	CHECK(call(SYS_ioctl, fd, 0x4e40, 0, 0, 0) == -EBADF);
	CHECK(call(SYS_openat, fd, (long)"x", O_RDONLY, 0, 0) == -ENOTDIR);
	CHECK(!close(fd));
}

static void test_access(void)
{
#ifdef SYS_access
	CHECK(call(SYS_access, (long)node, F_OK, 0, 0, 0) == 0);
	CHECK(call(SYS_access, (long)node, R_OK | W_OK, 0, 0, 0) == 0);
	CHECK(call(SYS_access, (long)node, X_OK, 0, 0, 0) == -EACCES);
	CHECK(call(SYS_access, (long)node, 8, 0, 0, 0) == -EINVAL);
#endif
	CHECK(call(SYS_faccessat, devfd, (long)base, R_OK, 0, 0) == 0);
	CHECK(call(SYS_faccessat2, AT_FDCWD, (long)node, R_OK | W_OK, AT_EACCESS, 0) == 0);
	CHECK(call(SYS_faccessat2, AT_FDCWD, (long)node, X_OK, AT_EACCESS, 0) == -EACCES);
}

static void test_others(void)
{
	char buf[64];

#ifdef SYS_readlink
	CHECK(call(SYS_readlink, (long)node, (long)buf, sizeof(buf), 0, 0) == -EINVAL);
#endif
	CHECK(call(SYS_readlinkat, devfd, (long)base, (long)buf, sizeof(buf), 0) == -EINVAL);
	CHECK(call(SYS_getxattr, (long)node, (long)"user.x", (long)buf, 64, 0) == -ENODATA);
	CHECK(call(SYS_lgetxattr, (long)node, (long)"user.x", (long)buf, 64, 0) == -ENODATA);
	CHECK(call(SYS_listxattr, (long)node, (long)buf, 64, 0, 0) == 0);
	CHECK(call(SYS_llistxattr, (long)node, (long)buf, 64, 0, 0) == 0);
	/* what is no node works as ever */
	CHECK(call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)buf, 64, 0) > 0);
	CHECK(open_as("/nowhere/at/all", O_RDONLY) == -ENOENT);
	CHECK(open_as("", O_RDONLY) == -ENOENT);
}

int main(int argc, char **argv)
{
	if (argc != 2 || strncmp(argv[1], "/dev/", 5))
		return 2;
	node = argv[1];
	base = node + 5;
	devfd = open("/dev", O_RDONLY | O_DIRECTORY);
	test_stat();
	test_spellings();
	test_page_end();
	test_open();
	test_path_only();
	test_access();
	test_others();
	return check_end();
}
