/* SPDX-License-Identifier: MIT */
/*
 * ports.h - what the device needs of the outside: host memory, interrupts, time, media, records that
 * survive. Part of sim.h, the face of core/.
 */
#ifndef NVMESIM_PORTS_H
#define NVMESIM_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** enum sim_err - what constructors and ports return, besides 0 */
enum sim_err {
	SIM_EINVAL = -1, /* a parameter is wrong */
	SIM_ENOMEM = -2, /* no memory */
	SIM_EIO = -3,	 /* the medium failed */
	SIM_ENOSPC = -4, /* the medium is full */
	SIM_EFAULT = -5, /* that host memory is not there, or may not be used so */
	SIM_ENOENT = -6, /* no such thing */
	SIM_EEXIST = -7, /* there is one already */
	SIM_EROFS = -8,	 /* the medium cannot be written */
};

/** struct sim_msg - room for the sentence a constructor leaves when it fails */
struct sim_msg {
	char text[256];
};

enum sim_dma_dir {
	SIM_DMA_READ,  /* host memory -> device */
	SIM_DMA_WRITE, /* device -> host memory */
	/* likewise, with the memory of a store that is not solid: nobody but the kernel may touch
	   it */
	SIM_DMA_WRITE_UNSEEN,
	SIM_DMA_READ_UNSEEN,
	/* as SIM_DMA_WRITE, of memory that stays as it is until @settle: it may be read until then
	 */
	SIM_DMA_LEND,
};

#define SIM_LENT 1 /* struct sim_dma_port.xfer: of what was lent some is still to be read */

static inline bool sim_dma_reads(enum sim_dma_dir dir)
{
	return dir == SIM_DMA_READ || dir == SIM_DMA_READ_UNSEEN;
}

/**
 * struct sim_dma_vec - one contiguous move
 * @iova: address in the function's I/O virtual address space
 * @buf:  device-side memory (the store's own memory where the store can give it)
 * @len:  bytes
 */
struct sim_dma_vec {
	uint64_t iova;
	void *buf;
	size_t len;
};

/**
 * struct sim_dma_port - the function's bus master side
 * @xfer: move @n vectors, all or (on error) any part of them. Return: 0, %SIM_LENT or %SIM_EFAULT.
 * @map:  address of @len contiguous bytes of host memory at @iova that stay valid until the
 *        function is reset, or NULL if this memory must be reached with @xfer. Used for queues.
 * @settle: move what was lent on this thread and is not moved yet. Called before the commands
 * complete that lent it, on the thread that rang the doorbell, and before that returns; and when an
 *        @xfer has failed, which may have been lent something. NULL: nothing
 *        is ever lent.
 */
struct sim_dma_port {
	int (*xfer)(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec, unsigned int n);
	void *(*map)(void *opaque, uint64_t iova, size_t len);
	void (*settle)(void *opaque);
	void *opaque;
};

/**
 * struct sim_irq_port - interrupts
 * @msix: send the message of @vector (already unmasked, MSI-X enabled)
 * @intx: level of the legacy pin, when MSI-X is off
 */
struct sim_irq_port {
	void (*msix)(void *opaque, uint16_t vector, uint64_t addr, uint32_t data);
	void (*intx)(void *opaque, bool level);
	void *opaque;
};

/**
 * struct sim_clock_port - time
 * @now_ns:  monotonic nanoseconds
 * @wall_ms: milliseconds since 1970-01-01 UTC
 * @arm:     the earliest deadline moved to @deadline_ns: call sim_run_timers() then
 *           (UINT64_MAX: no deadline). May be NULL.
 */
struct sim_clock_port {
	uint64_t (*now_ns)(void *opaque);
	uint64_t (*wall_ms)(void *opaque);
	void (*arm)(void *opaque, uint64_t deadline_ns);
	void *opaque;
};

struct sim_fn; /* a PCI function with its controller */

/** enum sim_fn_change - what happened to a function without a register access of its driver's */
enum sim_fn_change {
	SIM_FN_VFS,	/* a PF's VFs came or went: sim_fn_nr_vfs() */
	SIM_FN_RESET,	/* it was reset: configuration space and registers are at their defaults */
	SIM_FN_ONLINE,	/* a secondary controller went online, with the resources it has now */
	SIM_FN_OFFLINE, /* ... or offline: it has no resources, CSTS.CFS is 1 */
	SIM_FN_GONE,	/* it was pulled out: everything reads as ones */
};

