/* SPDX-License-Identifier: MIT */
/*
 * fuzz_host.c - queues and the account of commands, resets, what is done from outside; see
 * fuzz_host.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_host.h"

#define FZ_SHADOW (FZ_IOVA + 0x8000) /* and EventIdx, a page behind it */

uint64_t fz_seed;

void fz_fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "seed %llu: ", (unsigned long long)fz_seed);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

/* ---- queues ---------------------------------------------------------------------------------- */

/* the register, behind the shadow if there is one */
static void ring(struct fhost *h, const struct fqueue *q, bool cq, uint32_t val)
{
	const uint32_t entry = q->qid * 2u + cq;

	if (h->shadow)
		fz_put(h, FZ_SHADOW + entry * 4, &val, sizeof(val));
	sim_mmio_write(h->fn, 0, 0x1000 + entry * 4, 4, val);
}

/* its lock is held */
static void submit(struct fhost *h, struct fqueue *q, struct drv_cmd *cmd)
{
	const uint16_t cid = q->next_cid++;

	cmd->dw[0] = (cmd->dw[0] & 0xffff) | (uint32_t)cid << 16;
	fz_put(h, q->sq + q->tail * 64u, cmd, 64);
	q->tail = (q->tail + 1u) % FZ_ENTRIES;
	q->is_out[cid / 8] |= (uint8_t)(1u << cid % 8);
	q->out++;
	h->w->submitted++;
	ring(h, q, false, q->tail);
}

void fz_submit(struct fuzzer *f, struct fhost *h, struct fqueue *q, struct drv_cmd *cmd)
{
	pthread_mutex_lock(&q->lock);
	if (h->loose || q->out == FZ_ENTRIES - 1 ||
	    q->is_out[q->next_cid / 8] >> q->next_cid % 8 & 1) {
		q->next_cid++;
	} else if (f->spoils == FZ_NOTHING) {
		submit(h, q, cmd);
	} else {
		fz_spoil(f->w, f->spoils == FZ_ALL ? NULL : h);
		submit(h, q, cmd);
		fz_spoilt(f->w);
	}
	pthread_mutex_unlock(&q->lock);
}

/* its lock is held. Return: whether there was a completion; *@status is its status */
static bool poll_one(struct fhost *h, struct fqueue *q, uint16_t *status)
{
	const uint32_t *e =
		(const uint32_t *)(const void *)(h->mem + (q->cq - FZ_IOVA) + q->head * 16u);
	const uint32_t dw3 = __atomic_load_n(&e[3], __ATOMIC_ACQUIRE);
	uint32_t dw2;
	const uint16_t cid = (uint16_t)dw3;

	if ((dw3 >> 16 & 1) != q->phase)
		return false;
	dw2 = __atomic_load_n(&e[2], __ATOMIC_RELAXED);
	*status = dw3 >> 17 & 0x7ff;
	if (!h->loose && dw2 >> 16 == q->qid) {
		/* the function may have been reset between the two */
		if (!(q->is_out[cid / 8] >> cid % 8 & 1) && !h->loose)
			fz_fail("command %u of queue %u has completed twice", cid, q->qid);
		q->is_out[cid / 8] &= (uint8_t) ~(1u << cid % 8);
		q->out--;
		h->w->completed++;
		h->w->good += !*status;
		if (sim_fn_pf(h->fn))
			h->w->vf_good += !*status;
	}
	if (++q->head == FZ_ENTRIES) {
		q->head = 0;
		q->phase = !q->phase;
	}
	ring(h, q, true, q->head);
	return true;
}

void fz_poll(struct fhost *h, struct fqueue *q)
{
	uint16_t status;

	pthread_mutex_lock(&q->lock);
	if (!h->loose)
		for (unsigned int i = 0; i < FZ_ENTRIES && poll_one(h, q, &status); i++)
			;
	pthread_mutex_unlock(&q->lock);
}

/* ---- restart --------------------------------------------------------------------------------- */

/* all locks are held. Return: a status, or 0xffff: there is no answer */
static uint16_t exec(struct fhost *h, struct drv_cmd *cmd)
{
	struct fqueue *q = &h->q[0];
	uint16_t status = 0xffff;

	submit(h, q, cmd);
	for (unsigned int i = 0; i < 100 && !poll_one(h, q, &status); i++)
		sim_run_timers(h->w->subsys);
	return status;
}

