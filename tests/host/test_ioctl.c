/* SPDX-License-Identifier: MIT */
/*
 * test_ioctl.c - every ioctl on every kind of node, and the order in which errors are found, as
 * linux/drivers/nvme/host/ioctl.c has them.
 */
#include "fx.h"

#define UNKNOWN_OPCODE 0x1f
#define INVALID_OPCODE_DNR 0x4001
#define WITHOUT_MORE(status) ((status) & ~0x2000)

static const struct {
	unsigned int cmd;
	long on_ctrl, on_ns; /* with an argument that is not mapped */
} rows[] = {
	{ NVME_IOCTL_ID, -ENOTTY, 1 },
	{ NVME_IOCTL_ADMIN_CMD, -EFAULT, -EFAULT },
	{ NVME_IOCTL_SUBMIT_IO, -ENOTTY, -EFAULT },
	{ NVME_IOCTL_IO_CMD, -EFAULT, -EFAULT },
	{ NVME_IOCTL_RESET, 0, -ENOTTY },
	{ NVME_IOCTL_SUBSYS_RESET, 0, -ENOTTY },
	{ NVME_IOCTL_RESCAN, 0, 0 },
	{ NVME_IOCTL_ADMIN64_CMD, -EFAULT, -EFAULT },
	{ NVME_IOCTL_IO64_CMD, -ENOTTY, -EFAULT },
	{ NVME_IOCTL_IO64_CMD_VEC, -ENOTTY, -EFAULT },
	{ NVME_URING_CMD_IO, -ENOTTY, -ENOTTY },
	{ _IO('N', 0x4f), -ENOTTY, -ENOTTY },
	{ _IOWR('N', 0x41, struct nvme_user_io), -ENOTTY, -ENOTTY }, /* another size */
	{ 0x5401 /* TCGETS */, -ENOTTY, -ENOTTY },
};

static void numbers_and_nodes(void **state)
{
	struct fx *f = *state;
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(fx_ioctl(f, 0, rows[i].cmd, 0), rows[i].on_ctrl);
		assert_int_equal(fx_ioctl(f, 1, rows[i].cmd, 0), rows[i].on_ns);
		assert_int_equal(fx_identify(f), 0);
	}
}

static void identify(void **state)
{
	struct fx *f = *state;
	uint64_t buf = fx_alloc(f, 4096);
	struct nvme_passthru_cmd cmd = { .opcode = 0x06, .addr = buf, .data_len = 4096,
					 .cdw10 = 1, .result = 0x55 };
	struct nvme_id_ctrl *id = fx_ptr(f, buf);

	assert_int_equal(fx_admin(f, &cmd), 0);
	assert_memory_equal(id->sn, "fx0001              ", 20);
	assert_int_equal(cmd.result, 0); /* copied back: it was something else */
	/* on a namespace's node too, and nsid is not forced */
	memset(id, 0, sizeof(*id));
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_ADMIN_CMD, fx_put(f, &cmd, sizeof(cmd))), 0);
	assert_memory_equal(id->mn, "fixture drive", 13);
}

/* the status field of the completion, as the caller sees it */
static void nvme_status(void **state)
{
	struct fx *f = *state;
	struct nvme_passthru_cmd cmd = { .opcode = UNKNOWN_OPCODE, .result = 7 };

	assert_int_equal(WITHOUT_MORE(fx_admin(f, &cmd)), INVALID_OPCODE_DNR);
	assert_int_equal(cmd.result, 0); /* also for an error */
	cmd = (struct nvme_passthru_cmd){ .opcode = UNKNOWN_OPCODE, .nsid = 1 };
	assert_int_equal(WITHOUT_MORE(fx_io(f, 1, &cmd)), INVALID_OPCODE_DNR);
}

static void results(void **state)
{
	struct fx *f = *state;
	/* Get Features - Number of Queues: dword 0 is what was allocated */
	struct nvme_passthru_cmd cmd = { .opcode = 0x0a, .cdw10 = 0x07 };
	struct nvme_passthru_cmd64 cmd64 = { .opcode = 0x0a, .cdw10 = 0x07,
					     .result = 0x1234567800000000 };

	assert_int_equal(fx_admin(f, &cmd), 0);
	assert_int_equal(cmd.result, 0x00010001); /* two pairs were asked for */
	assert_int_equal(fx_admin64(f, &cmd64), 0);
	assert_int_equal(cmd64.result, 0x00010001);
	/* an equal result is not written again */
	f->client.writes = 0;
	assert_int_equal(fx_admin(f, &cmd), 0);
	assert_int_equal(f->client.writes, 0);
	cmd.result = 1;
	assert_int_equal(fx_admin(f, &cmd), 0);
	assert_int_equal(f->client.writes, 1);
	assert_int_equal(cmd.result, 0x00010001);
}

