/* SPDX-License-Identifier: MIT */
/*
 * control_fx.h - a daemon on a thread of its own, and a client of its control socket
 */
#ifndef NVMESIM_TESTS_CONTROL_FX_H
#define NVMESIM_TESTS_CONTROL_FX_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../daemon/daemon.h"

/** struct fixture - a daemon on a thread of its own; the test is its client */
struct fixture {
	char dir[64], path[96];
	struct conf conf;
	struct dmn_loop *loop;
	struct dmn_machine *machine;
	struct dmn_control *control;
	pthread_t thread;
	bool running;
	int code;
	int passed; /* what attach got */
	pid_t pid;
};

static inline int take_listener(void *arg, int listener, pid_t pid, char *err, size_t len)
{
	struct fixture *f = arg;

	if (pid == 13) {
		close(listener);
		snprintf(err, len, "not that one");
		return -EPERM;
	}
	f->passed = listener;
	f->pid = pid;
	return 0;
}

static inline void *serve(void *arg)
{
	struct fixture *f = arg;

	f->code = dmn_loop_run(f->loop);
	return NULL;
}

static inline int begin_with(void **state, int argc, char **argv)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char err[512] = "";

	if (!f || conf_parse_args(&f->conf, "test", argc, argv, false, NULL) < 0)
		return -1;
	f->passed = -1;
	strcpy(f->dir, "/tmp/nvmesim-test-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	f->loop = dmn_loop_new();
	f->machine = dmn_machine_new(&f->conf, f->loop, err, sizeof(err));
	if (!f->machine) {
		fprintf(stderr, "%s\n", err);
		return -1;
	}
	f->control = dmn_control_new(f->machine, f->path, "none", err, sizeof(err));
	if (!f->control) {
		fprintf(stderr, "%s\n", err);
		return -1;
	}
	dmn_control_attach(f->control, take_listener, f);
	f->running = !pthread_create(&f->thread, NULL, serve, f);
	*state = f;
	return f->running ? 0 : -1;
}

static inline int finish(void **state)
{
	struct fixture *f = *state;

	if (f->running) {
		dmn_loop_quit(f->loop, 0);
		pthread_join(f->thread, NULL);
	}
	dmn_machine_free(f->machine);
	dmn_control_free(f->control);
	dmn_loop_free(f->loop);
	conf_free(&f->conf);
	if (!access(f->path, F_OK) || rmdir(f->dir))
		return -1; /* something was left behind */
	free(f);
	return 0;
}

/* ---- a client ---- */

static inline int dial(struct fixture *f)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", f->path);
	assert_return_code(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return fd;
}

static inline void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* one line, without its end; an empty one when the connection ended */
static inline char *hear(int fd, char *buf, size_t len)
{
	size_t n = 0;

	while (n + 1 < len) {
		ssize_t got = read(fd, buf + n, 1);

		assert_true(got >= 0);
		if (!got || buf[n] == '\n')
			break;
		n++;
	}
	buf[n] = '\0';
	return buf;
}

static inline void expect(int fd, const char *request, const char *part)
{
	char line[16384];

	if (request)
		say(fd, request);
	hear(fd, line, sizeof(line));
	if (!strstr(line, part))
		fail_msg("'%s' is not in: %s", part, line);
}

#endif /* NVMESIM_TESTS_CONTROL_FX_H */
