/* SPDX-License-Identifier: MIT */
/*
 * test_conf_fdp.c - the keys of Flexible Data Placement: defaults, QEMU's checks, and the list of
 * handles
 */
#include "conf_test.h"

#define SUBSYS "-device nvme-subsys,id=s,fdp=on"
#define CTRL   "-device nvme,serial=a,subsys=s"
#define DRIVE  "-drive if=none,size=64M,id=d"
#define NS     "-device nvme-ns,drive=d"

static int read_fdp(struct conf *c, const char *subsys, const char *ns, char *err, size_t len)
{
	const char *words[] = { subsys, CTRL, DRIVE, ns };

	return read_words(c, words, COUNT(words), err, len);
}

/* what is wrong with a subsystem, behind its words and the key */
static void test_subsys(void **state)
{
	static const struct {
		const char *words, *err;
	} rows[] = {
		{ ",fdp.nruh=1,fdp.runs=0", "fdp.runs: fdp.runs must be non-zero" },
		{ ",fdp.nruh=1,fdp.runs=16383",
		  "fdp.runs: 16383 bytes are too few, must be at least 16384" },
		{ ",fdp.nruh=1,fdp.nrg=0", "fdp.nrg: fdp.nrg must be non-zero" },
		{ "", "fdp.nruh: fdp.nruh must be non-zero and at most 128" },
		{ ",fdp.nruh=129", "fdp.nruh: fdp.nruh must be non-zero and at most 128" },
		{ ",fdp.nruh=2,fdp.nrg=32769",
		  "fdp.nrg: cannot derive a valid rgif (fdp.nrg: 32769 fdp.nruh: 2)" },
		{ ",fdp.nruh=3,fdp.nrg=32768",
		  "fdp.nrg: cannot derive a valid rgif (fdp.nrg: 32768 fdp.nruh: 3)" },
		{ ",fdp.nruh=1,fdp.op=1001", "fdp.op: must be between 0 and 1000, not '1001'" },
		{ ",fdp.nruh=1,fdp.isolation=none",
		  "fdp.isolation: must be 'initial' or 'persistent', not 'none'" },
		{ ",fdp.nruh=1,fdp.victim=oldest",
		  "fdp.victim: must be 'greedy' or 'cost-benefit', not 'oldest'" },
	};
	char words[256], want[512], err[1024];
	struct conf c;

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(words, sizeof(words), SUBSYS "%s", rows[i].words);
		snprintf(want, sizeof(want), "%s: %s", words, rows[i].err);
		assert_int_equal(read_fdp(&c, words, NS, err, sizeof(err)), -1);
		assert_string_equal(err, want);
		conf_free(&c);
	}
}

static void test_off(void **state)
{
	static const char *const keys[] = {
		"runs=1M", "nrg=2", "nruh=1", "op=8", "isolation=persistent", "victim=cost-benefit",
		"erutl=1"
	};
	char words[256], want[512], err[1024];
	struct conf c;

	for (size_t i = 0; i < COUNT(keys); i++) {
		snprintf(words, sizeof(words), "-device nvme-subsys,id=s,fdp.%s", keys[i]);
		snprintf(want, sizeof(want),
			 "%s: fdp.%.*s: is of Flexible Data Placement; give fdp=on, too", words,
			 (int)strcspn(keys[i], "="), keys[i]);
		assert_int_equal(read_fdp(&c, words, NS, err, sizeof(err)), -1);
		assert_string_equal(err, want);
		conf_free(&c);
	}
	assert_int_equal(read_fdp(&c, "-device nvme-subsys,id=s,fdp=off,fdp.runs=96M,fdp.nruh=0",
				  NS, err, sizeof(err)),
			 0);
	conf_free(&c);
	assert_int_equal(
		read_fdp(&c, "-device nvme-subsys,id=s", NS ",fdp.ruhs=0", err, sizeof(err)), -1);
	assert_string_equal(err, NS ",fdp.ruhs=0: fdp.ruhs: needs a subsystem with fdp=on");
	conf_free(&c);
}

