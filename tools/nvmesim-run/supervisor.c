/* SPDX-License-Identifier: MIT */
/*
 * supervisor.c - the middle process: parent of the program, home of its drive.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define sup_of(ptr, member) ((struct sup *)((char *)(ptr)-offsetof(struct sup, member)))

/**
 * struct sup - the supervisor
 * @program: pid, 0 once it has been waited for, with @status then
 * @gone:    no task is under the filter any more
 * @daemon:  connection of --attach, -1 without
 */
struct sup {
	struct run_job *job;
	struct dmn_loop *loop;
	struct dmn_machine *machine;
	struct dmn_control *control;
	struct trap *trap;
	struct dmn_fd launcher, child;
	pid_t program;
	int status, listener, daemon;
	bool gone, told, done;
	char dir[64];
	struct run_go go;
};

static void report(struct sup *s, int what, int value)
{
	struct run_report r = { .what = what, .value = value };

	/* no launcher any more: nobody wants to know */
	send(s->launcher.fd, &r, sizeof(r), MSG_NOSIGNAL);
}

static int complain(const char *text)
{
	fprintf(stderr, PROG ": %s\n", text);
	return RUN_DOOR;
}

/* ---- machine ---------------------------------------------------------------------------- */

static void shut_down(struct sup *s)
{
	if (s->trap)
		trap_detach(s->trap);
	if (s->control)
		dmn_control_free(s->control);
	s->control = NULL;
	if (s->machine)
		dmn_machine_free(s->machine);
	s->machine = NULL;
	if (s->dir[0])
		rmdir(s->dir);
	s->dir[0] = '\0';
}

/* a private directory for the control socket, so that nvmesim-ctl works inside */
static bool make_dir(struct sup *s)
{
	const char *bases[] = { getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp" };

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		if (!bases[i] || bases[i][0] != '/' || strlen(bases[i]) > 32)
			continue;
		snprintf(s->dir, sizeof(s->dir), "%s/nvmesim-run.XXXXXX", bases[i]);
		if (mkdtemp(s->dir))
			return true;
	}
	s->dir[0] = '\0';
	return false;
}

static int make_control(struct sup *s)
{
	const char *path = s->job->conf.daemon.socket;
	char err[512];

	if (!path && !make_dir(s)) {
		fprintf(stderr, PROG ": no directory for a control socket: nvmesim-ctl will not "
				"work inside\n");
		return 0;
	}
	if (path && strlen(path) >= sizeof(s->go.socket))
		return complain("--socket: longer than a socket's name can be");
	if (path)
		strcpy(s->go.socket, path);
	else
		snprintf(s->go.socket, sizeof(s->go.socket), "%s/control", s->dir);
	s->control = dmn_control_new(s->machine, s->go.socket, "run", err, sizeof(err));
	return s->control ? 0 : complain(err);
}

static void gone(void *arg)
{
	struct sup *s = arg;

	s->gone = true;
	if (!s->program)
		dmn_loop_quit(s->loop, 0);
}

/* Return: 0 or an exit code; the sentence is out */
static int serve_here(struct sup *s)
{
	char err[512];
	int ret;

	if (trap_check(s->program, err, sizeof(err)))
		return complain(err);
	s->machine = dmn_machine_new(&s->job->conf, s->loop, err, sizeof(err));
	if (!s->machine) {
		complain(err);
		return RUN_USAGE;
	}
	ret = make_control(s);
	if (ret)
		return ret;
	s->trap = trap_new(s->machine, s->listener, geteuid(), gone, s, err, sizeof(err));
	return s->trap ? 0 : complain(err);
}

static int serve_there(struct sup *s)
{
	char err[512];
	int ret = run_daemon_attach(s->daemon, s->listener, s->program, err, sizeof(err));

	close(s->listener);
	s->listener = -1;
	close(s->daemon);
	s->gone = true; /* those who stay behind are the daemon's to serve */
	return ret ? complain(err) : 0;
}

/* ---- the program -------------------------------------------------------------------------- */

/* the program has ended. Nobody left: the drive is put away before the launcher hears of it. */
static void ended(struct sup *s)
{
	struct pollfd p = { .fd = s->listener, .events = POLLIN };

	if (!s->gone && poll(&p, 1, 0) == 1 && (p.revents & POLLHUP))
		s->gone = true;
	if (s->gone) {
		dmn_loop_quit(s->loop, 0);
		return;
	}
	/* background tasks go on, and so do we, without holding the caller's stderr open */
	report(s, RUN_ENDED, s->status);
	s->told = true;
	dup2(STDOUT_FILENO, STDERR_FILENO); /* /dev/null */
}

static void reap(struct sup *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != s->program)
			continue; /* an orphan of the program, or its stop */
		if (WIFSTOPPED(status)) {
			report(s, RUN_STOPPED, WSTOPSIG(status));
			continue;
		}
		s->program = 0;
		s->status = status;
		ended(s);
	}
}

