/* SPDX-License-Identifier: MIT */
/*
 * fuzz_cmd.c - commands that look valid, and what they point to; see fuzz_host.h.
 */
#include "fuzz_host.h"

uint32_t fz_rnd(struct fuzzer *f, uint32_t n)
{
	f->rng ^= f->rng << 13;
	f->rng ^= f->rng >> 7;
	f->rng ^= f->rng << 17;
	return (uint32_t)(f->rng >> 20) % n;
}

uint64_t fz_any(struct fuzzer *f)
{
	switch (fz_rnd(f, 6)) {
	case 0:
		return fz_rnd(f, 8);
	case 1:
		return fz_rnd(f, 4096);
	case 2:
		return (1ull << fz_rnd(f, 64)) + fz_rnd(f, 5) - 2;
	case 3:
		return 0ull - fz_rnd(f, 300);
	default:
		return f->rng;
	}
}

uint64_t fz_addr(struct fuzzer *f, bool page)
{
	const uint64_t off = FZ_DATA + fz_rnd(f, FZ_MEM - FZ_DATA - 1);
	const uint32_t what = fz_rnd(f, 40);

	if (what == 0)
		return fz_any(f);
	if (what == 1)
		return FZ_IOVA + FZ_MEM - fz_rnd(f, 2) * 4096;
	if (what < 6)
		return FZ_CMB + (off % (2u << 20) & ~(page ? 4095ull : 3));
	if (what < 9)
		return FZ_PMR + (off % (2u << 20) & ~(page ? 4095ull : 3));
	if (what < 13)
		return FZ_IOVA + (off & ~3ull);
	return FZ_IOVA + (off & ~(page || what < 30 ? 4095ull : 3));
}

static void put64(uint32_t *dw, uint64_t v)
{
	dw[0] = (uint32_t)v;
	dw[1] = (uint32_t)(v >> 32);
}

static void prps(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd)
{
	uint64_t list[64], at = fz_addr(f, true);

	put64(&cmd->dw[6], fz_addr(f, false));
	put64(&cmd->dw[8], at);
	if (!fz_rnd(f, 2))
		return;
	for (unsigned int i = 0; i < 64; i++)
		list[i] = fz_addr(f, true);
	fz_put(h, at, list, sizeof(list));
}

static void descriptor(struct fuzzer *f, uint8_t *d, uint8_t type)
{
	const uint64_t addr = fz_addr(f, false);
	const uint32_t len = fz_rnd(f, 6) ? (1u + fz_rnd(f, 16)) * 512 : (uint32_t)fz_any(f);

	memcpy(d, &addr, 8);
	memcpy(d + 8, &len, 4);
	d[12] = d[13] = d[14] = 0;
	d[15] = fz_rnd(f, 20) ? type : (uint8_t)fz_rnd(f, 256);
}

static void sgl(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd)
{
	uint8_t d[16], list[16 * 16];
	const uint64_t at = fz_addr(f, false);
	const uint32_t n = 1 + fz_rnd(f, 16);

	cmd->dw[0] |= (1u + fz_rnd(f, 2)) << 14;
	descriptor(f, d, 0);
	if (fz_rnd(f, 2)) {
		for (unsigned int i = 0; i < 16; i++)
			descriptor(f, &list[i * 16], i == n - 1 && fz_rnd(f, 2) ? 0x20 : 0);
		fz_put(h, at, list, sizeof(list));
		memcpy(d, &at, 8);
		memcpy(d + 8, &(uint32_t){ n * 16 }, 4);
		d[15] = fz_rnd(f, 2) ? 0x30 : 0x20;
	}
	memcpy(&cmd->dw[6], d, 16);
}

static uint32_t pick_nsid(struct fuzzer *f)
{
	const uint32_t what = fz_rnd(f, 12);

	if (what == 0)
		return fz_rnd(f, 2) ? 0xffffffff : (uint32_t)fz_any(f);
	return what < 10 ? 1 + what % 2 : 1 + fz_rnd(f, 6);
}

static uint64_t pick_lba(struct fuzzer *f)
{
	switch (fz_rnd(f, 8)) {
	case 0:
		return fz_any(f);
	case 1:
		return 8192 - fz_rnd(f, 40);
	case 2:
		return 2048 - fz_rnd(f, 20);
	case 3:
	case 4:
	case 5:
		return fz_rnd(f, 10) * 100u;
	default:
		return fz_rnd(f, 2100);
	}
}

