/* SPDX-License-Identifier: MIT */
/*
 * filter.c - the seccomp filter, built from the table of trapped calls.
 *
 * Only calls of the native architecture are trapped; whatever else a program may issue (32-bit
 * calls, x32) reaches the kernel untouched and sees no simulated node.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"

#if defined(__x86_64__) && !defined(__ILP32__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define X32_BIT	    0x40000000u
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#else
#error "the run door does not know this architecture's AUDIT_ARCH value"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG_LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#else
#define ARG_LOW(n) (offsetof(struct seccomp_data, args) + 8 * (n) + 4)
#endif

#define MAX_INSN 256

struct prog {
	struct sock_filter insn[MAX_INSN];
	unsigned short n;
	bool full;
};

static void emit(struct prog *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->n == MAX_INSN)
		p->full = true;
	else
		p->insn[p->n++] = (struct sock_filter)BPF_JUMP(code, k, jt, jf);
}

static void load(struct prog *p, size_t off)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, off, 0, 0);
}

static void ret(struct prog *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* argument 0 is one of the numbers set aside: go on; else past @skip more instructions */
static void emit_fd(struct prog *p, uint8_t skip)
{
	load(p, ARG_LOW(0));
	emit(p, BPF_JMP | BPF_JGE | BPF_K, TRAP_FD_FIRST, 0, (uint8_t)(skip + 1));
	emit(p, BPF_JMP | BPF_JGE | BPF_K, TRAP_FD_END, skip, 0);
}

/* every row returns within itself, so that no jump ever has to reach further than a few steps */
static void emit_row(struct prog *p, const struct trap_row *row)
{
	switch (row->rule) {
	case TRAP_ALWAYS:
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, row->nr, 0, 1);
		ret(p, SECCOMP_RET_USER_NOTIF);
		break;
	case TRAP_IOCTL_N:
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, row->nr, 0, 8);
		load(p, ARG_LOW(1));
		emit(p, BPF_ALU | BPF_AND | BPF_K, 0xff00, 0, 0); /* _IOC_TYPE() */
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 'N' << 8, 3, 0);
		emit_fd(p, 1);
		ret(p, SECCOMP_RET_USER_NOTIF);
		ret(p, SECCOMP_RET_ALLOW);
		break;
	case TRAP_GETFL:
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, row->nr, 0, 4);
		load(p, ARG_LOW(1));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, F_GETFL, 0, 1);
		ret(p, SECCOMP_RET_USER_NOTIF);
		ret(p, SECCOMP_RET_ALLOW);
		break;
	case TRAP_FD:
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, row->nr, 0, 5);
		emit_fd(p, 1);
		ret(p, SECCOMP_RET_USER_NOTIF);
		ret(p, SECCOMP_RET_ALLOW);
		break;
	case TRAP_WRITE:
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, row->nr, 0, 8);
		load(p, ARG_LOW(0));
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 2);
		load(p, ARG_LOW(2));
		emit(p, BPF_JMP | BPF_JGT | BPF_K, TRAP_WRITE_MAX, 3, 2);
		emit(p, BPF_JMP | BPF_JGE | BPF_K, TRAP_FD_FIRST, 0, 2);
		emit(p, BPF_JMP | BPF_JGE | BPF_K, TRAP_FD_END, 1, 0);
		ret(p, SECCOMP_RET_USER_NOTIF);
		ret(p, SECCOMP_RET_ALLOW);
		break;
	}
}

static void build(struct prog *p)
{
	p->n = 0;
	p->full = false;
	load(p, offsetof(struct seccomp_data, arch));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	ret(p, SECCOMP_RET_ALLOW);
	load(p, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
	emit(p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	ret(p, SECCOMP_RET_ALLOW);
#endif
	for (unsigned int i = 0; i < trap_nr_rows; i++)
		emit_row(p, &trap_rows[i]);
	ret(p, SECCOMP_RET_ALLOW);
}

static int install(const struct sock_fprog *prog, unsigned long flags)
{
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, prog);

	return fd < 0 ? -errno : (int)fd;
}

static const struct {
	int err;
	const char *text;
} reasons[] = {
	{ EBUSY, "this process already runs under a seccomp listener (another nvmesim-run, or a "
		 "container manager), and the kernel allows one only" },
	{ EPERM, "a container or sandbox profile forbids the system call seccomp" },
	{ ENOSYS, "the kernel, or a container profile, has no system call seccomp" },
	{ EINVAL, "this kernel has no seccomp user notification (Linux 5.14 or newer is needed)" },
	{ EACCES, "the kernel refuses a filter without no_new_privs, and setting that failed" },
};

int trap_filter_install(char *err, size_t len)
{
	struct prog p;
	struct sock_fprog fprog = { .filter = p.insn };
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER |
			      SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	const char *text = NULL;
	int fd;

	build(&p);
	if (p.full) {
		snprintf(err, len, "the table of trapped calls is too long for the filter");
		return -E2BIG;
	}
	fprog.len = p.n;

	fd = install(&fprog, flags);
	if (fd == -EACCES) {
		/* no CAP_SYS_ADMIN, so no_new_privs it must be: setuid programs stay plain */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
			fd = install(&fprog, flags);
	}
	if (fd == -EINVAL) /* before 5.19 a signal may interrupt a call that was received already */
		fd = install(&fprog, flags & ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	if (fd >= 0)
		return fd;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].err == -fd)
			text = reasons[i].text;
	}
	if (text)
		snprintf(err, len, "%s", text);
	else
		snprintf(err, len, "the seccomp filter cannot be installed: %s", strerror(-fd));
	return fd;
}
