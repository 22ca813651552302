/* SPDX-License-Identifier: MIT */
/*
 * guard_tables.c - constants of the three guards. NVM Command Set 1.1, section 5.3.1.
 *
 * A CRC is linear: the register after a byte is the sum of what its bits alone give. So each of
 * the eight tables of 256 is given by the eight numbers for 01h, 02h, 04h, ... 80h, and the
 * compiler makes the sums. tests/unit/test_guard.c holds all of it against the polynomials.
 */
#include "guard.h"

#define BIT(b, i, v) ((uint64_t)(((b) >> (i)) & 1) * (v))
#define SUM(b, v0, v1, v2, v3, v4, v5, v6, v7)                                                     \
	(BIT(b, 0, v0) ^ BIT(b, 1, v1) ^ BIT(b, 2, v2) ^ BIT(b, 3, v3) ^ BIT(b, 4, v4) ^           \
	 BIT(b, 5, v5) ^ BIT(b, 6, v6) ^ BIT(b, 7, v7))
#define SUM4(b, ...)                                                                               \
	SUM(b, __VA_ARGS__), SUM((b) + 1, __VA_ARGS__), SUM((b) + 2, __VA_ARGS__),                 \
		SUM((b) + 3, __VA_ARGS__)
#define SUM16(b, ...)                                                                              \
	SUM4(b, __VA_ARGS__), SUM4((b) + 4, __VA_ARGS__), SUM4((b) + 8, __VA_ARGS__),              \
		SUM4((b) + 12, __VA_ARGS__)
#define SUM64(b, ...)                                                                              \
	SUM16(b, __VA_ARGS__), SUM16((b) + 16, __VA_ARGS__), SUM16((b) + 32, __VA_ARGS__),         \
		SUM16((b) + 48, __VA_ARGS__)
#define SLICE(...)                                                                                 \
	{ SUM64(0, __VA_ARGS__), SUM64(64, __VA_ARGS__), SUM64(128, __VA_ARGS__),                  \
	  SUM64(192, __VA_ARGS__) }

/* CRC-16/T10-DIF, polynomial 8BB7h */
const struct sim_crc sim_crc_t10dif = {
	.width = 16,
	.reflected = false,
	.slice = {
		SLICE(0x8bb7, 0x9cd9, 0xb205, 0xefbd, 0x54cd, 0xa99a, 0xd883, 0x3ab1),
		SLICE(0x7562, 0xeac4, 0x5e3f, 0xbc7e, 0xf34b, 0x6d21, 0xda42, 0x3f33),
		SLICE(0x7e66, 0xfccc, 0x722f, 0xe45e, 0x430b, 0x8616, 0x879b, 0x8481),
		SLICE(0x82b5, 0x8edd, 0x960d, 0xa7ad, 0xc4ed, 0x026d, 0x04da, 0x09b4),
		SLICE(0x1368, 0x26d0, 0x4da0, 0x9b40, 0xbd37, 0xf1d9, 0x6805, 0xd00a),
		SLICE(0x2ba3, 0x5746, 0xae8c, 0xd6af, 0x26e9, 0x4dd2, 0x9ba4, 0xbcff),
		SLICE(0xf249, 0x6f25, 0xde4a, 0x3723, 0x6e46, 0xdc8c, 0x32af, 0x655e),
		SLICE(0xcabc, 0x1ecf, 0x3d9e, 0x7b3c, 0xf678, 0x6747, 0xce8e, 0x16ab),
	},
	.reduce = { 0x2d56000000000000, 0xf65a57f81d33a48a, 0x8bb7000000000000 },
	.fold = {
		[SIM_FOLD_256] = { 0x0000000000009f16ull, 0x00000000000022c6ull },
		[SIM_FOLD_128] = { 0x0000000000002295ull, 0x0000000000006123ull },
		[SIM_FOLD_64] = { 0x000000000000dd31ull, 0x0000000000001069ull },
		[SIM_FOLD_48] = { 0x0000000000004a84ull, 0x00000000000084daull },
		[SIM_FOLD_32] = { 0x0000000000007accull, 0x000000000000857dull },
		[SIM_FOLD_16] = { 0x0000000000001faaull, 0x000000000000a010ull },
	},
	.affine = {
		[SIM_AFFINE_512] = { 0x143c79e6cc8d0f0aull, 0xfaf4717af510db4cull,
				   0x625c421cc2e65431ull, 0x0103123061c2850aull },
		[SIM_AFFINE_128] = { 0xdd44aba8733b88eeull, 0x3e7db12953990d25ull,
				   0x74a27bbc46f9b83aull, 0x234673193246ae7full },
		[SIM_AFFINE_64] = { 0x210979b919136d90ull, 0xa54ae0b468754f3aull,
				  0xd1d70a61661d4ee8ull, 0x6bd7e4830666a725ull },
	},
};

