/* SPDX-License-Identifier: MIT */
/*
 * feature_rows.c - the table of features (NVMe Base 2.1, section 5.1.25.1), their defaults and what
 * setting them means.
 *
 * Reserved bits of dword 11 are neither kept nor looked at, except where a reserved value would
 * select something.
 */
#include <string.h>

#include "../fdp/fdp.h"
#include "../ns/ns.h"
#include "../pci/pci.h"
#include "tables.h"

#define VALUE(req) ((req)->sqe.cdw11)

void sim_feat_defaults(const struct sim_ctrl *c, struct sim_feat *f)
{
	*f = (struct sim_feat){
		.arbitration = 7, /* no limit */
		.temp_over = { [0] = SIM_WCTEMP },
		/* none: a secondary controller that is offline */
		.nr_sq = (uint16_t)(c->nr_pairs ? c->nr_pairs - 1 : 0),
		.nr_cq = (uint16_t)(c->nr_pairs ? c->nr_pairs - 1 : 0),
		.ts_set_ns = sim_now(c),
		.lsiri = SIM_LSIPI,
		.write_atomicity = c->p.atomic_dn,
	};
}

/*
 * 01h Arbitration (figure 386): AB, LPW, MPW, HPW. The weights are for weighted round robin, which
 * CAP.AMS does not offer; any burst limit holds, since one command of a queue executes at a time.
 */
static uint16_t get_arbitration(struct sim_req *req, const struct sim_ns *ns,
				const struct sim_feat *f, uint8_t *data)
{
	req->result = f->arbitration;
	return SIM_OK;
}

static uint16_t set_arbitration(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	req->ctrl->feat.arbitration = VALUE(req) & 0xffffff07;
	return SIM_OK;
}

/* 02h Power Management (figure 387): power state 0 is the only one; the workload hint is kept */
static uint16_t get_power(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			  uint8_t *data)
{
	req->result = f->power_mgmt;
	return SIM_OK;
}

static uint16_t set_power(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	if (VALUE(req) & 0x1f)
		return sim_bad_field(req, SIM_PEL_CDW(11, 0));
	req->ctrl->feat.power_mgmt = VALUE(req) & 0xe0;
	return SIM_OK;
}

/*
 * 04h Temperature Threshold (section 5.1.25.1.3): THSEL 21:20, TMPSEL 19:16. There is the composite
 * temperature only: the SMART log says that no sensor is implemented.
 */
enum {
	TMPSEL_COMPOSITE = 0x0,
	TMPSEL_ALL = 0xf, /* Set Features only */
	THSEL_OVER = 0,
	THSEL_UNDER = 1,
};

static uint16_t temp_select(struct sim_req *req, bool set, bool *under)
{
	uint32_t tmpsel = VALUE(req) >> 16 & 0xf, thsel = VALUE(req) >> 20 & 3;

	if (tmpsel != TMPSEL_COMPOSITE && !(set && tmpsel == TMPSEL_ALL))
		return sim_bad_field(req, SIM_PEL_CDW(11, 16));
	if (thsel != THSEL_OVER && thsel != THSEL_UNDER)
		return sim_bad_field(req, SIM_PEL_CDW(11, 20));
	*under = thsel == THSEL_UNDER;
	return SIM_OK;
}

static uint16_t get_temp(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			 uint8_t *data)
{
	bool under;
	uint16_t status = temp_select(req, false, &under);

	if (!status)
		req->result = under ? f->temp_under[0] : f->temp_over[0];
	return status;
}

static uint16_t set_temp(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	struct sim_feat *f = &req->ctrl->feat;
	bool under;
	uint16_t status = temp_select(req, true, &under);

	if (status)
		return status;
	if (under)
		f->temp_under[0] = (uint16_t)VALUE(req);
	else
		f->temp_over[0] = (uint16_t)VALUE(req);
	sim_smart_check(req->ctrl);
	return SIM_OK;
}

/*
 * 05h Error Recovery (NVM Command Set 1.1): DULBE bit 16, TLER 15:0. Nothing is retried, so that
 * any time limit holds. DULBE is for namespaces that report it (NSFEAT).
 */
