/* SPDX-License-Identifier: MIT */
/*
 * test_reset.c - enabling, resets, shutdown (NVMe Base 2.1, 3.5 to 3.7).
 */
#include "drv.h"
#include "slow_store.h"

#define CC_EN 1u
#define CC_SHN(n) ((uint32_t)(n) << 14)
#define CC_ES (6u << 16 | 4u << 20)
#define CSTS_RDY 1u
#define CSTS_CFS 2u
#define CSTS_SHST 0xcu
#define CSTS_NSSRO 0x10u
#define NSSR_WORD 0x4e564d65

static uint32_t csts(struct drv *d)
{
	return drv_r32(d, 0x1c);
}

/* what the enable is to be refused for: CFS, which EN = 0 cures */
static void check_refused(struct drv *d, uint32_t aqa, uint64_t asq, uint64_t acq, uint32_t cc)
{
	drv_w32(d, 0x24, aqa);
	drv_w64(d, 0x28, asq);
	drv_w64(d, 0x30, acq);
	drv_w32(d, 0x14, cc);
	assert_int_equal(csts(d), CSTS_CFS);
	drv_w32(d, 0x14, 0);
	assert_int_equal(csts(d), 0);
	assert_int_equal(drv_r32(d, 0x14), 0);
}

static void test_enable(void **state)
{
	struct drv *d = drv_new(NULL);
	uint64_t q = drv_alloc(d, 4 << 16);
	const uint32_t cc = CC_EN | CC_ES;

	q = (q + 0xffff) & ~0xffffull;
	check_refused(d, 0, q, q + 0x10000, cc);
	check_refused(d, 0x001f0000, q, q + 0x10000, cc);
	check_refused(d, 0x0000001f, q, q + 0x10000, cc);
	check_refused(d, 0x001f001f, q, q + 0x10000, cc | 5 << 7); /* MPS past MPSMAX */
	check_refused(d, 0x001f001f, q, q + 0x10000, cc | 15 << 7);
	check_refused(d, 0x001f001f, q + 0x1000, q + 0x10000, cc | 1 << 7); /* not 8 KiB aligned */
	check_refused(d, 0x001f001f, q, q + 0x11000, cc | 1 << 7);
	for (uint32_t css = 1; css < 8; css++)
		if (css != 6)
			check_refused(d, 0x001f001f, q, q + 0x10000, cc | css << 4);

	drv_w32(d, 0x24, 0x001f001f);
	drv_w64(d, 0x28, q);
	drv_w64(d, 0x30, q + 0x10000);
	for (uint32_t mps = 0; mps <= 4; mps++) {
		drv_w32(d, 0x14, cc | mps << 7);
		assert_int_equal(csts(d), CSTS_RDY);
		drv_w32(d, 0x14, cc | mps << 7); /* again: nothing happens */
		assert_int_equal(csts(d), CSTS_RDY);
		drv_w32(d, 0x14, 0);
		assert_int_equal(csts(d), 0);
	}
	drv_w32(d, 0x14, cc | 6 << 4);
	assert_int_equal(csts(d), CSTS_RDY);
	drv_free(d);
}

static uint16_t features(struct drv *d, uint8_t opcode, uint32_t fid, uint32_t val, uint32_t *dw0)
{
	struct drv_cmd cmd = { .dw = { [0] = opcode, [10] = fid, [11] = val } };
	struct drv_cqe cqe;
	uint16_t status = drv_admin(d, &cmd, 0, 0, &cqe);

	*dw0 = cqe.dw0;
	return status;
}

static void test_controller_reset(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd aer = { .dw = { [0] = 0x0c } }, del = { .dw = { [0] = 0x00, [10] = 1 } };
	struct drv_cqe cqe;
	uint64_t asq, acq;
	uint32_t was, now;

	drv_start(d);
	assert_int_equal(features(d, 0x0a, 0x01, 0, &was), 0); /* arbitration */
	assert_int_equal(features(d, 0x09, 0x01, 3, &now), 0);
	assert_int_equal(features(d, 0x0a, 0x01, 0, &now), 0);
	assert_int_equal(now & 7, 3);
	drv_w32(d, 0x0c, 0xff);
	drv_submit(d, &d->admin, &aer);
	drv_submit(d, &d->admin, &aer);
	asq = drv_r64(d, 0x28);
	acq = drv_r64(d, 0x30);

	drv_disable(d);
	assert_false(drv_poll(d, &d->admin, &cqe)); /* no completion for what was outstanding */
	assert_int_equal(drv_r32(d, 0x14), 0);
	assert_int_equal(csts(d), 0);
	assert_int_equal(drv_r32(d, 0x0c), 0);
	assert_int_equal(drv_r32(d, 0x24), 0x001f001f);
	assert_int_equal(drv_r64(d, 0x28), asq);
	assert_int_equal(drv_r64(d, 0x30), acq);

	drv_enable(d);
	assert_int_equal(features(d, 0x0a, 0x01, 0, &now), 0);
	assert_int_equal(now, was);
	assert_int_equal(drv_admin(d, &del, 0, 0, NULL), 0x101); /* the I/O queues are gone */
	for (unsigned int i = 0; i < 4; i++) /* and the Asynchronous Event Requests: AERL + 1 fit */
		drv_submit(d, &d->admin, &aer);
	assert_false(drv_poll(d, &d->admin, &cqe));
	drv_free(d);
}

