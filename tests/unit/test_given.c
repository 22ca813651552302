/* SPDX-License-Identifier: MIT */
/*
 * test_given.c - descriptors of a node's device that a program was given (trap/given.c). The
 * program is this one; /dev/full and /dev/zero are the devices of two nodes, as nobody needs CUSE
 * for that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../trap/internal.h"

static const char *const paths[] = { "/dev/full", "/dev/zero" };

static struct dmn_node nodes[2];
static struct trap_node tnodes[2];
static struct trap_node *list[2];
static struct trap t;

static void look(const char *path, struct statx *st)
{
	assert_int_equal(statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_BTIME, st), 0);
}

static struct dmn_device device_of(const char *path)
{
	struct statx st;

	look(path, &st);
	return (struct dmn_device){
		.rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor),
		.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
		.ino = st.stx_ino,
	};
}

static int start(void **state)
{
	memset(&t, 0, sizeof(t));
	memset(tnodes, 0, sizeof(tnodes));
	t.kcmp = true;
	t.self = getpid();
	t.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	pthread_mutex_init(&t.files_lock, NULL);
	t.nodes = list;
	t.nr_nodes = 2;
	for (unsigned int i = 0; i < 2; i++) {
		struct dmn_device d = device_of(paths[i]);

		nodes[i] = (struct dmn_node){ .ref = { .nsid = i + 1 } };
		tnodes[i].n = &nodes[i];
		list[i] = &tnodes[i];
		trap_given_device(&t, &tnodes[i], &d);
	}
	return t.proc < 0;
}

static int end(void **state)
{
	for (unsigned int i = 0; i < 2; i++)
		trap_given_device(&t, &tnodes[i], &(struct dmn_device){ 0 });
	trap_given_free(&t);
	pthread_mutex_destroy(&t.files_lock);
	return close(t.proc);
}

static int open_at(int fd, const char *path, int flags)
{
	int got = open(path, flags);

	assert_true(got >= 0);
	if (fd < 0 || got == fd)
		return got;
	assert_int_equal(dup2(got, fd), fd);
	close(got);
	return fd;
}

/* as a ring does. Return: NSID of the node, 0 when the descriptor is none's, or -errno */
static int ask(int fd, enum trap_mode *mode)
{
	struct trap_file *f = trap_file_get_ref(&t, getpid(), fd);
	struct host_node_ref ref;
	int err;

	if (!f)
		return 0;
	err = trap_file_node(&t, f, &ref);
	*mode = f->mode;
	trap_file_put(&t, f);
	return err ? err : (int)ref.nsid;
}

static void is_node(int fd, int nsid, enum trap_mode mode)
{
	for (int i = 0; i < 3; i++) { /* found, and known */
		enum trap_mode got = TRAP_NR_MODES;

		assert_int_equal(ask(fd, &got), nsid);
		assert_int_equal(got, mode);
	}
}

static void is_no_node(int fd)
{
	enum trap_mode mode;

	for (int i = 0; i < 2; i++)
		assert_int_equal(ask(fd, &mode), 0);
}

static void modes(void **state)
{
	static const int flags[] = { [TRAP_RDONLY] = O_RDONLY,
				     [TRAP_WRONLY] = O_WRONLY,
				     [TRAP_RDWR] = O_RDWR,
				     [TRAP_NOACC] = O_ACCMODE };

	for (int mode = TRAP_RDONLY; mode <= TRAP_NOACC; mode++) {
		int fd = open(paths[0], flags[mode] | O_NONBLOCK | O_CLOEXEC);

		if (fd < 0 && mode == TRAP_NOACC)
			continue;
		assert_true(fd >= 0);
		is_node(fd, 1, mode);
		close(fd);
	}
}

static void path_only(void **state)
{
	int fd = open_at(-1, paths[0], O_PATH);

	is_node(fd, -EBADF, TRAP_PATH);
	close(fd);
}

static void others(void **state)
{
	int fd = open_at(-1, "/dev/null", O_RDWR);

	is_no_node(fd);
	open_at(fd, "/", O_RDONLY | O_DIRECTORY);
	is_no_node(fd);
	open_at(fd, "/proc/self/status", O_RDONLY);
	is_no_node(fd);
	close(fd);
	is_no_node(fd);
	is_no_node(-1);
}

static void copies(void **state)
{
	int fd = open_at(-1, paths[1], O_RDWR), copy = dup(fd), again;
	char name[32];

	is_node(copy, 2, TRAP_RDWR);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", copy);
	again = open(name, O_RDONLY);
	assert_true(again >= 0);
	is_node(again, 2, TRAP_RDONLY);
	is_node(fd, 2, TRAP_RDWR);
	close(fd);
	is_node(copy, 2, TRAP_RDWR);
	close(copy);
	close(again);
}

