/* SPDX-License-Identifier: MIT */
/*
 * test_sriov.c - virtual functions as controllers: what a host sees of one that is not there, that
 * is offline, that is online; and what happens to it under its driver.
 */
#include <pthread.h>
#include <stdlib.h>

#include "../../core/ctrl/ctrl.h"
#include "../../core/pci/pci.h"
#include "virtcmd.h"

#define BUF	     8192
#define CSTS_OFFLINE 2u

static struct drv *primary(uint16_t vfs, uint16_t vq, uint16_t vi)
{
	struct drv_params p;
	struct drv *d;

	virt_params(&p, vfs, vq, vi);
	d = drv_new(&p);
	drv_enable(d);
	virt_release_primary(d);
	return d;
}

/* VF @n online and enabled; controller identifiers follow the PF's */
static struct drv *start_vf(struct drv *d, unsigned int n, uint32_t vq, uint32_t vi)
{
	struct drv *v = drv_vf(d, n);

	virt_online(d, sim_fn_cntlid(v->fn), vq, vi);
	drv_pci_enable(v);
	drv_start(v);
	return v;
}

static void test_api(void **state)
{
	struct drv *d = primary(3, 6, 3);

	assert_null(sim_fn_pf(d->fn));
	assert_null(sim_fn_vf(d->fn, 0));
	assert_null(sim_fn_vf(d->fn, 4));
	assert_int_equal(sim_fn_nr_vfs(d->fn), 0);
	for (unsigned int i = 1; i <= 3; i++) {
		assert_ptr_equal(sim_fn_pf(sim_fn_vf(d->fn, i)), d->fn);
		assert_int_equal(sim_fn_cntlid(sim_fn_vf(d->fn, i)), i);
		assert_null(sim_fn_vf(sim_fn_vf(d->fn, i), 1));
		assert_int_equal(sim_fn_nr_vfs(sim_fn_vf(d->fn, i)), 0);
	}
	drv_free(d);
}

static void test_come_and_go(void **state)
{
	struct drv *d = primary(3, 6, 3), *v1 = drv_vf(d, 1), *v3 = drv_vf(d, 3);
	unsigned int vfs = d->news[SIM_FN_VFS];

	assert_int_equal(sim_mmio_read(v1->fn, 0, NVME_REG_CSTS, 4), 0xffffffff);
	sim_cfg_write(d->fn, 0x190, 2, 2);
	assert_int_equal(sim_fn_nr_vfs(d->fn), 0);
	sim_cfg_write(d->fn, 0x188, 2, 1);
	assert_int_equal(sim_fn_nr_vfs(d->fn), 2);
	assert_int_equal(d->news[SIM_FN_VFS], vfs + 1);
	assert_int_equal(sim_cfg_read(v1->fn, 0x0a, 2), 0x0108);
	assert_int_equal(sim_cfg_read(v3->fn, 0x0a, 2), 0xffff);
	/* memory is the PF's VF MSE; a VF's own memory enable is not one */
	assert_int_equal(sim_mmio_read(v1->fn, 0, NVME_REG_CSTS, 4), 0xffffffff);
	sim_cfg_write(v1->fn, 0x04, 2, 0x0006);
	assert_int_equal(sim_cfg_read(v1->fn, 0x04, 2), 0x0004);
	assert_int_equal(sim_mmio_read(v1->fn, 0, NVME_REG_CSTS, 4), 0xffffffff);
	sim_cfg_write(d->fn, 0x188, 2, 9);
	assert_int_equal(sim_mmio_read(v1->fn, 0, NVME_REG_CSTS, 4), CSTS_OFFLINE);
	assert_int_equal(sim_mmio_read(v3->fn, 0, NVME_REG_CSTS, 4), 0xffffffff);
	assert_int_equal(sim_bar_size(v1->fn, 0), 0x4000);
	assert_int_equal(sim_mmio_read(v1->fn, 0, 0x4000, 4), 0xffffffff);
	assert_int_equal(d->news[SIM_FN_VFS], vfs + 1);

	sim_cfg_write(d->fn, 0x188, 2, 0);
	assert_int_equal(d->news[SIM_FN_VFS], vfs + 2);
	assert_int_equal(v1->news[SIM_FN_GONE], 1);
	assert_int_equal(v3->news[SIM_FN_GONE], 0);
	/* what was written to it went with it */
	virt_enable_vfs(d, 3);
	assert_int_equal(sim_cfg_read(v1->fn, 0x04, 2), 0);
	assert_int_equal(sim_mmio_read(v3->fn, 0, NVME_REG_CSTS, 4), CSTS_OFFLINE);
	/* a reset of the PF takes them all away */
	sim_cfg_write(d->fn, 0x88, 2, 0x8000);
	assert_int_equal(sim_fn_nr_vfs(d->fn), 0);
	assert_int_equal(sim_cfg_read(v1->fn, 0, 4), 0xffffffff);
	assert_int_equal(sim_cfg_read(v1->fn, 0x0a, 2), 0xffff);
	assert_int_equal(sim_cfg_read(v1->fn, 0x0a, 1), 0xff);
	drv_free(d);
}

