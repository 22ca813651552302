/* SPDX-License-Identifier: MIT */
/*
 * test_stage.c - blocks with metadata: written whole or not at all, whatever kills the process in
 * between; what a medium that fails, or is full, leaves behind; who gets a slot.
 */
#include "media_fx.h"
#include "mortal_store.h"
#include "mock_store.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define LBADS 9
#define LBS (1u << LBADS)
#define MS 16
#define SIZE (4u << 20)
#define NLB 12 /* blocks of a write */

/* ---- blocks with a version: all bytes of data and metadata are it ------------------------- */

static uint16_t write_version(struct fx *fx, uint64_t slba, uint32_t nlb, uint8_t version)
{
	struct sim_stage_slot slot;
	uint16_t status;

	sim_stage_get(&fx->s, &slot);
	memset(slot.data, version, (size_t)nlb << LBADS);
	memset(slot.md, version, (size_t)nlb * MS);
	status = sim_stage_commit(&fx->m, &fx->req, &slot, slba, nlb);
	sim_stage_put(&fx->s, &slot);
	return status;
}

/* zeroes with metadata of a version, as Write Zeroes with protection information does */
static uint16_t write_zeroes(struct fx *fx, uint64_t slba, uint32_t nlb, uint8_t version)
{
	struct sim_stage_slot slot;
	uint16_t status;

	sim_stage_get(&fx->s, &slot);
	memset(slot.md, version, (size_t)nlb * MS);
	status = sim_stage_commit_zeroes(&fx->m, &fx->req, &slot, slba, nlb);
	sim_stage_put(&fx->s, &slot);
	return status;
}

/* all @len bytes are the same. Return: it, or -1 */
static int byte_of(const uint8_t *p, size_t len)
{
	return memcmp(p, p + 1, len - 1) ? -1 : p[0];
}

/* what blocks read as: both bytes, -1 where they are mixed */
static void look(struct fx *fx, uint64_t slba, uint32_t nlb, int *data, int *md)
{
	uint8_t d[NLB * LBS], t[NLB * MS];

	assert_true(nlb <= NLB);
	assert_int_equal(sim_media_fetch(&fx->m, &fx->req, slba, nlb, d, t), 0);
	*data = byte_of(d, (size_t)nlb << LBADS);
	*md = byte_of(t, (size_t)nlb * MS);
}

static void expect(struct fx *fx, uint64_t slba, uint32_t nlb, int data, int md)
{
	int d, t;

	look(fx, slba, nlb, &d, &t);
	assert_int_equal(d, data);
	assert_int_equal(t, md);
}

/* nobody has written them: zeroes, and protection information of ones */
static void expect_nothing(struct fx *fx, uint64_t slba, uint32_t nlb)
{
	uint8_t d[NLB * LBS], t[NLB * MS];

	assert_int_equal(sim_media_fetch(&fx->m, &fx->req, slba, nlb, d, t), 0);
	assert_int_equal(byte_of(d, (size_t)nlb << LBADS), 0);
	for (uint32_t i = 0; i < nlb; i++) {
		const uint8_t *pi = t + i * MS + fx->m.pi_off;

		assert_int_equal(byte_of(pi, 8), 0xff);
		for (unsigned int k = 0; k < MS; k++)
			if (k < fx->m.pi_off || k >= fx->m.pi_off + 8u)
				assert_int_equal(t[i * MS + k], 0);
		assert_false(is_alloc(fx, slba + i));
	}
}

static int setup(void **state)
{
	*state = fx_new();
	return 0;
}

static int teardown(void **state)
{
	fx_free(*state);
	return 0;
}

static void ram_open(struct fx *fx, struct sim_store *st)
{
	fx_lbaf(fx, st, LBADS, MS);
	fx->p.pi_off = MS - 8;
	fx_open(fx);
}

/* ---- reading and writing ------------------------------------------------------------------ */

