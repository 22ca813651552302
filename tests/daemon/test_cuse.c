/* SPDX-License-Identifier: MIT */
/*
 * test_cuse.c - the CUSE door's calls, with a kernel that is ours: what fs/fuse/file.c does with an
 * unrestricted ioctl (rounds of FUSE_IOCTL until the daemon has all it asked for) is done here,
 * against a real machine. No device and no privilege needed. What the door calls of libfuse is
 * below.
 */
#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../../cuse/door.h"

#define PAGE	  4096
#define CARRY_MAX (32 * PAGE) /* fc->max_pages of a CUSE connection */

/* ---- libfuse, as far as the door uses it for calls ---- */

enum answer { NOT_YET, ERROR, RESULT, RETRY };

struct fuse_req {
	struct cuse_session *session;
	struct fuse_ctx ctx;
	enum answer answer;
	int result;
	unsigned char out[CARRY_MAX];
	size_t out_len;
	struct iovec in_iov[256], out_iov[256];
	size_t nr_in, nr_out;
	fuse_interrupt_func_t interrupt;
	void *interrupt_data;
};

static void answer(fuse_req_t req, enum answer kind, int result)
{
	assert_int_equal(req->answer, NOT_YET); /* a request is answered once */
	req->answer = kind;
	req->result = result;
}

int fuse_reply_err(fuse_req_t req, int err)
{
	assert_in_range(err, 1, 511); /* what the kernel takes */
	answer(req, ERROR, err);
	return 0;
}

int fuse_reply_ioctl(fuse_req_t req, int result, const void *buf, size_t size)
{
	answer(req, RESULT, result);
	assert_true(size <= sizeof(req->out));
	if (size)
		memcpy(req->out, buf, size);
	req->out_len = size;
	return 0;
}

int fuse_reply_ioctl_retry(fuse_req_t req, const struct iovec *in_iov, size_t in_count,
			   const struct iovec *out_iov, size_t out_count)
{
	answer(req, RETRY, 0);
	assert_true(in_count + out_count <= 256); /* FUSE_IOCTL_MAX_IOV */
	memcpy(req->in_iov, in_iov, in_count * sizeof(*in_iov));
	memcpy(req->out_iov, out_iov, out_count * sizeof(*out_iov));
	req->nr_in = in_count;
	req->nr_out = out_count;
	return 0;
}

const struct fuse_ctx *fuse_req_ctx(fuse_req_t req)
{
	return &req->ctx;
}

void *fuse_req_userdata(fuse_req_t req)
{
	return req->session;
}

void fuse_req_interrupt_func(fuse_req_t req, fuse_interrupt_func_t func, void *data)
{
	req->interrupt = func;
	req->interrupt_data = data;
}

/* the door is the test's own */
void cuse_door_release(struct cuse_door *d)
{
	cuse_free_pools(d);
}

/* ---- the world ---- */

struct world {
	struct conf conf;
	struct dmn_loop *loop;
	struct dmn_machine *machine;
	struct cuse_door door;
	struct cuse_session ctrl, ns;
	struct cuse_handle handle;
	pid_t tid; /* whom the kernel says the caller is */
	bool no_process_vm;
	unsigned int rounds;				      /* of the last call */
	void (*between)(struct world *w, unsigned int round); /* the client's other thread */
	struct nvme_passthru_cmd *cmd;
	unsigned char *buf, *other; /* CARRY_MAX bytes each */
	struct fuse_req req;
};

static int begin(void **state)
{
	char prog[] = "test", *argv[] = { prog, NULL }, err[512] = "";
	struct world *w = calloc(1, sizeof(*w));

	if (!w || conf_parse_args(&w->conf, "test", 1, argv, false, NULL) < 0)
		return -1;
	w->loop = dmn_loop_new();
	w->machine = dmn_machine_new(&w->conf, w->loop, err, sizeof(err));
	if (!w->machine) {
		fprintf(stderr, "%s\n", err);
		return -1;
	}
	w->door.m = w->machine;
	w->door.params.process_vm = true;
	w->door.carry_max = CARRY_MAX;
	w->ctrl.door = w->ns.door = &w->door;
	w->ctrl.ref = dmn_machine_find(w->machine, "nvmesim0")->ref;
	w->ns.ref = dmn_machine_find(w->machine, "nvmesim0n1")->ref;
	w->handle = (struct cuse_handle){ .writable = true, .privileged = true };
	w->tid = getpid();
	w->buf = malloc(4 * CARRY_MAX);
	w->other = malloc(CARRY_MAX);
	*state = w;
	return w->buf && w->other ? 0 : -1;
}

