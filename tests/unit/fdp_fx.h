/* SPDX-License-Identifier: MIT */
/*
 * fdp_fx.h - a subsystem with Flexible Data Placement for unit tests, and its commands as the
 * figures of the specification have them.
 */
#ifndef TESTS_FDP_FX_H
#define TESTS_FDP_FX_H

#include <stdlib.h>

#include "admin.h"
#include "mem_journal.h"
#include "../../store/store.h"

enum {
	OP_WRITE = 0x01,
	OP_READ = 0x02,
	OP_WRITE_UNCOR = 0x04,
	OP_WRITE_ZEROES = 0x08,
	OP_DSM = 0x09,
	OP_IO_RECV = 0x12,
	OP_COPY = 0x19,
	OP_IO_SEND = 0x1d,
	ADM_DIR_SEND = 0x19,
	ADM_DIR_RECV = 0x1a,
};
enum {
	ST_FDP_DISABLED = 0x029,
	ST_HANDLE_LIST = 0x02a,
	ST_INVALID_FORMAT = 0x10a,
};
enum {
	EV_NOT_FULL = 0x00,
	EV_TIME = 0x01,
	EV_RESET = 0x02,
	EV_PID = 0x03,
	EV_MOVED = 0x80,
	EV_IMPLICIT = 0x81
};

#define KIB    1024ull
#define MIB    (1024ull * 1024)
#define NO_PID 0x10000u /* DTYPE 0 */

struct ffx {
	struct mem_journal j;
	struct drv_params p;
	struct drv *d;
	uint64_t buf, rbuf; /* iova: of data, of what is received */
};

/* 4 KiB blocks, units of 256 KiB, two handles, one group; a test changes what it is about */
static inline void ffx_params(struct ffx *x)
{
	memset(x, 0, sizeof(*x));
	drv_params(&x->p);
	x->p.ns.logical_block_size = x->p.ns.physical_block_size = 4096;
	x->p.ns_bytes = 8 * MIB;
	x->p.fdp = (struct sim_fdp_params){
		.on = true, .runs = 256 * KIB, .nrg = 1, .nruh = 2, .op = 10
	};
	x->p.ns.ruhs = (struct sim_ruhs){ .nr = 2, .ruhid = { 0, 1 } };
}

/* power on: what survives is @x->j and the store */
static inline void ffx_up(struct ffx *x)
{
	struct sim_msg msg;

	x->p.journal = memj_port(&x->j);
	if (!x->p.ns.store && x->p.ns_bytes) {
		x->p.ns.store = store_ram_new(x->p.ns_bytes, &msg);
		assert_non_null(x->p.ns.store);
	}
	x->d = drv_new(&x->p);
	drv_start(x->d);
	x->buf = drv_alloc(x->d, 512 * KIB);
	x->rbuf = drv_alloc(x->d, 64 * KIB);
}

static inline void ffx_down(struct ffx *x)
{
	drv_free(x->d);
	x->d = NULL;
}

static inline void ffx_end(struct ffx *x)
{
	ffx_down(x);
	if (x->p.ns.store)
		store_free(x->p.ns.store);
	memj_free(&x->j);
}

/* a command on blocks of namespace @nsid; @pid NO_PID: no directive; @flags of CDW12 */
static inline uint16_t ffx_io(struct ffx *x, uint8_t op, uint32_t nsid, uint32_t pid, uint64_t slba,
			      uint32_t nlb, uint32_t flags, uint32_t len)
{
	struct drv_cmd cmd = { { op, nsid } };

	cmd.dw[10] = (uint32_t)slba;
	cmd.dw[11] = (uint32_t)(slba >> 32);
	cmd.dw[12] = (nlb - 1) | flags;
	if (pid != NO_PID) {
		cmd.dw[12] |= 2u << 20;
		cmd.dw[13] = pid << 16;
	}
	return drv_io(x->d, &cmd, len ? x->buf : 0, len, NULL);
}

static inline void ffx_write(struct ffx *x, uint32_t pid, uint64_t slba, uint32_t nlb)
{
	assert_int_equal(ffx_io(x, OP_WRITE, 1, pid, slba, nlb, 0, nlb * 4096), 0);
}

