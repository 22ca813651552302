/* SPDX-License-Identifier: MIT */
/*
 * test_reset.c - RESET, SUBSYS_RESET, controllers that fail and controllers that are lost.
 */
#include "fx.h"

#include <unistd.h>

#define FID_ARBITRATION 0x01

static const char *dev_state(struct fx *f)
{
	static struct host_info info;

	host_dev_info(f->dev, &info);
	return info.state;
}

static void set_cc(struct fx *f, uint32_t cc)
{
	sim_mmio_write(f->fn, 0, NVME_REG_CC, 4, cc);
}

static void reset(void **state)
{
	struct fx *f = *state;
	struct nvme_passthru_cmd set = { .opcode = 0x09, .cdw10 = FID_ARBITRATION, .cdw11 = 3 };
	struct nvme_passthru_cmd get = { .opcode = 0x0a, .cdw10 = FID_ARBITRATION };
	uint64_t a = fx_alloc(f, 4096);
	unsigned int changes = f->changes, i;
	struct fx_call aer;

	assert_int_equal(fx_admin(f, &set), 0);
	memset(fx_ptr(f, a), 0x5a, 4096);
	assert_int_equal(fx_rw(f, 1, 0, 8, a, 4096), 0);
	fx_aer(f, &aer, 0);
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), 0);
	assert_int_equal(aer.done, 1); /* when RESET returns, what was in flight has ended */
	assert_int_equal(aer.ret, -EINTR);
	assert_int_equal(f->changes, changes + 1); /* and the namespaces were looked for */
	assert_string_equal(dev_state(f), "live");
	assert_int_equal(fx_admin(f, &get), 0);
	assert_int_not_equal(get.result & 7, 3); /* a feature is back at its default */
	memset(fx_ptr(f, a), 0, 4096);
	assert_int_equal(fx_rw(f, 2, 0, 8, a, 4096), 0);
	assert_int_equal(*(uint8_t *)fx_ptr(f, a + 4095), 0x5a); /* data is not */
	for (i = 0; i < 50; i++)
		assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), 0);
	assert_int_equal(fx_identify(f), 0);
}

static void subsystem_reset(void **state)
{
	struct fx *f = *state;
	uint64_t cap = sim_mmio_read(f->fn, 0, NVME_REG_CAP, 8);
	struct fx_call aer;

	assert_int_equal(cap >> 36 & 1, 1); /* the core has NVM Subsystem Reset */
	fx_aer(f, &aer, 0);
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_SUBSYS_RESET, 0), 0);
	assert_int_equal(aer.ret, -EINTR);
	assert_int_equal(sim_mmio_read(f->fn, 0, NVME_REG_CSTS, 4) & 0x11, 1); /* NSSRO cleared */
	assert_int_equal(fx_identify(f), 0);
	assert_int_equal(fx_rw(f, 2, 0, 8, fx_alloc(f, 4096), 4096), 0);
}

/* somebody else resets the subsystem, or the function: the driver finds out */
static void reset_from_outside(void **state)
{
	struct fx *f = *state;
	struct fx_call aer;

	sim_mmio_write(f->fn, 0, NVME_REG_NSSR, 4, 0x4e564d65);
	host_run(f->dev);
	assert_int_equal(fx_identify(f), 0);

	fx_aer(f, &aer, 0);
	sim_fn_reset(f->fn, SIM_RESET_FLR);
	host_run(f->dev);
	assert_int_equal(aer.ret, -EINTR);
	assert_int_equal(fx_identify(f), 0);
	/* configuration space too */
	sim_fn_reset(f->fn, SIM_RESET_CONVENTIONAL);
	host_run(f->dev);
	assert_int_equal(fx_identify(f), 0);
	assert_int_equal(fx_rw(f, 2, 0, 8, fx_alloc(f, 4096), 4096), 0);
}

/* a command that finds the controller disabled does not wait for its timeout */
static void noticed_by_a_command(void **state)
{
	struct fx *f = *state;
	uint64_t start = fx_now_ms();
	struct nvme_passthru_cmd cmd = { .opcode = 0x06, .cdw10 = 1, .data_len = 4096,
					 .addr = fx_alloc(f, 4096) };
	struct fx_call c;

	set_cc(f, 0);
	fx_start(f, &c, 0, NVME_IOCTL_ADMIN_CMD, fx_put(f, &cmd, sizeof(cmd)));
	assert_int_equal(c.done, 0);
	assert_int_not_equal(f->armed, UINT64_MAX);
	assert_int_equal(fx_wait(f, &c), -EINTR);
	assert_in_range(fx_now_ms() - start, 0, 5000);
	assert_int_equal(fx_identify(f), 0);
}

