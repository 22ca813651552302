/* SPDX-License-Identifier: MIT */
/*
 * test_fdp_mode.c - FDP enabled, disabled and in other configurations (feature 1Dh), and namespaces
 * that hosts create with handles, format and delete.
 */
#include "nsmgmt_fx.h"
#include "fdp_check.h"

enum { ST_FDP_DISABLED = 0x029, ST_HANDLE_LIST = 0x02a };
enum { FID_FDP = 0x1d, FID_EVENTS = 0x1e };

#define NRUH 4u
#define KIB  1024ull

static struct nfx *fx_new(void)
{
	struct nfx *f = nfx_new(256 * MIB, false);

	f->p.fdp =
		(struct sim_fdp_params){.on = true, .runs = MIB, .nrg = 2, .nruh = NRUH, .op = 10};
	nfx_restart(f);
	return f;
}

/* Get Log Page of the endurance group */
static uint16_t eg_log(struct nfx *f, uint8_t lid, uint16_t endgid, uint32_t len, uint8_t **page)
{
	struct drv_cmd cmd = {.dw = {[0] = 0x02,
				     [10] = (len / 4 - 1) << 16 | lid,
				     [11] = (uint32_t)endgid << 16}};
	uint64_t iova = drv_alloc(f->d, len);

	*page = drv_ptr(f->d, iova);
	memset(*page, 0xa5, len);
	return drv_admin(f->d, &cmd, iova, len, NULL);
}

static uint16_t set_fdp(struct nfx *f, uint16_t endgid, bool on, uint8_t index, bool save)
{
	struct drv_cmd cmd = {.dw = {[0] = 0x09, [1] = NSID_ALL}};

	cmd.dw[10] = (uint32_t)save << 31 | FID_FDP;
	cmd.dw[11] = endgid;
	cmd.dw[12] = on | (uint32_t)index << 8;
	return drv_admin(f->d, &cmd, 0, 0, NULL);
}

static uint32_t get_fdp(struct nfx *f, uint8_t sel)
{
	uint32_t dw0 = 0xffffffff;

	assert_int_equal(get_feature(f->d, FID_FDP, sel, 0, 1, &dw0), ST_OK);
	return dw0;
}

/* I/O Management Receive, RUH Status */
static uint16_t ruh_status(struct nfx *f, uint32_t nsid, uint8_t **page)
{
	struct drv_cmd cmd = {.dw = {[0] = 0x12, [1] = nsid, [10] = 1, [11] = 1023}};
	uint64_t iova = drv_alloc(f->d, 4096);

	*page = drv_ptr(f->d, iova);
	return drv_io(f->d, &cmd, iova, 4096, NULL);
}

/* NVM Command Set 1.1, section 4.1.6: the handles from byte 512 on */
static uint16_t create(struct nfx *f, uint8_t flbas, uint16_t endgid, uint16_t n,
		       const uint16_t *ruhid, uint32_t *nsid)
{
	struct drv_cmd cmd = {.dw = {[0] = 0x0d}};
	uint64_t iova = drv_alloc(f->d, 4096), blocks = (flbas == 4 ? 8 : 1) * 2048;
	uint8_t *p = drv_ptr(f->d, iova);
	struct drv_cqe cqe = {0};
	uint16_t status;

	put_bytes(p, 16 * MIB / 512 / (blocks / 2048), 8);
	put_bytes(p + 8, 16 * MIB / 512 / (blocks / 2048), 8);
	p[26] = flbas;
	p[30] = 1;
	put_bytes(p + 102, endgid, 2);
	put_bytes(p + 392, n, 2);
	for (uint16_t i = 0; i < n && i < 128; i++)
		put_bytes(p + 512 + 2 * i, ruhid[i], 2);
	status = drv_admin(f->d, &cmd, iova, 4096, &cqe);
	if (!status)
		assert_int_equal(ns_attach(f->d, cqe.dw0, 0), ST_OK);
	if (nsid)
		*nsid = cqe.dw0;
	return status;
}

static uint16_t write_pid(struct nfx *f, uint32_t nsid, uint64_t slba, uint32_t pid)
{
	struct drv_cmd cmd = {.dw = {[0] = 0x01, [1] = nsid, [10] = (uint32_t)slba}};
	uint64_t iova = drv_alloc(f->d, 4096);

	cmd.dw[12] = 7 | 2u << 20;
	cmd.dw[13] = pid << 16;
	return drv_io(f->d, &cmd, iova, 4096, NULL);
}