static int finish(void **state)
{
	struct world *w = *state;

	dmn_machine_free(w->machine);
	if (w->door.nr_calls || w->ctrl.calls || w->ns.calls)
		return -1; /* a call was lost */
	cuse_free_pools(&w->door);
	dmn_loop_free(w->loop);
	conf_free(&w->conf);
	free(w->buf);
	free(w->other);
	free(w);
	return 0;
}

/* ---- the kernel ---- */

static void send_round(struct world *w, struct cuse_session *s, unsigned int cmd, void *arg,
		       const void *in, size_t in_len, size_t out_len)
{
	struct fuse_file_info fi = { .fh = (uintptr_t)&w->handle };

	w->door.params.process_vm = !w->no_process_vm;
	w->req = (struct fuse_req){ .session = s, .ctx = { .pid = w->tid } };
	cuse_op_ioctl(&w->req, (int)cmd, arg, &fi, FUSE_IOCTL_UNRESTRICTED, in, in_len, out_len);
}

static size_t sum(const struct iovec *v, size_t n)
{
	size_t total = 0;

	while (n--)
		total += v[n].iov_len;
	return total;
}

/* copy between @flat and the client's memory, which is ours. Return: false on a fault. */
static bool copy(unsigned char *flat, size_t len, const struct iovec *v, size_t n, bool to_client)
{
	for (; n && len; n--, v++) {
		size_t part = v->iov_len < len ? v->iov_len : len;
		struct iovec local = { flat, part }, remote = { v->iov_base, part };
		ssize_t moved = to_client ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0)
					  : process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

		if (moved != (ssize_t)part)
			return false;
		flat += part;
		len -= part;
	}
	return true;
}

/* ioctl(2) on a CUSE node. Return: as the system call, with -errno */
static long call(struct world *w, struct cuse_session *s, unsigned int cmd, void *arg)
{
	static unsigned char in[CARRY_MAX];
	struct iovec out_iov[256];
	size_t in_len = 0, out_len = 0, nr_out = 0;

	if (w->door.restricted) { /* as fuse_do_ioctl(): the structure the number encodes */
		out_iov[0] = (struct iovec){ arg, _IOC_SIZE(cmd) };
		in_len = _IOC_DIR(cmd) & _IOC_WRITE ? _IOC_SIZE(cmd) : 0;
		out_len = _IOC_DIR(cmd) & _IOC_READ ? _IOC_SIZE(cmd) : 0;
		nr_out = 1;
		if (in_len && !copy(in, in_len, out_iov, 1, false))
			return -EFAULT;
	}
	for (w->rounds = 1;; w->rounds++) {
		assert_true(w->rounds < 20);
		send_round(w, s, cmd, arg, in, in_len, out_len);
		if (w->req.answer != RETRY)
			break;
		in_len = sum(w->req.in_iov, w->req.nr_in);
		out_len = sum(w->req.out_iov, w->req.nr_out);
		assert_true(in_len <= CARRY_MAX && out_len <= CARRY_MAX); /* else ENOMEM */
		nr_out = w->req.nr_out;
		memcpy(out_iov, w->req.out_iov, sizeof(out_iov));
		if (w->between)
			w->between(w, w->rounds);
		if (!copy(in, in_len, w->req.in_iov, w->req.nr_in, false))
			return -EFAULT;
	}
	switch (w->req.answer) {
	case ERROR:
		return -w->req.result;
	case RESULT:
		if (w->req.out_len > out_len)
			return -EIO;
		return copy(w->req.out, w->req.out_len, out_iov, nr_out, true) ? w->req.result
									       : -EFAULT;
	default:
		return -EAGAIN; /* it goes on */
	}
}

/* ---- commands ---- */

