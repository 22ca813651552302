/* SPDX-License-Identifier: MIT */
/*
 * pi.c - end-to-end data protection: tags of commands, tuples made and checked.
 * NVM Command Set 1.1, section 5.3.
 */
#include <assert.h>
#include <string.h>

#include "../ctrl/tables.h"
#include "ns.h"

#define PRCHK_REF (1u << 0)
#define PRCHK_APP (1u << 1)
#define PRCHK_GUARD (1u << 2)
#define PRACT (1u << 3)

#define CDW12_PRINFO_SHIFT 26
#define CDW12_STC (1u << 24)

#define PEL_STC SIM_PEL_CDW(12, 24)
#define PEL_PRINFO SIM_PEL_CDW(12, 26)
#define PEL_LBTL SIM_PEL_CDW(14, 0)

#define APP_ESCAPE 0xffff

static uint64_t crc16(uint64_t crc, const void *buf, size_t len)
{
	return sim_crc16_t10dif((uint16_t)crc, buf, len);
}

static uint64_t crc32(uint64_t crc, const void *buf, size_t len)
{
	return sim_crc32c((uint32_t)crc, buf, len);
}

/* the three formats (figures 147 to 151): their guards, and @space bytes of Storage and Reference
 * Space */
static const struct layout {
	uint64_t (*crc)(uint64_t crc, const void *buf, size_t len);
	uint8_t space;
} layouts[] = {
	[SIM_PIF_16] = { crc16, 4 },
	[SIM_PIF_32] = { crc32, 10 },
	[SIM_PIF_64] = { sim_crc64_nvme, 6 },
};

/* the Storage and Reference Space as a number, and a whole tuple */
struct space {
	uint64_t lo;
	uint16_t hi;
};

struct tuple {
	uint64_t guard;
	uint16_t app;
	struct space sp;
};

static uint64_t ones(unsigned int bits)
{
	return bits < 64 ? (1ull << bits) - 1 : UINT64_MAX;
}

/* bits of the Logical Block Reference Tag: what the Storage Tag leaves of the space (figure 157) */
static unsigned int ref_bits(const struct sim_pi_fmt *fmt)
{
	unsigned int bits = layouts[fmt->pif].space * 8u - fmt->sts;

	assert(bits <= 64 && fmt->sts <= 64);
	return bits;
}

static uint64_t storage_tag(const struct sim_pi_fmt *fmt, struct space sp)
{
	unsigned int shift = ref_bits(fmt);
	uint64_t tag = shift < 64 ? sp.lo >> shift : 0;

	if (shift > 0)
		tag |= (uint64_t)sp.hi << (64 - shift);
	return tag & ones(fmt->sts);
}

static struct space to_space(const struct sim_pi_fmt *fmt, uint64_t storage, uint64_t ref)
{
	unsigned int shift = ref_bits(fmt);
	struct space sp = { .lo = ref };

	if (shift < 64)
		sp.lo |= storage << shift;
	if (shift > 0)
		sp.hi = (uint16_t)(storage >> (64 - shift));
	return sp;
}

static uint64_t get_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(sim_le64(v));
}

static void put_be64(uint8_t *p, uint64_t v)
{
	v = sim_le64(__builtin_bswap64(v));
	memcpy(p, &v, sizeof(v));
}

/* figures 147 to 151: each field is big endian, and no field crosses from one 8 bytes to the next */
static struct tuple get_tuple(const struct sim_pi_fmt *fmt, const uint8_t *p)
{
	uint64_t a = get_be64(p), b = fmt->pif == SIM_PIF_16 ? 0 : get_be64(p + 8);

	switch (fmt->pif) {
	case SIM_PIF_16:
		return (struct tuple){ a >> 48, (uint16_t)(a >> 32), { .lo = a & ones(32) } };
	case SIM_PIF_32:
		return (struct tuple){ a >> 32, (uint16_t)(a >> 16), { b, (uint16_t)a } };
	default:
		return (struct tuple){ a, (uint16_t)(b >> 48), { .lo = b & ones(48) } };
	}
}

