/* SPDX-License-Identifier: MIT */
/*
 * program.c - the child that becomes the program: filter, listener, exec.
 *
 * From the filter on, every trapped call of this process waits for a supervisor that has not
 * begun to serve yet, so nothing here may open, stat or look up anything before the go.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run.h"

ssize_t run_send_fd(int sock, const void *buf, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl = { .buf = { 0 } };
	struct iovec iov = { (void *)buf, len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = ctl.buf,
			      .msg_controllen = sizeof(ctl.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t run_recv_fd(int sock, void *buf, size_t len, int *fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = ctl.buf,
			      .msg_controllen = sizeof(ctl.buf) };
	struct cmsghdr *c;
	ssize_t n;

	*fd = -1;
	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return n;
}

_Noreturn void run_program(const struct run_job *job, int sock, pid_t supervisor, pid_t tracer)
{
	char err[256];
	struct run_go go;
	int listener;
	ssize_t n;

	/* without the supervisor every trapped call fails: better to end */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != supervisor)
		_exit(RUN_DOOR);
	if (tracer) /* EINVAL: a kernel without Yama, which needs no permission */
		prctl(PR_SET_PTRACER, tracer, 0, 0, 0);
	sigprocmask(SIG_SETMASK, &job->mask, NULL);

	listener = trap_filter_install(err, sizeof(err));
	if (listener < 0) {
		dprintf(STDERR_FILENO, PROG ": %s\n", err);
		_exit(RUN_DOOR);
	}
	if (run_send_fd(sock, "", 1, listener) < 0)
		_exit(RUN_DOOR);
	close(listener);
	do
		n = recv(sock, &go, sizeof(go), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(go)) /* the supervisor said why */
		_exit(RUN_DOOR);

	if (go.socket[0])
		setenv("NVMESIM_SOCKET", go.socket, 1);
	execvp(job->argv[0], job->argv);
	dprintf(STDERR_FILENO, PROG ": %s: %s\n", job->argv[0], strerror(errno));
	_exit(errno == ENOENT ? RUN_NOT_FOUND : RUN_NOT_EXEC);
}
