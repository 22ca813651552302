/* SPDX-License-Identifier: MIT */
/*
 * test_fdp_memory.c - what Flexible Data Placement keeps of a block that is written is 8 bytes at
 * most, whatever hosts do; and logs that are made shorter have all that is in their units.
 *
 * Counted are the resident pages of all its memory: the group, the maps, the units' counts and
 * logs. What is allowed beside (docs/design.md): what a group and its namespaces take before the
 * first write, the tables of pages, 32 KiB, a page that is begun for each size of slots that a map
 * has, a chunk of each unit that can be open.
 */
#include "area_watch.h"
#include "fdp_fx.h"
#include "fdp_check.h"
#include "../../core/persist/persist.h"

#define OP_NS_MGMT 0x0d
#define OP_FORMAT  0x80
#define MAX_NS	   2
#define PAGE	   4096u
#define BEYOND	   (32 * KIB)

struct mem {
	struct area_watch w;
	struct drv_params p;
	struct drv *d;
	struct sim_store *store[MAX_NS];
	uint64_t bytes[MAX_NS], buf, rng, before;
	uint32_t block[MAX_NS];
	uint16_t handles; /* of a namespace */
	uint64_t worst;	  /* hundredths of a byte */
};

static uint32_t below(struct mem *m, uint32_t n)
{
	m->rng ^= m->rng << 13;
	m->rng ^= m->rng >> 7;
	m->rng ^= m->rng << 17;
	return (uint32_t)(m->rng >> 20) % n;
}

static uint64_t blocks(const struct mem *m, unsigned int ns)
{
	return m->bytes[ns] / m->block[ns];
}

static struct sim_fdp *group(const struct mem *m)
{
	return m->d->subsys->fdp;
}

/* all but the tables of pages */
static uint64_t counted(const struct mem *m)
{
	const struct sim_fdp *g = group(m);
	uint64_t n = watch_bytes(&m->w, SIM_REC_FDP, SIM_REC_FDP_LOG);

	for (unsigned int i = 0; i < g->nr_ns; i++)
		n -= watch_range(g->ns[i]->map.page, g->ns[i]->map.pages * sizeof(struct fdp_page));
	return n;
}

/* what is there beside what blocks take, as above */
static uint64_t beside(const struct mem *m)
{
	const struct sim_fdp *g = group(m);
	const uint64_t open = (uint64_t)(g->p.nruh + fdp_domains(g)) * g->p.nrg;
	uint64_t begun = 0;

	for (unsigned int i = 0; i < g->nr_ns; i++)
		for (unsigned int size = 0; size < FDP_SIZES; size++)
			begun += g->ns[i]->map.last[size] > 0;
	return m->before + BEYOND + (open << g->pool[0].shift) + begun * PAGE;
}

static uint64_t live(const struct mem *m)
{
	const struct sim_fdp *g = group(m);
	uint64_t n = 0;

	for (unsigned int i = 0; i < g->nr_ns; i++)
		for (uint32_t u = 0; u < g->head->high * g->p.nrg; u++)
			n += g->ns[i]->valid[u] / g->ns[i]->block;
	return n;
}

static void check_bound(struct mem *m)
{
	const uint64_t n = live(m), bytes = counted(m);

	if (bytes > 8 * n + beside(m))
		fail_msg("%llu bytes for %llu blocks, %llu beside", (unsigned long long)bytes,
			 (unsigned long long)n, (unsigned long long)beside(m));
	if (n && bytes > beside(m) && (bytes - beside(m)) * 100 / n > m->worst)
		m->worst = (bytes - beside(m)) * 100 / n;
}

static void add_ns(struct mem *m, unsigned int i)
{
	struct sim_ns_params np = m->p.ns;
	struct sim_msg msg = { "" };

	if (!m->store[i])
		m->store[i] = store_null_new(m->bytes[i], &msg);
	np.store = m->store[i];
	np.nsid = i + 1;
	np.uuid[0] = (uint8_t)(i + 1);
	np.logical_block_size = np.physical_block_size = m->block[i];
	np.ruhs.nr = m->handles;
	for (uint16_t h = 0; h < m->handles; h++)
		np.ruhs.ruhid[h] = (uint16_t)(i * m->handles + h);
	if (sim_ns_add(m->d->subsys, NULL, &np, &msg) < 0)
		fail_msg("%s", msg.text);
}