static void test_commit(void **state)
{
	struct fx *fx = *state;
	struct sim_store *st = fx_ram(SIZE);
	uint8_t raw[LBS];

	ram_open(fx, st);
	assert_int_equal(fx->m.nr, SIZE / (LBS + MS));
	expect_nothing(fx, 0, NLB);
	assert_int_equal(sim_blocks_set_bad(&fx->m.blocks, 42, 1), 0);
	assert_int_equal(write_version(fx, 40, 8, 7), 0);
	expect(fx, 40, 8, 7, 7);
	assert_false(is_bad(fx, 42));
	expect_nothing(fx, 48, 4);
	assert_int_equal(fx->m.blocks.nr_alloc, 8);
	/* on the medium: the data of all blocks, then the metadata of all */
	assert_int_equal(st->ops->read(st, 40 * LBS, raw, LBS), 0);
	assert_int_equal(byte_of(raw, LBS), 7);
	assert_int_equal(st->ops->read(st, fx->m.nr * LBS + 40 * MS, raw, MS), 0);
	assert_int_equal(byte_of(raw, MS), 7);
	assert_int_equal(write_zeroes(fx, 42, 2, 9), 0);
	expect(fx, 40, 2, 7, 7);
	expect(fx, 42, 2, 0, 9);
	expect(fx, 44, 4, 7, 7);
	fx_close(fx, true);
	store_free(st);
}

/* runs of allocated and deallocated blocks in one read; either part alone */
static void test_fetch_mixed(void **state)
{
	struct fx *fx = *state;
	struct sim_store *st = fx_ram(SIZE);
	uint8_t d[NLB * LBS], t[NLB * MS], only[NLB * LBS];

	ram_open(fx, st);
	for (unsigned int i = 0; i < NLB; i += 3)
		assert_int_equal(write_version(fx, 100 + i, 1, (uint8_t)(i + 1)), 0);
	assert_int_equal(sim_media_fetch(&fx->m, &fx->req, 100, NLB, d, t), 0);
	for (unsigned int i = 0; i < NLB; i++) {
		assert_int_equal(byte_of(d + i * LBS, LBS), i % 3 ? 0 : i + 1);
		assert_int_equal(byte_of(t + i * MS, MS - 8), i % 3 ? 0 : i + 1);
		assert_int_equal(byte_of(t + i * MS + MS - 8, 8), i % 3 ? 0xff : i + 1);
	}
	assert_int_equal(sim_media_fetch(&fx->m, &fx->req, 100, NLB, only, NULL), 0);
	assert_memory_equal(only, d, sizeof(d));
	assert_int_equal(sim_media_fetch(&fx->m, &fx->req, 100, NLB, NULL, only), 0);
	assert_memory_equal(only, t, sizeof(t));
	fx_close(fx, true);
	store_free(st);
}

/* the largest command there is, and metadata as large as a block's data */
static void test_largest(void **state)
{
	struct fx *fx = *state;
	struct sim_store *st = fx_ram(64 << 20);
	struct sim_stage_slot slot;
	uint32_t nlb = SIM_STAGE_DATA / LBS;
	uint8_t *d = malloc(SIM_STAGE_DATA), *t = malloc(SIM_STAGE_MD);

	fx_lbaf(fx, st, LBADS, 4096);
	fx_open(fx);
	sim_stage_get(&fx->s, &slot);
	for (uint32_t i = 0; i < SIM_STAGE_DATA; i++)
		slot.data[i] = (uint8_t)(i / LBS);
	for (uint32_t i = 0; i < SIM_STAGE_MD; i++)
		slot.md[i] = (uint8_t)(i / 4096 * 3);
	assert_int_equal(sim_stage_commit(&fx->m, &fx->req, &slot, 5, nlb), 0);
	assert_int_equal(sim_media_fetch(&fx->m, &fx->req, 5, nlb, d, t), 0);
	assert_memory_equal(d, slot.data, SIM_STAGE_DATA);
	assert_memory_equal(t, slot.md, SIM_STAGE_MD);
	sim_stage_put(&fx->s, &slot);
	fx_close(fx, true);
	store_free(st);
	free(d);
	free(t);
}

