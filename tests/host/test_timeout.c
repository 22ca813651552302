/* SPDX-License-Identifier: MIT */
/*
 * test_timeout.c - commands that do not end, calls that are given up, and slots that are all taken.
 */
#include "fx.h"

#include <unistd.h>

/* the I/O queues' submission queues go behind the driver's back: their commands never end */
static void delete_io_queues(struct fx *f)
{
	uint32_t qid;

	for (qid = 1; qid <= 2; qid++) {
		struct nvme_passthru_cmd cmd = { .opcode = 0x00, .cdw10 = qid };

		assert_int_equal(fx_admin(f, &cmd), 0);
	}
}

static void start_flush(struct fx *f, struct fx_call *c, uint32_t timeout_ms)
{
	const struct nvme_passthru_cmd cmd = { .opcode = 0, .nsid = 1, .timeout_ms = timeout_ms };

	fx_start(f, c, 1, NVME_IOCTL_IO_CMD, fx_put(f, &cmd, sizeof(cmd)));
}

/* Abort helps: the command's own status never shows, the call was interrupted */
static void abort_on_timeout(void **state)
{
	struct fx *f = *state;
	uint64_t start = fx_now_ms(), now_ns;
	unsigned int changes = f->changes;
	struct fx_call c;

	fx_aer(f, &c, 50);
	assert_int_equal(c.done, 0);
	now_ns = fx_now_ms() * 1000000;
	assert_in_range(f->armed, now_ns, now_ns + 51000000);
	assert_int_equal(fx_wait(f, &c), -EINTR);
	assert_in_range(fx_now_ms() - start, 50, 5000);
	assert_int_equal(fx_identify(f), 0);
	assert_int_equal(f->changes, changes); /* no reset was needed */
}

/* Abort does not help: reset, after which everything works */
static void reset_on_timeout(void **state)
{
	struct fx *f = *state;
	unsigned int changes = f->changes;
	struct fx_call c, other;

	delete_io_queues(f);
	start_flush(f, &c, 30);
	start_flush(f, &other, 60000);
	assert_int_equal(fx_wait(f, &c), -EINTR);
	assert_int_equal(fx_wait(f, &other), -EINTR); /* went down with it */
	assert_true(f->changes > changes);
	start_flush(f, &c, 0);
	assert_int_equal(fx_wait(f, &c), 0);
	assert_int_equal(fx_identify(f), 0);
}

static void long_timeout_stays(void **state)
{
	struct fx *f = *state;
	struct fx_call c;

	fx_aer(f, &c, 0); /* the default: a minute */
	usleep(20000);
	host_run(f->dev);
	assert_int_equal(c.done, 0);
	host_cancel(&c.call);
	assert_int_equal(c.done, 1);
	assert_int_equal(c.ret, -EINTR);
}

/* a door has one timer for many: what is still to come is armed again whenever it fires */
static void armed_again(void **state)
{
	struct fx *f = *state;
	uint64_t first;
	struct fx_call c;

	fx_aer(f, &c, 5000);
	first = f->armed;
	f->armed = UINT64_MAX;
	host_run(f->dev);
	assert_int_equal(f->armed, first);
	host_cancel(&c.call);
}

/* cancel ends the call at once, also when the controller knows nothing of the command */
static void cancel(void **state)
{
	struct fx *f = *state;
	struct fx_call c;
	unsigned int i;

	for (i = 0; i < 200; i++) { /* more than there are slots: they come back */
		fx_aer(f, &c, 0);
		f->brk -= 4096;
		if (c.done) /* Asynchronous Event Request Limit */
			fail_msg("ended with %lx at %u", c.ret, i);
		host_cancel(&c.call);
		assert_int_equal(c.done, 1);
		assert_int_equal(c.ret, -EINTR);
	}
	delete_io_queues(f);
	start_flush(f, &c, 0);
	host_cancel(&c.call);
	assert_int_equal(c.ret, -EINTR);
	assert_int_equal(fx_identify(f), 0);
}

