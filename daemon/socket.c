/* SPDX-License-Identifier: MIT */
/*
 * socket.c - where the control socket is when nobody says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon.h"

const char *dmn_socket_path(char *buf, size_t len)
{
	const char *env = getenv("NVMESIM_SOCKET"), *run = getenv("XDG_RUNTIME_DIR");

	if (env && *env)
		snprintf(buf, len, "%s", env);
	else if (!geteuid())
		snprintf(buf, len, "/run/nvmesim.sock");
	else if (run && *run)
		snprintf(buf, len, "%s/nvmesim.sock", run);
	else
		snprintf(buf, len, "/tmp/nvmesim-%u.sock", (unsigned int)geteuid());
	return buf;
}
