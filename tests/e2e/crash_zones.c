/* SPDX-License-Identifier: MIT */
/*
 * crash_zones.c - a load of crash.h: clients that append, write, finish, reset, describe, open and
 * close zones
 *
 * Three threads have four zones each to themselves, and know what is in them; into four more all
 * of them append. A slot is what one command writes. An answer that never came leaves a choice:
 * the command had its effect, wholly, or not at all. Behind the write pointer there are zeroes.
 *
 * The first thread also gives zones a Zone Random Write Area, writes slots of it over and over, and
 * flushes it. The area is gone after a crash, what was acknowledged in it is not; a slot that was
 * being written again may be torn.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nvme_ioctl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "crash.h"

#define NODE	   "/dev/nvmesim0n1"
#define ZONES	   16u
#define ZSZE	   0x800u
#define ZCAP	   0x600u
#define MAX_ACTIVE 12u
#define LBS	   512u
#define SLOT	   8u /* blocks */
#define SLOTS	   (ZCAP / SLOT)
#define AREA	   16u	       /* slots of a random write area */
#define READ	   (SLOTS / 2) /* slots that one command reads: less than MDTS */
#define EXT	   64u	       /* bytes of a descriptor extension */
#define THREADS	   3u
#define OWN	   4u
#define SHARED	   (THREADS * OWN) /* the first of those for all */
#define TORN	   UINT32_MAX	   /* instead of a stamp: nobody knows what the slot holds */

enum { OP_WRITE = 0x01, OP_READ = 0x02, OP_SEND = 0x79, OP_RECV = 0x7a, OP_APPEND = 0x7d };
enum { EMPTY = 0x1, CLOSED = 0x4, FULL = 0xe };
enum { ZFC_FZR_RZR_ZRWAV = 0xf, ZDEV = 0x80 };
enum { SC_TOO_MANY_ACTIVE = 0x1bd, SC_TOO_MANY_OPEN, SC_TRANSITION, SC_FULL = 0x1b9 };

/* what a thread has issued: zone send actions by their number */
enum {
	NOTHING,
	CLOSE,
	FINISH,
	OPEN,
	RESET,
	DESCRIBE = 0x10,
	FLUSH,
	APPEND = 0x100,
	WRITE,
	RANDOM, /* a write in a random write area */
	OPEN_AREA = OPEN | 1 << 9,
};

/** struct zone - what was acknowledged
 * @stamp: of each slot; 0: nothing; @ext: the stamp of its descriptor extension, or 0
 * @touched: it may be Closed with nothing in it; @wp: slots before the write pointer, at least
 * @area: it has a random write area; @random: it had one, and may have slots that nobody wrote */
struct zone {
	volatile uint32_t stamp[SLOTS];
	volatile uint32_t ext, full, touched, wp, area, random;
};

/** struct issue - a command without an answer */
struct issue {
	volatile uint32_t op, zone, stamp, slot;
};

struct notes {
	struct crash_notes head;
	struct zone zone[ZONES];
	struct issue issue[THREADS];
	volatile uint32_t last_stamp;
};

_Static_assert(sizeof(struct notes) <= CRASH_NOTES, "crash.h");

/** struct descriptor - ZNS command set 1.1, figure 36, with its extension */
struct descriptor {
	uint8_t zt, zs, za, zai, rsvd[4]; /* the state is in zs 7:4 */
	uint64_t zcap, zslba, wp;
	uint8_t rsvd32[32];
	uint32_t ext[EXT / 4];
};

struct report {
	uint64_t nr_zones;
	uint8_t rsvd[56];
	struct descriptor zone[ZONES];
};

static int fd;

static void fill(void *to, uint32_t stamp, size_t bytes)
{
	uint32_t *word = to;

	for (uint32_t w = 0; w < bytes / 4; w++)
		word[w] = stamp * 2654435761u + w;
	word[0] = stamp;
}

static bool holds(const void *from, uint32_t stamp, size_t bytes)
{
	static _Thread_local uint32_t want[SLOT * LBS / 4];

	fill(want, stamp, bytes);
	return !memcmp(from, want, bytes);
}

