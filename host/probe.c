/* SPDX-License-Identifier: MIT */
/*
 * probe.c - from a function in whatever state to a controller with queues, in the order of NVMe
 * base 2.1, 3.5.1 (memory-based controller initialization), and as Linux's driver does it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define CC_VALUE (6u << NVME_CC_IOSQES_SHIFT | 4u << NVME_CC_IOCQES_SHIFT)
#define CSTS_RDY 1u
#define CSTS_CFS 2u
#define POLL_FIRST_US 20
#define POLL_MAX_US 10000

#define FID_NUM_QUEUES 0x07
#define FID_HOST_BEHAVIOR 0x16
#define HOST_BEHAVIOR_LEN 512
#define HOST_BEHAVIOR_LBAFEE 2 /* byte of it */
#define LID_EFFECTS 0x05
#define LPA_EFFECTS 0x02
#define CTRATT_ELBAS (1u << 15) /* extended LBA formats: guards of other widths than 16 bits */
#define QUEUE_PC 1u	/* CDW11: physically contiguous */
#define QUEUE_IEN 2u	/* CDW11 of Create I/O Completion Queue: interrupts enabled */
#define SGLS_SUPPORT 0x3u
#define SGLS_DWORD 0x2u
#define SGLS_LONGER (1u << 18) /* an SGL may be longer than the command needs */

void host_pause(struct host_dev *dev, unsigned int us)
{
	if (dev->p.wait)
		dev->p.wait(dev->p.opaque);
	usleep(us);
}

int host_wait_csts(struct host_dev *dev, uint32_t mask, uint32_t val, uint32_t timeout_ms)
{
	uint64_t end = 0;
	useconds_t us = POLL_FIRST_US;
	uint32_t csts;

	for (;;) {
		csts = host_r32(dev, NVME_REG_CSTS);
		if (csts == UINT32_MAX)
			return -ENODEV;
		if ((csts & mask) == val)
			return 0;
		if (val && csts & CSTS_CFS)
			return -EIO;
		if (!end)
			end = host_now() + timeout_ms * 1000000ull;
		else if (host_now() >= end)
			return -ETIMEDOUT;
		host_pause(dev, us);
		us = us * 2 < POLL_MAX_US ? us * 2 : POLL_MAX_US;
	}
}

/* CAP.TO is in units of 500 ms */
static uint32_t ready_timeout_ms(const struct host_dev *dev)
{
	return ((uint32_t)NVME_CAP_TO(dev->cap) + 1) * 500;
}

int host_ctrl_disable(struct host_dev *dev)
{
	uint32_t cc = host_r32(dev, NVME_REG_CC);

	/* SHN too: 00b is what a controller is enabled with again */
	host_w32(dev, NVME_REG_CC, cc & ~(1u | (uint32_t)NVME_CC_SHN_MASK << NVME_CC_SHN_SHIFT));
	return host_wait_csts(dev, CSTS_RDY, 0, ready_timeout_ms(dev));
}

static int enable(struct host_dev *dev)
{
	struct host_queue *q = &dev->q[0];
	uint32_t cc = CC_VALUE, aqa = (q->depth - 1u) << 16 | (q->depth - 1u);
	uint32_t css = (uint32_t)NVME_CAP_CSS(dev->cap);

	if (css & NVME_CAP_CSS_CSI)
		cc |= NVME_CC_CSS_CSI << NVME_CC_CSS_SHIFT;
	else if (!(css & NVME_CAP_CSS_NVM))
		cc |= NVME_CC_CSS_ADMIN << NVME_CC_CSS_SHIFT;
	host_queue_enable(q);
	host_w32(dev, NVME_REG_AQA, aqa);
	sim_mmio_write(dev->fn, 0, NVME_REG_ASQ, 8, q->sq_iova);
	sim_mmio_write(dev->fn, 0, NVME_REG_ACQ, 8, q->cq_iova);
	host_w32(dev, NVME_REG_CC, cc);
	host_w32(dev, NVME_REG_CC, cc | 1);
	return host_wait_csts(dev, CSTS_RDY, CSTS_RDY, ready_timeout_ms(dev));
}

