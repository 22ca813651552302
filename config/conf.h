/* SPDX-License-Identifier: MIT */
/*
 * conf.h - what the user asked for: one model, two readers. Face of config/.
 *
 * Keys live in one table (keys.c); help, the man page's key lists, nvmesim.conf.example and both
 * readers come from it. The reader of words takes QEMU's -drive/-device arguments, the reader of
 * files takes nvmesim.conf. Errors are one line: where, key, what is allowed.
 */
#ifndef NVMESIM_CONF_H
#define NVMESIM_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONF_DEFAULT_SIZE (1ull << 30) /* a namespace that names no size */
#define CONF_NQN_PREFIX "nqn.2019-08.org.qemu:" /* before what the user says */

/** struct conf_where - where a word came from: "FILE:LINE", "-device W (argument 3)" */
struct conf_where {
	char text[512];
};

/** struct conf_drive - -drive, or a namespace's own `file`/`size` keys */
struct conf_drive {
	struct conf_where where;
	char id[64];
	char *file;    /* NULL: RAM */
	uint64_t size; /* 0: the file's own, or CONF_DEFAULT_SIZE */
	bool readonly;
	bool null; /* driver=null-co: keeps nothing */
	bool used; /* by a namespace */
	int format, iface; /* format= and if=: each has one value so far */
};

#define CONF_MAX_RUHS 128 /* reclaim unit handles of a subsystem */

/** struct conf_fdp - the `fdp` keys of a subsystem */
struct conf_fdp {
	bool on;
	uint64_t runs; /* bytes */
	uint32_t nrg;
	uint16_t nruh;
	uint32_t op;	 /* percent */
	int isolation;	 /* 0: initial, 1: persistent */
	int victim;	 /* 0: greedy, 1: cost-benefit */
	uint32_t erutl;	 /* seconds; 0: no limit */
};

/** struct conf_subsys - [subsystem X], -device nvme-subsys */
struct conf_subsys {
	struct conf_where where;
	char id[64];
	char *nqn; /* what follows "nqn.2019-08.org.qemu:"; NULL: the id */
	uint64_t capacity; /* TNVMCAP, bytes; 0: what the namespaces take */
	struct conf_fdp fdp;
};

enum conf_onoffauto { CONF_AUTO, CONF_ON, CONF_OFF };

/** struct conf_ctrl - [controller X], -device nvme */
struct conf_ctrl {
	struct conf_where where;
	char id[64];
	char *serial, *model, *firmware_version;
	char *subsys; /* id, or NULL */
	char *drive;  /* id of the drive of the legacy namespace, or NULL */
	char *bus;    /* PCI bus, or NULL: one of its own */
	int32_t addr; /* PCI device and function, 7:0; -1: any */
	bool multifunction;
	uint16_t sriov_max_vfs, sriov_vq_flexible, sriov_vi_flexible;
	uint32_t sriov_max_vi_per_vf, sriov_max_vq_per_vf;
	uint32_t max_ioqpairs, num_queues;
	uint8_t smart_critical_warning;
	uint32_t cmb_size_mb;
	bool legacy_cmb, dbcs, msix_exclusive_bar;
	bool ocp;
	bool ioeventfd; /* changes nothing: see its key */
	uint64_t hmb_size; /* bytes */
	char *pmrdev;	   /* id of a memory, or NULL */
	char *pmr;	   /* path of a file of its own instead, or NULL */
	uint64_t pmr_size; /* of that file; 0: its own */
	int memory_index;  /* in conf.memory, once linked; -1: none */
	uint16_t msix_qsize, mqes;
	uint8_t mdts, vsl, aerl;
	uint32_t aer_max_queued;
	bool use_intel_id;
	uint64_t capacity; /* of a subsystem of its own; as there */
	bool ctratt_mem, atomic_dn;
	uint16_t awun, awupf; /* 0's based */
	uint8_t zasl;	      /* 0: as @mdts */
	bool auto_transition;
	/* block properties of the legacy namespace */
	uint32_t logical_block_size, physical_block_size;
	uint32_t min_io_size, opt_io_size, discard_granularity; /* UINT32_MAX: not given */
	int write_cache; /* enum conf_onoffauto */
	int index;	 /* in conf.subsys, once linked; -1: a private one */
	unsigned int order; /* of definition, among controllers and namespaces */
};

/** struct conf_zoned - the `zoned.*` keys of a namespace; linked, no size is 0 but @zrwas */
struct conf_zoned {
	bool on;
	bool cross_read;
	uint64_t zone_size, zone_capacity; /* bytes */
	uint32_t descr_ext_size;	   /* bytes */
	uint32_t max_active, max_open;	   /* 0: no limit */
	uint32_t numzrwa;		   /* 0: as many as zones */
	uint64_t zrwas, zrwafg;		   /* bytes */
};

