/* SPDX-License-Identifier: MIT */
/*
 * test_zones.c - zones and zone over the control socket: cells, pages, what happens to a zone, and
 * what is wrong
 */
#include <linux/nvme_ioctl.h>

#include "control_fx.h"

/* 8 zones of 1,024 blocks, 768 of which can be written; and a namespace that is not zoned */
static int begin_zoned(void **state)
{
	char *argv[] = {
		(char[]){ "test" },
		(char[]){ "-device" },
		(char[]){ "nvme,serial=S" },
		(char[]){ "-drive" },
		(char[]){ "if=none,id=d,size=4M" },
		(char[]){ "-device" },
		(char[]){ "nvme-ns,drive=d,zoned=on,zoned.zone_size=512k,zoned.zone_capacity=384k,"
			  "zoned.max_active=5,zoned.max_open=3" },
		(char[]){ "-drive" },
		(char[]){ "if=none,id=e,size=1M" },
		(char[]){ "-device" },
		(char[]){ "nvme-ns,drive=e" },
		NULL,
	};

	return begin_with(state, sizeof(argv) / sizeof(argv[0]) - 1, argv);
}

#define ZONES(more) "{\"cmd\":\"zones\",\"node\":\"nvmesim0n1\"" more "}\n"
#define ZONE(action, zslba)                                                                        \
	"{\"cmd\":\"zone\",\"action\":\"" action "\",\"node\":\"nvmesim0n1\",\"zslba\":" zslba "}" \
	"\n"

static void test_cells(void **state)
{
	int fd = dial(*state);

	expect(fd, ZONES(""),
	       "{\"node\":\"nvmesim0n1\",\"nsid\":1,\"nr_zones\":8,\"block_size\":512,"
	       "\"zone_size\":1024,\"zone_capacity\":768,\"descr_ext_size\":0,\"active\":0,"
	       "\"max_active\":5,\"open\":0,\"max_open\":3,\"from\":0,\"count\":8,"
	       "\"zones_per_cell\":1,\"states\":{\"empty\":8},\"written\":0,\"capacity\":6144,"
	       "\"attributes\":[],\"cells\":[{\"zslba\":0,\"state\":\"empty\",\"wp\":0,"
	       "\"written\":0,\"capacity\":768,\"attributes\":[]},{\"zslba\":1024,");
	/* eight in three cells: three, three, two */
	expect(fd, ZONES(",\"cells\":3"),
	       "\"zones_per_cell\":3,\"states\":{\"empty\":8},\"written\":0,\"capacity\":6144,"
	       "\"attributes\":[],\"cells\":[{\"zslba\":0,\"zones\":3,\"states\":{\"empty\":3},"
	       "\"written\":0,\"capacity\":2304,\"attributes\":[]},{\"zslba\":3072,\"zones\":3,"
	       "\"states\":{\"empty\":3},\"written\":0,\"capacity\":2304,\"attributes\":[]},"
	       "{\"zslba\":6144,\"zones\":2,\"states\":{\"empty\":2},\"written\":0,"
	       "\"capacity\":1536,\"attributes\":[]}]}");
	/* a part, from any block of its first zone */
	expect(fd, ZONES(",\"from\":\"0x1fff\",\"count\":9"), "\"from\":7168,\"count\":1,");
	expect(fd, ZONES(",\"from\":1025,\"count\":\"4\",\"cells\":2"),
	       "\"from\":1024,\"count\":4,\"zones_per_cell\":2,");
	expect(fd, ZONES(",\"from\":2048,\"page\":3"),
	       "\"from\":2048,\"count\":3,\"zones_per_cell\":1,");
	close(fd);
}