static uint16_t get_err_recovery(struct sim_req *req, const struct sim_ns *ns,
				 const struct sim_feat *f, uint8_t *data)
{
	req->result = ns ? ns->err_recovery : f->err_recovery;
	return SIM_OK;
}

static bool err_recovery_ok(const struct sim_ns *ns, uint32_t value)
{
	struct nvme_id_ns id;

	if (!(value >> 16 & 1))
		return true;
	memset(&id, 0, sizeof(id));
	sim_ns_fill_id(ns, &id);
	return id.nsfeat & NVME_NS_FEAT_DULBE;
}

static uint16_t set_err_recovery(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	uint32_t first = ns ? ns->nsid : 1, last = ns ? ns->nsid : SIM_NN;
	uint32_t value = VALUE(req) & 0x1ffff;
	struct sim_ns *one;

	for (uint32_t nsid = first; nsid <= last; nsid++) {
		one = sim_ctrl_ns(req->ctrl, nsid);
		if (one && !err_recovery_ok(one, value))
			return sim_bad_field(req, SIM_PEL_CDW(11, 16));
	}
	for (uint32_t nsid = first; nsid <= last; nsid++) {
		one = sim_ctrl_ns(req->ctrl, nsid);
		if (one)
			one->err_recovery = value;
	}
	return SIM_OK;
}

/*
 * 06h Volatile Write Cache (figure 390): WCE, of all attached namespaces. What is in the cache when
 * it is disabled is flushed before the command completes.
 */
static uint16_t get_write_cache(struct sim_req *req, const struct sim_ns *ns,
				const struct sim_feat *f, uint8_t *data)
{
	bool current = f == &req->ctrl->feat;

	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		const struct sim_ns *one = sim_ctrl_ns(req->ctrl, nsid);

		if (one && (current ? one->wc_enabled : one->p.write_cache))
			req->result = 1;
	}
	return SIM_OK;
}

static uint16_t set_write_cache(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	bool enable = VALUE(req) & 1, was = false;

	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		struct sim_ns *one = sim_ctrl_ns(req->ctrl, nsid);

		if (!one)
			continue;
		was |= one->wc_enabled;
		one->wc_enabled = enable;
	}
	return was && !enable ? sim_ns_flush_all(req) : SIM_OK;
}

/*
 * 07h Number of Queues (section 5.1.25.2.1): NCQR 31:16, NSQR 15:0, both 0's based. A host may ask
 * again as long as it created no I/O queue.
 */
static uint16_t get_nr_queues(struct sim_req *req, const struct sim_ns *ns,
			      const struct sim_feat *f, uint8_t *data)
{
	req->result = (uint32_t)f->nr_cq << 16 | f->nr_sq;
	return SIM_OK;
}

static uint16_t set_nr_queues(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	struct sim_feat *f = &req->ctrl->feat;
	uint16_t nsqr = (uint16_t)VALUE(req), ncqr = (uint16_t)(VALUE(req) >> 16);
	uint16_t max = (uint16_t)(req->ctrl->nr_pairs - 1);

	if (atomic_load(&req->ctrl->queues_made))
		return SIM_SEQUENCE_ERROR;
	if (nsqr == 0xffff || ncqr == 0xffff)
		return sim_bad_field(req, SIM_PEL_CDW(11, nsqr == 0xffff ? 0 : 16));
	f->nr_sq = nsqr < max ? nsqr : max;
	f->nr_cq = ncqr < max ? ncqr : max;
	return get_nr_queues(req, ns, f, NULL);
}

/* 08h Interrupt Coalescing (figure 445): TIME 15:8, THR 7:0; what they do is in coalesce.c */
static uint16_t get_coalescing(struct sim_req *req, const struct sim_ns *ns,
			       const struct sim_feat *f, uint8_t *data)
{
	req->result = f->irq_coalesce;
	return SIM_OK;
}

