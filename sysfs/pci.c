/* SPDX-License-Identifier: MIT */
/*
 * pci.c - a function's directory, devices/pci0000:00/BDF. Texts and errors are those of Linux's
 * drivers/pci/pci-sysfs.c and iov.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rows.h"

#define CFG_SIZE      4096u
#define CAP_PM	      0x01
#define CAP_EXP	      0x10
#define EXT_CAP_SRIOV 0x10

#define FN SYS_DEVICES "/%F/"

static uint32_t cfg(const struct sys_ctx *x, uint32_t off, unsigned int size)
{
	return sim_cfg_read(x->fn->fn, off, size);
}

/* ---- who it is; a VF's header says nothing of it, so what its PF says is said */

/** struct ids - as Linux knows them */
struct ids {
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class;
	uint8_t revision;
};

static uint32_t sriov(const struct dmn_fn *f, uint32_t off, unsigned int size)
{
	uint32_t cap = dmn_fn_cap((struct dmn_fn *)f, true, EXT_CAP_SRIOV);

	return cap ? sim_cfg_read(f->fn, cap + off, size) : 0;
}

static struct ids ids_of(const struct sys_ctx *x)
{
	struct sim_fn *own = x->fn->fn, *pf = x->fn->pf ? x->fn->pf->fn : own;
	struct ids id = {
		.vendor = (uint16_t)sim_cfg_read(pf, 0x00, 2),
		.device = (uint16_t)sim_cfg_read(pf, 0x02, 2),
		.subvendor = (uint16_t)sim_cfg_read(own, 0x2c, 2),
		.subdevice = (uint16_t)sim_cfg_read(own, 0x2e, 2),
		.class = sim_cfg_read(own, 0x08, 4) >> 8,
		.revision = (uint8_t)sim_cfg_read(own, 0x08, 1),
	};

	if (x->fn->pf)
		id.device = (uint16_t)sriov(x->fn->pf, 0x1a, 2);
	return id;
}

static int read_vendor(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "0x%04x\n", ids_of(x).vendor);
}

static int read_device(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "0x%04x\n", ids_of(x).device);
}

static int read_subvendor(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "0x%04x\n", ids_of(x).subvendor);
}

static int read_subdevice(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "0x%04x\n", ids_of(x).subdevice);
}

static int read_class(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "0x%06x\n", ids_of(x).class);
}

static int read_revision(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "0x%02x\n", ids_of(x).revision);
}

static int read_modalias(const struct sys_ctx *x, char *buf, size_t len)
{
	struct ids id = ids_of(x);

	return snprintf(buf, len, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n", id.vendor,
			id.device, id.subvendor, id.subdevice, id.class >> 16, id.class >> 8 & 0xff,
			id.class & 0xff);
}

static int read_uevent(const struct sys_ctx *x, char *buf, size_t len)
{
	struct ids id = ids_of(x);
	char alias[80];

	read_modalias(x, alias, sizeof(alias));
	return snprintf(buf, len,
			"%sPCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\n"
			"PCI_SLOT_NAME=%s\nMODALIAS=%s",
			x->fn->bound ? "DRIVER=nvme\n" : "", id.class, id.vendor, id.device,
			id.subvendor, id.subdevice, x->fn->name, alias);
}

/* an event for nobody: there is no udev that listens */
static int write_uevent(const struct sys_ctx *x, const char *text)
{
	static const char *const actions[] = { "add",	 "remove",  "change", "move",
					       "online", "offline", "bind",   "unbind" };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(text, actions[i]))
			return 0;
	return -EINVAL;
}

/* ---- configuration space ---- */

static uint64_t config_size(const struct sys_ctx *x)
{
	return CFG_SIZE;
}

static ssize_t config_read(const struct sys_ctx *x, void *buf, size_t len, uint64_t off)
{
	uint8_t *to = buf;

	if (off >= CFG_SIZE)
		return 0;
	if (len > CFG_SIZE - off)
		len = CFG_SIZE - off;
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(cfg(x, (uint32_t)(off + i) & ~3u, 4) >> ((off + i) & 3) * 8);
	return (ssize_t)len;
}

