/* SPDX-License-Identifier: MIT */
/*
 * ram.c - a medium in memory. It may be far larger than the machine's memory: a page costs
 * something once it is written, and is given back when it is deallocated. What is written from front
 * to back is in huge pages (huge.h).
 *
 * Pages that were written are kept in a bitmap. It tells what is used, and it keeps reads of the
 * rest away from the memory itself: reading would leave page tables behind for every page.
 *
 * Parts can be exchanged for spare ones, which lie behind the medium (struct sim_part_ops). All
 * that is kept of it is where each part is: bits are of the medium's pages, wherever those lie.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bits.h"
#include "huge.h"
#include "kind.h"

#define RAM_ZEROES (2u << 20) /* the largest read that unwritten memory answers directly */
#define RAM_SPARES 32u	      /* parts: what the largest Write there is takes, 2 MiB */

/** struct spare - a spare part, or NULL: somebody has it */
struct spare {
	_Atomic(unsigned char *) mem;
	uint64_t rsvd[7]; /* a cache line each */
};

/**
 * struct ram - a RAM store
 * @mem:     %SIM_PART each, @parts of the medium and %RAM_SPARES more
 * @zeroes:  %RAM_ZEROES of read-only zeroes, what unwritten pages read as
 * @written: bit for each page of the medium
 * @huge:    where @mem may be huge pages
 * @mapped:  what was mapped: @mem and what is before it, for its alignment
 * @where:   for each part the index in @mem of where it is, exclusive or its own: 0, which costs
 *           nothing, where it was never exchanged. Who reads one has claimed blocks of the part,
 *           who writes one, all of them.
 * @moved:   some part was exchanged; else nobody looks at @where
 */
struct ram {
	struct store s;
	unsigned char *mem;
	void *zeroes;
	struct store_bits written;
	struct store_huge huge;
	void *mapped;
	unsigned int page_shift;
	_Atomic bool moved;
	_Atomic uint32_t *where;
	uint64_t parts;
	struct spare spare[RAM_SPARES];
};

static uint64_t part_index(const struct ram *r, uint64_t part)
{
	return part ^ atomic_load_explicit(&r->where[part], memory_order_relaxed);
}

static bool moved(const struct ram *r)
{
	return atomic_load_explicit(&r->moved, memory_order_relaxed);
}

static unsigned char *at(const struct ram *r, uint64_t off)
{
	if (!moved(r))
		return r->mem + off;
	return r->mem + part_index(r, off / SIM_PART) * SIM_PART + off % SIM_PART;
}

static size_t ram_together(struct sim_store *st, uint64_t off, size_t len)
{
	struct ram *r = (struct ram *)st;
	size_t n = SIM_PART - off % SIM_PART;

	if (!moved(r))
		return len;
	while (n < len && at(r, off + n) == at(r, off) + n)
		n += SIM_PART;
	return n < len ? n : len;
}

static uint64_t page_end(const struct ram *r, uint64_t off, uint64_t len)
{
	return ((off + len - 1) >> r->page_shift) + 1;
}

static bool unwritten(const struct ram *r, uint64_t off, size_t len)
{
	uint64_t first = off >> r->page_shift, end;

	/* mostly there is something, from the beginning on */
	if (store_bit(&r->written, first))
		return false;
	end = page_end(r, off, len);
	return store_bits_find(&r->written, first, end, true) == end;
}

static void set_written(struct ram *r, uint64_t off, size_t len)
{
	uint64_t first = off >> r->page_shift, end = page_end(r, off, len);

	/* the kernel goes by addresses: once parts moved, they are not places in the medium */
	if (store_bits_set(&r->written, first, end) && !moved(r))
		store_huge_wrote(&r->huge, first, end);
}

static int ram_map(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr)
{
	struct ram *r = (struct ram *)st;

	assert(len && off <= st->size && len <= st->size - off);
	assert(!moved(r) || ram_together(st, off, len) == len);
	if (write)
		set_written(r, off, len);
	else if (len <= RAM_ZEROES && unwritten(r, off, len)) {
		*ptr = r->zeroes;
		return 0;
	}
	*ptr = at(r, off);
	return 0;
}

static int ram_read(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	struct ram *r = (struct ram *)st;

	assert(len && off <= st->size && len <= st->size - off);
	for (size_t n; len; off += n, buf = (char *)buf + n, len -= n) {
		n = ram_together(st, off, len);
		if (unwritten(r, off, n))
			memset(buf, 0, n);
		else
			memcpy(buf, at(r, off), n);
	}
	return 0;
}

