/* SPDX-License-Identifier: MIT */
/*
 * resv.h - reservations. NVMe Base 2.1, section 8.1.22 and 7.5 to 7.8; features 81h to 83h, log
 * page 80h.
 *
 * A host is its Host Identifier; one that is 0h is a host of its own at every controller, so that
 * reservations also work where the host sets none (CTRATT's RHII is 0).
 */
#ifndef NVMESIM_RESV_H
#define NVMESIM_RESV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_ctrl;
struct sim_feat;
struct sim_ns;
struct sim_req;
struct sim_subsys;

/** enum sim_resv_class - which group of figure "Command Behavior in the Presence of a Reservation"
 * a command's row belongs to */
enum sim_resv_class {
	SIM_RESV_FREE,	/* not restricted */
	SIM_RESV_READ,	/* Read, Compare, Verify, ... */
	SIM_RESV_WRITE, /* Write, Write Zeroes, Dataset Management, Flush, Format, ... */
};

struct sim_resv; /* resv_priv.h: registrants, holder, type, generation */

#define SIM_RESV_NOTES 64 /* notifications a controller keeps until they are read */

/**
 * struct sim_resv_log - Reservation Notification log of a controller, oldest first
 * @first, @nr: what of the ring @note is taken
 * @lpc:        Log Page Count of the last notification, whether kept or lost
 * Notifications come with the subsystem's writer side held, and one Get Log Page of a controller
 * runs at a time.
 */
struct sim_resv_log {
	uint64_t lpc;
	uint32_t first, nr;
	struct {
		uint64_t lpc;
		uint32_t nsid;
		uint8_t type;
	} note[SIM_RESV_NOTES];
};

/** sim_resv_new() - for a namespace; what PTPL kept is there again. NULL: no memory. */
struct sim_resv *sim_resv_new(struct sim_ns *ns);
/** sim_resv_free() - @forget: what PTPL kept is dropped too (the namespace is deleted); writer side
 * held then */
void sim_resv_free(struct sim_ns *ns, bool forget);

/**
 * sim_resv_check() - whether a reservation lets @req's controller execute @req on @ns
 * One load when there is no reservation. Return: 0 or Reservation Conflict.
 */
uint16_t sim_resv_check(struct sim_req *req, struct sim_ns *ns, enum sim_resv_class class);
/** sim_resv_ctrl_reset() - a Controller Level Reset of @c: Host Identifier and notifications go,
 * registrations stay; writer side held */
void sim_resv_ctrl_reset(struct sim_ctrl *c);

/* the commands; all but Report are exclusive */
uint16_t sim_resv_register(struct sim_req *req);
uint16_t sim_resv_report(struct sim_req *req);
uint16_t sim_resv_acquire(struct sim_req *req);
uint16_t sim_resv_release(struct sim_req *req);

/** sim_resv_rescap() - RESCAP of Identify Namespace */
uint8_t sim_resv_rescap(void);

/* log page 80h (resv_notify.c), as in struct sim_log */
uint16_t sim_resv_log_fill(struct sim_req *req, uint8_t *page);
void sim_resv_log_taken(struct sim_ctrl *c);

/* features 81h, 82h, 83h (resv_feature.c), as in struct sim_feature */
uint16_t sim_get_host_id(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			 uint8_t *data);
uint16_t sim_set_host_id(struct sim_req *req, struct sim_ns *ns, const uint8_t *data);
uint16_t sim_get_resv_mask(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			   uint8_t *data);
uint16_t sim_set_resv_mask(struct sim_req *req, struct sim_ns *ns, const uint8_t *data);
uint16_t sim_get_resv_persist(struct sim_req *req, const struct sim_ns *ns,
			      const struct sim_feat *f, uint8_t *data);
uint16_t sim_set_resv_persist(struct sim_req *req, struct sim_ns *ns, const uint8_t *data);

#endif /* NVMESIM_RESV_H */
