/* SPDX-License-Identifier: MIT */
/*
 * fdp.c - what Flexible Data Placement is for: two streams of different lifetime through one
 * reclaim unit handle, and through a handle each. bench-fdp [--json] [--svg FILE] [--quick]
 *
 * The streams are those of many a database: a journal that goes round and round in a tenth of the
 * namespace, and data that goes round in the rest of it, both half of what is written. What the
 * journal writes lives a ninth as long. On one handle each reclaim unit gets some of both: it is
 * half empty soon and not quite empty for long, so that data has to be moved to make room. On two,
 * units die as a whole. The figures are the device's own (log page 22h, FDP Statistics).
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../store/store.h"
#include "bench.h"
#include "rings.h"

#define BLOCK	 4096u
#define NS_BYTES (1ull << 30)
#define RUNS	 (4ull << 20)
#define OP	 15u /* percent */
#define JOURNAL	 10u /* percent of the namespace */
#define CHUNK	 8u  /* blocks of a write */
#define SAMPLES	 100u
#define PASSES	 6u /* times the namespace's size is written */

struct run {
	const char *name;
	bool apart;
	uint64_t hbmw[SAMPLES + 1], mbmw[SAMPLES + 1], mbe; /* bytes */
};

struct rig {
	struct sim_subsys *subsys;
	struct sim_store *store;
	struct rings rings;
	uint8_t *buf, *page;
	uint64_t *list;
};

static int rig_up(struct rig *r, struct sim_msg *msg)
{
	struct sim_subsys_params sp = {
		.nqn = "nqn.2019-08.org.qemu:bench",
		.multi = true,
		.fdp = { .on = true, .runs = RUNS, .nrg = 1, .nruh = 2, .op = OP },
	};
	struct sim_ctrl_params cp = {
		.serial = "bench",
		.model = "bench",
		.firmware_version = "1.0",
		.max_ioqpairs = 4,
		.msix_qsize = 5,
		.mqes = 0x7ff,
		.mdts = 7,
		.vsl = 7,
		.aerl = 3,
		.aer_max_queued = 64,
	};
	struct sim_ns_params np = {
		.logical_block_size = BLOCK,
		.physical_block_size = BLOCK,
		.write_cache = true,
		.uuid = { 1 },
		.discard_granularity = UINT32_MAX,
		.mssrl = 128,
		.mcl = 128,
		.msrc = 127,
		.ruhs = { 2, { 0, 1 } },
	};
	struct sim_fn *fn;

	store_clock(&sp.clock);
	store_anon_areas(&sp.journal);
	rings_ports(&cp);
	r->buf = aligned_alloc(4096, CHUNK * BLOCK);
	r->page = aligned_alloc(4096, 4096);
	r->list = aligned_alloc(4096, 4096);
	r->store = store_null_new(NS_BYTES, msg); /* where the data goes is all that matters */
	if (!r->buf || !r->page || !r->list || !r->store)
		return -1;
	memset(r->buf, 0x5a, CHUNK * BLOCK);
	r->subsys = sim_subsys_new(&sp, msg);
	if (!r->subsys)
		return -1;
	fn = sim_fn_add(r->subsys, &cp, msg);
	np.store = r->store;
	if (!fn || sim_ns_add(r->subsys, fn, &np, msg) < 0)
		return -1;
	return rings_up(&r->rings, fn);
}

static void rig_down(struct rig *r)
{
	rings_down(&r->rings);
	if (r->subsys)
		sim_subsys_free(r->subsys);
	if (r->store)
		store_free(r->store);
	free(r->buf);
	free(r->page);
	free(r->list);
}

/* Write with the Data Placement directive (NVM Command Set 1.1, section 3.3.6): DTYPE 2, DSPEC */
static int write_blocks(struct rig *r, uint64_t slba, uint32_t nlb, uint16_t ph)
{
	uint32_t sqe[16] = { 0x01, 1 };

	rings_prps(sqe, r->buf, nlb * BLOCK, r->list);
	sqe[10] = (uint32_t)slba;
	sqe[11] = (uint32_t)(slba >> 32);
	sqe[12] = (nlb - 1) | 2u << 20;
	sqe[13] = (uint32_t)ph << 16;
	return rings_exec(&r->rings, &r->rings.io, sqe) ? -1 : 0;
}