static void test_offline(void **state)
{
	struct drv *d = primary(1, 4, 2), *v = drv_vf(d, 1);

	virt_enable_vfs(d, 1);
	sim_cfg_write(v->fn, 0x04, 2, 0x0006);
	for (unsigned int turn = 0; turn < 2; turn++) {
		for (uint64_t off = 0; off < 0x4000; off += 4)
			assert_int_equal(sim_mmio_read(v->fn, 0, off, 4),
					 off == NVME_REG_CSTS ? CSTS_OFFLINE : 0);
		assert_int_equal(sim_mmio_read(v->fn, 0, NVME_REG_INTMC + 8, 8),
				 (uint64_t)CSTS_OFFLINE << 32);
		/* nothing that is written changes that */
		for (uint64_t off = 0; off < 0x4000; off += 4)
			sim_mmio_write(v->fn, 0, off, 4, 0x00460001);
		sim_mmio_write(v->fn, 0, NVME_REG_NSSR, 4, 0x4e564d65);
		sim_mmio_write(v->fn, 0, NVME_REG_CSTS, 4, 0xffffffff);
		sim_cfg_write(v->fn, 0x88, 2, 0x8000);
	}
	assert_int_equal(drv_r32(d, NVME_REG_CSTS), 1);
	drv_free(d);
}

static void test_resources(void **state)
{
	struct drv *d = primary(2, 12, 6), *v;
	struct drv_cmd cmd = { { 0x0a } };
	struct drv_queue q;
	struct drv_cqe cqe;

	virt_enable_vfs(d, 2);
	v = start_vf(d, 1, 4, 3);
	assert_int_equal(sim_cfg_read(v->fn, 0x42, 2) & 0x7ff, 2);
	cmd.dw[10] = 7;
	assert_int_equal(drv_admin(v, &cmd, 0, 0, &cqe), 0);
	assert_int_equal(cqe.dw0, 2u << 16 | 2); /* 3 pairs beside the admin queues */
	drv_create_queue(v, &q, 2, 16);
	cmd = (struct drv_cmd){ { 0x05 } };
	cmd.dw[10] = 15u << 16 | 4;
	cmd.dw[11] = 3;
	assert_int_equal(drv_admin(v, &cmd, drv_alloc(v, 4096), 4096, NULL), 0x101);
	cmd.dw[10] = 15u << 16 | 3;
	cmd.dw[11] = 3u << 16 | 3;
	assert_int_equal(drv_admin(v, &cmd, drv_alloc(v, 4096), 4096, NULL), 0x108);
	cmd.dw[11] = 2u << 16 | 3;
	assert_int_equal(drv_admin(v, &cmd, drv_alloc(v, 4096), 4096, NULL), 0);
	/* as many as there are the next time */
	assert_int_equal(virt(d, ACT_OFFLINE, VQ, 1, 0, NULL), 0);
	virt_online(d, 1, 2, 1);
	assert_int_equal(sim_cfg_read(v->fn, 0x42, 2) & 0x7ff, 0);
	drv_pci_enable(v);
	drv_enable(v);
	cmd = (struct drv_cmd){ { 0x0a } };
	cmd.dw[10] = 7;
	assert_int_equal(drv_admin(v, &cmd, 0, 0, &cqe), 0);
	assert_int_equal(cqe.dw0, 0);
	drv_free(d);
}

/* one vector for both queues: what a VF with the least resources has */
static void create_on_vector_0(struct drv *v)
{
	struct drv_cmd cmd = { { 0x05 } };

	v->io = (struct drv_queue){ .qid = 1, .size = 16, .phase = 1 };
	v->io.sq_iova = drv_alloc(v, 4096);
	v->io.cq_iova = drv_alloc(v, 4096);
	cmd.dw[10] = 15u << 16 | 1;
	cmd.dw[11] = 3;
	assert_int_equal(drv_admin(v, &cmd, v->io.cq_iova, 4096, NULL), 0);
	cmd = (struct drv_cmd){ { 0x01 } };
	cmd.dw[10] = 15u << 16 | 1;
	cmd.dw[11] = 1u << 16 | 1;
	assert_int_equal(drv_admin(v, &cmd, v->io.sq_iova, 4096, NULL), 0);
}

