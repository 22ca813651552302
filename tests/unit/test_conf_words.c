/* SPDX-License-Identifier: MIT */
/*
 * test_conf_words.c - QEMU's -drive and -device words: what is taken, and what is said of the rest
 */
#include <stdlib.h>

#include "conf_test.h"

/* Every line of QEMU's NVMe documentation for what is supported, and then some. */
static void test_good(void **state)
{
	static const char *const lines[][8] = {
		{ "-drive file=nvm.img,if=none,id=nvm", "-device nvme,serial=deadbeef,drive=nvm" },
		{ "-device nvme,id=nvme-ctrl-0,serial=deadbeef",
		  "-drive file=nvm-1.img,if=none,id=nvm-1", "-device nvme-ns,drive=nvm-1",
		  "-drive file=nvm-2.img,if=none,id=nvm-2", "-device nvme-ns,drive=nvm-2" },
		{ "-device nvme-subsys,id=nvme-subsys-0,nqn=subsys0",
		  "-device nvme,serial=deadbeef,subsys=nvme-subsys-0",
		  "-device nvme,serial=deadbeef,subsys=nvme-subsys-0" },
		{ "-device nvme,serial=deadbeef,max_ioqpairs=65535,msix_qsize=2048,mdts=9" },
		{ "-device nvme,serial=deadbeef,use-intel-id=on" },
		{ "-device nvme,serial=deadbeef,use-intel-id" },
		{ "-device nvme,serial=deadbeef,", "-drive id=d,size=1G,if=none" },
		{ "-device driver=nvme,serial=deadbeef" },
		{ "-device serial=deadbeef,driver=nvme" },
		/* the default of what is not supported changes nothing */
		{ "-device nvme,serial=a,cmb_size_mb=0,legacy-cmb=off,dbcs=on,sriov_max_vfs=0" },
		{ "-device nvme,id=c,serial=a",
		  "-drive if=none,id=d,size=64M,format=raw,cache=writeback",
		  "-device nvme-ns,drive=d,bus=c,shared=on,detached=off,ms=0,zoned=off,"
		  "zoned.zone_size=0x8000000" },
	};
	struct conf c;
	char err[1024];
	size_t i;

	for (i = 0; i < COUNT(lines); i++) {
		if (read_words(&c, lines[i], COUNT(lines[i]), err, sizeof(err)))
			fail_msg("line %zu: %s", i, err);
		conf_free(&c);
	}
}

