/* SPDX-License-Identifier: MIT */
/*
 * main.c - the launcher: what the caller of nvmesim-run sees. It behaves as if it were the
 * program: signals sent to it reach the program, it stops when the program stops, and it ends
 * as the program ends.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

/*
 * Signals passed on to the program. @tty: those that the terminal sends to the whole process
 * group, so that the program has its own copy then. Those that stop are among them: the launcher
 * stops when it hears that the program did, and only then, so that it never stops twice.
 */
static const struct {
	int sig;
	bool tty;
} forwarded[] = {
	{ SIGHUP, true },    { SIGINT, true },	 { SIGQUIT, true },   { SIGWINCH, true },
	{ SIGCONT, true },   { SIGTSTP, true },	 { SIGTTIN, true },   { SIGTTOU, true },
	{ SIGTERM, false },  { SIGUSR1, false }, { SIGUSR2, false },  { SIGALRM, false },
	{ SIGPWR, false },   { SIGIO, false },	 { SIGVTALRM, false }, { SIGPROF, false },
	{ SIGURG, false },   { SIGABRT, false },
};

#define NR_FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))

struct launcher {
	int sock, sigfd;
	pid_t program;
};

/* ends as the program did */
static int end(int status)
{
	struct rlimit no_core = { 0, 0 };
	sigset_t all;
	int sig;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	sig = WTERMSIG(status);
	/* the program left its core, if any; ours is of no use */
	setrlimit(RLIMIT_CORE, &no_core);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(sig, SIG_DFL);
	sigfillset(&all);
	kill(getpid(), sig);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
	return 128 + sig; /* only as process 1 of a container, whom no default action kills */
}

/* Return: whether SIGCONT was among them */
static bool pass_signals(struct launcher *l)
{
	struct signalfd_siginfo si;
	bool cont = false;

	while (read(l->sigfd, &si, sizeof(si)) == sizeof(si)) {
		int sig = si.ssi_signo;
		bool tty = false;

		for (size_t i = 0; i < NR_FORWARDED; i++) {
			if (forwarded[i].sig == sig)
				tty = forwarded[i].tty;
		}
		cont |= sig == SIGCONT;
		if (tty && si.ssi_code == SI_KERNEL)
			continue;
		/* kill(0, ...) by the program: it has that signal already */
		if (l->program && (pid_t)si.ssi_pid == l->program)
			continue;
		send(l->sock, &sig, sizeof(sig), MSG_NOSIGNAL);
	}
	return cont;
}

/* Return: exit code, or -1 to go on */
static int take_report(struct launcher *l, bool stale_stop)
{
	struct run_report r;
	ssize_t n;

	do
		n = recv(l->sock, &r, sizeof(r), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(r)) {
		fprintf(stderr, PROG ": the supervisor has died\n");
		return RUN_DOOR;
	}
	switch (r.what) {
	case RUN_STARTED:
		l->program = r.value;
		return -1;
	case RUN_STOPPED:
		if (!stale_stop)
			raise(SIGSTOP);
		return -1;
	case RUN_ENDED:
		return end(r.value);
	case RUN_FAILED:
		return r.value;
	}
	return RUN_DOOR;
}

static int launch(struct launcher *l)
{
	struct pollfd p[] = { { .fd = l->sock, .events = POLLIN },
			      { .fd = l->sigfd, .events = POLLIN } };
	int code = -1;

	while (code < 0) {
		bool cont = false;

		if (poll(p, 2, -1) < 0)
			continue;
		if (p[1].revents)
			cont = pass_signals(l);
		/* after SIGCONT, a report of the stop before it is old news */
		if (p[0].revents)
			code = take_report(l, cont);
	}
	return code;
}

int main(int argc, char **argv)
{
	struct run_job job = { .attach = NULL };
	struct launcher l = { .program = 0 };
	sigset_t block, forward;
	int sv[2], first;

	conf_init(&job.conf);
	first = conf_parse_args(&job.conf, PROG, argc, argv, true, &job.attach);
	if (first <= 0) {
		conf_free(&job.conf);
		return first ? RUN_USAGE : 0;
	}
	if (first < argc && !strcmp(argv[first], "--"))
		first++;
	if (first >= argc) {
		conf_free(&job.conf);
		fprintf(stderr, PROG ": no program to run (try " PROG " --help)\n");
		return RUN_USAGE;
	}
	job.argv = argv + first;

	sigemptyset(&forward);
	for (size_t i = 0; i < NR_FORWARDED; i++)
		sigaddset(&forward, forwarded[i].sig);
	for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++)
		sigaddset(&forward, sig);
	block = forward;
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &job.mask);

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0) {
		perror(PROG ": socketpair");
		return RUN_DOOR;
	}
	switch (fork()) {
	case -1:
		perror(PROG ": fork");
		return RUN_DOOR;
	case 0:
		close(sv[0]);
		return run_supervisor(&job, sv[1]);
	}
	conf_free(&job.conf); /* the supervisor has its own copy */
	close(sv[1]);
	l.sock = sv[0];
	l.sigfd = signalfd(-1, &forward, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l.sigfd < 0) {
		perror(PROG ": signalfd");
		return RUN_DOOR; /* the supervisor sees the socket close */
	}
	return launch(&l);
}
