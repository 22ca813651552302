/* SPDX-License-Identifier: MIT */
/*
 * ring.h - io_uring rings that carry commands to simulated nodes. Face of ring*.c.
 *
 * A ring made for 128-byte submission and 32-byte completion entries is one for passthrough
 * commands, so it becomes ours: a memfd laid out as the kernel's mappings are, which the program
 * maps and we have mapped. Every other ring is the kernel's. Files:
 *
 *   ring_abi.h       what programs know of a ring
 *   ring_setup.c     io_uring_setup, the memory, a ring's end
 *   ring_find.c      which ring a descriptor is; ring_index.c: or a registered index
 *   ring_enter.c     io_uring_enter, those who wait in it
 *   ring_sq.c        submission entries become requests; links, drains
 *   ring_cq.c        requests become completion entries; overflow, eventfd
 *   ring_op.c        the opcodes
 *   ring_time.c      timeouts, and everything that ends by the clock
 *   ring_register.c  io_uring_register; ring_rsrc.c: its buffers and files
 *   ring_poll.c      the thread that polls rings with IORING_SETUP_SQPOLL
 *   ring_work.c      commands that are handed over to that thread
 *   ring_client.c    the memory of the process a request came from; ring_batch.c: in one call
 *   ring_exec.c      when that becomes another program
 *
 * Threads: one that has the loop's turn, which answers the three calls, or two that share it, which
 * answer io_uring_enter; the polling one, which submits for the rings that ask for it. Commands
 * complete on any. A ring's lock covers everything in it; it is not held while a command is given
 * to host/, and nothing but a descriptor's or timer's lock is taken inside it. One thread only
 * submits for a ring: the polling one if it has SQPOLL, else one with the turn, or who shares it
 * and has the ring's @submitting. Which ring a descriptor is, is only found out with the turn; who
 * shares it uses what is known.
 *
 * Both rings are the program's to write at any time. What is read from them is read once and
 * masked; what we must be able to rely on has its copy here.
 */
#ifndef TRAP_RING_H
#define TRAP_RING_H

#include <linux/nvme_ioctl.h>
#include <sched.h>

#include "internal.h"
#include "ring_abi.h"

struct trap_ring;
struct ring_req;
struct ring_batch;

/** enum ring_thread - who submits and carries out; one thread at a time is each of them. The numbers
 * are those of host_thread_io() as well */
enum ring_thread {
	RING_POLLING, /* ring_poll.c's */
	RING_BESIDE,  /* the second one that receives */
	RING_TURN,    /* has the loop's turn; or shares it, and is the first that receives */
	RING_THREADS,
};

/**
 * struct ring_proc - a process whose memory requests refer to
 * @next: among @rs's, under its @proc_lock
 * @mem:  its /proc/PID/mem, which stays its own whatever becomes of the process id
 * @leaving: 0: it can be reached by its id; else the thread that is in exec, or -1: only by @mem
 */
struct ring_proc {
	struct trap_rings *rs;
	struct ring_proc *next, *prev;
	_Atomic unsigned int refs;
	pid_t tgid;
	int mem;
	_Atomic pid_t leaving;
	uint64_t mark;		  /* of its memory, when it went into exec; 0: none was to be had */
	_Atomic uint64_t checked; /* when it was last found to be what it was */
};

/** struct ring_who - for whom requests are submitted */
struct ring_who {
	pid_t tid;
	bool privileged;
	struct ring_proc *proc;
};

/** struct ring_target - the file of a request, as it was when it was submitted
 * @err: 0, or why it has none */
struct ring_target {
	struct host_node_ref node;
	bool writable;
	int err;
};

