/* SPDX-License-Identifier: MIT */
/*
 * control.c - the control socket: who is connected, lines in, lines out.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"

static void client_ready(struct dmn_fd *f, uint32_t events);

static void client_free(struct ctl_client *cl)
{
	struct dmn_control *c = cl->c;

	for (struct ctl_client **at = &c->clients; *at; at = &(*at)->next) {
		if (*at == cl) {
			*at = cl->next;
			break;
		}
	}
	c->nr_clients--;
	dmn_loop_del(c->loop, &cl->fd);
	close(cl->fd.fd);
	if (cl->passed >= 0)
		close(cl->passed);
	free(cl->out);
	free(cl);
}

/* ---- answers ---- */

/* Return: false when the client is gone */
static bool client_flush(struct ctl_client *cl)
{
	while (cl->out_off < cl->nr_out) {
		ssize_t n = send(cl->fd.fd, cl->out + cl->out_off, cl->nr_out - cl->out_off,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		cl->out_off += n;
	}
	free(cl->out);
	cl->out = NULL;
	cl->out_off = cl->nr_out = 0;
	return true;
}

/* takes over @answer. Return: false when there is no memory for it */
static bool client_answer(struct ctl_client *cl, struct json_object *answer)
{
	const char *text;

	if (!answer)
		return false;
	text = json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE);
	cl->nr_out = strlen(text) + 1;
	cl->out = malloc(cl->nr_out);
	if (cl->out) {
		memcpy(cl->out, text, cl->nr_out - 1);
		cl->out[cl->nr_out - 1] = '\n';
	}
	json_object_put(answer);
	return cl->out;
}

/* ---- requests ---- */

static struct json_object *serve_line(struct ctl_client *cl, const char *line, size_t len)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *request, *answer;
	size_t end;

	if (!tok)
		return NULL;
	request = json_tokener_parse_ex(tok, line, (int)len);
	end = json_tokener_get_parse_end(tok);
	while (end < len && (line[end] == ' ' || line[end] == '\t' || line[end] == '\r'))
		end++;
	/* json_tokener_continue (half a value) is as wrong as an error: the line is all there is */
	if (json_tokener_get_error(tok) != json_tokener_success || end != len)
		answer = ctl_failure("that is not a line of JSON");
	else
		answer = ctl_command(cl->c, request, &cl->passed);
	json_object_put(request);
	json_tokener_free(tok);
	return answer;
}

/* Return: false when the client is to be dropped */
static bool client_serve(struct ctl_client *cl)
{
	char *end;

	while (!cl->out && (end = memchr(cl->in, '\n', cl->nr_in))) {
		size_t used = end + 1 - cl->in;
		bool ok = client_answer(cl, serve_line(cl, cl->in, used - 1));

		memmove(cl->in, cl->in + used, cl->nr_in - used);
		cl->nr_in -= used;
		if (!ok || !client_flush(cl))
			return false;
	}
	if (!cl->out && cl->nr_in == sizeof(cl->in)) {
		/* no end of line to find the next request by: say so and hang up */
		if (client_answer(cl, ctl_failure("the request is too long")))
			client_flush(cl);
		return false;
	}
	return true;
}

static void take_descriptors(struct ctl_client *cl, struct msghdr *mh)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
			if (cl->passed >= 0)
				close(cl->passed); /* a request has one; the last counts */
			cl->passed = fd;
		}
	}
}

