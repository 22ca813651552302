/* SPDX-License-Identifier: MIT */
/*
 * ring_work.c - commands that are handed over: io_uring_enter is answered once the entries have
 * been taken, and the thread that polls carries them out while the program goes on. When the
 * program comes to wait for them, the thread that has its call looks for their completions, as the
 * program leaves it a processor; so it is answered by who is on that processor already. It takes
 * from the same list where more is waiting than the other thread takes next, or that one sleeps, or
 * seems to: of a few short ones, by two threads, what both touch costs more than the other half.
 *
 * A program that has several short ones under way mostly comes next for as many completions as it
 * has submitted commands, and another call costs more than these. So its call is answered when so
 * many are there, earlier commands' among them. What takes long is better begun, and left.
 *
 * What a command refers to must hold until it ends, as with the kernel: its buffers. A vector of
 * buffers, and what the entry itself says, are read before the answer.
 */
#include <string.h>
#include <unistd.h>

#include "ring.h"

#define CHUNK	    16u		 /* commands begun together */
#define CHUNK_BYTES (64u << 10)	 /* and their data, but for the last one's */
#define HAND_MIN    4u		 /* commands worth handing over; fewer, if they are long */
#define HAND_BYTES  (64u << 10)
#define COLD_MIN    8u		 /* while the thread is asleep */
#define COLD_BYTES  (128u << 10)
#define WAIT_BYTES  (256u << 10) /* worth two processors though the program waits for all of it */
#define PROC_NS	    20000u	 /* how long a process is believed to be what it was */
#define LINGER_NS   50000u	 /* how long the thread looks for more before it sleeps */
#define MOVE_NS	    1000000u	 /* how long it stays on a processor at least */
#define HELP_NS	    50000u	 /* how long a waiting call is kept by its thread */
#define SEEMS_NS    25000u /* what nobody takes for so long: the other thread seems to sleep */
#define STAY_BYTES  (256u << 10) /* of more, a call is answered at once */

void ring_mutex_init(pthread_mutex_t *m)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(m, &a);
	pthread_mutexattr_destroy(&a);
}

void ring_work_init(struct trap_rings *rs)
{
	ring_mutex_init(&rs->work_lock);
	ring_list_init(&rs->work);
	rs->work_cpu = -1;
	CPU_ZERO(&rs->cpus);
	sched_getaffinity(0, sizeof(rs->cpus), &rs->cpus);
	rs->many_cpus = CPU_COUNT(&rs->cpus) > 1;
}

/*
 * The thread is to run beside who hands over, not behind him. The scheduler wakes a thread near who
 * wakes it, and leaves it there for longer than all of this takes.
 */
static void make_room(struct trap_rings *rs)
{
	int here = sched_getcpu();
	cpu_set_t cpus = rs->cpus;
	uint64_t now;

	if (rs->placed || here < 0 ||
	    here != atomic_load_explicit(&rs->work_cpu, memory_order_relaxed))
		return;
	now = ring_now();
	if (now - rs->moved < MOVE_NS)
		return;
	rs->moved = now;
	CPU_CLR(here, &cpus);
	if (CPU_COUNT(&cpus))
		pthread_setaffinity_np(rs->thread, sizeof(cpus), &cpus);
}

bool ring_work_stays(const struct trap_ring *r)
{
	return r->handed && r->handed <= STAY_BYTES;
}

bool ring_work_hand(struct trap_rings *rs, struct ring_list *list, bool waits)
{
	bool cold = atomic_load_explicit(&rs->asleep, memory_order_relaxed);
	struct ring_req *q, *last = NULL;
	unsigned int n = 0;
	uint64_t bytes = 0;

	if (!rs->many_cpus)
		return false;
	for (q = list->head; q; q = q->next) {
		const struct nvme_uring_cmd *cmd = ring_command(q);

		/* without memory for who it is, he can only be reached while he waits */
		if (!q->proc || !host_uring_any_order(q->target.node, q->sqe.s.cmd_op, cmd))
			return false;
		bytes += cmd->data_len;
		last = q;
		n++;
	}
	if ((n < HAND_MIN && bytes < HAND_BYTES) ||
	    (cold && n < COLD_MIN && bytes < COLD_BYTES) || (waits && bytes < WAIT_BYTES))
		return false;
	if (ring_poll_start(rs))
		return false;
	make_room(rs);
	pthread_mutex_lock(&rs->work_lock);
	*rs->work.tail = list->head;
	rs->work.tail = &last->next;
	atomic_fetch_add(&rs->nr_work, n);
	atomic_fetch_add_explicit(&rs->work_bytes, bytes, memory_order_relaxed);
	list->head->ring->handed += bytes;
	pthread_mutex_unlock(&rs->work_lock);
	/* in one order with the thread's look at @nr_work, once it has said that it sleeps */
	if (atomic_load(&rs->asleep))
		ring_poll_kick(rs);
	return true;
}