enum ring_req_flags {
	RING_FAIL = 1 << 0,	 /* @res says why, before it was issued */
	RING_SKIP_LINKS = 1 << 1, /* it failed and had CQE_SKIP_SUCCESS: so have those behind it */
	RING_LINKED_TIME = 1 << 2, /* a link timeout follows */
	RING_DRAINING = 1 << 3,	 /* of the chain for which others wait */
	RING_ISSUED = 1 << 4,	 /* host/ has it, or had it */
	RING_ARMED = 1 << 5,	 /* among the ring's timers */
	RING_COUNTED = 1 << 6,	 /* its timer ends by completions too */
	RING_FAULT = 1 << 7,	 /* the program's memory was not there, it turned out */
};

/**
 * struct ring_req - a request, from its SQE to its CQE
 * @next: in a list: free, ready, deferred, overflown
 * @link: behind it in its chain
 * @sqe:  copied once
 */
struct ring_req {
	struct host_call call;
	struct host_client client;
	struct trap_ring *ring;
	struct ring_req *next, *link;
	struct ring_req *tnext, *tprev;
	struct ring_proc *proc;
	struct ring_batch *_Atomic batch; /* that has data of it for the program */
	const struct ring_batch *given_in; /* that had, in its batch @given_of */
	uint64_t given_of;
	struct iovec ahead; /* of the program's memory, read when it was submitted */
	const char *ahead_data;
	const struct ring_batch *ahead_in;
	uint64_t ahead_of; /* ring_batch.seq; 0: nothing was */
	_Atomic uint32_t flags; /* enum ring_req_flags */
	int32_t res;
	uint64_t big;
	bool has_big; /* big_cqe */
	struct ring_target target;
	struct iovec fixed;
	struct ring_rsrc *uses[2]; /* the registered file, the registered buffer */
	struct ring_req *timed; /* link timeout: what it is for */
	uint32_t repeats; /* timeout of several shots: how many are left; 0: no end */
	uint32_t cqe_flags;
	uint64_t deadline; /* UINT64_MAX: none */
	struct __kernel_timespec ts;
	uint32_t target_seq;
	union ring_sqe sqe;
};

/** ring_command() - what is in @q's entry behind the part that all opcodes have */
static inline const struct nvme_uring_cmd *ring_command(const struct ring_req *q)
{
	return (const void *)q->sqe.s.cmd;
}
_Static_assert(offsetof(struct ring_req, sqe.s.cmd) % _Alignof(struct nvme_uring_cmd) == 0,
	       "so is it");

/**
 * struct ring_rsrc - a registered buffer or file; all under the ring's lock
 * @next: among those that ended and whose completion finds no room
 * @refs: its place, while it has one, and the requests that use it
 * @tag:  the user_data of a completion at its end; 0: there is none
 * @file: of ours; held while it has its place
 */
struct ring_rsrc {
	struct ring_rsrc *next;
	uint32_t refs;
	uint64_t tag;
	struct iovec buf;
	struct trap_file *file;
};

/** struct ring_list - a queue of requests, by @next */
struct ring_list {
	struct ring_req *head, **tail;
};

/** struct ring_wait - an io_uring_enter that has not been answered
 * @room: it waits for submission entries, not for completions
 */
struct ring_wait {
	struct ring_wait *next;
	uint64_t id;
	pid_t tid;
	uint32_t tail, timeouts;
	long ret;
	uint64_t deadline, since;
	bool room;
};

/** struct ring_restrict - IORING_REGISTER_RESTRICTIONS */
struct ring_restrict {
	bool any, sqe, reg;
	uint64_t reg_ops;
	uint8_t sqe_ops[32];
	uint8_t sqe_allowed, sqe_required;
};

/** struct ring_last_file - what a submission's last entry named
 * @valid: there was one
 * @fixed: @fd is an index */
struct ring_last_file {
	bool valid, fixed;
	int fd;
	struct ring_target target;
};

#define RING_NR_CHUNKS 12

struct trap_ring {
	struct trap_rings *rs;
	struct trap_ring *next, *poll_next;
	dev_t dev; /* the memfd's identity */
	ino_t ino;
	int wd;
	uint32_t flags, sq_entries, cq_entries;
	struct ring_sq_mem *sq;
	struct ring_cq_mem *cq;
	uint8_t *sqes;
	size_t sq_len, cq_len, sqes_len;

