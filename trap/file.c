/* SPDX-License-Identifier: MIT */
/*
 * file.c - the descriptions that are handed out, and how they are recognised.
 *
 * kcmp(2) compares an open file description of ours with the one behind a caller's descriptor
 * and orders them, so a binary search finds it; the answer is remembered for (thread, descriptor)
 * and confirmed with one comparison the next time. The kernel's order is by (obscured) address,
 * hence constant while a description lives.
 *
 * Where kcmp is not to be had (Docker's default profile forbids it), each description carries an
 * open-file-description lock on a byte of /dev/null that nobody else uses, and
 * /proc/TID/fdinfo/FD shows that lock. This needs no more than being allowed to read the
 * caller's /proc files, and costs several times as much.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define MAX_STALE 64

static int compare(struct trap *t, int ours, pid_t tid, int fd)
{
	return syscall(SYS_kcmp, t->self, tid, KCMP_FILE, ours, fd);
}

/* kcmp's result, in words */
enum { SAME = 0, OURS_LESS = 1, OURS_GREATER = 2, UNORDERED = 3 };

/* where the description behind (@tid, @fd) is, or would be. Return: whether it is there. */
static bool search(struct trap *t, pid_t tid, int fd, unsigned int *pos)
{
	unsigned int lo = 0, hi = t->nr_files;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		switch (compare(t, t->files[mid]->fd, tid, fd)) {
		case SAME:
			*pos = mid;
			return true;
		case OURS_LESS:
			lo = mid + 1;
			break;
		case OURS_GREATER:
			hi = mid;
			break;
		default: /* no such descriptor, or not for us to look at */
			*pos = lo;
			return false;
		}
	}
	*pos = lo;
	return false;
}

/* "lock: 1: OFDLCK ADVISORY  WRITE -1 00:06:3 4611686018427387904 4611686018427387904" */
static struct trap_file *by_mark(struct trap *t, pid_t tid, int fd)
{
	char path[48], text[2048], *l, *save = NULL;
	struct trap_file *found = NULL;

	snprintf(path, sizeof(path), "%d/fdinfo/%d", tid, fd);
	if (trap_proc_text(t, path, text, sizeof(text)) <= 0)
		return NULL;
	for (l = strtok_r(text, "\n", &save); l && !found; l = strtok_r(NULL, "\n", &save)) {
		uint64_t start;

		if (sscanf(l, "lock:%*d: OFDLCK%*s%*s%*s%*s%" SCNu64, &start) != 1)
			continue;
		for (unsigned int i = 0; i < t->nr_files && !found; i++) {
			if (start && t->files[i]->mark == start)
				found = t->files[i];
		}
	}
	return found;
}

static int set_mark(struct trap *t, struct trap_file *f)
{
	struct flock lk = { .l_whence = SEEK_SET, .l_len = 1 };

	lk.l_start = t->mark + t->next_mark++;
	lk.l_type = f->mode == TRAP_WRONLY || f->mode == TRAP_RDWR ? F_WRLCK : F_RDLCK;
	if (fcntl(f->fd, F_OFD_SETLK, &lk) < 0)
		return -errno;
	f->mark = lk.l_start;
	return 0;
}

static void drop(struct trap *t, unsigned int pos)
{
	struct trap_file *f = t->files[pos];

	for (unsigned int i = 0; i < TRAP_NR_SEEN; i++) {
		if (t->seen[i].file == f)
			t->seen[i] = (struct trap_seen){ 0 };
	}
	memmove(&t->files[pos], &t->files[pos + 1],
		(--t->nr_files - pos) * sizeof(t->files[0]));
	close(f->fd);
	f->owned = false;
	trap_file_release(f);
}

void trap_file_release(struct trap_file *f)
{
	if (!f->owned && !f->refs)
		free(f);
}

/*
 * How /dev/null is opened for each mode, where only a lock can mark it. Otherwise always with access
 * mode 3, which is for ioctl() alone: read() and write(), and a kernel ring's, are then errors
 * (EBADF; Linux's nodes have EINVAL) instead of /dev/null's success. fcntl(F_GETFL) is trapped, and says
 * how the program opened it.
 */
static const int open_flags[TRAP_NR_MODES] = {
	[TRAP_RDONLY] = O_RDONLY,
	[TRAP_WRONLY] = O_WRONLY,
	[TRAP_RDWR] = O_RDWR,
	[TRAP_NOACC] = O_ACCMODE,
	/* the kernel passes no O_PATH descriptor on; ioctls on this one get EBADF from call.c */
	[TRAP_PATH] = O_RDONLY,
};

int trap_file_get(struct trap *t, struct trap_node *node, enum trap_mode mode, bool block,
		  struct trap_file **out)
{
	struct trap_file *f;
	unsigned int pos;
	int err;