/* Return: false when the client is to be dropped */
static bool client_read(struct ctl_client *cl)
{
	union {
		char buf[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { cl->in + cl->nr_in, sizeof(cl->in) - cl->nr_in };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(cl->fd.fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	take_descriptors(cl, &mh);
	if (!n)
		cl->eof = true;
	cl->nr_in += n;
	return true;
}

static void client_ready(struct dmn_fd *f, uint32_t events)
{
	struct ctl_client *cl = (struct ctl_client *)((char *)f - offsetof(struct ctl_client, fd));
	struct dmn_control *c = cl->c;
	bool alive = client_flush(cl);

	if (alive && !cl->out && !cl->eof)
		alive = client_read(cl);
	if (alive)
		alive = client_serve(cl);
	if (c->stop) /* after the answer was sent; the end of the connection says it is done */
		dmn_loop_quit(c->loop, 0);
	else if (!alive || (cl->eof && !cl->out) ||
		 dmn_loop_add(c->loop, f, cl->out ? EPOLLOUT : EPOLLIN))
		client_free(cl);
}

static void listener_ready(struct dmn_fd *f, uint32_t events)
{
	struct dmn_control *c =
		(struct dmn_control *)((char *)f - offsetof(struct dmn_control, listener));
	int fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ctl_client *cl;

	if (fd < 0)
		return;
	cl = c->nr_clients < CTL_CLIENTS_MAX ? calloc(1, sizeof(*cl)) : NULL;
	if (!cl) {
		close(fd);
		return;
	}
	cl->c = c;
	cl->fd.fd = fd;
	cl->fd.ready = client_ready;
	cl->passed = -1;
	cl->next = c->clients;
	c->clients = cl;
	c->nr_clients++;
	if (dmn_loop_add(c->loop, &cl->fd, EPOLLIN))
		client_free(cl);
}

/* ---- the socket ---- */

/* the daemon changes its directory later: keep the path as it is from the root */
static int set_path(struct dmn_control *c, const char *path, char *err, size_t len)
{
	char *dir = strdup(path), *base = strdup(path), real[PATH_MAX];
	int ret = -1;

	if (!dir || !base)
		snprintf(err, len, "out of memory");
	else if (!realpath(dirname(dir), real))
		snprintf(err, len, "control socket %s: %s", path, strerror(errno));
	else if ((size_t)snprintf(c->path, sizeof(c->path), "%s/%s", strcmp(real, "/") ? real : "",
				  basename(base)) >= sizeof(c->path))
		snprintf(err, len, "control socket %s: the path is longer than %zu bytes", path,
			 sizeof(c->path) - 1);
	else
		ret = 0;
	free(dir);
	free(base);
	return ret;
}

/* is there a socket file that nobody listens on? */
static bool stale(const struct sockaddr_un *sa)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	bool refused;

	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) && errno == ECONNREFUSED;
	close(fd);
	return refused && !lstat(sa->sun_path, &st) && S_ISSOCK(st.st_mode);
}

static int open_socket(struct dmn_control *c, char *err, size_t len)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), ret;

	if (fd < 0) {
		snprintf(err, len, "control socket: %s", strerror(errno));
		return -1;
	}
	memcpy(sa.sun_path, c->path, sizeof(sa.sun_path));
	/* bind() gives the file the descriptor's mode */
	ret = fchmod(fd, 0600);
	if (!ret)
		ret = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (ret && errno == EADDRINUSE && stale(&sa)) {
		unlink(c->path);
		ret = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	}
	if (ret && errno == EADDRINUSE)
		snprintf(err, len,
			 "control socket %s: another daemon answers there (--socket "
			 "PATH gives this one its own; nvmesim-ctl stop ends that one)",
			 c->path);
	else if (ret || listen(fd, 16) || lstat(c->path, &c->self))
		snprintf(err, len, "control socket %s: %s", c->path, strerror(errno));
	else
		return fd;
	if (!ret)
		unlink(c->path);
	close(fd);
	return -1;
}

struct dmn_control *dmn_control_new(struct dmn_machine *m, const char *path, const char *door,
				    char *err, size_t len)
{
	struct dmn_control *c = calloc(1, sizeof(*c));
	int ret;

	if (!c) {
		snprintf(err, len, "out of memory");
		return NULL;
	}
	c->m = m;
	c->loop = dmn_machine_loop(m);
	c->door = door;
	c->listener.fd = -1;
	c->listener.ready = listener_ready;
	if (set_path(c, path, err, len))
		goto fail;
	c->listener.fd = open_socket(c, err, len);
	if (c->listener.fd < 0)
		goto fail;
	ret = dmn_loop_add(c->loop, &c->listener, EPOLLIN);
	if (ret) {
		snprintf(err, len, "control socket %s: %s", c->path, strerror(-ret));
		goto fail;
	}
	return c;
fail:
	dmn_control_free(c);
	return NULL;
}

void dmn_control_free(struct dmn_control *c)
{
	struct stat st;

	if (!c)
		return;
	if (c->listener.fd >= 0) {
		dmn_loop_del(c->loop, &c->listener);
		close(c->listener.fd);
		if (!lstat(c->path, &st) && st.st_dev == c->self.st_dev &&
		    st.st_ino == c->self.st_ino)
			unlink(c->path);
	}
	while (c->clients)
		client_free(c->clients);
	free(c);
}

void dmn_control_attach(struct dmn_control *c,
			int (*cb)(void *arg, int listener, pid_t pid, char *err, size_t len),
			void *arg)
{
	c->attach = cb;
	c->attach_arg = arg;
}
