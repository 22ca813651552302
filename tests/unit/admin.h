/* SPDX-License-Identifier: MIT */
/*
 * admin.h - admin commands as the tests of the admin side send them: dwords from the figures of the
 * specification, results read byte by byte.
 */
#ifndef TESTS_ADMIN_H
#define TESTS_ADMIN_H

#include "drv.h"

#define NSID_ALL 0xffffffffu

/* status: SCT << 8 | SC */
enum {
	ST_OK = 0x000,
	ST_INVALID_OPCODE = 0x001,
	ST_INVALID_FIELD = 0x002,
	ST_INVALID_NS = 0x00b,
	ST_ABORTED = 0x007,
	ST_SEQUENCE = 0x00c,
	ST_AER_LIMIT = 0x105,
	ST_INVALID_LOG = 0x109,
	ST_NOT_SAVEABLE = 0x10d,
	ST_NOT_CHANGEABLE = 0x10e,
	ST_NOT_PER_NS = 0x10f,
	ST_IOCS_COMBINATION = 0x12b,
};

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static inline bool all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* Identify: CDW10 = CNTID << 16 | CNS, CDW11 = CSI << 24 | ... */
static inline uint16_t identify(struct drv *d, uint32_t nsid, uint32_t cdw10, uint32_t cdw11,
				uint8_t **page)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x06, [1] = nsid, [10] = cdw10, [11] = cdw11 } };
	uint64_t iova = drv_alloc(d, 4096);
	struct drv_cqe cqe;

	*page = drv_ptr(d, iova);
	memset(*page, 0xa5, 4096);
	return drv_admin(d, &cmd, iova, 4096, &cqe);
}

/* Get Log Page of @len bytes at @off; @rae */
static inline uint16_t get_log(struct drv *d, uint8_t lid, uint32_t nsid, uint64_t off,
			       uint32_t len, bool rae, uint8_t **page)
{
	uint32_t numd = len / 4 - 1;
	struct drv_cmd cmd = { .dw = { [0] = 0x02,
				       [1] = nsid,
				       [10] = numd << 16 | (rae ? 1u << 15 : 0) | lid,
				       [11] = numd >> 16,
				       [12] = (uint32_t)off,
				       [13] = (uint32_t)(off >> 32) } };
	uint64_t iova = drv_alloc(d, len);
	struct drv_cqe cqe;

	*page = drv_ptr(d, iova);
	memset(*page, 0xa5, len);
	return drv_admin(d, &cmd, iova, len, &cqe);
}

/* Get Features: @sel 0 current, 1 default, 2 saved, 3 supported; @dw0 may be NULL */
static inline uint16_t get_feature(struct drv *d, uint8_t fid, uint8_t sel, uint32_t nsid,
				   uint32_t cdw11, uint32_t *dw0)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x0a,
				       [1] = nsid,
				       [10] = (uint32_t)sel << 8 | fid,
				       [11] = cdw11 } };
	struct drv_cqe cqe = { 0 };
	uint16_t status = drv_admin(d, &cmd, 0, 0, &cqe);

	if (dw0)
		*dw0 = cqe.dw0;
	return status;
}

static inline uint16_t set_feature(struct drv *d, uint8_t fid, uint32_t nsid, uint32_t cdw11,
				   uint32_t *dw0)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [1] = nsid, [10] = fid, [11] = cdw11 } };
	struct drv_cqe cqe = { 0 };
	uint16_t status = drv_admin(d, &cmd, 0, 0, &cqe);

	if (dw0)
		*dw0 = cqe.dw0;
	return status;
}

static inline uint16_t aer_submit(struct drv *d)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x0c } };

	return drv_submit(d, &d->admin, &cmd);
}

#endif /* TESTS_ADMIN_H */