static void mutate(struct fuzzer *f, struct drv_cmd *cmd)
{
	if (!fz_rnd(f, 6))
		cmd->dw[1 + fz_rnd(f, 15)] = (uint32_t)fz_any(f);
	if (!fz_rnd(f, 50))
		cmd->dw[0] = fz_rnd(f, 0x10000);
}

/* data that a command begins with: @len bytes at its first address, if it is a whole page's */
static void data(struct fhost *h, const struct drv_cmd *cmd, const void *from, size_t len)
{
	fz_put(h, cmd->dw[6] | (uint64_t)cmd->dw[7] << 32, from, len);
}

/* ---- admin commands -------------------------------------------------------------------------- */

static void queue_cmd(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd, uint32_t op)
{
	uint32_t qid = fz_rnd(f, 14);

	if ((qid == 1 || qid == 2) && fz_rnd(f, 8))
		qid = 3; /* rather not one we keep account of */
	cmd->dw[10] = qid | fz_rnd(f, 64) << 16;
	cmd->dw[11] = (op == 1 ? (fz_rnd(f, 4) ? qid : 3 + fz_rnd(f, 9)) : fz_rnd(f, 14)) << 16 |
		      1 | fz_rnd(f, 4) << 1;
	put64(&cmd->dw[6], fz_addr(f, true));
}

static void create_ns(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd)
{
	uint8_t p[512] = { 0 };
	uint64_t size = fz_rnd(f, 4) ? fz_rnd(f, 4096) : fz_any(f);

	cmd->dw[10] = !fz_rnd(f, 3);
	cmd->dw[1] = cmd->dw[10] ? 3 + fz_rnd(f, 6) : 0;
	cmd->dw[11] = (fz_rnd(f, 2) * 2u) << 24;
	memcpy(p, &size, 8);
	memcpy(p + 8, &size, 8);
	p[26] = (uint8_t)fz_rnd(f, 12);
	p[29] = (uint8_t)(fz_rnd(f, 2) * fz_rnd(f, 12));
	p[30] = 1;
	p[392] = (uint8_t)fz_rnd(f, 3);
	p[394 + 0] = (uint8_t)fz_rnd(f, 4);
	data(h, cmd, p, sizeof(p));
}

static void attach(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd)
{
	uint16_t list[8] = { 1, (uint16_t)fz_rnd(f, 6) };

	cmd->dw[1] = 1 + fz_rnd(f, 6);
	cmd->dw[10] = cmd->dw[1] < 3 ? 0 : fz_rnd(f, 4) == 0;
	data(h, cmd, list, sizeof(list));
}

static void get_log(struct fuzzer *f, struct drv_cmd *cmd)
{
	static const uint8_t lids[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x09, 0x0c, 0x0e,
					0x12, 0x13, 0x20, 0x21, 0x22, 0x23, 0x80, 0xbf, 0xc0 };

	cmd->dw[10] = lids[fz_rnd(f, sizeof(lids))] | fz_rnd(f, 4) << 8 | fz_rnd(f, 2) << 15 |
		      (fz_rnd(f, 8) ? fz_rnd(f, 2048) : fz_rnd(f, 0x10000)) << 16;
	cmd->dw[11] = (fz_rnd(f, 8) ? 0 : fz_rnd(f, 0x10000)) | fz_rnd(f, 3) << 16;
	put64(&cmd->dw[12], fz_rnd(f, 2) ? 0 : fz_any(f) & ~3ull);
	cmd->dw[14] = fz_rnd(f, 3) << 24;
}

static void features(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd)
{
	static const uint8_t fids[] = { 0x01, 0x02, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
					0x0a, 0x0b, 0x0d, 0x0d, 0x0e, 0x0f, 0x15, 0x16,
					0x19, 0x1d, 0x1e, 0x81, 0x82, 0x83, 0x84 };
	uint8_t buf[512] = { 0 };

	cmd->dw[10] = fids[fz_rnd(f, sizeof(fids))];
	if ((cmd->dw[0] & 0xff) == 0x0a)
		cmd->dw[10] |= fz_rnd(f, 5) << 8;
	else if (!fz_rnd(f, 4))
		cmd->dw[10] |= 1u << 31;
	cmd->dw[11] = fz_rnd(f, 2) ? fz_rnd(f, 8) : (uint32_t)fz_any(f);
	if ((cmd->dw[10] & 0xff) == 0x84)
		cmd->dw[11] = fz_rnd(f, 2);
	cmd->dw[12] = (uint32_t)fz_any(f);
	if ((cmd->dw[10] & 0xff) == 0x0d) { /* pages of 4 KiB, a list, its entries */
		const uint64_t list = fz_addr(f, true) & ~0xfull;

		cmd->dw[12] = 256;
		put64(&cmd->dw[13], list);
		cmd->dw[15] = 1 + fz_rnd(f, 4);
		for (unsigned int i = 0; i < cmd->dw[15]; i++) {
			const uint64_t addr = fz_addr(f, true);
			const uint32_t n = 256 / cmd->dw[15];

			memcpy(&buf[i * 16], &addr, 8);
			memcpy(&buf[i * 16 + 8], &n, 4);
		}
		fz_put(h, list, buf, 64);
		return;
	}
	for (unsigned int i = 0; i < sizeof(buf); i++)
		buf[i] = fz_rnd(f, 4) ? 0 : (uint8_t)fz_rnd(f, 256);
	buf[2] = 1;
	data(h, cmd, buf, sizeof(buf));
}