	pthread_mutex_t lock;
	uint32_t sq_head, cq_tail, sq_flags;
	uint32_t cq_shown, cq_head; /* the tail the program has; its head, as it was */
	uint32_t nr_timeouts; /* completions by the clock */
	uint32_t nr_posted;   /* completions but those */
	uint32_t wait_for; /* ring_submit()'s @waits */
	uint64_t handed;   /* bytes that this call has handed over; of who has the turn alone */
	bool disabled, closing, inline_now, ev_due, ev_async, no_drain;
	struct ring_who creator; /* SQPOLL: for whom */
	atomic_flag submitting;
	struct ring_restrict limits;
	struct ring_last_file last;

	struct ring_proc *drop; /* @nr_drop requests that are free were its */
	uint32_t nr_drop;
	struct ring_req *free;
	struct ring_req *chunk[RING_NR_CHUNKS];
	uint32_t chunk_len[RING_NR_CHUNKS];
	unsigned int nr_chunks;
	uint32_t nr_reqs, nr_used; /* made, and not free */

	struct ring_list deferred, overflow;
	struct ring_rsrc *tags, **tags_tail; /* overflown as well, behind @overflow */
	uint32_t nr_active; /* started, not complete */
	uint32_t drain_left; /* of the chain with IOSQE_IO_DRAIN that was started */
	struct ring_req *timers;
	unsigned int nr_counted;

	struct ring_wait *waits;
	int evfd;
	struct ring_rsrc **bufs, **files; /* NULL entries: nothing there */
	uint32_t nr_bufs, nr_files;

	/* the polling thread's */
	uint64_t idle_ns, busy_until;
	uint32_t cpu; /* IORING_SETUP_SQ_AFF */
	bool asleep;
};

/** struct ring_seen - what a thread's descriptor was when it was last used
 * @info:  of the descriptor (fdinfo.c)
 * @pidfd: the thread, however its number may be used again; -1: the kernel has none for it */
struct ring_seen {
	pid_t tid;
	int fd, pidfd;
	struct trap_ring *ring;
	struct ring_who who;
	time_t read_at;
	struct trap_info info;
};

#define RING_NR_SEEN 64

/** struct ring_index - a ring that a thread has registered
 * @s:    whose, and which; its @fd is the index
 * @copy: of the descriptor */
struct ring_index {
	struct ring_seen s;
	int copy;
};

#define RING_NR_INDEX 128 /* a program tree; each takes two descriptors here */

/** struct trap_rings - the rings of a program tree
 * @all: the loop's turn
 * @poll*: see ring_poll.c */
struct trap_rings {
	struct trap *t;
	struct trap_ring *all;
	struct dmn_fd notify, timer, sweep;
	_Atomic bool detached;
	struct ring_seen seen[RING_NR_SEEN];
	struct ring_index index[RING_NR_INDEX];
	unsigned int nr_index;
	struct ring_wait *free_waits;
	_Atomic unsigned int nr_waits;
	/* ring_exec.c */
	pthread_mutex_t proc_lock;
	struct ring_proc *procs;
	_Atomic unsigned int nr_leaving;
	pthread_mutex_t timer_lock;
	uint64_t armed;

	struct ring_batch *batch[RING_THREADS];
	pthread_t thread;
	cpu_set_t cpus; /* where it may run without IORING_SETUP_SQ_AFF */
	bool started, stop;
	pthread_mutex_t poll_lock;
	pthread_cond_t poll_wake, poll_turn;
	_Atomic unsigned int poll_want;
	struct trap_ring *polled;

	/* ring_work.c: what is handed over and not begun, and how many threads are at some */
	pthread_mutex_t work_lock;
	struct ring_list work;
	_Atomic unsigned int nr_work, working;
	_Atomic uint64_t work_bytes; /* the data of @work */
	_Atomic bool asleep; /* the polling thread */
	bool many_cpus;
	_Atomic int work_cpu; /* where the polling thread was last */
	bool placed;	      /* it is where IORING_SETUP_SQ_AFF wants it */
	uint64_t linger_until, moved;
};