static void up(struct mem *m)
{
	m->p.journal = watch_port(&m->w);
	m->d = drv_new(&m->p);
	for (unsigned int i = 0; i < MAX_NS; i++)
		if (m->bytes[i])
			add_ns(m, i);
	drv_start(m->d);
	m->buf = drv_alloc(m->d, 4096);
}

static void begin(struct mem *m, uint64_t runs, uint16_t handles, uint32_t op)
{
	drv_params(&m->p);
	m->p.ns_bytes = 0;
	m->handles = handles;
	m->rng = 0x9e3779b97f4a7c15;
	m->p.fdp = (struct sim_fdp_params){ .on = true, .runs = runs, .nrg = 1, .op = op };
	m->p.fdp.nruh = (uint16_t)(MAX_NS * handles);
	up(m);
	m->before = counted(m);
}

static void idle(struct mem *m)
{
	for (unsigned int i = 0; i < 4096 && atomic_load(&group(m)->tidy.armed); i++)
		sim_run_timers(m->d->subsys);
}

/* nothing happens any more; then a start, and nothing happens */
static void restart(struct mem *m)
{
	struct fdp_check found;

	idle(m);
	check_bound(m);
	fdp_check(m->d->subsys);
	drv_free(m->d);
	up(m);
	check_bound(m);
	found = fdp_check(m->d->subsys);
	assert_int_equal(found.entries, found.apart);
	assert_true(found.entries <= found.live);
}

static void end(struct mem *m)
{
	drv_free(m->d);
	for (unsigned int i = 0; i < MAX_NS; i++)
		if (m->store[i])
			store_free(m->store[i]);
	watch_free(&m->w);
	print_message("at worst %llu.%02llu bytes a block\n", (unsigned long long)m->worst / 100,
		      (unsigned long long)m->worst % 100);
	free(m);
}

/* Write Zeroes: it is placed as what is written with data */
static void put(struct mem *m, unsigned int ns, uint64_t slba, uint32_t n, uint32_t ph)
{
	struct drv_cmd cmd = { { OP_WRITE_ZEROES, ns + 1 } };

	cmd.dw[10] = (uint32_t)slba;
	cmd.dw[12] = (n - 1) | 2u << 20;
	cmd.dw[13] = ph << 16;
	assert_int_equal(drv_io(m->d, &cmd, 0, 0, NULL), 0);
}

static void cover(struct mem *m, unsigned int ns, uint64_t n)
{
	for (uint64_t lba = 0; lba < n; lba += 32) {
		put(m, ns, lba, 32, below(m, m->handles));
		if (lba % (n / 8) == 0)
			check_bound(m);
	}
	check_bound(m);
}

/* @cmds writes of 1 to @most blocks in the first @n */
static void again(struct mem *m, unsigned int ns, uint64_t n, uint32_t cmds, uint32_t most)
{
	for (uint32_t i = 0; i < cmds; i++) {
		const uint32_t one = 1 + below(m, most);

		put(m, ns, below(m, (uint32_t)n - one), one, below(m, m->handles));
		if (i % (cmds / 8) == 0)
			check_bound(m);
	}
	check_bound(m);
}

static struct mem *new_mem(uint64_t bytes, uint64_t more, uint32_t more_block)
{
	struct mem *m = calloc(1, sizeof(*m));

	m->bytes[0] = bytes;
	m->block[0] = 4096;
	m->bytes[1] = more;
	m->block[1] = more_block;
	return m;
}

/* a part is overwritten while most units are free: nobody collects, and logs are made shorter */
static void test_a_part(void **state)
{
	struct mem *m = new_mem(512 * MIB, 0, 0);

	begin(m, 4 * MIB, 1, 10);
	cover(m, 0, blocks(m, 0) / 4);
	again(m, 0, blocks(m, 0) / 4, 150000, 8);
	assert_true((uint64_t)fdp_taken(group(m)) << group(m)->pool[0].shift >
		    4 * fdp_used(group(m)));
	restart(m);
	end(m);
}

/* all of it, until units are collected all the time */
static void test_collected(void **state)
{
	struct mem *m = new_mem(128 * MIB, 0, 0);

	begin(m, 4 * MIB, 2, 25);
	cover(m, 0, blocks(m, 0));
	again(m, 0, blocks(m, 0), 60000, 8);
	assert_true(group(m)->head->collections > 100);
	restart(m);
	again(m, 0, blocks(m, 0), 60000, 8);
	restart(m);
	end(m);
}

