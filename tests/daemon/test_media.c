/* SPDX-License-Identifier: MIT */
/*
 * test_media.c - media of namespaces that hosts create: made, found again after a restart, and gone
 * with their namespace; and the paths to a namespace.
 */
#include <linux/nvme_ioctl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/spec_ext.h"
#include "mach.h"

#define OPC_NS_MANAGEMENT 0x0d
#define OPC_NS_ATTACHMENT 0x15
#define OPC_WRITE 0x01
#define OPC_READ 0x02
#define BLOCKS 2048u /* 1 MiB */

/* two controllers of one subsystem, with room for namespaces of their hosts */
#define PAIR                                                                                       \
	"-device", "nvme-subsys,id=s,capacity=64M", "-device", "nvme,serial=S,subsys=s,id=x",      \
		"-device", "nvme,serial=S,subsys=s,id=y"

static struct host_dev *dev_of(struct fixture *f, const char *node)
{
	return dmn_machine_find(f->machine, node)->ref.dev;
}

/* Return: the NSID */
static uint32_t create(struct fixture *f, uint64_t blocks, uint8_t nmic)
{
	struct nvme_id_ns id = { .nsze = sim_le64(blocks), .ncap = sim_le64(blocks), .nmic = nmic };
	struct nvme_passthru_cmd64 cmd = {
		.opcode = OPC_NS_MANAGEMENT, .addr = (uintptr_t)&id, .data_len = sizeof(id) };

	assert_int_equal(host_admin_sync(dev_of(f, "nvmesim0"), &cmd), 0);
	return (uint32_t)cmd.result;
}

static void delete(struct fixture *f, uint32_t nsid)
{
	struct nvme_passthru_cmd64 cmd = {
		.opcode = OPC_NS_MANAGEMENT, .nsid = nsid, .cdw10 = 1 };

	assert_int_equal(host_admin_sync(dev_of(f, "nvmesim0"), &cmd), 0);
}

static void attach(struct fixture *f, uint32_t nsid, uint16_t cntlid)
{
	uint16_t list[2048] = { sim_le16(1), sim_le16(cntlid) };
	struct nvme_passthru_cmd64 cmd = { .opcode = OPC_NS_ATTACHMENT,
					   .nsid = nsid,
					   .addr = (uintptr_t)list,
					   .data_len = sizeof(list) };

	assert_int_equal(host_admin_sync(dev_of(f, "nvmesim0"), &cmd), 0);
}

static long rw(struct host_dev *dev, uint32_t nsid, uint8_t opcode, void *buf)
{
	struct nvme_passthru_cmd64 cmd = { .opcode = opcode,
					   .nsid = nsid,
					   .addr = (uintptr_t)buf,
					   .data_len = 4096,
					   .cdw10 = 8,
					   .cdw12 = 7 };

	return host_io_sync(dev, &cmd);
}

static void test_created_survives(void **state)
{
	struct fixture *f = *state;
	uint8_t out[4096], in[4096];
	char buf[512];
	uint32_t nsid;
	struct stat st;

	memset(out, 0x5a, sizeof(out));
	assert_non_null(BUILD(f, PAIR, "--state", "state"));
	nsid = create(f, BLOCKS, 1);
	assert_int_equal(nsid, 1);
	assert_int_equal(stat("state/subsystem-s.ns-1.img", &st), 0);
	assert_in_range(st.st_size, BLOCKS * 512, BLOCKS * 512 + (64 << 10));
	assert_in_range(st.st_blocks, 0, 8); /* sparse */
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)), "nvmesim0 nvmesim1 ");
	attach(f, nsid, 0);
	attach(f, nsid, 1);
	run_loop(f, 50);
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)),
			    "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n1 ");
	assert_int_equal(rw(dev_of(f, "nvmesim0"), nsid, OPC_WRITE, out), 0);
	assert_int_equal(rw(dev_of(f, "nvmesim1"), nsid, OPC_READ, in), 0);
	assert_memory_equal(in, out, sizeof(in));

	rebuild(f, (const char *const[]){ PAIR, "--state", "state", NULL });
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)),
			    "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n1 ");
	memset(in, 0, sizeof(in));
	assert_int_equal(rw(dev_of(f, "nvmesim1"), nsid, OPC_READ, in), 0);
	assert_memory_equal(in, out, sizeof(in));

	delete(f, nsid);
	run_loop(f, 50);
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)), "nvmesim0 nvmesim1 ");
	assert_int_equal(access("state/subsystem-s.ns-1.img", F_OK), -1);

	/* a new one of the same NSID has nothing of the old */
	assert_int_equal(create(f, BLOCKS, 1), nsid);
	attach(f, nsid, 0);
	run_loop(f, 50);
	assert_int_equal(rw(dev_of(f, "nvmesim0"), nsid, OPC_READ, in), 0);
	memset(out, 0, sizeof(out));
	assert_memory_equal(in, out, sizeof(in));
}

