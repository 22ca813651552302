/* SPDX-License-Identifier: MIT */
/*
 * ranges.c - which of a client's memory an ioctl will touch, for a door that cannot reach into the
 * client at any time but must name the ranges beforehand (FUSE's retry protocol).
 */
#include "internal.h"

static int add(struct iovec *list, unsigned int *nr, uint64_t addr, uint64_t len)
{
	if (*nr == HOST_RANGES_MAX)
		return -EMSGSIZE;
	list[*nr].iov_base = (void *)(uintptr_t)addr;
	list[(*nr)++].iov_len = len;
	return 0;
}

/* one more range of @in, and what is in it. Return: 0, 1 when it is not known yet, or -errno. */
static int fetch(struct host_client *client, struct host_ranges *r, uint64_t addr, void *buf,
		 size_t len)
{
	int err = add(r->in, &r->nr_in, addr, len);

	if (err)
		return err;
	return host_client_read(client, addr, buf, len) ? 1 : 0;
}

static int add_buffer(struct host_ranges *r, bool to_device, uint64_t addr, uint64_t len)
{
	if (!len)
		return 0;
	return to_device ? add(r->in, &r->nr_in, addr, len) : add(r->out, &r->nr_out, addr, len);
}

static int add_vecs(struct host_ranges *r, const struct host_call *call, bool to_device)
{
	union {
		struct iovec wide[HOST_RANGES_MAX];
		uint32_t narrow[HOST_RANGES_MAX][2];
	} vec;
	bool compat = call->client->compat;
	uint32_t i;
	int err;

	if (call->len > HOST_RANGES_MAX)
		return -EMSGSIZE;
	err = fetch(call->client, r, call->addr, &vec,
		    call->len * (compat ? sizeof(vec.narrow[0]) : sizeof(vec.wide[0])));
	for (i = 0; !err && i < call->len; i++) {
		if (compat)
			err = add_buffer(r, to_device, vec.narrow[i][0], vec.narrow[i][1]);
		else
			err = add_buffer(r, to_device, (uintptr_t)vec.wide[i].iov_base,
					 vec.wide[i].iov_len);
	}
	return err;
}

int host_ioctl_ranges(struct host_node_ref node, unsigned int cmd, uint64_t arg,
		      struct host_client *client, struct host_ranges *r)
{
	struct host_call call = { .client = client, .dev = node.dev };
	const struct host_sqe *sqe = (const struct host_sqe *)call.sqe;
	const struct host_ioctl_row *row;
	uint64_t buf[16];
	uint32_t nsid;
	bool to_device;
	int err;

	r->nr_in = r->nr_out = 0;
	err = host_ioctl_find(node, cmd, client, &row, &nsid);
	if (err || !row->size)
		return err;
	if (client->compat)
		arg = (uint32_t)arg;
	err = fetch(client, r, arg, buf, row->size);
	if (err)
		return err;
	call.row = row;
	err = row->parse(&call, nsid, buf);
	if (err)
		return err;
	if (row->result)
		err = add(r->out, &r->nr_out, arg + row->result_off, row->result);
	if (err || (row->flags & HOST_ADMIN && host_is_property(sqe, nsid)))
		return err;
	to_device = host_is_write(sqe->opcode);
	if (row->flags & HOST_VEC && call.len)
		err = add_vecs(r, &call, to_device);
	else
		err = add_buffer(r, to_device, call.addr, call.len);
	if (err || !call.meta_len)
		return err;
	return add_buffer(r, to_device, call.meta, call.meta_len);
}
