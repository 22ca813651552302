/* SPDX-License-Identifier: MIT */
/*
 * resvcmd.h - reservation commands as the specification's figures show them, from several hosts of
 * one subsystem: a host is a controller with a Host Identifier.
 */
#ifndef TESTS_RESVCMD_H
#define TESTS_RESVCMD_H

#include <stdlib.h>

#include "admin.h"

enum { OP_REGISTER = 0x0d, OP_REPORT = 0x0e, OP_ACQUIRE = 0x11, OP_RELEASE = 0x15 };
enum { RREGA_REGISTER = 0, RREGA_UNREGISTER = 1, RREGA_REPLACE = 2 };
enum { RACQA_ACQUIRE = 0, RACQA_PREEMPT = 1, RACQA_PREEMPT_ABORT = 2 };
enum { RRELA_RELEASE = 0, RRELA_CLEAR = 1 };
enum { WE = 1, EA = 2, WERO = 3, EARO = 4, WEAR = 5, EAAR = 6 };
enum { NOTE_REG_PREEMPTED = 1, NOTE_RELEASED = 2, NOTE_PREEMPTED = 3 };

#define IEKEY (1u << 3)
#define RTYPE(type) ((uint32_t)(type) << 8)
#define CPTPL_CLEAR (2u << 30)
#define CPTPL_SET (3u << 30)

enum {
	ST_HOST_ID_FORMAT = 0x018,
	ST_PREEMPT_ABORT = 0x01b,
	ST_WRITE_PROTECTED = 0x020,
	ST_CONFLICT = 0x083,
};

/** struct host - @buf: a page for its commands */
struct host {
	struct drv *d;
	uint64_t buf;
};

static inline struct host host_on(struct drv *d)
{
	return (struct host){ .d = d, .buf = drv_alloc(d, DRV_PAGE) };
}

/* Set Features, Host Identifier: 64 bits of @lo, or 128 of @lo and @hi */
static inline uint16_t set_host_id(struct host *h, bool exhid, uint64_t lo, uint64_t hi)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x81, [11] = exhid } };
	uint64_t *p = drv_ptr(h->d, h->buf);

	p[0] = sim_le64(lo);
	p[1] = sim_le64(hi);
	return drv_admin(h->d, &cmd, h->buf, exhid ? 16 : 8, NULL);
}

static inline uint16_t resv_cmd(struct host *h, uint8_t op, uint32_t nsid, uint32_t cdw10,
				uint64_t crkey, uint64_t key)
{
	struct drv_cmd cmd = { .dw = { [0] = op, [1] = nsid, [10] = cdw10 } };
	uint64_t *p = drv_ptr(h->d, h->buf);

	p[0] = sim_le64(crkey);
	p[1] = sim_le64(key);
	return drv_io(h->d, &cmd, h->buf, op == OP_RELEASE ? 8 : 16, NULL);
}

static inline uint16_t reg_key(struct host *h, uint64_t key)
{
	return resv_cmd(h, OP_REGISTER, 1, RREGA_REGISTER, 0, key);
}

static inline uint16_t unregister(struct host *h, uint64_t key)
{
	return resv_cmd(h, OP_REGISTER, 1, RREGA_UNREGISTER, key, 0);
}

static inline uint16_t acquire(struct host *h, uint64_t key, uint8_t type)
{
	return resv_cmd(h, OP_ACQUIRE, 1, RACQA_ACQUIRE | RTYPE(type), key, 0);
}

static inline uint16_t preempt(struct host *h, uint64_t key, uint64_t prkey, uint8_t type)
{
	return resv_cmd(h, OP_ACQUIRE, 1, RACQA_PREEMPT | RTYPE(type), key, prkey);
}

static inline uint16_t release(struct host *h, uint64_t key, uint8_t type)
{
	return resv_cmd(h, OP_RELEASE, 1, RRELA_RELEASE | RTYPE(type), key, 0);
}