/* One bad line each, and the sentence it must give. */
static void test_bad(void **state)
{
	static const struct {
		const char *word, *err;
	} rows[] = {
		{ "-device nvme", "-device nvme: serial: serial property not set" },
		{ "-device nvme,serial=", "-device nvme,serial=: serial: must be 1 to 20 printable "
					  "ASCII characters, not ''" },
		{ "-device nvme,serial=123456789012345678901",
		  "-device nvme,serial=123456789012345678901: serial: must be 1 to 20 printable "
		  "ASCII characters, not '123456789012345678901'" },
		{ "-device nvme,serial=a\xc3\xa9",
		  "-device nvme,serial=a\xc3\xa9: serial: must be 1 to 20 printable ASCII "
		  "characters, not 'a\xc3\xa9'" },
		{ "-device nvme,serial=a,model=12345678901234567890123456789012345678901",
		  "-device nvme,serial=a,model=12345678901234567890123456789012345678901: model: "
		  "must "
		  "be 1 to 40 printable ASCII characters, not "
		  "'12345678901234567890123456789012345678901'" },
		{ "-device nvme,firmware-version=123456789",
		  "-device nvme,firmware-version=123456789: firmware-version: must be 1 to 8 "
		  "printable ASCII characters, not '123456789'" },
		{ "-device nvme,max_ioqpairs=0",
		  "-device nvme,max_ioqpairs=0: max_ioqpairs: must be "
		  "between 1 and 65535, not '0'" },
		{ "-device nvme,max_ioqpairs=65536",
		  "-device nvme,max_ioqpairs=65536: max_ioqpairs: "
		  "must be between 1 and 65535, not '65536'" },
		{ "-device nvme,num_queues=1",
		  "-device nvme,num_queues=1: num_queues: must be 0 or "
		  "between 2 and 65536, not '1'" },
		{ "-device nvme,msix_qsize=2049",
		  "-device nvme,msix_qsize=2049: msix_qsize: must be "
		  "between 1 and 2048, not '2049'" },
		{ "-device nvme,mqes=0", "-device nvme,mqes=0: mqes: must be between 1 and 65535, "
					 "not '0'" },
		{ "-device nvme,mdts=0", "-device nvme,mdts=0: mdts: must be between 1 and 9, "
					 "not '0'" },
		{ "-device nvme,mdts=10", "-device nvme,mdts=10: mdts: must be between 1 and 9, "
					  "not '10'" },
		{ "-device nvme,mdts=x", "-device nvme,mdts=x: mdts: must be between 1 and 9, "
					 "not 'x'" },
		{ "-device nvme,mdts", "-device nvme,mdts: mdts: needs a value: mdts=VALUE" },
		{ "-device nvme,vsl=0",
		  "-device nvme,vsl=0: vsl: must be non-zero and at most 255, "
		  "not '0'" },
		{ "-device nvme,aerl=256",
		  "-device nvme,aerl=256: aerl: must be between 0 and 255, "
		  "not '256'" },
		{ "-device nvme,aer_max_queued=-1",
		  "-device nvme,aer_max_queued=-1: aer_max_queued: must be between 0 and "
		  "4294967295, "
		  "not '-1'" },
		{ "-device nvme,use-intel-id=maybe",
		  "-device nvme,use-intel-id=maybe: use-intel-id: must be 'on' or 'off', not "
		  "'maybe'" },
		{ "-device nvme,nouse-intel-id", "-device nvme,nouse-intel-id: nouse-intel-id: no "
						 "such key of nvme; write use-intel-id=off" },
		{ "-device nvme-ns,write-cache=maybe",
		  "-device nvme-ns,write-cache=maybe: write-cache: must be 'on', 'off' or 'auto', "
		  "not 'maybe'" },
		{ "-device nvme-ns,logical_block_size=1000",
		  "-device nvme-ns,logical_block_size=1000: logical_block_size: must be a power of "
		  "two between 512 and 2M, not '1000'" },
		{ "-device nvme-ns,logical_block_size=256",
		  "-device nvme-ns,logical_block_size=256: logical_block_size: must be a power of "
		  "two between 512 and 2M, not '256'" },
		{ "-device nvme-ns,physical_block_size=4M",
		  "-device nvme-ns,physical_block_size=4M: physical_block_size: must be a power of "
		  "two between 512 and 2M, not '4M'" },
		{ "-device nvme-ns,nsid=257", "-device nvme-ns,nsid=257: nsid: must be a namespace "
					      "id between 0 and 256, not '257'" },
		{ "-device nvme-ns,eui64=1g", "-device nvme-ns,eui64=1g: eui64: must be a number "
					      "below 2^64, not '1g'" },
		{ "-device nvme-ns,file=x", "-device nvme-ns,file=x: file: no such key of nvme-ns; "
					    "it is one of -drive" },
		/* names */
		{ "-device nvme,serail=a",
		  "-device nvme,serail=a: serail: no such key of nvme; did "
		  "you mean 'serial'?" },
		{ "-device nvme,mtds=3", "-device nvme,mtds=3: mtds: no such key of nvme; did you "
					 "mean 'mdts'?" },
		{ "-device nvme,nsid=1",
		  "-device nvme,nsid=1: nsid: no such key of nvme; it is one "
		  "of nvme-ns" },
		{ "-device nvme-subsys,colour=red",
		  "-device nvme-subsys,colour=red: colour: no such "
		  "key of nvme-subsys; allowed: id, nqn, "
		  "capacity, fdp, fdp.runs, "
		  "fdp.nrg, fdp.nruh, fdp.op, fdp.isolation, fdp.victim, fdp.erutl" },
		{ "-device virtio-blk,drive=x",
		  "-device virtio-blk,drive=x: driver: 'virtio-blk' is not a valid device model "
		  "name; allowed: nvme, nvme-ns, nvme-subsys" },
		{ "-device ", "-device : driver: Parameter 'driver' is missing; allowed: nvme, "
			      "nvme-ns, nvme-subsys" },
		{ "-device {\"driver\":\"nvme\"}", "-device {\"driver\":\"nvme\"}: JSON is not "
						   "supported yet; allowed: DRIVER,KEY=VALUE,..." },
		{ "-device nvme,serial=a,serial=b", "-device nvme,serial=a,serial=b: serial: given "
						    "twice" },
		{ "-device nvme,id=a,id=b", "-device nvme,id=a,id=b: id: given twice" },
		{ "-device nvme,=3", "-device nvme,=3: an option without a name; allowed: "
				     "KEY=VALUE,..." },
		{ "-device nvme,id=-a",
		  "-device nvme,id=-a: id: must be an identifier (letters, "
		  "digits, '-', '.', '_', beginning with a letter or digit, at "
		  "most 63), not '-a'" },
		{ "-device nvme,id=", "-device nvme,id=: id: must not be empty" },
		/* later */
		{ "-device nvme,spdm_port=1", "-device nvme,spdm_port=1: spdm_port: not supported yet; allowed: 0" },
		{ "-device nvme,legacy-cmb=maybe", "-device nvme,legacy-cmb=maybe: legacy-cmb: must be "
						   "'on' or 'off', not 'maybe'" },
		{ "-device memory-backend-file,id=m",
		  "-device memory-backend-file,id=m: driver: 'memory-backend-file' is not a valid "
		  "device model name; allowed: nvme, nvme-ns, nvme-subsys" },
		{ "-object memory-backend-ram,id=m", "-object memory-backend-ram,id=m: qom-type: invalid "
						     "object type: memory-backend-ram; allowed: "
						     "memory-backend-file" },
		{ "-object id=m", "-object id=m: qom-type: Parameter 'qom-type' is missing; allowed: "
				  "memory-backend-file" },
		{ "-object memory-backend-file,mem-path=f",
		  "-object memory-backend-file,mem-path=f: id: id property not set; a device names "
		  "the memory by it" },
		{ "-object memory-backend-file,id=m,size=48",
		  "-object memory-backend-file,id=m,size=48: size: must be a power of two between 16 "
		  "and 1T, not '48'" },
		{ "-device nvme,addr=04.8", "-device nvme,addr=04.8: addr: must be SLOT or "
					    "SLOT.FUNCTION, 0 to 1f and 0 to 7, not '04.8'" },
		{ "-device nvme,sriov_max_vfs=256,",
		  "-device nvme,sriov_max_vfs=256,: sriov_max_vfs: must be between 0 and 255, not "
		  "'256'" },
		{ "-device nvme-ns,zoned=maybe", "-device nvme-ns,zoned=maybe: zoned: must be 'on' "
						 "or 'off', not 'maybe'" },
		{ "-device nvme-ns,fdp.ruhs=", "-device nvme-ns,fdp.ruhs=: fdp.ruhs: must be 1 to "
					       "1023 characters, not ''" },
		/* metadata */
		{ "-device nvme-ns,pi=4", "-device nvme-ns,pi=4: pi: must be between 0 and 3, not "
					  "'4'" },
		{ "-device nvme-ns,pif=3", "-device nvme-ns,pif=3: pif: must be between 0 and 2, "
					   "not '3'" },
		{ "-device nvme-ns,mset=2", "-device nvme-ns,mset=2: mset: must be between 0 and "
					    "1, not '2'" },
		{ "-device nvme-ns,ms=65536", "-device nvme-ns,ms=65536: ms: must be between 0 and "
					      "65535, not '65536'" },
		{ "-device nvme-ns,shared=maybe", "-device nvme-ns,shared=maybe: shared: must be "
						  "'on' or 'off', not 'maybe'" },
		{ "-device nvme-subsys,id=s,fdp=maybe", "-device nvme-subsys,id=s,fdp=maybe: fdp: "
							"must be 'on' or 'off', not 'maybe'" },
		{ "-device nvme-subsys,nqn=", "-device nvme-subsys,nqn=: nqn: must be 1 to 202 "
					      "characters, not ''" },
		/* drives */
		{ "-drive file=x,if=none",
		  "-drive file=x,if=none: id: id property not set; a device "
		  "names the drive by it" },
		{ "-drive ", "-drive : nothing given; allowed: KEY=VALUE,..." },
		{ "-drive id=d,file=x,if=virtio",
		  "-drive id=d,file=x,if=virtio: if: must be 'none', "
		  "not 'virtio'" },
		{ "-drive id=d,file=x,format=qcow2",
		  "-drive id=d,file=x,format=qcow2: format: must "
		  "be 'raw', not 'qcow2'" },
		{ "-drive id=d,driver=qcow2", "-drive id=d,driver=qcow2: driver: must be 'raw' or "
					      "'null-co', not 'qcow2'" },
		{ "-drive id=d,file.driver=blkdebug",
		  "-drive id=d,file.driver=blkdebug: file.driver: "
		  "not supported yet" },
		{ "-drive id=d,cache=none", "-drive id=d,cache=none: cache: not supported yet; "
					    "allowed: writeback" },
		{ "-drive id=d,size=1.5",
		  "-drive id=d,size=1.5: size: must be a multiple of 512, as "
		  "4096, 512k or 1.5G, not '1.5'" },
		{ "-drive id=d,size=0", "-drive id=d,size=0: size: must be a multiple of 512, as "
					"4096, 512k or 1.5G, not '0'" },
		{ "-drive id=d,size=513",
		  "-drive id=d,size=513: size: must be a multiple of 512, as "
		  "4096, 512k or 1.5G, not '513'" },
		{ "-drive id=d,readonly=on,read-only=off",
		  "-drive id=d,readonly=on,read-only=off: read-only: is the same as 'readonly', "
		  "which is given too" },
		{ "-device nvme,serial=a\nb", "-device nvme,serial=a?b: serial: must be 1 to 20 "
					      "printable ASCII characters, not 'a?b'" },
	};
	struct conf c;
	char err[1024];
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(read_words(&c, &rows[i].word, 1, err, sizeof(err)), -1);
		assert_string_equal(err, rows[i].err);
		conf_free(&c);
	}
}

