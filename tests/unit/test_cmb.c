/* SPDX-License-Identifier: MIT */
/*
 * test_cmb.c - the Controller Memory Buffer: NVMe Base 2.1, sections 3.1.4.11 to 3.1.4.16, 8.2.1.
 *
 * The DMA port knows nothing of the buffer's addresses: what works there never went through it.
 */
#include <stdlib.h>
#include <unistd.h>

#include "../../store/store.h"
#include "nvmcmd.h"

#define CBA	       0x4000000000ull /* nobody's, for the DMA port */
#define MIB	       (1u << 20)
#define CRE	       1u
#define CMSE	       2u
#define ST_INVALID_CMB 0x012
#define ST_TRANSFER    0x004
#define BAR2	       0x18

enum {
	CAP = 0x00,
	CC = 0x14,
	CSTS = 0x1c,
	CMBLOC = 0x38,
	CMBSZ = 0x3c,
	CMBMSC = 0x50,
	CMBSTS = 0x58
};

static struct drv *with_cmb(uint32_t mb, bool legacy)
{
	struct drv_params p;

	drv_params(&p);
	p.ctrl.cmb_size_mb = mb;
	p.ctrl.legacy_cmb = legacy;
	return drv_new(&p);
}

static void place(struct drv *d, uint32_t mb)
{
	drv_w64(d, CMBMSC, CBA | CRE | CMSE);
	assert_int_equal(drv_r32(d, CMBSTS), 0);
	drv_window(d, 2, CBA, (uint64_t)mb * MIB);
}

static struct drv *placed(void)
{
	struct drv *d = with_cmb(4, false);

	place(d, 4);
	drv_start(d);
	return d;
}

static void fill(void *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len / 4; i++)
		((uint32_t *)p)[i] = ((uint32_t)i + seed) * 2654435761u;
}

static void test_none(void **state)
{
	struct drv *d = drv_new(NULL);

	assert_int_equal(drv_r64(d, CAP) >> 57 & 1, 0);
	drv_w64(d, CMBMSC, CBA | CRE | CMSE);
	assert_int_equal(drv_r64(d, CMBMSC), 0);
	assert_int_equal(drv_r32(d, CMBLOC) | drv_r32(d, CMBSZ) | drv_r32(d, CMBSTS), 0);
	assert_int_equal(sim_bar_size(d->fn, 2), 0);
	sim_cfg_write(d->fn, BAR2, 4, 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, BAR2, 4), 0);
	drv_free(d);
}

static void test_registers(void **state)
{
	struct drv *d = with_cmb(3, false);

	assert_int_equal(drv_r64(d, CAP) >> 57 & 1, 1);
	/* nothing is announced before the host asks for it (CRE) */
	assert_int_equal(drv_r32(d, CMBLOC) | drv_r32(d, CMBSZ), 0);
	drv_w32(d, CMBMSC, CRE);
	assert_int_equal(drv_r32(d, CMBLOC), 2 | 1 << 5 | 1 << 6); /* BIR, CDPLMS, CDPCILS */
	/* SQS, LISTS, RDS, WDS; three units of 1 MiB */
	assert_int_equal(drv_r32(d, CMBSZ), 1 | 1 << 2 | 1 << 3 | 1 << 4 | 2 << 8 | 3 << 12);
	/* read only */
	drv_w32(d, CMBLOC, 0xffffffff);
	drv_w32(d, CMBSZ, 0xffffffff);
	drv_w32(d, CMBSTS, 0xffffffff);
	assert_int_equal(drv_r32(d, CMBLOC), 0x62);
	assert_int_equal(drv_r32(d, CMBSTS), 0);
	/* bits 11:2 are reserved; either half can be written */
	drv_w64(d, CMBMSC, UINT64_MAX - CMSE);
	assert_int_equal(drv_r64(d, CMBMSC), ~0xfffull | CRE);
	drv_w32(d, CMBMSC + 4, 0x12);
	assert_int_equal(drv_r64(d, CMBMSC), 0x12fffff000 | CRE);
	drv_w32(d, CMBMSC, 0);
	assert_int_equal(drv_r32(d, CMBLOC) | drv_r32(d, CMBSZ), 0);

	/* BAR 2: 64 bits, prefetchable, a power of two; what the buffer does not fill reads as 0 */
	assert_int_equal(sim_bar_size(d->fn, 2), 4 * MIB);
	sim_cfg_write(d->fn, BAR2, 4, 0xffffffff);
	sim_cfg_write(d->fn, BAR2 + 4, 4, 0xffffffff);
	assert_int_equal(sim_cfg_read(d->fn, BAR2, 4), (uint32_t) - (4 * MIB) | 0xc);
	assert_int_equal(sim_cfg_read(d->fn, BAR2 + 4, 4), 0xffffffff);
	sim_mmio_write(d->fn, 2, 3 * MIB, 4, 0xffffffff);
	assert_int_equal(sim_mmio_read(d->fn, 2, 3 * MIB, 4), 0);
	sim_mmio_write(d->fn, 2, 3 * MIB - 4, 8, UINT64_MAX);
	assert_int_equal(sim_mmio_read(d->fn, 2, 3 * MIB - 4, 8), 0xffffffff);
	assert_int_equal(sim_mmio_read(d->fn, 2, 4 * MIB, 4), 0xffffffff); /* beyond the BAR */
	drv_free(d);
}

