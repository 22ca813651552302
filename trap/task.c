/* SPDX-License-Identifier: MIT */
/*
 * task.c - who the caller is, from /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* "Uid:", "Gid:": real, effective, saved, file system */
static void parse_ids(const char *line, unsigned int id[4])
{
	char *end = (char *)line;

	for (int i = 0; i < 4; i++)
		id[i] = strtoul(end, &end, 10);
}

void trap_cred_parse(char *text, struct trap_cred *cr)
{
	char *save = NULL;
	unsigned int id[4];

	/* nobody's, should a line be missing */
	memset(cr, 0, sizeof(*cr));
	cr->ruid = cr->euid = cr->fsuid = (uid_t)-1;
	cr->rgid = cr->egid = cr->fsgid = (gid_t)-1;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(l, "Uid:", 4)) {
			parse_ids(l + 4, id);
			cr->ruid = id[0];
			cr->euid = id[1];
			cr->fsuid = id[3];
		} else if (!strncmp(l, "Gid:", 4)) {
			parse_ids(l + 4, id);
			cr->rgid = id[0];
			cr->egid = id[1];
			cr->fsgid = id[3];
		} else if (!strncmp(l, "Groups:", 7)) {
			char *p = l + 7, *end;

			while (cr->nr_groups < sizeof(cr->groups) / sizeof(cr->groups[0])) {
				gid_t g = strtoul(p, &end, 10);

				if (end == p)
					break;
				cr->groups[cr->nr_groups++] = g;
				p = end;
			}
		}
	}
}

ssize_t trap_proc_text(const struct trap *t, const char *path, char *text, size_t size)
{
	int fd = openat(t->proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	int err = errno;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n < 0 ? -err : n;
}

int trap_cred_read(struct trap *t, pid_t tid, struct trap_cred *cr)
{
	char path[32], text[8192];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/status", tid);
	n = trap_proc_text(t, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	trap_cred_parse(text, cr);
	return 0;
}

bool trap_cred_may(const struct trap_cred *cr, const struct dmn_node *n, int want, bool real)
{
	uid_t uid = real ? cr->ruid : cr->fsuid;
	gid_t gid = real ? cr->rgid : cr->fsgid;
	mode_t bits = n->mode;

	if (uid == 0) /* CAP_DAC_OVERRIDE; executing needs somebody's x bit */
		return !(want & X_OK) || n->mode & 0111;
	if (uid == n->uid) {
		bits >>= 6;
	} else {
		bool member = gid == n->gid;

		for (unsigned int i = 0; i < cr->nr_groups; i++)
			member |= cr->groups[i] == n->gid;
		if (member)
			bits >>= 3;
	}
	return (bits & want) == (mode_t)want;
}

/* /proc/TID belongs to the effective uid of the thread: cheaper to ask for than its status */
bool trap_privileged(struct trap *t, pid_t tid)
{
	char path[16];
	struct stat st;

	snprintf(path, sizeof(path), "%d", tid);
	if (fstatat(t->proc, path, &st, 0) < 0)
		return false;
	return st.st_uid == t->owner || st.st_uid == 0;
}
