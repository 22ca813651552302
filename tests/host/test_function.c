/* SPDX-License-Identifier: MIT */
/*
 * test_function.c - what happens to a function under its driver: resets of each kind, D3hot, no bus
 * master, removal; and virtual functions, which come and go. Commands in flight end exactly once
 * (fx.c sees to that), with the errno said here.
 */
#include "fx.h"

#include <unistd.h>

#define CFG_COMMAND 0x04
#define CFG_BAR0    0x10
#define CFG_PMCSR   0x64
#define SRIOV	    0x180

static const char *dev_state(struct fx *f)
{
	static struct host_info info;

	host_dev_info(f->dev, &info);
	return info.state;
}

static unsigned int nr_io(struct fx *f)
{
	struct host_info info;

	host_dev_info(f->dev, &info);
	return info.nr_io_queues;
}

static long rw_ok(struct fx *f)
{
	uint64_t brk = f->brk;
	long ret = fx_rw(f, 2, 0, 8, fx_alloc(f, 4096), 4096);

	f->brk = brk;
	return ret;
}

/* the driver's side of a VF, with the client's upper half of memory */
static struct fx as_vf(struct fx *f, unsigned int n)
{
	struct fx v = *f;

	v.dev = f->vf[n - 1];
	v.fn = sim_fn_vf(f->fn, n);
	v.brk = FX_MEM / 2;
	return v;
}

static struct fx *with_vfs(uint16_t n)
{
	struct fx *f = fx_new(&(struct fx_params){ .vfs = n });

	/* shared, for all of them */
	fx_add_ns_as(f, &(struct sim_ns_params){ .shared = true });
	return f;
}

static long virt(struct fx *f, uint32_t act, uint32_t rt, uint32_t cntlid, uint32_t nr)
{
	struct nvme_passthru_cmd cmd = { .opcode = 0x1c,
					 .cdw10 = act | rt << 8 | cntlid << 16,
					 .cdw11 = nr };

	return SC(fx_admin(f, &cmd));
}

static void enable_vfs(struct fx *f, unsigned int n)
{
	sim_cfg_write(f->fn, SRIOV + 8, 2, 0);
	sim_cfg_write(f->fn, SRIOV + 0x10, 2, n);
	sim_cfg_write(f->fn, SRIOV + 8, 2, 9);
}

/* as the documentation of QEMU has it, line by line */
static void release(struct fx *f)
{
	assert_int_equal(virt(f, 1, 1, 0, 0), 0);
	assert_int_equal(virt(f, 1, 0, 0, 0), 0);
	assert_int_equal(host_dev_fn_reset(f->dev), 0);
}

static void online(struct fx *f, uint32_t cntlid, uint32_t vq, uint32_t vi)
{
	assert_int_equal(virt(f, 8, 1, cntlid, vi), 0);
	assert_int_equal(virt(f, 8, 0, cntlid, vq), 0);
	assert_int_equal(virt(f, 9, 0, cntlid, 0), 0);
}

/* ---- the function itself --------------------------------------------------------------------- */

static void reset_by_the_driver(void **state)
{
	struct fx *f = *state;
	unsigned int changes = f->changes;
	struct fx_call aer, more[20];

	sim_cfg_write(f->fn, CFG_BAR0, 4, 0xfeb00000);
	sim_cfg_write(f->fn, 0x0c, 1, 0x10);
	fx_aer(f, &aer, 0);
	for (unsigned int i = 0; i < 20; i++)
		fx_aer(f, &more[i], 0); /* beyond the limit some end at once */
	assert_int_equal(host_dev_fn_reset(f->dev), 0);
	assert_int_equal(aer.done, 1);
	assert_int_equal(aer.ret, -EINTR);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(more[i].done, 1);
		assert_true(more[i].ret == -EINTR || SC(more[i].ret) == 0x105);
	}
	assert_string_equal(dev_state(f), "live");
	assert_int_equal(f->changes, changes + 1);
	/* what the reset took is restored, as Linux does */
	assert_int_equal(sim_cfg_read(f->fn, CFG_BAR0, 4), 0xfeb00004);
	assert_int_equal(sim_cfg_read(f->fn, 0x0c, 1), 0x10);
	assert_int_equal(sim_cfg_read(f->fn, CFG_COMMAND, 2) & 6, 6);
	host_run(f->dev); /* the news of it was known already */
	assert_int_equal(f->changes, changes + 1);
	assert_int_equal(rw_ok(f), 0);
}

/* each kind, from outside, with a command in flight */
static void reset_kinds(void **state)
{
	struct fx *f = *state;

	for (int kind = SIM_RESET_FLR; kind <= SIM_RESET_CONVENTIONAL; kind++) {
		struct fx_call aer;

		fx_aer(f, &aer, 0);
		sim_fn_reset(f->fn, (enum sim_reset)kind);
		assert_int_equal(aer.done, 0);
		assert_int_not_equal(f->armed, UINT64_MAX); /* the driver was told */
		host_run(f->dev);
		assert_int_equal(aer.done, 1);
		assert_int_equal(aer.ret, -EINTR);
		assert_int_equal(rw_ok(f), 0);
	}
	for (unsigned int i = 0; i < 30; i++) {
		sim_cfg_write(f->fn, 0x88, 2, 0x8000); /* Initiate Function Level Reset */
		assert_int_equal(fx_identify(f) == 0 || fx_identify(f) == 0, 1);
	}
	assert_string_equal(dev_state(f), "live");
}