static struct nvme_passthru_cmd identify(struct world *w)
{
	return (struct nvme_passthru_cmd){
		.opcode = 0x06, .addr = (uintptr_t)w->buf, .data_len = PAGE, .cdw10 = 1
	};
}

static struct nvme_passthru_cmd rw(struct world *w, uint8_t opcode, uint32_t len)
{
	return (struct nvme_passthru_cmd){ .opcode = opcode,
					   .nsid = 1,
					   .addr = (uintptr_t)w->buf,
					   .data_len = len,
					   .cdw12 = len / 512 - 1 };
}

static void fill(unsigned char *p, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (unsigned char)((seed += 0x9e3779b9u) >> 24);
}

/* ---- tests ---- */

static void test_direct_is_one_round(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = identify(w);

	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	assert_int_equal(w->rounds, 1);
	assert_int_equal(w->req.out_len, 0);
	assert_memory_equal(w->buf + 24, "QEMU NVMe Ctrl ", 15); /* MN */
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_ID, NULL), 1);
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ID, NULL), -ENOTTY);
}

static void test_restricted_brings_the_structure(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = identify(w), features = { .opcode = 0x0a, .cdw10 = 0x04 };
	struct nvme_user_io io = { .opcode = 0x01, .addr = (uintptr_t)w->buf, .nblocks = 7 };

	w->door.restricted = true;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	assert_int_equal(w->rounds, 1);
	assert_int_equal(w->req.out_len, sizeof(c));
	assert_memory_equal(w->buf + 24, "QEMU NVMe Ctrl ", 15); /* MN */
	assert_int_equal(c.addr, (uintptr_t)w->buf);
	/* the result is in what the kernel takes back */
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &features), 0);
	assert_int_equal(features.result, 0x157);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_SUBMIT_IO, &io), 0);
	assert_int_equal(w->req.out_len, 0);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_ID, NULL), 1);
	/* numbers that are nobody's: more than the mirror holds, or nothing but an answer */
	assert_int_equal(call(w, &w->ns, _IOC(_IOC_WRITE | _IOC_READ, 'N', 0x41, 4096), w->buf),
			 -ENOTTY);
	assert_int_equal(call(w, &w->ns, _IOC(_IOC_READ, 'N', 0x60, 64), w->buf), -ENOTTY);
	/* a task that not even root reaches is told so: the structure came, its data cannot */
	w->tid = 0x3fffffff;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EPERM);
	c.data_len = 0;
	c.opcode = 0x0a;
	c.cdw10 = 0x04;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	assert_int_equal(c.result, 0x157);
}

static void test_carried_gives_the_same(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = identify(w);

	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	memcpy(w->other, w->buf, PAGE);
	memset(w->buf, 0, PAGE);
	w->no_process_vm = true;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	assert_int_equal(w->rounds, 3);
	assert_memory_equal(w->buf, w->other, PAGE);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_ID, NULL), 1);
	assert_int_equal(w->rounds, 1);
}

static void test_denied_is_carried(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = identify(w);

	w->tid = 0; /* a caller in another PID namespace */
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	assert_int_equal(w->rounds, 3);
	w->tid = 0x3fffffff; /* process_vm_readv() fails, but not for the address */
	memset(w->buf, 0, PAGE);
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	assert_memory_equal(w->buf + 24, "QEMU NVMe Ctrl ", 15);
}

static void test_write_and_read_carried(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c;
	uint32_t len = CARRY_MAX - PAGE; /* with the structure it still fits */

	w->no_process_vm = true;
	fill(w->buf, len, 1);
	memcpy(w->other, w->buf, len);
	c = rw(w, 1, len);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), 0);
	memset(w->buf, 0, len);
	c = rw(w, 2, len);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), 0);
	assert_memory_equal(w->buf, w->other, len);

	/* and directly, with more than FUSE could carry */
	w->no_process_vm = false;
	fill(w->buf, 2 * CARRY_MAX, 2);
	c = rw(w, 1, 2 * CARRY_MAX);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), 0);
	c = rw(w, 2, CARRY_MAX);
	c.addr = (uintptr_t)w->other;
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), 0);
	assert_memory_equal(w->buf, w->other, CARRY_MAX);
}

