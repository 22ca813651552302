/* SPDX-License-Identifier: MIT */
/*
 * test_allowed.c - what callers without CAP_SYS_ADMIN may send, as Linux's nvme_cmd_allowed().
 */
#include "fx.h"

enum answer { YES, WRITABLE, NO }; /* WRITABLE: with a descriptor open for writing */

static const struct {
	bool admin;
	uint8_t opcode;
	uint8_t cdw10;
	enum answer answer;
} table[] = {
	{ true, 0x06, 0x00, YES },  /* Identify Namespace */
	{ true, 0x06, 0x01, YES },  /* Identify Controller */
	{ true, 0x06, 0x05, YES },  /* I/O command set specific, namespace */
	{ true, 0x06, 0x06, YES },  /* I/O command set specific, controller */
	{ true, 0x06, 0x08, YES },  /* I/O command set independent, namespace */
	{ true, 0x06, 0x02, NO },   /* namespace list */
	{ true, 0x06, 0x03, NO },   /* descriptors */
	{ true, 0x02, 0x02, NO },   /* Get Log Page */
	{ true, 0x0a, 0x07, NO },   /* Get Features */
	{ true, 0x09, 0x07, NO },   /* Set Features */
	{ true, 0x0c, 0x00, NO },   /* Asynchronous Event Request */
	{ true, 0x00, 0x01, NO },   /* Delete I/O Submission Queue */
	{ true, 0x7f, 0x00, NO },   /* Fabrics */
	{ true, 0x0d, 0x00, NO },   /* Namespace Management */
	{ true, 0x15, 0x00, NO },   /* Namespace Attachment */
	{ true, 0x80, 0x00, NO },   /* Format NVM */
	{ true, 0x86, 0x00, NO },   /* Get LBA Status */
	{ true, 0xc0, 0x00, NO },   /* vendor specific */
	{ false, 0x00, 0, YES },    /* Flush */
	{ false, 0x02, 0, YES },    /* Read */
	{ false, 0x01, 0, WRITABLE }, /* Write */
	{ false, 0x05, 0, WRITABLE }, /* Compare: data to the controller */
	{ false, 0x08, 0, WRITABLE }, /* Write Zeroes: changes blocks */
	{ false, 0x09, 0, WRITABLE }, /* Dataset Management: likewise */
	{ false, 0x04, 0, WRITABLE }, /* Write Uncorrectable: likewise */
	{ false, 0x0c, 0, YES },      /* Verify */
	{ false, 0x0e, 0, YES },      /* Reservation Report */
	{ false, 0x0d, 0, WRITABLE }, /* Reservation Register: data to the controller */
	{ false, 0x11, 0, WRITABLE }, /* Reservation Acquire */
	{ false, 0x15, 0, WRITABLE }, /* Reservation Release */
	{ false, 0x19, 0, WRITABLE }, /* Copy */
	{ false, 0x1f, 0, NO },	      /* not in the effects log */
	{ false, 0x7f, 0, NO },
	{ false, 0x80, 0, NO },
	{ false, 0xff, 0, NO },
};

static long send(struct fx *f, unsigned int i)
{
	uint64_t brk = f->brk, buf = fx_alloc(f, 4096), arg;
	struct nvme_passthru_cmd cmd = { .opcode = table[i].opcode,
					 .nsid = 1,
					 .addr = buf,
					 .data_len = table[i].admin ? 4096 : FX_BLOCK,
					 .cdw10 = table[i].cdw10 };
	long ret;

	memset(fx_ptr(f, buf), 0, 4096);
	arg = fx_put(f, &cmd, sizeof(cmd));
	ret = fx_ioctl(f, 1, table[i].admin ? NVME_IOCTL_ADMIN_CMD : NVME_IOCTL_IO_CMD, arg);
	f->brk = brk;
	return ret;
}

static void unprivileged(void **state)
{
	struct fx *f = *state;
	unsigned int i, writable;

	f->client.cl.privileged = false;
	for (writable = 0; writable < 2; writable++) {
		f->client.cl.writable = writable;
		for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			bool ok = table[i].answer == YES ||
				  (table[i].answer == WRITABLE && writable);
			long ret = send(f, i);

			if ((ret != -EACCES) != ok)
				fail_msg("%s opcode %02x, cdw10 %02x, writable %u: %ld",
					 table[i].admin ? "admin" : "I/O", table[i].opcode,
					 table[i].cdw10, writable, ret);
		}
	}
}

/* the effects log is read again after a reset */
static void after_reset(void **state)
{
	struct fx *f = *state;

	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), 0);
	unprivileged(state);
}

/* capable: anything, whatever the descriptor was opened for */
static void privileged(void **state)
{
	struct fx *f = *state;
	unsigned int i;

	f->client.cl.writable = false;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].admin && (table[i].opcode == 0x0c || table[i].opcode == 0x00))
			continue; /* never ends; ends a queue */
		assert_int_not_equal(send(f, i), -EACCES);
	}
}

static void submit_io(void **state)
{
	struct fx *f = *state;
	struct nvme_user_io io = { .opcode = 1, .addr = fx_alloc(f, 4096) };
	uint64_t arg = fx_put(f, &io, sizeof(io));

	f->client.cl.privileged = f->client.cl.writable = false;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg), -EACCES);
	((struct nvme_user_io *)fx_ptr(f, arg))->opcode = 2;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_SUBMIT_IO, arg), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unprivileged, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(after_reset, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(privileged, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(submit_io, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
