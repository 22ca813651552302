/* SPDX-License-Identifier: MIT */
/*
 * test_conf_value.c - numbers, sizes, booleans and identifiers as QEMU reads them; the key table
 */
#include "conf_test.h"

#include "../../config/conf_priv.h"

static void test_num(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint64_t num;
	} rows[] = {
		{ "0", 0, 0 },
		{ "64", 0, 64 },
		{ "0x7ff", 0, 0x7ff },
		{ "0X1F", 0, 31 },
		{ "010", 0, 8 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -1, 0 },
		{ "", -1, 0 },
		{ "-1", -1, 0 },
		{ "+1", -1, 0 },
		{ " 1", -1, 0 },
		{ "1 ", -1, 0 },
		{ "1k", -1, 0 },
		{ "abc", -1, 0 },
		{ "0x", -1, 0 },
		{ "08", -1, 0 },
	};
	uint64_t num;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		assert_int_equal(conf_num(rows[i].text, &num), rows[i].ret);
		if (!rows[i].ret)
			assert_int_equal(num, rows[i].num);
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint64_t num;
	} rows[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "4096b", 0, 4096 },
		{ "4k", 0, 4096 },
		{ "4K", 0, 4096 },
		{ "96M", 0, 96ull << 20 },
		{ "1G", 0, 1ull << 30 },
		{ "1.5G", 0, 3ull << 29 },
		{ "0.5k", 0, 512 },
		{ "1.G", 0, 1ull << 30 },
		{ "2T", 0, 2ull << 40 },
		{ "1p", 0, 1ull << 50 },
		{ "15E", 0, 15ull << 60 },
		{ "15.5E", 0, 31ull << 59 },
		{ "0.1k", 0, 102 }, /* 102.4, down */
		{ "1.0", 0, 1 },
		{ "0x1000", 0, 4096 },
		{ "0x1b", 0, 27 }, /* a digit */
		{ "010", 0, 10 },  /* decimal, not octal */
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "16E", -1, 0 },
		{ "18446744073709551616", -1, 0 },
		{ "18014398509481984K", -1, 0 },
		{ "1.5", -1, 0 }, /* half a byte */
		{ "1.5b", -1, 0 },
		{ "0x1k", -1, 0 },
		{ "-1", -1, 0 },
		{ "", -1, 0 },
		{ "G", -1, 0 },
		{ ".5G", -1, 0 },
		{ "1GB", -1, 0 },
		{ "1GiB", -1, 0 },
		{ "1e3", -1, 0 },
		{ "1 G", -1, 0 },
		{ "nan", -1, 0 },
		{ "1x", -1, 0 },
	};
	uint64_t num;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		if (conf_size(rows[i].text, &num) != rows[i].ret)
			fail_msg("size '%s'", rows[i].text);
		if (!rows[i].ret && num != rows[i].num)
			fail_msg("size '%s' is %llu", rows[i].text, (unsigned long long)num);
	}
}

static void test_bool(void **state)
{
	static const char *const on[] = { "on", "yes", "true", "y" };
	static const char *const off[] = { "off", "no", "false", "n" };
	static const char *const bad[] = { "", "1", "0", "ON", "maybe", "onn" };
	bool val;
	size_t i;

	for (i = 0; i < COUNT(on); i++) {
		assert_int_equal(conf_bool(on[i], &val), 0);
		assert_true(val);
		assert_int_equal(conf_bool(off[i], &val), 0);
		assert_false(val);
	}
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(conf_bool(bad[i], &val), -1);
}

static const struct conf_key *row(enum conf_kind kind, const char *name)
{
	unsigned int i;

	for (i = 0; i < conf_nr_keys; i++)
		if (conf_keys[i].kind == kind && !strcmp(conf_keys[i].name, name))
			return &conf_keys[i];
	fail_msg("no key %s", name);
	return NULL;
}

