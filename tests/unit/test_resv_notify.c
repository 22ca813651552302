/* SPDX-License-Identifier: MIT */
/*
 * test_resv_notify.c - what other hosts learn and lose: Reservation Notifications (log page 80h,
 * feature 82h, the event), Preempt and Abort. NVMe Base 2.1, sections 8.1.22.2 to 8.1.22.8.
 */
#include "resvcmd.h"
#include "slow_store.h"

#define MASK_REG_PREEMPTED (1u << 1)
#define MASK_RELEASED (1u << 2)
#define MASK_PREEMPTED (1u << 3)

static void register_all(struct resv_fx *fx)
{
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	assert_int_equal(reg_key(&fx->c, KEY_C), 0);
}

static void no_note(struct host *h)
{
	assert_int_equal(read_note(h, NULL), 0);
}

static void one_note(struct host *h, uint8_t type)
{
	assert_int_equal(read_note(h, NULL), (uint32_t)type << 8);
	no_note(h);
}

/* registering, replacing, acquiring, unregistering without a reservation: nobody's concern */
static void test_quiet(void **state)
{
	struct resv_fx *fx = *state;

	register_all(fx);
	assert_int_equal(resv_cmd(&fx->a, OP_REGISTER, 1, RREGA_REPLACE, KEY_A, 1), 0);
	assert_int_equal(acquire(&fx->a, 1, WERO), 0);
	assert_int_equal(unregister(&fx->b, KEY_B), 0);
	no_note(&fx->a);
	no_note(&fx->a2);
	no_note(&fx->b);
	no_note(&fx->c);
}

/* Release: told unless the type was Write Exclusive or Exclusive Access */
static void test_release(void **state)
{
	struct resv_fx *fx = *state;

	register_all(fx);
	assert_int_equal(unregister(&fx->c, KEY_C), 0);
	for (uint8_t type = WE; type <= EAAR; type++) {
		assert_int_equal(acquire(&fx->b, KEY_B, type), 0);
		assert_int_equal(release(&fx->b, KEY_B, type), 0);
		if (type == WE || type == EA) {
			no_note(&fx->a);
			no_note(&fx->a2);
		} else {
			one_note(&fx->a, NOTE_RELEASED);
			one_note(&fx->a2, NOTE_RELEASED);
		}
		no_note(&fx->b);
		no_note(&fx->c); /* not a registrant */
	}
}

/* Unregister of the holder: told if the type was one of the Registrants Only */
static void test_unregister(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	for (uint8_t type = WE; type <= EAAR; type++) {
		assert_int_equal(reg_key(&fx->b, KEY_B), 0);
		assert_int_equal(acquire(&fx->b, KEY_B, type), 0);
		assert_int_equal(unregister(&fx->b, KEY_B), 0);
		if (type == WERO || type == EARO)
			one_note(&fx->a, NOTE_RELEASED);
		else
			no_note(&fx->a);
		no_note(&fx->b);
		if (type >= WEAR)
			assert_int_equal(release(&fx->a, KEY_A, type), 0);
	}
}

static void test_preempt(void **state)
{
	struct resv_fx *fx = *state;

	register_all(fx);
	assert_int_equal(acquire(&fx->a, KEY_A, WE), 0);
	/* A loses its registration; C stays and sees another type */
	assert_int_equal(preempt(&fx->b, KEY_B, KEY_A, EA), 0);
	one_note(&fx->a, NOTE_REG_PREEMPTED);
	one_note(&fx->a2, NOTE_REG_PREEMPTED);
	no_note(&fx->b);
	one_note(&fx->c, NOTE_RELEASED);
	/* the same type again: nothing was released */
	assert_int_equal(preempt(&fx->b, KEY_B, KEY_B, EA), 0);
	no_note(&fx->c);
	/* registrations only */
	assert_int_equal(preempt(&fx->b, KEY_B, KEY_C, EA), 0);
	one_note(&fx->c, NOTE_REG_PREEMPTED);
	no_note(&fx->a);
}

static void test_clear(void **state)
{
	struct resv_fx *fx = *state;

	register_all(fx);
	assert_int_equal(acquire(&fx->a, KEY_A, EAAR), 0);
	assert_int_equal(clear(&fx->b, KEY_B), 0);
	one_note(&fx->a, NOTE_PREEMPTED);
	one_note(&fx->a2, NOTE_PREEMPTED);
	one_note(&fx->c, NOTE_PREEMPTED);
	no_note(&fx->b);
}

