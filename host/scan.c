/* SPDX-License-Identifier: MIT */
/*
 * scan.c - which namespaces are active, and what they are like. Linux's nvme_scan_work().
 *
 * A scan is a chain of admin commands, one at a time, each issued when the one before it ended,
 * on whichever thread that was: nobody sleeps on it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define LIST_MAX (HOST_PAGE / 4)
#define LID_EFFECTS 0x05
#define LID_CHANGED_NS 0x04
#define POLL_US 50
#define SC_DNR 0x4000
#define PI_SIZE_16 8u /* a tuple with a 16-bit guard; with a wider one 16 bytes */
#define PI_SIZE_WIDE 16u

/* ---- the steps --------------------------------------------------------------------------- */

static void changed_sqe(struct host_dev *dev, struct host_sqe *sqe)
{
	sqe->opcode = nvme_admin_get_log_page;
	sqe->nsid = UINT32_MAX;
	sqe->dptr[0] = host_iova(dev, dev->bufs->changed);
	sqe->cdw10 = (HOST_PAGE / 4 - 1) << 16 | LID_CHANGED_NS;
}

static void list_sqe(struct host_dev *dev, struct host_sqe *sqe)
{
	sqe->opcode = nvme_admin_identify;
	sqe->nsid = dev->scan.from;
	sqe->dptr[0] = host_iova(dev, dev->bufs->list);
	sqe->cdw10 = NVME_IDENTIFY_CNS_NS_ACTIVE_LIST;
}

static void ns_sqe(struct host_dev *dev, struct host_sqe *sqe)
{
	sqe->opcode = nvme_admin_identify;
	sqe->nsid = sim_le32(dev->bufs->list[dev->scan.pos]);
	sqe->dptr[0] = host_iova(dev, dev->bufs->ns);
	sqe->cdw10 = NVME_IDENTIFY_CNS_NS;
}

static void pi_sqe(struct host_dev *dev, struct host_sqe *sqe)
{
	ns_sqe(dev, sqe);
	sqe->cdw10 = NVME_IDENTIFY_CNS_CSI_NS;
	sqe->cdw11 = NVME_CSI_NVM << 24;
}

static void desc_sqe(struct host_dev *dev, struct host_sqe *sqe)
{
	ns_sqe(dev, sqe);
	sqe->cdw10 = NVME_IDENTIFY_CNS_NS_DESC_LIST;
}

static void effects_sqe(struct host_dev *dev, struct host_sqe *sqe)
{
	sqe->opcode = nvme_admin_get_log_page;
	sqe->nsid = UINT32_MAX;
	sqe->dptr[0] = host_iova(dev, dev->bufs->ns);
	sqe->cdw10 = (HOST_PAGE / 4 - 1) << 16 | LID_EFFECTS;
	sqe->cdw14 = (uint32_t)dev->scan.ns[dev->scan.nr - 1].csi << 24;
}

/* the next namespace of the list; a full list may go on. Return: false when that was all. */
static bool next_ns(struct host_scan *scan, const struct host_bufs *bufs)
{
	scan->step = HOST_SCAN_NS;
	if (++scan->pos < LIST_MAX)
		return bufs->list[scan->pos];
	scan->from = sim_le32(bufs->list[LIST_MAX - 1]);
	scan->step = HOST_SCAN_LIST;
	return true;
}

static bool changed_end(struct host_dev *dev)
{
	dev->scan.step = HOST_SCAN_LIST; /* reading it was the purpose */
	return true;
}

static bool list_end(struct host_dev *dev)
{
	dev->scan.pos = UINT32_MAX;
	return !dev->scan.status && next_ns(&dev->scan, dev->bufs);
}

/* a place for one more namespace */
static bool grow(struct host_scan *scan)
{
	struct host_ns *grown;

	if (scan->nr < scan->max)
		return true;
	grown = realloc(scan->ns, (scan->max * 2 + 8) * sizeof(*grown));
	if (!grown) {
		scan->status = -ENOMEM;
		return false;
	}
	scan->ns = grown;
	scan->max = scan->max * 2 + 8;
	return true;
}