/* few units, each a tenth of all, most of them open; a little of it is overwritten again and again
 */
static void test_large_units(void **state)
{
	struct mem *m = new_mem(256 * MIB, 0, 0);

	begin(m, 24 * MIB, 8, 10);
	cover(m, 0, blocks(m, 0));
	again(m, 0, blocks(m, 0), 30000, 8);
	again(m, 0, 512, 200000, 2);
	restart(m);
	again(m, 0, 512, 100000, 2);
	restart(m);
	end(m);
}

/* units whose entries were told apart */
static unsigned int marked(const struct mem *m)
{
	const struct sim_fdp *g = group(m);
	unsigned int n = 0;

	for (uint32_t u = 0; u < g->head->high; u++)
		n += g->log[u].mark > 0;
	return n;
}

/* one block comes and goes between two units that are open: it is in both logs many times */
static void test_to_and_fro(void **state)
{
	struct mem *m = new_mem(256 * MIB, 0, 0);
	struct fdp_check found;

	begin(m, 24 * MIB, 8, 10);
	cover(m, 0, blocks(m, 0));
	for (uint32_t i = 0; i < 200000; i++) {
		put(m, 0, i / 2 % 64, 1, i % 8);
		if (i % 20000 == 0)
			check_bound(m);
	}
	idle(m);
	found = fdp_check(m->d->subsys);
	assert_true(found.entries < found.live + found.live / 3);
	/* equal entries had to be told apart, and no block was lost by that */
	assert_true(marked(m) > 0);
	again(m, 0, blocks(m, 0), 30000, 8);
	restart(m);
	end(m);
}

/* an entry stands for 16 blocks: of these some are in the unit, some were, some come again */
static void test_shared_entries(void **state)
{
	struct mem *m = new_mem(1024 * 1024 * MIB, 0, 0);
	const uint64_t n = 65536;

	begin(m, 64 * MIB, 4, 10);
	assert_int_equal(group(m)->ns[0]->shift, 4);
	cover(m, 0, n);
	again(m, 0, n, 100000, 2);
	for (uint32_t i = 0; i < 200000; i++)
		put(m, 0, i / 2 % 256 * 5, 1, i % 4);
	idle(m);
	check_bound(m);
	assert_true(marked(m) > 0);
	fdp_check(m->d->subsys);
	again(m, 0, n, 100000, 8);
	restart(m);
	end(m);
}

/* a part of a large namespace, most of it seldom: units hold a few blocks each, and are emptied */
static void test_sparse_units(void **state)
{
	struct mem *m = new_mem(16 * 1024 * MIB, 0, 0);
	const uint32_t n = 65536;
	struct sim_fdp_info info;

	begin(m, 4 * MIB, 1, 10);
	cover(m, 0, n);
	for (uint32_t i = 0; i < 60; i++) {
		again(m, 0, n / 10, n / 10 * 9, 1);
		again(m, 0, n, n / 10, 1);
	}
	assert_int_equal(sim_fdp_info(m->d->subsys, &info), 0);
	assert_true(info.nr_free > info.nr_ru * 3 / 4);
	assert_in_range(info.moved, 1, info.hbmw / 8);
	restart(m);
	again(m, 0, n, n, 1);
	restart(m);
	end(m);
}

static void test_two_sizes(void **state)
{
	struct mem *m = new_mem(128 * MIB, 32 * MIB, 512);

	begin(m, MIB, 2, 10);
	for (unsigned int ns = 0; ns < 2; ns++)
		cover(m, ns, blocks(m, ns));
	for (unsigned int i = 0; i < 6; i++)
		for (unsigned int ns = 0; ns < 2; ns++)
			again(m, ns, blocks(m, ns), 10000, 8);
	restart(m);
	end(m);
}

static void trim(struct mem *m, uint64_t slba, uint64_t n)
{
	struct drv_cmd cmd = { { OP_DSM, 1 } };
	uint32_t *range = drv_ptr(m->d, m->buf);

	range[0] = 0;
	range[1] = (uint32_t)n;
	range[2] = (uint32_t)slba;
	range[3] = 0;
	cmd.dw[11] = 4;
	assert_int_equal(drv_io(m->d, &cmd, m->buf, 16, NULL), 0);
}

