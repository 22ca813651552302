/* SPDX-License-Identifier: MIT */
/*
 * test_nsmgmt.c - Namespace Management: NVMe Base 2.1, sections 5.1.21, 8.1.15; NVM Command Set
 * 1.1, section 4.1.6
 */
#include <pthread.h>

#include "nsmgmt_fx.h"

#define SECTORS(bytes) ((bytes) / 512)

/* the whole life of a namespace */
static void test_life(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, false);
	struct drv *d = f->d;
	uint32_t nsid;
	uint8_t *id;

	assert_int_equal(tnvmcap(d), 256 * MIB);
	assert_int_equal(unvmcap(d), 192 * MIB);
	nsid = ns_create(d, SECTORS(16 * MIB));
	assert_int_equal(nsid, 2);
	assert_int_equal(tnvmcap(d), 256 * MIB);
	assert_int_equal(unvmcap(d), 176 * MIB);
	assert_true(ns_listed(d, 0x10, nsid));
	assert_false(ns_listed(d, 0x02, nsid));

	/* allocated, not active: CNS 00h gives zeroes, I/O does not work */
	assert_int_equal(identify(d, nsid, 0x00, 0, &id), ST_OK);
	assert_true(all_zero(id, 4096));
	assert_int_equal(put_block(d, nsid, 0, 1), ST_INVALID_FIELD);
	assert_int_equal(identify(d, nsid, 0x11, 0, &id), ST_OK);
	assert_int_equal(get64(id), SECTORS(16 * MIB)); /* NSZE */
	assert_int_equal(get64(id + 8), SECTORS(16 * MIB)); /* NCAP */
	assert_int_equal(get64(id + 16), 0); /* NUSE: nothing is allocated */
	assert_int_equal(id[24] & 1, 0); /* THINP */
	assert_int_equal(id[30], 1); /* NMIC */
	assert_int_equal(get64(id + 48), 16 * MIB); /* NVMCAP */
	assert_int_equal(identify(d, nsid, 0x12, 0, &id), ST_OK);
	assert_int_equal(get16(id), 0);

	assert_int_equal(ns_attach(d, nsid, 0), ST_OK);
	assert_true(ns_listed(d, 0x02, nsid));
	assert_int_equal(get_block(d, nsid, 5), 0);
	assert_int_equal(put_block(d, nsid, 5, 0x5a), ST_OK);
	assert_int_equal(get_block(d, nsid, 5), 0x5a);
	assert_int_equal(identify(d, nsid, 0x00, 0, &id), ST_OK);
	assert_int_equal(get64(id + 16), 1); /* NUSE */

	assert_int_equal(ns_detach(d, nsid, 0), ST_OK);
	assert_int_equal(get_block(d, nsid, 5), -ST_INVALID_FIELD);
	assert_int_equal(ns_attach(d, nsid, 0), ST_OK);
	assert_int_equal(get_block(d, nsid, 5), 0x5a);

	/* deleted while attached */
	assert_int_equal(ns_delete(d, nsid), ST_OK);
	assert_false(ns_listed(d, 0x02, nsid));
	assert_false(ns_listed(d, 0x10, nsid));
	assert_int_equal(unvmcap(d), 192 * MIB);
	assert_null(f->medium[nsid]);
	assert_int_equal(get_block(d, nsid, 5), -ST_INVALID_FIELD);
	assert_int_equal(ns_delete(d, nsid), ST_INVALID_FIELD);

	/* the next one of that NSID is another one */
	assert_int_equal(ns_create(d, SECTORS(16 * MIB)), nsid);
	assert_int_equal(ns_attach(d, nsid, 0), ST_OK);
	assert_int_equal(get_block(d, nsid, 5), 0);
	assert_int_equal(identify(d, nsid, 0x00, 0, &id), ST_OK);
	assert_int_equal(get64(id + 16), 0);
	nfx_free(f);
}

