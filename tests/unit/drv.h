/* SPDX-License-Identifier: MIT */
/*
 * drv.h - a small NVMe driver for unit tests: it knows the specification, not the code it tests.
 * Host memory is one array; I/O virtual addresses are offsets into it plus DRV_IOVA.
 */
#ifndef TESTS_DRV_H
#define TESTS_DRV_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "../../core/sim.h"
#include "../../core/spec_ext.h"

#define DRV_IOVA 0x100000000ull
#define DRV_MEM (64u << 20)
#define DRV_PAGE 4096u

struct drv_cmd { /* SQE as dwords: the test writes what the specification's figure shows */
	uint32_t dw[16];
};

struct drv_cqe {
	uint32_t dw0, dw1;
	uint16_t sqhd, sqid, cid, status; /* status: without the phase bit */
};

struct drv_queue {
	uint16_t qid, size, sq_tail, cq_head;
	uint16_t rung;	  /* the tail as last told */
	uint16_t cq_size; /* 0: as @size */
	uint8_t phase;
	uint64_t sq_iova, cq_iova;
};

/** struct drv_window - BAR memory that the controller knows at @base: drv_window() */
struct drv_window {
	unsigned int bar;
	uint64_t base, size, brk;
};

struct drv {
	struct sim_subsys *subsys;
	struct sim_fn *fn;
	struct sim_store *store;
	uint8_t *mem;
	uint64_t brk; /* next free byte of mem */
	struct drv_queue admin, io;
	uint16_t next_cid;
	uint64_t now_ns, wall_ms, armed; /* the clock is the test's */
	unsigned int irqs[2049];	 /* MSI-X messages by vector */
	bool intx;
	bool dma_unmapped; /* every DMA fails */
	struct sim_journal_port journal;
	bool own_store; /* drv_free() frees it */
	bool no_map;	/* queues are reached by transfers, not through their address */
	unsigned int xfers; /* calls of the DMA port's xfer */
	unsigned int lent;  /* transfers that were lent the medium's memory */
	unsigned int news[SIM_FN_GONE + 1]; /* by enum sim_fn_change: how often it was told */
	struct drv *root; /* the function that drv_new() made: clock, subsystem, store are its */
	uint8_t css; /* CC.CSS: 110b if the namespace of drv_new() is a zoned one */
	struct drv *next; /* other functions of the subsystem, drv_add_fn() */
	struct drv_window window[6]; /* by BAR */
	struct drv *pf; /* of a VF */
	unsigned int vfn;
	uint64_t shadow, eventidx; /* doorbell buffers in use; 0: none */
	bool shadow_admin;	   /* for the admin queue, too, as the specification has it */
	unsigned int rings;	   /* doorbell registers written */
	void (*on_xfer)(struct drv *d); /* called by the DMA port, before it moves anything */
};

/** drv_params() - what drv_new() builds, QEMU's defaults; a test changes what it is about */
struct drv_params {
	struct sim_ctrl_params ctrl;
	struct sim_ns_params ns;
	uint64_t ns_bytes; /* 0: no namespace */
	struct sim_journal_port journal;
	bool no_map;
	struct sim_backing_port backing; /* media of namespaces that are created; none */
	uint64_t capacity;
	bool multi;
	struct sim_fdp_params fdp;
};
void drv_params(struct drv_params *p);

/** drv_new() - function built, PCI and MSI-X enabled, vectors unmasked, controller not enabled
 * NULL p: defaults, 64 MiB namespace. A store in p->ns stays the test's. */
struct drv *drv_new(const struct drv_params *p);
/** drv_add_fn() - another function, with memory and a controller of its own, in @d's subsystem
 * NULL p: as drv_params() has it. drv_free() of @d frees it, too. */
