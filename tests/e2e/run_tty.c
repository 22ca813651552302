/* SPDX-License-Identifier: MIT */
/*
 * run_tty.c - job control: runs a command on a terminal of its own, as a shell's foreground job,
 * types ^Z, continues it as `fg` does, types ^C.
 * Arguments: the command, which must say "ready" and then run until it is interrupted.
 */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_check.h"

static int tty_wait(int master, const char *text)
{
	char buf[4096];
	size_t have = 0;
	struct pollfd p = { .fd = master, .events = POLLIN };

	while (have < sizeof(buf) - 1 && poll(&p, 1, 5000) == 1) {
		ssize_t n = read(master, buf + have, sizeof(buf) - 1 - have);

		if (n <= 0)
			break;
		have += n;
		buf[have] = '\0';
		if (strstr(buf, text))
			return 1;
	}
	return 0;
}

/* what the shell found wrong is on its terminal */
static void relay(int master)
{
	char buf[4096];
	struct pollfd p = { .fd = master, .events = POLLIN };
	ssize_t n;

	while (poll(&p, 1, 100) == 1 && (n = read(master, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, n, stderr);
}

/* waits up to 5 s for a change of @pid's state. Return: the status, -1 without one */
static int change(pid_t pid)
{
	int status;

	for (int i = 0; i < 500; i++) {
		if (waitpid(pid, &status, WNOHANG | WUNTRACED | WCONTINUED) == pid)
			return status;
		usleep(10000);
	}
	return -1;
}

/* the session's leader: a shell that knows one job. Its word to the master's side is its status */
static int shell(char **argv, int from_test)
{
	char byte;
	int status;
	pid_t job = fork();

	if (!job) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(0, getpid());
		signal(SIGTTOU, SIG_DFL);
		execvp(argv[0], argv);
		_exit(99);
	}
	setpgid(job, job);
	signal(SIGTTOU, SIG_IGN);
	signal(SIGINT, SIG_IGN);

	/* ^Z: the job, as its parent sees it, stops */
	status = change(job);
	CHECK(status != -1 && WIFSTOPPED(status));
	CHECK(read(from_test, &byte, 1) == 1);
	CHECK(kill(-job, SIGCONT) == 0);
	status = change(job);
	CHECK(status != -1 && WIFCONTINUED(status));
	/* and does not stop again by itself */
	usleep(300000);
	CHECK(waitpid(job, &status, WNOHANG | WUNTRACED) == 0);
	fprintf(stderr, "continued\n");
	/* ^C: it ends by that very signal */
	status = change(job);
	CHECK(status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	return check_failed != 0;
}

int main(int argc, char **argv)
{
	int master, status, to_shell[2];
	pid_t pid;

	if (argc < 2 || pipe(to_shell))
		return 2;
	pid = forkpty(&master, NULL, NULL, NULL);
	if (!pid) {
		close(to_shell[1]);
		exit(shell(argv + 1, to_shell[0]));
	}
	CHECK(tty_wait(master, "ready"));
	CHECK(write(master, "\032", 1) == 1);
	usleep(500000);
	CHECK(write(to_shell[1], "c", 1) == 1);
	CHECK(tty_wait(master, "continued"));
	CHECK(write(master, "\003", 1) == 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	if (check_failed)
		relay(master);
	return check_end();
}