/* FLBAS and DPS as created; NVMCAP counts metadata, in whole units */
static void test_formats(void **state)
{
	struct nfx *f = nfx_new(1024 * MIB, false);
	struct drv *d = f->d;
	uint8_t *common;
	unsigned int made = 0;

	assert_int_equal(identify(d, NSID_ALL, 0x00, 0, &common), ST_OK);
	for (unsigned int lbaf = 0; lbaf <= common[25]; lbaf++) {
		const uint8_t *format = common + 128 + 4 * lbaf;
		uint64_t block = (1ull << format[2]) + get16(format);

		for (unsigned int variant = 0; variant < 4; variant++) {
			struct ns_wish w = {
				.nsze = 1001,
				.ncap = 1001,
				.flbas = (uint8_t)(lbaf | (variant & 1) << 4),
				.dps = variant & 2 ? 0x09 : 0, /* type 1, first bytes */
			};
			uint32_t nsid;
			uint16_t status = ns_create_as(d, &w, &nsid);
			uint8_t *id;

			if (status)
				continue; /* see test_extended(), test_errors() */
			made++;
			assert_int_equal(identify(d, nsid, 0x11, 0, &id), ST_OK);
			assert_int_equal(get64(id), 1001);
			assert_int_equal(id[26] & 0xf, lbaf);
			if (get16(format))
				assert_int_equal(id[26] & 0x10, w.flbas & 0x10);
			assert_int_equal(id[29], w.dps);
			assert_int_equal(get64(id + 48),
					 (1001 * block + GRANULARITY - 1) / GRANULARITY *
						 GRANULARITY);
			assert_int_equal(ns_delete(d, nsid), ST_OK);
		}
	}
	/* QEMU's eight formats: all without protection, those of 8 bytes of metadata and up with */
	assert_true(made >= 8 * 2 + 6 * 2);
	assert_int_equal(unvmcap(d), 960 * MIB);
	nfx_free(f);
}

static uint16_t enable_lbafee(struct drv *d)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x16 } };
	uint64_t iova = drv_alloc(d, 512);

	((uint8_t *)drv_ptr(d, iova))[2] = 1;
	return drv_admin(d, &cmd, iova, 512, NULL);
}

/* extended protection information formats are for hosts that enabled them; LBSTM is kept */
static void test_extended(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, false);
	struct ns_wish w = { .nsze = 1000, .ncap = 1000, .dps = 1, .lbstm = 0x5 };
	uint32_t nsid, lbaf, sts = 0;
	uint8_t *nvm;

	assert_int_equal(identify(f->d, NSID_ALL, 0x05, 0, &nvm), ST_OK);
	for (lbaf = 0; lbaf < 16 && !sts; lbaf++)
		sts = get32(nvm + 12 + 4 * lbaf) & 0x7f; /* ELBAF: STS */
	assert_true(sts >= 3);
	w.flbas = (uint8_t)(lbaf - 1);
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_INVALID_NS);
	assert_int_equal(enable_lbafee(f->d), ST_OK);
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_OK);
	for (unsigned int life = 0; life < 2; life++) {
		assert_int_equal(identify(f->d, nsid, 0x1b, 0, &nvm), ST_OK);
		assert_int_equal(get64(nvm), 0x5);
		nfx_restart(f);
	}
	nfx_free(f);
}

