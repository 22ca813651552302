/* SPDX-License-Identifier: MIT */
/*
 * test_pmr.c - the file behind a Persistent Memory Region: made, found again, what it must be, and
 * what is in it when the process is killed. A Controller Memory Buffer beside it, with media in
 * files.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mach.h"

#define PMRCTL 0xe04
#define PMRSTS 0xe08
#define MEM    "memory-backend-file,id=m,mem-path=pmr.img,size=1M,share=on"

static struct sim_fn *enabled(struct fixture *f)
{
	struct sim_fn *fn = dmn_fns(f->machine)->fn;

	sim_mmio_write(fn, 0, PMRCTL, 4, 1);
	return fn;
}

static void test_survives(void **state)
{
	static const char *const words[] = { "-object", MEM, "-device", "nvme,serial=a,pmrdev=m",
					     NULL };
	struct fixture *f = *state;
	struct stat sb;

	assert_non_null(build(f, words));
	assert_int_equal(stat("pmr.img", &sb), 0);
	assert_int_equal(sb.st_size, 1 << 20);
	assert_true(sb.st_blocks * 512 >= 1 << 20); /* there is room for all of it */
	sim_mmio_write(enabled(f), 4, 4096, 8, 0x1122334455667788);
	rebuild(f, words);
	assert_int_equal(sim_mmio_read(enabled(f), 4, 4096, 8), 0x1122334455667788);
}

static void test_share_off(void **state)
{
	static const char *const words[] = { "-object",
					     "memory-backend-file,id=m,mem-path=pmr.img,size=64k",
					     "-device", "nvme,serial=a,pmrdev=m", NULL };
	struct fixture *f = *state;

	assert_non_null(build(f, words));
	sim_mmio_write(enabled(f), 4, 0, 4, 1);
	assert_int_equal(sim_mmio_read(dmn_fns(f->machine)->fn, 4, 0, 4), 1);
	assert_int_equal(sim_mmio_read(dmn_fns(f->machine)->fn, 0, PMRSTS, 4), 0);
	rebuild(f, words);
	assert_int_equal(sim_mmio_read(enabled(f), 4, 0, 4), 0);
}

/* killed in the middle of writing: everything that was written is there */
static void test_killed(void **state)
{
	static const char *const words[] = { "-object", MEM, "-device", "nvme,serial=a,pmrdev=m",
					     NULL };
	struct fixture *f = *state;
	_Atomic uint64_t *told =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t n;
	pid_t pid;

	assert_ptr_not_equal(told, MAP_FAILED);
	pid = fork();
	if (!pid) {
		struct sim_fn *fn;

		if (!build(f, words))
			_exit(1);
		fn = enabled(f);
		for (n = 1;; n++) {
			sim_mmio_write(fn, 4, n % 1000 * 8, 8, n);
			atomic_store(told, n);
		}
	}
	while (atomic_load(told) < 5000)
		usleep(100);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	n = atomic_load(told);
	assert_non_null(build(f, words));
	for (uint64_t i = n - 900; i <= n; i++)
		assert_true(sim_mmio_read(enabled(f), 4, i % 1000 * 8, 8) >= i);
	munmap((void *)told, 4096);
}

static void refused(struct fixture *f, const char *object, const char *says)
{
	assert_null(BUILD(f, "-object", object, "-device", "nvme,serial=a,pmrdev=m"));
	if (!strstr(f->err, says))
		fail_msg("'%s' does not say '%s'", f->err, says);
	conf_free(&f->conf);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	int fd;

	refused(f, "memory-backend-file,id=m,mem-path=missing,share=on",
		"missing does not exist, and no size is given to make it");
	refused(f, "memory-backend-file,id=m,mem-path=no/such,size=1M,share=on",
		"cannot open no/such");
	fd = open("odd", O_RDWR | O_CREAT, 0600);
	refused(f, "memory-backend-file,id=m,mem-path=odd,share=on", "odd is empty");
	assert_int_equal(ftruncate(fd, 48), 0);
	refused(f, "memory-backend-file,id=m,mem-path=odd,share=on",
		"pmr backend size needs to be power of 2 in size");
	refused(f, "memory-backend-file,id=m,mem-path=odd,size=64,share=on",
		"odd has 48 bytes, less than the 64 asked for");
	assert_int_equal(ftruncate(fd, 8), 0);
	refused(f, "memory-backend-file,id=m,mem-path=odd,share=on",
		"PMR device must have at least 16 bytes");
	close(fd);
	refused(f, "memory-backend-file,id=m,mem-path=/dev/null,share=on", "is not a regular file");
	/* what was made for a machine that is not to be is taken back */
	assert_null(BUILD(f, "-object", MEM, "-drive", "if=none,id=d,file=odd,size=1G", "-device",
			  "nvme,serial=a,pmrdev=m,drive=d"));
	assert_int_equal(access("pmr.img", F_OK), -1);
}

/* data between the buffer and a medium that is a file: nothing of it may be touched, only handed on
 */
static void test_cmb_and_files(void **state)
{
	struct fixture *f = *state;
	struct sim_fn *fn;
	uint64_t len;

	assert_non_null(BUILD(f, "-drive", "if=none,id=d,file=nvm.img,size=8M", "-device",
			      "nvme,serial=a,drive=d,cmb_size_mb=2,msix-exclusive-bar=on"));
	fn = dmn_fns(f->machine)->fn;
	assert_int_equal(sim_bar_size(fn, 2), 2 << 20);
	assert_non_null(sim_bar_map(fn, 2, 0, &len));
	assert_int_equal(sim_mmio_read(fn, 0, 0, 8) >> 57 & 1, 1); /* CAP.CMBS */
	/* the driver found its vectors in BAR 4 */
	assert_int_equal(sim_mmio_read(fn, 4, 0, 4), 0xfee00000);
	assert_non_null(dmn_machine_find(f->machine, "nvmesim0n1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		built(test_survives), built(test_share_off),	 built(test_killed),
		built(test_refused),  built(test_cmb_and_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
