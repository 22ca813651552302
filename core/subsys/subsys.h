/* SPDX-License-Identifier: MIT */
/*
 * subsys.h - NVM subsystem: its controllers, its namespaces, and the lock that orders commands
 * which change what others stand on. Face of core/subsys/.
 */
#ifndef NVMESIM_SUBSYS_H
#define NVMESIM_SUBSYS_H

#include <stdatomic.h>

#include "../sim.h"

struct sim_ctrl;
struct sim_ns;

#define SIM_MAX_CTRL 256

/**
 * struct sim_rwlock - DESIGN law 7's lock
 * Readers are commands; a writer is a reset or a command whose row says exclusive. Readers do not
 * nest. Spins briefly, then yields (C11 has no reader-writer lock, and none is held for long).
 */
struct sim_rwlock {
	_Atomic uint32_t readers;
	_Atomic uint32_t writer;
};

void sim_read_lock(struct sim_rwlock *l);
void sim_read_unlock(struct sim_rwlock *l);
void sim_write_lock(struct sim_rwlock *l);
void sim_write_unlock(struct sim_rwlock *l);

struct sim_subsys {
	struct sim_rwlock lock;
	char nqn[224];
	struct sim_clock_port clock;
	struct sim_journal_port journal; /* .put == NULL: none */
	struct sim_ctrl *ctrl[SIM_MAX_CTRL]; /* by CNTLID */
	unsigned int nr_ctrls;
	struct sim_ns *ns[SIM_NN + 1]; /* by NSID; 0 unused */
	struct sim_backing_port backing; /* .make == NULL: none */
	uint64_t capacity; /* TNVMCAP, bytes */
	uint64_t allocated; /* of it to namespaces: NVMCAP of each added up */
	bool multi;	   /* configured for several controllers: ANA, CMIC */
	uint64_t ana_changes; /* Change Count of the ANA log */
	struct sim_stage *stage; /* media/stage.c */
	_Atomic uint64_t deadline; /* armed at the clock port */
	uint32_t attach_all[(SIM_NN + 32) / 32]; /* bit NSID: every controller to come has it too */
};

/** sim_arm() - something is due at @deadline_ns: tell the clock port if that is the earliest */
void sim_arm(struct sim_subsys *s, uint64_t deadline_ns);

/** sim_subsys_reset() - NVM Subsystem Reset (NSSR); takes the writer side */
void sim_subsys_reset(struct sim_subsys *s);

#endif /* NVMESIM_SUBSYS_H */
