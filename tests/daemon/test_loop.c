/* SPDX-License-Identifier: MIT */
/*
 * test_loop.c - the event loop: descriptors, deletion from callbacks, the timer, quitting.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "../../daemon/daemon.h"

#define MS 1000000ull

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

struct probe {
	struct dmn_fd fd;
	struct dmn_loop *loop;
	struct probe *victim; /* deleted from the callback */
	unsigned int calls, quit_after;
};

static void probe_ready(struct dmn_fd *f, uint32_t events)
{
	struct probe *p = (struct probe *)f;

	p->calls++;
	if (p->victim)
		dmn_loop_del(p->loop, &p->victim->fd);
	if (p->calls == p->quit_after)
		dmn_loop_quit(p->loop, 7);
}

static struct probe probe_new(struct dmn_loop *l, unsigned int quit_after)
{
	return (struct probe){ .fd = { .fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK),
				       .ready = probe_ready },
			       .loop = l,
			       .quit_after = quit_after };
}

static void test_ready_and_quit(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct probe p = probe_new(l, 3);

	assert_int_equal(dmn_loop_add(l, &p.fd, EPOLLIN), 0);
	assert_int_equal(dmn_loop_run(l), 7);
	assert_int_equal(p.calls, 3); /* level-triggered: nobody took the count away */
	dmn_loop_del(l, &p.fd);
	close(p.fd.fd);
	dmn_loop_free(l);
}

static void test_delete_from_callback(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct probe a = probe_new(l, 1), b = probe_new(l, 1);

	/* both are ready in one batch; whichever comes first deletes the other */
	a.victim = &b;
	b.victim = &a;
	assert_int_equal(dmn_loop_add(l, &a.fd, EPOLLIN), 0);
	assert_int_equal(dmn_loop_add(l, &b.fd, EPOLLIN), 0);
	a.quit_after = b.quit_after = 2;
	assert_int_equal(dmn_loop_run(l), 7);
	assert_int_equal(a.calls + b.calls, 2);
	assert_true(!a.calls || !b.calls);
	close(a.fd.fd);
	close(b.fd.fd);
	dmn_loop_free(l);
}

struct other {
	struct dmn_loop *loop;
	struct probe *victim;
};

/* makes the loop's wait end, and takes the reason away, both in one turn */
static void *take_turn(void *arg)
{
	struct other *o = arg;
	uint64_t one = 1;

	dmn_loop_enter(o->loop);
	assert_int_equal(write(o->victim->fd.fd, &one, sizeof(one)), sizeof(one));
	usleep(20000); /* the loop has it now, most probably, and waits for its turn */
	dmn_loop_del(o->loop, &o->victim->fd);
	dmn_loop_leave(o->loop);
	dmn_loop_quit(o->loop, 7);
	return NULL;
}

