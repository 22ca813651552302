/* SPDX-License-Identifier: MIT */
/*
 * resv_priv.h - the reservation of a namespace; private to core/ns/resv*.c.
 *
 * Everything here changes with the subsystem's writer side held, so that a command sees one state
 * from its check to its end. A change is made in a copy, recorded if Persist Through Power Loss
 * asks for it, and then takes the state's place: it happens as a whole or not at all.
 */
#ifndef NVMESIM_RESV_PRIV_H
#define NVMESIM_RESV_PRIV_H

#include "ns.h"

#define RESV_REGS_MAX 0xffffu /* REGSTRNT has 16 bits */
#define RESV_NO_CTRL 0xffffu

/** enum resv_type - Reservation Type (NVMe Base 2.1, figure 571) */
enum resv_type {
	RESV_NONE = 0,
	RESV_WE = 1,   /* Write Exclusive */
	RESV_EA = 2,   /* Exclusive Access */
	RESV_WERO = 3, /* Write Exclusive - Registrants Only */
	RESV_EARO = 4, /* Exclusive Access - Registrants Only */
	RESV_WEAR = 5, /* Write Exclusive - All Registrants */
	RESV_EAAR = 6, /* Exclusive Access - All Registrants */
	RESV__N,
};

/**
 * struct resv_host - who a host is
 * @id:     Host Identifier, little endian; one of 64 bits is continued with zeroes
 * @cntlid: of a host whose identifier is 0h: its controller; else %RESV_NO_CTRL
 */
struct resv_host {
	uint8_t id[16];
	uint16_t cntlid;
};

/**
 * struct resv_reg - a registrant
 * @holder: of a reservation that has one holder
 */
struct resv_reg {
	struct resv_host host;
	uint8_t holder, rsvd[5];
	uint64_t key;
};
_Static_assert(sizeof(struct resv_reg) == 32, "no padding: it is recorded as it is");

/** struct resv_state - what the record SIM_REC_RESV holds, up to the last of @reg */
struct resv_state {
	uint32_t gen, nr;
	uint8_t type, ptpl, rsvd[6];
	struct resv_reg reg[];
};
_Static_assert(sizeof(struct resv_state) == 16, "no padding: it is recorded as it is");

/**
 * struct sim_resv - @held: whether there is a reservation, for commands that only want to know that
 */
struct sim_resv {
	_Atomic bool held;
	struct resv_state *st;
};

static inline bool resv_all_registrants(uint8_t type)
{
	return type == RESV_WEAR || type == RESV_EAAR;
}

/** resv_holds() - whether registrant @r holds the reservation */
static inline bool resv_holds(const struct resv_state *st, const struct resv_reg *r)
{
	return st->type && (r->holder || resv_all_registrants(st->type));
}

/** resv_host_of() - the host that uses @c now */
struct resv_host resv_host_of(const struct sim_ctrl *c);
bool resv_same_host(const struct resv_host *a, const struct resv_host *b);
/** resv_find() - the registration of @host, or NULL */
struct resv_reg *resv_find(struct resv_state *st, const struct resv_host *host);

/** resv_copy() - a copy of @ns's state with room for one more registrant; NULL: no memory */
struct resv_state *resv_copy(const struct sim_ns *ns);
/**
 * resv_commit() - *@st, from resv_copy(), becomes @ns's state
 * *@st is what is to be freed afterwards: the old state, or on failure the new one.
 * Return: 0, or Internal Error: it could not be recorded and nothing changed.
 */
uint16_t resv_commit(struct sim_ns *ns, struct resv_state **st);

/* ---- notifications (resv_notify.c, section 8.1.22.2) ---------------------------------------- */

/** enum resv_note - Reservation Notification Log Page Type, which is also the bit of the mask */
enum resv_note {
	RESV_NOTE_REG_PREEMPTED = 1,
	RESV_NOTE_RELEASED = 2,
	RESV_NOTE_PREEMPTED = 3,
};
#define RESV_NOTE_MASK 0x0eu

/** resv_notify() - tell the controllers of @host */
void resv_notify(struct sim_ns *ns, const struct resv_host *host, enum resv_note note);

#endif /* NVMESIM_RESV_PRIV_H */