/* no reset brings it back: the device is dead, and says so at once */
static void death(void **state)
{
	struct fx *f = *state;
	struct fx_call aer, waiting;
	uint64_t start = fx_now_ms();

	fx_aer(f, &aer, 0);
	f->dma_dead = true;
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), -ENETRESET);
	assert_int_equal(aer.ret, -EINTR);
	assert_string_equal(dev_state(f), "dead");
	fx_aer(f, &waiting, 0);
	assert_int_equal(waiting.ret, -ENODEV);
	assert_int_equal(fx_identify(f), -ENODEV);
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), -ENODEV);
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_ID, 0), 1);
	assert_in_range(fx_now_ms() - start, 0, 5000);
}

/* a controller that is enabled and never answers: probing ends all the same */
static void probe_fails(void **state)
{
	struct fx *f = *state;
	struct host_params hp = { .nr_io_queues = 2, .admin_timeout_ms = 100 };
	struct host_dev *dev = host_dev_alloc(&hp);
	struct sim_msg msg = { "" };

	/* the function's ports are another driver's: nothing this one puts anywhere arrives */
	assert_true(host_dev_probe(dev, f->fn, &msg) < 0);
	assert_string_not_equal(msg.text, "");
	host_dev_free(dev);
	host_run(f->dev); /* and the first one takes its controller back */
	assert_int_equal(fx_identify(f), 0);
}

/* ---- several threads --------------------------------------------------------------------- */

struct blocked {
	struct fx *f;
	struct fx_call c;
	uint64_t arg;
};

static void *run_blocked(void *arg)
{
	struct blocked *b = arg;

	fx_start(b->f, &b->c, 1, NVME_IOCTL_IO_CMD, b->arg);
	return NULL;
}

/* the device is in the middle of the client's memory when the call is given up: done() comes only
 * after that, as the memory is the client's again then */
static void *run_cancel(void *arg)
{
	struct blocked *b = arg;

	host_cancel(&b->c.call);
	return NULL;
}

static void cancel_during_copy(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 4096);
	struct nvme_passthru_cmd cmd = { .opcode = 1, .nsid = 1, .addr = a, .data_len = 512 };
	struct blocked b = { .f = f, .arg = fx_put(f, &cmd, sizeof(cmd)) };
	pthread_t thread, canceller;

	f->client.slow = a;
	assert_int_equal(pthread_create(&thread, NULL, run_blocked, &b), 0);
	sem_wait(&f->client.entered);
	assert_int_equal(pthread_create(&canceller, NULL, run_cancel, &b), 0);
	usleep(20000);
	assert_int_equal(b.c.done, 0);
	f->client.slow = 0;
	sem_post(&f->client.go);
	pthread_join(thread, NULL);
	pthread_join(canceller, NULL);
	assert_int_equal(b.c.done, 1);
	assert_true(b.c.ret == -EINTR || b.c.ret == 0);
	assert_int_equal(fx_identify(f), 0);
}

static void *run_reset(void *arg)
{
	struct blocked *b = arg;

	fx_start(b->f, &b->c, 0, NVME_IOCTL_RESET, 0);
	return NULL;
}

/* a reset while another thread's command is being carried out; a second reset is busy */
static void reset_during_copy(void **state)
{
	struct fx *f = *state;
	uint64_t a = fx_alloc(f, 4096);
	struct nvme_passthru_cmd cmd = { .opcode = 1, .nsid = 1, .addr = a, .data_len = 512 };
	struct blocked io = { .f = f, .arg = fx_put(f, &cmd, sizeof(cmd)) }, rst = { .f = f };
	pthread_t io_thread, rst_thread;
	struct fx_call c;

	f->client.slow = a;
	assert_int_equal(pthread_create(&io_thread, NULL, run_blocked, &io), 0);
	sem_wait(&f->client.entered);
	assert_int_equal(pthread_create(&rst_thread, NULL, run_reset, &rst), 0);
	while (strcmp(dev_state(f), "resetting"))
		usleep(100);
	fx_start(f, &c, 0, NVME_IOCTL_RESET, 0);
	assert_int_equal(c.ret, -EBUSY);
	/* a command waits for the reset to be over */
	cmd = (struct nvme_passthru_cmd){ .opcode = 0, .nsid = 1 };
	fx_start(f, &c, 1, NVME_IOCTL_IO_CMD, fx_put(f, &cmd, sizeof(cmd)));
	assert_int_equal(c.done, 0);
	f->client.slow = 0;
	sem_post(&f->client.go);
	pthread_join(io_thread, NULL);
	pthread_join(rst_thread, NULL);
	assert_int_equal(fx_wait(f, &rst.c), 0);
	fx_wait(f, &io.c);
	assert_true(io.c.ret == 0 || io.c.ret == -EINTR);
	assert_int_equal(fx_wait(f, &c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reset, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(subsystem_reset, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(reset_from_outside, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(noticed_by_a_command, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(death, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(probe_fails, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(cancel_during_copy, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(reset_during_copy, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
