/* SPDX-License-Identifier: MIT */
/*
 * ioctl.c - the table of ioctls, with the checks Linux's nvme_dev_ioctl() and nvme_ns_chr_ioctl()
 * make before a command exists, in their order.
 */
#include <sched.h>
#include <stddef.h>

#include "internal.h"

#define MAX_ARG 80 /* the largest argument structure */

/* struct nvme_user_io without the padding a 32-bit x86 caller's has not */
#define SUBMIT_IO_COMPAT_SIZE 44
#define NVME_IOCTL_SUBMIT_IO32 _IOC(_IOC_WRITE, 'N', 0x42, SUBMIT_IO_COMPAT_SIZE)

#define NSSR_MAGIC SIM_REG_NSSR_MAGIC

static void run_id(struct host_call *call, uint32_t nsid)
{
	host_call_done(call, (long)nsid);
}

static void run_rescan(struct host_call *call, uint32_t nsid)
{
	call->ret = 0;
	host_scan(call->dev, false, call);
}

static void run_reset(struct host_call *call, uint32_t nsid)
{
	int err = host_reset(call->dev);

	if (err) {
		host_call_done(call, err);
		return;
	}
	run_rescan(call, nsid);
}

/* NVMe base 2.1, 3.7.1: every controller of the subsystem is reset; the drivers of the others find
 * CSTS.RDY cleared in host_run() */
static void run_subsys_reset(struct host_call *call, uint32_t nsid)
{
	if (!NVME_CAP_NSSRC(call->dev->cap)) {
		host_call_done(call, -ENOTTY);
		return;
	}
	host_w32(call->dev, NVME_REG_NSSR, NSSR_MAGIC);
	run_reset(call, nsid);
}

#define RESULT32 4, offsetof(struct nvme_passthru_cmd, result)
#define RESULT64 8, offsetof(struct nvme_passthru_cmd64, result)

static const struct host_ioctl_row rows[] = {
	{ NVME_IOCTL_ADMIN_CMD, 72, RESULT32, HOST_ON_CTRL | HOST_ON_NS | HOST_ADMIN,
	  host_passthru_parse, NULL },
	{ NVME_IOCTL_IO_CMD, 72, RESULT32, HOST_ON_CTRL | HOST_ON_NS | HOST_ONE_NS,
	  host_passthru_parse, NULL },
	{ NVME_IOCTL_ADMIN64_CMD, 80, RESULT64, HOST_ON_CTRL | HOST_ON_NS | HOST_ADMIN,
	  host_passthru_parse, NULL },
	{ NVME_IOCTL_IO64_CMD, 80, RESULT64, HOST_ON_NS, host_passthru_parse, NULL },
	{ NVME_IOCTL_IO64_CMD_VEC, 80, RESULT64, HOST_ON_NS | HOST_VEC, host_passthru_parse, NULL },
	{ NVME_IOCTL_SUBMIT_IO, 48, 0, 0, HOST_ON_NS, host_submit_io_parse, NULL },
	{ NVME_IOCTL_SUBMIT_IO32, SUBMIT_IO_COMPAT_SIZE, 0, 0, HOST_ON_NS | HOST_COMPAT,
	  host_submit_io_parse, NULL },
	{ NVME_IOCTL_ID, 0, 0, 0, HOST_ON_NS, NULL, run_id },
	{ NVME_IOCTL_RESET, 0, 0, 0, HOST_ON_CTRL | HOST_CAP, NULL, run_reset },
	{ NVME_IOCTL_SUBSYS_RESET, 0, 0, 0, HOST_ON_CTRL | HOST_CAP, NULL, run_subsys_reset },
	/* Linux has it on the controller's node only; nvme-cli's format sends it to the node it
	 * was given and fails without */
	{ NVME_IOCTL_RESCAN, 0, 0, 0, HOST_ON_CTRL | HOST_ON_NS | HOST_CAP, NULL, run_rescan },
};
_Static_assert(sizeof(struct nvme_passthru_cmd) == 72 &&
	       sizeof(struct nvme_passthru_cmd64) == 80 && sizeof(struct nvme_user_io) == 48,
	       "linux/nvme_ioctl.h");