static void put_tuple(const struct sim_pi_fmt *fmt, uint8_t *p, struct tuple t)
{
	switch (fmt->pif) {
	case SIM_PIF_16:
		put_be64(p, t.guard << 48 | (uint64_t)t.app << 32 | t.sp.lo);
		break;
	case SIM_PIF_32:
		put_be64(p, t.guard << 32 | (uint64_t)t.app << 16 | t.sp.hi);
		put_be64(p + 8, t.sp.lo);
		break;
	default:
		put_be64(p, t.guard);
		put_be64(p + 8, (uint64_t)t.app << 48 | t.sp.lo);
	}
}

/*
 * Section 5.3.1.4.1, figures 158 and 159. Of the 80 bits, a format uses as many as its space has:
 * the tags' own widths leave out the upper ones.
 */
void sim_pi_fields(struct sim_pi_cmd *pi, const struct sim_pi_fmt *fmt, uint64_t slba,
		   uint8_t prinfo, bool stc, uint32_t cdw2, uint32_t cdw3, uint32_t cdw14,
		   uint32_t cdw15)
{
	struct space sp = { .lo = (uint64_t)cdw3 << 32 | cdw14, .hi = (uint16_t)cdw2 };

	*pi = (struct sim_pi_cmd){ .fmt = fmt, .slba = slba };
	if (!fmt->type)
		return;
	pi->pract = prinfo & PRACT;
	pi->guard = prinfo & PRCHK_GUARD;
	pi->app = prinfo & PRCHK_APP;
	pi->ref = prinfo & PRCHK_REF;
	pi->stc = stc && fmt->sts;
	pi->lbat = (uint16_t)cdw15;
	pi->lbatm = (uint16_t)(cdw15 >> 16);
	pi->lbrt = sp.lo & ones(ref_bits(fmt));
	pi->lbst = storage_tag(fmt, sp);
}

/* what is wrong with the fields, and (*@pel) which of them is: rules of sections 3.3 and 5.3.3 */
static uint16_t valid(const struct sim_pi_cmd *pi, enum sim_pi_kind kind, uint16_t *pel)
{
	const struct sim_pi_fmt *fmt = pi->fmt;

	*pel = PEL_PRINFO;
	if (!fmt->type)
		return SIM_OK;
	if (pi->pract && kind == SIM_PI_VERIFY) /* figure 61 */
		return SIM_INVALID_FIELD;
	if (pi->pract && kind == SIM_PI_COMPARE) /* figures 26 and 30 */
		return SIM_INVALID_PI;
	if (kind == SIM_PI_ZEROES) { /* figures 82 and 88; there is nothing that could be checked */
		if (pi->stc)
			*pel = PEL_STC;
		return sim_pi_checks(pi) ? SIM_INVALID_PI : SIM_OK;
	}
	if (!pi->ref || !ref_bits(fmt))
		return SIM_OK;
	/*
	 * Type 3's reference tag is nothing the controller can check: the command may be aborted
	 * for asking, and is, as QEMU does.
	 */
	if (fmt->type == 3)
		return SIM_INVALID_PI;
	/*
	 * Type 1's is the block's address, also of the tuples that PRACT makes: a check would be
	 * ignored there, but a host that asks for it and names another address has made a mistake.
	 */
	*pel = PEL_LBTL;
	if (fmt->type == 1 && pi->lbrt != (pi->slba & ones(ref_bits(fmt))))
		return SIM_INVALID_PI;
	return SIM_OK;
}

uint16_t sim_pi_valid(const struct sim_pi_cmd *pi, enum sim_pi_kind kind)
{
	uint16_t pel;

	return valid(pi, kind, &pel);
}

uint16_t sim_pi_parse(struct sim_req *req, enum sim_pi_kind kind, struct sim_pi_cmd *pi)
{
	const struct sim_sqe *sqe = &req->sqe;
	uint16_t status, pel;

	sim_pi_fields(pi, &req->ns->pi, sim_slba(req), sqe->cdw12 >> CDW12_PRINFO_SHIFT & 0xf,
		      sqe->cdw12 & CDW12_STC, sqe->cdw2, sqe->cdw3, sqe->cdw14, sqe->cdw15);
	status = valid(pi, kind, &pel);
	if (status)
		req->err_loc = pel;
	return status;
}

