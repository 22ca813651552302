/* SPDX-License-Identifier: MIT */
/*
 * receive.c - the thread that takes notifications from the listener and answers them.
 *
 * It sleeps in the listener itself and nowhere else: with SYNC_WAKE_UP the kernel then runs it on
 * the caller's processor, and the caller there again once it has its answer. Through epoll both
 * would be woken on whichever processor is idle, which costs several times as much as all the rest
 * of a call. What it does it does in the loop's turn.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"
#include "ring.h"
#include "sys.h"

#define WAKE_SIGNAL                                                                                \
	SIGURG /* ignored unless somebody asks for it, so one that is late is harmless */
#define WAKE_US 1000

/* a kernel newer than the headers may move more than they declare: SECCOMP_GET_NOTIF_SIZES */
union notif {
	struct seccomp_notif n;
	uint8_t room[TRAP_NOTIF_ROOM];
};

union resp {
	struct seccomp_notif_resp r;
	uint8_t room[TRAP_NOTIF_ROOM];
};

void trap_send(struct trap *t, uint64_t id, long ret)
{
	union resp resp = { .room = { 0 } };

	resp.r.id = id;
	if (ret == TRAP_CONTINUE)
		resp.r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (ret < 0)
		resp.r.error = ret;
	else
		resp.r.val = ret;
	/* ENOENT: the caller was killed meanwhile, and nobody waits for this */
	while (ioctl(t->listener.fd, SECCOMP_IOCTL_NOTIF_SEND, &resp) < 0 && errno == EINTR)
		;
}

bool trap_valid(struct trap *t, uint64_t id)
{
	return ioctl(t->listener.fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static const struct trap_row *row_of(int nr)
{
	for (unsigned int i = 0; i < trap_nr_rows; i++) {
		if (trap_rows[i].nr == nr)
			return &trap_rows[i];
	}
	return NULL;
}

static void serve(struct trap *t, const union notif *rx)
{
	struct trap_req rq = { .t = t,
			       .id = rx->n.id,
			       .tid = rx->n.pid,
			       .arg = (const uint64_t *)rx->n.data.args,
			       .row = row_of(rx->n.data.nr) };
	struct trap_sys_path sys;
	long ret = TRAP_CONTINUE;

	/* pid 0: a task this process cannot name (another pid namespace), so cannot look into */
	if (rq.row && rq.tid && (rq.row->path < 0 || trap_path(&rq, &sys)))
		ret = rq.row->handle(&rq);
	if (ret != TRAP_SENT)
		trap_send(t, rq.id, ret);
}

/* has the last task under the filter gone? Then there is nothing to receive, for ever. */
static bool all_gone(struct trap *t)
{
	struct pollfd p = { .fd = t->listener.fd };

	return poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL);
}

static void *receive(void *arg)
{
	struct trap *t = arg;
	union notif rx;
	sigset_t wake;

	sigemptyset(&wake);
	sigaddset(&wake, WAKE_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
	while (!atomic_load(&t->stop)) {
		memset(&rx, 0, sizeof(rx)); /* the kernel insists on zeroes */
		if (ioctl(t->listener.fd, SECCOMP_IOCTL_NOTIF_RECV, &rx) < 0) {
			/* EINTR; ENOENT: the caller was killed, or all were */
			if (errno != EINTR && all_gone(t))
				break;
			continue;
		}
		dmn_loop_enter(t->loop);
		if (atomic_load(&t->stop))
			trap_send(t, rx.n.id, TRAP_CONTINUE);
		else
			serve(t, &rx);
		dmn_loop_leave(t->loop);
	}
	atomic_store(&t->received, true);
	return NULL;
}

static void on_wake(int sig)
{
	/* it is the interruption that counts */
}

int trap_receive_start(struct trap *t)
{
	struct sigaction sa = { .sa_handler = on_wake };
	sigset_t all, old;
	int err;

	sigaction(WAKE_SIGNAL, &sa, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&t->thread, NULL, receive, t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	t->started = !err;
	if (!err)
		pthread_setname_np(t->thread, "nvmesim-receive");
	return -err;
}

void trap_receive_stop(struct trap *t)
{
	if (!t->started)
		return;
	atomic_store(&t->stop, true);
	dmn_loop_leave(t->loop); /* it may be waiting for its turn */
	/* a signal that comes just before it sleeps wakes nobody: until it has gone */
	while (!atomic_load(&t->received)) {
		pthread_kill(t->thread, WAKE_SIGNAL);
		usleep(WAKE_US);
	}
	pthread_join(t->thread, NULL);
	dmn_loop_enter(t->loop);
	t->started = false;
}