static uint16_t rw(struct drv *d, uint32_t opcode, uint64_t iova)
{
	struct drv_cmd cmd = { { opcode } };

	cmd.dw[1] = 1;
	cmd.dw[12] = BUF / 512 - 1;
	return drv_io(d, &cmd, iova, BUF, NULL);
}

static void test_io(void **state)
{
	struct drv *d = primary(1, 2, 1), *v = drv_vf(d, 1);
	uint64_t out = drv_alloc(v, BUF), in = drv_alloc(d, BUF);
	struct drv_cmd cmd = { { 0x0a } };
	struct drv_cqe cqe;

	drv_create_queue(d, &d->io, 1, 64);
	virt_enable_vfs(d, 1);
	virt_online(d, 1, 2, 1);
	drv_pci_enable(v);
	drv_enable(v);
	create_on_vector_0(v);
	memset(drv_ptr(v, out), 0x5a, BUF);
	memset(d->irqs, 0, sizeof(d->irqs));
	memset(v->irqs, 0, sizeof(v->irqs));
	assert_int_equal(rw(v, 0x01, out), 0);
	assert_int_equal(v->irqs[0], 1);
	assert_int_equal(d->irqs[0] + d->irqs[1], 0);
	assert_int_equal(rw(d, 0x02, in), 0);
	assert_memory_equal(drv_ptr(d, in), drv_ptr(v, out), BUF);

	/* features and the error log are its own */
	cmd = (struct drv_cmd){ { 0x09 } };
	cmd.dw[10] = 0x04;
	cmd.dw[11] = 0x140;
	assert_int_equal(drv_admin(v, &cmd, 0, 0, NULL), 0);
	cmd = (struct drv_cmd){ { 0x0a } };
	cmd.dw[10] = 0x04;
	assert_int_equal(drv_admin(v, &cmd, 0, 0, &cqe), 0);
	assert_int_equal(cqe.dw0, 0x140);
	assert_int_equal(drv_admin(d, &cmd, 0, 0, &cqe), 0);
	assert_int_equal(cqe.dw0, 343);
	drv_free(d);
}

/* a VF has no pin: with MSI-X off there is nothing */
static void test_no_pin(void **state)
{
	struct drv *d = primary(1, 2, 1), *v = drv_vf(d, 1);
	struct drv_cmd cmd = { { 0x18 } };
	struct drv_cqe cqe;

	virt_enable_vfs(d, 1);
	virt_online(d, 1, 2, 1);
	drv_pci_enable(v);
	sim_cfg_write(v->fn, 0x42, 2, 0);
	drv_enable(v);
	drv_submit(v, &v->admin, &cmd);
	assert_false(v->intx);
	assert_false(sim_cfg_read(v->fn, 0x06, 2) & 8);
	assert_true(drv_poll(v, &v->admin, &cqe));
	drv_free(d);
}

/* an Asynchronous Event Request is pending in the VF: it is never heard of again */
static void check_lost(struct drv *v, uint32_t csts)
{
	struct drv_cqe cqe;

	assert_false(drv_poll(v, &v->admin, &cqe));
	assert_false(drv_poll(v, &v->io, &cqe));
	assert_int_equal(drv_r32(v, NVME_REG_CSTS), csts);
}

static void test_under_the_driver(void **state)
{
	for (unsigned int how = 0; how < 7; how++) {
		struct drv *d = primary(1, 4, 2), *v;
		struct drv_cmd aer = { { 0x0c } };
		unsigned int off, gone, reset;

		virt_enable_vfs(d, 1);
		v = start_vf(d, 1, 3, 2);
		drv_submit(v, &v->admin, &aer);
		off = v->news[SIM_FN_OFFLINE];
		gone = v->news[SIM_FN_GONE];
		reset = v->news[SIM_FN_RESET];
		switch (how) {
		case 0: /* Secondary Controller Offline */
			assert_int_equal(virt(d, ACT_OFFLINE, VQ, 1, 0, NULL), 0);
			break;
		case 1: /* the primary controller's Controller Reset */
			drv_disable(d);
			break;
		case 2: /* ... function level reset */
			sim_fn_reset(d->fn, SIM_RESET_FLR);
			break;
		case 3: /* VF Enable */
			sim_cfg_write(d->fn, 0x188, 2, 8);
			break;
		case 4: /* NVM Subsystem Reset */
			drv_w32(v, NVME_REG_NSSR, 0x4e564d65);
			break;
		case 5: /* its own function level reset: it stays online */
			sim_cfg_write(v->fn, 0x88, 2, 0x8000);
			break;
		default:
			sim_fn_unplug(d->fn);
		}
		check_lost(v, how == 2 || how == 3 || how == 6 ? 0xffffffff
			      : how == 5		       ? 0
							       : CSTS_OFFLINE);
		assert_int_equal(v->news[SIM_FN_OFFLINE] - off, how != 5);
		assert_int_equal(v->news[SIM_FN_GONE] - gone, how == 2 || how == 3 || how == 6);
		assert_int_equal(v->news[SIM_FN_RESET] - reset, how == 4 || how == 5);
		if (how == 5) {
			drv_pci_enable(v);
			drv_start(v);
		}
		drv_free(d);
	}
}