static void test_accesses(void **state)
{
	struct drv *d = with_cmb(1, false);
	uint64_t len;
	uint8_t *p = sim_bar_map(d->fn, 2, 16, &len);

	assert_non_null(p);
	assert_int_equal(len, MIB - 16);
	for (unsigned int size = 1; size <= 8; size *= 2)
		for (uint64_t off = 16; off < 32; off++) {
			uint64_t val = 0x8877665544332211 >> (64 - size * 8);

			sim_mmio_write(d->fn, 2, off, size, val);
			assert_int_equal(sim_mmio_read(d->fn, 2, off, size), val);
			assert_int_equal(p[off - 16], val & 0xff);
		}
	assert_int_equal(sim_mmio_read(d->fn, 2, 16, 3), 0); /* no such access */
	/* memory space disabled: nobody there */
	sim_cfg_write(d->fn, 0x04, 2, 0x0004);
	assert_null(sim_bar_map(d->fn, 2, 0, &len));
	assert_int_equal(sim_mmio_read(d->fn, 2, 16, 8), UINT64_MAX);
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_non_null(sim_bar_map(d->fn, 2, MIB - 1, &len));
	assert_int_equal(len, 1);
	assert_null(sim_bar_map(d->fn, 2, MIB, &len));
	assert_null(sim_bar_map(d->fn, 0, 0, &len));
	assert_null(sim_bar_map(d->fn, 6, 0, &len));
	drv_free(d);
}

static void test_data(void **state)
{
	struct drv *d = placed();
	const uint32_t n = 256; /* blocks: a PRP list */
	uint64_t src = drv_bar_alloc(d, 2, n * 512), dst = drv_bar_alloc(d, 2, n * 512);
	uint64_t host = drv_alloc(d, n * 512);

	fill(drv_ptr(d, src), n * 512, 1);
	assert_int_equal(rw(d, OP_WRITE, 0, n, 0, src, 512), 0);
	assert_int_equal(rw(d, OP_READ, 0, n, 0, host, 512), 0);
	assert_memory_equal(drv_ptr(d, host), drv_ptr(d, src), n * 512);
	assert_int_equal(rw(d, OP_READ, 0, n, 0, dst, 512), 0);
	assert_memory_equal(drv_ptr(d, dst), drv_ptr(d, src), n * 512);
	assert_int_equal(rw(d, OP_COMPARE, 0, n, 0, dst, 512), 0);
	/* an admin command's data, too */
	struct drv_cmd id = { { 0x06, [10] = 1 } };

	assert_int_equal(drv_admin(d, &id, dst, 4096, NULL), 0);
	assert_memory_equal((char *)drv_ptr(d, dst) + 4, "deadbeef", 8);
	drv_free(d);
}

