/* SPDX-License-Identifier: MIT */
/*
 * client.c - who issues an ioctl, and how his memory is reached: directly, or in buffers the
 * kernel carries.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "door.h"

#define CAP_SYS_PTRACE_BIT 19
#define CAP_SYS_ADMIN_BIT 21

/* ---- privilege ---- */

/*
 * A capability counts only in our own user namespace: root of a container that made its own is
 * nobody here.
 */
static bool same_user_ns(pid_t tid)
{
	struct stat ours, theirs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", tid);
	if (stat("/proc/self/ns/user", &ours))
		return true; /* a kernel without user namespaces has one */
	return !stat(path, &theirs) && ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

static unsigned long long effective_caps(pid_t tid)
{
	unsigned long long caps = 0;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	fclose(f);
	return caps;
}

bool cuse_privileged(pid_t tid, uid_t uid)
{
	if (!tid)
		return !uid; /* its capabilities cannot be seen from here */
	return (effective_caps(tid) >> CAP_SYS_ADMIN_BIT & 1) && same_user_ns(tid);
}

/* the inode numbers Linux gives its first namespaces (include/linux/proc_ns.h) */
#define INIT_USER_NS 0xeffffffdu
#define INIT_PID_NS 0xeffffffcu

static bool in_first_ns(const char *path, ino_t first)
{
	struct stat st;

	return stat(path, &st) ? errno == ENOENT : st.st_ino == first; /* ENOENT: there are none */
}

static bool yama_forbids_all(void)
{
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = 0;

	if (!f)
		return false;
	if (fscanf(f, "%d", &scope) != 1)
		scope = 0;
	fclose(f);
	return scope > 2;
}

bool cuse_reaches_everyone(void)
{
	return in_first_ns("/proc/self/ns/user", INIT_USER_NS) &&
	       in_first_ns("/proc/self/ns/pid", INIT_PID_NS) &&
	       effective_caps(getpid()) >> CAP_SYS_PTRACE_BIT & 1 && !yama_forbids_all();
}

/* ---- directly ---- */

static struct cuse_call *call_of(struct host_client *cl)
{
	return (struct cuse_call *)((char *)cl - offsetof(struct cuse_call, client));
}

static int move(struct cuse_call *call, bool to_client, const struct iovec *local,
		unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote,
		size_t want)
{
	ssize_t n;

	if (to_client)
		n = process_vm_writev(call->tid, local, nr_local, remote, nr_remote, 0);
	else
		n = process_vm_readv(call->tid, local, nr_local, remote, nr_remote, 0);
	if (n < 0 && errno != EFAULT && errno != EINVAL)
		call->denied = true;
	if (n > 0)
		call->touched = true;
	return n == (ssize_t)want ? 0 : -EFAULT;
}

struct cursor {
	const struct iovec *vec;
	unsigned int n;
	size_t off; /* in *vec */
};

/* the next at most @len bytes in one piece; nothing left: zero bytes */
static struct iovec next_piece(struct cursor *c, size_t len)
{
	struct iovec piece = { NULL, 0 };

	while (c->n && c->off == c->vec->iov_len) {
		c->vec++;
		c->n--;
		c->off = 0;
	}
	if (!c->n)
		return piece;
	piece.iov_base = (char *)c->vec->iov_base + c->off;
	piece.iov_len = c->vec->iov_len - c->off < len ? c->vec->iov_len - c->off : len;
	return piece;
}

#define MOVE_BATCH 64

/* more vectors than one system call takes: pairs of pieces, a batch at a time */
static int move_many(struct cuse_call *call, bool to_client, struct cursor local,
		     struct cursor remote)
{
	struct iovec lv[MOVE_BATCH], rv[MOVE_BATCH];
	size_t want;
	int ret = 0;

	do {
		unsigned int n = 0;

		for (want = 0; n < MOVE_BATCH; n++) {
			lv[n] = next_piece(&local, SIZE_MAX);
			rv[n] = next_piece(&remote, lv[n].iov_len);
			if (!rv[n].iov_len)
				break;
			lv[n].iov_len = rv[n].iov_len;
			local.off += lv[n].iov_len;
			remote.off += lv[n].iov_len;
			want += lv[n].iov_len;
		}
		if (n)
			ret = move(call, to_client, lv, n, rv, n, want);
	} while (want && !ret);
	return ret;
}

/*
 * The argument structure, or a field of it, where the kernel brought it: what is read or written is
 * all in there. Return: whether it was.
 */
static bool mirrored(struct cuse_call *call, bool to_client, const struct iovec *local,
		     unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	uint64_t off;

	if (!call->mirror_len || nr_local != 1 || nr_remote != 1)
		return false;
	off = (uintptr_t)remote->iov_base - call->arg;
	if (off > call->mirror_len || remote->iov_len > call->mirror_len - off)
		return false;
	if (to_client)
		memcpy(call->mirror + off, local->iov_base, local->iov_len);
	else
		memcpy(local->iov_base, call->mirror + off, local->iov_len);
	return true;
}

static int direct_xfer(struct host_client *cl, bool to_client, const struct iovec *local,
		       unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	struct cuse_call *call = call_of(cl);
	size_t want = 0;

	if (!call->req)
		return -EFAULT; /* he was answered already and may be gone, his TID another's */
	if (mirrored(call, to_client, local, nr_local, remote, nr_remote))
		return 0;
	for (unsigned int i = 0; i < nr_local; i++)
		want += local[i].iov_len;
	if (!want)
		return 0;
	if (nr_local > IOV_MAX || nr_remote > IOV_MAX)
		return move_many(call, to_client, (struct cursor){ local, nr_local, 0 },
				 (struct cursor){ remote, nr_remote, 0 });
	return move(call, to_client, local, nr_local, remote, nr_remote, want);
}

const struct host_client_ops cuse_direct_ops = { .xfer = direct_xfer };

/* ---- carried ---- */

unsigned char *cuse_carried(unsigned char *buf, size_t buf_len, const struct iovec *vec,
			    unsigned int n, uint64_t addr, size_t len)
{
	size_t off = 0;

	for (unsigned int i = 0; i < n; off += vec[i].iov_len, i++) {
		uint64_t base = (uintptr_t)vec[i].iov_base;

		if (addr < base || addr - base > vec[i].iov_len ||
		    len > vec[i].iov_len - (addr - base))
			continue;
		off += addr - base;
		return off <= buf_len && len <= buf_len - off ? buf + off : NULL;
	}
	return NULL;
}

static int carried_xfer(struct host_client *cl, bool to_client, const struct iovec *local,
			unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	struct cuse_call *call = call_of(cl);
	struct cuse_carry *y = call->carry;
	struct cursor lc = { local, nr_local, 0 }, rc = { remote, nr_remote, 0 };

	for (;;) {
		struct iovec l = next_piece(&lc, SIZE_MAX), r = next_piece(&rc, l.iov_len);
		uint64_t addr = (uintptr_t)r.iov_base;
		unsigned char *p;

		if (!r.iov_len)
			return 0;
		if (to_client)
			p = cuse_carried(y->out, y->out_len, y->ranges.out, y->ranges.nr_out, addr,
					 r.iov_len);
		else
			p = cuse_carried(y->in, y->in_len, y->ranges.in, y->ranges.nr_in, addr,
					 r.iov_len);
		if (!p)
			return -EFAULT;
		if (to_client) {
			memcpy(p, l.iov_base, r.iov_len);
			if (y->out_end < (size_t)(p - y->out) + r.iov_len)
				y->out_end = p - y->out + r.iov_len;
		} else {
			memcpy(l.iov_base, p, r.iov_len);
		}
		lc.off += r.iov_len;
		rc.off += r.iov_len;
	}
}

const struct host_client_ops cuse_carried_ops = { .xfer = carried_xfer };
