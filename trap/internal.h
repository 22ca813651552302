/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of trap/ share.
 *
 * calls.c holds the table of trapped system calls, which the filter (filter.c) and the
 * supervisor (trap.c, receive.c) both read. path.c finds out whether a path is a node, node.c answers path
 * calls, file.c recognises descriptors, given.c those of CUSE nodes, call.c runs ioctls, vm.c and task.c look into the caller.
 */
#ifndef TRAP_INTERNAL_H
#define TRAP_INTERNAL_H

#include <limits.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "trap.h"

/* linux/seccomp.h before Linux 5.14, 5.19 and 6.6 */
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS	   SECCOMP_IOW(4, __u64)
#endif

/* what a row's handler returns when there is no value to send; no call's result is that low */
#define TRAP_CONTINUE LONG_MIN	     /* the kernel is to carry the call out */
#define TRAP_SENT     (LONG_MIN + 1) /* the reply is out already, or comes later */
#define TRAP_ALONE    (LONG_MIN + 2) /* nothing has been done: the turn must not be shared */

#define TRAP_NOTIF_ROOM 256 /* bytes a notification or an answer may have */

/** enum trap_mode - how a description is open: O_ACCMODE's four values, and O_PATH */
enum trap_mode {
	TRAP_RDONLY,
	TRAP_WRONLY,
	TRAP_RDWR,
	TRAP_NOACC, /* access mode 3: ioctl only */
	TRAP_PATH,
	TRAP_NR_MODES
};

struct statx;
struct trap_file;
struct trap_given;
struct trap_rings;
struct trap_sys;
struct trap_sys_path;

/** struct trap_node - a simulated node as this door shows it */
struct trap_node {
	struct dmn_node *n;
	struct timespec born;
	/* made when first opened so; [1]: under its block device's name */
	struct trap_file *file[2][TRAP_NR_MODES];
	/* given.c; under files_lock */
	struct dmn_device device;
	struct trap_file *given[TRAP_NR_MODES];
};

/**
 * struct trap_file - an open file description of /dev/null that stands for (node, mode)
 *
 * The program gets descriptors of this very description, so that it stays recognisable through
 * dup, fork, exec and SCM_RIGHTS without any of those being trapped.
 * @node: NULL once the node is gone
 * @block: it was opened as a block device, which fstat() is told
 * @owned: it can be found; then @refs is how many registered-file tables of rings hold it besides
 * @fd:   -1: it stands for what is open on the node's CUSE device
 * @mark: its own lock on /dev/null, see file.c
 */
struct trap_file {
	struct trap_node *node;
	int fd;
	enum trap_mode mode;
	bool block, owned;
	unsigned int refs;
	uint64_t mark;
};

/** struct trap_seen - the last answer for (thread, descriptor); checked before it is believed */
struct trap_seen {
	pid_t tid;
	int fd;
	struct trap_file *file;
	bool privileged;
	time_t read_at; /* when @privileged was read */
};

#define TRAP_NR_SEEN 256

/** struct trap_call - an ioctl being carried out, and its caller */
struct trap_call {
	struct host_call call;
	struct host_client client;
	struct trap *t;
	uint64_t id; /* of the notification */
	pid_t tid;
	bool cancelled;
	struct trap_call *next, *prev;
};

struct trap {
	struct dmn_fd listener;
	struct dmn_fd tick; /* looks after killed callers while calls are in flight */
	struct dmn_watch watch;
	struct dmn_machine *m; /* NULL once detached */
	struct dmn_loop *loop;
	uid_t owner;
	void (*gone)(void *arg);
	void *arg;
	pid_t self;
	int proc; /* /proc */
	dev_t dev; /* st_dev of /dev */
	bool kcmp; /* the kernel lets us compare descriptions */
	_Atomic bool ticking;
	bool closing;

	struct trap_node **nodes; /* by name */
	unsigned int nr_nodes, max_nodes;
	struct trap_file **files; /* in the kernel's order */
	unsigned int nr_files, max_files, nr_stale;
	uint64_t mark, next_mark;
	struct trap_seen seen[TRAP_NR_SEEN];

	struct trap_given *given; /* NULL: the machine has had no devices */

	/* files, seen, given, and the nodes they name; changes of nodes, which the loop's turn reads */
	pthread_mutex_t files_lock;
	struct trap_rings *rings;
	struct trap_sys *sys;

	struct trap_receivers *rx;

	pthread_mutex_t lock; /* those below: a command may complete on any thread */
	struct trap_call *free;
	struct trap_call *flying;
	unsigned int nr_flying;
	unsigned int nr_rings; /* that are there, or were and have commands in flight */
	_Atomic(struct trap_call *) running; /* inside host_ioctl(), in the loop's turn */
};

/* ---- calls.c: the table --------------------------------------------------------------- */

