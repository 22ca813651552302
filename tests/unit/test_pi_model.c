/* SPDX-License-Identifier: MIT */
/*
 * test_pi_model.c - commands on namespaces with metadata, through the rings, against the model in
 * tests/model: status, data, metadata, and what was not transferred.
 * NVM Command Set 1.1, sections 3.3 and 5.3.
 *
 * Every (type x guard x place of the tuple x metadata of its size, or more x separate or extended)
 * has a namespace; each of them gets every (command x PRACT x PRCHK x STC) several times, with tags
 * and blocks that are right, wrong, or escape.
 */
#include "../../store/store.h"
#include "nvmcmd.h"
#include "pi_test.h"

enum { NR = 16, MAX_NLB = 3, MAX_BLOCK = 4096, MAX_MS = 64 };
enum { BUF = MAX_NLB * (MAX_BLOCK + MAX_MS), CANARY = 64 };

static const uint8_t opcodes[] = {
	[PIM_READ] = OP_READ,		      [PIM_WRITE] = OP_WRITE,
	[PIM_COMPARE] = OP_COMPARE,	      [PIM_VERIFY] = OP_VERIFY,
	[PIM_WRITE_ZEROES] = OP_WRITE_ZEROES,
};
enum { NR_OPS = sizeof(opcodes) };

/**
 * struct fx - a namespace and its model
 * @app, @storage, @ref: the tags that are right here; @ref is block 0's. That of Type 2 is chosen
 *          to roll over within the namespace.
 * @seen:   how often a command ended with a status, by its low byte
 */
struct fx {
	struct drv *d;
	struct pim_ns m;
	uint32_t nsid;
	bool extended;
	uint16_t app;
	uint64_t storage, ref;
	uint64_t seed;
	uint64_t data_iova, md_iova;
	unsigned int seen[NR_OPS][256];
};

/* CDW12 to CDW15, CDW2 and CDW3 (figures 49 to 57, 66 to 74) */
static struct drv_cmd sqe(const struct pim_cmd *c, uint32_t nsid)
{
	struct drv_cmd cmd = rw_cmd(opcodes[c->op], c->slba, (uint32_t)c->nlb, 0);

	cmd.dw[1] = nsid;
	cmd.dw[2] = c->cdw2;
	cmd.dw[3] = c->cdw3;
	cmd.dw[12] |= (uint32_t)c->pract << 29 | (uint32_t)c->prchk_guard << 28 |
		      (uint32_t)c->prchk_app << 27 | (uint32_t)c->prchk_ref << 26 |
		      (uint32_t)c->stc << 24;
	if (c->deac)
		cmd.dw[12] |= DEAC;
	cmd.dw[14] = c->cdw14;
	cmd.dw[15] = (uint32_t)c->lbatm << 16 | c->lbat;
	return cmd;
}

static void clear_host(struct fx *x)
{
	memset(drv_ptr(x->d, x->data_iova), 0xa5, BUF + CANARY);
	memset(drv_ptr(x->d, x->md_iova), 0xa5, BUF + CANARY);
}

/* blocks in host memory as the command wants them: interleaved, apart, or data alone */
static void to_host(struct fx *x, const struct pim_cmd *c, const uint8_t *data, const uint8_t *md)
{
	int lbs = x->m.f.block, ms = x->m.f.ms;
	uint8_t *p = drv_ptr(x->d, x->data_iova), *q = drv_ptr(x->d, x->md_iova);
	bool moves = pim_md_moves(&x->m.f, c);

	clear_host(x);
	for (int i = 0; i < c->nlb; i++, data += lbs, md += ms) {
		memcpy(p, data, (size_t)lbs);
		p += lbs;
		if (!moves)
			continue;
		memcpy(x->extended ? p : q, md, (size_t)ms);
		p += x->extended ? ms : 0;
		q += x->extended ? 0 : ms;
	}
}

