/* SPDX-License-Identifier: MIT */
/*
 * bench.c - what a command costs through each door, and in the core alone
 *
 *   bench [--json] [--quick] [--run NVMESIM-RUN] [--cuse NVMESIM] [--dir DIRECTORY]
 *
 * Starts each door that is named, with a 1 TiB sparse file in DIRECTORY as its namespace, and times
 * commands through it, one at a time. Exit status: 0, 1 when a door did not work, 2 for a wrong argument.
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
	bool json;
	unsigned int rounds;
	const char *run, *cuse, *dir;
};

static int usage(void)
{
	fputs("usage: bench [--json] [--quick] [--run NVMESIM-RUN] [--cuse NVMESIM] [--dir DIRECTORY]\n",
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

/* the words that describe the drive both doors get */
static void drive_words(char *drive, size_t len, const struct options *o, const char *door)
{
	snprintf(drive, len, "file=%s/bench-%s.img,if=none,id=d,format=raw,size=1T", o->dir, door);
}

/* the run door: the client is the program that nvmesim-run starts */
static int measure_run(const struct options *o, const char *self, struct bench_door *d)
{
	char drive[512], t0[32], rounds[32];
	int pipefd[2];
	pid_t pid;

	if (pipe(pipefd))
		return 1;
	drive_words(drive, sizeof(drive), o, "run");
	snprintf(rounds, sizeof(rounds), "%u", o->rounds);
	snprintf(t0, sizeof(t0), "%" PRIu64, bench_now());
	pid = fork();
	if (pid == 0) {
		dup2(pipefd[1], STDOUT_FILENO);
		close(pipefd[0]);
		close(pipefd[1]);
		execl(o->run, o->run, "-drive", drive, "-device", "nvme,serial=bench,drive=d", "--",
		      self, "--client", t0, rounds, (char *)NULL);
		fprintf(stderr, "bench: %s: %s\n", o->run, strerror(errno));
		_exit(127);
	}
	close(pipefd[1]);
	collect(pipefd[0], d);
	return pid < 0 ? 1 : finished(pid);
}

