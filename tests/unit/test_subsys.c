/* SPDX-License-Identifier: MIT */
/*
 * test_subsys.c - subsystems: building them, controllers, attachment, timers, the lock.
 */
#include <pthread.h>

#include "drv.h"
#include "../../core/subsys/subsys.h"
#include "../../store/store.h"

static int no_dma(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec, unsigned int n)
{
	return SIM_EFAULT;
}

static struct sim_fn *add_fn(struct drv *d)
{
	struct drv_params p;
	struct sim_msg msg;
	struct sim_fn *fn;

	drv_params(&p);
	p.ctrl.dma.xfer = no_dma;
	fn = sim_fn_add(d->subsys, &p.ctrl, &msg);
	if (!fn)
		fail_msg("%s", msg.text);
	sim_cfg_write(fn, 0x04, 2, 0x0006);
	return fn;
}

static int64_t add_ns(struct drv *d, struct sim_fn *fn, uint32_t nsid, bool shared,
		      struct sim_store *st, struct sim_msg *msg)
{
	struct drv_params p;

	drv_params(&p);
	p.ns.nsid = nsid;
	p.ns.shared = shared;
	p.ns.store = st;
	return sim_ns_add(d->subsys, fn, &p.ns, msg);
}

static void test_cntlid(void **state)
{
	struct drv *d = drv_new(NULL);

	assert_int_equal(sim_fn_cntlid(d->fn), 0);
	assert_int_equal(sim_fn_cntlid(add_fn(d)), 1);
	assert_int_equal(sim_fn_cntlid(add_fn(d)), 2);
	drv_free(d);
}

