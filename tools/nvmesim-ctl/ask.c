/* SPDX-License-Identifier: MIT */
/*
 * ask.c - the conversation with the daemon.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ctl.h"

#define ANSWER_MAX  (16u << 20)
#define ANSWER_WAIT 30 /* seconds */

__attribute__((format(printf, 3, 4))) static enum ctl_exit
trouble(struct json_object **answer, enum ctl_exit code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*answer = json_object_new_object();
	json_object_object_add(*answer, "ok", json_object_new_boolean(false));
	json_object_object_add(*answer, "error", json_object_new_string(text));
	return code;
}

/* anybody may make a socket in a shared directory: believe only root and ourselves */
static bool trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) &&
	       (!peer.uid || peer.uid == geteuid());
}

static enum ctl_exit dial(const char *path, int *fd, struct json_object **answer)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct timeval wait = { .tv_sec = ANSWER_WAIT };

	if (strlen(path) >= sizeof(sa.sun_path))
		return trouble(answer, CTL_USAGE, "%s: the path is longer than %zu bytes", path,
			       sizeof(sa.sun_path) - 1);
	memcpy(sa.sun_path, path, strlen(path));
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return trouble(answer, CTL_FAILED, "socket: %s", strerror(errno));
	setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(*fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (!connect(*fd, (struct sockaddr *)&sa, sizeof(sa))) {
		if (trusted(*fd))
			return CTL_OK;
		return trouble(answer, CTL_FAILED, "%s belongs to another user's process", path);
	}
	if (errno == ENOENT || errno == ECONNREFUSED)
		return trouble(
			answer, CTL_NO_DAEMON,
			"no daemon answers on %s: start one with 'nvmesim' (as root), or say "
			"with --socket PATH where it is",
			path);
	return trouble(answer, CTL_FAILED, "%s: %s%s", path, strerror(errno),
		       errno == EACCES ? " (the daemon is another user's)" : "");
}

static int send_line(int fd, struct json_object *request)
{
	const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	size_t len = strlen(text);

	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			text += n;
			len -= n;
		}
	}
	return send(fd, "\n", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* Return: a line without its end, or NULL with errno (0: the connection ended) */
static char *read_line(int fd)
{
	size_t len = 0, room = 65536;
	char *line = malloc(room);

	while (line) {
		ssize_t n = read(fd, line + len, room - len - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!n)
				errno = 0;
			break;
		}
		len += n;
		if (line[len - 1] == '\n') {
			line[len - 1] = '\0';
			return line;
		}
		if (len + 1 == room) {
			char *more = room < ANSWER_MAX ? realloc(line, room * 2) : NULL;

			if (!more) {
				errno = ENOMEM;
				break;
			}
			line = more;
			room *= 2;
		}
	}
	free(line);
	return NULL;
}

static void wait_for_end(int fd)
{
	char byte;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n > 0 || (n < 0 && errno == EINTR));
}

enum ctl_exit ctl_ask(const char *path, struct json_object *request, bool until_end,
		      struct json_object **answer)
{
	int fd = -1;
	enum ctl_exit code = dial(path, &fd, answer);
	struct json_object *ok;
	char *line = NULL;

	if (code)
		goto out;
	if (!send_line(fd, request))
		line = read_line(fd);
	if (!line && (!errno || errno == EPIPE || errno == ECONNRESET)) {
		code = trouble(answer, CTL_NO_DAEMON, "%s: no answer (the daemon ended)", path);
		goto out;
	}
	if (!line) {
		code = trouble(answer, CTL_FAILED, "%s: no answer (%s)", path,
			       errno == EAGAIN ? "the daemon is busy" : strerror(errno));
		goto out;
	}
	*answer = json_tokener_parse(line);
	if (!json_object_object_get_ex(*answer, "ok", &ok)) {
		json_object_put(*answer);
		code = trouble(answer, CTL_FAILED, "%s: that is no nvmesim daemon", path);
		goto out;
	}
	code = json_object_get_boolean(ok) ? CTL_OK : CTL_FAILED;
	if (!code && until_end)
		wait_for_end(fd);
out:
	free(line);
	if (fd >= 0)
		close(fd);
	return code;
}