static uint16_t issue(struct fx *x, const struct pim_cmd *c)
{
	struct drv_cmd cmd = sqe(c, x->nsid);
	bool moves = pim_md_moves(&x->m.f, c);
	size_t len = (size_t)c->nlb * (size_t)x->m.f.block;

	if (c->op == PIM_VERIFY || c->op == PIM_WRITE_ZEROES)
		return drv_io(x->d, &cmd, 0, 0, NULL);
	if (moves && x->extended)
		len += (size_t)c->nlb * (size_t)x->m.f.ms;
	else if (moves)
		drv_mptr(&cmd, x->md_iova);
	return drv_io(x->d, &cmd, x->data_iova, len, NULL);
}

/* cmocka's is a slow one, and says where */
static void assert_same(const void *a, const void *b, size_t n)
{
	if (memcmp(a, b, n))
		assert_memory_equal(a, b, n);
}

/* all of host memory that a command could have touched is as it should be */
static void check_host(struct fx *x, const struct pim_cmd *c, const uint8_t *data,
		       const uint8_t *md)
{
	static uint8_t got[2][BUF + CANARY];

	memcpy(got[0], drv_ptr(x->d, x->data_iova), sizeof(got[0]));
	memcpy(got[1], drv_ptr(x->d, x->md_iova), sizeof(got[1]));
	to_host(x, c, data, md);
	assert_same(got[0], drv_ptr(x->d, x->data_iova), sizeof(got[0]));
	assert_same(got[1], drv_ptr(x->d, x->md_iova), sizeof(got[1]));
}

/* the namespace, read without a check, is what the model has */
static void check_media(struct fx *x)
{
	struct pim_cmd c = { .op = PIM_READ, .nlb = MAX_NLB };
	size_t lbs = (size_t)x->m.f.block, ms = (size_t)x->m.f.ms;

	for (; c.slba < NR; c.slba += (uint64_t)c.nlb) {
		if (c.slba + MAX_NLB > NR)
			c.nlb = NR - (int)c.slba;
		clear_host(x);
		assert_int_equal(issue(x, &c), 0);
		check_host(x, &c, x->m.data + c.slba * lbs, x->m.md + c.slba * ms);
	}
}

/* the reference tag that is right for @lba */
static uint64_t ref_of(const struct fx *x, uint64_t lba)
{
	return x->m.f.type == 3 ? x->ref : x->ref + lba;
}

/* tags and mask of a command: most often all is right; else one thing is wrong */
static void choose_tags(struct fx *x, struct pim_cmd *c)
{
	uint64_t storage = x->storage, ref = ref_of(x, c->slba);

	c->lbat = x->app;
	c->lbatm = 0xffff;
	switch (rnd(&x->seed) % 10) {
	case 0: ref++; break;
	case 1: c->lbat ^= 0x0100; break;
	case 2: c->lbat ^= 0x0100; c->lbatm = 0xfeff; break;
	case 3: c->lbat ^= 0x8001; c->lbatm = 0x0001; break;
	case 4: storage ^= 1; break;
	case 5: storage ^= (uint64_t)1 << 15; break;
	case 6: c->lbat = 0xffff; break; /* what is made with this is never checked */
	default: break;
	}
	if (x->m.f.type)
		put_tags(c, &x->m.f, storage, ref, rnd(&x->seed));
}