/** ring_mutex_init() - one that is held for less than sleeping takes: who finds it taken tries on */
void ring_mutex_init(pthread_mutex_t *m);

/* ---- what trap/ calls --------------------------------------------------------------------- */

int trap_rings_init(struct trap *t);
/** trap_rings_detach() - no command reaches the machine after this */
void trap_rings_detach(struct trap *t);
/** trap_rings_check() - look after killed and interrupted waiters. Return: whether any waits. */
bool trap_rings_check(struct trap *t);
/** trap_rings_forget() - the identity of @tid changed */
void trap_rings_forget(struct trap *t, pid_t tid);
/** trap_rings_hear() - @tid calls, so it is not in exec any more */
static inline void trap_rings_hear(struct trap *t, pid_t tid);
/** trap_rings_end() - all rings end. Those with commands in flight hold @t until these end. */
void trap_rings_end(struct trap *t);
/** trap_rings_free() - the end, once there is no ring */
void trap_rings_free(struct trap *t);

long trap_exec(struct trap_req *rq);
long trap_ring_setup(struct trap_req *rq);
long trap_ring_enter(struct trap_req *rq);
long trap_ring_register(struct trap_req *rq);

/* ---- ring_setup.c ------------------------------------------------------------------------- */

/** ring_find() - the ring behind a descriptor, and who asks. Return: the answer, or NULL. */
struct ring_seen *ring_find(struct trap_rings *rs, pid_t tid, int fd); /* ring_find.c */
/** ring_known() - that, if it was found a moment ago and is so still; the turn may be shared */
struct ring_seen *ring_known(struct trap_rings *rs, pid_t tid, int fd);
void ring_seen_clear(struct ring_seen *s);
/** ring_new() - the structure around mapped memory; ring_free() undoes it, once nothing is used */
struct trap_ring *ring_new(uint32_t sq_entries, uint32_t cq_entries, uint32_t flags,
			   void *sq, void *cq, void *sqes);
void ring_free(struct trap_ring *r);
/** ring_put_if_done() - r->lock held: a closing ring without requests ends here.
 * Return: whether it did; else the lock is still held. */
bool ring_unlock(struct trap_ring *r);

/* ---- ring_sq.c ---------------------------------------------------------------------------- */

#define RING_NOT_HANDED UINT32_MAX
/** ring_submit() - at most @max entries. @waits: for so many completions the program waits then, or
 * %RING_NOT_HANDED: this thread is to carry them out.
 * Return: how many were taken, or -EAGAIN: no memory. */
long ring_submit(struct trap_ring *r, const struct ring_who *who, uint32_t max, uint32_t waits);
/** ring_ready() - entries that wait; bounded by the ring's size */
uint32_t ring_ready(const struct trap_ring *r);
/** ring_run() - issue all of @ready; r->lock not held */
void ring_run(struct trap_ring *r, struct ring_list *ready);
/** ring_complete() - a request ended; r->lock held. @ready receives what may start now. */
void ring_complete(struct ring_req *q, int32_t res, struct ring_list *ready);
/** ring_end() - that, and run what may start; no lock held */
void ring_end(struct ring_req *q, int32_t res);
/** ring_end_all() - that, of several, which have their res already; @list is empty then */
void ring_end_all(struct ring_list *list);
void ring_req_free(struct ring_req *q);
/** ring_drop_procs() - the processes that requests which are free had; r->lock held */
void ring_drop_procs(struct trap_ring *r);

static inline void ring_list_init(struct ring_list *l)
{
	l->head = NULL;
	l->tail = &l->head;
}

static inline void ring_list_add(struct ring_list *l, struct ring_req *q)
{
	q->next = NULL;
	*l->tail = q;
	l->tail = &q->next;
}

static inline struct ring_req *ring_list_pop(struct ring_list *l)
{
	struct ring_req *q = l->head;

	if (q) {
		l->head = q->next;
		if (!l->head)
			l->tail = &l->head;
	}
	return q;
}