/* bytes valid in all reclaim units */
static uint64_t valid(struct nfx *f)
{
	struct sim_fdp_ru ru[1024];
	int64_t n = sim_fdp_rus(f->d->subsys, 0, 1024, ru);
	uint64_t bytes = 0;

	assert_true(n > 0);
	for (int64_t i = 0; i < n; i++)
		bytes += ru[i].valid;
	return bytes;
}

static uint64_t hbmw(struct nfx *f)
{
	uint8_t *p;

	assert_int_equal(eg_log(f, 0x22, 1, 64, &p), ST_OK);
	return get64(p);
}

static void test_feature(void **state)
{
	struct nfx *f = fx_new();
	uint32_t dw0;

	assert_int_equal(get_fdp(f, 0), 1);
	assert_int_equal(get_fdp(f, 1), 0); /* default */
	assert_int_equal(get_fdp(f, 2), 1); /* saved */
	assert_int_equal(get_fdp(f, 3), 5); /* saveable, changeable */
	assert_int_equal(get_feature(f->d, FID_FDP, 0, 0, 2, &dw0), ST_INVALID_FIELD);
	assert_int_equal(get_feature(f->d, FID_FDP, 0, 0, 0, &dw0), ST_INVALID_FIELD);
	assert_int_equal(set_fdp(f, 2, false, 0, true), ST_INVALID_FIELD);
	assert_int_equal(set_fdp(f, 1, true, 3, true), ST_INVALID_FIELD);
	assert_int_equal(set_fdp(f, 1, false, 0, false), ST_INVALID_FIELD);
	/* namespace 1 is there: nothing can be changed, what is can be set */
	assert_int_equal(set_fdp(f, 1, false, 0, true), ST_SEQUENCE);
	assert_int_equal(set_fdp(f, 1, true, 1, true), ST_SEQUENCE);
	assert_int_equal(set_fdp(f, 1, true, 0, true), ST_OK);
	nfx_free(f);
}

static void check_disabled(struct nfx *f, uint32_t nsid)
{
	struct drv_cmd send = {.dw = {[0] = 0x1d, [1] = nsid, [10] = 1}};
	struct drv_cmd dir = {.dw = {[0] = 0x19, [1] = nsid, [11] = 1, [12] = 0x0201}};
	struct drv_cmd dirs = {.dw = {[0] = 0x1a, [1] = nsid, [10] = 1023, [11] = 1}};
	uint64_t iova = drv_alloc(f->d, 4096);
	uint8_t *p;

	assert_int_equal(get_fdp(f, 0), 0);
	assert_int_equal(eg_log(f, 0x20, 1, 64, &p), ST_OK);
	assert_int_equal(eg_log(f, 0x21, 1, 64, &p), ST_FDP_DISABLED);
	assert_int_equal(eg_log(f, 0x22, 1, 64, &p), ST_FDP_DISABLED);
	assert_int_equal(eg_log(f, 0x23, 1, 64, &p), ST_FDP_DISABLED);
	assert_int_equal(eg_log(f, 0x22, 2, 64, &p), ST_INVALID_FIELD);
	assert_int_equal(eg_log(f, 0x09, 1, 512, &p), ST_OK);
	assert_int_equal(ruh_status(f, nsid, &p), ST_FDP_DISABLED);
	assert_int_equal(drv_io(f->d, &send, iova, 2, NULL), ST_FDP_DISABLED);
	assert_int_equal(write_pid(f, nsid, 0, 0), ST_INVALID_FIELD);
	assert_int_equal(get_feature(f->d, FID_EVENTS, 0, nsid, 0, NULL), ST_FDP_DISABLED);
	assert_int_equal(drv_admin(f->d, &dir, 0, 0, NULL), ST_FDP_DISABLED);
	assert_int_equal(drv_admin(f->d, &dirs, iova, 4096, NULL), ST_OK);
	p = drv_ptr(f->d, iova);
	assert_int_equal(p[0], 1);
	assert_int_equal(p[32], 1);
	assert_int_equal(put_block(f->d, nsid, 0, 1), ST_OK);
}

