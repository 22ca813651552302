/* SPDX-License-Identifier: MIT */
/*
 * test_conf_args.c - the command line of nvmesim and nvmesim-run
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf_test.h"

#define MAX_ARGS 12

/** struct run - a call of conf_parse_args(), and what it printed */
struct run {
	struct conf c;
	const char *attach;
	int ret;
	char out[16384], err[4096];
};

/* Send @fd into a temporary file. Return: what it was. */
static int capture(int fd, FILE *tmp)
{
	int old = dup(fd);

	assert_true(old >= 0);
	assert_int_equal(dup2(fileno(tmp), fd), fd);
	return old;
}

static void release(int fd, int old, FILE *tmp, char *text, size_t len)
{
	size_t n;

	dup2(old, fd);
	close(old);
	rewind(tmp);
	n = fread(text, 1, len - 1, tmp);
	text[n] = '\0';
	fclose(tmp);
}

static void parse(struct run *r, bool run, const char *const *args)
{
	char *argv[MAX_ARGS + 2] = { (char *)(run ? "nvmesim-run" : "nvmesim") };
	FILE *out = tmpfile(), *err = tmpfile();
	int argc = 1, old_out, old_err;

	assert_non_null(out);
	assert_non_null(err);
	while (argc <= MAX_ARGS && args[argc - 1]) {
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	fflush(stdout);
	old_out = capture(STDOUT_FILENO, out);
	old_err = capture(STDERR_FILENO, err);
	r->ret = conf_parse_args(&r->c, argv[0], argc, argv, run, run ? &r->attach : NULL);
	fflush(stdout);
	release(STDOUT_FILENO, old_out, out, r->out, sizeof(r->out));
	release(STDERR_FILENO, old_err, err, r->err, sizeof(r->err));
}

static void test_good(void **state)
{
	static const struct {
		bool run;
		const char *args[MAX_ARGS];
		int ret;
	} rows[] = {
		{ false, { NULL }, 1 },
		{ false, { "--foreground", "--no-cuse" }, 3 },
		{ false, { "--" }, 2 },
		{ false, { "-c", CONF_EXAMPLE, "--state", "/s", "--socket=/x" }, 6 },
		{ false, { "-c" CONF_EXAMPLE }, 2 },
		{ false, { "--config=" CONF_EXAMPLE }, 2 },
		{ true, { "nvme", "list" }, 1 },
		{ true, { "--", "nvme", "--foreground" }, 2 },
		{ true, { "--attach", "nvme" }, 2 },
		{ true, { "--attach=/x", "--", "nvme" }, 3 },
		{ true,
		  { "-drive", "file=a,if=none,id=d", "-device", "nvme,serial=a,drive=d", "x" },
		  5 },
		{ true, { "--drive=id=d,size=1M", "--device=nvme,serial=a,drive=d", "x" }, 3 },
		{ true,
		  { "--drive", "id=d,size=1M", "--device", "nvme,serial=a,drive=d", "--", "x" },
		  6 },
		{ true, { "-", "x" }, 1 },
		{ true, { "-device", "nvme,serial=help,id=help", "x" }, 3 }, /* no question */
	};
	struct run r;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		parse(&r, rows[i].run, rows[i].args);
		if (r.ret != rows[i].ret || *r.err || *r.out)
			fail_msg("row %zu: %d %s%s", i, r.ret, r.err, r.out);
		conf_free(&r.c);
	}
}

static void test_bad(void **state)
{
	static const struct {
		bool run;
		const char *args[MAX_ARGS];
		const char *err;
	} rows[] = {
		{ false,
		  { "hello" },
		  "nvmesim: hello: unexpected argument; allowed: options (nvmesim "
		  "--help lists them)\n" },
		{ false,
		  { "--foregroud" },
		  "nvmesim: --foregroud: no such option; did you mean "
		  "--foreground? (nvmesim --help lists them)\n" },
		{ false,
		  { "--attach" },
		  "nvmesim: --attach: no such option (nvmesim --help lists "
		  "them)\n" },
		{ true,
		  { "--no-cuse" },
		  "nvmesim-run: --no-cuse: no such option (nvmesim-run --help "
		  "lists them)\n" },
		{ true,
		  { "-devcie", "x" },
		  "nvmesim-run: -devcie: no such option; did you mean "
		  "-device? (nvmesim-run --help lists them)\n" },
		{ false, { "--state" }, "nvmesim: --state: needs a value: --state DIR\n" },
		{ false,
		  { "--state=" },
		  "nvmesim: --state: the value is empty; allowed: --state "
		  "DIR\n" },
		{ false, { "--foreground=yes" }, "nvmesim: --foreground: takes no value\n" },
		{ false, { "-c" }, "nvmesim: -c: needs a value: -c FILE\n" },
		{ false,
		  { "-c", "/no/such/file" },
		  "nvmesim: /no/such/file: No such file or "
		  "directory\n" },
		{ false, { "-c", "/" }, "nvmesim: /: Is a directory\n" },
		{ false,
		  { "-c", "/dev/null", "-c", "x" },
		  "nvmesim: -c x: a second file; allowed: "
		  "one\n" },
		{ false, { "--sysfs" }, "nvmesim: --sysfs: needs a value: --sysfs DIR\n" },
		{ false, { "-device", "nvme,serial=a,addr=20" },
		  "nvmesim: -device nvme,serial=a,addr=20 (argument 2): addr: must be SLOT or "
		  "SLOT.FUNCTION, 0 to 1f and 0 to 7, not '20'\n" },
		{ false,
		  { "--foreground", "-device", "nvme,serial=a,mdts=77" },
		  "nvmesim: -device nvme,serial=a,mdts=77 (argument 3): mdts: must be between 1 "
		  "and "
		  "9, not '77'\n" },
		{ false,
		  { "--device=nvme,srial=a" },
		  "nvmesim: -device nvme,srial=a (argument 1): srial: no such key of nvme; did you "
		  "mean 'serial'?\n" },
		{ false,
		  { "-device", "floppy,help" },
		  "nvmesim: -device floppy,help (argument 2): 'floppy' is not a valid device model "
		  "name; allowed: nvme, nvme-ns, nvme-subsys\n" },
		{ true,
		  { "--attach", "-device", "nvme,serial=a", "x" },
		  "nvmesim-run: -device: does not go with --attach, which uses the drives of a "
		  "running nvmesim\n" },
	};
	struct run r;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		parse(&r, rows[i].run, rows[i].args);
		assert_string_equal(r.err, rows[i].err);
		assert_string_equal(r.out, "");
		assert_int_equal(r.ret, -1);
	}
}

