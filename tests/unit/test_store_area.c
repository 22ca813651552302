/* SPDX-License-Identifier: MIT */
/*
 * test_store_area.c - memory that survives the process: whose it is, what it costs, full disks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../../store/store.h"
#include "small_disk.h"

#define MIB (1ull << 20)
#define PAGE 4096u

struct place {
	char dir[64];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "area-test-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	DIR *d = opendir(p->dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(p->dir);
	free(p);
	return 0;
}

static struct sim_journal_port open_ok(const struct place *p)
{
	struct sim_journal_port j;
	struct sim_msg msg = { "" };

	if (store_journal_open(p->dir, "stem", &j, &msg))
		fail_msg("%s", msg.text);
	return j;
}

static unsigned char *get(struct sim_journal_port *j, uint16_t type, uint64_t key, uint64_t len,
			  bool fresh)
{
	bool f = !fresh;
	unsigned char *p = j->area(j->opaque, type, key, len, &f);

	assert_non_null(p);
	assert_int_equal(f, fresh);
	return p;
}

static void put(struct sim_journal_port *j, uint16_t type, uint64_t key, void *mem, uint64_t len,
		bool forget)
{
	j->area_free(j->opaque, type, key, mem, len, forget);
}

/* bytes on disk of the area's file; its name begins with the journal's, as all its files do */
static int64_t disk(const struct place *p, unsigned int type, unsigned int key)
{
	char path[128];
	struct stat sb;

	snprintf(path, sizeof(path), "%s/stem.area-%u-%u", p->dir, type, key);
	return stat(path, &sb) ? -1 : (int64_t)sb.st_blocks * 512;
}

static bool zeroes(const unsigned char *p, size_t len)
{
	return !p[0] && !memcmp(p, p + 1, len - 1);
}

static void test_keeps(void **state)
{
	struct sim_journal_port j = open_ok(*state);
	unsigned char *a = get(&j, 3, 1, 3 * PAGE, true), *b = get(&j, 3, 2, 100, true), *c;

	assert_true(zeroes(a, 3 * PAGE));
	assert_true(zeroes(b, 100));
	memset(a, 0xa1, 3 * PAGE);
	memset(b, 0xb2, 100);
	put(&j, 3, 2, b, 100, false);
	b = get(&j, 3, 2, 100, false);
	assert_int_equal(b[99], 0xb2);
	/* another type is another area */
	c = get(&j, 4, 1, PAGE, true);
	assert_true(zeroes(c, PAGE));
	assert_int_equal(j.sync(j.opaque), 0);
	store_journal_close(&j); /* with all three of them open */

	j = open_ok(*state);
	a = get(&j, 3, 1, 3 * PAGE, false);
	assert_int_equal(a[0], 0xa1);
	assert_int_equal(a[3 * PAGE - 1], 0xa1);
	put(&j, 3, 1, a, 3 * PAGE, true);
	assert_int_equal(disk(*state, 3, 1), -1);
	a = get(&j, 3, 1, 3 * PAGE, true);
	assert_true(zeroes(a, 3 * PAGE));
	put(&j, 3, 1, a, 3 * PAGE, false);
	/* another length: what it held was something else */
	a = get(&j, 3, 1, 64 * PAGE, true);
	assert_true(zeroes(a, 64 * PAGE));
	a[63 * PAGE] = 1;
	store_journal_close(&j);
}

