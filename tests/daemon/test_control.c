/* SPDX-License-Identifier: MIT */
/*
 * test_control.c - the control socket, as its clients see it: lines, several clients, what is
 * wrong, descriptors passed along; and the machine's nodes behind it.
 */
#include "control_fx.h"

static int begin(void **state)
{
	char *argv[] = { (char[]){ "test" }, NULL };

	return begin_with(state, 1, argv);
}

/* two paths to a namespace, and a controller with a subsystem to itself */
static int begin_paths(void **state)
{
	char *argv[] = { (char[]){ "test" },
			 (char[]){ "-device" }, (char[]){ "nvme-subsys,id=s,capacity=8M" },
			 (char[]){ "-device" }, (char[]){ "nvme,serial=S,subsys=s" },
			 (char[]){ "-device" }, (char[]){ "nvme,serial=S,subsys=s" },
			 (char[]){ "-drive" },	(char[]){ "if=none,id=d,size=1M" },
			 (char[]){ "-device" },
			 (char[]){ "nvme-ns,drive=d,ms=16,mset=1,pi=1,pif=2,pil=1" },
			 (char[]){ "-drive" },	(char[]){ "if=none,id=e,size=1M" },
			 (char[]){ "-device" }, (char[]){ "nvme,serial=T,drive=e" }, NULL };

	return begin_with(state, sizeof(argv) / sizeof(argv[0]) - 1, argv);
}

/* ---- tests ---- */

static void test_list_has_the_default_drive(void **state)
{
	int fd = dial(*state);
	char line[16384];

	say(fd, "{\"cmd\":\"list\"}\n");
	hear(fd, line, sizeof(line));
	assert_non_null(strstr(line, "\"ok\":true"));
	assert_non_null(strstr(line, "\"node\":\"nvmesim0\""));
	assert_non_null(strstr(line, "\"node\":\"nvmesim0n1\""));
	assert_non_null(strstr(line, "\"state\":\"live\""));
	assert_non_null(strstr(line, "\"blocks\":2097152")); /* 1 GiB of 512 bytes */
	close(fd);
}

static void test_show(void **state)
{
	int fd = dial(*state);

	expect(fd, "{\"cmd\":\"show\"}\n", "\"door\":\"none\"");
	expect(fd, "{\"cmd\":\"show\",\"node\":\"nvmesim0\"}\n", "\"namespaces\":[\"nvmesim0n1\"]");
	expect(fd, "{\"cmd\":\"show\",\"node\":\"nvmesim0n1\"}\n", "\"controller\":\"nvmesim0\"");
	expect(fd, "{\"cmd\":\"show\",\"node\":\"nvmesim7\"}\n", "no node 'nvmesim7'");
	expect(fd, "{\"cmd\":\"show\",\"node\":7}\n", "\"ok\":false");
	close(fd);
}

static void test_show_format_and_paths(void **state)
{
	int fd = dial(*state);

	expect(fd, "{\"cmd\":\"show\",\"node\":\"nvmesim0n1\"}\n",
	       "\"metadata_size\":16,\"lba_format\":");
	expect(fd, "{\"cmd\":\"show\",\"node\":\"nvmesim0n1\"}\n",
	       "\"metadata\":\"extended\",\"pi_type\":1,\"pi_size\":16,\"pi_place\":\"first\","
	       "\"csi\":0,\"shared\":true,\"ana\":\"optimized\"");
	expect(fd, "{\"cmd\":\"show\",\"node\":\"nvmesim1n1\"}\n",
	       "\"paths\":[\"nvmesim0n1\",\"nvmesim1n1\"]");
	expect(fd, "{\"cmd\":\"show\",\"node\":\"nvmesim2n1\"}\n", "\"paths\":[\"nvmesim2n1\"]");
	expect(fd, "{\"cmd\":\"show\",\"node\":\"nvmesim1\"}\n",
	       "\"allocated_nsids\":[1],\"max_namespaces\":256,\"capacity\":8388608,"
	       "\"unallocated_capacity\":7340032");
	close(fd);
}

