/* SPDX-License-Identifier: MIT */
/*
 * test_ranges.c - the ranges host_ioctl_ranges() names are the ones host_ioctl() touches: a client
 * that has these and nothing else is enough.
 */
#include "fx.h"

/** struct part - a client of which only some ranges are known, as the FUSE door's */
struct part {
	struct host_client cl;
	struct fx *f;
	const struct host_ranges *r; /* what may be touched */
	unsigned int have;	     /* of r->in */
};

static bool within(const struct iovec *v, const struct iovec *list, unsigned int n)
{
	uintptr_t a = (uintptr_t)v->iov_base;
	unsigned int i;

	for (i = 0; i < n; i++) {
		uintptr_t b = (uintptr_t)list[i].iov_base;

		if (a >= b && a + v->iov_len <= b + list[i].iov_len)
			return true;
	}
	return !v->iov_len;
}

static int part_xfer(struct host_client *cl, bool to_client, const struct iovec *local,
		     unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	struct part *p = (struct part *)cl;
	unsigned int i;

	for (i = 0; i < nr_remote; i++) {
		if (!within(&remote[i], to_client ? p->r->out : p->r->in,
			    to_client ? p->r->nr_out : p->have))
			return -EFAULT;
	}
	return p->f->client.cl.ops->xfer(&p->f->client.cl, to_client, local, nr_local, remote,
					 nr_remote);
}

static const struct host_client_ops part_ops = { .xfer = part_xfer };

static void part_done(struct host_call *call, long ret)
{
	call->ret = ret;
}

/* ask for the ranges until the list is complete, then run with them. Return: the ioctl's value */
static long run(struct fx *f, uint32_t nsid, unsigned int cmd, uint64_t arg, struct host_ranges *r,
		unsigned int *rounds)
{
	struct part p = { .cl = { .ops = &part_ops, .privileged = true, .writable = true },
			  .f = f, .r = r };
	struct host_node_ref node = { f->dev, nsid };
	struct host_call call = { .done = part_done, .client = &p.cl };
	int err;

	*rounds = 0;
	do {
		err = host_ioctl_ranges(node, cmd, arg, &p.cl, r);
		(*rounds)++;
		assert_in_range(*rounds, 1, 4);
		p.have = r->nr_in;
	} while (err == 1);
	if (err)
		return err;
	host_ioctl(node, cmd, arg, &call);
	return call.ret;
}

static void admin_in(void **state)
{
	struct fx *f = *state;
	uint64_t buf = fx_alloc(f, 4096);
	struct nvme_passthru_cmd cmd = { .opcode = 0x06, .cdw10 = 1, .addr = buf,
					 .data_len = 4096, .result = 9 };
	uint64_t arg = fx_put(f, &cmd, sizeof(cmd));
	struct host_ranges r;
	unsigned int rounds;

	assert_int_equal(run(f, 0, NVME_IOCTL_ADMIN_CMD, arg, &r, &rounds), 0);
	assert_int_equal(rounds, 2);
	assert_int_equal(r.nr_in, 1);
	assert_int_equal((uintptr_t)r.in[0].iov_base, arg);
	assert_int_equal(r.in[0].iov_len, 72);
	assert_int_equal(r.nr_out, 2); /* the result, the data */
	assert_memory_equal((char *)fx_ptr(f, buf) + 4, "fx0001", 6);
	assert_int_equal(((struct nvme_passthru_cmd *)fx_ptr(f, arg))->result, 0);
}

static void io_out(void **state)
{
	struct fx *f = *state;
	struct nvme_user_io io = { .opcode = 1, .nblocks = 3, .addr = fx_alloc(f, 4096) };
	struct host_ranges r;
	unsigned int rounds;

	assert_int_equal(run(f, 1, NVME_IOCTL_SUBMIT_IO, fx_put(f, &io, sizeof(io)), &r,
			     &rounds), 0);
	assert_int_equal(r.nr_in, 2);
	assert_int_equal(r.in[1].iov_len, 2048);
	assert_int_equal(r.nr_out, 0);
}

static void vectored(void **state)
{
	struct fx *f = *state;
	uint64_t buf = fx_alloc(f, 8192), vec = fx_alloc(f, 8192);
	struct nvme_passthru_cmd64 cmd = { .opcode = 2, .nsid = 1, .addr = vec, .vec_cnt = 8,
					   .cdw12 = 7 };
	uint64_t arg = fx_put(f, &cmd, sizeof(cmd));
	struct iovec *v = fx_ptr(f, vec);
	struct host_ranges r;
	unsigned int rounds, i;

	for (i = 0; i < 512; i++)
		v[i] = (struct iovec){ (void *)(uintptr_t)(buf + (i & 7) * 1024), 512 };
	assert_int_equal(run(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg, &r, &rounds), 0);
	assert_int_equal(rounds, 3); /* the structure, the array, complete */
	assert_int_equal(r.nr_in, 2);
	assert_int_equal(r.nr_out, 9);
	((struct nvme_passthru_cmd64 *)fx_ptr(f, arg))->vec_cnt = 512;
	assert_int_equal(run(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg, &r, &rounds), -EMSGSIZE);
	((struct nvme_passthru_cmd64 *)fx_ptr(f, arg))->vec_cnt = HOST_RANGES_MAX;
	assert_int_equal(run(f, 1, NVME_IOCTL_IO64_CMD_VEC, arg, &r, &rounds), -EMSGSIZE);
}

static void none(void **state)
{
	struct fx *f = *state;
	struct nvme_passthru_cmd64 cmd = { .opcode = 0x7f, .nsid = 4, .cdw11 = 8,
					   .addr = 0x1000, .data_len = 4096 };
	uint64_t arg = fx_put(f, &cmd, sizeof(cmd));
	struct host_ranges r;
	unsigned int rounds;

	assert_int_equal(run(f, 1, NVME_IOCTL_ID, 0, &r, &rounds), 1);
	assert_int_equal(r.nr_in + r.nr_out, 0);
	assert_int_equal(run(f, 0, NVME_IOCTL_ID, 0, &r, &rounds), -ENOTTY);
	assert_int_equal(run(f, 0, NVME_IOCTL_RESCAN, 0, &r, &rounds), 0);
	/* a property has no data */
	assert_int_equal(run(f, 0, NVME_IOCTL_ADMIN64_CMD, arg, &r, &rounds), 0);
	assert_int_equal(r.nr_out, 1);
	((struct nvme_passthru_cmd64 *)fx_ptr(f, arg))->flags = 1;
	assert_int_equal(run(f, 0, NVME_IOCTL_ADMIN64_CMD, arg, &r, &rounds), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(admin_in, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(io_out, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(vectored, fx_setup, fx_teardown),
		cmocka_unit_test_setup_teardown(none, fx_setup, fx_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
