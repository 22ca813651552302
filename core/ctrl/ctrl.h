/* SPDX-License-Identifier: MIT */
/*
 * ctrl.h - the controller: registers, queues, commands. Face of core/ctrl/.
 *
 * A command's way: a doorbell write (queue.c) fetches the SQE into a struct sim_req and hands it to
 * sim_execute() (dispatch.c), which finds the opcode's row, makes the checks every command shares,
 * and calls the row's handler. The handler moves data with sim_dma_*() (dptr.c) and returns a
 * status, or SIM_PENDING and calls sim_req_complete() later.
 */
#ifndef NVMESIM_CTRL_H
#define NVMESIM_CTRL_H

#include <stdatomic.h>
#include <threads.h>

#include "../sim.h"
#include "../spec_ext.h"
#include "../ns/resv.h"
#include "../subsys/subsys.h"
#include "counters.h"
#include "barmem.h"
#include "coalesce.h"
#include "dbbuf.h"
#include "hmb.h"
#include "lend.h"
#include "status.h"
#include "../subsys/virt.h"

struct sim_ctrl;
struct sim_req;

/* ---- requests --------------------------------------------------------------------------- */

/** struct sim_sqe - submission queue entry, little endian as fetched (NVMe base, figure 91) */
struct sim_sqe {
	uint8_t opcode;
	uint8_t flags; /* FUSE 1:0, PSDT 7:6 */
	uint16_t cid;
	uint32_t nsid;
	uint32_t cdw2, cdw3;
	uint64_t mptr;
	uint64_t dptr[2];
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct sim_sqe) == 64, "SQE is 64 bytes");

struct sim_cqe {
	uint32_t dw0, dw1;
	uint16_t sqhd, sqid;
	uint16_t cid, status; /* status: phase in bit 0 */
};
_Static_assert(sizeof(struct sim_cqe) == 16, "CQE is 16 bytes");

#define SIM_DPTR_VECS 8 /* extents kept in the request before they are moved */

/**
 * struct sim_req - a command in flight
 * @ctrl, @sq: where it came from
 * @row:       its row, set by sim_execute()
 * @ns:        the namespace the command addresses, if its row wants one; else NULL
 * @sqe:       the command; fields are host order already (see sim_req_fetch())
 * @result:    CQE dwords 0 and 1
 * @err_loc:   Parameter Error Location for the error log: byte | bit << 8; 0xffff none
 * @err_lba:   LBA for the error log
 * @err_cs:    Command Specific Information for the error log
 * @next:      free list, or a list of pending requests
 * @cancel:    set by a handler that returns SIM_PENDING: give the command up now. It is called
 *             with the subsystem's writer side held and must not complete the request itself; the
 *             handler's side of things must not touch @req afterwards. NULL: what the handler began
 *             (a flush of the store) cannot be stopped. When the command is given up, @req stays
 *             in use until sim_req_complete() is called one day and then does nothing more, even if
 *             controller and queue are long gone.
 * @priv:      the pending handler's own
 * @state:     enum in queue.h, under @sq's lock
 * @status:    as it goes into the CQE
 * @cq_next:   completions waiting for room in their queue
 * @unposted:  it was given up or waits in a full CQ: its CQE is still to be written
 * @place:   where its data is: cmb.c
 * @lent:    the port still needs memory it was lent: lend.h
 */
struct sim_req {
	struct sim_ctrl *ctrl;
	struct sim_sq *sq;
	const struct sim_cmd *row;
	struct sim_ns *ns;
	struct sim_sqe sqe;
	uint64_t result;
	uint16_t err_loc;
	uint64_t err_lba, err_cs;
	bool pending;
	struct sim_req *next, **pprev;
	void (*cancel)(struct sim_req *req);
	uintptr_t priv[2];
	uint8_t state;
	uint16_t status;
	struct sim_req *cq_next;
	bool unposted;
	uint8_t place;
	bool lent;
};

/* ---- the command table ------------------------------------------------------------------ */