static void test_set(void **state)
{
	int fd = dial(*state);

	expect(fd, "{\"cmd\":\"set\",\"node\":\"nvmesim0\"}\n", "\"smart_critical_warning\":0");
	expect(fd,
	       "{\"cmd\":\"set\",\"node\":\"nvmesim0\",\"key\":\"smart_critical_warning\","
	       "\"value\":\"0x4\"}\n",
	       "\"smart_critical_warning\":4");
	expect(fd,
	       "{\"cmd\":\"set\",\"node\":\"nvmesim0\",\"key\":\"smart_critical_warning\","
	       "\"value\":32}\n",
	       "unsupported smart critical warning bits");
	expect(fd,
	       "{\"cmd\":\"set\",\"node\":\"nvmesim0\",\"key\":\"smart_critical_warning\"}\n",
	       "to which");
	expect(fd,
	       "{\"cmd\":\"set\",\"node\":\"nvmesim0\",\"key\":\"smart_critical_warning\","
	       "\"value\":256}\n",
	       "\"ok\":false");
	expect(fd, "{\"cmd\":\"set\",\"node\":\"nvmesim0\",\"key\":\"serial\",\"value\":1}\n",
	       "'serial' cannot be set; allowed: smart_critical_warning");
	expect(fd, "{\"cmd\":\"set\",\"node\":\"nvmesim0\",\"key\":7}\n", "cannot be set");
	expect(fd, "{\"cmd\":\"set\",\"node\":\"nvmesim0n1\"}\n", "is a namespace");
	expect(fd, "{\"cmd\":\"set\"}\n", "of which");
	expect(fd, "{\"cmd\":\"set\",\"node\":\"nvmesim0\"}\n", "\"smart_critical_warning\":4");
	close(fd);
}

static void test_ana(void **state)
{
	int fd = dial(*state);

	expect(fd, "{\"cmd\":\"ana\",\"node\":\"nvmesim0\"}\n",
	       "[{\"node\":\"nvmesim0n1\",\"nsid\":1,\"state\":\"optimized\"}]");
	expect(fd, "{\"cmd\":\"ana\",\"node\":\"nvmesim1n1\",\"state\":\"persistent-loss\"}\n",
	       "[{\"node\":\"nvmesim1n1\",\"nsid\":1,\"state\":\"persistent-loss\"}]");
	expect(fd, "{\"cmd\":\"ana\"}\n",
	       "[{\"node\":\"nvmesim0n1\",\"nsid\":1,\"state\":\"optimized\"},"
	       "{\"node\":\"nvmesim1n1\",\"nsid\":1,\"state\":\"persistent-loss\"}");
	expect(fd, "{\"cmd\":\"ana\",\"node\":\"nvmesim1\",\"state\":\"non-optimized\"}\n",
	       "\"state\":\"non-optimized\"");
	/* what is wrong changes nothing */
	expect(fd, "{\"cmd\":\"ana\",\"state\":\"optimized\"}\n", "of which");
	expect(fd, "{\"cmd\":\"ana\",\"node\":\"nvmesim1\",\"state\":\"good\"}\n",
	       "'good' is no state");
	expect(fd, "{\"cmd\":\"ana\",\"node\":\"nvmesim1\",\"state\":1}\n", "is no state");
	expect(fd, "{\"cmd\":\"ana\",\"node\":\"nvmesim1\",\"state\":null}\n", "is no state");
	expect(fd, "{\"cmd\":\"ana\",\"node\":1,\"state\":\"optimized\"}\n", "must be a string");
	expect(fd, "{\"cmd\":\"ana\",\"node\":\"nvmesim9\",\"state\":\"optimized\"}\n", "no node");
	expect(fd, "{\"cmd\":\"ana\",\"node\":\"nvmesim2\",\"state\":\"inaccessible\"}\n",
	       "does not report");
	expect(fd, "{\"cmd\":\"ana\",\"node\":\"nvmesim1n1\"}\n", "\"state\":\"non-optimized\"");
	close(fd);
}

static void test_bad_lines_do_not_end_the_conversation(void **state)
{
	static const char *const bad[] = {
		"\n",
		"x\n",
		"{\n",
		"7\n",
		"[]\n",
		"null\n",
		"{}\n",
		"{\"cmd\":1}\n",
		"{\"cmd\":\"list\"} and more\n",
		"{\"cmd\":\"frobnicate\"}\n",
	};
	int fd = dial(*state);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(fd, bad[i], "\"ok\":false");
	expect(fd, "{\"cmd\":\"help\"}\r\n", "\"ok\":true");
	close(fd);
}

static void test_partial_and_joined_lines(void **state)
{
	int fd = dial(*state), other = dial(*state);

	say(fd, "{\"cmd\":");
	/* somebody else is served meanwhile */
	expect(other, "{\"cmd\":\"help\"}\n", "\"cmd\":\"stop\"");
	say(fd, "\"show\"}\n{\"cmd\":\"help\"}\n{\"cmd\"");
	expect(fd, NULL, "\"version\"");
	expect(fd, NULL, "\"cmd\":\"attach\"");
	expect(fd, ":\"list\"}\n", "nvmesim0");
	close(other);
	close(fd);
}

