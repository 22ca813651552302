/* SPDX-License-Identifier: MIT */
/*
 * trap.c - the supervisor: what there is to serve, from beginning to end. receive.c serves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "internal.h"
#include "ring.h"
#include "sys.h"

#define trap_of(ptr, member) ((struct trap *)((char *)(ptr)-offsetof(struct trap, member)))

/* what is received is the receiving thread's; the loop hears of the end */
static void listener_ready(struct dmn_fd *f, uint32_t events)
{
	struct trap *t = trap_of(f, listener);

	if (!(events & (EPOLLHUP | EPOLLERR)))
		return;
	/* would be reported for ever */
	dmn_loop_del(t->loop, &t->listener);
	trap_calls_check(t, false);
	if (t->gone)
		t->gone(t->arg); /* may free us */
}

static void tick_ready(struct dmn_fd *f, uint32_t events)
{
	uint64_t count;

	if (read(f->fd, &count, sizeof(count)) == sizeof(count))
		trap_calls_check(trap_of(f, tick), false);
}

/* ---- nodes ------------------------------------------------------------------------------- */

static void node_added(struct dmn_watch *w, struct dmn_node *n)
{
	struct trap *t = trap_of(w, watch);
	struct trap_node *tn = calloc(1, sizeof(*tn));
	unsigned int pos;

	if (t->nr_nodes == t->max_nodes) {
		unsigned int max = t->max_nodes ? 2 * t->max_nodes : 16;
		struct trap_node **nodes;

		pthread_mutex_lock(&t->files_lock);
		nodes = realloc(t->nodes, max * sizeof(nodes[0]));
		if (nodes) {
			t->nodes = nodes;
			t->max_nodes = max;
		}
		pthread_mutex_unlock(&t->files_lock);
	}
	if (!tn || t->nr_nodes == t->max_nodes) {
		fprintf(stderr, "nvmesim: no memory for node %s: it will not be seen\n", n->name);
		free(tn);
		return;
	}
	tn->n = n;
	clock_gettime(CLOCK_REALTIME, &tn->born);
	pthread_mutex_lock(&t->files_lock);
	for (pos = t->nr_nodes; pos && strcmp(n->name, t->nodes[pos - 1]->n->name) < 0; pos--)
		t->nodes[pos] = t->nodes[pos - 1];
	t->nodes[pos] = tn;
	t->nr_nodes++;
	pthread_mutex_unlock(&t->files_lock);
	trap_given_device(t, tn, &n->device);
}

static void node_device(struct dmn_watch *w, struct dmn_node *n)
{
	struct trap *t = trap_of(w, watch);

	for (unsigned int i = 0; i < t->nr_nodes; i++)
		if (t->nodes[i]->n == n)
			trap_given_device(t, t->nodes[i], &n->device);
}

static void node_removed(struct dmn_watch *w, struct dmn_node *n)
{
	struct trap *t = trap_of(w, watch);

	for (unsigned int i = 0; i < t->nr_nodes; i++) {
		struct trap_node *tn = t->nodes[i];

		if (tn->n != n)
			continue;
		trap_file_orphan(t, tn);
		trap_given_device(t, tn, &(struct dmn_device){ 0 });
		pthread_mutex_lock(&t->files_lock);
		memmove(&t->nodes[i], &t->nodes[i + 1], (--t->nr_nodes - i) * sizeof(t->nodes[0]));
		pthread_mutex_unlock(&t->files_lock);
		free(tn);
		return;
	}
}

/* ---- life ---------------------------------------------------------------------------------- */