/* a space-padded field as a string */
static void copy_padded(char *to, const char *from, size_t len)
{
	memcpy(to, from, len);
	while (len && (to[len - 1] == ' ' || !to[len - 1]))
		len--;
	to[len] = '\0';
}

static int identify(struct host_dev *dev)
{
	struct nvme_id_ctrl *id = (struct nvme_id_ctrl *)dev->bufs->ctrl;
	struct host_sqe sqe = {
		.opcode = nvme_admin_identify,
		.dptr[0] = sim_le64(host_iova(dev, id)),
		.cdw10 = sim_le32(NVME_IDENTIFY_CNS_CTRL),
	};
	uint32_t sgls;
	int status = host_internal_sync(dev, &sqe, NULL);

	if (status)
		return status;
	sgls = sim_le32(id->sgls);
	pthread_mutex_lock(&dev->lock);
	copy_padded(dev->sn, id->sn, sizeof(id->sn));
	copy_padded(dev->mn, id->mn, sizeof(id->mn));
	copy_padded(dev->fr, id->fr, sizeof(id->fr));
	memcpy(dev->subnqn, id->subnqn, sizeof(dev->subnqn) - 1);
	dev->cntlid = sim_le16(id->cntlid);
	pthread_mutex_unlock(&dev->lock);
	dev->cntrltype = id->cntrltype;
	dev->acl = id->acl;
	dev->oaes = sim_le32(id->oaes);
	dev->mdts = id->mdts && id->mdts < 20 ? (uint64_t)HOST_PAGE << id->mdts : 0;
	dev->sgl = sgls & SGLS_SUPPORT && sgls & SGLS_LONGER;
	dev->sgl_dword = (sgls & SGLS_SUPPORT) == SGLS_DWORD;
	dev->effects_log = id->lpa & LPA_EFFECTS;
	dev->elbas = sim_le32(id->ctratt) & CTRATT_ELBAS;
	return 0;
}

static int read_effects(struct host_dev *dev)
{
	const struct nvme_cmd_effects_log *log = (const void *)dev->bufs->ctrl;
	struct host_sqe sqe = {
		.opcode = nvme_admin_get_log_page,
		.nsid = UINT32_MAX,
		.dptr[0] = sim_le64(host_iova(dev, log)),
		.cdw10 = sim_le32((sizeof(*log) / 4 - 1) << 16 | LID_EFFECTS),
	};
	int status = 0;

	host_effects_reset(dev);
	if (dev->effects_log)
		status = host_internal_sync(dev, &sqe, NULL);
	if (dev->effects_log && !status)
		host_effects_store(dev, NVME_CSI_NVM, log);
	return status < 0 ? status : 0;
}

/* Linux's nvme_configure_host_options(): this host knows LBA formats with wide guards. A controller
 * that does not take it keeps those formats to itself. */
static int host_behavior(struct host_dev *dev)
{
	uint8_t *behavior = dev->bufs->ctrl;
	const struct host_sqe sqe = {
		.opcode = nvme_admin_set_features,
		.dptr[0] = sim_le64(host_iova(dev, behavior)),
		.cdw10 = sim_le32(FID_HOST_BEHAVIOR),
	};
	int status;

	if (!dev->elbas)
		return 0;
	memset(behavior, 0, HOST_BEHAVIOR_LEN);
	behavior[HOST_BEHAVIOR_LBAFEE] = 1;
	status = host_internal_sync(dev, &sqe, NULL);
	return status < 0 ? status : 0;
}

/* Set Features - Number of Queues (NVMe base 2.1, 5.1.25.1.5). Return: pairs, or -errno. */
static int allocate_queues(struct host_dev *dev)
{
	uint32_t want = dev->max_io - 1, nsq, ncq, n;
	struct host_sqe sqe = {
		.opcode = nvme_admin_set_features,
		.cdw10 = sim_le32(FID_NUM_QUEUES),
		.cdw11 = sim_le32(want << 16 | want),
	};
	uint64_t result;
	int status;

	if (!dev->max_io)
		return 0;
	status = host_internal_sync(dev, &sqe, &result);
	if (status)
		return status < 0 ? status : 0; /* admin commands are better than nothing */
	nsq = (result & 0xffff) + 1;
	ncq = (result >> 16 & 0xffff) + 1;
	n = nsq < ncq ? nsq : ncq;
	return (int)(n < dev->max_io ? n : dev->max_io);
}