/* what the host brings: for a Compare what is there, for a Write something new; then a fault */
static void choose_blocks(struct fx *x, const struct pim_cmd *c, uint8_t *data, uint8_t *md)
{
	const struct pim_fmt *f = &x->m.f;
	size_t lbs = (size_t)f->block, ms = (size_t)f->ms, nlb = (size_t)c->nlb;
	int at = (int)(rnd(&x->seed) % nlb), len = 0;
	uint8_t *pi;

	rnd_fill(&x->seed, data, nlb * lbs);
	rnd_fill(&x->seed, md, nlb * ms);
	if (c->op == PIM_COMPARE) {
		memcpy(data, x->m.data + c->slba * lbs, nlb * lbs);
		memcpy(md, x->m.md + c->slba * ms, nlb * ms);
	} else if (c->op == PIM_WRITE && f->type && !c->pract) {
		struct pim_cmd right = *c;

		right.lbat = x->app;
		put_tags(&right, f, x->storage, ref_of(x, c->slba), 0);
		for (int i = 0; i < c->nlb; i++)
			pim_generate(f, &right, i, data + i * f->block, md + i * f->ms);
	}
	data += at * f->block;
	md += at * f->ms;
	len = f->type ? pim_pi_len(f) : 1;
	pi = f->type ? md + pim_pi_off(f) : md;
	switch (rnd(&x->seed) % 14) {
	case 0: data[rnd(&x->seed) % lbs] ^= 0x20; break;
	case 1: md[f->first ? ms - 1 : 0] ^= 0x08; break;
	case 2: pi[0] ^= 0x01; break;
	case 3: pi[len - 1] ^= 0x01; break;
	case 4: pi[f->guard / 8 % len] ^= 0x10; break;
	case 5: pi[(f->guard / 8 + 2) % len] ^= 0x80; break;
	case 6: memset(pi, 0xff, (size_t)len); break;
	case 7: pi[f->guard / 8 % len] = pi[(f->guard / 8 + 1) % len] = 0xff; break;
	default: break;
	}
}

static void step(struct fx *x, struct pim_cmd *c)
{
	static uint8_t data[BUF], md[BUF];
	uint16_t status;
	int want, also;

	c->nlb = 1 + (int)(rnd(&x->seed) % MAX_NLB);
	c->slba = rnd(&x->seed) % (uint64_t)(NR - c->nlb + 1);
	c->deac = c->op == PIM_WRITE_ZEROES && rnd(&x->seed) % 4 == 0;
	choose_tags(x, c);
	choose_blocks(x, c, data, md);
	to_host(x, c, data, md);

	status = issue(x, c);
	want = pim_exec(&x->m, c, data, md, &also);
	if (status != want && status != also)
		fail_msg("type %d guard %d ms %d %s %s, op %d pract %d prchk %d%d%d stc %d slba %d "
			 "nlb %d: %03x, not %03x or %03x", x->m.f.type, x->m.f.guard, x->m.f.ms,
			 x->m.f.first ? "first" : "last", x->extended ? "extended" : "separate",
			 c->op, c->pract, c->prchk_guard, c->prchk_app, c->prchk_ref, c->stc,
			 (int)c->slba, c->nlb, status, want, also);
	x->seen[c->op][status & 0xff]++;
	/* a Read has filled the buffers, or left them alone; nothing else writes to the host */
	if (c->op == PIM_READ || c->op == PIM_WRITE || c->op == PIM_COMPARE)
		check_host(x, c, data, md);
	if (c->op == PIM_WRITE || c->op == PIM_WRITE_ZEROES)
		check_media(x);
}

/* blocks that no host can write (a guard that is wrong), and some that nobody has */
static void spoil(struct fx *x)
{
	struct pim_cmd c = { .op = PIM_WRITE, .nlb = 1, .slba = rnd(&x->seed) % NR };
	struct drv_cmd dsm = { { OP_DSM, x->nsid } };
	static uint8_t data[BUF], md[BUF];
	struct nvme_dsm_range r = { 0 };
	int also;

	/* without PRCHK, a Write stores whatever it is given */
	choose_blocks(x, &c, data, md);
	to_host(x, &c, data, md);
	assert_int_equal(issue(x, &c), 0);
	assert_int_equal(pim_exec(&x->m, &c, data, md, &also), 0);

	r.slba = rnd(&x->seed) % NR;
	r.nlb = 1;
	dsm.dw[11] = 1u << 2; /* AD */
	memcpy(drv_ptr(x->d, x->data_iova), &r, sizeof(r));
	assert_int_equal(drv_io(x->d, &dsm, x->data_iova, sizeof(r), NULL), 0);
	pim_deallocate(&x->m, r.slba, 1);
	check_media(x);
}

