/* SPDX-License-Identifier: MIT */
/*
 * fdp.h - Flexible Data Placement (NVMe Base 2.1, section 8.1.10): the endurance group and its
 * reclaim units. Face of core/fdp/.
 *
 * A block of a namespace is in a reclaim unit; which, its namespace's map says (words.h), some 4
 * bytes a block that survive. Where a host writes, a unit that its handle references takes the
 * blocks (place.c); the units that had them lose them. When free units run low, the collector moves
 * what is left in one to another and erases it (collect.c). Only the accounting moves: the bytes
 * stay where they are on the namespace's store, and a block's place is never needed to read it.
 *
 * Order of locks: a slot (handle and reclaim group), then its group's collector, then a page of a
 * map, then its group's free units or the chunks of logs; of each kind one at a time. Who makes
 * logs shorter (tidy.c) has a lock that is only tried, and tries the first two. Who changes the
 * form of a map's page (words.c) has a lock of the map, then those of pages, and no other. Nobody
 * holds one while data is copied.
 */
#ifndef NVMESIM_FDP_H
#define NVMESIM_FDP_H

#include <stdbool.h>
#include <stdint.h>

#include "../sim.h"

struct sim_ctrl;
struct sim_fdp;
struct sim_fdp_ns;
struct sim_feat;
struct sim_lbaf;
struct sim_ns;
struct sim_req;

#define SIM_ENDGID		 1 /* the one Endurance Group there is, in a subsystem with FDP */
#define SIM_DTYPE_DATA_PLACEMENT 2

/* ---- the endurance group (group.c) ---------------------------------------------------------- */

/**
 * sim_fdp_open() - the endurance group of a subsystem, @s->fdp; nothing where @p does not ask for
 * it Return: 0, or a negative enum sim_err with a sentence in @msg.
 */
int sim_fdp_open(struct sim_subsys *s, const struct sim_fdp_params *p, struct sim_msg *msg);
void sim_fdp_close(struct sim_subsys *s);
/** sim_fdp_grow() - the subsystem's capacity is another: reclaim units for all of it; writer side
 * held. Return: as above */
int sim_fdp_grow(struct sim_subsys *s, struct sim_msg *msg);
/** sim_fdp_enabled() - whether FDP is enabled in the endurance group, which there need not be */
bool sim_fdp_enabled(const struct sim_subsys *s);
/** sim_fdp_run() - a timer: units whose time is over, logs that are too long. Return: the next deadline, UINT64_MAX: none.
 * No lock held. */
uint64_t sim_fdp_run(struct sim_subsys *s, uint64_t now);

/* ---- namespaces (map.c, handles.c) ---------------------------------------------------------- */

/**
 * sim_fdp_ns_check() - QEMU's rules for a configured namespace: its handles, and what it is
 * Return: whether it can be; else @msg says why not.
 */
bool sim_fdp_ns_check(const struct sim_subsys *s, const struct sim_ns_params *p,
		      struct sim_msg *msg);
/**
 * sim_fdp_ns_open() - @ns, whose media is open, takes part where FDP is enabled: @ns->fdp
 * Counts what its blocks take in reclaim units: costs what was written to it.
 * Return: 0, or a negative enum sim_err with a sentence in @msg.
 */
int sim_fdp_ns_open(struct sim_ns *ns, struct sim_msg *msg);
/** sim_fdp_ns_close() - @forget: the namespace is deleted, its blocks are in no unit any more */
void sim_fdp_ns_close(struct sim_ns *ns, bool forget);
/** sim_fdp_ns_reshape() - its media has been given another geometry with no block allocated */
void sim_fdp_ns_reshape(struct sim_ns *ns);
/**
 * sim_fdp_format_check() - may @ns get format @to?
 * NVM Command Set 1.1, section 4.1.6: namespaces that share a handle have one format. Writer side
 * held. Return: 0 or Invalid Format.
 */
