/* SPDX-License-Identifier: MIT */
/*
 * spec_ext.h - the specification's words: libnvme's <nvme/types.h>, and what Debian 12's version of
 * it (1.3) lacks or has wrong, each with a size assertion and its place in the specification.
 * Wire structures are little endian; the helpers below convert.
 */
#ifndef NVMESIM_SPEC_EXT_H
#define NVMESIM_SPEC_EXT_H

#include <nvme/types.h>
#include <stdint.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SIM_SWAP(bits, x) (x)
#else
#define SIM_SWAP(bits, x) __builtin_bswap##bits(x)
#endif
static inline uint16_t sim_le16(uint16_t x) { return SIM_SWAP(16, x); }
static inline uint32_t sim_le32(uint32_t x) { return SIM_SWAP(32, x); }
static inline uint64_t sim_le64(uint64_t x) { return SIM_SWAP(64, x); }

/* sizes the code relies on (NVMe base 2.1, section 5.1) */
_Static_assert(sizeof(struct nvme_id_ctrl) == 4096, "figure 312");
_Static_assert(sizeof(struct nvme_id_ns) == 4096, "NVM command set 1.1, figure 114");
_Static_assert(sizeof(struct nvme_smart_log) == 512, "figure 206");
_Static_assert(sizeof(struct nvme_error_log_page) == 64, "figure 205");
_Static_assert(sizeof(struct nvme_cmd_effects_log) == 4096, "figure 210");
_Static_assert(sizeof(struct nvme_supported_log_pages) == 1024, "figure 202");

/* NVMe base 2.1, section 3.1.4: registers <nvme/types.h> has no name for */
#define SIM_REG_CMBEBS	   0x5c
#define SIM_REG_CMBSWTP	   0x60
#define SIM_REG_NSSR_MAGIC 0x4e564d65u /* "NVMe" */
#define SIM_VS_2_1 0x00020100u

/* NVMe base 2.1, Error Information Log Entry: bytes <nvme/types.h> 1.3 calls reserved */
#define SIM_ERR_CSI 30
#define SIM_ERR_OPCODE 31
#define SIM_ERR_LPVER 63

/* NVM command set 1.1, I/O Command Set specific Identify Controller: bytes 1.3 calls reserved */
#define SIM_ID_CTRL_NVM_VER 20 /* 4 bytes: version of the command set */
#define SIM_NVM_VER_1_1 0x00010100u
_Static_assert(sizeof(struct nvme_id_ctrl_nvm) == 4096, "NVM command set 1.1, section 4.1.5.4");
_Static_assert(sizeof(struct nvme_firmware_slot) == 512, "section 5.1.12.1.4");
_Static_assert(sizeof(struct nvme_id_psd) == 32, "figure 313");
_Static_assert(sizeof(struct nvme_endurance_group_log) == 512, "section 5.1.12.1.10");
_Static_assert(sizeof(struct nvme_fdp_config_desc) == 64, "figure 280");
_Static_assert(sizeof(struct nvme_fdp_stats_log) == 64, "figure 286");
_Static_assert(sizeof(struct nvme_fdp_event) == 64, "figure 289");
_Static_assert(sizeof(struct nvme_fdp_events_log) == 4096, "figure 288");
_Static_assert(sizeof(struct nvme_fdp_ruh_status_desc) == 32, "NVM command set 1.1, section 3.2.1");
_Static_assert(sizeof(struct nvme_id_directives) == 4096, "section 8.1.8.2.1");

/*
 * NVM command set 1.1, figure 118: struct nvme_nvm_id_ns of 1.3 ends with ELBAF. PIFA is the byte
 * behind PIC; the preferred sizes beyond 16 bits follow ELBAF.
 */
#define SIM_ID_NS_NVM_PIFA 9
#define SIM_ID_NS_NVM_NPDGL 268 /* 4 bytes each */
#define SIM_ID_NS_NVM_NPDAL 284
#define SIM_ELBAF_PIF_SHIFT 7
#define SIM_ELBAF_PIF_QUALIFIED 3
#define SIM_ELBAF_QPIF_SHIFT 9
_Static_assert(sizeof(struct nvme_nvm_id_ns) == 4096, "NVM command set 1.1, figure 118");
_Static_assert(sizeof(struct nvme_id_independent_id_ns) == 4096, "figure 320");