static void test_values(void **state)
{
	char name[] = "/tmp/conf-args-XXXXXX";
	int fd = mkstemp(name);
	const char *args[] = { "--state", "/cmdline",		"-c",
			       name,	  "--foreground",	"--no-cuse",
			       "-device", "nvme,serial=b,id=x", NULL };
	static const char text[] = "[controller c]\nserial = a\n"
				   "[daemon]\nstate = /file\nsocket = /file/socket\n";
	struct run r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	parse(&r, false, args);
	unlink(name);
	assert_string_equal(r.err, "");
	assert_int_equal(r.ret, 9);
	assert_int_equal(r.c.nr_ctrls, 2);
	assert_string_equal(r.c.daemon.state_dir, "/cmdline"); /* before the file's */
	assert_string_equal(r.c.daemon.socket, "/file/socket");
	assert_true(r.c.daemon.foreground);
	assert_true(r.c.daemon.no_cuse);
	conf_free(&r.c);
}

static void test_attach(void **state)
{
	struct run r;

	parse(&r, true, (const char *const[]){ "x", NULL });
	assert_null(r.attach);
	conf_free(&r.c);
	parse(&r, true, (const char *const[]){ "--attach", "x", NULL });
	assert_string_equal(r.attach, "");
	assert_int_equal(r.c.nr_ctrls, 0);
	conf_free(&r.c);
	parse(&r, true, (const char *const[]){ "--attach=/run/s", "x", NULL });
	assert_string_equal(r.attach, "/run/s");
	conf_free(&r.c);
}

/* Questions are answered on stdout, and the program is to end well. */
static void test_answers(void **state)
{
	static const struct {
		bool run;
		const char *args[MAX_ARGS];
		const char *begins, *has;
	} rows[] = {
		{ false, { "--help" }, "usage: nvmesim [-c FILE]", "--foreground" },
		{ true, { "-h" }, "usage: nvmesim-run [-c FILE]", "--attach[=SOCKET]" },
		{ false, { "--version" }, "nvmesim " NVMESIM_VERSION "\n", "" },
		{ false, { "-device", "help" }, "Storage devices:\n", "name \"nvme-ns\"" },
		{ false, { "-device", "?" }, "Storage devices:\n", "name \"nvme\"" },
		{ true, { "-device", "nvme,help" }, "nvme options:\n", "  mdts=<uint8>" },
		{ true,
		  { "--device=nvme-ns,serial=3,?" },
		  "nvme-ns options:\n",
		  "  nsid=<uint32>" },
		{ true, { "-drive", "help" }, "drive options:\n", "  file=<str>" },
	};
	struct run r;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		parse(&r, rows[i].run, rows[i].args);
		assert_int_equal(r.ret, 0);
		assert_string_equal(r.err, "");
		assert_int_equal(strncmp(r.out, rows[i].begins, strlen(rows[i].begins)), 0);
		assert_non_null(strstr(r.out, rows[i].has));
	}
}

/* What QEMU warns of, and a file nobody would use */
static void test_warnings(void **state)
{
	struct run r;

	parse(&r, true,
	      (const char *const[]){ "-device", "nvme,serial=a,num_queues=5", "x", NULL });
	assert_int_equal(r.ret, 3);
	assert_string_equal(r.err,
			    "nvmesim-run: warning: -device nvme,serial=a,num_queues=5 (argument "
			    "2): num_queues is deprecated; please use max_ioqpairs instead\n");
	conf_free(&r.c);
	parse(&r, true,
	      (const char *const[]){ "-device", "nvme,serial=a", "-drive", "id=d,file=x", "y",
				     NULL });
	assert_int_equal(r.ret, 5);
	assert_string_equal(r.err, "nvmesim-run: warning: -drive id=d,file=x (argument 4): no "
				   "namespace uses this drive\n");
	assert_int_equal(access("x", F_OK), -1); /* nothing is made by reading */
	conf_free(&r.c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	cmocka_unit_test(test_bad),
		cmocka_unit_test(test_values),	cmocka_unit_test(test_attach),
		cmocka_unit_test(test_answers), cmocka_unit_test(test_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
