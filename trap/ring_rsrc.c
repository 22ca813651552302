/* SPDX-License-Identifier: MIT */
/*
 * ring_rsrc.c - registered buffers and files.
 *
 * A buffer is remembered by its address: what makes it fast in the kernel, that its pages are
 * pinned, has no meaning here, but what it promises has (a command may only use what is inside).
 * A file is held, so that a registered node stays open when the program closes its descriptor.
 *
 * Both have a place in a table, and are used by requests as they were when these were submitted.
 * The last of them to let go of one posts its tag.
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

/* @tags: of the caller's memory, or 0: none has one */
static int read_tag(const struct ring_reg *g, uint64_t tags, uint32_t i, uint64_t *tag)
{
	*tag = 0;
	return tags ? read_mem(g, tags + i * sizeof(*tag), tag, sizeof(*tag)) : 0;
}

/* ---- places and uses; r->lock held -------------------------------------------------------- */

static struct ring_rsrc *rsrc_new(uint64_t tag)
{
	struct ring_rsrc *n = calloc(1, sizeof(*n));

	if (n) {
		n->refs = 1;
		n->tag = tag;
	}
	return n;
}

static void rsrc_put(struct trap_ring *r, struct ring_rsrc *n)
{
	if (!--n->refs && ring_post_tag(r, n))
		free(n);
}

/* what is in the place has it no longer */
static void place_clear(struct trap_ring *r, struct ring_rsrc **place)
{
	struct ring_rsrc *n = *place;

	if (!n)
		return;
	*place = NULL;
	if (n->file)
		trap_file_put(r->rs->t, n->file);
	n->file = NULL;
	rsrc_put(r, n);
}

/* @silent: the program was told that none of it was registered */
static void table_free(struct trap_ring *r, struct ring_rsrc ***table, uint32_t *nr, bool silent)
{
	/* from the end, as Linux */
	while (*nr) {
		struct ring_rsrc **place = &(*table)[--*nr];

		if (silent && *place)
			(*place)->tag = 0;
		place_clear(r, place);
	}
	free(*table);
	*table = NULL;
}

static void use(struct ring_req *q, unsigned int i, struct ring_rsrc *n)
{
	n->refs++;
	q->uses[i] = n;
}

void ring_uses_end(struct ring_req *q)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct ring_rsrc *n = q->uses[i];

		q->uses[i] = NULL;
		if (n)
			rsrc_put(q->ring, n);
	}
}

