/* SPDX-License-Identifier: MIT */
/*
 * reset.c - CC and CSTS: enable, disable, shutdown, resets (NVMe Base 2.1, 3.1.4.5, 3.1.4.6, 3.5
 * to 3.7).
 */
#include <stdlib.h>

#include "../ns/ns.h"
#include "../pci/pci.h"
#include "../subsys/virt.h"
#include "ctrl.h"

#define CSTS_RDY (1u << NVME_CSTS_RDY_SHIFT)
#define CSTS_CFS (1u << NVME_CSTS_CFS_SHIFT)
#define CSTS_SHST (3u << NVME_CSTS_SHST_SHIFT)
#define CSTS_NSSRO (1u << NVME_CSTS_NSSRO_SHIFT)
#define MPS_MIN 12 /* CC.MPS 0 is 4 KiB */

/**
 * struct sim_shutdown - a shutdown notification being processed
 * @refs:    the controller, and every flush a store has not finished; the last one frees it. A
 *           store may finish after the controller is gone.
 * @flushes: not finished, those of shutdowns a reset cut short included
 * @ctrl:    NULL when the controller is gone
 * @active:  CSTS.SHST is 01b; under the subsystem's writer side
 */
struct sim_shutdown {
	_Atomic uint32_t refs, flushes;
	_Atomic(struct sim_ctrl *) ctrl;
	bool active;
};

int sim_shutdown_new(struct sim_ctrl *c)
{
	struct sim_shutdown *sd = calloc(1, sizeof(*sd));

	if (!sd)
		return SIM_ENOMEM;
	atomic_init(&sd->refs, 1);
	atomic_init(&sd->ctrl, c);
	c->shutdown = sd;
	return 0;
}

static void shutdown_put(struct sim_shutdown *sd)
{
	if (atomic_fetch_sub(&sd->refs, 1) == 1)
		free(sd);
}

void sim_shutdown_free(struct sim_ctrl *c)
{
	atomic_store(&c->shutdown->ctrl, NULL);
	shutdown_put(c->shutdown);
	c->shutdown = NULL;
}

static void set_shst(struct sim_ctrl *c, uint32_t shst)
{
	c->csts = (c->csts & ~CSTS_SHST) | shst << NVME_CSTS_SHST_SHIFT;
}

/* everything is flushed; writer side held */
static void shutdown_done(struct sim_ctrl *c)
{
	struct sim_subsys *s = c->subsys;

	c->shutdown->active = false;
	sim_smart_shutdown(c); /* and syncs the journal */
	set_shst(c, NVME_CSTS_SHST_CMPLT);
	/* of all that are in use: a controller that is not enabled has nothing to shut down */
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++)
		if (s->ctrl[i] && NVME_CC_EN(s->ctrl[i]->cc) &&
		    NVME_CSTS_SHST(s->ctrl[i]->csts) != NVME_CSTS_SHST_CMPLT)
			return;
	sim_subsys_settle(s);
}

/* a store finished a flush: on any thread, perhaps before its flush returned */
static void shutdown_flushed(void *arg, int err)
{
	struct sim_shutdown *sd = arg;
	struct sim_ctrl *c = atomic_load(&sd->ctrl);

	/*
	 * What could not be flushed cannot be told: there is no completion. The next start finds
	 * what the medium has. The one who starts the flushes counts as one more of them, so the
	 * last one to finish holds no lock and is not under the writer side here.
	 */
	if (atomic_fetch_sub(&sd->flushes, 1) == 1 && c) {
		sim_write_lock(&c->subsys->lock);
		if (sd->active && !atomic_load(&sd->flushes))
			shutdown_done(c);
		sim_write_unlock(&c->subsys->lock);
	}
	shutdown_put(sd);
}

/* ---- actions; writer side held ------------------------------------------------------------ */

static void do_nothing(struct sim_ctrl *c)
{
}

/* 3.5.1: what CC, AQA, ASQ and ACQ say must be possible */
static bool can_enable(struct sim_ctrl *c)
{
	const uint32_t cc = c->cc, aqa = c->aqa, mps = NVME_CC_MPS(cc);
	const uint64_t in_page = (1ull << (MPS_MIN + mps)) - 1;

	if (mps < NVME_CAP_MPSMIN(c->cap) || mps > NVME_CAP_MPSMAX(c->cap))
		return false;
	if (NVME_CC_CSS(cc) != NVME_CC_CSS_NVM && NVME_CC_CSS(cc) != NVME_CC_CSS_CSI)
		return false;
	if (!NVME_AQA_ASQS(aqa) || !NVME_AQA_ACQS(aqa))
		return false;
	if (c->asq & in_page || c->acq & in_page)
		return false;
	return sim_cmb_queue_ok(c, false, c->asq,
				(NVME_AQA_ASQS(aqa) + 1ull) * sizeof(struct sim_sqe)) &&
	       sim_cmb_queue_ok(c, true, c->acq,
				(NVME_AQA_ACQS(aqa) + 1ull) * sizeof(struct sim_cqe));
}