/* most of it is deallocated, in one piece and in many that are no pages of the map */
static void test_deallocated(void **state)
{
	struct mem *m = new_mem(512 * MIB, 0, 0);
	const uint64_t n = blocks(m, 0);

	begin(m, 4 * MIB, 1, 10);
	cover(m, 0, n);
	again(m, 0, n, 60000, 8);
	trim(m, n / 2, n / 2); /* nobody has to wait for a timer */
	check_bound(m);
	for (uint64_t lba = FDP_PAGE * 16; lba < n / 2; lba += 200)
		trim(m, lba, n / 2 - lba < 200 ? n / 2 - lba : 200);
	restart(m);
	assert_int_equal(live(m), FDP_PAGE * 16);
	trim(m, 0, n);
	idle(m);
	assert_int_equal(live(m), 0);
	check_bound(m);
	cover(m, 0, n);
	restart(m);
	end(m);
}

static void test_deleted(void **state)
{
	struct mem *m = new_mem(256 * MIB, 64 * MIB, 4096);
	struct drv_cmd cmd = { { OP_NS_MGMT, 1 } };

	begin(m, 4 * MIB, 2, 10);
	for (unsigned int ns = 0; ns < 2; ns++)
		cover(m, ns, blocks(m, ns));
	again(m, 0, blocks(m, 0), 20000, 8);
	again(m, 1, blocks(m, 1), 20000, 8);
	cmd.dw[10] = 1;
	assert_int_equal(drv_admin(m->d, &cmd, 0, 0, NULL), 0);
	assert_int_equal(live(m), blocks(m, 1));
	check_bound(m);
	fdp_check(m->d->subsys);
	again(m, 1, blocks(m, 1), 20000, 8);
	check_bound(m);
	fdp_check(m->d->subsys);
	end(m);
}

static void test_formatted(void **state)
{
	struct mem *m = new_mem(256 * MIB, 64 * MIB, 4096);
	struct drv_cmd cmd = { { OP_FORMAT, 1 } };

	begin(m, 4 * MIB, 2, 10);
	for (unsigned int ns = 0; ns < 2; ns++)
		cover(m, ns, blocks(m, ns));
	cmd.dw[10] = 4; /* 4 KiB, as it was */
	assert_int_equal(drv_admin(m->d, &cmd, 0, 0, NULL), 0);
	idle(m);
	assert_int_equal(live(m), blocks(m, 1));
	check_bound(m);
	restart(m);
	assert_int_equal(live(m), blocks(m, 1));
	end(m);
}

/* what is said of units that hold little: a chunk and the unit's own bytes, beside the 8 */
static void test_a_unit(void **state)
{
	struct mem *m = new_mem(128 * MIB, 0, 0);
	const uint32_t units = 100;
	uint64_t allowed;

	begin(m, 256 * KIB, 1, 300);
	for (uint32_t i = 0; i < units; i++) {
		const uint16_t pid = 0;
		struct drv_cmd cmd = { { OP_IO_SEND, 1, [10] = 1 } };

		put(m, 0, i, 1, 0);
		memcpy(drv_ptr(m->d, m->buf), &pid, 2);
		assert_int_equal(drv_io(m->d, &cmd, m->buf, 2, NULL), 0);
	}
	allowed = units * (8 + (1u << group(m)->pool[1].shift) + 16 + 12 + 4);
	assert_true(counted(m) <= allowed + beside(m));
	assert_int_equal(group(m)->head->high, units);
	end(m);
}

/* without data placement's memory there is none; with it, there is this much */
static void test_before(void **state)
{
	struct mem *m = new_mem(512 * MIB, 0, 0);

	begin(m, 4 * MIB, 8, 10);
	assert_in_range(m->before, 16 * KIB, 48 * KIB);
	put(m, 0, 0, 1, 0);
	assert_true(counted(m) <= m->before + 6 * PAGE);
	end(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before),	       cmocka_unit_test(test_a_unit),
		cmocka_unit_test(test_a_part),	       cmocka_unit_test(test_collected),
		cmocka_unit_test(test_large_units),    cmocka_unit_test(test_to_and_fro),
		cmocka_unit_test(test_shared_entries), cmocka_unit_test(test_sparse_units),
		cmocka_unit_test(test_two_sizes),      cmocka_unit_test(test_deallocated),
		cmocka_unit_test(test_deleted),	       cmocka_unit_test(test_formatted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