/* doorbells of a controller that is not enabled are not looked at */
static void test_disabled_doorbell(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cqe cqe;
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } };

	drv_w32(d, 0x1000, 1);
	drv_enable(d);
	drv_disable(d);
	drv_submit(d, &d->admin, &cmd);
	assert_false(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(csts(d), 0);
	drv_free(d);
}

static void test_shutdown(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } };
	struct drv_cqe cqe;

	s->slow = false;
	drv_start(d);
	drv_w32(d, 0x14, drv_r32(d, 0x14) | CC_SHN(1));
	assert_int_equal(s->flushes, 1);
	assert_int_equal(csts(d), CSTS_RDY | 2 << 2); /* complete */
	drv_submit(d, &d->admin, &cmd);
	assert_false(drv_poll(d, &d->admin, &cqe)); /* nothing is processed any more */
	assert_int_equal(csts(d), CSTS_RDY | 2 << 2);
	drv_w32(d, 0x14, drv_r32(d, 0x14) & ~CC_SHN(3));
	assert_int_equal(csts(d), CSTS_RDY | 2 << 2); /* only a reset ends it */

	drv_disable(d);
	assert_int_equal(csts(d), 0);
	drv_enable(d);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0);
	drv_w32(d, 0x14, drv_r32(d, 0x14) | CC_SHN(2)); /* abrupt */
	assert_int_equal(csts(d), CSTS_RDY | 2 << 2);
	drv_free(d);
	slow_free(s);
}

static void test_shutdown_waits(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } };
	struct drv_cqe cqe;

	drv_start(d);
	drv_w32(d, 0x14, drv_r32(d, 0x14) | CC_SHN(1));
	assert_int_equal(csts(d), CSTS_RDY | 1 << 2); /* occurring */
	drv_submit(d, &d->admin, &cmd);
	assert_false(drv_poll(d, &d->admin, &cqe));
	slow_finish(s);
	assert_int_equal(csts(d), CSTS_RDY | 2 << 2);

	/* a reset cuts one short: what finishes later says nothing about the next one */
	drv_disable(d);
	drv_enable(d);
	drv_w32(d, 0x14, drv_r32(d, 0x14) | CC_SHN(1));
	assert_int_equal(csts(d), CSTS_RDY | 1 << 2);
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(csts(d), CSTS_RDY);
	slow_finish(s);
	assert_int_equal(csts(d), CSTS_RDY);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0);

	/* and the power may go while one is occurring */
	drv_w32(d, 0x14, drv_r32(d, 0x14) | CC_SHN(1));
	drv_free(d);
	slow_finish(s);
	slow_free(s);
}

static void test_shutdown_disabled(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x18 } };

	drv_w32(d, 0x14, CC_SHN(1));
	assert_int_equal(csts(d), 2 << 2);
	drv_enable(d);
	assert_int_equal(csts(d), CSTS_RDY);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, NULL), 0);

	/* EN cleared and SHN set in one write: the reset, then the shutdown */
	drv_w32(d, 0x14, CC_SHN(1));
	assert_int_equal(csts(d), 2 << 2);
	sim_fn_reset(d->fn, SIM_RESET_FLR);
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_int_equal(csts(d), 0);
	drv_free(d);
}