enum sim_nsid_rule {
	SIM_NSID_UNUSED, /* the field is ignored (the base specification: should be 0) */
	SIM_NSID_ACTIVE, /* an attached namespace */
	SIM_NSID_ACTIVE_OR_ALL, /* that, or FFFFFFFFh (req->ns is NULL then) */
	SIM_NSID_HANDLER, /* the handler decides; req->ns is the attached one, or NULL */
};

enum sim_cmd_flags {
	SIM_CMD_EXCL = 1 << 0,	  /* runs with the subsystem's writer side held */
	SIM_CMD_QUERY = 1 << 1,	  /* an error is an answer: neither DNR nor More (see dispatch.c) */
	SIM_CMD_WRITE = 1 << 2,	  /* changes user data: refused on a read-only medium */
	SIM_CMD_UNTIMED = 1 << 3, /* may stay pending for ever (Asynchronous Event Request) */
	SIM_CMD_WP_DENIED = 1 << 4, /* refused on a write protected namespace: see sim_wp_check() */
	SIM_CMD_FORMATTING = 1 << 5, /* goes on while its namespace is being formatted */
	SIM_CMD_ANA = 1 << 6,	   /* goes on whatever the ANA state, or the handler looks at it */
	SIM_CMD_NO_ABORT = 1 << 7, /* what it has begun goes on: it is not aborted */
	SIM_CMD_LENDS = 1 << 8,	   /* waits for nothing while something is lent: see lend.h */
};

/**
 * struct sim_cmd - a row of a command table
 * @name:    as the specification spells it
 * @effects: Commands Supported and Effects data structure without CSUPP
 * @oacs, @oncs: bits of Identify Controller this row being there sets
 * @resv:    what a reservation of the namespace makes of it
 * @there:   whether a controller has the command; NULL: every one
 * @csi:     the I/O Command Sets that have it, a bit each; 0: all of them
 * @excl:    it is exclusive (%SIM_CMD_EXCL) if this says so of it; NULL: no
 * @ahead:   it is next in its queue: where what it will look at is in memory just now, *@len bytes,
 *           or NULL. @sqe is still the host's memory, not checked, and may change
 * Capabilities, the effects log, traces and the coverage page are made from these rows.
 */
struct sim_cmd {
	const char *name;
	uint16_t (*handler)(struct sim_req *req);
	uint32_t flags;
	uint32_t effects;
	uint16_t oacs, oncs;
	enum sim_nsid_rule nsid;
	enum sim_resv_class resv;
	bool (*there)(const struct sim_ctrl *c);
	uint8_t csi;
	bool (*excl)(const struct sim_sqe *sqe);
	const void *(*ahead)(struct sim_ctrl *c, const struct sim_sqe *sqe, size_t *len);
};

extern const struct sim_cmd sim_admin_cmds[256]; /* admin.c */
extern const struct sim_cmd sim_nvm_cmds[256];	 /* ns/nvm.c */

/** sim_cmd_row() - the row of @opcode on @sq's kind of queue, or NULL (handler-less) */
const struct sim_cmd *sim_cmd_row(const struct sim_ctrl *c, bool admin, uint8_t opcode);

/** sim_execute() - run one fetched command; dispatch.c. Return: its final status or SIM_PENDING */
uint16_t sim_execute(struct sim_req *req);

/** sim_final_status() - account a command that ends with @status: error log, DNR, More
 * Return: the status as it goes into the CQE. */
uint16_t sim_final_status(struct sim_req *req, uint16_t status);

/** sim_req_complete() - complete a request whose handler returned, or is about to return,
 * SIM_PENDING; any thread, also the handler's own (a store may call back before its flush returns;
 * the CQE is then posted when the handler has returned). Takes no side of the subsystem's lock.
 * Interrupts it causes are delivered before it returns, unless the handler is still running. */
void sim_req_complete(struct sim_req *req, uint16_t status);
/** sim_req_complete_locked() - same, for a caller that holds the subsystem's reader or writer side
 * (a handler of another command, aer.c). The interrupt waits for sim_irq_flush(), which every way
 * out of core calls. */
void sim_req_complete_locked(struct sim_req *req, uint16_t status);

/* ---- data pointers (dptr.c) ------------------------------------------------------------- */

