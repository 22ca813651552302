/* SPDX-License-Identifier: MIT */
/*
 * fuzz_conf.c - libFuzzer target: both readers of the configuration, and what links their model
 *
 * The first byte chooses: a file, or options, one a line, -drive where a line begins with '-'.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../config/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_file(struct conf *c, char *text, size_t size, char *err, size_t len)
{
	FILE *f = size ? fmemopen(text, size, "r") : NULL;
	int ret;

	if (!f)
		return -1;
	ret = conf_read_file(c, f, "fuzz", err, len);
	fclose(f);
	return ret;
}

static int read_words(struct conf *c, char *text, char *err, size_t len)
{
	char *save, *line;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		bool drive = *line == '-';

		if (conf_word(c, drive ? "-drive" : "-device", line + drive, NULL, err, len))
			return -1;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[300] = "", *text;
	struct conf c;
	int ret;

	if (!size)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	conf_init(&c);
	if (data[0] & 1)
		ret = read_file(&c, text, size - 1, err, sizeof(err));
	else
		ret = read_words(&c, text, err, sizeof(err));
	if (!ret)
		conf_link(&c, err, sizeof(err));
	conf_free(&c);
	free(text);
	return 0;
}