/**
 * struct sim_fn_port - news of a function
 * @changed: it happened. Called with no lock of core's held, on the thread that caused it (perhaps in
 *           the middle of the driver's own doorbell write, or of another function's); unlike the other
 *           ports' callbacks it may call core, but sim_fn_remove() and sim_subsys_free(). May be NULL.
 */
struct sim_fn_port {
	void (*changed)(void *opaque, struct sim_fn *fn, enum sim_fn_change what);
	void *opaque;
};

/**
 * struct sim_vf_port - the ports of a PF's virtual functions
 * @ports: called by sim_fn_add() for each VF @vf (1 to sriov_max_vfs): fill in the three, which are
 *         those of the PF at first. Return: 0, or a negative enum sim_err. NULL: those of the PF do.
 */
struct sim_vf_port {
	int (*ports)(void *opaque, unsigned int vf, struct sim_dma_port *dma,
		     struct sim_irq_port *irq, struct sim_fn_port *news);
	void *opaque;
};

/**
 * struct sim_pmr_port - memory that survives: a Persistent Memory Region
 * @mem:  its bytes, ordinary memory until the function is freed; NULL: there is no such region
 * @size: a power of two, 16 at least
 * @sync: what was stored survives a power cut when it returns. Return: 0 or %SIM_EIO
 */
struct sim_pmr_port {
	void *mem;
	uint64_t size;
	int (*sync)(void *opaque);
	void *opaque;
};

struct sim_store;

/**
 * struct sim_store_ops - a medium of bytes
 * @map:   address of the medium's own memory for @len bytes at @off, for DMA only: core does not
 *         dereference it, unless the store is @solid. With @write, the space is reserved before it returns, so that a full
 *         disk is found here. NULL pointer in *@ptr and 0 returned: no direct memory, use
 *         @read/@write.
 * @read, @write: through a buffer.
 * @zero:  make [@off, @off + @len) read as zeroes; @unmap: release the space where possible.
 * @flush: make everything written durable, then call @done(@arg, 0 or %SIM_EIO), possibly before
 *         flush returns (but then no other flush's @done), possibly later from another thread.
 * @check: after a failed DMA from or to mapped memory: 0 when the medium's memory is sound there
 *         (so the host's side failed), else %SIM_EIO or %SIM_ENOSPC.
 * @used:  bytes of the medium that are allocated.
 * @next_data: the first run of bytes at or behind @off that may hold something else than zeroes:
 *         [*@start, *@end). %SIM_ENOENT: there is none. May say too much, never too little.
 * All return 0 or a negative enum sim_err unless said otherwise.
 */
struct sim_store_ops {
	int (*map)(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr);
	int (*read)(struct sim_store *st, uint64_t off, void *buf, size_t len);
	int (*write)(struct sim_store *st, uint64_t off, const void *buf, size_t len);
	int (*zero)(struct sim_store *st, uint64_t off, uint64_t len, bool unmap);
	void (*flush)(struct sim_store *st, void (*done)(void *arg, int err), void *arg);
	int (*check)(struct sim_store *st, uint64_t off, size_t len, bool write);
	uint64_t (*used)(struct sim_store *st);
	int (*next_data)(struct sim_store *st, uint64_t off, uint64_t *start, uint64_t *end);
};

#define SIM_PART (64u << 10) /* bytes */

/**
 * struct sim_part_ops - of a solid store whose memory can be exchanged, so that what was gathered
 *                       and checked is on the medium without being copied again
 * The medium is parts of %SIM_PART bytes. A part lies together in memory, and the next one may lie
 * elsewhere: what @map of such a store is asked for has to lie together.
 * @together: how many of the @len bytes at @off lie together, from @off on
 * @get:  spare memory for a part, holding anything; any thread may ask. NULL: there is none at hand
 * @put:  memory that get() gave, back again
 * @swap: memory that get() gave is the medium's [@off, @off + %SIM_PART) from now on, a whole part;
 *        what was there is spare. Nobody else is at work on these bytes. It cannot fail.
 */