/**
 * sim_xfer() - move @len bytes between the command's data buffer at offset 0 and @buf
 * PRPs or an SGL, as PSDT says (NVMe base, 4.3). The length the command itself implies is
 * @len: a shorter SGL is an error; of a longer one the rest is left alone (SGLS bit 18).
 * Return: 0, or the status the command is to end with.
 */
uint16_t sim_xfer(struct sim_req *req, enum sim_dma_dir dir, void *buf, size_t len);

/** struct sim_iter - walks a command's data pointer; extents are as long as they can be
 * @left:      bytes of the command not yet handed out
 * @iova, @ext_left: rest of the current extent
 * @seg, @seg_left:  list position behind what is in @list: address, entries to fetch
 * @list:      a piece of the PRP list or SGL segment; @pos of @n words used
 * @sgl1:      the SGL's first descriptor
 * @pel:       where the command has the pointer, for the error log
 */
struct sim_iter {
	struct sim_req *req;
	uint64_t left;
	uint64_t iova, ext_left;
	uint64_t seg, seg_left;
	uint32_t budget; /* SGL descriptors a command may still use */
	uint16_t n, pos;
	bool sgl, last_seg;
	uint16_t pel;
	uint64_t sgl1[2];
	uint64_t list[64];
};

/**
 * sim_iter_start() - begin walking the data pointer of @req for @len bytes
 * Return: 0 or a status (PRP offset, SGL descriptor and length errors found at once).
 */
uint16_t sim_iter_start(struct sim_iter *it, struct sim_req *req, uint64_t len);

/**
 * sim_iter_start_md() - same, for the separate metadata of a command: MPTR is the address of
 * @len contiguous bytes (PSDT 00b, 01b), or of an SGL segment (10b). NVMe Base 2.1, 4.1.1
 */
uint16_t sim_iter_start_md(struct sim_iter *it, struct sim_req *req, uint64_t len);

/**
 * sim_iter_move() - move the next @len bytes of the walk to or from @buf
 * @buf may be memory of a store (never dereferenced here), and adjacent extents are gathered
 * into one port call.
 * Return: 0 or a status.
 */
uint16_t sim_iter_move(struct sim_iter *it, enum sim_dma_dir dir, void *buf, size_t len);
/** sim_iter_move2() - same for two walks (data, separate metadata), gathered together */
uint16_t sim_iter_move2(struct sim_iter *a, void *abuf, size_t alen, struct sim_iter *b, void *bbuf,
			size_t blen, enum sim_dma_dir dir);

/** sim_mdts_ok() - whether @len bytes are within Maximum Data Transfer Size */
bool sim_mdts_ok(const struct sim_ctrl *c, uint64_t len);

/* ---- queues (queue.c) ------------------------------------------------------------------- */

/**
 * struct sim_cq - completion queue
 * @lock:    guards everything below it but @head; taken before a submission queue's lock
 * @entries: the queue in host memory, or NULL if it must be reached by DMA at @iova
 * @wait:    completions that found the queue full, in order
 */
struct sim_cq {
	mtx_t lock;
	uint16_t qid, vector;
	uint32_t size; /* entries */
	bool irq_enabled, phase;
	uint64_t iova;
	struct sim_cqe *entries;
	unsigned int nr_sqs;
	_Atomic uint32_t head;
	_Atomic uint32_t tail;
	struct sim_req *wait, **wait_end;
};

/**
 * struct sim_sq - submission queue
 * @gen:     no two queues of a controller have the same
 * @tail:    written by the doorbell, any thread
 * @head:    next entry to fetch; written by whoever holds @running
 * @running: whoever sets it fetches commands; others only move @tail
 * @cur, @second: requests of whoever holds @running: a command that ends at once never takes @lock;
 *           the second one is for the second half of a fused operation
 * @lent:    likewise: lend.h
 * @half_at: the tail, when the last entry before it is the first half of a fused operation: it
 *           waits until the tail is another one
 * @lock:    guards what follows
 * @reqs:    @nr_reqs requests; those below @nr_used were used once, @free is a LIFO of them
 * @pending: requests whose handler returned SIM_PENDING
 * @nr_completing: requests being completed right now by another thread
 * @nr_out:  requests that outlive the queue: waiting in a full CQ, or not to be cancelled
 * @dead:    the queue is deleted; the last of @nr_out frees the memory
 * @starved: there was no request for a command that could have been fetched
 */