static void test_switch(void **state)
{
	static const uint16_t bad[] = {77, 77};
	struct nfx *f = fx_new();
	uint32_t nsid;
	uint8_t *p;

	assert_int_equal(write_pid(f, 1, 0, 0), ST_OK);
	assert_int_equal(ns_delete(f->d, 1), ST_OK);
	assert_int_equal(set_fdp(f, 1, false, 0, true), ST_OK);
	/* where FDP is disabled, nobody looks at handles */
	assert_int_equal(create(f, 0, 1, 2, bad, &nsid), ST_OK);
	check_disabled(f, nsid);
	nfx_restart(f);
	check_disabled(f, nsid);
	assert_int_equal(set_fdp(f, 1, true, 0, true), ST_SEQUENCE);
	assert_int_equal(ns_delete(f->d, nsid), ST_OK);
	/* enabled again, with half of the handles: all begins at 0 */
	assert_int_equal(set_fdp(f, 1, true, 2, true), ST_OK);
	assert_int_equal(get_fdp(f, 0), 0x201);
	assert_int_equal(eg_log(f, 0x21, 1, 64, &p), ST_OK);
	assert_int_equal(get16(p), NRUH / 2);
	assert_int_equal(hbmw(f), 0);
	assert_int_equal(create(f, 0, 0, 1, &(uint16_t){NRUH / 2}, NULL), ST_HANDLE_LIST);
	assert_int_equal(create(f, 0, 0, 1, &(uint16_t){1}, &nsid), ST_OK);
	assert_int_equal(write_pid(f, nsid, 0, 0), ST_OK);
	assert_int_equal(hbmw(f), 4096);
	nfx_restart(f);
	assert_int_equal(get_fdp(f, 0), 0x201);
	assert_int_equal(hbmw(f), 4096);
	assert_int_equal(valid(f), 4096);
	/* persistently isolated */
	assert_int_equal(ns_delete(f->d, nsid), ST_OK);
	assert_int_equal(set_fdp(f, 1, true, 1, true), ST_OK);
	assert_int_equal(hbmw(f), 0);
	assert_int_equal(create(f, 0, 0, 1, &(uint16_t){1}, &nsid), ST_OK);
	assert_int_equal(valid(f), 0);
	assert_int_equal(write_pid(f, nsid, 0, 1u << 15), ST_OK);
	assert_int_equal(valid(f), 4096);
	nfx_free(f);
}

static void test_create(void **state)
{
	static const uint16_t twice[] = {1, 2, 1}, high[] = {1, NRUH}, taken[] = {1, 0},
			      list[] = {3, 1}, five[] = {0, 1, 2, 3, 4};
	static uint16_t many[129];
	struct nfx *f = fx_new();
	uint32_t a, b;
	uint8_t *p;

	/* namespace 1 has the handle the controller chose, 0 */
	assert_int_equal(eg_log(f, 0x21, 1, 40, &p), ST_OK);
	assert_int_equal(p[8], 2);
	assert_int_equal(create(f, 0, 2, 0, NULL, NULL), ST_INVALID_FIELD);
	assert_int_equal(create(f, 0, 1, 3, twice, NULL), ST_HANDLE_LIST);
	assert_int_equal(create(f, 0, 1, 2, high, NULL), ST_HANDLE_LIST);
	assert_int_equal(create(f, 0, 1, 2, taken, NULL), ST_HANDLE_LIST);
	assert_int_equal(create(f, 0, 1, 5, five, NULL), ST_HANDLE_LIST);
	assert_int_equal(create(f, 0, 1, 129, many, NULL), ST_HANDLE_LIST);
	assert_int_equal(create(f, 0, 1, 2, list, &a), ST_OK);
	/* shared handles have one format */
	assert_int_equal(create(f, 4, 1, 2, list, NULL), ST_INVALID_FORMAT);
	assert_int_equal(create(f, 4, 0, 0, NULL, NULL), ST_INVALID_FORMAT);
	assert_int_equal(create(f, 0, 0, 1, list, &b), ST_OK);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(ruh_status(f, a, &p), ST_OK);
		assert_int_equal(get16(p + 14), 4); /* by handle, then by group */
		for (unsigned int k = 0; k < 4; k++) {
			assert_int_equal(get16(p + 16 + 32 * k), k / 2 | (k % 2) << 15);
			assert_int_equal(get16(p + 18 + 32 * k), list[k / 2]);
			assert_int_equal(get64(p + 24 + 32 * k), 2048);
		}
		assert_int_equal(eg_log(f, 0x21, 1, 40, &p), ST_OK);
		for (unsigned int h = 0; h < NRUH; h++)
			assert_int_equal(p[8 + 8 * h], h == 0 ? 2 : h % 2);
		nfx_restart(f);
	}
	assert_int_equal(ns_delete(f->d, 1), ST_OK);
	assert_int_equal(create(f, 0, 1, 2, (uint16_t[]){0, 2}, NULL), ST_OK);
	/* all are named by hosts now */
	assert_int_equal(create(f, 0, 1, 0, NULL, NULL), ST_HANDLE_LIST);
	nfx_free(f);
}

