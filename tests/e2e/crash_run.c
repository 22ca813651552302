/* SPDX-License-Identifier: MIT */
/*
 * crash_run.c - the harness of crash.h: it starts the daemon and a client, and kills the daemon
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crash.h"

static uint64_t rng;

uint32_t crash_below(uint32_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint32_t)(rng >> 20) % n;
}

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
	const char *argv[] = { nvmesim,	   "--no-cuse", "--foreground", "-c",  conf,
			       "--socket", sock,	"--state",	state, NULL };
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
	       const char *load, const char *self)
{
	char log[512], attach[512], seed[32];
	const char *argv[] = { launcher, attach, "--", self, load, log, seed, NULL, NULL };
	struct crash_notes *n;
	int file;

	snprintf(log, sizeof(log), "%s/crash.log", dir);
	snprintf(attach, sizeof(attach), "--attach=%s/crash.sock", dir);
	file = open(log, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, CRASH_NOTES))
		return 1;
	n = mmap(NULL, CRASH_NOTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
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
			nanosleep(&(struct timespec){ .tv_nsec = 1000 * (1 + crash_below(15000)) },
				  NULL);
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
	printf("%u kills: %" PRIu64 " commands acknowledged, %" PRIu64 " extents compared, %" PRIu64
	       " in flight when it happened\n",
	       rounds, n->nr_acked, n->nr_checked, n->nr_open);
	return 0;
}

static int work(int (*client)(struct crash_notes *n, bool only_check), const char *log,
		const char *seed, bool only_check)
{
	int file = open(log, O_RDWR);
	struct crash_notes *n =
		mmap(NULL, CRASH_NOTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	if (n == MAP_FAILED)
		return 1;
	rng = strtoull(seed, NULL, 10) * 0x9e3779b97f4a7c15ull + 1;
	return client(n, only_check);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*client)(struct crash_notes *n, bool only_check);
	} loads[] = { { "blocks", crash_blocks }, { "zones", crash_zones } };
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return 1;
	self[len] = '\0';
	if (argc == 7 && !strcmp(argv[1], "run"))
		return run((unsigned int)strtoul(argv[2], NULL, 10), argv[3], argv[4], argv[5],
			   argv[6], self);
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]) && argc >= 4; i++)
		if (!strcmp(argv[1], loads[i].name))
			return work(loads[i].client, argv[2], argv[3], argc == 5);
	fputs("usage: crash run ROUNDS NVMESIM NVMESIM-RUN DIRECTORY LOAD\n", stderr);
	return 2;
}