/* NVM command set 1.1, figure 114 */
static bool ns_end(struct host_dev *dev)
{
	struct host_scan *scan = &dev->scan;
	const struct nvme_id_ns *id = (const struct nvme_id_ns *)dev->bufs->ns;
	const struct nvme_lbaf *lbaf;
	uint32_t nsid = sim_le32(dev->bufs->list[scan->pos]);
	uint8_t index = (id->flbas & 0xf) | (id->flbas >> 1 & 0x30), type = id->dps & 7;

	if (!grow(scan))
		return false;
	if (scan->status) {
		/* it went away since the list was read; or it is there, and cannot say just now
		 * what it is like */
		if (!(scan->status & SC_DNR) && host_ns_get(dev, nsid, &scan->ns[scan->nr]))
			scan->nr++;
		return next_ns(scan, dev->bufs);
	}
	lbaf = &id->lbaf[index];
	scan->ns[scan->nr++] = (struct host_ns){
		.nsid = nsid,
		.nsze = sim_le64(id->nsze),
		.nuse = sim_le64(id->nuse),
		.lba_shift = lbaf->ds < 32 ? lbaf->ds : 0,
		.lbaf = index,
		.meta_size = sim_le16(lbaf->ms),
		.pi_type = type,
		.pi_size = type ? PI_SIZE_16 : 0,
		.pi_first = id->dps >> 3 & 1,
		.extended = id->flbas >> 4 & 1,
		.shared = id->nmic & 1,
	};
	scan->step = type && dev->elbas ? HOST_SCAN_PI : HOST_SCAN_DESC;
	return true;
}

/* NVM command set 1.1, figure 118: Extended LBA Formats, PIF in bits 8:7 */
static bool pi_end(struct host_dev *dev)
{
	struct host_scan *scan = &dev->scan;
	const struct nvme_nvm_id_ns *id = (const struct nvme_nvm_id_ns *)dev->bufs->ns;
	struct host_ns *ns = &scan->ns[scan->nr - 1];

	if (!scan->status && sim_le32(id->elbaf[ns->lbaf]) >> 7 & 3)
		ns->pi_size = PI_SIZE_WIDE;
	scan->step = HOST_SCAN_DESC;
	return true;
}

/* NVMe base 2.1, figure 315: NIDT, NIDL, two reserved bytes, NID */
static bool desc_end(struct host_dev *dev)
{
	struct host_scan *scan = &dev->scan;
	struct host_ns *ns = &scan->ns[scan->nr - 1];
	const uint8_t *d = dev->bufs->ns, *end = d + HOST_PAGE - 4;

	if (!scan->status) {
		for (; d < end && d[1]; d += 4 + d[1]) {
			if (d[0] == NVME_NIDT_CSI)
				ns->csi = d[4];
		}
	}
	if (dev->effects_log && ns->csi < HOST_NR_CSI && !dev->io_effects_read[ns->csi]) {
		scan->step = HOST_SCAN_EFFECTS;
		return true;
	}
	return next_ns(scan, dev->bufs);
}

static bool effects_end(struct host_dev *dev)
{
	struct host_scan *scan = &dev->scan;

	if (!scan->status)
		host_effects_store(dev, scan->ns[scan->nr - 1].csi,
				   (const struct nvme_cmd_effects_log *)dev->bufs->ns);
	return next_ns(scan, dev->bufs);
}

/* what a step asks, and what its answer leads to: true for another step */
static const struct {
	void (*sqe)(struct host_dev *dev, struct host_sqe *sqe);
	bool (*end)(struct host_dev *dev);
} steps[HOST_SCAN_STEPS] = {
	[HOST_SCAN_CHANGED] = { changed_sqe, changed_end },
	[HOST_SCAN_LIST] = { list_sqe, list_end },
	[HOST_SCAN_NS] = { ns_sqe, ns_end },
	[HOST_SCAN_PI] = { pi_sqe, pi_end },
	[HOST_SCAN_DESC] = { desc_sqe, desc_end },
	[HOST_SCAN_EFFECTS] = { effects_sqe, effects_end },
};

/* ---- the chain --------------------------------------------------------------------------- */

static void begin(struct host_scan *scan)
{
	scan->step = scan->clear_log ? HOST_SCAN_CHANGED : HOST_SCAN_LIST;
	scan->from = 0;
	scan->nr = 0;
}

/* the namespaces found are the active ones now; tell the door */
static void publish(struct host_dev *dev)
{
	struct host_scan *scan = &dev->scan;
	uint32_t *nsids = malloc((scan->nr + 1) * sizeof(*nsids));
	struct host_ns *old;
	bool zoned = false;
	unsigned int i;

	if (!nsids)
		return;
	for (i = 0; i < scan->nr; i++) {
		nsids[i] = scan->ns[i].nsid;
		zoned |= scan->ns[i].csi == NVME_CSI_ZNS;
	}
	atomic_store(&dev->any_zoned, zoned);
	pthread_mutex_lock(&dev->lock);
	old = dev->ns;
	dev->ns = scan->ns;
	dev->nr_ns = scan->nr;
	pthread_mutex_unlock(&dev->lock);
	free(old);
	scan->ns = NULL;
	scan->max = 0;
	if (dev->p.namespaces)
		dev->p.namespaces(dev->p.opaque, dev, nsids, dev->nr_ns);
	free(nsids);
}

