/* SPDX-License-Identifier: MIT */
/*
 * passthru.c - a passthrough structure becomes a command, and its completion a return value:
 * Linux's nvme_user_cmd(), nvme_submit_io(), nvme_submit_user_cmd() and nvme_passthru_end().
 */
#include <stddef.h>
#include <string.h>

#include "internal.h"

#define OPC_READ 0x02
#define OPC_WRITE 0x01
#define OPC_COMPARE 0x05
#define RW_PRACT 0x2000 /* of control: CDW12 29 */

/* as nvme_to_user_ptr(): a 32-bit caller's pointers are truncated */
static uint64_t user_ptr(const struct host_call *call, uint64_t p)
{
	return call->client->compat ? (uint32_t)p : p;
}

/* What Linux finds out when it maps the buffers. A transfer past MDTS is not refused here: the
 * controller says Invalid Field. Only what no data pointer could describe is. */
static int check_buffers(struct host_call *call, uint32_t nsid)
{
	struct host_dev *dev = call->dev;
	bool admin = call->row->flags & HOST_ADMIN, vec = call->row->flags & HOST_VEC;
	struct host_ns ns;

	if (!call->addr || !call->len) {
		call->len = call->meta_len = 0;
		return 0;
	}
	if (vec && call->len > HOST_MAX_VEC)
		return -EINVAL;
	if (!vec && call->len > HOST_PRP_REACH && (!dev->mdts || dev->mdts > HOST_PRP_REACH) &&
	    (admin || !dev->sgl))
		return -EINVAL;
	if (!call->meta || !call->meta_len) {
		call->meta_len = 0;
		return 0;
	}
	if (admin || !host_ns_get(dev, nsid, &ns) || !ns.meta_size || ns.extended)
		return -EINVAL;
	return 0;
}