/* lists may be in it, whoever the data belongs to: PRP list and SGL segment */
static void test_lists(void **state)
{
	struct drv *d = placed();
	uint64_t list = drv_bar_alloc(d, 2, 4096), host = drv_alloc(d, 5 * 4096);
	uint64_t *prp = drv_ptr(d, list);
	struct drv_cmd cmd = rw_cmd(OP_WRITE, 0, 40, 0);

	fill(drv_ptr(d, host), 5 * 4096, 7);
	for (unsigned int i = 0; i < 4; i++)
		prp[i] = sim_le64(host + (i + 1) * 4096);
	cmd.dw[6] = (uint32_t)host;
	cmd.dw[7] = (uint32_t)(host >> 32);
	cmd.dw[8] = (uint32_t)list;
	cmd.dw[9] = (uint32_t)(list >> 32);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);

	/* the same blocks by an SGL: a last segment of one descriptor, in the buffer */
	cmd = rw_cmd(OP_COMPARE, 0, 40, 0);
	cmd.dw[0] |= 1u << 14; /* PSDT 01b */
	prp[0] = sim_le64(host);
	prp[1] = sim_le64(5 * 4096);
	cmd.dw[6] = (uint32_t)list;
	cmd.dw[7] = (uint32_t)(list >> 32);
	cmd.dw[8] = 16;
	cmd.dw[9] = 0x30u << 24;
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
	drv_free(d);
}

static void test_queues(void **state)
{
	struct drv *d = placed();
	struct drv_queue q;
	uint64_t sq = drv_bar_alloc(d, 2, 64 * 64), cq = drv_bar_alloc(d, 2, 64 * 16);
	uint64_t host = drv_alloc(d, 4096), end = CBA + 4 * MIB;
	struct drv_cmd cmd = rw_cmd(OP_READ, 0, 1, 0);

	/* a Completion Queue is not supported there (CQS) */
	assert_int_equal(drv_queue_at(d, &q, 2, 64, host, cq), ST_INVALID_CMB);
	assert_int_equal(drv_queue_at(d, &q, 2, 64, sq, host), 0);
	drv_prps(d, &cmd, host, 512);
	for (unsigned int i = 0; i < 200; i++)
		assert_int_equal(drv_exec(d, &q, &cmd, NULL), 0);
	/* half in, half out: no (CQMMS) */
	assert_int_equal(drv_queue_at(d, &q, 3, 128, end - 4096, drv_alloc(d, 4096)),
			 ST_INVALID_CMB);
	/* its last page is */
	cmd = (struct drv_cmd){ { 0x04, [10] = 3 } }; /* the Completion Queue made above */
	assert_int_equal(drv_admin(d, &cmd, 0, 0, NULL), 0);
	assert_int_equal(drv_queue_at(d, &q, 3, 64, end - 4096, drv_alloc(d, 4096)), 0);
	drv_free(d);
}

static void test_admin_queue(void **state)
{
	struct drv *d = with_cmb(1, false);
	struct drv_cmd id = { { 0x06, [10] = 1 } };
	uint64_t asq;

	place(d, 1);
	drv_enable(d);
	drv_disable(d);
	/* the Admin Completion Queue cannot be there: the controller fails */
	drv_w64(d, 0x30, CBA);
	drv_w32(d, CC, 1u | 6u << 16 | 4u << 20);
	assert_int_equal(drv_r32(d, CSTS) & 3, 2);
	drv_w32(d, CC, 0);
	assert_int_equal(drv_r32(d, CSTS) & 3, 0);
	/* the Submission Queue can */
	asq = drv_bar_alloc(d, 2, 4096);
	drv_w64(d, 0x30, d->admin.cq_iova);
	drv_w64(d, 0x28, asq);
	memset(drv_ptr(d, d->admin.cq_iova), 0, 4096);
	d->admin = (struct drv_queue){
		.size = 32, .phase = 1, .sq_iova = asq, .cq_iova = d->admin.cq_iova
	};
	drv_w32(d, CC, 1u | 6u << 16 | 4u << 20);
	assert_int_equal(drv_r32(d, CSTS) & 3, 1);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(drv_admin(d, &id, drv_alloc(d, 4096), 4096, NULL), 0);
	drv_free(d);
}

