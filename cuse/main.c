/* SPDX-License-Identifier: MIT */
/*
 * main.c - the daemon `nvmesim`: options, background, signals, the order of beginning and end.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "../sysfs/sysfs.h"
#include "../trap/trap.h"
#include "cuse.h"

/* documented in nvmesim(1) */
enum { EXIT_OK, EXIT_FAILED, EXIT_USAGE };

/** struct program - a program that nvmesim-run --attach started and we serve */
struct program {
	struct daemon *d;
	struct trap *trap;
	struct program *next;
};

/** struct daemon - what main() holds together; @ready_fd: the waiting parent's pipe, or -1 */
struct daemon {
	struct conf conf;
	bool process_vm;
	int ready_fd;
	bool was_ready;
	struct dmn_loop *loop;
	struct dmn_machine *machine;
	struct dmn_control *control;
	struct cuse_door *door;
	struct sys_mount *sysfs;
	struct dmn_fd signals;
	struct program *programs;
	char socket[256];
};

__attribute__((format(printf, 1, 2))) static void complain(const char *fmt, ...)
{
	va_list ap;

	fputs("nvmesim: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* ---- programs that attach ---- */

static void program_gone(void *arg)
{
	struct program *p = arg;

	for (struct program **at = &p->d->programs; *at; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			break;
		}
	}
	trap_free(p->trap);
	free(p);
}

static int attach(void *arg, int listener, pid_t pid, char *err, size_t len)
{
	struct daemon *d = arg;
	int ret = trap_check(pid, err, len);
	struct program *p;

	if (ret) {
		close(listener);
		return ret;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		close(listener);
		snprintf(err, len, "out of memory");
		return -ENOMEM;
	}
	p->d = d;
	p->trap = trap_new(d->machine, listener, geteuid(), program_gone, p, err, len);
	if (!p->trap) {
		free(p);
		return -EIO;
	}
	p->next = d->programs;
	d->programs = p;
	return 0;
}

/* ---- readiness ---- */

static void say_nodes(struct daemon *d)
{
	printf("nvmesim: ready:");
	for (struct dmn_node *n = dmn_machine_nodes(d->machine); n; n = n->next)
		printf(" %s%s", d->door ? "/dev/" : "", n->name);
	printf(" (control socket %s)\n", d->socket);
	fflush(stdout);
}

/* leave the terminal and the directory we were started in; from here on errors go to the log */
static int let_go(struct daemon *d)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	ssize_t n;

	if (null < 0 || chdir("/"))
		return -1;
	closelog();
	openlog("nvmesim", LOG_PID, LOG_DAEMON);
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	n = write(d->ready_fd, "", 1);
	close(d->ready_fd);
	d->ready_fd = -1;
	return n == 1 ? 0 : -1; /* nobody waits for us any more: he was interrupted */
}

static void ready(void *arg, const char *err)
{
	struct daemon *d = arg;

	d->was_ready = !err;
	if (err) {
		complain("%s", err);
		dmn_loop_quit(d->loop, EXIT_FAILED);
	} else if (d->ready_fd < 0) {
		say_nodes(d);
	} else if (let_go(d)) {
		dmn_loop_quit(d->loop, EXIT_FAILED);
	}
}

/* ---- serving ---- */

static void signal_ready(struct dmn_fd *f, uint32_t events)
{
	struct daemon *d = (struct daemon *)((char *)f - offsetof(struct daemon, signals));
	struct signalfd_siginfo si;

	if (read(f->fd, &si, sizeof(si)) == sizeof(si))
		dmn_loop_quit(d->loop, EXIT_OK);
}

static int open_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	d->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	d->signals.ready = signal_ready;
	return d->signals.fd < 0 ? -1 : dmn_loop_add(d->loop, &d->signals, EPOLLIN);
}