/* the guard of a block of zeroes, as far as its data goes */
static uint64_t guard_of_zeroes(const struct layout *l, size_t len)
{
	static const uint8_t zeroes[4096];
	uint64_t crc = 0;

	for (size_t n; len; len -= n) {
		n = len < sizeof(zeroes) ? len : sizeof(zeroes);
		crc = l->crc(crc, zeroes, n);
	}
	return crc;
}

/* the computed reference tag of block @i of the command; it rolls over (section 5.3.3) */
static uint64_t computed_ref(const struct sim_pi_cmd *pi, uint64_t i)
{
	return (pi->fmt->type == 3 ? pi->lbrt : pi->lbrt + i) & ones(ref_bits(pi->fmt));
}

void sim_pi_generate(const struct sim_pi_cmd *pi, uint32_t first, const uint8_t *data, uint8_t *md,
		     uint32_t nlb)
{
	const struct sim_pi_fmt *fmt = pi->fmt;
	const struct layout *l = &layouts[fmt->pif];
	size_t lbs = (size_t)1 << fmt->lbads;
	uint64_t zeroes = data ? 0 : guard_of_zeroes(l, lbs);

	for (uint32_t i = 0; i < nlb; i++, md += fmt->ms) {
		uint64_t crc = data ? l->crc(0, data + i * lbs, lbs) : zeroes;

		if (fmt->off)
			crc = l->crc(crc, md, fmt->off);
		put_tuple(fmt, md + fmt->off,
			  (struct tuple){ crc, pi->lbat,
					  to_space(fmt, pi->lbst,
						   computed_ref(pi, (uint64_t)first + i)) });
	}
}

void sim_pi_renumber(const struct sim_pi_cmd *pi, uint8_t *md, uint32_t nlb)
{
	const struct sim_pi_fmt *fmt = pi->fmt;

	for (uint32_t i = 0; i < nlb; i++, md += fmt->ms) {
		struct tuple t = get_tuple(fmt, md + fmt->off);

		t.sp = to_space(fmt, storage_tag(fmt, t.sp), computed_ref(pi, i));
		put_tuple(fmt, md + fmt->off, t);
	}
}

/* tuples that say of themselves that they are not to be checked (section 5.3.3) */
static bool escapes(const struct sim_pi_fmt *fmt, uint64_t app, uint64_t ref)
{
	return app == APP_ESCAPE && (fmt->type != 3 || ref == ones(ref_bits(fmt)));
}

uint16_t sim_pi_check(const struct sim_pi_cmd *pi, uint32_t first, const uint8_t *data,
		      const uint8_t *md, uint32_t nlb, uint32_t *bad)
{
	const struct sim_pi_fmt *fmt = pi->fmt;
	const struct layout *l = &layouts[fmt->pif];
	size_t lbs = (size_t)1 << fmt->lbads;
	bool check_ref = pi->ref && fmt->type != 3 && ref_bits(fmt);

	if (!sim_pi_checks(pi))
		return SIM_OK;
	for (uint32_t i = 0; i < nlb; i++, data += lbs, md += fmt->ms) {
		const struct tuple t = get_tuple(fmt, md + fmt->off);
		uint64_t ref = t.sp.lo & ones(ref_bits(fmt));

		if (escapes(fmt, t.app, ref))
			continue;
		*bad = i;
		if (pi->guard) {
			uint64_t crc = l->crc(0, data, lbs);

			if (fmt->off)
				crc = l->crc(crc, md, fmt->off);
			if (crc != t.guard)
				return SIM_GUARD_ERROR;
		}
		if (pi->app && (t.app ^ pi->lbat) & pi->lbatm)
			return SIM_APP_TAG_ERROR;
		if (pi->stc && (storage_tag(fmt, t.sp) ^ pi->lbst) & fmt->lbstm)
			return SIM_STORAGE_TAG_ERROR;
		if (check_ref && ref != computed_ref(pi, (uint64_t)first + i))
			return SIM_REF_TAG_ERROR;
	}
	return SIM_OK;
}