static void test_too_much_to_carry(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c;

	w->no_process_vm = true;
	c = rw(w, 1, CARRY_MAX);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), -EMSGSIZE);
	c = rw(w, 2, CARRY_MAX);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), -EMSGSIZE);
	c.data_len = 0xffffffff;
	assert_true(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c) < 0);
	c = rw(w, 2, PAGE);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), 0);
}

static void test_vectors_carried(void **state)
{
	struct world *w = *state;
	struct iovec vec[3] = { { w->buf, 512 }, { w->buf + 8192, 1024 }, { w->buf + 1024, 512 } };
	struct nvme_passthru_cmd64 c = {
		.opcode = 1, .nsid = 1, .addr = (uintptr_t)vec, .vec_cnt = 3, .cdw12 = 3
	};

	fill(w->buf, 16384, 3);
	w->no_process_vm = true;
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO64_CMD_VEC, &c), 0);
	assert_int_equal(w->rounds, 4); /* structure, vectors, data */
	c.opcode = 2;
	c.vec_cnt = 1;
	vec[0] = (struct iovec){ w->other, 2048 };
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO64_CMD_VEC, &c), 0);
	assert_memory_equal(w->other, w->buf, 512);
	assert_memory_equal(w->other + 512, w->buf + 8192, 1024);
	assert_memory_equal(w->other + 1536, w->buf + 1024, 512);
}

static void test_result_that_was_right_already(void **state)
{
	struct world *w = *state;
	/* Get Features, Temperature Threshold (04h): the result is not zero */
	struct nvme_passthru_cmd c = { .opcode = 0x0a, .cdw10 = 4 };
	uint32_t result;

	w->no_process_vm = true;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	result = c.result;
	assert_int_not_equal(result, 0);
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	assert_int_equal(c.result, result);
}

static void test_failed_command_leaves_the_buffer(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = identify(w);

	w->no_process_vm = true;
	c.cdw10 = 0xff; /* no such CNS */
	fill(w->buf, PAGE, 4);
	memcpy(w->other, w->buf, PAGE);
	assert_true(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c) > 0);
	assert_memory_equal(w->buf, w->other, PAGE);
}

/* the structure changes while the kernel fetches what it named */
static void change_length(struct world *w, unsigned int round)
{
	if (round == 2)
		w->cmd->data_len = 512;
}

static void change_opcode(struct world *w, unsigned int round)
{
	if (round == 2)
		w->cmd->opcode = 1;
}

static void test_structure_that_changes(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = rw(w, 2, PAGE);

	w->no_process_vm = true;
	w->cmd = &c;
	w->between = change_length;
	c.cdw12 = 0;
	memset(w->buf, 0xa5, PAGE);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), 0);
	assert_int_equal(w->rounds, 4); /* asked again for what is named now */
	for (unsigned int i = 512; i < PAGE; i++)
		assert_int_equal(w->buf[i], 0xa5);

	/* a read turns into a write: its bytes must have been fetched before it is carried out */
	c = rw(w, 2, PAGE);
	w->between = change_opcode;
	fill(w->buf, PAGE, 5);
	memcpy(w->other, w->buf, PAGE);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), 0);
	w->between = NULL;
	memset(w->buf, 0, PAGE);
	c = rw(w, 2, PAGE);
	assert_int_equal(call(w, &w->ns, NVME_IOCTL_IO_CMD, &c), 0);
	assert_memory_equal(w->buf, w->other, PAGE);
}

static void test_rounds_nobody_asked_for(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = identify(w);

	send_round(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c, &c, 8, 0);
	assert_int_equal(w->req.answer, RETRY);
	send_round(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c, &c, sizeof(c), 1);
	assert_int_equal(w->req.answer, RETRY);
	send_round(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c, &c, sizeof(c), CARRY_MAX + 1);
	assert_int_equal(w->req.answer, ERROR);
	send_round(w, &w->ctrl, _IO('N', 0x7f), NULL, &c, sizeof(c), 0);
	assert_int_equal(w->req.answer, ERROR);
	assert_int_equal(w->req.result, ENOTTY);
}