static void test_delete_in_a_turn(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct probe p = probe_new(l, 1);
	struct other o = { l, &p };
	uint64_t count;
	pthread_t th;

	assert_int_equal(read(p.fd.fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(dmn_loop_add(l, &p.fd, EPOLLIN), 0);
	assert_int_equal(pthread_create(&th, NULL, take_turn, &o), 0);
	assert_int_equal(dmn_loop_run(l), 7);
	pthread_join(th, NULL);
	assert_int_equal(p.calls, 0);
	close(p.fd.fd);
	dmn_loop_free(l);
}

/* what several threads count, one at a time; not atomic */
struct turns {
	struct probe p; /* first: the loop's descriptor */
	unsigned int sum, others;
	_Atomic unsigned int left;
};

static void turns_ready(struct dmn_fd *f, uint32_t events)
{
	struct turns *t = (struct turns *)f;

	t->p.calls++;
	t->sum++;
}

static void *count_up(void *arg)
{
	struct turns *t = arg;
	bool more = true;

	/* a loop that were kept out would never get that far */
	for (unsigned int i = 0; more; i++) {
		dmn_loop_enter(t->p.loop);
		t->sum++;
		t->others++;
		more = i < 10000 || t->p.calls < 100;
		dmn_loop_leave(t->p.loop);
	}
	if (atomic_fetch_sub(&t->left, 1) == 1)
		dmn_loop_quit(t->p.loop, 7);
	return NULL;
}

static void test_turns(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct turns t = { .p = probe_new(l, 0), .left = 3 };
	pthread_t th[3];

	t.p.fd.ready = turns_ready;
	assert_int_equal(dmn_loop_add(l, &t.p.fd, EPOLLIN), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&th[i], NULL, count_up, &t), 0);
	assert_int_equal(dmn_loop_run(l), 7);
	for (int i = 0; i < 3; i++)
		pthread_join(th[i], NULL);
	assert_int_equal(t.sum, t.others + t.p.calls);
	close(t.p.fd.fd);
	dmn_loop_free(l);
}

struct meeting {
	struct dmn_loop *loop;
	pthread_barrier_t both;
};

static void *meet(void *arg)
{
	struct meeting *m = arg;

	dmn_loop_share(m->loop);
	pthread_barrier_wait(&m->both); /* neither goes on before both have it */
	dmn_loop_unshare(m->loop);
	return NULL;
}

static void test_two_share(void **state)
{
	struct meeting m = { .loop = dmn_loop_new() };
	pthread_t th[2];

	pthread_barrier_init(&m.both, NULL, 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&th[i], NULL, meet, &m), 0);
	dmn_loop_leave(m.loop); /* who makes a loop has the turn */
	for (int i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	dmn_loop_enter(m.loop);
	pthread_barrier_destroy(&m.both);
	dmn_loop_free(m.loop);
}

/* threads that share the turn, and such that have it for themselves, and the loop */
struct shares {
	struct probe p; /* first: the loop's descriptor */
	unsigned int sum, own;	  /* not atomic: changed by who has the turn alone */
	_Atomic unsigned int alone; /* has it */
	_Atomic unsigned int together, left, wrong;
};

static void shares_ready(struct dmn_fd *f, uint32_t events)
{
	struct shares *s = (struct shares *)f;

	s->wrong += s->together;
	s->p.calls++;
	s->sum++;
}

static void shares_done(struct shares *s)
{
	if (atomic_fetch_sub(&s->left, 1) == 1)
		dmn_loop_quit(s->p.loop, 7);
}

static void *share(void *arg)
{
	struct shares *s = arg;

	for (unsigned int i = 0; i < 20000; i++) {
		dmn_loop_share(s->p.loop);
		s->together++;
		s->wrong += s->alone;
		s->together--;
		dmn_loop_unshare(s->p.loop);
	}
	shares_done(s);
	return NULL;
}

static void *have(void *arg)
{
	struct shares *s = arg;
	bool more = true;

	for (unsigned int i = 0; more; i++) {
		dmn_loop_enter(s->p.loop);
		s->alone++;
		s->wrong += s->together;
		s->sum++;
		s->own++;
		more = i < 10000 || s->p.calls < 100;
		s->alone--;
		dmn_loop_leave(s->p.loop);
	}
	shares_done(s);
	return NULL;
}

static void test_shared_turns(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct shares s = { .p = probe_new(l, 0), .left = 4 };
	pthread_t th[4];

	s.p.fd.ready = shares_ready;
	assert_int_equal(dmn_loop_add(l, &s.p.fd, EPOLLIN), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&th[i], NULL, i < 2 ? share : have, &s), 0);
	assert_int_equal(dmn_loop_run(l), 7);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	assert_int_equal(s.wrong, 0);
	assert_int_equal(s.sum, s.own + s.p.calls);
	close(s.p.fd.fd);
	dmn_loop_free(l);
}