/* ---- ring_cq.c; r->lock held -------------------------------------------------------------- */

/** ring_post() - @q's completion entry. Return: whether @q may be freed; else it has overflown. */
bool ring_post(struct ring_req *q);
/** ring_post_more() - one of several of @q's, if there is room. Return: whether there was. */
bool ring_post_more(struct ring_req *q, int32_t res);
/** ring_post_tag() - that a resource's last use ended. Return: whether @n may be freed. */
bool ring_post_tag(struct trap_ring *r, struct ring_rsrc *n);
/** ring_overflown() - are there completions that found no room? */
static inline bool ring_overflown(const struct trap_ring *r)
{
	return r->overflow.head || r->tags;
}
/** ring_publish() - the program may see the entries that were written */
void ring_publish(struct trap_ring *r);
/** ring_flush() - overflown completions, as far as there is room */
void ring_flush(struct trap_ring *r);
/** ring_announce() - completions were posted: eventfd, waiters */
void ring_announce(struct trap_ring *r);
void ring_set_flag(struct trap_ring *r, uint32_t flag, bool on);

/* ---- ring_enter.c ------------------------------------------------------------------------- */

/** ring_wake() - answer those whose wait is over; r->lock held */
void ring_wake(struct trap_ring *r);
/** ring_waits_expire() - at @now; r->lock held. Return: next deadline. */
uint64_t ring_waits_expire(struct trap_ring *r, uint64_t now);
void ring_waits_end(struct trap_ring *r, long ret);

/* ---- ring_op.c ---------------------------------------------------------------------------- */

#define RING_LATER INT32_MIN /* issue(): the completion comes by itself */

/**
 * struct ring_op - an opcode
 * @prep:  checks the SQE, r->lock held. Return: 0 or -errno.
 * @issue: does it, r->lock not held. Return: the completion's res, or %RING_LATER.
 */
struct ring_op {
	int (*prep)(struct ring_req *q, const struct ring_who *who);
	int32_t (*issue)(struct ring_req *q);
	bool known; /* a probe says it is supported */
	bool file, big;
	bool polled; /* also on rings with IORING_SETUP_IOPOLL */
	bool command; /* brings a struct nvme_uring_cmd */
};

/** ring_cancel() - end the timeouts that match. @op: with %IORING_ASYNC_CANCEL_OP
 * Return: how many, if all are meant; else 0 or -ENOENT. No lock held. */
int32_t ring_cancel(struct trap_ring *r, uint32_t flags, uint64_t user_data, uint8_t op);
#define RING_CANCEL_FLAGS                                                                         \
	(IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY |             \
	 IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_USERDATA | IORING_ASYNC_CANCEL_OP)

/** ring_op() - Return: the row, or NULL: -EINVAL */
const struct ring_op *ring_op(uint8_t opcode);

/* ---- ring_time.c -------------------------------------------------------------------------- */

int ring_timeout_prep(struct ring_req *q, const struct ring_who *who);
int32_t ring_timeout_issue(struct ring_req *q);
int ring_timeout_remove_prep(struct ring_req *q, const struct ring_who *who);
int32_t ring_timeout_remove_issue(struct ring_req *q);
int ring_link_timeout_prep(struct ring_req *q, const struct ring_who *who);
/** ring_link_timeout_arm() - what it is for was issued; r->lock held */
void ring_link_timeout_arm(struct ring_req *q);
/** ring_timer_del() - r->lock held */
void ring_timer_del(struct ring_req *q);
/** ring_timers_count() - completions were posted: end the timeouts that counted them */
void ring_timers_count(struct trap_ring *r, struct ring_list *ready);
/** ring_deadline() - CLOCK_MONOTONIC for a caller's timespec. Return: 0 or -errno. */
int ring_deadline(const struct __kernel_timespec *ts, uint32_t flags, uint64_t *deadline);
/** ring_arm() - the timer, for @deadline or earlier; any thread */
void ring_arm(struct trap_rings *rs, uint64_t deadline);
int ring_timer_init(struct trap_rings *rs);
uint64_t ring_now(void);