struct sim_sq {
	struct sim_ctrl *ctrl;
	struct sim_cq *cq;
	uint16_t qid;
	uint32_t size;
	uint8_t qprio;
	uint64_t gen;
	uint64_t iova;
	const struct sim_sqe *entries;
	_Atomic uint32_t tail;
	_Atomic uint32_t head;
	_Atomic int running;
	_Atomic uint32_t half_at;
	struct sim_req *cur, *second;
	struct sim_lent lent;
	mtx_t lock;
	struct sim_req *reqs_mem, *reqs, *free, *pending;
	uint32_t nr_reqs, nr_used, nr_completing, nr_out;
	bool dead;
	_Atomic bool starved;
};

/** sim_queue_init_admin() - make the admin queue pair from AQA, ASQ, ACQ. Return: 0 or SIM_E*. */
int sim_queue_init_admin(struct sim_ctrl *c);
/** sim_queues_free() - drop every queue and every request; writer side held */
void sim_queues_free(struct sim_ctrl *c);
/** sim_doorbell() - doorbell register @off bytes behind the first one was written */
void sim_doorbell(struct sim_ctrl *c, uint64_t off, uint32_t val);
/** sim_irq_flush() - deliver the vectors gathered while locks were held; no lock may be held */
void sim_irq_flush(struct sim_ctrl *c);
/** sim_intx_wanted() - whether the pin is to be asserted: an unmasked CQ has entries */
bool sim_intx_wanted(struct sim_ctrl *c);
/** sim_dma() - bus master access. Return: 0 or SIM_EFAULT (bus mastering off included) */
int sim_dma(struct sim_ctrl *c, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
	    unsigned int n);

/** sim_dma_map() - memory at @iova, the host's or the device's, if it can be had at an address and
 * is aligned there to 16 bytes. Return: the address, or NULL: sim_dma() it is */
void *sim_dma_map(struct sim_ctrl *c, uint64_t iova, size_t len);

uint16_t sim_create_io_cq(struct sim_req *req);
uint16_t sim_create_io_sq(struct sim_req *req);
uint16_t sim_delete_io_cq(struct sim_req *req);
uint16_t sim_delete_io_sq(struct sim_req *req);

/* ---- the controller --------------------------------------------------------------------- */

enum sim_ctrl_state { /* reset.c: total table state x event */
	SIM_CS_DISABLED,  /* CC.EN = 0, RDY = 0 */
	SIM_CS_READY,	  /* CC.EN = 1, RDY = 1 */
	SIM_CS_SHUTDOWN,  /* SHST = 10b while enabled: no command is processed */
	SIM_CS_SHUTDOWN_DISABLED, /* SHST = 10b while CC.EN = 0 */
	SIM_CS_FAILED,	  /* CFS = 1: only a reset helps */
	SIM_CS_OFFLINE,	  /* a secondary controller that is offline */
	SIM_CS__N,
};

#define SIM_ELPE 63 /* Error Log Page Entries, 0's based */
#define SIM_AER_MAX 256
#define SIM_ACL 3 /* Abort Command Limit, 0's based */
#define SIM_KAS 1 /* Keep Alive granularity, 100 ms */
#define SIM_TEMP_K 323 /* composite temperature, kelvin: the one QEMU reports */
#define SIM_WCTEMP 343
#define SIM_CCTEMP 373

/** struct sim_err_log - Error Information log, volatile (NVMe base, 5.1.12.1.2) */
struct sim_err_log {
	mtx_t lock;
	uint32_t next, nr;
	struct nvme_error_log_page entry[SIM_ELPE + 1];
};