/** struct conf_ns - [namespace X], -device nvme-ns, or the legacy namespace of a controller */
struct conf_ns {
	struct conf_where where;
	char id[64];
	char *bus;   /* id of the controller, or NULL: the most recently defined one */
	char *drive; /* id, or NULL when @own is set */
	int drive_index; /* in conf.drive, once linked (its own drive: earlier); else -1 */
	int ctrl_index;	 /* in conf.ctrl, once linked */
	uint32_t nsid;
	uint8_t uuid[16];
	bool uuid_set; /* "auto" is resolved by the reader */
	uint8_t nguid[16];
	uint64_t eui64;
	bool eui64_default;
	bool shared, detached;
	uint16_t ms; /* bytes */
	uint8_t mset, pi, pil, pif;
	uint16_t mssrl; /* blocks */
	uint32_t mcl;	/* blocks */
	uint8_t msrc;	/* 0's based */
	uint16_t nawun, nawupf, nabsn, nabspf, nabo; /* as in Identify Namespace */
	bool mam;
	struct conf_zoned zoned;
	char *ruhs; /* fdp.ruhs as it was given; NULL: it was not */
	uint16_t nr_ruhs, ruhid[CONF_MAX_RUHS]; /* the same, linked */
	uint32_t logical_block_size, physical_block_size;
	uint32_t min_io_size, opt_io_size, discard_granularity; /* UINT32_MAX: not given */
	int write_cache;
	bool own; /* from a file: `file`, `size` and `readonly` are keys of the namespace itself */
	bool legacy; /* made by a controller's `drive` */
	unsigned int order; /* of definition, among controllers and namespaces */
};

/** struct conf_memory - [memory X], -object memory-backend-file */
struct conf_memory {
	struct conf_where where;
	char id[64];
	char *mem_path;
	uint64_t size; /* 0: the file's own */
	bool share;    /* writes reach the file */
	bool used;
};

/** struct conf_daemon - [daemon] and the command line's own options */
struct conf_daemon {
	char *state_dir, *socket, *sysfs_dir;
	uint32_t mode;	  /* of the nodes; 0600 */
	char *group;	  /* of the nodes, or NULL */
	bool linux_names; /* node_names = linux: nvmeN, ngNnM */
	bool no_cuse, foreground;
};

struct conf {
	struct conf_drive *drive;
	unsigned int nr_drives;
	struct conf_subsys *subsys;
	unsigned int nr_subsys;
	struct conf_ctrl *ctrl;
	unsigned int nr_ctrls;
	struct conf_ns *ns;
	unsigned int nr_ns;
	struct conf_memory *memory;
	unsigned int nr_memories;
	struct conf_daemon daemon;
	const char *prog; /* before warnings on stderr; NULL: no warnings */
};

/**
 * conf_parse_args() - the options every program shares: -c, -drive, -device, -object, --state,
 * --socket,
 * --sysfs, --no-cuse, --foreground, --attach, --help, --version
 * @argc, @argv: the command line. Parsing stops at "--", or at the first word that is no option
 *               when @stop_at_word.
 * @attach: NULL: --attach is not an option here; else receives NULL, "" or the socket
 *
 * Answers `-device help`, `-device nvme,help`, --help and --version itself, on stdout.
 * Links everything (drives to namespaces, namespaces to controllers, controllers to subsystems),
 * and fills in the default machine when nothing was asked for; with --attach there is no machine,
 * and @c stays empty but for @c->daemon. @c is initialised here, and freed again where there is
 * nothing to run; else the caller frees it.
 *
 * Return: index of the first argument not consumed (> 0); 0 when the question was answered and
 * the program is to exit with 0; -1 after an error was printed to stderr: exit with 2.
 */
int conf_parse_args(struct conf *c, const char *prog, int argc, char **argv, bool stop_at_word,
		    const char **attach);

/** conf_read_file() - read nvmesim.conf from @f, @name in messages. Return: 0 or -1 with @err. */
int conf_read_file(struct conf *c, FILE *f, const char *name, char *err, size_t len);

/**
 * conf_word() - take one QEMU option
 * @opt: "-drive", "-device" or "-object"
 * @where: what messages begin with; NULL: the option itself
 * Return: 0 or -1 with @err; @c is then good for conf_free() only.
 */
int conf_word(struct conf *c, const char *opt, const char *value, const char *where, char *err,
	      size_t len);

/** conf_link() - resolve names, fill defaults, check combinations. Return: 0 or -1 with @err. */
int conf_link(struct conf *c, char *err, size_t len);

/**
 * conf_nqn() - the whole NVM Subsystem Qualified Name of controller @ctrl's subsystem
 *
 * "nqn.2019-08.org.qemu:" and the subsystem's nqn (or its id), or, for a controller with a
 * subsystem of its own, the serial number; as QEMU does. Only after conf_link().
 * Return: @buf. @len of 224 always suffices.
 */
const char *conf_nqn(const struct conf *c, const struct conf_ctrl *ctrl, char *buf, size_t len);

void conf_init(struct conf *c);
void conf_free(struct conf *c);

/** conf_help() - as QEMU's `-device DRIVER,help`; @driver NULL: `-device help`. Return: 0 or -1. */
int conf_help(FILE *out, const char *driver);

/** conf_example() - nvmesim.conf.example, every key commented, from the table */
void conf_example(FILE *out);

/** conf_man() - the key lists of the manual page, scdoc source, from the table */
void conf_man(FILE *out);

#endif /* NVMESIM_CONF_H */
