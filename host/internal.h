/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of host/ share.
 *
 * A call's way: ioctl.c finds its row and reads its structure, passthru.c checks it and makes an
 * SQE of it, queue.c gives it a slot, opens the slot's window (window.c), writes the SQE and rings
 * the doorbell, which runs the controller on this thread. The completion is taken off the queue by
 * whoever rang, and passthru.c ends the call. What is not complete by then is found by host_run()
 * (timeout.c).
 *
 * Locks: one per queue (slots, rings), and the device's (namespaces, scan). Neither is held across
 * a submission doorbell, a client access or a callback, and neither is taken inside the other. The
 * ports take none, as core calls them with its own held.
 */
#ifndef NVMESIM_HOST_INTERNAL_H
#define NVMESIM_HOST_INTERNAL_H

#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <time.h>

#include "../core/spec_ext.h"
#include "host.h"

#define HOST_PAGE 4096u
#define HOST_ADMIN_DEPTH 64u /* entries; a queue holds one command less */
#define HOST_IO_DEPTH 128u
#define HOST_RESERVED 8u  /* admin slots only the driver itself uses: AER, scan, Abort */
#define HOST_MAX_IO 63u	  /* I/O queue pairs: with the admin queue one 64-bit set of queues */
#define HOST_MAX_VEC 1024u /* UIO_MAXIOV */
#define HOST_NR_CSI 4u	  /* command sets whose effects log is kept */
#define HOST_BATCH 16u	  /* completions taken off a queue at a time */

/* ---- I/O virtual addresses (window.c) ---------------------------------------------------- */

/*
 * Host memory (queues, the driver's own buffers) starts at HOST_BASE. Addresses with bit 63 set are
 * windows: 62:61 kind, 60:45 QID, 44:33 slot, 32:0 offset, which is wide enough for what a
 * 32-bit data_len can name without reaching the next slot's window.
 */
#define HOST_BASE 0x100000000ull
#define HOST_WINDOW (1ull << 63)
#define HOST_WIN_KIND_SHIFT 61
#define HOST_WIN_QID_SHIFT 45
#define HOST_WIN_SLOT_SHIFT 33
#define HOST_WIN_OFF_MASK ((1ull << HOST_WIN_SLOT_SHIFT) - 1)

enum host_window_kind {
	HOST_WIN_DATA,
	HOST_WIN_META,
	HOST_WIN_LIST, /* a PRP list that nobody stores: computed when it is fetched */
};

#define HOST_PRP_REACH (512u * HOST_PAGE) /* bytes one page of PRP list reaches */

#define HOST_WIN_OPEN (1u << 31)  /* of host_window.state; the low bits count transfers in it */
#define HOST_WIN_FAULT (1u << 30) /* the client's memory was not there */

/**
 * struct host_window - what a slot's I/O virtual addresses stand for
 * @state: closed windows answer every access with %SIM_EFAULT
 * @vec:   the client's buffer in pieces, or @one
 */
struct host_window {
	_Atomic uint32_t state;
	bool to_device;
	uint32_t nr_vec;
	const struct iovec *vec;
	struct host_client *client;
	struct iovec one, meta;
	uint64_t len; /* bytes in @vec; 0: there is no buffer */
};

/* ---- queues (queue.c) -------------------------------------------------------------------- */

/** struct host_sqe - submission queue entry (NVMe base 2.1, figure 91), little endian */
struct host_sqe {
	uint8_t opcode, flags;
	uint16_t cid;
	uint32_t nsid, cdw2, cdw3;
	uint64_t mptr;
	uint64_t dptr[2];
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct host_sqe) == 64, "figure 91");
_Static_assert(sizeof(struct host_sqe) == sizeof(((struct host_call *)0)->sqe), "host.h");

/** struct host_cqe - completion queue entry (figure 96); @dw3: CID 15:0, phase 16, status 31:17 */
struct host_cqe {
	uint32_t dw0, dw1;
	uint16_t sqhd, sqid;
	uint32_t dw3;
};
_Static_assert(sizeof(struct host_cqe) == 16, "figure 96");

