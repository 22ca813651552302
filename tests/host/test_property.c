/* SPDX-License-Identifier: MIT */
/*
 * test_property.c - registers through Fabrics Property Get and Set, in the forms nvme-cli sends.
 */
#include "fx.h"

#define OPC_FABRICS 0x7f
#define PROPERTY_SET 0
#define PROPERTY_GET 4
#define INVALID_FIELD 0x0002 /* exactly: no DNR, no More */

static long get(struct fx *f, uint32_t off, bool wide, uint64_t *val)
{
	struct nvme_passthru_cmd64 cmd = { .opcode = OPC_FABRICS, .nsid = PROPERTY_GET,
					   .cdw10 = wide, .cdw11 = off };
	long ret = fx_admin64(f, &cmd);

	*val = cmd.result;
	return ret;
}

static long set(struct fx *f, uint32_t off, bool wide, uint64_t val)
{
	struct nvme_passthru_cmd cmd = { .opcode = OPC_FABRICS, .nsid = PROPERTY_SET,
					 .cdw10 = wide, .cdw11 = off, .cdw12 = (uint32_t)val,
					 .cdw13 = (uint32_t)(val >> 32) };

	return fx_admin(f, &cmd);
}

static void get_all(void **state)
{
	struct fx *f = *state;
	uint64_t val, cap;

	assert_int_equal(get(f, NVME_REG_CAP, true, &cap), 0);
	assert_int_equal(cap & 0xffff, 0x7ff); /* MQES as configured */
	assert_int_equal(cap, sim_mmio_read(f->fn, 0, 0, 8));
	assert_int_equal(get(f, NVME_REG_CAP, false, &val), 0);
	assert_int_equal(val, cap & 0xffffffff);
	assert_int_equal(get(f, NVME_REG_CAP + 4, false, &val), 0);
	assert_int_equal(val, cap >> 32);
	assert_int_equal(get(f, NVME_REG_VS, false, &val), 0);
	assert_int_equal(val, 0x00020100);
	assert_int_equal(get(f, NVME_REG_CC, false, &val), 0);
	/* EN, IOSQES 6, IOCQES 4, and all command sets where CAP.CSS offers that */
	assert_int_equal(val & 1, 1);
	assert_int_equal(val >> 16 & 0xff, 0x46);
	assert_int_equal(val >> 4 & 7, cap >> 43 & 1 ? 6 : 0);
	assert_int_equal(get(f, NVME_REG_CSTS, false, &val), 0);
	assert_int_equal(val & 3, 1);
	assert_int_equal(get(f, NVME_REG_ASQ, true, &val), 0);
	assert_int_equal(val & 0xfff, 0);
	assert_int_not_equal(val, 0);
}

static void not_there(void **state)
{
	/* reserved, beyond, odd, doorbells, wrong width */
	static const struct {
		uint32_t off;
		bool wide;
	} bad[] = {
		{ 0x18, false }, { 0x18, true },   { 0x200, false },	   { 0xe20, false },
		{ 0x1000, false }, { 0x1004, false }, { 0xffffffff, false }, { 0x01, false },
		{ 0x08, true },	 { 0x14, true },   { 0x04, true },	   { 0x2c, true },
	};
	struct fx *f = *state;
	unsigned int i;
	uint64_t val;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(get(f, bad[i].off, bad[i].wide, &val), INVALID_FIELD);
		assert_int_equal(set(f, bad[i].off, bad[i].wide, 0), INVALID_FIELD);
	}
	assert_int_equal(set(f, NVME_REG_CAP, true, 0), INVALID_FIELD); /* read only */
	assert_int_equal(set(f, NVME_REG_VS, false, 0), INVALID_FIELD);
	assert_int_equal(fx_identify(f), 0);
}

/* 8-byte registers in one piece and in halves; the driver brings the controller back */
static void set_asq(void **state)
{
	struct fx *f = *state;
	uint64_t val;

	assert_int_equal(set(f, NVME_REG_CC, false, 0), 0);
	assert_int_equal(set(f, NVME_REG_ASQ, true, 0x123456789000), 0);
	assert_int_equal(get(f, NVME_REG_ASQ, true, &val), 0);
	assert_int_equal(val, 0x123456789000);
	assert_int_equal(set(f, NVME_REG_ASQ + 4, false, 0x77), 0);
	assert_int_equal(get(f, NVME_REG_ASQ, true, &val), 0);
	assert_int_equal(val, 0x7756789000);
	host_run(f->dev);
	assert_int_equal(fx_identify(f), 0);
}

/* a controller disabled behind the driver's back is noticed and brought back */
static void set_cc(void **state)
{
	struct fx *f = *state;
	uint64_t cc, val;

	assert_int_equal(get(f, NVME_REG_CC, false, &cc), 0);
	assert_int_equal(set(f, NVME_REG_CC, false, cc & ~1ull), 0);
	assert_int_equal(get(f, NVME_REG_CSTS, false, &val), 0);
	assert_int_equal(val & 1, 0);
	host_run(f->dev);
	assert_int_equal(get(f, NVME_REG_CSTS, false, &val), 0);
	assert_int_equal(val & 1, 1);
	assert_int_equal(fx_identify(f), 0);
}

static void where(void **state)
{
	struct fx *f = *state;
	struct nvme_passthru_cmd64 cmd = { .opcode = OPC_FABRICS, .nsid = PROPERTY_GET,
					   .cdw11 = NVME_REG_VS };
	struct nvme_passthru_cmd narrow = { .opcode = OPC_FABRICS, .nsid = PROPERTY_GET,
					    .cdw11 = NVME_REG_VS };
	uint64_t arg = fx_put(f, &cmd, sizeof(cmd));

	/* on a namespace's node the controller is asked, and has no such command */
	assert_int_equal(SC(fx_ioctl(f, 1, NVME_IOCTL_ADMIN64_CMD, arg)), 0x001);
	/* other Fabrics commands too: Connect */
	cmd.nsid = 1;
	assert_int_equal(SC(fx_admin64(f, &cmd)), 0x001);
	/* the 32-bit ioctl gives the lower half */
	assert_int_equal(fx_admin(f, &narrow), 0);
	assert_int_equal(narrow.result, 0x00020100);
	f->client.cl.privileged = false;
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_ADMIN64_CMD, arg), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(get_all, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(not_there, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(set_asq, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(set_cc, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(where, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