static inline uint16_t clear(struct host *h, uint64_t key)
{
	return resv_cmd(h, OP_RELEASE, 1, RRELA_CLEAR, key, 0);
}

/* Reservation Report, a page of it; what it does not write is A5h. Return: status */
static inline uint16_t report(struct host *h, bool eds, const uint8_t **page)
{
	struct drv_cmd cmd = { .dw = { [0] = OP_REPORT, [1] = 1, [10] = DRV_PAGE / 4 - 1,
				       [11] = eds } };

	*page = memset(drv_ptr(h->d, h->buf), 0xa5, DRV_PAGE);
	return drv_io(h->d, &cmd, h->buf, DRV_PAGE, NULL);
}

/* figure 581: its header */
static inline uint32_t rep_gen(const uint8_t *p) { return get32(p); }
static inline uint8_t rep_type(const uint8_t *p) { return p[4]; }
static inline uint16_t rep_nr(const uint8_t *p) { return get16(p + 5); }
static inline uint8_t rep_ptpl(const uint8_t *p) { return p[9]; }

/* figure 583: registrant @i */
struct reg {
	uint16_t cntlid;
	bool holder;
	uint64_t hostid, key;
};

static inline struct reg rep_reg(const uint8_t *p, unsigned int i)
{
	p += 24 + i * 24;
	return (struct reg){ get16(p), p[2] & 1, get64(p + 8), get64(p + 16) };
}

/* Get Log Page 80h: type << 8 | notifications left; 0: an empty page */
static inline uint32_t read_note(struct host *h, uint64_t *lpc)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [10] = 15u << 16 | 0x80 } };
	const uint8_t *p = memset(drv_ptr(h->d, h->buf), 0xa5, 64);

	assert_int_equal(drv_admin(h->d, &cmd, h->buf, 64, NULL), 0);
	if (lpc)
		*lpc = get64(p);
	assert_true(all_zero(p + 16, 48));
	if (p[8])
		assert_int_equal(get32(p + 12), 1);
	else
		assert_true(all_zero(p, 64));
	return p[8] ? (uint32_t)p[8] << 8 | p[9] : 0;
}

/* two controllers of host A, one each of B and C; keys as the tests use them */
#define KEY_A 0xa1a2a3a4a5a6a7a8ull
#define KEY_B 0xb1b2b3b4b5b6b7b8ull
#define KEY_C 0xc1c2c3c4c5c6c7c8ull
#define ID_A 0x1111111111111111ull
#define ID_B 0x2222222222222222ull
#define ID_C 0x3333333333333333ull

struct resv_fx {
	struct drv *d;
	struct host a, a2, b, c;
};

static inline void resv_setup(struct resv_fx *fx, const struct drv_params *p)
{
	struct host *h[] = { &fx->a, &fx->b, &fx->c, &fx->a2 }; /* by CNTLID */
	static const uint64_t id[] = { ID_A, ID_B, ID_C, ID_A };

	fx->d = drv_new(p);
	for (unsigned int i = 0; i < 4; i++) {
		struct drv *d = i ? drv_add_fn(fx->d, NULL) : fx->d;

		drv_start(d);
		*h[i] = host_on(d);
		assert_int_equal(set_host_id(h[i], false, id[i], 0), 0);
	}
}

static inline struct resv_fx *resv_fx_new(void)
{
	struct resv_fx *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	resv_setup(fx, NULL);
	return fx;
}

static inline int resv_fx_setup(void **state)
{
	*state = resv_fx_new();
	return 0;
}

static inline int resv_fx_teardown(void **state)
{
	struct resv_fx *fx = *state;

	drv_free(fx->d);
	free(fx);
	return 0;
}

#define resv_test(f) cmocka_unit_test_setup_teardown(f, resv_fx_setup, resv_fx_teardown)

#endif /* TESTS_RESVCMD_H */
