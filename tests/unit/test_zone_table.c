/* SPDX-License-Identifier: MIT */
/*
 * test_zone_table.c - the zone state machine, cell by cell
 *
 * The table below is a transcription of ZNS Command Set Specification 1.1, figure 7 and sections
 * 2.1.1.2 to 2.1.1.4, 3.3, 3.4.3.1, 5.3 to 5.6 (and of the Zone Random Write Area's addition), made
 * for this test and shared with nobody. Every event is tried on a zone in every state, with every
 * setting of the limits; status, Do Not Retry, the report of all zones, the Changed Zone List, data
 * and extension are compared.
 */
#include <inttypes.h>

#include "zone_fx.h"

#define T	2u /* the zone that things happen to */
#define T_SLBA	(T * ZSZE)
#define WRITTEN 3u /* blocks of it that are written before */
#define SOURCE	0u /* a full zone, to copy from */
#define OTHERS	3u /* zones from here on hold the resources that are taken */

/* ---- the table ------------------------------------------------------------------------------ */

/* figures 4 and 8: what a zone in the state holds */
static const bool active_st[NR_ST] = { [IO] = true, [EO] = true, [C] = true };
static const bool open_st[NR_ST] = { [IO] = true, [EO] = true };

/* clang-format off */
/* five ways to write, each in four ways: right; right and to the end; off the pointer; past the end */
enum ev {
	EV_WRITE, EV_WRITE_LAST, EV_WRITE_OFF, EV_WRITE_PAST,
	EV_ZEROES, EV_ZEROES_LAST, EV_ZEROES_OFF, EV_ZEROES_PAST,
	EV_UNCOR, EV_UNCOR_LAST, EV_UNCOR_OFF, EV_UNCOR_PAST,
	EV_COPY, EV_COPY_LAST, EV_COPY_OFF, EV_COPY_PAST,
	EV_APPEND, EV_APPEND_LAST, EV_APPEND_OFF, EV_APPEND_PAST,
	EV_OPEN, EV_CLOSE, EV_FINISH, EV_RESET, EV_OFFLINE, EV_SET_EXT, EV_FLUSH_ZRWA,
	EV_RESERVED, EV_NOT_FIRST,
	EV_READ, EV_READ_CROSS, EV_COMPARE, EV_COMPARE_CROSS, EV_VERIFY, EV_VERIFY_CROSS,
	EV_COPY_OUT, EV_COPY_OUT_CROSS, EV_DSM,
	EV_ACT_READ_ONLY, EV_ACT_OFFLINE, EV_ACT_FINISH, EV_ACT_FZR, EV_ACT_RZR,
	NR_EV
};

/* what a cell has: a state the zone is in after it, or a status it is refused with */
#define STAYS 0xffff
#define TO(state) { 0, state }
#define ERR(status) { status, 0 }
#define STAY { STAYS, 0 }
#define NO ERR(ZST_TRANSITION)
#define DENY { 1, 0 } /* of an act: it is none that the zone can undergo */
#define ALL7(x) { x, x, x, x, x, x, x }

/* a write: of a zone with a write pointer, or of one without */
#define WRITE4(a, b, c, d) { a, b, c, d, ERR(ZST_FULL), ERR(ZST_READ_ONLY), ERR(ZST_OFFLINE) }
#define GOOD WRITE4(TO(IO), TO(IO), TO(EO), TO(IO))
#define LAST WRITE4(TO(F), TO(F), TO(F), TO(F))
#define WRONG(s) WRITE4(ERR(s), ERR(s), ERR(s), ERR(s))
/* a read of it, or of it and the next one */
#define READ7(x) { x, x, x, x, x, x, ERR(ZST_OFFLINE) }
#define READS READ7(STAY)
#define ACROSS READ7(ERR(ZST_BOUNDARY))

