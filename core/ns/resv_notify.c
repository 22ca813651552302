/* SPDX-License-Identifier: MIT */
/*
 * resv_notify.c - Reservation Notifications: their log page 80h and its event. NVMe Base 2.1,
 * sections 8.1.22.2 and 5.1.12.1.32.
 */
#include "../ctrl/tables.h"
#include "resv_priv.h"

#define AER_IO_COMMAND_SET 6
#define AER_RESV_LOG 0x00 /* Reservation Log Page Available */
#define LID_RESV 0x80

/* what finds no room is lost, but counted: in the number of the last one that is kept */
static void push(struct sim_resv_log *log, uint32_t nsid, enum resv_note note)
{
	uint32_t end = (log->first + log->nr) % SIM_RESV_NOTES;

	if (!++log->lpc)
		log->lpc = 1;
	if (log->nr == SIM_RESV_NOTES) {
		end = (end + SIM_RESV_NOTES - 1) % SIM_RESV_NOTES;
		log->note[end].lpc = log->lpc;
		return;
	}
	log->note[end].lpc = log->lpc;
	log->note[end].nsid = nsid;
	log->note[end].type = (uint8_t)note;
	log->nr++;
}

void resv_notify(struct sim_ns *ns, const struct resv_host *host, enum resv_note note)
{
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		struct sim_ctrl *c = ns->subsys->ctrl[i];
		struct resv_host one;

		if (!c || c->state != SIM_CS_READY || !sim_ns_attached(c, ns->nsid) ||
		    c->feat.resv_mask[ns->nsid] >> note & 1)
			continue;
		one = resv_host_of(c);
		if (!resv_same_host(&one, host))
			continue;
		push(&c->resv_log, ns->nsid, note);
		sim_aer_event(c, AER_IO_COMMAND_SET, AER_RESV_LOG, LID_RESV);
	}
}

/* figure 290: the oldest notification, or zeroes */
uint16_t sim_resv_log_fill(struct sim_req *req, uint8_t *page)
{
	struct nvme_resv_notification_log *p = (struct nvme_resv_notification_log *)page;
	const struct sim_resv_log *log = &req->ctrl->resv_log;

	if (!log->nr)
		return SIM_OK;
	p->lpc = sim_le64(log->note[log->first].lpc);
	p->rnlpt = log->note[log->first].type;
	p->nalp = (uint8_t)(log->nr - 1);
	p->nsid = sim_le32(log->note[log->first].nsid);
	return SIM_OK;
}

_Static_assert(SIM_RESV_NOTES <= 256, "NALP has 8 bits");
_Static_assert(sizeof(struct nvme_resv_notification_log) == 64, "figure 290");

/* Get Log Page takes the notification it returned away, whether it retains the event or not */
void sim_resv_log_taken(struct sim_ctrl *c)
{
	struct sim_resv_log *log = &c->resv_log;

	if (!log->nr)
		return;
	log->first = (log->first + 1) % SIM_RESV_NOTES;
	log->nr--;
}
