/* SPDX-License-Identifier: MIT */
/*
 * sim.h - the device side: NVM subsystems, controllers, namespaces.
 *
 * This is the face of core/. It knows no operating system: whatever the device needs of the
 * outside comes in through the ports declared here (host memory, interrupts, time, media,
 * persistent records), and a host drives it as it drives hardware: configuration space,
 * registers, queues in host memory, doorbells.
 *
 * Threads: sim_mmio_write() to doorbells, sim_mmio_read() and sim_run_timers() may be called
 * from several threads at once. A port callback must not call back into core, except that a store
 * may call its flush callback from anywhere.
 */
#ifndef NVMESIM_SIM_H
#define NVMESIM_SIM_H

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

/* ---- ports ------------------------------------------------------------------------------ */

enum sim_dma_dir {
	SIM_DMA_READ,  /* host memory -> device */
	SIM_DMA_WRITE, /* device -> host memory */
	/* likewise, with the memory of a store that is not solid: nobody but the kernel may touch it */
	SIM_DMA_WRITE_UNSEEN,
	SIM_DMA_READ_UNSEEN,
};

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
 * @xfer: move @n vectors, all or (on error) any part of them. Return: 0 or %SIM_EFAULT.
 * @map:  address of @len contiguous bytes of host memory at @iova that stay valid until the
 *        function is reset, or NULL if this memory must be reached with @xfer. Used for queues.
 */