/* ---- ring_rsrc.c, ring_register.c --------------------------------------------------------- */

/** struct ring_reg - one io_uring_register call */
struct ring_reg {
	struct trap_ring *r;
	const struct ring_who *who;
	uint64_t arg;
	uint32_t nr;
};

/** ring_is_open() - has the thread such a descriptor? */
bool ring_is_open(struct trap *t, pid_t tid, int fd);
/** ring_is_anon() - is it one of the kernel's anonymous files, this kind of it? */
bool ring_is_anon(struct trap *t, pid_t tid, int fd, const char *kind);
/** ring_file() - @q's target: what its SQE's descriptor means; r->lock held */
void ring_file(struct ring_req *q, const struct ring_who *who);
/** ring_buffer() - @q's registered buffer, in @q->fixed, if there is one; r->lock held */
void ring_buffer(struct ring_req *q);
/** ring_uses_end() - @q does not need its resources any more; r->lock held */
void ring_uses_end(struct ring_req *q);
long ring_reg_buffers(const struct ring_reg *g);
long ring_reg_buffers2(const struct ring_reg *g);
long ring_reg_buffers_update(const struct ring_reg *g);
long ring_unreg_buffers(const struct ring_reg *g);
long ring_reg_files(const struct ring_reg *g);
long ring_reg_files2(const struct ring_reg *g);
long ring_reg_files_update(const struct ring_reg *g);
long ring_reg_files_update2(const struct ring_reg *g);
long ring_unreg_files(const struct ring_reg *g);
void ring_rsrc_free(struct trap_ring *r);

/* ---- ring_index.c ------------------------------------------------------------------------- */

int ring_index_init(struct trap_rings *rs);
/** ring_find_index() - as ring_find(), of an index that @tid has registered */
struct ring_seen *ring_find_index(struct trap_rings *rs, pid_t tid, uint32_t index);
/** ring_known_index() - as ring_known() */
struct ring_seen *ring_known_index(struct trap_rings *rs, pid_t tid, uint32_t index);
/** ring_index_end() - @r has no index any more */
void ring_index_end(struct trap_rings *rs, const struct trap_ring *r);
long ring_reg_fds(const struct ring_reg *g);
long ring_unreg_fds(const struct ring_reg *g);

/* ---- ring_poll.c -------------------------------------------------------------------------- */

int ring_poll_add(struct trap_ring *r);
void ring_poll_del(struct trap_ring *r);
/** ring_poll_enable() - a ring that was made disabled starts */
void ring_poll_enable(struct trap_ring *r);
/** ring_poll_wake() - somebody says there is something in the ring */
void ring_poll_wake(struct trap_rings *rs, struct trap_ring *r);
/** ring_poll_settle() - when this returns, the thread has seen what was set before */
void ring_poll_settle(struct trap_rings *rs);
void ring_poll_stop(struct trap_rings *rs);
/** ring_poll_start() - have the thread. Return: 0 or -errno. */
int ring_poll_start(struct trap_rings *rs);
/** ring_poll_kick() - the thread may sleep, and has something to do */
void ring_poll_kick(struct trap_rings *rs);

static inline void ring_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	sched_yield();
#endif
}

/* ---- ring_work.c -------------------------------------------------------------------------- */

void ring_work_init(struct trap_rings *rs);
/** ring_work_hand() - have @list's commands carried out while their program goes on; no lock held
 * @waits: it does not, but waits for all of them
 * Return: whether that is so; else they are still the caller's. */