/* in the widest pieces that are aligned, as Linux writes them */
static ssize_t config_write(const struct sys_ctx *x, const void *buf, size_t len, uint64_t off)
{
	const uint8_t *from = buf;
	size_t done = 0;

	if (off >= CFG_SIZE)
		return 0;
	if (len > CFG_SIZE - off)
		len = CFG_SIZE - off;
	while (done < len) {
		uint32_t at = (uint32_t)(off + done), val = 0;
		unsigned int size = at % 2 || len - done < 2 ? 1 : at % 4 || len - done < 4 ? 2 : 4;

		for (unsigned int i = 0; i < size; i++)
			val |= (uint32_t)from[done + i] << i * 8;
		sim_cfg_write(x->fn->fn, at, size, val);
		done += size;
	}
	dmn_sync(x->s->m); /* VFs may have come or gone */
	return (ssize_t)len;
}

/* ---- BARs ---- */

static uint64_t bar_size(const struct sys_ctx *x)
{
	return sim_bar_size(x->fn->fn, x->n);
}

/* registers are read as a processor would: aligned, 4 bytes, or 8 where both halves are wanted */
static ssize_t bar_read(const struct sys_ctx *x, void *buf, size_t len, uint64_t off)
{
	uint64_t size = bar_size(x), here = 0, mapped;
	uint8_t *to = buf;
	const uint8_t *mem;

	if (off >= size)
		return 0;
	if (len > size - off)
		len = size - off;
	for (size_t i = 0; i < len; i += here) {
		uint64_t at = off + i;
		unsigned int width = at % 8 == 0 && len - i >= 8 ? 8 : 4;
		uint64_t val;

		mem = sim_bar_map(x->fn->fn, x->n, at, &mapped);
		if (mem && mapped) {
			here = mapped < len - i ? mapped : len - i;
			memcpy(to + i, mem, here);
			continue;
		}
		val = sim_mmio_read(x->fn->fn, x->n, at & ~3ull, width) >> at % 4 * 8;
		here = width - at % 4 < len - i ? width - at % 4 : len - i;
		for (unsigned int k = 0; k < here; k++)
			to[i + k] = (uint8_t)(val >> k * 8);
	}
	return (ssize_t)len;
}

static ssize_t bar_write(const struct sys_ctx *x, const void *buf, size_t len, uint64_t off)
{
	uint64_t size = bar_size(x), here = 0, mapped;
	const uint8_t *from = buf;
	uint8_t *mem;

	if (off >= size || len > size - off)
		return -EINVAL;
	for (size_t i = 0; i < len; i += here) {
		uint64_t at = off + i, val = 0;

		mem = sim_bar_map(x->fn->fn, x->n, at, &mapped);
		if (mem && mapped) {
			here = mapped < len - i ? mapped : len - i;
			memcpy(mem, from + i, here);
			continue;
		}
		here = at % 8 == 0 && len - i >= 8 ? 8 : 4;
		if (at % 4 || len - i < here)
			return i ? (ssize_t)i : -EINVAL;
		for (unsigned int k = 0; k < here; k++)
			val |= (uint64_t)from[i + k] << k * 8;
		sim_mmio_write(x->fn->fn, x->n, at, (unsigned int)here, val);
	}
	dmn_sync(x->s->m);
	return (ssize_t)len;
}

/* Linux's flags of a memory resource */
#define RES_MEM	     0x00040200u /* memory, its size is its alignment */
#define RES_PREFETCH 0x00002000u
#define RES_64	     0x00100000u

static int resource_line(char *buf, size_t len, uint32_t low, uint32_t high, uint64_t size,
			 unsigned int index)
{
	uint64_t addr = (low & ~0xfu) | (low & 4 ? (uint64_t)high << 32 : 0);
	uint32_t flags =
		RES_MEM | (low & 0xf) | (low & 8 ? RES_PREFETCH : 0) | (low & 4 ? RES_64 : 0);

	if (!size)
		return snprintf(buf, len, "0x%016x 0x%016x 0x%016x\n", 0, 0, 0);
	addr += size * index;
	return snprintf(buf, len, "0x%016llx 0x%016llx 0x%016x\n", (unsigned long long)addr,
			(unsigned long long)(addr + size - 1), flags);
}