enum trap_rule {
	TRAP_ALWAYS,
	TRAP_IOCTL_N, /* only when _IOC_TYPE of argument 1 is 'N', or as TRAP_FD */
	TRAP_FD,      /* only when argument 0 is a number that sys.h sets aside */
	TRAP_WRITE,   /* likewise, or 1 and argument 2 says that it is short */
	TRAP_GETFL,   /* only when argument 1 is F_GETFL */
};

struct trap_row;

/**
 * struct trap_req - one trapped call
 * @node: the node its path names (path calls); @block: by its block device's name
 * @sys:  what its path names in /sys; one of the two is NULL
 * @shared: others have the turn as well
 */
struct trap_req {
	struct trap *t;
	const struct trap_row *row;
	uint64_t id;
	pid_t tid;
	const uint64_t *arg;
	struct trap_node *node;
	bool block, shared;
	struct trap_sys_path *sys;
};

/**
 * struct trap_row - a system call the filter traps
 * @handle: what the supervisor does. Return: >= 0 or -errno for the caller, TRAP_CONTINUE,
 *          TRAP_SENT. For a row with @path it is called only when that path names a node, or
 *          something in the simulated /sys.
 * The numbers say which argument is what; -1: this call has no such argument.
 * @share: @handle can do with a shared turn, mostly; else it says %TRAP_ALONE
 */
struct trap_row {
	int nr;
	enum trap_rule rule;
	long (*handle)(struct trap_req *rq);
	int8_t path, dirfd, flags, mode, buf;
	bool share;
};

extern const struct trap_row trap_rows[];
extern const unsigned int trap_nr_rows;

/* ---- receive.c, trap.c ------------------------------------------------------------------ */

/** trap_receive_start() - notifications are served, each in a turn of the loop's. 0 or -errno. */
int trap_receive_start(struct trap *t);
/** trap_receive_stop() - in the loop's turn, which others may have meanwhile */
void trap_receive_stop(struct trap *t);
/** trap_receive_free() - nobody receives any more */
void trap_receive_free(struct trap *t);

/** trap_send() - answer a notification; the caller may be gone, which is no error */
void trap_send(struct trap *t, uint64_t id, long ret);

/** trap_valid() - does the caller still wait? */
bool trap_valid(struct trap *t, uint64_t id);

/** trap_destroy() - the end of trap_free(), once no command refers to @t any more */
void trap_destroy(struct trap *t);

/* ---- path.c, node.c --------------------------------------------------------------------- */

/**
 * trap_path() - what the call's path argument names: @rq->node, or @rq->sys
 * @sys: room for the latter
 * Return: whether it is ours.
 */
bool trap_path(struct trap_req *rq, struct trap_sys_path *sys);

/**
 * trap_enters_mount() - does @path pass through the file system of device number @mount?
 * @root, @start: the caller's root, and where the path starts, below /proc
 * That file system is not asked anything.
 */
bool trap_enters_mount(struct trap *t, const char *root, const char *start, const char *path,
		       dev_t mount);

/** trap_path_in_dev() - is @dir (absolute, @len bytes, ends in a slash) spelled like /dev? */
bool trap_path_in_dev(const char *dir, size_t len);

/** trap_fd_block() - is the caller's descriptor a node that was opened as a block device? Then @rq->node
 * is it, and @rq->block is set. */
bool trap_fd_block(struct trap_req *rq, int fd);

long trap_open(struct trap_req *rq);
long trap_creat(struct trap_req *rq);
long trap_openat2(struct trap_req *rq);
long trap_stat(struct trap_req *rq);
long trap_fstat(struct trap_req *rq);
long trap_statx(struct trap_req *rq);
long trap_access(struct trap_req *rq);
long trap_readlink(struct trap_req *rq);
long trap_getxattr(struct trap_req *rq);
long trap_listxattr(struct trap_req *rq);

/* ---- file.c ----------------------------------------------------------------------------- */

/** trap_file_get() - the description for (@node, @mode). Return: 0 or -errno, *@out. */
int trap_file_get(struct trap *t, struct trap_node *node, enum trap_mode mode, bool block,
		  struct trap_file **out);

/** trap_file_find() - what the caller's descriptor is, in *@out. Return: whether it is ours. */
bool trap_file_find(struct trap *t, pid_t tid, int fd, struct trap_seen *out);

/**
 * trap_file_get_ref() - from any thread: what a descriptor is, held until trap_file_put()
 * Return: NULL: not ours.
 */
struct trap_file *trap_file_get_ref(struct trap *t, pid_t tid, int fd);
void trap_file_put(struct trap *t, struct trap_file *f);

/** trap_file_node() - from any thread: what @f is open on. Return: 0, -EBADF or -ENODEV. */
int trap_file_node(struct trap *t, const struct trap_file *f, struct host_node_ref *node);

/** trap_fcntl() - F_GETFL: descriptors have an access mode of their own, see file.c */
long trap_fcntl(struct trap_req *rq);

/** trap_file_orphan() - @node goes away: its descriptions answer ENODEV from now on */
void trap_file_orphan(struct trap *t, struct trap_node *node);

/** trap_file_release() - free @f if nothing refers to it; files_lock held */
void trap_file_release(struct trap_file *f);

