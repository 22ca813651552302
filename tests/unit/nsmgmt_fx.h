/* SPDX-License-Identifier: MIT */
/*
 * nsmgmt_fx.h - a subsystem in which hosts create namespaces: media that survive, a journal that
 * survives, restarts, and deaths in the middle of a command.
 */
#ifndef TESTS_NSMGMT_FX_H
#define TESTS_NSMGMT_FX_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin.h"
#include "../../core/persist/persist.h"
#include "../../store/store.h"

#define MIB (1ull << 20)
#define GRANULARITY 4096ull

enum {
	ST_INTERNAL = 0x006,
	ST_WRITE_PROTECTED = 0x020,
	ST_CONFLICT = 0x083,
	ST_FORMAT_IN_PROGRESS = 0x084,
	ST_INVALID_FORMAT = 0x10a,
	ST_NO_CAPACITY = 0x115,
	ST_NO_NSID = 0x116,
	ST_ALREADY_ATTACHED = 0x118,
	ST_IS_PRIVATE = 0x119,
	ST_NOT_ATTACHED = 0x11a,
	ST_NO_THIN = 0x11b,
	ST_CTRL_LIST = 0x11c,
	ST_ANA_GROUP = 0x124,
	ST_ANA_ATTACH = 0x125,
	ST_IOCS_NOT_SUPPORTED = 0x129,
	ST_PERSISTENT_LOSS = 0x301,
	ST_INACCESSIBLE = 0x302,
	ST_TRANSITION = 0x303,
};

/**
 * struct nfx - the fixture
 * @disk:   medium of the configured namespace 1
 * @medium: by NSID, those that were made; they outlive @d
 * @dropped: media that were dropped, freed at the end as a daemon would later
 * @make_err: what make() fails with; @put_err: the same of the journal's put
 * @syncs:  how often the journal was to be made durable
 * @calls:  calls of the ports that change what survives; @die_at: at which of them the process
 *          dies: from there on nothing it does survives. UINT32_MAX: never
 */
struct nfx {
	struct drv *d;
	struct drv_params p;
	struct sim_store *disk;
	struct sim_store *medium[SIM_NN + 1];
	struct sim_store *dropped[1024];
	unsigned int nr_dropped, makes, lives, syncs;
	int make_err, put_err;
	unsigned int calls, die_at;
	struct sim_journal_port real;
	char dir[32];
};

/* one more call that would change what survives. Return: whether the process lives */
static inline bool nfx_lives(struct nfx *f)
{
	return f->calls++ < f->die_at;
}

static inline int nfx_make(void *opaque, uint32_t nsid, uint64_t size, struct sim_store **st)
{
	struct nfx *f = opaque;
	struct sim_msg msg;

	if (f->make_err)
		return f->make_err;
	*st = store_ram_new(size, &msg);
	assert_non_null(*st);
	(*st)->fresh = true;
	f->makes++;
	if (f->medium[nsid]) /* left behind by a creation the process did not survive */
		f->dropped[f->nr_dropped++] = f->medium[nsid];
	f->medium[nsid] = NULL;
	if (nfx_lives(f))
		f->medium[nsid] = *st;
	else
		f->dropped[f->nr_dropped++] = *st;
	return 0;
}

static inline int nfx_open(void *opaque, uint32_t nsid, struct sim_store **st)
{
	struct nfx *f = opaque;

	*st = f->medium[nsid];
	return *st ? 0 : SIM_ENOENT;
}

static inline void nfx_drop(void *opaque, uint32_t nsid, struct sim_store *st)
{
	struct nfx *f = opaque;

	if (f->medium[nsid] != st || !nfx_lives(f))
		return;
	f->dropped[f->nr_dropped++] = st;
	f->medium[nsid] = NULL;
}

static inline int nfx_put(void *opaque, uint16_t type, uint64_t key, uint16_t version,
			  const void *buf, uint32_t len)
{
	struct nfx *f = opaque;

	if (f->put_err)
		return f->put_err;
	if (!nfx_lives(f))
		return 0;
	return f->real.put(f->real.opaque, type, key, version, buf, len);
}

static inline int nfx_get(void *opaque, uint16_t type, uint64_t key, uint16_t *version, void *buf,
			  uint32_t len)
{
	struct nfx *f = opaque;

	return f->real.get(f->real.opaque, type, key, version, buf, len);
}

static inline void *nfx_cell(void *opaque, uint16_t type, uint64_t key, uint32_t len)
{
	struct nfx *f = opaque;

	return f->real.cell(f->real.opaque, type, key, len);
}

