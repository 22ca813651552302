/* SPDX-License-Identifier: MIT */
/*
 * ring_exec.c - a program that becomes another one, while commands of its rings are under way.
 *
 * The new program has the process id, so what was to go into the old one's memory would go into its
 * own. To look first does not do, for the look and the copy are two system calls, and any time may
 * pass between them. So execve() is trapped: from then on the process is reached by the
 * /proc/PID/mem that was opened when it was the old program, which costs more, and belongs to that
 * memory alone; and the call goes on when no copy is under way that began before. If the call
 * fails, the next thing that is heard of its thread says so, if its memory is still the same. That
 * the old one is still there says nothing: another process may have it, too, as after vfork().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

#define FOR_GOOD (-1)

/* proc_pid_stat(5), counted behind the name: where the program, its stack, heap and arguments begin
 * and end */
#define STAT_CODE  23 /* and the two behind it */
#define STAT_DATA  42 /* and the six behind it */
#define STAT_STACK 25
#define STAT_NR	   49

/*
 * What tells a program's memory from that of the next one, which has its stack somewhere else;
 * unless addresses are not random, and then it is mostly another program. Return: 0: it is not to
 * be had.
 */
static uint64_t mark_of(struct trap *t, pid_t tgid)
{
	char path[32], text[1024], *at, *save = NULL;
	uint64_t mark = 14695981039346656037ull, stack = 0;
	unsigned int i = 0;

	snprintf(path, sizeof(path), "%d/stat", tgid);
	if (trap_proc_text(t, path, text, sizeof(text)) <= 0)
		return 0;
	at = strrchr(text, ')');
	if (!at)
		return 0;
	for (at = strtok_r(at + 1, " ", &save); at && i < STAT_NR;
	     at = strtok_r(NULL, " ", &save), i++) {
		uint64_t val = strtoull(at, NULL, 10);

		if (i == STAT_STACK)
			stack = val;
		if ((i >= STAT_CODE && i < STAT_CODE + 3) || i >= STAT_DATA)
			mark = (mark ^ val) * 1099511628211ull;
	}
	/* who may not see them sees zeroes */
	return i == STAT_NR && stack ? mark | 1 : 0;
}

/* is it still the program that went into exec? @unknown: the answer if nobody can tell */
static bool is_same(struct trap_rings *rs, const struct ring_proc *p, bool unknown)
{
	uint64_t mark;

	if (!ring_proc_lives(p))
		return false;
	mark = p->mark ? mark_of(rs->t, p->tgid) : 0;
	return mark ? mark == p->mark : unknown;
}

/* what holds for others of its process holds for a new one; proc_lock held */
static void inherit(struct trap_rings *rs, struct ring_proc *p)
{
	for (struct ring_proc *o = rs->procs; o; o = o->next) {
		pid_t tid = atomic_load(&o->leaving);

		if (!tid || o->tgid != p->tgid || !is_same(rs, o, true))
			continue;
		p->mark = o->mark;
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
static void leave(struct trap_rings *rs, struct ring_proc *p, pid_t tid, uint64_t mark)
{
	pid_t was = atomic_load(&p->leaving);

	p->mark = mark;
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
	uint64_t mark;
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
	mark = mark_of(rq->t, tgid);
	pthread_mutex_lock(&rs->proc_lock);
	for (struct ring_proc *p = rs->procs; p; p = p->next) {
		if (p->tgid == tgid) {
			leave(rs, p, rq->tid, mark);
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
		atomic_store(&p->leaving, is_same(rs, p, false) ? 0 : FOR_GOOD);
		atomic_fetch_sub(&rs->nr_leaving, 1);
	}
	pthread_mutex_unlock(&rs->proc_lock);
}
