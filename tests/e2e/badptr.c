/* SPDX-License-Identifier: MIT */
/*
 * badptr.c - what a careless or hostile program does to a node, through any door.
 *
 *   badptr CONTROLLER NAMESPACE   every check; exit status 1 when one does not hold
 *   badptr --event CONTROLLER     wait in an Asynchronous Event Request, print how it ended
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

/* opcodes and status codes: NVMe Base 2.1, figures 31, 102; NVM Command Set 1.1, figure 22 */
enum { ADMIN_GET_LOG = 0x02, ADMIN_IDENTIFY = 0x06, ADMIN_AER = 0x0c, ADMIN_UNKNOWN = 0x7b };
enum { NVM_WRITE = 0x01, NVM_READ = 0x02, NVM_UNKNOWN = 0x7e };
enum { SC_INVALID_OPCODE = 0x01, SC_INVALID_FIELD = 0x02 };

static unsigned int failures;

/** wants() - one check: what came back is @want (an errno name's number negated, or a value) */
static void wants(const char *what, long got, long want)
{
	if (got == want)
		return;
	failures++;
	printf("%s: %ld%s%s%s instead of %ld%s%s%s\n", what, got, got < 0 ? " (" : "",
	       got < 0 ? strerrorname_np((int)-got) : "", got < 0 ? ")" : "", want,
	       want < 0 ? " (" : "", want < 0 ? strerrorname_np((int)-want) : "",
	       want < 0 ? ")" : "");
}

/* as a system call returns it: an NVMe status without its upper bits, or -errno */
static long call(int fd, unsigned long cmd, const void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret & 0x7ff;
}

static uint64_t ptr(const void *p)
{
	return (uintptr_t)p;
}

static struct nvme_passthru_cmd identify(void *buf)
{
	return (struct nvme_passthru_cmd){
		.opcode = ADMIN_IDENTIFY, .addr = ptr(buf), .data_len = PAGE, .cdw10 = 1
	};
}

static struct nvme_passthru_cmd rw(uint8_t opcode, uint32_t nsid, const void *buf, uint32_t len)
{
	return (struct nvme_passthru_cmd){ .opcode = opcode,
					   .nsid = nsid,
					   .addr = ptr(buf),
					   .data_len = len,
					   .cdw10 = 0,
					   .cdw12 = len / 512 - 1 };
}

/* three pages, the one in the middle is not there */
struct arena {
	unsigned char *a, *hole, *b, *readonly;
};

static void arena_make(struct arena *m)
{
	m->a = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->a == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	m->hole = m->a + PAGE;
	m->b = m->a + 2 * PAGE;
	m->readonly = m->a + 3 * PAGE;
	memset(m->a, 0xa5, 4 * PAGE);
	munmap(m->hole, PAGE);
	mprotect(m->readonly, PAGE, PROT_READ);
}

static void check_struct(int ctrl, int ns, struct arena *m)
{
	struct nvme_passthru_cmd *ro = (void *)m->readonly;

	wants("admin, struct at NULL", call(ctrl, NVME_IOCTL_ADMIN_CMD, NULL), -EFAULT);
	wants("admin64, struct at NULL", call(ctrl, NVME_IOCTL_ADMIN64_CMD, NULL), -EFAULT);
	wants("I/O, struct at NULL", call(ns, NVME_IOCTL_IO_CMD, NULL), -EFAULT);
	wants("submit, struct at NULL", call(ns, NVME_IOCTL_SUBMIT_IO, NULL), -EFAULT);
	wants("admin, struct unmapped", call(ctrl, NVME_IOCTL_ADMIN_CMD, m->hole), -EFAULT);
	wants("admin, struct half unmapped", call(ctrl, NVME_IOCTL_ADMIN_CMD, m->hole - 36),
	      -EFAULT);
	wants("admin, struct in the kernel's half",
	      call(ctrl, NVME_IOCTL_ADMIN_CMD, (void *)0xffff888000000000ul), -EFAULT);

	mprotect(m->readonly, PAGE, PROT_READ | PROT_WRITE);
	*ro = identify(m->a);
	ro->result = 0xffffffff; /* so that the command's result is another */
	mprotect(m->readonly, PAGE, PROT_READ);
	wants("admin, result cannot be written", call(ctrl, NVME_IOCTL_ADMIN_CMD, ro), -EFAULT);
}