static int begin(struct daemon *d)
{
	bool cuse = !d->conf.daemon.no_cuse;
	struct cuse_params params = { .process_vm = d->process_vm, .ready = ready, .arg = d };
	struct rlimit files;
	char err[512] = "";

	/* a device each: as many descriptors as we may have */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	openlog("nvmesim", LOG_PERROR, LOG_DAEMON);
	d->loop = dmn_loop_new();
	if (!d->loop || open_signals(d)) {
		complain("no event loop: %s", strerror(errno));
		return -1;
	}
	d->machine = dmn_machine_new(&d->conf, d->loop, err, sizeof(err));
	if (!d->machine)
		goto fail;
	if (d->conf.daemon.sysfs_dir) {
		d->sysfs = sys_mount_new(d->machine, d->conf.daemon.sysfs_dir, err, sizeof(err));
		if (!d->sysfs)
			goto fail;
	}
	if (d->conf.daemon.socket)
		snprintf(d->socket, sizeof(d->socket), "%s", d->conf.daemon.socket);
	else
		dmn_socket_path(d->socket, sizeof(d->socket));
	d->control =
		dmn_control_new(d->machine, d->socket, cuse ? "cuse" : "none", err, sizeof(err));
	if (!d->control)
		goto fail;
	dmn_control_attach(d->control, attach, d);
	if (cuse) {
		d->door = cuse_door_new(d->machine, &params, err, sizeof(err));
		if (!d->door)
			goto fail;
	} else {
		ready(d, NULL);
	}
	return 0;
fail:
	complain("%s", err);
	return -1;
}

/* the nodes go first, the control socket last: who asked for the end sees that it is complete */
static void end(struct daemon *d)
{
	sys_mount_free(d->sysfs);
	cuse_door_free(d->door);
	while (d->programs) {
		struct program *p = d->programs;

		d->programs = p->next;
		trap_free(p->trap);
		free(p);
	}
	if (d->was_ready)
		dmn_machine_free(d->machine);
	else
		dmn_machine_discard(d->machine);
	dmn_control_free(d->control);
	if (d->signals.fd >= 0)
		close(d->signals.fd);
	dmn_loop_free(d->loop);
}

static int serve(struct daemon *d)
{
	int code = EXIT_FAILED;

	d->signals.fd = -1;
	if (!begin(d)) {
		code = dmn_loop_run(d->loop);
		if (code < 0) {
			complain("event loop: %s", strerror(-code));
			code = EXIT_FAILED;
		}
	}
	end(d);
	return code;
}

/* ---- background ---- */

/*
 * The parent ends when every node is there, or with the child's code when that ended before; the
 * child has its standard error until then.
 */
static int serve_in_background(struct daemon *d)
{
	int fds[2], status;
	char byte;
	pid_t pid;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) || (pid = fork()) < 0) {
		complain("cannot go to the background: %s", strerror(errno));
		return EXIT_FAILED;
	}
	if (!pid) {
		close(fds[0]);
		d->ready_fd = fds[1];
		setsid();
		return serve(d);
	}
	close(fds[1]);
	do {
		n = read(fds[0], &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		return EXIT_OK;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILED;
	complain("ended by signal %d while starting", WTERMSIG(status));
	return EXIT_FAILED;
}

/* --no-process-vm is the CUSE door's own, a debugging aid: take it out of the arguments */
static int take_own_options(struct daemon *d, int argc, char **argv)
{
	int n = 1;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--no-process-vm"))
			d->process_vm = false;
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

int main(int argc, char **argv)
{
	struct daemon d = { .process_vm = true, .ready_fd = -1 };
	int used, code;

	argc = take_own_options(&d, argc, argv);
	used = conf_parse_args(&d.conf, "nvmesim", argc, argv, false, NULL);
	if (used <= 0)
		return used ? EXIT_USAGE : EXIT_OK;
	if (used < argc) {
		complain("'%s': there are no arguments besides the options (--help lists them)",
			 argv[used]);
		code = EXIT_USAGE;
	} else if (d.conf.daemon.foreground) {
		code = serve(&d);
	} else {
		code = serve_in_background(&d);
	}
	conf_free(&d.conf);
	return code;
}