/* CRC-32C, polynomial 1EDC6F41h */
const struct sim_crc sim_crc_castagnoli = {
	.width = 32,
	.reflected = true,
	.slice = {
		SLICE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf,
		      0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
		SLICE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8,
		      0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
		SLICE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5,
		      0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
		SLICE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6,
		      0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
		SLICE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91,
		      0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
		SLICE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f,
		      0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
		SLICE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53,
		      0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
		SLICE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da,
		      0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
	},
	.reduce = { 0x00000000493c7d27, 0xa434f61c6f5389f8, 0x0000000082f63b78 },
	.fold = {
		[SIM_FOLD_256] = { 0xe9a5d8be00000000ull, 0x1426a81500000000ull },
		[SIM_FOLD_128] = { 0x6577b24500000000ull, 0x7417153f00000000ull },
		[SIM_FOLD_64] = { 0x1c19243b00000000ull, 0x75bba45b00000000ull },
		[SIM_FOLD_48] = { 0xa46ef4aa00000000ull, 0x6051243f00000000ull },
		[SIM_FOLD_32] = { 0x33ccbbbc00000000ull, 0xa2158b3400000000ull },
		[SIM_FOLD_16] = { 0x3743f7bd00000000ull, 0x3171d43000000000ull },
	},
};

/* CRC-64/NVME, polynomial AD93D23594C93659h */
const struct sim_crc sim_crc_nvme = {
	.width = 64,
	.reflected = true,
	.slice = {
		SLICE(0x7f6ef0c830358979ull, 0xfedde190606b12f2ull, 0xc962e5739841b68full,
		      0xa61cecb46814fe75ull, 0x78e0ff3b88be6f81ull, 0xf1c1fe77117cdf02ull,
		      0xd75adabd7a6e2d6full, 0x9a6c9329ac4bc9b5ull),
		SLICE(0x8776a97d73bddf69ull, 0x3a3474a9bfec2db9ull, 0x7468e9537fd85b72ull,
		      0xe8d1d2a6ffb0b6e4ull, 0xe57a831ea7f6fea3ull, 0xfe2c206e177a6e2dull,
		      0xc881668f76634f31ull, 0xa5dbeb4db4510d09ull),
		SLICE(0xff6e4e1f4e4038beull, 0xca05ba6dc417e217ull, 0xa0d25288d0b85745ull,
		      0x757d8342f9e73de1ull, 0xeafb0685f3ce7bc2ull, 0xe12f2b58bf0b64efull,
		      0xf68770e226815ab5ull, 0xd9d7c79715952601ull),
		SLICE(0x8211147cbaf96306ull, 0x30fb0eaa2d655567ull, 0x61f61d545acaaaceull,
		      0xc3ec3aa8b595559cull, 0xb301530233bd3853ull, 0x52db80573fede3cdull,
		      0xa5b700ae7fdbc79aull, 0x7fb7270fa7201c5full),
		SLICE(0x373d15f784905d1eull, 0x6e7a2bef0920ba3cull, 0xdcf457de12417478ull,
		      0x8d3189ef7c157b9bull, 0x2eba358da0bd645dull, 0x5d746b1b417ac8baull,
		      0xbae8d63682f59174ull, 0x41088a3e5d7cb183ull),
		SLICE(0xe9742a79ef04a5d4ull, 0xe63172a0869ed8c3ull, 0xf8bbc31255aa22edull,
		      0xc5aea077f3c3d6b1ull, 0xbf8466bcbf103e09ull, 0x4bd1eb2a26b7ef79ull,
		      0x97a3d6544d6fdef2ull, 0x1b9e8afbc2482e8full),
		SLICE(0xfc5d27f6bf353971ull, 0xcc6369be26fde189ull, 0xac1ff52f156c5079ull,
		      0x6ce6cc0d724f3399ull, 0xd9cd981ae49e6732ull, 0x8742166691ab5d0full,
		      0x3a5d0a9e7bc12975ull, 0x74ba153cf78252eaull),
		SLICE(0x21e9761e252621acull, 0x43d2ec3c4a4c4358ull, 0x87a5d878949886b0ull,
		      0x3b9296a271a69e0bull, 0x77252d44e34d3c16ull, 0xee4a5a89c69a782cull,
		      0xe84d9340d5a36333ull, 0xe44200d2f3d1550dull),
	},
	.reduce = { 0x21e9761e252621ac, 0x13f67d194d77cfbb, 0x9a6c9329ac4bc9b5 },
	.fold = {
		[SIM_FOLD_256] = { 0x37ccd3e14069cabcull, 0xa043808c0f782663ull },
		[SIM_FOLD_128] = { 0xa1ca681e733f9c40ull, 0x5f852fb61e8d92dcull },
		[SIM_FOLD_64] = { 0x0c32cdb31e18a84aull, 0x62242240ace5045aull },
		[SIM_FOLD_48] = { 0xbdd7ac0ee1a4a0f0ull, 0xa3ffdc1fe8e82a8bull },
		[SIM_FOLD_32] = { 0xb0bc2e589204f500ull, 0xe1e0bb9d45d7a44cull },
		[SIM_FOLD_16] = { 0xeadc41fd2ba3d420ull, 0x21e9761e252621acull },
	},
};
