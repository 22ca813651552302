/* SPDX-License-Identifier: MIT */
/*
 * mem_journal.h - a journal in memory: what outlives a subsystem is what is in it, and the test can
 * see what was made durable.
 */
#ifndef TESTS_MEM_JOURNAL_H
#define TESTS_MEM_JOURNAL_H

#include <stdlib.h>
#include <sys/mman.h>

#include "drv.h"

#define MEMJ_MAX 4096

/**
 * struct memj_item - what is kept
 * @what: 'r' a record, 'c' a cell, 'a' an area
 * @synced: a record that a sync came after
 */
struct memj_item {
	char what;
	bool synced;
	uint16_t type, version;
	uint64_t key, len;
	void *buf;
};

/** struct mem_journal - @fail: every put fails; @puts, @syncs: calls so far */
struct mem_journal {
	struct memj_item item[MEMJ_MAX];
	unsigned int nr, puts, syncs;
	bool fail;
};

static inline struct memj_item *memj_find(struct mem_journal *j, char what, uint16_t type,
					  uint64_t key)
{
	for (unsigned int i = 0; i < j->nr; i++)
		if (j->item[i].what == what && j->item[i].type == type && j->item[i].key == key)
			return &j->item[i];
	return NULL;
}

static inline struct memj_item *memj_make(struct mem_journal *j, char what, uint16_t type,
					  uint64_t key, uint64_t len)
{
	struct memj_item *it = memj_find(j, what, type, key);

	if (!it) {
		assert_true(j->nr < MEMJ_MAX);
		it = &j->item[j->nr++];
	} else {
		free(it->buf);
	}
	*it = (struct memj_item){ .what = what, .type = type, .key = key, .len = len };
	it->buf = calloc(1, len ? len : 1);
	assert_non_null(it->buf);
	return it;
}

static inline int memj_put(void *opaque, uint16_t type, uint64_t key, uint16_t version,
			   const void *buf, uint32_t len)
{
	struct mem_journal *j = opaque;
	struct memj_item *it;

	j->puts++;
	if (j->fail)
		return SIM_ENOSPC;
	it = memj_make(j, 'r', type, key, len);
	it->version = version;
	memcpy(it->buf, buf, len);
	return 0;
}

static inline int memj_get(void *opaque, uint16_t type, uint64_t key, uint16_t *version, void *buf,
			   uint32_t len)
{
	struct memj_item *it = memj_find(opaque, 'r', type, key);

	if (!it)
		return SIM_ENOENT;
	*version = it->version;
	memcpy(buf, it->buf, len < it->len ? len : it->len);
	return (int)it->len;
}

static inline void *memj_cell(void *opaque, uint16_t type, uint64_t key, uint32_t len)
{
	struct memj_item *it = memj_find(opaque, 'c', type, key);

	return (it ? it : memj_make(opaque, 'c', type, key, len))->buf;
}

static inline int memj_sync(void *opaque)
{
	struct mem_journal *j = opaque;

	j->syncs++;
	for (unsigned int i = 0; i < j->nr; i++)
		j->item[i].synced = true;
	return 0;
}

static inline void *memj_area(void *opaque, uint16_t type, uint64_t key, uint64_t len, bool *fresh)
{
	struct memj_item *it = memj_find(opaque, 'a', type, key);

	/* need not survive, and is not kept; mostly not touched either: no allocator is to fill it */
	if (!fresh) {
		void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		return mem == MAP_FAILED ? NULL : mem;
	}
	*fresh = !it || it->len != len;
	return (*fresh ? memj_make(opaque, 'a', type, key, len) : it)->buf;
}

static inline void memj_area_free(void *opaque, uint16_t type, uint64_t key, void *mem,
				  uint64_t len, bool forget)
{
	struct memj_item *it = memj_find(opaque, 'a', type, key);

	if (!it || it->buf != mem)
		munmap(mem, len);
	else if (forget)
		it->len = 0; /* the next one is a fresh one */
}

static inline struct sim_journal_port memj_port(struct mem_journal *j)
{
	return (struct sim_journal_port){
		.put = memj_put, .get = memj_get, .cell = memj_cell, .sync = memj_sync,
		.area = memj_area, .area_free = memj_area_free, .opaque = j,
	};
}

static inline void memj_free(struct mem_journal *j)
{
	for (unsigned int i = 0; i < j->nr; i++)
		free(j->item[i].buf);
	j->nr = 0;
}

#endif /* TESTS_MEM_JOURNAL_H */
