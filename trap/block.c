/* SPDX-License-Identifier: MIT */
/*
 * block.c - what a block device is asked, on a namespace that was opened by its block device's
 * name. Reading and writing it is not among that: there is no block layer here.
 */
#include <errno.h>
#include <linux/fs.h>
#include <string.h>

#include "internal.h"

/** struct answer - what an ioctl gives back: @size bytes of @val (0: nothing) */
struct answer {
	uint64_t val;
	unsigned int size;
};

typedef int (*block_fn)(const struct host_ns_info *ns, struct answer *a);

static int sectors(const struct host_ns_info *ns, struct answer *a)
{
	*a = (struct answer){ ns->nsze * (ns->lba_size / 512), sizeof(long) };
	return 0;
}

static int bytes(const struct host_ns_info *ns, struct answer *a)
{
	*a = (struct answer){ ns->nsze * ns->lba_size, sizeof(uint64_t) };
	return 0;
}

static int sector_size(const struct host_ns_info *ns, struct answer *a)
{
	*a = (struct answer){ ns->lba_size, sizeof(int) };
	return 0;
}

static int page_size(const struct host_ns_info *ns, struct answer *a)
{
	*a = (struct answer){ ns->lba_size > 4096 ? ns->lba_size : 4096, sizeof(int) };
	return 0;
}

static int zero(const struct host_ns_info *ns, struct answer *a)
{
	*a = (struct answer){ 0, sizeof(int) };
	return 0;
}

/* caches and partitions, of which there are none */
static int nothing(const struct host_ns_info *ns, struct answer *a)
{
	return 0;
}

static const struct {
	unsigned int cmd;
	block_fn answer;
} rows[] = {
	{ BLKGETSIZE, sectors },     { BLKGETSIZE64, bytes },	{ BLKSSZGET, sector_size },
	{ BLKPBSZGET, sector_size }, { BLKIOMIN, sector_size }, { BLKIOOPT, zero },
	{ BLKBSZGET, page_size },    { BLKBSZSET, nothing },	{ BLKROGET, zero },
	{ BLKRRPART, nothing },	     { BLKFLSBUF, nothing },
};

/* the block size somebody wants, which must be one the namespace could have */
static int check_size(struct trap_req *rq, const struct host_ns_info *ns)
{
	uint32_t size;

	if (trap_vm_read(rq->tid, rq->arg[2], &size, sizeof(size)))
		return -EFAULT;
	return size < 512 || size > 4096 || size & (size - 1) || size < ns->lba_size ? -EINVAL : 0;
}

long trap_block_ioctl(struct trap_req *rq, const struct host_node_ref *node)
{
	struct answer a = { 0, 0 };
	struct host_ns_info ns;
	int err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].cmd != (uint32_t)rq->arg[1])
			continue;
		if (host_ns_info(node->dev, node->nsid, &ns))
			return -ENODEV;
		err = rows[i].cmd == BLKBSZSET ? check_size(rq, &ns) : 0;
		if (!err)
			err = rows[i].answer(&ns, &a);
		if (!err && a.size && trap_vm_write(rq->tid, rq->arg[2], &a.val, a.size))
			err = -EFAULT;
		return err;
	}
	return -ENOTTY;
}