static uint16_t set_coalescing(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	req->ctrl->feat.irq_coalesce = VALUE(req) & 0xffff;
	sim_coalesce_set(req->ctrl);
	return SIM_OK;
}

/*
 * 09h Interrupt Vector Configuration (figure 446): CD bit 16, IV 15:0. Vector 0 is the Admin
 * Completion Queue's, which is never coalesced: its CD stays 1.
 */
static uint16_t get_vector(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			   uint8_t *data)
{
	uint16_t iv = (uint16_t)VALUE(req);
	bool cd = iv == 0;

	if (iv >= atomic_load(&req->ctrl->fn->nr_vectors))
		return sim_bad_field(req, SIM_PEL_CDW(11, 0));
	if (f->iv_cd)
		cd = f->iv_cd[iv];
	req->result = iv | (cd ? 1u << 16 : 0);
	return SIM_OK;
}

static uint16_t set_vector(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	struct sim_ctrl *c = req->ctrl;
	uint16_t iv = (uint16_t)VALUE(req);
	bool cd = VALUE(req) >> 16 & 1, used = iv == 0;

	/* the vector is one an I/O Completion Queue was created with */
	for (uint32_t qid = 1; qid <= c->p.max_ioqpairs && !used; qid++)
		used = c->cq[qid] && c->cq[qid]->irq_enabled && c->cq[qid]->vector == iv;
	if (iv >= atomic_load(&c->fn->nr_vectors) || !used)
		return sim_bad_field(req, SIM_PEL_CDW(11, 0));
	if (iv == 0 && !cd)
		return SIM_FEATURE_NOT_CHANGEABLE;
	c->feat.iv_cd[iv] = cd;
	if (cd)
		sim_coalesce_release(c, iv);
	return SIM_OK;
}

/*
 * 0Ah Write Atomicity Normal (NVM Command Set 1.1): DN. It makes AWUPF apply where AWUN would; they
 * are the same here.
 */
static uint16_t get_atomicity(struct sim_req *req, const struct sim_ns *ns,
			      const struct sim_feat *f, uint8_t *data)
{
	req->result = f->write_atomicity;
	return SIM_OK;
}

static uint16_t set_atomicity(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	req->ctrl->feat.write_atomicity = VALUE(req) & 1;
	return SIM_OK;
}

/*
 * 0Bh Asynchronous Event Configuration (figure 391): the SMART warnings, and of the notices those
 * Identify Controller's OAES reports. A warning that is already there is reported when enabled.
 */
#define AEC_SMART 0x3fu

static uint16_t get_async_event(struct sim_req *req, const struct sim_ns *ns,
				const struct sim_feat *f, uint8_t *data)
{
	req->result = f->async_event;
	return SIM_OK;
}

static uint16_t set_async_event(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	uint32_t bad = VALUE(req) & ~(AEC_SMART | sim_oaes(req->ctrl));

	if (bad) {
		unsigned int bit = 0;

		while (!(bad >> bit & 1))
			bit++;
		return sim_bad_field(req, SIM_PEL_CDW(11, bit));
	}
	req->ctrl->feat.async_event = VALUE(req);
	sim_smart_check(req->ctrl);
	sim_lbas_arm(req->ctrl);
	return SIM_OK;
}

/*
 * 0Eh Timestamp (figures 395, 396): milliseconds in bytes 5:0, origin in bits 3:1 of byte 6. A
 * Controller Level Reset sets it to 0, from where it counts.
 */
enum {
	TS_ORIGIN_RESET = 0,
	TS_ORIGIN_SET = 1,
};
#define TS_MASK ((1ull << 48) - 1)

static uint64_t timestamp(const struct sim_feat *f, uint64_t now)
{
	uint64_t ms = f->ts_base_ms + (now - f->ts_set_ns) / 1000000;

	return (ms & TS_MASK) | (uint64_t)f->ts_origin << 49;
}

uint64_t sim_timestamp(struct sim_ctrl *c)
{
	return timestamp(&c->feat, sim_now(c));
}