struct sim_part_ops {
	size_t (*together)(struct sim_store *st, uint64_t off, size_t len);
	void *(*get)(struct sim_store *st);
	void (*put)(struct sim_store *st, void *part);
	void (*swap)(struct sim_store *st, uint64_t off, void *part);
};

/**
 * struct sim_store - embedded first in an implementation; @size in bytes
 * @fresh: made just now, all zeroes: what the journal's areas know of a medium in its place is of
 *         another one. Core takes it back once it has taken note.
 * @solid: what @map gives is ordinary memory, with room for all of it: core may look into it, and
 *         an access never fails
 * @parts: its memory can be exchanged, and ends with the process; else NULL
 */
struct sim_store {
	const struct sim_store_ops *ops;
	const struct sim_part_ops *parts;
	uint64_t size;
	bool readonly;
	bool solid;
	bool fresh;
};

/**
 * struct sim_journal_port - what survives
 * @put:  write record (@type, @key); it survives the death of the process when put returns.
 * @get:  the newest record's length, at most @len bytes of it copied to @buf; %SIM_ENOENT.
 *        *@version is the version it was written with.
 * @cell: @len bytes (a multiple of 8) of memory that survives the death of the process by itself;
 *        zeroed when new. For counters. NULL: no such memory.
 * @sync: everything put, and the cells and areas, survive a power cut when this returns.
 * @area: @len bytes of memory, sparse: it costs what was written to. It survives the death of the
 *        process where records do. *@fresh: it is new, all zeroes; else it holds what it held,
 *        and had the same @len. NULL: no memory. Given also where nothing survives (@put NULL).
 *        @fresh NULL: memory that need not survive; it is zeroed and needs no room.
 * @area_free: the end of its use; @forget: its contents are not wanted again
 * @area_reserve: have room for [@off, @off + @len) of the area at @mem before it is written to the
 *        first time; its contents stay. Return: 0, or %SIM_ENOSPC, %SIM_EIO: there is none, and
 *        touching it would be the death of the process. NULL: areas need no room.
 * @area_punch: the whole pages of [@off, @off + @len) of the area at @mem are zeroes, and cost
 *        nothing and have no room until they are written to again. Nobody looks at them meanwhile.
 *        Where it cannot be done, or NULL: they stay as they are.
 * @boot: another number after a power cut, never 0: tells whether what a killed process left can
 *        be complete. NULL: cannot be told.
 */
struct sim_journal_port {
	int (*put)(void *opaque, uint16_t type, uint64_t key, uint16_t version, const void *buf,
		   uint32_t len);
	int (*get)(void *opaque, uint16_t type, uint64_t key, uint16_t *version, void *buf,
		   uint32_t len);
	void *(*cell)(void *opaque, uint16_t type, uint64_t key, uint32_t len);
	int (*sync)(void *opaque);
	void *(*area)(void *opaque, uint16_t type, uint64_t key, uint64_t len, bool *fresh);
	void (*area_free)(void *opaque, uint16_t type, uint64_t key, void *mem, uint64_t len,
			  bool forget);
	void *opaque;
	int (*area_reserve)(void *opaque, void *mem, uint64_t off, uint64_t len);
	uint64_t (*boot)(void *opaque);
	void (*area_punch)(void *opaque, void *mem, uint64_t off, uint64_t len);
};

/**
 * struct sim_backing_port - media of the namespaces that hosts create (Namespace Management)
 * @make: a medium of @size bytes, all zeroes, for namespace @nsid; what an older namespace of that
 *        NSID left is gone. Whether it survives is as with the journal's records.
 * @open: the one made earlier, after a restart
 * @drop: the namespace is deleted: the medium is not used any more (a flush that it has begun still
 *        ends, later), and its contents are forgotten
 * Called with the subsystem's writer side held: no flush may be completed from within.
 */
struct sim_backing_port {
	int (*make)(void *opaque, uint32_t nsid, uint64_t size, struct sim_store **st);
	int (*open)(void *opaque, uint32_t nsid, struct sim_store **st);
	void (*drop)(void *opaque, uint32_t nsid, struct sim_store *st);
	void *opaque;
};

#endif /* NVMESIM_PORTS_H */