uint16_t sim_fdp_format_check(const struct sim_ns *ns, const struct sim_lbaf *to);
/**
 * sim_fdp_handles_check() - can a host create a namespace of format @f with these handles?
 * Return: 0, Invalid Placement Handle List or Invalid Format. FDP is enabled.
 */
uint16_t sim_fdp_handles_check(const struct sim_subsys *s, const struct sim_lbaf *f,
			       const struct sim_ruhs *ruhs);

/* ---- commands that write (place.c) ---------------------------------------------------------- */

/**
 * struct sim_fdp_to - where a command's blocks go
 * @any: the controller chose the reclaim group
 * @bad: the Placement Identifier @pid of the command is not valid; the controller chose
 */
struct sim_fdp_to {
	uint16_t pid, ruhid;
	uint32_t rg;
	bool any, bad;
};

/**
 * sim_fdp_target() - DTYPE and DSPEC of a command that writes (CDW12, CDW13) to where it writes
 * Sections 8.1.8.4 and 8.1.10: what is no Data Placement goes through placement handle 0; so does
 * an invalid Placement Identifier, which is no error. Without FDP there is no directive to name.
 * Return: 0 or Invalid Field.
 */
uint16_t sim_fdp_target(struct sim_req *req, struct sim_fdp_to *to);

/*
 * The three below are for blocks that are claimed to be written, and do nothing where the
 * namespace's endurance group has FDP disabled.
 */

/** sim_fdp_prepare() - have room for where the blocks are noted, before anything is written; no
 * lock of a unit's log is held. Return: 0, or Write Fault. */
uint16_t sim_fdp_prepare(struct sim_req *req, struct sim_ns *ns, uint64_t slba, uint64_t nlb);
/** sim_fdp_wrote() - the blocks have been written: they are in the unit that @to names; or have
 * not, as @status says: they are where they were */
void sim_fdp_wrote(struct sim_req *req, const struct sim_fdp_to *to, uint64_t slba, uint64_t nlb,
		   uint16_t status);
/** sim_fdp_trim() - the blocks are about to be deallocated: they are in no unit. Before their bits
 * are cleared, so that a block that is in a unit is an allocated one, whatever kills the process.
 */
void sim_fdp_trim(struct sim_ns *ns, uint64_t slba, uint64_t nlb);

/* ---- commands, log pages, features ---------------------------------------------------------- */

/** sim_fdp_there() - as in rows of tables: the controller's subsystem has an endurance group */
bool sim_fdp_there(const struct sim_ctrl *c);

uint16_t sim_io_mgmt_recv(struct sim_req *req);	  /* I/O command 12h */
uint16_t sim_io_mgmt_send(struct sim_req *req);	  /* I/O command 1Dh */
uint16_t sim_directive_recv(struct sim_req *req); /* admin command 1Ah */
uint16_t sim_directive_send(struct sim_req *req); /* admin command 19h */

uint16_t sim_log_endurance(struct sim_req *req, uint8_t *page);	  /* 09h */
uint16_t sim_log_fdp_configs(struct sim_req *req, uint8_t *page); /* 20h */
uint16_t sim_log_fdp_usage(struct sim_req *req, uint8_t *page);	  /* 21h */
uint16_t sim_log_fdp_stats(struct sim_req *req, uint8_t *page);	  /* 22h */
uint16_t sim_log_fdp_events(struct sim_req *req, uint8_t *page);  /* 23h */

/* features 1Dh and 1Eh, as in struct sim_feature */
uint16_t sim_get_fdp(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
		     uint8_t *data);
uint16_t sim_set_fdp(struct sim_req *req, struct sim_ns *ns, const uint8_t *data);
uint16_t sim_get_fdp_events(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			    uint8_t *data);
uint16_t sim_set_fdp_events(struct sim_req *req, struct sim_ns *ns, const uint8_t *data);

/** sim_fdp_moved() - bytes that were written to collect reclaim units; 0 without an endurance group
 */
uint64_t sim_fdp_moved(const struct sim_subsys *s);

#endif /* NVMESIM_FDP_H */