#define HOST_PSDT_SGL 0x40 /* SQE flags: data by SGL, metadata by MPTR */

/* status without More, DNR and CRD */
#define HOST_SC(status) ((status) & 0x7ff)
#define HOST_SC_INVALID_FIELD 0x002
#define HOST_SC_DATA_TRANSFER 0x004
#define HOST_SC_ABORTED 0x007

/** struct host_internal - a command the driver itself issues; who waits for it
 * @done: @status is the NVMe status, or -errno when the command never ended. No lock is held. */
struct host_internal {
	void (*done)(struct host_dev *dev, struct host_internal *in, int status, uint64_t result);
};

enum host_slot_state {
	HOST_SLOT_FREE,
	HOST_SLOT_TAKEN, /* its command is not in the queue yet */
	HOST_SLOT_DONE,	 /* its command ended, but an Abort that names it did not */
	HOST_SLOT_BUSY,	 /* in the queue */
	HOST_SLOT_LOST,	 /* in the queue, nobody waits any more: kept until the CQE or a reset */
};

/** struct host_slot - a command identifier and what goes with it */
struct host_slot {
	struct host_window win;
	struct host_call *call;
	struct host_internal *in;
	uint64_t deadline_ns; /* 0: not yet set, or never */
	uint32_t timeout_ms;  /* 0: never */
	struct host_queue *q;
	struct host_internal abort;
	uint16_t next_free;
	uint8_t state; /* enum host_slot_state */
	bool aborting; /* Abort was sent */
	bool held;     /* and has not ended: its CID must not become another command's */
	bool cancel;   /* TAKEN, and given up */
};

enum host_call_state {
	HOST_CALL_NEW,
	HOST_CALL_WAITING, /* for a slot */
	HOST_CALL_SLOT,	   /* has one */
};

/**
 * struct host_queue - a submission and completion queue pair and its slots
 * @enabled: the controller has the queue: doorbells may be rung
 * @live:    clients' calls are taken; else they wait
 * @ringing: somebody is in the doorbell; what is put in meanwhile he rings too, so that the tail
 *           never goes backwards
 * @nr_new:  commands in the queue whose deadline is not set yet
 * @vecs:    HOST_MAX_VEC iovecs a slot, for vectored commands; touched only when used
 */
struct host_queue {
	pthread_mutex_t lock;
	struct host_dev *dev;
	struct host_sqe *sq;
	const struct host_cqe *cq;
	uint64_t sq_iova, cq_iova;
	uint32_t sq_db, cq_db;
	uint16_t qid, depth, vector;
	uint16_t sq_tail, sq_rung, cq_head;
	uint8_t phase;
	bool enabled, live;
	_Atomic bool ringing;
	uint16_t nr_slots, nr_free, free_head;
	unsigned int nr_new;
	struct host_slot *slots;
	struct iovec *vecs;
	struct host_call *wait_head, **wait_tail;
};

/** host_queue_init() - slots, for a queue of @depth entries. Return: 0 or -ENOMEM. */
int host_queue_init(struct host_queue *q, struct host_dev *dev, uint16_t qid, uint16_t depth);
void host_queue_free(struct host_queue *q);
/** host_queue_enable() - empty rings: the controller is about to get (or just got) the queue */
void host_queue_enable(struct host_queue *q);
/** host_queue_live() - take clients' calls from now on, those that wait first */
void host_queue_live(struct host_queue *q);
/** host_queue_pause() - clients' calls wait from now on */
void host_queue_pause(struct host_queue *q);
/** host_queue_stop() - that, and no doorbell is rung any more when this returns */
void host_queue_stop(struct host_queue *q);
/** host_queue_fail() - everything in the queue ends with @err; with @waiting, what waits too */
void host_queue_fail(struct host_queue *q, int err, bool waiting);
/** host_slot_put() - a slot is free again; q->lock held */
void host_slot_put(struct host_queue *q, uint16_t slot);
/** host_queue_reap() - ring what is to be rung, and end what is complete */
void host_queue_reap(struct host_queue *q);
/** host_rings() - is this thread in the doorbell of one of @queues (a bit each) of @dev? */
bool host_rings(const struct host_dev *dev, uint64_t queues);
/** host_rung() - Return: which of @queues some thread rings, that will look at their completions */
uint64_t host_rung(struct host_dev *dev, uint64_t queues);
/** host_thread_is_io() - does it issue commands beside the main one? */
bool host_thread_is_io(void);
/** host_thread_queue() - Return: the number of its I/O queue, of @n, at least one, that there are */
unsigned int host_thread_queue(unsigned int n);
/** host_reap_announced() - host_queue_reap() for the queues interrupts named */
void host_reap_announced(struct host_dev *dev);