/* six BARs, the ROM, and six of the VFs together; a VF's are those that its PF says */
static int read_resource(const struct sys_ctx *x, char *buf, size_t len)
{
	const struct dmn_fn *f = x->fn, *pf = f->pf ? f->pf : f;
	struct sim_fn *vf = f->pf ? NULL : sim_fn_vf(f->fn, 1);
	uint32_t cap = dmn_fn_cap((struct dmn_fn *)pf, true, EXT_CAP_SRIOV);
	int n = 0;

	for (unsigned int bar = 0; bar < 6; bar++) {
		uint32_t at = (f->pf ? cap + 0x24 : 0x10) + bar * 4;

		n += resource_line(buf + n, len - (size_t)n, sim_cfg_read(pf->fn, at, 4),
				   sim_cfg_read(pf->fn, at + 4, 4), sim_bar_size(f->fn, bar),
				   f->pf ? f->vf - 1 : 0);
	}
	n += resource_line(buf + n, len - (size_t)n, 0, 0, 0, 0);
	for (unsigned int bar = 0; bar < 6; bar++) {
		uint32_t at = cap + 0x24 + bar * 4;

		n += resource_line(buf + n, len - (size_t)n, vf ? sim_cfg_read(f->fn, at, 4) : 0,
				   vf ? sim_cfg_read(f->fn, at + 4, 4) : 0,
				   vf ? sim_bar_size(vf, bar) * sriov(f, 0x0e, 2) : 0, 0);
	}
	return n;
}

/* ---- link, power, placement ---- */

static const char *link_speed(uint32_t code)
{
	static const char *const speed[] = { "Unknown",	      "2.5 GT/s PCIe",	"5.0 GT/s PCIe",
					     "8.0 GT/s PCIe", "16.0 GT/s PCIe", "32.0 GT/s PCIe",
					     "64.0 GT/s PCIe" };

	return speed[code < sizeof(speed) / sizeof(speed[0]) ? code : 0];
}

/* a VF's link is its PF's */
static uint32_t link_reg(const struct sys_ctx *x, uint32_t off, unsigned int size)
{
	struct dmn_fn *f = x->fn->pf ? x->fn->pf : x->fn;

	return sim_cfg_read(f->fn, dmn_fn_cap(f, false, CAP_EXP) + off, size);
}

static int read_max_speed(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%s\n", link_speed(link_reg(x, 0x0c, 4) & 0xf));
}

static int read_max_width(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", link_reg(x, 0x0c, 4) >> 4 & 0x3f);
}

static int read_cur_speed(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%s\n", link_speed(link_reg(x, 0x12, 2) & 0xf));
}

static int read_cur_width(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", link_reg(x, 0x12, 2) >> 4 & 0x3f);
}

static int read_power_state(const struct sys_ctx *x, char *buf, size_t len)
{
	static const char *const state[] = { "D0", "D1", "D2", "D3hot" };
	uint32_t cap = dmn_fn_cap(x->fn, false, CAP_PM);

	return snprintf(buf, len, "%s\n", state[cap ? cfg(x, cap + 4, 2) & 3 : 0]);
}

static int read_enable(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%d\n", x->fn->bound || (cfg(x, 4, 2) & 2));
}

static int write_enable(const struct sys_ctx *x, const char *text)
{
	bool on = cfg(x, 4, 2) & 2;
	uint64_t val;
	int err = sys_number(text, UINT64_MAX, &val);

	if (err)
		return err;
	if (x->fn->bound)
		return -EBUSY;
	if (!val && !on)
		return -EIO;
	sim_cfg_write(x->fn->fn, 4, 2, (cfg(x, 4, 2) & ~2u) | (val ? 2 : 0));
	return 0;
}

static int read_irq(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", x->fn->pf ? 0 : cfg(x, 0x3c, 1));
}

