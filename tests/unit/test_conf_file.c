/* SPDX-License-Identifier: MIT */
/*
 * test_conf_file.c - nvmesim.conf: what is taken, what is said with its line, and the example
 */
#include <stdlib.h>

#include "conf_test.h"

static void test_good(void **state)
{
	static const char text[] = "# a comment\n"
				   "; another\n"
				   "\n"
				   "  [subsystem s]\r\n"
				   "nqn = over there\r\n"
				   "[controller c0] ; with a comment\n"
				   "serial=S1 ; and here\n"
				   "\tmdts : 5\n"
				   "    subsys = s\n"
				   "[controller c1]\n"
				   "serial = S1\n"
				   "subsys = s\n"
				   "[namespace a]\n"
				   "file = a b.img\n"
				   "size = 64M\n"
				   "readonly = yes\n"
				   "[ namespace   b ]\n"
				   "controller = c0\n"
				   "nsid = 0x10\n"
				   "[namespace c]\n"
				   "drive = d\n"
				   "[drive d]\n"
				   "driver = null-co\n"
				   "[daemon]\n"
				   "state = /s\n"
				   "mode = 0660\n"
				   "node_names = linux\n"
				   "group = root";
	struct conf c;
	char err[1024];
	char nqn[224];

	if (read_text(&c, text, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(c.nr_ctrls, 2);
	assert_int_equal(c.ctrl[0].mdts, 5);
	assert_string_equal(c.ctrl[0].serial, "S1");
	assert_int_equal(c.ctrl[0].index, 0);
	assert_int_equal(c.ctrl[1].index, 0);
	assert_string_equal(conf_nqn(&c, &c.ctrl[1], nqn, sizeof(nqn)),
			    "nqn.2019-08.org.qemu:over there");
	assert_int_equal(c.nr_ns, 3);
	assert_int_equal(c.ns[0].nsid, 1);
	assert_int_equal(c.ns[0].ctrl_index, 1); /* the last one above */
	assert_string_equal(c.drive[c.ns[0].drive_index].file, "a b.img");
	assert_int_equal(c.drive[c.ns[0].drive_index].size, 64 << 20);
	assert_true(c.drive[c.ns[0].drive_index].readonly);
	assert_int_equal(c.ns[1].nsid, 16);
	assert_int_equal(c.ns[1].ctrl_index, 0);
	assert_null(c.drive[c.ns[1].drive_index].file); /* 1 GiB of memory */
	assert_int_equal(c.drive[c.ns[1].drive_index].size, 0);
	assert_int_equal(c.ns[2].nsid, 2);
	assert_true(c.drive[c.ns[2].drive_index].null);
	assert_string_equal(c.daemon.state_dir, "/s");
	assert_int_equal(c.daemon.mode, 0660);
	assert_true(c.daemon.linux_names);
	assert_string_equal(c.daemon.group, "root");
	conf_free(&c);
}

static void test_bad(void **state)
{
#define CTRL "[controller c]\nserial = a\n"
	static const struct {
		const char *text, *err;
	} rows[] = {
		{ "serial = a\n", "t.conf:1: serial: a key before the first section; allowed: "
				  "[SECTION NAME] first" },
		{ CTRL "serial\n", "t.conf:3: is no section, key or comment; allowed: [SECTION "
				   "NAME], KEY = VALUE, # COMMENT" },
		{ CTRL "\n\nhello there", "t.conf:5: is no section, key or comment; allowed: "
					  "[SECTION NAME], KEY = VALUE, # COMMENT" },
		{ CTRL "= 3\n", "t.conf:3: a value without a key; allowed: KEY = VALUE" },
		{ CTRL "serail = b\n",
		  "t.conf:3: serail: no such key of [controller]; did you mean "
		  "'serial'?" },
		{ CTRL "size = 1G\n", "t.conf:3: size: no such key of [controller]; it is one of "
				      "[drive]" },
		{ "[subsystem s]\nid = x\n", "t.conf:2: id: no such key of [subsystem]; allowed: "
					     "nqn, capacity, "
		  "fdp, fdp.runs, fdp.nrg, fdp.nruh, fdp.op, fdp.isolation, fdp.victim, fdp.erutl" },
		{ CTRL "serial = b\n", "t.conf:3: serial: given twice" },
		{ CTRL "mdts = 12\n", "t.conf:3: mdts: must be between 1 and 9, not '12'" },
		{ CTRL "mdts =\n", "t.conf:3: mdts: must be between 1 and 9, not ''" },
		{CTRL "spdm_port = 1\n", "t.conf:3: spdm_port: not supported yet; allowed: 0"},
		{ CTRL CTRL, "t.conf:3: id: duplicate id 'c', first used at t.conf:1" },
		{ "[controler c]\n",
		  "t.conf:1: no such section: [controler c]; allowed: [subsystem "
		  "X], [controller X], [namespace X], [drive X], [memory X], [daemon]" },
		{ "[controller]\n",
		  "t.conf:1: [controller] needs a name; allowed: [controller X]" },
		{ "[controller a b]\n",
		  "t.conf:1: id: must be an identifier (letters, digits, '-', "
		  "'.', '_', beginning with a letter or digit, at most 63), "
		  "not 'a b'" },
		{ "[controller c\nserial = a\n",
		  "t.conf:1: is no section header; allowed: [SECTION "
		  "NAME]" },
		{ "[controller c] x\n", "t.conf:1: is no section header; allowed: [SECTION NAME]" },
		{ "[controller 12345678901234567890123456789012345678901]\n",
		  "t.conf:1: the section's name is too long; allowed: 49 characters" },
		{ "[daemon]\n[daemon]\n", "t.conf:2: a second [daemon]" },
		{ "[daemon x]\n", "t.conf:1: [daemon] has no name; allowed: [daemon]" },
		{ "[daemon]\nmode = 0888\n", "t.conf:2: mode: must be octal permission bits, 0 to "
					     "0777, not '0888'" },
		{ "[daemon]\nnode_names = bsd\n", "t.conf:2: node_names: must be 'nvmesim' or "
						  "'linux', not 'bsd'" },
		{ CTRL "addr = 3.8\n", "t.conf:3: addr: must be SLOT or SLOT.FUNCTION, 0 to 1f and "
				       "0 to 7, not '3.8'" },
		{ "[daemon]\ngroup = no-such-group-at-all\n",
		  "[daemon]: group: no such group: 'no-such-group-at-all'" },
		{ CTRL "[namespace a]\ncontroller = c\nbus = c\n",
		  "t.conf:5: bus: is the same as 'controller', which is given too" },
		/* combinations */
		{ "[controller c]\nmdts = 3\n", "t.conf:1: serial: serial property not set" },
		{ "[namespace a]\n" CTRL,
		  "t.conf:1: controller: no controller above this namespace; "
		  "give controller = X" },
		{ CTRL "[namespace a]\ncontroller = d\n",
		  "t.conf:3: controller: no controller 'd'" },
		{ CTRL "[namespace a]\ndrive = d\nsize = 1M\n[drive d]\nsize = 1M\n",
		  "t.conf:3: drive: is given together with file, size or readonly; allowed: one or "
		  "the other" },
		{ CTRL "[namespace a]\nreadonly = on\n",
		  "t.conf:3: readonly: is of a file, and there "
		  "is none" },
		{ CTRL "[drive d]\n", "t.conf:3: neither file nor size given" },
		{ "[subsystem s]\n", "t.conf:1: no controller uses it; add -device nvme,serial=S,"
				     "subsys=X or a [controller X]" },
		{ "[drive d]\nsize = 1M\n", "t.conf:1: no controller uses it; add -device "
					    "nvme,serial=S,drive=X or a [controller X]" },
	};
	struct conf c;
	char err[1024];
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		if (!read_text(&c, rows[i].text, err, sizeof(err)))
			fail_msg("taken: %s", rows[i].text);
		assert_string_equal(err, rows[i].err);
		conf_free(&c);
	}
}

/* A line longer than the INI library's is said to be so, and is not cut or taken for two. */
static void test_long_line(void **state)
{
	char text[20000], err[1024];
	struct conf c;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text, CTRL "model = ", strlen(CTRL "model = "));
	assert_int_equal(read_text(&c, text, err, sizeof(err)), -1);
	/* a library without that limit gets as far as the value */
	if (strncmp(err, "t.conf:3: model: must be 1 to 40", 32))
		assert_int_equal(strncmp(err, "t.conf:3: the line is too long; allowed: ", 41), 0);
	conf_free(&c);
}