static long io(struct nvme_passthru_cmd64 *cmd)
{
	long ret;

	cmd->nsid = 1;
	ret = ioctl(fd, NVME_IOCTL_IO64_CMD, cmd);
	return ret > 0 ? ret & 0x7ff : ret;
}

static long send_action(uint32_t zone, uint32_t block, uint32_t action, void *ext)
{
	struct nvme_passthru_cmd64 cmd = {
		.opcode = OP_SEND,
		.addr = (uintptr_t)ext,
		.data_len = ext ? EXT : 0,
		.cdw10 = zone * ZSZE + block,
		.cdw13 = action,
	};

	return io(&cmd);
}

/* ---- what is there --------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static int wrong(uint32_t zone, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "crash: zone %u: ", zone);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return 1;
}

static unsigned int state(const struct descriptor *d)
{
	return d->zs >> 4;
}

static bool in_flight(const struct notes *n, uint32_t zone, uint32_t op)
{
	for (unsigned int t = 0; t < THREADS; t++)
		if (n->issue[t].op == op && n->issue[t].zone == zone)
			return true;
	return false;
}

static bool writes(const struct issue *i, uint32_t zone)
{
	return i->zone == zone && (i->op == APPEND || i->op == WRITE || i->op == RANDOM);
}

/* a slot that was being written in place */
static bool being_written(const struct notes *n, uint32_t zone, uint32_t slot)
{
	for (unsigned int t = 0; t < THREADS; t++)
		if (n->issue[t].op == RANDOM && n->issue[t].zone == zone &&
		    n->issue[t].slot == slot)
			return true;
	return false;
}

static uint32_t used(const struct zone *z)
{
	uint32_t n = SLOTS;

	while (n && !z->stamp[n - 1])
		n--;
	return n;
}

static void forget(struct zone *z)
{
	memset((void *)z, 0, sizeof(*z));
}

/* what is in a slot: what was acknowledged, or, of a command in flight, the whole. Return: the
 * stamp, 0: nothing of that */
static uint32_t who_wrote(const struct notes *n, uint32_t zone, uint32_t i, const uint8_t *slot)
{
	static const uint8_t nothing[SLOT * LBS];
	const struct zone *z = &n->zone[zone];

	if (z->stamp[i] == TORN || (z->stamp[i] && holds(slot, z->stamp[i], SLOT * LBS)))
		return z->stamp[i];
	for (unsigned int t = 0; t < THREADS; t++)
		if (writes(&n->issue[t], zone) && (!z->stamp[i] || being_written(n, zone, i)) &&
		    holds(slot, n->issue[t].stamp, SLOT * LBS))
			return n->issue[t].stamp;
	if (being_written(n, zone, i) ||
	    (z->random && !z->stamp[i] && !memcmp(slot, nothing, sizeof(nothing))))
		return TORN;
	return 0;
}

static int read_zone(uint32_t zone, uint8_t *data)
{
	for (uint32_t i = 0; i < SLOTS; i += READ) {
		struct nvme_passthru_cmd64 cmd = {
			.opcode = OP_READ,
			.addr = (uintptr_t)(data + i * SLOT * LBS),
			.data_len = READ * SLOT * LBS,
			.cdw10 = zone * ZSZE + i * SLOT,
			.cdw12 = READ * SLOT - 1,
		};
		long ret = io(&cmd);

		if (ret)
			return wrong(zone, "Read gives %ld", ret);
	}
	return 0;
}

static int check_data(struct notes *n, uint32_t zone, uint32_t slots)
{
	static const uint8_t nothing[SLOT * LBS];
	static uint8_t data[ZCAP * LBS];
	struct zone *z = &n->zone[zone];

	if (read_zone(zone, data))
		return 1;
	for (uint32_t i = 0; i < SLOTS; i++) {
		const uint8_t *slot = data + i * SLOT * LBS;
		uint32_t seen;

		memcpy(&seen, slot, sizeof(seen));
		n->head.nr_checked += i < slots;
		if (i < slots && !who_wrote(n, zone, i, slot))
			return wrong(zone, "slot %u: acknowledged is %x, there is %x", i,
				     z->stamp[i], seen);
		if (i < slots)
			z->stamp[i] = who_wrote(n, zone, i, slot);
		if (i >= slots && memcmp(slot, nothing, sizeof(nothing)))
			return wrong(zone, "slot %u, behind the write pointer, has %x", i, seen);
	}
	return 0;
}