int host_ioctl_find(struct host_node_ref node, unsigned int cmd, const struct host_client *cl,
		    const struct host_ioctl_row **found, uint32_t *nsid)
{
	uint8_t where = node.nsid ? HOST_ON_NS : HOST_ON_CTRL;
	const struct host_ioctl_row *row = rows, *end = rows + sizeof(rows) / sizeof(rows[0]);
	int64_t only;

	while (row < end && row->cmd != cmd)
		row++;
	if (row == end || !(row->flags & where) || (row->flags & HOST_COMPAT && !cl->compat))
		return -ENOTTY;
	if (row->flags & HOST_CAP && !cl->privileged)
		return -EACCES;
	*found = row;
	*nsid = node.nsid;
	if (row->flags & HOST_ONE_NS && !node.nsid) {
		only = host_ns_only(node.dev);
		if (only <= 0)
			return only ? (int)only : -ENOTTY;
		*nsid = (uint32_t)only;
	}
	return 0;
}

/* The last I/O queues are those of threads beside the main one, if there are several; the others
 * belong to processors, as in Linux: two threads meet in one only if they share a CPU. */
static struct host_queue *pick_queue(struct host_dev *dev, bool admin)
{
	unsigned int n = atomic_load_explicit(&dev->nr_io, memory_order_relaxed);
	int cpu;

	if (admin)
		return &dev->q[0];
	if (!n)
		return NULL;
	if (host_thread_is_io())
		return &dev->q[host_thread_queue(n)];
	cpu = n > HOST_BESIDE + 1 ? sched_getcpu() : 0;
	return &dev->q[1 + (unsigned int)(cpu > 0 ? cpu : 0) %
				   (n > HOST_BESIDE ? n - HOST_BESIDE : 1)];
}

void host_call_go(struct host_call *call, uint32_t nsid)
{
	struct host_dev *dev = call->dev;
	bool admin = call->row->flags & HOST_ADMIN;
	const struct host_sqe *sqe = (const struct host_sqe *)call->sqe;
	struct host_queue *q;
	uint64_t result;
	uint16_t status;

	if (admin && host_is_property(sqe, nsid)) {
		if (atomic_load(&dev->state) != HOST_LIVE) {
			host_call_done(call, -ENODEV);
			return;
		}
		status = host_property(dev, sqe, &result);
		host_passthru_end(call, status, result, false, false);
		return;
	}
	q = pick_queue(dev, admin);
	if (q)
		host_call_submit(call, q);
	else
		host_call_done(call, -ENODEV);
}

void host_ioctl(struct host_node_ref node, unsigned int cmd, uint64_t arg, struct host_call *call)
{
	struct host_dev *dev = node.dev;
	const struct host_ioctl_row *row;
	uint64_t buf[MAX_ARG / 8];
	uint32_t nsid;
	int err;

	call->dev = dev;
	call->q = NULL;
	call->fixed.iov_base = NULL;
	call->state = HOST_CALL_NEW;
	err = host_ioctl_find(node, cmd, call->client, &row, &nsid);
	if (err)
		goto out;
	call->row = row;
	call->arg = call->client->compat ? (uint32_t)arg : arg;
	if (row->size) {
		err = host_client_read(call->client, call->arg, buf, row->size);
		if (err)
			goto out;
	}
	if (!row->parse) {
		int state = atomic_load(&dev->state);

		if (row->flags & HOST_CAP && state != HOST_LIVE && state != HOST_RESETTING) {
			err = -ENODEV;
			goto out;
		}
		row->run(call, nsid);
		return;
	}
	err = row->parse(call, nsid, buf);
	if (err)
		goto out;
	host_call_go(call, nsid);
	return;
out:
	host_call_done(call, err);
}
