/* SPDX-License-Identifier: MIT */
/*
 * test_conf_link.c - from words to a machine: who belongs to whom, and what does not go together
 */
#include "conf_test.h"

#define DRIVE(id) "-drive if=none,size=1M,id=" id

struct machine {
	const char *word[12];
	const char *err;
};

static void test_bad(void **state)
{
	static const struct machine rows[] = {
		/* QEMU's sentences */
		{ { "-device nvme,serial=a,drive=nosuch" },
		  "-device nvme,serial=a,drive=nosuch: drive: Property 'nvme.drive' can't find "
		  "value "
		  "'nosuch'" },
		{ { "-device nvme,serial=a", "-device nvme-ns,drive=nosuch" },
		  "-device nvme-ns,drive=nosuch: drive: Property 'nvme-ns.drive' can't find value "
		  "'nosuch'" },
		{ { "-device nvme,serial=a", "-device nvme-ns" },
		  "-device nvme-ns: drive: block backend not configured" },
		{ { DRIVE("d"), "-device nvme-ns,drive=d", "-device nvme,serial=a" },
		  "-device nvme-ns,drive=d: bus: No 'nvme-bus' bus found for device 'nvme-ns'" },
		{ { DRIVE("d"), "-device nvme-ns,drive=d" },
		  "-device nvme-ns,drive=d: bus: No 'nvme-bus' bus found for device 'nvme-ns'" },
		{ { DRIVE("d"), "-device nvme,id=c,serial=a", "-device nvme-ns,drive=d,bus=x" },
		  "-device nvme-ns,drive=d,bus=x: bus: Bus 'x' not found" },
		{ { DRIVE("d"), "-device nvme,serial=a,drive=d", "-device nvme-ns,drive=d" },
		  "-device nvme-ns,drive=d: drive: Drive 'd' is already in use by another device" },
		{ { "-device nvme,serial=a,subsys=s" },
		  "-device nvme,serial=a,subsys=s: subsys: Device 's' not found" },
		{ { "-device nvme-subsys,id=s", "-device nvme,serial=a,subsys=s",
		    "-device nvme,serial=b,subsys=s" },
		  "-device nvme,serial=b,subsys=s: serial: invalid controller serial; all "
		  "controllers of subsystem 's' have 'a'" },
		{ { DRIVE("d"), "-device nvme-subsys,id=s",
		    "-device nvme,serial=a,subsys=s,drive=d" },
		  "-device nvme,serial=a,subsys=s,drive=d: drive: subsystem support is unavailable "
		  "with legacy namespace ('drive' property)" },
		{ { DRIVE("d"), "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,logical_block_size=4k,physical_block_size=512" },
		  "-device nvme-ns,drive=d,logical_block_size=4k,physical_block_size=512: "
		  "logical_block_size: logical_block_size > physical_block_size not supported" },
		{ { DRIVE("d"), DRIVE("e"), "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,nsid=1", "-device nvme-ns,drive=e,nsid=1" },
		  "-device nvme-ns,drive=e,nsid=1: nsid: namespace id '1' already allocated" },
		{ { DRIVE("d"), DRIVE("e"), "-device nvme,serial=a", "-device nvme-ns,drive=d",
		    "-device nvme-ns,drive=e,nsid=1" },
		  "-device nvme-ns,drive=e,nsid=1: nsid: namespace id '1' already allocated" },
		{ { DRIVE("d"), DRIVE("e"), "-device nvme,serial=a,drive=d",
		    "-device nvme-ns,drive=e,nsid=1" },
		  "-device nvme-ns,drive=e,nsid=1: nsid: namespace id '1' already allocated" },
		{ { DRIVE("d"), DRIVE("e"), "-device nvme-subsys,id=s",
		    "-device nvme,id=a,serial=a,subsys=s", "-device nvme,id=b,serial=a,subsys=s",
		    "-device nvme-ns,drive=d,bus=a,nsid=3",
		    "-device nvme-ns,drive=e,bus=b,nsid=3" },
		  "-device nvme-ns,drive=e,bus=b,nsid=3: nsid: namespace id '3' already "
		  "allocated" },
		{ { DRIVE("d"), "-device nvme,serial=a", "-device nvme-ns,drive=d,ms=7,pi=1" },
		  "-device nvme-ns,drive=d,ms=7,pi=1: pi: at least 8 bytes of metadata required to "
		  "enable protection information; ms is 7" },
		{ { DRIVE("d"), "-device nvme,serial=a", "-device nvme-ns,drive=d,pi=3" },
		  "-device nvme-ns,drive=d,pi=3: pi: at least 8 bytes of metadata required to "
		  "enable protection information; ms is 0" },
		{ { DRIVE("d"), "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,ms=15,pi=2,pif=2" },
		  "-device nvme-ns,drive=d,ms=15,pi=2,pif=2: pi: at least 16 bytes of metadata "
		  "required to enable protection information; ms is 15" },
		{ { DRIVE("d"), "-device nvme,serial=a,drive=d,min_io_size=768" },
		  "-device nvme,serial=a,drive=d,min_io_size=768: min_io_size: min_io_size must be a "
		  "multiple of logical_block_size" },
		{ { DRIVE("d"), "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,logical_block_size=4k,opt_io_size=6k" },
		  "-device nvme-ns,drive=d,logical_block_size=4k,opt_io_size=6k: opt_io_size: "
		  "opt_io_size must be a multiple of logical_block_size" },
		{ { DRIVE("d"), "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,discard_granularity=100" },
		  "-device nvme-ns,drive=d,discard_granularity=100: discard_granularity: "
		  "discard_granularity must be a multiple of logical_block_size" },
		/* what a namespace keeps whole is at least what its controllers do */
		{ { DRIVE("d"), "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,atomic.nawun=3,atomic.nawupf=4" },
		  "-device nvme-ns,drive=d,atomic.nawun=3,atomic.nawupf=4: atomic.nawupf: 4 is "
		  "larger than nawun, 3" },
		{ { DRIVE("d"), "-device nvme,serial=a,atomic.awun=7",
		    "-device nvme-ns,drive=d,atomic.nawun=3" },
		  "-device nvme-ns,drive=d,atomic.nawun=3: atomic.nawun: 3 is less than the "
		  "controller's awun, 7" },
		{ { DRIVE("d"), "-device nvme,serial=a,atomic.awun=7,atomic.awupf=7",
		    "-device nvme-ns,drive=d,atomic.nawun=7,atomic.nawupf=3" },
		  "-device nvme-ns,drive=d,atomic.nawun=7,atomic.nawupf=3: atomic.nawupf: 3 is less "
		  "than the controller's awupf, 7" },
		{ { DRIVE("d"), "-device nvme-subsys,id=s",
		    "-device nvme,id=x,serial=a,subsys=s,atomic.awun=7",
		    "-device nvme,id=y,serial=a,subsys=s",
		    "-device nvme-ns,drive=d,bus=y,atomic.nawun=3" },
		  "-device nvme-ns,drive=d,bus=y,atomic.nawun=3: atomic.nawun: 3 is less than the "
		  "controller's awun, 7" },
		{ { DRIVE("d"), "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,atomic.nawun=3,atomic.nabsn=2" },
		  "-device nvme-ns,drive=d,atomic.nawun=3,atomic.nabsn=2: atomic.nabsn: 2 is less "
		  "than awun, 0, or nawun, 3" },
		{ { DRIVE("d"), "-device nvme,serial=a,atomic.awun=7,atomic.awupf=7",
		    "-device nvme-ns,drive=d,atomic.nabspf=3" },
		  "-device nvme-ns,drive=d,atomic.nabspf=3: atomic.nabspf: 3 is less than awupf, 7, "
		  "or nawupf, 0" },
		{ { DRIVE("d"), "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,atomic.nabsn=7,atomic.nabo=4" },
		  "-device nvme-ns,drive=d,atomic.nabsn=7,atomic.nabo=4: atomic.nabo: 4 is larger "
		  "than nabsn, 7, or nabspf, 0" },
		{ { DRIVE("d"), "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,atomic.nawun=7,atomic.mam=on" },
		  "-device nvme-ns,drive=d,atomic.nawun=7,atomic.mam=on: atomic.mam: needs nawun, "
		  "nawupf, nabsn and nabspf, all the same and not 0" },
		/* others */
		{ { "-device nvme-subsys,id=s", "-device nvme,serial=a,subsys=s,capacity=1G" },
		  "-device nvme,serial=a,subsys=s,capacity=1G: capacity: is of the subsystem; give "
		  "it to nvme-subsys 's'" },
		{ { "-device nvme,serial=a,opt_io_size=4096" },
		  "-device nvme,serial=a,opt_io_size=4096: opt_io_size: is of the namespace that "
		  "drive= makes; without drive= give it to the namespace" },
		{ { DRIVE("d"), DRIVE("d") },
		  "-drive if=none,size=1M,id=d: id: duplicate id 'd', first used at -drive "
		  "if=none,size=1M,id=d" },
		{ { "-device nvme,id=c,serial=a", "-device nvme,id=c,serial=b" },
		  "-device nvme,id=c,serial=b: id: duplicate id 'c', first used at -device "
		  "nvme,id=c,serial=a" },
		{ { "-device nvme,serial=a", "-device nvme,serial=a,mdts=5" },
		  "-device nvme,serial=a,mdts=5: serial: the subsystem's NQN would be "
		  "'nqn.2019-08.org.qemu:a', which is that of -device nvme,serial=a; give another "
		  "serial, or link both to one nvme-subsys" },
		{ { "-device nvme-subsys,id=s,nqn=q", "-device nvme-subsys,id=t,nqn=q",
		    "-device nvme,serial=a,subsys=s", "-device nvme,serial=a,subsys=t" },
		  "-device nvme,serial=a,subsys=t: nqn: the subsystem's NQN would be "
		  "'nqn.2019-08.org.qemu:q', which is that of -device nvme,serial=a,subsys=s; give "
		  "another serial, or link both to one nvme-subsys" },
		{ { "-device nvme-subsys,nqn=q", "-device nvme,serial=a" },
		  "-device nvme-subsys,nqn=q: id: id property not set; controllers name the "
		  "subsystem by it" },
		{ { "-device nvme,serial=a,logical_block_size=4096" },
		  "-device nvme,serial=a,logical_block_size=4096: logical_block_size: is of the "
		  "namespace that drive= makes; without drive= give it to the namespace" },
		{ { "-device nvme,serial=a,write-cache=off" },
		  "-device nvme,serial=a,write-cache=off: write-cache: is of the namespace that "
		  "drive= makes; without drive= give it to the namespace" },
		{ { "-drive if=none,id=d", "-device nvme,serial=a,drive=d" },
		  "-drive if=none,id=d: neither file nor size given" },
		{ { "-drive id=d,driver=null-co,file=x", "-device nvme,serial=a,drive=d" },
		  "-drive id=d,driver=null-co,file=x: driver: null-co has no file" },
		{ { "-drive id=d,size=1M,readonly=on", "-device nvme,serial=a,drive=d" },
		  "-drive id=d,size=1M,readonly=on: readonly: is of a file, and there is none" },
		{ { "-drive id=d,file=x", "-drive id=e,file=x", "-device nvme,serial=a,drive=d" },
		  "-drive id=e,file=x: file: 'x' is already in use by the drive at -drive "
		  "id=d,file=x" },
		{ { "-drive id=d,size=512", "-device nvme,serial=a",
		    "-device nvme-ns,drive=d,logical_block_size=4k" },
		  "-drive id=d,size=512: size: is less than one logical block of 4096 bytes" },
		{ { "-drive id=d,file=x" },
		  "-drive id=d,file=x: no controller uses it; add -device nvme,serial=S,drive=X or "
		  "a "
		  "[controller X]" },
	};
	struct conf c;
	char err[1024];
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		if (!read_words(&c, rows[i].word, COUNT(rows[i].word), err, sizeof(err)))
			fail_msg("row %zu is taken", i);
		assert_string_equal(err, rows[i].err);
		conf_free(&c);
	}
}