static int check_ext(struct notes *n, uint32_t zone, const struct descriptor *d)
{
	struct zone *z = &n->zone[zone];

	if (!(d->za & ZDEV))
		return z->ext ? wrong(zone, "its descriptor extension is gone") : 0;
	for (unsigned int t = 0; t < THREADS; t++)
		if (n->issue[t].op == DESCRIBE && n->issue[t].zone == zone &&
		    holds(d->ext, n->issue[t].stamp, EXT))
			z->ext = n->issue[t].stamp;
	if (!z->ext || !holds(d->ext, z->ext, EXT))
		return wrong(zone, "its descriptor extension is %x, acknowledged is %x", d->ext[0],
			     z->ext);
	return 0;
}

/* Return: how many slots are behind the write pointer of a zone that has one, or -1: impossible */
static int check_state(struct notes *n, uint32_t zone, const struct descriptor *d)
{
	struct zone *z = &n->zone[zone];
	uint32_t top = used(z), open = 0, holes = 0, slots;
	bool touched = z->touched || in_flight(n, zone, OPEN) || in_flight(n, zone, OPEN_AREA);

	top = top > z->wp ? top : z->wp;
	for (unsigned int t = 0; t < THREADS; t++) {
		const struct issue *i = &n->issue[t];

		open += writes(i, zone);
		/* what is in flight may be there already: nobody else's zone */
		if (((i->zone == zone && i->op == FLUSH) || writes(i, zone)) && top <= i->slot)
			holes = i->slot + 1 - top;
	}
	if (state(d) == FULL) {
		slots = z->full || in_flight(n, zone, FINISH) ? top : SLOTS;
	} else {
		slots = (uint32_t)((d->wp - d->zslba) / SLOT);
		if (d->wp < d->zslba || (d->wp - d->zslba) % SLOT || slots >= SLOTS)
			return wrong(zone, "its write pointer is 0x%" PRIx64, d->wp), -1;
		if (z->full)
			return wrong(zone, "it was Full, and is in state %x", state(d)), -1;
	}
	if (z->random && state(d) != FULL && slots > top + holes)
		return wrong(zone, "the write pointer is at %u, nobody went beyond %u", slots,
			     top + holes),
		       -1;
	holes = 0;
	for (uint32_t i = 0; i < slots && !z->random; i++)
		holes += !z->stamp[i];
	if (slots < top)
		return wrong(zone, "%u slots were acknowledged, the write pointer is at %u", top,
			     slots),
		       -1;
	if (holes > open)
		return wrong(zone, "%u slots that nobody wrote are below the write pointer", holes),
		       -1;
	if (state(d) == EMPTY ? slots || d->za & ZDEV
			      : state(d) != FULL && (state(d) != CLOSED ||
						     !(slots || d->za & ZDEV || touched || open)))
		return wrong(zone, "it is in state %x, with %u slots, attributes %x", state(d),
			     slots, d->za),
		       -1;
	return (int)slots;
}

static int check_zone(struct notes *n, uint32_t zone, const struct descriptor *d)
{
	struct zone *z = &n->zone[zone];
	int slots;

	if (d->zt != 2 || d->zslba != zone * ZSZE || d->zcap != ZCAP || d->za & ZFC_FZR_RZR_ZRWAV ||
	    d->zs & 0xf)
		return wrong(zone, "that is no descriptor of it");
	if (in_flight(n, zone, RESET) && state(d) == EMPTY && !(d->za & ZDEV))
		forget(z);
	z->random |= in_flight(n, zone, OPEN_AREA);
	slots = check_state(n, zone, d);
	if (slots < 0 || check_data(n, zone, (uint32_t)slots) || check_ext(n, zone, d))
		return 1;
	z->full = state(d) == FULL;
	z->touched = state(d) == CLOSED;
	z->wp = (uint32_t)slots;
	z->area = 0;
	if (zone >= SHARED && z->full) {
		long ret = send_action(zone, 0, RESET, NULL);

		if (ret)
			return wrong(zone, "Reset gives %ld", ret);
		forget(z);
	}
	return 0;
}

