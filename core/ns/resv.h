/* SPDX-License-Identifier: MIT */
/*
 * resv.h - reservations. NVMe Base 2.1, section 8.1.22 and 7.5 to 7.8.
 */
#ifndef NVMESIM_RESV_H
#define NVMESIM_RESV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_ctrl;
struct sim_ns;
struct sim_req;
struct sim_subsys;

/** enum sim_resv_class - which column of figure "Command Behavior in the Presence of a Reservation"
 * a command's row belongs to */
enum sim_resv_class {
	SIM_RESV_FREE,	/* not restricted */
	SIM_RESV_READ,	/* Read, Compare, Verify, ... */
	SIM_RESV_WRITE, /* Write, Write Zeroes, Dataset Management, Flush, Format, ... */
};

struct sim_resv; /* resv.c: registrants, holder, type, generation */

/** sim_resv_new() - for a namespace; what PTPL kept is there again. NULL: no memory. */
struct sim_resv *sim_resv_new(struct sim_ns *ns);
/** sim_resv_free() - @forget: what PTPL kept is dropped too (the namespace is deleted) */
void sim_resv_free(struct sim_ns *ns, bool forget);

/**
 * sim_resv_check() - whether a reservation lets @req's controller execute @req on @ns
 * One load when there is no reservation. Return: 0 or Reservation Conflict.
 */
uint16_t sim_resv_check(struct sim_req *req, struct sim_ns *ns, enum sim_resv_class class);
/** sim_resv_reset() - a Controller Level Reset of @c: its Host Identifier goes, registrations stay */
void sim_resv_ctrl_reset(struct sim_ctrl *c);
/** sim_resv_power_on() is not needed: without PTPL, what a process held ends with it */

uint16_t sim_resv_register(struct sim_req *req);
uint16_t sim_resv_report(struct sim_req *req);
uint16_t sim_resv_acquire(struct sim_req *req);
uint16_t sim_resv_release(struct sim_req *req);

/** sim_resv_fill_ns() - RESCAP of Identify Namespace */
uint8_t sim_resv_rescap(void);

#endif /* NVMESIM_RESV_H */