static void test_default_machine(void **state)
{
	struct conf c;
	char err[256];

	assert_int_equal(read_words(&c, NULL, 0, err, sizeof(err)), 0);
	assert_int_equal(c.nr_ctrls, 1);
	assert_int_equal(c.ctrl[0].index, -1);
	assert_int_not_equal(strlen(c.ctrl[0].serial), 0);
	assert_int_equal(c.nr_ns, 1);
	assert_int_equal(c.ns[0].nsid, 1);
	assert_int_equal(c.ns[0].logical_block_size, 512);
	assert_int_equal(c.ns[0].physical_block_size, 512);
	assert_int_equal(c.nr_drives, 1);
	assert_null(c.drive[0].file);
	assert_int_equal(c.drive[0].size, 0); /* CONF_DEFAULT_SIZE */
	assert_true(c.drive[0].used);
	conf_free(&c);
}

/* `drive` of a controller: namespace 1, made before those of nvme-ns, with its block properties */
static void test_legacy(void **state)
{
	static const char *const words[] = {
		DRIVE("d"),
		DRIVE("e"),
		DRIVE("f"),
		"-device nvme,serial=a,drive=d,logical_block_size=4k,write-cache=off",
		"-device nvme-ns,drive=e",
		"-device nvme,serial=b,drive=f",
	};
	struct conf c;
	char err[1024];

	assert_int_equal(read_words(&c, words, COUNT(words), err, sizeof(err)), 0);
	assert_int_equal(c.nr_ns, 3);
	assert_true(c.ns[0].legacy);
	assert_int_equal(c.ns[0].nsid, 1);
	assert_int_equal(c.ns[0].ctrl_index, 0);
	assert_int_equal(c.ns[0].drive_index, 0);
	assert_int_equal(c.ns[0].logical_block_size, 4096);
	assert_int_equal(c.ns[0].physical_block_size, 4096);
	assert_int_equal(c.ns[0].write_cache, CONF_OFF);
	assert_int_equal(c.ns[1].nsid, 2);
	assert_int_equal(c.ns[1].drive_index, 1);
	assert_int_equal(c.ns[2].nsid, 1); /* of another subsystem */
	assert_int_equal(c.ns[2].ctrl_index, 1);
	conf_free(&c);
}

