/* SPDX-License-Identifier: MIT */
/*
 * crash_arena.h - what survives a process, in memory that is watched store by store
 *
 * A medium and a journal lie in one file in memory. While a command is traced, its pages cannot be
 * written: each store faults, is stepped over, and noted. The file keeps what was there before. So
 * what a process that is killed leaves, after any of the command's instructions, can be had: what
 * was before, and the first n stores. (A mapping of a file outlives its process, with all stores in
 * it.)
 *
 * One thread; x86-64 (the trap flag). The arena is not to be reached by system calls while traced.
 */
#ifndef TESTS_CRASH_ARENA_H
#define TESTS_CRASH_ARENA_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "../../core/sim.h"

#define CA_SIZE	     (512ull << 20)
#define CA_ITEMS     256
#define CA_PAGE	     4096u
#define CA_TRAP_FLAG 0x100

/** struct ca_item - a record, a cell, an area: @what 'r', 'c', 'a'; @off: its bytes in the arena */
struct ca_item {
	char what;
	uint16_t type, version;
	uint64_t key, len, off;
};

/** struct ca_head - the beginning of an arena; @nr is written when an item is whole */
struct ca_head {
	uint64_t brk, nr;
	struct ca_item item[CA_ITEMS];
};

/** struct ca_note - a store: what it changed */
struct ca_note {
	uint64_t off;
	uint32_t len;
	uint8_t bytes[128]; /* no instruction stores more */
};

/** struct ca - @mem: the arena as a process has it; @medium: in it */
struct ca {
	struct sim_store st; /* first: the store port has it */
	int fd;
	uint8_t *mem, *shadow;
	uint64_t medium;
	struct ca_note *note;
	unsigned int nr_notes, max_notes;
	uint64_t fault; /* offset of the page a store is being stepped over in */
};

/* the system call itself: a sanitizer that sees a mapping come and go, clears what it knows of it
 */
static inline void *ca_mmap_len(void *at, uint64_t len, int fd, int flags)
{
	long p = syscall(SYS_mmap, at, len, (long)(PROT_READ | PROT_WRITE),
			 (long)(flags | MAP_NORESERVE), (long)fd, 0L);

	assert_int_not_equal(p, -1);
	return (void *)p;
}

static inline void *ca_mmap(void *at, int fd, int flags)
{
	return ca_mmap_len(at, CA_SIZE, fd, flags);
}

static inline void ca_munmap(void *p)
{
	syscall(SYS_munmap, p, CA_SIZE);
}

static inline struct ca_head *ca_head(struct ca *a)
{
	return (struct ca_head *)a->mem;
}

static inline uint64_t ca_take(struct ca *a, uint64_t len)
{
	struct ca_head *h = ca_head(a);
	uint64_t off = h->brk;

	assert_true(len <= CA_SIZE - off);
	h->brk += (len + 63) & ~63ull;
	return off;
}

/* ---- the journal: records are whole or not there, as the one of store/ has them -------------- */

static inline struct ca_item *ca_find(struct ca *a, char what, uint16_t type, uint64_t key)
{
	struct ca_head *h = ca_head(a);

	for (uint64_t i = 0; i < h->nr; i++)
		if (h->item[i].what == what && h->item[i].type == type && h->item[i].key == key)
			return &h->item[i];
	return NULL;
}

static inline struct ca_item *ca_make(struct ca *a, char what, uint16_t type, uint64_t key,
				      uint64_t len)
{
	struct ca_head *h = ca_head(a);
	struct ca_item *it = &h->item[h->nr];

	assert_true(h->nr < CA_ITEMS);
	*it = (struct ca_item){ .what = what, .type = type, .key = key, .len = len };
	it->off = ca_take(a, len);
	__atomic_store_n(&h->nr, h->nr + 1, __ATOMIC_RELEASE);
	return it;
}

static inline int ca_put(void *opaque, uint16_t type, uint64_t key, uint16_t version,
			 const void *buf, uint32_t len)
{
	struct ca *a = opaque;
	struct ca_item *old = ca_find(a, 'r', type, key);
	uint64_t off = ca_take(a, len + 8);
	uint64_t head = (uint64_t)version << 32 | len;

	memcpy(a->mem + off, &head, 8);
	memcpy(a->mem + off + 8, buf, len);
	if (!old)
		old = ca_make(a, 'r', type, key, 0);
	__atomic_store_n(&old->off, off, __ATOMIC_RELEASE);
	return 0;
}

static inline int ca_get(void *opaque, uint16_t type, uint64_t key, uint16_t *version, void *buf,
			 uint32_t len)
{
	struct ca *a = opaque;
	struct ca_item *it = ca_find(a, 'r', type, key);
	uint64_t head;

	if (!it)
		return SIM_ENOENT;
	memcpy(&head, a->mem + it->off, 8);
	*version = (uint16_t)(head >> 32);
	memcpy(buf, a->mem + it->off + 8, len < (uint32_t)head ? len : (uint32_t)head);
	return (int)(uint32_t)head;
}

