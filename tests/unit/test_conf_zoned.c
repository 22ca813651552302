/* SPDX-License-Identifier: MIT */
/*
 * test_conf_zoned.c - the keys of zoned namespaces: defaults, what goes together, and the line of
 * the file that is wrong
 */
#include "conf_test.h"

#define DRIVE "-drive if=none,size=1G,id=d"
#define CTRL  "-device nvme,serial=a"
#define ZONED "-device nvme-ns,drive=d,zoned=on"

/* a namespace's further words, and what is wrong with them, after "zoned." */
struct bad {
	const char *word;
	const char *err;
};

static void test_bad(void **state)
{
	static const struct bad rows[] = {
		{ ",zoned.zone_size=511",
		  "zone_size: 511 bytes are too few, must be at least 512" },
		{ ",zoned.zone_size=4096,logical_block_size=8k",
		  "zone_size: 4096 bytes are too few, must be at least 8192" },
		{ ",zoned.zone_size=1000000",
		  "zone_size: 1000000 bytes are no whole number of logical blocks of 512 bytes" },
		{ ",zoned.zone_size=1M,zoned.zone_capacity=2M",
		  "zone_capacity: 2097152 bytes exceed the zone size, 1048576 bytes" },
		{ ",zoned.zone_capacity=129M",
		  "zone_capacity: 135266304 bytes exceed the zone size, 134217728 bytes" },
		{ ",zoned.zone_capacity=1",
		  "zone_capacity: 1 bytes are too few, must be at least 512" },
		{ ",zoned.zone_capacity=1000",
		  "zone_capacity: 1000 bytes are no whole number of logical blocks of 512 bytes" },
		{ ",zoned.max_active=3,zoned.max_open=4",
		  "max_open: 4 exceeds zoned.max_active, 3" },
		{ ",zoned.descr_ext_size=63", "descr_ext_size: must be a multiple of 64, not 63" },
		{ ",zoned.descr_ext_size=16384",
		  "descr_ext_size: must be between 0 and 16320, not '16384'" },
		/* QEMU divides by the block size before it has one, and by a granularity of 0 */
		{ ",zoned.zrwas=1000",
		  "zrwas: 1000 bytes are no whole number of logical blocks of 512 bytes" },
		{ ",zoned.zrwas=64k,zoned.zrwafg=0",
		  "zrwafg: 0 bytes are no whole number of logical blocks of 512 bytes" },
		{ ",zoned.zrwas=64k,zoned.zrwafg=100",
		  "zrwafg: 100 bytes are no whole number of logical blocks of 512 bytes" },
		{ ",zoned.zrwas=6k,zoned.zrwafg=4k",
		  "zrwas: 6144 bytes are no multiple of the flush granularity, zoned.zrwafg, 4096 "
		  "bytes" },
		{ ",zoned.zrwas=32M",
		  "zrwas: 33554432 bytes are more than 65535 logical blocks of 512 bytes" },
		{ ",zoned.zone_size=1M,zoned.zrwas=2M",
		  "zrwas: 2097152 bytes exceed the zone capacity, 1048576 bytes" },
		{ ",zoned.zrwas=64k,zoned.max_active=3,zoned.numzrwa=4",
		  "numzrwa: 4 exceeds zoned.max_active, 3" },
		{ ",zoned.numzrwa=4",
		  "numzrwa: is of Zone Random Write Areas; give their size, zoned.zrwas, too" },
		{ ",zoned.zrwafg=4k",
		  "zrwafg: is of Zone Random Write Areas; give their size, zoned.zrwas, too" },
		{ ",zoned.max_open=many",
		  "max_open: must be between 0 and 4294967295, not 'many'" },
	};
	char ns[256], want[512], err[1024];
	const char *words[] = { DRIVE, CTRL, ns };
	struct conf c;

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(ns, sizeof(ns), ZONED "%s", rows[i].word);
		snprintf(want, sizeof(want), "%s: zoned.%s", ns, rows[i].err);
		if (!read_words(&c, words, COUNT(words), err, sizeof(err)))
			fail_msg("row %zu is taken: %s", i, ns);
		assert_string_equal(err, want);
		conf_free(&c);
	}
}

/* what belongs to zones is refused without zoned=on; QEMU ignores it */
static void test_off(void **state)
{
	static const char *const keys[] = {
		"zone_size=1M",	 "zone_capacity=1M", "descr_ext_size=64",
		"cross_read=on", "max_active=1",     "max_open=1",
		"numzrwa=1",	 "zrwas=4k",	     "zrwafg=4k",
	};
	char ns[256], want[512], err[1024];
	const char *words[] = { DRIVE, CTRL, ns };
	struct conf c;

	for (size_t i = 0; i < COUNT(keys); i++) {
		snprintf(ns, sizeof(ns), "-device nvme-ns,drive=d,zoned.%s", keys[i]);
		snprintf(want, sizeof(want),
			 "%s: zoned.%.*s: is of a zoned namespace; give zoned=on, too", ns,
			 (int)strcspn(keys[i], "="), keys[i]);
		assert_int_equal(read_words(&c, words, COUNT(words), err, sizeof(err)), -1);
		assert_string_equal(err, want);
		conf_free(&c);
	}
	snprintf(ns, sizeof(ns),
		 "-device nvme-ns,drive=d,zoned=off,zoned.zone_size=128M,zoned.max_open=0");
	if (read_words(&c, words, COUNT(words), err, sizeof(err)))
		fail_msg("%s", err);
	assert_false(c.ns[0].zoned.on);
	conf_free(&c);
}

