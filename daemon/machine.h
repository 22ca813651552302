/* SPDX-License-Identifier: MIT */
/*
 * machine.h - what a machine is made of. Private to daemon/.
 */
#ifndef NVMESIM_DAEMON_MACHINE_H
#define NVMESIM_DAEMON_MACHINE_H

#include "../store/store.h"
#include "daemon.h"

/** struct mach_subsys - an NVM subsystem; @stem: of its journal's file names, NULL without one */
struct mach_subsys {
	struct dmn_machine *m;
	struct sim_subsys *sim;
	struct sim_journal_port journal;
	char *stem;
	bool journal_open;
	bool stem_new; /* there were no such files before */
	char *id;      /* as configured; NULL: a controller's own */
	char *serial;  /* of its controllers */
	char nqn[224];
	struct mach_subsys *next;
};

/** struct mach_bus - a bus that has a name */
struct mach_bus {
	char name[64];
	uint8_t number;
	struct mach_bus *next;
};

/**
 * struct mach_store - a namespace's medium
 * @made:    the file this run made for the configuration, NULL if it was there
 * @dropped: its namespace is deleted: mach_stores_reap() closes it
 */
struct mach_store {
	struct dmn_machine *m;
	const struct mach_subsys *owner;
	struct sim_store *st;
	struct dmn_fd fd;
	char *made;
	bool dropped;
	struct mach_store *next;
};

struct dmn_machine {
	struct dmn_loop *loop;
	struct mach_subsys *subsys; /* in the order of making */
	struct dmn_fn *fns;	    /* by address */
	struct dmn_fn *gone;	    /* removed: what a door's thread may still hold lives to the end */
	struct mach_bus *buses;
	uint64_t next_bar, next_bar32; /* addresses of the next BARs */
	bool autoprobe;
	_Atomic bool changed; /* VFs came or went: mach_sync() */
	uint64_t generation;
	struct mach_store *stores;
	bool dropped; /* some of them are */
	char *state_dir;
	bool state_dir_new;

	bool linux_names;
	dev_t own_mount;
	mode_t mode;
	uid_t uid;
	gid_t gid;

	struct dmn_node *nodes; /* by controller, then NSID */
	uint64_t next_ino;
	struct dmn_watch *watches;
};

/**
 * struct build - a machine, or a part of one, while it is built
 * @subsys: by the configuration's index
 * @fn:     likewise
 */
struct build {
	struct dmn_machine *m;
	const struct conf *c;
	struct mach_subsys **subsys;
	struct dmn_fn **fn;
	char *err;
	size_t len;
};

/** mach_build() - everything the configuration asks for. Return: 0, or -1 with a line in @err. */
int mach_build(struct dmn_machine *m, const struct conf *c, char *err, size_t len);
/** build_fail() - "WHERE: sentence". Return: -1 */
__attribute__((format(printf, 3, 4))) int build_fail(struct build *b, const struct conf_where *at,
						     const char *fmt, ...);
int build_subsys(struct build *b, const struct conf_subsys *cs, struct mach_subsys **out);
/** build_ctrl() - controller @i of the configuration, with its function on a bus */
int build_ctrl(struct build *b, unsigned int i);
int build_ns(struct build *b, const struct conf_ns *cn);

/** mach_subsys_drop() - a controller's own subsystem leaves the machine with it, and its media */
void mach_subsys_drop(struct mach_subsys *ms);
/** mach_subsys_free() - nobody uses it any more; @undo: remove the files it made */
void mach_subsys_free(struct mach_subsys *ms, bool undo);

/** mach_dismantle() - take down what mach_build() built; @undo: remove the files it made, too */
void mach_dismantle(struct dmn_machine *m, bool undo);

/* ---- media.c ---- */

/** mach_store_add() - the medium @d describes. Return: it, or NULL with a sentence in @msg. */
struct mach_store *mach_store_add(struct dmn_machine *m, const struct conf_drive *d,
				  struct sim_msg *msg);
/** mach_stores_run() - finish the flushes that are done */
void mach_stores_run(struct dmn_machine *m);
/** mach_stores_reap() - close media of deleted namespaces; no lock of core's is held */
void mach_stores_reap(struct dmn_machine *m);
/** mach_stores_drop() - close those of @ms; flushes that were begun end before */
void mach_stores_drop(struct dmn_machine *m, const struct mach_subsys *ms);
/** mach_stores_free() - close all; @undo: remove the files this run made */
void mach_stores_free(struct dmn_machine *m, bool undo);
/** mach_backing() - the port that makes media for the namespaces hosts create in @ms */
void mach_backing(struct mach_subsys *ms, struct sim_backing_port *port);

/* ---- machine.c ---- */

/** mach_namespaces() - host_params.namespaces: nodes follow; @opaque is the struct dmn_fn */
void mach_namespaces(void *opaque, struct host_dev *dev, const uint32_t *nsids, unsigned int n);

/** mach_add_ctrl_node() - the controller's own node */
int mach_add_ctrl_node(struct dmn_fn *f);

/** mach_drop_fn_nodes() - every node of @f disappears */
void mach_drop_fn_nodes(struct dmn_fn *f);

/** mach_drop_nodes() - every node disappears */
void mach_drop_nodes(struct dmn_machine *m);

/** mach_tick() - let devices and drivers do what is due */
void mach_tick(void *machine);

/* ---- fn.c ---- */

/** mach_fn_new() - a function's host side, in the list once it has an address. Return: or NULL */
struct dmn_fn *mach_fn_new(struct dmn_machine *m, struct mach_subsys *ms);
/** mach_fn_free() - @f is in no list, and nobody can call its driver any more */
void mach_fn_free(struct dmn_fn *f);
/** mach_fn_ports() - what its device is built with, and that of its VFs */
void mach_fn_ports(struct dmn_fn *f, struct sim_ctrl_params *p);
/** mach_fn_drop() - it and its VFs leave the machine; their host side lives on until the end */
void mach_fn_drop(struct dmn_fn *f);
/** mach_sync() - VFs that came are shown (and offered to the driver), those that went vanish */
void mach_sync(struct dmn_machine *m);
/** mach_free_index() - the lowest N of nvmesimN that no function has */
int mach_free_index(struct dmn_machine *m);

/* ---- bus.c ---- */

/**
 * mach_place() - a function and its VFs get their addresses, and their BARs
 * Return: 0, or -1 with the sentence in @msg.
 */
int mach_place(struct dmn_fn *f, const struct conf_ctrl *cc, struct sim_msg *msg);
/** mach_bars() - addresses for the BARs that have none, as firmware gives them */
void mach_bars(struct dmn_fn *f);

#endif /* NVMESIM_DAEMON_MACHINE_H */