static inline void ffx_trim(struct ffx *x, uint64_t slba, uint32_t nlb)
{
	struct drv_cmd cmd = { { OP_DSM, 1 } };
	uint32_t *range = drv_ptr(x->d, x->buf);

	range[0] = 0;
	range[1] = sim_le32(nlb);
	range[2] = sim_le32((uint32_t)slba);
	range[3] = 0;
	cmd.dw[11] = 4;
	assert_int_equal(drv_io(x->d, &cmd, x->buf, 16, NULL), 0);
}

/* Get Log Page with a Log Specific Identifier, and the field of CDW10 bits 14:8 */
static inline uint16_t ffx_log(struct ffx *x, uint8_t lid, uint16_t lsi, uint32_t lsp, uint32_t len,
			       uint8_t **page)
{
	uint32_t numd = len / 4 - 1;
	struct drv_cmd cmd = { .dw = { [0] = 0x02,
				       [10] = numd << 16 | lsp << 8 | lid,
				       [11] = numd >> 16 | (uint32_t)lsi << 16 } };

	*page = drv_ptr(x->d, x->rbuf);
	memset(*page, 0xa5, len);
	return drv_admin(x->d, &cmd, x->rbuf, len, NULL);
}

struct ffx_stats {
	uint64_t hbmw, mbmw, mbe;
};

static inline struct ffx_stats ffx_stats(struct ffx *x)
{
	uint8_t *p;

	assert_int_equal(ffx_log(x, 0x22, 1, 0, 64, &p), 0);
	assert_true(all_zero(p + 8, 8) && all_zero(p + 24, 8) && all_zero(p + 40, 24));
	return (struct ffx_stats){ get64(p), get64(p + 16), get64(p + 32) };
}

/* I/O Management Receive, RUH Status. Return: status; *@page of @len bytes */
static inline uint16_t ffx_status(struct ffx *x, uint32_t nsid, uint32_t len, uint8_t **page)
{
	struct drv_cmd cmd = { { OP_IO_RECV, nsid } };

	cmd.dw[10] = 1;
	cmd.dw[11] = len / 4 - 1;
	*page = drv_ptr(x->d, x->rbuf);
	memset(*page, 0xa5, len);
	return drv_io(x->d, &cmd, x->rbuf, len, NULL);
}

/* RUAMW of the @i-th descriptor */
static inline uint64_t ffx_ruamw(struct ffx *x, uint32_t nsid, unsigned int i)
{
	uint8_t *p;

	assert_int_equal(ffx_status(x, nsid, 4096, &p), 0);
	assert_true(i < get16(p + 14));
	return get64(p + 16 + 32 * i + 8);
}

/* I/O Management Send, RUH Update of @n placement identifiers */
static inline uint16_t ffx_update(struct ffx *x, uint32_t nsid, const uint16_t *pid, uint32_t n)
{
	struct drv_cmd cmd = { { OP_IO_SEND, nsid } };
	uint8_t *p = drv_ptr(x->d, x->buf);

	for (uint32_t i = 0; i < n; i++) {
		p[2 * i] = (uint8_t)pid[i];
		p[2 * i + 1] = (uint8_t)(pid[i] >> 8);
	}
	cmd.dw[10] = (n - 1) << 16 | 1;
	return drv_io(x->d, &cmd, x->buf, n * 2, NULL);
}

/* Set Features FDP Events: @n types for placement handle @ph */
static inline uint16_t ffx_set_events(struct ffx *x, uint32_t nsid, uint16_t ph,
				      const uint8_t *types, uint8_t n, bool on)
{
	struct drv_cmd cmd = { { 0x09, nsid } };

	memcpy(drv_ptr(x->d, x->buf), types, n);
	cmd.dw[10] = 0x8000001e;
	cmd.dw[11] = (uint32_t)n << 16 | ph;
	cmd.dw[12] = on;
	return drv_admin(x->d, &cmd, x->buf, n, NULL);
}

/* FDP Events log, @host or controller events. Return: their number, *@ev the first */
static inline uint32_t ffx_events(struct ffx *x, bool host, const uint8_t **ev)
{
	uint8_t *p;

	assert_int_equal(ffx_log(x, 0x23, 1, host, 4096, &p), 0);
	*ev = p + 64;
	return get32(p);
}

#endif /* TESTS_FDP_FX_H */