static void test_values(void **state)
{
	static const char *const words[] = {
		"-drive file=a,,b.img,if=none,id=d,format=raw,size=1.5G,read-only=on",
		"-drive driver=null-co,if=none,id=n",
		"-device nvme,id=c,serial=S,,1,model=A "
		"drive,firmware-version=2.0,max_ioqpairs=0x10,"
		"msix_qsize=17,mqes=1023,mdts=5,vsl=6,aerl=7,aer_max_queued=9,use-intel-id=on",
		"-device nvme-ns,id=x,drive=d,nsid=7,uuid=6ba7b810-9dad-11d1-80b4-00c04fd430c8,"
		"nguid=00112233445566778899aabbccddeeff,eui64=0x5254000000000001,"
		"logical_block_size=4k,physical_block_size=16k,write-cache=off",
		"-device nvme-ns,drive=n",
	};
	struct conf c;
	char err[1024];

	assert_int_equal(read_words(&c, words, COUNT(words), err, sizeof(err)), 0);
	assert_int_equal(c.nr_ctrls, 1);
	assert_string_equal(c.ctrl[0].serial, "S,1");
	assert_string_equal(c.ctrl[0].model, "A drive");
	assert_string_equal(c.ctrl[0].firmware_version, "2.0");
	assert_int_equal(c.ctrl[0].max_ioqpairs, 16);
	assert_int_equal(c.ctrl[0].msix_qsize, 17);
	assert_int_equal(c.ctrl[0].mqes, 1023);
	assert_int_equal(c.ctrl[0].mdts, 5);
	assert_int_equal(c.ctrl[0].vsl, 6);
	assert_int_equal(c.ctrl[0].aerl, 7);
	assert_int_equal(c.ctrl[0].aer_max_queued, 9);
	assert_true(c.ctrl[0].use_intel_id);
	assert_int_equal(c.ctrl[0].index, -1);

	assert_int_equal(c.nr_ns, 2);
	assert_int_equal(c.ns[0].nsid, 7);
	assert_true(c.ns[0].uuid_set);
	assert_int_equal(c.ns[0].uuid[0], 0x6b);
	assert_int_equal(c.ns[0].nguid[15], 0xff);
	assert_int_equal(c.ns[0].eui64, 0x5254000000000001);
	assert_int_equal(c.ns[0].logical_block_size, 4096);
	assert_int_equal(c.ns[0].physical_block_size, 16384);
	assert_int_equal(c.ns[0].write_cache, CONF_OFF);
	assert_int_equal(c.ns[1].nsid, 1); /* the lowest free one */
	assert_int_equal(c.ns[1].write_cache, CONF_AUTO);

	assert_string_equal(c.drive[c.ns[0].drive_index].file, "a,b.img");
	assert_int_equal(c.drive[c.ns[0].drive_index].size, 3ull << 29);
	assert_true(c.drive[c.ns[0].drive_index].readonly);
	assert_false(c.drive[c.ns[0].drive_index].null);
	assert_true(c.drive[c.ns[1].drive_index].null);
	conf_free(&c);
}

