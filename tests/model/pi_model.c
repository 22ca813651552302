/* SPDX-License-Identifier: MIT */
/*
 * pi_model.c - see pi_model.h. Sections and figures are those of the NVM Command Set specification.
 */
#include "pi_model.h"

#include <stdlib.h>
#include <string.h>

/* ---- numbers of many bits ------------------------------------------------------------------ */

/* bits [from, from + n) of @v, counted from its most significant one */
static struct pim_bits part(const struct pim_bits *v, int from, int n)
{
	struct pim_bits r = { .n = n };

	for (int i = 0; i < n; i++)
		r.b[i] = v->b[from + i];
	return r;
}

static void append(struct pim_bits *v, uint64_t number, int n)
{
	for (int i = n - 1; i >= 0; i--)
		v->b[v->n++] = (number >> i) % 2;
}

uint64_t pim_number(const struct pim_bits *v)
{
	uint64_t r = 0;

	for (int i = 0; i < v->n; i++)
		r = r * 2 + v->b[i];
	return r;
}

static bool equal(const struct pim_bits *a, const struct pim_bits *b)
{
	for (int i = 0; i < a->n; i++)
		if (a->b[i] != b->b[i])
			return false;
	return a->n == b->n;
}

static bool all_ones(const struct pim_bits *v)
{
	for (int i = 0; i < v->n; i++)
		if (!v->b[i])
			return false;
	return true;
}

/* all bits set to '1' become all bits cleared to '0' */
static void increment(struct pim_bits *v)
{
	for (int i = v->n - 1; i >= 0; i--) {
		v->b[i] = !v->b[i];
		if (v->b[i])
			return;
	}
}

/* ---- guards (5.3.1.1 to 5.3.1.3) ------------------------------------------------------------- */

struct crc {
	int width;
	uint64_t poly;
	bool inverted;  /* the register begins as all ones, and the result is inverted */
	bool reflected; /* bit 0 of a byte comes first, and the result is read backwards */
};

static const struct crc crc16 = { 16, 0x8bb7, false, false };
static const struct crc crc32 = { 32, 0x1edc6f41, true, true };
static const struct crc crc64 = { 64, 0xad93d23594c93659, true, true };

static uint64_t top_bit(int width)
{
	return (uint64_t)1 << (width - 1);
}

/* the division: what leaves the register at the top decides whether the polynomial is subtracted */
static uint64_t divide(const struct crc *c, uint64_t reg, const uint8_t *p, int n)
{
	uint64_t top = top_bit(c->width), poly = c->poly;
	int first = c->reflected ? 0 : 7;

	for (int i = 0; i < n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			bool in = p[i] >> (bit ^ first) & 1;
			bool out = reg & top;

			reg = (reg & ~top) << 1;
			reg ^= in != out ? poly : 0;
		}
	}
	return reg;
}

uint64_t pim_crc(int guard, const uint8_t *a, int n, const uint8_t *b, int m)
{
	const struct crc *c = guard == 16 ? &crc16 : guard == 32 ? &crc32 : &crc64;
	uint64_t ones = top_bit(c->width) | (top_bit(c->width) - 1);
	uint64_t reg = divide(c, divide(c, c->inverted ? ones : 0, a, n), b, m);
	uint64_t r = 0;

	for (int i = 0; i < c->width; i++)
		if (reg >> i & 1)
			r |= (uint64_t)1 << (c->reflected ? c->width - 1 - i : i);
	return c->inverted ? r ^ ones : r;
}

/* ---- the protection information ------------------------------------------------------------ */

int pim_pi_len(const struct pim_fmt *f)
{
	return f->guard == 16 ? 8 : 16; /* figures 147 to 151 */
}

int pim_pi_off(const struct pim_fmt *f)
{
	return f->first ? 0 : f->ms - pim_pi_len(f);
}

/* bits of the Storage and Reference Space: what guard and Application Tag leave */
static int space_bits(const struct pim_fmt *f)
{
	return pim_pi_len(f) * 8 - f->guard - 16;
}

void pim_tags(const struct pim_fmt *f, const struct pim_cmd *c, struct pim_bits *storage,
	      struct pim_bits *ref)
{
	struct pim_bits all = { 0 }, space;

	/* figures 158 and 159: bits that a format has no use for are ignored, from the top */
	append(&all, c->cdw2 % 0x10000, 16);
	append(&all, c->cdw3, 32);
	append(&all, c->cdw14, 32);
	space = part(&all, 80 - space_bits(f), space_bits(f));
	/* figure 156 */
	*storage = part(&space, 0, f->sts);
	*ref = part(&space, f->sts, space.n - f->sts);
}

/* the computed reference tag of block @i of the command (5.3.3) */
static struct pim_bits computed(const struct pim_fmt *f, const struct pim_cmd *c, int i)
{
	struct pim_bits storage, ref;

	pim_tags(f, c, &storage, &ref);
	if (f->type != 3)
		while (i--)
			increment(&ref);
	return ref;
}

struct tuple {
	uint64_t guard;
	uint64_t app;
	struct pim_bits storage, ref;
};

