/* SPDX-License-Identifier: MIT */
/* test_feature.c - Get Features, Set Features: NVMe Base 2.1, sections 5.1.11, 5.1.25 */
#include "admin.h"

enum {
	CURRENT,
	DEFAULT,
	SAVED,
	SUPPORTED,
};

static const uint8_t fids[] = { 0x01, 0x02, 0x04, 0x05, 0x06, 0x07, 0x08,
				0x09, 0x0a, 0x0b, 0x0e, 0x0f, 0x15, 0x16,
				0x19, 0x81, 0x82, 0x83, 0x84 };

static bool supported(unsigned int fid)
{
	for (unsigned int i = 0; i < sizeof(fids); i++)
		if (fids[i] == fid)
			return true;
	return false;
}

static struct drv *enabled(void)
{
	struct drv *d = drv_new(NULL);

	drv_enable(d);
	return d;
}

static uint32_t value(struct drv *d, uint8_t fid, uint8_t sel, uint32_t cdw11)
{
	uint32_t dw0 = 0;

	assert_int_equal(get_feature(d, fid, sel, 0, cdw11, &dw0), ST_OK);
	return dw0;
}

static void test_capabilities(void **state)
{
	struct drv *d = enabled();

	for (unsigned int fid = 0; fid < 256; fid++) {
		uint32_t dw0;
		uint16_t status = get_feature(d, (uint8_t)fid, SUPPORTED, 0, 0, &dw0);

		if (!supported(fid)) {
			assert_int_equal(status, ST_INVALID_FIELD);
			assert_int_equal(get_feature(d, (uint8_t)fid, CURRENT, 0, 0, NULL),
					 ST_INVALID_FIELD);
			assert_int_equal(set_feature(d, (uint8_t)fid, 0, 0, NULL),
					 ST_INVALID_FIELD);
			continue;
		}
		assert_int_equal(status, ST_OK);
		/* changeable, not saveable; Error Recovery and those from 82h on are the namespace's */
		assert_int_equal(dw0, fid == 0x05 || fid >= 0x82 ? 0x6 : 0x4);
	}
	/* Select 100b up is reserved */
	for (uint8_t sel = 4; sel < 8; sel++)
		assert_int_equal(get_feature(d, 0x01, sel, 0, 0, NULL), ST_INVALID_FIELD);
	drv_free(d);
}

static void test_not_saveable(void **state)
{
	struct drv *d = enabled();

	for (unsigned int i = 0; i < sizeof(fids); i++) {
		struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 1u << 31 | fids[i] } };
		struct drv_cqe cqe;

		assert_int_equal(drv_admin(d, &cmd, drv_alloc(d, 4096), 4096, &cqe),
				 ST_NOT_SAVEABLE);
	}
	drv_free(d);
}

static void test_nsid(void **state)
{
	struct drv *d = enabled();

	/* a controller's feature is set for no namespace in particular; it may be read on any */
	assert_int_equal(set_feature(d, 0x01, 0, 3, NULL), ST_OK);
	assert_int_equal(set_feature(d, 0x01, NSID_ALL, 3, NULL), ST_OK);
	assert_int_equal(set_feature(d, 0x01, 1, 3, NULL), ST_NOT_PER_NS);
	assert_int_equal(get_feature(d, 0x01, CURRENT, 1, 0, NULL), ST_OK);
	assert_int_equal(get_feature(d, 0x01, CURRENT, NSID_ALL, 0, NULL), ST_OK);
	/* a namespace's feature */
	assert_int_equal(get_feature(d, 0x05, CURRENT, 1, 0, NULL), ST_OK);
	assert_int_equal(get_feature(d, 0x05, CURRENT, 0, 0, NULL), ST_INVALID_NS);
	assert_int_equal(get_feature(d, 0x05, CURRENT, NSID_ALL, 0, NULL), ST_INVALID_NS);
	assert_int_equal(get_feature(d, 0x05, CURRENT, SIM_NN + 1, 0, NULL), ST_INVALID_NS);
	assert_int_equal(get_feature(d, 0x05, CURRENT, 2, 0, NULL), ST_INVALID_FIELD);
	assert_int_equal(set_feature(d, 0x05, 0, 0, NULL), ST_INVALID_NS);
	assert_int_equal(set_feature(d, 0x05, 2, 0, NULL), ST_INVALID_FIELD);
	drv_free(d);
}