static void test_add_again_changes_events(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct probe never = probe_new(l, 1), p = probe_new(l, 5);

	assert_int_equal(dmn_loop_add(l, &never.fd, EPOLLIN), 0);
	assert_int_equal(dmn_loop_add(l, &never.fd, EPOLLPRI), 0);
	assert_int_equal(dmn_loop_add(l, &p.fd, EPOLLIN), 0);
	assert_int_equal(dmn_loop_run(l), 7);
	assert_int_equal(never.calls, 0);
	close(never.fd.fd);
	close(p.fd.fd);
	dmn_loop_free(l);
}

static void test_add_says_what_is_wrong(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct dmn_fd f = { .fd = -1 };

	assert_int_equal(dmn_loop_add(l, &f, EPOLLIN), -EBADF);
	dmn_loop_free(l);
}

struct clock {
	struct dmn_loop *loop;
	uint64_t fired;
	unsigned int times;
};

static void clock_fired(void *arg)
{
	struct clock *c = arg;

	c->times++;
	c->fired = now_ns();
	dmn_loop_quit(c->loop, 0);
}

static void test_earliest_deadline_wins(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct clock c = { .loop = l };
	uint64_t start = now_ns();

	dmn_loop_timer(l, clock_fired, &c);
	dmn_loop_arm(l, start + 60000 * MS);
	dmn_loop_arm(l, start + 20 * MS);
	dmn_loop_arm(l, start + 50000 * MS);
	dmn_loop_arm(l, UINT64_MAX);
	assert_int_equal(dmn_loop_run(l), 0);
	assert_int_equal(c.times, 1);
	assert_true(c.fired >= start + 20 * MS);
	assert_true(c.fired < start + 30000 * MS);
	dmn_loop_free(l);
}

static void test_past_deadline_fires_at_once(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct clock c = { .loop = l };

	dmn_loop_timer(l, clock_fired, &c);
	for (uint64_t deadline = 0; deadline < 3; deadline++) {
		dmn_loop_arm(l, deadline);
		assert_int_equal(dmn_loop_run(l), 0);
	}
	assert_int_equal(c.times, 3);
	dmn_loop_free(l);
}

static void *arm_from_thread(void *arg)
{
	struct timespec a_while = { .tv_nsec = 10 * MS };

	nanosleep(&a_while, NULL);
	dmn_loop_arm(arg, now_ns() + 5 * MS);
	return NULL;
}

static void *quit_from_thread(void *arg)
{
	struct timespec a_while = { .tv_nsec = 10 * MS };

	nanosleep(&a_while, NULL);
	dmn_loop_quit(arg, 42);
	return NULL;
}

static void test_other_threads(void **state)
{
	struct dmn_loop *l = dmn_loop_new();
	struct clock c = { .loop = l };
	pthread_t t;

	dmn_loop_timer(l, clock_fired, &c);
	assert_int_equal(pthread_create(&t, NULL, arm_from_thread, l), 0);
	assert_int_equal(dmn_loop_run(l), 0);
	pthread_join(t, NULL);
	assert_int_equal(c.times, 1);

	assert_int_equal(pthread_create(&t, NULL, quit_from_thread, l), 0);
	assert_int_equal(dmn_loop_run(l), 42);
	pthread_join(t, NULL);
	dmn_loop_free(l);
}

static void test_quit_before_run(void **state)
{
	struct dmn_loop *l = dmn_loop_new();

	dmn_loop_quit(l, 3);
	assert_int_equal(dmn_loop_run(l), 3);
	dmn_loop_free(l);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ready_and_quit),
		cmocka_unit_test(test_delete_from_callback),
		cmocka_unit_test(test_delete_in_a_turn),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_two_share),
		cmocka_unit_test(test_shared_turns),
		cmocka_unit_test(test_add_again_changes_events),
		cmocka_unit_test(test_add_says_what_is_wrong),
		cmocka_unit_test(test_earliest_deadline_wins),
		cmocka_unit_test(test_past_deadline_fires_at_once),
		cmocka_unit_test(test_other_threads),
		cmocka_unit_test(test_quit_before_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
