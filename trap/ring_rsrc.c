/* SPDX-License-Identifier: MIT */
/*
 * ring_rsrc.c - registered buffers and files.
 *
 * A buffer is remembered by its address: what makes it fast in the kernel, that its pages are
 * pinned, has no meaning here, but what it promises has (a command may only use what is inside).
 * A file is held, so that a registered node stays open when the program closes its descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ring.h"

#define MAX_BUFS     (1u << 14)
#define MAX_BUF_SIZE (1ull << 30)
#define MAX_FILES    (1u << 15)

static int read_mem(const struct ring_reg *g, uint64_t addr, void *buf, size_t len)
{
	return trap_vm_read(g->who->tid, addr, buf, len);
}

/* ---- buffers ------------------------------------------------------------------------------ */

/* Return: 0 or -errno, as io_sqe_buffer_register() */
static int check_buf(const struct iovec *v)
{
	if (!v->iov_base)
		return v->iov_len ? -EFAULT : 0; /* a hole, to be filled by an update */
	if (!v->iov_len || v->iov_len > MAX_BUF_SIZE)
		return -EFAULT;
	return (uintptr_t)v->iov_base + v->iov_len < v->iov_len ? -EOVERFLOW : 0;
}

/* Linux pins the pages, so they must be there and be writable: of the mappings in /proc/TID/maps
 * those that are, merged where they continue each other. Return: how many, in *@out; or -errno. */