static const struct {
	const char *name;
	struct {
		uint16_t status;
		uint8_t next;
	} cell[NR_ST];
} events[NR_EV] = {
	/*			  Empty    Impl.    Expl.    Closed   Full     RO       Offline */
	[EV_WRITE] = { "Write", GOOD },
	[EV_WRITE_LAST] = { "Write to the capacity", LAST },
	[EV_WRITE_OFF] = { "Write off the pointer", WRONG(ZST_INVALID_WRITE) },
	[EV_WRITE_PAST] = { "Write past the capacity", WRONG(ZST_BOUNDARY) },
	[EV_ZEROES] = { "Write Zeroes", GOOD },
	[EV_ZEROES_LAST] = { "Write Zeroes to the capacity", LAST },
	[EV_ZEROES_OFF] = { "Write Zeroes off the pointer", WRONG(ZST_INVALID_WRITE) },
	[EV_ZEROES_PAST] = { "Write Zeroes past the capacity", WRONG(ZST_BOUNDARY) },
	[EV_UNCOR] = { "Write Uncorrectable", GOOD },
	[EV_UNCOR_LAST] = { "Write Uncorrectable to the capacity", LAST },
	[EV_UNCOR_OFF] = { "Write Uncorrectable off the pointer", WRONG(ZST_INVALID_WRITE) },
	[EV_UNCOR_PAST] = { "Write Uncorrectable past the capacity", WRONG(ZST_BOUNDARY) },
	[EV_COPY] = { "Copy into", GOOD },
	[EV_COPY_LAST] = { "Copy to the capacity", LAST },
	[EV_COPY_OFF] = { "Copy off the pointer", WRONG(ZST_INVALID_WRITE) },
	[EV_COPY_PAST] = { "Copy past the capacity", WRONG(ZST_BOUNDARY) },
	[EV_APPEND] = { "Append", GOOD },
	[EV_APPEND_LAST] = { "Append to the capacity", LAST },
	[EV_APPEND_OFF] = { "Append elsewhere than ZSLBA", ALL7(ERR(ZST_INVALID_FIELD)) },
	[EV_APPEND_PAST] = { "Append past the capacity", WRONG(ZST_BOUNDARY) },
	[EV_OPEN] = { "Open",	{ TO(EO),  TO(EO),  TO(EO),  TO(EO),  NO,      NO,      NO } },
	[EV_CLOSE] = { "Close",	{ NO,      TO(C),   TO(C),   TO(C),   NO,      NO,      NO } },
	[EV_FINISH] = { "Finish", { TO(F), TO(F),   TO(F),   TO(F),   TO(F),   NO,      NO } },
	[EV_RESET] = { "Reset",	{ TO(E),   TO(E),   TO(E),   TO(E),   TO(E),   NO,      NO } },
	[EV_OFFLINE] = { "Offline", { NO,  NO,      NO,      NO,      NO,      TO(OFF), TO(OFF) } },
	[EV_SET_EXT] = { "Set Extension", { TO(C), NO, NO,   NO,      NO,      NO,      NO } },
	[EV_FLUSH_ZRWA] = { "Flush ZRWA, without one", ALL7(ERR(ZST_INVALID_OPERATION)) },
	[EV_RESERVED] = { "a reserved action", ALL7(ERR(ZST_INVALID_FIELD)) },
	[EV_NOT_FIRST] = { "Open, not the first block", ALL7(ERR(ZST_INVALID_FIELD)) },
	[EV_READ] = { "Read", READS },
	[EV_READ_CROSS] = { "Read across zones", ACROSS },
	[EV_COMPARE] = { "Compare", READS },
	[EV_COMPARE_CROSS] = { "Compare into it", ALL7(ERR(ZST_BOUNDARY)) },
	[EV_VERIFY] = { "Verify", READS },
	[EV_VERIFY_CROSS] = { "Verify across zones", ACROSS },
	[EV_COPY_OUT] = { "Copy from", READS },
	[EV_COPY_OUT_CROSS] = { "Copy from across zones", ACROSS },
	[EV_DSM] = { "Dataset Management", READS },
	/* 2.1.1.3: "by mechanisms outside the scope of this specification", and figure 7 */
	[EV_ACT_READ_ONLY] = { "act Read Only",
		{ TO(RO),  TO(RO),  TO(RO),  TO(RO),  TO(RO),  DENY,    DENY } },
	[EV_ACT_OFFLINE] = { "act Offline",
		{ TO(OFF), TO(OFF), TO(OFF), TO(OFF), TO(OFF), TO(OFF), DENY } },
	/* 5.6: a Zone Active Excursion is of a zone that is active */
	[EV_ACT_FINISH] = { "act Finish",
		{ DENY,    TO(F),   TO(F),   TO(F),   DENY,    DENY,    DENY } },
	/* 5.5, 5.4 */
	[EV_ACT_FZR] = { "act Finish Recommended",
		{ DENY,    STAY,    STAY,    STAY,    DENY,    DENY,    DENY } },
	[EV_ACT_RZR] = { "act Reset Recommended",
		{ DENY,    DENY,    DENY,    DENY,    STAY,    DENY,    DENY } },
};
/* clang-format on */