static void test_zero(void **state)
{
	struct fx *fx = *state;
	struct sim_store *st = fx_ram(SIZE);

	ram_open(fx, st);
	assert_int_equal(write_version(fx, 40, NLB, 7), 0);
	assert_int_equal(sim_blocks_set_bad(&fx->m.blocks, 42, 4), 0);
	/* allocated blocks of zeroes, metadata and all */
	assert_int_equal(sim_media_zero(&fx->m, &fx->req, 42, 2, false), 0);
	expect(fx, 42, 2, 0, 0);
	assert_true(is_alloc(fx, 42));
	assert_false(is_bad(fx, 43));
	assert_true(is_bad(fx, 44));
	assert_int_equal(fx->m.blocks.nr_alloc, NLB);
	assert_int_equal(sim_media_zero(&fx->m, &fx->req, 43, 4, true), 0);
	expect_nothing(fx, 43, 4);
	assert_int_equal(fx->m.blocks.nr_bad, 0);
	assert_int_equal(fx->m.blocks.nr_alloc, NLB - 4);
	expect(fx, 42, 1, 0, 0);
	expect(fx, 47, 5, 7, 7);
	/* all of it; the medium gives its space back */
	assert_int_equal(sim_media_zero(&fx->m, &fx->req, 0, fx->m.nr, true), 0);
	assert_int_equal(fx->m.blocks.nr_alloc, 0);
	expect_nothing(fx, 40, NLB);
	assert_in_range(st->ops->used(st), 0, 16384);
	fx_close(fx, true);
	store_free(st);
}

/* ---- a medium that fails ------------------------------------------------------------------ */

static void test_write_errors(void **state)
{
	struct fx *fx = *state;
	struct mock_store m;

	mock_init(&m, SIZE);
	m.st.fresh = true;
	ram_open(fx, &m.st);
	assert_int_equal(write_version(fx, 10, 4, 1), 0);
	/* full, and found out in time: nothing has changed */
	m.map_err = SIM_ENOSPC;
	assert_int_equal(write_version(fx, 12, 4, 2), SIM_WRITE_FAULT);
	assert_int_equal(fx->req.err_lba, 12);
	expect(fx, 10, 4, 1, 1);
	expect_nothing(fx, 14, 2);
	m.map_err = 0;
	/* it fails amid the writing: what nobody had written, nobody has */
	m.write_err = SIM_EIO;
	m.bad = fx->m.md_off;
	m.bad_end = SIZE;
	assert_int_equal(write_version(fx, 20, 4, 2), SIM_WRITE_FAULT);
	assert_int_equal(write_zeroes(fx, 20, 4, 2), SIM_WRITE_FAULT);
	expect_nothing(fx, 20, 4);
	m.write_err = 0;
	assert_int_equal(write_version(fx, 20, 4, 3), 0);
	expect(fx, 20, 4, 3, 3);
	m.bad_end = 0;
	m.read_err = SIM_EIO;
	assert_int_equal(sim_media_fetch(&fx->m, &fx->req, 22, 1, m.mem, NULL), SIM_READ_ERROR);
	assert_int_equal(fx->req.err_lba, 22);
	m.read_err = 0;
	/* what failed is not done again at the next start */
	fx_close(fx, false);
	fx_open(fx);
	fx_close(fx, true);
	m.st.readonly = true;
	fx_open(fx);
	assert_int_equal(write_version(fx, 30, 1, 1), SIM_NVM_READ_ONLY);
	assert_int_equal(sim_media_zero(&fx->m, &fx->req, 30, 1, true), SIM_NVM_READ_ONLY);
	fx_close(fx, true);
	mock_free(&m);
}

static unsigned int reserves;
static int reserve_err;

static int reserve(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	reserves++;
	return reserve_err;
}