/* what the passthrough structures have in common is all of them, up to the timeout */
#define SAME(m)                                                                                    \
	_Static_assert(offsetof(struct nvme_uring_cmd, m) ==                                       \
			       offsetof(struct nvme_passthru_cmd64, m), #m)
SAME(nsid);
SAME(metadata);
SAME(addr);
SAME(metadata_len);
SAME(data_len);
SAME(cdw10);
SAME(timeout_ms);

static int parse_common(struct host_call *call, uint32_t nsid,
			const struct nvme_passthru_cmd64 *cmd)
{
	bool admin = call->row->flags & HOST_ADMIN;
	struct host_sqe *sqe = (struct host_sqe *)call->sqe;
	uint32_t timeout = admin ? call->dev->p.admin_timeout_ms : call->dev->p.io_timeout_ms;

	if (cmd->flags)
		return -EINVAL;
	if (!admin && cmd->nsid != nsid)
		return -EINVAL;
	*sqe = (struct host_sqe){
		.opcode = cmd->opcode,
		.nsid = sim_le32(cmd->nsid),
		.cdw2 = sim_le32(cmd->cdw2),
		.cdw3 = sim_le32(cmd->cdw3),
		.cdw10 = sim_le32(cmd->cdw10),
		.cdw11 = sim_le32(cmd->cdw11),
		.cdw12 = sim_le32(cmd->cdw12),
		.cdw13 = sim_le32(cmd->cdw13),
		.cdw14 = sim_le32(cmd->cdw14),
		.cdw15 = sim_le32(cmd->cdw15),
	};
	if (!host_cmd_allowed(call->dev, call->client, admin, sqe))
		return -EACCES;
	call->timeout_ms = cmd->timeout_ms ? cmd->timeout_ms : timeout;
	call->addr = user_ptr(call, cmd->addr);
	call->len = cmd->data_len;
	call->meta = user_ptr(call, cmd->metadata);
	call->meta_len = cmd->metadata_len;
	return 0;
}

int host_passthru_parse(struct host_call *call, uint32_t nsid, const void *arg)
{
	const struct host_ioctl_row *row = call->row;
	int err = parse_common(call, nsid, arg);

	if (err)
		return err;
	call->old_result = 0;
	memcpy(&call->old_result, (const char *)arg + row->result_off, row->result);
	return check_buffers(call, nsid);
}

/* nvme_uring_cmd_io(). A length without an address is no buffer, as in Linux before 6.15; since
 * then it is -EFAULT there, also for commands that transfer nothing (fio's Write Zeroes is one). */
int host_uring_parse(struct host_call *call, uint32_t nsid, const void *arg)
{
	const struct iovec *fixed = &call->fixed;
	bool vec = call->row->flags & HOST_VEC;
	int err = parse_common(call, nsid, arg);

	if (err)
		return err;
	if (fixed->iov_base && call->len && !vec &&
	    (call->addr < (uintptr_t)fixed->iov_base || call->len > fixed->iov_len ||
	     call->addr - (uintptr_t)fixed->iov_base > fixed->iov_len - call->len))
		return -EFAULT;
	return check_buffers(call, nsid);
}

int host_submit_io_parse(struct host_call *call, uint32_t nsid, const void *arg)
{
	struct nvme_user_io io = { 0 };
	struct host_sqe *sqe = (struct host_sqe *)call->sqe;
	uint64_t blocks;
	struct host_ns ns;

	memcpy(&io, arg, call->row->size);
	if (io.flags)
		return -EINVAL;
	if (io.opcode != OPC_READ && io.opcode != OPC_WRITE && io.opcode != OPC_COMPARE)
		return -EINVAL;
	if (!host_ns_get(call->dev, nsid, &ns))
		return -ENODEV;
	blocks = io.nblocks + 1u;
	call->addr = user_ptr(call, io.addr);
	call->len = (uint32_t)(blocks << ns.lba_shift); /* at most 65536 blocks */
	call->meta = user_ptr(call, io.metadata);
	call->meta_len = (uint32_t)blocks * ns.meta_size;
	if ((blocks << ns.lba_shift) + blocks * ns.meta_size > UINT32_MAX)
		return -EINVAL;
	if (io.control & RW_PRACT && ns.meta_size == ns.pi_size) {
		/* the controller inserts and strips protection information */
		if (call->meta)
			return -EINVAL;
		call->meta_len = 0;
	}
	if (ns.extended) {
		call->len += call->meta_len;
		call->meta_len = 0;
	} else if (call->meta_len && (call->meta & 3 || !call->meta)) {
		return -EINVAL;
	}
	*sqe = (struct host_sqe){
		.opcode = io.opcode,
		.nsid = sim_le32(nsid),
		.cdw10 = sim_le32((uint32_t)io.slba),
		.cdw11 = sim_le32((uint32_t)(io.slba >> 32)),
		.cdw12 = sim_le32(io.nblocks | (uint32_t)io.control << 16),
		.cdw13 = sim_le32(io.dsmgmt),
		.cdw14 = sim_le32(io.reftag),
		.cdw15 = sim_le32(io.apptag | (uint32_t)io.appmask << 16),
	};
	if (!host_cmd_allowed(call->dev, call->client, false, sqe))
		return -EACCES;
	call->timeout_ms = call->dev->p.io_timeout_ms;
	return check_buffers(call, nsid);
}

/* Copied back for every status the controller gave, also an error. A result that is in the
 * structure already is not written again: for a client in another process that is a system
 * call saved, and for most commands the result is 0 before and after. */
static int write_result(struct host_call *call, uint64_t result)
{
	const struct host_ioctl_row *row = call->row;
	uint32_t narrow = (uint32_t)result;
	const void *from = &result;

	if (row->result == sizeof(narrow)) {
		result = narrow;
		from = &narrow;
	}
	if (!row->result || result == call->old_result)
		return 0;
	return host_client_write(call->client, call->arg + row->result_off, from, row->result);
}

#define EFFECTS_RESCAN \
	(NVME_CMD_EFFECTS_NCC | NVME_CMD_EFFECTS_NIC | NVME_CMD_EFFECTS_CCC)

static bool needs_scan(const struct host_call *call)
{
	const struct host_sqe *sqe = (const struct host_sqe *)call->sqe;
	struct host_dev *dev = call->dev;
	uint32_t effects;

	if (call->row->flags & HOST_ADMIN)
		effects = host_effects(dev, true, 0, sqe->opcode);
	else if (dev->io_any[sqe->opcode] & EFFECTS_RESCAN)
		effects = host_effects(dev, false, sim_le32(sqe->nsid), sqe->opcode);
	else
		return false;
	return effects & EFFECTS_RESCAN && atomic_load(&dev->state) == HOST_LIVE;
}

void host_passthru_end(struct host_call *call, uint16_t status, uint64_t result, bool fault,
		       bool aborted)
{
	long ret = status & 0x7fff;

	if (aborted && HOST_SC(status) == HOST_SC_ABORTED)
		ret = -EINTR; /* it had timed out */
	else if (fault && HOST_SC(status) == HOST_SC_DATA_TRANSFER)
		ret = -EFAULT;
	else if (write_result(call, result))
		ret = -EFAULT;
	call->ret = ret;
	call->result = result;
	if (!needs_scan(call)) {
		host_call_done(call, ret);
	} else if (host_thread_is_io()) {
		atomic_store(&call->dev->want_scan, true);
		host_arm(call->dev, host_now());
		host_call_done(call, ret);
	} else {
		host_scan(call->dev, false, call);
	}
}
