/* SPDX-License-Identifier: MIT */
/*
 * uapi.h - io_uring's user interface as of Linux 6.19, where the distribution's headers are older
 */
#ifndef URING_UAPI_H
#define URING_UAPI_H

#include <liburing.h>
#include <linux/nvme_ioctl.h>

#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14)
#endif
#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif
#ifndef IORING_SETUP_HYBRID_IOPOLL
#define IORING_SETUP_HYBRID_IOPOLL (1U << 17)
#endif
#ifndef IORING_SETUP_CQE_MIXED
#define IORING_SETUP_CQE_MIXED (1U << 18)
#define IORING_CQE_F_SKIP      (1U << 5)
#define IORING_CQE_F_32	       (1U << 15)
#endif
#ifndef IORING_SETUP_SQE_MIXED
#define IORING_SETUP_SQE_MIXED (1U << 19)
/* enumerators, so not to be asked for: */
#define IORING_OP_NOP128       63
#define IORING_OP_URING_CMD128 64
#endif
#ifndef IORING_URING_CMD_MULTISHOT
#define IORING_URING_CMD_MULTISHOT (1U << 1)
#endif

#endif /* URING_UAPI_H */