static void test_defaults(void **state)
{
	static const char *const words[] = { DRIVE, CTRL, ZONED };
	const struct conf_zoned *z;
	struct conf c;
	char err[1024];

	if (read_words(&c, words, COUNT(words), err, sizeof(err)))
		fail_msg("%s", err);
	z = &c.ns[0].zoned;
	assert_true(z->on);
	assert_false(z->cross_read);
	assert_int_equal(z->zone_size, 128 << 20);
	assert_int_equal(z->zone_capacity, 128 << 20);
	assert_int_equal(z->descr_ext_size | z->max_active | z->max_open | z->numzrwa, 0);
	assert_int_equal(z->zrwas, 0);
	assert_int_equal(z->zrwafg, 512);
	assert_int_equal(c.ctrl[0].zasl, 0);
	assert_true(c.ctrl[0].auto_transition);
	conf_free(&c);
}

/* every key arrives; sizes that are no powers of two, and a zero that means the default */
static void test_given(void **state)
{
	static const char *const words[] = {
		DRIVE,
		"-device nvme,serial=a,mdts=5,zoned.zasl=5,zoned.auto_transition=off",
		"-device nvme-ns,drive=d,logical_block_size=4k,zoned=on,zoned.zone_size=3000k,"
		"zoned.zone_capacity=2500k,zoned.descr_ext_size=16320,zoned.cross_read=on,"
		"zoned.max_active=7,zoned.max_open=7,zoned.numzrwa=7,zoned.zrwas=24k,"
		"zoned.zrwafg=8k",
	};
	static const char *const zeroes[] = {
		DRIVE, CTRL, ZONED ",zoned.zone_size=0,zoned.zone_capacity=0,zoned.max_active=5"
	};
	const struct conf_zoned *z;
	struct conf c;
	char err[1024];

	if (read_words(&c, words, COUNT(words), err, sizeof(err)))
		fail_msg("%s", err);
	z = &c.ns[0].zoned;
	assert_true(z->on && z->cross_read);
	assert_int_equal(z->zone_size, 3000 << 10);
	assert_int_equal(z->zone_capacity, 2500 << 10);
	assert_int_equal(z->descr_ext_size, 16320);
	assert_int_equal(z->max_active, 7);
	assert_int_equal(z->max_open, 7);
	assert_int_equal(z->numzrwa, 7);
	assert_int_equal(z->zrwas, 24 << 10);
	assert_int_equal(z->zrwafg, 8 << 10);
	assert_int_equal(c.ctrl[0].zasl, 5);
	assert_false(c.ctrl[0].auto_transition);
	conf_free(&c);

	if (read_words(&c, zeroes, COUNT(zeroes), err, sizeof(err)))
		fail_msg("%s", err);
	z = &c.ns[0].zoned;
	assert_int_equal(z->zone_size, 128 << 20);
	assert_int_equal(z->zone_capacity, 128 << 20);
	assert_int_equal(z->max_open, 5); /* as max_active, when it is not given */
	conf_free(&c);
}

static void test_zasl(void **state)
{
	static const char *const words[] = { "-device nvme,serial=a,mdts=4,zoned.zasl=5" };
	struct conf c;
	char err[1024];

	assert_int_equal(read_words(&c, words, COUNT(words), err, sizeof(err)), -1);
	assert_string_equal(err, "-device nvme,serial=a,mdts=4,zoned.zasl=5: zoned.zasl: 5 is "
				 "larger than mdts, 4; a Zone Append Size Limit is at most the "
				 "Maximum Data Transfer Size");
	conf_free(&c);
}

/* in a file the message begins with it, and the line of the section */
static void test_file(void **state)
{
	static const char text[] = "[controller c]\nserial = a\n\n[namespace n]\nsize = 64M\n"
				   "zoned = on\nzoned.zone_size = 1M\nzoned.zone_capacity = 2M\n";
	struct conf c;
	char err[1024];

	assert_int_equal(read_text(&c, text, err, sizeof(err)), -1);
	assert_string_equal(err, "t.conf:4: zoned.zone_capacity: 2097152 bytes exceed the zone "
				 "size, 1048576 bytes");
	conf_free(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),	 cmocka_unit_test(test_off),
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_given),
		cmocka_unit_test(test_zasl),	 cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