static int ram_write(struct sim_store *st, uint64_t off, const void *buf, size_t len)
{
	void *ptr;

	for (size_t n; len; off += n, buf = (const char *)buf + n, len -= n) {
		n = ram_together(st, off, len);
		ram_map(st, off, n, true, &ptr);
		memcpy(ptr, buf, n);
	}
	return 0;
}

/* zero the bytes of [@off, @end), which lie together, that lie in pages which were written */
static void clear_written(struct ram *r, uint64_t off, uint64_t end)
{
	uint64_t page = off >> r->page_shift, last = page_end(r, off, end - off);

	while ((page = store_bits_find(&r->written, page, last, true)) < last) {
		uint64_t run = store_bits_find(&r->written, page, last, false);
		uint64_t from = page << r->page_shift, to = run << r->page_shift;

		from = from < off ? off : from;
		to = to > end ? end : to;
		memset(at(r, from), 0, to - from);
		page = run;
	}
}

/* [@off, @end) lies together */
static void zero(struct ram *r, uint64_t off, uint64_t end, bool unmap)
{
	uint64_t mask = (1ull << r->page_shift) - 1;
	uint64_t from = (off + mask) & ~mask, to = end & ~mask;

	if (!unmap || from >= to) {
		clear_written(r, off, end);
		return;
	}
	if (off < from)
		clear_written(r, off, from);
	if (to < end)
		clear_written(r, to, end);
	/* the bits last: whoever still sees one reads memory, and that is right either way */
	if (madvise(at(r, from), to - from, MADV_DONTNEED))
		clear_written(r, from, to);
	else if (store_bits_clear(&r->written, from >> r->page_shift, to >> r->page_shift) &&
		 !moved(r))
		store_huge_gave(&r->huge, from >> r->page_shift, to >> r->page_shift);
}

static int ram_zero(struct sim_store *st, uint64_t off, uint64_t len, bool unmap)
{
	assert(off <= st->size && len <= st->size - off);
	for (uint64_t n; len; off += n, len -= n) {
		n = ram_together(st, off, len);
		zero((struct ram *)st, off, off + n, unmap);
	}
	return 0;
}

static int ram_check(struct sim_store *st, uint64_t off, size_t len, bool write)
{
	(void)st, (void)off, (void)len, (void)write;
	return 0; /* memory that was mapped stays */
}

static uint64_t ram_used(struct sim_store *st)
{
	struct ram *r = (struct ram *)st;
	uint64_t used = atomic_load(&r->written.set) << r->page_shift;

	return used < st->size ? used : st->size;
}

static int ram_next_data(struct sim_store *st, uint64_t off, uint64_t *start, uint64_t *end)
{
	struct ram *r = (struct ram *)st;
	uint64_t pages = page_end(r, 0, st->size), page;

	/* the bitmap of a huge medium is not cheap to walk */
	if (off >= st->size || !atomic_load(&r->written.set))
		return SIM_ENOENT;
	page = store_bits_find(&r->written, off >> r->page_shift, pages, true);
	if (page == pages)
		return SIM_ENOENT;
	*start = page << r->page_shift;
	*start = *start < off ? off : *start;
	*end = store_bits_find(&r->written, page, pages, false) << r->page_shift;
	*end = *end > st->size ? st->size : *end;
	return 0;
}

static const struct sim_store_ops ram_ops = {
	.map = ram_map,
	.read = ram_read,
	.write = ram_write,
	.zero = ram_zero,
	.flush = store_flush_none,
	.check = ram_check,
	.used = ram_used,
	.next_data = ram_next_data,
};

/* the first that is there, so that the last one put back, which is warm, is the next one got */
static void *ram_get(struct sim_store *st)
{
	struct ram *r = (struct ram *)st;

	for (unsigned int i = 0; i < RAM_SPARES; i++) {
		unsigned char *mem = atomic_load_explicit(&r->spare[i].mem, memory_order_relaxed);

		if (mem && atomic_compare_exchange_strong(&r->spare[i].mem, &mem, NULL))
			return mem;
	}
	return NULL;
}

/* there are as many places as spare parts: somewhere is one that is free */
static void ram_put(struct sim_store *st, void *part)
{
	struct ram *r = (struct ram *)st;
	unsigned char *none = NULL;

	for (unsigned int i = 0;
	     !atomic_compare_exchange_strong(&r->spare[i].mem, &none, (unsigned char *)part);
	     i = (i + 1) % RAM_SPARES)
		none = NULL;
}

