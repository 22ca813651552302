/* SPDX-License-Identifier: MIT */
/*
 * keys.c - every key there is, once. Help, manual page, example and both readers come from here.
 *
 * Names, types and defaults are those of QEMU's devices. A row that says CONF_LATER is a key
 * QEMU has and this program does not serve yet: it is refused unless it is given its default.
 */
#include "conf_priv.h"

const struct conf_kind_row conf_kinds[CONF_NR_KINDS] = {
	[CONF_SUBSYS] = { "subsystem", "nvme-subsys", NULL, "Virtual NVMe subsystem",
			  "An NVM subsystem, shared by the controllers that name it." },
	[CONF_CTRL] = { "controller", "nvme", "PCI", "Non-Volatile Memory Express",
			"A controller. One that names no subsystem has one of its own." },
	[CONF_NS] = { "namespace", "nvme-ns", "nvme-bus", "Virtual NVMe namespace",
		      "A namespace, of the controller it names, or of the last one above it." },
	[CONF_DRIVE] = { "drive", NULL, NULL, NULL,
			 "A medium that namespaces name with drive = X; -drive in QEMU's words." },
	[CONF_MEMORY] = {"memory", "memory-backend-file", NULL, NULL,
			 "A file as memory, for the Persistent Memory Region that names it with "
			 "pmrdev = X."},
	[CONF_DAEMON] = { "daemon", NULL, NULL, NULL,
			  "The program itself; options on the command line come first." },
};

#define TARGET(st, m)                                                                              \
	.off = offsetof(struct st, m), .size = sizeof(((struct st *)NULL)->m)

/* types as help names them */
#define U8     .type = CONF_T_NUM, .qtype = "uint8"
#define U16    .type = CONF_T_NUM, .qtype = "uint16"
#define U32    .type = CONF_T_NUM, .qtype = "uint32"
#define U64    .type = CONF_T_NUM, .qtype = "uint64"
#define SIZE   .type = CONF_T_SIZE, .qtype = "size"
#define BOOL   .type = CONF_T_BOOL, .qtype = "bool"
#define ONOFFA .type = CONF_T_AUTO, .qtype = "OnOffAuto"
#define STR    .type = CONF_T_STR, .qtype = "str"
#define ASCII  .type = CONF_T_ASCII, .qtype = "str"
#define ID     .type = CONF_T_STR, .qtype = "str", .min = 1, .max = 63
#define AS(q)  .type = CONF_T_STR, .qtype = q /* text here, another type in QEMU */
#define CHOICE .type = CONF_T_CHOICE, .qtype = "str"

#define CTRL(n)	  .kind = CONF_CTRL, .name = n
#define NS(n)	  .kind = CONF_NS, .name = n
#define SUBSYS(n) .kind = CONF_SUBSYS, .name = n
#define DRIVE(n)  .kind = CONF_DRIVE, .name = n
#define MEMORY(n) .kind = CONF_MEMORY, .name = n
#define DAEMON(n) .kind = CONF_DAEMON, .name = n

#define LATER  .flags = CONF_LATER
#define MAX_U8	.max = UINT8_MAX
#define MAX_U16 .max = UINT16_MAX
#define MAX_U32 .max = UINT32_MAX
#define MAX_U64 .max = UINT64_MAX

#define BLOCK_SIZE_ROW                                                                             \
	SIZE, .min = 512, .max = 2 << 20, .flags = CONF_ZERO_OK | CONF_POWER2, .def = "0",         \
		.allowed = "a power of two between 512 and 2M"

/* what namespaces can be created in, besides those of the configuration; no key of QEMU's */
#define CAPACITY_ROW                                                                               \
	MAX_U64, .def = "0", .example = "16G",                                                     \
		.help = "Total NVM Capacity, bytes; 0: what the configured namespaces take"

#define PMR_SIZE_ROW                                                                               \
	SIZE, .min = 16, .max = 1ull << 40, .allowed = "a power of two between 16 and 1T"