/** host_plugged() - is an entry on @q not to be rung for yet? */
bool host_plugged(struct host_queue *q);
/** host_plug_queue() - @q has such an entry; no lock held, as another queue may be rung for */
void host_plug_queue(struct host_queue *q);
/** host_call_submit() - a call's SQE and buffers are set: put it on @q */
void host_call_submit(struct host_call *call, struct host_queue *q);
/** host_call_done() - tell the door. Nested calls on one thread are flattened, not recursed. */
void host_call_done(struct host_call *call, long ret);
/** host_drain_suspend() - from here to host_drain_resume() this thread waits for a call */
struct drain;
struct drain *host_drain_suspend(void);
void host_drain_resume(struct drain *d);

/** host_internal_submit() - issue an admin command of the driver's own
 * @timeout_ms: 0 never. Return: 0, and @in->done is called, now or later; or -errno. */
int host_internal_submit(struct host_dev *dev, const struct host_sqe *sqe, struct host_internal *in,
			 uint32_t timeout_ms);
/** host_internal_sync() - same, and wait (probe, reset and shutdown only)
 * Return: the NVMe status, or -errno. */
int host_internal_sync(struct host_dev *dev, const struct host_sqe *sqe, uint64_t *result);

/* window.c */
uint64_t host_window_iova(const struct host_queue *q, uint16_t slot, enum host_window_kind kind);
/** host_window_open() - map @call's buffers and set the SQE's data pointers */
void host_window_open(struct host_queue *q, uint16_t slot, const struct host_call *call,
		      struct host_sqe *sqe);
/** host_window_close() - no transfer starts in it any more. Return: whether one faulted. */
bool host_window_close(struct host_window *win);
/** host_window_settle() - wait until no transfer is under way in it */
void host_window_settle(struct host_window *win);
int host_dma_xfer(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		  unsigned int n);
void host_dma_settle(void *opaque);
void *host_dma_map(void *opaque, uint64_t iova, size_t len);

/* ---- the device -------------------------------------------------------------------------- */

enum host_state { HOST_NEW, HOST_LIVE, HOST_RESETTING, HOST_DEAD };

/**
 * struct host_ns - an active namespace, as Identify described it
 * @pi_type, @pi_size, @pi_first: protection information; @pi_size is 0 without
 * @extended: metadata is at the end of the data
 */
struct host_ns {
	uint32_t nsid;
	uint64_t nsze, nuse;
	uint8_t lba_shift, lbaf, csi, pi_type, pi_size;
	bool extended, pi_first, shared;
	uint16_t meta_size;
};

/** struct host_bufs - the driver's own buffers in host memory, a page each */
struct host_bufs {
	uint8_t ctrl[HOST_PAGE];    /* bring-up: Identify Controller, effects log */
	uint8_t changed[HOST_PAGE]; /* scan: Changed Namespace List */
	uint32_t list[HOST_PAGE / 4];
	uint8_t ns[HOST_PAGE];
};

enum host_scan_step {
	HOST_SCAN_CHANGED,
	HOST_SCAN_LIST,
	HOST_SCAN_NS,
	HOST_SCAN_PI,
	HOST_SCAN_DESC,
	HOST_SCAN_EFFECTS,
	HOST_SCAN_STEPS,
};

/** struct host_scan - finding the active namespaces. @running, @again, @clear_again and @wait are
 * under dev->lock, the rest is the running scan's own. */
