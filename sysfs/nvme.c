/* SPDX-License-Identifier: MIT */
/*
 * nvme.c - class/nvme, class/nvme-subsystem, class/nvme-generic and what they lead to. Texts are
 * those of Linux's drivers/nvme/host/sysfs.c without multipath: each controller has nodes of its
 * own.
 */
#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "rows.h"

#define NVME   SYS_DEVICES "/%F/nvme/%c/"
#define NS     NVME "%b/"
#define SUBSYS "devices/virtual/nvme-subsystem/%S/"

/* ---- controllers ---- */

static struct host_info info_of(const struct sys_ctx *x)
{
	struct host_info info;

	host_dev_info(x->fn->dev, &info);
	return info;
}

static int read_address(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%s\n", x->fn->name);
}

static int read_transport(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "pcie\n");
}

static int read_cntlid(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", info_of(x).cntlid);
}

static int read_state(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%s\n", info_of(x).state);
}

static int read_queue_count(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", info_of(x).nr_io_queues + 1);
}

static int read_sqsize(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", info_of(x).sqsize);
}

/* NVMe base 2.1, figure 312: CNTRLTYPE */
static int read_cntrltype(const struct sys_ctx *x, char *buf, size_t len)
{
	static const char *const type[] = { "reserved", "io", "discovery", "admin" };
	uint8_t t = info_of(x).cntrltype;

	return snprintf(buf, len, "%s\n", type[t < 4 ? t : 0]);
}

static int read_dctype(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "none\n");
}

static int read_kato(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "0\n");
}

static int read_no_node(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "-1\n");
}

static int read_subsysnqn(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%s\n", dmn_subsys_nqn(x->subsys ? x->subsys : x->fn->subsys));
}

/* an identity: of the controller, or of its subsystem, whose controllers all have the same */
static struct host_info identity(const struct sys_ctx *x)
{
	struct dmn_fn *f = x->fn;
	struct host_info info;

	if (x->subsys)
		for (f = dmn_fns(x->s->m); f->subsys != x->subsys || !f->bound; f = f->next)
			;
	host_dev_info(f->dev, &info);
	return info;
}

/* padded with blanks as the controller has them, which is how Linux shows them */
static int read_model(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%-40s\n", identity(x).mn);
}

static int read_serial(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%-20s\n", identity(x).sn);
}

static int read_firmware(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%-8s\n", identity(x).fr);
}

static int ctrl_uevent(const struct sys_ctx *x, char *buf, size_t len)
{
	char name[32];

	sys_ctrl_name(x->s, x->fn, name, sizeof(name));
	return snprintf(buf, len, "DEVNAME=%s\nNVME_TRTYPE=pcie\n", name);
}

/* ---- what writing does: the driver's ioctls ---- */

struct waiting {
	struct host_call call;
	long ret;
	bool done;
};

static void call_done(struct host_call *call, long ret)
{
	struct waiting *w = (struct waiting *)call;

	w->ret = ret;
	w->done = true;
}

static int ctrl_ioctl(const struct sys_ctx *x, unsigned int cmd)
{
	struct host_node_ref node = { .dev = x->fn->dev };
	struct waiting w = { .call = { .done = call_done, .client = host_local_client() } };

	host_ioctl(node, cmd, 0, &w.call);
	if (!w.done) { /* nobody but this thread could end it */
		host_cancel(&w.call);
		return w.done ? 0 : -EIO;
	}
	dmn_sync(x->s->m);
	return w.ret < 0 ? (int)w.ret : 0;
}

static int write_reset(const struct sys_ctx *x, const char *text)
{
	return ctrl_ioctl(x, NVME_IOCTL_RESET);
}

static int write_rescan(const struct sys_ctx *x, const char *text)
{
	return ctrl_ioctl(x, NVME_IOCTL_RESCAN);
}

/* ---- namespaces ---- */

static struct host_ns_info ns_of(const struct sys_ctx *x)
{
	struct host_ns_info info = { .lba_size = 512 };

	host_ns_info(x->node->ref.dev, x->node->ref.nsid, &info);
	return info;
}

static int read_nsid(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", x->node->ref.nsid);
}

static int read_csi(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", ns_of(x).csi);
}

static int read_size(const struct sys_ctx *x, char *buf, size_t len)
{
	struct host_ns_info ns = ns_of(x);

	return snprintf(buf, len, "%llu\n", (unsigned long long)(ns.nsze * (ns.lba_size / 512)));
}

static int read_metadata(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", ns_of(x).meta_size);
}

static int read_lba_size(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%u\n", ns_of(x).lba_size);
}

static int read_zoned(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%s\n", ns_of(x).zoned ? "host-managed" : "none");
}

static int read_zero(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "0\n");
}

static struct host_ns_ids ids_of(const struct sys_ctx *x)
{
	struct host_ns_ids ids;