static inline int nfx_sync(void *opaque)
{
	struct nfx *f = opaque;

	f->syncs++; /* it would take its time */
	return 0;
}

static inline void *nfx_area(void *opaque, uint16_t type, uint64_t key, uint64_t len, bool *fresh)
{
	struct nfx *f = opaque;

	return f->real.area(f->real.opaque, type, key, len, fresh);
}

static inline void nfx_area_free(void *opaque, uint16_t type, uint64_t key, void *mem, uint64_t len,
				 bool forget)
{
	struct nfx *f = opaque;

	f->real.area_free(f->real.opaque, type, key, mem, len, forget && nfx_lives(f));
}

static inline void nfx_area_punch(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	struct nfx *f = opaque;

	if (f->calls < f->die_at)
		f->real.area_punch(f->real.opaque, mem, off, len);
}

/* power on: what is configured, then what hosts made */
static inline void nfx_start(struct nfx *f)
{
	struct sim_msg msg = { "" };

	assert_int_equal(store_journal_open(f->dir, "s", &f->real, &msg), 0);
	f->p.journal = (struct sim_journal_port){
		.put = nfx_put,
		.get = nfx_get,
		.cell = nfx_cell,
		.sync = nfx_sync,
		.area = f->real.area ? nfx_area : NULL,
		.area_free = nfx_area_free,
		.area_punch = f->real.area_punch ? nfx_area_punch : NULL,
		.opaque = f,
	};
	f->d = drv_new(&f->p);
	if (sim_subsys_restore(f->d->subsys, &msg))
		fail_msg("%s", msg.text);
	drv_start(f->d);
}

static inline void nfx_stop(struct nfx *f)
{
	drv_free(f->d);
	store_journal_close(&f->real);
	f->die_at = UINT32_MAX;
}

static inline void nfx_restart(struct nfx *f)
{
	nfx_stop(f);
	nfx_start(f);
	f->d->now_ns += 1000000000ull * ++f->lives;
	f->d->wall_ms += 1000ull * f->lives;
}

/* a subsystem of @capacity bytes (0: what is configured) with namespace 1 of 64 MiB */
static inline struct nfx *nfx_new(uint64_t capacity, bool multi)
{
	struct nfx *f = calloc(1, sizeof(*f));
	struct sim_msg msg;

	assert_non_null(f);
	strcpy(f->dir, "/tmp/nsmgmt.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->disk = store_ram_new(64 * MIB, &msg);
	assert_non_null(f->disk);
	f->die_at = UINT32_MAX;
	drv_params(&f->p);
	f->p.ns.store = f->disk;
	f->p.capacity = capacity;
	f->p.multi = multi;
	f->p.backing = (struct sim_backing_port){ nfx_make, nfx_open, nfx_drop, f };
	nfx_start(f);
	return f;
}

static inline void nfx_free(struct nfx *f)
{
	struct dirent *e;
	char path[300];
	DIR *dir;

	nfx_stop(f);
	for (unsigned int i = 0; i < f->nr_dropped; i++)
		store_free(f->dropped[i]);
	for (unsigned int i = 0; i <= SIM_NN; i++)
		if (f->medium[i])
			store_free(f->medium[i]);
	store_free(f->disk);
	dir = opendir(f->dir);
	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(f->dir);
	free(f);
}

/* ---- commands ----------------------------------------------------------------------------- */

/* what NVM Command Set 1.1, section 4.1.6 has at which byte */
struct ns_wish {
	uint64_t nsze, ncap; /* 7:0, 15:8 */
	uint8_t flbas, dps, nmic; /* 26, 29, 30 */
	uint32_t anagrpid; /* 95:92 */
	uint16_t nvmsetid, endgid, nphndls; /* 101:100, 103:102, 393:392 */
	uint64_t lbstm; /* 391:384 */
	uint8_t csi;
};

static inline void put_bytes(uint8_t *p, uint64_t v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static inline uint16_t ns_create_as(struct drv *d, const struct ns_wish *w, uint32_t *nsid)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x0d, [11] = (uint32_t)w->csi << 24 } };
	uint64_t iova = drv_alloc(d, 4096);
	uint8_t *p = drv_ptr(d, iova);
	struct drv_cqe cqe = { 0 };
	uint16_t status;

	put_bytes(p, w->nsze, 8);
	put_bytes(p + 8, w->ncap, 8);
	p[26] = w->flbas;
	p[29] = w->dps;
	p[30] = w->nmic;
	put_bytes(p + 92, w->anagrpid, 4);
	put_bytes(p + 100, w->nvmsetid, 2);
	put_bytes(p + 102, w->endgid, 2);
	put_bytes(p + 384, w->lbstm, 8);
	put_bytes(p + 392, w->nphndls, 2);
	status = drv_admin(d, &cmd, iova, 4096, &cqe);
	if (nsid)
		*nsid = cqe.dw0;
	return status;
}

