/* SPDX-License-Identifier: MIT */
/*
 * ur.h - what the programs in tests/uring share: rings, commands and completions, with assertions
 *
 * A program's tests come in two groups. Those of rings alone run on the kernel's own rings too (no
 * arguments), which proves that what they expect is what the kernel does; those with commands need
 * nodes: test_x [CONTROLLER NAMESPACE [NAMESPACE-WITH-METADATA]]
 */
#ifndef URING_UR_H
#define URING_UR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "uapi.h"

#define UR_BIG	    (IORING_SETUP_SQE128 | IORING_SETUP_CQE32)
#define UR_PATIENCE 10 /* seconds until a completion counts as lost */
#define UR_LBA	    512

#define UR_FLUSH    0x00 /* NVM command set */
#define UR_WRITE    0x01
#define UR_READ	    0x02
#define UR_ZEROES   0x08 /* Write Zeroes */
#define UR_AER	    0x0c /* Asynchronous Event Request: waits for ever */
#define UR_LOG	    0x02
#define UR_IDENTIFY 0x06
#define UR_MORE	    0x2000 /* of a status: the Error Information log has more on it */

/** struct ur_env - what the program was called with. @door: there are nodes */
struct ur_env {
	bool door;
	const char *ctrl, *ns, *meta;
};
extern struct ur_env ur;

/** struct ur_cqe - a completion. @result: big_cqe[0] */
struct ur_cqe {
	uint64_t data, result;
	int32_t res;
	uint32_t flags;
};

/** ur_main() - run @rings, and with arguments @nodes too. Return: the exit status */
#define ur_main(argc, argv, rings, nodes)                                                          \
	ur_run(argc, argv, rings, sizeof(rings) / sizeof((rings)[0]), nodes,                       \
	       sizeof(nodes) / sizeof((nodes)[0]))
#define ur_main_nodes(argc, argv, nodes)                                                           \
	ur_run(argc, argv, NULL, 0, nodes, sizeof(nodes) / sizeof((nodes)[0]))
int ur_run(int argc, char **argv, const struct CMUnitTest *rings, size_t nr_rings,
	   const struct CMUnitTest *nodes, size_t nr_nodes);

/** ur_init() - a ring with 128-byte SQEs and 32-byte CQEs, and @flags */
void ur_init(struct io_uring *r, unsigned int entries, unsigned int flags);
void ur_exit(struct io_uring *r);

/** ur_setup() - the same without an assertion. @p may be NULL. Return: 0 or -errno */
int ur_setup(struct io_uring *r, unsigned int entries, unsigned int flags,
	     struct io_uring_params *p);

/** ur_sqe() - the next entry, all of it zero but for @opcode and @data */
struct io_uring_sqe *ur_sqe(struct io_uring *r, uint8_t opcode, uint64_t data);
struct io_uring_sqe *ur_nop(struct io_uring *r, uint64_t data, unsigned int sqe_flags);

/** ur_cmd() - an NVME_URING_CMD_* */
struct io_uring_sqe *ur_cmd(struct io_uring *r, int fd, uint32_t op, struct nvme_uring_cmd cmd,
			    uint64_t data);

/** ur_rw() - Read or Write: @blocks at @slba of namespace 1 */
struct nvme_uring_cmd ur_rw(uint8_t opcode, uint64_t slba, uint32_t blocks, void *buf);
struct nvme_uring_cmd ur_identify(uint32_t cns, void *buf);

/** ur_submit() - and it takes all @n of them */
void ur_submit(struct io_uring *r, int n);

/** ur_reap() - the next completion; one that does not come is a failure */
struct ur_cqe ur_reap(struct io_uring *r);
/** ur_expect() - the next completion is this one. Return: its big_cqe[0] */
uint64_t ur_expect(struct io_uring *r, uint64_t data, int32_t res);
/** ur_expect_any() - the next @n completions are those of @data, in any order; @res by @data */
void ur_expect_any(struct io_uring *r, const uint64_t *data, const int32_t *res, int n);
/** ur_nothing() - no completion is there, and none comes within @ms */
void ur_nothing(struct io_uring *r, unsigned int ms);
/** ur_one() - submit what is there, a single command. Return: its res */
int32_t ur_one(struct io_uring *r);

/** ur_open(), ur_pages() - with assertions; @n pages, zeroed */
int ur_open(const char *path, int flags);
void *ur_pages(unsigned int n);
/** ur_fork() - fork; the child ends with its parent */
pid_t ur_fork(void);
void ur_fill(void *buf, size_t len, uint32_t seed);
bool ur_filled(const void *buf, size_t len, uint32_t seed);

/** ur_supervisor() - the process that serves this one's calls: its nearest ancestor of another
 * program, or $UR_SUPERVISOR (a daemon attached to) */
int ur_supervisor(void);
/** ur_count_fds(), ur_count_maps() - of a process: descriptors and shared mappings, 0 when that
 * cannot be seen */
unsigned int ur_count_fds(int pid);
unsigned int ur_count_maps(int pid);
uint64_t ur_rss_kib(int pid);
/** ur_ms() - of CLOCK_MONOTONIC */
uint64_t ur_ms(void);

#endif /* URING_UR_H */
