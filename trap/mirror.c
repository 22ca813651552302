/* SPDX-License-Identifier: MIT */
/*
 * mirror.c - real directories that stand for those of the tree, made when somebody asks for one, in
 * a place of our own. What the machine's own /sys has in the same directory is there as links.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"

static int make_base(struct trap_sys *s)
{
	const char *bases[] = { getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp" };

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]) && s->fd < 0; i++) {
		if (!bases[i] || bases[i][0] != '/' || strlen(bases[i]) > 32)
			continue;
		snprintf(s->dir, sizeof(s->dir), "%s/nvmesim-sys.XXXXXX", bases[i]);
		if (!mkdtemp(s->dir))
			continue;
		chmod(s->dir, 0755);
		s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (s->fd >= 0)
		return 0;
	s->dir[0] = '\0';
	return -ENOMEM;
}

/* the directory @canon below the base, and those on the way to it */
static int make_dirs(struct trap_sys *s, const char *canon)
{
	int fd = dup(s->fd);

	while (fd >= 0 && *canon) {
		size_t n = strcspn(canon, "/");
		char name[NAME_MAX + 1];
		int next;

		snprintf(name, sizeof(name), "%.*s", (int)n, canon);
		mkdirat(fd, name, 0755);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		fd = next;
		canon += n + (canon[n] == '/');
	}
	return fd < 0 ? -errno : fd;
}

/** struct mirror - a directory while it is brought up to date; @old: what was in it */
struct mirror {
	struct trap_sys *s;
	const char *canon;
	int fd;
	char **old;
	size_t nr_old;
};

static bool kind_is(int fd, const char *name, mode_t type)
{
	struct stat st;

	return !fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) && (st.st_mode & S_IFMT) == type;
}

/* Return: whether it was there */
static bool keep(struct mirror *m, const char *name)
{
	for (size_t i = 0; i < m->nr_old; i++) {
		if (m->old[i] && !strcmp(m->old[i], name)) {
			free(m->old[i]);
			m->old[i] = NULL;
			return true;
		}
	}
	return false;
}

static int mirror_one(void *arg, const char *name, const struct sys_ent *e)
{
	struct mirror *m = arg;
	char target[SYS_PATH_MAX];
	bool there = keep(m, name);
	ssize_t n;
	int fd;

	switch (e->kind) {
	case SYS_DIR:
		mkdirat(m->fd, name, 0755);
		break;
	case SYS_FILE:
		fd = there ? -1 : openat(m->fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, e->mode);
		if (fd >= 0)
			close(fd);
		break;
	case SYS_LINK:
		n = sys_read(e, target, sizeof(target) - 1, 0);
		if (n < 0)
			break;
		target[n] = '\0';
		if (there)
			unlinkat(m->fd, name, 0);
		if (symlinkat(target, m->fd, name) < 0)
			return 0;
		break;
	}
	return 0;
}

/* what the machine has there, as links that lead back to it */
static void mirror_real(struct mirror *m)
{
	char path[SYS_PATH_MAX + 8], target[SYS_PATH_MAX + 310];
	struct sys_ent e;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/%s", m->canon);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		char below[SYS_PATH_MAX + 300];

		snprintf(below, sizeof(below), "%s%s%s", m->canon, *m->canon ? "/" : "", d->d_name);
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
		    !sys_find(&m->s->tree, below, &e))
			continue;
		snprintf(target, sizeof(target), "/sys/%s", below);
		if (!keep(m, d->d_name) || !kind_is(m->fd, d->d_name, S_IFLNK)) {
			if (symlinkat(target, m->fd, d->d_name) < 0)
				continue;
		}
	}
	if (dir)
		closedir(dir);
}

static void read_old(struct mirror *m)
{
	int fd = openat(m->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		char **more;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		more = realloc(m->old, (m->nr_old + 1) * sizeof(m->old[0]));
		if (!more)
			break;
		m->old = more;
		m->old[m->nr_old++] = strdup(d->d_name);
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

/* a tree of ours; nothing in it leads out but links, which are not followed */
static void remove_tree(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void fill(struct mirror *m)
{
	char path[sizeof(m->s->dir) + SYS_PATH_MAX + NAME_MAX + 4];

	read_old(m);
	sys_list(&m->s->tree, m->canon, mirror_one, m);
	mirror_real(m);
	for (size_t i = 0; i < m->nr_old; i++) {
		if (!m->old[i])
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", m->s->dir, m->canon, m->old[i]);
		remove_tree(path);
		free(m->old[i]);
	}
	free(m->old);
}

int trap_mirror_dir(struct trap *t, const char *canon, bool list)
{
	struct trap_sys *s = t->sys;
	struct mirror m = { .s = s, .canon = canon };
	int err = s->fd < 0 ? make_base(s) : 0;

	if (err)
		return err;
	m.fd = make_dirs(s, canon);
	if (m.fd >= 0 && list)
		fill(&m);
	return m.fd;
}

int trap_mirror_stat(struct trap *t, const char *canon, struct stat *st)
{
	int fd = trap_mirror_dir(t, canon, false), err;

	if (fd < 0)
		return fd;
	err = fstat(fd, st) < 0 ? -errno : 0;
	close(fd);
	return err;
}

void trap_mirror_remove(struct trap *t)
{
	struct trap_sys *s = t->sys;

	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	if (s->dir[0])
		remove_tree(s->dir);
	s->dir[0] = '\0';
}