/* log page 22h of endurance group 1: three numbers of 128 bits */
static int statistics(struct rig *r, uint64_t *hbmw, uint64_t *mbmw, uint64_t *mbe)
{
	uint32_t sqe[16] = { 0x02 };

	memset(r->page, 0, 64);
	rings_prps(sqe, r->page, 64, r->list);
	sqe[10] = 0x22 | 15u << 16;
	sqe[11] = 1u << 16;
	if (rings_exec(&r->rings, &r->rings.admin, sqe))
		return -1;
	memcpy(hbmw, r->page, 8);
	memcpy(mbmw, r->page + 16, 8);
	memcpy(mbe, r->page + 32, 8);
	return 0;
}

/* the next write of a stream that goes round in [@from, @from + @len) */
static int advance(struct rig *r, uint64_t from, uint64_t len, uint64_t *at, uint16_t ph)
{
	int err = write_blocks(r, from + *at, CHUNK, ph);

	*at = (*at + CHUNK) % len;
	return err;
}

static int workload(struct rig *r, struct run *run, unsigned int passes)
{
	const uint64_t blocks = NS_BYTES / BLOCK;
	const uint64_t journal = blocks * JOURNAL / 100 / CHUNK * CHUNK, data = blocks - journal;
	const uint64_t step = passes * blocks / SAMPLES;
	uint64_t at_journal = 0, at_data = 0, written = 0;

	for (unsigned int s = 0; s <= SAMPLES; s++) {
		for (; written < s * step; written += 2 * CHUNK)
			if (advance(r, 0, journal, &at_journal, 0) ||
			    advance(r, journal, data, &at_data, run->apart ? 1 : 0))
				return -1;
		if (statistics(r, &run->hbmw[s], &run->mbmw[s], &run->mbe))
			return -1;
	}
	return 0;
}

/* write amplification from sample @a to sample @b */
static double waf(const struct run *run, unsigned int a, unsigned int b)
{
	uint64_t host = run->hbmw[b] - run->hbmw[a];

	return host ? (double)(run->mbmw[b] - run->mbmw[a]) / (double)host : 1;
}

/* in the second half, when the device has long been full */
static double steady(const struct run *run)
{
	return waf(run, SAMPLES / 2, SAMPLES);
}

/* ---- the plot: write amplification of each twentieth of what the host writes ---- */

#define WINDOW (SAMPLES / 20)
#define LEFT   70.0
#define TOP    60.0
#define WIDTH  700.0
#define HEIGHT 320.0

static void curve(FILE *f, const struct run *run, double top, const char *colour)
{
	fprintf(f, "<polyline fill='none' stroke='%s' stroke-width='2.5' points='", colour);
	for (unsigned int s = WINDOW; s <= SAMPLES; s++)
		fprintf(f, "%.1f,%.1f ", LEFT + WIDTH * s / SAMPLES,
			TOP + HEIGHT * (1 - (waf(run, s - WINDOW, s) - 1) / (top - 1)));
	fprintf(f, "'/>\n");
}