/* QEMU's block properties, of a namespace and of a controller with a namespace of its own */
#define BLOCK_ROWS(KIND, st)                                                                       \
	{ KIND("logical_block_size"), TARGET(st, logical_block_size), BLOCK_SIZE_ROW,              \
	  .help = "A power of two between 512 B and 2 MiB; 0: 512" },                              \
	{ KIND("physical_block_size"), TARGET(st, physical_block_size), BLOCK_SIZE_ROW,            \
	  .help = "A power of two between 512 B and 2 MiB; 0: the logical block size" },           \
	{ KIND("write-cache"), TARGET(st, write_cache), ONOFFA, .def = "auto",                     \
	  .help = "on/off/auto: volatile write cache enabled at power on; auto: on" },             \
	{ KIND("account-failed"), ONOFFA, LATER, .def = "auto", .help = "on/off/auto" },           \
	{ KIND("account-invalid"), ONOFFA, LATER, .def = "auto", .help = "on/off/auto" },          \
	{ KIND("backend_defaults"), ONOFFA, LATER, .def = "auto", .help = "on/off/auto" },         \
	{ KIND("bootindex"), AS("int32"), LATER, .help = "boot order" },                 \
	{ KIND("discard_granularity"), TARGET(st, discard_granularity), SIZE, MAX_U32,             \
	  .def = "4294967295",                                                                     \
	  .help = "bytes deallocated at once; 4294967295: a logical block, 4 KiB at least" },      \
	{ KIND("min_io_size"), TARGET(st, min_io_size), SIZE, MAX_U32, .def = "0",                 \
	  .help = "bytes a write should have at least; 0: not given" },                            \
	{ KIND("opt_io_size"), TARGET(st, opt_io_size), SIZE, MAX_U32, .def = "0",                 \
	  .help = "bytes a write should best have; 0: not given" },                                \
	{ KIND("share-rw"), BOOL, LATER, .def = "off", .help = "share the drive for writing" }

static const char *const choices_if[] = { "none", NULL };
static const char *const choices_format[] = { "raw", NULL };
static const char *const choices_driver[] = { "raw", "null-co", NULL };
static const char *const choices_isolation[] = { "initial", "persistent", NULL };
static const char *const choices_victim[] = { "greedy", "cost-benefit", NULL };
static const char *const choices_names[] = { "nvmesim", "linux", NULL };