/* a wrong wish: its status, and everything is as before */
static void test_errors(void **state)
{
	static const struct {
		struct ns_wish w;
		uint16_t status;
	} rows[] = {
		{ { .nsze = 0, .ncap = 0 }, ST_INVALID_FIELD },
		{ { .nsze = 8, .ncap = 9 }, ST_INVALID_FIELD },
		{ { .nsze = 8, .ncap = 7 }, ST_NO_THIN },
		{ { .nsze = 8, .ncap = 0 }, ST_NO_THIN },
		{ { .nsze = 8, .ncap = 8, .flbas = 15 }, ST_INVALID_FORMAT },
		{ { .nsze = 8, .ncap = 8, .dps = 1 }, ST_INVALID_FORMAT }, /* no metadata */
		{ { .nsze = 8, .ncap = 8, .flbas = 1, .dps = 4 }, ST_INVALID_FIELD },
		{ { .nsze = 8, .ncap = 8, .flbas = 1, .dps = 0x10 }, ST_INVALID_FIELD },
		{ { .nsze = 8, .ncap = 8, .nmic = 2 }, ST_INVALID_FIELD },
		{ { .nsze = 8, .ncap = 8, .anagrpid = 1 }, ST_ANA_GROUP },
		{ { .nsze = 8, .ncap = 8, .nvmsetid = 1 }, ST_INVALID_FIELD },
		{ { .nsze = 8, .ncap = 8, .nvmsetid = 1, .endgid = 1 }, ST_INVALID_FIELD },
		{ { .nsze = 8, .ncap = 8, .endgid = 1 }, ST_INVALID_FIELD },
		{ { .nsze = 8, .ncap = 8, .nphndls = 1 }, ST_INVALID_FIELD },
		{ { .nsze = 8, .ncap = 8, .csi = 1 }, ST_IOCS_NOT_SUPPORTED },
		{ { .nsze = 8, .ncap = 8, .csi = 2 }, ST_INVALID_FIELD }, /* not a whole zone */
		{ { .nsze = 8, .ncap = 8, .csi = 0x30 }, ST_IOCS_NOT_SUPPORTED },
	};
	struct nfx *f = nfx_new(128 * MIB, true);
	struct drv *d = f->d;
	uint32_t nsid;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t status = ns_create_as(d, &rows[i].w, &nsid);

		if (status != rows[i].status)
			fail_msg("row %u: %03x", i, status);
		assert_int_equal(nsid, 0);
	}
	assert_int_equal(f->makes, 0);
	assert_int_equal(ns_count(d, 0x10), 1);
	assert_int_equal(unvmcap(d), 64 * MIB);

	/* reserved actions */
	for (uint32_t sel = 2; sel < 16; sel++) {
		struct drv_cmd cmd = { .dw = { [0] = 0x0d, [1] = 1, [10] = sel } };

		assert_int_equal(drv_admin(d, &cmd, drv_alloc(d, 4096), 4096, NULL),
				 ST_INVALID_FIELD);
	}
	assert_int_equal(ns_delete(d, 0), ST_INVALID_NS);
	assert_int_equal(ns_delete(d, SIM_NN + 1), ST_INVALID_NS);
	assert_int_equal(ns_delete(d, 0xfffffffe), ST_INVALID_NS);
	assert_int_equal(ns_delete(d, 2), ST_INVALID_FIELD);
	assert_int_equal(ns_count(d, 0x10), 1);
	nfx_free(f);
}

/* data that cannot be read: nothing is created */
static void test_bad_pointer(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, false);
	struct drv_cmd cmd = { .dw = { [0] = 0x0d } };

	assert_int_equal(drv_admin(f->d, &cmd, 0x10000, 4096, NULL), 0x004);
	assert_int_equal(ns_count(f->d, 0x10), 1);
	nfx_free(f);
}

static void test_capacity(void **state)
{
	struct nfx *f = nfx_new(128 * MIB + 100, false);
	struct drv *d = f->d;
	struct ns_wish w = { 0 };
	uint32_t nsid;

	/* too much: how much is needed is in the error log, in whole units */
	w.nsze = w.ncap = SECTORS(64 * MIB) + 1;
	assert_int_equal(ns_create_as(d, &w, &nsid), ST_NO_CAPACITY);
	assert_int_equal(last_error_info(d), 64 * MIB + GRANULARITY);
	w.nsze = w.ncap = UINT64_MAX;
	assert_int_equal(ns_create_as(d, &w, &nsid), ST_NO_CAPACITY);
	assert_true(last_error_info(d) > UINT64_MAX / 2);
	w.nsze = w.ncap = UINT64_MAX / 512;
	assert_int_equal(ns_create_as(d, &w, &nsid), ST_NO_CAPACITY);
	assert_true(last_error_info(d) > UINT64_MAX / 2);
	assert_int_equal(f->makes, 0);

	/* piece by piece until it is full, and back */
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(ns_create(d, SECTORS(4 * MIB)), 2 + i);
	assert_int_equal(unvmcap(d), 100);
	w.nsze = w.ncap = 1;
	assert_int_equal(ns_create_as(d, &w, &nsid), ST_NO_CAPACITY);
	assert_int_equal(last_error_info(d), GRANULARITY);
	assert_int_equal(ns_delete(d, 7), ST_OK);
	assert_int_equal(ns_create_as(d, &w, &nsid), ST_OK);
	assert_int_equal(nsid, 7);
	assert_int_equal(unvmcap(d), 4 * MIB - GRANULARITY + 100);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(ns_delete(d, 2 + i), ST_OK);
	assert_int_equal(unvmcap(d), 64 * MIB + 100);
	nfx_free(f);
}