static uint16_t get_timestamp(struct sim_req *req, const struct sim_ns *ns,
			      const struct sim_feat *f, uint8_t *data)
{
	bool current = f == &req->ctrl->feat;
	uint64_t ts = sim_le64(timestamp(f, current ? sim_now(req->ctrl) : f->ts_set_ns));

	memcpy(data, &ts, sizeof(ts));
	return SIM_OK;
}

static uint16_t set_timestamp(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	struct sim_feat *f = &req->ctrl->feat;
	uint64_t ts;

	memcpy(&ts, data, sizeof(ts));
	f->ts_base_ms = sim_le64(ts) & TS_MASK;
	f->ts_set_ns = sim_now(req->ctrl);
	f->ts_origin = TS_ORIGIN_SET;
	return SIM_OK;
}

/*
 * 0Fh Keep Alive Timer (figure 397): KATO in milliseconds, rounded up to the granularity that KAS
 * reports. Zero, the default over PCIe, stops the timer.
 */
static uint16_t get_kato(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			 uint8_t *data)
{
	req->result = f->kato;
	return SIM_OK;
}

static uint16_t set_kato(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	const uint64_t unit = SIM_KAS * 100;
	uint64_t ms = (VALUE(req) + unit - 1) / unit * unit;

	req->ctrl->feat.kato = (uint32_t)(ms > UINT32_MAX ? ms - unit : ms);
	sim_keep_alive_start(req->ctrl);
	return SIM_OK;
}

/*
 * 16h Host Behavior Support (figure 407). Advanced Command Retry may always be enabled: the retry
 * delays are 0, so that no completion asks for one. CDFE enables the Copy Descriptor Formats 2h and
 * 3h. All else needs what is not supported.
 */
static uint16_t get_host_behavior(struct sim_req *req, const struct sim_ns *ns,
				  const struct sim_feat *f, uint8_t *data)
{
	memcpy(data, f->host_behavior, sizeof(f->host_behavior));
	return SIM_OK;
}

static uint16_t set_host_behavior(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	enum { ACRE = 0, ETDAS = 1, LBAFEE = SIM_HBS_LBAFEE, HDISNS = 3 };
	enum { CDFE = 0x0c }; /* 0h and 1h are always enabled */

	if (data[ACRE] > 1 || data[ETDAS] || data[LBAFEE] > 1 || data[HDISNS] ||
	    data[SIM_HBS_CDFE] & ~CDFE || data[SIM_HBS_CDFE + 1])
		return SIM_INVALID_FIELD;
	req->ctrl->feat.host_behavior[ACRE] = data[ACRE];
	req->ctrl->feat.host_behavior[LBAFEE] = data[LBAFEE];
	req->ctrl->feat.host_behavior[SIM_HBS_CDFE] = data[SIM_HBS_CDFE];
	return SIM_OK;
}

/* 19h I/O Command Set Profile: IOCSCI 8:0, a combination of Identify CNS 1Ch. One that leaves out what
 * an attached namespace has is rejected. */
static uint16_t get_profile(struct sim_req *req, const struct sim_ns *ns, const struct sim_feat *f,
			    uint8_t *data)
{
	req->result = f->iocs_profile;
	return SIM_OK;
}

static uint16_t set_profile(struct sim_req *req, struct sim_ns *ns, const uint8_t *data)
{
	const uint64_t vector = sim_iocs_vector(VALUE(req) & 0x1ff);

	for (uint32_t nsid = 1; nsid <= SIM_NN; nsid++) {
		const struct sim_ns *one = sim_ctrl_ns(req->ctrl, nsid);

		if (vector && (!one || vector >> one->csi & 1))
			continue;
		req->err_loc = SIM_PEL_CDW(11, 0);
		return SIM_IOCS_COMBINATION;
	}
	req->ctrl->feat.iocs_profile = VALUE(req) & 0x1ff;
	req->result = VALUE(req) & 0x1ff;
	return SIM_OK;
}

