/* SPDX-License-Identifier: MIT */
/*
 * uring.c - io_uring commands on a node: Linux's nvme_ns_chr_uring_cmd() and nvme_dev_uring_cmd().
 * They are passthrough commands without an argument structure: the SQE has brought it along, and
 * the result goes into the CQE.
 */
#include "internal.h"

static const struct host_ioctl_row rows[] = {
	{ NVME_URING_CMD_IO, 0, 0, 0, HOST_ON_NS | HOST_URING, host_uring_parse, NULL },
	{ NVME_URING_CMD_IO_VEC, 0, 0, 0, HOST_ON_NS | HOST_URING | HOST_VEC, host_uring_parse,
	  NULL },
	{ NVME_URING_CMD_ADMIN, 0, 0, 0, HOST_ON_CTRL | HOST_URING | HOST_ADMIN, host_uring_parse,
	  NULL },
	{ NVME_URING_CMD_ADMIN_VEC, 0, 0, 0, HOST_ON_CTRL | HOST_URING | HOST_ADMIN | HOST_VEC,
	  host_uring_parse, NULL },
};
_Static_assert(sizeof(struct nvme_uring_cmd) == 72, "linux/nvme_ioctl.h");

static const struct host_ioctl_row *row_of(uint32_t cmd_op, uint8_t where)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].cmd == cmd_op)
			return rows[i].flags & where ? &rows[i] : NULL;
	}
	return NULL;
}

bool host_uring_gives(uint32_t cmd_op, const struct nvme_uring_cmd *cmd, struct iovec *buf)
{
	if (cmd_op != NVME_URING_CMD_IO || !host_is_write(cmd->opcode) || !cmd->addr || !cmd->data_len)
		return false;
	*buf = (struct iovec){ (void *)(uintptr_t)cmd->addr, cmd->data_len };
	return true;
}

bool host_uring_any_order(struct host_node_ref node, uint32_t cmd_op,
			  const struct nvme_uring_cmd *cmd)
{
	struct host_ns ns;

	if (cmd_op != NVME_URING_CMD_IO)
		return false;
	if (cmd->opcode == nvme_cmd_read ||
	    !atomic_load_explicit(&node.dev->any_zoned, memory_order_relaxed))
		return true;
	return host_ns_get(node.dev, node.nsid, &ns) && ns.csi != NVME_CSI_ZNS;
}

void host_uring(struct host_node_ref node, uint32_t cmd_op, const struct nvme_uring_cmd *cmd,
		const struct iovec *fixed, struct host_call *call)
{
	int err;

	call->dev = node.dev;
	call->q = NULL;
	call->state = HOST_CALL_NEW;
	call->old_result = call->result = 0;
	call->fixed = fixed ? *fixed : (struct iovec){ 0 };
	call->row = row_of(cmd_op, node.nsid ? HOST_ON_NS : HOST_ON_CTRL);
	if (!call->row) {
		host_call_done(call, -ENOTTY);
		return;
	}
	err = host_uring_parse(call, node.nsid, cmd);
	if (err)
		host_call_done(call, err);
	else
		host_call_go(call, node.nsid);
}
