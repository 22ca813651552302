/* SPDX-License-Identifier: MIT */
/*
 * test_dispatch.c - the checks every command shares, and what becomes of its status.
 */
#include "drv.h"
#include "../../store/store.h"

#define DNR 0x4000
#define MORE 0x2000

static uint16_t status_of(struct drv *d, struct drv_queue *q, struct drv_cmd *cmd)
{
	struct drv_cqe cqe;

	drv_exec(d, q, cmd, &cqe);
	return cqe.status;
}

static uint16_t io(struct drv *d, uint8_t opcode, uint8_t flags, uint32_t nsid)
{
	struct drv_cmd cmd = { .dw = { [0] = opcode | (uint32_t)flags << 8, [1] = nsid } };
	uint64_t buf = drv_alloc(d, 4096);

	drv_prps(d, &cmd, buf, 512);
	return status_of(d, &d->io, &cmd);
}

static uint16_t admin(struct drv *d, uint8_t opcode, uint8_t flags, uint32_t nsid, uint32_t cdw10)
{
	struct drv_cmd cmd = {
		.dw = { [0] = opcode | (uint32_t)flags << 8, [1] = nsid, [10] = cdw10 }
	};
	uint64_t buf = drv_alloc(d, 4096);

	drv_prps(d, &cmd, buf, 4096);
	return status_of(d, &d->admin, &cmd);
}

static void test_opcodes(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_start(d);
	assert_int_equal(admin(d, 0xff, 0, 0, 0), 0x001 | DNR | MORE);
	assert_int_equal(admin(d, 0x03, 0, 0, 0), 0x001 | DNR | MORE);
	assert_int_equal(admin(d, 0x7f, 0, 0, 0), 0x001 | DNR | MORE); /* Fabrics: not over PCIe */
	assert_int_equal(io(d, 0xff, 0, 1), 0x001 | DNR | MORE);
	assert_int_equal(io(d, 0x79, 0, 1), 0x001 | DNR | MORE); /* a zoned namespace's */
	drv_free(d);
}

static void test_flags(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_start(d);
	assert_int_equal(io(d, 0x02, 1, 1), 0x002 | DNR | MORE); /* fused */
	assert_int_equal(io(d, 0x02, 2, 1), 0x002 | DNR | MORE);
	assert_int_equal(io(d, 0x02, 0xc0, 1), 0x002 | DNR | MORE); /* PSDT 11b */
	assert_int_equal(admin(d, 0x18, 1, 0, 0), 0x002 | DNR | MORE);
	assert_int_equal(admin(d, 0x18, 0x40, 0, 0), 0x002 | DNR | MORE);
	assert_int_equal(admin(d, 0x18, 0x80, 0, 0), 0x002 | DNR | MORE);
	assert_int_equal(admin(d, 0x18, 0, 0, 0), 0);
	drv_free(d);
}

/* NVMe Base 2.1, 3.2.1: an invalid NSID is one thing, an inactive one another */
static void test_nsid(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_start(d);
	assert_int_equal(io(d, 0x02, 0, 0), 0x00b | DNR | MORE);
	assert_int_equal(io(d, 0x02, 0, SIM_NN + 1), 0x00b | DNR | MORE);
	assert_int_equal(io(d, 0x02, 0, 0xfffffffe), 0x00b | DNR | MORE);
	assert_int_equal(io(d, 0x02, 0, 0xffffffff), 0x00b | DNR | MORE);
	assert_int_equal(io(d, 0x02, 0, 2), 0x002 | DNR | MORE);
	assert_int_equal(io(d, 0x02, 0, SIM_NN), 0x002 | DNR | MORE);
	assert_int_equal(io(d, 0x02, 0, 1), 0);
	/* Flush takes all of them at once */
	assert_int_equal(io(d, 0x00, 0, 0xffffffff), 0);
	assert_int_equal(io(d, 0x00, 0, 0), 0x00b | DNR | MORE);
	assert_int_equal(io(d, 0x00, 0, 2), 0x002 | DNR | MORE);
	drv_free(d);
}

