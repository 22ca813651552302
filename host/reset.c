/* SPDX-License-Identifier: MIT */
/*
 * reset.c - controller reset, shutdown, death (NVMe base 2.1, 3.6 and 3.7).
 */
#include "internal.h"

#define RESET_ATTEMPTS 2
#define SHUTDOWN_TIMEOUT_MS 5000u /* as Linux, where RTD3E says nothing */
#define CSTS_RDY 1u
#define CSTS_CFS 2u
#define CSTS_SHST(n) ((uint32_t)(n) << NVME_CSTS_SHST_SHIFT)

bool host_unhealthy(struct host_dev *dev)
{
	uint32_t csts = host_r32(dev, NVME_REG_CSTS); /* all ones: the function is gone */

	return csts & CSTS_CFS || !(csts & CSTS_RDY);
}

static void stop_queues(struct host_dev *dev)
{
	unsigned int i;

	/* all of them first: stopping one waits for who is in its doorbell */
	for (i = 0; i <= dev->max_io; i++)
		host_queue_pause(&dev->q[i]);
	for (i = 0; i <= dev->max_io; i++)
		host_queue_stop(&dev->q[i]);
}

static void fail_queues(struct host_dev *dev, int err, bool waiting)
{
	unsigned int i;

	for (i = 0; i <= dev->max_io; i++)
		host_queue_fail(&dev->q[i], err, waiting);
}

/* @function: what resets the function, once, while nothing is in flight; NULL: nothing need */
static int reset(struct host_dev *dev, int (*function)(struct sim_fn *fn))
{
	int state = HOST_LIVE, attempt;
	struct sim_msg msg;

	if (!atomic_compare_exchange_strong(&dev->state, &state, HOST_RESETTING))
		return state == HOST_RESETTING ? -EBUSY : -ENODEV;
	for (attempt = 0; attempt < RESET_ATTEMPTS; attempt++) {
		/* calls that have no slot yet wait for the queues to come back */
		stop_queues(dev);
		host_ctrl_disable(dev);
		if (function && function(dev->fn))
			break; /* it is gone */
		function = NULL;
		fail_queues(dev, -EINTR, false);
		if (!host_bring_up(dev, &msg))
			return 0;
	}
	stop_queues(dev);
	host_ctrl_disable(dev);
	atomic_store(&dev->state, HOST_DEAD);
	fail_queues(dev, -ENODEV, true);
	return -ENETRESET;
}

int host_reset(struct host_dev *dev)
{
	return reset(dev, NULL);
}

int host_dev_fn_reset(struct host_dev *dev)
{
	int err;

	if (!dev->fn)
		return -ENODEV;
	if (atomic_load(&dev->state) == HOST_DEAD) /* there is nothing to stop or to bring up */
		return host_fn_reset(dev->fn);
	err = reset(dev, host_fn_reset);
	if (!err)
		host_scan(dev, false, NULL);
	return err;
}

static void delete_queues(struct host_dev *dev)
{
	unsigned int qid;

	for (qid = atomic_load(&dev->nr_io); qid > 0; qid--) {
		struct host_sqe sqe = {
			.opcode = nvme_admin_delete_sq,
			.cdw10 = sim_le32(qid),
		};

		if (host_internal_sync(dev, &sqe, NULL) < 0)
			return;
		sqe.opcode = nvme_admin_delete_cq;
		host_internal_sync(dev, &sqe, NULL);
	}
}

void host_dev_shutdown(struct host_dev *dev)
{
	const uint32_t shn = (uint32_t)NVME_CC_SHN_NORMAL << NVME_CC_SHN_SHIFT;
	const uint32_t mask = (uint32_t)NVME_CC_SHN_MASK << NVME_CC_SHN_SHIFT;
	unsigned int i;
	int was;

	if (!dev->fn)
		return;
	was = atomic_exchange(&dev->state, HOST_DEAD);
	for (i = 1; i <= dev->max_io; i++) {
		host_queue_stop(&dev->q[i]);
		host_queue_fail(&dev->q[i], -ENODEV, true);
	}
	if (was == HOST_LIVE && !host_unhealthy(dev)) {
		delete_queues(dev);
		host_w32(dev, NVME_REG_CC, (host_r32(dev, NVME_REG_CC) & ~mask) | shn);
		host_wait_csts(dev, CSTS_SHST(NVME_CSTS_SHST_MASK),
			       CSTS_SHST(NVME_CSTS_SHST_CMPLT), SHUTDOWN_TIMEOUT_MS);
	}
	/* off, so that nothing is posted to memory that is about to go */
	host_queue_stop(&dev->q[0]);
	host_ctrl_disable(dev);
	host_queue_fail(&dev->q[0], -ENODEV, true);
	pthread_mutex_lock(&dev->lock);
	dev->nr_ns = 0; /* whoever probes it next finds them again */
	pthread_mutex_unlock(&dev->lock);
	dev->fn = NULL;
}

void host_dev_changed(struct host_dev *dev, enum sim_fn_change what)
{
	if (what == SIM_FN_VFS)
		return;
	atomic_store(&dev->want_reset, true);
	host_arm(dev, host_now());
}
