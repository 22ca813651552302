/* SPDX-License-Identifier: MIT */
/*
 * test_resv_access.c - who may do what in the presence of a reservation: every cell of figure 646
 * of NVMe Base 2.1 and of its like in the NVM Command Set ("Reservations"), by executing them.
 */
#include "resvcmd.h"

/*
 * A row of the figures, in their order of columns: Write Exclusive, Exclusive Access, Write
 * Exclusive - Registrants Only or - All Registrants, Exclusive Access - likewise; of each, the
 * non-registrant and the registrant. A: allowed, C: conflict. The figures are about those who do
 * not hold the reservation; its holder may do everything (figure 645).
 */
#define READ_GROUP "AACCAACA"
#define WRITE_GROUP "CCCCCACA"
#define OTHER_GROUP "AAAAAAAA"

#define CDW11_AD (1u << 2)

/*
 * @len:  bytes of data
 * @dw10: CDW10 to CDW12
 */
static const struct command {
	const char *name;
	const char *cells;
	uint8_t opcode;
	bool admin;
	size_t len;
	uint32_t dw10, dw11, dw12;
} commands[] = {
	{ "Read", READ_GROUP, 0x02, false, 512, 0, 0, 0 },
	{ "Compare", READ_GROUP, 0x05, false, 512, 0, 0, 0 },
	{ "Verify", READ_GROUP, 0x0c, false, 0, 0, 0, 0 },
	{ "Write", WRITE_GROUP, 0x01, false, 512, 8, 0, 0 },
	{ "Write Zeroes", WRITE_GROUP, 0x08, false, 0, 16, 0, 0 },
	{ "Write Uncorrectable", WRITE_GROUP, 0x04, false, 0, 24, 0, 0 },
	{ "Dataset Management", WRITE_GROUP, 0x09, false, 16, 0, CDW11_AD, 0 },
	{ "Copy", WRITE_GROUP, 0x19, false, 32, 32, 0, 0 },
	{ "Flush", WRITE_GROUP, 0x00, false, 0, 0, 0, 0 },
	{ "Reservation Report", OTHER_GROUP, 0x0e, false, 4096, 1023, 0, 0 },
	{ "Identify", OTHER_GROUP, 0x06, true, 4096, 0, 0, 0 },
	{ "Get Features", OTHER_GROUP, 0x0a, true, 0, 0x83, 0, 0 },
	{ "Set Features", OTHER_GROUP, 0x09, true, 0, 0x05, 0, 0 },
};
#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* the data is zeroes: a block, a range at block 0, a source range of one block at block 0 */
static uint16_t execute(struct host *h, const struct command *c)
{
	struct drv_cmd cmd = { .dw = { [0] = c->opcode, [1] = 1, [10] = c->dw10, [11] = c->dw11,
				       [12] = c->dw12 } };

	memset(drv_ptr(h->d, h->buf), 0, DRV_PAGE);
	return c->admin ? drv_admin(h->d, &cmd, c->len ? h->buf : 0, c->len, NULL) :
			  drv_io(h->d, &cmd, c->len ? h->buf : 0, c->len, NULL);
}

static unsigned int columns(uint8_t type)
{
	static const unsigned int group[] = { [WE] = 0, [EA] = 2, [WERO] = 4, [WEAR] = 4,
					      [EARO] = 6, [EAAR] = 6 };

	return group[type];
}

static void expect(struct host *h, const struct command *c, uint8_t type, const char *who,
		   bool allowed)
{
	uint16_t status = execute(h, c);

	if (status != (allowed ? ST_OK : ST_CONFLICT))
		fail_msg("%s by the %s, type %u: status %03xh", c->name, who, type, status);
}

static void test_figure(void **state)
{
	struct resv_fx *fx = *state;

	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(reg_key(&fx->b, KEY_B), 0);
	for (uint8_t type = WE; type <= EAAR; type++) {
		assert_int_equal(acquire(&fx->a, KEY_A, type), 0);
		for (unsigned int i = 0; i < NR_COMMANDS; i++) {
			const struct command *c = &commands[i];
			const char *cell = &c->cells[columns(type)];

			expect(&fx->a, c, type, "holder", true);
			expect(&fx->a2, c, type, "holder's other controller", true);
			expect(&fx->b, c, type, "registrant", cell[1] == 'A');
			expect(&fx->c, c, type, "non-registrant", cell[0] == 'A');
		}
		assert_int_equal(release(&fx->a, KEY_A, type), 0);
	}
	/* without a reservation, registrations stop nobody */
	for (unsigned int i = 0; i < NR_COMMANDS; i++)
		expect(&fx->c, &commands[i], 0, "non-registrant", true);
}

