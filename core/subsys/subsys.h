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
struct sim_fdp;
struct sim_feature;
struct sim_ns;
struct sim_req;

#define SIM_MAX_CTRL 256

#define SIM_LOCK_STRIPES 16 /* a power of two */
#define SIM_LINE 64 /* bytes of a cache line */

/**
 * struct sim_rwlock - DESIGN law 7's lock
 * Readers are commands; a writer is a reset or a command whose row says exclusive. Readers do not
 * nest, and let go on the thread that took it. Spins briefly, then yields (C11 has no reader-writer
 * lock, and none is held for long).
 */
struct sim_rwlock {
	_Atomic uint32_t writer;
	struct {
		uint8_t pad[SIM_LINE - sizeof(_Atomic uint32_t)];
		_Atomic uint32_t readers;
	} stripe[SIM_LOCK_STRIPES];
	uint8_t pad[SIM_LINE];
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
	bool capacity_given; /* it is not just what the configured namespaces take */
	uint64_t allocated; /* of it to namespaces: NVMCAP of each added up */
	bool multi;	   /* configured for several controllers: ANA, CMIC */
	struct sim_stage *stage; /* media/stage.c */
	struct sim_fdp *fdp; /* the endurance group; NULL: there is none. fdp/group.c */
	_Atomic uint32_t nr_formats; /* namespaces that are being formatted */
	_Atomic uint64_t deadline; /* armed at the clock port */
	uint32_t configured[(SIM_NN + 32) / 32]; /* bit NSID: sim_ns_add() gave it out */
	uint64_t nr_created; /* identifiers made, see nsmgmt.c */
	_Atomic uint32_t flushing; /* threads that go through @ctrl with no lock held */
	_Atomic bool irqs; /* a controller other than the one at work may have vectors to deliver */
};

static inline void sim_bit_set(uint32_t *map, uint32_t n)
{
	map[n / 32] |= 1u << n % 32;
}

static inline void sim_bit_clear(uint32_t *map, uint32_t n)
{
	map[n / 32] &= ~(1u << n % 32);
}

static inline bool sim_bit(const uint32_t *map, uint32_t n)
{
	return map[n / 32] >> n % 32 & 1;
}

/** sim_arm() - something is due at @deadline_ns: tell the clock port if that is the earliest */
void sim_arm(struct sim_subsys *s, uint64_t deadline_ns);

/** sim_irq_flush_all() - deliver what every controller has to deliver; no lock may be held */
void sim_irq_flush_all(struct sim_subsys *s);
/** sim_subsys_reset() - NVM Subsystem Reset (NSSR); takes the writer side */
void sim_subsys_reset(struct sim_subsys *s);

/** sim_fn_free() - the end of a function and its controller, when nobody knows them any more */
void sim_fn_free(struct sim_fn *fn);

/** sim_subsys_settle() - an NVM Subsystem Reset, or the shutdown of all controllers: zones get their
 * initial state; writer side held */
void sim_subsys_settle(struct sim_subsys *s);

/* ---- attachment (attach.c); the writer side is held ---------------------------------------- */

/**
 * sim_attach_ns() - attach a namespace that is new in the subsystem, as it is configured and as
 * Namespace Attachment has decided earlier
 * @c: the controller it was configured with; NULL: all there are
 */
void sim_attach_ns(struct sim_ns *ns, struct sim_ctrl *c);
/** sim_attach_ctrl() - the same for a controller that is new: the shared namespaces */
void sim_attach_ctrl(struct sim_ctrl *c);
/** sim_attach_css() - CC.CSS has changed: attached namespaces whose command set it leaves out are not
 * there, and those that it lets in again are. CC.EN 0: all are. */
void sim_attach_css(struct sim_ctrl *c);
/** sim_detach_all() - the namespace goes: from every controller; @by gets no event, NULL: nobody */
void sim_detach_all(struct sim_ns *ns, const struct sim_ctrl *by);
/**
 * sim_ns_changed() - something Identify says of @ns is another: the controllers that it is attached
 * to have it in their Changed Attached Namespace List log, and send the event (@by does not; NULL:
 * all do)
 */
void sim_ns_changed(struct sim_ns *ns, const struct sim_ctrl *by);

uint16_t sim_ns_attachment(struct sim_req *req); /* admin command 15h */

/* ---- Namespace Management (nsmgmt.c) --------------------------------------------------------- */

/** SIM_NS_GRANULARITY - bytes NVMCAP is a multiple of: a page, the largest common block */
#define SIM_NS_GRANULARITY 4096u

uint16_t sim_ns_management(struct sim_req *req); /* admin command 0Dh */
/** sim_ns_place() - a namespace that was made gets its place in the subsystem; writer side held */
void sim_ns_place(struct sim_subsys *s, struct sim_ns *ns);
/** sim_unallocated() - UNVMCAP, bytes */
uint64_t sim_unallocated(const struct sim_subsys *s);

/* ---- Asymmetric Namespace Access (ana.c) ----------------------------------------------------- */

#define SIM_ANATT 10 /* ANA Transition Time, seconds: no transition takes any */

/** sim_ana_check() - whether the state of a namespace lets @req's controller use it; see
 * sim_ana_ok(). Return: 0 or Asymmetric Access Inaccessible, Persistent Loss, Transition. */
uint16_t sim_ana_check(struct sim_req *req, const struct sim_ns *ns);
/** sim_ana_check_all() - the same for NSID FFFFFFFFh: every attached namespace */
uint16_t sim_ana_check_all(struct sim_req *req);
/** sim_ana_feature() - the same for Get and Set Features (NVMe Base 2.1, figure 588)
 * @ns: what the NSID names; NULL: it is FFFFFFFFh or the feature is not a namespace's */
uint16_t sim_ana_feature(struct sim_req *req, const struct sim_feature *row,
			 const struct sim_ns *ns, bool set);
/** sim_ana_hides_capacity() - NUSE and NVMCAP are not known in this state */
bool sim_ana_hides_capacity(const struct sim_ctrl *c, const struct sim_ns *ns);
/** sim_ana_touch() - the descriptor of @nsid's group has changed; writer side held */
void sim_ana_touch(struct sim_ctrl *c, uint32_t nsid);
/** sim_ana_reset() - a Controller Level Reset: the counts begin again; the states stay */
void sim_ana_reset(struct sim_ctrl *c);
uint16_t sim_ana_log(struct sim_req *req, uint8_t *page); /* log page 0Ch */

#endif /* NVMESIM_SUBSYS_H */
