/* SPDX-License-Identifier: MIT */
/*
 * log.c - the log pages of the endurance group: NVMe Base 2.1, sections 5.1.12.1.10 and
 * 5.1.12.1.28 to 5.1.12.1.31. The Log Specific Identifier is the Endurance Group Identifier.
 */
#include <string.h>

#include "priv.h"

#define LOG_LSI(req)	     ((uint16_t)((req)->sqe.cdw11 >> 16))
#define LOG_HOST_EVENTS(req) ((req)->sqe.cdw10 >> 8 & 1)
#define PEL_LSI		     SIM_PEL_CDW(11, 16)
#define FDPA_VALID	     (1u << NVME_FDP_CONFIG_FDPA_VALID_SHIFT)
#define FDPA_VWC	     (1u << NVME_FDP_CONFIG_FDPA_FDPVWC_SHIFT)
#define EVENTS_MAX	     63

/* bytes of log page 09h that 1.3 calls reserved */
#define EG_TEGCAP 160
#define EG_UEGCAP 176

uint16_t sim_fdp_endgid(struct sim_req *req, uint16_t endgid, uint16_t pel, bool enabled)
{
	const struct sim_fdp *g = req->ctrl->subsys->fdp;

	if (!g || endgid != SIM_ENDGID)
		return sim_bad_field(req, pel);
	return enabled && !g->cfg ? SIM_FDP_DISABLED : SIM_OK;
}

static void put64(uint8_t *p, uint64_t v)
{
	v = sim_le64(v);
	memcpy(p, &v, sizeof(v));
}

uint64_t sim_fdp_hbmw(const struct sim_fdp *g)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < (uint64_t)g->p.nruh * g->p.nrg; i++)
		n += atomic_load_explicit(&g->slot[i].hosted, memory_order_relaxed);
	return n;
}

/* 20h FDP Configurations: there are several to choose from with feature 1Dh */
static size_t put_config(const struct sim_fdp *g, const struct fdp_cfg *cfg, uint8_t *p)
{
	struct nvme_fdp_config_desc *d = (struct nvme_fdp_config_desc *)p;
	const size_t size = (sizeof(*d) + cfg->nruh * sizeof(d->ruhs[0]) + 7) & ~(size_t)7;
	const uint64_t pids = (uint64_t)g->p.nrg * cfg->nruh;

	d->size = sim_le16((uint16_t)size);
	d->fdpa = (uint8_t)(FDPA_VALID | FDPA_VWC | g->rgif);
	d->nrg = sim_le32(g->p.nrg);
	d->nruh = sim_le16(cfg->nruh);
	d->maxpids = sim_le16((uint16_t)(pids <= FDP_MAXPIDS ? pids - 1 : FDP_MAXPIDS));
	d->nnss = sim_le32(SIM_NN);
	d->runs = sim_le64(g->p.runs);
	d->erutl = sim_le32(g->p.erutl);
	for (uint16_t h = 0; h < cfg->nruh; h++)
		d->ruhs[h].ruht = cfg->persistent ? NVME_FDP_RUHT_PERSISTENTLY_ISOLATED
						  : NVME_FDP_RUHT_INITIALLY_ISOLATED;
	return size;
}

uint16_t sim_log_fdp_configs(struct sim_req *req, uint8_t *page)
{
	struct nvme_fdp_config_log *log = (struct nvme_fdp_config_log *)page;
	const struct sim_fdp *g = req->ctrl->subsys->fdp;
	uint16_t status = sim_fdp_endgid(req, LOG_LSI(req), PEL_LSI, false);
	size_t len = sizeof(*log);

	if (status)
		return status;
	for (unsigned int i = 0; i < g->nr_cfgs; i++)
		len += put_config(g, &g->cfgs[i], page + len);
	log->n = sim_le16((uint16_t)(g->nr_cfgs - 1));
	log->size = sim_le32((uint32_t)len);
	return SIM_OK;
}