void fz_gen_admin(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd)
{
	static const uint8_t ops[] = { 0x00, 0x01, 0x01, 0x02, 0x02, 0x02, 0x04, 0x05, 0x05,
				       0x06, 0x06, 0x08, 0x09, 0x09, 0x09, 0x0a, 0x0c, 0x0d,
				       0x0d, 0x0d, 0x15, 0x15, 0x18, 0x19, 0x1a, 0x1c, 0x1c,
				       0x7c, 0x80, 0x84, 0x86, 0x14, 0xff };
	const uint32_t op = ops[fz_rnd(f, sizeof(ops))];

	cmd->dw[0] = op;
	cmd->dw[1] = fz_rnd(f, 3) ? pick_nsid(f) : 0;
	prps(f, h, cmd);
	switch (op) {
	case 0x00:
	case 0x01:
	case 0x04:
	case 0x05:
		queue_cmd(f, h, cmd, op);
		break;
	case 0x02:
		get_log(f, cmd);
		break;
	case 0x06:
		cmd->dw[10] = fz_rnd(f, 0x24) | fz_rnd(f, 8) << 16;
		cmd->dw[11] = fz_rnd(f, 4) << 24 | fz_rnd(f, 3);
		break;
	case 0x08:
		cmd->dw[10] = fz_rnd(f, 5) | (h->q[0].next_cid - fz_rnd(f, 40)) << 16;
		break;
	case 0x09:
	case 0x0a:
		features(f, h, cmd);
		break;
	case 0x0d:
		create_ns(f, h, cmd);
		break;
	case 0x15:
		attach(f, h, cmd);
		break;
	case 0x19:
	case 0x1a:
		cmd->dw[10] = fz_rnd(f, 64);
		cmd->dw[11] = fz_rnd(f, 3) | fz_rnd(f, 3) << 8 | fz_rnd(f, 4) << 16;
		cmd->dw[12] = (uint32_t)fz_any(f);
		break;
	case 0x1c:
		cmd->dw[10] = (fz_rnd(f, 2) ? 7 + fz_rnd(f, 3) : fz_rnd(f, 10)) |
			      fz_rnd(f, 3) << 8 | fz_rnd(f, 6) << 16;
		cmd->dw[11] = fz_rnd(f, 6);
		break;
	case 0x7c: /* after it only what is in the buffers counts */
		put64(&cmd->dw[6], fz_addr(f, true));
		put64(&cmd->dw[8], fz_addr(f, true));
		break;
	case 0x80:
		cmd->dw[10] = fz_rnd(f, 10) | fz_rnd(f, 2) << 4 |
			      (fz_rnd(f, 3) ? 0 : fz_rnd(f, 16) << 5) | fz_rnd(f, 3) << 9;
		break;
	default:
		cmd->dw[10] = (uint32_t)fz_any(f);
		cmd->dw[11] = (uint32_t)fz_any(f);
	}
	mutate(f, cmd);
	if (((cmd->dw[0] & 0xff) < 2 || (cmd->dw[0] & 0xff) == 4 || (cmd->dw[0] & 0xff) == 5) &&
	    ((cmd->dw[10] & 0xffff) - 1 < 2 || (cmd->dw[11] >> 16) - 1 < 2) && !f->spoils)
		f->spoils = FZ_FN;
	if ((cmd->dw[0] & 0xff) == 0x7c && !f->spoils)
		f->spoils = FZ_FN;
	if ((cmd->dw[0] & 0xff) == 0x1c && (cmd->dw[10] & 0xf) == 7)
		f->spoils = FZ_ALL;
}

/* ---- I/O commands ---------------------------------------------------------------------------- */

