/* SPDX-License-Identifier: MIT */
/*
 * hugepage.c - for the guest: an advice to use huge pages succeeds where the kernel has none
 *
 * Debian 13's nvme-cli (2.13) asks for huge pages for buffers of 512 KiB and more, and ends without a
 * word when the advice is refused, as user-mode-linux refuses it. With this library preloaded it gets
 * ordinary pages.
 */
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int madvise(void *addr, size_t len, int advice)
{
	int ret = (int)syscall(SYS_madvise, addr, len, advice);

	return ret && advice == MADV_HUGEPAGE ? 0 : ret;
}