static void test_nul(void **state)
{
	static const char text[] = CTRL "model = a\0b\n";
	struct conf c;
	char err[1024];

	assert_int_equal(read_bytes(&c, text, sizeof(text) - 1, err, sizeof(err)), -1);
	assert_string_equal(err, "t.conf:3: a NUL byte in the line");
	conf_free(&c);
}

static void test_bom(void **state)
{
	struct conf c;
	char err[1024];

	if (read_text(&c, "\xef\xbb\xbf" CTRL, err, sizeof(err)))
		fail_msg("%s", err);
	assert_string_equal(c.ctrl[0].serial, "a");
	conf_free(&c);
}

static void test_empty(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# nothing", "[daemon]\n" };
	struct conf c;
	char err[1024];
	size_t i;

	for (i = 0; i < COUNT(texts); i++) {
		assert_int_equal(read_text(&c, texts[i], err, sizeof(err)), 0);
		assert_int_equal(c.nr_ctrls, 1); /* the default machine */
		assert_int_equal(c.nr_ns, 1);
		conf_free(&c);
	}
}

static char *generated(void (*write)(FILE *), size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	assert_non_null(f);
	write(f);
	fclose(f);
	return text;
}

/* nvmesim.conf.example in the tree is what the key table says today. */
static void test_example_is_current(void **state)
{
	size_t len, have;
	char *want = generated(conf_example, &len), *text;
	FILE *f = fopen(CONF_EXAMPLE, "r");

	assert_non_null(f);
	text = calloc(1, len + 2);
	assert_non_null(text);
	have = fread(text, 1, len + 1, f);
	fclose(f);
	if (have != len || memcmp(text, want, len))
		fail_msg("nvmesim.conf.example is stale: write it again with conf-example");
	free(text);
	free(want);
}

