/* SPDX-License-Identifier: MIT */
/*
 * fx.h - what the host driver's tests stand on: a whole device (core and a RAM store), the driver
 * bound to it, and a client whose memory can be missing where the test says.
 */
#ifndef TESTS_FX_H
#define TESTS_FX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../../core/spec_ext.h"
#include "../../host/host.h"
#include "../../store/store.h"

#define FX_BLOCK 512u
#define FX_NS_BYTES (16u << 20)
#define FX_BASE 0x70000000ull /* the client's memory: below 4 GiB, for 32-bit callers */
#define FX_MEM (8u << 20)

/** struct fx_client - a process: @mem is at FX_BASE, [@hole, @hole_end) is not mapped */
struct fx_client {
	struct host_client cl;
	uint8_t *mem;
	uint64_t hole, hole_end;
	_Atomic unsigned int reads, writes; /* accessor calls: from, to the client */
	/* a copy from or to @slow waits: @entered is posted, then @go waited for */
	uint64_t slow;
	sem_t entered, go;
};

struct fx {
	struct sim_subsys *subsys;
	struct sim_fn *fn;
	struct sim_store *store[8];
	unsigned int nr_stores;
	struct host_dev *dev;
	struct fx_client client;
	struct sim_dma_port dma; /* the driver's */
	_Atomic bool dma_dead;	 /* every move fails */
	_Atomic int dma_fail_in; /* that many moves to the host from now, one fails; 0: none does */
	bool sgl;
	uint32_t nsids[16];
	unsigned int nr_ns, changes; /* from the namespaces callback */
	_Atomic uint64_t armed;
	uint64_t brk; /* next free byte of the client's memory */
	struct host_dev *vf[4]; /* drivers of the virtual functions, not probed */
	unsigned int nr_vfs;
};

/** struct fx_params - 0: the default */
struct fx_params {
	uint32_t max_ioqpairs, nr_io_queues;
	uint16_t msix_qsize, mqes;
	uint8_t mdts;
	unsigned int nr_ns; /* default 1 */
	bool no_ns;
	uint16_t vfs; /* with 4 queue and 2 interrupt resources each, at most; the PF has the others */
	bool sgl; /* Identify Controller says that SGLs may be longer than the command (SDL) */
};

struct fx *fx_new(const struct fx_params *p);
void fx_free(struct fx *f);
int fx_setup(void **state); /* fx_new(NULL) as a CMocka fixture */
int fx_teardown(void **state);
uint32_t fx_add_ns(struct fx *f);
/** fx_add_ns_as() - with what @p says of formats; the rest is filled in. Return: the NSID */
uint32_t fx_add_ns_as(struct fx *f, const struct sim_ns_params *p);

/** struct fx_call - an ioctl in flight */
struct fx_call {
	struct host_call call;
	_Atomic int done;
	long ret;
};
void fx_start(struct fx *f, struct fx_call *c, uint32_t nsid, unsigned int cmd, uint64_t arg);
/** fx_wait() - until it ended, running the driver as a door does; fails the test after 10 s */
long fx_wait(struct fx *f, struct fx_call *c);
/** fx_ioctl() - both */
long fx_ioctl(struct fx *f, uint32_t nsid, unsigned int cmd, uint64_t arg);

/** fx_alloc() - client memory; page aligned. Return: its address there; fx_ptr(): here */
uint64_t fx_alloc(struct fx *f, size_t len);
void *fx_ptr(struct fx *f, uint64_t addr);
/** fx_put() - copy a structure into client memory. Return: where it is */
uint64_t fx_put(struct fx *f, const void *p, size_t len);

/* commands through the ioctls, the structures in client memory; @result may be NULL */
long fx_admin(struct fx *f, struct nvme_passthru_cmd *cmd);
long fx_admin64(struct fx *f, struct nvme_passthru_cmd64 *cmd);
long fx_io(struct fx *f, uint32_t nsid, struct nvme_passthru_cmd *cmd);
/** fx_identify() - Identify Controller. Return: as the ioctl; whether the driver works */
long fx_identify(struct fx *f);
/** fx_rw() - read or write @blocks of 512 bytes at @slba, @len bytes of buffer at @addr */
long fx_rw(struct fx *f, uint8_t opcode, uint64_t slba, uint32_t blocks, uint64_t addr,
	   uint32_t len);
/** fx_aer() - the command that never ends: Asynchronous Event Request */
void fx_aer(struct fx *f, struct fx_call *c, uint32_t timeout_ms);

uint64_t fx_now_ms(void);

#define SC(status) ((status) & 0x7ff)

#endif