/* commands that ask: the bare status, as nvme-cli compares it whole */
static void test_query(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_start(d);
	assert_int_equal(admin(d, 0x06, 0, 0, 0xff), 0x002);			  /* CNS */
	assert_int_equal(admin(d, 0x02, 0, 0xffffffff, 15u << 16 | 0xef), 0x109); /* LID */
	assert_int_equal(admin(d, 0x0a, 0, 0, 0xef), 0x002);			  /* FID */
	/* one that changes something does say how it is meant */
	assert_int_equal(admin(d, 0x09, 0, 0, 0xef) & DNR, DNR);
	drv_free(d);
}

/* errors that may pass are not marked as final */
static void test_retryable(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd aer = { .dw = { [0] = 0x0c } }, cmd = { .dw = { [0] = 0x02, [1] = 1 } };

	drv_start(d);
	assert_int_equal(status_of(d, &d->io, &cmd), 0x004 | MORE); /* PRP1 is 0 */
	for (unsigned int i = 0; i < 4; i++)
		drv_submit(d, &d->admin, &aer);
	assert_int_equal(status_of(d, &d->admin, &aer), 0x105 | MORE);
	drv_free(d);
}

/* what fails is in the error log, with where */
static void test_error_log(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd log = { .dw = { [0] = 0x02, [10] = 31u << 16 | 0x01 } };
	struct drv_cmd bad = { .dw = { [0] = 0xff, [1] = 0x1234 } };
	uint64_t buf;
	struct nvme_error_log_page *e;
	struct drv_cqe cqe;
	uint16_t cid;

	drv_start(d);
	buf = drv_alloc(d, 4096);
	e = drv_ptr(d, buf);
	assert_int_equal(admin(d, 0x06, 0, 0, 0xff), 0x002); /* a question's error is there, too */
	cid = drv_submit(d, &d->io, &bad);
	assert_true(drv_poll(d, &d->io, &cqe));
	assert_int_equal(drv_admin(d, &log, buf, 128, NULL), 0);
	assert_int_equal(e[0].sqid, 1);
	assert_int_equal(e[0].cmdid, cid);
	assert_int_equal(e[0].status_field >> 1, cqe.status);
	assert_int_equal(e[0].parm_error_location, 0); /* byte 0: the opcode */
	assert_int_equal(e[0].nsid, 0x1234);
	assert_int_equal(e[1].sqid, 0);
	assert_int_equal(e[1].status_field >> 1, 0x002);
	assert_int_equal(e[0].error_count, e[1].error_count + 1);
	drv_free(d);
}

static void test_read_only(void **state)
{
	struct drv_params p;
	struct drv *d;
	struct sim_msg msg;
	struct sim_store *ro = store_ram_new(1 << 20, &msg);

	assert_non_null(ro);
	ro->readonly = true;
	drv_params(&p);
	p.ns.store = ro;
	p.ns_bytes = ro->size;
	d = drv_new(&p);
	drv_start(d);
	assert_int_equal(io(d, 0x01, 0, 1), 0x182 | DNR | MORE);
	assert_int_equal(io(d, 0x08, 0, 1), 0x182 | DNR | MORE);
	assert_int_equal(io(d, 0x09, 0, 1), 0); /* no attribute: nothing is changed */
	assert_int_equal(io(d, 0x02, 0, 1), 0);
	assert_int_equal(io(d, 0x00, 0, 1), 0);
	drv_free(d);
	store_free(ro);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opcodes),	  cmocka_unit_test(test_flags),
		cmocka_unit_test(test_nsid),	  cmocka_unit_test(test_query),
		cmocka_unit_test(test_retryable), cmocka_unit_test(test_error_log),
		cmocka_unit_test(test_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