static bool create_queues(struct fhost *h, unsigned int n)
{
	struct drv_cmd cmd = { { 0x05 } };

	cmd.dw[6] = (uint32_t)h->q[n].cq;
	cmd.dw[7] = (uint32_t)(h->q[n].cq >> 32);
	cmd.dw[10] = (FZ_ENTRIES - 1) << 16 | n;
	cmd.dw[11] = 3;
	if (exec(h, &cmd))
		return false;
	cmd = (struct drv_cmd){ { 0x01 } };
	cmd.dw[6] = (uint32_t)h->q[n].sq;
	cmd.dw[7] = (uint32_t)(h->q[n].sq >> 32);
	cmd.dw[10] = (FZ_ENTRIES - 1) << 16 | n;
	cmd.dw[11] = n << 16 | 1;
	return !exec(h, &cmd);
}

/* shadow doorbells from now on; whoever rings meanwhile has to wait for a lock */
static void use_shadow(struct fhost *h)
{
	struct drv_cmd cmd = { { 0x7c } };

	cmd.dw[6] = (uint32_t)FZ_SHADOW;
	cmd.dw[8] = cmd.dw[6] + 0x1000;
	cmd.dw[7] = cmd.dw[9] = (uint32_t)(FZ_SHADOW >> 32);
	h->shadow = !exec(h, &cmd);
}

static uint16_t virt(struct fhost *h, uint32_t act, uint32_t rt, uint32_t cntlid, uint32_t nr)
{
	struct drv_cmd cmd = { { 0x1c } };

	cmd.dw[10] = act | rt << 8 | cntlid << 16;
	cmd.dw[11] = nr;
	return exec(h, &cmd);
}

/* what the documentation of SR-IOV has: resources for VFs that are there, as far as there are any
 */
static void bring_up_vfs(struct fuzzer *f, struct fhost *h)
{
	sim_cfg_write(h->fn, 0x190, 2, 3);
	sim_cfg_write(h->fn, 0x188, 2, 9);
	virt(h, 1, 0, 0, 0); /* the primary controller has none, after its next reset */
	virt(h, 1, 1, 0, 0);
	for (uint32_t vf = 1; vf <= 3; vf++) {
		if (fz_rnd(f, 4))
			continue;
		fz_spoil(f->w, f->w->host[vf]);
		virt(h, 7, 0, vf, 0);
		virt(h, 8, 0, vf, 2 + fz_rnd(f, 2));
		virt(h, 8, 1, vf, 1 + fz_rnd(f, 2));
		virt(h, 9, 0, vf, 0);
		fz_spoilt(f->w);
	}
}

static void forget(struct fhost *h)
{
	static const uint8_t zeroes[4096];

	h->shadow = false;

	for (unsigned int i = 0; i < 3; i++) {
		struct fqueue *q = &h->q[i];

		q->qid = (uint16_t)i;
		q->tail = q->head = q->out = 0;
		q->phase = true;
		q->sq = FZ_IOVA + i * 0x2000u;
		q->cq = q->sq + 0x1000;
		memset(q->is_out, 0, sizeof(q->is_out));
		fz_put(h, q->sq, zeroes, sizeof(zeroes));
		fz_put(h, q->cq, zeroes, sizeof(zeroes));
	}
}

static void registers(struct fhost *h, bool msix)
{
	sim_cfg_write(h->fn, 0x64, 2, 0);
	sim_cfg_write(h->fn, 0x04, 2, 6);
	sim_mmio_write(h->fn, 0, NVME_REG_CC, 4, 0);
	if (sim_bar_size(h->fn, 2) && !sim_fn_pf(h->fn))
		sim_mmio_write(h->fn, 0, 0x50, 8, FZ_CMB | 3);
	sim_mmio_write(h->fn, 0, 0xe18, 4, FZ_PMR >> 32);
	sim_mmio_write(h->fn, 0, 0xe14, 4, (FZ_PMR & 0xffffffff) | 2);
	sim_mmio_write(h->fn, 0, 0xe04, 4, 1);
	for (unsigned int i = 0; i < 13; i++) {
		sim_mmio_write(h->fn, 0, 0x2000 + i * 16, 8, 0xfee00000);
		sim_mmio_write(h->fn, 0, 0x2000 + i * 16 + 12, 4, 0);
	}
	sim_cfg_write(h->fn, 0x42, 2, msix ? 0x8000 : 0);
	sim_mmio_write(h->fn, 0, NVME_REG_AQA, 4, (FZ_ENTRIES - 1) * 0x10001u);
	sim_mmio_write(h->fn, 0, NVME_REG_ASQ, 8, h->q[0].sq);
	sim_mmio_write(h->fn, 0, NVME_REG_ACQ, 8, h->q[0].cq);
	sim_mmio_write(h->fn, 0, NVME_REG_CC, 4, 6u << 4 | 6u << 16 | 4u << 20 | 1);
}