static uint16_t format(struct nfx *f, uint32_t nsid, uint8_t lbaf)
{
	struct drv_cmd cmd = {.dw = {[0] = 0x80, [1] = nsid, [10] = lbaf}};

	return drv_admin(f->d, &cmd, 0, 0, NULL);
}

static void test_format_and_delete(void **state)
{
	struct nfx *f = fx_new();
	uint16_t one = 1;
	uint32_t a, b;
	uint8_t *p;

	assert_int_equal(create(f, 0, 1, 1, &one, &a), ST_OK);
	assert_int_equal(create(f, 0, 1, 1, &one, &b), ST_OK);
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(write_pid(f, a, 8 * i, i % 2u << 15), ST_OK);
		assert_int_equal(write_pid(f, b, 8 * i, i % 2u << 15), ST_OK);
	}
	assert_int_equal(valid(f), 200 * 4096);
	assert_int_equal(format(f, a, 4), ST_INVALID_FORMAT); /* @b would have another one */
	assert_int_equal(format(f, a, 0), ST_OK);
	assert_int_equal(valid(f), 100 * 4096);
	assert_int_equal(hbmw(f), 200 * 4096);
	nfx_restart(f);
	assert_int_equal(valid(f), 100 * 4096);
	assert_int_equal(ns_delete(f->d, b), ST_OK);
	assert_int_equal(valid(f), 0);
	assert_int_equal(format(f, a, 4), ST_OK);
	assert_int_equal(ruh_status(f, a, &p), ST_OK);
	assert_int_equal(get64(p + 24), (2048 - 100 * 8) / 8); /* 4 KiB blocks now */
	assert_int_equal(ns_delete(f->d, a), ST_OK);
	assert_int_equal(eg_log(f, 0x21, 1, 40, &p), ST_OK);
	assert_int_equal(p[16], 0);
	nfx_free(f);
}

static void test_directive(void **state)
{
	struct nfx *f = fx_new();
	struct drv_cmd cmd = {.dw = {[0] = 0x1a, [1] = 1, [10] = 1023, [11] = 1}};
	uint64_t iova = drv_alloc(f->d, 4096);
	uint8_t *p = drv_ptr(f->d, iova), *s;

	assert_int_equal(drv_admin(f->d, &cmd, iova, 4096, NULL), ST_OK);
	assert_int_equal(p[0], 5);
	assert_int_equal(p[32], 5);
	assert_int_equal(p[64], 4);
	cmd.dw[11] = 0x0201; /* Data Placement has no operations */
	assert_int_equal(drv_admin(f->d, &cmd, iova, 4096, NULL), ST_INVALID_FIELD);
	cmd.dw[11] = 2;
	assert_int_equal(drv_admin(f->d, &cmd, iova, 4096, NULL), ST_INVALID_FIELD);

	cmd = (struct drv_cmd){.dw = {[0] = 0x19, [1] = 1, [11] = 1, [12] = 0x0101}};
	assert_int_equal(drv_admin(f->d, &cmd, 0, 0, NULL), ST_INVALID_FIELD); /* Streams */
	cmd.dw[12] = 0x0001;
	assert_int_equal(drv_admin(f->d, &cmd, 0, 0, NULL), ST_INVALID_FIELD); /* Identify */
	cmd.dw[1] = NSID_ALL;
	cmd.dw[12] = 0x0201;
	assert_int_equal(drv_admin(f->d, &cmd, 0, 0, NULL), ST_INVALID_NS);
	cmd.dw[1] = 1;
	cmd.dw[12] = 0x0200; /* disabled: DTYPE and DSPEC are not looked at, and that survives */
	assert_int_equal(drv_admin(f->d, &cmd, 0, 0, NULL), ST_OK);
	nfx_restart(f);
	assert_int_equal(write_pid(f, 1, 0, 0x8000), ST_OK);
	assert_int_equal(ruh_status(f, 1, &s), ST_OK);
	assert_int_equal(get64(s + 24), 2040);
	assert_int_equal(get64(s + 56), 2048);
	cmd.dw[12] = 0x0201;
	assert_int_equal(drv_admin(f->d, &cmd, 0, 0, NULL), ST_OK);
	assert_int_equal(write_pid(f, 1, 8, 0x8000), ST_OK);
	assert_int_equal(ruh_status(f, 1, &s), ST_OK);
	assert_int_equal(get64(s + 56), 2040);
	nfx_free(f);
}

