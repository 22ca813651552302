/* SPDX-License-Identifier: MIT */
/*
 * mach.h - what tests of whole machines stand on: a directory to be in, a command line, a machine
 */
#ifndef TESTS_MACH_H
#define TESTS_MACH_H

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../../daemon/daemon.h"

#define MAX_ARGS 24

struct fixture {
	char dir[64], cwd[4096], err[512];
	struct conf conf;
	struct dmn_loop *loop;
	struct dmn_machine *machine;
};

static inline int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/nvmesim-test-XXXXXX");
	if (!mkdtemp(f->dir) || !getcwd(f->cwd, sizeof(f->cwd)) || chdir(f->dir))
		return -1;
	f->loop = dmn_loop_new();
	conf_init(&f->conf);
	*state = f;
	return 0;
}

static inline void add_word(char *buf, size_t len, const char *word)
{
	size_t n = strlen(buf);

	assert_in_range(snprintf(buf + n, len - n, "%s ", word), 1, len - n - 1);
}

/* names in the directory, sorted, with a blank after each */
static inline const char *files(const char *dir, char *buf, size_t len)
{
	struct dirent **e;
	int n = scandir(dir, &e, NULL, alphasort);

	buf[0] = '\0';
	for (int i = 0; i < n; i++) {
		if (e[i]->d_name[0] != '.')
			add_word(buf, len, e[i]->d_name);
		free(e[i]);
	}
	if (n >= 0)
		free(e);
	return buf;
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline int finish(void **state)
{
	struct fixture *f = *state;

	dmn_machine_free(f->machine);
	dmn_loop_free(f->loop);
	conf_free(&f->conf);
	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	if (chdir(f->cwd))
		return -1;
	free(f);
	return 0;
}

/* the machine of a command line; NULL: f->err says why not */
static inline struct dmn_machine *build(struct fixture *f, const char *const *words)
{
	char *argv[MAX_ARGS + 2] = { strdup("test") };
	int argc = 1, ret;

	for (; words[argc - 1]; argc++)
		argv[argc] = strdup(words[argc - 1]);
	ret = conf_parse_args(&f->conf, "test", argc, argv, false, NULL);
	while (argc)
		free(argv[--argc]);
	assert_true(ret > 0);
	f->machine = dmn_machine_new(&f->conf, f->loop, f->err, sizeof(f->err));
	return f->machine;
}

#define BUILD(f, ...) build(f, (const char *const[]){ __VA_ARGS__, NULL })

static inline const char *nodes(struct dmn_machine *m, char *buf, size_t len)
{
	buf[0] = '\0';
	for (struct dmn_node *n = dmn_machine_nodes(m); n; n = n->next)
		add_word(buf, len, n->name);
	return buf;
}

/* the machine ends, and one of @words takes its place */
static inline void rebuild(struct fixture *f, const char *const *words)
{
	dmn_machine_free(f->machine);
	conf_free(&f->conf);
	if (!build(f, words))
		fail_msg("%s", f->err);
}

struct ticker {
	struct dmn_fd fd;
	struct dmn_loop *loop;
};

static inline void ticker_ready(struct dmn_fd *fd, uint32_t events)
{
	dmn_loop_quit(((struct ticker *)fd)->loop, 0);
}

/* let the loop do what is due, for @ms milliseconds */
static inline void run_loop(struct fixture *f, unsigned int ms)
{
	struct itimerspec its = { .it_value.tv_nsec = ms * 1000000L };
	struct ticker t = { .fd.ready = ticker_ready, .loop = f->loop };

	t.fd.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	timerfd_settime(t.fd.fd, 0, &its, NULL);
	assert_int_equal(dmn_loop_add(f->loop, &t.fd, EPOLLIN), 0);
	assert_int_equal(dmn_loop_run(f->loop), 0);
	dmn_loop_del(f->loop, &t.fd);
	close(t.fd.fd);
}

#define built(t) cmocka_unit_test_setup_teardown(t, begin, finish)

#endif