/* after all that it can be brought up again */
static void test_again(void **state)
{
	struct drv *d = primary(2, 8, 4);

	for (unsigned int turn = 0; turn < 20; turn++) {
		struct drv *v;

		virt_enable_vfs(d, 1 + turn % 2);
		v = start_vf(d, 1, 2 + turn % 3, 2);
		assert_int_equal(rw(v, 0x02, drv_alloc(v, BUF)), 0);
		if (turn % 3 == 0)
			assert_int_equal(virt(d, ACT_OFFLINE, VQ, 1, 0, NULL), 0);
	}
	drv_free(d);
}

static void test_attachment(void **state)
{
	struct drv *d = primary(1, 4, 2), *v;
	uint8_t page[4096];

	virt_enable_vfs(d, 1);
	v = start_vf(d, 1, 3, 2);
	assert_int_equal(virt_identify(v, 0x02, 0, page), 0);
	assert_int_equal(virt_get(page, 0, 4), 1); /* shared: every controller has it */
	drv_free(d);
}

/* I/O on a VF in one thread, while another takes it offline and back, and resets things */
struct race {
	struct drv *v;
	_Atomic bool stop;
	_Atomic unsigned long done;
};

static void *race_io(void *arg)
{
	struct race *r = arg;

	while (!r->stop) {
		for (uint32_t i = 0; i < 64 && !r->stop; i++) {
			sim_mmio_write(r->v->fn, 0, 0x1000, 4, i % 32);
			sim_mmio_write(r->v->fn, 0, 0x1008, 4, i);
			sim_mmio_read(r->v->fn, 0, NVME_REG_CSTS, 4);
			sim_cfg_read(r->v->fn, 0, 4);
			r->done++;
		}
	}
	return NULL;
}

static void test_race(void **state)
{
	struct drv *d = primary(1, 4, 2), *v = drv_vf(d, 1);
	struct race r = { .v = v };
	pthread_t t;

	virt_enable_vfs(d, 1);
	assert_int_equal(pthread_create(&t, NULL, race_io, &r), 0);
	while (!r.done)
		;
	for (unsigned int turn = 0; turn < 3000; turn++) {
		virt_online(d, 1, 3, 2);
		sim_cfg_write(v->fn, 0x04, 2, 4);
		sim_mmio_write(v->fn, 0, NVME_REG_AQA, 4, 31u << 16 | 31);
		sim_mmio_write(v->fn, 0, NVME_REG_ASQ, 8, DRV_IOVA + DRV_PAGE);
		sim_mmio_write(v->fn, 0, NVME_REG_ACQ, 8, DRV_IOVA + 2 * DRV_PAGE);
		sim_mmio_write(v->fn, 0, NVME_REG_CC, 4, 1u | 6u << 16 | 4u << 20);
		if (turn % 3 == 0)
			assert_int_equal(virt(d, ACT_OFFLINE, VQ, 1, 0, NULL), 0);
		else if (turn % 3 == 1)
			virt_enable_vfs(d, 1);
		else
			sim_cfg_write(v->fn, 0x88, 2, 0x8000);
		if (turn % 3 == 2)
			assert_int_equal(virt(d, ACT_OFFLINE, VQ, 1, 0, NULL), 0);
	}
	r.stop = true;
	pthread_join(t, NULL);
	drv_free(d);
}

/* ---- anything, in any order ------------------------------------------------------------- */

static uint64_t rnd_state;
static unsigned int seen_online; /* a VF, after how many steps */

static uint32_t rnd(uint32_t n)
{
	rnd_state = rnd_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rnd_state >> 33) % n;
}

