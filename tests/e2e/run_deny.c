/* SPDX-License-Identifier: MIT */
/*
 * run_deny.c - runs a program under a filter that forbids one system call with EPERM, as container
 * profiles do. Arguments: kcmp | process_vm_readv | seccomp, then the program.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *name;
	unsigned int nr;
} calls[] = {
	{ "kcmp", __NR_kcmp },
	{ "process_vm_readv", __NR_process_vm_readv },
	{ "seccomp", __NR_seccomp },
};

int main(int argc, char **argv)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(f) / sizeof(f[0]), .filter = f };
	size_t i;

	for (i = 0; argc > 2 && i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!strcmp(argv[1], calls[i].name))
			break;
	}
	if (argc < 3 || i == sizeof(calls) / sizeof(calls[0]))
		return 99;
	f[1].k = calls[i].nr;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog)) {
		perror("prctl");
		return 99;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 99;
}