/*
 * The figure's reservation commands. A Registrant that is no holder cannot acquire; one that is
 * may ask for what it has. Preempt and Release are every registrant's.
 */
static void test_reservation_commands(void **state)
{
	struct resv_fx *fx = *state;

	for (uint8_t type = WE; type <= EAAR; type++) {
		bool all = type >= WEAR;

		assert_int_equal(reg_key(&fx->a, KEY_A), 0);
		assert_int_equal(reg_key(&fx->b, KEY_B), 0);
		assert_int_equal(acquire(&fx->a, KEY_A, type), 0);
		for (uint8_t other = WE; other <= EAAR; other++) {
			assert_int_equal(acquire(&fx->c, 0, other), ST_CONFLICT);
			assert_int_equal(acquire(&fx->b, KEY_B, other),
					 all && other == type ? ST_OK : ST_CONFLICT);
			assert_int_equal(acquire(&fx->a, KEY_A, other),
					 other == type ? ST_OK : ST_CONFLICT);
		}
		assert_int_equal(preempt(&fx->c, 0, KEY_A, WE), ST_CONFLICT);
		assert_int_equal(resv_cmd(&fx->c, OP_ACQUIRE, 1,
					  RACQA_PREEMPT_ABORT | RTYPE(WE), 0, KEY_A), ST_CONFLICT);
		assert_int_equal(release(&fx->c, 0, type), ST_CONFLICT);
		assert_int_equal(clear(&fx->c, 0), ST_CONFLICT);
		assert_int_equal(preempt(&fx->b, KEY_B, KEY_A, type), 0);
		assert_int_equal(clear(&fx->b, KEY_B), 0);
	}
}

/* NSID FFFFFFFFh: a conflict on any of the namespaces */
static void test_flush_all(void **state)
{
	struct resv_fx *fx = *state;
	struct drv_cmd cmd = { .dw = { [0] = 0x00, [1] = NSID_ALL } };

	assert_int_equal(drv_io(fx->c.d, &cmd, 0, 0, NULL), 0);
	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(acquire(&fx->a, KEY_A, WE), 0);
	assert_int_equal(drv_io(fx->c.d, &cmd, 0, 0, NULL), ST_CONFLICT);
	assert_int_equal(drv_io(fx->a.d, &cmd, 0, 0, NULL), 0);
}

/* admin commands of the write group: they are refused before they do anything */
static void test_admin(void **state)
{
	static const struct {
		uint8_t opcode;
		uint32_t nsid, cdw10;
	} cmds[] = {
		{ 0x80, 1, 0 },	       /* Format NVM */
		{ 0x80, NSID_ALL, 0 },
		{ 0x0d, 1, 1 },	       /* Namespace Management: delete */
		{ 0x15, 1, 1 },	       /* Namespace Attachment: detach */
	};
	struct resv_fx *fx = *state;
	uint16_t *list = drv_ptr(fx->c.d, fx->c.buf);

	assert_int_equal(reg_key(&fx->a, KEY_A), 0);
	assert_int_equal(acquire(&fx->a, KEY_A, WE), 0);
	for (unsigned int i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		struct drv_cmd cmd = { .dw = { [0] = cmds[i].opcode, [1] = cmds[i].nsid,
					       [10] = cmds[i].cdw10 } };

		memset(list, 0, DRV_PAGE);
		list[0] = sim_le16(1);
		list[1] = sim_le16(2); /* C's controller */
		assert_int_equal(drv_admin(fx->c.d, &cmd, fx->c.buf, 4096, NULL), ST_CONFLICT);
	}
	assert_int_equal(release(&fx->a, KEY_A, WE), 0);
	expect(&fx->c, &commands[0], 0, "non-registrant", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		resv_test(test_figure),
		resv_test(test_reservation_commands),
		resv_test(test_flush_all),
		resv_test(test_admin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
