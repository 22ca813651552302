/* SPDX-License-Identifier: MIT */
/*
 * sysfs.h - a tree like Linux's /sys of a machine's PCI functions and NVMe objects. Face of sysfs/.
 *
 * The tree is a table of rows, however it is served: mounted (mount.c), or in place for the
 * programs behind the run door (trap/sys.c). Nothing is stored: what a path names is found out when
 * it is asked for, so that the tree is always the machine's.
 */
#ifndef NVMESIM_SYSFS_H
#define NVMESIM_SYSFS_H

#include <sys/types.h>

#include "../daemon/daemon.h"

#define SYS_TEXT_MAX 4096 /* bytes of a text attribute, as in Linux */
#define SYS_PATH_MAX 512

struct sys_row;

/**
 * struct sys - a tree
 * @base: the first controller is nvmeBASE: the machine may have others of that name
 */
struct sys {
	struct dmn_machine *m;
	unsigned int base;
};

/** struct sys_ctx - the objects that a path names */
struct sys_ctx {
	const struct sys *s;
	struct dmn_fn *fn;
	struct dmn_node *node;
	const struct mach_subsys *subsys;
	unsigned int n; /* of virtfnN, resourceN */
};

enum sys_kind { SYS_DIR, SYS_FILE, SYS_LINK };

/** struct sys_ent - what a path names; @size: bytes, as stat shows it */
struct sys_ent {
	const struct sys_row *row; /* NULL: a directory because something is in it */
	enum sys_kind kind;
	mode_t mode; /* permission bits */
	uint64_t size;
	bool binary; /* read and written at any offset */
	bool map;    /* and can be mapped */
	struct sys_ctx ctx;
};

/**
 * sys_find() - what @path names; the last component is not followed
 * @path: below the root, "" is the root; without "." and "..", links only as the last component
 * Return: 0 or -ENOENT.
 */
int sys_find(const struct sys *s, const char *path, struct sys_ent *e);

/**
 * sys_resolve() - the same as the kernel walks: ".", "..", links on the way, and the last if
 * @follow
 * @canon: receives the path without all that
 * Return: 0, -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG.
 */
int sys_resolve(const struct sys *s, const char *path, bool follow, char canon[SYS_PATH_MAX],
		struct sys_ent *e);

/** sys_may() - has the file what @want (R_OK, W_OK) asks for, whoever asks? */
bool sys_may(const struct sys_ent *e, int want);

/** sys_list() - everything in the directory @path. Return: 0, or what @each returned that was not
 */
int sys_list(const struct sys *s, const char *path,
	     int (*each)(void *arg, const char *name, const struct sys_ent *e), void *arg);

/** sys_read() - a file's bytes at @off, or a link's target. Return: bytes or -errno */
ssize_t sys_read(const struct sys_ent *e, void *buf, size_t len, uint64_t off);

/** sys_write() - as write(2) on it: acts. Return: bytes or -errno */
ssize_t sys_write(const struct sys_ent *e, const void *buf, size_t len, uint64_t off);

/**
 * sys_mount() - serve a tree at @dir from the machine's loop
 * Return: it, or NULL with a line in @err.
 */
struct sys_mount;
struct sys_mount *sys_mount_new(struct dmn_machine *m, const char *dir, char *err, size_t len);
void sys_mount_free(struct sys_mount *mt);

#endif /* NVMESIM_SYSFS_H */