/* a right one of the five: it passes through an open state, and needs the resources of one */
static bool is_write(enum ev ev)
{
	return ev <= EV_APPEND_PAST && (ev - EV_WRITE) % 4 < 2;
}

/* not a host's: hosts are told */
static bool is_act(enum ev ev)
{
	return ev >= EV_ACT_READ_ONLY;
}

/* how the zone comes to be in a state */
static const struct setup {
	const char *name;
	enum st st;
	uint32_t written;
	uint8_t attrs;
} setups[] = {
	{ "Empty", E, 0, 0 },
	{ "Implicitly Opened", IO, WRITTEN, 0 },
	{ "Explicitly Opened", EO, WRITTEN, 0 },
	{ "Explicitly Opened, unwritten", EO, 0, 0 },
	{ "Closed", C, WRITTEN, 0 },
	{ "Closed, unwritten", C, 0, 0 },
	{ "Closed, with an extension", C, 0, ZA_ZDEV },
	{ "Implicitly Opened, with an extension", IO, WRITTEN, ZA_ZDEV },
	{ "Full, finished", F, WRITTEN, 0 },
	{ "Full, written", F, ZCAP, 0 },
	{ "Full, with an extension", F, WRITTEN, ZA_ZDEV },
	{ "Read Only", RO, WRITTEN, 0 },
	{ "Offline", OFF, WRITTEN, 0 },
};

/* what the others hold: with them (and the zone itself) so many are active, so many open */
static const struct limits settings[] = {
	{ "no limits", 0, 0, true, 3, 2, false },
	{ "below both", 5, 4, true, 4, 3, true },
	{ "max active", 4, 3, true, 4, 1, false },
	{ "max active, implicit", 4, 3, true, 4, 1, true },
	{ "max open, explicit", 6, 2, true, 3, 2, false },
	{ "max open, implicit", 6, 2, true, 3, 2, true },
	{ "max open, implicit, no auto transition", 6, 2, false, 3, 2, true },
	{ "both, explicit", 4, 2, true, 4, 2, false },
	{ "both, implicit", 4, 2, true, 4, 2, true },
	{ "both, no auto transition", 4, 2, false, 4, 2, true },
	{ "equal, explicit", 3, 3, true, 3, 3, false },
	{ "equal, implicit", 3, 3, true, 3, 3, true },
	{ "max open alone", 0, 2, true, 3, 2, true },
	{ "max active alone", 3, 0, true, 3, 3, false },
};

static void set_up(struct fx *f, const struct setup *s)
{
	if (s->attrs & ZA_ZDEV) {
		memset(drv_ptr(f->d, f->buf), 0xe7, ZDES);
		assert_int_equal(zsend(f, T, ZSA_SET_EXT), 0);
	}
	if (s->st == EO || (s->st == C && !(s->attrs & ZA_ZDEV)))
		assert_int_equal(zsend(f, T, ZSA_OPEN), 0);
	if (s->written)
		write_ok(f, T_SLBA, s->written);
	if (s->st == C)
		assert_int_equal(zsend(f, T, ZSA_CLOSE), 0);
	if (s->st == F && s->written < ZCAP)
		assert_int_equal(zsend(f, T, ZSA_FINISH), 0);
	if (s->st == RO || s->st == OFF)
		act_ok(f, T, s->st == RO ? SIM_ZA_READ_ONLY : SIM_ZA_OFFLINE);
}