/* one Release from B, which A hears of */
static void make_note(struct resv_fx *fx)
{
	assert_int_equal(acquire(&fx->b, KEY_B, WERO), 0);
	assert_int_equal(release(&fx->b, KEY_B, WERO), 0);
}

/* the event: type 6, information 00h, page 80h; once until the page is read */
static void test_event(void **state)
{
	struct resv_fx *fx = *state;
	unsigned int irqs = fx->d->irqs[0];
	struct drv_cqe cqe;
	uint8_t *p;

	register_all(fx);
	assert_int_equal(get_log(fx->d, 0x80, NSID_ALL, 0, 64, false, &p), 0);
	irqs = fx->d->irqs[0];
	aer_submit(fx->d);
	aer_submit(fx->d);
	assert_false(drv_poll(fx->d, &fx->d->admin, &cqe));
	make_note(fx);
	assert_int_equal(fx->d->irqs[0], irqs + 1); /* delivered, though B was at work */
	assert_true(drv_poll(fx->d, &fx->d->admin, &cqe));
	assert_int_equal(cqe.dw0, 0x800006);
	make_note(fx);
	assert_false(drv_poll(fx->d, &fx->d->admin, &cqe));

	/* RAE keeps the event, but the page is taken away by whoever reads it */
	assert_int_equal(get_log(fx->d, 0x80, 0, 0, 64, true, &p), 0);
	assert_int_equal(p[8], NOTE_RELEASED);
	assert_int_equal(p[9], 1);
	assert_false(drv_poll(fx->d, &fx->d->admin, &cqe));
	one_note(&fx->a, NOTE_RELEASED);
	make_note(fx);
	assert_true(drv_poll(fx->d, &fx->d->admin, &cqe));
	assert_int_equal(cqe.dw0, 0x800006);
}

/* a page that could not be delivered is still there */
static void test_bad_pointer(void **state)
{
	struct resv_fx *fx = *state;
	struct drv_cmd cmd = { .dw = { [0] = 0x02, [7] = 0x7fffffff, [10] = 15u << 16 | 0x80 } };

	register_all(fx);
	make_note(fx);
	assert_int_equal(drv_exec(fx->d, &fx->d->admin, &cmd, NULL), 0x004);
	one_note(&fx->a, NOTE_RELEASED);
}

static void test_mask(void **state)
{
	struct resv_fx *fx = *state;
	struct drv *d = fx->d;
	struct drv_cqe cqe;
	uint32_t v;

	register_all(fx);
	assert_int_equal(get_feature(d, 0x82, 0, 1, 0, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(set_feature(d, 0x82, 1, MASK_RELEASED, NULL), 0);
	assert_int_equal(get_feature(d, 0x82, 0, 1, 0, &v), 0);
	assert_int_equal(v, MASK_RELEASED);
	aer_submit(d);
	make_note(fx);
	no_note(&fx->a);
	one_note(&fx->a2, NOTE_RELEASED); /* the mask is the controller's */
	assert_false(drv_poll(d, &d->admin, &cqe));

	assert_int_equal(set_feature(d, 0x82, NSID_ALL, MASK_REG_PREEMPTED | MASK_PREEMPTED, NULL),
			 0);
	make_note(fx);
	assert_true(drv_poll(d, &d->admin, &cqe));
	one_note(&fx->a, NOTE_RELEASED);
	assert_int_equal(acquire(&fx->b, KEY_B, WE), 0);
	assert_int_equal(preempt(&fx->b, KEY_B, KEY_A, WE), 0);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(clear(&fx->b, KEY_B), 0);
	no_note(&fx->a);
	assert_int_equal(read_note(&fx->a2, NULL), NOTE_RELEASED << 8 | 2);
	assert_int_equal(read_note(&fx->a2, NULL), NOTE_REG_PREEMPTED << 8 | 1);
	one_note(&fx->a2, NOTE_PREEMPTED);

	assert_int_equal(get_feature(d, 0x82, 0, NSID_ALL, 0, &v), ST_INVALID_FIELD);
	assert_int_equal(get_feature(d, 0x82, 0, 0, 0, &v), ST_INVALID_NS);
	assert_int_equal(get_feature(d, 0x82, 1, 1, 0, &v), 0);
	assert_int_equal(v, 0);
	drv_disable(d);
	drv_start(d);
	assert_int_equal(get_feature(d, 0x82, 0, 1, 0, &v), 0);
	assert_int_equal(v, 0);
}

/* Log Page Count counts every notification, the lost ones too; a reset begins anew */
static void test_count(void **state)
{
	struct resv_fx *fx = *state;
	uint64_t lpc, last = 0;
	unsigned int kept = 0;
	uint32_t note;

	register_all(fx);
	for (unsigned int i = 0; i < 1000; i++)
		make_note(fx);
	while ((note = read_note(&fx->a, &lpc))) {
		assert_int_equal(note >> 8, NOTE_RELEASED);
		assert_true(lpc == last + 1 || (note == NOTE_RELEASED << 8 && lpc == 1000));
		last = lpc;
		kept++;
		assert_true(kept <= 1000);
	}
	assert_true(kept > 0);
	assert_int_equal(last, 1000);
	make_note(fx);
	assert_int_equal(read_note(&fx->a, &lpc), NOTE_RELEASED << 8);
	assert_int_equal(lpc, 1001);
	make_note(fx);
	drv_disable(fx->d);
	drv_start(fx->d);
	no_note(&fx->a);
	assert_int_equal(set_host_id(&fx->a, false, ID_A, 0), 0);
	make_note(fx);
	assert_int_equal(read_note(&fx->a, &lpc), NOTE_RELEASED << 8);
	assert_int_equal(lpc, 1);
}

/* ---- Preempt and Abort ---------------------------------------------------------------------- */

static uint16_t submit_flush(struct host *h)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x00, [1] = 1 } };

	return drv_submit(h->d, &h->d->io, &cmd);
}

