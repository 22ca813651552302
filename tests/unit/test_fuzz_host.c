/* SPDX-License-Identifier: MIT */
/*
 * test_fuzz_host.c - a host that does anything: commands that look valid and those that do not,
 * registers, configuration space, doorbells, queues in memory of any kind, resets, time; at two
 * functions of a subsystem with everything it can have, and at one with Flexible Data Placement.
 *
 * What holds whatever was done: the process lives, no command completes twice, CSTS has no bit that
 * is reserved, a function that is reset and enabled works, and what was recorded can be opened
 * again.
 *
 * NVMESIM_SEEDS=N runs N seeds instead of one; NVMESIM_SEED=S begins at S.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_host.h"

#define STEPS 40000u

/* ---- what a host does to a function ---------------------------------------------------------- */

static void one_command(struct fuzzer *f, struct fhost *h)
{
	struct fqueue *q = &h->q[fz_rnd(f, 4) ? 1 + f->thread % 2 : 0];
	struct drv_cmd cmd = { { 0 } };

	f->spoils = FZ_NOTHING;
	if (q == &h->q[0])
		fz_gen_admin(f, h, &cmd);
	else
		fz_gen_io(f, h, &cmd);
	fz_submit(f, h, q, &cmd);
}

static void any_register(struct fuzzer *f, struct fhost *h)
{
	static const uint32_t regs[] = { 0x00,	0x08,  0x0c,  0x10,  0x14, 0x14, 0x14,	0x1c,
					 0x20,	0x24,  0x28,  0x30,  0x38, 0x3c, 0x40,	0x44,
					 0x48,	0x50,  0x58,  0x5c,  0x60, 0x68, 0xe00, 0xe04,
					 0xe08, 0xe0c, 0xe10, 0xe14, 0xe18 };
	const uint32_t reg = regs[fz_rnd(f, sizeof(regs) / sizeof(regs[0]))];
	enum fz_spoils spoils = FZ_NOTHING;
	uint64_t val = fz_any(f);

	switch (reg) {
	case 0x14:
		spoils = FZ_FN;
		val = fz_rnd(f, 2) | (fz_rnd(f, 4) ? 6u : fz_rnd(f, 8)) << 4 | fz_rnd(f, 3) << 14 |
		      (uint64_t)fz_rnd(f, 2) << 7 | 6u << 16 | 4u << 20;
		break;
	case 0x20:
		if (fz_rnd(f, 3))
			return;
		spoils = FZ_ALL;
		val = 0x4e564d65;
		break;
	case 0x24: /* AQA, ASQ, ACQ, CMBMSC move queues and windows */
	case 0x28:
	case 0x30:
		spoils = FZ_FN;
		if (reg != 0x24)
			val = fz_addr(f, true);
		break;
	case 0x50:
		val = FZ_CMB | fz_rnd(f, 4);
		break;
	case 0xe14:
		val = (FZ_PMR & 0xffffffff) | fz_rnd(f, 2) << 1;
		break;
	case 0xe18:
		val = FZ_PMR >> 32;
		break;
	}
	if (spoils != FZ_NOTHING)
		fz_spoil(f->w, spoils == FZ_ALL ? NULL : h);
	sim_mmio_write(h->fn, 0, reg, reg == 0x28 || reg == 0x30 || reg == 0x50 ? 8 : 4, val);
	if (spoils != FZ_NOTHING)
		fz_spoilt(f->w);
}

static void any_access(struct fuzzer *f, struct fhost *h)
{
	const unsigned int size = 1u << fz_rnd(f, 4), bar = fz_rnd(f, 7);
	const uint64_t end = sim_bar_size(h->fn, bar);
	const uint64_t off = end && fz_rnd(f, 8) ? fz_any(f) % end : fz_any(f);
	const bool spoils = !bar && off < 0x1000 + 8 * 64;

	if (fz_rnd(f, 2)) {
		sim_mmio_read(h->fn, bar, off, size);
		return;
	}
	if (spoils)
		fz_spoil(f->w, h);
	sim_mmio_write(h->fn, bar, off, size, fz_any(f));
	if (spoils)
		fz_spoilt(f->w);
}