static void do_fail(struct sim_ctrl *c)
{
	c->csts = (c->csts & ~CSTS_RDY) | CSTS_CFS;
}

static void do_enable(struct sim_ctrl *c)
{
	c->page_size = 1u << (MPS_MIN + NVME_CC_MPS(c->cc));
	if (sim_queue_init_admin(c)) { /* no memory */
		c->state = SIM_CS_FAILED;
		do_fail(c);
		return;
	}
	sim_attach_css(c);
	sim_smart_power_on(c);
	c->csts = (c->csts & ~CSTS_SHST) | CSTS_RDY;
}

/*
 * Controller Level Reset (3.7.2): queues go, commands in flight get no completion, properties and
 * features go back to their defaults; AQA, ASQ and ACQ stay. CSTS.NSSRO stays until it is cleared.
 */
static void do_clear(struct sim_ctrl *c)
{
	c->shutdown->active = false;
	atomic_store(&c->ka_deadline, 0);
	sim_aer_reset(c);
	sim_dbbuf_reset(c);
	sim_hmb_reset(c);
	sim_queues_free(c);
	sim_feat_reset(c);
	sim_ana_reset(c);
	sim_error_log_reset(c);
	sim_resv_ctrl_reset(c);
	for (unsigned int i = 0; i < sizeof(c->irq_pending) / sizeof(c->irq_pending[0]); i++)
		atomic_store(&c->irq_pending[i], 0);
	atomic_store(&c->irq_words, 0);
	atomic_store(&c->queue_fault, false);
	atomic_store(&c->intx_dirty, true);
	c->cc = 0;
	sim_attach_css(c);
	c->csts &= CSTS_NSSRO;
	c->intms = 0;
	sim_virt_reset(c, false);
}

/* function and subsystem resets: the admin queue's registers too */
static void do_reset(struct sim_ctrl *c)
{
	do_clear(c);
	c->aqa = 0;
	c->asq = c->acq = 0;
	sim_virt_reset(c, true);
}

/* 8.2.6.3: what a host sees of a secondary controller that is offline is CSTS.CFS, if anything */
static void do_offline(struct sim_ctrl *c)
{
	do_reset(c);
	c->csts = CSTS_CFS;
	atomic_store(&c->fn->offline, true);
}

static void do_online(struct sim_ctrl *c)
{
	c->csts = 0;
	atomic_store(&c->fn->offline, false);
}

/*
 * 3.6: whatever a host was told is written is made durable. No store is waited for: SHST stays
 * 01b until the last one is done.
 */
static void do_shutdown(struct sim_ctrl *c)
{
	struct sim_shutdown *sd = c->shutdown;

	set_shst(c, NVME_CSTS_SHST_OCCUR);
	sim_pmr_sync(c);
	sd->active = true;
	atomic_fetch_add(&sd->flushes, 1);
	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		struct sim_ns *ns = sim_ctrl_ns(c, nsid);

		if (!ns)
			continue;
		atomic_fetch_add(&sd->flushes, 1);
		atomic_fetch_add(&sd->refs, 1);
		ns->p.store->ops->flush(ns->p.store, shutdown_flushed, sd);
	}
	if (atomic_fetch_sub(&sd->flushes, 1) == 1)
		shutdown_done(c);
}

/* ---- the table ---------------------------------------------------------------------------- */

struct transition {
	enum sim_ctrl_state next;
	void (*action)(struct sim_ctrl *c);
	bool (*guard)(struct sim_ctrl *c); /* false: SIM_CE_FATAL instead */
};

#define STAY(state) { state, do_nothing, NULL }