static int create_queue(struct host_dev *dev, struct host_queue *q)
{
	struct host_sqe cq = {
		.opcode = nvme_admin_create_cq,
		.dptr[0] = sim_le64(q->cq_iova),
		.cdw10 = sim_le32((q->depth - 1u) << 16 | q->qid),
		.cdw11 = sim_le32((uint32_t)q->vector << 16 | QUEUE_IEN | QUEUE_PC),
	};
	struct host_sqe sq = {
		.opcode = nvme_admin_create_sq,
		.dptr[0] = sim_le64(q->sq_iova),
		.cdw10 = sim_le32((q->depth - 1u) << 16 | q->qid),
		.cdw11 = sim_le32((uint32_t)q->qid << 16 | QUEUE_PC),
	};
	int status = host_internal_sync(dev, &cq, NULL);

	if (!status)
		status = host_internal_sync(dev, &sq, NULL);
	if (!status)
		host_queue_enable(q);
	return status;
}

/* vector 0 is the admin queue's; the others are dealt out to the I/O queues, in turn if need be */
static void assign_vectors(struct host_dev *dev)
{
	unsigned int i;

	memset(dev->vec_queues, 0, sizeof(dev->vec_queues));
	for (i = 0; i <= dev->max_io; i++) {
		unsigned int io_vecs = dev->nr_vectors - 1u;

		dev->q[i].vector = (uint16_t)(i && io_vecs ? 1 + (i - 1) % io_vecs : 0);
		dev->vec_queues[dev->q[i].vector] |= 1ull << i;
	}
}

static int fail(struct sim_msg *msg, const char *what, int status)
{
	if (status > 0)
		snprintf(msg->text, sizeof(msg->text), "%s: the controller answered status %04xh",
			 what, (unsigned int)status);
	else
		snprintf(msg->text, sizeof(msg->text), "%s: %s", what, strerror(-status));
	return status > 0 ? -EIO : status;
}

int host_bring_up(struct host_dev *dev, struct sim_msg *msg)
{
	int err, i, n;

	err = host_pci_enable(dev, msg);
	if (err)
		return err;
	assign_vectors(dev);
	dev->cap = sim_mmio_read(dev->fn, 0, NVME_REG_CAP, 8);
	if (NVME_CAP_MPSMIN(dev->cap)) {
		snprintf(msg->text, sizeof(msg->text), "the controller has no 4 KiB pages");
		return -ENODEV;
	}
	err = host_ctrl_disable(dev);
	if (err)
		return fail(msg, "CSTS.RDY stays 1 after CC.EN was cleared", err);
	/* NSSRO is cleared by writing 1; so a second NVM Subsystem Reset is seen again */
	host_w32(dev, NVME_REG_CSTS, 1u << NVME_CSTS_NSSRO_SHIFT);
	err = enable(dev);
	if (err)
		return fail(msg, "CSTS.RDY stays 0 after CC.EN was set", err);
	err = identify(dev);
	if (err)
		return fail(msg, "Identify Controller", err);
	err = read_effects(dev);
	if (err)
		return fail(msg, "Get Log Page", err);
	err = host_behavior(dev);
	if (err)
		return fail(msg, "Set Features - Host Behavior Support", err);
	n = allocate_queues(dev);
	if (n < 0)
		return fail(msg, "Set Features - Number of Queues", n);
	for (i = 1; i <= n; i++) {
		err = create_queue(dev, &dev->q[i]);
		if (err && i == 1)
			return fail(msg, "creating an I/O queue", err);
		if (err)
			break; /* fewer will do */
	}
	atomic_store(&dev->nr_io, (unsigned int)(i - 1));
	host_aen_start(dev);

	atomic_store(&dev->want_reset, false);
	atomic_store(&dev->state, HOST_LIVE);
	n = (int)atomic_load(&dev->nr_io);
	for (i = 0; i <= n; i++)
		host_queue_live(&dev->q[i]);
	for (; i <= (int)dev->max_io; i++)
		host_queue_fail(&dev->q[i], -ENODEV, true); /* queues there are no longer */
	return 0;
}