/* one number, several files: what was known of it before is not believed */
static void reused(void **state)
{
	int fd = open_at(-1, paths[0], O_RDWR);

	for (int i = 0; i < 3; i++) {
		is_node(fd, 1, TRAP_RDWR);
		open_at(fd, paths[0], O_RDONLY);
		is_node(fd, 1, TRAP_RDONLY);
		open_at(fd, paths[1], O_RDONLY);
		is_node(fd, 2, TRAP_RDONLY);
		open_at(fd, "/dev/null", O_RDONLY);
		is_no_node(fd);
		open_at(fd, paths[0], O_RDWR);
		is_node(fd, 1, TRAP_RDWR);
		close(fd);
		is_no_node(fd);
		open_at(fd, paths[0], O_RDWR);
	}
	close(fd);
}

/* thread ids are numbers that are used again, too: of a child that exits, what was known is gone */
static void other_thread(void **state)
{
	int fd = open_at(-1, paths[0], O_RDONLY), p[2];
	struct trap_file *f;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	if (!pid) {
		open_at(fd, paths[1], O_RDWR);
		_exit(write(p[1], "", 1) != 1 || pause());
	}
	assert_int_equal(read(p[0], &byte, 1), 1);
	is_node(fd, 1, TRAP_RDONLY);
	for (int i = 0; i < 2; i++) {
		f = trap_file_get_ref(&t, pid, fd);
		assert_non_null(f);
		assert_ptr_equal(f->node, &tnodes[1]);
		trap_file_put(&t, f);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_null(trap_file_get_ref(&t, pid, fd));
	close(p[0]);
	close(p[1]);
	close(fd);
}

/* the device goes, and its number is another's; the description is held, and registered */
static void gone(void **state)
{
	int fd = open_at(-1, paths[0], O_RDWR);
	struct dmn_device d = tnodes[0].device;
	struct trap_file *held;
	struct host_node_ref ref;

	is_node(fd, 1, TRAP_RDWR);
	held = trap_file_get_ref(&t, getpid(), fd);
	assert_non_null(held);
	trap_given_device(&t, &tnodes[0], &(struct dmn_device){ 0 });
	is_node(fd, -ENODEV, TRAP_RDONLY);
	assert_int_equal(trap_file_node(&t, held, &ref), -ENODEV);

	d.ino++;
	d.born.tv_sec = time(NULL);
	trap_given_device(&t, &tnodes[0], &d);
	is_node(fd, -ENODEV, TRAP_RDONLY);
	assert_int_equal(trap_file_node(&t, held, &ref), -ENODEV);
	trap_file_put(&t, held);

	/* the very inode again: a node that was given to another machine, and back */
	d.ino--;
	trap_given_device(&t, &tnodes[0], &d);
	is_node(fd, 1, TRAP_RDWR);
	close(fd);
}

/* very many devices came and went: the oldest are nobody's any more */
static void long_gone(void **state)
{
	int fd = open_at(-1, paths[0], O_RDWR);
	struct dmn_device d = tnodes[0].device;

	trap_given_device(&t, &tnodes[0], &(struct dmn_device){ 0 });
	for (int i = 0; i < 63; i++) {
		d.ino++;
		trap_given_device(&t, &tnodes[0], &d);
		trap_given_device(&t, &tnodes[0], &(struct dmn_device){ 0 });
	}
	is_node(fd, -ENODEV, TRAP_RDONLY);
	trap_given_device(&t, &tnodes[0], &d);
	trap_given_device(&t, &tnodes[0], &(struct dmn_device){ 0 });
	is_no_node(fd);
	close(fd);
}

/* a copy of what is not what it was is let go of, by somebody */
static void other_copy(void **state)
{
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0), p[2], copy;
	struct pollfd end = { .events = POLLIN };
	struct stat st;

	assert_true(pidfd >= 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fstat(p[1], &st), 0);
	copy = trap_info_copy(pidfd, p[1], st.st_dev, st.st_ino);
	assert_true(copy >= 0 && copy != p[1]);
	close(copy);
	assert_int_equal(trap_info_copy(pidfd, p[1], st.st_dev, st.st_ino + 1), -1);
	assert_int_equal(trap_info_copy(pidfd, p[1], st.st_dev + 1, st.st_ino), -1);
	assert_int_equal(trap_info_copy(pidfd, 9999, st.st_dev, st.st_ino), -1);
	close(p[1]);
	end.fd = p[0]; /* POLLHUP: there is no other one any more */
	assert_int_equal(poll(&end, 1, 5000), 1);
	close(p[0]);
	close(pidfd);
}

