/* SPDX-License-Identifier: MIT */
/*
 * test_journal.c - what survives: records and cells, torn tails, damage, kill -9.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../store/store.h"

struct dir {
	char path[64], journal[96], cells[96];
};

static int setup(void **state)
{
	struct dir *d = calloc(1, sizeof(*d));

	strcpy(d->path, "journal-test-XXXXXX");
	if (!mkdtemp(d->path))
		return -1;
	snprintf(d->journal, sizeof(d->journal), "%s/n.journal", d->path);
	snprintf(d->cells, sizeof(d->cells), "%s/n.cells", d->path);
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct dir *d = *state;

	unlink(d->journal);
	unlink(d->cells);
	rmdir(d->path);
	free(d);
	return 0;
}

static struct sim_journal_port open_ok(const struct dir *d)
{
	struct sim_journal_port p;
	struct sim_msg msg = { "" };

	if (store_journal_open(d->path, "n", &p, &msg))
		fail_msg("%s", msg.text);
	return p;
}

static void open_fails(const struct dir *d, const char *word)
{
	struct sim_journal_port p;
	struct sim_msg msg = { "" };

	assert_true(store_journal_open(d->path, "n", &p, &msg) < 0);
	if (!strstr(msg.text, word))
		fail_msg("'%s' does not say '%s'", msg.text, word);
}

static off_t size_of(const char *path)
{
	struct stat sb;

	assert_int_equal(stat(path, &sb), 0);
	return sb.st_size;
}

static void put(struct sim_journal_port *p, uint16_t type, uint64_t key, const char *text)
{
	assert_int_equal(p->put(p->opaque, type, key, 7, text, (uint32_t)strlen(text)), 0);
}

static void expect(struct sim_journal_port *p, uint16_t type, uint64_t key, const char *text)
{
	char buf[64] = "";
	uint16_t version = 0;
	int len = p->get(p->opaque, type, key, &version, buf, sizeof(buf));

	if (!text) {
		assert_int_equal(len, SIM_ENOENT);
		return;
	}
	assert_int_equal(len, strlen(text));
	assert_string_equal(buf, text);
	assert_int_equal(version, 7);
}

static void test_put_get(void **state)
{
	struct sim_journal_port p = open_ok(*state);
	uint16_t version;
	char two[2];

	expect(&p, 1, 1, NULL);
	put(&p, 1, 1, "one");
	put(&p, 1, 2, "two");
	put(&p, 2, 1, "another type");
	put(&p, 1, 1, "one, newer");
	put(&p, 3, 0, "");
	expect(&p, 1, 1, "one, newer");
	expect(&p, 1, 2, "two");
	expect(&p, 2, 1, "another type");
	expect(&p, 2, 2, NULL);
	expect(&p, 3, 0, "");
	/* the record's length, also when there is no room for all of it */
	assert_int_equal(p.get(p.opaque, 1, 2, &version, two, 2), 3);
	assert_memory_equal(two, "tw", 2);
	store_journal_close(&p);
	assert_null(p.put);
}

static void test_reopen(void **state)
{
	struct sim_journal_port p = open_ok(*state);

	for (uint64_t key = 0; key < 1000; key++)
		assert_int_equal(p.put(p.opaque, 9, key, 1, &key, sizeof(key)), 0);
	assert_int_equal(p.sync(p.opaque), 0);
	store_journal_close(&p);
	p = open_ok(*state);
	for (uint64_t key = 0; key < 1000; key++) {
		uint64_t got = 0;
		uint16_t version;

		assert_int_equal(p.get(p.opaque, 9, key, &version, &got, 8), 8);
		assert_int_equal(got, key);
	}
	store_journal_close(&p);
}

static void test_locked(void **state)
{
	struct sim_journal_port p = open_ok(*state);

	open_fails(*state, "in use");
	store_journal_close(&p);
	p = open_ok(*state);
	store_journal_close(&p);
}

static void test_bad_places(void **state)
{
	struct sim_journal_port p;
	struct sim_msg msg;

	assert_true(store_journal_open("missing/dir", "n", &p, &msg) < 0);
	assert_non_null(strstr(msg.text, "missing/dir"));
	assert_true(store_journal_open(".", "a/b", &p, &msg) < 0);
	assert_non_null(strstr(msg.text, "a/b"));
}

static void spoil(const char *path, off_t off)
{
	int fd = open(path, O_RDWR);
	unsigned char b;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &b, 1, off), 1);
	b ^= 0x10;
	assert_int_equal(pwrite(fd, &b, 1, off), 1);
	close(fd);
}

/*
 * A process that is killed, as the file has it: the records are there, and nothing that close does
 * has been done. Leaves @before records' bytes and all records' bytes.
 */
static void leave_records(struct dir *d, off_t *before, off_t *after, bool sync)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct sim_journal_port p = open_ok(d);

		put(&p, 1, 1, "old");
		put(&p, 1, 2, "kept");
		if (sync && p.sync(p.opaque))
			_exit(1);
		put(&p, 1, 1, "the newest one");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	*after = size_of(d->journal);
	*before = *after - (24 + 16); /* header and padded payload of the last one */
}