/* what holds whatever was done */
static void check_accounts(struct drv *d)
{
	const struct sim_virt *p = &d->fn->ctrl->virt;
	const unsigned int here = sim_fn_nr_vfs(d->fn);

	assert_true(here <= 3);
	for (unsigned int rt = 0; rt < 2; rt++) {
		uint32_t sum = 0;

		for (unsigned int i = 1; i <= 3; i++)
			sum += drv_vf(d, i)->fn->ctrl->virt.nr[rt];
		assert_int_equal(sum, p->pool[rt].assigned);
		assert_true(sum + p->pool[rt].primary <= p->pool[rt].total);
		assert_true(p->pool[rt].next <= p->pool[rt].total);
	}
	assert_int_equal(d->fn->ctrl->nr_pairs, p->pool[VQ].private + p->pool[VQ].primary - 1u);
	for (unsigned int i = 1; i <= 3; i++) {
		struct sim_fn *vf = drv_vf(d, i)->fn;
		const struct sim_virt *v = &vf->ctrl->virt;

		assert_int_equal(v->state != SIM_VS_ABSENT, i <= here);
		assert_int_equal(sim_cfg_read(vf, 0x08, 4), i <= here ? 0x01080202 : 0xffffffff);
		if (v->state == SIM_VS_ONLINE) {
			seen_online++;
			assert_true(v->nr[VQ] >= 2 && v->nr[VI] >= 1);
			assert_int_equal(vf->ctrl->nr_pairs, v->nr[VQ] - 1u);
			assert_int_equal((sim_cfg_read(vf, 0x42, 2) & 0x7ff) + 1, v->nr[VI]);
		} else {
			assert_int_equal(vf->ctrl->csts, CSTS_OFFLINE);
		}
		assert_int_equal(vf->offline, v->state != SIM_VS_ONLINE);
	}
	assert_int_equal(sim_cfg_read(d->fn, 0x00, 4), 0x00101b36);
	assert_int_equal(sim_cfg_read(d->fn, 0x18c, 4), 0x00030003);
}

static void anything(struct drv *d)
{
	static const uint32_t acts[] = { 1, 7, 8, 8, 8, 9, 9, 0 };
	struct drv *v = drv_vf(d, 1 + rnd(3)), *which = rnd(2) ? d : v;
	const unsigned int size = 1u << rnd(3);

	switch (rnd(60)) {
	case 0: /* configuration space, but for what the driver in drv.c needs */
		sim_cfg_write(which->fn, (rnd(0x240) & ~(size - 1)), size,
			      rnd(0x7fffffff) << rnd(2));
		break;
	case 1:
		sim_cfg_write(d->fn, rnd(2) ? 0x188 : 0x190, 2, rnd(4) ? rnd(5) : 9);
		break;
	case 2:
		sim_cfg_write(d->fn, 0x188, 2, rnd(3) ? 9 : 0);
		break;
	case 3: /* a VF's registers and doorbells */
		sim_mmio_write(v->fn, 0, rnd(0x4000) & ~3u, rnd(2) ? 4 : 8, rnd(0x7fffffff));
		break;
	case 4:
		sim_mmio_write(v->fn, 0, NVME_REG_CC, 4, rnd(2) | 6u << 16 | 4u << 20);
		break;
	case 5:
		sim_fn_reset(which->fn, (enum sim_reset)rnd(3));
		break;
	default:
		/* bring it into a state in which it takes commands and has VFs, and give it one */
		if (drv_r32(d, NVME_REG_CSTS) != 1) {
			sim_cfg_write(d->fn, 0x64, 2, 0);
			drv_pci_enable(d);
			drv_w32(d, NVME_REG_CC, 0);
			d->brk = DRV_PAGE;
			drv_enable(d);
		}
		sim_cfg_write(d->fn, 0x04, 2, 6);
		if (!sim_fn_nr_vfs(d->fn) && !rnd(3)) {
			sim_cfg_write(d->fn, 0x190, 2, 3);
			sim_cfg_write(d->fn, 0x188, 2, 9);
		}
		virt(d, acts[rnd(8)], rnd(2), rnd(5), rnd(5), NULL);
	}
}

static void test_anything(void **state)
{
	const char *seeds = getenv("NVMESIM_SEEDS");
	const unsigned int n = seeds ? (unsigned int)atoi(seeds) : 5;

	for (unsigned int seed = 1; seed <= n; seed++) {
		struct drv *d = primary(3, 8, 5);

		rnd_state = seed;
		for (unsigned int i = 0; i < 4000; i++) {
			anything(d);
			check_accounts(d);
		}
		drv_free(d);
	}
	assert_true(seen_online > n * 100); /* it comes to that, too */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_api),
		cmocka_unit_test(test_come_and_go),
		cmocka_unit_test(test_offline),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_no_pin),
		cmocka_unit_test(test_under_the_driver),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_attachment),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