static void test_killed(void **state)
{
	struct sim_journal_port j;
	unsigned char *a;
	int status;
	pid_t pid = fork();

	if (!pid) {
		j = open_ok(*state);
		a = get(&j, 3, 1, MIB, true);
		memset(a + 5 * PAGE, 0x77, PAGE);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	j = open_ok(*state);
	a = get(&j, 3, 1, MIB, false);
	assert_int_equal(a[5 * PAGE], 0x77);
	assert_int_equal(a[6 * PAGE - 1], 0x77);
	assert_true(zeroes(a, 5 * PAGE));
	store_journal_close(&j);
}

/* it costs what was written to, and what was reserved; reserving keeps what is there */
static void test_sparse(void **state)
{
	struct sim_journal_port j = open_ok(*state);
	uint64_t len = 1ull << 36;
	unsigned char *a = get(&j, 3, 1, len, true);

	assert_true(disk(*state, 3, 1) <= 64 * 1024);
	a[len / 2] = 9;
	assert_int_equal(j.area_reserve(j.opaque, a, len / 2 - PAGE, 2 * PAGE), 0);
	assert_int_equal(j.area_reserve(j.opaque, a, len - 10, 10), 0);
	assert_int_equal(a[len / 2], 9);
	assert_int_equal(a[len / 2 - 1], 0);
	assert_int_equal(j.sync(j.opaque), 0);
	assert_in_range(disk(*state, 3, 1), 3 * PAGE, 3 * PAGE + 256 * 1024);
	store_journal_close(&j);
}

/* memory that need not survive leaves nothing behind */
static void test_mere_memory(void **state)
{
	struct sim_journal_port j = open_ok(*state);
	unsigned char *a = j.area(j.opaque, 4, 0, MIB, NULL), *b = get(&j, 4, 0, MIB, true);

	assert_non_null(a);
	assert_true(zeroes(a, MIB));
	memset(a, 1, MIB);
	assert_true(zeroes(b, MIB));
	assert_int_equal(j.sync(j.opaque), 0);
	put(&j, 4, 0, a, MIB, true);
	assert_true(disk(*state, 4, 0) >= 0);
	store_journal_close(&j);
}

/* bytes of memory at @p */
static uint64_t resident(void *p, uint64_t len)
{
	unsigned char vec[MIB / PAGE];
	uint64_t n = 0;

	assert_int_equal(mincore(p, len, vec), 0);
	for (uint64_t i = 0; i < len / PAGE; i++)
		n += vec[i] & 1 ? PAGE : 0;
	return n;
}

/* whole pages are zeroes again and cost nothing; what is around them stays */
static void check_punched(struct sim_journal_port *j, unsigned char *a)
{
	memset(a, 0x5a, MIB);
	j->area_punch(j->opaque, a, 3 * PAGE - 1, 5 * PAGE + 2);
	assert_int_equal(resident(a, MIB), MIB - 5 * PAGE);
	assert_int_equal(a[3 * PAGE - 1], 0x5a);
	assert_int_equal(a[8 * PAGE], 0x5a);
	assert_true(zeroes(a + 3 * PAGE, 5 * PAGE));
	j->area_punch(j->opaque, a, 20 * PAGE + 1, PAGE);
	assert_int_equal(a[20 * PAGE + 1], 0x5a);
	a[4 * PAGE] = 7;
	assert_int_equal(a[4 * PAGE], 7);
}

static void test_punch(void **state)
{
	struct sim_journal_port j = open_ok(*state), none = { 0 };
	unsigned char *a = get(&j, 3, 1, MIB, true), *b = j.area(j.opaque, 4, 0, MIB, NULL), *c;
	int64_t before;

	memset(a, 0x5a, MIB);
	assert_int_equal(j.sync(j.opaque), 0);
	before = disk(*state, 3, 1);
	check_punched(&j, a);
	assert_int_equal(j.sync(j.opaque), 0);
	assert_true(disk(*state, 3, 1) < before);
	check_punched(&j, b);
	j.area_punch(j.opaque, &none, 0, MIB); /* no such area */
	store_journal_close(&j);

	j = open_ok(*state);
	a = get(&j, 3, 1, MIB, false);
	assert_int_equal(a[4 * PAGE], 7);
	assert_true(zeroes(a + 5 * PAGE, 3 * PAGE));
	assert_int_equal(a[8 * PAGE], 0x5a);
	store_journal_close(&j);

	store_anon_areas(&none);
	c = none.area(none.opaque, 1, 1, MIB, NULL);
	check_punched(&none, c);
	none.area_free(none.opaque, 1, 1, c, MIB, false);
}

static void test_cannot(void **state)
{
	struct sim_journal_port j = open_ok(*state);
	bool fresh;

	assert_null(j.area(j.opaque, 3, 1, 0, &fresh));
	assert_null(j.area(j.opaque, 3, 1, UINT64_MAX, &fresh));
	assert_null(j.area(j.opaque, 3, 1, 1ull << 62, &fresh));
	assert_true(j.area_reserve(j.opaque, &fresh, 0, 1) < 0); /* no such area */
	store_journal_close(&j);
}

static void test_boot(void **state)
{
	struct sim_journal_port j = open_ok(*state);

	if (j.boot) {
		assert_int_not_equal(j.boot(j.opaque), 0);
		assert_int_equal(j.boot(j.opaque), j.boot(j.opaque));
	}
	store_journal_close(&j);
}

static void test_anonymous(void **state)
{
	struct sim_journal_port j = { 0 };
	unsigned char *a, *b;

	store_anon_areas(&j);
	assert_null(j.put);
	a = get(&j, 3, 1, 1ull << 40, true);
	assert_true(zeroes(a + (1ull << 39), PAGE));
	a[1ull << 39] = 1;
	b = j.area(j.opaque, 3, 1, PAGE, NULL);
	assert_non_null(b);
	b[0] = 1;
	put(&j, 3, 1, a, 1ull << 40, false);
	put(&j, 3, 1, b, PAGE, true);
	a = get(&j, 3, 1, PAGE, true);
	assert_true(zeroes(a, PAGE));
	put(&j, 3, 1, a, PAGE, true);
}

/* ---- a full disk -------------------------------------------------------------------------- */

/* reserving says so; what was reserved can be written: no signal */
static int full_disk(const struct place *p)
{
	static char fill[64 << 10];
	struct sim_journal_port j;
	struct sim_msg msg;
	unsigned char *a;
	uint64_t n = 0;
	int fd, ret = 0;
	bool fresh;
	char path[128];

	CHECK(small_disk(p->dir));
	CHECK(!store_journal_open(p->dir, "stem", &j, &msg));
	a = j.area(j.opaque, 3, 1, 64 * MIB, &fresh);
	CHECK(a && fresh);
	for (; !ret && n < 64 * MIB; n += ret ? 0 : 64 << 10)
		ret = j.area_reserve(j.opaque, a, n, 64 << 10);
	CHECK(ret == SIM_ENOSPC && n >= 512 << 10 && n < MIB);
	snprintf(path, sizeof(path), "%s/filler", p->dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	while (write(fd, fill, sizeof(fill)) > 0)
		;
	close(fd);
	memset(a, 0x5a, n);
	CHECK(j.area_reserve(j.opaque, a, 0, n) == 0); /* still its own */
	CHECK(j.area_reserve(j.opaque, a, 32 * MIB, 1) == SIM_ENOSPC);
	CHECK(a[n - 1] == 0x5a);
	j.area_free(j.opaque, 3, 1, a, 64 * MIB, true);
	store_journal_close(&j);
	return 0;
}

static void test_full_disk(void **state)
{
	int status, line;
	pid_t pid = fork();

	if (!pid) {
		line = full_disk(*state);
		if (line)
			fprintf(stderr, "line %d\n", line);
		_exit(line != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status)); /* no signal */
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_keeps),	TEST(test_killed), TEST(test_sparse),
		TEST(test_mere_memory), TEST(test_cannot), TEST(test_boot),
		TEST(test_anonymous),	TEST(test_punch),
	};
	const struct CMUnitTest full[] = { TEST(test_full_disk) };
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	/* a container may forbid mounts; in the guest, where this runs too, they are allowed */
	if (may_mount())
		failed += cmocka_run_group_tests(full, NULL, NULL);
	else
		printf("# no mounts here: no test of full disks\n");
	return failed;
}
