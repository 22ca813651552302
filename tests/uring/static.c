/* SPDX-License-Identifier: MIT */
/*
 * static.c - the main things once more from a statically linked program (there is no static
 * CMocka): nothing of the door lives in the program. Arguments: controller node, namespace node.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "../e2e/run_check.h"
#include "uapi.h"

#define DEPTH 64
#define BYTES 4096u

static struct io_uring_sqe *command(struct io_uring *r, int fd, uint32_t op,
				    struct nvme_uring_cmd cmd, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(r);

	if (!sqe) /* never more than DEPTH */
		abort();
	memset(sqe, 0, 128);
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->cmd_op = op;
	sqe->user_data = data;
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	return sqe;
}

static void rw(struct io_uring *r, int fd, uint8_t opcode, char *mem)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < DEPTH; i++)
		command(r, fd, NVME_URING_CMD_IO,
			(struct nvme_uring_cmd){.opcode = opcode,
						.nsid = 1,
						.cdw10 = i * 8,
						.cdw12 = 7,
						.addr = (uintptr_t)mem + i * BYTES,
						.data_len = BYTES},
			i);
	CHECK(io_uring_submit_and_wait(r, DEPTH) >= DEPTH);
	for (uint32_t i = 0; i < DEPTH; i++) {
		struct io_uring_cqe *cqe = NULL;

		CHECK(io_uring_wait_cqe(r, &cqe) == 0 && cqe->res == 0 && cqe->user_data < DEPTH);
		if (!cqe)
			return;
		CHECK(!(seen >> cqe->user_data & 1));
		seen |= 1ull << cqe->user_data;
		io_uring_cqe_seen(r, cqe);
	}
}

int main(int argc, char **argv)
{
	static const unsigned int setup[] = {0, IORING_SETUP_IOPOLL, IORING_SETUP_SQPOLL,
					     IORING_SETUP_SINGLE_ISSUER |
						     IORING_SETUP_DEFER_TASKRUN};
	char *out = aligned_alloc(4096, DEPTH * BYTES), *in = aligned_alloc(4096, DEPTH * BYTES);
	uint8_t *id = aligned_alloc(4096, 4096);
	int ctrl, ns;

	if (argc != 3)
		return 2;
	alarm(60);
	ctrl = open(argv[1], O_RDWR);
	ns = open(argv[2], O_RDWR);
	CHECK(ctrl >= 0 && ns >= 0);
	for (unsigned int s = 0; s < sizeof(setup) / sizeof(setup[0]); s++) {
		struct io_uring r;
		struct io_uring_cqe *cqe = NULL;

		CHECK(io_uring_queue_init(
			      DEPTH, &r, setup[s] | IORING_SETUP_SQE128 | IORING_SETUP_CQE32) == 0);
		for (uint32_t i = 0; i < DEPTH * BYTES; i++)
			out[i] = (char)(i * 2654435761u >> (13 + s));
		memset(in, 0, DEPTH * BYTES);
		rw(&r, ns, 0x01, out);
		rw(&r, ns, 0x02, in);
		CHECK(!memcmp(in, out, DEPTH * BYTES));
		memset(id, 0xee, 4096);
		command(&r, ctrl, NVME_URING_CMD_ADMIN,
			(struct nvme_uring_cmd){.opcode = 0x06,
						.cdw10 = 1,
						.addr = (uintptr_t)id,
						.data_len = 4096},
			1);
		CHECK(io_uring_submit_and_wait(&r, 1) >= 1);
		CHECK(io_uring_wait_cqe(&r, &cqe) == 0 && cqe->res == 0);
		CHECK(!memcmp(id + 768, "nqn.", 4));
		io_uring_queue_exit(&r);
	}
	return check_end();
}
