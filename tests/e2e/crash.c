/* SPDX-License-Identifier: MIT */
/*
 * crash.c - kill -9 the daemon in the middle of a load, over and over, and look at what is there
 *
 *   crash run ROUNDS NVMESIM NVMESIM-RUN DIRECTORY    the harness
 *   crash work LOG SEED [check]                       the client, behind the run door
 *
 * A round: the daemon starts, a client attaches, compares all that was acknowledged in earlier
 * rounds with what the drive says, then writes, deallocates, formats, creates and deletes
 * namespaces until the daemon is killed under it. What was issued and what was acknowledged is noted
 * in a file mapped by all.
 *
 * Namespace 1: 512-byte blocks. 2: 512 + 16 bytes, protection information of type 1. 3: is formatted.
 * 4: comes and goes. Exit status: 0, or 1 after a sentence that says what was lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nvme_ioctl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NODE "/dev/nvmesim0"
#define EXTENTS 256u
#define EXTENT 8u /* blocks */
#define LBS 512u
#define MS 16u
#define DEALLOCATED 0x80000000u /* instead of a stamp: the blocks read as zeroes */

enum { OP_WRITE = 0x01, OP_READ = 0x02, OP_DSM = 0x09 };
enum { ADM_IDENTIFY = 0x06, ADM_NS_MGMT = 0x0d, ADM_FORMAT = 0x80 };

struct pair {
	volatile uint32_t issued, acked;
};

struct notes {
	volatile uint32_t loading; /* the client has begun its load */
	volatile uint64_t nr_acked, nr_checked, nr_open; /* for the summary */
	struct pair block[2][EXTENTS]; /* stamps */
	struct pair format;	       /* of namespace 3: LBAF */
	struct pair dynamic;	       /* namespace 4: 0, or its size in units of 1,024 blocks */
};

static uint64_t rng;

static uint32_t below(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 20) % n;
}

/* ---- the client ----------------------------------------------------------------------------- */

static int fd[3]; /* controller, namespaces 1 and 2 */
static uint8_t *data, *md;

static void fill(uint32_t e, uint32_t stamp)
{
	for (uint32_t i = 0; i < EXTENT; i++) {
		uint32_t *word = (uint32_t *)(data + i * LBS), *meta = (uint32_t *)(md + i * MS);

		for (uint32_t w = 0; w < LBS / 4; w++)
			word[w] = stamp * 2654435761u + e * EXTENT + i + w;
		word[0] = stamp;
		memset(meta, 0, MS);
		meta[0] = stamp;
		meta[1] = e * EXTENT + i;
	}
}

static long io(unsigned int ns, uint8_t opcode, uint32_t e)
{
	struct nvme_passthru_cmd cmd = {
		.opcode = opcode,
		.nsid = ns + 1,
		.addr = (uintptr_t)data,
		.data_len = EXTENT * LBS,
		.cdw10 = e * EXTENT,
		.cdw12 = EXTENT - 1,
	};

	if (ns) {
		cmd.metadata = (uintptr_t)md;
		cmd.metadata_len = EXTENT * MS;
		/* the controller makes the tuple, and checks all of it */
		cmd.cdw12 |= opcode == OP_WRITE ? 1u << 29 : 7u << 26;
		cmd.cdw14 = e * EXTENT;
	}
	return ioctl(fd[1 + ns], NVME_IOCTL_IO_CMD, &cmd);
}

static long deallocate(unsigned int ns, uint32_t e)
{
	struct {
		uint32_t attributes, nlb;
		uint64_t slba;
	} range = { 0, EXTENT, e * EXTENT };
	struct nvme_passthru_cmd cmd = {
		.opcode = OP_DSM,
		.nsid = ns + 1,
		.addr = (uintptr_t)&range,
		.data_len = sizeof(range),
		.cdw11 = 1u << 2,
	};

	return ioctl(fd[1 + ns], NVME_IOCTL_IO_CMD, &cmd);
}

static long admin(struct nvme_passthru_cmd cmd)
{
	return ioctl(fd[0], NVME_IOCTL_ADMIN_CMD, &cmd);
}

/* Identify Namespace of an allocated NSID; zeroes where there is none */
static long identify(uint32_t nsid, uint8_t *page)
{
	return admin((struct nvme_passthru_cmd){ .opcode = ADM_IDENTIFY,
						 .nsid = nsid,
						 .addr = (uintptr_t)page,
						 .data_len = 4096,
						 .cdw10 = 0x11 });
}

static long create(uint32_t units)
{
	static uint8_t page[4096];
	uint64_t nsze = units * 1024;

	memset(page, 0, sizeof(page));
	memcpy(page, &nsze, 8);
	memcpy(page + 8, &nsze, 8);
	return admin((struct nvme_passthru_cmd){ .opcode = ADM_NS_MGMT,
						 .addr = (uintptr_t)page,
						 .data_len = 4096 });
}

static long delete(uint32_t nsid)
{
	return admin((struct nvme_passthru_cmd){ .opcode = ADM_NS_MGMT, .nsid = nsid, .cdw10 = 1 });
}

/* ---- what is there ---- */

