/* SPDX-License-Identifier: MIT */
/* run_check.h - assertions of the programs that run under nvmesim-run: they go on and count */
#ifndef RUN_CHECK_H
#define RUN_CHECK_H

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static _Atomic unsigned int check_failed, check_done;

#define CHECK(expr)                                                                              \
	do {                                                                                     \
		check_done++;                                                                    \
		errno = 0;                                                                       \
		if (!(expr)) {                                                                   \
			check_failed++;                                                          \
			fprintf(stderr, "%s:%d: %s (errno: %s)\n", __FILE__, __LINE__, #expr,    \
				strerror(errno));                                                \
		}                                                                                \
	} while (0)

static inline int check_end(void)
{
	printf("%u of %u checks passed\n", check_done - check_failed, check_done);
	return check_failed ? 1 : 0;
}

#endif /* RUN_CHECK_H */