static void result_unwritable(void **state)
{
	struct fx *f = *state;
	struct nvme_passthru_cmd cmd = { .opcode = 0x0a, .cdw10 = 0x07 };
	/* the structure straddles into a hole, but the kernel reads it whole: so EFAULT at once */
	uint64_t page = fx_alloc(f, 8192), arg = page + 4096 - 68;

	memcpy(fx_ptr(f, arg), &cmd, sizeof(cmd));
	f->client.hole = page + 4096;
	f->client.hole_end = page + 8192;
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_ADMIN_CMD, arg), -EFAULT);
}

/* flags, then nsid, then permission, then buffers */
static void order_of_errors(void **state)
{
	struct fx *f = *state;
	struct nvme_passthru_cmd64 cmd = { .opcode = 0x80, .flags = 1, .nsid = 9,
					   .metadata = 0x10, .metadata_len = 8, .addr = 0x10,
					   .data_len = 512 };
	uint64_t arg = fx_put(f, &cmd, sizeof(cmd));
	struct nvme_passthru_cmd64 *c = fx_ptr(f, arg);

	f->client.cl.privileged = false;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD, arg), -EINVAL);
	c->flags = 0;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD, arg), -EINVAL); /* nsid */
	c->nsid = 1;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD, arg), -EACCES);
	f->client.cl.privileged = true;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD, arg), -EINVAL); /* metadata */
	c->metadata_len = 0;
	assert_int_equal(WITHOUT_MORE(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD, arg)),
			 INVALID_OPCODE_DNR);
	/* reserved fields are not looked at */
	c->rsvd1 = 0xffff;
	c->rsvd2 = 0xffffffff;
	assert_int_equal(WITHOUT_MORE(fx_ioctl(f, 1, NVME_IOCTL_IO64_CMD, arg)),
			 INVALID_OPCODE_DNR);
	/* metadata on the admin queue */
	c->metadata_len = 8;
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_ADMIN64_CMD, arg), -EINVAL);
}

static void io_on_controller_node(void **state)
{
	static const struct fx_params two = { .nr_ns = 2 }, none = { .no_ns = true };
	struct nvme_passthru_cmd flush = { .opcode = 0, .nsid = 1 };
	struct fx *f;

	assert_int_equal(fx_io(*state, 0, &flush), 0);
	flush.nsid = 2;
	assert_int_equal(fx_io(*state, 0, &flush), -EINVAL);

	f = fx_new(&two);
	/* before the argument is read */
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_IO_CMD, 0), -EINVAL);
	assert_int_equal(fx_io(f, 2, &flush), 0);
	fx_free(f);
	f = fx_new(&none);
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_IO_CMD, 0), -ENOTTY);
	fx_free(f);
}

static void submit_io(void **state)
{
	struct fx *f = *state;
	uint64_t buf = fx_alloc(f, 8192), arg;
	struct nvme_user_io io = { .opcode = 1, .nblocks = 7, .addr = buf, .slba = 16 }, *p;
	unsigned int i;

	for (i = 0; i < 4096; i++)
		((uint8_t *)fx_ptr(f, buf))[i] = (uint8_t)(i * 7 + i / 256);
	arg = fx_put(f, &io, sizeof(io));
	p = fx_ptr(f, arg);
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg), 0);
	p->opcode = 5; /* Compare */
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg), 0);
	p->opcode = 2;
	p->addr = buf + 4096;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg), 0);
	assert_memory_equal(fx_ptr(f, buf), fx_ptr(f, buf + 4096), 4096);

	p->opcode = 8; /* Write Zeroes is not for this ioctl */
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg), -EINVAL);
	p->opcode = 2;
	p->flags = 1;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg), -EINVAL);
	p->flags = 0;
	p->control = 0x2000; /* PRACT: no metadata pointer then */
	p->metadata = buf;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg), -EINVAL);
	p->control = 0;
	p->metadata = 0;
	p->addr = 0x10;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg), -EFAULT);
	p->addr = buf;
	p->slba = FX_NS_BYTES / FX_BLOCK;
	/* LBA out of range */
	assert_int_equal(SC(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg)), 0x80);
}