/* the disk the stage is on is full: writes fail, reads do not, and later all is well */
static void test_no_room(void **state)
{
	struct fx *fx = *state;
	struct sim_store *st = fx_ram(SIZE);
	struct sim_stage_slot slot;

	fx->s.journal.area_reserve = reserve;
	reserve_err = 0;
	ram_open(fx, st);
	assert_int_equal(sim_blocks_set_alloc(&fx->m.blocks, 0, 1), 0);
	reserve_err = SIM_ENOSPC;
	assert_int_equal(write_version(fx, 5, 2, 1), SIM_WRITE_FAULT);
	expect_nothing(fx, 5, 2);
	sim_stage_get(&fx->s, &slot);
	assert_true(slot.plain);
	memset(slot.data, 1, SIM_STAGE_DATA + SIM_STAGE_MD);
	assert_int_equal(sim_media_fetch(&fx->m, &fx->req, 5, 2, slot.data, slot.md), 0);
	sim_stage_put(&fx->s, &slot);
	reserve_err = 0;
	assert_int_equal(write_version(fx, 5, 2, 1), 0);
	expect(fx, 5, 2, 1, 1);
	reserves = 0; /* asked for once, not with every command */
	assert_int_equal(write_version(fx, 5, 2, 2), 0);
	assert_int_equal(reserves, 0);
	fx_close(fx, true);
	store_free(st);
}

/* ---- slots -------------------------------------------------------------------------------- */

struct taker {
	pthread_t thread;
	struct fx *fx;
	_Atomic int *users; /* by slot */
	unsigned int bad;
};

static void *taker_main(void *arg)
{
	struct taker *t = arg;

	for (unsigned int i = 0; i < 2000; i++) {
		struct sim_stage_slot slot;

		sim_stage_get(&t->fx->s, &slot);
		t->bad += atomic_fetch_add(&t->users[slot.index], 1);
		slot.data[0] = slot.md[0] = (uint8_t)i;
		atomic_fetch_sub(&t->users[slot.index], 1);
		sim_stage_put(&t->fx->s, &slot);
	}
	return NULL;
}

static void test_slots(void **state)
{
	struct fx *fx = *state;
	struct sim_store *st = fx_ram(SIZE);
	struct sim_stage_slot slot[SIM_STAGE_SLOTS];
	_Atomic int users[SIM_STAGE_SLOTS] = { 0 };
	struct taker t[12];

	ram_open(fx, st);
	/* one thread has always the same one */
	for (unsigned int i = 0; i < 3; i++) {
		sim_stage_get(&fx->s, &slot[0]);
		assert_int_equal(slot[0].index, 0);
		sim_stage_put(&fx->s, &slot[0]);
	}
	for (unsigned int i = 0; i < SIM_STAGE_SLOTS; i++) {
		sim_stage_get(&fx->s, &slot[i]);
		for (unsigned int k = 0; k < i; k++)
			assert_true(slot[k].data + SIM_STAGE_DATA + SIM_STAGE_MD <= slot[i].data ||
				    slot[i].data + SIM_STAGE_DATA + SIM_STAGE_MD <= slot[k].data);
	}
	for (unsigned int i = 0; i < SIM_STAGE_SLOTS; i++)
		sim_stage_put(&fx->s, &slot[i]);
	for (unsigned int i = 0; i < 12; i++) {
		t[i] = (struct taker){ .fx = fx, .users = users };
		assert_int_equal(pthread_create(&t[i].thread, NULL, taker_main, &t[i]), 0);
	}
	for (unsigned int i = 0; i < 12; i++) {
		pthread_join(t[i].thread, NULL);
		assert_int_equal(t[i].bad, 0);
	}
	fx_close(fx, true);
	store_free(st);
}

/* ---- kill --------------------------------------------------------------------------------- */

enum act {
	ACT_WRITE,
	ACT_ZEROES,
	ACT_ZERO,
	ACT_DEALLOC,
	ACT__N,
};

static uint16_t act(struct fx *fx, enum act what, uint64_t slba, uint8_t version)
{
	switch (what) {
	case ACT_WRITE:
		return write_version(fx, slba, NLB, version);
	case ACT_ZEROES:
		return write_zeroes(fx, slba, NLB, version);
	case ACT_ZERO:
		return sim_media_zero(&fx->m, &fx->req, slba, NLB, false);
	default:
		return sim_media_zero(&fx->m, &fx->req, slba, NLB, true);
	}
}