	*out = node->file[block][mode];
	if (*out)
		return 0;
	if (t->nr_files == t->max_files) {
		unsigned int max = t->max_files ? 2 * t->max_files : 16;
		struct trap_file **files;

		pthread_mutex_lock(&t->files_lock);
		files = realloc(t->files, max * sizeof(files[0]));
		if (files) {
			t->files = files;
			t->max_files = max;
		}
		pthread_mutex_unlock(&t->files_lock);
		if (!files)
			return -ENOMEM;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->node = node;
	f->mode = mode;
	f->block = block;
	f->owned = true;
	f->fd = open("/dev/null",
		     (t->kcmp && mode != TRAP_PATH ? O_ACCMODE : open_flags[mode]) | O_CLOEXEC);
	if (f->fd < 0) {
		err = -errno;
		free(f);
		return err;
	}
	if (!t->kcmp && mode != TRAP_NOACC) { /* without access to the file there are no locks */
		err = set_mark(t, f);
		if (err) {
			close(f->fd);
			free(f);
			return err;
		}
	}
	pthread_mutex_lock(&t->files_lock);
	pos = t->nr_files;
	if (t->kcmp)
		search(t, t->self, f->fd, &pos);
	memmove(&t->files[pos + 1], &t->files[pos], (t->nr_files - pos) * sizeof(t->files[0]));
	t->files[pos] = f;
	t->nr_files++;
	pthread_mutex_unlock(&t->files_lock);
	node->file[block][mode] = *out = f;
	return 0;
}

static struct trap_seen *find(struct trap *t, pid_t tid, int fd)
{
	struct trap_seen *s = &t->seen[((unsigned int)tid * 31 + fd) % TRAP_NR_SEEN];
	struct trap_file *f = NULL;
	struct timespec now;
	unsigned int pos;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (s->file && s->tid == tid && s->fd == fd) {
		if (t->kcmp ? compare(t, s->file->fd, tid, fd) == SAME :
			      by_mark(t, tid, fd) == s->file)
			f = s->file;
		/* identities change rarely; those changes that are trapped clear the entry */
		if (f && now.tv_sec == s->read_at)
			return s;
	}
	if (!f) {
		if (!t->kcmp)
			f = by_mark(t, tid, fd);
		else if (search(t, tid, fd, &pos))
			f = t->files[pos];
	}
	if (!f)
		return NULL;
	*s = (struct trap_seen){ .tid = tid,
				 .fd = fd,
				 .file = f,
				 .privileged = trap_privileged(t, tid),
				 .read_at = now.tv_sec };
	return s;
}

bool trap_file_find(struct trap *t, pid_t tid, int fd, struct trap_seen *out)
{
	struct trap_seen *s;

	pthread_mutex_lock(&t->files_lock);
	s = find(t, tid, fd);
	if (s)
		*out = *s;
	pthread_mutex_unlock(&t->files_lock);
	return s;
}

struct trap_file *trap_file_get_ref(struct trap *t, pid_t tid, int fd)
{
	struct trap_file *f = NULL;
	struct trap_seen *s;

	pthread_mutex_lock(&t->files_lock);
	if (t->given)
		f = trap_given_known(t, tid, fd);
	if (!f) {
		s = find(t, tid, fd);
		f = s ? s->file : NULL;
	}
	if (!f && t->given)
		f = trap_given_find(t, tid, fd);
	if (f)
		f->refs++;
	pthread_mutex_unlock(&t->files_lock);
	return f;
}

void trap_file_put(struct trap *t, struct trap_file *f)
{
	pthread_mutex_lock(&t->files_lock);
	f->refs--;
	trap_file_release(f);
	pthread_mutex_unlock(&t->files_lock);
}

int trap_file_node(struct trap *t, const struct trap_file *f, struct host_node_ref *node)
{
	int err = 0;

	pthread_mutex_lock(&t->files_lock);
	if (f->mode == TRAP_PATH)
		err = -EBADF;
	else if (!f->node)
		err = -ENODEV;
	else
		*node = f->node->n->ref;
	pthread_mutex_unlock(&t->files_lock);
	return err;
}

/* what the description says in /proc, but for its access mode */
long trap_fcntl(struct trap_req *rq)
{
	static const int modes[TRAP_NR_MODES] = {
		[TRAP_RDONLY] = O_RDONLY, [TRAP_WRONLY] = O_WRONLY, [TRAP_RDWR] = O_RDWR,
		[TRAP_NOACC] = O_ACCMODE, [TRAP_PATH] = O_PATH,
	};
	char path[48], text[512], *at;
	struct trap_seen s;

	if (!trap_file_find(rq->t, rq->tid, (int)rq->arg[0], &s))
		return TRAP_CONTINUE;
	snprintf(path, sizeof(path), "%d/fdinfo/%d", rq->tid, (int)rq->arg[0]);
	if (trap_proc_text(rq->t, path, text, sizeof(text)) <= 0)
		return TRAP_CONTINUE;
	at = strstr(text, "flags:");
	if (!at)
		return TRAP_CONTINUE;
	/* close on exec is the descriptor's, not the description's */
	return (strtol(at + 6, NULL, 8) & ~(long)(O_ACCMODE | O_CLOEXEC)) | modes[s.file->mode];
}

void trap_file_orphan(struct trap *t, struct trap_node *node)
{
	pthread_mutex_lock(&t->files_lock);
	for (unsigned int i = 0; i < t->nr_files; i++) {
		if (t->files[i]->node == node) {
			t->files[i]->node = NULL;
			t->nr_stale++;
		}
	}
	/* a program that keeps very many dead descriptors open gets ENOTTY from some of them */
	for (unsigned int i = 0; i < t->nr_files && t->nr_stale > MAX_STALE;) {
		if (!t->files[i]->node && !t->files[i]->refs) {
			drop(t, i);
			t->nr_stale--;
		} else {
			i++;
		}
	}
	pthread_mutex_unlock(&t->files_lock);
}

void trap_files_init(struct trap *t)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	t->kcmp = fd >= 0 && compare(t, fd, t->self, fd) == SAME;
	if (fd >= 0)
		close(fd);
	if (getrandom(&t->mark, sizeof(t->mark), GRND_NONBLOCK) != sizeof(t->mark))
		t->mark = (uint64_t)t->self << 32;
	/* a file offset, with room above it, and never 0: that is a description without a mark */
	t->mark = (t->mark & INT64_MAX >> 1) | 1ull << 32;
}

void trap_files_free(struct trap *t)
{
	while (t->nr_files)
		drop(t, t->nr_files - 1);
	free(t->files);
	t->files = NULL;
}