static int check(struct notes *n)
{
	static struct report report;
	struct nvme_passthru_cmd64 cmd = {
		.opcode = OP_RECV,
		.addr = (uintptr_t)&report,
		.data_len = sizeof(report),
		.cdw12 = sizeof(report) / 4 - 1,
		.cdw13 = 1, /* extended, all states */
	};
	long ret = io(&cmd);
	uint32_t active = 0;

	if (ret || report.nr_zones != ZONES) {
		fprintf(stderr, "crash: the report gives %ld, %" PRIu64 " zones\n", ret,
			report.nr_zones);
		return 1;
	}
	for (uint32_t i = 0; i < ZONES; i++) {
		active += state(&report.zone[i]) == CLOSED;
		if (check_zone(n, i, &report.zone[i]))
			return 1;
	}
	if (active > MAX_ACTIVE) {
		fprintf(stderr, "crash: %u zones are active\n", active);
		return 1;
	}
	for (unsigned int t = 0; t < THREADS; t++) {
		n->head.nr_open += n->issue[t].op != NOTHING;
		n->issue[t].op = NOTHING;
	}
	return 0;
}

/* ---- the load: until a call fails because the daemon is gone -------------------------------- */

/** struct worker - a thread
 * @last: the slot its last append into a zone came to, and one */
struct worker {
	struct notes *n;
	pthread_t thread;
	unsigned int id;
	uint64_t rng;
	uint32_t last[ZONES];
	uint8_t *data;
	int ret;
};

static uint32_t below(struct worker *w, uint32_t n)
{
	w->rng ^= w->rng << 13;
	w->rng ^= w->rng >> 7;
	w->rng ^= w->rng << 17;
	return (uint32_t)(w->rng >> 20) % n;
}

/* it was not carried out, and may have been refused so */
static bool refused(uint32_t op, long ret)
{
	return ret == SC_TOO_MANY_ACTIVE || ret == SC_TOO_MANY_OPEN ||
	       (ret == SC_TRANSITION && (op == OPEN || op == CLOSE)) ||
	       (ret == SC_FULL && op == APPEND);
}

/* a write in place moves the write pointer as far as the area does not reach */
static void wrote(struct worker *w, struct zone *z, uint32_t op, uint32_t zone, uint32_t slot,
		  uint32_t stamp)
{
	z->stamp[slot] = stamp;
	z->touched = 1;
	if (op == RANDOM) {
		if (slot + 1 > z->wp + AREA)
			z->wp = slot + 1 - AREA;
		return;
	}
	w->last[zone] = slot + 1;
	if (zone < SHARED)
		z->wp = slot + 1;
}

/* Return: 0, a status, or what an ioctl returns that failed */
static long write_slot(struct worker *w, uint32_t op, uint32_t zone, uint32_t stamp, uint32_t slot)
{
	struct zone *z = &w->n->zone[zone];
	struct nvme_passthru_cmd64 cmd = {
		.opcode = op == APPEND ? OP_APPEND : OP_WRITE,
		.addr = (uintptr_t)w->data,
		.data_len = SLOT * LBS,
		.cdw10 = zone * ZSZE + (op == APPEND ? 0 : slot * SLOT),
		.cdw12 = SLOT - 1,
	};
	uint64_t at = slot;
	long ret;

	fill(w->data, stamp, SLOT * LBS);
	ret = io(&cmd);
	if (ret)
		return ret;
	if (op == APPEND)
		at = (cmd.result - zone * ZSZE) / SLOT;
	if (at >= SLOTS || (op != RANDOM && (z->stamp[at] || at < w->last[zone]))) {
		wrong(zone, "an append after slot %u came to slot %" PRIu64, w->last[zone], at);
		return 1;
	}
	wrote(w, z, op, zone, (uint32_t)at, stamp);
	return 0;
}

static long act(struct worker *w, uint32_t op, uint32_t zone, uint32_t stamp, uint32_t slot)
{
	struct zone *z = &w->n->zone[zone];
	long ret;

	fill(w->data, stamp, EXT);
	ret = send_action(zone, op == FLUSH ? (slot + 1) * SLOT - 1 : 0, op,
			  op == DESCRIBE ? w->data : NULL);
	if (ret)
		return ret;
	if (op == RESET) {
		forget(z);
		w->last[zone] = 0;
		return 0;
	}
	z->touched = 1;
	if (op == DESCRIBE)
		z->ext = stamp;
	if (op == FLUSH)
		z->wp = slot + 1;
	if (op == FINISH || z->wp == SLOTS)
		z->full = 1;
	z->area = !z->full && (z->area || op == OPEN_AREA);
	z->random |= z->area;
	return 0;
}

