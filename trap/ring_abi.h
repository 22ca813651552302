/* SPDX-License-Identifier: MIT */
/*
 * ring_abi.h - io_uring as programs know it: what older headers lack, and the memory of a ring.
 */
#ifndef TRAP_RING_ABI_H
#define TRAP_RING_ABI_H

#include <linux/io_uring.h>
#include <stdint.h>

/* linux/io_uring.h of Linux 6.3 to 7.0 */
#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP	       (1U << 14)
#define IORING_SETUP_REGISTERED_FD_ONLY (1U << 15)
#endif
#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif
#ifndef IORING_SETUP_HYBRID_IOPOLL
#define IORING_SETUP_HYBRID_IOPOLL (1U << 17)
#endif
#ifndef IORING_SETUP_CQE_MIXED
#define IORING_SETUP_CQE_MIXED (1U << 18)
#define IORING_SETUP_SQE_MIXED (1U << 19)
#define IORING_CQE_F_SKIP      (1U << 5)
#define IORING_CQE_F_32	       (1U << 15)
#endif
#ifndef IORING_FEAT_REG_REG_RING
#define IORING_FEAT_REG_REG_RING (1U << 13)
#endif
#ifndef IORING_ENTER_ABS_TIMER
#define IORING_ENTER_ABS_TIMER (1U << 5)
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)
#endif
#ifndef IORING_TIMEOUT_MULTISHOT
#define IORING_TIMEOUT_MULTISHOT (1U << 6)
#endif
#ifndef IORING_ASYNC_CANCEL_USERDATA
#define IORING_ASYNC_CANCEL_USERDATA (1U << 4)
#define IORING_ASYNC_CANCEL_OP	     (1U << 5)
#endif
#ifndef IORING_URING_CMD_FIXED
#define IORING_URING_CMD_FIXED (1U << 0)
#endif
/* their values are those of Linux's enum, which later headers declare */
#define RING_OP_NOP128	      63
#define RING_OP_URING_CMD128  64
#define RING_NR_OPS	      65
#define RING_REG_USE_REGISTERED (1U << 31)
#define RING_NR_REG	      40

#define RING_MAX_ENTRIES 32768u
#define RING_MAX_CQ	 (2 * RING_MAX_ENTRIES)
#define RING_MAX_REQS	 (4 * RING_MAX_CQ) /* in flight and overflown, a ring */
#define RING_SQE	 64u
#define RING_CQE	 16u

/** struct ring_sq_mem - the mapping at IORING_OFF_SQ_RING; the array of indices follows */
struct ring_sq_mem {
	_Atomic uint32_t head; /* ours */
	uint32_t pad1[15];
	_Atomic uint32_t tail; /* the program's */
	uint32_t pad2[15];
	uint32_t mask, entries;
	_Atomic uint32_t flags;
	uint32_t dropped, pad3[12];
	_Atomic uint32_t array[];
};

/** struct ring_cq_mem - the mapping at IORING_OFF_CQ_RING; the entries follow */
struct ring_cq_mem {
	_Atomic uint32_t head; /* the program's */
	uint32_t pad1[15];
	_Atomic uint32_t tail; /* ours */
	uint32_t pad2[15];
	uint32_t mask, entries, overflow;
	_Atomic uint32_t flags; /* the program's */
	uint32_t pad3[12];
	uint8_t cqes[];
};

/** struct ring_sqe - an SQE of 128 bytes; of a small one the first 64 are meant */
union ring_sqe {
	struct io_uring_sqe s;
	uint8_t bytes[128];
};

#endif /* TRAP_RING_ABI_H */
