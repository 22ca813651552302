/* SPDX-License-Identifier: MIT */
/*
 * core.c - the benchmark of the device alone: commands through queues and doorbells, in this process
 */
#include <linux/nvme_ioctl.h>
#include <stdlib.h>
#include <string.h>

#include "../../host/host.h"
#include "../../store/store.h"
#include "bench.h"

#define NS_BYTES (64ull << 20)
#define WORKING_SET (1u << 20) /* bytes of the namespace that are touched */

struct rig {
	struct sim_subsys *subsys;
	struct sim_store *store;
	struct host_dev *dev;
	bool bound;
};

static int rig_up(struct rig *r, struct sim_msg *msg)
{
	struct sim_subsys_params sp = { .nqn = "nqn.2019-08.org.qemu:bench" };
	struct sim_ctrl_params cp = {
		.serial = "bench",
		.model = "bench",
		.firmware_version = "1.0",
		.max_ioqpairs = 64,
		.msix_qsize = 65,
		.mqes = 0x7ff,
		.mdts = 7,
		.vsl = 7,
		.aerl = 3,
		.aer_max_queued = 64,
	};
	struct sim_ns_params np = {
		.logical_block_size = 512,
		.physical_block_size = 512,
		.write_cache = true,
		.uuid = { 1 },
	};
	struct host_params hp = { .nr_io_queues = 1 };
	struct sim_fn *fn;

	store_clock(&sp.clock);
	r->store = store_ram_new(NS_BYTES, msg);
	if (!r->store)
		return -1;
	r->subsys = sim_subsys_new(&sp, msg);
	if (!r->subsys)
		return -1;
	r->dev = host_dev_alloc(&hp);
	if (!r->dev)
		return -1;
	host_dev_ports(r->dev, &cp.dma, &cp.irq);
	fn = sim_fn_add(r->subsys, &cp, msg);
	if (!fn)
		return -1;
	np.store = r->store;
	if (sim_ns_add(r->subsys, fn, &np, msg) < 0)
		return -1;
	if (host_dev_probe(r->dev, fn, msg))
		return -1;
	r->bound = true;
	return 0;
}

static void rig_down(struct rig *r)
{
	if (r->bound)
		host_dev_shutdown(r->dev);
	if (r->dev)
		host_dev_free(r->dev);
	if (r->subsys)
		sim_subsys_free(r->subsys);
	if (r->store)
		store_free(r->store);
}

/* ns per command, or a negative number when one failed */
static double time_cmd(struct host_dev *dev, unsigned int rounds, bool admin, uint8_t opcode,
		       uint32_t cdw10, void *buf, uint32_t len)
{
	struct nvme_passthru_cmd64 cmd;
	uint64_t begun = 0;

	for (unsigned int i = 0; i < rounds + rounds / 10; i++) {
		if (i == rounds / 10)
			begun = bench_now();
		memset(&cmd, 0, sizeof(cmd));
		cmd.opcode = opcode;
		cmd.addr = (uintptr_t)buf;
		cmd.data_len = len;
		cmd.cdw10 = cdw10;
		if (!admin) {
			cmd.nsid = 1;
			cmd.cdw10 = i * len % WORKING_SET / 512;
			cmd.cdw12 = len / 512 - 1;
		}
		if ((admin ? host_admin_sync : host_io_sync)(dev, &cmd))
			return -1;
	}
	return (double)(bench_now() - begun) / rounds;
}

/* what moving the same bytes costs by itself: from one buffer over the same working set */
static double time_memcpy(unsigned int rounds, void *buf)
{
	uint8_t *set = malloc(WORKING_SET);
	uint64_t begun;

	if (!set)
		return -1;
	memset(set, 1, WORKING_SET);
	begun = bench_now();
	for (unsigned int i = 0; i < rounds; i++) {
		memcpy(set + i * 4096u % WORKING_SET, buf, 4096);
		__asm__ volatile("" : : "r"(set) : "memory"); /* each copy is made */
	}
	begun = bench_now() - begun;
	free(set);
	return (double)begun / rounds;
}

int bench_core_run(unsigned int rounds, struct bench_core *res)
{
	struct rig r = { 0 };
	struct sim_msg msg = { "out of memory" };
	void *buf = NULL;
	int ret = 1;

	if (posix_memalign(&buf, 4096, 4096) || rig_up(&r, &msg)) {
		fprintf(stderr, "bench: core: %s\n", msg.text);
		goto out;
	}
	memset(buf, 0x5a, 4096);
	/* Get Features, Number of Queues: a command without data */
	res->get_features = time_cmd(r.dev, rounds, true, 0x0a, 0x07, NULL, 0);
	res->identify = time_cmd(r.dev, rounds, true, 0x06, 0x01, buf, 4096);
	res->write_4k = time_cmd(r.dev, rounds, false, 0x01, 0, buf, 4096);
	res->read_4k = time_cmd(r.dev, rounds, false, 0x02, 0, buf, 4096);
	res->memcpy_4k = time_memcpy(rounds, buf);
	if (res->get_features < 0 || res->identify < 0 || res->write_4k < 0 || res->read_4k < 0 ||
	    res->memcpy_4k < 0) {
		fprintf(stderr, "bench: core: a command failed\n");
		goto out;
	}
	ret = 0;
out:
	rig_down(&r);
	free(buf);
	return ret;
}