static int read_no_node(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "-1\n");
}

static int read_cpulist(const struct sys_ctx *x, char *buf, size_t len)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);

	return n > 1 ? snprintf(buf, len, "0-%ld\n", n - 1) : snprintf(buf, len, "0\n");
}

static int read_cpus(const struct sys_ctx *x, char *buf, size_t len)
{
	long n = sysconf(_SC_NPROCESSORS_CONF);
	unsigned long words = n > 0 ? (unsigned long)(n + 31) / 32 : 1;
	size_t at = 0;

	for (unsigned long w = words; w-- > 0 && at + 16 < len;) {
		unsigned long bits = (unsigned long)n - w * 32;

		at += (size_t)snprintf(buf + at, len - at, "%0*x%s", w + 1 < words ? 8 : 1,
				       bits < 32 ? (1u << bits) - 1 : ~0u, w ? "," : "\n");
	}
	return (int)at;
}

static int read_64(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "64\n");
}

static int read_ari(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%d\n", !!dmn_fn_cap(x->fn, true, 0x0e));
}

/* ---- acting ---- */

static int read_override(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%s\n", x->fn->override ? x->fn->override : "(null)");
}

static int write_override(const struct sys_ctx *x, const char *text)
{
	return dmn_fn_override(x->fn, text);
}

static bool has_flr(const struct sys_ctx *x)
{
	return sim_cfg_read(x->fn->fn, dmn_fn_cap(x->fn, false, CAP_EXP) + 4, 4) >> 28 & 1;
}

static int read_reset_method(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "flr\n");
}

static int write_reset_method(const struct sys_ctx *x, const char *text)
{
	return !strcmp(text, "flr") || !strcmp(text, "default") ? 0 : -EINVAL;
}

static int write_reset(const struct sys_ctx *x, const char *text)
{
	uint64_t val;
	int err = sys_number(text, UINT64_MAX, &val);

	if (err)
		return err;
	return val == 1 ? dmn_fn_reset(x->fn) : -EINVAL;
}

static int write_remove(const struct sys_ctx *x, const char *text)
{
	uint64_t val;
	int err = sys_number(text, UINT64_MAX, &val);

	if (err)
		return -EINVAL;
	return val ? dmn_fn_take_off(x->fn) : 0;
}

static int write_rescan(const struct sys_ctx *x, const char *text)
{
	uint64_t val;

	if (sys_number(text, UINT64_MAX, &val))
		return -EINVAL;
	if (val)
		dmn_rescan(x->s->m);
	return 0;
}

/* ---- SR-IOV ---- */

static bool is_pf(const struct sys_ctx *x)
{
	return !x->fn->pf && dmn_fn_cap(x->fn, true, EXT_CAP_SRIOV);
}

static bool is_vf(const struct sys_ctx *x)
{
	return x->fn->pf;
}

static int read_totalvfs(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", sriov(x->fn, 0x0e, 2));
}

static int read_numvfs(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", sim_fn_nr_vfs(x->fn->fn));
}

static int write_numvfs(const struct sys_ctx *x, const char *text)
{
	uint64_t n;
	int err = sys_number(text, UINT16_MAX, &n);

	return err ? err : dmn_fn_set_vfs(x->fn, (unsigned int)n);
}

static int read_vf_offset(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", sriov(x->fn, 0x14, 2));
}

static int read_vf_stride(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", sriov(x->fn, 0x16, 2));
}

static int read_vf_device(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%x\n", sriov(x->fn, 0x1a, 2));
}

static int read_vf_autoprobe(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%d\n", x->fn->autoprobe);
}

static int write_vf_autoprobe(const struct sys_ctx *x, const char *text)
{
	return sys_bool(text, &x->fn->autoprobe);
}

/* ---- links ---- */

static bool is_bound(const struct sys_ctx *x)
{
	return x->fn->bound;
}

static int link_driver(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "../../../bus/pci/drivers/nvme");
}

static int link_subsystem(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "../../../bus/pci");
}

static int link_physfn(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "../%s", x->fn->pf->name);
}

