/* SPDX-License-Identifier: MIT */
/*
 * test_fdp_restart.c - the endurance group after processes that were killed at any instruction,
 * with configurations that change, and with areas that hold anything.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fdp_fx.h"
#include "fdp_check.h"
#include "mock_store.h"

#define KILLS  60
#define BLOCKS 1024u
#define BYTES  (BLOCKS * 4096)

/** struct shared - what the dying process has told before: @acked blocks; @busy: of the command in
 * flight */
struct shared {
	volatile uint64_t acked, busy;
};

struct machine {
	char dir[32];
	struct ffx x;
	struct sim_journal_port port;
	struct shared *said;
	uint64_t rng;
};

static uint32_t below(struct machine *m, uint32_t n)
{
	m->rng ^= m->rng << 13;
	m->rng ^= m->rng >> 7;
	m->rng ^= m->rng << 17;
	return (uint32_t)(m->rng >> 20) % n;
}

static void up(struct machine *m)
{
	char path[64];
	struct sim_msg msg = { "" };
	struct store_file_params fp = { .path = path, .size = BYTES, .create = true };

	snprintf(path, sizeof(path), "%s/disk", m->dir);
	if (store_journal_open(m->dir, "s", &m->port, &msg))
		fail_msg("%s", msg.text);
	ffx_params(&m->x);
	m->x.p.ns.store = store_file_new(&fp, &msg);
	if (!m->x.p.ns.store)
		fail_msg("%s", msg.text);
	m->x.p.ns_bytes = BYTES;
	m->x.p.journal = m->port;
	m->x.d = drv_new(&m->x.p);
	drv_start(m->x.d);
	m->x.buf = drv_alloc(m->x.d, 512 * KIB);
	m->x.rbuf = drv_alloc(m->x.d, 64 * KIB);
}

static void down(struct machine *m)
{
	drv_free(m->x.d);
	store_free(m->x.p.ns.store);
	store_journal_close(&m->port);
}

/* until it is killed */
static void write_for_ever(struct machine *m)
{
	for (;;) {
		uint32_t n = 1 + below(m, 16), lba = below(m, BLOCKS - n), pid = below(m, 2);

		if (!below(m, 20)) {
			ffx_trim(&m->x, lba, n);
			continue;
		}
		m->said->busy = n;
		ffx_write(&m->x, pid, lba, n);
		m->said->acked += n;
		m->said->busy = 0;
		if (!below(m, 50))
			ffx_update(&m->x, 1, &(uint16_t){ (uint16_t)pid }, 1);
	}
}

/* units and blocks fit together, and the statistics have what was acknowledged */
static void check(struct machine *m)
{
	struct ffx_stats s = ffx_stats(&m->x);
	uint64_t acked = m->said->acked * 4096, valid = 0;
	struct sim_fdp_info info;
	struct sim_fdp_ru ru[256];

	assert_int_equal(sim_fdp_info(m->x.d->subsys, &info), 0);
	assert_true(s.hbmw == acked || s.hbmw == acked + m->said->busy * 4096);
	assert_true(s.mbmw >= s.hbmw);
	assert_int_equal(s.mbe % info.runs, 0);
	assert_true(info.nr_ru <= 256);
	assert_int_equal(sim_fdp_rus(m->x.d->subsys, 0, 256, ru), info.nr_ru);
	for (uint64_t i = 0; i < info.nr_ru; i++) {
		assert_true(ru[i].valid <= ru[i].written && ru[i].written <= info.runs);
		assert_true(ru[i].state || !ru[i].written);
		valid += ru[i].valid;
	}
	assert_true(valid <= BYTES);
	m->said->acked = s.hbmw / 4096;
	m->said->busy = 0;
}

static void remove_all(struct machine *m)
{
	DIR *dir = opendir(m->dir);
	struct dirent *e;
	char path[300];

	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", m->dir, e->d_name);
		unlink(path);
	}
	closedir(dir);
	rmdir(m->dir);
}