/* somebody puts it to sleep: what is issued then ends when the driver has woken it */
static void asleep(void **state)
{
	struct fx *f = *state;
	struct fx_call aer;

	fx_aer(f, &aer, 0);
	sim_cfg_write(f->fn, CFG_PMCSR, 2, 3);
	assert_int_equal(rw_ok(f), -EINTR);
	assert_int_equal(aer.ret, -EINTR);
	assert_string_equal(dev_state(f), "live");
	assert_int_equal(sim_cfg_read(f->fn, CFG_PMCSR, 2) & 3, 0);
	assert_int_equal(rw_ok(f), 0);
}

/* memory space off, or no bus master: as above */
static void command_register(void **state)
{
	struct fx *f = *state;

	for (uint16_t off = 2; off <= 6; off += 2) {
		sim_cfg_write(f->fn, CFG_COMMAND, 2, 6u & ~off);
		assert_int_equal(rw_ok(f), -EINTR);
		assert_string_equal(dev_state(f), "live");
		assert_int_equal(rw_ok(f), 0);
	}
}

static void pulled_out(void **state)
{
	struct fx *f = *state;
	struct fx_call aer;
	struct sim_msg msg = { "" };

	fx_aer(f, &aer, 0);
	sim_fn_unplug(f->fn);
	host_run(f->dev);
	assert_int_equal(aer.done, 1);
	assert_int_equal(aer.ret, -EINTR);
	assert_string_equal(dev_state(f), "dead");
	assert_int_equal(fx_identify(f), -ENODEV);
	assert_int_equal(host_dev_fn_reset(f->dev), -ENODEV);
	assert_int_equal(host_fn_reset(f->fn), -ENODEV);
	host_dev_shutdown(f->dev);
	assert_int_equal(host_dev_probe(f->dev, f->fn, &msg), -ENODEV);
	assert_string_equal(msg.text, "the PCI function does not respond");
	assert_int_equal(host_dev_fn_reset(f->dev), -ENODEV);
	sim_fn_remove(f->fn);
}

/* unbound and bound again, over and over */
static void bound_again(void **state)
{
	struct fx *f = *state;
	struct sim_msg msg = { "" };
	struct host_ns_info info;
	struct fx_call aer;

	for (unsigned int i = 0; i < 10; i++) {
		fx_aer(f, &aer, 0);
		host_dev_shutdown(f->dev);
		assert_int_equal(aer.ret, -ENODEV);
		assert_int_equal(fx_identify(f), -ENODEV);
		assert_int_equal(host_ns_info(f->dev, 1, &info), -ENOENT);
		assert_int_equal(host_fn_reset(f->fn), 0);
		if (host_dev_probe(f->dev, f->fn, &msg))
			fail_msg("%s", msg.text);
		assert_int_equal(host_ns_info(f->dev, 1, &info), 0);
		assert_int_equal(rw_ok(f), 0);
	}
	assert_string_equal(dev_state(f), "live");
}

/* ---- virtual functions ------------------------------------------------------------------ */

static void documented_sequence(void **state)
{
	struct fx *f = with_vfs(1), v;
	struct sim_msg msg = { "" };

	release(f);
	enable_vfs(f, 1);
	v = as_vf(f, 1);
	/* offline there is nothing to bind to */
	assert_int_equal(host_dev_probe(v.dev, v.fn, &msg), -ENODEV);
	assert_non_null(strstr(msg.text, "offline"));
	online(f, 1, 2, 1);
	if (host_dev_probe(v.dev, v.fn, &msg))
		fail_msg("%s", msg.text);
	assert_int_equal(nr_io(&v), 1); /* of the two that were asked for */
	assert_int_equal(fx_identify(&v), 0);
	assert_int_equal(SC(rw_ok(&v)), 2); /* namespace 1 is the PF's own */
	{
		uint64_t a = fx_alloc(&v, 4096), b = fx_alloc(f, 4096);
		struct nvme_passthru_cmd cmd = {
			.opcode = 1, .nsid = 2, .addr = a, .data_len = 4096, .cdw12 = 7
		};

		memset(fx_ptr(&v, a), 0x77, 4096);
		assert_int_equal(fx_io(&v, 2, &cmd), 0);
		cmd.opcode = 2;
		cmd.addr = b;
		assert_int_equal(fx_io(f, 2, &cmd), 0);
		assert_memory_equal(fx_ptr(f, b), fx_ptr(&v, a), 4096);
	}
	fx_free(f);
}