/* clang-format off */
static const struct transition table[SIM_CS__N][SIM_CE__N] = {
	[SIM_CS_DISABLED] = {
		[SIM_CE_ENABLE]   = { SIM_CS_READY, do_enable, can_enable },
		[SIM_CE_DISABLE]  = STAY(SIM_CS_DISABLED),
		[SIM_CE_SHUTDOWN] = { SIM_CS_SHUTDOWN_DISABLED, do_shutdown, NULL },
		[SIM_CE_RESET]    = { SIM_CS_DISABLED, do_reset, NULL },
		[SIM_CE_FATAL]    = { SIM_CS_FAILED, do_fail, NULL },
		[SIM_CE_OFFLINE]  = { SIM_CS_OFFLINE, do_offline, NULL },
		[SIM_CE_ONLINE]   = STAY(SIM_CS_DISABLED),
	},
	[SIM_CS_READY] = {
		[SIM_CE_ENABLE]   = STAY(SIM_CS_READY),
		[SIM_CE_DISABLE]  = { SIM_CS_DISABLED, do_clear, NULL },
		[SIM_CE_SHUTDOWN] = { SIM_CS_SHUTDOWN, do_shutdown, NULL },
		[SIM_CE_RESET]    = { SIM_CS_DISABLED, do_reset, NULL },
		[SIM_CE_FATAL]    = { SIM_CS_FAILED, do_fail, NULL },
		[SIM_CE_OFFLINE]  = { SIM_CS_OFFLINE, do_offline, NULL },
		[SIM_CE_ONLINE]   = STAY(SIM_CS_READY),
	},
	[SIM_CS_SHUTDOWN] = {
		[SIM_CE_ENABLE]   = STAY(SIM_CS_SHUTDOWN),
		[SIM_CE_DISABLE]  = { SIM_CS_DISABLED, do_clear, NULL },
		[SIM_CE_SHUTDOWN] = STAY(SIM_CS_SHUTDOWN),
		[SIM_CE_RESET]    = { SIM_CS_DISABLED, do_reset, NULL },
		[SIM_CE_FATAL]    = STAY(SIM_CS_SHUTDOWN),
		[SIM_CE_OFFLINE]  = { SIM_CS_OFFLINE, do_offline, NULL },
		[SIM_CE_ONLINE]   = STAY(SIM_CS_SHUTDOWN),
	},
	[SIM_CS_SHUTDOWN_DISABLED] = {
		/* the host may enable it again: CC.EN is 0, so the reset this takes has happened */
		[SIM_CE_ENABLE]   = { SIM_CS_READY, do_enable, can_enable },
		[SIM_CE_DISABLE]  = STAY(SIM_CS_SHUTDOWN_DISABLED),
		[SIM_CE_SHUTDOWN] = STAY(SIM_CS_SHUTDOWN_DISABLED),
		[SIM_CE_RESET]    = { SIM_CS_DISABLED, do_reset, NULL },
		[SIM_CE_FATAL]    = { SIM_CS_FAILED, do_fail, NULL },
		[SIM_CE_OFFLINE]  = { SIM_CS_OFFLINE, do_offline, NULL },
		[SIM_CE_ONLINE]   = STAY(SIM_CS_SHUTDOWN_DISABLED),
	},
	[SIM_CS_FAILED] = {
		[SIM_CE_ENABLE]   = STAY(SIM_CS_FAILED),
		[SIM_CE_DISABLE]  = { SIM_CS_DISABLED, do_clear, NULL },
		[SIM_CE_SHUTDOWN] = { SIM_CS_FAILED, do_shutdown, NULL },
		[SIM_CE_RESET]    = { SIM_CS_DISABLED, do_reset, NULL },
		[SIM_CE_FATAL]    = STAY(SIM_CS_FAILED),
		[SIM_CE_OFFLINE]  = { SIM_CS_OFFLINE, do_offline, NULL },
		[SIM_CE_ONLINE]   = STAY(SIM_CS_FAILED),
	},
	[SIM_CS_OFFLINE] = {
		/* only Virtualization Management helps */
		[SIM_CE_ENABLE]   = STAY(SIM_CS_OFFLINE),
		[SIM_CE_DISABLE]  = STAY(SIM_CS_OFFLINE),
		[SIM_CE_SHUTDOWN] = STAY(SIM_CS_OFFLINE),
		[SIM_CE_RESET]    = { SIM_CS_OFFLINE, do_offline, NULL },
		[SIM_CE_FATAL]    = STAY(SIM_CS_OFFLINE),
		[SIM_CE_OFFLINE]  = STAY(SIM_CS_OFFLINE),
		[SIM_CE_ONLINE]   = { SIM_CS_DISABLED, do_online, NULL },
	},
};
/* clang-format on */

void sim_ctrl_event(struct sim_ctrl *c, enum sim_ctrl_event ev)
{
	const struct transition *t = &table[c->state][ev];

	if (t->guard && !t->guard(c))
		t = &table[c->state][SIM_CE_FATAL];
	c->state = t->next;
	t->action(c);
}

void sim_ctrl_fatal(struct sim_ctrl *c)
{
	sim_write_lock(&c->subsys->lock);
	/* a reset that came first has cured it */
	if (c->state == SIM_CS_READY)
		sim_ctrl_event(c, SIM_CE_FATAL);
	atomic_store(&c->queue_fault, false);
	sim_write_unlock(&c->subsys->lock);
}