/* a capacity that is not given is that of what is configured: deleting makes room */
static void test_capacity_of_configured(void **state)
{
	struct nfx *f = nfx_new(0, false);
	struct ns_wish w = { .nsze = SECTORS(64 * MIB), .ncap = SECTORS(64 * MIB) };
	uint32_t nsid;

	assert_int_equal(tnvmcap(f->d), 64 * MIB);
	assert_int_equal(unvmcap(f->d), 0);
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_NO_CAPACITY);
	assert_int_equal(put_block(f->d, 1, 0, 0x77), ST_OK);
	assert_int_equal(ns_delete(f->d, 1), ST_OK);
	assert_int_equal(unvmcap(f->d), 64 * MIB);
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_OK);
	assert_int_equal(nsid, 1);
	assert_int_equal(ns_attach(f->d, 1, 0), ST_OK);
	assert_int_equal(get_block(f->d, 1, 0), 0); /* not the configured one's medium */
	nfx_restart(f);
	assert_int_equal(tnvmcap(f->d), 64 * MIB);
	assert_int_equal(unvmcap(f->d), 0);
	assert_int_equal(get_block(f->d, 1, 0), 0);

	/* and when that is deleted, nobody comes back */
	assert_int_equal(ns_delete(f->d, 1), ST_OK);
	nfx_restart(f);
	assert_int_equal(ns_count(f->d, 0x10), 0);
	assert_int_equal(unvmcap(f->d), 64 * MIB);
	nfx_free(f);
}

/* what is configured does not fit */
static void test_capacity_too_small(void **state)
{
	struct nfx *f = nfx_new(100 * MIB, false);
	struct sim_store *st;
	struct drv_params p;
	struct sim_msg msg;

	st = store_ram_new(36 * MIB + 512, &msg);
	drv_params(&p);
	p.ns.store = st;
	p.ns.nsid = 5;
	msg.text[0] = 0;
	assert_int_equal(sim_ns_add(f->d->subsys, f->d->fn, &p.ns, &msg), SIM_EINVAL);
	assert_non_null(strstr(msg.text, "capacity"));
	assert_int_equal(ns_count(f->d, 0x10), 1);
	assert_int_equal(unvmcap(f->d), 36 * MIB);
	nfx_free(f);
	store_free(st);
}

static void test_nn(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, false);
	struct ns_wish w = { .nsze = 8, .ncap = 8, .nmic = 1 };
	uint32_t nsid;

	for (uint32_t want = 2; want <= SIM_NN; want++)
		assert_int_equal(ns_create(f->d, 8), want);
	assert_int_equal(ns_count(f->d, 0x10), SIM_NN);
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_NO_NSID);
	assert_int_equal(ns_delete(f->d, 100), ST_OK);
	assert_int_equal(ns_delete(f->d, 50), ST_OK);
	assert_int_equal(ns_create(f->d, 8), 50); /* the lowest */
	assert_int_equal(ns_create(f->d, 8), 100);
	assert_int_equal(ns_create_as(f->d, &w, &nsid), ST_NO_NSID);
	nfx_restart(f);
	assert_int_equal(ns_count(f->d, 0x10), SIM_NN);
	assert_int_equal(ns_count(f->d, 0x02), 1);
	/* all of them, the configured one as well */
	assert_int_equal(ns_delete(f->d, NSID_ALL), ST_OK);
	assert_int_equal(ns_count(f->d, 0x10), 0);
	assert_int_equal(unvmcap(f->d), 128 * MIB);
	assert_int_equal(ns_delete(f->d, NSID_ALL), ST_OK); /* of none */
	nfx_restart(f);
	assert_int_equal(ns_count(f->d, 0x10), 0);
	nfx_free(f);
}