/* ---- logs ------------------------------------------------------------------------------------ */

#define PART (16 * MIB) /* a namespace of create() */

/* @bytes from @at on are written, through one of the handle's reclaim groups */
static void put(struct nfx *f, uint32_t nsid, unsigned int shift, uint64_t at, uint64_t bytes,
		uint32_t rg)
{
	struct drv_cmd cmd = {.dw = {[0] = 0x08, [1] = nsid}};

	cmd.dw[10] = (uint32_t)(at >> shift);
	cmd.dw[12] = ((uint32_t)(bytes >> shift) - 1) | 2u << 20;
	cmd.dw[13] = rg << 31;
	assert_int_equal(drv_io(f->d, &cmd, 0, 0, NULL), ST_OK);
}

/* all of it once, and then anywhere, until every unit was collected a few times */
static void put_all(struct nfx *f, uint32_t nsid, unsigned int shift, uint32_t *seed)
{
	for (uint64_t at = 0; at < PART; at += 64 * KIB)
		put(f, nsid, shift, at, 64 * KIB, at / (64 * KIB) % 2);
	for (unsigned int i = 0; i < 3 * PART / (4 * KIB); i++) {
		*seed = *seed * 1664525 + 1013904223;
		put(f, nsid, shift, (uint64_t)(*seed >> 8) % (PART / (4 * KIB)) * (4 * KIB),
		    4 * KIB, *seed >> 31);
	}
}

/* @parts namespaces are full, and each block has an entry in the log of the unit that it is in */
static void check_logs(struct nfx *f, unsigned int parts)
{
	assert_int_equal(valid(f), parts * PART);
	fdp_check(f->d->subsys);
}

/*
 * Namespaces of any blocks share the units and the chunks that their logs are made of, whoever comes
 * and goes: what is in a unit is found when it is collected, and a start finds all of it.
 */
static void test_logs(void **state)
{
	struct nfx *f = nfx_new(64 * MIB, false);
	uint32_t ns[4], seed = 5;

	f->p.fdp = (struct sim_fdp_params){.on = true, .runs = MIB, .nrg = 2, .nruh = 4, .op = 10};
	nfx_restart(f);
	assert_int_equal(ns_delete(f->d, 1), ST_OK);
	for (uint16_t i = 0; i < 4; i++)
		assert_int_equal(create(f, 4, 1, 1, &(uint16_t){i}, &ns[i]), ST_OK);
	for (unsigned int i = 0; i < 4; i++)
		put_all(f, ns[i], 12, &seed);
	check_logs(f, 4);

	assert_int_equal(format(f, ns[1], 0), ST_OK);
	check_logs(f, 3);
	put_all(f, ns[1], 9, &seed);
	put_all(f, ns[2], 12, &seed);
	check_logs(f, 4);
	nfx_restart(f);
	check_logs(f, 4);
	put_all(f, ns[0], 12, &seed);
	assert_int_equal(ns_delete(f->d, ns[0]), ST_OK);
	assert_int_equal(create(f, 0, 1, 1, &(uint16_t){0}, &ns[0]), ST_OK);
	put_all(f, ns[0], 9, &seed);
	put_all(f, ns[3], 12, &seed);
	check_logs(f, 4);

	assert_int_equal(ns_delete(f->d, ns[1]), ST_OK);
	assert_int_equal(format(f, ns[0], 4), ST_OK);
	put_all(f, ns[0], 12, &seed);
	put_all(f, ns[2], 12, &seed);
	check_logs(f, 3);
	nfx_restart(f);
	check_logs(f, 3);
	nfx_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_feature),	  cmocka_unit_test(test_switch),
		cmocka_unit_test(test_create),	  cmocka_unit_test(test_format_and_delete),
		cmocka_unit_test(test_directive),	  cmocka_unit_test(test_logs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