/* the parameters of metadata, copy, atomicity and attachment arrive, and QEMU's defaults */
static void test_namespace(void **state)
{
	static const char *const words[] = {
		DRIVE("d"),
		DRIVE("e"),
		"-device nvme-subsys,id=s,capacity=64M",
		"-device nvme,serial=a,subsys=s,ctratt.mem=on,atomic.dn=on,atomic.awun=3,"
		"atomic.awupf=1",
		"-device nvme-ns,drive=d",
		"-device nvme-ns,drive=e,shared=off,detached=on,ms=64,mset=1,pi=2,pil=1,pif=1,"
		"mssrl=9,mcl=90,msrc=8,atomic.nawun=7,atomic.nawupf=7,atomic.nabsn=7,"
		"atomic.nabspf=7,atomic.nabo=2,atomic.mam=on,min_io_size=8k,opt_io_size=64k,"
		"discard_granularity=1M",
	};
	const struct conf_ns *ns;
	struct conf c;
	char err[1024];

	if (read_words(&c, words, COUNT(words), err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(c.subsys[0].capacity, 64 << 20);
	assert_true(c.ctrl[0].ctratt_mem && c.ctrl[0].atomic_dn);
	assert_int_equal(c.ctrl[0].awun, 3);
	assert_int_equal(c.ctrl[0].awupf, 1);

	ns = &c.ns[0];
	assert_true(ns->shared && !ns->detached);
	assert_int_equal(ns->ms | ns->mset | ns->pi | ns->pil | ns->pif, 0);
	assert_int_equal(ns->mssrl, 128);
	assert_int_equal(ns->mcl, 128);
	assert_int_equal(ns->msrc, 127);
	assert_int_equal(ns->nawun | ns->nawupf | ns->nabsn | ns->nabspf | ns->nabo, 0);
	assert_int_equal(ns->min_io_size | ns->opt_io_size, 0);
	assert_int_equal(ns->discard_granularity, UINT32_MAX);

	ns = &c.ns[1];
	assert_true(!ns->shared && ns->detached && ns->mam);
	assert_int_equal(ns->ms, 64);
	assert_int_equal(ns->mset, 1);
	assert_int_equal(ns->pi, 2);
	assert_int_equal(ns->pil, 1);
	assert_int_equal(ns->pif, 1);
	assert_int_equal(ns->mssrl, 9);
	assert_int_equal(ns->mcl, 90);
	assert_int_equal(ns->msrc, 8);
	assert_int_equal(ns->nawun, 7);
	assert_int_equal(ns->nawupf, 7);
	assert_int_equal(ns->nabsn, 7);
	assert_int_equal(ns->nabspf, 7);
	assert_int_equal(ns->nabo, 2);
	assert_int_equal(ns->min_io_size, 8192);
	assert_int_equal(ns->opt_io_size, 65536);
	assert_int_equal(ns->discard_granularity, 1 << 20);
	conf_free(&c);
}

/* QEMU: without its own, NAWUN is NAWUPF; an AWUPF past AWUN is reported as 0 */
static void test_atomic(void **state)
{
	static const char *const words[] = {
		DRIVE("d"),
		"-device nvme,serial=a,atomic.awun=3,atomic.awupf=4",
		"-device nvme-ns,drive=d,atomic.nawupf=5",
	};
	struct conf c;
	char err[1024];

	if (read_words(&c, words, COUNT(words), err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(c.ctrl[0].awun, 3);
	assert_int_equal(c.ctrl[0].awupf, 0);
	assert_int_equal(c.ns[0].nawun, 5);
	assert_int_equal(c.ns[0].nawupf, 5);
	conf_free(&c);
}

/* bus= names a controller; without it, the one defined last */
static void test_bus(void **state)
{
	static const char *const words[] = {
		DRIVE("d"),
		DRIVE("e"),
		DRIVE("f"),
		DRIVE("g"),
		"-device nvme,id=a,serial=a",
		"-device nvme-ns,drive=d",
		"-device nvme,id=b,serial=b",
		"-device nvme-ns,drive=e",
		"-device nvme-ns,drive=f,bus=a,nsid=5",
		"-device nvme-ns,drive=g,bus=a",
	};
	static const struct {
		int ctrl;
		unsigned int nsid;
	} want[] = { { 0, 1 }, { 1, 1 }, { 0, 5 }, { 0, 2 } };
	struct conf c;
	char err[1024];
	unsigned int i;

	assert_int_equal(read_words(&c, words, COUNT(words), err, sizeof(err)), 0);
	assert_int_equal(c.nr_ns, 4);
	for (i = 0; i < 4; i++) {
		assert_int_equal(c.ns[i].ctrl_index, want[i].ctrl);
		assert_int_equal(c.ns[i].nsid, want[i].nsid);
		assert_int_equal(c.ns[i].drive_index, i);
	}
	conf_free(&c);
}

static void test_subsys(void **state)
{
	static const char *const words[] = {
		"-device nvme-subsys,id=s",	  "-device nvme-subsys,id=t,nqn=named",
		"-device nvme,serial=a,subsys=s", "-device nvme,serial=a,subsys=s",
		"-device nvme,serial=a,subsys=t", "-device nvme,serial=a",
	};
	static const struct {
		int index;
		const char *nqn;
	} want[] = {
		{ 0, "nqn.2019-08.org.qemu:s" },
		{ 0, "nqn.2019-08.org.qemu:s" },
		{ 1, "nqn.2019-08.org.qemu:named" },
		{ -1, "nqn.2019-08.org.qemu:a" },
	};
	struct conf c;
	char err[1024], nqn[224];
	unsigned int i;

	assert_int_equal(read_words(&c, words, COUNT(words), err, sizeof(err)), 0);
	for (i = 0; i < COUNT(want); i++) {
		assert_int_equal(c.ctrl[i].index, want[i].index);
		assert_string_equal(conf_nqn(&c, &c.ctrl[i], nqn, sizeof(nqn)), want[i].nqn);
	}
	conf_free(&c);
}

/* NVMe base specification, 4.7: at most 223 bytes, the terminating zero not counted */
static void test_nqn_length(void **state)
{
	char word[300] = "-device nvme-subsys,id=s,nqn=", err[1024], nqn[224];
	size_t n = strlen(word), most = 223 - strlen("nqn.2019-08.org.qemu:");
	const char *words[] = { word, "-device nvme,serial=a,subsys=s" };
	struct conf c;

	memset(word + n, 'x', most);
	assert_int_equal(read_words(&c, words, 2, err, sizeof(err)), 0);
	assert_int_equal(strlen(conf_nqn(&c, &c.ctrl[0], nqn, sizeof(nqn))), 223);
	conf_free(&c);
	word[n + most] = 'x';
	assert_int_equal(read_words(&c, words, 2, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "nqn: must be 1 to 202 characters"));
	conf_free(&c);
}

static void test_num_queues(void **state)
{
	static const char *const words[] = { "-device nvme,serial=a,num_queues=9" };
	struct conf c;
	char err[1024];

	assert_int_equal(read_words(&c, words, 1, err, sizeof(err)), 0);
	assert_int_equal(c.ctrl[0].max_ioqpairs, 8);
	conf_free(&c);
}

/* Namespaces that name no identifier get one that is the same at each start, and their own. */
static void test_identifiers(void **state)
{
	static const char *const words[] = {
		DRIVE("d"),
		DRIVE("e"),
		DRIVE("f"),
		DRIVE("g"),
		DRIVE("h"),
		"-device nvme,serial=a",
		"-device nvme-ns,drive=d",
		"-device nvme-ns,drive=e",
		"-device nvme-ns,drive=f,eui64-default=on",
		"-device nvme-ns,drive=g,eui64=7",
		"-device nvme-ns,drive=h,uuid=00000000-0000-0000-0000-000000000000",
	};
	struct conf a, b;
	char err[1024];

	assert_int_equal(read_words(&a, words, COUNT(words), err, sizeof(err)), 0);
	assert_int_equal(read_words(&b, words, COUNT(words), err, sizeof(err)), 0);
	assert_true(a.ns[0].uuid_set);
	assert_int_equal(a.ns[0].uuid[6] >> 4, 5);	/* RFC 4122: of a name, SHA-1 */
	assert_int_equal(a.ns[0].uuid[8] & 0xc0, 0x80); /* its variant */
	assert_memory_equal(a.ns[0].uuid, b.ns[0].uuid, 16);
	assert_memory_not_equal(a.ns[0].uuid, a.ns[1].uuid, 16);
	/* QEMU: 52-54-00-00 and the namespace's number among all */
	assert_int_equal(a.ns[2].eui64, 0x5254000000000003);
	assert_false(a.ns[2].uuid_set);
	assert_int_equal(a.ns[3].eui64, 7);
	assert_false(a.ns[3].uuid_set);
	/* all zeroes is no UUID */
	assert_true(a.ns[4].uuid_set);
	assert_int_equal(a.ns[4].uuid[6] >> 4, 5);
	conf_free(&a);
	conf_free(&b);
}

/* 256 namespaces have room in a subsystem (Identify Controller NN); one more has not */
static void test_full(void **state)
{
	struct conf c;
	char err[1024], word[64];
	int i;

	conf_init(&c);
	assert_int_equal(conf_word(&c, "-device", "nvme,serial=a", NULL, err, sizeof(err)), 0);
	for (i = 0; i < 257; i++) {
		snprintf(word, sizeof(word), "id=d%d,driver=null-co", i);
		assert_int_equal(conf_word(&c, "-drive", word, NULL, err, sizeof(err)), 0);
		snprintf(word, sizeof(word), "nvme-ns,drive=d%d", i);
		assert_int_equal(conf_word(&c, "-device", word, NULL, err, sizeof(err)), 0);
	}
	assert_int_equal(conf_link(&c, err, sizeof(err)), -1);
	assert_string_equal(err, "-device nvme-ns,drive=d256: nsid: no free namespace id; allowed: "
				 "256 namespaces");
	assert_int_equal(c.ns[255].nsid, 256);
	conf_free(&c);
}

/* A file may have a namespace above its controller; it is numbered as if it stood below. */
static void test_order(void **state)
{
	static const char text[] = "[namespace b]\ncontroller = c\n"
				   "[controller c]\nserial = a\ndrive = d\n"
				   "[namespace e]\n"
				   "[drive d]\nsize = 1M\n";
	struct conf c;
	char err[1024];

	if (read_text(&c, text, err, sizeof(err)))
		fail_msg("%s", err);
	assert_true(c.ns[0].legacy);
	assert_int_equal(c.ns[0].nsid, 1);
	assert_string_equal(c.ns[1].id, "b");
	assert_int_equal(c.ns[1].nsid, 2);
	assert_string_equal(c.ns[2].id, "e");
	assert_int_equal(c.ns[2].nsid, 3);
	conf_free(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),	   cmocka_unit_test(test_default_machine),
		cmocka_unit_test(test_legacy),	   cmocka_unit_test(test_bus),
		cmocka_unit_test(test_subsys),	   cmocka_unit_test(test_nqn_length),
		cmocka_unit_test(test_num_queues), cmocka_unit_test(test_identifiers),
		cmocka_unit_test(test_full),	   cmocka_unit_test(test_order),
		cmocka_unit_test(test_namespace),  cmocka_unit_test(test_atomic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
