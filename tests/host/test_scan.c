/* SPDX-License-Identifier: MIT */
/*
 * test_scan.c - the set of active namespaces as the door is told of it.
 */
#include "fx.h"

static void probe(void **state)
{
	static const struct fx_params none = { .no_ns = true }, three = { .nr_ns = 3 };
	struct fx *f = fx_new(&none);

	assert_int_equal(f->changes, 1); /* also when there is nothing to tell */
	assert_int_equal(f->nr_ns, 0);
	fx_free(f);
	f = fx_new(&three);
	assert_int_equal(f->nr_ns, 3);
	assert_int_equal(f->nsids[0], 1);
	assert_int_equal(f->nsids[1], 2);
	assert_int_equal(f->nsids[2], 3);
	fx_free(f);
}

/* Namespace Attribute Changed, without anybody asking */
static void event(void **state)
{
	struct fx *f = *state;
	struct nvme_passthru_cmd log = { .opcode = 0x02, .nsid = 0xffffffff, .data_len = 4096,
					 .cdw10 = 0x03ff0004 };
	unsigned int i;

	for (i = 2; i < 5; i++) { /* every time: the request is put again, the log was read */
		assert_int_equal(fx_add_ns(f), i);
		host_run(f->dev);
		assert_int_equal(f->nr_ns, i);
		assert_int_equal(f->nsids[i - 1], i);
		assert_int_equal(fx_ioctl(f, i, NVME_IOCTL_ID, 0), i);
	}
	log.addr = fx_alloc(f, 4096);
	assert_int_equal(fx_admin(f, &log), 0);
	assert_int_equal(*(uint32_t *)fx_ptr(f, log.addr), 0);
}

static void rescan(void **state)
{
	struct fx *f = *state;
	unsigned int changes;

	fx_add_ns(f);
	changes = f->changes;
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESCAN, 0), 0);
	assert_true(f->changes > changes);
	assert_int_equal(f->nr_ns, 2);
	changes = f->changes;
	assert_int_equal(fx_ioctl(f, 1, NVME_IOCTL_RESCAN, 0), 0); /* nvme format does this */
	assert_int_equal(f->changes, changes + 1);
}

/* the callback looks at what it is told of, and asks the device */
struct asker {
	struct fx *f;
	unsigned int calls;
};

static void asking(void *opaque, struct host_dev *dev, const uint32_t *nsids, unsigned int n)
{
	struct asker *a = opaque;
	struct host_ns_info info;
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct nvme_id_ns id;
		struct nvme_passthru_cmd64 cmd = { .opcode = 0x06, .nsid = nsids[i],
						   .addr = (uintptr_t)&id,
						   .data_len = sizeof(id) };

		assert_int_equal(host_ns_info(dev, nsids[i], &info), 0);
		assert_int_equal(host_admin_sync(dev, &cmd), 0);
		assert_int_equal(id.nsze, info.nsze);
	}
	a->calls++;
}

static void callback_may_ask(void **state)
{
	struct asker a = { 0 };
	struct host_params hp = { .nr_io_queues = 1, .namespaces = asking, .opaque = &a };
	struct sim_subsys_params sp = { .nqn = "nqn.2019-08.org.example:asking" };
	struct sim_ctrl_params cp = { .serial = "1", .model = "m", .firmware_version = "f",
				      .max_ioqpairs = 1, .msix_qsize = 2, .mqes = 15, .mdts = 5,
				      .vsl = 5 };
	struct sim_ns_params np = { .logical_block_size = 4096, .physical_block_size = 4096 };
	struct host_dev *dev = host_dev_alloc(&hp);
	struct nvme_passthru_cmd64 flush = { .nsid = 1 };
	struct sim_msg msg = { "" };
	struct sim_subsys *s;
	struct sim_fn *fn;

	store_clock(&sp.clock);
	store_anon_areas(&sp.journal);
	s = sim_subsys_new(&sp, &msg);
	host_dev_ports(dev, &cp.dma, &cp.irq);
	fn = sim_fn_add(s, &cp, &msg);
	assert_non_null(fn);
	np.store = store_ram_new(1 << 20, &msg);
	assert_int_equal(sim_ns_add(s, fn, &np, &msg), 1);
	assert_int_equal(host_dev_probe(dev, fn, &msg), 0);
	assert_int_equal(a.calls, 1);
	assert_int_equal(host_io_sync(dev, &flush), 0);
	host_dev_shutdown(dev);
	host_dev_free(dev);
	sim_subsys_free(s);
	store_free(np.store);
}

/* an active namespace whose Identify fails, but may work later, stays what it was */
static void identify_fails_for_once(void **state)
{
	struct fx *f = *state;
	struct host_ns_info info;

	f->dma_fail_in = 2; /* the first is the list of active namespaces */
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESCAN, 0), 0);
	assert_int_equal(f->dma_fail_in, 0);
	assert_int_equal(f->nr_ns, 1);
	assert_int_equal(f->nsids[0], 1);
	assert_int_equal(host_ns_info(f->dev, 1, &info), 0);
	assert_int_equal(info.lba_size, FX_BLOCK);
	assert_int_equal(info.nsze, FX_NS_BYTES / FX_BLOCK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probe),
		cmocka_unit_test_setup_teardown(event, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(rescan, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(identify_fails_for_once, fx_setup, fx_teardown),
		cmocka_unit_test(callback_may_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