static void test_kill(void **state)
{
	struct machine m = { .rng = 0x9e3779b97f4a7c15 };
	uint64_t moved;
	struct sim_fdp_info info;

	strcpy(m.dir, "/tmp/fdp.XXXXXX");
	assert_non_null(mkdtemp(m.dir));
	m.said = mmap(NULL, sizeof(*m.said), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	assert_ptr_not_equal(m.said, MAP_FAILED);
	for (unsigned int i = 0; i < KILLS; i++) {
		uint64_t before = m.said->acked;
		unsigned int turns = 100 + below(&m, 400);
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (!pid) {
			up(&m);
			write_for_ever(&m);
		}
		/* after some commands, in the middle of whatever it does then */
		while (m.said->acked < before + turns)
			if (waitpid(pid, &status, WNOHANG) == pid)
				fail_msg("the process has ended by itself: %x", status);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		below(&m, 2);
		m.rng += m.said->acked;
		up(&m);
		check(&m);
		down(&m);
	}
	/* what they have left can be collected, all of it */
	up(&m);
	for (uint32_t i = 0; i < 20 * BLOCKS; i += 8) {
		ffx_write(&m.x, i / 8 % 2, i % BLOCKS, 8);
		m.said->acked += 8;
	}
	check(&m);
	assert_int_equal(sim_fdp_info(m.x.d->subsys, &info), 0);
	moved = info.moved;
	assert_true(moved > 0);
	down(&m);
	munmap(m.said, sizeof(*m.said));
	remove_all(&m);
}

/* another configuration is another group: nothing is in its units, and nothing is lost */
static void test_other_configuration(void **state)
{
	struct ffx x;
	uint8_t *p;

	ffx_params(&x);
	ffx_up(&x);
	memset(drv_ptr(x.d, x.buf), 0x5a, 4096);
	ffx_write(&x, 1, 7, 1);
	ffx_down(&x);
	x.p.fdp.runs = 512 * KIB;
	ffx_up(&x);
	assert_int_equal(ffx_stats(&x).hbmw, 0);
	assert_int_equal(ffx_ruamw(&x, 1, 1), 128);
	assert_int_equal(ffx_io(&x, OP_READ, 1, NO_PID, 7, 1, 0, 4096), 0);
	p = drv_ptr(x.d, x.buf);
	assert_int_equal(p[0], 0x5a);
	ffx_write(&x, 1, 7, 1);
	ffx_down(&x);
	/* as it was: that map is of another life */
	x.p.fdp.runs = 256 * KIB;
	ffx_up(&x);
	assert_int_equal(ffx_stats(&x).hbmw, 0);
	ffx_down(&x);
	/* off for a time, in which blocks go */
	ffx_up(&x);
	ffx_write(&x, 1, 0, 32);
	ffx_down(&x);
	x.p.fdp.on = false;
	x.p.ns.ruhs.nr = 0;
	ffx_up(&x);
	ffx_trim(&x, 0, 16);
	ffx_down(&x);
	x.p.fdp.on = true;
	x.p.ns.ruhs.nr = 2;
	ffx_up(&x);
	struct sim_fdp_ru ru[128];
	uint64_t valid = 0;
	int64_t n = sim_fdp_rus(x.d->subsys, 0, 128, ru);

	for (int64_t i = 0; i < n; i++)
		valid += ru[i].valid;
	assert_int_equal(valid, 16 * 4096);
	ffx_end(&x);
}

/* areas that the power was cut over hold anything: a start makes sense of it, and it goes on */
static void test_anything(void **state)
{
	uint64_t rng = 0x9e3779b97f4a7c15;

	for (unsigned int round = 0; round < 200; round++) {
		struct memj_item *group, *map;
		struct sim_fdp_ru ru[128];
		const struct fdp_map *m;
		size_t table, heap;
		struct ffx x;
		int64_t n;

		ffx_params(&x);
		x.p.fdp.persistent = round % 2;
		ffx_up(&x);
		/* all blocks of two pages, or some of them */
		for (uint32_t i = 0; i < 4096; i += 8)
			ffx_write(&x, i / 8 % 2, i * 5 % 2040, round % 4 < 2 ? 8 : 1);
		for (uint32_t i = 0; i < 40 && round % 8 == 7; i++)
			ffx_trim(&x, i * 40, 30);
		m = &x.d->subsys->fdp->ns[0]->map;
		table = (size_t)((uint8_t *)m->page - (uint8_t *)m->area);
		heap = (size_t)((uint8_t *)m->heap - (uint8_t *)m->area);
		ffx_down(&x);
		group = memj_find(&x.j, 'a', 11, 1);
		map = memj_find(&x.j, 'a', 12, 1);
		for (unsigned int i = 0; i < 40; i++) {
			/* slots and units; the map: entries of two pages and their words */
			rng = rng * 6364136223846793005 + 1442695040888963407;
			((uint8_t *)group->buf)[16384 + (rng >> 33) % 8192] ^= (uint8_t)(rng >> 20);
			((uint8_t *)map->buf)[table + 4096 + (rng >> 30) % 8192] ^=
				(uint8_t)(rng >> 12);
			((uint8_t *)map->buf)[heap + (rng >> 28) % 4096] ^= (uint8_t)(rng >> 9);
			if (i % 8 == 0)
				((uint8_t *)map->buf)[table + (rng >> 40) % 32] ^=
					(uint8_t)(rng >> 16);
		}
		ffx_up(&x);
		for (uint32_t i = 0; i < 8192; i += 8)
			ffx_write(&x, i / 8 % 2, i * 3 % 2040, 8);
		n = sim_fdp_rus(x.d->subsys, 0, 128, ru);
		for (int64_t i = 0; i < n; i++)
			assert_true(ru[i].valid <= ru[i].written && ru[i].written <= 256 * KIB);
		fdp_check(x.d->subsys);
		ffx_end(&x);
	}
}

/* a write that fails leaves its blocks where they were, and those that were in no unit in none */
static void test_failed(void **state)
{
	const struct fdp_map *map;
	struct mock_store m;
	struct ffx x;
	int64_t bytes;

	ffx_params(&x);
	mock_init(&m, x.p.ns_bytes);
	x.p.ns.store = &m.st;
	ffx_up(&x);
	map = &x.d->subsys->fdp->ns[0]->map;
	for (uint32_t i = 0; i < 64; i++)
		ffx_write(&x, 0, i * 8, 1);
	bytes = map->bytes;
	m.map_err = m.write_err = m.zero_err = m.check_err = SIM_EIO;
	for (uint32_t i = 0; i < 64; i++) {
		assert_int_not_equal(ffx_io(&x, OP_WRITE, 1, 1, i * 8, 6, 0, 6 * 4096), 0);
		assert_int_not_equal(ffx_io(&x, OP_WRITE_ZEROES, 1, 1, i * 8 + 1024, 6, 0, 0), 0);
	}
	m.map_err = m.write_err = m.zero_err = m.check_err = 0;
	assert_int_equal(fdp_check(x.d->subsys).live, 64);
	assert_true(map->bytes <= bytes);
	assert_false(fdp_page_counts(map, 1));
	ffx_down(&x);
	mock_free(&m);
	memj_free(&x.j);
}

static const void *full; /* the area for which there is no room */

static int reserve(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	(void)opaque, (void)off, (void)len;
	return mem == full ? SIM_ENOSPC : 0;
}

/* without room for where blocks are noted nothing is written; what has room goes on */
static void test_no_room(void **state)
{
	struct ffx x;
	uint8_t *p;

	ffx_params(&x);
	ffx_up(&x);
	p = drv_ptr(x.d, x.buf);
	x.d->subsys->journal.area_reserve = reserve;
	memset(p, 0x5a, 8 * 4096);
	ffx_write(&x, 0, 0, 2);
	full = x.d->subsys->fdp->ns[0]->map.area;
	memset(p, 0xa5, 8 * 4096);
	ffx_write(&x, 1, 0, 2);
	assert_int_equal(ffx_io(&x, OP_WRITE, 1, 1, 1, 4, 0, 4 * 4096), 0x280);
	assert_int_equal(ffx_io(&x, OP_WRITE, 1, 1, 1022, 8, 0, 8 * 4096), 0x280);
	assert_int_equal(ffx_stats(&x).hbmw, 4 * 4096);
	assert_int_equal(fdp_check(x.d->subsys).live, 2);
	assert_int_equal(ffx_io(&x, OP_READ, 1, NO_PID, 0, 8, 0, 8 * 4096), 0);
	assert_true(p[0] == 0xa5 && p[2 * 4096 - 1] == 0xa5 && all_zero(p + 2 * 4096, 6 * 4096));
	full = NULL;
	ffx_write(&x, 1, 1022, 8);
	assert_int_equal(fdp_check(x.d->subsys).live, 10);
	ffx_end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_other_configuration),
		cmocka_unit_test(test_anything),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