static void test_arbitration(void **state)
{
	struct drv *d = enabled();

	assert_int_equal(value(d, 0x01, CURRENT, 0), 7); /* no limit */
	assert_int_equal(set_feature(d, 0x01, 0, 0x04030202, NULL), ST_OK);
	assert_int_equal(value(d, 0x01, CURRENT, 0), 0x04030202);
	assert_int_equal(value(d, 0x01, DEFAULT, 0), 7);
	assert_int_equal(value(d, 0x01, SAVED, 0), 7);
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(value(d, 0x01, CURRENT, 0), 7); /* reset by the reset */
	drv_free(d);
}

static void test_power(void **state)
{
	struct drv *d = enabled();

	assert_int_equal(value(d, 0x02, CURRENT, 0), 0);
	assert_int_equal(set_feature(d, 0x02, 0, 1u << 5, NULL), ST_OK); /* a workload hint */
	assert_int_equal(value(d, 0x02, CURRENT, 0), 1u << 5);
	assert_int_equal(set_feature(d, 0x02, 0, 1, NULL), ST_INVALID_FIELD); /* no power state 1 */
	drv_free(d);
}

static void test_temperature(void **state)
{
	const uint32_t under = 1u << 20;
	struct drv *d = enabled();

	assert_int_equal(value(d, 0x04, CURRENT, 0), 343); /* WCTEMP */
	assert_int_equal(value(d, 0x04, CURRENT, under), 0);
	assert_int_equal(set_feature(d, 0x04, 0, 330, NULL), ST_OK);
	assert_int_equal(set_feature(d, 0x04, 0, under | 280, NULL), ST_OK);
	assert_int_equal(value(d, 0x04, CURRENT, 0), 330);
	assert_int_equal(value(d, 0x04, CURRENT, under), 280);
	assert_int_equal(value(d, 0x04, DEFAULT, 0), 343);
	assert_int_equal(value(d, 0x04, DEFAULT, under), 0);
	/* TMPSEL Fh: all there are, to set only; 1h to 8h: sensors that are not; 9h: reserved */
	assert_int_equal(set_feature(d, 0x04, 0, 0xfu << 16 | 335, NULL), ST_OK);
	assert_int_equal(value(d, 0x04, CURRENT, 0), 335);
	assert_int_equal(get_feature(d, 0x04, CURRENT, 0, 0xfu << 16, NULL), ST_INVALID_FIELD);
	for (uint32_t sel = 1; sel < 0xf; sel++) {
		assert_int_equal(set_feature(d, 0x04, 0, sel << 16 | 1, NULL), ST_INVALID_FIELD);
		assert_int_equal(get_feature(d, 0x04, CURRENT, 0, sel << 16, NULL),
				 ST_INVALID_FIELD);
	}
	/* THSEL 10b, 11b are reserved */
	assert_int_equal(set_feature(d, 0x04, 0, 2u << 20 | 1, NULL), ST_INVALID_FIELD);
	assert_int_equal(set_feature(d, 0x04, 0, 3u << 20 | 1, NULL), ST_INVALID_FIELD);
	assert_int_equal(get_feature(d, 0x04, CURRENT, 0, 2u << 20, NULL), ST_INVALID_FIELD);
	assert_int_equal(value(d, 0x04, CURRENT, 0), 335);
	drv_free(d);
}

static void test_error_recovery(void **state)
{
	struct drv *d = enabled();
	uint8_t *id;
	uint32_t dw0;

	assert_int_equal(set_feature(d, 0x05, 1, 0x1234, NULL), ST_OK);
	assert_int_equal(get_feature(d, 0x05, CURRENT, 1, 0, &dw0), ST_OK);
	assert_int_equal(dw0, 0x1234);
	assert_int_equal(get_feature(d, 0x05, DEFAULT, 1, 0, &dw0), ST_OK);
	assert_int_equal(dw0, 0);
	assert_int_equal(set_feature(d, 0x05, NSID_ALL, 0x5678, NULL), ST_OK);
	assert_int_equal(get_feature(d, 0x05, CURRENT, 1, 0, &dw0), ST_OK);
	assert_int_equal(dw0, 0x5678);
	/* DULBE goes with what the namespace says it can do: NSFEAT bit 2 */
	assert_int_equal(identify(d, 1, 0x00, 0, &id), ST_OK);
	assert_int_equal(set_feature(d, 0x05, 1, 1u << 16, NULL),
			 id[24] & 4 ? ST_OK : ST_INVALID_FIELD);
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(get_feature(d, 0x05, CURRENT, 1, 0, &dw0), ST_OK);
	assert_int_equal(dw0, 0);
	drv_free(d);
}