static void ram_swap(struct sim_store *st, uint64_t off, void *part)
{
	struct ram *r = (struct ram *)st;
	const uint64_t i = off / SIM_PART;
	unsigned char *old = at(r, off);

	assert(off % SIM_PART == 0 && off <= st->size && SIM_PART <= st->size - off);
	atomic_store_explicit(&r->where[i],
			      (uint32_t)((uint64_t)((unsigned char *)part - r->mem) / SIM_PART ^ i),
			      memory_order_relaxed);
	if (!moved(r))
		store_huge_end(&r->huge);
	atomic_store_explicit(&r->moved, true, memory_order_relaxed);
	store_bits_set(&r->written, off >> r->page_shift, page_end(r, off, SIM_PART));
	ram_put(st, old);
}

static const struct sim_part_ops ram_part_ops = {
	.together = ram_together,
	.get = ram_get,
	.put = ram_put,
	.swap = ram_swap,
};

static size_t where_bytes(const struct ram *r)
{
	return (size_t)r->parts * sizeof(r->where[0]);
}

static size_t mem_bytes(const struct ram *r)
{
	return (size_t)(r->parts + RAM_SPARES) * SIM_PART;
}

static size_t mapped_bytes(const struct ram *r)
{
	return mem_bytes(r) + STORE_HUGE;
}

static void ram_free(struct store *s)
{
	struct ram *r = (struct ram *)s;

	if (r->mapped)
		munmap(r->mapped, mapped_bytes(r));
	if (r->where)
		munmap((void *)r->where, where_bytes(r));
	if (r->zeroes)
		munmap(r->zeroes, RAM_ZEROES);
	store_huge_free(&r->huge);
	store_bits_free(&r->written);
	free(r);
}

static const struct store_kind ram_kind = { .free = ram_free };

static void *ram_mmap(size_t size, int prot)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *p = mmap(NULL, size, prot, flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Return: 0, or -1 with errno */
static int reserve(struct ram *r)
{
	const uint64_t size = r->s.st.size;

	errno = ENOMEM;
	/* what can be mapped has fewer parts than r->where can tell apart */
	if (size > SIZE_MAX / 2)
		return -1;
	r->parts = (size + SIM_PART - 1) / SIM_PART;
	r->mapped = ram_mmap(mapped_bytes(r), PROT_READ | PROT_WRITE);
	r->where = r->mapped ? ram_mmap(where_bytes(r), PROT_READ | PROT_WRITE) : NULL;
	r->zeroes = r->where ? ram_mmap(RAM_ZEROES, PROT_READ) : NULL;
	if (!r->zeroes || store_bits_init(&r->written, page_end(r, 0, size)))
		return -1;
	r->mem = (unsigned char *)(((uintptr_t)r->mapped + STORE_HUGE - 1) &
				   ~(uintptr_t)(STORE_HUGE - 1));
	if (store_huge_init(&r->huge, r->mem, size, &r->written, r->page_shift))
		return -1;
	/* else 4 KiB written would cost 2 MiB, where huge pages are what everybody gets */
	madvise(r->mem, mem_bytes(r), MADV_NOHUGEPAGE);
	madvise((void *)r->where, where_bytes(r), MADV_NOHUGEPAGE);
	madvise(r->zeroes, RAM_ZEROES, MADV_NOHUGEPAGE);
	for (unsigned int i = 0; i < RAM_SPARES; i++)
		atomic_init(&r->spare[i].mem, r->mem + (r->parts + i) * SIM_PART);
	return 0;
}

struct sim_store *store_ram_new(uint64_t size, struct sim_msg *msg)
{
	struct ram *r;

	if (!size) {
		store_fail(msg, SIM_EINVAL, "a RAM store needs a size");
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (!r) {
		store_fail(msg, SIM_ENOMEM, "no memory for a RAM store");
		return NULL;
	}
	r->s.kind = &ram_kind;
	r->s.st.ops = &ram_ops;
	r->s.st.parts = &ram_part_ops;
	r->s.st.size = size;
	r->s.st.solid = true;
	r->s.st.fresh = true;
	r->page_shift = (unsigned int)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	if (reserve(r)) {
		store_fail(msg, SIM_ENOMEM, "cannot reserve %" PRIu64 " bytes of address space: %m",
			   size);
		ram_free(&r->s);
		return NULL;
	}
	return &r->s.st;
}