/* FID, changeable, scope, effects, ONCS, data length, name, get, set, there */
const struct sim_feature sim_feature_rows[] = {
	{ 0x01, true, SIM_SCOPE_CTRL, 0, 0, 0, "Arbitration", get_arbitration, set_arbitration, NULL },
	{ 0x02, true, SIM_SCOPE_CTRL, 0, 0, 0, "Power Management", get_power, set_power, NULL },
	{ 0x04, true, SIM_SCOPE_CTRL, 0, 0, 0, "Temperature Threshold", get_temp, set_temp, NULL },
	{ 0x05, true, SIM_SCOPE_NS, 0, 0, 0, "Error Recovery", get_err_recovery,
	  set_err_recovery, NULL },
	{ 0x06, true, SIM_SCOPE_CTRL, 0, 0, 0, "Volatile Write Cache", get_write_cache,
	  set_write_cache, NULL },
	{ 0x07, true, SIM_SCOPE_CTRL, 0, 0, 0, "Number of Queues", get_nr_queues, set_nr_queues, NULL },
	{ 0x08, true, SIM_SCOPE_CTRL, 0, 0, 0, "Interrupt Coalescing", get_coalescing,
	  set_coalescing, NULL },
	{ 0x09, true, SIM_SCOPE_CTRL, 0, 0, 0, "Interrupt Vector Configuration", get_vector,
	  set_vector, NULL },
	{ 0x0a, true, SIM_SCOPE_CTRL, 0, 0, 0, "Write Atomicity Normal", get_atomicity,
	  set_atomicity, NULL },
	{ 0x0b, true, SIM_SCOPE_CTRL, 0, 0, 0, "Asynchronous Event Configuration", get_async_event,
	  set_async_event, NULL },
	{ 0x0d, true, SIM_SCOPE_CTRL, 0, 0, 0, "Host Memory Buffer", sim_hmb_get, sim_hmb_set,
	  sim_hmb_there },
	{ 0x0e, true, SIM_SCOPE_CTRL, 0, NVME_CTRL_ONCS_TIMESTAMP, 8, "Timestamp", get_timestamp,
	  set_timestamp, NULL },
	{ 0x0f, true, SIM_SCOPE_CTRL, 0, 0, 0, "Keep Alive Timer", get_kato, set_kato, NULL },
	{ 0x15, true, SIM_SCOPE_CTRL, 0, 0, 0, "LBA Status Information Attributes",
	  sim_lbas_get_feature, sim_lbas_set_feature, NULL },
	{ 0x16, true, SIM_SCOPE_CTRL, 0, 0, 512, "Host Behavior Support", get_host_behavior,
	  set_host_behavior, NULL },
	{ 0x19, true, SIM_SCOPE_CTRL, 0, 0, 0, "I/O Command Set Profile", get_profile,
	  set_profile, NULL },
	{ 0x1d, SIM_FEAT_SAVED, SIM_SCOPE_ENDURANCE, 0, 0, 0, "Flexible Data Placement", sim_get_fdp,
	  sim_set_fdp, sim_fdp_there },
	/* NOET says how long the data is: moved by the functions */
	{ 0x1e, SIM_FEAT_SAVED, SIM_SCOPE_NS, 0, 0, 0, "FDP Events", sim_get_fdp_events, sim_set_fdp_events,
	  sim_fdp_there },
	/* EXHID chooses between two data structures: moved by the functions */
	{ 0x81, true, SIM_SCOPE_CTRL, 0, 0, 0, "Host Identifier", sim_get_host_id,
	  sim_set_host_id, NULL },
	{ 0x82, true, SIM_SCOPE_NS, 0, 0, 0, "Reservation Notification Mask", sim_get_resv_mask,
	  sim_set_resv_mask, NULL },
	{ 0x83, true, SIM_SCOPE_NS, 0, 0, 0, "Reservation Persistence", sim_get_resv_persist,
	  sim_set_resv_persist, NULL },
	{ 0x84, true, SIM_SCOPE_NS, 0, 0, 0, "Namespace Write Protection Config", sim_get_wp,
	  sim_set_wp, NULL },
};
const unsigned int sim_nr_feature_rows = sizeof(sim_feature_rows) / sizeof(sim_feature_rows[0]);