/* a step that fails leaves nothing behind */
static void test_failures(void **state)
{
	struct nfx *f = nfx_new(128 * MIB, false);
	struct ns_wish w = { .nsze = 1000, .ncap = 1000 };
	struct drv *d = f->d;
	uint32_t nsid;

	f->make_err = SIM_ENOSPC;
	assert_int_equal(ns_create_as(d, &w, &nsid), ST_NO_CAPACITY);
	assert_true(last_error_info(d) >= 512000);
	f->make_err = SIM_EIO;
	assert_int_equal(ns_create_as(d, &w, &nsid), ST_INTERNAL);
	f->make_err = 0;
	f->put_err = SIM_ENOSPC;
	assert_int_equal(ns_create_as(d, &w, &nsid), ST_INTERNAL);
	assert_null(f->medium[2]);
	assert_int_equal(ns_delete(d, 1), ST_INTERNAL);
	assert_int_equal(ns_detach(d, 1, 0), ST_INTERNAL);
	f->put_err = 0;
	assert_int_equal(ns_count(d, 0x10), 1);
	assert_int_equal(ns_count(d, 0x02), 1);
	assert_int_equal(unvmcap(d), 64 * MIB);
	assert_int_equal(ns_create(d, 1000), 2);
	nfx_restart(f);
	assert_int_equal(ns_count(f->d, 0x10), 2);
	assert_int_equal(ns_count(f->d, 0x02), 1);
	nfx_free(f);
}

/* no media port: there is no room, whatever the capacity says */
static void test_no_backing(void **state)
{
	struct ns_wish w = { .nsze = 8, .ncap = 8 };
	struct drv_params p;
	uint32_t nsid;
	struct drv *d;

	drv_params(&p);
	p.capacity = 128 * MIB;
	d = drv_new(&p);
	drv_start(d);
	assert_int_equal(ns_create_as(d, &w, &nsid), ST_NO_CAPACITY);
	assert_int_equal(ns_delete(d, 1), ST_OK);
	assert_int_equal(ns_count(d, 0x10), 0);
	drv_free(d);
}

/* ---- what keeps a namespace from being deleted --------------------------------------------- */

static void test_delete_protected(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, false);
	struct drv_cmd format = { .dw = { [0] = 0x80, [1] = 2 } };
	struct drv_cmd del = { .dw = { [0] = 0x0d, [1] = 2, [10] = 1 } };
	struct drv_cqe cqe = { 0 };

	assert_int_equal(ns_create(f->d, SECTORS(64 * MIB)), 2);
	assert_int_equal(ns_attach(f->d, 2, 0), ST_OK);
	/* Namespace Write Protection */
	assert_int_equal(set_feature(f->d, 0x84, 2, 1, NULL), ST_OK);
	assert_int_equal(ns_delete(f->d, 2), ST_WRITE_PROTECTED);
	assert_int_equal(ns_delete(f->d, NSID_ALL), ST_WRITE_PROTECTED);
	assert_int_equal(ns_count(f->d, 0x10), 2);
	/* it may be detached */
	assert_int_equal(ns_detach(f->d, 2, 0), ST_OK);
	assert_int_equal(ns_delete(f->d, 2), ST_WRITE_PROTECTED);
	assert_int_equal(ns_attach(f->d, 2, 0), ST_OK);
	assert_int_equal(set_feature(f->d, 0x84, 2, 0, NULL), ST_OK);

	/* Format NVM in progress: it goes on in timers, and none has run yet */
	drv_submit(f->d, &f->d->admin, &format);
	assert_false(drv_poll(f->d, &f->d->admin, &cqe));
	drv_submit(f->d, &f->d->admin, &del);
	assert_true(drv_poll(f->d, &f->d->admin, &cqe));
	assert_int_equal(cqe.status & 0x7ff, ST_FORMAT_IN_PROGRESS);
	for (unsigned int i = 0; i < 100000 && !drv_poll(f->d, &f->d->admin, &cqe); i++)
		drv_advance(f->d, 1000000);
	assert_int_equal(cqe.status & 0x7ff, ST_OK);
	assert_int_equal(ns_delete(f->d, 2), ST_OK);
	assert_int_equal(ns_count(f->d, 0x10), 1);
	nfx_free(f);
}