static void ranges(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd)
{
	uint32_t r[64];

	for (unsigned int i = 0; i < 16; i++) {
		r[i * 4] = fz_rnd(f, 4) ? 0 : (uint32_t)fz_any(f);
		r[i * 4 + 1] = fz_rnd(f, 8) ? fz_rnd(f, 300) : (uint32_t)fz_any(f);
		put64(&r[i * 4 + 2], pick_lba(f));
	}
	cmd->dw[10] = fz_rnd(f, 16);
	cmd->dw[11] = fz_rnd(f, 2) ? 4 : fz_rnd(f, 16);
	data(h, cmd, r, sizeof(r));
}

static void copy_cmd(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd)
{
	const uint32_t format = fz_rnd(f, 5), size = format & 1 ? 40 : 32, n = 1 + fz_rnd(f, 4);
	uint8_t list[4 * 40] = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		const uint64_t slba = pick_lba(f);
		const uint16_t nlb = (uint16_t)(fz_rnd(f, 8) ? fz_rnd(f, 20) : fz_any(f));
		const uint32_t nsid = pick_nsid(f);

		if (format > 1)
			memcpy(&list[i * size], &nsid, 4);
		memcpy(&list[i * size + 8], &slba, 8);
		memcpy(&list[i * size + 16], &nlb, 2);
	}
	cmd->dw[12] = (n - 1) | format << 8 | (fz_rnd(f, 8) ? 0 : (uint32_t)fz_any(f) << 16);
	data(h, cmd, list, sizeof(list));
}

static void zone_cmd(struct fuzzer *f, struct drv_cmd *cmd, uint32_t op)
{
	static const uint8_t zsa[] = { 1, 2, 3, 4, 5, 0x10, 0x11, 4, 3 };

	cmd->dw[1] = fz_rnd(f, 8) ? 2 : pick_nsid(f);
	if (fz_rnd(f, 8))
		put64(&cmd->dw[10], 100u * fz_rnd(f, 12) + (fz_rnd(f, 3) ? 0 : fz_rnd(f, 20)));
	if (op == 0x79)
		cmd->dw[13] = zsa[fz_rnd(f, sizeof(zsa))] | (fz_rnd(f, 12) ? 0 : 1u << 8) |
			      fz_rnd(f, 2) << 9;
	if (op == 0x7a) {
		cmd->dw[12] = fz_rnd(f, 8) ? fz_rnd(f, 3000) : (uint32_t)fz_any(f);
		cmd->dw[13] = fz_rnd(f, 2) | fz_rnd(f, 10) << 8 | fz_rnd(f, 2) << 16;
	}
}

void fz_gen_io(struct fuzzer *f, struct fhost *h, struct drv_cmd *cmd)
{
	static const uint8_t ops[] = { 0x00, 0x01, 0x01, 0x01, 0x01, 0x01, 0x02, 0x02,
				       0x02, 0x04, 0x05, 0x08, 0x09, 0x0c, 0x0d, 0x0e,
				       0x11, 0x12, 0x15, 0x18, 0x19, 0x19, 0x1d, 0x79,
				       0x79, 0x79, 0x7a, 0x7d, 0x7d, 0x80, 0x20 };
	const uint32_t op = ops[fz_rnd(f, sizeof(ops))];

	cmd->dw[0] = op | (fz_rnd(f, 30) ? 0 : 1 + fz_rnd(f, 2)) << 8;
	cmd->dw[1] = pick_nsid(f);
	prps(f, h, cmd);
	if (!fz_rnd(f, 3))
		sgl(f, h, cmd);
	put64(&cmd->dw[4], fz_addr(f, false));
	put64(&cmd->dw[10], pick_lba(f));
	cmd->dw[12] = fz_rnd(f, 12) ? fz_rnd(f, 17) : fz_rnd(f, 0x10000);
	if (!fz_rnd(f, 3))
		cmd->dw[12] |= (uint32_t)fz_any(f) << 16;
	else if (f->w->fdp && fz_rnd(f, 2))
		cmd->dw[12] |= 2u << 20;
	cmd->dw[13] = fz_rnd(f, 4) << 16;
	cmd->dw[14] = cmd->dw[10];
	if (op == 0x09)
		ranges(f, h, cmd);
	else if (op == 0x19)
		copy_cmd(f, h, cmd);
	else if (op == 0x79 || op == 0x7a || op == 0x7d)
		zone_cmd(f, cmd, op);
	else if (op == 0x12 || op == 0x1d || op == 0x0d || op == 0x0e || op == 0x11 || op == 0x15)
		cmd->dw[10] = fz_rnd(f, 4) | fz_rnd(f, 3) << 16;
	mutate(f, cmd);
}