static void test_write_cache(void **state)
{
	struct drv_params p;
	struct drv *d;

	for (int on = 0; on < 2; on++) {
		drv_params(&p);
		p.ns.write_cache = on;
		d = drv_new(&p);
		drv_enable(d);
		assert_int_equal(value(d, 0x06, CURRENT, 0), on);
		assert_int_equal(value(d, 0x06, DEFAULT, 0), on);
		assert_int_equal(set_feature(d, 0x06, 0, !on, NULL), ST_OK);
		assert_int_equal(value(d, 0x06, CURRENT, 0), !on);
		assert_int_equal(value(d, 0x06, DEFAULT, 0), on);
		drv_disable(d);
		drv_enable(d);
		assert_int_equal(value(d, 0x06, CURRENT, 0), on);
		drv_free(d);
	}
}

/* the medium's flush, held back until the test lets it end */
static struct {
	unsigned int started;
	void (*done)(void *arg, int err);
	void *arg;
} held;

static void hold_flush(struct sim_store *st, void (*done)(void *arg, int err), void *arg)
{
	held.started++;
	held.done = done;
	held.arg = arg;
}

/* what is in the cache is made durable before the command that disables it completes */
static void test_write_cache_flush(void **state)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x09, [10] = 0x06 } };
	struct drv *d = drv_new(NULL);
	struct sim_store_ops ops = *d->store->ops;
	const struct sim_store_ops *own = d->store->ops;
	struct drv_cqe cqe;

	ops.flush = hold_flush;
	d->store->ops = &ops;
	drv_enable(d);
	held.started = 0;
	assert_int_equal(set_feature(d, 0x06, 0, 1, NULL), ST_OK);
	assert_int_equal(held.started, 0); /* enabling it takes none */

	drv_submit(d, &d->admin, &cmd);
	assert_int_equal(held.started, 1);
	assert_false(drv_poll(d, &d->admin, &cqe));
	held.done(held.arg, 0);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.status, 0);

	assert_int_equal(set_feature(d, 0x06, 0, 0, NULL), ST_OK); /* it was disabled already */
	assert_int_equal(held.started, 1);

	assert_int_equal(set_feature(d, 0x06, 0, 1, NULL), ST_OK);
	drv_submit(d, &d->admin, &cmd);
	held.done(held.arg, SIM_EIO);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.status & 0x7ff, 0x280); /* Write Fault */
	d->store->ops = own;
	drv_free(d);
}

static void test_number_of_queues(void **state)
{
	struct drv_params p;
	struct drv_queue q;
	struct drv *d;
	uint32_t dw0;

	drv_params(&p);
	p.ctrl.max_ioqpairs = 8;
	d = drv_new(&p);
	drv_enable(d);
	assert_int_equal(value(d, 0x07, CURRENT, 0), 7u << 16 | 7); /* all, until asked */
	assert_int_equal(set_feature(d, 0x07, 0, 3u << 16 | 1, &dw0), ST_OK);
	assert_int_equal(dw0, 3u << 16 | 1);
	assert_int_equal(value(d, 0x07, CURRENT, 0), 3u << 16 | 1);
	assert_int_equal(set_feature(d, 0x07, 0, 100u << 16 | 100, &dw0), ST_OK);
	assert_int_equal(dw0, 7u << 16 | 7);
	assert_int_equal(set_feature(d, 0x07, 0, 0xffff, NULL), ST_INVALID_FIELD);
	assert_int_equal(set_feature(d, 0x07, 0, 0xffffu << 16, NULL), ST_INVALID_FIELD);
	assert_int_equal(set_feature(d, 0x07, 0, 0xfffeu << 16 | 0xfffe, &dw0), ST_OK);
	assert_int_equal(dw0, 7u << 16 | 7);

	drv_create_queue(d, &q, 1, 16);
	assert_int_equal(set_feature(d, 0x07, 0, 0, NULL), ST_SEQUENCE);
	assert_int_equal(value(d, 0x07, CURRENT, 0), 7u << 16 | 7);
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(set_feature(d, 0x07, 0, 0, &dw0), ST_OK);
	assert_int_equal(dw0, 0);
	drv_free(d);
}