struct sim_dma_port {
	int (*xfer)(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec, unsigned int n);
	void *(*map)(void *opaque, uint64_t iova, size_t len);
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

/* ---- building --------------------------------------------------------------------------- */

/**
 * struct sim_zoned_params - what makes a namespace a zoned one; names, meaning and defaults are
 * those of QEMU's `zoned.*` keys. Zone sizes need not be powers of two.
 */
struct sim_zoned_params {
	bool on;
	uint64_t zone_size;	       /* bytes; 0: 128 MiB */
	uint64_t zone_capacity;	       /* bytes; 0: as @zone_size */
	uint32_t descr_ext_size;       /* Zone Descriptor Extension, bytes, a multiple of 64 */
	bool cross_read;	       /* a read may cross zones */
	uint32_t max_active, max_open; /* 0: no limit */
	uint32_t numzrwa;	       /* 0: as many as there are zones */
	uint64_t zrwas;		       /* Zone Random Write Area, bytes; 0: none */
	uint64_t zrwafg; /* its flush granularity, bytes; UINT64_MAX: a logical block */
};

#define SIM_RUHS_MAX 128 /* of an endurance group; placement handles of a namespace */

/** struct sim_ruhs - reclaim unit handles of a namespace, by placement handle; @nr 0: none asked
 * for */
struct sim_ruhs {
	uint16_t nr;
	uint16_t ruhid[SIM_RUHS_MAX];
};

/** enum sim_fdp_victim - which reclaim unit is collected when free ones run low */
enum sim_fdp_victim {
	SIM_FDP_GREEDY,	      /* the one with the least valid blocks */
	SIM_FDP_COST_BENEFIT, /* (1 - u) / 2u, times its age */
};

/** struct sim_fdp_params - Flexible Data Placement of a subsystem's one endurance group
 * @runs: Reclaim Unit Nominal Size, bytes; @nrg: reclaim groups; @nruh: reclaim unit handles
 * @op:   over-provisioning: reclaim units beyond what the capacity takes, percent of it
 * @persistent: handles are Persistently, not Initially, Isolated
 * @erutl: Estimated Reclaim Unit Time Limit, seconds that a handle references a unit that has been
 *         written to; 0: no limit
 */
struct sim_fdp_params {
	bool on;
	uint64_t runs;
	uint32_t nrg;
	uint16_t nruh;
	uint32_t op;
	bool persistent;
	enum sim_fdp_victim victim;
	uint32_t erutl;
};

struct sim_subsys;

/**
 * struct sim_subsys_params - an NVM subsystem
 * @nqn:     NVM Subsystem Qualified Name, whole (at most 223 bytes)
 * @clock:   time
 * @journal: what survives; NULL opaque and callbacks: nothing does
 * @backing: media for namespaces that hosts create; NULL callbacks: none can be created
 * @capacity: Total NVM Capacity, bytes; 0: what the namespaces added with sim_ns_add() take
 * @multi: it was configured as a subsystem of its own, for several controllers: CMIC says so, and
 *         asymmetric namespace access is reported
 * @fdp:   Flexible Data Placement
 */
struct sim_subsys_params {
	const char *nqn;
	struct sim_clock_port clock;
	struct sim_journal_port journal;
	struct sim_backing_port backing;
	uint64_t capacity;
	bool multi;
	struct sim_fdp_params fdp;
};

/** struct sim_ctrl_params - a controller; names and meaning are QEMU's `nvme` device's */
struct sim_ctrl_params {
	char serial[21];
	char model[41];
	char firmware_version[9];
	uint32_t max_ioqpairs;	/* 1..65535 */
	uint16_t msix_qsize;	/* 1..2048 vectors */
	uint16_t mqes;		/* 0's based, >= 1 */
	uint8_t mdts;		/* 2^mdts * 4 KiB; 1..9 */
	uint8_t vsl;		/* Verify size limit, 2^vsl * 4 KiB */
	uint8_t aerl;		/* 0's based */
	uint32_t aer_max_queued;
	bool use_intel_id;
	bool ctratt_mem;	/* MDTS and the like do not count metadata (CTRATT.MEM) */
	bool atomic_dn;		/* Write Atomicity Normal, Disable Normal at power on */
	uint16_t awun, awupf;	/* 0's based logical blocks */
	uint8_t zasl;		/* Zone Append size limit, 2^zasl * 4 KiB; 0: as @mdts */
	bool no_auto_transition; /* implicitly opened zones are not closed to make room */
	/* SR-IOV: VFs (0: none); queue and interrupt resources that are flexible, and how many of
	 * them a VF can have (0: an equal share) */
	uint16_t sriov_max_vfs, sriov_vq_flexible, sriov_vi_flexible;
	uint32_t sriov_max_vi_per_vf, sriov_max_vq_per_vf;
	uint32_t cmb_size_mb;	 /* Controller Memory Buffer, MiB; 0: none */
	bool legacy_cmb;	 /* its registers as in revision 1.3 of the specification */
	bool msix_exclusive_bar; /* MSI-X table and pending bits in BAR 4 */
	bool no_dbcs;		 /* no Doorbell Buffer Config command */
	bool ocp;		 /* log page C0h of the OCP specification */
	uint64_t hmb_size;	 /* Host Memory Buffer wanted (HMPRE), bytes; 0: none */
	struct sim_pmr_port pmr;
	/**
	 * @copy: move @len bytes between the memory of a store that is not solid and BAR memory
	 * (data pointers may lead there). Return: 0 or %SIM_EFAULT. NULL: it can be touched.
	 */
	int (*copy)(void *to, const void *from, size_t len);
	struct sim_dma_port dma;
	struct sim_irq_port irq;
	struct sim_fn_port news;
	struct sim_vf_port vf;
};

/** struct sim_ns_params - a namespace */
struct sim_ns_params {
	uint32_t nsid; /* 0: the lowest free one */
	uint8_t uuid[16];
	uint8_t nguid[16];
	uint64_t eui64; /* in host order; 0: none */
	uint32_t logical_block_size;
	uint32_t physical_block_size;
	bool write_cache; /* volatile write cache enabled at power on */
	bool shared;	  /* may be attached to several controllers */
	struct sim_store *store; /* stays the caller's */
	bool detached;	  /* attached to no controller at first */
	bool host_made;	  /* a host created it: @zoned is as configured for other block sizes */
	uint16_t ms;	  /* metadata bytes of a block */
	uint8_t mset;	  /* 1: metadata follows the data, an extended logical block */
	uint8_t pi;	  /* protection information type 0 (none) to 3 */
	uint8_t pil;	  /* 1: it is the first bytes of the metadata, else the last */
	uint8_t pif;	  /* 0: 16-bit guard, 1: 32-bit, 2: 64-bit */
	uint16_t mssrl;	  /* Copy: Maximum Single Source Range Length, blocks */
	uint32_t mcl;	  /* Copy: Maximum Copy Length, blocks */
	uint8_t msrc;	  /* Copy: Maximum Source Range Count, 0's based */
	uint16_t nawun, nawupf, nabsn, nabspf, nabo; /* as in Identify Namespace */
	bool mam;	  /* Multiple Atomicity Mode */
	uint32_t min_io_size, opt_io_size, discard_granularity; /* bytes; 0, 0, UINT32_MAX: not given */
	struct sim_zoned_params zoned;
	struct sim_ruhs ruhs; /* by placement handle, in a subsystem with FDP */
};

/** enum sim_ana_state - Asymmetric Namespace Access State, as in log page 0Ch */
enum sim_ana_state {
	SIM_ANA_OPTIMIZED = 0x1,
	SIM_ANA_NON_OPTIMIZED = 0x2,
	SIM_ANA_INACCESSIBLE = 0x3,
	SIM_ANA_PERSISTENT_LOSS = 0x4,
	SIM_ANA_CHANGE = 0xf,
};

#define SIM_NN 256 /* namespaces a subsystem can have: Identify Controller NN */

/**
 * sim_subsys_new() - build an empty NVM subsystem
 * @p:   parameters; copied
 * @msg: sentence for the person, on failure
 * Return: the subsystem, or NULL.
 */
struct sim_subsys *sim_subsys_new(const struct sim_subsys_params *p, struct sim_msg *msg);

/**
 * sim_subsys_free() - power off: nothing is notified, what is not persistent is gone
 * No other call may be running. Flushes the stores have not finished may finish later.
 */
void sim_subsys_free(struct sim_subsys *s);

/**
 * sim_ns_add() - add a configured namespace
 * @fn: the function a private one is attached to; NULL: the only one there is. A shared namespace is
 *      attached to every controller, those to come included; a detached one to none.
 * What hosts made of it earlier holds where a journal knows: its format, what it is attached to. If a
 * host deleted it, it is not there, its capacity is free, and its NSID is the return value all the
 * same; the store is not used then.
 * Return: the NSID (> 0), or a negative enum sim_err with a sentence in @msg.
 */
int64_t sim_ns_add(struct sim_subsys *s, struct sim_fn *fn, const struct sim_ns_params *p,
		   struct sim_msg *msg);

/**
 * sim_fn_add() - add a PCI function with a controller
 * Return: the function, or NULL with a sentence in @msg.
 */
struct sim_fn *sim_fn_add(struct sim_subsys *s, const struct sim_ctrl_params *p,
			  struct sim_msg *msg);

/**
 * sim_fn_unplug() - pull a function out, with what is under it (its VFs), without asking its driver
 * Configuration space and BARs read as ones from now on, no DMA and no interrupt comes any more, what
 * was in flight gets no completion; &sim_fn_port.changed tells. @fn stays valid. Not for a VF.
 */
void sim_fn_unplug(struct sim_fn *fn);

/**
 * sim_fn_remove() - a function that nobody drives any more is taken out of its subsystem, and freed
 * with its VFs. Unplugs it first. Its namespaces stay in the subsystem, detached from it; its
 * controller identifier is free. No other call with @fn or a VF of it may be running, nor
 * sim_run_timers(). Not for a VF.
 */
void sim_fn_remove(struct sim_fn *fn);

/** sim_fn_nr_vfs() - VFs there are now: NumVFs while VF Enable is set, else 0 */
unsigned int sim_fn_nr_vfs(const struct sim_fn *pf);
/**
 * sim_fn_vf() - virtual function @vf (1 to sriov_max_vfs) of @pf
 * It is there from sim_fn_add() on, but answers with all ones unless @vf <= sim_fn_nr_vfs(@pf).
 * Return: the function, or NULL: no such one.
 */
struct sim_fn *sim_fn_vf(const struct sim_fn *pf, unsigned int vf);
/** sim_fn_pf() - Return: the PF of a VF; NULL: @fn is none */
struct sim_fn *sim_fn_pf(const struct sim_fn *fn);

/**
 * sim_subsys_restore() - the namespaces that hosts created before a restart are there again
 * Once, when the configured controllers and namespaces have been added.
 * Return: 0, or a negative enum sim_err with a sentence in @msg.
 */
int sim_subsys_restore(struct sim_subsys *s, struct sim_msg *msg);

/**
 * sim_ana_set() - the access state of namespace @nsid (0: of all) through @fn's controller
 * The controller's hosts get an event. Volatile, as the paths it describes are.
 * Return: 0, or %SIM_ENOENT: no such namespace; %SIM_EINVAL: not a state, or a subsystem that
 * reports none.
 */
int sim_ana_set(struct sim_fn *fn, uint32_t nsid, enum sim_ana_state state);
/** sim_ana_get() - Return: the state, or %SIM_ENOENT */
int sim_ana_get(struct sim_fn *fn, uint32_t nsid);

/* ---- zoned namespaces, from outside ------------------------------------------------------- */

/** enum sim_zone_state - Zone State, as in a Zone Descriptor (ZNS Command Set 1.1, figure 37) */
enum sim_zone_state {
	SIM_ZS_EMPTY = 0x1,
	SIM_ZS_IMPLICIT_OPEN = 0x2,
	SIM_ZS_EXPLICIT_OPEN = 0x3,
	SIM_ZS_CLOSED = 0x4,
	SIM_ZS_READ_ONLY = 0xd,
	SIM_ZS_FULL = 0xe,
	SIM_ZS_OFFLINE = 0xf,
};

/** struct sim_zones_info - a zoned namespace; sizes in logical blocks, @zdes in bytes
 * Limits 0: none. @nr_zrwa: zones that have a Zone Random Write Area. */
struct sim_zones_info {
	uint64_t nr_zones, zsze, zcap;
	uint32_t block_size, zdes;
	uint32_t max_active, max_open, numzrwa;
	uint32_t nr_active, nr_open, nr_zrwa;
	uint64_t zrwas, zrwafg;
};
/** struct sim_zone_info - a zone; @wp is not valid (all ones) where the state has none
 * @attrs: Zone Attributes, as in a Zone Descriptor */
struct sim_zone_info {
	uint64_t zslba, zcap, wp;
	enum sim_zone_state state;
	uint8_t attrs;
};
/** sim_zones_info() - Return: 0; %SIM_ENOENT: no such namespace; %SIM_EINVAL: it is not zoned */
int sim_zones_info(struct sim_subsys *s, uint32_t nsid, struct sim_zones_info *info);
/** sim_zones_get() - up to @n zones from zone number @first on. Return: how many, or as above */
int64_t sim_zones_get(struct sim_subsys *s, uint32_t nsid, uint64_t first, uint64_t n,
		      struct sim_zone_info *zones);

/** enum sim_zone_act - what can happen to a zone that no host has asked for */
enum sim_zone_act {
	SIM_ZA_READ_ONLY, /* the zone goes to state Read Only; its data stays */
	SIM_ZA_OFFLINE,	  /* ... Offline; its data is gone */
	SIM_ZA_FINISH,	  /* Zone Finished by Controller: Full, attribute ZFC */
	SIM_ZA_FINISH_RECOMMENDED, /* attribute FZR */
	SIM_ZA_RESET_RECOMMENDED,  /* attribute RZR */
	SIM_ZA_CLEAR,	  /* FZR and RZR are taken back */
};
/**
 * sim_zone_act() - do it to the zone that begins at @zslba, and tell the hosts (Changed Zone List)
 * Return: 0; %SIM_ENOENT: no such namespace or zone; %SIM_EINVAL: it is not zoned, or the zone's state
 * does not allow it; @msg has the sentence.
 */
int sim_zone_act(struct sim_subsys *s, uint32_t nsid, uint64_t zslba, enum sim_zone_act act,
		 struct sim_msg *msg);

/* ---- Flexible Data Placement, from outside ------------------------------------------------- */

/** struct sim_fdp_info - the endurance group; bytes, and numbers of reclaim units */
struct sim_fdp_info {
	bool enabled;
	uint64_t runs;
	uint32_t nrg;
	uint16_t nruh;
	uint64_t hbmw, mbmw, mbe; /* Host, Media Bytes with Metadata Written; Media Bytes Erased */
	uint64_t nr_ru, nr_free;
	uint64_t collections, moved; /* reclaim units collected; bytes moved by it */
};
/** struct sim_fdp_ru - a reclaim unit; @valid and @written in bytes; @ruhid 0xffff: no handle's
 * @state: 0 free, 1 being written through a handle (or by collection), 2 written */
struct sim_fdp_ru {
	uint32_t rg;
	uint16_t ruhid;
	uint8_t state;
	uint64_t valid, written;
};
/** struct sim_fdp_ruh - a handle of the group, its RU in reclaim group @rg
 * @ruha: RUH Attributes as in log page 21h: 0 unused, 1 host specified, 2 controller specified
 * @hosted: bytes hosts have written through it */
struct sim_fdp_ruh {
	uint16_t ruhid;
	uint32_t rg;
	uint8_t ruha;
	uint64_t ruamw; /* bytes */
	uint64_t hosted;
};
/** struct sim_fdp_sample - the statistics as they once were, bytes */
struct sim_fdp_sample {
	uint64_t hbmw, mbmw;
};
/** sim_fdp_info() - Return: 0, or %SIM_ENOENT: the subsystem has no such endurance group */
int sim_fdp_info(struct sim_subsys *s, struct sim_fdp_info *info);
/** sim_fdp_rus(), sim_fdp_ruhs() - up to @n from number @first on (handles: ruhid * nrg + rg)
 * Return: how many, or as above */
int64_t sim_fdp_rus(struct sim_subsys *s, uint64_t first, uint64_t n, struct sim_fdp_ru *ru);
int64_t sim_fdp_ruhs(struct sim_subsys *s, uint64_t first, uint64_t n, struct sim_fdp_ruh *ruh);
/**
 * sim_fdp_history() - how the statistics came to be what they are, since this power on: the oldest
 * sample first, the last one is of now
 * Return: how many, at most @n and SIM_FDP_HISTORY; or as above.
 */
#define SIM_FDP_HISTORY 257
int64_t sim_fdp_history(struct sim_subsys *s, uint64_t n, struct sim_fdp_sample *sample);

/* ---- driving ---------------------------------------------------------------------------- */

/**
 * sim_cfg_read() - read PCI configuration space
 * @off:  byte offset, naturally aligned to @size, below 4096
 * @size: 1, 2 or 4
 * Return: the value; all ones outside; as many ones as asked for where no function is.
 */
uint32_t sim_cfg_read(struct sim_fn *fn, uint32_t off, unsigned int size);

/** sim_cfg_write() - write PCI configuration space, through the write masks; starts FLR */
void sim_cfg_write(struct sim_fn *fn, uint32_t off, unsigned int size, uint32_t val);

/** sim_bar_size() - bytes of BAR @bar (0 when there is none); PCI local bus specification */
uint64_t sim_bar_size(struct sim_fn *fn, unsigned int bar);

/**
 * sim_bar_map() - memory behind a BAR (Controller Memory Buffer, Persistent Memory Region), directly
 * @len: receives how many bytes there are at @off
 * What is written there is there for the controller at once. To be asked again for every use: a
 * register or configuration write, or a reset, may take the address away (the memory itself stays
 * until the function is freed).
 * Return: the memory, or NULL: registers, or nothing that answers; use sim_mmio_read(), _write().
 */
void *sim_bar_map(struct sim_fn *fn, unsigned int bar, uint64_t off, uint64_t *len);

/**
 * sim_mmio_read() - read a BAR
 * @off: byte offset; @size: 4 or 8, aligned. Other accesses to registers return 0 (NVMe base,
 *       3.1.4); of BAR memory 1, 2, 4 and 8 bytes can be read at any offset.
 */
uint64_t sim_mmio_read(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size);

/**
 * sim_mmio_write() - write a BAR; a submission queue doorbell runs the controller on this thread
 */
void sim_mmio_write(struct sim_fn *fn, unsigned int bar, uint64_t off, unsigned int size,
		    uint64_t val);

enum sim_reset {
	SIM_RESET_FLR,	       /* function level reset */
	SIM_RESET_HOT,	       /* hot reset, link down: sticky bits stay */
	SIM_RESET_CONVENTIONAL, /* power: nothing stays */
};

/** sim_fn_reset() - PCI-level reset of a function */
void sim_fn_reset(struct sim_fn *fn, enum sim_reset kind);

/** sim_run_timers() - do what is due. Return: the next deadline in ns, or UINT64_MAX. */
uint64_t sim_run_timers(struct sim_subsys *s);

/**
 * struct sim_hmb_info - the Host Memory Buffer as the controller has it
 * @enabled: the host has lent @size bytes in @nr_descs pieces
 * @returned: it said that it returns what the controller had before (Memory Return), and
 * @intact:  what the controller finds in it is what it had left there
 */
struct sim_hmb_info {
	bool enabled, returned, intact;
	uint64_t size;
	uint32_t nr_descs;
};
void sim_hmb_info(struct sim_fn *fn, struct sim_hmb_info *info);

/**
 * sim_smart_warn() - Critical Warning bits that the SMART / Health log page has besides those the device
 * finds itself (QEMU's smart_critical_warning); new ones are reported to a host that enabled them
 * Return: 0, or %SIM_EINVAL: a bit that is reserved, or of a Persistent Memory Region there is none of.
 */
int sim_smart_warn(struct sim_fn *fn, uint8_t warning);
/** sim_smart_warned() - Return: what was given last, 0 at first */
uint8_t sim_smart_warned(struct sim_fn *fn);

/** sim_fn_cntlid() - Controller Identifier of the function's controller */
uint16_t sim_fn_cntlid(const struct sim_fn *fn);

/* ---- generated pages: spec coverage in docs/ comes from the tables themselves ------------- */

/** struct sim_row - a row of one of core's tables, for documents, traces and tests */
struct sim_row {
	const char *table; /* "admin", "nvm", "log", "feature", "identify", "register", "pci" */
	uint32_t id;
	const char *name;
};

/** sim_table_rows() - calls @cb for every row of every table */
void sim_table_rows(void (*cb)(void *arg, const struct sim_row *row), void *arg);

/** sim_cmd_name() - name of an opcode, for traces; never NULL */
const char *sim_cmd_name(bool admin, uint8_t opcode);

#endif /* NVMESIM_SIM_H */