#define SIM_CMD_CANCEL 0x18 /* NVMe base 2.1, section 7.1: an I/O command 1.3 has no name for */

/* NVMe base 2.1, Host Behavior Support (figure 407): bytes 1.3 calls reserved */
#define SIM_HBS_LBAFEE 2 /* LBA Format Extension Enable */
#define SIM_HBS_CDFE 4 /* 2 bytes: Copy Descriptor Formats Enable, bits 2 and 3 */

/* NVMe base 2.1, Identify Controller: bits 1.3 has no name for */
#define SIM_OACS_GLSS (1u << 9) /* Get LBA Status */
#define SIM_ONCS_NVMCSA (1u << 9)  /* Copy Single Atomicity */
#define SIM_ONCS_NVMAFC (1u << 10) /* All Fast Copy */

/* NVM command set 1.1, I/O Command Set specific Identify Controller: bytes 1.3 calls reserved */
#define SIM_ID_CTRL_NVM_AOCS 18 /* 2 bytes: bit 0, Reporting Allocated LBA Supported */
#define SIM_AOCS_RALBAS (1u << 0)

/* NVM command set 1.1, figure 131 to 132: Get LBA Status */
#define SIM_ATYPE_SCAN_UNTRACKED 0x10 /* 1.3 and later versions disagree on the names */
#define SIM_ATYPE_SCAN_TRACKED 0x11
#define SIM_ATYPE_ALLOCATED 0x02
#define SIM_CMPC_INCOMPLETE 0x1
#define SIM_CMPC_COMPLETE 0x2
#define SIM_LBARS_ALLOCATED 0x2
#define SIM_LBARS_WRITE_UNC 0x3
_Static_assert(sizeof(struct nvme_lba_status) == 8, "figure 131");
_Static_assert(sizeof(struct nvme_lba_status_desc) == 16, "figure 132");
_Static_assert(sizeof(struct nvme_lba_status_log) == 16, "figure 109");
_Static_assert(sizeof(struct nvme_lbas_ns_element) == 16, "figure 110");
_Static_assert(sizeof(struct nvme_lba_rd) == 16, "figure 111");

/* Zoned Namespace Command Set 1.1, figures 42, 45, 48 (and 1.2's ZRWA fields), 37, 49 */
#define SIM_AER_ZONE_CHANGED 0xef
#define SIM_LID_CHANGED_ZONES 0xbf
#define SIM_OZCS_RAZB (1u << 0) /* Read Across Zone Boundaries */
#define SIM_OZCS_ZRWASUP (1u << 1)
#define SIM_ZRWACAP_EXPFLUSHSUP (1u << 0)
_Static_assert(sizeof(struct nvme_zns_id_ns) == 4096, "figure 48");
_Static_assert(sizeof(struct nvme_zns_id_ctrl) == 4096, "figure 50");
_Static_assert(sizeof(struct nvme_zns_desc) == 64, "figure 37");
_Static_assert(sizeof(struct nvme_zns_lbafe) == 16, "figure 49");
_Static_assert(sizeof(struct nvme_zns_changed_zone_log) == 4096, "figure 46");

/* Namespace Management, create: fields that the host specifies. NVM command set 1.1, section 4.1.6 */
struct sim_ns_create {
	__le64 nsze, ncap;
	__u8 rsvd16[10];
	__u8 flbas;
	__u8 rsvd27[2];
	__u8 dps;
	__u8 nmic;
	__u8 rsvd31[61];
	__le32 anagrpid;
	__u8 rsvd96[4];
	__le16 nvmsetid;
	__le16 endgid;
	__u8 rsvd104[280];
	__le64 lbstm;
	__le16 nphndls;
	__u8 rsvd394[118];
	__le16 phndl[128];
	__u8 rsvd768[3328];
};
_Static_assert(sizeof(struct sim_ns_create) == 4096, "NVM command set 1.1, section 4.1.6");

#endif /* NVMESIM_SPEC_EXT_H */
