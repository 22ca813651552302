/* SPDX-License-Identifier: MIT */
/*
 * virt.h - Virtualization Enhancements (NVMe Base 2.1, section 8.2.6): a primary controller, its
 * secondary controllers, and the flexible resources they share.
 */
#ifndef NVMESIM_VIRT_H
#define NVMESIM_VIRT_H

#include <stdbool.h>
#include <stdint.h>

#include "../sim.h"

struct sim_ctrl;
struct sim_ns;
struct sim_req;

/** enum sim_vres - Controller Resource Types, as RT of the command has them */
enum sim_vres {
	SIM_VQ, /* a pair of queues, the admin queues included */
	SIM_VI, /* an interrupt vector */
	SIM_VRES__N,
};

/**
 * struct sim_vpool - a primary controller's resources of a type
 * @private: the primary's for ever (VQPRT); @total: flexible ones (VQFRT)
 * @primary: of them, what the primary has (VQRFAP); @next: what it has after its next reset
 * @assigned: ... what secondary controllers have (VQRFA); @max_sec: the most one can have (VQFRSM)
 */
struct sim_vpool {
	uint16_t private, total, primary, next, assigned, max_sec;
};

enum sim_vstate {		  /* virt.c: total table state x event */
		  SIM_VS_ABSENT,  /* offline; its VF is not enabled */
		  SIM_VS_OFFLINE, /* its VF is enabled */
		  SIM_VS_ONLINE,
		  SIM_VS__N,
};

/** enum sim_vevent - what happens to a secondary controller */
enum sim_vevent {
	SIM_VE_ASSIGN,	      /* Secondary Controller Assign */
	SIM_VE_ONLINE,	      /* Secondary Controller Online */
	SIM_VE_OFFLINE,	      /* Secondary Controller Offline */
	SIM_VE_APPEAR,	      /* its VF is enabled */
	SIM_VE_VANISH,	      /* ... no longer */
	SIM_VE_PRIMARY_RESET, /* a Controller Level Reset of the primary controller */
	SIM_VE__N,
};

/**
 * struct sim_virt - what a controller has of all this; writer side
 * @pool: of a primary controller
 * @primary: of a secondary controller: whose it is; else NULL
 * @state, @nr: of a secondary controller: its state, resources assigned (NVQ, NVI)
 */
struct sim_virt {
	bool is_primary;
	struct sim_vpool pool[SIM_VRES__N];
	struct sim_ctrl *primary;
	enum sim_vstate state;
	uint16_t nr[SIM_VRES__N];
};

/** sim_virt_check() - the sriov_* parameters. Return: 0, or SIM_EINVAL with a sentence in @msg. */
int sim_virt_check(const struct sim_ctrl_params *p, bool multi, struct sim_msg *msg);
/** sim_virt_vf_params() - of the secondary controllers of a primary with @p */
void sim_virt_vf_params(const struct sim_ctrl_params *p, struct sim_ctrl_params *vf);
/** sim_virt_primary() - @c, whose function has VFs, is a primary controller, and they its secondary
 * ones: everything as at power-on; writer side held */
void sim_virt_primary(struct sim_ctrl *c);

/** sim_is_primary() - whether @c has Virtualization Management */
bool sim_is_primary(const struct sim_ctrl *c);

/* the writer side is held */
/** sim_virt_event() - apply an event that is no command */
void sim_virt_event(struct sim_ctrl *sec, enum sim_vevent ev);
/** sim_virt_reset() - Controller Level Reset of a primary controller. @all: no mere Controller
 * Reset */
void sim_virt_reset(struct sim_ctrl *c, bool all);

uint16_t sim_virt_management(struct sim_req *req); /* admin command 1Ch */
/* Identify, CNS 14h and 15h */
uint16_t sim_id_primary_caps(struct sim_req *req, struct sim_ns *ns, uint8_t *page);
uint16_t sim_id_secondary_list(struct sim_req *req, struct sim_ns *ns, uint8_t *page);

/**
 * sim_virt_try() - what the state table makes of an event, for tests of every row
 * @nr: resources asked for, of type @rt
 * Return: the status; *@next is the state after it.
 */
uint16_t sim_virt_try(const struct sim_vpool pool[SIM_VRES__N], const struct sim_virt *sec,
		      enum sim_vevent ev, enum sim_vres rt, uint16_t nr, enum sim_vstate *next);

#endif /* NVMESIM_VIRT_H */
