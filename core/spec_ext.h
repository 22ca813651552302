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

#endif /* NVMESIM_SPEC_EXT_H */