/* Tags may have been posted: who waits for completions, or counts them? Gives up r->lock. */
static void unlock_and_tell(struct trap_ring *r)
{
	struct ring_list ready;

	ring_list_init(&ready);
	if (r->nr_counted)
		ring_timers_count(r, &ready);
	ring_announce(r);
	pthread_mutex_unlock(&r->lock);
	ring_run(r, &ready);
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

/* Return: a resource in *@out, or none for a hole; 0 or -errno */
static int buf_new(const struct iovec *v, uint64_t tag, struct ring_rsrc **out)
{
	*out = NULL;
	if (!v->iov_base)
		return tag ? -EINVAL : 0;
	*out = rsrc_new(tag);
	if (!*out)
		return -ENOMEM;
	(*out)->buf = *v;
	return 0;
}

/* @addr: 0: all are holes */
static long add_buffers(const struct ring_reg *g, uint64_t addr, uint64_t tags, uint32_t nr)
{
	struct trap_ring *r = g->r;
	struct ring_rsrc **table;
	uint32_t made = 0;
	struct iovec *v;
	uint64_t tag;
	int err = 0;

	if (r->bufs)
		return -EBUSY;
	if (!nr || nr > MAX_BUFS)
		return -EINVAL;
	v = calloc(nr, sizeof(*v));
	table = calloc(nr, sizeof(struct ring_rsrc *));
	if (!v || !table)
		err = -ENOMEM;
	if (!err && addr)
		err = read_mem(g, addr, v, nr * sizeof(*v));
	if (!err && addr)
		err = check_bufs(g, v, nr);
	while (!err && made < nr) {
		err = read_tag(g, tags, made, &tag);
		if (!err)
			err = buf_new(&v[made], tag, &table[made]);
		if (!err)
			made++;
	}
	free(v);
	pthread_mutex_lock(&r->lock);
	if (err) {
		table_free(r, &table, &made, true);
	} else {
		r->bufs = table;
		r->nr_bufs = nr;
	}
	pthread_mutex_unlock(&r->lock);
	return err;
}

long ring_reg_buffers(const struct ring_reg *g)
{
	return g->arg ? add_buffers(g, g->arg, 0, g->nr) : -EFAULT;
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
	return 0;
}

long ring_reg_buffers2(const struct ring_reg *g)
{
	struct io_uring_rsrc_register rr;
	int err = read_rsrc(g, &rr);

	if (err)
		return err;
	return add_buffers(g, rr.data, rr.tags, rr.nr);
}

static int read_update2(const struct ring_reg *g, struct io_uring_rsrc_update2 *up)
{
	if (g->nr != sizeof(*up))
		return -EINVAL;
	if (read_mem(g, g->arg, up, sizeof(*up)))
		return -EFAULT;
	if (!up->nr || up->resv || up->resv2)
		return -EINVAL;
	return 0;
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
	if (up.offset + up.nr < up.nr)
		return -EOVERFLOW;
	if (up.offset > r->nr_bufs || up.nr > r->nr_bufs - up.offset)
		return -EINVAL;
	for (i = 0; i < up.nr; i++) {
		struct ring_rsrc *n = NULL;
		struct iovec v;
		uint64_t tag;

		err = read_mem(g, up.data + i * sizeof(v), &v, sizeof(v));
		if (!err)
			err = read_tag(g, up.tags, i, &tag);
		if (!err)
			err = check_bufs(g, &v, 1);
		if (!err)
			err = buf_new(&v, tag, &n);
		if (err)
			break;
		pthread_mutex_lock(&r->lock);
		place_clear(r, &r->bufs[up.offset + i]);
		r->bufs[up.offset + i] = n;
		unlock_and_tell(r);
	}
	return i ? (long)i : err;
}

long ring_unreg_buffers(const struct ring_reg *g)
{
	struct trap_ring *r = g->r;

	if (!r->bufs)
		return -ENXIO;
	pthread_mutex_lock(&r->lock);
	table_free(r, &r->bufs, &r->nr_bufs, false);
	unlock_and_tell(r);
	return 0;
}

void ring_buffer(struct ring_req *q)
{
	struct trap_ring *r = q->ring;
	uint16_t i = q->sqe.s.buf_index;

	if (i >= r->nr_bufs || !r->bufs[i])
		return;
	q->fixed = r->bufs[i]->buf;
	use(q, 1, r->bufs[i]);
}

/* ---- files -------------------------------------------------------------------------------- */

/* is there a file that is not ours? */
bool ring_is_open(struct trap *t, pid_t tid, int fd)
{
	struct statx st;

	return trap_info_stat(t, tid, fd, &st);
}

bool ring_is_anon(struct trap *t, pid_t tid, int fd, const char *kind)
{
	char path[40], text[64];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/fd/%d", tid, fd);
	n = readlinkat(t->proc, path, text, sizeof(text));
	return n == (ssize_t)strlen(kind) && !memcmp(text, kind, (size_t)n);
}

/* Return: a resource in *@out, or none for -1, an empty place; 0 or -errno */
static int file_new(const struct ring_reg *g, int32_t fd, uint64_t tag, struct ring_rsrc **out)
{
	struct trap *t = g->r->rs->t;
	struct trap_file *f;

	*out = NULL;
	if (fd == -1)
		return tag ? -EINVAL : 0;
	f = trap_file_get_ref(t, g->who->tid, fd);
	if (!f && !ring_is_open(t, g->who->tid, fd))
		return -EBADF;
	*out = rsrc_new(tag);
	if (*out)
		(*out)->file = f;
	else if (f)
		trap_file_put(t, f);
	return *out ? 0 : -ENOMEM;
}

/* @addr: 0: all are empty */
static long add_files(const struct ring_reg *g, uint64_t addr, uint64_t tags, uint32_t nr)
{
	struct trap_ring *r = g->r;
	struct ring_rsrc **table;
	uint32_t made = 0;
	int err = 0;

	if (r->files)
		return -EBUSY;
	if (!nr)
		return -EINVAL;
	if (nr > MAX_FILES)
		return -EMFILE;
	table = calloc(nr, sizeof(struct ring_rsrc *));
	if (!table)
		return -ENOMEM;
	while (!err && made < nr) {
		int32_t fd = -1;
		uint64_t tag;

		err = read_tag(g, tags, made, &tag);
		if (!err && addr)
			err = read_mem(g, addr + made * sizeof(fd), &fd, sizeof(fd));
		if (!err)
			err = file_new(g, fd, tag, &table[made]);
		if (!err)
			made++;
	}
	pthread_mutex_lock(&r->lock);
	if (err) {
		table_free(r, &table, &made, true);
	} else {
		r->files = table;
		r->nr_files = nr;
	}
	pthread_mutex_unlock(&r->lock);
	return err;
}

long ring_reg_files(const struct ring_reg *g)
{
	return g->arg ? add_files(g, g->arg, 0, g->nr) : -EFAULT;
}

long ring_reg_files2(const struct ring_reg *g)
{
	struct io_uring_rsrc_register rr;
	int err = read_rsrc(g, &rr);

	if (err)
		return err;
	return add_files(g, rr.data, rr.tags, rr.nr);
}

static long update_files(const struct ring_reg *g, uint32_t offset, uint64_t addr, uint64_t tags,
			 uint32_t nr)
{
	struct trap_ring *r = g->r;
	int err = 0;
	uint32_t i;

	if (!r->files)
		return -ENXIO;
	if (offset + nr < nr)
		return -EOVERFLOW;
	if (!nr || offset > r->nr_files || nr > r->nr_files - offset)
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		struct ring_rsrc *n;
		uint64_t tag;
		int32_t fd;

		err = read_tag(g, tags, i, &tag);
		if (!err)
			err = read_mem(g, addr + i * sizeof(fd), &fd, sizeof(fd));
		if (!err && tag && (fd == IORING_REGISTER_FILES_SKIP || fd == -1))
			err = -EINVAL;
		if (err)
			break;
		if (fd == IORING_REGISTER_FILES_SKIP)
			continue;
		err = file_new(g, fd, tag, &n);
		/* Linux empties the place before it finds that the new descriptor is none */
		pthread_mutex_lock(&r->lock);
		place_clear(r, &r->files[offset + i]);
		r->files[offset + i] = n;
		unlock_and_tell(r);
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
	return update_files(g, up.offset, up.data, 0, g->nr);
}

long ring_reg_files_update2(const struct ring_reg *g)
{
	struct io_uring_rsrc_update2 up;
	int err = read_update2(g, &up);

	return err ? err : update_files(g, up.offset, up.data, up.tags, up.nr);
}

long ring_unreg_files(const struct ring_reg *g)
{
	struct trap_ring *r = g->r;

	if (!r->files)
		return -ENXIO;
	pthread_mutex_lock(&r->lock);
	table_free(r, &r->files, &r->nr_files, false);
	unlock_and_tell(r);
	return 0;
}

void ring_rsrc_free(struct trap_ring *r)
{
	struct ring_rsrc *n;

	table_free(r, &r->files, &r->nr_files, true);
	table_free(r, &r->bufs, &r->nr_bufs, true);
	while ((n = r->tags)) {
		r->tags = n->next;
		free(n);
	}
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

/* the file at index @fd of those that are registered */
static struct ring_rsrc *registered(const struct trap_ring *r, int fd)
{
	return (uint32_t)fd < r->nr_files ? r->files[fd] : NULL;
}

void ring_file(struct ring_req *q, const struct ring_who *who)
{
	struct trap_ring *r = q->ring;
	struct ring_last_file *l = &r->last;
	bool fixed = q->sqe.s.flags & IOSQE_FIXED_FILE;
	int fd = q->sqe.s.fd;
	struct ring_rsrc *n = fixed ? registered(r, fd) : NULL;

	if (n)
		use(q, 0, n);
	/* one submission, one moment: the same number is the same file */
	if (!l->valid || l->fd != fd || l->fixed != fixed) {
		*l = (struct ring_last_file){ .valid = true, .fixed = fixed, .fd = fd };
		if (!fixed)
			look_up(r, who, fd, &l->target);
		else if (!n)
			l->target.err = -EBADF;
		else if (!n->file)
			l->target.err = -EOPNOTSUPP;
		else
			target_of(r->rs->t, n->file, &l->target);
	}
	q->target = l->target;
}
