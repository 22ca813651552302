/* SPDX-License-Identifier: MIT */
/*
 * bench.c - what a command costs through each door, and in the core alone
 *
 *   bench [--json] [--quick] [--doors] [--run NVMESIM-RUN] [--cuse NVMESIM] [--dir DIRECTORY]
 *
 * Starts each door that is named, with a 1 TiB sparse file in DIRECTORY as its first namespace and
 * three with protection information, and times commands through it, one at a time. With --doors
 * nothing else is measured. Exit status: 0, 1 when a door did not work, 2 for a wrong argument.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define MAX_DOORS 2
#define STARTS	  5

struct door_run {
	const char *name;
	struct bench_door res;
};

struct options {
	bool json, doors_only;
	unsigned int rounds;
	const char *run, *cuse, *dir;
};

static int usage(void)
{
	fputs("usage: bench [--json] [--quick] [--doors] [--run NVMESIM-RUN] [--cuse NVMESIM] "
	      "[--dir DIRECTORY]\n",
	      stderr);
	return 2;
}

/* read what a client says until it closes the pipe */
static void collect(int fd, struct bench_door *d)
{
	char line[256];
	FILE *f = fdopen(fd, "r");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		bench_door_parse(d, line);
	fclose(f);
}

static int finished(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* ---- the drive both doors get ---- */

#define MAX_WORDS 32

struct words {
	char text[MAX_WORDS][512];
	char *argv[MAX_WORDS];
	unsigned int n;
};

static void add(struct words *w, const char *word)
{
	if (w->n == MAX_WORDS - 1)
		abort();
	snprintf(w->text[w->n], sizeof(w->text[0]), "%s", word);
	w->argv[w->n] = w->text[w->n];
	w->argv[++w->n] = NULL;
}

/* a sparse file of @size; with @guards, three namespaces more, with a guard each */
static void add_drive(struct words *w, const struct options *o, const char *door, const char *size,
		      bool guards)
{
	static const char *const formats[] = { "ms=8,pi=1,pif=0", "ms=16,pi=1,pif=1",
					       "ms=16,pi=1,pif=2" };
	char word[512];

	add(w, "-drive");
	snprintf(word, sizeof(word), "file=%s/bench-%s-%s.img,if=none,id=d,format=raw,size=%s",
		 o->dir, door, size, size);
	add(w, word);
	add(w, "-device");
	add(w, "nvme,serial=bench,id=nvme0");
	add(w, "-device");
	add(w, "nvme-ns,drive=d,logical_block_size=4096,physical_block_size=4096");
	for (unsigned int i = 0; guards && i < sizeof(formats) / sizeof(formats[0]); i++) {
		add(w, "-drive");
		snprintf(word, sizeof(word), "file=%s/bench-%s-%u.img,if=none,id=g%u,size=16M",
			 o->dir, door, i, i);
		add(w, word);
		add(w, "-device");
		snprintf(word, sizeof(word),
			 "nvme-ns,drive=g%u,logical_block_size=4096,physical_block_size=4096,%s", i,
			 formats[i]);
		add(w, word);
	}
}

/* the run door: the client is the program that nvmesim-run starts */
static int measure_run(const struct options *o, const char *self, const char *size,
		       struct bench_door *d)
{
	struct words w = { .n = 0 };
	char number[32];
	int pipefd[2];
	pid_t pid;

	if (pipe(pipefd))
		return 1;
	add(&w, o->run);
	add_drive(&w, o, "run", size, o->rounds > 1);
	add(&w, "--");
	add(&w, self);
	add(&w, "--client");
	snprintf(number, sizeof(number), "%" PRIu64, bench_now());
	add(&w, number);
	snprintf(number, sizeof(number), "%u", o->rounds);
	add(&w, number);
	pid = fork();
	if (pid == 0) {
		dup2(pipefd[1], STDOUT_FILENO);
		close(pipefd[0]);
		close(pipefd[1]);
		execv(o->run, w.argv);
		fprintf(stderr, "bench: %s: %s\n", o->run, strerror(errno));
		_exit(127);
	}
	close(pipefd[1]);
	collect(pipefd[0], d);
	return pid < 0 ? 1 : finished(pid);
}

/* the CUSE door: the daemon is started, and this process is the client */
static int measure_cuse(const struct options *o, const char *self, const char *size,
			struct bench_door *d)
{
	struct words w = { .n = 0 };
	char sock[512];
	uint64_t t0;
	FILE *tmp;
	pid_t pid;
	int ret;

	add(&w, o->cuse);
	add(&w, "--foreground");
	add(&w, "--socket");
	snprintf(sock, sizeof(sock), "%s/bench.sock", o->dir);
	add(&w, sock);
	add_drive(&w, o, "cuse", size, o->rounds > 1);
	tmp = tmpfile();
	if (!tmp)
		return 1;
	t0 = bench_now();
	pid = fork();
	if (pid == 0) {
		execv(o->cuse, w.argv);
		fprintf(stderr, "bench: %s: %s\n", o->cuse, strerror(errno));
		_exit(127);
	}
	if (pid < 0) {
		fclose(tmp);
		return 1;
	}
	ret = bench_client("/dev/nvmesim0", t0, pid, o->rounds, tmp);
	rewind(tmp);
	for (char line[256]; fgets(line, sizeof(line), tmp);)
		bench_door_parse(d, line);
	fclose(tmp);
	kill(pid, SIGTERM);
	return finished(pid) || ret;
}

/* a process that does nothing, from start to end: what starting anything costs here */
static uint64_t start_of_true(void)
{
	uint64_t ns[STARTS], p50, p99;

	for (unsigned int i = 0; i < STARTS; i++) {
		uint64_t begun = bench_now();
		pid_t pid = fork();

		if (pid == 0) {
			execlp("true", "true", (char *)NULL);
			_exit(127);
		}
		if (pid < 0 || finished(pid))
			return 0;
		ns[i] = bench_now() - begun;
	}
	bench_percentiles(ns, STARTS, &p50, &p99);
	return p50;
}

typedef int measure_fn(const struct options *o, const char *self, const char *size,
		       struct bench_door *d);

/* the median time to the first Identify of some starts */
static int time_start(const struct options *o, const char *self, const char *size, measure_fn *door,
		      uint64_t *ns)
{
	struct options brief = *o;
	struct bench_door d = { 0 };
	uint64_t first[STARTS], p99;

	brief.rounds = 1;
	for (unsigned int i = 0; i < STARTS; i++) {
		if (door(&brief, self, size, &d))
			return 1;
		first[i] = d.first_identify;
	}
	bench_percentiles(first, STARTS, ns, &p99);
	return 0;
}

static int measure(const struct options *o, const char *self, measure_fn *door,
		   struct bench_door *d)
{
	uint64_t first;

	if (time_start(o, self, "1T", door, &first) ||
	    time_start(o, self, "1G", door, &d->start_1g) ||
	    time_start(o, self, "8T", door, &d->start_8t) || door(o, self, "1T", d))
		return 1;
	d->first_identify = first;
	d->true_ns = start_of_true();
	return 0;
}

/* ns of copying the bytes of @op, or 0 */
static double copy_of(const struct bench_core *c, enum bench_op op)
{
	const char *name = bench_op_name[op];

	return strstr(name, "128 KiB") ? c->memcpy[CORE_READ_128K] :
	       strstr(name, "4 KiB")   ? c->memcpy[CORE_READ_4K] :
					 0;
}

static void core_table(const struct bench_core *c, const struct bench_zones *z)
{
	printf("core alone                           ns/cmd     cmds/s   x memcpy\n");
	for (unsigned int op = 0; op < CORE_NR_OPS; op++) {
		printf("  %-32s %8.0f %10.0f", bench_core_name(op), c->ns[op], 1e9 / c->ns[op]);
		if (c->memcpy[op] > 0)
			printf("   %8.2f   (memcpy %.0f ns)", c->ns[op] / c->memcpy[op],
			       c->memcpy[op]);
		if (c->plain[op] > 0)
			printf("   %.2f x without", c->ns[op] / c->plain[op]);
		putchar('\n');
	}
	printf("\nmemory of data placement, bytes a written block    at worst   after a start"
	       "   before, KiB   table, KiB\n");
	for (unsigned int i = 0; i < BENCH_FDP_LOADS; i++)
		printf("  %-46s %10.2f %15.2f %13.0f %12.0f\n", c->fdp_mem[i].name,
		       c->fdp_mem[i].worst, c->fdp_mem[i].again, c->fdp_mem[i].fixed / 1024,
		       c->fdp_mem[i].table / 1024);
	printf("  %-46s %10.2f\n", "the worst", bench_fdp_worst(c->fdp_mem));

	bench_zones_table(z);
}

/* @c: NULL: it was not measured */
static void doors_table(const struct bench_core *c, const struct door_run *doors, unsigned int n)
{
	for (unsigned int d = 0; d < n; d++) {
		const struct bench_door *r = &doors[d].res;

		printf("\n%s door%*s p50 us     p99 us  x crossing   x memcpy\n", doors[d].name,
		       (int)(30 - strlen(doors[d].name)), "");
		for (int op = 0; op < BENCH_NR_OPS; op++) {
			printf("  %-32s %8.1f %10.1f   %8.2f", bench_op_name[op], r->p50[op] / 1e3,
			       r->p99[op] / 1e3, (double)r->p50[op] / r->p50[BENCH_CROSSING]);
			if (c && copy_of(c, op) > 0)
				printf("   %8.1f", r->p50[op] / copy_of(c, op));
			putchar('\n');
		}
		printf("  %-32s %8.1f ms\n", "start to first Identify", r->first_identify / 1e6);
		printf("  %-32s %8.1f ms\n", "  with 1 GiB", r->start_1g / 1e6);
		printf("  %-32s %8.1f ms\n", "  with 8 TiB", r->start_8t / 1e6);
		printf("  %-32s %8.1f ms\n", "(start to end of true(1))", r->true_ns / 1e6);
		printf("  %-32s %8.1f MiB\n", "resident, 1 TiB sparse file", r->rss_kib / 1024.0);
	}
}

static void core_json(const struct bench_core *c, const struct bench_zones *z)
{
	printf("\"core\":{\"commands_per_second\":%.0f,\"operations\":[",
	       1e9 / c->ns[CORE_GET_FEATURES]);
	for (unsigned int op = 0; op < CORE_NR_OPS; op++)
		printf("%s{\"name\":\"%s\",\"ns\":%.1f,\"memcpy_ns\":%.1f,\"plain_ns\":%.1f}",
		       op ? "," : "", bench_core_name(op), c->ns[op], c->memcpy[op],
		       c->plain[op]);
	printf("],\"fdp_bytes_a_block\":%.2f,\"fdp_memory\":[", bench_fdp_worst(c->fdp_mem));
	for (unsigned int i = 0; i < BENCH_FDP_LOADS; i++)
		printf("%s{\"name\":\"%s\",\"worst\":%.2f,\"again\":%.2f,\"fixed_bytes\":%.0f,"
		       "\"table_bytes\":%.0f}",
		       i ? "," : "", c->fdp_mem[i].name, c->fdp_mem[i].worst, c->fdp_mem[i].again,
		       c->fdp_mem[i].fixed, c->fdp_mem[i].table);
	printf("]},\"zoned\":");
	bench_zones_json(z);
	putchar(',');
}

static void doors_json(const struct door_run *doors, unsigned int n)
{
	printf("\"doors\":{");
	for (unsigned int d = 0; d < n; d++) {
		const struct bench_door *r = &doors[d].res;

		printf("%s\"%s\":{\"operations\":[", d ? "," : "", doors[d].name);
		for (int op = 0; op < BENCH_NR_OPS; op++)
			printf("%s{\"name\":\"%s\",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64
			       ",\"ratio\":%.3f}",
			       op ? "," : "", bench_op_name[op], r->p50[op], r->p99[op],
			       (double)r->p50[op] / r->p50[BENCH_CROSSING]);
		printf("],\"first_identify_ns\":%" PRIu64 ",\"start_1g_ns\":%" PRIu64
		       ",\"start_8t_ns\":%" PRIu64 ",\"true_ns\":%" PRIu64 ",\"rss_kib\":%" PRIu64 "}",
		       r->first_identify, r->start_1g, r->start_8t, r->true_ns, r->rss_kib);
	}
	putchar('}');
}

/* @c, @z: NULL: only doors were measured */
static void print(bool json, const struct bench_core *c, const struct bench_zones *z,
		  const struct door_run *doors, unsigned int n)
{
	if (!json) {
		if (c)
			core_table(c, z);
		doors_table(c, doors, n);
		return;
	}
	putchar('{');
	if (c)
		core_json(c, z);
	doors_json(doors, n);
	puts("}");
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "quick", no_argument, NULL, 'q' },
		{ "run", required_argument, NULL, 'r' },
		{ "cuse", required_argument, NULL, 'c' },
		{ "dir", required_argument, NULL, 'd' },
		{ "doors", no_argument, NULL, 'o' },
		{ 0 },
	};
	struct options o = { .rounds = 20000, .dir = "." };
	struct door_run doors[MAX_DOORS];
	struct bench_core core;
	struct bench_zones zones;
	unsigned int n = 0;
	char self[4096];
	ssize_t len;
	int c, ret = 0;

	/* internal: behind the run door */
	if (argc == 4 && !strcmp(argv[1], "--client"))
		return bench_client("/dev/nvmesim0", strtoull(argv[2], NULL, 10), 0,
				    (unsigned int)strtoul(argv[3], NULL, 10), stdout);

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'j':
			o.json = true;
			break;
		case 'q':
			o.rounds = 200;
			break;
		case 'r':
			o.run = optarg;
			break;
		case 'c':
			o.cuse = optarg;
			break;
		case 'd':
			o.dir = optarg;
			break;
		case 'o':
			o.doors_only = true;
			break;
		default:
			return usage();
		}
	}
	if (optind != argc)
		return usage();
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return 1;
	self[len] = 0;

	if (!o.doors_only && (bench_core_run(o.rounds, o.rounds < 20000, &core) ||
			      bench_zones_run(o.dir, o.rounds < 20000, &zones)))
		return 1;
	if (o.run) {
		doors[n] = (struct door_run){ .name = "run" };
		ret |= measure(&o, self, measure_run, &doors[n++].res);
	}
	if (o.cuse) {
		doors[n] = (struct door_run){ .name = "CUSE" };
		ret |= measure(&o, self, measure_cuse, &doors[n++].res);
	}
	if (ret) {
		fprintf(stderr, "bench: a door did not work\n");
		return 1;
	}
	print(o.json, o.doors_only ? NULL : &core, &zones, doors, n);
	return ferror(stdout) ? 1 : 0;
}
