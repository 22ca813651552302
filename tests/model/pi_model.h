/* SPDX-License-Identifier: MIT */
/*
 * pi_model.h - an independent model of end-to-end data protection.
 *
 * Written from the NVM Command Set specification (sections 3.3 and 5.3), bit by bit, without a
 * line of core/: numbers of many bits are arrays of bits, a CRC is the long division of its
 * definition, and a namespace is a plain array of blocks. It is slow and meant to be read beside
 * the specification.
 */
#ifndef TESTS_PI_MODEL_H
#define TESTS_PI_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PIM_SPACE_MAX = 80 };

/** struct pim_bits - a number; b[0] is its most significant bit */
struct pim_bits {
	int n;
	bool b[PIM_SPACE_MAX];
};

/**
 * struct pim_fmt - what a namespace is formatted with
 * @type:  Protection Information type, 0: none
 * @guard: 16, 32 or 64 bits
 * @sts:   Storage Tag Size; @lbstm: Logical Block Storage Tag Mask
 * @block, @ms: bytes of data and metadata
 * @first: the protection information is the first of the metadata, not the last
 */
struct pim_fmt {
	int type, guard, sts;
	uint64_t lbstm;
	int block, ms;
	bool first;
};

enum pim_op { PIM_READ, PIM_WRITE, PIM_COMPARE, PIM_VERIFY, PIM_WRITE_ZEROES };

/** struct pim_cmd - a command, field by field; @nlb is 1's based */
struct pim_cmd {
	enum pim_op op;
	uint64_t slba;
	int nlb;
	bool pract, prchk_guard, prchk_app, prchk_ref, stc, deac;
	uint32_t cdw2, cdw3, cdw14;
	uint16_t lbat, lbatm;
};

/* statuses, Status Code Type << 8 | Status Code */
enum {
	PIM_OK = 0x000,
	PIM_INVALID_FIELD = 0x002,
	PIM_INVALID_PI = 0x181,
	PIM_GUARD = 0x282,
	PIM_APP = 0x283,
	PIM_REF = 0x284,
	PIM_COMPARE_FAILURE = 0x285,
	PIM_STORAGE = 0x288,
};

/** pim_pi_len() - bytes of the protection information; pim_pi_off(): where it is in the metadata */
int pim_pi_len(const struct pim_fmt *f);
int pim_pi_off(const struct pim_fmt *f);

/** pim_crc() - guard of @n bytes at @a followed by @m bytes at @b; @guard: 16, 32 or 64 */
uint64_t pim_crc(int guard, const uint8_t *a, int n, const uint8_t *b, int m);

/** pim_tags() - the Storage Tag and the (first) Reference Tag of a command */
void pim_tags(const struct pim_fmt *f, const struct pim_cmd *c, struct pim_bits *storage,
	      struct pim_bits *ref);
/** pim_number() - the low 64 bits of a number */
uint64_t pim_number(const struct pim_bits *v);

/** pim_valid() - is the command one that a namespace so formatted takes? Return: status */
int pim_valid(const struct pim_fmt *f, const struct pim_cmd *c);
/** pim_generate() - the protection information of block @i of the command, in @md */
void pim_generate(const struct pim_fmt *f, const struct pim_cmd *c, int i, const uint8_t *data,
		  uint8_t *md);
/** pim_check() - Return: status of checking block @i of the command */
int pim_check(const struct pim_fmt *f, const struct pim_cmd *c, int i, const uint8_t *data,
	      const uint8_t *md);

/** struct pim_ns - a namespace: @nr blocks */
struct pim_ns {
	struct pim_fmt f;
	int nr;
	uint8_t *data, *md;
	bool *allocated;
};

void pim_ns_init(struct pim_ns *ns, const struct pim_fmt *f, int nr);
void pim_ns_free(struct pim_ns *ns);
/** pim_deallocate() - Dataset Management of one range */
void pim_deallocate(struct pim_ns *ns, uint64_t slba, int nlb);
/** pim_md_moves() - does metadata pass between host and controller? */
bool pim_md_moves(const struct pim_fmt *f, const struct pim_cmd *c);

/**
 * pim_exec() - what a command does
 * @data, @md: the host's, nlb * block and nlb * ms bytes; what a Read does not transfer is not
 *             touched
 * @also:      another status the specification allows as well, or -1
 * Return: status.
 */
int pim_exec(struct pim_ns *ns, const struct pim_cmd *c, uint8_t *data, uint8_t *md, int *also);

#endif /* TESTS_PI_MODEL_H */