static inline void *ca_cell(void *opaque, uint16_t type, uint64_t key, uint32_t len)
{
	struct ca *a = opaque;
	struct ca_item *it = ca_find(a, 'c', type, key);

	return a->mem + (it ? it : ca_make(a, 'c', type, key, len))->off;
}

static inline int ca_sync(void *opaque)
{
	return 0;
}

static inline void *ca_area(void *opaque, uint16_t type, uint64_t key, uint64_t len, bool *fresh)
{
	struct ca *a = opaque;
	struct ca_item *it = ca_find(a, 'a', type, key);

	if (!fresh)
		return ca_mmap_len(NULL, len, -1, MAP_PRIVATE | MAP_ANONYMOUS);
	*fresh = !it || it->len != len;
	if (*fresh && it)
		it->type = UINT16_MAX; /* forgotten */
	return a->mem + (*fresh ? ca_make(a, 'a', type, key, len) : it)->off;
}

static inline void ca_area_free(void *opaque, uint16_t type, uint64_t key, void *mem, uint64_t len,
				bool forget)
{
	struct ca *a = opaque;
	struct ca_item *it = ca_find(a, 'a', type, key);

	if (!it || a->mem + it->off != (uint8_t *)mem)
		syscall(SYS_munmap, mem, len);
	else if (forget)
		it->type = UINT16_MAX;
}

static inline struct sim_journal_port ca_port(struct ca *a)
{
	return (struct sim_journal_port){
		.put = ca_put,
		.get = ca_get,
		.cell = ca_cell,
		.sync = ca_sync,
		.area = ca_area,
		.area_free = ca_area_free,
		.opaque = a,
	};
}

/* ---- the medium ----------------------------------------------------------------------------- */

static inline uint8_t *ca_byte(struct sim_store *st, uint64_t off)
{
	struct ca *a = (struct ca *)st;

	return a->mem + a->medium + off;
}

static inline int ca_map(struct sim_store *st, uint64_t off, size_t len, bool write, void **ptr)
{
	*ptr = ca_byte(st, off);
	return 0;
}

static inline int ca_read(struct sim_store *st, uint64_t off, void *buf, size_t len)
{
	memcpy(buf, ca_byte(st, off), len);
	return 0;
}

static inline int ca_write(struct sim_store *st, uint64_t off, const void *buf, size_t len)
{
	memcpy(ca_byte(st, off), buf, len);
	return 0;
}

static inline int ca_zero(struct sim_store *st, uint64_t off, uint64_t len, bool unmap)
{
	memset(ca_byte(st, off), 0, len);
	return 0;
}

static inline void ca_flush(struct sim_store *st, void (*done)(void *arg, int err), void *arg)
{
	done(arg, 0);
}

static inline int ca_check(struct sim_store *st, uint64_t off, size_t len, bool write)
{
	return 0;
}

static inline uint64_t ca_used(struct sim_store *st)
{
	return st->size;
}

static inline int ca_next_data(struct sim_store *st, uint64_t off, uint64_t *start, uint64_t *end)
{
	if (off >= st->size)
		return SIM_ENOENT;
	*start = off;
	*end = st->size;
	return 0;
}

static const struct sim_store_ops ca_ops = {
	.map = ca_map,
	.read = ca_read,
	.write = ca_write,
	.zero = ca_zero,
	.flush = ca_flush,
	.check = ca_check,
	.used = ca_used,
	.next_data = ca_next_data,
};

/** ca_new() - an arena with a medium of @size bytes, for the process that is to be killed */
static inline void ca_new(struct ca *a, uint64_t size)
{
	*a = (struct ca){ .st = { .ops = &ca_ops, .size = size, .solid = true, .fresh = true } };
	a->fd = memfd_create("arena", MFD_CLOEXEC);
	assert_true(a->fd >= 0);
	assert_int_equal(ftruncate(a->fd, (off_t)CA_SIZE), 0);
	a->mem = ca_mmap(NULL, a->fd, MAP_SHARED);
	ca_head(a)->brk = sizeof(struct ca_head);
	a->medium = ca_take(a, size);
}

static inline void ca_free(struct ca *a)
{
	ca_munmap(a->mem);
	if (a->shadow)
		ca_munmap(a->shadow);
	close(a->fd);
	free(a->note);
}

/* ---- tracing -------------------------------------------------------------------------------- */

static struct ca *ca_traced;

/* what has changed in the page of the fault and the next one is noted */
static inline void ca_take_note(struct ca *a)
{
	uint8_t *now = a->mem + a->fault, *was = a->shadow + a->fault;
	uint32_t first = 0, last = a->fault + CA_PAGE < CA_SIZE ? 2 * CA_PAGE : CA_PAGE;
	struct ca_note *n;

	while (first < last && now[first] == was[first])
		first++;
	while (last > first && now[last - 1] == was[last - 1])
		last--;
	if (last == first || a->nr_notes == a->max_notes)
		return;
	n = &a->note[a->nr_notes++];
	n->off = a->fault + first;
	n->len = last - first;
	assert_true(n->len <= sizeof(n->bytes));
	memcpy(n->bytes, now + first, n->len);
	memcpy(was + first, now + first, n->len);
}