static void test_bad_pointers_direct(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = identify(w);
	unsigned char *hole = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, NULL), -EFAULT);
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, hole), -EFAULT);
	c.addr = (uintptr_t)hole;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EFAULT);
	w->no_process_vm = true;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, NULL), -EFAULT);
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EFAULT);
	munmap(hole, PAGE);
}

static void test_who_may(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = { .opcode = 0x02,
				       .nsid = 0xffffffff,
				       .data_len = 512,
				       .addr = (uintptr_t)w->buf,
				       .cdw10 = 0x007f0002 };

	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
	w->handle.privileged = false;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EACCES);
	w->no_process_vm = true;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EACCES);

	/* the handle was opened by somebody else: look again, and find ourselves */
	w->handle.uid = 4711;
	w->no_process_vm = false;
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c),
			 cuse_privileged(getpid(), 0) ? 0 : -EACCES);
	assert_int_equal(w->handle.uid, 0);

	/* capabilities of another PID namespace's tasks cannot be seen */
	assert_true(cuse_privileged(0, 0));
	assert_false(cuse_privileged(0, 1000));
	assert_false(cuse_privileged(0x3fffffff, 0));
}

static void test_event_request_waits(void **state)
{
	struct world *w = *state;
	struct nvme_passthru_cmd c = { .opcode = 0x0c };
	struct fuse_req waiting;

	for (int i = 0; i < 2; i++) {
		w->no_process_vm = i;
		assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EAGAIN);
		assert_non_null(w->req.interrupt);
		w->req.interrupt(&w->req, w->req.interrupt_data);
		assert_int_equal(w->req.answer, ERROR);
		assert_int_equal(w->req.result, EINTR);
	}
	/* the session ends under it */
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), -EAGAIN);
	cuse_abandon_calls(&w->ctrl);
	waiting = w->req;
	assert_int_equal(waiting.answer, ERROR);
	assert_int_equal(waiting.result, ENODEV);
	assert_null(w->ctrl.calls);
	c = identify(w);
	assert_int_equal(call(w, &w->ctrl, NVME_IOCTL_ADMIN_CMD, &c), 0);
}

static void test_more_vectors_than_a_system_call_takes(void **state)
{
	struct world *w = *state;
	struct cuse_call c = { .tid = getpid(), .req = &w->req };
	enum { N = 1500 };
	struct iovec *local = calloc(N, sizeof(*local)), remote[2];

	fill(w->other, 2 * N, 6);
	memset(w->buf, 0, 2 * N);
	for (unsigned int i = 0; i < N; i++)
		local[i] = (struct iovec){ w->other + 2 * i, i == 7 ? 0 : 2 };
	remote[0] = (struct iovec){ w->buf, 13 };
	remote[1] = (struct iovec){ w->buf + 13, 2 * N - 2 - 13 };
	assert_int_equal(cuse_direct_ops.xfer(&c.client, true, local, N, remote, 2), 0);
	assert_memory_equal(w->buf, w->other, 14);
	assert_memory_equal(w->buf + 14, w->other + 16, 2 * N - 16);

	remote[1].iov_base = NULL;
	assert_int_equal(cuse_direct_ops.xfer(&c.client, true, local, N, remote, 2), -EFAULT);
	c.req = NULL; /* answered: its client may be gone */
	assert_int_equal(cuse_direct_ops.xfer(&c.client, true, local, 1, remote, 1), -EFAULT);
	free(local);
}

#define with_world(t) cmocka_unit_test_setup_teardown(t, begin, finish)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		with_world(test_direct_is_one_round),
		with_world(test_restricted_brings_the_structure),
		with_world(test_carried_gives_the_same),
		with_world(test_denied_is_carried),
		with_world(test_write_and_read_carried),
		with_world(test_too_much_to_carry),
		with_world(test_vectors_carried),
		with_world(test_result_that_was_right_already),
		with_world(test_failed_command_leaves_the_buffer),
		with_world(test_structure_that_changes),
		with_world(test_rounds_nobody_asked_for),
		with_world(test_bad_pointers_direct),
		with_world(test_who_may),
		with_world(test_event_request_waits),
		with_world(test_more_vectors_than_a_system_call_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