const struct conf_key conf_keys[] = {
	/* ---- subsystem ---- */
	{ SUBSYS("id"), ID, .flags = CONF_ONLY_WORDS | CONF_NO_HELP,
	  .help = "name, for subsys=" },
	{ SUBSYS("nqn"), TARGET(conf_subsys, nqn), STR, .min = 1,
	  .max = CONF_NQN_MAX + 1 - sizeof(CONF_NQN_PREFIX), .example = "subsys0",
	  .help = "NVM Subsystem Qualified Name, after \"" CONF_NQN_PREFIX "\"; else the id" },
	{ SUBSYS("capacity"), TARGET(conf_subsys, capacity), SIZE, CAPACITY_ROW },
	{ SUBSYS("fdp"), TARGET(conf_subsys, fdp.on), BOOL, .def = "off",
	  .help = "Flexible Data Placement" },
	{ SUBSYS("fdp.runs"), TARGET(conf_subsys, fdp.runs), SIZE, MAX_U64, .def = "96M",
	  .help = "reclaim unit nominal size, bytes" },
	{ SUBSYS("fdp.nrg"), TARGET(conf_subsys, fdp.nrg), U32, MAX_U32, .def = "1",
	  .help = "reclaim groups" },
	{ SUBSYS("fdp.nruh"), TARGET(conf_subsys, fdp.nruh), U16, MAX_U16, .def = "0",
	  .help = "reclaim unit handles, 1..128; must be given with fdp" },
	{ SUBSYS("fdp.op"), TARGET(conf_subsys, fdp.op), U32, .max = 1000, .def = "7",
	  .help = "over-provisioning: reclaim units beyond the capacity, percent of it" },
	{ SUBSYS("fdp.isolation"), TARGET(conf_subsys, fdp.isolation), CHOICE,
	  .choices = choices_isolation, .def = "initial",
	  .help = "initial/persistent: what is collected stays apart by handle, or does not" },
	{ SUBSYS("fdp.victim"), TARGET(conf_subsys, fdp.victim), CHOICE,
	  .choices = choices_victim, .def = "greedy",
	  .help = "greedy/cost-benefit: which reclaim unit is collected" },
	{ SUBSYS("fdp.erutl"), TARGET(conf_subsys, fdp.erutl), U32, MAX_U32, .def = "0",
	  .help = "reclaim unit time limit, seconds; 0: none" },

	/* ---- controller ---- */
	{ CTRL("id"), ID, .flags = CONF_ONLY_WORDS | CONF_NO_HELP, .help = "name, for bus=" },
	{ CTRL("serial"), TARGET(conf_ctrl, serial), ASCII,
	  .min = 1, .max = 20, .flags = CONF_MANDATORY, .example = "deadbeef",
	  .help = "serial number (SN), 1 to 20 characters; must be given" },
	{ CTRL("model"), TARGET(conf_ctrl, model), ASCII, .min = 1,
	  .max = 40, .def = "QEMU NVMe Ctrl", .help = "model number (MN), 1 to 40 characters" },
	{ CTRL("firmware-version"), TARGET(conf_ctrl, firmware_version), ASCII,
	  .min = 1, .max = 8, .def = NVMESIM_VERSION,
	  .help = "firmware revision (FR), 1 to 8 characters" },
	{ CTRL("subsys"), TARGET(conf_ctrl, subsys), AS("link<nvme-subsys>"), .min = 1, .max = 63,
	  .example = "subsys0", .help = "the subsystem it belongs to; none: one of its own" },
	{ CTRL("drive"), TARGET(conf_ctrl, drive), ID, .example = "drive0",
	  .help = "Node name or ID of a block device to use as a backend: namespace 1" },
	{ CTRL("max_ioqpairs"), TARGET(conf_ctrl, max_ioqpairs), U32, .min = 1, .max = 65535,
	  .def = "64", .help = "I/O queue pairs, 1..65535" },
	{ CTRL("num_queues"), TARGET(conf_ctrl, num_queues), U32, .min = 2, .max = 65536,
	  .flags = CONF_ZERO_OK, .def = "0",
	  .help = "deprecated: max_ioqpairs and one; 0: not given" },
	{ CTRL("msix_qsize"), TARGET(conf_ctrl, msix_qsize), U16, .min = 1, .max = 2048,
	  .def = "65", .help = "MSI-X vectors, 1..2048" },
	{ CTRL("mqes"), TARGET(conf_ctrl, mqes), U16, .min = 1, .max = UINT16_MAX, .def = "0x7ff",
	  .help = "maximum queue entries (CAP.MQES), 0's based" },
	{ CTRL("mdts"), TARGET(conf_ctrl, mdts), U8, .min = 1, .max = 9, .def = "7",
	  .help = "maximum data transfer size, 2^n * 4 KiB, 1..9" },
	{ CTRL("vsl"), TARGET(conf_ctrl, vsl), U8, .min = 1, MAX_U8, .def = "7",
	  .allowed = "non-zero and at most 255", .help = "Verify size limit, 2^n * 4 KiB" },
	{ CTRL("aerl"), TARGET(conf_ctrl, aerl), U8, MAX_U8, .def = "3",
	  .help = "Asynchronous Event Requests outstanding at most, 0's based" },
	{ CTRL("aer_max_queued"), TARGET(conf_ctrl, aer_max_queued), U32, MAX_U32, .def = "64",
	  .help = "asynchronous events kept for want of a request" },
	{ CTRL("use-intel-id"), TARGET(conf_ctrl, use_intel_id), BOOL, .def = "off",
	  .help = "PCI vendor and device ID of QEMU before 5.2 (8086:5845)" },
	{ CTRL("capacity"), TARGET(conf_ctrl, capacity), SIZE, CAPACITY_ROW },
	{ CTRL("ctratt.mem"), TARGET(conf_ctrl, ctratt_mem), BOOL, .def = "off",
	  .help = "MDTS and size limits leave metadata out of account" },
	{ CTRL("atomic.dn"), TARGET(conf_ctrl, atomic_dn), BOOL, .def = "off",
	  .help = "Write Atomicity Normal, Disable Normal at power on" },
	{ CTRL("atomic.awun"), TARGET(conf_ctrl, awun), U16, MAX_U16, .def = "0",
	  .help = "Atomic Write Unit Normal (AWUN), blocks, 0's based" },
	{ CTRL("atomic.awupf"), TARGET(conf_ctrl, awupf), U16, MAX_U16, .def = "0",
	  .help = "Atomic Write Unit Power Fail (AWUPF), blocks, 0's based" },
	BLOCK_ROWS(CTRL, conf_ctrl),
	{ CTRL("zoned.zasl"), TARGET(conf_ctrl, zasl), U8, MAX_U8, .def = "0",
	  .help = "Zone Append size limit, 2^n * 4 KiB, at most mdts; 0: mdts" },
	{ CTRL("zoned.auto_transition"), TARGET(conf_ctrl, auto_transition), BOOL, .def = "on",
	  .help = "implicitly opened zones are closed to make room for others" },
	{CTRL("cmb_size_mb"), TARGET(conf_ctrl, cmb_size_mb), U32, .max = (1 << 20) - 1, .def = "0",
	 .help = "Controller Memory Buffer in BAR 2, MiB; 0: none"},
	{CTRL("legacy-cmb"), TARGET(conf_ctrl, legacy_cmb), BOOL, .def = "off",
	 .help = "the buffer's registers as in NVMe 1.3"},
	{CTRL("pmrdev"), TARGET(conf_ctrl, pmrdev), AS("link<memory-backend>"), .min = 1, .max = 63,
	 .example = "memory0", .help = "the memory that is the Persistent Memory Region, in BAR 4"},
	{CTRL("pmr"), TARGET(conf_ctrl, pmr), STR, .min = 1, .max = 4095, .flags = CONF_ONLY_FILE,
	 .example = "pmr.img", .help = "the same: the file itself; its size is a power of two"},
	{CTRL("pmr_size"), TARGET(conf_ctrl, pmr_size), PMR_SIZE_ROW, .def = "0",
	 .flags = CONF_ONLY_FILE | CONF_POWER2 | CONF_ZERO_OK,
	 .help = "of that file, which is made if it is missing; 0: the file's own"},
	{CTRL("hmb_size"), TARGET(conf_ctrl, hmb_size), SIZE, .max = (1ull << 44) - 4096,
	 .allowed = "a multiple of 4096, less than 16T", .def = "0", .example = "64M",
	 .help = "Host Memory Buffer the controller asks for (HMPRE), bytes; 0: none"},
	{CTRL("ioeventfd"), TARGET(conf_ctrl, ioeventfd), BOOL, .def = "off",
	 .help = "accepted as in QEMU; doorbells are run by the thread that rings, always"},
	{CTRL("dbcs"), TARGET(conf_ctrl, dbcs), BOOL, .def = "on",
	 .help = "shadow doorbells: the Doorbell Buffer Config command"},
	{CTRL("msix-exclusive-bar"), TARGET(conf_ctrl, msix_exclusive_bar), BOOL, .def = "off",
	 .help = "MSI-X table and pending bits in BAR 4 instead of BAR 0"},
	{ CTRL("sriov_max_vfs"), TARGET(conf_ctrl, sriov_max_vfs), U16, .max = 255, .def = "0",
	  .help = "virtual functions (SR-IOV), 0..255; needs subsys= and the next two" },
	{ CTRL("sriov_vq_flexible"), TARGET(conf_ctrl, sriov_vq_flexible), U16, MAX_U16, .def = "0",
	  .help = "queue resources that virtual functions can be given" },
	{ CTRL("sriov_vi_flexible"), TARGET(conf_ctrl, sriov_vi_flexible), U16, MAX_U16, .def = "0",
	  .help = "interrupt resources that virtual functions can be given" },
	{ CTRL("sriov_max_vi_per_vf"), TARGET(conf_ctrl, sriov_max_vi_per_vf), U32, MAX_U32,
	  .def = "0", .help = "of these, one can have so many; 0: an equal share" },
	{ CTRL("sriov_max_vq_per_vf"), TARGET(conf_ctrl, sriov_max_vq_per_vf), U32, MAX_U32,
	  .def = "0", .help = "of its queue resources likewise" },
	{CTRL("ocp"), TARGET(conf_ctrl, ocp), BOOL, .def = "off",
	 .help = "log page C0h: the OCP specification's extended SMART log"},
	{ CTRL("spdm_port"), U16, MAX_U16, LATER, .def = "0", .help = "SPDM responder" },
	{ CTRL("spdm_trans"), STR, LATER, .def = "doe", .help = "SPDM transport" },
	{CTRL("smart_critical_warning"), TARGET(conf_ctrl, smart_critical_warning), U8, .max = 0x3f,
	 .def = "0", .help = "Critical Warning bits of the SMART log; nvmesim-ctl set changes them"},
	{ CTRL("rate-limit"), BOOL, LATER, .def = "off", .help = "rate limits" },
	{ CTRL("bus"), TARGET(conf_ctrl, bus), STR, .min = 1, .max = 63, .flags = CONF_NO_HELP,
	  .example = "pcie.0", .help = "PCI bus, by any name; none: one of its own; pcie.0: bus 0" },
	{ CTRL("addr"), TARGET(conf_ctrl, addr), .type = CONF_T_ADDR, .qtype = "int32", .def = "-1",
	  .help = "PCI slot and optional function number, example: 06.0 or 06" },
	{ CTRL("multifunction"), TARGET(conf_ctrl, multifunction), BOOL, .def = "off",
	  .help = "on/off: there may be other functions in its slot" },
	{ CTRL("acpi-index"), U32, MAX_U32, LATER, .def = "0", .help = "ACPI index" },
	{ CTRL("failover_pair_id"), STR, LATER, .help = "failover" },
	{ CTRL("romfile"), STR, LATER, .help = "option ROM" },
	{ CTRL("romsize"), U32, MAX_U32, LATER, .def = "4294967295", .help = "option ROM" },
	{ CTRL("rombar"), U32, MAX_U32, LATER, .def = "1", .help = "option ROM" },
	{ CTRL("x-pcie-extcap-init"), BOOL, LATER, .def = "on", .help = "on/off" },
	{ CTRL("x-pcie-lnksta-dllla"), BOOL, LATER, .def = "on", .help = "on/off" },

	/* ---- namespace ---- */
	{ NS("id"), ID, .flags = CONF_ONLY_WORDS | CONF_NO_HELP, .help = "name" },
	{ NS("controller"), TARGET(conf_ns, bus), ID, .flags = CONF_ONLY_FILE,
	  .example = "nvme0", .help = "the controller it is behind; none: the last one above" },
	{ NS("bus"), TARGET(conf_ns, bus), ID, .flags = CONF_NO_HELP, .example = "nvme0",
	  .help = "the same, in QEMU's words" },
	{ NS("file"), TARGET(conf_drive, file), STR, .min = 1, .max = 4095,
	  .flags = CONF_ONLY_FILE | CONF_OWN_DRIVE, .example = "nvm.img",
	  .help = "backing file, made (sparse) if it is missing; none: memory" },
	{ NS("size"), TARGET(conf_drive, size), SIZE, .min = 512, MAX_U64,
	  .flags = CONF_ONLY_FILE | CONF_OWN_DRIVE | CONF_SECTORS, .example = "1G",
	  .allowed = "a multiple of 512, as 4096, 512k or 1.5G",
	  .help = "of the file or the memory; none: the file's own, else 1 GiB" },
	{ NS("readonly"), TARGET(conf_drive, readonly), BOOL,
	  .flags = CONF_ONLY_FILE | CONF_OWN_DRIVE, .def = "off",
	  .help = "the file cannot be written" },
	{ NS("drive"), TARGET(conf_ns, drive), ID, .example = "drive0",
	  .help = "Node name or ID of a block device to use as a backend" },
	{ NS("nsid"), TARGET(conf_ns, nsid), U32, .max = CONF_MAX_NSID, .def = "0",
	  .allowed = "a namespace id between 0 and 256",
	  .help = "Namespace Identifier, 1..256; 0: the lowest free one" },
	{ NS("uuid"), TARGET(conf_ns, uuid), .type = CONF_T_UUID, .qtype = "str",
	  .example = "auto",
	  .help = "UUID (aka GUID) or \"auto\" for random value; none: made of NQN and nsid" },
	{ NS("nguid"), TARGET(conf_ns, nguid), .type = CONF_T_NGUID, .qtype = "str",
	  .example = "auto", .help = "NGUID, 16 bytes of hexadecimal, or \"auto\"" },
	{ NS("eui64"), TARGET(conf_ns, eui64), U64, MAX_U64, .def = "0",
	  .allowed = "a number below 2^64", .help = "EUI-64; 0: none" },
	{ NS("eui64-default"), TARGET(conf_ns, eui64_default), BOOL, .def = "off",
	  .help = "make an EUI-64 (52-54-00-00-...) where eui64 is 0" },
	{ NS("shared"), TARGET(conf_ns, shared), BOOL, .def = "on",
	  .help = "attached to every controller of its subsystem; off: to one at a time" },
	{ NS("detached"), TARGET(conf_ns, detached), BOOL, .def = "off",
	  .help = "attached to no controller at first" },
	{ NS("ms"), TARGET(conf_ns, ms), U16, MAX_U16, .def = "0",
	  .help = "metadata bytes of a logical block" },
	{ NS("mset"), TARGET(conf_ns, mset), U8, .max = 1, .def = "0",
	  .help = "1: metadata follows the data (extended logical blocks); 0: separate" },
	{ NS("pi"), TARGET(conf_ns, pi), U8, .max = 3, .def = "0",
	  .help = "protection information type, 1..3; 0: none" },
	{ NS("pil"), TARGET(conf_ns, pil), U8, .max = 1, .def = "0",
	  .help = "protection information is the first (1) or last (0) bytes of metadata" },
	{ NS("pif"), TARGET(conf_ns, pif), U8, .max = 2, .def = "0",
	  .help = "protection information format: guards of 16 (0), 32 (1) or 64 (2) bits" },
	{ NS("mssrl"), TARGET(conf_ns, mssrl), U16, MAX_U16, .def = "128",
	  .help = "Copy: blocks of a source range at most (MSSRL)" },
	{ NS("mcl"), TARGET(conf_ns, mcl), U32, MAX_U32, .def = "128",
	  .help = "Copy: blocks of a command at most (MCL)" },
	{ NS("msrc"), TARGET(conf_ns, msrc), U8, MAX_U8, .def = "127",
	  .help = "Copy: source ranges at most, 0's based (MSRC)" },
	{ NS("atomic.nawun"), TARGET(conf_ns, nawun), U16, MAX_U16, .def = "0",
	  .help = "Namespace Atomic Write Unit Normal (NAWUN), blocks, 0's based" },
	{ NS("atomic.nawupf"), TARGET(conf_ns, nawupf), U16, MAX_U16, .def = "0",
	  .help = "Namespace Atomic Write Unit Power Fail (NAWUPF), blocks, 0's based" },
	{ NS("atomic.nabsn"), TARGET(conf_ns, nabsn), U16, MAX_U16, .def = "0",
	  .help = "Namespace Atomic Boundary Size Normal (NABSN), blocks, 0's based" },
	{ NS("atomic.nabspf"), TARGET(conf_ns, nabspf), U16, MAX_U16, .def = "0",
	  .help = "Namespace Atomic Boundary Size Power Fail (NABSPF), blocks, 0's based" },
	{ NS("atomic.nabo"), TARGET(conf_ns, nabo), U16, MAX_U16, .def = "0",
	  .help = "Namespace Atomic Boundary Offset (NABO), blocks" },
	{ NS("atomic.mam"), TARGET(conf_ns, mam), BOOL, .def = "off",
	  .help = "Multiple Atomicity Mode" },
	BLOCK_ROWS(NS, conf_ns),
	{ NS("zoned"), TARGET(conf_ns, zoned.on), BOOL, .def = "off",
	  .help = "a zoned namespace (Zoned Namespace Command Set)" },
	{ NS("zoned.zone_size"), TARGET(conf_ns, zoned.zone_size), SIZE, MAX_U64, .def = "128M",
	  .help = "zone size, bytes; need not be a power of two; 0: 128 MiB" },
	{ NS("zoned.zone_capacity"), TARGET(conf_ns, zoned.zone_capacity), SIZE, MAX_U64,
	  .def = "0", .help = "bytes of a zone that can be written; 0: the zone size" },
	{ NS("zoned.cross_read"), TARGET(conf_ns, zoned.cross_read), BOOL, .def = "off",
	  .help = "a read may cross zone boundaries" },
	{ NS("zoned.max_active"), TARGET(conf_ns, zoned.max_active), U32, MAX_U32, .def = "0",
	  .help = "zones active at once, at most; 0: all" },
	{ NS("zoned.max_open"), TARGET(conf_ns, zoned.max_open), U32, MAX_U32, .def = "0",
	  .help = "zones open at once, at most; 0: as zoned.max_active" },
	{ NS("zoned.descr_ext_size"), TARGET(conf_ns, zoned.descr_ext_size), U32,
	  .max = CONF_MAX_ZDES, .def = "0",
	  .help = "bytes of a Zone Descriptor Extension, a multiple of 64" },
	{ NS("zoned.numzrwa"), TARGET(conf_ns, zoned.numzrwa), U32, MAX_U32, .def = "0",
	  .help = "Zone Random Write Areas at once, at most; 0: as many as there are zones" },
	{ NS("zoned.zrwas"), TARGET(conf_ns, zoned.zrwas), SIZE, MAX_U64, .def = "0",
	  .help = "size of a Zone Random Write Area, bytes; 0: there are none" },
	{ NS("zoned.zrwafg"), TARGET(conf_ns, zoned.zrwafg), SIZE, MAX_U64,
	  .def = "18446744073709551615",
	  .help = "its flush granularity, bytes; 18446744073709551615: a logical block" },
	{ NS("fdp.ruhs"), TARGET(conf_ns, ruhs), STR, .min = 1, .max = 1023, .example = "0;2;8-15",
	  .help = "reclaim unit handles, by placement handle, separated by ';'; none: the "
		  "controller assigns one" },

	/* ---- memory ---- */
	{MEMORY("id"), ID, .flags = CONF_ONLY_WORDS | CONF_NO_HELP, .help = "name, for pmrdev="},
	{MEMORY("mem-path"), TARGET(conf_memory, mem_path), STR, .min = 1, .max = 4095,
	 .flags = CONF_MANDATORY, .example = "pmr.img", .help = "the file; must be given"},
	{MEMORY("size"), TARGET(conf_memory, size), PMR_SIZE_ROW, .def = "0",
	 .flags = CONF_POWER2 | CONF_ZERO_OK,
	 .help = "of the file, which is made if it is missing; 0: the file's own"},
	{MEMORY("share"), TARGET(conf_memory, share), BOOL, .def = "off",
	 .help = "on: what is written reaches the file; off: it is gone at the end, as in QEMU"},

	/* ---- drive ---- */
	{ DRIVE("id"), ID, .flags = CONF_ONLY_WORDS, .help = "name, for drive=" },
	{ DRIVE("file"), TARGET(conf_drive, file), STR, .min = 1, .max = 4095, .example = "nvm.img",
	  .help = "backing file, made (sparse) if it is missing; none: memory" },
	{ DRIVE("size"), TARGET(conf_drive, size), SIZE, .min = 512, MAX_U64,
	  .flags = CONF_SECTORS, .example = "1G",
	  .allowed = "a multiple of 512, as 4096, 512k or 1.5G",
	  .help = "of the file or the memory; none: the file's own, else 1 GiB" },
	{ DRIVE("readonly"), TARGET(conf_drive, readonly), BOOL, .def = "off",
	  .help = "the file cannot be written" },
	{ DRIVE("read-only"), TARGET(conf_drive, readonly), BOOL, .flags = CONF_ONLY_WORDS,
	  .def = "off", .help = "the same" },
	{ DRIVE("format"), TARGET(conf_drive, format), CHOICE, .choices = choices_format,
	  .def = "raw", .help = "of the file: raw" },
	{ DRIVE("driver"), TARGET(conf_drive, null), CHOICE, .choices = choices_driver,
	  .def = "raw", .help = "raw, or null-co: reads zeroes, forgets what is written" },
	{ DRIVE("if"), TARGET(conf_drive, iface), CHOICE, .choices = choices_if,
	  .flags = CONF_ONLY_WORDS, .def = "none", .help = "interface: none" },
	{ DRIVE("cache"), STR, LATER, .def = "writeback", .help = "cache mode" },
	{ DRIVE("cache.*"), STR, LATER, .help = "cache mode" },
	{ DRIVE("aio"), STR, LATER, .def = "threads", .help = "how files are read" },
	{ DRIVE("discard"), STR, LATER, .def = "ignore", .help = "pass deallocation on" },
	{ DRIVE("detect-zeroes"), STR, LATER, .def = "off", .help = "writes of zeroes" },
	{ DRIVE("media"), STR, LATER, .def = "disk", .help = "kind of drive" },
	{ DRIVE("snapshot"), BOOL, LATER, .def = "off", .help = "keep writes apart" },
	{ DRIVE("copy-on-read"), BOOL, LATER, .def = "off", .help = "copy-on-read" },
	{ DRIVE("auto-read-only"), BOOL, LATER, .def = "off", .help = "fall back to reading" },
	{ DRIVE("force-share"), BOOL, LATER, .def = "off", .help = "no lock" },
	{ DRIVE("werror"), STR, LATER, .def = "enospc", .help = "when a write fails" },
	{ DRIVE("rerror"), STR, LATER, .def = "report", .help = "when a read fails" },
	{ DRIVE("offset"), SIZE, MAX_U64, LATER, .def = "0", .help = "where the medium starts" },
	{ DRIVE("bus"), STR, LATER, .help = "of another interface" },
	{ DRIVE("unit"), STR, LATER, .help = "of another interface" },
	{ DRIVE("index"), STR, LATER, .help = "of another interface" },
	{ DRIVE("node-name"), STR, LATER, .help = "name in the block graph" },
	{ DRIVE("file.*"), STR, LATER, .help = "how the file is reached" },
	{ DRIVE("throttling.*"), STR, LATER, .help = "rate limits" },

	/* ---- daemon ---- */
	{ DAEMON("state"), TARGET(conf_daemon, state_dir), STR, .min = 1, .max = 4095,
	  .example = "/var/lib/nvmesim",
	  .help = "directory for what survives a restart; none: nothing does" },
	{ DAEMON("socket"), TARGET(conf_daemon, socket), STR, .min = 1, .max = 107,
	  .example = "/run/nvmesim.sock", .help = "control socket, for nvmesim-ctl" },
	{ DAEMON("sysfs"), TARGET(conf_daemon, sysfs_dir), STR, .min = 1, .max = 4095,
	  .example = "/run/nvmesim/sys",
	  .help = "directory to mount a tree like /sys on; not for nvmesim-run" },
	{ DAEMON("mode"), TARGET(conf_daemon, mode), .type = CONF_T_OCTAL, .qtype = "octal",
	  .max = 0777, .def = "0600", .allowed = "octal permission bits, 0 to 0777",
	  .help = "permission bits of the device nodes" },
	{ DAEMON("group"), TARGET(conf_daemon, group), STR, .min = 1, .max = 255,
	  .example = "root", .help = "group of the device nodes; none: the program's" },
	{ DAEMON("node_names"), TARGET(conf_daemon, linux_names), CHOICE,
	  .choices = choices_names, .def = "nvmesim",
	  .help = "nvmesim: nvmesim0, nvmesim0n1; linux: nvme0, ng0n1" },
};

const unsigned int conf_nr_keys = sizeof(conf_keys) / sizeof(conf_keys[0]);

_Static_assert(sizeof(conf_keys) / sizeof(conf_keys[0]) <= CONF_MAX_KEYS, "CONF_MAX_KEYS");
