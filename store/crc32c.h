/* SPDX-License-Identifier: MIT */
/*
 * crc32c.h - CRC-32C (Castagnoli), as in RFC 3720; private to store/.
 */
#ifndef NVMESIM_STORE_CRC32C_H
#define NVMESIM_STORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** store_crc32c() - continue @crc (0 to begin) over @len bytes at @buf. Return: the CRC. */
uint32_t store_crc32c(uint32_t crc, const void *buf, size_t len);

#endif /* NVMESIM_STORE_CRC32C_H */
