/* SPDX-License-Identifier: MIT */
/*
 * sim.h - the device side: NVM subsystems, controllers, namespaces.
 *
 * This is the face of core/. It knows no operating system: whatever the device needs of the
 * outside comes in through ports (ports.h: host memory, interrupts, time, media,
 * persistent records), and a host drives it as it drives hardware: configuration space,
 * registers, queues in host memory, doorbells.
 *
 * Threads: sim_mmio_write() to doorbells, sim_mmio_read() and sim_run_timers() may be called
 * from several threads at once. A port callback must not call back into core, except that a store
 * may call its flush callback from anywhere.
 */
#ifndef NVMESIM_SIM_H
#define NVMESIM_SIM_H

#include "ports.h"

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