/* QEMU's defaults, qemu/hw/nvme's property lists */
static void test_defaults(void **state)
{
	static const char *const words[] = { "-device nvme,serial=a" };
	struct conf c;
	char err[1024];

	assert_int_equal(read_words(&c, words, 1, err, sizeof(err)), 0);
	assert_string_equal(c.ctrl[0].model, "QEMU NVMe Ctrl");
	assert_string_equal(c.ctrl[0].firmware_version, NVMESIM_VERSION);
	assert_int_equal(c.ctrl[0].max_ioqpairs, 64);
	assert_int_equal(c.ctrl[0].msix_qsize, 65);
	assert_int_equal(c.ctrl[0].mqes, 0x7ff);
	assert_int_equal(c.ctrl[0].mdts, 7);
	assert_int_equal(c.ctrl[0].vsl, 7);
	assert_int_equal(c.ctrl[0].aerl, 3);
	assert_int_equal(c.ctrl[0].aer_max_queued, 64);
	assert_false(c.ctrl[0].use_intel_id);
	assert_int_equal(c.daemon.mode, 0600);
	assert_false(c.daemon.linux_names);
	assert_int_equal(c.nr_ns, 0);
	conf_free(&c);
}

static char *help_text(const char *driver, int *ret)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	*ret = conf_help(f, driver);
	fclose(f);
	return text;
}