/* Return: whether another scan was asked for meanwhile */
static bool finish(struct host_dev *dev)
{
	struct host_scan *scan = &dev->scan;
	struct host_call *wait, *next;

	if (scan->status >= 0)
		publish(dev);
	pthread_mutex_lock(&dev->lock);
	if (scan->again && atomic_load(&dev->state) == HOST_LIVE) {
		scan->again = false;
		scan->clear_log = scan->clear_again;
		scan->clear_again = false;
		pthread_mutex_unlock(&dev->lock);
		begin(scan);
		return true;
	}
	scan->running = scan->again = scan->clear_again = false;
	wait = scan->wait;
	scan->wait = NULL;
	pthread_mutex_unlock(&dev->lock);
	for (; wait; wait = next) {
		next = wait->next;
		host_call_done(wait, wait->ret);
	}
	return false;
}

static bool step_end(struct host_dev *dev)
{
	struct host_scan *scan = &dev->scan;

	/* never answered: the controller is being reset, and scanned again after that */
	if (scan->status < 0)
		return finish(dev);
	if (steps[scan->step].end(dev))
		return true;
	if (scan->step == HOST_SCAN_LIST && scan->status > 0)
		scan->status = -EIO; /* no list: keep what is known */
	return finish(dev);
}

/* Issue steps until one is not answered at once. The answer's callback and this loop agree in
 * @turn on who goes on, so that a long scan does not nest. */
static void run(struct host_dev *dev)
{
	struct host_scan *scan = &dev->scan;
	bool more = true;

	while (more) {
		struct host_sqe sqe = { 0 };
		int err;

		steps[scan->step].sqe(dev, &sqe);
		sqe.nsid = sim_le32(sqe.nsid);
		sqe.dptr[0] = sim_le64(sqe.dptr[0]);
		sqe.cdw10 = sim_le32(sqe.cdw10);
		sqe.cdw11 = sim_le32(sqe.cdw11);
		sqe.cdw14 = sim_le32(sqe.cdw14);
		atomic_store(&scan->turn, false);
		err = host_internal_submit(dev, &sqe, &scan->in, dev->p.admin_timeout_ms);
		if (err)
			scan->status = err;
		else if (!atomic_exchange(&scan->turn, true))
			return;
		more = step_end(dev);
	}
}

static void scan_done(struct host_dev *dev, struct host_internal *in, int status, uint64_t result)
{
	struct host_scan *scan = &dev->scan;

	scan->status = status;
	if (atomic_exchange(&scan->turn, true) && step_end(dev))
		run(dev);
}

void host_scan(struct host_dev *dev, bool clear_log, struct host_call *call)
{
	struct host_scan *scan = &dev->scan;

	pthread_mutex_lock(&dev->lock);
	if (call) {
		call->next = scan->wait;
		scan->wait = call;
	}
	if (scan->running) {
		scan->again = true;
		scan->clear_again |= clear_log;
		pthread_mutex_unlock(&dev->lock);
		return;
	}
	scan->running = true;
	scan->clear_log = clear_log;
	pthread_mutex_unlock(&dev->lock);
	scan->in.done = scan_done;
	begin(scan);
	run(dev);
}

void host_scan_wait(struct host_dev *dev)
{
	uint64_t end = host_now() + dev->p.admin_timeout_ms * 1000000ull;
	bool running;

	host_scan(dev, false, NULL);
	do {
		pthread_mutex_lock(&dev->lock);
		running = dev->scan.running;
		pthread_mutex_unlock(&dev->lock);
		if (running) {
			host_pause(dev, POLL_US);
			host_queue_reap(&dev->q[0]);
		}
	} while (running && host_now() < end);
}

/* ---- what is known ----------------------------------------------------------------------- */

bool host_ns_get(struct host_dev *dev, uint32_t nsid, struct host_ns *ns)
{
	unsigned int low = 0, high, mid;
	bool found = false;

	pthread_mutex_lock(&dev->lock);
	for (high = dev->nr_ns; low < high;) {
		mid = (low + high) / 2;
		if (dev->ns[mid].nsid < nsid)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < dev->nr_ns && dev->ns[low].nsid == nsid) {
		*ns = dev->ns[low];
		found = true;
	}
	pthread_mutex_unlock(&dev->lock);
	return found;
}

int64_t host_ns_only(struct host_dev *dev)
{
	int64_t ret = 0;

	pthread_mutex_lock(&dev->lock);
	if (dev->nr_ns)
		ret = dev->nr_ns > 1 ? -EINVAL : (int64_t)dev->ns[0].nsid;
	pthread_mutex_unlock(&dev->lock);
	return ret;
}