/* what comes next in a zone with a random write area */
static uint32_t pick_random(struct worker *w)
{
	uint32_t n = below(w, 100);

	return n < 65	? RANDOM
	       : n < 85 ? FLUSH
	       : n < 88 ? FINISH
	       : n < 90 ? RESET
	       : n < 95 ? OPEN
			: CLOSE;
}

/* what comes next in one of its own zones, which it knows */
static uint32_t pick(struct worker *w, const struct zone *z)
{
	bool untouched = !z->wp && !z->ext && !z->touched;
	uint32_t n = below(w, 100);

	if (z->full || z->wp == SLOTS)
		return RESET;
	if (z->area)
		return pick_random(w);
	if (untouched && !w->id && n < 50)
		return OPEN_AREA;
	if (n < 35)
		return APPEND;
	if (n < 70)
		return WRITE;
	if (n < 74)
		return FINISH;
	if (n < 80)
		return RESET;
	if (n < 88 && untouched)
		return DESCRIBE;
	return n < 94 ? OPEN : CLOSE;
}

/* a slot in reach of @op */
static uint32_t pick_slot(struct worker *w, const struct zone *z, uint32_t op)
{
	uint32_t slot = z->wp;

	if (op == RANDOM)
		slot += below(w, 2 * AREA);
	if (op == FLUSH)
		slot += below(w, AREA);
	return slot < SLOTS ? slot : SLOTS - 1;
}

static long load_once(struct worker *w)
{
	struct issue *i = &w->n->issue[w->id];
	bool own = below(w, 5) < 3;
	uint32_t zone = own ? w->id * OWN + below(w, OWN) : SHARED + below(w, ZONES - SHARED);
	uint32_t op = own ? pick(w, &w->n->zone[zone]) : APPEND;
	long ret;

	i->zone = zone;
	i->slot = pick_slot(w, &w->n->zone[zone], op);
	i->stamp = __atomic_add_fetch(&w->n->last_stamp, 1, __ATOMIC_RELAXED);
	i->op = op;
	if (op == APPEND || op == WRITE || op == RANDOM)
		ret = write_slot(w, op, zone, i->stamp, i->slot);
	else
		ret = act(w, op, zone, i->stamp, i->slot);
	if (ret > 0 && !refused(op, ret)) {
		fprintf(stderr, "crash: zone %u: %x gives status %lx\n", zone, op, ret);
		return ret;
	}
	if (ret < 0)
		return ret;
	if (!ret)
		__atomic_add_fetch(&w->n->head.nr_acked, 1, __ATOMIC_RELAXED);
	i->op = NOTHING;
	return 0;
}

static void *load(void *arg)
{
	struct worker *w = arg;
	long ret;

	do
		ret = load_once(w);
	while (!ret);
	w->ret = ret > 0;
	return NULL;
}

int crash_zones(struct crash_notes *head, bool only_check)
{
	static struct worker worker[THREADS];
	struct notes *n = (struct notes *)head;
	int ret = 0;

	fd = open(NODE, O_RDWR);
	if (fd < 0) {
		fprintf(stderr, "crash: " NODE ": %s\n", strerror(errno));
		return 1;
	}
	if (check(n))
		return 1;
	if (only_check)
		return 0;
	n->head.loading = 1;
	for (unsigned int t = 0; t < THREADS; t++) {
		struct worker *w = &worker[t];

		w->n = n;
		w->id = t;
		w->rng = (crash_below(UINT32_MAX) + 1ull) * 0x9e3779b97f4a7c15ull | 1;
		w->data = aligned_alloc(4096, SLOT * LBS);
		if (!w->data || pthread_create(&w->thread, NULL, load, w))
			return 1;
	}
	for (unsigned int t = 0; t < THREADS; t++) {
		pthread_join(worker[t].thread, NULL);
		ret |= worker[t].ret;
	}
	return ret;
}