static void any_config(struct fuzzer *f, struct fhost *h)
{
	static const uint16_t regs[] = { 0x04, 0x04, 0x10,  0x18,  0x1c,  0x20, 0x42,
					 0x64, 0x88, 0x188, 0x190, 0x1a0, 0x1a4 };
	const unsigned int size = 1u << fz_rnd(f, 3);
	uint32_t off = fz_rnd(f, 2) ? regs[fz_rnd(f, sizeof(regs) / sizeof(regs[0]))]
				    : fz_rnd(f, 0x300) & ~(size - 1);

	sim_cfg_read(h->fn, off, size);
	fz_spoil(f->w, NULL); /* a PF's resets are its VFs' */
	sim_cfg_write(h->fn, off, size, (uint32_t)fz_any(f));
	fz_spoilt(f->w);
}

static void check_csts(struct fhost *h)
{
	const uint32_t csts = (uint32_t)sim_mmio_read(h->fn, 0, NVME_REG_CSTS, 4);

	if (csts != 0xffffffff && csts & ~0x7fu)
		fz_fail("CSTS is %x", csts);
}

static void step(struct fuzzer *f)
{
	struct fhost *h = f->w->host[fz_rnd(f, f->w->nr_hosts)];
	const uint32_t what = fz_rnd(f, 1000);

	if (h->loose && !fz_rnd(f, 3))
		fz_restart(f, h);
	if (what < 700)
		one_command(f, h);
	else if (what < 720)
		any_access(f, h);
	else if (what < 735)
		any_register(f, h);
	else if (what < 745)
		any_config(f, h);
	else if (what < 755)
		sim_mmio_write(h->fn, 0, 0x1000 + 4ull * (6 + fz_rnd(f, 30)), 4, fz_rnd(f, 70));
	else if (what < 758)
		fz_reset(f, h);
	else if (what < 765)
		fz_outside(f, h);
	else if (what < 770 && f->w->threads == 1)
		fz_replug(f);
	else if (what < 790)
		fz_advance(f);
	else if (what < 860)
		fz_flushes(f->w, !fz_rnd(f, 8));
	else if (what < 900)
		check_csts(h);
	for (unsigned int i = 0; i < 3; i++)
		fz_poll(h, &h->q[i]);
}

static void *work(void *arg)
{
	struct fuzzer *f = arg;

	for (f->at = 0; f->at < f->steps; f->at++)
		step(f);
	return NULL;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void run(bool fdp, unsigned int threads, uint64_t seed)
{
	struct fworld *w = fz_world_new(fdp);
	struct fuzzer f[2] = { { 0 } };
	pthread_t t[2];

	fz_seed = seed;
	w->threads = threads;
	for (unsigned int i = 0; i < threads; i++) {
		f[i] = (struct fuzzer){ .w = w, .thread = i, .steps = STEPS / threads };
		f[i].rng = (seed * 2 + i) * 0x9e3779b97f4a7c15ull + 1;
	}
	if (threads == 1) {
		work(&f[0]);
	} else {
		for (unsigned int i = 0; i < threads; i++)
			assert_int_equal(pthread_create(&t[i], NULL, work, &f[i]), 0);
		for (unsigned int i = 0; i < threads; i++)
			pthread_join(t[i], NULL);
	}
	fz_check_alive(&f[0]);
	if (getenv("FUZZ_VERBOSE"))
		fprintf(stderr,
			"seed %u: %u submitted, %u completed, %u without error, %u of VFs\n",
			(unsigned int)seed, w->submitted, w->completed, w->good, w->vf_good);
	assert_true(w->good > STEPS / 40);
	fz_power_cycle(w);
	fz_check_alive(&f[0]);
	fz_world_free(w);
}

static void each_seed(bool fdp, unsigned int threads)
{
	const char *n = getenv("NVMESIM_SEEDS"), *first = getenv("NVMESIM_SEED");
	const uint64_t from = first ? strtoull(first, NULL, 0) : 1;
	const uint64_t seeds = n ? strtoull(n, NULL, 0) : 1;

	for (uint64_t seed = from; seed < from + seeds; seed++)
		run(fdp, threads, seed);
}

static void test_everything(void **state)
{
	each_seed(false, 1);
}

static void test_fdp(void **state)
{
	each_seed(true, 1);
}

static void test_everything_threads(void **state)
{
	each_seed(false, 2);
}

static void test_fdp_threads(void **state)
{
	each_seed(true, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_fdp),
		cmocka_unit_test(test_everything_threads),
		cmocka_unit_test(test_fdp_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