/* @nsze blocks of 512 bytes, shared. Return: the NSID */
static inline uint32_t ns_create(struct drv *d, uint64_t nsze)
{
	struct ns_wish w = { .nsze = nsze, .ncap = nsze, .nmic = 1 };
	uint32_t nsid = 0;

	assert_int_equal(ns_create_as(d, &w, &nsid), ST_OK);
	return nsid;
}

static inline uint16_t ns_delete(struct drv *d, uint32_t nsid)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x0d, [1] = nsid, [10] = 1 } };

	return drv_admin(d, &cmd, 0, 0, NULL);
}

/* Namespace Attachment with a Controller List of @n identifiers; @sel 0: attach, 1: detach */
static inline uint16_t ns_attach_list(struct drv *d, uint32_t nsid, uint32_t sel, unsigned int n,
				      const uint16_t *cntlid)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x15, [1] = nsid, [10] = sel } };
	uint64_t iova = drv_alloc(d, 4096);
	uint8_t *p = drv_ptr(d, iova);

	put_bytes(p, n, 2);
	for (unsigned int i = 0; i < n && i < 2047; i++)
		put_bytes(p + 2 + 2 * i, cntlid[i], 2);
	return drv_admin(d, &cmd, iova, 4096, NULL);
}

static inline uint16_t ns_attach(struct drv *d, uint32_t nsid, uint16_t cntlid)
{
	return ns_attach_list(d, nsid, 0, 1, &cntlid);
}

static inline uint16_t ns_detach(struct drv *d, uint32_t nsid, uint16_t cntlid)
{
	return ns_attach_list(d, nsid, 1, 1, &cntlid);
}

/* whether @nsid is in the list of CNS @cns: 02h active, 10h allocated */
static inline bool ns_listed(struct drv *d, uint8_t cns, uint32_t nsid)
{
	uint8_t *list;

	assert_int_equal(identify(d, nsid - 1, cns, 0, &list), ST_OK);
	return get32(list) == nsid;
}

static inline unsigned int ns_count(struct drv *d, uint8_t cns)
{
	unsigned int n = 0;
	uint8_t *list;

	assert_int_equal(identify(d, 0, cns, 0, &list), ST_OK);
	while (n < 1024 && get32(list + 4 * n))
		n++;
	return n;
}

/* Identify Controller: TNVMCAP is at 280, UNVMCAP at 296 */
static inline uint64_t ctrl_capacity(struct drv *d, unsigned int at)
{
	uint8_t *id;

	assert_int_equal(identify(d, 0, 0x01, 0, &id), ST_OK);
	assert_true(all_zero(id + at + 8, 8));
	return get64(id + at);
}

static inline uint64_t tnvmcap(struct drv *d)
{
	return ctrl_capacity(d, 280);
}

static inline uint64_t unvmcap(struct drv *d)
{
	return ctrl_capacity(d, 296);
}

/* Command Specific Information of the newest entry of the error log: bytes 39:32 */
static inline uint64_t last_error_info(struct drv *d)
{
	uint8_t *log;

	assert_int_equal(get_log(d, 0x01, 0, 0, 64, true, &log), ST_OK);
	return get64(log + 32);
}

/* a block of 512 bytes, all @byte, at @slba; or what is there */
static inline uint16_t put_block(struct drv *d, uint32_t nsid, uint64_t slba, uint8_t byte)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x01, [1] = nsid, [10] = (uint32_t)slba } };
	uint64_t iova = drv_alloc(d, 512);

	memset(drv_ptr(d, iova), byte, 512);
	return drv_io(d, &cmd, iova, 512, NULL);
}

static inline int get_block(struct drv *d, uint32_t nsid, uint64_t slba)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [1] = nsid, [10] = (uint32_t)slba } };
	uint64_t iova = drv_alloc(d, 512);
	uint8_t *p = drv_ptr(d, iova);
	uint16_t status = drv_io(d, &cmd, iova, 512, NULL);

	if (status)
		return -status;
	for (unsigned int i = 1; i < 512; i++)
		assert_int_equal(p[i], p[0]);
	return p[0];
}

#endif /* TESTS_NSMGMT_FX_H */