/* whatever part of the last record is missing, the ones before it are there, and only they */
static void test_torn_tail(void **state)
{
	struct dir *d = *state;
	off_t before, after;

	leave_records(d, &before, &after, false);
	for (off_t cut = after; cut >= before; cut--) {
		struct sim_journal_port p;

		assert_int_equal(truncate(d->journal, cut), 0);
		p = open_ok(d);
		expect(&p, 1, 1, cut == after ? "the newest one" : "old");
		expect(&p, 1, 2, "kept");
		/* and it can go on from there */
		put(&p, 5, (uint64_t)cut, "more");
		expect(&p, 5, (uint64_t)cut, "more");
		store_journal_close(&p);
		p = open_ok(d);
		expect(&p, 5, (uint64_t)cut, "more");
		store_journal_close(&p);
		teardown(state);
		setup(state);
		d = *state;
		leave_records(d, &before, &after, false);
	}
}

static void test_spoiled_tail(void **state)
{
	struct dir *d = *state;
	off_t before, after;

	for (off_t i = 0; i < 24 + 14; i++) { /* the last record, without its padding */
		struct sim_journal_port p;

		leave_records(d, &before, &after, false);
		spoil(d->journal, before + i);
		p = open_ok(d);
		expect(&p, 1, 1, "old");
		expect(&p, 1, 2, "kept");
		store_journal_close(&p);
		teardown(state);
		setup(state);
		d = *state;
	}
}

/* what was synced is not dropped in silence */
static void test_damage(void **state)
{
	struct dir *d = *state;
	off_t before, after;

	leave_records(d, &before, &after, true);
	spoil(d->journal, before - 10);
	open_fails(d, "damaged");
	spoil(d->journal, before - 10);
	assert_int_equal(truncate(d->journal, before - 1), 0);
	open_fails(d, "damaged");
}

static void test_foreign(void **state)
{
	struct dir *d = *state;
	int fd = open(d->journal, O_CREAT | O_WRONLY, 0600);

	assert_int_equal(write(fd, "this is a letter to a friend", 28), 28);
	close(fd);
	open_fails(d, "not a journal");
	unlink(d->journal);
	fd = open(d->cells, O_WRONLY);
	assert_int_equal(pwrite(fd, "a diary", 7, 0), 7);
	close(fd);
	open_fails(d, "not a file of counters");
}

/* a process may die before the header of a new file is whole */
static void test_short_header(void **state)
{
	struct dir *d = *state;

	for (int len = 0; len < 16; len++) {
		struct sim_journal_port p = open_ok(d);

		store_journal_close(&p);
		assert_int_equal(truncate(d->journal, len), 0);
		unlink(d->cells);
		p = open_ok(d);
		put(&p, 1, 1, "x");
		store_journal_close(&p);
		p = open_ok(d);
		expect(&p, 1, 1, "x");
		store_journal_close(&p);
	}
}

static void test_compaction(void **state)
{
	struct dir *d = *state;
	struct sim_journal_port p = open_ok(d);
	char text[64];

	put(&p, 2, 2, "written once");
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "version %d", i);
		put(&p, 1, (uint64_t)i % 10, text);
	}
	assert_true(size_of(d->journal) < 256 << 10); /* 20,000 records are about 800 KiB */
	for (int round = 0; round < 2; round++) {
		for (int i = 19990; i < 20000; i++) {
			snprintf(text, sizeof(text), "version %d", i);
			expect(&p, 1, (uint64_t)i % 10, text);
		}
		expect(&p, 2, 2, "written once");
		store_journal_close(&p);
		p = open_ok(d);
	}
	store_journal_close(&p);
}

static void test_cells(void **state)
{
	struct dir *d = *state;
	struct sim_journal_port p = open_ok(d);
	uint64_t *a = p.cell(p.opaque, 1, 0, 128), *b = p.cell(p.opaque, 1, 1, 64);

	assert_non_null(a);
	assert_non_null(b);
	assert_ptr_not_equal(a, b);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(a[i], 0);
		a[i] = 100u + (unsigned int)i;
	}
	b[7] = 42;
	assert_ptr_equal(p.cell(p.opaque, 1, 0, 128), a);
	assert_null(p.cell(p.opaque, 1, 9, 7));	     /* not a multiple of 8 */
	assert_null(p.cell(p.opaque, 1, 9, 1 << 30)); /* no room, and no crash */
	store_journal_close(&p);

	p = open_ok(d);
	a = p.cell(p.opaque, 1, 0, 128);
	b = p.cell(p.opaque, 1, 1, 128); /* longer than it was */
	for (int i = 0; i < 16; i++)
		assert_int_equal(a[i], 100 + i);
	assert_int_equal(b[7], 42);
	assert_int_equal(b[8], 0);
	b[15] = 43;
	store_journal_close(&p);

	p = open_ok(d);
	b = p.cell(p.opaque, 1, 1, 128);
	assert_int_equal(b[7], 42);
	assert_int_equal(b[15], 43);
	store_journal_close(&p);
}

