/* SPDX-License-Identifier: MIT */
/*
 * ring_client.c - the memory of the process a request came from.
 *
 * While the submitting thread waits in io_uring_enter its thread id is good. Afterwards, and for
 * the polling thread, the id may be another's, or the program another one since exec: its
 * /proc/PID/mem, opened when it made the ring, can tell, for it belongs to that memory and no
 * other.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring.h"

#define req_of(ptr, member)                                                                       \
	((struct ring_req *)((char *)(ptr)-offsetof(struct ring_req, member)))

pid_t ring_tgid(struct trap *t, pid_t tid)
{
	char path[32], text[512], *at;

	snprintf(path, sizeof(path), "%d/status", tid);
	if (trap_proc_text(t, path, text, sizeof(text)) <= 0)
		return 0;
	at = strstr(text, "\nTgid:");
	return at ? (pid_t)strtol(at + 6, NULL, 10) : 0;
}

struct ring_proc *ring_proc_new(struct trap *t, pid_t tid)
{
	struct ring_proc *p = calloc(1, sizeof(*p));
	char path[32];

	if (!p)
		return NULL;
	p->refs = 1;
	p->tgid = ring_tgid(t, tid);
	snprintf(path, sizeof(path), "%d/mem", tid);
	p->mem = openat(t->proc, path, O_RDWR | O_CLOEXEC);
	ring_proc_add(t->rings, p);
	return p;
}

void ring_proc_put(struct ring_proc *p, unsigned int n)
{
	if (!p || atomic_fetch_sub(&p->refs, n) > n)
		return;
	ring_proc_del(p);
	if (p->mem >= 0)
		close(p->mem);
	free(p);
}

/* memory that is gone reads as nothing; page 0 of a living program is an error */
bool ring_proc_lives(const struct ring_proc *p)
{
	char byte;

	return p->mem >= 0 && pread(p->mem, &byte, 1, 0) != 0;
}

bool ring_proc_fresh(struct ring_proc *p, uint64_t ns)
{
	uint64_t now = ring_now();

	if (!p)
		return false;
	if (now - atomic_load_explicit(&p->checked, memory_order_relaxed) < ns)
		return true;
	if (!ring_proc_lives(p))
		return false;
	atomic_store_explicit(&p->checked, now, memory_order_relaxed);
	return true;
}

/* one piece through @mem. Return: 0 or -EFAULT. */
static int move(int mem, bool to_client, char *local, uint64_t remote, size_t len)
{
	while (len) {
		ssize_t n = to_client ? pwrite(mem, local, len, (off_t)remote)
				      : pread(mem, local, len, (off_t)remote);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EFAULT;
		local += n;
		remote += n;
		len -= n;
	}
	return 0;
}

static int late_xfer(const struct ring_proc *p, bool to_client, const struct iovec *local,
		     unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	size_t lo = 0, ro = 0;

	if (!p || p->mem < 0)
		return -EFAULT;
	while (nr_local && nr_remote) {
		size_t n = local->iov_len - lo;

		if (remote->iov_len - ro < n)
			n = remote->iov_len - ro;
		if (n && move(p->mem, to_client, (char *)local->iov_base + lo,
			      (uintptr_t)remote->iov_base + ro, n))
			return -EFAULT;
		lo += n;
		ro += n;
		if (lo == local->iov_len) {
			local++;
			nr_local--;
			lo = 0;
		}
		if (nr_remote && ro == remote->iov_len) {
			remote++;
			nr_remote--;
			ro = 0;
		}
	}
	return 0;
}

/* a thread that has ended while others of its process go on has no memory any more; and a process
 * that may be in exec may have another */
int ring_client_move(const struct ring_who *who, bool to_client, const struct iovec *local,
		     unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	const struct ring_proc *p = who->proc;
	int err = -ESRCH;

	if (!p || !atomic_load_explicit(&p->leaving, memory_order_relaxed))
		err = trap_vm_xfer(who->tid, to_client, local, nr_local, remote, nr_remote);
	if (err != -ESRCH)
		return err;
	return late_xfer(p, to_client, local, nr_local, remote, nr_remote);
}

static int client_xfer(struct host_client *cl, bool to_client, const struct iovec *local,
		       unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	struct ring_req *q = req_of(cl, client);
	const struct ring_who *who = ring_batch_who();

	if (!who || who->proc != q->proc)
		return late_xfer(q->proc, to_client, local, nr_local, remote, nr_remote);
	return ring_client_move(who, to_client, local, nr_local, remote, nr_remote);
}

static int client_late(struct host_client *cl, const struct iovec *local, unsigned int nr_local,
		       const struct iovec *remote, unsigned int nr_remote, bool lent)
{
	struct ring_req *q = req_of(cl, client);
	const struct ring_who *who = ring_batch_who();

	if (who && who->proc == q->proc) {
		if (lent && nr_local == 1 && ring_batch_lend(q, local, remote, nr_remote))
			return SIM_LENT;
		if (ring_batch_stage(q, local, nr_local, remote, nr_remote))
			return 0;
	}
	return client_xfer(cl, true, local, nr_local, remote, nr_remote);
}

static int client_early(struct host_client *cl, const struct iovec *local, unsigned int nr_local,
			const struct iovec *remote, unsigned int nr_remote)
{
	if (ring_batch_fetched(req_of(cl, client), local, nr_local, remote, nr_remote))
		return 0;
	return client_xfer(cl, false, local, nr_local, remote, nr_remote);
}

const struct host_client_ops ring_client_ops = {
	.xfer = client_xfer,
	.late = client_late,
	.settle = ring_batch_settle,
	.early = client_early,
};