static void test_endless_line_is_cut(void **state)
{
	static const char block[4096] = { [0 ... 4095] = 'x' };
	int fd = dial(*state);
	char line[256];

	for (int i = 0; i < 17; i++)
		if (send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0)
			break;
	assert_non_null(strstr(hear(fd, line, sizeof(line)), "too long"));
	close(fd);
	fd = dial(*state);
	expect(fd, "{\"cmd\":\"help\"}\n", "\"ok\":true");
	close(fd);
}

static void test_reader_that_does_not_read(void **state)
{
	static const char ask[] = "{\"cmd\":\"list\"}\n";
	int fd = dial(*state), other = dial(*state);
	unsigned int asked = 0;

	/* until both directions are full: the daemon stops taking requests, and serves others */
	while (send(fd, ask, strlen(ask), MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)strlen(ask))
		asked++;
	expect(other, "{\"cmd\":\"help\"}\n", "\"ok\":true");
	for (unsigned int i = 0; i < asked; i++)
		expect(fd, NULL, "nvmesim0n1");
	close(other);
	close(fd);
}

static void send_with_fd(int fd, const char *text, int passed)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &passed, sizeof(int));
	assert_int_equal(sendmsg(fd, &mh, MSG_NOSIGNAL), strlen(text));
}

static void test_attach(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f), p[2];
	char byte = 0;

	assert_return_code(pipe(p), errno);
	expect(fd, "{\"cmd\":\"attach\",\"pid\":12}\n", "no descriptor");
	send_with_fd(fd, "{\"cmd\":\"attach\",\"pid\":-1}\n", p[1]);
	expect(fd, NULL, "\"ok\":false");
	send_with_fd(fd, "{\"cmd\":\"attach\",\"pid\":13}\n", p[1]);
	expect(fd, NULL, "not that one");
	send_with_fd(fd, "{\"cmd\":\"attach\",\"pid\":12}\n", p[1]);
	expect(fd, NULL, "\"ok\":true");
	assert_int_equal(f->pid, 12);
	assert_true(f->passed >= 0);
	assert_true(fcntl(f->passed, F_GETFD) & FD_CLOEXEC);

	/* it is the pipe, and nobody but attach has kept a copy */
	close(p[1]);
	assert_int_equal(write(f->passed, "x", 1), 1);
	assert_int_equal(read(p[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(f->passed);
	close(fd);
	assert_int_equal(read(p[0], &byte, 1), 0);
	close(p[0]);
}

static void test_stop(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	expect(fd, "{\"cmd\":\"stop\"}\n", "\"ok\":true");
	pthread_join(f->thread, NULL);
	f->running = false;
	assert_int_equal(f->code, 0);
	close(fd);
}

static void test_socket_is_private(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_return_code(stat(f->path, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_second_daemon_is_refused(void **state)
{
	struct fixture *f = *state;
	char err[512] = "";

	assert_null(dmn_control_new(f->machine, f->path, "none", err, sizeof(err)));
	assert_non_null(strstr(err, f->path));
	assert_return_code(access(f->path, F_OK), errno); /* the first one's is still there */
}

static void test_stale_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char err[512] = "";
	struct dmn_control *c;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/stale", f->dir);
	assert_return_code(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), errno);
	close(fd); /* as a killed daemon leaves it */
	c = dmn_control_new(f->machine, sa.sun_path, "none", err, sizeof(err));
	assert_non_null(c);
	dmn_control_free(c);
	assert_int_not_equal(access(sa.sun_path, F_OK), 0);
}

static void test_other_files_are_not_replaced(void **state)
{
	struct fixture *f = *state;
	char err[512] = "", path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/file", f->dir);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_null(dmn_control_new(f->machine, path, "none", err, sizeof(err)));
	assert_return_code(access(path, F_OK), errno);
	unlink(path);
	snprintf(path, sizeof(path), "%s/no/such/dir", f->dir);
	assert_null(dmn_control_new(f->machine, path, "none", err, sizeof(err)));
	assert_non_null(strstr(err, "No such file"));
}

#define served(t) cmocka_unit_test_setup_teardown(t, begin, finish)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		served(test_list_has_the_default_drive),
		served(test_show),
		cmocka_unit_test_setup_teardown(test_show_format_and_paths, begin_paths, finish),
		cmocka_unit_test_setup_teardown(test_ana, begin_paths, finish),
		served(test_set),
		served(test_bad_lines_do_not_end_the_conversation),
		served(test_partial_and_joined_lines),
		served(test_endless_line_is_cut),
		served(test_reader_that_does_not_read),
		served(test_attach),
		served(test_stop),
		served(test_socket_is_private),
		served(test_second_daemon_is_refused),
		served(test_stale_socket_is_replaced),
		served(test_other_files_are_not_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
