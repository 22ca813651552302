/* SPDX-License-Identifier: MIT */
/*
 * keepalive.c - Keep Alive and its timer (NVMe Base 2.1, sections 3.9, 5.1.14, 5.1.25.1.8).
 *
 * Command based: only Keep Alive commands restart the timer (CTRATT.TBKAS is cleared).
 */
#include "tables.h"

void sim_keep_alive_start(struct sim_ctrl *c)
{
	uint64_t deadline = 0;

	if (c->feat.kato)
		deadline = sim_now(c) + c->feat.kato * 1000000ull;
	atomic_store(&c->ka_deadline, deadline);
	if (deadline)
		sim_arm(c->subsys, deadline);
}

/**
 * sim_keep_alive() - Keep Alive command
 * Return: a status.
 */
uint16_t sim_keep_alive(struct sim_req *req)
{
	sim_keep_alive_start(req->ctrl);
	return SIM_OK;
}

/**
 * sim_keep_alive_run() - let the Keep Alive Timer expire, if it is time
 * @now: the clock, ns
 *
 * A Keep Alive Timeout leaves an Error Information log entry; a memory-based transport's
 * controller then stops and sets CSTS.CFS (section 3.9). Takes the subsystem's lock.
 * Return: the next deadline, or UINT64_MAX.
 */
uint64_t sim_keep_alive_run(struct sim_ctrl *c, uint64_t now)
{
	uint64_t deadline = atomic_load(&c->ka_deadline);
	bool expired;

	if (!deadline)
		return UINT64_MAX;
	if (now < deadline)
		return deadline;
	/* a Keep Alive that came in the meantime wins */
	if (!atomic_compare_exchange_strong(&c->ka_deadline, &deadline, 0))
		return deadline ? deadline : UINT64_MAX;

	sim_read_lock(&c->subsys->lock);
	expired = c->state == SIM_CS_READY;
	if (expired)
		sim_error_log_event(c, SIM_SC(0, NVME_SC_KAT_EXPIRED));
	sim_read_unlock(&c->subsys->lock);
	if (expired)
		sim_ctrl_fatal(c);
	return UINT64_MAX;
}