/** struct sim_feat - current values; reset to their defaults by a Controller Level Reset */
struct sim_feat {
	uint32_t arbitration, power_mgmt, err_recovery /* of no namespace: default */;
	uint16_t temp_over[9], temp_under[9]; /* by TMPSEL: composite, sensors 1..8 */
	uint32_t irq_coalesce, write_atomicity, async_event, kato;
	uint16_t nr_sq, nr_cq; /* allocated I/O queues, 0's based */
	bool *iv_cd;	       /* Coalescing Disable by vector, msix_qsize of them */
	uint64_t ts_base_ms, ts_set_ns;
	uint8_t ts_origin;
	uint8_t host_behavior[512];
	uint16_t lsiri; /* LBA Status Information Report Interval, 100 ms */
	uint8_t resv_mask[SIM_NN + 1]; /* feature 82h, by NSID */
	uint32_t iocs_profile;
};

struct sim_aer_event {
	uint8_t type, info, lid;
	uint32_t nsid; /* 0: of none in particular */
	uint64_t seq; /* when it happened, see sim_aer_mark() */
};

/**
 * struct sim_aer - Asynchronous Events (NVMe base, 5.1.2)
 * @req:    outstanding requests, oldest first
 * @queue:  events no request was there for
 * @masked: event types reported and not yet cleared by reading their log page
 */
struct sim_aer {
	mtx_t lock;
	struct sim_req *req[SIM_AER_MAX];
	unsigned int nr_req;
	struct sim_aer_event *queue; /* room for aer_max_queued, oldest first */
	unsigned int q_nr;
	uint32_t masked;
	uint8_t masked_lid[8]; /* by type: the log page that unmasks it */
	uint32_t masked_nsid[8]; /* and whose that page is; 0: no namespace's */
	uint64_t seq;	       /* events so far */
};

/**
 * struct sim_lbas - LBA Status Information (NVM Command Set 1.1, section 5.2.1)
 * @frozen: the log page as the host has begun to read it with Retain Asynchronous Event set
 * @alert:  the log has grown since the last event
 * @since:  when the report interval began
 */
struct sim_lbas {
	uint8_t *frozen;
	_Atomic bool alert;
	_Atomic uint64_t since;
};

/** struct sim_caps - what the tables' rows make a controller capable of */
struct sim_caps {
	uint16_t oacs, oncs;
	uint8_t lpa;
};

struct sim_ctrl {
	struct sim_fn *fn;
	struct sim_subsys *subsys;
	struct sim_ctrl_params p;
	uint16_t cntlid;
	struct sim_caps caps;
	enum sim_ctrl_state state; /* under the subsystem's writer side */

	/* registers (regs.c); CC and CSTS change under the writer side only */
	uint64_t cap;
	_Atomic uint32_t intms, cc, csts, aqa;
	_Atomic uint64_t asq, acq;
	uint32_t page_size; /* CC.MPS */
	uint32_t nr_pairs; /* I/O queue pairs there are resources for; at most p.max_ioqpairs */
	struct sim_virt virt;

	struct sim_sq **sq; /* max_ioqpairs + 1, index QID */
	struct sim_cq **cq;
	_Atomic bool queues_made; /* an I/O queue was created since the reset */
	uint64_t queue_gen; /* last sim_sq.gen given */
	_Atomic uint32_t irq_words; /* bit n: irq_pending[n] is not zero */
	_Atomic uint64_t irq_pending[32]; /* vectors to deliver, by sim_irq_flush() */
	_Atomic bool intx_dirty; /* the pin's level may have changed */
	_Atomic bool kick; /* a queue that waited for a request has one again: ring.c */
	_Atomic bool queue_fault; /* a queue could not be reached by DMA: CFS on the way out */
	struct sim_shutdown *shutdown; /* reset.c */
	struct sim_busy busy;

	struct sim_feat feat;
	struct sim_aer aer;
	struct sim_err_log err;
	struct sim_lbas lbas;
	struct sim_counters *cnt;
	struct sim_counters cnt_mem; /* when no journal cell backs them */
	_Atomic uint64_t power_on_ns; /* clock when power-on time was last accounted */
	uint8_t smart_warned;	     /* critical warning bits already reported */
	_Atomic uint8_t smart_inject; /* critical warning bits set from outside */
	_Atomic uint64_t ka_deadline; /* Keep Alive timer, 0 off */
	uint32_t attached[(SIM_NN + 32) / 32]; /* bit NSID */
	uint32_t parked[(SIM_NN + 32) / 32]; /* attached, but CC.CSS leaves its command set out */
	uint32_t changed_ns[(SIM_NN + 32) / 32]; /* changed namespace list log */
	uint8_t ana[SIM_NN + 1]; /* enum sim_ana_state by NSID; 0: optimized */
	uint64_t ana_changes, ana_ns_changes[SIM_NN + 1]; /* changes since the reset, see ana.c */
	uint8_t host_id[16]; /* feature 81h, little endian; 8 bytes of it unless EXHID */
	bool host_id_extended;
	struct sim_resv_log resv_log;
	bool has_barmem; /* there is a CMB or PMR */
	struct sim_cmb cmb;
	struct sim_pmr pmr;
	struct sim_coalesce coalesce;
	struct sim_dbbuf dbbuf;
	struct sim_hmb hmb;
};

