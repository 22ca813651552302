/* SPDX-License-Identifier: MIT */
/*
 * mount.c - the tree at a directory of the user's choice, with libfuse.
 *
 * The machine's loop takes the kernel's requests, so nothing in this process may touch what is
 * below that directory: it would wait for itself.
 */
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <fuse3/fuse_lowlevel.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "sysfs.h"

struct sys_mount {
	struct sys s;
	struct dmn_fd fd;
	struct fuse *fuse;
	struct fuse_buf buf;
	struct timespec born;
	char dir[PATH_MAX];
	bool mounted, busy;
};

static struct sys_mount *self(void)
{
	return fuse_get_context()->private_data;
}

/* what tells two paths apart, now and later (FNV-1a) */
static ino_t number_of(const char *path)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *path; path++)
		h = (h ^ (unsigned char)*path) * 0x100000001b3u;
	return h;
}

static void fill_stat(const struct sys_mount *mt, const char *path, const struct sys_ent *e,
		      struct stat *st)
{
	static const mode_t type[] = {
		[SYS_DIR] = S_IFDIR, [SYS_FILE] = S_IFREG, [SYS_LINK] = S_IFLNK
	};

	memset(st, 0, sizeof(*st));
	st->st_ino = number_of(path);
	st->st_mode = type[e->kind] | e->mode;
	st->st_nlink = e->kind == SYS_DIR ? 2 : 1;
	st->st_uid = geteuid();
	st->st_gid = getegid();
	st->st_size = (off_t)e->size;
	st->st_blksize = 4096;
	st->st_atim = st->st_mtim = st->st_ctim = mt->born;
}

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct sys_mount *mt = self();
	struct sys_ent e;
	int err = sys_find(&mt->s, path + 1, &e);

	if (!err)
		fill_stat(mt, path + 1, &e, st);
	return err;
}

static int op_readlink(const char *path, char *buf, size_t size)
{
	struct sys_ent e;
	int err = sys_find(&self()->s, path + 1, &e);
	ssize_t n;

	if (err)
		return err;
	if (e.kind != SYS_LINK)
		return -EINVAL;
	n = sys_read(&e, buf, size - 1, 0);
	if (n < 0)
		return (int)n;
	buf[n] = '\0';
	return 0;
}

/** struct filler - where the entries go */
struct filler {
	struct sys_mount *mt;
	const char *dir;
	fuse_fill_dir_t fill;
	void *buf;
};

static int fill_one(void *arg, const char *name, const struct sys_ent *e)
{
	struct filler *f = arg;
	char path[SYS_PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s%s", f->dir, *f->dir ? "/" : "", name);
	fill_stat(f->mt, path, e, &st);
	return f->fill(f->buf, name, &st, 0, 0) ? -ENOMEM : 0;
}

static int op_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off,
		      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	struct filler f = { self(), path + 1, fill, buf };

	fill(buf, ".", NULL, 0, 0);
	fill(buf, "..", NULL, 0, 0);
	return sys_list(&f.mt->s, path + 1, fill_one, &f);
}

/* texts are made anew for each read; what can be mapped has to go through the page cache */
static int op_open(const char *path, struct fuse_file_info *fi)
{
	struct sys_ent e;
	int err = sys_find(&self()->s, path + 1, &e);

	int acc = fi->flags & O_ACCMODE;

	if (err)
		return err;
	fi->direct_io = !e.map;
	/* not even root opens for writing what nothing can be written to */
	if (!sys_may(&e, acc == O_RDONLY ? R_OK : acc == O_WRONLY ? W_OK : R_OK | W_OK))
		return -EACCES;
	return 0;
}

static int op_read(const char *path, char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct sys_ent e;
	int err = sys_find(&self()->s, path + 1, &e);

	return err ? err : (int)sys_read(&e, buf, size, (uint64_t)off);
}

static int op_write(const char *path, const char *buf, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct sys_ent e;
	int err = sys_find(&self()->s, path + 1, &e);

	return err ? err : (int)sys_write(&e, buf, size, (uint64_t)off);
}