/* a flush the store has begun outlives its queue and its controller */
static void test_reset_with_flush_pending(void **state)
{
	struct slow_store *s = slow_new(1 << 20);
	struct drv *d = slow_drv(s);
	struct drv_cmd flush = { .dw = { [0] = 0x00, [1] = 1 } };
	struct drv_cqe cqe;

	drv_start(d);
	drv_submit(d, &d->io, &flush);
	drv_submit(d, &d->io, &flush);
	assert_int_equal(s->n, 2);
	assert_false(drv_poll(d, &d->io, &cqe));
	drv_disable(d);
	drv_start(d);
	slow_finish(s);
	assert_false(drv_poll(d, &d->io, &cqe));

	drv_submit(d, &d->io, &flush);
	slow_finish(s);
	assert_true(drv_poll(d, &d->io, &cqe));
	assert_int_equal(cqe.status, 0);

	drv_submit(d, &d->io, &flush);
	drv_free(d);
	slow_finish(s);
	slow_free(s);
}

static int no_dma(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec, unsigned int n)
{
	return SIM_EFAULT;
}

static void test_subsystem_reset(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_params p;
	struct sim_fn *other;
	struct sim_msg msg;

	drv_params(&p);
	p.ctrl.dma.xfer = no_dma; /* it is never enabled */
	other = sim_fn_add(d->subsys, &p.ctrl, &msg);
	assert_non_null(other);
	sim_cfg_write(other, 0x04, 2, 0x0006);
	sim_mmio_write(other, 0, 0x24, 4, 0x00010001);

	drv_start(d);
	drv_w32(d, 0x20, NSSR_WORD);
	assert_int_equal(csts(d), CSTS_NSSRO);
	assert_int_equal(drv_r32(d, 0x14), 0);
	assert_int_equal(drv_r32(d, 0x24), 0);
	assert_int_equal(sim_mmio_read(other, 0, 0x1c, 4), CSTS_NSSRO);
	assert_int_equal(sim_mmio_read(other, 0, 0x24, 4), 0);

	/* it stays until it is cleared, and each controller has its own */
	drv_enable(d);
	assert_int_equal(csts(d), CSTS_NSSRO | CSTS_RDY);
	drv_w32(d, 0x1c, CSTS_NSSRO);
	assert_int_equal(csts(d), CSTS_RDY);
	assert_int_equal(sim_mmio_read(other, 0, 0x1c, 4), CSTS_NSSRO);
	drv_free(d);
}

/* any sequence of register writes and resets leaves registers that make sense */
static void test_any_sequence(void **state)
{
	struct drv *d = drv_new(NULL);
	uint64_t q = drv_alloc(d, 2 * DRV_PAGE);
	uint32_t seed = 1, cc, sts;

	for (unsigned int i = 0; i < 200000; i++) {
		seed = seed * 1664525 + 1013904223;
		switch (seed >> 28) {
		case 0:
			drv_w32(d, 0x14, seed & 0x00fffff1);
			break;
		case 1:
			sim_fn_reset(d->fn, SIM_RESET_FLR);
			sim_cfg_write(d->fn, 0x04, 2, 0x0006);
			break;
		case 2:
			drv_w32(d, 0x20, NSSR_WORD);
			break;
		case 3:
			drv_w32(d, 0x1c, seed);
			break;
		case 4:
			drv_w32(d, 0x24, 0x001f001f);
			drv_w64(d, 0x28, q);
			drv_w64(d, 0x30, q + DRV_PAGE);
			break;
		case 5:
			drv_w32(d, 0x14, drv_r32(d, 0x14) ^ CC_EN);
			break;
		case 6:
			drv_w32(d, 0x14, drv_r32(d, 0x14) ^ CC_SHN(1));
			break;
		default:
			drv_w32(d, 0x14, (drv_r32(d, 0x14) & CC_EN) | CC_ES);
			break;
		}
		cc = drv_r32(d, 0x14);
		sts = csts(d);
		assert_int_equal(sts & ~0x1fu, 0);
		if (!(cc & CC_EN))
			assert_int_equal(sts & (CSTS_RDY | CSTS_CFS), 0);
		else
			assert_true((sts & CSTS_RDY) != 0 || (sts & CSTS_CFS) != 0);
		assert_int_not_equal(sts & (CSTS_RDY | CSTS_CFS), CSTS_RDY | CSTS_CFS);
		assert_int_not_equal(sts & CSTS_SHST, 3 << 2);
	}
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enable),
		cmocka_unit_test(test_controller_reset),
		cmocka_unit_test(test_disabled_doorbell),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_shutdown_waits),
		cmocka_unit_test(test_shutdown_disabled),
		cmocka_unit_test(test_reset_with_flush_pending),
		cmocka_unit_test(test_subsystem_reset),
		cmocka_unit_test(test_any_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
