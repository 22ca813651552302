/* SPDX-License-Identifier: MIT */
/*
 * ram.c - a medium in memory. It may be far larger than the machine's memory: a page costs
 * something once it is written, and is given back when it is deallocated.
 *
 * Pages that were written are kept in a bitmap. It tells what is used, and it keeps reads of the
 * rest away from the memory itself: reading would leave page tables behind for every page.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bits.h"
#include "kind.h"

#define RAM_ZEROES (2u << 20) /* the largest read that unwritten memory answers directly */

/**
 * struct ram - a RAM store
 * @mem:     the medium
 * @zeroes:  %RAM_ZEROES of read-only zeroes, what unwritten pages read as
 * @written: bit for each page of @mem
 */
struct ram {
	struct store s;
	unsigned char *mem;
	void *zeroes;
	struct store_bits written;
	unsigned int page_shift;
};

static uint64_t page_end(const struct ram *r, uint64_t off, uint64_t len)
{
	return ((off + len - 1) >> r->page_shift) + 1;
}

static bool unwritten(const struct ram *r, uint64_t off, size_t len)
{
	uint64_t end = page_end(r, off, len);

	return store_bits_find(&r->written, off >> r->page_shift, end, true) == end;
}

static int ram_map(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr)
{
	struct ram *r = (struct ram *)st;

	assert(len && off <= st->size && len <= st->size - off);
	if (write)
		store_bits_set(&r->written, off >> r->page_shift, page_end(r, off, len));
	else if (len <= RAM_ZEROES && unwritten(r, off, len)) {
		*ptr = r->zeroes;
		return 0;
	}
	*ptr = r->mem + off;
	return 0;
}

static int ram_read(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	struct ram *r = (struct ram *)st;

	assert(len && off <= st->size && len <= st->size - off);
	if (unwritten(r, off, len))
		memset(buf, 0, len);
	else
		memcpy(buf, r->mem + off, len);
	return 0;
}

static int ram_write(struct sim_store *st, uint64_t off, const void *buf, size_t len)
{
	void *ptr;

	ram_map(st, off, len, true, &ptr);
	memcpy(ptr, buf, len);
	return 0;
}

/* zero the bytes of [@off, @end) that lie in pages which were written */
static void clear_written(struct ram *r, uint64_t off, uint64_t end)
{
	uint64_t page = off >> r->page_shift, last = page_end(r, off, end - off);

	while ((page = store_bits_find(&r->written, page, last, true)) < last) {
		uint64_t run = store_bits_find(&r->written, page, last, false);
		uint64_t from = page << r->page_shift, to = run << r->page_shift;

		from = from < off ? off : from;
		to = to > end ? end : to;
		memset(r->mem + from, 0, to - from);
		page = run;
	}
}

static int ram_zero(struct sim_store *st, uint64_t off, uint64_t len, bool unmap)
{
	struct ram *r = (struct ram *)st;
	uint64_t end = off + len, mask = (1ull << r->page_shift) - 1;
	uint64_t from = (off + mask) & ~mask, to = end & ~mask;

	assert(off <= st->size && len <= st->size - off);
	if (!len)
		return 0;
	if (!unmap || from >= to) {
		clear_written(r, off, end);
		return 0;
	}
	if (off < from)
		clear_written(r, off, from);
	if (to < end)
		clear_written(r, to, end);
	/* the bits last: whoever still sees one reads memory, and that is right either way */
	if (madvise(r->mem + from, to - from, MADV_DONTNEED))
		clear_written(r, from, to);
	else
		store_bits_clear(&r->written, from >> r->page_shift, to >> r->page_shift);
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

static void ram_free(struct store *s)
{
	struct ram *r = (struct ram *)s;

	if (r->mem)
		munmap(r->mem, s->st.size);
	if (r->zeroes)
		munmap(r->zeroes, RAM_ZEROES);
	store_bits_free(&r->written);
	free(r);
}

static const struct store_kind ram_kind = { .free = ram_free };

static void *ram_mmap(uint64_t size, int prot)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *p = MAP_FAILED;

	if (size <= SIZE_MAX)
		p = mmap(NULL, (size_t)size, prot, flags, -1, 0);
	return p == MAP_FAILED ? NULL : p;
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
	r->s.st.size = size;
	r->s.st.solid = true;
	r->s.st.fresh = true;
	r->page_shift = (unsigned int)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	errno = ENOMEM;
	r->mem = ram_mmap(size, PROT_READ | PROT_WRITE);
	r->zeroes = r->mem ? ram_mmap(RAM_ZEROES, PROT_READ) : NULL;
	if (!r->zeroes || store_bits_init(&r->written, page_end(r, 0, size))) {
		store_fail(msg, SIM_ENOMEM, "cannot reserve %" PRIu64 " bytes of address space: %m",
			   size);
		ram_free(&r->s);
		return NULL;
	}
	/* with huge pages, 4 KiB written would cost 2 MiB */
	madvise(r->mem, (size_t)size, MADV_NOHUGEPAGE);
	madvise(r->zeroes, RAM_ZEROES, MADV_NOHUGEPAGE);
	return &r->s.st;
}