static void check_data(int ctrl, int ns, uint32_t nsid, struct arena *m)
{
	struct nvme_passthru_cmd c;
	struct nvme_user_io io;
	unsigned char before[512];

	c = identify(NULL);
	wants("identify to NULL", call(ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EFAULT);
	c = identify(m->hole);
	wants("identify to an unmapped page", call(ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EFAULT);
	c = identify(m->hole - 512);
	wants("identify across the end of a page", call(ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EFAULT);
	c = identify(m->readonly);
	wants("identify to read-only memory", call(ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EFAULT);
	c = identify((void *)0xffff888000000000ul);
	wants("identify to the kernel's half", call(ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EFAULT);

	c = rw(NVM_READ, nsid, before, 512);
	wants("read a block", call(ns, NVME_IOCTL_IO_CMD, &c), 0);
	c = rw(NVM_WRITE, nsid, NULL, 512);
	wants("write from NULL", call(ns, NVME_IOCTL_IO_CMD, &c), -EFAULT);
	c = rw(NVM_WRITE, nsid, m->hole, 512);
	wants("write from an unmapped page", call(ns, NVME_IOCTL_IO_CMD, &c), -EFAULT);
	c = rw(NVM_READ, nsid, m->hole, 512);
	wants("read to an unmapped page", call(ns, NVME_IOCTL_IO_CMD, &c), -EFAULT);
	c = rw(NVM_READ, nsid, m->readonly, 512);
	wants("read to read-only memory", call(ns, NVME_IOCTL_IO_CMD, &c), -EFAULT);
	io = (struct nvme_user_io){ .opcode = NVM_READ, .addr = ptr(m->hole) };
	wants("submit, unmapped", call(ns, NVME_IOCTL_SUBMIT_IO, &io), -EFAULT);
	io.addr = ptr(m->b);
	wants("submit, a read", call(ns, NVME_IOCTL_SUBMIT_IO, &io), 0);
	wants("which read the block", memcmp(m->b, before, 512), 0);
}

static void check_vectors(int ns, uint32_t nsid, struct arena *m)
{
	struct iovec vec[2] = { { m->a, 512 }, { m->b, 512 } };
	struct nvme_passthru_cmd64 c = {
		.opcode = NVM_READ, .nsid = nsid, .addr = ptr(vec), .vec_cnt = 2, .cdw12 = 1
	};

	wants("vectored read", call(ns, NVME_IOCTL_IO64_CMD_VEC, &c), 0);
	vec[1].iov_base = m->hole;
	wants("a vector unmapped", call(ns, NVME_IOCTL_IO64_CMD_VEC, &c), -EFAULT);
	c.addr = ptr(m->hole);
	wants("the vectors unmapped", call(ns, NVME_IOCTL_IO64_CMD_VEC, &c), -EFAULT);
	c.addr = ptr(vec);
	c.vec_cnt = 0xffffffff;
	wants("too many vectors", call(ns, NVME_IOCTL_IO64_CMD_VEC, &c), -EINVAL);
}

static void check_numbers(int ctrl, int ns, uint32_t nsid, struct arena *m)
{
	struct nvme_passthru_cmd c;
	char byte = 0;

	wants("unknown 'N' ioctl", call(ctrl, _IO('N', 0x7f), NULL), -ENOTTY);
	wants("unknown 'N' ioctl on a namespace", call(ns, _IO('N', 0x7f), NULL), -ENOTTY);
	wants("a size that is not the struct's",
	      call(ctrl, _IOC(_IOC_READ | _IOC_WRITE, 'N', 0x41, 64), m->a), -ENOTTY);
	wants("another type's ioctl", call(ctrl, _IO('X', 1), NULL), -ENOTTY);
	wants("ID on the controller", call(ctrl, NVME_IOCTL_ID, NULL), -ENOTTY);
	wants("ID on the namespace", call(ns, NVME_IOCTL_ID, NULL), nsid);
	wants("reset on the namespace", call(ns, NVME_IOCTL_RESET, NULL), -ENOTTY);

	c = (struct nvme_passthru_cmd){ .opcode = ADMIN_UNKNOWN };
	wants("unknown admin opcode", call(ctrl, NVME_IOCTL_ADMIN_CMD, &c), SC_INVALID_OPCODE);
	c = (struct nvme_passthru_cmd){ .opcode = NVM_UNKNOWN, .nsid = nsid };
	wants("unknown I/O opcode", call(ns, NVME_IOCTL_IO_CMD, &c), SC_INVALID_OPCODE);
	c = identify(m->a);
	c.flags = 1;
	wants("flags", call(ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EINVAL);
	c = rw(NVM_READ, nsid + 1, m->a, 512);
	wants("another namespace's NSID", call(ns, NVME_IOCTL_IO_CMD, &c), -EINVAL);

	wants("read()", read(ns, &byte, 1) < 0 ? -errno : 0, -EINVAL);
	wants("write()", write(ns, &byte, 1) < 0 ? -errno : 0, -EINVAL);
}

/* more than data_len says, or than the buffer has: transfers are bounded by data_len */
static void check_lengths(int ctrl, int ns, uint32_t nsid, struct arena *m)
{
	struct nvme_passthru_cmd c = identify(m->b);
	struct pollfd pfd = { .fd = ns, .events = POLLIN | POLLOUT };
	long ret;

	memset(m->b, 0xa5, PAGE);
	c.data_len = 512;
	ret = call(ctrl, NVME_IOCTL_ADMIN_CMD, &c);
	if (ret == 0 || ret > 0)
		for (int i = 512; i < PAGE; i++)
			if (m->b[i] != 0xa5) {
				wants("bytes past data_len", m->b[i], 0xa5);
				break;
			}
	c = rw(NVM_READ, nsid, m->b, 512);
	c.cdw12 = 7;
	memset(m->b, 0xa5, PAGE);
	call(ns, NVME_IOCTL_IO_CMD, &c);
	wants("8 blocks into 512 bytes: the rest untouched", m->b[512], 0xa5);
	wants("poll()", poll(&pfd, 1, 0), 1);
	wants("poll(), events", pfd.revents, POLLIN | POLLOUT);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* a command that does not end: the caller's signal ends it */
static long wait_for_event(int ctrl)
{
	struct nvme_passthru_cmd c = { .opcode = ADMIN_AER };

	return call(ctrl, NVME_IOCTL_ADMIN_CMD, &c);
}

static void check_interrupt(int ctrl)
{
	struct sigaction sa = { .sa_handler = on_alarm }; /* without SA_RESTART */
	struct timespec from, to;

	sigaction(SIGALRM, &sa, NULL);
	clock_gettime(CLOCK_MONOTONIC, &from);
	alarm(1);
	wants("an event request, interrupted", wait_for_event(ctrl), -EINTR);
	clock_gettime(CLOCK_MONOTONIC, &to);
	wants("soon after the signal", to.tv_sec - from.tv_sec <= 3, 1);
}

static int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct nvme_passthru_cmd c;
	struct arena m;
	int ctrl, ns;
	uint32_t nsid;
	long ret;

	if (argc != 3) {
		fprintf(stderr, "usage: badptr CONTROLLER NAMESPACE | --event CONTROLLER\n");
		return 2;
	}
	if (!strcmp(argv[1], "--event")) {
		ret = wait_for_event(open_node(argv[2]));
		printf("%s\n", ret < 0 ? strerrorname_np((int)-ret) : "completed");
		return 0;
	}
	ctrl = open_node(argv[1]);
	ns = open_node(argv[2]);
	nsid = (uint32_t)ioctl(ns, NVME_IOCTL_ID);
	arena_make(&m);
	check_struct(ctrl, ns, &m);
	check_data(ctrl, ns, nsid, &m);
	check_vectors(ns, nsid, &m);
	check_numbers(ctrl, ns, nsid, &m);
	check_lengths(ctrl, ns, nsid, &m);
	check_interrupt(ctrl);
	c = identify(m.a);
	wants("after all this, identify", call(ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	printf("%u checks failed\n", failures);
	return failures ? 1 : 0;
}
