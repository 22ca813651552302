/* SPDX-License-Identifier: MIT */
/*
 * barmem.h - memory of the device behind a BAR, which the controller's own accesses reach too:
 * Controller Memory Buffer and Persistent Memory Region (NVMe Base 2.1, section 8.2).
 *
 * The host names it by addresses of the controller's memory space: those in [base, base + size) are
 * this memory, whatever the bus has there.
 */
#ifndef NVMESIM_CTRL_BARMEM_H
#define NVMESIM_CTRL_BARMEM_H

#include <stdatomic.h>

#include "../sim.h"

struct sim_ctrl;
struct sim_req;

#define SIM_CMB_BAR  2
#define SIM_PMR_BAR  4
#define SIM_CBA_MASK (~0xfffull) /* Controller Base Address: bits 63:12 */
#define SIM_MSC_CRE  0x1u	 /* Capabilities Registers Enabled */
#define SIM_MSC_CMSE 0x2u	 /* Controller Memory Space Enable */

/**
 * struct sim_barmem - @size bytes at @mem (NULL: none)
 * @on:   addresses from @base on lead here. Both may change under a command, which then finds the
 *        one or the other; its accesses are inside @mem either way.
 * @cbai: Controller Base Address Invalid
 */
struct sim_barmem {
	uint8_t *mem;
	uint64_t size;
	_Atomic uint64_t base;
	_Atomic bool on, cbai;
};

/** enum sim_where - where an address range lies; of one that spans several, all of them */
enum sim_where {
	SIM_AT_HOST = 1 << 0,
	SIM_AT_CMB = 1 << 1,
	SIM_AT_PMR = 1 << 2,
};

/** sim_barmem_init() - memory of the parameters; sizes were checked. Return: 0 or SIM_ENOMEM */
int sim_barmem_init(struct sim_ctrl *c);
void sim_barmem_free(struct sim_ctrl *c);
/** sim_barmem_reset() - a reset other than Controller Reset and FLR, which leave all this alone */
void sim_barmem_reset(struct sim_ctrl *c);
/** sim_barmem_place() - from now on addresses from @base on lead to @m, or (@on false) none
 * A range that ends beyond 2^64 - 1 or meets the other memory's is invalid (CBAI), and off. */
void sim_barmem_place(struct sim_ctrl *c, struct sim_barmem *m, bool on, uint64_t base);

/** sim_barmem_where() - what [@iova, @iova + @len) is of */
unsigned int sim_barmem_where(const struct sim_ctrl *c, uint64_t iova, uint64_t len);
/** sim_barmem_map() - the memory at @iova. Return: NULL: not all of it is one BAR memory */
void *sim_barmem_map(const struct sim_ctrl *c, uint64_t iova, uint64_t len);
/** sim_barmem_dma() - sim_dma() of a controller that has such memory */
int sim_barmem_dma(struct sim_ctrl *c, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		   unsigned int n);

/* ---- cmb.c -------------------------------------------------------------------------------- */

/** struct sim_cmb - Controller Memory Buffer; @msc is CMBMSC as written */
struct sim_cmb {
	struct sim_barmem m;
	_Atomic uint64_t msc;
};

uint64_t sim_cmb_cap(const struct sim_ctrl *c); /* its bits of CAP */
uint64_t sim_cmb_loc(struct sim_ctrl *c);
uint64_t sim_cmb_sz(struct sim_ctrl *c);
uint64_t sim_cmb_msc(struct sim_ctrl *c);
void sim_cmb_write_msc(struct sim_ctrl *c, uint64_t val);
uint64_t sim_cmb_sts(struct sim_ctrl *c);
/** sim_cmb_moved() - BAR 2 is at another address, 0: at none: that is where a 1.3 host points to */
void sim_cmb_moved(struct sim_ctrl *c, uint64_t addr);
/** sim_cmb_queue_ok() - whether a queue may be in these places: in the CMB as a whole, if at all */
bool sim_cmb_queue_ok(const struct sim_ctrl *c, bool cq, uint64_t iova, uint64_t len);
/** sim_cmb_data_ok() - whether data or metadata of @req may be there, after what it has elsewhere
 */
bool sim_cmb_data_ok(struct sim_req *req, uint64_t iova, uint64_t len);

/* ---- pmr.c -------------------------------------------------------------------------------- */

/** struct sim_pmr - Persistent Memory Region; @ctl, @msc are PMRCTL, PMRMSC as written
 * @unreliable: something could not be made durable */
struct sim_pmr {
	struct sim_barmem m;
	_Atomic uint32_t ctl;
	_Atomic uint64_t msc;
	_Atomic bool unreliable;
};

uint64_t sim_pmr_cap(const struct sim_ctrl *c); /* its bits of CAP */
uint64_t sim_pmr_caps(struct sim_ctrl *c);	/* PMRCAP */
uint64_t sim_pmr_ctl(struct sim_ctrl *c);
void sim_pmr_write_ctl(struct sim_ctrl *c, uint64_t val);
uint64_t sim_pmr_sts(struct sim_ctrl *c);
uint64_t sim_pmr_mscl(struct sim_ctrl *c);
void sim_pmr_write_mscl(struct sim_ctrl *c, uint64_t val);
uint64_t sim_pmr_mscu(struct sim_ctrl *c);
void sim_pmr_write_mscu(struct sim_ctrl *c, uint64_t val);
/** sim_pmr_ready() - whether BAR 4 answers */
bool sim_pmr_ready(const struct sim_ctrl *c);
/** sim_pmr_sync() - what was written to it survives a power cut from now on */
void sim_pmr_sync(struct sim_ctrl *c);

#endif /* NVMESIM_CTRL_BARMEM_H */