/* others take resources until as many are active and open as the setting has it */
static bool take_resources(struct fx *f, const struct limits *l, enum st st)
{
	const uint32_t open = l->open - (open_st[st] && l->open ? 1 : 0);
	const uint32_t active = l->active - (active_st[st] && l->active ? 1 : 0);
	uint32_t zone = OTHERS;

	if (active < open)
		return false; /* a closed zone in a setting where all that are active are open */
	for (uint32_t i = 0; i < active - open; i++, zone++) {
		assert_int_equal(zsend(f, zone, ZSA_OPEN), 0);
		assert_int_equal(zsend(f, zone, ZSA_CLOSE), 0);
	}
	for (uint32_t i = 0; i < open; i++, zone++) {
		if (l->implicit)
			write_ok(f, zone * ZSZE, 1);
		else
			assert_int_equal(zsend(f, zone, ZSA_OPEN), 0);
	}
	return true;
}

/* ---- what happens --------------------------------------------------------------------------- */

static uint16_t act(struct fx *f, enum sim_zone_act act)
{
	struct sim_msg msg = { "" };
	int err = sim_zone_act(f->d->subsys, 1, T_SLBA, act, &msg);

	assert_true(err == 0 || err == SIM_EINVAL);
	assert_int_equal(err != 0, msg.text[0] != 0);
	return err ? 1 : 0;
}

static uint16_t write_like(struct fx *f, enum ev ev, uint64_t lba, uint32_t nlb)
{
	static const uint8_t op[] = { OP_WRITE, OP_WRITE_ZEROES, OP_WRITE_UNCOR, OP_COPY,
				      OP_ZONE_APPEND };
	uint8_t opcode = op[(ev - EV_WRITE) / 4];

	if (opcode == OP_COPY)
		return copy(f, SOURCE * ZSZE, lba, nlb);
	fill(f, lba, nlb);
	return move(f, opcode, lba, nlb);
}