static void test_what_is_wrong(void **state)
{
	int fd = dial(*state);

	expect(fd, "{\"cmd\":\"zones\"}\n", "of which \\\"node\\\"?");
	expect(fd, "{\"cmd\":\"zones\",\"node\":\"nvmesim0\"}\n", "'nvmesim0' is no zoned");
	expect(fd, "{\"cmd\":\"zones\",\"node\":\"nvmesim0n2\"}\n", "'nvmesim0n2' is no zoned");
	expect(fd, "{\"cmd\":\"zones\",\"node\":\"nvmesim0n3\"}\n", "no node 'nvmesim0n3'");
	expect(fd, ZONES(",\"from\":8192"), "from: '8192' is no number from 0 to 8191");
	expect(fd, ZONES(",\"from\":-1"), "from: '-1' is no number");
	expect(fd, ZONES(",\"from\":[]"), "from: '[ ]' is no number");
	expect(fd, ZONES(",\"from\":null"), "from: 'null' is no number");
	expect(fd, ZONES(",\"from\":\"\""), "from: '' is no number");
	expect(fd, ZONES(",\"from\":\"7x\""), "from: '7x' is no number");
	expect(fd, ZONES(",\"from\":\"99999999999999999999\""), "is no number");
	expect(fd, ZONES(",\"count\":0"), "count: must not be 0");
	expect(fd, ZONES(",\"cells\":0"), "cells: must not be 0");
	expect(fd, ZONES(",\"page\":0"), "page: must not be 0");
	expect(fd, ZONES(",\"cells\":16385"), "is no number from 0 to 16384");
	expect(fd, ZONES(",\"page\":16385"), "is no number from 0 to 16384");
	expect(fd, ZONE("melt", "0"), "'melt' is nothing that can happen to a zone; allowed: ");
	expect(fd, "{\"cmd\":\"zone\",\"node\":\"nvmesim0n1\",\"zslba\":0}\n", "allowed: ");
	expect(fd, "{\"cmd\":\"zone\",\"action\":1,\"node\":\"nvmesim0n1\",\"zslba\":0}\n",
	       "allowed: ");
	expect(fd, "{\"cmd\":\"zone\",\"action\":\"offline\",\"node\":\"nvmesim0n1\"}\n",
	       "to which zone?");
	expect(fd, ZONE("offline", "1"), "\"ok\":false");
	expect(fd, ZONE("offline", "8192"), "\"ok\":false");
	expect(fd, ZONE("offline", "18446744073709551615"), "\"ok\":false");
	/* and nothing has happened */
	expect(fd, ZONES(""), "\"states\":{\"empty\":8}");
	close(fd);
}

static void write_block(struct fixture *f, uint64_t lba)
{
	static uint8_t block[512];
	struct nvme_passthru_cmd64 cmd = { .opcode = 0x01,
					   .nsid = 1,
					   .addr = (uintptr_t)block,
					   .data_len = sizeof(block),
					   .cdw10 = (uint32_t)lba };

	assert_int_equal(host_io_sync(dmn_machine_find(f->machine, "nvmesim0n1")->ref.dev, &cmd),
			 0);
}

static void test_what_can_happen(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	write_block(f, 0);
	write_block(f, 1024);
	write_block(f, 2048);
	expect(fd, ZONES(""), "\"active\":3,\"max_active\":5,\"open\":3,\"max_open\":3");
	expect(fd, ZONES(",\"count\":1"), "\"state\":\"implicitly-open\",\"wp\":1,\"written\":1,");
	expect(fd, ZONE("read-only", "0"), "{\"zslba\":0,\"state\":\"read-only\",\"written\":0,");
	expect(fd, ZONE("offline", "\"0x400\""), "\"state\":\"offline\",");
	expect(fd, ZONE("finish", "2048"),
	       "{\"zslba\":2048,\"state\":\"full\",\"written\":768,\"capacity\":768,"
	       "\"attributes\":[\"finished-by-controller\"]}");
	expect(fd, ZONE("recommend-reset", "2048"),
	       "\"attributes\":[\"finished-by-controller\",\"reset-recommended\"]");
	expect(fd, ZONE("clear", "2048"), "\"attributes\":[\"finished-by-controller\"]");
	write_block(f, 3072);
	expect(fd, ZONE("recommend-finish", "3072"),
	       "{\"zslba\":3072,\"state\":\"implicitly-open\",\"wp\":3073,\"written\":1,"
	       "\"capacity\":768,\"attributes\":[\"finish-recommended\"]}");
	expect(fd, ZONES(""), "\"active\":1,\"max_active\":5,\"open\":1,");
	expect(fd, ZONES(",\"cells\":1"),
	       "\"cells\":[{\"zslba\":0,\"zones\":8,\"states\":{\"empty\":4,\"implicitly-open\":1,"
	       "\"read-only\":1,\"full\":1,\"offline\":1},\"written\":769,");
	close(fd);
}

#define served(t) cmocka_unit_test_setup_teardown(t, begin_zoned, finish)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		served(test_cells),
		served(test_what_is_wrong),
		served(test_what_can_happen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