static void test_delete_reserved(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, true);
	struct drv *a = f->d, *b = drv_add_fn(a, NULL);
	struct drv *hosts[] = { a, b };
	uint64_t iova;
	uint8_t *p;

	drv_start(b);
	for (unsigned int i = 0; i < 2; i++) { /* Host Identifiers 1 and 2 */
		struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x81 } };

		iova = drv_alloc(hosts[i], 8);
		put_bytes(drv_ptr(hosts[i], iova), i + 1, 8);
		assert_int_equal(drv_admin(hosts[i], &cmd, iova, 8, NULL), ST_OK);
	}
	struct drv_cmd reg = { .dw = { [0] = 0x0d, [1] = 1 } };
	struct drv_cmd acquire = { .dw = { [0] = 0x11, [1] = 1, [10] = 1 << 8 } };

	iova = drv_alloc(b, 16);
	p = drv_ptr(b, iova);
	put_bytes(p + 8, 0xabc, 8); /* NRKEY */
	assert_int_equal(drv_io(b, &reg, iova, 16, NULL), ST_OK);
	put_bytes(p, 0xabc, 8); /* CRKEY */
	put_bytes(p + 8, 0, 8);
	assert_int_equal(drv_io(b, &acquire, iova, 16, NULL), ST_OK); /* Write Exclusive */

	assert_int_equal(ns_delete(a, 1), ST_CONFLICT);
	assert_int_equal(ns_detach(a, 1, 1), ST_CONFLICT);
	assert_int_equal(ns_delete(a, NSID_ALL), ST_CONFLICT);
	assert_int_equal(ns_count(a, 0x10), 1);
	assert_int_equal(ns_delete(b, 1), ST_OK); /* the holder */
	assert_int_equal(ns_count(a, 0x10), 0);
	nfx_free(f);
}

static void test_delete_readonly(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, false);

	f->disk->readonly = true;
	assert_int_equal(ns_delete(f->d, 1), ST_WRITE_PROTECTED);
	assert_int_equal(ns_count(f->d, 0x10), 1);
	f->disk->readonly = false;
	nfx_free(f);
}

/* ---- while others work ---------------------------------------------------------------------- */

static _Atomic bool stop;

static void *write_blocks(void *arg)
{
	struct drv *d = arg;
	uint64_t iova = drv_alloc(d, 512);
	uintptr_t n = 0;

	while (!stop) {
		struct drv_cmd cmd = { .dw = { [0] = 0x01, [1] = 1, [10] = n++ % 1000 } };

		if (drv_io(d, &cmd, iova, 512, NULL))
			return NULL;
	}
	return (void *)n;
}

static void test_busy(void **state)
{
	struct nfx *f = nfx_new(256 * MIB, true);
	struct drv *other = drv_add_fn(f->d, NULL);
	void *written = NULL;
	pthread_t thread;

	drv_start(other);
	stop = false;
	assert_int_equal(pthread_create(&thread, NULL, write_blocks, other), 0);
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(ns_create(f->d, 1000), 2);
		assert_int_equal(ns_attach(f->d, 2, 0), ST_OK);
		assert_int_equal(put_block(f->d, 2, 1, 1), ST_OK);
		assert_int_equal(ns_delete(f->d, 2), ST_OK);
	}
	stop = true;
	pthread_join(thread, &written);
	assert_true((uintptr_t)written > 0);
	nfx_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_extended),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_bad_pointer),
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_capacity_of_configured),
		cmocka_unit_test(test_capacity_too_small),
		cmocka_unit_test(test_nn),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_no_backing),
		cmocka_unit_test(test_delete_protected),
		cmocka_unit_test(test_delete_reserved),
		cmocka_unit_test(test_delete_readonly),
		cmocka_unit_test(test_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