static void test_ruhs_bad(void **state)
{
	static const struct {
		const char *list, *err;
	} rows[] = {
		{ "a", "'a' cannot be parsed; write handles and ranges, as 0;2;8-15" },
		{ "0;", "'0;' cannot be parsed; write handles and ranges, as 0;2;8-15" },
		{ ";0", "';0' cannot be parsed; write handles and ranges, as 0;2;8-15" },
		{ "0-", "'0-' cannot be parsed; write handles and ranges, as 0;2;8-15" },
		{ "0-1-2", "'0-1-2' cannot be parsed; write handles and ranges, as 0;2;8-15" },
		{ "-1", "'-1' cannot be parsed; write handles and ranges, as 0;2;8-15" },
		{ "0 1", "'0 1' cannot be parsed; write handles and ranges, as 0;2;8-15" },
		{ "65536", "'65536' cannot be parsed; write handles and ranges, as 0;2;8-15" },
		{ "3-1", "invalid range 3-1; the end is before the beginning" },
		{ "0-3;1", "too many placement handles; fdp.nruh is 4" },
		{ "1;2;1", "duplicate reclaim unit handle 1" },
		{ "1-2;0-1", "duplicate reclaim unit handle 1" },
		{ "4", "invalid reclaim unit handle 4; fdp.nruh is 4" },
		{ "0-65535", "too many placement handles; fdp.nruh is 4" },
		{ "99999999999999999999", "'99999999999999999999' cannot be parsed; write handles "
					  "and ranges, as 0;2;8-15" },
	};
	char words[256], want[512], err[1024];
	struct conf c;

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(words, sizeof(words), NS ",fdp.ruhs=%s", rows[i].list);
		snprintf(want, sizeof(want), "%s: fdp.ruhs: %s", words, rows[i].err);
		assert_int_equal(read_fdp(&c, SUBSYS ",fdp.nruh=4", words, err, sizeof(err)), -1);
		assert_string_equal(err, want);
		conf_free(&c);
	}
	assert_int_equal(read_fdp(&c, SUBSYS ",fdp.nruh=4", NS ",zoned=on", err, sizeof(err)), -1);
	assert_string_equal(err, NS ",zoned=on: zoned: cannot be a zoned- in an FDP configuration");
	conf_free(&c);
}

static void test_given(void **state)
{
	static const uint16_t ids[] = { 0, 2, 8, 9, 10, 11, 12, 13, 14, 15 };
	const struct conf_fdp *f;
	struct conf c;
	char err[1024];

	if (read_fdp(&c, SUBSYS ",fdp.nruh=16", NS ",fdp.ruhs=0;2;8-15", err, sizeof(err)))
		fail_msg("%s", err);
	f = &c.subsys[0].fdp;
	assert_true(f->on);
	assert_int_equal(f->runs, 96 << 20);
	assert_int_equal(f->nrg, 1);
	assert_int_equal(f->nruh, 16);
	assert_int_equal(f->op, 7);
	assert_int_equal(f->isolation | f->victim, 0);
	assert_int_equal(f->erutl, 0);
	assert_int_equal(c.ns[0].nr_ruhs, COUNT(ids));
	assert_memory_equal(c.ns[0].ruhid, ids, sizeof(ids));
	conf_free(&c);

	if (read_fdp(&c,
		     SUBSYS ",fdp.nruh=2,fdp.nrg=32768,fdp.runs=1000000,fdp.op=0,fdp.erutl=9,"
			    "fdp.isolation=persistent,fdp.victim=cost-benefit",
		     NS, err, sizeof(err)))
		fail_msg("%s", err);
	f = &c.subsys[0].fdp;
	assert_int_equal(f->runs, 1000000);
	assert_int_equal(f->nrg, 32768);
	assert_int_equal(f->op, 0);
	assert_int_equal(f->isolation, 1);
	assert_int_equal(f->victim, 1);
	assert_int_equal(f->erutl, 9);
	assert_int_equal(c.ns[0].nr_ruhs, 0);
	conf_free(&c);
}

/* a ';' in a file is not the beginning of a comment, if nothing is in front of it */
static void test_file(void **state)
{
	static const char text[] = "[subsystem s]\nfdp = on\nfdp.nruh = 4\n[controller c]\n"
				   "serial = a\nsubsys = s\n[namespace n]\nsize = 64M\n"
				   "fdp.ruhs = 3;0-1\n";
	static const uint16_t ids[] = { 3, 0, 1 };
	struct conf c;
	char err[1024];

	if (read_text(&c, text, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(c.ns[0].nr_ruhs, 3);
	assert_memory_equal(c.ns[0].ruhid, ids, sizeof(ids));
	conf_free(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subsys),	 cmocka_unit_test(test_off),
		cmocka_unit_test(test_ruhs_bad), cmocka_unit_test(test_given),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