/* most blocks hold what is right at first; the others are not allocated */
static void prepare(struct fx *x)
{
	struct pim_cmd c = { .op = PIM_WRITE, .nlb = 1, .pract = true, .lbat = x->app };
	static uint8_t data[BUF], md[BUF];
	int also;

	for (c.slba = 0; c.slba < NR; c.slba++) {
		if (c.slba % 5 == 4)
			continue;
		rnd_fill(&x->seed, data, sizeof(data));
		rnd_fill(&x->seed, md, sizeof(md));
		if (x->m.f.type)
			put_tags(&c, &x->m.f, x->storage, ref_of(x, c.slba), 0);
		to_host(x, &c, data, md);
		assert_int_equal(issue(x, &c), 0);
		assert_int_equal(pim_exec(&x->m, &c, data, md, &also), 0);
	}
	check_media(x);
}

/* commands on a namespace that is new, and the host that issues them */
static void exercise(struct fx *x, unsigned int seen[NR_OPS][256])
{
	x->app = 0x1234;
	x->storage = 0xfedcba9876543210;
	x->ref = x->m.f.type == 2 ? (uint64_t)-5 : x->m.f.type == 3 ? 0x3333 : 0;
	x->data_iova = drv_alloc(x->d, BUF + CANARY);
	x->md_iova = drv_alloc(x->d, BUF + CANARY);
	drv_lbafee(x->d);

	check_media(x); /* nothing was written yet */
	prepare(x);
	/* long division makes larger blocks slow: fewer rounds of them */
	for (unsigned int i = 0; i < (x->m.f.block > 512 ? 2 : 5) * NR_OPS * 32; i++) {
		unsigned int v = i / NR_OPS;
		struct pim_cmd c = { .op = i % NR_OPS,
				     .prchk_ref = v & 1,
				     .prchk_app = v & 2,
				     .prchk_guard = v & 4,
				     .stc = v & 8,
				     .pract = v & 16 };

		step(x, &c);
		if (i % 40 == 0)
			spoil(x);
		if (i % (NR_OPS * 32) == 0)
			prepare(x);
	}
	for (unsigned int op = 0; op < NR_OPS; op++)
		for (unsigned int sc = 0; sc < 256; sc++)
			seen[op][sc] += x->seen[op][sc];
}

static uint64_t seed_of(const struct fx *x)
{
	const struct pim_fmt *f = &x->m.f;

	return 1 + (uint64_t)(f->type * 1000 + f->guard * 10 + f->ms + f->first * 2 + x->extended);
}

/* a namespace that is configured like this */
static void run(const struct pim_fmt *f, bool extended, unsigned int seen[NR_OPS][256])
{
	struct fx x = { .nsid = 1, .extended = extended };
	struct drv_params p;

	pim_ns_init(&x.m, f, NR);
	x.seed = seed_of(&x);
	drv_params(&p);
	p.ns.logical_block_size = p.ns.physical_block_size = (uint32_t)f->block;
	p.ns.ms = (uint16_t)f->ms;
	p.ns.mset = extended;
	p.ns.pi = (uint8_t)f->type;
	p.ns.pil = f->first;
	p.ns.pif = f->guard == 32 ? 1 : f->guard == 64 ? 2 : 0;
	p.ns_bytes = NR * (uint64_t)(f->block + f->ms);
	x.d = drv_new(&p);
	drv_start(x.d);
	exercise(&x, seen);
	drv_free(x.d);
	pim_ns_free(&x.m);
}

static void run_guard(int guard, int sts, int block)
{
	unsigned int seen[NR_OPS][256] = { 0 };
	struct pim_fmt f = { .guard = guard, .sts = sts, .block = block, .lbstm = UINT64_MAX };

	for (f.type = 1; f.type <= 3; f.type++) {
		for (unsigned int v = 0; v < 8; v++) {
			f.first = v & 1;
			f.ms = v & 2 ? MAX_MS : pim_pi_len(&f);
			if (f.first && f.ms != MAX_MS && f.type != 1)
				continue; /* the tuple alone is first and last: once will do */
			run(&f, v & 4, seen);
		}
	}
	/* every status that a command can end with did occur, and no other */
	for (unsigned int op = 0; op < NR_OPS; op++) {
		bool checks = op != PIM_WRITE_ZEROES;

		assert_true(seen[op][0]);
		assert_int_equal(!seen[op][PIM_GUARD & 0xff], !checks);
		assert_int_equal(!seen[op][PIM_APP & 0xff], !checks);
		assert_int_equal(!seen[op][PIM_REF & 0xff], !checks);
		assert_int_equal(!seen[op][PIM_STORAGE & 0xff], !checks || !sts);
		assert_true(seen[op][PIM_INVALID_PI & 0xff]);
		assert_int_equal(!seen[op][PIM_INVALID_FIELD], op != PIM_VERIFY);
		assert_int_equal(!seen[op][PIM_COMPARE_FAILURE & 0xff], op != PIM_COMPARE);
	}
}

