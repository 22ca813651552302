/* SPDX-License-Identifier: MIT */
/*
 * calls.c - the system calls that are trapped: the filter is built from this table, and the
 * supervisor looks the handler up in it.
 */
#include <sys/syscall.h>

#include "internal.h"
#include "ring.h"
#include "sys.h"

/* Linux 6.13; the numbers are the same on every architecture but alpha */
#ifndef __NR_getxattrat
#define __NR_getxattrat	 464
#define __NR_listxattrat 465
#endif

#define NONE -1
#define ALONE false
#define SHARED true

/* clang-format off */
const struct trap_row trap_rows[] = {
	/* number                 rule          handler             path  dirfd flags mode  buf   turn */
	{ __NR_ioctl,             TRAP_IOCTL_N, trap_ioctl,         NONE, NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_fcntl,             TRAP_GETFL,   trap_fcntl,         NONE, NONE, NONE, NONE, NONE, ALONE  },
	/* open */
	{ __NR_openat,            TRAP_ALWAYS,  trap_open,          1,    0,    2,    NONE, NONE, ALONE  },
#ifdef __NR_open
	{ __NR_open,              TRAP_ALWAYS,  trap_open,          0,    NONE, 1,    NONE, NONE, ALONE  },
#endif
#ifdef __NR_creat
	{ __NR_creat,             TRAP_ALWAYS,  trap_creat,         0,    NONE, NONE, NONE, NONE, ALONE  },
#endif
	{ __NR_openat2,           TRAP_ALWAYS,  trap_openat2,       1,    0,    NONE, NONE, 2,    ALONE  },
	/* attributes */
#ifdef __NR_newfstatat
	{ __NR_newfstatat,        TRAP_ALWAYS,  trap_stat,          1,    0,    NONE, NONE, 2,    ALONE  },
#endif
#ifdef __NR_stat
	{ __NR_stat,              TRAP_ALWAYS,  trap_stat,          0,    NONE, NONE, NONE, 1,    ALONE  },
#endif
#ifdef __NR_lstat
	{ __NR_lstat,             TRAP_ALWAYS,  trap_stat,          0,    NONE, NONE, NONE, 1,    ALONE  },
#endif
	{ __NR_statx,             TRAP_ALWAYS,  trap_statx,         1,    0,    NONE, NONE, 4,    ALONE  },
	{ __NR_fstat,             TRAP_FD,      trap_fstat,         NONE, NONE, NONE, NONE, 1,    ALONE  },
#ifdef __NR_access
	{ __NR_access,            TRAP_ALWAYS,  trap_access,        0,    NONE, NONE, 1,    NONE, ALONE  },
#endif
	{ __NR_faccessat,         TRAP_ALWAYS,  trap_access,        1,    0,    NONE, 2,    NONE, ALONE  },
	{ __NR_faccessat2,        TRAP_ALWAYS,  trap_access,        1,    0,    3,    2,    NONE, ALONE  },
#ifdef __NR_readlink
	{ __NR_readlink,          TRAP_ALWAYS,  trap_readlink,      0,    NONE, NONE, NONE, NONE, ALONE  },
#endif
	{ __NR_readlinkat,        TRAP_ALWAYS,  trap_readlink,      1,    0,    NONE, NONE, NONE, ALONE  },
	/* extended attributes: ls -l asks for them, and would report ENOENT */
	{ __NR_getxattr,          TRAP_ALWAYS,  trap_getxattr,      0,    NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_lgetxattr,         TRAP_ALWAYS,  trap_getxattr,      0,    NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_getxattrat,        TRAP_ALWAYS,  trap_getxattr,      1,    0,    NONE, NONE, NONE, ALONE  },
	{ __NR_listxattr,         TRAP_ALWAYS,  trap_listxattr,     0,    NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_llistxattr,        TRAP_ALWAYS,  trap_listxattr,     0,    NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_listxattrat,       TRAP_ALWAYS,  trap_listxattr,     1,    0,    NONE, NONE, NONE, ALONE  },
	/* what acts when it is written to; and directories that paths are relative to */
	{ __NR_write,             TRAP_WRITE,   trap_write,         NONE, NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_pwrite64,          TRAP_FD,      trap_pwrite,        NONE, NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_writev,            TRAP_FD,      trap_writev,        NONE, NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_chdir,             TRAP_ALWAYS,  trap_chdir,         NONE, NONE, NONE, NONE, NONE, ALONE  },
	/* identity: what is remembered about the thread must be read again */
	{ __NR_setuid,            TRAP_ALWAYS,  trap_setuid,        NONE, NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_setreuid,          TRAP_ALWAYS,  trap_setuid,        NONE, NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_setresuid,         TRAP_ALWAYS,  trap_setuid,        NONE, NONE, NONE, NONE, NONE, ALONE  },
	/* rings */
	{ __NR_io_uring_setup,    TRAP_ALWAYS,  trap_ring_setup,    NONE, NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_io_uring_enter,    TRAP_ALWAYS,  trap_ring_enter,    NONE, NONE, NONE, NONE, NONE, SHARED },
	{ __NR_io_uring_register, TRAP_ALWAYS,  trap_ring_register, NONE, NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_execve,            TRAP_ALWAYS,  trap_exec,          NONE, NONE, NONE, NONE, NONE, ALONE  },
	{ __NR_execveat,          TRAP_ALWAYS,  trap_exec,          NONE, NONE, NONE, NONE, NONE, ALONE  },
};
/* clang-format on */

const unsigned int trap_nr_rows = sizeof(trap_rows) / sizeof(trap_rows[0]);