/* CDMMMS is 0: what a command transfers is in the buffer, or is not */
static void test_mixing(void **state)
{
	struct drv *d = placed();
	uint64_t in = drv_bar_alloc(d, 2, 3 * 4096), out = drv_alloc(d, 3 * 4096);
	uint64_t end = CBA + 4 * MIB, list = drv_alloc(d, 4096);
	uint64_t *sgl = drv_ptr(d, list);
	struct drv_cmd cmd = rw_cmd(OP_WRITE, 0, 16, 0);
	struct drv_cqe cqe;

	cmd.dw[6] = (uint32_t)in;
	cmd.dw[7] = (uint32_t)(in >> 32);
	cmd.dw[8] = (uint32_t)out;
	cmd.dw[9] = (uint32_t)(out >> 32);
	assert_int_equal(drv_exec(d, &d->io, &cmd, &cqe), ST_INVALID_CMB);
	assert_true(cqe.status & 0x4000); /* Do Not Retry */
	cmd.dw[6] = (uint32_t)out;
	cmd.dw[7] = (uint32_t)(out >> 32);
	cmd.dw[8] = (uint32_t)in;
	cmd.dw[9] = (uint32_t)(in >> 32);
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_INVALID_CMB);

	/* SGL: two blocks; what is wrong is seen before anything is read or written */
	fill(drv_ptr(d, out), 4096, 3);
	assert_int_equal(rw(d, OP_WRITE, 0, 8, 0, out, 512), 0);
	fill(drv_ptr(d, in), 4096, 4);
	cmd = rw_cmd(OP_WRITE, 0, 16, 0);
	cmd.dw[0] |= 1u << 14;
	sgl[0] = sim_le64(in);
	sgl[1] = sim_le64(4096);
	sgl[2] = sim_le64(out);
	sgl[3] = sim_le64(4096);
	cmd.dw[6] = (uint32_t)list;
	cmd.dw[7] = (uint32_t)(list >> 32);
	cmd.dw[8] = 32;
	cmd.dw[9] = 0x30u << 24;
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_INVALID_CMB);
	assert_int_equal(rw(d, OP_COMPARE, 0, 8, 0, out, 512), 0);
	/* what is beyond the command's length is left alone, wherever it is */
	cmd.dw[12] = 7;
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), 0);
	/* one descriptor across the end of the buffer */
	sgl[0] = sim_le64(end - 512);
	cmd.dw[8] = 16;
	assert_int_equal(drv_exec(d, &d->io, &cmd, NULL), ST_INVALID_CMB);
	drv_free(d);
}

static void test_metadata(void **state)
{
	struct drv_params p;
	struct drv *d;
	uint64_t in, out;
	struct drv_cmd cmd;

	drv_params(&p);
	p.ctrl.cmb_size_mb = 1;
	p.ns.ms = 8;
	d = drv_new(&p);
	place(d, 1);
	drv_start(d);
	in = drv_bar_alloc(d, 2, 8192);
	out = drv_alloc(d, 8192);
	fill(drv_ptr(d, in), 8192, 1);
	for (unsigned int where = 0; where < 4; where++) {
		uint64_t data = where & 1 ? in : out, md = (where & 2 ? in : out) + 4096;

		cmd = rw_cmd(OP_WRITE, 0, 8, 0);
		drv_mptr(&cmd, md);
		assert_int_equal(drv_io(d, &cmd, data, 4096, NULL),
				 where == 0 || where == 3 ? 0 : ST_INVALID_CMB);
	}
	cmd = rw_cmd(OP_READ, 0, 8, 0);
	drv_mptr(&cmd, out + 4096);
	assert_int_equal(drv_io(d, &cmd, out, 4096, NULL), 0);
	assert_memory_equal(drv_ptr(d, out), drv_ptr(d, in), 4096 + 64);
	drv_free(d);
}

