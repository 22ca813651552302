/* SPDX-License-Identifier: MIT */
/*
 * vm.c - the caller's memory, by thread id: process_vm_readv and process_vm_writev.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"

#define MIN_PAGE 4096ul

static ssize_t move(pid_t tid, bool to_client, const struct iovec *local, unsigned int nr_local,
		    const struct iovec *remote, unsigned int nr_remote)
{
	ssize_t n;

	do {
		if (to_client)
			n = process_vm_writev(tid, local, nr_local, remote, nr_remote, 0);
		else
			n = process_vm_readv(tid, local, nr_local, remote, nr_remote, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int trap_vm_read(pid_t tid, uint64_t addr, void *buf, size_t len)
{
	struct iovec l = { buf, len }, r = { (void *)(uintptr_t)addr, len };

	return move(tid, false, &l, 1, &r, 1) == (ssize_t)len ? 0 : -EFAULT;
}

int trap_vm_write(pid_t tid, uint64_t addr, const void *buf, size_t len)
{
	struct iovec l = { (void *)buf, len }, r = { (void *)(uintptr_t)addr, len };

	return move(tid, true, &l, 1, &r, 1) == (ssize_t)len ? 0 : -EFAULT;
}

/*
 * The string may end just before an unmapped page, so a read never asks for the next page
 * together with this one: separate vectors, of which the kernel carries out those it can.
 */
ssize_t trap_vm_string(pid_t tid, uint64_t addr, char *buf, size_t size)
{
	size_t have = 0;

	while (have < size) {
		/* most paths are short: look at little first */
		size_t want = have ? size - have : (size < 256 ? size : 256);
		size_t here = MIN_PAGE - ((addr + have) & (MIN_PAGE - 1));
		struct iovec l = { buf + have, want };
		struct iovec r[2];
		unsigned int nr = 1;
		ssize_t n;

		if (here > want)
			here = want;
		r[0] = (struct iovec){ (void *)(uintptr_t)(addr + have), here };
		if (here < want) {
			size_t next = want - here < MIN_PAGE ? want - here : MIN_PAGE;

			r[nr++] = (struct iovec){ (void *)(uintptr_t)(addr + have + here), next };
		}
		n = move(tid, false, &l, 1, r, nr);
		if (n <= 0)
			return n ? n : -EFAULT;
		const char *end = memchr(buf + have, '\0', n);

		if (end)
			return end - buf;
		have += n;
	}
	return -ENAMETOOLONG;
}

/** struct cursor - a place in an array of vectors */
struct cursor {
	const struct iovec *v;
	unsigned int n;
	size_t off;
};

/* the next vectors, at most IOV_MAX of them and @max bytes; Return: their bytes */
static size_t slice(const struct cursor *c, struct iovec out[IOV_MAX], unsigned int *nr, size_t max)
{
	size_t bytes = 0, off = c->off;

	*nr = 0;
	for (unsigned int i = 0; i < c->n && *nr < IOV_MAX && bytes < max; i++) {
		size_t len = c->v[i].iov_len - off;

		if (len > max - bytes)
			len = max - bytes;
		if (len)
			out[(*nr)++] = (struct iovec){ (char *)c->v[i].iov_base + off, len };
		bytes += len;
		off = 0;
	}
	return bytes;
}

static void advance(struct cursor *c, size_t bytes)
{
	while (c->n && bytes >= c->v->iov_len - c->off) {
		bytes -= c->v->iov_len - c->off;
		c->v++;
		c->n--;
		c->off = 0;
	}
	c->off += bytes;
}

/* more vectors than one system call takes, or more bytes than it moves */
static int xfer_long(pid_t tid, bool to_client, struct cursor l, struct cursor r)
{
	struct iovec lv[IOV_MAX], rv[IOV_MAX];
	unsigned int nl, nr;

	for (;;) {
		size_t rb = slice(&r, rv, &nr, 1u << 30);
		size_t lb = slice(&l, lv, &nl, rb);

		if (lb < rb)
			rb = slice(&r, rv, &nr, lb);
		if (!rb)
			return 0;
		if (move(tid, to_client, lv, nl, rv, nr) != (ssize_t)rb)
			return -EFAULT;
		advance(&l, rb);
		advance(&r, rb);
	}
}

int trap_vm_xfer(pid_t tid, bool to_client, const struct iovec *local, unsigned int nr_local,
		 const struct iovec *remote, unsigned int nr_remote)
{
	size_t bytes = 0;
	ssize_t n;

	for (unsigned int i = 0; i < nr_local; i++)
		bytes += local[i].iov_len;
	if (nr_local > IOV_MAX || nr_remote > IOV_MAX || bytes > 1u << 30)
		return xfer_long(tid, to_client, (struct cursor){ local, nr_local, 0 },
				 (struct cursor){ remote, nr_remote, 0 });
	n = move(tid, to_client, local, nr_local, remote, nr_remote);
	if (n == (ssize_t)bytes)
		return 0;
	return n == -ESRCH ? -ESRCH : -EFAULT;
}
