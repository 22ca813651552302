/* SPDX-License-Identifier: MIT */
/*
 * area.c - memory that survives the process: sparse files, mapped, one an area.
 *
 * A page of a hole that is touched while the disk is full would be a signal, so whoever writes to
 * an area has room reserved first.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "area.h"
#include "store.h"

#define PAGE 4096u

/** struct area - @fd of the file that @mem is @len bytes of; -1: of none, it need not survive */
struct area {
	struct area *next;
	int fd;
	void *mem;
	uint64_t len;
	char name[];
};

void areas_init(struct areas *a)
{
	*a = (struct areas){ .dirfd = -1 };
	pthread_mutex_init(&a->lock, NULL);
}

static void close_area(struct area *one)
{
	if (one->mem)
		munmap(one->mem, (size_t)one->len);
	if (one->fd >= 0)
		close(one->fd);
	free(one);
}

void areas_free(struct areas *a)
{
	while (a->list) {
		struct area *one = a->list;

		a->list = one->next;
		close_area(one);
	}
	pthread_mutex_destroy(&a->lock);
}

int areas_sync(struct areas *a)
{
	int ret = 0;

	pthread_mutex_lock(&a->lock);
	for (struct area *one = a->list; one; one = one->next)
		if (one->fd >= 0 && fdatasync(one->fd))
			ret = SIM_EIO;
	pthread_mutex_unlock(&a->lock);
	return ret;
}

/* the file as it is, or, of another length, made anew: what it held describes something else */
static int size_file(int fd, uint64_t len, bool *fresh)
{
	struct stat sb;

	if (fstat(fd, &sb))
		return -1;
	*fresh = (uint64_t)sb.st_size != len;
	return *fresh && (ftruncate(fd, 0) || ftruncate(fd, (off_t)len)) ? -1 : 0;
}

static struct area *open_area(struct areas *a, uint16_t type, uint64_t key, uint64_t len,
			      bool *fresh)
{
	int n = snprintf(NULL, 0, "%s.area-%u-%" PRIu64, a->stem, type, key);
	struct area *one = n < 0 ? NULL : calloc(1, sizeof(*one) + (size_t)n + 1);
	void *p;

	if (!one)
		return NULL;
	snprintf(one->name, (size_t)n + 1, "%s.area-%u-%" PRIu64, a->stem, type, key);
	one->len = len;
	one->fd = openat(a->dirfd, one->name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (one->fd < 0 || size_file(one->fd, len, fresh))
		goto fail;
	p = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, one->fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	one->mem = p;
	return one;
fail:
	close_area(one);
	return NULL;
}

/* addresses; memory once it is touched */
static void *map_anon(uint64_t len)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *p = MAP_FAILED;

	if (len && len <= SIZE_MAX)
		p = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* one bit would cost a huge page; not all kernels know the advice, and none must */
	madvise(p, (size_t)len, MADV_NOHUGEPAGE);
	return p;
}

static struct area *anon(uint64_t len)
{
	struct area *one = calloc(1, sizeof(*one) + 1);

	if (!one)
		return NULL;
	one->fd = -1;
	one->len = len;
	one->mem = map_anon(len);
	if (one->mem)
		return one;
	free(one);
	return NULL;
}

void *area_get(struct areas *a, uint16_t type, uint64_t key, uint64_t len, bool *fresh)
{
	struct area *one;

	if (!len || len > INT64_MAX - PAGE || len > SIZE_MAX)
		return NULL;
	len = (len + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	one = fresh ? open_area(a, type, key, len, fresh) : anon(len);
	if (!one)
		return NULL;
	pthread_mutex_lock(&a->lock);
	one->next = a->list;
	a->list = one;
	pthread_mutex_unlock(&a->lock);
	return one->mem;
}

void area_put(struct areas *a, void *mem, bool forget)
{
	struct area **p, *one;

	pthread_mutex_lock(&a->lock);
	for (p = &a->list; *p && (*p)->mem != mem; p = &(*p)->next)
		;
	one = *p;
	if (one)
		*p = one->next;
	pthread_mutex_unlock(&a->lock);
	if (!one)
		return;
	if (forget && one->fd >= 0)
		unlinkat(a->dirfd, one->name, 0);
	close_area(one);
}

#define NO_AREA (-2)

/* Return: a descriptor, -1: of none, or %NO_AREA */
static int file_of(struct areas *a, const void *mem)
{
	int fd = NO_AREA;

	pthread_mutex_lock(&a->lock);
	for (struct area *one = a->list; one && fd == NO_AREA; one = one->next)
		if (one->mem == mem)
			fd = one->fd;
	pthread_mutex_unlock(&a->lock);
	return fd;
}

/* where a file system has no way to reserve: what is there is written over itself */
static int rewrite(int fd, uint64_t off, uint64_t end)
{
	char page[PAGE];
	int ret = 0;

	for (; off < end && !ret; off += PAGE) {
		ret = store_pread_all(fd, page, PAGE, off);
		if (!ret)
			ret = store_pwrite_all(fd, page, PAGE, off);
	}
	return ret;
}

int area_reserve(struct areas *a, void *mem, uint64_t off, uint64_t len)
{
	uint64_t from = off & ~(uint64_t)(PAGE - 1);
	uint64_t end = (off + len + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	int fd = file_of(a, mem), ret;

	if (fd < 0)
		return SIM_EINVAL;
	do
		ret = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(end - from));
	while (ret && errno == EINTR);
	if (!ret)
		return 0;
	return errno == EOPNOTSUPP || errno == ENOSYS ? rewrite(fd, from, end) : store_err(errno);
}

/* the whole pages in [*@off, *@off + @len). Return: their bytes */
static uint64_t whole_pages(uint64_t *off, uint64_t len)
{
	const uint64_t from = (*off + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	const uint64_t end = (*off + len) & ~(uint64_t)(PAGE - 1);

	*off = from;
	return end > from ? end - from : 0;
}

static void punch_anon(void *mem, uint64_t off, uint64_t len)
{
	len = whole_pages(&off, len);
	if (len)
		madvise((char *)mem + off, (size_t)len, MADV_DONTNEED);
}

void area_punch(struct areas *a, void *mem, uint64_t off, uint64_t len)
{
	const int fd = file_of(a, mem);
	int ret;

	if (fd == -1)
		punch_anon(mem, off, len);
	if (fd < 0)
		return;
	len = whole_pages(&off, len);
	do
		ret = len ? fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
				      (off_t)len)
			  : 0;
	while (ret && errno == EINTR);
}

uint64_t area_boot(void)
{
	uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a */
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char id[64];
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, id, sizeof(id));
		close(fd);
	}
	for (ssize_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)id[i]) * 0x100000001b3ull;
	return n > 0 ? hash | 1 : 0;
}

/* ---- where nothing survives --------------------------------------------------------------- */

static void *anon_area(void *opaque, uint16_t type, uint64_t key, uint64_t len, bool *fresh)
{
	(void)opaque, (void)type, (void)key;
	if (fresh)
		*fresh = true;
	return map_anon(len);
}

static void anon_area_free(void *opaque, uint16_t type, uint64_t key, void *mem, uint64_t len,
			   bool forget)
{
	(void)opaque, (void)type, (void)key, (void)forget;
	munmap(mem, (size_t)len);
}

static void anon_area_punch(void *opaque, void *mem, uint64_t off, uint64_t len)
{
	(void)opaque;
	punch_anon(mem, off, len);
}

void store_anon_areas(struct sim_journal_port *port)
{
	port->area_punch = anon_area_punch;
	port->area = anon_area;
	port->area_free = anon_area_free;
}
