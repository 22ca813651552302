/* SPDX-License-Identifier: MIT */
/*
 * pmr.c - the file behind a Persistent Memory Region: mapped, and all of it reserved, since what a
 * host stores there must not find the disk full.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kind.h"

/** struct store_pmr - @made: the path, when the file did not exist before; else NULL */
struct store_pmr {
	int fd;
	void *mem;
	uint64_t size;
	bool share;
	char *made;
};

static int pmr_sync(void *opaque)
{
	struct store_pmr *r = opaque;

	return r->share && msync(r->mem, (size_t)r->size, MS_SYNC) ? SIM_EIO : 0;
}

/* Return: bytes, or 0 with a sentence */
static uint64_t file_size(const struct store_pmr *r, const struct store_pmr_params *p,
			  struct sim_msg *msg)
{
	struct stat sb;

	if (fstat(r->fd, &sb)) {
		store_fail(msg, 0, "cannot find the size of %s: %m", p->path);
		return 0;
	}
	if (!S_ISREG(sb.st_mode)) {
		store_fail(msg, 0, "%s is not a regular file", p->path);
		return 0;
	}
	if (!sb.st_size && p->size) {
		if (p->size <= INT64_MAX && !ftruncate(r->fd, (off_t)p->size))
			return p->size;
		store_fail(msg, 0, "cannot make %s %" PRIu64 " bytes long: %m", p->path, p->size);
		return 0;
	}
	if (!sb.st_size)
		store_fail(msg, 0, "%s is empty, and no size is given to make it", p->path);
	else if ((uint64_t)sb.st_size < p->size)
		store_fail(msg, 0, "%s has %" PRIu64 " bytes, less than the %" PRIu64 " asked for",
			   p->path, (uint64_t)sb.st_size, p->size);
	else
		return p->size ? p->size : (uint64_t)sb.st_size;
	return 0;
}

static int map_file(struct store_pmr *r, const struct store_pmr_params *p, struct sim_msg *msg)
{
	const int flags = r->share ? MAP_SHARED : MAP_PRIVATE;
	void *mem;
	int err;

	r->size = file_size(r, p, msg);
	if (!r->size)
		return -1;
	err = r->share ? posix_fallocate(r->fd, 0, (off_t)r->size) : 0;
	if (err)
		return store_fail(msg, -1, "no room for the %" PRIu64 " bytes of %s: %s", r->size,
				  p->path, strerror(err));
	mem = mmap(NULL, (size_t)r->size, PROT_READ | PROT_WRITE, flags, r->fd, 0);
	if (mem == MAP_FAILED)
		return store_fail(msg, -1, "cannot map %s: %m", p->path);
	r->mem = mem;
	return 0;
}

struct store_pmr *store_pmr_open(const struct store_pmr_params *p, struct sim_pmr_port *port,
				 struct sim_msg *msg)
{
	struct store_pmr *r = calloc(1, sizeof(*r));
	bool made, locked;

	if (!r) {
		store_fail(msg, 0, "no memory for %s", p->path);
		return NULL;
	}
	r->share = p->share;
	r->fd = open(p->path, O_RDWR | O_CLOEXEC);
	made = r->fd < 0 && errno == ENOENT && p->size;
	if (made)
		r->fd = open(p->path, O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0644);
	if (r->fd < 0) {
		store_fail(msg, 0,
			   errno == ENOENT && !p->size
				   ? "%s does not exist, and no size is given to make it"
				   : "cannot open %s: %m",
			   p->path);
		free(r);
		return NULL;
	}
	locked = !store_lock(r->fd, false, p->path, msg);
	if (locked && made)
		r->made = strdup(p->path);
	if (!locked || map_file(r, p, msg)) {
		store_pmr_close(r, locked);
		return NULL;
	}
	*port = (struct sim_pmr_port){ r->mem, r->size, pmr_sync, r };
	return r;
}

void store_pmr_close(struct store_pmr *r, bool undo)
{
	if (!r)
		return;
	if (r->mem)
		munmap(r->mem, (size_t)r->size);
	if (undo && r->made)
		unlink(r->made);
	close(r->fd);
	free(r->made);
	free(r);
}

int store_copy(void *to, const void *from, size_t len)
{
	char *t = to;
	const char *f = from;

	while (len) {
		const struct iovec local = { t, len }, remote = { (void *)(uintptr_t)f, len };
		ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

		if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
			memcpy(t, f, len); /* no other way, then */
			return 0;
		}
		if (n <= 0)
			return SIM_EFAULT;
		t += n;
		f += n;
		len -= (size_t)n;
	}
	return 0;
}