static void test_created_in_memory(void **state)
{
	struct fixture *f = *state;
	uint8_t out[4096], in[4096] = { 0 };
	char buf[512];
	uint32_t nsid;

	memset(out, 0xa5, sizeof(out));
	assert_non_null(BUILD(f, PAIR));
	nsid = create(f, BLOCKS, 0);
	attach(f, nsid, 1);
	run_loop(f, 50);
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)), "nvmesim0 nvmesim1 nvmesim1n1 ");
	assert_int_equal(rw(dev_of(f, "nvmesim1"), nsid, OPC_WRITE, out), 0);
	assert_int_equal(rw(dev_of(f, "nvmesim1"), nsid, OPC_READ, in), 0);
	assert_memory_equal(in, out, sizeof(in));
	delete(f, nsid);
	run_loop(f, 50);
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)), "nvmesim0 nvmesim1 ");
	assert_string_equal(files(".", buf, sizeof(buf)), "");
}

/* a namespace of the configuration that a host deletes: its file stays */
static void test_deleted_of_the_configuration(void **state)
{
	struct fixture *f = *state;
	char buf[512];

	assert_non_null(BUILD(f, "-drive", "file=disk.img,if=none,id=d,size=1M", "-device",
			      "nvme,serial=S,drive=d"));
	delete(f, 1);
	run_loop(f, 50);
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)), "nvmesim0 ");
	assert_string_equal(files(".", buf, sizeof(buf)), "disk.img ");
	/* and its capacity can be had again */
	assert_int_equal(create(f, 1024, 0), 1);
}

static void test_shared_private_detached(void **state)
{
	struct fixture *f = *state;
	char buf[512];

	assert_non_null(BUILD(f, PAIR, "-drive", "if=none,id=a,size=1M", "-drive",
			      "if=none,id=b,size=1M", "-drive", "if=none,id=c,size=1M", "-device",
			      "nvme-ns,drive=a,bus=x", "-device",
			      "nvme-ns,drive=b,bus=x,shared=off", "-device", "nvme-ns,drive=c,bus=y,detached=on"));
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)),
			    "nvmesim0 nvmesim0n1 nvmesim0n2 nvmesim1 nvmesim1n1 ");
	attach(f, 3, 1);
	run_loop(f, 50);
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)),
			    "nvmesim0 nvmesim0n1 nvmesim0n2 nvmesim1 nvmesim1n1 nvmesim1n3 ");
}

static void test_ana(void **state)
{
	struct fixture *f = *state;
	struct dmn_machine *m;
	uint8_t in[4096];

	m = BUILD(f, PAIR, "-drive", "if=none,id=a,size=1M", "-device", "nvme-ns,drive=a", "-drive",
		  "if=none,id=b,size=1M", "-device", "nvme,serial=T,drive=b");
	assert_non_null(m);
	assert_int_equal(dmn_ana_get(m, dmn_machine_find(m, "nvmesim0n1")), SIM_ANA_OPTIMIZED);
	assert_int_equal(
		dmn_ana_set(m, dmn_machine_find(m, "nvmesim1n1"), SIM_ANA_INACCESSIBLE), 0);
	assert_int_equal(dmn_ana_get(m, dmn_machine_find(m, "nvmesim1n1")), SIM_ANA_INACCESSIBLE);
	assert_int_equal(dmn_ana_get(m, dmn_machine_find(m, "nvmesim0n1")), SIM_ANA_OPTIMIZED);
	run_loop(f, 50);
	/* the path is there, and does not work; the other does */
	assert_int_equal(rw(dev_of(f, "nvmesim1"), 1, OPC_READ, in) & 0x7ff, 0x302);
	assert_int_equal(rw(dev_of(f, "nvmesim0"), 1, OPC_READ, in), 0);
	/* all of a controller */
	assert_int_equal(dmn_ana_set(m, dmn_machine_find(m, "nvmesim1"), SIM_ANA_NON_OPTIMIZED), 0);
	assert_int_equal(dmn_ana_get(m, dmn_machine_find(m, "nvmesim1n1")), SIM_ANA_NON_OPTIMIZED);
	assert_int_equal(rw(dev_of(f, "nvmesim1"), 1, OPC_READ, in), 0);
	/* a controller with a subsystem to itself has no such thing */
	assert_int_equal(dmn_ana_set(m, dmn_machine_find(m, "nvmesim2n1"), SIM_ANA_INACCESSIBLE),
			 SIM_EINVAL);
	assert_true(dmn_same_subsys(m, dmn_machine_find(m, "nvmesim0"),
				    dmn_machine_find(m, "nvmesim1n1")));
	assert_false(dmn_same_subsys(m, dmn_machine_find(m, "nvmesim0"),
				     dmn_machine_find(m, "nvmesim2")));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		built(test_created_survives),
		built(test_created_in_memory),
		built(test_deleted_of_the_configuration),
		built(test_shared_private_detached),
		built(test_ana),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
