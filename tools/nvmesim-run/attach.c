/* SPDX-License-Identifier: MIT */
/*
 * attach.c - --attach: the listener goes to a running daemon instead of a machine of our own.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "run.h"

int run_daemon_connect(const char *where, char path[sizeof(((struct run_go *)0)->socket)],
		       pid_t *pid, char *err, size_t len)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ucred cred;
	socklen_t size = sizeof(cred);
	int sock;

	if (*where) {
		if (strlen(where) >= sizeof(sa.sun_path)) {
			snprintf(err, len, "--attach=%s: longer than a socket's name can be",
				 where);
			return -1;
		}
		strcpy(sa.sun_path, where);
	} else {
		dmn_socket_path(sa.sun_path, sizeof(sa.sun_path));
	}
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0) {
		snprintf(err, len, "cannot attach to a daemon at %s: %s", sa.sun_path,
			 strerror(errno));
		if (sock >= 0)
			close(sock);
		return -1;
	}
	strcpy(path, sa.sun_path);
	*pid = cred.pid;
	return sock;
}

/* one line of JSON: {"ok":true,...} or {"ok":false,"error":"..."} */
static int parse_reply(const char *line, char *err, size_t len)
{
	struct json_object *reply = json_tokener_parse(line), *v;
	int ret = -1;

	if (reply && json_object_object_get_ex(reply, "ok", &v) && json_object_get_boolean(v))
		ret = 0;
	else if (reply && json_object_object_get_ex(reply, "error", &v))
		snprintf(err, len, "the daemon refuses: %s", json_object_get_string(v));
	else
		snprintf(err, len, "the daemon's answer to attach is not understood");
	json_object_put(reply);
	return ret;
}

int run_daemon_attach(int sock, int listener, pid_t program, char *err, size_t len)
{
	char line[1024];
	size_t have = 0;
	ssize_t n;
	int size;

	size = snprintf(line, sizeof(line), "{\"cmd\":\"attach\",\"pid\":%d}\n", program);
	n = run_send_fd(sock, line, size, listener);
	if (n != size) {
		snprintf(err, len, "cannot reach the daemon: %s", n < 0 ? strerror(-n) : "closed");
		return -1;
	}
	while (have < sizeof(line) - 1) {
		n = read(sock, line + have, sizeof(line) - 1 - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += n;
		if (memchr(line + have - n, '\n', n))
			break;
	}
	line[have] = '\0';
	return parse_reply(line, err, len);
}