static void test_guard_16(void **state)
{
	run_guard(16, 0, 512);
}

static void test_guard_32(void **state)
{
	run_guard(32, 16, 4096);
}

static void test_guard_64(void **state)
{
	run_guard(64, 0, 4096);
}

/* metadata without protection information: PRINFO and the tags are ignored */
static void test_no_protection(void **state)
{
	unsigned int seen[NR_OPS][256] = { 0 };
	struct pim_fmt f = { .block = 512, .ms = 8 };

	for (unsigned int v = 0; v < 4; v++) {
		f.ms = v & 1 ? 8 : 16;
		run(&f, v & 2, seen);
	}
	for (unsigned int op = 0; op < NR_OPS; op++)
		for (unsigned int sc = 1; sc < 256; sc++)
			assert_int_equal(!seen[op][sc], op != PIM_COMPARE ||
							sc != (PIM_COMPARE_FAILURE & 0xff));
}

/* ---- Storage Tags of every size that is offered, and their mask ------------------------------ */

static int make_store(void *opaque, uint32_t nsid, uint64_t size, struct sim_store **st)
{
	struct sim_store **mine = opaque;
	struct sim_msg msg;

	*st = *mine = store_ram_new(size, &msg);
	return *st ? 0 : SIM_ENOMEM;
}

static int open_store(void *opaque, uint32_t nsid, struct sim_store **st)
{
	return SIM_ENOENT;
}

static void drop_store(void *opaque, uint32_t nsid, struct sim_store *st)
{
}

/* Namespace Management (NVM Command Set 1.1, section 4.1.6), and Attachment to controller 0 */
static void create(struct fx *x, uint8_t flbas, uint8_t dps, uint64_t lbstm)
{
	struct drv_cmd cmd = { { 0x0d } };
	uint64_t iova = drv_alloc(x->d, 4096);
	uint8_t *p = drv_ptr(x->d, iova);
	struct drv_cqe cqe;

	p[0] = p[8] = NR; /* NSZE, NCAP */
	p[26] = flbas;
	p[29] = dps;
	for (int i = 0; i < 8; i++)
		p[384 + i] = (uint8_t)(lbstm >> 8 * i);
	assert_int_equal(drv_admin(x->d, &cmd, iova, 4096, &cqe), 0);
	x->nsid = cqe.dw0;
	memset(p, 0, 4096);
	p[0] = 1; /* one controller, of identifier 0 */
	cmd = (struct drv_cmd){ { 0x15, x->nsid } };
	assert_int_equal(drv_admin(x->d, &cmd, iova, 4096, NULL), 0);
}

/* Identify of what all namespaces have in common: CNS 00h, or 05h with CSI 00h */
static const uint8_t *common(struct drv *d, uint8_t cns)
{
	struct drv_cmd cmd = { { 0x06, 0xffffffff } };
	uint64_t iova = drv_alloc(d, 4096);

	cmd.dw[10] = cns;
	assert_int_equal(drv_admin(d, &cmd, iova, 4096, NULL), 0);
	return drv_ptr(d, iova);
}