static void child_ready(struct dmn_fd *f, uint32_t events)
{
	struct signalfd_siginfo si;

	while (read(f->fd, &si, sizeof(si)) == sizeof(si))
		;
	reap(sup_of(f, child));
}

/* the launcher passes signals on; its end without ours is SIGKILL, which goes on likewise */
static void launcher_ready(struct dmn_fd *f, uint32_t events)
{
	struct sup *s = sup_of(f, launcher);
	int sig;
	ssize_t n = recv(f->fd, &sig, sizeof(sig), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(sig)) {
		dmn_loop_del(s->loop, f);
		sig = SIGKILL;
	}
	if (s->program)
		kill(s->program, sig);
}

/* nothing the terminal or the caller sends is meant for us */
static void ignore_signals(void)
{
	static const int keep[] = { SIGKILL, SIGSTOP, SIGCHLD, SIGSEGV, SIGBUS,
				    SIGFPE,  SIGILL,  SIGABRT, SIGTRAP, SIGSYS };

	for (int sig = 1; sig <= SIGRTMAX; sig++) {
		bool kept = false;

		for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
			kept |= keep[i] == sig;
		if (!kept)
			signal(sig, SIG_IGN);
	}
}

/* what the caller had open is the program's; a pipe must not stay open because of us */
static void close_others(int a, int b, int c)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	for (unsigned int fd = 3, top; fd < ~0u; fd = top + 1) {
		/* up to the next one to keep */
		top = ~0u - 1;
		for (int i = 0; i < 3; i++) {
			int k = (int[]){ a, b, c }[i];

			if (k >= (int)fd && (unsigned int)k < top)
				top = k;
		}
		if (top == ~0u - 1)
			close_range(fd, ~0u, 0);
		else if (top > fd)
			close_range(fd, top - 1, 0);
	}
}

static int start(struct sup *s)
{
	pid_t self = getpid(), tracer = 0;
	struct rlimit files;
	sigset_t chld;
	char err[512], byte;
	void (*old_chld)(int);
	int sv[2], ret;
	ssize_t n;

	if (s->job->attach) {
		s->daemon = run_daemon_connect(s->job->attach, s->go.socket, &tracer, err,
					       sizeof(err));
		if (s->daemon < 0)
			return complain(err);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	old_chld = signal(SIGCHLD, SIG_DFL); /* if ignored, there would be no status */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return complain("socketpair failed");
	s->program = fork();
	if (s->program < 0) {
		s->program = 0;
		return complain("fork failed");
	}
	if (!s->program) {
		close(sv[0]);
		close(s->launcher.fd);
		signal(SIGCHLD, old_chld);
		run_program(s->job, sv[1], self, tracer);
	}
	close(sv[1]);
	report(s, RUN_STARTED, s->program);
	close_others(s->launcher.fd, sv[0], s->daemon);
	ignore_signals();
	if (!getrlimit(RLIMIT_NOFILE, &files)) { /* a description per node and open mode */
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}

	n = run_recv_fd(sv[0], &byte, 1, &s->listener);
	if (n <= 0 || s->listener < 0) { /* the child said why */
		close(sv[0]);
		return RUN_DOOR;
	}
	s->loop = dmn_loop_new();
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	s->child.fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	s->child.ready = child_ready;
	s->launcher.ready = launcher_ready;
	if (!s->loop || s->child.fd < 0 || dmn_loop_add(s->loop, &s->child, EPOLLIN) ||
	    dmn_loop_add(s->loop, &s->launcher, EPOLLIN))
		ret = complain("no event loop");
	else
		ret = s->job->attach ? serve_there(s) : serve_here(s);
	if (!ret)
		send(sv[0], &s->go, sizeof(s->go), MSG_NOSIGNAL);
	close(sv[0]); /* without the go the child ends */
	return ret;
}

int run_supervisor(struct run_job *job, int launcher)
{
	struct sup s = { .job = job, .launcher.fd = launcher, .listener = -1, .daemon = -1 };
	int ret = start(&s);

	if (ret) {
		if (s.program)
			waitpid(s.program, NULL, 0); /* it ends, since no go came */
		shut_down(&s);
		report(&s, RUN_FAILED, ret);
	} else {
		reap(&s); /* SIGCHLD from before the signalfd was there */
		do {
			/* left early by `nvmesim-ctl stop`: the drive goes, the program stays */
			dmn_loop_run(s.loop);
			shut_down(&s);
		} while (s.program || !s.gone);
		if (!s.told)
			report(&s, RUN_ENDED, s.status);
	}
	trap_free(s.trap);
	dmn_loop_free(s.loop);
	conf_free(&job->conf);
	return ret;
}