static int link_virtfn(const struct sys_ctx *x, char *buf, size_t len)
{
	for (struct dmn_fn *f = dmn_fns(x->s->m); f; f = f->next)
		if (f->pf == x->fn && f->vf == x->n)
			return snprintf(buf, len, "../%s", f->name);
	return -ENOENT;
}

static int link_device(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "../../../" SYS_DEVICES "/%s", x->fn->name);
}

#define RO	  .kind = SYS_FILE, .mode = 0444
#define RW	  .kind = SYS_FILE, .mode = 0644
#define WO	  .kind = SYS_FILE, .mode = 0200
#define LNK	  .kind = SYS_LINK
#define DIRECTORY .kind = SYS_DIR, .mode = 0755

static const struct sys_row rows[] = {
	{ "bus/pci/devices", DIRECTORY },
	{ "bus/pci/slots", DIRECTORY },
	{ "bus/pci/rescan", WO, .write = write_rescan },
	{ "bus/pci/devices/%F", LNK, .read = link_device },

	{ FN "ari_enabled", RO, .read = read_ari },
	{ FN "class", RO, .read = read_class },
	{ FN "config", RW, .pread = config_read, .pwrite = config_write, .size = config_size },
	{ FN "consistent_dma_mask_bits", RO, .read = read_64 },
	{ FN "current_link_speed", RO, .read = read_cur_speed },
	{ FN "current_link_width", RO, .read = read_cur_width },
	{ FN "device", RO, .read = read_device },
	{ FN "dma_mask_bits", RO, .read = read_64 },
	{ FN "driver", LNK, .read = link_driver, .has = is_bound },
	{ FN "driver_override", RW, .read = read_override, .write = write_override },
	{ FN "enable", RW, .read = read_enable, .write = write_enable },
	{ FN "irq", RO, .read = read_irq },
	{ FN "local_cpulist", RO, .read = read_cpulist },
	{ FN "local_cpus", RO, .read = read_cpus },
	{ FN "max_link_speed", RO, .read = read_max_speed },
	{ FN "max_link_width", RO, .read = read_max_width },
	{ FN "modalias", RO, .read = read_modalias },
	{ FN "numa_node", RO, .read = read_no_node },
	{ FN "physfn", LNK, .read = link_physfn, .has = is_vf },
	{ FN "power_state", RO, .read = read_power_state },
	{ FN "remove", WO, .write = write_remove },
	{ FN "rescan", WO, .write = write_rescan },
	{ FN "reset", WO, .write = write_reset, .has = has_flr },
	{ FN "reset_method", RW, .read = read_reset_method, .write = write_reset_method,
	  .has = has_flr },
	{ FN "resource", RO, .read = read_resource },
	{ FN "%R", .kind = SYS_FILE, .mode = 0600, .pread = bar_read, .pwrite = bar_write,
	  .size = bar_size, .map = true },
	{ FN "revision", RO, .read = read_revision },
	{ FN "sriov_drivers_autoprobe", RW, .read = read_vf_autoprobe, .write = write_vf_autoprobe,
	  .has = is_pf },
	{ FN "sriov_numvfs", RW, .read = read_numvfs, .write = write_numvfs, .has = is_pf },
	{ FN "sriov_offset", RO, .read = read_vf_offset, .has = is_pf },
	{ FN "sriov_stride", RO, .read = read_vf_stride, .has = is_pf },
	{ FN "sriov_totalvfs", RO, .read = read_totalvfs, .has = is_pf },
	{ FN "sriov_vf_device", RO, .read = read_vf_device, .has = is_pf },
	{ FN "subsystem", LNK, .read = link_subsystem },
	{ FN "subsystem_device", RO, .read = read_subdevice },
	{ FN "subsystem_vendor", RO, .read = read_subvendor },
	{ FN "uevent", RW, .read = read_uevent, .write = write_uevent },
	{ FN "vendor", RO, .read = read_vendor },
	{ FN "%V", LNK, .read = link_virtfn, .has = is_pf },
};

const struct sys_rows sys_pci_rows = { rows, sizeof(rows) / sizeof(rows[0]) };