struct host_scan {
	struct host_internal in;
	bool running, again, clear_log, clear_again;
	_Atomic bool turn; /* set by the first of submitter and completion: the second goes on */
	enum host_scan_step step;
	int status;
	uint32_t pos, from;  /* in the list; NSID the list begins after */
	struct host_ns *ns;  /* found so far */
	unsigned int nr, max;
	struct host_call *wait; /* calls that end when the scan does */
};

struct host_dev {
	struct host_params p;
	struct sim_fn *fn;
	_Atomic int state; /* enum host_state */
	pthread_mutex_t lock;

	void *mem; /* host memory: struct host_bufs, then the queues */
	size_t mem_len;
	struct host_bufs *bufs;

	/* irq: a bit per queue that may have completions; vec_queues: whose vector it is */
	_Atomic uint64_t irq;
	uint64_t vec_queues[HOST_MAX_IO + 1];
	uint16_t nr_vectors;

	_Atomic uint64_t armed; /* earliest deadline the door knows of */
	_Atomic bool want_reset;
	_Atomic bool want_scan; /* a thread that may not do it itself found one is needed */
	_Atomic int aborts; /* Abort commands under way */
	pthread_mutex_t run_lock;

	/* as the controller reported */
	uint64_t cap;
	uint64_t mdts; /* bytes; 0: no limit */
	bool sgl, sgl_dword, effects_log, elbas;
	uint16_t cntlid;
	uint8_t acl, cntrltype;
	uint32_t oaes;
	char sn[21], mn[41], fr[9], subnqn[224];
	_Atomic uint32_t admin_effects[256];
	_Atomic uint32_t io_effects[HOST_NR_CSI][256];
	_Atomic uint32_t io_any[256]; /* of all command sets */
	bool io_effects_read[HOST_NR_CSI];
	_Atomic bool any_zoned; /* of @ns */

	struct host_internal aen;
	struct host_scan scan;
	struct host_ns *ns; /* nsids ascending; under lock */
	unsigned int nr_ns;

	_Atomic unsigned int nr_io;
	unsigned int max_io; /* queues there is memory for */
	struct host_queue *q; /* [0] admin */
};

static inline uint64_t host_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint32_t host_r32(struct host_dev *dev, uint32_t off)
{
	return (uint32_t)sim_mmio_read(dev->fn, 0, off, 4);
}

static inline void host_w32(struct host_dev *dev, uint32_t off, uint32_t val)
{
	sim_mmio_write(dev->fn, 0, off, 4, val);
}

/** host_iova() - I/O virtual address of something in host memory */
static inline uint64_t host_iova(const struct host_dev *dev, const void *p)
{
	return HOST_BASE + (uint64_t)((const char *)p - (const char *)dev->mem);
}

/* dev.c */
void host_arm(struct host_dev *dev, uint64_t deadline_ns);

/* pci.c */
int host_pci_enable(struct host_dev *dev, struct sim_msg *msg);
void host_msix(void *opaque, uint16_t vector, uint64_t addr, uint32_t data);
void host_intx(void *opaque, bool level);

/* probe.c */
/** host_bring_up() - from a function in any state to a controller with queues. 0 or -errno. */
int host_bring_up(struct host_dev *dev, struct sim_msg *msg);
int host_ctrl_disable(struct host_dev *dev);
/** host_pause() - the driver waits for the device: let others go on, then sleep for @us */
void host_pause(struct host_dev *dev, unsigned int us);

/** host_wait_csts() - wait until CSTS & @mask is @val, at most @timeout_ms. 0 or -errno. */
int host_wait_csts(struct host_dev *dev, uint32_t mask, uint32_t val, uint32_t timeout_ms);

/* reset.c */
/** host_reset() - Return: 0, -EBUSY when one is under way, -ENODEV when the controller is dead */
int host_reset(struct host_dev *dev);
/** host_unhealthy() - whether the controller needs a reset to go on */
bool host_unhealthy(struct host_dev *dev);

/* timeout.c */
/** host_slot_abort() - send Abort for a slot marked aborting and held, or have it tried later */
void host_slot_abort(struct host_queue *q, uint16_t slot);

/* scan.c, aen.c */
/** host_scan() - find the active namespaces, tell the door, then end @call (may be NULL) with
 * @call->ret. @clear_log: read the Changed Namespace List first. */
