/* SPDX-License-Identifier: MIT */
/*
 * test_trap.c - the parts of trap/ that need no trapped program: how a path is read, who may open,
 * how memory of another process is moved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../trap/internal.h"

static void in_dev(void **state)
{
	static const struct {
		const char *dir;
		bool yes;
	} t[] = {
		{ "/dev/", true },    { "//dev//", true },   { "/./dev/././", true },
		{ "/", false },	      { "", false },	     { "dev/", false },
		{ "/de/", false },    { "/devs/", false },   { "/dev/x/", false },
		{ "/dev/../", false }, { "/x/dev/", false }, { "/dev/dev/", false },
		{ "/../dev/", false }, /* for the kernel to say */
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(trap_path_in_dev(t[i].dir, strlen(t[i].dir)), t[i].yes);
}

/* proc(5): Uid and Gid are real, effective, saved, file system */
static void cred_parse(void **state)
{
	char text[] = "Name:\tUid: 5\nUmask:\t0022\nTgid:\t12\nUid:\t10\t11\t12\t13\n"
		      "Gid:\t20\t21\t22\t23\nFDSize:\t64\nGroups:\t4 24 4294967294 \nNStgid:\t12\n";
	char nothing[] = "Name:\tx\n";
	struct trap_cred cr;

	trap_cred_parse(text, &cr);
	assert_int_equal(cr.ruid, 10);
	assert_int_equal(cr.euid, 11);
	assert_int_equal(cr.fsuid, 13);
	assert_int_equal(cr.rgid, 20);
	assert_int_equal(cr.egid, 21);
	assert_int_equal(cr.fsgid, 23);
	assert_int_equal(cr.nr_groups, 3);
	assert_int_equal(cr.groups[0], 4);
	assert_int_equal(cr.groups[2], 4294967294u);
	/* nobody, not root */
	trap_cred_parse(nothing, &cr);
	assert_int_equal(cr.fsuid, (uid_t)-1);
	assert_int_equal(cr.nr_groups, 0);
}

/* path_resolution(7): owner, else group, else others; the first class that fits decides */
static void cred_may(void **state)
{
	struct dmn_node n = { .mode = 0640, .uid = 100, .gid = 200 };
	struct trap_cred owner = { .fsuid = 100, .ruid = 1, .fsgid = 1, .rgid = 1 };
	struct trap_cred group = { .fsuid = 1, .ruid = 1, .fsgid = 1, .rgid = 1,
				   .groups = { 3, 200 }, .nr_groups = 2 };
	struct trap_cred egroup = { .fsuid = 1, .fsgid = 200, .ruid = 1, .rgid = 1 };
	struct trap_cred other = { .fsuid = 1, .ruid = 100, .fsgid = 1, .rgid = 1 };
	struct trap_cred root = { .fsuid = 0, .ruid = 0 };

	assert_true(trap_cred_may(&owner, &n, R_OK | W_OK, false));
	assert_false(trap_cred_may(&owner, &n, X_OK, false));
	assert_true(trap_cred_may(&group, &n, R_OK, false));
	assert_false(trap_cred_may(&group, &n, W_OK, false));
	assert_true(trap_cred_may(&egroup, &n, R_OK, false));
	assert_false(trap_cred_may(&other, &n, R_OK, false));
	assert_true(trap_cred_may(&other, &n, F_OK, false));
	/* access(2) asks for the real one */
	assert_true(trap_cred_may(&other, &n, R_OK | W_OK, true));
	assert_false(trap_cred_may(&owner, &n, R_OK, true));
	n.mode = 0;
	assert_true(trap_cred_may(&root, &n, R_OK | W_OK, false));
	assert_false(trap_cred_may(&root, &n, X_OK, false));
	n.mode = 0046; /* the owner gets the owner's bits, though others have more */
	assert_false(trap_cred_may(&owner, &n, R_OK, false));
	assert_true(trap_cred_may(&other, &n, W_OK, false));
}

#define MEM (4u << 20)

/** struct peer - a child with memory at the same address as ours, private to it */
struct peer {
	uint8_t *mem;
	pid_t pid;
};

