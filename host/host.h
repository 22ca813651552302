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
struct host_ioctl_row;
struct host_queue;

/** struct host_client_ops - how to reach a client's memory; all return 0 or -errno */
struct host_client;
struct host_client_ops {
	/**
	 * @xfer: move between @local and the client's @remote, byte counts equal, all or -EFAULT.
	 * @local is handed to the kernel and not touched: it may be a mapped file's, and an access a
	 * signal. @to_client: direction
	 */
	int (*xfer)(struct host_client *cl, bool to_client, const struct iovec *local,
		    unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote);
	/**
	 * @late: as @xfer to the client, from ordinary memory of ours: it may be copied, and the
	 * copy be given to the client after @done, before anybody is told of the completion. @lent:
	 * instead of a copy @local itself will do, until @settle. NULL: @xfer does it. Return: 0,
	 * -errno, or %SIM_LENT: @local itself it is.
	 */
	int (*late)(struct host_client *cl, const struct iovec *local, unsigned int nr_local,
		    const struct iovec *remote, unsigned int nr_remote, bool lent);
	/** @settle: what @late has not copied on this thread is moved */
	void (*settle)(void);
	/**
	 * @early: as @xfer from the client, into ordinary memory of ours: what the door read when the
	 * command was issued will do. NULL: @xfer does it.
	 */
	int (*early)(struct host_client *cl, const struct iovec *local, unsigned int nr_local,
		     const struct iovec *remote, unsigned int nr_remote);
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
 * @done:   the ioctl's return value: >= 0, or -errno. Called with no lock held; it may call
 *          host_ioctl() again.
 * @client: who issued it; stays valid until @done is called
 * The fields below belong to host/.
 */
struct host_call {
	void (*done)(struct host_call *call, long ret);
	struct host_client *client;
	/* host/ */
	struct host_dev *dev;
	const struct host_ioctl_row *row;
	struct host_queue *q;
	struct host_call *next;
	uint64_t arg;	     /* the argument structure's address */
	uint64_t old_result; /* its result field as it was read */
	uint64_t addr, meta;
	uint32_t len, meta_len; /* bytes; @len: iovecs where the row says vec */
	uint32_t timeout_ms;
	uint64_t sqe[8]; /* the command, but for CID and data pointers */
	long ret;
	uint16_t slot;
	uint8_t state; /* enum host_call_state */
	struct iovec fixed; /* the registered buffer the data must be in; iov_base NULL: none */
	uint64_t result;    /* host_uring(): completion dwords 0 and 1, for @done to read */
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
 *                (from host_ioctl(), host_run() or host_dev_probe(), one call at a time)
 * @arm:          host_run() wants to be called at @deadline_ns of CLOCK_MONOTONIC, or earlier
 * @wait:         called over and over while the driver waits for the device in the calling thread
 *                (probing, reset, shutdown): do what the device waits for, such as store_run().
 *                May be NULL.
 */
struct host_params {
	unsigned int nr_io_queues;
	uint32_t io_timeout_ms, admin_timeout_ms; /* 0: 30 s, 60 s, as Linux */
	void (*namespaces)(void *opaque, struct host_dev *dev, const uint32_t *nsids,
			   unsigned int n);
	void (*arm)(void *opaque, uint64_t deadline_ns);
	void (*wait)(void *opaque);
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

/**
 * host_dev_changed() - the function did something without being asked (struct sim_fn_port)
 * To be called from there, for the function that @dev drives or could drive. Only notes it: host_run()
 * brings the device up again, or declares it dead. Any thread, also in the middle of a doorbell.
 */
void host_dev_changed(struct host_dev *dev, enum sim_fn_change what);

/**
 * host_fn_reset() - function level reset as Linux's pci_reset_function() does it: configuration
 * space is saved before and restored after. For a function that no driver has.
 * Return: 0, or -ENOTTY: it has none; -ENODEV: nobody is there.
 */
int host_fn_reset(struct sim_fn *fn);

/**
 * host_dev_fn_reset() - the same for a function that @dev drives: the driver stops it before, and
 * brings it up afterwards; what was in flight ends with -EINTR.
 * Return: as host_fn_reset(), or -EBUSY: it is being reset; -ENETRESET: it did not come back.
 */
int host_dev_fn_reset(struct host_dev *dev);

/**
 * host_dev_shutdown() - normal shutdown: queues deleted, CC.SHN, wait for CSTS.SHST
 * Calls still in flight end with -ENODEV. The function is not touched again after this, until
 * host_dev_probe() binds @dev to it (or to another function that was built with its ports) again.
 */
void host_dev_shutdown(struct host_dev *dev);

/**
 * host_dev_free() - end: calls still in flight are completed with -ENODEV first
 * A device that was not shut down is disabled, so its function must still be there.
 */
void host_dev_free(struct host_dev *dev);

/**
 * host_ioctl() - an ioctl on a node
 * @cmd: ioctl number; @arg: its argument in the client's address space
 * The return value, now or later, goes to @call->done: >= 0 or -errno, as Linux's nvme driver
 * (ENOTTY for what it does not know).
 */
void host_ioctl(struct host_node_ref node, unsigned int cmd, uint64_t arg, struct host_call *call);

/**
 * host_uring() - an io_uring command (IORING_OP_URING_CMD) on a node
 * @cmd_op: NVME_URING_CMD_IO and its like
 * @cmd:    what the SQE carries, copied out of the client's reach
 * @fixed:  IORING_URING_CMD_FIXED: the registered buffer @cmd->addr (or its iovecs) must be in,
 *          as the client's address and length; else NULL
 * @call->done gets the NVMe status with its DNR bit (>= 0, @call->result then is what a CQE's
 * big_cqe[0] holds) or -errno, as Linux's nvme_ns_chr_uring_cmd() and nvme_dev_uring_cmd().
 */
struct nvme_uring_cmd;
/** host_uring_gives() - the buffer that the device will read. Return: whether there is one. */
bool host_uring_gives(uint32_t cmd_op, const struct nvme_uring_cmd *cmd, struct iovec *buf);
/**
 * host_uring_any_order() - may it be carried out after its call, and in any order with others?
 * Not a vector, which is the program's again when the call returns, nor an admin command, nor a
 * write to a zone: these say where they begin, and have to come in order.
 */
bool host_uring_any_order(struct host_node_ref node, uint32_t cmd_op,
			  const struct nvme_uring_cmd *cmd);
void host_uring(struct host_node_ref node, uint32_t cmd_op, const struct nvme_uring_cmd *cmd,
		const struct iovec *fixed, struct host_call *call);

/**
 * host_plug() - what this thread submits to I/O queues need not start before host_unplug()
 *
 * The controller then finds all of it with one doorbell. Calls may end meanwhile all the same. The
 * devices of such calls must be there until host_unplug() has returned.
 */
void host_plug(void);
/** host_unplug() - start it */
void host_unplug(void);

/* how many threads may issue commands beside the main one without meeting in an I/O queue */
#define HOST_BESIDE 2u
/**
 * host_thread_io() - the calling thread issues commands beside the one that runs host_run()
 * @queue: the I/O queue it uses, counted from the last: who do so at the same time had better not meet
 * It leaves completions of admin commands, and what follows from them (scans), to that one, so
 * that &host_params.namespaces is never called from here.
 */
void host_thread_io(unsigned int queue);
/** host_thread_main() - not any more: it may run host_run() itself */
void host_thread_main(void);

/**
 * host_cancel() - the client of @call is gone or interrupted: give the command up
 * done() follows, with -EINTR unless the command ended first. The caller sees to it that done()
 * was not called yet.
 */
void host_cancel(struct host_call *call);

/**
 * host_run() - timeouts, completions that interrupts announced from other threads, rescans
 * Call after sim_run_timers(), after store_run(), and at the armed deadline. It arms anew what is
 * still to come.
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
	uint16_t sqsize;   /* of an I/O queue, 0's based */
	uint8_t cntrltype; /* CNTRLTYPE of Identify Controller */
	const char *state; /* "live", "resetting", "dead" */
	unsigned int nr_io_queues;
};
void host_dev_info(struct host_dev *dev, struct host_info *info);

/** host_ns_info() - of an active namespace. Return: 0 or -ENOENT */
struct host_ns_info {
	uint64_t nsze, nuse;
	uint32_t lba_size, meta_size;
	uint8_t csi, lbaf;
	uint8_t pi_type, pi_size; /* bytes of the tuple, 0 without */
	bool zoned;
	bool extended, pi_first;  /* metadata follows the data; PI is its first bytes */
	bool shared;
};
int host_ns_info(struct host_dev *dev, uint32_t nsid, struct host_ns_info *info);

/**
 * host_ns_ids() - identifiers of an active namespace, and what it uses now; asked of the controller
 * Return: 0, or -EIO: it does not answer.
 */
struct host_ns_ids {
	uint64_t nuse;
	bool has_uuid, has_nguid, has_eui64;
	uint8_t uuid[16], nguid[16], eui64[8];
};
int host_ns_ids(struct host_dev *dev, uint32_t nsid, struct host_ns_ids *ids);

/**
 * host_dev_space() - what namespaces can be made of, asked of the controller now
 * Return: 0, or -EIO: it does not answer.
 */
struct host_space {
	uint64_t total, unallocated; /* TNVMCAP, UNVMCAP: bytes, UINT64_MAX for more */
	uint32_t nn;
	uint32_t nsids[1024]; /* allocated, ascending */
	unsigned int nr_nsids;
};
int host_dev_space(struct host_dev *dev, struct host_space *space);

/* ---- for doors that must know beforehand which memory a call touches --------------------- */

#define HOST_RANGES_MAX 128 /* a direction; FUSE takes 256 in all */

/**
 * struct host_ranges - bytes of the client's memory an ioctl will read (@in) and write (@out)
 * The ranges of @in are in the order in which they become known: what came first says where
 * the next ones are.
 */
struct host_ranges {
	struct iovec in[HOST_RANGES_MAX], out[HOST_RANGES_MAX];
	unsigned int nr_in, nr_out;
};

/**
 * host_ioctl_ranges() - what host_ioctl() with the same arguments will read and write
 * @client: its @xfer is asked for each range of @in once that is listed in @r, and answers
 *          -EFAULT for what it does not have yet
 * @r:      receives the ranges
 * Return: 0 when the list is complete, 1 when more will be known once @r->in can be read, or
 * -errno: -EINVAL, -ENOTTY as host_ioctl(); -EMSGSIZE for more ranges than there is room for.
 */
int host_ioctl_ranges(struct host_node_ref node, unsigned int cmd, uint64_t arg,
		      struct host_client *client, struct host_ranges *r);

#endif /* NVMESIM_HOST_H */