/* commands of one ring and one process, so that they have one way to the program */
static struct ring_req *take(struct trap_rings *rs, struct ring_list *list)
{
	struct ring_req *first, *q;
	uint64_t bytes = 0;
	unsigned int n = 0;

	ring_list_init(list);
	pthread_mutex_lock(&rs->work_lock);
	first = rs->work.head;
	while ((q = rs->work.head) && q->ring == first->ring && q->proc == first->proc &&
	       n < CHUNK && bytes < CHUNK_BYTES) {
		bytes += ring_command(q)->data_len;
		ring_list_add(list, ring_list_pop(&rs->work));
		n++;
	}
	atomic_fetch_sub(&rs->nr_work, n);
	atomic_fetch_sub_explicit(&rs->work_bytes, bytes, memory_order_relaxed);
	if (n)
		atomic_fetch_add(&rs->working, 1);
	pthread_mutex_unlock(&rs->work_lock);
	return first;
}

bool ring_work_some(struct trap_rings *rs)
{
	struct ring_list list;
	struct ring_req *first;
	struct ring_who who;

	if (!atomic_load_explicit(&rs->nr_work, memory_order_relaxed))
		return false;
	first = take(rs, &list);
	if (!first)
		return false;
	/* its thread may have ended, and the number be another's */
	who.proc = first->proc;
	atomic_fetch_add(&who.proc->refs, 1);
	who.tid = ring_proc_fresh(who.proc, PROC_NS) ? who.proc->tgid : 0;
	who.privileged = false; /* looked at when it was submitted */
	ring_batch_begin(rs, &who, list.head->next);
	ring_batch_fetch(&list);
	host_plug();
	ring_run(first->ring, &list);
	host_unplug();
	ring_batch_end();
	ring_proc_put(who.proc, 1);
	atomic_fetch_sub(&rs->working, 1);
	return true;
}

void ring_work_finish(struct trap_rings *rs)
{
	while (ring_work_some(rs))
		;
	ring_poll_settle(rs);
}

void ring_work_thread(struct trap_rings *rs, uint64_t now, bool *awake)
{
	atomic_store_explicit(&rs->work_cpu, sched_getcpu(), memory_order_relaxed);
	if (ring_work_some(rs))
		rs->linger_until = now + LINGER_NS;
	*awake |= now < rs->linger_until;
}

/* is there something for a second thread? @since: when who asks has found nothing to do; 0: just
 * now */
static bool worth_two(struct trap_rings *rs, uint64_t since, uint64_t now)
{
	return atomic_load_explicit(&rs->nr_work, memory_order_relaxed) > CHUNK ||
	       atomic_load_explicit(&rs->work_bytes, memory_order_relaxed) > CHUNK_BYTES ||
	       atomic_load_explicit(&rs->asleep, memory_order_relaxed) ||
	       (since && now - since > SEEMS_NS);
}

void ring_work_help(struct trap_rings *rs, struct trap_ring *r, ring_over *over, const void *arg)
{
	uint64_t begun = 0, now = 0;
	bool done;

	while (atomic_load(&rs->nr_work) || atomic_load(&rs->working)) {
		pthread_mutex_lock(&r->lock);
		done = over(r, arg);
		pthread_mutex_unlock(&r->lock);
		if (done)
			return;
		if (worth_two(rs, begun, now) && ring_work_some(rs)) {
			begun = 0;
			continue;
		}
		now = ring_now();
		if (!begun)
			begun = now;
		if (now - begun > HELP_NS)
			return;
		for (int i = 0; i < 16; i++)
			ring_relax();
	}
}
