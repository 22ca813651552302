/* SPDX-License-Identifier: MIT */
/*
 * sys.c - which paths are in the tree, and what calls that only look at them are answered.
 *
 * A path leads here when it is spelled /sys/..., or is relative to a directory in /sys or in the
 * mirror. What the tree does not have is the machine's own, and the kernel's business.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"

/* ---- paths ---- */

/* "/sys/x", "//sys//x", "/./sys" -> what follows; NULL: it is spelled otherwise */
static const char *below_sys(const char *path)
{
	if (*path != '/')
		return NULL;
	while (*path == '/' || (path[0] == '.' && (path[1] == '/' || !path[1])))
		path++;
	if (strncmp(path, "sys", 3) || (path[3] && path[3] != '/'))
		return NULL;
	return path + 3;
}

/* likewise, of a directory's path as the kernel spells it: in /sys, or in the mirror */
static const char *below(const struct trap_sys *s, const char *dir)
{
	size_t n = strlen(s->dir);

	if (n && !strncmp(dir, s->dir, n) && (!dir[n] || dir[n] == '/'))
		return dir + n;
	return below_sys(dir);
}

static bool follows(const struct trap_req *rq)
{
	switch (rq->row->nr) {
#ifdef __NR_lstat
	case __NR_lstat:
#endif
#ifdef __NR_readlink
	case __NR_readlink:
#endif
	case __NR_readlinkat:
	case __NR_lgetxattr:
	case __NR_llistxattr:
		return false;
#ifdef __NR_newfstatat
	case __NR_newfstatat:
		return !(rq->arg[3] & AT_SYMLINK_NOFOLLOW);
#endif
	case __NR_statx:
		return !(rq->arg[2] & AT_SYMLINK_NOFOLLOW);
	case __NR_faccessat2:
		return !(rq->arg[3] & AT_SYMLINK_NOFOLLOW);
	case __NR_openat:
		return !(rq->arg[2] & O_NOFOLLOW);
#ifdef __NR_open
	case __NR_open:
		return !(rq->arg[1] & O_NOFOLLOW);
#endif
	default:
		return true;
	}
}

bool trap_sys_find(struct trap_req *rq, const char *path, struct trap_sys_path *found)
{
	struct trap_sys *s = rq->t->sys;
	char dir[PATH_MAX], link[40], whole[SYS_PATH_MAX];
	const char *rest;
	ssize_t n;

	if (!rq->t->m) /* the drive is gone, and its tree */
		return false;
	if (*path == '/') {
		rest = below_sys(path);
		return rest && !sys_resolve(&s->tree, rest, follows(rq), found->canon, &found->e);
	}
	if (!s->moved)
		return false;
	if (rq->row->dirfd >= 0 && (int)rq->arg[rq->row->dirfd] != AT_FDCWD)
		snprintf(link, sizeof(link), "%d/fd/%d", rq->tid, (int)rq->arg[rq->row->dirfd]);
	else
		snprintf(link, sizeof(link), "%d/cwd", rq->tid);
	n = readlinkat(rq->t->proc, link, dir, sizeof(dir) - 1);
	if (n <= 0)
		return false;
	dir[n] = '\0';
	rest = below(s, dir);
	if (!rest || (size_t)snprintf(whole, sizeof(whole), "%s/%s", rest, path) >= sizeof(whole))
		return false;
	return !sys_resolve(&s->tree, whole, follows(rq), found->canon, &found->e);
}

/* Nothing can change a caller's directory for it: where it goes is the kernel's to say. But paths
 * may be relative to there from now on. */
long trap_chdir(struct trap_req *rq)
{
	rq->t->sys->moved = true;
	return TRAP_CONTINUE;
}

/* ---- attributes ---- */

/* that of the mirror for directories, since fstat() on one that is open tells the same */
long trap_sys_stat(struct trap_req *rq, struct stat *st)
{
	static const mode_t type[] = { [SYS_FILE] = S_IFREG, [SYS_LINK] = S_IFLNK };
	const struct sys_ent *e = &rq->sys->e;
	const char *p = rq->sys->canon;

	if (e->kind == SYS_DIR)
		return trap_mirror_stat(rq->t, rq->sys->canon, st);
	memset(st, 0, sizeof(*st));
	st->st_dev = rq->t->dev;
	st->st_ino = 0xcbf29ce484222325u;
	for (; *p; p++) /* FNV-1a: what tells two paths apart */
		st->st_ino = (st->st_ino ^ (unsigned char)*p) * 0x100000001b3u;
	st->st_mode = type[e->kind] | e->mode;
	st->st_nlink = 1;
	st->st_uid = geteuid();
	st->st_gid = getegid();
	st->st_size = e->kind == SYS_LINK ? 0 : (off_t)e->size;
	st->st_blksize = 4096;
	st->st_atim = st->st_mtim = st->st_ctim = rq->t->sys->born;
	return 0;
}

long trap_sys_access(struct trap_req *rq, int want, bool real)
{
	const struct sys_ent *e = &rq->sys->e;
	struct dmn_node owner = { .mode = e->mode, .uid = geteuid(), .gid = getegid() };
	struct trap_cred cr;
	int err = trap_cred_read(rq->t, rq->tid, &cr);

	if (err)
		return err;
	return trap_cred_may(&cr, &owner, want, real) ? 0 : -EACCES;
}

long trap_sys_readlink(struct trap_req *rq)
{
	bool at = rq->row->nr == __NR_readlinkat;
	uint64_t buf = rq->arg[at ? 2 : 1], size = rq->arg[at ? 3 : 2];
	char target[SYS_PATH_MAX];
	ssize_t n;

	if (rq->sys->e.kind != SYS_LINK)
		return -EINVAL;
	if ((int64_t)size <= 0)
		return -EINVAL;
	n = sys_read(&rq->sys->e, target, sizeof(target), 0);
	if (n < 0)
		return n;
	if ((uint64_t)n > size)
		n = (ssize_t)size;
	return trap_vm_write(rq->tid, buf, target, (size_t)n) ? -EFAULT : n;
}

/* ---- life ---- */

/* the first number that no nvmeN of the machine has, or a later one */
static unsigned int first_free(void)
{
	DIR *dir = opendir("/sys/class/nvme");
	unsigned int base = 0, n;
	struct dirent *d;
	char rest;

	while (dir && (d = readdir(dir)))
		if (sscanf(d->d_name, "nvme%u%c", &n, &rest) == 1 && n >= base)
			base = n + 1;
	if (dir)
		closedir(dir);
	return base;
}

int trap_sys_init(struct trap *t)
{
	t->sys = calloc(1, sizeof(*t->sys));
	if (!t->sys)
		return -ENOMEM;
	t->sys->tree.m = t->m;
	t->sys->tree.base = dmn_linux_names(t->m) ? 0 : first_free();
	t->sys->fd = -1;
	clock_gettime(CLOCK_REALTIME, &t->sys->born);
	if (getrandom(&t->sys->token, sizeof(t->sys->token), GRND_NONBLOCK) !=
	    sizeof(t->sys->token))
		t->sys->token = (uint64_t)t->self << 32 | (uint64_t)t->sys->born.tv_nsec;
	return 0;
}

void trap_sys_free(struct trap *t)
{
	if (!t->sys)
		return;
	trap_mirror_remove(t);
	free(t->sys);
	t->sys = NULL;
}