static void test_interrupts(void **state)
{
	const uint32_t cd = 1u << 16;
	struct drv *d = drv_new(NULL);

	drv_start(d); /* an I/O queue pair on vector 1 */
	assert_int_equal(value(d, 0x08, CURRENT, 0), 0);
	assert_int_equal(set_feature(d, 0x08, 0, 0x0a05, NULL), ST_OK);
	assert_int_equal(value(d, 0x08, CURRENT, 0), 0x0a05);

	assert_int_equal(value(d, 0x09, CURRENT, 0), cd); /* the admin queue's: never coalesced */
	assert_int_equal(set_feature(d, 0x09, 0, cd, NULL), ST_OK);
	assert_int_equal(set_feature(d, 0x09, 0, 0, NULL), ST_NOT_CHANGEABLE);
	assert_int_equal(value(d, 0x09, CURRENT, 1), 1);
	assert_int_equal(set_feature(d, 0x09, 0, cd | 1, NULL), ST_OK);
	assert_int_equal(value(d, 0x09, CURRENT, 1), cd | 1);
	assert_int_equal(value(d, 0x09, DEFAULT, 1), 1);
	/* no queue uses vector 2; vector 65 does not exist (QEMU's msix_qsize is 65) */
	assert_int_equal(set_feature(d, 0x09, 0, cd | 2, NULL), ST_INVALID_FIELD);
	assert_int_equal(set_feature(d, 0x09, 0, cd | 65, NULL), ST_INVALID_FIELD);
	assert_int_equal(get_feature(d, 0x09, CURRENT, 0, 65, NULL), ST_INVALID_FIELD);
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(value(d, 0x08, CURRENT, 0), 0);
	assert_int_equal(value(d, 0x09, CURRENT, 1), 1);
	drv_free(d);
}

static void test_atomicity(void **state)
{
	struct drv *d = enabled();

	assert_int_equal(value(d, 0x0a, CURRENT, 0), 0);
	assert_int_equal(set_feature(d, 0x0a, 0, 1, NULL), ST_OK);
	assert_int_equal(value(d, 0x0a, CURRENT, 0), 1);
	drv_free(d);
}

static void test_async_event(void **state)
{
	struct drv *d = enabled();
	uint8_t *id;

	assert_int_equal(identify(d, 0, 0x01, 0, &id), ST_OK);
	assert_int_equal(value(d, 0x0b, CURRENT, 0), 0);
	assert_int_equal(set_feature(d, 0x0b, 0, 0x11f, NULL), ST_OK);
	assert_int_equal(value(d, 0x0b, CURRENT, 0), 0x11f);
	/* a notice OAES does not report, and the reserved bits, are refused and change nothing */
	for (unsigned int bit = 6; bit < 32; bit++) {
		if (bit == 8 || bit == 13 || bit == 27)
			continue;
		assert_int_equal(get32(id + 92) >> bit & 1, 0);
		assert_int_equal(set_feature(d, 0x0b, 0, 1u << bit, NULL), ST_INVALID_FIELD);
	}
	assert_int_equal(value(d, 0x0b, CURRENT, 0), 0x11f);
	drv_disable(d);
	drv_enable(d);
	assert_int_equal(value(d, 0x0b, CURRENT, 0), 0);
	drv_free(d);
}

static uint16_t data_feature(struct drv *d, bool set, uint8_t fid, uint32_t sel, uint64_t iova,
			     size_t len)
{
	struct drv_cmd cmd = { .dw = { [0] = set ? 0x09 : 0x0a, [10] = sel << 8 | fid } };
	struct drv_cqe cqe;

	return drv_admin(d, &cmd, iova, len, &cqe);
}

static void test_timestamp(void **state)
{
	struct drv *d = enabled();
	uint64_t iova = drv_alloc(d, 4096), ts;
	uint8_t *buf = drv_ptr(d, iova);

	/* counts from 0 after a reset: origin 000b */
	drv_advance(d, 250 * 1000000ull);
	assert_int_equal(data_feature(d, false, 0x0e, CURRENT, iova, 8), ST_OK);
	ts = get64(buf);
	assert_int_equal(ts & 0xffffffffffff, 250);
	assert_int_equal(ts >> 48, 0);

	/* bytes 5:0 are the time, 7:6 are not looked at */
	memcpy(buf, "\x10\x32\x54\x76\x98\x0a\xff\xff", 8);
	assert_int_equal(data_feature(d, true, 0x0e, 0, iova, 8), ST_OK);
	drv_advance(d, 5 * 1000000ull);
	memset(buf, 0, 16);
	assert_int_equal(data_feature(d, false, 0x0e, CURRENT, iova, 8), ST_OK);
	ts = get64(buf);
	assert_int_equal(ts & 0xffffffffffff, 0x0a9876543210 + 5);
	assert_int_equal(buf[6], 1 << 1); /* origin 001b: Set Features */
	assert_int_equal(buf[7], 0);
	assert_true(all_zero(buf + 8, 8)); /* 8 bytes, no more */

	assert_int_equal(data_feature(d, false, 0x0e, DEFAULT, iova, 8), ST_OK);
	assert_int_equal(get64(buf), 0);

	drv_disable(d);
	drv_enable(d);
	assert_int_equal(data_feature(d, false, 0x0e, CURRENT, iova, 8), ST_OK);
	assert_int_equal(get64(buf), 0);

	/* 48 bits, then it starts again */
	memset(buf, 0xff, 6);
	assert_int_equal(data_feature(d, true, 0x0e, 0, iova, 8), ST_OK);
	drv_advance(d, 2 * 1000000ull);
	assert_int_equal(data_feature(d, false, 0x0e, CURRENT, iova, 8), ST_OK);
	assert_int_equal(get64(buf) & 0xffffffffffff, 1);
	assert_int_equal(buf[6], 1 << 1);
	drv_free(d);
}