	if (host_ns_ids(x->node->ref.dev, x->node->ref.nsid, &ids))
		ids.nuse = ns_of(x).nuse;
	return ids;
}

static int read_nuse(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%llu\n", (unsigned long long)ids_of(x).nuse);
}

static int hex(char *buf, size_t len, const uint8_t *id, unsigned int n, const char *between)
{
	int at = 0;

	for (unsigned int i = 0; i < n; i++)
		at += snprintf(buf + at, len - (size_t)at, "%s%02x", i ? between : "", id[i]);
	return at;
}

static int uuid_text(char *buf, size_t len, const uint8_t *id)
{
	int at = 0;

	for (unsigned int i = 0; i < 16; i++)
		at += snprintf(buf + at, len - (size_t)at, "%s%02x",
			       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
	return at;
}

static int read_uuid(const struct sys_ctx *x, char *buf, size_t len)
{
	struct host_ns_ids ids = ids_of(x);
	int n;

	if (!ids.has_uuid)
		return -ENOENT;
	n = uuid_text(buf, len, ids.uuid);
	return n + snprintf(buf + n, len - (size_t)n, "\n");
}

static int read_nguid(const struct sys_ctx *x, char *buf, size_t len)
{
	struct host_ns_ids ids = ids_of(x);
	int n;

	if (!ids.has_nguid)
		return -ENOENT;
	n = uuid_text(buf, len, ids.nguid);
	return n + snprintf(buf + n, len - (size_t)n, "\n");
}

static int read_eui(const struct sys_ctx *x, char *buf, size_t len)
{
	struct host_ns_ids ids = ids_of(x);
	int n;

	if (!ids.has_eui64)
		return -ENOENT;
	n = hex(buf, len, ids.eui64, 8, " ");
	return n + snprintf(buf + n, len - (size_t)n, "\n");
}

/* Linux's wwid_show(): the best identifier there is */
static int read_wwid(const struct sys_ctx *x, char *buf, size_t len)
{
	struct host_ns_ids ids = ids_of(x);
	struct host_info info;
	int n;

	if (ids.has_uuid) {
		n = snprintf(buf, len, "uuid.");
		n += uuid_text(buf + n, len - (size_t)n, ids.uuid);
	} else if (ids.has_nguid || ids.has_eui64) {
		n = snprintf(buf, len, "eui.");
		n += hex(buf + n, len - (size_t)n, ids.has_nguid ? ids.nguid : ids.eui64,
			 ids.has_nguid ? 16 : 8, "");
	} else {
		host_dev_info(x->node->ref.dev, &info);
		n = snprintf(buf, len, "nvme.%04x-", sim_cfg_read(x->fn->fn, 0, 2));
		n += hex(buf + n, len - (size_t)n, (uint8_t *)info.sn,
			 (unsigned int)strlen(info.sn), "");
		n += snprintf(buf + n, len - (size_t)n, "-");
		n += hex(buf + n, len - (size_t)n, (uint8_t *)info.mn,
			 (unsigned int)strlen(info.mn), "");
		n += snprintf(buf + n, len - (size_t)n, "-%08x", x->node->ref.nsid);
	}
	return n + snprintf(buf + n, len - (size_t)n, "\n");
}

/* what a namespace does not have is not there; @x->node is not known yet on the way to it */
static bool has_uuid(const struct sys_ctx *x)
{
	return !x->node || ids_of(x).has_uuid;
}

static bool has_nguid(const struct sys_ctx *x)
{
	return !x->node || ids_of(x).has_nguid;
}

static bool has_eui(const struct sys_ctx *x)
{
	return !x->node || ids_of(x).has_eui64;
}

static int ns_uevent(const struct sys_ctx *x, char *buf, size_t len)
{
	char name[32];

	sys_ns_name(x->s, x->node, false, name, sizeof(name));
	return snprintf(buf, len, "DEVNAME=%s\nDEVTYPE=disk\n", name);
}

static int generic_uevent(const struct sys_ctx *x, char *buf, size_t len)
{
	char name[32];

	sys_ns_name(x->s, x->node, true, name, sizeof(name));
	return snprintf(buf, len, "DEVNAME=%s\n", name);
}

/* ---- subsystems ---- */

static int read_subsystype(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "nvm\n");
}

static int read_iopolicy(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "numa\n");
}

/* ---- links ---- */

static int path_of(const struct sys_ctx *x, const char *up, char *buf, size_t len)
{
	char name[32];

	sys_ctrl_name(x->s, x->fn, name, sizeof(name));
	return snprintf(buf, len, "%s" SYS_DEVICES "/%s/nvme/%s", up, x->fn->name, name);
}

static int link_ctrl(const struct sys_ctx *x, char *buf, size_t len)
{
	return path_of(x, x->subsys ? "../../../../" : "../../", buf, len);
}