static long writable_maps(const struct ring_reg *g, struct iovec **out)
{
	struct iovec *v = NULL;
	char path[32], *line = NULL;
	size_t size = 0;
	long n = 0, max = 0;
	FILE *f = NULL;
	int fd;

	*out = NULL;
	snprintf(path, sizeof(path), "%d/maps", g->who->tid);
	fd = openat(g->r->rs->t->proc, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		f = fdopen(fd, "r");
	if (!f)
		return -EFAULT;
	while (getline(&line, &size, f) > 0) {
		unsigned long from, to;
		char perm[5];

		if (sscanf(line, "%lx-%lx %4s", &from, &to, perm) != 3 || perm[0] != 'r' ||
		    perm[1] != 'w')
			continue;
		if (n && (char *)v[n - 1].iov_base + v[n - 1].iov_len == (char *)from) {
			v[n - 1].iov_len += to - from;
			continue;
		}
		if (n == max) {
			struct iovec *more;

			max = max ? 2 * max : 64;
			more = realloc(v, (size_t)max * sizeof(*v));
			if (!more) {
				n = -ENOMEM;
				break;
			}
			v = more;
		}
		v[n++] = (struct iovec){ (void *)from, to - from };
	}
	free(line);
	fclose(f);
	*out = v;
	return n;
}

static bool is_mapped(const struct iovec *maps, long n, const struct iovec *buf)
{
	uintptr_t from = (uintptr_t)buf->iov_base;
	long lo = 0, hi = n;

	if (!buf->iov_base)
		return true;
	while (lo < hi) { /* the last that begins at or below it */
		long mid = (lo + hi) / 2;

		if ((uintptr_t)maps[mid].iov_base <= from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && from + buf->iov_len <=
			     (uintptr_t)maps[lo - 1].iov_base + maps[lo - 1].iov_len;
}

static int check_bufs(const struct ring_reg *g, const struct iovec *v, uint32_t nr)
{
	struct iovec *maps;
	long n;
	int err = 0;

	for (uint32_t i = 0; i < nr && !err; i++)
		err = check_buf(&v[i]);
	if (err)
		return err;
	n = writable_maps(g, &maps);
	if (n < 0)
		err = (int)n;
	for (uint32_t i = 0; i < nr && !err; i++)
		err = is_mapped(maps, n, &v[i]) ? 0 : -EFAULT;
	free(maps);
	return err;
}

/* @sparse: no list, all holes */
static long add_buffers(const struct ring_reg *g, uint64_t addr, uint32_t nr, bool sparse)
{
	struct trap_ring *r = g->r;
	struct iovec *v;
	int err = 0;

	if (r->bufs)
		return -EBUSY;
	if (!nr || nr > MAX_BUFS)
		return -EINVAL;
	v = calloc(nr, sizeof(*v));
	if (!v)
		return -ENOMEM;
	if (!sparse)
		err = read_mem(g, addr, v, nr * sizeof(*v));
	if (!err && !sparse)
		err = check_bufs(g, v, nr);
	if (err) {
		free(v);
		return err;
	}
	pthread_mutex_lock(&r->lock);
	r->bufs = v;
	r->nr_bufs = nr;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

long ring_reg_buffers(const struct ring_reg *g)
{
	return add_buffers(g, g->arg, g->nr, false);
}

/* Tags are not offered (IORING_FEAT_RSRC_TAGS is not set): a list of them is refused unless empty.
 * Return: 0 or -errno. */
static int check_tags(const struct ring_reg *g, uint64_t addr, uint32_t nr)
{
	uint64_t tag[64];

	while (addr && nr) {
		uint32_t n = nr < 64 ? nr : 64;

		if (read_mem(g, addr, tag, n * sizeof(tag[0])))
			return -EFAULT;
		for (uint32_t i = 0; i < n; i++) {
			if (tag[i])
				return -EINVAL;
		}
		addr += n * sizeof(tag[0]);
		nr -= n;
	}
	return 0;
}

/* struct io_uring_rsrc_register, whose size the caller says. Return: 0 or -errno. */
static int read_rsrc(const struct ring_reg *g, struct io_uring_rsrc_register *rr)
{
	if (g->nr != sizeof(*rr))
		return -EINVAL;
	if (read_mem(g, g->arg, rr, sizeof(*rr)))
		return -EFAULT;
	if (!rr->nr || rr->resv2 || rr->flags & ~IORING_RSRC_REGISTER_SPARSE)
		return -EINVAL;
	if (rr->flags & IORING_RSRC_REGISTER_SPARSE && rr->data)
		return -EINVAL;
	return check_tags(g, rr->tags, rr->nr);
}

long ring_reg_buffers2(const struct ring_reg *g)
{
	struct io_uring_rsrc_register rr;
	int err = read_rsrc(g, &rr);

	if (err)
		return err;
	return add_buffers(g, rr.data, rr.nr, rr.flags & IORING_RSRC_REGISTER_SPARSE);
}

static int read_update2(const struct ring_reg *g, struct io_uring_rsrc_update2 *up)
{
	if (g->nr != sizeof(*up))
		return -EINVAL;
	if (read_mem(g, g->arg, up, sizeof(*up)))
		return -EFAULT;
	if (!up->nr || up->resv || up->resv2)
		return -EINVAL;
	return check_tags(g, up->tags, up->nr);
}

long ring_reg_buffers_update(const struct ring_reg *g)
{
	struct io_uring_rsrc_update2 up;
	struct trap_ring *r = g->r;
	int err = read_update2(g, &up);
	uint32_t i;

	if (err)
		return err;
	if (!r->bufs)
		return -ENXIO;
	if (up.offset > r->nr_bufs || up.nr > r->nr_bufs - up.offset)
		return -EINVAL;
	for (i = 0; i < up.nr; i++) {
		struct iovec v;

		err = read_mem(g, up.data + i * sizeof(v), &v, sizeof(v));
		if (!err)
			err = check_bufs(g, &v, 1);
		if (err)
			break;
		pthread_mutex_lock(&r->lock);
		r->bufs[up.offset + i] = v;
		pthread_mutex_unlock(&r->lock);
	}
	return i ? (long)i : err;
}

long ring_unreg_buffers(const struct ring_reg *g)
{
	struct trap_ring *r = g->r;

	if (!r->bufs)
		return -ENXIO;
	pthread_mutex_lock(&r->lock);
	free(r->bufs);
	r->bufs = NULL;
	r->nr_bufs = 0;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

/* ---- files -------------------------------------------------------------------------------- */

/* is there a file that is not ours? */
bool ring_is_open(struct trap *t, pid_t tid, int fd)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "%d/fd/%d", tid, fd);
	return fd >= 0 && fstatat(t->proc, path, &st, 0) == 0;
}

bool ring_is_anon(struct trap *t, pid_t tid, int fd, const char *kind)
{
	char path[40], text[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/fd/%d", tid, fd);
	n = readlinkat(t->proc, path, text, sizeof(text));
	return n == (ssize_t)strlen(kind) && !memcmp(text, kind, (size_t)n);
}

static void put_file(struct trap_ring *r, uint32_t i)
{
	if (r->files[i])
		trap_file_put(r->rs->t, r->files[i]);
	r->files[i] = NULL;
	r->foreign[i] = 0;
}

/* Return: 0 or -EBADF; -1 is an empty place */
static int set_file(struct trap_ring *r, const struct ring_who *who, uint32_t i, int32_t fd)
{
	struct trap *t = r->rs->t;
	struct trap_file *f = NULL;
	bool foreign = false;

	if (fd != -1) {
		f = trap_file_get_ref(t, who->tid, fd);
		foreign = !f && ring_is_open(t, who->tid, fd);
		if (!f && !foreign)
			return -EBADF;
	}
	put_file(r, i);
	r->files[i] = f;
	r->foreign[i] = foreign;
	return 0;
}

static void free_files(struct trap_ring *r)
{
	for (uint32_t i = 0; i < r->nr_files; i++)
		put_file(r, i);
	free(r->files);
	free(r->foreign);
	r->files = NULL;
	r->foreign = NULL;
	r->nr_files = 0;
}

static long add_files(const struct ring_reg *g, uint64_t addr, uint32_t nr, bool sparse)
{
	struct trap_ring *r = g->r;
	int32_t *fds;
	int err = 0;

	if (r->files)
		return -EBUSY;
	if (!nr)
		return -EINVAL;
	if (nr > MAX_FILES)
		return -EMFILE;
	fds = malloc(nr * sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	memset(fds, 0xff, nr * sizeof(*fds));
	if (!sparse && read_mem(g, addr, fds, nr * sizeof(*fds))) {
		free(fds);
		return -EFAULT;
	}
	pthread_mutex_lock(&r->lock);
	r->files = calloc(nr, sizeof(*r->files));
	r->foreign = calloc(nr, 1);
	if (!r->files || !r->foreign)
		err = -ENOMEM;
	else
		r->nr_files = nr;
	for (uint32_t i = 0; i < nr && !err; i++)
		err = set_file(r, g->who, i, fds[i]);
	if (err)
		free_files(r);
	pthread_mutex_unlock(&r->lock);
	free(fds);
	return err;
}

long ring_reg_files(const struct ring_reg *g)
{
	return add_files(g, g->arg, g->nr, false);
}

long ring_reg_files2(const struct ring_reg *g)
{
	struct io_uring_rsrc_register rr;
	int err = read_rsrc(g, &rr);

	if (err)
		return err;
	return add_files(g, rr.data, rr.nr, rr.flags & IORING_RSRC_REGISTER_SPARSE);
}

static long update_files(const struct ring_reg *g, uint32_t offset, uint64_t addr, uint32_t nr)
{
	struct trap_ring *r = g->r;
	int err = 0;
	uint32_t i;

	if (!r->files)
		return -ENXIO;
	if (!nr || offset > r->nr_files || nr > r->nr_files - offset)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		int32_t fd;

		err = read_mem(g, addr + i * sizeof(fd), &fd, sizeof(fd));
		if (err)
			break;
		if (fd == IORING_REGISTER_FILES_SKIP)
			continue;
		pthread_mutex_lock(&r->lock);
		err = set_file(r, g->who, offset + i, fd);
		pthread_mutex_unlock(&r->lock);
		if (err)
			break;
	}
	return i ? (long)i : err;
}

long ring_reg_files_update(const struct ring_reg *g)
{
	struct io_uring_rsrc_update up;

	if (read_mem(g, g->arg, &up, sizeof(up)))
		return -EFAULT;
	if (up.resv)
		return -EINVAL;
	return update_files(g, up.offset, up.data, g->nr);
}

long ring_reg_files_update2(const struct ring_reg *g)
{
	struct io_uring_rsrc_update2 up;
	int err = read_update2(g, &up);

	return err ? err : update_files(g, up.offset, up.data, up.nr);
}

long ring_unreg_files(const struct ring_reg *g)
{
	struct trap_ring *r = g->r;

	if (!r->files)
		return -ENXIO;
	pthread_mutex_lock(&r->lock);
	free_files(r);
	pthread_mutex_unlock(&r->lock);
	return 0;
}

void ring_rsrc_free(struct trap_ring *r)
{
	free_files(r);
	free(r->bufs);
}

/* ---- what an SQE's descriptor means ------------------------------------------------------- */

static void target_of(struct trap *t, const struct trap_file *f, struct ring_target *out)
{
	out->err = trap_file_node(t, f, &out->node);
	out->writable = f->mode == TRAP_WRONLY || f->mode == TRAP_RDWR;
}

static void look_up(struct trap_ring *r, const struct ring_who *who, int fd,
		    struct ring_target *out)
{
	struct trap *t = r->rs->t;
	struct trap_file *f = trap_file_get_ref(t, who->tid, fd);

	if (f) {
		target_of(t, f, out);
		trap_file_put(t, f);
	} else {
		/* the kernel's answer for a file that knows no commands */
		out->err = ring_is_open(t, who->tid, fd) ? -EOPNOTSUPP : -EBADF;
	}
}

void ring_file(struct trap_ring *r, const struct ring_who *who, int fd, bool fixed,
	       struct ring_target *out)
{
	if (fixed) {
		uint32_t i = (uint32_t)fd;

		if (i >= r->nr_files || (!r->files[i] && !r->foreign[i]))
			out->err = -EBADF;
		else if (r->foreign[i])
			out->err = -EOPNOTSUPP;
		else
			target_of(r->rs->t, r->files[i], out);
		return;
	}
	/* one submission, one moment: the same number is the same file */
	if (!r->last_valid || r->last_fd != fd) {
		look_up(r, who, fd, &r->last);
		r->last_fd = fd;
		r->last_valid = true;
	}
	*out = r->last;
}