static inline bool sim_ns_attached(const struct sim_ctrl *c, uint32_t nsid)
{
	return nsid && nsid <= SIM_NN && (c->attached[nsid / 32] >> (nsid % 32) & 1);
}

/** sim_ana_ok() - whether the ANA state of namespace @nsid lets @c use it; a load */
static inline bool sim_ana_ok(const struct sim_ctrl *c, uint32_t nsid)
{
	return c->ana[nsid] < SIM_ANA_INACCESSIBLE;
}

/** sim_ctrl_ns() - the attached namespace @nsid of @c, or NULL */
static inline struct sim_ns *sim_ctrl_ns(struct sim_ctrl *c, uint32_t nsid)
{
	return sim_ns_attached(c, nsid) ? c->subsys->ns[nsid] : NULL;
}

/* ctrl.c */
struct sim_ctrl *sim_ctrl_new(struct sim_fn *fn, struct sim_subsys *s,
			      const struct sim_ctrl_params *p, uint16_t cntlid,
			      struct sim_msg *msg);
void sim_ctrl_free(struct sim_ctrl *c);

/** sim_reg_rows() - the register table's rows, for sim_table_rows() */
void sim_reg_rows(void (*cb)(void *arg, const struct sim_row *row), void *arg);

/* regs.c */
uint64_t sim_reg_read(struct sim_ctrl *c, uint64_t off, unsigned int size);
void sim_reg_write(struct sim_ctrl *c, uint64_t off, unsigned int size, uint64_t val);
void sim_regs_init(struct sim_ctrl *c);

/* reset.c */
enum sim_ctrl_event {
	SIM_CE_ENABLE,	 /* CC.EN 0 -> 1 */
	SIM_CE_DISABLE,	 /* CC.EN 1 -> 0 */
	SIM_CE_SHUTDOWN, /* CC.SHN 00 -> 01 or 10 */
	SIM_CE_RESET,	 /* function or subsystem reset */
	SIM_CE_FATAL,	 /* the controller gives up */
	SIM_CE_OFFLINE,	 /* Virtualization Management: no more a controller a host can use */
	SIM_CE_ONLINE,	 /* ... it is one */
	SIM_CE__N,
};
/** sim_ctrl_event() - apply an event through the table; writer side held */
void sim_ctrl_event(struct sim_ctrl *c, enum sim_ctrl_event ev);
/** sim_shutdown_new() - what a shutdown notification in progress needs. Return: 0, SIM_ENOMEM */
int sim_shutdown_new(struct sim_ctrl *c);
void sim_shutdown_free(struct sim_ctrl *c);
/** sim_ctrl_fatal() - set CSTS.CFS; takes the writer side */
void sim_ctrl_fatal(struct sim_ctrl *c);

/* feature.c */
int sim_feat_init(struct sim_ctrl *c); /* allocates; p is set. Return: 0 or SIM_ENOMEM */
void sim_feat_free(struct sim_ctrl *c);
void sim_feat_reset(struct sim_ctrl *c); /* Controller Level Reset: defaults; writer side held */
uint16_t sim_get_features(struct sim_req *req);
uint16_t sim_set_features(struct sim_req *req);
uint64_t sim_timestamp(struct sim_ctrl *c); /* the 8 bytes of Get Features - Timestamp */

/** sim_caps_derive() - walk the tables once, so that Identify need not; identify_ctrl.c */
void sim_caps_derive(struct sim_ctrl *c);