/* 21h Reclaim Unit Handle Usage */
uint16_t sim_log_fdp_usage(struct sim_req *req, uint8_t *page)
{
	struct nvme_fdp_ruhu_log *log = (struct nvme_fdp_ruhu_log *)page;
	const struct sim_fdp *g = req->ctrl->subsys->fdp;
	uint16_t status = sim_fdp_endgid(req, LOG_LSI(req), PEL_LSI, true);

	if (status)
		return status;
	log->nruh = sim_le16(g->cfg->nruh);
	for (uint16_t h = 0; h < g->cfg->nruh; h++)
		log->ruhus[h].ruha = sim_fdp_ruha(g, h);
	return SIM_OK;
}

/* 22h FDP Statistics. The media were written with what hosts wrote, and with what was moved. */
uint16_t sim_log_fdp_stats(struct sim_req *req, uint8_t *page)
{
	struct nvme_fdp_stats_log *log = (struct nvme_fdp_stats_log *)page;
	const struct sim_fdp *g = req->ctrl->subsys->fdp;
	uint16_t status = sim_fdp_endgid(req, LOG_LSI(req), PEL_LSI, true);
	uint64_t hbmw;

	if (status)
		return status;
	hbmw = sim_fdp_hbmw(g);
	put64(log->hbmw, hbmw);
	put64(log->mbmw, hbmw + atomic_load(&g->head->moved));
	put64(log->mbe, atomic_load(&g->erases) * g->p.runs);
	return SIM_OK;
}

/* 23h FDP Events: the oldest first; reading does not take them away */
uint16_t sim_log_fdp_events(struct sim_req *req, uint8_t *page)
{
	struct nvme_fdp_events_log *log = (struct nvme_fdp_events_log *)page;
	struct sim_fdp *g = req->ctrl->subsys->fdp;
	uint16_t status = sim_fdp_endgid(req, LOG_LSI(req), PEL_LSI, true);
	const struct fdp_ring *ring;
	uint64_t first, next;

	if (status)
		return status;
	ring = &g->head->ring[LOG_HOST_EVENTS(req) ? FDP_RING_HOST : FDP_RING_CTRL];
	sim_spin_lock(&g->event_lock);
	next = atomic_load(&ring->next);
	first = next > EVENTS_MAX ? next - EVENTS_MAX : 0;
	for (uint64_t i = first; i < next; i++)
		log->events[i - first] = ring->ev[i % FDP_RING];
	sim_spin_unlock(&g->event_lock);
	log->n = sim_le32((uint32_t)(next - first));
	return SIM_OK;
}

/* billions of bytes, rounded up */
static uint64_t units_of(uint64_t bytes)
{
	return bytes / 1000000000 + (bytes % 1000000000 != 0);
}

/*
 * 09h Endurance Group Information. All namespaces are in the group, so the counters of the
 * subsystem's controllers are its own; media that do not wear have all of their spare.
 */
uint16_t sim_log_endurance(struct sim_req *req, uint8_t *page)
{
	struct nvme_endurance_group_log *log = (struct nvme_endurance_group_log *)page;
	const struct sim_subsys *s = req->ctrl->subsys;
	uint16_t status = sim_fdp_endgid(req, LOG_LSI(req), PEL_LSI, false);
	uint64_t read = 0, written = 0, reads = 0, writes = 0, bad = 0, entries = 0, media;

	if (status)
		return status;
	for (unsigned int i = 0; i < SIM_MAX_CTRL; i++) {
		struct sim_counters *n = s->ctrl[i] ? s->ctrl[i]->cnt : NULL;

		struct sim_io_total io;

		if (!n)
			continue;
		io = sim_io_total(n);
		read += io.sectors_read << 9;
		written += io.sectors_written << 9;
		reads += io.reads;
		writes += io.writes;
		bad += atomic_load(&n->media_errors);
		entries += atomic_load(&n->error_entries);
	}
	media = written;
	if (s->fdp->cfg)
		media += atomic_load(&s->fdp->head->moved);
	log->avl_spare = 100;
	log->avl_spare_threshold = 10;
	put64(log->data_units_read, units_of(read));
	put64(log->data_units_written, units_of(written));
	put64(log->media_units_written, units_of(media));
	put64(log->host_read_cmds, reads);
	put64(log->host_write_cmds, writes);
	put64(log->media_data_integrity_err, bad);
	put64(log->num_err_info_log_entries, entries);
	put64(page + EG_TEGCAP, s->capacity);
	put64(page + EG_UEGCAP, sim_unallocated(s));
	return SIM_OK;
}
