/* SPDX-License-Identifier: MIT */
/*
 * smart.c - what the SMART / Health Information log page reports (NVMe Base 2.1, section
 * 5.1.12.1.3), and the counters behind it, which live in a journal cell and so survive.
 */
#include <string.h>

#include "../pci/pci.h"
#include "../persist/persist.h"
#include "tables.h"

#define NS_PER_MIN 60000000000ull
#define NS_PER_HOUR (60 * NS_PER_MIN)
#define SECTORS_PER_UNIT 1000 /* a data unit is a thousand 512-byte units, rounded up */
#define SPARE_THRESHOLD 10    /* percent */

/* critical warnings (figure 206, byte 0) and the event each one is reported with */
enum {
	WARN_SPARE = 1 << 0,
	WARN_TEMP = 1 << 1,
	WARN_PMR = 1 << 5,
	WARN_ANY = 0x1f, /* of every controller */
};
static const struct {
	uint8_t warning;
	uint8_t info; /* Asynchronous Event Information, SMART / Health Status */
} warn_rows[] = {
	{ 0x3c, 0x00 }, /* reliability degraded, read only, backup failed, PMR unreliable */
	{ WARN_TEMP, 0x01 },
	{ WARN_SPARE, 0x02 },
};

/* moves the time since the last call into the counter, so that a killed process loses little */
static void smart_account_time(struct sim_ctrl *c)
{
	uint64_t now = sim_now(c), last = atomic_exchange(&c->power_on_ns, now);

	if (now > last)
		atomic_fetch_add(&c->cnt->on_ns, now - last);
}

/**
 * sim_smart_init() - find the counters; this is a power cycle
 * Power was lost without a shutdown when the counters say that the controller was enabled.
 * Return: 0.
 */
int sim_smart_init(struct sim_ctrl *c)
{
	struct sim_journal_port *j = &c->subsys->journal;
	void *cell = NULL;

	if (j->cell)
		cell = j->cell(j->opaque, SIM_REC_SMART, c->cntlid, sizeof(*c->cnt));
	c->cnt = cell ? cell : &c->cnt_mem;
	atomic_store(&c->power_on_ns, sim_now(c));
	if (atomic_exchange(&c->cnt->dirty, 0))
		atomic_fetch_add(&c->cnt->unsafe_shutdowns, 1);
	atomic_fetch_add(&c->cnt->power_cycles, 1);
	if (cell)
		sim_arm(c->subsys, atomic_load(&c->power_on_ns) + NS_PER_MIN);
	return 0;
}

void sim_smart_power_on(struct sim_ctrl *c)
{
	atomic_store(&c->cnt->dirty, 1);
}

void sim_smart_shutdown(struct sim_ctrl *c)
{
	struct sim_journal_port *j = &c->subsys->journal;

	smart_account_time(c);
	atomic_store(&c->cnt->dirty, 0);
	/* there is nobody to tell of a failed sync: the counters survive the process anyway */
	if (j->sync)
		j->sync(j->opaque);
}

void sim_smart_power_off(struct sim_ctrl *c)
{
	smart_account_time(c);
}

/**
 * sim_smart_run() - once a minute, account the power-on time, if there is a cell to keep it
 * @now: the clock, ns
 * Return: the next deadline, or UINT64_MAX.
 */
uint64_t sim_smart_run(struct sim_ctrl *c, uint64_t now)
{
	if (c->cnt == &c->cnt_mem)
		return UINT64_MAX;
	if (now >= atomic_load(&c->power_on_ns) + NS_PER_MIN)
		smart_account_time(c);
	return atomic_load(&c->power_on_ns) + NS_PER_MIN;
}

static uint8_t smart_warnings(const struct sim_ctrl *c)
{
	uint8_t warn = c->smart_inject;

	/* section 5.1.25.1.3: at or above the over, at or below the under temperature threshold */
	if (SIM_TEMP_K >= c->feat.temp_over[0] || SIM_TEMP_K <= c->feat.temp_under[0])
		warn |= WARN_TEMP;
	if (c->pmr.unreliable)
		warn |= WARN_PMR;
	return warn;
}