static bool poll_status(struct host *h, uint16_t cid, uint16_t *status)
{
	struct drv_cqe cqe;

	if (!drv_poll(h->d, &h->d->io, &cqe))
		return false;
	assert_int_equal(cqe.cid, cid);
	*status = cqe.status & 0x7ff;
	return true;
}

/*
 * Commands of the preempted host, on all its controllers, end before the Acquire does; those of
 * others go on, and so do all where a Preempt does not abort.
 */
static void test_preempt_abort(void **state)
{
	struct slow_store *st = slow_new(1 << 20);
	uint16_t cid_a, cid_a2, cid_b, cid_c, status;
	unsigned int irqs;
	struct drv_params p;
	struct resv_fx fx;

	drv_params(&p);
	p.ns.store = &st->st;
	p.ns_bytes = st->st.size;
	resv_setup(&fx, &p);
	register_all(&fx);
	assert_int_equal(acquire(&fx.a, KEY_A, WERO), 0);
	st->slow = true;
	cid_a = submit_flush(&fx.a);
	cid_a2 = submit_flush(&fx.a2);
	cid_b = submit_flush(&fx.b);
	cid_c = submit_flush(&fx.c);
	assert_false(poll_status(&fx.a, cid_a, &status));

	assert_int_equal(preempt(&fx.c, KEY_C, KEY_B, WERO), 0);
	assert_false(poll_status(&fx.b, cid_b, &status));
	assert_int_equal(reg_key(&fx.b, KEY_B), 0);

	irqs = fx.a2.d->irqs[1];
	assert_int_equal(resv_cmd(&fx.b, OP_ACQUIRE, 1, RACQA_PREEMPT_ABORT | RTYPE(EA), KEY_B,
				  KEY_A), 0);
	assert_true(poll_status(&fx.a, cid_a, &status));
	assert_int_equal(status, ST_PREEMPT_ABORT);
	assert_true(poll_status(&fx.a2, cid_a2, &status));
	assert_int_equal(status, ST_PREEMPT_ABORT);
	assert_int_equal(fx.a2.d->irqs[1], irqs + 1);
	assert_false(poll_status(&fx.c, cid_c, &status));

	/* what the medium had begun ends without a second completion */
	st->slow = false;
	slow_finish(st);
	assert_true(poll_status(&fx.b, cid_b, &status));
	assert_int_equal(status, 0);
	assert_true(poll_status(&fx.c, cid_c, &status));
	assert_int_equal(status, 0);
	assert_false(poll_status(&fx.a, cid_a, &status));
	assert_false(poll_status(&fx.a2, cid_a2, &status));
	(void)state;
	drv_free(fx.d);
	slow_free(st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		resv_test(test_quiet),
		resv_test(test_release),
		resv_test(test_unregister),
		resv_test(test_preempt),
		resv_test(test_clear),
		resv_test(test_event),
		resv_test(test_bad_pointer),
		resv_test(test_mask),
		resv_test(test_count),
		cmocka_unit_test(test_preempt_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