/* @wp: where the zone's write pointer is, or was */
static uint16_t happen(struct fx *f, enum ev ev, uint64_t wp)
{
	const bool append = ev >= EV_APPEND && ev <= EV_APPEND_PAST;
	const uint64_t lba = append ? T_SLBA : wp;
	const uint32_t left = (uint32_t)(T_SLBA + ZCAP - wp);

	switch (ev) {
	case EV_WRITE:
	case EV_ZEROES:
	case EV_UNCOR:
	case EV_COPY:
	case EV_APPEND:
		return write_like(f, ev, lba, 1);
	case EV_WRITE_LAST:
	case EV_ZEROES_LAST:
	case EV_UNCOR_LAST:
	case EV_COPY_LAST:
	case EV_APPEND_LAST:
		return write_like(f, ev, lba, left ? left : 1);
	case EV_WRITE_OFF:
	case EV_ZEROES_OFF:
	case EV_UNCOR_OFF:
	case EV_COPY_OFF:
	case EV_APPEND_OFF:
		return write_like(f, ev, T_SLBA + ZCAP - 2, 1);
	case EV_WRITE_PAST:
	case EV_ZEROES_PAST:
	case EV_UNCOR_PAST:
	case EV_COPY_PAST:
	case EV_APPEND_PAST:
		return write_like(f, ev, lba, left + 1);
	case EV_OPEN:
		return zsend(f, T, ZSA_OPEN);
	case EV_CLOSE:
		return zsend(f, T, ZSA_CLOSE);
	case EV_FINISH:
		return zsend(f, T, ZSA_FINISH);
	case EV_RESET:
		return zsend(f, T, ZSA_RESET);
	case EV_OFFLINE:
		return zsend(f, T, ZSA_OFFLINE);
	case EV_SET_EXT:
		memset(drv_ptr(f->d, f->buf), 0x3c, ZDES);
		return zsend(f, T, ZSA_SET_EXT);
	case EV_FLUSH_ZRWA: {
		struct drv_cmd cmd = zone_send_cmd(T_SLBA + 1, ZSA_FLUSH_ZRWA);

		return exec(f, &cmd, 0);
	}
	case EV_RESERVED:
		return zsend(f, T, 0x06);
	case EV_NOT_FIRST: {
		struct drv_cmd cmd = zone_send_cmd(T_SLBA + 1, ZSA_OPEN);

		return exec(f, &cmd, 0);
	}
	case EV_READ:
		return move(f, OP_READ, T_SLBA, ZCAP);
	case EV_READ_CROSS:
		return move(f, OP_READ, T_SLBA, ZSZE + 1);
	case EV_COMPARE:
		memset(drv_ptr(f->d, f->buf), 0, LBS); /* behind the capacity: deallocated */
		return move(f, OP_COMPARE, T_SLBA + ZCAP, 1);
	case EV_COMPARE_CROSS:
		return move(f, OP_COMPARE, T_SLBA - 1, 2);
	case EV_VERIFY:
		return move(f, OP_VERIFY, T_SLBA, ZSZE);
	case EV_VERIFY_CROSS:
		return move(f, OP_VERIFY, T_SLBA + ZSZE - 1, 2);
	case EV_COPY_OUT: /* where the write to the other zone is right */
		return copy(f, T_SLBA, 1 * ZSZE, 1);
	case EV_COPY_OUT_CROSS:
		return copy(f, T_SLBA + ZSZE - 1, 1 * ZSZE, 2);
	case EV_DSM:
		return dsm(f, T_SLBA + ZCAP - 1, 1);
	case EV_ACT_READ_ONLY:
		return act(f, SIM_ZA_READ_ONLY);
	case EV_ACT_OFFLINE:
		return act(f, SIM_ZA_OFFLINE);
	case EV_ACT_FINISH:
		return act(f, SIM_ZA_FINISH);
	case EV_ACT_FZR:
		return act(f, SIM_ZA_FINISH_RECOMMENDED);
	case EV_ACT_RZR:
		return act(f, SIM_ZA_RESET_RECOMMENDED);
	default:
		fail();
		return 0;
	}
}

/* ---- what is to become of it ---------------------------------------------------------------- */

struct expect {
	uint16_t status;
	enum st st;
	uint64_t wp;
	uint8_t attrs;
	unsigned int closed; /* others that the controller has closed to make room */
};

static uint64_t wp_of(const struct setup *s)
{
	return T_SLBA + s->written;
}

static struct expect expected(const struct limits *l, const struct setup *s, enum ev ev)
{
	const uint16_t status = events[ev].cell[s->st].status;
	struct expect x = { status == STAYS ? 0 : status, s->st, wp_of(s), s->attrs, 0 };
	enum st next = events[ev].cell[s->st].next, through = is_write(ev) ? IO : next;

	if (status && status != STAYS)
		return x;
	if (status == STAYS)
		next = through = s->st;
	/* 2.1.1.4.1: resources, Active ones first */
	if (l->max_active && l->active >= l->max_active && active_st[through] &&
	    !active_st[s->st]) {
		x.status = ZST_TOO_MANY_ACTIVE;
		return x;
	}
	if (l->max_open && l->open >= l->max_open && open_st[through] && !open_st[s->st]) {
		if (!l->auto_transition || !l->implicit) {
			x.status = ZST_TOO_MANY_OPEN;
			return x;
		}
		x.closed = 1;
	}
	x.st = next;
	if (is_write(ev) && next != F)
		x.wp++;
	if (next == E)
		x.wp = T_SLBA, x.attrs = 0;
	if (next == OFF)
		x.attrs = 0;
	if (ev == EV_SET_EXT)
		x.attrs |= ZA_ZDEV;
	if (ev == EV_ACT_FINISH)
		x.attrs |= ZA_ZFC;
	if (ev == EV_ACT_FZR)
		x.attrs |= ZA_FZR;
	if (ev == EV_ACT_RZR)
		x.attrs |= ZA_RZR;
	return x;
}

