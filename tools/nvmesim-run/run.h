/* SPDX-License-Identifier: MIT */
/*
 * run.h - nvmesim-run: three processes.
 *
 *   launcher (main.c)      what the caller sees: waits, passes signals on, ends as the program does
 *     supervisor           runs the drive and answers what the program's filter traps; lives on
 *     (supervisor.c)       while background tasks of the program do
 *       program            puts the filter on itself, hands over the listener, executes
 *       (program.c)
 *
 * The supervisor is the program's parent, hence an ancestor of all its tasks: Yama's scope 1 lets
 * an ancestor reach their memory. It is their subreaper too, so daemonised tasks stay below it.
 *
 * Whoever is killed by SIGKILL takes the program with him: the launcher, because that is what
 * was asked for; the supervisor, because without it every trapped call fails with ENOSYS.
 */
#ifndef NVMESIM_RUN_H
#define NVMESIM_RUN_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "../../trap/trap.h"

#define PROG "nvmesim-run"

/* exit codes of our own; everything else is the program's */
enum {
	RUN_USAGE = 2,	      /* arguments, configuration, a drive that cannot be made */
	RUN_DOOR = 125,	      /* the door cannot be opened here */
	RUN_NOT_EXEC = 126,   /* the program was found and cannot be executed */
	RUN_NOT_FOUND = 127,
};

/** struct run_report - supervisor to launcher */
struct run_report {
	enum { RUN_STARTED, RUN_STOPPED, RUN_ENDED, RUN_FAILED } what;
	int value; /* pid; -; wait status; exit code (the sentence was printed) */
};

/** struct run_go - supervisor to program: execute now */
struct run_go {
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* NVMESIM_SOCKET; "": not set */
};

/**
 * struct run_job - what the launcher hands down
 * @attach: NULL: a machine of our own; else the daemon's socket, "" for the usual place
 * @mask:   the caller's signal mask, the program's at the end
 */
struct run_job {
	struct conf conf;
	const char *attach;
	char **argv;
	sigset_t mask;
};

/** run_supervisor() - the supervisor's whole life. @launcher: socket. Return: exit code. */
int run_supervisor(struct run_job *job, int launcher);

/**
 * run_program() - becomes the program
 * @sock: to the supervisor, at the other end of which run_listener_get() waits
 * @tracer: pid that will reach for our memory, 0: the supervisor (our parent)
 */
_Noreturn void run_program(const struct run_job *job, int sock, pid_t supervisor, pid_t tracer);

/** run_send_fd(), run_recv_fd() - a descriptor with some bytes. Return: bytes or -errno;
 * recv: 0 at the end, *@fd is -1 when none came. */
ssize_t run_send_fd(int sock, const void *buf, size_t len, int fd);
ssize_t run_recv_fd(int sock, void *buf, size_t len, int *fd);

/**
 * run_daemon_connect() - to a running daemon. Return: socket or -1 with a line in @err;
 * @path: receives where; *@pid: the daemon's
 */
int run_daemon_connect(const char *where, char path[sizeof(((struct run_go *)0)->socket)],
		       pid_t *pid, char *err, size_t len);

/** run_daemon_attach() - passes the listener on. Return: 0, or -1 with a line in @err */
int run_daemon_attach(int sock, int listener, pid_t program, char *err, size_t len);

#endif /* NVMESIM_RUN_H */
