/* SPDX-License-Identifier: MIT */
/*
 * area_watch.h - areas whose memory is counted, for tests and the benchmark. What is to survive
 * does so as long as the watch is there: a subsystem that is made again finds it.
 */
#ifndef TESTS_AREA_WATCH_H
#define TESTS_AREA_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>

#include "../../core/sim.h"

#define WATCH_AREAS 256
#define WATCH_PAGE  4096u

struct area_watch {
	struct watched {
		unsigned char *mem;
		uint64_t len, key;
		uint16_t type;
		bool keep;
	} area[WATCH_AREAS];
	unsigned int nr;
};

static inline void *watch_area(void *opaque, uint16_t type, uint64_t key, uint64_t len, bool *fresh)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	struct area_watch *w = opaque;
	void *mem;

	len = (len + WATCH_PAGE - 1) & ~(uint64_t)(WATCH_PAGE - 1);
	for (unsigned int i = 0; i < w->nr && fresh; i++) {
		const struct watched *a = &w->area[i];

		if (!a->keep || a->type != type || a->key != key || a->len != len)
			continue;
		*fresh = false;
		return a->mem;
	}
	if (w->nr == WATCH_AREAS)
		return NULL;
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, len, MADV_NOHUGEPAGE);
	w->area[w->nr++] = (struct watched){ mem, len, key, type, fresh };
	if (fresh)
		*fresh = true;
	return mem;
}

static inline void watch_area_free(void *opaque, uint16_t type, uint64_t key, void *mem,
				   uint64_t len, bool forget)
{
	struct area_watch *w = opaque;
	unsigned int i = 0;

	(void)type, (void)key, (void)len;
	while (w->area[i].mem != mem)
		i++;
	if (w->area[i].keep && !forget)
		return;
	munmap(mem, w->area[i].len);
	w->area[i] = w->area[--w->nr];
}

static inline void watch_area_punch(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	const uint64_t from = (off + WATCH_PAGE - 1) & ~(uint64_t)(WATCH_PAGE - 1);
	const uint64_t end = (off + len) & ~(uint64_t)(WATCH_PAGE - 1);

	(void)opaque;
	if (end > from)
		madvise((char *)mem + from, end - from, MADV_DONTNEED);
}

static inline struct sim_journal_port watch_port(struct area_watch *w)
{
	return (struct sim_journal_port){
		.area = watch_area,
		.area_free = watch_area_free,
		.area_punch = watch_area_punch,
		.opaque = w,
	};
}

/* bytes of memory of @len at @mem, which begin with a page */
static inline uint64_t watch_range(const void *mem, uint64_t len)
{
	unsigned char vec[1u << 14];
	uint64_t n = 0;

	for (uint64_t off = 0, part; off < len; off += part) {
		part = sizeof(vec) * WATCH_PAGE;
		part = len - off < part ? len - off : part;
		if (mincore((char *)(uintptr_t)mem + off, part, vec))
			continue;
		for (uint64_t i = 0; i < (part + WATCH_PAGE - 1) / WATCH_PAGE; i++)
			n += vec[i] & 1 ? WATCH_PAGE : 0;
	}
	return n;
}

/* bytes of memory of all areas of types @first to @last */
static inline uint64_t watch_bytes(const struct area_watch *w, uint16_t first, uint16_t last)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < w->nr; i++)
		if (w->area[i].type >= first && w->area[i].type <= last)
			n += watch_range(w->area[i].mem, w->area[i].len);
	return n;
}

static inline void watch_free(struct area_watch *w)
{
	while (w->nr) {
		w->nr--;
		munmap(w->area[w->nr].mem, w->area[w->nr].len);
	}
}

#endif /* TESTS_AREA_WATCH_H */