static void check(const struct fx *f, const struct setup *s, enum ev ev, const char *what,
		  uint64_t got, uint64_t want)
{
	if (got != want)
		fail_msg("%s: %s, %s: %s is %" PRIx64 "h, not %" PRIx64 "h", f->name, s->name,
			 events[ev].name, what, got, want);
}

static void check_zone(struct fx *f, const struct setup *s, enum ev ev, const struct expect *x,
		       const uint8_t *now)
{
	struct zone_desc z = zone_desc(now, T, ZDES);
	const uint8_t *ext = now + 64 + T * (64 + ZDES) + 64;

	check(f, s, ev, "the type", z.type, 2);
	check(f, s, ev, "the state", z.state, wire_state[x->st]);
	check(f, s, ev, "the attributes", z.attrs, x->attrs);
	check(f, s, ev, "the capacity", z.zcap, ZCAP);
	check(f, s, ev, "the first block", z.zslba, T_SLBA);
	check(f, s, ev, "the write pointer", z.wp, with_pointer(z.state) ? x->wp : ZWP_NONE);
	if (z.attrs & ZA_ZDEV)
		check(f, s, ev, "the extension", ext[ZDES - 1], s->attrs & ZA_ZDEV ? 0xe7 : 0x3c);
}

static void check_others(struct fx *f, const struct setup *s, enum ev ev, const struct expect *x,
			 const uint8_t *before, const uint8_t *now)
{
	unsigned int closed = 0;

	for (unsigned int i = 0; i < NR_ZONES; i++) {
		struct zone_desc a = zone_desc(before, i, ZDES), b = zone_desc(now, i, ZDES);

		if (i == T)
			continue;
		if (i == 1 && ev == EV_COPY_OUT && !x->status) {
			check(f, s, ev, "the state of the zone copied to", b.state, ZS_IMPLICIT);
			check(f, s, ev, "the write pointer of the zone copied to", b.wp, a.wp + 1);
			continue;
		}
		if (a.state == ZS_IMPLICIT && b.state == ZS_CLOSED) {
			closed++;
			b.state = a.state;
		}
		check(f, s, ev, "another zone's state", b.state, a.state);
		check(f, s, ev, "another zone's write pointer", b.wp, a.wp);
		check(f, s, ev, "another zone's attributes", b.attrs, a.attrs);
	}
	check(f, s, ev, "the number of zones closed by the controller", closed, x->closed);
}

/* what was written is there, nothing else is */
static void check_data(struct fx *f, const struct setup *s, enum ev ev, const struct expect *x)
{
	const uint8_t *p = drv_ptr(f->d, f->buf);
	uint32_t written = x->status			    ? s->written
			   : x->st == E			    ? 0
			   : x->st == F && is_write(ev) ? ZCAP
							    : (uint32_t)(x->wp - T_SLBA);
	uint16_t status;

	if (x->st == OFF) {
		check(f, s, ev, "the status of reading it", move(f, OP_READ, T_SLBA, 1),
		      zone_dnr(ZST_OFFLINE));
		return;
	}
	for (uint32_t i = 0; i < ZSZE; i++) {
		bool now = i >= s->written && i < written;
		uint8_t want = i < written ? (uint8_t)(0x40 + T_SLBA + i) : 0;

		memset(drv_ptr(f->d, f->buf), 0xee, LBS);
		status = move(f, OP_READ, T_SLBA + i, 1);
		if (now && (ev == EV_UNCOR || ev == EV_UNCOR_LAST)) {
			check(f, s, ev, "the status of reading it", status, ZST_READ_ERROR);
			continue;
		}
		check(f, s, ev, "the status of reading it", status, 0);
		if (now && (ev == EV_ZEROES || ev == EV_ZEROES_LAST))
			want = 0;
		/* the patterns of Append and Copy are those of where they say they come from */
		if (now && (ev == EV_APPEND || ev == EV_APPEND_LAST))
			want = (uint8_t)(0x40 + T_SLBA + i - s->written);
		if (now && (ev == EV_COPY || ev == EV_COPY_LAST))
			want = (uint8_t)(0x40 + SOURCE * ZSZE + i - s->written);
		if (ev == EV_DSM && i == ZCAP - 1)
			want = 0;
		check(f, s, ev, "a byte of its data", p[0], want);
		check(f, s, ev, "a byte of its data", p[LBS - 1], want);
	}
}

