/* SPDX-License-Identifier: MIT */
/*
 * client.c - the benchmark's side behind a door: ioctls on two nodes, one at a time
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nvme_ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

const char *const bench_op_name[BENCH_NR_OPS] = {
	[BENCH_CROSSING] = "bare crossing (NVME_IOCTL_ID)",
	[BENCH_IDENTIFY] = "Identify Controller",
	[BENCH_READ_4K] = "Read 4 KiB",
	[BENCH_WRITE_4K] = "Write 4 KiB",
	[BENCH_READ_128K] = "Read 128 KiB",
	[BENCH_WRITE_128K] = "Write 128 KiB",
	[BENCH_READ_4K_16] = "Read 4 KiB, 16-bit guard",
	[BENCH_WRITE_4K_16] = "Write 4 KiB, 16-bit guard",
	[BENCH_WRITE_4K_32] = "Write 4 KiB, 32-bit guard",
	[BENCH_WRITE_4K_64] = "Write 4 KiB, 64-bit guard",
	[BENCH_WRITE_128K_16] = "Write 128 KiB, 16-bit guard",
	[BENCH_WRITE_128K_32] = "Write 128 KiB, 32-bit guard",
	[BENCH_WRITE_128K_64] = "Write 128 KiB, 64-bit guard",
};

/*
 * The command behind each operation; NVMe Base 2.1 5.1.13, NVM Command Set 1.1 3.3.4, 3.3.6.
 * @nsid: 1 has no metadata; 2, 3, 4 have 16-, 32- and 64-bit guards, which the controller makes
 * and checks (PRACT). All blocks have 4 KiB.
 */
static const struct {
	bool admin;
	uint8_t opcode, nsid;
	uint32_t bytes;
} op_cmd[BENCH_NR_OPS] = {
	[BENCH_IDENTIFY] = { true, 0x06, 0, 4096 },
	[BENCH_READ_4K] = { false, 0x02, 1, 4096 },
	[BENCH_WRITE_4K] = { false, 0x01, 1, 4096 },
	[BENCH_READ_128K] = { false, 0x02, 1, 131072 },
	[BENCH_WRITE_128K] = { false, 0x01, 1, 131072 },
	[BENCH_READ_4K_16] = { false, 0x02, 2, 4096 },
	[BENCH_WRITE_4K_16] = { false, 0x01, 2, 4096 },
	[BENCH_WRITE_4K_32] = { false, 0x01, 3, 4096 },
	[BENCH_WRITE_4K_64] = { false, 0x01, 4, 4096 },
	[BENCH_WRITE_128K_16] = { false, 0x01, 2, 131072 },
	[BENCH_WRITE_128K_32] = { false, 0x01, 3, 131072 },
	[BENCH_WRITE_128K_64] = { false, 0x01, 4, 131072 },
};

#define NR_NS 4
#define LBA_SIZE 4096
#define PRACT (1u << 29)

uint64_t bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int cmp_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void bench_percentiles(uint64_t *ns, unsigned int n, uint64_t *p50, uint64_t *p99)
{
	qsort(ns, n, sizeof(*ns), cmp_u64);
	*p50 = ns[n / 2];
	*p99 = ns[(uint64_t)n * 99 / 100];
}

static long issue(const int *fd, enum bench_op op, unsigned int round, void *buf)
{
	struct nvme_passthru_cmd cmd = { .opcode = op_cmd[op].opcode };

	if (op == BENCH_CROSSING)
		return ioctl(fd[1], NVME_IOCTL_ID) > 0 ? 0 : -1;

	cmd.addr = (uintptr_t)buf;
	cmd.data_len = op_cmd[op].bytes;
	if (op_cmd[op].admin) {
		cmd.cdw10 = 1; /* CNS 01h */
		return ioctl(fd[0], NVME_IOCTL_ADMIN_CMD, &cmd);
	}
	cmd.nsid = op_cmd[op].nsid;
	cmd.cdw10 = round * op_cmd[op].bytes % BENCH_SET / LBA_SIZE;
	cmd.cdw12 = op_cmd[op].bytes / LBA_SIZE - 1;
	if (cmd.nsid > 1)
		cmd.cdw12 |= PRACT;
	return ioctl(fd[cmd.nsid], NVME_IOCTL_IO_CMD, &cmd);
}

/* a node of a daemon that was started a moment ago: 5 s at most */
static int open_node(const char *node, unsigned int nsid)
{
	uint64_t begun = bench_now();
	char path[64];
	int fd;

	snprintf(path, sizeof(path), nsid ? "%sn%u" : "%s", node, nsid);
	while ((fd = open(path, O_RDWR)) < 0 && bench_now() - begun < 5000000000u)
		nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
	if (fd < 0)
		fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
	return fd;
}

static uint64_t resident_kib(int pid)
{
	char path[64], line[256];
	uint64_t kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %" SCNu64, &kib) == 1)
			break;
	fclose(f);
	return kib;
}

int bench_client(const char *node, uint64_t t0, int server, unsigned int rounds, FILE *out)
{
	uint64_t *times, p50, p99, begun;
	int fd[1 + NR_NS], ret = 1;
	unsigned int warm;
	void *buf = NULL;

	times = calloc((size_t)rounds * BENCH_NR_OPS, sizeof(*times));
	if (!times || posix_memalign(&buf, 4096, 131072))
		goto out;
	memset(buf, 0x5a, 131072);

	fd[0] = open_node(node, 0);
	if (fd[0] < 0)
		goto out;
	if (issue(fd, BENCH_IDENTIFY, 0, buf)) {
		fprintf(stderr, "bench: Identify on %s: %s\n", node, strerror(errno));
		goto out;
	}
	fprintf(out, "first_identify %" PRIu64 "\n", bench_now() - t0);
	if (rounds == 1) {
		ret = fflush(out) ? 1 : 0;
		goto out;
	}
	for (unsigned int i = 1; i <= NR_NS; i++) {
		fd[i] = open_node(node, i);
		if (fd[i] < 0)
			goto out;
	}

	/* all operations take turns, so that what changes meanwhile (clocks, neighbours, where the
	 * scheduler puts the two sides) changes for all of them; the first tenth is a warm-up */
	warm = rounds / 10 + 1;
	for (unsigned int i = 0; i < warm + rounds; i++) {
		for (int op = 0; op < BENCH_NR_OPS; op++) {
			begun = bench_now();
			if (issue(fd, op, i, buf)) {
				fprintf(stderr, "bench: %s failed\n", bench_op_name[op]);
				goto out;
			}
			if (i >= warm)
				times[op * rounds + i - warm] = bench_now() - begun;
		}
	}
	for (int op = 0; op < BENCH_NR_OPS; op++) {
		bench_percentiles(times + op * rounds, rounds, &p50, &p99);
		fprintf(out, "op %d %" PRIu64 " %" PRIu64 "\n", op, p50, p99);
	}
	fprintf(out, "rss %" PRIu64 "\n", resident_kib(server ? server : getppid()));
	ret = fflush(out) ? 1 : 0;
out:
	free(buf);
	free(times);
	return ret;
}

bool bench_door_parse(struct bench_door *d, const char *line)
{
	uint64_t a, b;
	int op;

	if (sscanf(line, "op %d %" SCNu64 " %" SCNu64, &op, &a, &b) == 3 && op >= 0 &&
	    op < BENCH_NR_OPS) {
		d->p50[op] = a;
		d->p99[op] = b;
		return true;
	}
	return sscanf(line, "first_identify %" SCNu64, &d->first_identify) == 1 ||
	       sscanf(line, "rss %" SCNu64, &d->rss_kib) == 1;
}