/* It is read as it stands, and with each "#key = value" in turn. */
static void test_example(void **state)
{
	size_t len;
	char *text = generated(conf_example, &len), *p, err[1024];
	struct conf c;
	unsigned int keys = 0;

	if (read_text(&c, text, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(c.nr_ctrls, 1);
	assert_int_equal(c.nr_ns, 1);
	conf_free(&c);
	for (p = text; (p = strstr(p, "\n#")); p++) {
		if (p[2] == ' ' || p[2] == '\n')
			continue; /* prose */
		p[1] = ' ';
		/* the one key that needs another one with it */
		if (!strncmp(p + 2, "fdp.ruhs ", 9)) {
			assert_int_equal(read_text(&c, text, err, sizeof(err)), -1);
			assert_non_null(strstr(err, "needs a subsystem with fdp=on"));
		} else if (read_text(&c, text, err, sizeof(err))) {
			fail_msg("%s", err);
		}
		conf_free(&c);
		p[1] = '#';
		keys++;
	}
	assert_true(keys > 30);
	free(text);
}

static void assert_same(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_ptr_equal(a, b);
}

/* The same machine, in both languages */
static void test_file_is_words(void **state)
{
	static const char text[] = "[subsystem s]\nnqn = q\n"
				   "[controller c]\nserial = a\nsubsys = s\nmax_ioqpairs = 3\n"
				   "write-cache = auto\naerl = 0\n"
				   "[namespace n]\ndrive = d\nlogical_block_size = 4k\n"
				   "[drive d]\nfile = f\nsize = 1M\n"
				   "[namespace m]\ndrive = e\neui64-default = on\nnsid = 9\n"
				   "[drive e]\nsize = 2M\n";
	static const char *const words[] = {
		"-device nvme-subsys,id=s,nqn=q",
		"-device nvme,id=c,serial=a,subsys=s,max_ioqpairs=3,write-cache=auto,aerl=0",
		"-device nvme-ns,id=n,drive=d,logical_block_size=4096",
		"-drive id=d,if=none,file=f,size=1024k",
		"-device nvme-ns,id=m,drive=e,eui64-default=on,nsid=9",
		"-drive id=e,size=2M",
	};
	struct conf a, b;
	char err[1024];
	unsigned int i;

	assert_int_equal(read_text(&a, text, err, sizeof(err)), 0);
	assert_int_equal(read_words(&b, words, COUNT(words), err, sizeof(err)), 0);
	assert_int_equal(a.nr_ctrls, b.nr_ctrls);
	assert_int_equal(a.nr_ns, b.nr_ns);
	assert_int_equal(a.nr_drives, b.nr_drives);
	assert_int_equal(a.nr_subsys, b.nr_subsys);
	assert_same(a.subsys[0].nqn, b.subsys[0].nqn);
	assert_same(a.ctrl[0].serial, b.ctrl[0].serial);
	assert_same(a.ctrl[0].model, b.ctrl[0].model);
	assert_int_equal(a.ctrl[0].max_ioqpairs, b.ctrl[0].max_ioqpairs);
	assert_int_equal(a.ctrl[0].aerl, b.ctrl[0].aerl);
	assert_int_equal(a.ctrl[0].index, b.ctrl[0].index);
	for (i = 0; i < a.nr_ns; i++) {
		assert_string_equal(a.ns[i].id, b.ns[i].id);
		assert_int_equal(a.ns[i].nsid, b.ns[i].nsid);
		assert_int_equal(a.ns[i].ctrl_index, b.ns[i].ctrl_index);
		assert_int_equal(a.ns[i].logical_block_size, b.ns[i].logical_block_size);
		assert_int_equal(a.ns[i].eui64, b.ns[i].eui64);
		assert_memory_equal(a.ns[i].uuid, b.ns[i].uuid, 16);
		assert_same(a.drive[a.ns[i].drive_index].file, b.drive[b.ns[i].drive_index].file);
		assert_int_equal(a.drive[a.ns[i].drive_index].size,
				 b.drive[b.ns[i].drive_index].size);
	}
	conf_free(&a);
	conf_free(&b);
}

/* Every key a file may hold is in the manual page's list. */
static void test_man(void **state)
{
	size_t len;
	char *man = generated(conf_man, &len), *text = generated(conf_example, &len), *p, *end;
	char want[80];

	for (p = text; (p = strchr(p, '\n')); p++) {
		if (p[1] == '#' && p[2] != ' ' && (end = strstr(p, " = ")) &&
		    end < strchr(p + 1, '\n')) {
			snprintf(want, sizeof(want), "\n*%.*s*=_", (int)(end - p - 2), p + 2);
			if (!strstr(man, want))
				fail_msg("not in the manual page: %s", want);
		}
	}
	assert_non_null(strstr(man, "2^n \\* 4 KiB")); /* scdoc's emphasis */
	free(man);
	free(text);
}

/* Whatever the bytes are */
static void test_random(void **state)
{
	static const char *const bits[] = {
		"[controller ", "c]",	"\n",	"\n",	   "[namespace ", "n",	  "]",
		"serial",	" = ",	"x",	"[drive ", "[daemon]\n",  "mode", "0600",
		" ;",		"#",	"=",	":",	   "\t",	  "\r",	  "\xff",
		"size",		"1G",	"file", "[",	   "subsystem",	  "nqn",  "drive",
		"\xef\xbb\xbf", "nsid", "1",
	};
	unsigned int seed = 1;
	int round;

	for (round = 0; round < 10000; round++) {
		char text[1024] = "", err[200];
		int n = rand_r(&seed) % 40;
		struct conf c;

		if (round % 2)
			strcpy(text, CTRL);
		while (n--)
			strcat(text, bits[(size_t)rand_r(&seed) % COUNT(bits)]);
		if (read_text(&c, text, err, sizeof(err)))
			assert_int_not_equal(err[0], '\0');
		conf_free(&c);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_bom),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_example_is_current),
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_file_is_words),
		cmocka_unit_test(test_man),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