static bool possible(const struct pair *p, uint32_t value)
{
	return value == p->acked || value == p->issued;
}

static uint32_t stamp_of(const uint8_t *block)
{
	uint32_t stamp;

	memcpy(&stamp, block, 4);
	return stamp ? stamp : DEALLOCATED;
}

static int check_extent(const struct notes *n, unsigned int ns, uint32_t e)
{
	const struct pair *p = &n->block[ns][e];
	static uint8_t seen[EXTENT * LBS], seen_md[EXTENT * MS];
	long ret = io(ns, OP_READ, e);

	if (ret) {
		fprintf(stderr, "crash: namespace %u, extent %u: Read gives %ld (%s)\n", ns + 1, e, ret,
			ret < 0 ? strerror(errno) : "a status");
		return 1;
	}
	memcpy(seen, data, sizeof(seen));
	memcpy(seen_md, md, sizeof(seen_md));
	for (uint32_t i = 0; i < EXTENT; i++) {
		uint32_t stamp = stamp_of(seen + i * LBS);

		if (!possible(p, stamp) && !(stamp == DEALLOCATED && !p->acked)) {
			fprintf(stderr,
				"crash: namespace %u, block %u has stamp %x; acknowledged is %x, issued %x\n",
				ns + 1, e * EXTENT + i, stamp, p->acked, p->issued);
			return 1;
		}
		/* data and metadata go together, and a command with metadata is whole */
		if (ns && stamp != stamp_of(seen)) {
			fprintf(stderr, "crash: namespace 2, extent %u: half a command: %x and %x\n", e,
				stamp_of(seen), stamp);
			return 1;
		}
		if (stamp == DEALLOCATED) {
			for (uint32_t b = 0; b < LBS; b++) {
				if (seen[i * LBS + b]) {
					fprintf(stderr, "crash: namespace %u, block %u: neither zeroes nor data\n",
						ns + 1, e * EXTENT + i);
					return 1;
				}
			}
			continue;
		}
		fill(e, stamp);
		if (memcmp(seen + i * LBS, data + i * LBS, LBS) ||
		    (ns && memcmp(seen_md + i * MS, md + i * MS, 8))) {
			fprintf(stderr, "crash: namespace %u, block %u: torn, or metadata of another write\n",
				ns + 1, e * EXTENT + i);
			return 1;
		}
	}
	return 0;
}

static int check(struct notes *n)
{
	static uint8_t page[4096];
	uint64_t nsze;

	for (unsigned int ns = 0; ns < 2; ns++) {
		for (uint32_t e = 0; e < EXTENTS; e++) {
			struct pair *p = &n->block[ns][e];

			if (check_extent(n, ns, e))
				return 1;
			n->nr_checked++;
			if (p->issued == p->acked)
				continue;
			/* either was right; to know which it is from now on, do it again */
			n->nr_open++;
			fill(e, p->issued);
			if (p->issued == DEALLOCATED ? deallocate(ns, e) : io(ns, OP_WRITE, e))
				return 1;
			p->acked = p->issued;
		}
	}
	if (identify(3, page))
		return 1;
	if (!possible(&n->format, page[26] & 0xf)) {
		fprintf(stderr, "crash: namespace 3 has format %u; acknowledged is %u, issued %u\n",
			page[26] & 0xf, n->format.acked, n->format.issued);
		return 1;
	}
	n->format.issued = n->format.acked = page[26] & 0xf;
	if (identify(4, page))
		return 1;
	memcpy(&nsze, page, 8);
	if (nsze % 1024 || !possible(&n->dynamic, (uint32_t)(nsze / 1024))) {
		fprintf(stderr,
			"crash: namespace 4 has %" PRIu64 " blocks; acknowledged is %u, issued %u times 1024\n",
			nsze, n->dynamic.acked, n->dynamic.issued);
		return 1;
	}
	n->dynamic.issued = n->dynamic.acked = (uint32_t)(nsze / 1024);
	return 0;
}

/* ---- the load: until a call fails because the daemon is gone ---- */

static long load_once(struct notes *n, uint32_t *stamp)
{
	static const uint8_t formats[] = { 0, 1, 4, 5 };
	uint32_t pick = below(100), e = below(EXTENTS), ns = below(2), value;
	struct pair *p = &n->block[ns][e];
	long ret;

	if (pick < 88) {
		p->issued = value = ++*stamp;
		fill(e, value);
		ret = io(ns, OP_WRITE, e);
	} else if (pick < 96) {
		p->issued = value = DEALLOCATED;
		ret = deallocate(ns, e);
	} else if (pick < 98) {
		p = &n->format;
		p->issued = value = formats[below(4)];
		ret = admin((struct nvme_passthru_cmd){
			.opcode = ADM_FORMAT, .nsid = 3, .cdw10 = value, .timeout_ms = 10000 });
	} else {
		p = &n->dynamic;
		p->issued = value = p->acked ? 0 : 1 + below(3);
		ret = value ? create(value) : delete(4);
	}
	if (!ret) {
		p->acked = value;
		n->nr_acked++;
	}
	return ret;
}