/* killed while a cell was moved to where it has more room: the file names both places */
static void test_cell_moved(void **state)
{
	struct dir *d = *state;
	struct sim_journal_port p = open_ok(d);
	const off_t second = 64 + 32; /* its directory entry */
	char entry[32];
	uint64_t *b;
	int fd;

	p.cell(p.opaque, 1, 1, 8);
	b = p.cell(p.opaque, 1, 2, 8);
	*b = 5;
	fd = open(d->cells, O_RDWR);
	assert_int_equal(pread(fd, entry, sizeof(entry), second), sizeof(entry));
	p.cell(p.opaque, 1, 1, 16); /* leaves the first entry to the one that moves next */
	b = p.cell(p.opaque, 1, 2, 16);
	assert_int_equal(b[0], 5);
	b[0] = 6;
	store_journal_close(&p);
	assert_int_equal(pwrite(fd, entry, sizeof(entry), second), sizeof(entry));
	close(fd);
	p = open_ok(d);
	b = p.cell(p.opaque, 1, 2, 16);
	assert_int_equal(b[0], 6);
	store_journal_close(&p);
}

static void test_many_cells(void **state)
{
	struct sim_journal_port p = open_ok(*state);
	unsigned int n = 0;

	for (; n < 2000; n++) {
		uint64_t *c = p.cell(p.opaque, 4, n, 256);

		if (!c)
			break;
		*c = n;
	}
	assert_in_range(n, 256, 1999); /* a controller each, and an end to it */
	store_journal_close(&p);
	p = open_ok(*state);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(*(uint64_t *)p.cell(p.opaque, 4, i, 256), i);
	store_journal_close(&p);
}

static void test_cells_cut(void **state)
{
	struct dir *d = *state;
	struct sim_journal_port p = open_ok(d);

	assert_non_null(p.cell(p.opaque, 1, 1, 65536));
	store_journal_close(&p);
	assert_int_equal(truncate(d->cells, size_of(d->cells) - 32768), 0);
	open_fails(d, "cut short");
}

/* child: put and count as fast as it can, telling each number when put has returned */
static void put_for_ever(const struct dir *d, int fd, uint64_t from)
{
	struct sim_journal_port p = open_ok(d);
	_Atomic uint64_t *count = p.cell(p.opaque, 8, 0, 8);

	for (uint64_t i = from;; i++) {
		uint64_t rec[20];

		for (int k = 0; k < 20; k++)
			rec[k] = i;
		if (p.put(p.opaque, 3, i % 32, 1, rec, sizeof(rec)))
			_exit(1);
		*count = i;
		if (write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

static void test_kill(void **state)
{
	uint64_t from = 1;

	for (int round = 0; round < 25; round++) {
		struct sim_journal_port p;
		uint64_t acked = 0, got, newest = 0, *count;
		int pipefd[2];
		pid_t pid;

		assert_int_equal(pipe(pipefd), 0);
		pid = fork();
		if (!pid) {
			close(pipefd[0]);
			put_for_ever(*state, pipefd[1], from);
		}
		close(pipefd[1]);
		/* a different number of records each time, compactions among them */
		for (int i = 0; i < 20 + round * 37; i++)
			assert_int_equal(read(pipefd[0], &acked, sizeof(acked)), sizeof(acked));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(pipefd[0], &got, sizeof(got)) == sizeof(got))
			acked = got;
		close(pipefd[0]);

		p = open_ok(*state);
		for (uint64_t key = 0; key < 32; key++) {
			uint64_t rec[20];
			uint16_t version;
			int len = p.get(p.opaque, 3, key, &version, rec, sizeof(rec));

			if (len == SIM_ENOENT) {
				assert_true(acked < 32);
				continue;
			}
			assert_int_equal(len, sizeof(rec));
			for (int k = 0; k < 20; k++)
				assert_int_equal(rec[k], rec[0]);
			assert_int_equal(rec[0] % 32, key);
			assert_true(rec[0] + 32 > acked); /* none older than what was told */
			newest = rec[0] > newest ? rec[0] : newest;
		}
		assert_true(newest >= acked);
		count = p.cell(p.opaque, 8, 0, 8);
		assert_in_range(*count, acked, newest);
		from = newest + 1;
		store_journal_close(&p);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_put_get),	TEST(test_reopen),     TEST(test_locked),
		TEST(test_bad_places),	TEST(test_torn_tail),  TEST(test_spoiled_tail),
		TEST(test_damage),	TEST(test_foreign),    TEST(test_short_header),
		TEST(test_compaction),	TEST(test_cells),      TEST(test_many_cells),
		TEST(test_cells_cut),	TEST(test_cell_moved), TEST(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