static void test_kato(void **state)
{
	struct drv *d = enabled();

	assert_int_equal(value(d, 0x0f, CURRENT, 0), 0);
	assert_int_equal(set_feature(d, 0x0f, 0, 120001, NULL), ST_OK);
	assert_int_equal(value(d, 0x0f, CURRENT, 0), 120100); /* KAS is 1: steps of 100 ms */
	assert_int_equal(set_feature(d, 0x0f, 0, 0xffffffff, NULL), ST_OK);
	assert_int_equal(value(d, 0x0f, CURRENT, 0), 4294967200u);
	assert_int_equal(set_feature(d, 0x0f, 0, 0, NULL), ST_OK);
	assert_int_equal(value(d, 0x0f, CURRENT, 0), 0);
	drv_free(d);
}

static void test_host_behavior(void **state)
{
	struct drv *d = enabled();
	uint64_t iova = drv_alloc(d, 4096);
	uint8_t *buf = drv_ptr(d, iova);

	memset(buf, 0xa5, 1024);
	assert_int_equal(data_feature(d, false, 0x16, CURRENT, iova, 512), ST_OK);
	assert_true(all_zero(buf, 512));
	assert_int_equal(buf[512], 0xa5);

	memset(buf, 0, 512);
	buf[0] = 1; /* ACRE */
	assert_int_equal(data_feature(d, true, 0x16, 0, iova, 512), ST_OK);
	buf[0] = 0;
	assert_int_equal(data_feature(d, false, 0x16, CURRENT, iova, 512), ST_OK);
	assert_int_equal(buf[0], 1);
	assert_int_equal(data_feature(d, false, 0x16, DEFAULT, iova, 512), ST_OK);
	assert_true(all_zero(buf, 512));

	/*
	 * ACRE and LBAFEE of 2 are reserved; ETDAS and HDISNS need what is not supported, and CDFE
	 * has no bits for Copy descriptor formats that need not be enabled
	 */
	for (unsigned int byte = 0; byte < 6; byte++) {
		memset(buf, 0, 512);
		buf[byte] = byte == 0 || byte == 2 ? 2 : 1;
		assert_int_equal(data_feature(d, true, 0x16, 0, iova, 512), ST_INVALID_FIELD);
	}
	assert_int_equal(data_feature(d, false, 0x16, CURRENT, iova, 512), ST_OK);
	assert_int_equal(buf[0], 1);
	drv_free(d);
}

static void test_profile(void **state)
{
	struct drv *d = enabled();
	uint32_t dw0;

	assert_int_equal(value(d, 0x19, CURRENT, 0), 0);
	assert_int_equal(set_feature(d, 0x19, 0, 0, &dw0), ST_OK);
	assert_int_equal(dw0, 0);
	assert_int_equal(set_feature(d, 0x19, 0, 1, &dw0), ST_OK); /* the NVM Command Set alone */
	assert_int_equal(dw0, 1);
	assert_int_equal(value(d, 0x19, CURRENT, 0), 1);
	/* Zoned Namespaces alone: there is a namespace of the NVM Command Set */
	assert_int_equal(set_feature(d, 0x19, 0, 2, NULL), ST_IOCS_COMBINATION);
	assert_int_equal(set_feature(d, 0x19, 0, 3, NULL), ST_IOCS_COMBINATION);
	assert_int_equal(set_feature(d, 0x19, 0, 0x1ff, NULL), ST_IOCS_COMBINATION);
	assert_int_equal(value(d, 0x19, CURRENT, 0), 1);
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_not_saveable),
		cmocka_unit_test(test_nsid),
		cmocka_unit_test(test_arbitration),
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_temperature),
		cmocka_unit_test(test_error_recovery),
		cmocka_unit_test(test_write_cache),
		cmocka_unit_test(test_write_cache_flush),
		cmocka_unit_test(test_number_of_queues),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_atomicity),
		cmocka_unit_test(test_async_event),
		cmocka_unit_test(test_timestamp),
		cmocka_unit_test(test_kato),
		cmocka_unit_test(test_host_behavior),
		cmocka_unit_test(test_profile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