void trap_files_init(struct trap *t);
void trap_files_free(struct trap *t);

/* ---- fdinfo.c --------------------------------------------------------------------------- */

/**
 * struct trap_info - what /proc/TID/fdinfo/FD said of a descriptor
 * @fd:    that file; -1: none
 * @flags: F_GETFL's, with O_PATH
 */
struct trap_info {
	int fd;
	unsigned int flags;
	ssize_t len;
	char text[128]; /* as far as "ino:", and more */
};

/** trap_info_stat() - type, owner, inode, device, birth, mount. Nobody who serves a file system is asked,
 * as any descriptor may be looked at. Return: whether the thread has such a descriptor. */
bool trap_info_stat(struct trap *t, pid_t tid, int fd, struct statx *st);
/** trap_info_open() - of what @st says. Return: whether it is still that; if not, @i->fd is -1 */
bool trap_info_open(struct trap *t, pid_t tid, int fd, const struct statx *st, struct trap_info *i);
/** trap_info_same() - is the descriptor open on the same inode, in the same way? */
bool trap_info_same(const struct trap_info *i);
void trap_info_end(struct trap_info *i);
/** trap_info_copy() - a copy of the descriptor, known to be open on an inode of the kernel's own.
 * Return: it, or -1: the program has exchanged it just now. */
int trap_info_copy(int pidfd, int fd, dev_t dev, uint64_t ino);
/** trap_info_drop() - another thread closes @fd: perhaps it is of a file that we serve */
void trap_info_drop(int fd);

/* ---- given.c ---------------------------------------------------------------------------- */

/** trap_given_device() - @tn's device is @d from now on (rdev 0: it has none) */
void trap_given_device(struct trap *t, struct trap_node *tn, const struct dmn_device *d);

/** trap_given_known() - is the descriptor still what trap_given_find() said not long ago?
 * Both: files_lock held, and there is t->given. Return: what it is, or NULL. */
struct trap_file *trap_given_known(struct trap *t, pid_t tid, int fd);
struct trap_file *trap_given_find(struct trap *t, pid_t tid, int fd);

/** trap_given_is() - is what is open on the inode of @st open on the device @d? */
bool trap_given_is(const struct dmn_device *d, const struct statx *st);

void trap_given_free(struct trap *t);

/* ---- call.c ----------------------------------------------------------------------------- */

long trap_ioctl(struct trap_req *rq);
long trap_setuid(struct trap_req *rq);

/** trap_block_ioctl() - one of those that every block device has (block.c). Return: 0 or -errno */
long trap_block_ioctl(struct trap_req *rq, const struct host_node_ref *node);

/** trap_tick() - the timer that looks after callers */
void trap_tick(struct trap *t, bool on);

/** trap_calls_check() - give up the commands of killed callers; @all: of every caller */
void trap_calls_check(struct trap *t, bool all);

/* ---- vm.c: the caller's memory ------------------------------------------------------------ */

int trap_vm_read(pid_t tid, uint64_t addr, void *buf, size_t len); /* 0 or -errno; all or error */
int trap_vm_write(pid_t tid, uint64_t addr, const void *buf, size_t len);

/** trap_vm_string() - a string with its NUL. Return: its length or -errno (-ENAMETOOLONG). */
ssize_t trap_vm_string(pid_t tid, uint64_t addr, char *buf, size_t size);

/** trap_vm_xfer() - scatter to gather, as struct host_client_ops' xfer.
 * Return: 0, -EFAULT, or -ESRCH: the thread has ended. */
int trap_vm_xfer(pid_t tid, bool to_client, const struct iovec *local, unsigned int nr_local,
		 const struct iovec *remote, unsigned int nr_remote);

/* ---- task.c: the caller's identity -------------------------------------------------------- */

struct trap_cred {
	uid_t ruid, euid, fsuid;
	gid_t rgid, egid, fsgid;
	gid_t groups[256];
	unsigned int nr_groups;
};

/**
 * trap_proc_text() - the beginning of a file below /proc, "TID/status" and the like
 * @text: of @size bytes; ends with a NUL whatever the answer is
 *
 * Return: how many bytes there are before that, or -errno.
 */
ssize_t trap_proc_text(const struct trap *t, const char *path, char *text, size_t size);

/** trap_cred_read() - from /proc/TID/status. Return: 0 or -errno. */
int trap_cred_read(struct trap *t, pid_t tid, struct trap_cred *cr);

/** trap_cred_parse() - from that file's text */
void trap_cred_parse(char *text, struct trap_cred *cr);

/** trap_cred_may() - may it use @n so? @want: R_OK, W_OK, X_OK; @real: as access(2) asks */
bool trap_cred_may(const struct trap_cred *cr, const struct dmn_node *n, int want, bool real);

/** trap_privileged() - has the thread the owner's effective uid, or root's? */
bool trap_privileged(struct trap *t, pid_t tid);

#endif /* TRAP_INTERNAL_H */
