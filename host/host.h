/* SPDX-License-Identifier: MIT */
/*
 * host.h - the host side: an in-process NVMe driver. Face of host/.
 *
 * It drives one PCI function as a driver drives hardware, and gives Linux's passthrough ioctls
 * their kernel semantics (drivers/nvme/host/ioctl.c). A client's buffer is never copied here: it
 * becomes a window in the function's I/O virtual address space, and the device's DMA reaches
 * the client's memory through the client's accessor.
 */
#ifndef NVMESIM_HOST_H
#define NVMESIM_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../core/sim.h"

struct host_dev;
struct host_call;

/** struct host_client_ops - how to reach a client's memory; all return 0 or -errno */
struct host_client;
struct host_client_ops {
	/**
	 * @xfer: move between @local and the client's @remote, byte counts equal, all or -EFAULT.
	 * @to_client: direction
	 */
	int (*xfer)(struct host_client *cl, bool to_client, const struct iovec *local,
		    unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote);
};

/**
 * struct host_client - who issues an ioctl. Embedded in the door's own structure.
 * @privileged: CAP_SYS_ADMIN, or owner of a private device
 * @writable:   the descriptor is open for writing
 * @compat:     a 32-bit caller: pointers are truncated
 */
struct host_client {
	const struct host_client_ops *ops;
	bool privileged, writable, compat;
};

/**
 * struct host_call - one ioctl in flight. Memory is the door's until @done was called, which
 * may happen before host_ioctl() returns, or later on any thread.
 * @done:   the ioctl's return value: >= 0, or -errno
 * The fields below belong to host/.
 */
struct host_call {
	void (*done)(struct host_call *call, long ret);
	struct host_client *client;
	/* host/ */
	struct host_dev *dev;
	const struct host_ioctl_row *row;
	uint64_t arg;
	uint64_t old_result;
	uint64_t addr, len, meta, meta_len;
	struct iovec *vec;
	unsigned int nr_vec;
	struct iovec one;
	struct iovec inline_vec[8];
	uint64_t deadline_ns;
	bool to_device, from_device, fault, aborting;
	uint16_t qid, slot;
	struct host_call *next;
};

/** struct host_node_ref - what a descriptor is open on. @nsid 0: the controller */
struct host_node_ref {
	struct host_dev *dev;
	uint32_t nsid;
};

/**
 * struct host_params - how to drive a function
 * @nr_io_queues: I/O queue pairs wanted; at most what the function allocates
 * @namespaces:   the set of active namespaces changed (nsids ascending); called after probing,
 *                a rescan, and a Namespace Attribute Changed event
 * @arm:          host_run() wants to be called at @deadline_ns (UINT64_MAX: not)
 */
struct host_params {
	unsigned int nr_io_queues;
	uint32_t io_timeout_ms, admin_timeout_ms; /* 0: 30 s, 60 s, as Linux */
	void (*namespaces)(void *opaque, struct host_dev *dev, const uint32_t *nsids, unsigned int n);
	void (*arm)(void *opaque, uint64_t deadline_ns);
	void *opaque;
};

/**
 * host_dev_alloc() - the driver side, before there is a function: gives the ports the
 * function is to be built with
 */
struct host_dev *host_dev_alloc(const struct host_params *p);
void host_dev_ports(struct host_dev *dev, struct sim_dma_port *dma, struct sim_irq_port *irq);

/**
 * host_dev_probe() - bind to @fn: configuration space, enable, queues, namespaces
 * Return: 0 or -errno with a sentence in @msg.
 */
int host_dev_probe(struct host_dev *dev, struct sim_fn *fn, struct sim_msg *msg);

/** host_dev_shutdown() - normal shutdown: queues deleted, CC.SHN, wait for CSTS.SHST */
void host_dev_shutdown(struct host_dev *dev);

/** host_dev_free() - end: calls still in flight are completed with -ENODEV first */
void host_dev_free(struct host_dev *dev);

/**
 * host_ioctl() - an ioctl on a node
 * @cmd: ioctl number; @arg: its argument in the client's address space
 * The return value, now or later, goes to @call->done: >= 0 or -errno, as Linux's nvme driver
 * (ENOTTY for what it does not know).
 */
void host_ioctl(struct host_node_ref node, unsigned int cmd, uint64_t arg, struct host_call *call);

/** host_cancel() - the client of @call is gone or interrupted: give the command up; done() follows */
void host_cancel(struct host_call *call);

/**
 * host_run() - timeouts, completions that interrupts announced from other threads, rescans
 * Call after sim_run_timers(), after store_run(), and at the armed deadline.
 */
void host_run(struct host_dev *dev);

/** host_local_client() - a client in this process (tests, benchmarks, tools): plain memory */
struct host_client *host_local_client(void);

/** host_admin_sync(), host_io_sync() - issue one command from this process and wait for it
 * @cmd: struct nvme_passthru_cmd64 of linux/nvme_ioctl.h. Return: as the ioctl. */
struct nvme_passthru_cmd64;
long host_admin_sync(struct host_dev *dev, struct nvme_passthru_cmd64 *cmd);
long host_io_sync(struct host_dev *dev, struct nvme_passthru_cmd64 *cmd);

/** host_dev_info() - for lists: SN, MN, FR as probed, blank padding cut, and state */
struct host_info {
	char sn[21], mn[41], fr[9], subnqn[224];
	uint16_t cntlid;
	const char *state; /* "live", "resetting", "dead" */
	unsigned int nr_io_queues;
};
void host_dev_info(struct host_dev *dev, struct host_info *info);

/** host_ns_info() - of an active namespace. Return: 0 or -ENOENT */
struct host_ns_info {
	uint64_t nsze, nuse;
	uint32_t lba_size, meta_size;
	uint8_t csi;
};
int host_ns_info(struct host_dev *dev, uint32_t nsid, struct host_ns_info *info);

#endif /* NVMESIM_HOST_H */