/* a wrong parameter is refused with a sentence that names it */
static void test_bad_params(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_params def, p;
	struct sim_msg msg;
	char nqn[300];

	drv_params(&def);
	def.ctrl.dma.xfer = no_dma;
#define REFUSED(field, value)                                                                      \
	do {                                                                                       \
		p = def;                                                                           \
		p.ctrl.field = value;                                                              \
		msg.text[0] = 0;                                                                   \
		assert_null(sim_fn_add(d->subsys, &p.ctrl, &msg));                                 \
		assert_non_null(strstr(msg.text, #field));                                         \
	} while (0)
	REFUSED(max_ioqpairs, 0);
	REFUSED(max_ioqpairs, 65536);
	REFUSED(msix_qsize, 0);
	REFUSED(msix_qsize, 2049);
	REFUSED(mqes, 0);
	REFUSED(mdts, 0);
	REFUSED(mdts, 10);
#undef REFUSED
	assert_int_equal(sim_fn_cntlid(add_fn(d)), 1);

	memset(nqn, 'n', sizeof(nqn));
	nqn[224] = 0;
	assert_null(sim_subsys_new(&(struct sim_subsys_params){ .nqn = nqn }, &msg));
	nqn[0] = 0;
	assert_null(sim_subsys_new(&(struct sim_subsys_params){ .nqn = nqn }, &msg));
	assert_null(sim_subsys_new(&(struct sim_subsys_params){ .nqn = NULL }, &msg));
	drv_free(d);
}

static void test_namespaces(void **state)
{
	struct drv *d = drv_new(NULL); /* has namespace 1 */
	struct sim_msg msg;
	struct sim_store *st[3];

	for (unsigned int i = 0; i < 3; i++)
		st[i] = store_ram_new(1 << 20, &msg);
	assert_int_equal(add_ns(d, NULL, 1, true, st[0], &msg), SIM_EEXIST);
	assert_int_equal(add_ns(d, NULL, SIM_NN + 1, true, st[0], &msg), SIM_EINVAL);
	assert_int_equal(add_ns(d, NULL, 0, true, st[0], &msg), 2);
	assert_int_equal(add_ns(d, NULL, SIM_NN, true, st[1], &msg), SIM_NN);
	assert_int_equal(add_ns(d, NULL, 0, true, st[2], &msg), 3);
	drv_free(d);
	for (unsigned int i = 0; i < 3; i++)
		store_free(st[i]);
}

/* active namespace list of @d's controller: how many, and the last of them */
static unsigned int active(struct drv *d, uint32_t *last)
{
	struct drv_cmd cmd = { .dw = { [0] = 0x06, [10] = 2 } };
	uint64_t buf = drv_alloc(d, 4096);
	uint32_t *list = drv_ptr(d, buf);
	unsigned int n = 0;

	assert_int_equal(drv_admin(d, &cmd, buf, 4096, NULL), 0);
	while (n < 1024 && list[n])
		*last = list[n++];
	return n;
}

static void test_attachment(void **state)
{
	struct drv *d = drv_new(NULL);
	struct sim_store *st[4];
	struct sim_fn *other;
	struct sim_msg msg;
	uint32_t last = 0;

	for (unsigned int i = 0; i < 4; i++)
		st[i] = store_ram_new(1 << 20, &msg);
	drv_start(d);
	assert_int_equal(active(d, &last), 1);
	other = add_fn(d);
	/* the second controller's own one is none of the first one's */
	assert_int_equal(add_ns(d, other, 5, false, st[0], &msg), 5);
	assert_int_equal(active(d, &last), 1);
	assert_int_equal(add_ns(d, d->fn, 6, false, st[1], &msg), 6);
	assert_int_equal(active(d, &last), 2);
	assert_int_equal(last, 6);
	assert_int_equal(add_ns(d, NULL, 7, true, st[2], &msg), 7);
	assert_int_equal(active(d, &last), 3);
	assert_int_equal(last, 7);
	/* one that is not shared cannot go to both */
	assert_int_equal(add_ns(d, NULL, 8, false, st[3], &msg), SIM_EINVAL);
	assert_int_equal(active(d, &last), 3);
	drv_free(d);
	for (unsigned int i = 0; i < 4; i++)
		store_free(st[i]);
}

/* a namespace that appears while the host is there is told of */
static void test_namespace_notice(void **state)
{
	struct drv *d = drv_new(NULL);
	struct drv_cmd aec = { .dw = { [0] = 0x09, [10] = 0x0b, [11] = 1 << 8 } };
	struct drv_cmd aer = { .dw = { [0] = 0x0c } };
	struct sim_msg msg;
	struct sim_store *st = store_ram_new(1 << 20, &msg);
	struct drv_cqe cqe;
	unsigned int irqs;

	drv_start(d);
	assert_int_equal(drv_admin(d, &aec, 0, 0, NULL), 0);
	drv_submit(d, &d->admin, &aer);
	assert_false(drv_poll(d, &d->admin, &cqe));
	irqs = d->irqs[0];
	assert_int_equal(add_ns(d, NULL, 9, true, st, &msg), 9);
	assert_true(drv_poll(d, &d->admin, &cqe));
	assert_int_equal(cqe.dw0, 0x040002); /* notice, namespace attribute changed, log page 04h */
	assert_int_equal(d->irqs[0], irqs + 1);
	drv_free(d);
	store_free(st);
}

static void test_arm(void **state)
{
	struct drv *d = drv_new(NULL);

	d->armed = 0;
	sim_arm(d->subsys, 5000000000);
	assert_int_equal(d->armed, 5000000000);
	sim_arm(d->subsys, 6000000000); /* later: there is one already */
	assert_int_equal(d->armed, 5000000000);
	sim_arm(d->subsys, 4000000000);
	assert_int_equal(d->armed, 4000000000);
	/* nothing is due, and nothing wants a deadline: it was the test's own */
	assert_true(sim_run_timers(d->subsys) > d->now_ns);
	drv_free(d);
}

/* ---- the lock ----------------------------------------------------------------------------- */

static struct sim_rwlock rw;
static uint64_t pair[2]; /* equal whenever no writer is in */
static _Atomic unsigned int torn;

static void *reader(void *arg)
{
	for (unsigned int i = 0; i < 100000; i++) {
		sim_read_lock(&rw);
		if (pair[0] != pair[1])
			torn++;
		sim_read_unlock(&rw);
	}
	return NULL;
}

static void *writer(void *arg)
{
	for (unsigned int i = 0; i < 2000; i++) {
		sim_write_lock(&rw);
		pair[0]++;
		for (volatile unsigned int n = 0; n < 50; n++)
			;
		pair[1]++;
		sim_write_unlock(&rw);
	}
	return NULL;
}

static void test_rwlock(void **state)
{
	pthread_t t[5];

	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&t[i], NULL, i < 3 ? reader : writer, NULL), 0);
	for (unsigned int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(torn, 0);
	assert_int_equal(pair[0], 4000);
	assert_int_equal(pair[1], 4000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cntlid),	   cmocka_unit_test(test_bad_params),
		cmocka_unit_test(test_namespaces), cmocka_unit_test(test_attachment),
		cmocka_unit_test(test_namespace_notice), cmocka_unit_test(test_arm),
		cmocka_unit_test(test_rwlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
