/* SPDX-License-Identifier: MIT */
/*
 * local.c - clients: reading and writing their memory, and the one that is this process itself,
 * with commands that are waited for.
 */
#include <string.h>

#include "internal.h"

#define POLL_NS 2000000u

int host_client_read(struct host_client *cl, uint64_t from, void *to, size_t len)
{
	const struct iovec local = { to, len }, remote = { (void *)(uintptr_t)from, len };

	return cl->ops->xfer(cl, false, &local, 1, &remote, 1) ? -EFAULT : 0;
}

int host_client_write(struct host_client *cl, uint64_t to, const void *from, size_t len)
{
	const struct iovec local = { (void *)(uintptr_t)from, len };
	const struct iovec remote = { (void *)(uintptr_t)to, len };

	return cl->ops->xfer(cl, true, &local, 1, &remote, 1) ? -EFAULT : 0;
}

static int local_xfer(struct host_client *cl, bool to_client, const struct iovec *local,
		      unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	size_t lo = 0, ro = 0, n;

	while (nr_local && nr_remote) {
		char *l = (char *)local->iov_base + lo, *r = (char *)remote->iov_base + ro;

		n = local->iov_len - lo;
		if (remote->iov_len - ro < n)
			n = remote->iov_len - ro;
		if (n && !remote->iov_base)
			return -EFAULT;
		if (n)
			memcpy(to_client ? r : l, to_client ? l : r, n);
		lo += n;
		ro += n;
		if (lo == local->iov_len) {
			local++;
			nr_local--;
			lo = 0;
		}
		if (nr_remote && ro == remote->iov_len) {
			remote++;
			nr_remote--;
			ro = 0;
		}
	}
	return 0;
}

struct host_client *host_local_client(void)
{
	static const struct host_client_ops ops = { .xfer = local_xfer };
	static const struct host_client client = {
		.ops = &ops, .privileged = true, .writable = true };

	return (struct host_client *)&client; /* nobody writes to a client */
}

/** struct waiter - a call somebody waits for */
struct waiter {
	struct host_call call;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	long ret;
};

static void waiter_done(struct host_call *call, long ret)
{
	struct waiter *w = (struct waiter *)call;

	pthread_mutex_lock(&w->lock);
	w->ret = ret;
	w->done = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static long sync_ioctl(struct host_node_ref node, unsigned int cmd, void *arg)
{
	struct waiter w = { .call = { .done = waiter_done, .client = host_local_client() },
			    .lock = PTHREAD_MUTEX_INITIALIZER,
			    .cond = PTHREAD_COND_INITIALIZER };
	struct drain *outer = host_drain_suspend();
	struct timespec ts;

	host_ioctl(node, cmd, (uintptr_t)arg, &w.call);
	pthread_mutex_lock(&w.lock);
	while (!w.done) {
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_nsec += POLL_NS;
		if (ts.tv_nsec >= 1000000000) {
			ts.tv_nsec -= 1000000000;
			ts.tv_sec++;
		}
		pthread_cond_timedwait(&w.cond, &w.lock, &ts);
		if (w.done)
			break;
		pthread_mutex_unlock(&w.lock);
		host_run(node.dev); /* nobody else may be there to do it */
		pthread_mutex_lock(&w.lock);
	}
	pthread_mutex_unlock(&w.lock);
	pthread_cond_destroy(&w.cond);
	pthread_mutex_destroy(&w.lock);
	host_drain_resume(outer);
	return w.ret;
}

long host_admin_sync(struct host_dev *dev, struct nvme_passthru_cmd64 *cmd)
{
	struct host_node_ref node = { .dev = dev };

	return sync_ioctl(node, NVME_IOCTL_ADMIN64_CMD, cmd);
}

long host_io_sync(struct host_dev *dev, struct nvme_passthru_cmd64 *cmd)
{
	struct host_node_ref node = { .dev = dev, .nsid = cmd->nsid };

	return sync_ioctl(node, NVME_IOCTL_IO64_CMD, cmd);
}

/* 128 bits, little endian */
static uint64_t capacity(const uint8_t *p)
{
	uint64_t low, high;

	memcpy(&low, p, 8);
	memcpy(&high, p + 8, 8);
	return high ? UINT64_MAX : sim_le64(low);
}

static int identify(struct host_dev *dev, uint32_t cns, void *buf)
{
	struct nvme_passthru_cmd64 cmd = {
		.opcode = nvme_admin_identify,
		.addr = (uintptr_t)buf,
		.data_len = HOST_PAGE,
		.cdw10 = cns,
	};

	return host_admin_sync(dev, &cmd) ? -EIO : 0;
}

int host_dev_space(struct host_dev *dev, struct host_space *space)
{
	struct nvme_id_ctrl id;
	unsigned int n = 0;

	if (identify(dev, NVME_IDENTIFY_CNS_CTRL, &id))
		return -EIO;
	*space = (struct host_space){
		.total = capacity(id.tnvmcap),
		.unallocated = capacity(id.unvmcap),
		.nn = sim_le32(id.nn),
	};
	/* no list: there is no namespace management, and the fields above are all there is */
	if (identify(dev, NVME_IDENTIFY_CNS_ALLOCATED_NS_LIST, space->nsids))
		return 0;
	for (; n < sizeof(space->nsids) / sizeof(space->nsids[0]) && space->nsids[n]; n++)
		space->nsids[n] = sim_le32(space->nsids[n]);
	space->nr_nsids = n;
	return 0;
}