static void open_mortal(struct fx *fx, struct mortal *m)
{
	mortal_init(m, fx_file(fx, SIZE));
	fx_journal(fx);
	fx_lbaf(fx, &m->st, LBADS, MS);
	fx->p.pi_off = MS - 8;
	fx_open(fx);
}

static void close_mortal(struct fx *fx, struct mortal *m)
{
	fx_close(fx, false);
	store_journal_close(&fx->s.journal);
	store_free(m->in);
}

/* block by block: data and metadata are of one write, and it is the old one or the new one */
static unsigned int check_whole(struct fx *fx, enum act what, uint64_t slba, bool had,
				uint8_t version)
{
	unsigned int fresh = 0;

	for (uint64_t lba = slba; lba < slba + NLB; lba++) {
		bool is_new, is_old;
		int d, md;

		look(fx, lba, 1, &d, &md);
		/* nobody's metadata is zeroes and ones */
		is_old = had ? d == 1 && md == 1 : !is_alloc(fx, lba) && d == 0 && md == -1;
		switch (what) {
		case ACT_WRITE:
			is_new = d == version && md == version;
			break;
		case ACT_ZEROES:
			is_new = d == 0 && md == version;
			break;
		case ACT_ZERO:
			is_new = d == 0 && md == 0 && is_alloc(fx, lba);
			/* not yet written again, or not at all: reads as zeroes either way */
			if (!is_alloc(fx, lba) && d == 0)
				is_new = is_old = true;
			break;
		default:
			is_new = !is_alloc(fx, lba) && d == 0;
		}
		if (!is_new && !is_old)
			fail_msg("block %u of act %d: data %d, metadata %d",
				 (unsigned int)(lba - slba), what, d, md);
		fresh += is_new;
	}
	return fresh;
}

/*
 * Every step of every act is the process's last one once. It had written version 1 (or nothing)
 * and goes for version 2. A write is there as a whole: all its blocks are old, or all are new.
 */