/* the CUSE door: the daemon is started, and this process is the client */
static int measure_cuse(const struct options *o, struct bench_door *d)
{
	char drive[512], sock[512];
	uint64_t t0;
	FILE *tmp;
	pid_t pid;
	int ret;

	drive_words(drive, sizeof(drive), o, "cuse");
	snprintf(sock, sizeof(sock), "%s/bench.sock", o->dir);
	tmp = tmpfile();
	if (!tmp)
		return 1;
	t0 = bench_now();
	pid = fork();
	if (pid == 0) {
		execl(o->cuse, o->cuse, "--foreground", "--socket", sock, "-drive", drive, "-device",
		      "nvme,serial=bench,drive=d", (char *)NULL);
		fprintf(stderr, "bench: %s: %s\n", o->cuse, strerror(errno));
		_exit(127);
	}
	if (pid < 0) {
		fclose(tmp);
		return 1;
	}
	ret = bench_client("/dev/nvmesim0", "/dev/nvmesim0n1", t0, pid, o->rounds, tmp);
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

/* some starts for the time to the first Identify, whose median counts, then the long run */
static int measure(const struct options *o, const char *self, bool cuse, struct bench_door *d)
{
	struct options brief = *o;
	uint64_t first[STARTS], p50, p99;
	int ret = 0;

	brief.rounds = 1;
	for (unsigned int i = 0; i < STARTS && !ret; i++) {
		ret = cuse ? measure_cuse(&brief, d) : measure_run(&brief, self, d);
		first[i] = d->first_identify;
	}
	if (!ret)
		ret = cuse ? measure_cuse(o, d) : measure_run(o, self, d);
	if (ret)
		return ret;
	bench_percentiles(first, STARTS, &p50, &p99);
	d->first_identify = p50;
	d->true_ns = start_of_true();
	return 0;
}

static void table(const struct bench_core *c, const struct door_run *doors, unsigned int n)
{
	const struct {
		const char *name;
		double ns;
	} core[] = {
		{ "Get Features (no data)", c->get_features },
		{ "Identify Controller", c->identify },
		{ "Read 4 KiB", c->read_4k },
		{ "Write 4 KiB", c->write_4k },
	};

	printf("core alone                           ns/cmd     cmds/s   x memcpy\n");
	for (size_t i = 0; i < sizeof(core) / sizeof(core[0]); i++)
		printf("  %-32s %8.0f %10.0f   %8.2f\n", core[i].name, core[i].ns, 1e9 / core[i].ns,
		       core[i].ns / c->memcpy_4k);
	printf("  %-32s %8.0f\n", "memcpy of 4 KiB", c->memcpy_4k);

	for (unsigned int d = 0; d < n; d++) {
		const struct bench_door *r = &doors[d].res;

		printf("\n%s door%*s p50 us     p99 us  x crossing\n", doors[d].name,
		       (int)(30 - strlen(doors[d].name)), "");
		for (int op = 0; op < BENCH_NR_OPS; op++)
			printf("  %-32s %8.1f %10.1f   %8.2f\n", bench_op_name[op], r->p50[op] / 1e3,
			       r->p99[op] / 1e3, (double)r->p50[op] / r->p50[BENCH_CROSSING]);
		printf("  %-32s %8.1f ms\n", "start to first Identify", r->first_identify / 1e6);
		printf("  %-32s %8.1f ms\n", "(start to end of true(1))", r->true_ns / 1e6);
		printf("  %-32s %8.1f MiB\n", "resident, 1 TiB sparse file", r->rss_kib / 1024.0);
	}
}

static void json(const struct bench_core *c, const struct door_run *doors, unsigned int n)
{
	printf("{\"core\":{\"get_features_ns\":%.1f,\"identify_ns\":%.1f,\"read_4k_ns\":%.1f,"
	       "\"write_4k_ns\":%.1f,\"memcpy_4k_ns\":%.1f,\"commands_per_second\":%.0f},\"doors\":{",
	       c->get_features, c->identify, c->read_4k, c->write_4k, c->memcpy_4k,
	       1e9 / c->get_features);
	for (unsigned int d = 0; d < n; d++) {
		const struct bench_door *r = &doors[d].res;

		printf("%s\"%s\":{\"operations\":[", d ? "," : "", doors[d].name);
		for (int op = 0; op < BENCH_NR_OPS; op++)
			printf("%s{\"name\":\"%s\",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64
			       ",\"ratio\":%.3f}",
			       op ? "," : "", bench_op_name[op], r->p50[op], r->p99[op],
			       (double)r->p50[op] / r->p50[BENCH_CROSSING]);
		printf("],\"first_identify_ns\":%" PRIu64 ",\"true_ns\":%" PRIu64
		       ",\"rss_kib\":%" PRIu64 "}",
		       r->first_identify, r->true_ns, r->rss_kib);
	}
	printf("}}\n");
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },    { "quick", no_argument, NULL, 'q' },
		{ "run", required_argument, NULL, 'r' }, { "cuse", required_argument, NULL, 'c' },
		{ "dir", required_argument, NULL, 'd' }, { 0 },
	};
	struct options o = { .rounds = 20000, .dir = "." };
	struct door_run doors[MAX_DOORS];
	struct bench_core core;
	unsigned int n = 0;
	char self[4096];
	ssize_t len;
	int c, ret = 0;

	/* internal: behind the run door */
	if (argc == 4 && !strcmp(argv[1], "--client"))
		return bench_client("/dev/nvmesim0", "/dev/nvmesim0n1",
				    strtoull(argv[2], NULL, 10), 0,
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

	if (bench_core_run(o.rounds, &core))
		return 1;
	if (o.run) {
		doors[n] = (struct door_run){ .name = "run" };
		ret |= measure(&o, self, false, &doors[n++].res);
	}
	if (o.cuse) {
		doors[n] = (struct door_run){ .name = "CUSE" };
		ret |= measure(&o, self, true, &doors[n++].res);
	}
	if (ret) {
		fprintf(stderr, "bench: a door did not work\n");
		return 1;
	}
	(o.json ? json : table)(&core, doors, n);
	return ferror(stdout) ? 1 : 0;
}
