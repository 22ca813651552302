/* SPDX-License-Identifier: MIT */
/*
 * sys.h - /sys in place: what the tree of sysfs/ has is shown there to the programs. Private to
 * trap/.
 *
 * A directory is handed out as a real one, made for the purpose in a private place (the mirror), so
 * that readdir, fchdir, dup and the like are the kernel's. A file opened for reading is a memfd
 * with the text of that moment, which is what a file of sysfs gives to one who reads it once. A
 * file opened for writing is a memfd too, whose name says what it stands for, and its descriptor
 * has a number that the filter knows: write(2) on it is trapped. A shell moves such a descriptor to
 * 1, so short writes to 1 are trapped as well. Whatever else writes there finds it sealed,
 * unless it is open for reading as well.
 */
#ifndef TRAP_SYS_H
#define TRAP_SYS_H

#include "../sysfs/sysfs.h"
#include "internal.h"

/*
 * Numbers for descriptors whose calls the filter is to see. Nobody else gets them before he has
 * as many files open, and most limits are 1024 at first.
 */
#define TRAP_FD_FIRST 960u
#define TRAP_FD_END   1024u
/* the longest write to descriptor 1 that may be one to an attribute: "0000:01:00.1\n" has 13 bytes
 */
#define TRAP_WRITE_MAX 24u

/**
 * struct trap_sys - the tree as this door shows it
 * @dir:   where the mirror is, or ""; @fd: the same
 * @token: in the names of our memfds
 * @moved: somebody has a directory of ours, or changed to one in /sys: relative paths may lead here
 */
struct trap_sys {
	struct sys tree;
	char dir[64];
	int fd;
	uint64_t token;
	struct timespec born;
	bool moved;
};

/** struct trap_sys_path - what a call's path names in the tree */
struct trap_sys_path {
	struct sys_ent e;
	char canon[SYS_PATH_MAX];
};

int trap_sys_init(struct trap *t);
void trap_sys_free(struct trap *t);

/**
 * trap_sys_find() - is @path, an argument of @rq, in the tree?
 * @found: receives what it names
 */
bool trap_sys_find(struct trap_req *rq, const char *path, struct trap_sys_path *found);

/* mirror.c */
/** trap_mirror_dir() - the real directory that stands for @canon; @list: with everything in it
 * Return: a descriptor of ours or -errno. */
int trap_mirror_dir(struct trap *t, const char *canon, bool list);
/** trap_mirror_stat() - a directory's attributes; 0 or -errno */
int trap_mirror_stat(struct trap *t, const char *canon, struct stat *st);
void trap_mirror_remove(struct trap *t);

/* sysfile.c */
long trap_sys_open(struct trap_req *rq, uint64_t flags);
long trap_write(struct trap_req *rq);
long trap_pwrite(struct trap_req *rq);
long trap_writev(struct trap_req *rq);

/* sys.c: what node.c does for nodes */
long trap_sys_stat(struct trap_req *rq, struct stat *st);
long trap_sys_access(struct trap_req *rq, int want, bool real);
long trap_sys_readlink(struct trap_req *rq);
long trap_chdir(struct trap_req *rq);

/** trap_hand_out() - @fd of ours becomes a descriptor of the caller's; at a number the filter knows
 * if
 * @high and there is one free. Return: %TRAP_SENT or -errno. */
long trap_hand_out(struct trap_req *rq, int fd, uint64_t flags, bool high);

#endif /* TRAP_SYS_H */