/* a 32-bit caller: pointers are truncated, and its struct nvme_user_io is 44 bytes */
static void compat(void **state)
{
	struct fx *f = *state;
	uint64_t buf = fx_alloc(f, 4096), high = 0xdead00000000;
	struct nvme_passthru_cmd cmd = { .opcode = 0x06, .addr = buf | high, .data_len = 4096,
					 .cdw10 = 1 };
	struct nvme_user_io io = { .opcode = 2, .addr = buf | high };
	unsigned int short_io = _IOC(_IOC_WRITE, 'N', 0x42, 44);

	assert_int_equal(fx_ioctl(f, 1, short_io, fx_put(f, &io, 44)), -ENOTTY);
	f->client.cl.compat = true;
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_ADMIN_CMD,
				  fx_put(f, &cmd, sizeof(cmd)) | high), 0);
	assert_memory_equal((char *)fx_ptr(f, buf) + 4, "fx0001", 6);
	assert_int_equal(fx_ioctl(f, 1, short_io, fx_put(f, &io, 44)), 0);
}

static void privileged_ioctls(void **state)
{
	struct fx *f = *state;

	f->client.cl.privileged = false;
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), -EACCES);
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_SUBSYS_RESET, 0), -EACCES);
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESCAN, 0), -EACCES);
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_RESCAN, 0), -EACCES);
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_ID, 0), 1);
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_RESET, 0), -ENOTTY); /* before permission */
}

static void info(void **state)
{
	struct fx *f = *state;
	struct host_ns_info ns;
	struct host_info i;

	host_dev_info(f->dev, &i);
	assert_string_equal(i.sn, "fx0001");
	assert_string_equal(i.mn, "fixture drive");
	assert_string_equal(i.fr, "1.0");
	assert_string_equal(i.subnqn, "nqn.2019-08.org.example:fx");
	assert_string_equal(i.state, "live");
	assert_int_equal(i.nr_io_queues, 2);
	assert_int_equal(i.cntlid, sim_fn_cntlid(f->fn));
	assert_int_equal(host_ns_info(f->dev, 1, &ns), 0);
	assert_int_equal(ns.nsze, FX_NS_BYTES / FX_BLOCK);
	assert_int_equal(ns.lba_size, FX_BLOCK);
	assert_int_equal(host_ns_info(f->dev, 2, &ns), -ENOENT);
}

static void sync_helpers(void **state)
{
	struct fx *f = *state;
	struct nvme_id_ctrl id;
	struct nvme_passthru_cmd64 cmd = { .opcode = 0x06, .addr = (uintptr_t)&id,
					   .data_len = sizeof(id), .cdw10 = 1 };

	assert_int_equal(host_admin_sync(f->dev, &cmd), 0);
	assert_memory_equal(id.sn, "fx0001", 6);
	cmd = (struct nvme_passthru_cmd64){ .opcode = 0x00, .nsid = 1 };
	assert_int_equal(host_io_sync(f->dev, &cmd), 0);
	cmd.opcode = UNKNOWN_OPCODE;
	assert_int_equal(WITHOUT_MORE(host_io_sync(f->dev, &cmd)), INVALID_OPCODE_DNR);
	/* one that does not end by itself */
	cmd = (struct nvme_passthru_cmd64){ .opcode = 0x0c, .timeout_ms = 20 };
	assert_int_equal(host_admin_sync(f->dev, &cmd), -EINTR);
}

/* what the function has decides, down to one queue of one command and one vector */
static void small_functions(void **state)
{
	static const struct {
		struct fx_params p;
		unsigned int queues;
	} cases[] = {
		{ { .max_ioqpairs = 1, .nr_io_queues = 8 }, 1 },
		{ { .max_ioqpairs = 8, .nr_io_queues = 8, .msix_qsize = 3 }, 8 },
		{ { .max_ioqpairs = 2, .nr_io_queues = 2, .msix_qsize = 1, .mqes = 1 }, 2 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fx *f = fx_new(&cases[i].p);
		uint64_t buf = fx_alloc(f, 4096);
		struct host_info inf;
		unsigned int n;

		host_dev_info(f->dev, &inf);
		assert_int_equal(inf.nr_io_queues, cases[i].queues);
		for (n = 0; n < 300; n++) /* the rings wrap */
			assert_int_equal(fx_rw(f, n & 1 ? 1 : 2, n, 8, buf, 4096), 0);
		fx_free(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_and_nodes, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(identify, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(nvme_status, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(results, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(result_unwritable, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(order_of_errors, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(io_on_controller_node, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(submit_io, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(compat, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(privileged_ioctls, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(info, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(sync_helpers, fx_setup, fx_teardown),
		cmocka_unit_test(small_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