void fz_restart(struct fuzzer *f, struct fhost *h)
{
	unsigned int ended;

	for (unsigned int i = 0; i < 3; i++)
		pthread_mutex_lock(&h->q[i].lock);
	ended = f->w->spoils_ended;
	sim_mmio_write(h->fn, 0, NVME_REG_CC, 4, 0);
	h->loose = false; /* somebody may do something from here on, too */
	if (f->w->spoils_begun != ended)
		h->loose = true; /* or has begun to */
	forget(h);
	registers(h, fz_rnd(f, 2));
	if ((sim_mmio_read(h->fn, 0, NVME_REG_CSTS, 4) & 3) != 1)
		h->loose = true;
	for (unsigned int n = 1; n < 3 && !h->loose; n++)
		if (!create_queues(h, n) && n == 1)
			h->loose = true;
	if (!h->loose && !fz_rnd(f, 3))
		use_shadow(h);
	if (!h->loose && sim_fn_vf(h->fn, 1) && fz_rnd(f, 4))
		bring_up_vfs(f, h);
	for (unsigned int i = 0; i < 3; i++)
		pthread_mutex_unlock(&h->q[i].lock);
}

void fz_spoil(struct fworld *w, struct fhost *h)
{
	w->spoils_begun++;
	if (h)
		h->loose = true;
	for (unsigned int i = 0; !h && i < w->nr_hosts; i++)
		w->host[i]->loose = true;
}

void fz_spoilt(struct fworld *w)
{
	w->spoils_ended++;
}

void fz_reset(struct fuzzer *f, struct fhost *h)
{
	fz_spoil(f->w, NULL);
	sim_fn_reset(h->fn, (enum sim_reset)fz_rnd(f, 3));
	fz_spoilt(f->w);
}

void fz_advance(struct fuzzer *f)
{
	static const uint64_t ns[] = { 0, 1, 100000, 1000000, 500000000, 61000000000 };

	f->w->now += ns[fz_rnd(f, 6)];
	sim_run_timers(f->w->subsys);
}

void fz_outside(struct fuzzer *f, struct fhost *h)
{
	struct sim_fdp_sample samples[64];
	struct sim_zone_info zones[64];
	struct sim_zones_info zi;
	struct sim_hmb_info hmb;
	struct sim_fdp_info fi;
	struct sim_fdp_ruh ruh[16];
	struct sim_fdp_ru ru[64];
	struct sim_msg msg;

	switch (fz_rnd(f, 7)) {
	case 0:
		sim_zone_act(f->w->subsys, 2, 100ull * fz_rnd(f, 40),
			     (enum sim_zone_act)(2 + fz_rnd(f, 4)), &msg);
		break;
	case 1:
		sim_ana_set(h->fn, fz_rnd(f, 4), fz_rnd(f, 4) ? 1 : fz_rnd(f, 5));
		break;
	case 2:
		sim_smart_warn(h->fn, (uint8_t)fz_rnd(f, 64));
		break;
	case 3:
		if (!sim_zones_info(f->w->subsys, fz_rnd(f, 8), &zi) && zi.nr_open > zi.nr_active)
			fz_fail("%u zones are open, %u active", zi.nr_open, zi.nr_active);
		sim_zones_get(f->w->subsys, fz_rnd(f, 8), fz_any(f), 64, zones);
		sim_zones_get(f->w->subsys, 2, fz_rnd(f, 50), 64, zones);
		break;
	case 4:
		sim_hmb_info(h->fn, &hmb);
		break;
	case 5:
		if (!sim_fdp_info(f->w->subsys, &fi) &&
		    (fi.nr_free > fi.nr_ru || fi.mbmw < fi.hbmw))
			fz_fail("FDP's accounts do not add up");
		sim_fdp_rus(f->w->subsys, fz_any(f), 64, ru);
		sim_fdp_rus(f->w->subsys, fz_rnd(f, 100), 64, ru);
		break;
	default:
		sim_fdp_ruhs(f->w->subsys, fz_rnd(f, 9), 16, ruh);
		sim_fdp_history(f->w->subsys, 64, samples);
	}
}

void fz_check_alive(struct fuzzer *f)
{
	struct fworld *w = f->w;

	for (unsigned int i = 0; i < w->nr_hosts; i++) {
		struct fhost *h = w->host[i];
		struct drv_cmd cmd = { { 0x06 } };

		if (sim_fn_pf(h->fn))
			continue;
		sim_fn_reset(h->fn, SIM_RESET_CONVENTIONAL);
		fz_restart(f, h);
		if (h->loose)
			fz_fail("a function does not come back");
		cmd.dw[6] = (uint32_t)(FZ_IOVA + FZ_DATA);
		cmd.dw[7] = (uint32_t)(FZ_IOVA >> 32);
		cmd.dw[10] = 1;
		if (exec(h, &cmd))
			fz_fail("a function does not identify itself");
	}
}