static void test_nguid(void **state)
{
	static const uint8_t want[16] = { 0,	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
					  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	static const char *const good[] = {
		"00112233445566778899aabbccddeeff",
		"00112233-4455-6677-8899-AABBCCDDEEFF",
		"00-11-22-33-44-55-66-77-88-99-aa-bb-cc-dd-ee-ff",
	};
	static const char *const bad[] = {
		"",
		"00112233445566778899aabbccddeef",
		"00112233445566778899aabbccddeeff0",
		"00112233445566778899aabbccddeeff-",
		"-00112233445566778899aabbccddeeff",
		"00--112233445566778899aabbccddeeff",
		"0-0112233445566778899aabbccddeeff",
		"0g112233445566778899aabbccddeeff",
		"random",
	};
	const struct conf_key *k = row(CONF_NS, "nguid");
	struct conf_value v, w;
	char err[256];
	size_t i;

	for (i = 0; i < COUNT(good); i++) {
		assert_int_equal(conf_value(k, good[i], &v, err, sizeof(err)), 0);
		assert_memory_equal(v.bytes, want, 16);
	}
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(conf_value(k, bad[i], &v, err, sizeof(err)), -1);
	assert_int_equal(conf_value(k, "auto", &v, err, sizeof(err)), 0);
	assert_int_equal(conf_value(k, "auto", &w, err, sizeof(err)), 0);
	assert_memory_not_equal(v.bytes, w.bytes, 16);
}

static void test_uuid(void **state)
{
	static const uint8_t want[16] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
					  0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };
	const struct conf_key *k = row(CONF_NS, "uuid");
	struct conf_value v;
	char err[256];

	assert_int_equal(
		conf_value(k, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", &v, err, sizeof(err)), 0);
	assert_memory_equal(v.bytes, want, 16);
	assert_int_equal(conf_value(k, "6ba7b8109dad11d180b400c04fd430c8", &v, err, sizeof(err)),
			 -1);
	assert_string_equal(err, "must be a UUID or 'auto', not "
				 "'6ba7b8109dad11d180b400c04fd430c8'");
	assert_int_equal(
		conf_value(k, "6ba7b810-9dad-11d1-80b4-00c04fd430c8x", &v, err, sizeof(err)), -1);
	assert_int_equal(conf_value(k, "auto", &v, err, sizeof(err)), 0);
	assert_int_equal(v.bytes[6] >> 4, 4); /* RFC 4122: random */
}

static void test_octal(void **state)
{
	const struct conf_key *k = row(CONF_DAEMON, "mode");
	static const char *const bad[] = { "", "0800", "1000", "rw", "-1", "0x1ff", "000000600" };
	struct conf_value v;
	char err[256];
	size_t i;

	assert_int_equal(conf_value(k, "0660", &v, err, sizeof(err)), 0);
	assert_int_equal(v.num, 0660);
	assert_int_equal(conf_value(k, "777", &v, err, sizeof(err)), 0);
	assert_int_equal(v.num, 0777);
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(conf_value(k, bad[i], &v, err, sizeof(err)), -1);
}

/* What every row of the table must have, whoever adds one. */
static void test_table(void **state)
{
	struct conf_value v;
	char err[256];
	unsigned int i, j;

	for (i = 0; i < conf_nr_keys; i++) {
		const struct conf_key *k = &conf_keys[i];
		bool later = k->flags & CONF_LATER, words = k->flags & CONF_ONLY_WORDS;

		if (!k->help || !*k->help || !k->qtype)
			fail_msg("%s: no help or type", k->name);
		if (k->def && conf_value(k, k->def, &v, err, sizeof(err)))
			fail_msg("%s: default: %s", k->name, err);
		if (k->example && conf_value(k, k->example, &v, err, sizeof(err)))
			fail_msg("%s: example: %s", k->name, err);
		if (later && (k->size || k->example))
			fail_msg("%s: not supported, and has a target or example", k->name);
		if (!later && !k->size && strcmp(k->name, "id"))
			fail_msg("%s: supported, and goes nowhere", k->name);
		if (!later && !words && !k->def && !k->example)
			fail_msg("%s: nothing to show in the example", k->name);
		for (j = 0; j < i; j++)
			if (conf_keys[j].kind == k->kind && !strcmp(conf_keys[j].name, k->name))
				fail_msg("%s: twice", k->name);
	}
}

static void test_distance(void **state)
{
	assert_int_equal(conf_distance("mdts", "mdts"), 0);
	assert_int_equal(conf_distance("mtds", "mdts"), 1); /* swapped */
	assert_int_equal(conf_distance("serail", "serial"), 1);
	assert_int_equal(conf_distance("mdt", "mdts"), 1);
	assert_int_equal(conf_distance("", "nqn"), 3);
	assert_int_equal(conf_distance("abcdefghij", ""), 9);
	assert_int_equal(conf_distance("a-name-of-more-than-thirty-two-characters", "a"), 9);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_num),   cmocka_unit_test(test_size),
		cmocka_unit_test(test_bool),  cmocka_unit_test(test_nguid),
		cmocka_unit_test(test_uuid),  cmocka_unit_test(test_octal),
		cmocka_unit_test(test_table), cmocka_unit_test(test_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
