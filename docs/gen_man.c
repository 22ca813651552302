/* SPDX-License-Identifier: MIT */
/*
 * gen_man.c - fill a manual page's template: the line @KEYS@ becomes the key lists, from the table of
 * keys the readers use (config/)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../config/conf.h"

int main(int argc, char **argv)
{
	char line[4096];
	FILE *f;

	if (argc != 2) {
		fputs("usage: gen_man TEMPLATE\n", stderr);
		return 2;
	}
	f = fopen(argv[1], "r");
	if (!f) {
		fprintf(stderr, "gen_man: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof(line), f)) {
		if (!strcmp(line, "@KEYS@\n"))
			conf_man(stdout);
		else
			fputs(line, stdout);
	}
	fclose(f);
	return ferror(stdout) ? 1 : 0;
}
