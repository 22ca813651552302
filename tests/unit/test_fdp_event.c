/* SPDX-License-Identifier: MIT */
/*
 * test_fdp_event.c - FDP events: which are logged, with what, and only if they are enabled; units
 * whose time is over; groups that are full.
 */
#include "fdp_fx.h"

#define CAP 64u
#define S   1000000000ull

static const uint8_t all_types[] = { 0x00, 0x01, 0x02, 0x03, 0x80, 0x81 };

static int setup(void **state)
{
	struct ffx *x = calloc(1, sizeof(*x));

	assert_non_null(x);
	ffx_params(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct ffx *x = *state;

	if (x->d)
		ffx_end(x);
	free(x);
	return 0;
}

/* Get Features FDP Events. Return: status; the six descriptors */
static uint16_t get_events(struct ffx *x, uint16_t ph, uint8_t sel, uint8_t desc[12])
{
	struct drv_cmd cmd = { { 0x0a, 1 } };
	struct drv_cqe cqe = { 0 };
	uint16_t status;

	cmd.dw[10] = (uint32_t)sel << 8 | 0x1e;
	cmd.dw[11] = ph;
	status = drv_admin(x->d, &cmd, x->rbuf, 4096, &cqe);
	if (!status)
		assert_int_equal(cqe.dw0, 6);
	memcpy(desc, drv_ptr(x->d, x->rbuf), 12);
	return status;
}

static void test_feature(void **state)
{
	static const uint8_t some[] = { 0x81, 0x42, 0x00 };
	struct ffx *x = *state;
	struct drv_cmd cmd = { { 0x0a, 1 } };
	struct drv_cqe cqe = { 0 };
	uint8_t d[12];

	ffx_up(x);
	assert_int_equal(get_events(x, 1, 0, d), 0);
	for (unsigned int i = 0; i < 6; i++) {
		assert_int_equal(d[2 * i], all_types[i]);
		assert_int_equal(d[2 * i + 1], 0);
	}
	assert_int_equal(get_events(x, 2, 0, d), ST_INVALID_FIELD);
	assert_int_equal(ffx_set_events(x, 1, 2, some, 3, true), ST_INVALID_FIELD);
	assert_int_equal(ffx_set_events(x, 0xffffffff, 0, some, 3, true), ST_INVALID_NS);
	assert_int_equal(ffx_set_events(x, 1, 1, some, 0, true), 0);
	assert_int_equal(ffx_set_events(x, 1, 1, some, 3, true), 0);
	/* it survives, and is the saved value */
	ffx_down(x);
	ffx_up(x);
	assert_int_equal(get_events(x, 1, 2, d), 0);
	assert_true(d[1] && !d[3] && !d[5] && !d[7] && !d[9] && d[11]);
	assert_int_equal(get_events(x, 0, 0, d), 0);
	assert_true(!d[1] && !d[11]);
	assert_int_equal(get_events(x, 1, 1, d), 0); /* default */
	assert_true(!d[1] && !d[11]);
	assert_int_equal(ffx_set_events(x, 1, 1, some, 1, false), 0);
	assert_int_equal(get_events(x, 1, 0, d), 0);
	assert_true(d[1] && !d[11]);
	cmd.dw[10] = 3 << 8 | 0x1e; /* supported: saveable, changeable, a namespace's */
	assert_int_equal(drv_admin(x->d, &cmd, 0, 0, &cqe), 0);
	assert_int_equal(cqe.dw0, 7);
}

/* the write happens, through placement handle 0; the event has what the host sent */
static void test_invalid_pid(void **state)
{
	static const uint8_t type = EV_PID;
	struct ffx *x = *state;
	const uint8_t *ev;

	ffx_up(x);
	ffx_write(x, 7, 0, 1);
	assert_int_equal(ffx_events(x, true, &ev), 0); /* not enabled */
	assert_int_equal(ffx_set_events(x, 1, 0, &type, 1, true), 0);
	x->d->now_ns += 5 * S;
	ffx_write(x, 0x1234, 1, 4);
	assert_int_equal(ffx_io(x, OP_WRITE_ZEROES, 1, 2, 8, 4, 0, 0), 0);
	assert_int_equal(ffx_ruamw(x, 1, 0), CAP - 9);
	assert_int_equal(ffx_events(x, true, &ev), 2);
	assert_int_equal(ev[0], EV_PID);
	assert_int_equal(ev[1], 7);
	assert_int_equal(get16(ev + 2), 0x1234);
	assert_true(get64(ev + 4)); /* a timestamp */
	assert_int_equal(get32(ev + 12), 1);
	assert_true(all_zero(ev + 16, 16));
	assert_int_equal(get16(ev + 32), 0);
	assert_int_equal(get16(ev + 34), 0);
	assert_true(all_zero(ev + 36, 28));
	assert_int_equal(get16(ev + 64 + 2), 2);
	assert_int_equal(ffx_events(x, false, &ev), 0);
}

/* 63 are kept, the oldest goes; they survive, and reading leaves them */
static void test_ring(void **state)
{
	static const uint8_t type = EV_PID;
	struct ffx *x = *state;
	const uint8_t *ev;

	ffx_up(x);
	assert_int_equal(ffx_set_events(x, 1, 0, &type, 1, true), 0);
	for (uint32_t i = 0; i < 200; i++)
		ffx_write(x, 100 + i, 0, 1);
	for (unsigned int life = 0; life < 2; life++) {
		for (unsigned int again = 0; again < 2; again++) {
			assert_int_equal(ffx_events(x, true, &ev), 63);
			for (uint32_t i = 0; i < 63; i++)
				assert_int_equal(get16(ev + 64 * i + 2), 100 + 137 + i);
		}
		ffx_down(x);
		ffx_up(x);
	}
}

/* overwrite until something is collected: the events of moved blocks add up */
static void moved(struct ffx *x, bool persistent)
{
	const uint8_t type = EV_MOVED;
	const uint8_t *ev;
	struct sim_fdp_info info;
	uint64_t blocks = 0;
	uint32_t n;

	x->p.fdp.persistent = persistent;
	ffx_up(x);
	assert_int_equal(ffx_set_events(x, 1, 0, &type, 1, true), 0);
	for (uint32_t i = 0; i < 2048; i += 8)
		ffx_write(x, 0, i, 8);
	for (uint32_t i = 0;; i = (i + 7) % 2040) {
		ffx_write(x, 0, i, 1);
		assert_int_equal(sim_fdp_info(x->d->subsys, &info), 0);
		if (info.moved)
			break;
	}
	n = ffx_events(x, false, &ev);
	assert_true(persistent ? !n : n);
	for (uint32_t i = 0; i < n; i++, ev += 64) {
		assert_int_equal(ev[0], EV_MOVED);
		assert_int_equal(ev[1], 7);
		assert_int_equal(get32(ev + 12), 1);
		assert_int_equal(ev[16], 1); /* LBAV */
		assert_true(get64(ev + 20) < 2048);
		blocks += get16(ev + 18);
	}
	if (!persistent)
		assert_int_equal(blocks * 4096, info.moved);
}

static void test_moved(void **state)
{
	moved(*state, false);
}

static void test_moved_persistent(void **state)
{
	moved(*state, true);
}

static void test_time(void **state)
{
	struct ffx *x = *state;
	const uint8_t *ev;
	uint8_t *p;

	x->p.fdp.erutl = 60;
	ffx_up(x);
	assert_int_equal(ffx_set_events(x, 1, 1, all_types, 6, true), 0);
	assert_int_equal(ffx_log(x, 0x20, 1, 0, 64, &p), 0);
	assert_int_equal(get32(p + 16 + 24), 60);
	ffx_write(x, 1, 0, 8);
	drv_advance(x->d, 20 * S);
	assert_int_equal(ffx_status(x, 1, 80, &p), 0);
	assert_int_equal(get32(p + 16 + 4), 60); /* nothing has been written to it */
	assert_int_equal(get32(p + 48 + 4), 40);
	drv_advance(x->d, 39 * S);
	assert_int_equal(ffx_ruamw(x, 1, 1), CAP - 8);
	drv_advance(x->d, 2 * S);
	assert_int_equal(ffx_ruamw(x, 1, 1), CAP);
	assert_int_equal(ffx_events(x, true, &ev), 1);
	assert_int_equal(ev[0], EV_TIME);
	assert_int_equal(ev[1], 4); /* the location is what is known */
	assert_int_equal(get16(ev + 34), 1);
	drv_advance(x->d, 1000 * S);
	assert_int_equal(ffx_events(x, true, &ev), 1);
	/* the time begins with the first write to the next one */
	ffx_write(x, 1, 8, 8);
	assert_int_equal(ffx_status(x, 1, 80, &p), 0);
	assert_int_equal(get32(p + 48 + 4), 60);
}

/*
 * All that the namespace holds goes to one of two reclaim groups: when that is full of valid data,
 * the other handle's unit is taken from it, and then the rest goes to the other group.
 */
static void test_full_group(void **state)
{
	struct ffx *x = *state;
	struct sim_fdp_ru ru[256];
	const uint8_t *ev;
	uint64_t valid[2] = { 0 };
	int64_t n;

	x->p.fdp.nrg = 2;
	ffx_up(x);
	assert_int_equal(ffx_set_events(x, 1, 1, &all_types[5], 1, true), 0);
	ffx_write(x, 1, 0, 1); /* handle 1 has a unit in group 0, nearly empty */
	for (uint32_t i = 8; i < 2048; i += 8)
		ffx_write(x, 0, i, 8);
	n = sim_fdp_rus(x->d->subsys, 0, 256, ru);
	for (int64_t i = 0; i < n; i++)
		valid[ru[i].rg] += ru[i].valid;
	assert_int_equal(valid[0] + valid[1], (2048 - 7) * 4096);
	assert_true(valid[0] > valid[1] && valid[1]);
	assert_int_equal(ffx_stats(x).hbmw, (2048 - 7) * 4096);
	assert_int_equal(ffx_events(x, false, &ev), 1);
	assert_int_equal(ev[0], EV_IMPLICIT);
	assert_int_equal(ev[1], 4);
	assert_int_equal(get16(ev + 32), 0);
	assert_int_equal(get16(ev + 34), 1);
	/* and it goes on so */
	for (uint32_t i = 0; i < 4096; i += 8)
		ffx_write(x, i / 8 % 2, i % 2048, 8);
}

static uint64_t the_boot;

static uint64_t boot(void *opaque)
{
	(void)opaque;
	return the_boot;
}

static void start(struct ffx *x)
{
	struct sim_msg msg;

	x->p.journal = memj_port(&x->j);
	x->p.journal.boot = boot;
	if (!x->p.ns.store)
		x->p.ns.store = store_ram_new(x->p.ns_bytes, &msg);
	x->d = drv_new(&x->p);
	drv_start(x->d);
	x->buf = drv_alloc(x->d, 512 * KIB);
	x->rbuf = drv_alloc(x->d, 64 * KIB);
}

/* what a process leaves that is killed: its memory. The subsystem that is thrown away writes to a
 * copy. */
static void die(struct ffx *x)
{
	struct memj_item *it = memj_find(&x->j, 'a', 11, 1);
	void *copy = malloc(it->len);

	memcpy(copy, it->buf, it->len);
	drv_free(x->d);
	memcpy(it->buf, copy, it->len);
	free(copy);
}

/* a killed process's units are written to further, those before a power cut are not */
static void test_power_cut(void **state)
{
	static const uint8_t type = EV_RESET;
	struct ffx *x = *state;
	const uint8_t *ev;

	the_boot = 1;
	start(x);
	assert_int_equal(ffx_set_events(x, 1, 1, &type, 1, true), 0);
	ffx_write(x, 1, 0, 8);
	ffx_write(x, 0, 8, 8);
	die(x);
	start(x);
	assert_int_equal(ffx_ruamw(x, 1, 1), CAP - 8);
	assert_int_equal(ffx_events(x, true, &ev), 0);
	ffx_down(x); /* orderly */
	the_boot = 2;
	start(x);
	assert_int_equal(ffx_ruamw(x, 1, 1), CAP - 8);
	die(x);
	the_boot = 3;
	start(x);
	assert_int_equal(ffx_ruamw(x, 1, 1), CAP);
	assert_int_equal(ffx_ruamw(x, 1, 0), CAP);
	assert_int_equal(ffx_events(x, true, &ev), 1);
	assert_int_equal(ev[0], EV_RESET);
	assert_int_equal(ev[1], 0);
	assert_int_equal(ffx_stats(x).hbmw, 16 * 4096);
}

/* a Controller Level Reset modifies no handle */
static void test_reset(void **state)
{
	struct ffx *x = *state;
	const uint8_t *ev;

	ffx_up(x);
	assert_int_equal(ffx_set_events(x, 1, 1, all_types, 6, true), 0);
	ffx_write(x, 1, 0, 8);
	drv_disable(x->d);
	drv_start(x->d);
	assert_int_equal(ffx_ruamw(x, 1, 1), CAP - 8);
	assert_int_equal(ffx_events(x, true, &ev), 0);
}

static void test_bad_input(void **state)
{
	struct ffx *x = *state;
	struct drv_cmd cmd = { { OP_IO_RECV, 1 } };
	uint16_t pids[8] = { 0, 1, 0, 1 };
	uint8_t *p;

	ffx_up(x);
	assert_int_equal(ffx_update(x, 1, pids, 2), 0); /* MAXPIDS: 2 handles, 1 group */
	assert_int_equal(ffx_update(x, 1, pids, 3), ST_INVALID_FIELD);
	pids[1] = 2; /* no handle of this namespace */
	assert_int_equal(ffx_update(x, 1, pids, 2), ST_INVALID_FIELD);
	assert_int_equal(ffx_update(x, 2, pids, 1), ST_INVALID_FIELD); /* an inactive namespace */
	assert_int_equal(ffx_update(x, 0xffffffff, pids, 1), ST_INVALID_NS);
	assert_int_equal(ffx_status(x, 0, 16, &p), ST_INVALID_NS);
	assert_int_equal(drv_io(x->d, &cmd, 0, 0, NULL), 0); /* MO 0 */
	cmd.dw[10] = 2;
	assert_int_equal(drv_io(x->d, &cmd, x->rbuf, 4, NULL), ST_INVALID_FIELD);
	cmd.dw[0] = OP_IO_SEND;
	assert_int_equal(drv_io(x->d, &cmd, x->rbuf, 4, NULL), ST_INVALID_FIELD);
	cmd.dw[10] = 0;
	assert_int_equal(drv_io(x->d, &cmd, x->rbuf, 4, NULL), 0);
	/* half of a header, and more than MDTS */
	assert_int_equal(ffx_status(x, 1, 8, &p), 0);
	assert_true(all_zero(p, 8));
	cmd = (struct drv_cmd){ { OP_IO_RECV, 1 } };
	cmd.dw[10] = 1;
	cmd.dw[11] = 0xffffffff;
	assert_int_equal(drv_io(x->d, &cmd, x->rbuf, 4096, NULL), ST_INVALID_FIELD);
	/* directives: there are no streams */
	cmd = (struct drv_cmd){ { OP_WRITE, 1 } };
	cmd.dw[12] = 1u << 20;
	assert_int_equal(drv_io(x->d, &cmd, x->buf, 4096, NULL), ST_INVALID_FIELD);
	cmd.dw[12] = 3u << 20;
	assert_int_equal(drv_io(x->d, &cmd, x->buf, 4096, NULL), ST_INVALID_FIELD);
	assert_int_equal(ffx_stats(x).hbmw, 0);
	/* the NSID of the endurance group's pages is reserved */
	cmd = (struct drv_cmd){ { 0x02, 1 } };
	cmd.dw[10] = 15u << 16 | 0x22;
	cmd.dw[11] = 1u << 16;
	assert_int_equal(drv_admin(x->d, &cmd, x->rbuf, 64, NULL), 0);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_feature),    T(test_invalid_pid),      T(test_ring),
		T(test_moved),	    T(test_moved_persistent), T(test_time),
		T(test_full_group), T(test_power_cut),	      T(test_reset),
		T(test_bad_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