static void test_help(void **state)
{
	char *text, *line, *save, last[300] = "";
	int ret;

	text = help_text(NULL, &ret);
	assert_int_equal(ret, 0);
	assert_string_equal(text,
			    "Storage devices:\n"
			    "name \"nvme\", bus PCI, desc \"Non-Volatile Memory Express\"\n"
			    "name \"nvme-ns\", bus nvme-bus, desc \"Virtual NVMe namespace\"\n"
			    "name \"nvme-subsys\", desc \"Virtual NVMe subsystem\"\n");
	free(text);

	text = help_text("nvme", &ret);
	assert_int_equal(ret, 0);
	assert_non_null(strstr(text, "nvme options:\n  account-failed=<OnOffAuto> - "));
	assert_non_null(strstr(text, "\n  aerl=<uint8>           - "));
	assert_non_null(strstr(text, "\n  subsys=<link<nvme-subsys>> - "));
	assert_non_null(strstr(text, "not supported yet (default: true)\n"));
	assert_null(strstr(text, "\n  id="));
	/* sorted, as QEMU's */
	strtok_r(text, "\n", &save);
	while ((line = strtok_r(NULL, "\n", &save))) {
		assert_true(strcmp(last, line) < 0);
		snprintf(last, sizeof(last), "%s", line);
	}
	free(text);

	text = help_text("nvme-ns", &ret);
	assert_int_equal(ret, 0);
	assert_non_null(strstr(text, "\n  eui64-default=<bool>   - "));
	assert_non_null(strstr(text, " (default: 134217728)\n"));
	assert_null(strstr(text, "  file="));
	free(text);

	text = help_text("nvme-subsys", &ret);
	assert_int_equal(ret, 0);
	assert_non_null(strstr(text, "\n  nqn=<str>              - "));
	free(text);

	text = help_text("virtio-blk", &ret);
	assert_int_equal(ret, -1);
	free(text);
}

/* Whatever the words are: a machine or a sentence, never a fault. */
static void test_random(void **state)
{
	static const char *const heads[] = {
		"-drive id=a,size=1M",
		"-drive id=b,file=x",
		"-device nvme-subsys,id=s",
		"-device nvme,id=c,serial=1",
		"-device nvme,serial=2,drive=b",
		"-device nvme-ns,drive=a",
		"-device nvme-ns,drive=b",
		"-drive ",
		"-device ",
	};
	static const char *const bits[] = {
		",",
		",,",
		"=",
		",id=",
		",serial=",
		",drive=",
		"a",
		"on",
		",size=",
		"1.5G",
		"0x1",
		",uuid=",
		"auto",
		",nguid=",
		",file=",
		",driver=",
		",bus=",
		"c",
		"-",
		"\xff",
		",nsid=",
		"256",
		",logical_block_size=",
		"4k",
		"help",
		" ",
		",mdts=",
		",subsys=s",
		",eui64=",
		",readonly",
		",nqn=",
		",write-cache=",
	};
	unsigned int seed = 1, made = 0;
	int round, i;

	for (round = 0; round < 10000; round++) {
		char word[4][120], err[200];
		const char *words[4];
		struct conf c;

		for (i = 0; i < 4; i++) {
			int n = rand_r(&seed) % 3 ? 0 : rand_r(&seed) % 5;

			strcpy(word[i], heads[(size_t)rand_r(&seed) % COUNT(heads)]);
			while (n--)
				strcat(word[i], bits[(size_t)rand_r(&seed) % COUNT(bits)]);
			words[i] = word[i];
		}
		if (read_words(&c, words, 4, err, sizeof(err)))
			assert_int_not_equal(err[0], '\0');
		else
			made++;
		conf_free(&c);
	}
	assert_true(made > 20); /* else it tries nothing but the first check */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
		cmocka_unit_test(test_values), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_help),   cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
