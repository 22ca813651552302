/* SPDX-License-Identifier: MIT */
/*
 * ring_exec.c - a program that becomes another one, while commands of its rings are under way.
 *
 * The new program has the process id, so what was to go into the old one's memory would go into its
 * own. To look first does not do, for the look and the copy are two system calls, and any time may
 * pass between them. So execve() is trapped: from then on the process is reached by the
 * /proc/PID/mem that was opened when it was the old program, which costs more, and belongs to that
 * memory alone; and the call goes on when no copy is under way that began before. If the call
 * fails, the next thing that is heard of its thread says so.
 */
#include <unistd.h>

#include "ring.h"

#define FOR_GOOD (-1)

/* what holds for others of its process holds for a new one; proc_lock held */
static void inherit(struct trap_rings *rs, struct ring_proc *p)
{
	for (struct ring_proc *o = rs->procs; o; o = o->next) {
		pid_t tid = atomic_load(&o->leaving);

		if (!tid || o->tgid != p->tgid || !ring_proc_lives(o))
			continue;
		atomic_store(&p->leaving, tid);
		if (tid > 0)
			atomic_fetch_add(&rs->nr_leaving, 1);
		return;
	}
}

void ring_proc_add(struct trap_rings *rs, struct ring_proc *p)
{
	p->rs = rs;
	pthread_mutex_lock(&rs->proc_lock);
	inherit(rs, p);
	p->next = rs->procs;
	if (p->next)
		p->next->prev = p;
	rs->procs = p;
	pthread_mutex_unlock(&rs->proc_lock);
}

void ring_proc_del(struct ring_proc *p)
{
	struct trap_rings *rs = p->rs;

	pthread_mutex_lock(&rs->proc_lock);
	if (p->prev)
		p->prev->next = p->next;
	else
		rs->procs = p->next;
	if (p->next)
		p->next->prev = p->prev;
	if (atomic_load(&p->leaving) > 0)
		atomic_fetch_sub(&rs->nr_leaving, 1);
	pthread_mutex_unlock(&rs->proc_lock);
}

/* proc_lock held */
static void leave(struct trap_rings *rs, struct ring_proc *p, pid_t tid)
{
	pid_t was = atomic_load(&p->leaving);

	if (!was)
		atomic_fetch_add(&rs->nr_leaving, 1);
	if (!was || was == tid) {
		atomic_store(&p->leaving, tid);
		return;
	}
	/* two threads at once: either's failure says nothing of the other's call */
	if (was > 0)
		atomic_fetch_sub(&rs->nr_leaving, 1);
	atomic_store(&p->leaving, FOR_GOOD);
}

long trap_exec(struct trap_req *rq)
{
	struct trap_rings *rs = rq->t->rings;
	bool any;
	pid_t tgid;

	pthread_mutex_lock(&rs->proc_lock);
	any = rs->procs;
	pthread_mutex_unlock(&rs->proc_lock);
	/* (none is added but in our turn) */
	tgid = any ? ring_tgid(rq->t, rq->tid) : 0;
	if (!tgid)
		return TRAP_CONTINUE;
	any = false;
	pthread_mutex_lock(&rs->proc_lock);
	for (struct ring_proc *p = rs->procs; p; p = p->next) {
		if (p->tgid == tgid) {
			leave(rs, p, rq->tid);
			any = true;
		}
	}
	pthread_mutex_unlock(&rs->proc_lock);
	/* we have the turn, so that the polling thread alone may be at something */
	if (any)
		ring_poll_settle(rs);
	return TRAP_CONTINUE;
}

void ring_exec_over(struct trap_rings *rs, pid_t tid)
{
	pthread_mutex_lock(&rs->proc_lock);
	for (struct ring_proc *p = rs->procs; p; p = p->next) {
		if (atomic_load(&p->leaving) != tid)
			continue;
		atomic_store(&p->leaving, ring_proc_lives(p) ? 0 : FOR_GOOD);
		atomic_fetch_sub(&rs->nr_leaving, 1);
	}
	pthread_mutex_unlock(&rs->proc_lock);
}