void host_scan(struct host_dev *dev, bool clear_log, struct host_call *call);
/** host_scan_wait() - a scan, and wait until it ended (probe only) */
void host_scan_wait(struct host_dev *dev);
/** host_ns_only() - the only active namespace. Return: NSID, 0 for none, -EINVAL for several. */
int64_t host_ns_only(struct host_dev *dev);
/** host_ns_get() - copy of an active namespace. Return: whether it is one. */
bool host_ns_get(struct host_dev *dev, uint32_t nsid, struct host_ns *ns);
void host_aen_start(struct host_dev *dev);

/* allowed.c */
void host_effects_reset(struct host_dev *dev);
/** host_effects_store() - take over a Commands Supported and Effects log page (LID 05h) */
void host_effects_store(struct host_dev *dev, uint8_t csi, const struct nvme_cmd_effects_log *log);
uint32_t host_effects(struct host_dev *dev, bool admin, uint32_t nsid, uint8_t opcode);
bool host_cmd_allowed(struct host_dev *dev, const struct host_client *cl, bool admin,
		      const struct host_sqe *sqe);
static inline bool host_is_write(uint8_t opcode)
{
	return opcode & 1;
}

/* ---- ioctls ------------------------------------------------------------------------------ */

enum host_row_flags {
	HOST_ON_CTRL = 1 << 0, /* the controller's node has it */
	HOST_ON_NS = 1 << 1,   /* the namespaces' nodes have it */
	HOST_CAP = 1 << 2,     /* CAP_SYS_ADMIN */
	HOST_ADMIN = 1 << 3,   /* an admin command; else I/O */
	HOST_VEC = 1 << 4,     /* addr is an array of iovecs */
	HOST_ONE_NS = 1 << 5,  /* on the controller's node: when there is one namespace */
	HOST_COMPAT = 1 << 6,  /* 32-bit callers only */
	HOST_URING = 1 << 7,   /* no ioctl: an io_uring command */
};

/**
 * struct host_ioctl_row - an ioctl
 * @size:   bytes of the argument structure; 0: none
 * @result: bytes of result copied back to @result_off: 0, 4 or 8
 * @parse:  checks the structure as read, @arg, and fills the call's command. Return: 0 or -errno.
 * @run:    instead of @parse, what needs no command of the client's; ends the call
 */
struct host_ioctl_row {
	unsigned int cmd;
	uint8_t size, result, result_off, flags;
	int (*parse)(struct host_call *call, uint32_t nsid, const void *arg);
	void (*run)(struct host_call *call, uint32_t nsid);
};

/** host_ioctl_find() - the row of @cmd on @node, its rules checked, and the NSID it is about
 * Return: 0 or -errno, in the kernel's order of checks. */
int host_ioctl_find(struct host_node_ref node, unsigned int cmd, const struct host_client *cl,
		    const struct host_ioctl_row **row, uint32_t *nsid);

/** host_call_go() - a call's command is set: answer or submit it; ends the call if it cannot */
void host_call_go(struct host_call *call, uint32_t nsid);

/* passthru.c */
int host_uring_parse(struct host_call *call, uint32_t nsid, const void *arg);
int host_passthru_parse(struct host_call *call, uint32_t nsid, const void *arg);
int host_submit_io_parse(struct host_call *call, uint32_t nsid, const void *arg);
/** host_passthru_end() - a call's command ended with @status */
void host_passthru_end(struct host_call *call, uint16_t status, uint64_t result, bool fault,
		       bool aborted);

/* property.c */
/** host_is_property() - whether this admin command is the driver's to answer, on @nsid's node */
bool host_is_property(const struct host_sqe *sqe, uint32_t nsid);
/** host_property() - answer it by MMIO. Return: NVMe status */
uint16_t host_property(struct host_dev *dev, const struct host_sqe *sqe, uint64_t *result);

/* local.c */
int host_client_read(struct host_client *cl, uint64_t from, void *to, size_t len);
int host_client_write(struct host_client *cl, uint64_t to, const void *from, size_t len);

#endif /* NVMESIM_HOST_INTERNAL_H */