/* a shell's > truncates first */
static int op_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	struct sys_ent e;

	return sys_find(&self()->s, path + 1, &e);
}

static int op_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	return -EACCES; /* as sysfs */
}

static void *op_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	/* nothing may be remembered: the tree changes by itself */
	cfg->entry_timeout = cfg->attr_timeout = cfg->negative_timeout = 0;
	cfg->use_ino = 1;
	return fuse_get_context()->private_data;
}

static const struct fuse_operations ops = {
	.init = op_init,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.readdir = op_readdir,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.truncate = op_truncate,
	.create = op_create,
};

static void mount_ready(struct dmn_fd *f, uint32_t events)
{
	struct sys_mount *mt = (struct sys_mount *)((char *)f - offsetof(struct sys_mount, fd));
	struct fuse_session *se = fuse_get_session(mt->fuse);
	int n = fuse_session_receive_buf(se, &mt->buf);

	if (n == -EINTR || n == -EAGAIN)
		return;
	if (n <= 0) {
		dmn_loop_del(dmn_machine_loop(mt->s.m), f);
		syslog(LOG_WARNING, "%s: unmounted by somebody", mt->dir);
		mt->mounted = false;
		return;
	}
	fuse_session_process_buf(se, &mt->buf);
}

/* a daemon that was killed leaves its mount behind, which answers ENOTCONN */
static void clear_away(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) < 0 && errno == ENOTCONN)
		umount2(dir, MNT_DETACH);
}

static const char *why_not(int err)
{
	if (err == ENOENT || err == ENODEV)
		return "this kernel has no FUSE (try: modprobe fuse)";
	return strerror(err);
}

struct sys_mount *sys_mount_new(struct dmn_machine *m, const char *dir, char *err, size_t len)
{
	char prog[] = "nvmesim", opt[] = "-o",
	     all[] = "allow_other,default_permissions,fsname=nvmesim,"
		     "subtype=nvmesim";
	char mine[] = "default_permissions,fsname=nvmesim,subtype=nvmesim";
	char *argv[] = { prog, opt, geteuid() ? mine : all, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct sys_mount *mt = calloc(1, sizeof(*mt));
	struct statx stx;
	int ret;

	clear_away(dir);
	if (!mt || !realpath(dir, mt->dir)) {
		snprintf(err, len, "%s: %s", dir, strerror(mt ? errno : ENOMEM));
		free(mt);
		return NULL;
	}
	if (access("/dev/fuse", F_OK)) {
		snprintf(err, len, "%s: /dev/fuse: %s", dir, why_not(errno));
		free(mt);
		return NULL;
	}
	mt->s.m = m;
	clock_gettime(CLOCK_REALTIME, &mt->born);
	mt->fuse = fuse_new(&args, &ops, sizeof(ops), mt);
	fuse_opt_free_args(&args);
	if (!mt->fuse || fuse_mount(mt->fuse, mt->dir)) {
		snprintf(err, len,
			 "%s: cannot be mounted (as another user than root, that takes "
			 "Debian's package fuse3)",
			 dir);
		sys_mount_free(mt);
		return NULL;
	}
	mt->mounted = true;
	/* asks nobody: there is nobody yet who could answer */
	if (!statx(AT_FDCWD, mt->dir, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &stx))
		*dmn_own_mount(m) = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	mt->fd.fd = fuse_session_fd(fuse_get_session(mt->fuse));
	mt->fd.ready = mount_ready;
	ret = dmn_loop_add(dmn_machine_loop(m), &mt->fd, EPOLLIN);
	if (ret) {
		snprintf(err, len, "%s: %s", dir, strerror(-ret));
		sys_mount_free(mt);
		return NULL;
	}
	return mt;
}

void sys_mount_free(struct sys_mount *mt)
{
	if (!mt)
		return;
	if (mt->mounted) {
		if (mt->fd.ready)
			dmn_loop_del(dmn_machine_loop(mt->s.m), &mt->fd);
		fuse_unmount(mt->fuse);
		*dmn_own_mount(mt->s.m) = 0;
	}
	if (mt->fuse)
		fuse_destroy(mt->fuse);
	free(mt->buf.mem);
	free(mt);
}