static struct tuple read_tuple(const struct pim_fmt *f, const uint8_t *md)
{
	const uint8_t *p = md + pim_pi_off(f);
	struct tuple t = { 0 };
	struct pim_bits space = { 0 };
	int i = 0;

	for (; i < f->guard / 8; i++)
		t.guard = t.guard * 256 + p[i];
	for (; i < f->guard / 8 + 2; i++)
		t.app = t.app * 256 + p[i];
	for (; i < pim_pi_len(f); i++)
		append(&space, p[i], 8);
	t.storage = part(&space, 0, f->sts);
	t.ref = part(&space, f->sts, space.n - f->sts);
	return t;
}

/* the guard covers the data and, when the tuple is last, the metadata before it (5.3.1) */
static uint64_t guard_of(const struct pim_fmt *f, const uint8_t *data, const uint8_t *md)
{
	return pim_crc(f->guard, data, f->block, md, pim_pi_off(f));
}

void pim_generate(const struct pim_fmt *f, const struct pim_cmd *c, int i, const uint8_t *data,
		  uint8_t *md)
{
	struct pim_bits storage, ref, all = { 0 }, space = { 0 };
	uint64_t guard = guard_of(f, data, md);
	uint8_t *p = md + pim_pi_off(f);
	int at = 0;

	pim_tags(f, c, &storage, &ref);
	ref = computed(f, c, i);
	for (int shift = f->guard - 8; shift >= 0; shift -= 8)
		p[at++] = (uint8_t)(guard >> shift);
	p[at++] = (uint8_t)(c->lbat / 256);
	p[at++] = (uint8_t)(c->lbat % 256);
	for (int k = 0; k < storage.n; k++)
		space.b[space.n++] = storage.b[k];
	for (int k = 0; k < ref.n; k++)
		space.b[space.n++] = ref.b[k];
	for (int k = 0; k < space.n; k += 8) {
		all = part(&space, k, 8);
		p[at++] = (uint8_t)pim_number(&all);
	}
}

int pim_check(const struct pim_fmt *f, const struct pim_cmd *c, int i, const uint8_t *data,
	      const uint8_t *md)
{
	struct tuple t = read_tuple(f, md);
	struct pim_bits storage, ref;

	/* values that disable the checks */
	if (f->type == 3 && t.app == 0xffff && all_ones(&t.ref))
		return PIM_OK;
	if (f->type != 3 && t.app == 0xffff)
		return PIM_OK;

	pim_tags(f, c, &storage, &ref);
	ref = computed(f, c, i);
	if (c->prchk_guard && t.guard != guard_of(f, data, md))
		return PIM_GUARD;
	if (c->prchk_app)
		for (int bit = 0; bit < 16; bit++)
			if (c->lbatm >> bit & 1 && (t.app >> bit & 1) != (c->lbat >> bit & 1))
				return PIM_APP;
	if (c->stc)
		for (int bit = 0; bit < f->sts; bit++)
			if (f->lbstm >> bit & 1 &&
			    t.storage.b[f->sts - 1 - bit] != storage.b[f->sts - 1 - bit])
				return PIM_STORAGE;
	if (c->prchk_ref && f->type != 3 && !equal(&t.ref, &ref))
		return PIM_REF;
	return PIM_OK;
}

int pim_valid(const struct pim_fmt *f, const struct pim_cmd *c)
{
	struct pim_bits storage, ref, address = { 0 };

	if (!f->type)
		return PIM_OK;
	if (c->op == PIM_VERIFY && c->pract) /* figure 61 */
		return PIM_INVALID_FIELD;
	if (c->op == PIM_COMPARE && c->pract) /* figures 26 and 30 */
		return PIM_INVALID_PI;
	if (c->op == PIM_WRITE_ZEROES) { /* figures 82 and 88 */
		if (c->prchk_guard || c->prchk_app || c->prchk_ref || (c->stc && f->sts))
			return PIM_INVALID_PI;
		return PIM_OK;
	}
	pim_tags(f, c, &storage, &ref);
	if (!c->prchk_ref || !ref.n)
		return PIM_OK;
	if (f->type == 3) /* may be aborted, and is; only so */
		return PIM_INVALID_PI;
	append(&address, c->slba, 64);
	address = part(&address, 64 - ref.n, ref.n);
	if (f->type == 1 && !equal(&address, &ref))
		return PIM_INVALID_PI;
	return PIM_OK;
}

/* ---- a namespace --------------------------------------------------------------------------- */

void pim_ns_init(struct pim_ns *ns, const struct pim_fmt *f, int nr)
{
	ns->f = *f;
	ns->nr = nr;
	ns->data = calloc((size_t)nr, (size_t)f->block);
	ns->md = calloc((size_t)nr, f->ms ? (size_t)f->ms : 1);
	ns->allocated = calloc((size_t)nr, sizeof(bool));
	if (!ns->data || !ns->md || !ns->allocated)
		abort();
	pim_deallocate(ns, 0, nr);
}

void pim_ns_free(struct pim_ns *ns)
{
	free(ns->data);
	free(ns->md);
	free(ns->allocated);
}

