/* SPDX-License-Identifier: MIT */
/*
 * sim.c - what the public header promises that belongs to no one room.
 */
#include "ctrl/tables.h"
#include "pci/pci.h"
#include "sim.h"

uint16_t sim_fn_cntlid(const struct sim_fn *fn)
{
	return fn->ctrl->cntlid;
}

static void cmd_rows(const char *table, const struct sim_cmd cmds[256],
		     void (*cb)(void *arg, const struct sim_row *row), void *arg)
{
	for (uint32_t op = 0; op < 256; op++)
		if (cmds[op].handler)
			cb(arg, &(struct sim_row){ table, op, cmds[op].name });
}

void sim_table_rows(void (*cb)(void *arg, const struct sim_row *row), void *arg)
{
	cmd_rows("admin", sim_admin_cmds, cb, arg);
	cmd_rows("nvm", sim_nvm_cmds, cb, arg);
	for (unsigned int i = 0; i < sim_nr_log_rows; i++)
		cb(arg, &(struct sim_row){ "log", sim_log_rows[i].lid, sim_log_rows[i].name });
	for (unsigned int i = 0; i < sim_nr_feature_rows; i++)
		cb(arg, &(struct sim_row){ "feature", sim_feature_rows[i].fid,
					   sim_feature_rows[i].name });
	for (unsigned int i = 0; i < sim_nr_identify_rows; i++)
		cb(arg, &(struct sim_row){ "identify", sim_identify_rows[i].cns,
					   sim_identify_rows[i].name });
	sim_reg_rows(cb, arg);
	sim_cfg_rows_each(cb, arg);
}

const char *sim_cmd_name(bool admin, uint8_t opcode)
{
	const struct sim_cmd *row = admin ? &sim_admin_cmds[opcode] : &sim_nvm_cmds[opcode];

	return row->name ? row->name : "unknown command";
}