static void test_space_control(void **state)
{
	struct drv *d = placed();
	uint64_t host = drv_alloc(d, 4096);

	/* not enabled: the address is the bus's, where nobody is */
	drv_w64(d, CMBMSC, CBA | CRE);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, CBA, 512), ST_TRANSFER);
	drv_w64(d, CMBMSC, CBA | CMSE);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, CBA, 512), ST_TRANSFER);
	/* over the host's memory: the controller means its own */
	memset(drv_ptr(d, host), 0x55, 4096);
	drv_w64(d, CMBMSC, DRV_IOVA | CRE | CMSE);
	assert_int_equal(sim_mmio_read(d->fn, 2, 0, 8), 0);
	drv_w64(d, CMBMSC, CBA | CRE | CMSE);
	/* beyond the end of the address space: invalid, and not there */
	drv_w64(d, CMBMSC, ~0xfffull | CRE | CMSE);
	assert_int_equal(drv_r32(d, CMBSTS), 1);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, ~0xfffull, 512), ST_TRANSFER);
	drv_w64(d, CMBMSC, CBA | CRE | CMSE);
	assert_int_equal(drv_r32(d, CMBSTS), 0);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, CBA, 512), 0);
	drv_free(d);
}

static void test_resets(void **state)
{
	struct drv *d = placed();

	sim_mmio_write(d->fn, 2, 4096, 8, 0x1122334455667788);
	/* Controller Reset and Function Level Reset leave CMBMSC alone, any reset the contents */
	drv_disable(d);
	assert_int_equal(drv_r64(d, CMBMSC), CBA | CRE | CMSE);
	sim_fn_reset(d->fn, SIM_RESET_FLR);
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_int_equal(drv_r64(d, CMBMSC), CBA | CRE | CMSE);
	sim_fn_reset(d->fn, SIM_RESET_CONVENTIONAL);
	sim_cfg_write(d->fn, 0x04, 2, 0x0006);
	assert_int_equal(drv_r64(d, CMBMSC), 0);
	assert_int_equal(drv_r32(d, CMBSZ), 0);
	assert_int_equal(sim_mmio_read(d->fn, 2, 4096, 8), 0x1122334455667788);
	drv_w64(d, CMBMSC, CBA | CRE | CMSE);
	drv_w32(d, 0x20, 0x4e564d65); /* NSSR */
	assert_int_equal(drv_r64(d, CMBMSC), 0);
	drv_free(d);
}

static void test_bus_master_off(void **state)
{
	struct drv *d = placed();
	uint64_t buf = drv_bar_alloc(d, 2, 512), host = drv_alloc(d, 512);

	d->dma_unmapped = true; /* the port reaches nothing; queues are mapped */
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, host, 512), ST_TRANSFER);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, buf, 512), 0);
	drv_free(d);
}

/* revision 1.3: always there, at the address of BAR 2 */
static void test_legacy(void **state)
{
	struct drv *d = with_cmb(1, true);
	uint64_t host;

	assert_int_equal(drv_r64(d, CAP) >> 57 & 1, 0);
	assert_int_equal(drv_r32(d, CMBLOC) & 7, 2);
	assert_int_equal(drv_r32(d, CMBSZ) >> 12, 1);
	drv_w64(d, CMBMSC, CBA | CRE | CMSE);
	assert_int_equal(drv_r64(d, CMBMSC), 0);
	drv_start(d);
	host = drv_alloc(d, 512);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, host, 512), 0);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, CBA, 512), ST_TRANSFER);
	sim_cfg_write(d->fn, BAR2, 4, (uint32_t)CBA);
	sim_cfg_write(d->fn, BAR2 + 4, 4, CBA >> 32);
	drv_window(d, 2, CBA, MIB);
	fill(drv_ptr(d, CBA), 512, 9);
	assert_int_equal(rw(d, OP_WRITE, 0, 1, 0, CBA, 512), 0);
	assert_int_equal(rw(d, OP_READ, 0, 1, 0, host, 512), 0);
	assert_memory_equal(drv_ptr(d, host), drv_ptr(d, CBA), 512);
	drv_free(d);
}