/* 3.3.3.2.1: zeroes, and protection information of which every byte is FFh */
void pim_deallocate(struct pim_ns *ns, uint64_t slba, int nlb)
{
	for (uint64_t lba = slba; lba < slba + (uint64_t)nlb; lba++) {
		uint8_t *md = ns->md + lba * (uint64_t)ns->f.ms;

		ns->allocated[lba] = false;
		memset(ns->data + lba * (uint64_t)ns->f.block, 0, (size_t)ns->f.block);
		memset(md, 0, (size_t)ns->f.ms);
		if (ns->f.type)
			memset(md + pim_pi_off(&ns->f), 0xff, (size_t)pim_pi_len(&ns->f));
	}
}

bool pim_md_moves(const struct pim_fmt *f, const struct pim_cmd *c)
{
	return f->ms && !(f->type && c->pract && f->ms == pim_pi_len(f));
}

/* check all blocks of a command, in order */
static int check_all(const struct pim_fmt *f, const struct pim_cmd *c, const uint8_t *data,
		     const uint8_t *md)
{
	int status = PIM_OK;

	for (int i = 0; f->type && i < c->nlb && !status; i++)
		status = pim_check(f, c, i, data + i * f->block, md + i * f->ms);
	return status;
}

/* 3.3.1: metadata is compared, too, but for protection information */
static bool same_block(const struct pim_fmt *f, const uint8_t *data, const uint8_t *md,
		       const uint8_t *data2, const uint8_t *md2)
{
	if (memcmp(data, data2, (size_t)f->block))
		return false;
	for (int k = 0; k < f->ms; k++) {
		bool pi = f->type && k >= pim_pi_off(f) && k < pim_pi_off(f) + pim_pi_len(f);

		if (!pi && md[k] != md2[k])
			return false;
	}
	return true;
}

static void write_blocks(struct pim_ns *ns, const struct pim_cmd *c, const uint8_t *data,
			 const uint8_t *md)
{
	const struct pim_fmt *f = &ns->f;

	for (int i = 0; i < c->nlb; i++) {
		uint64_t lba = c->slba + (uint64_t)i;
		uint8_t *to = ns->md + lba * (uint64_t)f->ms;

		ns->allocated[lba] = true;
		memcpy(ns->data + lba * (uint64_t)f->block, data + i * f->block, (size_t)f->block);
		if (pim_md_moves(f, c))
			memcpy(to, md + i * f->ms, (size_t)f->ms);
		if (f->type && c->pract)
			pim_generate(f, c, i, data + i * f->block, to);
	}
}

/* 3.3.8: zeroes; the protection information is zeroes, too, or with PRACT as for any write */
static void write_zeroes(struct pim_ns *ns, const struct pim_cmd *c)
{
	pim_deallocate(ns, c->slba, c->nlb);
	for (int i = 0; !c->deac && i < c->nlb; i++) {
		uint64_t lba = c->slba + (uint64_t)i;
		uint8_t *md = ns->md + lba * (uint64_t)ns->f.ms;

		ns->allocated[lba] = true;
		memset(md, 0, (size_t)ns->f.ms);
		if (ns->f.type && c->pract)
			pim_generate(&ns->f, c, i, ns->data + lba * (uint64_t)ns->f.block, md);
	}
}

int pim_exec(struct pim_ns *ns, const struct pim_cmd *c, uint8_t *data, uint8_t *md, int *also)
{
	const struct pim_fmt *f = &ns->f;
	uint8_t *ns_data = ns->data + c->slba * (uint64_t)f->block;
	uint8_t *ns_md = ns->md + c->slba * (uint64_t)f->ms;
	int status = pim_valid(f, c);

	*also = -1;
	if (status)
		return status;
	switch (c->op) {
	case PIM_READ: /* 5.3.2.2 */
		status = check_all(f, c, ns_data, ns_md);
		if (!status) {
			memcpy(data, ns_data, (size_t)(c->nlb * f->block));
			if (pim_md_moves(f, c))
				memcpy(md, ns_md, (size_t)(c->nlb * f->ms));
		}
		break;
	case PIM_WRITE: /* 5.3.2.1 */
		if (!(f->type && c->pract))
			status = check_all(f, c, data, md);
		if (!status)
			write_blocks(ns, c, data, md);
		break;
	case PIM_VERIFY: /* 3.3.5 */
		status = check_all(f, c, ns_data, ns_md);
		break;
	case PIM_COMPARE: /* 3.3.1, 5.3.2.4: both sides are checked, neither is named first */
		status = check_all(f, c, data, md);
		*also = check_all(f, c, ns_data, ns_md);
		if (!status) {
			status = *also;
			*also = -1;
		} else if (!*also) {
			*also = -1;
		}
		for (int i = 0; i < c->nlb && !status; i++)
			if (!same_block(f, data + i * f->block, md + i * f->ms,
					ns_data + i * f->block, ns_md + i * f->ms))
				status = PIM_COMPARE_FAILURE;
		break;
	case PIM_WRITE_ZEROES:
		write_zeroes(ns, c);
		break;
	}
	return status;
}
