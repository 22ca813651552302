/* SPDX-License-Identifier: MIT */
/*
 * test_threads.c - several threads at once: every call ends, once, with its own data, also with
 * resets and cancels in between.
 */
#include "fx.h"

#include <sched.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS 3000

struct worker {
	struct fx *f;
	unsigned int nr, rounds;
	bool resets; /* -EINTR is a possible end */
	uint64_t arg, buf;
	unsigned int ok, interrupted;
	pthread_t thread;
};

/* another thread may have taken our completion along, and be about to call done() */
static long wait_done(struct fx *f, struct fx_call *c)
{
	unsigned int n;

	for (n = 0; !atomic_load(&c->done); n++) {
		if (n > 20000)
			fail_msg("the call never ended");
		if (n < 100)
			sched_yield();
		else
			usleep(500);
		if (n > 100)
			host_run(f->dev);
	}
	return c->ret;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct nvme_passthru_cmd *cmd = fx_ptr(w->f, w->arg);
	uint32_t *data = fx_ptr(w->f, w->buf);
	unsigned int i, j;
	struct fx_call c;

	for (i = 0; i < w->rounds; i++) {
		bool write = !(i & 1);
		uint32_t tag = w->nr << 24 | i / 2;
		long ret;

		for (j = 0; j < 1024; j++)
			data[j] = write ? tag + j * 97 : 0;
		cmd->opcode = write ? 1 : 2;
		fx_start(w->f, &c, 1, NVME_IOCTL_IO_CMD, w->arg);
		ret = wait_done(w->f, &c);
		if (ret == -EINTR && w->resets) {
			w->interrupted++;
			i |= 1; /* the next round writes */
			continue;
		}
		if (ret)
			fail_msg("thread %u, round %u: %lx", w->nr, i, ret);
		w->ok++;
		for (j = 0; j < 1024; j++)
			assert_int_equal(data[j], tag + j * 97);
	}
	return NULL;
}

static void start(struct fx *f, struct worker *w, unsigned int rounds, bool resets)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		uint64_t buf = fx_alloc(f, 4096);
		struct nvme_passthru_cmd cmd = { .nsid = 1, .addr = buf, .data_len = 4096,
						 .cdw10 = i * 8, .cdw12 = 7 };

		w[i] = (struct worker){ .f = f, .nr = i, .rounds = rounds, .resets = resets,
					.buf = buf, .arg = fx_put(f, &cmd, sizeof(cmd)) };
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
}

static void hammer(void **state)
{
	static const struct fx_params one = { .nr_io_queues = 1, .mqes = 2 };
	struct worker w[THREADS];
	struct fx *f = *state;
	unsigned int i;

	start(f, w, ROUNDS, false);
	for (i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(w[i].ok, ROUNDS);

	/* all in one queue of two slots: they wait for each other's */
	f = fx_new(&one);
	start(f, w, ROUNDS, false);
	for (i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(w[i].ok, ROUNDS);
	fx_free(f);
}

static void hammer_with_resets(void **state)
{
	struct worker w[THREADS];
	struct fx *f = *state;
	unsigned int i;
	struct fx_call aer;

	start(f, w, ROUNDS, true);
	for (i = 0; i < 20; i++) {
		usleep(1000);
		fx_aer(f, &aer, 0);
		f->brk -= 4096;
		if (i & 1)
			host_cancel(&aer.call);
		assert_int_equal(fx_ioctl(f, 0, NVME_IOCTL_RESET, 0), 0);
		assert_int_equal(aer.done, 1);
		assert_int_equal(aer.ret, -EINTR);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	for (i = 0; i < THREADS; i++)
		assert_true(w[i].ok > 0);
	assert_int_equal(fx_identify(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hammer, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(hammer_with_resets, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