static int peer_start(void **state)
{
	struct peer *p = calloc(1, sizeof(*p));
	int up[2];
	char byte;

	p->mem = mmap(NULL, MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->mem == MAP_FAILED || pipe(up))
		return -1;
	p->pid = fork();
	if (!p->pid) {
		for (size_t i = 0; i < MEM; i++)
			p->mem[i] = (uint8_t)(i * 31 + (i >> 12));
		munmap(p->mem + MEM - 4096, 4096);
		if (write(up[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	*state = p;
	return read(up[0], &byte, 1) == 1 ? 0 : -1;
}

static int peer_end(void **state)
{
	struct peer *p = *state;

	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	munmap(p->mem, MEM);
	free(p);
	return 0;
}

static uint8_t there(size_t i)
{
	return (uint8_t)(i * 31 + (i >> 12));
}

static void vm_plain(void **state)
{
	struct peer *p = *state;
	uint64_t end = (uintptr_t)p->mem + MEM - 4096;
	uint8_t buf[100];

	assert_int_equal(trap_vm_read(p->pid, (uintptr_t)p->mem + 5000, buf, sizeof(buf)), 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], there(5000 + i));
	/* half of it is not mapped: nothing is as good as an error */
	assert_int_equal(trap_vm_read(p->pid, end - 50, buf, 100), -EFAULT);
	assert_int_equal(trap_vm_write(p->pid, end, buf, 1), -EFAULT);
	assert_int_equal(trap_vm_write(p->pid, 0, buf, 1), -EFAULT);
}

static void vm_string(void **state)
{
	struct peer *p = *state;
	uint64_t end = (uintptr_t)p->mem + MEM - 4096;
	char buf[PATH_MAX], longest[PATH_MAX];

	assert_int_equal(trap_vm_write(p->pid, end - 4, "abc", 4), 0);
	assert_int_equal(trap_vm_string(p->pid, end - 4, buf, sizeof(buf)), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(trap_vm_write(p->pid, end - 3, "abc", 3), 0);
	assert_int_equal(trap_vm_string(p->pid, end - 3, buf, sizeof(buf)), -EFAULT);
	assert_int_equal(trap_vm_string(p->pid, 0, buf, sizeof(buf)), -EFAULT);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(trap_vm_write(p->pid, end - 9000, longest, PATH_MAX), 0);
	assert_int_equal(trap_vm_string(p->pid, end - 9000, buf, sizeof(buf)), -ENAMETOOLONG);
	longest[PATH_MAX - 1] = '\0';
	assert_int_equal(trap_vm_write(p->pid, end - 9000, longest, PATH_MAX), 0);
	assert_int_equal(trap_vm_string(p->pid, end - 9000, buf, sizeof(buf)), PATH_MAX - 1);
}

/* far more vectors than one system call takes, cut differently on the two sides */
static void vm_gather(void **state)
{
	struct peer *p = *state;
	enum { BYTES = 3 * 1024 * 1024 };
	unsigned int nr_l = 0, nr_r = 0;
	struct iovec *l = calloc(BYTES / 100, sizeof(*l)), *r = calloc(BYTES / 100, sizeof(*r));
	uint8_t *mine = malloc(BYTES);

	for (size_t at = 0, n = 501; at < BYTES; at += n, n = 501 + at % 300) {
		n = n < BYTES - at ? n : BYTES - at;
		l[nr_l++] = (struct iovec){ mine + at, n };
	}
	for (size_t at = 0, n = 1000; at < BYTES; at += n, n = 700 + at % 777) {
		n = n < BYTES - at ? n : BYTES - at;
		r[nr_r++] = (struct iovec){ p->mem + at, n };
	}
	assert_true(nr_l > 2 * IOV_MAX && nr_r > 2 * IOV_MAX);
	memset(mine, 0, BYTES);
	assert_int_equal(trap_vm_xfer(p->pid, false, l, nr_l, r, nr_r), 0);
	for (size_t i = 0; i < BYTES; i++)
		assert_int_equal(mine[i], there(i));
	for (size_t i = 0; i < BYTES; i++)
		mine[i] ^= 0xff;
	assert_int_equal(trap_vm_xfer(p->pid, true, l, nr_l, r, nr_r), 0);
	memset(mine, 0, BYTES);
	assert_int_equal(trap_vm_xfer(p->pid, false, l, nr_l, r, nr_r), 0);
	for (size_t i = 0; i < BYTES; i++)
		assert_int_equal(mine[i], there(i) ^ 0xff);

	/* the last of many is not mapped */
	r[nr_r - 1].iov_base = p->mem + MEM - 4096;
	assert_int_equal(trap_vm_xfer(p->pid, true, l, nr_l, r, nr_r), -EFAULT);
	free(l);
	free(r);
	free(mine);
}

static void check(void **state)
{
	struct peer *p = *state;
	char err[256];

	assert_int_equal(trap_check(p->pid, err, sizeof(err)), 0);
	assert_int_equal(trap_check(0x3ffffff, err, sizeof(err)), -ESRCH);
	assert_non_null(strstr(err, "memory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_dev),
		cmocka_unit_test(cred_parse),
		cmocka_unit_test(cred_may),
		cmocka_unit_test_setup_teardown(vm_plain, peer_start, peer_end),
		cmocka_unit_test_setup_teardown(vm_string, peer_start, peer_end),
		cmocka_unit_test_setup_teardown(vm_gather, peer_start, peer_end),
		cmocka_unit_test_setup_teardown(check, peer_start, peer_end),
	};

	return cmocka_run_group_tests_name("trap", tests, NULL, NULL);
}