bool ring_work_hand(struct trap_rings *rs, struct ring_list *list, bool waits);
/** ring_work_stays() - is the call that has submitted to be answered later? */
bool ring_work_stays(const struct trap_ring *r);
/** ring_work_some() - carry out a few. Return: whether there were any. */
bool ring_work_some(struct trap_rings *rs);
/** ring_work_finish() - all that was handed over has been begun when this returns; our turn */
void ring_work_finish(struct trap_rings *rs);
/** ring_work_thread() - the polling thread's part of a round; @awake: it should not sleep */
void ring_work_thread(struct trap_rings *rs, uint64_t now, bool *awake);
/** ring_work_help() - as long as there are any, or, for a while, others are at some, until @over
 * It is called with r->lock held. */
typedef bool ring_over(struct trap_ring *r, const void *arg);
void ring_work_help(struct trap_rings *rs, struct trap_ring *r, ring_over *over, const void *arg);

/* ---- ring_client.c ------------------------------------------------------------------------ */

extern const struct host_client_ops ring_client_ops;
/** ring_client_move() - between our memory and that of @who's process. Return: 0 or -errno. */
int ring_client_move(const struct ring_who *who, bool to_client, const struct iovec *local,
		     unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote);
/** ring_tgid() - thread group of @tid; 0: it is gone */
pid_t ring_tgid(struct trap *t, pid_t tid);
struct ring_proc *ring_proc_new(struct trap *t, pid_t tid);
/** ring_proc_put() - @n references */
void ring_proc_put(struct ring_proc *p, unsigned int n);
/** ring_proc_fresh() - was it still the program it was, @ns ago or later? */
bool ring_proc_fresh(struct ring_proc *p, uint64_t ns);
/** ring_proc_lives() - is it still that program? */
bool ring_proc_lives(const struct ring_proc *p);

/* ---- ring_exec.c -------------------------------------------------------------------------- */

void ring_proc_add(struct trap_rings *rs, struct ring_proc *p);
void ring_proc_del(struct ring_proc *p);
/** ring_exec_over() - @tid's exec has failed, or it is the new program */
void ring_exec_over(struct trap_rings *rs, pid_t tid);

static inline void trap_rings_hear(struct trap *t, pid_t tid)
{
	if (atomic_load_explicit(&t->rings->nr_leaving, memory_order_relaxed))
		ring_exec_over(t->rings, tid);
}

/* ---- ring_batch.c ------------------------------------------------------------------------- */

/** ring_thread_is() - what the calling thread is from now on; at first %RING_TURN */
void ring_thread_is(enum ring_thread which);
struct ring_batch *ring_batch_new(void);
void ring_batch_free(struct ring_batch *b);
/** ring_batch_begin() - this thread submits for @who, who waits until ring_batch_end()
 * @several: commands */
void ring_batch_begin(struct trap_rings *rs, const struct ring_who *who, bool several);
/** ring_batch_who() - Return: for whom this thread submits, or NULL */
const struct ring_who *ring_batch_who(void);
/** ring_batch_stage() - take what @q's command gives the program. Return: false: not worth it. */
bool ring_batch_stage(struct ring_req *q, const struct iovec *local, unsigned int nr_local,
		      const struct iovec *remote, unsigned int nr_remote);
/** ring_batch_lend() - same, from where it lies: @local stays as it is until ring_batch_settle() */
bool ring_batch_lend(struct ring_req *q, const struct iovec *local, const struct iovec *remote,
		     unsigned int nr_remote);
/** ring_batch_settle() - what this thread's batch was lent is handed over */
void ring_batch_settle(void);
/** ring_batch_fetch() - read ahead what @list's commands will take from the program; no lock held */
void ring_batch_fetch(const struct ring_list *list);
/** ring_batch_fetched() - from what was read ahead. Return: false: it was not. */
bool ring_batch_fetched(const struct ring_req *q, const struct iovec *local, unsigned int nr_local,
			const struct iovec *remote, unsigned int nr_remote);
/** ring_batch_hold() - @q's command is over. Return: whether the batch ends it when it is time. */
bool ring_batch_hold(struct ring_req *q, int32_t res);
/** ring_batch_end() - hand everything over, end what was held; no lock held */
void ring_batch_end(void);

#endif /* TRAP_RING_H */