static void kill_at_each_step(struct fx *fx, enum act what, bool had)
{
	int status = -1;

	for (unsigned int n = 1; status; n++) {
		uint64_t slba = ((what * 2u + had) * 20 + n) * 40; /* nobody was there before */
		struct mortal m;
		unsigned int fresh;
		pid_t pid;

		if (had) {
			open_mortal(fx, &m);
			assert_int_equal(write_version(fx, slba, NLB, 1), 0);
			close_mortal(fx, &m);
		}
		pid = fork();
		if (!pid) {
			open_mortal(fx, &m);
			m.left = n;
			_exit(act(fx, what, slba, 2) ? 1 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(!status || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
		open_mortal(fx, &m);
		fresh = check_whole(fx, what, slba, had, 2);
		if (what == ACT_WRITE || what == ACT_ZEROES)
			assert_true(fresh == 0 || fresh == NLB);
		if (!status)
			assert_int_equal(fresh, NLB);
		/* whatever it was, it can be written again, and nothing comes back from the dead */
		assert_int_equal(write_version(fx, slba, NLB, 3), 0);
		close_mortal(fx, &m);
		open_mortal(fx, &m);
		expect(fx, slba, NLB, 3, 3);
		expect_nothing(fx, slba + NLB, 2);
		close_mortal(fx, &m);
		assert_true(n < 20);
	}
}

static void test_kill_at_each_step(void **state)
{
	for (enum act what = 0; what < ACT__N; what++) {
		kill_at_each_step(*state, what, true);
		kill_at_each_step(*state, what, false);
	}
}

/* killed whenever: what was acknowledged is there, and every block is whole */
static void test_kill_any_time(void **state)
{
	struct fx *fx = *state;
	uint8_t acked[8] = { 0 };

	for (unsigned int turn = 1; turn <= 25; turn++) {
		struct mortal m;
		uint8_t msg[2];
		int p[2], status;
		pid_t pid;

		assert_int_equal(pipe(p), 0);
		pid = fork();
		if (!pid) {
			open_mortal(fx, &m);
			for (uint8_t i = 0;; i = (i + 1) % 8) {
				acked[i] = acked[i] % 250 + 1;
				msg[0] = i;
				msg[1] = acked[i];
				if (write_version(fx, i * NLB, NLB, acked[i]) ||
				    write(p[1], msg, 2) != 2)
					_exit(1);
			}
		}
		close(p[1]);
		assert_int_equal(read(p[0], msg, 2), 2);
		nanosleep(&(struct timespec){ .tv_nsec = turn * 37123 }, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		do
			acked[msg[0]] = msg[1];
		while (read(p[0], msg, 2) == 2);
		close(p[0]);
		open_mortal(fx, &m);
		for (unsigned int i = 0; i < 8; i++) {
			int d, md;

			if (!acked[i] && !is_alloc(fx, i * NLB))
				continue;
			look(fx, i * NLB, NLB, &d, &md);
			assert_int_equal(d, md);
			assert_true(d == acked[i] || d == acked[i] % 250 + 1);
			acked[i] = (uint8_t)d;
		}
		close_mortal(fx, &m);
	}
}

/* a child that dies amid a write of version 2, its note written */
static void leave_note(struct fx *fx, uint64_t slba)
{
	struct mortal m;
	int status;
	pid_t pid = fork();

	if (!pid) {
		open_mortal(fx, &m);
		m.left = 4; /* both maps, the first half of the data */
		write_version(fx, slba, NLB, 2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static uint64_t other_boot(void *opaque)
{
	return 4711;
}

/* the disk may have the note without the bytes: not done again after a power cut */
static void test_power_cut(void **state)
{
	struct fx *fx = *state;
	struct mortal m;

	leave_note(fx, 50);
	mortal_init(&m, fx_file(fx, SIZE));
	fx_journal(fx);
	if (!fx->s.journal.boot)
		skip();
	fx->s.journal.boot = other_boot;
	fx_lbaf(fx, &m.st, LBADS, MS);
	fx->p.pi_off = MS - 8;
	fx_open(fx);
	expect_nothing(fx, 50, NLB);
	close_mortal(fx, &m);
	open_mortal(fx, &m);
	expect_nothing(fx, 50, NLB);
	close_mortal(fx, &m);
}

/* the namespace is not there at the next start, but later: its write is finished then */
static void test_note_waits(void **state)
{
	struct fx *fx = *state;
	struct sim_store *ram = fx_ram(SIZE);
	struct sim_stage_slot slot;
	struct mortal m;

	leave_note(fx, 50);
	fx_journal(fx);
	fx_lbaf(fx, ram, LBADS, MS);
	fx->p.nsid = 2;
	fx_open(fx);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(write_version(fx, i, 1, 9), 0);
	sim_stage_get(&fx->s, &slot);
	assert_int_not_equal(slot.index, 0);
	sim_stage_put(&fx->s, &slot);
	fx_close(fx, true);
	store_journal_close(&fx->s.journal);
	open_mortal(fx, &m);
	expect(fx, 50, NLB, 2, 2);
	close_mortal(fx, &m);
	store_free(ram);
}

/* other blocks by then: formatted, or made anew under the same NSID */
static void test_note_of_other_blocks(void **state)
{
	struct fx *fx = *state;
	struct mortal m;

	leave_note(fx, 50);
	mortal_init(&m, fx_file(fx, SIZE));
	m.st.fresh = true;
	fx_journal(fx);
	fx_lbaf(fx, &m.st, LBADS, MS);
	fx->p.pi_off = MS - 8;
	fx_open(fx);
	expect_nothing(fx, 50, NLB);
	close_mortal(fx, &m);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_commit),
		TEST(test_fetch_mixed),
		TEST(test_largest),
		TEST(test_zero),
		TEST(test_write_errors),
		TEST(test_no_room),
		TEST(test_slots),
		TEST(test_kill_at_each_step),
		TEST(test_kill_any_time),
		TEST(test_power_cut),
		TEST(test_note_waits),
		TEST(test_note_of_other_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
