/* SPDX-License-Identifier: MIT */
/*
 * aen.c - the Asynchronous Event Request that is always outstanding (NVMe base 2.1, 5.1.2), and
 * what the driver does about events. As Linux, it asks for the notices it acts on; other events
 * are for the programs that want them.
 */
#include "internal.h"

#define FID_ASYNC_EVENT 0x0b
#define NOTICE_NS_ATTRIBUTE (1u << 8) /* OAES, and CDW11 of the feature */

#define AER_TYPE(result) ((result) & 7)
#define AER_INFO(result) ((result) >> 8 & 0xff)
#define TYPE_ERROR 0
#define ERROR_PERSISTENT_INTERNAL 3
#define TYPE_NOTICE 2
#define NOTICE_NS_CHANGED 0

static void request(struct host_dev *dev)
{
	const struct host_sqe sqe = { .opcode = nvme_admin_async_event };

	host_internal_submit(dev, &sqe, &dev->aen, 0);
}

static void event(struct host_dev *dev, struct host_internal *in, int status, uint64_t result)
{
	if (status)
		return; /* a reset, or there may be no more requests: none is left outstanding */
	request(dev);
	if (AER_TYPE(result) == TYPE_NOTICE && AER_INFO(result) == NOTICE_NS_CHANGED) {
		host_scan(dev, true, NULL);
	} else if (AER_TYPE(result) == TYPE_ERROR &&
		   AER_INFO(result) == ERROR_PERSISTENT_INTERNAL) {
		atomic_store(&dev->want_reset, true);
		host_arm(dev, host_now());
	}
}

void host_aen_start(struct host_dev *dev)
{
	uint32_t notices = dev->oaes & NOTICE_NS_ATTRIBUTE;
	const struct host_sqe sqe = {
		.opcode = nvme_admin_set_features,
		.cdw10 = sim_le32(FID_ASYNC_EVENT),
		.cdw11 = sim_le32(notices),
	};

	if (!notices || host_internal_sync(dev, &sqe, NULL))
		return;
	dev->aen.done = event;
	request(dev);
}