/* "rep movsb", "rep stosb" store byte by byte: here, 64 of them at a time. Return: whether it is
 * one */
static inline bool ca_string_op(greg_t *r)
{
	const uint8_t *ip = (const uint8_t *)r[REG_RIP];
	const size_t n = r[REG_RCX] < 64 ? (size_t)r[REG_RCX] : 64;

	if (ip[0] != 0xf3 || (ip[1] != 0xa4 && ip[1] != 0xaa))
		return false;
	if (ip[1] == 0xa4) {
		memcpy((void *)r[REG_RDI], (const void *)r[REG_RSI], n);
		r[REG_RSI] += (greg_t)n;
	} else {
		memset((void *)r[REG_RDI], (int)r[REG_RAX], n);
	}
	r[REG_RDI] += (greg_t)n;
	r[REG_RCX] -= (greg_t)n;
	if (!r[REG_RCX])
		r[REG_RIP] += 2;
	return true;
}

static void ca_on_fault(int sig, siginfo_t *info, void *uc)
{
	greg_t *r = ((ucontext_t *)uc)->uc_mcontext.gregs;
	struct ca *a = ca_traced;
	uint64_t off = (uint64_t)((uint8_t *)info->si_addr - (a ? a->mem : NULL));

	if (!a || off >= CA_SIZE) { /* not ours: the fault happens again, and is the end */
		signal(SIGSEGV, SIG_DFL);
		return;
	}
	a->fault = off & ~(uint64_t)(CA_PAGE - 1);
	mprotect(a->mem, CA_SIZE, PROT_READ | PROT_WRITE);
	if (ca_string_op(r)) {
		ca_take_note(a);
		mprotect(a->mem, CA_SIZE, PROT_READ);
	} else {
		r[REG_EFL] |= CA_TRAP_FLAG;
	}
}

static void ca_on_step(int sig, siginfo_t *info, void *uc)
{
	ca_take_note(ca_traced);
	mprotect(ca_traced->mem, CA_SIZE, PROT_READ);
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)CA_TRAP_FLAG;
}

/** ca_trace() - note what is stored from here on, at most @max stores; ca_trace_end() */
static inline void ca_trace(struct ca *a, unsigned int max)
{
	struct sigaction fault = { .sa_sigaction = ca_on_fault, .sa_flags = SA_SIGINFO };
	struct sigaction step = { .sa_sigaction = ca_on_step, .sa_flags = SA_SIGINFO };

	/* the file stays as it is: stores go to pages of their own */
	a->mem = ca_mmap(a->mem, a->fd, MAP_PRIVATE | MAP_FIXED);
	a->shadow = ca_mmap(a->shadow, a->fd, MAP_PRIVATE | (a->shadow ? MAP_FIXED : 0));
	a->note = calloc(max, sizeof(*a->note));
	assert_non_null(a->note);
	a->max_notes = max;
	ca_traced = a;
	assert_int_equal(sigaction(SIGSEGV, &fault, NULL), 0);
	assert_int_equal(sigaction(SIGTRAP, &step, NULL), 0);
	mprotect(a->mem, CA_SIZE, PROT_READ);
}

static inline void ca_trace_end(struct ca *a)
{
	mprotect(a->mem, CA_SIZE, PROT_READ | PROT_WRITE);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	ca_traced = NULL;
	assert_true(a->nr_notes < a->max_notes); /* all were noted */
}

/** ca_amid() - whether the @n-th store is amid a copy of many bytes: neither its first two, nor its
 * last two; one death there is like another */
static inline bool ca_amid(const struct ca *a, unsigned int n)
{
	for (unsigned int i = n < 2 ? 0 : n - 2; i < n + 2; i++)
		if (n < 2 || i + 1 >= a->nr_notes ||
		    a->note[i + 1].off != a->note[i].off + a->note[i].len)
			return false;
	return true;
}

/** ca_counts() - whether the store before the @n-th was to a cell: counters, which no zone looks at
 */
static inline bool ca_counts(struct ca *a, unsigned int n)
{
	const struct ca_head *h = ca_head(a);

	for (uint64_t i = 0; n && i < h->nr; i++)
		if (h->item[i].what == 'c' && a->note[n - 1].off >= h->item[i].off &&
		    a->note[n - 1].off + a->note[n - 1].len <= h->item[i].off + h->item[i].len)
			return true;
	return false;
}

/** ca_left() - what is left when the process is killed after @n of the stores; ca_left_free() */
static inline void ca_left(struct ca *a, unsigned int n, struct ca *left)
{
	*left = (struct ca){ .st = { .ops = &ca_ops, .size = a->st.size, .solid = true },
			     .fd = -1,
			     .medium = a->medium };
	left->mem = ca_mmap(NULL, a->fd, MAP_PRIVATE);
	for (unsigned int i = 0; i < n; i++)
		memcpy(left->mem + a->note[i].off, a->note[i].bytes, a->note[i].len);
}

static inline void ca_left_free(struct ca *left)
{
	ca_munmap(left->mem);
}

#endif /* TESTS_CRASH_ARENA_H */
