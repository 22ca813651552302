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
};

/** struct mach_ctrl - a function and its driver; @index: the N in nvmesimN; @bound: probed */
struct mach_ctrl {
	struct dmn_machine *m;
	struct mach_subsys *subsys;
	struct host_dev *dev;
	struct sim_fn *fn;
	unsigned int index;
	bool bound;
};

/**
 * struct mach_store - a namespace's medium
 * @made:    the file this run made for the configuration, NULL if it was there
 * @dropped: its namespace is deleted: mach_stores_reap() closes it
 */
struct mach_store {
	struct dmn_machine *m;
	struct sim_store *st;
	struct dmn_fd fd;
	char *made;
	bool dropped;
	struct mach_store *next;
};

struct dmn_machine {
	struct dmn_loop *loop;
	struct mach_subsys *subsys;
	unsigned int nr_subsys;
	struct mach_ctrl *ctrl;
	unsigned int nr_ctrls;
	struct mach_store *stores;
	bool dropped; /* some of them are */
	char *state_dir;
	bool state_dir_new;

	bool linux_names;
	mode_t mode;
	uid_t uid;
	gid_t gid;

	struct dmn_node *nodes; /* by controller, then NSID */
	uint64_t next_ino;
	struct dmn_watch *watches;
};

/** mach_build() - everything the configuration asks for. Return: 0, or -1 with a line in @err. */
int mach_build(struct dmn_machine *m, const struct conf *c, char *err, size_t len);

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
/** mach_stores_free() - close all; @undo: remove the files this run made */
void mach_stores_free(struct dmn_machine *m, bool undo);
/** mach_backing() - the port that makes media for the namespaces hosts create in @ms */
void mach_backing(struct mach_subsys *ms, struct sim_backing_port *port);

/* ---- machine.c ---- */

/** mach_namespaces() - host_params.namespaces: nodes follow; @opaque is the struct mach_ctrl */
void mach_namespaces(void *opaque, struct host_dev *dev, const uint32_t *nsids, unsigned int n);

/** mach_add_ctrl_node() - the controller's own node */
int mach_add_ctrl_node(struct mach_ctrl *mc);

/** mach_drop_nodes() - every node disappears */
void mach_drop_nodes(struct dmn_machine *m);

/** mach_tick() - let devices and drivers do what is due */
void mach_tick(void *machine);

#endif /* NVMESIM_DAEMON_MACHINE_H */