static void cell(const struct limits *l, const struct setup *s, enum ev ev, bool zrwa)
{
	struct fx *f = make(l, zrwa, false);
	uint8_t before[REPORT_LEN], now[REPORT_LEN];
	struct expect x = expected(l, s, ev);
	uint64_t zslba;
	uint16_t status, n;

	write_ok(f, SOURCE * ZSZE, ZCAP);
	set_up(f, s);
	if (!take_resources(f, l, s->st)) {
		done(f);
		return;
	}
	if (ev == EV_COPY_OUT) {
		/* the zone copied to is to be no question of resources */
		if (l->max_active || l->max_open) {
			done(f);
			return;
		}
	}
	changed(f, &zslba);
	assert_int_equal(changed(f, &zslba), 0);
	report(f, before);
	check_counts(f, before);
	status = happen(f, ev, wp_of(s));
	check(f, s, ev, "the status", status, is_act(ev) ? x.status : zone_dnr(x.status));
	if (!status && (ev == EV_APPEND || ev == EV_APPEND_LAST))
		check(f, s, ev, "the assigned block", f->result, wp_of(s));
	report(f, now);
	if (x.status)
		assert_memory_equal(before, now, REPORT_LEN);
	check_zone(f, s, ev, &x, now);
	check_others(f, s, ev, &x, before, now);
	check_counts(f, now);
	n = changed(f, &zslba);
	check(f, s, ev, "the number of changed zones", n, is_act(ev) && !x.status ? 1 : 0);
	if (n)
		check(f, s, ev, "the changed zone", zslba, T_SLBA);
	check_data(f, s, ev, &x);
	done(f);
}

static void walk(const struct limits *l, bool zrwa)
{
	for (unsigned int s = 0; s < sizeof(setups) / sizeof(setups[0]); s++)
		for (enum ev ev = 0; ev < NR_EV; ev++)
			cell(l, &setups[s], ev, zrwa && ev == EV_FLUSH_ZRWA);
}

static void test_cells(void **state)
{
	walk(*state, true);
}

/* a namespace without a Zone Random Write Area refuses what needs one, in all states */
static void test_no_zrwa(void **state)
{
	static const uint32_t what[] = { ZSA_OPEN | ZSA_ZRWAA, ZSA_SET_EXT | ZSA_ZRWAA,
					 ZSA_FLUSH_ZRWA };

	for (unsigned int i = 0; i < sizeof(setups) / sizeof(setups[0]); i++) {
		for (unsigned int w = 0; w < sizeof(what) / sizeof(what[0]); w++) {
			struct fx *f = make(&settings[0], false, false);
			uint8_t before[REPORT_LEN], now[REPORT_LEN];

			set_up(f, &setups[i]);
			report(f, before);
			assert_int_equal(zsend(f, T, what[w]), zone_dnr(ZST_INVALID_OPERATION));
			report(f, now);
			assert_memory_equal(before, now, REPORT_LEN);
			done(f);
		}
	}
}

int main(void)
{
	enum { N = sizeof(settings) / sizeof(settings[0]) };
	struct CMUnitTest tests[N + 1] = { cmocka_unit_test(test_no_zrwa) };

	for (size_t i = 0; i < N; i++)
		tests[1 + i] = (struct CMUnitTest){ settings[i].name, test_cells, NULL, NULL,
						    (void *)(uintptr_t)&settings[i] };
	return cmocka_run_group_tests_name("zone_table", tests, NULL, NULL);
}
