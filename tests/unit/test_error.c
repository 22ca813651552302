/* SPDX-License-Identifier: MIT */
/* test_error.c - Error Information log: NVMe Base 2.1, section 5.1.12.1.2, figure 205 */
#include "admin.h"

#define ENTRIES 64 /* ELPE + 1 */

struct entry {
	uint64_t count;
	uint16_t sqid, cid, status, pel;
	uint64_t lba;
	uint32_t nsid;
	uint8_t trtype, csi, opcode, version;
};

static struct entry entry(const uint8_t *log, unsigned int i)
{
	const uint8_t *e = log + 64 * i;

	return (struct entry){
		.count = get64(e),
		.sqid = get16(e + 8),
		.cid = get16(e + 10),
		.status = get16(e + 12),
		.pel = get16(e + 14),
		.lba = get64(e + 16),
		.nsid = get32(e + 24),
		.trtype = e[29],
		.csi = e[30],
		.opcode = e[31],
		.version = e[63],
	};
}

static const uint8_t *read_log(struct drv *d)
{
	uint8_t *page;

	assert_int_equal(get_log(d, 0x01, NSID_ALL, 0, ENTRIES * 64, true, &page), ST_OK);
	return page;
}

static void test_empty(void **state)
{
	struct drv *d = drv_new(NULL);

	drv_enable(d);
	assert_true(all_zero(read_log(d), ENTRIES * 64));
	drv_free(d);
}

static void test_admin(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0xc5, [1] = 0x12 } }; /* an opcode there is not */
	struct drv_cqe cqe;
	struct entry e;

	drv_enable(d);
	assert_int_equal(drv_exec(d, &d->admin, &cmd, &cqe), ST_INVALID_OPCODE);
	e = entry(read_log(d), 0);
	assert_int_equal(e.count, 1);
	assert_int_equal(e.sqid, 0);
	assert_int_equal(e.cid, cqe.cid);
	assert_int_equal(e.status & 1, 0);
	assert_int_equal(e.status >> 1, cqe.status); /* all of it, DNR and More too */
	assert_int_equal(e.pel, 0); /* byte 0, bit 0: the opcode */
	assert_int_equal(e.nsid, 0x12);
	assert_int_equal(e.trtype, 0);
	assert_int_equal(e.csi, 0);
	assert_int_equal(e.opcode, 0xc5);
	assert_int_equal(e.version, 1);
	/* More: there is more to know, in the log */
	assert_int_equal(cqe.status & 0x2000, 0x2000);
	assert_true(all_zero(read_log(d) + 64, (ENTRIES - 1) * 64));
	drv_free(d);
}

/* where the wrong parameter is: byte 7:0, bit 10:8 */
static void test_parameter_location(void **state)
{
	struct drv *d = drv_new(NULL);
	uint8_t *page;

	drv_enable(d);
	assert_int_equal(identify(d, 0, 0xee, 0, &page), ST_INVALID_FIELD);
	assert_int_equal(entry(read_log(d), 0).pel, 40); /* CDW10, CNS */
	assert_int_equal(identify(d, 0, 0x00, 0, &page), ST_INVALID_NS);
	assert_int_equal(entry(read_log(d), 0).pel, 4); /* NSID */
	assert_int_equal(set_feature(d, 0x04, 0, 2u << 20, NULL), ST_INVALID_FIELD);
	assert_int_equal(entry(read_log(d), 0).pel, (44 + 2) | 4 << 8); /* CDW11 bit 20, THSEL */
	assert_int_equal(set_feature(d, 0x0b, 0, 1u << 9, NULL), ST_INVALID_FIELD);
	assert_int_equal(entry(read_log(d), 0).pel, (44 + 1) | 1 << 8); /* CDW11 bit 9 */
	drv_free(d);
}

static void test_io(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [1] = 1, [10] = 0xfffffff0, [11] = 0x7 } };
	struct drv_cqe cqe;
	struct entry e;

	drv_start(d);
	assert_int_equal(drv_io(d, &cmd, drv_alloc(d, 4096), 512, &cqe), 0x080); /* LBA range */
	e = entry(read_log(d), 0);
	assert_int_equal(e.sqid, 1);
	assert_int_equal(e.cid, cqe.cid);
	assert_int_equal(e.status >> 1 & 0x7ff, 0x080);
	assert_int_equal(e.nsid, 1);
	assert_int_equal(e.lba, 0x7fffffff0);
	assert_int_equal(e.opcode, 0x02);
	drv_free(d);
}

/* newest first; the counts never repeat; what does not fit falls out */
static void test_order(void **state)
{
	struct drv *d = drv_new(NULL);
	const uint8_t *log;
	uint8_t *page;

	drv_enable(d);
	for (unsigned int i = 1; i <= ENTRIES + 10; i++) {
		unsigned int nr = i < ENTRIES ? i : ENTRIES;

		assert_int_equal(identify(d, i, 0xee, 0, &page), ST_INVALID_FIELD);
		log = read_log(d);
		for (unsigned int j = 0; j < nr; j++) {
			assert_int_equal(entry(log, j).count, i - j);
			assert_int_equal(entry(log, j).nsid, i - j);
		}
		assert_true(all_zero(log + 64 * nr, 64 * (ENTRIES - nr)));
	}
	/* some of it: the newest */
	assert_int_equal(get_log(d, 0x01, NSID_ALL, 0, 128, true, &page), ST_OK);
	assert_memory_equal(page, log, 128);
	assert_int_equal(get_log(d, 0x01, NSID_ALL, 128, 64, true, &page), ST_OK);
	assert_memory_equal(page, log + 128, 64);
	drv_free(d);
}

/* a Controller Level Reset empties the log; the count that names an entry goes on */
static void test_reset(void **state)
{
	struct drv *d = drv_new(NULL);
	uint8_t *page;

	drv_enable(d);
	assert_int_equal(identify(d, 0, 0xee, 0, &page), ST_INVALID_FIELD);
	assert_int_equal(entry(read_log(d), 0).count, 1);
	drv_disable(d);
	drv_enable(d);
	assert_true(all_zero(read_log(d), ENTRIES * 64));
	assert_int_equal(identify(d, 0, 0xee, 0, &page), ST_INVALID_FIELD);
	assert_int_equal(entry(read_log(d), 0).count, 2);
	drv_free(d);
}

/* an error that is no command's: an invalid doorbell */
static void test_event(void **state)
{
	struct drv *d = drv_new(NULL);
	struct entry e;

	drv_enable(d);
	drv_w32(d, 0x1000 + 8 * 5, 1);
	e = entry(read_log(d), 0);
	assert_int_equal(e.count, 1);
	assert_int_equal(e.sqid, 0xffff);
	assert_int_equal(e.cid, 0xffff);
	assert_int_equal(e.pel, 0xffff);
	assert_int_not_equal(e.status, 0);
	assert_int_equal(e.status & 1, 0);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_admin),
		cmocka_unit_test(test_parameter_location),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
