/* SPDX-License-Identifier: MIT */
/*
 * xstate.c - for the guest's kernel: registers that it does not know stay as they are
 *
 * Debian 12's user-mode-linux has room for the registers of AVX-512. Where a process may have more
 * (AMX's tiles), Linux refuses to set some of them alone, and the guest ends in its first process.
 * With this library preloaded the rest is set to what it is.
 */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

static long (*next)(enum __ptrace_request, pid_t, void *, void *);
/* not on the stack: the kernel's stacks are small, and it is one thread */
static char room[1 << 16];

__attribute__((constructor)) static void find(void)
{
	next = (long (*)(enum __ptrace_request, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace");
}

long ptrace(enum __ptrace_request request, ...)
{
	struct iovec all = { room, sizeof(room) };
	void *addr, *data;
	va_list ap;
	pid_t pid;

	va_start(ap, request);
	pid = va_arg(ap, pid_t);
	addr = va_arg(ap, void *);
	data = va_arg(ap, void *);
	va_end(ap);
	if (request == PTRACE_SETREGSET && addr == (void *)NT_X86_XSTATE) {
		const struct iovec *some = data;

		if (!next(PTRACE_GETREGSET, pid, addr, &all) && all.iov_len > some->iov_len) {
			memcpy(room, some->iov_base, some->iov_len);
			data = &all;
		}
	}
	return next(request, pid, addr, data);
}