/*
 * A medium that is a file: its mapping may not be touched, only handed to the copy port. Cut short,
 * it is a media error and no signal.
 */
static void test_file_medium(void **state)
{
	char path[] = "/tmp/nvmesim-cmb-XXXXXX";
	struct sim_msg msg = { "" };
	struct drv_params p;
	struct drv *d;
	uint64_t a, b;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 8 * MIB), 0);
	drv_params(&p);
	p.ctrl.cmb_size_mb = 1;
	p.ctrl.copy = store_copy;
	p.ns_bytes = 8 * MIB;
	p.ns.store = store_file_new(&(struct store_file_params){ .path = path }, &msg);
	if (!p.ns.store)
		fail_msg("%s", msg.text);
	d = drv_new(&p);
	place(d, 1);
	drv_start(d);
	a = drv_bar_alloc(d, 2, 64 * 512);
	b = drv_bar_alloc(d, 2, 64 * 512);
	fill(drv_ptr(d, a), 64 * 512, 5);
	assert_int_equal(rw(d, OP_WRITE, 100, 64, 0, a, 512), 0);
	assert_int_equal(rw(d, OP_READ, 100, 64, 0, b, 512), 0);
	assert_memory_equal(drv_ptr(d, a), drv_ptr(d, b), 64 * 512);
	assert_int_equal(rw(d, OP_COMPARE, 100, 64, 0, a, 512), 0);

	assert_int_equal(ftruncate(fd, MIB), 0);
	assert_int_equal(rw(d, OP_READ, 6 * MIB / 512, 64, 0, b, 512), 0x281);	/* read error */
	assert_int_equal(rw(d, OP_WRITE, 6 * MIB / 512, 64, 0, b, 512), 0x280); /* write fault */
	assert_int_equal(rw(d, OP_READ, 100, 64, 0, b, 512), 0);
	drv_free(d);
	store_free(p.ns.store);
	close(fd);
	unlink(path);
}

static void test_params(void **state)
{
	struct drv *d = drv_new(NULL);
	struct sim_msg msg = { "" };
	struct drv_params p;

	drv_params(&p);
	p.ctrl.dma = (struct sim_dma_port){ .xfer = (void *)(uintptr_t)1 };
	p.ctrl.cmb_size_mb = 1u << 20;
	assert_null(sim_fn_add(d->subsys, &p.ctrl, &msg));
	assert_non_null(strstr(msg.text, "cmb_size_mb"));
	p.ctrl.cmb_size_mb = 1;
	p.ctrl.sriov_max_vfs = 1;
	assert_null(sim_fn_add(d->subsys, &p.ctrl, &msg));
	assert_string_equal(msg.text, "CMB is not supported with SR-IOV");
	drv_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),	    cmocka_unit_test(test_registers),
		cmocka_unit_test(test_accesses),    cmocka_unit_test(test_data),
		cmocka_unit_test(test_lists),	    cmocka_unit_test(test_queues),
		cmocka_unit_test(test_admin_queue), cmocka_unit_test(test_mixing),
		cmocka_unit_test(test_metadata),    cmocka_unit_test(test_space_control),
		cmocka_unit_test(test_resets),	    cmocka_unit_test(test_bus_master_off),
		cmocka_unit_test(test_legacy),	    cmocka_unit_test(test_params),
		cmocka_unit_test(test_file_medium),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