/* LBA format @i as a model has it. Return: whether it has a Storage Tag (figures 116 and 119) */
static bool offered(struct drv *d, int i, struct pim_fmt *f)
{
	const uint8_t *lbaf = common(d, 0x00) + 128 + 4 * i, *e = common(d, 0x05) + 12 + 4 * i;
	uint32_t elbaf = e[0] | (uint32_t)e[1] << 8 | (uint32_t)e[2] << 16 | (uint32_t)e[3] << 24;
	uint32_t pif = elbaf >> 7 & 3;

	if (pif == 3)
		pif = elbaf >> 9 & 0xf;
	*f = (struct pim_fmt){ .guard = pif == 0 ? 16 : pif == 1 ? 32 : 64,
			       .sts = elbaf & 0x7f,
			       .block = 1 << lbaf[2],
			       .ms = lbaf[0] | lbaf[1] << 8 };
	return lbaf[2] && f->sts && f->ms >= pim_pi_len(f);
}

static void run_created(const struct drv_params *p, struct sim_store **st, int lbaf, unsigned int v,
			unsigned int seen[NR_OPS][256])
{
	static const uint64_t masks[] = { UINT64_MAX, 0x8000000000008001, 0x7fff };
	struct fx x = { .extended = v & 1 };
	struct pim_fmt f;

	x.d = drv_new(p);
	drv_start(x.d);
	offered(x.d, lbaf, &f);
	f.type = 1 + v % 3;
	f.first = v & 2;
	f.lbstm = masks[v / 3 % 3];
	pim_ns_init(&x.m, &f, NR);
	x.seed = seed_of(&x);
	drv_lbafee(x.d);
	create(&x, (uint8_t)(lbaf | (v & 1) << 4), (uint8_t)(f.type | f.first << 3), f.lbstm);
	exercise(&x, seen);
	drv_free(x.d);
	store_free(*st);
	pim_ns_free(&x.m);
}

static void test_storage_tags(void **state)
{
	unsigned int seen[NR_OPS][256] = { 0 }, v = 0, formats = 0;
	struct sim_store *st;
	struct drv_params p;
	struct pim_fmt f;

	drv_params(&p);
	p.ns_bytes = 0;
	p.capacity = 1 << 20;
	p.backing = (struct sim_backing_port){ make_store, open_store, drop_store, &st };
	for (int lbaf = 0; lbaf < 16; lbaf++) {
		struct drv *d = drv_new(&p);
		bool is;

		drv_start(d);
		is = offered(d, lbaf, &f);
		drv_free(d);
		formats += is;
		for (unsigned int i = 0; is && i < 4; i++)
			run_created(&p, &st, lbaf, v++, seen);
	}
	assert_true(formats);
	for (unsigned int op = 0; op < PIM_WRITE_ZEROES; op++)
		assert_true(seen[op][PIM_STORAGE & 0xff]);
}

/* section 4.1.3.6.1: a host that has not set LBAFEE does not know the wider guards */
static void test_not_enabled(void **state)
{
	for (uint8_t pif = 0; pif <= 2; pif++) {
		struct fx x = { .nsid = 1,
				.m.f = { .type = 1, .guard = 16, .block = 4096, .ms = 16 } };
		struct drv_params p;

		drv_params(&p);
		p.ns.logical_block_size = p.ns.physical_block_size = 4096;
		p.ns.ms = 16;
		p.ns.pi = 1;
		p.ns.pif = pif;
		p.ns_bytes = 1 << 20;
		x.d = drv_new(&p);
		drv_start(x.d);
		x.data_iova = drv_alloc(x.d, BUF);
		x.md_iova = drv_alloc(x.d, BUF);
		for (unsigned int op = 0; op < NR_OPS; op++) {
			struct pim_cmd c = { .op = op, .nlb = 1 };

			/* deallocated blocks compare equal to zeroes */
			assert_int_equal(issue(&x, &c), pif ? 0x00b : 0);
		}
		drv_lbafee(x.d);
		for (unsigned int op = 0; op < NR_OPS; op++) {
			struct pim_cmd c = { .op = op, .nlb = 1 };

			memset(drv_ptr(x.d, x.data_iova), 0, 4096);
			assert_int_equal(issue(&x, &c), 0);
		}
		drv_free(x.d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_guard_16),
		cmocka_unit_test(test_guard_32),
		cmocka_unit_test(test_guard_64),
		cmocka_unit_test(test_no_protection),
		cmocka_unit_test(test_storage_tags),
		cmocka_unit_test(test_not_enabled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