static int link_generic(const struct sys_ctx *x, char *buf, size_t len)
{
	int n = path_of(x, "../../", buf, len);
	char name[32];

	sys_ns_name(x->s, x->node, true, name, sizeof(name));
	return n + snprintf(buf + n, len - (size_t)n, "/%s", name);
}

static int link_subsys(const struct sys_ctx *x, char *buf, size_t len)
{
	char name[32];

	sys_subsys_name(x->s, x->subsys, name, sizeof(name));
	return snprintf(buf, len, "../../devices/virtual/nvme-subsystem/%s", name);
}

static int link_device(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "../../../%s", x->fn->name);
}

static int link_parent(const struct sys_ctx *x, char *buf, size_t len)
{
	char name[32];

	sys_ctrl_name(x->s, x->fn, name, sizeof(name));
	return snprintf(buf, len, "../../%s", name);
}

static int link_class_ctrl(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "../../../../../class/nvme");
}

static int link_class_subsys(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "../../../../class/nvme-subsystem");
}

static int link_class_generic(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "../../../../../../class/nvme-generic");
}

#define RO	  .kind = SYS_FILE, .mode = 0444
#define WO	  .kind = SYS_FILE, .mode = 0200
#define LNK	  .kind = SYS_LINK
#define DIRECTORY .kind = SYS_DIR, .mode = 0755

static const struct sys_row rows[] = {
	{ "class/nvme", DIRECTORY },
	{ "class/nvme-generic", DIRECTORY },
	{ "class/nvme-subsystem", DIRECTORY },
	{ "class/nvme/%C", LNK, .read = link_ctrl },
	{ "class/nvme-generic/%G", LNK, .read = link_generic },
	{ "class/nvme-subsystem/%S", LNK, .read = link_subsys },

	{ SUBSYS "firmware_rev", RO, .read = read_firmware },
	{ SUBSYS "iopolicy", RO, .read = read_iopolicy },
	{ SUBSYS "model", RO, .read = read_model },
	{ SUBSYS "serial", RO, .read = read_serial },
	{ SUBSYS "subsysnqn", RO, .read = read_subsysnqn },
	{ SUBSYS "subsystem", LNK, .read = link_class_subsys },
	{ SUBSYS "subsystype", RO, .read = read_subsystype },
	{ SUBSYS "%C", LNK, .read = link_ctrl },

	{ NVME "address", RO, .read = read_address },
	{ NVME "cntlid", RO, .read = read_cntlid },
	{ NVME "cntrltype", RO, .read = read_cntrltype },
	{ NVME "dctype", RO, .read = read_dctype },
	{ NVME "device", LNK, .read = link_device },
	{ NVME "firmware_rev", RO, .read = read_firmware },
	{ NVME "kato", RO, .read = read_kato },
	{ NVME "model", RO, .read = read_model },
	{ NVME "numa_node", RO, .read = read_no_node },
	{ NVME "queue_count", RO, .read = read_queue_count },
	{ NVME "rescan_controller", WO, .write = write_rescan },
	{ NVME "reset_controller", WO, .write = write_reset },
	{ NVME "serial", RO, .read = read_serial },
	{ NVME "sqsize", RO, .read = read_sqsize },
	{ NVME "state", RO, .read = read_state },
	{ NVME "subsysnqn", RO, .read = read_subsysnqn },
	{ NVME "subsystem", LNK, .read = link_class_ctrl },
	{ NVME "transport", RO, .read = read_transport },
	{ NVME "uevent", RO, .read = ctrl_uevent },

	{ NVME "%g/device", LNK, .read = link_parent },
	{ NVME "%g/subsystem", LNK, .read = link_class_generic },
	{ NVME "%g/uevent", RO, .read = generic_uevent },

	{ NS "csi", RO, .read = read_csi },
	{ NS "device", LNK, .read = link_parent },
	{ NS "eui", RO, .read = read_eui, .has = has_eui },
	{ NS "hidden", RO, .read = read_zero },
	{ NS "metadata_bytes", RO, .read = read_metadata },
	{ NS "nguid", RO, .read = read_nguid, .has = has_nguid },
	{ NS "nsid", RO, .read = read_nsid },
	{ NS "nuse", RO, .read = read_nuse },
	{ NS "queue/hw_sector_size", RO, .read = read_lba_size },
	{ NS "queue/logical_block_size", RO, .read = read_lba_size },
	{ NS "queue/rotational", RO, .read = read_zero },
	{ NS "queue/zoned", RO, .read = read_zoned },
	{ NS "removable", RO, .read = read_zero },
	{ NS "ro", RO, .read = read_zero },
	{ NS "size", RO, .read = read_size },
	{ NS "uevent", RO, .read = ns_uevent },
	{ NS "uuid", RO, .read = read_uuid, .has = has_uuid },
	{ NS "wwid", RO, .read = read_wwid },
};

const struct sys_rows sys_nvme_rows = { rows, sizeof(rows) / sizeof(rows[0]) };