/* identify.c, log.c, aer.c, smart.c, error.c, abort.c, keepalive.c */
uint16_t sim_identify(struct sim_req *req);
uint16_t sim_get_log_page(struct sim_req *req);
uint16_t sim_async_event_request(struct sim_req *req);
uint16_t sim_abort(struct sim_req *req);
uint16_t sim_keep_alive(struct sim_req *req);

int sim_aer_init(struct sim_ctrl *c); /* lock and event queue; p is set. Return: 0 or SIM_ENOMEM */
void sim_aer_free(struct sim_ctrl *c);
/** sim_aer_event_ns() - the same of namespace @nsid, which dword 1 says */
void sim_aer_event_ns(struct sim_ctrl *c, uint8_t type, uint8_t info, uint8_t lid, uint32_t nsid);
/** sim_aer_event() - report an event, if the host asked for its kind
 * The subsystem's reader or writer side is held; whoever holds it calls sim_irq_flush(@c) after. */
void sim_aer_event(struct sim_ctrl *c, uint8_t type, uint8_t info, uint8_t lid);
/** sim_aer_mark() - now, for sim_aer_clear() */
uint64_t sim_aer_mark(struct sim_ctrl *c);
/** sim_aer_clear() - the log page @lid (of namespace @nsid) was read with RAE = 0
 * @mark: sim_aer_mark() before the page was filled: what happened later is not in it. */
void sim_aer_clear(struct sim_ctrl *c, uint8_t lid, uint32_t nsid, uint64_t mark);
void sim_aer_reset(struct sim_ctrl *c); /* writer side held, before sim_queues_free() */

/** sim_error_log_add() - record a failed command. @status without phase */
void sim_error_log_add(struct sim_req *req, uint16_t status);
/** sim_error_log_event() - record an error that is not specific to a command */
void sim_error_log_event(struct sim_ctrl *c, uint16_t status);
int sim_error_log_init(struct sim_ctrl *c); /* lock */
void sim_error_log_free(struct sim_ctrl *c);
/** sim_error_log_fill() - the page: newest entry first, SIM_ELPE + 1 entries */
void sim_error_log_fill(struct sim_ctrl *c, struct nvme_error_log_page *page);
void sim_error_log_reset(struct sim_ctrl *c);

int sim_smart_init(struct sim_ctrl *c);		/* counters from the journal; power cycle */
void sim_smart_power_on(struct sim_ctrl *c);	/* first enable after a power-on */
void sim_smart_shutdown(struct sim_ctrl *c);	/* shutdown notification was processed */
void sim_smart_fill(struct sim_ctrl *c, struct nvme_smart_log *s);
void sim_smart_check(struct sim_ctrl *c);	/* temperature against thresholds: events */
void sim_smart_power_off(struct sim_ctrl *c);	/* the function goes: power-on time to the cell */
uint64_t sim_smart_run(struct sim_ctrl *c, uint64_t now); /* a timer, as sim_keep_alive_run() */

/* ns/lbastatus.c */
/** sim_lbas_arm() - the event was enabled, or the interval changed */
void sim_lbas_arm(struct sim_ctrl *c);
/** sim_lbas_run() - a timer. Return: the next deadline, UINT64_MAX for none. No lock held. */
uint64_t sim_lbas_run(struct sim_ctrl *c, uint64_t now);
/** sim_lbas_reset() - a Controller Level Reset, or the controller's end */
void sim_lbas_reset(struct sim_ctrl *c);
uint16_t sim_lbas_log(struct sim_req *req, uint8_t *page); /* log page 0Eh */
void sim_lbas_read(struct sim_ctrl *c);

uint16_t sim_ocp_log(struct sim_req *req, uint8_t *page); /* ocp.c: log page C0h */

/* keepalive.c: timers. Return the next deadline, UINT64_MAX for none */
void sim_keep_alive_start(struct sim_ctrl *c);
uint64_t sim_keep_alive_run(struct sim_ctrl *c, uint64_t now);

static inline uint64_t sim_now(const struct sim_ctrl *c)
{
	return c->subsys->clock.now_ns(c->subsys->clock.opaque);
}

#endif /* NVMESIM_CTRL_H */
