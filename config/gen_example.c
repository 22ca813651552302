/* SPDX-License-Identifier: MIT */
/*
 * gen_example.c - write nvmesim.conf.example, from the key table, to standard output
 */
#include "conf.h"

int main(void)
{
	conf_example(stdout);
	return fflush(stdout) ? 1 : 0;
}