static int work(const char *path, const char *seed, bool only_check)
{
	int log = open(path, O_RDWR);
	struct notes *n = mmap(NULL, sizeof(*n), PROT_READ | PROT_WRITE, MAP_SHARED, log, 0);
	uint32_t stamp = 0;
	long ret;

	data = aligned_alloc(4096, EXTENT * LBS);
	md = aligned_alloc(4096, 4096);
	if (n == MAP_FAILED || !data || !md)
		return 1;
	rng = strtoull(seed, NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
	for (int i = 0; i < 3; i++) {
		char name[64];

		snprintf(name, sizeof(name), i ? NODE "n%d" : NODE, i);
		fd[i] = open(name, O_RDWR);
		if (fd[i] < 0) {
			fprintf(stderr, "crash: %s: %s\n", name, strerror(errno));
			return 1;
		}
	}
	if (check(n))
		return 1;
	if (only_check)
		return 0;
	for (unsigned int ns = 0; ns < 2; ns++)
		for (uint32_t e = 0; e < EXTENTS; e++)
			if (!(n->block[ns][e].issued & DEALLOCATED) &&
			    n->block[ns][e].issued > stamp)
				stamp = n->block[ns][e].issued;
	n->loading = 1;
	do
		ret = load_once(n, &stamp);
	while (!ret);
	if (ret > 0) {
		fprintf(stderr, "crash: a command failed with status %lx before the daemon died\n", ret);
		return 1;
	}
	return 0;
}

/* ---- the harness ---------------------------------------------------------------------------- */

static pid_t start(const char *const argv[], int out)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (out >= 0) {
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
	}
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static int ended(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* the daemon says when it is ready */
static pid_t start_daemon(const char *nvmesim, const char *dir)
{
	char conf[512], sock[512], state[512], line[1024];
	const char *argv[] = { nvmesim, "--no-cuse", "--foreground", "-c", conf,
			 "--socket", sock, "--state", state, NULL };
	int fds[2];
	FILE *err;
	pid_t pid;

	snprintf(conf, sizeof(conf), "%s/crash.conf", dir);
	snprintf(sock, sizeof(sock), "%s/crash.sock", dir);
	snprintf(state, sizeof(state), "%s/state", dir);
	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = start(argv, fds[1]);
	close(fds[1]);
	err = fdopen(fds[0], "r");
	while (err && fgets(line, sizeof(line), err)) {
		if (strstr(line, "ready")) {
			fclose(err);
			return pid;
		}
		fprintf(stderr, "%s", line);
	}
	if (err)
		fclose(err);
	fprintf(stderr, "crash: the daemon did not start: status %d\n", ended(pid));
	return -1;
}

static int run(unsigned int rounds, const char *nvmesim, const char *launcher, const char *dir,
	       const char *self)
{
	char log[512], attach[512], seed[32];
	const char *argv[] = { launcher, attach, "--", self, "work", log, seed, NULL, NULL };
	struct notes *n;
	int file;

	snprintf(log, sizeof(log), "%s/crash.log", dir);
	snprintf(attach, sizeof(attach), "--attach=%s/crash.sock", dir);
	file = open(log, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, sizeof(*n)))
		return 1;
	n = mmap(NULL, sizeof(*n), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (n == MAP_FAILED)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	rng = 88172645463325252ull;
	for (unsigned int round = 0; round <= rounds; round++) {
		pid_t daemon = start_daemon(nvmesim, dir), client;
		int code;

		if (daemon < 0)
			return 1;
		n->loading = 0;
		snprintf(seed, sizeof(seed), "%u", round + 1);
		argv[7] = round == rounds ? "check" : NULL;
		client = start(argv, -1);
		while (round < rounds && !n->loading && !waitpid(client, &code, WNOHANG))
			nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
		if (round < rounds && !n->loading) {
			kill(daemon, SIGKILL);
			ended(daemon);
			fprintf(stderr, "crash: round %u found something wrong\n", round);
			return 1;
		}
		if (round < rounds) {
			nanosleep(&(struct timespec){ .tv_nsec = 1000 * (1 + below(15000)) }, NULL);
			kill(daemon, SIGKILL);
		}
		code = ended(client);
		if (round == rounds)
			kill(daemon, SIGTERM);
		ended(daemon);
		if (code) {
			fprintf(stderr, "crash: round %u: the client ended with %d\n", round, code);
			return 1;
		}
	}
	printf("%u kills: %" PRIu64 " commands acknowledged, %" PRIu64
	       " extents compared, %" PRIu64 " in flight when it happened\n",
	       rounds, n->nr_acked, n->nr_checked, n->nr_open);
	return 0;
}

int main(int argc, char **argv)
{
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return 1;
	self[len] = '\0';
	if (argc == 6 && !strcmp(argv[1], "run"))
		return run((unsigned int)strtoul(argv[2], NULL, 10), argv[3], argv[4], argv[5], self);
	if (argc >= 4 && !strcmp(argv[1], "work"))
		return work(argv[2], argv[3], argc == 5);
	fputs("usage: crash run ROUNDS NVMESIM NVMESIM-RUN DIRECTORY\n", stderr);
	return 2;
}