static struct {
	int ro, other, fd;
	_Atomic bool over;
} race;

static void *exchange(void *arg)
{
	while (!race.over) {
		dup2(race.ro, race.fd);
		dup2(race.other, race.fd);
	}
	return NULL;
}

/* while another thread exchanges descriptors: one's access mode is not the other's file */
static void raced(void **state)
{
	unsigned int seen = 0;
	enum trap_mode mode;
	pthread_t thread;

	race.ro = open_at(-1, paths[0], O_RDONLY);
	race.other = open_at(-1, "/dev/null", O_RDWR);
	race.fd = dup(race.ro);
	assert_int_equal(pthread_create(&thread, NULL, exchange, NULL), 0);
	for (int i = 0; i < 50000; i++) {
		int nsid = ask(race.fd, &mode);

		if (!nsid)
			continue;
		assert_int_equal(nsid, 1);
		assert_int_equal(mode, TRAP_RDONLY);
		seen++;
	}
	race.over = true;
	pthread_join(thread, NULL);
	assert_true(seen > 0);
	close(race.ro);
	close(race.other);
	close(race.fd);
}

static void inodes(void **state)
{
	static const struct {
		int rdev, dev, ino; /* differences */
		int64_t sec;
		int32_t nsec;
		bool born, chr, yes;
	} c[] = {
		{ 0, 0, 0, 0, 0, true, true, true }, /* the node itself */
		{ 0, 0, 0, 0, 0, false, true, true },
		{ 0, 0, 0, 0, 0, true, false, false },
		{ 1, 0, 0, 0, 0, true, true, false },
		{ 0, 0, 1, 0, 0, true, true, false }, /* others: as old, older, younger */
		{ 0, 1, 0, 0, 0, true, true, false },
		{ 0, 0, 1, 0, -1, true, true, false },
		{ 0, 0, 1, -1, 999, true, true, false },
		{ 0, 0, 1, 0, 1, true, true, true },
		{ 0, 1, 0, 1, -999, true, true, true },
		{ 1, 0, 1, 1, 0, true, true, false },
		{ 0, 0, 1, 1, 0, false, true, false }, /* or who knows */
		{ 0, 0, 1, 1, 0, true, false, false },
	};
	const struct dmn_device d = {
		.rdev = makedev(250, 0), .dev = makedev(0, 5), .ino = 300, .born = { 1000000, 5000 }
	};
	struct dmn_device unborn = d, none = { 0 };
	struct statx st;

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		st = (struct statx){
			.stx_mode = c[i].chr ? S_IFCHR | 0600 : S_IFREG | 0600,
			.stx_rdev_major = 250,
			.stx_rdev_minor = (uint32_t)c[i].rdev,
			.stx_dev_minor = (uint32_t)(5 + c[i].dev),
			.stx_ino = (uint64_t)(300 + c[i].ino),
			.stx_mask = c[i].born ? STATX_BTIME : 0,
			.stx_btime = { .tv_sec = 1000000 + c[i].sec,
				       .tv_nsec = (uint32_t)(5000 + c[i].nsec) },
		};
		assert_int_equal(trap_given_is(&d, &st), c[i].yes);
	}
	/* a file system in /dev that does not say when: its own node alone */
	unborn.born = (struct timespec){ 0 };
	st = (struct statx){ .stx_mode = S_IFCHR,
			     .stx_rdev_major = 250,
			     .stx_dev_minor = 5,
			     .stx_ino = 300,
			     .stx_mask = STATX_BTIME,
			     .stx_btime = { .tv_sec = 2000000 } };
	assert_true(trap_given_is(&unborn, &st));
	st.stx_ino++;
	assert_false(trap_given_is(&unborn, &st));
	/* no device is not device 0:0, which a whiteout has */
	st = (struct statx){ .stx_mode = S_IFCHR };
	assert_false(trap_given_is(&none, &st));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(modes, start, end),
		cmocka_unit_test_setup_teardown(path_only, start, end),
		cmocka_unit_test_setup_teardown(others, start, end),
		cmocka_unit_test_setup_teardown(copies, start, end),
		cmocka_unit_test_setup_teardown(reused, start, end),
		cmocka_unit_test_setup_teardown(other_thread, start, end),
		cmocka_unit_test_setup_teardown(gone, start, end),
		cmocka_unit_test_setup_teardown(long_gone, start, end),
		cmocka_unit_test_setup_teardown(raced, start, end),
		cmocka_unit_test(other_copy),
		cmocka_unit_test(inodes),
	};

	return cmocka_run_group_tests_name("given", tests, NULL, NULL);
}