struct drv *drv_add_fn(struct drv *d, const struct sim_ctrl_params *p);
/** drv_vf() - the host's side of virtual function @vfn of @d */
struct drv *drv_vf(struct drv *d, unsigned int vfn);
/** drv_pci_enable() - memory, bus master, MSI-X with every vector unmasked, as after drv_new() */
void drv_pci_enable(struct drv *d);
void drv_free(struct drv *d);
/** drv_enable() - AQA, ASQ, ACQ, CC, wait RDY; admin queue of 32
 * drv_start(): that, plus an I/O queue pair of 64 */
void drv_enable(struct drv *d);
void drv_start(struct drv *d);
void drv_disable(struct drv *d);
/** drv_lbafee() - Host Behavior Support: this host knows extended LBA formats */
void drv_lbafee(struct drv *d);

uint32_t drv_r32(struct drv *d, uint64_t off);
uint64_t drv_r64(struct drv *d, uint64_t off);
void drv_w32(struct drv *d, uint64_t off, uint32_t v);
void drv_w64(struct drv *d, uint64_t off, uint64_t v);

/** drv_alloc() - zeroed host memory, page aligned. Return: iova; drv_ptr(): its address */
uint64_t drv_alloc(struct drv *d, size_t len);
void *drv_ptr(struct drv *d, uint64_t iova);

/** drv_window() - the memory behind BAR @bar is at @base of the controller's memory space:
 * drv_ptr() then takes addresses in it. (The test writes the registers that make it so.) */
void drv_window(struct drv *d, unsigned int bar, uint64_t base, uint64_t size);
/** drv_bar_alloc() - a piece of that memory, page aligned. Return: its address */
uint64_t drv_bar_alloc(struct drv *d, unsigned int bar, size_t len);

/** drv_submit() - put a command on a queue and ring; fills in CID. Return: the CID */
uint16_t drv_submit(struct drv *d, struct drv_queue *q, struct drv_cmd *cmd);
/** drv_poll() - take one completion, if there is one */
bool drv_poll(struct drv *d, struct drv_queue *q, struct drv_cqe *cqe);
/** drv_exec() - submit and wait (timers run)
 * Return: status (SCT << 8 | SC, DNR and More masked off) */
uint16_t drv_exec(struct drv *d, struct drv_queue *q, struct drv_cmd *cmd, struct drv_cqe *cqe);
/** drv_admin(), drv_io() - same, with PRPs for @len bytes at @iova (list built as needed)
 * iova 0: none */
uint16_t drv_admin(struct drv *d, struct drv_cmd *cmd, uint64_t iova, size_t len,
		   struct drv_cqe *cqe);
uint16_t drv_io(struct drv *d, struct drv_cmd *cmd, uint64_t iova, size_t len, struct drv_cqe *cqe);
void drv_prps(struct drv *d, struct drv_cmd *cmd, uint64_t iova, size_t len);
/** drv_mptr() - the Metadata Pointer: of metadata, or with PSDT 10b of an SGL descriptor */
void drv_mptr(struct drv_cmd *cmd, uint64_t iova);
/** drv_create_queue() - I/O completion and submission queue @qid of @size entries, vector @qid */
void drv_create_queue(struct drv *d, struct drv_queue *q, uint16_t qid, uint16_t size);
/** drv_queue_at() - the same with queues at addresses the caller chose
 * Return: the status of the command that failed, Completion Queue first; 0 */
uint16_t drv_queue_at(struct drv *d, struct drv_queue *q, uint16_t qid, uint16_t size,
		      uint64_t sq_iova, uint64_t cq_iova);
/** drv_put() - the first half of drv_submit(): the entry is in the queue, the doorbell is not rung
 * drv_ring_sq(): the second half */
uint16_t drv_put(struct drv *d, struct drv_queue *q, struct drv_cmd *cmd);
void drv_ring_sq(struct drv *d, struct drv_queue *q);
/** drv_advance() - let time pass, running what is due */
void drv_advance(struct drv *d, uint64_t ns);

#endif