/* the sentence for what this kernel cannot do; NULL: everything needed is there */
static const char *missing(struct trap *t)
{
	struct seccomp_notif_sizes sizes;
	struct seccomp_notif_addfd add = { .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = t->proc };

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return "the kernel, or a container profile, does not let this process use seccomp";
	if (sizes.seccomp_notif > TRAP_NOTIF_ROOM ||
	    sizes.seccomp_notif_resp > TRAP_NOTIF_ROOM)
		return "the kernel's seccomp notifications are longer than this program knows";
	/* no notification has this id; a kernel that knows the flag says so, others say EINVAL. It
	 * is not used, but as old as the inode in fdinfo, which is. */
	if (ioctl(t->listener.fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 && errno == EINVAL)
		return "this kernel is too old (Linux 5.14 or newer is needed)";
	return NULL;
}

int trap_check(pid_t pid, char *err, size_t len)
{
	char byte;
	struct iovec l = { &byte, 1 }, r = { NULL, 1 };

	/* nothing is mapped there, and who is not even allowed to look gets another answer */
	if (process_vm_readv(pid, &l, 1, &r, 1, 0) >= 0 || errno == EFAULT)
		return 0;
	int e = errno;

	if (e == ENOSYS)
		snprintf(err, len, "the kernel, or a container profile, has no process_vm_readv");
	else if (e == EPERM)
		snprintf(err, len,
			 "the program's memory may not be read: a container profile forbids "
			 "process_vm_readv, or kernel.yama.ptrace_scope is above 1");
	else
		snprintf(err, len, "the program's memory cannot be read: %s", strerror(e));
	return -e;
}

void trap_destroy(struct trap *t)
{
	while (t->free) {
		struct trap_call *c = t->free;

		t->free = c->next;
		free(c);
	}
	if (t->listener.fd >= 0)
		close(t->listener.fd);
	if (t->tick.fd >= 0)
		close(t->tick.fd);
	if (t->proc >= 0)
		close(t->proc);
	trap_rings_free(t);
	trap_sys_free(t);
	trap_given_free(t);
	trap_receive_free(t);
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&t->files_lock);
	free(t);
}

struct trap *trap_new(struct dmn_machine *m, int listener, uid_t owner,
		      void (*gone)(void *arg), void *arg, char *err, size_t len)
{
	struct trap *t = calloc(1, sizeof(*t));
	const char *text;
	struct stat st;

	if (!t) {
		close(listener);
		snprintf(err, len, "no memory");
		return NULL;
	}
	t->m = m;
	t->loop = dmn_machine_loop(m);
	t->owner = owner;
	t->gone = gone;
	t->arg = arg;
	t->self = getpid();
	t->listener = (struct dmn_fd){ .fd = listener, .ready = listener_ready };
	t->tick = (struct dmn_fd){ .ready = tick_ready };
	t->tick.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	t->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ring_mutex_init(&t->lock);
	ring_mutex_init(&t->files_lock);

	if (faccessat(t->proc, "self/status", R_OK, 0) < 0) {
		snprintf(err, len, "/proc is not mounted here, and this door needs it");
		goto fail;
	}
	text = missing(t);
	if (text) {
		snprintf(err, len, "%s", text);
		goto fail;
	}
	/* the reply lets the caller run on this processor at once; an older kernel lacks that */
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	if (stat("/dev", &st) == 0)
		t->dev = st.st_dev;
	trap_files_init(t);
	if (trap_sys_init(t)) {
		snprintf(err, len, "no memory");
		goto fail;
	}
	if (t->tick.fd < 0 || dmn_loop_add(t->loop, &t->tick, EPOLLIN) ||
	    trap_rings_init(t) || dmn_loop_add(t->loop, &t->listener, 0)) {
		snprintf(err, len, "the event loop takes no more descriptors");
		goto fail;
	}
	if (trap_receive_start(t)) {
		snprintf(err, len, "no thread can be started");
		dmn_loop_del(t->loop, &t->listener);
		goto fail;
	}
	t->watch.added = node_added;
	t->watch.removed = node_removed;
	t->watch.device = node_device;
	dmn_machine_watch(m, &t->watch); /* it is our turn: nothing is served before */
	return t;
fail:
	trap_destroy(t);
	return NULL;
}

void trap_detach(struct trap *t)
{
	if (!t->m)
		return;
	dmn_machine_unwatch(t->m, &t->watch);
	t->m = NULL;
	trap_calls_check(t, true);
	while (t->nr_nodes)
		node_removed(&t->watch, t->nodes[0]->n);
	trap_rings_detach(t);
	trap_mirror_remove(t);
}

void trap_free(struct trap *t)
{
	bool busy;

	if (!t)
		return;
	dmn_loop_del(t->loop, &t->listener);
	dmn_loop_del(t->loop, &t->tick);
	trap_receive_stop(t);
	trap_detach(t);
	trap_rings_end(t);
	free(t->nodes);
	trap_files_free(t);

	pthread_mutex_lock(&t->lock);
	t->closing = true;
	busy = t->nr_flying || t->nr_rings;
	pthread_mutex_unlock(&t->lock);
	if (!busy) /* else the last command to complete does it */
		trap_destroy(t);
}