/**
 * sim_smart_check() - report critical warnings that are new
 * A warning the host did not enable (feature 0Bh) counts as new until it did. The subsystem's
 * reader or writer side is held, and calls for one controller do not overlap.
 */
void sim_smart_check(struct sim_ctrl *c)
{
	uint8_t warn = smart_warnings(c);
	uint8_t fresh = warn & ~c->smart_warned & (uint8_t)c->feat.async_event;

	c->smart_warned = (c->smart_warned & warn) | fresh;
	for (size_t i = 0; i < sizeof(warn_rows) / sizeof(warn_rows[0]); i++)
		if (fresh & warn_rows[i].warning)
			sim_aer_event(c, NVME_AER_SMART, warn_rows[i].info, NVME_LOG_LID_SMART);
}

int sim_smart_warn(struct sim_fn *fn, uint8_t warning)
{
	struct sim_ctrl *c = fn->ctrl;

	if (warning & ~(WARN_ANY | (c->pmr.m.mem ? WARN_PMR : 0)))
		return SIM_EINVAL;
	sim_write_lock(&c->subsys->lock);
	c->smart_inject = warning;
	sim_smart_check(c);
	sim_write_unlock(&c->subsys->lock);
	sim_irq_flush(c);
	return 0;
}

uint8_t sim_smart_warned(struct sim_fn *fn)
{
	return fn->ctrl->smart_inject;
}

/* 128-bit little endian fields: the upper half is beyond any counter here */
static void put128(uint8_t field[16], uint64_t v)
{
	v = sim_le64(v);
	memcpy(field, &v, sizeof(v));
}

struct sim_io_total sim_io_total(const struct sim_counters *n)
{
	struct sim_io_total t = { atomic_load(&n->before[0]), atomic_load(&n->before[1]),
				  atomic_load(&n->before[2]), atomic_load(&n->before[3]) };

	for (unsigned int i = 0; i < SIM_IO_STRIPES; i++) {
		t.sectors_read += atomic_load(&n->io[i].sectors_read);
		t.sectors_written += atomic_load(&n->io[i].sectors_written);
		t.reads += atomic_load(&n->io[i].reads);
		t.writes += atomic_load(&n->io[i].writes);
	}
	return t;
}

static uint64_t data_units(uint64_t sectors)
{
	return sectors / SECTORS_PER_UNIT + (sectors % SECTORS_PER_UNIT != 0);
}

/**
 * sim_smart_fill() - fill the zeroed page (NVMe Base 2.1, figure 206)
 */
void sim_smart_fill(struct sim_ctrl *c, struct nvme_smart_log *s)
{
	struct sim_counters *n = c->cnt;
	const struct sim_io_total io = sim_io_total(n);
	uint64_t warn_min = atomic_load(&n->warn_temp_min);
	uint64_t crit_min = atomic_load(&n->crit_temp_min);

	smart_account_time(c);
	s->critical_warning = smart_warnings(c);
	s->temperature[0] = SIM_TEMP_K & 0xff;
	s->temperature[1] = SIM_TEMP_K >> 8;
	/* spare blocks are a matter of the medium: one without any wear has all of them */
	s->avail_spare = s->critical_warning & WARN_SPARE ? SPARE_THRESHOLD - 1 : 100;
	s->spare_thresh = SPARE_THRESHOLD;
	put128(s->data_units_read, data_units(io.sectors_read));
	put128(s->data_units_written, data_units(io.sectors_written));
	put128(s->host_reads, io.reads);
	put128(s->host_writes, io.writes);
	put128(s->ctrl_busy_time, atomic_load(&n->busy_ns) / NS_PER_MIN);
	put128(s->power_cycles, atomic_load(&n->power_cycles));
	put128(s->power_on_hours, atomic_load(&n->on_ns) / NS_PER_HOUR);
	put128(s->unsafe_shutdowns, atomic_load(&n->unsafe_shutdowns));
	put128(s->media_errors, atomic_load(&n->media_errors));
	put128(s->num_err_log_entries, atomic_load(&n->error_entries));
	s->warning_temp_time = sim_le32(warn_min > UINT32_MAX ? UINT32_MAX : (uint32_t)warn_min);
	s->critical_comp_time = sim_le32(crit_min > UINT32_MAX ? UINT32_MAX : (uint32_t)crit_min);
}