/* a queue of one command: calls wait in order, and can be given up while they wait */
static void fifo(void **state)
{
	static const struct fx_params p = { .mqes = 1, .nr_io_queues = 1 };
	struct fx *f = fx_new(&p);
	struct nvme_passthru_cmd del = { .opcode = 0x00, .cdw10 = 1 };
	struct fx_call c[5];
	unsigned int i;

	assert_int_equal(fx_admin(f, &del), 0);
	for (i = 0; i < 5; i++)
		start_flush(f, &c[i], i ? 0 : 30);
	host_cancel(&c[2].call);
	assert_int_equal(c[2].ret, -EINTR);
	assert_int_equal(c[1].done + c[3].done + c[4].done, 0);
	/* the reset takes the one that was in the queue; those that waited run after it */
	assert_int_equal(fx_wait(f, &c[0]), -EINTR);
	assert_int_equal(fx_wait(f, &c[1]), 0);
	assert_int_equal(fx_wait(f, &c[3]), 0);
	assert_int_equal(fx_wait(f, &c[4]), 0);
	fx_free(f);
}

/* more calls than slots, most of them waiting, none lost */
static void many_waiting(void **state)
{
	struct fx *f = *state;
	static struct fx_call c[300];
	unsigned int i, ok = 0, gone = 0;

	delete_io_queues(f);
	for (i = 0; i < 300; i++) {
		start_flush(f, &c[i], 0);
		f->brk -= 4096;
	}
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), 0);
	for (i = 0; i < 300; i++) {
		long ret = fx_wait(f, &c[i]);

		assert_true(ret == 0 || ret == -EINTR);
		ok += ret == 0;
		gone += ret == -EINTR;
	}
	assert_int_equal(ok + gone, 300);
	assert_in_range(gone, 127, 254); /* what was in one or two queues */
}

/** struct chain - done() issues the next call itself */
struct chain {
	struct fx_call c;
	struct fx *f;
	uint64_t arg;
	unsigned int left;
};

static void chain_done(struct host_call *call, long ret)
{
	struct chain *ch = (struct chain *)call;
	struct host_node_ref node = { ch->f->dev, 0 };

	assert_int_equal(ret, 0);
	if (ch->left--)
		host_ioctl(node, NVME_IOCTL_ADMIN_CMD, ch->arg, call);
	else
		ch->c.done = 1;
}

/* a hundred thousand calls, each from the done() of the one before: without a stack to match */
static void reentrant_done(void **state)
{
	struct fx *f = *state;
	const struct nvme_passthru_cmd cmd = { .opcode = 0x0a, .cdw10 = 0x07 };
	struct chain ch = { .f = f, .left = 100000 };
	struct host_node_ref node = { f->dev, 0 };

	ch.arg = fx_put(f, &cmd, sizeof(cmd));
	ch.c.call.done = chain_done;
	ch.c.call.client = &f->client.cl;
	host_ioctl(node, NVME_IOCTL_ADMIN_CMD, ch.arg, &ch.c.call);
	assert_int_equal(ch.c.done, 1);
}

/* what is still there when the driver goes ends with -ENODEV */
static void shutdown_in_flight(void **state)
{
	struct fx *f = fx_new(NULL);
	struct fx_call aer, flush, late;
	struct host_info info;

	fx_aer(f, &aer, 0);
	delete_io_queues(f);
	start_flush(f, &flush, 0);
	host_dev_shutdown(f->dev);
	assert_int_equal(aer.ret, -ENODEV);
	assert_int_equal(flush.ret, -ENODEV);
	assert_int_equal(sim_mmio_read(f->fn, 0, NVME_REG_CSTS, 4) & 1, 0);
	host_dev_info(f->dev, &info);
	assert_string_equal(info.state, "dead");
	fx_aer(f, &late, 0);
	assert_int_equal(late.ret, -ENODEV);
	assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), -ENODEV);
	fx_free(f);
}

static void free_in_flight(void **state)
{
	struct fx *f = fx_new(NULL);
	struct host_params hp = { .nr_io_queues = 1 };
	struct fx_call aer;

	fx_aer(f, &aer, 0);
	host_dev_free(f->dev);
	assert_int_equal(aer.done, 1);
	assert_int_equal(aer.ret, -ENODEV);
	f->dev = host_dev_alloc(&hp); /* one that was never bound may go too */
	assert_non_null(f->dev);
	fx_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(abort_on_timeout, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(reset_on_timeout, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(long_timeout_stays, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(armed_again, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(cancel, fx_setup, fx_teardown),
		cmocka_unit_test(fifo),
		cmocka_unit_test_setup_teardown(many_waiting, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(reentrant_done, fx_setup, fx_teardown),
		cmocka_unit_test(shutdown_in_flight),
		cmocka_unit_test(free_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
