/* SPDX-License-Identifier: MIT */
/*
 * test_store_file.c - the medium in a file: sizes, locks, holes, full disks, files cut short.
 *
 * The mapping is used as the doors use it: through process_vm_readv() and process_vm_writev(),
 * here of this very process, which report what cannot be reached instead of raising a signal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../store/store.h"
#include "small_disk.h"

#define MIB (1ull << 20)
#define PAGE 4096u

struct place {
	char dir[64], path[96];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "store-test-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/nvm.img", p->dir);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	chmod(p->path, 0600);
	unlink(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

static struct sim_store *make(const char *path, uint64_t size)
{
	struct store_file_params fp = { .path = path, .size = size, .create = true };
	struct sim_msg msg = { "" };
	struct sim_store *st = store_file_new(&fp, &msg);

	if (!st)
		fail_msg("%s", msg.text);
	return st;
}

static void make_fails(const struct store_file_params *fp, const char *word)
{
	struct sim_msg msg = { "" };

	assert_null(store_file_new(fp, &msg));
	if (!strstr(msg.text, word) || !strstr(msg.text, fp->path))
		fail_msg("'%s' does not say '%s' of '%s'", msg.text, word, fp->path);
}

static uint64_t blocks_of(const char *path)
{
	struct stat sb;

	assert_int_equal(stat(path, &sb), 0);
	return (uint64_t)sb.st_blocks * 512;
}

/* move @len bytes as a DMA port does. Return: 0 or errno. */
static int dma(bool to_store, void *buf, void *mem, size_t len)
{
	/* the store's side is the local one, as in the daemon */
	struct iovec local = { mem, len }, remote = { buf, len };
	ssize_t n;

	n = to_store ? process_vm_readv(getpid(), &local, 1, &remote, 1, 0)
		     : process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	return n == (ssize_t)len ? 0 : n < 0 ? errno : EFAULT;
}

static int map_write(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	void *mem;
	int ret = st->ops->map(st, off, len, true, &mem);

	if (ret)
		return ret;
	if (!mem)
		return st->ops->write(st, off, buf, len);
	return dma(true, buf, mem, len) ? SIM_EFAULT : 0;
}

static int map_read(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	void *mem;
	int ret = st->ops->map(st, off, len, false, &mem);

	if (ret)
		return ret;
	if (!mem)
		return st->ops->read(st, off, buf, len);
	return dma(false, buf, mem, len) ? SIM_EFAULT : 0;
}

static void test_create(void **state)
{
	struct place *p = *state;
	struct sim_store *st = make(p->path, 64 * MIB);
	struct stat sb;

	assert_int_equal(st->size, 64 * MIB);
	assert_false(st->readonly);
	assert_int_equal(stat(p->path, &sb), 0);
	assert_int_equal(sb.st_size, 64 * MIB);
	assert_true(blocks_of(p->path) < MIB);
	store_free(st);
}

static void test_sizes(void **state)
{
	struct place *p = *state;
	struct store_file_params fp = { .path = p->path, .create = true, .default_size = 3 * MIB };
	struct sim_msg msg;
	struct sim_store *st = store_file_new(&fp, &msg);

	assert_non_null(st);
	assert_int_equal(st->size, 3 * MIB);
	store_free(st);
	fp.default_size = 9 * MIB; /* it is there: its own size counts */
	st = store_file_new(&fp, &msg);
	assert_int_equal(st->size, 3 * MIB);
	store_free(st);
	fp.size = 2 * MIB; /* used up to there */
	st = store_file_new(&fp, &msg);
	assert_int_equal(st->size, 2 * MIB);
	store_free(st);
	fp.size = 4 * MIB;
	make_fails(&fp, "less than");
	assert_int_equal(truncate(p->path, 0), 0);
	fp.size = 0;
	make_fails(&fp, "is empty");
}