/* only the queues and vectors there are resources for */
static void resources(void **state)
{
	struct fx *f = with_vfs(2), v;
	struct sim_msg msg = { "" };

	assert_int_equal(nr_io(f), 2);
	release(f);
	assert_int_equal(nr_io(f), 2);
	enable_vfs(f, 2);
	v = as_vf(f, 2);
	for (uint32_t vq = 2; vq <= 4; vq++) {
		for (uint32_t vi = 1; vi <= 2; vi++) {
			online(f, 2, vq, vi);
			if (host_dev_probe(v.dev, v.fn, &msg))
				fail_msg("%s", msg.text);
			assert_int_equal(nr_io(&v), vq == 2 ? 1 : 2);
			assert_int_equal(fx_identify(&v), 0);
			host_dev_shutdown(v.dev);
			assert_int_equal(virt(f, 7, 0, 2, 0), 0);
		}
	}
	fx_free(f);
}

/* what can happen to a VF: its driver's command in flight ends once, and it is dead or live */
static void vf_under_the_driver(void **state)
{
	for (unsigned int how = 0; how < 6; how++) {
		struct fx *f = with_vfs(1), v;
		struct sim_msg msg = { "" };
		struct fx_call aer;

		release(f);
		enable_vfs(f, 1);
		online(f, 1, 3, 2);
		v = as_vf(f, 1);
		if (host_dev_probe(v.dev, v.fn, &msg))
			fail_msg("%s", msg.text);
		fx_aer(&v, &aer, 0);
		if (how == 0)
			assert_int_equal(virt(f, 7, 0, 1, 0), 0);
		else if (how == 1)
			assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), 0);
		else if (how == 2)
			assert_int_equal(host_dev_fn_reset(f->dev), 0);
		else if (how == 3)
			sim_cfg_write(f->fn, SRIOV + 8, 2, 0);
		else if (how == 4)
			assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_SUBSYS_RESET, 0), 0);
		else
			assert_int_equal(host_dev_fn_reset(v.dev), 0);
		host_run(v.dev);
		assert_int_equal(aer.done, 1);
		assert_int_equal(aer.ret, -EINTR);
		assert_string_equal(dev_state(&v), how == 5 ? "live" : "dead");
		assert_int_equal(fx_identify(&v), how == 5 ? 0 : -ENODEV);
		assert_string_equal(dev_state(f), "live");
		/* the PF's driver has VF Enable as it was */
		assert_int_equal(sim_fn_nr_vfs(f->fn), how == 3 ? 0 : 1);
		if (how != 5) {
			host_dev_shutdown(v.dev);
			enable_vfs(f, 1);
			online(f, 1, 2, 1);
			if (host_dev_probe(v.dev, v.fn, &msg))
				fail_msg("%s", msg.text);
			assert_int_equal(fx_identify(&v), 0);
		}
		fx_free(f);
	}
}

/* ---- several threads -------------------------------------------------------------------- */

struct worker {
	struct fx fx;
	_Atomic bool stop;
	unsigned long ok, failed;
};

/* commands one after another, while the function is reset: each ends, with one of these */
static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t brk = w->fx.brk;

	host_thread_io(0);
	while (!w->stop) {
		struct nvme_passthru_cmd cmd = {
			.opcode = 2, .nsid = 1, .data_len = 4096, .cdw12 = 7
		};
		struct fx_call c;
		long ret;

		w->fx.brk = brk;
		cmd.addr = fx_alloc(&w->fx, 4096);
		fx_start(&w->fx, &c, 1, NVME_IOCTL_IO_CMD, fx_put(&w->fx, &cmd, sizeof(cmd)));
		while (!atomic_load(&c.done))
			usleep(50);
		ret = c.ret;
		assert_true(ret == 0 || ret == -EINTR);
		if (ret)
			w->failed++;
		else
			w->ok++;
	}
	return NULL;
}

static void resets_while_working(void **state)
{
	struct fx *f = *state;
	struct worker w = { .fx = *f };
	pthread_t t;

	w.fx.brk = FX_MEM / 2;
	assert_int_equal(pthread_create(&t, NULL, work, &w), 0);
	for (unsigned int i = 0; i < 200; i++) {
		if (i % 2)
			sim_fn_reset(f->fn, (enum sim_reset)(i / 2 % 3));
		else
			assert_int_equal(host_dev_fn_reset(f->dev), 0);
		host_run(f->dev);
		for (unsigned int k = 0; k < 20; k++) {
			usleep(20);
			host_run(f->dev);
		}
	}
	atomic_store(&w.stop, true);
	/* whoever waits still has his command ended by us */
	for (unsigned int k = 0; k < 200; k++) {
		host_run(f->dev);
		usleep(50);
	}
	pthread_join(t, NULL);
	assert_true(w.ok > 0);
	assert_int_equal(fx_identify(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reset_by_the_driver, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(reset_kinds, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(asleep, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(command_register, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(pulled_out, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(bound_again, fx_setup, fx_teardown),
		cmocka_unit_test(documented_sequence),
		cmocka_unit_test(resources),
		cmocka_unit_test(vf_under_the_driver),
		cmocka_unit_test_setup_teardown(resets_while_working, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