static int plot(const char *path, const struct run run[2], unsigned int passes)
{
	static const char *const colours[2] = { "#c0392b", "#1f77b4" };
	double top = 1.1;
	FILE *f = fopen(path, "w");

	if (!f)
		return -1;
	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int s = WINDOW; s <= SAMPLES; s++)
			top = fmax(top, waf(&run[i], s - WINDOW, s));
	top = 1 + ceil((top - 1) * 10) / 10;
	fprintf(f,
		"<svg xmlns='http://www.w3.org/2000/svg' width='840' height='460' "
		"font-family='sans-serif' font-size='13'>\n"
		"<rect width='840' height='460' fill='white'/>\n"
		"<text x='%.0f' y='30' font-size='17'>Write amplification of a journal beside "
		"data, "
		"%u%% over-provisioning</text>\n",
		LEFT, OP);
	for (unsigned int i = 0; i <= 5; i++) {
		double y = TOP + HEIGHT * (1 - i / 5.0);

		fprintf(f,
			"<line x1='%.0f' x2='%.0f' y1='%.1f' y2='%.1f' stroke='#ddd'/>"
			"<text x='%.0f' y='%.1f' text-anchor='end'>%.2f</text>\n",
			LEFT, LEFT + WIDTH, y, y, LEFT - 8, y + 4, 1 + (top - 1) * i / 5);
	}
	for (unsigned int i = 0; i <= passes; i++)
		fprintf(f, "<text x='%.1f' y='%.0f' text-anchor='middle'>%u</text>\n",
			LEFT + WIDTH * i / passes, TOP + HEIGHT + 20, i);
	fprintf(f,
		"<text x='%.0f' y='%.0f' text-anchor='middle'>host writes, times the size of the "
		"namespace</text>\n"
		"<text x='20' y='%.0f' transform='rotate(-90 20 %.0f)' text-anchor='middle'>media "
		"bytes / host bytes</text>\n",
		LEFT + WIDTH / 2, TOP + HEIGHT + 45, TOP + HEIGHT / 2, TOP + HEIGHT / 2);
	for (unsigned int i = 0; i < 2; i++) {
		curve(f, &run[i], top, colours[i]);
		fprintf(f,
			"<rect x='%.0f' y='%u' width='14' height='4' fill='%s'/>"
			"<text x='%.0f' y='%u'>%s: %.2f in the second half</text>\n",
			LEFT + 20 + 330 * i, 46, colours[i], LEFT + 40 + 330 * i, 52, run[i].name,
			steady(&run[i]));
	}
	fprintf(f, "</svg>\n");
	return fclose(f) ? -1 : 0;
}

/* ---- output ---- */

static void json(const struct run run[2])
{
	printf("{\"over_provisioning\":%u,\"runs\":[", OP);
	for (unsigned int i = 0; i < 2; i++) {
		printf("%s{\"name\":\"%s\",\"write_amplification\":%.4f,\"samples\":[",
		       i ? "," : "", run[i].name, steady(&run[i]));
		for (unsigned int s = 0; s <= SAMPLES; s++)
			printf("%s[%" PRIu64 ",%" PRIu64 "]", s ? "," : "", run[i].hbmw[s],
			       run[i].mbmw[s]);
		printf("],\"erased\":%" PRIu64 "}", run[i].mbe);
	}
	printf("]}\n");
}

static void table(const struct run run[2])
{
	printf("                        host MiB  media MiB  erased MiB  write amplification\n");
	for (unsigned int i = 0; i < 2; i++)
		printf("%-20s %11.0f %10.0f %11.0f   %.3f in the second half\n", run[i].name,
		       (double)run[i].hbmw[SAMPLES] / 1048576,
		       (double)run[i].mbmw[SAMPLES] / 1048576, (double)run[i].mbe / 1048576,
		       steady(&run[i]));
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-fdp [--json] [--svg FILE] [--quick]\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct run run[2] = { { .name = "one handle" }, { .name = "two handles", .apart = true } };
	unsigned int passes = PASSES;
	const char *svg = NULL;
	bool as_json = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			as_json = true;
		else if (!strcmp(argv[i], "--quick"))
			passes = 3;
		else if (!strcmp(argv[i], "--svg") && i + 1 < argc)
			svg = argv[++i];
		else
			return usage();
	}
	for (unsigned int i = 0; i < 2; i++) {
		struct sim_msg msg = { "a command failed, or there is no memory" };
		struct rig r = { 0 };
		int err = rig_up(&r, &msg) || workload(&r, &run[i], passes);

		rig_down(&r);
		if (err) {
			fprintf(stderr, "bench-fdp: %s\n", msg.text);
			return 1;
		}
	}
	as_json ? json(run) : table(run);
	if (svg && plot(svg, run, passes)) {
		fprintf(stderr, "bench-fdp: %s: %s\n", svg, strerror(errno));
		return 1;
	}
	return 0;
}