static void test_cannot_open(void **state)
{
	struct place *p = *state;
	struct store_file_params fp = { .path = p->path, .size = MIB };

	make_fails(&fp, "No such file");
	fp.create = true;
	fp.size = 0;
	make_fails(&fp, "does not exist");
	fp.size = UINT64_MAX;
	make_fails(&fp, "cannot make");
	assert_int_equal(access(p->path, F_OK), -1); /* nothing is left behind */
	fp.size = MIB;
	fp.path = p->dir;
	make_fails(&fp, "Is a directory");
	fp.path = "/dev/null";
	make_fails(&fp, "neither");
	assert_int_equal(mkfifo(p->path, 0600), 0);
	fp.path = p->path;
	make_fails(&fp, "neither");
}

static void test_unwritable(void **state)
{
	struct place *p = *state;
	struct store_file_params fp = { .path = p->path };

	bool root = !geteuid();

	store_free(make(p->path, MIB));
	assert_int_equal(chmod(p->path, 0444), 0);
	if (root) { /* who may write anything: be somebody else for a moment */
		assert_int_equal(chmod(p->dir, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	make_fails(&fp, "Permission denied");
	if (root)
		assert_int_equal(seteuid(0), 0);
}

static void test_in_use(void **state)
{
	struct place *p = *state;
	struct sim_store *st = make(p->path, MIB), *other;
	struct store_file_params fp = { .path = p->path };
	struct sim_msg msg;

	make_fails(&fp, "in use");
	fp.readonly = true;
	make_fails(&fp, "in use");
	store_free(st);
	st = store_file_new(&fp, &msg); /* readers share */
	other = store_file_new(&fp, &msg);
	assert_non_null(st);
	assert_non_null(other);
	fp.readonly = false;
	make_fails(&fp, "in use");
	store_free(st);
	store_free(other);
}

static void test_persist(void **state)
{
	struct place *p = *state;
	struct sim_store *st = make(p->path, 4 * MIB);
	unsigned char out[3 * PAGE], in[3 * PAGE];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (unsigned char)(i * 7 + i / 251);
	/* both ways in, both ways out */
	assert_int_equal(map_write(st, MIB + 512, out, sizeof(out)), 0);
	assert_int_equal(st->ops->write(st, 2 * MIB + 512, out, sizeof(out)), 0);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(st->ops->read(st, MIB + 512, in, sizeof(in)), 0);
		assert_memory_equal(in, out, sizeof(out));
		memset(in, 0, sizeof(in));
		assert_int_equal(map_read(st, 2 * MIB + 512, in, sizeof(in)), 0);
		assert_memory_equal(in, out, sizeof(out));
		store_free(st);
		st = make(p->path, 4 * MIB);
	}
	assert_int_equal(map_read(st, 0, in, 512), 0);
	for (int i = 0; i < 512; i++)
		assert_int_equal(in[i], 0);
	store_free(st);
}

/* the last page of a file whose size is not a multiple of it */
static void test_odd_size(void **state)
{
	struct place *p = *state;
	struct sim_store *st = make(p->path, 10 * PAGE + 512);
	unsigned char out[1024], in[1024];
	struct stat sb;

	memset(out, 0x3c, sizeof(out));
	assert_int_equal(map_write(st, 10 * PAGE - 512, out, 1024), 0);
	assert_int_equal(map_read(st, 10 * PAGE - 512, in, 1024), 0);
	assert_memory_equal(in, out, 1024);
	assert_int_equal(st->ops->zero(st, 10 * PAGE, 512, true), 0);
	store_free(st);
	assert_int_equal(stat(p->path, &sb), 0);
	assert_int_equal(sb.st_size, 10 * PAGE + 512);
}

static void test_readonly(void **state)
{
	struct place *p = *state;
	struct store_file_params fp = { .path = p->path, .readonly = true };
	struct sim_msg msg;
	struct sim_store *st = make(p->path, MIB);
	unsigned char buf[512] = { 1 };
	void *mem;

	assert_int_equal(st->ops->write(st, 0, buf, 512), 0);
	store_free(st);
	st = store_file_new(&fp, &msg);
	assert_non_null(st);
	assert_true(st->readonly);
	assert_int_equal(st->ops->map(st, 0, 512, true, &mem), SIM_EROFS);
	assert_int_equal(st->ops->write(st, 0, buf, 512), SIM_EROFS);
	assert_int_equal(st->ops->zero(st, 0, 512, true), SIM_EROFS);
	buf[0] = 0;
	assert_int_equal(map_read(st, 0, buf, 512), 0);
	assert_int_equal(buf[0], 1);
	store_free(st);
}

static void test_zero(void **state)
{
	struct place *p = *state;

	for (int unmap = 0; unmap < 2; unmap++) {
		struct sim_store *st = make(p->path, 4 * MIB);
		unsigned char *buf = malloc(MIB);
		uint64_t used;

		memset(buf, 0xff, MIB);
		assert_int_equal(map_write(st, 0, buf, MIB), 0);
		used = st->ops->used(st);
		assert_in_range(used, MIB, 2 * MIB);
		assert_int_equal(st->ops->zero(st, 512, MIB - 1024, unmap), 0);
		assert_int_equal(map_read(st, 0, buf, MIB), 0);
		for (size_t i = 0; i < MIB; i++)
			assert_int_equal(buf[i], i < 512 || i >= MIB - 512 ? 0xff : 0);
		if (unmap)
			assert_true(st->ops->used(st) < used / 2);
		else
			assert_true(st->ops->used(st) >= used);
		/* and what was punched can be written again */
		memset(buf, 0x5a, MIB);
		assert_int_equal(map_write(st, PAGE, buf, PAGE), 0);
		assert_int_equal(st->ops->read(st, PAGE, buf + MIB / 2, PAGE), 0);
		assert_memory_equal(buf + MIB / 2, buf, PAGE);
		free(buf);
		store_free(st);
		unlink(p->path);
	}
}

/* cut short behind our back: an error, every way */
static void test_cut_short(void **state)
{
	struct place *p = *state;
	struct sim_store *st = make(p->path, 4 * MIB);
	unsigned char buf[PAGE] = { 0 };

	assert_int_equal(map_write(st, 2 * MIB, buf, PAGE), 0);
	assert_int_equal(truncate(p->path, MIB), 0);
	assert_int_equal(st->ops->read(st, 2 * MIB, buf, PAGE), SIM_EIO);
	assert_int_equal(st->ops->write(st, 2 * MIB, buf, PAGE), SIM_EIO);
	assert_int_equal(st->ops->zero(st, 2 * MIB, PAGE, false), SIM_EIO);
	assert_int_equal(st->ops->zero(st, 2 * MIB, PAGE, true), SIM_EIO);
	assert_int_equal(st->ops->check(st, 2 * MIB, PAGE, false), SIM_EIO);
	assert_int_equal(st->ops->check(st, 2 * MIB, PAGE, true), SIM_EIO);
	assert_true(map_read(st, 2 * MIB, buf, PAGE) < 0);
	assert_true(map_write(st, 2 * MIB, buf, PAGE) < 0);
	assert_true(map_write(st, 3 * MIB, buf, PAGE) < 0);
	/* what is left works, and the file was not made longer */
	assert_int_equal(map_write(st, 0, buf, PAGE), 0);
	assert_int_equal(st->ops->check(st, 0, PAGE, true), 0);
	store_free(st);
	make_fails(&(struct store_file_params){ .path = p->path, .size = 4 * MIB }, "less than");
}

/* ---- what needs a process of its own ------------------------------------------------------ */

/* run @fn in a child. It returns 0 or a line number. */
static void in_child(int (*fn)(const struct place *p), const struct place *p)
{
	int status, ret;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		ret = fn(p);
		_exit(ret == 0 ? 0 : (fprintf(stderr, "line %d\n", ret), 1));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status)); /* no signal */
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* system call @nr fails with @err from now on. Return: whether it could be arranged. */
static bool forbid(long nr, int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int full_disk(const struct place *p)
{
	struct store_file_params fp = { .path = p->path, .size = 64 * MIB, .create = true };
	static unsigned char buf[64 << 10];
	struct sim_msg msg;
	struct sim_store *st;
	unsigned int n = 0;
	int ret = 0;
	void *mem;

	CHECK(small_disk(p->dir));
	st = store_file_new(&fp, &msg);
	CHECK(st);
	memset(buf, 0xab, sizeof(buf));
	/* reading all of it takes no space: a tmpfs gives a page to whoever reads a mapped hole */
	for (uint64_t off = 0; off < st->size; off += sizeof(buf)) {
		static unsigned char in[sizeof(buf)];

		CHECK(!map_read(st, off, in, sizeof(in)));
		CHECK(!in[0] && !in[sizeof(in) - 1]);
	}
	CHECK(st->ops->used(st) == 0);
	while (n < 64 && !(ret = map_write(st, n * 2 * sizeof(buf), buf, sizeof(buf))))
		n++;
	CHECK(ret == SIM_ENOSPC && n >= 12 && n <= 16);
	CHECK(st->ops->write(st, 60 * MIB, buf, sizeof(buf)) == SIM_ENOSPC);
	CHECK(st->ops->map(st, 60 * MIB, sizeof(buf), true, &mem) == SIM_ENOSPC);
	CHECK(st->ops->check(st, 60 * MIB, sizeof(buf), true) == SIM_ENOSPC);
	/* what is allocated can still be written and read, and giving some back makes room */
	CHECK(!map_write(st, 0, buf, sizeof(buf)));
	CHECK(!map_read(st, 0, buf, sizeof(buf)) && buf[0] == 0xab);
	CHECK(!st->ops->zero(st, 0, 2 * sizeof(buf), true));
	CHECK(!map_write(st, 60 * MIB, buf, sizeof(buf)));
	/* the room that was given back is known to be gone */
	CHECK(map_write(st, 0, buf, sizeof(buf)) == SIM_ENOSPC);
	CHECK(!map_read(st, 0, buf, sizeof(buf)) && buf[0] == 0);
	store_free(st);
	return 0;
}

static void test_full_disk(void **state)
{
	in_child(full_disk, *state);
}

/* space for a chunk is not there, but for the blocks asked for it is */
static int nearly_full_disk(const struct place *p)
{
	struct store_file_params fp = { .path = p->path, .size = 64 * MIB, .create = true };
	static unsigned char buf[64 << 10];
	struct sim_msg msg;
	struct sim_store *st;
	unsigned int n = 0;

	CHECK(small_disk(p->dir));
	st = store_file_new(&fp, &msg);
	CHECK(st);
	while (!map_write(st, n * 2 * sizeof(buf), buf, sizeof(buf)))
		n++;
	CHECK(!st->ops->zero(st, 0, 8192, true)); /* two pages free */
	CHECK(map_write(st, 32 * MIB, buf, 3 * PAGE) == SIM_ENOSPC);
	CHECK(!map_write(st, 32 * MIB, buf, PAGE));
	CHECK(!map_write(st, 48 * MIB, buf, PAGE));
	CHECK(map_write(st, 56 * MIB, buf, PAGE) == SIM_ENOSPC);
	store_free(st);
	return 0;
}

static void test_nearly_full_disk(void **state)
{
	in_child(nearly_full_disk, *state);
}

/* a file system that cannot reserve space: no mapping for writes, and everything works */
static int no_fallocate(const struct place *p)
{
	struct store_file_params fp = { .path = p->path, .size = MIB, .create = true };
	unsigned char out[PAGE], in[PAGE] = { 0 };
	struct sim_msg msg;
	struct sim_store *st;
	void *mem;

	CHECK(forbid(SYS_fallocate, EOPNOTSUPP));
	st = store_file_new(&fp, &msg);
	CHECK(st);
	CHECK(!st->ops->map(st, 0, PAGE, true, &mem) && !mem);
	memset(out, 0x21, sizeof(out));
	CHECK(!st->ops->write(st, 512, out, PAGE));
	CHECK(!map_read(st, 512, in, PAGE) && !memcmp(in, out, PAGE));
	for (int unmap = 0; unmap < 2; unmap++) {
		CHECK(!st->ops->write(st, 512, out, PAGE));
		CHECK(!st->ops->zero(st, 1024, 300000, unmap));
		CHECK(!st->ops->read(st, 512, in, PAGE));
		CHECK(in[511] == 0x21 && in[512] == 0 && in[PAGE - 1] == 0);
	}
	store_free(st);
	return 0;
}

static void test_no_fallocate(void **state)
{
	in_child(no_fallocate, *state);
}

struct flushed {
	unsigned int n;
	int err;
};

static void flushed(void *arg, int err)
{
	struct flushed *f = arg;

	f->n++;
	if (err)
		f->err = err;
}

static int no_io_uring(const struct place *p)
{
	struct store_file_params fp = { .path = p->path, .size = MIB, .create = true };
	struct flushed f = { 0 };
	struct sim_msg msg;
	struct sim_store *st;

	CHECK(forbid(SYS_io_uring_setup, EPERM));
	st = store_file_new(&fp, &msg);
	CHECK(st);
	CHECK(store_fd(st) == -1);
	st->ops->flush(st, flushed, &f);
	CHECK(f.n == 1 && !f.err);
	store_run(st);
	store_free(st);
	return 0;
}

static void test_no_io_uring(void **state)
{
	in_child(no_io_uring, *state);
}

/* many flushes, more than can wait: each is told, once */
static void test_flush(void **state)
{
	struct place *p = *state;
	struct sim_store *st = make(p->path, MIB);
	struct flushed f[200] = { 0 };
	struct pollfd pfd = { .fd = store_fd(st), .events = POLLIN };
	unsigned char buf[512] = { 1 };
	unsigned int done = 0;

	assert_int_equal(st->ops->write(st, 0, buf, 512), 0);
	for (int i = 0; i < 200; i++)
		st->ops->flush(st, flushed, &f[i]);
	while (pfd.fd >= 0 && done < 200) {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		store_run(st);
		done = 0;
		for (int i = 0; i < 200; i++)
			done += f[i].n;
	}
	for (int i = 0; i < 200; i++) {
		assert_int_equal(f[i].n, 1);
		assert_int_equal(f[i].err, 0);
	}
	/* closing finishes what was begun */
	st->ops->flush(st, flushed, &f[0]);
	st->ops->flush(st, flushed, &f[1]);
	store_free(st);
	assert_int_equal(f[0].n, 2);
	assert_int_equal(f[1].n, 2);
}

static uint64_t resident_file_bytes(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*u %*u %llu", &pages), 1);
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* where data may be: never less than there is, holes left out where they are known */
static void test_next_data(void **state)
{
	struct place *p = *state;
	struct sim_store *st = make(p->path, 64 * MIB + 512);
	uint64_t start = 0, end = 0, sum = 0;
	unsigned char page[PAGE];

	memset(page, 1, sizeof(page));
	assert_true(st->fresh);
	assert_int_equal(st->ops->next_data(st, 0, &start, &end), SIM_ENOENT);
	assert_int_equal(map_write(st, 16 * MIB, page, PAGE), 0);
	assert_int_equal(st->ops->write(st, 64 * MIB, page, 512), 0);
	for (uint64_t off = 0; !st->ops->next_data(st, off, &start, &end); off = end) {
		assert_true(start >= off && end > start && end <= st->size);
		sum += end - start;
		if (off <= 16 * MIB)
			assert_true(start <= 16 * MIB && end >= 16 * MIB + PAGE);
	}
	assert_int_equal(end, st->size);
	assert_in_range(sum, PAGE + 512, 4 * MIB);
	assert_int_equal(st->ops->next_data(st, st->size, &start, &end), SIM_ENOENT);
	/* from the middle of a run */
	assert_int_equal(st->ops->next_data(st, 16 * MIB + 100, &start, &end), 0);
	assert_int_equal(start, 16 * MIB + 100);
	store_free(st);
	st = make(p->path, 64 * MIB + 512);
	assert_false(st->fresh);
	assert_int_equal(st->ops->next_data(st, 0, &start, &end), 0);
	assert_int_equal(st->ops->zero(st, 0, st->size, true), 0);
	/* but for the last, partial page */
	if (!st->ops->next_data(st, 0, &start, &end))
		assert_true(start >= 64 * MIB);
	store_free(st);
}

/* a terabyte is opened as fast as a page, and neither writing nor reading much of it stays */
static void test_terabyte(void **state)
{
	struct place *p = *state;
	uint64_t before = resident_file_bytes(), size = 1ull << 40, most = 0;
	struct sim_store *st = make(p->path, size);
	unsigned char *buf = calloc(1, 128 << 10);

	for (uint64_t i = 0; i < 512; i++) { /* 64 MiB, all over */
		assert_int_equal(map_write(st, i * (size / 512), buf, 128 << 10), 0);
		assert_int_equal(map_read(st, i * (size / 512) + 512 * 1024, buf, 128 << 10), 0);
		if (resident_file_bytes() > most)
			most = resident_file_bytes();
	}
	assert_true(most < before + 14 * MIB);
	assert_true(st->ops->used(st) < 128 * MIB);
	free(buf);
	store_free(st);
}

/* with more in use than may be resident, short transfers are not mapped; both ways see one medium */
static void test_crowded(void **state)
{
	struct place *p = *state;
	struct sim_store *st = make(p->path, 256 * MIB);
	unsigned char *buf = calloc(1, 128 << 10), page[PAGE];
	uint64_t before;
	void *ptr;

	memset(page, 0x5a, sizeof(page));
	assert_int_equal(st->ops->map(st, MIB, PAGE, true, &ptr), 0);
	assert_non_null(ptr);
	memcpy(ptr, page, PAGE);
	for (uint64_t i = 0; i < 512; i++)
		assert_int_equal(map_write(st, 128 * MIB + i * (128 << 10), buf, 128 << 10), 0);
	assert_int_equal(st->ops->map(st, MIB, PAGE, false, &ptr), 0);
	assert_null(ptr);
	assert_int_equal(st->ops->read(st, MIB, buf, PAGE), 0);
	assert_memory_equal(buf, page, PAGE);
	/* there is room for what is to be written all the same */
	before = blocks_of(p->path);
	assert_int_equal(st->ops->map(st, 100 * MIB, PAGE, true, &ptr), 0);
	assert_null(ptr);
	assert_true(blocks_of(p->path) > before);
	assert_int_equal(st->ops->write(st, 100 * MIB, page, PAGE), 0);
	assert_int_equal(map_read(st, 100 * MIB, buf, 128 << 10), 0);
	assert_memory_equal(buf, page, PAGE);
	free(buf);
	store_free(st);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_create),	 TEST(test_sizes),	      TEST(test_cannot_open),
		TEST(test_unwritable),	 TEST(test_in_use),	      TEST(test_persist),
		TEST(test_odd_size),	 TEST(test_readonly),	      TEST(test_zero),
		TEST(test_cut_short),	 TEST(test_no_fallocate),     TEST(test_no_io_uring),
		TEST(test_flush),	 TEST(test_terabyte),	      TEST(test_next_data),
		TEST(test_crowded),
	};
	const struct CMUnitTest full[] = { TEST(test_full_disk), TEST(test_nearly_full_disk) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	/* a container may forbid mounts; in the guest, where this runs too, they are allowed */
	if (may_mount())
		failed += cmocka_run_group_tests(full, NULL, NULL);
	else
		printf("# no mounts here: no test of full disks\n");
	return failed;
}
